// SPDX-License-Identifier: Apache-2.0
//! `unreadable-content`: a container could not be opened completely.

use super::prelude::*;
use kakoi_model::{Container, OpenState};

pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "unreadable-content",
        title: "Content that kakoi could not read",
        theme: Theme::Coverage,
        mildest: Severity::Info,
        worst: Severity::Info,
        how: "Fires for containers that were opened partly or not at all. What they hold was not judged.",
        false_positives: "Bytes that only look like a container.",
        false_negatives: "Formats that kakoi does not know; they show as unknown regions.",
        remedy: "Scan an undamaged image; report the format if it should be read.",
        references: &[],
    },
    check: Check::Image(check),
};

fn check(scan: &Scan<'_>) -> Vec<Verdict> {
    let judge = |container: &Container| {
        let how = match container.state {
            OpenState::Full => return Verdict::Clear,
            OpenState::Partial => "only partly be read",
            OpenState::Failed => "not be opened",
        };
        let problems =
            scan.facts.problems().filter(|it| it.container == Some(container.id)).take(4);
        let mut evidence: Vec<Evidence> = problems
            .map(|problem| {
                Evidence::at(
                    format!("{}: {}", problem.code.as_str(), problem.subject),
                    problem.offset,
                )
            })
            .collect();
        if evidence.is_empty() {
            evidence.push(Evidence::at("container", container.offset));
        }
        let place =
            container.parent.as_ref().map_or_else(|| "image".to_owned(), |it| it.path.absolute());
        let message = format!("A {} container could {how}.", container.format);
        Weakness::new(Severity::Info, message)
            .about(format!("{} in {place}", container.format))
            .because(evidence)
            .found()
    };
    scan.facts.containers().map(judge).collect()
}

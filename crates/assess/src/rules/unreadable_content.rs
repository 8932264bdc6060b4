// SPDX-License-Identifier: Apache-2.0
//! `unreadable-content`: a container could not be opened completely.

use super::prelude::*;
use std::collections::BTreeMap;

use kakoi_model::{Container, ContainerId, OpenState};

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

/// Problems of a container that are told.
const MOST_PROBLEMS: usize = 4;

fn check(scan: &Scan<'_>) -> Vec<Verdict> {
    let mut problems: BTreeMap<ContainerId, Vec<Evidence>> = BTreeMap::new();
    for problem in scan.facts.problems() {
        let Some(id) = problem.container else { continue };
        let told = problems.entry(id).or_default();
        if told.len() < MOST_PROBLEMS {
            let what = format!("{}: {}", problem.code.as_str(), problem.subject);
            told.push(Evidence::at(what, problem.offset));
        }
    }
    let judge = |container: &Container| judge(container, problems.get(&container.id));
    scan.facts.containers().map(judge).collect()
}

fn judge(container: &Container, problems: Option<&Vec<Evidence>>) -> Verdict {
    let how = match container.state {
        OpenState::Full => return Verdict::Clear,
        OpenState::Partial => "only partly be read",
        OpenState::Failed => "not be opened",
    };
    let begins = || vec![Evidence::at("container", container.offset)];
    let parent = container.parent.as_ref();
    let place = parent.map_or_else(|| "image".to_owned(), |file| file.path.absolute());
    let message = format!("A {} container could {how}.", container.format);
    Weakness::new(Severity::Info, message)
        .about(format!("{} in {place}", container.format))
        .because(problems.cloned().unwrap_or_else(begins))
        .found()
}

// SPDX-License-Identifier: Apache-2.0
//! What was measured as one document: images, defences, verdicts, policies.

use std::collections::BTreeSet;

use crate::defence::Defence;
use crate::derivation::{self, Domain};
use crate::table::{Row, cell, images, matrix};

/// Image × defence: the verdict that facts give (the kernel's configuration, the machine), and what the kernel said when
/// it was booted so.
#[must_use]
pub fn verdicts(rows: &[Row]) -> String {
    let mut text = String::from(
        "| image | guest | defence | by facts | in force when booted |\n|---|---|---|---|---|\n",
    );
    for row in rows.iter().filter(|row| row.defence != Defence::None) {
        let (facts, booted) = match (&row.impossible, row.in_force) {
            (Some(why), _) => (format!("no: {}", cell(why)), "not booted"),
            (None, Some(true)) => ("yes".to_owned(), "yes"),
            (None, Some(false)) => ("yes".to_owned(), "**no**"),
            (None, None) => ("yes".to_owned(), "not told"),
        };
        text.push_str(&format!(
            "| {} | {} | {} | {facts} | {booted} |\n",
            cell(&row.image),
            row.machine,
            row.name()
        ));
    }
    text
}

/// Everything as one document: images, then the matrix of each image that several defences were tried on.
#[must_use]
pub fn document(rows: &[Row], domains: &[Domain]) -> String {
    let mut text = String::from(
        "<!-- SPDX-License-Identifier: Apache-2.0 -->\n<!-- Written by `cargo xtask docs` from docs/arena-*.json; do not edit. -->\n\
         # The arena: what was measured\n\n\
         How it was measured, and what the words mean: docs/ARENA.md.\n\n\
         ## Images under `kakoi protect`\n\n",
    );
    text.push_str(&images(rows));
    let names: BTreeSet<&String> = rows.iter().map(|row| &row.image).collect();
    for name in names {
        let of: Vec<Row> = rows.iter().filter(|row| row.image == *name).cloned().collect();
        if of.iter().map(Row::name).collect::<BTreeSet<_>>().len() > 3 {
            text.push_str(&format!("\n## {}, by defence\n\n{}", cell(name), matrix(&of)));
        }
    }
    text.push_str("\n## Which defence fits: facts, and what happened\n\n");
    text.push_str(&verdicts(rows));
    if !domains.is_empty() {
        text.push_str("\n## Derived policies\n\n");
        text.push_str(&derivation::table(domains));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::tests::row;

    #[test]
    fn a_verdict_that_the_kernel_did_not_bear_out_stands_out() {
        let mut rows = [row(Defence::Tomoyo, "S1", false), row(Defence::KakoiBpf, "", false)];
        rows[0].in_force = Some(false);
        rows[1].impossible = Some("no BTF".to_owned());
        let text = verdicts(&rows);
        assert!(text.contains("| r/1 | mips | tomoyo | yes | **no** |"), "{text}");
        assert!(text.contains("| r/1 | mips | kakoi-bpf | no: no BTF | not booted |"), "{text}");
        assert!(document(&rows, &[]).contains("## Images under"));
    }
}

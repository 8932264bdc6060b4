// SPDX-License-Identifier: Apache-2.0
//! What to ask whom (requirement B-6): one sheet per party that can fix something.

use std::collections::BTreeMap;
use std::fmt::Write;

use kakoi_model::{Exposure, ExposureVerdict, Facts, Party};

use super::{evidence, product_name};
use crate::text::visible;

/// Questions to each party, in plain text. What is fixed or does not apply is left out.
#[must_use]
pub fn render_supplier_sheet(facts: &Facts, exposures: &[Exposure]) -> String {
    let open = |it: &&Exposure| {
        matches!(it.verdict, ExposureVerdict::Vulnerable | ExposureVerdict::Unknown)
    };
    let mut parties: BTreeMap<Party, Vec<&Exposure>> = BTreeMap::new();
    for exposure in exposures.iter().filter(open) {
        parties.entry(exposure.party).or_default().push(exposure);
    }
    let mut text = String::new();
    if let Some(image) = facts.image() {
        let _ = writeln!(text, "Image: {} (SHA-256 {})\n", visible(&image.name), image.digest);
    }
    for (party, exposures) in parties {
        let _ = writeln!(text, "To the {}:", party.as_str());
        text.push_str("  For each: who writes the patch, who decides to ship it, under which contract, and by when?\n");
        for it in exposures {
            let known = if it.exploited { ", known to be exploited" } else { "" };
            let state = match it.verdict {
                ExposureVerdict::Vulnerable => "the code is vulnerable",
                _ => "not known; is it fixed in this build?",
            };
            let _ = writeln!(
                text,
                "  [ ] {} in {}{known}: {state}",
                visible(&it.id),
                visible(&product_name(it))
            );
            let _ = writeln!(text, "      {}", visible(&evidence(it)));
        }
        text.push('\n');
    }
    text
}

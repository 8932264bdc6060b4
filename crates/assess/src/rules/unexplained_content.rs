// SPDX-License-Identifier: Apache-2.0
//! `unexplained-content`: a large part of the image looks compressed or encrypted and is not known.

use super::prelude::*;
use kakoi_model::RegionKind;

pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "unexplained-content",
        title: "Unknown content of high entropy",
        theme: Theme::Coverage,
        mildest: Severity::Info,
        worst: Severity::Info,
        how: "Fires where stretches of the image itself that no format explains, of 64 KiB or more with \
              an entropy of 7.5 bits per byte or more, make up at least a twentieth of it.",
        false_positives: "Random or multimedia data.",
        false_negatives: "Unknown content of low entropy; unknown content inside containers.",
        remedy: "Scan a decrypted image, or one in a format that kakoi reads.",
        references: &[],
    },
    check: Check::Image(check),
};

/// Bytes below which a stretch says nothing.
const LEAST_BYTES: u64 = 64 * 1024;
/// Bits per byte that ordinary code and text stay below.
const HIGH_ENTROPY: f64 = 7.5;

fn check(scan: &Scan<'_>) -> Vec<Verdict> {
    let Some(image) = scan.facts.image() else { return vec![Verdict::CannotTell] };
    let unknown: Vec<_> = scan
        .facts
        .regions()
        .filter(|region| region.blob == image.digest && region.size >= LEAST_BYTES)
        .filter(|region| {
            matches!(region.what, RegionKind::Unknown { entropy } if entropy >= HIGH_ENTROPY)
        })
        .collect();
    let bytes = unknown.iter().fold(0_u64, |sum, region| sum.saturating_add(region.size));
    if bytes == 0 || bytes.saturating_mul(20) < image.size {
        return vec![Verdict::Clear];
    }
    let message =
        format!("{bytes} of {} bytes look compressed or encrypted and are not known.", image.size);
    let evidence =
        unknown.iter().take(4).map(|it| Evidence::at(format!("{} bytes", it.size), it.offset));
    vec![Weakness::new(Severity::Info, message).about("image").because(evidence).found()]
}

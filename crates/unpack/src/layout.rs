// SPDX-License-Identifier: Apache-2.0
//! What lies between containers: padding, recognised data, and what stays unknown.

use std::ops::Range;

use kakoi_model::RegionKind;

use crate::find_kind;

/// A run of one byte that is shorter than this is not worth a region beside other data.
const MIN_PADDING: usize = 16;

/// Splits a gap into padding at both ends and what is between.
pub(crate) fn describe_gap(content: &[u8], gap: Range<usize>) -> Vec<(Range<usize>, RegionKind)> {
    let Some(bytes) = content.get(gap.clone()).filter(|bytes| !bytes.is_empty()) else {
        return Vec::new();
    };
    if let [byte @ (0 | 0xff), rest @ ..] = bytes
        && rest.iter().all(|other| other == byte)
    {
        return vec![(gap, RegionKind::Padding { byte: *byte })];
    }
    let head = padding_run(bytes.iter());
    let tail = if head == bytes.len() { 0 } else { padding_run(bytes.iter().rev()) };
    let middle = gap.start + head..gap.end - tail;
    let mut regions = Vec::new();
    if head > 0 {
        regions.push((gap.start..middle.start, RegionKind::Padding { byte: bytes[0] }));
    }
    if !middle.is_empty() {
        regions.push((middle.clone(), describe(&content[middle.clone()])));
    }
    if tail > 0 {
        let byte = bytes[bytes.len() - 1];
        regions.push((middle.end..gap.end, RegionKind::Padding { byte }));
    }
    regions
}

fn describe(bytes: &[u8]) -> RegionKind {
    match find_kind(bytes).name {
        "data" => RegionKind::Unknown { entropy: entropy(bytes) },
        kind => RegionKind::Data { kind: kind.to_owned() },
    }
}

/// Length of the run of one byte at the start, or 0 when it is too short to be padding.
fn padding_run<'a>(mut bytes: impl Iterator<Item = &'a u8>) -> usize {
    let Some(first) = bytes.next() else { return 0 };
    let run = 1 + bytes.take_while(|byte| *byte == first).count();
    if run >= MIN_PADDING { run } else { 0 }
}

/// Shannon entropy in bits per byte, rounded to a thousandth.
pub(crate) fn entropy(bytes: &[u8]) -> f64 {
    let mut counts = [0_u64; 256];
    for &byte in bytes {
        counts[usize::from(byte)] += 1;
    }
    let total = bytes.len() as f64;
    let terms = counts.iter().filter(|&&count| count > 0).map(|&count| {
        let share = count as f64 / total;
        -share * share.log2()
    });
    (terms.sum::<f64>() * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_of_a_constant_is_0_and_of_all_bytes_8() {
        assert_eq!(entropy(&[7; 100]), 0.0);
        assert_eq!(entropy(&(0..=255).collect::<Vec<u8>>()), 8.0);
    }

    #[test]
    fn a_gap_is_covered_without_hole_or_overlap() {
        let mut content = vec![0xff; 20];
        content.extend((0..40).map(|number| number * 3));
        content.extend([0; 30]);
        let regions = describe_gap(&content, 0..content.len());
        let ranges: Vec<_> = regions.iter().map(|(range, _)| range.clone()).collect();
        assert_eq!(ranges, [0..20, 20..60, 60..90]);
        assert_eq!(regions[2].1, RegionKind::Padding { byte: 0 });
    }

    #[test]
    fn a_short_gap_of_zeros_alone_is_padding_too() {
        assert_eq!(describe_gap(&[0; 5], 1..4), [(1..4, RegionKind::Padding { byte: 0 })]);
        let RegionKind::Unknown { .. } = describe_gap(&[3, 0, 0, 0], 0..4)[0].1 else {
            panic!("data with short zeros is no padding");
        };
    }

    #[test]
    fn a_gap_of_one_byte_value_is_one_padding() {
        assert_eq!(describe_gap(&[0xff; 64], 0..64), [(0..64, RegionKind::Padding { byte: 0xff })]);
    }
}

// SPDX-License-Identifier: Apache-2.0
//! Partitions as parts, and what lies between them: boot loaders, often.

use std::ops::Range;

use kakoi_model::{Problem, ProblemCode};

use crate::{Input, Output};

/// Yields partitions that do not overlap; others are reported and left out, since each byte is
/// looked at once.
///
/// # Errors
/// Limits of the whole scan.
pub(super) fn yield_partitions(
    partitions: impl IntoIterator<Item = (String, Range<usize>)>,
    used: &mut Vec<Range<usize>>,
    output: &mut Output<'_>,
) -> Result<(), Problem> {
    for (name, range) in partitions {
        if used.iter().any(|other| other.start < range.end && range.start < other.end) {
            let problem = Problem::new(ProblemCode::BadValue, range.start as u64, "partition");
            output.problem(problem.because(format!("{name} overlaps another")));
            continue;
        }
        output.part(name, range.clone())?;
        used.push(range);
    }
    Ok(())
}

/// Yields what lies before `end` outside of the `used` ranges, unless it is one byte repeated.
///
/// # Errors
/// Limits of the whole scan.
pub(super) fn yield_gaps(
    input: &Input,
    mut used: Vec<Range<usize>>,
    end: usize,
    output: &mut Output<'_>,
) -> Result<(), Problem> {
    used.sort_by_key(|range| range.start);
    used.push(end..end);
    let start = used.first().map_or(end, |range| range.start);
    let mut at = start;
    for range in used {
        let gap = at..range.start.min(end);
        let bytes = input.as_slice().get(gap.clone()).unwrap_or_default();
        let first = bytes.first().copied().unwrap_or_default();
        if bytes.iter().any(|&byte| byte != first) {
            output.part(format!("unpartitioned-0x{:x}", gap.start - start), gap)?;
        }
        at = at.max(range.end);
    }
    Ok(())
}

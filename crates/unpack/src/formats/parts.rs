// SPDX-License-Identifier: Apache-2.0
//! Parts of a header's payload, and what it leaves unnamed between them.

use std::ops::Range;

use kakoi_model::{Problem, ProblemCode};

use crate::{Input, Output};

/// A stretch of the content with the name that the header, or its format, gives it.
pub(super) struct Part {
    pub(super) name: String,
    pub(super) range: Range<usize>,
}

impl Part {
    pub(super) fn new(name: impl Into<String>, range: Range<usize>) -> Self {
        Self { name: name.into(), range }
    }
}

/// Yields the parts in the order of their places. Bytes of `whole` that belong to none of them and
/// are not one byte repeated become parts named for their offset, so that nothing is hidden.
/// Parts may overlap, but together they may not be longer than twice the content.
pub(super) fn yield_parts(
    input: &Input,
    whole: Range<usize>,
    mut parts: Vec<Part>,
    output: &mut Output<'_>,
) -> Result<(), Problem> {
    parts.sort_by_key(|part| (part.range.start, part.range.end));
    let mut at = whole.start;
    let mut room = input.len().saturating_mul(2);
    for part in parts {
        gap(input, whole.start, at..part.range.start, output)?;
        let length = part.range.end.min(input.len()).saturating_sub(part.range.start);
        let Some(left) = room.checked_sub(length) else {
            let problem = Problem::new(ProblemCode::SizeLimit, part.range.start as u64, "part");
            return Err(problem.because("parts overlap too often"));
        };
        room = left;
        at = at.max(part.range.end);
        output.part(part.name, part.range)?;
    }
    gap(input, whole.start, at..whole.end, output)
}

fn gap(
    input: &Input,
    base: usize,
    range: Range<usize>,
    output: &mut Output<'_>,
) -> Result<(), Problem> {
    let end = range.end.min(input.len());
    let Some(bytes) = input.as_slice().get(range.start..end) else { return Ok(()) };
    let Some(first) = bytes.first() else { return Ok(()) };
    if bytes.iter().all(|byte| byte == first) {
        return Ok(());
    }
    output.part(format!("unnamed-{:#x}", range.start.saturating_sub(base)), range.start..end)
}

/// The bytes of a text field as far as they print: for attributes.
pub(super) fn printable(bytes: &[u8]) -> String {
    let text = bytes.split(|&byte| byte == 0).next().unwrap_or_default();
    text.iter().filter(|byte| (0x20..0x7f).contains(*byte)).map(|&byte| char::from(byte)).collect()
}

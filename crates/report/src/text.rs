// SPDX-License-Identifier: Apache-2.0
//! Text for people: what an attacker may have chosen, made visible; sizes, moments, places.

use std::fmt::Write as _;

use kakoi_model::{Date, Evidence, FileRef, Observed};

/// Longest text that is shown of one fact, in characters.
const MOST_CHARACTERS: usize = 400;

/// Text on one line in which nothing hides: control characters, and characters that reorder or
/// hide their neighbours, are written as `\u{…}`; what is very long is cut.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for (count, character) in text.chars().enumerate() {
        if count == MOST_CHARACTERS {
            shown.push('…');
            break;
        }
        if is_hidden(character) {
            let _ = write!(shown, "\\u{{{:x}}}", u32::from(character));
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Control characters; format characters that reorder, join or hide (Unicode general category Cf,
/// the ranges in use); tags, private use and noncharacters.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{e000}'..='\u{f8ff}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{10ffff}')
}

/// Bytes in the unit that reads best: `3.8 MiB`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut tenths = u128::from(bytes) * 10 / 1024;
    let mut unit = 0;
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

/// `part` of `whole` in per cent, rounded; none of nothing.
pub(crate) fn percent(part: u64, whole: u64) -> Option<u64> {
    let scaled = u128::from(part) * 100 + u128::from(whole) / 2;
    scaled.checked_div(u128::from(whole)).and_then(|percent| u64::try_from(percent).ok())
}

/// `1 file`, `2 files`.
pub(crate) fn count(number: usize, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
}

/// `2026-01-15 12:00 UTC`.
pub(crate) fn moment(seconds: i64) -> String {
    let minutes = seconds.rem_euclid(86_400) / 60;
    match Date::of(seconds) {
        Some(day) => format!("{day} {:02}:{:02} UTC", minutes / 60, minutes % 60),
        None => format!("{seconds} s"),
    }
}

/// `2026-01-15`.
pub(crate) fn day(seconds: i64) -> String {
    Date::of(seconds).map_or_else(|| format!("{seconds} s"), |day| day.to_string())
}

/// Path and container of a file; the container is left out where it goes without saying.
pub(crate) fn place(file: &FileRef) -> String {
    file.path.absolute()
}

/// Where a piece of evidence is: `/etc/inittab:3`, `/bin/app @0x40`.
pub(crate) fn location(evidence: &Evidence) -> String {
    let mut text = match (&evidence.file, &evidence.digest) {
        (Some(file), _) => place(file),
        (None, Some(digest)) => format!("content {}", digest.short()),
        (None, None) => String::new(),
    };
    if let Some(line) = evidence.line {
        let _ = write!(text, ":{line}");
    } else if let Some(offset) = evidence.offset {
        let gap = if text.is_empty() { "" } else { " " };
        let _ = write!(text, "{gap}@0x{offset:x}");
    }
    text
}

/// A three-valued observation in one word or its value.
pub(crate) fn observed<T>(value: &Observed<T>, show: impl Fn(&T) -> String) -> String {
    match value {
        Observed::Present(value) => show(value),
        Observed::Absent => "none".to_owned(),
        Observed::Undetermined(reason) => format!("undetermined: {reason}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_characters_are_written_out() {
        assert_eq!(visible("a\u{202e}b\x1b[31m\n"), "a\\u{202e}b\\u{1b}[31m\\u{a}");
        assert_eq!(visible("ルータ é"), "ルータ é");
        assert_eq!(visible(&"x".repeat(1000)).chars().count(), MOST_CHARACTERS + 1);
    }

    #[test]
    fn sizes_have_one_decimal_and_never_overflow() {
        assert_eq!(size(1023), "1023 B");
        assert_eq!(size(3_932_160), "3.7 MiB");
        assert_eq!(size(u64::MAX), "16383.9 PiB");
    }

    #[test]
    fn percent_of_nothing_is_not_a_number() {
        assert_eq!(percent(1, 3), Some(33));
        assert_eq!(percent(0, 0), None);
        assert_eq!(moment(1_768_478_400), "2026-01-15 12:00 UTC");
    }
}

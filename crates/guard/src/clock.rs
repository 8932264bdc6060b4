// SPDX-License-Identifier: Apache-2.0
//! The kernel's clock, by /proc.

/// Whole seconds since boot; 0 if it cannot be told.
#[must_use]
pub(crate) fn seconds() -> u64 {
    since_boot_ns() / 1_000_000_000
}

/// Nanoseconds since boot; 0 if it cannot be told.
#[must_use]
pub(crate) fn since_boot_ns() -> u64 {
    std::fs::read_to_string("/proc/uptime").map_or(0, |text| nanoseconds(&text))
}

/// `SECONDS.HUNDREDTHS …`; in whole numbers, because the agent has no other use for floating point.
fn nanoseconds(text: &str) -> u64 {
    let first = text.split_whitespace().next().unwrap_or_default();
    let (seconds, part) = first.split_once('.').unwrap_or((first, "0"));
    let number = |word: &str| word.parse::<u64>().unwrap_or(0);
    number(seconds).saturating_mul(1_000_000_000).saturating_add(number(part) * 10_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uptime_has_hundredths_of_seconds() {
        assert_eq!(nanoseconds("12.34 99.00\n"), 12_340_000_000);
        assert_eq!(nanoseconds(""), 0);
    }
}

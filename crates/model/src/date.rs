// SPDX-License-Identifier: Apache-2.0
//! Days of the proleptic Gregorian calendar. Source: ISO 8601; the day count is the usual one with
//! years that begin in March, so that the leap day is the last.

use std::fmt;

/// Seconds in a day, leap seconds not counted.
const DAY_SECONDS: i64 = 86_400;

/// A day: year, month from 1, day from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date(pub i32, pub u8, pub u8);

impl Date {
    /// The day of a moment, in seconds since 1970-01-01 UTC. None beyond the years that fit.
    #[must_use]
    pub fn of(seconds: i64) -> Option<Self> {
        let days = seconds.div_euclid(DAY_SECONDS).checked_add(719_468)?;
        let era = days.div_euclid(146_097);
        let of_era = days.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * from_march + 2) / 5 + 1;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        let year = era.checked_mul(400)?.checked_add(year_of_era + i64::from(month <= 2))?;
        Some(Self(i32::try_from(year).ok()?, u8::try_from(month).ok()?, u8::try_from(day).ok()?))
    }

    /// Whole years from this day to a later one; 0 when it is not later.
    #[must_use]
    pub fn years_until(self, later: Self) -> u32 {
        let short = (later.1, later.2) < (self.1, self.2);
        let years = later.0.saturating_sub(self.0).saturating_sub(i32::from(short));
        u32::try_from(years).unwrap_or(0)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.0, self.1, self.2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_of_known_moments_are_those_of_the_calendar() {
        assert_eq!(Date::of(0), Some(Date(1970, 1, 1)));
        assert_eq!(Date::of(951_782_400), Some(Date(2000, 2, 29)));
        assert_eq!(Date::of(1_735_689_599), Some(Date(2024, 12, 31)));
        assert_eq!(Date::of(-1), Some(Date(1969, 12, 31)));
        assert_eq!(Date::of(i64::MAX), None);
    }

    #[test]
    fn years_are_counted_whole() {
        assert_eq!(Date(2020, 5, 2).years_until(Date(2025, 5, 1)), 4);
        assert_eq!(Date(2020, 5, 2).years_until(Date(2025, 5, 2)), 5);
        assert_eq!(Date(2025, 5, 2).years_until(Date(2020, 5, 2)), 0);
    }
}

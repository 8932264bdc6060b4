// SPDX-License-Identifier: Apache-2.0
//! Moments in UTC, written as RFC 3339 has them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Date;

const SECOND: i64 = 1_000_000_000;

/// Nanoseconds since 1970-01-01 UTC. Written as `2026-01-02T03:04:05.678901234Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub i64);

/// The text is no moment of RFC 3339, or one that 64 bits of nanoseconds cannot hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoTimestamp;

impl fmt::Display for NoTimestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time is written as in RFC 3339: 2026-01-02T03:04:05Z")
    }
}

impl std::error::Error for NoTimestamp {}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, nanoseconds) = (self.0.div_euclid(SECOND), self.0.rem_euclid(SECOND));
        // 64 bits of nanoseconds are the years 1677 to 2262: there is always a date.
        let date = Date::of(seconds).unwrap_or(Date(1970, 1, 1));
        let of_day = seconds.rem_euclid(86_400);
        let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
        write!(f, "{date}T{hour:02}:{minute:02}:{second:02}")?;
        if nanoseconds != 0 {
            let digits = format!("{nanoseconds:09}");
            write!(f, ".{}", digits.trim_end_matches('0'))?;
        }
        f.write_str("Z")
    }
}

impl FromStr for Timestamp {
    type Err = NoTimestamp;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or(NoTimestamp)
    }
}

fn parse(text: &str) -> Option<Timestamp> {
    let day = number(text.get(..4)?)? as i32;
    let (month, date) = (number(text.get(5..7)?)?, number(text.get(8..10)?)?);
    let days = days_before(day, month, date)?;
    let separators = [text.get(4..5)?, text.get(7..8)?, text.get(10..11)?];
    if separators[..2] != ["-", "-"] || !["T", "t", " "].contains(&separators[2]) {
        return None;
    }
    let clock = text.get(11..19)?;
    let (hour, minute, second) =
        (number(clock.get(..2)?)?, number(clock.get(3..5)?)?, number(clock.get(6..8)?)?);
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (fraction, zone) = split_fraction(text.get(19..)?)?;
    let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second - offset(zone)?;
    Some(Timestamp(seconds.checked_mul(SECOND)?.checked_add(fraction)?))
}

fn number(text: &str) -> Option<i64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Days from 1970-01-01 to a day, checked by the way back.
fn days_before(year: i32, month: i64, day: i64) -> Option<i64> {
    let shifted = i64::from(year) - i64::from(month <= 2);
    let from_march = (month + 9) % 12;
    let of_year = (153 * from_march + 2) / 5 + day - 1;
    let leaps = shifted / 4 - shifted / 100 + shifted / 400;
    let days = 365 * shifted + leaps + of_year - 719_468;
    let found = Date::of(days * 86_400)?;
    let same = found == Date(year, u8::try_from(month).ok()?, u8::try_from(day).ok()?);
    same.then_some(days)
}

/// Nanoseconds of `.123`, and what follows.
fn split_fraction(text: &str) -> Option<(i64, &str)> {
    let Some(rest) = text.strip_prefix('.') else { return Some((0, text)) };
    let length = rest.bytes().take_while(u8::is_ascii_digit).count();
    let digits = rest.get(..length.min(9))?;
    let value: i64 = digits.parse().ok()?;
    Some((value * 10_i64.pow(9 - digits.len() as u32), rest.get(length..)?))
}

/// Seconds east of UTC. Without a zone the time is taken for UTC, as Cowrie writes it.
fn offset(zone: &str) -> Option<i64> {
    let (sign, rest) = match zone.as_bytes().first() {
        None | Some(b'Z' | b'z') => return (zone.len() <= 1).then_some(0),
        Some(b'+') => (1, zone.get(1..)?),
        Some(b'-') => (-1, zone.get(1..)?),
        Some(_) => return None,
    };
    let minutes = rest.get(2..)?.trim_start_matches(':');
    Some(sign * (number(rest.get(..2)?)? * 3_600 + number(minutes)? * 60))
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_and_read_back() {
        for (text, value) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T23:59:59.5Z", 951_868_799_500_000_000),
            ("1969-12-31T23:59:59.999999999Z", -1),
            ("2262-04-11T23:47:16.854775807Z", i64::MAX),
        ] {
            assert_eq!(Timestamp(value).to_string(), text);
            assert_eq!(text.parse(), Ok(Timestamp(value)));
        }
    }

    #[test]
    fn zones_and_their_absence_are_read() {
        let utc = "2026-01-02T03:04:05Z".parse::<Timestamp>();
        assert_eq!("2026-01-02T12:04:05+09:00".parse(), utc);
        assert_eq!("2026-01-01 22:04:05-0500".parse(), utc);
        assert_eq!("2026-01-02T03:04:05".parse(), utc);
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in [
            "",
            "2026",
            "2026-02-30T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "9999-01-01T00:00:00Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00+",
            "2026-é1-01T00:00:00Z",
            "2026-01-01T00:00:00ZZ",
        ] {
            assert_eq!(text.parse::<Timestamp>(), Err(NoTimestamp), "{text}");
        }
    }
}

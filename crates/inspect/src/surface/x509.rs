// SPDX-License-Identifier: Apache-2.0
//! X.509 certificates (RFC 5280 §4.1).

use kakoi_model::{SecretKind, escape};

use super::der::{BIT_STRING, Der, INTEGER, OBJECT, SEQUENCE, SET};
use super::key::parse_public;

/// Short names of attributes (RFC 4514 §3), by the last byte of 2.5.4.x.
const ATTRIBUTES: &[(u8, &str)] =
    &[(3, "CN"), (6, "C"), (7, "L"), (8, "ST"), (10, "O"), (11, "OU"), (5, "serialNumber")];
/// Signature algorithms by object identifier.
const SIGNATURES: &[(&[u8], &str)] = &[
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x02], "md2WithRSAEncryption"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x04], "md5WithRSAEncryption"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x05], "sha1WithRSAEncryption"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a], "rsassaPss"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b], "sha256WithRSAEncryption"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0c], "sha384WithRSAEncryption"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0d], "sha512WithRSAEncryption"),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01], "ecdsa-with-SHA1"),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02], "ecdsa-with-SHA256"),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03], "ecdsa-with-SHA384"),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x04], "ecdsa-with-SHA512"),
    (&[0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x03], "dsa-with-SHA1"),
    (&[0x2b, 0x65, 0x70], "ed25519"),
];

/// A certificate; none when the bytes are not one.
pub(super) fn parse_certificate(bytes: &[u8]) -> Option<SecretKind> {
    let mut certificate = Der::new(bytes).enter()?;
    let mut signed = certificate.enter()?;
    let mut algorithm = certificate.enter()?;
    certificate.take(BIT_STRING)?;
    if signed.peek() == Some(0xa0) {
        signed.next()?;
    }
    signed.take(INTEGER)?;
    signed.enter()?.take(OBJECT)?;
    let issuer = parse_name(signed.take(SEQUENCE)?)?;
    let mut validity = signed.enter()?;
    let (not_before, not_after) = (parse_time(&mut validity)?, parse_time(&mut validity)?);
    let subject = parse_name(signed.take(SEQUENCE)?)?;
    let key = parse_public(signed.take(SEQUENCE)?)?;
    let signature = algorithm.take(OBJECT)?;
    let known = SIGNATURES.iter().find(|(object, _)| *object == signature);
    let bits = key.bits.map_or_else(String::new, |bits| format!(" {bits}"));
    Some(SecretKind::Certificate {
        subject,
        issuer,
        not_before,
        not_after,
        key: format!("{}{bits}", key.algorithm),
        signature: known.map_or_else(|| "unknown".to_owned(), |(_, name)| (*name).to_owned()),
        private_key_present: false,
        public_key: key.public,
    })
}

/// `C=…, O=…, CN=…`, escaped.
fn parse_name(bytes: &[u8]) -> Option<String> {
    let mut name = Der::new(bytes);
    let mut parts = Vec::new();
    while !name.is_empty() && parts.len() < 32 {
        let mut set = Der::new(name.take(SET)?);
        let mut attribute = set.enter()?;
        let object = attribute.take(OBJECT)?;
        let (_, value) = attribute.next()?;
        let short = match object {
            [0x55, 0x04, last] => ATTRIBUTES.iter().find(|(byte, _)| byte == last),
            _ => None,
        };
        if let Some((_, short)) = short {
            let value = value.get(..value.len().min(200)).unwrap_or_default();
            parts.push(format!("{short}={}", escape(value)));
        }
    }
    Some(parts.join(", "))
}

/// `UTCTime` or `GeneralizedTime`, in seconds since 1970-01-01 UTC.
fn parse_time(der: &mut Der<'_>) -> Option<i64> {
    let (tag, content) = der.next()?;
    let text = std::str::from_utf8(content).ok()?;
    let (year, rest) = match tag {
        0x17 => {
            let year: i64 = text.get(..2)?.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, text.get(2..)?)
        }
        0x18 => (text.get(..4)?.parse().ok()?, text.get(4..)?),
        _ => return None,
    };
    let pair = |at: usize| rest.get(at..at + 2)?.parse::<i64>().ok();
    let (month, day) = (pair(0)?, pair(2)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let seconds = pair(8).unwrap_or(0);
    Some(days_from_epoch(year, month, day) * 86_400 + pair(4)? * 3600 + pair(6)? * 60 + seconds)
}

/// Days since 1970-01-01 in the Gregorian calendar, by counting from March.
fn days_from_epoch(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let days_before_month = (153 * month + 2) / 5;
    year * 365 + leap_days + days_before_month + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_count_from_1970() {
        let time = |tag: u8, text: &str| {
            let mut bytes = vec![tag, text.len() as u8];
            bytes.extend_from_slice(text.as_bytes());
            parse_time(&mut Der::new(&bytes))
        };
        assert_eq!(time(0x17, "700101000000Z"), Some(0));
        assert_eq!(time(0x17, "000229123456Z"), Some(951_827_696));
        assert_eq!(time(0x18, "20380119031407Z"), Some(i64::from(i32::MAX)));
        assert_eq!(time(0x17, "491331000000Z"), None);
        assert_eq!(time(0x17, "é9010100000"), None);
    }
}

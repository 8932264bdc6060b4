// SPDX-License-Identifier: Apache-2.0
//! Versions as projects write them: numbers, and sometimes letters after them.

/// The leading numbers of a version: `1.0.2k` is 1, 0, 2; `v2.6-rc1` is 2, 6. At most six.
pub(crate) fn parse_numbers(version: &str) -> Vec<u32> {
    // Packages of Debian and RPM may have an epoch in front: `1:1.2.13`.
    let epoch =
        version.split_once(':').filter(|(epoch, _)| epoch.bytes().all(|b| b.is_ascii_digit()));
    let version = epoch.map_or(version, |(_, version)| version);
    let version = version.trim_start_matches(|c: char| !c.is_ascii_digit());
    let mut numbers = Vec::new();
    for part in version.split('.').take(6) {
        let digits = part.len() - part.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        match part.get(..digits).and_then(|digits| digits.parse().ok()) {
            Some(number) => numbers.push(number),
            None => break,
        }
        if digits < part.len() {
            break;
        }
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_end_where_letters_begin() {
        assert_eq!(parse_numbers("1.0.2k"), [1, 0, 2]);
        assert_eq!(parse_numbers("1:1.2.13-1"), [1, 2, 13]);
        assert_eq!(parse_numbers("v2.6-rc1.9"), [2, 6]);
        assert_eq!(parse_numbers("2019.78"), [2019, 78]);
        assert_eq!(parse_numbers("unknown"), Vec::<u32>::new());
        assert_eq!(parse_numbers("99999999999"), Vec::<u32>::new());
    }
}

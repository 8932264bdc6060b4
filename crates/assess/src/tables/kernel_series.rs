// SPDX-License-Identifier: Apache-2.0
//! When support of a kernel series ended. Source: announcements on kernel.org of the last version
//! of each series. Series whose end lies ahead are left out, because such dates move.

use kakoi_model::KernelVersion;

use kakoi_model::Date;

/// When support of the series of `version` ended, if it has.
pub(crate) fn find_end(version: KernelVersion) -> Option<Date> {
    let KernelVersion(major, minor, patch) = version;
    let series = if major == 2 && minor == 6 { (2, 6, patch) } else { (major, minor, 0) };
    let long_term = LONG_TERM.iter().find(|(row, _)| *row == series);
    if let Some((_, end)) = long_term {
        return Some(*end);
    }
    SHORT.iter().find(|(first, last, _)| (*first..=*last).contains(&series)).map(|(.., end)| *end)
}

type Series = (u16, u16, u16);

/// Long-term series.
const LONG_TERM: &[(Series, Date)] = &[
    ((2, 6, 27), Date(2012, 3, 17)),
    ((2, 6, 32), Date(2016, 3, 12)),
    ((2, 6, 33), Date(2011, 11, 7)),
    ((2, 6, 34), Date(2014, 2, 10)),
    ((2, 6, 35), Date(2012, 4, 25)),
    ((3, 0, 0), Date(2013, 10, 22)),
    ((3, 2, 0), Date(2018, 6, 1)),
    ((3, 4, 0), Date(2016, 10, 26)),
    ((3, 10, 0), Date(2017, 11, 5)),
    ((3, 12, 0), Date(2017, 5, 10)),
    ((3, 14, 0), Date(2016, 9, 11)),
    ((3, 16, 0), Date(2020, 6, 11)),
    ((3, 18, 0), Date(2019, 5, 16)),
    ((4, 1, 0), Date(2018, 5, 29)),
    ((4, 4, 0), Date(2022, 2, 3)),
    ((4, 9, 0), Date(2023, 1, 7)),
    ((4, 14, 0), Date(2024, 1, 10)),
    ((4, 19, 0), Date(2024, 12, 5)),
    ((5, 4, 0), Date(2025, 12, 3)),
];

/// Runs of other series: all of a run had ended by the day when its last series did.
const SHORT: &[(Series, Series, Date)] = &[
    ((1, 0, 0), (2, 3, 0), Date(2004, 2, 24)),
    ((2, 4, 0), (2, 5, 0), Date(2011, 12, 31)),
    ((2, 6, 0), (2, 6, 39), Date(2011, 8, 3)),
    ((3, 0, 0), (3, 19, 0), Date(2015, 5, 11)),
    ((4, 0, 0), (4, 20, 0), Date(2019, 3, 19)),
    ((5, 0, 0), (5, 9, 0), Date(2020, 12, 16)),
    ((5, 11, 0), (5, 14, 0), Date(2021, 11, 21)),
    ((5, 16, 0), (5, 19, 0), Date(2022, 10, 24)),
    ((6, 0, 0), (6, 0, 0), Date(2023, 1, 12)),
    ((6, 2, 0), (6, 5, 0), Date(2023, 11, 28)),
    ((6, 7, 0), (6, 11, 0), Date(2024, 12, 5)),
    ((6, 13, 0), (6, 16, 0), Date(2025, 10, 12)),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_found_by_their_own_number_of_parts() {
        assert_eq!(find_end(KernelVersion(2, 6, 31)), Some(Date(2011, 8, 3)));
        assert_eq!(find_end(KernelVersion(2, 6, 32)), Some(Date(2016, 3, 12)));
        assert_eq!(find_end(KernelVersion(4, 14, 180)), Some(Date(2024, 1, 10)));
        assert_eq!(find_end(KernelVersion(3, 3, 8)), Some(Date(2015, 5, 11)));
        assert_eq!(find_end(KernelVersion(6, 12, 1)), None);
        assert_eq!(find_end(KernelVersion(5, 10, 0)), None);
    }
}

// SPDX-License-Identifier: Apache-2.0
//! When versions of components came out, to the month, from the release pages of the projects. A
//! version between two rows is no younger than the later row.

use kakoi_model::Date;

/// The latest day on which a version can have come out, where the table tells.
pub(crate) fn find_latest_release(name: &str, numbers: &[u32]) -> Option<Date> {
    if numbers.is_empty() {
        return None;
    }
    if BY_YEAR.contains(&name) && numbers.first().is_some_and(|year| (2000..2100).contains(year)) {
        let year = i32::try_from(*numbers.first()?).ok()?;
        return Some(Date(year, 12, 31));
    }
    let (_, rows) = TABLE.iter().find(|(component, _)| *component == name)?;
    let row = rows.iter().find(|(version, ..)| numbers <= *version || numbers.starts_with(version));
    row.map(|(_, year, month)| Date(*year, *month, 28))
}

/// Projects whose versions begin with the year.
const BY_YEAR: [&str; 4] = ["dropbear", "u-boot", "ntfs-3g", "radvd"];

type Row = (&'static [u32], i32, u8);

const TABLE: &[(&str, &[Row])] = &[
    ("busybox", BUSYBOX),
    ("dropbear", DROPBEAR),
    ("dnsmasq", DNSMASQ),
    ("hostapd", HOSTAPD),
    ("wpa-supplicant", HOSTAPD),
    ("wpa_supplicant", HOSTAPD),
    ("iptables", IPTABLES),
    ("zlib", ZLIB),
    ("lighttpd", LIGHTTPD),
    ("curl", CURL),
    ("libcurl", CURL),
    ("miniupnpd", MINIUPNPD),
    ("pppd", PPPD),
    ("ppp", PPPD),
];

const BUSYBOX: &[Row] = &[
    (&[0], 2004, 8),
    (&[1, 0], 2005, 8),
    (&[1, 1], 2006, 7),
    (&[1, 4], 2007, 3),
    (&[1, 9], 2008, 3),
    (&[1, 13], 2009, 4),
    (&[1, 15], 2009, 12),
    (&[1, 18], 2011, 4),
    (&[1, 19], 2012, 2),
    (&[1, 20], 2012, 7),
    (&[1, 21], 2013, 7),
    (&[1, 22], 2014, 1),
    (&[1, 23], 2015, 3),
    (&[1, 24], 2016, 3),
    (&[1, 25], 2016, 10),
    (&[1, 26], 2017, 1),
    (&[1, 27], 2017, 8),
    (&[1, 28], 2018, 5),
    (&[1, 29], 2018, 9),
    (&[1, 30], 2019, 2),
    (&[1, 31], 2019, 10),
    (&[1, 32], 2021, 1),
    (&[1, 33], 2021, 11),
    (&[1, 34], 2021, 9),
    (&[1, 35], 2021, 12),
    (&[1, 36], 2023, 5),
];
const DROPBEAR: &[Row] = &[(&[0, 48], 2006, 3), (&[0, 52], 2008, 11), (&[0, 53], 2011, 3)];
const DNSMASQ: &[Row] = &[
    (&[1], 2006, 6),
    (&[2, 40], 2007, 8),
    (&[2, 45], 2008, 7),
    (&[2, 50], 2009, 9),
    (&[2, 55], 2010, 6),
    (&[2, 60], 2012, 3),
    (&[2, 66], 2013, 4),
    (&[2, 70], 2014, 4),
    (&[2, 73], 2015, 6),
    (&[2, 76], 2016, 5),
    (&[2, 78], 2017, 10),
    (&[2, 80], 2018, 10),
    (&[2, 85], 2021, 4),
];
const HOSTAPD: &[Row] = &[
    (&[0, 6], 2010, 1),
    (&[0, 7], 2010, 9),
    (&[1], 2012, 10),
    (&[2, 0], 2013, 1),
    (&[2, 2], 2014, 6),
    (&[2, 4], 2015, 3),
    (&[2, 6], 2016, 10),
    (&[2, 7], 2018, 12),
    (&[2, 9], 2019, 8),
];
const IPTABLES: &[Row] = &[
    (&[1, 3], 2007, 12),
    (&[1, 4, 10], 2010, 10),
    (&[1, 4, 21], 2013, 11),
    (&[1, 6, 2], 2018, 2),
    (&[1, 8, 3], 2019, 5),
];
const ZLIB: &[Row] = &[
    (&[1, 1], 2002, 3),
    (&[1, 2, 3], 2005, 7),
    (&[1, 2, 5], 2010, 4),
    (&[1, 2, 8], 2013, 4),
    (&[1, 2, 11], 2017, 1),
];
const LIGHTTPD: &[Row] = &[
    (&[1, 4, 20], 2008, 9),
    (&[1, 4, 35], 2014, 3),
    (&[1, 4, 45], 2017, 1),
    (&[1, 4, 55], 2020, 1),
];
const CURL: &[Row] = &[
    (&[7, 19], 2009, 11),
    (&[7, 29], 2013, 2),
    (&[7, 50], 2016, 9),
    (&[7, 64], 2019, 3),
    (&[7, 74], 2020, 12),
];
const MINIUPNPD: &[Row] =
    &[(&[1, 5], 2011, 1), (&[1, 8], 2013, 12), (&[1, 9], 2015, 12), (&[2, 0], 2017, 12)];
const PPPD: &[Row] =
    &[(&[2, 4, 4], 2006, 6), (&[2, 4, 5], 2009, 11), (&[2, 4, 7], 2014, 8), (&[2, 4, 8], 2020, 1)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_no_younger_than_the_next_row() {
        assert_eq!(find_latest_release("busybox", &[1, 4, 2]), Some(Date(2007, 3, 28)));
        assert_eq!(find_latest_release("busybox", &[1, 3, 2]), Some(Date(2007, 3, 28)));
        assert_eq!(find_latest_release("dropbear", &[2012, 55]), Some(Date(2012, 12, 31)));
        assert_eq!(find_latest_release("busybox", &[1, 37, 0]), None);
        assert_eq!(find_latest_release("busybox", &[]), None);
    }
}

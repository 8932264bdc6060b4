// SPDX-License-Identifier: Apache-2.0
//! Components whose makers no longer repair them, by the day when support ended. Source: release
//! and support pages of the projects. Where a project names no day, the row has the last day of
//! the year after which it certainly repaired nothing. Only days that have passed are listed.

use kakoi_model::Date;

/// One run of versions.
pub(crate) struct End {
    /// Name in the rules file or package database.
    pub(crate) name: &'static str,
    /// The versions begin with one of these numbers; empty for every version.
    pub(crate) series: &'static [&'static [u32]],
    /// When support ended.
    pub(crate) ended: Date,
    /// What to use in its place.
    pub(crate) instead: &'static str,
}

/// The end of support of a version, if it has come.
pub(crate) fn find_end(name: &str, numbers: &[u32]) -> Option<&'static End> {
    let of_series = |row: &&End| {
        row.series.is_empty()
            || (!numbers.is_empty() && row.series.iter().any(|series| numbers.starts_with(series)))
    };
    TABLE.iter().filter(|row| row.name == name).find(of_series)
}

const fn end(
    name: &'static str,
    series: &'static [&'static [u32]],
    ended: Date,
    instead: &'static str,
) -> End {
    End { name, series, ended, instead }
}

const TABLE: &[End] = &[
    end("openssl", &[&[0]], Date(2015, 12, 31), "OpenSSL 3.5 or later"),
    end("openssl", &[&[1, 0, 0]], Date(2015, 12, 31), "OpenSSL 3.5 or later"),
    end("openssl", &[&[1, 0, 1]], Date(2016, 12, 31), "OpenSSL 3.5 or later"),
    end("openssl", &[&[1, 0, 2]], Date(2019, 12, 31), "OpenSSL 3.5 or later"),
    end("openssl", &[&[1, 1, 0]], Date(2019, 9, 11), "OpenSSL 3.5 or later"),
    end("openssl", &[&[1, 1, 1]], Date(2023, 9, 11), "OpenSSL 3.5 or later"),
    end("openssl", &[&[3, 1]], Date(2025, 3, 14), "OpenSSL 3.5 or later"),
    end("openssl", &[&[3, 2]], Date(2025, 11, 23), "OpenSSL 3.5 or later"),
    end("uclibc", &[&[0, 9]], Date(2012, 12, 31), "musl, or uClibc-ng"),
    end("eglibc", &[], Date(2014, 12, 31), "glibc or musl"),
    end("polarssl", &[], Date(2016, 12, 31), "Mbed TLS 3.6"),
    end("mbedtls", &[&[1]], Date(2018, 12, 31), "Mbed TLS 3.6"),
    end("mbedtls", &[&[2, 7], &[2, 16]], Date(2021, 12, 31), "Mbed TLS 3.6"),
    end("matrixssl", &[&[1], &[2], &[3]], Date(2019, 12, 31), "a maintained TLS library"),
    end("samba", &[&[1], &[2], &[3]], Date(2015, 3, 4), "ksmbd, or a supported Samba 4"),
    end("samba", &[&[4, 0], &[4, 1], &[4, 2], &[4, 3]], Date(2017, 3, 7), "a supported Samba 4"),
    end("samba", &[&[4, 4], &[4, 5], &[4, 6], &[4, 7]], Date(2019, 3, 19), "a supported Samba 4"),
    end("php", &[&[3], &[4]], Date(2008, 8, 7), "PHP 8.3 or later"),
    end("php", &[&[5]], Date(2018, 12, 31), "PHP 8.3 or later"),
    end("php", &[&[7]], Date(2022, 11, 28), "PHP 8.3 or later"),
    end("php", &[&[8, 0]], Date(2023, 11, 26), "PHP 8.3 or later"),
    end("python", &[&[2]], Date(2020, 1, 1), "Python 3"),
    end("python", &[&[3, 0], &[3, 1], &[3, 2], &[3, 3]], Date(2017, 9, 29), "a supported Python 3"),
    end("python", &[&[3, 4], &[3, 5], &[3, 6]], Date(2021, 12, 23), "a supported Python 3"),
    end("python", &[&[3, 7]], Date(2023, 6, 27), "a supported Python 3"),
    end("python", &[&[3, 8]], Date(2024, 10, 7), "a supported Python 3"),
    end("boa", &[], Date(2005, 12, 31), "a maintained web server"),
    end("thttpd", &[&[2, 25]], Date(2013, 12, 31), "a maintained web server"),
    end("ipkg", &[], Date(2009, 12, 31), "opkg or apk"),
    end("openswan", &[], Date(2018, 12, 31), "strongSwan or Libreswan"),
    end("racoon", &[], Date(2014, 12, 31), "strongSwan or Libreswan"),
    end("ipsec-tools", &[], Date(2014, 12, 31), "strongSwan or Libreswan"),
    end("wireless-tools", &[], Date(2012, 12, 31), "iw"),
    end("bind", &[&[8]], Date(2007, 8, 27), "a supported BIND 9"),
    end("bind", &[&[9, 8], &[9, 9], &[9, 10]], Date(2018, 7, 31), "a supported BIND 9"),
    end("openwrt", &[&[7], &[8], &[10], &[12], &[14]], Date(2016, 12, 31), "a supported OpenWrt"),
    end("openwrt", &[&[15], &[17], &[18]], Date(2021, 12, 31), "a supported OpenWrt"),
    end("openwrt", &[&[19]], Date(2022, 4, 30), "a supported OpenWrt"),
    end("openwrt", &[&[21]], Date(2023, 5, 31), "a supported OpenWrt"),
    end("zebra", &[], Date(2005, 12, 31), "FRRouting"),
    end("u-boot", &[&[1]], Date(2013, 12, 31), "a current U-Boot"),
];

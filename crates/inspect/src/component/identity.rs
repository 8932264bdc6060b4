// SPDX-License-Identifier: Apache-2.0
//! Names of components in the words of others: CPE 2.3 and package URLs.

use kakoi_model::ComponentKind;

/// A CPE 2.3 formatted string (NISTIR 7695, section 6.2): a product without a version binds `*`.
pub(super) fn cpe(
    kind: ComponentKind,
    vendor: &str,
    product: &str,
    version: Option<&str>,
) -> String {
    let part = if kind == ComponentKind::OperatingSystem { 'o' } else { 'a' };
    let version = version.map_or_else(|| "*".to_owned(), cpe_value);
    format!("cpe:2.3:{part}:{}:{}:{version}:*:*:*:*:*:*:*", cpe_value(vendor), cpe_value(product))
}

/// One attribute value: lower case; all but letters, digits, `.`, `-` and `_` quoted. Characters
/// that the grammar does not have (blanks, controls, non-ASCII) become `_`.
fn cpe_value(text: &str) -> String {
    let mut value = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            'a'..='z' | '0'..='9' | '.' | '_' => value.push(character),
            'A'..='Z' => value.push(character.to_ascii_lowercase()),
            '-' if text.len() > 1 => value.push('-'),
            '!'..='~' => value.extend(['\\', character]),
            _ => value.push('_'),
        }
    }
    if value.is_empty() { "*".to_owned() } else { value }
}

/// A package URL (purl specification 1.0): type, namespace, name, version, qualifiers sorted by
/// key. Empty parts are left out.
pub(super) fn purl(
    kind: &str,
    namespace: Option<&str>,
    name: &str,
    version: Option<&str>,
    qualifiers: &[(&str, &str)],
) -> String {
    let mut text = format!("pkg:{kind}/");
    if let Some(namespace) = namespace.filter(|namespace| !namespace.is_empty()) {
        text.push_str(&percent(&namespace.to_lowercase()));
        text.push('/');
    }
    text.push_str(&percent(name));
    if let Some(version) = version.filter(|version| !version.is_empty()) {
        text.push('@');
        text.push_str(&percent(version));
    }
    let mut pairs: Vec<_> = qualifiers.iter().filter(|(_, value)| !value.is_empty()).collect();
    pairs.sort();
    for (index, (key, value)) in pairs.into_iter().enumerate() {
        text.push(if index == 0 { '?' } else { '&' });
        text.push_str(key);
        text.push('=');
        text.push_str(&percent(value));
    }
    text
}

fn percent(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' => {
                escaped.push(char::from(byte));
            }
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

/// The upstream version inside a package's: without epoch, distribution revision and repacking
/// marks (`1:1.2.13.dfsg-1+deb12u1` is `1.2.13`).
pub(super) fn upstream(package_version: &str) -> String {
    let text = package_version.split_once(':').map_or(package_version, |(epoch, rest)| {
        if epoch.bytes().all(|byte| byte.is_ascii_digit()) { rest } else { package_version }
    });
    let text = text.rsplit_once('-').map_or(text, |(version, _)| version);
    let text = text.split(['+', '~']).next().unwrap_or(text);
    text.trim_end_matches(".dfsg").trim_end_matches("-stable").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpe_values_are_quoted_as_nistir_7695_wants() {
        let text = cpe(ComponentKind::Library, "gnu", "libstdc++", Some("1.0.2K-beta:1"));
        assert_eq!(text, "cpe:2.3:a:gnu:libstdc\\+\\+:1.0.2k-beta\\:1:*:*:*:*:*:*:*");
        let text = cpe(ComponentKind::OperatingSystem, "linux", "linux_kernel", None);
        assert_eq!(text, "cpe:2.3:o:linux:linux_kernel:*:*:*:*:*:*:*:*");
        assert_eq!(cpe_value("a b\n"), "a_b_");
    }

    #[test]
    fn purls_are_escaped_and_their_qualifiers_sorted() {
        let qualifiers = [("distro", "debian-12"), ("arch", "armhf"), ("empty", "")];
        let text = purl("deb", Some("Debian"), "libstdc++6", Some("1:12.2.0-14"), &qualifiers);
        let expected = "pkg:deb/debian/libstdc%2B%2B6@1:12.2.0-14?arch=armhf&distro=debian-12";
        assert_eq!(text, expected);
    }

    #[test]
    fn upstream_versions_lose_what_the_distribution_added() {
        assert_eq!(upstream("1:1.2.13.dfsg-1+deb12u1"), "1.2.13");
        assert_eq!(upstream("2.90-4~deb12u2"), "2.90");
        assert_eq!(upstream("1.0.2g-1"), "1.0.2g");
        assert_eq!(upstream("3.4.11"), "3.4.11");
    }
}

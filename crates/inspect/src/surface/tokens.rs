// SPDX-License-Identifier: Apache-2.0
//! Tokens and passwords with a form of their own. Only forms that hardly anything else has.

use std::sync::LazyLock;

use kakoi_model::SecretKind;
use regex::bytes::Regex;

use super::compile;

/// Tokens of one content.
const MAX_TOKENS: usize = 100;
/// Longest text that is searched, in bytes.
const MAX_TEXT: usize = 4 << 20;

/// Kinds with their patterns; sources: the documentation of each issuer.
const PATTERNS: &[(&str, &str)] = &[
    ("aws-access-key", r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    ("github-token", r"\bgh[pousr]_[A-Za-z0-9]{36}\b"),
    ("google-api-key", r"\bAIza[0-9A-Za-z_-]{35}\b"),
    ("slack-token", r"\bxox[abprs]-[0-9]{9,}-[0-9A-Za-z-]{10,}"),
    ("stripe-key", r"\bsk_live_[0-9A-Za-z]{24,}\b"),
    ("json-web-token", r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}"),
    ("wifi-passphrase", r#"(?m)^\s*wpa_passphrase=[^\s$%<]{8,63}\s*$"#),
    (
        "password-in-url",
        r#"\b(?:https?|ftps?|rtsp|mqtts?|sftp)://[A-Za-z0-9._-]{1,64}:[^\s/:@"'$%<>{}*\\]{3,64}@[A-Za-z0-9.-]+"#,
    ),
];
/// Words of documentation, not of credentials.
const EXAMPLES: &[&str] =
    &["user:pass", "username:", "login:passw", "example", "USER:", "name:pass", ":password@"];

static COMPILED: LazyLock<Vec<(&'static str, Regex)>> = LazyLock::new(|| {
    PATTERNS.iter().filter_map(|(kind, pattern)| Some((*kind, compile(pattern)?))).collect()
});

/// Tokens in a text, with their byte offsets. Binary contents are passed over.
pub(super) fn find_tokens(content: &[u8]) -> Vec<(SecretKind, u64)> {
    let head = content.get(..content.len().min(4096)).unwrap_or_default();
    if content.len() > MAX_TEXT || head.contains(&0) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (kind, pattern) in COMPILED.iter() {
        for token in pattern.find_iter(content).take(MAX_TOKENS) {
            let text = String::from_utf8_lossy(token.as_bytes());
            if !EXAMPLES.iter().any(|example| text.contains(example)) {
                found.push((SecretKind::Token { kind: (*kind).to_owned() }, token.start() as u64));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_found_and_documentation_is_not() {
        assert_eq!(COMPILED.len(), PATTERNS.len());
        let kinds = |text: &str| -> Vec<String> {
            let found = find_tokens(text.as_bytes()).into_iter();
            found
                .map(|(kind, _)| match kind {
                    SecretKind::Token { kind } => kind,
                    other => format!("{other:?}"),
                })
                .collect()
        };
        assert_eq!(kinds("key=AKIAIOSFODNN7ABCDEFG\n"), ["aws-access-key"]);
        assert_eq!(kinds("curl ftp://cam:s3cret@10.0.0.1/up"), ["password-in-url"]);
        assert_eq!(kinds("wpa_passphrase=12345678\n"), ["wifi-passphrase"]);
        assert!(kinds("http://user:password@host http://$u:$p@host").is_empty());
        assert!(kinds("AKIAtooshort").is_empty());
    }
}

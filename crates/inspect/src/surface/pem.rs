// SPDX-License-Identifier: Apache-2.0
//! PEM blocks (RFC 7468), also those of OpenSSL with headers.

use memchr::memmem;

const BEGIN: &[u8] = b"-----BEGIN ";
/// Longest block, in bytes.
const MAX_BLOCK: usize = 256 * 1024;
/// Blocks of one content; a bundle of authorities has about 150.
const MAX_BLOCKS: usize = 1000;

/// One block.
pub(super) struct Block {
    /// `RSA PRIVATE KEY`, `CERTIFICATE`.
    pub(super) label: String,
    /// Do its headers say that it is encrypted?
    pub(super) encrypted: bool,
    /// Its decoded content.
    pub(super) content: Vec<u8>,
    /// Byte offset of its first line.
    pub(super) offset: usize,
}

/// All blocks that decode. A beginning without a body, as in the strings of a crypto library, is
/// none.
pub(super) fn find_blocks(bytes: &[u8]) -> Vec<Block> {
    memmem::find_iter(bytes, BEGIN)
        .take(MAX_BLOCKS)
        .filter_map(|offset| parse_block(bytes.get(offset..)?, offset))
        .collect()
}

fn parse_block(bytes: &[u8], offset: usize) -> Option<Block> {
    let bytes = bytes.get(..bytes.len().min(MAX_BLOCK))?;
    let rest = bytes.strip_prefix(BEGIN)?;
    let label_end = memmem::find(rest.get(..rest.len().min(64))?, b"-----")?;
    let label = std::str::from_utf8(rest.get(..label_end)?).ok()?;
    let body = rest.get(label_end + 5..)?;
    let end = memmem::find(body, format!("-----END {label}-----").as_bytes())?;
    let body = std::str::from_utf8(body.get(..end)?).ok()?;
    let encrypted = body.contains("ENCRYPTED") || label.starts_with("ENCRYPTED");
    // In scripts and sources line ends may be written as `\n`.
    let lines = body.split(['\n', '\r']).flat_map(|line| line.split("\\n"));
    let data: String = lines.filter(|line| !line.contains(':')).collect();
    let content = decode_base64(&data)?;
    (content.len() >= 32).then(|| Block { label: label.to_owned(), encrypted, content, offset })
}

/// Base64 (RFC 4648 §4); blanks, quotes and backslashes around lines are passed over.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0);
    for byte in text.bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => break,
            b' ' | b'\t' | b'"' | b'\\' | b'\'' | b',' => continue,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xff) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_decodes_as_in_rfc_4648() {
        assert_eq!(decode_base64("Zm9vYmE=").as_deref(), Some(&b"fooba"[..]));
        assert_eq!(decode_base64("Zm9v YmFy").as_deref(), Some(&b"foobar"[..]));
        assert_eq!(decode_base64("Zm9v%"), None);
    }

    #[test]
    fn a_beginning_without_a_body_is_no_block() {
        let strings = b"-----BEGIN RSA PRIVATE KEY-----\0-----END RSA PRIVATE KEY-----\0";
        assert!(find_blocks(strings).is_empty());
    }
}

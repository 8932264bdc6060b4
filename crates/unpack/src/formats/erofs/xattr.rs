// SPDX-License-Identifier: Apache-2.0
//! Extended attributes, inline and shared.

use std::collections::BTreeMap;

use kakoi_model::{Endian, Problem, ProblemCode};

use crate::Input;

use super::Superblock;
use super::inode::Inode;

/// Prefixes of names by number (`EROFS_XATTR_INDEX_*` of Linux).
const PREFIXES: [&str; 7] = [
    "",
    "user.",
    "system.posix_acl_access",
    "system.posix_acl_default",
    "trusted.",
    "lustre.",
    "security.",
];

/// Header of inline attributes and of each attribute.
const HEADER: usize = 12;
const ENTRY: usize = 4;

pub(super) fn read_xattrs(
    input: &Input,
    superblock: &Superblock,
    inode: &Inode,
) -> Result<BTreeMap<String, Vec<u8>>, Problem> {
    let mut xattrs = BTreeMap::new();
    let (start, length) = inode.xattrs;
    if length == 0 {
        return Ok(xattrs);
    }
    let shared = usize::from(input.u8(start + 4, "xattr header")?);
    for number in 0..shared {
        let id = input.size32(start + HEADER + number * 4, Endian::Little, "shared xattr")?;
        let at = superblock.block(superblock.xattr).saturating_add(id.saturating_mul(4));
        read_xattr(input, at, &mut xattrs)?;
    }
    let mut at = start + HEADER + shared * 4;
    while at + ENTRY <= start + length {
        at = read_xattr(input, at, &mut xattrs)?;
    }
    Ok(xattrs)
}

/// Reads one, and says where the next starts.
fn read_xattr(
    input: &Input,
    at: usize,
    xattrs: &mut BTreeMap<String, Vec<u8>>,
) -> Result<usize, Problem> {
    let name = usize::from(input.u8(at, "xattr")?);
    let index = usize::from(input.u8(at + 1, "xattr")?);
    let value = usize::from(input.u16(at + 2, Endian::Little, "xattr")?);
    let Some(prefix) = PREFIXES.get(index) else {
        let problem = Problem::new(ProblemCode::Unsupported, at as u64, "xattr prefix");
        return Err(problem.because(format!("0x{index:x}")));
    };
    if index > 0 {
        let text = input.bytes(at + ENTRY, name, "xattr name")?;
        let bytes = input.bytes(at + ENTRY + name, value, "xattr value")?;
        xattrs.insert(format!("{prefix}{}", kakoi_model::escape(text)), bytes.to_vec());
    }
    Ok(at + (ENTRY + name + value).next_multiple_of(4))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::erofs::inode::Layout;

    #[test]
    fn inline_and_shared_attributes_are_read() {
        // At 64: header with one shared attribute, its number, one inline attribute. At 512, the
        // second block: the shared one, at number 1.
        let mut image = vec![0; 1024];
        image[64 + 4] = 1;
        image[76] = 1;
        image[80..90].copy_from_slice(b"\x03\x01\x02\0keyab\0");
        image[516..525].copy_from_slice(b"\x01\x06\x04\0xdata");
        let superblock = Superblock {
            start: 0,
            block_bits: 9,
            root: 0,
            created: 0,
            blocks: 2,
            meta: 0,
            xattr: 1,
            name: Vec::new(),
            features: 0,
            packed: 0,
            checksum: None,
        };
        let inode = Inode {
            mode: 0,
            uid: 0,
            gid: 0,
            mtime: 0,
            size: 0,
            layout: Layout::Plain,
            xattrs: (64, 28),
            data: 0,
        };
        let xattrs = read_xattrs(&Input::new(image.into()), &superblock, &inode).unwrap();
        let expected: [(String, Vec<u8>); 2] =
            [("security.x".to_owned(), b"data".to_vec()), ("user.key".to_owned(), b"ab".to_vec())];
        assert_eq!(xattrs.into_iter().collect::<Vec<_>>(), expected);
    }
}

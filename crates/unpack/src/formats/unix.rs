// SPDX-License-Identifier: Apache-2.0
//! What all Unix file systems record alike: file types in the mode, device numbers, sizes.

use kakoi_model::{Problem, ProblemCode};

use crate::{Node, Output};

/// File types, in the upper four bits of a mode (POSIX `sys/stat.h`, Linux values).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileType {
    Regular,
    Directory,
    Symlink,
    CharDevice,
    BlockDevice,
    Fifo,
    Socket,
}

impl FileType {
    pub(super) fn of_mode(mode: u32) -> Option<Self> {
        Some(match mode & 0o170_000 {
            0o100_000 => Self::Regular,
            0o040_000 => Self::Directory,
            0o120_000 => Self::Symlink,
            0o020_000 => Self::CharDevice,
            0o060_000 => Self::BlockDevice,
            0o010_000 => Self::Fifo,
            0o140_000 => Self::Socket,
            _ => return None,
        })
    }

    /// The entry without content that it is; none for files and links.
    pub(super) fn node(self, device: (u32, u32)) -> Option<Node> {
        Some(match self {
            Self::Directory => Node::Directory,
            Self::CharDevice => Node::CharDevice(device.0, device.1),
            Self::BlockDevice => Node::BlockDevice(device.0, device.1),
            Self::Fifo => Node::Fifo,
            Self::Socket => Node::Socket,
            Self::Regular | Self::Symlink => return None,
        })
    }
}

/// Major and minor number in the 16-bit encoding (`include/linux/kdev_t.h`, `old_decode_dev`).
pub(super) fn decode_old_device(number: u32) -> (u32, u32) {
    ((number >> 8) & 0xff, number & 0xff)
}

/// Major and minor number in the 32-bit encoding (`include/linux/kdev_t.h`, `new_decode_dev`).
pub(super) fn decode_device(number: u32) -> (u32, u32) {
    ((number >> 8) & 0xfff, (number & 0xff) | ((number >> 12) & 0xf_ff00))
}

/// Holes may make a file larger than its container, but not without bound: a few bytes must not
/// cost gigabytes of zeros and their hash.
const SPARSE_ROOM: u64 = 64 << 20;

/// The size of a file as an allocation, if `container` bytes can plausibly hold it.
///
/// # Errors
/// [`ProblemCode::SizeLimit`].
pub(super) fn check_file_size(
    size: u64,
    container: usize,
    output: &Output<'_>,
    offset: usize,
) -> Result<usize, Problem> {
    let plausible = SPARSE_ROOM.max((container as u64).saturating_mul(16));
    let limit = plausible.min(output.content_limit() as u64);
    if size <= limit {
        return Ok(usize::try_from(size).unwrap_or(usize::MAX));
    }
    let detail = format!("{size} bytes, the limit here is {limit}");
    Err(Problem::new(ProblemCode::SizeLimit, offset as u64, "file size").because(detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_numbers_decode_in_both_encodings() {
        assert_eq!(decode_old_device(0x0501), (5, 1));
        assert_eq!(decode_device(0x0501), (5, 1));
        // MKDEV(31, 300): the upper minor bits lie above the major.
        assert_eq!(decode_device((300 & 0xff) | (31 << 8) | ((300 & !0xff) << 12)), (31, 300));
    }

    #[test]
    fn a_mode_without_a_known_type_is_no_file() {
        assert_eq!(FileType::of_mode(0o104_755), Some(FileType::Regular));
        assert_eq!(FileType::of_mode(0o755), None);
    }
}

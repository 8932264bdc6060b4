// SPDX-License-Identifier: Apache-2.0
//! Takes the input in before the worker gives up files: maps an image, or reads a directory's
//! files. Nothing is parsed here.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use bytes::Bytes;
use kakoi_model::{ContainerId, Digest, File, FileKind, ImagePath, escape};
use kakoi_unpack::Store;

/// What is to be parsed.
pub enum Intake {
    /// One image.
    Image(Bytes),
    /// A directory's entries; contents are in the store. The digest is that of the listing.
    Directory(Digest, Vec<File>),
}

impl Intake {
    /// Length in bytes; of a directory the sum of its files.
    pub fn size(&self) -> u64 {
        match self {
            Self::Image(bytes) => bytes.len() as u64,
            Self::Directory(_, files) => files.iter().map(File::size).sum(),
        }
    }
}

/// Takes a path in.
pub fn take_in(path: &Path, store: &Store) -> io::Result<Intake> {
    let metadata = fs::metadata(path)?;
    if metadata.is_dir() {
        return take_directory(path, store);
    }
    if !metadata.is_file() {
        return Err(io::Error::other("neither a file nor a directory"));
    }
    let file = fs::File::open(path)?;
    let length = usize::try_from(metadata.len()).map_err(io::Error::other)?;
    kakoi_kernel::map_file(&file, 0, length).map(Intake::Image)
}

fn take_directory(top: &Path, store: &Store) -> io::Result<Intake> {
    let mut files = Vec::new();
    let mut waiting = vec![top.to_owned()];
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(&directory)? {
            let path = entry?.path();
            let metadata = fs::symlink_metadata(&path)?;
            if metadata.is_dir() {
                waiting.push(path.clone());
            }
            if let Some(kind) = kind_of(&path, &metadata, store)? {
                files.push(describe(top, &path, &metadata, kind));
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Intake::Directory(listing_digest(&files), files))
}

/// Links and devices are recorded, never followed or opened.
fn kind_of(path: &Path, metadata: &fs::Metadata, store: &Store) -> io::Result<Option<FileKind>> {
    let file_type = metadata.file_type();
    let (major, minor) = device_numbers(metadata.rdev());
    Ok(Some(if file_type.is_file() {
        let content = read_unfollowed(path)?;
        let size = content.len() as u64;
        FileKind::Regular { digest: store.put_owned(content)?, size }
    } else if file_type.is_dir() {
        FileKind::Directory
    } else if file_type.is_symlink() {
        FileKind::Symlink { target: escape(fs::read_link(path)?.as_os_str().as_bytes()) }
    } else if file_type.is_char_device() {
        FileKind::CharDevice { major, minor }
    } else if file_type.is_block_device() {
        FileKind::BlockDevice { major, minor }
    } else if file_type.is_fifo() {
        FileKind::Fifo
    } else if file_type.is_socket() {
        FileKind::Socket
    } else {
        return Ok(None);
    }))
}

/// Reads a file that may have become something else since it was looked at.
fn read_unfollowed(path: &Path) -> io::Result<Vec<u8>> {
    // O_NOFOLLOW | O_NONBLOCK (asm-generic/fcntl.h; equal on x86-64 and AArch64 but for NOFOLLOW).
    const NONBLOCK: i32 = 0o4000;
    const NOFOLLOW: i32 = if cfg!(target_arch = "aarch64") { 0o100_000 } else { 0o400_000 };
    let mut file =
        fs::OpenOptions::new().read(true).custom_flags(NOFOLLOW | NONBLOCK).open(path)?;
    let mut content = Vec::new();
    file.read_to_end(&mut content)?;
    Ok(content)
}

/// Linux's encoding of device numbers in user space (include/linux/kdev_t.h, glibc's `gnu_dev_*`).
fn device_numbers(device: u64) -> (u32, u32) {
    let major = ((device >> 8) & 0xfff) | ((device >> 32) & !0xfff);
    let minor = (device & 0xff) | ((device >> 12) & !0xff);
    (major as u32, minor as u32)
}

fn describe(top: &Path, path: &Path, metadata: &fs::Metadata, kind: FileKind) -> File {
    let name = path.strip_prefix(top).unwrap_or(path);
    File {
        container: ContainerId(0),
        path: ImagePath::new(name.as_os_str().as_bytes()),
        kind,
        mode: Some(metadata.mode() & 0o7777),
        uid: Some(metadata.uid()),
        gid: Some(metadata.gid()),
        mtime: Some(metadata.mtime()),
        xattrs: BTreeMap::new(),
    }
}

/// A directory has no bytes of its own: its identity is that of its sorted listing, times aside.
fn listing_digest(files: &[File]) -> Digest {
    let mut listing = String::new();
    for file in files {
        let line = format!(
            "{} {:?} {:?} {:?} {:?}\n",
            file.path, file.kind, file.mode, file.uid, file.gid
        );
        listing.push_str(&line);
    }
    Digest::of(listing.as_bytes())
}

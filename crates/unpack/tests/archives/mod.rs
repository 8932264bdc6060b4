// SPDX-License-Identifier: Apache-2.0
//! Small archives and streams, written by hand: no tool of good standing makes hostile ones.

use std::io::Write;

/// One entry of a tar archive: name, type, link target, content.
pub(crate) fn tar_entry(name: &str, kind: u8, link: &str, content: &[u8]) -> Vec<u8> {
    let mut header = [0_u8; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[100..107].copy_from_slice(b"0004755");
    header[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
    header[156] = kind;
    header[157..157 + link.len()].copy_from_slice(link.as_bytes());
    header[257..265].copy_from_slice(b"ustar\x0000");
    header[329..336].copy_from_slice(b"0000010");
    header[337..344].copy_from_slice(b"0000002");
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    let mut entry = header.to_vec();
    entry.extend_from_slice(content);
    entry.resize(entry.len().next_multiple_of(512), 0);
    entry
}

pub(crate) fn tar(entries: &[(&str, u8, &str, &[u8])]) -> Vec<u8> {
    let mut archive: Vec<u8> = entries
        .iter()
        .flat_map(|(name, kind, link, content)| tar_entry(name, *kind, link, content))
        .collect();
    archive.resize(archive.len() + 1024, 0);
    archive
}

pub(crate) fn cpio_entry(name: &str, mode: u32, links: u32, content: &[u8]) -> Vec<u8> {
    let numbers =
        [7, mode, 0, 0, links, 0, content.len() as u32, 8, 1, 5, 1, name.len() as u32 + 1, 0];
    let mut entry = b"070701".to_vec();
    for number in numbers {
        entry.extend(format!("{number:08x}").bytes());
    }
    entry.extend(name.bytes().chain([0]));
    entry.resize(entry.len().next_multiple_of(4), 0);
    entry.extend_from_slice(content);
    entry.resize(entry.len().next_multiple_of(4), 0);
    entry
}

/// A zip archive of stored entries, without anything that is not needed.
pub(crate) fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in entries {
        let offset = archive.len() as u32;
        let mut common = vec![20, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        common.extend(crc32fast::hash(content).to_le_bytes());
        common.extend((content.len() as u32).to_le_bytes());
        common.extend((content.len() as u32).to_le_bytes());
        common.extend([u8::try_from(name.len()).unwrap(), 0, 0, 0]);
        archive.extend(b"PK\x03\x04".iter().chain(&common));
        archive.extend(name.bytes());
        archive.extend_from_slice(content);
        directory.extend(b"PK\x01\x02\x14\x03".iter().chain(&common));
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.bytes());
    }
    let (at, size) = (archive.len() as u32, directory.len() as u32);
    let count = u8::try_from(entries.len()).unwrap();
    archive.extend(directory);
    archive.extend([b'P', b'K', 5, 6, 0, 0, 0, 0, count, 0, count, 0]);
    archive.extend(size.to_le_bytes().into_iter().chain(at.to_le_bytes()).chain([0, 0]));
    archive
}

pub(crate) fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn bzip2(content: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn xz(content: &[u8]) -> Vec<u8> {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 0);
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// A device tree with one image that lies where the property says.
pub(crate) fn fit(position: u32, size: u32) -> Vec<u8> {
    let strings = b"data-position\0data-size\0";
    let mut tree: Vec<u8> = Vec::new();
    let mut push = |words: &[u32], text: &[u8]| {
        tree.extend(words.iter().flat_map(|word| word.to_be_bytes()));
        tree.extend_from_slice(text);
    };
    push(&[1, 0, 1], b"images\0\0");
    push(&[1], b"self\0\0\0\0");
    push(&[3, 4, 0, position, 3, 4, 14, size, 2, 2, 2, 9], b"");
    let (structure, total) = (tree.len(), 40 + 16 + tree.len() + strings.len());
    let words = [0xd00d_feed, total, 56, 56 + structure, 40, 17, 16, 0, strings.len(), structure];
    let mut image: Vec<u8> = words.iter().flat_map(|&word| (word as u32).to_be_bytes()).collect();
    image.extend([0; 16]);
    image.extend(tree);
    image.extend_from_slice(strings);
    image
}

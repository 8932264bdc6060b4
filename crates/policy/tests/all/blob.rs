// SPDX-License-Identifier: Apache-2.0
//! Blobs that are not whole are refused, with the reason, and never read beyond their end.

use std::io::Write;
use std::process::Command;

use kakoi_policy::layout;

use crate::host::build;

const TEXT: &str = "kakoi = 1\n[domain.d]\nenter.descends-from = \"telnetd\"\nshell-start = \"deny\"\nfiles.read = [\"/www/**\"]\n";

/// Exit code of `decide`: 0 when it takes the blob, 10 and the fault otherwise.
fn fault(program: &std::path::Path, blob: &[u8]) -> i32 {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(blob).unwrap();
    let status =
        Command::new(program).arg(file.path()).stdin(std::process::Stdio::null()).status().unwrap();
    status.code().unwrap_or(-1)
}

fn sealed(mut blob: Vec<u8>) -> Vec<u8> {
    blob[layout::H_CRC..layout::H_CRC + 4].fill(0);
    let crc = crc32(&blob);
    blob[layout::H_CRC..layout::H_CRC + 4].copy_from_slice(&crc.to_le_bytes());
    blob
}

/// Bit by bit, so that the test does not rest on the crate that the compiler uses.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| crc >> 1 ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 };
    !bytes.iter().fold(!0_u32, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)))
}

#[test]
fn truncated_and_altered_blobs_are_refused_each_with_its_reason() {
    let blob = kakoi_policy::compile(&crate::policy(TEXT)).unwrap();
    let program = build("gcc", &["-fsanitize=undefined", "-fno-sanitize-recover=all"]);
    assert_eq!(fault(&program, &blob), 0);
    for length in [0, 1, 64, layout::HEADER - 1] {
        assert_eq!(fault(&program, &blob[..length]), 11, "{length} bytes");
    }
    assert_eq!(fault(&program, &blob[..blob.len() - 4]), 11);
    let mut other = blob.clone();
    other[0] ^= 1;
    assert_eq!(fault(&program, &other), 12, "magic");
    let mut newer = blob.clone();
    newer[layout::H_VERSION] = 3;
    assert_eq!(fault(&program, &sealed(newer)), 13, "version");
    let mut flipped = blob.clone();
    *flipped.last_mut().unwrap() ^= 0x40;
    assert_eq!(fault(&program, &flipped), 14, "checksum");
}

#[test]
fn a_wrong_table_behind_a_right_checksum_is_refused() {
    let blob = kakoi_policy::compile(&crate::policy(TEXT)).unwrap();
    let program = build("gcc", &["-fsanitize=undefined", "-fno-sanitize-recover=all"]);
    let offsets = [
        layout::H_DOMAINS,
        layout::H_CLASSES,
        layout::H_STATES,
        layout::H_EDGES,
        layout::H_NETS,
        layout::H_FILTERS,
    ];
    for field in offsets {
        for value in [1_u32, 4, u32::MAX, u32::MAX - 3, blob.len() as u32 + 4] {
            let mut wrong = blob.clone();
            wrong[field..field + 4].copy_from_slice(&value.to_le_bytes());
            let code = fault(&program, &sealed(wrong));
            assert!(code == 15 || code == 16, "field {field}, value {value}: {code}");
        }
    }
    for field in [
        layout::H_N_DOMAINS,
        layout::H_N_CLASSES,
        layout::H_N_STATES,
        layout::H_N_NETS,
        layout::H_N_FILTERS,
    ] {
        let mut wrong = blob.clone();
        wrong[field..field + 2].copy_from_slice(&u16::MAX.to_le_bytes());
        assert_eq!(fault(&program, &sealed(wrong)), 15, "count {field}");
    }
}

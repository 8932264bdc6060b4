// SPDX-License-Identifier: Apache-2.0
//! Which of what was found is believed, and which contents are looked through.

use kakoi_model::{Confidence, OpenState, ProblemCode};

use super::Opened;
use crate::output::Role;
use crate::{Family, Input, find_kind};

/// In the middle of something else, a structure without entries that was read with problems and
/// has no checksum is no container.
pub(super) fn is_chance(opened: &Opened) -> bool {
    opened.state == OpenState::Partial
        && opened.entries.is_empty()
        && opened.confidence < Confidence::Checksum
}

/// Longest test vector of a compressor in the kernel (crypto/testmgr.h).
const MAX_TEST_VECTOR: usize = 512;

/// Kernels carry streams to test their own decompressors with.
pub(super) fn is_test_vector(opened: &Opened, input: &Input) -> bool {
    opened.family == Family::Compression
        && opened.range.len() <= MAX_TEST_VECTOR
        && find_kind(input.as_slice()).name == "linux-kernel"
}

/// Files smaller than this hold no firmware.
const MIN_CARVED_MEMBER: usize = 16 << 10;

/// Parts of headers and payloads of streams are always looked through. Of the files of a file
/// system only those whose kind is unknown, and programs that are kernels.
pub(super) fn is_worth_carving(input: &Input, role: Role) -> bool {
    let bytes = input.as_slice();
    let kind = find_kind(bytes);
    match (role, kind.name) {
        (_, "elf") => crate::kind::is_kernel_elf(bytes),
        (Role::Part, name) => !matches!(name, "script" | "html" | "xml" | "pem" | "empty"),
        (Role::Member, _) => bytes.len() >= MIN_CARVED_MEMBER && kind.may_hold_containers(),
    }
}

/// Problems that lose nothing: the entry is there, under a safe name.
pub(super) fn is_harmless(code: ProblemCode) -> bool {
    matches!(code, ProblemCode::PathEscape | ProblemCode::DuplicateName)
}

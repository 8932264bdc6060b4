// SPDX-License-Identifier: Apache-2.0
//! Stack clash protection (`-fstack-clash-protection`): large frames touch every page on the way.
//!
//! There is no symbol and no note, only code. It is decided where the patterns are exact and the
//! file holds no foreign code: dynamic files on x86-64 and AArch64.

use kakoi_model::{Absence, ElfRole, Evidence, Mitigation};

use super::{Subject, undetermined_with};
use crate::elf::code::Code;
use crate::elf::machine::{EM_AARCH64, EM_X86_64};

/// GCC probes every page on x86-64.
const X86_PAGE: u32 = 4096;
/// Frames beyond this are misread data, not code.
const LARGEST_FRAME: u32 = 1 << 26;
/// GCC assumes a guard of 64 KiB on AArch64, of which 63 need no probe.
const AARCH64_GUARD: u32 = 64 << 10;

/// What the code shows.
#[derive(Default)]
struct Frames {
    probe: Option<u64>,
    unprobed: Option<u64>,
}

pub(super) fn find_stack_clash(subject: &Subject<'_>) -> Mitigation<()> {
    match subject.role {
        ElfRole::Kernel | ElfRole::KernelModule | ElfRole::Object | ElfRole::Other => {
            return Mitigation::absent(Absence::NotApplicable, Vec::new());
        }
        _ => {}
    }
    if let Some(age) = subject.compilers.all_before(8, 0)
        && !subject.is_static()
    {
        return Mitigation::absent(Absence::ToolchainCannot, vec![age]);
    }
    let find: fn(&Code<'_>, &mut Frames) = match subject.elf.header.machine {
        EM_X86_64 if subject.elf.file.is_wide() => find_x86_frames,
        EM_AARCH64 => find_aarch64_frames,
        _ => {
            return Mitigation::undetermined(
                "code-not-read",
                "probes of this architecture have no pattern of their own",
            );
        }
    };
    let mut frames = Frames::default();
    Code::of(subject.elf).iter().for_each(|part| find(part, &mut frames));
    judge(subject, &frames)
}

fn judge(subject: &Subject<'_>, frames: &Frames) -> Mitigation<()> {
    let at =
        |what: &str, address: u64| vec![Evidence::new(format!("{what} at address 0x{address:x}"))];
    match (frames.probe, frames.unprobed) {
        (Some(probe), _) if subject.is_static() => undetermined_with(
            "static-library-inside",
            "probes, which may be the C library's",
            at("probe", probe),
        ),
        (None, Some(frame)) if subject.is_static() => undetermined_with(
            "static-library-inside",
            "large frames without probes, which may be the C library's",
            at("unprobed frame", frame),
        ),
        (Some(probe), None) => Mitigation::present((), at("probe", probe)),
        (None, Some(frame)) => {
            Mitigation::absent(Absence::NotRequested, at("unprobed frame", frame))
        }
        (Some(probe), Some(frame)) => undetermined_with(
            "mixed",
            "some large frames are probed and some are not",
            [at("probe", probe), at("unprobed frame", frame)].concat(),
        ),
        (None, None) => Mitigation::undetermined(
            "no-large-frame",
            "no frame is large enough to show whether it would be probed",
        ),
    }
}

/// `sub $N, %rsp`, and `orq $0, (%rsp)` after one page: the only form that GCC writes.
fn find_x86_frames(part: &Code<'_>, frames: &mut Frames) {
    for at in memchr::memmem::find_iter(part.bytes, &[0x48, 0x81, 0xec]) {
        let Some(rest) = part.bytes.get(at + 3..) else { return };
        let Some((size, after)) = rest.split_first_chunk::<4>() else { return };
        let size = u32::from_le_bytes(*size);
        let address = part.address.wrapping_add(at as u64);
        let probed = after.starts_with(&[0x48, 0x83, 0x0c, 0x24, 0x00]);
        if size == X86_PAGE && probed {
            frames.probe.get_or_insert(address);
        } else if size > X86_PAGE && size < LARGEST_FRAME && size % 8 == 0 {
            frames.unprobed.get_or_insert(address);
        }
    }
}

/// `sub sp, sp, #16, lsl #12` and `str xzr, [sp, #1024]`, or a larger subtraction at once.
fn find_aarch64_frames(part: &Code<'_>, frames: &mut Frames) {
    let mut moved = None;
    for (address, word) in part.words() {
        if word == 0xf902_03ff && moved == Some(AARCH64_GUARD) {
            frames.probe.get_or_insert(address);
        }
        moved = (word & 0xffc0_03ff == 0xd140_03ff).then_some((word >> 10 & 0xfff) << 12);
        if moved.is_some_and(|moved| moved > AARCH64_GUARD && moved < LARGEST_FRAME) {
            frames.unprobed.get_or_insert(address);
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
//! Linux kernels: version, configuration, security modules, and which defence fits them.

use kakoi_model::{BackendFit, Digest, ElfFacts, File, KernelFacts, OfContent, StartUp};

use crate::{Contents, Root};

/// Looks for a kernel in one content (raw, decompressed, or an ELF `vmlinux`): banner, IKCONFIG,
/// kallsyms, inference. None when it holds no kernel. Programs that merely print a kernel banner
/// (`/proc/version` text, strace output) are not kernels.
pub fn find_kernel(_content: &[u8]) -> Option<KernelFacts> {
    None
}

/// What the whole image adds to its kernels: configurations in files (`/boot/config-*`,
/// `/proc/config.gz`, `.config` of a source archive), modules and their vermagic, LSM policies and
/// what loads them. When modules name a kernel that the image does not hold, a kernel known only
/// by them is added.
pub fn complete_kernels(
    _kernels: &mut Vec<OfContent<KernelFacts>>,
    _files: &[File],
    _roots: &[Root<'_>],
    _modules: &[(Digest, ElfFacts)],
    _start_ups: &[StartUp],
    _contents: &dyn Contents,
) {
}

/// Which defence of kakoi fits the image.
pub fn find_backends(
    _kernels: &[OfContent<KernelFacts>],
    _modules: &[(Digest, ElfFacts)],
) -> Vec<BackendFit> {
    Vec::new()
}

// SPDX-License-Identifier: Apache-2.0
//! Accounts, keys, permissions, listeners, and the marks of SDKs and update mechanisms.

use std::collections::HashMap;

use kakoi_model::{
    Account, Digest, ElfFacts, File, KernelFacts, Listener, OfContent, Permission, SdkMark, Secret,
    SecretKind, StartUp, UpdateMark,
};

use crate::Root;

/// A key or certificate in one content, with its byte offset. Where it lies is added by
/// [`find_secrets`].
pub fn find_content_secrets(_content: &[u8]) -> Vec<(SecretKind, u64)> {
    Vec::new()
}

/// Accounts of one root file system.
pub fn find_accounts(_root: &Root<'_>) -> Vec<Account> {
    Vec::new()
}

/// Secrets of the image, one per distinct secret with all its places.
pub fn find_secrets(
    _files: &[File],
    _by_content: &HashMap<Digest, Vec<(SecretKind, u64)>>,
) -> Vec<Secret> {
    Vec::new()
}

/// Notable permissions among all files.
pub fn find_permissions(_files: &[File]) -> Vec<Permission> {
    Vec::new()
}

/// Services that listen once the device has booted, or could.
pub fn find_listeners(_root: &Root<'_>, _start_ups: &[StartUp]) -> Vec<Listener> {
    Vec::new()
}

/// Marks of chip vendors and their SDKs.
pub fn find_sdk_marks(
    _roots: &[Root<'_>],
    _files: &[File],
    _elves: &HashMap<Digest, ElfFacts>,
    _kernels: &[OfContent<KernelFacts>],
) -> Vec<SdkMark> {
    Vec::new()
}

/// Marks of the update mechanism.
pub fn find_update_marks(_root: &Root<'_>, _start_ups: &[StartUp]) -> Vec<UpdateMark> {
    Vec::new()
}

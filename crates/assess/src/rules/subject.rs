// SPDX-License-Identifier: Apache-2.0
//! How rules name what they are about, so that one thing has one fingerprint in all of them.

use kakoi_model::{Account, Component, Permission, Secret, SecretKind, Severity};

use crate::rule::{Boot, Verdict, Weakness};
use crate::scan::{Exposure, Scan};

/// About an account: the file that holds it, and its name.
pub(super) fn of_account(weakness: Weakness, account: &Account) -> Verdict {
    let file = account.evidence.file.as_ref();
    let path = file.map_or_else(String::new, |file| file.path.absolute());
    let weakness =
        weakness.about(format!("{path}:{}", account.name)).because([account.evidence.clone()]);
    match file {
        Some(file) => weakness.in_file(file).found(),
        None => weakness.found(),
    }
}

/// Is the name written out? A script that makes accounts may name them by a variable.
pub(super) fn is_named(account: &Account) -> bool {
    !account.name.contains(['$', '%'])
}

/// Shells that refuse.
const REFUSING: [&str; 4] = ["false", "nologin", "sync", "true"];

/// Does the shell of the account let anybody in?
pub(super) fn can_log_in(account: &Account) -> bool {
    let shell = account.shell.as_deref().and_then(|shell| shell.rsplit('/').next());
    shell.is_none_or(|name| !REFUSING.contains(&name))
}

/// About a secret: the first place that holds it; the others are evidence.
pub(super) fn of_secret(weakness: Weakness, secret: &Secret) -> Verdict {
    let more = secret.files.iter().skip(1).take(7);
    let more = more.map(|file| kakoi_model::Evidence::new("the same").in_file(file.clone()));
    let weakness = weakness.because([secret.evidence.clone()]).because(more);
    let file = secret.files.first().or(secret.evidence.file.as_ref());
    let path = file.map_or_else(|| "image".to_owned(), |file| file.path.absolute());
    let weakness = match &secret.kind {
        SecretKind::Certificate { subject, .. } => weakness.about(format!("{path}: {subject}")),
        SecretKind::AuthorizedKey { key } => weakness.about(format!("{path}: {key}")),
        SecretKind::Token { kind } => weakness.about(format!("{path}: {kind}")),
        SecretKind::PrivateKey { .. } => weakness.about(path),
    };
    match file {
        Some(file) => weakness.in_file(file).found(),
        None => weakness.found(),
    }
}

/// About a file whose mode is notable.
pub(super) fn of_permission(weakness: Weakness, permission: &Permission) -> Verdict {
    let evidence = kakoi_model::Evidence::new(format!("mode {:04o}", permission.mode));
    weakness.in_file(&permission.file).because([evidence]).found()
}

/// About a component: `base` for what lies there, worse where its files start at boot or listen.
pub(super) fn of_component(
    component: &Component,
    scan: &Scan<'_>,
    base: Severity,
    message: String,
) -> Weakness {
    let exposure = component.files.iter().map(|file| scan.exposure(file)).max();
    let exposure = exposure.unwrap_or(Exposure::Dormant);
    let boot = if exposure > Exposure::Dormant { Boot::Starts } else { Boot::NotSeen };
    let weakness = Weakness::new(exposure.graded(base), message)
        .about(component.name.as_str())
        .because(component.evidence.iter().take(3).cloned())
        .at_boot(boot);
    match component.files.first() {
        Some(file) => weakness.in_file(file),
        None => weakness,
    }
}

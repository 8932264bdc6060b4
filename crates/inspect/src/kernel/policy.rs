// SPDX-License-Identifier: Apache-2.0
//! Policies of security modules among the files of an image, and what loads them.

use kakoi_model::{Evidence, File, FileKind, ImagePath, LsmState, Observed, StartUp};

use super::lsm::needs_policy;
use crate::Root;

/// Where one module keeps its policy and who loads it.
struct Store {
    name: &'static str,
    /// A file beneath the directory whose name starts so is a policy (empty: any file).
    places: &'static [(&'static str, &'static str)],
    /// Programs and services that load it.
    loaders: &'static [&'static str],
    /// Does systemd load it by itself?
    systemd: bool,
}

const STORES: [Store; 5] = [
    Store {
        name: "selinux",
        // The last three are Android's.
        places: &[
            ("/etc/selinux", "policy."),
            ("/", "sepolicy"),
            ("/vendor/etc/selinux", "precompiled_sepolicy"),
            ("/system/etc/selinux", "plat_sepolicy"),
        ],
        loaders: &["load_policy", "selinux-init", "selinux"],
        systemd: true,
    },
    Store {
        name: "apparmor",
        places: &[
            ("/etc/apparmor.d", ""),
            ("/var/lib/apparmor/profiles", ""),
            ("/etc/apparmor/earlypolicy", ""),
        ],
        loaders: &["apparmor_parser", "apparmor", "aa-start"],
        systemd: false,
    },
    Store {
        name: "smack",
        places: &[("/etc/smack", "")],
        loaders: &["smackload", "smackctl", "smack"],
        systemd: true,
    },
    Store {
        name: "tomoyo",
        places: &[("/etc/tomoyo", ""), ("/etc/ccs", "")],
        loaders: &["tomoyo-init", "tomoyo-loadpolicy", "ccs-init", "ccs-loadpolicy"],
        systemd: false,
    },
    Store {
        name: "integrity",
        places: &[("/etc/ima", "ima")],
        loaders: &["ima-init", "ima"],
        systemd: true,
    },
];

/// Parts of a profile folder that are no profile.
const NO_PROFILES: [&str; 7] =
    ["abstractions", "tunables", "abi", "cache", "disable", "local", "README"];

/// Adds to the states of one kernel what the root file systems hold.
pub(super) fn complete_lsm(states: &mut [LsmState], roots: &[Root<'_>], start_ups: &[StartUp]) {
    if roots.is_empty() {
        return;
    }
    for state in states {
        let Some(store) = STORES.iter().find(|store| store.name == state.name) else { continue };
        let policy = roots.iter().find_map(|root| find_policy(store, root));
        let Some(policy) = policy else {
            state.policy_present = Observed::Absent;
            state.policy_loaded = Observed::Absent;
            continue;
        };
        state.evidence.push(policy);
        state.policy_present = Observed::Present(());
        state.policy_loaded = loaded(store, roots, start_ups, &mut state.evidence);
    }
    debug_assert!(STORES.iter().all(|store| needs_policy(store.name) || store.name == "integrity"));
}

fn find_policy(store: &Store, root: &Root<'_>) -> Option<Evidence> {
    store.places.iter().find_map(|(folder, prefix)| {
        let folder = ImagePath::from(*folder);
        let is_policy = |file: &&File| {
            let direct =
                !folder.is_root() || file.path.parent().is_some_and(|parent| parent.is_root());
            matches!(file.kind, FileKind::Regular { size, .. } if size > 0)
                && direct
                && file.path.file_name().starts_with(prefix.as_bytes())
                && (!prefix.is_empty() || is_profile(file, &folder))
        };
        let file = root.beneath(&folder).find(is_policy)?;
        Some(Evidence::new(format!("policy of {}", store.name)).in_file(file.place()))
    })
}

/// A profile itself, not what profiles include or a switch of them.
fn is_profile(file: &File, folder: &ImagePath) -> bool {
    let depth = folder.parts().count();
    let first = file.path.parts().nth(depth).unwrap_or_default();
    let last = file.path.file_name();
    !NO_PROFILES.iter().any(|name| name.as_bytes() == first || name.as_bytes() == last)
        && !last.ends_with(b".md")
}

fn loaded(
    store: &Store,
    roots: &[Root<'_>],
    start_ups: &[StartUp],
    evidence: &mut Vec<Evidence>,
) -> Observed<()> {
    if let Some(line) = switched_off(store, roots) {
        evidence.push(line);
        return Observed::Absent;
    }
    if let Some(start) = start_ups.iter().find(|start| loads(store, start)) {
        let said = Evidence::new(format!("{} starts at boot", start.command));
        evidence.push(start.chain.last().cloned().unwrap_or(said));
        return Observed::Present(());
    }
    // The kernel itself starts this one before init.
    let starter = ["/sbin/tomoyo-init", "/sbin/ccs-init"].map(ImagePath::from);
    let starts = |root: &Root<'_>| starter.iter().any(|path| root.file(path).is_some());
    if store.name == "tomoyo" && roots.iter().any(starts) {
        evidence.push(Evidence::new("/sbin/tomoyo-init, which the kernel starts"));
        return Observed::Present(());
    }
    let systemd = ["/lib/systemd/systemd", "/usr/lib/systemd/systemd"].map(ImagePath::from);
    let has_systemd = |root: &Root<'_>| systemd.iter().any(|path| root.file(path).is_some());
    if store.systemd && roots.iter().any(has_systemd) {
        return Observed::undetermined("systemd", "systemd loads it if it was built to");
    }
    if start_ups.is_empty() {
        return Observed::undetermined("no-start-up", "the start-up of the image is not known");
    }
    Observed::Absent
}

fn loads(store: &Store, start: &StartUp) -> bool {
    let command = start.command.rsplit('/').next().unwrap_or_default();
    let program = start.program.as_ref().map(|file| file.path.file_name());
    let service = command.strip_suffix(".service").unwrap_or(command);
    store.loaders.iter().any(|loader| service == *loader || program == Some(loader.as_bytes()))
}

/// `SELINUX=disabled` in /etc/selinux/config.
fn switched_off(store: &Store, roots: &[Root<'_>]) -> Option<Evidence> {
    if store.name != "selinux" {
        return None;
    }
    let path = ImagePath::from("/etc/selinux/config");
    roots.iter().find_map(|root| {
        let text = root.read_text(&path)?;
        let (index, line) =
            text.lines().enumerate().find(|(_, line)| line.trim() == "SELINUX=disabled")?;
        let evidence = Evidence::new("SELinux is switched off").in_file(root.place(&path));
        Some(evidence.on_line(index + 1).with_excerpt(line.as_bytes()))
    })
}

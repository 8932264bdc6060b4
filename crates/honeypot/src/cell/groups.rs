// SPDX-License-Identifier: Apache-2.0
//! Control groups: the kernel's version 2 where it has the controllers, else version 1, else none (limits of single
//! processes remain).

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::plan::{CellLimits, Plan};

/// Where control groups are mounted.
const MOUNT: &str = "/sys/fs/cgroup";

/// The files to write, by directory.
fn layout(limits: &CellLimits) -> Vec<(PathBuf, Vec<(&'static str, String)>)> {
    let mount = Path::new(MOUNT);
    let quota = limits.processor_percent * 1000;
    let unified = fs::read_to_string(mount.join("cgroup.controllers")).unwrap_or_default();
    if unified.contains("memory") && unified.contains("pids") {
        let values = vec![
            ("pids.max", limits.processes.to_string()),
            ("memory.max", limits.memory_bytes.to_string()),
            ("memory.swap.max", "0".to_owned()),
            ("cpu.max", format!("{quota} 100000")),
        ];
        return vec![(mount.to_owned(), values)];
    }
    let first: [(&str, Vec<(&'static str, String)>); 3] = [
        ("pids", vec![("pids.max", limits.processes.to_string())]),
        ("memory", vec![("memory.limit_in_bytes", limits.memory_bytes.to_string())]),
        ("cpu", vec![("cpu.cfs_quota_us", quota.to_string())]),
    ];
    let there = first.into_iter().map(|(name, values)| (mount.join(name), values));
    there.filter(|(directory, _)| directory.join("cgroup.procs").exists()).collect()
}

/// Puts process `process` of a session into groups of its own. Returns how many controllers hold it.
pub(crate) fn confine(plan: &Plan, session: &str, process: u32) -> usize {
    let mut held = 0;
    for (mount, values) in layout(&plan.limits) {
        let directory = mount.join(&plan.group).join(session);
        if fs::create_dir_all(&directory).is_err() {
            continue;
        }
        if mount == Path::new(MOUNT) {
            let _ = fs::write(
                mount.join(&plan.group).join("cgroup.subtree_control"),
                "+pids +memory +cpu",
            );
        }
        let set =
            values.iter().filter(|(file, value)| fs::write(directory.join(file), value).is_ok());
        let count = set.count();
        if fs::write(directory.join("cgroup.procs"), process.to_string()).is_ok() {
            held += count;
        }
    }
    held
}

/// Removes groups whose sessions are over.
pub(crate) fn sweep(plan: &Plan) {
    for (mount, _) in layout(&plan.limits) {
        let Ok(sessions) = fs::read_dir(mount.join(&plan.group)) else { continue };
        // A group that is in use cannot be removed.
        sessions.flatten().for_each(|session| drop(fs::remove_dir(session.path())));
    }
}

/// Ends whatever is left in any session, and removes all groups.
pub(crate) fn clear(plan: &Plan) {
    for _ in 0..100 {
        let mut left = false;
        for (mount, _) in layout(&plan.limits) {
            let own = mount.join(&plan.group);
            end_all(&own);
            left |= fs::remove_dir(&own).is_err() && own.exists();
        }
        if !left {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn end_all(own: &Path) {
    for session in fs::read_dir(own).into_iter().flatten().flatten() {
        let processes = fs::read_to_string(session.path().join("cgroup.procs")).unwrap_or_default();
        let processes = processes.lines().filter_map(|line| line.parse().ok());
        processes.for_each(|process| drop(kakoi_kernel::kill(process)));
        let _ = fs::remove_dir(session.path());
    }
}

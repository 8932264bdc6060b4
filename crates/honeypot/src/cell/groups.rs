// SPDX-License-Identifier: Apache-2.0
//! Control groups: the kernel's version 2 where it has the controllers, else version 1, else none (limits of single
//! processes remain).

use std::collections::BTreeSet;
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

/// Puts process `process` of a session into groups of its own.
pub(crate) fn confine(plan: &Plan, slot: u64, process: u32) {
    for (mount, values) in layout(&plan.limits) {
        let directory = mount.join(&plan.group).join(slot.to_string());
        if !directory.exists() && !make(&mount, &directory, &values) {
            continue;
        }
        let _ = fs::write(directory.join("cgroup.procs"), process.to_string());
    }
}

fn make(mount: &Path, directory: &Path, values: &[(&'static str, String)]) -> bool {
    if fs::create_dir_all(directory).is_err() {
        return false;
    }
    if let Some(own) = directory.parent().filter(|_| mount == Path::new(MOUNT)) {
        let _ = fs::write(own.join("cgroup.subtree_control"), "+pids +memory +cpu");
    }
    for (file, value) in values {
        // A file that this kernel does not have limits nothing.
        let _ = fs::write(directory.join(file), value);
    }
    true
}

/// How many cells are made between two looks for groups whose sessions are over.
const PAUSE: u64 = 16;

/// Groups are made once and used again: to make and remove them takes longer than a process.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    used: BTreeSet<u64>,
    free: Vec<u64>,
    made: u64,
}

impl Slots {
    /// A group for the next cell.
    pub(crate) fn take(&mut self, plan: &Plan) -> u64 {
        self.made += 1;
        if self.made.is_multiple_of(PAUSE) {
            self.sweep(plan);
        }
        let slot = self.free.pop().unwrap_or(self.made);
        self.used.insert(slot);
        slot
    }

    /// A group without a process is free: cells are asked for one after another, so each has its group before the next.
    fn sweep(&mut self, plan: &Plan) {
        let mounts = layout(&plan.limits);
        let Some((mount, _)) = mounts.first() else { return };
        let own = mount.join(&plan.group);
        let free = &mut self.free;
        self.used.retain(|slot| {
            let path = own.join(slot.to_string()).join("cgroup.procs");
            let over = fs::read(path).is_ok_and(|processes| processes.is_empty());
            if over {
                free.push(*slot);
            }
            !over
        });
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

// SPDX-License-Identifier: Apache-2.0
//! Processes of ours inside a cell show as those of the device.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;

use rustix::process::{DumpableBehavior, set_dumpable_behavior};

/// Puts another name into the memory that `/proc/PID/cmdline` shows (words end with a zero byte; what has no room is cut), and
/// where `ps` looks for the short one (proc_pid_stat(5): fields 48 and 49 are the bounds of the arguments). Its memory is open
/// to itself only meanwhile.
pub(super) fn show_as(name: &str, command: &[u8]) -> io::Result<()> {
    set_dumpable_behavior(DumpableBehavior::Dumpable)?;
    let outcome = rename(name, command);
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    outcome
}

fn rename(name: &str, command: &[u8]) -> io::Result<()> {
    fs::write("/proc/self/comm", name)?;
    let stat = fs::read_to_string("/proc/self/stat")?;
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let mut bounds = rest.split_whitespace().skip(45).map(str::parse::<u64>);
    let (Some(Ok(from)), Some(Ok(to))) = (bounds.next(), bounds.next()) else {
        return Err(io::Error::other("no bounds of arguments"));
    };
    let room = usize::try_from(to.saturating_sub(from)).unwrap_or(0).min(4096);
    let mut text = vec![0; room];
    // The last byte stays zero.
    let most = room.saturating_sub(1);
    text.iter_mut().take(most).zip(command).for_each(|(place, byte)| *place = *byte);
    File::options().write(true).open("/proc/self/mem")?.write_all_at(&text, from)
}

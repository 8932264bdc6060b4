// SPDX-License-Identifier: Apache-2.0
//! The clock of records that BPF programs make (clock_gettime(2), `CLOCK_BOOTTIME`).

use std::time::Duration;

/// Time since boot, sleep included; none if the kernel cannot tell.
#[must_use]
pub fn since_boot() -> Option<Duration> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is ours and lives until the call returns.
    // JUSTIFICATION: the standard library's clocks stand still while the machine sleeps.
    #[allow(unsafe_code)]
    let result = unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &raw mut time) };
    let (seconds, rest) = (u64::try_from(time.tv_sec).ok()?, u32::try_from(time.tv_nsec).ok()?);
    (result == 0).then(|| Duration::new(seconds, rest))
}

// SPDX-License-Identifier: Apache-2.0
//! What /proc and /sys tell of file systems and processes.

use std::fs;

/// `KK_T_VERITY`
const VERITY: u8 = 2;
/// `KK_T_INITRAMFS`
const INITRAMFS: u8 = 8;

/// Devices (as the kernel numbers them) of file systems whose content is trusted, and why.
#[must_use]
pub(crate) fn trusted_devices() -> Vec<(u32, u8)> {
    let text = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    text.lines().filter_map(|line| trust_of(line, &is_verity)).collect()
}

/// One line of mountinfo (Documentation/filesystems/proc.rst §3.5).
fn trust_of(line: &str, is_verity: &dyn Fn(u32, u32) -> bool) -> Option<(u32, u8)> {
    let mut words = line.split(' ');
    let (major, minor) = words.nth(2)?.split_once(':')?;
    let (major, minor): (u32, u32) = (major.parse().ok()?, minor.parse().ok()?);
    let kind = words.skip_while(|word| *word != "-").nth(1)?;
    let device = major << 20 | minor & 0xf_ffff;
    if kind == "rootfs" {
        return Some((device, INITRAMFS));
    }
    is_verity(major, minor).then_some((device, VERITY))
}

/// Device mapper says so in the identifier of the device.
fn is_verity(major: u32, minor: u32) -> bool {
    fs::read_to_string(format!("/sys/dev/block/{major}:{minor}/dm/uuid"))
        .is_ok_and(|uuid| uuid.starts_with("CRYPT-VERITY-"))
}

/// Argument vectors of all processes that have one, by process.
#[must_use]
pub(crate) fn argument_vectors() -> Vec<(u32, Vec<u8>)> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let mut found: Vec<(u32, Vec<u8>)> = entries
        .filter_map(|entry| {
            let process: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
            let argv = fs::read(format!("/proc/{process}/cmdline")).ok()?;
            (!argv.is_empty()).then_some((process, argv))
        })
        .collect();
    found.sort_unstable();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_initial_ramfs_and_verity_are_trusted_and_a_tmpfs_is_not() {
        let rootfs = "1 1 0:2 / / rw - rootfs rootfs rw,size=1k";
        let tmpfs = "22 1 0:20 / /tmp rw,nosuid shared:3 - tmpfs tmpfs rw";
        let mapped = "23 1 253:1 / / ro - ext4 /dev/dm-1 ro";
        let verity = |major, minor| (major, minor) == (253, 1);
        assert_eq!(trust_of(rootfs, &verity), Some((2, INITRAMFS)));
        assert_eq!(trust_of(tmpfs, &verity), None);
        assert_eq!(trust_of(mapped, &verity), Some((253 << 20 | 1, VERITY)));
    }

    #[test]
    fn a_line_that_is_none_is_passed_over() {
        assert_eq!(trust_of("", &|_, _| true), None);
        assert_eq!(trust_of("1 2 x:y /", &|_, _| true), None);
    }
}

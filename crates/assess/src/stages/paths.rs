// SPDX-License-Identifier: Apache-2.0
//! What the place of a file says about it (Filesystem Hierarchy Standard 3.0, proc(5), null(4)).

/// The last name of a path.
pub(super) fn base(path: &str) -> &str {
    let path = path.trim_end_matches('/');
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// Does the path lie where the system keeps its programs?
pub(super) fn is_system_program(path: &str) -> bool {
    const PLACES: [&str; 8] = [
        "/bin/",
        "/sbin/",
        "/usr/bin/",
        "/usr/sbin/",
        "/usr/local/bin/",
        "/usr/local/sbin/",
        "/system/bin/",
        "/system/xbin/",
    ];
    PLACES.iter().any(|place| path.strip_prefix(place).is_some_and(|name| !name.contains('/')))
}

/// Is it a table of what is mounted?
pub(super) fn is_mount_table(path: &str) -> bool {
    matches!(path, "/proc/mounts" | "/proc/self/mounts" | "/proc/self/mountinfo" | "/etc/mtab")
}

/// A sink or terminal: what is written there is not kept.
pub(super) fn is_sink(path: &str) -> bool {
    matches!(path, "/dev/null" | "/dev/stdout" | "/dev/stderr" | "/dev/tty" | "/dev/console" | "-")
        || path.starts_with("/dev/fd/")
        || path.starts_with("/proc/self/fd/")
}

/// A source of noise.
pub(super) fn is_noise(path: &str) -> bool {
    matches!(path, "/dev/urandom" | "/dev/random" | "/dev/zero" | "/dev/full")
}

/// A connection of bash: `/dev/tcp/HOST/PORT`.
pub(super) fn is_connection(path: &str) -> bool {
    path.starts_with("/dev/tcp/") || path.starts_with("/dev/udp/")
}

/// Does it describe the system rather than hold something to run?
pub(super) fn is_description(path: &str) -> bool {
    (path.starts_with("/proc/") && !path.ends_with("/exe"))
        || path.starts_with("/sys/")
        || path.starts_with("/etc/")
}

/// A log or history, whose removal or emptying hides traces.
pub(super) fn is_trace(path: &str) -> bool {
    const NAMES: [&str; 5] = ["wtmp", "utmp", "btmp", "lastlog", "syslog"];
    let name = base(path);
    path.contains("/var/log/")
        || path.ends_with("/var/log")
        || (name.ends_with("_history") && name.starts_with('.'))
        || NAMES.contains(&name)
        || (path.contains("/mail/") && path.contains("/var/"))
}

/// A place from which the system or a login takes orders: writing there is persistence or damage.
pub(super) fn is_setting(path: &str) -> bool {
    const PARTS: [&str; 5] = ["/.ssh/", "/cron", "/init.d/", "/systemd/", "/rc.d/"];
    const NAMES: [&str; 9] = [
        "authorized_keys",
        ".bashrc",
        ".profile",
        ".bash_profile",
        "rc.local",
        "passwd",
        "shadow",
        "crontab",
        "resolv.conf",
    ];
    let name = base(path);
    let in_etc = path.strip_prefix("/etc/").is_some_and(|rest| !rest.starts_with('.'));
    in_etc
        || path.ends_with("/.ssh")
        || name == ".ssh"
        || PARTS.iter().any(|part| path.contains(part))
        || (NAMES.contains(&name) && !path.starts_with("/tmp/"))
        || (in_kernel_tree(path) && !name.starts_with('.'))
}

/// Files there are the kernel's; a hidden name is none of them, and only tries whether it can be made.
fn in_kernel_tree(path: &str) -> bool {
    path.starts_with("/proc/") || path.starts_with("/sys/")
}

/// A device below `/dev`: neither hidden file nor sink, so that writing there is not keeping a file.
pub(super) fn is_device(path: &str) -> bool {
    const KINDS: [&str; 12] = [
        "sd", "hd", "vd", "xvd", "mmcblk", "mtd", "nvme", "ram", "loop", "ubi", "watchdog", "misc",
    ];
    let Some(name) = path.strip_prefix("/dev/") else { return false };
    let name = name.rsplit(['/', '-']).next().unwrap_or(name);
    KINDS.iter().any(|kind| name.strip_prefix(kind).is_some_and(|rest| rest.len() <= 10))
        || matches!(name, "root" | "mem" | "kmem")
}

/// Would removing this, with all beneath, destroy the system? Temporary places would not.
pub(super) fn is_vital_tree(path: &str) -> bool {
    const PASSING: [&str; 8] = ["tmp", "var", "dev", "mnt", "run", "root", "home", "data"];
    if path == "/" || path == "/*" {
        return true;
    }
    let Some(rest) = path.strip_prefix('/') else { return false };
    let top = rest.trim_end_matches("/*").trim_end_matches('/');
    let whole = !top.contains('/') && (rest.ends_with("/*") || is_standard_top(top));
    whole && !PASSING.contains(&top)
}

/// Directories that the root of every Linux system has.
fn is_standard_top(name: &str) -> bool {
    matches!(
        name,
        "bin" | "boot" | "etc" | "lib" | "lib64" | "opt" | "proc" | "sbin" | "srv" | "sys" | "usr"
    )
}

/// The directory in which a login begins.
pub(super) fn is_home(path: &str) -> bool {
    matches!(path, "" | "~" | "~/" | "/root" | "/root/")
}

/// A script that starts and stops a service of the system.
pub(super) fn is_service_script(path: &str) -> bool {
    path.starts_with("/etc/init.d/") || path.starts_with("/etc/rc.d/")
}

/// Is the file a script by its name?
pub(super) fn is_script_name(path: &str) -> bool {
    const ENDINGS: [&str; 10] =
        [".sh", ".pl", ".py", ".php", ".lua", ".rb", ".bash", ".js", ".awk", ".rsc"];
    ENDINGS.iter().any(|ending| base(path).ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_told_from_files_in_dev() {
        for path in ["/dev/sda", "/dev/mtdblock0", "/dev/mmcblk0p1", "/dev/root"] {
            assert!(is_device(path), "{path}");
        }
        for path in ["/dev/.nippon", "/dev/shm/x", "/dev/null", "/tmp/sda"] {
            assert!(!is_device(path), "{path}");
        }
    }

    #[test]
    fn removing_the_tree_is_told_from_tidying_up() {
        for path in ["/", "/*", "/etc", "/usr/*", "/bin/"] {
            assert!(is_vital_tree(path), "{path}");
        }
        for path in ["/tmp/*", "/var/*", "*", "/var/log/wtmp", "/data/local/tmp/*", "/mnt"] {
            assert!(!is_vital_tree(path), "{path}");
        }
    }

    #[test]
    fn keys_and_start_up_files_are_settings() {
        for path in ["~/.ssh/authorized_keys", "/etc/rc.local", "/var/spool/cron/root", "~/.ssh"] {
            assert!(is_setting(path), "{path}");
        }
        for path in ["/etc/.misa", "/tmp/passwd", ".x", "x86"] {
            assert!(!is_setting(path), "{path}");
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
//! The file system of a cell: the persona below, what the session writes above, nothing of the host.

use std::ffi::CStr;
use std::ffi::CString;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat, openat};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, MountPropagationFlags, UnmountFlags,
    fsconfig_create, fsmount, fsopen, mount, mount_bind, mount_change, mount_move, unmount,
};
use rustix::process::pivot_root;

use super::plan::{Emulator, Plan};
use crate::error::{During, Error};

/// Device nodes: name, major and minor number (Documentation/admin-guide/devices.txt).
const DEVICES: [(&str, u32, u32); 6] = [
    ("null", 1, 3),
    ("zero", 1, 5),
    ("full", 1, 7),
    ("random", 1, 8),
    ("urandom", 1, 9),
    ("tty", 5, 0),
];

/// What is left open of the way in.
pub(crate) struct Root {
    /// Keeps the emulator registered.
    pub(crate) formats: Option<OwnedFd>,
}

/// As root of the host, before the cell is made: file systems that then look like those of a device. In one that a user
/// namespace mounts, nodes cannot be made, and its options show the host's user.
pub(crate) fn prepare(plan: &Plan, user: u32) -> Result<(), Error> {
    keep_mounts_private()?;
    let flags = MountFlags::NOSUID | MountFlags::NOEXEC;
    mount_tmpfs(&plan.devices, flags, "size=512k,nr_inodes=256,mode=755")?;
    for (name, major, minor) in DEVICES {
        let node = plan.devices.join(name);
        let device = rustix::fs::makedev(major, minor);
        mknodat(CWD, &node, FileType::CharacterDevice, Mode::from_raw_mode(0o666), device)
            .during(|| format!("make {}", node.display()))?;
        // The umask of the server must not show.
        fs::set_permissions(&node, fs::Permissions::from_mode(0o666))
            .during(|| format!("chmod {}", node.display()))?;
        give(&node, user)?;
    }
    mount_tmpfs(&plan.temporary, TEMPORARY, &temporary_options(plan))?;
    facade(plan)?;
    give(&plan.devices, user)?;
    give(&plan.temporary, user)
}

/// Files in place of those of /proc, which nobody in the cell may write.
fn facade(plan: &Plan) -> Result<(), Error> {
    if plan.proc.is_empty() {
        return Ok(());
    }
    mount_tmpfs(
        &plan.facade,
        MountFlags::NOSUID | MountFlags::NOEXEC,
        "size=1m,nr_inodes=256,mode=755",
    )?;
    for (number, text) in plan.proc.values().enumerate() {
        let path = plan.facade.join(number.to_string());
        fs::write(&path, text)
            .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o444)))
            .during(|| format!("write {}", path.display()))?;
    }
    Ok(())
}

/// In the cell: puts them in their places. What this kernel does not have stays away.
fn hide_proc(plan: &Plan, proc: &Path) -> Result<(), Error> {
    if plan.user.is_none() {
        return Ok(());
    }
    for (number, name) in plan.proc.keys().enumerate() {
        let place = proc.join(name);
        if fs::symlink_metadata(&place).is_ok_and(|data| data.is_file()) {
            mount_bind(plan.facade.join(number.to_string()), &place)
                .during(|| format!("bind /proc/{name}"))?;
        }
    }
    Ok(())
}

fn mount_tmpfs(place: &Path, flags: MountFlags, options: &str) -> Result<(), Error> {
    mount("tmpfs", place, "tmpfs", flags, Some(data(options)?.as_c_str()))
        .during(|| format!("mount {}", place.display()))
}

fn give(place: &Path, user: u32) -> Result<(), Error> {
    chown(place, Some(user), Some(user)).during(|| format!("chown {}", place.display()))
}

/// Flags of /tmp.
const TEMPORARY: MountFlags = MountFlags::NOSUID.union(MountFlags::NODEV);

/// Half of what a session may write goes to /tmp.
fn temporary_options(plan: &Plan) -> String {
    let limits = &plan.limits;
    format!("size={},nr_inodes={},mode=1777", limits.disk_bytes / 2, limits.files / 2 + 16)
}

/// Mounts made from here on stay here.
pub(crate) fn keep_mounts_private() -> Result<(), Error> {
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
        .during(|| "make mounts private".to_owned())
}

/// In the cell: makes the root and leaves everything else behind.
pub(crate) fn enter(plan: &Plan) -> Result<Root, Error> {
    keep_mounts_private()?;
    let stage = plan.stage.as_path();
    let limits = &plan.limits;
    let half = limits.disk_bytes / 2;
    let size = format!("size={half},nr_inodes={},mode=755", limits.files / 2 + 16);
    mount("tmpfs", stage, "tmpfs", MountFlags::NODEV, Some(data(&size)?.as_c_str()))
        .during(|| format!("mount {}", stage.display()))?;
    for directory in
        ["rom", "proc", "dev", "tmp", "overlay", "overlay/upper", "overlay/work", "root"]
    {
        fs::create_dir(stage.join(directory)).during(|| format!("make {directory}"))?;
    }
    mount_bind(&plan.root, stage.join("rom")).during(|| "bind the persona".to_owned())?;
    mount("proc", stage.join("proc"), "proc", MountFlags::empty(), None::<&CStr>)
        .during(|| "mount proc (the host's must be fully visible)".to_owned())?;
    hide_proc(plan, &stage.join("proc"))?;
    devices(plan, &stage.join("dev"))?;
    temporary(plan, &stage.join("tmp"))?;
    let formats = plan.emulator.as_ref().map(register).transpose()?;
    swap_root(stage)?;
    overlay()?;
    for (from, to) in [("/proc", "/root/proc"), ("/dev", "/root/dev"), ("/tmp", "/root/tmp")] {
        fs::create_dir_all(to).during(|| format!("make {to}"))?;
        mount_move(from, to).during(|| format!("move {from}"))?;
    }
    terminals()?;
    swap_root(Path::new("/root"))?;
    Ok(Root { formats })
}

/// The new root is this directory, and the old one is gone.
fn swap_root(root: &Path) -> Result<(), Error> {
    std::env::set_current_dir(root).during(|| format!("enter {}", root.display()))?;
    pivot_root(".", ".").during(|| "pivot_root".to_owned())?;
    unmount(".", UnmountFlags::DETACH).during(|| "leave the old root".to_owned())?;
    std::env::set_current_dir("/").during(|| "enter the new root".to_owned())
}

/// The persona below, a file system in memory above. The names are those that OpenWrt shows in /proc/mounts.
fn overlay() -> Result<(), Error> {
    let layers = "lowerdir=/rom,upperdir=/overlay/upper,workdir=/overlay/work";
    let try_with = |options: &str| -> io::Result<()> {
        let options = data_io(options)?;
        mount(
            "overlayfs:/overlay",
            "/root",
            "overlay",
            MountFlags::NOATIME,
            Some(options.as_c_str()),
        )?;
        Ok(())
    };
    try_with(&format!("{layers},userxattr"))
        .or_else(|_| try_with(layers))
        .during(|| "mount overlay (Linux 5.11 or later)".to_owned())
}

/// Device nodes made by root, or the host's bound one by one.
fn devices(plan: &Plan, place: &Path) -> Result<(), Error> {
    if plan.user.is_some() {
        return mount_bind(&plan.devices, place).during(|| "bind devices".to_owned());
    }
    mount_tmpfs(place, MountFlags::NOSUID, "size=512k,nr_inodes=256,mode=755")?;
    for (name, _, _) in DEVICES {
        let node = place.join(name);
        fs::write(&node, "").during(|| format!("make {name}"))?;
        mount_bind(Path::new("/dev").join(name), &node).during(|| format!("bind {name}"))?;
    }
    Ok(())
}

fn terminals() -> Result<(), Error> {
    let place = Path::new("/root/dev");
    fs::create_dir(place.join("pts")).during(|| "make dev/pts".to_owned())?;
    let options = data("newinstance,ptmxmode=0666,mode=600")?;
    mount("devpts", place.join("pts"), "devpts", MountFlags::NOSUID, Some(options.as_c_str()))
        .during(|| "mount devpts".to_owned())?;
    let links = [
        ("pts/ptmx", "ptmx"),
        ("/proc/self/fd", "fd"),
        ("/proc/self/fd/0", "stdin"),
        ("/proc/self/fd/1", "stdout"),
        ("/proc/self/fd/2", "stderr"),
        ("null", "console"),
    ];
    links.iter().try_for_each(|(target, name)| {
        symlink(target, place.join(name)).during(|| format!("link {name}"))
    })
}

fn temporary(plan: &Plan, place: &Path) -> Result<(), Error> {
    if plan.user.is_some() {
        return mount_bind(&plan.temporary, place).during(|| "bind tmp".to_owned());
    }
    mount_tmpfs(place, TEMPORARY, &temporary_options(plan))
}

/// Registers an emulator in this user namespace alone (Linux 6.7). The mount is never attached anywhere.
fn register(emulator: &Emulator) -> Result<OwnedFd, Error> {
    let during = || "binfmt_misc in a user namespace (Linux 6.7 or later)".to_owned();
    let context = fsopen("binfmt_misc", FsOpenFlags::FSOPEN_CLOEXEC).during(during)?;
    fsconfig_create(&context).during(during)?;
    let mounted =
        fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty()).during(during)?;
    let file = openat(&mounted, "register", OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())
        .during(during)?;
    rustix::io::write(&file, emulator.registration.as_bytes())
        .during(|| format!("register {}", emulator.program.display()))?;
    Ok(mounted)
}

fn data(text: &str) -> Result<CString, Error> {
    data_io(text).during(|| "mount options".to_owned())
}

fn data_io(text: &str) -> io::Result<CString> {
    CString::new(text).map_err(io::Error::other)
}

// SPDX-License-Identifier: Apache-2.0
//! The guest's root file system: BusyBox, dropbear and the C library, as Debian packages them, and what
//! a job adds. A device in small: users, start-up files, a folder that can be written, and one that was shipped.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Context;
use kakoi_arena::cpio::Archive;

use super::kernels::{self, Architecture};
use super::packages::{self, Installed};

/// What is at a path.
#[derive(Debug, Clone)]
pub enum Entry {
    Directory(u32),
    File(u32, Vec<u8>),
    Link(String),
    /// A character device: mode, major, minor.
    Device(u32, u32, u32),
}

/// What a job adds to the root: path without a leading slash, and what is there.
pub type Files = BTreeMap<String, Entry>;

/// Packages of the userland, with what is taken from each.
const USERLAND: &[&str] = &[
    "busybox-static",
    "dropbear-bin",
    "libc6",
    "libcrypt1",
    "libtomcrypt1",
    "libtommath1",
    "libgmp10",
    "zlib1g",
    "dash",
];
const LIBRARIES: &[&str] = &[
    "libc.so.6",
    "libcrypt.so.1",
    "libtomcrypt.so.1",
    "libtommath.so.1",
    "libgmp.so.10",
    "libz.so.1",
    "libm.so.6",
    "libpthread.so.0",
    "libdl.so.2",
    "libutil.so.1",
    "libresolv.so.2",
];

/// The user of the guests, and root; both with the password `inert`.
pub const PASSWORD: &str = "inert";
const HASH: &str = "$1$kakoi$t/EllL/gefMs8dOmJVh9g/";

const FOLDERS: &[&str] = &[
    "bin",
    "sbin",
    "usr",
    "usr/bin",
    "usr/sbin",
    "usr/lib",
    "usr/lib/more",
    "lib",
    "lib64",
    "dev",
    "proc",
    "sys",
    "tmp",
    "run",
    "etc",
    "etc/config",
    "etc/kakoi",
    "etc/crontabs",
    "etc/init.d",
    "etc/hotplug.d",
    "etc/hotplug.d/usb",
    "etc/dropbear",
    "root",
    "root/.ssh",
    "home",
    "home/admin",
    "mnt",
    "mnt/usb",
    "opt",
    "data",
    "var",
    "var/run",
    "var/log",
    "www",
    "kakoi",
    "kakoi/modules",
];

/// The archive for a kernel: userland, its modules, and the job's files.
pub fn archive(
    architecture: &Architecture,
    kernel: &Installed,
    files: &Files,
) -> anyhow::Result<Vec<u8>> {
    let mut entries = userland(architecture)?;
    let mut order = String::new();
    for module in packages::MODULES {
        let file = kernel.modules.join(format!("{module}.ko"));
        if let Ok(bytes) = fs::read(&file) {
            entries.insert(format!("kakoi/modules/{module}.ko"), Entry::File(0o644, bytes));
            order.push_str(module);
            order.push('\n');
        }
    }
    entries.insert("kakoi/modules/order".to_owned(), Entry::File(0o644, order.into_bytes()));
    entries.extend(files.clone());
    let mut archive = Archive::new(Vec::new());
    // Folders come before what is in them: the map is ordered.
    for (path, entry) in &entries {
        match entry {
            Entry::Directory(mode) => archive.folder(path, *mode)?,
            Entry::File(mode, content) => archive.file(path, *mode, content)?,
            Entry::Link(target) => archive.link(path, target)?,
            Entry::Device(mode, major, minor) => archive.device(path, *mode, (*major, *minor))?,
        }
    }
    Ok(archive.finish()?)
}

/// The file of the host, to be run in the guest.
pub fn program(path: &Path) -> anyhow::Result<Entry> {
    Ok(Entry::File(0o755, fs::read(path).with_context(|| path.display().to_string())?))
}

fn userland(architecture: &Architecture) -> anyhow::Result<Files> {
    let whole = packages::store().join("userland").join(architecture.name);
    fetch(architecture)?;
    let mut files: Files =
        FOLDERS.iter().map(|path| ((*path).to_owned(), Entry::Directory(0o755))).collect();
    for folder in ["tmp", "home/admin"] {
        files.insert(folder.to_owned(), Entry::Directory(0o1777));
    }
    files.insert("dev/console".to_owned(), Entry::Device(0o600, 5, 1));
    files.insert("dev/null".to_owned(), Entry::Device(0o666, 1, 3));
    // Debian's `busybox` runs applets by exec, as most devices' do; its `busybox-static`, which runs them
    // within the shell, has those that the other lacks: telnetd, crond, passwd.
    files.insert("bin/busybox".to_owned(), program(&whole.join("dynamic/bin/busybox"))?);
    files.insert("usr/lib/more/busybox".to_owned(), program(&whole.join("bin/busybox"))?);
    for (place, target) in [("dynamic", "/bin/busybox"), ("", "/usr/lib/more/busybox")] {
        for path in applets(place)? {
            files.entry(path).or_insert_with(|| Entry::Link(target.to_owned()));
        }
    }
    libraries(architecture, &whole, &mut files)?;
    files.insert("kakoi/driver".to_owned(), program(&whole.join("bin/dash"))?);
    for name in ["usr/sbin/dropbear", "usr/bin/dropbearkey", "usr/bin/dbclient"] {
        files.insert(name.to_owned(), program(&whole.join(name))?);
    }
    for (path, mode, text) in TEXTS {
        let text = text.replace("HASH", HASH);
        files.insert((*path).to_owned(), Entry::File(*mode, text.into_bytes()));
    }
    Ok(files)
}

fn fetch(architecture: &Architecture) -> anyhow::Result<()> {
    let whole = packages::store().join("userland").join(architecture.name);
    let names = |list: &[&str]| -> Vec<String> {
        list.iter().map(|name| format!("{name}/bookworm")).collect()
    };
    packages::unpacked(architecture, &names(USERLAND), &whole)?;
    packages::unpacked(architecture, &names(&["busybox"]), &whole.join("dynamic"))
}

/// Where links to BusyBox lie: what BusyBox itself says, run on the host.
fn applets(place: &str) -> anyhow::Result<Vec<String>> {
    fetch(&kernels::AMD64)?;
    let host = packages::store().join("userland/amd64").join(place);
    let output = Command::new(host.join("bin/busybox")).arg("--list-full").output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let skipped = ["linuxrc", "init", "sbin/init", "bin/busybox"];
    let paths = text.lines().map(|path| path.trim_start_matches('/'));
    Ok(paths.filter(|path| !skipped.contains(path)).map(str::to_owned).collect())
}

fn libraries(architecture: &Architecture, whole: &Path, files: &mut Files) -> anyhow::Result<()> {
    for name in LIBRARIES.iter().chain([&architecture.loader]) {
        let found = ["lib", "usr/lib", "usr/lib/more", "lib64"].iter().find_map(|folder| {
            let folder = whole.join(folder);
            let deeper = fs::read_dir(&folder).into_iter().flatten().flatten().map(|at| at.path());
            let mut places: Vec<_> = deeper.filter(|path| path.is_dir()).collect();
            places.push(folder.clone());
            places.into_iter().map(|place| place.join(name)).find(|path| path.exists())
        });
        if let Some(found) = found {
            files.insert(format!("lib/{name}"), program(&found)?);
        }
    }
    let loader = architecture.loader;
    anyhow::ensure!(files.contains_key(&format!("lib/{loader}")), "libc6 has no {loader}");
    files.insert(format!("lib64/{loader}"), Entry::Link(format!("/lib/{loader}")));
    Ok(())
}

const TEXTS: &[(&str, u32, &str)] = &[
    (
        "etc/passwd",
        0o644,
        "root:x:0:0:root:/root:/bin/sh\nadmin:x:1000:1000:admin:/home/admin:/bin/sh\n",
    ),
    ("etc/group", 0o644, "root:x:0:\nadmin:x:1000:\n"),
    ("etc/shadow", 0o600, "root:HASH:19000:0:99999:7:::\nadmin:HASH:19000:0:99999:7:::\n"),
    ("etc/shells", 0o644, "/bin/sh\n/bin/ash\n"),
    ("etc/hostname", 0o644, "guest\n"),
    ("etc/securetty", 0o644, "pts/0\npts/1\npts/2\npts/3\npts/4\n"),
    ("etc/inittab", 0o644, "::sysinit:/etc/init.d/rcS\n"),
    ("etc/rc.local", 0o755, "#!/bin/sh\n"),
    ("etc/config/network", 0o644, "config interface lan\n"),
    ("etc/init.d/rcS", 0o755, "#!/bin/sh\n"),
    ("init", 0o755, INIT),
    ("kakoi/rig.sh", 0o644, RIG),
];

/// The first process: sets the guest up, runs the job, says how it ended, switches off.
const INIT: &str = r#"#!/bin/busybox sh
export PATH=/bin:/sbin:/usr/bin:/usr/sbin
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts none /dev/pts
mount -t tmpfs none /tmp
mount -t tmpfs none /run
mount -t securityfs none /sys/kernel/security 2>/dev/null
mount -t tracefs none /sys/kernel/tracing 2>/dev/null
mount -t bpf none /sys/fs/bpf 2>/dev/null
mount -t cgroup2 none /sys/fs/cgroup 2>/dev/null
chmod 1777 /tmp
hostname guest
for module in $(cat /kakoi/modules/order); do insmod /kakoi/modules/$module.ko 2>/dev/null; done
ip link set lo up
if [ -e /kakoi/network ]; then
    n=0; while [ ! -e /sys/class/net/eth0 ] && [ $n -lt 50 ]; do usleep 100000; n=$((n+1)); done
    ip link set eth0 up && ip addr add 10.0.2.15/24 dev eth0 && ip route add default via 10.0.2.2
fi
. /kakoi/rig.sh
say up "$(uname -r) $(cut -d' ' -f1 /proc/uptime)"
sh /kakoi/start < /dev/null > /tmp/.start 2>&1
code=$?
while read -r line; do say out "$line"; done < /tmp/.start
say end "$code $(cut -d' ' -f1 /proc/uptime)"
poweroff -f
"#;

/// What the scripts of jobs share. A result is one line of the kernel's log, so that it is never mixed
/// with what the kernel says.
const RIG: &str = r#"say() { echo "<2>@@ $*" > /dev/kmsg; }
"#;

// SPDX-License-Identifier: Apache-2.0
//! What an intruder finds: a root directory.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::{PermissionsExt, chown, lchown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cell::plan::Emulator;
use crate::config::Config;
use crate::error::{During, Error, fail};

/// A persona, laid out.
pub(crate) struct Persona {
    /// Processor architecture of its programs, as `uname -m` has it.
    pub(crate) architecture: &'static str,
    /// How they run, if not by this machine's processor.
    pub(crate) emulator: Option<Emulator>,
}

/// Directories of the default persona.
const DIRECTORIES: [&str; 16] = [
    "bin",
    "dev",
    "etc",
    "etc/init.d",
    "home",
    "lib",
    "mnt",
    "proc",
    "root",
    "sbin",
    "sys",
    "tmp",
    "usr",
    "usr/bin",
    "usr/sbin",
    "var",
];

/// Files of the default persona.
const FILES: [(&str, &str); 7] = [
    ("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/var:/bin/false\n"),
    ("etc/group", "root:x:0:\nnogroup:x:65534:\n"),
    ("etc/inittab", "::sysinit:/etc/init.d/rcS\n::ctrlaltdel:/sbin/reboot\n"),
    ("etc/hosts", "127.0.0.1\tlocalhost\n"),
    ("etc/resolv.conf", "nameserver 192.168.1.1\n"),
    ("etc/profile", "export PATH=/bin:/sbin:/usr/bin:/usr/sbin\n"),
    ("etc/init.d/rcS", "#!/bin/sh\n:\n"),
];

/// Lays the persona out below `root`, for a user of the host if the server is root.
pub(crate) fn lay_out(config: &Config, root: &Path, user: Option<u32>) -> Result<Persona, Error> {
    match &config.rootfs {
        Some(from) => copy_tree(from, root).during(|| format!("copy {}", from.display()))?,
        None => from_busybox(config, root)?,
    }
    // Said before anything is missed that only a root directory has.
    let persona = architecture(root)?;
    fs::create_dir_all(root.join("etc")).during(|| "make etc".to_owned())?;
    fs::write(root.join("etc/hostname"), format!("{}\n", config.hostname))
        .during(|| "etc/hostname".to_owned())?;
    for directory in ["proc", "dev", "tmp", "root"] {
        fs::create_dir_all(root.join(directory)).during(|| format!("make {directory}"))?;
    }
    give(root, user).during(|| "give the persona to its user".to_owned())?;
    Ok(persona)
}

/// Files of /proc that differ from the host's: those that are set, and what follows from them.
pub(crate) fn proc_files(config: &Config) -> BTreeMap<String, String> {
    let mut files = config.proc.clone();
    for (name, text) in
        [("sys/kernel/osrelease", &config.release), ("sys/kernel/version", &config.build)]
    {
        if !text.is_empty() {
            files.entry(name.to_owned()).or_insert_with(|| format!("{text}\n"));
        }
    }
    files
}

/// One program and its names.
fn from_busybox(config: &Config, root: &Path) -> Result<(), Error> {
    let busybox = &config.busybox;
    for directory in DIRECTORIES {
        fs::create_dir_all(root.join(directory)).during(|| format!("make {directory}"))?;
    }
    fs::copy(busybox, root.join("bin/busybox"))
        .during(|| format!("copy {} (Debian package busybox-static)", busybox.display()))?;
    for (name, content) in FILES {
        fs::write(root.join(name), content).during(|| format!("write {name}"))?;
    }
    executable(&root.join("etc/init.d/rcS"))?;
    executable(&root.join("bin/busybox"))?;
    let during = || format!("ask {} for its applets", busybox.display());
    let mut asked = match look_at(busybox)?.emulator {
        Some(emulator) => {
            let mut command = Command::new(emulator.program);
            command.arg(busybox);
            command
        }
        None => Command::new(busybox),
    };
    let list = asked.arg("--list-full").env_clear().output().during(during)?.stdout;
    for path in String::from_utf8_lossy(&list).lines() {
        let path = path.trim_start_matches('/');
        if path.is_empty() || path.split('/').any(|part| part == "..") || path == "bin/busybox" {
            continue;
        }
        let place = root.join(path);
        if let Some(parent) = place.parent() {
            fs::create_dir_all(parent).during(|| format!("make {}", parent.display()))?;
        }
        // Two applets of one path would be a mistake of BusyBox; the first stays.
        let _ = symlink("/bin/busybox", place);
    }
    Ok(())
}

fn executable(path: &Path) -> Result<(), Error> {
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
        .during(|| format!("chmod {}", path.display()))
}

/// Where services of devices are, for those that are named without a path.
const PLACES: [&str; 6] = ["usr/sbin", "sbin", "usr/bin", "bin", "usr/local/sbin", "usr/local/bin"];

/// The command of a service, with its program by its path in the persona.
pub(crate) fn find_program(root: &Path, command: &[String]) -> Result<Vec<String>, Error> {
    let [name, arguments @ ..] = command else {
        return Err(fail("find the service", "its command is empty"));
    };
    // A link may lead anywhere in the persona; it is followed there.
    let is_there =
        |path: &Path| fs::symlink_metadata(root.join(path)).is_ok_and(|data| !data.is_dir());
    let bare = name.trim_start_matches('/');
    let mut candidates: Vec<PathBuf> = vec![PathBuf::from(bare)];
    if !name.contains('/') {
        candidates = PLACES.iter().map(|place| Path::new(place).join(name)).collect();
    }
    let found = candidates.into_iter().find(|path| is_there(path));
    let Some(found) = found else {
        return Err(fail("find the service", format!("there is no {name} in the persona")));
    };
    let program = format!("/{}", found.display());
    Ok(std::iter::once(program).chain(arguments.iter().cloned()).collect())
}

/// Copies directories, files and links; nothing is followed, devices and sockets are left out.
fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    let mut left: Vec<PathBuf> = vec![PathBuf::new()];
    while let Some(directory) = left.pop() {
        fs::create_dir_all(to.join(&directory))?;
        for entry in fs::read_dir(from.join(&directory))? {
            let entry = entry?;
            let name = directory.join(entry.file_name());
            let kind = entry.file_type()?;
            if kind.is_dir() {
                left.push(name);
            } else if kind.is_symlink() {
                symlink(fs::read_link(entry.path())?, to.join(&name))?;
            } else if kind.is_file() {
                fs::copy(entry.path(), to.join(&name))?;
            }
        }
    }
    Ok(())
}

/// Owner of everything is the root of the cells, who may read and write it.
fn give(root: &Path, user: Option<u32>) -> io::Result<()> {
    let mut left = vec![root.to_owned()];
    while let Some(directory) = left.pop() {
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755))?;
        if let Some(user) = user {
            chown(&directory, Some(user), Some(user))?;
        }
        for entry in fs::read_dir(&directory)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                left.push(entry.path());
            } else if let Some(user) = user {
                lchown(entry.path(), Some(user), Some(user))?;
            }
        }
    }
    Ok(())
}

/// Architectures that qemu-user runs: `e_machine`, is it little-endian, class, name, emulator.
const FOREIGN: [(u16, bool, u8, &str, &str); 6] = [
    (8, true, 1, "mips", "qemu-mipsel-static"),
    (8, false, 1, "mips", "qemu-mips-static"),
    (40, true, 1, "armv7l", "qemu-arm-static"),
    (40, false, 1, "armv7b", "qemu-armeb-static"),
    (183, true, 2, "aarch64", "qemu-aarch64-static"),
    (62, true, 2, "x86_64", "qemu-x86_64-static"),
];

/// The architecture of the persona's shell, and what runs it here.
fn architecture(root: &Path) -> Result<Persona, Error> {
    let shell = ["bin/busybox", "bin/sh", "bin/ash"].iter().map(|name| root.join(name));
    let shell =
        shell.into_iter().find(|path| fs::symlink_metadata(path).is_ok_and(|data| data.is_file()));
    let shell = shell
        .ok_or_else(|| fail("look at the persona", "neither bin/busybox nor bin/sh is a file"))?;
    look_at(&shell)
}

/// The architecture of a program, and what runs it here.
fn look_at(program: &Path) -> Result<Persona, Error> {
    let mut header = [0_u8; 20];
    fs::File::open(program)
        .and_then(|mut file| file.read_exact(&mut header))
        .during(|| format!("read {}", program.display()))?;
    let little = header[5] == 1;
    let machine = [header[18], header[19]];
    let machine = if little { u16::from_le_bytes(machine) } else { u16::from_be_bytes(machine) };
    let known = FOREIGN.iter().find(|(number, order, class, ..)| {
        *number == machine && *order == little && *class == header[4]
    });
    let Some((_, _, class, name, emulator)) = known else {
        return Err(fail(
            "look at the persona",
            format!("programs of ELF machine {machine} do not run here"),
        ));
    };
    if *name == std::env::consts::ARCH {
        return Ok(Persona { architecture: name, emulator: None });
    }
    let program = Path::new("/usr/bin").join(emulator);
    if !program.exists() {
        let reason = format!("{} is missing (Debian package qemu-user-static)", program.display());
        return Err(fail("run programs of another architecture", reason));
    }
    let registration = registration(emulator, &program, *class, little, machine);
    Ok(Persona { architecture: name, emulator: Some(Emulator { program, registration }) })
}

/// A line for binfmt_misc (Documentation/admin-guide/binfmt-misc.rst): class, byte order, kind and machine of ELF are
/// compared. `P` keeps the name under which a program was started, `F` opens the emulator now.
fn registration(name: &str, program: &Path, class: u8, little: bool, machine: u16) -> String {
    let order = if little { 1 } else { 2 };
    let half = |value: u16| if little { value.to_le_bytes() } else { value.to_be_bytes() };
    let mut magic = vec![0x7f, b'E', b'L', b'F', class, order, 1, 0];
    magic.extend([0; 8]);
    magic.extend(half(2));
    magic.extend(half(machine));
    let mut mask = vec![0xff; 7];
    mask.extend([0; 9]);
    // Programs and shared objects differ in the lowest bit of the kind.
    mask.extend(half(0xfffe));
    mask.extend([0xff; 2]);
    let text = |bytes: &[u8]| bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect::<String>();
    format!(":{name}:M::{}:{}:{}:PF", text(&magic), text(&mask), program.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registration_names_class_order_and_machine() {
        let line = registration("q", Path::new("/q"), 1, false, 8);
        assert!(line.starts_with(":q:M::\\x7f\\x45\\x4c\\x46\\x01\\x02\\x01"), "{line}");
        assert!(line.contains("\\x00\\x02\\x00\\x08:"), "{line}");
        assert!(line.ends_with("\\xff\\xfe\\xff\\xff:/q:PF"), "{line}");
    }

    #[test]
    fn a_tree_is_copied_with_links_as_they_are() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir(from.path().join("bin")).unwrap();
        fs::write(from.path().join("bin/x"), "x").unwrap();
        symlink("/etc/passwd", from.path().join("bin/y")).unwrap();
        copy_tree(from.path(), to.path()).unwrap();
        assert_eq!(fs::read_to_string(to.path().join("bin/x")).unwrap(), "x");
        assert_eq!(fs::read_link(to.path().join("bin/y")).unwrap(), Path::new("/etc/passwd"));
    }
}

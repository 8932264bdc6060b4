// SPDX-License-Identifier: Apache-2.0
//! A root file system made ready to boot.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use anyhow::Context;
use kakoi_model::{Container, ContainerId, Facts, FileKind, StartMechanism, StartUp};

/// What boot.sh needs to know.
pub struct Guest {
    pub root: PathBuf,
    /// As the kernel would start it.
    pub init: String,
    /// In the words of user-mode QEMU.
    pub machine: &'static str,
    pub writable: bool,
}

impl Guest {
    /// None where no init was found, or no user-mode QEMU runs it.
    pub fn prepare(
        facts: &Facts,
        container: &Container,
        root: PathBuf,
        claims: &[&StartUp],
    ) -> anyhow::Result<Option<Self>> {
        let first = claims.iter().find(|one| one.mechanism == StartMechanism::Kernel);
        let Some(init) = first.map(|one| one.command.clone()) else { return Ok(None) };
        let Some(machine) = machine(&root) else { return Ok(None) };
        let mut nodes = String::new();
        for file in facts.files().filter(|file| file.container == container.id) {
            let is_device =
                matches!(file.kind, FileKind::CharDevice { .. } | FileKind::BlockDevice { .. });
            let path = String::from_utf8_lossy(file.path.as_bytes()).into_owned();
            if let (true, Some(name)) = (is_device, path.strip_prefix("dev/")) {
                nodes.push_str(name);
                nodes.push('\n');
            }
        }
        let beside = root.with_file_name(format!(
            "{}.nodes",
            root.file_name().context("a folder")?.to_string_lossy()
        ));
        fs::write(beside, nodes)?;
        let read_only = ["squashfs", "cramfs", "romfs", "erofs"];
        let writable = !read_only.contains(&container.format.as_str());
        Ok(Some(Self { root, init, machine, writable }))
    }

    /// The file that a path names, links followed inside of the root; as a path of the image.
    pub fn resolve(&self, path: &str) -> Option<String> {
        resolve_in(&self.root, Path::new(path), 16)
    }
}

/// The container whose file the first step of the chain names.
pub fn of_container(start_up: &StartUp) -> Option<ContainerId> {
    start_up.chain.first()?.file.as_ref().map(|place| place.container)
}

fn resolve_in(root: &Path, path: &Path, links_left: u8) -> Option<String> {
    let mut done = PathBuf::new();
    let mut parts = path.components();
    while let Some(part) = parts.next() {
        match part {
            Component::Normal(name) => done.push(name),
            Component::ParentDir => {
                done.pop();
                continue;
            }
            _ => continue,
        }
        if let Ok(target) = fs::read_link(root.join(&done)) {
            let left = links_left.checked_sub(1)?;
            done.pop();
            let joined = if target.is_absolute() { target } else { done.join(target) };
            return resolve_in(root, &joined.join(parts.as_path()), left);
        }
    }
    let exists = root.join(&done).exists();
    exists.then(|| String::from_utf8_lossy(done.as_os_str().as_bytes()).into_owned())
}

/// The machine of the first of the usual programs (ELF header: class, byte order, `e_machine`).
fn machine(root: &Path) -> Option<&'static str> {
    let usual = ["bin/busybox", "bin/sh", "sbin/init", "bin/ls", "sbin/procd"];
    usual.iter().find_map(|name| {
        let file = resolve_in(root, Path::new(name), 16)?;
        let head = fs::read(root.join(file)).ok()?;
        match (head.get(..6)?, head.get(18..20)?) {
            (b"\x7fELF\x01\x01", [8, 0]) => Some("mipsel"),
            (b"\x7fELF\x01\x02", [0, 8]) => Some("mips"),
            (b"\x7fELF\x01\x01", [40, 0]) => Some("arm"),
            (b"\x7fELF\x01\x02", [0, 40]) => Some("armeb"),
            (b"\x7fELF\x02\x01", [183, 0]) => Some("aarch64"),
            (b"\x7fELF\x02\x01", [62, 0]) => Some("x86-64"),
            _ => None,
        }
    })
}

// SPDX-License-Identifier: Apache-2.0
//! Prints what starts at boot, and the attack surface, of root file systems unpacked on disk. A
//! tool for developers: `cargo run -p kakoi-inspect --example start_ups -- [--surface] DIR…`.

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::Path;

use kakoi_inspect::{Sketch, start_up, surface};
use kakoi_model::{ContainerId, Digest, File, FileKind, ImagePath, StartUp, escape};

fn main() -> Result<(), Box<dyn Error>> {
    let mut with_surface = false;
    for argument in std::env::args().skip(1) {
        if argument == "--surface" {
            with_surface = true;
            continue;
        }
        let mut tree = Sketch::new();
        load(&mut tree, Path::new(&argument), Path::new(&argument))?;
        let mut out = std::io::stdout().lock();
        writeln!(out, "# {argument}: {} entries", tree.files.len())?;
        print_tree(&mut out, &tree, with_surface)?;
    }
    Ok(())
}

fn print_tree(out: &mut impl Write, tree: &Sketch, with_surface: bool) -> std::io::Result<()> {
    let root = tree.root();
    let started = std::time::Instant::now();
    let start_ups = start_up::find_start_ups(&root);
    let took = started.elapsed().as_millis();
    for start_up in &start_ups {
        writeln!(out, "{}", line_of(start_up))?;
    }
    writeln!(out, "# {} start-ups in {took} ms", start_ups.len())?;
    if !with_surface {
        return Ok(());
    }
    let secrets: HashMap<Digest, _> = tree
        .contents
        .iter()
        .map(|(digest, content)| (*digest, surface::find_content_secrets(content)))
        .collect();
    for account in surface::find_accounts(&root) {
        writeln!(out, "account {account:?}")?;
    }
    for secret in surface::find_secrets(&tree.files, &secrets) {
        writeln!(out, "secret {:?} in {:?}", secret.kind, secret.files)?;
    }
    for permission in surface::find_permissions(&tree.files) {
        writeln!(out, "permission {permission:?}")?;
    }
    for listener in surface::find_listeners(&root, &start_ups) {
        writeln!(
            out,
            "listener {} {:?} {:?} {:?}",
            listener.service, listener.port, listener.program, listener.starts_at_boot
        )?;
    }
    for mark in surface::find_sdk_marks(&[tree.root()], &tree.files, &HashMap::new(), &[], &[]) {
        let what: Vec<_> = mark.evidence.iter().map(|evidence| evidence.what.as_str()).collect();
        writeln!(out, "sdk {} {:?} {} {what:?}", mark.vendor, mark.family, mark.weight)?;
    }
    for mark in surface::find_update_marks(&root, &start_ups) {
        writeln!(out, "update {} {}", mark.kind, mark.subject)?;
    }
    Ok(())
}

fn line_of(start_up: &StartUp) -> String {
    let program = start_up.program.as_ref().map_or("-".to_owned(), |place| place.path.absolute());
    let steps: Vec<String> = start_up
        .chain
        .iter()
        .map(|step| {
            let file = step.file.as_ref().map_or(String::new(), |place| place.path.absolute());
            format!("{file}:{}", step.line.unwrap_or(0))
        })
        .collect();
    format!(
        "{:?}\t{:?}\t{}\t{}\t{program}{}\t{} {}\t{}\t{}",
        start_up.certainty,
        start_up.mechanism,
        if start_up.service { "service" } else { "-" },
        start_up.user,
        start_up.applet.as_ref().map_or(String::new(), |applet| format!("[{applet}]")),
        start_up.command,
        start_up.arguments.join(" "),
        start_up.listens.join(","),
        steps.join(" > "),
    )
}

fn load(tree: &mut Sketch, base: &Path, directory: &Path) -> Result<(), Box<dyn Error>> {
    let mut entries: Vec<_> = fs::read_dir(directory)?.collect::<Result<_, _>>()?;
    entries.sort_by_key(|entry| entry.file_name());
    for entry in entries {
        let path = entry.path();
        let meta = fs::symlink_metadata(&path)?;
        let kind = if meta.is_symlink() {
            FileKind::Symlink { target: escape(fs::read_link(&path)?.as_os_str().as_bytes()) }
        } else if meta.is_dir() {
            FileKind::Directory
        } else if meta.is_file() {
            let content = bytes::Bytes::from(fs::read(&path)?);
            let digest = Digest::of(&content);
            let size = content.len() as u64;
            tree.contents.insert(digest, content);
            FileKind::Regular { digest, size }
        } else if meta.file_type().is_char_device() {
            FileKind::CharDevice { major: 0, minor: 0 }
        } else {
            FileKind::Fifo
        };
        let is_directory = meta.is_dir();
        let relative = path.strip_prefix(base)?;
        tree.files.push(File {
            container: ContainerId(0),
            path: ImagePath::new(relative.as_os_str().as_bytes()),
            kind,
            mode: Some(meta.permissions().mode() & 0o7777),
            uid: Some(meta.uid()),
            gid: Some(meta.gid()),
            mtime: None,
            xattrs: BTreeMap::new(),
        });
        if is_directory {
            load(tree, base, &path)?;
        }
    }
    Ok(())
}

// SPDX-License-Identifier: Apache-2.0
//! `kakoi extract`: writes everything that an image holds beneath one directory, and nothing
//! anywhere else.
//!
//! Each container becomes a folder `OFFSET-FORMAT`; what a file holds lies in `NAME.contents`
//! beside it. Names of an attacker's choosing are created beneath an open directory (cap-std,
//! `openat2` with `RESOLVE_BENEATH`), links last, and only links that stay inside their container;
//! set-ID bits and device nodes are not created. `manifest.jsonl` records everything as it was.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::OsStr;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt, Permissions};
use clap::Args;
use kakoi_model::{
    Container, ContainerId, Digest, Fact, Facts, File, FileKind, ImagePath, unescape,
};
use rustix::fs::{RenameFlags, renameat_with};
use rustix::io::Errno;

use super::parsing::Parsing;
use crate::exit::{BadInput, Exit};
use crate::output;
use crate::worker::{Reader, Task};

/// Extract everything in an image safely beneath a directory
#[derive(Args)]
pub struct Arguments {
    /// Firmware image or archive
    image: PathBuf,
    /// Directory to write to; made if it is missing, refused if it holds anything
    directory: PathBuf,
    #[command(flatten)]
    parsing: Parsing,
}

/// Runs the command.
pub fn exec(arguments: &Arguments) -> anyhow::Result<Exit> {
    extract(&arguments.image, &arguments.directory, &arguments.parsing)?.tell(&arguments.directory);
    Ok(Exit::Done)
}

/// What an extraction wrote.
pub struct Extracted {
    /// The folder of each container.
    pub folders: BTreeMap<ContainerId, PathBuf>,
    written: u64,
    left_out: Vec<String>,
}

/// Extracts an image.
pub fn extract(image: &Path, directory: &Path, parsing: &Parsing) -> anyhow::Result<Extracted> {
    // Nothing is made for an image that is not there.
    std::fs::metadata(image)
        .map_err(|why| BadInput(why.to_string()))
        .with_context(|| image.display().to_string())?;
    let target = open_empty(directory)?;
    let mut spool = Spool::new(&target)?;
    let scan = match parsing.read(image, Task::Extract, &mut spool) {
        Ok(scan) => scan,
        Err(why) => {
            target.remove_dir_all(SPOOL)?;
            return Err(why);
        }
    };
    if scan.facts.containers().next().is_none() {
        target.remove_dir_all(SPOOL)?;
        let reason = BadInput(super::scan::why_nothing(&scan.facts).to_owned());
        return Err(reason).with_context(|| image.display().to_string());
    }
    let mut writer = Writer::new(&target, &spool, &scan.facts);
    let result = writer.write_all(&scan.facts);
    target.remove_dir_all(SPOOL)?;
    result?;
    target.write("manifest.jsonl", manifest(&scan.facts)?)?;
    let Writer { folders, written, left_out, .. } = writer;
    Ok(Extracted { folders, written, left_out })
}

impl Extracted {
    fn tell(&self, directory: &Path) {
        for line in self.left_out.iter().take(20) {
            output::complain(&format!("left out: {line}"));
        }
        if self.left_out.len() > 20 {
            output::complain(&format!(
                "left out: {} more, see manifest.jsonl",
                self.left_out.len() - 20
            ));
        }
        output::say(&format!("{} files and links beneath {}", self.written, directory.display()));
    }
}

/// Where contents wait for their names.
const SPOOL: &str = ".contents";

fn open_empty(path: &Path) -> anyhow::Result<Dir> {
    std::fs::create_dir_all(path).with_context(|| path.display().to_string())?;
    let directory = Dir::open_ambient_dir(path, ambient_authority())?;
    if directory.entries()?.next().is_some() {
        anyhow::bail!("{}: is not empty; extraction never mixes with other files", path.display());
    }
    Ok(directory)
}

/// Bytes that are moved at once.
const CHUNK: usize = 256 << 10;

/// What files are made with, before the umask.
const MADE: u32 = 0o666;

/// Writes contents as they come, named by digest: names of the image come later.
struct Spool {
    directory: Dir,
    buffer: Vec<u8>,
}

impl Spool {
    fn new(target: &Dir) -> anyhow::Result<Self> {
        target.create_dir(SPOOL)?;
        Ok(Self { directory: target.open_dir(SPOOL)?, buffer: vec![0; CHUNK] })
    }
}

impl Reader for Spool {
    fn content(&mut self, digest: Digest, size: u64, bytes: &mut dyn Read) -> anyhow::Result<()> {
        let mut file = self.directory.create(digest.to_string())?;
        let mut written = 0;
        while written < size {
            let length = bytes.read(&mut self.buffer)?;
            anyhow::ensure!(length > 0, "the worker ended inside content {digest}");
            file.write_all(self.buffer.get(..length).unwrap_or_default())?;
            written += length as u64;
        }
        Ok(())
    }
}

/// Every fact but the regions, as JSON lines: what was there, with modes, owners, devices, links.
fn manifest(facts: &Facts) -> anyhow::Result<String> {
    let lines =
        facts.lines.iter().filter(|fact| !matches!(fact, Fact::Region(_) | Fact::Content(_)));
    Ok(Facts { lines: lines.cloned().collect() }.to_json_lines()?)
}

struct Writer<'a> {
    target: &'a Dir,
    spool: &'a Dir,
    folders: BTreeMap<ContainerId, PathBuf>,
    /// The directory that was written to last: entries come directory by directory.
    open: Option<(PathBuf, Dir)>,
    uses: HashMap<Digest, usize>,
    umask: u32,
    written: u64,
    left_out: Vec<String>,
}

impl<'a> Writer<'a> {
    fn new(target: &'a Dir, spool: &'a Spool, facts: &Facts) -> Self {
        let mut uses = HashMap::new();
        facts
            .files()
            .filter_map(File::digest)
            .for_each(|digest| *uses.entry(digest).or_insert(0) += 1);
        let folders = folders(facts);
        let spool = &spool.directory;
        let umask = umask();
        Self { target, spool, folders, open: None, uses, umask, written: 0, left_out: Vec::new() }
    }

    /// Directories and files first; links last, so that nothing is written through one.
    fn write_all(&mut self, facts: &Facts) -> anyhow::Result<()> {
        for folder in self.folders.values() {
            self.target.create_dir_all(folder)?;
        }
        let is_link = |file: &&File| matches!(file.kind, FileKind::Symlink { .. });
        let links: HashSet<(ContainerId, &ImagePath)> =
            facts.files().filter(is_link).map(|file| (file.container, &file.path)).collect();
        for file in facts.files().filter(|file| !is_link(file)) {
            if let Err(error) = self.write(file) {
                self.leave_out(file, &error.to_string());
            }
        }
        for file in facts.files().filter(|file| links.contains(&(file.container, &file.path))) {
            if let Err(error) = self.link(file) {
                self.leave_out(file, &error.to_string());
            }
        }
        Ok(())
    }

    fn place(&self, file: &File) -> Option<PathBuf> {
        let folder = self.folders.get(&file.container)?;
        Some(folder.join(OsStr::from_bytes(file.path.as_bytes())))
    }

    fn write(&mut self, file: &File) -> anyhow::Result<()> {
        let Some(place) = self.place(file) else { return Ok(()) };
        match &file.kind {
            FileKind::Directory => self.directory(&place)?,
            FileKind::Regular { digest, .. } => self.file(*digest, &place, file.mode)?,
            FileKind::Symlink { .. } => {}
            _ => anyhow::bail!("device nodes, pipes and sockets are only in the manifest"),
        }
        Ok(())
    }

    /// The directory that a path lies in, and the name there.
    fn parent<'p>(&mut self, place: &'p Path) -> anyhow::Result<(&Dir, &'p Path)> {
        let name = Path::new(place.file_name().context("an entry without a name")?);
        // The parent of the folder of an outermost container is the target itself.
        let parent = place.parent().filter(|parent| *parent != Path::new(""));
        let parent = parent.unwrap_or(Path::new("."));
        if self.open.as_ref().is_none_or(|(path, _)| path != parent) {
            let folder = match self.target.open_dir(parent) {
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    self.target.create_dir_all(parent)?;
                    self.target.open_dir(parent)?
                }
                result => result?,
            };
            self.open = Some((parent.to_owned(), folder));
        }
        let (_, folder) = self.open.as_ref().context("no directory is open")?;
        Ok((folder, name))
    }

    fn directory(&mut self, place: &Path) -> anyhow::Result<()> {
        let (folder, name) = self.parent(place)?;
        match folder.create_dir(name) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                folder.create_dir_all(name)?
            }
            result => result?,
        }
        Ok(())
    }

    /// The last use of a content takes the file over in which it came; earlier ones copy it.
    fn file(&mut self, digest: Digest, place: &Path, mode: Option<u32>) -> anyhow::Result<()> {
        let source = digest.to_string();
        let left = self.uses.get_mut(&digest).context("content without use")?;
        *left = left.saturating_sub(1);
        let is_last = *left == 0;
        let mode = (mode.unwrap_or(0o644) & 0o777 | 0o600) & !self.umask;
        let (spool, is_made_so) = (self.spool, mode == MADE & !self.umask);
        let (folder, name) = self.parent(place)?;
        if is_last && !is_made_so {
            let permissions = std::fs::Permissions::from_mode(mode);
            spool.set_permissions(&source, Permissions::from_std(permissions))?;
        }
        if !is_last || !take_over(spool, &source, folder, name)? {
            copy(spool, &source, folder, name, mode)?;
        }
        self.written += 1;
        Ok(())
    }

    /// A link as it works inside the container's own root: absolute targets become relative, and
    /// one that would leave the container is not made.
    fn link(&mut self, file: &File) -> anyhow::Result<()> {
        let (FileKind::Symlink { target }, Some(place)) = (&file.kind, self.place(file)) else {
            return Ok(());
        };
        let target = unescape(target);
        let (_, escape) =
            ImagePath::from_raw(&[relative_base(&file.path).as_slice(), &target].concat());
        let target = match target.first() {
            Some(b'/') => relative_target(&file.path, &target),
            _ if escape == kakoi_model::Escape::Climbs => {
                anyhow::bail!("link leaves its container")
            }
            _ => target,
        };
        let (folder, name) = self.parent(&place)?;
        folder.symlink(OsStr::from_bytes(&target), name)?;
        self.written += 1;
        Ok(())
    }

    fn leave_out(&mut self, file: &File, reason: &str) {
        self.left_out.push(format!("{}: {reason}", file.path));
    }
}

/// Gives a file its name, which is never that of another; false where the file system cannot.
fn take_over(spool: &Dir, source: &str, folder: &Dir, name: &Path) -> anyhow::Result<bool> {
    match renameat_with(spool, source, folder, name, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(true),
        Err(error @ (Errno::EXIST | Errno::NOENT)) => Err(error.into()),
        Err(_) => Ok(false),
    }
}

fn copy(spool: &Dir, source: &str, folder: &Dir, name: &Path, mode: u32) -> anyhow::Result<()> {
    let mut input = spool.open(source)?.into_std();
    let mut options = OpenOptions::new();
    let output = folder.open_with(name, options.write(true).create_new(true).mode(mode))?;
    // Of the standard library's files, the kernel copies what one holds.
    std::io::copy(&mut input, &mut output.into_std())?;
    Ok(())
}

/// What this process's files are made without (`Umask` of `/proc/self/status`, Linux 4.7); asking
/// the kernel for it would change it.
fn umask() -> u32 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("Umask:"));
    line.and_then(|octal| u32::from_str_radix(octal.trim(), 8).ok()).unwrap_or(0o022)
}

/// The directory of a link as a raw prefix, for judging where a relative target leads.
fn relative_base(path: &ImagePath) -> Vec<u8> {
    let mut base = path.parent().unwrap_or_default().as_bytes().to_vec();
    base.push(b'/');
    base.iter().skip_while(|byte| **byte == b'/').copied().collect()
}

/// An absolute target seen from the directory of the link.
fn relative_target(link: &ImagePath, target: &[u8]) -> Vec<u8> {
    let depth = link.parent().map_or(0, |parent| parent.parts().count());
    let mut relative = b"../".repeat(depth);
    relative.extend_from_slice(ImagePath::new(target).as_bytes());
    if relative.is_empty() { b".".to_vec() } else { relative }
}

/// The folder of each container: beside the file that it lies in.
fn folders(facts: &Facts) -> BTreeMap<ContainerId, PathBuf> {
    let mut folders: BTreeMap<ContainerId, PathBuf> = BTreeMap::new();
    for container in facts.containers() {
        let own = own_name(container);
        let folder = match &container.parent {
            None => PathBuf::from(own),
            Some(parent) => {
                let mut name = parent.path.as_bytes().to_vec();
                name.extend_from_slice(b".contents");
                let outer = folders.get(&parent.container).cloned().unwrap_or_default();
                outer.join(OsStr::from_bytes(&name)).join(own)
            }
        };
        folders.insert(container.id, folder);
    }
    folders
}

fn own_name(container: &Container) -> String {
    format!("{:06x}-{}", container.offset, container.format)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absolute_targets_become_relative_to_the_containers_root() {
        let link = ImagePath::from("/usr/bin/vi");
        assert_eq!(relative_target(&link, b"/bin/busybox"), b"../../bin/busybox");
        assert_eq!(relative_target(&ImagePath::from("/sh"), b"/bin/busybox"), b"bin/busybox");
        assert_eq!(relative_target(&ImagePath::from("/root"), b"/"), b".");
    }
}

// SPDX-License-Identifier: Apache-2.0
//! Vouching for files by their digest: a list as `sha256sum` writes it is compared with what lies on the device, and
//! the kernel's part keeps each file that is equal until somebody changes it.
//!
//! For each file, in this order: it is opened; the guard enters its inode as being checked, unless somebody has it open
//! for writing; its digest is worked out from that same opening; if it is the one of the list the entry is confirmed.
//! Whoever changes the content in between or later takes the entry away, so nothing can be confirmed that was changed.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::error::Error;

/// Bytes of the longest list.
const LONGEST_LIST: u64 = 16 << 20;
/// Where the last list's outcome is kept; under self-protection by its place.
const OUTCOME: &str = "/run/kakoi/vouched";

pub(crate) const WRITTEN: &str = "somebody has it open, or mapped, for writing";
pub(crate) const SYSTEM: &str = "its file system is not one of those on which nobody else can change content (ext4, ubifs, \
                                 jffs2, f2fs, xfs, tmpfs; also beneath an overlay)";
pub(crate) const NO_FILE: &str = "it is no regular file";
pub(crate) const FULL: &str = "the table is full";
pub(crate) const CHANGED: &str = "it was changed while it was read";
pub(crate) const NOT_ASKED: &str = "the policy in force trusts no digests";

/// A digest, and the file that is to have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// SHA-256.
    pub digest: [u8; 32],
    /// Its path on the device.
    pub path: PathBuf,
}

/// What became of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Vouched {
    /// Files that are vouched for now.
    pub files: usize,
    /// Files that are not, and why.
    pub refused: Vec<(String, String)>,
}

/// The kernel's part: BPF or the module.
pub trait Watch {
    /// Opens a file and enters it as being checked.
    ///
    /// # Errors
    /// It cannot be watched; why.
    fn begin(&mut self, path: &Path) -> Result<File, String>;

    /// Its digest was right.
    ///
    /// # Errors
    /// It was changed meanwhile, or the kernel refuses.
    fn confirm(&mut self) -> Result<(), String>;

    /// Its digest was not right, or it could not be read.
    fn give_up(&mut self);
}

/// Reads a list in the format of sha256sum(1): 64 hexadecimal digits, a blank, a blank or `*`, the path. A line that
/// begins with a backslash has `\\`, `\n` and `\r` in its path. Paths are from the root of the device.
///
/// # Errors
/// A line is none, by its number.
pub fn parse_list(text: &[u8]) -> Result<Vec<Claim>, String> {
    let lines = text.split(|byte| *byte == b'\n').enumerate();
    lines
        .filter(|(_, line)| !line.is_empty() && line.first() != Some(&b'#'))
        .map(|(at, line)| {
            claim(line).ok_or_else(|| format!("line {} is no digest with a path", at + 1))
        })
        .collect()
}

/// Reads a list from a file.
///
/// # Errors
/// It cannot be read, is longer than 16 MiB, or is no list.
pub fn read_list(path: &Path) -> Result<Vec<Claim>, Error> {
    let mut text = Vec::new();
    let file = File::open(path).map_err(Error::file(path))?;
    file.take(LONGEST_LIST + 1).read_to_end(&mut text).map_err(Error::file(path))?;
    if text.len() as u64 > LONGEST_LIST {
        return Err(Error::Refused(format!("{}: longer than 16 MiB", path.display())));
    }
    parse_list(&text).map_err(|why| Error::Refused(format!("{}: {why}", path.display())))
}

/// Goes through a list.
pub fn vouch(watch: &mut dyn Watch, claims: &[Claim]) -> Vouched {
    let mut outcome = Vouched::default();
    for claim in claims {
        match check(watch, claim) {
            Ok(()) => outcome.files += 1,
            Err(why) => outcome.refused.push((claim.path.display().to_string(), why)),
        }
    }
    outcome
}

impl Vouched {
    /// Keeps what is not vouched for, with the reasons, for `status`.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn keep(&self) -> Result<(), Error> {
        let path = Path::new(OUTCOME);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(Error::file(folder))?;
        }
        let lines = self.refused.iter().map(|(path, why)| format!("{path}: {why}\n"));
        std::fs::write(path, lines.collect::<String>()).map_err(Error::file(path))
    }

    /// What the last list left: files that are not vouched for, and why.
    #[must_use]
    pub fn kept() -> Vec<String> {
        let text = std::fs::read_to_string(OUTCOME).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

fn check(watch: &mut dyn Watch, claim: &Claim) -> Result<(), String> {
    let mut file = watch.begin(&claim.path)?;
    let found = digest(&mut file);
    if found.as_ref().is_ok_and(|found| *found == claim.digest) {
        return watch.confirm();
    }
    watch.give_up();
    found.map_err(|why| why.to_string())?;
    Err("its content has another digest".to_owned())
}

fn digest(file: &mut File) -> std::io::Result<[u8; 32]> {
    let mut hash = Sha256::new();
    let mut piece = vec![0; 1 << 16];
    loop {
        let count = file.read(&mut piece)?;
        if count == 0 {
            return Ok(hash.finalize().into());
        }
        hash.update(piece.get(..count).unwrap_or_default());
    }
}

fn claim(line: &[u8]) -> Option<Claim> {
    let (escaped, line) = match line.strip_prefix(b"\\") {
        Some(rest) => (true, rest),
        None => (false, line),
    };
    let (digits, rest) = line.split_at_checked(64)?;
    let path = rest.strip_prefix(b"  ").or_else(|| rest.strip_prefix(b" *"))?;
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut digest = [0; 32];
    for (byte, pair) in digest.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    let path = if escaped { unescaped(path)? } else { path.to_vec() };
    let path = path.strip_prefix(b"./").unwrap_or(&path);
    let path = path.strip_prefix(b"/").unwrap_or(path);
    (!path.is_empty()).then(|| Claim { digest, path: from_root(path) })
}

fn from_root(path: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    Path::new("/").join(std::ffi::OsStr::from_bytes(path))
}

fn unescaped(path: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(path.len());
    let mut bytes = path.iter();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'\\' => match bytes.next()? {
                b'\\' => b'\\',
                b'n' => b'\n',
                b'r' => b'\r',
                _ => return None,
            },
            byte => *byte,
        });
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    /// Keeps what it is told, and takes every file for one that nobody changes, but for those named `changed`.
    #[derive(Default)]
    struct Told {
        open: PathBuf,
        gave_up: usize,
    }

    impl Watch for Told {
        fn begin(&mut self, path: &Path) -> Result<File, String> {
            path.clone_into(&mut self.open);
            File::open(path).map_err(|why| why.to_string())
        }

        fn confirm(&mut self) -> Result<(), String> {
            if self.open.ends_with("changed") { Err("changed".to_owned()) } else { Ok(()) }
        }

        fn give_up(&mut self) {
            self.gave_up += 1;
        }
    }

    #[test]
    fn a_list_is_read_as_sha256sum_writes_it() {
        let text = format!(
            "{EMPTY}  /bin/a b\n\\{EMPTY} *./lib/c\\\\d\\n\n\n# by hand\n{}  etc/e\n",
            EMPTY.to_uppercase()
        );
        let claims = parse_list(text.as_bytes()).unwrap();
        let paths: Vec<&Path> = claims.iter().map(|claim| claim.path.as_path()).collect();
        assert_eq!(paths, [Path::new("/bin/a b"), Path::new("/lib/c\\d\n"), Path::new("/etc/e")]);
        assert!(claims.iter().all(|claim| claim.digest[..2] == [0xe3, 0xb0]));
        for bad in [
            "",
            "x",
            "  /bin/a",
            &format!("{EMPTY} /a"),
            &format!("{EMPTY}  "),
            &format!("\\{EMPTY}  \\x"),
        ] {
            let text = format!("{EMPTY}  /a\n{bad}\n");
            assert_eq!(parse_list(text.as_bytes()).is_ok(), bad.is_empty(), "{bad}");
        }
        assert!(
            parse_list(format!("g{}  /a", &EMPTY[1..]).as_bytes()).unwrap_err().contains("line 1")
        );
    }

    #[test]
    fn only_a_file_with_its_own_digest_that_nobody_changed_is_vouched_for() {
        let folder = std::env::temp_dir().join(format!("kakoi-vouch-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        for (name, content) in [("same", ""), ("other", "x"), ("changed", "")] {
            std::fs::write(folder.join(name), content).unwrap();
        }
        let list: String = ["same", "other", "changed", "absent"]
            .iter()
            .map(|name| format!("{EMPTY}  {}\n", folder.join(name).display()))
            .collect();
        let mut told = Told::default();
        let outcome = vouch(&mut told, &parse_list(list.as_bytes()).unwrap());
        assert_eq!((outcome.files, outcome.refused.len(), told.gave_up), (1, 3, 1));
        assert!(outcome.refused[0].1.contains("another digest"));
        assert_eq!(outcome.refused[1].1, "changed");
        std::fs::remove_dir_all(folder).unwrap();
    }
}

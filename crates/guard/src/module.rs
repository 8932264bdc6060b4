// SPDX-License-Identifier: Apache-2.0
//! The kernel module as backend: what it shows in /proc/kakoi (docs/MODULE.md). It refuses whoever is held.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::blob::Blob;
use crate::error::Error;
use crate::vouch::Watch;

const FOLDER: &str = "/proc/kakoi";

/// `O_NONBLOCK`, include/uapi/asm-generic/fcntl.h and arch/mips/include/uapi/asm/fcntl.h.
const DO_NOT_WAIT: i32 =
    if cfg!(any(target_arch = "mips", target_arch = "mips64")) { 0x80 } else { 0o4000 };

/// `ENODATA` and `ENOSYS`, include/uapi/asm-generic/errno.h and arch/mips/include/uapi/asm/errno.h.
const NO_DATA: i32 = 61;
const NO_SUCH_CALL: i32 =
    if cfg!(any(target_arch = "mips", target_arch = "mips64")) { 89 } else { 38 };

/// A loaded module.
pub struct Module {
    folder: PathBuf,
}

impl Module {
    /// None: it is not loaded.
    #[must_use]
    pub fn find() -> Option<Self> {
        let folder = PathBuf::from(FOLDER);
        folder.is_dir().then_some(Self { folder })
    }

    /// Puts a policy into force, by one write; the one before stays if it is refused.
    ///
    /// # Errors
    /// The module refuses.
    pub fn put(&self, blob: &Blob) -> Result<(), Error> {
        self.write("policy", blob.bytes())
    }

    /// What is in force, in place and missing, a `key value` a line.
    ///
    /// # Errors
    /// It may not be read.
    pub fn status(&self) -> Result<String, Error> {
        let path = self.folder.join("status");
        std::fs::read_to_string(&path).map_err(Error::file(&path))
    }

    /// Events as JSON lines; reading waits for the next one, unless `once`.
    ///
    /// # Errors
    /// They may not be read.
    pub fn events(&self, once: bool) -> Result<File, Error> {
        let path = self.folder.join("events");
        let flags = if once { DO_NOT_WAIT } else { 0 };
        OpenOptions::new().read(true).custom_flags(flags).open(&path).map_err(Error::file(&path))
    }

    /// Lifts for some time, in one session, what the policy lets an override lift.
    ///
    /// # Errors
    /// The module refuses.
    pub fn grant(&self, session: u32, seconds: u64) -> Result<(), Error> {
        self.write("control", format!("override {session} {seconds}").as_bytes())
    }

    /// No other policy and no unloading until the device starts again.
    ///
    /// # Errors
    /// The module refuses.
    pub fn seal(&self) -> Result<(), Error> {
        self.write("control", b"seal")
    }

    /// The way to vouch for files.
    ///
    /// # Errors
    /// It is sealed, or does not know of this.
    pub fn watch(&self) -> Result<ModuleWatch, Error> {
        let path = self.folder.join("vouch");
        let door = OpenOptions::new().write(true).open(&path).map_err(Error::file(&path))?;
        Ok(ModuleWatch { door })
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let path = self.folder.join(name);
        let mut file = OpenOptions::new().write(true).open(&path).map_err(Error::file(&path))?;
        // One write: half a policy is none.
        match file.write(bytes) {
            Ok(count) if count == bytes.len() => Ok(()),
            Ok(count) => {
                Err(Error::Refused(format!("{}: {count} bytes were taken", path.display())))
            }
            Err(why) => Err(Error::file(&path)(why)),
        }
    }
}

/// The module, asked about one file after the other.
pub struct ModuleWatch {
    door: File,
}

impl Watch for ModuleWatch {
    fn begin(&mut self, path: &Path) -> Result<File, String> {
        let file = open_at_once(path).map_err(|why| why.to_string())?;
        self.ask(&format!("check {}", file.as_raw_fd()))?;
        Ok(file)
    }

    fn confirm(&mut self) -> Result<(), String> {
        self.ask("confirm")
    }

    // The next check ends this one, and so does the end of this process.
    fn give_up(&mut self) {}
}

impl ModuleWatch {
    /// One request is one write, which the module takes whole or refuses.
    fn ask(&mut self, request: &str) -> Result<(), String> {
        self.door.write_all(request.as_bytes()).map_err(|why| reason(&why))
    }
}

/// Opens a file to read, and does not wait where it is a pipe.
pub(crate) fn open_at_once(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).custom_flags(DO_NOT_WAIT).open(path)
}

/// What the module means by an error (lkm/kakoi_lkm.h, `kakoi_check_begin`).
fn reason(why: &std::io::Error) -> String {
    match why.kind() {
        ErrorKind::ExecutableFileBusy => crate::vouch::WRITTEN.to_owned(),
        ErrorKind::Unsupported if why.raw_os_error() == Some(NO_SUCH_CALL) => {
            "on this kernel changes of content are not seen: a hook is missing".to_owned()
        }
        ErrorKind::Unsupported => crate::vouch::SYSTEM.to_owned(),
        ErrorKind::StorageFull => crate::vouch::FULL.to_owned(),
        ErrorKind::StaleNetworkFileHandle => crate::vouch::CHANGED.to_owned(),
        ErrorKind::InvalidInput => crate::vouch::NO_FILE.to_owned(),
        _ if why.raw_os_error() == Some(NO_DATA) => crate::vouch::NOT_ASKED.to_owned(),
        _ => why.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_that_is_not_loaded_is_not_found() {
        assert_eq!(Module::find().is_some(), std::path::Path::new(FOLDER).is_dir());
    }

    #[test]
    fn a_grant_and_a_seal_are_lines_for_the_module() {
        let folder = std::env::temp_dir().join(format!("kakoi-module-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("control"), "").unwrap();
        let module = Module { folder: folder.clone() };
        module.grant(7, 60).unwrap();
        assert_eq!(std::fs::read(folder.join("control")).unwrap(), b"override 7 60");
        assert!(module.status().is_err());
        std::fs::remove_dir_all(folder).unwrap();
    }
}

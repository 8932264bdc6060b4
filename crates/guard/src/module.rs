// SPDX-License-Identifier: Apache-2.0
//! The kernel module as backend: what it shows in /proc/kakoi (docs/MODULE.md). It refuses whoever is held.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use crate::blob::Blob;
use crate::error::Error;

const FOLDER: &str = "/proc/kakoi";

/// `O_NONBLOCK`, include/uapi/asm-generic/fcntl.h and arch/mips/include/uapi/asm/fcntl.h.
const DO_NOT_WAIT: i32 =
    if cfg!(any(target_arch = "mips", target_arch = "mips64")) { 0x80 } else { 0o4000 };

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

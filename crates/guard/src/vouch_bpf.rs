// SPDX-License-Identifier: Apache-2.0
//! Vouching for files where BPF is the guard: the program on `file_open` enters what this process opens.

use std::fs::File;
use std::path::Path;

use libbpf_rs::{MapCore, MapFlags, MapHandle};

use crate::error::Error;
use crate::features::{Features, Way};
use crate::layout::{self, CONFIRMED, Vouching};
use crate::load::Loaded;
use crate::module::open_at_once;
use crate::pins::Pinned;
use crate::vouch::{self, Watch};

/// A running guard, asked about one file after the other.
pub struct BpfWatch {
    /// `.data.vouching`
    talk: MapHandle,
    /// `vouched`
    table: MapHandle,
    key: [u8; 16],
    /// Only one process asks at a time: the answer has one place.
    _turn: Option<File>,
}

impl BpfWatch {
    /// Of a pinned guard.
    ///
    /// # Errors
    /// It has no such maps.
    pub fn of(pinned: &Pinned) -> Result<Self, Error> {
        let (talk, table) = (pinned.map(".data.vouching")?, pinned.map("vouched")?);
        Ok(Self { talk, table, key: [0; 16], _turn: None })
    }

    /// Of a pinned guard, to vouch by: waits until nobody else does.
    ///
    /// # Errors
    /// The policy asks for no digests, or changes of content are not all seen.
    pub fn of_pinned(pinned: &Pinned) -> Result<Self, Error> {
        if !pinned.policy()?.asks_digests() {
            return Err(Error::Refused(vouch::NOT_ASKED.to_owned()));
        }
        let links = pinned.links();
        sees_changes(&|hook| links.contains(hook), pinned.way()?)?;
        let directory = Path::new(layout::PINS);
        let turn = File::open(directory).map_err(Error::file(directory))?;
        turn.lock().map_err(Error::file(directory))?;
        Ok(Self { _turn: Some(turn), ..Self::of(pinned)? })
    }

    /// Of a guard of this process.
    ///
    /// # Errors
    /// Changes of content are not all seen.
    pub fn of_loaded(loaded: &Loaded) -> Result<Self, Error> {
        let attached = |hook: &str| loaded.hooks.get(hook) == Some(&crate::load::Fared::Attached);
        sees_changes(&attached, loaded.way)?;
        let (talk, table) = (loaded.map(".data.vouching")?, loaded.map("vouched")?);
        Ok(Self { talk, table, key: [0; 16], _turn: None })
    }

    /// How many files are vouched for.
    #[must_use]
    pub fn confirmed(&self) -> usize {
        let state = |key: Vec<u8>| self.table.lookup(&key, MapFlags::ANY).ok().flatten();
        self.table.keys().filter_map(state).filter(|it| layout::word(it, 0) == CONFIRMED).count()
    }

    /// How many were changed since, and are not vouched for any more.
    ///
    /// # Errors
    /// The map cannot be read.
    pub fn changed(&self) -> Result<u32, Error> {
        Ok(self.said()?.changed)
    }

    fn said(&self) -> Result<Vouching, Error> {
        let bytes = self
            .talk
            .lookup(&0_u32.to_ne_bytes(), MapFlags::ANY)
            .map_err(Error::kernel("reading what is vouched for"))?;
        Ok(Vouching::read(&bytes.unwrap_or_default()))
    }

    fn ask(&self, agent: u32) -> Result<(), Error> {
        let changed = self.said()?.changed;
        let value = Vouching { in_use: true, agent, changed, ..Vouching::default() };
        self.talk
            .update(&0_u32.to_ne_bytes(), &value.bytes(), MapFlags::ANY)
            .map_err(Error::kernel("asking the guard"))
    }

    fn open(&mut self, path: &Path) -> Result<File, String> {
        let said = |error: Error| error.to_string();
        self.ask(std::process::id()).map_err(said)?;
        let file = open_at_once(path);
        let answer = self.said().map_err(said)?;
        self.ask(0).map_err(said)?;
        let file = file.map_err(|why| why.to_string())?;
        self.key = answer.key;
        match answer.answer {
            1 => Ok(file),
            2 => Err(vouch::WRITTEN.to_owned()),
            3 => Err(vouch::SYSTEM.to_owned()),
            4 => Err(vouch::NO_FILE.to_owned()),
            5 => Err(vouch::FULL.to_owned()),
            _ => Err("the guard was not asked when it was opened".to_owned()),
        }
    }
}

impl Watch for BpfWatch {
    fn begin(&mut self, path: &Path) -> Result<File, String> {
        self.open(path)
    }

    fn confirm(&mut self) -> Result<(), String> {
        // Only an entry that is still there is confirmed: whoever changed the file took it away.
        self.table
            .update(&self.key, &CONFIRMED.to_ne_bytes(), MapFlags::EXIST)
            .map_err(|_| vouch::CHANGED.to_owned())
    }

    fn give_up(&mut self) {
        // It may be gone already.
        let _ = self.table.delete(&self.key);
    }
}

/// Is every change of content seen?
fn sees_changes(attached: &dyn Fn(&str) -> bool, way: Way) -> Result<(), Error> {
    let there = crate::features::hooks_of_kernel(&["file_truncate"], way);
    let wanted = ["file_open", "path_truncate"].iter().chain(&there);
    if let Some(missing) = wanted.copied().find(|hook| !attached(hook)) {
        return Err(Error::Refused(format!(
            "the hook {missing} is not attached, so changes of content are not seen"
        )));
    }
    if way == Way::ModifyReturn && Features::look().preemptible {
        return Err(Error::Refused(
            "the kernel passes over programs that interrupt each other (fmod_ret on a preemptible kernel), so changes of \
             content may not be seen: put `bpf` into lsm="
                .to_owned(),
        ));
    }
    Ok(())
}

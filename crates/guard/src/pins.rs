// SPDX-License-Identifier: Apache-2.0
//! A guard that outlives its agent: what is pinned in the BPF file system.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use libbpf_rs::{MapCore, MapFlags, MapHandle};

use crate::blob::Blob;
use crate::error::Error;
use crate::features::Way;
use crate::hooks::HOOKS;
use crate::layout::{self, Counters, Seen, State};
use crate::load::{seed, write_slot};

/// Seconds of the longest override.
const LONGEST_GRANT: u64 = 24 * 3600;

/// The pins of a running guard.
pub struct Pinned {
    directory: PathBuf,
}

impl Pinned {
    /// None: no guard is pinned.
    #[must_use]
    pub fn find() -> Option<Self> {
        let directory = PathBuf::from(layout::PINS);
        directory.is_dir().then_some(Self { directory })
    }

    /// A map of the guard.
    ///
    /// # Errors
    /// It is not there, or may not be opened.
    pub fn map(&self, name: &str) -> Result<MapHandle, Error> {
        let path = self.directory.join(layout::map_pin(name));
        MapHandle::from_pinned_path(&path)
            .map_err(Error::kernel(format!("opening {}", path.display())))
    }

    /// Hooks that are attached.
    #[must_use]
    pub fn links(&self) -> BTreeSet<String> {
        let Ok(entries) = std::fs::read_dir(&self.directory) else {
            return BTreeSet::new();
        };
        entries
            .filter_map(|entry| {
                let name = entry.ok()?.file_name().into_string().ok()?;
                name.strip_prefix(layout::LINK_PIN).map(str::to_owned)
            })
            .collect()
    }

    /// The policy in force.
    ///
    /// # Errors
    /// The maps cannot be read, or what is there is no policy.
    pub fn policy(&self) -> Result<Blob, Error> {
        let state = State::read(&self.value(".data.guard", 0)?);
        let mut bytes = self.value("policies", state.active & 1)?;
        let size = layout::word(&bytes, kakoi_policy::layout::H_SIZE) as usize;
        bytes.truncate(size);
        Blob::check(bytes).map_err(Error::Blob)
    }

    /// Puts another policy into force, in one step: its domains must be those of the one before,
    /// because marks of tasks number them.
    ///
    /// # Errors
    /// The domains differ, it is too large, or the kernel refuses. The one in force stays.
    pub fn replace(&self, blob: &Blob) -> Result<(), Error> {
        let old = self.policy()?;
        if !continues(&old.domains(), &blob.domains()) {
            return Err(Error::Refused(
                "this policy has other domains than the one in force, and marks of running processes \
                 refer to those: `replace --anew` finds out again who is held"
                    .into(),
            ));
        }
        self.serves(&old, blob)?;
        self.put_policy(blob)
    }

    /// Puts a policy with any domains into force. Who is held is found out again from what runs, as when
    /// the guard starts; what was dropped stays known.
    ///
    /// # Errors
    /// It is too large, or the kernel refuses.
    pub fn replace_anew(&self, blob: &Blob) -> Result<(), Error> {
        self.serves(&self.policy()?, blob)?;
        self.put_policy(blob)?;
        self.forget_subjects()?;
        let path = self.directory.join(layout::WALK_PIN);
        seed(&self.map("seeds")?, || std::fs::File::open(&path).map_err(Error::file(&path)))
    }

    /// Lifts for some time, in one session, what the policy lets an override lift. Zero seconds: ends it.
    ///
    /// # Errors
    /// The kernel refuses: whoever is held may not do this.
    pub fn grant(&self, session: u32, seconds: u64) -> Result<(), Error> {
        let until = crate::clock::since_boot_ns()
            .saturating_add(seconds.min(LONGEST_GRANT) * 1_000_000_000);
        self.map("overrides")?
            .update(&session.to_ne_bytes(), &until.to_ne_bytes(), MapFlags::ANY)
            .map_err(Error::kernel("granting an override"))
    }

    /// Is every hook there that a policy needs?
    fn serves(&self, old: &Blob, blob: &Blob) -> Result<(), Error> {
        let links = self.links();
        // A hook that the old policy needed and that is not there was refused by the kernel.
        let missing = HOOKS.iter().find(|hook| {
            hook.is_needed(blob)
                && !hook.is_needed(old)
                && hook.absent.is_none()
                && !links.contains(hook.name)
        });
        missing.map_or(Ok(()), |missing| {
            Err(Error::Refused(format!(
                "this policy needs the hook {}, which the one in force did not: stop the guard, then \
                 start it with this policy",
                missing.name
            )))
        })
    }

    fn put_policy(&self, blob: &Blob) -> Result<(), Error> {
        let mut state = State::read(&self.value(".data.guard", 0)?);
        let slot = 1 - (state.active & 1);
        write_slot(&self.map("policies")?, blob, slot)?;
        state.active = slot;
        state.taint_only = blob.everyone_asks_for_taint_only();
        self.put_state(&state)
    }

    /// Empties the marks, whose numbers mean nothing any more, but for traits, which nobody could find again.
    fn forget_subjects(&self) -> Result<(), Error> {
        let held = self.map("held")?;
        for key in held.keys().collect::<Vec<_>>() {
            // A process may have ended since.
            let Ok(Some(mut mark)) = held.lookup(&key, MapFlags::ANY) else { continue };
            mark.iter_mut().take(layout::SUBJECT).for_each(|byte| *byte = 0);
            let _ = held.update(&key, &mark, MapFlags::EXIST);
        }
        Ok(())
    }

    /// Says which process the agent is, so that nobody who is held can end it.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn adopt(&self, process: u32) -> Result<(), Error> {
        let mut state = State::read(&self.value(".data.guard", 0)?);
        state.agent = process;
        self.put_state(&state)
    }

    /// How the programs are tied to hooks: what was chosen when the guard was started.
    ///
    /// # Errors
    /// The maps cannot be read.
    pub fn way(&self) -> Result<Way, Error> {
        let state = State::read(&self.value(".data.guard", 0)?);
        Ok(if state.modify_return { Way::ModifyReturn } else { Way::Lsm })
    }

    /// What it counted.
    ///
    /// # Errors
    /// The maps cannot be read.
    pub fn counts(&self) -> Result<(Seen, Counters), Error> {
        let seen = Seen::read(&self.value(".data.seen", 0)?);
        Ok((seen, counters(&self.map("counters")?)?))
    }

    fn value(&self, name: &str, key: u32) -> Result<Vec<u8>, Error> {
        self.map(name)?
            .lookup(&key.to_ne_bytes(), MapFlags::ANY)
            .map_err(Error::kernel(format!("reading {name}")))?
            .ok_or_else(|| Error::Refused(format!("the map {name} has no entry {key}")))
    }

    fn put_state(&self, state: &State) -> Result<(), Error> {
        self.map(".data.guard")?
            .update(&0_u32.to_ne_bytes(), &state.bytes(), MapFlags::ANY)
            .map_err(Error::kernel("writing the state"))
    }
}

/// Do marks that number the old domains mean the same in the new ones? `everyone` is in no mark.
fn continues(old: &[String], new: &[String]) -> bool {
    old.iter()
        .enumerate()
        .all(|(index, name)| name == kakoi_policy::EVERYONE || new.get(index) == Some(name))
}

/// Sums over processors.
pub(crate) fn counters(map: &impl MapCore) -> Result<Counters, Error> {
    let mut sums = Vec::new();
    for index in 0..layout::COUNTERS {
        let each = map
            .lookup_percpu(&index.to_ne_bytes(), MapFlags::ANY)
            .map_err(Error::kernel("reading counters"))?
            .unwrap_or_default();
        sums.push(each.iter().map(|bytes| layout::long(bytes, 0)).sum());
    }
    Ok(Counters::of(&sums))
}

/// Ends a pinned guard. False: there was none.
///
/// # Errors
/// A pin cannot be removed.
pub fn stop() -> Result<bool, Error> {
    let top = Path::new(layout::PINS);
    if !top.is_dir() {
        return Ok(false);
    }
    for entry in std::fs::read_dir(top).map_err(Error::file(top))?.flatten() {
        std::fs::remove_file(entry.path()).map_err(Error::file(&entry.path()))?;
    }
    std::fs::remove_dir(top).map_err(Error::file(top))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn marks_outlive_a_policy_with_the_same_sessions() {
        let old = names(&["remote-session", "everyone"]);
        assert!(continues(&old, &names(&["remote-session"])));
        assert!(continues(&old, &names(&["remote-session", "httpd", "everyone"])));
        assert!(!continues(&old, &names(&["httpd", "remote-session"])));
        assert!(!continues(&old, &[]));
    }
}

// SPDX-License-Identifier: Apache-2.0
//! The list of what starts, each thing once.

use std::collections::HashMap;

use kakoi_model::{FileRef, StartCertainty, StartUp};

use super::daemons;

/// Start-ups of one root file system.
const MAX_START_UPS: usize = 4096;

/// Sets of arguments that are kept of a program that does not stay, per certainty.
const MAX_VARIANTS: usize = 3;

/// Identity of a start-up: a service is one per set of arguments, anything else one per program.
type Key = (String, Option<FileRef>, Option<String>, Vec<String>, String);

/// What was found so far, in the order of the boot.
#[derive(Default)]
pub(super) struct Found {
    start_ups: Vec<StartUp>,
    places: HashMap<Key, usize>,
    variants: HashMap<(Option<FileRef>, Option<String>, StartCertainty), usize>,
}

impl Found {
    /// Adds a start-up, or makes one that is known surer.
    pub(super) fn add(&mut self, start_up: StartUp) {
        if start_up.certainty == StartCertainty::Possible
            && start_up
                .program
                .as_ref()
                .is_some_and(|program| self.knows(program, start_up.applet.as_deref()))
        {
            // A string that names what starts anyway, or is named already, tells nothing new.
            return;
        }
        let key = key_of(&start_up);
        if let Some(known) = self.places.get(&key).and_then(|&at| self.start_ups.get_mut(at)) {
            if start_up.certainty < known.certainty {
                let service = known.service;
                *known = start_up;
                known.service |= service;
            } else {
                known.service |= start_up.service;
            }
            return;
        }
        if !start_up.service {
            let kind = (start_up.program.clone(), start_up.applet.clone(), start_up.certainty);
            let variants = self.variants.entry(kind).or_default();
            *variants += 1;
            if start_up.program.is_some() && *variants > MAX_VARIANTS {
                return;
            }
        }
        if self.start_ups.len() < MAX_START_UPS {
            self.places.insert(key, self.start_ups.len());
            self.start_ups.push(start_up);
        }
    }

    /// Everything, in order.
    pub(super) fn into_start_ups(self) -> Vec<StartUp> {
        self.start_ups
    }

    /// What was found so far.
    pub(super) fn start_ups(&self) -> &[StartUp] {
        &self.start_ups
    }

    fn knows(&self, program: &FileRef, applet: Option<&str>) -> bool {
        self.start_ups.iter().any(|known| {
            known.program.as_ref() == Some(program) && known.applet.as_deref() == applet
        })
    }

    /// Is this file known to start, at least this surely?
    pub(super) fn has(&self, program: &FileRef, certainty: StartCertainty) -> bool {
        let same = |known: &&StartUp| known.program.as_ref() == Some(program);
        self.start_ups.iter().filter(same).any(|known| known.certainty <= certainty)
    }
}

fn key_of(start_up: &StartUp) -> Key {
    let name = start_up.command.rsplit('/').next().unwrap_or_default().to_owned();
    let name = if start_up.program.is_some() { String::new() } else { name };
    let distinct =
        start_up.service || start_up.applet.is_none() && !daemons::is_brief(&last_part(start_up));
    // Many rounds of one tool do not make many programs.
    let arguments = if distinct { start_up.arguments.clone() } else { Vec::new() };
    (name, start_up.program.clone(), start_up.applet.clone(), arguments, start_up.user.clone())
}

fn last_part(start_up: &StartUp) -> String {
    start_up.command.rsplit('/').next().unwrap_or_default().to_owned()
}

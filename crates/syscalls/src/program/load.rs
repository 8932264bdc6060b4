// SPDX-License-Identifier: Apache-2.0
//! Loading: the executable, its interpreter, and libraries breadth first, as `ld.so(8)` does.

use std::sync::Arc;

use super::{Gap, Module, Program};
use crate::module::Summary;

/// A library that was found.
#[derive(Debug, Clone)]
pub struct Library {
    /// Where.
    pub path: String,
    /// Its analysis.
    pub summary: Arc<Summary>,
}

/// Gives libraries by name. What opens files lies behind it; this crate does not.
pub trait Resolver {
    /// A library by the name in `DT_NEEDED`, by that given to `dlopen`, or by the path in
    /// `PT_INTERP`; `search` are the directories that the asking file names. `asker` tells which
    /// architecture fits.
    ///
    /// # Errors
    /// The reason, when there is none or it cannot be analysed.
    fn library(
        &mut self,
        name: &str,
        search: &[String],
        asker: &Summary,
    ) -> Result<Library, String>;

    /// Libraries that fit a name with gaps (`libnss_%s.so.2`), by name.
    fn plugins(&mut self, pattern: &str, asker: &Summary) -> Plugins;
}

/// Answer to a name with gaps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plugins {
    /// Names of libraries.
    pub names: Vec<String>,
    /// What was not looked into, and why; empty when the names are all.
    pub left_out: Option<String>,
}

/// Why a library is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// A file does not start without it.
    Needed,
    /// Running code names it.
    Named,
}

/// Directories that devices fill while they run: by the file-system standard, and those that firmware keeps on flash.
const FILLED: &[&str] = &[
    "/config/",
    "/data/",
    "/home/",
    "/jffs/",
    "/jffs2/",
    "/media/",
    "/mnt/",
    "/nvram/",
    "/opt/",
    "/overlay/",
    "/run/",
    "/storage/",
    "/tmp/",
    "/userdata/",
    "/usr/local/",
    "/var/",
];

/// Can a file of this name come to be after the image was made?
fn may_appear(name: &str) -> bool {
    FILLED.iter().any(|directory| name.starts_with(directory))
}

/// A program of more files than that is no program.
const MOST_MODULES: usize = 512;

/// Loads a program.
pub fn load(name: &str, summary: Arc<Summary>, resolver: &mut dyn Resolver) -> Program {
    let mut program = Program::default();
    let interpreter = summary.interpreter.clone();
    program.modules.push(Module { name: name.to_owned(), path: name.to_owned(), summary });
    program.load_needed(0, resolver);
    if let Some(path) = interpreter {
        program.interpreter = program.open(&path, 0, Asked::Needed, resolver);
    }
    program.at_start = program.modules.len();
    program
}

impl Program {
    /// Loads what the modules from `first` on need.
    pub(crate) fn load_needed(&mut self, first: usize, resolver: &mut dyn Resolver) {
        let mut at = first;
        while let Some(module) = self.modules.get(at) {
            for name in module.summary.needed.clone() {
                self.open(&name, at, Asked::Needed, resolver);
            }
            at += 1;
        }
    }

    /// Loads one file, unless it is there already. Gives its number.
    pub(crate) fn open(
        &mut self,
        name: &str,
        asker: usize,
        asked: Asked,
        resolver: &mut dyn Resolver,
    ) -> Option<usize> {
        let base = name.rsplit('/').next().unwrap_or(name);
        if let Some(known) = self.known.get(base) {
            return *known;
        }
        let asking = self.modules.get(asker)?.clone();
        let found = match resolver.library(name, &asking.summary.search, &asking.summary) {
            Ok(found) if self.modules.len() < MOST_MODULES => Some(found),
            Ok(_) => None,
            // What is opened by name and is not there is not opened, unless something puts it there first. The profile says so.
            Err(_) if asked == Asked::Named && !may_appear(name) => {
                self.absent.insert(name.to_owned());
                None
            }
            Err(reason) => {
                self.gaps.push(Gap {
                    file: asking.name.clone(),
                    address: 0,
                    function: String::new(),
                    reason: format!("library {name}: {reason}"),
                });
                None
            }
        };
        let number = found.map(|found| {
            self.modules.push(Module {
                name: base.to_owned(),
                path: found.path,
                summary: found.summary,
            });
            self.modules.len() - 1
        });
        self.known.insert(base.to_owned(), number);
        number
    }
}

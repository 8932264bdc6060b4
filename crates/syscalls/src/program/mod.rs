// SPDX-License-Identifier: Apache-2.0
//! A program: its executable, its libraries, the dynamic linker; which definition a name binds to,
//! and what of all that can run.

mod bind;
mod blocks;
mod collect;
mod ends;
mod follow;
mod grid;
mod load;
mod open;
mod reach;
mod serve;
mod take;
mod values;
mod waits;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::module::Summary;

pub use load::{Library, Plugins, Resolver, load};
pub use open::reach_with_plugins;
pub use reach::{Cause, Node, Reached, SiteNumber, reach};
pub use serve::Serving;

/// One loaded file.
#[derive(Debug, Clone)]
pub struct Module {
    /// The name that it was asked for by.
    pub name: String,
    /// Where it was found.
    pub path: String,
    /// Its analysis.
    pub summary: Arc<Summary>,
}

/// Something that could not be followed; it can hide system calls.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gap {
    /// File that it is about.
    pub file: String,
    /// Address in it, as its disassembly shows it; 0 where it is about the file.
    pub address: u64,
    /// Function.
    pub function: String,
    /// Why.
    pub reason: String,
}

/// What is mapped when the program runs, in the order of symbol search.
#[derive(Debug, Default)]
pub struct Program {
    /// The executable first; the dynamic linker last.
    pub modules: Vec<Module>,
    /// Modules that were opened at run time (`dlopen`), by index.
    pub plugins: Vec<usize>,
    /// The dynamic linker, by index.
    pub interpreter: Option<usize>,
    /// How many modules are there when the program starts; those behind come at run time, what opened ones need among them.
    pub at_start: usize,
    /// What is missing.
    pub gaps: Vec<Gap>,
    /// Libraries that running code names and that are not there: what follows holds while that is so.
    pub absent: BTreeSet<String>,
    /// Module of each name that was asked for; `None` where it was not found.
    known: BTreeMap<String, Option<usize>>,
}

// SPDX-License-Identifier: Apache-2.0
//! System calls of a program: from the ELF file to the profile.
#![no_main]

use std::sync::Arc;

use kakoi_syscalls::module::{Summary, summarise};
use kakoi_syscalls::profile::{Subject, derive, parse, render};
use kakoi_syscalls::program::{Library, Plugins, Resolver, load, reach_with_plugins};
use libfuzzer_sys::fuzz_target;

/// Every library is the file itself, so that cycles are met too.
struct Itself(Arc<Summary>);

impl Resolver for Itself {
    fn library(&mut self, name: &str, _: &[String], _: &Summary) -> Result<Library, String> {
        Ok(Library { path: name.to_owned(), summary: self.0.clone() })
    }

    fn plugins(&mut self, pattern: &str, _: &Summary) -> Plugins {
        Plugins { names: vec![pattern.replace('%', "x")], left_out: None }
    }
}

fuzz_target!(|data: &[u8]| {
    let Ok(summary) = summarise(data) else { return };
    let summary = Arc::new(summary);
    let mut files = Itself(summary.clone());
    let mut program = load("fuzz", summary, &mut files);
    let reached = reach_with_plugins(&mut program, &mut files);
    let subject = Subject { name: "fuzz", program: &program, reached: &reached, serving: None };
    let profile = derive(&subject);
    if let Ok(text) = render(&profile) {
        assert_eq!(parse(&text).as_ref(), Ok(&profile));
    }
});

// SPDX-License-Identifier: Apache-2.0
//! Libraries that are opened at run time: found by the texts that running code refers to, loaded, and
//! followed in turn until nothing new comes up.

use std::collections::BTreeSet;

use super::bind::named;
use super::load::Asked;
use super::reach::{Known, Reached, Roots};
use super::{Gap, Program, Resolver};

/// Rounds of loading what the last round's libraries open.
const MOST_ROUNDS: usize = 8;

/// Loads what the program opens at run time, and gives what can run then.
pub fn reach_with_plugins(program: &mut Program, resolver: &mut dyn Resolver) -> Reached {
    let mut known = Known::default();
    known.extend(program, &program.roots());
    program.open_rounds(&mut known, resolver, |text| !is_service(text));
    let before = known.numbers(program);
    program.open_rounds(&mut known, resolver, |_| true);
    let mut reached = known.finish(program);
    let all = reached.numbers.iter().map(|site| (site.door, site.number));
    reached.by_services = all.filter(|number| !before.contains(number)).collect();
    reached
}

/// Does the text name modules of the name service?
fn is_service(text: &str) -> bool {
    text.rsplit('/').next().is_some_and(|base| base.starts_with("libnss_"))
}

impl Program {
    /// Opens libraries that running code names, until there is nothing new.
    fn open_rounds(
        &mut self,
        known: &mut Known,
        resolver: &mut dyn Resolver,
        wanted: impl Fn(&str) -> bool,
    ) {
        for _ in 0..MOST_ROUNDS {
            let more = self.open_libraries(&known.reached, resolver, &wanted);
            let roots = self.all_roots(&known.reached);
            known.extend(self, &roots);
            if !more {
                return;
            }
        }
    }

    /// True: there are new ones.
    fn open_libraries(
        &mut self,
        reached: &Reached,
        resolver: &mut dyn Resolver,
        is_wanted: impl Fn(&str) -> bool,
    ) -> bool {
        let before = self.modules.len();
        let texts = reached.libraries.iter().chain(&reached.looked_up);
        let wanted: BTreeSet<&(usize, String)> =
            texts.filter(|(_, text)| is_library(text) && is_wanted(text)).collect();
        for (module, text) in wanted {
            for name in self.names_of(*module, text, resolver) {
                let first = self.modules.len();
                let number = self.open(&name, *module, Asked::Named, resolver);
                self.load_needed(first, resolver);
                if let Some(number) = number.filter(|number| *number >= before) {
                    self.plugins.push(number);
                }
            }
        }
        self.modules.len() > before
    }

    fn names_of(&mut self, module: usize, text: &str, resolver: &mut dyn Resolver) -> Vec<String> {
        if !text.contains('%') {
            return vec![text.to_owned()];
        }
        let Some(asker) = self.modules.get(module).cloned() else { return Vec::new() };
        let found = resolver.plugins(text, &asker.summary);
        if let Some(reason) = found.left_out {
            let reason = format!("libraries named {text}: {reason}");
            let gap = Gap { file: asker.name, address: 0, function: String::new(), reason };
            if !self.gaps.contains(&gap) {
                self.gaps.push(gap);
            }
        }
        found.names
    }

    /// Roots of all modules, and functions that are looked up by name.
    pub(crate) fn all_roots(&self, reached: &Reached) -> Roots {
        let mut roots = self.roots();
        for (_, name) in &reached.looked_up {
            for (number, module) in self.modules.iter().enumerate() {
                let found = named(&module.summary, name);
                roots.functions.extend(found.iter().map(|export| (number, export.address)));
            }
        }
        roots
    }
}

/// No library has a longer name.
const LONGEST_NAME: usize = 64;

/// Does the text name a shared library, with gaps or without?
fn is_library(text: &str) -> bool {
    let base = text.rsplit('/').next().unwrap_or(text);
    let Some(at) = base.find(".so") else { return false };
    let after = base.get(at + 3..).unwrap_or_default();
    let version =
        after.strip_prefix('.').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let ends = after.is_empty() || version || after.starts_with('%') || after.starts_with(".%");
    // Longer ones are other texts that end in the interpreter's name.
    ends && at > 0
        && base.len() <= LONGEST_NAME
        && !base.starts_with("linux-")
        && !base.starts_with("ld.so")
        && !base.starts_with("ld-")
}

#[cfg(test)]
mod tests {
    use super::is_library;

    #[test]
    fn names_of_libraries_are_told_from_other_texts() {
        for name in ["libgcc_s.so.1", "/usr/lib/mod_x.so", "libnss_%s.so.2", "libnss_%s.so%s"] {
            assert!(is_library(name), "{name}");
        }
        let long = format!("./{}ld-uClibc.so.0", "0123456789".repeat(6));
        assert!(!is_library(&long));
        for name in ["/etc/ld.so.cache", "linux-vdso.so.1", "ld-linux.so.2", ".so", "a.sock"] {
            assert!(!is_library(name), "{name}");
        }
    }
}

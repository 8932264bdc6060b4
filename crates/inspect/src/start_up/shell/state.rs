// SPDX-License-Identifier: Apache-2.0
//! What a shell knows: values, functions, the working directory.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use kakoi_model::ImagePath;

use super::syntax::Command;

/// Longest value that is kept, in bytes; longer ones become unknown.
pub(super) const MAX_TEXT: usize = 32 * 1024;

/// Values of one variable that are followed side by side.
const MAX_ALTERNATIVES: usize = 4;

/// A text after expansion. Where a part of it is not known, that part stands as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::start_up) struct Text {
    /// The text.
    pub(in crate::start_up) text: String,
    /// Is all of it known?
    pub(in crate::start_up) known: bool,
}

impl Text {
    /// A known text.
    pub(in crate::start_up) fn known(text: impl Into<String>) -> Self {
        Self { text: text.into(), known: true }
    }

    /// A text that is not known, as it was written.
    pub(in crate::start_up) fn unknown(written: impl Into<String>) -> Self {
        Self { text: written.into(), known: false }
    }

    /// The text, if it is known.
    pub(in crate::start_up) fn value(&self) -> Option<&str> {
        self.known.then_some(self.text.as_str())
    }

    /// Appends, within the length limit.
    pub(super) fn push(&mut self, other: &Self) {
        if self.text.len() + other.text.len() > MAX_TEXT {
            self.known = false;
            return;
        }
        self.text.push_str(&other.text);
        self.known &= other.known;
    }
}

/// Variables, functions and the working directory of a shell. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(in crate::start_up) struct Scope {
    variables: Rc<BTreeMap<String, Option<String>>>,
    /// Of variables that are unknown because two ways gave them different values: those values.
    alternatives: Rc<BTreeMap<String, Vec<String>>>,
    functions: Rc<BTreeMap<String, (Rc<Command>, usize)>>,
    exported: Rc<BTreeSet<String>>,
    /// `$1` …
    pub(super) positional: Rc<Vec<Text>>,
    /// The working directory; none when it is not known.
    pub(in crate::start_up) directory: Option<ImagePath>,
    /// Was a file read, or text evaluated, that the image does not hold? Then a variable that was
    /// never set is not known to be empty.
    pub(super) foreign: bool,
}

impl Scope {
    /// A shell that init starts, in `/`.
    pub(in crate::start_up) fn of_init() -> Self {
        let mut scope = Self { directory: Some(ImagePath::root()), ..Self::default() };
        scope.pass_on("PATH", "/sbin:/usr/sbin:/bin:/usr/bin");
        scope.pass_on("HOME", "/");
        scope.pass_on("USER", "root");
        scope
    }

    /// Sets a variable that children inherit.
    pub(in crate::start_up) fn pass_on(&mut self, name: &str, value: &str) {
        self.set(name, Some(value.to_owned()));
        self.export(name);
    }

    /// Children inherit this variable from now on.
    pub(super) fn export(&mut self, name: &str) {
        if !self.exported.contains(name) {
            Rc::make_mut(&mut self.exported).insert(name.to_owned());
        }
    }

    /// The environment for another program: exported variables go along, functions do not.
    pub(in crate::start_up) fn for_child(&self, positional: Vec<Text>) -> Self {
        let inherited = self.exported.iter();
        let inherited =
            inherited.filter_map(|name| Some((name.clone(), self.variables.get(name)?.clone())));
        Self {
            variables: Rc::new(inherited.collect()),
            alternatives: Rc::default(),
            functions: Rc::default(),
            exported: Rc::clone(&self.exported),
            positional: Rc::new(positional),
            directory: self.directory.clone(),
            foreign: false,
        }
    }

    /// Sets a variable; none makes it unknown.
    pub(in crate::start_up) fn set(&mut self, name: &str, value: Option<String>) {
        let value = value.filter(|value| value.len() <= MAX_TEXT);
        if self.alternatives.contains_key(name) {
            Rc::make_mut(&mut self.alternatives).remove(name);
        }
        Rc::make_mut(&mut self.variables).insert(name.to_owned(), value);
    }

    pub(super) fn unset(&mut self, name: &str) {
        Rc::make_mut(&mut self.variables).remove(name);
    }

    /// The value of a variable; none when it is not known.
    pub(in crate::start_up) fn value(&self, name: &str) -> Option<&str> {
        match self.variables.get(name) {
            Some(value) => value.as_deref(),
            None if self.foreign => None,
            None => Some(""),
        }
    }

    /// A variable of several possible values that an unknown text was written with, and the values.
    pub(super) fn alternatives_in(&self, text: &Text) -> Option<(String, Vec<String>)> {
        if text.known || self.alternatives.is_empty() {
            return None;
        }
        let named = |name: &str| {
            let ends = |rest: &str| !rest.starts_with(|c: char| c == '_' || c.is_alphanumeric());
            let plain = text.text.split(&format!("${name}")).skip(1).any(ends);
            plain || text.text.contains(&format!("${{{name}}}"))
        };
        let found = self.alternatives.iter().find(|(name, _)| named(name));
        found.map(|(name, values)| (name.clone(), values.clone()))
    }

    fn values_of(&self, name: &str) -> Vec<String> {
        match self.variables.get(name) {
            Some(Some(value)) => vec![value.clone()],
            _ => self.alternatives.get(name).cloned().unwrap_or_default(),
        }
    }

    /// The raw slot of a variable, to be put back later.
    pub(super) fn slot(&self, name: &str) -> Option<Option<String>> {
        self.variables.get(name).cloned()
    }

    pub(super) fn restore(&mut self, name: &str, slot: Option<Option<String>>) {
        match slot {
            Some(value) => self.set(name, value),
            None => self.unset(name),
        }
    }

    /// Defines a function; the number says in which file of the shell it stands.
    pub(super) fn define(&mut self, name: &str, body: Rc<Command>, file: usize) {
        Rc::make_mut(&mut self.functions).insert(name.to_owned(), (body, file));
    }

    /// A function.
    pub(super) fn function(&self, name: &str) -> Option<(Rc<Command>, usize)> {
        self.functions.get(name).cloned()
    }

    /// Is a function of this name defined?
    pub(in crate::start_up) fn has_function(&self, name: &str) -> bool {
        self.functions.contains_key(name)
    }

    /// Do both know the same variables with the same values?
    pub(super) fn same_values(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.variables, &other.variables) || self.variables == other.variables
    }

    /// What holds whichever of two ways was taken.
    pub(super) fn join(mut self, other: &Self) -> Self {
        if !Rc::ptr_eq(&self.variables, &other.variables) {
            self.join_alternatives(other);
            let own = Rc::make_mut(&mut self.variables);
            for (name, value) in own.iter_mut() {
                if other.variables.get(name) != Some(value) {
                    *value = None;
                }
            }
            for name in other.variables.keys() {
                own.entry(name.clone()).or_insert(None);
            }
        }
        if !Rc::ptr_eq(&self.functions, &other.functions) {
            let own = Rc::make_mut(&mut self.functions);
            for (name, function) in other.functions.iter() {
                own.entry(name.clone()).or_insert_with(|| function.clone());
            }
        }
        if self.directory != other.directory {
            self.directory = None;
        }
        self.foreign |= other.foreign;
        self
    }

    /// A variable that is unknown on one of the ways has no alternatives: it could be anything.
    fn join_alternatives(&mut self, other: &Self) {
        let mut joined = BTreeMap::new();
        for name in self.variables.keys() {
            let (mut values, more) = (self.values_of(name), other.values_of(name));
            if values.is_empty() || more.is_empty() {
                continue;
            }
            values.extend(more);
            values.sort();
            values.dedup();
            if (2..=MAX_ALTERNATIVES).contains(&values.len()) {
                joined.insert(name.clone(), values);
            }
        }
        self.alternatives = Rc::new(joined);
    }
}

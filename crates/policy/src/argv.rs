// SPDX-License-Identifier: Apache-2.0
//! What an argument vector says: which applet of a multi-call program runs, and where a program
//! that reads code gets it from.

use std::collections::BTreeSet;

use crate::policy::Policy;
use crate::words::Program;

/// Bytes of an argument vector that are looked at (`KK_ARGV_MAX`).
const LOOKED_AT: usize = 256;
/// Longest name of an applet (`KK_NAME_MAX`).
const LONGEST_NAME: usize = 64;
/// How often a multi-call program may name itself again: `busybox busybox sh`.
const HOPS: usize = 4;

/// Where a program that reads code gets it from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// It does not read code.
    None,
    /// Standard input.
    StandardInput,
    /// An argument: `-c`, `-e`, an awk program.
    Command,
    /// A file.
    File,
}

/// What is known of a program that is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// Kinds of the program and of its applet.
    pub kinds: BTreeSet<Program>,
    /// The applet, for multi-call programs.
    pub applet: Option<Vec<u8>>,
    /// Where its code comes from.
    pub source: Source,
    /// The argument vector does not tell.
    pub unknown: bool,
}

/// Reads the argument vector of the program whose own kinds are given.
#[must_use]
pub(crate) fn read(policy: &Policy, own: &BTreeSet<Program>, vector: &[u8]) -> Invocation {
    let cut = vector.len() > LOOKED_AT;
    let seen = vector.get(..LOOKED_AT).unwrap_or(vector);
    let arguments: Vec<&[u8]> = seen.split(|&byte| byte == 0).collect();
    // The last piece is what follows the last NUL: nothing, unless the vector was cut.
    let (whole, partial) = match arguments.split_last() {
        Some(([], whole)) => (whole, None),
        Some((last, whole)) => (whole, Some(*last)),
        None => (&[][..], None),
    };
    let all: Vec<&[u8]> = whole.iter().copied().chain(partial).collect();
    let mut invocation = Invocation {
        kinds: own.clone(),
        applet: None,
        source: Source::None,
        unknown: all.is_empty(),
    };
    let mut next = 1;
    if own.contains(&Program::MultiCall) {
        next = find_applet(policy, &all, cut, &mut invocation);
    }
    let rest = all.get(next.min(all.len())..).unwrap_or_default();
    match find_source(&invocation.kinds, rest, partial.is_some() && next < all.len(), cut) {
        Some(source) => invocation.source = source,
        None => invocation.unknown = true,
    }
    invocation
}

/// Returns the index of the first argument after the applet's name.
fn find_applet(policy: &Policy, all: &[&[u8]], cut: bool, invocation: &mut Invocation) -> usize {
    let mut kinds = BTreeSet::from([Program::MultiCall]);
    let mut hop = 0;
    while hop < HOPS && hop < all.len() && kinds.contains(&Program::MultiCall) {
        let name = applet_name(all[hop]);
        kinds = name
            .as_deref()
            .map(|name| policy.kinds(|pattern| pattern.matches_applet(name)))
            .unwrap_or_default();
        invocation.applet = name;
        hop += 1;
    }
    let endless = kinds.contains(&Program::MultiCall);
    invocation.unknown = endless && (cut || hop == HOPS || all.is_empty());
    invocation.kinds.extend(kinds);
    hop
}

/// The base name, without the dash of a login shell; none when it is too long to be an applet's.
fn applet_name(argument: &[u8]) -> Option<Vec<u8>> {
    let text = argument.strip_prefix(b"-").unwrap_or(argument);
    let base = text.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    (base.len() <= LONGEST_NAME).then(|| base.to_vec())
}

/// None: cannot be told, because the vector was cut off before it said.
fn find_source(
    kinds: &BTreeSet<Program>,
    arguments: &[&[u8]],
    partial: bool,
    cut: bool,
) -> Option<Source> {
    let reads = [Program::Shell, Program::Scripting].iter().any(|kind| kinds.contains(kind));
    if !reads && !kinds.contains(&Program::Filter) {
        return Some(Source::None);
    }
    let operand = if reads { Source::File } else { Source::Command };
    let mut stdin = false;
    let mut options = true;
    let mut skip = false;
    for (index, argument) in arguments.iter().enumerate() {
        let whole = !(partial && index + 1 == arguments.len());
        if std::mem::take(&mut skip) {
            continue;
        }
        match argument {
            // Not ended, so it is not yet known what it is; options in it count.
            _ if options && matches!(argument.first(), Some(b'-' | b'+')) => {
                if *argument == b"-" && whole {
                    (stdin, options) = (true, false);
                } else if *argument == b"--" && whole {
                    options = false;
                } else if !argument.starts_with(b"--") {
                    let letters = letters(kinds, argument.get(1..).unwrap_or_default());
                    if let Some(source) = letters.source {
                        return Some(source);
                    }
                    stdin |= letters.stdin;
                    skip = letters.value;
                }
            }
            _ if !whole => {}
            _ => return Some(if stdin { Source::StandardInput } else { operand }),
        }
    }
    match (stdin, cut) {
        (true, _) => Some(Source::StandardInput),
        (false, true) => None,
        (false, false) => Some(if reads { Source::StandardInput } else { Source::Command }),
    }
}

#[derive(Default)]
struct Letters {
    source: Option<Source>,
    stdin: bool,
    value: bool,
}

/// A cluster of one-letter options, up to the first that tells where the code is.
fn letters(kinds: &BTreeSet<Program>, cluster: &[u8]) -> Letters {
    let mut found = Letters::default();
    for letter in cluster {
        match letter {
            b'c' if kinds.contains(&Program::Shell) => found.source = Some(Source::Command),
            b's' if kinds.contains(&Program::Shell) => found.stdin = true,
            b'o' | b'O' if kinds.contains(&Program::Shell) => found.value = true,
            _ if kinds.contains(&Program::Shell) => {}
            b'c' | b'e' | b'E' | b'r' if kinds.contains(&Program::Scripting) => {
                found.source = Some(Source::Command)
            }
            b'm' | b'f' if kinds.contains(&Program::Scripting) => found.source = Some(Source::File),
            _ if kinds.contains(&Program::Scripting) => {}
            b'f' | b'E' => found.source = Some(Source::File),
            _ => {}
        }
        if found.source.is_some() {
            break;
        }
    }
    found
}

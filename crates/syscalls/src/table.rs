// SPDX-License-Identifier: Apache-2.0
//! Names of system calls by ABI and number, from `rules/syscalls.toml`.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Deserialize;

use crate::object::Machine;

/// The calls of one ABI.
#[derive(Debug, Deserialize)]
pub struct Table {
    /// Package and header that the numbers come from.
    pub source: String,
    /// Number by name.
    calls: BTreeMap<String, u64>,
    #[serde(skip)]
    names: BTreeMap<u64, String>,
}

static TABLES: OnceLock<BTreeMap<String, Table>> = OnceLock::new();

fn tables() -> &'static BTreeMap<String, Table> {
    TABLES.get_or_init(|| {
        let text = include_str!("../../../rules/syscalls.toml");
        // The text is a part of the program; a test reads it.
        let mut tables: BTreeMap<String, Table> = toml::from_str(text).unwrap_or_default();
        for table in tables.values_mut() {
            table.names =
                table.calls.iter().map(|(name, number)| (*number, name.clone())).collect();
        }
        tables
    })
}

impl Table {
    /// The table of an ABI by its name in profiles, such as `x86-64`.
    #[must_use]
    pub fn named(abi: &str) -> Option<&'static Self> {
        tables().get(abi)
    }

    /// The table of what a program of this machine calls.
    #[must_use]
    pub fn of(machine: Machine) -> Option<&'static Self> {
        Self::named(abi_name(machine))
    }

    /// The name of a number.
    #[must_use]
    pub fn name(&self, number: u64) -> Option<&str> {
        self.names.get(&number).map(String::as_str)
    }

    /// The number of a name.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u64> {
        self.calls.get(name).copied()
    }

    /// The numbers as the filter compiler takes them.
    #[must_use]
    pub fn for_filters(&self) -> crate::filter::Table {
        let narrow =
            |(name, number): (&str, u64)| Some((name.to_owned(), u32::try_from(number).ok()?));
        self.calls().filter_map(narrow).collect()
    }

    /// All names with their numbers.
    pub fn calls(&self) -> impl Iterator<Item = (&str, u64)> {
        self.calls.iter().map(|(name, number)| (name.as_str(), *number))
    }
}

/// How an ABI is called in profiles.
#[must_use]
pub fn abi_name(machine: Machine) -> &'static str {
    match machine {
        Machine::X86_64 => "x86-64",
        Machine::I386 => "i386",
        Machine::Aarch64 => "aarch64",
        Machine::Arm => "arm",
        Machine::MipsO32 => "mips-o32",
        Machine::MipsN64 => "mips-n64",
        Machine::MipsN32 => "mips-n32",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_machine_has_a_table_with_its_own_numbers() {
        let number = |machine, name| Table::of(machine).and_then(|table| table.number(name));
        assert_eq!(number(Machine::X86_64, "openat"), Some(257));
        assert_eq!(number(Machine::I386, "clock_gettime64"), Some(403));
        assert_eq!(number(Machine::Aarch64, "openat"), Some(56));
        assert_eq!(number(Machine::Arm, "set_tls"), Some(0xf_0005));
        assert_eq!(number(Machine::MipsO32, "openat"), Some(4288));
        assert_eq!(number(Machine::MipsN64, "openat"), Some(5247));
        assert_eq!(number(Machine::MipsN32, "openat"), Some(6251));
    }
}

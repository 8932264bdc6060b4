// SPDX-License-Identifier: Apache-2.0
//! What a register may hold: the lattice of the propagation.

use crate::isa::Register;

/// Up to eight constants.
pub(crate) const MOST_CONSTANTS: usize = 8;

/// Sets of constants by number; equal sets have equal numbers.
#[derive(Debug, Default)]
pub(crate) struct Sets {
    sets: Vec<Vec<u64>>,
}

/// A jump table that is being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Element {
    /// Address of the first entry.
    pub(crate) table: u64,
    /// Bytes of an entry.
    pub(crate) bytes: u8,
    /// Entries have a sign.
    pub(crate) signed: bool,
    /// Entries are shifted left by this.
    pub(crate) shift: u8,
    /// Added to each entry.
    pub(crate) add: u64,
    /// The entry register, and what was added to it, that the index is.
    pub(crate) index: Option<(Register, i32)>,
}

/// An abstract value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Abstract {
    /// One number or address.
    Constant(u64),
    /// One of several.
    Set(u32),
    /// What a register held when the function was entered, plus a number.
    Entry(Register, i32),
    /// The stack pointer at entry plus a number.
    Stack(i64),
    /// The address of a dynamic symbol, by its index.
    Symbol(u32),
    /// An entry of a jump table, by its number.
    Element(u32),
    /// An address of data plus something: an entry of a table there.
    Table(u64),
    /// A place in a run of branches, by the number of the run.
    Run(u32),
    /// An index times the size of a table entry.
    Scaled(Register, i32, u8),
    /// Anything.
    Unknown,
}

impl Sets {
    pub(crate) fn constants<'a>(&'a self, value: &'a Abstract) -> Option<&'a [u64]> {
        match value {
            Abstract::Constant(number) => Some(std::slice::from_ref(number)),
            Abstract::Set(set) => self.sets.get(*set as usize).map(Vec::as_slice),
            _ => None,
        }
    }

    /// The value that may be any of these.
    pub(crate) fn of(&mut self, mut numbers: Vec<u64>) -> Abstract {
        numbers.sort_unstable();
        numbers.dedup();
        match numbers.as_slice() {
            [one] => Abstract::Constant(*one),
            [] => Abstract::Unknown,
            more if more.len() > MOST_CONSTANTS => Abstract::Unknown,
            _ => {
                let known = self.sets.iter().position(|set| *set == numbers);
                let number = known.unwrap_or_else(|| {
                    self.sets.push(numbers);
                    self.sets.len() - 1
                });
                Abstract::Set(number as u32)
            }
        }
    }

    /// The least value that is at least both.
    pub(crate) fn join(&mut self, left: Abstract, right: Abstract) -> Abstract {
        if left == right {
            return left;
        }
        match (self.constants(&left), self.constants(&right)) {
            (Some(left), Some(right)) => {
                let both = left.iter().chain(right).copied().collect();
                self.of(both)
            }
            _ => Abstract::Unknown,
        }
    }

    /// Applies a function to every constant.
    pub(crate) fn map(&mut self, value: Abstract, change: impl Fn(u64) -> u64) -> Abstract {
        match self.constants(&value) {
            Some(numbers) => {
                let numbers = numbers.iter().map(|number| change(*number)).collect();
                self.of(numbers)
            }
            None => Abstract::Unknown,
        }
    }
}

/// Which values of an entry register a place in the function is reached with: one bit for each of
/// 0 to 254, the last for all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Allowed([u64; 4]);

const OTHERS: usize = 255;

impl Allowed {
    /// Every value.
    pub const ALL: Self = Self([u64::MAX; 4]);
    /// No value.
    pub const NONE: Self = Self([0; 4]);

    /// One value.
    #[must_use]
    pub fn only(value: u64) -> Self {
        let mut allowed = Self::NONE;
        allowed.insert(value);
        allowed
    }

    fn bit(value: u64) -> usize {
        // A register of 32 bits is compared whatever its upper half is.
        let value = value & 0xffff_ffff;
        usize::try_from(value).unwrap_or(OTHERS).min(OTHERS)
    }

    /// Adds a value.
    pub fn insert(&mut self, value: u64) {
        let bit = Self::bit(value);
        self.0[bit / 64] |= 1 << (bit % 64);
    }

    /// Takes one value out; those beyond 254 stay.
    pub fn remove(&mut self, value: u64) {
        let bit = Self::bit(value);
        if bit != OTHERS {
            self.0[bit / 64] &= !(1 << (bit % 64));
        }
    }

    /// Is the value in?
    #[must_use]
    pub fn contains(&self, value: u64) -> bool {
        let bit = Self::bit(value);
        self.0[bit / 64] >> (bit % 64) & 1 == 1
    }

    /// Those in both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(std::array::from_fn(|at| self.0[at] & other.0[at]))
    }

    /// Those in either.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self(std::array::from_fn(|at| self.0[at] | other.0[at]))
    }

    /// The small values for which a test holds, with the others or without.
    pub(crate) fn those(others: bool, test: impl Fn(u64) -> bool) -> Self {
        let mut allowed = Self::NONE;
        (0..OTHERS as u64).filter(|value| test(*value)).for_each(|value| allowed.insert(value));
        if others {
            allowed.insert(OTHERS as u64);
        }
        allowed
    }
}

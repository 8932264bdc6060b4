// SPDX-License-Identifier: Apache-2.0
//! From rules to a program: architecture word, number, decision tree, arguments.

use std::fmt;

use super::arguments::checks;
use super::assemble::{Assembler, Label};
use super::program::{LIMIT, code};
use super::segment::{Leaf, Node, segments, tree};
use super::{Action, Program, Rules};

/// Offset of the number in `struct seccomp_data`.
const NUMBER: u32 = 0;

/// Offset of the architecture word.
const ARCHITECTURE: u32 = 4;

/// The rules need more instructions than the kernel takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong {
    /// Instructions that they need.
    pub instructions: usize,
}

impl fmt::Display for TooLong {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "compile filter: {} instructions, the kernel takes {LIMIT}",
            self.instructions
        )
    }
}

impl std::error::Error for TooLong {}

/// What a program may cost to be quick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Budget {
    /// No more comparisons than a list of the calls has.
    List,
    /// A quarter more: for kernels that run the filter at each call (before Linux 5.11, and on MIPS).
    Tree,
}

/// The program for the rules: the one with the fewest expected comparisons within the budget.
///
/// # Errors
/// When it is longer than the kernel takes.
pub fn compile(rules: &Rules, budget: Budget) -> Result<Program, TooLong> {
    let mut assembler = Assembler::default();
    // A call whose arguments are looked at may cost one more than in a list, where it can stand last.
    let free = rules.calls.values().filter(|rule| rule.checks.is_empty()).count();
    let list = free + usize::from(rules.architecture.foreign_numbers().is_some());
    let budget = match budget {
        Budget::List => list,
        Budget::Tree => list + list / 4,
    };
    let tree = tree(&segments(rules), budget);
    let start = node(&mut assembler, rules, &tree);
    assembler.fall_into(start);
    let start = assembler.push(code::LOAD, NUMBER);
    let foreign = Label::Answer(rules.foreign());
    assembler.compare(code::IF_EQUAL, rules.architecture.audit(), start, foreign);
    assembler.push(code::LOAD, ARCHITECTURE);
    let instructions = assembler.len();
    Program::check(assembler.finish()).map_err(|_| TooLong { instructions })
}

fn node(assembler: &mut Assembler, rules: &Rules, node_: &Node) -> Label {
    match node_ {
        Node::Leaf(end) => leaf(assembler, rules, *end),
        Node::From(bound, high, low) => {
            let low = node(assembler, rules, low);
            let high = node(assembler, rules, high);
            assembler.compare(code::IF_FROM, *bound, high, low)
        }
        Node::Chain(numbers, base) => {
            let base = leaf(assembler, rules, *base);
            let ends: Vec<(u32, Label)> = numbers
                .iter()
                .map(|(number, end)| (*number, leaf(assembler, rules, *end)))
                .collect();
            ends.iter().rev().fold(base, |next, (number, end)| {
                assembler.compare(code::IF_EQUAL, *number, *end, next)
            })
        }
    }
}

fn leaf(assembler: &mut Assembler, rules: &Rules, leaf: Leaf) -> Label {
    match leaf {
        Leaf::Action(action) => Label::Answer(action),
        Leaf::Call(number) => {
            let conditions = rules.calls.get(&number).map_or(&[][..], |rule| &rule.checks);
            let (holds, fails) = (Label::Answer(Action::Allow), Label::Answer(rules.action));
            checks(assembler, rules, conditions, holds, fails)
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
//! Exit codes: part of the interface.

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It did what it was asked.
    Done,
    /// `--fail-on`: there are findings of that severity or worse (new ones, with `--baseline`).
    Findings,
    /// The input could not be read, or nothing in it was recognised.
    Input,
    /// kakoi itself failed: output not writable, worker lost.
    Failure,
    /// `kakoi run`: as the program ended, 128 and the number for a signal.
    Program(u8),
}

/// Shown at the end of `kakoi --help`. clap itself exits with 2 on wrong usage.
pub const HELP: &str = "Exit codes:
  0  done
  1  findings at or above --fail-on (new ones only, with --baseline); policies differ
  2  wrong usage
  3  the input could not be read, or nothing in it was recognised
  4  kakoi failed: output not writable, worker lost
`kakoi run` ends as the program does: with its code, or 128 and the number of the signal.";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Findings => 1,
            Exit::Input => 3,
            Exit::Failure => 4,
            Exit::Program(code) => code,
        })
    }
}

/// The input is at fault, not kakoi.
#[derive(Debug)]
pub struct BadInput(pub String);

impl std::fmt::Display for BadInput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadInput {}

/// The code for an error that ended a command.
pub fn of_error(error: &anyhow::Error) -> Exit {
    if error.chain().any(|cause| cause.is::<BadInput>()) { Exit::Input } else { Exit::Failure }
}

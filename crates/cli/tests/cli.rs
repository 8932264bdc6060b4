// SPDX-License-Identifier: Apache-2.0
//! The `kakoi` command as a user meets it: real processes, on images that the tests make.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod confinement;
mod corpus;
mod extraction;
mod honeypot;
mod image;
mod limits;
mod policy;
mod profile;
mod running;
mod scanning;
mod stages;

use std::path::Path;
use std::process::{Command, Output};

/// Runs `kakoi` with a fixed clock.
fn kakoi(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kakoi"));
    command.args(arguments).env("SOURCE_DATE_EPOCH", "1700000000").env_remove("RUST_BACKTRACE");
    command
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

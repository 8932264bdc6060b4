// SPDX-License-Identifier: Apache-2.0
//! libseccomp, as a program that the test builds.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use kakoi_syscalls::filter::{Architecture, Program, Table};

/// Builds the program in the directory.
pub(crate) fn build(directory: &Path) -> PathBuf {
    let program = directory.join("rival");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/filter/rival.c");
    let status =
        Command::new("gcc").args(["-O2", "-o"]).arg(&program).args([source, "-lseccomp"]).status();
    assert!(
        status.is_ok_and(|status| status.success()),
        "needs gcc and libseccomp-dev (tools/install.sh test)"
    );
    program
}

/// libseccomp's name; none for what it has not (big-endian ARM).
pub(crate) fn name(architecture: Architecture) -> Option<&'static str> {
    Some(match architecture {
        Architecture::X86_64 => "x86_64",
        Architecture::I386 => "x86",
        Architecture::Aarch64 => "aarch64",
        Architecture::Arm => "arm",
        Architecture::Armeb => return None,
        Architecture::Mips => "mips",
        Architecture::Mipsel => "mipsel",
        Architecture::Mips64 => "mips64",
        Architecture::Mips64el => "mipsel64",
        Architecture::Mipsn32 => "mips64n32",
        Architecture::Mipsn32el => "mipsel64n32",
    })
}

fn run(program: &Path, architecture: &str, mode: &str, input: &str) -> Vec<u8> {
    let mut child = Command::new(program)
        .args([architecture, mode])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the rival starts");
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("the rival reads");
    let output = child.wait_with_output().expect("the rival ends");
    assert!(output.status.success(), "{architecture} {mode}");
    output.stdout
}

/// Its table of calls.
pub(crate) fn table(program: &Path, architecture: &str) -> Table {
    let text = String::from_utf8(run(program, architecture, "names", "")).expect("text");
    let entry = |line: &str| {
        let (name, number) = line.split_once(' ').expect("two words");
        (name.to_owned(), number.parse().expect("a number"))
    };
    text.lines().map(entry).collect()
}

/// Its filter: mode `list` or `tree`.
pub(crate) fn filter(
    program: &Path,
    architecture: Architecture,
    mode: &str,
    input: &str,
) -> Program {
    let name = name(architecture).expect("an architecture of libseccomp");
    let bytes = run(program, name, mode, input);
    Program::decode(&bytes, architecture.order()).expect("a program")
}

// SPDX-License-Identifier: Apache-2.0
//! Capstone, run as a program that the test builds.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

/// What capstone says about one instruction.
pub(crate) struct Record {
    /// Immediates, displacements and shift amounts.
    pub(crate) numbers: Vec<u64>,
    /// A bit for each general register written.
    pub(crate) written: u32,
    /// Length in bytes, 0 for no instruction.
    pub(crate) size: u8,
    pub(crate) jump: bool,
    pub(crate) call: bool,
    /// Mnemonic and operands.
    pub(crate) text: String,
}

const RECORD_BYTES: usize = 272;

/// Builds the program in the directory.
pub(crate) fn build(directory: &Path) -> std::path::PathBuf {
    let program = directory.join("oracle");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/capstone/oracle.c");
    let status =
        Command::new("gcc").args(["-O2", "-o"]).arg(&program).args([source, "-lcapstone"]).status();
    assert!(
        status.is_ok_and(|status| status.success()),
        "needs gcc and libcapstone-dev (tools/install.sh test)"
    );
    program
}

/// Asks about every instruction; the answers are in the same order.
pub(crate) fn ask(program: &Path, set: &str, questions: &[(u64, [u8; 4])]) -> Vec<Record> {
    let mut child = Command::new(program)
        .arg(set)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the oracle starts");
    let mut input = child.stdin.take().expect("piped");
    let bytes: Vec<u8> = questions
        .iter()
        .flat_map(|(address, code)| address.to_le_bytes().into_iter().chain(*code))
        .collect();
    let writer = std::thread::spawn(move || input.write_all(&bytes).expect("the oracle reads"));
    let mut output =
        std::io::BufReader::with_capacity(1 << 20, child.stdout.take().expect("piped"));
    let mut record = [0; RECORD_BYTES];
    let answers = questions
        .iter()
        .map(|_| {
            output.read_exact(&mut record).expect("one record for each question");
            parse(&record)
        })
        .collect();
    writer.join().expect("the writer ends");
    assert!(child.wait().expect("the oracle ends").success());
    answers
}

/// Milliseconds that capstone takes for the code, with details, which is what the registers written are.
#[allow(dead_code, reason = "the bench asks for it, the test does not")]
pub(crate) fn time(program: &Path, set: &str, code: &[u8]) -> f64 {
    let mut child = Command::new(program)
        .args([set, "time"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the oracle starts");
    child.stdin.take().expect("piped").write_all(code).expect("the oracle reads");
    let output = child.wait_with_output().expect("the oracle ends");
    let text = String::from_utf8(output.stdout).expect("a line of text");
    text.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
}

fn parse(record: &[u8; RECORD_BYTES]) -> Record {
    let long = |at: usize| u64::from_le_bytes(record[at..at + 8].try_into().expect("eight bytes"));
    let count = usize::from(record[69]).min(8);
    let text = &record[72..];
    let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
    Record {
        numbers: (0..count).map(|index| long(8 * index)).collect(),
        written: u32::from_le_bytes(record[64..68].try_into().expect("four bytes")),
        size: record[68],
        jump: record[70] != 0,
        call: record[71] != 0,
        text: String::from_utf8_lossy(&text[..end]).into_owned(),
    }
}

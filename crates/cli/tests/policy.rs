// SPDX-License-Identifier: Apache-2.0
//! `kakoi policy` as a user meets it.

use crate::{image, kakoi, stderr, stdout, text};

const POLICY: &str = "kakoi = 1\n[domain.remote-session]\nenter.descends-from = \"telnetd\"\ngrant-exec = \"rewrite\"\n";

fn written(folder: &tempfile::TempDir, name: &str, content: &str) -> std::path::PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    path
}

#[test]
fn check_names_file_line_and_column_of_every_error_and_exits_with_3() {
    let folder = tempfile::tempdir().unwrap();
    let bad = written(
        &folder,
        "bad.toml",
        "kakoi = 1\n[domain.a]\nenter.exec = \"x\"\nshel-start = \"deny\"\nexec = 7\n",
    );
    let output = kakoi(&["policy", "check", text(&bad)]);
    assert_eq!(output.status.code(), Some(3));
    let words = stdout(&output);
    assert!(
        words.contains(&format!("{}:4:1: error: unknown key `shel-start`\n", bad.display())),
        "{words}"
    );
    assert!(words.contains("did you mean `shell-start`?"), "{words}");
    assert!(words.contains(":5:8: error: expected a list of texts, found a number\n"), "{words}");
    let good = written(&folder, "good.toml", POLICY);
    let output = kakoi(&["policy", "check", text(&good)]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

#[test]
fn explain_names_the_rule_that_decides() {
    let folder = tempfile::tempdir().unwrap();
    let policy = written(&folder, "p.toml", POLICY);
    let attempt = r#"{"op":"chmod","object":{"path":"/tmp/a","mode":"0644"},"mode":"0755","can-rewrite":true}"#;
    let output = kakoi(&["policy", "explain", text(&policy), attempt, "--in", "remote-session"]);
    let expected = "rewrite\n  by grant-exec of the domain remote-session, line 4: a file is given execute permission\n  \
                    the mode becomes 0644\n";
    assert_eq!(stdout(&output), expected);
    let after = ["--after", "exec /usr/sbin/telnetd", "--after", "accept", "--after", "fork"];
    let output = kakoi(&[&["policy", "explain", text(&policy), attempt][..], &after].concat());
    assert_eq!(stdout(&output), expected);
    let output = kakoi(&["policy", "explain", text(&policy), attempt]);
    assert_eq!(stdout(&output), "allow\n  no rule judges it\n");
    let output = kakoi(&["policy", "explain", text(&policy), attempt, "--in", "nobody"]);
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn diff_exits_with_1_when_a_decision_changes() {
    let folder = tempfile::tempdir().unwrap();
    let old = written(&folder, "old.toml", POLICY);
    let new = written(&folder, "new.toml", &POLICY.replace("rewrite", "deny"));
    let output = kakoi(&["policy", "diff", text(&old), text(&new)]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stdout(&output), "remote-session: grant-exec: rewrite -> deny (stricter)\n");
    assert_eq!(kakoi(&["policy", "diff", text(&old), text(&old)]).status.code(), Some(0));
}

#[test]
fn simulate_says_what_would_have_been_done_to_each_attempt() {
    let folder = tempfile::tempdir().unwrap();
    let policy = written(&folder, "p.toml", POLICY);
    let events = "{\"id\":7,\"subject\":{\"domains\":[\"remote-session\"]},\"attempt\":{\"op\":\"chmod\",\"object\":{\"path\":\"/a\"},\"mode\":\"0755\"}}\n\
                  {\"attempt\":{\"op\":\"chmod\",\"object\":{\"path\":\"/a\"},\"mode\":\"0755\"}}\n";
    let events = written(&folder, "e.jsonl", events);
    let output = kakoi(&["policy", "simulate", text(&policy), text(&events), "--judged", "--fail"]);
    assert_eq!(output.status.code(), Some(1));
    let lines: Vec<serde_json::Value> =
        stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["id"], 7);
    assert_eq!(lines[0]["verdict"], "deny");
    assert_eq!(lines[0]["would"], "rewrite");
    assert_eq!(lines[0]["policy-line"], 4);
    let broken = written(&folder, "b.jsonl", "\n{\"attempt\":{\"op\":\"chmood\"}}\n");
    let output = kakoi(&["policy", "simulate", text(&policy), text(&broken)]);
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).contains("b.jsonl:2:"), "{}", stderr(&output));
}

#[test]
fn compile_writes_the_same_blob_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let policy = written(&folder, "p.toml", POLICY);
    let blob = |name: &str| {
        let target = folder.path().join(name);
        let output = kakoi(&["policy", "compile", text(&policy), "-o", text(&target)]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        std::fs::read(target).unwrap()
    };
    let first = blob("a.kkb");
    assert_eq!(first, blob("b.kkb"));
    assert_eq!(&first[..4], b"\x81KKB");
}

#[test]
fn digests_of_programs_libraries_and_scripts_are_listed_and_nothing_is_said_of_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let (router, list) = (folder.path().join("router.bin"), folder.path().join("list"));
    std::fs::write(&router, image::gzip(&image::router())).unwrap();
    let output = kakoi(&["policy", "digests", text(&router), "-o", text(&list)]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(!stderr(&output).contains("left out"), "{}", stderr(&output));
    let listed = std::fs::read_to_string(&list).unwrap();
    let busybox = format!("{}  /bin/busybox\n", kakoi_model::Digest::of(&image::busybox()));
    assert!(listed.contains(&busybox) && listed.contains("  /etc/init.d/rcS\n"), "{listed}");
    assert!(!listed.contains("/etc/passwd"), "{listed}");
    let bare = folder.path().join("bare.bin");
    std::fs::write(&bare, image::gzip(b"no root file system\n")).unwrap();
    let output = kakoi(&["policy", "digests", text(&bare), "-o", text(&list)]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
}

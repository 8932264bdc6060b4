// SPDX-License-Identifier: Apache-2.0
//! `kakoi scan` from outside: output, exit codes, determinism, and inputs that are no images.

use std::fs;
use std::io::Read;
use std::process::{Command, Stdio};

use kakoi_model::{Fact, Facts, OpenState};

use super::{command, image, kakoi, stderr, stdout, text};

fn written(content: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("router.bin");
    fs::write(&path, content).unwrap();
    (folder, path)
}

fn facts_of(arguments: &[&str]) -> Facts {
    let output = kakoi(&[&["scan", "-q", "--format", "facts"], arguments].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    Facts::from_json_lines(&stdout(&output)).unwrap()
}

#[test]
fn a_router_image_gives_files_start_up_account_and_findings() {
    let (_folder, path) = written(&image::gzip(&image::router()));
    let facts = facts_of(&[text(&path)]);
    let formats: Vec<&str> = facts.containers().map(|found| found.format.as_str()).collect();
    assert_eq!(formats, ["gzip", "cpio"]);
    assert!(facts.containers().any(|container| container.root));
    assert!(facts.files().any(|file| file.path.to_string() == "etc/init.d/rcS"));
    assert!(
        facts.start_ups().any(|start| start.command.contains("telnetd")),
        "{:?}",
        facts.start_ups().collect::<Vec<_>>()
    );
    assert!(facts.accounts().any(|account| account.name == "root"));
    assert_eq!(facts.elves().count(), 1);
    let output = kakoi(&["scan", "-q", "--format", "sarif", text(&path)]);
    for rule in ["empty-password", "telnet-at-boot"] {
        assert!(stdout(&output).contains(rule), "{rule} in {}", stdout(&output));
    }
}

#[test]
fn all_reports_are_written_and_standard_output_stays_a_summary() {
    let (folder, path) = written(&image::router());
    let out = folder.path().join("out");
    let output = kakoi(&["scan", text(&path), "-o", text(&out)]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).contains("router.bin"));
    for name in ["report.html", "facts.jsonl", "findings.sarif", "sbom.cdx.json", "sbom.spdx.json"]
    {
        assert!(fs::metadata(out.join(name)).unwrap().len() > 100, "{name}");
    }
}

#[test]
fn padding_and_noise_alone_are_nothing_recognised() {
    let noise: Vec<u8> =
        (0..4096_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for content in [vec![0xff; 70_000], [noise, vec![0; 3000]].concat()] {
        let (_folder, path) = written(&content);
        let output = kakoi(&["scan", "-q", text(&path)]);
        assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
        assert!(stderr(&output).contains("nothing in it was recognised"), "{}", stderr(&output));
    }
}

#[test]
fn output_is_equal_at_any_number_of_threads() {
    let (_folder, path) = written(&image::gzip(&image::router()));
    let run = |threads: &str| {
        kakoi(&["scan", "-q", "--threads", threads, "--format", "json", text(&path)]).stdout
    };
    let one = run("1");
    assert!(one.len() > 1000);
    assert!(one == run("4") && one == run("4"));
}

#[test]
fn a_directory_and_its_archive_give_the_same_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("router.cpio");
    fs::write(&path, image::router()).unwrap();
    let tree = folder.path().join("tree");
    assert_eq!(kakoi(&["extract", "-q", text(&path), text(&tree)]).status.code(), Some(0));
    let names = |facts: &Facts| {
        facts
            .files()
            .filter(|file| file.digest().is_some())
            .map(|file| (file.path.clone(), file.kind.clone()))
            .collect::<Vec<_>>()
    };
    let from_archive = facts_of(&[text(&path)]);
    let from_directory = facts_of(&[text(&tree.join("000000-cpio"))]);
    assert_eq!(names(&from_archive), names(&from_directory));
    assert_eq!(from_directory.start_ups().count(), from_archive.start_ups().count());
}

#[test]
fn fail_on_and_baseline_decide_the_exit_code() {
    let (folder, path) = written(&image::router());
    let run = |more: &[&str]| kakoi(&[&["scan", "-q", text(&path)], more].concat()).status.code();
    assert_eq!(run(&[]), Some(0));
    assert_eq!(run(&["--fail-on", "critical"]), Some(1));
    let out = folder.path().join("out");
    assert_eq!(run(&["-o", text(&out)]), Some(0));
    let old = out.join("facts.jsonl");
    assert_eq!(run(&["--fail-on", "info", "--baseline", text(&old)]), Some(0));
    let without = |line: &&str| !line.contains("\"fact\":\"account\"");
    let old_text = fs::read_to_string(&old).unwrap();
    fs::write(
        &old,
        old_text.lines().filter(without).map(|line| format!("{line}\n")).collect::<String>(),
    )
    .unwrap();
    assert_eq!(
        run(&["--fail-on", "high", "--baseline", text(&old)]),
        Some(1),
        "a new account finding"
    );
}

#[test]
fn a_baseline_that_is_none_is_refused_with_its_line() {
    let (folder, path) = written(&image::router());
    let baseline = folder.path().join("old.jsonl");
    fs::write(&baseline, "{\"fact\":\"image\"}\n").unwrap();
    let output = kakoi(&["scan", "-q", "--baseline", text(&baseline), text(&path)]);
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).contains("line 1"), "{}", stderr(&output));
}

#[test]
fn what_is_no_image_is_said_and_exits_with_3() {
    let (_folder, empty) = written(b"");
    let (_other, noise) = written(
        &(0..5000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect::<Vec<u8>>(),
    );
    for (path, word) in [
        ("/nonexistent/router.bin", "No such file"),
        (text(&empty), "empty"),
        (text(&noise), "nothing"),
        ("/dev/null", "neither"),
    ] {
        let output = kakoi(&["scan", "-q", path]);
        assert_eq!(output.status.code(), Some(3), "{path}: {}", stderr(&output));
        let message = stderr(&output);
        assert!(message.contains(word) && message.contains(path), "{path}: {message}");
    }
}

#[test]
fn a_truncated_image_keeps_what_was_read_and_says_where_it_ends() {
    let whole = image::router();
    let (_folder, path) = written(&whole[..whole.len() / 2]);
    let facts = facts_of(&[text(&path)]);
    assert!(facts.files().count() > 0);
    assert!(facts.containers().any(|container| container.state != OpenState::Full));
    let problem = facts.problems().next().expect("a problem");
    assert_eq!(problem.code.as_str(), "truncated", "{problem}");
    assert!(problem.offset > 0);
}

#[test]
fn wrong_usage_exits_with_2_and_help_names_the_exit_codes() {
    assert_eq!(kakoi(&["scan"]).status.code(), Some(2));
    assert_eq!(kakoi(&["scan", "--fail-on", "terrible", "x"]).status.code(), Some(2));
    let help = stdout(&kakoi(&["--help"]));
    assert!(help.contains("Exit codes") && !help.contains("parse-confined"), "{help}");
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let (_folder, path) = written(&image::router());
    let mut child = command(&["scan", "-q", "--format", "facts", text(&path)])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut words = String::new();
    child.stderr.take().unwrap().read_to_string(&mut words).unwrap();
    assert_eq!((child.wait().unwrap().code(), words.as_str()), (Some(0), ""));
}

#[test]
fn rules_and_formats_explain_themselves() {
    let list = stdout(&kakoi(&["rules"]));
    assert!(list.contains("telnet-at-boot"));
    let one = stdout(&kakoi(&["rules", "telnet-at-boot"]));
    assert!(one.to_lowercase().contains("false positives"), "{one}");
    assert_eq!(kakoi(&["rules", "no-such-rule"]).status.code(), Some(3));
    assert!(stdout(&kakoi(&["formats"])).contains("squashfs"));
}

#[test]
fn the_image_line_says_whether_the_parsers_were_confined() {
    let (_folder, path) = written(&image::router());
    let confined = |facts: &Facts| facts.image().unwrap().confined;
    let output = kakoi(&["scan", "-q", "--no-sandbox", "--format", "facts", text(&path)]);
    let free = Facts::from_json_lines(&stdout(&output)).unwrap();
    assert!(!confined(&free));
    assert!(stderr(&output).contains("without confinement"));
    let held = facts_of(&[text(&path)]);
    assert!(confined(&held), "this host has Landlock and seccomp");
    let rest = |facts: &Facts| {
        facts
            .lines
            .iter()
            .filter(|fact| !matches!(fact, Fact::Image(_)))
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(rest(&held), rest(&free));
}

#[test]
fn an_empty_file_is_said_to_be_empty() {
    let (folder, path) = written(b"");
    let output = kakoi(&["scan", text(&path)]);
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).contains("the file is empty"), "{}", stderr(&output));
    let target = folder.path().join("out");
    let output = kakoi(&["extract", text(&path), text(&target)]);
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).contains("the file is empty"), "{}", stderr(&output));
}

/// The process that a process has started, once there is one.
fn child_of(parent: u32) -> u32 {
    loop {
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let Ok(number) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
            let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            // The name in parentheses may hold anything; state and parent come behind it.
            let behind = stat.rsplit(')').next().unwrap_or_default();
            if behind.split_whitespace().nth(1) == Some(&parent.to_string()) {
                return number;
            }
        }
    }
}

#[test]
fn a_worker_that_is_killed_is_followed_by_another_and_nothing_is_lost() {
    // Long enough to be met at work: data that cannot be compressed, looked at byte by byte.
    let mut state = 1_u64;
    let noise = (0..24 << 20).map(|_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    });
    let mut content = image::router();
    content.extend(noise);
    let (_folder, path) = written(&content);
    let arguments = ["scan", "-q", "--format", "facts", text(&path)];
    let whole = kakoi(&arguments);
    let mut command = command(&arguments);
    let running = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let worker = child_of(running.id());
    let killed = Command::new("kill").args(["-KILL", &worker.to_string()]).status().unwrap();
    assert!(killed.success());
    let output = running.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stderr(&output).contains("worker lost (signal: 9 (SIGKILL))"), "{}", stderr(&output));
    assert!(output.stdout == whole.stdout, "facts differ after the loss of a worker");
}

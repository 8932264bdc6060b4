// SPDX-License-Identifier: Apache-2.0
//! Logins by SSH with real clients. Needs openssh-client and dropbear-bin of Debian beside what `sessions` needs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod rig;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use rig::Honeypot;
use serde_json::Value;

const SETTINGS: &str = "failure_delay_ms = 0\npool = 1\nssh = '127.0.0.1:0'\n\
    [[credentials]]\nuser = 'root'\npassword = 'xc3511'\n";

/// OpenSSH, which asks a program for the password.
fn openssh(honeypot: &Honeypot, password: &str) -> Command {
    let asker = honeypot.directory.path().join("ask");
    fs::write(&asker, format!("#!/bin/sh\necho {password}\n")).unwrap();
    fs::set_permissions(&asker, fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new("/usr/bin/ssh");
    command.env("SSH_ASKPASS", asker).env("SSH_ASKPASS_REQUIRE", "force").env("DISPLAY", "none");
    for option in [
        "StrictHostKeyChecking=no",
        "UserKnownHostsFile=/dev/null",
        "PubkeyAuthentication=no",
        "NumberOfPasswordPrompts=1",
        "LogLevel=ERROR",
    ] {
        command.args(["-o", option]);
    }
    command.args(["-F", "none", "-p", &honeypot.ssh.unwrap().port().to_string()]);
    command
}

fn dbclient(honeypot: &Honeypot) -> Command {
    let mut command = Command::new("/usr/bin/dbclient");
    command.env("DROPBEAR_PASSWORD", "xc3511");
    command.args(["-y", "-y", "-p", &honeypot.ssh.unwrap().port().to_string()]);
    command
}

/// Runs a client, with this as its input.
fn run(command: &mut Command, input: &[u8]) -> Output {
    let streams = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = streams.spawn().expect("openssh-client and dropbear-bin are needed");
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn of_kind<'e>(events: &'e [Value], kind: &str) -> Vec<&'e Value> {
    events.iter().filter(|event| event["event"] == kind).collect()
}

#[test]
fn a_command_runs_with_its_own_streams_and_code_and_is_line_one() {
    let honeypot = Honeypot::start(SETTINGS);
    for mut client in [openssh(&honeypot, "xc3511"), dbclient(&honeypot)] {
        let client =
            client.args(["root@127.0.0.1", "echo out; echo wrong >&2; >/tmp/x; sh -c :; exit 3"]);
        let output = run(client, b"");
        assert_eq!(text(&output.stdout), "out\n", "{}", text(&output.stderr));
        assert!(text(&output.stderr).ends_with("wrong\n"), "{}", text(&output.stderr));
        assert_eq!(output.status.code(), Some(3));
    }
    let events = honeypot.settled(2);
    let typed = of_kind(&events, "input");
    assert_eq!(typed.len(), 2);
    assert_eq!(typed[0]["line"], 1);
    assert_eq!(typed[0]["input"], "echo out; echo wrong >&2; >/tmp/x; sh -c :; exit 3");
    let opened = rig::calls_of(&events, "openat", "/tmp/x");
    assert_eq!((opened.len(), &opened[0]["line"]), (2, &1.into()));
    let of_line = events.iter().filter(|event| event["line"] == 1);
    let lineage =
        of_line.filter_map(|event| event["subject"]["lineage"].as_array()).next().unwrap();
    assert_eq!(lineage.last().unwrap(), "init");
    assert!(lineage.contains(&"dropbear".into()), "{lineage:?}");
    assert_eq!(of_kind(&events, "session-start")[0]["entry"], "ssh");
}

#[test]
fn bytes_go_through_a_command_unchanged_both_ways() {
    let honeypot = Honeypot::start(SETTINGS);
    let sent: Vec<u8> = (0..200_000_u32).map(|at| (at * 7 + at / 256) as u8).collect();
    for mut client in [openssh(&honeypot, "xc3511"), dbclient(&honeypot)] {
        let output = run(client.args(["root@127.0.0.1", "cat > /tmp/f; cat /tmp/f"]), &sent);
        assert!(output.stdout == sent, "{} bytes came back", output.stdout.len());
    }
}

#[test]
fn a_terminal_shows_a_device() {
    let honeypot = Honeypot::start(SETTINGS);
    let mut first = openssh(&honeypot, "xc3511");
    first.args(["-t", "-t", "root@127.0.0.1"]);
    // dbclient wants a terminal of its own.
    let mut second = Command::new("script");
    second.env("DROPBEAR_PASSWORD", "xc3511").args(["-q", "-e", "-c"]);
    let port = honeypot.ssh.unwrap().port();
    second.args([format!("dbclient -y -y -t -p {port} root@127.0.0.1"), "/dev/null".to_owned()]);
    for mut client in [first, second] {
        let output = run(&mut client, b"id\nps\ntty\nexit 5\n");
        let shown = text(&output.stdout);
        assert!(shown.contains("uid=0(root) gid=0(root)"), "{shown}");
        assert!(shown.contains("/dev/pts/") && shown.contains("/usr/sbin/dropbear"), "{shown}");
        assert!(!shown.contains("kakoi") && !shown.contains("keep-cells"), "{shown}");
        assert_eq!(output.status.code(), Some(5));
    }
    let events = honeypot.settled(2);
    let typed: Vec<_> = of_kind(&events, "input").iter().map(|event| &event["input"]).collect();
    assert_eq!(typed[..4], ["id", "ps", "tty", "exit 5"]);
}

#[test]
fn channels_of_one_connection_are_in_one_system() {
    let honeypot = Honeypot::start(SETTINGS);
    let socket = honeypot.directory.path().join("control");
    let control = format!("ControlPath={}", socket.display());
    let mut master = openssh(&honeypot, "xc3511");
    let options = ["-o", "ControlMaster=yes", "-o", &control, "-N", "root@127.0.0.1"];
    let mut master = master.args(options).spawn().unwrap();
    assert!(rig::wait_until(|| socket.exists()));
    let shared = |line: &str| {
        let mut client = openssh(&honeypot, "no");
        run(client.args(["-o", &control, "root@127.0.0.1", line]), b"")
    };
    assert!(shared("echo one > /tmp/a").status.success());
    assert_eq!(text(&shared("cat /tmp/a").stdout), "one\n");
    master.kill().unwrap();
    master.wait().unwrap();
    let events = honeypot.settled(1);
    let lines: Vec<_> = of_kind(&events, "input").iter().map(|event| &event["line"]).collect();
    assert_eq!(lines, [1, 2]);
    assert_eq!(rig::calls_of(&events, "openat", "/tmp/a").len(), 2);
}

#[test]
fn a_wrong_password_is_refused_and_told() {
    let honeypot = Honeypot::start(SETTINGS);
    let output = run(openssh(&honeypot, "wrong").args(["root@127.0.0.1", "id"]), b"");
    assert_eq!(output.status.code(), Some(255));
    let events = honeypot.events();
    let login = of_kind(&events, "login");
    assert_eq!((&login[0]["password"], &login[0]["admitted"]), (&"wrong".into(), &false.into()));
    assert!(of_kind(&events, "session-start").is_empty());
}

#[test]
fn uploads_by_both_protocols_are_kept_and_run_inside() {
    let honeypot = Honeypot::start(&format!("output = '{}'\n{SETTINGS}", kept().display()));
    let socket = honeypot.directory.path().join("control");
    let file = honeypot.directory.path().join("run.sh");
    fs::write(&file, "#!/bin/sh\necho ran $0\n").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    let control = format!("ControlPath={}", socket.display());
    let mut master = openssh(&honeypot, "xc3511");
    let options = ["-o", "ControlMaster=yes", "-o", &control, "-N", "root@127.0.0.1"];
    let mut master = master.args(options).spawn().unwrap();
    assert!(rig::wait_until(|| socket.exists()));
    for (protocol, path) in [("-O", "/tmp/old"), ("-s", "/tmp/new")] {
        let mut client = Command::new("/usr/bin/scp");
        client.args(["-F", "none", "-o", &control, protocol]).arg(&file);
        let output = run(client.arg(format!("root@127.0.0.1:{path}")), b"");
        assert!(output.status.success(), "{protocol}: {}", text(&output.stderr));
        let mut client = openssh(&honeypot, "no");
        let shown = run(client.args(["-o", &control, "root@127.0.0.1", path]), b"");
        assert_eq!(text(&shown.stdout), format!("ran {path}\n"), "{}", text(&shown.stderr));
    }
    master.kill().unwrap();
    master.wait().unwrap();
    let log = kept().join("events.jsonl");
    let events = || {
        let text = fs::read_to_string(&log).unwrap_or_default();
        let lines = text.lines().filter_map(|line| serde_json::from_str(line).ok());
        lines.collect::<Vec<Value>>()
    };
    assert!(rig::wait_until(|| !of_kind(&events(), "session-end").is_empty()));
    let events = events();
    let typed: Vec<_> = of_kind(&events, "input").iter().map(|event| &event["input"]).collect();
    assert_eq!(typed, ["scp -t /tmp/old", "/tmp/old", "/usr/libexec/sftp-server", "/tmp/new"]);
    let sample = of_kind(&events, "sample");
    let paths: Vec<_> = sample.iter().map(|event| (&event["path"], &event["line"])).collect();
    assert!(paths.contains(&(&"/tmp/old".into(), &1.into())), "{paths:?}");
    assert!(paths.contains(&(&"/tmp/new".into(), &3.into())), "{paths:?}");
    let name = sample[0]["sha256"].as_str().unwrap();
    assert_eq!(fs::read(kept().join("samples").join(name)).unwrap(), fs::read(&file).unwrap());
    let stage = |line: u32, stage: &str| {
        events.iter().any(|event| event["line"] == line && event["stage"] == stage)
    };
    assert!(stage(1, "S4a") && stage(3, "S4a"));
    fs::remove_dir_all(kept()).unwrap();
}

/// Where the test above has its outputs.
fn kept() -> std::path::PathBuf {
    std::env::temp_dir().join(format!("kakoi-uploads-{}", std::process::id()))
}

/// The lists of a server's KEXINIT (RFC 4253, section 7.1), after its identification.
fn lists(address: std::net::SocketAddr) -> (String, Vec<Vec<String>>) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").unwrap();
    let mut identification = Vec::new();
    let mut byte = [0];
    while !identification.ends_with(b"\n") {
        stream.read_exact(&mut byte).unwrap();
        identification.push(byte[0]);
    }
    let mut head = [0; 5];
    stream.read_exact(&mut head).unwrap();
    let length = u32::from_be_bytes(head[..4].try_into().unwrap()) as usize;
    let mut packet = vec![0; length - 1];
    stream.read_exact(&mut packet).unwrap();
    let mut at = 17;
    let lists = (0..8).map(|_| {
        let length = u32::from_be_bytes(packet[at..at + 4].try_into().unwrap()) as usize;
        let names = text(&packet[at + 4..at + 4 + length]);
        at += 4 + length;
        names.split(',').map(str::to_owned).collect()
    });
    (text(&identification), lists.collect())
}

#[test]
fn algorithms_are_those_of_dropbear_in_its_order() {
    let honeypot = Honeypot::start(SETTINGS);
    let (identification, own) = lists(honeypot.ssh.unwrap());
    assert_eq!(identification, "SSH-2.0-dropbear\r\n");
    let place = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut dropbear = Command::new("/usr/sbin/dropbear");
    dropbear.args(["-F", "-E", "-p", &place.to_string()]).stderr(Stdio::null());
    for kind in ["ed25519", "rsa"] {
        let key = honeypot.directory.path().join(kind);
        let mut make = Command::new("/usr/bin/dropbearkey");
        run(make.args(["-t", kind, "-f"]).arg(&key), b"");
        dropbear.arg("-r").arg(key);
    }
    let mut dropbear = dropbear.spawn().expect("dropbear-bin is needed");
    assert!(rig::wait_until(|| TcpStream::connect(place).is_ok()));
    let (_, mut real) = lists(place);
    dropbear.kill().unwrap();
    dropbear.wait().unwrap();
    // What this build of dropbear has and a smaller one lacks (its options.h): see `ssh/keys.rs`.
    let missing = ["kexguess2@matt.ucc.asn.au", "zlib@openssh.com"];
    real.iter_mut().for_each(|names| names.retain(|name| !missing.contains(&name.as_str())));
    assert_eq!(own, real);
}

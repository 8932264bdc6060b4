// SPDX-License-Identifier: Apache-2.0
//! A server in a process of its own, and an intruder.

// Every test program has its own copy, and uses a part of it.
#![allow(dead_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub)]

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// The example `serve`, which cargo builds with the tests.
pub struct Honeypot {
    child: Child,
    pub address: SocketAddr,
    pub ssh: Option<SocketAddr>,
    pub service: Option<SocketAddr>,
    pub directory: tempfile::TempDir,
}

impl Honeypot {
    pub fn start(config: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let settings = directory.path().join("honeypot.toml");
        fs::write(&settings, config).unwrap();
        let mut child = Command::new(program())
            .arg("127.0.0.1:0")
            .arg(&settings)
            .stdout(File::create(directory.path().join("events.jsonl")).unwrap())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let places = places_of(child.stderr.as_mut().unwrap());
        let [Some(address), ssh, service] = places[..] else { panic!("no server: {places:?}") };
        Self { child, address, ssh, service, directory }
    }

    /// Everything that was told so far.
    pub fn events(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.directory.path().join("events.jsonl")).unwrap();
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        text[..whole].lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Everything that was told, once this many sessions have ended.
    pub fn settled(&self, sessions: usize) -> Vec<Value> {
        let ended = |events: &[Value]| {
            events.iter().filter(|event| event["event"] == "session-end").count()
        };
        assert!(wait_until(|| ended(&self.events()) >= sessions), "sessions do not end");
        self.events()
    }

    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal, and waits until the server has ended.
    pub fn end_by(&mut self, signal: rustix::process::Signal) -> ExitStatus {
        let process = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(process, signal).unwrap();
        self.wait()
    }

    /// Waits until the server has ended.
    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Honeypot {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a server says that does not start.
pub fn refusal(config: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let settings = directory.path().join("honeypot.toml");
    fs::write(&settings, config).unwrap();
    let output = Command::new(program()).arg("127.0.0.1:0").arg(&settings).output().unwrap();
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

/// Where a server that starts says that it listens.
fn places_of(stderr: &mut impl Read) -> Vec<Option<SocketAddr>> {
    let mut said = String::new();
    BufReader::new(stderr).read_line(&mut said).unwrap();
    let addresses = said.trim().strip_prefix("listening at ");
    let addresses = addresses.unwrap_or_else(|| panic!("no server: {said}"));
    addresses.split(' ').map(|place| place.parse().ok()).collect()
}

/// Where it serves Telnet.
pub fn address_of(stderr: &mut impl Read) -> SocketAddr {
    places_of(stderr)[0].unwrap()
}

pub fn program() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    own.parent().and_then(|deps| deps.parent()).unwrap().join("examples/serve")
}

/// An intruder who types as a bot does: a line, then waiting for the prompt.
pub struct Client {
    stream: TcpStream,
}

impl Client {
    pub fn log_in(honeypot: &Honeypot) -> Self {
        let stream = TcpStream::connect(honeypot.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut client = Self { stream };
        client.wait_for("login: ");
        client.send("root");
        client.wait_for("Password: ");
        client.send("xc3511");
        client.wait_for("# ");
        client
    }

    /// Types a line; gives what was shown until the next prompt.
    pub fn type_line(&mut self, line: &str) -> String {
        self.send(line);
        self.wait_for("\r\n");
        let mut shown = String::new();
        // The prompt ends with a question for the cursor's place, which an answer may hold too.
        while !shown.ends_with("# \u{1b}[6n") {
            shown += &self.read_some();
        }
        shown
    }

    /// Types a line, and waits for the prompt that long at most. Is the connection still there?
    pub fn type_for(&mut self, line: &str, patience: Duration) -> bool {
        if self.stream.write_all(format!("{line}\r\n").as_bytes()).is_err() {
            return false;
        }
        let (mut shown, mut buffer) = (Vec::new(), [0; 4096]);
        self.stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        // Until the line was read, on however slow a machine; then patience begins.
        let mut end = Instant::now() + Duration::from_secs(20);
        let mut echoed = false;
        while Instant::now() < end && !(echoed && shown.ends_with(b"# \x1b[6n")) {
            match self.stream.read(&mut buffer) {
                Ok(0) => return false,
                Ok(count) => shown.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(_) => return false,
            }
            if !echoed && shown.windows(2).any(|two| two == b"\r\n") {
                echoed = true;
                end = Instant::now() + patience;
            }
        }
        self.stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        true
    }

    /// Types a line, and waits for nothing.
    pub fn type_only(&mut self, line: &str) {
        self.send(line);
    }

    /// Leaves, and waits until the connection is closed.
    pub fn end(mut self) {
        self.send("exit");
        let mut rest = Vec::new();
        let _ = self.stream.read_to_end(&mut rest);
    }

    fn send(&mut self, line: &str) {
        self.stream.write_all(format!("{line}\r\n").as_bytes()).unwrap();
    }

    fn wait_for(&mut self, mark: &str) {
        let mut shown = String::new();
        while !shown.contains(mark) {
            shown += &self.read_some();
        }
    }

    fn read_some(&mut self) -> String {
        let mut byte = [0];
        let count = self.stream.read(&mut byte).expect("the server went silent");
        assert!(count > 0, "the server hung up");
        char::from(byte[0]).to_string()
    }
}

/// Calls of this name whose path is this.
pub fn calls_of<'e>(events: &'e [Value], name: &str, path: &str) -> Vec<&'e Value> {
    let fits = |event: &&Value| event["call"] == name && event["arguments"]["path"] == path;
    events.iter().filter(fits).collect()
}

/// How many processes of this machine have this among their arguments.
pub fn processes_with(argument: &str) -> usize {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    lines.filter(|line| line.split(|byte| *byte == 0).any(|one| one == argument.as_bytes())).count()
}

/// Control groups that a server made and that are still there.
pub fn groups_of(server: u32) -> Vec<PathBuf> {
    let name = format!("kakoi-honeypot-{server}");
    let mounts =
        ["", "pids", "memory", "cpu"].map(|mount| PathBuf::from("/sys/fs/cgroup").join(mount));
    mounts.into_iter().map(|mount| mount.join(&name)).filter(|path| path.exists()).collect()
}

/// What a server sends before anything is sent to it.
pub fn first_bytes(address: SocketAddr, count: usize) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut bytes = vec![0; count];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

/// Types lines into a client program; gives what it showed.
pub fn through(client: &[&str], address: SocketAddr, lines: &[&str]) -> String {
    let mut child = Command::new(client[0])
        .args(&client[1..])
        .args([address.ip().to_string(), address.port().to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{} is needed: {error}", client[0]));
    let mut output = child.stdout.take().unwrap();
    let (sender, shown) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = output.read(&mut buffer) {
            let _ = sender.send(String::from_utf8_lossy(&buffer[..count]).into_owned());
        }
    });
    let mut input = child.stdin.take().unwrap();
    let (mut all, end) = (String::new(), Instant::now() + Duration::from_secs(60));
    for (line, prompt) in lines.iter().zip(["login: ", "Password: ", "# ", "# "]) {
        let mut since = String::new();
        while !since.contains(prompt) && Instant::now() < end {
            since += &shown.recv_timeout(Duration::from_secs(10)).unwrap_or_default();
        }
        all += &since;
        writeln!(input, "{line}").unwrap();
    }
    while let Ok(text) = shown.recv_timeout(Duration::from_secs(3)) {
        all += &text;
    }
    let _ = child.kill();
    let _ = child.wait();
    all
}

pub fn wait_until(holds: impl Fn() -> bool) -> bool {
    let end = Instant::now() + Duration::from_secs(30);
    while Instant::now() < end {
        if holds() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    false
}

/// A root directory of BusyBox.
pub fn lay_out(root: &Path) {
    for directory in ["bin", "sbin", "etc", "usr/bin", "usr/sbin", "proc", "dev", "tmp", "root"] {
        fs::create_dir_all(root.join(directory)).unwrap();
    }
    fs::copy("/bin/busybox", root.join("bin/busybox")).expect("busybox-static is needed");
    fs::write(root.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n").unwrap();
    fs::write(root.join("etc/hostname"), "router\n").unwrap();
    let list = Command::new("/bin/busybox").arg("--list-full").output().unwrap().stdout;
    for path in String::from_utf8(list).unwrap().lines().filter(|path| *path != "bin/busybox") {
        let _ = symlink("/bin/busybox", root.join(path));
    }
}

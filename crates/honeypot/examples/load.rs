// SPDX-License-Identifier: Apache-2.0
//! Load for a Telnet honeypot, ours or another: `load ADDRESS session|login|hold|calls COUNT AT-ONCE [PASSWORD]`.
//!
//! `login` logs in and leaves; `session` types nine lines as a Mirai loader does and waits for the prompt after each; `hold`
//! logs in, types a line, says `held` when all are in, and stays until its input ends; `calls` has `dd` make 400,000 calls,
//! and tells what it took by `time`. Prints what took how long.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Nine lines: menus, a mark, mounts, a directory, a program written by echo, its end.
const LINES: [&str; 9] = [
    "enable",
    "system",
    "shell",
    "sh",
    "/bin/busybox ECCHI",
    "cat /proc/mounts; /bin/busybox ECCHI",
    "cd /tmp; >.x && cd /tmp; /bin/busybox ECCHI",
    "echo -ne '\\x7f\\x45\\x4c\\x46\\x01\\x01\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02\\x00\\x08\\x00' > .x; chmod 777 .x",
    "rm .x",
];

struct Client {
    stream: TcpStream,
    seen: Vec<u8>,
}

impl Client {
    fn connect(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(120)))?;
        Ok(Self { stream, seen: Vec::new() })
    }

    fn send(&mut self, line: &str) -> std::io::Result<()> {
        self.seen.clear();
        self.stream.write_all(format!("{line}\r\n").as_bytes())
    }

    /// Until what was shown ends so, whatever a terminal's control sequences add.
    fn wait_for(&mut self, ends: &[&str]) -> std::io::Result<()> {
        let mut buffer = [0; 4096];
        loop {
            let text = String::from_utf8_lossy(&self.seen)
                .replace("\u{1b}[6n", "")
                .replace("\u{1b}[4l", "");
            if ends.iter().any(|end| text.ends_with(end)) {
                return Ok(());
            }
            let count = self.stream.read(&mut buffer)?;
            if count == 0 {
                return Err(std::io::Error::other("closed"));
            }
            self.seen.extend_from_slice(&buffer[..count]);
        }
    }

    fn log_in(&mut self, password: &str) -> std::io::Result<()> {
        self.wait_for(&["login: "])?;
        self.send("root")?;
        self.wait_for(&["assword: "])?;
        self.send(password)?;
        self.wait_for(&["# ", "$ "])
    }

    /// What `time` says, in one line.
    fn calls(&mut self) -> std::io::Result<()> {
        self.send("time dd if=/dev/zero of=/dev/null bs=1 count=200000")?;
        self.wait_for(&["# ", "$ "])?;
        let shown = String::from_utf8_lossy(&self.seen).into_owned();
        let times = shown
            .lines()
            .filter(|line| ["real", "user", "sys"].iter().any(|name| line.starts_with(name)));
        let times: Vec<String> =
            times.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        println!("{}", times.join(", "));
        Ok(())
    }

    fn session(&mut self) -> std::io::Result<()> {
        for line in LINES {
            self.send(line)?;
            self.wait_for(&["# ", "$ "])?;
        }
        Ok(())
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, mode, count, at_once, rest @ ..] = arguments.as_slice() else {
        println!("load ADDRESS session|login|hold|calls COUNT AT-ONCE [PASSWORD]");
        return;
    };
    let (address, count, at_once): (SocketAddr, usize, usize) =
        (address.parse().unwrap(), count.parse().unwrap(), at_once.parse().unwrap());
    let password = rest.first().map_or("xc3511", String::as_str);
    let (next, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let began = Instant::now();
    let held: Vec<Client> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..at_once)
            .map(|_| {
                scope.spawn(|| {
                    let mut held = Vec::new();
                    while next.fetch_add(1, Ordering::Relaxed) < count {
                        let mut work = || {
                            let mut client = Client::connect(address)?;
                            client.log_in(password)?;
                            match mode.as_str() {
                                "session" => client.session()?,
                                "calls" => client.calls()?,
                                "hold" => {
                                    client.send("cd /tmp")?;
                                    client.wait_for(&["# ", "$ "])?;
                                    held.push(client);
                                }
                                _ => {}
                            }
                            Ok::<(), std::io::Error>(())
                        };
                        if work().is_err() {
                            failed.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                    held
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    let took = began.elapsed().as_secs_f64();
    let failed = failed.into_inner();
    println!(
        "{mode}: {count} in {took:.2} s, {:.1} per second, {failed} failed",
        count as f64 / took
    );
    if mode == "hold" {
        println!("held {}", held.len());
        let _ = std::io::stdin().read(&mut [0]);
    }
}

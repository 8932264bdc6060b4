// SPDX-License-Identifier: Apache-2.0
//! Tries what a worker must not be able to do, in a worker. For the test that proves it, and for
//! whoever asks whether confinement works on a host: `kakoi parse-confined --probe`.

use std::fs::{self, File};
use std::io;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::process::Command;

use crate::exit::Exit;
use crate::output;

type Attempt = (&'static str, fn() -> io::Result<()>);

const ATTEMPTS: &[Attempt] = &[
    ("open for reading", || File::open("/proc/self/status").map(drop)),
    ("create a file", || {
        let path = std::env::temp_dir().join(format!("kakoi-probe-{}", std::process::id()));
        File::create_new(&path).map(drop)?;
        fs::remove_file(path)
    }),
    ("list a directory", || fs::read_dir("/").map(drop)),
    ("TCP socket", || TcpListener::bind("127.0.0.1:0").map(drop)),
    ("UDP socket", || UdpSocket::bind("127.0.0.1:0").map(drop)),
    ("Unix socket", || UnixDatagram::unbound().map(drop)),
    ("start a program", || Command::new("/bin/true").status().map(drop)),
    ("signal another process", kakoi_kernel::signal_parent),
];

/// Runs every attempt on the main thread and on one of the pool.
pub fn probe(confine: bool) -> anyhow::Result<Exit> {
    let (pool, _) = super::serve::confine(confine, 2)?;
    let mut report = try_all("main thread");
    report.push_str(&pool.install(|| try_all("pool thread")));
    output::data(&report)?;
    Ok(Exit::Done)
}

fn try_all(thread: &str) -> String {
    let result = |result: io::Result<()>| if result.is_ok() { "possible" } else { "refused" };
    ATTEMPTS
        .iter()
        .map(|(name, attempt)| format!("{thread}: {name}: {}\n", result(attempt())))
        .collect()
}

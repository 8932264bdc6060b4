// SPDX-License-Identifier: Apache-2.0
//! One intruder, from connection to end.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kakoi_model::{EVENT_SCHEMA_VERSION, SessionStart};
use rustix::termios::{Winsize, tcsetwinsize};
use serde_json::json;
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::task::JoinHandle;

use crate::cast::Cast;
use crate::cell::message;
use crate::cell::plan::Go;
use crate::output::Kind;
use crate::server::{Cell, Server};
use crate::sinkhole;
use crate::telnet::login::Attempt;

/// How an intruder came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    Telnet,
}

impl Entry {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Telnet => "telnet",
        }
    }
}

/// One connection.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) name: String,
    entry: Entry,
    pub(crate) peer: SocketAddr,
    began: Instant,
}

impl Session {
    /// Somebody connected.
    pub(crate) fn connected(
        server: &Server,
        entry: Entry,
        peer: SocketAddr,
        local: SocketAddr,
    ) -> Self {
        let random = RandomState::new().build_hasher().finish();
        let name = format!("{random:016x}")[..12].to_owned();
        let session = Self { name, entry, peer, began: Instant::now() };
        session.log(
            server,
            Kind::Connected,
            json!({
                "message": format!("New connection: {peer} ({local})"),
                "src_port": peer.port(), "dst_ip": local.ip().to_string(), "dst_port": local.port(),
                "protocol": entry.as_str(),
            }),
        );
        session
    }

    /// A name and password were given.
    pub(crate) fn tried(&self, server: &Server, attempt: &Attempt, admitted: bool) {
        let kind = if admitted { Kind::LoggedIn } else { Kind::Refused };
        let outcome = if admitted { "succeeded" } else { "failed" };
        self.log(server, kind, json!({
            "username": attempt.user, "password": attempt.password,
            "message": format!("login attempt [{}/{}] {outcome}", attempt.user, attempt.password),
        }));
    }

    /// The connection is closed.
    pub(crate) fn closed(&self, server: &Server) {
        let duration = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.log(
            server,
            Kind::Closed,
            json!({
                "message": "Connection lost", "duration_ms": duration,
            }),
        );
    }

    fn log(&self, server: &Server, kind: Kind, fields: serde_json::Value) {
        server.outputs.cowrie(&self.name, self.peer, kind, fields);
    }

    /// Starts the shell of a cell. None: no cell can be had.
    pub(crate) async fn start(
        &mut self,
        server: &Arc<Server>,
        user: &str,
        window: Option<(u16, u16)>,
    ) -> Option<Running> {
        let cell = server.cells.lock().await.recv().await?;
        let (columns, rows) = window.unwrap_or((80, 24));
        set_window(&cell.terminal, columns, rows);
        server.outputs.began(
            &self.name,
            SessionStart {
                schema: EVENT_SCHEMA_VERSION,
                entry: self.entry.as_str().to_owned(),
                peer: Some(self.peer.to_string()),
                architecture: Some(server.architecture.to_owned()),
            },
        );
        let Cell { socket, events, life, terminal, sinks, formats } = cell;
        let events = tokio::spawn(forward(Arc::clone(server), self.clone(), events));
        let sinkhole = sinkhole::start(server, &self.name, sinks);
        let environment = environment(user);
        message::send(&socket, &Go { environment }, &[]).ok()?;
        rustix::io::ioctl_fionbio(&terminal, true).ok()?;
        let terminal = Arc::new(watched(terminal)?);
        let cast = server.outputs.cast(&self.name, columns, rows);
        Some(Running {
            input: Inward { terminal: Arc::clone(&terminal) },
            output: Outward { terminal, cast },
            rest: Rest { life, sinkhole, events, _formats: formats },
        })
    }
}

/// The unsafe way asks that the descriptor stays open as long as it is watched; an `OwnedFd` that is moved in does.
#[allow(deprecated)]
fn watched(terminal: OwnedFd) -> Option<AsyncFd<OwnedFd>> {
    AsyncFd::new(terminal).ok()
}

/// What login gives a shell.
fn environment(user: &str) -> Vec<(String, String)> {
    let pairs = [
        ("USER", user),
        ("LOGNAME", user),
        ("HOME", "/root"),
        ("SHELL", "/bin/sh"),
        ("PATH", "/bin:/sbin:/usr/bin:/usr/sbin"),
        ("TERM", "linux"),
    ];
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn set_window(terminal: &OwnedFd, columns: u16, rows: u16) {
    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    // A terminal without a size is a terminal.
    let _ = tcsetwinsize(terminal, size);
}

/// A shell that runs.
pub(crate) struct Running {
    pub(crate) input: Inward,
    pub(crate) output: Outward,
    pub(crate) rest: Rest,
}

/// What ends it.
pub(crate) struct Rest {
    life: OwnedFd,
    sinkhole: sinkhole::Sinkhole,
    events: JoinHandle<()>,
    _formats: Option<OwnedFd>,
}

impl Rest {
    /// Ends the cell and everything in it, and waits until its record is written.
    pub(crate) async fn end(self) {
        drop(self.life);
        let _ = tokio::time::timeout(Duration::from_secs(10), self.events).await;
        drop(self.sinkhole);
    }
}

/// What goes to a shell.
pub(crate) enum Input {
    Bytes(Vec<u8>),
    Window(u16, u16),
}

/// The way to the shell.
pub(crate) struct Inward {
    terminal: Arc<AsyncFd<OwnedFd>>,
}

impl Inward {
    pub(crate) async fn write(&self, input: Input) -> io::Result<()> {
        let bytes = match input {
            Input::Window(columns, rows) => {
                set_window(self.terminal.get_ref(), columns, rows);
                return Ok(());
            }
            Input::Bytes(bytes) => bytes,
        };
        let mut left = bytes.as_slice();
        while !left.is_empty() {
            let mut ready = self.terminal.writable().await?;
            let written = ready.try_io(|terminal| Ok(rustix::io::write(terminal.get_ref(), left)?));
            if let Ok(written) = written {
                left = left.get(written?..).unwrap_or_default();
            }
        }
        Ok(())
    }
}

/// The way from the shell.
pub(crate) struct Outward {
    terminal: Arc<AsyncFd<OwnedFd>>,
    cast: Option<Cast>,
}

impl Outward {
    /// What was written to the terminal. None: nobody has it open any more.
    pub(crate) async fn read(&mut self) -> Option<Vec<u8>> {
        let mut buffer = vec![0; 4096];
        loop {
            let mut ready = self.terminal.readable().await.ok()?;
            let read =
                ready.try_io(|terminal| Ok(rustix::io::read(terminal.get_ref(), &mut buffer)?));
            match read {
                Ok(Ok(0) | Err(_)) => return None,
                Ok(Ok(count)) => {
                    buffer.truncate(count);
                    if let Some(cast) = &mut self.cast {
                        cast.output(&buffer);
                    }
                    return Some(buffer);
                }
                Err(_) => {}
            }
        }
    }
}

/// Takes events from the watcher, puts the session's name in, and writes them.
async fn forward(server: Arc<Server>, session: Session, events: OwnedFd) {
    let Ok(pipe) = tokio::net::unix::pipe::Receiver::from_owned_fd(events) else { return };
    let mut lines = BufReader::with_capacity(32 << 10, pipe);
    let mut line = Vec::new();
    let mut batch = Vec::new();
    while lines.read_until(b'\n', &mut line).await.is_ok_and(|count| count > 0) {
        // The watcher writes whole lines; half of one is the last, of a watcher that was killed.
        if let Some(rest) = line.strip_prefix(b"{").filter(|rest| rest.ends_with(b"\n")) {
            batch.extend_from_slice(b"{\"session\":\"");
            batch.extend_from_slice(session.name.as_bytes());
            batch.extend_from_slice(b"\",");
            batch.extend_from_slice(rest);
            server.outputs.typed(&session, rest, &line);
        }
        line.clear();
        if lines.buffer().is_empty() || batch.len() > 64 << 10 {
            server.outputs.lines(&batch);
            batch.clear();
        }
    }
    server.outputs.lines(&batch);
}

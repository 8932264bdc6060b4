// SPDX-License-Identifier: Apache-2.0
//! One intruder, from connection to end.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use kakoi_model::{Action, EVENT_SCHEMA_VERSION, SessionStart};
use rustix::termios::{Winsize, tcsetwinsize};
use serde_json::json;
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::task::JoinHandle;

use crate::cast::Cast;
use crate::cell::message;
use crate::cell::plan::{Go, Told};
use crate::idle::Holder;
use crate::output::Kind;
use crate::record::samples::{Described, MARK};
use crate::record::task::Role;
use crate::server::{Cell, Server};
use crate::sinkhole;
use crate::telnet::login::Attempt;

/// How an intruder came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    Telnet,
    Ssh,
    Service,
}

impl Entry {
    /// What process 1 of the cell is to the record.
    pub(crate) const fn role_of_first(self) -> Role {
        match self {
            Self::Telnet | Self::Ssh => Role::First,
            Self::Service => Role::ServiceFirst,
        }
    }
}

/// One connection.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) name: String,
    pub(crate) entry: Entry,
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
                "protocol": server.word_for(entry),
            }),
        );
        session
    }

    /// A name and password were given.
    pub(crate) fn tried(&self, server: &Server, attempt: &Attempt, admitted: bool) {
        server.outputs.event(
            &self.name,
            Action::Login {
                user: attempt.user.clone(),
                password: attempt.password.clone(),
                admitted,
            },
        );
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

    /// An event in Cowrie's words.
    pub(crate) fn log(&self, server: &Server, kind: Kind, fields: serde_json::Value) {
        server.outputs.cowrie(&self.name, self.peer, kind, fields);
    }

    /// The record of a cell begins.
    pub(crate) fn begin(&self, server: &Server) {
        server.outputs.began(
            &self.name,
            SessionStart {
                schema: EVENT_SCHEMA_VERSION,
                entry: server.word_for(self.entry).to_owned(),
                peer: Some(self.peer.to_string()),
                architecture: Some(server.architecture.to_owned()),
            },
        );
    }

    /// Takes a cell; its record begins. None: no cell can be had.
    pub(crate) async fn enter(&self, server: &Arc<Server>) -> Option<Guest> {
        let cell = server.cells.lock().await.recv().await?;
        self.begin(server);
        let Cell { socket, events, life, terminal, first, sinks, formats } = cell;
        let life = Life::new(life);
        let traced = match &server.tracer {
            // Without a record there is no session.
            Some(tracer) => Some(tracer.begin(&first, self, life.clone(), server.ground)?),
            None => None,
        };
        let events = tokio::spawn(forward(Arc::clone(server), self.clone(), events, traced));
        let holder = Holder::new(&self.name);
        let sinkhole = sinkhole::start(server, &holder, sinks);
        let rest = Rest { life, sinkhole, events, holder, traced, _formats: formats };
        Some(Guest { socket, terminal, rest })
    }

    /// Starts the login shell of a cell at its terminal. None: no cell can be had.
    pub(crate) async fn start(
        &self,
        server: &Arc<Server>,
        user: &str,
        window: Option<(u16, u16)>,
    ) -> Option<Running> {
        let Guest { socket, terminal, rest } = self.enter(server).await?;
        let (columns, rows) = window.unwrap_or((80, 24));
        set_window(&terminal, columns, rows);
        let go = Go::Login(environment(user, "linux"));
        let cast = server.outputs.cast(&self.name, columns, rows);
        let sent = message::send(&socket, &go, &[]);
        let ends = sent.and_then(|()| terminal_ends(terminal, cast));
        match ends {
            Ok((input, output)) => Some(Running { input, output, rest }),
            Err(_) => {
                rest.end().await;
                None
            }
        }
    }
}

/// A cell with an intruder in it.
pub(crate) struct Guest {
    /// To process 1.
    pub(crate) socket: OwnedFd,
    /// Made with the cell; who comes by SSH gets others.
    terminal: OwnedFd,
    pub(crate) rest: Rest,
}

/// Both ways of a terminal.
pub(crate) fn terminal_ends(
    terminal: OwnedFd,
    cast: Option<Cast>,
) -> io::Result<(Inward, Outward)> {
    rustix::io::ioctl_fionbio(&terminal, true)?;
    let terminal = Arc::new(watched(terminal)?);
    Ok((Inward { terminal: Arc::clone(&terminal) }, Outward { terminal, cast }))
}

/// The unsafe way asks that the descriptor stays open as long as it is watched; an `OwnedFd` that is moved in does.
#[allow(deprecated)]
pub(crate) fn watched(descriptor: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::new(descriptor)
}

/// The server's end of a socket for [`Told`].
pub(crate) fn told_of(told: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    rustix::io::ioctl_fionbio(&told, true)?;
    watched(told)
}

/// What a process of the cell says next.
pub(crate) async fn next(told: &AsyncFd<OwnedFd>) -> io::Result<(Told, Option<OwnedFd>)> {
    loop {
        let mut ready = told.readable().await?;
        if let Ok(received) = ready.try_io(|told| message::receive::<Told>(told.get_ref())) {
            let (told, descriptors) = received?.ok_or_else(|| io::Error::other("no word"))?;
            return Ok((told, descriptors.into_iter().next()));
        }
    }
}

/// What login gives a shell.
pub(crate) fn environment(user: &str, terminal: &str) -> Vec<(String, String)> {
    let pairs = [
        ("USER", user),
        ("LOGNAME", user),
        ("HOME", "/root"),
        ("SHELL", "/bin/sh"),
        ("PATH", "/bin:/sbin:/usr/bin:/usr/sbin"),
        ("TERM", terminal),
    ];
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

pub(crate) fn set_window(terminal: &OwnedFd, columns: u16, rows: u16) {
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

/// A pipe whose end is the end of a cell; several may end it.
#[derive(Debug, Clone)]
pub(crate) struct Life(Arc<Mutex<Option<OwnedFd>>>);

impl Life {
    fn new(pipe: OwnedFd) -> Self {
        Self(Arc::new(Mutex::new(Some(pipe))))
    }

    /// Ends the cell and everything in it.
    pub(crate) fn end(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// What ends it.
pub(crate) struct Rest {
    life: Life,
    sinkhole: sinkhole::Sinkhole,
    pub(crate) events: JoinHandle<()>,
    pub(crate) holder: Holder,
    /// Its number to the recorder.
    pub(crate) traced: Option<u64>,
    _formats: Option<OwnedFd>,
}

impl Rest {
    /// Ends the cell and everything in it, and waits until its record is written.
    pub(crate) async fn end(self) {
        self.life.end();
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
    pub(crate) terminal: Arc<AsyncFd<OwnedFd>>,
    pub(crate) cast: Option<Cast>,
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

/// Takes the bytes of a file from the watcher, and keeps them.
async fn keep_sample(
    server: &Server,
    session: &Session,
    described: &[u8],
    from: &mut (impl tokio::io::AsyncRead + Unpin),
    traced: Option<u64>,
) -> io::Result<()> {
    let described: Described = serde_json::from_slice(described)?;
    let most = usize::try_from(server.config.sample_bytes).unwrap_or(usize::MAX);
    if described.size > most {
        return Err(io::Error::other("a file longer than agreed"));
    }
    let mut bytes = vec![0; described.size];
    from.read_exact(&mut bytes).await?;
    match (&server.tracer, traced) {
        (Some(tracer), Some(cell)) => tracer.sample(cell, described, bytes),
        _ => server.outputs.sample(session, &described, &bytes),
    }
    Ok(())
}

/// Takes events from the watcher, puts the session's name in, and writes them.
async fn forward(server: Arc<Server>, session: Session, events: OwnedFd, traced: Option<u64>) {
    forward_all(&server, &session, events, traced).await;
    if let (Some(tracer), Some(cell)) = (&server.tracer, traced) {
        tracer.finish(cell).await;
    }
}

async fn forward_all(server: &Server, session: &Session, events: OwnedFd, traced: Option<u64>) {
    let Ok(pipe) = tokio::net::unix::pipe::Receiver::from_owned_fd(events) else { return };
    let mut lines = BufReader::with_capacity(4 << 10, pipe);
    let mut line = Vec::new();
    let mut batch = Vec::new();
    while lines.read_until(b'\n', &mut line).await.is_ok_and(|count| count > 0) {
        if let Some(described) = line.strip_prefix(&[MARK]) {
            server.outputs.lines(&batch);
            batch.clear();
            if keep_sample(server, session, described, &mut lines, traced).await.is_err() {
                break;
            }
        }
        // The watcher writes whole lines; half of one is the last, of a watcher that was killed.
        if let Some(rest) = line.strip_prefix(b"{").filter(|rest| rest.ends_with(b"\n")) {
            batch.extend_from_slice(b"{\"session\":\"");
            batch.extend_from_slice(session.name.as_bytes());
            batch.extend_from_slice(b"\",");
            batch.extend_from_slice(rest);
            server.outputs.typed_in(session, &line);
        }
        line.clear();
        if lines.buffer().is_empty() || batch.len() > 64 << 10 {
            server.outputs.lines(&batch);
            batch.clear();
        }
    }
    server.outputs.lines(&batch);
}

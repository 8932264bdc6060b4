// SPDX-License-Identifier: Apache-2.0
//! Where records go: events as JSON lines (docs/events.schema.json), events in Cowrie's words, terminals as asciicasts.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use kakoi_model::{Action, Digest, Event, SessionStart};
use serde_json::{Value, json};

use crate::cast::Cast;
use crate::config::Config;
use crate::error::{During, Error};
use crate::record::now;
use crate::record::samples::Described;
use crate::session::Session;

/// Events of Cowrie that a session here has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Connected,
    LoggedIn,
    Refused,
    Typed,
    Client,
    Forward,
    Kept,
    Closed,
}

impl Kind {
    const fn id(self) -> &'static str {
        match self {
            Self::Connected => "cowrie.session.connect",
            Self::LoggedIn => "cowrie.login.success",
            Self::Refused => "cowrie.login.failed",
            Self::Typed => "cowrie.command.input",
            Self::Client => "cowrie.client.version",
            Self::Forward => "cowrie.direct-tcpip.request",
            Self::Kept => "cowrie.session.file_download",
            Self::Closed => "cowrie.session.closed",
        }
    }
}

/// Open files.
pub(crate) struct Outputs {
    lines: Mutex<Box<dyn Write + Send>>,
    cowrie: Option<Mutex<File>>,
    casts: Option<PathBuf>,
    samples: Option<PathBuf>,
    sensor: String,
    /// Lines that could not be written.
    lost: AtomicU64,
}

impl Outputs {
    /// Opens what the configuration names; else events go to `lines`.
    pub(crate) fn open(config: &Config, lines: Box<dyn Write + Send>) -> Result<Self, Error> {
        let sensor = config.hostname.clone();
        let lost = AtomicU64::new(0);
        let Some(directory) = &config.output else {
            return Ok(Self {
                lines: Mutex::new(lines),
                cowrie: None,
                casts: None,
                samples: None,
                sensor,
                lost,
            });
        };
        let casts = directory.join("tty");
        let samples = directory.join("samples");
        for directory in [&casts, &samples] {
            fs::create_dir_all(directory).during(|| format!("make {}", directory.display()))?;
        }
        let open = |name: &str| {
            let path = directory.join(name);
            let opened = OpenOptions::new().create(true).append(true).open(&path);
            opened.during(|| format!("open {}", path.display()))
        };
        Ok(Self {
            lines: Mutex::new(Box::new(open("events.jsonl")?)),
            cowrie: Some(Mutex::new(open("cowrie.json")?)),
            casts: Some(casts),
            samples: Some(samples),
            sensor,
            lost,
        })
    }

    /// Whole lines of events.
    pub(crate) fn lines(&self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.write_all(bytes).and_then(|()| lines.flush()).is_err() {
            let count = bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
            self.lost.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// A session began.
    pub(crate) fn began(&self, session: &str, start: SessionStart) {
        self.event(session, Action::SessionStart(start));
    }

    /// Keeps a file under its digest, and tells of it. The name is ours, so that nothing of the intruder's is one; nobody
    /// may run it.
    pub(crate) fn sample(&self, session: &Session, described: &Described, bytes: &[u8]) {
        let Some(directory) = &self.samples else { return };
        let digest = Digest::of(bytes).to_string();
        let path = directory.join(&digest);
        if !path.exists() && Self::write_whole(&session.name, &path, bytes).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let Described { line, path: from, .. } = described;
        let action =
            Action::Sample { path: from.clone(), sha256: digest.clone(), size: bytes.len() as u64 };
        self.event_of_line(&session.name, Some(*line), action);
        self.cowrie(
            &session.name,
            session.peer,
            Kind::Kept,
            json!({
                "shasum": digest, "destfile": from, "outfile": path.display().to_string(),
                "message": format!("Saved {from} with SHA-256 {digest} to {}", path.display()),
            }),
        );
    }

    /// All or nothing under this name.
    fn write_whole(session: &str, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
        let part = path.with_extension(session);
        let written = fs::write(&part, bytes)
            .and_then(|()| fs::set_permissions(&part, fs::Permissions::from_mode(0o440)))
            .and_then(|()| fs::rename(&part, path));
        if written.is_err() {
            let _ = fs::remove_file(&part);
        }
        written
    }

    /// An event that the server itself saw.
    pub(crate) fn event(&self, session: &str, action: Action) {
        self.event_of_line(session, None, action);
    }

    fn event_of_line(&self, session: &str, line: Option<u32>, action: Action) {
        let event = Event {
            time: now(),
            session: Some(session.to_owned()),
            line,
            domain: None,
            subject: None,
            action,
            verdict: None,
            stage: None,
        };
        if let Ok(line) = event.to_json_line() {
            self.lines(format!("{line}\n").as_bytes());
        }
    }

    /// Tells a typed line in Cowrie's words, if this event is one.
    pub(crate) fn typed(&self, session: &Session, rest: &[u8], line: &[u8]) {
        const MARK: &[u8] = b"\"event\":\"input\"";
        // The mark stands before anything that an intruder typed.
        let head = rest.get(..rest.len().min(512)).unwrap_or_default();
        if self.cowrie.is_none() || !head.windows(MARK.len()).any(|window| window == MARK) {
            return;
        }
        let Ok(Event { action: Action::Input { input }, .. }) = serde_json::from_slice(line) else {
            return;
        };
        let message = format!("CMD: {input}");
        self.cowrie(
            &session.name,
            session.peer,
            Kind::Typed,
            json!({ "input": input, "message": message }),
        );
    }

    /// An event in Cowrie's words.
    pub(crate) fn cowrie(&self, session: &str, peer: SocketAddr, kind: Kind, fields: Value) {
        let Some(file) = &self.cowrie else { return };
        let mut object = json!({
            "eventid": kind.id(), "timestamp": now(), "session": session,
            "src_ip": peer.ip().to_string(), "sensor": self.sensor,
        });
        if let (Some(object), Value::Object(fields)) = (object.as_object_mut(), fields) {
            object.extend(fields);
        }
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        if file.write_all(format!("{object}\n").as_bytes()).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A recording of a terminal.
    pub(crate) fn cast(&self, session: &str, columns: u16, rows: u16) -> Option<Cast> {
        let path = self.casts.as_ref()?.join(format!("{session}.cast"));
        Cast::begin(&path, columns, rows).ok()
    }
}

// SPDX-License-Identifier: Apache-2.0
//! Where records go: events as JSON lines (docs/events.schema.json), events in Cowrie's words, terminals as asciicasts.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use kakoi_model::{Action, Digest, Event, SessionStart};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::cast::Cast;
use crate::config::Config;
use crate::deliver::Notices;
use crate::error::{During, Error};
use crate::log::{Log, Turn};
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

/// Name of the log of events.
pub(crate) const EVENTS: &str = "events.jsonl";

/// Open files.
pub(crate) struct Outputs {
    lines: Mutex<Log>,
    cowrie: Option<Mutex<Log>>,
    casts: Option<PathBuf>,
    samples: Option<PathBuf>,
    sensor: String,
    notices: Notices,
    /// Nobody reads the events any more.
    pub(crate) gone: Notify,
}

impl Outputs {
    /// Opens what the configuration names; else events go to `lines`.
    pub(crate) fn open(
        config: &Config,
        lines: Box<dyn Write + Send>,
        notices: Notices,
    ) -> Result<Self, Error> {
        let sensor = config.hostname.clone();
        let outputs = |lines, cowrie| Self {
            lines: Mutex::new(lines),
            cowrie,
            casts: None,
            samples: None,
            sensor,
            notices,
            gone: Notify::new(),
        };
        let Some(directory) = &config.output else {
            return Ok(outputs(Log::to(lines), None));
        };
        let casts = directory.join("tty");
        let samples = directory.join("samples");
        for directory in [&casts, &samples] {
            fs::create_dir_all(directory).during(|| format!("make {}", directory.display()))?;
        }
        let open = |name: &str| {
            let path = directory.join(name);
            Log::open(&path, config.rotation).during(|| format!("open {}", path.display()))
        };
        let (lines, cowrie) = (open(EVENTS)?, open("cowrie.json")?);
        Ok(Self {
            casts: Some(casts),
            samples: Some(samples),
            ..outputs(lines, Some(Mutex::new(cowrie)))
        })
    }

    /// Can no events be written? Then nobody is let in.
    pub(crate) fn is_stuck(&self) -> bool {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).is_stuck()
    }

    /// Tries again to write what waits.
    pub(crate) fn retry(&self) {
        let all =
            [Some((EVENTS, &self.lines)), self.cowrie.as_ref().map(|log| ("cowrie.json", log))];
        for (name, log) in all.into_iter().flatten() {
            let turn = log.lock().unwrap_or_else(PoisonError::into_inner).retry();
            self.turned(name, turn);
        }
    }

    /// The last time to write what waits. Says what cannot be written.
    pub(crate) fn end(&self) {
        self.retry();
        let all =
            [Some((EVENTS, &self.lines)), self.cowrie.as_ref().map(|log| ("cowrie.json", log))];
        for (name, log) in all.into_iter().flatten() {
            let unwritten = log.lock().unwrap_or_else(PoisonError::into_inner).unwritten();
            if unwritten > 0 {
                (self.notices)(&format!("{name}: {unwritten} lines could not be written"));
            }
        }
    }

    /// Says what a user has to know.
    fn turned(&self, name: &str, turn: Option<Turn>) {
        match turn {
            None => {}
            Some(Turn::Stuck(_)) if self.samples.is_none() => self.gone.notify_one(),
            Some(Turn::Stuck(reason)) => (self.notices)(&format!(
                "{name} cannot be written ({reason}): events wait, nobody is let in"
            )),
            Some(Turn::Freed(0)) => {
                (self.notices)(&format!("{name} can be written again, nothing was lost"));
            }
            Some(Turn::Freed(lost)) => {
                (self.notices)(&format!("{name} can be written again, {lost} lines were lost"));
            }
        }
    }

    /// Whole lines of events.
    pub(crate) fn lines(&self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let turn = self.lines.lock().unwrap_or_else(PoisonError::into_inner).write(bytes);
        self.turned(EVENTS, turn);
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
        if !path.exists()
            && let Err(error) = Self::write_whole(&session.name, &path, bytes)
        {
            (self.notices)(&format!("{} was lost: {error}", path.display()));
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

    /// Tells a typed line in Cowrie's words.
    pub(crate) fn typed(&self, session: &Session, input: &str) {
        if self.cowrie.is_some() {
            let message = format!("CMD: {input}");
            let fields = json!({ "input": input, "message": message });
            self.cowrie(&session.name, session.peer, Kind::Typed, fields);
        }
    }

    /// The same, if this event of a watcher is one.
    pub(crate) fn typed_in(&self, session: &Session, line: &[u8]) {
        const MARK: &[u8] = b"\"event\":\"input\"";
        // The mark stands before anything that an intruder typed.
        let head = line.get(..line.len().min(512)).unwrap_or_default();
        if self.cowrie.is_none() || !head.windows(MARK.len()).any(|window| window == MARK) {
            return;
        }
        if let Ok(Event { action: Action::Input { input }, .. }) = serde_json::from_slice(line) {
            self.typed(session, &input);
        }
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
        let line = format!("{object}\n");
        let turn = file.lock().unwrap_or_else(PoisonError::into_inner).write(line.as_bytes());
        self.turned("cowrie.json", turn);
    }

    /// A recording of a terminal.
    pub(crate) fn cast(&self, session: &str, columns: u16, rows: u16) -> Option<Cast> {
        let path = self.casts.as_ref()?.join(format!("{session}.cast"));
        Cast::begin(&path, columns, rows).ok()
    }
}

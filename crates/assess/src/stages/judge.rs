// SPDX-License-Identifier: Apache-2.0
//! From effects to purposes. Names of commands are not known here.

use kakoi_model::{Purpose, Stage};

use super::effect::{Content, Effect};
use super::paths::{
    base, is_description, is_device, is_home, is_mount_table, is_noise, is_script_name,
    is_service_script, is_setting, is_sink, is_system_program, is_trace, is_vital_tree,
};
use super::state::{Known, Origin, Session};

/// What an effect, or a command with several, means for the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Nothing by itself.
    Nothing,
    /// A mark: it belongs to what came before it.
    Mark,
    /// A word that is not known; its place decides.
    Unknown,
    /// Asks whether a tool is there; before a shell it tempts a vendor's command line.
    AskTool,
    /// Goes home: on the way to settings that belongs to them, else it is a change of directory.
    Home,
    /// It is known.
    Sure(Purpose),
}

use Meaning::{Mark, Nothing, Sure, Unknown};

const fn stage(stage: Stage) -> Meaning {
    Sure(Purpose::Stage(stage))
}

impl Meaning {
    /// How far it goes: of several meanings of one command the furthest counts. Persistence and
    /// destruction go further than looking round, less far than the steps of an infection.
    const fn rank(self) -> u8 {
        match self {
            Nothing => 0,
            Unknown => 1,
            Mark => 2,
            Self::AskTool => 3,
            Sure(Purpose::Stage(Stage::S3)) => 4,
            Sure(Purpose::Outside) => 5,
            Self::Home | Sure(Purpose::Stage(Stage::S2)) => 6,
            Sure(Purpose::CleanUp) => 7,
            Sure(Purpose::Stage(Stage::S1)) => 8,
            Sure(Purpose::Stage(Stage::S4a)) => 9,
            Sure(Purpose::Stage(Stage::S4b)) => 10,
            Sure(Purpose::Stage(Stage::S5)) => 11,
            Sure(Purpose::Stage(Stage::S6a)) => 12,
            Sure(Purpose::Stage(Stage::S6b)) => 13,
        }
    }

    /// Does it run what it is fed?
    pub(super) const fn runs(self) -> bool {
        matches!(self, Sure(Purpose::Stage(Stage::S1 | Stage::S6a | Stage::S6b)))
    }

    pub(super) const fn is_outside(self) -> bool {
        matches!(self, Sure(Purpose::Outside))
    }

    /// The one that goes further.
    #[must_use]
    pub(super) fn max(self, other: Self) -> Self {
        if other.rank() > self.rank() { other } else { self }
    }
}

/// A download whose bytes go on to another program.
pub(super) fn fetched() -> Meaning {
    stage(Stage::S4a)
}

/// Judges one effect, and remembers what it leaves behind.
pub(super) fn judge(effect: &Effect, session: &mut Session) -> Meaning {
    match effect {
        Effect::StartShell | Effect::VendorWord => stage(Stage::S1),
        Effect::UnknownWord => Unknown,
        Effect::Enter(path) if is_home(path) => Meaning::Home,
        Effect::Enter(_) | Effect::ListMounts => stage(Stage::S2),
        Effect::Survey => stage(Stage::S3),
        Effect::AskTool => Meaning::AskTool,
        Effect::Mark => Mark,
        Effect::Nothing => Nothing,
        Effect::Read(path) => judge_read(path, session),
        Effect::Fetch(target) => judge_fetch(target.as_deref(), session),
        Effect::Create(path) => judge_create(path, session),
        Effect::Write(path, content) => judge_write(path, content, session),
        Effect::Copy(from, to) => judge_copy(from, to, session),
        Effect::Move(from, to) => judge_move(from, to, session),
        Effect::Link(from, to) => judge_link(from, to, session),
        Effect::Unpack(content, target) => judge_unpack(content, target.as_deref(), session),
        Effect::Grant(path) => judge_grant(path, session),
        Effect::Execute(path) => judge_execute(path, session),
        Effect::Interpret(script) => judge_interpret(script.as_deref(), session),
        Effect::Remove(path) => judge_remove(path, session),
        Effect::Kill | Effect::HideTraces => Sure(Purpose::CleanUp),
        Effect::Tamper => Sure(Purpose::Outside),
        Effect::Converse => {
            session.conversing = true;
            Sure(Purpose::Outside)
        }
        Effect::Judged(meaning) => *meaning,
    }
}

fn judge_read(path: &str, session: &Session) -> Meaning {
    if is_noise(path) || is_sink(path) {
        return Nothing;
    }
    let probe = session.file(path).is_some_and(|known| known.origin == Origin::Probe);
    stage(if probe || is_mount_table(path) { Stage::S2 } else { Stage::S3 })
}

fn judge_fetch(target: Option<&str>, session: &mut Session) -> Meaning {
    let Some(path) = target else { return stage(Stage::S4a) };
    if is_setting(path) || is_device(path) {
        return Sure(Purpose::Outside);
    }
    if !is_sink(path) {
        session.remember(path, Origin::Fetched, is_script_name(path));
    }
    stage(Stage::S4a)
}

/// An empty file: a trial of the directory, or the emptying of a copy that keeps its mode.
fn judge_create(path: &str, session: &mut Session) -> Meaning {
    if is_sink(path) {
        return Nothing;
    }
    if is_trace(path) {
        return Sure(Purpose::CleanUp);
    }
    if is_setting(path) || is_device(path) {
        return Sure(Purpose::Outside);
    }
    match session.file(path) {
        Some(Known { ran: true, .. }) => Sure(Purpose::CleanUp),
        Some(Known { granted: true, .. }) => stage(Stage::S5),
        Some(_) => stage(Stage::S2),
        None => {
            session.remember(path, Origin::Probe, false);
            stage(Stage::S2)
        }
    }
}

fn judge_write(path: &str, content: &Content, session: &mut Session) -> Meaning {
    if is_sink(path) {
        return Nothing;
    }
    if is_trace(path) {
        return Sure(Purpose::CleanUp);
    }
    if is_setting(path) || is_device(path) || *content == Content::Noise {
        return Sure(Purpose::Outside);
    }
    match content {
        Content::Network | Content::Session => judge_fetch(Some(path), session),
        Content::Text(text) => judge_text(path, text, session),
        Content::Decoded => keep(path, Origin::Written, false, session),
        Content::File(from) => judge_content_of(from, path, session),
        Content::Program | Content::Noise => Nothing,
    }
}

/// Text of a command line: part of a program or script, or only a trial of the directory.
fn judge_text(path: &str, text: &[u8], session: &mut Session) -> Meaning {
    if text.iter().all(u8::is_ascii_whitespace) {
        return judge_create(path, session);
    }
    let script = text.starts_with(b"#!") || is_script_name(path) || holds_commands(text);
    let payload = script || is_binary(text) || is_encoded(text);
    let grows =
        session.file(path).is_some_and(|known| known.granted || known.origin == Origin::Written);
    if payload || grows {
        return keep(path, Origin::Written, script, session);
    }
    session.remember(path, Origin::Probe, false);
    stage(Stage::S2)
}

fn keep(path: &str, origin: Origin, script: bool, session: &mut Session) -> Meaning {
    session.remember(path, origin, script);
    stage(Stage::S4b)
}

/// Bytes that no text has: control bytes other than white space, or bytes that are not UTF-8.
fn is_binary(text: &[u8]) -> bool {
    let control = |&byte: &u8| byte < 0x20 && !byte.is_ascii_whitespace() || byte == 0x7f;
    text.iter().any(control) || std::str::from_utf8(text).is_err()
}

/// A long run without blanks, of the alphabet of base64 or hexadecimal.
fn is_encoded(text: &[u8]) -> bool {
    let alphabet = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=\\,".contains(byte);
    text.iter().filter(|byte| !byte.is_ascii_whitespace()).take_while(|byte| alphabet(byte)).count()
        >= 48
}

/// Does the text look like shell commands: a first word that starts something, and an argument?
fn holds_commands(text: &[u8]) -> bool {
    const STARTERS: [&[u8]; 12] = [
        b"wget ", b"curl ", b"tftp ", b"cd ", b"chmod ", b"sh ", b"while ", b"for ", b"/bin/",
        b"nohup ", b"./", b"exec ",
    ];
    let text = text.trim_ascii_start();
    STARTERS.iter().any(|starter| text.starts_with(starter))
}

/// The content of another file: a payload under a new name, or a note about the system.
fn judge_content_of(from: &str, to: &str, session: &mut Session) -> Meaning {
    if is_noise(from) {
        return Sure(Purpose::Outside);
    }
    if is_description(from) || is_trace(from) {
        return Nothing;
    }
    let origin = match session.file(from).map(|known| &known.origin) {
        Some(Origin::Written) => Origin::Written,
        _ => Origin::Fetched,
    };
    keep(to, origin, is_script_name(to), session)
}

fn judge_copy(from: &str, to: &str, session: &mut Session) -> Meaning {
    if is_setting(to) || is_device(to) || is_system_program(to) {
        return Sure(Purpose::Outside);
    }
    if is_description(from) {
        return Nothing;
    }
    let of = match session.file(from) {
        Some(Known { origin: Origin::Copied(of), .. }) => of.clone(),
        _ => base(from).to_owned(),
    };
    let place = target_name(from, to);
    session.remember(&place, Origin::Copied(of), false);
    stage(Stage::S5)
}

fn judge_move(from: &str, to: &str, session: &mut Session) -> Meaning {
    if let Some(known) = session.forget(from) {
        let place = target_name(from, to);
        session.remember(&place, known.origin, known.script);
        if known.granted {
            session.grant(&place);
        }
    }
    Sure(Purpose::Outside)
}

fn judge_link(from: &str, to: &str, session: &mut Session) -> Meaning {
    let of = base(from).to_owned();
    session.remember(&target_name(from, to), Origin::Copied(of), false);
    Sure(Purpose::Outside)
}

/// Into a directory the old name goes with the file.
fn target_name(from: &str, to: &str) -> String {
    let directory = to.ends_with('/') || matches!(to, "." | ".." | "/tmp" | "/var" | "/dev/shm");
    if directory { base(from).to_owned() } else { to.to_owned() }
}

/// Unpacking goes on with what brought the packed data.
fn judge_unpack(content: &Content, target: Option<&str>, session: &mut Session) -> Meaning {
    let written = match content {
        Content::Text(_) | Content::Decoded => true,
        Content::File(path) => {
            session.file(path).is_some_and(|known| known.origin == Origin::Written)
        }
        _ => false,
    };
    let origin = if written { Origin::Written } else { Origin::Fetched };
    if let Some(path) = target {
        session.remember(path, origin, false);
    }
    stage(if written { Stage::S4b } else { Stage::S4a })
}

fn judge_grant(path: &str, session: &mut Session) -> Meaning {
    if is_setting(path) {
        return Sure(Purpose::Outside);
    }
    session.grant(path);
    stage(Stage::S5)
}

fn judge_execute(path: &str, session: &mut Session) -> Meaning {
    if is_service_script(path) {
        return Sure(Purpose::Outside);
    }
    session.run(path);
    let script = session
        .file(path)
        .map_or_else(|| is_script_name(path), |known| known.script || is_script_name(path));
    stage(if script { Stage::S6a } else { Stage::S6b })
}

fn judge_interpret(script: Option<&str>, session: &mut Session) -> Meaning {
    if let Some(path) = script
        && session.file(path).is_none()
    {
        session.remember(path, Origin::Seen, true);
    }
    stage(Stage::S6a)
}

fn judge_remove(path: &str, session: &mut Session) -> Meaning {
    if is_vital_tree(path) || (is_setting(path) && !is_trace(path)) {
        return Sure(Purpose::Outside);
    }
    match session.forget(path) {
        Some(Known { origin: Origin::Probe, .. }) => stage(Stage::S2),
        _ => Sure(Purpose::CleanUp),
    }
}

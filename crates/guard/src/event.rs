// SPDX-License-Identifier: Apache-2.0
//! Events from the ring of the kernel, `struct event` of bpf/maps.h, and what they say.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kakoi_model::{Action, Argument, Event, SessionStart, Stage, Subject, Timestamp, Verdict};
use kakoi_policy::{Control, Op, Program, Protect};
use libbpf_rs::{MapHandle, RingBufferBuilder};

use crate::error::Error;
use crate::layout::{half, long, word};

/// Bytes of one event. bpf/maps.h asserts this and the places below.
pub const EVENT_BYTES: usize = 904;
const SUBJECT: usize = 40;
const ATTEMPT: usize = 68;
const VERDICT: usize = 116;
const KIND: usize = 128;
const PATH: usize = 136;
const TARGET: usize = 392;
const ARGV: usize = 648;

/// What happened, as the kernel told it; text is cut to the last 255 bytes of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Nanoseconds since boot.
    pub time_ns: u64,
    /// Process, thread and parent.
    pub process: u32,
    /// Number of the parent process.
    pub parent: u32,
    /// Name of the thread.
    pub command: String,
    /// Domains that the process was in, bit by number.
    pub domains: u64,
    /// Number of the session, 0: none.
    pub session: u32,
    /// A session began; nothing was attempted.
    pub is_session: bool,
    /// What was attempted.
    pub op: Option<Op>,
    /// `arg` of the attempt: a kind of protection, a capability.
    pub arg: u8,
    /// Bits asked for.
    pub mode: u16,
    /// `KK_A_*`
    pub access: u16,
    /// `KK_U_*`
    pub unknown: u16,
    /// What is done.
    pub action: kakoi_policy::Action,
    /// What the rule says.
    pub would: kakoi_policy::Action,
    /// Which control decided.
    pub control: Option<Control>,
    /// Number of its domain.
    pub domain: u8,
    /// Place of the rule in the policy.
    pub rule: u16,
    /// `KK_E_*`
    pub effects: u16,
    /// Kinds of the program, `KK_P_*`.
    pub program: u16,
    /// Permission bits, type and trust of the object.
    pub object_mode: u16,
    /// `KK_O_*` of the object.
    pub object_flags: u16,
    /// `AF_*`, `IPPROTO_*`, port of an address.
    pub family: u8,
    /// `IPPROTO_*`
    pub protocol: u8,
    /// Port, host order.
    pub port: u16,
    /// Address, network order.
    pub address: [u8; 16],
    /// Path of the object.
    pub path: String,
    /// Path of the target.
    pub target: String,
    /// Argument vector.
    pub argv: Vec<String>,
}

impl Record {
    /// Reads one event. None: it is none.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        if bytes.len() < EVENT_BYTES {
            return None;
        }
        let byte = |offset: usize| bytes.get(offset).copied().unwrap_or(0);
        let action = |offset| kakoi_policy::Action::numbered(byte(offset));
        let done = action(VERDICT)?;
        Some(Self {
            time_ns: long(bytes, 0),
            process: word(bytes, 8),
            parent: word(bytes, 16),
            command: text(bytes, 24, 16),
            domains: long(bytes, SUBJECT),
            session: word(bytes, SUBJECT + 16),
            is_session: half(bytes, KIND) == 1,
            op: Op::numbered(byte(ATTEMPT)),
            arg: byte(ATTEMPT + 1),
            mode: half(bytes, ATTEMPT + 6),
            access: half(bytes, ATTEMPT + 8),
            unknown: half(bytes, ATTEMPT + 10),
            action: done,
            would: action(VERDICT + 1)?,
            control: (done != kakoi_policy::Action::Allow)
                .then(|| Control::numbered(byte(VERDICT + 2)))
                .flatten(),
            domain: byte(VERDICT + 3),
            rule: half(bytes, VERDICT + 4),
            effects: half(bytes, VERDICT + 10),
            program: half(bytes, SUBJECT + 22),
            object_mode: half(bytes, ATTEMPT + 34),
            object_flags: half(bytes, ATTEMPT + 38),
            family: byte(ATTEMPT + 12),
            protocol: byte(ATTEMPT + 13),
            port: half(bytes, ATTEMPT + 14),
            address: std::array::from_fn(|index| byte(ATTEMPT + 16 + index)),
            path: text(bytes, PATH, usize::from(half(bytes, KIND + 2)).min(255)),
            target: text(bytes, TARGET, usize::from(half(bytes, KIND + 4)).min(255)),
            argv: strings(bytes, ARGV, usize::from(half(bytes, KIND + 6)).min(256)),
        })
    }

    /// As a line of `events.jsonl`. `domains` are the names of the policy's domains, `booted` the
    /// moment of boot.
    #[must_use]
    pub fn to_event(&self, domains: &[String], booted: Booted) -> Event {
        let domain = domains.get(usize::from(self.domain)).cloned();
        let first = domains
            .iter()
            .enumerate()
            .find(|(index, _)| *index < 64 && self.domains >> index & 1 == 1)
            .map(|(_, name)| name.clone());
        Event {
            time: booted.at(self.time_ns),
            session: (self.session != 0).then(|| format!("{:08x}", self.session)),
            line: None,
            domain: self.control.and(domain).or(first),
            subject: Some(Subject {
                pid: self.process,
                parent: Some(self.parent),
                program: self.command.clone(),
                lineage: Vec::new(),
            }),
            action: self.action_of(),
            verdict: (!self.is_session).then(|| verdict(self.action)),
            stage: self.control.and_then(stage),
        }
    }

    fn action_of(&self) -> Action {
        if self.is_session {
            return Action::SessionStart(SessionStart {
                schema: kakoi_model::EVENT_SCHEMA_VERSION,
                entry: self.command.clone(),
                peer: None,
                architecture: Some(std::env::consts::ARCH.to_owned()),
            });
        }
        Action::Hook {
            hook: self.op.map_or("unknown", Op::word).to_owned(),
            arguments: self.arguments(),
        }
    }

    fn arguments(&self) -> BTreeMap<String, Argument> {
        let mut arguments = BTreeMap::new();
        let mut put = |name: &str, value: Argument| {
            arguments.insert(name.to_owned(), value);
        };
        for (name, value) in [("path", &self.path), ("target", &self.target)] {
            if !value.is_empty() {
                put(name, Argument::Text(value.clone()));
            }
        }
        if !self.argv.is_empty() {
            put("argv", Argument::List(self.argv.clone()));
        }
        if matches!(self.op, Some(Op::Create | Op::Chmod | Op::Setxattr)) {
            put("mode", Argument::Text(format!("{:04o}", self.mode)));
        }
        if matches!(self.op, Some(Op::Open | Op::Receive)) {
            put("access", Argument::List(access(self.access)));
        }
        if self.op == Some(Op::Protect)
            && let Some(kind) = Protect::numbered(self.arg)
        {
            put("protect", Argument::Text(kind.word().to_owned()));
        }
        if self.op == Some(Op::Capable) {
            put("capability", Argument::Number(self.arg.into()));
        }
        if matches!(self.op, Some(Op::Bind | Op::Connect | Op::Socket)) {
            put("family", Argument::Number(self.family.into()));
            put("protocol", Argument::Number(self.protocol.into()));
        }
        if let (Some(Op::Bind | Op::Connect), Some(address)) = (self.op, self.ip()) {
            put("address", Argument::Text(address.to_string()));
            put("port", Argument::Number(self.port.into()));
        }
        if let Some(control) = self.control {
            put("control", Argument::Text(control.word().to_owned()));
            put("rule", Argument::Number(self.rule.into()));
            if self.would != self.action {
                put("would", Argument::Text(self.would.word().to_owned()));
            }
        }
        arguments
    }

    /// The address of a bind or connect.
    #[must_use]
    pub fn ip(&self) -> Option<std::net::IpAddr> {
        const INET: u8 = 2;
        const INET6: u8 = 10;
        let [a, b, c, d, ..] = self.address;
        match self.family {
            INET => Some(std::net::Ipv4Addr::new(a, b, c, d).into()),
            INET6 => Some(std::net::Ipv6Addr::from(self.address).into()),
            _ => None,
        }
    }

    /// The program that acted reads code: a shell, a scripting language, awk.
    #[must_use]
    pub fn reads_code(&self) -> bool {
        [Program::Shell, Program::Scripting]
            .iter()
            .any(|program| self.program >> program.number() & 1 == 1)
    }
}

/// The moment of boot, to turn the kernel's clock into dates.
#[derive(Debug, Clone, Copy)]
pub struct Booted(i64);

impl Booted {
    /// By the clock and the time that the machine has been up. A device that slept since is off by
    /// that time.
    #[must_use]
    pub fn look() -> Self {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| i64::try_from(since.as_nanos()).unwrap_or(i64::MAX));
        let up = i64::try_from(crate::clock::since_boot_ns()).unwrap_or(i64::MAX);
        Self(now.saturating_sub(up))
    }

    fn at(self, time_ns: u64) -> Timestamp {
        Timestamp(self.0.saturating_add(i64::try_from(time_ns).unwrap_or(i64::MAX)))
    }
}

/// Waits for events and hands each over; returns when some came or `wait` has passed. No wait: only
/// what is there.
///
/// # Errors
/// The ring cannot be read.
pub fn listen(
    ring: &MapHandle,
    wait: Option<Duration>,
    mut take: impl FnMut(Record),
) -> Result<(), Error> {
    let mut builder = RingBufferBuilder::new();
    builder
        .add(ring, |bytes| {
            if let Some(record) = Record::read(bytes) {
                take(record);
            }
            0
        })
        .map_err(Error::kernel("reading the ring of events"))?;
    let ring = builder.build().map_err(Error::kernel("reading the ring of events"))?;
    let heard = match wait {
        Some(wait) => ring.poll(wait),
        None => ring.consume(),
    };
    match heard {
        Err(error) if error.kind() != libbpf_rs::ErrorKind::Interrupted => {
            Err(Error::kernel("waiting for events")(error))
        }
        _ => Ok(()),
    }
}

fn access(flags: u16) -> Vec<String> {
    kakoi_policy::Access::ALL
        .iter()
        .filter(|access| flags >> access.number() & 1 == 1)
        .map(|access| access.word().to_owned())
        .collect()
}

fn verdict(action: kakoi_policy::Action) -> Verdict {
    match action {
        kakoi_policy::Action::Allow => Verdict::Allow,
        kakoi_policy::Action::Audit => Verdict::Audit,
        // BPF cannot rewrite; the decision never asks it to.
        kakoi_policy::Action::Rewrite => Verdict::Rewrite,
        kakoi_policy::Action::Deny => Verdict::Deny,
        kakoi_policy::Action::Kill => Verdict::Kill,
    }
}

/// The row of the infection model that a control stands for.
fn stage(control: Control) -> Option<Stage> {
    match control {
        Control::ShellStart => Some(Stage::S1),
        Control::ScriptExec | Control::InterpretDropped => Some(Stage::S6a),
        Control::GrantExec | Control::WriteExec => Some(Stage::S5),
        Control::ExecOutside | Control::RunDropped => Some(Stage::S6b),
        _ => None,
    }
}

fn text(bytes: &[u8], offset: usize, length: usize) -> String {
    let field = bytes.get(offset..offset + length).unwrap_or_default();
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    String::from_utf8_lossy(field.get(..end).unwrap_or_default()).into_owned()
}

fn strings(bytes: &[u8], offset: usize, length: usize) -> Vec<String> {
    let field = bytes.get(offset..offset + length).unwrap_or_default();
    let field = field.strip_suffix(&[0]).unwrap_or(field);
    if field.is_empty() {
        return Vec::new();
    }
    field.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused_exec() -> Vec<u8> {
        let mut bytes = vec![0; EVENT_BYTES];
        bytes[8] = 42;
        bytes[24..27].copy_from_slice(b"ash");
        bytes[SUBJECT] = 1;
        bytes[ATTEMPT] = Op::Exec.number();
        bytes[VERDICT] = 3;
        bytes[VERDICT + 1] = 3;
        bytes[VERDICT + 2] = Control::ExecOutside.number();
        bytes[KIND + 2] = 6;
        bytes[KIND + 6] = 9;
        bytes[PATH..PATH + 6].copy_from_slice(b"/tmp/a");
        bytes[ARGV..ARGV + 9].copy_from_slice(b"/tmp/a\0b\0");
        bytes
    }

    #[test]
    fn a_refused_exec_is_told_with_path_arguments_control_and_stage() {
        let record = Record::read(&refused_exec()).unwrap();
        let event = record.to_event(&["remote-session".to_owned()], Booted(0));
        let line = event.to_json_line().unwrap();
        assert_eq!(
            line,
            r#"{"time":"1970-01-01T00:00:00Z","domain":"remote-session","subject":{"pid":42,"parent":0,"program":"ash"},"event":"hook","hook":"exec","arguments":{"argv":["/tmp/a","b"],"control":"exec-outside","path":"/tmp/a","rule":0},"verdict":"deny","stage":"S6b"}"#
        );
    }

    #[test]
    fn bytes_that_are_too_few_or_no_verdict_are_no_event() {
        let mut bytes = refused_exec();
        assert_eq!(Record::read(bytes.get(..900).unwrap()), None);
        bytes[VERDICT] = 9;
        assert_eq!(Record::read(&bytes), None);
    }
}

// SPDX-License-Identifier: Apache-2.0
//! The decision function in C as a process (abi/host/decide.c).

use std::io::{Read, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use kakoi_policy::{Action, Attempt, Control, Mark, Mode, Object, Op, Policy, Verdict, compile};

/// Builds `decide` with a compiler; panics with a clear word where there is none.
pub(crate) fn build(compiler: &str, arguments: &[&str]) -> PathBuf {
    let name = format!("decide-{compiler}-{}", arguments.concat().replace(['=', '-'], ""));
    let out = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    // Tests run side by side: written under a name of its own, then moved.
    let own =
        out.with_extension(format!("{:?}", std::thread::current().id()).replace(['(', ')'], ""));
    let done = Command::new(compiler)
        .args(["-O2", "-Wall", "-Wextra", "-Werror", "-Wno-long-long", "-o"])
        .arg(&own)
        .args(arguments)
        .arg(super::top().join("abi/host/decide.c"))
        .output()
        .unwrap_or_else(|error| panic!("{compiler}: {error} (tools/install.sh test installs it)"));
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    std::fs::rename(&own, &out).unwrap();
    out
}

/// A running `decide` for one policy.
pub(crate) struct Host {
    child: Child,
    input: Option<ChildStdin>,
    output: ChildStdout,
    _blob: tempfile::NamedTempFile,
}

/// What C says, in the numbers of the header.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub action: u8,
    pub would: u8,
    pub control: u8,
    pub domain: u8,
    pub rule: u16,
    pub error: u16,
    pub mode: u16,
    pub effects: u16,
}

impl Host {
    pub(crate) fn start(runner: &[&str], program: &Path, blob: &[u8]) -> Self {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(blob).unwrap();
        let mut words: Vec<&std::ffi::OsStr> = runner.iter().map(std::ffi::OsStr::new).collect();
        words.push(program.as_os_str());
        let mut child = Command::new(words[0])
            .args(&words[1..])
            .arg(file.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("{:?}: {error} (tools/install.sh test installs it)", words[0])
            });
        Self { input: child.stdin.take(), output: child.stdout.take().unwrap(), child, _blob: file }
    }

    pub(crate) fn of(policy: &Policy) -> Self {
        Self::start(&[], &build("gcc", &["-std=gnu89"]), &compile(policy).unwrap())
    }

    /// The verdict, and for an exec the mark after it.
    pub(crate) fn decide(&mut self, mark: &Mark, attempt: &Attempt) -> (Answer, Option<Mark>) {
        let exec = attempt.op == Op::Exec;
        self.send(if exec { b'X' } else { b'D' }, mark, attempt);
        let bytes = self.receive::<12>();
        let half = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let answer = Answer {
            action: bytes[0],
            would: bytes[1],
            control: bytes[2],
            domain: bytes[3],
            rule: half(4),
            error: half(6),
            mode: half(8),
            effects: half(10),
        };
        (answer, exec.then(|| self.mark()))
    }

    pub(crate) fn lineage(&mut self, verb: u8, mark: &Mark) -> Mark {
        self.send(verb, mark, &Attempt::new(Op::Open));
        self.mark()
    }

    fn send(&mut self, verb: u8, mark: &Mark, attempt: &Attempt) {
        let mut frame = vec![verb];
        put_mark(&mut frame, mark);
        put_attempt(&mut frame, attempt);
        let input = self.input.as_mut().unwrap();
        input.write_all(&frame).unwrap();
        input.flush().unwrap();
    }

    fn receive<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.output.read_exact(&mut bytes).unwrap_or_else(|error| {
            panic!("decide ended: {error}, {:?}", self.child.wait());
        });
        bytes
    }

    fn mark(&mut self) -> Mark {
        let bytes = self.receive::<28>();
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        let half = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let indices = |mask: u64| (0..64).filter(|bit| mask >> bit & 1 == 1).collect();
        let program = kakoi_policy::Program::ALL
            .iter()
            .copied()
            .filter(|kind| half(22) >> kind.number() & 1 == 1);
        Mark {
            domains: indices(u64::from(word(0)) | u64::from(word(4)) << 32),
            daemon: indices(u64::from(word(8)) | u64::from(word(12)) << 32),
            session: word(16),
            accepted: half(20) & 1 != 0,
            unknown: half(20) & 2 != 0,
            program: program.collect(),
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.input.take();
        let _ = self.child.wait();
    }
}

/// The specification's verdict in the numbers of the header.
pub(crate) fn numbers(verdict: &Verdict) -> Answer {
    let cause = verdict.cause;
    Answer {
        action: verdict.action.number(),
        would: cause.map_or(0, |cause| cause.would.number()),
        control: cause.map_or(0, |cause| cause.control.number()),
        domain: cause.map_or(0, |cause| cause.domain as u8),
        rule: cause.map_or(0, |cause| cause.rule),
        error: cause.map_or(0, |cause| u16::from(cause.error)),
        mode: verdict.mode.map_or(0, |Mode(mode)| mode),
        effects: u16::from(verdict.taints) | u16::from(verdict.overridden) << 1,
    }
}

/// Words for a difference.
pub(crate) fn words(answer: &Answer) -> String {
    let action = Action::numbered(answer.action);
    let control = Control::numbered(answer.control);
    format!("{action:?} by {control:?} of domain {}: {answer:?}", answer.domain)
}

fn mask(indices: impl Iterator<Item = usize>) -> u64 {
    indices.fold(0, |mask, index| mask | 1 << index)
}

fn put_mark(frame: &mut Vec<u8>, mark: &Mark) {
    frame.extend(mask(mark.domains.iter().copied()).to_le_bytes());
    frame.extend(mask(mark.daemon.iter().copied()).to_le_bytes());
    frame.extend(mark.session.to_le_bytes());
    frame.extend((u16::from(mark.accepted) | u16::from(mark.unknown) << 1).to_le_bytes());
    let program = mask(mark.program.iter().map(|kind| usize::from(kind.number())));
    frame.extend((program as u16).to_le_bytes());
    frame.extend([0; 4]);
}

fn put_attempt(frame: &mut Vec<u8>, attempt: &Attempt) {
    let argument = match attempt.op {
        Op::Setxattr => attempt.xattr.map_or(0, |kind| kind.number()),
        Op::Protect => attempt.protect.map_or(255, |kind| kind.number()),
        Op::Capable => attempt.capability,
        _ => 0,
    };
    let mut flags = mask(attempt.access.iter().map(|access| usize::from(access.number()))) as u16;
    flags |= u16::from(attempt.via_script) << 3
        | u16::from(attempt.can_rewrite) << 4
        | u16::from(attempt.maintenance) << 5;
    let unknown = mask(attempt.unknown.iter().map(|fact| usize::from(fact.number()))) as u16;
    frame.extend([attempt.op.number(), argument, attempt.stdin.number()]);
    frame.extend(attempt.mode.0.to_le_bytes());
    frame.extend(flags.to_le_bytes());
    frame.extend(unknown.to_le_bytes());
    frame.extend([attempt.family, attempt.protocol]);
    frame.extend(attempt.port.to_le_bytes());
    let mut address = match attempt.address {
        Some(IpAddr::V4(four)) => four.octets().to_vec(),
        Some(IpAddr::V6(six)) => six.octets().to_vec(),
        None => Vec::new(),
    };
    address.resize(16, 0);
    frame.extend(address);
    put_object(frame, &attempt.object);
    put_object(frame, &attempt.target);
    frame.extend(
        (mask(attempt.remote.iter().map(|remote| usize::from(remote.number()))) as u32)
            .to_le_bytes(),
    );
    put_bytes(frame, attempt.object.path.as_deref().unwrap_or_default().as_bytes());
    put_bytes(frame, attempt.target.path.as_deref().unwrap_or_default().as_bytes());
    let vector = attempt.argument_bytes();
    let seen = vector.len().min(256);
    put_bytes(frame, &vector[..seen]);
    frame.push(u8::from(vector.len() > seen));
}

fn put_object(frame: &mut Vec<u8>, object: &Object) {
    frame.extend(object.mode.0.to_le_bytes());
    let trust = mask(object.trust.iter().map(|trust| usize::from(trust.number())));
    frame.extend([object.file_type().number(), trust as u8]);
    let flags = [
        object.tainted,
        object.unlinked,
        object.script,
        object.exists,
        object.proc_mem,
        object.kernel_helper,
        object.raw_device,
    ];
    let flags = mask(flags.iter().enumerate().filter(|(_, set)| **set).map(|(bit, _)| bit));
    frame.extend((flags as u16).to_le_bytes());
}

fn put_bytes(frame: &mut Vec<u8>, bytes: &[u8]) {
    frame.extend((bytes.len() as u16).to_le_bytes());
    frame.extend(bytes);
}

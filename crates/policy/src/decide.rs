// SPDX-License-Identifier: Apache-2.0
//! The decision on one attempt: the specification that the compiled policy must equal.
//!
//! Precedence: of all rules that judge an attempt, in all domains of the subject, the strictest
//! wins (kill, deny, rewrite, audit, allow); a rule that only audits never hides one that enforces;
//! among equals the earlier in the file.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::argv::{Invocation, Source};
use crate::attempt::{Attempt, Mode, Object};
use crate::mark::{self, Mark, known_path};
use crate::pattern::Pattern;
use crate::policy::{Domain, Net, Policy, Rule};
use crate::words::{
    Access, Action, Control, FileType, Op, Program, Protect, StandardInput, Trust, Unknown, Xattr,
};

/// Execute bits.
const EXECUTE: u16 = 0o111;
/// Execute, set-user-ID and set-group-ID bits.
const GRANTED: u16 = 0o6111;

/// What is to be done about an attempt, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What to do.
    pub action: Action,
    /// The rule that decided; none when nothing judged the attempt.
    pub cause: Option<Cause>,
    /// For rewrite: the mode to use instead.
    pub mode: Option<Mode>,
    /// The object is dropped content from now on.
    pub taints: bool,
    /// A rule would have refused, but for the override.
    pub overridden: bool,
}

/// The rule that decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cause {
    /// Its number.
    pub rule: u16,
    /// Index of its domain.
    pub domain: usize,
    /// Its control.
    pub control: Control,
    /// What it asks for; more than was done when it only audits.
    pub would: Action,
    /// What a refused call returns.
    pub error: u8,
}

/// Decides one attempt of a task with this mark.
#[must_use]
pub fn decide(policy: &Policy, mark: &Mark, attempt: &Attempt) -> Verdict {
    let subject = Subject { policy, mark, attempt, invocation: mark::invocation(policy, attempt) };
    let members: Vec<(usize, &Domain)> = policy
        .domains
        .iter()
        .enumerate()
        .filter(|(index, domain)| subject.is_in(*index, domain))
        .collect();
    let mut verdict = Verdict {
        action: Action::Allow,
        cause: None,
        mode: None,
        taints: false,
        overridden: false,
    };
    for (index, domain) in &members {
        for (control, rule) in domain.rules.iter().filter(|(_, rule)| rule.action != Action::Allow)
        {
            if subject.is_judged(domain, *control, rule) {
                subject.weigh(*index, *control, rule, &mut verdict);
            }
        }
    }
    verdict.taints = verdict.action < Action::Deny && subject.drops(&members);
    verdict
}

/// Decides an attempt as a hook does: an exec is judged with the sessions that it begins.
#[must_use]
pub fn decide_attempt(policy: &Policy, mark: &Mark, attempt: &Attempt) -> Verdict {
    if attempt.op != Op::Exec {
        return decide(policy, mark, attempt);
    }
    let next = mark.exec(policy, attempt, 0);
    decide(policy, &mark.judged_for(policy, &next), attempt)
}

struct Subject<'a> {
    policy: &'a Policy,
    mark: &'a Mark,
    attempt: &'a Attempt,
    invocation: Invocation,
}

impl Subject<'_> {
    fn is_in(&self, index: usize, domain: &Domain) -> bool {
        domain.everyone
            || self.mark.domains.contains(&index)
            || (self.mark.unknown && domain.sticky)
    }

    fn weigh(&self, domain: usize, control: Control, rule: &Rule, verdict: &mut Verdict) {
        let lifted = self.lifts(domain, control);
        let action = self.effective(control, rule, lifted);
        verdict.overridden |= lifted && rule.action != Action::Audit;
        let best =
            verdict.cause.map(|cause| (verdict.action, cause.would, std::cmp::Reverse(cause.rule)));
        if best.is_some_and(|best| best >= (action, rule.action, std::cmp::Reverse(rule.id))) {
            return;
        }
        verdict.action = action;
        verdict.cause =
            Some(Cause { rule: rule.id, domain, control, would: rule.action, error: rule.error });
        let kept = self.attempt.mode.0 & !self.grants(rule.directories);
        verdict.mode = (action == Action::Rewrite).then_some(Mode(kept));
    }

    fn effective(&self, control: Control, rule: &Rule, lifted: bool) -> Action {
        let rewritable = control == Control::GrantExec
            && matches!(self.attempt.op, Op::Chmod | Op::Create)
            && self.attempt.can_rewrite;
        match rule.action {
            _ if rule.audit || self.policy.audit || lifted => Action::Audit,
            Action::Rewrite if !rewritable => Action::Deny,
            action => action,
        }
    }

    fn lifts(&self, domain: usize, control: Control) -> bool {
        let Some(granted) = &self.policy.maintenance else { return false };
        self.attempt.maintenance
            && granted.domains.contains(&domain)
            && granted.lifts.contains(&control)
    }

    /// Regular files and pipes carry content; who may run what he drops does not drop.
    fn drops(&self, members: &[(usize, &Domain)]) -> bool {
        let carries = matches!(self.attempt.object.file_type(), FileType::Regular | FileType::Fifo);
        let writes = match self.attempt.op {
            Op::Create | Op::Truncate => true,
            Op::Open | Op::Receive => self.changes(),
            _ => false,
        };
        let taints = |(index, domain): &(usize, &Domain)| {
            domain.taints && !self.lifts(*index, Control::RunDropped)
        };
        carries && writes && members.iter().any(taints)
    }

    // ---- does a rule judge the attempt? ----

    fn is_judged(&self, domain: &Domain, control: Control, rule: &Rule) -> bool {
        self.concerns(domain, control, rule) && !self.excepted(rule) && !self.left_out(rule)
    }

    fn excepted(&self, rule: &Rule) -> bool {
        let Some(except) = &rule.except else { return false };
        let target = !self.has_target() || self.target_named(except);
        self.named(except) && target
    }

    fn left_out(&self, rule: &Rule) -> bool {
        let Some(only) = &rule.only else { return false };
        !(self.named(only) || (self.has_target() && self.target_named(only)))
    }

    fn named(&self, patterns: &BTreeSet<Pattern>) -> bool {
        mark::names(patterns, self.attempt, &self.invocation)
    }

    fn target_path(&self) -> Option<&str> {
        let known = !self.attempt.unknown.contains(&Unknown::Target);
        self.attempt
            .target
            .path
            .as_deref()
            .filter(|path| known && path.len() <= crate::LONGEST_PATH)
    }

    fn target_named(&self, patterns: &BTreeSet<Pattern>) -> bool {
        self.target_path()
            .is_some_and(|path| patterns.iter().any(|pattern| pattern.matches_path(path)))
    }

    fn has_target(&self) -> bool {
        matches!(self.attempt.op, Op::Link | Op::Rename)
    }

    fn concerns(&self, domain: &Domain, control: Control, rule: &Rule) -> bool {
        let attempt = self.attempt;
        let exec = attempt.op == Op::Exec;
        let runs = matches!(attempt.op, Op::Exec | Op::MapExec);
        let object = &attempt.object;
        match control {
            Control::ShellStart => exec && !attempt.via_script && self.is_kind(Program::Shell),
            Control::ScriptExec => {
                exec && self.runs_script() && !self.is_vouched_script(domain, rule)
            }
            Control::GrantExec => self.grants(rule.directories) != 0,
            Control::WriteExec => self.writes_executable(),
            Control::ExecOutside => runs && !self.is_trusted(domain, rule),
            Control::RunDropped => runs && self.is_dropped(domain),
            Control::InterpretDropped => self.interprets_dropped(domain, rule),
            Control::ExecMemory => attempt.op == Op::MemExec,
            Control::SelfProtect => self.offends(domain),
            Control::FilesRead => {
                matches!(attempt.op, Op::Open | Op::Receive)
                    && attempt.access.contains(&Access::Read)
                    && has_place(object)
            }
            Control::FilesWrite => self.changes() && has_place(object),
            Control::FilesForbid => !matches!(
                attempt.op,
                Op::MemExec | Op::Socket | Op::Bind | Op::Connect | Op::Capable | Op::Protect
            ),
            Control::ExecList | Control::ExecForbid => exec && !attempt.via_script,
            Control::NetBind => {
                attempt.op == Op::Bind
                    && !domain.nets.iter().any(|net| net_allows(net, true, attempt))
            }
            Control::NetConnect => {
                attempt.op == Op::Connect
                    && !domain.nets.iter().any(|net| net_allows(net, false, attempt))
            }
            Control::NetFamily => {
                attempt.op == Op::Socket && !domain.families.contains(&attempt.family)
            }
            Control::Capabilities => {
                attempt.op == Op::Capable && !domain.capabilities.contains(&attempt.capability)
            }
        }
    }

    fn is_kind(&self, kind: Program) -> bool {
        self.invocation.kinds.contains(&kind)
    }

    // ---- what the attempt is ----

    fn changes(&self) -> bool {
        match self.attempt.op {
            Op::Open | Op::Receive => {
                self.attempt.access.contains(&Access::Write)
                    || self.attempt.access.contains(&Access::Truncate)
            }
            op => matches!(
                op,
                Op::Create
                    | Op::Chmod
                    | Op::Setxattr
                    | Op::Truncate
                    | Op::Link
                    | Op::Rename
                    | Op::Remove
                    | Op::Setattr
            ),
        }
    }

    /// Permission bits that the attempt would newly give.
    fn grants(&self, directories: bool) -> u16 {
        let known = !self.attempt.unknown.contains(&Unknown::Mode);
        let old = if known { self.attempt.object.mode.0 } else { 0 };
        let bits = match self.attempt.object.file_type() {
            FileType::Regular => GRANTED,
            FileType::Directory if directories => EXECUTE,
            _ => return 0,
        };
        match (self.attempt.op, self.attempt.xattr) {
            (Op::Create, _) => self.attempt.mode.0 & bits,
            (Op::Chmod, _) | (Op::Setxattr, Some(Xattr::Acl)) => self.attempt.mode.0 & bits & !old,
            (Op::Setxattr, Some(Xattr::Capability)) => bits,
            _ => 0,
        }
    }

    fn writes_executable(&self) -> bool {
        let executable = |object: &Object| {
            let x = object.mode.0 & EXECUTE != 0 || self.attempt.unknown.contains(&Unknown::Mode);
            // What a digest vouches for is code that may be mapped already, with x bits or without.
            let vouched = object.trust.contains(&Trust::Digests);
            object.file_type() == FileType::Regular && (x || vouched)
        };
        match self.attempt.op {
            Op::Open | Op::Receive => self.changes() && executable(&self.attempt.object),
            Op::Truncate | Op::Link => executable(&self.attempt.object),
            Op::Rename => self.attempt.target.exists && executable(&self.attempt.target),
            _ => false,
        }
    }

    fn runs_script(&self) -> bool {
        let reads_code = [Program::Shell, Program::Scripting, Program::Filter]
            .iter()
            .any(|kind| self.is_kind(*kind));
        let operand = self.invocation.source == Source::File || self.invocation.unknown;
        self.attempt.object.script
            || (!self.attempt.via_script && ((reads_code && operand) || self.reads_stdin()))
    }

    fn reads_stdin(&self) -> bool {
        let piped = matches!(
            self.attempt.stdin,
            StandardInput::File | StandardInput::Pipe | StandardInput::Socket
        );
        (self.is_kind(Program::Shell) || self.is_kind(Program::Scripting))
            && (self.invocation.source == Source::StandardInput || self.invocation.unknown)
            && (piped || self.attempt.unknown.contains(&Unknown::StandardInput))
    }

    fn offends(&self, domain: &Domain) -> bool {
        let attempt = self.attempt;
        if attempt.op == Op::Protect {
            return attempt.protect.is_some_and(|kind| domain.protect.contains(&kind));
        }
        if !self.changes() {
            return false;
        }
        let object = &attempt.object;
        let opened = matches!(attempt.op, Op::Open | Op::Receive);
        domain.protect.iter().any(|kind| {
            let special = match kind {
                Protect::Device => object.file_type() == FileType::Block || object.raw_device,
                Protect::Memory => object.proc_mem,
                Protect::Helper => object.kernel_helper,
                _ => false,
            };
            let listed = self.policy.protect.get(kind).is_some_and(|patterns| {
                let hit = |path: &str| patterns.iter().any(|pattern| pattern.matches_path(path));
                known_path(attempt).is_some_and(hit)
                    || (self.has_target() && self.target_path().is_some_and(hit))
            });
            (opened && special) || listed
        })
    }

    // ---- what holds in a domain ----

    fn is_tainted(&self, domain: &Domain) -> bool {
        let unknown = self.attempt.unknown.contains(&Unknown::Taint) && !domain.everyone;
        self.attempt.object.tainted || unknown
    }

    fn is_vouched_for(&self) -> bool {
        let vouched = [Trust::Rootfs, Trust::Verity, Trust::Digests];
        vouched.iter().any(|trust| self.attempt.object.trust.contains(trust))
    }

    fn is_dropped(&self, domain: &Domain) -> bool {
        self.is_tainted(domain) && !self.is_vouched_for()
    }

    fn is_trusted(&self, domain: &Domain, rule: &Rule) -> bool {
        let object = &self.attempt.object;
        let both = |trust: Trust| rule.trust.contains(&trust) && object.trust.contains(&trust);
        if object.unlinked {
            return false;
        }
        if both(Trust::Rootfs) || both(Trust::Verity) || both(Trust::Digests) {
            return true;
        }
        // The place of a file vouches for it only as long as nobody in a session wrote it.
        let listed = || {
            let patterns = rule.trusted.as_ref();
            patterns.is_some_and(|patterns| {
                known_path(self.attempt)
                    .is_some_and(|path| patterns.iter().any(|pattern| pattern.matches_path(path)))
            })
        };
        !self.is_tainted(domain)
            && (both(Trust::Initramfs) || rule.trust.contains(&Trust::Untainted) || listed())
    }

    fn is_vouched_script(&self, domain: &Domain, rule: &Rule) -> bool {
        self.attempt.object.script && rule.asks_trust() && self.is_trusted(domain, rule)
    }

    fn interprets_dropped(&self, domain: &Domain, rule: &Rule) -> bool {
        let attempt = self.attempt;
        if attempt.op == Op::Exec {
            // Start-up scripts of free processes may well pipe into a shell; what a free shell opens
            // for its standard input is judged as an open.
            return !domain.everyone && !attempt.via_script && self.reads_stdin();
        }
        let reader = [Program::Shell, Program::Scripting, Program::Filter, Program::Deputy]
            .iter()
            .any(|kind| self.mark.program.contains(kind));
        attempt.op == Op::Open
            && attempt.access.contains(&Access::Read)
            && reader
            && matches!(attempt.object.file_type(), FileType::Regular | FileType::Fifo)
            && (self.is_dropped(domain) || (rule.asks_trust() && !self.is_trusted(domain, rule)))
    }
}

impl Rule {
    /// Does it say what is trusted?
    #[must_use]
    pub fn asks_trust(&self) -> bool {
        !self.trust.is_empty() || self.trusted.is_some()
    }
}

/// Lists of paths do not judge what has no place in the tree.
fn has_place(object: &Object) -> bool {
    !object.unlinked && !matches!(object.file_type(), FileType::Fifo | FileType::Socket)
}

fn net_allows(net: &Net, bind: bool, attempt: &Attempt) -> bool {
    let (family, address) = normal_address(attempt);
    net.bind == bind
        && (net.family == 0 || net.family == family)
        && (net.protocol == 0 || net.protocol == attempt.protocol)
        && (net.low..=net.high).contains(&attempt.port)
        && same_prefix(&net.address, &address, net.prefix)
}

/// Family and address, IPv4 in the first four bytes; IPv4 in IPv6 is IPv4.
fn normal_address(attempt: &Attempt) -> (u8, Vec<u8>) {
    match attempt.address {
        Some(IpAddr::V6(six)) if attempt.family == 10 => match six.to_ipv4_mapped() {
            Some(four) => (2, four.octets().to_vec()),
            None => (10, six.octets().to_vec()),
        },
        Some(IpAddr::V6(six)) => (attempt.family, six.octets().to_vec()),
        Some(IpAddr::V4(four)) => {
            let mut bytes = four.octets().to_vec();
            bytes.resize(16, 0);
            (attempt.family, bytes)
        }
        None => (attempt.family, vec![0; 16]),
    }
}

fn same_prefix(left: &[u8; 16], right: &[u8], bits: u8) -> bool {
    left.iter().zip(right).enumerate().all(|(index, (left, right))| {
        let left_bits = usize::from(bits).saturating_sub(index * 8).min(8);
        let mask = (0xff00_u16 >> left_bits) as u8;
        (left ^ right) & mask == 0
    })
}

// SPDX-License-Identifier: Apache-2.0
//! Random policies and attempts that have something to say to each other: both are drawn from the
//! same few paths, names and ports.

use std::net::IpAddr;

use kakoi_policy::{
    Access, Attempt, Control, FileType, Mark, Mode, Object, Op, Program, Protect, Remote,
    StandardInput, Trust, Unknown, Xattr,
};
use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

const PATTERNS: &[&str] = &[
    "/bin/busybox",
    "/bin/sh",
    "sh",
    "busybox:sh",
    "busybox:wget",
    "busybox:w*",
    "/usr/**",
    "/usr/*/httpd",
    "/tmp/**",
    "/**/x",
    "/etc/config/**",
    "/www/cgi-bin/*",
    "/a?c",
    "/a*c/**/d",
    "telnetd",
    "busybox:telnetd",
    "/**",
];

const PATHS: &[&str] = &[
    "/bin/busybox",
    "/bin/sh",
    "/bin/bash",
    "/usr/sbin/httpd",
    "/usr/x",
    "/tmp",
    "/tmp/f",
    "/tmp/a/x",
    "/etc/config/a",
    "/etc/passwd",
    "/etc/inittab",
    "/www/cgi-bin/i.cgi",
    "/abc",
    "/abbc",
    "/axc/y/d",
    "/axc/d",
    "/usr/sbin/telnetd",
    "/",
    "/usr/bin/perl",
    "/usr/bin/awk",
    "/usr/sbin/crond",
    "/dev/mtd0",
    "/dev/mem",
    "/proc/sys/kernel/core_pattern",
    "/etc/kakoi/policy.kkb",
    "/bin/toybox",
    "/a//c",
    "relative",
    "",
];

const ARGUMENTS: &[&str] = &[
    "sh",
    "-sh",
    "/bin/sh",
    "busybox",
    "/bin/busybox",
    "busybox.nosuid",
    "wget",
    "awk",
    "perl",
    "-c",
    "-ec",
    "-s",
    "-",
    "--",
    "-o",
    "-x",
    "+x",
    "-f",
    "-e",
    "/tmp/f",
    "",
    "telnetd",
    "crond",
    "--posix",
    "toybox",
    "a/b/sh",
    "-l",
];

fn some<T: Clone + std::fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = Vec<T>> {
    let most = all.len();
    subsequence(all.to_vec(), 0..=most)
}

fn path() -> impl Strategy<Value = Option<String>> {
    let known = select(PATHS).prop_map(str::to_owned);
    let long = Just("/long".repeat(250));
    let odd = "/[ab/é*?]{0,12}";
    prop_oneof![8 => known.prop_map(Some), 1 => odd.prop_map(Some), 1 => Just(None), 1 => long.prop_map(Some)]
}

fn object() -> impl Strategy<Value = Object> {
    let flags = vec(any::<bool>(), 7);
    let mode = prop_oneof![Just(0o644), Just(0o755), Just(0o600), 0_u16..0o10000];
    (path(), mode, select(FileType::ALL), some(&Trust::ALL[..4]), flags).prop_map(
        |(path, mode, kind, trust, flags)| Object {
            path,
            mode: Mode(mode),
            kind: Some(kind),
            trust: trust.into_iter().collect(),
            tainted: flags[0],
            unlinked: flags[1],
            script: flags[2],
            exists: flags[3],
            proc_mem: flags[4],
            kernel_helper: flags[5],
            raw_device: flags[6],
        },
    )
}

fn address() -> impl Strategy<Value = Option<IpAddr>> {
    let texts = [
        "192.0.2.1",
        "192.0.2.200",
        "198.51.100.7",
        "2001:db8::1",
        "::ffff:192.0.2.9",
        "::",
        "127.0.0.1",
    ];
    option::of(select(texts.to_vec()).prop_map(|text| text.parse().unwrap()))
}

pub(crate) fn attempt() -> impl Strategy<Value = Attempt> {
    let argv = prop_oneof![
        9 => vec(select(ARGUMENTS).prop_map(str::to_owned), 0..6),
        1 => vec("[a-z/ -]{0,90}", 0..6),
    ];
    let exec = (argv, select(StandardInput::ALL), any::<bool>(), some(Remote::ALL));
    let file = (0_u16..0o10000, some(Access::ALL), option::of(select(Xattr::ALL)));
    let net = (
        select(&[1_u8, 2, 10, 16, 70][..]),
        select(&[0_u8, 6, 17][..]),
        select(&[0_u16, 53, 80, 4000][..]),
        address(),
    );
    let rest = (select(Protect::ALL), 0_u8..70, any::<bool>(), any::<bool>());
    let unknown = prop_oneof![3 => Just(Vec::new()), 1 => some(Unknown::ALL)];
    (select(Op::ALL), object(), object(), exec, file, net, rest, unknown).prop_map(
        |(
            op,
            object,
            target,
            (argv, stdin, via_script, remote),
            (mode, access, xattr),
            net,
            rest,
            unknown,
        )| Attempt {
            object,
            target,
            argv,
            stdin,
            via_script,
            remote: remote.into_iter().collect(),
            mode: Mode(mode),
            access: access.into_iter().collect(),
            xattr,
            protect: Some(rest.0),
            capability: rest.1,
            family: net.0,
            protocol: net.1,
            port: net.2,
            address: net.3,
            can_rewrite: rest.2,
            maintenance: rest.3,
            unknown: unknown.into_iter().collect(),
            ..Attempt::new(op)
        },
    )
}

pub(crate) fn mark() -> impl Strategy<Value = Mark> {
    let domains = || btree_set(0_usize..4, 0..4);
    (domains(), domains(), any::<bool>(), prop::bool::weighted(0.1), some(Program::ALL)).prop_map(
        |(domains, daemon, accepted, unknown, program)| Mark {
            domains,
            daemon,
            accepted,
            unknown,
            session: 3,
            program: program.into_iter().collect(),
        },
    )
}

fn patterns() -> impl Strategy<Value = String> {
    subsequence(PATTERNS.to_vec(), 0..5).prop_map(|list| format!("{list:?}"))
}

/// A rule as a policy writes it.
fn rule(control: Control) -> impl Strategy<Value = String> {
    let action = select(&["allow", "audit", "deny", "kill", "rewrite"][..]);
    let trusted =
        subsequence(vec!["rootfs", "verity", "digests", "initramfs", "untainted", "/usr/**"], 0..4);
    let kinds = subsequence(vec!["mount", "policy", "start-up", "device"], 0..4);
    (action, any::<bool>(), patterns(), trusted, any::<bool>(), kinds).prop_map(
        move |(action, audit, allow, trusted, flag, kinds)| {
            let action =
                if action == "rewrite" && control != Control::GrantExec { "deny" } else { action };
            let mut text = format!(
                "action = {action:?}, mode = {:?}",
                if audit { "audit" } else { "enforce" }
            );
            if flag && !matches!(control, Control::SelfProtect | Control::ExecMemory) {
                text.push_str(&format!(", allow = {allow}"));
            }
            match control {
                Control::ExecOutside | Control::ScriptExec | Control::InterpretDropped if flag => {
                    text.push_str(&format!(", trusted = {trusted:?}"));
                }
                Control::GrantExec => text.push_str(&format!(", directories = {flag}")),
                Control::SelfProtect => text.push_str(&format!(", except = {kinds:?}")),
                _ => {}
            }
            format!("{control} = {{ {text} }}\n")
        },
    )
}

fn rules() -> impl Strategy<Value = String> {
    let all = Control::ALL[..9]
        .iter()
        .map(|control| option::of(rule(*control)).boxed())
        .collect::<Vec<_>>();
    all.prop_map(|rules| rules.into_iter().flatten().collect())
}

fn lists() -> impl Strategy<Value = String> {
    let files =
        (patterns(), patterns(), patterns(), 0_u8..8).prop_map(|(read, write, forbid, which)| {
            let parts = [
                format!("read = {read}"),
                format!("write = {write}"),
                format!("forbid = {forbid}"),
            ];
            let parts: Vec<String> = parts
                .into_iter()
                .enumerate()
                .filter(|(bit, _)| which >> bit & 1 == 1)
                .map(|(_, part)| part)
                .collect();
            if parts.is_empty() {
                String::new()
            } else {
                format!("files = {{ {} }}\n", parts.join(", "))
            }
        });
    let exec = option::of((patterns(), patterns())).prop_map(|lists| {
        lists.map_or(String::new(), |(allow, forbid)| {
            format!("exec = {{ allow = {allow}, forbid = {forbid} }}\n")
        })
    });
    let nets =
        ["tcp:80", "udp:53@192.0.2.0/25", "any:*@2001:db8::/32", "tcp:1-60", "any:4000@192.0.2.9"];
    let network = option::of((subsequence(nets.to_vec(), 0..4), subsequence(nets.to_vec(), 0..4))).prop_map(|lists| {
        let line = |(bind, connect)| format!("network = {{ bind = {bind:?}, connect = {connect:?}, families = [\"inet\"] }}\n");
        lists.map_or(String::new(), line)
    });
    let capabilities = any::<bool>()
        .prop_map(|some| if some { "capabilities = [\"kill\", \"bpf\"]\n" } else { "" }.to_owned());
    (files, exec, network, capabilities).prop_map(|(a, b, c, d)| [a, b, c, d].concat())
}

fn domain(name: &'static str) -> impl Strategy<Value = String> {
    let enter = prop_oneof![
        patterns().prop_map(|list| format!(
            "enter.descends-from = {list}\nenter.remote-login = [\"pty\"]\n"
        )),
        patterns().prop_map(|list| format!("enter.exec = {list}\n")),
        patterns().prop_map(|list| format!(
            "enter.exec = {list}\nenter.parent = [\"d0\", \"d9\"]\nenter.replaces = \"d9\"\n"
        )),
        Just("enter.parent = \"d0\"\n".to_owned()),
    ];
    (enter, rules(), lists(), option::of(any::<bool>())).prop_map(
        move |(enter, rules, lists, taint)| {
            let taint = taint.map_or(String::new(), |taint| format!("taint = {taint}\n"));
            format!("[domain.{name}]\n{enter}{taint}{rules}{lists}")
        },
    )
}

/// The text of a policy with the domains d0 to d2 and d9, and rules for everyone.
pub(crate) fn policy() -> impl Strategy<Value = String> {
    let first = (rules(), patterns()).prop_map(|(rules, list)| {
        format!(
            "[domain.d0]\nenter = {{ descends-from = {list}, remote-login = \"socket\" }}\n{rules}"
        )
    });
    let last = patterns()
        .prop_map(|list| format!("[domain.d9]\nenter.exec = {list}\nwrite-exec = \"deny\"\n"));
    let provenance = option::of((rule(Control::RunDropped), rule(Control::InterpretDropped)))
        .prop_map(|rules| {
            rules.map_or(String::new(), |(run, read)| format!("[provenance]\n{run}{read}"))
        });
    let lifts = option::of(subsequence(
        vec!["shell-start", "grant-exec", "run-dropped", "files.write"],
        1..4,
    ));
    let granted = lifts.prop_map(|lifts| {
        lifts.map_or(String::new(), |lifts| {
            format!("[override]\nlifts = {lifts:?}\nauthority = \"console\"\n")
        })
    });
    let mode =
        prop::bool::weighted(0.1).prop_map(|audit| if audit { "mode = \"audit\"\n" } else { "" });
    (mode, first, domain("d1"), domain("d2"), last, provenance, granted)
        .prop_map(|(mode, a, b, c, d, e, f)| format!("kakoi = 1\n{mode}{a}{b}{c}{d}{e}{f}"))
}

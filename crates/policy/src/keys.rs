// SPDX-License-Identifier: Apache-2.0
//! Every key of the language, once: the reader's suggestions, the JSON schema and the reference in
//! docs/ are made from this table.

/// What a key holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// The number of the language.
    Version,
    /// A text.
    Text,
    /// A whole number from 1 to this.
    Number(u32),
    /// Yes or no.
    Flag,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A list of these words.
    Words(&'static [&'static str]),
    /// Patterns of paths, program names and applets; one may stand without brackets.
    Patterns,
    /// Words and patterns of paths.
    Trusted,
    /// An action, or the table `rule`.
    Rule,
    /// A list of addresses.
    Addresses,
    /// Names of domains; one may stand without brackets.
    Domains,
    /// A list of texts.
    Texts,
    /// A table of this name.
    Table(&'static str),
    /// A list of patterns, or the table of this name.
    PatternsOr(&'static str),
    /// A list of words, or the table of this name.
    WordsOr(&'static str),
    /// A table of tables of this name.
    Each(&'static str),
}

/// One key.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// The table that it stands in.
    pub table: &'static str,
    /// The key.
    pub name: &'static str,
    /// What it holds.
    pub shape: Shape,
    /// What it does, in one sentence.
    pub doc: &'static str,
}

const ACTIONS: &[&str] = &["allow", "audit", "deny", "kill"];
const ALL_ACTIONS: &[&str] = &["allow", "audit", "rewrite", "deny", "kill"];
const MODES: &[&str] = &["enforce", "audit"];
const ERRNOS: &[&str] =
    &["EPERM", "ENOENT", "EIO", "ENOEXEC", "EACCES", "EBUSY", "EINVAL", "EROFS"];
const REMOTES: &[&str] = &["pty", "socket"];
/// Words for what self-protection covers.
pub const PROTECTS: &[&str] = &[
    "module",
    "bpf",
    "ptrace",
    "signal",
    "mount",
    "device",
    "kernel-helper",
    "kexec",
    "reboot",
    "policy",
    "log",
    "namespace",
    "memory",
    "start-up",
];

const fn key(table: &'static str, name: &'static str, shape: Shape, doc: &'static str) -> Key {
    Key { table, name, shape, doc }
}

/// The table, in the order of the reference.
pub const KEYS: &[Key] = &[
    key("policy", "kakoi", Shape::Version, "version of the language: 1; must be there"),
    key("policy", "name", Shape::Text, "name of the policy, for people"),
    key(
        "policy",
        "mode",
        Shape::Word(MODES),
        "`audit` logs only, whatever the rules say; default `enforce`",
    ),
    key(
        "policy",
        "programs",
        Shape::Table("programs"),
        "programs that the built-in lists do not know",
    ),
    key(
        "policy",
        "provenance",
        Shape::Table("provenance"),
        "what every process on the device may do with dropped content",
    ),
    key(
        "policy",
        "protect",
        Shape::Table("protect"),
        "files and processes that self-protection covers beside the built-in ones",
    ),
    key(
        "policy",
        "override",
        Shape::Table("override"),
        "what authorised maintenance may lift; without it nothing can be lifted",
    ),
    key("policy", "domain", Shape::Each("domain"), "the domains, by name"),
    key(
        "programs",
        "shells",
        Shape::Patterns,
        "programs that take commands from `-c`, a file or standard input",
    ),
    key("programs", "interpreters", Shape::Patterns, "scripting languages"),
    key(
        "programs",
        "filters",
        Shape::Patterns,
        "programs like awk and sed, with the program in `-f` or the first operand",
    ),
    key(
        "programs",
        "multi-call",
        Shape::Patterns,
        "programs that are many, by the name they are called with",
    ),
    key(
        "programs",
        "deputies",
        Shape::Patterns,
        "programs that run what files tell them, like crond",
    ),
    key(
        "provenance",
        "run-dropped",
        Shape::Rule,
        "any process running or mapping what a held process wrote",
    ),
    key(
        "provenance",
        "interpret-dropped",
        Shape::Rule,
        "any shell, scripting language, awk or cron reading what a held process wrote",
    ),
    key("protect", "files", Shape::Patterns, "the guard's own files: changing them is `policy`"),
    key(
        "protect",
        "start-up",
        Shape::Patterns,
        "files that tell others what to run: changing them is `start-up`",
    ),
    key("protect", "devices", Shape::Patterns, "raw devices: writing them is `device`"),
    key(
        "protect",
        "processes",
        Shape::Patterns,
        "processes that held ones may not signal or trace",
    ),
    key(
        "override",
        "lifts",
        Shape::Texts,
        "controls that an override lifts, or `\"all\"`; self-protection is never lifted",
    ),
    key("override", "domains", Shape::Domains, "domains in which; default: all sessions"),
    key("override", "minutes", Shape::Number(1440), "longest time; default 30"),
    key(
        "override",
        "authority",
        Shape::Texts,
        "who may grant it, from outside any session: `\"console\"`, or `\"key:…\"` with an Ed25519 public key in hexadecimal",
    ),
    key("domain", "description", Shape::Text, "what the domain is for"),
    key("domain", "enter", Shape::Table("enter"), "who is in it; must be there"),
    key("domain", "shell-start", Shape::Rule, "running a shell (stage S1)"),
    key(
        "domain",
        "script-exec",
        Shape::Rule,
        "running a script, by `#!`, as operand of a shell, or on its standard input (S6a)",
    ),
    key(
        "domain",
        "grant-exec",
        Shape::Rule,
        "giving a file execute, set-user-ID or set-group-ID bits or capabilities (S5)",
    ),
    key(
        "domain",
        "write-exec",
        Shape::Rule,
        "writing to, truncating, replacing or linking an executable (S5)",
    ),
    key(
        "domain",
        "exec-outside",
        Shape::Rule,
        "running or mapping executable what is not trusted content (S6b)",
    ),
    key(
        "domain",
        "run-dropped",
        Shape::Rule,
        "running or mapping executable what a held process wrote (S6b)",
    ),
    key(
        "domain",
        "interpret-dropped",
        Shape::Rule,
        "a shell or scripting language reading what a held process wrote, or taking its code from a file or pipe on standard input (S6a)",
    ),
    key(
        "domain",
        "exec-memory",
        Shape::Rule,
        "making memory without a file executable; breaks just-in-time compilers",
    ),
    key(
        "domain",
        "self-protect",
        Shape::Rule,
        "what would end the guard; default `deny` for sessions",
    ),
    key(
        "domain",
        "taint",
        Shape::Flag,
        "what members write is dropped content; default: yes for sessions",
    ),
    key("domain", "files", Shape::Table("files"), "files by path"),
    key("domain", "exec", Shape::PatternsOr("exec"), "programs that may be run; nothing else"),
    key("domain", "network", Shape::Table("network"), "addresses"),
    key(
        "domain",
        "capabilities",
        Shape::WordsOr("capabilities"),
        "capabilities that may be used; no other",
    ),
    key(
        "domain",
        "syscalls",
        Shape::Table("syscalls"),
        "profile of system calls, attached as a seccomp filter at exec",
    ),
    key(
        "enter",
        "descends-from",
        Shape::Patterns,
        "login daemons: their sessions are in the domain and never leave it",
    ),
    key(
        "enter",
        "remote-login",
        Shape::Words(REMOTES),
        "what looks like a remote session, without configuration: `pty`, `socket`",
    ),
    key("enter", "exec", Shape::Patterns, "programs that are in it when they are run"),
    key(
        "enter",
        "parent",
        Shape::Domains,
        "only when run from one of these; without `exec`: whatever these run",
    ),
    key(
        "enter",
        "replaces",
        Shape::Domains,
        "domains that are left for it; a session is never left",
    ),
    key(
        "rule",
        "action",
        Shape::Word(ALL_ACTIONS),
        "what to do; `rewrite` only for grant-exec, and where a backend cannot, it denies",
    ),
    key(
        "rule",
        "mode",
        Shape::Word(MODES),
        "`audit` logs what would have been done; default `enforce`",
    ),
    key(
        "rule",
        "errno",
        Shape::Word(ERRNOS),
        "what a refused call returns; default EPERM, for running programs EACCES",
    ),
    key("rule", "allow", Shape::Patterns, "what it does not judge"),
    key(
        "rule",
        "trusted",
        Shape::Trusted,
        "content that counts as trusted: `rootfs`, `verity`, `digests`, `initramfs`, `untainted`, or paths",
    ),
    key("rule", "directories", Shape::Flag, "grant-exec: the x bits of directories too"),
    key("rule", "except", Shape::Words(PROTECTS), "self-protect: kinds that it does not cover"),
    key("files", "read", Shape::Patterns, "files and directories that may be read; no others"),
    key("files", "write", Shape::Patterns, "files and directories that may be changed; no others"),
    key("files", "forbid", Shape::Patterns, "files that may not be touched at all"),
    key("files", "action", Shape::Word(ACTIONS), "what to do; default `deny`"),
    key("files", "mode", Shape::Word(MODES), "`audit` logs what would have been done"),
    key("files", "errno", Shape::Word(ERRNOS), "what a refused call returns; default EACCES"),
    key("exec", "allow", Shape::Patterns, "programs that may be run; no others"),
    key("exec", "forbid", Shape::Patterns, "programs that may not be run"),
    key("exec", "action", Shape::Word(ACTIONS), "what to do; default `deny`"),
    key("exec", "mode", Shape::Word(MODES), "`audit` logs what would have been done"),
    key("exec", "errno", Shape::Word(ERRNOS), "what a refused call returns; default EACCES"),
    key(
        "network",
        "bind",
        Shape::Addresses,
        "`tcp:80`, `udp:1024-65535`, `any:53@192.0.2.0/24`: what may be bound; nothing else",
    ),
    key("network", "connect", Shape::Addresses, "what may be connected to; nothing else"),
    key(
        "network",
        "families",
        Shape::Texts,
        "address families that may be used: unix, inet, inet6, netlink, packet, …; no others",
    ),
    key("network", "action", Shape::Word(ACTIONS), "what to do; default `deny`"),
    key("network", "mode", Shape::Word(MODES), "`audit` logs what would have been done"),
    key("network", "errno", Shape::Word(ERRNOS), "what a refused call returns; default EACCES"),
    key("capabilities", "allow", Shape::Texts, "capabilities that may be used; no others"),
    key("capabilities", "action", Shape::Word(ACTIONS), "what to do; default `deny`"),
    key("capabilities", "mode", Shape::Word(MODES), "`audit` logs what would have been done"),
    key("capabilities", "errno", Shape::Word(ERRNOS), "what a refused call returns; default EPERM"),
    key(
        "syscalls",
        "profile",
        Shape::Text,
        "file with the profile, beside the policy; must be there",
    ),
    key(
        "syscalls",
        "action",
        Shape::Word(&["errno", "kill", "log"]),
        "what the filter does; default `errno`",
    ),
];

/// Keys of one table.
pub fn of(table: &str) -> impl Iterator<Item = &'static Key> {
    KEYS.iter().filter(move |key| key.table == table)
}

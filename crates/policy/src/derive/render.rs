// SPDX-License-Identifier: Apache-2.0
//! A derived policy as text: every line with where it is known from.

use std::fmt::Write;

use super::{Derived, Known, Line, Lines, Service};
use crate::pattern::Pattern;

/// Does it enforce, or only log?
const HEAD: &str = "# SPDX-License-Identifier: Apache-2.0\n";

/// The policy. Each allowed line ends in its evidence: `static`, `observed` or `both`, and the place.
#[must_use]
pub fn render(derived: &Derived) -> String {
    let mut text = String::from(HEAD);
    let [fixed, observed, both] = derived.shares();
    let mut line = |line: String| {
        let _ = writeln!(text, "{line}");
    };
    line(format!("# Derived by kakoi from {}.", comment(&derived.image)));
    line(format!(
        "# {} services; {} lines: {fixed} static, {observed} observed, {both} both.",
        derived.services.len(),
        fixed + observed + both
    ));
    derived.left_out.iter().for_each(|why| line(format!("# Without a domain: {}", comment(why))));
    line("kakoi = 1".to_owned());
    line(format!("name = {}", quoted(&comment(&derived.image))));
    line(String::new());
    text.push_str(&session(derived));
    for service in &derived.services {
        text.push_str(&domain(derived, service));
    }
    text.push_str("\n[provenance]\nrun-dropped = \"deny\"\ninterpret-dropped = \"deny\"\n");
    text
}

fn trusted(derived: &Derived) -> &'static str {
    if derived.writable {
        "[\"rootfs\", \"verity\", \"untainted\"]"
    } else {
        "[\"rootfs\", \"verity\"]"
    }
}

/// Whoever logs in: Table 2 of the research, and the ways around it.
fn session(derived: &Derived) -> String {
    let mut daemons: Vec<String> =
        ["telnetd", "utelnetd", "dropbear", "sshd", "busybox:telnetd"].map(str::to_owned).to_vec();
    daemons.extend(
        derived.logins.iter().filter(|name| !daemons.contains(name)).cloned().collect::<Vec<_>>(),
    );
    let names: Vec<String> = daemons.iter().map(|name| quoted(name)).collect();
    let found = match derived.logins.is_empty() {
        true => "none starts in this image by itself".to_owned(),
        false => format!("in this image: {}", derived.logins.join(", ")),
    };
    let trusted = trusted(derived);
    format!(
        "[domain.remote-session]\ndescription = \"whatever descends from a remote login\"\n\
         enter.descends-from = [{}] # {found}\n\
         # Not `socket`: programs of web pages may have the connection for their standard output.\n\
         enter.remote-login = [\"pty\"]\n\
         shell-start = \"deny\"\nscript-exec = \"deny\"\n\
         grant-exec = {{ action = \"rewrite\", errno = \"EPERM\" }}\nwrite-exec = \"deny\"\n\
         exec-outside = {{ action = \"deny\", trusted = {trusted} }}\ninterpret-dropped = \"deny\"\n",
        names.join(", "),
    )
}

fn domain(derived: &Derived, service: &Service) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "\n[domain.{}]", service.name);
    let _ = writeln!(text, "# {}", comment(&service.start));
    for gap in &service.gaps {
        let _ = writeln!(text, "# Not told: {}", comment(gap));
    }
    let others: Vec<String> = derived
        .services
        .iter()
        .filter(|other| other.name != service.name && other.exec.contains_key(&service.enter))
        .map(|other| quoted(&other.name))
        .collect();
    let _ = writeln!(text, "enter.exec = {}", quoted(&service.enter));
    if !others.is_empty() {
        let _ =
            writeln!(text, "enter.replaces = [{}] # these may start it anew", others.join(", "));
    }
    list(&mut text, "files.read", &service.read);
    list(&mut text, "files.write", &service.write);
    list(&mut text, "exec", &service.exec);
    list(&mut text, "network.bind", &service.bind);
    list(&mut text, "network.connect", &service.connect);
    list(&mut text, "network.families", &service.families);
    list(&mut text, "capabilities", &service.capabilities);
    if let Some((file, calls, unresolved)) = &service.syscalls {
        let _ = writeln!(
            text,
            "syscalls = {{ profile = {} }} # {calls} calls, {unresolved} places not resolved",
            quoted(file)
        );
    }
    if service.dropped.is_empty() {
        let _ = writeln!(
            text,
            "exec-outside = {{ action = \"deny\", trusted = {} }}",
            trusted(derived)
        );
    } else {
        let _ = writeln!(text, "exec-outside.action = \"deny\"");
        let _ = writeln!(text, "exec-outside.trusted = {}", trusted(derived));
        list(&mut text, "exec-outside.allow", &service.dropped);
    }
    text
}

/// A list with one item a line. What the language cannot write is left out, and that is said.
fn list(text: &mut String, key: &str, lines: &Lines) {
    if lines.is_empty() {
        let _ = writeln!(text, "{key} = []");
        return;
    }
    let _ = writeln!(text, "{key} = [");
    for (what, line) in lines {
        let what = &writable(key, what);
        let pattern = key.starts_with("files") || key.starts_with("exec");
        if pattern && let Err(why) = Pattern::parse(what) {
            let _ = writeln!(text, "    # {}: {}", comment(&why), comment(what));
            continue;
        }
        let _ = writeln!(text, "    {}, # {}", quoted(what), words(line));
    }
    let _ = writeln!(text, "]");
}

/// Letters that mean something else in patterns are matched by `?`: `/usr/bin/[` is `/usr/bin/?`.
fn writable(key: &str, what: &str) -> String {
    if !(key.starts_with("files") || key.starts_with("exec")) {
        return what.to_owned();
    }
    what.chars().map(|c| if "[]{}\\\"'".contains(c) || c.is_control() { '?' } else { c }).collect()
}

fn words(line: &Line) -> String {
    let known = match line.known {
        Known::Static => "static",
        Known::Observed => "observed",
        Known::Both => "both",
    };
    format!("{known}: {}", comment(&line.evidence))
}

/// Text of the image in a comment: one line, no control characters.
fn comment(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(160).collect()
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

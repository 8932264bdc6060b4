// SPDX-License-Identifier: Apache-2.0
//! Refusals, as each defence writes them down: kakoi's events, the kernel's audit lines (security/lsm_audit.c), TOMOYO's
//! own log (security/tomoyo/audit.c).

use serde::Deserialize;

use crate::defence::Defence;

/// One refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// In a session, or in the server that has holes?
    pub(crate) of_intruder: bool,
    /// What refused.
    pub(crate) control: String,
    /// Who was refused what.
    pub(crate) words: String,
}

#[derive(Deserialize)]
struct Event {
    #[serde(default)]
    domain: String,
    #[serde(default)]
    comm: String,
    control: String,
    verdict: String,
    #[serde(default)]
    path: String,
    #[serde(default)]
    target: String,
    #[serde(default)]
    capability: Option<u32>,
    #[serde(default)]
    port: Option<u16>,
}

/// Domain of the server that has holes.
pub const FIXTURE: &str = "arena-cgi";
const INTRUDERS: &[&str] = &["remote-session", FIXTURE];

/// Of an event of kakoi.
pub(crate) fn of_event(text: &str) -> Option<Refusal> {
    let event: Event = serde_json::from_str(text).ok()?;
    if !matches!(event.verdict.as_str(), "deny" | "kill" | "rewrite") {
        return None;
    }
    let target = if event.target.is_empty() { String::new() } else { format!(" {}", event.target) };
    let number = match (event.capability, event.port) {
        (Some(capability), _) => format!("number {capability}"),
        (None, Some(port)) => format!("port {port}"),
        (None, None) => String::new(),
    };
    let what = format!("{}{number}{target}", event.path);
    Some(Refusal {
        of_intruder: INTRUDERS.contains(&event.domain.as_str()),
        words: format!("{} {} {what} ({})", event.domain, event.control, event.comm),
        control: event.control,
    })
}

/// What says that a process descends from the login daemon, or is the server that has holes.
const MARKS: &[&str] = &[
    "profile=\"session\"",
    "profile=\"cgid\"",
    ":session_t",
    ":cgid_t",
    "subject=\"Session\"",
    "subject=\"Cgid\"",
    "<kernel> /kakoi/telnetd",
    "<kernel> /kakoi/cgid",
];

/// Of a line of another defence.
pub(crate) fn of_others(defence: Defence, text: &str) -> Option<Refusal> {
    // TOMOYO writes down a domain that comes into being, too.
    if text.contains("wants=\"use_") {
        return None;
    }
    let control = match defence {
        Defence::Tomoyo => after(text, "wants=\"")
            .map(|wish| wish.split(' ').take(2).collect::<Vec<_>>().join(" ")),
        Defence::Selinux => between(text, "{ ", " }").map(str::to_owned),
        Defence::Apparmor => between(text, "operation=\"", "\"").map(str::to_owned),
        Defence::Smack => {
            between(text, "requested=", " ").map(|letters| format!("access {letters}"))
        }
        _ => None,
    };
    let control = control.unwrap_or_else(|| "refused".to_owned());
    Some(Refusal {
        of_intruder: MARKS.iter().any(|mark| text.contains(mark)),
        control: format!("{}: {control}", defence.as_str()),
        words: text.split(' ').filter(|word| !is_number(word)).collect::<Vec<_>>().join(" "),
    })
}

/// Numbers of processes, files and moments differ each time.
fn is_number(word: &str) -> bool {
    ["pid=", "ppid=", "ino=", "audit(", "type=", "audit:"]
        .iter()
        .any(|begin| word.starts_with(begin))
}

fn after<'a>(text: &'a str, begin: &str) -> Option<&'a str> {
    text.split_once(begin).map(|(_, rest)| rest)
}

fn between<'a>(text: &'a str, begin: &str, end: &str) -> Option<&'a str> {
    after(text, begin)?.split_once(end).map(|(inside, _)| inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_each_defence_name_who_was_refused_and_what() {
        let lines = [
            (
                Defence::Apparmor,
                "audit: type=1400 audit(1.2:3): apparmor=\"DENIED\" operation=\"exec\" profile=\"session\" name=\"/tmp/d\" pid=9 comm=\"sh\"",
                true,
                "apparmor: exec",
            ),
            (
                Defence::Selinux,
                "audit: type=1400 audit(1.2:3): avc:  denied  { execute } for  pid=9 comm=\"sh\" scontext=u:r:session_t tcontext=u:object_r:memory_t tclass=file permissive=0",
                true,
                "selinux: execute",
            ),
            (
                Defence::Tomoyo,
                "tomoyo domain=\"<kernel> /sbin/init /usr/sbin/httpd\" wants=\"file read /www/index.html\"",
                false,
                "tomoyo: file read",
            ),
        ];
        for (defence, line, of_intruder, control) in lines {
            let found = of_others(defence, line).unwrap();
            assert_eq!((found.of_intruder, found.control.as_str()), (of_intruder, control));
            assert!(!found.words.contains("pid="), "{}", found.words);
        }
    }

    #[test]
    fn what_was_only_noted_is_no_refusal() {
        assert_eq!(of_event(r#"{"control":"shell-start","verdict":"audit"}"#), None);
        assert_eq!(of_event("nonsense"), None);
    }
}

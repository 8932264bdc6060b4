// SPDX-License-Identifier: Apache-2.0
//! Syslog (RFC 5424): a line for each event but calls, which are too many; those that are a stage are told.

use kakoi_model::{Action, Event};

/// `local0` (16), and a severity.
const fn priority(severity: u8) -> u8 {
    16 * 8 + severity
}

/// One message without a line end; none for what is not told. `host` is the name of the sensor.
#[must_use]
pub fn render_syslog(event: &Event, host: &str) -> Option<String> {
    let (severity, kind, text) = match &event.action {
        Action::SessionStart(start) => {
            let peer = start.peer.as_deref().unwrap_or("-");
            (5, "session-start", format!("{} from {peer}", start.entry))
        }
        Action::Login { user, password, admitted } => {
            let outcome = if *admitted { "let in" } else { "refused" };
            (5, "login", format!("{user} / {password}: {outcome}"))
        }
        Action::Input { input } => (5, "input", input.clone()),
        Action::Call(call) if event.stage.is_some() => (6, "call", call.call.clone()),
        Action::Asked { service, asked } => (5, "asked", format!("{service}: {asked}")),
        Action::Sample { path, sha256, size } => {
            (4, "sample", format!("{path}, {size} bytes, SHA-256 {sha256}"))
        }
        Action::SessionEnd { lost } => (5, "session-end", format!("{lost} events lost")),
        Action::Call(_) | Action::Hook { .. } => return None,
    };
    let mut data = String::from("[kakoi@32473");
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            data += &format!(" {name}=\"{}\"", escaped(&value));
        }
    };
    add("session", event.session.clone());
    add("line", event.line.map(|line| line.to_string()));
    add("stage", event.stage.map(|stage| stage.to_string()));
    data.push(']');
    let host: String = host.chars().filter(|letter| letter.is_ascii_graphic()).take(255).collect();
    let host = if host.is_empty() { "-" } else { &host };
    let text: String =
        text.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect();
    // RFC 5424 has microseconds at most.
    let time = kakoi_model::Timestamp(event.time.0 - event.time.0.rem_euclid(1000));
    Some(format!("<{}>1 {time} {host} kakoi - {kind} {data} \u{feff}{text}", priority(severity)))
}

/// Section 6.3.3: quotes, backslashes and closing brackets.
fn escaped(value: &str) -> String {
    let mut text = String::new();
    for letter in value.chars() {
        if matches!(letter, '"' | '\\' | ']') {
            text.push('\\');
        }
        text.push(if letter.is_control() { '\u{fffd}' } else { letter });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_an_intruder_begins_a_message_or_ends_a_field() {
        let mut events = crate::export::tests::session();
        events[3].session = Some("a\"]\n".to_owned());
        let lines: Vec<String> =
            events.iter().filter_map(|event| render_syslog(event, "sensor 1")).collect();
        assert_eq!(lines.len(), 8);
        assert!(lines.iter().all(|line| !line.contains('\n')));
        assert_eq!(
            lines[3],
            "<133>1 2023-11-14T22:13:23Z sensor1 kakoi - input [kakoi@32473 session=\"a\\\"\\]\u{fffd}\" line=\"1\"] \u{feff}wget http://h/x\u{fffd}"
        );
        assert!(lines[4].contains("stage=\"S4a\"") && lines[4].starts_with("<134>1 "));
    }
}

// SPDX-License-Identifier: Apache-2.0
//! Programs whose purpose is to start another: `nohup`, `start-stop-daemon`, `su`, `sh -c`, …

use super::shell::Text;

/// What a wrapper starts.
pub(super) enum Inner {
    /// A command.
    Command { words: Vec<Text>, user: Option<String>, service: bool },
    /// Shell code.
    Code { text: Text, user: Option<String>, arguments: Vec<Text> },
    /// A shell script, named as an argument of a shell.
    Script { words: Vec<Text> },
    /// Every program of a directory.
    Directory { path: String, arguments: Vec<Text> },
    /// Nothing: it stops something, or lists.
    Nothing,
}

impl Inner {
    /// A shell that reads a script or code is told by that; any other wrapper is a program that
    /// runs in its own right.
    pub(super) fn is_program_of_note(&self) -> bool {
        !matches!(self, Self::Script { .. } | Self::Code { .. })
    }
}

/// What `name` starts with these arguments; none when it is no wrapper.
pub(super) fn unwrap(name: &str, arguments: &[Text]) -> Option<Inner> {
    let command = |from: usize| {
        let words = arguments.get(from..).unwrap_or_default().to_vec();
        (!words.is_empty()).then_some(Inner::Command { words, user: None, service: false })
    };
    match name {
        "nohup" | "setsid" | "time" | "catchsegv" | "strace" => command(skip(arguments, &[])),
        "nice" | "ionice" | "stdbuf" | "chrt" => {
            command(skip(arguments, &["-n", "-c", "-p", "-o", "-i", "-e"]))
        }
        "cgexec" | "softlimit" | "ujail" | "xargs" | "daemonize" => {
            command(skip(arguments, &["-g", "-n", "-S", "-C", "-u", "-p", "-I", "-c", "-e", "-o"]))
        }
        "env" => {
            let mut at = skip(arguments, &["-u"]);
            while arguments.get(at).is_some_and(|word| word.text.contains('=')) {
                at += 1;
            }
            command(at)
        }
        "timeout" => {
            let old_style = arguments.iter().take(4).any(|word| word.value() == Some("-t"));
            let at = skip(arguments, &["-t", "-s", "-k"]);
            command(at + usize::from(!old_style))
        }
        "taskset" | "chroot" | "flock" => command(skip(arguments, &["-u", "-g", "-w", "-s"]) + 1),
        "busybox" | "toybox" => command(skip(arguments, &[])),
        "setuidgid" | "chpst" | "sudo" | "runuser" | "gosu" | "su-exec" => of_user(name, arguments),
        "su" => of_su(arguments),
        "sh" | "ash" | "bash" | "dash" | "hush" => of_shell(arguments),
        "start-stop-daemon" => Some(of_start_stop_daemon(arguments)),
        "service" | "invoke-rc.d" | "rc-service" => {
            let mut words = arguments.get(skip(arguments, &[])..).unwrap_or_default().to_vec();
            let script = words.first_mut()?;
            script.text = format!("/etc/init.d/{}", script.text);
            Some(Inner::Command { words, user: None, service: false })
        }
        "run-parts" => {
            let at = skip(arguments, &["-a", "-u"]);
            let path = arguments.get(at)?.value()?.to_owned();
            let passed = arguments.windows(2).filter(|pair| pair[0].value() == Some("-a"));
            Some(Inner::Directory { path, arguments: passed.map(|pair| pair[1].clone()).collect() })
        }
        "switch_root" | "run-init" => command(skip(arguments, &["-c"]) + 1),
        _ => None,
    }
}

/// The first argument that is no option; `valued` are options with a value of their own.
fn skip(arguments: &[Text], valued: &[&str]) -> usize {
    let mut at = 0;
    while let Some(word) = arguments.get(at) {
        let text = word.text.as_str();
        if text == "--" {
            return at + 1;
        }
        if !text.starts_with('-') || text == "-" {
            break;
        }
        at += 1 + usize::from(valued.contains(&text));
    }
    at.min(arguments.len())
}

fn of_user(name: &str, arguments: &[Text]) -> Option<Inner> {
    let mut at = skip(arguments, &["-u", "-g", "-U", "-e", "-n", "-l", "-m", "-o", "-p"]);
    let user = match name {
        "setuidgid" | "gosu" | "su-exec" => {
            at += 1;
            arguments.get(at - 1).cloned()
        }
        _ => {
            let pair = arguments.windows(2).take(at).find(|pair| pair[0].value() == Some("-u"));
            pair.map(|pair| pair[1].clone())
        }
    };
    let user = user.map(|user| user.text.split(':').next().unwrap_or_default().to_owned());
    let words = arguments.get(at..).unwrap_or_default().to_vec();
    (!words.is_empty()).then_some(Inner::Command { words, user, service: false })
}

fn of_su(arguments: &[Text]) -> Option<Inner> {
    let (mut user, mut code) = (None, None);
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        match word.text.as_str() {
            "-c" | "--command" => code = words.next().cloned(),
            "-s" | "--shell" | "-g" => drop(words.next()),
            "-" | "-l" | "-m" | "-p" | "--login" => {}
            name if !name.starts_with('-') && user.is_none() => user = Some(name.to_owned()),
            _ => {}
        }
    }
    let user = user.or_else(|| Some("root".to_owned()));
    Some(Inner::Code { text: code?, user, arguments: Vec::new() })
}

fn of_shell(arguments: &[Text]) -> Option<Inner> {
    let mut at = 0;
    while let Some(word) = arguments.get(at) {
        let text = word.text.as_str();
        if !text.starts_with(['-', '+']) || text == "-" || text == "--" {
            break;
        }
        if text.starts_with('-') && text.contains('c') && !text.starts_with("--") {
            let text = arguments.get(at + 1)?.clone();
            let arguments = arguments.get(at + 3..).unwrap_or_default().to_vec();
            return Some(Inner::Code { text, user: None, arguments });
        }
        at += 1 + usize::from(text == "-o");
    }
    let words = arguments.get(at..).unwrap_or_default().to_vec();
    (!words.is_empty()).then_some(Inner::Script { words })
}

fn of_start_stop_daemon(arguments: &[Text]) -> Inner {
    let (mut program, mut user, mut starts) = (None, None, false);
    let mut rest = Vec::new();
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let text = word.text.as_str();
        let (option, attached) = match text.split_once('=') {
            Some((option, value)) if option.starts_with("--") => (option, Some(value)),
            _ => (text, None),
        };
        let mut value = || match attached {
            Some(value) => Some(Text { text: value.to_owned(), known: word.known }),
            None => words.next().cloned(),
        };
        match option {
            "-S" | "--start" => starts = true,
            "-K" | "--stop" => return Inner::Nothing,
            "-x" | "--exec" => program = program.or_else(&mut value),
            "-a" | "--startas" => program = value().or(program),
            "-c" | "--chuid" | "-u" | "--user" => user = value().or(user),
            "-p" | "--pidfile" | "-n" | "--name" | "-N" | "--nicelevel" | "-d" | "--chdir"
            | "-r" | "--chroot" | "-g" | "--group" | "-R" | "--retry" | "-s" | "--signal"
            | "-k" | "--umask" | "-I" | "--iosched" | "-P" | "--procsched" => drop(value()),
            "--" => {
                rest.extend(words.by_ref().cloned());
                break;
            }
            bundle if is_bundle(bundle) => {
                if bundle.contains('K') {
                    return Inner::Nothing;
                }
                starts |= bundle.contains('S');
                if bundle.ends_with('x') {
                    program = program.or_else(&mut value);
                } else if bundle.ends_with(['p', 'n', 'c', 'N']) {
                    let value = value();
                    user = if bundle.ends_with('c') { value.or(user) } else { user };
                }
            }
            option if option.starts_with('-') => {}
            _ => rest.push(word.clone()),
        }
    }
    let Some(program) = program.filter(|_| starts) else { return Inner::Nothing };
    let user = user.map(|user| user.text.split(':').next().unwrap_or_default().to_owned());
    let words = std::iter::once(program).chain(rest).collect();
    Inner::Command { words, user, service: true }
}

/// Short options in one word: `-Sbx`.
fn is_bundle(option: &str) -> bool {
    option.len() > 2 && option.starts_with('-') && !option.starts_with("--")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inner(line: &str) -> Option<(String, Option<String>, bool)> {
        let words: Vec<Text> = line.split(' ').map(Text::known).collect();
        match unwrap(&words[0].text, &words[1..])? {
            Inner::Command { words, user, service } => {
                let words: Vec<_> = words.into_iter().map(|word| word.text).collect();
                Some((words.join(" "), user, service))
            }
            Inner::Code { text, user, .. } => Some((text.text, user, false)),
            Inner::Script { words } => Some((words[0].text.clone(), None, false)),
            Inner::Directory { path, .. } => Some((path, None, false)),
            Inner::Nothing => Some((String::new(), None, false)),
        }
    }

    #[test]
    fn the_program_behind_a_wrapper_is_found_with_its_user() {
        for (line, command, user, service) in [
            ("nohup telnetd -l /bin/sh", "telnetd -l /bin/sh", None, false),
            ("nice -n 10 foo -n 3", "foo -n 3", None, false),
            ("env -i A=1 B=2 foo", "foo", None, false),
            (
                "start-stop-daemon -S -b -x /sbin/d -c bin -- -f x",
                "/sbin/d -f x",
                Some("bin"),
                true,
            ),
            ("start-stop-daemon --start --quiet --exec=/sbin/d", "/sbin/d", None, true),
            ("start-stop-daemon -Sbqx /sbin/d", "/sbin/d", None, true),
            ("start-stop-daemon -K -x /sbin/d", "", None, false),
            ("su -s /bin/sh www -c httpd", "httpd", Some("www"), false),
            ("su - -c httpd", "httpd", Some("root"), false),
            ("sh -xc foo", "foo", None, false),
            ("sh /etc/init.d/rc2", "/etc/init.d/rc2", None, false),
            ("busybox telnetd -p 23", "telnetd -p 23", None, false),
            ("chroot /mnt /sbin/init", "/sbin/init", None, false),
            ("service foo start", "/etc/init.d/foo start", None, false),
            ("timeout 10 foo", "foo", None, false),
            ("timeout -t 10 foo", "foo", None, false),
        ] {
            let expected = Some((command.to_owned(), user.map(str::to_owned), service));
            assert_eq!(inner(line), expected, "{line}");
        }
        assert_eq!(inner("telnetd -l /bin/sh"), None);
        assert_eq!(inner("sh"), None);
    }
}

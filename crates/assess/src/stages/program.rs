// SPDX-License-Identifier: Apache-2.0
//! Programs that run something else: own files, shells, interpreters, and what starts others.

use kakoi_shell::Field;

use super::applets::is_applet;
use super::commands::{Invocation, Outcome, is_menu, menu_command};
use super::effect::{Content, Effect};
use super::judge::Meaning;
use super::paths::{base, is_system_program};
use super::redirect::Streams;
use super::state::Origin;
use super::walk::{Place, Walk};

/// Starts a program by the word that names it.
pub(super) fn run(
    walk: &mut Walk<'_>,
    field: &Field,
    invocation: &Invocation<'_>,
    streams: &Streams,
) -> Outcome {
    let word = invocation.name;
    if is_menu(word) {
        return menu_command(word, invocation);
    }
    let place = Place { input: streams.input.clone(), prints: streams.prints };
    if let Some(done) = walk.function(word, invocation.arguments, &place) {
        return carry(done.meaning, done.output);
    }
    let name = base(word);
    if word.contains('/') && !is_system_program(word) {
        return own_file(walk, word, invocation, streams);
    }
    if !field.known && word.starts_with('$') {
        return Outcome {
            effects: vec![Effect::Execute(word.to_owned())],
            output: Content::Program,
        };
    }
    let named = Invocation { name, ..copy_of(invocation) };
    let outcome = by_name(walk, &named, streams);
    if word.contains('/') && outcome.effects == [Effect::UnknownWord] {
        let effects = vec![Effect::Execute(word.to_owned())];
        return Outcome { effects, output: Content::Program };
    }
    outcome
}

fn copy_of<'a>(invocation: &Invocation<'a>) -> Invocation<'a> {
    Invocation {
        name: invocation.name,
        arguments: invocation.arguments,
        input: invocation.input.clone(),
        prints: invocation.prints,
        varies: invocation.varies,
    }
}

/// What was judged inside is handed on as it is.
fn carry(meaning: Meaning, output: Content) -> Outcome {
    Outcome { effects: vec![Effect::Judged(meaning)], output }
}

/// A file of the session, or one that nobody knows. A copy of a known program is that program.
fn own_file(
    walk: &mut Walk<'_>,
    word: &str,
    invocation: &Invocation<'_>,
    streams: &Streams,
) -> Outcome {
    let of = match walk.session.file(word).map(|known| &known.origin) {
        Some(Origin::Copied(of)) => Some(of.clone()),
        _ => None,
    };
    let name = base(word);
    let known_program = of.as_deref().filter(|of| !matches!(*of, "busybox" | "echo" | "sh"));
    if let Some(program) = known_program.filter(|of| is_applet(of) || *of == "sshd") {
        let invocation = Invocation { name: program, ..copy_of(invocation) };
        return by_name(walk, &invocation, streams);
    }
    let applet = invocation.arguments.first().map(Field::text);
    if name.starts_with("busybox") && applet.is_some_and(|applet| is_applet(&applet)) {
        return applet_of(walk, invocation.arguments, streams, invocation.varies);
    }
    if is_loader(name) && !invocation.arguments.is_empty() {
        let program =
            invocation.arguments.iter().map(Field::text).find(|text| !text.starts_with('-'));
        return Outcome {
            effects: vec![Effect::Execute(program.unwrap_or_default().into_owned())],
            output: Content::Program,
        };
    }
    Outcome { effects: vec![Effect::Execute(word.to_owned())], output: Content::Network }
}

/// The dynamic loader run by hand: `/lib/ld-linux.so.3 ./x` (ld.so(8)).
fn is_loader(name: &str) -> bool {
    (name.starts_with("ld-") || name.starts_with("ld.so") || name.starts_with("ld64"))
        && name.contains(".so")
}

fn by_name(walk: &mut Walk<'_>, invocation: &Invocation<'_>, streams: &Streams) -> Outcome {
    let place = Place { input: streams.input.clone(), prints: streams.prints };
    match invocation.name {
        "busybox" | "toybox" | "toolbox" => {
            walk.note("busybox");
            applet_of(walk, invocation.arguments, streams, invocation.varies)
        }
        "sh" | "ash" | "bash" | "dash" | "zsh" | "ksh" | "mksh" | "hush" | "lash" | "msh"
        | "csh" | "tcsh" | "rbash" | "fish" => shell(walk, invocation, &place),
        "su" | "sudo" | "doas" | "runuser" => other_user(walk, invocation, streams),
        "." | "source" => {
            walk.note(invocation.name);
            interpret(invocation.arguments.first())
        }
        "eval" => eval(walk, invocation, &place),
        "perl" | "php" | "lua" | "ruby" | "node" | "nodejs" | "tclsh" | "luajit"
        | "micropython"
            if !(invocation.name == "tclsh" && invocation.arguments.is_empty()) =>
        {
            interpreter(walk, invocation)
        }
        name if name.starts_with("python") || name.starts_with("pypy") => {
            interpreter(walk, invocation)
        }
        "am" | "monkey" => {
            walk.note(invocation.name);
            let starts =
                invocation.arguments.first().is_some_and(|field| field.text().starts_with("start"));
            let effect = if starts { Effect::Execute(String::new()) } else { Effect::Tamper };
            Outcome { effects: vec![effect], output: Content::Program }
        }
        name if starter(name).is_some() => started(walk, invocation, streams),
        name if is_loader(name) => own_file(walk, name, invocation, streams),
        _ => bare(walk, invocation),
    }
}

/// A bare name: of a file that the session made executable, or of a program.
fn bare(walk: &mut Walk<'_>, invocation: &Invocation<'_>) -> Outcome {
    let outcome = walk.named(invocation);
    let own = walk.session.file(invocation.name).is_some_and(|known| known.granted);
    if own && outcome.effects == [Effect::UnknownWord] {
        let effects = vec![Effect::Execute(invocation.name.to_owned())];
        return Outcome { effects, output: Content::Program };
    }
    outcome
}

/// `busybox APPLET …`; an applet that no BusyBox has only makes it say so.
fn applet_of(walk: &mut Walk<'_>, arguments: &[Field], streams: &Streams, varies: bool) -> Outcome {
    let Some(first) = arguments.first() else {
        return Outcome { effects: vec![Effect::Survey], output: Content::Program };
    };
    let name = first.text();
    if name.starts_with('-') {
        return Outcome { effects: vec![Effect::Survey], output: Content::Program };
    }
    if !is_applet(base(&name)) && !name.starts_with('$') {
        return Outcome { effects: vec![Effect::Mark], output: Content::Program };
    }
    walk.program(arguments, streams, varies)
}

/// A shell: interactive, with a text, with a script, or fed.
fn shell(walk: &mut Walk<'_>, invocation: &Invocation<'_>, place: &Place) -> Outcome {
    walk.note(invocation.name);
    let mut rest = invocation.arguments.iter();
    let mut by_input = false;
    while let Some(field) = rest.next() {
        let text = field.text();
        if text == "--help" || text == "--version" {
            return Outcome { effects: vec![Effect::AskTool], output: Content::Program };
        }
        if !text.starts_with(['-', '+']) {
            if by_input {
                break;
            }
            return interpret(Some(field));
        }
        if text.starts_with('-') && !text.starts_with("--") && text.contains('c') {
            return rest.next().map_or_else(Outcome::default, |script| nested(walk, script, place));
        }
        by_input |= text == "-s";
    }
    match &place.input {
        Content::Session => Outcome { effects: vec![Effect::StartShell], output: Content::Program },
        other => fed(walk, &other.clone(), place),
    }
}

/// A shell that reads commands from its input.
fn fed(walk: &mut Walk<'_>, input: &Content, place: &Place) -> Outcome {
    match input {
        Content::Text(text) => {
            let inner = Place { input: Content::Session, prints: place.prints };
            let done = walk.text(text, &inner);
            carry(done.meaning, done.output)
        }
        Content::File(path) => {
            let effects = vec![Effect::Interpret(Some(path.clone()))];
            Outcome { effects, output: Content::Program }
        }
        _ => Outcome { effects: vec![Effect::Interpret(None)], output: Content::Program },
    }
}

fn nested(walk: &mut Walk<'_>, script: &Field, place: &Place) -> Outcome {
    // `sh -c "$(curl …)"`: the text is what was fetched.
    if !script.known && (script.bytes.starts_with(b"$") || script.bytes.is_empty()) {
        return interpret(None);
    }
    let done = walk.text(&script.bytes, place);
    carry(done.meaning, done.output)
}

fn interpret(script: Option<&Field>) -> Outcome {
    let path = script.map(|field| field.text().into_owned());
    let path = path.filter(|path| path != "/dev/fd/63" && path != "/dev/stdin" && path != "-");
    Outcome { effects: vec![Effect::Interpret(path)], output: Content::Program }
}

fn eval(walk: &mut Walk<'_>, invocation: &Invocation<'_>, place: &Place) -> Outcome {
    walk.note("eval");
    if invocation.arguments.iter().any(|field| !field.known) {
        return interpret(None);
    }
    let words: Vec<&[u8]> =
        invocation.arguments.iter().map(|field| field.bytes.as_slice()).collect();
    let done = walk.text(&words.join(&b' '), place);
    carry(done.meaning, done.output)
}

/// `su`, `sudo -i` start a shell; with a command they start that.
fn other_user(walk: &mut Walk<'_>, invocation: &Invocation<'_>, streams: &Streams) -> Outcome {
    walk.note(invocation.name);
    let texts: Vec<String> = invocation.arguments.iter().map(|f| f.text().into_owned()).collect();
    if let Some(at) = texts.iter().position(|text| text == "-c") {
        let place = Place { input: streams.input.clone(), prints: streams.prints };
        return match invocation.arguments.get(at + 1) {
            Some(script) => nested(walk, script, &place),
            None => Outcome::default(),
        };
    }
    let shell = Outcome { effects: vec![Effect::StartShell], output: Content::Program };
    if invocation.name == "su" || invocation.name == "runuser" {
        return shell;
    }
    if texts.iter().any(|text| text == "-l") {
        return Outcome { effects: vec![Effect::Survey], output: Content::Program };
    }
    let skip = skipped(&texts, "ugpCDRT", 0);
    match invocation.arguments.get(skip..) {
        Some(rest) if !rest.is_empty() => walk.program(rest, streams, invocation.varies),
        _ => shell,
    }
}

/// Programs that start another: options that take a value, and operands before the command.
fn starter(name: &str) -> Option<(&'static str, usize)> {
    Some(match name {
        "nohup" | "setsid" | "command" | "builtin" | "exec" | "time" | "stdbuf" | "unshare"
        | "ltrace" | "strace" | "catchsegv" | "setarch" | "linux32" | "linux64" | "daemonize"
        | "coproc" | "noglob" | "cttyhack" | "vlock" => ("aioe", 0),
        "env" => ("uSC", 0),
        "nice" | "ionice" | "chrt" | "renice" => ("ncp", 0),
        "timeout" => ("ks", 1),
        "taskset" => ("", 1),
        "xargs" => ("IiLnPdEs", 0),
        "watch" => ("n", 0),
        "chroot" => ("", 1),
        "screen" | "tmux" => ("ScLt", 0),
        "flock" => ("wE", 1),
        "start-stop-daemon" => ("pnxu", 0),
        _ => return None,
    })
}

/// How many arguments stand before the command that is started.
fn skipped(texts: &[String], valued: &str, operands: usize) -> usize {
    let mut at = 0;
    while let Some(text) = texts.get(at) {
        let option = text.starts_with('-') && text.len() > 1;
        let assignment = !option && text.contains('=') && !text.contains('/');
        if !option && !assignment {
            break;
        }
        at += 1;
        let takes =
            option && text.len() == 2 && text.chars().nth(1).is_some_and(|c| valued.contains(c));
        at += usize::from(takes);
    }
    at + operands
}

fn started(walk: &mut Walk<'_>, invocation: &Invocation<'_>, streams: &Streams) -> Outcome {
    let texts: Vec<String> = invocation.arguments.iter().map(|f| f.text().into_owned()).collect();
    if invocation.name == "command"
        && texts.first().is_some_and(|text| matches!(text.as_str(), "-v" | "-V"))
    {
        return Outcome { effects: vec![Effect::Survey], output: Content::Program };
    }
    walk.note(invocation.name);
    let (valued, operands) = starter(invocation.name).unwrap_or(("", 0));
    let rest = invocation.arguments.get(skipped(&texts, valued, operands)..).unwrap_or_default();
    if rest.is_empty() {
        let effect = match invocation.name {
            "env" => Effect::Survey,
            "exec" | "xargs" | "time" | "screen" | "tmux" => Effect::Nothing,
            _ => Effect::AskTool,
        };
        return Outcome { effects: vec![effect], output: Content::Program };
    }
    walk.program(rest, streams, invocation.varies)
}

/// Perl, Python and their like: a file, a text, or what they are fed.
fn interpreter(walk: &mut Walk<'_>, invocation: &Invocation<'_>) -> Outcome {
    walk.note(invocation.name);
    let mut rest = invocation.arguments.iter();
    while let Some(field) = rest.next() {
        let text = field.text();
        if matches!(text.as_ref(), "-v" | "-V" | "--version" | "-h" | "--help") {
            return Outcome { effects: vec![Effect::AskTool], output: Content::Program };
        }
        if text == "-m" {
            return Outcome { effects: vec![Effect::Tamper], output: Content::Program };
        }
        let code = text.starts_with('-') && !text.starts_with("--") && text.len() <= 5;
        if code && text.ends_with(['e', 'c', 'r', 'E']) {
            let effect = rest.next().map_or(Effect::AskTool, inline_code);
            return Outcome { effects: vec![effect], output: Content::Program };
        }
        if !text.starts_with('-') {
            return interpret(Some(field));
        }
    }
    match &invocation.input {
        Content::Session => Outcome { effects: vec![Effect::AskTool], output: Content::Program },
        _ => interpret(None),
    }
}

/// What a program text on the command line does, by the calls that it names.
fn inline_code(code: &Field) -> Effect {
    const SHELLS: [&str; 5] = ["/bin/sh", "/bin/bash", "/bin/ash", "pty.spawn", "/system/bin/sh"];
    const FETCHES: [&str; 10] = [
        "urlopen",
        "urlretrieve",
        "urllib",
        "LWP",
        "getstore",
        "requests.get",
        "http.client",
        "Net::HTTP",
        "file_get_contents",
        "ftplib",
    ];
    const RUNS: [&str; 9] =
        ["exec", "system", "popen", "Popen", "subprocess", "eval", "spawn", "chmod", "`"];
    let text = code.text();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let names_shell = has(&SHELLS) && !text.contains("://");
    match (has(&FETCHES), has(&RUNS)) {
        _ if names_shell => Effect::StartShell,
        (true, false) => Effect::Fetch(None),
        (false, false) if code.known && (text.contains("print") || text.contains("echo")) => {
            Effect::Mark
        }
        _ => Effect::Interpret(None),
    }
}

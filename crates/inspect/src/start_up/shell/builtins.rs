// SPDX-License-Identifier: Apache-2.0
//! Commands that a shell does itself, and a few programs whose output is plain.

use std::rc::Rc;

use kakoi_model::{FileKind, ImagePath, escape};

use super::condition::{evaluate, exists};
use super::parser::{MAX_SCRIPT_BYTES, parse_script};
use super::run::{Flow, Script, Shell};
use super::state::Text;
use crate::start_up::openwrt;

/// Files read into one shell with `.`; a hostile script may name itself.
const MAX_SOURCED: usize = 200;

impl Shell<'_, '_> {
    /// Runs a built-in; none when `name` is none.
    pub(super) fn run_builtin(&mut self, name: &str, fields: &[Text]) -> Option<Flow> {
        let arguments = fields.get(1..).unwrap_or_default();
        if let Some(flow) = self.run_leaving(name, arguments) {
            return Some(flow);
        }
        let status = self.status.replace(true);
        if openwrt::run_known_function(self, name, arguments) {
            return Some(Flow::Next);
        }
        self.status = status;
        self.status = match name {
            "[" | "test" | "[[" => {
                let inner = match arguments.split_last() {
                    Some((last, inner)) if matches!(last.value(), Some("]" | "]]")) => inner,
                    _ => arguments,
                };
                evaluate(inner, self.boot.root(), self.scope.directory.as_ref())
            }
            ":" | "true" | "umask" | "trap" | "ulimit" | "wait" | "hash" | "alias" | "jobs"
            | "times" | "bg" | "fg" | "unalias" | "setopt" | "shopt" => Some(true),
            "false" => Some(false),
            "kill" | "getopts" | "let" => None,
            "echo" | "printf" => {
                self.print_words(name, arguments);
                Some(true)
            }
            "cd" => self.change_directory(arguments),
            "pwd" => {
                let directory = self.scope.directory.as_ref().map(ImagePath::absolute);
                self.print(&directory.map_or_else(Text::default, Text::known));
                Some(true)
            }
            "export" | "readonly" | "local" | "typeset" | "declare" => {
                self.declare(name, arguments);
                Some(true)
            }
            "unset" => {
                arguments.iter().filter_map(Text::value).for_each(|name| self.scope.unset(name));
                Some(true)
            }
            "set" => {
                self.set_positional(arguments);
                Some(true)
            }
            "shift" => {
                let count = arguments.first().and_then(Text::value).and_then(|n| n.parse().ok());
                let all = Rc::make_mut(&mut self.scope.positional);
                all.drain(..count.unwrap_or(1).min(all.len()));
                Some(true)
            }
            "read" => {
                let names = arguments.iter().filter_map(Text::value);
                let names: Vec<_> = names.filter(|name| !name.starts_with('-')).collect();
                names.into_iter().for_each(|name| self.scope.set(name, None));
                None
            }
            "type" | "command" => return self.run_command_builtin(name, arguments),
            _ => return None,
        };
        Some(Flow::Next)
    }

    fn run_leaving(&mut self, name: &str, arguments: &[Text]) -> Option<Flow> {
        let code = arguments.first().map(|code| code.value().map(|code| code == "0"));
        match name {
            "exit" | "return" => {
                if let Some(status) = code {
                    self.status = status;
                }
                Some(if name == "exit" { Flow::Exit } else { Flow::Return })
            }
            "break" => Some(Flow::Break),
            "continue" => Some(Flow::Continue),
            "exec" => {
                let words: Vec<Text> = arguments.to_vec();
                if words.is_empty() {
                    self.status = Some(true);
                    return Some(Flow::Next);
                }
                self.start_program(words);
                Some(Flow::Exit)
            }
            "." | "source" => Some(self.source(arguments)),
            "eval" => Some(self.evaluate_text(arguments)),
            _ => None,
        }
    }

    fn run_command_builtin(&mut self, name: &str, arguments: &[Text]) -> Option<Flow> {
        let asks = name == "type" || arguments.first().and_then(Text::value) == Some("-v");
        if !asks {
            self.start_program(arguments.to_vec());
            return Some(Flow::Next);
        }
        self.status = arguments.last().and_then(Text::value).and_then(|program| {
            let found = self.scope.has_function(program) || self.boot.knows(program, &self.scope);
            Some(found).filter(|found| *found || !program.contains('/'))
        });
        self.lose_output();
        Some(Flow::Next)
    }

    fn print_words(&mut self, name: &str, arguments: &[Text]) {
        let mut words = arguments.iter();
        let mut output = Text::known("");
        let mut newline = name == "echo";
        let mut rest: Vec<&Text> = Vec::new();
        while let Some(word) = words.next() {
            match word.value() {
                Some("-n") if name == "echo" => newline = false,
                Some("-e" | "-ne" | "-en") if name == "echo" => {}
                _ => {
                    rest.push(word);
                    rest.extend(words.by_ref());
                }
            }
        }
        if name == "printf" {
            return match rest.as_slice() {
                [format, value] if matches!(format.value(), Some("%s" | "%d" | "%s\\n")) => {
                    self.print(value);
                }
                [only] if only.value().is_some_and(|text| !text.contains(['%', '\\'])) => {
                    self.print(only);
                }
                _ => self.lose_output(),
            };
        }
        for (at, word) in rest.into_iter().enumerate() {
            if at > 0 {
                output.push(&Text::known(" "));
            }
            output.push(word);
        }
        if newline {
            output.push(&Text::known("\n"));
        }
        self.print(&output);
    }

    fn change_directory(&mut self, arguments: &[Text]) -> Option<bool> {
        let target = arguments.first().map_or(Some("/"), Text::value);
        self.scope.directory = match (target, &self.scope.directory) {
            (Some(target), _) if target.starts_with('/') => Some(ImagePath::from(target)),
            (Some(target), Some(directory)) if target != "-" => Some(directory.join(target)),
            _ => None,
        };
        Some(true)
    }

    fn declare(&mut self, command: &str, arguments: &[Text]) {
        for argument in arguments {
            let (name, value) = match argument.text.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (argument.text.as_str(), None),
            };
            if name.is_empty() || name.starts_with('-') || name.starts_with('$') {
                continue;
            }
            if command == "export" {
                self.scope.export(name);
            }
            if command == "local" {
                let slot = self.scope.slot(name);
                if let Some(locals) = self.locals.last_mut() {
                    locals.push((name.to_owned(), slot));
                }
            }
            match value {
                Some(value) => self.scope.set(name, argument.known.then(|| value.to_owned())),
                None if command == "local" => self.scope.set(name, Some(String::new())),
                None => {}
            }
        }
    }

    fn set_positional(&mut self, arguments: &[Text]) {
        let options = arguments.iter().take_while(|word| {
            word.value().is_some_and(|text| text.len() > 1 && text.starts_with(['-', '+']))
        });
        let (mut skip, mut replaces) = (0, false);
        for option in options {
            skip += 1;
            if option.text == "--" {
                replaces = true;
                break;
            }
        }
        let rest = arguments.get(skip..).unwrap_or_default();
        if replaces || !rest.is_empty() {
            self.scope.positional = Rc::new(rest.to_vec());
        }
    }

    fn source(&mut self, arguments: &[Text]) -> Flow {
        let Some(name) = arguments.first() else { return Flow::Next };
        let path = name.value().and_then(|name| self.boot.find_script(name, &self.scope));
        let text = path.as_ref().and_then(|path| self.boot.read_text(path));
        let (Some(path), Some(text)) = (path, text) else {
            // Not in the image: what it would set is not known.
            let missing = name.value().is_some_and(|name| {
                name.starts_with('/')
                    && exists(self.boot.root(), &ImagePath::from(name)) == Some(false)
            });
            self.scope.foreign |= !missing;
            self.status = None;
            return Flow::Next;
        };
        let positional = arguments.get(1..).unwrap_or_default().to_vec();
        self.source_script(Script { path, text }, positional)
    }

    /// Reads a file as part of this shell.
    pub(in crate::start_up) fn source_file(&mut self, path: &ImagePath) {
        if let Some(text) = self.boot.read_text(path) {
            self.source_script(Script { path: path.clone(), text }, Vec::new());
        }
    }

    fn source_script(&mut self, script: Script, positional: Vec<Text>) -> Flow {
        if self.scripts.len() >= MAX_SOURCED || script.text.len() > MAX_SCRIPT_BYTES {
            self.status = None;
            return Flow::Next;
        }
        let commands = Rc::new(parse_script(&script.text));
        let context = self.context.clone();
        self.context = self.context_here();
        self.scripts.push(Rc::new(script));
        let before = std::mem::replace(&mut self.current, self.scripts.len() - 1);
        let doubts = self.doubts;
        let line_base = std::mem::take(&mut self.line_base);
        let own = (!positional.is_empty())
            .then(|| std::mem::replace(&mut self.scope.positional, Rc::new(positional)));
        let flow = self.run(&commands);
        if let Some(positional) = own {
            self.scope.positional = positional;
        }
        self.doubts.in_function = doubts.in_function;
        self.current = before;
        self.line_base = line_base;
        self.context = context;
        if flow == Flow::Exit { flow } else { Flow::Next }
    }

    fn evaluate_text(&mut self, arguments: &[Text]) -> Flow {
        let mut text = Text::known("");
        for argument in arguments {
            text.push(argument);
            text.push(&Text::known(" "));
        }
        match text.value().map(str::trim) {
            Some("") => Flow::Next,
            Some(code) if code.len() < MAX_SCRIPT_BYTES / 8 => {
                let code = parse_script(code);
                self.run(&code)
            }
            _ => {
                self.scope.foreign = true;
                self.status = None;
                Flow::Next
            }
        }
    }

    /// Something is printed, and it is not known what.
    pub(in crate::start_up) fn print_unknown(&mut self) {
        self.lose_output();
    }

    /// `$1`, if it is known.
    pub(in crate::start_up) fn first_argument(&self) -> Option<String> {
        self.scope.positional.first().and_then(Text::value).map(str::to_owned)
    }

    /// Says how the last command ended.
    pub(in crate::start_up) fn set_status(&mut self, status: Option<bool>) {
        self.status = status;
    }

    /// Does what may or may not be done.
    pub(in crate::start_up) fn under_doubt(&mut self, action: impl FnOnce(&mut Self)) {
        self.branch(
            |shell| {
                action(shell);
                Flow::Next
            },
            |_| Flow::Next,
        );
    }

    /// What a program with plain output prints; none when that is not known.
    pub(super) fn imitate(&mut self, words: &[Text]) -> Option<String> {
        let words: Option<Vec<&str>> = words.iter().map(Text::value).collect();
        let words = words?;
        let name = words.first()?.rsplit('/').next()?;
        match (name, words.get(1..)?) {
            ("cat", [file]) => self.boot.read_text(&self.fixed_file(file)?),
            ("basename", [path]) => Some(last_part(path).to_owned()),
            ("basename", [path, suffix]) => {
                let last = last_part(path);
                Some(last.strip_suffix(suffix).unwrap_or(last).to_owned())
            }
            ("dirname", [path]) => match path.trim_end_matches('/').rsplit_once('/') {
                Some(("", _)) => Some("/".to_owned()),
                Some((directory, _)) => Some(directory.to_owned()),
                None => Some(".".to_owned()),
            },
            ("readlink", [file]) => match &self.boot.root().entry(&self.fixed_file(file)?)?.kind {
                FileKind::Symlink { target } => Some(target.clone()),
                _ => Some(String::new()),
            },
            ("readlink" | "realpath", ["-f", file]) | ("realpath", [file]) => {
                let file = self.boot.root().file(&self.fixed_file(file)?)?;
                Some(format!("/{}", escape(file.path.as_bytes())))
            }
            ("expr", [left, operator @ ("+" | "-" | "*" | "/" | "%"), right]) => {
                let value = super::arithmetic::evaluate(
                    &format!("{left} {operator} {right}"),
                    &self.scope,
                )?;
                Some(value.to_string())
            }
            ("seq", [last]) => Some(sequence(1, last.parse().ok()?)),
            ("seq", [first, last]) => Some(sequence(first.parse().ok()?, last.parse().ok()?)),
            ("ls", directory) if !directory.iter().any(|word| word.starts_with('-')) => {
                self.list(directory)
            }
            ("which", [program]) => {
                let file = self.boot.find_script(program, &self.scope)?;
                Some(file.absolute())
            }
            _ => None,
        }
    }

    /// A file whose content at run time is the one of the image.
    fn fixed_file(&self, name: &str) -> Option<ImagePath> {
        let path = match name.strip_prefix('/') {
            Some(_) => ImagePath::from(name),
            None => self.scope.directory.as_ref()?.join(name),
        };
        (exists(self.boot.root(), &path) == Some(true)).then_some(path)
    }

    fn list(&self, names: &[&str]) -> Option<String> {
        let mut lines = Vec::new();
        for name in names {
            let path = self.fixed_file(name)?;
            let children = self.boot.root().children(&path);
            let entry = self.boot.root().file(&path);
            if !entry.is_none_or(|entry| matches!(entry.kind, FileKind::Directory)) {
                lines.push((*name).to_owned());
            }
            let names = children.iter().map(|child| escape(child.path.file_name()));
            lines.extend(names.filter(|name| !name.starts_with('.')));
        }
        Some(lines.join("\n"))
    }
}

fn last_part(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
}

fn sequence(first: i64, last: i64) -> String {
    (first..=last).take(1000).map(|number| number.to_string()).collect::<Vec<_>>().join("\n")
}

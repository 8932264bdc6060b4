// SPDX-License-Identifier: Apache-2.0
//! One boot that is being followed: what starts, from where, and what that starts in turn.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use kakoi_model::{Digest, File, ImagePath, StartUp};

use super::context::Context;
use super::record::Found;
use super::resolve::{Resolver, Target, TargetKind};
use super::shell::{Command, MAX_SCRIPT_BYTES, Scope, Script, Shell, Text, parse_script};
use super::wrap::{Inner, unwrap};
use super::{cron, daemons, inetd, init, listens, openwrt, run_level};
use crate::Root;

/// Commands that are followed in one root file system.
const MAX_STEPS: u64 = 1_500_000;
/// Of these, commands of one script and all that it starts, so that one does not starve the others.
const MAX_STEPS_OF_SCRIPT: u64 = 60_000;
/// Programs that start each other.
const MAX_DEPTH: usize = 14;
/// Commands inside commands, over all shells: bounds the stack.
const MAX_NESTING: usize = 180;
/// Times that one script is followed with the same arguments.
const MAX_RUNS: u32 = 3;
/// Times that one script is followed at all.
const MAX_RUNS_OF_FILE: u32 = 60;

/// A program that is about to start.
pub(super) struct Launch {
    /// Its name and arguments.
    pub(super) words: Vec<Text>,
    pub(super) context: Context,
    /// The environment that it inherits.
    pub(super) scope: Scope,
}

/// One boot.
pub(super) struct Boot<'a> {
    root: &'a Root<'a>,
    pub(super) found: Found,
    pub(super) resolver: Resolver<'a>,
    openwrt: bool,
    /// Was an init followed already? One boot has one.
    pub(super) init_started: bool,
    steps: u64,
    /// What must be left of the steps when the script that is followed ends.
    floor: u64,
    depth: usize,
    nesting: usize,
    active: Vec<(ImagePath, String)>,
    runs: HashMap<(ImagePath, String), u32>,
    runs_of_file: BTreeMap<ImagePath, u32>,
    parsed: HashMap<Digest, Rc<Command>>,
}

impl<'a> Boot<'a> {
    pub(super) fn new(root: &'a Root<'a>) -> Self {
        Self {
            root,
            found: Found::default(),
            resolver: Resolver::new(root),
            openwrt: root.entry(&"/etc/rc.common".into()).is_some()
                || root.entry(&"/lib/functions.sh".into()).is_some(),
            init_started: false,
            steps: MAX_STEPS,
            floor: 0,
            depth: 0,
            nesting: 0,
            active: Vec::new(),
            runs: HashMap::new(),
            runs_of_file: BTreeMap::new(),
            parsed: HashMap::new(),
        }
    }

    pub(super) fn root(&self) -> &'a Root<'a> {
        self.root
    }

    /// Does the image have OpenWrt's shell functions?
    pub(super) fn is_openwrt(&self) -> bool {
        self.openwrt
    }

    /// Takes steps from the budget; false when it is used up.
    pub(super) fn spend(&mut self, steps: u64) -> bool {
        let left = self.steps.saturating_sub(steps);
        let fits = left > self.floor;
        self.steps = left.max(self.floor);
        fits
    }

    /// Goes one level deeper; false at the limit. Pair with [`Boot::leave`].
    pub(super) fn enter(&mut self) -> bool {
        let fits = self.nesting < MAX_NESTING;
        self.nesting += usize::from(fits);
        fits
    }

    pub(super) fn leave(&mut self) {
        self.nesting = self.nesting.saturating_sub(1);
    }

    /// The text of a script or configuration.
    pub(super) fn read_text(&self, path: &ImagePath) -> Option<String> {
        let file = self.root.file(path)?;
        if file.size() > MAX_SCRIPT_BYTES as u64 {
            return None;
        }
        Some(String::from_utf8_lossy(&self.root.content(file)?).into_owned())
    }

    /// The file that a shell would read for `. name`.
    pub(super) fn find_script(&self, name: &str, scope: &Scope) -> Option<ImagePath> {
        let target = self.resolver.resolve(name, scope);
        target.file.map(|_| target.path).or_else(|| {
            let path = scope.directory.as_ref()?.join(name);
            self.root.file(&path).map(|_| path)
        })
    }

    /// Is there a program of this name?
    pub(super) fn knows(&self, name: &str, scope: &Scope) -> bool {
        self.resolver.resolve(name, scope).file.is_some()
    }

    /// Starts a program and follows what it starts; gives its status where that is known.
    pub(super) fn start(&mut self, launch: Launch) -> Option<bool> {
        if self.depth >= MAX_DEPTH || !self.spend(4) {
            return None;
        }
        self.depth += 1;
        let status = self.start_here(launch);
        self.depth -= 1;
        status
    }

    fn start_here(&mut self, launch: Launch) -> Option<bool> {
        let name = launch.words.first()?.value()?.to_owned();
        if name.is_empty() {
            return Some(true);
        }
        let target = self.resolver.resolve(&name, &launch.scope);
        if target.file.is_none() && self.resolver.surely_missing(&name, &launch.scope) {
            return Some(false);
        }
        if target.name == "rc.common" && launch.words.len() > 1 {
            // `rc.common script action` is what the first line of the script would do.
            let words = launch.words.get(1..).unwrap_or_default().to_vec();
            return self.start(Launch { words, ..launch });
        }
        if let TargetKind::Shell { common } = target.kind {
            self.record(&launch, &target);
            self.run_script_file(&launch, &target, common);
            return None;
        }
        let arguments = launch.words.get(1..).unwrap_or_default();
        if let Some(inner) = unwrap(&target.name, arguments) {
            if inner.is_program_of_note() {
                self.record(&launch, &target);
            }
            self.start_inner(&launch, inner);
            return None;
        }
        self.record(&launch, &target);
        self.start_interpreter(&launch, &target);
        match target.name.as_str() {
            "init" | "systemd" | "linuxrc" => init::start_by_script(self, &launch, &target),
            "startpar" => run_level::start_parallel(self, &launch),
            "inetd" => inetd::start_services(self, &launch),
            "xinetd" => inetd::start_extended_services(self, &launch),
            "crond" | "cron" => cron::start_jobs(self, &launch),
            _ => {}
        }
        None
    }

    /// A script in another language than the shell's runs in its interpreter.
    fn start_interpreter(&mut self, launch: &Launch, target: &Target<'a>) {
        let TargetKind::Interpreted { interpreter } = &target.kind else { return };
        let mut words: Vec<Text> = interpreter.split_whitespace().map(Text::known).collect();
        words.push(Text::known(target.path.absolute()));
        let interpreter = self.resolver.resolve(&words[0].text, &launch.scope);
        if matches!(interpreter.kind, TargetKind::Program | TargetKind::Missing) {
            let (context, scope) = (launch.context.clone(), launch.scope.clone());
            self.record(&Launch { words, context, scope }, &interpreter);
        }
    }

    fn start_inner(&mut self, launch: &Launch, inner: Inner) {
        let mut context = launch.context.clone();
        let scope = launch.scope.clone();
        match inner {
            Inner::Command { words, user, service } => {
                context.user = user.unwrap_or(context.user);
                context.service |= service;
                self.start(Launch { words, context, scope });
            }
            Inner::Code { text, user, arguments } => {
                context.user = user.unwrap_or(context.user);
                self.run_code(&text, arguments, &Launch { words: Vec::new(), context, scope });
            }
            Inner::Script { words } => {
                let Some(name) = words.first().and_then(Text::value) else { return };
                let Some(path) = self.find_script(name, &launch.scope) else { return };
                let mut target = self.resolver.resolve(&path.absolute(), &launch.scope);
                if matches!(target.kind, TargetKind::Program) {
                    return;
                }
                let common = matches!(target.kind, TargetKind::Shell { common: true });
                target.kind = TargetKind::Shell { common };
                let launch = Launch { words, context, scope };
                self.record(&launch, &target);
                self.run_script_file(&launch, &target, common);
            }
            Inner::Directory { path, arguments } => {
                for child in self.root.children(&ImagePath::from(path.as_str())) {
                    let mut words = vec![Text::known(child.path.absolute())];
                    words.extend(arguments.iter().cloned());
                    let (context, scope) = (context.clone(), scope.clone());
                    self.start(Launch { words, context, scope });
                }
            }
            Inner::Nothing => {}
        }
    }

    /// Follows code that stands in a word, as after `sh -c`.
    fn run_code(&mut self, text: &Text, arguments: Vec<Text>, launch: &Launch) {
        let Some(text) = text.value().filter(|text| text.len() < MAX_SCRIPT_BYTES / 8) else {
            return;
        };
        let path = launch.context.chain().last().and_then(|step| step.file.clone());
        let path = path.map(|place| place.path).unwrap_or_default();
        let commands = parse_script(text);
        let script = Rc::new(Script { path, text: text.to_owned() });
        let scope = launch.scope.for_child(arguments);
        let context = launch.context.inside_script();
        Shell::new(self, script, "sh".to_owned(), scope, context).follow(&commands);
    }

    fn run_script_file(&mut self, launch: &Launch, target: &Target<'a>, common: bool) {
        let Some(file) = target.file else { return };
        let arguments = launch.words.get(1..).unwrap_or_default().to_vec();
        let written: Vec<&str> = arguments.iter().map(|word| word.text.as_str()).collect();
        let key = (file.path.clone(), written.join(" "));
        if self.active.contains(&key) || !self.may_run(&key) {
            return;
        }
        let Some(text) = self.read_text(&file.path) else { return };
        let commands = self.parse(file, &text);
        let script = Rc::new(Script { path: target.path.clone(), text });
        let name = launch.words.first().map(|word| word.text.clone()).unwrap_or_default();
        self.active.push(key);
        let floor = self.floor;
        self.floor = floor.max(self.steps.saturating_sub(MAX_STEPS_OF_SCRIPT));
        let scope = launch.scope.for_child(arguments);
        let context = launch.context.inside_script();
        let mut shell = Shell::new(self, script, name, scope, context);
        if common {
            shell.scope.set("initscript", Some(target.path.absolute()));
            openwrt::run_init_script(&mut shell, &commands);
        } else {
            shell.follow(&commands);
        }
        self.floor = floor;
        self.active.pop();
    }

    fn may_run(&mut self, key: &(ImagePath, String)) -> bool {
        let of_file = self.runs_of_file.entry(key.0.clone()).or_default();
        *of_file += 1;
        let runs = self.runs.entry(key.clone()).or_default();
        *runs += 1;
        *runs <= MAX_RUNS && *of_file <= MAX_RUNS_OF_FILE
    }

    fn parse(&mut self, file: &File, text: &str) -> Rc<Command> {
        let parsed = file.digest().and_then(|digest| self.parsed.get(&digest).cloned());
        parsed.unwrap_or_else(|| {
            let commands = Rc::new(parse_script(text));
            if let Some(digest) = file.digest() {
                self.parsed.insert(digest, Rc::clone(&commands));
            }
            commands
        })
    }

    /// Notes that a program starts.
    pub(super) fn record(&mut self, launch: &Launch, target: &Target<'a>) {
        let Some(command) = launch.words.first() else { return };
        let arguments: Vec<String> = launch
            .words
            .iter()
            .skip(1)
            .map(|word| kakoi_model::escape(word.text.as_bytes()))
            .collect();
        // A script may carry the name of the daemon that it starts.
        let script = matches!(target.kind, TargetKind::Shell { .. });
        let known = !script && daemons::stays(&target.name, &arguments);
        let service = !daemons::is_brief(&target.name) && (launch.context.service || known);
        let listens = match &launch.context.port {
            Some(port) => vec![port.clone()],
            None if script => Vec::new(),
            None => listens::find_ports(self, &target.name, &arguments),
        };
        self.found.add(StartUp {
            command: kakoi_model::escape(command.text.as_bytes()),
            arguments,
            program: target.file.map(|file| self.root.place(&file.path)),
            applet: target.applet.clone(),
            mechanism: launch.context.mechanism,
            certainty: launch.context.certainty,
            service,
            user: launch.context.user.clone(),
            chain: launch.context.chain(),
            listens,
        });
    }
}

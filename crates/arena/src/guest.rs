// SPDX-License-Identifier: Apache-2.0
//! One guest: started, listened to, and ended, whatever happens to it or to us.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Seek};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use crate::cpio::Archive;
use crate::defence::Armed;
use crate::error::host;
use crate::expect::Expected;
use crate::kernel::{Kernel, kernel};
use crate::machine::Machine;
use crate::store::read;
use crate::tools::tools;
use crate::{Error, Store};

/// Lines of the console that are kept; what is more is counted.
const MOST_LINES: usize = 30_000;
/// Bytes of one line.
const LONGEST: usize = 2048;

/// What a guest is to do.
#[derive(Debug)]
pub struct Job<'a> {
    /// Where it runs.
    pub machine: &'static Machine,
    /// The image's root file system, from [`crate::rootfs::build`].
    pub root: &'a Path,
    /// What the image expects.
    pub expected: &'a Expected,
    /// Is the library in it that stands for a vendor's flash and drivers?
    pub shim: bool,
    /// The defence, ready to be started.
    pub defence: &'a Armed,
    /// Seconds after which the image counts as booted.
    pub settle: u32,
    /// What is acted out then: `guest/steps.c`.
    pub steps: String,
    /// Files for the steps, by name.
    pub files: Vec<(String, Vec<u8>)>,
    /// It is ended after so long.
    pub limit: Duration,
    /// For a person: the guest's port for each of the host's; then it does not end by itself.
    pub ports: Vec<(u16, u16)>,
    /// Count instructions instead of time, so that costs can be compared.
    pub count: bool,
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// Lines of the console, what the guest said included.
    pub console: Vec<String>,
    /// What it said: word, text.
    pub said: Vec<(String, String)>,
    /// Lines that were too many to be kept.
    pub dropped: u64,
    /// How it ended.
    pub end: End,
    /// Seconds from the start of QEMU.
    pub seconds: f64,
}

/// How a guest ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum End {
    /// By itself, after its last step.
    Done,
    /// It was ended when its time was over.
    Time,
    /// Its kernel gave up: the line that says why.
    Panic(String),
    /// QEMU ended early.
    #[default]
    Early,
}

/// A guest that runs.
pub struct Guest {
    child: Child,
    lines: Receiver<String>,
    begin: Instant,
    limit: Duration,
    outcome: Outcome,
    // Its first root; unlinked, and gone with us.
    _initrd: File,
}

/// Runs a job to its end.
///
/// # Errors
/// The guest could not be made or started; what happens in it is no error.
pub fn run(store: &Store, job: &Job<'_>) -> Result<Outcome, Error> {
    Guest::start(store, job)?.finish(&mut |_| {})
}

impl Guest {
    /// Boots.
    ///
    /// # Errors
    /// The guest could not be made or started.
    pub fn start(store: &Store, job: &Job<'_>) -> Result<Self, Error> {
        let kernel = kernel(store, job.machine)?;
        let initrd = initrd(store, job, &kernel)?;
        let path = PathBuf::from(format!("/proc/{}/fd/{}", std::process::id(), initrd.as_raw_fd()));
        let mut command = command(job, &kernel, &path);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(host(format!("setpriv {}", job.machine.qemu.first().unwrap_or(&""))))?;
        let (sender, lines) = mpsc::sync_channel(4096);
        let streams: [Option<Box<dyn Read + Send>>; 2] = [
            child.stdout.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>),
            child.stderr.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>),
        ];
        for stream in streams.into_iter().flatten() {
            let sender = sender.clone();
            std::thread::spawn(move || pass_lines(stream, &sender));
        }
        Ok(Self {
            child,
            lines,
            begin: Instant::now(),
            limit: job.limit,
            outcome: Outcome::default(),
            _initrd: initrd,
        })
    }

    /// Waits for the end; each word that is said is told as it comes.
    ///
    /// # Errors
    /// None today; the guest's own failures are in the outcome.
    pub fn finish(mut self, tell: &mut dyn FnMut(&(String, String))) -> Result<Outcome, Error> {
        self.outcome.end = loop {
            let Some(left) = self.limit.checked_sub(self.begin.elapsed()) else {
                break End::Time;
            };
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    if let Some(end) = self.take(&line, tell) {
                        break end;
                    }
                }
                Err(mpsc::RecvTimeoutError::Timeout) => break End::Time,
                Err(mpsc::RecvTimeoutError::Disconnected) => break End::Early,
            }
        };
        self.outcome.seconds = self.begin.elapsed().as_secs_f64();
        Ok(std::mem::take(&mut self.outcome))
    }

    fn take(&mut self, line: &str, tell: &mut dyn FnMut(&(String, String))) -> Option<End> {
        if self.outcome.console.len() >= MOST_LINES {
            self.outcome.dropped += 1;
        } else {
            self.outcome.console.push(line.to_owned());
        }
        if line.contains("Kernel panic - not syncing") {
            return Some(End::Panic(line.to_owned()));
        }
        let (_, said) = line.split_once("@@ ")?;
        let (word, text) = said.split_once(' ').unwrap_or((said, ""));
        let said = (word.to_owned(), text.to_owned());
        tell(&said);
        let over = word == "end";
        if self.outcome.said.len() < MOST_LINES {
            self.outcome.said.push(said);
        }
        over.then_some(End::Done)
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        // It may have gone already: then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn pass_lines(stream: impl Read, sender: &mpsc::SyncSender<String>) {
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    loop {
        line.clear();
        // A line without an end is cut, so that its length is bounded.
        match reader.by_ref().take(LONGEST as u64).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        if sender.send(text).is_err() {
            return;
        }
    }
}

/// The first root, in a file without a name.
fn initrd(store: &Store, job: &Job<'_>, kernel: &Kernel) -> Result<File, Error> {
    let tools = tools(store, job.machine)?;
    let file = tempfile::tempfile().map_err(host("a temporary file"))?;
    let mut archive = Archive::new(BufWriter::new(file));
    let mut make = || -> Result<(), std::io::Error> {
        for folder in ["arena", "arena/modules", "arena/tools", "dev", "proc", "sys", "root"] {
            archive.folder(folder, 0o755)?;
        }
        archive.device("dev/console", 0o600, (5, 1))?;
        archive.device("dev/kmsg", 0o600, (1, 11))?;
        let bytes = |path: &Path| std::fs::read(path);
        archive.file("init", 0o755, &bytes(&tools.init)?)?;
        archive.file("arena/tools/telnetd", 0o755, &bytes(&tools.init)?)?;
        archive.file("arena/tools/payload", 0o755, &bytes(&tools.payload)?)?;
        archive.file("arena/tools/preload.so", 0o755, &bytes(&tools.preload)?)?;
        archive.file("arena/tools/script", 0o755, SCRIPT)?;
        archive.file("arena/root.squashfs", 0o644, &bytes(job.root)?)?;
        let mut order = String::new();
        for module in kernel.modules.iter().chain(&job.defence.modules) {
            let name = module.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            archive.file(&format!("arena/modules/{name}.ko"), 0o644, &bytes(module)?)?;
            order.push_str(&name);
            order.push('\n');
        }
        archive.file("arena/modules/order", 0o644, order.as_bytes())?;
        archive.file("arena/job", 0o644, description(job).as_bytes())?;
        archive.file("arena/steps", 0o644, job.steps.as_bytes())?;
        let mut writes = String::new();
        for (number, (to, content)) in job.defence.writes.iter().enumerate() {
            archive.file(&format!("arena/write{number}"), 0o600, content)?;
            writes.push_str(&format!("/arena/write{number} {to}\n"));
        }
        archive.file("arena/writes", 0o644, writes.as_bytes())?;
        for (name, content) in &job.files {
            archive.file(&format!("arena/{name}"), 0o644, content)?;
        }
        Ok(())
    };
    make().map_err(host("the guest's first root"))?;
    let writer = archive.finish().map_err(host("the guest's first root"))?;
    let mut file = writer.into_inner().map_err(host("the guest's first root"))?;
    file.rewind().map_err(host("the guest's first root"))?;
    Ok(file)
}

/// A script that is downloaded; inert, as the payload.
const SCRIPT: &[u8] = b"#!/bin/sh\nBEGIN=1; echo ran > /tmp/ran\n";

fn description(job: &Job<'_>) -> String {
    format!(
        "init={}\nwritable={}\nsettle={}\ninteractive={}\ninterfaces={}\npreload={}\n\
         trigger={}\nlabel={}\noptions={}\nconfine={}\n",
        job.expected.init,
        u8::from(job.expected.writable),
        job.settle,
        u8::from(!job.ports.is_empty()),
        job.expected.interfaces.join(" "),
        if job.shim { crate::rootfs::SHIM } else { "" },
        u8::from(job.defence.trigger),
        job.defence.label.map(|parts| parts.join(" ")).unwrap_or_default(),
        job.defence.options,
        job.defence.confine,
    )
}

/// QEMU, which the kernel ends when we are gone (prctl(2), `PR_SET_PDEATHSIG`).
fn command(job: &Job<'_>, kernel: &Kernel, initrd: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).args(job.machine.qemu);
    command.args(["-accel", "tcg,tb-size=128", "-nographic", "-no-reboot", "-nodefaults"]);
    command.args(["-serial", "stdio", "-m", "256"]);
    if job.count {
        command.args(["-icount", "shift=0,sleep=off"]);
    }
    let append = format!(
        "console={} panic=-1 quiet loglevel=3 printk.devkmsg=on print-fatal-signals=1 {}",
        job.machine.console, job.defence.append
    );
    command.arg("-kernel").arg(&kernel.image).arg("-initrd").arg(initrd).args(["-append", &append]);
    if !job.ports.is_empty() {
        let mut network = "user,id=n0,restrict=on".to_owned();
        for (outside, inside) in &job.ports {
            network.push_str(&format!(",hostfwd=tcp:127.0.0.1:{outside}-10.0.2.15:{inside}"));
        }
        command.args(["-netdev", &network, "-device", &format!("{},netdev=n0", job.machine.card)]);
    }
    command
}

impl Outcome {
    /// All that was said under this word.
    pub fn all<'a>(&'a self, word: &'a str) -> impl Iterator<Item = &'a str> {
        self.said.iter().filter(move |(said, _)| said == word).map(|(_, text)| text.as_str())
    }
}

/// The kernel's release of a machine, as reports name it.
///
/// # Errors
/// It cannot be had.
pub fn release(store: &Store, machine: &Machine) -> Result<String, Error> {
    Ok(kernel(store, machine)?.release)
}

/// What the arena adds to root file systems of this machine.
///
/// # Errors
/// It cannot be compiled.
pub fn added(store: &Store, machine: &Machine) -> Result<crate::rootfs::Added, Error> {
    let tools = tools(store, machine)?;
    Ok(crate::rootfs::Added { shim: read(&tools.shim)?, fetch: read(&tools.init)? })
}

/// Configuration of a machine's kernel.
///
/// # Errors
/// It cannot be had.
pub fn configuration(store: &Store, machine: &Machine) -> Result<String, Error> {
    let kernel = kernel(store, machine)?;
    let path = kernel.image.with_file_name("config");
    Ok(String::from_utf8_lossy(&read(&path)?).into_owned())
}

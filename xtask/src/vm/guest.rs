// SPDX-License-Identifier: Apache-2.0
//! One guest: started, listened to, and ended in bounded time. Its network is a loopback: nothing
//! leaves it, and only the host's own loopback comes in.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use anyhow::Context;

use super::kernels::Kernel;
use super::packages;
use super::root::{self, Entry, Files};

/// What a guest is to do.
#[derive(Debug, Clone, Default)]
pub struct Job {
    /// Added to its root. `kakoi/start` is the script that it runs.
    pub files: Files,
    /// Words added to the kernel's command line.
    pub append: String,
    /// Ports of the guest that the host's loopback reaches.
    pub ports: Vec<u16>,
    /// It is ended after so many seconds.
    pub seconds: u64,
    /// MiB of memory.
    pub memory: u32,
    /// More arguments for QEMU (`-icount …`).
    pub qemu: Vec<String>,
}

impl Job {
    /// A job that runs the text of a shell script.
    pub fn script(text: &str) -> Self {
        let mut job = Self { seconds: 120, memory: 256, ..Self::default() };
        let text = format!(". /kakoi/rig.sh\n{text}");
        job.files.insert("kakoi/start".to_owned(), Entry::File(0o755, text.into_bytes()));
        job
    }
}

/// How it went.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// All that came over the console.
    pub console: Vec<String>,
    /// What the guest said with `say WORD TEXT`: word, text.
    pub said: Vec<(String, String)>,
    /// Exit code of the script; nothing if the guest did not get so far.
    pub code: Option<i32>,
    /// Lines by which a kernel tells of a fault of its own.
    pub faults: Vec<String>,
    /// Seconds from the start of QEMU to the end of the guest.
    pub seconds: f64,
}

impl Outcome {
    /// All that was said under this word.
    pub fn all<'a>(&'a self, word: &'a str) -> impl Iterator<Item = &'a str> {
        self.said.iter().filter(move |(said, _)| said == word).map(|(_, text)| text.as_str())
    }

    /// The end of the console, to be shown when something failed.
    pub fn tail(&self, lines: usize) -> String {
        self.console[self.console.len().saturating_sub(lines)..].join("\n")
    }

    /// Fails unless the script ended with 0 and the kernel was well.
    pub fn good(&self) -> anyhow::Result<()> {
        anyhow::ensure!(self.faults.is_empty(), "the kernel: {}", self.faults.join("\n"));
        match self.code {
            Some(0) => Ok(()),
            Some(code) => anyhow::bail!("the guest's script ended with {code}:\n{}", self.tail(30)),
            None => anyhow::bail!("the guest did not end by itself:\n{}", self.tail(30)),
        }
    }
}

/// A guest that runs.
pub struct Guest {
    child: Child,
    lines: Receiver<String>,
    begin: Instant,
    limit: Duration,
    outcome: Outcome,
    initrd: PathBuf,
    name: &'static str,
    /// For each port of the job, the port on the host's loopback.
    pub ports: Vec<u16>,
}

/// Runs a job to its end.
pub fn run(kernel: &Kernel, job: &Job) -> anyhow::Result<Outcome> {
    Guest::start(kernel, job)?.finish()
}

impl Guest {
    /// Boots.
    pub fn start(kernel: &Kernel, job: &Job) -> anyhow::Result<Self> {
        let installed = packages::kernel(kernel)?;
        let mut files = job.files.clone();
        if !job.ports.is_empty() {
            files.insert("kakoi/network".to_owned(), Entry::File(0o644, Vec::new()));
        }
        let initrd = packages::store().join(format!("{}-{}.initrd", kernel.name, free_port()?));
        std::fs::write(&initrd, root::archive(&kernel.architecture, &installed, &files)?)?;
        let ports = job.ports.iter().map(|_| free_port()).collect::<anyhow::Result<Vec<u16>>>()?;
        let mut command = command(kernel, job, &ports);
        command.arg("-kernel").arg(&installed.image).arg("-initrd").arg(&initrd);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .with_context(|| format!("{}: see tools/install.sh vm", kernel.architecture.qemu[0]))?;
        let output = child.stdout.take().context("no console")?;
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            let mut reader = BufReader::new(output);
            let mut line = Vec::new();
            while reader.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
                let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                line.clear();
                if sender.send(text).is_err() {
                    break;
                }
            }
        });
        let limit = Duration::from_secs(job.seconds);
        let outcome = Outcome::default();
        Ok(Self {
            child,
            lines,
            begin: Instant::now(),
            limit,
            outcome,
            initrd,
            name: kernel.name,
            ports,
        })
    }

    /// Waits until the guest says a word; its text.
    pub fn hear(&mut self, word: &str) -> anyhow::Result<String> {
        while let Some(said) = self.line() {
            if said.as_ref().is_some_and(|(said, _)| said == word) {
                return Ok(said.map(|(_, text)| text).unwrap_or_default());
            }
        }
        anyhow::bail!("the guest never said {word}:\n{}", self.outcome.tail(30))
    }

    /// Waits for the end.
    pub fn finish(mut self) -> anyhow::Result<Outcome> {
        while self.line().is_some() {
            if self.outcome.code.is_some() {
                break;
            }
        }
        self.outcome.seconds = self.begin.elapsed().as_secs_f64();
        let log = packages::store().join(format!("{}.log", self.name));
        std::fs::write(log, self.outcome.console.join("\n"))?;
        Ok(std::mem::take(&mut self.outcome))
    }

    /// One more line of the console; nothing at the end of the guest or of its time.
    #[allow(clippy::option_option)]
    fn line(&mut self) -> Option<Option<(String, String)>> {
        let left = self.limit.checked_sub(self.begin.elapsed())?;
        let line = self.lines.recv_timeout(left).ok()?;
        if FAULTS.iter().any(|fault| line.contains(fault)) {
            self.outcome.faults.push(line.clone());
        }
        let said = line.split_once("@@ ").map(|(_, said)| {
            let (word, text) = said.split_once(' ').unwrap_or((said, ""));
            (word.to_owned(), text.to_owned())
        });
        self.outcome.console.push(line);
        if let Some((word, text)) = &said {
            if word == "end" {
                let code = text.split_whitespace().next();
                self.outcome.code = code.and_then(|code| code.parse().ok());
            }
            self.outcome.said.push((word.clone(), text.clone()));
        }
        Some(said)
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        // It may have gone already: then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_file(&self.initrd);
    }
}

/// How kernels begin to tell of a fault.
const FAULTS: &[&str] = &[
    "Oops",
    "BUG:",
    "Call Trace",
    "WARNING: CPU",
    "Unable to handle",
    "Kernel panic",
    "KASAN",
    "kernel BUG at",
    "rcu_sched self-detected",
    "general protection",
    "scheduling while atomic",
    "Break instruction in kernel",
    "unhandled kernel",
    "Internal error",
    "soft lockup",
    "hung task",
];

fn command(kernel: &Kernel, job: &Job, ports: &[u16]) -> Command {
    let machine = kernel.architecture.qemu;
    let mut command = Command::new(machine[0]);
    command.args(&machine[1..]).args([
        "-accel",
        "tcg,tb-size=128",
        "-nographic",
        "-no-reboot",
        "-nodefaults",
    ]);
    command.args(["-serial", "stdio", "-m", &job.memory.to_string()]).args(&job.qemu);
    let append = format!(
        "console={} panic=-1 quiet loglevel=4 printk.devkmsg=on lsm=landlock,lockdown,yama,bpf {} {}",
        kernel.architecture.console, kernel.architecture.append, job.append
    );
    command.args(["-append", &append]);
    if !ports.is_empty() {
        let mut network = "user,id=n0,restrict=on".to_owned();
        for (guest, host) in job.ports.iter().zip(ports) {
            network.push_str(&format!(",hostfwd=tcp:127.0.0.1:{host}-:{guest}"));
        }
        command.args(["-netdev", &network, "-device", &format!("{},netdev=n0", kernel.card)]);
    }
    command
}

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

// SPDX-License-Identifier: Apache-2.0
//! What a cell is made from: one plan for all sessions of a server.

use std::collections::BTreeMap;
use std::net::SocketAddrV4;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Limits of one session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CellLimits {
    /// Processes and threads.
    pub processes: u64,
    /// Bytes of memory of all processes and files together; held by a control group where there is one, and per process always.
    pub memory_bytes: u64,
    /// Bytes of all files that a session writes.
    pub disk_bytes: u64,
    /// Files and directories that a session makes.
    pub files: u64,
    /// Hundredths of one processor; by control group only.
    pub processor_percent: u64,
    /// Processor seconds of one process.
    pub processor_seconds: u64,
}

impl Default for CellLimits {
    fn default() -> Self {
        Self {
            processes: 64,
            memory_bytes: 128 << 20,
            disk_bytes: 32 << 20,
            files: 4096,
            processor_percent: 50,
            processor_seconds: 300,
        }
    }
}

/// Everything that is the same for all sessions.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// The persona's root directory on the host: never written to.
    pub(crate) root: PathBuf,
    /// An empty directory on the host to mount on.
    pub(crate) stage: PathBuf,
    /// Another one, for device nodes.
    pub(crate) devices: PathBuf,
    /// A third one, for /tmp.
    pub(crate) temporary: PathBuf,
    /// A fourth one, for files that stand in place of those of /proc.
    pub(crate) facade: PathBuf,
    /// Texts of files below /proc.
    pub(crate) proc: BTreeMap<String, String>,
    /// What uname(2) says of the kernel: release and build; empty for what it is.
    pub(crate) kernel: (String, String),
    /// The host's user that sessions belong to; none when the server is not root and its own user has to do.
    pub(crate) user: Option<u32>,
    /// How calls are recorded.
    pub(crate) way: Way,
    /// Name of the device.
    pub(crate) hostname: String,
    /// Program, name and arguments of the shell.
    pub(crate) shell: Vec<String>,
    /// Processor emulator for another architecture.
    pub(crate) emulator: Option<Emulator>,
    /// The network service that cells may be made for.
    pub(crate) service: Option<ServicePlan>,
    /// Limits.
    pub(crate) limits: CellLimits,
    /// Answer DNS, HTTP, TFTP and FTP inside.
    pub(crate) sinkhole: bool,
    /// Longest file of a session that is kept; 0 for none.
    pub(crate) sample_bytes: u64,
    /// Name of the control groups.
    pub(crate) group: String,
    /// The server's directory on the host; the keeper removes it when the server could not.
    pub(crate) state: PathBuf,
}

/// A network service of the persona.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ServicePlan {
    /// Path in the persona, and arguments.
    pub(crate) command: Vec<String>,
    /// Where it listens.
    pub(crate) port: u16,
}

/// How calls are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Way {
    /// By the watcher, which stops every process at every call.
    Ptrace,
    /// By the server; the watcher takes files and puts answers right.
    Bpf,
    /// Not at all.
    None,
}

/// How programs of another architecture run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Emulator {
    /// The emulator on the host, statically linked.
    pub(crate) program: PathBuf,
    /// The line for binfmt_misc.
    pub(crate) registration: String,
}

/// Asks for a cell. With it come: the socket on which the cell says that it is ready, the pipe that events are written
/// to, and the pipe whose end is the end of the session.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Request {}

/// What the cell says. With [`Ready`](Answer::Ready) come the terminal, process 1, then the sinkhole's sockets in the order of
/// [`SINKS`](super::network::SINKS).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// It waits for an intruder.
    Ready,
    /// It could not be made.
    Failed(String),
}

/// An intruder is there.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Go {
    /// By Telnet: a login shell at the cell's terminal, with this environment.
    Login(Vec<(String, String)>),
    /// By SSH: shells are asked for by [`Start`].
    Door,
    /// By the service: connections are asked for by [`Dial`].
    Service,
}

/// Starts a shell of an SSH channel. With it come the socket for [`Told`] and, without a terminal, the shell's three streams.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Start {
    /// Environment of the shell.
    pub(crate) environment: Vec<(String, String)>,
    /// What it runs; none for a login shell.
    pub(crate) command: Option<String>,
    /// Does it have a terminal?
    pub(crate) terminal: bool,
}

/// Asks for a connection to the service. With it comes the socket for [`Told`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Dial {
    /// Where it seems to come from.
    pub(crate) from: Option<SocketAddrV4>,
    /// Where it goes.
    pub(crate) to: SocketAddrV4,
}

/// What a channel's process says, or who connects to the service.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Told {
    /// The terminal, or the connection, comes with this.
    Opened,
    /// The shell ended with this code; there is no connection for this reason.
    Ended(i32),
}

// SPDX-License-Identifier: Apache-2.0
//! What a user may set: `honeypot.toml`. Every field has a default; unknown fields are refused.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

pub use crate::cell::plan::CellLimits;
pub use crate::deliver::{Collector, Format};
pub use crate::log::Rotation;

/// Everything.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where Telnet is served.
    pub telnet: Option<SocketAddr>,
    /// Where SSH is served.
    pub ssh: Option<SocketAddr>,
    /// A network service of the persona that intruders reach.
    pub service: Option<Service>,
    /// How SSH introduces itself.
    pub ssh_identification: String,
    /// Directory of the SSH host keys, which are made where there are none; none for the output directory, or new keys
    /// at every start without one.
    pub host_keys: Option<PathBuf>,
    /// Name of the device: `uname -n`, and in the login prompt.
    pub hostname: String,
    /// What is sent before the login prompt.
    pub issue: String,
    /// What is sent after login.
    pub motd: String,
    /// Who is let in.
    pub credentials: Vec<Credential>,
    /// Milliseconds until a wrong password is answered.
    pub failure_delay_ms: u64,
    /// Root directory of the persona; none for the one made of BusyBox.
    pub rootfs: Option<PathBuf>,
    /// The statically linked BusyBox that the default persona is made of.
    pub busybox: PathBuf,
    /// What `uname -r` and `uname -v` say; empty for what the host's kernel says.
    pub release: String,
    /// The second of them.
    pub build: String,
    /// Texts of files below /proc: `cpuinfo`, `version`, `sys/kernel/osrelease`. Only files that the kernel has can differ.
    pub proc: BTreeMap<String, String>,
    /// The host's user that sessions belong to, when the server is root; 65,536 users from there on.
    pub user: u32,
    /// Cells that wait for intruders.
    pub pool: usize,
    /// By Telnet, take a cell as soon as somebody is let in, and not only when something is typed.
    pub early_cells: bool,
    /// Answer DNS, HTTP, TFTP and FTP inside.
    pub sinkhole: bool,
    /// How system calls are recorded.
    pub recording: Recording,
    /// Where recordings are kept; none for events on standard output only.
    pub output: Option<PathBuf>,
    /// When logs in the output directory go on in another file.
    pub rotation: Rotation,
    /// Collectors that events are delivered to as they happen.
    pub collectors: Vec<Collector>,
    /// Longest file of a session that is kept in the output directory, in bytes; 0 for none.
    pub sample_bytes: u64,
    /// Limits of connections.
    pub limits: ConnectionLimits,
    /// Limits of one session.
    pub cell: CellLimits,
}

/// A pair that is let in; `*` stands for anything.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credential {
    /// Name.
    pub user: String,
    /// Password.
    pub password: String,
    /// Passwords that are refused nevertheless.
    #[serde(default)]
    pub except: Vec<String>,
}

/// A network service of the persona, which runs in a cell of its own for every address that connects to it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// The program, by its path in the persona or by its name, and arguments.
    pub command: Vec<String>,
    /// The TCP port at which it listens in the cell.
    #[serde(default = "web")]
    pub port: u16,
    /// Where connections to it are taken.
    pub listen: SocketAddr,
}

/// HTTP.
const fn web() -> u16 {
    80
}

/// How system calls are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Recording {
    /// By BPF where this kernel lets us, else by ptrace.
    Auto,
    /// By BPF programs on the host; without them nothing is served.
    Bpf,
    /// By ptrace: two stops a call, and nothing is ever lost.
    Ptrace,
    /// Not at all, to measure what it costs: lines are not known then either.
    None,
}

/// Limits of connections.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConnectionLimits {
    /// Connections at once.
    pub connections: usize,
    /// Connections at once of one address.
    pub connections_per_address: usize,
    /// Seconds until somebody must be logged in.
    pub login_seconds: u64,
    /// Wrong passwords until the connection is closed.
    pub login_attempts: u32,
    /// Seconds without input after which a session ends.
    pub idle_seconds: u64,
    /// Seconds after which a session ends in any case.
    pub session_seconds: u64,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            connections: 512,
            connections_per_address: 16,
            login_seconds: 60,
            login_attempts: 3,
            idle_seconds: 300,
            session_seconds: 1800,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        let credential = |user: &str, password: &str| Credential {
            user: user.to_owned(),
            password: password.to_owned(),
            except: Vec::new(),
        };
        Self {
            telnet: None,
            ssh: None,
            service: None,
            ssh_identification: "SSH-2.0-dropbear".to_owned(),
            host_keys: None,
            hostname: "router".to_owned(),
            issue: "\n".to_owned(),
            motd: String::new(),
            credentials: vec![credential("root", "*"), credential("admin", "*")],
            failure_delay_ms: 3000,
            rootfs: None,
            busybox: PathBuf::from("/bin/busybox"),
            release: String::new(),
            build: String::new(),
            proc: BTreeMap::new(),
            user: 1_879_048_192,
            pool: 4,
            early_cells: false,
            sinkhole: true,
            recording: Recording::Auto,
            output: None,
            rotation: Rotation::default(),
            collectors: Vec::new(),
            sample_bytes: 16 << 20,
            limits: ConnectionLimits::default(),
            cell: CellLimits::default(),
        }
    }
}

impl Config {
    /// Reads `honeypot.toml`.
    ///
    /// # Errors
    /// When it is no TOML, or a field is unknown or of the wrong kind; the message names line and field.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// Reads a persona, and settings that go before it. Paths in the persona are relative to its directory.
    ///
    /// # Errors
    /// As [`Config::parse`].
    pub fn parse_with_persona(
        persona: &str,
        directory: &Path,
        text: &str,
    ) -> Result<Self, toml::de::Error> {
        // Checked by itself, so that the message names its line.
        let own = Self::parse(persona)?;
        let mut merged: toml::Table = toml::from_str(persona)?;
        for (name, path) in [("rootfs", own.rootfs.as_ref()), ("busybox", Some(&own.busybox))] {
            if let (true, Some(path)) = (merged.contains_key(name), path) {
                let path = directory.join(path).to_string_lossy().into_owned();
                merged.insert(name.to_owned(), toml::Value::String(path));
            }
        }
        Self::parse(text)?;
        merge(&mut merged, toml::from_str(text)?);
        toml::Value::Table(merged).try_into()
    }
}

/// Fields of the second go before those of the first, field by field in tables.
fn merge(first: &mut toml::Table, second: toml::Table) {
    for (name, value) in second {
        match (first.get_mut(&name), value) {
            (Some(toml::Value::Table(first)), toml::Value::Table(second)) => first.extend(second),
            (_, value) => {
                first.insert(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_have_defaults_personas_give_others_and_unknown_ones_are_refused() {
        let text = "telnet = '127.0.0.1:2323'\n[cell]\nprocesses = 8\n[[credentials]]\nuser = 'root'\npassword = 'vizxv'\n";
        let config = Config::parse(text).unwrap();
        assert_eq!(config.cell.processes, 8);
        assert_eq!(config.cell.files, CellLimits::default().files);
        assert_eq!(config.credentials.len(), 1);
        let persona =
            "hostname = 'dvr'\nbusybox = 'box'\n[proc]\ncpuinfo = 'MIPS'\nversion = 'v'\n";
        let text = "motd = 'x'\n[proc]\nversion = 'w'\n";
        let merged = Config::parse_with_persona(persona, Path::new("/p"), text).unwrap();
        assert_eq!((merged.hostname.as_str(), merged.motd.as_str()), ("dvr", "x"));
        assert_eq!(merged.busybox, Path::new("/p/box"));
        assert_eq!((&*merged.proc["cpuinfo"], &*merged.proc["version"]), ("MIPS", "w"));
        let error = Config::parse("telnett = 1").unwrap_err();
        assert!(error.to_string().contains("telnett"), "{error}");
    }
}

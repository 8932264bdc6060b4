// SPDX-License-Identifier: Apache-2.0
//! What a user may set: `honeypot.toml`. Every field has a default; unknown fields are refused.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;

pub use crate::cell::plan::CellLimits;

/// Everything.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where Telnet is served.
    pub telnet: Option<SocketAddr>,
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
    /// The host's user that sessions belong to, when the server is root; 65,536 users from there on.
    pub user: u32,
    /// Cells that wait for intruders.
    pub pool: usize,
    /// Answer DNS, HTTP, TFTP and FTP inside.
    pub sinkhole: bool,
    /// Where recordings are kept; none for events on standard output only.
    pub output: Option<PathBuf>,
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
            hostname: "router".to_owned(),
            issue: "\n".to_owned(),
            motd: String::new(),
            credentials: vec![credential("root", "*"), credential("admin", "*")],
            failure_delay_ms: 3000,
            rootfs: None,
            busybox: PathBuf::from("/bin/busybox"),
            user: 1_879_048_192,
            pool: 4,
            sinkhole: true,
            output: None,
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_that_are_not_set_have_defaults_and_unknown_ones_are_refused() {
        let text = "telnet = '127.0.0.1:2323'\n[cell]\nprocesses = 8\n[[credentials]]\nuser = 'root'\npassword = 'vizxv'\n";
        let config = Config::parse(text).unwrap();
        assert_eq!(config.cell.processes, 8);
        assert_eq!(config.cell.files, CellLimits::default().files);
        assert_eq!(config.credentials.len(), 1);
        let error = Config::parse("telnett = 1").unwrap_err();
        assert!(error.to_string().contains("telnett"), "{error}");
    }
}

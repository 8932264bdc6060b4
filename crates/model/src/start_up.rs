// SPDX-License-Identifier: Apache-2.0
//! What runs when a device boots, and by which chain.

use serde::{Deserialize, Serialize};

use crate::{Evidence, FileRef};

/// One program that starts at boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartUp {
    /// The name as the last step wrote it: `httpd`, `/usr/sbin/telnetd`.
    pub command: String,
    /// Arguments as written, escaped; variables stay unexpanded where their value is not known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<String>,
    /// The file that runs, links followed; none when the name does not resolve in the image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<FileRef>,
    /// The applet, where the program is a multi-call binary such as BusyBox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applet: Option<String>,
    /// What starts it.
    pub mechanism: StartMechanism,
    /// Is the step reached on every boot, or only under a condition?
    pub certainty: StartCertainty,
    /// Does it stay as a service (respawn, daemon, `&`, procd instance), as far as the chain tells?
    pub service: bool,
    /// User, where the chain tells; otherwise root by inheritance from init.
    pub user: String,
    /// From init to this program: each step is the file and line that starts the next.
    pub chain: Vec<Evidence>,
    /// Ports that the arguments or a configuration name: `tcp:23`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub listens: Vec<String>,
}

/// What starts a program at boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StartMechanism {
    /// The kernel itself (`/init`, `/sbin/init`).
    Kernel,
    /// A line of BusyBox or SysV inittab.
    Inittab,
    /// rcS or another script that init runs.
    RcScript,
    /// SysV run-level links.
    SysvRunLevel,
    /// OpenWrt procd.
    Procd,
    /// systemd unit.
    Systemd,
    /// inetd or xinetd, on connection.
    Inetd,
    /// cron.
    Cron,
    /// hotplug or udev.
    Hotplug,
    /// A program that itself starts it, seen in its strings.
    Program,
}

/// How sure it is that a step is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StartCertainty {
    /// No condition on the way.
    Always,
    /// Behind an `if`, a `case` or `&&`.
    Conditional,
    /// Named by a program that starts at boot; when it runs it is not known.
    Possible,
}

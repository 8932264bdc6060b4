// SPDX-License-Identifier: Apache-2.0
//! One attempt, as a hook sees it, with names instead of the numbers of `struct kk_attempt`.
//!
//! It is also the JSON object that `kakoi policy simulate` reads, one a line.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::words::{Access, FileType, Op, Protect, Remote, StandardInput, Trust, Unknown, Xattr};

/// Permission bits, written in octal: `"0755"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct Mode(pub u16);

impl Serialize for Mode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:04o}", self.0))
    }
}

impl<'de> Deserialize<'de> for Mode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match u16::from_str_radix(&text, 8) {
            Ok(bits) if bits <= 0o7777 => Ok(Self(bits)),
            _ => Err(de::Error::custom(format!("`{text}` is no mode: up to four octal digits"))),
        }
    }
}

/// A file that an attempt is about.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Object {
    /// Absolute path with symbolic links resolved, from the root of the initial namespace. None for
    /// what has none, or when `unknown` says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Permission bits that it has.
    pub mode: Mode,
    /// What it is.
    #[serde(rename = "type", deserialize_with = "file_type")]
    pub kind: Option<FileType>,
    /// Why its content is trusted ([`Trust::Untainted`] is for rules only).
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub trust: BTreeSet<Trust>,
    /// A held process wrote it.
    pub tainted: bool,
    /// It has no name: memfd, deleted.
    pub unlinked: bool,
    /// It begins with `#!`.
    pub script: bool,
    /// Target of a rename: something is there.
    pub exists: bool,
    /// `/proc/PID/mem`, wherever it is mounted.
    pub proc_mem: bool,
    /// What names a helper of the kernel, likewise.
    pub kernel_helper: bool,
    /// A raw memory or flash device, by its number.
    pub raw_device: bool,
}

fn file_type<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<FileType>, D::Error> {
    FileType::deserialize(deserializer).map(Some)
}

impl Object {
    /// What it is; a regular file when nothing is said.
    #[must_use]
    pub fn file_type(&self) -> FileType {
        self.kind.unwrap_or(FileType::Regular)
    }
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Attempt {
    /// What is attempted.
    pub op: Op,
    /// The file; for exec the program.
    #[serde(default)]
    pub object: Object,
    /// Link and rename: the new name.
    #[serde(default)]
    pub target: Object,
    /// Exec: the argument vector.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub argv: Vec<String>,
    /// Exec: what standard input is.
    #[serde(default = "other_input")]
    pub stdin: StandardInput,
    /// Exec: this program was named by the `#!` line of a script that was judged before.
    #[serde(default)]
    pub via_script: bool,
    /// Exec: what makes this look like a remote session.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub remote: BTreeSet<Remote>,
    /// Permission bits asked for (create, chmod, setxattr of an ACL).
    #[serde(default)]
    pub mode: Mode,
    /// How a file is opened.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub access: BTreeSet<Access>,
    /// Setxattr: which attribute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub xattr: Option<Xattr>,
    /// Protect: what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protect: Option<Protect>,
    /// Capable: the number.
    #[serde(default)]
    pub capability: u8,
    /// Socket, bind, connect: `AF_*`.
    #[serde(default)]
    pub family: u8,
    /// Bind, connect: `IPPROTO_*`.
    #[serde(default)]
    pub protocol: u8,
    /// Bind, connect.
    #[serde(default)]
    pub port: u16,
    /// Bind, connect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// The hook can change the mode that the kernel uses.
    #[serde(default)]
    pub can_rewrite: bool,
    /// An override, granted from outside and not expired, covers the session.
    #[serde(default, rename = "override")]
    pub maintenance: bool,
    /// What the hook could not establish.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub unknown: BTreeSet<Unknown>,
}

const fn other_input() -> StandardInput {
    StandardInput::Other
}

impl Attempt {
    /// An attempt of this kind with nothing else said.
    #[must_use]
    pub fn new(op: Op) -> Self {
        Self {
            op,
            object: Object::default(),
            target: Object::default(),
            argv: Vec::new(),
            stdin: StandardInput::Other,
            via_script: false,
            remote: BTreeSet::new(),
            mode: Mode(0),
            access: BTreeSet::new(),
            xattr: None,
            protect: None,
            capability: 0,
            family: 0,
            protocol: 0,
            port: 0,
            address: None,
            can_rewrite: false,
            maintenance: false,
            unknown: BTreeSet::new(),
        }
    }

    /// The argument vector as the kernel holds it: strings with their NULs.
    #[must_use]
    pub fn argument_bytes(&self) -> Vec<u8> {
        self.argv
            .iter()
            .flat_map(|argument| argument.bytes().filter(|&b| b != 0).chain([0]))
            .collect()
    }
}

// SPDX-License-Identifier: Apache-2.0
//! The rest of the attack surface: accounts, keys, listeners, permissions, and the marks that
//! software development kits and update mechanisms leave.

use serde::{Deserialize, Serialize};

use crate::{Evidence, FileRef, Observed};

/// One account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Login name, escaped.
    pub name: String,
    /// User number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// Login shell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shell: Option<String>,
    /// State of the password.
    pub password: Password,
    /// The file and line.
    pub evidence: Evidence,
}

/// State of a password field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "password", rename_all = "kebab-case")]
pub enum Password {
    /// No password is asked.
    Empty,
    /// No password can match (`*`, `!`).
    Locked,
    /// The hash is in another file that was not found (`x` without shadow).
    Elsewhere,
    /// A hash.
    Hash {
        /// `des`, `md5`, `sha256`, `sha512`, `bcrypt`, `yescrypt`, `scrypt`.
        scheme: String,
        /// The field as it stands.
        field: String,
    },
    /// Stored in clear text in a configuration.
    ClearText {
        /// The text, escaped.
        field: String,
    },
}

/// A private key, certificate or other secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret {
    /// What it is.
    #[serde(flatten)]
    pub kind: SecretKind,
    /// All places that hold the same one.
    pub files: Vec<FileRef>,
    /// Where in the first of them.
    pub evidence: Evidence,
}

/// Kinds of secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "secret", rename_all = "kebab-case")]
pub enum SecretKind {
    /// A private key that is not encrypted, or might not be.
    PrivateKey {
        /// `rsa`, `ec`, `dsa`, `ed25519`, `unknown`.
        algorithm: String,
        /// Key length in bits.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bits: Option<u32>,
        /// Is it protected by a pass phrase?
        encrypted: bool,
        /// `pem`, `der`, `openssh`, `dropbear`.
        encoding: String,
        /// Identity of the public half: equal to that of the certificates that belong to it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        public_key: Option<String>,
    },
    /// An X.509 certificate.
    Certificate {
        /// Subject, escaped.
        subject: String,
        /// Issuer, escaped.
        issuer: String,
        /// Start of validity, seconds since 1970-01-01 UTC.
        not_before: i64,
        /// End of validity, seconds since 1970-01-01 UTC.
        not_after: i64,
        /// Public key algorithm and length: `rsa 1024`.
        key: String,
        /// Signature algorithm: `sha1WithRSAEncryption`.
        signature: String,
        /// Does the private key lie in the image too?
        private_key_present: bool,
        /// Identity of the public key.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        public_key: Option<String>,
    },
    /// A public key that lets its owner log in.
    AuthorizedKey {
        /// Key type and comment.
        key: String,
    },
    /// A token or password in a configuration or script.
    Token {
        /// What kind of token it looks like.
        kind: String,
    },
}

/// A file whose permissions matter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permission {
    /// The file.
    pub file: FileRef,
    /// Mode bits.
    pub mode: u32,
    /// Owner, where the container records it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// What is notable.
    pub notable: NotablePermission,
}

/// Notable permissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NotablePermission {
    /// Runs as its owner.
    SetUserId,
    /// Runs as its group.
    SetGroupId,
    /// Anybody may change it.
    WorldWritable,
    /// A directory in which anybody may change anything (no sticky bit).
    WorldWritableDirectory,
    /// Carries file capabilities.
    Capabilities,
}

/// A service that listens once the device has booted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// `telnet`, `ftp`, `http`, `ssh`, `upnp`, `debug-shell`, …
    pub service: String,
    /// `tcp:23`; none when the port is not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<String>,
    /// The program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<FileRef>,
    /// Does it start at boot? Undetermined: it is there, and what starts it was not seen.
    pub starts_at_boot: Observed<()>,
    /// What it rests on.
    pub evidence: Vec<Evidence>,
}

/// A mark that a chip vendor's software development kit leaves (requirement B-1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SdkMark {
    /// Chip vendor or distribution: `realtek`, `atheros`, `broadcom`, `mediatek`, `ingenic`, …
    pub vendor: String,
    /// Chip family or kit: `RTL8196C`, `LSDK 9.2.0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    /// Weight of the mark, 1 (a hint) to 3 (names the kit).
    pub weight: u8,
    /// What it rests on.
    pub evidence: Vec<Evidence>,
}

/// A mark of how the device is updated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpdateMark {
    /// `updater`, `signature-check`, `public-key`, `update-url`, `plain-http`, `automatic`.
    pub kind: String,
    /// The program, script or text.
    pub subject: String,
    /// What it rests on.
    pub evidence: Vec<Evidence>,
}

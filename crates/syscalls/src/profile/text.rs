// SPDX-License-Identifier: Apache-2.0
//! Profiles as TOML.

use super::{FORMAT, Profile};

/// Why a text is no profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed(pub String);

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Malformed {}

/// Reads a profile.
///
/// # Errors
/// With the place in the text, or the version that is not known.
pub fn parse(text: &str) -> Result<Profile, Malformed> {
    let profile: Profile = toml::from_str(text).map_err(|error| Malformed(error.to_string()))?;
    if profile.kakoi_syscalls == FORMAT {
        Ok(profile)
    } else {
        Err(Malformed(format!("profile of version {}; this is {FORMAT}", profile.kakoi_syscalls)))
    }
}

/// Writes a profile.
///
/// # Errors
/// When a number does not fit TOML's integers.
pub fn render(profile: &Profile) -> Result<String, Malformed> {
    toml::to_string(profile).map_err(|error| Malformed(error.to_string()))
}

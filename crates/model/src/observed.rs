// SPDX-License-Identifier: Apache-2.0
//! What one look at an image established: present, absent, or not to be told from here.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The result of looking for something. *Absent* is a claim; not knowing is [`Observed::Undetermined`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", content = "value", rename_all = "kebab-case")]
pub enum Observed<T> {
    /// It is there, and this is it.
    Present(T),
    /// It was looked for in the place where it would be, and is not there.
    Absent,
    /// The bytes do not tell, for this reason.
    Undetermined(Reason),
}

impl<T> Observed<T> {
    /// The value, if it is known to be there.
    pub fn present(&self) -> Option<&T> {
        match self {
            Self::Present(value) => Some(value),
            Self::Absent | Self::Undetermined(_) => None,
        }
    }

    /// Shorthand for an undetermined observation.
    pub fn undetermined(code: &'static str, detail: impl Into<String>) -> Self {
        Self::Undetermined(Reason::new(code, detail))
    }

    /// Is it known to be absent?
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// Is it known to be there?
    pub fn is_present(&self) -> bool {
        matches!(self, Self::Present(_))
    }
}

/// Why something could not be told: a stable code for programs and a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// Kebab-case, stable over versions of kakoi.
    pub code: Cow<'static, str>,
    /// One sentence; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

impl Reason {
    /// A reason with its code and sentence.
    pub fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code: Cow::Borrowed(code), detail: detail.into() }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.detail.is_empty() { f.write_str(&self.code) } else { f.write_str(&self.detail) }
    }
}

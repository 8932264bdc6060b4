// SPDX-License-Identifier: Apache-2.0
//! The rows of the infection model, and what a command is for.
//!
//! Source of the rows: Yamauchi, Okayama University, 2019-2023, Tables 1 and 2 of the research
//! report (docs/STAGES.md).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A row of the infection model. Inferred from what was done, never observed itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Stage {
    /// A Linux shell is started, or left a vendor's command line for one.
    S1,
    /// A directory is searched that can be written to.
    S2,
    /// The target is looked over: processor, tools, system.
    S3,
    /// A file is brought over the network.
    S4a,
    /// A file is written from text on command lines.
    S4b,
    /// A file is made executable.
    S5,
    /// A script is run.
    S6a,
    /// A program is run.
    S6b,
}

impl Stage {
    /// Every row, in the order of the model.
    pub const ALL: [Self; 8] =
        [Self::S1, Self::S2, Self::S3, Self::S4a, Self::S4b, Self::S5, Self::S6a, Self::S6b];

    /// The stable name: `S4a`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::S1 => "S1",
            Self::S2 => "S2",
            Self::S3 => "S3",
            Self::S4a => "S4a",
            Self::S4b => "S4b",
            Self::S5 => "S5",
            Self::S6a => "S6a",
            Self::S6b => "S6b",
        }
    }

    /// What the report calls the row, in English.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::S1 => "Start a Linux shell",
            Self::S2 => "Search for a writable directory",
            Self::S3 => "Obtain environment information of the target",
            Self::S4a => "Download file",
            Self::S4b => "Write binary by echo",
            Self::S5 => "Grant exec permission to file",
            Self::S6a => "Run shell script",
            Self::S6b => "Run binary file",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a command, or a part of one, was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// A row of the infection model.
    Stage(Stage),
    /// Traces or competitors are removed.
    CleanUp,
    /// Something that the model does not hold: persistence, destruction, other attacks.
    Outside,
}

impl Purpose {
    /// Every purpose: the rows, then the others.
    pub const ALL: [Self; 10] = [
        Self::Stage(Stage::S1),
        Self::Stage(Stage::S2),
        Self::Stage(Stage::S3),
        Self::Stage(Stage::S4a),
        Self::Stage(Stage::S4b),
        Self::Stage(Stage::S5),
        Self::Stage(Stage::S6a),
        Self::Stage(Stage::S6b),
        Self::CleanUp,
        Self::Outside,
    ];

    /// The code of the labelled transcripts: `1` to `6b`, `7` for clean-up, `-` for the rest.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Stage(stage) => stage.as_str().split_at(1).1,
            Self::CleanUp => "7",
            Self::Outside => "-",
        }
    }

    /// The row, if it is one.
    #[must_use]
    pub const fn stage(self) -> Option<Stage> {
        match self {
            Self::Stage(stage) => Some(stage),
            Self::CleanUp | Self::Outside => None,
        }
    }
}

/// The text is no code of a [`Purpose`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownPurpose;

impl fmt::Display for UnknownPurpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a stage code is one of 1, 2, 3, 4a, 4b, 5, 6a, 6b, 7, -")
    }
}

impl std::error::Error for UnknownPurpose {}

impl FromStr for Purpose {
    type Err = UnknownPurpose;

    fn from_str(code: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|purpose| purpose.code() == code).ok_or(UnknownPurpose)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_back() {
        for purpose in Purpose::ALL {
            assert_eq!(purpose.code().parse(), Ok(purpose));
        }
        assert_eq!("6b".parse(), Ok(Purpose::Stage(Stage::S6b)));
        assert_eq!("5m".parse::<Purpose>(), Err(UnknownPurpose));
    }

    #[test]
    fn names_of_rows_are_those_of_their_serialisation() {
        for stage in Stage::ALL {
            assert_eq!(serde_json::to_value(stage).unwrap(), stage.as_str());
        }
    }
}

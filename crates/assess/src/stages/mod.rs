// SPDX-License-Identifier: Apache-2.0
//! Infection stages of what an intruder typed (docs/STAGES.md).
//!
//! Text is parsed as a shell would (`kakoi-shell`), each command is turned into what it does
//! ([effects](effect)), and the stage follows from the effect and from what the session did before:
//! `cat .s` after `cp /bin/echo .s` looks at a copy, `>x` after it empties one whose mode is wanted.
//! Names of hosts, files and families play no part.
//!
//! Invariant: pure; any bytes give an answer; what is remembered of a session is bounded.

mod applets;
mod call;
mod calls;
mod classify;
mod commands;
mod effect;
mod judge;
mod matrix;
mod neighbours;
mod paths;
mod program;
mod record;
mod redirect;
mod sessions;
mod shape;
mod state;
mod summary;
mod table;
mod walk;

pub use call::family;
pub use calls::{CallClassifier, CallStage};
pub use classify::{Classifier, LineStages, MAX_LINE_BYTES, SubCommand};
pub use commands::vendor_escapes;
pub use matrix::{Labels, Matrix, Score, classify_transcript, parse_labels};
pub use record::{Record, parse_record};
pub use sessions::{SessionLine, Sessions};
pub use shape::shape_of;
pub use summary::{Counts, Family, Report, Summary};
pub use table::{CallsByLine, Table};
pub use walk::Means;

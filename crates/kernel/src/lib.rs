// SPDX-License-Identifier: Apache-2.0
//! What kakoi asks of the kernel that it runs on: confinement of the process that parses hostile
//! input, resource limits, and file mappings.
//!
//! The only crate with `unsafe`; each site says why it is sound (SAFETY) and why it is needed
//! (JUSTIFICATION).

mod attach;
mod confine;
mod filter;
mod limits;
mod map;
mod tracee;

pub use attach::{ForeignFilter, Handed, run_filtered, run_watched};
pub use confine::{Confinement, Landlocked, confine_files, confine_system_calls};
pub use filter::{Filter, worker_filter};
pub use limits::{ResourceLimits, die_with_parent, limit_resources, signal_parent};
pub use map::map_file;

// SPDX-License-Identifier: Apache-2.0
//! What kakoi asks of the kernel that it runs on: confinement of the process that parses hostile
//! input, resource limits, file mappings, and for the honeypot copies of a process in namespaces of their own and the
//! watching of their calls.
//!
//! The only crate with `unsafe`; each site says why it is sound (SAFETY) and why it is needed
//! (JUSTIFICATION).

mod attach;
mod clock;
mod confine;
mod filter;
mod fork;
mod limits;
mod map;
mod session;
mod tracee;
mod watch;

pub use attach::{ForeignFilter, Handed, run_filtered, run_watched};
pub use clock::since_boot;
pub use confine::{Confinement, Landlocked, confine_files, confine_system_calls};
pub use filter::{Filter, worker_filter};
pub use fork::{
    Fork, Signals, act_as, act_as_before, become_user, declare, fork, fork_into_namespaces,
    hide_control_groups, kill, own_mounts, signals,
};
pub use limits::{
    ResourceLimits, SessionLimits, die_with_parent, limit_resources, limit_session, signal_parent,
};
pub use map::map_file;
pub use session::{Handed as HandedCalls, session_filter};
pub use watch::{CallStop, Halt, Until, Watched};

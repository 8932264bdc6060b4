// SPDX-License-Identifier: Apache-2.0
//! What runs at boot: from init over scripts to programs, with the chain as evidence.
//!
//! How it works, and what it does not see: docs/START-UP.md.

mod boot;
mod context;
mod cron;
mod daemons;
mod hotplug;
mod inetd;
mod init;
mod inittab;
mod listens;
mod openrc;
mod openwrt;
mod program;
mod record;
mod resolve;
mod run_level;
mod shell;
mod systemd;
mod uci;
mod unit;
mod wrap;

#[cfg(test)]
mod tests;

use kakoi_model::StartUp;

use crate::Root;

pub(crate) use daemons::{KnownService, find_service};

/// Programs that start at boot in one root file system, ordered by the boot.
pub fn find_start_ups(root: &Root<'_>) -> Vec<StartUp> {
    let mut boot = boot::Boot::new(root);
    init::start(&mut boot);
    cron::start_without_daemon(&mut boot);
    hotplug::start(&mut boot);
    program::start_named(&mut boot);
    boot.found.into_start_ups()
}

// SPDX-License-Identifier: Apache-2.0
//! `kakoi honeypot` itself: the server and its keeper of cells.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;
use clap::Args;
use kakoi_honeypot::Config;

use crate::exit::{BadInput, Exit};
use crate::output;

/// Name of the hidden command that makes cells.
pub const KEEPER: &str = "keep-cells";

/// What the server is told on the command line; it goes before the file.
#[derive(Args)]
#[group(id = "serve")]
pub struct Arguments {
    /// Serve Telnet here [default: 127.0.0.1:2323]
    #[arg(long, value_name = "ADDRESS:PORT")]
    telnet: Option<SocketAddr>,
    /// Settings: credentials, banners, limits, outputs (docs/HONEYPOT.md)
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Root directory that intruders find, such as one that `kakoi extract` made [default: one of
    /// BusyBox of this machine's architecture]
    #[arg(long, value_name = "DIR")]
    rootfs: Option<PathBuf>,
    /// Keep events.jsonl, cowrie.json and recordings of terminals here [default: events on standard
    /// output]
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
}

/// Serves until it is ended.
pub fn exec(arguments: &Arguments) -> anyhow::Result<Exit> {
    let config = configuration(arguments)?;
    let mut keeper = Command::new("/proc/self/exe");
    keeper.arg(KEEPER).env_clear();
    kakoi_honeypot::serve(config, keeper, Box::new(io::stdout()), |address| {
        output::complain(&format!("Telnet at {address}"));
    })?;
    Ok(Exit::Done)
}

/// Makes cells until the server is gone.
pub fn keep() -> anyhow::Result<Exit> {
    kakoi_honeypot::keep()?;
    Ok(Exit::Done)
}

fn configuration(arguments: &Arguments) -> anyhow::Result<Config> {
    let mut config = match &arguments.config {
        None => Config::default(),
        Some(path) => {
            let place = || path.display().to_string();
            let text = std::fs::read_to_string(path).with_context(place)?;
            Config::parse(&text).map_err(|error| BadInput(error.to_string())).with_context(place)?
        }
    };
    let default = SocketAddr::from(([127, 0, 0, 1], 2323));
    config.telnet = arguments.telnet.or(config.telnet).or(Some(default));
    config.rootfs = arguments.rootfs.clone().or(config.rootfs);
    config.output = arguments.output.clone().or(config.output);
    Ok(config)
}

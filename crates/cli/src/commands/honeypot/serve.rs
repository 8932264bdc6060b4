// SPDX-License-Identifier: Apache-2.0
//! `kakoi honeypot` itself: the server and its keeper of cells.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use clap::Args;
use kakoi_honeypot::{Config, Service};

use crate::exit::{BadInput, Exit};
use crate::output;

/// Name of the hidden command that makes cells.
pub const KEEPER: &str = "keep-cells";

/// What the server is told on the command line; it goes before the file.
#[derive(Args)]
#[group(id = "serve")]
pub struct Arguments {
    /// Serve Telnet here [default: 127.0.0.1:2323, unless only SSH is asked for]
    #[arg(long, value_name = "ADDRESS:PORT")]
    telnet: Option<SocketAddr>,
    /// Serve SSH here [default: 127.0.0.1:2222, unless only Telnet is asked for]
    #[arg(long, value_name = "ADDRESS:PORT")]
    ssh: Option<SocketAddr>,
    /// Settings: credentials, banners, limits, outputs (docs/HONEYPOT.md)
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// What intruders find: a persona's directory, its TOML, or its name (`make personas`)
    #[arg(long, value_name = "NAME")]
    persona: Option<PathBuf>,
    /// Root directory that intruders find, such as one that `kakoi extract` made [default: one of
    /// BusyBox of this machine's architecture]
    #[arg(long, value_name = "DIR")]
    rootfs: Option<PathBuf>,
    /// Let intruders reach this network service of the rootfs or persona instead of a login: the program,
    /// by name or path, and its arguments (`"httpd -f -h /www"`)
    #[arg(long, value_name = "COMMAND")]
    service: Option<String>,
    /// Take connections to the service here [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS:PORT", requires = "service")]
    service_at: Option<SocketAddr>,
    /// The TCP port at which the service itself listens, inside [default: 80]
    #[arg(long, value_name = "PORT", requires = "service")]
    service_port: Option<u16>,
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
    let served = kakoi_honeypot::serve(
        config,
        keeper,
        Box::new(io::stdout()),
        output::complain,
        |listening| {
            for (name, address) in [
                ("Telnet", listening.telnet),
                ("SSH", listening.ssh),
                ("the service", listening.service),
            ] {
                if let Some(address) = address {
                    output::complain(&format!("{name} at {address}"));
                }
            }
            output::complain(&listening.recording);
        },
    );
    match served {
        Err(error) if error.is_of_input() => Err(BadInput(error.to_string()).into()),
        served => Ok(served.map(|()| Exit::Done)?),
    }
}

/// Makes cells until the server is gone.
pub fn keep() -> anyhow::Result<Exit> {
    kakoi_honeypot::keep()?;
    Ok(Exit::Done)
}

fn configuration(arguments: &Arguments) -> anyhow::Result<Config> {
    let text = match &arguments.config {
        None => String::new(),
        Some(path) => read(path)?,
    };
    let parsed = match &arguments.persona {
        None => Config::parse(&text),
        Some(name) => {
            let path = persona(name)?;
            let persona = read(&path)?;
            Config::parse_with_persona(&persona, path.parent().unwrap_or(Path::new(".")), &text)
        }
    };
    let mut config = parsed.map_err(|error| BadInput(error.to_string()))?;
    config.telnet = arguments.telnet.or(config.telnet);
    config.ssh = arguments.ssh.or(config.ssh);
    if let Some(command) = &arguments.service {
        config.service = Some(Service {
            command: command.split_whitespace().map(str::to_owned).collect(),
            port: arguments.service_port.unwrap_or(80),
            listen: arguments.service_at.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8080))),
        });
    }
    if config.telnet.is_none() && config.ssh.is_none() && config.service.is_none() {
        config.telnet = Some(SocketAddr::from(([127, 0, 0, 1], 2323)));
        config.ssh = Some(SocketAddr::from(([127, 0, 0, 1], 2222)));
    }
    config.rootfs = arguments.rootfs.clone().or(config.rootfs);
    config.output = arguments.output.clone().or(config.output);
    Ok(config)
}

fn read(path: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(path).map_err(|error| BadInput(error.to_string()));
    text.with_context(|| path.display().to_string())
}

/// Where named personas are, after the folder that `KAKOI_PERSONAS` names.
const PLACES: [&str; 2] = ["target/personas", "/usr/share/kakoi/personas"];

/// The TOML of a persona.
fn persona(name: &Path) -> anyhow::Result<PathBuf> {
    if name.is_file() {
        return Ok(name.to_owned());
    }
    let own = std::env::var_os("KAKOI_PERSONAS").map(PathBuf::from);
    let named = own.into_iter().chain(PLACES.map(PathBuf::from)).map(|place| place.join(name));
    let mut paths =
        std::iter::once(name.to_owned()).chain(named).map(|place| place.join("persona.toml"));
    paths.find(|path| path.is_file()).ok_or_else(|| {
        let reason = format!("no persona {} (make personas)", name.display());
        BadInput(reason).into()
    })
}

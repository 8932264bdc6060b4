// SPDX-License-Identifier: Apache-2.0
//! The smallest honeypot: `serve TELNET-ADDRESS|- [honeypot.toml]`. The tests of this crate use it.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::process::{Command, ExitCode};

use kakoi_honeypot::Config;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.as_slice() {
        [first] if first == "keep" => kakoi_honeypot::keep(),
        [address, rest @ ..] => {
            let text = rest
                .first()
                .map_or_else(String::new, |path| std::fs::read_to_string(path).unwrap());
            let mut config = Config::parse(&text).unwrap();
            config.telnet = address.parse().ok();
            let mut keeper = Command::new("/proc/self/exe");
            keeper.arg("keep");
            let say = |notice: &str| eprintln!("{notice}");
            kakoi_honeypot::serve(config, keeper, Box::new(std::io::stdout()), say, |listening| {
                let text = |address: Option<std::net::SocketAddr>| {
                    address.map_or_else(|| "-".to_owned(), |address| address.to_string())
                };
                let places = [listening.telnet, listening.ssh, listening.service].map(text);
                eprintln!("listening at {}", places.join(" "));
            })
        }
        [] => return ExitCode::from(2),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

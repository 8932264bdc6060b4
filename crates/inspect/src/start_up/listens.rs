// SPDX-License-Identifier: Apache-2.0
//! Where a program listens: its arguments, its configuration, its default.

use kakoi_model::ImagePath;

use super::boot::Boot;
use super::daemons::find_service;
use super::uci::Package;
use crate::Root;

/// Ports of one program.
const MAX_PORTS: usize = 16;
/// Configurations in which a key is followed by a port, by program. A `-f` or `-c` argument wins.
const CONFIGURATIONS: &[(&str, &[&str], &[&str])] = &[
    ("lighttpd", &["/etc/lighttpd/lighttpd.conf", "/etc/lighttpd.conf"], &["server.port"]),
    ("boa", &["/etc/boa/boa.conf", "/etc/boa.conf", "/web/boa.conf"], &["Port"]),
    ("mini_httpd", &["/etc/mini_httpd.conf"], &["port"]),
    ("thttpd", &["/etc/thttpd.conf"], &["port"]),
    ("sshd", &["/etc/ssh/sshd_config"], &["Port"]),
    ("vsftpd", &["/etc/vsftpd.conf", "/etc/vsftpd/vsftpd.conf"], &["listen_port"]),
    ("proftpd", &["/etc/proftpd.conf"], &["Port"]),
    ("mosquitto", &["/etc/mosquitto/mosquitto.conf"], &["listener", "port"]),
    ("nginx", &["/etc/nginx/nginx.conf"], &["listen"]),
    ("miniupnpd", &["/etc/miniupnpd.conf"], &["http_port", "port"]),
];

/// `tcp:23`, `udp:53`: what the chain tells of the ports of a program.
pub(super) fn find_ports(boot: &Boot<'_>, program: &str, arguments: &[String]) -> Vec<String> {
    if matches!(program, "nc" | "netcat" | "ncat") {
        return of_netcat(arguments);
    }
    let Some(known) = find_service(program) else { return Vec::new() };
    let protocol = known.ports.first().map_or("tcp", |port| protocol_of(port));
    let mut ports = of_arguments(arguments, known.port_option, protocol);
    if program == "uhttpd" {
        ports.extend(of_arguments(arguments, "-s", protocol));
    }
    if ports.is_empty() {
        ports = of_configuration(boot, program, arguments, protocol);
    }
    if ports.is_empty() {
        ports = known.ports.iter().map(|port| (*port).to_owned()).collect();
    }
    ports.sort();
    ports.dedup();
    ports.truncate(MAX_PORTS);
    ports
}

/// The port of a service named in inetd.conf: a number, a name of `/etc/services`, a known name.
pub(super) fn port_of_name(root: &Root<'_>, service: &str, protocol: &str) -> Option<String> {
    let protocol = if protocol.starts_with("udp") { "udp" } else { "tcp" };
    let name = service.rsplit(':').next().unwrap_or_default();
    if let Ok(port) = name.parse::<u16>() {
        return Some(format!("{protocol}:{port}"));
    }
    let services = root.read_text(&"/etc/services".into()).unwrap_or_default();
    let listed = services.lines().find_map(|line| {
        let mut fields = line.split_whitespace();
        let (own, port) = (fields.next()?, fields.next()?);
        let aliases = fields.take_while(|field| !field.starts_with('#'));
        let (number, own_protocol) = port.split_once('/')?;
        let named = own == name || aliases.into_iter().any(|alias| alias == name);
        (named && own_protocol == protocol).then(|| number.parse::<u16>().ok()).flatten()
    });
    let usual = || {
        Some(match name {
            "telnet" => 23,
            "ftp" => 21,
            "tftp" => 69,
            "ssh" => 22,
            "http" | "www" => 80,
            "https" => 443,
            "swat" => 901,
            "netbios-ssn" => 139,
            _ => return None,
        })
    };
    listed.or_else(usual).map(|port| format!("{protocol}:{port}"))
}

/// `-p 8080`, `-p8080`, `-p 0.0.0.0:80`, `--port=80`.
fn of_arguments(arguments: &[String], option: &str, protocol: &str) -> Vec<String> {
    if option.is_empty() {
        return Vec::new();
    }
    let mut ports = Vec::new();
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let value = if word == option {
            words.next().map(String::as_str)
        } else {
            word.strip_prefix(option).map(|value| value.trim_start_matches('='))
        };
        ports.extend(value.and_then(port_of_address).map(|port| format!("{protocol}:{port}")));
    }
    ports
}

fn of_netcat(arguments: &[String]) -> Vec<String> {
    if !arguments.iter().any(|word| word.starts_with('-') && word.contains('l')) {
        return Vec::new();
    }
    let port = arguments.iter().find_map(|word| word.parse::<u16>().ok());
    port.map(|port| format!("tcp:{port}")).into_iter().collect()
}

fn of_configuration(
    boot: &Boot<'_>,
    program: &str,
    arguments: &[String],
    protocol: &str,
) -> Vec<String> {
    if program == "dropbear" || program == "uhttpd" {
        return of_uci(boot, program);
    }
    let Some((_, paths, keys)) = CONFIGURATIONS.iter().find(|(name, _, _)| *name == program) else {
        return Vec::new();
    };
    let mut pairs = arguments.windows(2);
    let named = pairs.find(|pair| matches!(pair[0].as_str(), "-f" | "-c" | "-C"));
    let named = named.map(|pair| pair[1].as_str()).or_else(|| {
        arguments
            .iter()
            .map(String::as_str)
            .find(|word| word.starts_with('/') && word.ends_with(".conf"))
    });
    let text = named.into_iter().chain(paths.iter().copied()).find_map(|path| {
        let path = ImagePath::from(path);
        boot.read_text(&path).or_else(|| boot.read_text(&path.join("boa.conf")))
    });
    let mut ports = Vec::new();
    for line in text.unwrap_or_default().lines().take(5000) {
        let line = line.trim().trim_end_matches(';');
        for key in *keys {
            let Some(rest) = line.strip_prefix(key) else { continue };
            let Some(rest) = rest.strip_prefix([' ', '\t', '=']) else { continue };
            let value = rest.trim_start_matches([' ', '\t', '=']).split_whitespace().next();
            let port = value.and_then(port_of_address);
            ports.extend(port.map(|port| format!("{protocol}:{port}")));
        }
    }
    ports
}

fn of_uci(boot: &Boot<'_>, program: &str) -> Vec<String> {
    let path = ImagePath::from("/etc/config").join(program);
    let Some(text) = boot.read_text(&path) else { return Vec::new() };
    let package = Package::parse(&text);
    let options: &[&str] =
        if program == "uhttpd" { &["listen_http", "listen_https"] } else { &["Port"] };
    let sections = package.names(Some(program));
    let values = sections
        .iter()
        .flat_map(|section| options.iter().flat_map(|option| package.values(section, option)));
    values.filter_map(|value| port_of_address(&value)).map(|port| format!("tcp:{port}")).collect()
}

/// The port of `80`, `0.0.0.0:80`, `[::]:80`, `"80"`.
fn port_of_address(address: &str) -> Option<u16> {
    let address = address.trim_matches(['"', '\'']);
    let port = address.rsplit(':').next()?;
    port.parse().ok().filter(|port| *port != 0)
}

fn protocol_of(port: &str) -> &str {
    port.split(':').next().unwrap_or("tcp")
}

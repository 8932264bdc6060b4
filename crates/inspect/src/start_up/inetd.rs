// SPDX-License-Identifier: Apache-2.0
//! Services that inetd and xinetd start on connection.

use kakoi_model::{Evidence, ImagePath, StartCertainty, StartMechanism};

use super::boot::{Boot, Launch};
use super::shell::{Scope, Text};

/// Lines of one configuration.
const MAX_LINES: usize = 1000;

/// Lines `service socket protocol wait user program arguments…` of inetd.conf(5).
pub(super) fn start_services(boot: &mut Boot<'_>, launch: &Launch) {
    let named = launch.words.iter().skip(1).find(|word| !word.text.starts_with('-'));
    let named = named.and_then(|word| word.value());
    let path = ImagePath::from(named.unwrap_or("/etc/inetd.conf"));
    let Some(text) = boot.read_text(&path) else { return };
    for (number, line) in (1..).zip(text.lines().take(MAX_LINES)) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [service, _, protocol, _, user, program, rest @ ..] = fields.as_slice() else {
            continue;
        };
        if service.starts_with('#') {
            continue;
        }
        // The first argument is the program's own name; BusyBox may be told by it what to be.
        let mut words = vec![Text::known(*program)];
        let own_name = rest.first().copied().unwrap_or_default();
        let applet = program.ends_with("/busybox") && own_name != "busybox";
        words.extend(rest.iter().skip(usize::from(!applet)).map(|word| Text::known(*word)));
        let evidence = Evidence::new("inetd starts it on connection")
            .in_file(boot.root().place(&path))
            .on_line(number)
            .with_excerpt(line.as_bytes());
        let user = user.split([':', '.', '/']).next().unwrap_or_default();
        start(boot, launch, words, evidence, user, (service, protocol));
    }
}

/// `service name { … }` blocks of xinetd.conf(5) and its directory.
pub(super) fn start_extended_services(boot: &mut Boot<'_>, launch: &Launch) {
    let mut paths = vec![ImagePath::from("/etc/xinetd.conf")];
    paths
        .extend(boot.root().children(&"/etc/xinetd.d".into()).iter().map(|file| file.path.clone()));
    for path in paths {
        let Some(text) = boot.read_text(&path) else { continue };
        let mut block = Block::default();
        for (number, line) in (1..).zip(text.lines().take(MAX_LINES)) {
            let line = line.trim();
            if let Some(name) = line.strip_prefix("service ") {
                block = Block { name: name.trim().to_owned(), line: number, ..Block::default() };
            } else if line.starts_with('}') {
                start_block(boot, launch, &path, std::mem::take(&mut block));
            } else if let Some((key, value)) = line.split_once('=') {
                block.set(key.trim_end_matches('+').trim(), value.trim());
            }
        }
    }
}

#[derive(Default)]
struct Block {
    name: String,
    line: usize,
    server: Option<String>,
    arguments: String,
    user: String,
    protocol: String,
    port: Option<String>,
    disabled: bool,
}

impl Block {
    fn set(&mut self, key: &str, value: &str) {
        match key {
            "server" => self.server = Some(value.to_owned()),
            "server_args" => self.arguments = value.to_owned(),
            "user" => self.user = value.to_owned(),
            "protocol" => self.protocol = value.to_owned(),
            "port" => self.port = Some(value.to_owned()),
            "socket_type" if self.protocol.is_empty() => {
                self.protocol = if value == "dgram" { "udp" } else { "tcp" }.to_owned();
            }
            "disable" => self.disabled = value == "yes",
            _ => {}
        }
    }
}

fn start_block(boot: &mut Boot<'_>, launch: &Launch, path: &ImagePath, block: Block) {
    let Some(server) = block.server.filter(|_| !block.disabled && !block.name.is_empty()) else {
        return;
    };
    let evidence = Evidence::new("xinetd starts it on connection")
        .in_file(boot.root().place(path))
        .on_line(block.line)
        .with_excerpt(format!("service {}", block.name).as_bytes());
    let mut words = vec![Text::known(server)];
    words.extend(block.arguments.split_whitespace().map(Text::known));
    let service = block.port.as_deref().unwrap_or(&block.name);
    start(boot, launch, words, evidence, &block.user, (service, &block.protocol));
}

fn start(
    boot: &mut Boot<'_>,
    launch: &Launch,
    words: Vec<Text>,
    evidence: Evidence,
    user: &str,
    (service, protocol): (&str, &str),
) {
    let mut context = launch
        .context
        .with(evidence)
        .by(StartMechanism::Inetd)
        .at_most(StartCertainty::Conditional);
    if !user.is_empty() {
        context.user = user.to_owned();
    }
    context.service = true;
    context.port = super::listens::port_of_name(boot.root(), service, protocol);
    boot.start(Launch { words, context, scope: Scope::of_init() });
}

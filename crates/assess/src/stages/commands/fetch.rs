// SPDX-License-Identifier: Apache-2.0
//! Programs that bring files over the network.

use crate::stages::effect::{Content, Effect};
use crate::stages::paths::base;

use super::{Invocation, Options, Outcome};

/// What the program does, if it is one of these.
pub(super) fn effects(invocation: &Invocation<'_>) -> Option<Outcome> {
    let outcome = match invocation.name {
        "wget" | "wget2" | "uclient-fetch" => wget(invocation),
        "curl" => curl(invocation),
        "tftp" | "atftp" => tftp(invocation),
        "ftpget" | "ncftpget" => ftpget(invocation),
        "ftp" | "lftp" | "sftp" | "ncftp" => ftp(invocation),
        "nc" | "netcat" | "ncat" | "socat" => nc(invocation),
        "scp" | "rsync" | "rcp" => scp(invocation),
        // What SSH runs for uploads; which file is not in its words.
        "sftp-server" => Outcome::of(Effect::Fetch(None)),
        "fetch" | "axel" | "aria2c" | "lwp-download" | "GET" | "lynx" | "links" | "elinks"
        | "lwp-request" | "http" => other(invocation),
        "rx" | "lrz" | "rz" => {
            Outcome::of(Effect::Fetch(invocation.texts().last().map(Into::into)))
        }
        _ => return None,
    };
    Some(outcome)
}

fn ask() -> Outcome {
    Outcome::of(Effect::AskTool)
}

fn fetched(target: Option<&str>) -> Outcome {
    match target {
        Some("-" | "/dev/stdout" | "/dev/fd/1") | None => {
            Outcome { effects: vec![Effect::Fetch(None)], output: Content::Network }
        }
        Some(path) => Outcome::of(Effect::Fetch(Some(path.to_owned()))),
    }
}

fn wget(invocation: &Invocation<'_>) -> Outcome {
    let long = ["output-document", "directory-prefix", "timeout", "tries", "user-agent", "header"];
    let options = Options::parse(invocation.arguments, "OoPtTUewQlrA", &long);
    if options.operands.is_empty() && !options.values.iter().any(|(name, _)| name == "i") {
        return ask();
    }
    if options.flag(&["spider"]) {
        return Outcome::of(Effect::Survey);
    }
    // A wget of some vendors: `wget -g HOST -l LOCAL -r REMOTE`.
    let local = options.flag(&["g"]).then(|| options.value(&["l"])).flatten();
    let named = options.value(&["O", "output-document"]).or(local);
    let url = options.operands.last().map_or("", String::as_str);
    if named == Some("-") && tells_own_address(url) && invocation.prints {
        return Outcome::of(Effect::Survey);
    }
    fetched(Some(named.unwrap_or_else(|| name_in_url(url))))
}

/// The file name that a URL gives: `index.html` when it names none (GNU wget manual, "URL Format").
fn name_in_url(url: &str) -> &str {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    let path = path.split_once("://").map_or(path, |(_, rest)| rest);
    match path.split_once('/') {
        Some((_, rest)) if !rest.is_empty() && !rest.ends_with('/') => base(rest),
        _ => "index.html",
    }
}

fn curl(invocation: &Invocation<'_>) -> Outcome {
    let long = [
        "output",
        "data",
        "header",
        "user-agent",
        "user",
        "proxy",
        "request",
        "connect-timeout",
        "max-time",
        "retry",
        "referer",
        "cookie",
        "url",
        "upload-file",
        "form",
        "data-binary",
    ];
    let options = Options::parse(invocation.arguments, "odHAuxXebcFTmwKECrtzQDPyY", &long);
    let url = options.value(&["url"]).or(options.operands.first().map(String::as_str));
    let Some(url) = url else { return ask() };
    if options.value(&["T", "upload-file", "F", "form"]).is_some() {
        return Outcome::of(Effect::Tamper);
    }
    if options.flag(&["I", "head"]) {
        return Outcome::of(Effect::Survey);
    }
    // `-O-` is what wget has; intruders mean the same by it.
    let prints = options.flag(&["-"]) || options.operands.iter().any(|operand| operand == "-");
    let named = options.value(&["o", "output"]);
    let by_url = options.flag(&["O", "remote-name"]).then(|| name_in_url(url));
    if named.is_none() && by_url.is_none() && invocation.prints && tells_own_address(url) {
        return Outcome::of(Effect::Survey);
    }
    fetched(named.or(by_url.filter(|_| !prints)))
}

/// Services that answer with the address of who asks: nothing is brought, the network is surveyed.
fn tells_own_address(url: &str) -> bool {
    const HOSTS: [&str; 9] = [
        "ipinfo.io",
        "ifconfig.me",
        "icanhazip",
        "ip-api.com",
        "ipify.org",
        "checkip",
        "ident.me",
        "ip.sb",
        "myip",
    ];
    HOSTS.iter().any(|host| url.contains(host))
}

/// `tftp -g -r REMOTE -l LOCAL HOST` (BusyBox) and `tftp HOST -c get REMOTE [LOCAL]` (tftp-hpa).
fn tftp(invocation: &Invocation<'_>) -> Outcome {
    let texts: Vec<String> = invocation.texts().map(Into::into).collect();
    if texts.is_empty() {
        return ask();
    }
    if let Some(at) = texts.iter().position(|text| text == "get") {
        let names = texts.get(at + 1..).unwrap_or_default();
        return fetched(names.get(1).or(names.first()).map(|name| base(name)));
    }
    let options = Options::parse(invocation.arguments, "lrbc", &["option"]);
    if options.flag(&["p", "put"]) || texts.iter().any(|text| text == "put") {
        return Outcome::of(Effect::Tamper);
    }
    let named = options.value(&["l"]).or(options.value(&["r"]).map(base));
    match named {
        Some(name) => fetched(Some(name)),
        None => Outcome::of(Effect::Fetch(None)),
    }
}

/// `ftpget [-u USER] [-p PASS] [-P PORT] HOST LOCAL [REMOTE]`.
fn ftpget(invocation: &Invocation<'_>) -> Outcome {
    let options = Options::parse(invocation.arguments, "upP", &["username", "password", "port"]);
    match options.operands.as_slice() {
        [] => ask(),
        [_, local, ..] => fetched(Some(local)),
        [_] => Outcome::of(Effect::Fetch(None)),
    }
}

fn ftp(invocation: &Invocation<'_>) -> Outcome {
    if invocation.arguments.is_empty() && !invocation.is_fed() {
        return ask();
    }
    Outcome::of(Effect::Fetch(None))
}

fn nc(invocation: &Invocation<'_>) -> Outcome {
    if invocation.arguments.is_empty() {
        return ask();
    }
    let text: Vec<String> = invocation.texts().map(Into::into).collect();
    let starts_shell = |text: &String| {
        let last = text.rsplit([':', ',', ' ']).find(|part| part.contains("sh")).unwrap_or("");
        matches!(base(last), "sh" | "bash" | "ash")
    };
    if text.iter().any(starts_shell) {
        return Outcome::of(Effect::StartShell);
    }
    if invocation.is_fed() {
        return Outcome { effects: vec![Effect::Tamper], output: Content::Network };
    }
    Outcome::printing(Content::Network)
}

/// `scp -t PATH` is the receiving side of an upload (OpenSSH, scp.c).
fn scp(invocation: &Invocation<'_>) -> Outcome {
    let options = Options::parse(invocation.arguments, "PiocFlSe", &["rsh"]);
    if options.flag(&["t"]) || (options.flag(&["server"]) && !options.flag(&["sender"])) {
        return Outcome::of(Effect::Fetch(options.operands.last().cloned()));
    }
    match options.operands.split_last() {
        None => ask(),
        Some((to, from)) if from.iter().any(|name| name.contains(':')) => {
            let name = from.last().map_or("", |name| base(name));
            let directory = to == "." || to.ends_with('/') || to == "/tmp";
            fetched(Some(if directory { name } else { to }))
        }
        Some(_) => Outcome::of(Effect::Tamper),
    }
}

fn other(invocation: &Invocation<'_>) -> Outcome {
    let options = Options::parse(invocation.arguments, "oOdn", &["output", "out"]);
    let Some(url) = options.operands.first() else { return ask() };
    let prints =
        matches!(invocation.name, "lynx" | "GET" | "links" | "elinks" | "lwp-request" | "http");
    let named = options.value(&["o", "O", "output", "out"]);
    match named.or(options.operands.get(1).map(String::as_str)) {
        Some(path) => fetched(Some(path)),
        None if prints => fetched(None),
        None => fetched(Some(name_in_url(url))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_files_as_wget_does() {
        assert_eq!(name_in_url("http://192.0.2.1/a/b.sh?x=1/2"), "b.sh");
        assert_eq!(name_in_url("192.0.2.1/krax"), "krax");
        assert_eq!(name_in_url("http://192.0.2.1"), "index.html");
        assert_eq!(name_in_url("http://192.0.2.1/d/"), "index.html");
    }
}

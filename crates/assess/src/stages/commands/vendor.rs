// SPDX-License-Identifier: Apache-2.0
//! Command lines of vendors: the words by which a session gets from them to a Linux shell, and the
//! menus of RouterOS.

use crate::stages::effect::{Content, Effect};

use super::{Invocation, Outcome};

/// One way from a vendor's command line towards a shell.
struct Escape {
    /// The words, in full; further words are its arguments.
    words: &'static [&'static str],
    /// Does it stand alone, because with arguments it is something else?
    alone: bool,
    /// Where it is known from.
    source: &'static str,
}

const fn with(words: &'static [&'static str], source: &'static str) -> Escape {
    Escape { words, alone: false, source }
}

const fn only(words: &'static [&'static str], source: &'static str) -> Escape {
    Escape { words, alone: true, source }
}

/// Ways to a shell, one line each.
const ESCAPES: &[Escape] = &[
    with(&["enable"], "Cisco IOS and its imitators: privileged mode"),
    only(&["disable"], "Cisco IOS: back from privileged mode"),
    only(&["system"], "Mirai scanner.c: menu of Chinese DVRs and ONTs"),
    only(&["shell"], "Mirai scanner.c: menu entry of DVRs, Broadcom CLI"),
    only(&["linuxshell"], "Mirai descendants: ZTE and Fiberhome ONTs"),
    only(&["start"], "Mirai descendants: menu entry"),
    only(&["development"], "Mirai descendants: hidden menu of GPON ONTs"),
    with(&["start", "shell"], "Juniper Junos OS CLI User Guide"),
    with(&["start-shell"], "Extreme EXOS, ADVA"),
    with(&["config", "terminal"], "Cisco IOS: configuration mode"),
    with(&["configure", "terminal"], "Cisco IOS: configuration mode"),
    with(&["conf", "t"], "Cisco IOS: configuration mode, short"),
    only(&["configure"], "Junos, VyOS, EdgeOS: configuration mode"),
    only(&["config"], "configuration mode"),
    with(&["terminal", "shell"], "Cisco IOS.sh"),
    with(&["run", "start", "shell"], "Junos: operational command in configuration mode"),
    with(&["run", "util", "bash"], "F5 TMSH reference"),
    with(&["run", "bash"], "Cisco NX-OS, Arista EOS"),
    with(&["guestshell"], "Cisco IOS XE and NX-OS"),
    with(&["request", "platform", "software", "system", "shell"], "Cisco IOS XE"),
    with(&["request", "system", "shell"], "Junos"),
    with(&["debug", "shell"], "Dahua, Palo Alto"),
    only(&["debug"], "menu entry"),
    only(&["diagnose"], "Huawei VRP: diagnostic view"),
    only(&["diag"], "menu entry of ONTs"),
    only(&["system-view"], "Huawei VRP, H3C Comware"),
    with(&["_cmdline-mode"], "H3C Comware"),
    with(&["super"], "Huawei VRP, H3C Comware"),
    only(&["supershell"], "menu entry of ONTs"),
    with(&["su", "shell"], "menu entry"),
    only(&["expert"], "Check Point Gaia: expert mode"),
    with(&["fnsysctl"], "Fortinet FortiOS"),
    with(&["support"], "support login of DSL routers"),
    only(&["tclsh"], "Cisco IOS: Tcl shell"),
    with(&["sdl"], "menu entry"),
    only(&["hidden"], "menu entry"),
    only(&["advanced"], "menu entry"),
    only(&["busyshell"], "menu entry"),
    only(&["!sh"], "escape from pagers and ftp"),
    with(&["shell", "sh"], "menu entry with argument"),
    only(&["exec"], "menu entry"),
    only(&["ATSH"], "ZyXEL boot command line"),
    only(&["cli"], "menu entry"),
    only(&["admin"], "user name typed at a prompt"),
    only(&["root"], "user name typed at a prompt"),
];

/// What the program does, if it is one of these.
pub(super) fn effects(invocation: &Invocation<'_>) -> Option<Outcome> {
    if invocation.name == "show" {
        return Some(Outcome::of(Effect::Survey));
    }
    let words: Vec<String> = invocation.texts().map(|text| text.to_lowercase()).collect();
    let found = ESCAPES.iter().any(|escape| matches(escape, invocation.name, &words));
    found.then(|| Outcome::of(Effect::VendorWord))
}

/// The known ways from a vendor's command line to a shell, each with where it is known from.
pub fn vendor_escapes() -> impl Iterator<Item = (String, &'static str)> {
    ESCAPES.iter().map(|escape| (escape.words.join(" "), escape.source))
}

fn matches(escape: &Escape, name: &str, arguments: &[String]) -> bool {
    let Some((first, rest)) = escape.words.split_first() else { return false };
    first.eq_ignore_ascii_case(name)
        && arguments.len() >= rest.len()
        && rest.iter().zip(arguments).all(|(word, argument)| word == argument)
        && (!escape.alone || arguments.len() == rest.len())
}

/// Menus at the root of RouterOS (MikroTik RouterOS manual, "Command Line Interface").
const MENUS: &[&str] = &[
    "caps-man",
    "certificate",
    "console",
    "disk",
    "export",
    "file",
    "import",
    "interface",
    "ip",
    "ipv6",
    "log",
    "mpls",
    "ping",
    "port",
    "ppp",
    "queue",
    "radius",
    "routing",
    "snmp",
    "special-login",
    "store",
    "system",
    "tool",
    "user",
];

/// Is the word the start of a RouterOS command: `/ip`, `/system/scheduler`?
pub(in crate::stages) fn is_menu(word: &str) -> bool {
    let Some(rest) = word.strip_prefix('/') else { return false };
    let top = rest.split('/').next().unwrap_or(rest);
    !rest.contains('.') && MENUS.contains(&top)
}

/// What a RouterOS command does: its menu and verb say.
pub(in crate::stages) fn menu_command(word: &str, invocation: &Invocation<'_>) -> Outcome {
    let arguments: Vec<String> = invocation.texts().map(Into::into).collect();
    let words = word.split('/').chain(arguments.iter().map(String::as_str));
    let words: Vec<&str> = words.filter(|word| !word.is_empty() && !word.contains('=')).collect();
    let has = |wanted: &str| words.contains(&wanted);
    let value =
        |name: &str| arguments.iter().find_map(|text| text.strip_prefix(name).map(str::to_owned));
    let effect = if has("fetch") {
        let url = value("url=").unwrap_or_default();
        let from_url = url.rsplit('/').next().filter(|name| !name.is_empty()).map(str::to_owned);
        Effect::Fetch(value("dst-path=").or(from_url))
    } else if has("import") {
        Effect::Interpret(value("file-name=").or_else(|| arguments.first().cloned()))
    } else if has("script") && has("run") {
        Effect::Interpret(None)
    } else if has("add") || has("set") || has("remove") || has("send") || has("enable") {
        Effect::Tamper
    } else if words.len() == 1 && arguments.is_empty() && !has("export") {
        Effect::Enter(word.to_owned())
    } else if ["print", "export", "getall", "monitor", "ping", "get", "find"]
        .iter()
        .any(|verb| has(verb))
    {
        Effect::Survey
    } else {
        Effect::Tamper
    };
    Outcome { effects: vec![effect], output: Content::Program }
}

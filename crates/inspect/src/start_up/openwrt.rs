// SPDX-License-Identifier: Apache-2.0
//! OpenWrt's shell functions, modelled: `rc.common`, procd instances, UCI, preinit hooks.
//!
//! Their own code works through `uci` and `ubus`, which are programs; what those would answer is
//! taken from `/etc/config` of the image instead. A package whose configuration is made on first
//! boot is not known, and what depends on it is conditional.

use std::collections::BTreeMap;

use kakoi_model::{ImagePath, StartCertainty, StartMechanism};

use super::boot::Launch;
use super::shell::{Command, Scope, Shell, Text};
use super::uci::Package;

/// What the functions keep between calls.
#[derive(Default)]
pub(super) struct Memory {
    /// Is the script read by `rc.common`?
    common: bool,
    /// Is it read again, on an event?
    reloading: bool,
    instance: Option<Instance>,
    package: Option<Package>,
    hooks: BTreeMap<String, Vec<String>>,
}

/// A procd instance while it is described.
#[derive(Default)]
struct Instance {
    words: Vec<Text>,
    user: Option<String>,
}

/// Runs an init script as `rc.common` does: read it, then call the action that `$1` names.
pub(super) fn run_init_script(shell: &mut Shell<'_, '_>, commands: &Command) {
    shell.wrt.common = true;
    shell.wrt.reloading = shell.first_argument().as_deref() == Some("reload");
    let action = shell.first_argument();
    shell.follow(commands);
    let action = action.as_deref().unwrap_or("start");
    match action {
        "boot" if shell.scope.has_function("boot") => {
            shell.call("boot", Vec::new());
            triggers(shell);
        }
        "reload" if shell.scope.has_function("reload_service") => {
            shell.call("reload_service", Vec::new());
        }
        "boot" | "start" | "restart" | "reload" => {
            start(shell);
            triggers(shell);
        }
        "stop" | "shutdown" | "enable" | "disable" | "enabled" | "running" | "help" => {}
        other => drop(shell.call(other, Vec::new())),
    }
}

fn start(shell: &mut Shell<'_, '_>) {
    if uses_procd(shell) {
        shell.call("start_service", Vec::new());
        shell.call("service_started", Vec::new());
    } else {
        shell.call("start", Vec::new());
    }
}

/// What procd runs on events of the network, which a boot brings.
fn triggers(shell: &mut Shell<'_, '_>) {
    if uses_procd(shell) && !shell.wrt.reloading {
        shell.call("service_triggers", Vec::new());
    }
}

fn trigger(shell: &mut Shell<'_, '_>, event: &Text, words: &[Text]) {
    if event.text.starts_with("interface") {
        let context = shell.context_here().by(StartMechanism::Procd);
        let context = context.at_most(StartCertainty::Conditional);
        shell.boot.start(Launch { words: words.to_vec(), context, scope: Scope::of_init() });
    }
}

fn uses_procd(shell: &Shell<'_, '_>) -> bool {
    shell.scope.value("USE_PROCD").is_none_or(|value| !value.is_empty())
}

/// Runs a function that is modelled; false when `name` is none.
pub(super) fn run_known_function(shell: &mut Shell<'_, '_>, name: &str, words: &[Text]) -> bool {
    if !shell.boot.is_openwrt() {
        return false;
    }
    if name.starts_with("procd_") || name.starts_with("service_") {
        return run_procd(shell, name, words);
    }
    if name.starts_with("json_") || name.starts_with("ucidef_") {
        // Descriptions for other programs: they start nothing, and what they answer is not known.
        if let ("json_get_var" | "json_get_vars" | "json_get_values", Some(variable)) =
            (name, words.first())
        {
            shell.scope.set(&variable.text, None);
        }
        shell.set_status(None);
        shell.print_unknown();
        return true;
    }
    match name {
        "start" if shell.wrt.common && uses_procd(shell) => start(shell),
        "rc_procd" => call(shell, words, &[]),
        "config_load" => load(shell, words),
        "config_foreach" => for_each_section(shell, words),
        "config_get" | "config_get_bool" => read_option(shell, words),
        "config_list_foreach" => for_each_value(shell, words),
        "uci_validate_section" | "uci_load_validate" => validate(shell, name, words),
        "append" => append(shell, words),
        "include" => include(shell, words),
        "boot_hook_add" => {
            if let [hook, function, ..] = words {
                let hooks = shell.wrt.hooks.entry(hook.text.clone()).or_default();
                hooks.push(function.text.clone());
            }
        }
        "boot_run_hook" => run_hook(shell, words),
        "boot_hook_init" | "config_cb" | "reset_cb" | "extra_command" => {}
        _ => return false,
    }
    true
}

fn run_procd(shell: &mut Shell<'_, '_>, name: &str, words: &[Text]) -> bool {
    match name {
        "procd_open_instance" => shell.wrt.instance = Some(Instance::default()),
        "procd_set_param" | "procd_append_param" => {
            let Some((kind, values)) = words.split_first() else { return true };
            let instance = shell.wrt.instance.get_or_insert_default();
            match kind.value() {
                Some("command") if name == "procd_set_param" => instance.words = values.to_vec(),
                Some("command") => instance.words.extend(values.iter().cloned()),
                Some("user") => instance.user = values.first().map(|user| user.text.clone()),
                _ => {}
            }
        }
        "procd_close_instance" => {
            let instance = shell.wrt.instance.take().unwrap_or_default();
            start_service(shell, instance);
        }
        "procd_add_instance" => {
            start_service(shell, Instance { words: words.to_vec(), user: None })
        }
        "service_start" => start_service(shell, Instance { words: words.to_vec(), user: None }),
        "procd_add_raw_trigger" | "procd_add_interface_trigger" => {
            if let [event, _, rest @ ..] = words {
                trigger(shell, event, rest);
            }
        }
        "service_triggers" | "service_running" | "service_started" | "service_data" => {
            return false;
        }
        "service_check" | "service_stop" | "service_reload" => {}
        _ if name.starts_with("procd_") => {}
        _ => return false,
    }
    true
}

fn start_service(shell: &mut Shell<'_, '_>, instance: Instance) {
    let mut context = shell.context_here().by(StartMechanism::Procd);
    context.service = true;
    context.user = instance.user.unwrap_or(context.user);
    let scope = shell.scope.clone();
    shell.boot.start(Launch { words: instance.words, context, scope });
}

/// Calls the function that the first word names, with the other words after `before`.
fn call(shell: &mut Shell<'_, '_>, words: &[Text], before: &[Text]) {
    let Some((function, rest)) = words.split_first() else { return };
    let Some(function) = function.value() else { return };
    let arguments = before.iter().chain(rest).cloned().collect();
    shell.call(function, arguments);
}

fn load(shell: &mut Shell<'_, '_>, words: &[Text]) {
    let name = words.first().and_then(Text::value);
    let path = name.map(|name| ImagePath::from("/etc/config").join(name));
    let text = path.and_then(|path| shell.boot.read_text(&path));
    shell.wrt.package = text.map(|text| Package::parse(&text));
}

fn for_each_section(shell: &mut Shell<'_, '_>, words: &[Text]) {
    let Some((function, rest)) = words.split_first() else { return };
    let kind = rest.first().map(|kind| kind.text.clone());
    let rest = rest.get(1..).unwrap_or_default();
    let names = shell.wrt.package.as_ref().map(|package| package.names(kind.as_deref()));
    let words: Vec<Text> = std::iter::once(function).chain(rest).cloned().collect();
    match names {
        Some(names) => {
            for name in names {
                call(shell, &words, &[Text::known(name)]);
            }
        }
        // `config_generate` always makes one section of this type on first boot.
        None if kind.as_deref() == Some("system") => {
            call(shell, &words, &[Text::unknown("$section")]);
        }
        // The package is made on first boot: one section, of which nothing is known.
        None => shell.under_doubt(|shell| call(shell, &words, &[Text::unknown("$section")])),
    }
}

fn read_option(shell: &mut Shell<'_, '_>, words: &[Text]) {
    let [variable, section, option, default @ ..] = words else {
        return shell.print_unknown();
    };
    let Some(variable) = variable.value() else { return };
    let default = default.first().cloned().unwrap_or_else(|| Text::known(""));
    let value = match (&shell.wrt.package, section.value(), option.value()) {
        (Some(package), Some(section), Some(option)) => {
            Some(package.value(section, option).map_or(default, Text::known))
        }
        _ => None,
    };
    let value = value.filter(|value| value.known).map(|value| match value.text.as_str() {
        "on" | "true" | "yes" | "enabled" => "1".to_owned(),
        "off" | "false" | "no" | "disabled" => "0".to_owned(),
        _ => value.text,
    });
    shell.scope.set(variable, value);
}

fn for_each_value(shell: &mut Shell<'_, '_>, words: &[Text]) {
    let [section, option, rest @ ..] = words else { return };
    let Some(package) = &shell.wrt.package else {
        return shell.under_doubt(|shell| call(shell, rest, &[Text::unknown("$value")]));
    };
    let values = match (section.value(), option.value()) {
        (Some(section), Some(option)) => package.values(section, option),
        _ => Vec::new(),
    };
    for value in values {
        call(shell, rest, &[Text::known(value)]);
    }
}

/// `uci_validate_section package type section 'option:type:default' …` sets the options.
fn validate(shell: &mut Shell<'_, '_>, name: &str, words: &[Text]) {
    let [package, _kind, section, rest @ ..] = words else { return };
    load(shell, std::slice::from_ref(package));
    let (function, rest) = match (name, rest.split_first()) {
        ("uci_load_validate", Some((function, rest))) => (Some(function.clone()), rest),
        _ => (None, rest),
    };
    for rule in rest.iter().filter_map(Text::value) {
        let mut parts = rule.splitn(3, ':');
        let (option, default) = (parts.next().unwrap_or_default(), parts.nth(1));
        let value = match (&shell.wrt.package, section.value()) {
            (Some(package), Some(section)) => Some(
                package.value(section, option).or(default.map(str::to_owned)).unwrap_or_default(),
            ),
            _ => None,
        };
        shell.scope.set(option, value);
    }
    shell.set_status(Some(true));
    if let Some(function) = function {
        call(shell, &[function, section.clone(), Text::known("0")], &[]);
    }
}

fn append(shell: &mut Shell<'_, '_>, words: &[Text]) {
    let [variable, value, ..] = words else { return };
    let separator = words.get(2).map_or(" ", |separator| separator.text.as_str());
    let old = shell.scope.value(&variable.text).map(str::to_owned);
    let new = match (old, value.value()) {
        (Some(old), Some(value)) if old.is_empty() => Some(value.to_owned()),
        (Some(old), Some(value)) => Some(format!("{old}{separator}{value}")),
        _ => None,
    };
    shell.scope.set(&variable.text, new);
}

fn include(shell: &mut Shell<'_, '_>, words: &[Text]) {
    let Some(directory) = words.first().and_then(Text::value) else { return };
    let root = shell.boot.root();
    for child in root.children(&ImagePath::from(directory)) {
        if child.path.file_name().ends_with(b".sh") {
            shell.source_file(&child.path);
        }
    }
}

fn run_hook(shell: &mut Shell<'_, '_>, words: &[Text]) {
    let Some(hook) = words.first() else { return };
    let functions = shell.wrt.hooks.get(&hook.text).cloned().unwrap_or_default();
    for function in functions {
        shell.call(&function, Vec::new());
    }
}

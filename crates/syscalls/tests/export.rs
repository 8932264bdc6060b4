// SPDX-License-Identifier: Apache-2.0
//! Rules in the words of other systems.
#![allow(clippy::expect_used, reason = "a test may fail")]

use kakoi_syscalls::export::{Subject, Target, render};
use kakoi_syscalls::filter::{Action, Architecture, CallRule, Check, Rules, Table};

fn table() -> Table {
    [("read", 0), ("ioctl", 16), ("socket", 41), ("clone3", 435), ("execve", 59), ("mount", 165)]
        .map(|(name, number)| (name.to_owned(), number))
        .into()
}

fn rules(action: Action) -> Rules {
    let mut rules = Rules::new(Architecture::X86_64, action);
    let check = |argument, values: &[u64]| Check {
        argument,
        mask: 0xffff_ffff,
        values: values.iter().copied().collect(),
    };
    rules.calls.insert(0, CallRule::default());
    rules.calls.insert(16, CallRule { checks: vec![check(1, &[0x5401, 0x5413])], frequency: 0 });
    rules
        .calls
        .insert(41, CallRule { checks: vec![check(0, &[1, 2]), check(1, &[1])], frequency: 0 });
    rules.missing.insert(435);
    rules
}

fn text(target: Target, action: Action) -> String {
    let (rules, table) = (rules(action), table());
    let subject = Subject {
        program: "/usr/sbin/ht*tpd",
        profile: "httpd.syscalls.toml",
        rules: &rules,
        table: &table,
    };
    render(target, subject).expect("fits")
}

#[test]
fn systemd_gets_names_and_what_it_cannot_check_as_comments() {
    let text = text(Target::Systemd, Action::REFUSE);
    assert!(
        text.contains("SystemCallFilter=ioctl read socket\nSystemCallErrorNumber=EPERM\n"),
        "{text}"
    );
    assert!(text.contains("# ioctl: 1 of its arguments"));
    assert!(text.contains("NoNewPrivileges=yes\nSystemCallArchitectures=native\n"));
}

#[test]
fn containers_get_conditions_and_the_start_of_the_program() {
    let value: serde_json::Value = text(Target::Oci, Action::Kill).parse().expect("JSON");
    assert_eq!(value["defaultAction"], "SCMP_ACT_KILL_PROCESS");
    assert_eq!(value["architectures"][0], "SCMP_ARCH_X86_64");
    assert_eq!(value["syscalls"][0]["names"], serde_json::json!(["execve", "read"]));
    let conditions = value["syscalls"].as_array().expect("a list");
    let of = |name: &str| {
        conditions
            .iter()
            .filter(|entry| entry["names"][0] == name && !entry["args"].is_null())
            .count()
    };
    assert_eq!((of("ioctl"), of("socket")), (2, 2));
    assert_eq!(conditions.last().expect("some")["errnoRet"], 38);
}

#[test]
fn ujail_gets_the_format_of_old_and_new_releases() {
    let value: serde_json::Value = text(Target::Ujail, Action::REFUSE).parse().expect("JSON");
    assert_eq!(value["whitelist"], serde_json::json!(["ioctl", "read", "socket"]));
    assert_eq!((&value["policy"], &value["defaultErrnoRet"]), (&1.into(), &1.into()));
}

#[test]
fn minijail_gets_every_combination_of_values() {
    let text = text(Target::Minijail, Action::Kill);
    assert!(text.contains("\nioctl: arg1 == 0x5401 || arg1 == 0x5413\nread: 1\n"), "{text}");
    assert!(text.contains("socket: arg0 == 0x1 && arg1 == 0x1 || arg0 == 0x2 && arg1 == 0x1\n"));
    assert!(text.ends_with("clone3: return 38\n"));
}

#[test]
fn the_header_compiles_and_holds_the_filter() {
    let text = text(Target::CHeader, Action::Kill);
    assert!(text.contains(
        "static const struct sock_filter kakoi_ht_tpd_filter[] = {\n\t{ 0x20, 0, 0, 0x00000004 },\n"
    ));
    let directory = tempfile::tempdir().expect("a directory");
    let source = directory.path().join("filter.c");
    std::fs::write(&source, text + "int main(void) { return sizeof kakoi_ht_tpd_filter % 8; }\n")
        .expect("writable");
    let status = std::process::Command::new("gcc")
        .args(["-Wall", "-Werror", "-o"])
        .args([&directory.path().join("filter"), &source])
        .status();
    assert!(status.expect("needs gcc (tools/install.sh test)").success());
}

#[test]
fn apparmor_gets_networks_and_no_mounts() {
    let text = text(Target::Apparmor, Action::Kill);
    assert!(text.contains("  network inet,\n  network unix,\n"), "{text}");
    assert!(!text.contains("mount") && !text.contains("ptrace"));
    assert!(text.contains("profile ht_tpd \"/usr/sbin/ht_tpd\" {"));
}

#[test]
fn kakoi_gets_a_domain() {
    let text = text(Target::Kakoi, Action::REFUSE);
    assert!(
        text.ends_with("syscalls = { profile = \"httpd.syscalls.toml\", action = \"errno\" }\n"),
        "{text}"
    );
}

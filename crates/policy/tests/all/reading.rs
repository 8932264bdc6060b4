// SPDX-License-Identifier: Apache-2.0
//! What a policy's author is told.

use kakoi_policy::{Severity, read};

/// `LINE:COLUMN message` of every error.
fn errors(text: &str) -> Vec<String> {
    let reading = read(text);
    assert_eq!(
        reading.policy.is_none(),
        reading.diagnostics.iter().any(|one| one.severity == Severity::Error)
    );
    let errors = reading.diagnostics.iter().filter(|one| one.severity == Severity::Error);
    errors.map(|one| format!("{} {}", one.place, one.message)).collect()
}

#[test]
fn all_errors_are_told_at_once_with_line_and_column() {
    let text = "kakoi = 1\n[domain.a]\nenter.exec = \"/x\"\nshel-start = \"deny\"\nscript-exec = \"rewrite\"\n\
                grant-exec = { action = \"dney\" }\nexec-outside = { trusted = [\"romfs\"] }\n\
                network.bind = [\"tcp:99999\"]\nfiles.read = [\"etc/x\", \"/a/../b\"]\n\
                [domain.everyone]\nenter.parent = \"b\"\n";
    let expected = [
        "4:1 unknown key `shel-start`",
        "5:15 `rewrite` has no meaning for script-exec",
        "6:25 `dney` is not known here",
        "7:1 exec-outside says no action",
        "7:29 `romfs` is not known here",
        "8:17 `tcp:99999`: `99999` is no port",
        "9:15 `etc/x`: a path begins with a slash",
        "9:24 `/a/../b`: a path has no empty part, no `.` and no `..`",
        "10:9 `everyone` is the domain of all processes",
        "11:16 `b` is not known here",
    ];
    assert_eq!(errors(text), expected);
}

#[test]
fn misspelt_words_are_answered_with_the_right_ones() {
    let text = "kakoi = 1\n[domain.a]\nenter.descend-from = \"telnetd\"\nshell-start = { action = \"dney\", treu = 1 }\n";
    let reading = read(text);
    let helps: Vec<&str> =
        reading.diagnostics.iter().filter_map(|one| one.help.as_deref()).collect();
    assert!(helps.contains(&"did you mean `descends-from`?"), "{helps:?}");
    assert!(helps.contains(&"did you mean `deny`?"), "{helps:?}");
    let shown = reading.render("x.toml", text);
    assert!(shown.contains("x.toml:4:26: error: `dney` is not known here\n"), "{shown}");
    assert!(shown.contains("    4 | shell-start = { action = \"dney\", treu = 1 }\n      |                          ^^^^^^\n"), "{shown}");
}

#[test]
fn a_key_in_the_wrong_table_is_sent_home() {
    let reading =
        read("kakoi = 1\nshell-start = \"deny\"\n[domain.a]\nenter.exec = \"/x\"\nexec = []\n");
    assert_eq!(
        reading.diagnostics[0].help.as_deref(),
        Some("`shell-start` belongs into the table `domain`")
    );
}

#[test]
fn errors_of_syntax_are_told_with_their_place() {
    let found = errors("kakoi = 1\n[domain.a\nenter.exec = \"/x\"\nname = = 2\n");
    assert!(found.len() >= 2, "{found:?}");
    assert!(found[0].starts_with("2:"), "{found:?}");
}

#[test]
fn a_policy_without_version_domain_or_authority_is_refused() {
    assert_eq!(errors(""), ["1:1 `kakoi = 1` is missing: the version of the language"]);
    assert_eq!(errors("kakoi = 2\n"), ["1:9 unknown version of the language"]);
    assert_eq!(errors("kakoi = 1\n"), ["1:1 the policy has no domain"]);
    let open = errors(
        "kakoi = 1\n[domain.a]\nenter.exec = \"/x\"\nexec = []\n[override]\nlifts = [\"self-protect\"]\n",
    );
    assert_eq!(
        open,
        ["5:2 an override must say who may grant it", "6:10 self-protection cannot be lifted"]
    );
}

#[test]
fn a_session_cannot_be_replaced() {
    let text = "kakoi = 1\n[domain.s]\nenter.descends-from = \"telnetd\"\n[domain.h]\nenter = { exec = \"/x\", replaces = \"s\" }\nexec = []\n";
    assert_eq!(errors(text), ["4:9 `h` replaces a session"]);
}

#[test]
fn a_domain_that_nobody_enters_or_that_says_nothing_is_told() {
    assert_eq!(errors("kakoi = 1\n[domain.a]\nexec = []\n"), ["2:9 nobody enters the domain `a`"]);
    let reading = read("kakoi = 1\n[domain.a]\nenter.exec = \"/x\"\n");
    assert_eq!(reading.diagnostics[0].severity, Severity::Warning);
    assert_eq!(reading.diagnostics[0].message, "the domain `a` has no rule");
}

#[test]
fn equal_text_compiles_to_equal_bytes_and_another_order_to_the_same_decisions() {
    let text = "kakoi = 1\n[domain.a]\nenter.exec = [\"/x\", \"/y\"]\nexec = [\"/z\"]\n";
    let blob = |text: &str| kakoi_policy::compile(&crate::policy(text)).unwrap();
    assert_eq!(blob(text), blob(text));
    let other =
        "# a comment\nkakoi = 1\n[domain.a]\nexec = [\"/z\"]\nenter.exec = [\"/y\", \"/x\"]\n";
    let differences = kakoi_policy::differences(&crate::policy(text), &crate::policy(other));
    assert!(differences.is_empty(), "{differences:?}");
}

#[test]
fn what_changes_a_decision_is_a_difference() {
    let text =
        |rule: &str| format!("kakoi = 1\n[domain.a]\nenter.descends-from = \"telnetd\"\n{rule}\n");
    let of = |old: &str, new: &str| {
        kakoi_policy::differences(&crate::policy(&text(old)), &crate::policy(&text(new)))
    };
    assert_eq!(
        of("shell-start = \"deny\"", "shell-start = \"audit\""),
        ["a: shell-start: deny -> audit (looser)"]
    );
    assert_eq!(of("", "grant-exec = \"rewrite\""), ["a: grant-exec: allow -> rewrite (stricter)"]);
    assert_eq!(of("taint = false", ""), ["a: taint false -> true"]);
}

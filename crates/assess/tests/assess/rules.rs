// SPDX-License-Identifier: Apache-2.0
//! What holds for every rule, and the distinctions that matter most.

use std::collections::BTreeSet;

use crate::router;
use crate::router::build::{binary, hardened, hidden, place, regular};
use kakoi_assess::{RULES, assess, new_findings, weigh};
use kakoi_model::*;

/// Facts with one program at this path.
fn with_program(elf: ElfFacts) -> Vec<Fact> {
    let digest = Digest::of(place(1, "/usr/bin/app").path.as_bytes());
    vec![
        Fact::File(regular(1, "/usr/bin/app", 0o755, 1)),
        Fact::Elf(OfContent { digest, facts: elf }),
    ]
}

fn listener(starts_at_boot: Observed<()>) -> Fact {
    Fact::Listener(Listener {
        service: "http".into(),
        port: None,
        program: Some(place(1, "/usr/bin/app")),
        starts_at_boot,
        evidence: vec![],
    })
}

fn severity_of(lines: Vec<Fact>, rule: &str) -> Option<Severity> {
    assess(&Facts { lines }).into_iter().find(|it| it.rule == rule).map(|it| it.severity)
}

#[test]
fn codes_are_kebab_case_unique_and_documented() {
    let mut seen = BTreeSet::new();
    for rule in RULES {
        let doc = &rule.doc;
        assert!(seen.insert(doc.code), "{} twice", doc.code);
        assert!(doc.code.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{}", doc.code);
        assert!(doc.mildest <= doc.worst, "{}", doc.code);
        for text in [doc.title, doc.how, doc.false_positives, doc.false_negatives, doc.remedy] {
            assert!(!text.trim().is_empty() && !text.contains("  "), "{}: {text}", doc.code);
        }
    }
    assert!(RULES.len() >= 35);
}

#[test]
fn hardened_program_gives_no_finding() {
    let mut lines = with_program(hardened());
    lines.push(listener(Observed::Present(())));
    let own = |finding: &Finding| finding.subject == "/usr/bin/app";
    let findings = assess(&Facts { lines });
    assert!(!findings.iter().any(own), "{findings:#?}");
}

#[test]
fn undetermined_mitigations_are_counted_and_never_found() {
    let assessment = weigh(&Facts { lines: with_program(hidden()) });
    assert_eq!(assessment.findings, vec![]);
    for rule in ["executable-stack", "no-pie", "writable-got", "no-stack-protector"] {
        assert_eq!(assessment.cannot_tell.get(rule), Some(&1), "{rule}");
    }
}

#[test]
fn severity_rises_at_boot_and_again_for_listeners() {
    let start = Fact::StartUp(StartUp {
        command: "app".into(),
        arguments: vec![],
        program: Some(place(1, "/usr/bin/app")),
        applet: None,
        mechanism: StartMechanism::RcScript,
        certainty: StartCertainty::Always,
        service: true,
        user: "root".into(),
        chain: vec![],
        listens: vec![],
    });
    let program = || with_program(binary(&[]));
    let with = |fact: Fact| [program(), vec![fact]].concat();
    assert_eq!(severity_of(program(), "no-pie"), Some(Severity::Info));
    assert_eq!(severity_of(with(start), "no-pie"), Some(Severity::Low));
    let listening = with(listener(Observed::Present(())));
    assert_eq!(severity_of(listening, "no-pie"), Some(Severity::Medium));
    let perhaps = with(listener(Observed::undetermined("no-start-seen", "")));
    assert_eq!(severity_of(perhaps, "no-pie"), Some(Severity::Info));
}

#[test]
fn library_is_as_exposed_as_the_program_that_loads_it_through_links() {
    let findings = assess(&router::facts());
    let of = |path: &str| {
        let mut own = findings.iter().filter(|it| it.rule == "no-stack-protector");
        own.find(|it| it.subject == path).map(|it| (it.severity, it.starts_at_boot))
    };
    assert_eq!(of("/lib/libcrypto.so.0.9.8"), Some((Severity::Medium, true)));
    assert_eq!(of("/lib/libuClibc-0.9.30.so"), Some((Severity::Medium, true)));
    assert_eq!(of("/usr/sbin/dnsmasq"), Some((Severity::Info, false)));
}

#[test]
fn dates_need_the_time_of_the_scan() {
    let mut facts = router::facts();
    let dated = ["end-of-life-kernel", "end-of-life-component", "expired-certificate"];
    let found = |facts: &Facts| -> Vec<String> {
        let codes: BTreeSet<_> = assess(facts).into_iter().map(|it| it.rule.into_owned()).collect();
        dated.iter().filter(|code| codes.contains(**code)).map(|code| (*code).to_owned()).collect()
    };
    assert_eq!(found(&facts), dated);
    set_time(&mut facts, Some(946_684_800));
    assert_eq!(found(&facts), Vec::<String>::new());
    set_time(&mut facts, None);
    assert_eq!(found(&facts), Vec::<String>::new());
    assert_eq!(weigh(&facts).cannot_tell.get("end-of-life-kernel"), Some(&1));
}

fn set_time(facts: &mut Facts, time: Option<i64>) {
    for fact in &mut facts.lines {
        if let Fact::Image(image) = fact {
            image.scanned_at = time;
        }
    }
}

#[test]
fn fingerprints_do_not_depend_on_container_numbers_or_offsets() {
    let before = assess(&router::facts());
    let text = router::facts().to_json_lines().unwrap();
    let moved = text
        .replace("\"container\":1,", "\"container\":9,")
        .replace("\"id\":1,", "\"id\":9,")
        .replace("\"offset\":331808", "\"offset\":7");
    let after = assess(&Facts::from_json_lines(&moved).unwrap());
    let prints = |findings: &[Finding]| -> BTreeSet<String> {
        findings.iter().map(|it| it.fingerprint.clone()).collect()
    };
    assert_eq!(prints(&before), prints(&after));
    assert_eq!(prints(&before).len(), before.len(), "one finding per fingerprint");
    assert_eq!(new_findings(&after, &before), vec![]);
}

#[test]
fn baseline_lets_only_new_and_worse_findings_through() {
    let findings = assess(&router::facts());
    let mut baseline = findings.clone();
    let gone = baseline.remove(0);
    let milder = baseline.iter_mut().find(|it| it.severity == Severity::High).unwrap();
    milder.severity = Severity::Low;
    let milder = milder.fingerprint.clone();
    let new: BTreeSet<_> =
        new_findings(&findings, &baseline).into_iter().map(|it| it.fingerprint).collect();
    assert_eq!(new, BTreeSet::from([gone.fingerprint, milder]));
    assert_eq!(new_findings(&findings, &findings), vec![]);
}

#[test]
fn findings_are_worst_first_and_do_not_depend_on_the_order_of_facts() {
    let findings = assess(&router::facts());
    assert!(findings.is_sorted_by(|a, b| a.severity >= b.severity));
    let mut reversed = router::facts();
    reversed.lines.reverse();
    let prints = |all: &[Finding]| all.iter().map(|it| it.fingerprint.clone()).collect::<Vec<_>>();
    assert_eq!(prints(&assess(&reversed)), prints(&findings));
}

#[test]
fn empty_facts_give_no_findings() {
    assert_eq!(assess(&Facts::default()), vec![]);
}

#[test]
fn accounts_and_addresses_that_only_a_running_script_knows_are_not_judged() {
    let account = crate::router::surface::account("$login", 0, Password::Empty, 1);
    let mark = |subject: &str| {
        Fact::UpdateMark(UpdateMark {
            kind: "update-url".into(),
            subject: subject.into(),
            evidence: vec![],
        })
    };
    let dynamic_name = mark("http://members.example.com/nic/update?hostname=[DOMAIN]&myip=[IP]");
    let facts = Facts { lines: vec![Fact::Account(account), dynamic_name] };
    let assessment = weigh(&facts);
    assert_eq!(assessment.findings, vec![]);
    assert_eq!(assessment.cannot_tell.get("empty-password"), Some(&1));
    assert_eq!(
        severity_of(vec![mark("http://example.com/fw/")], "plain-http-update"),
        Some(Severity::Medium)
    );
}

#[test]
fn a_package_is_judged_by_its_project() {
    let named = |upstream: Option<&str>| {
        let mut package = router::surface::component(
            "libssl1.1",
            ComponentKind::Library,
            "1:1.1.0l-1~deb9u1",
            "OpenSSL",
            "/usr/lib/libssl.so.1.1",
        );
        package.upstream = upstream.map(str::to_owned);
        let mut facts = router::facts();
        facts.lines.retain(|fact| matches!(fact, Fact::Image(_)));
        facts.lines.push(Fact::Component(package));
        severity_of(facts.lines, "end-of-life-component")
    };
    assert_eq!(named(Some("openssl")), Some(Severity::Low));
    assert_eq!(named(None), None);
}

#[test]
fn a_table_that_the_linker_left_writable_is_found_in_spite_of_full_relro() {
    let mut elf = hardened();
    assert_eq!(severity_of(with_program(elf.clone()), "writable-got"), None);
    elf.hardening.relro.evidence.push(Evidence::at(WRITABLE_GOT, 0x1a0));
    assert_eq!(severity_of(with_program(elf), "writable-got"), Some(Severity::Info));
}

#[test]
fn remote_management_counts_only_where_it_starts() {
    let cwmp = |starts_at_boot| {
        let Fact::Listener(listener) = listener(starts_at_boot) else { unreachable!() };
        vec![Fact::Listener(Listener { service: "cwmp".into(), ..listener })]
    };
    let rule = "remote-management-at-boot";
    assert_eq!(severity_of(cwmp(Observed::Present(())), rule), Some(Severity::Medium));
    assert_eq!(severity_of(cwmp(Observed::Absent), rule), None);
}

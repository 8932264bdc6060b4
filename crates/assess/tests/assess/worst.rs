// SPDX-License-Identifier: Apache-2.0
//! A second image with what the router does not have, so that every rule fires once.

use std::collections::BTreeSet;

use kakoi_assess::{RULES, assess};
use kakoi_model::*;

use crate::router;
use crate::router::build::{binary, container, gap, place, regular, seen};

#[test]
fn every_rule_fires_on_the_router_or_on_the_worst_image() {
    let fired: BTreeSet<String> = assess(&router::facts())
        .into_iter()
        .chain(assess(&facts()))
        .map(|finding| finding.rule.into_owned())
        .collect();
    let silent: Vec<_> =
        RULES.iter().map(|rule| rule.doc.code).filter(|code| !fired.contains(*code)).collect();
    assert_eq!(silent, Vec::<&str>::new());
}

#[test]
fn severities_stay_in_the_range_that_the_catalogue_tells() {
    for finding in assess(&facts()).iter().chain(&assess(&router::facts())) {
        let rule = RULES.iter().find(|rule| rule.doc.code == finding.rule).unwrap();
        assert!((rule.doc.mildest..=rule.doc.worst).contains(&finding.severity), "{finding:?}");
    }
}

fn facts() -> Facts {
    let mut lines = vec![Fact::Image(Image {
        schema: SCHEMA_VERSION,
        tool: "kakoi 0.1.0".into(),
        name: "worst.bin".into(),
        size: 1_048_576,
        digest: Digest::of(b"image"),
        scanned_at: Some(router::SCANNED_AT),
        confined: true,
    })];
    lines.push(Fact::Container(container(1, None, 0, 65_536, "ext4", &[], 9)));
    lines.push(Fact::Region(gap(65_536, 983_040, RegionKind::Unknown { entropy: 7.99 })));
    for code in [ProblemCode::Encrypted, ProblemCode::BadChecksum] {
        lines.push(Fact::Problem(Problem::new(code, 7, "part")));
    }
    lines.extend(program());
    lines.push(kernel());
    lines.push(Fact::Account(Account {
        name: "ftp".into(),
        uid: Some(7),
        shell: None,
        password: Password::ClearText { field: "secret".into() },
        evidence: seen("setting", "/etc/ftp.conf", 1, "password=secret"),
    }));
    for name in ["one", "two"] {
        let field = "$6$salt$abc".into();
        let password = Password::Hash { scheme: "sha512".into(), field };
        let evidence = seen("password file", "/etc/shadow", 1, name);
        lines.push(Fact::Account(Account {
            name: name.into(),
            uid: Some(9),
            shell: None,
            password,
            evidence,
        }));
    }
    lines.extend(secrets());
    lines.extend(listeners());
    lines.push(Fact::UpdateMark(UpdateMark {
        kind: "plain-http".into(),
        subject: "http://example.com/fw".into(),
        evidence: vec![],
    }));
    Facts { lines }
}

fn program() -> Vec<Fact> {
    let digest = Digest::of(place(1, "/usr/bin/app").path.as_bytes());
    let mut elf = binary(&["gets"]);
    elf.symbols = Observed::Present(Symbols::Debug);
    elf.hardening.stack_clash = Mitigation::absent(Absence::NotRequested, vec![]);
    elf.hardening.search_path = Observed::Present(vec!["/usr/lib:/tmp/lib".into()]);
    elf.hardening.text_relocations = Observed::Present(());
    elf.hardening.writable_executable = Observed::Present(vec![2]);
    vec![
        Fact::File(regular(1, "/usr/bin/app", 0o4755, 1)),
        Fact::Elf(OfContent { digest, facts: elf }),
        Fact::StartUp(StartUp {
            command: "/usr/bin/app".into(),
            arguments: vec![],
            program: Some(place(1, "/usr/bin/app")),
            applet: None,
            mechanism: StartMechanism::Systemd,
            certainty: StartCertainty::Always,
            service: true,
            user: "app".into(),
            chain: vec![],
            listens: vec!["tcp:9".into()],
        }),
    ]
}

fn kernel() -> Fact {
    let Fact::Kernel(mut kernel) =
        router::facts().lines.into_iter().find(|it| matches!(it, Fact::Kernel(_))).unwrap()
    else {
        unreachable!()
    };
    let facts = &mut kernel.facts;
    facts.version = KernelVersion(6, 6, 10);
    facts.command_line = Some("console=ttyS0 selinux=0".into());
    facts.hardening.clear();
    for (option, wanted) in [
        ("STRICT_KERNEL_RWX", "y"),
        ("STACKPROTECTOR", "y"),
        ("RANDOMIZE_BASE", "y"),
        ("MODULE_SIG_FORCE", "y"),
        ("SECCOMP_FILTER", "y"),
        ("SECURITY_DMESG_RESTRICT", "y"),
    ] {
        facts.hardening.push(KernelHardening {
            option: option.into(),
            wanted: wanted.into(),
            purpose: "test".into(),
            verdict: HardeningVerdict::NotMet { found: "n".into() },
        });
    }
    Fact::Kernel(kernel)
}

fn secrets() -> Vec<Fact> {
    let kinds = [
        SecretKind::AuthorizedKey { key: "ssh-rsa vendor@build".into() },
        SecretKind::Token { kind: "password in a script".into() },
    ];
    let secret = |kind| Secret {
        kind,
        files: vec![place(1, "/root/.ssh/authorized_keys")],
        evidence: Evidence::new("line"),
    };
    kinds.map(|kind| Fact::Secret(secret(kind))).into()
}

fn listeners() -> Vec<Fact> {
    let services = ["ftp", "tftp", "rlogin", "debug-shell", "snmp", "cwmp"];
    let listener = |service: &str, starts_at_boot| Listener {
        service: service.into(),
        port: None,
        program: None,
        starts_at_boot,
        evidence: vec![],
    };
    let mut all = services.map(|service| listener(service, Observed::Present(()))).to_vec();
    all.push(listener("telnet", Observed::Absent));
    all.into_iter().map(Fact::Listener).collect()
}

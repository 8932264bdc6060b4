// SPDX-License-Identifier: Apache-2.0
//! `weakening-command-line`: the kernel is told at boot to switch defences off.

use super::prelude::*;
pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "weakening-command-line",
        title: "Kernel command line switches defences off",
        theme: Theme::Kernel,
        mildest: Severity::Low,
        worst: Severity::High,
        how: "Looks in the built-in command line for words that disable defences: `init=/bin/sh` and the \
              like (high); `selinux=0`, `apparmor=0`, `enforcing=0`, `noexec=off`, `nokaslr`, \
              `mitigations=off`, `nosmep`, `nosmap`, `kgdboc=`, `norandmaps` (medium, some low).",
        false_positives: "A boot loader that replaces the built-in command line.",
        false_negatives: "Command lines that only the boot loader's environment holds.",
        remedy: "Remove the word from CONFIG_CMDLINE, the device tree and the boot loader's environment.",
        references: &[Cwe(693), Etsi("5.6-8"), Cra("I(2)(b)")],
    },
    check: Check::Kernel(check),
};

const WORDS: [(&str, Severity, &str); 14] = [
    ("init=/bin/sh", Severity::High, "boots into a shell"),
    ("init=/bin/ash", Severity::High, "boots into a shell"),
    ("init=/bin/bash", Severity::High, "boots into a shell"),
    ("selinux=0", Severity::Medium, "switches SELinux off"),
    ("apparmor=0", Severity::Medium, "switches AppArmor off"),
    ("enforcing=0", Severity::Medium, "lets SELinux only complain"),
    ("androidboot.selinux=permissive", Severity::Medium, "lets SELinux only complain"),
    ("noexec=off", Severity::Medium, "makes data executable"),
    ("norandmaps", Severity::Medium, "switches address randomisation off"),
    ("nokaslr", Severity::Medium, "leaves the kernel at fixed addresses"),
    ("nosmep", Severity::Medium, "lets the kernel run code of programs"),
    ("nosmap", Severity::Medium, "lets the kernel read data of programs"),
    ("mitigations=off", Severity::Low, "switches defences against processor flaws off"),
    ("nopti", Severity::Low, "switches page table isolation off"),
];

fn check(kernel: &KernelFacts, _: &Scan<'_>) -> Vec<Verdict> {
    let Some(line) = &kernel.command_line else { return vec![Verdict::CannotTell] };
    let given = |word: &str| line.split_ascii_whitespace().any(|part| part == word);
    let weakness = |&(word, severity, effect): &(&str, Severity, &str)| {
        Weakness::new(severity, format!("The kernel is started with `{word}`, which {effect}."))
            .about(format!("command line {word}"))
            .because([Evidence::new("kernel command line").with_excerpt(line.as_bytes())])
            .found()
    };
    WORDS.iter().filter(|(word, ..)| given(word)).map(weakness).collect()
}

// SPDX-License-Identifier: Apache-2.0
//! `dangerous-call`: an exposed program imports functions that copy without bounds or run commands.

use super::prelude::*;
pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "dangerous-call",
        title: "Dangerous functions in an exposed program",
        theme: Theme::Programs,
        mildest: Severity::Low,
        worst: Severity::High,
        how: "For programs that start at boot: functions without bounds (gets, strcpy, strcat, sprintf, \
              vsprintf, scanf family) or that run commands (system, popen) among the imports. Medium \
              where the program listens; high where it listens, imports unbounded copies and has \
              neither stack protector nor fixed-address protection.",
        false_positives: "An import says that a function is called somewhere, not that input of an \
                          attacker reaches it.",
        false_negatives: "Static programs whose symbols are stripped; copies that the program makes \
                          itself; calls inside libraries.",
        remedy: "Replace unbounded copies by `snprintf` and `strlcpy` with checked results; replace \
                 `system` and `popen` by `posix_spawn` with an argument vector.",
        references: &[Cwe(676), Cwe(78), Etsi("5.13-1A"), Cra("I(2)(k)")],
    },
    check: Check::Binary(check),
};

const UNBOUNDED: [&str; 10] = [
    "gets", "strcpy", "stpcpy", "strcat", "sprintf", "vsprintf", "sscanf", "scanf", "fscanf",
    "wcscpy",
];
const COMMANDS: [&str; 6] = ["system", "popen", "doSystem", "doSystemCmd", "twsystem", "wordexp"];

fn check(binary: &Binary<'_>) -> Verdict {
    if binary.exposure == Exposure::Dormant || binary.elf.role != ElfRole::Executable {
        return Verdict::Clear;
    }
    let imports = |wanted: &[&str]| -> Vec<&str> {
        let all = binary.elf.dangerous_imports.iter().map(String::as_str);
        all.filter(|name| wanted.contains(name)).collect()
    };
    let (copies, commands) = (imports(&UNBOUNDED), imports(&COMMANDS));
    if copies.is_empty() && commands.is_empty() {
        return if binary.elf.imports.is_empty() { Verdict::CannotTell } else { Verdict::Clear };
    }
    let bare = binary.elf.hardening.stack_protector.observed.is_absent()
        && binary.elf.hardening.pie.observed.is_absent();
    let severity = match (binary.exposure, copies.is_empty()) {
        (Exposure::Listens, false) if bare => Severity::High,
        (Exposure::Listens, _) => Severity::Medium,
        _ => Severity::Low,
    };
    let names = [copies, commands].concat().join(", ");
    let message = format!("{} imports {names}.", binary.described());
    Weakness::new(severity, message).because([Evidence::new(format!("imports {names}"))]).found()
}

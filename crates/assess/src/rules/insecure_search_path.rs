// SPDX-License-Identifier: Apache-2.0
//! `insecure-search-path`: libraries are looked for where others may put theirs.

use super::prelude::*;
pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "insecure-search-path",
        title: "Library search path in an unsafe place",
        theme: Theme::Programs,
        mildest: Severity::Info,
        worst: Severity::High,
        how: "Reads DT_RPATH and DT_RUNPATH. Empty and relative entries, and those beneath /tmp, \
              /var/tmp, /dev/shm, /mnt and /media are unsafe; entries beneath /home, /build, /usr/src \
              and /opt/build are left-overs of the build and only noted. `$ORIGIN` counts as unsafe in \
              set-user-ID programs only.",
        false_positives: "A mount point that only root can fill.",
        false_negatives: "LD_LIBRARY_PATH set by start-up scripts; directories that are writable in \
                          this image for other reasons.",
        remedy: "Link without `-rpath`, or remove the entry with `patchelf --remove-rpath`.",
        references: &[Cwe(426), Cra("I(2)(j)")],
    },
    check: Check::Binary(check),
};

const WRITABLE: [&str; 5] = ["/tmp", "/var/tmp", "/dev/shm", "/mnt", "/media"];
const LEFT_OVER: [&str; 4] = ["/home", "/build", "/usr/src", "/opt/build"];

fn check(binary: &Binary<'_>) -> Verdict {
    let entries = match &binary.elf.hardening.search_path {
        Observed::Present(entries) => entries,
        Observed::Absent => return Verdict::Clear,
        Observed::Undetermined(_) => return Verdict::CannotTell,
    };
    let parts = || entries.iter().flat_map(|entry| entry.split(':'));
    if let Some(unsafe_part) = parts().find(|part| is_unsafe(part, binary.is_setuid_root())) {
        let base = if binary.is_setuid_root() { Severity::High } else { Severity::Low };
        let message = match unsafe_part {
            "" => "Libraries are searched in the current directory.".to_owned(),
            part => format!("Libraries are searched in `{part}`, which others may fill."),
        };
        return Weakness::new(binary.graded(base), message).because(seen(entries)).found();
    }
    match parts().find(|part| LEFT_OVER.iter().any(|root| is_beneath(part, root))) {
        Some(part) => {
            let message = format!("Libraries are searched in `{part}`, a directory of the build.");
            Weakness::new(Severity::Info, message).because(seen(entries)).found()
        }
        None => Verdict::Clear,
    }
}

fn is_unsafe(part: &str, setuid: bool) -> bool {
    let origin = part.starts_with("$ORIGIN") || part.starts_with("${ORIGIN}");
    if origin {
        return setuid;
    }
    !part.starts_with('/') || WRITABLE.iter().any(|root| is_beneath(part, root))
}

fn is_beneath(path: &str, root: &str) -> bool {
    path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn seen(entries: &[String]) -> Vec<Evidence> {
    vec![Evidence::new(format!("search path {}", entries.join(":")))]
}

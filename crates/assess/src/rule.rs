// SPDX-License-Identifier: Apache-2.0
//! What a rule is, and how its verdicts become findings.

use std::borrow::Cow;

use kakoi_model::{Digest, Evidence, FileRef, Finding, KernelFacts, RuleDoc, Severity};

use crate::scan::{Binary, Scan};

/// One rule: what it says of itself, and the pure function that judges.
pub struct Rule {
    /// Its documentation.
    pub doc: RuleDoc,
    pub(crate) check: Check,
}

/// What a rule looks at.
pub(crate) enum Check {
    /// Each program and library.
    Binary(fn(&Binary<'_>) -> Verdict),
    /// Each kernel.
    Kernel(fn(&KernelFacts, &Scan<'_>) -> Vec<Verdict>),
    /// Everything at once.
    Image(fn(&Scan<'_>) -> Vec<Verdict>),
}

/// What a rule says about one subject.
pub(crate) enum Verdict {
    /// The bad thing is there.
    Found(Weakness),
    /// It is not.
    Clear,
    /// The facts do not tell.
    CannotTell,
}

/// A finding before it has a rule and a fingerprint.
pub(crate) struct Weakness {
    severity: Severity,
    subject: String,
    message: String,
    file: Option<FileRef>,
    evidence: Vec<Evidence>,
    remedy: Option<String>,
    starts_at_boot: bool,
}

impl Weakness {
    /// A weakness of this severity, in one sentence.
    pub(crate) fn new(severity: Severity, message: impl Into<String>) -> Self {
        Self {
            severity,
            subject: String::new(),
            message: message.into(),
            file: None,
            evidence: Vec::new(),
            remedy: None,
            starts_at_boot: false,
        }
    }

    /// The same, about this subject. It is part of the fingerprint: no offsets, no numbers that
    /// change with the version of an image.
    pub(crate) fn about(mut self, subject: impl Into<String>) -> Self {
        self.subject = subject.into();
        self
    }

    /// The same, about a file, whose path becomes the subject unless there is one.
    pub(crate) fn in_file(mut self, file: &FileRef) -> Self {
        if self.subject.is_empty() {
            self.subject = file.path.absolute();
        }
        self.file = Some(file.clone());
        self
    }

    /// The same, on this evidence.
    pub(crate) fn because(mut self, evidence: impl IntoIterator<Item = Evidence>) -> Self {
        self.evidence.extend(evidence);
        self
    }

    /// The same, with a remedy for this case in place of the rule's.
    pub(crate) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// The same, about something that starts at boot.
    pub(crate) fn at_boot(mut self, starts: Boot) -> Self {
        self.starts_at_boot = starts == Boot::Starts;
        self
    }

    /// As a verdict.
    pub(crate) fn found(self) -> Verdict {
        Verdict::Found(self)
    }
}

/// Does a subject start at boot?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Boot {
    /// Yes.
    Starts,
    /// Not as far as was seen.
    NotSeen,
}

impl Rule {
    /// Findings, and the number of subjects that could not be judged.
    pub(crate) fn run(&self, scan: &Scan<'_>) -> (Vec<Finding>, u32) {
        let mut findings = Vec::new();
        let mut unknown: u32 = 0;
        for verdict in self.verdicts(scan) {
            match verdict {
                Verdict::Found(weakness) => findings.push(self.finding(weakness)),
                Verdict::CannotTell => unknown = unknown.saturating_add(1),
                Verdict::Clear => {}
            }
        }
        (findings, unknown)
    }

    fn verdicts(&self, scan: &Scan<'_>) -> Vec<Verdict> {
        match self.check {
            Check::Binary(check) => {
                scan.binaries.iter().map(|binary| of_binary(binary, check(binary))).collect()
            }
            Check::Kernel(check) => scan
                .facts
                .kernels()
                .flat_map(|kernel| {
                    let verdicts = check(&kernel.facts, scan);
                    verdicts.into_iter().map(|verdict| of_kernel(scan, kernel.digest, verdict))
                })
                .collect(),
            Check::Image(check) => check(scan),
        }
    }

    fn finding(&self, weakness: Weakness) -> Finding {
        let fingerprint = fingerprint(self.doc.code, &weakness.subject);
        Finding {
            rule: Cow::Borrowed(self.doc.code),
            severity: weakness.severity.clamp(self.doc.mildest, self.doc.worst),
            message: weakness.message,
            subject: weakness.subject,
            file: weakness.file,
            evidence: weakness.evidence,
            remedy: weakness.remedy.unwrap_or_else(|| self.doc.remedy.to_owned()),
            starts_at_boot: weakness.starts_at_boot,
            fingerprint,
        }
    }
}

/// 128 bits of SHA-256 over rule and subject, in hexadecimal.
fn fingerprint(rule: &str, subject: &str) -> String {
    let mut text = Digest::of(format!("{rule}\0{subject}").as_bytes()).to_string();
    text.truncate(32);
    text
}

fn of_binary(binary: &Binary<'_>, verdict: Verdict) -> Verdict {
    let Verdict::Found(weakness) = verdict else { return verdict };
    Verdict::Found(weakness.in_file(&binary.place).at_boot(binary.boot()))
}

/// A kernel without a file of its own (a raw part of the image) is told by its digest.
fn of_kernel(scan: &Scan<'_>, digest: Digest, verdict: Verdict) -> Verdict {
    let Verdict::Found(mut weakness) = verdict else { return verdict };
    weakness.starts_at_boot = true;
    if weakness.subject.is_empty() {
        "kernel".clone_into(&mut weakness.subject);
    }
    for evidence in &mut weakness.evidence {
        if evidence.file.is_none() {
            evidence.digest.get_or_insert(digest);
        }
    }
    Verdict::Found(match scan.first_place(digest) {
        Some(place) => weakness.in_file(&place),
        None => weakness,
    })
}

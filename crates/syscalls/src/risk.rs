// SPDX-License-Identifier: Apache-2.0
//! What calls that stay allowed are good for: single calls, and chains of calls that published techniques and exploits need
//! (`rules/techniques.toml`).

use std::sync::OnceLock;

use serde::Deserialize;

/// Calls with the reason why one would rather not allow them.
pub const RISKS: &[(&str, &str)] = &[
    ("acct", "writes records of all processes to a file of one's choosing"),
    ("bpf", "loads programs into the kernel"),
    ("chroot", "changes what paths mean"),
    ("connect", "reaches other machines"),
    ("delete_module", "takes code out of the kernel"),
    ("execve", "starts another program"),
    ("execveat", "starts another program, also one without a file"),
    ("finit_module", "puts code into the kernel"),
    ("init_module", "puts code into the kernel"),
    ("io_uring_setup", "does other calls without a filter seeing them"),
    ("kexec_load", "replaces the kernel"),
    ("keyctl", "long source of kernel faults"),
    ("memfd_create", "makes a program that is in no file system"),
    ("mount", "puts another file system in place"),
    ("move_mount", "puts another file system in place"),
    ("open_by_handle_at", "opens files past their directories"),
    ("perf_event_open", "long source of kernel faults"),
    ("pivot_root", "replaces the root file system"),
    ("process_vm_writev", "writes into other processes"),
    ("ptrace", "takes other processes over"),
    ("reboot", "stops the device"),
    ("setns", "enters other name spaces"),
    ("swapon", "writes memory to a file of one's choosing"),
    ("umount2", "takes file systems away"),
    ("unshare", "makes name spaces, in which more of the kernel can be reached"),
    ("userfaultfd", "holds the kernel up at a place of one's choosing"),
];

/// A chain of calls that something needs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Technique {
    /// What it does; for a published fault its number and program.
    pub name: String,
    /// Program that the fault is in; none for what any process could do.
    #[serde(default)]
    pub program: Option<String>,
    /// Where it is described.
    pub source: String,
    /// Steps in order; each is done by any of its calls.
    pub steps: Vec<Vec<String>>,
}

/// Whether a set of calls is enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// None of the calls of this step is allowed.
    StoppedAt(Vec<String>),
    /// Each step has an allowed call.
    Possible,
}

impl Technique {
    /// Judges with a set of allowed calls. Calls whose arguments a filter binds count as allowed.
    pub fn judge(&self, allows: impl Fn(&str) -> bool) -> Outcome {
        let stopped = self.steps.iter().find(|step| !step.iter().any(|call| allows(call)));
        stopped.map_or(Outcome::Possible, |step| Outcome::StoppedAt(step.clone()))
    }
}

#[derive(Default, Deserialize)]
struct Document {
    technique: Vec<Technique>,
}

/// All of them, in the order of the file.
pub fn techniques() -> &'static [Technique] {
    static ALL: OnceLock<Document> = OnceLock::new();
    let text = include_str!("../../../rules/techniques.toml");
    // The text is a part of the program; a test reads it.
    &ALL.get_or_init(|| toml::from_str(text).unwrap_or_default()).technique
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Table;

    #[test]
    fn every_step_names_calls_that_exist() {
        assert!(techniques().len() >= 16);
        let abis = ["x86-64", "i386", "arm", "mips-o32", "aarch64"];
        let exists = |call: &str| {
            abis.iter()
                .any(|abi| Table::named(abi).is_some_and(|table| table.number(call).is_some()))
        };
        for technique in techniques() {
            assert!(!technique.steps.is_empty(), "{}", technique.name);
            for call in technique.steps.iter().flatten() {
                assert!(exists(call), "{}: {call}", technique.name);
            }
        }
        for (call, _) in RISKS {
            assert!(exists(call), "{call}");
        }
    }

    #[test]
    fn a_chain_is_stopped_at_its_first_step_that_nothing_allows() {
        let chain = Technique {
            name: String::new(),
            program: None,
            source: String::new(),
            steps: [&["fork", "clone"][..], &["execve"]]
                .map(|s| s.iter().map(|c| (*c).to_owned()).collect())
                .to_vec(),
        };
        assert_eq!(
            chain.judge(|call| call == "clone"),
            Outcome::StoppedAt(vec!["execve".to_owned()])
        );
        assert_eq!(chain.judge(|call| call != "fork"), Outcome::Possible);
    }
}

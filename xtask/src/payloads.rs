// SPDX-License-Identifier: Apache-2.0
//! Published payloads by the calls that they need, against what a profile allows. The lists are data of others and are given by
//! path: one payload a line, a number and names of calls; sets of calls that can stand for each other, one a line.

use std::collections::BTreeSet;
use std::path::Path;

/// Payloads, and which calls can stand for each other.
pub struct Payloads {
    payloads: Vec<BTreeSet<String>>,
    equivalents: Vec<BTreeSet<String>>,
}

/// How many payloads lack a call that they need, in percent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stopped {
    /// With the calls that they name.
    pub exactly: f64,
    /// When they use any call that can stand for one.
    pub with_equivalents: f64,
}

impl Payloads {
    pub fn read(payloads: &Path, equivalents: &Path) -> std::io::Result<Self> {
        let payloads = std::fs::read_to_string(payloads)?;
        let equivalents = std::fs::read_to_string(equivalents)?;
        Ok(Self::parse(&payloads, &equivalents))
    }

    fn parse(payloads: &str, equivalents: &str) -> Self {
        // A number that is no call fails with or without a filter.
        let known = |name: &&str| !name.starts_with("syscall_0x");
        let calls =
            |line: &str| line.split_whitespace().skip(1).filter(known).map(str::to_owned).collect();
        let set = |line: &str| line.split_whitespace().map(str::to_owned).collect();
        Self {
            payloads: payloads.lines().map(calls).collect(),
            equivalents: equivalents.lines().map(set).collect(),
        }
    }

    pub fn stopped_by(&self, allowed: &BTreeSet<String>) -> Stopped {
        let can = |call: &String| {
            let stands_in =
                |set: &&BTreeSet<String>| set.contains(call) && !set.is_disjoint(allowed);
            allowed.contains(call) || self.equivalents.iter().any(|set| stands_in(&set))
        };
        let count = self.payloads.len().max(1) as f64;
        let share = |lacks: &dyn Fn(&String) -> bool| {
            let stopped = self.payloads.iter().filter(|calls| calls.iter().any(lacks));
            100.0 * stopped.count() as f64 / count
        };
        Stopped {
            exactly: share(&|call| !allowed.contains(call)),
            with_equivalents: share(&|call| !can(call)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_stopped_when_one_of_its_calls_is_not_allowed() {
        let payloads = Payloads::parse(
            "1 socket connect \n2 execve \n3 syscall_0xffff open \n4 open \n",
            "open openat\n",
        );
        let allowed = ["openat", "socket", "connect"].map(str::to_owned).into();
        let stopped = payloads.stopped_by(&allowed);
        assert_eq!(stopped, Stopped { exactly: 75.0, with_equivalents: 25.0 });
    }
}

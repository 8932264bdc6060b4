// SPDX-License-Identifier: Apache-2.0
//! Smack: labels and rules of five letters (Documentation/admin-guide/LSM/Smack.rst). What lies in the image has one label
//! that is told where it is mounted, since its files have none; whoever makes a file owns its label, and may always run it.

use super::{Armed, Intent, unthrottled};

/// Everybody who is not held.
const SYSTEM: &str = "_";

pub(super) fn arm(intent: Intent) -> Armed {
    let append = "lsm=landlock,lockdown,yama,smack".to_owned();
    if intent == Intent::Default {
        return Armed { append, ..Armed::default() };
    }
    let mut rules = vec![format!("{SYSTEM} Image rwxat"), format!("{SYSTEM} Session rwxat")];
    rules.push(format!("{SYSTEM} Cgid rwxat"));
    for (subject, runs) in [("Session", intent == Intent::Shell), ("Cgid", true)] {
        rules.push(format!("{subject} {SYSTEM} rwxat"));
        // Directories are searched by the same letter by which programs are run: without it the image is out of reach.
        rules.push(format!("{subject} Image {}", if runs { "rwxa" } else { "rwa" }));
    }
    Armed {
        append,
        writes: vec![
            unthrottled(),
            ("/sys/fs/smackfs/load2".to_owned(), (rules.join("\n") + "\n").into_bytes()),
        ],
        label: Some(["security.SMACK64EXEC", "Session", "Cgid"]),
        options: "smackfsdef=Image,smackfsroot=Image",
        rules: rules.len(),
        ..Armed::default()
    }
}

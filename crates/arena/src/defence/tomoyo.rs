// SPDX-License-Identifier: Apache-2.0
//! TOMOYO. A domain is a history of programs, by the names they were called with, so applets are apart; a session is every
//! domain that begins with the login daemon's. Interface: Documentation/admin-guide/LSM/tomoyo.rst; texts of policies:
//! security/tomoyo/common.c.

use super::{Armed, Intent, Policies, rules_in};

const PROFILES: &str = "PROFILE_VERSION=20150505\n\
    0-COMMENT=free\n0-PREFERENCE={ max_audit_log=64 max_learning_entry=2048 }\n\
    0-CONFIG={ mode=disabled grant_log=no reject_log=no }\n\
    1-COMMENT=learns\n1-PREFERENCE={ max_audit_log=64 max_learning_entry=8192 }\n\
    1-CONFIG={ mode=learning grant_log=no reject_log=no }\n\
    2-COMMENT=all\n2-PREFERENCE={ max_audit_log=4096 max_learning_entry=2048 }\n\
    2-CONFIG={ mode=enforcing grant_log=no reject_log=yes }\n\
    3-COMMENT=programs\n3-PREFERENCE={ max_audit_log=4096 max_learning_entry=2048 }\n\
    3-CONFIG={ mode=disabled grant_log=no reject_log=no }\n\
    3-CONFIG::file::execute={ mode=enforcing grant_log=no reject_log=yes }\n";

/// What the image shipped, and BusyBox as it runs itself; TOMOYO's `\*` stays within one name, `\{\*\}` spans directories.
const SHIPPED: &str = "file execute /bin/\\*\nfile execute /sbin/\\*\nfile execute /usr/\\{\\*\\}/\\*\n\
                       file execute /kakoi-bin/\\*\nfile execute proc:/self/exe\n";

pub(super) fn arm(intent: Intent, policies: &Policies<'_>) -> Armed {
    // What a held program runs stays in its domain, so that one list holds for all of a session.
    let mut exception = String::from(
        "initialize_domain /kakoi/telnetd from any\ninitialize_domain /kakoi/cgid from any\n\
         keep_domain any from <kernel> /kakoi/telnetd\nkeep_domain any from <kernel> /kakoi/cgid\n",
    );
    let held = if intent == Intent::Shell { SHIPPED } else { "" };
    let mut domain = format!(
        "<kernel> /kakoi/telnetd\nuse_profile 3\nuse_group 0\n{held}\n\
         <kernel> /kakoi/cgid\nuse_profile 3\nuse_group 0\n{SHIPPED}\n"
    );
    match intent {
        Intent::Default => {
            exception.clear();
            domain.clear();
        }
        Intent::Learnt => {
            exception = format!("initialize_domain {} from any\n{exception}", policies.init);
            let learns = format!("<kernel> {}\nuse_profile 1\nuse_group 0\n\n", policies.init);
            let learnt = policies.learnt.replace("use_profile 1\n", "use_profile 2\n");
            domain.push_str(if learnt.is_empty() { &learns } else { &learnt });
        }
        Intent::Sessions | Intent::Shell => {}
    }
    let rules = rules_in(&exception)
        + domain.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase())).count()
        - domain.matches("use_profile").count()
        - domain.matches("use_group").count();
    Armed {
        append: "lsm=landlock,lockdown,yama,tomoyo TOMOYO_trigger=/arena/tools/payload \
                 TOMOYO_loader=/arena/tools/payload"
            .to_owned(),
        writes: [
            ("profile", PROFILES),
            ("exception_policy", &exception),
            ("domain_policy", &domain),
        ]
        .into_iter()
        .filter(|(_, text)| !text.is_empty())
        .map(|(name, text)| {
            (format!("/sys/kernel/security/tomoyo/{name}"), text.as_bytes().to_vec())
        })
        .collect(),
        trigger: true,
        rules,
        ..Armed::default()
    }
}

// SPDX-License-Identifier: Apache-2.0
//! Recorded attempts as `kakoi policy simulate` reads them.
#![no_main]

use std::sync::LazyLock;

use kakoi_policy::{Policy, Recorded, decide_attempt};
use libfuzzer_sys::fuzz_target;

static POLICY: LazyLock<Policy> = LazyLock::new(|| {
    kakoi_policy::read(include_str!("../../policies/services.toml")).policy.expect("a shipped policy")
});

fuzz_target!(|data: &[u8]| {
    let Ok(recorded) = serde_json::from_slice::<Recorded>(data) else { return };
    let Ok(mark) = recorded.subject.mark(&POLICY) else { return };
    let _ = decide_attempt(&POLICY, &mark, &recorded.attempt);
});

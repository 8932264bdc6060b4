// SPDX-License-Identifier: Apache-2.0
//! The text of a policy: read, shown, compiled.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let reading = kakoi_policy::read(&text);
    let _ = reading.render("policy", &text);
    let Some(policy) = reading.policy else { return };
    let _ = kakoi_policy::describe(&policy);
    assert!(kakoi_policy::differences(&policy, &policy).is_empty());
    let _ = kakoi_policy::compile(&policy);
});

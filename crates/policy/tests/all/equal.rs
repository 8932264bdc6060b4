// SPDX-License-Identifier: Apache-2.0
//! C ≡ specification, on random policies, marks and attempts.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::host::{Host, numbers, words};
use crate::{host, random};

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_compiled_decision_is_the_specified_one(
        text in random::policy(),
        tries in vec((random::mark(), random::attempt()), 60),
    ) {
        let policy = crate::policy(&text);
        let mut host = Host::of(&policy);
        for (mark, attempt) in &tries {
            compare(&mut host, &policy, mark, attempt, &text);
        }
    }
}

/// Verdict and next mark, both ways.
pub(crate) fn compare(
    host: &mut Host,
    policy: &kakoi_policy::Policy,
    mark: &kakoi_policy::Mark,
    attempt: &kakoi_policy::Attempt,
    text: &str,
) {
    let (answer, next) = host.decide(mark, attempt);
    let specified = numbers(&kakoi_policy::decide_attempt(policy, mark, attempt));
    assert!(
        answer == specified,
        "C: {}\nspecification: {}\n{mark:?}\n{attempt:#?}\n{text}",
        words(&answer),
        words(&specified)
    );
    if let Some(next) = next {
        assert_eq!(next, mark.exec(policy, attempt, 7), "{mark:?}\n{attempt:#?}\n{text}");
    }
    assert_eq!(host.lineage(b'F', mark), mark.fork(7));
    let mut accepted = mark.clone();
    accepted.accept();
    assert_eq!(host.lineage(b'A', mark), accepted);
}

/// A few random policies on other architectures: byte order, width and sign of char differ.
#[test]
fn other_architectures_decide_alike() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let targets = [
        ("mips-linux-gnu-gcc", "qemu-mips-static"),
        ("arm-linux-gnueabihf-gcc", "qemu-arm-static"),
    ];
    let programs = targets
        .map(|(compiler, emulator)| (host::build(compiler, &["-static", "-std=gnu89"]), emulator));
    for _ in 0..12 {
        let text = random::policy().new_tree(&mut runner).unwrap().current();
        let policy = crate::policy(&text);
        let blob = kakoi_policy::compile(&policy).unwrap();
        for (program, emulator) in &programs {
            let mut host = Host::start(&[emulator], program, &blob);
            for _ in 0..150 {
                let mark = random::mark().new_tree(&mut runner).unwrap().current();
                let attempt = random::attempt().new_tree(&mut runner).unwrap().current();
                compare(&mut host, &policy, &mark, &attempt, &text);
            }
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
//! Random rules and calls that are the same each time.

use std::collections::BTreeSet;

use kakoi_syscalls::filter::{Action, Architecture, CallRule, Check, Rules};

/// xorshift64* (Vigna 2016).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        (self.next() >> 32) % limit
    }
}

const VALUES: [u64; 9] =
    [0, 1, 2, 0x5401, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0x1_0000_0000, 0xffff_ffff_ffff_fffe];

/// Where the numbers of an architecture begin.
pub(crate) fn base(architecture: Architecture) -> u32 {
    match architecture.abi() {
        "mips-o32" => 4000,
        "mips-n64" => 5000,
        "mips-n32" => 6000,
        _ => 0,
    }
}

/// Rules with up to `most` calls.
pub(crate) fn rules(random: &mut Random, architecture: Architecture, most: u64) -> Rules {
    let actions = [Action::REFUSE, Action::Kill, Action::Log, Action::Fail(38), Action::Trace];
    let mut rules = Rules::new(architecture, actions[random.below(5) as usize]);
    for _ in 0..random.below(most + 1) {
        let number = base(architecture) + random.below(460) as u32;
        let checks = (0..random.below(8).saturating_sub(5)).map(|_| check(random)).collect();
        rules.calls.insert(number, CallRule { checks, frequency: random.below(1000) });
    }
    for _ in 0..random.below(10) {
        let number = base(architecture) + random.below(460) as u32;
        rules.missing.insert(number);
    }
    rules.missing.retain(|number| !rules.calls.contains_key(number));
    rules.newest = (random.below(2) == 0).then(|| base(architecture) + 450);
    rules
}

fn check(random: &mut Random) -> Check {
    let masks = [u64::MAX, 0xffff_ffff, 4, 0xffff_0000_0000_0000, 0, 0x1_0000_0001];
    let values: BTreeSet<u64> =
        (0..random.below(5)).map(|_| VALUES[random.below(VALUES.len() as u64) as usize]).collect();
    Check { argument: random.below(6) as u8, mask: masks[random.below(6) as usize], values }
}

/// Arguments at the edges of what rules name.
pub(crate) fn arguments(random: &mut Random) -> [u64; 6] {
    std::array::from_fn(|_| {
        let value = VALUES[random.below(VALUES.len() as u64) as usize];
        match random.below(4) {
            0 => value.wrapping_add(1),
            1 => value ^ 1 << random.below(64),
            _ => value,
        }
    })
}

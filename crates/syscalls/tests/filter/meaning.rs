// SPDX-License-Identifier: Apache-2.0
//! Compiled ≡ specified.

use kakoi_model::Endian;
use kakoi_syscalls::filter::{
    Action, Architecture, Budget, CallRule, Check, Data, Instruction, Malformed, Program, Rules,
    Selection, Table, compile,
};

use crate::random::{Random, arguments, base, rules};

pub(crate) fn data(architecture: Architecture, number: u32, arguments: [u64; 6]) -> Data {
    Data {
        number,
        architecture: architecture.audit(),
        instruction_pointer: 0x40_1000,
        arguments,
        order: architecture.order(),
    }
}

/// Every number that a table has, and those at the edges of ABIs.
fn numbers(architecture: Architecture) -> impl Iterator<Item = u32> {
    let base = base(architecture);
    let edges = [
        0,
        1,
        3999,
        4000,
        4999,
        6999,
        0xf_0001,
        0xf_0005,
        0x3fff_ffff,
        0x4000_0000,
        0x4000_0001,
        u32::MAX,
    ];
    (base..base + 470).chain(edges)
}

#[test]
fn a_compiled_filter_answers_every_call_as_its_rules_say() {
    let mut random = Random(0x5eed_f117);
    let (mut checked, mut longest) = (0_usize, 0);
    for architecture in Architecture::ALL {
        for round in 0..60 {
            let rules = rules(&mut random, architecture, [3, 40, 150, 460][round % 4]);
            let budget = if round % 2 == 0 { Budget::List } else { Budget::Tree };
            let program = compile(&rules, budget).expect("fits");
            longest = longest.max(program.instructions().len());
            for number in numbers(architecture) {
                let tries = if rules.calls.get(&number).is_some_and(|rule| !rule.checks.is_empty())
                {
                    30
                } else {
                    1
                };
                for _ in 0..tries {
                    let data = data(architecture, number, arguments(&mut random));
                    assert_eq!(
                        program.run(&data).code,
                        rules.verdict(&data).code(),
                        "{rules:?} {data:?}"
                    );
                    checked += 1;
                }
            }
        }
    }
    println!("{checked} calls, longest filter {longest} instructions");
    assert!(longest > 255 * 2, "long jumps were needed");
}

#[test]
fn a_call_by_another_architecture_ends_the_process_unless_the_filter_only_logs() {
    for own in Architecture::ALL {
        for other in Architecture::ALL.into_iter().filter(|other| *other != own) {
            let mut rules = Rules::new(own, Action::REFUSE);
            rules.calls.insert(1, CallRule::default());
            let foreign = Data { architecture: other.audit(), ..data(own, 1, [0; 6]) };
            assert_eq!(
                compile(&rules, Budget::List).expect("fits").run(&foreign).code,
                Action::Kill.code()
            );
            rules.action = Action::Log;
            assert_eq!(
                compile(&rules, Budget::List).expect("fits").run(&foreign).code,
                Action::Log.code()
            );
        }
    }
}

#[test]
fn x32_calls_are_refused_also_where_newer_calls_are_told_that_they_do_not_exist() {
    let mut rules = Rules::new(Architecture::X86_64, Action::Kill);
    rules.calls.insert(0, CallRule::default());
    rules.newest = Some(450);
    let program = compile(&rules, Budget::List).expect("fits");
    let answer = |number| program.run(&data(Architecture::X86_64, number, [0; 6])).code;
    assert_eq!(answer(0), Action::Allow.code());
    assert_eq!(answer(450), Action::Kill.code());
    assert_eq!(answer(451), Action::Fail(38).code());
    assert_eq!(answer(0x4000_0000), Action::Kill.code());
}

#[test]
fn the_upper_half_of_an_argument_counts_where_registers_are_64_bits_wide() {
    let check = Check { argument: 1, mask: u64::MAX, values: [7].into() };
    for architecture in Architecture::ALL {
        let mut rules = Rules::new(architecture, Action::REFUSE);
        rules.calls.insert(5, CallRule { checks: vec![check.clone()], frequency: 0 });
        let program = compile(&rules, Budget::List).expect("fits");
        let answer = |argument| program.run(&data(architecture, 5, [0, argument, 0, 0, 0, 0])).code;
        assert_eq!(answer(7), Action::Allow.code(), "{architecture:?}");
        assert_eq!(answer(8), Action::REFUSE.code());
        let upper = if architecture.is_wide() { Action::REFUSE } else { Action::Allow };
        assert_eq!(answer(7 | 1 << 32), upper.code(), "{architecture:?}");
    }
}

#[test]
fn no_such_call_has_its_own_number_on_mips() {
    for (architecture, number) in [(Architecture::Mipsel, 89), (Architecture::Arm, 38)] {
        let mut rules = Rules::new(architecture, Action::REFUSE);
        rules.missing.insert(7);
        let code =
            compile(&rules, Budget::List).expect("fits").run(&data(architecture, 7, [0; 6])).code;
        assert_eq!(code, 0x0005_0000 | number);
    }
}

#[test]
fn a_filter_that_is_too_long_is_refused_with_its_length() {
    let mut rules = Rules::new(Architecture::Aarch64, Action::Kill);
    for number in 0..6000 {
        rules.calls.insert(number * 2, CallRule::default());
    }
    let length = compile(&rules, Budget::List).expect_err("more than 4096").instructions;
    assert!(length > 4096, "{length}");
}

#[test]
fn an_encoded_filter_reads_back_in_its_byte_order() {
    let rules = rules(&mut Random(7), Architecture::Mips, 60);
    let program = compile(&rules, Budget::List).expect("fits");
    let bytes = program.encode(Endian::Big);
    assert_eq!(bytes[..8], [0, 0x20, 0, 0, 0, 0, 0, 4], "load the architecture word");
    assert_eq!(Program::decode(&bytes, Endian::Big), Ok(program));
    assert_eq!(Program::decode(&bytes[1..], Endian::Big), Err(Malformed::Bytes(bytes.len() - 1)));
}

#[test]
fn a_filter_that_hands_over_blocks_nothing() {
    let rules = rules(&mut Random(3), Architecture::X86_64, 40);
    let program = compile(&rules, Budget::List).expect("fits");
    let watching = program.handing_over();
    for number in numbers(Architecture::X86_64) {
        let data = data(Architecture::X86_64, number, [0; 6]);
        let expected =
            if rules.verdict(&data) == Action::Allow { Action::Allow } else { Action::Trace };
        assert_eq!(watching.run(&data).code, expected.code());
    }
}

#[test]
fn what_the_kernel_would_refuse_is_no_program() {
    let one = |code, then, constant| Instruction { code, then, otherwise: 0, constant };
    let end = one(0x06, 0, 0);
    assert_eq!(Program::check(vec![]), Err(Malformed::Length(0)));
    assert_eq!(Program::check(vec![one(0x20, 0, 64), end]), Err(Malformed::Offset(0)));
    assert_eq!(Program::check(vec![one(0x20, 0, 2), end]), Err(Malformed::Offset(0)));
    assert_eq!(Program::check(vec![one(0x15, 1, 0), end]), Err(Malformed::Jump(0)));
    assert_eq!(Program::check(vec![one(0x05, 0, 1), end]), Err(Malformed::Jump(0)));
    assert_eq!(Program::check(vec![one(0x28, 0, 0), end]), Err(Malformed::Operation(0)));
    assert_eq!(Program::check(vec![one(0x34, 0, 0), end]), Err(Malformed::Constant(0)));
    assert_eq!(Program::check(vec![one(0x20, 0, 0)]), Err(Malformed::End));
}

#[test]
fn additions_to_a_selection_are_allowed_and_said() {
    let table: Table = [
        "read",
        "openat",
        "openat2",
        "open",
        "socketcall",
        "socket",
        "connect",
        "exit",
        "clone3",
        "clone",
    ]
    .into_iter()
    .zip(0..)
    .map(|(name, number)| (name.to_owned(), number))
    .collect();
    let mut selection = Selection::default();
    for name in ["read", "openat", "connect", "nonsense"] {
        selection.calls.insert(name.to_owned(), Default::default());
    }
    let (rules, added) = selection.rules(Architecture::I386, Action::REFUSE, &table);
    let said: Vec<String> = added.iter().map(|added| format!("{added:?}")).collect();
    assert_eq!(said.len(), 5, "{said:?}");
    assert!(said.iter().any(|line| line.contains("NoSuchCall { name: \"nonsense\" }")));
    let answer = |name: &str, first| {
        rules.verdict(&data(Architecture::I386, table[name], [first, 0, 0, 0, 0, 0]))
    };
    assert_eq!(answer("open", 0), Action::Allow);
    assert_eq!(answer("openat2", 0), Action::Allow);
    assert_eq!(answer("exit", 0), Action::Allow);
    assert_eq!(answer("socketcall", 3), Action::Allow, "connect");
    assert_eq!(answer("socketcall", 1), Action::REFUSE, "socket");
    assert_eq!(answer("clone3", 0), Action::Fail(38));
    assert_eq!(answer("clone", 0), Action::REFUSE);
}

#[test]
fn a_call_whose_arguments_are_checked_brings_no_other_version_in() {
    let table: Table = [("clone", 56), ("clone3", 435), ("fork", 57)]
        .map(|(name, number)| (name.to_owned(), number))
        .into();
    let mut selection = Selection::default();
    selection.calls.insert("clone".to_owned(), [(0, [0x3d_0f00].into())].into());
    let (rules, _) = selection.rules(Architecture::X86_64, Action::Kill, &table);
    let answer =
        |number, first| rules.verdict(&data(Architecture::X86_64, number, [first, 0, 0, 0, 0, 0]));
    assert_eq!(answer(56, 0x3d_0f00), Action::Allow);
    assert_eq!(answer(56, 17), Action::Kill);
    assert_eq!(answer(57, 0), Action::Kill);
    assert_eq!(answer(435, 0), Action::Fail(38));
}

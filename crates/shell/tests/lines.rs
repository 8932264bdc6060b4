// SPDX-License-Identifier: Apache-2.0
//! Structure of command lines, whole and broken.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;

use kakoi_shell::{
    Command, Damage, Environment, Joint, MAX_ITEMS, Node, Operator, Simple, Structure,
    expand_fields, parse_script,
};

/// Variables that are known; no command prints anything.
struct Variables(BTreeMap<&'static str, &'static str>);

impl Environment for Variables {
    fn parameter(&self, name: &str) -> Option<Vec<u8>> {
        self.0.get(name).map(|value| value.as_bytes().to_vec())
    }

    fn substitute(&mut self, _: &[Command]) -> Option<Vec<u8>> {
        None
    }
}

fn simple(node: &Node) -> &Simple {
    match node {
        Node::Simple(simple) => simple,
        other => panic!("not a simple command: {other:?}"),
    }
}

fn fields(line: &str) -> Vec<String> {
    let script = parse_script(line.as_bytes());
    let mut variables = Variables(BTreeMap::from([("a", "x y"), ("b", "v")]));
    let words = &simple(&script.commands[0].node).words;
    expand_fields(words, &mut variables).iter().map(|field| field.text().into_owned()).collect()
}

#[test]
fn joints_and_backgrounds_split_a_line_and_pipes_do_not() {
    let script = parse_script(b"a && b || c; d | e & f &");
    let joints: Vec<Joint> = script.commands.iter().map(|command| command.joint).collect();
    use Joint::{And, Background, Or, Then};
    assert_eq!(joints, [And, Or, Then, Background, Background]);
    assert!(matches!(&script.commands[3].node, Node::Pipeline(nodes) if nodes.len() == 2));
    assert!(script.damage.is_empty());
}

#[test]
fn quotes_hide_operators_and_comments_end_a_line() {
    let script = parse_script(b"echo 'a;b' \"c|d\" e\\;f # g; h");
    assert_eq!(script.commands.len(), 1);
    assert_eq!(fields("echo 'a;b' \"c|d\" e\\;f # g"), ["echo", "a;b", "c|d", "e;f"]);
}

#[test]
fn unquoted_values_are_split_and_quoted_ones_are_not() {
    assert_eq!(fields("p$a \"$a\" $b$b $none"), ["p", "px", "y", "x y", "vv", "$none"][1..]);
}

#[test]
fn defaults_lengths_and_ansi_quotes_have_values() {
    assert_eq!(fields("${none:-z w} ${#b} $'\\x41\\'b' ${b}c"), ["z", "w", "1", "A'b", "vc"]);
}

#[test]
fn redirections_keep_descriptor_and_direction() {
    let script = parse_script(b">.x 2>/dev/null <in >>out 2>&1 &>all cat");
    let redirects = &simple(&script.commands[0].node).redirects;
    let found: Vec<(u32, Operator)> =
        redirects.iter().map(|redirect| (redirect.descriptor, redirect.operator)).collect();
    use Operator::{Append, Duplicate, Read, Write, WriteBoth};
    let expected = [(1, Write), (2, Write), (0, Read), (1, Append), (2, Duplicate), (1, WriteBoth)];
    assert_eq!(found, expected);
}

#[test]
fn a_number_before_an_operator_is_a_word_when_a_blank_follows_it() {
    let script = parse_script(b"echo 2 >x");
    let command = simple(&script.commands[0].node);
    assert_eq!((command.words.len(), command.redirects[0].descriptor), (2, 1));
}

#[test]
fn here_documents_bring_their_bodies() {
    let script = parse_script(b"cat <<E >f; sh <<-'B'\none\nE\n\ttwo\nB\nid");
    assert_eq!(script.commands.len(), 3);
    let body = |at: usize| simple(&script.commands[at].node).redirects[0].body.clone().unwrap();
    assert_eq!((body(0), body(1)), (b"one\n".to_vec(), b"two\n".to_vec()));
}

#[test]
fn loops_conditions_and_groups_are_one_command_each() {
    let line =
        b"for i in a b; do x; y; done; if a; then b; else c; fi; { d; }; (e; f); while read \
        i; do echo; done < f; case $x in a|b) g;; *) h;; esac; f() { i; }";
    let script = parse_script(line);
    let bodies: Vec<usize> = script
        .commands
        .iter()
        .map(|command| match &command.node {
            Node::Compound(compound) => compound.body.len(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(bodies, [2, 3, 1, 2, 2, 2, 1]);
    assert!(script.damage.is_empty(), "{:?}", script.damage);
    let Node::Compound(last) = &script.commands[6].node else { panic!() };
    assert_eq!(last.structure, Structure::Function("f".to_owned()));
}

#[test]
fn what_is_not_closed_reaches_to_the_end_and_is_said() {
    for (line, damage) in [
        ("echo 'abc; id", Damage::Unclosed),
        ("echo \"abc; id", Damage::Unclosed),
        ("echo $(id; id", Damage::Unclosed),
        ("for i in a; do id", Damage::OpenCompound),
        ("done; id", Damage::Stray),
        ("id ) ; id", Damage::Stray),
    ] {
        let script = parse_script(line.as_bytes());
        assert_eq!(script.damage, [damage], "{line}");
        assert!(!script.commands.is_empty(), "{line}");
    }
}

#[test]
fn nesting_of_ten_thousand_is_cut_and_said() {
    for open in ["$(", "(", "{ ", "if ", "${a:-", "\"$(", "<(", "while ", "f() { "] {
        let line = format!("echo; {}", open.repeat(10_000));
        let script = parse_script(line.as_bytes());
        assert!(!script.commands.is_empty(), "{open}");
        assert!(script.damage.contains(&Damage::TooDeep), "{open}");
    }
    let backticks = format!("echo {}", "`a \\`".repeat(10_000));
    assert_eq!(parse_script(backticks.as_bytes()).commands.len(), 1);
    let closed = format!("echo {}id{}; uname", "$(".repeat(10_000), ")".repeat(10_000));
    let script = parse_script(closed.as_bytes());
    assert_eq!((script.commands.len(), script.damage), (2, vec![Damage::TooDeep]));
}

#[test]
fn commands_beyond_the_limit_are_left_out_and_said() {
    for line in ["a;", "a|", "a ", "$a"] {
        let script = parse_script(line.repeat(MAX_ITEMS * 2).as_bytes());
        assert!(script.commands.len() <= MAX_ITEMS, "{line}");
        assert!(script.damage.contains(&Damage::TooMany), "{line}");
    }
}

#[test]
fn any_bytes_give_a_script() {
    let bytes: Vec<u8> = (0..=255).chain((0..=255).rev()).collect();
    for start in 0..bytes.len() {
        let _ = parse_script(&bytes[start..]);
    }
    assert!(parse_script(b"").commands.is_empty());
}

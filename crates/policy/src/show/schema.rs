// SPDX-License-Identifier: Apache-2.0
//! The JSON schema of the language, for editors, and the reference in docs/, both from the table of keys.

use serde_json::{Map, Value, json};

use crate::keys::{KEYS, Key, Shape, of};
use crate::words::{Control, Trust};

/// JSON schema (draft 2020-12) of a policy file, with a line break at the end. It says what a file
/// may contain; the reader says more (names of domains, patterns, what fits which control).
#[must_use]
pub fn schema() -> String {
    let mut definitions = Map::new();
    for table in tables() {
        if table != "policy" {
            definitions.insert(table.to_owned(), object(table));
        }
    }
    let mut root = object("policy");
    if let Value::Object(fields) = &mut root {
        fields.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        fields.insert("title".to_owned(), json!("kakoi policy, version 1"));
        fields.insert("required".to_owned(), json!(["kakoi"]));
        fields.insert("$defs".to_owned(), Value::Object(definitions));
    }
    format!("{root:#}\n")
}

fn tables() -> Vec<&'static str> {
    let mut found: Vec<&str> = Vec::new();
    for key in KEYS {
        if !found.contains(&key.table) {
            found.push(key.table);
        }
    }
    found
}

fn object(table: &str) -> Value {
    let properties: Map<String, Value> =
        of(table).map(|key| (key.name.to_owned(), property(key))).collect();
    json!({ "type": "object", "additionalProperties": false, "properties": properties })
}

fn property(key: &Key) -> Value {
    let mut value = shape(key.shape);
    if let Value::Object(fields) = &mut value {
        fields.insert("description".to_owned(), json!(key.doc));
    }
    value
}

fn shape(shape: Shape) -> Value {
    let texts = || json!({ "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] });
    let reference = |table: &str| json!({ "$ref": format!("#/$defs/{table}") });
    match shape {
        Shape::Version => json!({ "const": 1 }),
        Shape::Text => json!({ "type": "string" }),
        Shape::Number(most) => json!({ "type": "integer", "minimum": 1, "maximum": most }),
        Shape::Flag => json!({ "type": "boolean" }),
        Shape::Word(words) => json!({ "enum": words }),
        Shape::Words(words) => {
            json!({ "anyOf": [{ "enum": words }, { "type": "array", "items": { "enum": words } }] })
        }
        Shape::Patterns | Shape::Trusted | Shape::Addresses | Shape::Domains | Shape::Texts => {
            texts()
        }
        Shape::Rule => {
            json!({ "anyOf": [{ "enum": ["allow", "audit", "rewrite", "deny", "kill"] }, reference("rule")] })
        }
        Shape::Table(table) => json!({ "allOf": [reference(table)] }),
        Shape::PatternsOr(table) | Shape::WordsOr(table) => {
            json!({ "anyOf": [texts(), reference(table)] })
        }
        Shape::Each(table) => json!({
            "type": "object",
            "propertyNames": { "pattern": "^[A-Za-z0-9-]{1,31}$" },
            "additionalProperties": reference(table),
        }),
    }
}

/// docs/POLICY-REFERENCE.md.
#[must_use]
pub fn reference() -> String {
    let mut text = String::from(HEAD);
    for table in tables() {
        text.push_str(&format!("\n## {}\n\n| key | value | what |\n|---|---|---|\n", title(table)));
        for key in of(table) {
            text.push_str(&format!("| `{}` | {} | {} |\n", key.name, value_of(key.shape), key.doc));
        }
    }
    text.push_str("\n## Controls\n\nBy number, as events and the compiled policy name them.\n\n| number | control |\n|---|---|\n");
    for control in Control::ALL {
        text.push_str(&format!("| {} | `{control}` |\n", control.number()));
    }
    text.push_str(&built_in());
    text
}

fn built_in() -> String {
    let mut text = String::from(
        "\n## Built-in lists\n\nA policy adds to them.\n\n| list | patterns |\n|---|---|\n",
    );
    let row = |name: &str, patterns: &[&str]| {
        let quoted: Vec<String> = patterns.iter().map(|pattern| format!("`{pattern}`")).collect();
        format!("| {name} | {} |\n", quoted.join(" "))
    };
    for (kind, patterns) in crate::built_in::PROGRAMS {
        text.push_str(&row(&format!("programs.{kind}"), patterns));
    }
    for (kind, patterns) in crate::built_in::PROTECTED {
        text.push_str(&row(&format!("self-protect, {kind}"), patterns));
    }
    text.push_str(&row("protect.processes", crate::built_in::PROCESSES));
    text
}

fn title(table: &str) -> String {
    match table {
        "policy" => "The file".to_owned(),
        "domain" => "`[domain.NAME]`".to_owned(),
        "rule" => "A rule as a table".to_owned(),
        "enter" | "files" | "exec" | "network" | "capabilities" | "syscalls" => {
            format!("`[domain.NAME.{table}]`")
        }
        table => format!("`[{table}]`"),
    }
}

fn value_of(shape: Shape) -> String {
    let words =
        |words: &[&str]| words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" ");
    match shape {
        Shape::Version => "`1`".to_owned(),
        Shape::Text => "text".to_owned(),
        Shape::Number(most) => format!("1 to {most}"),
        Shape::Flag => "true, false".to_owned(),
        Shape::Word(all) => words(all),
        Shape::Words(all) => format!("list of {}", words(all)),
        Shape::Patterns => "patterns".to_owned(),
        Shape::Trusted => {
            let all: Vec<&str> = Trust::ALL.iter().map(|trust| trust.word()).collect();
            format!("list of {} and paths", words(&all))
        }
        Shape::Rule => "an action, or a rule as a table".to_owned(),
        Shape::Addresses => "addresses".to_owned(),
        Shape::Domains => "names of domains".to_owned(),
        Shape::Texts => "list of texts".to_owned(),
        Shape::Table(_) => "table".to_owned(),
        Shape::PatternsOr(_) => "patterns, or a table".to_owned(),
        Shape::WordsOr(_) => "list of names, or a table".to_owned(),
        Shape::Each(_) => "tables by name".to_owned(),
    }
}

const HEAD: &str = "<!-- SPDX-License-Identifier: Apache-2.0 -->
<!-- Generated by `cargo xtask docs`; do not edit. -->
# Policy reference

Every key of the policy language, from the table that the reader, the schema (docs/policy.schema.json) and this page are
made of. How it is meant: docs/POLICY.md.
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::Protect;

    #[test]
    fn the_words_of_self_protection_are_those_of_the_table() {
        let words: Vec<&str> = Protect::ALL.iter().map(|kind| kind.word()).collect();
        assert_eq!(words, crate::keys::PROTECTS);
    }

    #[test]
    fn every_table_that_a_key_names_has_keys() {
        for key in KEYS {
            if let Shape::Table(table)
            | Shape::PatternsOr(table)
            | Shape::WordsOr(table)
            | Shape::Each(table) = key.shape
            {
                assert!(of(table).next().is_some(), "{table}");
            }
        }
    }
}

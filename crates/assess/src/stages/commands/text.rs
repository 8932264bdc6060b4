// SPDX-License-Identifier: Apache-2.0
//! Programs that show or filter text. Fed by a pipe they pass on what they are fed.

use crate::stages::effect::Effect;

use super::{Invocation, Options, Outcome};

/// What the program does, if it is one of these.
pub(super) fn effects(invocation: &Invocation<'_>) -> Option<Outcome> {
    // Options with values, and operands before the first file.
    let (short, leading) = match invocation.name {
        "grep" | "egrep" | "fgrep" | "zgrep" => ("efmABC", 1),
        "awk" | "gawk" | "mawk" | "nawk" | "sed" => ("eFfv", 1),
        "tr" => ("", 2),
        "cut" | "sort" | "uniq" => ("dfbcktTSnw", 0),
        "head" | "tail" => ("nc", 0),
        "more" | "less" | "strings" | "hexdump" | "hd" | "od" | "wc" | "rev" | "nl" | "fold"
        | "column" | "paste" | "expand" | "dos2unix" | "md5sum" | "sha1sum" | "sha256sum"
        | "sha512sum" | "cksum" | "sum" | "crc32" | "cmp" | "diff" | "jq" | "vi" | "vim"
        | "nano" | "ed" | "iconv" | "join" => ("nAjtNsevbckw", 0),
        _ => return None,
    };
    let options = Options::parse(invocation.arguments, short, &["lines", "bytes"]);
    let given = usize::from(options.value(&["e", "f"]).is_none()) * leading;
    let files = options.operands.get(given..).unwrap_or_default();
    if invocation.name == "sed" && options.flags.iter().any(|flag| flag.starts_with('i')) {
        return Some(in_place(files));
    }
    if files.is_empty() && invocation.is_fed() {
        return Some(Outcome::printing(invocation.input.clone()));
    }
    if files.is_empty() {
        let idle = if invocation.prints { Effect::AskTool } else { Effect::Nothing };
        return Some(Outcome { effects: vec![idle], output: invocation.input.clone() });
    }
    let effects = files.iter().map(|path| Effect::Read(path.clone())).collect();
    let output = super::file::content_of(files.first().map_or("-", String::as_str));
    Some(Outcome { effects, output })
}

fn in_place(files: &[String]) -> Outcome {
    use crate::stages::paths::is_trace;
    let hides = files.iter().any(|path| is_trace(path));
    Outcome::of(if hides { Effect::HideTraces } else { Effect::Tamper })
}

// SPDX-License-Identifier: Apache-2.0
//! The decoder of MIPS16e beside binutils' (Debian: binutils-mips-linux-gnu; capstone has none): every halfword, and every one with
//! random prefixes. They agree on length, kind of flow, target and numbers; where they do not, `reason` says why.
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test may fail, and prints what it met"
)]

use std::collections::BTreeMap;
use std::process::Command;

use kakoi_model::Endian;
use kakoi_syscalls::isa::{Decoder, Effect, Flow, Instruction, Mips16, Target, Value};

const NOP: u16 = 0x6500;

/// Every halfword before a `nop`, then each with a prefix.
fn code() -> Vec<u8> {
    let mut random = 0x1234_5678_u32;
    let mut halves = Vec::new();
    for half in 0..=u16::MAX {
        halves.extend([half, NOP]);
    }
    for half in 0..=u16::MAX {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        halves.extend([0xf000 | (random >> 21) as u16, half]);
    }
    halves.into_iter().flat_map(u16::to_be_bytes).collect()
}

/// What binutils says at each address: length and text.
fn listing(code: &[u8]) -> BTreeMap<u64, (usize, String)> {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("code");
    std::fs::write(&file, code).expect("writable");
    let output = Command::new("mips-linux-gnu-objdump")
        .args(["-D", "-z", "-w", "-b", "binary", "-m", "mips:16", "-EB"])
        .arg(&file)
        .output()
        .expect("needs binutils-mips-linux-gnu (tools/install.sh test)");
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines().filter_map(line).collect()
}

fn line(line: &str) -> Option<(u64, (usize, String))> {
    let (address, rest) = line.split_once(":\t")?;
    let (bytes, text) = rest.split_once('\t')?;
    let size = bytes.split_whitespace().map(|group| group.len() / 2).sum();
    Some((u64::from_str_radix(address.trim(), 16).ok()?, (size, text.replace('\t', " "))))
}

#[test]
fn every_halfword_decodes_as_by_binutils_or_differs_for_a_known_reason() {
    let code = code();
    let listing = listing(&code);
    let decoder = Mips16 { order: Endian::Big };
    let mut unknown: BTreeMap<(&str, String), Vec<String>> = BTreeMap::new();
    let mut known: BTreeMap<&str, usize> = BTreeMap::new();
    let mut compared = 0;
    for address in (0..code.len() as u64).step_by(4) {
        let Some((size, text)) = listing.get(&address) else { continue };
        compared += 1;
        let bytes = &code[address as usize..];
        let ours = decoder.decode(bytes, address);
        let Some(kind) = difference(ours.as_ref(), *size, text, address) else { continue };
        let name = text.split(' ').next().unwrap_or_default();
        match reason(kind, name, u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])) {
            Some(reason) => *known.entry(reason).or_default() += 1,
            None => {
                let line = format!("{address:#x} {:02x?} {text} | {ours:?}", &bytes[..4]);
                unknown.entry((kind, name.to_owned())).or_default().push(line);
            }
        }
    }
    println!("{compared} instructions compared");
    known.iter().for_each(|(reason, count)| println!("    {count:7} {reason}"));
    for ((kind, name), lines) in &unknown {
        println!("  ! {:6} {kind} {name}: {}", lines.len(), lines[lines.len() / 2]);
    }
    assert!(compared > 120_000, "{compared}");
    assert!(unknown.is_empty(), "differences without a reason: see above");
}

fn difference(
    ours: Option<&Instruction>,
    size: usize,
    text: &str,
    address: u64,
) -> Option<&'static str> {
    let is_none = text.starts_with("0x") || text.starts_with('.') || text.starts_with("extend");
    let Some(ours) = ours else { return (!is_none).then_some("only theirs") };
    if is_none {
        return Some("only ours");
    }
    if usize::from(ours.size) != size {
        return Some("size");
    }
    let name = text.split(' ').next().unwrap_or_default();
    if class(&ours.flow) != their_class(name) {
        return Some("flow");
    }
    let numbers = numbers(text);
    if let Flow::Jump(Target::Direct(target)) | Flow::Call(Target::Direct(target)) = ours.flow {
        let is_known = numbers.iter().any(|number| number & !1 == (target & !1) as i64);
        return (!is_known).then_some("target");
    }
    let missing = own_numbers(ours).into_iter().any(|number| {
        let signed = i64::from((number as u32).cast_signed());
        !(numbers.contains(&signed)
            || numbers.contains(&-signed)
            || numbers.contains(&(number as i64))
            || address == 0)
    });
    missing.then_some("number")
}

fn class(flow: &Flow) -> &'static str {
    match flow {
        Flow::Jump(_) | Flow::Return => "away",
        Flow::Call(_) => "call",
        Flow::Stop => "stop",
        _ => "next",
    }
}

fn their_class(name: &str) -> &'static str {
    match name {
        "jal" | "jalr" | "jalrc" | "jalx" => "call",
        "break" | "sdbbp" => "stop",
        "b" | "beqz" | "bnez" | "bteqz" | "btnez" | "jr" | "jrc" => "away",
        _ => "next",
    }
}

/// Decimal and hexadecimal numbers of the text.
fn numbers(text: &str) -> Vec<i64> {
    let split = |letter: char| !(letter.is_ascii_alphanumeric() || letter == '-');
    let parse = |word: &str| {
        let (sign, digits) = word.strip_prefix('-').map_or((1, word), |digits| (-1, digits));
        let number = match digits.strip_prefix("0x") {
            Some(digits) => i64::from_str_radix(digits, 16),
            None => digits.parse(),
        };
        number.ok().map(|number| sign * number)
    };
    text.split(split).filter_map(parse).collect()
}

/// Numbers that stand in the instruction; of frames only the size.
fn own_numbers(instruction: &Instruction) -> Vec<u64> {
    let constant = |value: &Value| match value {
        Value::Constant(number) if !matches!(number, 0 | 0xff | 0xffff | 0xffff_ffff) => {
            Some(*number)
        }
        _ => None,
    };
    let effects = match instruction.effects.len() {
        1 => &instruction.effects[..],
        // `seb` and `seh` are shifts.
        2 => &[],
        count => &instruction.effects[count.saturating_sub(1)..],
    };
    let number = |effect: &Effect| match effect {
        Effect::Set { value, .. } => constant(value),
        Effect::Compute { right, .. } => constant(right),
        Effect::Load { address, .. } | Effect::Store { address, .. }
            if address.displacement != 0 =>
        {
            Some(address.displacement.cast_unsigned())
        }
        _ => None,
    };
    if instruction.flow == Flow::Next {
        effects.iter().filter_map(number).collect()
    } else {
        Vec::new()
    }
}

/// Why a difference is meant.
fn reason(kind: &str, name: &str, word: u32) -> Option<&'static str> {
    const WIDE: [&str; 21] = [
        "daddiu", "daddu", "ddiv", "ddivu", "dla", "dmult", "dmultu", "dsll", "dsllv", "dsra",
        "dsrav", "dsrl", "dsrlv", "dsubu", "ld", "ldpc", "lwu", "sd", "sew", "zew", "sdpc",
    ];
    const SECOND: [&str; 20] = [
        "cache", "ll", "lwl", "lwr", "pref", "sc", "swl", "swr", "mtc0", "mfc0", "lui", "ori",
        "andi", "xori", "ext", "ins", "movz", "movn", "sync", "pause",
    ];
    match (kind, name) {
        ("only theirs", name) if WIDE.contains(&name) => {
            Some("64-bit instruction, which a 32-bit processor has not")
        }
        ("only theirs", name) if SECOND.contains(&name) => {
            Some("MIPS16e2, which no firmware that we have uses")
        }
        ("only theirs", "asmacro") => {
            Some("an instruction of the chip's maker: what it does is not known")
        }
        ("only theirs", "entry" | "exit") => Some("MIPS16 before MIPS16e, kept for no compiler"),
        ("only theirs", _) if word >> 27 == 0x1e && is_reserved(word) => {
            Some("fields that must be zero are not; binutils ignores them, or knows MIPS16e2's")
        }
        ("only ours", ".short") if word >> 27 == 0x1d => Some("reserved field, ignored"),
        _ => None,
    }
}

/// With a prefix the fields between operation and constant are reserved.
fn is_reserved(word: u32) -> bool {
    match word >> 11 & 31 {
        0x02 => word & 0x07e0 != 0,
        0x06 => word & 0x003f_001c != 0,
        _ => word & 0xe0 != 0,
    }
}

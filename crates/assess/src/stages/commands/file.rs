// SPDX-License-Identifier: Apache-2.0
//! Programs that make, copy, unpack, permit and remove files.

use crate::stages::effect::{Content, Effect};
use crate::stages::paths::{is_connection, is_noise, is_setting, is_sink, is_vital_tree};

use super::{Invocation, Options, Outcome};

/// What the program does, if it is one of these.
pub(super) fn effects(invocation: &Invocation<'_>) -> Option<Outcome> {
    let outcome = match invocation.name {
        "cp" => copy(invocation),
        "install" => install(invocation),
        "mv" => pair(invocation, Effect::Move),
        "ln" => pair(invocation, Effect::Link),
        "rm" | "unlink" | "rmdir" | "shred" | "srm" => remove(invocation),
        "touch" | "mktemp" | "truncate" | "fallocate" | "mkfifo" => touch(invocation),
        "mkdir" => mkdir(invocation),
        "chmod" => chmod(invocation),
        "cat" | "tac" => cat(invocation),
        "dd" => dd(invocation),
        "tee" => tee(invocation),
        "tar" | "cpio" | "unzip" | "unrar" | "7z" | "7za" | "pax" => unpack(invocation),
        "gunzip" | "gzip" | "zcat" | "bunzip2" | "bzip2" | "xz" | "unxz" | "unlzma" | "lzma"
        | "uncompress" | "zstd" | "upx" => decompress(invocation),
        "base64" | "base32" | "xxd" | "uudecode" | "openssl" => decode(invocation),
        _ => return None,
    };
    Some(outcome)
}

/// What a path gives to who reads it.
pub(in crate::stages) fn content_of(path: &str) -> Content {
    match path {
        "-" | "/dev/stdin" | "/dev/fd/0" | "/proc/self/fd/0" => Content::Session,
        _ if is_noise(path) => Content::Noise,
        _ if is_connection(path) => Content::Network,
        _ => Content::File(path.to_owned()),
    }
}

fn copy(invocation: &Invocation<'_>) -> Outcome {
    let options = Options::parse(invocation.arguments, "tS", &["target-directory"]);
    if let Some(target) = options.value(&["t", "target-directory"]) {
        let to = format!("{target}/");
        let copies = options.operands.iter().map(|from| Effect::Copy(from.clone(), to.clone()));
        return Outcome::many(copies.collect());
    }
    match options.operands.split_last() {
        None => Outcome::of(Effect::AskTool),
        Some((only, [])) => Outcome::of(Effect::Copy(only.clone(), only.clone())),
        Some((to, from)) => {
            Outcome::many(from.iter().map(|from| Effect::Copy(from.clone(), to.clone())).collect())
        }
    }
}

fn install(invocation: &Invocation<'_>) -> Outcome {
    let options = Options::parse(invocation.arguments, "mogtS", &["mode", "owner", "group"]);
    match options.operands.as_slice() {
        [from, to] if !options.flag(&["d"]) => Outcome::of(Effect::Copy(from.clone(), to.clone())),
        _ => Outcome::of(Effect::Nothing),
    }
}

fn pair(invocation: &Invocation<'_>, effect: fn(String, String) -> Effect) -> Outcome {
    let options = Options::parse(invocation.arguments, "tS", &[]);
    match options.operands.as_slice() {
        [.., from, to] => Outcome::of(effect(from.clone(), to.clone())),
        _ => Outcome::of(Effect::Tamper),
    }
}

fn remove(invocation: &Invocation<'_>) -> Outcome {
    let options = Options::parse(invocation.arguments, "", &[]);
    if options.operands.is_empty() {
        return Outcome::of(Effect::Remove(String::new()));
    }
    // `rm -rf /*` is destruction whatever else is named.
    if let Some(vital) = options.operands.iter().find(|path| is_vital_tree(path)) {
        return Outcome::of(Effect::Remove(vital.clone()));
    }
    Outcome::many(options.operands.into_iter().map(Effect::Remove).collect())
}

fn touch(invocation: &Invocation<'_>) -> Outcome {
    let options = Options::parse(invocation.arguments, "rdtslopm", &["reference", "date", "size"]);
    Outcome::many(options.operands.into_iter().map(Effect::Create).collect())
}

/// A directory of one's own in a place to be tried out; beneath settings it is a preparation.
fn mkdir(invocation: &Invocation<'_>) -> Outcome {
    let options = Options::parse(invocation.arguments, "m", &["mode"]);
    let setting = options.operands.iter().any(|path| is_setting(path));
    Outcome::of(if setting { Effect::Tamper } else { Effect::Enter("?".to_owned()) })
}

/// Only execute bits matter (chmod(1): octal, or symbolic `[ugoa][+-=][rwxXst]`, or a reference).
fn chmod(invocation: &Invocation<'_>) -> Outcome {
    let arguments: Vec<String> = invocation.texts().map(Into::into).collect();
    let reference = arguments.iter().any(|text| text.starts_with("--reference"));
    let option = |text: &&String| {
        matches!(text.as_str(), "-R" | "-f" | "-v" | "-c" | "-Rf" | "-fR" | "-vR" | "-Rv")
            || text.starts_with("--")
    };
    let mut operands = arguments.iter().filter(|text| !option(text));
    let mode = if reference { None } else { operands.next() };
    if mode.is_none() && !reference {
        return Outcome::of(Effect::AskTool);
    }
    if !mode.is_none_or(|mode| grants(mode)) {
        return Outcome::of(Effect::Tamper);
    }
    let mut files: Vec<Effect> = operands.map(|path| Effect::Grant(path.clone())).collect();
    if files.is_empty() {
        files.push(Effect::Grant(String::new()));
    }
    Outcome::many(files)
}

fn grants(mode: &str) -> bool {
    if mode.bytes().all(|byte| (b'0'..=b'7').contains(&byte)) && mode.len() <= 6 {
        return u32::from_str_radix(mode, 8).is_ok_and(|bits| bits & 0o111 != 0);
    }
    mode.split(',').any(|clause| match clause.find(['+', '=']) {
        Some(at) => clause[at..].contains(['x', 'X', 's']) && !clause[..at].contains('-'),
        None => clause.starts_with('$'),
    })
}

/// Reads files or its input; where to, the redirection says.
fn cat(invocation: &Invocation<'_>) -> Outcome {
    let options = Options::parse(invocation.arguments, "", &[]);
    let effects = options.operands.iter().filter(|path| !is_sink(path)).map(|path| read(path));
    let output = match options.operands.first() {
        Some(path) => content_of(path),
        None => invocation.input.clone(),
    };
    Outcome { effects: effects.collect(), output }
}

fn read(path: &str) -> Effect {
    if is_connection(path) { Effect::Nothing } else { Effect::Read(path.to_owned()) }
}

/// `dd if=FROM of=TO` (POSIX.1-2017, dd).
fn dd(invocation: &Invocation<'_>) -> Outcome {
    if invocation.arguments.is_empty() && !invocation.is_fed() {
        return Outcome::of(Effect::AskTool);
    }
    let operand =
        |name: &str| invocation.texts().find_map(|text| text.strip_prefix(name).map(str::to_owned));
    let from = operand("if=");
    let input = from.as_deref().map_or_else(|| invocation.input.clone(), content_of);
    let mut effects: Vec<Effect> = from.as_deref().map(read).into_iter().collect();
    match operand("of=") {
        Some(to) => {
            effects.push(Effect::Write(to, input));
            Outcome { effects, output: Content::Program }
        }
        None => Outcome { effects, output: input },
    }
}

fn tee(invocation: &Invocation<'_>) -> Outcome {
    let options = Options::parse(invocation.arguments, "", &[]);
    let write = |path: String| Effect::Write(path, invocation.input.clone());
    let effects = options.operands.into_iter().map(write).collect();
    Outcome { effects, output: invocation.input.clone() }
}

/// `tar xf FILE`, `… | tar x`, `unzip FILE`; other uses are packing or listing.
fn unpack(invocation: &Invocation<'_>) -> Outcome {
    let texts: Vec<String> = invocation.texts().map(Into::into).collect();
    let letters = texts.first().map_or("", |first| first.trim_start_matches('-'));
    let extracts = match invocation.name {
        "tar" | "7z" | "7za" | "unrar" => {
            letters.contains('x')
                || letters.starts_with('e')
                || texts.iter().any(|t| t == "-x" || t == "--extract")
        }
        "cpio" => letters.contains('i'),
        _ => true,
    };
    if texts.is_empty() {
        return Outcome::of(Effect::AskTool);
    }
    if !extracts {
        return Outcome::of(Effect::Tamper);
    }
    let archive = texts.iter().skip(usize::from(invocation.name != "unzip"));
    let mut archive = archive.filter(|text| !text.starts_with('-'));
    let from = if invocation.is_fed() {
        invocation.input.clone()
    } else {
        archive.next().map_or(Content::Session, |path| content_of(path))
    };
    Outcome::of(Effect::Unpack(from, None))
}

/// `gunzip FILE` writes the name without its ending.
fn decompress(invocation: &Invocation<'_>) -> Outcome {
    let options = Options::parse(invocation.arguments, "S", &["suffix"]);
    let name = invocation.name;
    let unpacks = name.starts_with("un") || matches!(name, "gunzip" | "bunzip2" | "zcat");
    let unpacks = unpacks || options.flag(&["d", "decompress", "dc", "uncompress"]);
    if options.operands.is_empty() && !invocation.is_fed() {
        return Outcome::of(Effect::AskTool);
    }
    if !unpacks {
        return Outcome::printing(invocation.input.clone());
    }
    match options.operands.first() {
        Some(path) if options.flag(&["c", "stdout"]) || name == "zcat" => {
            Outcome { effects: Vec::new(), output: Content::File(path.clone()) }
        }
        Some(path) => {
            let plain = path.rsplit_once('.').map(|(stem, _)| stem.to_owned());
            Outcome::of(Effect::Unpack(Content::File(path.clone()), plain))
        }
        None => Outcome::printing(match &invocation.input {
            Content::Text(_) => Content::Decoded,
            other => other.clone(),
        }),
    }
}

/// Encoded text becomes bytes; a file stays what it is under another name.
fn decode(invocation: &Invocation<'_>) -> Outcome {
    let options = Options::parse(invocation.arguments, "wcslgoi", &["wrap", "in", "out"]);
    let named = match invocation.name {
        "openssl" => options.value(&["i", "in"]),
        _ => options.operands.first().map(String::as_str),
    };
    let from = named.map_or_else(|| invocation.input.clone(), content_of);
    let mut effects = Vec::new();
    if invocation.name == "xxd" && !options.flag(&["r"]) && invocation.prints {
        effects.extend(named.map(read));
    }
    let output = match from {
        Content::Text(_) => Content::Decoded,
        other => other,
    };
    Outcome { effects, output }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_with_an_execute_bit_grant_it() {
        for mode in ["777", "0755", "+x", "u+x", "a=rwx", "ugo+rwx", "u=rw,+x", "111", "4755", "+X"]
        {
            assert!(grants(mode), "{mode}");
        }
        for mode in ["600", "644", "0", "-x", "a-x", "u+rw", "+r", "o=", "go-rwx"] {
            assert!(!grants(mode), "{mode}");
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
//! `kakoi policy digests`: the list by which a device with a writable root knows what the image shipped.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use kakoi_model::{Digest, File, FileKind};
use kakoi_policy::derive::main_root;

use crate::commands::opened::Opened;
use crate::commands::parsing::Parsing;
use crate::exit::{BadInput, Exit};
use crate::output;

/// List digest and path of every program, library and script of an image, for `kakoi-agent vouch`
#[derive(Args)]
pub struct Arguments {
    /// Firmware image, archive, or the directory of a root file system
    image: PathBuf,
    /// Where to write the list, in the format of sha256sum
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    parsing: Parsing,
}

/// Runs the command.
pub fn exec(arguments: &Arguments) -> anyhow::Result<Exit> {
    let opened = Opened::read(&arguments.image, &arguments.parsing)?;
    let root = main_root(&opened.facts)
        .ok_or_else(|| BadInput("no root file system was found in the image".to_owned()))
        .with_context(|| arguments.image.display().to_string())?;
    let mut lines: Vec<Vec<u8>> = Vec::new();
    let mut unread = 0;
    for file in opened.facts.files().filter(|file| file.container == root) {
        let FileKind::Regular { digest, .. } = &file.kind else { continue };
        match opened.content(digest) {
            Some(content) if is_code(file, &content) => lines.push(line(digest, file)),
            Some(_) => {}
            None => unread += 1,
        }
    }
    lines.sort_by(|left, right| left.get(64..).cmp(&right.get(64..)));
    std::fs::write(&arguments.output, lines.concat())
        .with_context(|| arguments.output.display().to_string())?;
    output::say(&format!("{}: {} files", arguments.output.display(), lines.len()));
    if unread > 0 {
        output::say(&format!("{unread} files of the image could not be read and are not listed"));
    }
    Ok(if unread > 0 { Exit::Findings } else { Exit::Done })
}

/// What is run, mapped or interpreted: an ELF file, a script with `#!`, or whatever has an x bit.
fn is_code(file: &File, content: &[u8]) -> bool {
    content.starts_with(b"\x7fELF")
        || content.starts_with(b"#!")
        || file.mode.is_some_and(|mode| mode & 0o111 != 0)
}

/// As sha256sum writes it: a backslash in front if the path has one, or a line end.
fn line(digest: &Digest, file: &File) -> Vec<u8> {
    let raw = file.path.as_bytes();
    let escaped = raw.iter().any(|byte| matches!(byte, b'\\' | b'\n' | b'\r'));
    let mut line = if escaped { b"\\".to_vec() } else { Vec::new() };
    line.extend(format!("{digest}  /").bytes());
    for byte in raw {
        match byte {
            b'\\' => line.extend(b"\\\\"),
            b'\n' => line.extend(b"\\n"),
            b'\r' => line.extend(b"\\r"),
            byte => line.push(*byte),
        }
    }
    line.push(b'\n');
    line
}

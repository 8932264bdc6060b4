// SPDX-License-Identifier: Apache-2.0
//! stdout is data, stderr is talk.

use std::io::{self, IsTerminal, Write};

/// Writes data. A closed pipe is an error that [`is_closed_pipe`] knows.
pub fn data(text: &str) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()?;
    Ok(())
}

/// Says something to the person at the terminal.
pub fn say(text: &str) {
    // Nobody is left to tell when standard error is closed.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Says what went wrong.
pub fn complain(text: &str) {
    say(&format!("kakoi: {text}"));
}

/// Text of an intruder, so that a terminal does not obey it.
pub fn printable(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character.is_control() {
            true => safe.extend(character.escape_default()),
            false => safe.push(character),
        }
    }
    safe
}

/// Did the reader of standard output go away (`kakoi scan … | head`)?
pub fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let kinds = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
    kinds.map(io::Error::kind).any(|kind| kind == io::ErrorKind::BrokenPipe)
}

/// May standard output be coloured? <https://no-color.org>
pub fn colours() -> bool {
    let forbidden = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    !forbidden && !dumb && io::stdout().is_terminal()
}

/// Columns of the terminal on standard output; none when it is not one.
pub fn terminal_width() -> Option<usize> {
    let (_, columns) = console::Term::stdout().size_checked()?;
    Some(usize::from(columns))
}

// SPDX-License-Identifier: Apache-2.0
//! The old protocol of scp, the far side (OpenSSH, scp.c: `source` and `sink`): lines that announce files and directories, each
//! answered by a byte, and the bytes of files between them.

use std::fs::{self, File, Permissions};
use std::io::{self, BufRead, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::copy;

/// Longest line of the protocol in bytes.
const LONGEST_LINE: u64 = 4096;

/// Directories in directories.
const DEEPEST: usize = 32;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cell) enum Request {
    /// `-t`: files come to this path.
    Take(PathBuf),
    /// `-f`: these files go.
    Give(Vec<PathBuf>),
}

/// Reads `scp -t PATH` and the like. None: it is something else, or a shell has to read it.
pub(super) fn parse(command: &str) -> Option<Request> {
    if command.contains(|sign: char| ";|&$<>()*?[]`\"'\\\n".contains(sign)) {
        return None;
    }
    let mut words = command.split_whitespace().peekable();
    words.next().filter(|word| *word == "scp")?;
    let (mut takes, mut gives) = (false, false);
    while let Some(word) = words.next_if(|word| word.starts_with('-') && *word != "--") {
        takes |= word.contains('t');
        gives |= word.contains('f');
    }
    let paths: Vec<PathBuf> = words.filter(|word| *word != "--").map(home).collect();
    match (takes, gives, paths.as_slice()) {
        (true, false, [path]) => Some(Request::Take(path.clone())),
        (false, true, [_, ..]) => Some(Request::Give(paths)),
        _ => None,
    }
}

fn home(word: &str) -> PathBuf {
    match word.strip_prefix('~') {
        Some("") => PathBuf::from("/root"),
        Some(rest) if rest.starts_with('/') => {
            Path::new("/root").join(rest.trim_start_matches('/'))
        }
        _ => PathBuf::from(word),
    }
}

/// Until the other side is done.
pub(super) fn serve(
    request: &Request,
    input: &mut impl BufRead,
    output: &mut impl Write,
) -> io::Result<()> {
    match request {
        Request::Take(path) => take(path, input, output),
        Request::Give(paths) => paths.iter().try_for_each(|path| give(path, input, output)),
    }
}

/// All is well.
const GOOD: [u8; 1] = [0];

fn take(path: &Path, input: &mut impl BufRead, output: &mut impl Write) -> io::Result<()> {
    let mut directories = vec![path.to_owned()];
    output.write_all(&GOOD)?;
    while let Some(line) = line(input)? {
        let place = directories.last().cloned().unwrap_or_default();
        let outcome = match line.split_first() {
            Some((b'C', rest)) => take_file(&place, rest, input, output),
            Some((b'D', rest)) => enter(&place, rest, directories.len()).and_then(|inside| {
                directories.push(inside);
                Ok(output.write_all(&GOOD)?)
            }),
            Some((b'E', _)) => {
                directories.pop();
                Ok(output.write_all(&GOOD)?)
            }
            Some((b'T', _)) => Ok(output.write_all(&GOOD)?),
            Some((1, _)) => Ok(()),
            _ => return Err(io::Error::other("not of the protocol")),
        };
        match outcome {
            Ok(()) => {}
            Err(Trouble::Told(text)) => complain(output, &text)?,
            Err(Trouble::Over(error)) => return Err(error),
        }
    }
    Ok(())
}

/// Why something did not go.
enum Trouble {
    /// The other side hears of it, and goes on.
    Told(String),
    /// The connection is over.
    Over(io::Error),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Over(error)
    }
}

/// Mode, size and name of `C0644 12 name` or `D0755 0 name`; the name may not lead out of the directory.
fn announced(rest: &[u8]) -> Option<(u32, u64, String)> {
    let text = String::from_utf8_lossy(rest);
    let mut words = text.splitn(3, ' ');
    let mode = u32::from_str_radix(words.next()?, 8).ok()?;
    let size = words.next()?.parse().ok()?;
    let name = words.next()?.to_owned();
    let safe = !name.is_empty() && !name.contains('/') && name != "." && name != "..";
    safe.then_some((mode & 0o7777, size, name))
}

fn take_file(
    place: &Path,
    rest: &[u8],
    input: &mut impl BufRead,
    output: &mut impl Write,
) -> Result<(), Trouble> {
    let told = |what: &dyn std::fmt::Display| Trouble::Told(format!("{}: {what}", place.display()));
    let (mode, size, name) = announced(rest).ok_or_else(|| told(&"unexpected filename"))?;
    let path = if place.is_dir() { place.join(name) } else { place.to_owned() };
    let mut file = File::create(&path).map_err(|error| told(&reason(&error)))?;
    output.write_all(&GOOD)?;
    // A disk that is full does not stop the protocol.
    let mut content = input.take(size);
    let written = copy(&mut content, &mut file);
    copy(&mut content, &mut io::sink())?;
    let _ = fs::set_permissions(&path, Permissions::from_mode(mode));
    let mut end = [0];
    input.read_exact(&mut end)?;
    written.map_err(|error| told(&reason(&error)))?;
    Ok(output.write_all(&GOOD)?)
}

fn enter(place: &Path, rest: &[u8], depth: usize) -> Result<PathBuf, Trouble> {
    let told = |what: &dyn std::fmt::Display| Trouble::Told(format!("{}: {what}", place.display()));
    let (_, _, name) = announced(rest).ok_or_else(|| told(&"unexpected filename"))?;
    if depth > DEEPEST {
        return Err(told(&"too deep"));
    }
    let inside = if place.is_dir() { place.join(name) } else { place.to_owned() };
    if !inside.is_dir() {
        fs::create_dir(&inside).map_err(|error| told(&reason(&error)))?;
    }
    Ok(inside)
}

fn give(path: &Path, input: &mut impl BufRead, output: &mut impl Write) -> io::Result<()> {
    acknowledged(input)?;
    let opened = File::open(path).and_then(|file| Ok((file.metadata()?, file)));
    let (data, mut file) = match opened {
        Ok((data, file)) if data.is_file() => (data, file),
        Ok(_) => return complain(output, &format!("{}: not a regular file", path.display())),
        Err(error) => {
            return complain(output, &format!("{}: {}", path.display(), reason(&error)));
        }
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mode = data.permissions().mode() & 0o7777;
    output.write_all(format!("C{mode:04o} {} {name}\n", data.len()).as_bytes())?;
    acknowledged(input)?;
    // Whatever happens to the file meanwhile, so many bytes were announced.
    let given = copy(&mut Read::take(&mut file, data.len()), output)?;
    copy(&mut io::repeat(0).take(data.len() - given), output)?;
    output.write_all(&GOOD)?;
    acknowledged(input)
}

fn acknowledged(input: &mut impl BufRead) -> io::Result<()> {
    let mut answer = [0];
    input.read_exact(&mut answer)?;
    match answer {
        GOOD => Ok(()),
        _ => Err(io::Error::other("refused")),
    }
}

fn complain(output: &mut impl Write, text: &str) -> io::Result<()> {
    output.write_all(format!("\x01scp: {text}\n").as_bytes())
}

/// In the words of the C library.
pub(super) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

/// The next line without its end. None: there is no more.
fn line(input: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    Read::take(&mut *input, LONGEST_LINE).read_until(b'\n', &mut line)?;
    match line.pop() {
        None => Ok(None),
        Some(b'\n') => Ok(Some(line)),
        Some(_) => Err(io::Error::other("a line without an end")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_transfers_are_read_without_a_shell() {
        assert_eq!(parse("scp -t /tmp/x"), Some(Request::Take("/tmp/x".into())));
        assert_eq!(parse("scp -r -p -d -t -- ~/x"), Some(Request::Take("/root/x".into())));
        assert_eq!(parse("scp -f a b"), Some(Request::Give(vec!["a".into(), "b".into()])));
        for command in
            ["scp -t /tmp/$(id)", "scp a b", "scpx -t a", "scp -t a; id", "scp -t a b", ""]
        {
            assert_eq!(parse(command), None, "{command}");
        }
    }

    #[test]
    fn files_and_directories_come_and_no_name_leads_out() {
        let place = tempfile::tempdir().unwrap();
        let sent = b"C0755 3 run\nabc\0D0755 0 sub\nT1 0 1 0\nC0600 0 empty\n\0E\nC0644 1 ../out\n";
        let mut answers = Vec::new();
        take(place.path(), &mut &sent[..], &mut answers).unwrap();
        assert_eq!(fs::read(place.path().join("run")).unwrap(), b"abc");
        let mode = fs::metadata(place.path().join("run")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o755);
        assert_eq!(fs::read(place.path().join("sub/empty")).unwrap(), b"");
        let told = String::from_utf8_lossy(&answers);
        assert!(told.starts_with("\0\0\0\0\0\0\0\0\u{1}scp: "), "{told:?}");
        assert!(!place.path().parent().unwrap().join("out").exists());
    }

    #[test]
    fn a_file_goes_with_its_mode_size_and_name() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("f");
        fs::write(&path, "hello").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        let mut given = Vec::new();
        give(&path, &mut &[0_u8; 3][..], &mut given).unwrap();
        assert_eq!(given, b"C0640 5 f\nhello\0");
        let mut told = Vec::new();
        give(&place.path().join("none"), &mut &[0_u8; 3][..], &mut told).unwrap();
        assert!(told.starts_with(b"\x01scp: ") && told.ends_with(b"No such file or directory\n"));
    }

    #[test]
    fn what_is_not_of_the_protocol_ends_it() {
        for sent in [&b"X\n"[..], b"C0644 5 f", b"C0644 9 f\nabc"] {
            let place = tempfile::tempdir().unwrap();
            assert!(take(place.path(), &mut &sent[..], &mut Vec::new()).is_err(), "{sent:?}");
        }
    }
}

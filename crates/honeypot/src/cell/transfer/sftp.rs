// SPDX-License-Identifier: Apache-2.0
//! The far side of SFTP version 3 (draft-ietf-secsh-filexfer-02), as OpenSSH's client speaks it: what sftp-server does for it.

use std::collections::BTreeMap;
use std::fs::{self, File, FileTimes, Metadata, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::scp::reason;

/// Longest packet in bytes that is taken (OpenSSH, sftp-common.h: `SFTP_MAX_MSG_LENGTH`).
const LONGEST: usize = 256 << 10;

/// Most bytes that are read at once.
const MOST_READ: usize = 64 << 10;

/// Files and directories that are open at once.
const MOST_OPEN: usize = 64;

/// Names of one answer.
const MOST_NAMES: usize = 64;

/// Packet types of the draft, section 3.
mod kind {
    pub(super) const INIT: u8 = 1;
    pub(super) const VERSION: u8 = 2;
    pub(super) const OPEN: u8 = 3;
    pub(super) const CLOSE: u8 = 4;
    pub(super) const READ: u8 = 5;
    pub(super) const WRITE: u8 = 6;
    pub(super) const LSTAT: u8 = 7;
    pub(super) const FSTAT: u8 = 8;
    pub(super) const SETSTAT: u8 = 9;
    pub(super) const FSETSTAT: u8 = 10;
    pub(super) const OPENDIR: u8 = 11;
    pub(super) const READDIR: u8 = 12;
    pub(super) const REMOVE: u8 = 13;
    pub(super) const MKDIR: u8 = 14;
    pub(super) const RMDIR: u8 = 15;
    pub(super) const REALPATH: u8 = 16;
    pub(super) const STAT: u8 = 17;
    pub(super) const RENAME: u8 = 18;
    pub(super) const READLINK: u8 = 19;
    pub(super) const SYMLINK: u8 = 20;
    pub(super) const STATUS: u8 = 101;
    pub(super) const HANDLE: u8 = 102;
    pub(super) const DATA: u8 = 103;
    pub(super) const NAME: u8 = 104;
    pub(super) const ATTRS: u8 = 105;
}

/// What an operation gives; what went wrong is a status.
enum Answer {
    Done,
    Handle(u32),
    Data(Vec<u8>),
    Names(Vec<(String, Metadata)>),
    /// A name of which nothing else is told.
    Name(PathBuf),
    Attributes(Metadata),
}

enum Open {
    File(File),
    Directory(fs::ReadDir),
}

/// One transfer.
#[derive(Default)]
pub(super) struct Server {
    open: BTreeMap<u32, Open>,
    next: u32,
}

impl Server {
    /// Until the other side is done.
    pub(super) fn serve(
        &mut self,
        input: &mut impl Read,
        output: &mut impl Write,
    ) -> io::Result<()> {
        while let Some(packet) = packet(input)? {
            let mut fields = Fields(&packet);
            let kind = fields.byte()?;
            if kind == kind::INIT {
                send(output, kind::VERSION, &3_u32.to_be_bytes())?;
                continue;
            }
            let id = fields.word()?;
            let answer = self.obey(kind, &mut fields);
            answer_with(output, id, answer)?;
        }
        Ok(())
    }

    fn obey(&mut self, kind: u8, fields: &mut Fields<'_>) -> io::Result<Answer> {
        match kind {
            kind::OPEN => self.open_file(fields),
            kind::CLOSE => {
                let handle = fields.handle()?;
                self.open.remove(&handle).map(|_| Answer::Done).ok_or_else(bad)
            }
            kind::READ => self.read(fields),
            kind::WRITE => {
                let (file, offset) = (self.file(fields.handle()?)?, fields.long()?);
                file.write_all_at(fields.text()?, offset).map(|()| Answer::Done)
            }
            kind::FSTAT => Ok(Answer::Attributes(self.file(fields.handle()?)?.metadata()?)),
            kind::FSETSTAT => {
                let file = self.file(fields.handle()?)?;
                fields.attributes()?.give(file)
            }
            kind::OPENDIR => {
                let directory = fs::read_dir(fields.path()?)?;
                self.keep(Open::Directory(directory))
            }
            kind::READDIR => self.names(fields.handle()?),
            _ => on_path(kind, fields),
        }
    }

    fn keep(&mut self, open: Open) -> io::Result<Answer> {
        if self.open.len() >= MOST_OPEN {
            return Err(io::Error::other("Too many open files"));
        }
        self.next = self.next.wrapping_add(1);
        self.open.insert(self.next, open);
        Ok(Answer::Handle(self.next))
    }

    fn file(&self, handle: u32) -> io::Result<&File> {
        match self.open.get(&handle) {
            Some(Open::File(file)) => Ok(file),
            _ => Err(bad()),
        }
    }

    fn open_file(&mut self, fields: &mut Fields<'_>) -> io::Result<Answer> {
        let (path, flags) = (fields.path()?, fields.word()?);
        let mode = fields.attributes()?.mode.unwrap_or(0o666);
        let has = |flag: u32| flags & flag != 0;
        let file = OpenOptions::new()
            .read(has(1))
            .write(has(2))
            .append(has(4))
            .create(has(8))
            .truncate(has(0x10))
            .create_new(has(0x20))
            .mode(mode)
            .open(path)?;
        self.keep(Open::File(file))
    }

    fn read(&self, fields: &mut Fields<'_>) -> io::Result<Answer> {
        let (file, offset) = (self.file(fields.handle()?)?, fields.long()?);
        let length = usize::try_from(fields.word()?).unwrap_or(MOST_READ).min(MOST_READ);
        let mut bytes = vec![0; length];
        let count = file.read_at(&mut bytes, offset)?;
        bytes.truncate(count);
        if count == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(Answer::Data(bytes)) }
    }

    fn names(&mut self, handle: u32) -> io::Result<Answer> {
        let Some(Open::Directory(directory)) = self.open.get_mut(&handle) else {
            return Err(bad());
        };
        let entries = directory.flatten().filter_map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            Some((name, entry.metadata().ok()?))
        });
        let names: Vec<_> = entries.take(MOST_NAMES).collect();
        let over = names.is_empty();
        if over { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(Answer::Names(names)) }
    }
}

/// Operations that need nothing open.
fn on_path(kind: u8, fields: &mut Fields<'_>) -> io::Result<Answer> {
    let supported = matches!(kind, kind::LSTAT | kind::SETSTAT | kind::REMOVE..=kind::SYMLINK);
    if !supported {
        return Err(io::ErrorKind::Unsupported.into());
    }
    let path = fields.path()?;
    match kind {
        kind::LSTAT => return fs::symlink_metadata(path).map(Answer::Attributes),
        kind::STAT => return fs::metadata(path).map(Answer::Attributes),
        kind::READLINK => return fs::read_link(path).map(Answer::Name),
        kind::REALPATH => return real_path(&path).map(Answer::Name),
        kind::SETSTAT => {
            let wanted = fields.attributes()?;
            // Only a size needs a file that can be written.
            let file = match wanted.size {
                Some(_) => OpenOptions::new().write(true).open(path)?,
                None => File::open(path)?,
            };
            return wanted.give(&file);
        }
        kind::REMOVE => fs::remove_file(path)?,
        kind::MKDIR => fs::create_dir(path)?,
        kind::RMDIR => fs::remove_dir(path)?,
        kind::RENAME => {
            let to = fields.path()?;
            // The draft renames over nothing.
            if fs::symlink_metadata(&to).is_ok() {
                return Err(io::Error::other("Failure"));
            }
            fs::rename(path, to)?;
        }
        // OpenSSH's client sends the target first, against the draft.
        _ => symlink(path, fields.path()?)?,
    }
    Ok(Answer::Done)
}

/// Of a file that is not there, its directory's.
fn real_path(path: &Path) -> io::Result<PathBuf> {
    fs::canonicalize(path).or_else(|error| match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => {
            let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            Ok(fs::canonicalize(parent)?.join(name))
        }
        _ => Err(error),
    })
}

fn bad() -> io::Error {
    io::ErrorKind::InvalidInput.into()
}

/// The next packet. None: there is no more.
fn packet(input: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    match input.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        outcome => outcome?,
    }
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length == 0 || length > LONGEST {
        return Err(io::Error::other("a packet longer than agreed"));
    }
    let mut packet = vec![0; length];
    input.read_exact(&mut packet)?;
    Ok(Some(packet))
}

/// What is left of a packet.
struct Fields<'b>(&'b [u8]);

impl<'b> Fields<'b> {
    fn take(&mut self, count: usize) -> io::Result<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or_else(bad)?;
        self.0 = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> io::Result<u8> {
        Ok(self.take(1)?.first().copied().unwrap_or(0))
    }

    fn word(&mut self) -> io::Result<u32> {
        let bytes = self.take(4)?.first_chunk().ok_or_else(bad)?;
        Ok(u32::from_be_bytes(*bytes))
    }

    fn long(&mut self) -> io::Result<u64> {
        let bytes = self.take(8)?.first_chunk().ok_or_else(bad)?;
        Ok(u64::from_be_bytes(*bytes))
    }

    fn text(&mut self) -> io::Result<&'b [u8]> {
        let length = usize::try_from(self.word()?).unwrap_or(usize::MAX);
        self.take(length)
    }

    /// Relative ones begin where the intruder is at home.
    fn path(&mut self) -> io::Result<PathBuf> {
        let text = String::from_utf8_lossy(self.text()?).into_owned();
        Ok(PathBuf::from(if text.is_empty() { "." } else { &text }))
    }

    fn handle(&mut self) -> io::Result<u32> {
        let bytes: [u8; 4] = self.text()?.try_into().map_err(|_| bad())?;
        Ok(u32::from_be_bytes(bytes))
    }

    /// Section 5; extensions are left where they are.
    fn attributes(&mut self) -> io::Result<Wanted> {
        let flags = self.word()?;
        let size = (flags & 1 != 0).then(|| self.long()).transpose()?;
        if flags & 2 != 0 {
            self.long()?;
        }
        let mode = (flags & 4 != 0).then(|| self.word()).transpose()?;
        let times = match flags & 8 {
            0 => None,
            _ => Some((self.word()?, self.word()?)),
        };
        Ok(Wanted { size, mode: mode.map(|mode| mode & 0o7777), times })
    }
}

/// Attributes that a file is to have.
struct Wanted {
    size: Option<u64>,
    mode: Option<u32>,
    /// Of the last reading and of the last change, in seconds of the epoch.
    times: Option<(u32, u32)>,
}

impl Wanted {
    fn give(&self, file: &File) -> io::Result<Answer> {
        if let Some(size) = self.size {
            file.set_len(size)?;
        }
        if let Some(mode) = self.mode {
            file.set_permissions(Permissions::from_mode(mode))?;
        }
        if let Some((read, changed)) = self.times {
            let at = |seconds: u32| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.into());
            let times = FileTimes::new().set_accessed(at(read)).set_modified(at(changed));
            file.set_times(times)?;
        }
        Ok(Answer::Done)
    }
}

fn answer_with(output: &mut impl Write, id: u32, answer: io::Result<Answer>) -> io::Result<()> {
    let mut body = id.to_be_bytes().to_vec();
    let kind = match answer {
        Ok(Answer::Done) => status(&mut body, 0, "Success"),
        Ok(Answer::Handle(handle)) => {
            put(&mut body, &handle.to_be_bytes());
            kind::HANDLE
        }
        Ok(Answer::Data(bytes)) => {
            put(&mut body, &bytes);
            kind::DATA
        }
        Ok(Answer::Names(names)) => {
            word(&mut body, names.len());
            for (name, data) in &names {
                put(&mut body, name.as_bytes());
                put(&mut body, listed(name, data).as_bytes());
                attributes(&mut body, data);
            }
            kind::NAME
        }
        Ok(Answer::Name(path)) => {
            word(&mut body, 1);
            let path = path.to_string_lossy();
            put(&mut body, path.as_bytes());
            put(&mut body, path.as_bytes());
            body.extend(0_u32.to_be_bytes());
            kind::NAME
        }
        Ok(Answer::Attributes(data)) => {
            attributes(&mut body, &data);
            kind::ATTRS
        }
        Err(error) => {
            let (code, text) = failure(&error);
            status(&mut body, code, &text)
        }
    };
    send(output, kind, &body)
}

/// Codes of section 7, with the words of OpenSSH's server.
fn failure(error: &io::Error) -> (u32, String) {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => (1, "End of file".to_owned()),
        io::ErrorKind::NotFound => (2, "No such file".to_owned()),
        io::ErrorKind::PermissionDenied => (3, "Permission denied".to_owned()),
        io::ErrorKind::InvalidInput => (5, "Bad message".to_owned()),
        io::ErrorKind::Unsupported => (8, "Operation unsupported".to_owned()),
        _ if error.raw_os_error().is_some() => (4, "Failure".to_owned()),
        _ => (4, reason(error)),
    }
}

fn status(body: &mut Vec<u8>, code: u32, text: &str) -> u8 {
    body.extend(code.to_be_bytes());
    put(body, text.as_bytes());
    put(body, b"");
    kind::STATUS
}

fn word(body: &mut Vec<u8>, value: usize) {
    body.extend(u32::try_from(value).unwrap_or(u32::MAX).to_be_bytes());
}

fn put(body: &mut Vec<u8>, text: &[u8]) {
    word(body, text.len());
    body.extend_from_slice(text);
}

/// Size, owner, mode and times.
fn attributes(body: &mut Vec<u8>, data: &Metadata) {
    body.extend(15_u32.to_be_bytes());
    body.extend(data.len().to_be_bytes());
    let seconds = |time: i64| u32::try_from(time).unwrap_or(0);
    for value in [data.uid(), data.gid(), data.mode(), seconds(data.atime()), seconds(data.mtime())]
    {
        body.extend(value.to_be_bytes());
    }
}

/// A line as `ls -l` has it, which clients show; without the time, which they have from the attributes.
fn listed(name: &str, data: &Metadata) -> String {
    let kind = match data.mode() & 0o170_000 {
        0o040_000 => 'd',
        0o120_000 => 'l',
        0o020_000 => 'c',
        _ => '-',
    };
    let signs = "rwxrwxrwx".chars().zip((0..9).rev());
    let bits = signs.map(|(sign, bit)| if data.mode() & (1 << bit) == 0 { '-' } else { sign });
    let bits: String = bits.collect();
    let (links, size) = (data.nlink(), data.len());
    format!(
        "{kind}{bits} {links:>4} {:<8} {:<8} {size:>8} Jan  1 00:00 {name}",
        data.uid(),
        data.gid()
    )
}

fn send(output: &mut impl Write, kind: u8, body: &[u8]) -> io::Result<()> {
    let mut packet = Vec::with_capacity(body.len() + 5);
    word(&mut packet, body.len() + 1);
    packet.push(kind);
    packet.extend_from_slice(body);
    output.write_all(&packet)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A packet of this kind with these fields.
    fn request(kind: u8, id: u32, fields: &[&[u8]]) -> Vec<u8> {
        let mut packet = Vec::new();
        let body = [&id.to_be_bytes()[..], &fields.concat()].concat();
        send(&mut packet, kind, &body).unwrap();
        packet
    }

    fn text(text: &[u8]) -> Vec<u8> {
        let mut field = Vec::new();
        put(&mut field, text);
        field
    }

    /// Kind and body of each answer.
    fn answers(requests: &[u8]) -> Vec<(u8, Vec<u8>)> {
        let mut output = Vec::new();
        Server::default().serve(&mut &requests[..], &mut output).unwrap();
        let mut rest = output.as_slice();
        let mut all = Vec::new();
        while let Some(packet) = packet(&mut rest).unwrap() {
            all.push((packet[0], packet[1..].to_vec()));
        }
        all
    }

    #[test]
    fn a_file_is_put_as_a_client_does_and_read_back() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("f");
        let name = text(path.as_os_str().as_encoded_bytes());
        let (none, mode) = (
            0_u32.to_be_bytes(),
            [&4_u32.to_be_bytes()[..], &0o100_755_u32.to_be_bytes()].concat(),
        );
        let handle = text(&1_u32.to_be_bytes());
        let requests = [
            request(kind::INIT, 3, &[]),
            request(kind::OPEN, 1, &[&name, &0x1a_u32.to_be_bytes(), &none]),
            request(kind::WRITE, 2, &[&handle, &0_u64.to_be_bytes(), &text(b"hello")]),
            request(kind::FSETSTAT, 3, &[&handle, &mode]),
            request(kind::CLOSE, 4, &[&handle]),
            request(kind::OPEN, 5, &[&name, &1_u32.to_be_bytes(), &none]),
            request(
                kind::READ,
                6,
                &[&text(&2_u32.to_be_bytes()), &1_u64.to_be_bytes(), &9_u32.to_be_bytes()],
            ),
            request(kind::REMOVE, 7, &[&text(b"/no/such")]),
            request(200, 8, &[]),
        ];
        let told = answers(&requests.concat());
        let kinds: Vec<u8> = told.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(kinds, [2, 102, 101, 101, 101, 102, 103, 101, 101]);
        assert_eq!(&told[6].1[8..], b"ello");
        assert_eq!(told[7].1[4..8], 2_u32.to_be_bytes());
        assert_eq!(told[8].1[4..8], 8_u32.to_be_bytes());
        assert_eq!(fs::read(&path).unwrap(), b"hello");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o755);
    }

    #[test]
    fn a_directory_is_listed_to_its_end() {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("one"), "1").unwrap();
        let handle = text(&1_u32.to_be_bytes());
        let name = text(place.path().as_os_str().as_encoded_bytes());
        let requests = [
            request(kind::OPENDIR, 1, &[&name]),
            request(kind::READDIR, 2, &[&handle]),
            request(kind::READDIR, 3, &[&handle]),
        ];
        let told = answers(&requests.concat());
        assert_eq!((told[1].0, &told[1].1[4..15]), (104, &b"\0\0\0\x01\0\0\0\x03one"[..]));
        assert_eq!((told[2].0, &told[2].1[4..8]), (101, &1_u32.to_be_bytes()[..]));
    }

    #[test]
    fn packets_that_are_cut_or_too_long_end_it_or_are_refused() {
        let mut output = Vec::new();
        let serve =
            |bytes: &[u8], output: &mut Vec<u8>| Server::default().serve(&mut &bytes[..], output);
        assert!(serve(&[0xff; 8], &mut output).is_err());
        assert!(serve(&[0, 0, 0, 9, 3], &mut output).is_err());
        assert!(serve(&[0, 0, 0, 1, 3], &mut output).is_err());
        let told = answers(&request(kind::OPEN, 1, &[&[0, 0, 0, 99]]));
        assert_eq!(told[0].1[4..8], 5_u32.to_be_bytes());
    }
}

// SPDX-License-Identifier: Apache-2.0
//! What the BPF programs keep and send: the Rust side of bpf/record.h.

/// A task of a cell as process 1 is marked; `struct record_task`.
pub(super) fn first_task(cell: u64, serves: bool) -> Vec<u8> {
    let mut bytes = cell.to_ne_bytes().to_vec();
    bytes.extend([0; 8]);
    let role = if serves { SERVICE_FIRST } else { FIRST };
    // Device, line, role, children, number in the cell, parent.
    for word in [0_u32, 0, role, 0, 1, 0] {
        bytes.extend(word.to_ne_bytes());
    }
    bytes
}

/// Roles of process 1; `enum record_role`.
const FIRST: u32 = 0;
const SERVICE_FIRST: u32 = 5;

/// A cell in which nothing happened yet; `struct record_cell`. The port is that of its service, or 0.
pub(super) fn new_cell(port: u16, emulated: bool) -> Vec<u8> {
    let mut bytes = vec![0; 12];
    for word in [u32::from(port), u32::from(emulated), 0] {
        bytes.extend(word.to_ne_bytes());
    }
    bytes
}

/// Events that found no room.
pub(super) fn lost_of(cell: &[u8]) -> u64 {
    cell.first_chunk().map_or(0, |bytes| u64::from_ne_bytes(*bytes))
}

/// Pieces of memory that go with a call.
pub(super) const PIECES: usize = 2;

/// How a piece is read; `enum record_piece`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece {
    Text = 1,
    Data = 2,
    Address = 3,
    Words = 4,
}

/// `struct record_shape`: which arguments of a call are pieces.
pub(super) fn shape(pieces: &[(u8, Piece)]) -> [u8; 2 * PIECES] {
    let mut bytes = [0; 2 * PIECES];
    for (at, (argument, piece)) in pieces.iter().take(PIECES).enumerate() {
        bytes[at] = *piece as u8;
        bytes[PIECES + at] = *argument;
    }
    bytes
}

/// What happened; `enum record_kind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Call,
    Made,
    Exec,
    Became,
    Ended,
    Declared,
}

/// What the first piece is to the lines of its cell; `enum record_input`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    None,
    /// It was read from where lines are typed, or is a command that a shell was given.
    Typed,
    /// It is what the service read of a request.
    Request,
}

/// `struct record_head` and what follows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record<'b> {
    /// Nanoseconds since boot.
    pub(super) time: u64,
    pub(super) cell: u64,
    pub(super) result: i64,
    pub(super) arguments: [u64; 6],
    pub(super) kind: Kind,
    /// Number on the host.
    pub(super) task: u32,
    pub(super) line: u32,
    pub(super) number: u32,
    /// Number in the cell, of the task and of what made it.
    pub(super) pid: u32,
    pub(super) parent: u32,
    /// What was made: number on the host and in the cell.
    pub(super) child: (u32, u32),
    /// Lines of the cell after this.
    pub(super) lines: u32,
    pub(super) input: Input,
    pub(super) pieces: [&'b [u8]; PIECES],
    /// Pieces that could not be read, bit by number.
    pub(super) missing: u32,
}

/// Bytes of `struct record_head`.
const HEAD: usize = 128;

impl<'b> Record<'b> {
    /// None: it is of another version of the programs, or cut.
    pub(super) fn parse(bytes: &'b [u8]) -> Option<Self> {
        let (head, body) = bytes.split_at_checked(HEAD)?;
        let long = |at: usize| Some(u64::from_ne_bytes(*head.get(at..)?.first_chunk()?));
        let word = |at: usize| Some(u32::from_ne_bytes(*head.get(at..)?.first_chunk()?));
        let mut arguments = [0; 6];
        for (at, argument) in arguments.iter_mut().enumerate() {
            *argument = long(24 + 8 * at)?;
        }
        let first = usize::try_from(word(116)?).ok()?;
        let second = usize::try_from(word(120)?).ok()?;
        let (one, rest) = body.split_at_checked(first)?;
        Some(Self {
            time: long(0)?,
            cell: long(8)?,
            result: long(16)?.cast_signed(),
            arguments,
            kind: match word(72)? {
                1 => Kind::Call,
                2 => Kind::Made,
                3 => Kind::Exec,
                4 => Kind::Became,
                5 => Kind::Ended,
                6 => Kind::Declared,
                _ => return None,
            },
            task: word(76)?,
            line: word(80)?,
            number: word(84)?,
            pid: word(92)?,
            parent: word(96)?,
            child: (word(100)?, word(104)?),
            lines: word(108)?,
            input: match word(112)? {
                0 => Input::None,
                1 => Input::Typed,
                _ => Input::Request,
            },
            pieces: [one, rest.get(..second)?],
            missing: word(124)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Offset of a member by bpf/record.h: members are laid out in their order, aligned to their size.
    fn offset(structure: &str, wanted: &str) -> Option<usize> {
        let header = include_str!("../../../../bpf/record.h");
        let body = header.split(&format!("struct {structure} {{")).nth(1)?.split("};").next()?;
        let mut at = 0_usize;
        for line in body.lines().filter_map(|line| line.trim().split(';').next()) {
            let Some((kind, name)) = line.split_once(' ') else { continue };
            let size = match kind {
                "u64" | "__s64" => 8,
                "u32" => 4,
                "u8" => 1,
                _ => continue,
            };
            let (name, count) = match name.split_once('[') {
                Some((name, "6]")) => (name, 6),
                Some((name, _)) => (name, PIECES),
                None => (name, 1),
            };
            at = at.next_multiple_of(size);
            if name == wanted {
                return Some(at);
            }
            at += size * count;
        }
        (wanted.is_empty()).then_some(at)
    }

    #[test]
    fn offsets_are_those_of_the_header() {
        let of = |name| offset("record_head", name).unwrap();
        let read = [0, 8, 16, 24, 72, 76, 80, 84, 92, 96, 100, 104, 108, 112, 116, 124, HEAD];
        let names = [
            "time",
            "cell",
            "result",
            "arguments",
            "kind",
            "task",
            "line",
            "number",
            "pid",
            "parent",
            "child",
            "child_pid",
            "lines",
            "input",
            "length",
            "missing",
            "",
        ];
        assert_eq!(names.map(of), read);
        assert_eq!(offset("record_task", ""), Some(first_task(1, false).len()));
        assert_eq!(offset("record_task", "pid"), Some(32));
        assert_eq!(offset("record_cell", ""), Some(new_cell(1, false).len()));
        assert_eq!(offset("record_cell", "port"), Some(12));
        assert_eq!(offset("record_cell", "emulated"), Some(16));
        assert_eq!(offset("record_shape", "argument"), Some(PIECES));
    }

    #[test]
    fn a_record_that_is_cut_is_none() {
        let mut bytes = vec![0; HEAD];
        bytes[72] = 1;
        bytes[116] = 3;
        bytes.extend(b"/x\0");
        assert_eq!(Record::parse(&bytes).unwrap().pieces[0], b"/x\0");
        assert_eq!(Record::parse(&bytes[..HEAD + 2]), None);
        assert_eq!(Record::parse(b""), None);
    }
}

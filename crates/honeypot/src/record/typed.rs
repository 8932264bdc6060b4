// SPDX-License-Identifier: Apache-2.0
//! Command lines from the bytes that programs read off the terminal.

/// Longest line that is kept, in bytes; the rest of a longer one is dropped, and the line still counts.
const LONGEST: usize = 1 << 20;

/// Where in an escape sequence (ECMA-48) the last byte was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Escape {
    #[default]
    Outside,
    Begun,
    Inside,
}

/// Bytes of a line that is not ended. A line editor reads them one at a time, with the keys that edit; otherwise a line
/// comes whole.
#[derive(Debug, Default)]
pub(crate) struct Typed {
    line: Vec<u8>,
    escape: Escape,
}

impl Typed {
    /// Takes a byte; gives the line that it ends. What a shell's history or completion put into the line is not known.
    pub(crate) fn push(&mut self, byte: u8) -> Option<Vec<u8>> {
        match self.escape {
            // The end of a line is one whatever went before it.
            _ if byte == b'\r' || byte == b'\n' => self.escape = Escape::Outside,
            Escape::Begun if byte == b'[' || byte == b'O' => {
                self.escape = Escape::Inside;
                return None;
            }
            Escape::Inside => {
                if (0x40..=0x7e).contains(&byte) {
                    self.escape = Escape::Outside;
                }
                return None;
            }
            Escape::Begun => self.escape = Escape::Outside,
            Escape::Outside => {}
        }
        match byte {
            b'\r' | b'\n' => return Some(std::mem::take(&mut self.line)),
            0x1b => self.escape = Escape::Begun,
            0x08 | 0x7f => drop(self.line.pop()),
            // Control-C and control-U.
            0x03 | 0x15 => self.line.clear(),
            0x17 => self.drop_word(),
            b'\t' | b' '.. if self.line.len() < LONGEST => self.line.push(byte),
            _ => {}
        }
        None
    }

    fn drop_word(&mut self) {
        while self.line.last() == Some(&b' ') {
            self.line.pop();
        }
        while self.line.last().is_some_and(|byte| *byte != b' ') {
            self.line.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bytes: &[u8]) -> Vec<String> {
        let mut typed = Typed::default();
        let ended = bytes.iter().filter_map(|byte| typed.push(*byte));
        ended.map(|line| String::from_utf8_lossy(&line).into_owned()).collect()
    }

    #[test]
    fn keys_that_edit_leave_what_was_meant() {
        assert_eq!(lines(b"lss\x7f -l\r"), ["ls -l"]);
        assert_eq!(lines(b"rm x\x15id\r"), ["id"]);
        assert_eq!(lines(b"cat foo bar\x17\x17ls\n"), ["cat ls"]);
        assert_eq!(lines(b"i\x1b[D\x1b[Cd\r"), ["id"]);
        assert_eq!(lines(b"oops\x03\runame\r"), ["", "uname"]);
    }

    #[test]
    fn a_line_ends_inside_an_escape_sequence_too() {
        assert_eq!(lines(b"id\x1b[\rls\x1b\n"), ["id", "ls"]);
    }

    #[test]
    fn several_lines_in_one_read_are_several() {
        assert_eq!(lines(b"a\nb\nc"), ["a", "b"]);
    }
}

// SPDX-License-Identifier: Apache-2.0
//! Bytes of a Telnet connection (RFC 854, 855, 1073), as BusyBox telnetd takes them: it says once what it wants, answers
//! nothing, and looks for nothing but data and the size of the window.

/// What BusyBox telnetd sends first: DO ECHO, DO NAWS, WILL ECHO, WILL SUPPRESS-GO-AHEAD.
pub const GREETING: [u8; 12] = [IAC, DO, 1, IAC, DO, NAWS, IAC, WILL, 1, IAC, WILL, 3];

const IAC: u8 = 255;
const DO: u8 = 253;
const WILL: u8 = 251;
const SB: u8 = 250;
const SE: u8 = 240;
const NAWS: u8 = 31;

/// Longest subnegotiation that is kept; the rest of a longer one is dropped.
const LONGEST: usize = 64;

/// What the other side sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// A byte of data. The end of a line is one carriage return.
    Data(u8),
    /// Columns and rows of its window.
    Window(u16, u16),
    /// WILL, WONT, DO or DONT (by its code) and an option.
    Option(u8, u8),
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Data,
    /// After a carriage return, whose line feed or zero is not told.
    Return,
    Command,
    Option(u8),
    Sub,
    SubCommand,
}

/// Takes bytes one at a time, however they are cut into packets.
#[derive(Debug, Default)]
pub struct Stream {
    state: State,
    sub: Vec<u8>,
}

impl Stream {
    /// Takes a byte.
    pub fn push(&mut self, byte: u8) -> Option<Received> {
        let state = std::mem::take(&mut self.state);
        match (state, byte) {
            (State::Data | State::Return, IAC) => {
                self.state = State::Command;
                None
            }
            (State::Return, b'\n' | 0) => None,
            (State::Data | State::Return, _) => {
                if byte == b'\r' {
                    self.state = State::Return;
                }
                Some(Received::Data(byte))
            }
            (State::Command, IAC) => Some(Received::Data(IAC)),
            (State::Command, WILL..=254) => {
                self.state = State::Option(byte);
                None
            }
            (State::Command, SB) => {
                self.sub.clear();
                self.state = State::Sub;
                None
            }
            (State::Command, _) => None,
            (State::Option(verb), option) => Some(Received::Option(verb, option)),
            (State::Sub, IAC) => {
                self.state = State::SubCommand;
                None
            }
            (State::SubCommand, SE) => self.window(),
            (State::Sub | State::SubCommand, _) => {
                self.state = State::Sub;
                if self.sub.len() < LONGEST {
                    self.sub.push(byte);
                }
                None
            }
        }
    }

    fn window(&self) -> Option<Received> {
        let [NAWS, a, b, c, d] = *self.sub.as_slice() else { return None };
        Some(Received::Window(u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
    }
}

/// Data as it is sent: 255 is doubled.
#[must_use]
pub fn escape(data: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(data.len());
    for byte in data {
        bytes.push(*byte);
        if *byte == IAC {
            bytes.push(IAC);
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(bytes: &[u8]) -> Vec<u8> {
        let mut stream = Stream::default();
        let received = bytes.iter().filter_map(|byte| stream.push(*byte));
        received
            .filter_map(|one| if let Received::Data(byte) = one { Some(byte) } else { None })
            .collect()
    }

    #[test]
    fn every_way_to_end_a_line_is_one_carriage_return() {
        assert_eq!(data(b"a\r\nb\r\0c\rd"), b"a\rb\rc\rd");
        assert_eq!(data(b"a\nb"), b"a\nb");
        assert_eq!(data(b"\r\r\n"), b"\r\r");
    }

    #[test]
    fn commands_are_no_data_and_a_doubled_255_is() {
        assert_eq!(data(&[IAC, WILL, 24, b'x', IAC, IAC, IAC, 241, b'y']), [b'x', IAC, b'y']);
        assert_eq!(data(&[IAC, SB, 24, 0, b'v', IAC, SE, b'z']), b"z");
    }

    #[test]
    fn the_window_is_read_also_with_255_in_it() {
        let mut stream = Stream::default();
        let bytes = [IAC, SB, NAWS, 0, 80, IAC, IAC, 0, IAC, SE];
        let received: Vec<Received> = bytes.iter().filter_map(|byte| stream.push(*byte)).collect();
        assert_eq!(received, [Received::Window(80, 0xff00)]);
    }

    #[test]
    fn a_subnegotiation_without_end_takes_no_memory() {
        let mut stream = Stream::default();
        stream.push(IAC);
        stream.push(SB);
        assert!((0..100_000).all(|_| stream.push(b'x').is_none()));
        assert!(stream.sub.len() <= LONGEST);
    }
}

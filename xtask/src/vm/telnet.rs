// SPDX-License-Identifier: Apache-2.0
//! Logs in by telnet, as an intruder's script does: answers the options (RFC 854), sends lines, reads until
//! a prompt.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::Context;

const IAC: u8 = 255;
const DONT: u8 = 254;
const DO: u8 = 253;
const WONT: u8 = 252;
const WILL: u8 = 251;
const SB: u8 = 250;
const SE: u8 = 240;

/// A connection.
pub struct Telnet {
    stream: TcpStream,
    raw: Vec<u8>,
    text: String,
}

impl Telnet {
    /// Connects to a port of the host's loopback; the daemon may still be starting.
    pub fn connect(port: u16) -> anyhow::Result<Self> {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) {
                stream.set_read_timeout(Some(Duration::from_secs(3)))?;
                let mut first = [0];
                if stream.read(&mut first).is_ok_and(|count| count == 1) {
                    return Ok(Self { stream, raw: first.to_vec(), text: String::new() });
                }
            }
            anyhow::ensure!(Instant::now() < end, "nobody answers on the port");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Logs in; what was shown until the prompt, or nothing if the session ended first.
    pub fn log_in(&mut self, user: &str, password: &str) -> anyhow::Result<()> {
        self.until("login: ", 15)?;
        self.send(user)?;
        self.until("assword: ", 15)?;
        self.send(password)
    }

    /// Sends a line.
    pub fn send(&mut self, line: &str) -> anyhow::Result<()> {
        self.stream.write_all(format!("{line}\r\n").as_bytes()).context("telnet: send")
    }

    /// Reads until a text comes; what came with it.
    pub fn until(&mut self, wanted: &str, seconds: u64) -> anyhow::Result<String> {
        let end = Instant::now() + Duration::from_secs(seconds);
        loop {
            self.understand()?;
            if let Some(at) = self.text.find(wanted) {
                let rest = self.text.split_off(at + wanted.len());
                return Ok(std::mem::replace(&mut self.text, rest));
            }
            let left = end.saturating_duration_since(Instant::now());
            anyhow::ensure!(!left.is_zero(), "no {wanted:?} in {:?}", self.text);
            self.stream.set_read_timeout(Some(left.max(Duration::from_millis(10))))?;
            let mut some = [0; 4096];
            match self.stream.read(&mut some) {
                Ok(0) => anyhow::bail!("closed before {wanted:?}: {:?}", self.text),
                Ok(count) => self.raw.extend_from_slice(&some[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) => anyhow::bail!("{error} before {wanted:?}: {:?}", self.text),
            }
        }
    }

    /// Splits what came into text and options, and answers the options.
    fn understand(&mut self) -> anyhow::Result<()> {
        let mut at = 0;
        while at < self.raw.len() {
            let rest = &self.raw[at..];
            match *rest {
                [IAC] | [IAC, DO | DONT | WILL | WONT] => break,
                [IAC, word @ (DO | DONT | WILL | WONT), option, ..] => {
                    let wanted = matches!(option, 1 | 3);
                    let answer = match word {
                        DO => Some(WONT),
                        WILL => Some(if wanted { DO } else { DONT }),
                        _ => None,
                    };
                    if let Some(answer) = answer {
                        self.stream.write_all(&[IAC, answer, option])?;
                    }
                    at += 3;
                }
                [IAC, SB, ..] => match rest.windows(2).position(|pair| pair == [IAC, SE]) {
                    Some(end) => at += end + 2,
                    None => break,
                },
                [IAC, _, ..] => at += 2,
                [byte, ..] => {
                    self.text.push(char::from(byte));
                    at += 1;
                }
                [] => break,
            }
        }
        self.raw.drain(..at);
        Ok(())
    }
}

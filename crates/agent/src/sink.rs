// SPDX-License-Identifier: Apache-2.0
//! Where events go. What cannot be written is lost and told; enforcement is not touched by it.

use std::fs::{File, OpenOptions};
use std::io::{Write, stdout};
use std::os::unix::net::UnixDatagram;

use crate::{Arguments, Failure, say};

/// Larger files of events are renamed to FILE.1 and begun anew.
const LARGEST_LOG: u64 = 1 << 20;

enum Place {
    Output,
    File { path: String, file: File, written: u64 },
    Syslog(UnixDatagram),
}

/// A place for lines, and how many were lost.
pub(crate) struct Sink {
    place: Place,
    failed: u64,
}

impl Sink {
    pub(crate) fn open(arguments: &Arguments) -> Result<Self, Failure> {
        Ok(Self { place: Place::open(arguments)?, failed: 0 })
    }

    /// Takes a line. A loss is said at 1, 2, 4, 8 … of them, so that the complaint is no flood itself.
    pub(crate) fn take(&mut self, line: &str) {
        if let Err(why) = self.place.put(line) {
            self.failed += 1;
            if self.failed.is_power_of_two() {
                say(&format!("{} events could not be written: {why}", self.failed));
            }
        }
    }
}

impl Place {
    fn open(arguments: &Arguments) -> Result<Self, Failure> {
        if arguments.syslog {
            let socket = UnixDatagram::unbound()?;
            socket.connect("/dev/log").map_err(|why| format!("/dev/log: {why}"))?;
            return Ok(Self::Syslog(socket));
        }
        let Some(path) = &arguments.events else { return Ok(Self::Output) };
        let file = OpenOptions::new().create(true).append(true).open(path);
        let file = file.map_err(|why| format!("{path}: {why}"))?;
        let written = file.metadata().map_or(0, |data| data.len());
        Ok(Self::File { path: path.clone(), file, written })
    }

    fn put(&mut self, line: &str) -> std::io::Result<()> {
        match self {
            Self::Output => {
                let mut out = stdout().lock();
                writeln!(out, "{line}")?;
                out.flush()
            }
            Self::Syslog(socket) => {
                // Facility authpriv (10), severity warning (4).
                socket.send(format!("<84>kakoi: {line}").as_bytes()).map(|_| ())
            }
            Self::File { path, file, written } => {
                if *written > LARGEST_LOG {
                    std::fs::rename(&*path, format!("{path}.1"))?;
                    *file = OpenOptions::new().create(true).append(true).open(&*path)?;
                    *written = 0;
                }
                let text = format!("{line}\n");
                file.write_all(text.as_bytes())?;
                *written += text.len() as u64;
                Ok(())
            }
        }
    }
}

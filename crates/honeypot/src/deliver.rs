// SPDX-License-Identifier: Apache-2.0
//! Live delivery to collectors. The event log itself is the spool: a thread for each collector reads it from where it stopped,
//! and notes how far it came only when the collector took the line. So a dead collector loses nothing, nor does a restart;
//! what was under way when a connection broke is sent again. UDP has no answers: what a network drops is not known.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::net::{TcpStream, ToSocketAddrs, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kakoi_model::{Action, Event};
use kakoi_report::{render_ocsf, render_syslog};
use serde::Deserialize;

use crate::log::{numbered, numbers};

/// A collector.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Collector {
    /// `udp://HOST:PORT` or `tcp://HOST:PORT`.
    pub to: String,
    /// What it is sent.
    #[serde(default)]
    pub format: Format,
}

/// What a collector is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// RFC 5424; over TCP with the length before each message (RFC 6587).
    #[default]
    Syslog,
    /// Events as they are, a line each.
    Json,
    /// OCSF 1.3, a line each.
    Ocsf,
}

/// Waits between two looks at the log, and the longest between two tries.
const PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// How long a collector may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Longest line that is delivered.
const LONGEST: u64 = 1 << 20;

/// What a user has to know is told to this.
pub(crate) type Notices = Arc<dyn Fn(&str) + Send + Sync>;

/// Delivers one log to one collector.
pub(crate) struct Delivery {
    collector: Collector,
    sensor: String,
    log: PathBuf,
    notices: Notices,
    ended: Arc<AtomicBool>,
    /// Addresses of intruders by session, for OCSF.
    peers: BTreeMap<String, String>,
}

/// How far a collector has the log: number of a file (that of the current one is one more than the last), and bytes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Position {
    file: u64,
    offset: u64,
}

impl Delivery {
    /// Starts a thread that delivers until `ended` is set.
    ///
    /// # Errors
    /// When the address is none, or no thread can be had.
    pub(crate) fn start(
        collector: Collector,
        sensor: String,
        log: PathBuf,
        notices: Notices,
        ended: Arc<AtomicBool>,
    ) -> io::Result<()> {
        Way::parse(&collector.to).map_err(io::Error::other)?;
        let delivery = Self { collector, sensor, log, notices, ended, peers: BTreeMap::new() };
        std::thread::Builder::new().name("delivery".to_owned()).spawn(move || delivery.run())?;
        Ok(())
    }

    fn run(mut self) {
        let mut position = self.position();
        let mut connection = None;
        while !self.ended.load(Ordering::Relaxed) {
            match self.next_lines(position) {
                Ok((lines, next)) if next != position => {
                    if !self.send_all(&lines, &mut connection) {
                        return;
                    }
                    position = next;
                    let _ = self.note(position);
                }
                // Nothing new, or a file that cannot be read now.
                _ => std::thread::sleep(PAUSE),
            }
        }
    }

    /// Where the next batch is, and what is after it.
    fn next_lines(&self, from: Position) -> io::Result<(Vec<Vec<u8>>, Position)> {
        let done = numbers(&self.log);
        let current = done.last().map_or(1, |last| last.saturating_add(1));
        // Files that were removed before they could be delivered are passed over.
        let first = done.first().copied().unwrap_or(current).min(current);
        let mut from = from;
        if from.file < first {
            from = Position { file: first, offset: 0 };
        }
        let path =
            if from.file >= current { self.log.clone() } else { numbered(&self.log, from.file) };
        let mut file = BufReader::new(File::open(path)?);
        file.seek(SeekFrom::Start(from.offset))?;
        let mut lines = Vec::new();
        let mut next = from;
        while lines.len() < 256 {
            let mut line = Vec::new();
            let count = file.read_until(b'\n', &mut line)?;
            if count == 0 || !line.ends_with(b"\n") {
                break;
            }
            next.offset += count as u64;
            lines.push(line);
        }
        // A file that is done was renamed after its last line.
        if lines.is_empty() && from.file < current {
            next = Position { file: from.file + 1, offset: 0 };
        }
        Ok((lines, next))
    }

    /// Sends until the collector has them all. Not, when the server ends meanwhile.
    fn send_all(&mut self, lines: &[Vec<u8>], connection: &mut Option<Way>) -> bool {
        let messages: Vec<Vec<u8>> = lines.iter().filter_map(|line| self.message(line)).collect();
        let mut pause = PAUSE;
        let mut silent = false;
        let mut at = 0;
        while let Some(message) = messages.get(at) {
            match send(connection, &self.collector.to, message) {
                Ok(()) => at += 1,
                Err(error) => {
                    *connection = None;
                    // What went before on a connection that broke may not have come.
                    at = 0;
                    if !silent {
                        self.tell(&format!("does not take events ({error}); they wait in the log"));
                        silent = true;
                    }
                    if self.ended.load(Ordering::Relaxed) {
                        return false;
                    }
                    std::thread::sleep(pause);
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
        if silent {
            self.tell("takes events again");
        }
        true
    }

    fn tell(&self, what: &str) {
        (self.notices)(&format!("collector {} {what}", self.collector.to));
    }

    /// As the collector wants it. None: it is not told, or no event.
    fn message(&mut self, line: &[u8]) -> Option<Vec<u8>> {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        if line.len() as u64 > LONGEST {
            return None;
        }
        if self.collector.format == Format::Json {
            return Some([line, b"\n"].concat());
        }
        let event: Event = serde_json::from_slice(line).ok()?;
        if self.collector.format == Format::Ocsf {
            return self.object(&event);
        }
        let message = render_syslog(&event, &self.sensor)?;
        Some(if self.collector.to.starts_with("tcp:") {
            format!("{} {message}", message.len()).into_bytes()
        } else {
            message.into_bytes()
        })
    }

    fn object(&mut self, event: &Event) -> Option<Vec<u8>> {
        let name = event.session.clone().unwrap_or_default();
        if let Action::SessionStart(start) = &event.action {
            self.peers.extend(start.peer.clone().map(|peer| (name.clone(), peer)));
        }
        let object = render_ocsf(event, self.peers.get(&name).map(String::as_str));
        if matches!(event.action, Action::SessionEnd { .. }) {
            self.peers.remove(&name);
        }
        Some(format!("{}\n", object?).into_bytes())
    }

    fn note_path(&self) -> PathBuf {
        let name = |byte: char| if byte.is_ascii_alphanumeric() { byte } else { '-' };
        let name: String = self.collector.to.chars().map(name).collect();
        self.log
            .with_file_name(format!("delivered-{:?}-{name}", self.collector.format).to_lowercase())
    }

    /// Where an earlier server stopped; a new collector gets what is recorded from now on.
    fn position(&self) -> Position {
        let noted = fs::read_to_string(self.note_path()).ok().and_then(|text| {
            let (file, offset) = text.trim().split_once(' ')?;
            Some(Position { file: file.parse().ok()?, offset: offset.parse().ok()? })
        });
        noted.unwrap_or_else(|| Position {
            file: numbers(&self.log).last().map_or(1, |last| last.saturating_add(1)),
            offset: fs::metadata(&self.log).map_or(0, |data| data.len()),
        })
    }

    fn note(&self, position: Position) -> io::Result<()> {
        let path = self.note_path();
        let part = path.with_extension("part");
        fs::write(&part, format!("{} {}\n", position.file, position.offset))?;
        fs::rename(&part, &path)
    }
}

/// A way to a collector.
enum Way {
    Datagrams(UdpSocket),
    Stream(TcpStream),
}

impl Way {
    /// Kind and address.
    fn parse(to: &str) -> Result<(bool, &str), String> {
        let wrong = || format!("collector {to}: neither udp://HOST:PORT nor tcp://HOST:PORT");
        let (kind, address) = to.split_once("://").ok_or_else(wrong)?;
        let named = address.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        match kind {
            "udp" if named => Ok((false, address)),
            "tcp" if named => Ok((true, address)),
            _ => Err(wrong()),
        }
    }

    fn open(to: &str) -> io::Result<Self> {
        let (stream, address) = Self::parse(to).map_err(io::Error::other)?;
        let unknown = || io::Error::other("no address");
        let address = address.to_socket_addrs()?.next().ok_or_else(unknown)?;
        if stream {
            let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
            stream.set_write_timeout(Some(PATIENCE))?;
            return Ok(Self::Stream(stream));
        }
        let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(any)?;
        socket.connect(address)?;
        Ok(Self::Datagrams(socket))
    }
}

fn send(connection: &mut Option<Way>, to: &str, message: &[u8]) -> io::Result<()> {
    let way = match connection {
        Some(way) => way,
        None => connection.insert(Way::open(to)?),
    };
    match way {
        Way::Datagrams(socket) => socket.send(message).map(drop),
        Way::Stream(stream) => {
            // A collector that closed its end says so only to who reads.
            stream.set_nonblocking(true)?;
            let closed = matches!(stream.peek(&mut [0]), Ok(0));
            stream.set_nonblocking(false)?;
            if closed {
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            stream.write_all(message)
        }
    }
}

/// Checks what a user wrote.
pub(crate) fn check(collectors: &[Collector], output: Option<&Path>) -> Result<(), String> {
    if !collectors.is_empty() && output.is_none() {
        return Err(
            "collectors need `output`: the log there is what they are delivered from".into()
        );
    }
    collectors.iter().try_for_each(|collector| Way::parse(&collector.to).map(drop))
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::TcpListener;
    use std::sync::Mutex;
    use std::time::Instant;

    use super::*;
    use crate::log::{Log, Rotation};

    #[test]
    fn a_dead_collector_gets_everything_when_it_is_back() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("events.jsonl");
        let mut log = Log::open(&path, Rotation { bytes: 40, files: 0 }).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let said = Arc::new(Mutex::new(Vec::new()));
        let notices = Arc::clone(&said);
        let ended = Arc::new(AtomicBool::new(false));
        Delivery::start(
            Collector { to: format!("tcp://{address}"), format: Format::Json },
            "router".to_owned(),
            path,
            Arc::new(move |notice: &str| notices.lock().unwrap().push(notice.to_owned())),
            Arc::clone(&ended),
        )
        .unwrap();
        let lines: Vec<String> =
            (0..40).map(|number| format!("{{\"number\":{number}}}\n")).collect();
        std::thread::sleep(PAUSE);
        lines.iter().for_each(|line| drop(log.write(line.as_bytes())));
        let end = Instant::now() + Duration::from_secs(30);
        while said.lock().unwrap().is_empty() && Instant::now() < end {
            std::thread::sleep(PAUSE);
        }
        let listener = TcpListener::bind(address).unwrap();
        let (mut stream, _) = listener.accept().unwrap();
        let mut got = Vec::new();
        let whole = lines.concat();
        while got.len() < whole.len() {
            let mut buffer = [0; 1024];
            let count = stream.read(&mut buffer).unwrap();
            assert!(count > 0);
            got.extend_from_slice(&buffer[..count]);
        }
        assert_eq!(String::from_utf8(got).unwrap(), whole);
        ended.store(true, Ordering::Relaxed);
        assert!(said.lock().unwrap()[0].contains("does not take events"));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let collector = |to: &str| [Collector { to: to.to_owned(), format: Format::Syslog }];
        let output = Some(Path::new("/out"));
        assert!(check(&collector("tcp://127.0.0.1:514"), output).is_ok());
        assert!(check(&collector("127.0.0.1:514"), output).is_err());
        assert!(check(&collector("udp://collector"), output).is_err());
        assert!(check(&collector("udp://collector:514"), None).is_err());
    }
}

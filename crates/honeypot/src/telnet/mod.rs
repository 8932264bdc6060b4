// SPDX-License-Identifier: Apache-2.0
//! One Telnet connection, from the first byte to the last.

pub(crate) mod greeting;
pub(crate) mod login;
pub mod stream;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::time::{sleep, timeout};

use self::greeting::{Heard, pass_over};
use self::login::{Attempt, Login, Step, admits};
use self::stream::{GREETING, Received, Stream, escape};
use crate::server::Server;
use crate::session::{Entry, Input, Running, Session};

/// What comes from the other side, a part at a time.
struct Reader {
    stream: Stream,
    buffer: Vec<u8>,
    window: Option<(u16, u16)>,
}

impl Reader {
    fn new() -> Self {
        Self { stream: Stream::default(), buffer: vec![0; 2048], window: None }
    }

    /// Data and window sizes of the next part. None: the other side is gone.
    async fn next(&mut self, socket: &mut (impl AsyncReadExt + Unpin)) -> Option<Vec<Received>> {
        let count = socket.read(&mut self.buffer).await.ok().filter(|count| *count > 0)?;
        let bytes = self.buffer.get(..count)?;
        let received: Vec<Received> =
            bytes.iter().filter_map(|byte| self.stream.push(*byte)).collect();
        for one in &received {
            if let Received::Window(columns, rows) = one {
                self.window = Some((*columns, *rows));
            }
        }
        Some(received)
    }
}

/// Serves one connection.
pub(crate) async fn serve(
    server: &Arc<Server>,
    mut socket: TcpStream,
    peer: SocketAddr,
    local: SocketAddr,
) {
    let _ = socket.set_nodelay(true);
    let session = Session::connected(server, Entry::Telnet, peer, local);
    let mut reader = Reader::new();
    let limit = Duration::from_secs(server.config.limits.login_seconds);
    let logged_in = timeout(limit, log_in(server, &mut socket, &mut reader, &session)).await;
    if let Ok(Some((attempt, rest))) = logged_in {
        let text = escape(server.config.motd.replace('\n', "\r\n").as_bytes());
        if socket.write_all(&text).await.is_ok() {
            relay(server, socket, reader, &session, &attempt, rest).await;
        }
    }
    session.closed(server);
}

/// The dialogue until somebody is let in. Gives what was typed ahead.
async fn log_in(
    server: &Arc<Server>,
    socket: &mut TcpStream,
    reader: &mut Reader,
    session: &Session,
) -> Option<(Attempt, Vec<u8>)> {
    let config = &server.config;
    let mut login = Login::new(config);
    socket.write_all(&GREETING).await.ok()?;
    let issue = config.issue.replace('\n', "\r\n");
    socket.write_all(&[issue.as_bytes(), login.prompt()].concat()).await.ok()?;
    let mut failures = 0;
    loop {
        let mut received = reader.next(socket).await?.into_iter();
        while let Some(one) = received.next() {
            let Received::Data(byte) = one else { continue };
            match login.push(byte) {
                Step::Send(bytes) => socket.write_all(&bytes).await.ok()?,
                Step::Left => return None,
                Step::Tried(attempt) => {
                    let admitted = admits(&config.credentials, &attempt);
                    session.tried(server, &attempt, admitted);
                    if admitted {
                        socket.write_all(b"\r\n").await.ok()?;
                        let rest = received.filter_map(|one| match one {
                            Received::Data(byte) => Some(byte),
                            _ => None,
                        });
                        return Some((attempt, rest.collect()));
                    }
                    sleep(Duration::from_millis(config.failure_delay_ms)).await;
                    socket.write_all(b"\r\nLogin incorrect\r\n").await.ok()?;
                    failures += 1;
                    if failures >= config.limits.login_attempts {
                        return None;
                    }
                    socket.write_all(login.prompt()).await.ok()?;
                }
            }
        }
    }
}

/// Between the connection and the terminal of a cell, until one of them ends or the time is over.
async fn relay(
    server: &Arc<Server>,
    socket: TcpStream,
    mut reader: Reader,
    session: &Session,
    attempt: &Attempt,
    mut ahead: Vec<u8>,
) {
    let (mut from, mut to) = socket.into_split();
    let idle = Duration::from_secs(server.config.limits.idle_seconds);
    let whole = Duration::from_secs(server.config.limits.session_seconds);
    let shown = server
        .greetings
        .of(&attempt.user)
        .filter(|_| ahead.is_empty() && !server.config.early_cells);
    if let Some(shown) = &shown {
        let sent = to.write_all(&escape(shown)).await.is_ok();
        let typed = timeout(idle, first_typed(&mut from, &mut reader)).await;
        match typed.ok().flatten().filter(|_| sent) {
            Some(bytes) => ahead = bytes,
            None => return,
        }
    }
    let running = session.start(server, &attempt.user, reader.window).await;
    let Some(Running { input, mut output, rest }) = running else { return };
    let heard = Heard::new(&server.greetings, &attempt.user, !ahead.is_empty());
    if let Some(shown) = &shown
        && !pass_over(shown, &mut output).await
    {
        return rest.end().await;
    }
    let inward = async {
        input.write(Input::Bytes(ahead)).await.ok()?;
        loop {
            let received = timeout(idle, reader.next(&mut from)).await.ok()??;
            let mut bytes = Vec::new();
            for one in received {
                match one {
                    Received::Data(byte) => bytes.push(byte),
                    Received::Window(columns, rows) => {
                        input.write(Input::Window(columns, rows)).await.ok()?;
                    }
                    Received::Option(..) => {}
                }
            }
            heard.ends();
            input.write(Input::Bytes(bytes)).await.ok()?;
        }
    };
    let outward = async {
        while let Some(bytes) = output.read().await {
            heard.shows(&bytes);
            to.write_all(&escape(&bytes)).await.ok()?;
        }
        Some(())
    };
    let both = async {
        tokio::select! {
            ended = inward => { let _: Option<()> = ended; }
            ended = outward => { let _: Option<()> = ended; }
        }
    };
    let _ = timeout(whole, both).await;
    heard.ends();
    rest.end().await;
}

/// The first bytes that are typed. None: the other side is gone.
async fn first_typed(from: &mut OwnedReadHalf, reader: &mut Reader) -> Option<Vec<u8>> {
    loop {
        let received = reader.next(from).await?.into_iter();
        let data = received.filter_map(|one| match one {
            Received::Data(byte) => Some(byte),
            _ => None,
        });
        let bytes: Vec<u8> = data.collect();
        if !bytes.is_empty() {
            return Some(bytes);
        }
    }
}

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
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::{sleep, timeout};

use self::greeting::{Heard, pass_over};
use self::login::{Attempt, Login, Step, admits};
use self::stream::{GREETING, Received, Stream, escape};
use crate::idle::Idle;
use crate::server::Server;
use crate::session::{Entry, Input, Inward, Outward, Running, Session};

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
    let login = log_in(server, &mut socket, &mut reader, &session);
    if let Some(Some((attempt, rest))) = server.ending.in_time(limit, login).await {
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
        let typed = server.ending.in_time(idle, first_typed(&mut from, &mut reader)).await;
        match typed.flatten().filter(|_| sent) {
            Some(bytes) => ahead = bytes,
            None => return,
        }
    }
    let Some((running, before)) = a_shell(server, session, attempt, reader.window).await else {
        return;
    };
    let Running { input, mut output, rest } = running;
    let heard = Heard::new(&server.greetings, &attempt.user, !ahead.is_empty());
    match &shown {
        Some(shown) if before.is_empty() && !pass_over(shown, &mut output).await => {
            return rest.end().await;
        }
        Some(_) => {}
        None => {
            heard.shows(&before);
            if to.write_all(&escape(&before)).await.is_err() {
                return rest.end().await;
            }
        }
    }
    let inward = type_in((&mut from, &mut reader), idle, ahead, &input, &heard);
    let outward = show(&mut output, &mut to, &heard);
    let both = async {
        tokio::select! {
            ended = inward => { let _: Option<()> = ended; }
            ended = outward => { let _: Option<()> = ended; }
        }
    };
    let _ = server.ending.in_time(whole, both).await;
    match heard.ends() {
        Some(shown) => {
            let running = Running { input, output, rest };
            session.leave(server, Idle { user: attempt.user.clone(), shown, running }).await;
        }
        None => rest.end().await,
    }
}

/// From the connection to the terminal. None: one of them has ended, or nothing came for the idle time.
async fn type_in(
    (from, reader): (&mut OwnedReadHalf, &mut Reader),
    idle: Duration,
    ahead: Vec<u8>,
    input: &Inward,
    heard: &Heard<'_>,
) -> Option<()> {
    input.write(Input::Bytes(ahead)).await.ok()?;
    loop {
        let received = timeout(idle, reader.next(from)).await.ok()??;
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
        if !bytes.is_empty() {
            let _ = heard.ends();
            input.write(Input::Bytes(bytes)).await.ok()?;
        }
    }
}

/// From the terminal to the connection, until one of them has ended.
async fn show(output: &mut Outward, to: &mut OwnedWriteHalf, heard: &Heard<'_>) -> Option<()> {
    while let Some(bytes) = output.read().await {
        heard.shows(&bytes);
        to.write_all(&escape(&bytes)).await.ok()?;
    }
    Some(())
}

/// A shell for who logged in, and what it showed already: one that waits at its prompt, or a new one. None: no cell can be had.
async fn a_shell(
    server: &Arc<Server>,
    session: &Session,
    attempt: &Attempt,
    window: Option<(u16, u16)>,
) -> Option<(Running, Vec<u8>)> {
    while let Some(idle) = server.idle.take(&attempt.user) {
        if let Some(resumed) = session.resume(server, idle, window).await {
            return Some(resumed);
        }
    }
    let running = session.start(server, &attempt.user, window).await?;
    Some((running, Vec::new()))
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

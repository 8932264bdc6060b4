// SPDX-License-Identifier: Apache-2.0
//! One channel: a shell or a command, at a terminal or at three pipes.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use russh::server::{Handle, Msg};
use russh::{Channel, ChannelId, ChannelMsg};
use rustix::pipe::{PipeFlags, pipe_with};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::unix::pipe;
use tokio::sync::watch;
use tokio::time::timeout;

use super::Connection;
use crate::cell::message;
use crate::cell::plan::{Go, Start, Told};
use crate::cell::transfer::SFTP_SERVER;
use crate::session::{Input, Inward, Outward, environment, next, terminal_ends, told_of};

/// How long output may be silent after the shell has ended, until the channel is closed: what it started in the background
/// may hold its streams for ever.
const AFTER_END: Duration = Duration::from_millis(200);

/// What was asked for before the shell.
struct Terminal {
    kind: String,
    columns: u16,
    rows: u16,
}

/// Serves one channel to its end.
pub(super) async fn serve(
    connection: Arc<Connection>,
    mut channel: Channel<Msg>,
    handle: Handle,
    number: usize,
) {
    let id = channel.id();
    let mut terminal = None;
    while let Some(message) = channel.wait().await {
        let command = match message {
            ChannelMsg::RequestPty { term, col_width, row_height, .. } => {
                terminal = Some(Terminal {
                    kind: term.chars().take(64).collect(),
                    columns: u16::try_from(col_width).unwrap_or(80),
                    rows: u16::try_from(row_height).unwrap_or(24),
                });
                let _ = handle.channel_success(id).await;
                continue;
            }
            ChannelMsg::RequestShell { .. } => None,
            ChannelMsg::Exec { command, .. } => {
                Some(String::from_utf8_lossy(&command).replace('\0', ""))
            }
            ChannelMsg::RequestSubsystem { name, .. } if name == "sftp" => {
                Some(SFTP_SERVER.to_owned())
            }
            ChannelMsg::SetEnv { .. }
            | ChannelMsg::RequestSubsystem { .. }
            | ChannelMsg::RequestX11 { .. } => {
                let _ = handle.channel_failure(id).await;
                continue;
            }
            ChannelMsg::Eof | ChannelMsg::Close => break,
            _ => continue,
        };
        match start(&connection, terminal, command, number).await {
            Ok(shell) => {
                let _ = handle.channel_success(id).await;
                run(shell, channel, &handle, id).await;
            }
            Err(_) => {
                let _ = handle.channel_failure(id).await;
            }
        }
        break;
    }
    let _ = handle.close(id).await;
}

/// A shell that runs, seen from outside.
struct Shell {
    told: AsyncFd<OwnedFd>,
    streams: Streams,
}

enum Streams {
    Terminal(Inward, Outward),
    Pipes { input: pipe::Sender, output: pipe::Receiver, errors: pipe::Receiver },
}

async fn start(
    connection: &Connection,
    terminal: Option<Terminal>,
    command: Option<String>,
    number: usize,
) -> io::Result<Shell> {
    let user = connection.user().ok_or_else(|| io::Error::other("nobody is logged in"))?;
    let kind = terminal.as_ref().map_or("linux", |terminal| terminal.kind.as_str());
    let start =
        Start { environment: environment(&user, kind), command, terminal: terminal.is_some() };
    let (told, its_told) = message::pair()?;
    match terminal {
        Some(terminal) => {
            ask(connection, &start, &[its_told.as_fd()]).await?;
            drop(its_told);
            let told = told_of(told)?;
            let master = match next(&told).await? {
                (Told::Opened, Some(master)) => master,
                _ => return Err(io::Error::other("no terminal")),
            };
            let (columns, rows) = (terminal.columns, terminal.rows);
            crate::session::set_window(&master, columns, rows);
            let name = match number {
                1 => connection.session.name.clone(),
                _ => format!("{}-{number}", connection.session.name),
            };
            let cast = connection.server.outputs.cast(&name, columns, rows);
            let (input, output) = terminal_ends(master, cast)?;
            Ok(Shell { told, streams: Streams::Terminal(input, output) })
        }
        None => {
            let (its_input, input) = pipe_with(PipeFlags::CLOEXEC)?;
            let (output, its_output) = pipe_with(PipeFlags::CLOEXEC)?;
            let (errors, its_errors) = pipe_with(PipeFlags::CLOEXEC)?;
            let all = [its_told.as_fd(), its_input.as_fd(), its_output.as_fd(), its_errors.as_fd()];
            ask(connection, &start, &all).await?;
            let streams = Streams::Pipes {
                input: pipe::Sender::from_owned_fd(input)?,
                output: pipe::Receiver::from_owned_fd(output)?,
                errors: pipe::Receiver::from_owned_fd(errors)?,
            };
            Ok(Shell { told: told_of(told)?, streams })
        }
    }
}

/// Asks the cell for a shell; the first one takes a cell.
async fn ask(
    connection: &Connection,
    start: &Start,
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let mut guest = connection.guest.lock().await;
    if guest.is_none() {
        let entered = connection.session.enter(&connection.server).await;
        let entered = entered.ok_or_else(|| io::Error::other("no cell"))?;
        message::send(&entered.socket, &Go::Door, &[])?;
        *guest = Some(entered);
    }
    let guest = guest.as_ref().ok_or_else(|| io::Error::other("no cell"))?;
    message::send(&guest.socket, start, descriptors)
}

/// Carries bytes both ways until the shell has ended, or the other side closes.
async fn run(shell: Shell, mut channel: Channel<Msg>, handle: &Handle, id: ChannelId) {
    let Shell { told, streams } = shell;
    let (end, ended) = watch::channel(false);
    let writer = channel.make_writer();
    let status = async {
        let told = next(&told).await;
        let _ = end.send(true);
        match told {
            Ok((Told::Ended(code), _)) => u32::try_from(code).unwrap_or(255),
            _ => 255,
        }
    };
    let code = match streams {
        Streams::Terminal(input, output) => {
            let outward = show(output, writer, ended);
            let all = async { tokio::join!(status, outward).0 };
            tokio::select! {
                code = all => Some(code),
                () = type_in(&mut channel, input) => None,
            }
        }
        Streams::Pipes { input, output, errors } => {
            let error_writer = channel.make_writer_ext(Some(1));
            let outward = pour(output, writer, ended.clone());
            let wrongs = pour(errors, error_writer, ended);
            let all = async { tokio::join!(status, outward, wrongs).0 };
            tokio::select! {
                code = all => Some(code),
                () = feed(&mut channel, input) => None,
            }
        }
    };
    if let Some(code) = code {
        let _ = handle.exit_status_request(id, code).await;
        let _ = handle.eof(id).await;
    }
}

/// From the channel to a terminal. Returns when the channel is closed.
async fn type_in(channel: &mut Channel<Msg>, input: Inward) {
    while let Some(message) = channel.wait().await {
        let input_given = match message {
            ChannelMsg::Data { data } => Input::Bytes(data.to_vec()),
            ChannelMsg::WindowChange { col_width, row_height, .. } => {
                let size = |value: u32| u16::try_from(value).unwrap_or(80);
                Input::Window(size(col_width), size(row_height))
            }
            // The end of input of a program at a terminal is its end-of-file key.
            ChannelMsg::Eof => Input::Bytes(vec![4]),
            ChannelMsg::Close => return,
            _ => continue,
        };
        // A terminal that nobody has open: the shell ends, and is told to have.
        let _ = input.write(input_given).await;
    }
}

/// From the channel to a pipe. Returns when the channel is closed.
async fn feed(channel: &mut Channel<Msg>, input: pipe::Sender) {
    let mut input = Some(input);
    while let Some(message) = channel.wait().await {
        match message {
            ChannelMsg::Data { data } => {
                let Some(pipe) = &mut input else { continue };
                if pipe.write_all(&data).await.is_err() {
                    input = None;
                }
            }
            ChannelMsg::Eof => input = None,
            ChannelMsg::Close => return,
            _ => {}
        }
    }
}

/// From a terminal to the channel.
async fn show(mut from: Outward, to: impl AsyncWrite, mut ended: watch::Receiver<bool>) {
    tokio::pin!(to);
    loop {
        let bytes = tokio::select! {
            bytes = from.read() => bytes,
            () = over(&mut ended) => timeout(AFTER_END, from.read()).await.ok().flatten(),
        };
        let Some(bytes) = bytes else { return };
        if to.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

/// From a pipe to the channel.
async fn pour(mut from: pipe::Receiver, to: impl AsyncWrite, mut ended: watch::Receiver<bool>) {
    tokio::pin!(to);
    let mut buffer = vec![0; 4096];
    loop {
        let read = tokio::select! {
            read = from.read(&mut buffer) => read.ok(),
            () = over(&mut ended) => {
                timeout(AFTER_END, from.read(&mut buffer)).await.ok().and_then(Result::ok)
            }
        };
        let Some(bytes) = read.filter(|count| *count > 0).and_then(|count| buffer.get(..count))
        else {
            return;
        };
        if to.write_all(bytes).await.is_err() {
            return;
        }
    }
}

/// Waits until the shell has ended.
async fn over(ended: &mut watch::Receiver<bool>) {
    let _ = ended.wait_for(|ended| *ended).await;
}

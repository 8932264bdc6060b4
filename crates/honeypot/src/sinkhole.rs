// SPDX-License-Identifier: Apache-2.0
//! Servers on a cell's loopback, to which every address leads: what an intruder asks for is recorded and answered with an
//! inert file. Nothing is fetched from anywhere.

use std::net::{TcpListener as StdListener, UdpSocket as StdSocket};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use kakoi_model::Action;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::cell::network::{SINKS, Sink};
use crate::idle::Holder;
use crate::server::Server;

/// What is served for every name: a script that does nothing.
const INERT: &[u8] = b"#!/bin/sh\nexit 0\n";

/// Questions of one session that are told.
const MOST: usize = 1000;

/// The tasks of one session; they end when this is dropped.
pub(crate) struct Sinkhole {
    _tasks: JoinSet<()>,
}

/// Starts a task for each socket.
pub(crate) fn start(server: &Arc<Server>, holder: &Holder, sockets: Vec<OwnedFd>) -> Sinkhole {
    let mut tasks = JoinSet::new();
    for ((sink, _), socket) in SINKS.into_iter().zip(sockets) {
        let asked = Asked { server: Arc::clone(server), holder: holder.clone(), sink };
        tasks.spawn(async move {
            // A socket that fails is a service that is down.
            let _ = match sink {
                Sink::Dns => answer_names(socket, &asked).await,
                Sink::Tftp => answer_tftp(socket, &asked).await,
                Sink::Http => accept(socket, asked, Sink::Http).await,
                Sink::Ftp => accept(socket, asked, Sink::Ftp).await,
            };
        });
    }
    Sinkhole { _tasks: tasks }
}

/// Tells what is asked.
#[derive(Clone)]
struct Asked {
    server: Arc<Server>,
    holder: Holder,
    sink: Sink,
}

impl Asked {
    fn tell(&self, what: &str) {
        let service = match self.sink {
            Sink::Dns => "dns",
            Sink::Tftp => "tftp",
            Sink::Http => "http",
            Sink::Ftp => "ftp",
        };
        let asked = Action::Asked { service: service.to_owned(), asked: what.to_owned() };
        self.server.outputs.event(&self.holder.name(), asked);
    }
}

/// Every name is an address of the block for documentation (RFC 5737).
async fn answer_names(socket: OwnedFd, asked: &Asked) -> std::io::Result<()> {
    let socket = UdpSocket::from_std(StdSocket::from(socket))?;
    let mut buffer = [0; 512];
    for _ in 0..MOST {
        let (count, peer) = socket.recv_from(&mut buffer).await?;
        let question = buffer.get(..count).unwrap_or_default();
        let Some((name, answer)) = name_answer(question) else { continue };
        asked.tell(&name);
        socket.send_to(&answer, peer).await?;
    }
    Ok(())
}

/// The name that is asked for, and the answer (RFC 1035, section 4).
fn name_answer(question: &[u8]) -> Option<(String, Vec<u8>)> {
    let mut labels: Vec<String> = Vec::new();
    let mut at = 12;
    loop {
        let length = usize::from(*question.get(at)?);
        if length == 0 {
            break;
        }
        let label = question.get(at + 1..at + 1 + length).filter(|_| length < 64)?;
        labels.push(String::from_utf8_lossy(label).into_owned());
        at += 1 + length;
    }
    let end = at + 5;
    let asks_address = question.get(at + 1..at + 3)? == [0, 1];
    let mut answer = question.get(..2)?.to_vec();
    answer.extend([0x81, 0x80, 0, 1, 0, u8::from(asks_address), 0, 0, 0, 0]);
    answer.extend(question.get(12..end)?);
    if asks_address {
        let name = labels.join(".");
        let last = name.bytes().fold(7_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte));
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 0x2c, 0, 4, 203, 0, 113, last.clamp(1, 254)]);
    }
    Some((labels.join("."), answer))
}

/// Read requests get the inert file in one block; write requests an error (RFC 1350).
async fn answer_tftp(socket: OwnedFd, asked: &Asked) -> std::io::Result<()> {
    let socket = UdpSocket::from_std(StdSocket::from(socket))?;
    let mut buffer = [0; 600];
    for _ in 0..MOST {
        let (count, peer) = socket.recv_from(&mut buffer).await?;
        let answer = match buffer.get(..count) {
            Some([0, kind @ (1 | 2), rest @ ..]) => {
                let name = rest.split(|byte| *byte == 0).next().unwrap_or_default();
                let verb = if *kind == 1 { "get" } else { "put" };
                asked.tell(&format!("{verb} {}", String::from_utf8_lossy(name)));
                if *kind == 1 {
                    [&[0, 3, 0, 1][..], INERT].concat()
                } else {
                    b"\0\x05\0\x02\0".to_vec()
                }
            }
            _ => continue,
        };
        socket.send_to(&answer, peer).await?;
    }
    Ok(())
}

async fn accept(socket: OwnedFd, asked: Asked, sink: Sink) -> std::io::Result<()> {
    let listener = TcpListener::from_std(StdListener::from(socket))?;
    // Ends with the task that it belongs to.
    let mut connections = JoinSet::new();
    for _ in 0..MOST {
        let (stream, _) = listener.accept().await?;
        while connections.len() >= 8 {
            connections.join_next().await;
        }
        let asked = asked.clone();
        connections.spawn(async move {
            let served = async {
                match sink {
                    Sink::Http => serve_http(stream, &asked).await,
                    _ => serve_ftp(stream, &asked).await,
                }
            };
            let _ = timeout(Duration::from_secs(30), served).await;
        });
    }
    Ok(())
}

/// Up to the end of a line or of the head, at most 8 KiB.
async fn read_until(stream: &mut TcpStream, end: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut byte = [0];
    while head.len() < 8192 && !head.ends_with(end) && stream.read(&mut byte).await? > 0 {
        head.push(byte[0]);
    }
    Ok(head)
}

async fn serve_http(mut stream: TcpStream, asked: &Asked) -> std::io::Result<()> {
    let head = read_until(&mut stream, b"\r\n\r\n").await?;
    let text = String::from_utf8_lossy(&head);
    let host = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("host").then(|| value.trim().to_owned())
    });
    let request = text.lines().next().unwrap_or_default();
    asked.tell(&format!("{request} {}", host.unwrap_or_default()));
    let head = format!(
        "HTTP/1.0 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        INERT.len()
    );
    stream.write_all(&[head.as_bytes(), INERT].concat()).await?;
    stream.shutdown().await
}

/// Lets in, and refuses every transfer (RFC 959).
async fn serve_ftp(mut stream: TcpStream, asked: &Asked) -> std::io::Result<()> {
    stream.write_all(b"220 ready\r\n").await?;
    for _ in 0..64 {
        let line = read_until(&mut stream, b"\n").await?;
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        if line.is_empty() {
            break;
        }
        asked.tell(&line);
        let verb = line.split(' ').next().unwrap_or_default().to_ascii_uppercase();
        let answer: &[u8] = match verb.as_str() {
            "USER" => b"331 password\r\n",
            "PASS" => b"230 in\r\n",
            "TYPE" | "CWD" | "NOOP" => b"200 ok\r\n",
            "QUIT" => b"221 bye\r\n",
            _ => b"550 failed\r\n",
        };
        stream.write_all(answer).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_an_address_for_documentation() {
        let mut question = vec![0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        question.extend(b"\x03cnc\x07example\0\0\x01\0\x01");
        let (name, answer) = name_answer(&question).unwrap();
        assert_eq!(name, "cnc.example");
        assert_eq!(answer[..2], [0xab, 0xcd]);
        assert_eq!(answer[answer.len() - 4..answer.len() - 1], [203, 0, 113]);
        assert!(name_answer(&question[..15]).is_none());
        assert!(name_answer(&[]).is_none());
    }
}

// SPDX-License-Identifier: Apache-2.0
//! The network of a cell: loopback, to which every address leads, and sockets of the sinkhole there (rtnetlink(7)).

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::OwnedFd;

use super::plan::ServicePlan;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, listen, recv, send,
    socket_with, sockopt,
};

/// What the sinkhole listens for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sink {
    Dns,
    Tftp,
    Http,
    Ftp,
}

/// All of them with their ports, in the order in which sockets are handed over.
pub(crate) const SINKS: [(Sink, u16); 6] = [
    (Sink::Dns, 53),
    (Sink::Tftp, 69),
    (Sink::Http, 80),
    (Sink::Http, 8080),
    (Sink::Http, 81),
    (Sink::Ftp, 21),
];

/// Where the sinkhole listens instead of at the port of the service. Connections of the session to that port elsewhere are led
/// here ([`crate::record::redirect`]); the service itself, at every address, would answer them otherwise.
pub(crate) const STAND_IN_PORT: u16 = 40_991;

/// Brings loopback up, and gives every address to this host, so that no connection has anywhere else to go.
pub(crate) fn bring_up() -> io::Result<()> {
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
    ask(&socket, &link_up())?;
    ask(&socket, &local_everywhere())
}

/// The sinkhole's sockets.
pub(crate) fn sink_sockets(service: Option<&ServicePlan>) -> io::Result<Vec<OwnedFd>> {
    let taken = |port: u16| service.is_some_and(|service| service.port == port);
    let sockets = SINKS.iter().map(|(sink, port)| {
        let port = if taken(*port) && is_sink(*port) { STAND_IN_PORT } else { *port };
        sink_socket(*sink, port)
    });
    sockets.collect()
}

/// Is this port one of the sinkhole's, over TCP?
pub(crate) fn is_sink(port: u16) -> bool {
    SINKS.iter().any(|(sink, own)| *own == port && matches!(sink, Sink::Http | Sink::Ftp))
}

fn sink_socket(sink: Sink, port: u16) -> io::Result<OwnedFd> {
    let datagrams = matches!(sink, Sink::Dns | Sink::Tftp);
    let kind = if datagrams { SocketType::DGRAM } else { SocketType::STREAM };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::INET, kind, flags, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    bind(&socket, &SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port))?;
    if !datagrams {
        listen(&socket, 16)?;
    }
    Ok(socket)
}

/// Sends a request and checks the kernel's answer.
fn ask(socket: &OwnedFd, request: &[u8]) -> io::Result<()> {
    send(socket, request, SendFlags::empty())?;
    let mut answer = [0_u8; 512];
    let (_, length) = recv(socket, &mut answer[..], RecvFlags::empty())?;
    // struct nlmsghdr (16 bytes) and struct nlmsgerr, which begins with the error.
    let error = answer.get(16..20).filter(|_| length >= 20);
    match error.and_then(|error| error.try_into().ok()).map(i32::from_ne_bytes) {
        Some(0) => Ok(()),
        Some(error) => Err(io::Error::from_raw_os_error(-error)),
        None => Err(io::Error::other("short answer of rtnetlink")),
    }
}

/// `RTM_NEWLINK` of interface 1, which is loopback in every new namespace, with `IFF_UP`.
fn link_up() -> Vec<u8> {
    let mut body = vec![0_u8; 4];
    body.extend(1_u32.to_ne_bytes());
    body.extend(1_u32.to_ne_bytes());
    body.extend(1_u32.to_ne_bytes());
    message(16, 0x1 | 0x4, &body)
}

/// `ip route add local default dev lo`: table `local`, protocol `boot`, scope `host`, type `local`.
fn local_everywhere() -> Vec<u8> {
    let mut body = vec![2_u8, 0, 0, 0, 255, 3, 254, 2, 0, 0, 0, 0];
    // struct rtattr: length, RTA_OIF, the interface.
    body.extend(8_u16.to_ne_bytes());
    body.extend(4_u16.to_ne_bytes());
    body.extend(1_u32.to_ne_bytes());
    message(24, 0x1 | 0x4 | 0x400, &body)
}

/// struct nlmsghdr and its body.
fn message(kind: u16, flags: u16, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(16 + body.len()).unwrap_or(0);
    let mut bytes = length.to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend(1_u32.to_ne_bytes());
    bytes.extend(0_u32.to_ne_bytes());
    bytes.extend(body);
    bytes
}

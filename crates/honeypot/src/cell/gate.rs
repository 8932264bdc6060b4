// SPDX-License-Identifier: Apache-2.0
//! Process 1 of a cell with a service: it starts the service and becomes the way to it. Connections that come from outside are
//! made anew in here, from the same address to the same address.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddrV4;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use kakoi_kernel::{Fork, Signals};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with, sockopt};

use super::plan::{Dial, ServicePlan, Told};
use super::{disguise, message};

/// The short name of process 1, by which a recorder that stops processes knows what it will start.
pub(crate) const NAME: &str = "init";

/// Starts the service, and connects to it as long as the server is there.
pub(super) fn keep(service: &ServicePlan, socket: &OwnedFd) -> ! {
    // A name that gives us away is better than no session.
    let _ = disguise::show_as(NAME, b"init");
    if let Ok(Fork::Child) = kakoi_kernel::fork() {
        let _ = start(service);
        std::process::exit(127);
    }
    // What it makes and leaves is ours, and vanishes when it ends.
    let _ = kakoi_kernel::signals(Signals::Keeper);
    while let Ok(Some((dial, descriptors))) = message::receive::<Dial>(socket) {
        let Some(told) = descriptors.first() else { continue };
        let _ = match reach(&dial) {
            Ok(connection) => message::send(told, &Told::Opened, &[connection.as_fd()]),
            Err(error) => message::send(told, &Told::Ended(error.raw_os_error()), &[]),
        };
    }
    std::process::exit(0)
}

fn start(service: &ServicePlan) -> io::Result<Infallible> {
    rustix::process::setsid()?;
    std::env::set_current_dir("/")?;
    let [program, arguments @ ..] = service.command.as_slice() else {
        return Err(io::Error::other("no service"));
    };
    let path = [("PATH", "/bin:/sbin:/usr/bin:/usr/sbin")];
    Err(Command::new(program).args(arguments).env_clear().envs(path).exec())
}

/// A connection that is under way: whether somebody listens is seen by who gets it. Every address is one of the cell's own.
fn reach(dial: &Dial) -> Result<OwnedFd, Errno> {
    let connection = open(dial.from)?;
    match connect(&connection, &dial.to) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(connection),
        Err(error) => Err(error),
    }
}

/// The port may still be taken by an earlier connection; then the service sees another one.
fn open(from: Option<SocketAddrV4>) -> Result<OwnedFd, Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let connection = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
    if let Some(from) = from {
        sockopt::set_socket_reuseaddr(&connection, true)?;
        if bind(&connection, &from).is_err() {
            let _ = bind(&connection, &SocketAddrV4::new(*from.ip(), 0));
        }
    }
    Ok(connection)
}

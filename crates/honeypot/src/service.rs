// SPDX-License-Identifier: Apache-2.0
//! Entry through a network service of the persona: every address that connects gets a cell in which the service runs, and its
//! connections are led there, one session for all of them until none was open for the idle time.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream as StdStream};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::cell::message;
use crate::cell::plan::{Dial, Go, Told};
use crate::server::Server;
use crate::session::{Entry, Guest, Session, next, told_of};

/// How long a service may take until it listens: under an emulator, on a machine with other work.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(50);

/// Visits by the address that they come from.
#[derive(Default)]
pub(crate) struct Visits(Mutex<HashMap<IpAddr, Arc<Visit>>>);

/// One address at the service.
struct Visit {
    session: Session,
    guest: tokio::sync::Mutex<Option<Guest>>,
    state: Mutex<State>,
}

struct State {
    connections: usize,
    last: Instant,
    /// The service listened.
    answered: bool,
    /// No cell could be had, or the service listens no more: the next connection begins another visit.
    over: bool,
}

impl Visit {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn touch(&self) {
        self.state().last = Instant::now();
    }

    fn idle(&self) -> Duration {
        self.state().last.elapsed()
    }
}

/// Serves one connection.
pub(crate) async fn serve(
    server: &Arc<Server>,
    socket: TcpStream,
    peer: SocketAddr,
    local: SocketAddr,
) {
    let visit = visit(server, peer, local);
    if let Some(inside) = reach(server, &visit, peer, local).await {
        let _ = socket.set_nodelay(true);
        tokio::select! {
            () = relay(server, &visit, socket, inside) => {}
            () = server.ending.begun() => {}
        }
    }
    let mut state = visit.state();
    state.connections -= 1;
    state.last = Instant::now();
}

/// The visit of an address, or a new one.
fn visit(server: &Arc<Server>, peer: SocketAddr, local: SocketAddr) -> Arc<Visit> {
    let mut visits = server.visits.0.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(visit) = visits.get(&peer.ip()) {
        let mut state = visit.state();
        if !state.over {
            state.connections += 1;
            return Arc::clone(visit);
        }
    }
    let visit = Arc::new(Visit {
        session: Session::connected(server, Entry::Service, peer, local),
        guest: tokio::sync::Mutex::new(None),
        state: Mutex::new(State {
            connections: 1,
            last: Instant::now(),
            answered: false,
            over: false,
        }),
    });
    visits.insert(peer.ip(), Arc::clone(&visit));
    let (own_server, own, work) = (Arc::clone(server), Arc::clone(&visit), server.ending.work());
    tokio::spawn(async move {
        mind(own_server, own, peer.ip()).await;
        drop(work);
    });
    visit
}

/// Ends a visit when its time is over.
async fn mind(server: Arc<Server>, visit: Arc<Visit>, address: IpAddr) {
    let limits = &server.config.limits;
    let idle = Duration::from_secs(limits.idle_seconds);
    let end = Instant::now() + Duration::from_secs(limits.session_seconds);
    loop {
        sleep(Duration::from_millis(200)).await;
        let mut state = visit.state();
        let left = state.connections == 0 && state.last.elapsed() >= idle;
        if left || state.over || server.ending.has_begun() || Instant::now() >= end {
            state.over = true;
            break;
        }
    }
    if let Some(guest) = visit.guest.lock().await.take() {
        guest.rest.end().await;
    }
    visit.session.closed(&server);
    let mut visits = server.visits.0.lock().unwrap_or_else(PoisonError::into_inner);
    if visits.get(&address).is_some_and(|own| Arc::ptr_eq(own, &visit)) {
        visits.remove(&address);
    }
}

/// A connection to the service in the cell, which the first one takes. None: there is no cell, or nobody listens.
async fn reach(
    server: &Arc<Server>,
    visit: &Visit,
    peer: SocketAddr,
    local: SocketAddr,
) -> Option<TcpStream> {
    let port = server.config.service.as_ref()?.port;
    let dial = Dial {
        from: four(peer),
        to: SocketAddrV4::new(four(local).map_or(Ipv4Addr::LOCALHOST, |to| *to.ip()), port),
    };
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        match connect(server, visit, &dial).await {
            Ok(Some(inside)) => {
                visit.state().answered = true;
                return Some(inside);
            }
            // It listens no more, or is on its way.
            Ok(None) if visit.state().answered => break,
            Ok(None) => sleep(PAUSE).await,
            Err(_) => break,
        }
    }
    visit.state().over = true;
    None
}

/// Addresses of the newer protocol are not those of small devices.
fn four(address: SocketAddr) -> Option<SocketAddrV4> {
    match address {
        SocketAddr::V4(address) => Some(address),
        SocketAddr::V6(address) => {
            Some(SocketAddrV4::new(address.ip().to_ipv4_mapped()?, address.port()))
        }
    }
}

/// None: nobody listens.
async fn connect(
    server: &Arc<Server>,
    visit: &Visit,
    dial: &Dial,
) -> io::Result<Option<TcpStream>> {
    let told = {
        let mut guest = visit.guest.lock().await;
        if guest.is_none() {
            if visit.state().over {
                return Err(io::Error::other("the visit is over"));
            }
            let entered = visit.session.enter(server).await;
            let entered = entered.ok_or_else(|| io::Error::other("no cell"))?;
            message::send(&entered.socket, &Go::Service, &[])?;
            *guest = Some(entered);
        }
        let (told, its_told) = message::pair()?;
        let guest = guest.as_ref().ok_or_else(|| io::Error::other("no cell"))?;
        message::send(&guest.socket, dial, &[its_told.as_fd()])?;
        told_of(told)?
    };
    let (Told::Opened, Some(inside)) = next(&told).await? else { return Ok(None) };
    let inside = TcpStream::from_std(StdStream::from(inside))?;
    inside.writable().await?;
    match inside.take_error()? {
        None => Ok(Some(inside)),
        Some(_) => Ok(None),
    }
}

/// Carries bytes both ways until both are done, nothing came for the idle time, or the visit is over.
async fn relay(server: &Server, visit: &Visit, mut outside: TcpStream, mut inside: TcpStream) {
    let idle = Duration::from_secs(server.config.limits.idle_seconds);
    let (mut from, mut to) = outside.split();
    let (mut back, mut on) = inside.split();
    let inward = pump(visit, idle, &mut from, &mut on);
    let outward = pump(visit, idle, &mut back, &mut to);
    // Who is served may have said all before: the answer is the end.
    tokio::select! {
        _ = outward => {}
        Err(_) = inward => {}
    }
}

async fn pump(
    visit: &Visit,
    idle: Duration,
    from: &mut (impl AsyncReadExt + Unpin),
    to: &mut (impl AsyncWriteExt + Unpin),
) -> io::Result<()> {
    let mut buffer = vec![0; 8192];
    loop {
        let count = match timeout(idle, from.read(&mut buffer)).await {
            Ok(count) => count?,
            Err(_) if visit.idle() < idle => continue,
            Err(_) => return Err(io::ErrorKind::TimedOut.into()),
        };
        visit.touch();
        match buffer.get(..count) {
            None | Some([]) => return to.shutdown().await,
            Some(bytes) => to.write_all(bytes).await?,
        }
    }
}

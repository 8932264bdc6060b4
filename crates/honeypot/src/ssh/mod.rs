// SPDX-License-Identifier: Apache-2.0
//! One SSH connection (RFC 4251 to 4254), as dropbear of a small device serves it: password logins, shells, commands
//! and file transfers; no forwarding.

mod channel;
mod keys;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kakoi_model::Action;
use russh::server::Session as Transport;
use russh::server::{Auth, ChannelOpenHandle, Handle, Handler, Msg, PublicKeyOffer, run_stream};
use russh::{Channel, ChannelOpenFailure, MethodKind, MethodSet, SshId};
use serde_json::json;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::config::Config;
use crate::error::Error;
use crate::output::Kind;
use crate::server::Server;
use crate::session::{Entry, Guest, Session};
use crate::telnet::login::{Attempt, admits};

/// Channels that a connection may open in all.
const MOST_CHANNELS: usize = 64;

/// Settings of all connections.
pub(crate) fn settings(config: &Config) -> Result<Arc<russh::server::Config>, Error> {
    Ok(Arc::new(russh::server::Config {
        server_id: SshId::Standard(config.ssh_identification.clone().into()),
        // In dropbear's order.
        methods: MethodSet::from([MethodKind::PublicKey, MethodKind::Password].as_slice()),
        auth_rejection_time: Duration::from_millis(config.failure_delay_ms),
        auth_rejection_time_initial: Some(Duration::ZERO),
        keys: keys::load(config)?,
        preferred: keys::algorithms(),
        max_auth_attempts: usize::try_from(config.limits.login_attempts).unwrap_or(10) + 1,
        inactivity_timeout: Some(Duration::from_secs(config.limits.idle_seconds)),
        // What dropbear announces (sysoptions.h: RECV_MAX_PAYLOAD_LEN, DEFAULT_RECV_WINDOW).
        window_size: 24_576,
        maximum_packet_size: 32_759,
        nodelay: true,
        ..russh::server::Config::default()
    }))
}

/// What the parts of one connection share.
pub(crate) struct Connection {
    pub(crate) server: Arc<Server>,
    pub(crate) session: Session,
    /// The cell: taken when the first channel wants a shell.
    pub(crate) guest: tokio::sync::Mutex<Option<Guest>>,
    user: Mutex<Option<String>>,
}

impl Connection {
    /// Who is logged in.
    pub(crate) fn user(&self) -> Option<String> {
        self.user.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Serves one connection.
pub(crate) async fn serve(
    server: &Arc<Server>,
    socket: TcpStream,
    peer: SocketAddr,
    local: SocketAddr,
) {
    let session = Session::connected(server, Entry::Ssh, peer, local);
    let connection = Arc::new(Connection {
        server: Arc::clone(server),
        session,
        guest: tokio::sync::Mutex::new(None),
        user: Mutex::new(None),
    });
    let _ = talk(&connection, socket).await;
    if let Some(guest) = connection.guest.lock().await.take() {
        guest.rest.end().await;
    }
    connection.session.closed(server);
}

/// Until the connection ends, nobody logs in, or the time is over.
async fn talk(connection: &Arc<Connection>, socket: TcpStream) -> Option<()> {
    let limits = &connection.server.config.limits;
    let login = Duration::from_secs(limits.login_seconds);
    let settings = Arc::clone(connection.server.ssh.as_ref()?);
    let socket = socket.into_std().ok()?;
    // Ends the exchange from outside, wherever it stands.
    let plug = socket.try_clone().ok()?;
    let socket = TcpStream::from_std(socket).ok()?;
    let handler = Talk { connection: Arc::clone(connection), channels: 0 };
    let ending = &connection.server.ending;
    let running = ending.in_time(login, run_stream(settings, socket, handler)).await?.ok()?;
    let time = async {
        sleep(login).await;
        if connection.user().is_some() {
            sleep(Duration::from_secs(limits.session_seconds)).await;
        }
    };
    let end = async {
        tokio::select! {
            () = time => {}
            () = ending.begun() => {}
        }
    };
    tokio::pin!(running);
    tokio::select! {
        _ = &mut running => {}
        () = end => {
            let _ = plug.shutdown(std::net::Shutdown::Both);
            let _ = timeout(Duration::from_secs(5), running).await;
        }
    }
    Some(())
}

/// Answers of one connection.
struct Talk {
    connection: Arc<Connection>,
    channels: usize,
}

impl Talk {
    fn tried(&self, user: &str, password: &str, admitted: bool) {
        let attempt = Attempt { user: user.to_owned(), password: password.to_owned() };
        self.connection.session.tried(&self.connection.server, &attempt, admitted);
    }
}

impl Handler for Talk {
    type Error = russh::Error;

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, Self::Error> {
        let attempt = Attempt { user: user.to_owned(), password: password.to_owned() };
        let admitted = admits(&self.connection.server.config.credentials, &attempt);
        self.tried(user, password, admitted);
        if !admitted {
            return Ok(Auth::reject());
        }
        let mut name = self.connection.user.lock().unwrap_or_else(PoisonError::into_inner);
        *name = Some(attempt.user);
        Ok(Auth::Accept)
    }

    async fn auth_publickey_offered(
        &mut self,
        user: &str,
        offer: PublicKeyOffer<'_>,
    ) -> Result<Auth, Self::Error> {
        let print = offer.public_key.fingerprint(russh::keys::HashAlg::Sha256);
        self.tried(user, &print.to_string(), false);
        Ok(Auth::reject())
    }

    async fn auth_succeeded(&mut self, transport: &mut Transport) -> Result<(), Self::Error> {
        let version = String::from_utf8_lossy(transport.remote_sshid()).into_owned();
        let fields =
            json!({ "version": version, "message": format!("Remote SSH version: {version}") });
        self.connection.session.log(&self.connection.server, Kind::Client, fields);
        Ok(())
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        transport: &mut Transport,
    ) -> Result<(), Self::Error> {
        self.channels += 1;
        if self.channels > MOST_CHANNELS {
            reply.reject(ChannelOpenFailure::ResourceShortage).await;
            return Ok(());
        }
        let handle: Handle = transport.handle();
        tokio::spawn(channel::serve(Arc::clone(&self.connection), channel, handle, self.channels));
        reply.accept().await;
        Ok(())
    }

    async fn channel_open_direct_tcpip(
        &mut self,
        _channel: Channel<Msg>,
        host: &str,
        port: u32,
        _from: &str,
        _from_port: u32,
        reply: ChannelOpenHandle,
        _transport: &mut Transport,
    ) -> Result<(), Self::Error> {
        let Connection { server, session, .. } = &*self.connection;
        let to = format!("{host}:{port}");
        server.outputs.event(
            &session.name,
            Action::Asked { service: "direct-tcpip".to_owned(), asked: to.clone() },
        );
        let message = format!("direct-tcp connection request to {to}");
        let fields = json!({ "dst_ip": host, "dst_port": port, "message": message });
        session.log(server, Kind::Forward, fields);
        reply.reject(ChannelOpenFailure::ConnectFailed).await;
        Ok(())
    }
}

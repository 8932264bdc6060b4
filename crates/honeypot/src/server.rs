// SPDX-License-Identifier: Apache-2.0
//! Connections, their limits, and the pool of cells.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::pipe::{PipeFlags, pipe_with};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::cell::message;
use crate::cell::plan::{Answer, Plan, Request, ServicePlan, Way};
use crate::config::{Config, Recording};
use crate::deliver::{self, Delivery, Notices};
use crate::ending::{Ending, Ends};
use crate::error::{During, Error, fail};
use crate::idle::Shelf;
use crate::output::{EVENTS, Outputs};
use crate::persona;
use crate::record::samples::base;
use crate::session::Entry;
use crate::telnet::greeting::Greetings;
use crate::trace::{Ground, Tracer};
use crate::{service, ssh, telnet, trace};

/// What all connections share.
pub(crate) struct Server {
    pub(crate) config: Config,
    pub(crate) outputs: Arc<Outputs>,
    /// Records by BPF, if that is to be had.
    pub(crate) tracer: Option<Tracer>,
    pub(crate) architecture: &'static str,
    /// What the recorder has to know of all cells.
    pub(crate) ground: Ground,
    /// What shells show first.
    pub(crate) greetings: Greetings,
    pub(crate) ssh: Option<Arc<russh::server::Config>>,
    /// Who is at the service.
    pub(crate) visits: service::Visits,
    pub(crate) cells: tokio::sync::Mutex<mpsc::Receiver<Cell>>,
    /// Cells that nobody has touched.
    pub(crate) idle: Shelf,
    pub(crate) ending: Ending,
    connections: Arc<Semaphore>,
    addresses: Mutex<HashMap<IpAddr, usize>>,
}

/// Where logins are served.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listening {
    /// Telnet.
    pub telnet: Option<SocketAddr>,
    /// SSH.
    pub ssh: Option<SocketAddr>,
    /// The service.
    pub service: Option<SocketAddr>,
    /// How calls are recorded, and why not otherwise.
    pub recording: String,
}

/// A cell that waits for an intruder.
pub(crate) struct Cell {
    pub(crate) socket: OwnedFd,
    pub(crate) events: OwnedFd,
    pub(crate) life: OwnedFd,
    pub(crate) terminal: OwnedFd,
    /// Process 1.
    pub(crate) first: OwnedFd,
    pub(crate) sinks: Vec<OwnedFd>,
    /// Keeps the emulator registered.
    pub(crate) formats: Option<OwnedFd>,
}

/// Serves until the process is ended. `keeper` starts this program so that it calls [`crate::keep`]; events go to `lines`
/// unless the configuration names a directory; `notices` is told what a user has to know, and `ready` where logins are served.
///
/// # Errors
/// When an address cannot be bound, the persona cannot be made, or no cell can be made on this kernel.
pub fn serve(
    config: Config,
    keeper: Command,
    lines: Box<dyn io::Write + Send>,
    notices: impl Fn(&str) + Send + Sync + 'static,
    ready: impl FnOnce(&Listening),
) -> Result<(), Error> {
    deliver::check(&config.collectors, config.output.as_deref())
        .map_err(|reason| fail("configuration", reason).of_input())?;
    let notices: Notices = Arc::new(notices);
    let state = tempfile::Builder::new().prefix("kakoi-honeypot-").tempdir();
    let state = state.during(|| "make a directory for the persona".to_owned())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .during(|| "start the runtime".to_owned())?;
    let outputs = Arc::new(Outputs::open(&config, lines, Arc::clone(&notices))?);
    let ended = deliver_all(&config, &notices)?;
    let (tracer, recording) = trace::recorder(&config, &outputs)?;
    let way = match (config.recording, &tracer) {
        (Recording::None, _) => Way::None,
        (_, Some(_)) => Way::Bpf,
        _ => Way::Ptrace,
    };
    let (plan, architecture) = plan(&config, state.path(), way)?;
    let ground = Ground {
        port: plan.service.as_ref().map_or(0, |service| service.port),
        emulated: plan.emulator.is_some(),
    };
    let (mut child, socket) = start_keeper(keeper, &plan)?;
    let (sender, cells) = mpsc::channel(config.pool.max(1));
    let first = ask_for_cell(&socket)?;
    let _ = sender.try_send(first);
    let (orphan, orphaned) = oneshot::channel();
    std::thread::spawn(move || {
        fill(&socket, &sender);
        // Nobody is left to be told when the server has ended.
        let _ = orphan.send(());
    });
    let ssh = config.ssh.is_some().then(|| ssh::settings(&config)).transpose()?;
    let server = Arc::new(Server {
        outputs,
        tracer,
        architecture,
        ground,
        greetings: Greetings::default(),
        visits: service::Visits::default(),
        ssh,
        cells: tokio::sync::Mutex::new(cells),
        idle: Shelf::default(),
        ending: Ending::default(),
        connections: Arc::new(Semaphore::new(config.limits.connections)),
        addresses: Mutex::new(HashMap::new()),
        config,
    });
    let outcome = runtime.block_on(until_the_end(&server, recording, ready, orphaned));
    server.outputs.end();
    ended.store(true, Ordering::Relaxed);
    drop(server);
    runtime.shutdown_timeout(Duration::from_secs(2));
    let _ = child.wait();
    outcome
}

/// Starts a delivery for each collector. Gives what ends them.
fn deliver_all(config: &Config, notices: &Notices) -> Result<Arc<AtomicBool>, Error> {
    let ended = Arc::new(AtomicBool::new(false));
    let Some(output) = &config.output else { return Ok(ended) };
    for collector in &config.collectors {
        let log = output.join(EVENTS);
        let (sensor, notices) = (config.hostname.clone(), Arc::clone(notices));
        Delivery::start(collector.clone(), sensor, log, notices, Arc::clone(&ended))
            .during(|| format!("deliver to {}", collector.to))?;
    }
    Ok(ended)
}

/// Lays out the persona, and says how cells are made from it.
fn plan(config: &Config, state: &Path, way: Way) -> Result<(Plan, &'static str), Error> {
    let place = |name: &str, mode: u32| {
        let place = state.join(name);
        fs::create_dir(&place)
            .and_then(|()| fs::set_permissions(&place, fs::Permissions::from_mode(mode)))
            .during(|| format!("make {}", place.display()))?;
        Ok(place)
    };
    // The cells' user has to pass, and to see nothing else.
    fs::set_permissions(state, fs::Permissions::from_mode(0o711))
        .during(|| "open the persona's directory".to_owned())?;
    let user = rustix::process::geteuid().is_root().then_some(config.user);
    let root = place("root", 0o755)?;
    let persona = persona::lay_out(config, &root, user).map_err(Error::of_input)?;
    let service = config.service.as_ref().map(|service| {
        let command = persona::find_program(&root, &service.command).map_err(Error::of_input)?;
        Ok::<_, Error>(ServicePlan { command, port: service.port })
    });
    let plan = Plan {
        root,
        stage: place("stage", 0o755)?,
        devices: place("devices", 0o755)?,
        temporary: place("temporary", 0o755)?,
        facade: place("facade", 0o755)?,
        proc: persona::proc_files(config),
        kernel: (config.release.clone(), config.build.clone()),
        user,
        way,
        hostname: config.hostname.clone(),
        shell: vec!["/bin/sh".to_owned(), "-sh".to_owned()],
        emulator: persona.emulator,
        service: service.transpose()?,
        limits: config.cell.clone(),
        sinkhole: config.sinkhole,
        sample_bytes: if config.output.is_some() { config.sample_bytes } else { 0 },
        group: format!("kakoi-honeypot-{}", std::process::id()),
        state: state.to_owned(),
    };
    Ok((plan, persona.architecture))
}

fn start_keeper(mut keeper: Command, plan: &Plan) -> Result<(Child, Arc<OwnedFd>), Error> {
    let (own, its) = message::pair().during(|| "make a socket".to_owned())?;
    // What a terminal says to the server (Ctrl-C) is not said to the keeper and to cells: the server ends them.
    let child =
        keeper.process_group(0).stdin(its).spawn().during(|| "start the keeper".to_owned())?;
    // The command holds the other end, which only the keeper may hold.
    drop(keeper);
    message::send(&own, plan, &[]).during(|| "tell the keeper the plan".to_owned())?;
    Ok((child, Arc::new(own)))
}

/// Makes cells as long as there is room for them. Ends with the server, or with the keeper.
fn fill(keeper: &OwnedFd, cells: &mpsc::Sender<Cell>) {
    let mut pause = Duration::from_millis(10);
    loop {
        match ask_for_cell(keeper) {
            Ok(cell) => {
                pause = Duration::from_millis(10);
                if cells.blocking_send(cell).is_err() {
                    return;
                }
            }
            Err(error) if error.is_closed() => return,
            // Out of processes or memory: what runs will end.
            Err(_) => {
                std::thread::sleep(pause);
                pause = (pause * 2).min(Duration::from_secs(5));
            }
        }
    }
}

fn ask_for_cell(keeper: &OwnedFd) -> Result<Cell, Error> {
    let (socket, its_socket) = message::pair().during(|| "make a socket".to_owned())?;
    let (events, its_events) = pipe_with(PipeFlags::CLOEXEC).during(|| "make a pipe".to_owned())?;
    let (its_life, life) = pipe_with(PipeFlags::CLOEXEC).during(|| "make a pipe".to_owned())?;
    message::send(keeper, &Request {}, &[its_socket.as_fd(), its_events.as_fd(), its_life.as_fd()])
        .during(|| "ask for a cell".to_owned())?;
    drop((its_socket, its_events, its_life));
    let answer = message::receive::<Answer>(&socket).during(|| "wait for a cell".to_owned())?;
    let (answer, descriptors) =
        answer.ok_or_else(|| fail("make a cell", "its watcher ended without a word"))?;
    if let Answer::Failed(reason) = answer {
        return Err(fail("make a cell", reason));
    }
    let mut descriptors = descriptors.into_iter();
    let terminal = descriptors.next().ok_or_else(|| fail("make a cell", "it has no terminal"))?;
    let first = descriptors.next().ok_or_else(|| fail("make a cell", "it has no process"))?;
    let mut sinks: Vec<OwnedFd> = descriptors.collect();
    let most = sinks.len().min(crate::cell::network::SINKS.len());
    let formats = sinks.split_off(most).into_iter().next();
    Ok(Cell { socket, events, life, terminal, first, sinks, formats })
}

/// Serves until a signal or a failure ends it, and then until what is under way has ended. A second signal does not wait.
async fn until_the_end(
    server: &Arc<Server>,
    recording: String,
    ready: impl FnOnce(&Listening),
    orphaned: oneshot::Receiver<()>,
) -> Result<(), Error> {
    let mut ends = Ends::listen().during(|| "wait for signals".to_owned())?;
    let outcome = accept(server, recording, ready, orphaned, &mut ends).await;
    tokio::select! {
        _ = server.ending.end() => {}
        () = ends.next() => {}
    }
    outcome
}

async fn accept(
    server: &Arc<Server>,
    recording: String,
    ready: impl FnOnce(&Listening),
    orphaned: oneshot::Receiver<()>,
    ends: &mut Ends,
) -> Result<(), Error> {
    let (telnet, ssh) = (listen(server.config.telnet).await?, listen(server.config.ssh).await?);
    let service = listen(server.config.service.as_ref().map(|service| service.listen)).await?;
    if telnet.is_none() && ssh.is_none() && service.is_none() {
        return Err(fail("serve", "no address to serve Telnet, SSH or a service at"));
    }
    let local = |listener: &Option<TcpListener>| listener.as_ref()?.local_addr().ok();
    ready(&Listening {
        telnet: local(&telnet),
        ssh: local(&ssh),
        service: local(&service),
        recording,
    });
    tokio::select! {
        () = accept_all(server, telnet, Entry::Telnet) => {}
        () = accept_all(server, ssh, Entry::Ssh) => {}
        () = accept_all(server, service, Entry::Service) => {}
        () = retry_outputs(server) => {}
        () = server.outputs.gone.notified() => {
            return Err(fail("write events", "nobody reads them any more"));
        }
        _ = orphaned => return Err(fail("make cells", "their keeper has ended")),
        () = ends.next() => {}
    }
    Ok(())
}

/// Tries again and again to write what could not be written.
async fn retry_outputs(server: &Server) {
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        if server.outputs.is_stuck() {
            server.outputs.retry();
        }
    }
}

async fn listen(address: Option<SocketAddr>) -> Result<Option<TcpListener>, Error> {
    let Some(address) = address else { return Ok(None) };
    TcpListener::bind(address).await.map(Some).during(|| format!("listen at {address}"))
}

/// Takes connections for ever; waits for ever where nothing is served.
async fn accept_all(server: &Arc<Server>, listener: Option<TcpListener>, entry: Entry) {
    let Some(listener) = listener else { return std::future::pending().await };
    loop {
        // A connection that was gone before it was taken, or no descriptors left: the next may do.
        let Ok((socket, peer)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        // What cannot be recorded must not happen.
        if server.outputs.is_stuck() {
            continue;
        }
        let Ok(permit) = Arc::clone(&server.connections).try_acquire_owned() else { continue };
        if !server.enter(peer.ip()) {
            continue;
        }
        let Some(work) = server.ending.work() else { continue };
        let server = Arc::clone(server);
        tokio::spawn(async move {
            if let Ok(local) = socket.local_addr() {
                match entry {
                    Entry::Telnet => telnet::serve(&server, socket, peer, local).await,
                    Entry::Ssh => ssh::serve(&server, socket, peer, local).await,
                    Entry::Service => service::serve(&server, socket, peer, local).await,
                }
            }
            server.leave(peer.ip());
            drop((permit, work));
        });
    }
}

impl Server {
    /// How an intruder came, in the words of events: a service by its name.
    pub(crate) fn word_for(&self, entry: Entry) -> &str {
        let service = self.config.service.as_ref().and_then(|service| service.command.first());
        match (entry, service) {
            (Entry::Telnet, _) => "telnet",
            (Entry::Ssh, _) => "ssh",
            (Entry::Service, program) => program.map_or("service", |program| base(program)),
        }
    }

    /// Counts a connection of an address. Not, when it has too many.
    fn enter(&self, address: IpAddr) -> bool {
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        let count = addresses.entry(address).or_default();
        let admitted = *count < self.config.limits.connections_per_address;
        *count += usize::from(admitted);
        admitted
    }

    fn leave(&self, address: IpAddr) {
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = addresses.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                addresses.remove(&address);
            }
        }
    }
}

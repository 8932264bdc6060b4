// SPDX-License-Identifier: Apache-2.0
//! Every system call of all cells by BPF programs on the host's tracepoints (bpf/record.bpf.c), through one ring buffer that
//! one thread reads. Processes are not stopped; what finds no room is lost, counted, and told at the session's end.

mod cell;
mod layout;
mod pieces;
mod wait;

use std::collections::BTreeMap;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use libbpf_rs::{
    Link, MapCore, MapFlags, MapHandle, Object, ObjectBuilder, PrintLevel, RingBuffer,
    RingBufferBuilder, set_print,
};

use self::cell::{Cell, Cells};
use self::layout::Record;
use self::wait::{Bell, Waiter};
use crate::config::{Config, Recording};
use crate::error::{Error, fail};
use crate::output::Outputs;
use crate::record::calls;
use crate::record::samples::Described;
use crate::session::{Entry, Life, Session};

static OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/record.bpf.o"));

/// How long a record may lie before it is read, when nothing urgent follows it.
const PATIENCE: Duration = Duration::from_millis(20);

/// Bytes of events that are written at once.
const BATCH: usize = 256 << 10;

/// The recorder: cells are made known to it before anybody is let in.
pub(crate) struct Tracer {
    tasks: MapHandle,
    counters: MapHandle,
    cells: Cells,
    next: AtomicU64,
    commands: Sender<Command>,
    bell: Bell,
}

/// Records by BPF if that is wanted and to be had; says how calls are recorded.
pub(crate) fn recorder(
    config: &Config,
    outputs: &Arc<Outputs>,
) -> Result<(Option<Tracer>, String), Error> {
    let root = rustix::process::geteuid().is_root();
    let started = match config.recording {
        Recording::None => return Ok((None, "no calls are recorded".to_owned())),
        Recording::Ptrace => return Ok((None, PTRACE.to_owned())),
        Recording::Auto if !root => Err(fail("record by BPF", "this needs root")),
        _ => Tracer::start(Arc::clone(outputs)),
    };
    match (started, config.recording) {
        (Ok(tracer), _) => Ok((Some(tracer), "calls are recorded by BPF".to_owned())),
        (Err(error), Recording::Bpf) => Err(error),
        (Err(error), _) => Ok((None, format!("{PTRACE} ({error})"))),
    }
}

/// The cost of ptrace is in docs/BENCHMARKS.md.
const PTRACE: &str = "calls are recorded by ptrace, which slows sessions down";

/// What is the same in all cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ground {
    /// Of the service; 0 where there is none.
    pub(crate) port: u16,
    /// Programs are run by an emulator.
    pub(crate) emulated: bool,
}

/// What the reading thread is asked to do, after all that was recorded before.
enum Command {
    /// A cell is there: records will come.
    Begun,
    /// A file of a cell was taken.
    Sample(u64, Described, Vec<u8>),
    /// The session of a cell ends, and the cell stays.
    Vacate(u64, tokio::sync::oneshot::Sender<()>),
    /// Nothing of a cell is left.
    Finish(u64, tokio::sync::oneshot::Sender<()>),
}

impl Tracer {
    /// Loads and attaches the programs, and starts the thread that reads.
    ///
    /// # Errors
    /// When this kernel does not let them in; the message says at what.
    pub(crate) fn start(outputs: Arc<Outputs>) -> Result<Self, Error> {
        if !cfg!(target_arch = "x86_64") {
            return Err(fail("record by BPF", "so far on x86-64 only"));
        }
        set_print(Some((PrintLevel::Warn, |_, _| {})));
        let of = |what: &'static str| move |error| fail(what, error);
        let object = ObjectBuilder::default()
            .open_memory(OBJECT)
            .and_then(libbpf_rs::OpenObject::load)
            .map_err(of("load the recorder's BPF programs"))?;
        shape_calls(&object)?;
        let (tasks, counters) = (map(&object, "record_tasks")?, map(&object, "record_cells")?);
        let cells = Cells::default();
        let (commands, received) = channel();
        let ring = ring(&object, &cells, &outputs)?;
        let links = object.progs_mut().map(|program| program.attach());
        let links = links.collect::<Result<Vec<Link>, _>>();
        let links = links.map_err(of("attach the recorder's BPF programs"))?;
        let bell = Bell::new().map_err(|error| fail("start the recorder", error))?;
        let waiter = Waiter::new(&ring.0, &bell);
        let (own_cells, own_counters) = (Arc::clone(&cells), clone(&counters)?);
        let reader = Reader { ring, waiter, cells: own_cells, counters: own_counters, outputs };
        std::thread::Builder::new()
            .name("recorder".to_owned())
            .spawn(move || {
                reader.run(&received);
                drop((links, object));
            })
            .map_err(|error| fail("start the recorder", error))?;
        Ok(Self { tasks, counters, cells, next: AtomicU64::new(1), commands, bell })
    }

    /// Records what process 1 of a cell makes from now on. Gives the number of the cell.
    pub(crate) fn begin(
        &self,
        first: &OwnedFd,
        session: &Session,
        life: Life,
        ground: Ground,
    ) -> Option<u64> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let process = process_of(first)?;
        let serves = session.entry == Entry::Service;
        let port = if serves { ground.port } else { 0 };
        let counters = layout::new_cell(port, ground.emulated);
        self.counters.update(&number.to_ne_bytes(), &counters, MapFlags::ANY).ok()?;
        let cell = Cell::new(session.clone(), life, process, ground);
        lock(&self.cells).insert(number, cell);
        let key = first.as_raw_fd().to_ne_bytes();
        let task = layout::first_task(number, serves);
        if self.tasks.update(&key, &task, MapFlags::ANY).is_err() {
            lock(&self.cells).remove(&number);
            let _ = self.counters.delete(&number.to_ne_bytes());
            return None;
        }
        self.ask(Command::Begun);
        Some(number)
    }

    /// Keeps a file under the line that made it.
    pub(crate) fn sample(&self, cell: u64, described: Described, bytes: Vec<u8>) {
        self.ask(Command::Sample(cell, described, bytes));
    }

    /// Tells the end of a session whose cell stays, after everything before. False: the recorder is gone.
    pub(crate) async fn vacate(&self, cell: u64) -> bool {
        let (done, vacated) = tokio::sync::oneshot::channel();
        self.ask(Command::Vacate(cell, done)) && vacated.await.is_ok()
    }

    /// What happens from now on in a cell that was vacated is told of this session. False: it is gone.
    pub(crate) fn occupy(&self, cell: u64, session: &Session) -> bool {
        let mut cells = lock(&self.cells);
        cells.get_mut(&cell).map(|cell| cell.occupy(session.clone())).is_some()
    }

    /// Tells the end of a cell of which nothing is left, after everything before.
    pub(crate) async fn finish(&self, cell: u64) {
        let (done, finished) = tokio::sync::oneshot::channel();
        if self.ask(Command::Finish(cell, done)) {
            let _ = finished.await;
        }
    }

    /// False: the recorder is gone.
    fn ask(&self, command: Command) -> bool {
        let asked = self.commands.send(command).is_ok();
        self.bell.ring();
        asked
    }
}

fn lock(cells: &Cells) -> std::sync::MutexGuard<'_, BTreeMap<u64, Cell>> {
    cells.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Number of a process on the host.
fn process_of(first: &OwnedFd) -> Option<u32> {
    let text = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", first.as_raw_fd())).ok()?;
    text.lines().find_map(|line| line.strip_prefix("Pid:")?.trim().parse().ok())
}

fn map(object: &Object, name: &str) -> Result<MapHandle, Error> {
    let found = object.maps().find(|map| map.name() == name);
    let found = found.ok_or_else(|| fail("record by BPF", format!("there is no map {name}")))?;
    MapHandle::try_from(&found).map_err(|error| fail("record by BPF", error))
}

fn clone(map: &MapHandle) -> Result<MapHandle, Error> {
    MapHandle::try_from(map).map_err(|error| fail("record by BPF", error))
}

/// Tells the programs which arguments to read of which call.
fn shape_calls(object: &Object) -> Result<(), Error> {
    let shapes = map(object, "record_shapes")?;
    for (number, name) in calls::all_names() {
        let shape = layout::shape(&pieces::pieces_of(name));
        let Ok(number) = u32::try_from(*number) else { continue };
        // Numbers of other tables lie beyond.
        if number < 512 {
            shapes
                .update(&number.to_ne_bytes(), &shape, MapFlags::ANY)
                .map_err(|error| fail("record by BPF", error))?;
        }
    }
    Ok(())
}

fn ring(
    object: &Object,
    cells: &Cells,
    outputs: &Arc<Outputs>,
) -> Result<(RingBuffer<'static>, Batch), Error> {
    let batch = Batch::default();
    let (cells, outputs, own) = (Arc::clone(cells), Arc::clone(outputs), Arc::clone(&batch));
    let events = map(object, "record_events")?;
    let mut builder = RingBufferBuilder::new();
    builder
        .add(&events, move |bytes| {
            if let Some(record) = Record::parse(bytes) {
                let mut batch = own.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(cell) = lock(&cells).get_mut(&record.cell) {
                    cell.take(&record, &outputs, &mut batch);
                }
                if batch.len() >= BATCH {
                    outputs.lines(&batch);
                    batch.clear();
                }
            }
            0
        })
        .map_err(|error| fail("read what BPF programs send", error))?;
    let ring = builder.build().map_err(|error| fail("read what BPF programs send", error))?;
    Ok((ring, batch))
}

/// Events that are not written yet.
type Batch = Arc<Mutex<Vec<u8>>>;

/// The thread that reads.
struct Reader {
    ring: (RingBuffer<'static>, Batch),
    waiter: Waiter,
    cells: Cells,
    counters: MapHandle,
    outputs: Arc<Outputs>,
}

impl Reader {
    /// Until the server is gone.
    fn run(&self, commands: &Receiver<Command>) {
        loop {
            let idle = lock(&self.cells).is_empty();
            let command = match idle {
                true => commands.recv().ok(),
                false => None,
            };
            if idle && command.is_none() {
                return;
            }
            if command.is_none() {
                self.waiter.wait(&self.ring.0, PATIENCE);
            }
            // What a command follows was recorded before it came.
            let mut waiting: Vec<Command> = command.into_iter().collect();
            waiting.extend(commands.try_iter());
            // Polling alone passes over what is not urgent.
            let _ = self.ring.0.consume();
            waiting.into_iter().for_each(|command| self.obey(command));
            self.flush();
        }
    }

    fn obey(&self, command: Command) {
        match command {
            Command::Begun => {}
            Command::Sample(number, described, bytes) => {
                let cells = lock(&self.cells);
                if let Some(cell) = cells.get(&number) {
                    let (session, described) = (cell.session().clone(), cell.described(described));
                    drop(cells);
                    self.outputs.sample(&session, &described, &bytes);
                }
            }
            Command::Vacate(number, done) => {
                if let Some(cell) = lock(&self.cells).get_mut(&number) {
                    let mut batch = self.ring.1.lock().unwrap_or_else(PoisonError::into_inner);
                    cell.vacate(self.lost(number), &mut batch);
                }
                self.flush();
                let _ = done.send(());
            }
            Command::Finish(number, done) => {
                if let Some(mut cell) = lock(&self.cells).remove(&number) {
                    let mut batch = self.ring.1.lock().unwrap_or_else(PoisonError::into_inner);
                    cell.end(self.lost(number), &mut batch);
                }
                let _ = self.counters.delete(&number.to_ne_bytes());
                self.flush();
                let _ = done.send(());
            }
        }
    }

    fn lost(&self, number: u64) -> u64 {
        let counter = self.counters.lookup(&number.to_ne_bytes(), MapFlags::ANY);
        counter.ok().flatten().map_or(0, |bytes| layout::lost_of(&bytes))
    }

    fn flush(&self) {
        let mut batch = self.ring.1.lock().unwrap_or_else(PoisonError::into_inner);
        self.outputs.lines(&batch);
        batch.clear();
        // A burst must not be held for ever.
        batch.shrink_to(BATCH);
    }
}

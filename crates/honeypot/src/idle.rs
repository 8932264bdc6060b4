// SPDX-License-Identifier: Apache-2.0
//! Cells whose intruder left without a word. Nothing of theirs is in there: a shell that waits at its prompt is as good for the
//! next one who logs in under the same name, and takes no time to make.
//!
//! Invariant: no byte of a connection has reached the terminal of a cell that is kept here.

use std::sync::{Arc, Mutex, PoisonError};

use crate::server::Server;
use crate::session::{Outward, Running, Session, set_window};

/// Untouched cells that are kept, unless the pool is larger.
const MOST: usize = 16;

/// A shell at its prompt.
pub(crate) struct Idle {
    /// Who it was started for.
    pub(crate) user: String,
    /// What it showed, up to its prompt.
    pub(crate) shown: Vec<u8>,
    pub(crate) running: Running,
}

/// All of them, the last one first.
#[derive(Default)]
pub(crate) struct Shelf(Mutex<Vec<Idle>>);

impl Shelf {
    /// Keeps one; gives it back when there are so many.
    pub(crate) fn put(&self, idle: Idle, most: usize) -> Option<Idle> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= most {
            return Some(idle);
        }
        all.push(idle);
        None
    }

    /// One of this user's.
    pub(crate) fn take(&self, user: &str) -> Option<Idle> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = all.iter().rposition(|idle| idle.user == user)?;
        Some(all.remove(place))
    }
}

impl Session {
    /// Goes on in a cell that nobody has touched. None: it is gone.
    pub(crate) async fn resume(
        &self,
        server: &Arc<Server>,
        idle: Idle,
        window: Option<(u16, u16)>,
    ) -> Option<(Running, Vec<u8>)> {
        let Idle { mut running, mut shown, .. } = idle;
        let late = rest(&running.output);
        let there = late.is_some() && !running.rest.events.is_finished();
        let cell = running.rest.traced.filter(|_| there);
        if !server.tracer.as_ref().zip(cell).is_some_and(|(tracer, cell)| tracer.occupy(cell, self))
        {
            running.rest.end().await;
            return None;
        }
        running.rest.holder.is_now(&self.name);
        self.begin(server);
        let (columns, rows) = window.unwrap_or((80, 24));
        set_window(running.output.terminal.get_ref(), columns, rows);
        shown.extend(late.unwrap_or_default());
        running.output.cast = server.outputs.cast(&self.name, columns, rows);
        if let Some(cast) = &mut running.output.cast {
            cast.output(&shown);
        }
        Some((running, shown))
    }

    /// Leaves a cell that nobody has touched to the next one, if it can be recorded anew and there is room for it.
    pub(crate) async fn leave(&self, server: &Server, idle: Idle) {
        if let (Some(tracer), Some(cell)) = (&server.tracer, idle.running.rest.traced)
            && tracer.vacate(cell).await
        {
            // Its record has ended; what finds no room ends without a word.
            if let Some(surplus) = server.idle.put(idle, server.config.pool.max(MOST)) {
                surplus.running.rest.end().await;
            }
        } else {
            idle.running.rest.end().await;
        }
    }
}

/// Whose a cell is now, for those who tell what happens in it.
#[derive(Debug, Clone)]
pub(crate) struct Holder(Arc<Mutex<String>>);

impl Holder {
    pub(crate) fn new(session: &str) -> Self {
        Self(Arc::new(Mutex::new(session.to_owned())))
    }

    fn is_now(&self, session: &str) {
        session.clone_into(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// The session.
    pub(crate) fn name(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What was written meanwhile. None: the terminal is closed.
fn rest(output: &Outward) -> Option<Vec<u8>> {
    let (mut all, mut buffer) = (Vec::new(), [0; 1024]);
    loop {
        match rustix::io::read(output.terminal.get_ref(), &mut buffer) {
            Err(rustix::io::Errno::AGAIN) => return Some(all),
            Ok(0) | Err(_) => return None,
            Ok(_) if all.len() > 64 << 10 => return None,
            Ok(count) => all.extend_from_slice(buffer.get(..count)?),
        }
    }
}

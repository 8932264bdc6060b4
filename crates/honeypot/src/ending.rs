// SPDX-License-Identifier: Apache-2.0
//! The end of a server: what is under way comes to its end, and its record with it, before the server does.

use std::fs;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;

/// Pieces of work at once; connections are limited well below.
const MOST: u32 = 1 << 20;

/// How long work may take to its end: cells end at once, their records and files have to be written.
const PATIENCE: Duration = Duration::from_secs(15);

/// Tells all work that the server ends, and knows when it is done.
pub(crate) struct Ending {
    begun: watch::Sender<bool>,
    work: Arc<Semaphore>,
}

impl Default for Ending {
    fn default() -> Self {
        Self { begun: watch::Sender::new(false), work: Arc::new(Semaphore::new(MOST as usize)) }
    }
}

impl Ending {
    /// Work that the server waits for, until what this gives is dropped. None: there is too much.
    pub(crate) fn work(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.work).try_acquire_owned().ok()
    }

    /// Waits until the server ends.
    pub(crate) async fn begun(&self) {
        // The sender lives as long as this.
        let _ = self.begun.subscribe().wait_for(|begun| *begun).await;
    }

    /// Does the server end?
    pub(crate) fn has_begun(&self) -> bool {
        *self.begun.borrow()
    }

    /// What some work gives. None: its time is over, or the server ends.
    pub(crate) async fn in_time<T>(
        &self,
        limit: Duration,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        tokio::select! {
            done = timeout(limit, work) => done.ok(),
            () = self.begun() => None,
        }
    }

    /// Ends all work. False: some of it did not come to its end in time.
    pub(crate) async fn end(&self) -> bool {
        self.begun.send_replace(true);
        timeout(PATIENCE, self.work.acquire_many(MOST)).await.is_ok()
    }
}

/// Signals that end a server: of `kill`, of Ctrl-C, of a terminal that is closed.
pub(crate) struct Ends {
    terminate: Signal,
    interrupt: Signal,
    /// None: who started the server wants it to outlive the terminal (nohup(1)).
    hangup: Option<Signal>,
}

impl Ends {
    pub(crate) fn listen() -> io::Result<Self> {
        let hangup = if ignores_hangup() { None } else { Some(signal(SignalKind::hangup())?) };
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self { terminate, interrupt: signal(SignalKind::interrupt())?, hangup })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = hangup => {}
        }
    }
}

/// `SigIgn` of proc_pid_status(5): bit 0 is signal 1.
fn ignores_hangup() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_end_waits_for_work_that_was_told_of_it() {
        let ending = Arc::new(Ending::default());
        let permit = ending.work().unwrap();
        let (own, (done, is_done)) = (Arc::clone(&ending), tokio::sync::oneshot::channel());
        tokio::spawn(async move {
            let never = own.in_time(Duration::from_secs(3600), std::future::pending::<()>()).await;
            let _ = done.send(never.is_none());
            drop(permit);
        });
        assert!(!ending.has_begun());
        assert!(ending.end().await && ending.has_begun());
        assert!(is_done.await.unwrap());
        assert_eq!(ending.in_time(Duration::from_secs(3600), async { 7 }).await.unwrap_or(7), 7);
    }
}

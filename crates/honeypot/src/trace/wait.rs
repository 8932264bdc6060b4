// SPDX-License-Identifier: Apache-2.0
//! Waits for records, or until something is asked of the thread that reads them: who leaves must not wait for who works.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use libbpf_rs::RingBuffer;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};

/// Wakes the thread that reads.
#[derive(Debug, Clone)]
pub(super) struct Bell(Arc<OwnedFd>);

impl Bell {
    pub(super) fn new() -> io::Result<Self> {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        Ok(Self(Arc::new(eventfd(0, flags)?)))
    }

    /// Whoever waits goes on; if nobody does, the next wait is short.
    pub(super) fn ring(&self) {
        // A counter that is full rings already.
        let _ = rustix::io::write(self.0.as_fd(), &1_u64.to_ne_bytes());
    }
}

/// What is waited for.
pub(super) struct Waiter {
    /// Another descriptor of what the ring buffer is polled by; none where it cannot be had.
    records: Option<OwnedFd>,
    bell: Bell,
}

impl Waiter {
    pub(super) fn new(ring: &RingBuffer<'_>, bell: &Bell) -> Self {
        let own = pidfd_open(getpid(), PidfdFlags::empty());
        let records =
            own.and_then(|own| pidfd_getfd(own, ring.epoll_fd(), PidfdGetfdFlags::empty()));
        Self { records: records.ok(), bell: bell.clone() }
    }

    /// Until there are records, the bell rings, or so much time is over.
    pub(super) fn wait(&self, ring: &RingBuffer<'_>, most: Duration) {
        let Some(records) = &self.records else {
            // Interrupted: the next turn reads on.
            let _ = ring.poll(most);
            return;
        };
        let mut waited =
            [PollFd::new(records, PollFlags::IN), PollFd::new(&*self.bell.0, PollFlags::IN)];
        let limit = Timespec::try_from(most).ok();
        let _ = poll(&mut waited, limit.as_ref());
        let _ = rustix::io::read(self.bell.0.as_fd(), &mut [0; 8]);
    }
}

// SPDX-License-Identifier: Apache-2.0
//! Hands contents over while others are still decoded: a thread of its own writes them to the parent.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::fd::AsFd;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};

use bytes::Bytes;
use kakoi_model::Digest;
use kakoi_unpack::Listener;

use super::Message;
use super::serve::tell;

/// Bytes that the pipe to the parent may hold: the most that anybody may ask for (pipe(7), `/proc/sys/fs/pipe-max-size`).
const PIPE: usize = 1 << 20;

/// Contents on their way; none ends it.
type Next = Option<(Digest, Bytes)>;

/// The thread that writes. Until [`Stream::end`] nothing else may be written to standard output.
pub(super) struct Stream {
    sender: Sender<Next>,
    writer: JoinHandle<io::Result<()>>,
}

impl Stream {
    /// Starts the thread: before system calls are given up.
    ///
    /// # Errors
    /// When there is no descriptor left.
    pub(super) fn start() -> io::Result<Self> {
        let (sender, receiver) = mpsc::channel();
        // The pipe itself: the standard library's handle looks for ends of lines in what it writes.
        let pipe = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        // A smaller pipe only makes it slower.
        let _ = rustix::pipe::fcntl_setpipe_size(&pipe, PIPE);
        Ok(Self { sender, writer: thread::spawn(move || write(&receiver, pipe)) })
    }

    /// What a store tells of its contents.
    pub(super) fn listener(&self) -> Listener {
        let sender = self.sender.clone();
        // When the thread has ended, its error is what counts: `end` gives it.
        Box::new(move |digest, content| drop(sender.send(Some((digest, content.clone())))))
    }

    /// Waits until everything that was told is written.
    ///
    /// # Errors
    /// When the parent does not read any more.
    pub(super) fn end(self) -> io::Result<()> {
        let _ = self.sender.send(None);
        self.writer.join().unwrap_or_else(|_| Err(io::Error::other("the writing thread panicked")))
    }
}

fn write(contents: &Receiver<Next>, pipe: File) -> io::Result<()> {
    let mut output = BufWriter::with_capacity(256 << 10, pipe);
    while let Ok(Some((digest, content))) = contents.recv() {
        tell(&mut output, &Message::Content { digest, size: content.len() as u64 })?;
        output.write_all(&content)?;
    }
    output.flush()
}

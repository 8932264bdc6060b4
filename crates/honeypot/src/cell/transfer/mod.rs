// SPDX-License-Identifier: Apache-2.0
//! File transfers of SSH for personas that have no program for them: the channel's process in the cell does what scp or
//! sftp-server would do, as the intruder's user, and its calls are recorded as those of such a program.

mod scp;
mod sftp;

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use rustix::process::{DumpableBehavior, set_dumpable_behavior};

use super::disguise;

/// What the subsystem `sftp` runs: dropbear's place for it (`SFTPSERVER_PATH` in its default_options.h).
pub(crate) const SFTP_SERVER: &str = "/usr/libexec/sftp-server";

/// Where shells look for programs.
const PLACES: [&str; 4] = ["/bin", "/sbin", "/usr/bin", "/usr/sbin"];

/// A transfer that is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::cell) enum Transfer {
    /// `scp -t` or `scp -f`.
    Scp(scp::Request),
    /// The subsystem.
    Sftp,
}

/// Is this command a transfer that the persona has no program for?
pub(super) fn asked(command: &str) -> Option<Transfer> {
    if command == SFTP_SERVER {
        return (!Path::new(SFTP_SERVER).exists()).then_some(Transfer::Sftp);
    }
    let request = scp::parse(command)?;
    let there = PLACES.iter().any(|place| Path::new(place).join("scp").exists());
    (!there).then_some(Transfer::Scp(request))
}

/// Serves it at the streams of this process. Gives the exit code.
pub(super) fn serve(transfer: &Transfer, command: &str) -> i32 {
    let words = command.replace(' ', "\0");
    let name = words.split('\0').next().and_then(|path| path.rsplit('/').next()).unwrap_or("scp");
    // A name that gives us away is better than no session.
    let _ = disguise::show_as(name, words.as_bytes());
    // The watcher reads the names of files from its memory. Meanwhile others of the cell may, too: it holds nothing of value.
    let _ = set_dumpable_behavior(DumpableBehavior::Dumpable);
    kakoi_kernel::declare(command.as_bytes());
    match run(transfer) {
        Ok(()) => 0,
        Err(_) => 1,
    }
}

/// As programs for files do: read, then write. (The library's own copying would splice, which tells the record nothing.)
fn copy(from: &mut impl Read, to: &mut impl Write) -> io::Result<u64> {
    let mut buffer = vec![0; 32 << 10];
    let mut all = 0;
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(all),
            count => {
                to.write_all(buffer.get(..count).unwrap_or_default())?;
                all += count as u64;
            }
        }
    }
}

fn run(transfer: &Transfer) -> io::Result<()> {
    let own = |stream: BorrowedFd<'_>| stream.try_clone_to_owned().map(File::from);
    let (input, output) = (std::io::stdin(), std::io::stdout());
    let mut input = BufReader::with_capacity(32 << 10, own(input.as_fd())?);
    let mut output = own(output.as_fd())?;
    match transfer {
        Transfer::Scp(request) => scp::serve(request, &mut input, &mut output),
        Transfer::Sftp => sftp::Server::default().serve(&mut input, &mut output),
    }
}

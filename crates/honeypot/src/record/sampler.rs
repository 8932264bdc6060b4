// SPDX-License-Identifier: Apache-2.0
//! The watcher of a cell whose calls are recorded by BPF: it stops processes only at the few calls that its filter hands
//! over, to take files before they are gone, and to put answers right that would give the honeypot away.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};

use kakoi_kernel::{CallStop, Halt, HandedCalls, Until, Watched};
use kakoi_model::Call;

use super::mask::Mask;
use super::redirect::{self, Redirect};
use super::samples::{self, Samples};
use super::task::Pending;
use super::{REFUSED, calls, decode};
use crate::cell::plan::Plan;

/// Watches one cell.
pub(crate) struct Sampler {
    samples: Samples,
    mask: Mask,
    redirect: Redirect,
    /// Calls whose return is of interest.
    pending: BTreeMap<Watched, Pending>,
    first: u32,
    events: BufWriter<File>,
}

/// What the watcher has to see; nothing, when it need not stop anybody.
pub(crate) fn handed(plan: &Plan) -> HandedCalls {
    HandedCalls {
        files: plan.sample_bytes > 0,
        answers: !Mask::new(plan).is_empty(),
        connections: redirect::port(plan).is_some(),
        links: Mask::new(plan).has_links(),
    }
}

impl Sampler {
    /// # Errors
    /// When the number is none of a process.
    pub(crate) fn new(first: u32, events: File, plan: &Plan) -> io::Result<Self> {
        let redirect = Redirect::new(plan, Watched::known(first)?);
        Ok(Self {
            redirect,
            samples: Samples::new(plan.sample_bytes),
            mask: Mask::new(plan),
            pending: BTreeMap::new(),
            first,
            events: BufWriter::with_capacity(4 << 10, events),
        })
    }

    /// Until nothing of the cell is left.
    pub(crate) fn run(mut self) -> io::Result<()> {
        let outcome = loop {
            match Watched::wait_any() {
                Ok((process, halt)) => {
                    if let Err(error) = self.halted(process, halt) {
                        // What is not kept is not let happen.
                        let _ = kakoi_kernel::kill(self.first);
                        break Err(error);
                    }
                }
                Err(_) => break Ok(()),
            }
        };
        let rest = self.samples.rest();
        samples::write(&mut self.events, rest)?;
        self.events.flush()?;
        outcome
    }

    fn halted(&mut self, process: Watched, halt: Halt) -> io::Result<()> {
        match halt {
            Halt::Ended(_) => {
                self.pending.remove(&process);
                Ok(())
            }
            Halt::Filtered => {
                let returns = self.entered(process)?;
                process.proceed(if returns { Until::Call } else { Until::Event }, 0)
            }
            Halt::Call => {
                self.returned(process);
                process.proceed(Until::Event, 0)
            }
            Halt::Signal(signal) => process.proceed(self.until(process), signal),
            Halt::Group => process.proceed(Until::Continued, 0),
            Halt::Became => {
                self.samples.begin(process);
                process.proceed(Until::Event, 0)
            }
            Halt::Made(_) | Halt::Other => process.proceed(self.until(process), 0),
        }
    }

    /// A call that made a process stops at that, and then goes on to its return if that is of interest.
    fn until(&self, process: Watched) -> Until {
        if self.pending.contains_key(&process) { Until::Call } else { Until::Event }
    }

    /// A call begins. Is its return of interest?
    fn entered(&mut self, process: Watched) -> io::Result<bool> {
        // It may have been killed meanwhile.
        let Ok(CallStop::Entry { number, arguments, .. }) = process.call() else {
            return Ok(false);
        };
        let Some(name) = calls::name_of(number) else { return Ok(false) };
        let decoded = decode::decode(process, name, &arguments);
        let call = Call { call: name.to_owned(), arguments: decoded, result: 0 };
        let taken = self.samples.before(&call);
        if !taken.is_empty() {
            samples::write(&mut self.events, taken)?;
            self.events.flush()?;
        }
        let skipped = self.mask.entered(process, name, &arguments);
        let led = self.redirect.entered(process, name, &arguments);
        let returns = led || skipped || self.mask.is_asked(name) || samples::writes(&call);
        if returns {
            let pending = Pending { call, arguments, line: 0, told: false, skipped };
            self.pending.insert(process, pending);
        }
        Ok(returns)
    }

    fn returned(&mut self, process: Watched) {
        self.redirect.returned(process);
        let Some(pending) = self.pending.remove(&process) else { return };
        let Ok(CallStop::Exit(result)) = process.call() else { return };
        if pending.skipped {
            let _ = process.set_result(REFUSED);
            return;
        }
        let result = self.mask.returned(process, &pending, result).unwrap_or(result);
        self.samples.opened(process, 0, &Call { result, ..pending.call });
    }
}

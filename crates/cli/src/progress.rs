// SPDX-License-Identifier: Apache-2.0
//! A progress bar on standard error, when that is a terminal.

use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Shows what a worker has read so far.
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A spinner: how much there is to read shows only on reading.
    pub fn start(quiet: bool) -> Self {
        let bar = ProgressBar::new_spinner();
        let target =
            if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        bar.set_draw_target(target);
        if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {msg}") {
            bar.set_style(style);
        }
        Self { bar }
    }

    /// Tells how far the worker is.
    pub fn update(&self, contents: u64, bytes: u64) {
        self.bar.set_message(format!("{contents} contents, {} read", HumanBytes(bytes)));
        self.bar.tick();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

// SPDX-License-Identifier: Apache-2.0
//! What a login shell shows first. It is the same at every login, so who only tries a password and leaves needs no cell:
//! what an earlier shell of that user showed is shown, and a cell is taken when the first byte is typed.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::timeout;

use crate::session::Outward;

/// Users whose greeting is kept.
const MOST_USERS: usize = 64;

/// Longest greeting in bytes.
const LONGEST: usize = 16 << 10;

/// How long a shell may take to its prompt when something was typed already.
const PATIENCE: Duration = Duration::from_secs(5);

/// By user, what a shell showed from its begin to its prompt.
#[derive(Debug, Default)]
pub(crate) struct Greetings(Mutex<HashMap<String, Vec<u8>>>);

impl Greetings {
    pub(crate) fn of(&self, user: &str) -> Option<Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(user).cloned()
    }

    fn keep(&self, user: &str, shown: &[u8]) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if ends_with_prompt(shown) && (all.len() < MOST_USERS || all.contains_key(user)) {
            all.insert(user.to_owned(), shown.to_vec());
        }
    }
}

/// Is a person asked to type now? A line editor's question for the cursor's place may follow.
fn ends_with_prompt(shown: &[u8]) -> bool {
    let shown = shown.strip_suffix(b"\x1b[6n").unwrap_or(shown);
    [b"# ", b"$ ", b"> "].iter().any(|end| shown.ends_with(*end))
}

/// What a shell shows until something is typed.
pub(super) struct Heard<'s> {
    greetings: &'s Greetings,
    user: &'s str,
    /// None: something was typed, or it is known already.
    shown: Mutex<Option<Vec<u8>>>,
}

impl<'s> Heard<'s> {
    pub(super) fn new(greetings: &'s Greetings, user: &'s str, typed: bool) -> Self {
        Self { greetings, user, shown: Mutex::new((!typed).then(Vec::new)) }
    }

    /// The shell showed this.
    pub(super) fn shows(&self, bytes: &[u8]) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shown) = shown.as_mut().filter(|shown| shown.len() < LONGEST) {
            shown.extend_from_slice(bytes);
        }
    }

    /// Something was typed, or the session is over. Gives what was shown up to a prompt at which nothing was typed.
    pub(super) fn ends(&self) -> Option<Vec<u8>> {
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        self.greetings.keep(self.user, &shown);
        ends_with_prompt(&shown).then_some(shown)
    }
}

/// Reads what was shown already. False: the shell is gone.
pub(super) async fn pass_over(shown: &[u8], output: &mut Outward) -> bool {
    let tail = shown.get(shown.len().saturating_sub(8)..).unwrap_or_default();
    let mut read = Vec::new();
    let all = async {
        while read.len() < shown.len() || !read.ends_with(tail) {
            match output.read().await {
                Some(bytes) => read.extend_from_slice(&bytes),
                None => return false,
            }
        }
        true
    };
    // A shell that shows something else this time has a prompt all the same.
    timeout(PATIENCE, all).await.unwrap_or(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_ends_with_a_prompt_is_shown_again() {
        let greetings = Greetings::default();
        let heard = Heard::new(&greetings, "root", false);
        heard.shows(b"\r\nBusyBox\r\n");
        heard.shows(b"~ # \x1b[6n");
        assert!(heard.ends().is_some());
        heard.shows(b"ls");
        assert_eq!(greetings.of("root").as_deref(), Some(&b"\r\nBusyBox\r\n~ # \x1b[6n"[..]));
        let cut = Heard::new(&greetings, "admin", false);
        cut.shows(b"\r\nBusy");
        assert_eq!(cut.ends(), None);
        assert_eq!(greetings.of("admin"), None);
        let typed = Heard::new(&greetings, "user", true);
        typed.shows(b"# ");
        assert_eq!(typed.ends(), None);
        assert_eq!(greetings.of("user"), None);
    }
}

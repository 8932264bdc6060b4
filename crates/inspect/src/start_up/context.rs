// SPDX-License-Identifier: Apache-2.0
//! From where, how surely and as whom something starts.

use std::rc::Rc;

use kakoi_model::{Evidence, StartCertainty, StartMechanism, StartUp};

use super::shell::Script;
use crate::Root;

/// One step of a chain, with those before it.
#[derive(Debug)]
pub(super) struct Link {
    evidence: Evidence,
    before: Option<Rc<Link>>,
}

/// From where, how surely and as whom something starts.
#[derive(Debug, Clone)]
pub(super) struct Context {
    pub(super) chain: Option<Rc<Link>>,
    pub(super) mechanism: StartMechanism,
    pub(super) certainty: StartCertainty,
    pub(super) user: String,
    /// Does the next program stay?
    pub(super) service: bool,
    /// The port on which inetd or systemd listens for it.
    pub(super) port: Option<String>,
}

impl Context {
    /// The kernel, about to start init.
    pub(super) fn of_kernel() -> Self {
        Self {
            chain: None,
            mechanism: StartMechanism::Kernel,
            certainty: StartCertainty::Always,
            user: "root".to_owned(),
            service: false,
            port: None,
        }
    }

    /// What goes on from a start-up that is known already.
    pub(super) fn after(known: &StartUp) -> Self {
        let mut chain = None;
        for evidence in &known.chain {
            chain = Some(Rc::new(Link { evidence: evidence.clone(), before: chain }));
        }
        Self { chain, user: known.user.clone(), ..Self::of_kernel() }
    }

    /// What goes on inside a script that was started.
    pub(super) fn inside_script(&self) -> Self {
        let mechanism = match self.mechanism {
            StartMechanism::Inittab | StartMechanism::Kernel => StartMechanism::RcScript,
            other => other,
        };
        Self { mechanism, service: false, port: None, ..self.clone() }
    }

    /// The same, one step further.
    pub(super) fn with(&self, evidence: Evidence) -> Self {
        let mut next = self.clone();
        let same = next.chain.as_ref().is_some_and(|link| link.evidence == evidence);
        if !same {
            next.chain = Some(Rc::new(Link { evidence, before: self.chain.clone() }));
        }
        next
    }

    /// The same, from a line of a script.
    pub(super) fn step(self, root: &Root<'_>, script: &Script, line: u32) -> Self {
        let number = line as usize;
        let text = script.text.lines().nth(number.saturating_sub(1)).unwrap_or_default().trim();
        let evidence = Evidence::new("starts the next step")
            .in_file(root.place(&script.path))
            .on_line(number)
            .with_excerpt(text.as_bytes());
        self.with(evidence)
    }

    /// The same, no surer than this.
    pub(super) fn at_most(mut self, certainty: StartCertainty) -> Self {
        self.certainty = self.certainty.max(certainty);
        self
    }

    /// The same, by another mechanism.
    pub(super) fn by(mut self, mechanism: StartMechanism) -> Self {
        self.mechanism = mechanism;
        self
    }

    /// The steps from init on.
    pub(super) fn chain(&self) -> Vec<Evidence> {
        let mut steps = Vec::new();
        let mut link = self.chain.as_ref();
        while let Some(step) = link {
            steps.push(step.evidence.clone());
            link = step.before.as_ref();
        }
        steps.reverse();
        steps
    }
}

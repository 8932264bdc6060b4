// SPDX-License-Identifier: Apache-2.0
//! In a cell every address is its own, so a service that listens at port 80 of all of them would answer what an intruder fetches
//! from elsewhere at that port. Connections to other addresses go to the sinkhole instead, which listens at another port
//! meanwhile: the port is changed as the call begins, and changed back when it has returned.

use std::collections::BTreeMap;

use kakoi_kernel::Watched;
use kakoi_model::Argument;

use crate::cell::network::{STAND_IN_PORT, is_sink};
use crate::cell::plan::Plan;

/// Which connections to lead elsewhere.
pub(crate) struct Redirect {
    /// Of the service, if the sinkhole wants it too.
    port: Option<u16>,
    /// Process 1, whose connections are those to the service.
    first: Watched,
    /// Where ports were changed.
    changed: BTreeMap<Watched, u64>,
}

impl Redirect {
    pub(crate) fn new(plan: &Plan, first: Watched) -> Self {
        Self { port: port(plan), first, changed: BTreeMap::new() }
    }

    /// A call begins. Is its return of interest?
    pub(crate) fn entered(&mut self, process: Watched, name: &str, arguments: &[u64; 6]) -> bool {
        let Some(port) = self.port.filter(|_| name == "connect" && process != self.first) else {
            return false;
        };
        let [_, address, length, ..] = *arguments;
        // struct sockaddr_in (ip(7)): family, port and address, the latter two in network order.
        let bytes = process.read(address, usize::try_from(length).unwrap_or(0).min(8));
        let [a, b, c, d, host @ ..] = bytes.as_slice() else { return false };
        let leads_out = [*a, *b] == 2_u16.to_ne_bytes()
            && [*c, *d] == port.to_be_bytes()
            && !matches!(host.first(), None | Some(0 | 127));
        let place = address.wrapping_add(2);
        let leads = leads_out && process.write(place, &STAND_IN_PORT.to_be_bytes()).is_ok();
        if leads {
            self.changed.insert(process, place);
        }
        leads
    }

    /// A call returned.
    pub(crate) fn returned(&mut self, process: Watched) {
        if let (Some(place), Some(port)) = (self.changed.remove(&process), self.port) {
            let _ = process.write(place, &port.to_be_bytes());
        }
    }
}

/// The port at which connections are led elsewhere.
pub(crate) fn port(plan: &Plan) -> Option<u16> {
    let service = plan.service.as_ref().filter(|_| plan.sinkhole)?;
    is_sink(service.port).then_some(service.port)
}

/// Puts the port that a program asked for into the record of a connection.
pub(crate) fn tell_as_asked(port: u16, arguments: &mut BTreeMap<String, Argument>) {
    let stand_in = format!(":{STAND_IN_PORT}");
    if let Some(Argument::Text(address)) = arguments.get_mut("address")
        && let Some(host) = address.strip_suffix(&stand_in).filter(|_| port != 0)
    {
        *address = format!("{host}:{port}");
    }
}

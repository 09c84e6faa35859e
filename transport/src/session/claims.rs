//! Claims: which peer was asked for which log, so that neighbours do not send the same twice.

use std::collections::BTreeMap;

use engine::ids::{DeviceId, Log};

use crate::env::Instant;

/// Logs that some peer was asked for, until when.
#[derive(Debug, Clone, Default)]
pub struct Claims(BTreeMap<Log, (DeviceId, Instant)>);

impl Claims {
    /// Lets `peer` be asked for `log` until then, unless another peer is being asked.
    pub fn claim(&mut self, log: &Log, peer: DeviceId, now: Instant, until: Instant) -> bool {
        let free = self.0.get(log).is_none_or(|(holder, end)| *holder == peer || *end <= now);
        if free {
            self.0.insert(*log, (peer, until));
        }
        free
    }

    /// What `peer` was asked for is arriving: nobody else need be asked until then.
    pub fn renew(&mut self, log: &Log, peer: DeviceId, until: Instant) {
        if let Some((holder, end)) = self.0.get_mut(log)
            && *holder == peer
        {
            *end = until;
        }
    }

    /// `peer` need not be asked any more, or was asked in vain. Returns whether it was asked.
    pub fn release(&mut self, log: &Log, peer: DeviceId) -> bool {
        let held = self.0.get(log).is_some_and(|(holder, _)| *holder == peer);
        if held {
            self.0.remove(log);
        }
        held
    }

    /// `peer` is gone.
    pub fn release_all(&mut self, peer: DeviceId) {
        self.0.retain(|_, (holder, _)| *holder != peer);
    }
}

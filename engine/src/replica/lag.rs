//! Lag: how far a peer and this replica are apart.

use super::Replica;
use crate::ids::DeviceId;
use crate::log::vector::VersionVector;
use crate::store::ReadError;

/// How far a peer is behind, and ahead.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lag {
    /// Events held here, that the peer may hold and is not known to.
    pub behind: u64,
    /// Logs of which the peer holds something that is not here.
    pub ahead: u64,
}

impl Replica {
    /// The lag between this replica and a peer that holds `theirs`.
    pub fn lag(&self, peer: &DeviceId, theirs: &VersionVector) -> Result<Lag, ReadError> {
        let mut lag = Lag::default();
        for (log, leaves) in &self.vector.0 {
            let known = theirs.leaves(log);
            if !self.rights.may_read(peer, log) || leaves == known {
                continue;
            }
            for run in self.missing(log, known)? {
                lag.behind += run.to.seq - run.after.seq;
            }
        }
        for (log, leaves) in &theirs.0 {
            let mut all = true;
            for leaf in leaves {
                all &= self.holds(log, leaf)?;
            }
            lag.ahead += u64::from(!all && self.rights.may_read(&self.device(), log));
        }
        Ok(lag)
    }

    /// Events durably held. Where a log forked, shared ancestors count once.
    pub fn event_count(&self) -> Result<u64, ReadError> {
        let mut count = 0;
        for (log, leaves) in &self.vector.0 {
            match leaves.as_slice() {
                [] => {}
                [leaf] => count += leaf.seq,
                _ => {
                    for run in self.missing(log, &[])? {
                        count += run.to.seq - run.after.seq;
                    }
                }
            }
        }
        Ok(count)
    }
}

//! A replica: the events that one device holds, and the books folded from them.
//!
//! Stalls and controls run the same replica. It decides nothing about business and talks to
//! nobody: [`append`] takes the device's own facts, [`admit`] takes verified segments of others,
//! and both end in one batch that the caller makes durable. Until [`Replica::committed`] is called
//! nothing of a batch is shown to peers.

pub mod admit;
pub mod append;
pub mod arrivals;
pub mod at_risk;
pub mod catalogue;
pub mod documents;
pub mod forks;
pub mod history;
pub mod lag;
pub mod lanes;
pub mod open;
pub mod overlay;
pub mod own;
pub mod own_book;
pub mod query;
pub mod rebuild;
pub mod rights;
pub mod span;
pub mod statement;
pub mod verify;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crate::authority::Rights;
use crate::clock::Clock;
use crate::event::codec::Generation;
use crate::ids::{DeviceId, Epoch, Log, LogId, TenantId, Tip};
use crate::log::segment::Verified;
use crate::log::vector::VersionVector;
use crate::sign::Keypair;
use crate::store::{Batch, ReadError, Row, Store};
use overlay::Overlay;
use span::Span;

/// One device's copy of the tenant's logs.
pub struct Replica {
    key: Keypair,
    epoch: Epoch,
    rows: Overlay,
    rights: Rights,
    clock: Clock,
    logs: BTreeMap<LogId, LogState>,
    /// What the store durably has.
    vector: VersionVector,
    in_flight: VecDeque<InFlight>,
    dirty: BTreeSet<LogId>,
    /// Events counted so far, pending ones included.
    arrived: u64,
    staged: BTreeMap<(LogId, Tip), Vec<Verified>>,
    staged_count: usize,
    staged_bytes: usize,
    generation: Generation,
    rebuild: rebuild::Rebuild,
    /// Whether a charter came that forfeits were not held against yet.
    recount_due: bool,
    #[cfg(feature = "catalogue")]
    catalogues: BTreeMap<crate::ids::Scope, catalogue::Shelf>,
}

/// What is kept in memory of a log.
pub(crate) struct LogState {
    log: Log,
    leaves: BTreeMap<Tip, Leaf>,
    /// The parents on which each epoch opens; more than one only when a live machine was cloned.
    parents: BTreeMap<Epoch, Vec<Tip>>,
    /// Epochs in which the log forked, where a seq does not name one event.
    split: BTreeSet<Epoch>,
    /// The last event that this disk appended.
    own: Option<Tip>,
    /// Events since the last signed head of the own branch.
    open: Span,
}

/// What is kept of a leaf.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Leaf {
    /// Minor units at stake on its branch, summed from the beginning.
    stake: i64,
    /// Where the last kept head stands and how much lies between it and the one before.
    head: Option<(Tip, Span)>,
}

struct InFlight {
    generation: u64,
    leaves: Vec<(Log, Vec<Tip>)>,
}

impl LogState {
    fn new(log: Log) -> Self {
        Self {
            log,
            leaves: BTreeMap::new(),
            parents: BTreeMap::new(),
            split: BTreeSet::new(),
            own: None,
            open: Span::default(),
        }
    }

    fn tips(&self) -> Vec<Tip> {
        self.leaves.keys().copied().collect()
    }
}

impl Replica {
    /// This device.
    pub fn device(&self) -> DeviceId {
        self.key.device()
    }

    /// The epoch of this start.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The tenant.
    pub fn tenant(&self) -> TenantId {
        self.rights.tenant()
    }

    /// The rights known here.
    pub fn rights(&self) -> &Rights {
        &self.rights
    }

    /// The hybrid logical clock at `wall_ms`, in milliseconds since 1970: it does not follow a wall
    /// clock that was set back.
    pub fn clock_ms(&self, wall_ms: u64) -> u64 {
        self.clock.wall_ms(wall_ms)
    }

    /// What the store durably has.
    pub fn vector(&self) -> &VersionVector {
        &self.vector
    }

    /// The committed state.
    pub fn store(&self) -> &Arc<dyn Store> {
        self.rows.store()
    }

    /// The device's key, to sign receipts and grants with.
    pub fn key(&self) -> &Keypair {
        &self.key
    }

    /// Whether anything waits for [`Replica::close`].
    pub fn has_pending(&self) -> bool {
        self.rows.is_open()
    }

    /// Adds a row of the daemon's own to the open batch; see `keys::local`.
    pub fn set_local(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) {
        self.rows.set(key, value);
    }

    /// A row of the daemon's own, pending or committed.
    pub fn local(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ReadError> {
        self.rows.get(key)
    }

    /// Every row of a daemon's table, pending or committed.
    pub fn local_rows(&self, table: u8) -> Result<Vec<Row>, ReadError> {
        self.rows.collect(&crate::keys::local_table(table))
    }

    /// Closes the open groups under signed heads and returns the batch that holds everything since
    /// the last close. The caller writes it, in order, and then says [`Replica::committed`].
    pub fn close(&mut self) -> Result<Batch, ReadError> {
        self.mirror_catalogues()?;
        self.recount_forfeits()?;
        let own: Vec<LogId> =
            self.dirty.iter().filter(|id| self.logs[id].open.events > 0).copied().collect();
        for id in own {
            self.sign_head(&id);
        }
        let (generation, batch) = self.rows.close()?;
        let dirty = std::mem::take(&mut self.dirty);
        let leaves = dirty.iter().map(|id| (self.logs[id].log, self.logs[id].tips())).collect();
        self.in_flight.push_back(InFlight { generation, leaves });
        Ok(batch)
    }

    /// The oldest batch is durable. Returns the logs whose leaves moved.
    pub fn committed(&mut self) -> Vec<Log> {
        let Some(InFlight { generation, leaves }) = self.in_flight.pop_front() else {
            return Vec::new();
        };
        self.rows.committed(generation);
        let logs = leaves.iter().map(|(log, _)| *log).collect();
        for (log, tips) in leaves {
            self.vector.set(log, tips);
        }
        logs
    }
}

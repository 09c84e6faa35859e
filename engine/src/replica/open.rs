//! Opening a replica: what is kept in memory is read back from the store.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use thiserror::Error;

use super::overlay::Overlay;
use super::{Leaf, LogState, Replica};
use crate::authority::{DocumentError, Rights, SignedDocument};
use crate::clock::{Clock, Hlc};
use crate::event::codec::{self, CodecError, Generation};
use crate::ids::{Epoch, LOG_BYTES, Log, TenantId, Tip};
use crate::keys;
use crate::log::vector::VersionVector;
use crate::sign::Keypair;
use crate::store::{ReadError, Store, WriteError};

/// Why a replica cannot be opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The store cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The order of arrival could not be counted anew.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A row is not what the layout says.
    #[error("the {0} row in the data directory is garbled; restore the directory or join anew")]
    Garbled(&'static str),
    /// A stored document no longer checks out.
    #[error("a document in the data directory does not hold: {0}; restore the directory")]
    Document(#[from] DocumentError),
    /// A stored document does not decode.
    #[error(transparent)]
    Codec(#[from] CodecError),
}

impl Replica {
    /// Opens the replica of `key`'s device in `tenant`. `epoch` was drawn fresh for this start and
    /// names the branches that it will append to.
    pub fn open(
        key: Keypair,
        tenant: TenantId,
        epoch: Epoch,
        store: Arc<dyn Store>,
    ) -> Result<Self, OpenError> {
        Self::open_as(Generation::CURRENT, key, tenant, epoch, store)
    }

    /// Opens it as a program of an earlier generation would, which knows fewer kinds. For tests and
    /// simulations of mixed versions.
    pub fn open_as(
        generation: Generation,
        key: Keypair,
        tenant: TenantId,
        epoch: Epoch,
        store: Arc<dyn Store>,
    ) -> Result<Self, OpenError> {
        let mut replica = Self {
            key,
            epoch,
            rows: Overlay::new(store),
            rights: Rights::new(tenant),
            clock: Clock::default(),
            logs: BTreeMap::new(),
            vector: VersionVector::default(),
            in_flight: VecDeque::new(),
            dirty: BTreeSet::new(),
            arrived: 0,
            staged: BTreeMap::new(),
            staged_count: 0,
            staged_bytes: 0,
            generation,
            rebuild: Default::default(),
            #[cfg(feature = "catalogue")]
            catalogues: BTreeMap::new(),
        };
        replica.read_rights()?;
        replica.read_logs()?;
        replica.plan_rebuild()?;
        replica.load_catalogues()?;
        replica.resume_arrivals()?;
        if let Some(bytes) = replica.rows.get(&keys::clock())? {
            let bytes = bytes.try_into().map_err(|_| OpenError::Garbled("clock"))?;
            replica.clock = Clock::resume(Hlc(u64::from_be_bytes(bytes)));
        }
        Ok(replica)
    }

    fn read_rights(&mut self) -> Result<(), OpenError> {
        let document = |bytes: &[u8]| codec::decode::<SignedDocument>("a document row", bytes);
        if let Some(bytes) = self.rows.get(&keys::charter())? {
            self.rights.charter_seen(&document(&bytes)?)?;
        }
        for (_, bytes) in self.rows.collect(&keys::grants())? {
            self.rights.grant_restored(&document(&bytes)?)?;
        }
        for (_, bytes) in self.rows.collect(&keys::revocations())? {
            self.rights.revocation_restored(&document(&bytes)?)?;
        }
        Ok(())
    }

    fn read_logs(&mut self) -> Result<(), OpenError> {
        for (_, bytes) in self.rows.collect(&keys::logs())? {
            let bytes = <[u8; LOG_BYTES]>::try_from(bytes.as_slice());
            let log = bytes.ok().and_then(|bytes| Log::from_bytes(&bytes));
            let log = log.ok_or(OpenError::Garbled("log"))?;
            let state = self.read_log(log)?;
            self.vector.set(log, state.tips());
            self.logs.insert(log.id(), state);
        }
        Ok(())
    }

    fn read_log(&self, log: Log) -> Result<LogState, OpenError> {
        let id = log.id();
        let mut state = LogState::new(log);
        for (_, bytes) in self.rows.collect(&keys::leaves(&id))? {
            let (tip, stake) = read_leaf(&bytes).ok_or(OpenError::Garbled("leaf"))?;
            state.leaves.insert(tip, Leaf { stake, head: None });
        }
        for (key, bytes) in self.rows.collect(&keys::bases(&id))? {
            let epoch = keys::read_base(&key).ok_or(OpenError::Garbled("base"))?;
            let parent = keys::read_tip(&bytes).ok_or(OpenError::Garbled("base"))?;
            state.parents.entry(epoch).or_default().push(parent);
        }
        for (_, bytes) in self.rows.collect(&keys::forks_of(&id))? {
            let parent = keys::read_tip(&bytes).ok_or(OpenError::Garbled("fork"))?;
            self.read_split(&mut state, &parent)?;
        }
        if let Some(bytes) = self.rows.get(&keys::own(&id))? {
            state.own = Some(keys::read_tip(&bytes).ok_or(OpenError::Garbled("own"))?);
        }
        state.split.extend(state.parents.iter().filter(|(_, p)| p.len() > 1).map(|(e, _)| *e));
        Ok(state)
    }

    /// Marks the epochs in which the fork at `parent` has two sides: its own, or one that opened
    /// on it twice.
    fn read_split(&self, state: &mut LogState, parent: &Tip) -> Result<(), ReadError> {
        let opened = state.parents.iter().filter(|(_, parents)| parents.contains(parent));
        let epochs = opened.map(|(epoch, _)| *epoch).chain([parent.epoch]);
        let mut split = Vec::new();
        for epoch in epochs {
            let sides = keys::events(&state.log.id(), epoch, parent.seq + 1, parent.seq + 1);
            if self.rows.collect(&sides)?.len() > 1 {
                split.push(epoch);
            }
        }
        state.split.extend(split);
        Ok(())
    }
}

/// `tip 48 | stake i64 BE`
pub(super) fn leaf_bytes(tip: &Tip, stake: i64) -> Vec<u8> {
    [keys::tip_bytes(tip).as_slice(), &stake.to_be_bytes()].concat()
}

/// Reads what [`leaf_bytes`] wrote.
pub(super) fn read_leaf(bytes: &[u8]) -> Option<(Tip, i64)> {
    let (tip, stake) = bytes.split_first_chunk::<48>()?;
    Some((keys::read_tip(tip)?, i64::from_be_bytes(stake.try_into().ok()?)))
}

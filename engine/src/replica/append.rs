//! The device's own facts: the end of the chain of its own branch.

use thiserror::Error;

use super::Replica;
use super::span::Span;
use crate::clock::Hlc;
use crate::event::codec::{self, CodecError};
use crate::event::{EpochOpened, Event, Payload};
use crate::ids::{EventId, Lane, Log, LogId, Scope, Tip};
use crate::keys;
use crate::log::chain;
use crate::store::ReadError;

use super::span::event_id;

/// Why a fact was not appended. Nothing was written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AppendError {
    /// The device's grant does not cover the log.
    #[error(
        "this device may not write the {lane:?} lane of {scope}; ask for a grant that covers it"
    )]
    NotGranted {
        /// The scope.
        scope: Scope,
        /// The lane.
        lane: Lane,
    },
    /// The event is too large.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// The store cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl Replica {
    /// The log that this device appends to.
    pub fn own_log(&self, scope: Scope, lane: Lane) -> Log {
        Log { tenant: self.tenant(), device: self.device(), scope, lane }
    }

    /// Appends a fact to the device's own log and folds it. It is durable once the batch of the
    /// next [`Replica::close`] is.
    pub fn append(
        &mut self,
        scope: Scope,
        lane: Lane,
        payload: Payload,
        wall_ms: u64,
    ) -> Result<EventId, AppendError> {
        let log = self.own_log(scope, lane);
        if !self.rights.may_write(&log) {
            return Err(AppendError::NotGranted { scope, lane });
        }
        let id = log.id();
        let parent = self.own_end(&id).unwrap_or(Tip::ROOT);
        let opens = parent == Tip::ROOT || parent.epoch != self.epoch;
        let opened = opens.then(|| self.clock.tick(wall_ms));
        let hlc = self.clock.tick(wall_ms);
        let event = Event { hlc, payload, ext: Vec::new() };
        let bytes = codec::encode_event(&event)?;
        self.log_state(&log).own = Some(parent);
        if let Some(hlc) = opened {
            self.open_epoch(&id, &parent, hlc)?;
        }
        let tip = self.extend(&id, &bytes, &event)?;
        self.rows.set(keys::clock(), Some(hlc.0.to_be_bytes().to_vec()));
        Ok(event_id(&id, &tip))
    }

    /// Where the own branch ends: the last event that this disk appended, or the highest leaf where
    /// the log was rebuilt from peers.
    pub(super) fn own_end(&self, id: &LogId) -> Option<Tip> {
        let state = self.logs.get(id)?;
        let highest = || state.leaves.keys().max_by_key(|tip| (tip.seq, tip.hash)).copied();
        state.own.or_else(highest)
    }

    /// Opens this start's epoch on `parent`.
    fn open_epoch(&mut self, id: &LogId, parent: &Tip, hlc: Hlc) -> Result<(), AppendError> {
        let opened = EpochOpened {
            parent_epoch: parent.epoch,
            parent_seq: parent.seq,
            parent_hash: parent.hash,
        };
        let event = Event { hlc, payload: Payload::EpochOpened(opened), ext: Vec::new() };
        let bytes = codec::encode_event(&event)?;
        self.extend(id, &bytes, &event)?;
        Ok(())
    }

    /// Adds one event to the own branch, first closing the group that it does not fit in.
    fn extend(&mut self, id: &LogId, bytes: &[u8], event: &Event) -> Result<Tip, AppendError> {
        let added = Span { events: 1, bytes: bytes.len() };
        let open = self.logs[id].open;
        if open.events > 0 && !open.and(added).fits() {
            self.sign_head(id);
        }
        let state = self.logs.get_mut(id).expect("invariant: the log has a state");
        let parent = state.own.unwrap_or(Tip::ROOT);
        let start = chain::start(&state.log, self.epoch, &parent);
        let hash = chain::link(&start, &chain::content(bytes));
        let tip = Tip { epoch: self.epoch, seq: parent.seq + 1, hash };
        state.own = Some(tip);
        state.open = state.open.and(added);
        self.rows.set(keys::own(id), Some(keys::tip_bytes(&tip).to_vec()));
        self.join(id, &parent, &tip, bytes, event)?;
        Ok(tip)
    }

    /// The event of this log's own branch that bears an idempotency key.
    pub fn bearer(
        &self,
        scope: Scope,
        key: &crate::event::sale::Key,
    ) -> Result<Option<EventId>, ReadError> {
        let id = self.own_log(scope, Lane::Ledger).id();
        for (row, _) in self.rows.collect(&keys::bearers(&id, key))? {
            let Some(bearer) = keys::read_bearer(&id, &row) else { continue };
            if self.is_own(scope, &bearer)? {
                return Ok(Some(bearer));
            }
        }
        Ok(None)
    }

    /// Whether an event lies on this device's own branch of a ledger, ancestors included. Events
    /// of a clone of its disk do not.
    pub fn is_own(&self, scope: Scope, event: &EventId) -> Result<bool, ReadError> {
        let id = self.own_log(scope, Lane::Ledger).id();
        let end = self.own_end(&id).map(|end| event_id(&id, &end));
        end.map_or(Ok(false), |end| self.is_ancestor(event, &end))
    }
}

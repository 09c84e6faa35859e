//! Commit groups and which signed heads are kept.
//!
//! A head closes each group. A later head replaces an earlier one as long as no gap opens that is
//! larger than a group may be: a backlog of a thousand single sales keeps a handful of heads.

use super::Replica;
use crate::ids::{EventId, LogId, Tip};
use crate::keys;
use crate::limits::{GROUP_BYTES_MAX, GROUP_EVENTS_MAX};
use crate::log::head;
use crate::store::ReadError;

/// A stretch of a branch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    /// Events in it.
    pub events: usize,
    /// Their canonical bytes.
    pub bytes: usize,
}

impl Span {
    /// The two stretches as one.
    pub fn and(self, other: Self) -> Self {
        Self { events: self.events + other.events, bytes: self.bytes + other.bytes }
    }

    /// Whether one group may hold it.
    pub fn fits(self) -> bool {
        self.events <= GROUP_EVENTS_MAX && self.bytes <= GROUP_BYTES_MAX
    }
}

impl Replica {
    /// Signs the head of the own branch of a log, and closes its group.
    pub(super) fn sign_head(&mut self, id: &LogId) {
        let state = self.logs.get_mut(id).expect("invariant: a dirty log has a state");
        let Some(tip) = state.own else { return };
        let span = std::mem::take(&mut state.open);
        let signature = head::sign(&self.key, &state.log, &tip);
        self.rows.set(keys::head(&event_id(id, &tip)), Some(signature.0.to_vec()));
        self.replace_head(id, &tip, span);
    }

    /// Notes that a head stands at the leaf `tip`, `span` after the one before it, and drops that
    /// one if no too large gap opens.
    pub(super) fn replace_head(&mut self, id: &LogId, tip: &Tip, span: Span) {
        let state = self.logs.get_mut(id).expect("invariant: a dirty log has a state");
        let Some(leaf) = state.leaves.get_mut(tip) else { return };
        let merged = leaf.head.map(|(before, gap)| (before, gap.and(span)));
        match merged {
            // A segment never crosses an epoch, so each epoch keeps a head of its own at its end.
            Some((before, gap)) if gap.fits() && before.epoch == tip.epoch && before != *tip => {
                leaf.head = Some((*tip, gap));
                self.rows.set(keys::head(&event_id(id, &before)), None);
            }
            _ => leaf.head = Some((*tip, span)),
        }
    }

    /// Whether a place has a kept head, pending or committed.
    pub(super) fn has_head(&self, id: &LogId, tip: &Tip) -> Result<bool, ReadError> {
        Ok(self.rows.get(&keys::head(&event_id(id, tip)))?.is_some())
    }
}

/// The id of the event at `tip`.
pub fn event_id(log: &LogId, tip: &Tip) -> EventId {
    EventId { log: *log, epoch: tip.epoch, seq: tip.seq, hash: tip.hash.short() }
}

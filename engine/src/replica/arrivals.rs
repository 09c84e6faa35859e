//! The order in which events arrived at this replica, for feeds that go on where they stopped.
//!
//! Each event is counted in the batch that brings it. Another replica has another order, so the
//! index is local: it is in no digest, and it is never sent. A feed's id names one counting; it
//! changes when the index has to be built anew, and then no earlier count means anything.
//!
//! ```text
//! feed row      0x18                        epoch 8, of the start that began to count
//! arrival row   0x18 | count u64 BE, from 1  log id 16 | epoch 8 | seq 8 | short hash 16
//! ```

use std::ops::ControlFlow;

use super::Replica;
use super::open::OpenError;
use crate::ids::{Epoch, EventId};
use crate::keys;
use crate::store::{Batch, Read, ReadError};

/// Rows of one batch while the index is built.
const BATCH_ROWS: usize = 16_384;

/// A counting of arrivals, and how far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Feed {
    /// Names the counting.
    pub id: u64,
    /// The count of the last event; 0 when none has arrived.
    pub last: u64,
}

/// The counting of a view; `None` before the replica was opened.
pub fn feed(store: &dyn Read) -> Result<Option<Feed>, ReadError> {
    let Some(id) = store.get(&keys::feed())? else { return Ok(None) };
    let id = id.try_into().map(u64::from_be_bytes);
    let id = id.map_err(|_| ReadError::Device("the feed row is garbled".to_owned()))?;
    Ok(Some(Feed { id, last: last(store)? }))
}

/// The events that arrived after the first `count`, oldest first, at most `limit` of them.
pub fn after(store: &dyn Read, count: u64, limit: usize) -> Result<Vec<(u64, EventId)>, ReadError> {
    let mut out = Vec::new();
    let (from, to) = keys::arrivals_after(count);
    store.scan(&from, &to, &mut |key, row| {
        if out.len() == limit {
            return ControlFlow::Break(());
        }
        out.extend(keys::read_arrival(key).zip(keys::read_arrived(row)));
        ControlFlow::Continue(())
    })?;
    Ok(out)
}

/// The event with this count.
pub fn at(store: &dyn Read, count: u64) -> Result<Option<EventId>, ReadError> {
    let row = store.get(&keys::arrival(count))?;
    Ok(row.as_deref().and_then(keys::read_arrived))
}

fn last(store: &dyn Read) -> Result<u64, ReadError> {
    let (from, to) = keys::arrivals_after(0);
    let row = store.last(&from, &to)?;
    Ok(row.and_then(|(key, _)| keys::read_arrival(&key)).unwrap_or(0))
}

impl Replica {
    /// Counts an event that joins its log.
    pub(super) fn arrive(&mut self, id: &EventId) {
        self.arrived += 1;
        self.rows.set(keys::arrival(self.arrived), Some(keys::arrived(id)));
    }

    /// Goes on counting where the store stopped. A store that does not count every event, as one
    /// of an earlier version, is counted anew, in the order of its keys.
    pub(super) fn resume_arrivals(&mut self) -> Result<(), OpenError> {
        let events = self.event_count()?;
        let store = self.store().clone();
        if feed(store.as_ref())?.is_none_or(|feed| feed.last != events) {
            self.count_anew()?;
        }
        self.arrived = last(store.as_ref())?;
        Ok(())
    }

    /// The feed's row is gone until the index is whole, so a crash in between is noticed.
    fn count_anew(&self) -> Result<(), OpenError> {
        let store = self.store();
        let mut batch = Batch::default();
        batch.delete(keys::feed());
        let (mut rows, mut count) = (1, 0);
        for range in [keys::arrivals_after(0), keys::all_events()] {
            let mut failed = None;
            store.scan(&range.0, &range.1, &mut |key, _| {
                match keys::read_event_id(key) {
                    None => batch.delete(key.to_vec()),
                    Some(id) => {
                        count += 1;
                        batch.put(keys::arrival(count), keys::arrived(&id));
                    }
                }
                rows += 1;
                if rows % BATCH_ROWS == 0 {
                    failed = store.write(&std::mem::take(&mut batch)).err();
                }
                if failed.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })?;
            if let Some(error) = failed {
                return Err(error.into());
            }
        }
        let Epoch(id) = self.epoch;
        batch.put(keys::feed(), id.to_be_bytes().to_vec());
        Ok(store.write(&batch)?)
    }
}

//! The book of the stall's own branch at an earlier place: what a stock-take is held against.
//!
//! The rows say what the whole ledger moved, copies of the disk included. So the book at a place is
//! the rows less everything that does not lie at or before it on its branch. That is what moved
//! since the counting began, and what copies did; it is bounded, so that no count holds up a till.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use super::history::Run;
use super::lanes::{StoredEvent, garbled};
use super::span::event_id;
use super::{LogState, Replica};
use crate::event::{Payload, codec};
use crate::ids::{Epoch, EventId, Lane, Scope, Tip};
use crate::keys;
use crate::limits::{COUNT_EVENTS_MAX, REBUILD_EVENTS_MAX};
use crate::projections::stock::{self, Held};
use crate::projections::{self, Books, Origin, reversals};
use crate::store::ReadError;

/// A place on the stall's own branch of its ledger: an event and all before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place {
    /// The epoch of the event.
    pub epoch: Epoch,
    /// Its sequence number; 0 before the first event.
    pub seq: u64,
}

/// Why there is no book at a place.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BookError {
    /// The place is not on the branch that this disk goes on with.
    #[error(
        "event {seq} of epoch {epoch} is not on this stall's own branch, because its disk was \
         replaced or a start lost it; begin the count anew"
    )]
    Elsewhere {
        /// The epoch.
        epoch: Epoch,
        /// The sequence number.
        seq: u64,
    },
    /// Too much happened since.
    #[error(
        "more than {COUNT_EVENTS_MAX} events lie between the beginning of the count and now, or on \
         copies of this stall's disk; begin the count anew and count less at a time, or join a \
         copied stall anew"
    )]
    TooLong,
    /// The store cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl Replica {
    /// Where the stall's own branch of its ledger ends now.
    pub fn own_place(&self, scope: Scope) -> Place {
        let end = self.own_end(&self.own_log(scope, Lane::Ledger).id()).unwrap_or_default();
        Place { epoch: end.epoch, seq: end.seq }
    }

    /// What the book of the stall's own branch says of some SKUs at a place, in thousandths. The
    /// stock and the reversals must be whole. Reads at most [`COUNT_EVENTS_MAX`] events.
    pub fn own_book(
        &self,
        scope: Scope,
        skus: &BTreeSet<&str>,
        at: Place,
    ) -> Result<BTreeMap<String, i128>, BookError> {
        let log = self.own_log(scope, Lane::Ledger);
        let mut book = BTreeMap::new();
        for sku in skus {
            let row = self.rows.get(&stock::key(scope, sku, &log.device))?;
            book.insert((*sku).to_owned(), projections::read::<Held>(row)?.on_hand);
        }
        let Some(state) = self.logs.get(&log.id()) else {
            let empty = at == Place::default();
            return if empty { Ok(book) } else { Err(elsewhere(at)) };
        };
        let at = self.own_tip(state, at)?;
        let mut undone = BTreeSet::new();
        let mut read = 0;
        for run in self.beyond(state, &at)? {
            read += run.to.seq - run.after.seq;
            if read > COUNT_EVENTS_MAX {
                return Err(BookError::TooLong);
            }
            self.take_back(state, &run, &mut book, &mut undone)?;
        }
        for sale in undone {
            self.sell_again(scope, state, &at, &sale, &mut book)?;
        }
        Ok(book)
    }

    /// The event at a place, if that lies on the branch that this disk goes on with.
    fn own_tip(&self, state: &LogState, at: Place) -> Result<Tip, BookError> {
        let id = state.log.id();
        let end = self.own_end(&id).unwrap_or(Tip::ROOT);
        if at == Place::default() {
            return Ok(Tip::ROOT);
        }
        for run in self.lineage(state, &end)? {
            if run.epoch != at.epoch || !(run.after.seq + 1..=run.to.seq).contains(&at.seq) {
                continue;
            }
            for tip in self.events_at(&id, at.epoch, at.seq)? {
                if self.on_run(state, &run, &tip)? {
                    return Ok(tip);
                }
            }
        }
        Err(elsewhere(at))
    }

    /// Takes back from `book` what the events of a run moved by themselves, and notes the sales
    /// that they undid.
    fn take_back(
        &self,
        state: &LogState,
        run: &Run,
        book: &mut BTreeMap<String, i128>,
        undone: &mut BTreeSet<EventId>,
    ) -> Result<(), ReadError> {
        let (log, id) = (state.log, state.log.id());
        let path = self.path(&log, run)?;
        let mut first = run.after.seq + 1;
        while first <= run.to.seq {
            let last = run.to.seq.min(first + REBUILD_EVENTS_MAX - 1);
            for (key, row) in self.rows.collect(&keys::events(&id, run.epoch, first, last))? {
                let stored = keys::read_event_id(&key).zip(StoredEvent::from_bytes(&row));
                let Some((id, stored)) = stored else { continue };
                // Where the epoch forked, not everything there is on this branch.
                if path.as_ref().is_some_and(|path| !path.contains(&id.hash)) {
                    continue;
                }
                let event = codec::decode_event_as(self.generation, &stored.bytes);
                let payload = event.map_err(garbled)?.payload;
                stock::moved(&payload, &mut |sku, quantity| less(book, sku, quantity))?;
                if let Payload::SaleVoided(void) = payload
                    && let Some(named) = self.ancestor(&Origin { log, id }, &void.sale)?
                    && let Payload::SaleCompleted(_) = named.payload
                {
                    undone.insert(void.sale);
                }
            }
            first = last + 1;
        }
        Ok(())
    }

    /// Takes back that a sale was undone, unless it was undone at or before `at` already.
    fn sell_again(
        &self,
        scope: Scope,
        state: &LogState,
        at: &Tip,
        sale: &EventId,
        book: &mut BTreeMap<String, i128>,
    ) -> Result<(), ReadError> {
        let here = event_id(&state.log.id(), at);
        let key = reversals::key(scope, sale);
        for by in reversals::witnesses(self, &key, &here.log)? {
            let void = Self::event(self, &by)?.map(|event| event.payload);
            if matches!(void, Some(Payload::SaleVoided(_))) && self.is_ancestor(&by, &here)? {
                return Ok(());
            }
        }
        let named = Self::event(self, sale)?.map(|event| event.payload);
        let Some(Payload::SaleCompleted(sale)) = named else { return Ok(()) };
        stock::sold(&sale, 1, &mut |sku, quantity| less(book, sku, quantity))
    }
}

fn less(book: &mut BTreeMap<String, i128>, sku: &str, quantity: i128) -> Result<(), ReadError> {
    if let Some(held) = book.get_mut(sku) {
        *held -= quantity;
    }
    Ok(())
}

fn elsewhere(Place { epoch, seq }: Place) -> BookError {
    BookError::Elsewhere { epoch, seq }
}

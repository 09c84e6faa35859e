//! Receipt numbers: each sale and refund of a till bears the next one, from 1, without gaps, along
//! the own branch.
//!
//! A cache of what the own branch says. It remembers the event up to which it has read, and reads
//! on from there before each number: so it is right after a crash, which may have lost the last
//! documents and their numbers with them, on a disk rebuilt from peers, and on a clone, whose
//! branch has numbers of its own. A row of the daemon's own keeps it over a start; it goes to the
//! disk with the documents, and without it the branch is read whole. It appends nothing.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use engine::event::codec;
use engine::ids::{EventId, Scope};
use engine::keys;
use engine::projections::receipts::number_of;
use engine::replica::Replica;
use engine::store::ReadError;
use serde::{Deserialize, Serialize};

/// The daemon's table in which the cache is kept.
const TABLE: u8 = 2;

/// The last number of each till on the own branch.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Receipts {
    /// The event up to which the own branch has been read.
    read_to: Option<EventId>,
    last: BTreeMap<String, u64>,
}

impl Receipts {
    /// The cache as this disk kept it; empty where it did not.
    pub(super) fn kept(replica: &Replica) -> Self {
        let row = replica.local(&keys::local(TABLE, &[])).ok().flatten();
        row.and_then(|row| codec::decode("the receipts row", &row).ok()).unwrap_or_default()
    }

    /// The number of the till's next document.
    pub(super) fn next(
        &mut self,
        till: &str,
        scope: Scope,
        replica: &Replica,
    ) -> Result<u64, ReadError> {
        self.read_on(scope, replica)?;
        Ok(self.last.get(till).copied().unwrap_or(0) + 1)
    }

    /// Notes that a document was appended with its number, in the batch that holds it.
    pub(super) fn given(&mut self, till: &str, number: u64, id: EventId, replica: &mut Replica) {
        self.read_to = Some(id);
        self.last.insert(till.to_owned(), number);
        // More tills than fit in a row cost a longer start.
        if let Ok(row) = codec::encode(self) {
            replica.set_local(keys::local(TABLE, &[]), Some(row));
        }
    }

    /// Takes in what the own branch holds beyond what was read; all of it, where that is not an
    /// ancestor of its end.
    fn read_on(&mut self, scope: Scope, replica: &Replica) -> Result<(), ReadError> {
        let end = replica.own_last(scope);
        if self.read_to == end {
            return Ok(());
        }
        let mut newer: BTreeMap<String, u64> = BTreeMap::new();
        let mut met = false;
        replica.own_events(scope, &mut |id, event| {
            met = self.read_to == Some(*id);
            if met {
                return ControlFlow::Break(());
            }
            if let Some((till, number)) = number_of(&event) {
                let last = newer.entry(till.to_owned()).or_default();
                *last = number.max(*last);
            }
            ControlFlow::Continue(())
        })?;
        if !met {
            self.last.clear();
        }
        self.last.append(&mut newer);
        self.read_to = end;
        Ok(())
    }
}

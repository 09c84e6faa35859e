//! The device's own branch of a ledger, read back from its end.
//!
//! Decisions that rest on what this disk appended, and not on what a clone of it did, read it here.
//! It writes nothing.

use std::ops::ControlFlow;

use super::Replica;
use super::lanes::{StoredEvent, garbled};
use super::span::event_id;
use crate::event::{Event, codec};
use crate::ids::{EventId, Lane, Scope};
use crate::keys;
use crate::limits::REBUILD_EVENTS_MAX;
use crate::store::ReadError;

impl Replica {
    /// The last event of the own branch; `None` while the log is empty.
    pub fn own_last(&self, scope: Scope) -> Option<EventId> {
        let id = self.own_log(scope, Lane::Ledger).id();
        self.own_end(&id).map(|end| event_id(&id, &end))
    }

    /// Shows the events of the own branch, ancestors included, newest first, until `visit` breaks.
    pub fn own_events(
        &self,
        scope: Scope,
        visit: &mut dyn FnMut(&EventId, Event) -> ControlFlow<()>,
    ) -> Result<(), ReadError> {
        let log = self.own_log(scope, Lane::Ledger);
        let id = log.id();
        let Some((state, end)) = self.logs.get(&id).zip(self.own_end(&id)) else { return Ok(()) };
        for run in self.lineage(state, &end)? {
            let path = self.path(&log, &run)?;
            let mut to = run.to.seq;
            while to > run.after.seq {
                let from = to.saturating_sub(REBUILD_EVENTS_MAX).max(run.after.seq) + 1;
                let rows = self.rows.collect(&keys::events(&id, run.epoch, from, to))?;
                for (key, row) in rows.iter().rev() {
                    let read = keys::read_event_id(key).zip(StoredEvent::from_bytes(row));
                    let on_path =
                        |id: &EventId| path.as_ref().is_none_or(|path| path.contains(&id.hash));
                    let Some((id, stored)) = read.filter(|(id, _)| on_path(id)) else { continue };
                    let event = codec::decode_event_as(self.generation, &stored.bytes);
                    if visit(&id, event.map_err(garbled)?).is_break() {
                        return Ok(());
                    }
                }
                to = from - 1;
            }
        }
        Ok(())
    }
}

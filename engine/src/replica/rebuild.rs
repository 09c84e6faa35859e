//! Rebuilding a projection from the log, in small steps, while the till goes on selling.
//!
//! A projection is whole in the version that its row states. When this program has another one, the
//! rows are cleared and every event is folded again, log by log, in order of seq: an event's parent
//! has the seq before, in whatever epoch it is. An event that arrives meanwhile is folded at once
//! where the rebuild has passed its place, and left to the rebuild where it has not: folds commute
//! across logs, so the result is the same. A crash begins it anew. What is not whole answers
//! nobody.

use std::collections::BTreeSet;

use super::Replica;
use super::lanes::garbled;
use crate::event::codec;
use crate::ids::LogId;
use crate::keys;
use crate::limits::{REBUILD_EVENTS_MAX, REBUILD_ROWS_MAX};
use crate::projections::{self, Origin, Projection};
use crate::store::{Read, ReadError, Row};

/// What is being rebuilt, and how far it is.
#[derive(Debug, Clone, Default)]
pub(super) struct Rebuild {
    which: BTreeSet<Projection>,
    cleared: bool,
    finished: BTreeSet<LogId>,
    /// The log under way, and the last seq of it that was folded, in all its epochs.
    at: Option<(LogId, u64)>,
    done: u64,
}

/// How far a rebuild is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The projections that are not whole.
    pub projections: Vec<Projection>,
    /// Events folded so far.
    pub done: u64,
    /// Events that there are.
    pub total: u64,
}

/// Whether a projection is whole in this program's version, in any view of a store.
pub fn is_whole(store: &dyn Read, projection: Projection) -> Result<bool, ReadError> {
    match store.get(&keys::version(projection as u8))? {
        Some(row) => Ok(row == projection.version().to_be_bytes()),
        None => {
            let (from, to) = keys::logs();
            Ok(store.last(&from, &to)?.is_none())
        }
    }
}

impl Replica {
    /// Finds out what is to be rebuilt. A directory without logs is whole in every projection.
    pub(super) fn plan_rebuild(&mut self) -> Result<(), ReadError> {
        if self.logs.is_empty() {
            return Ok(());
        }
        let mut which = BTreeSet::new();
        for projection in Projection::ALL {
            let version = projection.version_as(self.generation);
            let held = self.rows.get(&keys::version(projection as u8))?;
            if held.is_none_or(|held| held != version.to_be_bytes()) {
                which.insert(projection);
            }
        }
        for projection in Projection::ALL {
            if projection.looks_at().iter().any(|other| which.contains(other)) {
                which.insert(projection);
            }
        }
        // With the next batch nothing of these is whole to a reader either: one that is rebuilt
        // only because of what it looks at still has the row of its own version.
        for projection in &which {
            self.rows.set(keys::version(*projection as u8), None);
        }
        self.rebuild = Rebuild { which, ..Rebuild::default() };
        Ok(())
    }

    /// Notes that every projection is whole: nothing was there to fold.
    pub(super) fn begin_whole(&mut self) {
        for projection in Projection::ALL {
            let version = projection.version_as(self.generation).to_be_bytes();
            self.rows.set(keys::version(projection as u8), Some(version.to_vec()));
        }
    }

    /// Whether a projection is whole; decisions that need one that is not have to wait.
    pub fn is_whole(&self, projection: Projection) -> bool {
        !self.rebuild.which.contains(&projection)
    }

    /// How far the rebuild is; `None` when everything is whole.
    pub fn rebuilding(&self) -> Option<Progress> {
        let total = self.event_count().unwrap_or_default();
        (!self.rebuild.which.is_empty()).then(|| Progress {
            projections: self.rebuild.which.iter().copied().collect(),
            done: self.rebuild.done.min(total),
            total,
        })
    }

    /// One small step of the rebuild, into the open batch. Does nothing when everything is whole.
    pub fn rebuild_step(&mut self) -> Result<(), ReadError> {
        if self.rebuild.which.is_empty() {
            return Ok(());
        }
        if !self.rebuild.cleared {
            return self.clear_some();
        }
        match self.rebuild.at.or_else(|| self.next_log()) {
            Some((log, seq)) => self.fold_some(log, seq),
            None => self.finish_rebuild(),
        }
    }

    pub(super) fn rebuild_has_passed(&self, projection: Projection, origin: &Origin) -> bool {
        let Rebuild { which, cleared, finished, at, .. } = &self.rebuild;
        let id = &origin.id;
        !which.contains(&projection)
            || *cleared
                && (finished.contains(&id.log)
                    || at.is_some_and(|(log, seq)| log == id.log && id.seq <= seq))
    }

    fn clear_some(&mut self) -> Result<(), ReadError> {
        let mut left = REBUILD_ROWS_MAX;
        for projection in self.rebuild.which.clone() {
            // Tills look items up while it is rebuilt: its rows change in one batch, at the end.
            if projection == Projection::Catalogue {
                continue;
            }
            for range in [keys::projection(projection as u8), keys::digests(projection as u8)] {
                for (key, _) in self.rows.first(&range, left)? {
                    self.rows.set(key, None);
                    left -= 1;
                }
            }
        }
        for projection in &self.rebuild.which {
            self.rows.set(keys::version(*projection as u8), None);
        }
        self.rebuild.cleared = left > 0;
        Ok(())
    }

    fn next_log(&self) -> Option<(LogId, u64)> {
        let left = |id: &&LogId| !self.rebuild.finished.contains(id);
        self.logs.keys().find(left).map(|id| (*id, 0))
    }

    /// The rows of a log's events with seq in `from..=to`, in order of seq.
    fn window(&self, id: &LogId, from: u64, to: u64) -> Result<Vec<Row>, ReadError> {
        let mut rows = Vec::new();
        for (epoch, parents) in &self.logs[id].parents {
            if parents.iter().map(|parent| parent.seq).min().unwrap_or(0) < to {
                rows.extend(self.rows.collect(&keys::events(id, *epoch, from, to))?);
            }
        }
        rows.sort_by_key(|(key, _)| keys::read_event_id(key).map(|id| id.seq));
        Ok(rows)
    }

    fn fold_some(&mut self, id: LogId, seq: u64) -> Result<(), ReadError> {
        let log = self.logs[&id].log;
        let to = seq.saturating_add(REBUILD_EVENTS_MAX);
        let rows = self.window(&id, seq + 1, to)?;
        let which = self.rebuild.which.clone();
        for (key, row) in &rows {
            let stored = super::lanes::StoredEvent::from_bytes(row).zip(keys::read_event_id(key));
            let Some((stored, id)) = stored else { continue };
            let event = codec::decode_event_as(self.generation, &stored.bytes).map_err(garbled)?;
            for projection in &which {
                projections::fold_into(*projection, self, &Origin { log, id }, &event)?;
            }
            if which.contains(&Projection::Catalogue) {
                self.fold_into_catalogue(&Origin { log, id }, &event.payload)?;
            }
            self.rebuild.done += 1;
        }
        let end = self.logs[&id].tips().iter().map(|tip| tip.seq).max().unwrap_or(0);
        if to < end {
            self.rebuild.at = Some((id, to));
        } else {
            // What follows is folded at once.
            self.rebuild.at = None;
            self.rebuild.finished.insert(id);
        }
        Ok(())
    }

    /// Everything is folded: what is found outside of folds is written, and the versions stand.
    fn finish_rebuild(&mut self) -> Result<(), ReadError> {
        let which = std::mem::take(&mut self.rebuild).which;
        if which.contains(&Projection::Catalogue) {
            self.finish_catalogues()?;
        }
        if which.contains(&Projection::Findings) {
            self.judge_forks()?;
        }
        for projection in which {
            let version = projection.version_as(self.generation).to_be_bytes();
            self.rows.set(keys::version(projection as u8), Some(version.to_vec()));
        }
        Ok(())
    }
}

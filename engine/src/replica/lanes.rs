//! Event rows and how a new event joins its log: leaves, forks, keys, books.
//!
//! ```text
//! event row   chain hash 32 | stake i64 BE (summed along the branch) | canonical bytes
//! ```

use super::{Leaf, LogState, Replica};
use crate::event::codec::{self, CodecError};
use crate::event::{Event, Payload};
use crate::hash::Hash;
use crate::ids::{DeviceId, EventId, Log, LogId, Tip};
use crate::keys;
use crate::limits::EVIDENCE_MAX;
use crate::log::chain;
use crate::projections::{self, Books, Origin, Projection};
use crate::store::{ReadError, Row};

use super::open::leaf_bytes;
use super::span::event_id;

/// An event as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// Its chain hash.
    pub hash: Hash,
    /// Minor units at stake, summed along its branch.
    pub stake: i64,
    /// Its canonical bytes.
    pub bytes: Vec<u8>,
}

impl StoredEvent {
    /// The row's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        [self.hash.0.as_slice(), &self.stake.to_be_bytes(), &self.bytes].concat()
    }

    /// Reads a row.
    pub fn from_bytes(row: &[u8]) -> Option<Self> {
        let (hash, rest) = row.split_first_chunk::<32>()?;
        let (stake, bytes) = rest.split_first_chunk::<8>()?;
        let stake = i64::from_be_bytes(*stake);
        Some(Self { hash: Hash(*hash), stake, bytes: bytes.to_vec() })
    }
}

impl Replica {
    /// The state of a log, made on first use.
    pub(super) fn log_state(&mut self, log: &Log) -> &mut LogState {
        let id = log.id();
        if !self.logs.contains_key(&id) {
            if self.logs.is_empty() {
                self.begin_whole();
            }
            self.rows.set(keys::log(&id), Some(log.to_bytes().to_vec()));
        }
        self.logs.entry(id).or_insert_with(|| LogState::new(*log))
    }

    /// Writes one event that follows `parent`, moves the leaves and folds it. The caller has
    /// checked that the event may stand there.
    pub(super) fn join(
        &mut self,
        id: &LogId,
        parent: &Tip,
        tip: &Tip,
        bytes: &[u8],
        event: &Event,
    ) -> Result<(), ReadError> {
        let (above, forks) = self.step_off(id, parent, tip)?;
        let stake = above.stake.saturating_add(event.payload.stake());
        let stored = StoredEvent { hash: tip.hash, stake, bytes: bytes.to_vec() };
        let place = event_id(id, tip);
        self.rows.set(keys::event(&place), Some(stored.to_bytes()));
        let state = self.logs.get_mut(id).expect("invariant: the log has a state");
        let log = state.log;
        state.leaves.insert(*tip, Leaf { stake, head: above.head });
        if let Payload::EpochOpened(_) = event.payload {
            let parents = state.parents.entry(tip.epoch).or_default();
            parents.push(*parent);
            if parents.len() > 1 {
                state.split.insert(tip.epoch);
            }
            let base = chain::base(&log, tip.epoch, parent);
            let row = keys::base(id, tip.epoch, &base);
            self.rows.set(row, Some(keys::tip_bytes(parent).to_vec()));
        }
        self.rows.set(keys::leaf(id, tip), Some(leaf_bytes(tip, stake)));
        if let Some(key) = event.payload.key() {
            self.rows.set(keys::bearer(key, &place), Some(Vec::new()));
        }
        self.arrive(&place);
        self.dirty.insert(*id);
        self.fold(Origin { log, id: place }, event)?;
        if forks { self.judge_fork(id, parent) } else { Ok(()) }
    }

    /// Takes the parent off the leaves; when it is none, the log forks here, which the second value
    /// says.
    fn step_off(&mut self, id: &LogId, parent: &Tip, tip: &Tip) -> Result<(Leaf, bool), ReadError> {
        let state = self.logs.get_mut(id).expect("invariant: the log has a state");
        if let Some(leaf) = state.leaves.remove(parent) {
            self.rows.set(keys::leaf(id, parent), None);
            return Ok((leaf, false));
        }
        if state.leaves.is_empty() {
            return Ok((Leaf::default(), false));
        }
        if tip.epoch == parent.epoch {
            state.split.insert(tip.epoch);
        }
        self.rows.set(keys::fork(id, parent), Some(keys::tip_bytes(parent).to_vec()));
        let stake = self.stored(&event_id(id, parent))?.map_or(0, |stored| stored.stake);
        Ok((Leaf { stake, head: None }, true))
    }

    /// An event's row, pending or committed.
    pub(super) fn stored(&self, id: &EventId) -> Result<Option<StoredEvent>, ReadError> {
        let row = self.rows.get(&keys::event(id))?;
        Ok(row.as_deref().and_then(StoredEvent::from_bytes))
    }

    /// Whether the event at `tip` is here, pending or committed.
    pub(super) fn has(&self, id: &LogId, tip: &Tip) -> Result<bool, ReadError> {
        if self.logs.get(id).is_some_and(|state| state.leaves.contains_key(tip)) {
            return Ok(true);
        }
        Ok(self.stored(&event_id(id, tip))?.is_some_and(|stored| stored.hash == tip.hash))
    }

    /// An event by its id, pending or committed.
    pub fn event(&self, id: &EventId) -> Result<Option<Event>, ReadError> {
        let Some(stored) = self.stored(id)? else { return Ok(None) };
        codec::decode_event_as(self.generation, &stored.bytes).map(Some).map_err(garbled)
    }

    fn fold(&mut self, origin: Origin, event: &Event) -> Result<(), ReadError> {
        match &event.payload {
            Payload::CatalogueChanged(_) | Payload::SeasonOpened(_)
                if self.folds(Projection::Catalogue, &origin) =>
            {
                self.fold_into_catalogue(&origin, &event.payload)?;
            }
            Payload::GrantIssued(_) | Payload::DeviceRevoked(_) | Payload::ForkProven(_) => {
                self.fold_authority(&origin, &event.payload);
            }
            _ => {}
        }
        projections::fold(self, &origin, event)
    }
}

pub(super) fn garbled(error: CodecError) -> ReadError {
    ReadError::Device(error.to_string())
}

impl Books for Replica {
    fn row(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ReadError> {
        self.rows.get(key)
    }

    fn rows(&self, range: &keys::Range) -> Result<Vec<Row>, ReadError> {
        self.rows.collect(range)
    }

    fn first_rows(&self, range: &keys::Range, most: usize) -> Result<Vec<Row>, ReadError> {
        self.rows.first(range, most)
    }

    fn set_row(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) -> Result<(), ReadError> {
        self.rows.set_projection(key, value)
    }

    fn ancestor(&self, origin: &Origin, id: &EventId) -> Result<Option<Event>, ReadError> {
        let above = id.log == origin.id.log && id.seq < origin.id.seq;
        if above && self.is_ancestor(id, &origin.id)? { self.event(id) } else { Ok(None) }
    }

    fn event(&self, id: &EventId) -> Result<Option<(Log, Event)>, ReadError> {
        let Some(state) = self.logs.get(&id.log) else { return Ok(None) };
        Ok(self.event(id)?.map(|event| (state.log, event)))
    }

    fn bearers(&self, origin: &Origin, event: &Event) -> Result<Vec<EventId>, ReadError> {
        let Some(key) = event.payload.key() else { return Ok(Vec::new()) };
        let log = &origin.id.log;
        let rows = self.rows.first(&keys::bearers(log, key), EVIDENCE_MAX)?;
        Ok(rows.iter().filter_map(|(row, _)| keys::read_bearer(log, row)).collect())
    }

    fn is_control(&self, device: &DeviceId) -> bool {
        let removed = self.rights.charter().map(|charter| charter.removed.as_slice());
        self.rights.is_control(device)
            || removed.unwrap_or_default().iter().any(|(was, _)| was == device)
    }

    fn folds(&self, projection: Projection, origin: &Origin) -> bool {
        self.rebuild_has_passed(projection, origin)
    }
}

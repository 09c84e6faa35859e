//! Edits of our own: changes of the current season, a new season, late changes taken over.

use thiserror::Error;

use super::load::actor;
use crate::catalogue::{Edit, EditError, ItemEdit, edits_of};
use crate::clock::Hlc;
use crate::event::{CatalogueChanged, Payload, SeasonOpened, codec};
use crate::hash::Hash;
use crate::ids::{EventId, Lane, Scope};
use crate::limits::NAME_BYTES_MAX;
use crate::projections::Projection;
use crate::projections::catalogue::{self as rows, LateRow};
use crate::replica::Replica;
use crate::replica::append::AppendError;
use crate::replica::lanes::garbled;
use crate::store::ReadError;

/// Why an edit of the catalogue was not made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CatalogueError {
    /// The edit itself is not acceptable.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// A season's name is not acceptable.
    #[error("a season's name must have 1 to {NAME_BYTES_MAX} bytes without control characters")]
    SeasonName,
    /// A new season would bury conflicts.
    #[error(
        "{0} items have values in conflict; set those fields again, or say that the values shown \
         are to win"
    )]
    Conflicts(usize),
    /// There is no number left for a season.
    #[error("there can be no further season")]
    LastSeason,
    /// No such change is late.
    #[error("change {0} is not late, or is settled already")]
    NotLate(Hash),
    /// The catalogue's rows are not whole yet.
    #[error("the catalogue is being rebuilt after an update of the program; try again in a while")]
    Rebuilding,
    /// Its event was not appended.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The store cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// When a change was made, and by which event.
type Made = Option<(Hlc, EventId)>;

/// What is done about a late change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settlement {
    /// Its fields are set in the current season, and it is late no more.
    Take,
    /// It is late no more.
    PutAside,
}

impl Replica {
    /// Edits a merchant's current catalogue: one or more changes, each one event.
    pub fn edit_catalogue(
        &mut self,
        scope: Scope,
        items: &[ItemEdit],
        wall_ms: u64,
    ) -> Result<Vec<EventId>, CatalogueError> {
        self.check_may_edit(scope)?;
        let season = self.catalogues.entry(scope).or_default().current;
        let actor = actor(&self.device(), self.epoch);
        let edits = self.document(scope, season)?.edit(&actor, items)?;
        self.append_edits(scope, season, edits, wall_ms)
    }

    /// Opens the next season: an empty document, which begins with the items that stand and are
    /// not withdrawn, whole and without their history. With `winners`, of values in conflict
    /// those shown are carried over; otherwise conflicts refuse the opening. Returns its number.
    ///
    /// The items come first and the opening after them, so whoever sees the season open sees it
    /// whole.
    pub fn open_season(
        &mut self,
        scope: Scope,
        name: &str,
        winners: bool,
        wall_ms: u64,
    ) -> Result<u32, CatalogueError> {
        self.check_may_edit(scope)?;
        if !(1..=NAME_BYTES_MAX).contains(&name.len()) || name.chars().any(char::is_control) {
            return Err(CatalogueError::SeasonName);
        }
        let current = self.catalogues.entry(scope).or_default().current;
        let season = current.checked_add(1).ok_or(CatalogueError::LastSeason)?;
        let clashing = self.document(scope, current)?.items();
        let clashing = clashing.values().filter(|item| !item.conflicts.is_empty()).count();
        if clashing > 0 && !winners {
            return Err(CatalogueError::Conflicts(clashing));
        }
        let actor = actor(&self.device(), self.epoch);
        self.document(scope, season)?;
        self.document(scope, current)?;
        let shelf = self.catalogues.entry(scope).or_default();
        let mut before = shelf.take(current).unwrap_or_default();
        let carried = shelf.get(season).map(|after| after.carry(&actor, &mut before));
        shelf.put(current, before);
        self.append_edits(scope, season, carried.unwrap_or(Ok(Vec::new()))?, wall_ms)?;
        let opened = SeasonOpened { season, name: name.to_owned() };
        self.append(scope, Lane::Catalogue, Payload::SeasonOpened(opened), wall_ms)?;
        Ok(season)
    }

    /// Takes late changes over into the current season, in the order they were made, or puts
    /// them aside. Returns how many events that took.
    pub fn settle_late(
        &mut self,
        scope: Scope,
        late: &[(u32, Hash)],
        settlement: Settlement,
        wall_ms: u64,
    ) -> Result<usize, CatalogueError> {
        self.check_may_edit(scope)?;
        let mut found = Vec::new();
        for (season, hash) in late {
            let row = self.rows.get(&rows::late(scope, *season, &hash.0))?;
            let row = row.ok_or(CatalogueError::NotLate(*hash))?;
            let row: LateRow = codec::decode("a late change's row", &row).map_err(garbled)?;
            found.push(self.late_edits(scope, *season, &row)?);
        }
        found.sort_by_key(|(made, _)| *made);
        let mut events = 0;
        if settlement == Settlement::Take {
            let items: Vec<ItemEdit> = found.into_iter().flat_map(|(_, items)| items).collect();
            events += self.edit_catalogue(scope, &items, wall_ms)?.len();
        }
        let season = self.catalogues.entry(scope).or_default().current;
        let actor = actor(&self.device(), self.epoch);
        let late: Vec<(u32, [u8; 32])> =
            late.iter().map(|(season, hash)| (*season, hash.0)).collect();
        let marks = self.document(scope, season)?.mark_settled(&actor, &late)?;
        events += self.append_edits(scope, season, marks, wall_ms)?.len();
        Ok(events)
    }

    /// What a late change did, and when.
    fn late_edits(
        &self,
        scope: Scope,
        season: u32,
        row: &LateRow,
    ) -> Result<(Made, Vec<ItemEdit>), ReadError> {
        let event = self.rows.get(&rows::change(scope, season, &row.change.0))?;
        let Some(event) = event.as_deref().and_then(rows::read_event) else {
            return Ok((None, Vec::new()));
        };
        let made = self.event(&event)?.map(|body| (body.hlc, event));
        let change = self.change_of(&event)?;
        Ok((made, change.map(|(bytes, actor)| edits_of(&bytes, &actor)).unwrap_or_default()))
    }

    fn check_may_edit(&self, scope: Scope) -> Result<(), CatalogueError> {
        let lane = Lane::Catalogue;
        if !self.rights().may_write(&self.own_log(scope, lane)) {
            return Err(AppendError::NotGranted { scope, lane }.into());
        }
        if self.is_whole(Projection::Catalogue) { Ok(()) } else { Err(CatalogueError::Rebuilding) }
    }

    fn append_edits(
        &mut self,
        scope: Scope,
        season: u32,
        edits: Vec<Edit>,
        wall_ms: u64,
    ) -> Result<Vec<EventId>, CatalogueError> {
        let mut out = Vec::new();
        for edit in edits {
            let change = CatalogueChanged { season, change: edit.bytes };
            let payload = Payload::CatalogueChanged(change);
            out.push(self.append(scope, Lane::Catalogue, payload, wall_ms)?);
        }
        Ok(out)
    }
}

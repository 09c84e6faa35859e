//! Events into documents at once, documents into rows once for each batch.

use std::collections::BTreeSet;

use super::load::actor;
use super::shelf::Due;
use crate::catalogue::{Status, Touched, change_id};
use crate::event::{CatalogueChanged, Payload, SeasonOpened, codec};
use crate::ids::Scope;
use crate::projections::catalogue::{self as rows, MarkRow};
use crate::projections::{Books, Origin, Projection};
use crate::replica::Replica;
use crate::replica::lanes::garbled;
use crate::store::ReadError;

impl Replica {
    /// Takes in an event, if the catalogue reads its log.
    pub(in crate::replica) fn fold_into_catalogue(
        &mut self,
        origin: &Origin,
        payload: &Payload,
    ) -> Result<(), ReadError> {
        if !Projection::Catalogue.reads(origin.log.scope, &origin.log) {
            return Ok(());
        }
        match payload {
            Payload::CatalogueChanged(change) => self.fold_change(origin, change),
            Payload::SeasonOpened(opened) => self.fold_opening(origin, opened),
            _ => Ok(()),
        }
    }

    fn fold_change(&mut self, origin: &Origin, body: &CatalogueChanged) -> Result<(), ReadError> {
        let (scope, season) = (origin.log.scope, body.season);
        let actor = actor(&origin.log.device, origin.id.epoch);
        let row = rows::change(scope, season, &change_id(&body.change, &actor));
        let known = self.rows.get(&row)?.as_deref().and_then(rows::read_event);
        // Read from the log before the change is on record, or it would be nothing new.
        self.document(scope, season)?.apply(&body.change, &actor);
        if known.is_none_or(|known| origin.id < known) {
            self.set_row(row, Some(codec::encode(&origin.id).map_err(garbled)?))?;
        }
        self.catalogues.entry(scope).or_default().due.folded.insert(season);
        Ok(())
    }

    fn fold_opening(&mut self, origin: &Origin, opened: &SeasonOpened) -> Result<(), ReadError> {
        let scope = origin.log.scope;
        self.set_row(rows::opened(scope, opened.season, &opened.name), Some(Vec::new()))?;
        self.catalogues.entry(scope).or_default().due.opened = true;
        Ok(())
    }

    /// Writes the rows of all that changed since the last batch.
    pub(in crate::replica) fn mirror_catalogues(&mut self) -> Result<(), ReadError> {
        let due = self.catalogues.iter_mut().filter(|(_, shelf)| !shelf.due.is_empty());
        let due: Vec<(Scope, Due)> =
            due.map(|(scope, shelf)| (*scope, std::mem::take(&mut shelf.due))).collect();
        for (scope, mut due) in due {
            let before = self.catalogues.entry(scope).or_default().current;
            let current = if due.opened { self.current_season(scope)? } else { before };
            self.catalogues.entry(scope).or_default().current = current;
            if current != before {
                self.turn(scope, current)?;
                due.late.extend(before..current);
            }
            for season in std::mem::take(&mut due.folded) {
                let touched = self.document(scope, season)?.take_touched();
                self.mirror(scope, season, current, touched, &mut due.late)?;
            }
            for season in due.late.range(..current) {
                self.mirror_late(scope, *season)?;
            }
            self.catalogues.entry(scope).or_default().trim();
        }
        Ok(())
    }

    /// Everything was folded again: what is left of earlier rows goes.
    pub(in crate::replica) fn finish_catalogues(&mut self) -> Result<(), ReadError> {
        let scopes: BTreeSet<Scope> = self.logs.values().map(|state| state.log.scope).collect();
        for scope in scopes {
            for (key, _) in self.rows.collect(&rows::version_1(scope))? {
                self.set_row(key, None)?;
            }
            let current = self.current_season(scope)?;
            self.catalogues.entry(scope).or_default().current = current;
            self.turn(scope, current)?;
        }
        Ok(())
    }

    /// Replaces the items that are shown by those of the current season.
    fn turn(&mut self, scope: Scope, current: u32) -> Result<(), ReadError> {
        let old: BTreeSet<Vec<u8>> =
            self.rows.collect(&rows::items(scope))?.into_iter().map(|(key, _)| key).collect();
        let mut fresh = BTreeSet::new();
        for (sku, item) in self.document(scope, current)?.items() {
            let key = rows::item(scope, &sku);
            self.set_row(key.clone(), Some(codec::encode(&item).map_err(garbled)?))?;
            fresh.insert(key);
        }
        old.difference(&fresh).try_for_each(|key| self.set_row(key.clone(), None))
    }

    fn mirror(
        &mut self,
        scope: Scope,
        season: u32,
        current: u32,
        touched: Touched,
        late: &mut BTreeSet<u32>,
    ) -> Result<(), ReadError> {
        if season == current {
            for sku in touched.skus {
                let item = self.document(scope, season)?.item(&sku);
                let value = item.map(|item| codec::encode(&item)).transpose().map_err(garbled)?;
                self.set_row(rows::item(scope, &sku), value)?;
            }
        } else if season < current && !touched.changes.is_empty() {
            late.insert(season);
        }
        for change in touched.changes {
            let status = self.document(scope, season)?.status(&change);
            let aside = status.filter(|status| *status != Status::Applied);
            let row = rows::aside(scope, season, &change);
            self.set_row(row, aside.map(|status| vec![status.code()]))?;
        }
        for hash in touched.marks {
            self.mirror_marks(scope, season, &hash, late)?;
        }
        Ok(())
    }

    /// Writes what a season's document says about one change of another season.
    fn mirror_marks(
        &mut self,
        scope: Scope,
        document: u32,
        hash: &[u8; 32],
        late: &mut BTreeSet<u32>,
    ) -> Result<(), ReadError> {
        let row = rows::mark(scope, document, hash);
        let before: MarkRow = crate::projections::read(self.rows.get(&row)?)?;
        let marks = self.document(scope, document)?.marks(hash);
        let after = MarkRow { carried: marks.carried, settled: marks.settled };
        if before == after {
            return Ok(());
        }
        if before.carried != after.carried {
            late.extend(document.checked_sub(1));
        }
        let said = |row: &MarkRow| row.settled.iter().copied().collect::<BTreeSet<u32>>();
        for season in said(&before).symmetric_difference(&said(&after)) {
            let holds = after.settled.contains(season);
            let row = rows::settled(scope, *season, hash, document);
            self.set_row(row, holds.then(Vec::new))?;
            if holds {
                self.set_row(rows::late(scope, *season, hash), None)?;
            } else {
                late.insert(*season);
            }
        }
        let none = after == MarkRow::default();
        let value = if none { None } else { Some(codec::encode(&after).map_err(garbled)?) };
        self.set_row(row, value)
    }
}

//! Late changes: those of a closed season that the next one did not begin with.
//!
//! A stall that was offline when the season closed made them in good faith. They are kept and
//! shown until somebody takes them over into the current season or puts them aside.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalogue::edits_of;
use crate::catalogue::limits::LATE_FIELDS_SHOWN_MAX;
use crate::event::codec;
use crate::hash::Hash;
use crate::ids::Scope;
use crate::projections::Books;
use crate::projections::catalogue::{self as rows, LateField, LateRow, MarkRow};
use crate::replica::Replica;
use crate::replica::lanes::garbled;
use crate::store::ReadError;

impl Replica {
    /// Brings the rows of a closed season's late changes up to date.
    pub(super) fn mirror_late(&mut self, scope: Scope, season: u32) -> Result<(), ReadError> {
        let mut carried = BTreeSet::new();
        for (key, row) in self.rows.collect(&rows::marks(scope, season + 1))? {
            let mark: MarkRow = crate::projections::read(Some(row))?;
            carried.extend(rows::read_name(&key).filter(|_| mark.carried));
        }
        let mut fresh = BTreeMap::new();
        for (change, hash) in self.document(scope, season)?.beyond(&carried) {
            if self.rows.collect(&rows::settlements(scope, season, &hash))?.is_empty() {
                let row = self.late_row(scope, season, &change)?;
                let row = codec::encode(&row).map_err(garbled)?;
                fresh.insert(rows::late(scope, season, &hash), row);
            }
        }
        for (key, _) in self.rows.collect(&rows::lates(scope, season))? {
            if !fresh.contains_key(&key) {
                self.set_row(key, None)?;
            }
        }
        fresh.into_iter().try_for_each(|(key, row)| self.set_row(key, Some(row)))
    }

    fn late_row(&self, scope: Scope, season: u32, change: &[u8; 32]) -> Result<LateRow, ReadError> {
        let event = self.rows.get(&rows::change(scope, season, change))?;
        let body = match event.as_deref().and_then(rows::read_event) {
            Some(event) => self.change_of(&event)?,
            None => None,
        };
        let edits = body.map(|(bytes, actor)| edits_of(&bytes, &actor)).unwrap_or_default();
        let fields = edits.into_iter().flat_map(|edit| {
            let sku = edit.sku;
            edit.fields.into_iter().map(move |(field, value)| LateField {
                sku: sku.clone(),
                field: field.to_string(),
                value,
            })
        });
        let mut fields: Vec<LateField> = fields.collect();
        let more = fields.len().saturating_sub(LATE_FIELDS_SHOWN_MAX) as u32;
        fields.truncate(LATE_FIELDS_SHOWN_MAX);
        Ok(LateRow { change: Hash(*change), fields, more })
    }
}

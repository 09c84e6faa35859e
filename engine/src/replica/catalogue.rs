//! The catalogue's place in the replica: changes fold into a document, the document into rows.
//!
//! The document lives in memory, one for each merchant, rebuilt from the log at the start; the rows
//! are what tills look items up in. Without the feature `catalogue` changes are kept unfolded.
//!
//! ```text
//! row     sku        value  Item
//! ```

use super::Replica;
use crate::event::CatalogueChanged;
use crate::projections::Origin;
use crate::store::ReadError;

#[cfg(not(feature = "catalogue"))]
impl Replica {
    pub(super) fn fold_catalogue(
        &mut self,
        _origin: &Origin,
        _change: &CatalogueChanged,
    ) -> Result<(), ReadError> {
        Ok(())
    }

    pub(super) fn mirror_catalogues(&mut self) -> Result<(), ReadError> {
        Ok(())
    }

    pub(super) fn mirror_whole_catalogues(&mut self) {}

    pub(super) fn load_catalogues(&mut self) -> Result<(), ReadError> {
        Ok(())
    }
}

#[cfg(feature = "catalogue")]
pub use folded::CatalogueError;

#[cfg(feature = "catalogue")]
mod folded {
    use super::{CatalogueChanged, Origin, ReadError, Replica};
    use crate::catalogue::{EditError, Item, ItemEdit};
    use crate::event::{Payload, codec};
    use crate::hash;
    use crate::ids::{DeviceId, Epoch, EventId, Lane, Scope};
    use crate::keys;
    use crate::projections::{Books, Projection};
    use crate::replica::append::AppendError;
    use crate::replica::lanes::{StoredEvent, garbled};
    use thiserror::Error;

    /// Why an edit of the catalogue was not made.
    #[derive(Debug, Error)]
    #[non_exhaustive]
    pub enum CatalogueError {
        /// The edit itself is not acceptable.
        #[error(transparent)]
        Edit(#[from] EditError),
        /// Its event was not appended.
        #[error(transparent)]
        Append(#[from] AppendError),
        /// The store cannot be read.
        #[error(transparent)]
        Read(#[from] ReadError),
    }

    impl Replica {
        /// Edits a merchant's catalogue: one or more changes, each one event.
        pub fn edit_catalogue(
            &mut self,
            scope: Scope,
            items: &[ItemEdit],
            wall_ms: u64,
        ) -> Result<Vec<EventId>, CatalogueError> {
            let lane = Lane::Catalogue;
            if !self.rights().may_write(&self.own_log(scope, lane)) {
                return Err(AppendError::NotGranted { scope, lane }.into());
            }
            let actor = actor(&self.device(), self.epoch);
            let edits = self.catalogues.entry(scope).or_default().edit(&actor, items)?;
            let mut out = Vec::new();
            for edit in edits {
                let payload =
                    Payload::CatalogueChanged(CatalogueChanged { season: 0, change: edit.bytes });
                out.push(self.append(scope, lane, payload, wall_ms)?);
            }
            Ok(out)
        }

        pub(in crate::replica) fn fold_catalogue(
            &mut self,
            origin: &Origin,
            change: &CatalogueChanged,
        ) -> Result<(), ReadError> {
            let actor = actor(&origin.log.device, origin.id.epoch);
            let catalogue = self.catalogues.entry(origin.log.scope).or_default();
            catalogue.apply(&change.change, &actor);
            Ok(())
        }

        /// Writes the rows of the items that changed since the last batch.
        pub(in crate::replica) fn mirror_catalogues(&mut self) -> Result<(), ReadError> {
            let mut rows = Vec::new();
            for (scope, catalogue) in &mut self.catalogues {
                for sku in catalogue.take_touched().skus {
                    let item = catalogue.item(&sku);
                    let value =
                        item.map(|item| codec::encode(&item)).transpose().map_err(garbled)?;
                    let projection = Projection::Catalogue as u8;
                    rows.push((keys::row(projection, *scope, sku.as_bytes()), value));
                }
            }
            rows.into_iter().try_for_each(|(key, value)| self.set_row(key, value))
        }

        /// Has every item written with the next batch: the rows were cleared.
        pub(in crate::replica) fn mirror_whole_catalogues(&mut self) {
            self.catalogues.values_mut().for_each(crate::catalogue::Catalogue::touch_all);
        }

        /// Rebuilds every document from the log; the rows are there already.
        pub(in crate::replica) fn load_catalogues(&mut self) -> Result<(), ReadError> {
            let logs: Vec<_> = self
                .logs
                .values()
                .map(|state| state.log)
                .filter(|log| log.lane == Lane::Catalogue)
                .collect();
            for log in logs {
                for (key, row) in self.rows.collect(&keys::log_events(&log.id()))? {
                    let stored = StoredEvent::from_bytes(&row).zip(keys::read_event(&key));
                    let Some((stored, (epoch, _, _))) = stored else { continue };
                    let event = codec::decode_event(&stored.bytes).map_err(garbled)?;
                    if let Payload::CatalogueChanged(change) = event.payload {
                        let catalogue = self.catalogues.entry(log.scope).or_default();
                        catalogue.apply(&change.change, &actor(&log.device, epoch));
                    }
                }
            }
            for catalogue in self.catalogues.values_mut() {
                catalogue.take_touched();
            }
            Ok(())
        }

        /// An item of a merchant's catalogue, as committed.
        pub fn item(&self, scope: Scope, sku: &str) -> Result<Option<Item>, ReadError> {
            let key = keys::row(Projection::Catalogue as u8, scope, sku.as_bytes());
            let row = self.store().get(&key)?;
            row.map(|row| codec::decode("an item row", &row)).transpose().map_err(garbled)
        }
    }

    /// The Automerge actor of a branch: no other branch can bear it.
    fn actor(device: &DeviceId, epoch: Epoch) -> [u8; 16] {
        hash::ACTOR.of(&[&device.0, &epoch.0.to_le_bytes()]).short().0
    }
}

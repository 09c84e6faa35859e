//! The Automerge document: takes in changes that the graph lets stand, and is read.
//!
//! Automerge draws a random actor id for every new document. It never reaches a change: the
//! id is replaced before anything is written, and this document itself is only read.

use std::collections::BTreeMap;

use automerge::{Automerge, ChangeHash, ROOT, ReadDoc};

use super::change::{self, Hash};
use super::item::{self, Field, FieldValue, Item};

/// A document of scalars at the root; see [`super::item`] for its keys.
#[derive(Clone)]
pub(super) struct Document(Automerge);

impl Document {
    pub(super) fn new() -> Self {
        Document(Automerge::new())
    }

    /// Applies raw changes, ancestors first. On `false` automerge refused or panicked and
    /// the document must be thrown away.
    ///
    /// The time grows with the number of keys in the document as well as with the number of
    /// changes, so a batch costs little more than one.
    pub(super) fn extend<'a>(&mut self, bodies: impl Iterator<Item = &'a [u8]>) -> bool {
        let Some(changes) = bodies.map(change::reread).collect::<Option<Vec<_>>>() else {
            return false;
        };
        let hashes: Vec<_> = changes.iter().map(automerge::Change::hash).collect();
        let applied = change::guarded(|| {
            #[cfg(test)]
            panic_in_tests(&hashes);
            self.0.apply_changes(changes).is_ok()
        });
        // A change that automerge keeps waiting is no error to it.
        let holds = |hash: &ChangeHash| self.0.get_change_meta_by_hash(hash).is_some();
        applied == Some(true) && hashes.iter().all(holds)
    }

    /// A copy to write on as `actor`, whose last change is `last`. It joins at most
    /// `heads_max` heads beside that change.
    pub(super) fn branch(&self, actor: &[u8], last: Option<Hash>, heads_max: usize) -> Automerge {
        let mut heads = self.0.get_heads();
        let joined = if heads.len() > heads_max {
            heads.truncate(heads_max);
            heads.extend(last.map(ChangeHash));
            self.0.fork_at(&heads).ok()
        } else {
            None
        };
        joined.unwrap_or_else(|| self.0.clone()).with_actor(actor.into())
    }

    /// One item, if it has a field that is shown.
    pub(super) fn item(&self, sku: &str) -> Option<Item> {
        let mut item = None;
        for field in Field::ALL {
            let values = self.values(field, &field.key(sku));
            if !values.is_empty() {
                item.get_or_insert_with(Item::default).set(values);
            }
        }
        item
    }

    /// All items by SKU.
    pub(super) fn items(&self) -> BTreeMap<String, Item> {
        let mut items = BTreeMap::<String, Item>::new();
        for entry in self.0.map_range(ROOT, ..) {
            let Some((field, sku)) = item::split_key(&entry.key) else { continue };
            let Some(field) = Field::parse(field) else { continue };
            let values = if entry.conflict {
                self.values(field, &entry.key)
            } else {
                let value = entry.value.into_value().into_scalar().ok();
                value.iter().filter_map(|value| change::field_value(field, value)).collect()
            };
            items.entry(sku.to_owned()).or_default().set(values);
        }
        items
    }

    /// All values that stand at a key, the winner last.
    fn values(&self, field: Field, key: &str) -> Vec<FieldValue> {
        let found = self.0.get_all(ROOT, key).unwrap_or_default();
        let scalars = found.iter().filter_map(|(value, _)| value.as_scalar());
        scalars.filter_map(|value| change::field_value(field, value)).collect()
    }
}

#[cfg(test)]
thread_local! {
    static REFUSED: std::cell::Cell<Option<ChangeHash>> = const { std::cell::Cell::new(None) };
}

/// Makes this thread's documents panic on a change.
#[cfg(test)]
pub(super) fn refuse_in_tests(hash: ChangeHash) {
    REFUSED.set(Some(hash));
}

#[cfg(test)]
fn panic_in_tests(hashes: &[ChangeHash]) {
    let refused = REFUSED.get();
    assert!(!hashes.iter().any(|hash| Some(*hash) == refused), "asked to refuse a change");
}

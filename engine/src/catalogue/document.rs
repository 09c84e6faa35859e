//! The Automerge document: takes in changes that the graph lets stand, and is read.
//!
//! Automerge draws a random actor id for every new document. It never reaches a change: the
//! id is replaced before anything is written.

use std::collections::{BTreeMap, BTreeSet};

use automerge::{Automerge, ChangeHash, ROOT, ReadDoc};

use super::change::{self, Hash};
use super::edit::{self, Puts};
use super::field::{self, Field, Value};
use super::item::Item;
use super::language::Language;
use super::limits::CARRIED_BYTES_MAX;
use super::mark;

/// A document of scalars at the root; see [`super::field`] for its keys.
#[derive(Clone)]
pub(super) struct Document {
    merged: Automerge,
    /// The languages that an item was ever named in.
    languages: BTreeMap<String, BTreeSet<Language>>,
}

impl Document {
    pub(super) fn new() -> Self {
        Document { merged: Automerge::new(), languages: BTreeMap::new() }
    }

    /// An empty document that remembers which languages there were.
    pub(super) fn emptied(&self) -> Self {
        Document { merged: Automerge::new(), languages: self.languages.clone() }
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
            self.merged.apply_changes(changes).is_ok()
        });
        // A change that automerge keeps waiting is no error to it.
        let holds = |hash: &ChangeHash| self.merged.get_change_meta_by_hash(hash).is_some();
        applied == Some(true) && hashes.iter().all(holds)
    }

    /// Notes that a key has been set, so that [`Document::item`] finds its language.
    pub(super) fn note(&mut self, field: &str, sku: &str) {
        if let Some(Field::NameIn(language)) = Field::parse(field) {
            self.languages.entry(sku.to_owned()).or_default().insert(language);
        }
    }

    /// Whether it has more heads than one change should join.
    pub(super) fn is_spread(&self, heads_max: usize) -> bool {
        self.merged.get_heads().len() > heads_max
    }

    /// The document itself, to write on as `actor`.
    pub(super) fn trunk(&mut self, actor: &[u8]) -> &mut Automerge {
        self.merged.set_actor(actor.into());
        &mut self.merged
    }

    /// A copy to write on as `actor`, whose last change is `last`. It joins at most
    /// `heads_max` heads beside that change.
    pub(super) fn branch(&self, actor: &[u8], last: Option<Hash>, heads_max: usize) -> Automerge {
        let mut heads = self.merged.get_heads();
        heads.truncate(heads_max);
        heads.extend(last.map(ChangeHash));
        let joined = self.merged.fork_at(&heads).ok();
        joined.unwrap_or_else(|| self.merged.clone()).with_actor(actor.into())
    }

    /// The changes that no other builds on.
    pub(super) fn heads(&self) -> Vec<Hash> {
        self.merged.get_heads().iter().map(|hash| hash.0).collect()
    }

    /// One item, if it has a field that is shown.
    pub(super) fn item(&self, sku: &str) -> Option<Item> {
        let languages = self.languages.get(sku).into_iter().flatten();
        let named = languages.map(|language| Field::NameIn(language.clone()));
        let mut item = None;
        for field in Field::PLAIN.into_iter().chain(named) {
            let values = self.values(&field.key(sku));
            if !values.is_empty() {
                item.get_or_insert_with(Item::default).take(&field, values);
            }
        }
        item
    }

    /// All items by SKU.
    pub(super) fn items(&self) -> BTreeMap<String, Item> {
        let mut fields = BTreeMap::<String, BTreeMap<Field, Vec<Value>>>::new();
        for entry in self.merged.map_range(ROOT, ..) {
            let Some((field, sku)) = field::split_key(&entry.key) else { continue };
            let Some(field) = Field::parse(field) else { continue };
            let values = if entry.conflict {
                self.values(&entry.key)
            } else {
                let scalar = entry.value.into_value().into_scalar().ok();
                scalar.iter().filter_map(change::value).collect()
            };
            fields.entry(sku.to_owned()).or_default().insert(field, values);
        }
        let item = |fields: BTreeMap<Field, Vec<Value>>| {
            let mut item = Item::default();
            fields.into_iter().for_each(|(field, values)| item.take(&field, values));
            item
        };
        fields.into_iter().map(|(sku, fields)| (sku, item(fields))).collect()
    }

    /// Everything that stands at items that are not withdrawn, fields of later versions
    /// included unless they are larger than [`CARRIED_BYTES_MAX`]: of values in conflict the
    /// winner.
    pub(super) fn standing(&self) -> Vec<Puts> {
        let mut items = BTreeMap::<String, Puts>::new();
        for entry in self.merged.map_range(ROOT, ..) {
            let Some((field, sku)) = field::split_key(&entry.key) else { continue };
            if mark::is_mark(field) {
                continue;
            }
            let Ok(scalar) = entry.value.into_value().into_scalar() else { continue };
            if edit::value_bytes(&scalar) > CARRIED_BYTES_MAX {
                continue;
            }
            let puts = items.entry(sku.to_owned()).or_insert_with(|| Puts::of(sku));
            puts.keys.push((entry.key.to_string(), Some(scalar)));
        }
        items.retain(|sku, _| {
            !self.values(&Field::Withdrawn.key(sku)).ends_with(&[Value::Flag(true)])
        });
        items.into_values().collect()
    }

    /// All values that stand at a key, the winner last.
    pub(super) fn values(&self, key: &str) -> Vec<Value> {
        let found = self.merged.get_all(ROOT, key).unwrap_or_default();
        found.iter().filter_map(|(value, _)| change::value(value.as_scalar()?)).collect()
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

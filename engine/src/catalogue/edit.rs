//! Turns a business edit into changes, each small enough for one event.
//!
//! An edit is written on the document itself, because a copy of it takes longer than all the
//! rest, and what comes out is given to the caller to append and then to apply like any other
//! change. Equal documents, actors and edits give equal bytes. This file applies nothing.

use std::collections::{BTreeMap, BTreeSet};

use automerge::transaction::Transactable;
use automerge::{Automerge, ObjId, ROOT, ReadDoc, ScalarValue};

use super::change::{self, Hash};
use super::document::Document;
use super::field::{self, Field};
use super::item::{Item, ItemEdit};
use super::limits::{
    ACTOR_BYTES_MAX, ACTOR_BYTES_MIN, CATEGORY_BYTES_MAX, CHANGE_BYTES_MAX, EDIT_HEADS_MAX,
    FIELD_BYTES_MAX, LANGUAGES_MAX, NAME_BYTES_MAX, PREDECESSORS_PER_CHANGE_MAX, SKU_BYTES_MAX,
};
use super::mark;

/// What an edit at most adds to a change for the frame, one dependency, one more actor, one
/// operation and one predecessor, in bytes, if no column finds a run; keys and texts come on
/// top.
const FRAME_BYTES: usize = 160;
const DEPENDENCY_BYTES: usize = 32;
const OTHER_ACTOR_BYTES: usize = ACTOR_BYTES_MAX + 2;
const OP_BYTES: usize = 24;
const PREDECESSOR_BYTES: usize = 12;

/// One change of an edit, not yet applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The raw change: one uncompressed chunk of type 1, at most
    /// [`CHANGE_BYTES_MAX`] bytes.
    pub bytes: Vec<u8>,
    /// The items it sets.
    pub skus: BTreeSet<String>,
    /// By which others name it as a dependency.
    pub(super) hash: Hash,
}

/// Why an edit was not written; nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The actor id has a length that no branch gives.
    #[error("an actor id has {ACTOR_BYTES_MIN} to {ACTOR_BYTES_MAX} bytes, not {0}")]
    ActorLength(usize),
    /// Changes of this actor wait or are quarantined, so a new one would clash with them.
    #[error(
        "changes of this start do not stand, as when its disk was copied while it ran; \
         restart it and edit again"
    )]
    ActorNotInStep,
    /// The SKU is empty, too long or holds control characters.
    #[error("{0:?} is no SKU: it must have 1 to {SKU_BYTES_MAX} bytes and no control characters")]
    Sku(String),
    /// A value is not one that its field may hold.
    #[error("the {field} of item {sku:?} must be {rule}")]
    Value {
        /// The item.
        sku: String,
        /// The field, as [`Field`] is displayed.
        field: String,
        /// What it may hold.
        rule: String,
    },
    /// The item would be named in too many languages.
    #[error("item {0:?} would have names in more than {LANGUAGES_MAX} languages; clear one first")]
    Languages(String),
    /// So many concurrent values stand at one field that superseding them takes more than
    /// one change can hold.
    #[error("item {0:?} has more values in conflict than one change can settle; use another SKU")]
    TooManyConflicts(String),
    /// Automerge did not write the change, or not one that replicas would take: a defect.
    #[error("the change could not be written")]
    Refused,
}

/// What a scalar adds to a change beside its operation.
pub(super) fn value_bytes(scalar: &ScalarValue) -> usize {
    match scalar {
        ScalarValue::Str(text) => text.len(),
        ScalarValue::Bytes(bytes) => bytes.len(),
        _ => 0,
    }
}

/// What to do at the keys of one item: `None` clears a key.
pub(super) struct Puts {
    pub sku: String,
    pub keys: Vec<(String, Option<ScalarValue>)>,
}

impl Puts {
    pub(super) fn of(sku: &str) -> Self {
        Puts { sku: sku.to_owned(), keys: Vec::new() }
    }

    fn of_edit(edit: ItemEdit) -> Self {
        let ItemEdit { sku, fields } = edit;
        let put = |(field, value): (Field, Option<_>)| (field.key(&sku), value.map(change::scalar));
        Puts { keys: fields.into_iter().map(put).collect(), sku }
    }
}

/// Merges the edits of each item and checks them against the fields' rules.
pub(super) fn checked(edits: &[ItemEdit]) -> Result<Vec<ItemEdit>, EditError> {
    let mut items = BTreeMap::<&str, ItemEdit>::new();
    for edit in edits {
        if !field::is_sku(&edit.sku) {
            return Err(EditError::Sku(edit.sku.clone()));
        }
        let mut values =
            edit.fields.iter().filter_map(|(field, value)| Some((field, value.as_ref()?)));
        if let Some((field, _)) = values.find(|(field, value)| !field.accepts(value)) {
            let (field, rule) = (field.to_string(), field.rule());
            return Err(EditError::Value { sku: edit.sku.clone(), field, rule });
        }
        items.entry(&edit.sku).or_insert_with(|| ItemEdit::of(&edit.sku)).absorb(edit);
    }
    Ok(items.into_values().collect())
}

/// Whether an item keeps within its number of languages.
pub(super) fn check_languages(
    edit: &ItemEdit,
    before: impl FnOnce() -> Option<Item>,
) -> Result<(), EditError> {
    if !edit.fields.keys().any(|field| matches!(field, Field::NameIn(_))) {
        return Ok(());
    }
    let before = before().unwrap_or_default().names;
    let mut names: BTreeSet<&str> = before.keys().map(String::as_str).collect();
    for (field, value) in &edit.fields {
        if let Field::NameIn(language) = field {
            match value {
                Some(_) => names.insert(language.as_str()),
                None => names.remove(language.as_str()),
            };
        }
    }
    if names.len() > LANGUAGES_MAX {
        return Err(EditError::Languages(edit.sku.clone()));
    }
    Ok(())
}

/// The mark of a change that a season begins with.
pub(super) fn carried(hash: &Hash) -> Puts {
    let key = mark::carried_key(hash);
    Puts { sku: key.clone(), keys: vec![(key, Some(ScalarValue::Boolean(true)))] }
}

/// The mark of a late change that is done with.
pub(super) fn settled(season: u32, hash: &Hash) -> Puts {
    let key = mark::settled_key(hash);
    Puts { sku: key.clone(), keys: vec![(key, Some(ScalarValue::Int(season.into())))] }
}

/// The keys that checked edits set.
pub(super) fn puts(items: Vec<ItemEdit>) -> Vec<Puts> {
    items.into_iter().map(Puts::of_edit).collect()
}

/// Writes as `actor`, whose last standing change is `last`. Afterwards the document holds what
/// was written, or, after an error, something else: then it must be thrown away. A document
/// with many heads is left as it is; the second value says so.
pub(super) fn write(
    document: &mut Document,
    actor: &[u8],
    last: Option<Hash>,
    items: Vec<Puts>,
) -> Result<(Vec<Edit>, bool), EditError> {
    let spread = document.is_spread(EDIT_HEADS_MAX);
    let written = change::guarded(|| {
        let mut branch = spread.then(|| document.branch(actor, last, EDIT_HEADS_MAX));
        let mut writer = Writer::new(match &mut branch {
            Some(branch) => branch,
            None => document.trunk(actor),
        });
        for item in items {
            writer.push(item)?;
        }
        writer.close()?;
        Ok(writer.edits)
    });
    let edits = written.unwrap_or(Err(EditError::Refused))?;
    let sound = |edit: &Edit| change::parse(&edit.bytes, actor).is_ok();
    if edits.iter().all(sound) { Ok((edits, !spread)) } else { Err(EditError::Refused) }
}

/// Fills one change after the other.
struct Writer<'a> {
    document: &'a mut Automerge,
    group: Vec<Puts>,
    size: Size,
    edits: Vec<Edit>,
}

/// An upper bound for what a change takes.
#[derive(Clone, Default)]
struct Size {
    bytes: usize,
    predecessors: u64,
    actors: BTreeSet<Vec<u8>>,
}

impl Size {
    /// With one item more; the frame is counted with the first.
    fn with(&self, document: &Automerge, item: &Puts) -> Self {
        let mut size = self.clone();
        if size.bytes == 0 {
            let dependencies = document.get_heads().len() + 1;
            size.bytes = FRAME_BYTES + dependencies * DEPENDENCY_BYTES;
        }
        for (key, value) in &item.keys {
            size.bytes += OP_BYTES + key.len() + value.as_ref().map_or(0, value_bytes);
            for (_, id) in document.get_all(ROOT, key).unwrap_or_default() {
                size.predecessors += 1;
                size.bytes += PREDECESSOR_BYTES;
                if let ObjId::Id(_, actor, _) = id
                    && size.actors.insert(actor.to_bytes().to_vec())
                {
                    size.bytes += OTHER_ACTOR_BYTES;
                }
            }
        }
        size
    }

    fn fits(&self) -> bool {
        self.bytes <= CHANGE_BYTES_MAX && self.predecessors <= PREDECESSORS_PER_CHANGE_MAX
    }
}

impl<'a> Writer<'a> {
    fn new(document: &'a mut Automerge) -> Self {
        Writer { document, group: Vec::new(), size: Size::default(), edits: Vec::new() }
    }

    fn push(&mut self, item: Puts) -> Result<(), EditError> {
        let mut size = self.size.with(self.document, &item);
        if !size.fits() {
            self.close()?;
            size = Size::default().with(self.document, &item);
            if !size.fits() {
                return self.push_apart(item);
            }
        }
        self.size = size;
        self.group.push(item);
        Ok(())
    }

    /// Spreads an item that is too large for one change over one for each key.
    fn push_apart(&mut self, item: Puts) -> Result<(), EditError> {
        if item.keys.len() < 2 {
            return Err(EditError::TooManyConflicts(item.sku));
        }
        let Puts { sku, keys } = item;
        keys.into_iter().try_for_each(|key| self.push(Puts { sku: sku.clone(), keys: vec![key] }))
    }

    /// Commits the group as one change; values that stand already make none.
    fn close(&mut self) -> Result<(), EditError> {
        self.size = Size::default();
        let group = std::mem::take(&mut self.group);
        let mut transaction = self.document.transaction();
        let mut skus = BTreeSet::new();
        for Puts { sku, keys } in group {
            let before = transaction.pending_ops();
            for (key, value) in keys {
                let put = match value {
                    Some(value) => transaction.put(ROOT, key, value),
                    None => transaction.delete(ROOT, key),
                };
                put.map_err(|_| EditError::Refused)?;
            }
            if transaction.pending_ops() > before {
                skus.insert(sku);
            }
        }
        if transaction.commit().0.is_none() {
            return Ok(());
        }
        let change = self.document.get_last_local_change().ok_or(EditError::Refused)?;
        let (hash, bytes) = (change.hash().0, change.raw_bytes().to_vec());
        self.edits.push(Edit { bytes, skus, hash });
        Ok(())
    }
}

const _: () = {
    // One item without conflicts always fits, however many heads an edit joins.
    let names = 1 + LANGUAGES_MAX;
    let fields = Field::PLAIN.len() + LANGUAGES_MAX;
    let texts = names * NAME_BYTES_MAX
        + CATEGORY_BYTES_MAX
        + 4 * super::limits::CODE_BYTES_MAX
        + fields * (SKU_BYTES_MAX + FIELD_BYTES_MAX);
    let values = fields * (OP_BYTES + PREDECESSOR_BYTES + OTHER_ACTOR_BYTES);
    let frame = FRAME_BYTES + (EDIT_HEADS_MAX + 2) * DEPENDENCY_BYTES;
    assert!(frame + values + texts <= CHANGE_BYTES_MAX);
};

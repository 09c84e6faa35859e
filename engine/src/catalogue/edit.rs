//! Turns a business edit into changes, each small enough for one event.
//!
//! An edit is written on a copy of the document, and what comes out is given to the caller
//! to append and then to apply like any other change. Equal documents, actors and edits
//! give equal bytes. This file applies nothing.

use std::collections::{BTreeMap, BTreeSet};

use automerge::transaction::Transactable;
use automerge::{Automerge, ObjId, ROOT, ReadDoc, ScalarValue};

use super::change::{self, Hash};
use super::document::Document;
use super::item::{self, Field, FieldValue, ItemEdit};
use super::limits::{
    ACTOR_BYTES_MAX, ACTOR_BYTES_MIN, CHANGE_BYTES_MAX, EDIT_HEADS_MAX,
    PREDECESSORS_PER_CHANGE_MAX, SKU_BYTES_MAX,
};

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
}

/// Why an edit was not written; nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The actor id has a length that no branch gives.
    #[error("an actor id has {ACTOR_BYTES_MIN} to {ACTOR_BYTES_MAX} bytes, not {0}")]
    ActorLength(usize),
    /// Changes of this actor wait or are quarantined, so a new one would clash with them.
    #[error("this branch has changes that do not stand; open a new epoch and edit again")]
    ActorNotInStep,
    /// The SKU is empty, too long or holds control characters.
    #[error("{0:?} is no SKU: it must have 1 to {SKU_BYTES_MAX} bytes and no control characters")]
    Sku(String),
    /// A value is out of its bounds.
    #[error("the {field} of item {sku:?} is out of bounds")]
    Value {
        /// The item.
        sku: String,
        /// `name` or `price`.
        field: &'static str,
    },
    /// So many concurrent values stand at one item that superseding them takes more than
    /// one change can hold.
    #[error("item {0:?} has too many conflicts for one change; set its fields one at a time")]
    TooManyConflicts(String),
    /// Automerge did not write the change, or not one that replicas would take: a defect.
    #[error("the change could not be written")]
    Refused,
}

/// Merges the edits of each item and checks them.
pub(super) fn checked(edits: &[ItemEdit]) -> Result<Vec<ItemEdit>, EditError> {
    let mut items = BTreeMap::<&str, ItemEdit>::new();
    for edit in edits {
        if !item::is_sku(&edit.sku) {
            return Err(EditError::Sku(edit.sku.clone()));
        }
        if let Some((field, _)) = edit.fields().find(|(_, value)| !value.in_bounds()) {
            return Err(EditError::Value { sku: edit.sku.clone(), field: field.as_str() });
        }
        let blank = || ItemEdit { sku: edit.sku.clone(), ..ItemEdit::default() };
        items.entry(&edit.sku).or_insert_with(blank).absorb(edit);
    }
    Ok(items.into_values().collect())
}

/// Writes checked edits as `actor`, whose last standing change is `last`.
pub(super) fn write(
    document: &Document,
    actor: &[u8],
    last: Option<Hash>,
    items: Vec<ItemEdit>,
) -> Result<Vec<Edit>, EditError> {
    let written = change::guarded(|| {
        let mut writer = Writer::new(document.branch(actor, last, EDIT_HEADS_MAX));
        for item in items {
            writer.push(item)?;
        }
        writer.close()?;
        Ok(writer.edits)
    });
    let edits = written.unwrap_or(Err(EditError::Refused))?;
    let sound = |edit: &Edit| change::parse(&edit.bytes, actor).is_ok();
    if edits.iter().all(sound) { Ok(edits) } else { Err(EditError::Refused) }
}

/// Fills one change after the other.
struct Writer {
    document: Automerge,
    group: Vec<ItemEdit>,
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
    fn with(&self, document: &Automerge, edit: &ItemEdit) -> Self {
        let mut size = self.clone();
        if size.bytes == 0 {
            let dependencies = document.get_heads().len() + 1;
            size.bytes = FRAME_BYTES + dependencies * DEPENDENCY_BYTES;
        }
        for (field, value) in edit.fields() {
            let key = field.key(&edit.sku);
            let text_bytes = if let FieldValue::Name(name) = &value { name.len() } else { 0 };
            size.bytes += OP_BYTES + key.len() + text_bytes;
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

impl Writer {
    fn new(document: Automerge) -> Self {
        Writer { document, group: Vec::new(), size: Size::default(), edits: Vec::new() }
    }

    fn push(&mut self, item: ItemEdit) -> Result<(), EditError> {
        let mut size = self.size.with(&self.document, &item);
        if !size.fits() {
            self.close()?;
            size = Size::default().with(&self.document, &item);
            if !size.fits() {
                return Err(EditError::TooManyConflicts(item.sku));
            }
        }
        self.size = size;
        self.group.push(item);
        Ok(())
    }

    /// Commits the group as one change; values that stand already make none.
    fn close(&mut self) -> Result<(), EditError> {
        self.size = Size::default();
        let group = std::mem::take(&mut self.group);
        let mut transaction = self.document.transaction();
        let mut skus = BTreeSet::new();
        for item in &group {
            for (field, value) in item.fields() {
                let before = transaction.pending_ops();
                let put = transaction.put(ROOT, field.key(&item.sku), scalar(value));
                put.map_err(|_| EditError::Refused)?;
                if transaction.pending_ops() > before {
                    skus.insert(item.sku.clone());
                }
            }
        }
        if transaction.commit().0.is_none() {
            return Ok(());
        }
        let change = self.document.get_last_local_change().ok_or(EditError::Refused)?;
        self.edits.push(Edit { bytes: change.raw_bytes().to_vec(), skus });
        Ok(())
    }
}

fn scalar(value: FieldValue) -> ScalarValue {
    match value {
        FieldValue::Name(name) => ScalarValue::Str(name.into()),
        FieldValue::Price(price) => ScalarValue::Int(price),
        FieldValue::Withdrawn(off) => ScalarValue::Boolean(off),
    }
}

const _: () = {
    // One item without conflicts always fits, however many heads an edit joins.
    let fields = Field::ALL.len();
    let texts =
        super::limits::NAME_BYTES_MAX + fields * (SKU_BYTES_MAX + super::limits::FIELD_BYTES_MAX);
    let values = fields * (OP_BYTES + PREDECESSOR_BYTES + OTHER_ACTOR_BYTES);
    let frame = FRAME_BYTES + (EDIT_HEADS_MAX + 2) * DEPENDENCY_BYTES;
    assert!(frame + values + texts <= CHANGE_BYTES_MAX);
};

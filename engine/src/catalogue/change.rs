//! Reads one raw change and checks everything that the change alone can tell.
//!
//! What automerge can read is wider than what the catalogue writes, and some of it would
//! make the state depend on the order of arrival. So a change is let in only when it is a
//! change that [`super::edit`] could have written: scalars at known keys of the root map,
//! each key once, no message, no time, in the one canonical encoding. Whether it fits the
//! changes it depends on is the graph's question, not this file's.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use automerge::legacy::{Key, Op as AutomergeOp, OpType};
use automerge::{Change, ExpandedChange, ScalarValue};

use super::field::{self, Field, Value};
use super::frame;
use super::item::ItemEdit;
use super::quarantine::Quarantine;

/// SHA-256 of a change, by which others name it as a dependency.
pub(super) type Hash = [u8; 32];

/// A change that is sound by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parsed {
    pub hash: Hash,
    pub actor: Vec<u8>,
    pub seq: u32,
    pub start_op: u64,
    pub dependencies: Vec<Hash>,
    /// In the order of their numbers, the first being `start_op`; never empty.
    pub ops: Vec<ParsedOp>,
}

/// One operation: sets or clears one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ParsedOp {
    pub key: String,
    /// Whether it sets the key; otherwise it only supersedes.
    pub sets: bool,
    /// The operations it supersedes: counter and actor.
    pub predecessors: Vec<(u64, Vec<u8>)>,
}

/// Reads a raw change that came by the branch of `actor`.
pub(super) fn parse(bytes: &[u8], actor: &[u8]) -> Result<Parsed, Quarantine> {
    let borne = frame::actor_of(bytes)?;
    let (change, expanded) = guarded(|| read(bytes)).ok_or(Quarantine::NotAChange)??;
    if borne != actor {
        return Err(Quarantine::ForeignActor);
    }
    profile(&change, expanded).ok_or(Quarantine::OutsideProfile)
}

/// The change in automerge's own form; the bytes must have passed [`parse`] before.
pub(super) fn reread(bytes: &[u8]) -> Option<Change> {
    guarded(|| Change::try_from(bytes).ok()).flatten()
}

/// Runs automerge's code on foreign input. A panic becomes `None`; what the closure had in
/// hand must not be used afterwards.
pub(super) fn guarded<T>(run: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(run)).ok()
}

fn read(bytes: &[u8]) -> Result<(Change, ExpandedChange), Quarantine> {
    let change = Change::try_from(bytes).map_err(|_| Quarantine::NotAChange)?;
    if bytes.get(frame::CHECKSUM) != change.hash().0.get(..4) {
        return Err(Quarantine::NotAChange);
    }
    let expanded = change.decode();
    // The same operations in another encoding would be a second change of the same
    // meaning, which automerge cannot give back as it came.
    if Change::from(expanded.clone()).raw_bytes() != bytes {
        return Err(Quarantine::OutsideProfile);
    }
    Ok((change, expanded))
}

/// The frame has let no column through that an operation outside of the root would need,
/// and no trailing bytes.
fn profile(change: &Change, expanded: ExpandedChange) -> Option<Parsed> {
    let seq = u32::try_from(change.seq()).ok().filter(|seq| *seq > 0)?;
    let unique: BTreeSet<_> = change.deps().iter().collect();
    if change.is_empty() || unique.len() != change.deps().len() {
        return None;
    }
    let ops = expanded.operations.into_iter().map(op).collect::<Option<Vec<_>>>()?;
    let keys: BTreeSet<_> = ops.iter().map(|op| op.key.as_str()).collect();
    if keys.len() != ops.len() {
        return None;
    }
    Some(Parsed {
        hash: change.hash().0,
        actor: change.actor_id().to_bytes().to_vec(),
        seq,
        start_op: change.start_op().get(),
        dependencies: change.deps().iter().map(|hash| hash.0).collect(),
        ops,
    })
}

fn op(op: AutomergeOp) -> Option<ParsedOp> {
    let Key::Map(key) = op.key else { return None };
    let (field, _) = field::split_key(&key)?;
    let sets = match &op.action {
        OpType::Put(value) if fits(field, value) => true,
        // Clears nothing that is not there.
        OpType::Delete if !op.pred.is_empty() => false,
        _ => return None,
    };
    let unique: BTreeSet<_> = op.pred.iter().collect();
    if op.insert || unique.len() != op.pred.len() {
        return None;
    }
    let predecessors =
        op.pred.iter().map(|id| (id.counter(), id.actor().to_bytes().to_vec())).collect();
    Some(ParsedOp { key: key.to_string(), sets, predecessors })
}

/// Whether a field may hold a value. A field of another version may hold any scalar that
/// merges like the others: no counter, and no float as everywhere.
fn fits(field: &str, scalar: &ScalarValue) -> bool {
    match Field::parse(field) {
        Some(field) => value(scalar).is_some_and(|value| field.admits(&value)),
        None => matches!(
            scalar,
            ScalarValue::Bytes(_)
                | ScalarValue::Str(_)
                | ScalarValue::Int(_)
                | ScalarValue::Uint(_)
                | ScalarValue::Boolean(_)
                | ScalarValue::Null
        ),
    }
}

/// The value that a scalar stands for; `None` when no field of this version holds its type.
pub(super) fn value(scalar: &ScalarValue) -> Option<Value> {
    match scalar {
        ScalarValue::Str(text) => Some(Value::Text(text.to_string())),
        ScalarValue::Int(number) => Some(Value::Number(*number)),
        ScalarValue::Boolean(flag) => Some(Value::Flag(*flag)),
        _ => None,
    }
}

/// The scalar that stands for a value.
pub(super) fn scalar(value: Value) -> ScalarValue {
    match value {
        Value::Text(text) => ScalarValue::Str(text.into()),
        Value::Number(number) => ScalarValue::Int(number),
        Value::Flag(flag) => ScalarValue::Boolean(flag),
    }
}

/// What a change did to items, as an edit that would do it again; fields that this version
/// does not know are left out. The bytes must have passed [`parse`] before.
pub(super) fn edits(bytes: &[u8]) -> Option<Vec<ItemEdit>> {
    let expanded = guarded(|| Change::try_from(bytes).ok().map(|change| change.decode()))??;
    let mut items = BTreeMap::<String, ItemEdit>::new();
    for op in expanded.operations {
        let Key::Map(key) = op.key else { continue };
        let Some((field, sku)) = field::split_key(&key) else { continue };
        let Some(field) = Field::parse(field) else { continue };
        let set = match &op.action {
            OpType::Put(scalar) => value(scalar).map(Some),
            OpType::Delete => Some(None),
            _ => None,
        };
        let item = items.entry(sku.to_owned()).or_insert_with(|| ItemEdit::of(sku));
        item.fields.extend(set.map(|value| (field, value)));
    }
    Some(items.into_values().collect())
}

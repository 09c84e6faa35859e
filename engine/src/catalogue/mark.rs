//! Marks about changes of other seasons, kept in the document beside the items.
//!
//! ```text
//! key            value        meaning
//! carried/HASH   true         this season began with that change of the one before and with
//!                             all that it builds on
//! settled/HASH   season       that change of a closed season came late, and somebody has
//!                             taken it over or put it aside
//! ```
//!
//! HASH is a change's SHA-256 in hexadecimal. A mark is an ordinary field, so it merges like
//! one; no item is shown for it.

use super::change::Hash;
use super::field::Value;
use super::limits::CONFLICTS_SHOWN_MAX;
use crate::hex;

/// The field of a change that a season began with.
const CARRIED: &str = "carried";
/// The field of a late change that is done with.
const SETTLED: &str = "settled";

/// What stands in a document about one change of another season.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// Whether the season began with it.
    pub carried: bool,
    /// The seasons that it is said to belong to, as a late change that is done with.
    pub settled: Vec<u32>,
}

pub(super) fn is_mark(field: &str) -> bool {
    field == CARRIED || field == SETTLED
}

pub(super) fn carried_key(hash: &Hash) -> String {
    format!("{CARRIED}/{}", hex::encode(hash))
}

pub(super) fn settled_key(hash: &Hash) -> String {
    format!("{SETTLED}/{}", hex::encode(hash))
}

/// The change that the key of a mark names.
pub(super) fn read_key(field: &str, name: &str) -> Option<Hash> {
    let hash = hex::decode(name).ok()?.try_into().ok()?;
    is_mark(field).then_some(hash)
}

/// Reads what stands at a change's two keys.
pub(super) fn read(carried: &[Value], settled: &[Value]) -> Marks {
    let season = |value: &Value| match value {
        Value::Number(season) => u32::try_from(*season).ok(),
        _ => None,
    };
    let mut settled: Vec<u32> = settled.iter().filter_map(season).collect();
    settled.sort_unstable();
    settled.dedup();
    settled.truncate(CONFLICTS_SHOWN_MAX);
    Marks { carried: carried.contains(&Value::Flag(true)), settled }
}

//! What stock-takes found missing or left over, by SKU and stall.
//!
//! The variances move the stock as well; here they are kept apart, so that somebody can ask where
//! goods vanish.
//!
//! ```text
//! row     sku | 0x00 | device 32        value  [`Drift`]
//! ```

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Books, Origin, Projection};
use crate::clock::Hlc;
use crate::event::codec;
use crate::event::{Event, Payload};
use crate::ids::{DeviceId, EventId, Scope};
use crate::keys::{self, Range};
use crate::limits::DRIFT_TAKES_MAX;
use crate::store::ReadError;

/// What the stock-takes of one SKU at one stall found, in thousandths.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drift {
    /// How often it was counted.
    pub counts: u64,
    /// The sum of the variances: counted less book.
    pub variance: i128,
    /// The sum of those below zero, as a positive number.
    pub missing: i128,
    /// The last [`DRIFT_TAKES_MAX`] variances that are not zero, by the stall's clock and then id.
    pub latest: BTreeSet<(Hlc, EventId, i128)>,
}

/// Takes an event in.
pub fn fold(books: &mut dyn Books, origin: &Origin, event: &Event) -> Result<(), ReadError> {
    let Payload::StockCounted(count) = &event.payload else { return Ok(()) };
    for line in &count.lines {
        let rest = [line.sku.as_bytes(), &[0], &origin.log.device.0].concat();
        let key = super::row(Projection::Drift, origin.log.scope, &rest);
        let variance = line.variance();
        super::update(books, key, |drift: &mut Drift| {
            drift.counts = drift.counts.saturating_add(1);
            drift.variance = drift.variance.saturating_add(variance);
            drift.missing = drift.missing.saturating_add((-variance).max(0));
            if variance != 0 {
                drift.latest.insert((event.hlc, origin.id, variance));
            }
            if drift.latest.len() > DRIFT_TAKES_MAX {
                drift.latest.pop_first();
            }
        })?;
    }
    Ok(())
}

/// The rows of a scope whose SKU sorts after `sku`, or all.
pub fn rows(scope: Scope, after: Option<&str>) -> Range {
    let (first, end) = keys::prefix(super::row(Projection::Drift, scope, &[]));
    let beyond = |sku: &str| super::row(Projection::Drift, scope, &[sku.as_bytes(), &[1]].concat());
    (after.map_or(first, beyond), end)
}

/// The SKU, the stall and the drift of a row.
pub fn read(key: &[u8], value: &[u8]) -> Option<(String, DeviceId, Drift)> {
    let (_, _, rest) = keys::read_row(key)?;
    let (rest, device) = rest.split_last_chunk::<32>()?;
    let sku = rest.strip_suffix(&[0])?;
    let drift = codec::decode("a drift row", value).ok()?;
    Some((String::from_utf8(sku.to_vec()).ok()?, DeviceId(*device), drift))
}

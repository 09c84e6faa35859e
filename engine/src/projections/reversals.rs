//! What was refunded or voided of each sale.
//!
//! The till asks this before it pays money back; the fold itself never refuses.
//!
//! ```text
//! row     sale's log id 16 | epoch 8 BE | seq 8 BE | short hash 16        value  [`Reversal`]
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::event::Refund;
use crate::ids::{EventId, Scope};
use crate::keys;
use crate::limits::SALE_LINES_MAX;
use crate::store::ReadError;

use super::{Books, Origin, Projection};

/// What happened to a sale after it was rung up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reversal {
    /// Whether it was undone as a whole.
    pub voided: bool,
    /// For each line refunded, of the first [`SALE_LINES_MAX`]: thousandths and minor units, summed
    /// over every refund.
    pub refunded: BTreeMap<u16, (i128, i128)>,
}

/// The key of a sale's row.
pub fn key(scope: Scope, sale: &EventId) -> Vec<u8> {
    super::row(Projection::Reversals, scope, &keys::event(sale)[1..])
}

/// Adds a refund.
pub fn refunded(books: &mut dyn Books, origin: &Origin, refund: &Refund) -> Result<(), ReadError> {
    super::update(books, key(origin.log.scope, &refund.sale), |reversal: &mut Reversal| {
        // A sale has no more lines; a lying refund must not let the row grow without end.
        let lines = refund.lines.iter().filter(|line| usize::from(line.line) < SALE_LINES_MAX);
        for line in lines {
            let sums = reversal.refunded.entry(line.line).or_default();
            sums.0 += i128::from(line.quantity);
            sums.1 += i128::from(line.amount);
        }
    })
}

/// Marks a sale as undone. Returns whether it was not before.
pub fn voided(books: &mut dyn Books, origin: &Origin, sale: &EventId) -> Result<bool, ReadError> {
    let mut first = false;
    super::update(books, key(origin.log.scope, sale), |reversal: &mut Reversal| {
        first = !reversal.voided;
        reversal.voided = true;
    })?;
    Ok(first)
}

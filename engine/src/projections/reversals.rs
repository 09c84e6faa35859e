//! What was refunded or voided of each sale.
//!
//! The till asks this before it pays money back; the fold itself never refuses.
//!
//! ```text
//! row     sale's log id 16 | epoch 8 BE | seq 8 BE | short hash 16      value  [`Reversal`]
//! row     the same, then the same of an event that reversed some        value  1
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::findings::{self, Finding, Rule};
use super::{Books, Origin, Projection, event_key};
use crate::event::sale::Sale;
use crate::event::{Event, Payload, Refund};
use crate::ids::{EventId, Lane, Log, LogId, Scope};
use crate::keys;
use crate::limits::{EVIDENCE_MAX, SALE_LINES_MAX};
use crate::store::{ReadError, Row};

/// What happened to a sale after it was rung up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reversal {
    /// Whether it was undone as a whole.
    pub voided: bool,
    /// For each line refunded, those from [`SALE_LINES_MAX`] on as one: thousandths and
    /// minor units, summed over every refund.
    pub refunded: BTreeMap<u16, (i128, i128)>,
}

/// Stands for every line that no sale can have.
const BEYOND: u16 = SALE_LINES_MAX as u16;

/// The key of a sale's row.
pub fn key(scope: Scope, sale: &EventId) -> Vec<u8> {
    super::row(Projection::Reversals, scope, &event_key(sale))
}

/// Takes an event in.
pub fn fold(books: &mut dyn Books, origin: &Origin, event: &Event) -> Result<(), ReadError> {
    match &event.payload {
        Payload::SaleRefunded(refund) => refunded(books, origin, refund),
        Payload::SaleVoided(void) if is_sale(books, origin, &void.sale)? => {
            let key = key(origin.log.scope, &void.sale);
            super::update(books, key, |reversal: &mut Reversal| reversal.voided = true)?;
            witness(books, origin, &void.sale)
        }
        _ => Ok(()),
    }
}

fn refunded(books: &mut dyn Books, origin: &Origin, refund: &Refund) -> Result<(), ReadError> {
    super::update(books, key(origin.log.scope, &refund.sale), |reversal: &mut Reversal| {
        for line in &refund.lines {
            // A sale has no more lines: what names one beyond is one sum, so the row stays small.
            let sums = reversal.refunded.entry(line.line.min(BEYOND)).or_default();
            sums.0 += i128::from(line.quantity);
            sums.1 += i128::from(line.amount);
        }
    })?;
    witness(books, origin, &refund.sale)
}

/// Notes that an event reversed some of a sale.
fn witness(books: &mut dyn Books, origin: &Origin, sale: &EventId) -> Result<(), ReadError> {
    let rest = [event_key(sale), event_key(&origin.id)].concat();
    books.set_row(super::row(Projection::Reversals, origin.log.scope, &rest), Some(vec![1]))
}

/// Whether a void names a sale that stands before it on its branch.
fn is_sale(books: &dyn Books, origin: &Origin, sale: &EventId) -> Result<bool, ReadError> {
    let original = books.ancestor(origin, sale)?;
    Ok(original.is_some_and(|event| matches!(event.payload, Payload::SaleCompleted(_))))
}

/// Re-examines what an event could have made a finding.
pub fn judge(books: &mut dyn Books, origin: &Origin, event: &Event) -> Result<(), ReadError> {
    let scope = origin.log.scope;
    // A refund may have come before the event that it names.
    judge_sale(books, scope, &origin.id)?;
    match &event.payload {
        Payload::SaleRefunded(refund) => judge_sale(books, scope, &refund.sale),
        Payload::SaleVoided(void) if is_sale(books, origin, &void.sale)? => {
            judge_sale(books, scope, &void.sale)
        }
        Payload::SaleVoided(_) => {
            let subject = event_key(&origin.id);
            let finding = Finding::new(Rule::VoidElsewhere, origin.id.to_string(), [origin.id]);
            findings::put(books, scope, Rule::VoidElsewhere, &subject, Some(finding))
        }
        _ => Ok(()),
    }
}

fn judge_sale(books: &mut dyn Books, scope: Scope, sale: &EventId) -> Result<(), ReadError> {
    let key = key(scope, sale);
    let Some(row) = books.row(&key)? else { return Ok(()) };
    let reversal: Reversal = super::read(Some(row))?;
    let subject = event_key(sale);
    let mut over = None;
    if let Some((_, event)) = books.event(sale)?.filter(|(log, _)| here(log, scope))
        && let Payload::SaleCompleted(original) = event.payload
    {
        over = too_much(&original, &reversal);
    }
    let Some((quantity, money)) = over else {
        return findings::put(books, scope, Rule::OverRefund, &subject, None);
    };
    let mut finding = Finding::new(Rule::OverRefund, sale.to_string(), evidence(books, &key)?);
    (finding.quantity, finding.money) = (quantity, money);
    findings::put(books, scope, Rule::OverRefund, &subject, Some(finding))
}

fn here(log: &Log, scope: Scope) -> bool {
    log.scope == scope && log.lane == Lane::Ledger
}

/// The quantity and the money taken back beyond what was sold, if any.
fn too_much(sale: &Sale, reversal: &Reversal) -> Option<(i128, i128)> {
    let (mut quantity, mut money, mut any) = (0, 0, false);
    for (line, (back, paid)) in &reversal.refunded {
        let stands = *line < BEYOND && !reversal.voided;
        let sold = sale.lines.get(usize::from(*line)).filter(|_| stands);
        let (most, due) =
            sold.map_or((0, 0), |sold| (i128::from(sold.quantity), i128::from(sold.amount)));
        any |= *back > most || *paid > due || sold.is_none();
        quantity += (back - most).max(0);
        money += (paid - due).max(0);
    }
    any.then_some((quantity, money))
}

/// The first events, in order, that reversed some of the sale with this row.
fn evidence(books: &dyn Books, key: &[u8]) -> Result<Vec<EventId>, ReadError> {
    // The sale's own row comes first.
    let rows = books.first_rows(&keys::prefix(key.to_vec()), EVIDENCE_MAX + 1)?;
    Ok(witnesses_in(&rows, key))
}

/// Every event of one log, in order, that reversed some of the sale with this row.
pub fn witnesses(books: &dyn Books, key: &[u8], by: &LogId) -> Result<Vec<EventId>, ReadError> {
    let rows = books.rows(&keys::prefix([key, &by.0].concat()))?;
    Ok(witnesses_in(&rows, key))
}

fn witnesses_in(rows: &[Row], key: &[u8]) -> Vec<EventId> {
    let ids = rows.iter().filter_map(|(row, _)| super::read_event_key(row.get(key.len()..)?));
    ids.collect()
}

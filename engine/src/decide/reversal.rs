//! Whether a sale may be refunded or voided.

use std::collections::BTreeMap;

use super::sale::tenders;
use super::{Refusal, Rules, amount, count, currency, key, needs};
use crate::event::codec;
use crate::event::sale::Sale;
use crate::event::{Payload, Refund, Void};
use crate::ids::{EventId, Scope};
use crate::limits::SALE_LINES_MAX;
use crate::projections::reversals::{self, Reversal};
use crate::projections::{self, Books, Projection};
use crate::replica::Replica;

/// Checks a refund against its sale and what was reversed of it already, as far as this stall
/// knows. Fills in the SKUs from the sale.
pub fn refund(
    refund: &mut Refund,
    scope: Scope,
    rules: &Rules,
    replica: &Replica,
) -> Result<(), Refusal> {
    key(&refund.key)?;
    currency(refund.currency, rules)?;
    count("lines", refund.lines.len(), SALE_LINES_MAX)?;
    let sale = original(&refund.sale, replica)?;
    let done = reversal(scope, &refund.sale, replica)?;
    if done.voided {
        return Err(Refusal::BadReference("the sale was voided; there is nothing left".to_owned()));
    }
    let mut taken: BTreeMap<u16, (i128, i128)> = done.refunded;
    let mut due = 0_i64;
    for (at, line) in refund.lines.iter_mut().enumerate() {
        amount(format!("lines[{at}].amount"), line.amount, rules)?;
        let sold = sale.lines.iter().take(SALE_LINES_MAX).nth(usize::from(line.line));
        let Some(sold) = sold else {
            let text = format!("lines[{at}].line {} is not a line of the sale", line.line);
            return Err(Refusal::BadReference(text));
        };
        line.sku.clone_from(&sold.sku);
        let sums = taken.entry(line.line).or_default();
        sums.0 += i128::from(line.quantity);
        sums.1 += i128::from(line.amount);
        if sums.0 > i128::from(sold.quantity) || sums.1 > i128::from(sold.amount) {
            let text = format!(
                "lines[{at}] would refund more of line {} than was sold: {} thousandths for {}, \
                 refunds before this one included",
                line.line, sold.quantity, sold.amount
            );
            return Err(Refusal::BadReference(text));
        }
        due = due.saturating_add(line.amount);
    }
    tenders(&refund.tenders, due, rules, false)
}

/// Checks a void: a sale of this stall that was neither voided nor refunded.
pub fn void(void: &Void, scope: Scope, replica: &Replica) -> Result<(), Refusal> {
    key(&void.key)?;
    original(&void.sale, replica)?;
    let own = replica.own_log(scope, crate::ids::Lane::Ledger).id();
    let done = reversal(scope, &void.sale, replica)?;
    let what = if void.sale.log != own {
        "only the stall that made the sale can void it; refund it instead"
    } else if !replica.is_own(scope, &void.sale)? {
        "a copy of this stall's disk made the sale; refund it instead"
    } else if done.voided {
        "the sale was voided before"
    } else if !done.refunded.is_empty() {
        "part of the sale was refunded; refund the rest instead"
    } else {
        return Ok(());
    };
    Err(Refusal::BadReference(what.to_owned()))
}

fn original(id: &EventId, replica: &Replica) -> Result<Sale, Refusal> {
    match replica.event(id)?.map(|event| event.payload) {
        Some(Payload::SaleCompleted(sale)) => Ok(sale),
        Some(other) => Err(Refusal::BadReference(format!(
            "event {id} is not a sale but {}",
            codec::kind_name(&other)
        ))),
        None => Err(Refusal::BadReference(format!(
            "sale {id} is not known here; wait for sync, or ask the stall that made it"
        ))),
    }
}

fn reversal(scope: Scope, sale: &EventId, replica: &Replica) -> Result<Reversal, Refusal> {
    needs(replica, Projection::Reversals)?;
    Ok(projections::read(replica.row(&reversals::key(scope, sale))?)?)
}

//! Receipts by till and number, and the copies printed of them.
//!
//! A number is part of its sale or refund, so a device's own branch has no gaps and no doubles;
//! only two branches of a clone can bear one number twice.
//!
//! ```text
//! row     0 | device 32 | till | 0x00 | number 8 BE      value  the documents that bear it
//! row     1 | document 48 | reprint 48                   value  1
//! ```

use super::findings::{self, Finding, Rule};
use super::{Books, Origin, Projection, event_key, read_event_key};
use crate::event::{Event, Payload};
use crate::ids::{DeviceId, EventId, Scope};
use crate::keys::{self, Range};
use crate::limits::EVIDENCE_MAX;
use crate::store::ReadError;

const NUMBERS: u8 = 0;
const COPIES: u8 = 1;

/// Takes an event in.
pub fn fold(books: &mut dyn Books, origin: &Origin, event: &Event) -> Result<(), ReadError> {
    let scope = origin.log.scope;
    if let Payload::ReceiptReprinted(reprint) = &event.payload {
        let (from, _) = copies(scope, &reprint.document);
        return books.set_row([from, event_key(&origin.id)].concat(), Some(vec![1]));
    }
    let Some((till, number)) = number_of(event) else { return Ok(()) };
    let key = key(scope, &origin.log.device, till, number);
    super::update(books, key, |documents: &mut Vec<EventId>| {
        documents.push(origin.id);
        documents.sort_unstable();
        documents.truncate(EVIDENCE_MAX);
    })
}

/// The till and the number of a document that bears one.
pub fn number_of(event: &Event) -> Option<(&str, u64)> {
    let (key, number) = match &event.payload {
        Payload::SaleCompleted(sale) => (&sale.key, sale.receipt),
        Payload::SaleRefunded(refund) => (&refund.key, refund.receipt),
        _ => return None,
    };
    // 0 is what format version 1 says, which had no numbers.
    (number > 0).then_some((&key.till, number))
}

/// The row of the documents that bear a number: the first [`EVIDENCE_MAX`] in order of id.
pub fn key(scope: Scope, device: &DeviceId, till: &str, number: u64) -> Vec<u8> {
    let rest = [[NUMBERS].as_slice(), &subject(device, till, number)].concat();
    super::row(Projection::Receipts, scope, &rest)
}

/// The rows of the copies printed of a document's receipt, one for each.
pub fn copies(scope: Scope, document: &EventId) -> Range {
    let rest = [[COPIES].as_slice(), &event_key(document)].concat();
    keys::prefix(super::row(Projection::Receipts, scope, &rest))
}

/// The reprint of a row of [`copies`].
pub fn read_copy(key: &[u8]) -> Option<EventId> {
    let (_, _, rest) = keys::read_row(key)?;
    read_event_key(rest.get(49..)?)
}

fn subject(device: &DeviceId, till: &str, number: u64) -> Vec<u8> {
    [device.0.as_slice(), till.as_bytes(), &[0], &number.to_be_bytes()].concat()
}

/// Re-examines what an event could have made a finding.
pub fn judge(books: &mut dyn Books, origin: &Origin, event: &Event) -> Result<(), ReadError> {
    let Some((till, number)) = number_of(event) else { return Ok(()) };
    let (scope, device) = (origin.log.scope, origin.log.device);
    let documents: Vec<EventId> = super::read(books.row(&key(scope, &device, till, number))?)?;
    if documents.len() < 2 {
        return Ok(());
    }
    let rule = Rule::ReceiptDoubled;
    let finding = Finding::new(rule, format!("receipt {number} of till {till}"), documents);
    findings::put(books, scope, rule, &subject(&device, till, number), Some(finding))
}

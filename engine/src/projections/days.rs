//! Closed business days, and sales that came too late for them.
//!
//! ```text
//! row  0 | device 32 | business day u32 BE (offset by 2^31) | event 48  value  option [`Closed`]
//! row     1 | device 32 | business day u32 BE (offset by 2^31)                value  first closes
//! ```
//!
//! A close is *first* when none of its ancestors closes the same day. A sale is late when a first
//! close is its ancestor; there are no more of them than the log has branches.

use serde::{Deserialize, Serialize};

use super::day::{read_sortable, sortable};
use super::findings::{self, Finding, Rule};
use super::{Books, Origin, Projection, event_key, read_event_key};
use crate::event::sale::Sale;
use crate::event::{Event, Payload, codec};
use crate::ids::{DeviceId, EventId, Scope};
use crate::keys::{self, Range};
use crate::limits::LEAVES_MAX;
use crate::store::ReadError;

/// What a close of a day states. Money in minor units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// ISO 4217 code.
    pub currency: [u8; 3],
    /// Counted over the stall's drawers.
    pub counted: i64,
    /// What the stall's own books expected there.
    pub expected: i64,
}

const CLOSES: u8 = 0;
const FIRST: u8 = 1;

/// Takes an event in.
pub fn fold(books: &mut dyn Books, origin: &Origin, event: &Event) -> Result<(), ReadError> {
    let Payload::DayClosed(day) = &event.payload else { return Ok(()) };
    let (scope, device) = (origin.log.scope, origin.log.device);
    let closed = Closed { currency: day.currency, counted: day.counted, expected: day.expected };
    let rest =
        [[CLOSES].as_slice(), &subject(&device, day.business_day), &event_key(&origin.id)].concat();
    super::set(books, super::row(Projection::Days, scope, &rest), &Some(closed))?;
    if closed_before(books, origin, day.business_day)?.is_some() {
        return Ok(());
    }
    let key = first_key(scope, &device, day.business_day);
    super::update(books, key, |closes: &mut Vec<EventId>| {
        closes.push(origin.id);
        closes.sort_unstable();
        // More branches than a log may have are not let in, so nothing is cut off here.
        closes.truncate(4 * LEAVES_MAX);
    })
}

/// The close of a business day that stands before an event on its branch, if any.
fn closed_before(
    books: &dyn Books,
    origin: &Origin,
    business_day: i32,
) -> Result<Option<EventId>, ReadError> {
    let key = first_key(origin.log.scope, &origin.log.device, business_day);
    let closes: Vec<EventId> = super::read(books.row(&key)?)?;
    for close in closes {
        if books.ancestor(origin, &close)?.is_some() {
            return Ok(Some(close));
        }
    }
    Ok(None)
}

/// Re-examines what an event could have made a finding.
pub fn judge(books: &mut dyn Books, origin: &Origin, event: &Event) -> Result<(), ReadError> {
    let Payload::SaleCompleted(sale) = &event.payload else { return Ok(()) };
    match closed_before(books, origin, sale.business_day)? {
        Some(_) => late(books, origin, sale),
        None => Ok(()),
    }
}

/// Adds a late sale to the finding of its day.
fn late(books: &mut dyn Books, origin: &Origin, sale: &Sale) -> Result<(), ReadError> {
    let rule = Rule::LateSale;
    let (scope, device) = (origin.log.scope, origin.log.device);
    let subject = subject(&device, sale.business_day);
    let held = books.row(&findings::key(scope, &findings::id(rule, &subject)))?;
    let held = held.as_deref().and_then(findings::read);
    let (mut evidence, money) =
        held.map_or((Vec::new(), 0), |finding| (finding.evidence, finding.money));
    evidence.push(origin.id);
    let words = format!("business day {} of device {device}", sale.business_day);
    let mut finding = Finding::new(rule, words, evidence);
    finding.money = money.saturating_add(sale.amount());
    findings::put(books, scope, rule, &subject, Some(finding))
}

fn subject(device: &DeviceId, business_day: i32) -> Vec<u8> {
    [device.0.as_slice(), &sortable(business_day)].concat()
}

/// The row of the first closes of a day, one a branch at most.
pub fn first_key(scope: Scope, device: &DeviceId, business_day: i32) -> Vec<u8> {
    let rest = [[FIRST].as_slice(), &subject(device, business_day)].concat();
    super::row(Projection::Days, scope, &rest)
}

/// The closes of a stall from one business day to another, both included.
pub fn rows(scope: Scope, stall: &DeviceId, days: (i32, i32)) -> Range {
    super::day_rows(Projection::Days, scope, &[CLOSES], stall, days)
}

/// Reads a row: which day, which event closed it.
pub fn read(key: &[u8], value: &[u8]) -> Option<(i32, EventId, Closed)> {
    let (_, _, rest) = keys::read_row(key)?;
    let rest = rest.strip_prefix(&[CLOSES])?.get(32..)?;
    let (day, event) = rest.split_first_chunk::<4>()?;
    let closed: Option<Closed> = codec::decode("a days row", value).ok()?;
    Some((read_sortable(*day), read_event_key(event)?, closed?))
}

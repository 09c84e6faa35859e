//! Cash drawers by till and business day, and the shifts that count them.
//!
//! Sums stand beside each other, so that a count never sets a value. A void gives the cash back
//! from the drawer that took it, whichever till asked for the void: two voids made apart on a clone
//! then come to the same.
//!
//! ```text
//! row     1 | device 32 | day u32 BE (offset by 2^31) | currency 3 | till      value  [`Drawer`]
//! row     2 | device 32 | day u32 BE (offset by 2^31) | shift event 48  value  option [`Shift`]
//! row     3 | device 32 | shift event 48                                       value  its day i32
//! ```
//!
//! Rows 3 are the shifts that nothing has closed.

use serde::{Deserialize, Serialize};

use super::day::{read_sortable, sortable};
use super::findings::{self, Finding, Rule};
use super::{Books, DayKey, Origin, Projection, event_key, read_day_key, read_event_key};
use crate::event::sale::cash;
use crate::event::{CashDirection, Event, Payload, ShiftClosed, ShiftOpened, codec};
use crate::ids::{DeviceId, EventId, Scope};
use crate::keys::{self, Range};
use crate::limits::CLOSES_MAX;
use crate::store::ReadError;

/// The cash of one drawer on one day, in minor units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drawer {
    /// Counted when shifts opened.
    pub floats: i128,
    /// Taken by sales, less change.
    pub sales: i128,
    /// Paid back by refunds.
    pub refunds: i128,
    /// Given back by voids.
    pub voids: i128,
    /// Put in.
    pub paid_in: i128,
    /// Taken out for expenses.
    pub paid_out: i128,
    /// Brought to the safe.
    pub dropped: i128,
    /// Counted when shifts closed.
    pub counted: i128,
}

impl Drawer {
    /// What should be there: over all shifts of the day, each from its own float.
    pub fn expected(&self) -> i128 {
        let taken = self.floats + self.sales + self.paid_in;
        taken - self.refunds - self.voids - self.paid_out - self.dropped
    }

    /// Counts cash that moved outside of sales and refunds.
    pub fn moved(&mut self, direction: CashDirection, amount: i128) {
        match direction {
            CashDirection::PaidIn => self.paid_in += amount,
            CashDirection::PaidOut => self.paid_out += amount,
            CashDirection::Dropped => self.dropped += amount,
        }
    }
}

/// One shift.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shift {
    /// Minor units counted when it opened.
    pub float: i64,
    /// What closed it, the first [`CLOSES_MAX`] in order of id; more than one on a clone alone.
    pub closes: Vec<Close>,
}

/// One close of a shift, in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Close {
    /// The event.
    pub event: EventId,
    /// Counted in the drawer.
    pub counted: i64,
    /// What the stall's own branch expected there.
    pub expected: i64,
}

const DRAWERS: u8 = 1;
const SHIFTS: u8 = 2;
const OPEN: u8 = 3;

/// Takes an event in.
pub fn fold(books: &mut dyn Books, origin: &Origin, event: &Event) -> Result<(), ReadError> {
    match &event.payload {
        Payload::SaleCompleted(sale) => {
            let day = DayKey::of(origin, sale.business_day, sale.currency);
            add(books, origin, &day, &sale.key.till, |drawer| drawer.sales += sale.cash())
        }
        Payload::SaleRefunded(refund) => {
            let day = DayKey::of(origin, refund.business_day, refund.currency);
            let paid = cash(&refund.tenders);
            add(books, origin, &day, &refund.key.till, |drawer| drawer.refunds += paid)
        }
        Payload::SaleVoided(void) => match super::undo(books, Projection::Drawers, origin, void)? {
            Some(sale) => {
                let day = DayKey::of(origin, sale.business_day, sale.currency);
                add(books, origin, &day, &sale.key.till, |drawer| drawer.voids += sale.cash())
            }
            None => Ok(()),
        },
        Payload::CashMoved(cash) => {
            let day = DayKey::of(origin, cash.business_day, cash.currency);
            let moved = |drawer: &mut Drawer| drawer.moved(cash.direction, cash.amount.into());
            add(books, origin, &day, &cash.key.till, moved)
        }
        Payload::ShiftOpened(opened) => open(books, origin, opened),
        Payload::ShiftClosed(closed) => close(books, origin, closed),
        _ => Ok(()),
    }
}

fn add(
    books: &mut dyn Books,
    origin: &Origin,
    day: &DayKey,
    till: &str,
    change: impl FnOnce(&mut Drawer),
) -> Result<(), ReadError> {
    let rest = [[DRAWERS].as_slice(), &day.bytes(), till.as_bytes()].concat();
    super::update(books, super::row(Projection::Drawers, origin.log.scope, &rest), change)
}

fn open(books: &mut dyn Books, origin: &Origin, opened: &ShiftOpened) -> Result<(), ReadError> {
    let (scope, device) = (origin.log.scope, origin.log.device);
    let day = DayKey::of(origin, opened.business_day, opened.currency);
    let float = i128::from(opened.float);
    add(books, origin, &day, &opened.key.till, |drawer| drawer.floats += float)?;
    let shift = Shift { float: opened.float, closes: Vec::new() };
    super::set(books, shift_key(scope, &device, opened.business_day, &origin.id), &Some(shift))?;
    super::set(books, open_key(scope, &device, &origin.id), &Some(opened.business_day))
}

/// A close counts for the drawer of the shift that it names, if that is its ancestor.
fn close(books: &mut dyn Books, origin: &Origin, closed: &ShiftClosed) -> Result<(), ReadError> {
    let Some(event) = books.ancestor(origin, &closed.shift)? else { return Ok(()) };
    let Payload::ShiftOpened(opened) = event.payload else { return Ok(()) };
    let (scope, device) = (origin.log.scope, origin.log.device);
    let day = DayKey::of(origin, opened.business_day, opened.currency);
    let counted = i128::from(closed.counted);
    add(books, origin, &day, &opened.key.till, |drawer| drawer.counted += counted)?;
    let key = shift_key(scope, &device, opened.business_day, &closed.shift);
    super::update(books, key, |shift: &mut Option<Shift>| {
        let closes = &mut shift.get_or_insert_default().closes;
        let ShiftClosed { counted, expected, .. } = *closed;
        closes.push(Close { event: origin.id, counted, expected });
        closes.sort_unstable();
        closes.truncate(CLOSES_MAX);
    })?;
    super::set(books, open_key(scope, &device, &closed.shift), &None::<i32>)
}

/// A count that differs from what its own stall expected is a finding of that close alone.
pub fn judge(books: &mut dyn Books, origin: &Origin, event: &Event) -> Result<(), ReadError> {
    let Payload::ShiftClosed(closed) = &event.payload else { return Ok(()) };
    if closed.counted == closed.expected {
        return Ok(());
    }
    let rule = Rule::DrawerOff;
    let mut finding = Finding::new(rule, origin.id.to_string(), [origin.id]);
    finding.money = i128::from(closed.counted) - i128::from(closed.expected);
    findings::put(books, origin.log.scope, rule, &event_key(&origin.id), Some(finding))
}

/// The row of a shift that opened on a business day.
pub fn shift_key(scope: Scope, stall: &DeviceId, business_day: i32, shift: &EventId) -> Vec<u8> {
    let day = sortable(business_day);
    let rest = [[SHIFTS].as_slice(), stall.0.as_slice(), &day, &event_key(shift)].concat();
    super::row(Projection::Drawers, scope, &rest)
}

fn open_key(scope: Scope, stall: &DeviceId, shift: &EventId) -> Vec<u8> {
    let rest = [[OPEN].as_slice(), stall.0.as_slice(), &event_key(shift)].concat();
    super::row(Projection::Drawers, scope, &rest)
}

/// The drawers of a stall from one business day to another, both included.
pub fn rows(scope: Scope, stall: &DeviceId, days: (i32, i32)) -> Range {
    super::day_rows(Projection::Drawers, scope, &[DRAWERS], stall, days)
}

/// Reads a row of [`rows`]: which day, which till.
pub fn read(key: &[u8], value: &[u8]) -> Option<(DayKey, String, Drawer)> {
    let (_, _, rest) = keys::read_row(key)?;
    let (day, till) = read_day_key(rest.strip_prefix(&[DRAWERS])?)?;
    let till = String::from_utf8(till.to_vec()).ok()?;
    Some((day, till, codec::decode("a drawers row", value).ok()?))
}

/// The shifts of a stall that opened from one business day to another, both included.
pub fn shifts(scope: Scope, stall: &DeviceId, days: (i32, i32)) -> Range {
    super::day_rows(Projection::Drawers, scope, &[SHIFTS], stall, days)
}

/// Reads a row of [`shifts`]: the stall, the day, the event that opened it.
pub fn read_shift(key: &[u8], value: &[u8]) -> Option<(DeviceId, i32, EventId, Shift)> {
    let (_, _, rest) = keys::read_row(key)?;
    let (stall, rest) = rest.strip_prefix(&[SHIFTS])?.split_first_chunk::<32>()?;
    let (day, event) = rest.split_first_chunk::<4>()?;
    let shift: Option<Shift> = codec::decode("a shift row", value).ok()?;
    Some((DeviceId(*stall), read_sortable(*day), read_event_key(event)?, shift?))
}

/// The shifts of a stall that nothing has closed.
pub fn open_shifts(scope: Scope, stall: &DeviceId) -> Range {
    let rest = [[OPEN].as_slice(), stall.0.as_slice()].concat();
    keys::prefix(super::row(Projection::Drawers, scope, &rest))
}

/// The event that opened the shift of a row of [`open_shifts`].
pub fn read_open(key: &[u8]) -> Option<EventId> {
    let (_, _, rest) = keys::read_row(key)?;
    read_event_key(rest.get(33..)?)
}

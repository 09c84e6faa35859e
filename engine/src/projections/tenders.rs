//! Payments by stall, business day and kind: what was handed over, what was given back.
//!
//! Refunds count on their own day, voids on the sale's.
//!
//! ```text
//! row  1 | device 32 | business day u32 BE (offset by 2^31) | currency 3 | kind 1  value [`Paid`]
//! ```

use std::collections::BTreeMap;
use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use super::{Books, DayKey, Origin, Projection, read_day_key};
use crate::event::sale::{Sale, TenderKind};
use crate::event::{Event, Payload, codec};
use crate::ids::{DeviceId, Scope};
use crate::keys::{self, Range};
use crate::store::ReadError;

/// Payments of one kind. Money in minor units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paid {
    /// Tenders of sales.
    pub count: i128,
    /// Their amounts, change included.
    pub amount: i128,
    /// Card tenders that no acquirer was asked about.
    pub offline_count: i128,
    /// Their amounts.
    pub offline_amount: i128,
    /// Change given; cash alone has it.
    pub change: i128,
    /// Tenders of refunds.
    pub refund_count: i128,
    /// Money paid back by them.
    pub refunded: i128,
    /// Tenders of voided sales.
    pub void_count: i128,
    /// Their amounts.
    pub voided: i128,
    /// Their change; cash alone has it.
    pub voided_change: i128,
}

impl AddAssign for Paid {
    fn add_assign(&mut self, other: Self) {
        self.count += other.count;
        self.amount += other.amount;
        self.offline_count += other.offline_count;
        self.offline_amount += other.offline_amount;
        self.change += other.change;
        self.refund_count += other.refund_count;
        self.refunded += other.refunded;
        self.void_count += other.void_count;
        self.voided += other.voided;
        self.voided_change += other.voided_change;
    }
}

impl Paid {
    /// What stayed: amounts less change, refunds, and voided sales with their change.
    pub fn net(&self) -> i128 {
        self.amount - self.change - self.refunded - (self.voided - self.voided_change)
    }
}

type Kinds = BTreeMap<TenderKind, Paid>;

const ROWS: u8 = 1;

/// Takes an event in.
pub fn fold(books: &mut dyn Books, origin: &Origin, event: &Event) -> Result<(), ReadError> {
    let (day, currency, kinds) = match &event.payload {
        Payload::SaleCompleted(sale) => (sale.business_day, sale.currency, sold(sale)),
        Payload::SaleRefunded(refund) => {
            let mut kinds = Kinds::new();
            for tender in &refund.tenders {
                let refunded = i128::from(tender.amount);
                let paid = Paid { refund_count: 1, refunded, ..Paid::default() };
                *kinds.entry(tender.kind).or_default() += paid;
            }
            (refund.business_day, refund.currency, kinds)
        }
        Payload::SaleVoided(void) => match super::undo(books, Projection::Tenders, origin, void)? {
            Some(sale) => (sale.business_day, sale.currency, voided(&sale)),
            None => return Ok(()),
        },
        _ => return Ok(()),
    };
    let day = DayKey::of(origin, day, currency);
    for (kind, more) in kinds {
        let rest = [[ROWS].as_slice(), &day.bytes(), &[kind as u8]].concat();
        let key = super::row(Projection::Tenders, origin.log.scope, &rest);
        super::update(books, key, |paid: &mut Paid| *paid += more)?;
    }
    Ok(())
}

fn sold(sale: &Sale) -> Kinds {
    let mut kinds = Kinds::new();
    for (at, tender) in sale.tenders.iter().enumerate() {
        let amount = i128::from(tender.amount);
        let mut paid = Paid { count: 1, amount, ..Paid::default() };
        let named = u8::try_from(at).is_ok_and(|at| sale.accepted_offline.contains(&at));
        if named && tender.kind == TenderKind::Card {
            (paid.offline_count, paid.offline_amount) = (1, amount);
        }
        *kinds.entry(tender.kind).or_default() += paid;
    }
    if sale.change() != 0 {
        kinds.entry(TenderKind::Cash).or_default().change = sale.change();
    }
    kinds
}

/// What [`sold`] counted, as undone.
fn voided(sale: &Sale) -> Kinds {
    let undone = |paid: Paid| Paid {
        void_count: paid.count,
        voided: paid.amount,
        voided_change: paid.change,
        ..Paid::default()
    };
    sold(sale).into_iter().map(|(kind, paid)| (kind, undone(paid))).collect()
}

/// The rows of a stall from one business day to another, both included.
pub fn rows(scope: Scope, stall: &DeviceId, days: (i32, i32)) -> Range {
    super::day_rows(Projection::Tenders, scope, &[ROWS], stall, days)
}

/// Reads a row: which day, which kind.
pub fn read(key: &[u8], value: &[u8]) -> Option<(DayKey, TenderKind, Paid)> {
    let (_, _, rest) = keys::read_row(key)?;
    let (day, kind) = read_day_key(rest.strip_prefix(&[ROWS])?)?;
    let kind = match kind {
        [0] => TenderKind::Cash,
        [1] => TenderKind::Card,
        [2] => TenderKind::Voucher,
        _ => return None,
    };
    Some((day, kind, codec::decode("a tenders row", value).ok()?))
}

//! Projections: the books, folded from events.
//!
//! Each is a pure fold, commutative across logs: any order of delivery that keeps parents before
//! children gives the same rows. Folds never refuse: a signed fact always counts. Rows are written
//! in the batch of the event that changed them.
//!
//! One file each, with the same functions: `fold` takes an event in, `read` reads a row, `key` or
//! `rows` say where rows are, and `judge` re-examines what an event could have made a finding.

pub mod bundles;
pub mod catalogue;
mod day;
pub mod days;
pub mod digest;
pub mod drawers;
pub mod drift;
pub mod findings;
pub mod hours;
pub mod items;
pub mod receipts;
mod references;
pub mod reversals;
pub mod rights;
pub mod sales;
pub mod stock;
pub mod tenders;
pub mod transfers;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::event::codec::{self, Generation};
use crate::event::sale::Sale;
use crate::event::{Event, Payload, Void};
use crate::ids::{DeviceId, EventId, Lane, Log, Scope};
use crate::keys::{self, Range};
use crate::store::{ReadError, Row};

pub use day::DayKey;
use day::{day_rows, read_day_key};

/// Every projection, with its ordinal on disk. An ordinal is never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Projection {
    /// Book stock: what lies at each stall, and what of it is set aside.
    Stock = 1,
    /// Sales totals by stall and business day.
    Sales = 2,
    /// What was refunded or voided of each sale.
    Reversals = 3,
    /// Items and prices.
    Catalogue = 4,
    /// Sales by stall, business day and hour.
    Hours = 5,
    /// Sales by SKU, stall and business day.
    Items = 6,
    /// Payments by stall, business day and kind.
    Tenders = 7,
    /// Receipts by till and number.
    Receipts = 8,
    /// Cash drawers by till and business day, and shifts.
    Drawers = 9,
    /// Closed business days.
    Days = 10,
    /// Promise rights: who may sell how much.
    Rights = 11,
    /// Goods on the way between stalls.
    Transfers = 12,
    /// What does not fit together, until somebody settles it.
    Findings = 13,
    /// What stock-takes found missing or left over.
    Drift = 14,
    /// Price bundles and when they are in force.
    Bundles = 15,
}

impl Projection {
    /// Every projection, in the order in which an event is folded: findings come last, because
    /// they look at what the others hold.
    pub const ALL: [Self; 15] = [
        Self::Stock,
        Self::Sales,
        Self::Reversals,
        Self::Catalogue,
        Self::Hours,
        Self::Items,
        Self::Tenders,
        Self::Receipts,
        Self::Drawers,
        Self::Days,
        Self::Rights,
        Self::Transfers,
        Self::Drift,
        Self::Bundles,
        Self::Findings,
    ];

    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stock => "stock",
            Self::Sales => "sales",
            Self::Reversals => "reversals",
            Self::Catalogue => "catalogue",
            Self::Hours => "hours",
            Self::Items => "items",
            Self::Tenders => "tenders",
            Self::Receipts => "receipts",
            Self::Drawers => "drawers",
            Self::Days => "days",
            Self::Rights => "rights",
            Self::Transfers => "transfers",
            Self::Findings => "findings",
            Self::Drift => "drift",
            Self::Bundles => "bundles",
        }
    }

    /// Counts up when the fold changes, or learns a kind; digests compare only at equal versions,
    /// and a directory of another version is rebuilt.
    pub fn version(self) -> u32 {
        match self {
            Self::Stock | Self::Sales | Self::Reversals | Self::Catalogue => 2,
            _ => 1,
        }
    }

    /// The version in a program of an earlier generation; 0 where it had none.
    pub fn version_as(self, generation: Generation) -> u32 {
        let first = matches!(self, Self::Stock | Self::Sales | Self::Reversals | Self::Catalogue);
        match (generation, first) {
            (Generation::FIRST, true) => 1,
            (Generation::FIRST, false) => 0,
            _ => self.version(),
        }
    }

    /// Whether the projection of `scope` reads this log. A digest holds at the vector over those.
    pub fn reads(self, scope: Scope, log: &Log) -> bool {
        let lanes = (scope == log.scope, log.scope == Scope::Tenant, log.lane);
        match (self, lanes) {
            (Self::Catalogue | Self::Bundles, (true, _, lane)) => lane == Lane::Catalogue,
            (Self::Rights | Self::Findings, (_, true, Lane::Authority)) => true,
            (Self::Catalogue | Self::Bundles, _) => false,
            (_, (same, _, lane)) => same && lane == Lane::Ledger,
        }
    }

    /// Projections that it looks at while it folds: when one of them is rebuilt, so is this.
    pub fn looks_at(self) -> &'static [Self] {
        match self {
            Self::Findings => {
                &[Self::Reversals, Self::Receipts, Self::Days, Self::Rights, Self::Transfers]
            }
            _ => &[],
        }
    }

    /// Folds one event into this projection.
    fn fold(self, books: &mut dyn Books, origin: &Origin, event: &Event) -> Result<(), ReadError> {
        match self {
            Self::Stock => stock::fold(books, origin, event),
            Self::Sales => sales::fold(books, origin, event),
            Self::Reversals => reversals::fold(books, origin, event),
            // It keeps a document of its own; see `replica::catalogue`.
            Self::Catalogue => Ok(()),
            Self::Hours => hours::fold(books, origin, event),
            Self::Items => items::fold(books, origin, event),
            Self::Tenders => tenders::fold(books, origin, event),
            Self::Receipts => receipts::fold(books, origin, event),
            Self::Drawers => drawers::fold(books, origin, event),
            Self::Days => days::fold(books, origin, event),
            Self::Rights => rights::fold(books, origin, event),
            Self::Transfers => transfers::fold(books, origin, event),
            Self::Findings => findings::fold(books, origin, event),
            Self::Drift => drift::fold(books, origin, event),
            Self::Bundles => bundles::fold(books, origin, event),
        }
    }
}

/// Where an event stands.
#[derive(Debug, Clone, Copy)]
pub struct Origin {
    /// Its log.
    pub log: Log,
    /// Its id.
    pub id: EventId,
}

/// What a fold may read and write.
pub trait Books {
    /// The value of a row.
    fn row(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ReadError>;
    /// Every row of a range, in key order. Callers keep ranges small.
    fn rows(&self, range: &Range) -> Result<Vec<Row>, ReadError>;
    /// At most `most` rows of a range, the first in key order.
    fn first_rows(&self, range: &Range, most: usize) -> Result<Vec<Row>, ReadError>;
    /// Sets a row; `None` removes it.
    fn set_row(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) -> Result<(), ReadError>;
    /// An event of the same log that stands before `origin` on its branch.
    fn ancestor(&self, origin: &Origin, id: &EventId) -> Result<Option<Event>, ReadError>;
    /// Any event that is held here, with its log. What it says may be hostile.
    fn event(&self, id: &EventId) -> Result<Option<(Log, Event)>, ReadError>;
    /// The events of the same log that bear an idempotency key, the smallest ids first, bounded.
    fn bearers(&self, origin: &Origin, event: &Event) -> Result<Vec<EventId>, ReadError>;
    /// Whether a device is, or was, a control of the charter known here.
    fn is_control(&self, device: &DeviceId) -> bool;
    /// Whether an event is to be folded into a projection now; not, while that is being rebuilt
    /// and has yet to reach it.
    fn folds(&self, projection: Projection, origin: &Origin) -> bool;
}

/// Folds one event into every projection that reads its log.
pub fn fold(books: &mut dyn Books, origin: &Origin, event: &Event) -> Result<(), ReadError> {
    for projection in Projection::ALL {
        if projection.reads(origin.log.scope, &origin.log) && books.folds(projection, origin) {
            projection.fold(books, origin, event)?;
        }
    }
    Ok(())
}

/// Folds one event into one projection, whatever is being rebuilt.
pub fn fold_into(
    projection: Projection,
    books: &mut dyn Books,
    origin: &Origin,
    event: &Event,
) -> Result<(), ReadError> {
    if projection.reads(origin.log.scope, &origin.log) {
        projection.fold(books, origin, event)?;
    }
    Ok(())
}

/// Reads a row as `T`, changes it, writes it back; a row that reads as the default is removed.
pub(crate) fn update<T: Serialize + DeserializeOwned + Default + PartialEq>(
    books: &mut dyn Books,
    key: Vec<u8>,
    change: impl FnOnce(&mut T),
) -> Result<(), ReadError> {
    let mut value: T = read(books.row(&key)?)?;
    change(&mut value);
    set(books, key, &value)
}

/// Writes a row; one that is the default is removed, so that equal books have equal rows.
pub(crate) fn set<T: Serialize + Default + PartialEq>(
    books: &mut dyn Books,
    key: Vec<u8>,
    value: &T,
) -> Result<(), ReadError> {
    if *value == T::default() {
        return books.set_row(key, None);
    }
    let bytes = codec::encode(value).map_err(|error| ReadError::Device(error.to_string()))?;
    books.set_row(key, Some(bytes))
}

/// A stored row as `T`; the default when there is none.
pub(crate) fn read<T: Serialize + DeserializeOwned + Default>(
    bytes: Option<Vec<u8>>,
) -> Result<T, ReadError> {
    match bytes {
        None => Ok(T::default()),
        Some(bytes) => codec::decode("a projection row", &bytes)
            .map_err(|error| ReadError::Device(error.to_string())),
    }
}

/// The sale that a void undoes, once for each projection and sale: the sale stands before the void
/// on its branch, and no void of it was folded here before. A second void, made apart on a cloned
/// disk, undoes nothing more.
pub(crate) fn undo(
    books: &mut dyn Books,
    projection: Projection,
    origin: &Origin,
    void: &Void,
) -> Result<Option<Sale>, ReadError> {
    let Some(original) = books.ancestor(origin, &void.sale)? else { return Ok(None) };
    let Payload::SaleCompleted(sale) = original.payload else { return Ok(None) };
    let rest = [[UNDONE].as_slice(), &event_key(&void.sale)].concat();
    let mark = row(projection, origin.log.scope, &rest);
    if books.row(&mark)?.is_some() {
        return Ok(None);
    }
    books.set_row(mark, Some(vec![1]))?;
    Ok(Some(sale))
}

/// Begins the row, in any projection, that says that a sale was undone there. No SKU begins so.
const UNDONE: u8 = 0;

/// `log id 16 | epoch 8 BE | seq 8 BE | short hash 16`: an event's id as part of a row's key.
pub(crate) fn event_key(id: &EventId) -> Vec<u8> {
    keys::event(id)[1..].to_vec()
}

/// The event's id in a row's key; what [`event_key`] wrote.
pub(crate) fn read_event_key(bytes: &[u8]) -> Option<EventId> {
    keys::read_event_id(&[&[keys::EVENT], bytes].concat())
}

/// The key of a row.
pub(crate) fn row(projection: Projection, scope: Scope, rest: &[u8]) -> Vec<u8> {
    keys::row(projection as u8, scope, rest)
}

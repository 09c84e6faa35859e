//! Projections: the books, folded from events.
//!
//! Each is a pure fold, commutative across logs: any order of delivery that keeps parents before
//! children gives the same rows. Folds never refuse: a signed fact always counts. Rows are written
//! in the batch of the event that changed them.

pub mod catalogue;
pub mod digest;
pub mod reversals;
pub mod sales;
pub mod stock;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::event::codec;
use crate::event::{Event, Payload};
use crate::ids::{EventId, Lane, Log, Scope};
use crate::keys;
use crate::store::ReadError;

/// Every projection, with its ordinal on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Projection {
    /// Book stock: what lies at each stall.
    Stock = 1,
    /// Sales totals by stall and business day.
    Sales = 2,
    /// What was refunded or voided of each sale.
    Reversals = 3,
    /// Items and prices.
    Catalogue = 4,
}

impl Projection {
    /// Every projection, in ordinal order.
    pub const ALL: [Self; 4] = [Self::Stock, Self::Sales, Self::Reversals, Self::Catalogue];

    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stock => "stock",
            Self::Sales => "sales",
            Self::Reversals => "reversals",
            Self::Catalogue => "catalogue",
        }
    }

    /// Counts up when the fold changes; digests compare only at equal versions.
    pub fn version(self) -> u32 {
        match self {
            Self::Catalogue => 2,
            _ => 1,
        }
    }

    /// The lane whose logs, in the projection's scope, it reads.
    pub fn lane(self) -> Lane {
        match self {
            Self::Stock | Self::Sales | Self::Reversals => Lane::Ledger,
            Self::Catalogue => Lane::Catalogue,
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
    /// Sets a row; `None` removes it.
    fn set_row(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) -> Result<(), ReadError>;
    /// An event of the same log that stands before `origin` on its branch.
    fn ancestor(&self, origin: &Origin, id: &EventId) -> Result<Option<Event>, ReadError>;
}

/// Folds one event into every projection but the catalogue, which keeps a document of its own.
pub fn fold(books: &mut dyn Books, origin: &Origin, event: &Event) -> Result<(), ReadError> {
    match &event.payload {
        Payload::GoodsReceived(goods) => {
            for line in &goods.lines {
                stock::add(books, origin, &line.sku, i128::from(line.quantity))?;
            }
            Ok(())
        }
        Payload::SaleCompleted(sale) => {
            stock::sold(books, origin, sale, -1)?;
            sales::sold(books, origin, sale)
        }
        Payload::SaleRefunded(refund) => {
            if refund.restock {
                for line in &refund.lines {
                    stock::add(books, origin, &line.sku, i128::from(line.quantity))?;
                }
            }
            sales::refunded(books, origin, refund)?;
            reversals::refunded(books, origin, refund)
        }
        Payload::SaleVoided(void) => {
            // Only a sale of the same branch can be voided, so the sale is always here. A second
            // void, made apart on a cloned disk, changes nothing.
            let Some(original) = books.ancestor(origin, &void.sale)? else { return Ok(()) };
            let Payload::SaleCompleted(sale) = original.payload else { return Ok(()) };
            if reversals::voided(books, origin, &void.sale)? {
                stock::sold(books, origin, &sale, 1)?;
                sales::voided(books, origin, &sale)?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Reads a row as `T`, changes it, writes it back.
fn update<T: Serialize + DeserializeOwned + Default>(
    books: &mut dyn Books,
    key: Vec<u8>,
    change: impl FnOnce(&mut T),
) -> Result<(), ReadError> {
    let mut value: T = read(books.row(&key)?)?;
    change(&mut value);
    let bytes = codec::encode(&value).map_err(|error| ReadError::Device(error.to_string()))?;
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

fn row(projection: Projection, scope: Scope, rest: &[u8]) -> Vec<u8> {
    keys::row(projection as u8, scope, rest)
}

//! Bodies that have grown: what each looked like in format version 1.
//!
//! A value is written in the lowest version that can express it, so that one value has one
//! encoding, and bytes of version 1 are read for ever. Nothing here decides which version a reader
//! knows.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::CatalogueChanged;
use super::reversal::{Refund, RefundLine};
use super::sale::{Key, Line, Sale, Tender};
use crate::hash::Hash;
use crate::ids::EventId;

/// A body with a version 1 that was smaller.
pub(super) trait Evolved: Serialize + DeserializeOwned {
    /// What version 1 was.
    type V1: Serialize + DeserializeOwned;
    /// The value in version 1, if that can express it.
    fn to_v1(&self) -> Option<Self::V1>;
    /// The value that version 1 stated.
    fn from_v1(body: Self::V1) -> Self;
}

/// [`Sale`] in version 1.
#[derive(Serialize, Deserialize)]
pub(super) struct SaleV1 {
    key: Key,
    cashier: String,
    sold_at_ms: i64,
    offset_minutes: i16,
    business_day: i32,
    currency: [u8; 3],
    price_bundle: Option<Hash>,
    lines: Vec<Line>,
    tenders: Vec<Tender>,
    tip: i64,
}

impl Evolved for Sale {
    type V1 = SaleV1;

    fn to_v1(&self) -> Option<SaleV1> {
        let grown = self.receipt > 0
            || self.reservation.is_some()
            || !self.promised.is_empty()
            || !self.line_bundles.is_empty()
            || !self.accepted_offline.is_empty();
        let sale = self.clone();
        (!grown).then_some(SaleV1 {
            key: sale.key,
            cashier: sale.cashier,
            sold_at_ms: sale.sold_at_ms,
            offset_minutes: sale.offset_minutes,
            business_day: sale.business_day,
            currency: sale.currency,
            price_bundle: sale.price_bundle,
            lines: sale.lines,
            tenders: sale.tenders,
            tip: sale.tip,
        })
    }

    fn from_v1(body: SaleV1) -> Self {
        Self {
            key: body.key,
            cashier: body.cashier,
            sold_at_ms: body.sold_at_ms,
            offset_minutes: body.offset_minutes,
            business_day: body.business_day,
            currency: body.currency,
            price_bundle: body.price_bundle,
            lines: body.lines,
            tenders: body.tenders,
            tip: body.tip,
            ..Self::default()
        }
    }
}

/// [`Refund`] in version 1.
#[derive(Serialize, Deserialize)]
pub(super) struct RefundV1 {
    key: Key,
    sale: EventId,
    at_ms: i64,
    business_day: i32,
    currency: [u8; 3],
    lines: Vec<RefundLine>,
    tenders: Vec<Tender>,
    restock: bool,
}

impl Evolved for Refund {
    type V1 = RefundV1;

    fn to_v1(&self) -> Option<RefundV1> {
        let refund = self.clone();
        (self.receipt == 0 && self.restored.is_empty()).then_some(RefundV1 {
            key: refund.key,
            sale: refund.sale,
            at_ms: refund.at_ms,
            business_day: refund.business_day,
            currency: refund.currency,
            lines: refund.lines,
            tenders: refund.tenders,
            restock: refund.restock,
        })
    }

    fn from_v1(body: RefundV1) -> Self {
        Self {
            key: body.key,
            sale: body.sale,
            at_ms: body.at_ms,
            business_day: body.business_day,
            currency: body.currency,
            lines: body.lines,
            tenders: body.tenders,
            restock: body.restock,
            receipt: 0,
            restored: Vec::new(),
        }
    }
}

/// [`CatalogueChanged`] in version 1, before there were seasons.
#[derive(Serialize, Deserialize)]
pub(super) struct CatalogueChangedV1 {
    change: Vec<u8>,
}

impl Evolved for CatalogueChanged {
    type V1 = CatalogueChangedV1;

    fn to_v1(&self) -> Option<CatalogueChangedV1> {
        (self.season == 0).then(|| CatalogueChangedV1 { change: self.change.clone() })
    }

    fn from_v1(body: CatalogueChangedV1) -> Self {
        Self { season: 0, change: body.change }
    }
}

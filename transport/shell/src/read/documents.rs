//! The read calls about single documents: receipts, and what became of a sale. Both daemons have
//! them.

pub mod body;

use std::collections::BTreeMap;

use axum::extract::{FromRef, State};
use engine::books::{
    self,
    money::{self, Filter},
};
use engine::event::Payload;
use engine::event::sale::Sale;
use engine::ids::{DeviceId, EventId, Scope};
use engine::projections::Projection;
use engine::projections::catalogue::item_of;
use engine::replica::rebuild::is_whole;
use engine::store::{Read, ReadError};
use serde::Deserialize;
use utoipa::IntoParams;

use super::money::body::currency_text;
use super::money::{day_text, whole};
use super::{Library, View};
use crate::access::{Access, Caller};
use crate::answer::At;
use crate::extract::{Path, Query};
use crate::openapi::Routes;
use crate::problem::Problem;
use body::{
    LineBack, PaidTender, Receipt, ReceiptsPage, RefundEntry, RefundReceipt, ReversalEntry,
    SaleContent, SaleFate, SaleReceipt, SoldLine, VoidEntry,
};

/// The routes of the read calls about documents.
pub fn routes<S>() -> Routes<S>
where
    S: Clone + Send + Sync + 'static,
    Access: FromRef<S>,
    Library: FromRef<S>,
{
    Routes::default().call(__path_sale, sale).call(__path_receipt, receipt)
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct OfStall {
    /// One stall's device
    #[param(value_type = Option<String>)]
    stall: Option<DeviceId>,
}

/// The receipts of tills of this name with this number
#[utoipa::path(get, path = "/v1/receipts/{till}/{number}", tag = "books",
    params(("till" = String, Path, description = "the till"),
        ("number" = u64, Path, description = "the number"), OfStall),
    responses((status = 200, body = ReceiptsPage)))]
async fn receipt(
    _: Caller,
    State(library): State<Library>,
    Path((till, number)): Path<(String, u64)>,
    Query(OfStall { stall }): Query<OfStall>,
) -> Result<At<ReceiptsPage>, Problem> {
    let asked = till.clone();
    let read = library.read(move |view: &View<'_>| {
        let store = view.store;
        if !is_whole(store, Projection::Receipts)? {
            return Ok(Err(Projection::Receipts.name()));
        }
        let names = books::names(store)?;
        let filter = Filter { scopes: &view.scopes, days: (i32::MIN, i32::MAX), stall };
        let mut receipts = Vec::new();
        for document in money::receipts(store, &asked, number, &filter)? {
            receipts.extend(content(store, &document, &names)?);
        }
        Ok(Ok(ReceiptsPage { vector: view.vector.to_string(), receipts }))
    });
    let At { vector, body } = read.await?;
    let body = whole(body)?;
    if body.receipts.is_empty() {
        let text = format!("no receipt {number} of a till {till:?} is known here");
        return Err(Problem::not_found(text));
    }
    Ok(At { vector, body })
}

/// What a receipt says; `None` of a document that has none.
pub fn content(
    store: &dyn Read,
    document: &money::Document,
    names: &BTreeMap<DeviceId, String>,
) -> Result<Option<Receipt>, ReadError> {
    let name = names.get(&document.stall).cloned();
    Ok(match &document.payload {
        Payload::SaleCompleted(sale) => Some(Receipt::Sale(Box::new(SaleReceipt {
            document: document.id.to_string(),
            stall: document.stall,
            name,
            copies: document.copies,
            sale: sale_content(store, document.scope, sale)?,
        }))),
        Payload::SaleRefunded(refund) => Some(Receipt::Refund(Box::new(RefundReceipt {
            kind: "refund",
            document: document.id.to_string(),
            stall: document.stall,
            name,
            copies: document.copies,
            till: refund.key.till.clone(),
            sale: refund.sale.to_string(),
            currency: currency_text(refund.currency),
            content: refund.into(),
            total: refund.lines.iter().map(|line| i128::from(line.amount)).sum(),
        }))),
        _ => None,
    })
}

/// A sale, with the names that its own merchant's catalogue has for what was sold.
fn sale_content(store: &dyn Read, scope: Scope, sale: &Sale) -> Result<SaleContent, ReadError> {
    let mut lines = Vec::new();
    for line in &sale.lines {
        lines.push(SoldLine {
            sku: line.sku.clone(),
            name: item_of(store, scope, &line.sku)?.and_then(|item| item.name),
            quantity: line.quantity,
            amount: line.amount,
            unit_price: line.unit_price,
            discount: line.discount,
            tax: line.tax,
        });
    }
    let tenders = sale.tenders.iter().zip(0_u8..);
    let tenders =
        tenders.map(|(tender, at)| PaidTender::new(tender, sale.accepted_offline.contains(&at)));
    Ok(SaleContent {
        kind: "sale",
        till: sale.key.till.clone(),
        number: body::number(sale.receipt),
        cashier: sale.cashier.clone(),
        sold_at_ms: sale.sold_at_ms,
        offset_minutes: sale.offset_minutes,
        business_day: day_text(sale.business_day),
        currency: currency_text(sale.currency),
        price_bundle: sale.price_bundle.map(|bundle| bundle.to_string()),
        lines,
        tenders: tenders.collect(),
        tip: sale.tip,
        total: sale.amount(),
        change: sale.change(),
    })
}

/// A sale, and what became of it
#[utoipa::path(get, path = "/v1/sales/{id}", tag = "books",
    params(("id" = String, Path, description = "the sale's event")),
    responses((status = 200, body = SaleFate)))]
async fn sale(
    _: Caller,
    State(library): State<Library>,
    Path(id): Path<String>,
) -> Result<At<SaleFate>, Problem> {
    let asked: EventId = id.parse().map_err(|_| {
        Problem::malformed(format!("sale {id:?} is not an event id; copy it whole"))
    })?;
    let read = library.read(move |view: &View<'_>| {
        let store = view.store;
        if !is_whole(store, Projection::Reversals)? {
            return Ok(Err(Projection::Reversals.name()));
        }
        let fate = money::sale(store, &asked)?.filter(|fate| view.shows(fate.scope));
        let Some(fate) = fate else { return Ok(Ok(None)) };
        let refunded = fate.reversal.refunded.iter();
        let refunded = refunded
            .map(|(line, (quantity, amount))| LineBack {
                line: *line,
                quantity: *quantity,
                amount: *amount,
            })
            .collect();
        Ok(Ok(Some(SaleFate {
            vector: view.vector.to_string(),
            sale: asked.to_string(),
            stall: fate.stall,
            name: books::names(store)?.remove(&fate.stall),
            state: state(&fate),
            refunded,
            reversals: fate.reversals.iter().filter_map(reversal).collect(),
            content: sale_content(store, fate.scope, &fate.sale)?,
        })))
    });
    let missing = || Problem::not_found(format!("sale {id} is not known here; wait for sync"));
    let At { vector, body } = read.await?;
    whole(body)?.map(|body| At { vector, body }).ok_or_else(missing)
}

fn state(fate: &money::Fate) -> &'static str {
    let back: i128 = fate.reversal.refunded.values().map(|(_, amount)| amount).sum();
    if fate.reversal.voided {
        "voided"
    } else if fate.reversal.refunded.is_empty() {
        "completed"
    } else if back < fate.sale.amount() {
        "partly-refunded"
    } else {
        "refunded"
    }
}

fn reversal((id, payload): &(EventId, Payload)) -> Option<ReversalEntry> {
    match payload {
        Payload::SaleRefunded(refund) => Some(ReversalEntry::Refund(RefundEntry {
            refund: id.to_string(),
            content: refund.into(),
        })),
        Payload::SaleVoided(void) => {
            Some(ReversalEntry::Void(VoidEntry { void: id.to_string(), at_ms: void.at_ms }))
        }
        // What else names the sale is a finding, and took nothing back.
        _ => None,
    }
}

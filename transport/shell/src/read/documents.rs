//! The read calls about single documents: receipts, and what became of a sale. Both daemons have
//! them.

use std::collections::BTreeMap;

use axum::extract::{FromRef, State};
use engine::books::{self, is_item, money};
use engine::event::Payload;
use engine::event::sale::Sale;
use engine::ids::{DeviceId, EventId};
use engine::projections::Projection;
use engine::replica::rebuild::is_whole;
use engine::store::{Read, ReadError};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::IntoParams;

use super::money::{currency_text, day_text, whole};
use super::{Library, View};
use crate::access::{Access, Caller};
use crate::answer::At;
use crate::extract::{Path, Query};
use crate::openapi::Routes;
use crate::problem::Problem;

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
    responses((status = 200, body = Value)))]
async fn receipt(
    _: Caller,
    State(library): State<Library>,
    Path((till, number)): Path<(String, u64)>,
    Query(OfStall { stall }): Query<OfStall>,
) -> Result<At<Value>, Problem> {
    let asked = till.clone();
    let read = library.read(move |view: &View<'_>| {
        let store = view.store;
        if !is_whole(store, Projection::Receipts)? {
            return Ok(Err(Projection::Receipts.name()));
        }
        let names = books::names(store)?;
        let documents = money::receipts(store, &asked, number, stall)?;
        let receipts = documents.iter().map(|document| content(store, document, &names));
        let receipts = receipts.collect::<Result<Vec<_>, _>>()?;
        let body = json!({ "vector": view.vector.to_string(), "receipts": receipts });
        Ok(Ok((receipts.is_empty(), body)))
    });
    let At { vector, body } = read.await?;
    match whole(body)? {
        (false, body) => Ok(At { vector, body }),
        (true, _) => {
            Err(Problem::not_found(format!("no receipt {number} of a till {till:?} is known here")))
        }
    }
}

/// What a receipt says, in JSON.
pub fn content(
    store: &dyn Read,
    document: &money::Document,
    names: &BTreeMap<DeviceId, String>,
) -> Result<Value, ReadError> {
    let mut body = match &document.payload {
        Payload::SaleCompleted(sale) => sale_body(store, sale)?,
        Payload::SaleRefunded(refund) => json!({
            "kind": "refund",
            "till": refund.key.till,
            "number": Some(refund.receipt).filter(|number| *number > 0),
            "sale": refund.sale.to_string(),
            "at_ms": refund.at_ms,
            "business_day": day_text(refund.business_day),
            "currency": currency_text(refund.currency),
            "lines": refund.lines,
            "tenders": refund.tenders,
            "restock": refund.restock,
            "total": refund.lines.iter().map(|line| i128::from(line.amount)).sum::<i128>(),
        }),
        _ => json!({}),
    };
    body["document"] = json!(document.id.to_string());
    body["stall"] = json!(document.stall.to_string());
    body["name"] = json!(names.get(&document.stall));
    body["copies"] = json!(document.copies);
    Ok(body)
}

fn sale_body(store: &dyn Read, sale: &Sale) -> Result<Value, ReadError> {
    let mut lines = Vec::new();
    for line in &sale.lines {
        let mut body = json!(line);
        for scope in books::scopes(store)? {
            if is_item(store, scope, &line.sku)? {
                let item = books::stock_of(store, scope, &line.sku)?;
                body["name"] = json!(item.and_then(|item| item.name));
            }
        }
        lines.push(body);
    }
    let tenders = sale.tenders.iter().zip(0_u8..).map(|(tender, at)| {
        let mut body = json!(tender);
        if sale.accepted_offline.contains(&at) {
            body["offline"] = json!(true);
        }
        body
    });
    Ok(json!({
        "kind": "sale",
        "till": sale.key.till,
        "number": Some(sale.receipt).filter(|number| *number > 0),
        "cashier": sale.cashier,
        "sold_at_ms": sale.sold_at_ms,
        "offset_minutes": sale.offset_minutes,
        "business_day": day_text(sale.business_day),
        "currency": currency_text(sale.currency),
        "price_bundle": sale.price_bundle.map(|bundle| bundle.to_string()),
        "lines": lines,
        "tenders": tenders.collect::<Vec<_>>(),
        "tip": sale.tip,
        "total": sale.amount(),
        "change": sale.change(),
    }))
}

/// A sale, and what became of it
#[utoipa::path(get, path = "/v1/sales/{id}", tag = "books",
    params(("id" = String, Path, description = "the sale's event")),
    responses((status = 200, body = Value)))]
async fn sale(
    _: Caller,
    State(library): State<Library>,
    Path(id): Path<String>,
) -> Result<At<Value>, Problem> {
    let asked: EventId = id.parse().map_err(|_| {
        Problem::malformed(format!("sale {id:?} is not an event id; copy it whole"))
    })?;
    let read = library.read(move |view: &View<'_>| {
        let store = view.store;
        if !is_whole(store, Projection::Reversals)? {
            return Ok(Err(Projection::Reversals.name()));
        }
        let Some(fate) = money::sale(store, &asked)? else { return Ok(Ok(None)) };
        let mut body = sale_body(store, &fate.sale)?;
        body["sale"] = json!(asked.to_string());
        body["stall"] = json!(fate.stall.to_string());
        body["name"] = json!(books::names(store)?.get(&fate.stall));
        body["state"] = json!(state(&fate));
        let refunded = fate.reversal.refunded.iter().map(|(line, (quantity, amount))| {
            json!({ "line": line, "quantity": quantity, "amount": amount })
        });
        body["refunded"] = json!(refunded.collect::<Vec<_>>());
        body["reversals"] = json!(fate.reversals.iter().map(reversal).collect::<Vec<_>>());
        body["vector"] = json!(view.vector.to_string());
        Ok(Ok(Some(body)))
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

fn reversal((id, payload): &(EventId, Payload)) -> Value {
    match payload {
        Payload::SaleRefunded(refund) => json!({
            "refund": id.to_string(),
            "number": Some(refund.receipt).filter(|number| *number > 0),
            "at_ms": refund.at_ms,
            "business_day": day_text(refund.business_day),
            "lines": refund.lines,
            "tenders": refund.tenders,
            "restock": refund.restock,
        }),
        Payload::SaleVoided(void) => json!({ "void": id.to_string(), "at_ms": void.at_ms }),
        _ => json!({ "event": id.to_string() }),
    }
}

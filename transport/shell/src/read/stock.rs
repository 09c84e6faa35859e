//! The read calls about stock: of every SKU page by page, and of one.
//!
//! Two merchants may use the same SKU: an answer shows the sum, by stall, unless one merchant's is
//! asked for.

use std::collections::BTreeMap;

use axum::extract::{FromRef, State};
use engine::books::{self, StockItem};
use engine::ids::DeviceId;
use engine::projections::stock::Held;
use engine::store::ReadError;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Library, View};
use crate::access::{Access, Caller};
use crate::answer::At;
use crate::extract::{Path, Query};
use crate::limits::STOCK_PAGE_MAX;
use crate::openapi::Routes;
use crate::problem::Problem;

/// A page of stock.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct StockPage {
    /// The hash of the version vector that it holds at.
    pub vector: String,
    /// The items, by SKU.
    pub items: Vec<ItemStock>,
    /// Where the next page begins.
    pub next: Option<String>,
}

/// The stock of one SKU, in thousandths.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ItemStock {
    /// The item.
    pub sku: String,
    /// What the catalogue calls it.
    pub name: Option<String>,
    /// Over all stalls: the same as `on_hand`, which came later.
    pub quantity: i128,
    /// What lies there.
    pub on_hand: i128,
    /// What of it is set aside.
    pub reserved: i128,
    /// What may be promised to somebody else.
    pub available: i128,
    /// At each stall.
    pub stalls: Vec<StallStock>,
}

/// The stock at one stall.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct StallStock {
    /// The stall's device.
    #[schema(value_type = String)]
    pub stall: DeviceId,
    /// What people call it.
    pub name: Option<String>,
    /// The same as `on_hand`, which came later.
    pub quantity: i128,
    /// What lies there.
    pub on_hand: i128,
    /// What of it is set aside.
    pub reserved: i128,
    /// What may be promised to somebody else.
    pub available: i128,
}

/// The routes of these calls.
pub(super) fn routes<S>() -> Routes<S>
where
    S: Clone + Send + Sync + 'static,
    Access: FromRef<S>,
    Library: FromRef<S>,
{
    Routes::default().call(__path_stock, stock).call(__path_stock_of, stock_of)
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct StockQuery {
    /// Only of this merchant; the sum over all of them if left out
    merchant: Option<String>,
    /// Begins after this SKU: `next` of the page before
    after: Option<String>,
    /// SKUs in the page; 1,000 if left out, and at most
    #[param(minimum = 0)]
    limit: Option<usize>,
}

/// A page of the stock, by SKU
#[utoipa::path(get, path = "/v1/stock", tag = "books", params(StockQuery),
    responses((status = 200, body = StockPage)))]
async fn stock(
    _: Caller,
    State(library): State<Library>,
    Query(query): Query<StockQuery>,
) -> Result<At<StockPage>, Problem> {
    let StockQuery { merchant, after, limit } = query;
    let limit = limit.unwrap_or(STOCK_PAGE_MAX).clamp(1, STOCK_PAGE_MAX);
    let read = move |view: &View<'_>| stock_page(view, after.as_deref(), limit).map(Ok);
    library.read_of(merchant, read).await
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ItemQuery {
    /// Only of this merchant; the sum over all of them if left out
    merchant: Option<String>,
}

/// The stock of one SKU
#[utoipa::path(get, path = "/v1/stock/{sku}", tag = "books",
    params(("sku" = String, Path, description = "the SKU"), ItemQuery),
    responses((status = 200, body = ItemStock)))]
async fn stock_of(
    _: Caller,
    State(library): State<Library>,
    Path(sku): Path<String>,
    Query(ItemQuery { merchant }): Query<ItemQuery>,
) -> Result<At<ItemStock>, Problem> {
    let read = move |view: &View<'_>| {
        let missing = || Problem::not_found(format!("SKU {sku:?} is neither in stock nor known"));
        Ok(stock_item(view, &sku)?.ok_or_else(missing))
    };
    library.read_of(merchant, read).await
}

/// The stock of one SKU over every merchant of the view; `None` where none of them knows it.
fn stock_item(view: &View<'_>, sku: &str) -> Result<Option<ItemStock>, ReadError> {
    let names = books::names(view.store)?;
    let mut found = BTreeMap::new();
    for scope in &view.scopes {
        merge(&mut found, books::stock_of(view.store, *scope, sku)?);
    }
    Ok(found.into_values().next().map(|item| item_stock(item, &names)))
}

/// A page of stock over every merchant of the view: the SKUs after `after`, at most `limit`.
pub fn stock_page(
    view: &View<'_>,
    after: Option<&str>,
    limit: usize,
) -> Result<StockPage, ReadError> {
    let names = books::names(view.store)?;
    let mut found: BTreeMap<String, StockItem> = BTreeMap::new();
    for scope in &view.scopes {
        merge(&mut found, books::stock(view.store, *scope, after, limit)?);
    }
    let next = found.keys().nth(limit.saturating_sub(1)).cloned();
    let items = found.into_values().take(limit).map(|item| item_stock(item, &names)).collect();
    Ok(StockPage { vector: view.vector.to_string(), items, next })
}

/// Adds what another merchant has.
fn merge(found: &mut BTreeMap<String, StockItem>, items: impl IntoIterator<Item = StockItem>) {
    for item in items {
        let held = found
            .entry(item.sku.clone())
            .or_insert_with(|| StockItem { sku: item.sku.clone(), ..StockItem::default() });
        held.name = held.name.take().or(item.name);
        held.held += item.held;
        held.stalls.extend(item.stalls);
    }
}

fn item_stock(item: StockItem, names: &BTreeMap<DeviceId, String>) -> ItemStock {
    let stall = |(stall, held): (DeviceId, Held)| StallStock {
        stall,
        name: names.get(&stall).cloned(),
        quantity: held.on_hand,
        on_hand: held.on_hand,
        reserved: held.reserved,
        available: held.available(),
    };
    ItemStock {
        sku: item.sku,
        name: item.name,
        quantity: item.held.on_hand,
        on_hand: item.held.on_hand,
        reserved: item.held.reserved,
        available: item.held.available(),
        stalls: item.stalls.into_iter().map(stall).collect(),
    }
}

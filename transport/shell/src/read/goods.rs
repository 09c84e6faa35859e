//! Goods as both daemons show them: what is on the way, what is set aside, what counts found.

use std::collections::BTreeMap;

use axum::extract::{FromRef, State};
use engine::books;
use engine::books::goods::{Drifts, drifts, on_the_way, set_aside};
use engine::event::GoodsLine;
use engine::ids::{DeviceId, EventId, Scope};
use engine::projections::drift::Drift;
use engine::store::ReadError;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Library, View};
use crate::access::{Access, Caller};
use crate::answer::At;
use crate::extract::Query;
use crate::limits::STOCK_PAGE_MAX;
use crate::openapi::Routes;
use crate::problem::Problem;

/// A page of goods on the way.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct TransferPage {
    /// The hash of the version vector that it holds at.
    pub vector: String,
    /// The dispatches, by id.
    pub transfers: Vec<Transfer>,
    /// Where the next page begins.
    pub next: Option<String>,
}

/// A dispatch that was not taken in.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Transfer {
    /// The dispatch.
    pub dispatch: String,
    /// The stall that it left.
    pub from: StallName,
    /// The stall that it goes to.
    pub to: StallName,
    /// When, as the till believed: milliseconds since 1970.
    pub at_ms: i64,
    /// A transport note's number, or nothing.
    pub reference: String,
    /// What was sent.
    pub lines: Vec<SkuQuantity>,
}

/// A page of open reservations.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ReservationPage {
    /// The hash of the version vector that it holds at.
    pub vector: String,
    /// The reservations, by id.
    pub reservations: Vec<Reservation>,
    /// Where the next page begins.
    pub next: Option<String>,
}

/// Goods that are set aside.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Reservation {
    /// The reservation.
    pub reservation: String,
    /// The stall that set them aside.
    pub at: StallName,
    /// When it lets go of them: milliseconds since 1970.
    pub until_ms: i64,
    /// For whom, or nothing.
    pub reference: String,
    /// What is set aside.
    pub lines: Vec<SkuQuantity>,
}

/// A page of what stock-takes found.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct CountPage {
    /// The hash of the version vector that it holds at.
    pub vector: String,
    /// The items, by SKU.
    pub items: Vec<CountedItem>,
    /// Where the next page begins.
    pub next: Option<String>,
}

/// What stock-takes of one SKU found, in thousandths.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct CountedItem {
    /// The item.
    pub sku: String,
    /// At each stall.
    pub stalls: Vec<StallCounts>,
}

/// What stock-takes of one SKU at one stall found, in thousandths.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct StallCounts {
    /// The stall's device.
    #[schema(value_type = String)]
    pub stall: DeviceId,
    /// What people call it.
    pub name: Option<String>,
    /// How often it was counted.
    pub counts: u64,
    /// The sum of the variances, counted less book.
    pub variance: i128,
    /// What was missing, over the counts that missed something.
    pub missing: i128,
    /// The last counts that were off, the latest first.
    pub latest: Vec<Variance>,
}

/// One count that was off.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Variance {
    /// The stock-take.
    pub count: String,
    /// Thousandths, counted less book.
    pub variance: i128,
}

/// A stall and what people call it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct StallName {
    /// Its device.
    #[schema(value_type = String)]
    pub stall: DeviceId,
    /// What people call it.
    pub name: Option<String>,
}

/// Thousandths of one SKU.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct SkuQuantity {
    /// The item.
    pub sku: String,
    /// Thousandths.
    pub quantity: u64,
}

/// The routes of these calls.
pub fn routes<S>() -> Routes<S>
where
    S: Clone + Send + Sync + 'static,
    Access: FromRef<S>,
    Library: FromRef<S>,
{
    Routes::default()
        .call(__path_transfers, transfers)
        .call(__path_reservations, reservations)
        .call(__path_counts, counts)
}

#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum TransferState {
    #[default]
    Open,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct TransferQuery {
    /// Which ones: open, those on the way. What came in short or over is among the findings
    #[serde(default, rename = "state")]
    #[param(inline)]
    _state: TransferState,
    /// Begins after this dispatch: `next` of the page before
    after: Option<String>,
    /// Dispatches in the page; 1,000 if left out, and at most
    #[param(minimum = 0)]
    limit: Option<usize>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PageQuery {
    /// Begins after this: `next` of the page before
    after: Option<String>,
    /// Rows in the page; 1,000 if left out, and at most
    #[param(minimum = 0)]
    limit: Option<usize>,
}

/// What is on the way between stalls
#[utoipa::path(get, path = "/v1/transfers", tag = "books", params(TransferQuery),
    responses((status = 200, body = TransferPage)))]
async fn transfers(
    _: Caller,
    State(library): State<Library>,
    Query(query): Query<TransferQuery>,
) -> Result<At<TransferPage>, Problem> {
    let (after, limit) = (event(query.after.as_deref())?, rows(query.limit));
    let read = move |view: &View<'_>| {
        let names = books::names(view.store)?;
        let read = |scope| on_the_way(view.store, scope, after.as_ref(), limit);
        let found = over_scopes(view, limit, read)?;
        let next = next(&found, limit);
        let transfers = found.into_iter().map(|(id, (from, goods))| Transfer {
            dispatch: id.to_string(),
            from: named(from, &names),
            to: named(goods.to, &names),
            at_ms: goods.at_ms,
            reference: goods.reference,
            lines: quantities(goods.lines),
        });
        Ok(TransferPage { vector: view.vector.to_string(), transfers: transfers.collect(), next })
    };
    library.read(read).await
}

/// What is set aside
#[utoipa::path(get, path = "/v1/reservations", tag = "books", params(PageQuery),
    responses((status = 200, body = ReservationPage)))]
async fn reservations(
    _: Caller,
    State(library): State<Library>,
    Query(query): Query<PageQuery>,
) -> Result<At<ReservationPage>, Problem> {
    let (after, limit) = (event(query.after.as_deref())?, rows(query.limit));
    let read = move |view: &View<'_>| {
        let names = books::names(view.store)?;
        let read = |scope| set_aside(view.store, scope, after.as_ref(), limit);
        let found = over_scopes(view, limit, read)?;
        let next = next(&found, limit);
        let all = found.into_iter().map(|(id, (at, goods))| Reservation {
            reservation: id.to_string(),
            at: named(at, &names),
            until_ms: goods.until_ms,
            reference: goods.reference,
            lines: quantities(goods.lines),
        });
        Ok(ReservationPage { vector: view.vector.to_string(), reservations: all.collect(), next })
    };
    library.read(read).await
}

/// What stock-takes found missing or left over
#[utoipa::path(get, path = "/v1/counts", tag = "books", params(PageQuery),
    responses((status = 200, body = CountPage)))]
async fn counts(
    _: Caller,
    State(library): State<Library>,
    Query(query): Query<PageQuery>,
) -> Result<At<CountPage>, Problem> {
    let limit = rows(query.limit);
    let read = move |view: &View<'_>| {
        let names = books::names(view.store)?;
        let mut found: BTreeMap<String, Drifts> = BTreeMap::new();
        for scope in &view.scopes {
            for (sku, drifts) in drifts(view.store, *scope, query.after.as_deref(), limit)? {
                found.entry(sku).or_default().extend(drifts);
            }
        }
        let next = found.keys().nth(limit - 1).cloned();
        let items = found.into_iter().take(limit).map(|(sku, drifts)| {
            let stalls =
                drifts.into_iter().map(|(stall, drift)| stall_counts(stall, drift, &names));
            CountedItem { sku, stalls: stalls.collect() }
        });
        Ok(CountPage { vector: view.vector.to_string(), items: items.collect(), next })
    };
    library.read(read).await
}

fn stall_counts(stall: DeviceId, drift: Drift, names: &BTreeMap<DeviceId, String>) -> StallCounts {
    StallCounts {
        stall,
        name: names.get(&stall).cloned(),
        counts: drift.counts,
        variance: drift.variance,
        missing: drift.missing,
        latest: drift.latest.iter().rev().map(off).collect(),
    }
}

fn rows(limit: Option<usize>) -> usize {
    limit.unwrap_or(STOCK_PAGE_MAX).clamp(1, STOCK_PAGE_MAX)
}

fn event(after: Option<&str>) -> Result<Option<EventId>, Problem> {
    let bad = |text: &str| {
        Problem::malformed(format!("after {text:?} is not an event id; copy `next` whole"))
    };
    after.map(|text| text.parse().map_err(|_| bad(text))).transpose()
}

fn off<T>((_, count, variance): &(T, EventId, i128)) -> Variance {
    Variance { count: count.to_string(), variance: *variance }
}

/// The first rows over every merchant of the view, in order of ids.
fn over_scopes<T>(
    view: &View<'_>,
    limit: usize,
    read: impl Fn(Scope) -> Result<Vec<(EventId, DeviceId, T)>, ReadError>,
) -> Result<BTreeMap<EventId, (DeviceId, T)>, ReadError> {
    let mut found = BTreeMap::new();
    for scope in &view.scopes {
        found.extend(read(*scope)?.into_iter().map(|(id, stall, goods)| (id, (stall, goods))));
    }
    while found.len() > limit {
        found.pop_last();
    }
    Ok(found)
}

fn next<T>(found: &BTreeMap<EventId, T>, limit: usize) -> Option<String> {
    let last = found.keys().last().filter(|_| found.len() == limit);
    last.map(ToString::to_string)
}

fn named(stall: DeviceId, names: &BTreeMap<DeviceId, String>) -> StallName {
    StallName { stall, name: names.get(&stall).cloned() }
}

fn quantities(lines: Vec<GoodsLine>) -> Vec<SkuQuantity> {
    let quantity = |line: GoodsLine| SkuQuantity { sku: line.sku, quantity: line.quantity };
    lines.into_iter().map(quantity).collect()
}

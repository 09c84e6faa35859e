//! Goods as both daemons show them: what is on the way, what is set aside, what counts found.

use std::collections::BTreeMap;

use axum::extract::{FromRef, State};
use axum::routing::get;
use axum::{Json, Router};
use engine::books;
use engine::books::goods::{Drifts, drifts, on_the_way, set_aside};
use engine::event::GoodsLine;
use engine::ids::{DeviceId, EventId};
use engine::store::{Read, ReadError};
use serde::{Deserialize, Serialize};

use super::{Library, reading};
use crate::access::{Access, Caller};
use crate::extract::Query;
use crate::limits::STOCK_PAGE_MAX;
use crate::problem::Problem;

/// A page of goods on the way.
#[derive(Debug, Serialize, Deserialize)]
pub struct TransferPage {
    /// The hash of the version vector that it holds at.
    pub vector: String,
    /// The dispatches, by id.
    pub transfers: Vec<Transfer>,
    /// Where the next page begins.
    pub next: Option<String>,
}

/// A dispatch that was not taken in.
#[derive(Debug, Serialize, Deserialize)]
pub struct Transfer {
    /// The dispatch.
    pub dispatch: String,
    /// The stall that it left.
    pub from: Named,
    /// The stall that it goes to.
    pub to: Named,
    /// When, as the till believed: milliseconds since 1970.
    pub at_ms: i64,
    /// A transport note's number, or nothing.
    pub reference: String,
    /// What was sent.
    pub lines: Vec<Quantity>,
}

/// A page of open reservations.
#[derive(Debug, Serialize, Deserialize)]
pub struct ReservationPage {
    /// The hash of the version vector that it holds at.
    pub vector: String,
    /// The reservations, by id.
    pub reservations: Vec<Reservation>,
    /// Where the next page begins.
    pub next: Option<String>,
}

/// Goods that are set aside.
#[derive(Debug, Serialize, Deserialize)]
pub struct Reservation {
    /// The reservation.
    pub reservation: String,
    /// The stall that set them aside.
    pub at: Named,
    /// When it lets go of them: milliseconds since 1970.
    pub until_ms: i64,
    /// For whom, or nothing.
    pub reference: String,
    /// What is set aside.
    pub lines: Vec<Quantity>,
}

/// A page of what stock-takes found.
#[derive(Debug, Serialize, Deserialize)]
pub struct CountPage {
    /// The hash of the version vector that it holds at.
    pub vector: String,
    /// The items, by SKU.
    pub items: Vec<Counted>,
    /// Where the next page begins.
    pub next: Option<String>,
}

/// What stock-takes of one SKU found, in thousandths.
#[derive(Debug, Serialize, Deserialize)]
pub struct Counted {
    /// The item.
    pub sku: String,
    /// At each stall.
    pub stalls: Vec<StallCounts>,
}

/// What stock-takes of one SKU at one stall found, in thousandths.
#[derive(Debug, Serialize, Deserialize)]
pub struct StallCounts {
    /// The stall.
    #[serde(flatten)]
    pub stall: Named,
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
#[derive(Debug, Serialize, Deserialize)]
pub struct Variance {
    /// The stock-take.
    pub count: String,
    /// Thousandths, counted less book.
    pub variance: i128,
}

/// A stall and what people call it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Named {
    /// Its device.
    pub stall: DeviceId,
    /// What people call it.
    pub name: Option<String>,
}

/// Thousandths of one SKU.
#[derive(Debug, Serialize, Deserialize)]
pub struct Quantity {
    /// The item.
    pub sku: String,
    /// Thousandths.
    pub quantity: u64,
}

/// The routes of these reads.
pub fn routes<S>() -> Router<S>
where
    S: Clone + Send + Sync + 'static,
    Access: FromRef<S>,
    Library: FromRef<S>,
{
    Router::new()
        .route("/v1/transfers", get(transfers))
        .route("/v1/reservations", get(reservations))
        .route("/v1/counts", get(counts))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PageQuery {
    after: Option<String>,
    limit: Option<usize>,
    state: Option<String>,
}

impl PageQuery {
    fn limit(&self) -> usize {
        self.limit.unwrap_or(STOCK_PAGE_MAX).clamp(1, STOCK_PAGE_MAX)
    }

    fn after_event(&self) -> Result<Option<EventId>, Problem> {
        let bad = |text: &String| {
            Problem::malformed(format!("after {text:?} is not an event id; copy `next` whole"))
        };
        self.after.as_ref().map(|text| text.parse().map_err(|_| bad(text))).transpose()
    }

    fn only_open(&self) -> Result<(), Problem> {
        match self.state.as_deref() {
            None | Some("open") => Ok(()),
            Some(_) => Err(Problem::malformed(
                "state must be open; what was taken in short or over is among the findings",
            )),
        }
    }
}

async fn transfers(
    _: Caller,
    State(library): State<Library>,
    Query(query): Query<PageQuery>,
) -> Result<Json<TransferPage>, Problem> {
    query.only_open()?;
    let (after, limit) = (query.after_event()?, query.limit());
    reading(library, move |store, _| {
        let names = books::names(store)?;
        let found =
            over_scopes(store, limit, |scope| on_the_way(store, scope, after.as_ref(), limit))?;
        let next = next(&found, limit);
        let transfers = found.into_iter().map(|(id, (from, goods))| Transfer {
            dispatch: id.to_string(),
            from: named(from, &names),
            to: named(goods.to, &names),
            at_ms: goods.at_ms,
            reference: goods.reference,
            lines: quantities(goods.lines),
        });
        let transfers = transfers.collect();
        Ok(TransferPage { vector: books::vector(store)?.hash().to_string(), transfers, next })
    })
    .await
}

async fn reservations(
    _: Caller,
    State(library): State<Library>,
    Query(query): Query<PageQuery>,
) -> Result<Json<ReservationPage>, Problem> {
    query.only_open()?;
    let (after, limit) = (query.after_event()?, query.limit());
    reading(library, move |store, _| {
        let names = books::names(store)?;
        let found =
            over_scopes(store, limit, |scope| set_aside(store, scope, after.as_ref(), limit))?;
        let next = next(&found, limit);
        let reservations = found.into_iter().map(|(id, (at, goods))| Reservation {
            reservation: id.to_string(),
            at: named(at, &names),
            until_ms: goods.until_ms,
            reference: goods.reference,
            lines: quantities(goods.lines),
        });
        let reservations = reservations.collect();
        Ok(ReservationPage { vector: books::vector(store)?.hash().to_string(), reservations, next })
    })
    .await
}

async fn counts(
    _: Caller,
    State(library): State<Library>,
    Query(query): Query<PageQuery>,
) -> Result<Json<CountPage>, Problem> {
    let limit = query.limit();
    reading(library, move |store, _| {
        let names = books::names(store)?;
        let mut found: BTreeMap<String, Drifts> = BTreeMap::new();
        for scope in books::scopes(store)? {
            for (sku, drifts) in drifts(store, scope, query.after.as_deref(), limit)? {
                found.entry(sku).or_default().extend(drifts);
            }
        }
        let next = found.keys().nth(limit - 1).cloned();
        let items = found.into_iter().take(limit).map(|(sku, drifts)| {
            let stalls = drifts.into_iter().map(|(stall, drift)| StallCounts {
                stall: named(stall, &names),
                counts: drift.counts,
                variance: drift.variance,
                missing: drift.missing,
                latest: drift.latest.iter().rev().map(off).collect(),
            });
            Counted { sku, stalls: stalls.collect() }
        });
        let items = items.collect();
        Ok(CountPage { vector: books::vector(store)?.hash().to_string(), items, next })
    })
    .await
}

fn off<T>((_, count, variance): &(T, EventId, i128)) -> Variance {
    Variance { count: count.to_string(), variance: *variance }
}

/// The first rows over every scope, in order of ids.
fn over_scopes<T>(
    store: &dyn Read,
    limit: usize,
    read: impl Fn(engine::ids::Scope) -> Result<Vec<(EventId, DeviceId, T)>, ReadError>,
) -> Result<BTreeMap<EventId, (DeviceId, T)>, ReadError> {
    let mut found = BTreeMap::new();
    for scope in books::scopes(store)? {
        found.extend(read(scope)?.into_iter().map(|(id, stall, goods)| (id, (stall, goods))));
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

fn named(stall: DeviceId, names: &BTreeMap<DeviceId, String>) -> Named {
    Named { stall, name: names.get(&stall).cloned() }
}

fn quantities(lines: Vec<GoodsLine>) -> Vec<Quantity> {
    let quantity = |line: GoodsLine| Quantity { sku: line.sku, quantity: line.quantity };
    lines.into_iter().map(quantity).collect()
}

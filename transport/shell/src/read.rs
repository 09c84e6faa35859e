//! The read calls that both daemons have: stock and sales, from a snapshot of the store.
//!
//! They never go through the core, so a long report does not hold up a sale.

pub mod findings;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{FromRef, State};
use axum::routing::get;
use axum::{Json, Router};
use engine::books::{self, StockItem};
use engine::ids::{DeviceId, Scope};
use engine::projections::sales::Sums;
use engine::replica::query::DigestRow;
use engine::replica::verify::Report;
use engine::store::{Read, ReadError, Store};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::access::{Access, Caller};
use crate::extract::{Path, Query};
use crate::limits::STOCK_PAGE_MAX;
use crate::problem::Problem;

/// The books that are read, and in which currency.
#[derive(Clone)]
pub struct Library {
    /// The committed state.
    pub store: Arc<dyn Store>,
    /// The market's currency, an ISO 4217 code.
    pub currency: String,
}

/// A page of stock.
#[derive(Debug, Serialize, Deserialize)]
pub struct StockPage {
    /// The hash of the version vector that it holds at.
    pub vector: String,
    /// The items, by SKU.
    pub items: Vec<ItemStock>,
    /// Where the next page begins.
    pub next: Option<String>,
}

/// The stock of one SKU, in thousandths.
#[derive(Debug, Serialize, Deserialize)]
pub struct ItemStock {
    /// The item.
    pub sku: String,
    /// What the catalogue calls it.
    pub name: Option<String>,
    /// Over all stalls.
    pub quantity: i128,
    /// At each stall.
    pub stalls: Vec<StallStock>,
}

/// The stock at one stall.
#[derive(Debug, Serialize, Deserialize)]
pub struct StallStock {
    /// The stall's device.
    pub stall: DeviceId,
    /// What people call it.
    pub name: Option<String>,
    /// Thousandths.
    pub quantity: i128,
}

/// Sales of each stall and in sum.
#[derive(Debug, Serialize, Deserialize)]
pub struct Summary {
    /// The hash of the version vector that it holds at.
    pub vector: String,
    /// The market's currency.
    pub currency: String,
    /// Over all stalls.
    pub total: Totals,
    /// Each stall's.
    pub stalls: Vec<StallTotals>,
}

/// Sums, with what is left of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// The sums.
    #[serde(flatten)]
    pub sums: Sums,
    /// Amounts less refunds and voids.
    pub net: i128,
}

/// The sums of one stall.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StallTotals {
    /// The stall's device.
    pub stall: DeviceId,
    /// What people call it.
    pub name: Option<String>,
    /// Its sums.
    #[serde(flatten)]
    pub totals: Totals,
}

/// One digest, as the API states it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DigestEntry {
    /// The scope.
    pub scope: String,
    /// The projection.
    pub projection: String,
    /// Its version.
    pub version: u32,
    /// The hash of the vector over the logs that it reads.
    pub vector: String,
    /// The digest.
    pub digest: String,
}

impl From<DigestRow> for DigestEntry {
    fn from(row: DigestRow) -> Self {
        Self {
            scope: row.scope.to_string(),
            projection: row.projection.name().to_owned(),
            version: row.projection.version(),
            vector: row.vector.to_string(),
            digest: row.digest.to_string(),
        }
    }
}

impl From<Sums> for Totals {
    fn from(sums: Sums) -> Self {
        Self { sums, net: sums.net() }
    }
}

/// The routes of the read calls.
pub fn routes<S>() -> Router<S>
where
    S: Clone + Send + Sync + 'static,
    Access: FromRef<S>,
    Library: FromRef<S>,
{
    Router::new()
        .route("/v1/stock", get(stock))
        .route("/v1/stock/{sku}", get(stock_of))
        .route("/v1/sales/summary", get(summary))
        .merge(findings::routes())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StockQuery {
    after: Option<String>,
    limit: Option<usize>,
}

async fn stock(
    _: Caller,
    State(library): State<Library>,
    Query(query): Query<StockQuery>,
) -> Result<Json<StockPage>, Problem> {
    let limit = query.limit.unwrap_or(STOCK_PAGE_MAX).clamp(1, STOCK_PAGE_MAX);
    reading(library, move |store, _| stock_page(store, query.after.as_deref(), limit)).await
}

async fn stock_of(
    _: Caller,
    State(library): State<Library>,
    Path(sku): Path<String>,
) -> Result<Json<ItemStock>, Problem> {
    let asked = sku.clone();
    let found = reading(library, move |store, _| {
        let names = books::names(store)?;
        for scope in books::scopes(store)? {
            if let Some(item) = books::stock_of(store, scope, &asked)? {
                return Ok(Some(item_stock(item, &names)));
            }
        }
        Ok(None)
    });
    let Json(found) = found.await?;
    let missing = || Problem::not_found(format!("SKU {sku:?} is neither in stock nor known"));
    found.map(Json).ok_or_else(missing)
}

async fn summary(_: Caller, State(library): State<Library>) -> Result<Json<Summary>, Problem> {
    reading(library, |store, currency| {
        let names = books::names(store)?;
        let mut stalls: BTreeMap<DeviceId, Sums> = BTreeMap::new();
        let mut total = Sums::default();
        for scope in books::scopes(store)? {
            for (stall, sums) in books::summary(store, scope)? {
                *stalls.entry(stall).or_default() += sums;
                total += sums;
            }
        }
        let stalls = stalls.into_iter().map(|(stall, sums)| {
            let name = names.get(&stall).cloned();
            StallTotals { stall, name, totals: sums.into() }
        });
        Ok(Summary {
            vector: books::vector(store)?.hash().to_string(),
            currency,
            total: total.into(),
            stalls: stalls.collect(),
        })
    })
    .await
}

fn stock_page(store: &dyn Read, after: Option<&str>, limit: usize) -> Result<StockPage, ReadError> {
    let names = books::names(store)?;
    let scopes = books::scopes(store)?;
    let mut found: BTreeMap<String, StockItem> = BTreeMap::new();
    for scope in scopes {
        merge(&mut found, books::stock(store, scope, after, limit)?);
    }
    let next = found.keys().nth(limit.saturating_sub(1)).cloned();
    let items = found.into_values().take(limit).map(|item| item_stock(item, &names)).collect();
    Ok(StockPage { vector: books::vector(store)?.hash().to_string(), items, next })
}

/// Two merchants may use the same SKU: the page shows the sum, by stall.
fn merge(found: &mut BTreeMap<String, StockItem>, items: Vec<StockItem>) {
    for item in items {
        let held = found
            .entry(item.sku.clone())
            .or_insert_with(|| StockItem { sku: item.sku.clone(), ..StockItem::default() });
        held.name = held.name.take().or(item.name);
        held.quantity += item.quantity;
        held.stalls.extend(item.stalls);
    }
}

fn item_stock(item: StockItem, names: &BTreeMap<DeviceId, String>) -> ItemStock {
    let stall =
        |(stall, quantity)| StallStock { stall, name: names.get(&stall).cloned(), quantity };
    ItemStock {
        sku: item.sku,
        name: item.name,
        quantity: item.quantity,
        stalls: item.stalls.into_iter().map(stall).collect(),
    }
}

/// Runs a read on a thread where it may take its time.
pub(crate) async fn reading<T: Send + 'static>(
    library: Library,
    read: impl FnOnce(&dyn Read, String) -> Result<T, ReadError> + Send + 'static,
) -> Result<Json<T>, Problem> {
    let Library { store, currency } = library;
    from_snapshot(store, move |snapshot| read(snapshot, currency)).await.map(Json)
}

/// Reads a snapshot on a thread where it may take its time.
pub async fn from_snapshot<T: Send + 'static>(
    store: Arc<dyn Store>,
    read: impl FnOnce(&dyn Read) -> Result<T, ReadError> + Send + 'static,
) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(move || read(store.snapshot().as_ref()));
    match done.await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error @ ReadError::NotWhole(_))) => Err(Problem::rebuilding(error.to_string())),
        Ok(Err(error)) => Err(Problem::halted(error.to_string())),
        Err(_) => Err(Problem::stopping("the daemon is stopping")),
    }
}

/// Verifies every log in the store.
pub async fn verification(library: &Library) -> Result<Json<Value>, Problem> {
    let report = from_snapshot(library.store.clone(), engine::replica::verify::verify).await?;
    Ok(Json(report_body(&report)))
}

/// The scope that a merchant's name stands for.
pub fn scope_of(merchant: &str) -> Scope {
    Scope::Merchant(engine::ids::MerchantId::from_name(merchant))
}

/// A verification's report with its verdict.
pub fn report_body(report: &Report) -> Value {
    json!({
        "ok": report.ok(),
        "logs": report.logs,
        "events": report.events,
        "heads": report.heads,
        "problems": report.problems,
    })
}

/// The same report in words.
pub fn report_words(report: &Value) -> String {
    let ok = report["ok"] == true;
    let verdict = if ok { "all chains and signatures hold" } else { "PROBLEMS FOUND" };
    let mut words = format!(
        "{verdict}: {} logs, {} events, {} signed heads",
        report["logs"], report["events"], report["heads"]
    );
    for problem in report["problems"].as_array().into_iter().flatten() {
        words.push_str("\n  ");
        words.push_str(problem.as_str().unwrap_or_default());
    }
    words
}

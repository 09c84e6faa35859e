//! The read calls that both daemons have: stock and sales, from a snapshot of the store.
//!
//! They never go through the core, so a long report does not hold up a sale.

pub mod findings;
pub mod goods;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{FromRef, State};
use engine::books::{self, StockItem};
use engine::hash::Hash;
use engine::ids::{DeviceId, Scope};
use engine::projections::Projection;
use engine::projections::sales::Sums;
use engine::projections::stock::Held;
use engine::replica::query::DigestRow;
use engine::replica::rebuild::Progress;
use engine::replica::verify::Report;
use engine::store::{Read, ReadError, Store};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::access::{Access, Caller};
use crate::answer::At;
use crate::extract::{Path, Query};
use crate::limits::STOCK_PAGE_MAX;
use crate::openapi::Routes;
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

/// Sales of each stall and in sum.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Totals {
    /// The sums.
    #[serde(flatten)]
    #[schema(value_type = SumsSchema)]
    pub sums: Sums,
    /// Amounts less refunds and voids.
    pub net: i128,
}

/// [`Sums`], as the API's document describes it.
#[derive(ToSchema)]
#[schema(as = Sums)]
#[expect(dead_code, reason = "it describes `Sums`, which knows nothing of HTTP")]
struct SumsSchema {
    /// Sales.
    baskets: i128,
    /// Their lines.
    lines: i128,
    /// Their quantities, in thousandths.
    quantity: i128,
    /// Their amounts charged, without tips.
    amount: i128,
    /// Tax within the amounts.
    tax: i128,
    /// Discounts that led to the amounts.
    discount: i128,
    /// Tips on top.
    tips: i128,
    /// Refunds.
    refunds: i128,
    /// Money paid back by them.
    refunded: i128,
    /// Sales undone.
    voids: i128,
    /// Their amounts.
    voided: i128,
}

/// The sums of one stall.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StallTotals {
    /// The stall's device.
    #[schema(value_type = String)]
    pub stall: DeviceId,
    /// What people call it.
    pub name: Option<String>,
    /// Its sums.
    #[serde(flatten)]
    pub totals: Totals,
}

/// One digest, as the API states it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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

/// Every digest.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Digests {
    /// The hash of the version vector that they hold at.
    pub vector: String,
    /// Of each scope and projection.
    pub digests: Vec<DigestEntry>,
}

impl Digests {
    /// The digests that hold at a vector.
    pub fn at(vector: Hash, rows: Vec<DigestRow>) -> At<Self> {
        let digests = rows.into_iter().map(DigestEntry::from).collect();
        At { vector, body: Self { vector: vector.to_string(), digests } }
    }
}

/// The read calls that both daemons have.
pub fn routes<S>() -> Routes<S>
where
    S: Clone + Send + Sync + 'static,
    Access: FromRef<S>,
    Library: FromRef<S>,
{
    Routes::default()
        .call(__path_stock, stock)
        .call(__path_stock_of, stock_of)
        .call(__path_summary, summary)
        .merge(findings::routes())
        .merge(goods::routes())
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct StockQuery {
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
    let limit = query.limit.unwrap_or(STOCK_PAGE_MAX).clamp(1, STOCK_PAGE_MAX);
    library.read(move |view| stock_page(view, query.after.as_deref(), limit)).await
}

/// The stock of one SKU
#[utoipa::path(get, path = "/v1/stock/{sku}", tag = "books",
    params(("sku" = String, Path, description = "the SKU")),
    responses((status = 200, body = ItemStock)))]
async fn stock_of(
    _: Caller,
    State(library): State<Library>,
    Path(sku): Path<String>,
) -> Result<At<ItemStock>, Problem> {
    let asked = sku.clone();
    let found = library.read(move |view| {
        let names = books::names(view.store)?;
        for scope in books::scopes(view.store)? {
            if let Some(item) = books::stock_of(view.store, scope, &asked)? {
                return Ok(Some(item_stock(item, &names)));
            }
        }
        Ok(None)
    });
    let At { vector, body } = found.await?;
    let missing = || Problem::not_found(format!("SKU {sku:?} is neither in stock nor known"));
    body.map(|body| At { vector, body }).ok_or_else(missing)
}

/// Sales of each stall and in sum
#[utoipa::path(get, path = "/v1/sales/summary", tag = "books",
    responses((status = 200, body = Summary)))]
async fn summary(_: Caller, State(library): State<Library>) -> Result<At<Summary>, Problem> {
    let currency = library.currency.clone();
    let read = move |view: &View<'_>| {
        let names = books::names(view.store)?;
        let mut stalls: BTreeMap<DeviceId, Sums> = BTreeMap::new();
        let mut total = Sums::default();
        for scope in books::scopes(view.store)? {
            for (stall, sums) in books::summary(view.store, scope)? {
                *stalls.entry(stall).or_default() += sums;
                total += sums;
            }
        }
        let stalls = stalls.into_iter().map(|(stall, sums)| {
            let name = names.get(&stall).cloned();
            StallTotals { stall, name, totals: sums.into() }
        });
        Ok(Summary {
            vector: view.vector.to_string(),
            currency,
            total: total.into(),
            stalls: stalls.collect(),
        })
    };
    library.read(read).await
}

fn stock_page(view: &View<'_>, after: Option<&str>, limit: usize) -> Result<StockPage, ReadError> {
    let names = books::names(view.store)?;
    let mut found: BTreeMap<String, StockItem> = BTreeMap::new();
    for scope in books::scopes(view.store)? {
        merge(&mut found, books::stock(view.store, scope, after, limit)?);
    }
    let next = found.keys().nth(limit.saturating_sub(1)).cloned();
    let items = found.into_values().take(limit).map(|item| item_stock(item, &names)).collect();
    Ok(StockPage { vector: view.vector.to_string(), items, next })
}

/// Two merchants may use the same SKU: the page shows the sum, by stall.
fn merge(found: &mut BTreeMap<String, StockItem>, items: Vec<StockItem>) {
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

/// A consistent view of the committed state.
pub struct View<'a> {
    /// Its rows.
    pub store: &'a dyn Read,
    /// The hash of its version vector.
    pub vector: Hash,
}

impl Library {
    /// Reads one consistent view, on a thread where it may take its time. The answer says at which
    /// vector it holds.
    pub async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&View<'_>) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<At<T>, Problem> {
        let store = self.store.clone();
        let done = tokio::task::spawn_blocking(move || {
            let snapshot = store.snapshot();
            let store = snapshot.as_ref();
            let vector = books::vector(store)?.hash();
            Ok(At { vector, body: read(&View { store, vector })? })
        });
        match done.await {
            Ok(Ok(read)) => Ok(read),
            Ok(Err(error @ ReadError::NotWhole(_))) => Err(Problem::rebuilding(error.to_string())),
            Ok(Err(error)) => Err(Problem::halted(error.to_string())),
            Err(_) => Err(Problem::stopping("the daemon is stopping")),
        }
    }
}

/// Books that are being rebuilt, after an upgrade; everything else goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Rebuilding {
    /// The projections that are not whole.
    pub projections: Vec<String>,
    /// Events folded so far.
    pub done: u64,
    /// Events that there are.
    pub total: u64,
}

impl From<&Progress> for Rebuilding {
    fn from(progress: &Progress) -> Self {
        let name = |projection: &Projection| projection.name().to_owned();
        let projections = progress.projections.iter().map(name).collect();
        Self { projections, done: progress.done, total: progress.total }
    }
}

/// What a verification found.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Verification {
    /// Whether everything holds.
    pub ok: bool,
    /// Logs looked at.
    pub logs: u64,
    /// Events hashed.
    pub events: u64,
    /// Signed heads checked.
    pub heads: u64,
    /// What does not hold, in words.
    pub problems: Vec<String>,
}

/// Verifies every log in the store.
pub async fn verification(library: &Library) -> Result<At<Verification>, Problem> {
    library.read(|view| Ok(report_body(engine::replica::verify::verify(view.store)?))).await
}

/// The scope that a merchant's name stands for.
pub fn scope_of(merchant: &str) -> Scope {
    Scope::Merchant(engine::ids::MerchantId::from_name(merchant))
}

/// A verification's report with its verdict.
pub fn report_body(report: Report) -> Verification {
    Verification {
        ok: report.ok(),
        logs: report.logs,
        events: report.events,
        heads: report.heads,
        problems: report.problems,
    }
}

/// The same report in words.
pub fn report_words(report: &Verification) -> String {
    let Verification { ok, logs, events, heads, problems } = report;
    let verdict = if *ok { "all chains and signatures hold" } else { "PROBLEMS FOUND" };
    let mut words = format!("{verdict}: {logs} logs, {events} events, {heads} signed heads");
    for problem in problems {
        words.push_str("\n  ");
        words.push_str(problem);
    }
    words
}

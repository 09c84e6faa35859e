//! The read calls that both daemons have: stock and sales, from a snapshot of the store.
//!
//! They never go through the core, so a long report does not hold up a sale.

pub mod documents;
pub mod findings;
pub mod goods;
pub mod money;
pub mod prices;
mod stock;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{FromRef, State};
use engine::books;
use engine::hash::Hash;
use engine::ids::{DeviceId, Scope};
use engine::projections::Projection;
use engine::projections::sales::Sums;
use engine::replica::query::DigestRow;
use engine::replica::rebuild::Progress;
use engine::replica::verify::Report;
use engine::store::{Read, ReadError, Store};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::access::{Access, Caller};
use crate::answer::At;
use crate::openapi::Routes;
use crate::problem::Problem;

pub use stock::{ItemStock, StallStock, StockPage, stock_page};

/// The books that are read, and in which currency.
#[derive(Clone)]
pub struct Library {
    /// The committed state.
    pub store: Arc<dyn Store>,
    /// The market's currency, an ISO 4217 code.
    pub currency: String,
    /// The stall that shows the books of its merchant alone; none at a control, which shows
    /// everybody's.
    pub stall: Option<DeviceId>,
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
        .call(__path_summary, summary)
        .merge(stock::routes())
        .merge(findings::routes())
        .merge(goods::routes())
        .merge(documents::routes())
        .merge(money::routes())
}

/// Sales of each stall and in sum
#[utoipa::path(get, path = "/v1/sales/summary", tag = "books",
    responses((status = 200, body = Summary)))]
async fn summary(_: Caller, State(library): State<Library>) -> Result<At<Summary>, Problem> {
    let currency = library.currency.clone();
    library.read(move |view| summary_of(view, currency)).await
}

/// The sales of each stall and in sum, over every merchant of the view.
pub fn summary_of(view: &View<'_>, currency: String) -> Result<Summary, ReadError> {
    let names = books::names(view.store)?;
    let mut stalls: BTreeMap<DeviceId, Sums> = BTreeMap::new();
    let mut total = Sums::default();
    for scope in &view.scopes {
        for (stall, sums) in books::summary(view.store, *scope)? {
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
}

/// A consistent view of the committed state.
pub struct View<'a> {
    /// Its rows.
    pub store: &'a dyn Read,
    /// The hash of its version vector.
    pub vector: Hash,
    /// The merchants whose books it shows.
    pub scopes: Vec<Scope>,
    /// Whether any merchant may be asked for.
    any_merchant: bool,
}

impl View<'_> {
    /// Whether it shows a scope's books.
    pub fn shows(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }

    /// The same view of the named merchant's books alone, or of all that it shows.
    pub fn narrowed(&self, merchant: Option<&str>) -> Result<Self, Problem> {
        let scopes = match merchant.map(scope_of) {
            None => self.scopes.clone(),
            Some(scope) if self.any_merchant || self.shows(scope) => vec![scope],
            Some(_) => {
                return Err(Problem::malformed(
                    "merchant: a stall shows its own merchant's books; leave it out",
                ));
            }
        };
        Ok(Self { scopes, ..*self })
    }
}

impl Library {
    /// A view of a snapshot. Whose books a stall shows is asked of its grant in that very snapshot:
    /// one that joined again for another merchant still holds what it sold for the first.
    pub fn view<'a>(&self, store: &'a dyn Read) -> Result<View<'a>, ReadError> {
        let vector = books::vector(store)?;
        let scopes = match &self.stall {
            None => books::scopes_of(&vector),
            Some(stall) => books::merchant_of(store, stall)?.into_iter().collect(),
        };
        let any_merchant = self.stall.is_none();
        Ok(View { store, vector: vector.hash(), scopes, any_merchant })
    }

    /// [`Self::read`] of the named merchant's books alone, or of all that a view shows. What is
    /// read may also be refused.
    pub async fn read_of<T: Send + 'static>(
        &self,
        merchant: Option<String>,
        read: impl FnOnce(&View<'_>) -> Result<Result<T, Problem>, ReadError> + Send + 'static,
    ) -> Result<At<T>, Problem> {
        let found = self.read(move |view| match view.narrowed(merchant.as_deref()) {
            Ok(view) => read(&view),
            Err(problem) => Ok(Err(problem)),
        });
        let At { vector, body } = found.await?;
        Ok(At { vector, body: body? })
    }

    /// Reads one consistent view, on a thread where it may take its time. The answer says at which
    /// vector it holds.
    pub async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&View<'_>) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<At<T>, Problem> {
        let library = self.clone();
        let done = tokio::task::spawn_blocking(move || {
            let snapshot = library.store.snapshot();
            let view = library.view(snapshot.as_ref())?;
            Ok(At { vector: view.vector, body: read(&view)? })
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

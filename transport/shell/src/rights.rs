//! Reading promise rights over HTTP: what both daemons have.
//!
//! It only reads, from a snapshot of the store, so a long report does not hold up a sale.

use std::collections::BTreeMap;

use axum::extract::{FromRef, State};
use engine::books;
use engine::books::rights::{self, Pending, SkuRights};
use engine::ids::{DeviceId, Scope};
use engine::projections::rights::rows::Account;
use engine::store::ReadError;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::access::{Access, Caller};
use crate::answer::At;
use crate::client::{Client, ClientError, escape};
use crate::extract::Query;
use crate::limits::STOCK_PAGE_MAX;
use crate::openapi::Routes;
use crate::problem::Problem;
use crate::read::{Library, View};

/// Open requests and grants on the way in one answer.
const PENDING_MAX: usize = 1_000;

/// A page of promise rights.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct RightsPage {
    /// The hash of the version vector that it holds at.
    pub vector: String,
    /// The items, by SKU and merchant.
    pub items: Vec<ItemRights>,
    /// Where the next page begins.
    pub next: Option<String>,
    /// Requests that nobody answered yet; at most 1,000, and only on a first page.
    pub open_requests: Vec<PendingRights>,
    /// Grants that their takers have yet to accept or send back; as many.
    pub in_transit: Vec<PendingRights>,
}

/// The promise rights of one SKU of one merchant, in thousandths.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ItemRights {
    /// The item.
    pub sku: String,
    /// Whose, as `merchant:` and an id.
    pub scope: String,
    /// What may be sold over all stalls.
    pub balance: i128,
    /// What forks and forfeits may oversell at most; 0 without them.
    pub exposure: i128,
    /// At each stall.
    pub stalls: Vec<StallRights>,
}

/// The rights of one stall to one SKU, in thousandths.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct StallRights {
    /// The stall's device.
    #[schema(value_type = String)]
    pub stall: DeviceId,
    /// What people call it.
    pub name: Option<String>,
    /// What it may sell: the sum of what follows.
    pub balance: i128,
    /// Came with goods.
    pub minted: i128,
    /// Granted to it, and accepted.
    pub accepted: i128,
    /// Granted by it, and sent back.
    pub returned: i128,
    /// Given back by customers.
    pub restored: i128,
    /// Taken from lost stalls for it.
    pub awarded: i128,
    /// Given away; less.
    pub granted: i128,
    /// Sold, spoiled or withdrawn; less.
    pub spent: i128,
    /// Taken from it because it was lost; less.
    pub forfeited: i128,
}

/// Rights that are asked for, or on the way.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct PendingRights {
    /// The event: a request, or a grant.
    pub id: String,
    /// Who gives.
    #[schema(value_type = String)]
    pub from: DeviceId,
    /// Who takes.
    #[schema(value_type = String)]
    pub to: DeviceId,
    /// The item.
    pub sku: String,
    /// Thousandths.
    pub quantity: u64,
}

impl RightsPage {
    /// Every page in one, of one SKU or of all. The requests and grants are those of the first.
    pub async fn whole(client: &Client, sku: Option<&str>) -> Result<Self, ClientError> {
        let query = sku.map(|sku| format!("?sku={}", escape(sku))).unwrap_or_default();
        let mut page: Self = client.get(&format!("/v1/rights{query}")).await?;
        while let Some(after) = page.next.take() {
            let more = client.get(&format!("/v1/rights?after={}", escape(&after))).await?;
            let Self { items, next, .. } = more;
            page.items.extend(items);
            page.next = next;
        }
        Ok(page)
    }

    /// A line for each SKU and stall, for a person.
    pub fn in_words(&self) -> String {
        let mut out = Vec::new();
        for item in &self.items {
            out.push(format!("{}  {} in all", item.sku, pieces(item.balance)));
            if item.exposure > 0 {
                out.push(format!("  EXPOSED: {} may be sold twice", pieces(item.exposure)));
            }
            for stall in &item.stalls {
                let id = stall.stall.to_string();
                let name = stall.name.as_deref().unwrap_or(&id);
                out.push(format!("  {}  {name}", pieces(stall.balance)));
            }
        }
        for (what, pending) in [("asked", &self.open_requests), ("on the way", &self.in_transit)] {
            for PendingRights { from, to, sku, quantity, .. } in pending {
                let quantity = pieces(i128::from(*quantity));
                out.push(format!("{what}: {quantity} of {sku} from {from} to {to}"));
            }
        }
        out.join("\n")
    }
}

fn pieces(thousandths: i128) -> String {
    let sign = if thousandths < 0 { "-" } else { "" };
    let (whole, part) = ((thousandths / 1000).abs(), (thousandths % 1000).abs());
    format!("{sign}{whole}.{part:03}")
}

/// The calls about promise rights that both daemons have.
pub fn routes<S>() -> Routes<S>
where
    S: Clone + Send + Sync + 'static,
    Access: FromRef<S>,
    Library: FromRef<S>,
{
    Routes::default().call(__path_read, read)
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct RightsQuery {
    /// Only this SKU
    sku: Option<String>,
    /// Begins after this SKU: `next` of the page before
    after: Option<String>,
    /// SKUs in the page; 1,000 if left out, and at most
    #[param(minimum = 0)]
    limit: Option<usize>,
}

/// Who may sell how much of what several stalls sell from
#[utoipa::path(get, path = "/v1/rights", tag = "books", params(RightsQuery),
    responses((status = 200, body = RightsPage)))]
async fn read(
    _: Caller,
    State(library): State<Library>,
    Query(query): Query<RightsQuery>,
) -> Result<At<RightsPage>, Problem> {
    library.read(move |view| page(view, &query)).await
}

fn page(view: &View<'_>, query: &RightsQuery) -> Result<RightsPage, ReadError> {
    let limit = query.limit.unwrap_or(STOCK_PAGE_MAX).clamp(1, STOCK_PAGE_MAX);
    let names = books::names(view.store)?;
    let mut found: BTreeMap<(String, Scope), SkuRights> = BTreeMap::new();
    let (mut open, mut transit) = (Vec::new(), Vec::new());
    for scope in view.scopes.iter().copied() {
        let items = match &query.sku {
            Some(sku) => rights::rights_of(view.store, scope, sku)?.into_iter().collect(),
            None => rights::rights(view.store, scope, query.after.as_deref(), limit)?,
        };
        found.extend(items.into_iter().map(|item| ((item.sku.clone(), scope), item)));
        if query.after.is_none() {
            open.extend(rights::open_requests(view.store, scope, PENDING_MAX)?);
            transit.extend(rights::in_transit(view.store, scope, PENDING_MAX)?);
        }
    }
    let mut skus: Vec<String> = found.keys().map(|(sku, _)| sku.clone()).collect();
    skus.dedup();
    let next = skus.get(limit - 1).filter(|_| query.sku.is_none()).cloned();
    let within = |sku: &String| next.as_ref().is_none_or(|last| sku <= last);
    let items = found.into_iter().filter(|((sku, _), _)| within(sku));
    let asked = |pending: &Pending| query.sku.as_ref().is_none_or(|sku| *sku == pending.sku);
    let pending = |all: Vec<Pending>| {
        let all = all.into_iter().filter(asked).take(PENDING_MAX);
        all.map(PendingRights::from).collect()
    };
    Ok(RightsPage {
        vector: view.vector.to_string(),
        items: items.map(|((_, scope), item)| ItemRights::new(scope, item, &names)).collect(),
        next,
        open_requests: pending(open),
        in_transit: pending(transit),
    })
}

impl ItemRights {
    fn new(scope: Scope, item: SkuRights, names: &BTreeMap<DeviceId, String>) -> Self {
        let balance = item.holders.iter().map(|(_, account)| account.balance()).sum();
        let stalls = item.holders.into_iter().map(|(stall, account)| {
            let name = names.get(&stall).cloned();
            StallRights::new(stall, name, &account)
        });
        Self {
            sku: item.sku,
            scope: scope.to_string(),
            balance,
            exposure: item.exposure,
            stalls: stalls.collect(),
        }
    }
}

impl StallRights {
    fn new(stall: DeviceId, name: Option<String>, account: &Account) -> Self {
        Self {
            stall,
            name,
            balance: account.balance(),
            minted: account.minted,
            accepted: account.accepted,
            returned: account.returned,
            restored: account.restored,
            awarded: account.awarded,
            granted: account.granted,
            spent: account.spent,
            forfeited: account.forfeited,
        }
    }
}

impl From<Pending> for PendingRights {
    fn from(pending: Pending) -> Self {
        let Pending { event, giver, taker, sku, quantity } = pending;
        Self { id: event.to_string(), from: giver, to: taker, sku, quantity }
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::extract::RawQuery;
    use axum::routing::get;

    use super::*;
    use crate::client::tests::daemon;

    /// Three pages, of which the first alone has what is pending.
    async fn pages(RawQuery(query): RawQuery) -> axum::Json<RightsPage> {
        let (sku, next) = match query.as_deref() {
            None => ("a", Some("a")),
            Some("after=a") => ("b&c", Some("b&c")),
            Some("after=b%26c") => ("d", None),
            other => panic!("{other:?}"),
        };
        let item = ItemRights {
            sku: sku.to_owned(),
            scope: String::new(),
            balance: i128::MAX,
            exposure: 0,
            stalls: Vec::new(),
        };
        let (from, to) = (DeviceId([1; 32]), DeviceId([2; 32]));
        let (id, sku) = (String::new(), sku.to_owned());
        let asked = PendingRights { id, from, to, sku, quantity: 1 };
        let first = query.is_none();
        axum::Json(RightsPage {
            vector: String::new(),
            items: vec![item],
            next: next.map(str::to_owned),
            open_requests: if first { vec![asked] } else { Vec::new() },
            in_transit: Vec::new(),
        })
    }

    #[tokio::test]
    async fn the_command_shows_the_rights_of_every_page() {
        let (_dir, client) = daemon(Router::new().route("/v1/rights", get(pages))).await;
        let whole = RightsPage::whole(&client, None).await.unwrap();
        let skus: Vec<&str> = whole.items.iter().map(|item| item.sku.as_str()).collect();
        assert_eq!((skus.as_slice(), whole.next), (["a", "b&c", "d"].as_slice(), None));
        assert_eq!(whole.open_requests.len(), 1);
        assert_eq!(whole.items[0].balance, i128::MAX, "a number of any width is read whole");
    }
}

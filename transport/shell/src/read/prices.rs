//! Price bundles, as both daemons show them: the one in force, any other, what old ones cost.
//!
//! Which bundle is in force is a question of the daemon's own clock, which is passed in.

mod stale;

use std::sync::Arc;

use axum::extract::{FromRef, State};
use axum::http::header::{ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use engine::books::{self, bundles};
use engine::event::BundlePrice;
use engine::hash::Hash;
use engine::ids::Scope;
use engine::projections::Projection;
use engine::projections::bundles::Switch;
use engine::replica::rebuild::is_whole;
use engine::store::{Read, ReadError};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Library, from_snapshot, scope_of};
use crate::access::{Access, Caller};
use crate::extract::{Path, Query};
use crate::limits::{FALSE_BUNDLES_MAX, PRICES_PAGE_MAX};
use crate::problem::Problem;

/// What o'clock it is at this daemon.
#[derive(Clone)]
pub struct WallClock(Arc<dyn Fn() -> u64 + Send + Sync>);

impl WallClock {
    /// A clock that gives milliseconds since 1970.
    pub fn new(now: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    fn now_ms(&self) -> i64 {
        i64::try_from((self.0)()).unwrap_or(i64::MAX)
    }
}

/// The routes.
pub fn routes<S>() -> Router<S>
where
    S: Clone + Send + Sync + 'static,
    Access: FromRef<S>,
    Library: FromRef<S>,
    WallClock: FromRef<S>,
{
    Router::new()
        .route("/v1/prices", get(in_force))
        .route("/v1/prices/stale", get(stale::sales))
        .route("/v1/prices/false", get(false_bundles))
        .route("/v1/prices/{bundle}", get(one))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PricesQuery {
    merchant: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
}

/// A page of a bundle.
#[derive(Default)]
struct Page {
    vector: Hash,
    bundle: Option<Hash>,
    prices: Vec<BundlePrice>,
}

async fn in_force(
    _: Caller,
    State(library): State<Library>,
    State(clock): State<WallClock>,
    headers: HeaderMap,
    Query(query): Query<PricesQuery>,
) -> Result<Response, Problem> {
    let (now_ms, currency) = (clock.now_ms(), library.currency.clone());
    let limit = page_of(query.limit);
    let found = reading(library, query.merchant, &[Projection::Bundles], move |store, scope| {
        let vector = books::vector(store)?.hash();
        let mut page = Page { vector, ..Page::default() };
        let Some(scope) = scope else { return Ok((page, None, None)) };
        let switch = bundles::in_force(store, scope, now_ms)?;
        if let Some(Switch { bundle, .. }) = &switch {
            let prices = bundles::prices(store, scope, bundle, query.after.as_deref(), limit)?;
            (page.bundle, page.prices) = (Some(*bundle), prices.unwrap_or_default());
        }
        Ok((page, switch, bundles::next_switch(store, scope, now_ms)?))
    });
    let (page, switch, next) = found.await?;
    let mut body = body(&page, limit, &currency);
    body["from_ms"] = json!(switch.map(|switch| switch.from_ms));
    let show = |next: Switch| json!({ "bundle": next.bundle, "from_ms": next.from_ms });
    body["next_switch"] = json!(next.map(show));
    Ok(answer(&headers, page.bundle, body))
}

async fn one(
    _: Caller,
    State(library): State<Library>,
    headers: HeaderMap,
    Path(bundle): Path<String>,
    Query(query): Query<PricesQuery>,
) -> Result<Response, Problem> {
    let missing =
        || Problem::not_found(format!("price bundle {bundle:?} is not held here; see /v1/prices"));
    let name: Hash = bundle.parse().map_err(|_| missing())?;
    let (limit, currency) = (page_of(query.limit), library.currency.clone());
    let found = reading(library, query.merchant, &[Projection::Bundles], move |store, scope| {
        let Some(scope) = scope else { return Ok(None) };
        let vector = books::vector(store)?.hash();
        let prices = bundles::prices(store, scope, &name, query.after.as_deref(), limit)?;
        Ok(prices.map(|prices| Page { vector, bundle: Some(name), prices }))
    });
    let page = found.await?.ok_or_else(missing)?;
    Ok(answer(&headers, page.bundle, body(&page, limit, &currency)))
}

fn page_of(limit: Option<usize>) -> usize {
    limit.unwrap_or(PRICES_PAGE_MAX).clamp(1, PRICES_PAGE_MAX)
}

fn body(page: &Page, limit: usize, currency: &str) -> Value {
    let next = page.prices.last().filter(|_| page.prices.len() == limit);
    json!({
        "vector": page.vector.to_string(),
        "currency": currency,
        "bundle": page.bundle,
        "prices": page.prices,
        "next": next.map(|price| &price.sku),
    })
}

/// The body, or nothing for whoever holds the bundle: its prices never change.
fn answer(headers: &HeaderMap, bundle: Option<Hash>, body: Value) -> Response {
    let Some(bundle) = bundle else { return Json(body).into_response() };
    let tag = format!("\"{bundle}\"");
    let held = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut held = held.flat_map(|tags| tags.split(',')).map(str::trim);
    if held.any(|held| held == "*" || held.strip_prefix("W/").unwrap_or(held) == tag) {
        return (StatusCode::NOT_MODIFIED, [(ETAG, tag)]).into_response();
    }
    ([(ETAG, tag)], Json(body)).into_response()
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MerchantQuery {
    merchant: Option<String>,
}

async fn false_bundles(
    _: Caller,
    State(library): State<Library>,
    Query(MerchantQuery { merchant }): Query<MerchantQuery>,
) -> Result<Json<Value>, Problem> {
    let found = reading(library, merchant, &[Projection::Bundles], |store, scope| {
        let Some(scope) = scope else { return Ok(Vec::new()) };
        bundles::false_bundles(store, scope, None, FALSE_BUNDLES_MAX)
    });
    let show = |found: &bundles::FalseBundle| {
        let evidence: Vec<String> = found.evidence.iter().map(ToString::to_string).collect();
        json!({
            "bundle": found.bundle,
            "control": found.device,
            "parts": found.parts,
            "evidence": evidence,
        })
    };
    let found: Vec<Value> = found.await?.iter().map(show).collect();
    Ok(Json(json!({ "bundles": found })))
}

/// Reads a merchant's books, where these projections are whole. There is no scope where nothing is
/// known of any merchant.
async fn reading<T: Send + 'static>(
    library: Library,
    merchant: Option<String>,
    needs: &'static [Projection],
    read: impl FnOnce(&dyn Read, Option<Scope>) -> Result<T, ReadError> + Send + 'static,
) -> Result<T, Problem> {
    let read = move |store: &dyn Read| {
        for projection in needs {
            if !is_whole(store, *projection)? {
                let name = projection.name();
                let text = format!("the {name} books are being rebuilt; try again soon");
                return Ok(Err(Problem::busy(text)));
            }
        }
        let scopes = books::scopes(store)?;
        let scope = match (merchant, scopes.as_slice()) {
            (Some(merchant), _) => Some(scope_of(&merchant)),
            (None, [] | [_]) => scopes.first().copied(),
            (None, _) => {
                let text = "there are several merchants; name one, as in ?merchant=NAME";
                return Ok(Err(Problem::malformed(text)));
            }
        };
        read(store, scope).map(Ok)
    };
    from_snapshot(library.store, read).await?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(held: &[&str], bundle: Option<Hash>, status: u16) {
        let mut headers = HeaderMap::new();
        for held in held {
            headers.append(IF_NONE_MATCH, held.parse().unwrap());
        }
        let found = answer(&headers, bundle, Value::Null);
        assert_eq!(found.status().as_u16(), status, "{held:?}");
        let tag = bundle.map(|bundle| format!("\"{bundle}\""));
        let stated = found.headers().get(ETAG).map(|tag| tag.to_str().unwrap().to_owned());
        assert_eq!(stated, tag);
    }

    #[test]
    fn only_whoever_holds_the_bundle_is_told_that_nothing_has_changed() {
        let (bundle, other) = (Hash([0xab; 32]), format!("\"{}\"", Hash([1; 32])));
        let tag = format!("\"{bundle}\"");
        check(&[], Some(bundle), 200);
        check(&[&other], Some(bundle), 200);
        check(&[&tag], Some(bundle), 304);
        check(&[&format!("W/{tag}")], Some(bundle), 304);
        check(&[&format!("{other}, {tag}")], Some(bundle), 304);
        check(&[&other, &tag], Some(bundle), 304);
        check(&["*"], Some(bundle), 304);
        check(&[&tag], None, 200);
    }
}

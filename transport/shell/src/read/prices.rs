//! Price bundles, as both daemons show them: the one in force, any other, what old ones cost.
//!
//! Which bundle is in force is a question of the daemon's own clock, which is passed in.

mod stale;

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRef, State};
use axum::http::header::{ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use engine::books::{self, bundles};
use engine::event::BundlePrice;
use engine::hash::Hash;
use engine::ids::Scope;
use engine::projections::Projection;
use engine::projections::bundles::Switch;
use engine::store::{Read, ReadError};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::IntoParams;

use super::Library;
use crate::access::{Access, Caller};
use crate::answer::{At, vector_header};
use crate::extract::{Path, Query};
use crate::limits::{FALSE_BUNDLES_MAX, PRICES_PAGE_MAX};
use crate::openapi::Routes;
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
pub fn routes<S>() -> Routes<S>
where
    S: Clone + Send + Sync + 'static,
    Access: FromRef<S>,
    Library: FromRef<S>,
    WallClock: FromRef<S>,
{
    Routes::default()
        .call(__path_in_force, in_force)
        .call(stale::__path_sales, stale::sales)
        .call(__path_false_bundles, false_bundles)
        .call(__path_one, one)
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PricesQuery {
    /// Whose; may be left out where there is one merchant
    merchant: Option<String>,
    /// Begins after this SKU: `next` of the page before
    after: Option<String>,
    /// Prices in the page; 10,000 if left out, and at most
    #[param(minimum = 0)]
    limit: Option<usize>,
}

/// A page of a bundle.
#[derive(Default)]
struct Page {
    bundle: Option<Hash>,
    prices: Vec<BundlePrice>,
}

/// The price bundle in force now, and the next switch
#[utoipa::path(get, path = "/v1/prices", tag = "books", params(PricesQuery),
    responses((status = 200, body = Value), (status = 304, description = "the bundle is held")))]
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
        let mut page = Page::default();
        let Some(scope) = scope else { return Ok((page, None, None)) };
        let switch = bundles::in_force(store, scope, now_ms)?;
        if let Some(Switch { bundle, .. }) = &switch {
            let prices = bundles::prices(store, scope, bundle, query.after.as_deref(), limit)?;
            (page.bundle, page.prices) = (Some(*bundle), prices.unwrap_or_default());
        }
        Ok((page, switch, bundles::next_switch(store, scope, now_ms)?))
    });
    let At { vector, body: (page, switch, next) } = found.await?;
    let mut body = body(&page, &vector, limit, &currency);
    body["from_ms"] = json!(switch.map(|switch| switch.from_ms));
    let show = |next: Switch| json!({ "bundle": next.bundle, "from_ms": next.from_ms });
    body["next_switch"] = json!(next.map(show));
    Ok(answer(&headers, &vector, page.bundle, body))
}

/// One price bundle
#[utoipa::path(get, path = "/v1/prices/{bundle}", tag = "books",
    params(PricesQuery, ("bundle" = String, Path, description = "the bundle")),
    responses((status = 200, body = Value), (status = 304, description = "the bundle is held")))]
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
        let prices = bundles::prices(store, scope, &name, query.after.as_deref(), limit)?;
        Ok(prices.map(|prices| Page { bundle: Some(name), prices }))
    });
    let At { vector, body: page } = found.await?;
    let page = page.ok_or_else(missing)?;
    let body = body(&page, &vector, limit, &currency);
    Ok(answer(&headers, &vector, page.bundle, body))
}

fn page_of(limit: Option<usize>) -> usize {
    limit.unwrap_or(PRICES_PAGE_MAX).clamp(1, PRICES_PAGE_MAX)
}

fn body(page: &Page, vector: &Hash, limit: usize, currency: &str) -> Value {
    let next = page.prices.last().filter(|_| page.prices.len() == limit);
    json!({
        "vector": vector.to_string(),
        "currency": currency,
        "bundle": page.bundle,
        "prices": page.prices,
        "next": next.map(|price| &price.sku),
    })
}

/// The body, or nothing for whoever holds the bundle: its prices never change.
fn answer(headers: &HeaderMap, vector: &Hash, bundle: Option<Hash>, body: Value) -> Response {
    let vector = [vector_header(vector)];
    let Some(bundle) = bundle else { return (vector, Json(body)).into_response() };
    let tag = format!("\"{bundle}\"");
    let held = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut held = held.flat_map(|tags| tags.split(',')).map(str::trim);
    if held.any(|held| held == "*" || held.strip_prefix("W/").unwrap_or(held) == tag) {
        return (StatusCode::NOT_MODIFIED, vector, [(ETAG, tag)]).into_response();
    }
    (vector, [(ETAG, tag)], Json(body)).into_response()
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct MerchantQuery {
    /// Whose; may be left out where there is one merchant
    merchant: Option<String>,
}

/// Price bundles whose pieces do not make them
#[utoipa::path(get, path = "/v1/prices/false", tag = "books", params(MerchantQuery),
    responses((status = 200, body = Value)))]
async fn false_bundles(
    _: Caller,
    State(library): State<Library>,
    Query(MerchantQuery { merchant }): Query<MerchantQuery>,
) -> Result<At<Value>, Problem> {
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
    let At { vector, body } = found.await?;
    let found: Vec<Value> = body.iter().map(show).collect();
    Ok(At { vector, body: json!({ "bundles": found }) })
}

/// Reads a merchant's books, where these projections are whole. There is no scope where nothing is
/// known of any merchant.
async fn reading<T: Send + 'static>(
    library: Library,
    merchant: Option<String>,
    needs: &'static [Projection],
    read: impl FnOnce(&dyn Read, Option<Scope>) -> Result<T, ReadError> + Send + 'static,
) -> Result<At<T>, Problem> {
    let found = library.read_of(merchant, move |view| {
        for projection in needs {
            books::whole(view.store, *projection)?;
        }
        let several = "there are several merchants; name one, as in ?merchant=NAME";
        match view.scopes.as_slice() {
            [] => read(view.store, None).map(Ok),
            [only] => read(view.store, Some(*only)).map(Ok),
            _ => Ok(Err(Problem::malformed(several))),
        }
    });
    found.await
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
        let found = answer(&headers, &Hash::default(), bundle, Value::Null);
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

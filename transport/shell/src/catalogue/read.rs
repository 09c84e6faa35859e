//! The catalogue's read calls, from a snapshot of the store. They never go through the core.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Extension, FromRef, State};
use axum::routing::get;
use axum::{Json, Router};
use engine::books;
use engine::catalogue::{Item, Status};
use engine::hash::Hash;
use engine::ids::{DeviceId, EventId, LOG_BYTES, Log, Scope};
use engine::keys;
use engine::projections::Projection;
use engine::projections::catalogue::{self as rows, Aside, Late};
use engine::replica::rebuild::is_whole;
use engine::store::{Read, ReadError, Store};
use serde::Deserialize;
use serde_json::{Value, json};

use super::body;
use crate::access::{Access, Caller};
use crate::extract::{Path, Query};
use crate::limits::CATALOGUE_PAGE_MAX;
use crate::problem::Problem;
use crate::read::{Library, from_snapshot, scope_of};

/// Reads the items of a season that is not the current one.
pub type PastItems =
    fn(store: &dyn Read, scope: Scope, season: u32) -> Result<BTreeMap<String, Item>, ReadError>;

/// What the read calls need beside the books.
#[derive(Clone, Copy)]
pub struct Desk {
    /// The merchant that is meant where none is named; else the only one that has books here.
    pub home: Option<Scope>,
    /// Past seasons are read from the log, which needs more than this package has.
    pub past: PastItems,
}

/// The routes of the catalogue's read calls, beside those that edit items.
pub fn routes<S>(desk: Desk) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
    Access: FromRef<S>,
    Library: FromRef<S>,
{
    Router::new()
        .route("/v1/catalogue/items", get(items))
        .route("/v1/catalogue/items/{sku}", get(item_of))
        .route("/v1/catalogue/conflicts", get(conflicts))
        .route("/v1/catalogue/changes", get(changes))
        .route("/v1/catalogue/late", get(late))
        .route("/v1/catalogue/seasons", get(seasons))
        .layer(Extension(desk))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PageQuery {
    merchant: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ItemsQuery {
    merchant: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
    season: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MerchantQuery {
    merchant: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Standing {
    Pending,
    Quarantined,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangesQuery {
    merchant: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
    state: Option<Standing>,
}

async fn items(
    _: Caller,
    State(library): State<Library>,
    Extension(desk): Extension<Desk>,
    Query(query): Query<ItemsQuery>,
) -> Result<Json<Value>, Problem> {
    let ItemsQuery { merchant, after, limit, season } = query;
    let limit = page_of(limit);
    reading(&library, desk, merchant, move |store, scope| {
        let current = rows::seasons(store, scope)?.len() as u32;
        let season = season.unwrap_or(current);
        let found = if season == current {
            rows::page(store, scope, after.as_deref(), limit, |_| true)?
        } else {
            let past = (desk.past)(store, scope, season)?;
            let follows = |(sku, _): &(String, Item)| after.as_ref().is_none_or(|at| sku > at);
            past.into_iter().filter(follows).take(limit).collect()
        };
        page(store, season, found, limit)
    })
    .await
}

async fn item_of(
    _: Caller,
    State(library): State<Library>,
    Extension(desk): Extension<Desk>,
    Path(sku): Path<String>,
    Query(MerchantQuery { merchant }): Query<MerchantQuery>,
) -> Result<Json<Value>, Problem> {
    let asked = sku.clone();
    let Json(found) = reading(&library, desk, merchant, move |store, scope| {
        let item = rows::item_of(store, scope, &asked)?;
        Ok(item.map_or(Value::Null, |item| body::item(&asked, &item)))
    })
    .await?;
    match found {
        Value::Null => Err(Problem::not_found(format!("SKU {sku:?} is not in the catalogue"))),
        found => Ok(Json(found)),
    }
}

async fn conflicts(
    _: Caller,
    State(library): State<Library>,
    Extension(desk): Extension<Desk>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Value>, Problem> {
    let PageQuery { merchant, after, limit } = query;
    let limit = page_of(limit);
    reading(&library, desk, merchant, move |store, scope| {
        let season = rows::seasons(store, scope)?.len() as u32;
        let clashing = |item: &Item| !item.conflicts.is_empty();
        let found = rows::page(store, scope, after.as_deref(), limit, clashing)?;
        page(store, season, found, limit)
    })
    .await
}

async fn changes(
    _: Caller,
    State(library): State<Library>,
    Extension(desk): Extension<Desk>,
    Query(query): Query<ChangesQuery>,
) -> Result<Json<Value>, Problem> {
    let ChangesQuery { merchant, after, limit, state } = query;
    let (limit, after) = (page_of(limit), after.map(|text| place(&text)).transpose()?);
    reading(&library, desk, merchant, move |store, scope| {
        let asked = |status: Status| match state {
            None => true,
            Some(state) => (state == Standing::Pending) == (status == Status::Pending),
        };
        let found = rows::asides(store, scope, after, limit, asked)?;
        let last = found.last().map(|aside| (aside.season, aside.change));
        let names = books::names(store)?;
        let shown = found.iter().map(|aside| shown_aside(store, aside, &names));
        Ok(json!({
            "vector": books::vector(store)?.hash().to_string(),
            "changes": shown.collect::<Result<Vec<_>, _>>()?,
            "next": last.filter(|_| found.len() == limit).map(written),
        }))
    })
    .await
}

async fn late(
    _: Caller,
    State(library): State<Library>,
    Extension(desk): Extension<Desk>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Value>, Problem> {
    let PageQuery { merchant, after, limit } = query;
    let (limit, after) = (page_of(limit), after.map(|text| place(&text)).transpose()?);
    reading(&library, desk, merchant, move |store, scope| {
        let found = rows::late_changes(store, scope, after, limit)?;
        let last = found.last().map(|late| (late.season, late.hash));
        let names = books::names(store)?;
        let shown = found.iter().map(|late| shown_late(store, late, &names));
        Ok(json!({
            "vector": books::vector(store)?.hash().to_string(),
            "changes": shown.collect::<Result<Vec<_>, _>>()?,
            "next": last.filter(|_| found.len() == limit).map(written),
        }))
    })
    .await
}

async fn seasons(
    _: Caller,
    State(library): State<Library>,
    Extension(desk): Extension<Desk>,
    Query(MerchantQuery { merchant }): Query<MerchantQuery>,
) -> Result<Json<Value>, Problem> {
    reading(&library, desk, merchant, |store, scope| {
        let found = rows::seasons(store, scope)?;
        let shown: Vec<Value> = found
            .iter()
            .map(|season| json!({ "season": season.season, "name": season.name }))
            .collect();
        Ok(json!({
            "vector": books::vector(store)?.hash().to_string(),
            "current": found.len(),
            "seasons": shown,
        }))
    })
    .await
}

fn page_of(limit: Option<usize>) -> usize {
    limit.unwrap_or(CATALOGUE_PAGE_MAX).clamp(1, CATALOGUE_PAGE_MAX)
}

fn page(
    store: &dyn Read,
    season: u32,
    found: Vec<(String, Item)>,
    limit: usize,
) -> Result<Value, ReadError> {
    let next = found.last().filter(|_| found.len() == limit).map(|(sku, _)| sku.clone());
    let shown: Vec<Value> = found.iter().map(|(sku, item)| body::item(sku, item)).collect();
    Ok(json!({
        "vector": books::vector(store)?.hash().to_string(),
        "season": season,
        "items": shown,
        "next": next,
    }))
}

fn shown_aside(
    store: &dyn Read,
    aside: &Aside,
    names: &BTreeMap<DeviceId, String>,
) -> Result<Value, ReadError> {
    let state = if aside.status == Status::Pending { "pending" } else { "quarantined" };
    let mut shown = json!({
        "season": aside.season,
        "change": aside.change.to_string(),
        "state": state,
        "reason": aside.status.to_string(),
    });
    add_bearer(store, &mut shown, aside.event, names)?;
    Ok(shown)
}

fn shown_late(
    store: &dyn Read,
    late: &Late,
    names: &BTreeMap<DeviceId, String>,
) -> Result<Value, ReadError> {
    let fields = late.row.fields.iter().map(|set| {
        json!({ "sku": set.sku, "field": set.field, "value": set.value.as_ref().map(body::value) })
    });
    let mut shown = json!({
        "season": late.season,
        "change": late.hash.to_string(),
        "fields": fields.collect::<Vec<Value>>(),
        "more": late.row.more,
    });
    add_bearer(store, &mut shown, late.event, names)?;
    Ok(shown)
}

/// Says which event bears a change, and whose it is.
fn add_bearer(
    store: &dyn Read,
    shown: &mut Value,
    event: Option<EventId>,
    names: &BTreeMap<DeviceId, String>,
) -> Result<(), ReadError> {
    let log = match event {
        Some(event) => store.get(&keys::log(&event.log))?,
        None => None,
    };
    let log = log.and_then(|row| <[u8; LOG_BYTES]>::try_from(row).ok());
    let device = log.and_then(|bytes| Log::from_bytes(&bytes)).map(|log| log.device);
    shown["event"] = json!(event.map(|event| event.to_string()));
    shown["device"] = json!(device.map(|device| device.to_string()));
    shown["name"] = json!(device.and_then(|device| names.get(&device)));
    Ok(())
}

/// `SEASON-HASH`
fn written((season, hash): (u32, Hash)) -> String {
    format!("{season}-{hash}")
}

fn place(text: &str) -> Result<(u32, Hash), Problem> {
    let parts = text.split_once('-');
    let parts = parts.and_then(|(season, hash)| Some((season.parse().ok()?, hash.parse().ok()?)));
    parts.ok_or_else(|| Problem::malformed(format!("after {text:?}: copy `next` whole")))
}

/// Reads the books of a merchant once they are whole.
async fn reading(
    library: &Library,
    desk: Desk,
    merchant: Option<String>,
    read: impl FnOnce(&dyn Read, Scope) -> Result<Value, ReadError> + Send + 'static,
) -> Result<Json<Value>, Problem> {
    let store: Arc<dyn Store> = library.store.clone();
    let answer = from_snapshot(store, move |store| {
        if !is_whole(store, Projection::Catalogue)? {
            return Ok(Err(Problem::busy(
                "the catalogue is being rebuilt after an update of the program; try again",
            )));
        }
        let named = merchant.as_deref().map(scope_of).or(desk.home);
        let scope = match (named, books::scopes(store)?.as_slice()) {
            (Some(scope), _) => scope,
            (None, [only]) => *only,
            // Nothing is known yet, so whichever it is, it is empty.
            (None, []) => Scope::Tenant,
            (None, _) => return Ok(Err(Problem::malformed("say which merchant is meant"))),
        };
        read(store, scope).map(Ok)
    });
    answer.await?.map(Json)
}

//! The catalogue's read calls, from a snapshot of the store. They never go through the core.

use std::collections::BTreeMap;

use axum::extract::{FromRef, State};
use engine::books;
use engine::catalogue::{Item, Status};
use engine::hash::Hash;
use engine::ids::{DeviceId, EventId, LOG_BYTES, Log, Scope};
use engine::keys;
use engine::projections::Projection;
use engine::projections::catalogue::{self as rows, Aside, Late};
use engine::store::{Read, ReadError};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::body::{self, CatalogueItem};
use crate::access::{Access, Caller};
use crate::answer::At;
use crate::extract::{Path, Query};
use crate::limits::CATALOGUE_PAGE_MAX;
use crate::openapi::Routes;
use crate::problem::Problem;
use crate::read::Library;

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

/// The catalogue's read calls.
pub fn routes<S>() -> Routes<S>
where
    S: Clone + Send + Sync + 'static,
    Access: FromRef<S>,
    Library: FromRef<S>,
    Desk: FromRef<S>,
{
    Routes::default()
        .call(__path_items, items)
        .call(__path_item_of, item_of)
        .call(__path_conflicts, conflicts)
        .call(__path_changes, changes)
        .call(__path_late, late)
        .call(__path_seasons, seasons)
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PageQuery {
    /// Whose catalogue, at a control; its own merchant's if left out
    merchant: Option<String>,
    /// Begins after this: `next` of the page before
    after: Option<String>,
    /// Entries in the page; 1,000 if left out, and at most
    #[param(minimum = 0)]
    limit: Option<usize>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ItemsQuery {
    /// Whose catalogue, at a control; its own merchant's if left out
    merchant: Option<String>,
    /// Begins after this SKU: `next` of the page before
    after: Option<String>,
    /// Items in the page; 1,000 if left out, and at most
    #[param(minimum = 0)]
    limit: Option<usize>,
    /// The season; the current one if left out
    season: Option<u32>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct MerchantQuery {
    /// Whose catalogue, at a control; its own merchant's if left out
    merchant: Option<String>,
}

/// How a change stands that is not part of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum Standing {
    /// It waits for a change that it builds on.
    Pending,
    /// It is set aside for good.
    Quarantined,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ChangesQuery {
    /// Whose catalogue, at a control; its own merchant's if left out
    merchant: Option<String>,
    /// Begins after this: `next` of the page before
    after: Option<String>,
    /// Entries in the page; 1,000 if left out, and at most
    #[param(minimum = 0)]
    limit: Option<usize>,
    /// Only these; both if left out
    state: Option<Standing>,
}

/// A page of items, by SKU.
#[derive(Debug, Serialize, ToSchema)]
struct ItemsPage {
    /// The hash of the version vector that it holds at.
    vector: String,
    /// The season.
    season: u32,
    /// The items.
    items: Vec<CatalogueItem>,
    /// Where the next page begins.
    next: Option<String>,
}

/// Who bears a change.
#[derive(Debug, Serialize, ToSchema)]
struct Bearer {
    /// The event that bears it.
    event: Option<String>,
    /// The device that signed it.
    device: Option<String>,
    /// What people call the device.
    name: Option<String>,
}

/// A change that is not part of the catalogue.
#[derive(Debug, Serialize, ToSchema)]
struct AsideBody {
    /// Its season.
    season: u32,
    /// Its id.
    change: String,
    /// Whether it waits or is set aside.
    state: Standing,
    /// For what, or why.
    reason: String,
    #[serde(flatten)]
    bearer: Bearer,
}

/// A page of changes that are not part of the catalogue.
#[derive(Debug, Serialize, ToSchema)]
struct ChangesPage {
    /// The hash of the version vector that it holds at.
    vector: String,
    /// The changes.
    changes: Vec<AsideBody>,
    /// Where the next page begins.
    next: Option<String>,
}

/// One field that a late change set.
#[derive(Debug, Serialize, ToSchema)]
struct LateFieldBody {
    /// The item.
    sku: String,
    /// The field.
    field: String,
    /// The value; null when it was cleared.
    value: serde_json::Value,
}

/// A change of a closed season that the next one did not begin with.
#[derive(Debug, Serialize, ToSchema)]
struct LateBody {
    /// The closed season.
    season: u32,
    /// The change's hash.
    change: String,
    /// What it set, the first 32 fields.
    fields: Vec<LateFieldBody>,
    /// How many fields more.
    more: u32,
    #[serde(flatten)]
    bearer: Bearer,
}

/// A page of late changes.
#[derive(Debug, Serialize, ToSchema)]
struct LatePage {
    /// The hash of the version vector that it holds at.
    vector: String,
    /// The changes.
    changes: Vec<LateBody>,
    /// Where the next page begins.
    next: Option<String>,
}

/// A season that was opened.
#[derive(Debug, Serialize, ToSchema)]
struct SeasonRow {
    /// Its number, from 1.
    season: u32,
    /// Its name.
    name: String,
}

/// The seasons.
#[derive(Debug, Serialize, ToSchema)]
struct Seasons {
    /// The hash of the version vector that it holds at.
    vector: String,
    /// The current one; 0 before the first.
    current: u32,
    /// Every one that was opened.
    seasons: Vec<SeasonRow>,
}

/// A page of items, by SKU
#[utoipa::path(get, path = "/v1/catalogue/items", tag = "catalogue", params(ItemsQuery),
    responses((status = 200, body = ItemsPage)))]
async fn items(
    _: Caller,
    State(library): State<Library>,
    State(desk): State<Desk>,
    Query(query): Query<ItemsQuery>,
) -> Result<At<ItemsPage>, Problem> {
    let ItemsQuery { merchant, after, limit, season } = query;
    let limit = page_of(limit);
    reading(&library, desk, merchant, move |store, scope, vector| {
        let current = rows::seasons(store, scope)?.len() as u32;
        let season = season.unwrap_or(current);
        let found = if season == current {
            rows::page(store, scope, after.as_deref(), limit, |_| true)?
        } else {
            let past = (desk.past)(store, scope, season)?;
            let follows = |(sku, _): &(String, Item)| after.as_ref().is_none_or(|at| sku > at);
            past.into_iter().filter(follows).take(limit).collect()
        };
        Ok(page(vector, season, found, limit))
    })
    .await
}

/// An item of the current season
#[utoipa::path(get, path = "/v1/catalogue/items/{sku}", tag = "catalogue",
    params(("sku" = String, Path, description = "the SKU"), MerchantQuery),
    responses((status = 200, body = CatalogueItem)))]
async fn item_of(
    _: Caller,
    State(library): State<Library>,
    State(desk): State<Desk>,
    Path(sku): Path<String>,
    Query(MerchantQuery { merchant }): Query<MerchantQuery>,
) -> Result<At<CatalogueItem>, Problem> {
    let asked = sku.clone();
    let found = reading(&library, desk, merchant, move |store, scope, _| {
        let item = rows::item_of(store, scope, &asked)?;
        Ok(item.map(|item| CatalogueItem::new(asked, item)))
    });
    let At { vector, body } = found.await?;
    let missing = || Problem::not_found(format!("SKU {sku:?} is not in the catalogue"));
    Ok(At { vector, body: body.ok_or_else(missing)? })
}

/// Items that were set to several values at once
#[utoipa::path(get, path = "/v1/catalogue/conflicts", tag = "catalogue", params(PageQuery),
    responses((status = 200, body = ItemsPage)))]
async fn conflicts(
    _: Caller,
    State(library): State<Library>,
    State(desk): State<Desk>,
    Query(query): Query<PageQuery>,
) -> Result<At<ItemsPage>, Problem> {
    let PageQuery { merchant, after, limit } = query;
    let limit = page_of(limit);
    reading(&library, desk, merchant, move |store, scope, vector| {
        let season = rows::seasons(store, scope)?.len() as u32;
        let clashing = |item: &Item| !item.conflicts.is_empty();
        let found = rows::page(store, scope, after.as_deref(), limit, clashing)?;
        Ok(page(vector, season, found, limit))
    })
    .await
}

/// Changes that wait for others, or that are set aside
#[utoipa::path(get, path = "/v1/catalogue/changes", tag = "catalogue", params(ChangesQuery),
    responses((status = 200, body = ChangesPage)))]
async fn changes(
    _: Caller,
    State(library): State<Library>,
    State(desk): State<Desk>,
    Query(query): Query<ChangesQuery>,
) -> Result<At<ChangesPage>, Problem> {
    let ChangesQuery { merchant, after, limit, state } = query;
    let (limit, after) = (page_of(limit), after.map(|text| place(&text)).transpose()?);
    reading(&library, desk, merchant, move |store, scope, vector| {
        let asked = |status: Status| state.is_none_or(|state| state == standing(status));
        let found = rows::asides(store, scope, after, limit, asked)?;
        let last = found.last().map(|aside| (aside.season, aside.change));
        let next = last.filter(|_| found.len() == limit).map(written);
        let names = books::names(store)?;
        let body = |aside: Aside| {
            Ok(AsideBody {
                season: aside.season,
                change: aside.change.to_string(),
                state: standing(aside.status),
                reason: aside.status.to_string(),
                bearer: bearer(store, aside.event, &names)?,
            })
        };
        let changes = found.into_iter().map(body).collect::<Result<_, ReadError>>()?;
        Ok(ChangesPage { vector: vector.to_string(), changes, next })
    })
    .await
}

/// Edits of closed seasons that came late
#[utoipa::path(get, path = "/v1/catalogue/late", tag = "catalogue", params(PageQuery),
    responses((status = 200, body = LatePage)))]
async fn late(
    _: Caller,
    State(library): State<Library>,
    State(desk): State<Desk>,
    Query(query): Query<PageQuery>,
) -> Result<At<LatePage>, Problem> {
    let PageQuery { merchant, after, limit } = query;
    let (limit, after) = (page_of(limit), after.map(|text| place(&text)).transpose()?);
    reading(&library, desk, merchant, move |store, scope, vector| {
        let found = rows::late_changes(store, scope, after, limit)?;
        let last = found.last().map(|late| (late.season, late.hash));
        let next = last.filter(|_| found.len() == limit).map(written);
        let names = books::names(store)?;
        let body = |late: Late| {
            let field = |set: rows::LateField| {
                let value = set.value.as_ref().map_or(serde_json::Value::Null, body::value);
                LateFieldBody { sku: set.sku, field: set.field, value }
            };
            Ok(LateBody {
                season: late.season,
                change: late.hash.to_string(),
                fields: late.row.fields.into_iter().map(field).collect(),
                more: late.row.more,
                bearer: bearer(store, late.event, &names)?,
            })
        };
        let changes = found.into_iter().map(body).collect::<Result<_, ReadError>>()?;
        Ok(LatePage { vector: vector.to_string(), changes, next })
    })
    .await
}

/// The seasons of the catalogue
#[utoipa::path(get, path = "/v1/catalogue/seasons", tag = "catalogue", params(MerchantQuery),
    responses((status = 200, body = Seasons)))]
async fn seasons(
    _: Caller,
    State(library): State<Library>,
    State(desk): State<Desk>,
    Query(MerchantQuery { merchant }): Query<MerchantQuery>,
) -> Result<At<Seasons>, Problem> {
    reading(&library, desk, merchant, |store, scope, vector| {
        let found = rows::seasons(store, scope)?;
        let row = |season: rows::Season| SeasonRow { season: season.season, name: season.name };
        Ok(Seasons {
            vector: vector.to_string(),
            current: found.len() as u32,
            seasons: found.into_iter().map(row).collect(),
        })
    })
    .await
}

fn page_of(limit: Option<usize>) -> usize {
    limit.unwrap_or(CATALOGUE_PAGE_MAX).clamp(1, CATALOGUE_PAGE_MAX)
}

fn page(vector: &Hash, season: u32, found: Vec<(String, Item)>, limit: usize) -> ItemsPage {
    let next = found.last().filter(|_| found.len() == limit).map(|(sku, _)| sku.clone());
    let items = found.into_iter().map(|(sku, item)| CatalogueItem::new(sku, item)).collect();
    ItemsPage { vector: vector.to_string(), season, items, next }
}

fn standing(status: Status) -> Standing {
    if status == Status::Pending { Standing::Pending } else { Standing::Quarantined }
}

/// Which event bears a change, and whose it is.
fn bearer(
    store: &dyn Read,
    event: Option<EventId>,
    names: &BTreeMap<DeviceId, String>,
) -> Result<Bearer, ReadError> {
    let log = match event {
        Some(event) => store.get(&keys::log(&event.log))?,
        None => None,
    };
    let log = log.and_then(|row| <[u8; LOG_BYTES]>::try_from(row).ok());
    let device = log.and_then(|bytes| Log::from_bytes(&bytes)).map(|log| log.device);
    Ok(Bearer {
        event: event.map(|event| event.to_string()),
        device: device.map(|device| device.to_string()),
        name: device.and_then(|device| names.get(&device)).cloned(),
    })
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
async fn reading<T: Send + 'static>(
    library: &Library,
    desk: Desk,
    merchant: Option<String>,
    read: impl FnOnce(&dyn Read, Scope, &Hash) -> Result<T, ReadError> + Send + 'static,
) -> Result<At<T>, Problem> {
    let home = desk.home.filter(|_| merchant.is_none());
    let answer = library.read_of(merchant, move |view| {
        books::whole(view.store, Projection::Catalogue)?;
        let scope = match (home, view.scopes.as_slice()) {
            (Some(home), _) => home,
            (None, [only]) => *only,
            // Nothing is known yet, so whichever it is, it is empty.
            (None, []) => Scope::Tenant,
            (None, _) => {
                return Ok(Err(Problem::malformed("merchant: say whose catalogue is meant")));
            }
        };
        read(view.store, scope, &view.vector).map(Ok)
    });
    answer.await
}

//! Rows of the catalogue: the current season's items, and what has become of every change.
//!
//! ```text
//! row    01 | SKU                                     value  [`Item`], of the current season
//!        02 | season 4 | name, cut to 64 bytes               nothing: somebody opened it so
//!        03 | season 4 | change id 32                        [`EventId`]: the first that bears it
//!        04 | season 4 | change id 32                        status u8, unless it is applied
//!        05 | season 4 | change hash 32                      [`MarkRow`] in that document
//!        06 | season 4 | change hash 32 | document 4         nothing: said to be settled there
//!        07 | season 4 | change hash 32                      [`LateRow`]
//! ```
//!
//! Seasons are big-endian. Every row is a function of the set of events. This file draws the
//! rows and reads them; they are written by `replica::catalogue`, which keeps the documents.

use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use super::Projection;
use crate::catalogue::{Item, Status, Value};
use crate::event::codec;
use crate::hash::Hash;
use crate::ids::{EventId, Scope};
use crate::keys::{self, Range};
use crate::limits::NAME_BYTES_MAX;
use crate::store::{Read, ReadError};

const ITEM: u8 = 1;
const OPENED: u8 = 2;
const CHANGE: u8 = 3;
const ASIDE: u8 = 4;
const MARK: u8 = 5;
const SETTLED: u8 = 6;
const LATE: u8 = 7;

/// Marks that stand in one season's document about a change of another.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkRow {
    /// The document's season began with it.
    pub carried: bool,
    /// The seasons that it is said to belong to, as a late change that is done with.
    pub settled: Vec<u32>,
}

/// A change of a closed season that the next one did not begin with, and that nobody has
/// settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LateRow {
    /// Its id.
    pub change: Hash,
    /// What it set, the first `LATE_FIELDS_SHOWN_MAX` fields.
    pub fields: Vec<LateField>,
    /// How many fields it set beyond those.
    pub more: u32,
}

/// One field that a late change set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LateField {
    /// The item.
    pub sku: String,
    /// The field, as `catalogue::Field` is displayed.
    pub field: String,
    /// What it was set to; `None` when it was cleared.
    pub value: Option<Value>,
}

fn key(scope: Scope, table: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut key = super::row(Projection::Catalogue, scope, &[table]);
    parts.iter().for_each(|part| key.extend_from_slice(part));
    key
}

fn of_season(scope: Scope, table: u8, season: u32) -> Range {
    keys::prefix(key(scope, table, &[&season.to_be_bytes()]))
}

/// The row of an item.
pub fn item(scope: Scope, sku: &str) -> Vec<u8> {
    key(scope, ITEM, &[sku.as_bytes()])
}

/// The rows of every item.
pub fn items(scope: Scope) -> Range {
    keys::prefix(key(scope, ITEM, &[]))
}

/// The row that says that somebody opened a season under a name.
pub fn opened(scope: Scope, season: u32, name: &str) -> Vec<u8> {
    let mut end = name.len().min(NAME_BYTES_MAX);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    let name = &name[..end];
    key(scope, OPENED, &[&season.to_be_bytes(), name.as_bytes()])
}

/// The rows of the names that a season was opened under.
pub fn openings(scope: Scope, season: u32) -> Range {
    of_season(scope, OPENED, season)
}

/// The row of a change.
pub fn change(scope: Scope, season: u32, change: &[u8; 32]) -> Vec<u8> {
    key(scope, CHANGE, &[&season.to_be_bytes(), change])
}

/// The rows of a season's changes.
pub fn changes(scope: Scope, season: u32) -> Range {
    of_season(scope, CHANGE, season)
}

/// The row of a change that is not applied.
pub fn aside(scope: Scope, season: u32, change: &[u8; 32]) -> Vec<u8> {
    key(scope, ASIDE, &[&season.to_be_bytes(), change])
}

/// The row of the marks in a season's document about a change.
pub fn mark(scope: Scope, document: u32, hash: &[u8; 32]) -> Vec<u8> {
    key(scope, MARK, &[&document.to_be_bytes(), hash])
}

/// The rows of the marks in a season's document.
pub fn marks(scope: Scope, document: u32) -> Range {
    of_season(scope, MARK, document)
}

/// The row that says that a document calls a change of a season settled.
pub fn settled(scope: Scope, season: u32, hash: &[u8; 32], document: u32) -> Vec<u8> {
    key(scope, SETTLED, &[&season.to_be_bytes(), hash, &document.to_be_bytes()])
}

/// The rows of the documents that call a change of a season settled.
pub fn settlements(scope: Scope, season: u32, hash: &[u8; 32]) -> Range {
    keys::prefix(key(scope, SETTLED, &[&season.to_be_bytes(), hash]))
}

/// The row of a late change.
pub fn late(scope: Scope, season: u32, hash: &[u8; 32]) -> Vec<u8> {
    key(scope, LATE, &[&season.to_be_bytes(), hash])
}

/// The rows of a season's late changes.
pub fn lates(scope: Scope, season: u32) -> Range {
    of_season(scope, LATE, season)
}

/// The rows of version 1, which were SKUs alone: none begins with a control character.
pub fn version_1(scope: Scope) -> Range {
    (key(scope, b' ', &[]), keys::prefix(super::row(Projection::Catalogue, scope, &[])).1)
}

/// The row of an item in version 1, which stays until the rebuild to version 2 is done.
pub fn item_version_1(scope: Scope, sku: &str) -> Vec<u8> {
    super::row(Projection::Catalogue, scope, sku.as_bytes())
}

/// The 32 bytes at the end of the row of a change, a mark or a late change.
pub fn read_name(key: &[u8]) -> Option<[u8; 32]> {
    key.last_chunk::<32>().copied()
}

/// The season in the row of a change that is set aside or late, and the change's name.
fn read_place(scope: Scope, table: u8, row: &[u8]) -> Option<(u32, [u8; 32])> {
    let rest = row.strip_prefix(key(scope, table, &[]).as_slice())?;
    let (season, name) = rest.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*season), name.try_into().ok()?))
}

/// The current season: the highest that is opened with all before it, 0 where none is. So a
/// number picked out of the blue cannot use up the ones that follow.
pub fn current_season(
    mut is_opened: impl FnMut(u32) -> Result<bool, ReadError>,
) -> Result<u32, ReadError> {
    let mut season = 0;
    while season < u32::MAX && is_opened(season + 1)? {
        season += 1;
    }
    Ok(season)
}

/// A season that was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Season {
    /// Its number.
    pub season: u32,
    /// Its name; of several the first in order.
    pub name: String,
}

/// Every season up to the current one, without season 0, which nobody opens.
pub fn seasons(store: &dyn Read, scope: Scope) -> Result<Vec<Season>, ReadError> {
    let mut out = Vec::new();
    current_season(|season| {
        let (from, to) = openings(scope, season);
        let prefix = from.len();
        let mut name = None;
        store.scan(&from, &to, &mut |key, _| {
            name = Some(String::from_utf8_lossy(&key[prefix..]).into_owned());
            ControlFlow::Break(())
        })?;
        let opened = name.is_some();
        out.extend(name.map(|name| Season { season, name }));
        Ok(opened)
    })?;
    Ok(out)
}

/// An item of the current season.
pub fn item_of(store: &dyn Read, scope: Scope, sku: &str) -> Result<Option<Item>, ReadError> {
    let row = store.get(&item(scope, sku))?;
    row.map(|row| read_item(&row)).transpose()
}

fn read_item(row: &[u8]) -> Result<Item, ReadError> {
    codec::decode("an item row", row).map_err(|error| ReadError::Device(error.to_string()))
}

/// The current season's items by SKU, those after `after` and with what is asked, at most
/// `limit` of them.
pub fn page(
    store: &dyn Read,
    scope: Scope,
    after: Option<&str>,
    limit: usize,
    asked: impl Fn(&Item) -> bool,
) -> Result<Vec<(String, Item)>, ReadError> {
    let (mut from, to) = items(scope);
    let prefix = from.len();
    if let Some(sku) = after {
        from = item(scope, sku);
        from.push(0);
    }
    let (mut out, mut failed) = (Vec::new(), None);
    store.scan(&from, &to, &mut |key, row| {
        let Ok(sku) = std::str::from_utf8(&key[prefix..]) else {
            return ControlFlow::Continue(());
        };
        match read_item(row) {
            Ok(item) if asked(&item) => out.push((sku.to_owned(), item)),
            Ok(_) => {}
            Err(error) => failed = Some(error),
        }
        if out.len() == limit || failed.is_some() {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    })?;
    failed.map_or(Ok(out), Err)
}

/// A change that is not applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aside {
    /// Its season.
    pub season: u32,
    /// Its id.
    pub change: Hash,
    /// What it waits for, or why it is set aside.
    pub status: Status,
    /// The event that bears it.
    pub event: Option<EventId>,
}

/// The changes that are not applied, by season and id, those after `after` and with a status
/// that is asked for, at most `limit` of them.
pub fn asides(
    store: &dyn Read,
    scope: Scope,
    after: Option<(u32, Hash)>,
    limit: usize,
    asked: impl Fn(Status) -> bool,
) -> Result<Vec<Aside>, ReadError> {
    let mut found = Vec::new();
    scan_after(store, scope, ASIDE, after, &mut |season, change, row| {
        let status = row.first().copied().and_then(Status::from_code);
        found.extend(status.filter(|status| asked(*status)).map(|status| (season, change, status)));
        found.len() < limit
    })?;
    let aside = |(season, change, status): (u32, Hash, Status)| {
        let event = event_of(store, scope, season, &change)?;
        Ok(Aside { season, change, status, event })
    };
    found.into_iter().map(aside).collect()
}

/// A late change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Late {
    /// The closed season that it was made in.
    pub season: u32,
    /// Its hash.
    pub hash: Hash,
    /// What it set.
    pub row: LateRow,
    /// The event that bears it.
    pub event: Option<EventId>,
}

/// The late changes, by season and hash, those after `after`, at most `limit` of them.
pub fn late_changes(
    store: &dyn Read,
    scope: Scope,
    after: Option<(u32, Hash)>,
    limit: usize,
) -> Result<Vec<Late>, ReadError> {
    let mut found = Vec::new();
    scan_after(store, scope, LATE, after, &mut |season, hash, row| {
        let row = codec::decode::<LateRow>("a late change's row", row).ok();
        found.extend(row.map(|row| (season, hash, row)));
        found.len() < limit
    })?;
    let late = |(season, hash, row): (u32, Hash, LateRow)| {
        let event = event_of(store, scope, season, &row.change)?;
        Ok(Late { season, hash, row, event })
    };
    found.into_iter().map(late).collect()
}

fn scan_after(
    store: &dyn Read,
    scope: Scope,
    table: u8,
    after: Option<(u32, Hash)>,
    visit: &mut dyn FnMut(u32, Hash, &[u8]) -> bool,
) -> Result<(), ReadError> {
    let (mut from, to) = keys::prefix(key(scope, table, &[]));
    if let Some((season, name)) = after {
        from = key(scope, table, &[&season.to_be_bytes(), &name.0, &[0]]);
    }
    store.scan(&from, &to, &mut |key, row| match read_place(scope, table, key) {
        Some((season, name)) if !visit(season, Hash(name), row) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    })
}

/// The first event that bears a change.
pub fn event_of(
    store: &dyn Read,
    scope: Scope,
    season: u32,
    id: &Hash,
) -> Result<Option<EventId>, ReadError> {
    let row = store.get(&change(scope, season, &id.0))?;
    Ok(row.as_deref().and_then(read_event))
}

/// The event in the row of a change.
pub fn read_event(row: &[u8]) -> Option<EventId> {
    codec::decode("a change's row", row).ok()
}

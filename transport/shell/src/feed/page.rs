//! One page of the feed: the next events that pass a filter, from one view of the store.
//!
//! A page ends where it has enough events or bytes, or has looked at enough of them, so no filter
//! makes one call read the whole store.

use std::collections::BTreeMap;
use std::str::FromStr;

use engine::event::codec;
use engine::ids::{EventId, LOG_BYTES, Lane, Log, LogId};
use engine::keys;
use engine::replica::arrivals::{self, Feed};
use engine::replica::lanes::StoredEvent;
use engine::store::{Read, ReadError};
use serde_json::Value;

use super::cursor::Cursor;
use crate::export;
use crate::limits::{FEED_LOOKS_MAX, FEED_PAGE_BYTES_MAX};
use crate::problem::Problem;
use crate::read::View;

/// Which events are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Their kinds; any if empty.
    pub kinds: Vec<String>,
    /// Their lane; any if absent.
    pub lane: Option<Lane>,
    /// Whether those of the merchants that the view shows alone, without the tenant's own.
    pub merchants_only: bool,
}

/// A page of the feed.
pub struct Page {
    /// The events, each with the cursor after it.
    pub events: Vec<(Cursor, Value)>,
    /// After everything that was looked at.
    pub cursor: Cursor,
    /// Whether there may be more already.
    pub more: bool,
}

impl Filter {
    /// The filter that the parameters of a request ask for.
    pub fn parse(kinds: Option<&str>, lane: Option<&str>) -> Result<Self, Problem> {
        let kinds: Vec<String> =
            kinds.into_iter().flat_map(|kinds| kinds.split(',')).map(str::to_owned).collect();
        if let Some(unknown) = kinds.iter().find(|kind| !codec::KINDS.contains(&kind.as_str())) {
            let known = codec::KINDS.join(", ");
            return Err(Problem::malformed(format!("kind {unknown:?} is none of {known}")));
        }
        let lane = lane.map(|name| {
            let lane = Lane::ALL.into_iter().find(|lane| lane.name() == name);
            lane.ok_or_else(|| {
                let known = Lane::ALL.map(Lane::name).join(", ");
                Problem::malformed(format!("lane {name:?} is none of {known}"))
            })
        });
        Ok(Self { kinds, lane: lane.transpose()?, merchants_only: false })
    }

    fn takes_log(&self, log: &Log, view: &View<'_>) -> bool {
        self.lane.is_none_or(|lane| lane == log.lane)
            && (!self.merchants_only || view.shows(log.scope))
    }

    fn takes(&self, stored: &StoredEvent) -> bool {
        self.kinds.is_empty() || {
            let event = codec::decode_event(&stored.bytes);
            let kind = event.as_ref().map_or("unknown", |event| codec::kind_name(&event.payload));
            self.kinds.iter().any(|wanted| wanted == kind)
        }
    }
}

/// Where a request goes on: the text of its cursor, or the beginning. The inner error is the
/// caller's.
pub fn begin(
    view: &View<'_>,
    filter: &Filter,
    after: Option<&str>,
) -> Result<Result<(Feed, Cursor), Problem>, ReadError> {
    let store = view.store;
    if filter.merchants_only && view.scopes.is_empty() {
        let text = "this device sells for nobody yet; join a tenant";
        return Ok(Err(Problem::not_enrolled(text)));
    }
    let Some(feed) = arrivals::feed(store)? else {
        return Err(ReadError::Device("the order of arrival is not counted here".to_owned()));
    };
    let Some(text) = after else { return Ok(Ok((feed, Cursor::start(&feed)))) };
    match Cursor::from_str(text) {
        Err(problem) => Ok(Err(problem)),
        Ok(cursor) if cursor.fits(&feed, store)? => Ok(Ok((feed, cursor))),
        Ok(_) => Ok(Err(Cursor::unknown(text))),
    }
}

/// The next page after a cursor.
pub fn page(
    view: &View<'_>,
    feed: &Feed,
    after: Cursor,
    filter: &Filter,
    limit: usize,
) -> Result<Page, ReadError> {
    let mut page = Page { events: Vec::new(), cursor: after, more: false };
    let mut logs = BTreeMap::new();
    let mut bytes = 0;
    let found = arrivals::after(view.store, after.count(), FEED_LOOKS_MAX)?;
    page.more = found.len() == FEED_LOOKS_MAX;
    for (count, id) in found {
        if page.events.len() == limit || bytes > FEED_PAGE_BYTES_MAX {
            page.more = true;
            break;
        }
        page.cursor = Cursor::after(feed, count, &id);
        let log = log_of(view.store, &mut logs, &id)?;
        let Some(log) = log.filter(|log| filter.takes_log(log, view)) else { continue };
        let row = view.store.get(&keys::event(&id))?;
        let stored = row.as_deref().and_then(StoredEvent::from_bytes);
        if let Some(stored) = stored.filter(|stored| filter.takes(stored)) {
            bytes += stored.bytes.len();
            page.events.push((page.cursor, export::event(&id, &log, &stored)));
        }
    }
    Ok(page)
}

fn log_of(
    store: &dyn Read,
    known: &mut BTreeMap<LogId, Option<Log>>,
    id: &EventId,
) -> Result<Option<Log>, ReadError> {
    if let Some(log) = known.get(&id.log) {
        return Ok(*log);
    }
    let row = store.get(&keys::log(&id.log))?;
    let bytes = row.and_then(|row| <[u8; LOG_BYTES]>::try_from(row).ok());
    let log = bytes.and_then(|bytes| Log::from_bytes(&bytes));
    known.insert(id.log, log);
    Ok(log)
}

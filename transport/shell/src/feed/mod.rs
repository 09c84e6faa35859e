//! The change feed: committed events in the order in which they arrived here, in pages of JSON or
//! as a stream of server-sent events that goes on with what is committed next.
//!
//! A stream holds no events: it reads the store when its caller has taken what it sent. Commits
//! wake it, and nothing polls.

mod cursor;
mod page;
mod stream;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRef, State};
use axum::http::HeaderMap;
use axum::http::header::ACCEPT;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::{Semaphore, watch};
use utoipa::{IntoParams, ToSchema};

use crate::access::{Access, Bearer};
use crate::answer::At;
use crate::driver::Commits;
use crate::extract::Query;
use crate::limits::{FEED_PAGE_EVENTS_MAX, STREAM_STALL_TIMEOUT, STREAMS_MAX};
use crate::openapi::Routes;
use crate::problem::Problem;
use crate::read::Library;

pub use cursor::Cursor;
use page::{Filter, Page, begin, page};

/// The content type of a stream, which asks for one.
const EVENT_STREAM: &str = "text/event-stream";
/// Where a stream that broke off goes on.
const LAST_EVENT_ID: &str = "last-event-id";

/// What streams need. Clones share it.
#[derive(Clone)]
pub struct Feed {
    library: Library,
    commits: watch::Receiver<Commits>,
    slots: Arc<Semaphore>,
    stall_timeout: Duration,
}

impl Feed {
    /// The feed of a daemon. Its tills see the events of whose books the library shows.
    pub fn new(library: Library, commits: watch::Receiver<Commits>) -> Self {
        let slots = Arc::new(Semaphore::new(STREAMS_MAX));
        Self { library, commits, slots, stall_timeout: STREAM_STALL_TIMEOUT }
    }

    /// Streams that are open.
    pub fn streams(&self) -> usize {
        STREAMS_MAX - self.slots.available_permits()
    }
}

/// The feed's call.
pub fn routes<S>() -> Routes<S>
where
    S: Clone + Send + Sync + 'static,
    Access: FromRef<S>,
    Feed: FromRef<S>,
{
    Routes::default().call(__path_events, events)
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct EventsQuery {
    /// Goes on after this cursor: `next` or `cursor` of a page, or the id of a streamed event
    after: Option<String>,
    /// Events in a page; 1,000 if left out, and at most
    #[param(minimum = 0)]
    limit: Option<usize>,
    /// Only these kinds, with commas between them
    #[param(example = "sale-completed,sale-refunded")]
    kind: Option<String>,
    /// Only this lane: `authority`, `ledger`, `catalogue` or `telemetry`
    #[param(example = "ledger")]
    lane: Option<String>,
}

/// A page of the feed.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct EventsPage {
    /// The hash of the version vector that it holds at.
    pub vector: String,
    /// Each with its id, log, time, kind and body.
    #[schema(value_type = Vec<Object>)]
    pub events: Vec<Value>,
    /// Where the next page begins; null when there is none yet.
    pub next: Option<String>,
    /// After what was looked at: where a stream or a later page goes on.
    pub cursor: String,
}

/// Events in the order in which they arrived here: a page, or a stream
///
/// With `Accept: text/event-stream` the answer is a stream of server-sent events: each has its
/// cursor as `id` and the event as `data`, and goes on with what is committed next. The header
/// `Last-Event-ID` says where to go on, and wins over `after`.
#[utoipa::path(get, path = "/v1/events", tag = "books", params(EventsQuery),
    responses((status = 200, description = "a page, or a stream",
            content((EventsPage = "application/json"), (String = "text/event-stream"))),
        (status = 410, description = "`unknown-cursor`: the cursor is not of this feed",
            body = crate::problem::ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "`busy`: too many streams are open",
            body = crate::problem::ProblemBody, content_type = "application/problem+json")))]
async fn events(
    bearer: Bearer,
    State(feed): State<Feed>,
    headers: HeaderMap,
    Query(query): Query<EventsQuery>,
) -> Result<Response, Problem> {
    let mut filter = Filter::parse(query.kind.as_deref(), query.lane.as_deref())?;
    filter.merchants_only = !bearer.caller().is_operator();
    if wants_stream(&headers) {
        let after = last_event_id(&headers)?.or(query.after);
        return stream::open(feed, bearer, filter, after).await;
    }
    let limit = query.limit.unwrap_or(FEED_PAGE_EVENTS_MAX).clamp(1, FEED_PAGE_EVENTS_MAX);
    let read = feed.library.read(move |view| {
        let (counting, after) = match begin(view, &filter, query.after.as_deref())? {
            Ok(begun) => begun,
            Err(problem) => return Ok(Err(problem)),
        };
        page(view, &counting, after, &filter, limit).map(Ok)
    });
    let At { vector, body } = read.await?;
    let Page { events, cursor, more } = body?;
    let next = more.then(|| cursor.to_string());
    let events = events.into_iter().map(|(_, event)| event).collect();
    let body = EventsPage { vector: vector.to_string(), events, next, cursor: cursor.to_string() };
    Ok(At { vector, body }.into_response())
}

fn wants_stream(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut kinds = accepted.flat_map(|value| value.split(','));
    kinds.any(|kind| kind.split(';').next().is_some_and(|kind| kind.trim() == EVENT_STREAM))
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(LAST_EVENT_ID) else { return Ok(None) };
    let text = value.to_str().map_err(|_| {
        Problem::malformed("the header `Last-Event-ID` is no cursor; copy an event's id whole")
    })?;
    Ok(Some(text).filter(|text| !text.is_empty()).map(str::to_owned))
}

//! The feed as a stream of server-sent events (WHATWG HTML, section 9.2).
//!
//! One task reads pages and hands over chunks, one at a time. A caller that takes none for too
//! long is cut off; it goes on later where it stopped, so nothing is kept for it. One whose token
//! was replaced gets nothing more.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use engine::replica::arrivals;
use hyper::body::Frame;
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio::time::timeout;

use super::{Cursor, EVENT_STREAM, Feed, Filter, begin, page};
use crate::access::Bearer;
use crate::answer::{At, vector_header};
use crate::driver::Commits;
use crate::limits::{STREAM_CHUNK_EVENTS_MAX, STREAM_HEARTBEAT, STREAM_PAUSE, STREAMS_MAX};
use crate::problem::Problem;
use crate::read::Library;

/// Opens a stream after a cursor. Its head bears the vector at which it begins.
pub(super) async fn open(
    feed: Feed,
    bearer: Bearer,
    filter: Filter,
    after: Option<String>,
) -> Result<Response, Problem> {
    let busy = || {
        Problem::busy(format!("{STREAMS_MAX} streams are open already; close one, or try later"))
    };
    let slot = feed.slots.clone().try_acquire_owned().map_err(|_| busy())?;
    let asked = filter.clone();
    let begun = feed.library.read(move |view| begin(view, &asked, after.as_deref())).await?;
    let At { vector, body } = begun;
    let (_, cursor) = body?;
    let (chunks, body) = mpsc::channel(1);
    let Feed { library, commits, stall_timeout, .. } = feed;
    let task =
        Task { library, commits, bearer, filter, cursor, chunks, stall_timeout, _slot: slot };
    tokio::spawn(task.run());
    let head = [(CONTENT_TYPE, EVENT_STREAM), (CACHE_CONTROL, "no-store")];
    Ok(([vector_header(&vector)], head, Body::new(Chunks(body))).into_response())
}

/// What is sent, as an HTTP body.
struct Chunks(mpsc::Receiver<Bytes>);

impl hyper::body::Body for Chunks {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.poll_recv(cx).map(|chunk| chunk.map(|chunk| Ok(Frame::data(chunk))))
    }
}

struct Task {
    library: Library,
    commits: watch::Receiver<Commits>,
    bearer: Bearer,
    filter: Filter,
    cursor: Cursor,
    chunks: mpsc::Sender<Bytes>,
    stall_timeout: Duration,
    _slot: OwnedSemaphorePermit,
}

/// The stream is over: the caller has gone, is too slow or is not known any more, or the daemon
/// stops.
struct Over;

impl Task {
    async fn run(mut self) {
        let _ = self.stream().await;
    }

    async fn stream(&mut self) -> Result<(), Over> {
        // The caller learns at once that it is connected, and how soon to come again.
        self.send("retry: 1000\n\n".to_owned()).await?;
        loop {
            // Marked before reading, so that a commit meanwhile is not missed.
            let stopping = self.commits.borrow_and_update().stopping;
            while self.send_page().await? {}
            if stopping {
                return Err(Over);
            }
            // What is committed in quick succession is read together.
            tokio::time::sleep(STREAM_PAUSE).await;
            tokio::select! {
                biased;
                () = self.chunks.closed() => return Err(Over),
                changed = self.commits.changed() => changed.map_err(|_| Over)?,
                () = tokio::time::sleep(STREAM_HEARTBEAT) => self.beat().await?,
            }
        }
    }

    /// Sends the next events. Returns whether there may be more already.
    async fn send_page(&mut self) -> Result<bool, Over> {
        let (after, filter) = (self.cursor, self.filter.clone());
        let read = self.library.read(move |view| {
            let Some(feed) = arrivals::feed(view.store)? else { return Ok(None) };
            page(view, &feed, after, &filter, STREAM_CHUNK_EVENTS_MAX).map(Some)
        });
        let At { body: Some(page), .. } = read.await.map_err(|_| Over)? else { return Err(Over) };
        let mut text = String::new();
        for (cursor, event) in page.events {
            text.push_str(&format!("id: {cursor}\ndata: {event}\n\n"));
        }
        self.cursor = page.cursor;
        if !text.is_empty() {
            self.send(text).await?;
        }
        Ok(page.more)
    }

    /// Shows that the stream lives, and where it has got to when a filter lets nothing through.
    async fn beat(&mut self) -> Result<(), Over> {
        let At { vector, .. } = self.library.read(|_| Ok(())).await.map_err(|_| Over)?;
        self.send(format!(": vector {vector}\nid: {}\n\n", self.cursor)).await
    }

    /// Hands a chunk over, unless the caller's token was replaced: what a till may see is asked
    /// again for everything that leaves.
    async fn send(&mut self, text: String) -> Result<(), Over> {
        if !self.bearer.still_stands() {
            return Err(Over);
        }
        let sent = timeout(self.stall_timeout, self.chunks.send(text.into())).await;
        match sent {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Over),
            Err(_) => {
                tracing::debug!("a stream's caller takes nothing and is cut off");
                Err(Over)
            }
        }
    }
}

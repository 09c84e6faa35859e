//! A request body that must arrive in time.
//!
//! It never limits the size; axum's `DefaultBodyLimit` does.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::BoxError;
use axum::body::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use thiserror::Error;
use tokio::time::Sleep;

/// The rest of a body did not come.
#[derive(Debug, Error)]
#[error("the body took longer than {} ms", .0.as_millis())]
pub(super) struct TooSlow(Duration);

/// `Incoming` with a deadline for the whole of it, counted from the first wait.
pub(super) struct TimedBody {
    body: Incoming,
    span: Duration,
    deadline: Option<Pin<Box<Sleep>>>,
}

impl TimedBody {
    pub(super) fn new(body: Incoming, span: Duration) -> Self {
        Self { body, span, deadline: None }
    }
}

impl Body for TimedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let span = self.span;
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(tokio::time::sleep(span)));
        deadline.as_mut().poll(cx).map(|()| Some(Err(TooSlow(span).into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

//! The HTTP server of both daemons: HTTP/1.1 over TCP, bounded in time, size and number.
//!
//! hyper sets no limits of its own, and `axum::serve` gives no way to set them, so the
//! connections are served here. No route is known here, and nobody is let in or kept out: the
//! daemons layer `auth` and `host` onto their router.

mod body;
mod stream;
#[cfg(test)]
mod tests;

use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::limits;
use crate::problem::Problem;
use body::TimedBody;
use stream::GuardedStream;

/// What one listener bears. The default is what `limits` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections open at once; more wait in the backlog.
    pub connections: usize,
    /// For a request's head, and for an idle connection.
    pub head_timeout: Duration,
    /// For a request's whole body.
    pub body_timeout: Duration,
    /// For a caller that takes nothing of its answer.
    pub write_stall_timeout: Duration,
    /// For open requests, once the server stops.
    pub drain_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: limits::CONNECTIONS_MAX,
            head_timeout: limits::HEAD_TIMEOUT,
            body_timeout: limits::BODY_TIMEOUT,
            write_stall_timeout: limits::WRITE_STALL_TIMEOUT,
            drain_timeout: limits::DRAIN_TIMEOUT,
        }
    }
}

/// The router with what every API of ours has: a body limit that a route can set for itself with
/// axum's `DefaultBodyLimit`, and problems for unknown paths and methods.
///
/// [`serve`] applies it; a caller that drives a router in-process does so itself.
pub fn with_defaults(router: Router) -> Router {
    router
        .fallback(async |request: Request| {
            Problem::not_found(format!(
                "there is no {}; see the API's document",
                request.uri().path()
            ))
        })
        .method_not_allowed_fallback(async |request: Request| {
            let (path, method) = (request.uri().path(), request.method());
            Problem::method_not_allowed(format!("{path} takes another method than {method}"))
        })
        .layer(DefaultBodyLimit::max(limits::BODY_BYTES_MAX))
}

/// Serves `router` on `listener` until `shutdown` is ready, then finishes the open requests.
///
/// Returns once every connection is closed, at the latest after the drain timeout.
pub async fn serve(listener: TcpListener, router: Router, shutdown: impl Future<Output = ()>) {
    serve_within(Limits::default(), listener, router, shutdown).await;
}

/// Like [`serve`], within other limits.
pub async fn serve_within(
    limits: Limits,
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()>,
) {
    let router = with_defaults(router);
    let (stop, stopping) = watch::channel(());
    // Its length is the number of permits given out.
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => {}
            accepted = accept(&listener), if connections.len() < limits.connections => {
                let one = connection(accepted, router.clone(), limits, stopping.clone());
                connections.spawn(one);
            }
        }
    }
    drop(listener);
    drop(stop);
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(limits.drain_timeout, drained).await.is_err() {
        connections.shutdown().await;
    }
}

/// The next connection. The system may refuse some, usually for want of descriptors.
async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(cause) => {
                tracing::warn!(%cause, "a connection was not accepted");
                tokio::time::sleep(limits::ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Serves one connection until either side closes it. `stopping` ends when the server stops.
async fn connection(
    stream: TcpStream,
    router: Router,
    limits: Limits,
    mut stopping: watch::Receiver<()>,
) {
    // Answers are written whole, so waiting to fill a packet only delays them.
    let _ = stream.set_nodelay(true);
    let io = TokioIo::new(GuardedStream::new(stream, limits.write_stall_timeout));
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        router.call(request.map(|body| Body::new(TimedBody::new(body, limits.body_timeout))))
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout)
        .max_buf_size(limits::HEAD_BYTES_MAX)
        .max_headers(limits::HEADERS_MAX)
        .serve_connection(io, service);
    let mut serving = pin!(serving);
    tokio::select! {
        // How a caller breaks a connection is its own affair.
        _ = serving.as_mut() => return,
        _ = stopping.changed() => {}
    }
    serving.as_mut().graceful_shutdown();
    let _ = serving.await;
}

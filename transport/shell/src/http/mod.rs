//! The HTTP server of both daemons: HTTP/1.1 over TCP or TLS, bounded in time, size and number.
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
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::limits;
use crate::problem::Problem;
use body::TimedBody;
use stream::GuardedStream;

/// What one listener bears. The default is what `limits` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections open at once; more wait in the backlog.
    pub connections: usize,
    /// For the TLS handshake, where there is one.
    pub handshake_timeout: Duration,
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
            handshake_timeout: limits::HANDSHAKE_TIMEOUT,
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
/// What is layered on the router after this sees those too.
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

/// Where connections come from.
pub struct Listener {
    tcp: TcpListener,
    tls: Option<TlsAcceptor>,
}

impl Listener {
    /// Plain HTTP.
    pub fn plain(tcp: TcpListener) -> Self {
        Self { tcp, tls: None }
    }

    /// HTTP over TLS alone.
    pub fn tls(tcp: TcpListener, tls: TlsAcceptor) -> Self {
        Self { tcp, tls: Some(tls) }
    }
}

/// Serves `router` on `listener` until `shutdown` is ready, then finishes the open requests.
///
/// Returns once every connection is closed, at the latest after the drain timeout.
pub async fn serve(listener: Listener, router: Router, shutdown: impl Future<Output = ()>) {
    serve_within(Limits::default(), listener, router, shutdown).await;
}

/// Like [`serve`], within other limits.
pub async fn serve_within(
    limits: Limits,
    listener: Listener,
    router: Router,
    shutdown: impl Future<Output = ()>,
) {
    let Listener { tcp, tls } = listener;
    let (stop, stopping) = watch::channel(());
    // Its length is the number of permits given out.
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => {}
            accepted = accept(&tcp), if connections.len() < limits.connections => {
                let one = Connection { router: router.clone(), limits, stopping: stopping.clone() };
                connections.spawn(one.run(accepted, tls.clone()));
            }
        }
    }
    drop(tcp);
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

/// What serves one connection.
struct Connection {
    router: Router,
    limits: Limits,
    /// Ends when the server stops.
    stopping: watch::Receiver<()>,
}

impl Connection {
    /// Serves it until either side closes it.
    async fn run(mut self, stream: TcpStream, tls: Option<TlsAcceptor>) {
        // Answers are written whole, so waiting to fill a packet only delays them.
        let _ = stream.set_nodelay(true);
        let stream = GuardedStream::new(stream, self.limits.write_stall_timeout);
        let Some(tls) = tls else { return self.exchange(stream).await };
        let handshake = tokio::time::timeout(self.limits.handshake_timeout, tls.accept(stream));
        let done = tokio::select! {
            done = handshake => done,
            _ = self.stopping.changed() => return,
        };
        match done {
            Ok(Ok(stream)) => self.exchange(stream).await,
            Ok(Err(cause)) => tracing::debug!(%cause, "a TLS handshake failed"),
            Err(_) => tracing::debug!("a TLS handshake took too long"),
        }
    }

    async fn exchange(mut self, stream: impl AsyncRead + AsyncWrite + Unpin) {
        let Limits { head_timeout, body_timeout, .. } = self.limits;
        let router = TowerToHyperService::new(self.router);
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            router.call(request.map(|body| Body::new(TimedBody::new(body, body_timeout))))
        });
        let serving = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(head_timeout)
            .max_buf_size(limits::HEAD_BYTES_MAX)
            .max_headers(limits::HEADERS_MAX)
            .serve_connection(TokioIo::new(stream), service);
        let mut serving = pin!(serving);
        tokio::select! {
            // How a caller breaks a connection is its own affair.
            _ = serving.as_mut() => return,
            _ = self.stopping.changed() => {}
        }
        serving.as_mut().graceful_shutdown();
        let _ = serving.await;
    }
}

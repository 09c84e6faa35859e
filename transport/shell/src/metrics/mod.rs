//! What a daemon counts of itself, in Prometheus' text format (version 0.0.4).
//!
//! Calls and commits are counted where they pass. What a daemon knows at the moment of a scrape it
//! adds there, one line a gauge: see [`Scrape`]. The pure cores know nothing of this. Labels are
//! routes, statuses, problems and peers, so their number is bounded; never what a caller sends.

mod observe;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::prometheus_text;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use transport::device::Core;

use crate::access::{Access, Operator};
use crate::driver::Calls;
use crate::feed::Feed;
use crate::host::Lan;
use crate::problem::Problem;

pub use observe::observe;

/// What stands before every name.
const PREFIX: &str = "tentpole";
/// Upper bounds in seconds: a synced write on a good disk is in the lowest, a long report in the
/// highest.
const SECONDS: [f64; 12] =
    [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];
/// Upper bounds of a batch: a single sale is in the lowest.
const ROWS: [f64; 8] = [10.0, 30.0, 100.0, 300.0, 1_000.0, 3_000.0, 10_000.0, 100_000.0];

/// Labels with their values.
type Labels<const N: usize> = [(&'static str, String); N];
type Histograms = Family<Labels<1>, Histogram, fn() -> Histogram>;

/// What is counted as it passes. Clones share it.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    /// Whether anybody on loopback may scrape.
    open: bool,
    calls: Family<Labels<3>, Counter>,
    refusals: Family<Labels<2>, Counter>,
    latency: Histograms,
}

/// What the driver counts. Clones share it.
#[derive(Clone)]
pub struct CommitMetrics {
    failed: Counter,
    rows: Histogram,
    seconds: Histogram,
}

impl Default for CommitMetrics {
    fn default() -> Self {
        let (rows, seconds) = (Histogram::new(ROWS), Histogram::new(SECONDS));
        Self { failed: Counter::default(), rows, seconds }
    }
}

impl CommitMetrics {
    /// A batch of so many rows became durable after so long, or it failed.
    pub(crate) fn written(&self, rows: u32, span: Duration, durable: bool) {
        if durable {
            self.rows.observe(f64::from(rows));
            self.seconds.observe(span.as_secs_f64());
        } else {
            self.failed.inc();
        }
    }
}

impl Metrics {
    /// Nothing has been counted yet; `commits` is what the driver counts. With `open`, anybody on
    /// loopback may scrape.
    pub fn new(commits: &CommitMetrics, open: bool) -> Self {
        let seconds: fn() -> Histogram = || Histogram::new(SECONDS);
        let (calls, refusals) = (Family::default(), Family::default());
        let latency = Histograms::new_with_constructor(seconds);
        let mut registry = Registry::with_prefix(PREFIX);
        registry.register("calls", "Calls of the API by method, route and status", calls.clone());
        registry.register("refusals", "Refused calls by route and problem", refusals.clone());
        let help = "From a call's head to the head of its answer";
        registry.register_with_unit("call", help, Unit::Seconds, latency.clone());
        let help = "From handing a batch to the disk until it is durable";
        registry.register_with_unit("commit", help, Unit::Seconds, commits.seconds.clone());
        let help = "Rows of the batches that are durable";
        registry.register("commit_rows", help, commits.rows.clone());
        let help = "Batches that the disk refused";
        registry.register("commit_failures", help, commits.failed.clone());
        Self { registry: Arc::new(registry), open, calls, refusals, latency }
    }

    /// A page that begins with what the shell knows.
    pub fn scrape<C: Core>(&self, calls: &Calls<C>, feed: &Feed) -> Scrape {
        let mut scrape =
            Scrape { counted: self.registry.clone(), now: Registry::with_prefix(PREFIX) };
        let wire = calls.paths().wire_bytes();
        scrape.counter("wire_sent_bytes", "UDP payload sent to peers", wire.sent_bytes);
        scrape.counter("wire_received_bytes", "UDP payload from peers", wire.received_bytes);
        scrape.gauge("queued_calls", "Calls that wait for the core", calls.queued());
        let waiting = calls.paths().queued();
        scrape.gauge("queued_inputs", "Things from peers that wait for the core", waiting);
        scrape.gauge("feed_streams", "Streams of the change feed that are open", feed.streams());
        scrape
    }
}

/// One page of metrics, as it is filled.
pub struct Scrape {
    counted: Arc<Registry>,
    now: Registry,
}

impl Scrape {
    /// Adds a gauge, `tentpole_NAME`, with its unit at the end of the name.
    pub fn gauge(&mut self, name: &str, help: &str, value: impl TryInto<i64>) {
        self.now.register(name, help, ConstGauge::new(clamped(value)));
    }

    /// Adds a gauge with a value for each of a bounded set of labels, such as the peers.
    pub fn gauges<V: TryInto<i64>>(
        &mut self,
        name: &str,
        help: &str,
        label: &'static str,
        values: impl IntoIterator<Item = (String, V)>,
    ) {
        let family = Family::<Labels<1>, Gauge>::default();
        for (of, value) in values {
            family.get_or_create(&[(label, of)]).set(clamped(value));
        }
        self.now.register(name, help, family);
    }

    /// Adds a counter that something else has counted, `tentpole_NAME_total`.
    pub fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.now.register(name, help, ConstCounter::new(value));
    }
}

fn clamped(value: impl TryInto<i64>) -> i64 {
    value.try_into().unwrap_or(i64::MAX)
}

impl IntoResponse for Scrape {
    fn into_response(self) -> Response {
        let mut page = String::new();
        let written = prometheus_text::encode(&mut page, &self.counted)
            .and_then(|()| prometheus_text::encode(&mut page, &self.now));
        match written {
            Ok(()) => ([(CONTENT_TYPE, "text/plain; version=0.0.4")], page).into_response(),
            Err(_) => Problem::halted("the metrics cannot be written").into_response(),
        }
    }
}

/// Who may scrape: the operator, or anybody on loopback where the configuration says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scraper;

impl<S: Send + Sync> FromRequestParts<S> for Scraper
where
    Access: FromRef<S>,
    Metrics: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let on_loopback = parts.extensions.get::<Lan>().is_none();
        if on_loopback && Metrics::from_ref(state).open {
            return Ok(Self);
        }
        Operator::from_request_parts(parts, state).await.map(|Operator| Self)
    }
}

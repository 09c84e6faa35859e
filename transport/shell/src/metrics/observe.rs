//! Counts every call and how long it took. It looks at routes, never at what a caller wrote.

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;

use super::Metrics;
use crate::problem::Name;

/// The route of a path that is none.
const NO_ROUTE: &str = "none";

/// Middleware for `axum::middleware::from_fn_with_state(metrics, observe)`.
pub async fn observe(State(metrics): State<Metrics>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or(NO_ROUTE, MatchedPath::as_str).to_owned();
    let method = known(request.method().as_str());
    let begun = Instant::now();
    let response = next.run(request).await;
    let span = begun.elapsed();
    let status = response.status().as_u16().to_string();
    let labels = [("method", method), ("route", route.clone()), ("status", status)];
    metrics.calls.get_or_create(&labels).inc();
    if let Some(Name(problem)) = response.extensions().get() {
        let labels = [("route", route.clone()), ("problem", (*problem).to_owned())];
        metrics.refusals.get_or_create(&labels).inc();
    }
    metrics.latency.get_or_create(&[("route", route)]).observe(span.as_secs_f64());
    response
}

/// A method may be any word, so only the known ones are labels.
fn known(method: &str) -> String {
    let known = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"];
    let found = known.into_iter().find(|known| *known == method);
    found.unwrap_or("OTHER").to_owned()
}

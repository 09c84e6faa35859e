//! Settling findings from a till or by the operator.

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::post;
use engine::hash::Hash;
use serde_json::json;
use shell::access::Caller;
use shell::extract::{JsonBody, Path};
use shell::idempotency::key;
use shell::problem::Problem;
use shell::settle::SettleBody;
use transport::env::Env;

use super::{Api, write};
use crate::core::Request;

/// The routes of these calls.
pub(super) fn routes<E: Env>() -> Router<Api<E>> {
    Router::new().route("/v1/findings/{id}/resolve", post(resolve::<E>))
}

async fn resolve<E: Env>(
    caller: Caller,
    State(api): State<Api<E>>,
    Path(finding): Path<Hash>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<SettleBody>,
) -> Result<Response, Problem> {
    let request = Request::Settle(body.into_event(key(&caller, &headers)?, finding)?);
    write(&api, request, |written| json!({ "resolved": written.id.to_string() })).await
}

//! Settling findings from a till or by the operator.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use engine::hash::Hash;
use shell::access::Caller;
use shell::extract::{JsonBody, Path};
use shell::idempotency::key;
use shell::openapi::{IdempotencyKey, Routes};
use shell::problem::Problem;
use shell::settle::{SettleAnswer, SettleBody};
use transport::env::Env;

use super::{Api, write};
use crate::core::Request;

/// The calls about findings that write.
pub(super) fn routes<E: Env>() -> Routes<Api<E>> {
    Routes::default().call(__path_resolve, resolve::<E>)
}

/// Settles a finding as far as the evidence named
#[utoipa::path(post, path = "/v1/findings/{id}/resolve", tag = "books",
    params(IdempotencyKey, ("id" = String, Path, description = "the finding")),
    request_body = SettleBody, responses((status = 201, body = SettleAnswer)))]
async fn resolve<E: Env>(
    caller: Caller,
    State(api): State<Api<E>>,
    Path(finding): Path<Hash>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<SettleBody>,
) -> Result<Response, Problem> {
    let request = Request::Settle(body.into_event(key(&caller, &headers)?, finding)?);
    write(&api, request, |written| SettleAnswer { resolved: written.id.to_string() }).await
}

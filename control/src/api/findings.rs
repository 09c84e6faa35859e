//! Settling findings at the centre.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use engine::hash::Hash;
use shell::access::{Caller, Operator};
use shell::extract::{JsonBody, Path};
use shell::idempotency::key;
use shell::openapi::{IdempotencyKey, Routes};
use shell::problem::Problem;
use shell::settle::{SettleAnswer, SettleBody};
use transport::env::Env;

use super::{Api, ask, unexpected};
use crate::core::{Answer, Call};

/// The calls about findings that write.
pub(super) fn routes<E: Env>() -> Routes<Api<E>> {
    Routes::default().call(__path_resolve, resolve::<E>)
}

/// Settles a finding as far as the evidence named
#[utoipa::path(post, path = "/v1/findings/{id}/resolve", tag = "books",
    security(("operator" = [])),
    params(IdempotencyKey, ("id" = String, Path, description = "the finding")),
    request_body = SettleBody, responses((status = 201, body = SettleAnswer)))]
async fn resolve<E: Env>(
    _: Operator,
    caller: Caller,
    State(api): State<Api<E>>,
    Path(finding): Path<Hash>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<SettleBody>,
) -> Result<(StatusCode, Json<SettleAnswer>), Problem> {
    let resolved = body.into_event(key(&caller, &headers)?, finding)?;
    match ask(&api, Call::Settle(resolved)).await? {
        Answer::Written(id) => {
            Ok((StatusCode::CREATED, Json(SettleAnswer { resolved: id.to_string() })))
        }
        _ => Err(unexpected()),
    }
}

//! Promise rights moved by hand: HTTP in, calls to the core, HTTP out.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use engine::event::{RightsGranted, RightsRequested};
use engine::ids::DeviceId;
use serde::{Deserialize, Serialize};
use shell::access::{Caller, Operator};
use shell::extract::JsonBody;
use shell::openapi::{IdempotencyKey, Routes};
use shell::problem::Problem;
use transport::env::Env;
use utoipa::ToSchema;

use super::{Api, write};
use crate::core::{Request, Written};

/// Rights to give away.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct GrantBody {
    /// The stall's device that may accept them.
    #[schema(value_type = String)]
    to: DeviceId,
    /// The item.
    sku: String,
    /// Thousandths.
    quantity: u64,
}

/// Rights to ask for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AskBody {
    /// The stall's device that is asked.
    #[schema(value_type = String)]
    from: DeviceId,
    /// The item.
    sku: String,
    /// Thousandths.
    quantity: u64,
}

/// A grant that stands.
#[derive(Debug, Serialize, ToSchema)]
struct GrantAnswer {
    /// Its event's id.
    grant: String,
}

/// A request that stands.
#[derive(Debug, Serialize, ToSchema)]
struct AskAnswer {
    /// Its event's id.
    request: String,
}

/// The node's calls about promise rights.
pub(super) fn routes<E: Env>() -> Routes<Api<E>> {
    Routes::default()
        .call(__path_grant, grant::<E>)
        .call(__path_ask, ask::<E>)
        .merge(shell::rights::routes())
}

/// Gives promise rights to another stall
#[utoipa::path(post, path = "/v1/rights/grants", tag = "operate", params(IdempotencyKey),
    security(("operator" = [])), request_body = GrantBody,
    responses((status = 201, body = GrantAnswer)))]
async fn grant<E: Env>(
    _: Operator,
    caller: Caller,
    State(api): State<Api<E>>,
    headers: HeaderMap,
    JsonBody(GrantBody { to, sku, quantity }): JsonBody<GrantBody>,
) -> Result<Response, Problem> {
    let key = Some(super::key(&caller, &headers)?);
    let request = Request::Grant(RightsGranted { key, request: None, to, sku, quantity });
    write(&api, request, |written: &Written| GrantAnswer { grant: written.id.to_string() }).await
}

/// Asks another stall for promise rights
#[utoipa::path(post, path = "/v1/rights/requests", tag = "operate", params(IdempotencyKey),
    security(("operator" = [])), request_body = AskBody,
    responses((status = 201, body = AskAnswer)))]
async fn ask<E: Env>(
    _: Operator,
    caller: Caller,
    State(api): State<Api<E>>,
    headers: HeaderMap,
    JsonBody(AskBody { from, sku, quantity }): JsonBody<AskBody>,
) -> Result<Response, Problem> {
    let key = Some(super::key(&caller, &headers)?);
    let request = Request::Ask(RightsRequested { key, giver: from, sku, quantity });
    write(&api, request, |written: &Written| AskAnswer { request: written.id.to_string() }).await
}

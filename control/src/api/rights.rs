//! Promise rights of lost stalls: HTTP in, calls to the core, HTTP out.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use engine::ids::DeviceId;
use serde::{Deserialize, Serialize};
use shell::access::Operator;
use shell::extract::JsonBody;
use shell::openapi::Routes;
use shell::problem::{Problem, ProblemBody};
use transport::env::Env;
use utoipa::ToSchema;

use super::{Api, ask, unexpected};
use crate::core::{Answer, Call, ForfeitAsked};

/// Lines of one call.
const LINES_MAX: usize = 1_000;

/// Rights to take from a lost stall.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ForfeitBody {
    /// The lost stall's device.
    #[schema(value_type = String)]
    device: DeviceId,
    /// The stall's device that has them from now on.
    #[schema(value_type = String)]
    to: DeviceId,
    /// 1 to 1,000 lines; everything that the stall is known to have if left out.
    lines: Option<Vec<LineBody>>,
}

/// A quantity of one SKU.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ForfeitLine)]
struct LineBody {
    /// The item.
    sku: String,
    /// Thousandths.
    quantity: u64,
}

/// What was forfeited: the most that can be sold twice because of it.
#[derive(Debug, Serialize, ToSchema)]
struct ForfeitAnswer {
    /// The lines.
    forfeited: Vec<LineBody>,
}

/// The control's calls about promise rights.
pub(super) fn routes<E: Env>() -> Routes<Api<E>> {
    Routes::default().call(__path_forfeit, forfeit::<E>).merge(shell::rights::routes())
}

/// Takes a lost stall's promise rights for another
#[utoipa::path(post, path = "/v1/rights/forfeits", tag = "operate", security(("operator" = [])),
    request_body = ForfeitBody,
    responses((status = 201, body = ForfeitAnswer),
        (status = 404, description = "no such device", body = ProblemBody,
            content_type = "application/problem+json")))]
async fn forfeit<E: Env>(
    _: Operator,
    State(api): State<Api<E>>,
    JsonBody(ForfeitBody { device, to, lines }): JsonBody<ForfeitBody>,
) -> Result<(StatusCode, Json<ForfeitAnswer>), Problem> {
    if lines.as_ref().is_some_and(|lines| !(1..=LINES_MAX).contains(&lines.len())) {
        return Err(Problem::malformed(format!("lines must have 1 to {LINES_MAX} entries")));
    }
    let lines = lines.into_iter().flatten().map(|line| (line.sku, line.quantity)).collect();
    match ask(&api, Call::Forfeit(ForfeitAsked { device, to, lines })).await? {
        Answer::Forfeited(lines) => {
            let lines = lines.into_iter().map(|(sku, quantity)| LineBody { sku, quantity });
            let body = ForfeitAnswer { forfeited: lines.collect() };
            Ok((StatusCode::CREATED, Json(body)))
        }
        _ => Err(unexpected()),
    }
}

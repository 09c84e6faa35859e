//! The operator's API: HTTP in, calls to the core, HTTP out. It decides nothing.
//!
//! `docs/api.md` describes every call.

mod catalogue;
mod dto;
mod findings;
mod gauges;
mod prices;
mod rights;

use std::sync::Arc;

use axum::extract::{FromRef, State};
use axum::http::StatusCode;
use axum::{Json, Router};
use engine::authority::JoinToken;
use engine::authority::join::{InviteId, pin, proof_key};
use engine::ids::{DeviceId, Scope};
use engine::replica::catalogue::past_items;
use engine::store::ReadError;
use shell::access::{Access, Operator};
use shell::answer::{At, Shutdown};
use shell::catalogue::Desk;
use shell::driver::Calls;
use shell::extract::JsonBody;
use shell::feed::Feed;
use shell::metrics::{Metrics, Scrape, Scraper};
use shell::openapi::Routes;
use shell::problem::{Problem, ProblemBody};
use shell::read::prices::WallClock;
use shell::read::{Digests, Library, Verification, scope_of};
use transport::env::Env;

use crate::core::{Answer, Call, CallError, ForfeitError, Hub, Invitation, StallStatus, Status};
use dto::{InviteAnswer, InviteBody, RevokeAnswer, RevokeBody, StallBody, StallsBody, StatusBody};

/// Minutes that a join token is valid for, unless asked otherwise, and at most.
const INVITE_MINUTES: (u64, u64) = (24 * 60, 30 * 24 * 60);

/// What handlers share.
#[derive(Clone)]
pub struct Api<E: Env> {
    /// The core.
    pub calls: Calls<Hub>,
    /// The books.
    pub library: Library,
    /// The change feed.
    pub feed: Feed,
    /// What is counted.
    pub metrics: Metrics,
    /// The operator's token.
    pub access: Access,
    /// The world, for secrets.
    pub env: E,
    /// This control.
    pub device: DeviceId,
    /// The merchant that is meant where none is named.
    pub merchant: String,
    /// Where stalls reach this control, unless an invitation says otherwise.
    pub address: String,
    /// Ends the daemon.
    pub stop: Arc<tokio::sync::Notify>,
}

impl<E: Env> FromRef<Api<E>> for Access {
    fn from_ref(api: &Api<E>) -> Self {
        api.access.clone()
    }
}

impl<E: Env> FromRef<Api<E>> for Feed {
    fn from_ref(api: &Api<E>) -> Self {
        api.feed.clone()
    }
}

impl<E: Env> FromRef<Api<E>> for Metrics {
    fn from_ref(api: &Api<E>) -> Self {
        api.metrics.clone()
    }
}

impl<E: Env> FromRef<Api<E>> for Library {
    fn from_ref(api: &Api<E>) -> Self {
        api.library.clone()
    }
}

impl<E: Env> FromRef<Api<E>> for Desk {
    fn from_ref(api: &Api<E>) -> Self {
        Self { home: Some(scope_of(&api.merchant)), past: past_items }
    }
}

impl<E: Env> FromRef<Api<E>> for WallClock {
    fn from_ref(api: &Api<E>) -> Self {
        let env = api.env.clone();
        Self::new(move || env.now().wall_ms)
    }
}

/// The control's calls. A call is one line here and `#[utoipa::path]` over its handler.
pub fn routes<E: Env>() -> Routes<Api<E>> {
    Routes::default()
        .call(__path_invite, invite::<E>)
        .call(__path_revoke, revoke::<E>)
        .call(__path_stalls, stalls::<E>)
        .call(__path_status, status::<E>)
        .call(__path_digest, digest::<E>)
        .call(__path_verify_all, verify_all::<E>)
        .call(__path_metrics, metrics::<E>)
        .call(__path_shutdown, shutdown::<E>)
        .merge(shell::read::routes())
        .merge(findings::routes())
        .merge(catalogue::routes())
        .merge(prices::routes())
        .merge(shell::read::prices::routes())
        .merge(shell::feed::routes())
        .merge(rights::routes())
}

/// Every route of the control, over whatever state it will have.
pub fn table<E: Env>() -> Router<Api<E>> {
    routes().into_router("Tentpole control")
}

/// Every route of the control.
pub fn router<E: Env>(api: Api<E>) -> Router {
    table().with_state(api.clone()).merge(crate::pages::routes(api))
}

/// Makes a join token for a stall
#[utoipa::path(post, path = "/v1/invites", tag = "operate", security(("operator" = [])),
    request_body = InviteBody, responses((status = 201, body = InviteAnswer)))]
async fn invite<E: Env>(
    _: Operator,
    State(api): State<Api<E>>,
    JsonBody(body): JsonBody<InviteBody>,
) -> Result<(StatusCode, Json<InviteAnswer>), Problem> {
    let merchant = body.merchant.unwrap_or_else(|| api.merchant.clone());
    for (field, text) in [("name", &body.name), ("merchant", &merchant)] {
        if text.is_empty() || text.len() > 64 || text.chars().any(char::is_control) {
            return Err(Problem::malformed(format!("{field} must have 1 to 64 plain characters")));
        }
    }
    let (usual, most) = INVITE_MINUTES;
    let minutes = body.minutes.unwrap_or(usual);
    if !(1..=most).contains(&minutes) {
        return Err(Problem::malformed(format!("minutes must be 1 to {most}, 30 days")));
    }
    let address = body.address.unwrap_or_else(|| api.address.clone());
    if address.len() > 255 || !address.contains(':') {
        return Err(Problem::malformed("address must be HOST:PORT, as stalls reach this control"));
    }
    let (mut id, mut secret) = (InviteId([0; 8]), [0; 16]);
    api.env.fill_random(&mut id.0);
    api.env.fill_random(&mut secret);
    let expires_ms = api.env.now().wall_ms.saturating_add(minutes * 60_000);
    let invitation = Invitation {
        id,
        proof_key: proof_key(&id, &secret),
        name: body.name,
        merchant,
        expires_ms,
        used_by: None,
        wrong_proofs: 0,
    };
    ask(&api, Call::Invite(invitation)).await?;
    let token = JoinToken { id, secret, control_pin: pin(&api.device), address };
    let token = token.to_string();
    Ok((StatusCode::CREATED, Json(InviteAnswer { token, expires_ms })))
}

/// Ends a device's rights, for ever
#[utoipa::path(post, path = "/v1/revocations", tag = "operate", security(("operator" = [])),
    request_body = RevokeBody,
    responses((status = 201, body = RevokeAnswer), (status = 404, description = "no such device",
        body = ProblemBody, content_type = "application/problem+json")))]
async fn revoke<E: Env>(
    _: Operator,
    State(api): State<Api<E>>,
    JsonBody(RevokeBody { device }): JsonBody<RevokeBody>,
) -> Result<(StatusCode, Json<RevokeAnswer>), Problem> {
    ask(&api, Call::Revoke(device)).await?;
    Ok((StatusCode::CREATED, Json(RevokeAnswer { revoked: device.to_string() })))
}

/// Every stall, with its lag
#[utoipa::path(get, path = "/v1/stalls", tag = "about", security(("operator" = [])),
    responses((status = 200, body = StallsBody)))]
async fn stalls<E: Env>(_: Operator, State(api): State<Api<E>>) -> Result<At<StallsBody>, Problem> {
    let (status, stalls) = standing(&api).await?;
    let stalls = stalls.iter().map(StallBody::from).collect();
    Ok(At { vector: status.vector, body: StallsBody { stalls } })
}

/// How the market stands
#[utoipa::path(get, path = "/v1/status", tag = "about",
    responses((status = 200, body = StatusBody)))]
async fn status<E: Env>(_: Operator, State(api): State<Api<E>>) -> Result<At<StatusBody>, Problem> {
    let (status, stalls) = standing(&api).await?;
    let (currency, wire) = (&api.library.currency, api.calls.paths().wire_bytes());
    let body = StatusBody::new(&status, currency, &stalls, wire);
    Ok(At { vector: status.vector, body })
}

/// What the books come to, and over which events
#[utoipa::path(get, path = "/v1/digest", tag = "about",
    responses((status = 200, body = Digests)))]
async fn digest<E: Env>(_: Operator, State(api): State<Api<E>>) -> Result<At<Digests>, Problem> {
    match ask(&api, Call::Digests).await? {
        Answer::Digests { vector, rows } => Ok(Digests::at(vector, rows)),
        _ => Err(unexpected()),
    }
}

/// Checks every log on this disk
#[utoipa::path(get, path = "/v1/verify", tag = "about", security(("operator" = [])),
    responses((status = 200, body = Verification)))]
async fn verify_all<E: Env>(
    _: Operator,
    State(api): State<Api<E>>,
) -> Result<At<Verification>, Problem> {
    shell::read::verification(&api.library).await
}

/// What this control counts, for Prometheus
#[utoipa::path(get, path = "/metrics", tag = "about", security(("operator" = [])),
    responses((status = 200, description = "Prometheus' text format", body = String,
        content_type = "text/plain; version=0.0.4")))]
async fn metrics<E: Env>(_: Scraper, State(api): State<Api<E>>) -> Result<Scrape, Problem> {
    let (status, stalls) = standing(&api).await?;
    let mut scrape = api.metrics.scrape(&api.calls, &api.feed);
    gauges::fill(&mut scrape, &status, &stalls);
    Ok(scrape)
}

/// Ends the daemon, once it has finished what it has taken
#[utoipa::path(post, path = "/v1/shutdown", tag = "operate", security(("operator" = [])),
    responses((status = 202, body = Shutdown)))]
async fn shutdown<E: Env>(_: Operator, State(api): State<Api<E>>) -> (StatusCode, Json<Shutdown>) {
    api.stop.notify_one();
    (StatusCode::ACCEPTED, Json(Shutdown { stopping: true }))
}

/// How the control stands, and each stall.
async fn standing<E: Env>(api: &Api<E>) -> Result<(Box<Status>, Vec<StallStatus>), Problem> {
    let Answer::Status(status) = ask(api, Call::Status).await? else { return Err(unexpected()) };
    let Answer::Stalls(stalls) = ask(api, Call::Stalls).await? else { return Err(unexpected()) };
    Ok((status, stalls))
}

/// The scope of the merchant that a writing call names, or of this control's own. What is written
/// for a merchant that nobody has stays for good, so a name that is not known is refused.
async fn scope_named<E: Env>(api: &Api<E>, merchant: Option<String>) -> Result<Scope, Problem> {
    let name = merchant.unwrap_or_else(|| api.merchant.clone());
    match ask(api, Call::Merchant(name)).await? {
        Answer::Merchant(scope) => Ok(scope),
        _ => Err(unexpected()),
    }
}

pub(crate) async fn ask<E: Env>(api: &Api<E>, call: Call) -> Result<Answer, Problem> {
    match api.calls.call(call).await {
        Ok(Answer::Refused(error)) => Err(match &error {
            CallError::UnknownDevice(_) => Problem::not_found(error.to_string()),
            CallError::UnknownMerchant { .. } => Problem::bad_reference(error.to_string()),
            CallError::Refused(refusal) => shell::refusal::problem(refusal),
            CallError::Catalogue(error) => catalogue::problem(error),
            CallError::Forfeit(ForfeitError::Rebuilding) => Problem::rebuilding(error.to_string()),
            CallError::Forfeit(ForfeitError::OtherMerchant(_)) => {
                Problem::bad_reference(error.to_string())
            }
            CallError::Forfeit(_) => Problem::rights_short(error.to_string()),
            CallError::Read(ReadError::NotWhole(_)) => Problem::rebuilding(error.to_string()),
            _ => Problem::halted(error.to_string()),
        }),
        Ok(answer) => Ok(answer),
        Err(stopping) => Err(Problem::stopping(stopping.to_string())),
    }
}

pub(crate) fn unexpected() -> Problem {
    // Calls and answers are paired in the core; this is for the compiler.
    Problem::stopping("the daemon answered another question; try again")
}

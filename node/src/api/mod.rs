//! The till's API: HTTP in, calls to the core, HTTP out. It decides nothing.
//!
//! `docs/api.md` describes every call.

mod answers;
mod cash;
mod catalogue;
pub mod dto;
mod findings;
mod gauges;
pub mod goods;
mod rights;
mod time;

use std::sync::Arc;

use axum::extract::{FromRef, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use engine::replica::catalogue::past_items;
use serde::Serialize;
use shell::access::{Access, Caller, OPERATOR, Operator};
use shell::answer::{At, Shutdown};
use shell::auth::Token;
use shell::catalogue::Desk;
use shell::driver::Calls;
use shell::extract::JsonBody;
use shell::feed::Feed;
use shell::idempotency::key;
use shell::lan::TillApi;
use shell::metrics::{Metrics, Scrape, Scraper};
use shell::openapi::{IdempotencyKey, Routes};
use shell::problem::{Problem, ProblemBody};
use shell::read::prices::WallClock;
use shell::read::{Digests, Library, Verification};
use transport::env::Env;

use crate::core::{Answer, Call, Request, Stall, Written};
use answers::{GoodsAnswer, LinkAnswer, RefundAnswer, SaleAnswer, TillAnswer, VoidAnswer};
use dto::{GoodsBody, LinkBody, RefundBody, SaleBody, StatusBody, TillBody, VoidBody};

/// What handlers share.
#[derive(Clone)]
pub struct Api<E: Env> {
    /// The core.
    pub calls: Calls<Stall>,
    /// The books.
    pub library: Library,
    /// The change feed.
    pub feed: Feed,
    /// What is counted.
    pub metrics: Metrics,
    /// The tokens.
    pub access: Access,
    /// How tills on the LAN reach it; absent where they do not.
    pub till_api: Option<TillApi>,
    /// The world, for new tokens.
    pub env: E,
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

impl<E: Env> FromRef<Api<E>> for WallClock {
    fn from_ref(api: &Api<E>) -> Self {
        let env = api.env.clone();
        Self::new(move || env.now().wall_ms)
    }
}

impl<E: Env> FromRef<Api<E>> for Desk {
    fn from_ref(_: &Api<E>) -> Self {
        Self { home: None, past: past_items }
    }
}

/// The node's calls. A call is one line here and `#[utoipa::path]` over its handler.
pub fn routes<E: Env>() -> Routes<Api<E>> {
    Routes::default()
        .call(__path_sell, sell::<E>)
        .call(__path_refund, refund::<E>)
        .call(__path_void, void::<E>)
        .call(__path_receive, receive::<E>)
        .call(__path_add_till, add_till::<E>)
        .call(__path_set_link, set_link::<E>)
        .call(__path_till_api, till_api::<E>)
        .call(__path_status, status::<E>)
        .call(__path_digest, digest::<E>)
        .call(__path_verify_all, verify_all::<E>)
        .call(__path_metrics, metrics::<E>)
        .call(__path_shutdown, shutdown::<E>)
        .merge(goods::routes())
        .merge(cash::routes())
        .merge(shell::read::routes())
        .merge(shell::read::prices::routes())
        .merge(catalogue::routes())
        .merge(findings::routes())
        .merge(shell::feed::routes())
        .merge(rights::routes())
}

/// Every route of the node, over whatever state it will have.
pub fn table<E: Env>() -> Router<Api<E>> {
    routes().into_router("Tentpole node")
}

/// Every route of the node.
pub fn router<E: Env>(api: Api<E>) -> Router {
    table().with_state(api.clone()).merge(crate::pages::routes(api))
}

/// Rings up a sale
#[utoipa::path(post, path = "/v1/sales", tag = "till", params(IdempotencyKey),
    request_body = SaleBody, responses((status = 201, body = SaleAnswer)))]
async fn sell<E: Env>(
    caller: Caller,
    State(api): State<Api<E>>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<SaleBody>,
) -> Result<Response, Problem> {
    let request = body.into_request(key(&caller, &headers)?)?;
    write(&api, request, SaleAnswer::new).await
}

/// Pays back a sale, or a part of it
#[utoipa::path(post, path = "/v1/refunds", tag = "till", params(IdempotencyKey),
    request_body = RefundBody, responses((status = 201, body = RefundAnswer)))]
async fn refund<E: Env>(
    caller: Caller,
    State(api): State<Api<E>>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<RefundBody>,
) -> Result<Response, Problem> {
    let currency = dto::currency("the market's currency", &api.library.currency)?;
    let request = body.into_request(key(&caller, &headers)?, currency)?;
    write(&api, request, RefundAnswer::new).await
}

/// Undoes a whole sale of this stall
#[utoipa::path(post, path = "/v1/voids", tag = "till", params(IdempotencyKey),
    request_body = VoidBody, responses((status = 201, body = VoidAnswer)))]
async fn void<E: Env>(
    caller: Caller,
    State(api): State<Api<E>>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<VoidBody>,
) -> Result<Response, Problem> {
    let request = body.into_request(key(&caller, &headers)?)?;
    write(&api, request, VoidAnswer::new).await
}

/// Takes goods in
#[utoipa::path(post, path = "/v1/goods-received", tag = "till", params(IdempotencyKey),
    request_body = GoodsBody, responses((status = 201, body = GoodsAnswer)))]
async fn receive<E: Env>(
    caller: Caller,
    State(api): State<Api<E>>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<GoodsBody>,
) -> Result<Response, Problem> {
    let request = body.into_request(key(&caller, &headers)?)?;
    write(&api, request, GoodsAnswer::new).await
}

async fn write<E: Env, A: Serialize>(
    api: &Api<E>,
    request: Request,
    body: impl Fn(&Written) -> A,
) -> Result<Response, Problem> {
    let written = written(api, request).await?;
    Ok(answer(&written, body(&written)))
}

async fn written<E: Env>(api: &Api<E>, request: Request) -> Result<Written, Problem> {
    match ask(api, Call::Write(Box::new(request))).await? {
        Answer::Written(written) => Ok(written),
        other => Err(unexpected(&other)),
    }
}

fn answer(written: &Written, body: impl Serialize) -> Response {
    let replayed = written.replayed.then_some([("idempotent-replayed", "true")]);
    let answer = (StatusCode::CREATED, Json(body));
    match replayed {
        Some(header) => (header, answer).into_response(),
        None => answer.into_response(),
    }
}

/// Makes a till's token, which replaces an earlier one
#[utoipa::path(post, path = "/v1/tills", tag = "operate", security(("operator" = [])),
    request_body = TillBody, responses((status = 201, body = TillAnswer)))]
async fn add_till<E: Env>(
    _: Operator,
    State(api): State<Api<E>>,
    JsonBody(TillBody { name }): JsonBody<TillBody>,
) -> Result<(StatusCode, Json<TillAnswer>), Problem> {
    dto::name("name", &name)?;
    if name == OPERATOR {
        return Err(Problem::malformed(format!(
            "name: the till {OPERATOR} is the operator's own token; choose another"
        )));
    }
    let token = Token::new(&api.env);
    let call = Call::AddTill { name: name.clone(), token: token.hash().to_bytes() };
    ask(&api, call).await?;
    api.access.add_till(&name, token.hash());
    let token = token.text().to_owned();
    Ok((StatusCode::CREATED, Json(TillAnswer { name, token })))
}

/// Takes sync off and on, as a drill
#[utoipa::path(put, path = "/v1/link", tag = "operate", security(("operator" = [])),
    request_body = LinkBody, responses((status = 200, body = LinkAnswer)))]
async fn set_link<E: Env>(
    _: Operator,
    State(api): State<Api<E>>,
    JsonBody(LinkBody { up }): JsonBody<LinkBody>,
) -> Result<Json<LinkAnswer>, Problem> {
    ask(&api, Call::SetLink(up)).await?;
    Ok(Json(LinkAnswer { up }))
}

/// How tills on the LAN reach this node
#[utoipa::path(get, path = "/v1/till-api", tag = "about",
    responses((status = 200, body = TillApi), (status = 404, description = "nowhere",
        body = ProblemBody, content_type = "application/problem+json")))]
async fn till_api<E: Env>(_: Caller, State(api): State<Api<E>>) -> Result<At<TillApi>, Problem> {
    let missing =
        || Problem::not_found("tills on the LAN are not served; set `till_listen` and start again");
    let body = api.till_api.clone().ok_or_else(missing)?;
    api.library.read(|_| Ok(body)).await
}

/// How the stall stands
#[utoipa::path(get, path = "/v1/status", tag = "about",
    responses((status = 200, body = StatusBody)))]
async fn status<E: Env>(_: Caller, State(api): State<Api<E>>) -> Result<At<StatusBody>, Problem> {
    match ask(&api, Call::Status).await? {
        Answer::Status(status) => {
            let wire = api.calls.paths().wire_bytes();
            let body = StatusBody::new(&status, &api.library.currency, wire, api.till_api.as_ref());
            Ok(At { vector: status.vector, body })
        }
        other => Err(unexpected(&other)),
    }
}

/// What the books come to, and over which events
#[utoipa::path(get, path = "/v1/digest", tag = "about",
    responses((status = 200, body = Digests)))]
async fn digest<E: Env>(_: Caller, State(api): State<Api<E>>) -> Result<At<Digests>, Problem> {
    match ask(&api, Call::Digests).await? {
        Answer::Digests { vector, rows } => Ok(Digests::at(vector, rows)),
        other => Err(unexpected(&other)),
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

/// What this node counts, for Prometheus
#[utoipa::path(get, path = "/metrics", tag = "about", security(("operator" = [])),
    responses((status = 200, description = "Prometheus' text format", body = String,
        content_type = "text/plain; version=0.0.4")))]
async fn metrics<E: Env>(_: Scraper, State(api): State<Api<E>>) -> Result<Scrape, Problem> {
    match ask(&api, Call::Status).await? {
        Answer::Status(status) => {
            let mut scrape = api.metrics.scrape(&api.calls, &api.feed);
            gauges::fill(&mut scrape, &status);
            Ok(scrape)
        }
        other => Err(unexpected(&other)),
    }
}

/// Ends the daemon, once it has finished what it has taken
#[utoipa::path(post, path = "/v1/shutdown", tag = "operate", security(("operator" = [])),
    responses((status = 202, body = Shutdown)))]
async fn shutdown<E: Env>(_: Operator, State(api): State<Api<E>>) -> (StatusCode, Json<Shutdown>) {
    api.stop.notify_one();
    (StatusCode::ACCEPTED, Json(Shutdown { stopping: true }))
}

/// Asks the core; a refusal is a problem.
pub(crate) async fn ask<E: Env>(api: &Api<E>, call: Call) -> Result<Answer, Problem> {
    match api.calls.call(call).await {
        Ok(Answer::Refused(error)) => Err(dto::problem(&error)),
        Ok(answer) => Ok(answer),
        Err(stopping) => Err(Problem::stopping(stopping.to_string())),
    }
}

pub(crate) fn unexpected(answer: &Answer) -> Problem {
    // Calls and answers are paired in the core; this is for the compiler.
    tracing::error!(?answer, "an answer of another call");
    Problem::stopping("the daemon answered another question; try again")
}

//! The till's API: HTTP in, calls to the core, HTTP out. It decides nothing.
//!
//! `docs/api.md` describes every call.

pub mod dto;
mod findings;
mod time;

use std::sync::Arc;

use axum::extract::{FromRef, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde_json::{Value, json};
use shell::access::{Access, Caller, OPERATOR, Operator};
use shell::auth::Token;
use shell::driver::Calls;
use shell::extract::JsonBody;
use shell::idempotency::key;
use shell::problem::Problem;
use shell::read::{DigestEntry, Library};
use transport::env::Env;

use crate::core::{Answer, Call, Request, Stall, Written};
use dto::{GoodsBody, LinkBody, RefundBody, SaleBody, StatusBody, TillBody, VoidBody};

/// What handlers share.
#[derive(Clone)]
pub struct Api<E: Env> {
    /// The core.
    pub calls: Calls<Stall>,
    /// The books.
    pub library: Library,
    /// The tokens.
    pub access: Access,
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

impl<E: Env> FromRef<Api<E>> for Library {
    fn from_ref(api: &Api<E>) -> Self {
        api.library.clone()
    }
}

/// Every route of the node.
pub fn router<E: Env>(api: Api<E>) -> Router {
    Router::new()
        .route("/v1/sales", post(sell::<E>))
        .route("/v1/refunds", post(refund::<E>))
        .route("/v1/voids", post(void::<E>))
        .route("/v1/goods-received", post(receive::<E>))
        .route("/v1/tills", post(add_till::<E>))
        .route("/v1/link", put(set_link::<E>))
        .route("/v1/status", get(status::<E>))
        .route("/v1/digest", get(digest::<E>))
        .route("/v1/verify", get(verify_all::<E>))
        .route("/v1/shutdown", post(shutdown::<E>))
        .merge(shell::read::routes())
        .merge(findings::routes())
        .with_state(api)
}

async fn sell<E: Env>(
    caller: Caller,
    State(api): State<Api<E>>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<SaleBody>,
) -> Result<Response, Problem> {
    let request = body.into_request(key(&caller, &headers)?)?;
    write(&api, request, |written| {
        json!({ "sale": written.id.to_string(), "total": written.total, "change": written.change })
    })
    .await
}

async fn refund<E: Env>(
    caller: Caller,
    State(api): State<Api<E>>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<RefundBody>,
) -> Result<Response, Problem> {
    let currency = dto::currency("the market's currency", &api.library.currency)?;
    let request = body.into_request(key(&caller, &headers)?, currency)?;
    write(
        &api,
        request,
        |written| json!({ "refund": written.id.to_string(), "total": written.total }),
    )
    .await
}

async fn void<E: Env>(
    caller: Caller,
    State(api): State<Api<E>>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<VoidBody>,
) -> Result<Response, Problem> {
    let request = body.into_request(key(&caller, &headers)?)?;
    write(&api, request, |written| json!({ "void": written.id.to_string() })).await
}

async fn receive<E: Env>(
    caller: Caller,
    State(api): State<Api<E>>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<GoodsBody>,
) -> Result<Response, Problem> {
    let request = body.into_request(key(&caller, &headers)?)?;
    write(&api, request, |written| json!({ "goods_received": written.id.to_string() })).await
}

async fn write<E: Env>(
    api: &Api<E>,
    request: Request,
    body: impl Fn(&Written) -> Value,
) -> Result<Response, Problem> {
    match ask(api, Call::Write(request)).await? {
        Answer::Written(written) => {
            let replayed = written.replayed.then_some([("idempotent-replayed", "true")]);
            let answer = (StatusCode::CREATED, Json(body(&written)));
            Ok(match replayed {
                Some(header) => (header, answer).into_response(),
                None => answer.into_response(),
            })
        }
        other => Err(unexpected(&other)),
    }
}

async fn add_till<E: Env>(
    _: Operator,
    State(api): State<Api<E>>,
    JsonBody(TillBody { name }): JsonBody<TillBody>,
) -> Result<Response, Problem> {
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
    let body = json!({ "name": name, "token": token.text() });
    Ok((StatusCode::CREATED, Json(body)).into_response())
}

async fn set_link<E: Env>(
    _: Operator,
    State(api): State<Api<E>>,
    JsonBody(LinkBody { up }): JsonBody<LinkBody>,
) -> Result<Json<Value>, Problem> {
    ask(&api, Call::SetLink(up)).await?;
    Ok(Json(json!({ "up": up })))
}

async fn status<E: Env>(_: Caller, State(api): State<Api<E>>) -> Result<Json<StatusBody>, Problem> {
    match ask(&api, Call::Status).await? {
        Answer::Status(status) => {
            Ok(Json(StatusBody::new(&status, api.calls.paths().wire_bytes())))
        }
        other => Err(unexpected(&other)),
    }
}

async fn digest<E: Env>(_: Caller, State(api): State<Api<E>>) -> Result<Json<Value>, Problem> {
    let (Answer::Digests(rows), Answer::Status(status)) =
        (ask(&api, Call::Digests).await?, ask(&api, Call::Status).await?)
    else {
        return Err(Problem::halted("the digests cannot be read"));
    };
    let digests: Vec<DigestEntry> = rows.into_iter().map(DigestEntry::from).collect();
    Ok(Json(json!({ "vector": status.vector.to_string(), "digests": digests })))
}

async fn verify_all<E: Env>(
    _: Operator,
    State(api): State<Api<E>>,
) -> Result<Json<Value>, Problem> {
    shell::read::verification(&api.library).await
}

async fn shutdown<E: Env>(_: Operator, State(api): State<Api<E>>) -> Response {
    api.stop.notify_one();
    (StatusCode::ACCEPTED, Json(json!({ "stopping": true }))).into_response()
}

async fn ask<E: Env>(api: &Api<E>, call: Call) -> Result<Answer, Problem> {
    match api.calls.call(call).await {
        Ok(Answer::Refused(error)) => Err(dto::problem(&error)),
        Ok(answer) => Ok(answer),
        Err(stopping) => Err(Problem::stopping(stopping.to_string())),
    }
}

fn unexpected(answer: &Answer) -> Problem {
    // Calls and answers are paired in the core; this is for the compiler.
    tracing::error!(?answer, "an answer of another call");
    Problem::stopping("the daemon answered another question; try again")
}

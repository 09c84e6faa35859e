//! The operator's API: HTTP in, calls to the core, HTTP out. It decides nothing.
//!
//! `docs/api.md` describes every call.

use std::sync::Arc;

use axum::extract::{FromRef, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use engine::authority::JoinToken;
use engine::authority::join::{InviteId, pin, proof_key};
use engine::catalogue::ItemEdit;
use engine::hash::Hash;
use engine::ids::{DeviceId, EventId};
use engine::replica::catalogue::CatalogueError;
use engine::store::Read;
use serde::Deserialize;
use serde_json::{Value, json};
use shell::access::{Access, Caller, Operator};
use shell::driver::Calls;
use shell::extract::{JsonBody, Path, Query};
use shell::idempotency::key;
use shell::problem::Problem;
use shell::read::{DigestEntry, Library, from_snapshot, scope_of};
use shell::settle::SettleBody;
use transport::env::Env;

use crate::core::{Answer, Call, CallError, Hub, Invitation};

/// Items in one catalogue call.
const ITEMS_MAX: usize = 5_000;
/// Bytes of one catalogue call.
const ITEMS_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Events in one page.
const EVENTS_PAGE_MAX: usize = 1_000;
/// Minutes that a join token is valid for, unless asked otherwise, and at most.
const INVITE_MINUTES: (u64, u64) = (24 * 60, 30 * 24 * 60);

/// What handlers share.
#[derive(Clone)]
pub struct Api<E: Env> {
    /// The core.
    pub calls: Calls<Hub>,
    /// The books.
    pub library: Library,
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

impl<E: Env> FromRef<Api<E>> for Library {
    fn from_ref(api: &Api<E>) -> Self {
        api.library.clone()
    }
}

/// Every route of the control.
pub fn router<E: Env>(api: Api<E>) -> Router {
    let catalogue =
        post(edit_catalogue::<E>).layer(axum::extract::DefaultBodyLimit::max(ITEMS_BYTES_MAX));
    Router::new()
        .route("/v1/invites", post(invite::<E>))
        .route("/v1/revocations", post(revoke::<E>))
        .route("/v1/catalogue/items", catalogue)
        .route("/v1/findings/{id}/resolve", post(resolve::<E>))
        .route("/v1/stalls", get(stalls::<E>))
        .route("/v1/status", get(status::<E>))
        .route("/v1/digest", get(digest::<E>))
        .route("/v1/events", get(events::<E>))
        .route("/v1/verify", get(verify_all::<E>))
        .route("/v1/shutdown", post(shutdown::<E>))
        .merge(shell::read::routes())
        .with_state(api)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct InviteBody {
    name: String,
    merchant: Option<String>,
    minutes: Option<u64>,
    address: Option<String>,
}

async fn invite<E: Env>(
    _: Operator,
    State(api): State<Api<E>>,
    JsonBody(body): JsonBody<InviteBody>,
) -> Result<Response, Problem> {
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
    let body = json!({ "token": token.to_string(), "expires_ms": expires_ms });
    Ok((StatusCode::CREATED, Json(body)).into_response())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RevokeBody {
    device: DeviceId,
}

async fn revoke<E: Env>(
    _: Operator,
    State(api): State<Api<E>>,
    JsonBody(RevokeBody { device }): JsonBody<RevokeBody>,
) -> Result<Response, Problem> {
    ask(&api, Call::Revoke(device)).await?;
    let body = json!({ "revoked": device.to_string() });
    Ok((StatusCode::CREATED, Json(body)).into_response())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ItemsBody {
    merchant: Option<String>,
    items: Vec<ItemBody>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ItemBody {
    sku: String,
    name: Option<String>,
    price: Option<i64>,
    withdrawn: Option<bool>,
}

async fn edit_catalogue<E: Env>(
    _: Operator,
    State(api): State<Api<E>>,
    JsonBody(body): JsonBody<ItemsBody>,
) -> Result<Response, Problem> {
    if body.items.is_empty() || body.items.len() > ITEMS_MAX {
        return Err(Problem::malformed(format!("items must have 1 to {ITEMS_MAX} entries")));
    }
    let scope = scope_of(body.merchant.as_deref().unwrap_or(&api.merchant));
    let item = |item: ItemBody| ItemEdit {
        sku: item.sku,
        name: item.name,
        price: item.price,
        withdrawn: item.withdrawn,
    };
    let items = body.items.into_iter().map(item).collect();
    match ask(&api, Call::EditCatalogue(scope, items)).await? {
        Answer::Done(changes) => {
            Ok((StatusCode::CREATED, Json(json!({ "changes": changes }))).into_response())
        }
        _ => Err(unexpected()),
    }
}

async fn resolve<E: Env>(
    _: Operator,
    caller: Caller,
    State(api): State<Api<E>>,
    Path(finding): Path<Hash>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<SettleBody>,
) -> Result<Response, Problem> {
    let resolved = body.into_event(key(&caller, &headers)?, finding)?;
    let Answer::Written(id) = ask(&api, Call::Settle(resolved)).await? else {
        return Err(unexpected());
    };
    Ok((StatusCode::CREATED, Json(json!({ "resolved": id.to_string() }))).into_response())
}

async fn stalls<E: Env>(_: Operator, State(api): State<Api<E>>) -> Result<Json<Value>, Problem> {
    let Answer::Stalls(stalls) = ask(&api, Call::Stalls).await? else { return Err(unexpected()) };
    let stalls: Vec<Value> = stalls
        .iter()
        .map(|stall| {
            json!({
                "stall": stall.stall.to_string(),
                "name": stall.name,
                "merchant": stall.merchant,
                "events": stall.events,
                "behind": stall.behind,
                "connected": stall.connected,
                "last_seen_ms": stall.last_seen_ms,
                "revoked": stall.revoked,
                "disputed": stall.disputed,
            })
        })
        .collect();
    Ok(Json(json!({ "stalls": stalls })))
}

async fn status<E: Env>(_: Operator, State(api): State<Api<E>>) -> Result<Json<Value>, Problem> {
    let Answer::Status(status) = ask(&api, Call::Status).await? else { return Err(unexpected()) };
    let Json(stalls) = stalls(Operator, State(api.clone())).await?;
    let forks: Vec<Value> = status
        .forks
        .iter()
        .map(|fork| {
            json!({
                "id": fork.id.to_string(),
                "device": fork.log.device.to_string(),
                "lane": fork.log.lane,
                "after_seq": fork.parent.seq,
                "proven": fork.proven,
            })
        })
        .collect();
    Ok(Json(json!({
        "device": status.device.to_string(),
        "name": status.name,
        "role": "control",
        "tenant": status.tenant.to_string(),
        "vector": status.vector.to_string(),
        "events": status.events,
        "halted": status.halted,
        "stalls": stalls["stalls"],
        "forks": forks,
        "disputed": status.disputed,
        "wire": api.calls.paths().wire_bytes(),
    })))
}

async fn digest<E: Env>(_: Operator, State(api): State<Api<E>>) -> Result<Json<Value>, Problem> {
    let (Answer::Digests(rows), Answer::Status(status)) =
        (ask(&api, Call::Digests).await?, ask(&api, Call::Status).await?)
    else {
        return Err(unexpected());
    };
    let digests: Vec<DigestEntry> = rows.into_iter().map(DigestEntry::from).collect();
    Ok(Json(json!({ "vector": status.vector.to_string(), "digests": digests })))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EventsQuery {
    after: Option<String>,
    limit: Option<usize>,
}

async fn events<E: Env>(
    _: Operator,
    State(api): State<Api<E>>,
    Query(query): Query<EventsQuery>,
) -> Result<Json<Value>, Problem> {
    let after: Option<EventId> = match query.after {
        None => None,
        Some(text) => Some(text.parse().map_err(|_| {
            Problem::malformed(format!("after {text:?} is not an event id; copy `next` whole"))
        })?),
    };
    let limit = query.limit.unwrap_or(EVENTS_PAGE_MAX).clamp(1, EVENTS_PAGE_MAX);
    let page = move |store: &dyn Read| shell::export::events(store, after.as_ref(), limit);
    let (events, next) = from_snapshot(api.library.store.clone(), page).await?;
    Ok(Json(json!({ "events": events, "next": next })))
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
        Ok(Answer::Refused(error)) => Err(match &error {
            CallError::UnknownDevice(_) => Problem::not_found(error.to_string()),
            CallError::Refused(refusal) => shell::refusal::problem(refusal),
            CallError::Catalogue(CatalogueError::Edit(_)) => Problem::malformed(error.to_string()),
            _ => Problem::halted(error.to_string()),
        }),
        Ok(answer) => Ok(answer),
        Err(stopping) => Err(Problem::stopping(stopping.to_string())),
    }
}

fn unexpected() -> Problem {
    // Calls and answers are paired in the core; this is for the compiler.
    Problem::stopping("the daemon answered another question; try again")
}

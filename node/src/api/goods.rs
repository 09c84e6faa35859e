//! Goods: sent, taken in, brought back, lost, set aside and counted.
//!
//! Fields are checked here for what they are, and in `engine::decide` for what they say.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::post;
use axum::{Json, Router};
use engine::event::{
    CountLine, GoodsDispatched, GoodsLine, GoodsReserved, GoodsReturned, GoodsSpoiled,
    GoodsTakenIn, ReservationReleased, StockCounted,
};
use engine::ids::{DeviceId, Epoch};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shell::access::Caller;
use shell::extract::{JsonBody, Path};
use shell::problem::Problem;
use transport::env::Env;

use super::{Api, ask, dto, key, time, unexpected, write};
use crate::core::{Answer, Call, Movement, Request, Written};

/// The routes of goods.
pub fn routes<E: Env>() -> Router<Api<E>> {
    Router::new()
        .route("/v1/goods/dispatches", post(dispatch::<E>))
        .route("/v1/goods/taken-in", post(take_in::<E>))
        .route("/v1/goods/returned", post(give_back::<E>))
        .route("/v1/goods/spoiled", post(spoil::<E>))
        .route("/v1/goods/reservations", post(reserve::<E>))
        .route("/v1/goods/reservations/{id}/release", post(release::<E>))
        .route("/v1/counts", post(begin_count::<E>))
        .route("/v1/counts/finish", post(finish_count::<E>))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    sku: String,
    quantity: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DispatchBody {
    at: String,
    to: DeviceId,
    #[serde(default)]
    reference: String,
    lines: Vec<Line>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TakenInBody {
    at: String,
    dispatch: String,
    lines: Vec<Line>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReturnedBody {
    at: String,
    #[serde(default)]
    reference: String,
    lines: Vec<Line>,
    resaleable: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SpoiledBody {
    at: String,
    #[serde(default)]
    reason: String,
    lines: Vec<Line>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReservationBody {
    at: String,
    until: String,
    #[serde(default)]
    reference: String,
    lines: Vec<Line>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReleaseBody {
    at: String,
}

/// Where a count began: what starting one answers, and finishing it repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaceBody {
    /// The epoch of the last event before the count.
    pub epoch: Epoch,
    /// Its sequence number; 0 where the log was empty.
    pub seq: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CountBody {
    at: String,
    start: PlaceBody,
    lines: Vec<Counted>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Counted {
    sku: String,
    counted: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NoBody {}

async fn dispatch<E: Env>(
    caller: Caller,
    State(api): State<Api<E>>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<DispatchBody>,
) -> Result<Response, Problem> {
    let goods = GoodsDispatched {
        key: key(&caller, &headers)?,
        at_ms: time::time("at", &body.at)?.ms,
        to: body.to,
        reference: body.reference,
        lines: lines(body.lines),
    };
    state(&api, Movement::Dispatched(goods), "dispatch").await
}

async fn take_in<E: Env>(
    caller: Caller,
    State(api): State<Api<E>>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<TakenInBody>,
) -> Result<Response, Problem> {
    let goods = GoodsTakenIn {
        key: key(&caller, &headers)?,
        at_ms: time::time("at", &body.at)?.ms,
        dispatch: dto::event_id("dispatch", &body.dispatch)?,
        lines: lines(body.lines),
    };
    state(&api, Movement::TakenIn(goods), "taken_in").await
}

async fn give_back<E: Env>(
    caller: Caller,
    State(api): State<Api<E>>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<ReturnedBody>,
) -> Result<Response, Problem> {
    let goods = GoodsReturned {
        key: key(&caller, &headers)?,
        at_ms: time::time("at", &body.at)?.ms,
        reference: body.reference,
        lines: lines(body.lines),
        resaleable: body.resaleable,
    };
    state(&api, Movement::Returned(goods), "returned").await
}

async fn spoil<E: Env>(
    caller: Caller,
    State(api): State<Api<E>>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<SpoiledBody>,
) -> Result<Response, Problem> {
    let goods = GoodsSpoiled {
        key: key(&caller, &headers)?,
        at_ms: time::time("at", &body.at)?.ms,
        reason: body.reason,
        lines: lines(body.lines),
    };
    state(&api, Movement::Spoiled(goods), "spoiled").await
}

async fn reserve<E: Env>(
    caller: Caller,
    State(api): State<Api<E>>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<ReservationBody>,
) -> Result<Response, Problem> {
    let goods = GoodsReserved {
        key: key(&caller, &headers)?,
        at_ms: time::time("at", &body.at)?.ms,
        until_ms: time::time("until", &body.until)?.ms,
        reference: body.reference,
        lines: lines(body.lines),
    };
    state(&api, Movement::Reserved(goods), "reservation").await
}

async fn release<E: Env>(
    caller: Caller,
    State(api): State<Api<E>>,
    headers: HeaderMap,
    Path(id): Path<String>,
    JsonBody(body): JsonBody<ReleaseBody>,
) -> Result<Response, Problem> {
    let release = ReservationReleased {
        key: key(&caller, &headers)?,
        at_ms: time::time("at", &body.at)?.ms,
        reservation: dto::event_id("reservation", &id)?,
    };
    state(&api, Movement::Released(release), "released").await
}

async fn begin_count<E: Env>(
    _: Caller,
    State(api): State<Api<E>>,
    JsonBody(NoBody {}): JsonBody<NoBody>,
) -> Result<Json<Value>, Problem> {
    match ask(&api, Call::BeginCount).await? {
        Answer::Place(place) => {
            Ok(Json(json!({ "start": PlaceBody { epoch: place.epoch, seq: place.seq } })))
        }
        other => Err(unexpected(&other)),
    }
}

async fn finish_count<E: Env>(
    caller: Caller,
    State(api): State<Api<E>>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<CountBody>,
) -> Result<Response, Problem> {
    let take = StockCounted {
        key: key(&caller, &headers)?,
        at_ms: time::time("at", &body.at)?.ms,
        start_epoch: body.start.epoch,
        start_seq: body.start.seq,
        lines: body.lines.into_iter().map(counted).collect(),
    };
    write(&api, Request::Goods(Movement::Counted(take)), |written| {
        let lines: Vec<Value> = written.counted.iter().map(found).collect();
        json!({ "count": written.id.to_string(), "lines": lines })
    })
    .await
}

/// States a movement; its id is answered under `name`.
async fn state<E: Env>(api: &Api<E>, movement: Movement, name: &str) -> Result<Response, Problem> {
    let body = |written: &Written| json!({ name: written.id.to_string() });
    write(api, Request::Goods(movement), body).await
}

fn lines(lines: Vec<Line>) -> Vec<GoodsLine> {
    let line = |line: Line| GoodsLine { sku: line.sku, quantity: line.quantity };
    lines.into_iter().map(line).collect()
}

/// A line whose book the core fills in.
fn counted(line: Counted) -> CountLine {
    CountLine { sku: line.sku, counted: line.counted, book: 0 }
}

fn found(line: &CountLine) -> Value {
    let (sku, counted, book) = (&line.sku, line.counted, line.book);
    let variance = line.variance().clamp(i64::MIN.into(), i64::MAX.into()) as i64;
    json!({ "sku": sku, "counted": counted, "book": book, "variance": variance })
}

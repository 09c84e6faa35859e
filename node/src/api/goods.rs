//! Goods: sent, taken in, brought back, lost, set aside and counted.
//!
//! Fields are checked here for what they are, and in `engine::decide` for what they say.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use engine::event::{
    CountLine, GoodsDispatched, GoodsLine, GoodsReserved, GoodsReturned, GoodsSpoiled,
    GoodsTakenIn, ReservationReleased, StockCounted,
};
use engine::ids::{DeviceId, Epoch};
use serde::{Deserialize, Serialize};
use shell::access::Caller;
use shell::extract::{JsonBody, Path};
use shell::idempotency::key;
use shell::openapi::{IdempotencyKey, Routes};
use shell::problem::Problem;
use transport::env::Env;
use utoipa::ToSchema;

use super::dto::GoodsLineBody as Line;
use super::{Api, ask, dto, time, unexpected, write};
use crate::core::{Answer, Call, Movement, Request, Written};

/// The calls about goods that write, and the beginning of a count.
pub(super) fn routes<E: Env>() -> Routes<Api<E>> {
    Routes::default()
        .call(__path_dispatch, dispatch::<E>)
        .call(__path_take_in, take_in::<E>)
        .call(__path_give_back, give_back::<E>)
        .call(__path_spoil, spoil::<E>)
        .call(__path_reserve, reserve::<E>)
        .call(__path_release, release::<E>)
        .call(__path_begin_count, begin_count::<E>)
        .call(__path_finish_count, finish_count::<E>)
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DispatchBody {
    /// When, as the till's clock shows it: RFC 3339 with the local offset; the stall's time in UTC
    /// if left out.
    #[schema(example = "2017-01-01T10:00:00+01:00")]
    at: Option<String>,
    /// The device of the stall that they go to.
    #[schema(value_type = String)]
    to: DeviceId,
    /// A note's number, for whom, or nothing.
    #[serde(default)]
    reference: String,
    /// At most 500 lines.
    lines: Vec<Line>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TakenInBody {
    /// When, as the till's clock shows it: RFC 3339 with the local offset; the stall's time in UTC
    /// if left out.
    #[schema(example = "2017-01-01T10:00:00+01:00")]
    at: Option<String>,
    /// The dispatch, an event id.
    dispatch: String,
    /// At most 500 lines.
    lines: Vec<Line>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ReturnedBody {
    /// When, as the till's clock shows it: RFC 3339 with the local offset; the stall's time in UTC
    /// if left out.
    #[schema(example = "2017-01-01T10:00:00+01:00")]
    at: Option<String>,
    /// A note's number, for whom, or nothing.
    #[serde(default)]
    reference: String,
    /// At most 500 lines.
    lines: Vec<Line>,
    /// Whether it goes back on the shelf.
    resaleable: bool,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SpoiledBody {
    /// When, as the till's clock shows it: RFC 3339 with the local offset; the stall's time in UTC
    /// if left out.
    #[schema(example = "2017-01-01T10:00:00+01:00")]
    at: Option<String>,
    /// Why, in words, or nothing.
    #[serde(default)]
    reason: String,
    /// At most 500 lines.
    lines: Vec<Line>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ReservationBody {
    /// When, as the till's clock shows it: RFC 3339 with the local offset; the stall's time in UTC
    /// if left out.
    #[schema(example = "2017-01-01T10:00:00+01:00")]
    at: Option<String>,
    /// When it is let go of: RFC 3339 with the local offset, at most 31 days ahead.
    #[schema(example = "2017-01-01T12:00:00+01:00")]
    until: String,
    /// A note's number, for whom, or nothing.
    #[serde(default)]
    reference: String,
    /// At most 500 lines.
    lines: Vec<Line>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ReleaseBody {
    /// When, as the till's clock shows it: RFC 3339 with the local offset; the stall's time in UTC
    /// if left out.
    #[schema(example = "2017-01-01T10:00:00+01:00")]
    at: Option<String>,
}

/// Where a count began: what starting one answers, and finishing it repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlaceBody {
    /// The epoch of the last event before the count.
    #[schema(value_type = String)]
    pub epoch: Epoch,
    /// Its sequence number; 0 where the log was empty.
    pub seq: u64,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CountBody {
    /// When, as the till's clock shows it: RFC 3339 with the local offset; the stall's time in UTC
    /// if left out.
    #[schema(example = "2017-01-01T10:00:00+01:00")]
    at: Option<String>,
    /// Where it began: what starting it answered.
    start: PlaceBody,
    /// 1 to 500 lines, each SKU once.
    #[schema(min_items = 1, max_items = 500)]
    lines: Vec<CountLineBody>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CountLineBody {
    /// What was counted.
    #[schema(example = "1004906")]
    sku: String,
    /// Thousandths that lay there.
    #[schema(example = 9000)]
    counted: u64,
}

/// Where a count begins.
#[derive(Debug, Serialize, ToSchema)]
struct BeginCountAnswer {
    /// The place to finish it with.
    start: PlaceBody,
}

/// A count that stands.
#[derive(Debug, Serialize, ToSchema)]
struct CountAnswer {
    /// Its event's id.
    count: String,
    /// What it found.
    lines: Vec<FoundLine>,
}

/// What a count found, in thousandths.
#[derive(Debug, Serialize, ToSchema)]
struct FoundLine {
    /// The SKU.
    sku: String,
    /// What was counted.
    counted: u64,
    /// What the book said where the count began.
    book: i64,
    /// Counted less book.
    variance: i64,
}

macro_rules! answers {
    ($($name:ident $field:ident $what:literal;)*) => {
        $(
            #[doc = $what]
            #[derive(Debug, Serialize, ToSchema)]
            struct $name {
                /// Its event's id.
                $field: String,
            }

            impl $name {
                fn new(written: &Written) -> Self {
                    Self { $field: written.id.to_string() }
                }
            }
        )*
    };
}

answers! {
    DispatchAnswer dispatch "A dispatch that stands.";
    TakenInAnswer taken_in "A taking-in that stands.";
    ReturnedAnswer returned "A return that stands.";
    SpoiledAnswer spoiled "A loss that stands.";
    ReservationAnswer reservation "A reservation that stands.";
    ReleasedAnswer released "A release that stands.";
}

/// Sends goods to another stall
#[utoipa::path(post, path = "/v1/goods/dispatches", tag = "till", params(IdempotencyKey),
    request_body = DispatchBody, responses((status = 201, body = DispatchAnswer)))]
async fn dispatch<E: Env>(
    caller: Caller,
    State(api): State<Api<E>>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<DispatchBody>,
) -> Result<Response, Problem> {
    let goods = GoodsDispatched {
        key: key(&caller, &headers)?,
        at_ms: time::time_or_stall("at", body.at.as_deref())?.ms,
        to: body.to,
        reference: body.reference,
        lines: lines(body.lines),
    };
    write(&api, Request::Goods(Movement::Dispatched(goods)), DispatchAnswer::new).await
}

/// Takes in what another stall sent
#[utoipa::path(post, path = "/v1/goods/taken-in", tag = "till", params(IdempotencyKey),
    request_body = TakenInBody, responses((status = 201, body = TakenInAnswer)))]
async fn take_in<E: Env>(
    caller: Caller,
    State(api): State<Api<E>>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<TakenInBody>,
) -> Result<Response, Problem> {
    let goods = GoodsTakenIn {
        key: key(&caller, &headers)?,
        at_ms: time::time_or_stall("at", body.at.as_deref())?.ms,
        dispatch: dto::event_id("dispatch", &body.dispatch)?,
        lines: lines(body.lines),
    };
    write(&api, Request::Goods(Movement::TakenIn(goods)), TakenInAnswer::new).await
}

/// Takes back goods outside of a refund
#[utoipa::path(post, path = "/v1/goods/returned", tag = "till", params(IdempotencyKey),
    request_body = ReturnedBody, responses((status = 201, body = ReturnedAnswer)))]
async fn give_back<E: Env>(
    caller: Caller,
    State(api): State<Api<E>>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<ReturnedBody>,
) -> Result<Response, Problem> {
    let goods = GoodsReturned {
        key: key(&caller, &headers)?,
        at_ms: time::time_or_stall("at", body.at.as_deref())?.ms,
        reference: body.reference,
        lines: lines(body.lines),
        resaleable: body.resaleable,
    };
    write(&api, Request::Goods(Movement::Returned(goods)), ReturnedAnswer::new).await
}

/// Writes off goods that are lost
#[utoipa::path(post, path = "/v1/goods/spoiled", tag = "till", params(IdempotencyKey),
    request_body = SpoiledBody, responses((status = 201, body = SpoiledAnswer)))]
async fn spoil<E: Env>(
    caller: Caller,
    State(api): State<Api<E>>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<SpoiledBody>,
) -> Result<Response, Problem> {
    let goods = GoodsSpoiled {
        key: key(&caller, &headers)?,
        at_ms: time::time_or_stall("at", body.at.as_deref())?.ms,
        reason: body.reason,
        lines: lines(body.lines),
    };
    write(&api, Request::Goods(Movement::Spoiled(goods)), SpoiledAnswer::new).await
}

/// Sets goods aside
#[utoipa::path(post, path = "/v1/goods/reservations", tag = "till", params(IdempotencyKey),
    request_body = ReservationBody, responses((status = 201, body = ReservationAnswer)))]
async fn reserve<E: Env>(
    caller: Caller,
    State(api): State<Api<E>>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<ReservationBody>,
) -> Result<Response, Problem> {
    let goods = GoodsReserved {
        key: key(&caller, &headers)?,
        at_ms: time::time_or_stall("at", body.at.as_deref())?.ms,
        until_ms: time::time("until", &body.until)?.ms,
        reference: body.reference,
        lines: lines(body.lines),
    };
    write(&api, Request::Goods(Movement::Reserved(goods)), ReservationAnswer::new).await
}

/// Lets go of a reservation
#[utoipa::path(post, path = "/v1/goods/reservations/{id}/release", tag = "till",
    params(IdempotencyKey, ("id" = String, Path, description = "the reservation")),
    request_body = ReleaseBody, responses((status = 201, body = ReleasedAnswer)))]
async fn release<E: Env>(
    caller: Caller,
    State(api): State<Api<E>>,
    headers: HeaderMap,
    Path(id): Path<String>,
    JsonBody(body): JsonBody<ReleaseBody>,
) -> Result<Response, Problem> {
    let release = ReservationReleased {
        key: key(&caller, &headers)?,
        at_ms: time::time_or_stall("at", body.at.as_deref())?.ms,
        reservation: dto::event_id("reservation", &id)?,
    };
    write(&api, Request::Goods(Movement::Released(release)), ReleasedAnswer::new).await
}

/// Says where a stock-take begins; writes nothing
#[utoipa::path(post, path = "/v1/counts", tag = "till",
    responses((status = 200, body = BeginCountAnswer)))]
async fn begin_count<E: Env>(
    _: Caller,
    State(api): State<Api<E>>,
) -> Result<Json<BeginCountAnswer>, Problem> {
    match ask(&api, Call::BeginCount).await? {
        Answer::Place(place) => {
            let start = PlaceBody { epoch: place.epoch, seq: place.seq };
            Ok(Json(BeginCountAnswer { start }))
        }
        other => Err(unexpected(&other)),
    }
}

/// States what a stock-take found
#[utoipa::path(post, path = "/v1/counts/finish", tag = "till", params(IdempotencyKey),
    request_body = CountBody, responses((status = 201, body = CountAnswer)))]
async fn finish_count<E: Env>(
    caller: Caller,
    State(api): State<Api<E>>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<CountBody>,
) -> Result<Response, Problem> {
    let take = StockCounted {
        key: key(&caller, &headers)?,
        at_ms: time::time_or_stall("at", body.at.as_deref())?.ms,
        start_epoch: body.start.epoch,
        start_seq: body.start.seq,
        lines: body.lines.into_iter().map(counted).collect(),
    };
    write(&api, Request::Goods(Movement::Counted(take)), |written| {
        let lines = written.counted.iter().map(found).collect();
        CountAnswer { count: written.id.to_string(), lines }
    })
    .await
}

fn lines(lines: Vec<Line>) -> Vec<GoodsLine> {
    let line = |line: Line| GoodsLine { sku: line.sku, quantity: line.quantity };
    lines.into_iter().map(line).collect()
}

/// A line whose book the core fills in.
fn counted(line: CountLineBody) -> CountLine {
    CountLine { sku: line.sku, counted: line.counted, book: 0 }
}

fn found(line: &CountLine) -> FoundLine {
    let variance = line.variance().clamp(i64::MIN.into(), i64::MAX.into()) as i64;
    FoundLine { sku: line.sku.clone(), counted: line.counted, book: line.book, variance }
}

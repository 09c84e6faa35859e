//! The calls about cash and receipts: cash that moves, shifts, the close of a day, another copy of
//! a receipt. HTTP in, calls to the core, HTTP out; it decides nothing.

use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use engine::books;
use engine::books::money;
use engine::event::{
    CashDirection, CashMoved, DayClosed, ReceiptReprinted, ShiftClosed, ShiftOpened,
};
use engine::ids::EventId;
use serde::Deserialize;
use serde_json::{Value, json};
use shell::access::Caller;
use shell::extract::JsonBody;
use shell::problem::Problem;
use shell::read::{from_snapshot, money as report};
use transport::env::Env;

use super::time::{self, LocalTime};
use super::{Api, dto, key, written};
use crate::core::{CashRequest, OPEN_SHIFT, Request, Written};

/// The routes of these calls.
pub(super) fn routes<E: Env>() -> Router<Api<E>> {
    Router::new()
        .route("/v1/cash", post(cash::<E>))
        .route("/v1/shifts/open", post(open_shift::<E>))
        .route("/v1/shifts/close", post(close_shift::<E>))
        .route("/v1/days/close", post(close_day::<E>))
        .route("/v1/receipts/reprint", post(reprint::<E>))
}

/// When something happened, and for which day it counts.
struct When {
    at: LocalTime,
    business_day: i32,
}

fn when(at: &str, business_day: Option<&str>) -> Result<When, Problem> {
    let at = time::time("at", at)?;
    Ok(When { at, business_day: time::day(business_day, at)? })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CashBody {
    at: String,
    business_day: Option<String>,
    direction: CashDirection,
    amount: i64,
    #[serde(default)]
    reason: String,
}

async fn cash<E: Env>(
    caller: Caller,
    State(api): State<Api<E>>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<CashBody>,
) -> Result<Response, Problem> {
    let When { at, business_day } = when(&body.at, body.business_day.as_deref())?;
    let moved = CashMoved {
        key: key(&caller, &headers)?,
        at_ms: at.ms,
        business_day,
        currency: market(&api)?,
        direction: body.direction,
        amount: body.amount,
        reason: body.reason,
    };
    let (written, id) = state(&api, CashRequest::Moved(moved)).await?;
    Ok(answer(&written, json!({ "cash": id })))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OpenBody {
    at: String,
    business_day: Option<String>,
    #[serde(default)]
    cashier: String,
    float: i64,
}

async fn open_shift<E: Env>(
    caller: Caller,
    State(api): State<Api<E>>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<OpenBody>,
) -> Result<Response, Problem> {
    let When { at, business_day } = when(&body.at, body.business_day.as_deref())?;
    let opened = ShiftOpened {
        key: key(&caller, &headers)?,
        at_ms: at.ms,
        business_day,
        currency: market(&api)?,
        cashier: body.cashier,
        float: body.float,
    };
    let (written, id) = state(&api, CashRequest::OpenShift(opened)).await?;
    Ok(answer(&written, json!({ "shift": id })))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CloseShiftBody {
    at: String,
    shift: Option<String>,
    counted: i64,
}

async fn close_shift<E: Env>(
    caller: Caller,
    State(api): State<Api<E>>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<CloseShiftBody>,
) -> Result<Response, Problem> {
    let shift = body.shift.as_deref().map(|text| dto::event_id("shift", text));
    let closed = ShiftClosed {
        key: key(&caller, &headers)?,
        at_ms: time::time("at", &body.at)?.ms,
        shift: shift.transpose()?.unwrap_or(OPEN_SHIFT),
        counted: body.counted,
        expected: 0,
    };
    let (written, id) = state(&api, CashRequest::CloseShift(closed)).await?;
    Ok(answer(&written, found(&written, json!({ "shift_closed": id }))))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CloseDayBody {
    at: String,
    business_day: Option<String>,
    counted: i64,
}

async fn close_day<E: Env>(
    caller: Caller,
    State(api): State<Api<E>>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<CloseDayBody>,
) -> Result<Response, Problem> {
    let When { at, business_day } = when(&body.at, body.business_day.as_deref())?;
    let closed = DayClosed {
        key: key(&caller, &headers)?,
        at_ms: at.ms,
        business_day,
        currency: market(&api)?,
        counted: body.counted,
        expected: 0,
    };
    let (written, id) = state(&api, CashRequest::CloseDay(closed)).await?;
    let log = written.id.log;
    let read = from_snapshot(api.library.store.clone(), move |store| {
        let Some(log) = money::log_of(store, &log)? else { return Ok((Vec::new(), Vec::new())) };
        let totals = report::totals(store, log.device, business_day)?;
        Ok((totals, report::open_shifts(store, log.device, business_day)?))
    });
    let (totals, open) = read.await?;
    let mut body = found(&written, json!({ "day_closed": id }));
    body["business_day"] = json!(report::day_text(business_day));
    body["totals"] = json!(totals);
    body["open_shifts"] = json!(open);
    Ok(answer(&written, body))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReprintBody {
    at: String,
    document: String,
}

async fn reprint<E: Env>(
    caller: Caller,
    State(api): State<Api<E>>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<ReprintBody>,
) -> Result<Response, Problem> {
    let document: EventId = dto::event_id("document", &body.document)?;
    let asked = ReceiptReprinted {
        key: key(&caller, &headers)?,
        at_ms: time::time("at", &body.at)?.ms,
        document,
    };
    let (written, id) = state(&api, CashRequest::Reprint(asked)).await?;
    let read = from_snapshot(api.library.store.clone(), move |store| {
        let names = books::names(store)?;
        let document = money::document(store, &document)?;
        document.map(|document| report::content(store, &document, &names)).transpose()
    });
    let receipt = read.await?;
    Ok(answer(&written, json!({ "reprint": id, "copy": written.copy, "receipt": receipt })))
}

fn market<E: Env>(api: &Api<E>) -> Result<[u8; 3], Problem> {
    dto::currency("the market's currency", &api.library.currency)
}

/// States a fact; gives what stands and its id in text.
async fn state<E: Env>(api: &Api<E>, request: CashRequest) -> Result<(Written, String), Problem> {
    let written = written(api, Request::Cash(request)).await?;
    Ok((written, written.id.to_string()))
}

/// Adds what a close found.
fn found(written: &Written, mut body: Value) -> Value {
    if let Some((expected, counted)) = written.found {
        body["expected"] = json!(expected);
        body["counted"] = json!(counted);
        body["difference"] = json!(i128::from(counted) - i128::from(expected));
    }
    body
}

fn answer(written: &Written, body: Value) -> Response {
    super::answer(written, (StatusCode::CREATED, Json(body)).into_response())
}

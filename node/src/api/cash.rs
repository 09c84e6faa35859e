//! The calls about cash and receipts: cash that moves, shifts, the close of a day, another copy of
//! a receipt. HTTP in, calls to the core, HTTP out; it decides nothing.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use engine::books;
use engine::books::money;
use engine::event::{
    CashDirection, CashMoved, DayClosed, ReceiptReprinted, ShiftClosed, ShiftOpened,
};
use engine::ids::EventId;
use serde::Deserialize;
use shell::access::Caller;
use shell::extract::JsonBody;
use shell::openapi::{IdempotencyKey, Routes};
use shell::problem::Problem;
use shell::read::{View, documents, money as report};
use transport::env::Env;
use utoipa::ToSchema;

use super::answers::{
    CashAnswer, DayCloseAnswer, Found, ReprintAnswer, ShiftAnswer, ShiftCloseAnswer,
};
use super::time::{self, LocalTime};
use super::{Api, answer, dto, key, written};
use crate::core::{CashRequest, OPEN_SHIFT, Request, Written};

/// The routes of these calls.
pub(super) fn routes<E: Env>() -> Routes<Api<E>> {
    Routes::default()
        .call(__path_cash, cash::<E>)
        .call(__path_open_shift, open_shift::<E>)
        .call(__path_close_shift, close_shift::<E>)
        .call(__path_close_day, close_day::<E>)
        .call(__path_reprint, reprint::<E>)
}

/// When something happened, and for which day it counts.
struct When {
    at: LocalTime,
    business_day: i32,
}

fn when(at: Option<&str>, business_day: Option<&str>) -> Result<When, Problem> {
    let at = time::time_or_stall("at", at)?;
    Ok(When { at, business_day: time::day(business_day, at)? })
}

/// Cash that moves
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CashBody {
    at: Option<String>,
    business_day: Option<String>,
    #[schema(value_type = String, example = "paid-in")]
    direction: CashDirection,
    amount: i64,
    #[serde(default)]
    reason: String,
}

/// Moves cash into or out of the drawer of the till that asks
#[utoipa::path(post, path = "/v1/cash", tag = "till", params(IdempotencyKey),
    request_body = CashBody, responses((status = 201, body = CashAnswer)))]
async fn cash<E: Env>(
    caller: Caller,
    State(api): State<Api<E>>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<CashBody>,
) -> Result<Response, Problem> {
    let When { at, business_day } = when(body.at.as_deref(), body.business_day.as_deref())?;
    let moved = CashMoved {
        key: key(&caller, &headers)?,
        at_ms: at.ms,
        business_day,
        currency: market(&api)?,
        direction: body.direction,
        amount: body.amount,
        reason: body.reason,
    };
    let (written, cash) = state(&api, CashRequest::Moved(moved)).await?;
    Ok(answer(&written, CashAnswer { cash }))
}

/// A shift to open
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OpenBody {
    at: Option<String>,
    business_day: Option<String>,
    #[serde(default)]
    cashier: String,
    float: i64,
}

/// Opens a shift at the till that asks
#[utoipa::path(post, path = "/v1/shifts/open", tag = "till", params(IdempotencyKey),
    request_body = OpenBody, responses((status = 201, body = ShiftAnswer)))]
async fn open_shift<E: Env>(
    caller: Caller,
    State(api): State<Api<E>>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<OpenBody>,
) -> Result<Response, Problem> {
    let When { at, business_day } = when(body.at.as_deref(), body.business_day.as_deref())?;
    let opened = ShiftOpened {
        key: key(&caller, &headers)?,
        at_ms: at.ms,
        business_day,
        currency: market(&api)?,
        cashier: body.cashier,
        float: body.float,
    };
    let (written, shift) = state(&api, CashRequest::OpenShift(opened)).await?;
    Ok(answer(&written, ShiftAnswer { shift }))
}

/// A shift to close
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CloseShiftBody {
    at: Option<String>,
    shift: Option<String>,
    counted: i64,
}

/// Closes a shift: its drawer was counted
#[utoipa::path(post, path = "/v1/shifts/close", tag = "till", params(IdempotencyKey),
    request_body = CloseShiftBody, responses((status = 201, body = ShiftCloseAnswer)))]
async fn close_shift<E: Env>(
    caller: Caller,
    State(api): State<Api<E>>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<CloseShiftBody>,
) -> Result<Response, Problem> {
    let shift = body.shift.as_deref().map(|text| dto::event_id("shift", text));
    let closed = ShiftClosed {
        key: key(&caller, &headers)?,
        at_ms: time::time_or_stall("at", body.at.as_deref())?.ms,
        shift: shift.transpose()?.unwrap_or(OPEN_SHIFT),
        counted: body.counted,
        expected: 0,
    };
    let (written, shift_closed) = state(&api, CashRequest::CloseShift(closed)).await?;
    let Found { expected, counted, difference } = Found::of(&written);
    Ok(answer(&written, ShiftCloseAnswer { shift_closed, expected, counted, difference }))
}

/// A business day to close
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CloseDayBody {
    at: Option<String>,
    business_day: Option<String>,
    counted: i64,
}

/// Closes a business day of the stall
#[utoipa::path(post, path = "/v1/days/close", tag = "till", params(IdempotencyKey),
    request_body = CloseDayBody, responses((status = 201, body = DayCloseAnswer)))]
async fn close_day<E: Env>(
    caller: Caller,
    State(api): State<Api<E>>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<CloseDayBody>,
) -> Result<Response, Problem> {
    if body.at.is_none() && body.business_day.is_none() {
        // Today by the stall's clock in UTC may be tomorrow here, and no close is taken back.
        let which = "name the day to close, in business_day or by the local time in at";
        return Err(Problem::bad_time(which));
    }
    let When { at, business_day } = when(body.at.as_deref(), body.business_day.as_deref())?;
    let closed = DayClosed {
        key: key(&caller, &headers)?,
        at_ms: at.ms,
        business_day,
        currency: market(&api)?,
        counted: body.counted,
        expected: 0,
    };
    let (written, day_closed) = state(&api, CashRequest::CloseDay(closed)).await?;
    // The stall may have filled it in.
    let business_day = written.closed_day.unwrap_or(business_day);
    let log = written.id.log;
    let read = api.library.read(move |view: &View<'_>| {
        let store = view.store;
        let Some(log) = money::log_of(store, &log)? else { return Ok((Vec::new(), Vec::new())) };
        let totals = report::totals(store, &[log.scope], log.device, business_day)?;
        Ok((totals, report::open_shifts(store, &[log.scope], log.device, business_day)?))
    });
    let (totals, open_shifts) = read.await?.body;
    let business_day = report::day_text(business_day);
    let Found { expected, counted, difference } = Found::of(&written);
    let body = DayCloseAnswer {
        day_closed,
        business_day,
        expected,
        counted,
        difference,
        totals,
        open_shifts,
    };
    Ok(answer(&written, body))
}

/// A receipt to print again
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReprintBody {
    at: Option<String>,
    document: String,
}

/// Counts a copy of a receipt, and answers what it says
#[utoipa::path(post, path = "/v1/receipts/reprint", tag = "till", params(IdempotencyKey),
    request_body = ReprintBody, responses((status = 201, body = ReprintAnswer)))]
async fn reprint<E: Env>(
    caller: Caller,
    State(api): State<Api<E>>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<ReprintBody>,
) -> Result<Response, Problem> {
    let document: EventId = dto::event_id("document", &body.document)?;
    let asked = ReceiptReprinted {
        key: key(&caller, &headers)?,
        at_ms: time::time_or_stall("at", body.at.as_deref())?.ms,
        document,
    };
    let (written, reprint) = state(&api, CashRequest::Reprint(asked)).await?;
    let read = api.library.read(move |view: &View<'_>| {
        let store = view.store;
        let names = books::names(store)?;
        match money::document(store, &document)? {
            Some(document) => documents::content(store, &document, &names),
            None => Ok(None),
        }
    });
    let receipt = read.await?.body;
    Ok(answer(&written, ReprintAnswer { reprint, copy: written.copy, receipt }))
}

fn market<E: Env>(api: &Api<E>) -> Result<[u8; 3], Problem> {
    dto::currency("the market's currency", &api.library.currency)
}

/// States a fact; gives what stands and its id in text.
async fn state<E: Env>(api: &Api<E>, request: CashRequest) -> Result<(Written, String), Problem> {
    let written = written(api, Request::Cash(request)).await?;
    let id = written.id.to_string();
    Ok((written, id))
}

//! The read calls about money: sums by hour, SKU, tender and stall; drawers, shifts, closed days.
//! Both daemons have them.
//!
//! Answers are sorted by a key in text, by which their pages go on.

use std::collections::BTreeMap;

use axum::extract::{FromRef, State};
use engine::books::{
    self,
    money::{self, Currency, Filter},
};
use engine::ids::DeviceId;
use engine::projections::Projection;
use engine::replica::rebuild::is_whole;
use engine::store::{Read, ReadError};
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::IntoParams;

use super::{Library, View};
use crate::access::{Access, Caller};
use crate::answer::At;
use crate::extract::Query;
use crate::limits::MONEY_PAGE_MAX;
use crate::openapi::Routes;
use crate::problem::Problem;

/// The routes of the read calls about money.
pub fn routes<S>() -> Routes<S>
where
    S: Clone + Send + Sync + 'static,
    Access: FromRef<S>,
    Library: FromRef<S>,
{
    Routes::default()
        .call(__path_by_hour, by_hour)
        .call(__path_by_sku, by_sku)
        .call(__path_by_tender, by_tender)
        .call(__path_by_stall, by_stall)
        .call(__path_drawers, drawers)
        .call(__path_shifts, shifts)
        .call(__path_days, days)
}

/// What is asked for: business days, a stall, a page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Asked {
    /// The first business day, as in 2017-01-01
    from: Option<String>,
    /// The last business day
    to: Option<String>,
    /// One stall's device
    stall: Option<String>,
    /// Begins after this: `next` of the page before
    after: Option<String>,
    /// Items in the page; 1,000 if left out, and at most
    #[param(minimum = 0)]
    limit: Option<usize>,
    /// Of shifts: those that nothing has closed, or the others
    open: Option<bool>,
}

impl Asked {
    fn filter(&self) -> Result<Filter, Problem> {
        let from = self.from.as_deref().map_or(Ok(i32::MIN), |text| day("from", text))?;
        let to = self.to.as_deref().map_or(Ok(i32::MAX), |text| day("to", text))?;
        let stall = self.stall.as_deref().map(|text| {
            text.parse().map_err(|_| {
                Problem::malformed(format!("stall {text:?} is not a device id; copy it whole"))
            })
        });
        Ok(Filter { days: (from, to), stall: stall.transpose()? })
    }
}

fn day(field: &str, text: &str) -> Result<i32, Problem> {
    let epoch = jiff::civil::date(1970, 1, 1);
    let days = text.parse::<Date>().ok().and_then(|date| date.since(epoch).ok());
    days.map(|span| span.get_days()).ok_or_else(|| {
        Problem::bad_time(format!("{field} {text:?} is not a date, as in 2017-01-01"))
    })
}

/// A business day in text; as a number where no calendar has it.
pub fn day_text(day: i32) -> String {
    let date = jiff::Span::new().try_days(day).ok();
    let date = date.and_then(|span| jiff::civil::date(1970, 1, 1).checked_add(span).ok());
    date.map_or_else(|| day.to_string(), |date| date.to_string())
}

/// A currency in text.
pub fn currency_text(code: Currency) -> String {
    String::from_utf8_lossy(&code).into_owned()
}

/// Items by the key that pages go on by.
type Items = BTreeMap<String, Value>;

/// What a report reads beside the rows.
struct Names(BTreeMap<DeviceId, String>);

impl Names {
    fn of(&self, stall: &DeviceId) -> Option<&String> {
        self.0.get(stall)
    }
}

/// Reads a report, and answers with one page of it.
async fn page(
    library: Library,
    asked: Asked,
    needs: &'static [Projection],
    report: fn(&dyn Read, &Filter, &Names, &Asked) -> Result<Items, ReadError>,
) -> Result<At<Value>, Problem> {
    let filter = asked.filter()?;
    let limit = asked.limit.unwrap_or(MONEY_PAGE_MAX).clamp(1, MONEY_PAGE_MAX);
    let read = library.read(move |view: &View<'_>| {
        for projection in needs {
            if !is_whole(view.store, *projection)? {
                return Ok(Err(projection.name()));
            }
        }
        let names = Names(books::names(view.store)?);
        let mut items = report(view.store, &filter, &names, &asked)?;
        if let Some(after) = &asked.after {
            items.retain(|key, _| key > after);
        }
        let more = items.len() > limit;
        let next = items.keys().nth(limit - 1).filter(|_| more).cloned();
        let items: Vec<Value> = items.into_values().take(limit).collect();
        let vector = view.vector.to_string();
        Ok(Ok(json!({ "vector": vector, "items": items, "next": next })))
    });
    let At { vector, body } = read.await?;
    Ok(At { vector, body: whole(body)? })
}

/// The answer of books that are whole; a refusal naming those that are not.
pub(super) fn whole<T>(read: Result<T, &'static str>) -> Result<T, Problem> {
    read.map_err(|name| {
        Problem::rebuilding(format!("the {name} books are being rebuilt; try again"))
    })
}

/// Sales by local hour
#[utoipa::path(get, path = "/v1/sales/by-hour", tag = "books", params(Asked),
    responses((status = 200, body = Value)))]
async fn by_hour(
    _: Caller,
    State(library): State<Library>,
    Query(asked): Query<Asked>,
) -> Result<At<Value>, Problem> {
    page(library, asked, &[Projection::Hours], |store, filter, _, _| {
        let hours = money::by_hour(store, filter)?.into_iter();
        Ok(hours
            .map(|((code, hour), sums)| {
                let currency = currency_text(code);
                let item = json!({ "currency": currency, "hour": hour, "baskets": sums.baskets,
                "amount": sums.amount });
                (format!("{currency}/{hour:02}"), item)
            })
            .collect())
    })
    .await
}

/// Sales by SKU
#[utoipa::path(get, path = "/v1/sales/by-sku", tag = "books", params(Asked),
    responses((status = 200, body = Value)))]
async fn by_sku(
    _: Caller,
    State(library): State<Library>,
    Query(asked): Query<Asked>,
) -> Result<At<Value>, Problem> {
    page(library, asked, &[Projection::Items], |store, filter, _, _| {
        let items = money::by_sku(store, filter)?.into_iter();
        Ok(items
            .map(|((code, sku), item)| {
                let currency = currency_text(code);
                let mut body = json!(item);
                body["sku"] = json!(sku);
                body["currency"] = json!(currency);
                body["net"] = json!(item.net());
                (format!("{currency}/{sku}"), body)
            })
            .collect())
    })
    .await
}

/// Payments by kind
#[utoipa::path(get, path = "/v1/sales/by-tender", tag = "books", params(Asked),
    responses((status = 200, body = Value)))]
async fn by_tender(
    _: Caller,
    State(library): State<Library>,
    Query(asked): Query<Asked>,
) -> Result<At<Value>, Problem> {
    page(library, asked, &[Projection::Tenders], |store, filter, _, _| {
        let kinds = money::by_tender(store, filter)?.into_iter();
        Ok(kinds
            .map(|((code, kind), paid)| {
                let currency = currency_text(code);
                let mut body = json!(paid);
                body["kind"] = json!(kind);
                body["currency"] = json!(currency);
                body["net"] = json!(paid.net());
                (format!("{currency}/{}", kind as u8), body)
            })
            .collect())
    })
    .await
}

/// Sales by stall
#[utoipa::path(get, path = "/v1/sales/by-stall", tag = "books", params(Asked),
    responses((status = 200, body = Value)))]
async fn by_stall(
    _: Caller,
    State(library): State<Library>,
    Query(asked): Query<Asked>,
) -> Result<At<Value>, Problem> {
    page(library, asked, &[Projection::Sales], |store, filter, names, _| {
        let stalls = money::by_stall(store, filter)?.into_iter();
        Ok(stalls
            .map(|((code, stall), sums)| {
                let currency = currency_text(code);
                let mut body = json!(super::Totals::from(sums));
                body["stall"] = json!(stall.to_string());
                body["name"] = json!(names.of(&stall));
                body["currency"] = json!(currency);
                (format!("{currency}/{stall}"), body)
            })
            .collect())
    })
    .await
}

/// Cash drawers by stall, business day and till
#[utoipa::path(get, path = "/v1/drawers", tag = "books", params(Asked),
    responses((status = 200, body = Value)))]
async fn drawers(
    _: Caller,
    State(library): State<Library>,
    Query(asked): Query<Asked>,
) -> Result<At<Value>, Problem> {
    page(library, asked, &[Projection::Drawers], |store, filter, names, _| {
        let drawers = money::drawers(store, filter)?.into_iter();
        Ok(drawers
            .map(|((day, till), drawer)| {
                let (date, currency) = (day_text(day.business_day), currency_text(day.currency));
                let mut body = json!(drawer);
                body["expected"] = json!(drawer.expected());
                body["stall"] = json!(day.stall.to_string());
                body["name"] = json!(names.of(&day.stall));
                body["till"] = json!(till);
                body["business_day"] = json!(date);
                body["currency"] = json!(currency);
                (format!("{date}/{}/{currency}/{till}", day.stall), body)
            })
            .collect())
    })
    .await
}

/// Shifts and what closed them
#[utoipa::path(get, path = "/v1/shifts", tag = "books", params(Asked),
    responses((status = 200, body = Value)))]
async fn shifts(
    _: Caller,
    State(library): State<Library>,
    Query(asked): Query<Asked>,
) -> Result<At<Value>, Problem> {
    page(library, asked, &[Projection::Drawers], |store, filter, names, asked| {
        let mut out = Items::new();
        for row in money::shifts(store, filter)? {
            if asked.open.is_some_and(|open| open != row.shift.closes.is_empty()) {
                continue;
            }
            let Some(opened) = money::shift_opened(store, &row.id)? else { continue };
            let closes = row.shift.closes.iter().map(|close| {
                json!({ "event": close.event.to_string(), "counted": close.counted,
                    "expected": close.expected,
                    "difference": i128::from(close.counted) - i128::from(close.expected) })
            });
            let date = day_text(row.business_day);
            let body = json!({
                "shift": row.id.to_string(),
                "stall": row.stall.to_string(),
                "name": names.of(&row.stall),
                "till": opened.key.till,
                "cashier": opened.cashier,
                "business_day": date,
                "opened_ms": opened.at_ms,
                "currency": currency_text(opened.currency),
                "float": row.shift.float,
                "open": row.shift.closes.is_empty(),
                "closes": closes.collect::<Vec<_>>(),
            });
            out.insert(format!("{date}/{}/{}", row.stall, row.id), body);
        }
        Ok(out)
    })
    .await
}

/// Closed business days
#[utoipa::path(get, path = "/v1/days", tag = "books", params(Asked),
    responses((status = 200, body = Value)))]
async fn days(
    _: Caller,
    State(library): State<Library>,
    Query(asked): Query<Asked>,
) -> Result<At<Value>, Problem> {
    page(library, asked, &[Projection::Days, Projection::Sales], |store, filter, names, _| {
        let mut out = Items::new();
        for ((stall, day), closes) in money::closed_days(store, filter)? {
            let closes = closes.iter().map(|(id, closed)| {
                json!({ "event": id.to_string(), "currency": currency_text(closed.currency),
                    "counted": closed.counted, "expected": closed.expected,
                    "difference": i128::from(closed.counted) - i128::from(closed.expected) })
            });
            let date = day_text(day);
            let body = json!({
                "stall": stall.to_string(),
                "name": names.of(&stall),
                "business_day": date,
                "closes": closes.collect::<Vec<_>>(),
                "totals": totals(store, stall, day)?,
            });
            out.insert(format!("{date}/{stall}"), body);
        }
        Ok(out)
    })
    .await
}

/// The sums of a stall's day, for each currency.
pub fn totals(store: &dyn Read, stall: DeviceId, day: i32) -> Result<Vec<Value>, ReadError> {
    let filter = Filter { days: (day, day), stall: Some(stall) };
    let sums = money::by_stall(store, &filter)?.into_iter();
    Ok(sums
        .map(|((code, _), sums)| {
            let mut body = json!(super::Totals::from(sums));
            body["currency"] = json!(currency_text(code));
            body
        })
        .collect())
}

/// The shifts of a stall's day that nothing has closed.
pub fn open_shifts(store: &dyn Read, stall: DeviceId, day: i32) -> Result<Vec<String>, ReadError> {
    let filter = Filter { days: (day, day), stall: Some(stall) };
    let shifts = money::shifts(store, &filter)?.into_iter();
    let open = shifts.filter(|row| row.shift.closes.is_empty());
    Ok(open.map(|row| row.id.to_string()).collect())
}

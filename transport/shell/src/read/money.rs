//! The read calls about money: sums by hour, SKU, tender and stall; drawers, shifts, closed days.
//! Both daemons have them.
//!
//! Answers are sorted by a key in text, by which their pages go on.

pub mod body;

use std::collections::BTreeMap;

use axum::extract::{FromRef, State};
use engine::books::{
    self,
    money::{self, Filter},
};
use engine::ids::{DeviceId, Scope};
use engine::projections::Projection;
use engine::projections::sales::Sums;
use engine::replica::rebuild::is_whole;
use engine::store::{Read, ReadError};
use jiff::civil::Date;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Library, View};
use crate::access::{Access, Caller};
use crate::answer::At;
use crate::extract::Query;
use crate::limits::MONEY_PAGE_MAX;
use crate::openapi::Routes;
use crate::problem::Problem;
use body::{
    CurrencyTotals, DayClose, DayRow, DrawerRow, HourRow, ReportPage, ShiftClose, ShiftRow, SkuRow,
    StallRow, TenderRow, currency_text, difference,
};

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

type Bounds = ((i32, i32), Option<DeviceId>);

impl Asked {
    /// The days and the stall.
    fn bounds(&self) -> Result<Bounds, Problem> {
        let from = self.from.as_deref().map_or(Ok(i32::MIN), |text| day("from", text))?;
        let to = self.to.as_deref().map_or(Ok(i32::MAX), |text| day("to", text))?;
        let stall = self.stall.as_deref().map(|text| {
            text.parse().map_err(|_| {
                Problem::malformed(format!("stall {text:?} is not a device id; copy it whole"))
            })
        });
        Ok(((from, to), stall.transpose()?))
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

/// Items by the key that pages go on by.
type Items<T> = BTreeMap<String, T>;

/// What a report reads.
struct Source<'a> {
    store: &'a dyn Read,
    filter: Filter<'a>,
    names: BTreeMap<DeviceId, String>,
    asked: &'a Asked,
}

impl Source<'_> {
    fn name(&self, stall: &DeviceId) -> Option<String> {
        self.names.get(stall).cloned()
    }
}

/// Reads a report, and answers with one page of it.
async fn page<T: Send + 'static>(
    library: Library,
    asked: Asked,
    needs: &'static [Projection],
    report: fn(&Source<'_>) -> Result<Items<T>, ReadError>,
) -> Result<At<ReportPage<T>>, Problem> {
    let (days, stall) = asked.bounds()?;
    let limit = asked.limit.unwrap_or(MONEY_PAGE_MAX).clamp(1, MONEY_PAGE_MAX);
    let read = library.read(move |view: &View<'_>| {
        for projection in needs {
            if !is_whole(view.store, *projection)? {
                return Ok(Err(projection.name()));
            }
        }
        let filter = Filter { scopes: &view.scopes, days, stall };
        let names = books::names(view.store)?;
        let mut items = report(&Source { store: view.store, filter, names, asked: &asked })?;
        if let Some(after) = &asked.after {
            items.retain(|key, _| key > after);
        }
        let more = items.len() > limit;
        let next = items.keys().nth(limit - 1).filter(|_| more).cloned();
        let items = items.into_values().take(limit).collect();
        Ok(Ok(ReportPage { vector: view.vector.to_string(), items, next }))
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
    responses((status = 200, body = ReportPage<HourRow>)))]
async fn by_hour(
    _: Caller,
    State(library): State<Library>,
    Query(asked): Query<Asked>,
) -> Result<At<ReportPage<HourRow>>, Problem> {
    page(library, asked, &[Projection::Hours], |from| {
        let hours = money::by_hour(from.store, &from.filter)?.into_iter();
        Ok(hours
            .map(|((code, hour), sums)| {
                let currency = currency_text(code);
                let key = format!("{currency}/{hour:02}");
                (key, HourRow { currency, hour, baskets: sums.baskets, amount: sums.amount })
            })
            .collect())
    })
    .await
}

/// Sales by SKU
#[utoipa::path(get, path = "/v1/sales/by-sku", tag = "books", params(Asked),
    responses((status = 200, body = ReportPage<SkuRow>)))]
async fn by_sku(
    _: Caller,
    State(library): State<Library>,
    Query(asked): Query<Asked>,
) -> Result<At<ReportPage<SkuRow>>, Problem> {
    page(library, asked, &[Projection::Items], |from| {
        let items = money::by_sku(from.store, &from.filter)?.into_iter();
        Ok(items
            .map(|((code, sku), sums)| {
                let currency = currency_text(code);
                let key = format!("{currency}/{sku}");
                (key, SkuRow { currency, sku, sums, net: sums.net() })
            })
            .collect())
    })
    .await
}

/// Payments by kind
#[utoipa::path(get, path = "/v1/sales/by-tender", tag = "books", params(Asked),
    responses((status = 200, body = ReportPage<TenderRow>)))]
async fn by_tender(
    _: Caller,
    State(library): State<Library>,
    Query(asked): Query<Asked>,
) -> Result<At<ReportPage<TenderRow>>, Problem> {
    page(library, asked, &[Projection::Tenders], |from| {
        let kinds = money::by_tender(from.store, &from.filter)?.into_iter();
        Ok(kinds
            .map(|((code, kind), sums)| {
                let currency = currency_text(code);
                let key = format!("{currency}/{}", kind as u8);
                (key, TenderRow { currency, kind, sums, net: sums.net() })
            })
            .collect())
    })
    .await
}

/// Sales by stall
#[utoipa::path(get, path = "/v1/sales/by-stall", tag = "books", params(Asked),
    responses((status = 200, body = ReportPage<StallRow>)))]
async fn by_stall(
    _: Caller,
    State(library): State<Library>,
    Query(asked): Query<Asked>,
) -> Result<At<ReportPage<StallRow>>, Problem> {
    page(library, asked, &[Projection::Sales], |from| {
        let stalls = money::by_stall(from.store, &from.filter)?.into_iter();
        Ok(stalls
            .map(|((code, stall), sums)| {
                let currency = currency_text(code);
                let (key, name) = (format!("{currency}/{stall}"), from.name(&stall));
                (key, StallRow { currency, stall, name, totals: sums.into() })
            })
            .collect())
    })
    .await
}

/// Cash drawers by stall, business day and till
#[utoipa::path(get, path = "/v1/drawers", tag = "books", params(Asked),
    responses((status = 200, body = ReportPage<DrawerRow>)))]
async fn drawers(
    _: Caller,
    State(library): State<Library>,
    Query(asked): Query<Asked>,
) -> Result<At<ReportPage<DrawerRow>>, Problem> {
    page(library, asked, &[Projection::Drawers], |from| {
        let drawers = money::drawers(from.store, &from.filter)?.into_iter();
        Ok(drawers
            .map(|((day, till), sums)| {
                let (stall, business_day) = (day.stall, day_text(day.business_day));
                let (name, currency) = (from.name(&stall), currency_text(day.currency));
                let key = format!("{business_day}/{stall}/{currency}/{till}");
                let expected = sums.expected();
                (key, DrawerRow { stall, name, till, business_day, currency, sums, expected })
            })
            .collect())
    })
    .await
}

/// Shifts and what closed them
#[utoipa::path(get, path = "/v1/shifts", tag = "books", params(Asked),
    responses((status = 200, body = ReportPage<ShiftRow>)))]
async fn shifts(
    _: Caller,
    State(library): State<Library>,
    Query(asked): Query<Asked>,
) -> Result<At<ReportPage<ShiftRow>>, Problem> {
    page(library, asked, &[Projection::Drawers], |from| {
        let mut out = Items::new();
        for row in money::shifts(from.store, &from.filter)? {
            if from.asked.open.is_some_and(|open| open != row.shift.closes.is_empty()) {
                continue;
            }
            let Some(opened) = money::shift_opened(from.store, &row.id)? else { continue };
            let closes = row.shift.closes.iter().map(|close| ShiftClose {
                event: close.event.to_string(),
                counted: close.counted,
                expected: close.expected,
                difference: difference(close.counted, close.expected),
            });
            let business_day = day_text(row.business_day);
            let key = format!("{business_day}/{}/{}", row.stall, row.id);
            let body = ShiftRow {
                shift: row.id.to_string(),
                stall: row.stall,
                name: from.name(&row.stall),
                till: opened.key.till,
                cashier: opened.cashier,
                business_day,
                opened_ms: opened.at_ms,
                currency: currency_text(opened.currency),
                float: row.shift.float,
                open: row.shift.closes.is_empty(),
                closes: closes.collect(),
            };
            out.insert(key, body);
        }
        Ok(out)
    })
    .await
}

/// Closed business days
#[utoipa::path(get, path = "/v1/days", tag = "books", params(Asked),
    responses((status = 200, body = ReportPage<DayRow>)))]
async fn days(
    _: Caller,
    State(library): State<Library>,
    Query(asked): Query<Asked>,
) -> Result<At<ReportPage<DayRow>>, Problem> {
    page(library, asked, &[Projection::Days, Projection::Sales], |from| {
        let mut out = Items::new();
        for ((stall, day), closes) in money::closed_days(from.store, &from.filter)? {
            let closes = closes.iter().map(|(id, closed)| DayClose {
                event: id.to_string(),
                currency: currency_text(closed.currency),
                counted: closed.counted,
                expected: closed.expected,
                difference: difference(closed.counted, closed.expected),
            });
            let (name, business_day) = (from.name(&stall), day_text(day));
            let totals = totals(from.store, from.filter.scopes, stall, day)?;
            let (key, closes) = (format!("{business_day}/{stall}"), closes.collect());
            out.insert(key, DayRow { stall, name, business_day, closes, totals });
        }
        Ok(out)
    })
    .await
}

/// The sums of a stall's day among these merchants' sales, for each currency.
pub fn totals(
    store: &dyn Read,
    scopes: &[Scope],
    stall: DeviceId,
    day: i32,
) -> Result<Vec<CurrencyTotals>, ReadError> {
    let filter = Filter { scopes, days: (day, day), stall: Some(stall) };
    let sums = money::by_stall(store, &filter)?.into_iter();
    let row = |((code, _), sums): ((_, DeviceId), Sums)| CurrencyTotals {
        currency: currency_text(code),
        totals: sums.into(),
    };
    Ok(sums.map(row).collect())
}

/// The shifts of a stall's day for these merchants that nothing has closed.
pub fn open_shifts(
    store: &dyn Read,
    scopes: &[Scope],
    stall: DeviceId,
    day: i32,
) -> Result<Vec<String>, ReadError> {
    let filter = Filter { scopes, days: (day, day), stall: Some(stall) };
    let shifts = money::shifts(store, &filter)?.into_iter();
    let open = shifts.filter(|row| row.shift.closes.is_empty());
    Ok(open.map(|row| row.id.to_string()).collect())
}

//! The report of sales on old bundles.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use axum::extract::State;
use engine::books;
use engine::books::stale::{self, Question, Report, Stale};
use engine::hash::Hash;
use engine::ids::DeviceId;
use engine::projections::Projection;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use super::{Library, reading};
use crate::access::Caller;
use crate::answer::At;
use crate::extract::Query;
use crate::limits::STALE_ROWS_MAX;
use crate::problem::Problem;

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct StaleQuery {
    /// Whose; may be left out where there is one merchant
    merchant: Option<String>,
    /// The first business day, as in 2017-01-01
    from: Option<String>,
    /// The last business day
    to: Option<String>,
}

/// What sales on old bundles come to.
#[derive(Debug, Serialize)]
pub(super) struct StaleBody {
    vector: String,
    currency: String,
    total: Stale,
    stalls: Vec<StaleStall>,
    rows: Vec<StaleRow>,
    left_out: u64,
}

#[derive(Debug, Serialize)]
struct StaleStall {
    stall: DeviceId,
    name: Option<String>,
    #[serde(flatten)]
    sums: Stale,
}

#[derive(Debug, Serialize)]
struct StaleRow {
    stall: DeviceId,
    sku: String,
    #[serde(flatten)]
    sums: Stale,
}

/// Sales on an older bundle than was in force, and what that cost
#[utoipa::path(get, path = "/v1/prices/stale", tag = "books", params(StaleQuery),
    responses((status = 200, body = serde_json::Value)))]
pub(super) async fn sales(
    _: Caller,
    State(library): State<Library>,
    Query(query): Query<StaleQuery>,
) -> Result<At<StaleBody>, Problem> {
    let days = days(&query)?;
    let currency = library.currency.clone();
    let code = <[u8; 3]>::try_from(currency.as_bytes()).unwrap_or_default();
    let needs = &[Projection::Bundles, Projection::Reversals];
    let found = reading(library, query.merchant, needs, move |store, scope| {
        let names = books::names(store)?;
        let Some(scope) = scope else { return Ok((names, Report::default())) };
        let question = Question { scope, days, currency: code, rows_max: STALE_ROWS_MAX };
        Ok((names, stale::stale(store, &question)?))
    });
    let At { vector, body: (names, report) } = found.await?;
    Ok(At { vector, body: body(&vector, currency, &names, report) })
}

fn body(
    vector: &Hash,
    currency: String,
    names: &BTreeMap<DeviceId, String>,
    report: Report,
) -> StaleBody {
    let stall = |(stall, sums)| StaleStall { stall, name: names.get(&stall).cloned(), sums };
    let row = |((stall, sku), sums)| StaleRow { stall, sku, sums };
    StaleBody {
        vector: vector.to_string(),
        currency,
        total: report.total,
        stalls: report.stalls.into_iter().map(stall).collect(),
        rows: report.rows.into_iter().map(row).collect(),
        left_out: report.left_out,
    }
}

/// The business days asked for, since 1970-01-01; what is left out does not bound.
fn days(query: &StaleQuery) -> Result<RangeInclusive<i32>, Problem> {
    let day = |field: &str, text: &Option<String>, open: i32| match text {
        None => Ok(open),
        Some(text) => text.parse().ok().and_then(since_1970).ok_or_else(|| {
            Problem::bad_time(format!("{field} {text:?} is not a date, as in 2017-01-01"))
        }),
    };
    let (from, to) = (day("from", &query.from, i32::MIN)?, day("to", &query.to, i32::MAX)?);
    if from > to {
        return Err(Problem::bad_time("from is after to; turn them round"));
    }
    Ok(from..=to)
}

fn since_1970(date: Date) -> Option<i32> {
    Some(date.since(jiff::civil::date(1970, 1, 1)).ok()?.get_days())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(from: Option<&str>, to: Option<&str>, expect: Result<RangeInclusive<i32>, &str>) {
        let (from, to) = (from.map(str::to_owned), to.map(str::to_owned));
        let query = StaleQuery { from, to, ..StaleQuery::default() };
        assert_eq!(days(&query).map_err(|problem| problem.name), expect, "{query:?}");
    }

    #[test]
    fn days_are_dates_in_order_and_either_end_may_be_open() {
        check(None, None, Ok(i32::MIN..=i32::MAX));
        check(Some("1970-01-02"), Some("1970-02-01"), Ok(1..=31));
        check(Some("1969-12-31"), None, Ok(-1..=i32::MAX));
        check(Some("2017-01-02"), Some("2017-01-01"), Err("bad-time"));
        check(Some("2017-02-29"), None, Err("bad-time"));
        check(None, Some("today"), Err("bad-time"));
    }
}

//! Times and dates as tills write them: RFC 3339 with the local offset.

use jiff::civil::Date;
use jiff::fmt::temporal::Pieces;
use shell::problem::Problem;

/// A time with what the till's clock showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LocalTime {
    /// Milliseconds since 1970-01-01T00:00Z.
    pub ms: i64,
    /// Minutes east of UTC.
    pub offset_minutes: i16,
    /// The local date: days since 1970-01-01.
    pub date: i32,
}

/// Reads an RFC 3339 time with an offset.
pub(super) fn time(field: &str, text: &str) -> Result<LocalTime, Problem> {
    let bad = || {
        Problem::bad_time(format!(
            "{field} {text:?} is not an RFC 3339 time with an offset, as in \
             2017-01-01T10:00:00+01:00"
        ))
    };
    let pieces = Pieces::parse(text).map_err(|_| bad())?;
    let offset = pieces.to_numeric_offset().ok_or_else(bad)?;
    let (date, time) = (pieces.date(), pieces.time().ok_or_else(bad)?);
    let timestamp = offset.to_timestamp(date.to_datetime(time)).map_err(|_| bad())?;
    let minutes = offset.seconds() / 60;
    Ok(LocalTime {
        ms: timestamp.as_millisecond(),
        offset_minutes: i16::try_from(minutes).map_err(|_| bad())?,
        date: days(date).ok_or_else(bad)?,
    })
}

/// Reads a date; the local date of `default` when there is none.
pub(super) fn day(text: Option<&str>, default: LocalTime) -> Result<i32, Problem> {
    let Some(text) = text else { return Ok(default.date) };
    let date: Option<Date> = text.parse().ok();
    date.and_then(days).ok_or_else(|| {
        Problem::bad_time(format!("business_day {text:?} is not a date, as in 2017-01-01"))
    })
}

fn days(date: Date) -> Option<i32> {
    let epoch = jiff::civil::date(1970, 1, 1);
    Some(date.since(epoch).ok()?.get_days())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Option<(i64, i16, i32)>) {
        let found = time("at", text).ok();
        assert_eq!(found.map(|t| (t.ms, t.offset_minutes, t.date)), expect, "{text}");
    }

    #[test]
    fn the_local_date_is_the_tills_and_not_that_of_utc() {
        check("1970-01-02T00:30:00+01:00", Some((84_600_000, 60, 1)));
        check("1969-12-31T23:30:00-01:00", Some((1_800_000, -60, -1)));
    }

    #[test]
    fn a_time_without_an_offset_is_refused() {
        check("2017-01-01T10:00:00", None);
        check("2017-01-01", None);
        check("yesterday", None);
    }
}

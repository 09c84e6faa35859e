//! Times and dates as tills write them: RFC 3339 with the local offset. A time that is left out is
//! the stall's, which the core fills in.

use jiff::civil::Date;
use jiff::fmt::temporal::Pieces;
use shell::problem::Problem;

use crate::core::{STALL_DAY, STALL_TIME};

/// A time with what the till's clock showed; [`LocalTime::STALL`] where it showed none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LocalTime {
    /// Milliseconds since 1970-01-01T00:00Z.
    pub ms: i64,
    /// Minutes east of UTC.
    pub offset_minutes: i16,
    /// The local date: days since 1970-01-01.
    pub date: i32,
}

impl LocalTime {
    /// The stall's own time and day, whatever they are once the fact is stated.
    pub const STALL: Self = Self { ms: STALL_TIME, offset_minutes: 0, date: STALL_DAY };
}

/// Reads an RFC 3339 time with an offset, or leaves it to the stall.
pub(super) fn time_or_stall(field: &str, text: Option<&str>) -> Result<LocalTime, Problem> {
    text.map_or(Ok(LocalTime::STALL), |text| time(field, text))
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
    fn a_time_left_out_is_the_stalls_and_so_is_its_day() {
        let left_out = time_or_stall("at", None).unwrap();
        assert_eq!((left_out.ms, day(None, left_out).unwrap()), (STALL_TIME, STALL_DAY));
        assert_eq!(
            day(Some("1970-01-02"), left_out).unwrap(),
            1,
            "a day may be given all the same"
        );
        assert!(time_or_stall("at", Some("")).is_err());
    }

    #[test]
    fn a_time_without_an_offset_is_refused() {
        check("2017-01-01T10:00:00", None);
        check("2017-01-01", None);
        check("yesterday", None);
    }
}

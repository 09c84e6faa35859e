//! A place in one directory's feed, as clients keep it: `FEED-COUNT-CHECK`.
//!
//! `FEED` names the counting, `COUNT` is how many events have been seen, and `CHECK` is the
//! beginning of the last one's hash. So a cursor of another directory is told apart, and so is one
//! that a directory restored from a backup has not reached, or reached with other events.

use std::fmt;
use std::str::FromStr;

use engine::ids::EventId;
use engine::replica::arrivals::{self, Feed};
use engine::store::{Read, ReadError};

use crate::problem::Problem;

/// A place in a feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    feed: u64,
    count: u64,
    check: u32,
}

impl Cursor {
    /// Before the first event.
    pub fn start(feed: &Feed) -> Self {
        Self { feed: feed.id, count: 0, check: 0 }
    }

    /// After an event.
    pub fn after(feed: &Feed, count: u64, event: &EventId) -> Self {
        Self { feed: feed.id, count, check: check(event) }
    }

    /// How many events of the feed have been seen.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Whether it is a place in this feed.
    pub fn fits(&self, feed: &Feed, store: &dyn Read) -> Result<bool, ReadError> {
        if self.feed != feed.id {
            return Ok(false);
        }
        let expected = match self.count {
            0 => Some(0),
            count => arrivals::at(store, count)?.as_ref().map(check),
        };
        Ok(expected == Some(self.check))
    }

    /// The problem of a cursor that is a place in no feed, or in another.
    pub fn unknown(text: &str) -> Problem {
        Problem::unknown_cursor(format!(
            "the cursor {text:?} is of another directory, or of this one before it was restored; \
             read from the beginning, without a cursor"
        ))
    }
}

fn check(event: &EventId) -> u32 {
    let [a, b, c, d, ..] = event.hash.0;
    u32::from_be_bytes([a, b, c, d])
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{}-{:08x}", self.feed, self.count, self.check)
    }
}

impl FromStr for Cursor {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let mut parts = text.split('-');
        let feed = parts.next().and_then(|part| u64::from_str_radix(part, 16).ok());
        let count = parts.next().and_then(|part| part.parse().ok());
        let check = parts.next().and_then(|part| u32::from_str_radix(part, 16).ok());
        let read = |((feed, count), check)| Self { feed, count, check };
        let cursor = feed.zip(count).zip(check).map(read);
        // What is spelled otherwise was not copied whole.
        let same = cursor.filter(|cursor| parts.next().is_none() && cursor.to_string() == text);
        same.ok_or_else(|| {
            Problem::malformed(format!("{text:?} is not a cursor of a feed; copy it whole"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_was_written() {
        let cursor = Cursor { feed: 7, count: u64::MAX, check: 0xab };
        assert_eq!(cursor.to_string(), "0000000000000007-18446744073709551615-000000ab");
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
    }

    #[test]
    fn what_is_not_a_whole_cursor_is_malformed() {
        let feed = "0000000000000007";
        for text in [
            "",
            "-1",
            feed,
            &format!("{feed}-1"),
            &format!("{feed}-1-ab"),
            &format!("{feed}-+1-000000ab"),
            &format!("{feed}-01-000000ab"),
            &format!("{feed}-1-000000AB"),
            &format!("{feed}-1-000000ab-"),
            &format!("{feed}-18446744073709551616-000000ab"),
        ] {
            assert_eq!(text.parse::<Cursor>().map_err(|error| error.name), Err("malformed"));
        }
    }
}

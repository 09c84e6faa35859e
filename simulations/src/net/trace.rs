//! Mahimahi traces: when a link lets a packet pass, measured on a real one.
//!
//! The format is that of Mahimahi's `mm-link` (R. Netravali et al., "Mahimahi: Accurate
//! Record-and-Replay for HTTP", USENIX ATC 2015): text, one number a line, each the millisecond at
//! which 1,500 bytes may pass; numbers never decrease; the last one is the length of the trace,
//! after which it begins again. A millisecond that stands there twice lets 3,000 bytes pass. What
//! nobody uses is lost.
//!
//! It reads text that it is handed, opens no file, and makes no trace up.

use thiserror::Error;

use super::limits::{TRACE_BYTES_MAX, TRACE_LINES_MAX, TRACE_MS_MAX};

/// Why a text is no trace.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TraceError {
    /// More bytes than a run can hold.
    #[error(
        "{0} bytes are too many for a trace; {TRACE_BYTES_MAX} is the limit, so cut it shorter"
    )]
    TooLarge(usize),
    /// More lines than a run can hold.
    #[error("line {0}: too many for a trace; {TRACE_LINES_MAX} is the limit, so cut it shorter")]
    TooManyLines(usize),
    /// Something else than a number.
    #[error("line {line}: {found:?} is no whole number of milliseconds; give one number a line")]
    NotANumber {
        /// Counted from 1.
        line: usize,
        /// How it begins.
        found: String,
    },
    /// Time runs backwards.
    #[error("line {line}: {found} ms come before {before} ms of the line before; sort the lines")]
    Backwards {
        /// Counted from 1.
        line: usize,
        /// What it says.
        found: u64,
        /// What the line before says.
        before: u64,
    },
    /// Longer than a trace may be.
    #[error("line {line}: {found} ms are too late; {TRACE_MS_MAX} is the limit, so cut it shorter")]
    TooLate {
        /// Counted from 1.
        line: usize,
        /// What it says.
        found: u64,
    },
    /// Nothing in it.
    #[error("the trace is empty; give one number of milliseconds a line")]
    Empty,
    /// It would let everything pass at once, again and again.
    #[error("line {0}: the trace ends at 0 ms; its last line is its length and must be later")]
    NoLength(usize),
}

/// A trace: never empty, never decreasing, longer than 0 ms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    ms: Vec<u32>,
}

impl Trace {
    /// Reads a trace.
    pub fn parse(text: &[u8]) -> Result<Self, TraceError> {
        if text.len() > TRACE_BYTES_MAX {
            return Err(TraceError::TooLarge(text.len()));
        }
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        if text.is_empty() {
            return Err(TraceError::Empty);
        }
        let mut ms: Vec<u32> = Vec::new();
        for (line, text) in (1..).zip(text.split(|byte| *byte == b'\n')) {
            if line > TRACE_LINES_MAX {
                return Err(TraceError::TooManyLines(line));
            }
            let found = number(text).ok_or_else(|| not_a_number(line, text))?;
            let before = u64::from(ms.last().copied().unwrap_or_default());
            if found < before {
                return Err(TraceError::Backwards { line, found, before });
            }
            let too_late = TraceError::TooLate { line, found };
            let fits = u32::try_from(found).ok().filter(|_| found <= TRACE_MS_MAX);
            ms.push(fits.ok_or(too_late)?);
        }
        if ms.last() == Some(&0) {
            return Err(TraceError::NoLength(ms.len()));
        }
        Ok(Self { ms })
    }

    /// How long it is until it begins again, in milliseconds; never 0.
    pub fn length_ms(&self) -> u64 {
        u64::from(self.ms.last().copied().unwrap_or(1))
    }

    /// How many lines it has; never 0.
    pub fn lines(&self) -> u64 {
        self.ms.len() as u64
    }

    /// The first pass at or after `ms`, counted from 0 over all repetitions.
    pub(super) fn first_at(&self, ms: u64) -> u64 {
        // A repetition ends where the next begins; what may pass there belongs to both.
        let length = self.length_ms();
        let round = ms.saturating_sub(1) / length;
        let within = ms - round * length;
        let line = self.ms.partition_point(|at| u64::from(*at) < within);
        round * self.lines() + line as u64
    }

    /// When pass `number` is, in milliseconds.
    pub(super) fn ms_of(&self, number: u64) -> u64 {
        let (round, line) = (number / self.lines(), number % self.lines());
        let within = usize::try_from(line).ok().and_then(|line| self.ms.get(line)).copied();
        round * self.length_ms() + u64::from(within.unwrap_or_default())
    }
}

/// Digits, with blanks around them as some recorders write them.
fn number(text: &[u8]) -> Option<u64> {
    let digits = text.trim_ascii();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // More digits than fit are a number all the same, and too late.
    let value = |sum: u64, digit: &u8| sum.saturating_mul(10).saturating_add((digit - b'0').into());
    Some(digits.iter().fold(0, value))
}

fn not_a_number(line: usize, text: &[u8]) -> TraceError {
    let found = String::from_utf8_lossy(&text[..text.len().min(32)]).into_owned();
    TraceError::NotANumber { line, found }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&[u32], TraceError>) {
        assert_eq!(Trace::parse(text.as_bytes()).map(|trace| trace.ms), expected.map(Vec::from));
    }

    #[test]
    fn one_number_a_line_is_a_trace_with_or_without_a_last_line_end() {
        check("1\n5\n5\n9\n", Ok(&[1, 5, 5, 9]));
        check("0\r\n7", Ok(&[0, 7]));
    }

    #[test]
    fn whatever_else_is_refused_with_its_line() {
        let no_number = |line, found: &str| TraceError::NotANumber { line, found: found.into() };
        check("", Err(TraceError::Empty));
        check("\n", Err(TraceError::Empty));
        check("1\n\n3\n", Err(no_number(2, "")));
        check("1\n2.5\n", Err(no_number(2, "2.5")));
        check("-1\n", Err(no_number(1, "-1")));
        check("1\n2\nx2", Err(no_number(3, "x2")));
        check("3\n2\n", Err(TraceError::Backwards { line: 2, found: 2, before: 3 }));
        check("0\n0\n", Err(TraceError::NoLength(2)));
        check("1\n86400001\n", Err(TraceError::TooLate { line: 2, found: 86_400_001 }));
        let endless = "9".repeat(400);
        check(&endless, Err(TraceError::TooLate { line: 1, found: u64::MAX }));
        let long_word = "\u{e9}".repeat(400);
        check(&long_word, Err(no_number(1, &"\u{e9}".repeat(16))));
    }

    #[test]
    fn too_many_lines_are_refused_where_the_limit_is() {
        let text = "1\n".repeat(TRACE_LINES_MAX + 5);
        check(&text, Err(TraceError::TooManyLines(TRACE_LINES_MAX + 1)));
    }

    #[test]
    fn the_first_pass_after_a_time_is_the_one_that_a_walk_over_all_would_find() {
        for text in ["1\n5\n5\n9\n", "0\n0\n3\n", "7\n", "0\n1\n2\n4\n4\n"] {
            let trace = Trace::parse(text.as_bytes()).unwrap();
            for ms in 0..60 {
                let walked = (0..).find(|number| trace.ms_of(*number) >= ms).unwrap();
                assert_eq!(trace.first_at(ms), walked, "{text:?} at {ms} ms");
            }
        }
    }
}

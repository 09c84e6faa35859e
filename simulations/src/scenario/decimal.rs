//! A number with up to three decimals, kept exactly: seconds and factors of a scenario.
//!
//! No arithmetic is done on floats here: a float is read as the text that it prints as.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use super::limits::DECIMAL_MAX;

/// A number from 0 on, in thousandths. A file writes it as `3` or `2.5`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Decimal(u64);

/// What does not read as a [`Decimal`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0} is not a number from 0 to {DECIMAL_MAX} with at most three decimals, as in 2.5")]
pub struct BadDecimal(String);

impl Decimal {
    /// A whole number.
    pub const fn whole(number: u32) -> Self {
        Self(number as u64 * 1_000)
    }

    /// So many thousandths.
    pub const fn thousandths(number: u64) -> Self {
        Self(number)
    }

    /// In thousandths: milliseconds, if it is seconds.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The time, if it is seconds.
    pub const fn span(self) -> Duration {
        Duration::from_millis(self.0)
    }

    /// Whether it is nothing.
    pub const fn is_zero(&self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / 1_000, self.0 % 1_000);
        if rest == 0 {
            return write!(f, "{whole}");
        }
        let decimals = format!("{rest:03}");
        write!(f, "{whole}.{}", decimals.trim_end_matches('0'))
    }
}

impl FromStr for Decimal {
    type Err = BadDecimal;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || BadDecimal(text.chars().take(32).collect());
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !is_digits(whole) || !is_digits(decimals) || decimals.len() > 3 {
            return Err(bad());
        }
        let whole: u64 = whole.parse().map_err(|_| bad())?;
        let rest: u64 = format!("{decimals:0<3}").parse().map_err(|_| bad())?;
        if whole > DECIMAL_MAX { Err(bad()) } else { Ok(Self(whole * 1_000 + rest)) }
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_multiple_of(1_000) {
            return serializer.serialize_u64(self.0 / 1_000);
        }
        let float: f64 = self.to_string().parse().map_err(serde::ser::Error::custom)?;
        serializer.serialize_f64(float)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AsText)
    }
}

struct AsText;

impl Visitor<'_> for AsText {
    type Value = Decimal;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number with at most three decimals")
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Decimal, E> {
        number.to_string().parse().map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Decimal, E> {
        number.to_string().parse().map_err(E::custom)
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Decimal, E> {
        number.to_string().parse().map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<u64>) {
        assert_eq!(text.parse::<Decimal>().ok().map(Decimal::get), expected, "{text:?}");
    }

    #[test]
    fn up_to_three_decimals_are_read_exactly() {
        check("0", Some(0));
        check("7", Some(7_000));
        check("2.5", Some(2_500));
        check("0.001", Some(1));
        check("1000000000", Some(DECIMAL_MAX * 1_000));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", ".5", "5.", "-1", "+1", "1e3", "0.0001", "1000000001", "NaN", "1 "] {
            check(text, None);
        }
    }

    #[test]
    fn a_file_may_write_it_with_and_without_decimals() {
        let of = |json: &str| serde_json::from_str::<Decimal>(json).ok().map(Decimal::get);
        assert_eq!(of("3"), Some(3_000));
        assert_eq!(of("3.0"), Some(3_000));
        assert_eq!(of("0.125"), Some(125));
        assert_eq!(of("-3"), None);
        assert_eq!(of("0.12345"), None);
        assert_eq!(of("1e300"), None);
        assert_eq!(of("\"3\""), None);
    }

    #[test]
    fn what_is_written_is_read_again() {
        for thousandths in [0, 1, 10, 100, 999, 1_000, 86_400_123, DECIMAL_MAX * 1_000] {
            let number = Decimal::thousandths(thousandths);
            let json = serde_json::to_string(&number).unwrap();
            assert_eq!(serde_json::from_str::<Decimal>(&json).unwrap(), number, "{json}");
            assert_eq!(number.to_string().parse::<Decimal>().unwrap(), number);
        }
    }
}

//! Money, quantities and ages as people read them. Integers only.

use std::time::Duration;

/// The currencies of ISO 4217 whose minor unit is not a hundredth, with their decimal digits.
const DIGITS: &[(&str, u32)] = &[
    ("BHD", 3),
    ("BIF", 0),
    ("CLP", 0),
    ("DJF", 0),
    ("GNF", 0),
    ("IQD", 3),
    ("ISK", 0),
    ("JOD", 3),
    ("JPY", 0),
    ("KMF", 0),
    ("KRW", 0),
    ("KWD", 3),
    ("LYD", 3),
    ("OMR", 3),
    ("PYG", 0),
    ("RWF", 0),
    ("TND", 3),
    ("UGX", 0),
    ("UYI", 0),
    ("VND", 0),
    ("VUV", 0),
    ("XAF", 0),
    ("XOF", 0),
    ("XPF", 0),
];

/// The decimal digits of a currency's minor unit.
pub fn digits(currency: &str) -> u32 {
    DIGITS.iter().find(|(code, _)| *code == currency).map_or(2, |(_, digits)| *digits)
}

/// Minor units as in `1'234.50`, without the currency.
pub fn amount(minor: i128, currency: &str) -> String {
    let digits = digits(currency);
    let unit = 10_u128.pow(digits);
    let (whole, part) = (minor.unsigned_abs() / unit, minor.unsigned_abs() % unit);
    let sign = if minor < 0 { "-" } else { "" };
    match digits {
        0 => format!("{sign}{}", grouped(whole)),
        digits => format!("{sign}{}.{part:0width$}", grouped(whole), width = digits as usize),
    }
}

/// Minor units with their currency, as in `1'234.50 EUR`.
pub fn money(minor: i128, currency: &str) -> String {
    format!("{} {currency}", amount(minor, currency))
}

/// Thousandths, as in `3` or `1.5`.
pub fn quantity(thousandths: i128) -> String {
    let (whole, part) = (thousandths.unsigned_abs() / 1000, thousandths.unsigned_abs() % 1000);
    let sign = if thousandths < 0 { "-" } else { "" };
    match part {
        0 => format!("{sign}{}", grouped(whole)),
        part => {
            let part = format!("{part:03}");
            format!("{sign}{}.{}", grouped(whole), part.trim_end_matches('0'))
        }
    }
}

/// A count with its noun, as in `1 event` or `2 events`.
pub fn count(number: i128, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(number.unsigned_abs()))
}

/// How long ago, in the largest unit that says something.
pub fn age(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0..=99 => format!("{seconds} s"),
        100..=5_999 => format!("{} min", seconds / 60),
        6_000..=172_799 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

fn grouped(number: u128) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push('\'');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_has_the_digits_of_its_currency() {
        assert_eq!(money(123_450, "EUR"), "1'234.50 EUR");
        assert_eq!(money(5, "USD"), "0.05 USD");
        assert_eq!(money(-5, "USD"), "-0.05 USD");
        assert_eq!(money(1_500, "JPY"), "1'500 JPY");
        assert_eq!(money(1_500, "KWD"), "1.500 KWD");
        assert_eq!(money(i128::MIN, "USD").len(), 57);
    }

    #[test]
    fn a_quantity_shows_no_more_digits_than_it_has() {
        for (thousandths, text) in
            [(3_000, "3"), (1_500, "1.5"), (-250, "-0.25"), (1, "0.001"), (1_234_000, "1'234")]
        {
            assert_eq!(quantity(thousandths), text);
        }
    }

    #[test]
    fn an_age_is_in_its_largest_telling_unit() {
        for (seconds, text) in
            [(0, "0 s"), (99, "99 s"), (100, "1 min"), (7_200, "2 h"), (200_000, "2 days")]
        {
            assert_eq!(age(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn one_is_singular() {
        assert_eq!((count(1, "event"), count(0, "event")), ("1 event".into(), "0 events".into()));
    }
}

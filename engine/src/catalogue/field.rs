//! The fields of an item: their names, what each may hold, and their keys in the document.
//!
//! ```text
//! key                    value        meaning
//! name/SKU               text         what the till shows
//! name_pt_br/SKU         text         the same in one language
//! price/SKU              integer      minor units of the market's currency
//! gtin/SKU               text         the number in its barcode
//! unit/SKU               code         what a quantity counts in thousandths
//! tax/SKU                code         tax class
//! category/SKU           text         where people look for it
//! page/SKU               integer      page of a till's touch screen
//! position/SKU           integer      place on that page
//! policy/SKU             code         how its stock is kept from being oversold
//! withdrawn/SKU          true, false  no longer for sale
//! ```
//!
//! The field comes first, so that a SKU may hold any character, a slash included. This file
//! reads and writes no document.

use std::fmt;

use super::gtin::is_gtin;
use super::language::Language;
use super::limits::{
    CATEGORY_BYTES_MAX, CODE_BYTES_MAX, FIELD_BYTES_MAX, NAME_BYTES_MAX, PLACE_MAX, PRICE_MAX,
    SKU_BYTES_MAX,
};

/// Before the language in the key of a name.
const NAME_IN: &str = "name_";

/// What a quantity of an item counts; a quantity is in thousandths of it.
pub const UNITS: [&str; 7] = ["piece", "kg", "l", "m", "m2", "hour", "portion"];

/// A field that this version shows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// What the till shows where no language fits better.
    Name,
    /// The name in one language.
    NameIn(Language),
    /// Minor units of the market's currency.
    Price,
    /// The number in its barcode; see [`is_gtin`].
    Gtin,
    /// One of [`UNITS`].
    Unit,
    /// Tax class: a short code, as in `standard`, `reduced` or `zero`.
    Tax,
    /// Where people look for it.
    Category,
    /// Page of a till's touch screen, from 0.
    Page,
    /// Place on that page, from 0.
    Position,
    /// See [`super::Policy`].
    Policy,
    /// Whether it is off sale.
    Withdrawn,
}

/// A value that a field may hold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum Value {
    /// Text or a code.
    Text(String),
    /// An integer.
    Number(i64),
    /// Yes or no.
    Flag(bool),
}

impl Field {
    /// Every field but the names in languages.
    pub const PLAIN: [Field; 10] = [
        Field::Name,
        Field::Price,
        Field::Gtin,
        Field::Unit,
        Field::Tax,
        Field::Category,
        Field::Page,
        Field::Position,
        Field::Policy,
        Field::Withdrawn,
    ];

    /// Reads a field's name in a key.
    pub fn parse(name: &str) -> Option<Self> {
        if let Some(language) = name.strip_prefix(NAME_IN) {
            return Language::from_key(language).map(Field::NameIn);
        }
        Self::PLAIN.into_iter().find(|field| field.as_str() == name)
    }

    /// The field's name in keys, without a language.
    const fn as_str(&self) -> &'static str {
        match self {
            Field::Name | Field::NameIn(_) => "name",
            Field::Price => "price",
            Field::Gtin => "gtin",
            Field::Unit => "unit",
            Field::Tax => "tax",
            Field::Category => "category",
            Field::Page => "page",
            Field::Position => "position",
            Field::Policy => "policy",
            Field::Withdrawn => "withdrawn",
        }
    }

    /// Its key in the document.
    pub fn key(&self, sku: &str) -> String {
        match self {
            Field::NameIn(language) => format!("{NAME_IN}{}/{sku}", language.to_key()),
            _ => format!("{}/{sku}", self.as_str()),
        }
    }

    /// Whether a change may set the field to this value. Codes that this version does not
    /// know may come from a later one, so they pass.
    pub fn admits(&self, value: &Value) -> bool {
        match (self, value) {
            (Field::Name | Field::NameIn(_), Value::Text(text)) => is_text(text, NAME_BYTES_MAX),
            (Field::Price, Value::Number(price)) => (0..=PRICE_MAX).contains(price),
            (Field::Gtin, Value::Text(text)) => is_gtin(text),
            (Field::Unit | Field::Tax | Field::Policy, Value::Text(text)) => is_code(text),
            (Field::Category, Value::Text(text)) => is_text(text, CATEGORY_BYTES_MAX),
            (Field::Page | Field::Position, Value::Number(at)) => (0..=PLACE_MAX).contains(at),
            (Field::Withdrawn, Value::Flag(_)) => true,
            _ => false,
        }
    }

    /// Whether an edit of this version may set the field to this value.
    pub fn accepts(&self, value: &Value) -> bool {
        let known = match (self, value) {
            (Field::Unit, Value::Text(unit)) => UNITS.contains(&unit.as_str()),
            (Field::Policy, Value::Text(policy)) => super::Policy::parse(policy).is_some(),
            _ => true,
        };
        known && self.admits(value)
    }

    /// What the field may hold, in words.
    pub fn rule(&self) -> String {
        match self {
            Field::Name | Field::NameIn(_) => {
                format!("1 to {NAME_BYTES_MAX} bytes without control characters")
            }
            Field::Price => format!("0 to {PRICE_MAX} minor units"),
            Field::Gtin => "a GTIN of 8, 12, 13 or 14 digits whose last digit checks".to_owned(),
            Field::Unit => format!("one of {}", UNITS.join(", ")),
            Field::Tax => format!(
                "a code of 1 to {CODE_BYTES_MAX} lower-case letters, digits or hyphens, \
                 as in standard, reduced or zero"
            ),
            Field::Category => format!("1 to {CATEGORY_BYTES_MAX} bytes, none of them control"),
            Field::Page | Field::Position => format!("a number from 0 to {PLACE_MAX}"),
            Field::Policy => "custody or promise".to_owned(),
            Field::Withdrawn => "true or false".to_owned(),
        }
    }
}

/// As people write it: `name`, `name.pt-BR`, `price`.
impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Field::NameIn(language) => write!(f, "name.{language}"),
            _ => f.write_str(self.as_str()),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Text(text) => f.write_str(text),
            Value::Number(number) => write!(f, "{number}"),
            Value::Flag(flag) => write!(f, "{flag}"),
        }
    }
}

/// Splits a key of the document into field name and SKU; `None` when it is not one.
pub fn split_key(key: &str) -> Option<(&str, &str)> {
    let (field, sku) = key.split_once('/')?;
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let field_fits = (1..=FIELD_BYTES_MAX).contains(&field.len()) && field.bytes().all(plain);
    (field_fits && is_sku(sku)).then_some((field, sku))
}

/// Whether a string can name an item.
pub fn is_sku(sku: &str) -> bool {
    is_text(sku, SKU_BYTES_MAX)
}

fn is_text(text: &str, bytes_max: usize) -> bool {
    (1..=bytes_max).contains(&text.len()) && !text.chars().any(char::is_control)
}

fn is_code(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=CODE_BYTES_MAX).contains(&text.len()) && text.bytes().all(plain)
}

const _: () = assert!(NAME_IN.len() + super::limits::LANGUAGE_BYTES_MAX <= FIELD_BYTES_MAX);

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    #[test]
    fn every_field_is_read_back_from_its_key() {
        let german = Language::parse("de-AT").map(Field::NameIn);
        for field in Field::PLAIN.into_iter().chain(german) {
            let key = field.key("a/b");
            let (name, sku) = split_key(&key).unwrap();
            assert_eq!((Field::parse(name), sku), (Some(field), "a/b"), "{key}");
        }
    }

    #[test]
    fn a_sku_may_hold_a_slash() {
        let key = Field::Price.key("a/b/price");
        assert_eq!(split_key(&key), Some(("price", "a/b/price")));
    }

    #[test]
    fn a_key_without_field_or_sku_is_none() {
        for key in ["", "price", "price/", "/sku", "Price/sku", "pri ce/sku", "price/a\nb"] {
            assert_eq!(split_key(key), None, "{key:?}");
        }
        assert_eq!(split_key(&format!("price/{}", "x".repeat(SKU_BYTES_MAX + 1))), None);
        assert!(split_key(&format!("price/{}", "x".repeat(SKU_BYTES_MAX))).is_some());
    }

    #[test]
    fn a_value_of_another_type_or_out_of_bounds_is_not_admitted() {
        for (field, value) in [
            (Field::Name, text("")),
            (Field::Name, text(&"n".repeat(NAME_BYTES_MAX + 1))),
            (Field::Name, Value::Number(1)),
            (Field::Price, Value::Number(-1)),
            (Field::Price, Value::Number(PRICE_MAX + 1)),
            (Field::Price, text("1")),
            (Field::Gtin, text("4006381333932")),
            (Field::Gtin, Value::Number(96_385_074)),
            (Field::Unit, text("KG")),
            (Field::Tax, text("")),
            (Field::Tax, text("no spaces")),
            (Field::Tax, text(&"x".repeat(CODE_BYTES_MAX + 1))),
            (Field::Category, text("a\nb")),
            (Field::Page, Value::Number(-1)),
            (Field::Position, Value::Number(PLACE_MAX + 1)),
            (Field::Policy, Value::Flag(true)),
            (Field::Withdrawn, text("true")),
        ] {
            assert!(!field.admits(&value), "{field}: {value:?}");
            assert!(!field.accepts(&value), "{field}: {value:?}");
        }
    }

    #[test]
    fn a_code_of_a_later_version_is_admitted_and_not_written() {
        for field in [Field::Unit, Field::Policy] {
            assert!(field.admits(&text("later")), "{field}");
            assert!(!field.accepts(&text("later")), "{field}");
        }
        assert!(Field::Tax.accepts(&text("second-reduced")));
    }
}

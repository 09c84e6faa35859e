//! What one item of the catalogue is, and where its fields stand in the document.
//!
//! The document is one flat map at the root. Each field of each item is a scalar of its own:
//!
//! ```text
//! key                    value        meaning
//! name/4006381333931     text         what the till shows
//! price/4006381333931    integer      minor units of the market's currency
//! withdrawn/4006381...   true, false  no longer for sale
//! ```
//!
//! The field comes first, so that a SKU may hold any character, a slash included. There is
//! no map object per item: two stalls that create the same SKU apart would each make an
//! object, automerge would show one of them, and the fields of the other would be gone
//! without a trace. With flat keys they merge field by field and a clash shows as a
//! conflict of that field. A field of an unknown name is kept and not shown.
//!
//! This file reads and writes no document.

use super::limits::{
    CONFLICTS_SHOWN_MAX, FIELD_BYTES_MAX, NAME_BYTES_MAX, PRICE_MAX, SKU_BYTES_MAX,
};

/// What to set of one item; a field that is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ItemEdit {
    /// The item: 1 to [`SKU_BYTES_MAX`] bytes without control characters.
    pub sku: String,
    /// 1 to [`NAME_BYTES_MAX`] bytes without control characters.
    pub name: Option<String>,
    /// Minor units of the market's currency, 0 to [`PRICE_MAX`].
    pub price: Option<i64>,
    /// True takes the item off sale, false puts it back.
    pub withdrawn: Option<bool>,
}

/// One item as every replica with the same changes sees it.
///
/// Of values set concurrently one wins (the highest operation number, then the highest
/// actor); the clash stays in the `_conflicts` until somebody sets the field again.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Item {
    /// `None` when nobody named the item.
    pub name: Option<String>,
    /// Minor units of the market's currency; `None` when nobody priced the item.
    pub price: Option<i64>,
    /// Whether the item is off sale.
    pub withdrawn: bool,
    /// The distinct names set concurrently, the winner among them; sorted, empty without a
    /// conflict, the first [`CONFLICTS_SHOWN_MAX`] of them.
    pub name_conflicts: Vec<String>,
    /// The same for prices.
    pub price_conflicts: Vec<i64>,
}

/// The fields that this version shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Name,
    Price,
    Withdrawn,
}

/// A value that a field may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FieldValue {
    Name(String),
    Price(i64),
    Withdrawn(bool),
}

impl Field {
    pub(super) const ALL: [Field; 3] = [Field::Name, Field::Price, Field::Withdrawn];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Field::Name => "name",
            Field::Price => "price",
            Field::Withdrawn => "withdrawn",
        }
    }

    pub(super) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.as_str() == name)
    }

    pub(super) fn key(self, sku: &str) -> String {
        format!("{}/{sku}", self.as_str())
    }
}

impl FieldValue {
    /// Whether the value keeps the bounds of its field.
    pub(super) fn in_bounds(&self) -> bool {
        match self {
            FieldValue::Name(name) => is_text(name, NAME_BYTES_MAX),
            FieldValue::Price(price) => (0..=PRICE_MAX).contains(price),
            FieldValue::Withdrawn(_) => true,
        }
    }
}

impl ItemEdit {
    /// The fields this edit sets, in the order of their keys.
    pub(super) fn fields(&self) -> impl Iterator<Item = (Field, FieldValue)> {
        let name = self.name.clone().map(|name| (Field::Name, FieldValue::Name(name)));
        let price = self.price.map(|price| (Field::Price, FieldValue::Price(price)));
        let withdrawn = self.withdrawn.map(|off| (Field::Withdrawn, FieldValue::Withdrawn(off)));
        [name, price, withdrawn].into_iter().flatten()
    }

    /// Lets a later edit of the same item win, field by field.
    pub(super) fn absorb(&mut self, later: &ItemEdit) {
        self.name = later.name.clone().or(self.name.take());
        self.price = later.price.or(self.price);
        self.withdrawn = later.withdrawn.or(self.withdrawn);
    }
}

impl Item {
    /// Takes over all values that stand at one field, the winner last.
    pub(super) fn set(&mut self, values: Vec<FieldValue>) {
        let mut names = Vec::new();
        let mut prices = Vec::new();
        for value in values {
            match value {
                FieldValue::Name(name) => names.push(name),
                FieldValue::Price(price) => prices.push(price),
                FieldValue::Withdrawn(off) => self.withdrawn = off,
            }
        }
        if let Some(name) = names.last() {
            self.name = Some(name.clone());
            self.name_conflicts = conflicts(names);
        }
        if let Some(price) = prices.last() {
            self.price = Some(*price);
            self.price_conflicts = conflicts(prices);
        }
    }
}

/// Splits a key of the document into field name and SKU; `None` when it is not one.
pub(super) fn split_key(key: &str) -> Option<(&str, &str)> {
    let (field, sku) = key.split_once('/')?;
    let lower = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    let field_fits = (1..=FIELD_BYTES_MAX).contains(&field.len()) && field.bytes().all(lower);
    (field_fits && is_sku(sku)).then_some((field, sku))
}

/// Whether a string can name an item.
pub(super) fn is_sku(sku: &str) -> bool {
    is_text(sku, SKU_BYTES_MAX)
}

fn is_text(text: &str, bytes_max: usize) -> bool {
    (1..=bytes_max).contains(&text.len()) && !text.chars().any(char::is_control)
}

fn conflicts<T: Ord>(mut values: Vec<T>) -> Vec<T> {
    values.sort_unstable();
    values.dedup();
    if values.len() < 2 {
        return Vec::new();
    }
    values.truncate(CONFLICTS_SHOWN_MAX);
    values
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn the_same_value_set_twice_is_no_conflict() {
        let mut item = Item::default();
        item.set(vec![FieldValue::Price(5), FieldValue::Price(5)]);
        assert_eq!((item.price, item.price_conflicts.as_slice()), (Some(5), [].as_slice()));
    }

    #[test]
    fn conflicts_are_sorted_and_the_last_value_wins() {
        let mut item = Item::default();
        item.set([9, 3, 7].map(FieldValue::Price).to_vec());
        assert_eq!((item.price, item.price_conflicts), (Some(7), vec![3, 7, 9]));
    }

    #[test]
    fn of_many_conflicts_the_smallest_are_listed() {
        let mut item = Item::default();
        item.set((0..1_000).rev().map(FieldValue::Price).collect());
        let smallest: Vec<_> = (0..CONFLICTS_SHOWN_MAX as i64).collect();
        assert_eq!((item.price, item.price_conflicts), (Some(0), smallest));
    }

    #[test]
    fn a_later_edit_wins_field_by_field() {
        let mut edit = ItemEdit { price: Some(1), name: Some("a".into()), ..Default::default() };
        edit.absorb(&ItemEdit { price: Some(2), withdrawn: Some(true), ..Default::default() });
        assert_eq!((edit.price, edit.withdrawn), (Some(2), Some(true)));
        assert_eq!(edit.name.as_deref(), Some("a"));
    }
}

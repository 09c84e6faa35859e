//! What one item of the catalogue is, as read and as edited.
//!
//! There is no map object per item in the document: two stalls that create the same SKU apart
//! would each make an object, automerge would show one of them, and the fields of the other
//! would be gone without a trace. With flat keys they merge field by field and a clash shows
//! as a conflict of that field. A field of an unknown name is kept and not shown.
//!
//! This file reads and writes no document.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::field::{Field, Value};
use super::limits::{CONFLICT_BYTES_SHOWN_MAX, CONFLICTS_SHOWN_MAX, LANGUAGES_MAX};

/// What to set of one item; a field that is not named stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ItemEdit {
    /// The item: 1 to `SKU_BYTES_MAX` bytes without control characters.
    pub sku: String,
    /// The fields; `None` clears one.
    pub fields: BTreeMap<Field, Option<Value>>,
}

/// How an item's stock is kept from being oversold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Policy {
    /// A stall sells what lies there; nobody else is asked.
    #[default]
    Custody,
    /// A stall sells what it holds rights for (escrow).
    Promise,
}

/// One item as every replica with the same changes sees it.
///
/// Of values set concurrently one wins (the highest operation number, then the highest
/// actor); the clash stays in `conflicts` until somebody sets the field again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// `None` when nobody named the item.
    pub name: Option<String>,
    /// The name by language tag; the first [`LANGUAGES_MAX`].
    pub names: BTreeMap<String, String>,
    /// Minor units of the market's currency; `None` when nobody priced the item.
    pub price: Option<i64>,
    /// The number in its barcode.
    pub gtin: Option<String>,
    /// What its quantities count in thousandths; a piece where nobody said.
    pub unit: Option<String>,
    /// Tax class.
    pub tax: Option<String>,
    /// Where people look for it.
    pub category: Option<String>,
    /// Page of a till's touch screen.
    pub page: Option<u32>,
    /// Place on that page.
    pub position: Option<u32>,
    /// How its stock is kept from being oversold.
    pub policy: Policy,
    /// Whether the item is off sale.
    pub withdrawn: bool,
    /// By field, as [`Field`] is displayed: the distinct values set concurrently, the winner
    /// among them; sorted, the first [`CONFLICTS_SHOWN_MAX`] of them that take at most
    /// [`CONFLICT_BYTES_SHOWN_MAX`] bytes. Empty without a conflict.
    pub conflicts: BTreeMap<String, Vec<Value>>,
}

impl Policy {
    /// Reads its code.
    pub fn parse(code: &str) -> Option<Self> {
        [Policy::Custody, Policy::Promise].into_iter().find(|policy| policy.as_str() == code)
    }

    /// Its code.
    pub const fn as_str(self) -> &'static str {
        match self {
            Policy::Custody => "custody",
            Policy::Promise => "promise",
        }
    }
}

impl ItemEdit {
    /// An edit of an item that sets nothing yet.
    pub fn of(sku: impl Into<String>) -> Self {
        ItemEdit { sku: sku.into(), fields: BTreeMap::new() }
    }

    /// Sets a field as well.
    #[must_use]
    pub fn set(mut self, field: Field, value: Value) -> Self {
        self.fields.insert(field, Some(value));
        self
    }

    /// Sets a field to a text or a code as well.
    #[must_use]
    pub fn text(self, field: Field, text: impl Into<String>) -> Self {
        self.set(field, Value::Text(text.into()))
    }

    /// Prices the item as well, in minor units.
    #[must_use]
    pub fn price(self, price: i64) -> Self {
        self.set(Field::Price, Value::Number(price))
    }

    /// Clears a field as well.
    #[must_use]
    pub fn clear(mut self, field: Field) -> Self {
        self.fields.insert(field, None);
        self
    }

    /// Lets a later edit of the same item win, field by field.
    pub fn absorb(&mut self, later: &ItemEdit) {
        let later = later.fields.iter().map(|(field, value)| (field.clone(), value.clone()));
        self.fields.extend(later);
    }
}

impl Item {
    /// Takes over all values that stand at one field, the winner last.
    pub fn take(&mut self, field: &Field, values: Vec<Value>) {
        let Some(winner) = values.last().cloned() else { return };
        if let Field::NameIn(_) = field
            && self.names.len() >= LANGUAGES_MAX
        {
            return;
        }
        let listed = conflicts(values);
        if !listed.is_empty() {
            self.conflicts.insert(field.to_string(), listed);
        }
        let place = |at: i64| u32::try_from(at).ok();
        match (field, winner) {
            (Field::Name, Value::Text(name)) => self.name = Some(name),
            (Field::NameIn(language), Value::Text(name)) => {
                self.names.insert(language.to_string(), name);
            }
            (Field::Price, Value::Number(price)) => self.price = Some(price),
            (Field::Gtin, Value::Text(gtin)) => self.gtin = Some(gtin),
            (Field::Unit, Value::Text(unit)) => self.unit = Some(unit),
            (Field::Tax, Value::Text(tax)) => self.tax = Some(tax),
            (Field::Category, Value::Text(category)) => self.category = Some(category),
            (Field::Page, Value::Number(page)) => self.page = place(page),
            (Field::Position, Value::Number(position)) => self.position = place(position),
            (Field::Policy, Value::Text(code)) => {
                self.policy = Policy::parse(&code).unwrap_or_default();
            }
            (Field::Withdrawn, Value::Flag(off)) => self.withdrawn = off,
            // Admission lets no other type through.
            _ => {}
        }
    }
}

fn conflicts(mut values: Vec<Value>) -> Vec<Value> {
    values.sort_unstable();
    values.dedup();
    if values.len() < 2 {
        return Vec::new();
    }
    let mut bytes = 0;
    values.truncate(CONFLICTS_SHOWN_MAX);
    values.retain(|value| {
        bytes += if let Value::Text(text) = value { text.len() } else { 0 };
        bytes <= CONFLICT_BYTES_SHOWN_MAX
    });
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Language;
    use crate::catalogue::limits::NAME_BYTES_MAX;
    use crate::event::codec;

    fn prices(prices: impl IntoIterator<Item = i64>) -> Vec<Value> {
        prices.into_iter().map(Value::Number).collect()
    }

    #[test]
    fn the_same_value_set_twice_is_no_conflict() {
        let mut item = Item::default();
        item.take(&Field::Price, prices([5, 5]));
        assert_eq!((item.price, item.conflicts.len()), (Some(5), 0));
    }

    #[test]
    fn conflicts_are_sorted_and_the_last_value_wins() {
        let mut item = Item::default();
        item.take(&Field::Price, prices([9, 3, 7]));
        assert_eq!((item.price, &item.conflicts["price"]), (Some(7), &prices([3, 7, 9])));
    }

    #[test]
    fn of_many_conflicts_the_smallest_are_listed() {
        let mut item = Item::default();
        item.take(&Field::Price, prices((0..1_000).rev()));
        let smallest = prices(0..CONFLICTS_SHOWN_MAX as i64);
        assert_eq!((item.price, &item.conflicts["price"]), (Some(0), &smallest));
    }

    #[test]
    fn a_later_edit_wins_field_by_field() {
        let mut edit = ItemEdit::of("a").price(1).text(Field::Name, "apple");
        let off = Value::Flag(true);
        edit.absorb(&ItemEdit::of("a").price(2).set(Field::Withdrawn, off.clone()));
        let expected = ItemEdit::of("a").price(2).text(Field::Name, "apple");
        assert_eq!(edit, expected.set(Field::Withdrawn, off));
    }

    #[test]
    fn a_policy_of_a_later_version_reads_as_custody() {
        let mut item = Item::default();
        item.take(&Field::Policy, vec![Value::Text("promise".into())]);
        assert_eq!(item.policy, Policy::Promise);
        item.take(&Field::Policy, vec![Value::Text("later".into())]);
        assert_eq!(item.policy, Policy::Custody);
    }

    #[test]
    fn the_fullest_item_is_a_row() {
        let mut item = Item::default();
        let long = |letter: &str| Value::Text(letter.repeat(NAME_BYTES_MAX));
        let texts = || ["d", "c", "b", "a", "e"].map(long).to_vec();
        for number in 0..100 {
            let language = Language::parse(&format!("de-x{number:04}")).unwrap();
            item.take(&Field::NameIn(language), texts());
        }
        for field in Field::PLAIN {
            let values = match field {
                Field::Price | Field::Page | Field::Position => prices(i64::MAX - 50..i64::MAX),
                Field::Withdrawn => vec![Value::Flag(true), Value::Flag(false)],
                _ => texts(),
            };
            item.take(&field, values);
        }
        assert_eq!((item.names.len(), item.conflicts["name"].len()), (LANGUAGES_MAX, 4));
        codec::encode(&item).unwrap();
    }
}

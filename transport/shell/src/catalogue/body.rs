//! An item in JSON. What is left out of an edit stays as it is, and null clears a field, as in
//! a JSON merge patch (RFC 7396).

use std::collections::BTreeMap;

use engine::catalogue::{Field, Item, ItemEdit, Language, Value};
use engine::hash::Hash;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::limits::CATALOGUE_ITEMS_MAX;
use crate::problem::Problem;

/// Items to edit.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ItemsBody {
    /// Whose catalogue, at a control; its own merchant's if left out.
    pub merchant: Option<String>,
    /// 1 to 5,000 items.
    #[schema(min_items = 1, max_items = 5000)]
    items: Vec<ItemBody>,
}

/// An item to edit: what is left out stays as it is, and null clears a field.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = ItemEdit)]
struct ItemBody {
    /// The item.
    #[schema(example = "tea", required = true)]
    sku: String,
    /// What people call it.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "Green tea")]
    name: Option<Option<String>>,
    /// The same by language tag.
    names: BTreeMap<String, Option<String>>,
    /// In minor units.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<i64>, example = 350)]
    price: Option<Option<i64>>,
    /// The number in its barcode.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "4006381333931")]
    gtin: Option<Option<String>>,
    /// What its quantities count in thousandths.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "piece")]
    unit: Option<Option<String>>,
    /// Tax class.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "standard")]
    tax: Option<Option<String>>,
    /// Where people look for it.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "Hot drinks")]
    category: Option<Option<String>>,
    /// Page of a till's touch screen.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<i64>, example = 0)]
    page: Option<Option<i64>>,
    /// Place on that page.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<i64>, example = 3)]
    position: Option<Option<i64>>,
    /// `custody` or `promise`.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "custody")]
    policy: Option<Option<String>>,
    /// Whether it is no longer sold.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<bool>, example = false)]
    withdrawn: Option<Option<bool>>,
}

/// Tells null from what is left out.
fn given<'de, D, T>(from: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(from).map(Some)
}

impl ItemsBody {
    /// The edits it asks for.
    pub fn into_edits(self) -> Result<Vec<ItemEdit>, Problem> {
        if self.items.is_empty() || self.items.len() > CATALOGUE_ITEMS_MAX {
            return Err(Problem::malformed(format!(
                "items must have 1 to {CATALOGUE_ITEMS_MAX} entries"
            )));
        }
        self.items.into_iter().map(ItemBody::into_edit).collect()
    }
}

impl ItemBody {
    fn into_edit(self) -> Result<ItemEdit, Problem> {
        let text = |value: Option<Option<String>>| value.map(|value| value.map(Value::Text));
        let number = |value: Option<Option<i64>>| value.map(|value| value.map(Value::Number));
        let fields = [
            (Field::Name, text(self.name)),
            (Field::Price, number(self.price)),
            (Field::Gtin, text(self.gtin)),
            (Field::Unit, text(self.unit)),
            (Field::Tax, text(self.tax)),
            (Field::Category, text(self.category)),
            (Field::Page, number(self.page)),
            (Field::Position, number(self.position)),
            (Field::Policy, text(self.policy)),
            (Field::Withdrawn, self.withdrawn.map(|off| off.map(Value::Flag))),
        ];
        let mut edit = ItemEdit::of(self.sku);
        let given = fields.into_iter().filter_map(|(field, value)| Some((field, value?)));
        edit.fields.extend(given);
        for (tag, name) in self.names {
            let language = Language::parse(&tag).ok_or_else(|| {
                Problem::malformed(format!("names: {tag:?} is no language tag, as in de or pt-BR"))
            })?;
            edit.fields.insert(Field::NameIn(language), name.map(Value::Text));
        }
        Ok(edit)
    }
}

/// What an edit became.
#[derive(Debug, Serialize, ToSchema)]
pub struct ItemsAnswer {
    /// Changes of the catalogue, each one event.
    pub changes: usize,
}

/// What to do about late changes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LateBody {
    /// Whose catalogue, at a control; its own merchant's if left out.
    pub merchant: Option<String>,
    /// The changes, as `GET /v1/catalogue/late` names them.
    pub changes: Vec<LateChange>,
    /// Whether they are taken over or put aside.
    pub settle: Settle,
}

/// A late change.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LateChange {
    /// The closed season.
    pub season: u32,
    /// The change's hash.
    #[schema(value_type = String)]
    pub change: Hash,
}

/// Taken over into the current season, or put aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Settle {
    /// Its fields are set in the current season.
    Take,
    /// Nothing is set.
    PutAside,
}

impl LateBody {
    /// The changes, if their number is within bounds.
    pub fn changes(&self) -> Result<Vec<(u32, Hash)>, Problem> {
        if self.changes.is_empty() || self.changes.len() > CATALOGUE_ITEMS_MAX {
            return Err(Problem::malformed(format!(
                "changes must have 1 to {CATALOGUE_ITEMS_MAX} entries"
            )));
        }
        Ok(self.changes.iter().map(|late| (late.season, late.change)).collect())
    }
}

/// A value in JSON.
pub fn value(value: &Value) -> serde_json::Value {
    match value {
        Value::Text(text) => json!(text),
        Value::Number(number) => json!(number),
        Value::Flag(flag) => json!(flag),
    }
}

/// An item, as the read calls show it; what nobody set is null.
#[derive(Debug, Serialize, ToSchema)]
pub struct CatalogueItem {
    /// The item.
    pub sku: String,
    /// What people call it.
    pub name: Option<String>,
    /// The same by language tag.
    pub names: BTreeMap<String, String>,
    /// In minor units.
    pub price: Option<i64>,
    /// The number in its barcode.
    pub gtin: Option<String>,
    /// What its quantities count in thousandths.
    pub unit: Option<String>,
    /// Tax class.
    pub tax: Option<String>,
    /// Where people look for it.
    pub category: Option<String>,
    /// Page of a till's touch screen.
    pub page: Option<u32>,
    /// Place on that page.
    pub position: Option<u32>,
    /// `custody` or `promise`.
    pub policy: &'static str,
    /// Whether it is no longer sold.
    pub withdrawn: bool,
    /// By field, the values set apart; setting the field again settles it.
    pub conflicts: BTreeMap<String, Vec<serde_json::Value>>,
}

impl CatalogueItem {
    /// An item under its SKU.
    pub fn new(sku: String, item: Item) -> Self {
        let clash =
            |(field, values): (String, Vec<Value>)| (field, values.iter().map(value).collect());
        Self {
            sku,
            name: item.name,
            names: item.names,
            price: item.price,
            gtin: item.gtin,
            unit: item.unit,
            tax: item.tax,
            category: item.category,
            page: item.page,
            position: item.position,
            policy: item.policy.as_str(),
            withdrawn: item.withdrawn,
            conflicts: item.conflicts.into_iter().map(clash).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::parse_json;

    fn edits(items: serde_json::Value) -> Result<Vec<ItemEdit>, Problem> {
        let body = json!({ "items": items }).to_string();
        parse_json::<ItemsBody>(body.as_bytes())?.into_edits()
    }

    #[test]
    fn what_is_left_out_stays_and_null_clears() {
        let found = edits(json!([{ "sku": "a", "price": 5, "gtin": null,
                "names": { "DE-at": "x", "fr": null } }]));
        let name_in = |tag| Field::NameIn(Language::parse(tag).unwrap());
        let expected = ItemEdit::of("a").price(5).clear(Field::Gtin);
        let expected = expected.text(name_in("de-AT"), "x").clear(name_in("fr"));
        assert_eq!(found, Ok(vec![expected]));
    }

    #[test]
    fn every_field_of_an_edit_is_read_and_shown_under_one_name() {
        let body = json!({
            "sku": "a", "name": "Tea", "names": { "de": "Tee" }, "price": 5,
            "gtin": "96385074", "unit": "kg", "tax": "reduced", "category": "Hot", "page": 1,
            "position": 2, "policy": "promise", "withdrawn": true,
        });
        let edit = edits(json!([body])).unwrap().remove(0);
        let mut shown = Item::default();
        for (field, value) in edit.fields {
            shown.take(&field, vec![value.unwrap()]);
        }
        let mut expected = body;
        expected["conflicts"] = json!({});
        let shown = CatalogueItem::new("a".to_owned(), shown);
        assert_eq!(serde_json::to_value(&shown).unwrap(), expected);
    }

    #[test]
    fn a_refusal_names_what_is_wrong() {
        for (items, words) in [
            (json!([]), "1 to 5000 entries"),
            (json!([{ "sku": "a", "colour": "red" }]), "items[0].colour"),
            (json!([{ "sku": "a", "price": "5" }]), "items[0].price"),
            (json!([{ "sku": "a", "names": { "?": "x" } }]), "is no language tag"),
        ] {
            let refused = edits(items).unwrap_err();
            assert!(refused.detail.contains(words), "{}", refused.detail);
        }
    }
}

//! An item in JSON. What is left out of an edit stays as it is, and null clears a field, as in
//! a JSON merge patch (RFC 7396).

use std::collections::BTreeMap;

use engine::catalogue::{Field, Item, ItemEdit, Language, Value};
use engine::hash::Hash;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;

use crate::limits::CATALOGUE_ITEMS_MAX;
use crate::problem::Problem;

/// The body of an edit.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ItemsBody {
    /// The merchant, where the daemon serves several.
    pub merchant: Option<String>,
    items: Vec<ItemBody>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ItemBody {
    sku: String,
    #[serde(deserialize_with = "given")]
    name: Option<Option<String>>,
    names: BTreeMap<String, Option<String>>,
    #[serde(deserialize_with = "given")]
    price: Option<Option<i64>>,
    #[serde(deserialize_with = "given")]
    gtin: Option<Option<String>>,
    #[serde(deserialize_with = "given")]
    unit: Option<Option<String>>,
    #[serde(deserialize_with = "given")]
    tax: Option<Option<String>>,
    #[serde(deserialize_with = "given")]
    category: Option<Option<String>>,
    #[serde(deserialize_with = "given")]
    page: Option<Option<i64>>,
    #[serde(deserialize_with = "given")]
    position: Option<Option<i64>>,
    #[serde(deserialize_with = "given")]
    policy: Option<Option<String>>,
    #[serde(deserialize_with = "given")]
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

/// What to do about late changes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LateBody {
    /// The merchant, where the daemon serves several.
    pub merchant: Option<String>,
    /// The changes, as `GET /v1/catalogue/late` names them.
    pub changes: Vec<LateChange>,
    /// Whether they are taken over or put aside.
    pub settle: Settle,
}

/// A late change.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LateChange {
    /// The closed season.
    pub season: u32,
    /// The change's hash.
    pub change: Hash,
}

/// Taken over into the current season, or put aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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

/// An item in JSON, as the read calls show it.
pub fn item(sku: &str, item: &Item) -> serde_json::Value {
    let clash = |(field, values): (&String, &Vec<Value>)| {
        (field.clone(), values.iter().map(value).collect::<Vec<_>>())
    };
    let conflicts: BTreeMap<String, Vec<serde_json::Value>> =
        item.conflicts.iter().map(clash).collect();
    json!({
        "sku": sku,
        "name": item.name,
        "names": item.names,
        "price": item.price,
        "gtin": item.gtin,
        "unit": item.unit,
        "tax": item.tax,
        "category": item.category,
        "page": item.page,
        "position": item.position,
        "policy": item.policy.as_str(),
        "withdrawn": item.withdrawn,
        "conflicts": conflicts,
    })
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
        let found = edits(
            json!([{ "sku": "a", "price": 5, "gtin": null, "names": { "DE-at": "x", "fr": null } }]),
        );
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
        assert_eq!(item("a", &shown), expected);
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

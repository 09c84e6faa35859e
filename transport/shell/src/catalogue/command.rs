//! `catalogue ...` on the command line: the same at a node and at a control.

use std::path::PathBuf;

use anyhow::Context;
use clap::Subcommand;
use serde_json::{Value, json};

use super::import;
use crate::client::{Client, escape};
use crate::limits::{CATALOGUE_BODY_BYTES_MAX, CATALOGUE_ITEMS_MAX};

/// What to do with the catalogue.
#[derive(Debug, Subcommand)]
pub enum CatalogueCommand {
    /// List the items of the current season, or of a past one
    List {
        /// The season's number
        #[arg(long)]
        season: Option<u32>,
        /// The merchant, at a control with several
        #[arg(long)]
        merchant: Option<String>,
    },
    /// Set fields of an item; setting one again settles a conflict about it
    Set {
        /// The SKU
        sku: String,
        /// name, name.LANGUAGE, price, gtin, unit, tax, category, page, position, policy or
        /// withdrawn; nothing after `=` clears the field
        #[arg(required = true, value_name = "FIELD=VALUE", value_parser = setting)]
        fields: Vec<Setting>,
        /// The merchant, at a control with several
        #[arg(long)]
        merchant: Option<String>,
    },
    /// List the items that were set to several values at once
    Conflicts {
        /// The merchant, at a control with several
        #[arg(long)]
        merchant: Option<String>,
    },
    /// Set items from a file: CSV with a header, or one JSON object a line
    Import {
        /// The file
        file: PathBuf,
        /// The merchant, at a control with several
        #[arg(long)]
        merchant: Option<String>,
    },
    /// List changes that wait for others, or that are set aside
    Changes {
        /// pending or quarantined [default: both]
        #[arg(long, value_parser = ["pending", "quarantined"])]
        state: Option<String>,
        /// The merchant, at a control with several
        #[arg(long)]
        merchant: Option<String>,
    },
    /// List edits that were made to a season after the next one had begun
    Late {
        /// Take all of them over into the current season
        #[arg(long, conflicts_with = "put_aside")]
        take: bool,
        /// Put all of them aside
        #[arg(long)]
        put_aside: bool,
        /// The merchant, at a control with several
        #[arg(long)]
        merchant: Option<String>,
    },
    /// List the seasons
    Seasons {
        /// The merchant, at a control with several
        #[arg(long)]
        merchant: Option<String>,
    },
}

/// What a field of an item is set to.
#[derive(Debug, Clone)]
pub struct Setting {
    field: String,
    /// Null clears the field.
    value: Value,
}

/// Runs a command; the answer in JSON and in words.
pub async fn run(client: &Client, command: &CatalogueCommand) -> anyhow::Result<(Value, String)> {
    match command {
        CatalogueCommand::List { season, merchant } => {
            let season = season.map(|season| season.to_string());
            let query = [("season", season.as_deref()), ("merchant", merchant.as_deref())];
            let items = all(client, "/v1/catalogue/items", &query, "items").await?;
            Ok((json!({ "items": items }), lines(&items, item_line)))
        }
        CatalogueCommand::Set { sku, fields, merchant } => {
            let item = edited(sku, fields);
            let changes = send(client, vec![item], merchant.as_deref()).await?;
            Ok((json!({ "changes": changes }), format!("{changes} changes")))
        }
        CatalogueCommand::Conflicts { merchant } => {
            let query = [("merchant", merchant.as_deref())];
            let items = all(client, "/v1/catalogue/conflicts", &query, "items").await?;
            Ok((json!({ "items": items }), lines(&items, conflict_line)))
        }
        CatalogueCommand::Import { file, merchant } => {
            let bytes = std::fs::read(file).with_context(|| file.display().to_string())?;
            let items = import::items(&bytes).with_context(|| file.display().to_string())?;
            let count = items.len();
            let changes = send(client, items, merchant.as_deref()).await?;
            let words = format!("{count} items, {changes} changes");
            Ok((json!({ "items": count, "changes": changes }), words))
        }
        CatalogueCommand::Changes { state, merchant } => {
            let query = [("state", state.as_deref()), ("merchant", merchant.as_deref())];
            let changes = all(client, "/v1/catalogue/changes", &query, "changes").await?;
            Ok((json!({ "changes": changes }), lines(&changes, change_line)))
        }
        CatalogueCommand::Late { take, put_aside, merchant } => {
            let query = [("merchant", merchant.as_deref())];
            let late = all(client, "/v1/catalogue/late", &query, "changes").await?;
            match (take, put_aside) {
                (false, false) => Ok((json!({ "changes": late }), lines(&late, late_line))),
                _ => settle(client, &late, *take, merchant.as_deref()).await,
            }
        }
        CatalogueCommand::Seasons { merchant } => {
            let path = path("/v1/catalogue/seasons", &[("merchant", merchant.as_deref())]);
            let seasons: Value = client.get(&path).await?;
            let shown = seasons["seasons"].as_array().cloned().unwrap_or_default();
            let line = |season: &Value| format!("{}  {}", season["season"], text(&season["name"]));
            Ok((seasons, lines(&shown, line)))
        }
    }
}

/// Reads `FIELD=VALUE`.
fn setting(text: &str) -> Result<Setting, String> {
    let parts = text.split_once('=').filter(|(field, _)| !field.is_empty());
    let (field, text) =
        parts.ok_or("write it as FIELD=VALUE, as in price=199 or name.de=Tee".to_owned())?;
    let value = import::value(field, text).map_err(|error| format!("{error:#}"))?;
    Ok(Setting { field: field.to_owned(), value })
}

fn edited(sku: &str, fields: &[Setting]) -> Value {
    let mut item = json!({ "sku": sku });
    for Setting { field, value } in fields {
        import::set(&mut item, field, value.clone());
    }
    item
}

/// Sends items in as many calls as they take. Returns how many changes they became.
async fn send(client: &Client, items: Vec<Value>, merchant: Option<&str>) -> anyhow::Result<u64> {
    let mut changes = 0;
    let mut calls = vec![(Vec::new(), 0)];
    for item in items {
        let bytes = item.to_string().len() + 1;
        let (group, size) = calls.last_mut().expect("invariant: there is always a call");
        if group.len() == CATALOGUE_ITEMS_MAX || *size + bytes > CATALOGUE_BODY_BYTES_MAX - 1024 {
            calls.push((vec![item], bytes));
        } else {
            group.push(item);
            *size += bytes;
        }
    }
    for (group, _) in calls.into_iter().filter(|(group, _)| !group.is_empty()) {
        let mut body = json!({ "items": group });
        if let Some(merchant) = merchant {
            body["merchant"] = json!(merchant);
        }
        let answer: Value = client.post("/v1/catalogue/items", &body).await?;
        changes += answer["changes"].as_u64().unwrap_or_default();
    }
    Ok(changes)
}

async fn settle(
    client: &Client,
    late: &[Value],
    take: bool,
    merchant: Option<&str>,
) -> anyhow::Result<(Value, String)> {
    for group in late.chunks(CATALOGUE_ITEMS_MAX) {
        let changes: Vec<Value> = group
            .iter()
            .map(|late| json!({ "season": late["season"], "change": late["change"] }))
            .collect();
        let settle = if take { "take" } else { "put-aside" };
        let mut body = json!({ "changes": changes, "settle": settle });
        if let Some(merchant) = merchant {
            body["merchant"] = json!(merchant);
        }
        let _: Value = client.post("/v1/catalogue/late", &body).await?;
    }
    let done = if take { "taken over" } else { "put aside" };
    Ok((json!({ "settled": late.len() }), format!("{} late changes {done}", late.len())))
}

/// Every page of a listing.
async fn all(
    client: &Client,
    path_of: &str,
    query: &[(&str, Option<&str>)],
    member: &str,
) -> anyhow::Result<Vec<Value>> {
    let mut out = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let query = [query, &[("after", after.as_deref())]].concat();
        let mut page: Value = client.get(&path(path_of, &query)).await?;
        if let Value::Array(found) = page[member].take() {
            out.extend(found);
        }
        after = page["next"].as_str().map(str::to_owned);
        if after.is_none() {
            return Ok(out);
        }
    }
}

fn path(path: &str, query: &[(&str, Option<&str>)]) -> String {
    let given = query.iter().filter_map(|(name, value)| Some((name, (*value)?)));
    let given: Vec<String> =
        given.map(|(name, value)| format!("{name}={}", escape(value))).collect();
    if given.is_empty() { path.to_owned() } else { format!("{path}?{}", given.join("&")) }
}

fn lines(rows: &[Value], line: impl Fn(&Value) -> String) -> String {
    if rows.is_empty() {
        return "none".to_owned();
    }
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// A value as people read it.
fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn item_line(item: &Value) -> String {
    let mut line =
        format!("{}  {}  {}", text(&item["sku"]), text(&item["price"]), text(&item["name"]));
    for (shown, word) in [
        (item["withdrawn"] == true, "withdrawn"),
        (item["policy"] == "promise", "promise"),
        (item["conflicts"].as_object().is_some_and(|clash| !clash.is_empty()), "IN CONFLICT"),
    ] {
        if shown {
            line.push_str(&format!("  ({word})"));
        }
    }
    line
}

fn conflict_line(item: &Value) -> String {
    let sku = text(&item["sku"]);
    let clashes = item["conflicts"].as_object().into_iter().flatten();
    let line = |(field, values): (&String, &Value)| {
        let values: Vec<String> = values.as_array().into_iter().flatten().map(text).collect();
        format!("{sku}  {field}: {}", values.join(" or "))
    };
    let mut lines: Vec<String> = clashes.map(line).collect();
    lines.push(format!("  settle with: catalogue set {sku} FIELD=VALUE"));
    lines.join("\n")
}

fn change_line(change: &Value) -> String {
    let (state, reason) = (text(&change["state"]), text(&change["reason"]));
    format!("{state}  {}: {reason}\n  {}", text(&change["name"]), text(&change["event"]))
}

fn late_line(late: &Value) -> String {
    let fields = late["fields"].as_array().into_iter().flatten();
    let set = |set: &Value| {
        format!("{} {}={}", text(&set["sku"]), text(&set["field"]), text(&set["value"]))
    };
    let fields: Vec<String> = fields.map(set).collect();
    let more = late["more"].as_u64().filter(|more| *more > 0);
    let more = more.map(|more| format!(" and {more} more")).unwrap_or_default();
    let season = &late["season"];
    format!("season {season}, {}: {}{more}", text(&late["name"]), fields.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_set_and_cleared_as_they_are_written() {
        let fields = ["price=199", "name=Tea", "name.de=Tee", "gtin=", "withdrawn=false"];
        let item = edited("tea", &fields.map(|text| setting(text).unwrap()));
        let expected = json!({ "sku": "tea", "price": 199, "name": "Tea", "names": { "de": "Tee" },
            "gtin": null, "withdrawn": false });
        assert_eq!(item, expected);
        for field in ["price", "=199", "price=x", "withdrawn=perhaps"] {
            assert!(setting(field).is_err(), "{field}");
        }
    }

    #[test]
    fn a_conflict_names_its_values_and_the_way_out() {
        let item = json!({ "sku": "tea", "conflicts": { "price": [5, 7], "name": ["a", "b"] } });
        let words = conflict_line(&item);
        for told in ["price: 5 or 7", "name: a or b", "catalogue set tea FIELD=VALUE"] {
            assert!(words.contains(told), "{words}");
        }
    }
}

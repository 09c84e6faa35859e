//! Items from files: CSV with a header, or one JSON object a line. It only reads; the daemon
//! checks what it is sent.

use anyhow::Context;
use serde_json::{Map, Value, json};

/// Reads items for `POST /v1/catalogue/items`, told apart by the first character: `{` begins
/// JSON lines, anything else is the header of a CSV file.
///
/// # Errors
/// When a line cannot be read; the error names it.
pub fn items(bytes: &[u8]) -> anyhow::Result<Vec<Value>> {
    let text = std::str::from_utf8(bytes).context("the file is not UTF-8")?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim_start().starts_with('{') { json_lines(text) } else { csv(text) }
}

fn json_lines(text: &str) -> anyhow::Result<Vec<Value>> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(number, line)| {
            let mut item: Map<String, Value> =
                serde_json::from_str(line).with_context(|| format!("line {}", number + 1))?;
            // What `catalogue list` prints can be read again.
            item.remove("conflicts");
            Ok(Value::Object(item))
        })
        .collect()
}

/// The header names the fields; `name.de` is the name in a language. An empty cell leaves the
/// field as it is.
fn csv(text: &str) -> anyhow::Result<Vec<Value>> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let header = reader.headers().context("the header")?.clone();
    anyhow::ensure!(header.iter().any(|field| field == "sku"), "the header has no column `sku`");
    let mut items = Vec::new();
    for record in reader.records() {
        let record = record?;
        let line = record.position().map_or(0, csv::Position::line);
        let mut item = json!({});
        for (field, cell) in header.iter().zip(&record).filter(|(_, cell)| !cell.is_empty()) {
            let value = value(field, cell).with_context(|| format!("line {line}"))?;
            set(&mut item, field, value);
        }
        items.push(item);
    }
    Ok(items)
}

/// A field's value from text, as in a cell or after `price=`; empty text clears the field.
pub fn value(field: &str, text: &str) -> anyhow::Result<Value> {
    Ok(match field {
        _ if text.is_empty() => Value::Null,
        "price" | "page" | "position" => {
            json!(text.parse::<i64>().with_context(|| format!("{field} {text:?} is no integer"))?)
        }
        "withdrawn" => {
            json!(text.parse::<bool>().with_context(|| format!("{field} must be true or false"))?)
        }
        _ => json!(text),
    })
}

/// Sets a field of an item's JSON.
pub fn set(item: &mut Value, field: &str, value: Value) {
    match field.split_once('.') {
        Some(("name", language)) => item["names"][language] = value,
        _ => item[field] = value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_csv_file_is_read_by_its_header() {
        let text = "sku, name, name.de, price, withdrawn, gtin\n\
                    tea,\"Tea, green\",Tee, 199, , 96385074\n\
                    cup,,,,true,\n";
        let expected = vec![
            json!({ "sku": "tea", "name": "Tea, green", "names": { "de": "Tee" }, "price": 199,
                "gtin": "96385074" }),
            json!({ "sku": "cup", "withdrawn": true }),
        ];
        assert_eq!(items(text.as_bytes()).unwrap(), expected);
    }

    #[test]
    fn json_lines_are_read_as_they_are_printed() {
        let text = "{\"sku\": \"tea\", \"price\": 5, \"conflicts\": {}}\n\n{\"sku\": \"cup\"}\n";
        let expected = vec![json!({ "sku": "tea", "price": 5 }), json!({ "sku": "cup" })];
        assert_eq!(items(text.as_bytes()).unwrap(), expected);
    }

    #[test]
    fn a_bad_line_is_named() {
        for (text, words) in [
            ("name,price\ntea,5\n", "no column `sku`"),
            ("sku,price\ntea,5\ncup,a\n", "line 3"),
            ("sku,price\ntea,5,6\n", "line: 2"),
            ("{\"sku\": 1}\n{\n", "line 2"),
        ] {
            let error = format!("{:#}", items(text.as_bytes()).unwrap_err());
            assert!(error.contains(words), "{error}");
        }
    }
}

//! The commands about cash, days and receipts: what a shop without a till of its own, or a script,
//! asks the running daemon.

use std::path::Path;

use serde_json::{Value, json};
use shell::client::{Client, escape};
use shell::env::RealEnv;
use transport::env::Env;

use super::{DayCommand, ReceiptCommand};

/// An answer, for programs and for people.
pub(super) struct Shown {
    /// As the API gave it.
    pub json: Value,
    /// In words.
    pub words: String,
}

/// The key given, or one drawn at random. No command states a time: the stall does, so a repeat
/// with the same key is the same request.
pub(super) fn key_or_random(key: Option<&str>) -> anyhow::Result<String> {
    if let Some(key) = key {
        return Ok(key.to_owned());
    }
    let mut random = [0; 8];
    RealEnv::new()?.fill_random(&mut random);
    Ok(engine::hex::encode(&random))
}

/// Moves cash.
pub(super) async fn cash(
    data: &Path,
    direction: &str,
    amount: i64,
    reason: &str,
    key: Option<&str>,
) -> anyhow::Result<Shown> {
    let key = key_or_random(key)?;
    let way = match direction {
        "in" => "paid-in",
        "out" => "paid-out",
        _ => "dropped",
    };
    let body = json!({ "direction": way, "amount": amount, "reason": reason });
    let json: Value = Client::open(data)?.post_once("/v1/cash", &key, &body).await?;
    Ok(Shown { json, words: format!("{way} {amount} minor units") })
}

/// Closes a day.
pub(super) async fn day(data: &Path, command: &DayCommand) -> anyhow::Result<Shown> {
    let DayCommand::Close { counted, day, key } = command;
    let key = key_or_random(key.as_deref())?;
    let body = json!({ "business_day": day, "counted": counted });
    let json: Value = Client::open(data)?.post_once("/v1/days/close", &key, &body).await?;
    let mut words = format!(
        "closed {}: counted {}, expected {}, difference {} minor units",
        json["business_day"].as_str().unwrap_or_default(),
        json["counted"],
        json["expected"],
        json["difference"],
    );
    for total in json["totals"].as_array().into_iter().flatten() {
        words.push_str(&format!(
            "\n  {}: {} sales for {}, refunded {}, voided {}, net {}",
            total["currency"].as_str().unwrap_or_default(),
            total["baskets"],
            total["amount"],
            total["refunded"],
            total["voided"],
            total["net"],
        ));
    }
    for shift in json["open_shifts"].as_array().into_iter().flatten() {
        words.push_str(&format!("\n  WARNING: shift {} is still open", text(shift)));
    }
    Ok(Shown { json, words })
}

/// Shows or reprints a receipt.
pub(super) async fn receipt(data: &Path, command: &ReceiptCommand) -> anyhow::Result<Shown> {
    let client = Client::open(data)?;
    match command {
        ReceiptCommand::Show { till, number } => {
            let path = format!("/v1/receipts/{}/{number}", escape(till));
            let json: Value = client.get(&path).await?;
            let receipts = json["receipts"].as_array().into_iter().flatten();
            let words: Vec<String> = receipts.map(in_words).collect();
            Ok(Shown { words: words.join("\n"), json })
        }
        ReceiptCommand::Reprint { document, key } => {
            let key = key_or_random(key.as_deref())?;
            let body = json!({ "document": document });
            let json: Value = client.post_once("/v1/receipts/reprint", &key, &body).await?;
            let words = format!("copy {}\n{}", json["copy"], in_words(&json["receipt"]));
            Ok(Shown { words, json })
        }
    }
}

fn in_words(receipt: &Value) -> String {
    let mut words = format!(
        "{} {} of till {} on {} ({})",
        text(&receipt["kind"]),
        receipt["number"],
        text(&receipt["till"]),
        text(&receipt["business_day"]),
        text(&receipt["document"]),
    );
    for line in receipt["lines"].as_array().into_iter().flatten() {
        let name = line["name"].as_str().unwrap_or_default();
        let (sku, quantity, amount) = (text(&line["sku"]), &line["quantity"], &line["amount"]);
        words.push_str(&format!("\n  {sku}  {name}  {quantity} thousandths  {amount}"));
    }
    for tender in receipt["tenders"].as_array().into_iter().flatten() {
        words.push_str(&format!("\n  paid by {}  {}", text(&tender["kind"]), tender["amount"]));
    }
    words.push_str(&format!("\n  total {}", receipt["total"]));
    words
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

//! `tentpole-node sell`: a sale by hand.

use anyhow::Context;
use clap::Args;
use serde_json::{Value, json};
use shell::client::Client;
use shell::show::show;

use super::Cli;
use super::till::key_or_random;

#[derive(Debug, Args)]
pub(super) struct Sell {
    /// Lines, each SKU:THOUSANDTHS:MINOR-UNITS, as in 1004906:1000:199
    #[arg(required = true, value_name = "LINE", value_parser = line)]
    lines: Vec<Line>,
    /// How it is paid
    #[arg(long, default_value = "cash", value_parser = ["cash", "card", "voucher"])]
    tender: String,
    /// The idempotency key; a repeated one does not sell twice [default: drawn at random]
    #[arg(long)]
    key: Option<String>,
}

/// A line of a sale.
#[derive(Debug, Clone)]
struct Line {
    sku: String,
    /// Thousandths.
    quantity: u64,
    /// Minor units.
    amount: i64,
}

/// Reads `SKU:THOUSANDTHS:MINOR-UNITS`.
fn line(text: &str) -> Result<Line, String> {
    let mut parts = text.rsplitn(3, ':');
    let (amount, quantity, sku) = (parts.next(), parts.next(), parts.next());
    let amount = amount.and_then(|text| text.parse().ok());
    let quantity = quantity.and_then(|text| text.parse().ok());
    match (sku.filter(|sku| !sku.is_empty()), quantity, amount) {
        (Some(sku), Some(quantity), Some(amount)) => {
            Ok(Line { sku: sku.to_owned(), quantity, amount })
        }
        _ => Err("write it as SKU:THOUSANDTHS:MINOR-UNITS, as in tea:1000:199".to_owned()),
    }
}

/// Sells. The stall says the time, so that a repeat with the same key is the same request.
pub(super) async fn run(cli: &Cli, sell: &Sell) -> anyhow::Result<()> {
    let Sell { lines, tender, key } = sell;
    let due = lines.iter().try_fold(0_i64, |sum, line| sum.checked_add(line.amount));
    let due = due.context("the amounts are too large")?;
    let client = Client::open(&cli.data)?;
    // The status tells the currency also while books are rebuilt, when there are no sums.
    let status: Value = client.get("/v1/status").await?;
    let lines: Vec<Value> = lines
        .iter()
        .map(|Line { sku, quantity, amount }| {
            json!({ "sku": sku, "quantity": quantity, "amount": amount })
        })
        .collect();
    let body = json!({
        "currency": status["currency"],
        "lines": lines,
        "tenders": [{ "kind": tender, "amount": due }],
    });
    let key = key_or_random(key.as_deref())?;
    let answer: Value = client.post_once("/v1/sales", &key, &body).await?;
    let words = format!("sold {} for {} minor units", answer["sale"], answer["total"]);
    show(cli.json, &answer, &words);
    Ok(())
}

//! `tentpole-control prices`: publish bundles, show them, and what sales on old ones cost.

use std::io::Read;

use anyhow::Context;
use clap::Subcommand;
use serde_json::{Value, json};
use shell::client::{Client, escape};
use shell::show::show;

use super::Cli;

/// What is read of a price list; a control takes less.
const STDIN_BYTES_MAX: u64 = 16 * 1024 * 1024;

#[derive(Debug, Subcommand)]
pub(super) enum PricesCommand {
    /// Publish prices that hold from an instant on
    Publish {
        /// Take every standing price of the catalogue
        #[arg(long, required_unless_present = "stdin", conflicts_with = "stdin")]
        from_catalogue: bool,
        /// Take the prices from standard input, JSON: [{"sku": "tea", "price": 199}, ...]
        #[arg(long)]
        stdin: bool,
        /// From when on: RFC 3339 with an offset
        #[arg(long, value_name = "TIME")]
        from: String,
        /// The merchant [default: the one given to init]
        #[arg(long)]
        merchant: Option<String>,
    },
    /// Show a bundle
    Show {
        /// The bundle [default: the one in force now]
        bundle: Option<String>,
        /// The merchant, where there are several
        #[arg(long)]
        merchant: Option<String>,
    },
    /// Report sales on old bundles after a newer one was in force, and what they cost
    Stale {
        /// The first business day, as in 2017-01-01 [default: any]
        #[arg(long, value_name = "DAY")]
        from: Option<String>,
        /// The last business day [default: any]
        #[arg(long, value_name = "DAY")]
        to: Option<String>,
        /// The merchant, where there are several
        #[arg(long)]
        merchant: Option<String>,
    },
}

pub(super) async fn run(cli: &Cli, command: &PricesCommand) -> anyhow::Result<()> {
    let client = Client::open(&cli.data)?;
    match command {
        PricesCommand::Publish { from_catalogue, stdin, from, merchant } => {
            let mut body = json!({ "from": from, "from_catalogue": from_catalogue });
            if let Some(merchant) = merchant {
                body["merchant"] = json!(merchant);
            }
            if *stdin {
                let mut text = Vec::new();
                std::io::stdin().lock().take(STDIN_BYTES_MAX).read_to_end(&mut text)?;
                let prices = serde_json::from_slice(&text);
                body["prices"] = prices.context("standard input is not JSON")?;
            }
            let answer: Value = client.post("/v1/prices/bundles", &body).await?;
            let bundle = answer["bundle"].as_str().unwrap_or_default();
            let words = format!("bundle {bundle}: {} prices from {from}", answer["items"]);
            show(cli.json, &answer, &words);
        }
        PricesCommand::Show { bundle, merchant } => {
            let body = whole(&client, bundle.as_deref(), merchant.as_deref()).await?;
            show(cli.json, &body, &bundle_words(&body));
        }
        PricesCommand::Stale { from, to, merchant } => {
            let query = query(&[("from", from), ("to", to), ("merchant", merchant)]);
            let report: Value = client.get(&format!("/v1/prices/stale{query}")).await?;
            show(cli.json, &report, &stale_words(&report));
        }
    }
    Ok(())
}

/// A bundle with the prices of all its pages; between two pages another may come into force, so
/// the later ones are asked for by name.
async fn whole(
    client: &Client,
    bundle: Option<&str>,
    merchant: Option<&str>,
) -> anyhow::Result<Value> {
    let merchant = merchant.map(str::to_owned);
    let path = bundle.map_or_else(String::new, |bundle| format!("/{}", escape(bundle)));
    let first = query(&[("merchant", &merchant)]);
    let mut body: Value = client.get(&format!("/v1/prices{path}{first}")).await?;
    while let (Some(after), Some(bundle)) = (body["next"].as_str(), body["bundle"].as_str()) {
        let query = query(&[("after", &Some(after.to_owned())), ("merchant", &merchant)]);
        let page: Value = client.get(&format!("/v1/prices/{bundle}{query}")).await?;
        if let (Some(all), Some(more)) = (body["prices"].as_array_mut(), page["prices"].as_array())
        {
            all.extend(more.iter().cloned());
        }
        body["next"] = page["next"].clone();
    }
    Ok(body)
}

fn query(parameters: &[(&str, &Option<String>)]) -> String {
    let given = parameters.iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
    let given: Vec<String> =
        given.map(|(name, value)| format!("{name}={}", escape(value))).collect();
    if given.is_empty() { String::new() } else { format!("?{}", given.join("&")) }
}

fn bundle_words(body: &Value) -> String {
    let Some(bundle) = body["bundle"].as_str() else {
        return "no price bundle is in force".to_owned();
    };
    let mut out = format!("bundle {bundle}");
    if let Some(next) = body["next_switch"]["bundle"].as_str() {
        let from = body["next_switch"]["from_ms"].as_i64().unwrap_or_default();
        let from = jiff::Timestamp::from_millisecond(from).unwrap_or_default();
        out.push_str(&format!("\n  to be followed by {next} from {from} on"));
    }
    for price in body["prices"].as_array().into_iter().flatten() {
        let sku = price["sku"].as_str().unwrap_or_default();
        out.push_str(&format!("\n  {:>10}  {sku}", price["price"]));
    }
    out
}

fn stale_words(report: &Value) -> String {
    let line = |sums: &Value| {
        format!(
            "{} lines, charged {}, in force {}, cost {}",
            sums["lines"], sums["charged"], sums["in_force"], sums["cost"]
        )
    };
    let mut out = format!("on old bundles: {}", line(&report["total"]));
    for stall in report["stalls"].as_array().into_iter().flatten() {
        let name = stall["name"].as_str().or(stall["stall"].as_str()).unwrap_or_default();
        out.push_str(&format!("\n  {name}: {}", line(stall)));
        let rows = report["rows"].as_array().into_iter().flatten();
        for row in rows.filter(|row| row["stall"] == stall["stall"]) {
            let sku = row["sku"].as_str().unwrap_or_default();
            out.push_str(&format!("\n    {sku}: {}", line(row)));
        }
    }
    if report["left_out"] != 0 {
        out.push_str(&format!(
            "\n  {} lines of further items only in the sums",
            report["left_out"]
        ));
    }
    out
}

//! The commands of goods: send, take in, write off, count. All talk to the running daemon.

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use shell::arguments::{GoodsLine, goods_line};
use shell::client::Client;
use shell::show::show;

use super::Cli;
use super::till::key_or_random;
use crate::api::goods::PlaceBody;

#[derive(Debug, Subcommand)]
pub(super) enum GoodsCommand {
    /// Send goods to another stall
    Dispatch {
        /// The stall's device id, as `status` shows it
        #[arg(long, value_name = "DEVICE")]
        to: String,
        #[command(flatten)]
        goods: Goods,
    },
    /// Take in what another stall sent
    TakeIn {
        /// The dispatch, as `transfers` shows it
        dispatch: String,
        /// What came, each SKU:THOUSANDTHS; none when nothing came
        #[arg(value_name = "LINE", value_parser = goods_line)]
        lines: Vec<GoodsLine>,
        /// The idempotency key; a repeated one states nothing more [default: drawn at random]
        #[arg(long)]
        key: Option<String>,
    },
    /// Write off goods that are lost
    Spoil {
        /// Why
        #[arg(long, default_value = "")]
        reason: String,
        #[command(flatten)]
        goods: Goods,
    },
    /// Show what is on the way between stalls
    Transfers,
    /// Count stock: begin, count while the till sells on, then finish
    #[command(subcommand)]
    Count(CountCommand),
}

#[derive(Debug, Args)]
pub(super) struct Goods {
    /// Lines, each SKU:THOUSANDTHS, as in 1004906:1000
    #[arg(required = true, value_name = "LINE", value_parser = goods_line)]
    lines: Vec<GoodsLine>,
    /// The idempotency key; a repeated one states nothing more [default: drawn at random]
    #[arg(long)]
    key: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(super) enum CountCommand {
    /// Say where the count begins; nothing is written
    Begin,
    /// State what was counted
    Finish {
        /// Where it began, as `count begin` said
        #[arg(long, value_name = "EPOCH:SEQ", value_parser = place)]
        start: PlaceBody,
        #[command(flatten)]
        goods: Goods,
    },
}

pub(super) async fn run(cli: &Cli, command: &GoodsCommand) -> anyhow::Result<()> {
    let client = Client::open(&cli.data)?;
    match command {
        GoodsCommand::Dispatch { to, goods } => {
            let lines = lines(&goods.lines, "quantity");
            let body = json!({ "to": to, "lines": lines });
            let answer = state(&client, "/v1/goods/dispatches", goods.key.as_deref(), body).await?;
            show(cli.json, &answer, &format!("dispatched {}", text(&answer["dispatch"])));
        }
        GoodsCommand::TakeIn { dispatch, lines: came, key } => {
            let body = json!({ "dispatch": dispatch, "lines": lines(came, "quantity") });
            let answer = state(&client, "/v1/goods/taken-in", key.as_deref(), body).await?;
            show(cli.json, &answer, &format!("taken in {}", text(&answer["taken_in"])));
        }
        GoodsCommand::Spoil { reason, goods } => {
            let body = json!({ "reason": reason, "lines": lines(&goods.lines, "quantity") });
            let answer = state(&client, "/v1/goods/spoiled", goods.key.as_deref(), body).await?;
            show(cli.json, &answer, &format!("written off {}", text(&answer["spoiled"])));
        }
        GoodsCommand::Transfers => transfers(cli, &client).await?,
        GoodsCommand::Count(CountCommand::Begin) => {
            let answer: Value = client.post("/v1/counts", &json!({})).await?;
            let PlaceBody { epoch, seq } = serde_json::from_value(answer["start"].clone())?;
            let words = format!("count, then: count finish --start {epoch}:{seq} SKU:THOUSANDTHS");
            show(cli.json, &answer, &words);
        }
        GoodsCommand::Count(CountCommand::Finish { start, goods }) => {
            let body = json!({ "start": start, "lines": lines(&goods.lines, "counted") });
            let answer = state(&client, "/v1/counts/finish", goods.key.as_deref(), body).await?;
            show(cli.json, &answer, &variances(&answer));
        }
    }
    Ok(())
}

async fn transfers(cli: &Cli, client: &Client) -> anyhow::Result<()> {
    let mut all: Vec<Value> = Vec::new();
    let mut query = String::new();
    loop {
        let page: Value = client.get(&format!("/v1/transfers?state=open{query}")).await?;
        all.extend(page["transfers"].as_array().into_iter().flatten().cloned());
        let Some(next) = page["next"].as_str() else { break };
        query = format!("&after={next}");
    }
    let mut words = String::new();
    for row in &all {
        let to = row["to"]["name"].as_str().unwrap_or_else(|| text(&row["to"]["stall"]));
        words.push_str(&format!("{} to {to}\n", text(&row["dispatch"])));
    }
    show(cli.json, &json!({ "transfers": all }), words.trim_end());
    Ok(())
}

async fn state(
    client: &Client,
    path: &str,
    key: Option<&str>,
    body: Value,
) -> anyhow::Result<Value> {
    let key = key_or_random(key)?;
    Ok(client.post_once(path, &key, &body).await?)
}

fn lines(lines: &[GoodsLine], field: &str) -> Vec<Value> {
    lines.iter().map(|line| line.body(field)).collect()
}

/// Reads `EPOCH:SEQ`.
fn place(text: &str) -> Result<PlaceBody, String> {
    let parts = text.split_once(':').map(|(epoch, seq)| (epoch, seq.parse::<u64>()));
    let place = match parts {
        Some((epoch, Ok(seq))) => {
            serde_json::from_value(json!({ "epoch": epoch, "seq": seq })).ok()
        }
        _ => None,
    };
    place.ok_or_else(|| "write it as EPOCH:SEQ; copy it from `count begin`".to_owned())
}

fn variances(answer: &Value) -> String {
    let mut words = format!("count {}", text(&answer["count"]));
    for line in answer["lines"].as_array().into_iter().flatten() {
        words.push_str(&format!(
            "\n  {}: counted {}, book {}, off by {}",
            text(&line["sku"]),
            line["counted"],
            line["book"],
            line["variance"]
        ));
    }
    words
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

//! The commands of `tentpole-node`. All but `join` and `run` talk to the running daemon through
//! its API; `verify` also works on a directory at rest.

mod goods;

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Parser, Subcommand};
use serde_json::{Value, json};
use shell::Exit;
use shell::client::{Client, ClientError, escape};
use shell::env::RealEnv;
use shell::findings::FindingsCommand;
use shell::read::{ItemStock, StockPage};
use transport::env::Env;

use crate::api::dto::StatusBody;
use crate::config::{self, Flags};
use crate::{daemon, join};

/// A stall's node: takes sales, keeps them, and syncs them whenever a network is there.
///
/// Exit codes: 0 done, 1 refused or failed, 2 usage, 3 no daemon runs, 4 verification found
/// something.
#[derive(Debug, Parser)]
#[command(name = "tentpole-node", version)]
pub struct Cli {
    /// The node's data directory
    #[arg(long, global = true, env = "TENTPOLE_DATA", default_value = "tentpole-data")]
    data: PathBuf,
    /// Answer in JSON
    #[arg(long, global = true)]
    json: bool,
    /// What is logged to stderr, as in `info` or `debug,quinn=warn`
    #[arg(long, global = true, value_name = "FILTER")]
    log: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Join a tenant with a token from `tentpole-control invite`
    Join {
        /// The token, copied whole
        token: String,
        /// The control's address, if it is not the one in the token
        #[arg(long, value_name = "HOST:PORT")]
        control: Option<String>,
    },
    /// Run the node
    Run {
        /// The configuration file [default: node.toml in the data directory, if there]
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        #[command(flatten)]
        flags: Flags,
    },
    /// Show peers, lag, and what is at risk now
    Status,
    /// Ring up a sale
    Sell {
        /// Lines, each SKU:THOUSANDTHS:MINOR-UNITS, as in 1004906:1000:199
        #[arg(required = true, value_name = "LINE")]
        lines: Vec<String>,
        /// How it is paid: cash, card or voucher
        #[arg(long, default_value = "cash")]
        tender: String,
        /// The idempotency key; a repeated one does not sell twice [default: drawn at random]
        #[arg(long)]
        key: Option<String>,
    },
    /// Show the stock, of everything or of one SKU
    Stock {
        /// The SKU
        sku: Option<String>,
    },
    #[command(flatten)]
    Goods(goods::GoodsCommand),
    /// What does not fit together, until somebody settles it
    #[command(subcommand)]
    Findings(FindingsCommand),
    /// Check every log on this disk: chains, signatures, leaves
    Verify,
    /// Take sync off and on, as a drill
    Link {
        /// up or down
        #[arg(value_parser = ["up", "down"])]
        state: String,
    },
    /// Manage the tills that may use the API
    #[command(subcommand)]
    Till(TillCommand),
}

#[derive(Debug, Subcommand)]
enum TillCommand {
    /// Make a till's token; it is shown once, and replaces an earlier one
    Add {
        /// The till's name
        name: String,
    },
}

/// Runs a command.
pub async fn run(cli: Cli) -> Exit {
    let filter = cli.log.as_deref();
    let quiet = !matches!(cli.command, Command::Run { .. });
    if let Err(error) = shell::logging::init(filter.or(quiet.then_some("warn"))) {
        eprintln!("error: {error}");
        return Exit::Usage;
    }
    match execute(&cli).await {
        Ok(exit) => exit,
        Err(error) => {
            eprintln!("error: {error:#}");
            error.downcast_ref::<ClientError>().map_or(Exit::Refused, Exit::from)
        }
    }
}

async fn execute(cli: &Cli) -> anyhow::Result<Exit> {
    let data = cli.data.as_path();
    match &cli.command {
        Command::Join { token, control } => {
            let env = RealEnv::new()?;
            let joined = join::join(&env, data, token, control.as_deref()).await?;
            let words = format!("joined tenant {}", joined.tenant);
            show(cli, &json!({ "tenant": joined.tenant.to_string() }), &words);
        }
        Command::Run { config: file, flags } => {
            return run_daemon(data, file.as_deref(), flags).await;
        }
        Command::Status => {
            let status: StatusBody = Client::open(data)?.get("/v1/status").await?;
            show(cli, &serde_json::to_value(&status)?, status.in_words().trim_end());
        }
        Command::Sell { lines, tender, key } => sell(cli, lines, tender, key.as_deref()).await?,
        Command::Stock { sku } => stock(cli, sku.as_deref()).await?,
        Command::Goods(command) => goods::run(cli, command).await?,
        Command::Findings(command) => {
            let (answer, words) = shell::findings::run(&Client::open(data)?, command).await?;
            show(cli, &answer, &words);
        }
        Command::Verify => return verify_logs(cli).await,
        Command::Link { state } => {
            let body = json!({ "up": state == "up" });
            let answer: Value = Client::open(data)?.put("/v1/link", &body).await?;
            show(cli, &answer, &format!("link {state}"));
        }
        Command::Till(TillCommand::Add { name }) => {
            let body = json!({ "name": name });
            let answer: Value = Client::open(data)?.post("/v1/tills", &body).await?;
            let token = answer["token"].as_str().unwrap_or_default();
            show(cli, &answer, &format!("till {name}: token {token}"));
        }
    }
    Ok(Exit::Ok)
}

async fn run_daemon(data: &Path, file: Option<&Path>, flags: &Flags) -> anyhow::Result<Exit> {
    let config = match config::read(data, file, flags) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("error: {error}");
            return Ok(Exit::Usage);
        }
    };
    let stop = shell::signals::stop_requested()?;
    daemon::run(RealEnv::new()?, data, &config, stop).await?;
    Ok(Exit::Ok)
}

async fn sell(cli: &Cli, lines: &[String], tender: &str, key: Option<&str>) -> anyhow::Result<()> {
    let client = Client::open(&cli.data)?;
    let summary: Value = client.get("/v1/sales/summary").await?;
    let mut bodies = Vec::new();
    let mut due: i64 = 0;
    for line in lines {
        let mut parts = line.rsplitn(3, ':');
        let (amount, quantity, sku) = (parts.next(), parts.next(), parts.next());
        let amount: Option<i64> = amount.and_then(|text| text.parse().ok());
        let quantity: Option<u64> = quantity.and_then(|text| text.parse().ok());
        let ((Some(amount), Some(quantity)), Some(sku)) = ((amount, quantity), sku) else {
            anyhow::bail!("line {line:?} is not SKU:THOUSANDTHS:MINOR-UNITS, as in tea:1000:199");
        };
        due = due.checked_add(amount).context("the amounts are too large")?;
        bodies.push(json!({ "sku": sku, "quantity": quantity, "amount": amount }));
    }
    let (key, at) = stamp(key)?;
    let body = json!({
        "sold_at": at,
        "currency": summary["currency"],
        "lines": bodies,
        "tenders": [{ "kind": tender, "amount": due }],
    });
    let answer: Value = client.post_once("/v1/sales", &key, &body).await?;
    let words = format!("sold {} for {} minor units", answer["sale"], answer["total"]);
    show(cli, &answer, &words);
    Ok(())
}

/// The idempotency key, drawn if none is given, and the time, of a request made now.
fn stamp(key: Option<&str>) -> anyhow::Result<(String, String)> {
    let env = RealEnv::new()?;
    let mut random = [0; 8];
    env.fill_random(&mut random);
    let key = key.map_or_else(|| engine::hex::encode(&random), str::to_owned);
    let wall_ms = i64::try_from(env.now().wall_ms)?;
    let at = jiff::Timestamp::from_millisecond(wall_ms)?.to_string().replace('Z', "+00:00");
    Ok((key, at))
}

async fn stock(cli: &Cli, sku: Option<&str>) -> anyhow::Result<()> {
    let client = Client::open(&cli.data)?;
    if let Some(sku) = sku {
        let item: ItemStock = client.get(&format!("/v1/stock/{}", escape(sku))).await?;
        show(cli, &serde_json::to_value(&item)?, &stock_line(&item));
        return Ok(());
    }
    let mut items = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let query = after.map(|sku| format!("?after={}", escape(&sku))).unwrap_or_default();
        let page: StockPage = client.get(&format!("/v1/stock{query}")).await?;
        items.extend(page.items);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let words: Vec<String> = items.iter().map(stock_line).collect();
    show(cli, &json!({ "items": items }), &words.join("\n"));
    Ok(())
}

fn stock_line(item: &ItemStock) -> String {
    let name = item.name.as_deref().unwrap_or("");
    let (whole, part) = (item.quantity / 1000, (item.quantity % 1000).abs());
    let sign = if item.quantity < 0 && whole == 0 { "-" } else { "" };
    let aside = match item.reserved {
        0 => String::new(),
        reserved => format!("  ({reserved} thousandths reserved)"),
    };
    format!("{sign}{whole}.{part:03}  {}  {name}{aside}", item.sku)
}

async fn verify_logs(cli: &Cli) -> anyhow::Result<Exit> {
    let report = shell::daemon::verify(&RealEnv::new()?, &cli.data).await?;
    show(cli, &serde_json::to_value(&report)?, &shell::read::report_words(&report));
    Ok(if report.ok { Exit::Ok } else { Exit::Data })
}

fn show(cli: &Cli, json: &Value, words: &str) {
    if cli.json {
        println!("{json}");
    } else {
        println!("{words}");
    }
}

//! The commands of `tentpole-node`. All but `join` and `run` talk to the running daemon through
//! its API; `verify` also works on a directory at rest.

mod goods;
mod sell;
#[cfg(test)]
mod tests;
mod till;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand};
use serde_json::{Value, json};
use shell::Exit;
use shell::catalogue::command::{self as catalogue, CatalogueCommand};
use shell::client::{Client, ClientError, escape};
use shell::env::RealEnv;
use shell::findings::FindingsCommand;
use shell::lan::TillApi;
use shell::read::{ItemStock, StockPage};
use shell::rights::RightsPage;
use shell::show::show;

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
    Sell(sell::Sell),
    /// Say where the live page is, for a browser on this machine
    Page,
    /// Show the stock, of everything or of one SKU
    Stock {
        /// The SKU
        sku: Option<String>,
    },
    /// Read and edit the catalogue
    #[command(subcommand)]
    Catalogue(CatalogueCommand),
    #[command(flatten)]
    Goods(goods::GoodsCommand),
    /// What does not fit together, until somebody settles it
    #[command(subcommand)]
    Findings(FindingsCommand),
    /// Move cash into or out of the operator's drawer
    Cash {
        /// Which way
        #[arg(value_parser = ["in", "out", "drop"])]
        direction: String,
        /// Minor units
        amount: i64,
        /// Why
        #[arg(long, default_value = "")]
        reason: String,
        /// The idempotency key; a repeated one does not move it twice [default: drawn at random]
        #[arg(long)]
        key: Option<String>,
    },
    /// Close a business day
    #[command(subcommand)]
    Day(DayCommand),
    /// Show a receipt, or print another copy of one
    #[command(subcommand)]
    Receipt(ReceiptCommand),
    /// Show who may sell how much of promised goods; give rights, or ask for some
    #[command(subcommand)]
    Rights(RightsCommand),
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
    /// Show where tills on the LAN reach the node, and the certificate for them to pin
    Certificate,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DayCommand {
    /// State what was counted over all drawers; no sale for the day is taken after this
    Close {
        /// Minor units counted
        #[arg(long)]
        counted: i64,
        /// The business day, as in 2017-01-01
        #[arg(long)]
        day: String,
        /// The idempotency key [default: drawn at random]
        #[arg(long)]
        key: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ReceiptCommand {
    /// Show the receipts of a till with this number
    Show {
        /// The till
        till: String,
        /// The number
        number: u64,
    },
    /// Count a copy of a sale's or refund's receipt, and show it
    Reprint {
        /// The sale or refund
        document: String,
        /// The idempotency key; a repeated one does not count twice [default: drawn at random]
        #[arg(long)]
        key: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
enum RightsCommand {
    /// Show the rights, to everything or to one SKU
    Show {
        /// The SKU
        sku: Option<String>,
    },
    /// Give rights to another stall
    Grant(Move),
    /// Ask another stall for rights
    Ask(Move),
}

#[derive(Debug, clap::Args)]
struct Move {
    /// The other stall's device id, from `status`
    device: String,
    /// The SKU
    sku: String,
    /// Thousandths
    quantity: u64,
    /// The idempotency key; a repeated one moves nothing twice [default: drawn at random]
    #[arg(long)]
    key: Option<String>,
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
            show(cli.json, &json!({ "tenant": joined.tenant.to_string() }), &words);
        }
        Command::Run { config: file, flags } => {
            return run_daemon(data, file.as_deref(), flags).await;
        }
        Command::Status => {
            let status: StatusBody = Client::open(data)?.get("/v1/status").await?;
            show(cli.json, &status, status.in_words().trim_end());
        }
        Command::Page => {
            let url = Client::open(data)?.url("/");
            show(cli.json, &json!({ "url": url }), &url);
        }
        Command::Sell(sell) => sell::run(cli, sell).await?,
        Command::Stock { sku } => stock(cli, sku.as_deref()).await?,
        Command::Catalogue(command) => {
            let (answer, words) = catalogue::run(&Client::open(data)?, command).await?;
            show(cli.json, &answer, &words);
        }
        Command::Goods(command) => goods::run(cli, command).await?,
        Command::Findings(command) => {
            let (answer, words) = shell::findings::run(&Client::open(data)?, command).await?;
            show(cli.json, &answer, &words);
        }
        Command::Cash { direction, amount, reason, key } => {
            let moved = till::cash(data, direction, *amount, reason, key.as_deref()).await?;
            show(cli.json, &moved.json, &moved.words);
        }
        Command::Day(command) => {
            let closed = till::day(data, command).await?;
            show(cli.json, &closed.json, &closed.words);
        }
        Command::Receipt(command) => {
            let receipt = till::receipt(data, command).await?;
            show(cli.json, &receipt.json, &receipt.words);
        }
        Command::Rights(command) => rights(cli, command).await?,
        Command::Verify => return verify_logs(cli).await,
        Command::Link { state } => {
            let body = json!({ "up": state == "up" });
            let answer: Value = Client::open(data)?.put("/v1/link", &body).await?;
            show(cli.json, &answer, &format!("link {state}"));
        }
        Command::Till(TillCommand::Add { name }) => {
            let body = json!({ "name": name });
            let answer: Value = Client::open(data)?.post("/v1/tills", &body).await?;
            let token = answer["token"].as_str().unwrap_or_default();
            show(cli.json, &answer, &format!("till {name}: token {token}"));
        }
        Command::Till(TillCommand::Certificate) => {
            let answer: TillApi = Client::open(data)?.get("/v1/till-api").await?;
            let TillApi { address, hosts, fingerprint, certificate } = &answer;
            let hosts = hosts.join(", ");
            let words =
                format!("https on {address} as {hosts}\nSHA-256 {fingerprint}\n{certificate}");
            show(cli.json, &answer, words.trim_end());
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

async fn rights(cli: &Cli, command: &RightsCommand) -> anyhow::Result<()> {
    let client = Client::open(&cli.data)?;
    let (path, other, words, moved) = match command {
        RightsCommand::Show { sku } => return show_rights(cli, &client, sku.as_deref()).await,
        RightsCommand::Grant(moved) => ("/v1/rights/grants", "to", "granted", moved),
        RightsCommand::Ask(moved) => ("/v1/rights/requests", "from", "asked for", moved),
    };
    let Move { device, sku, quantity, key } = moved;
    let body = json!({ other: device, "sku": sku, "quantity": quantity });
    let key = till::key_or_random(key.as_deref())?;
    let answer: Value = client.post_once(path, &key, &body).await?;
    show(cli.json, &answer, &format!("{words} {quantity} thousandths of {sku}"));
    Ok(())
}

async fn show_rights(cli: &Cli, client: &Client, sku: Option<&str>) -> anyhow::Result<()> {
    let page = RightsPage::whole(client, sku).await?;
    show(cli.json, &page, &page.in_words());
    Ok(())
}

async fn stock(cli: &Cli, sku: Option<&str>) -> anyhow::Result<()> {
    let client = Client::open(&cli.data)?;
    if let Some(sku) = sku {
        let item: ItemStock = client.get(&format!("/v1/stock/{}", escape(sku))).await?;
        show(cli.json, &item, &stock_line(&item));
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
    show(cli.json, &BTreeMap::from([("items", &items)]), &words.join("\n"));
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
    show(cli.json, &report, &shell::read::report_words(&report));
    Ok(if report.ok { Exit::Ok } else { Exit::Data })
}

//! The commands of `tentpole-control`. All but `init` and `run` talk to the running daemon through
//! its API; `verify` also works on a directory at rest.

mod prices;

use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand};
use serde_json::{Value, json};
use shell::Exit;
use shell::arguments::{GoodsLine, goods_line};
use shell::catalogue::command::{self as catalogue, CatalogueCommand};
use shell::client::{Client, ClientError, escape};
use shell::env::RealEnv;
use shell::findings::FindingsCommand;

use shell::rights::RightsPage;
use shell::show::show;

use crate::config::{self, Flags};
use crate::{daemon, found};

/// The central aggregator: enrols stalls, holds what they sync, and signs receipts for it.
///
/// Exit codes: 0 done, 1 refused or failed, 2 usage, 3 no daemon runs, 4 verification found
/// something.
#[derive(Debug, Parser)]
#[command(name = "tentpole-control", version)]
pub struct Cli {
    /// The control's data directory
    #[arg(long, global = true, env = "TENTPOLE_DATA", default_value = "tentpole-control-data")]
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
    /// Found a tenant: make its root key, this control's key and the charter
    Init {
        /// What people call the tenant
        #[arg(long)]
        tenant: String,
        /// The merchant that is meant where none is named
        #[arg(long, default_value = "main")]
        merchant: String,
        /// The market's currency, an ISO 4217 code
        #[arg(long)]
        currency: String,
    },
    /// Run the control
    Run {
        /// The configuration file [default: control.toml in the data directory, if there]
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        #[command(flatten)]
        flags: Flags,
    },
    /// Make a one-time join token for a stall
    Invite {
        /// What the stall will be called
        #[arg(long)]
        name: String,
        /// The merchant it sells for [default: the one given to init]
        #[arg(long)]
        merchant: Option<String>,
        /// Minutes that the token is valid for [default: a day]
        #[arg(long)]
        minutes: Option<u64>,
        /// This control's address, as the stall reaches it [default: as configured]
        #[arg(long, value_name = "HOST:PORT")]
        address: Option<String>,
    },
    /// End a stall's rights and close its connections
    Revoke {
        /// The stall's device id, from `status`
        device: String,
    },
    /// Read and edit the catalogue
    #[command(subcommand)]
    Catalogue(CatalogueCommand),
    /// Begin a new season: the items that stand go on, without their history
    Season {
        /// What people call it
        name: String,
        /// Of values in conflict those shown win; otherwise conflicts refuse the season
        #[arg(long)]
        winners: bool,
        /// The merchant [default: the one given to init]
        #[arg(long)]
        merchant: Option<String>,
    },
    /// Publish price bundles, show them, and what sales on old ones cost
    #[command(subcommand)]
    Prices(prices::PricesCommand),
    /// Take a lost stall's promise rights for another; its late sales may be sold twice
    Forfeit {
        /// The lost stall's device id, from `status`
        device: String,
        /// The device id of the stall that has them from now on
        #[arg(long, value_name = "DEVICE")]
        to: String,
        /// What, as SKU:THOUSANDTHS; may be given several times [default: everything]
        #[arg(long = "line", value_name = "LINE", value_parser = goods_line)]
        lines: Vec<GoodsLine>,
    },
    /// Show who may sell how much of promised goods
    Rights,
    /// Show every stall with its lag, and what is wrong
    Status,
    /// Say where the live page is, for a browser on this machine
    Page,
    /// What does not fit together, until somebody settles it
    #[command(subcommand)]
    Findings(FindingsCommand),
    /// Check every log on this disk: chains, signatures, leaves
    Verify,
    /// Print every event as one line of JSON
    Export,
}

/// Runs a command.
pub async fn run(cli: Cli) -> Exit {
    let quiet = !matches!(cli.command, Command::Run { .. });
    if let Err(error) = shell::logging::init(cli.log.as_deref().or(quiet.then_some("warn"))) {
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
        Command::Init { tenant, merchant, currency } => {
            let founded = found::found(&RealEnv::new()?, data, tenant, merchant, currency).await?;
            let root = founded.root_key.display().to_string();
            let words = format!(
                "founded tenant {}\nIts root key is {root}: move it to a safe place offline. It is \
                 needed only to replace a lost control.",
                founded.tenant
            );
            let body = json!({ "tenant": founded.tenant.to_string(), "root_key": root });
            show(cli.json, &body, &words);
        }
        Command::Run { config: file, flags } => {
            return run_daemon(data, file.as_deref(), flags).await;
        }
        Command::Invite { name, merchant, minutes, address } => {
            let mut body = json!({ "name": name });
            for (field, value) in [("merchant", json!(merchant)), ("address", json!(address))] {
                if !value.is_null() {
                    body[field] = value;
                }
            }
            if let Some(minutes) = minutes {
                body["minutes"] = json!(minutes);
            }
            let answer: Value = Client::open(data)?.post("/v1/invites", &body).await?;
            show(cli.json, &answer, answer["token"].as_str().unwrap_or_default());
        }
        Command::Revoke { device } => {
            let body = json!({ "device": device });
            let answer: Value = Client::open(data)?.post("/v1/revocations", &body).await?;
            show(cli.json, &answer, &format!("revoked {device}"));
        }
        Command::Catalogue(command) => {
            let (answer, words) = catalogue::run(&Client::open(data)?, command).await?;
            show(cli.json, &answer, &words);
        }
        Command::Season { name, winners, merchant } => {
            let mut body = json!({ "name": name, "winners": winners });
            if let Some(merchant) = merchant {
                body["merchant"] = json!(merchant);
            }
            let answer: Value = Client::open(data)?.post("/v1/catalogue/seasons", &body).await?;
            show(cli.json, &answer, &format!("season {} has begun", answer["season"]));
        }
        Command::Prices(command) => prices::run(cli, command).await?,
        Command::Forfeit { device, to, lines } => forfeit(cli, device, to, lines).await?,
        Command::Rights => {
            let page = RightsPage::whole(&Client::open(data)?, None).await?;
            show(cli.json, &page, &page.in_words());
        }
        Command::Status => {
            let status: Value = Client::open(data)?.get("/v1/status").await?;
            show(cli.json, &status, &in_words(&status));
        }
        Command::Page => {
            let url = Client::open(data)?.url("/");
            show(cli.json, &json!({ "url": url }), &url);
        }
        Command::Findings(command) => {
            let (answer, words) = shell::findings::run(&Client::open(data)?, command).await?;
            show(cli.json, &answer, &words);
        }
        Command::Verify => return verify_logs(cli).await,
        Command::Export => export(data).await?,
    }
    Ok(Exit::Ok)
}

async fn forfeit(cli: &Cli, device: &str, to: &str, lines: &[GoodsLine]) -> anyhow::Result<()> {
    let mut body = json!({ "device": device, "to": to });
    if !lines.is_empty() {
        body["lines"] = lines.iter().map(|line| line.body("quantity")).collect();
    }
    let answer: Value = Client::open(&cli.data)?.post("/v1/rights/forfeits", &body).await?;
    let count = answer["forfeited"].as_array().map_or(0, Vec::len);
    show(cli.json, &answer, &format!("forfeited {count} lines of {device} to {to}"));
    Ok(())
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

async fn export(data: &Path) -> anyhow::Result<()> {
    use std::io::Write;
    let client = Client::open(data)?;
    let mut out = std::io::stdout().lock();
    let mut after: Option<String> = None;
    loop {
        let query = after.map(|id| format!("?after={}", escape(&id))).unwrap_or_default();
        let page: Value = client.get(&format!("/v1/events{query}")).await?;
        for event in page["events"].as_array().into_iter().flatten() {
            writeln!(out, "{event}")?;
        }
        after = page["next"].as_str().map(str::to_owned);
        if after.is_none() {
            return Ok(());
        }
    }
}

async fn verify_logs(cli: &Cli) -> anyhow::Result<Exit> {
    let report = shell::daemon::verify(&RealEnv::new()?, &cli.data).await?;
    show(cli.json, &report, &shell::read::report_words(&report));
    Ok(if report.ok { Exit::Ok } else { Exit::Data })
}

fn in_words(status: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut out = format!("{} ({} events)", text(&status["name"]), status["events"]);
    if let Some(reason) = status["halted"].as_str() {
        out.push_str(&format!("\n  HALTED: {reason}"));
    }
    for stall in status["stalls"].as_array().into_iter().flatten() {
        let state = match (stall["revoked"] == true, stall["connected"] == true) {
            (true, _) => "revoked",
            (_, true) => "connected",
            _ => "not connected",
        };
        let seen =
            stall["last_seen_ms"].as_u64().map_or("never".to_owned(), |ms| format!("{ms} ms ago"));
        out.push_str(&format!(
            "\n  {}  {state}, {} events here, {} behind, last seen {seen}\n    {}",
            text(&stall["name"]),
            stall["events"],
            stall["behind"],
            text(&stall["stall"]),
        ));
    }
    for fork in status["forks"].as_array().into_iter().flatten() {
        out.push_str(&format!(
            "\n  FORK: device {} has two branches after event {}; its disk was cloned or restored",
            text(&fork["device"]),
            fork["after_seq"]
        ));
    }
    out
}

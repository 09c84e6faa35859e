//! The commands about findings, the same at both daemons.

use clap::Subcommand;
use engine::hash::Hash;
use serde::Serialize;
use serde_json::{Value, json};

use crate::client::{Client, ClientError};
use crate::read::findings::{FindingEntry, FindingPage, FindingsPage};
use crate::settle::SettleAnswer;

/// What can be done about findings.
#[derive(Debug, Clone, Subcommand)]
pub enum FindingsCommand {
    /// List what does not fit together
    List {
        /// Those that are settled too
        #[arg(long)]
        all: bool,
    },
    /// Show one, with the events that prove it
    Show {
        /// Its id
        id: Hash,
    },
    /// Say that somebody has looked at all its evidence, and what was done
    Settle {
        /// Its id
        id: Hash,
        /// What was done about it
        #[arg(long)]
        note: String,
        /// The idempotency key; a repeated one does not settle twice [default: from the finding]
        #[arg(long)]
        key: Option<String>,
    },
}

/// What a command found or did, for programs. It holds no `Value`, which cannot hold every sum.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Told {
    /// One finding.
    One(FindingPage),
    /// Those that were asked for.
    All {
        /// The findings, by id.
        findings: Vec<FindingEntry>,
    },
    /// The settlement that stands.
    Settled(SettleAnswer),
}

/// Runs a command; gives its answer for programs and in words.
pub async fn run(
    client: &Client,
    command: &FindingsCommand,
) -> Result<(Told, String), ClientError> {
    match command {
        FindingsCommand::List { all } => list(client, if *all { "all" } else { "open" }).await,
        FindingsCommand::Show { id } => {
            let page: FindingPage = client.get(&format!("/v1/findings/{id}")).await?;
            let mut words = line(&page.finding);
            for evidence in &page.finding.evidence {
                let settled = if evidence.settled_by.is_some() { "settled" } else { "open" };
                words.push_str(&format!("\n  {settled}  event {}", evidence.event));
            }
            Ok((Told::One(page), words))
        }
        FindingsCommand::Settle { id, note, key } => {
            let page: FindingPage = client.get(&format!("/v1/findings/{id}")).await?;
            let events: Vec<String> =
                page.finding.evidence.into_iter().map(|evidence| evidence.event).collect();
            // The same evidence is the same settlement, so that a repeated command does nothing.
            let told = json!({ "evidence": events, "note": note });
            let digest = blake3::hash(told.to_string().as_bytes()).to_hex();
            let key = key.clone().unwrap_or_else(|| digest.as_str()[..32].to_owned());
            let path = format!("/v1/findings/{id}/resolve");
            let answer = client.post_once(&path, &key, &told).await?;
            Ok((Told::Settled(answer), format!("settled {} events of {id}", events.len())))
        }
    }
}

async fn list(client: &Client, state: &str) -> Result<(Told, String), ClientError> {
    let mut findings: Vec<FindingEntry> = Vec::new();
    let mut after = String::new();
    loop {
        let page: FindingsPage = client.get(&format!("/v1/findings?state={state}{after}")).await?;
        findings.extend(page.findings);
        match page.next {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    let words: Vec<String> = findings.iter().map(line).collect();
    let words = if words.is_empty() { "no findings".to_owned() } else { words.join("\n") };
    Ok((Told::All { findings }, words))
}

/// One finding in a line.
pub fn line(finding: &FindingEntry) -> String {
    let rule = serde_json::to_value(finding.rule).unwrap_or(Value::Null);
    let rule = rule.as_str().unwrap_or_default().to_owned();
    let state = if finding.open { "OPEN   " } else { "settled" };
    format!(
        "{state} {rule}: {} ({} events; {} minor units, {} thousandths at stake)  {}",
        finding.subject,
        finding.evidence.len(),
        finding.money,
        finding.quantity,
        finding.id
    )
}

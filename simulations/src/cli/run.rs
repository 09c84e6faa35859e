//! `run`, `list`, `explain`.

use std::path::PathBuf;

use anyhow::ensure;
use tentpole_simulations::record::picture;
use tentpole_simulations::run::{self, Options};
use tentpole_simulations::scenario;

use super::args::ScenarioArgs;

/// What `run` is given.
#[derive(Debug, clap::Args)]
pub struct RunArgs {
    #[command(flatten)]
    scenario: ScenarioArgs,
    /// Draws customers, faults left to chance, and the network's luck; the file's own if left out
    #[arg(long)]
    seed: Option<u64>,
    /// End with one JSON object
    #[arg(long)]
    json: bool,
    /// Write the run as one page that needs no network
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write the datagrams that arrive over all links
    #[arg(long, value_name = "FILE")]
    pcap: Option<PathBuf>,
}

/// Runs one seed of a scenario.
pub fn run(args: &RunArgs) -> anyhow::Result<()> {
    let scenario = args.scenario.read()?;
    let seed = args.seed.or(scenario.seed).unwrap_or(0);
    let options =
        Options { picture: args.html.is_some(), stop_at_first: false, capture: args.pcap.clone() };
    let finished = run::run(&scenario, seed, &options)?;
    if let (Some(path), Some(run)) = (&args.html, &finished.run) {
        picture::write(run, path)?;
    }
    let outcome = &finished.outcome;
    if args.json {
        println!("{}", serde_json::to_string(outcome)?);
    } else {
        println!("{}", outcome.in_words());
    }
    let failed: Vec<&str> = outcome.violations.iter().map(|failed| failed.checker).collect();
    ensure!(outcome.held(), "did not hold: {}", failed.join(", "));
    Ok(())
}

/// Names the built-in scenarios.
pub fn list() -> anyhow::Result<()> {
    for name in scenario::list() {
        println!("{name:18} {}", scenario::find(name, &[])?.about);
    }
    Ok(())
}

/// Says what a scenario models.
pub fn explain(args: &ScenarioArgs) -> anyhow::Result<()> {
    print!("{}", scenario::explain(&args.read()?));
    Ok(())
}

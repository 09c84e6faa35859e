//! `tentpole-sim`: see `tentpole-sim --help`.

mod cli;

use std::ops::Range;

use clap::{Parser, Subcommand};
use cli::protocol::{self, NightFlags};
use shell::Exit;
use tentpole_simulations::{bench, escrow, market, replay};

/// Runs Tentpole in made-up and in real markets, and checks every cent.
///
/// Exit codes: 0 everything held, 1 something did not, 2 usage.
#[derive(Debug, Parser)]
#[command(name = "tentpole-sim", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run one seed of a scenario: real daemons and real QUIC in virtual time
    Run(cli::run::RunArgs),
    /// Run many seeds of a scenario
    Sweep(cli::sweep::SweepArgs),
    /// Make a failing run small, and a test of it
    Shrink(cli::shrink::ShrinkArgs),
    /// Name the scenarios that come with it
    List,
    /// Say in words what a scenario models
    Explain(cli::args::ScenarioArgs),
    /// Run one market night with faults at the protocol level: pure cores over messages
    Night {
        /// Draws sales, faults and the network
        #[arg(long, default_value_t = 0)]
        seed: u64,
        #[command(flatten)]
        night: NightFlags,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Run many such nights, one for each seed
    Nights {
        /// FIRST..END, END not included
        #[arg(long, default_value = "0..100", value_parser = cli::seeds)]
        seeds: Range<u64>,
        #[command(flatten)]
        night: NightFlags,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Run generated histories, one for each seed, and compare all books with a second fold
    Histories {
        /// FIRST..END, END not included
        #[arg(long, default_value = "0..1000", value_parser = cli::seeds)]
        seeds: Range<u64>,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Sell every basket of every store at the protocol level
    Market {
        #[command(flatten)]
        options: market::Options,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Sell a year with the popular items short and promised, on stalls that are cut off
    Escrow {
        #[command(flatten)]
        options: escrow::Options,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Sell a year again through the real binaries; what `make demo` does
    Replay(replay::Options),
    /// Measure the real binaries
    #[command(subcommand)]
    Bench(bench::Bench),
}

/// Not inside of a runtime: there tokio's channels yield to it every so often, and in a simulation
/// time would stand still.
fn main() -> Exit {
    match execute(Cli::parse().command) {
        Ok(()) => Exit::Ok,
        Err(error) => {
            eprintln!("error: {error:#}");
            Exit::Refused
        }
    }
}

fn execute(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Run(args) => cli::run::run(&args),
        Command::Sweep(args) => cli::sweep::sweep(&args),
        Command::Shrink(args) => cli::shrink::shrink(&args),
        Command::List => cli::run::list(),
        Command::Explain(args) => cli::run::explain(&args),
        Command::Night { seed, night, json } => protocol::night(night.night(seed), json),
        Command::Nights { seeds, night, json } => protocol::nights(seeds, night, json),
        Command::Histories { seeds, json } => protocol::many_histories(seeds, json),
        Command::Market { options, json } => protocol::sell_all(&options, json),
        Command::Escrow { options, json } => protocol::promise(&options, json),
        Command::Replay(options) => with_runtime(replay::command(options)),
        Command::Bench(bench) => with_runtime(bench::command(bench)),
    }
}

/// Runs what talks to real processes.
fn with_runtime(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Runtime::new()?.block_on(work)
}

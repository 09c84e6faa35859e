//! `sweep`: one scenario under many seeds, some at a time.

use std::ops::Range;

use anyhow::ensure;
use serde_json::json;
use tentpole_simulations::run::sweep::{self, Seed, Sum};

use super::args::ScenarioArgs;
use super::{progress, seeds};

/// What `sweep` is given.
#[derive(Debug, clap::Args)]
pub struct SweepArgs {
    #[command(flatten)]
    scenario: ScenarioArgs,
    /// FIRST..END, END not included
    #[arg(long, default_value = "0..20", value_parser = seeds)]
    seeds: Range<u64>,
    /// Seeds at a time
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: u16,
    /// End with one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs many seeds and sums up.
pub fn sweep(args: &SweepArgs) -> anyhow::Result<()> {
    let scenario = args.scenario.read()?;
    let bar = progress(&args.seeds)?;
    let sum = sweep::sweep(&scenario, args.seeds.clone(), usize::from(args.jobs), &mut |seed| {
        if let Some(words) = seed.failure() {
            bar.println(format!("seed {}: {words}", seed.seed));
        }
        bar.inc(1);
    });
    bar.finish_and_clear();
    let unreached = sum.unreached(&scenario);
    if args.json {
        println!("{}", in_json(&scenario.name, &sum, &unreached));
    } else {
        in_words(&scenario.name, &sum);
    }
    let failing: Vec<u64> = sum.failed.iter().map(|seed| seed.seed).collect();
    ensure!(failing.is_empty(), "failing seeds: {failing:?}; `run --seed N --html FILE` draws one");
    ensure!(unreached.is_empty(), "never reached: {}; more seeds, or mend", unreached.join(", "));
    Ok(())
}

fn in_words(name: &str, sum: &Sum) {
    println!(
        "{name}: {} seeds, {} failed; slowest convergence {} ms; {:.0} virtual seconds in {:.1} \
         s, {} x; {} datagrams",
        sum.seeds,
        sum.failed.len(),
        sum.slowest_healing_ms,
        sum.sim.as_secs_f64(),
        sum.wall.as_secs_f64(),
        sum.speed(),
        sum.datagrams
    );
    let marks: Vec<String> = sum.marks.iter().map(|(name, n)| format!("{name} {n}")).collect();
    println!("marks: {}", marks.join(", "));
    for seed in &sum.failed {
        println!("seed {}: {}", seed.seed, seed.failure().unwrap_or_default());
    }
}

fn in_json(name: &str, sum: &Sum, unreached: &[String]) -> serde_json::Value {
    let failed = |seed: &Seed| json!({ "seed": seed.seed, "failure": seed.failure() });
    json!({
        "scenario": name,
        "seeds": sum.seeds,
        "failed": sum.failed.iter().map(failed).collect::<Vec<_>>(),
        "slowest_healing_ms": sum.slowest_healing_ms,
        "sim_seconds": sum.sim.as_secs_f64(),
        "wall_seconds": sum.wall.as_secs_f64(),
        "speed": sum.speed(),
        "datagrams": sum.datagrams,
        "marks": sum.marks,
        "unreached": unreached,
    })
}

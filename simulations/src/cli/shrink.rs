//! `shrink`: makes a failing run small, and a test of it.

use std::path::PathBuf;
use std::time::Duration;

use indicatif::ProgressBar;
use tentpole_simulations::case::Case;
use tentpole_simulations::run::shrinking;
use tentpole_simulations::scenario;
use tentpole_simulations::shrink::Effort;

use super::args::ScenarioArgs;

/// What `shrink` is given.
#[derive(Debug, clap::Args)]
pub struct ShrinkArgs {
    #[command(flatten)]
    scenario: ScenarioArgs,
    /// The seed that fails; the file's own if left out
    #[arg(long)]
    seed: Option<u64>,
    /// The most runs
    #[arg(long, default_value_t = 400)]
    runs: u32,
    /// Where the scenario and the test go
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
}

/// Leaves out what the failure does not need.
pub fn shrink(args: &ShrinkArgs) -> anyhow::Result<()> {
    let scenario = args.scenario.read()?;
    let seed = args.seed.or(scenario.seed).unwrap_or(0);
    let effort = Effort { runs_max: args.runs, grain: Duration::from_millis(100) };
    let bar = ProgressBar::new_spinner();
    let mut failed = 0;
    let small = shrinking::shrink(&scenario, seed, effort, &mut |fails| {
        failed += u32::from(fails);
        bar.inc(1);
        bar.set_message(format!("{} runs, {failed} of them smaller and failing", bar.position()));
    })?;
    bar.finish_and_clear();
    let text = scenario::to_toml(&small.scenario)?;
    let case = Case {
        name: &small.scenario.name,
        scenario: &text,
        seed,
        checker: &small.checker,
        fails_at: small.fails_at,
        text: &small.text,
    };
    let files = case.write(&args.out)?;
    let least = if small.is_minimal { "nothing more can be left out" } else { "out of runs" };
    println!("{} runs, {least}; {} still fails: {}", small.runs, small.checker, small.text);
    println!("{}\n{}", files.scenario.display(), files.test.display());
    Ok(())
}

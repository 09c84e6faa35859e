//! What several commands are given: a scenario, and what is changed in it.

use tentpole_simulations::scenario::{self, Scenario};

/// A scenario.
#[derive(Debug, clap::Args)]
pub struct ScenarioArgs {
    /// A name that `list` shows, or a file
    pub scenario: String,
    /// Changes a field, as in workload.mean-seconds=5; may be given several times
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub settings: Vec<String>,
    /// Lets a carrier run on two Mahimahi traces instead of its rates
    #[arg(long = "carrier", value_name = "NAME=UP,DOWN")]
    pub carriers: Vec<String>,
}

impl ScenarioArgs {
    /// Reads it.
    pub fn read(&self) -> anyhow::Result<Scenario> {
        let mut scenario = scenario::find(&self.scenario, &self.settings)?;
        for setting in &self.carriers {
            scenario::trace_carrier(&mut scenario, setting)?;
        }
        Ok(scenario)
    }
}

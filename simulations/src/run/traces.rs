//! The Mahimahi traces that a scenario's links run on, from their files.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::sync::Arc;

use anyhow::{Context, ensure};

use crate::net::Trace;
use crate::net::limits::TRACE_BYTES_MAX;
use crate::scenario::Scenario;

/// All of them, by the name in the scenario: the path of the file.
pub fn load(scenario: &Scenario) -> anyhow::Result<BTreeMap<String, Arc<Trace>>> {
    let mut traces = BTreeMap::new();
    for name in scenario.traces() {
        let file = File::open(name).with_context(|| format!("the trace {name} cannot be read"))?;
        let mut bytes = Vec::new();
        // One more than fits, so that what is too large is found out.
        file.take(TRACE_BYTES_MAX as u64 + 1)
            .read_to_end(&mut bytes)
            .with_context(|| format!("the trace {name} cannot be read"))?;
        ensure!(bytes.len() <= TRACE_BYTES_MAX, "{name}: more than {TRACE_BYTES_MAX} bytes");
        let trace = Trace::parse(&bytes).with_context(|| format!("trace {name}"))?;
        traces.insert(name.to_owned(), Arc::new(trace));
    }
    Ok(traces)
}

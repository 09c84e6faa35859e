//! `--set key=value`: changes a field of a scenario before it is read.
//!
//! Keys have dots, as in `workload.mean-seconds` or `faults.0.at-seconds`. A key that no scenario
//! has is found when the value is read, like one in a file.

use thiserror::Error;
use toml::{Table, Value};

use super::spec::Scenario;
use super::typed::{Step, kind_of};

/// Why a field cannot be set.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SetError {
    /// There is no `=` in it, or nothing before.
    #[error("{0:?} sets nothing; write key=value, as in workload.mean-seconds=5")]
    NoKey(String),
    /// The key leads through something that has no fields.
    #[error("{key}: {at} is {kind}, which has no field {step:?}; mend the key")]
    NoTable {
        /// The whole key.
        key: String,
        /// As far as it leads.
        at: String,
        /// What is there.
        kind: &'static str,
        /// The next step.
        step: String,
    },
    /// The key names an element that is not there.
    #[error("{key}: {at} has {len} elements, counted from 0, and {step:?} is none of them")]
    NoElement {
        /// The whole key.
        key: String,
        /// The list.
        at: String,
        /// How many elements it has.
        len: usize,
        /// The one that is named.
        step: String,
    },
    /// It does not name a carrier and its traces.
    #[error("{0:?} gives no carrier its traces; write NAME=UP,DOWN, two files of one")]
    NoTraces(String),
    /// There is no such carrier.
    #[error("{0:?}: no carrier is called so; there are {1}")]
    NoCarrier(String, String),
}

/// Lets a carrier run on Mahimahi traces, instead of the rate that it has: `NAME=UP,DOWN`.
pub fn trace_carrier(scenario: &mut Scenario, setting: &str) -> Result<(), SetError> {
    let bad = || SetError::NoTraces(setting.to_owned());
    let (name, traces) = setting.split_once('=').ok_or_else(bad)?;
    let (up, down) = traces.split_once(',').ok_or_else(bad)?;
    if up.is_empty() || down.is_empty() {
        return Err(bad());
    }
    let known = scenario.carriers.keys().cloned().collect::<Vec<_>>().join(", ");
    let Some(carrier) = scenario.carriers.get_mut(name) else {
        return Err(SetError::NoCarrier(name.to_owned(), known));
    };
    for (link, trace) in [(&mut carrier.up, up), (&mut carrier.down, down)] {
        link.rate_kbit = None;
        link.trace = Some(trace.to_owned());
    }
    Ok(())
}

/// The steps of the key of `key=value`.
pub fn key_of(setting: &str) -> Result<Vec<Step>, SetError> {
    let bad = || SetError::NoKey(setting.to_owned());
    let (key, _) = setting.split_once('=').ok_or_else(bad)?;
    let steps: Vec<Step> = key.trim().split('.').map(|step| step.trim().to_owned()).collect();
    if steps.iter().any(String::is_empty) { Err(bad()) } else { Ok(steps) }
}

/// Sets one field. The value is read as TOML, or else is a text; without one, the field goes away.
pub fn set(root: &mut Value, setting: &str) -> Result<(), SetError> {
    let steps = key_of(setting)?;
    let text = setting.split_once('=').map_or("", |(_, value)| value.trim());
    let Some((last, path)) = steps.split_last() else {
        return Err(SetError::NoKey(setting.to_owned()));
    };
    let key = steps.join(".");
    let mut here = root;
    for (depth, step) in path.iter().enumerate() {
        here = enter(here, step, &key, &steps[..depth])?;
    }
    match here {
        Value::Table(fields) if text.is_empty() => {
            fields.remove(last);
        }
        Value::Table(fields) => {
            fields.insert(last.clone(), value_of(text));
        }
        list @ Value::Array(_) => *enter(list, last, &key, path)? = value_of(text),
        other => return Err(no_table(other, last, &key, path)),
    }
    Ok(())
}

/// The value of a field; a table is made where there is nothing yet.
fn enter<'a>(
    here: &'a mut Value,
    step: &str,
    key: &str,
    at: &[Step],
) -> Result<&'a mut Value, SetError> {
    match here {
        Value::Table(fields) => {
            Ok(fields.entry(step.to_owned()).or_insert_with(|| Value::Table(Table::new())))
        }
        Value::Array(elements) => {
            let len = elements.len();
            let element = step.parse().ok().and_then(|nth: usize| elements.get_mut(nth));
            element.ok_or_else(|| SetError::NoElement {
                key: key.to_owned(),
                at: at.join("."),
                len,
                step: step.to_owned(),
            })
        }
        other => Err(no_table(other, step, key, at)),
    }
}

fn no_table(value: &Value, step: &str, key: &str, at: &[Step]) -> SetError {
    let at = if at.is_empty() { "the scenario".to_owned() } else { at.join(".") };
    SetError::NoTable { key: key.to_owned(), at, kind: kind_of(value), step: step.to_owned() }
}

fn value_of(text: &str) -> Value {
    let read = toml::from_str::<Table>(&format!("value = {text}")).ok();
    // A line break in the text could smuggle a second field in.
    let read = read.filter(|table| table.len() == 1).and_then(|mut table| table.remove("value"));
    read.unwrap_or_else(|| Value::String(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Value {
        let text = "stalls = 3\n[workload]\nlines = 2\n[[faults]]\nat-seconds = 1\n";
        Value::Table(toml::from_str(text).unwrap())
    }

    #[track_caller]
    fn check(setting: &str, expected: &str) {
        let mut value = sample();
        match set(&mut value, setting) {
            Ok(()) => {
                let text = toml::to_string(&value).unwrap();
                assert!(text.contains(expected), "{setting}: {text}");
                assert_ne!(value, sample(), "{setting}");
            }
            Err(error) => assert!(error.to_string().contains(expected), "{setting}: {error}"),
        }
    }

    #[test]
    fn fields_are_set_wherever_they_are() {
        check("stalls=5", "stalls = 5");
        check("workload.lines=7", "lines = 7");
        check("workload.mean-seconds = 0.5", "mean-seconds = 0.5");
        check("faults.0.at-seconds=9", "at-seconds = 9");
        check("faults=[]", "faults = []");
        check("swarm.kinds.cut={ weight = 1, most = 2 }", "[swarm.kinds.cut]\nmost = 2");
    }

    #[test]
    fn what_is_no_toml_is_a_text() {
        check("name=night-market", "name = \"night-market\"");
        check("name=\"night\"", "name = \"night\"");
        check("name=1\nstalls = 7", "name = \"\"\"");
        check("absent=1..3", "absent = \"1..3\"");
    }

    #[test]
    fn a_field_without_a_value_goes_away() {
        let mut value = sample();
        set(&mut value, "workload=").unwrap();
        assert!(!toml::to_string(&value).unwrap().contains("workload"));
    }

    #[test]
    fn a_key_that_leads_nowhere_is_named() {
        check("stalls", "\"stalls\" sets nothing; write key=value");
        check("=5", "sets nothing");
        check("a..b=5", "sets nothing");
        check("stalls.x=5", "stalls.x: stalls is a number, which has no field \"x\"");
        check("stalls.x.y=5", "stalls.x.y: stalls is a number");
        check("faults.1.at-seconds=5", "faults has 1 elements, counted from 0, and \"1\" is none");
        check("faults.one=5", "\"one\" is none of them");
    }
}

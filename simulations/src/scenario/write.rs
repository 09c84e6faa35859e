//! From a scenario to the text of its file, without what goes without saying.

use thiserror::Error;
use toml::{Table, Value};

use super::spec::{Scenario, Workload};
use crate::net::LinkSpec;

/// A scenario that no file can hold; one that passes the check is none.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the scenario cannot be written: {0}; does it pass the check?")]
pub struct WriteError(String);

/// The scenario as TOML; reading it gives the same scenario again.
pub fn to_toml(scenario: &Scenario) -> Result<String, WriteError> {
    let error = |error: toml::ser::Error| WriteError(error.to_string());
    let mut table = Table::try_from(scenario).map_err(error)?;
    let link = Table::try_from(LinkSpec::default()).map_err(error)?;
    let workload = Table::try_from(Workload::default()).map_err(error)?;
    if let Some(Value::Table(fields)) = table.get_mut("workload") {
        without(fields, &workload);
    }
    for (list, ways) in [("carriers", &["up", "down"][..]), ("lans", &["link"])] {
        let Some(Value::Table(named)) = table.get_mut(list) else { continue };
        named.iter_mut().for_each(|(_, entry)| prune(entry, ways, &link));
    }
    if let Some(Value::Array(faults)) = table.get_mut("faults") {
        faults.iter_mut().for_each(|fault| prune(fault, &["up", "down"], &link));
    }
    in_order(table).map_err(error)
}

/// Takes defaults out of the links that are fields of a table.
fn prune(entry: &mut Value, ways: &[&str], link: &Table) {
    let Value::Table(fields) = entry else { return };
    for way in ways {
        if let Some(Value::Table(spec)) = fields.get_mut(*way) {
            without(spec, link);
        }
    }
}

/// Takes out what is as it would be anyway.
fn without(fields: &mut Table, defaults: &Table) {
    fields.retain(|name, value| defaults.get(name) != Some(value));
}

/// The fields in the order in which people look for them; tables follow plain fields.
fn in_order(mut table: Table) -> Result<String, toml::ser::Error> {
    const FIRST: &[&str] = &["name", "about", "minutes", "seconds", "settle-seconds", "stalls"];
    let mut text = String::new();
    let mut add = |name: &str, value: Value| {
        let one = Table::from_iter([(name.to_owned(), value)]);
        toml::to_string(&one).map(|part| text.push_str(&part))
    };
    for name in FIRST {
        if let Some(value) = table.remove(*name) {
            add(name, value)?;
        }
    }
    let is_section = |value: &Value| match value {
        Value::Table(_) => true,
        Value::Array(elements) => elements.iter().any(Value::is_table),
        _ => false,
    };
    let (sections, plain): (Vec<_>, Vec<_>) =
        table.into_iter().partition(|(_, value)| is_section(value));
    plain.into_iter().chain(sections).try_for_each(|(name, value)| add(&name, value))?;
    Ok(text)
}

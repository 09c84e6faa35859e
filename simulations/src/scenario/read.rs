//! From the text of a scenario file to a scenario that can be run, or what is wrong, by line and
//! field.

use std::fmt;

use thiserror::Error;
use toml::{Table, Value};

use super::check;
use super::fault::Fault;
use super::limits::{FAULTS_MAX, FILE_BYTES_MAX, PROBLEMS_MAX};
use super::locate::{self, Format};
use super::set::{self, SetError};
use super::spec::Scenario;
use super::typed::{self, Step, Wrong};

/// Why there is no scenario.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReadError {
    /// Neither a file nor one of the built-in names.
    #[error("{name}: no file is there, and no scenario is called so; there are {known}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// The built-in names.
        known: String,
    },
    /// The file cannot be read.
    #[error("{path} cannot be read: {why}")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system said.
        why: String,
    },
    /// The file is larger than any scenario.
    #[error("{path} has more than {FILE_BYTES_MAX} bytes; is it a scenario?")]
    TooLarge {
        /// The file.
        path: String,
    },
    /// A field cannot be set.
    #[error("--set {0}")]
    Set(#[from] SetError),
    /// The text is no scenario, or an impossible one.
    #[error("{0}; docs/simulation.md has the fields")]
    Wrong(Problems),
}

/// What is wrong in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, problem) in self.0.iter().enumerate() {
            write!(f, "{}{problem}", if place == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// `FILE:LINE`, or the `--set` that did it.
    pub source: String,
    /// The field, with dots; empty for the file as a whole.
    pub field: String,
    /// What is wrong; and after a semicolon, the mend.
    pub words: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.source)?;
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.words)
    }
}

/// Reads a scenario. `name` is what its file is called: with `.json` at its end it is JSON, and
/// TOML otherwise. Each of `settings` is a `key=value`.
pub fn read(name: &str, text: &str, settings: &[String]) -> Result<Scenario, ReadError> {
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(ReadError::TooLarge { path: name.to_owned() });
    }
    let is_json = name.to_ascii_lowercase().ends_with(".json");
    let file = File { name, text, format: if is_json { Format::Json } else { Format::Toml } };
    let mut value = file.parse()?;
    let mut keys = Vec::new();
    for setting in settings {
        set::set(&mut value, setting)?;
        keys.push((set::key_of(setting)?, setting.as_str()));
    }
    let all = |wrongs: Vec<Wrong>| {
        let problems = wrongs.into_iter().take(PROBLEMS_MAX);
        Problems(problems.map(|wrong| file.problem(wrong, &keys)).collect())
    };
    let scenario = scenario_of(value).map_err(|wrong| ReadError::Wrong(all(vec![wrong])))?;
    let wrongs = check::check(&scenario);
    if wrongs.is_empty() { Ok(scenario) } else { Err(ReadError::Wrong(all(wrongs))) }
}

/// The value as a scenario, without a look at whether it is possible.
pub fn scenario_of(value: Value) -> Result<Scenario, Wrong> {
    let mut table = match value {
        Value::Table(table) => table,
        other => return Err(Wrong::new(format!("is {}; write a table", typed::kind_of(&other)))),
    };
    let faults: Option<Vec<Table>> = typed::optional(&mut table, "faults")?;
    let mut scenario: Scenario = typed::typed(Value::Table(table))?;
    let faults = faults.unwrap_or_default();
    if faults.len() > FAULTS_MAX {
        let words = format!("has {} faults; {FAULTS_MAX} are the most", faults.len());
        return Err(Wrong::new(words).within("faults"));
    }
    // One by one, so that a mistake has its place.
    for (place, fault) in faults.into_iter().enumerate() {
        let within = |wrong: Wrong| wrong.within(place.to_string()).within("faults");
        scenario.faults.push(Fault::from_table(fault).map_err(within)?);
    }
    Ok(scenario)
}

/// A file as it was found.
struct File<'a> {
    name: &'a str,
    text: &'a str,
    format: Format,
}

impl File<'_> {
    fn parse(&self) -> Result<Value, ReadError> {
        let wrong = |line: usize, words: String| {
            let source = format!("{}:{line}", self.name);
            ReadError::Wrong(Problems(vec![Problem { source, field: String::new(), words }]))
        };
        match self.format {
            Format::Toml => toml::from_str::<Table>(self.text).map(Value::Table).map_err(|error| {
                let offset = error.span().map_or(0, |span| span.start);
                let line = locate::line_at(self.text, offset);
                wrong(line, format!("is no TOML: {}", error.message()))
            }),
            Format::Json => serde_json::from_str(self.text)
                .map_err(|error| wrong(error.line(), format!("is no JSON that fits: {error}"))),
        }
    }

    /// The setting that brought a field about is to blame, or else its line.
    fn problem(&self, wrong: Wrong, settings: &[(Vec<Step>, &str)]) -> Problem {
        let is_to_blame = |key: &Vec<Step>| wrong.place.starts_with(key);
        let source = match settings.iter().rev().find(|(key, _)| is_to_blame(key)) {
            Some((_, setting)) => format!("--set {setting}"),
            None => {
                let line = locate::line_of(self.text, self.format, &wrong.place);
                format!("{}:{line}", self.name)
            }
        };
        Problem { source, field: wrong.dotted(), words: wrong.words }
    }
}

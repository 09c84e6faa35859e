//! Whether a scenario is possible: names that are there, numbers within their bounds, a way for
//! each stall to the control.
//!
//! It reads a scenario and changes nothing. Everything that is wrong is said, each with its place
//! and its mend.

mod faults;
mod network;
mod workload;

use super::ids::is_name;
use super::limits::{ABOUT_BYTES_MAX, MINUTES_MAX, SETTLE_SECONDS_MAX, STALLS_MAX};
use super::spec::Scenario;
use super::typed::Wrong;
use crate::record::marks::Mark;

/// All that is wrong. A scenario of which nothing is wrong can be planned and run.
pub fn check(scenario: &Scenario) -> Vec<Wrong> {
    let mut found = Found::default();
    basics(scenario, &mut found);
    if !found.0.is_empty() {
        // Without stalls and a length nothing below would say anything useful.
        return found.0;
    }
    network::check(scenario, &mut found);
    workload::check(scenario, &mut found);
    faults::check(scenario, &mut found);
    found.0
}

/// What was found so far.
#[derive(Debug, Default)]
struct Found(Vec<Wrong>);

impl Found {
    /// Something is wrong at a place.
    fn add<const N: usize>(&mut self, place: [&str; N], words: impl Into<String>) {
        self.at(&place, words);
    }

    fn at(&mut self, place: &[&str], words: impl Into<String>) {
        let wrong = Wrong::new(words);
        self.0.push(place.iter().rev().fold(wrong, |wrong, step| wrong.within(*step)));
    }

    /// A number must lie within bounds, these included.
    fn bound<const N: usize>(&mut self, place: [&str; N], found: u64, least: u64, most: u64) {
        if !(least..=most).contains(&found) {
            self.add(place, format!("is {found}; write {least} to {most}"));
        }
    }

    /// A name must look like one.
    fn name<const N: usize>(&mut self, place: [&str; N], name: &str) {
        if !is_name(name) {
            let name: String = name.chars().take(80).collect();
            self.add(place, format!("{name:?} is no name; write 1 to 64 of a-z, 0-9 and -"));
        }
    }
}

fn basics(scenario: &Scenario, found: &mut Found) {
    found.name(["name"], &scenario.name);
    let about = &scenario.about;
    if about.trim().is_empty() || about.len() > ABOUT_BYTES_MAX || about.contains('\n') {
        let words = format!("say in one line of at most {ABOUT_BYTES_MAX} bytes what it models");
        found.add(["about"], words);
    }
    found.bound(["minutes"], u64::from(scenario.minutes), 0, u64::from(MINUTES_MAX));
    let seconds = u64::from(MINUTES_MAX) * 60;
    found.bound(["seconds"], scenario.seconds.get() / 1_000, 0, seconds);
    let length = scenario.length().as_millis();
    if length == 0 {
        found.add(["minutes"], "the market has no length; write minutes, seconds or both");
    }
    if length > u128::from(seconds) * 1_000 {
        let words = format!("with the seconds the market is too long; {MINUTES_MAX} are the most");
        found.add(["minutes"], words);
    }
    let settle = u64::from(scenario.settle_seconds);
    found.bound(["settle-seconds"], settle, 1, u64::from(SETTLE_SECONDS_MAX));
    for (place, name) in scenario.marks.iter().enumerate() {
        if Mark::named(name).is_none() {
            let known: Vec<&str> = Mark::ALL.into_iter().map(Mark::name).collect();
            let name: String = name.chars().take(80).collect();
            let words = format!("{name:?} is no mark; there are {}", known.join(", "));
            found.add(["marks", &place.to_string()], words);
        }
    }
    // What TOML can write.
    found.bound(["seed"], scenario.seed.unwrap_or(0), 0, i64::MAX.cast_unsigned());
    found.bound(["stalls"], scenario.stalls as u64, 1, STALLS_MAX as u64);
    let is_stall = |stall: &usize| (1..=scenario.stalls).contains(stall);
    if let Some(stall) = scenario.absent.iter().find(|stall| !is_stall(stall)) {
        let words = format!("{stall} is no stall; stalls are 1 to {}", scenario.stalls);
        found.add(["absent"], words);
    } else if scenario.absent.len() == scenario.stalls && scenario.stalls > 0 {
        found.add(["absent"], "no stall is left; leave one out of it");
    }
}

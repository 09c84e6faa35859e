//! Tests of the scenarios as a whole.

mod built_in;
mod leaving_out;
mod overlaps;
mod planning;
mod properties;
mod reading;
mod swarm;

use std::time::Duration;

use super::*;
use crate::net::Change;

/// Three stalls on two carriers and a LAN, for a minute and a half.
const VENUE: &str = r#"name = "venue"
about = "A test."
minutes = 1
seconds = 30
stalls = 3

[carriers.lte]
nat = { expires-s = 30 }
up = { rate-kbit = 1000, delay-ms = 40 }
down = { rate-kbit = 4000, delay-ms = 40 }

[carriers.wifi]

[lans.hall]
link = { delay-ms = 1 }

# All of them.
[[group]]
carriers = ["wifi", "lte"]
lans = ["hall"]
"#;

/// The venue with more at its end.
fn venue(more: &str) -> Scenario {
    read("venue.toml", &format!("{VENUE}{more}"), &[]).unwrap_or_else(|error| panic!("{error}"))
}

fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}

/// What the faults of a plan come to, in seconds and words.
fn story(plan: &Plan) -> Vec<String> {
    let words = |item: &Item| {
        let what = match &item.what {
            Happening::Network(change) => format!("{change:?}"),
            Happening::Host { host, deed } => format!("{host}: {deed:?}"),
            _ => return None,
        };
        Some(format!("{} {what}", item.at.as_secs()))
    };
    plan.items.iter().filter_map(words).collect()
}

/// The first thing in which two runs differ, if they do.
fn difference(one: &[Item], other: &[Item]) -> Option<(Option<Item>, Option<Item>)> {
    let at = (0..one.len().max(other.len())).find(|at| one.get(*at) != other.get(*at))?;
    Some((one.get(at).cloned(), other.get(at).cloned()))
}

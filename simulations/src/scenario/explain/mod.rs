//! A scenario in plain words: what it models, what happens when.

mod faults;
mod links;

use std::fmt::Write;

use super::decimal::Decimal;
use super::hosts::HostSet;
use super::spec::{Peers, Promise, Scenario, Surge, Swarm};

/// What a scenario models, with its times and faults, in lines of plain text.
pub fn explain(scenario: &Scenario) -> String {
    let mut lines = vec![format!("{}: {}", scenario.name, scenario.about), String::new()];
    lines.push(format!(
        "{} of customers and faults; then faults stop, and everything must converge within {}.",
        span(scenario.length().as_millis()),
        span(scenario.settle().as_millis()),
    ));
    if let Some(seed) = scenario.seed {
        lines.push(format!("Written to show what happens under seed {seed}."));
    }
    if !scenario.marks.is_empty() {
        lines.push(format!("A sweep must reach: {}.", scenario.marks.join(", ")));
    }
    let left_out = Vec::from(scenario.without.clone());
    if !left_out.is_empty() {
        lines.push(format!("Left out, in {} entries: {}.", left_out.len(), some(&left_out)));
    }
    let section = |name: &str, body: Vec<String>| {
        let body = body.into_iter().map(|line| format!("  {line}"));
        [String::new(), name.to_owned()].into_iter().chain(body).collect::<Vec<_>>()
    };
    lines.extend(section("Venue", venue(scenario)));
    lines.extend(section("Customers", customers(scenario)));
    if !scenario.faults.is_empty() {
        lines.extend(section("Time line", faults::time_line(scenario)));
    }
    if let Some(swarm) = &scenario.swarm {
        lines.extend(section("Drawn by each seed", drawn(swarm)));
    }
    lines.join("\n") + "\n"
}

fn venue(scenario: &Scenario) -> Vec<String> {
    let mut lines = Vec::new();
    let control = &scenario.control;
    let on = match (&control.carriers[..], &control.lans[..]) {
        ([], []) => "on the internet, over a perfect link".to_owned(),
        (carriers, lans) => interfaces(carriers, lans),
    };
    lines.push(format!("control (host 0): {on}"));
    for group in &scenario.group {
        let who = match &group.stalls {
            Some(stalls) => hosts(stalls),
            None if scenario.group.len() == 1 => stalls_up_to(scenario.stalls),
            None => "all other stalls".to_owned(),
        };
        lines.push(format!("{who}: {}", interfaces(&group.carriers, &group.lans)));
    }
    if !scenario.absent.is_empty() {
        lines.push(format!("at home: {}", hosts(&scenario.absent)));
    }
    if !scenario.lans.is_empty() {
        lines.push(format!("on a LAN {}", peers(scenario.peers)));
    }
    for (name, carrier) in &scenario.carriers {
        lines.push(format!("carrier {name}: {}", links::carrier(carrier)));
    }
    for (name, lan) in &scenario.lans {
        lines.push(format!("lan {name}: {}", links::link(&lan.link)));
    }
    lines
}

fn interfaces(carriers: &[String], lans: &[String]) -> String {
    let mut parts = Vec::new();
    if !carriers.is_empty() {
        parts.push(format!("on {}", carriers.join(", then ")));
    }
    if !lans.is_empty() {
        parts.push(format!("on the LAN {}", lans.join(", ")));
    }
    parts.join("; ")
}

fn peers(peers: Peers) -> &'static str {
    match peers {
        Peers::None => "no stall dials another",
        Peers::Ring => "each stall dials the next, and the last one the first",
        Peers::Star => "all stalls dial the first",
        Peers::All => "every two stalls are connected",
    }
}

fn customers(scenario: &Scenario) -> Vec<String> {
    let workload = &scenario.workload;
    let mut lines = Vec::new();
    if workload.mean_seconds.is_zero() {
        lines.push("none".to_owned());
    } else {
        let mut text = format!(
            "one every {} s at each stall on average, with {} lines of {} items",
            workload.mean_seconds, workload.lines, workload.skus
        );
        if workload.refunds_permille > 0 {
            let permille = workload.refunds_permille;
            // Writing to a text does not fail.
            let _ = write!(text, "; {permille} of 1000 bring everything back");
        }
        lines.push(text);
    }
    lines.push(format!("each stall opens with {} pieces of each item", workload.opening_stock));
    lines.extend(workload.promises.iter().map(promised));
    lines.extend(workload.surges.iter().map(surge));
    lines
}

fn promised(promise: &Promise) -> String {
    let Promise { sku, stock, shares, wanted_permille } = promise;
    let shared = if shares.is_empty() {
        "shared out evenly".to_owned()
    } else {
        let shares: Vec<String> = shares.iter().map(u32::to_string).collect();
        format!("shared out as {}", shares.join(":"))
    };
    format!("{sku}: {stock} pieces and no more, {shared}; {wanted_permille} of 1000 want one")
}

fn surge(surge: &Surge) -> String {
    let Surge { from_seconds, to_seconds, factor } = surge;
    let times = if factor.is_zero() {
        "nobody comes".to_owned()
    } else {
        format!("{factor} times as many come")
    };
    format!("from {} to {} {times}", seconds(*from_seconds), seconds(*to_seconds))
}

fn drawn(swarm: &Swarm) -> Vec<String> {
    let Swarm { most, shortest_seconds, longest_seconds, kinds } = swarm;
    let kinds: Vec<String> =
        kinds.iter().map(|(kind, share)| format!("{kind} (weight {})", share.weight)).collect();
    vec![
        format!("1 to {most} faults; one goes on for {shortest_seconds} to {longest_seconds} s"),
        format!("each seed leaves about half of these kinds out: {}", kinds.join(", ")),
    ]
}

/// A point or a length of time.
fn seconds(number: Decimal) -> String {
    span(u128::from(number.get()))
}

/// A length of time, as people say it.
fn span(ms: u128) -> String {
    let seconds = Decimal::thousandths(u64::try_from(ms % 60_000).unwrap_or(0));
    let parts = [(ms / 3_600_000, "h"), (ms / 60_000 % 60, "min")];
    let mut words: Vec<String> =
        parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n} {unit}")).collect();
    if !seconds.is_zero() || words.is_empty() {
        words.push(format!("{seconds} s"));
    }
    words.join(" ")
}

fn hosts(hosts: &HostSet) -> String {
    match (hosts.len(), hosts.contains(0)) {
        (1, true) => "the control".to_owned(),
        (1, false) => format!("stall {hosts}"),
        (_, true) => format!("hosts {hosts}"),
        (_, false) => format!("stalls {hosts}"),
    }
}

fn stalls_up_to(last: usize) -> String {
    hosts(&(1..=last).collect())
}

/// The first few, and how many more.
fn some(names: &[String]) -> String {
    const SHOWN: usize = 8;
    let first = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match names.len().checked_sub(SHOWN) {
        None | Some(0) => first,
        Some(more) => format!("{first} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::span;

    #[test]
    fn a_length_of_time_is_said_as_people_say_it() {
        for (ms, words) in [
            (0, "0 s"),
            (1_500, "1.5 s"),
            (60_000, "1 min"),
            (90_000, "1 min 30 s"),
            (259_200_000, "72 h"),
            (166_600_001, "46 h 16 min 40.001 s"),
        ] {
            assert_eq!(span(ms), words);
        }
    }
}

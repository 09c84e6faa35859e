//! Whether the venue's network is possible.

use std::collections::BTreeSet;

use super::Found;
use crate::net::limits::{CARRIERS_MAX, LANS_MAX, NAT_EXPIRES_S_MAX};
use crate::net::{LinkSpec, TopologyError};
use crate::scenario::plan::dials_among;
use crate::scenario::spec::{Peers, Scenario};

pub(super) fn check(scenario: &Scenario, found: &mut Found) {
    carriers(scenario, found);
    groups(scenario, found);
    control(scenario, found);
    if found.0.is_empty() {
        ways(scenario, found);
    }
}

fn carriers(scenario: &Scenario, found: &mut Found) {
    found.bound(["carriers"], scenario.carriers.len() as u64, 0, CARRIERS_MAX as u64);
    found.bound(["lans"], scenario.lans.len() as u64, 0, LANS_MAX as u64);
    for (name, carrier) in &scenario.carriers {
        found.name(["carriers", name], name);
        link(["carriers", name, "up"], &carrier.up, found);
        link(["carriers", name, "down"], &carrier.down, found);
        let expires = carrier.nat.map_or(1, |nat| nat.expires_s);
        let place = ["carriers", name, "nat", "expires-s"];
        found.bound(place, u64::from(expires), 1, u64::from(NAT_EXPIRES_S_MAX));
    }
    for (name, lan) in &scenario.lans {
        found.name(["lans", name], name);
        if scenario.carriers.contains_key(name) {
            found.add(["lans", name], "a carrier is called so too; rename one of them");
        }
        link(["lans", name, "link"], &lan.link, found);
    }
}

/// Any name of a trace will do here: the traces are read when the run begins.
pub(super) fn link(place: [&str; 3], link: &LinkSpec, found: &mut Found) {
    let [one, two, three] = place;
    match link.check("it", &|_| true) {
        Ok(()) => {}
        Err(TopologyError::Bound { field, found: is, min, max, .. }) => {
            found.bound([one, two, three, field], is, min, max);
        }
        Err(other) => found.add(place, other.to_string()),
    }
}

fn groups(scenario: &Scenario, found: &mut Found) {
    if scenario.group.is_empty() {
        found.add(["group"], "no stall is on any network; write a [[group]] with carriers or lans");
    }
    let mut others = None;
    let mut seen: BTreeSet<usize> = BTreeSet::new();
    for (place, group) in scenario.group.iter().enumerate() {
        let place = place.to_string();
        known_interfaces(scenario, ["group", &place], &group.carriers, &group.lans, found);
        if group.carriers.is_empty() && group.lans.is_empty() {
            let words = "is on no network; write carriers, lans or both";
            found.add(["group", &place], words);
        }
        let Some(stalls) = &group.stalls else {
            if others.replace(place.clone()).is_some() {
                let words = "two groups name no stalls; only one can be all the others";
                found.add(["group", &place, "stalls"], words);
            }
            continue;
        };
        if let Some(stall) = stalls.iter().find(|s| !(1..=scenario.stalls).contains(s)) {
            let words = format!("{stall} is no stall; stalls are 1 to {}", scenario.stalls);
            found.add(["group", &place, "stalls"], words);
        }
        if let Some(stall) = stalls.iter().find(|stall| seen.contains(stall)) {
            let words = format!("stall {stall} is in another group too; write it into one");
            found.add(["group", &place, "stalls"], words);
        }
        seen.extend(stalls.iter());
    }
    let missing = (1..=scenario.stalls).find(|stall| !seen.contains(stall));
    if let Some(stall) = missing.filter(|_| others.is_none() && !scenario.group.is_empty()) {
        let words = format!("stall {stall} is in no group; write it into one");
        found.add(["group"], words);
    }
}

/// Carriers and LANs that are there, each named once.
fn known_interfaces<const N: usize>(
    scenario: &Scenario,
    place: [&str; N],
    carriers: &[String],
    lans: &[String],
    found: &mut Found,
) {
    let known_carriers: BTreeSet<&String> = scenario.carriers.keys().collect();
    let known_lans: BTreeSet<&String> = scenario.lans.keys().collect();
    for (field, kind, names, known) in
        [("carriers", "carrier", carriers, known_carriers), ("lans", "lan", lans, known_lans)]
    {
        let mut seen = BTreeSet::new();
        for name in names {
            let words = if !known.contains(name) {
                let all: Vec<&str> = known.iter().map(|name| name.as_str()).collect();
                let all = if all.is_empty() { "none".to_owned() } else { all.join(", ") };
                format!("there is no {kind} {name:?}; there are {all}")
            } else if !seen.insert(name) {
                format!("{name:?} stands there twice; write it once")
            } else {
                continue;
            };
            let mut whole: Vec<&str> = place.to_vec();
            whole.push(field);
            found.at(&whole, words);
        }
    }
}

fn control(scenario: &Scenario, found: &mut Found) {
    let control = &scenario.control;
    known_interfaces(scenario, ["control"], &control.carriers, &control.lans, found);
    for name in &control.carriers {
        if scenario.carriers.get(name).is_some_and(|carrier| carrier.nat.is_some()) {
            let words = format!("{name:?} hides the control behind a nat; take one without");
            found.add(["control", "carriers"], words);
        }
    }
}

/// Each stall that is there must have a way to the control: by a carrier, by a LAN that the
/// control is on, or by others that it exchanges with.
fn ways(scenario: &Scenario, found: &mut Found) {
    let is_there = |stall: &usize| scenario.is_present(*stall);
    let stalls: Vec<usize> = (1..=scenario.stalls).filter(is_there).collect();
    let is_direct = |stall: &usize| {
        let shares = |lan: &String| scenario.control.lans.contains(lan);
        !scenario.carriers_of(*stall).is_empty() || scenario.lans_of(*stall).iter().any(shares)
    };
    let mut reached: BTreeSet<usize> = stalls.iter().copied().filter(is_direct).collect();
    let mut dials = Vec::new();
    for lan in scenario.lans.keys() {
        let on = |stall: &usize| scenario.lans_of(*stall).contains(lan);
        let members: Vec<usize> = stalls.iter().copied().filter(on).collect();
        // All are reached as soon as one is, unless nobody dials.
        let peers = if scenario.peers == Peers::None { Peers::None } else { Peers::Star };
        dials.extend(dials_among(&members, peers));
    }
    loop {
        let before = reached.len();
        for (from, to) in &dials {
            if reached.contains(from) || reached.contains(to) {
                reached.extend([*from, *to]);
            }
        }
        if reached.len() == before {
            break;
        }
    }
    if let Some(stall) = stalls.iter().find(|stall| !reached.contains(stall)) {
        let mut groups = scenario.group.iter();
        let place = groups.position(|group| Some(group) == scenario.group_of(*stall));
        let place = place.unwrap_or(0).to_string();
        let words = format!(
            "stall {stall} has no way to the control; give it a carrier, or a lan and peers that \
             have one"
        );
        found.add(["group", &place], words);
    }
}

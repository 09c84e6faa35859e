//! Whether the faults are possible.

use std::collections::BTreeSet;

use super::{Found, network};
use crate::net::{Change, Topology, TopologyError};
use crate::scenario::fault::{Broad, Fault, HostFault, What};
use crate::scenario::hosts::HostSet;
use crate::scenario::ids::{Id, is_fault_name};
use crate::scenario::limits::{
    BIT_ROT_MAX, CLOCK_STEP_SECONDS_MAX, CRASH_NTH_MAX, DISK_SLOW_MS_MAX, DRIFT_PPM_MAX,
    EFFECTS_MAX, EXTRA_MACHINES_MAX, FAULTS_MAX, HOSTILE_A_SECOND_MAX, SWARM_FAULTS_MAX,
    SWARM_WEIGHT_MAX,
};
use crate::scenario::plan::{carriers_of_stalls, topology};
use crate::scenario::spec::Scenario;
use crate::scenario::swarm;

pub(super) fn check(scenario: &Scenario, found: &mut Found) {
    let checker = Checker { scenario, topology: topology(scenario) };
    found.bound(["faults"], scenario.faults.len() as u64, 0, FAULTS_MAX as u64);
    names(scenario, found);
    let (mut machines, mut effects) = (0, 0);
    for (place, fault) in scenario.faults.iter().enumerate() {
        let (name, place) = (fault.name(place), place.to_string());
        let before = found.0.len();
        checker.timing(&place, &name, fault, found);
        checker.what(&place, fault, found);
        if found.0.len() > before {
            continue;
        }
        machines += machines_of(&fault.what);
        effects += checker.effects(fault);
        if effects > u128::from(EFFECTS_MAX) {
            let words = format!("with it, faults come to over {EFFECTS_MAX} changes; make it less");
            found.add(["faults", &place], words);
            break;
        }
    }
    if let Some(swarm) = &scenario.swarm {
        machines += drawn(scenario, found);
        found.bound(["swarm", "most"], u64::from(swarm.most), 1, u64::from(SWARM_FAULTS_MAX));
    }
    if machines > EXTRA_MACHINES_MAX {
        let words = format!(
            "clones and hostile peers come to {machines} machines, those that a swarm may draw \
             included; {EXTRA_MACHINES_MAX} are the most"
        );
        found.add(["faults"], words);
    }
}

/// Names are there once, and what is left out by name is there.
fn names(scenario: &Scenario, found: &mut Found) {
    let mut seen = BTreeSet::new();
    for (place, fault) in scenario.faults.iter().enumerate() {
        let name = fault.name(place);
        let place = place.to_string();
        let field = ["faults", place.as_str(), "id"];
        if !is_fault_name(&name) {
            let words = "is no name of a fault; write 1 to 64 of a-z, 0-9 and -, and begin with \
                         none of stock-, sale-, refund-";
            found.add(field, words);
        } else if name.starts_with("swarm-") && scenario.swarm.is_some() {
            found.add(field, "names beginning with swarm- are for drawn faults; rename it");
        } else if !seen.insert(name.clone()) {
            found.add(field, format!("{name:?} is another fault's name already; rename it"));
        }
    }
    for name in scenario.without.faults() {
        let number = name.strip_prefix("swarm-").and_then(|number| number.parse::<u32>().ok());
        let drawn = scenario.swarm.as_ref().map_or(0, |swarm| swarm.most);
        if !seen.contains(name) && number.is_none_or(|number| number >= drawn) {
            found.add(["without"], format!("no fault is called {name:?}; take it out"));
        }
    }
}

/// Copies and hostile machines that a fault brings along.
fn machines_of(what: &What) -> usize {
    match what {
        What::Host(HostFault::Clone { host, .. }) => host.len(),
        What::Host(HostFault::HostilePeer { .. }) => 1,
        _ => 0,
    }
}

/// Copies and hostile machines that a seed may draw.
fn drawn(scenario: &Scenario, found: &mut Found) -> usize {
    let Some(swarm) = &scenario.swarm else { return 0 };
    if swarm.shortest_seconds > swarm.longest_seconds {
        let words = format!("is less than the shortest; write {} or more", swarm.shortest_seconds);
        found.add(["swarm", "longest-seconds"], words);
    }
    let mut machines = 0;
    let mut usable = false;
    for (kind, share) in &swarm.kinds {
        if !swarm::kinds().any(|known| known == kind) {
            let known = swarm::kinds().collect::<Vec<_>>().join(", ");
            found.add(["swarm", "kinds", kind], format!("cannot be drawn; there are {known}"));
        }
        let field = |field| ["swarm", "kinds", kind.as_str(), field];
        found.bound(field("weight"), u64::from(share.weight), 0, u64::from(SWARM_WEIGHT_MAX));
        found.bound(field("most"), u64::from(share.most), 0, u64::from(SWARM_FAULTS_MAX));
        usable |= share.weight > 0 && share.most > 0;
        if ["clone", "hostile-peer"].contains(&kind.as_str()) {
            machines += share.most.min(swarm.most) as usize;
        }
    }
    if !usable {
        found.add(["swarm", "kinds"], "nothing can be drawn; write a kind with weight and most");
    }
    machines
}

struct Checker<'a> {
    scenario: &'a Scenario,
    topology: Topology,
}

impl Checker<'_> {
    fn timing(&self, place: &str, name: &str, fault: &Fault, found: &mut Found) {
        let length = self.scenario.length();
        let is_out = self.scenario.without.contains(&Id::Fault(name.to_owned()));
        if fault.at.span() >= length && !is_out {
            let words = format!("the market is over after {} s; write less", length.as_secs());
            found.add(["faults", place, "at-seconds"], words);
        }
        let field = ["faults", place, "for-seconds"];
        let kind = fault.what.kind();
        if fault.lasts.is_some() && !fault.what.has_end() {
            found.add(field, format!("a {kind} happens at once and has no end; take it out"));
        } else if fault.lasts.is_some_and(|lasts| lasts.is_zero()) {
            found.add(field, "is 0; write how long it goes on, or take it out");
        }
    }

    fn what(&self, place: &str, fault: &Fault, found: &mut Found) {
        match &fault.what {
            What::Network(change) => self.network(place, change, found),
            What::Host(host_fault) => self.host(place, fault, host_fault, found),
            What::Broad(broad) => self.broad(place, broad, found),
        }
    }

    fn network(&self, place: &str, change: &Change, found: &mut Found) {
        if let Change::Respec { carrier, up, down } = change {
            for (way, spec) in [("up", up), ("down", down)] {
                spec.iter().for_each(|spec| network::link(["faults", place, way], spec, found));
            }
            if up.is_none() && down.is_none() {
                found.add(["faults", place], "changes nothing; write up, down or both");
            }
            self.carrier([place, "carrier"], carrier, found);
            return;
        }
        let Err(error) = self.topology.check_change(change, &|_| true) else { return };
        let field = match &error {
            TopologyError::Unknown { kind, .. } => Some((*kind).to_owned()),
            TopologyError::Itself { .. } => Some("b".to_owned()),
            TopologyError::NoHost { host, .. } => field_with(change, *host),
            _ => None,
        };
        let mut whole = vec!["faults", place];
        whole.extend(field.as_deref());
        found.at(&whole, error.to_string());
    }

    /// A carrier that is there.
    fn carrier(&self, place: [&str; 2], carrier: &str, found: &mut Found) {
        if !self.topology.carriers.contains_key(carrier) {
            let known: Vec<&str> = self.topology.carriers.keys().map(String::as_str).collect();
            let words = format!("there is no carrier {carrier:?}; there are {}", known.join(", "));
            found.add(["faults", place[0], place[1]], words);
        }
    }

    /// Hosts that are there, from `first` on.
    fn hosts(&self, place: [&str; 2], hosts: &HostSet, first: usize, found: &mut Found) {
        let last = self.scenario.stalls;
        let field = ["faults", place[0], place[1]];
        if let Some(host) = hosts.iter().find(|host| *host > last) {
            found.add(field, format!("there is no host {host}; hosts are 0 to {last}"));
        } else if hosts.iter().any(|host| host < first) {
            let words = format!("this happens to stalls alone; write some of 1 to {last}");
            found.add(field, words);
        }
    }

    fn host(&self, place: &str, fault: &Fault, what: &HostFault, found: &mut Found) {
        let first = match what {
            HostFault::Clone { .. }
            | HostFault::Wipe { .. }
            | HostFault::LinkOff { .. }
            | HostFault::LinkOn { .. } => 1,
            _ => 0,
        };
        self.hosts([place, "host"], what.hosts(), first, found);
        let mut bound = |field: &'static str, is: u32, least: u32, most: u32| {
            let place = ["faults", place, field];
            found.bound(place, u64::from(is), u64::from(least), u64::from(most));
        };
        match what {
            HostFault::Crash { nth: Some(nth), .. } => bound("nth", *nth, 1, CRASH_NTH_MAX),
            HostFault::DiskSlow { ms, .. } => bound("ms", *ms, 1, DISK_SLOW_MS_MAX),
            HostFault::BitRot { bits, .. } => bound("bits", *bits, 1, BIT_ROT_MAX),
            HostFault::HostilePeer { per_second, .. } => {
                bound("per-second", *per_second, 1, HOSTILE_A_SECOND_MAX);
            }
            HostFault::RestartFromBackup { taken_seconds, .. } if *taken_seconds >= fault.at => {
                let words = format!("the copy must be older; write less than {}", fault.at);
                found.add(["faults", place, "taken-seconds"], words);
            }
            HostFault::ClockStep { by_seconds, .. } => {
                signed([place, "by-seconds"], *by_seconds, CLOCK_STEP_SECONDS_MAX, found);
            }
            HostFault::ClockDrift { ppm, .. } => {
                signed([place, "ppm"], *ppm, DRIFT_PPM_MAX, found);
            }
            _ => {}
        }
    }

    fn broad(&self, place: &str, broad: &Broad, found: &mut Found) {
        match broad {
            Broad::CarrierOutage { carrier, .. } => {
                self.carrier([place, "carrier"], carrier, found);
            }
            Broad::Blackout { carriers, .. } => {
                carriers.iter().for_each(|name| self.carrier([place, "carriers"], name, found));
                if carriers.is_empty() && carriers_of_stalls(self.scenario).is_empty() {
                    found.add(["faults", place], "no stall is on a carrier; take it out");
                }
            }
            Broad::Partition { sides } => {
                let mut seen = BTreeSet::new();
                for side in sides {
                    self.hosts([place, "sides"], side, 0, found);
                    if let Some(host) = side.iter().find(|host| !seen.insert(*host)) {
                        let words = format!("host {host} is on two sides; write it once");
                        found.add(["faults", place, "sides"], words);
                    }
                }
                if sides.len() < 2 {
                    found.add(["faults", place, "sides"], "write two sides or more");
                }
            }
            Broad::Flapping { host, carrier, down_seconds, up_seconds } => {
                self.hosts([place, "host"], host, 0, found);
                let on = |host: &usize| self.scenario.carriers_of(*host).contains(carrier);
                if let Some(host) = host.iter().find(|host| !on(host)) {
                    let words = format!("host {host} is not on a carrier {carrier:?}");
                    found.add(["faults", place, "carrier"], format!("{words}; mend one of them"));
                }
                for (field, span) in [("down-seconds", down_seconds), ("up-seconds", up_seconds)] {
                    if span.is_zero() {
                        found.add(["faults", place, field], "is 0; write how long each time");
                    }
                }
            }
        }
    }

    /// At most so many items come of a fault.
    fn effects(&self, fault: &Fault) -> u128 {
        let all = self.topology.hosts.len() as u128;
        let effects = match &fault.what {
            What::Network(_) => 1,
            What::Host(what) => what.hosts().len() as u128 * 2,
            What::Broad(Broad::CarrierOutage { .. }) => all,
            What::Broad(Broad::Blackout { .. }) => all * self.topology.carriers.len() as u128,
            What::Broad(Broad::Partition { sides }) => {
                let hosts: u128 = sides.iter().map(|side| side.len() as u128).sum();
                hosts * hosts / 2
            }
            What::Broad(Broad::Flapping { host, down_seconds, up_seconds, .. }) => {
                let period = u128::from((down_seconds.get() + up_seconds.get()).max(1));
                let length = self.scenario.length().as_millis();
                let lasts = fault.lasts.map_or(length, |lasts| u128::from(lasts.get()));
                (lasts.min(length) / period + 1) * host.len() as u128
            }
        };
        effects * 2
    }
}

/// The field of a change that names this host.
fn field_with(change: &Change, host: usize) -> Option<String> {
    let fields = toml::Table::try_from(change).ok()?;
    let is_it = |value: &toml::Value| value.as_integer() == i64::try_from(host).ok();
    fields.into_iter().find(|(_, value)| is_it(value)).map(|(field, _)| field)
}

/// A number that may be negative and must not be 0.
fn signed(place: [&str; 2], is: i32, most: i32, found: &mut Found) {
    if is == 0 || is.unsigned_abs() > most.unsigned_abs() {
        let words = format!("is {is}; write -{most} to {most}, and not 0");
        found.add(["faults", place[0], place[1]], words);
    }
}

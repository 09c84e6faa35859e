//! The effects of faults of the network, also of those that hit many hosts at once.

use std::time::Duration;

use super::{Effect, Key, Maker};
use crate::net::{CarrierSpec, Change, INTERNET, Topology};
use crate::scenario::decimal::Decimal;
use crate::scenario::fault::Broad;
use crate::scenario::hosts::HostSet;
use crate::scenario::plan::Happening;
use crate::scenario::spec::Scenario;

impl Maker<'_> {
    pub(super) fn network(&self, change: Change) -> Effect {
        let (end, key) = undo(&change, self.topology);
        let is_level = matches!(change, Change::Respec { .. } | Change::Prefer { .. });
        let end = end.into_iter().map(Happening::Network).collect();
        Effect { is_level, ..self.effect(vec![Happening::Network(change)], end, key) }
    }

    pub(super) fn broad(&self, broad: &Broad) -> Vec<Effect> {
        match broad {
            Broad::CarrierOutage { carrier, silent } => self.outage(carrier, *silent),
            Broad::Blackout { carriers, silent } => {
                let all = carriers_of_stalls(self.scenario);
                let carriers = if carriers.is_empty() { &all } else { carriers };
                carriers.iter().flat_map(|carrier| self.outage(carrier, *silent)).collect()
            }
            Broad::Partition { sides } => {
                let pairs = pairs_across(sides);
                pairs.map(|(a, b)| self.network(Change::Cut { a, b })).collect()
            }
            Broad::Flapping { host, carrier, down_seconds, up_seconds } => {
                let present = host.iter().filter(|host| self.scenario.is_present(*host));
                let flaps = self.flaps(*down_seconds, *up_seconds);
                let down = |host| {
                    let change = Change::CarrierDown { host, carrier: carrier.clone() };
                    let flap = |(from, to): &(Duration, Duration)| {
                        let once = self.network(change.clone());
                        Effect { from: *from, to: Some(*to), ..once }
                    };
                    flaps.iter().map(flap).collect::<Vec<_>>()
                };
                present.flat_map(down).collect()
            }
        }
    }

    /// A carrier is away for all hosts that are on it, copies of stalls included.
    fn outage(&self, carrier: &String, silent: bool) -> Vec<Effect> {
        let change = |host| {
            let carrier = carrier.clone();
            if silent {
                Change::CarrierSilent { host, carrier, silent: true }
            } else {
                Change::CarrierDown { host, carrier }
            }
        };
        let hosts = self.topology.hosts.iter().enumerate();
        let on = hosts.filter(|(_, net)| net.carriers.contains(carrier));
        on.map(|(host, _)| self.network(change(host))).collect()
    }

    /// When it is down, again and again, until the fault or the market is over.
    fn flaps(&self, down: Decimal, up: Decimal) -> Vec<(Duration, Duration)> {
        let end = self.to().unwrap_or(Duration::MAX).min(self.scenario.length());
        let (down, period) = (down.span(), down.span() + up.span());
        let mut flaps = Vec::new();
        let mut from = self.from();
        while from < end && !period.is_zero() {
            flaps.push((from, (from + down).min(end)));
            from += period;
        }
        flaps
    }
}

/// The carriers of all stalls, by name.
pub(in crate::scenario) fn carriers_of_stalls(scenario: &Scenario) -> Vec<String> {
    let groups = scenario.group.iter().flat_map(|group| &group.carriers);
    let mut carriers: Vec<String> = groups.cloned().collect();
    carriers.sort_unstable();
    carriers.dedup();
    carriers
}

/// Each pair of hosts on different sides, once.
fn pairs_across(sides: &[HostSet]) -> impl Iterator<Item = (usize, usize)> {
    let both = move |at: usize| sides[at + 1..].iter().map(move |other| (&sides[at], other));
    (0..sides.len()).flat_map(both).flat_map(|(one, other)| {
        one.iter().flat_map(|a| other.iter().map(move |b| (a.min(b), a.max(b))))
    })
}

/// What ends a change, and what it holds on to meanwhile. Nothing for a change without an end.
fn undo(change: &Change, topology: &Topology) -> (Option<Change>, Option<Key>) {
    let none = String::new;
    match change.clone() {
        Change::Cut { a, b } => {
            (Some(Change::Heal { a, b }), Some(("cut", a.min(b), a.max(b), none())))
        }
        Change::CutOneWay { from, to } => {
            (Some(Change::HealOneWay { from, to }), Some(("one-way", from, to, none())))
        }
        Change::CarrierDown { host, carrier } => {
            let key = ("down", host, 0, carrier.clone());
            (Some(Change::CarrierUp { host, carrier }), Some(key))
        }
        Change::CarrierSilent { host, carrier, silent: true } => {
            let key = ("silent", host, 0, carrier.clone());
            (Some(Change::CarrierSilent { host, carrier, silent: false }), Some(key))
        }
        Change::Captive { host, carrier, captive: true } => {
            let key = ("captive", host, 0, carrier.clone());
            (Some(Change::Captive { host, carrier, captive: false }), Some(key))
        }
        Change::SilentUp { host, carrier, silent: true } => {
            let key = ("silent-up", host, 0, carrier.clone());
            (Some(Change::SilentUp { host, carrier, silent: false }), Some(key))
        }
        Change::Prefer { host, .. } => {
            let first = topology.hosts.get(host).and_then(|net| net.carriers.first());
            let carrier = first.cloned().unwrap_or_else(|| INTERNET.to_owned());
            (Some(Change::Prefer { host, carrier }), Some(("prefer", host, 0, none())))
        }
        Change::LanDown { lan, down: true } => {
            let key = ("lan", 0, 0, lan.clone());
            (Some(Change::LanDown { lan, down: false }), Some(key))
        }
        Change::Respec { carrier, .. } => {
            let key = ("respec", 0, 0, carrier.clone());
            let spec = topology.carriers.get(&carrier).cloned();
            let CarrierSpec { up, down, .. } = spec.unwrap_or_default();
            (Some(Change::Respec { carrier, up: Some(up), down: Some(down) }), Some(key))
        }
        _ => (None, None),
    }
}

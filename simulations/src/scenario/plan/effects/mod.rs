//! From faults to changes of the network and deeds to machines, each with its end.
//!
//! Faults may overlap. What one ends while another one of the same kind still goes on stays as it
//! is until that one ends too.

mod host;
mod network;

use std::collections::BTreeMap;
use std::time::Duration;

pub(in crate::scenario) use network::carriers_of_stalls;

use super::topology::Extras;
use super::{Happening, Item};
use crate::net::Topology;
use crate::scenario::fault::{Fault, HostFault, What};
use crate::scenario::ids::Id;
use crate::scenario::limits::EFFECTS_MAX;
use crate::scenario::spec::Scenario;

/// What an effect holds on to, so that another one may hold on to the same: a name, and hosts or
/// carriers.
pub(in crate::scenario) type Key = (&'static str, usize, usize, String);

/// One thing that begins and, unless it has no end, ends.
struct Effect {
    id: Id,
    from: Duration,
    to: Option<Duration>,
    start: Vec<Happening>,
    end: Vec<Happening>,
    /// Absent where nothing can be held on to: it happens, and that is that.
    key: Option<Key>,
    /// Whether starts differ, so that the one that still goes on has to be stated again.
    is_level: bool,
}

/// The items of all faults that are not left out.
pub(super) fn items(
    scenario: &Scenario,
    topology: &Topology,
    faults: &[(String, Fault)],
    extras: &Extras,
    seed: u64,
) -> Vec<Item> {
    let bound = usize::try_from(EFFECTS_MAX).unwrap_or(usize::MAX);
    let mut effects = Vec::new();
    for (name, fault) in faults {
        let is_out = scenario.without.contains(&Id::Fault(name.clone()));
        if !is_out && effects.len() < bound {
            let maker = Maker { scenario, topology, extras, seed, name, fault };
            effects.extend(maker.effects());
        }
    }
    in_turn(&effects)
}

/// Starts and ends. Where the same is still on, an end is left out, or another start follows it.
fn in_turn(effects: &[Effect]) -> Vec<Item> {
    let mut holding: BTreeMap<&Key, Vec<&Effect>> = BTreeMap::new();
    for effect in effects {
        if let Some(key) = &effect.key {
            holding.entry(key).or_default().push(effect);
        }
    }
    let mut items = Vec::new();
    for effect in effects {
        let mut add = |at: Duration, all: &[Happening]| {
            let item = |what: &Happening| Item { id: effect.id.clone(), at, what: what.clone() };
            items.extend(all.iter().map(item));
        };
        add(effect.from, &effect.start);
        let Some(to) = effect.to else { continue };
        let others = effect.key.as_ref().and_then(|key| holding.get(key));
        let still = others.map(|others| still_on(effect, to, others)).unwrap_or_default();
        if still.is_empty() || effect.is_level {
            add(to, &effect.end);
        }
        if effect.is_level {
            still.iter().for_each(|other| add(to, &other.start));
        }
    }
    items
}

/// The effects that go on when this one ends, in the order in which they began.
fn still_on<'a>(effect: &Effect, to: Duration, others: &[&'a Effect]) -> Vec<&'a Effect> {
    let is_on = |other: &&&Effect| {
        let outlasts = other.to.is_none_or(|end| end > to);
        !std::ptr::eq(**other, effect) && other.from <= to && outlasts
    };
    let mut still: Vec<&Effect> = others.iter().filter(is_on).copied().collect();
    still.sort_by_key(|other| other.from);
    still
}

/// Makes the effects of one fault.
struct Maker<'a> {
    scenario: &'a Scenario,
    topology: &'a Topology,
    extras: &'a Extras,
    seed: u64,
    name: &'a str,
    fault: &'a Fault,
}

impl Maker<'_> {
    fn effects(&self) -> Vec<Effect> {
        match &self.fault.what {
            What::Network(change) => vec![self.network(change.clone())],
            What::Broad(broad) => self.broad(broad),
            What::Host(HostFault::HostilePeer { .. }) => self.attack().into_iter().collect(),
            What::Host(fault) => {
                let present = fault.hosts().iter().filter(|host| self.scenario.is_present(*host));
                present.flat_map(|host| self.host(fault, host)).collect()
            }
        }
    }

    fn from(&self) -> Duration {
        self.fault.at.span()
    }

    /// When it is undone; never if it goes on to the end of the market.
    fn to(&self) -> Option<Duration> {
        self.fault.lasts.map(|lasts| self.from().saturating_add(lasts.span()))
    }

    fn effect(&self, start: Vec<Happening>, end: Vec<Happening>, key: Option<Key>) -> Effect {
        let to = self.to().filter(|_| !end.is_empty());
        let id = Id::Fault(self.name.to_owned());
        Effect { id, from: self.from(), to, start, end, key, is_level: false }
    }
}

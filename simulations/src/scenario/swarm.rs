//! Draws faults from a seed: which kinds there are in a run at all, then when each hits whom.
//!
//! Every drawn fault has a stream of its own, so that leaving one out moves no other.

mod what;

use std::collections::BTreeMap;

use super::chance::{self, Purpose};
use super::decimal::Decimal;
use super::fault::Fault;
use super::limits::SWARM_FAULTS_MAX;
use super::spec::{Scenario, Share, Swarm};
use crate::protocol::world::Draw;

pub use what::kinds;

/// The faults that the seed draws, named `swarm-0` and on; none for a scenario without a swarm. A
/// kind that the venue has no room for (a LAN that goes down, where there is none) is passed over.
pub fn drawn(scenario: &Scenario, seed: u64) -> Vec<Fault> {
    let Some(swarm) = &scenario.swarm else { return Vec::new() };
    let mut choice = chance::stream(seed, Purpose::Choice, 0);
    let mut left = kinds_of(swarm, seed, &mut choice);
    let count = 1 + choice.below(u64::from(swarm.most.min(SWARM_FAULTS_MAX)));
    let mut faults = Vec::new();
    for nth in 0..usize::try_from(count).unwrap_or(0) {
        let Some(kind) = choose(&left, &mut choice) else { break };
        if let Some(share) = left.get_mut(&kind) {
            share.most -= 1;
        }
        left.retain(|_, share| share.most > 0);
        let mut draw = chance::stream(seed, Purpose::Drawn, nth);
        faults.extend(draw_fault(scenario, swarm, &kind, nth, &mut draw));
    }
    faults
}

/// The kinds of a run: each with even odds, and at least one.
fn kinds_of(swarm: &Swarm, seed: u64, choice: &mut Draw) -> BTreeMap<String, Share> {
    let usable = |share: &Share| share.weight > 0 && share.most > 0;
    let all: BTreeMap<String, Share> =
        swarm.kinds.iter().filter(|(_, s)| usable(s)).map(|(k, s)| (k.clone(), *s)).collect();
    let last = choose(&all, choice);
    let mut some = all.clone();
    some.retain(|kind, _| chance::named(seed, Purpose::Kinds, kind).below(2) == 0);
    if let Some(kind) = last.filter(|_| some.is_empty()) {
        some.extend(all.get(&kind).map(|share| (kind.clone(), *share)));
    }
    some
}

/// A kind, in proportion to its weight.
fn choose(kinds: &BTreeMap<String, Share>, draw: &mut Draw) -> Option<String> {
    let total: u64 = kinds.values().map(|share| u64::from(share.weight)).sum();
    let mut at = draw.below(total);
    for (kind, share) in kinds {
        match at.checked_sub(u64::from(share.weight)) {
            Some(rest) => at = rest,
            None => return Some(kind.clone()),
        }
    }
    None
}

fn draw_fault(
    scenario: &Scenario,
    swarm: &Swarm,
    kind: &str,
    nth: usize,
    draw: &mut Draw,
) -> Option<Fault> {
    // Not before everybody has started, and with some of the market left to see what comes of it.
    let length = u64::try_from(scenario.length().as_millis()).unwrap_or(u64::MAX);
    let at = length / 20 + draw.below(length / 5 * 4);
    let (shortest, longest) = (swarm.shortest_seconds.get(), swarm.longest_seconds.get());
    let lasts = shortest + draw.below(longest.saturating_sub(shortest) + 1);
    let what = what::draw(scenario, kind, at, draw)?;
    let lasts = what.has_end().then(|| Decimal::thousandths(lasts));
    Some(Fault { id: Some(format!("swarm-{nth}")), at: Decimal::thousandths(at), lasts, what })
}

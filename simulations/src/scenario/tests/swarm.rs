//! What seeds draw: some kinds in each run, all of them in many.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

fn kinds_drawn(scenario: &Scenario, seed: u64) -> BTreeMap<&'static str, usize> {
    let mut kinds = BTreeMap::new();
    for fault in drawn(scenario, seed) {
        *kinds.entry(fault.what.kind()).or_default() += 1;
    }
    kinds
}

#[test]
fn a_seed_leaves_about_half_of_the_kinds_out_and_many_seeds_leave_out_none() {
    let scenario = find("swarm", &[]).unwrap();
    let swarm = scenario.swarm.as_ref().unwrap();
    let mut seen = BTreeSet::new();
    for seed in 0..200 {
        let kinds = kinds_drawn(&scenario, seed);
        assert!(kinds.values().sum::<usize>() <= 16);
        assert!(kinds.iter().all(|(kind, n)| *n <= swarm.kinds[*kind].most as usize), "{kinds:?}");
        seen.extend(kinds.into_keys());
    }
    assert_eq!(seen.len(), swarm_kinds().count(), "{seen:?}");
    assert_eq!(swarm.kinds.len(), swarm_kinds().count());
}

#[test]
fn long_runs_leave_a_common_kind_out_more_often_than_by_chance() {
    // A crash is 6 of 78 in weight: with every kind in every run, some 360 of 1000 runs with 12 to
    // 16 faults would have none.
    let scenario = find("swarm", &[]).unwrap();
    let runs = (0..2_000).map(|seed| kinds_drawn(&scenario, seed));
    let long: Vec<_> = runs.filter(|kinds| kinds.values().sum::<usize>() >= 12).collect();
    let without = long.iter().filter(|kinds| !kinds.contains_key("crash")).count();
    let permille = without * 1_000 / long.len();
    assert!((480..650).contains(&permille), "{permille} of {}", long.len());
}

#[test]
fn drawn_faults_begin_all_over_the_market() {
    let scenario = find("swarm", &[]).unwrap();
    let mut minutes = BTreeSet::new();
    for seed in 0..100 {
        let faults = drawn(&scenario, seed);
        let times: BTreeSet<u64> = faults.iter().map(|fault| fault.at.get()).collect();
        assert!(times.len() + 1 >= faults.len(), "seed {seed}: {times:?}");
        minutes.extend(times.into_iter().map(|ms| ms / 60_000));
    }
    assert_eq!(minutes.len(), 9, "{minutes:?}");
}

#[test]
fn whatever_is_drawn_is_possible() {
    let scenario = find("swarm", &[]).unwrap();
    for seed in 0..300 {
        let frozen = frozen(&scenario, seed);
        assert_eq!(check(&frozen), [], "seed {seed}");
    }
}

#[test]
fn a_run_with_its_faults_written_down_is_the_same_run() {
    let scenario = find("swarm", &[]).unwrap();
    for seed in 0..20 {
        let frozen = frozen(&scenario, seed);
        assert!(frozen.swarm.is_none() && frozen.seed == Some(seed));
        assert_eq!(plan(&frozen, seed), plan(&scenario, seed));
        let text = to_toml(&frozen).unwrap();
        assert_eq!(read("frozen.toml", &text, &[]).unwrap(), frozen, "{text}");
    }
}

#[test]
fn what_the_venue_has_no_room_for_is_not_drawn() {
    let lan = "[swarm]\nmost = 5\nkinds.lan-down = { weight = 1, most = 5 }\n";
    let text = VENUE.replace("lans = [\"hall\"]", "");
    let text = text.replace("[lans.hall]\nlink = { delay-ms = 1 }", "");
    let no_lan = read("a.toml", &format!("{text}{lan}"), &[]).unwrap();
    assert!((0..50).all(|seed| drawn(&no_lan, seed).is_empty()));
    assert!((0..50).any(|seed| !drawn(&venue(lan), seed).is_empty()));
}

#[test]
fn stalls_at_home_are_not_hit() {
    let mut scenario = find("swarm", &[]).unwrap();
    scenario.absent = HostSet::from_iter([2, 3, 5]);
    for seed in 0..100 {
        for item in plan(&scenario, seed).items {
            let Happening::Host { host, .. } = item.what else { continue };
            assert!([0, 1, 4].contains(&host) || host > 5, "seed {seed}: host {host}");
        }
    }
}

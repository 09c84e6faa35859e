//! The bounded sweep that runs on every change, and the proof of determinism at this tier.

use super::scenario::{Night, run};

#[track_caller]
fn check(night: Night) -> super::scenario::Outcome {
    run(night).unwrap_or_else(|error| panic!("seed {}: {error:#}", night.seed))
}

#[test]
fn every_seed_of_the_bounded_sweep_converges_with_nothing_lost() {
    let first = std::env::var("TENTPOLE_SEED").ok().and_then(|text| text.parse().ok());
    let first: u64 = first.unwrap_or(0);
    for seed in first..first + 40 {
        let outcome = check(Night::new(seed));
        assert!(outcome.acknowledged > 0, "seed {seed} sold nothing");
    }
}

#[test]
fn the_same_seed_gives_the_same_run_to_the_last_byte() {
    assert_eq!(check(Night::new(7)), check(Night::new(7)));
    assert_ne!(check(Night::new(7)).trace_hash, check(Night::new(8)).trace_hash);
}

#[test]
fn a_night_without_faults_refuses_nothing_and_heals_at_once() {
    let night = Night { faults: 0, quality: super::network::Quality::CLEAN, ..Night::new(3) };
    let outcome = check(night);
    assert_eq!(outcome.refused, 0);
    assert_eq!(outcome.acknowledged as u64, night.sales);
    assert!(outcome.heal_ms <= 1_000, "healing took {} ms", outcome.heal_ms);
}

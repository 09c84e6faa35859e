//! Histories on every change, and those that once failed.

use super::steps::{Deed, Flavour, History, Step, What};
use super::{run, sweep};

/// Histories on every change; `TENTPOLE_HISTORIES` asks for more, `TENTPOLE_SEED` begins elsewhere.
const HISTORIES: u64 = 120;

fn from_environment(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn whatever_happens_every_machine_has_the_books_of_the_reference() {
    let first = from_environment("TENTPOLE_SEED", 0);
    let report = sweep(first..first + from_environment("TENTPOLE_HISTORIES", HISTORIES), |_| {});
    for failure in &report.failed {
        println!("seed {}:\n{}\n{}\n", failure.seed, failure.story, failure.history);
    }
    assert!(report.failed.is_empty(), "{} histories failed", report.failed.len());
    // Machines met at one vector, and their books were read.
    assert!(report.equal > report.histories && report.compared > report.histories);
}

#[track_caller]
fn check(flavour: Flavour, steps: &[Step]) {
    let history = History { flavour, steps: steps.to_vec() };
    run(&history).unwrap_or_else(|error| panic!("{error:#}"));
}

fn deed(what: What) -> Deed {
    Deed { what, sku: 0, pieces: 0, aim: 0, twist: 0, lie: false }
}

#[test]
fn a_counter_and_the_text_that_it_prints_as_are_two_keys() {
    // Both bear a used key: without bit 13 as a counter, with it as text.
    let lie = |twist| Deed { twist, lie: true, aim: 4, ..deed(What::Receive) };
    let (counter, text) = (5_004, 13_204);
    let steps = [counter, text, counter, text].map(|twist| Step::Do(0, lie(twist)));
    check(Flavour::Lying, &steps);
}

#[test]
fn of_doubled_keys_with_stakes_below_zero_the_largest_is_left_out_all_the_same() {
    let lie = Deed { twist: (2 << 12) + 2, lie: true, aim: 4, ..deed(What::Sell) };
    assert_eq!(lie.twist % 5, 4, "it bears a used key");
    check(Flavour::Lying, &[Step::Do(0, lie), Step::Do(0, lie)]);
}

#[test]
fn what_is_about_to_be_rebuilt_answers_nobody_from_the_first_batch_on() {
    let sell = Deed { twist: 0, lie: true, ..deed(What::Sell) };
    let steps = [
        Step::Do(0, deed(What::Receive)),
        Step::Upgrade(0, 99),
        Step::Do(0, sell),
        Step::Commit(0),
        Step::Rebuild(0),
        Step::Do(0, deed(What::Receive)),
        Step::Commit(0),
    ];
    check(Flavour::Lying, &steps);
}

#[test]
fn a_rebuild_of_a_long_epoch_folds_what_arrives_meanwhile_once() {
    let mut steps: Vec<Step> = (0..300).map(|_| Step::Do(0, lying_receipt())).collect();
    steps.push(Step::Commit(0));
    steps.push(Step::Carry(0, 1, 0));
    steps.push(Step::Upgrade(0, 0));
    for _ in 0..4 {
        steps.extend([Step::Rebuild(0), Step::Do(0, deed(What::Sell)), Step::Commit(0)]);
    }
    check(Flavour::Lying, &steps);
}

/// A lie looks at no books, which makes many of them quick; this one is an honest receipt.
fn lying_receipt() -> Deed {
    Deed { twist: 3 << 8, lie: true, ..deed(What::Receive) }
}

#[test]
fn what_copies_of_a_disk_may_oversell_is_declared() {
    let cup = |what| Deed { sku: 1, pieces: 1, ..deed(what) };
    let sell = Deed { twist: 0, ..cup(What::Sell) };
    let steps = [
        Step::Do(0, cup(What::Receive)),
        Step::Commit(0),
        Step::CopyDisk(0),
        Step::Do(0, sell),
        Step::Do(3, sell),
        Step::Do(3, cup(What::Receive)),
        Step::Commit(3),
        Step::Carry(3, 0, 1),
        Step::Do(0, sell),
    ];
    check(Flavour::Honest, &steps);
}

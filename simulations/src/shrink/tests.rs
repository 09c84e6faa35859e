//! What is shrunk fails, is part of what was given, and is small.

use std::cell::RefCell;

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

use super::*;

const MINUTE: Duration = Duration::from_secs(60);
const PLENTY: Effort = Effort { runs_max: 100_000, grain: Duration::from_secs(1) };

fn whole(sizes: &[u16]) -> Subset<u16> {
    Subset { groups: sizes.iter().map(|size| (0..*size).collect()).collect(), length: MINUTE }
}

/// Fails where all of `needed` are, from second `at` on.
fn needs(needed: &[Vec<u16>], at: u64) -> impl Fn(&Subset<u16>) -> Option<Duration> {
    move |subset| {
        let mut both = needed.iter().zip(&subset.groups);
        let all = both.all(|(needed, group)| needed.iter().all(|item| group.contains(item)));
        let at = Duration::from_secs(at);
        (all && at < subset.length).then_some(at)
    }
}

#[track_caller]
fn check(sizes: &[u16], needed: &[Vec<u16>], at: u64) -> Shrunk<u16> {
    let shrunk = shrink(&whole(sizes), PLENTY, needs(needed, at)).unwrap();
    assert_eq!(shrunk.kept.groups, needed);
    assert!(shrunk.is_minimal);
    shrunk
}

#[test]
fn what_a_failure_needs_is_all_that_is_kept() {
    check(&[4, 20, 300], &[vec![2], vec![3, 17], vec![0, 150, 299]], 30);
    check(&[1], &[vec![0]], 0);
}

#[test]
fn what_a_failure_does_not_need_is_left_out_to_the_last() {
    check(&[30, 12, 500], &[vec![], vec![], vec![]], 30);
    check(&[0, 1], &[vec![], vec![]], 30);
}

#[test]
fn a_run_is_as_short_as_its_failure_allows() {
    for at in [0, 1, 29, 58, 59] {
        let shrunk = check(&[3], &[vec![1]], at);
        assert_eq!(shrunk.kept.length, Duration::from_secs(at + 1));
        assert_eq!(shrunk.fails_at, Duration::from_secs(at));
    }
}

#[test]
fn a_run_that_fails_early_is_shortened_at_once() {
    // The whole, what ends right after the failure, and no item at all.
    assert_eq!(check(&[1], &[vec![0]], 0).runs, 3);
}

#[test]
fn a_failure_after_the_end_shortens_the_run_too() {
    // As of the liveness phase: it fails a while after what happens is over.
    let fails = |subset: &Subset<u16>| {
        (subset.length >= Duration::from_secs(7)).then_some(subset.length + 2 * MINUTE)
    };
    let shrunk = shrink(&whole(&[9]), PLENTY, fails).unwrap();
    assert_eq!(shrunk.kept.length, Duration::from_secs(7));
}

#[test]
fn one_culprit_among_a_thousand_takes_two_runs_a_halving() {
    for culprit in [0, 1, 511, 512, 700, 1023] {
        let shrunk = check(&[1024], &[vec![culprit]], 59);
        // The whole, no item at all, two for each of ten halvings; and six for the length, before
        // and after.
        assert!(shrunk.runs <= 1 + 1 + 20 + 2 * 6, "{} runs for {culprit}", shrunk.runs);
    }
}

#[test]
fn what_needs_another_list_to_shrink_first_is_left_out_in_the_end() {
    // Stall 1 can go once sale 5 is gone.
    let fails = |subset: &Subset<u16>| {
        let (stalls, sales) = (&subset.groups[0], &subset.groups[1]);
        let held = sales.contains(&5) && !stalls.contains(&1);
        (!held && sales.contains(&7)).then_some(Duration::ZERO)
    };
    let shrunk = shrink(&whole(&[3, 10]), PLENTY, fails).unwrap();
    assert_eq!(shrunk.kept.groups, [vec![], vec![7]]);
}

#[test]
fn a_run_that_holds_is_not_shrunk() {
    let effort = |runs_max, grain_ms| Effort { runs_max, grain: Duration::from_millis(grain_ms) };
    let cases = [
        (effort(9, 1), ShrinkError::Holds, "name a seed"),
        (effort(0, 1), ShrinkError::NoRuns, "allow at least 1"),
        (effort(9, 0), ShrinkError::NoGrain, "at least a millisecond"),
    ];
    for (effort, expected, mend) in cases {
        let refused = shrink(&whole(&[3]), effort, |_| None).unwrap_err();
        assert_eq!(refused, expected);
        assert!(refused.to_string().contains(mend), "{refused}");
    }
}

/// A failure without rhyme or reason, save that the whole fails: it asks a hash.
fn whim(salt: u64, of: u8, whole: &Subset<u16>) -> impl Fn(&Subset<u16>) -> Option<Duration> {
    move |subset| {
        let text = format!("{salt} {subset:?}");
        let fails = subset == whole || blake3::hash(text.as_bytes()).as_bytes()[0] < of;
        fails.then_some(subset.length / 2)
    }
}

fn is_part(part: &Subset<u16>, whole: &Subset<u16>) -> bool {
    let mut groups = part.groups.iter().zip(&whole.groups);
    part.length <= whole.length
        && part.groups.len() == whole.groups.len()
        && groups
            .all(|(part, whole)| part.is_sorted() && part.iter().all(|item| whole.contains(item)))
}

/// Each subset that lacks a single item.
fn neighbours(subset: &Subset<u16>) -> Vec<Subset<u16>> {
    let mut out = Vec::new();
    for (group, items) in subset.groups.iter().enumerate() {
        for place in 0..items.len() {
            let mut less = subset.clone();
            less.groups[group].remove(place);
            out.push(less);
        }
    }
    out
}

proptest! {
    #[test]
    fn exactly_what_is_needed_is_kept(
        sizes in vec(1_u16..40, 1..4),
        needed in vec(btree_set(0_u16..40, 0..6), 3),
        at in 0_u64..60,
    ) {
        let needed: Vec<Vec<u16>> = sizes.iter().zip(&needed)
            .map(|(size, needed)| needed.iter().copied().filter(|item| item < size).collect())
            .collect();
        let shrunk = check(&sizes, &needed, at);
        prop_assert_eq!(shrunk.kept.length, Duration::from_secs(at + 1));
    }

    #[test]
    fn any_failure_shrinks_to_a_part_that_fails_and_of_which_nothing_can_go(
        sizes in vec(0_u16..12, 1..4), salt: u64, of in 0_u8..200,
    ) {
        let whole = whole(&sizes);
        let fails = whim(salt, of, &whole);
        let shrunk = shrink(&whole, PLENTY, &fails).unwrap();
        prop_assert!(is_part(&shrunk.kept, &whole), "{:?}", shrunk.kept);
        prop_assert_eq!(fails(&shrunk.kept), Some(shrunk.fails_at));
        prop_assert!(shrunk.is_minimal);
        for less in neighbours(&shrunk.kept) {
            prop_assert_eq!(fails(&less), None, "{:?} fails too", less);
        }
    }

    #[test]
    fn however_few_runs_there_are_what_comes_out_fails_and_is_no_larger(
        sizes in vec(0_u16..12, 1..4), salt: u64, of in 0_u8..200, runs_max in 1_u32..40,
    ) {
        let whole = whole(&sizes);
        let runs = RefCell::new(0);
        let fails = whim(salt, of, &whole);
        let counted = |subset: &Subset<u16>| { *runs.borrow_mut() += 1; fails(subset) };
        let shrunk = shrink(&whole, Effort { runs_max, ..PLENTY }, counted).unwrap();
        prop_assert!(is_part(&shrunk.kept, &whole), "{:?}", shrunk.kept);
        prop_assert_eq!(fails(&shrunk.kept), Some(shrunk.fails_at));
        prop_assert_eq!(shrunk.runs, *runs.borrow());
        prop_assert!(shrunk.runs <= runs_max);
        if shrunk.is_minimal {
            for less in neighbours(&shrunk.kept) {
                prop_assert_eq!(fails(&less), None, "{:?} fails too", less);
            }
        }
    }

    #[test]
    fn the_same_answers_give_the_same_result_and_nothing_is_run_twice(
        sizes in vec(0_u16..12, 1..4), salt: u64, of in 0_u8..200,
    ) {
        let whole = whole(&sizes);
        let runs = RefCell::new(Vec::new());
        let fails = whim(salt, of, &whole);
        let noted = |subset: &Subset<u16>| {
            runs.borrow_mut().push(format!("{subset:?}"));
            fails(subset)
        };
        let first = shrink(&whole, PLENTY, noted).unwrap();
        let mut first_runs = runs.take();
        let second = shrink(&whole, PLENTY, noted).unwrap();
        prop_assert_eq!(first, second);
        prop_assert_eq!(&first_runs, &*runs.borrow());
        let made = first_runs.len();
        first_runs.sort();
        first_runs.dedup();
        prop_assert_eq!(first_runs.len(), made, "a run was made twice");
    }
}

//! The rules of asking and giving, by example and over all small numbers.

use proptest::collection::vec;
use proptest::prelude::*;

use super::{Holder, Rates, Strategy, Taken, Wanted, ask, give, low, take};
use crate::ids::DeviceId;
use crate::limits::{ASKED_MAX, RATES_MAX};

/// Nobody's neighbour: others are asked in their own order.
const ME: DeviceId = DeviceId([0; 32]);

fn holder(device: u8, balance: u64) -> Holder {
    Holder { device: DeviceId([device; 32]), balance, answers: true, open: 0 }
}

#[track_caller]
fn check(short: u64, more: u64, holders: &[Holder], expected: &[(u8, u64)]) {
    let expected = expected.iter();
    let expected: Vec<Wanted> = expected
        .map(|(device, quantity)| Wanted { giver: DeviceId([*device; 32]), quantity: *quantity })
        .collect();
    assert_eq!(ask(&ME, (short, more), 0, holders), expected);
}

#[test]
fn one_right_here_and_one_there_make_two() {
    check(2, 0, &[holder(1, 1), holder(2, 1)], &[(1, 1), (2, 1)]);
}

#[test]
fn of_equals_each_stall_asks_another_first() {
    let holders = [holder(1, 1), holder(2, 1), holder(3, 1)];
    let first = |me: u8| ask(&DeviceId([me; 32]), (1, 0), 0, &holders)[0].giver.0[0];
    assert_eq!([0, 4, 6, 7].map(first), [1, 1, 2, 3]);
}

#[test]
fn one_who_has_enough_is_asked_alone() {
    check(2, 0, &[holder(1, 1), holder(2, 5)], &[(2, 2)]);
}

#[test]
fn what_is_for_later_comes_from_whoever_has_it() {
    check(1_000, 3_000, &[holder(1, 2_000), holder(2, 3_000)], &[(2, 2_000)]);
    check(4_000, 3_000, &[holder(1, 2_000), holder(2, 3_000)], &[(2, 3_000), (1, 1_000)]);
}

#[test]
fn two_stalls_that_fill_up_from_each_other_come_to_the_same_and_stop() {
    let mut balances = [0_u64, 7_000];
    let mut moved = Vec::new();
    for turn in 0..10 {
        let (me, other) = (turn % 2, 1 - turn % 2);
        for wanted in ask(&ME, (0, 9_000), balances[me], &[holder(9, balances[other])]) {
            balances[me] += wanted.quantity;
            balances[other] -= wanted.quantity;
            moved.push(wanted.quantity);
        }
    }
    assert_eq!((balances, moved), ([3_000, 4_000], vec![3_000]));
}

#[test]
fn what_was_asked_for_is_not_asked_for_again() {
    let asked = Holder { open: 2, ..holder(1, 9) };
    check(2, 0, &[asked, holder(2, 9)], &[]);
    check(3, 0, &[asked, holder(2, 9)], &[(2, 1)]);
    check(3, 0, &[asked], &[]);
}

#[test]
fn who_does_not_answer_is_asked_last_and_in_addition() {
    let silent = Holder { answers: false, ..holder(1, 9) };
    check(2, 2, &[silent, holder(2, 1)], &[(2, 1), (1, 1)]);
    check(2, 0, &[silent, Holder { answers: false, ..holder(3, 8) }], &[(1, 2), (3, 2)]);
    check(0, 5, &[silent], &[]);
    let waiting = Holder { open: 2, ..silent };
    check(2, 0, &[waiting, holder(2, 2)], &[(2, 2)]);
}

#[test]
fn nobody_is_asked_for_nothing() {
    check(0, 0, &[holder(1, 1)], &[]);
    check(1, 1, &[holder(1, 0)], &[]);
    check(1, 1, &[], &[]);
}

#[test]
fn a_stall_below_half_of_what_it_sells_fills_up() {
    for (balance, recent, expected) in
        [(4_000, 10_000, 6_000), (5_000, 10_000, 0), (0, 999, 0), (0, 2_700, 2_000), (9, 0, 0)]
    {
        assert_eq!(low(Strategy::LowWater, balance, recent), expected, "{balance} of {recent}");
        assert_eq!(low(Strategy::OnDemand, balance, recent), 0);
    }
}

#[test]
fn a_giver_keeps_what_it_needs_and_gives_in_part() {
    for (balance, recent, wanted, expected) in [
        (10_000, 0, 4_000, 4_000),
        (10_000, 48_000, 9_000, 4_000),
        (10_000, 80_000, 4_000, 0),
        (3_000, 0, 9_000, 3_000),
        (1_000, 4_000, 1_000, 1_000),
        (2_500, 0, 2_600, 2_000),
        (2_500, 0, 350, 350),
        (0, 0, 1, 0),
    ] {
        assert_eq!(give(Strategy::OnDemand, balance, recent, wanted), expected);
    }
    assert_eq!(give(Strategy::None, 10, 0, 1), 0);
}

#[test]
fn only_what_comes_late_and_is_not_needed_goes_back() {
    let window = 100;
    assert_eq!(take(5, 1, 400, window), Taken::Accepted);
    assert_eq!(take(5, 1, 401, window), Taken::Returned);
    assert_eq!(take(1, 1, 401, window), Taken::Accepted);
}

#[test]
fn a_rate_is_of_the_last_window_and_fades() {
    let mut rates = Rates::new(100);
    rates.note("tea", 10, 20);
    rates.note("tea", 6, 99);
    let at = |ms| rates.recent("tea", ms);
    assert_eq!([at(99), at(100), at(150), at(199), at(200)], [16, 16, 8, 0, 0]);
    assert_eq!(rates.recent("cup", 99), 0);
    assert_eq!(rates.skus().collect::<Vec<_>>(), ["tea"]);
}

#[test]
fn rates_are_bounded_and_make_room_for_what_sells() {
    let mut rates = Rates::new(100);
    for number in 0..RATES_MAX {
        rates.note(&number.to_string(), 1, 0);
    }
    rates.note("tea", 1, 50);
    assert_eq!(rates.recent("tea", 50), 0, "full of what sells");
    rates.note("tea", 1, 500);
    assert_eq!(rates.recent("tea", 500), 1);
    assert_eq!(rates.skus().count(), 1);
}

#[test]
fn a_strategy_is_known_by_its_name() {
    for strategy in Strategy::ALL {
        assert_eq!(strategy.name().parse(), Ok(strategy));
    }
    let text = "static".parse::<Strategy>().unwrap_err().to_string();
    assert!(text.contains("choose none, on-demand or low-water"), "{text}");
}

proptest! {
    #[test]
    fn whoever_answers_and_has_it_is_asked_for_enough(
        short in 0..20_u64,
        more in 0..20_u64,
        balances in vec(0..9_u64, 0..6),
    ) {
        let holders: Vec<Holder> =
            balances.iter().zip(0..).map(|(balance, at)| holder(at, *balance)).collect();
        let wanted = ask(&ME, (short, more), 0, &holders);
        let sum: u64 = wanted.iter().map(|wanted| wanted.quantity).sum();
        let there = balances.iter().sum::<u64>();
        prop_assert!(sum >= there.min(short) && sum <= there.min(short + more), "{}", sum);
        prop_assert!(wanted.len() <= ASKED_MAX);
        for Wanted { giver, quantity } in wanted {
            let holder = holders.iter().find(|holder| holder.device == giver);
            prop_assert!(quantity > 0 && holder.is_some_and(|holder| holder.balance >= quantity));
        }
    }

    #[test]
    fn nobody_gives_more_than_it_has_or_was_asked_for(
        balance in 0..50_u64,
        recent in 0..50_u64,
        wanted in 0..50_u64,
    ) {
        for strategy in Strategy::ALL {
            let given = give(strategy, balance, recent, wanted);
            prop_assert!(given <= balance && given <= wanted);
        }
    }
}

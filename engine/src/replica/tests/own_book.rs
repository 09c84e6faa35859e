//! Stock-takes: the book at an earlier place, and that nothing sold meanwhile is swallowed.

use std::collections::BTreeSet;

use proptest::prelude::*;

use crate::decide;
use crate::event::sale::Sale;
use crate::event::{Payload, StockCounted};
use crate::limits::COUNT_EVENTS_MAX;
use crate::projections::stock;
use crate::replica::own_book::{BookError, Place};
use crate::testing::*;

fn book(device: &Device, at: Place) -> Result<i128, BookError> {
    let books = device.replica.own_book(scope(), &BTreeSet::from(["tea"]), at)?;
    Ok(books["tea"])
}

fn on_hand(device: &Device) -> i128 {
    let key = stock::key(scope(), "tea", &ledger(device.seed).device);
    let row = device.replica.rows.get(&key).unwrap();
    crate::projections::read::<stock::Held>(row).unwrap().on_hand
}

/// A count of so many pieces that began at `start`, decided as a stall decides.
fn counted(device: &Device, number: u64, start: Place, pieces: u64) -> StockCounted {
    let mut take = count(number, (start.epoch, start.seq), "tea", pieces, 0);
    decide::counted(&mut take, scope(), &device.replica).unwrap();
    take
}

#[test]
fn setting_the_value_loses_sales_made_during_a_count_and_ours_does_not() {
    let mut stall = Device::new(1, 1);
    stall.append(Payload::GoodsReceived(goods(1, "tea", 10)));
    stall.commit();
    let start = stall.replica.own_place(scope());
    // Somebody counts 9, because one was stolen; meanwhile two are sold.
    stall.append(Payload::SaleCompleted(sale(2, "tea", 2, 200)));
    let take = counted(&stall, 3, start, 9);
    let naive = i128::from(take.lines[0].counted);
    stall.append(Payload::StockCounted(take.clone()));
    stall.commit();
    let really_there = 10_000 - 1_000 - 2_000;
    assert_eq!(on_hand(&stall), really_there);
    assert_eq!(naive, really_there + 2_000, "setting the value brings back what was sold");
    assert_eq!((take.lines[0].book, take.lines[0].variance()), (10_000, -1_000));
}

#[test]
fn a_count_that_finds_what_the_book_says_changes_nothing() {
    let mut stall = Device::new(1, 1);
    stall.append(Payload::GoodsReceived(goods(1, "tea", 10)));
    stall.commit();
    let start = stall.replica.own_place(scope());
    stall.restart(2);
    let first = stall.append(Payload::SaleCompleted(sale(2, "tea", 3, 200)));
    stall.append(Payload::SaleVoided(void(3, first)));
    stall.append(Payload::SaleCompleted(sale(4, "tea", 1, 200)));
    stall.append(Payload::StockCounted(counted(&stall, 5, start, 10)));
    stall.commit();
    assert_eq!(on_hand(&stall), 9_000);
}

#[test]
fn a_count_that_began_before_a_fork_is_held_against_the_own_branch() {
    let mut stall = Device::new(1, 1);
    stall.append(Payload::GoodsReceived(goods(1, "tea", 10)));
    let undone = stall.append(Payload::SaleCompleted(sale(2, "tea", 3, 300)));
    stall.commit();
    let mut twin = stall.cloned(2);
    twin.append(Payload::SaleCompleted(sale(3, "tea", 4, 400)));
    twin.append(Payload::SaleVoided(void(4, undone)));
    twin.commit();
    let start = stall.replica.own_place(scope());
    stall.append(Payload::SaleCompleted(sale(3, "tea", 1, 100)));
    stall.append(Payload::SaleVoided(void(5, undone)));
    stall.commit();
    let after = stall.replica.own_place(scope());
    stall.pull(&twin);
    // The row says what both did, and undoes the voided sale once.
    assert_eq!(on_hand(&stall), 10_000 - 4_000 - 1_000);
    assert_eq!(book(&stall, start).unwrap(), 7_000);
    assert_eq!(book(&stall, after).unwrap(), 10_000 - 1_000);
}

#[test]
fn what_a_copied_machine_sold_in_the_same_epoch_is_in_no_own_book() {
    let mut stall = Device::new(1, 1);
    stall.append(Payload::GoodsReceived(goods(1, "tea", 10)));
    stall.commit();
    let start = stall.replica.own_place(scope());
    let mut twin = stall.cloned(1);
    twin.append(Payload::SaleCompleted(sale(2, "tea", 4, 400)));
    twin.commit();
    stall.append(Payload::SaleCompleted(sale(2, "tea", 1, 100)));
    stall.commit();
    stall.pull(&twin);
    assert_eq!(on_hand(&stall), 10_000 - 4_000 - 1_000);
    assert_eq!(book(&stall, start).unwrap(), 10_000);
    assert_eq!(book(&stall, stall.replica.own_place(scope())).unwrap(), 10_000 - 1_000);
}

#[test]
fn a_place_that_is_not_on_the_own_branch_has_no_book() {
    let mut stall = Device::new(1, 1);
    stall.append(Payload::GoodsReceived(goods(1, "tea", 10)));
    stall.commit();
    let mut twin = stall.cloned(2);
    twin.append(Payload::SaleCompleted(sale(3, "tea", 4, 400)));
    twin.commit();
    let elsewhere = twin.replica.own_place(scope());
    stall.sell(2, 100);
    stall.commit();
    stall.pull(&twin);
    let here = stall.replica.own_place(scope());
    let beyond = Place { seq: here.seq + 1, ..here };
    for place in [elsewhere, beyond, Place { seq: u64::MAX, ..here }, Place { seq: 0, ..here }] {
        let refused = book(&stall, place).unwrap_err();
        assert!(matches!(refused, BookError::Elsewhere { .. }), "{place:?}: {refused}");
        assert!(refused.to_string().contains("begin the count anew"), "{refused}");
    }
    // What was appended and lost is no place either.
    stall.sell(3, 100);
    let lost = stall.replica.own_place(scope());
    assert_eq!(book(&stall, lost).unwrap(), 8_000, "without what the copy sold");
    stall.restart(9);
    stall.sell(3, 100);
    assert!(matches!(book(&stall, lost), Err(BookError::Elsewhere { .. })));
}

#[test]
fn a_count_may_not_take_more_events_than_a_till_can_wait_for() {
    let mut stall = Device::new(1, 1);
    let start = stall.replica.own_place(scope());
    assert_eq!(start, Place::default());
    // The first event opens the epoch.
    for number in 1..COUNT_EVENTS_MAX {
        let sold = Sale { tenders: Vec::new(), ..sale(number, "tea", 1, 1) };
        stall.append(Payload::SaleCompleted(sold));
    }
    assert_eq!(book(&stall, start).unwrap(), 0);
    stall.sell(COUNT_EVENTS_MAX, 1);
    let refused = book(&stall, start).unwrap_err().to_string();
    assert!(refused.contains("count less at a time"), "{refused}");
}

/// What a stall does: sells, receives, sells and undoes it, restarts.
fn run(device: &mut Device, what: u8, number: u64) {
    match what % 6 {
        0 | 1 => {
            device.append(Payload::SaleCompleted(sale(number, "tea", u64::from(what), 1)));
        }
        2 => {
            device.append(Payload::GoodsReceived(goods(number, "tea", u64::from(what))));
        }
        3 => {
            let id = device.append(Payload::SaleCompleted(sale(number, "tea", 2, 1)));
            device.append(Payload::SaleVoided(void(number + 1_000, id)));
            // A second void, which another program might have let through.
            device.append(Payload::SaleVoided(void(number + 2_000, id)));
        }
        4 => {
            device.append(Payload::GoodsSpoiled(spoiled(number, "tea", u64::from(what))));
        }
        _ => device.restart(number + 10),
    }
    device.commit();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// The book that a stall stated at each place, while nobody had a copy of its disk, is the
    /// book of that place for ever after.
    #[test]
    fn the_book_at_a_place_is_what_it_was_then(
        before in proptest::collection::vec(any::<u8>(), 0..12),
        own in proptest::collection::vec(any::<u8>(), 0..12),
        copied in proptest::collection::vec(any::<u8>(), 0..12),
        live in any::<bool>(),
    ) {
        let mut stall = Device::new(1, 1);
        let mut said = Vec::new();
        let mut number = 1;
        let mut go = |device: &mut Device, what: u8| {
            number += 1;
            run(device, what, number);
        };
        for what in before {
            go(&mut stall, what);
            said.push((stall.replica.own_place(scope()), on_hand(&stall)));
        }
        let epoch = if live { stall.replica.epoch().0 } else { 77 };
        let mut twin = stall.cloned(epoch);
        for what in own {
            go(&mut stall, what);
            said.push((stall.replica.own_place(scope()), on_hand(&stall)));
        }
        for what in copied {
            go(&mut twin, what);
        }
        stall.pull(&twin);
        for (place, was) in said {
            prop_assert_eq!(book(&stall, place).unwrap(), was, "{:?}", place);
        }
    }
}

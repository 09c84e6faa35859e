//! A projection of another version is rebuilt to exactly what it would have been, whatever happens
//! meanwhile; and what an older program did not know is folded after the upgrade.

use std::sync::Arc;

use crate::books;
use crate::event::codec::Generation;
use crate::event::{GoodsLine, GoodsSpoiled, Payload, RightsAccepted, RightsGranted, RightsMinted};
use crate::ids::Epoch;
use crate::keys;
use crate::projections::Projection;
use crate::replica::Replica;
use crate::store::{Batch, ReadError, Store};
use crate::testing::*;

/// A stall with a history of two epochs, refunds and a void.
fn busy() -> Device {
    let mut stall = Device::new(1, 0x50);
    for number in 0..700 {
        let id = stall.sell(number, 100);
        if number % 7 == 0 {
            stall.append(Payload::SaleRefunded(refund(10_000 + number, id, "tea", 1, 100)));
        }
        if number % 11 == 0 {
            stall.append(Payload::SaleVoided(void(20_000 + number, id)));
        }
        if number % 100 == 0 {
            stall.commit();
        }
        if number == 400 {
            stall.commit();
            stall.restart(0x51);
        }
    }
    stall.commit();
    stall
}

/// Makes the disk say that its projections are of an older version.
fn age(device: &Device) {
    let mut batch = Batch::default();
    for projection in Projection::ALL {
        batch.put(keys::version(projection as u8), 0_u32.to_be_bytes().to_vec());
    }
    device.disk.write(&batch).unwrap();
}

fn projected(device: &Device) -> Vec<crate::store::Row> {
    [keys::PROJECTION, 0x31, 0x32].iter().flat_map(|ordinal| device.rows(*ordinal)).collect()
}

#[test]
fn a_rebuild_gives_the_rows_and_digests_that_were_there() {
    let mut stall = busy();
    let before = projected(&stall);
    age(&stall);
    stall.restart(0x52);
    assert!(stall.replica.digests(scope()).unwrap().is_empty());
    stall.rebuild();
    assert_eq!(projected(&stall), before);
}

#[test]
fn books_that_are_not_whole_answer_nobody_and_say_how_far_they_are() {
    let mut stall = busy();
    age(&stall);
    stall.restart(0x52);
    let first = stall.replica.rebuilding().unwrap();
    assert_eq!((first.done, first.total > 700), (0, true));
    let refused = books::summary(stall.disk.as_ref(), scope());
    assert!(matches!(refused, Err(ReadError::NotWhole("sales"))));
    for _ in 0..4 {
        stall.replica.rebuild_step().unwrap();
        stall.commit();
    }
    let later = stall.replica.rebuilding().unwrap();
    assert!(first.done < later.done && later.done < later.total, "{later:?}");
    let id = stall.sell(1, 100);
    let asked = &mut refund(30_000, id, "tea", 1, 100);
    let rules = crate::decide::Rules { currency: *b"EUR", amount_max: 1_000, open_items: true };
    let refused = crate::decide::refund(asked, scope(), &rules, &stall.replica).unwrap_err();
    assert!(refused.to_string().contains("reversals books are being rebuilt"), "{refused}");
    stall.rebuild();
    assert!(books::summary(stall.disk.as_ref(), scope()).is_ok());
}

#[test]
fn sales_and_foreign_events_during_a_rebuild_are_counted_once() {
    let mut stall = busy();
    let mut other = Device::new(2, 0x60);
    for number in 0..300 {
        other.sell(number, 70);
    }
    other.commit();
    age(&stall);
    stall.restart(0x52);
    let mut number = 50_000;
    while stall.replica.rebuilding().is_some() {
        stall.replica.rebuild_step().unwrap();
        number += 1;
        stall.sell(number, 100);
        stall.commit();
        if number == 50_003 {
            stall.pull(&other);
        }
    }
    let mut fresh = Device::new(3, 0x70);
    fresh.pull(&stall);
    assert_eq!(stall.rows(keys::PROJECTION), fresh.rows(keys::PROJECTION));
    assert_eq!(stall.replica.digests(scope()).unwrap(), fresh.replica.digests(scope()).unwrap());
}

#[test]
fn what_comes_for_an_epoch_that_is_half_rebuilt_is_counted_once() {
    let mut other = Device::new(2, 0x60);
    let mut number = 0;
    while number < 600 {
        number += 1;
        other.sell(number, 70);
    }
    other.commit();
    let mut stall = Device::new(1, 0x50);
    stall.sell(1, 100);
    stall.commit();
    stall.pull(&other);
    age(&stall);
    stall.restart(0x51);
    while stall.replica.rebuilding().is_some() {
        stall.replica.rebuild_step().unwrap();
        stall.commit();
        number += 1;
        other.sell(number, 70);
        other.commit();
        stall.pull(&other);
    }
    let mut fresh = Device::new(3, 0x70);
    fresh.pull(&stall);
    assert_eq!(stall.rows(keys::PROJECTION), fresh.rows(keys::PROJECTION));
    assert_eq!(stall.replica.digests(scope()).unwrap(), fresh.replica.digests(scope()).unwrap());
}

#[test]
fn a_crash_in_the_middle_of_a_rebuild_begins_it_anew() {
    let mut stall = busy();
    let before = projected(&stall);
    age(&stall);
    stall.restart(0x52);
    for _ in 0..5 {
        stall.replica.rebuild_step().unwrap();
        stall.commit();
    }
    stall.replica.rebuild_step().unwrap();
    stall.restart(0x53);
    assert_eq!(stall.replica.rebuilding().unwrap().done, 0);
    stall.rebuild();
    assert_eq!(projected(&stall), before);
}

/// Says that a grant from `giver` to `taker` is rebuilt as it was folded.
fn check_grant(giver: u8, taker: u8) {
    let mut from = Device::new(giver, 0x60);
    let lines = vec![GoodsLine { sku: "tea".to_owned(), quantity: 5_000 }];
    let goods = from.append(Payload::GoodsReceived(goods(1, "tea", 5)));
    from.append(Payload::RightsMinted(RightsMinted { goods, lines }));
    let (to, sku, quantity) = (keypair(taker).device(), "tea".to_owned(), 3_000);
    let (key, request) = (None, None);
    let grant =
        from.append(Payload::RightsGranted(RightsGranted { key, request, to, sku, quantity }));
    from.commit();
    let mut by = Device::new(taker, 0x61);
    by.pull(&from);
    let sku = "tea".to_owned();
    by.append(Payload::RightsAccepted(RightsAccepted { grant, sku, quantity }));
    by.commit();
    let before = projected(&by);
    age(&by);
    by.restart(0x62);
    by.rebuild();
    assert_eq!(projected(&by), before, "from {giver} to {taker}");
}

#[test]
fn a_grant_is_credited_once_whichever_log_is_rebuilt_first() {
    check_grant(1, 2);
    check_grant(2, 1);
}

#[test]
fn an_epoch_that_was_opened_twice_far_apart_is_rebuilt_whole() {
    let mut stall = Device::new(1, 0x50);
    stall.sell(1, 100);
    stall.commit();
    let mut copy = stall.cloned(0x70);
    copy.sell(2, 100);
    copy.commit();
    for number in 10..700 {
        stall.sell(number, 100);
    }
    stall.commit();
    stall.restart(0x70);
    for number in 700..1_400 {
        stall.sell(number, 100);
    }
    stall.commit();
    stall.pull(&copy);
    let before = projected(&stall);
    age(&stall);
    stall.restart(0x71);
    stall.rebuild();
    assert_eq!(projected(&stall), before);
}

/// The device as a program of the first generation opens it.
fn first_generation(device: &Device, epoch: u64) -> Device {
    let disk = Arc::clone(&device.disk);
    let store = Arc::clone(&disk) as Arc<dyn Store>;
    let (key, tenant) = (keypair(device.seed), keypair(ROOT).tenant());
    let replica = Replica::open_as(Generation::FIRST, key, tenant, Epoch(epoch), store).unwrap();
    Device { seed: device.seed, disk, replica }
}

#[test]
fn what_an_older_program_kept_without_knowing_it_is_folded_after_the_upgrade() {
    let mut new = Device::new(1, 0x80);
    new.append(Payload::GoodsReceived(goods(1, "tea", 9)));
    let lines = vec![GoodsLine { sku: "tea".to_owned(), quantity: 2_000 }];
    let reason = "rain".to_owned();
    let at_ms = 0;
    new.append(Payload::GoodsSpoiled(GoodsSpoiled { key: key(2), at_ms, reason, lines }));
    let mut numbered = sale(3, "tea", 1, 100);
    numbered.receipt = 1;
    new.append(Payload::SaleCompleted(numbered));
    new.commit();

    let mut old = first_generation(&Device::new(2, 0x90), 0x91);
    old.pull(&new);
    assert!(old.verified().ok());
    assert_eq!(old.leaves(1), new.leaves(1));
    let event =
        old.replica.event(&crate::replica::span::event_id(&ledger(1).id(), &new.leaves(1)[0]));
    assert!(matches!(event.unwrap().unwrap().payload, Payload::Unknown(_)));
    // It forwards what it does not know.
    let mut third = Device::new(3, 0xa0);
    third.pull(&old);
    assert_eq!(third.rows(keys::PROJECTION), new.rows(keys::PROJECTION));

    let mut upgraded = Device::open(2, 0x92, Arc::clone(&old.disk));
    assert!(upgraded.replica.rebuilding().is_some());
    upgraded.rebuild();
    assert_eq!(upgraded.rows(keys::PROJECTION), new.rows(keys::PROJECTION));
    let digests = |device: &Device| device.replica.digests(scope()).unwrap();
    assert_eq!(digests(&upgraded), digests(&new));
    assert!(!digests(&new).is_empty());
}

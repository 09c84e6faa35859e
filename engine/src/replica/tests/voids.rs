//! Voids and refunds made apart, and what they change.

use super::books;
use crate::event::Payload;
use crate::projections::reversals::{self, Reversal};
use crate::testing::*;

fn summed(device: &Device) -> crate::projections::sales::Sums {
    let by_stall = crate::books::summary(device.disk.as_ref(), scope()).unwrap();
    by_stall.into_values().next().unwrap_or_default()
}

fn stock(device: &Device) -> i128 {
    let item = crate::books::stock_of(device.disk.as_ref(), scope(), "tea").unwrap();
    item.map_or(0, |item| item.held.on_hand)
}

#[test]
fn a_sale_voided_on_two_copies_of_a_disk_is_undone_once() {
    let mut stall = Device::new(1, 1);
    let id = stall.sell(1, 500);
    stall.commit();
    let mut twin = stall.cloned(2);
    stall.append(Payload::SaleVoided(void(2, id)));
    twin.append(Payload::SaleVoided(void(2, id)));
    let mut devices = [stall, twin, Device::new(3, 3)];
    settle(&mut devices);
    for device in &devices {
        let sums = summed(device);
        assert_eq!((sums.voids, sums.voided, sums.net()), (1, 500, 0));
        assert_eq!(stock(device), 0);
        books::check(device);
    }
}

#[test]
fn a_void_of_a_sale_on_another_branch_changes_nothing() {
    let mut stall = Device::new(1, 1);
    stall.sell(1, 100);
    stall.commit();
    let mut twin = stall.cloned(2);
    let id = stall.sell(2, 500);
    stall.commit();
    twin.sell(3, 70);
    twin.commit();
    twin.pull(&stall);
    twin.append(Payload::SaleVoided(void(4, id)));
    let mut devices = [twin, stall, Device::new(3, 3)];
    settle(&mut devices);
    for device in &devices {
        let sums = summed(device);
        assert_eq!((sums.baskets, sums.voids, sums.net()), (3, 0, 670));
        assert_eq!(stock(device), -3_000);
        books::check(device);
    }
}

#[test]
fn a_void_of_another_stalls_sale_changes_nothing() {
    let (mut north, mut south) = (Device::new(1, 1), Device::new(2, 2));
    let id = north.sell(1, 500);
    north.commit();
    south.pull(&north);
    south.append(Payload::SaleVoided(void(2, id)));
    south.commit();
    assert_eq!(summed(&south).voids, 0);
    assert_eq!(stock(&south), -1_000);
}

#[test]
fn a_void_in_a_later_epoch_undoes_the_sale() {
    let mut stall = Device::new(1, 1);
    let id = stall.sell(1, 500);
    stall.commit();
    stall.restart(2);
    stall.append(Payload::SaleVoided(void(2, id)));
    stall.append(Payload::SaleVoided(void(3, id)));
    stall.commit();
    assert_eq!((summed(&stall).voids, stock(&stall)), (1, 0));
}

#[test]
fn refunds_made_apart_both_count() {
    let (mut north, mut south) = (Device::new(1, 1), Device::new(2, 2));
    let id = north.sell(1, 500);
    north.commit();
    south.pull(&north);
    north.append(Payload::SaleRefunded(refund(2, id, "tea", 1, 500)));
    south.append(Payload::SaleRefunded(refund(2, id, "tea", 1, 500)));
    let mut devices = [north, south];
    settle(&mut devices);
    for device in &devices {
        let row = device.replica.rows.get(&reversals::key(scope(), &id)).unwrap();
        let reversal: Reversal = crate::projections::read(row).unwrap();
        assert_eq!(reversal.refunded[&0], (2_000, 1_000), "twice what was sold, and shown");
        books::check(device);
    }
}

#[test]
fn a_refund_that_arrives_before_its_sale_is_counted_the_same() {
    let (mut north, mut south) = (Device::new(1, 1), Device::new(2, 2));
    let id = north.sell(1, 500);
    north.commit();
    south.pull(&north);
    south.append(Payload::SaleRefunded(refund(2, id, "tea", 1, 500)));
    south.commit();
    let mut late = Device::new(3, 3);
    let only = |segment: &crate::log::segment::Verified| segment.log == ledger(2);
    for segment in unpacked(&south).into_iter().filter(only) {
        late.replica.admit(segment, NOON_MS).unwrap();
    }
    late.commit();
    late.pull(&north);
    assert_eq!(late.rows(0x30), south.rows(0x30));
    assert_eq!(late.replica.digests(scope()).unwrap(), south.replica.digests(scope()).unwrap());
}

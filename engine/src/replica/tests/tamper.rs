//! `verify` finds whatever was changed on a disk, and nothing where nothing was.

use crate::event::Payload;
use crate::keys;
use crate::log::segment::Codec;
use crate::log::vector::VersionVector;
use crate::replica::lanes::StoredEvent;
use crate::replica::verify;
use crate::store::memory::MemoryStore;
use crate::store::{Batch, Store};
use crate::testing::*;

/// Stall 1 with two epochs and a fork, a few sales in each.
fn forked() -> Device {
    let mut stall = Device::new(1, 11);
    (1..=3).for_each(|number| {
        stall.sell(number, 100);
    });
    stall.commit();
    stall.restart(22);
    stall.sell(4, 100);
    stall.commit();
    let mut twin = stall.cloned(33);
    twin.sell(5, 100);
    twin.commit();
    stall.sell(6, 100);
    stall.commit();
    stall.pull(&twin);
    let report = stall.verified();
    assert!(report.ok(), "{report:?}");
    assert_eq!((report.logs, report.events), (1, 9));
    assert_eq!(report.heads, stall.rows(0x12).len() as u64);
    stall
}

/// Writes `change` straight to a copy of the disk and verifies that.
fn changed(device: &Device, change: impl FnOnce(&mut Batch)) -> bool {
    let copy = MemoryStore::from_image(&device.disk.image());
    let mut batch = Batch::default();
    change(&mut batch);
    copy.write(&batch).unwrap();
    verify::verify(&copy).unwrap().ok()
}

#[test]
fn any_byte_changed_in_an_event_a_head_or_a_leaf_is_found() {
    let device = forked();
    for ordinal in [0x10, 0x11, 0x12, 0x13] {
        let rows = device.rows(ordinal);
        assert!(!rows.is_empty());
        for (key, value) in rows {
            for at in 0..value.len() {
                let mut other = value.clone();
                other[at] ^= 1 << (at % 8);
                let unnoticed = changed(&device, |batch| batch.put(key.clone(), other));
                assert!(!unnoticed, "row {key:02x?}, byte {at}");
            }
        }
    }
}

#[test]
fn a_log_an_event_or_a_leaf_taken_away_is_found() {
    let device = forked();
    for ordinal in [0x10, 0x11, 0x13] {
        for (key, _) in device.rows(ordinal) {
            let unnoticed = changed(&device, |batch| batch.delete(key.clone()));
            assert!(!unnoticed, "row {key:02x?}");
        }
    }
}

#[test]
fn the_last_head_of_a_branch_taken_away_is_found() {
    let device = forked();
    for leaf in device.leaves(1) {
        let head = keys::head(&crate::replica::span::event_id(&ledger(1).id(), &leaf));
        assert!(!changed(&device, |batch| batch.delete(head)));
    }
}

#[test]
fn too_long_a_stretch_without_a_head_is_found() {
    let mut stall = Device::new(1, 1);
    (0..200).for_each(|number| {
        stall.sell(number, 100);
    });
    stall.commit();
    assert!(stall.verified().ok());
    let heads = stall.rows(0x12);
    assert_eq!(heads.len(), 4);
    for (key, _) in &heads[..3] {
        assert!(!changed(&stall, |batch| batch.delete(key.clone())));
    }
}

#[test]
fn an_event_that_was_never_signed_is_found() {
    let device = forked();
    let (key, row) = device.rows(0x11).pop().unwrap();
    let mut stored = StoredEvent::from_bytes(&row).unwrap();
    stored.bytes.push(0);
    assert!(!changed(&device, |batch| batch.put(key, stored.to_bytes())));
}

#[test]
fn branches_that_part_between_two_heads_verify() {
    let mut stall = Device::new(1, 11);
    for number in 0..10 {
        stall.sell(number, 100);
        stall.commit();
    }
    let mut twin = stall.cloned(22);
    let mut live = stall.cloned(11);
    for device in [&mut stall, &mut twin, &mut live] {
        (20..80).for_each(|number| {
            device.sell(number, 100);
        });
        device.commit();
    }
    settle_and_check(vec![stall, twin, live]);
}

#[test]
fn branches_that_part_where_the_first_head_is_gone_verify() {
    let mut stall = Device::new(1, 11);
    for number in 0..10 {
        stall.sell(number, 100);
        stall.commit();
    }
    let mut live = stall.cloned(11);
    for number in 20..60 {
        stall.sell(number, 100);
        stall.commit();
    }
    (100..163).for_each(|number| {
        live.sell(number, 100);
    });
    live.commit();
    settle_and_check(vec![live, stall]);
}

fn settle_and_check(mut devices: Vec<Device>) {
    settle(&mut devices);
    for device in &mut devices {
        let report = device.verified();
        assert!(report.ok(), "{report:?}");
        device.restart(77);
        let all = segments(device, &VersionVector::default(), Codec::Plain);
        let mut newcomer = Device::new(4, 1);
        all.iter().for_each(|bytes| {
            newcomer.admit(bytes).unwrap();
        });
        newcomer.commit();
        assert_eq!(newcomer.replica.vector(), device.replica.vector());
        let report = newcomer.verified();
        assert!(report.ok(), "{report:?}");
    }
}

#[test]
fn a_log_with_events_of_every_lane_verifies() {
    let mut stall = Device::new(1, 1);
    for lane in crate::ids::Lane::ALL {
        let unknown = crate::event::Unknown { kind: 900, version: 1, body: vec![lane as u8] };
        let log = log_of(1, lane);
        stall.replica.append(log.scope, lane, Payload::Unknown(unknown), NOON_MS).unwrap();
    }
    stall.commit();
    let report = stall.verified();
    assert!(report.ok(), "{report:?}");
    assert_eq!((report.logs, report.events, report.heads), (4, 8, 4));
}

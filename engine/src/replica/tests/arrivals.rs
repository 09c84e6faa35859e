//! The order of arrival: whole, gapless, and only of what is committed.

use std::sync::Arc;

use crate::ids::{Epoch, EventId};
use crate::keys;
use crate::replica::Replica;
use crate::replica::arrivals::{self, Feed};
use crate::store::{Batch, Store, WriteError};
use crate::testing::*;

fn feed(device: &Device) -> Feed {
    arrivals::feed(device.disk.as_ref()).unwrap().expect("an opened replica has a feed")
}

fn arrived(device: &Device) -> Vec<EventId> {
    let all = arrivals::after(device.disk.as_ref(), 0, usize::MAX).unwrap();
    assert!(all.iter().zip(1..).all(|((count, _), expected)| *count == expected), "a gap");
    all.into_iter().map(|(_, id)| id).collect()
}

/// Every event in the store is counted, once.
#[track_caller]
fn check_whole(device: &Device) {
    let mut counted = arrived(device);
    counted.sort_unstable();
    let events: Vec<EventId> =
        device.rows(0x11).iter().filter_map(|(key, _)| keys::read_event_id(key)).collect();
    assert_eq!(counted, events);
    assert_eq!(feed(device).last, events.len() as u64);
}

#[test]
fn events_are_counted_in_the_order_in_which_they_came() {
    let (mut north, mut south) = (Device::new(1, 1), Device::new(2, 2));
    let mut theirs = vec![north.sell(1, 100), north.sell(2, 200)];
    north.commit();
    let mut own = vec![south.sell(1, 300)];
    south.commit();
    south.pull(&north);
    own.push(south.sell(2, 400));
    south.commit();
    let order = arrived(&south);
    let at = |id: &EventId| order.iter().position(|one| one == id).expect("it is counted");
    theirs.insert(0, own[0]);
    theirs.push(own[1]);
    assert!(theirs.is_sorted_by_key(at), "{order:?}");
    check_whole(&south);
    let second = arrivals::after(south.disk.as_ref(), 1, 1).unwrap();
    assert_eq!(second, [(2, order[1])]);
    assert_eq!(arrivals::at(south.disk.as_ref(), 2).unwrap(), Some(order[1]));
    assert_eq!(arrivals::at(south.disk.as_ref(), 99).unwrap(), None);
}

#[test]
fn what_is_not_committed_is_not_counted() {
    let mut stall = Device::new(1, 1);
    assert_eq!(feed(&stall).last, 0);
    stall.sell(1, 100);
    assert_eq!(arrived(&stall), []);
    stall.replica.close().unwrap();
    stall.restart(9);
    assert_eq!(arrived(&stall), [], "the batch was lost");
    let kept = stall.sell(2, 200);
    stall.commit();
    assert_eq!(arrived(&stall).last(), Some(&kept));
    check_whole(&stall);
}

#[test]
fn a_restart_goes_on_counting_in_the_same_feed() {
    let mut stall = Device::new(1, 1);
    stall.sell(1, 100);
    stall.commit();
    let (before, order) = (feed(&stall), arrived(&stall));
    stall.restart(9);
    stall.sell(2, 200);
    stall.commit();
    assert_eq!(feed(&stall).id, before.id);
    assert!(arrived(&stall).starts_with(&order));
    check_whole(&stall);
}

#[test]
fn a_directory_without_the_index_is_counted_anew_under_another_id() {
    let mut stall = Device::new(1, 1);
    stall.sell(1, 100);
    stall.commit();
    let before = feed(&stall);
    // As an earlier version leaves it: nothing counted, or not the last events.
    for forget in [vec![keys::feed(), keys::arrival(1), keys::arrival(2)], vec![keys::arrival(2)]] {
        let mut batch = Batch::default();
        forget.into_iter().for_each(|key| batch.delete(key));
        stall.disk.write(&batch).unwrap();
        stall.restart(before.id + 7);
        assert_eq!(feed(&stall).id, before.id + 7);
        check_whole(&stall);
    }
}

#[test]
fn a_count_that_a_crash_cut_short_is_begun_again() {
    let mut stall = Device::new(1, 1);
    stall.sell(1, 100);
    stall.commit();
    let mut batch = Batch::default();
    batch.delete(keys::feed());
    batch.put(keys::arrival(7), keys::arrived(&arrived(&stall)[0]));
    stall.disk.write(&batch).unwrap();
    stall.restart(9);
    assert_eq!(feed(&stall).id, 9);
    check_whole(&stall);
}

#[test]
fn a_disk_that_refuses_the_count_does_not_open() {
    let stall = Device::new(1, 1);
    let mut batch = Batch::default();
    batch.delete(keys::feed());
    stall.disk.write(&batch).unwrap();
    stall.disk.fail_next(WriteError::Full("no space".to_owned()));
    let store: Arc<dyn Store> = stall.disk.clone();
    let tenant = keypair(ROOT).tenant();
    let opened = Replica::open(keypair(1), tenant, Epoch(5), store.clone());
    assert!(opened.err().expect("the disk is full").to_string().contains("no space"));
    assert_eq!(store.get(&keys::feed()).unwrap(), None);
}

#[test]
fn the_order_of_arrival_is_in_no_digest() {
    let (mut north, mut south, mut east) =
        (Device::new(1, 1), Device::new(2, 2), Device::new(3, 3));
    north.sell(1, 100);
    north.commit();
    south.sell(1, 200);
    south.commit();
    east.pull(&north);
    east.pull(&south);
    south.pull(&north);
    assert_eq!(south.leaves(1), east.leaves(1));
    assert_ne!(arrived(&south), arrived(&east));
    let digests = |device: &Device| device.replica.digests(scope()).unwrap();
    assert_eq!(digests(&south), digests(&east));
}

//! Catalogue events that no honest device makes.

use super::*;
use crate::catalogue::limits::CHANGE_BYTES_MAX;
use crate::event::{CatalogueChanged, Payload};
use crate::ids::Lane;

fn bear(device: &mut Device, lane: Lane, change: Vec<u8>) {
    let payload = Payload::CatalogueChanged(CatalogueChanged { season: 0, change });
    device.replica.append(scope(), lane, payload, NOON_MS).unwrap();
    device.commit();
}

/// The raw change in the last catalogue event of a device.
fn last_change(device: &Device) -> Vec<u8> {
    let log = log_of(device.seed, Lane::Catalogue);
    let tip = device.replica.vector().leaves(&log)[0];
    let id = crate::replica::span::event_id(&log.id(), &tip);
    match device.replica.event(&id).unwrap().unwrap().payload {
        Payload::CatalogueChanged(change) => change.change,
        other => panic!("{other:?}"),
    }
}

/// Has a stall bear these bytes and checks what the centre says about them, and that both still
/// edit.
#[track_caller]
fn check(change: Vec<u8>, expected: &str) {
    let (mut centre, mut stall) = (Device::new(1, 1), Device::new(2, 2));
    price_at(&mut centre, "tea", 100);
    bear(&mut stall, Lane::Catalogue, change);
    exchange(&mut centre, &mut stall);
    centre.restart(11);
    for device in [&centre, &stall] {
        let words: Vec<_> = asides(device).iter().map(|aside| aside.status.to_string()).collect();
        assert_eq!(words, [expected]);
        assert_eq!(price(device, "tea"), Some(100));
    }
    assert_eq!(catalogue_rows(&centre), catalogue_rows(&stall));
    price_at(&mut centre, "tea", 110);
    price_at(&mut stall, "cake", 200);
    exchange(&mut centre, &mut stall);
    assert_eq!((price(&stall, "tea"), price(&centre, "cake")), (Some(110), Some(200)));
}

#[test]
fn bytes_that_are_no_change_are_set_aside_with_a_reason() {
    check(vec![], "the bytes are not one uncompressed automerge change");
    check(b"tea: 1".to_vec(), "the bytes are not one uncompressed automerge change");
    let zeros = vec![0; CHANGE_BYTES_MAX + 1];
    check(zeros, "the change is larger than the limit for one change");
}

#[test]
fn a_change_of_ten_megabytes_never_becomes_an_event() {
    let mut stall = Device::new(2, 2);
    let change = CatalogueChanged { season: 0, change: vec![0; 10 << 20] };
    let payload = Payload::CatalogueChanged(change);
    let refused = stall.replica.append(scope(), Lane::Catalogue, payload, NOON_MS);
    assert!(refused.unwrap_err().to_string().contains("split it"));
}

#[test]
fn a_compressed_change_is_set_aside() {
    let mut other = Device::new(3, 3);
    price_at(&mut other, "cake", 1);
    let mut change = last_change(&other);
    change[8] = 2;
    check(change, "the bytes are not one uncompressed automerge change");
}

#[test]
fn a_change_of_another_device_is_set_aside_and_counts_where_it_belongs() {
    let mut author = Device::new(3, 3);
    price_at(&mut author, "cake", 150);
    let change = last_change(&author);
    check(change.clone(), "the change bears another actor than the branch that carries it");
    let mut thief = Device::new(2, 2);
    bear(&mut thief, Lane::Catalogue, change);
    author.pull(&thief);
    thief.pull(&author);
    assert_eq!((price(&author, "cake"), price(&thief, "cake")), (Some(150), Some(150)));
    assert_eq!(catalogue_rows(&author), catalogue_rows(&thief));
}

#[test]
fn a_change_borne_twice_counts_once_and_names_its_first_event() {
    let (mut centre, mut stall) = (Device::new(1, 1), Device::new(2, 2));
    price_at(&mut stall, "tea", 100);
    let change = last_change(&stall);
    let before = catalogue_rows(&stall);
    bear(&mut stall, Lane::Catalogue, change);
    assert_eq!(catalogue_rows(&stall), before);
    centre.pull(&stall);
    assert_eq!(catalogue_rows(&centre), before);
}

#[test]
fn a_change_in_another_lane_is_no_part_of_the_catalogue() {
    let mut stall = Device::new(2, 2);
    price_at(&mut stall, "tea", 100);
    let mut source = stall.cloned(2);
    price_at(&mut source, "tea", 110);
    bear(&mut stall, Lane::Ledger, last_change(&source));
    assert_eq!((price(&stall, "tea"), asides(&stall)), (Some(100), vec![]));
}

#[test]
fn two_changes_of_one_number_are_both_set_aside_and_a_new_start_edits_on() {
    let mut stall = Device::new(2, 2);
    price_at(&mut stall, "tea", 100);
    let mut copy = stall.cloned(2);
    price_at(&mut stall, "tea", 110);
    price_at(&mut copy, "tea", 120);
    exchange(&mut stall, &mut copy);
    let words: Vec<_> = asides(&stall).iter().map(|aside| aside.status.to_string()).collect();
    assert_eq!(words, ["another change bears the same actor and sequence number"; 2]);
    assert_eq!(price(&stall, "tea"), Some(100));
    assert_eq!(catalogue_rows(&stall), catalogue_rows(&copy));
    let again = stall.replica.edit_catalogue(scope(), &[ItemEdit::of("tea").price(1)], NOON_MS);
    assert!(again.unwrap_err().to_string().contains("restart it and edit again"));
    stall.restart(22);
    price_at(&mut stall, "tea", 130);
    assert_eq!(price(&stall, "tea"), Some(130));
}

//! From an append to what peers see, and what a crash in between leaves.

use crate::event::Payload;
use crate::event::codec;
use crate::ids::{Epoch, Lane, Tip};
use crate::log::segment::Codec;
use crate::log::vector::VersionVector;
use crate::replica::history::Run;
use crate::replica::lanes::StoredEvent;
use crate::replica::span::event_id;
use crate::store::{Store, WriteError};
use crate::testing::*;

/// Nothing of stall 1's ledger can be seen from outside.
#[track_caller]
fn check_unseen(device: &Device, id: &crate::ids::EventId) {
    let (replica, log) = (&device.replica, ledger(1));
    assert!(replica.vector().leaves(&log).is_empty(), "the vector");
    assert!(replica.stored_event(id).unwrap().is_none(), "the event");
    let place = replica.place(id).unwrap().expect("the replica itself knows its place");
    assert!(!replica.holds(&log, &place).unwrap(), "holds");
    assert!(replica.missing(&log, &[]).unwrap().is_empty(), "missing");
    assert!(replica.checkpoints(&log).unwrap().is_empty(), "checkpoints");
    assert_eq!(replica.event_count().unwrap(), 0, "the count");
    let run = Run { epoch: place.epoch, after: Tip::ROOT, to: place };
    assert!(replica.cut(&log, &run, Codec::Zstd).is_err(), "a segment");
    assert!(device.rows(0x30).is_empty(), "books");
}

#[test]
fn a_sale_is_shown_only_once_its_batch_is_committed() {
    let mut stall = Device::new(1, 1);
    let id = stall.sell(1, 250);
    assert!(stall.replica.has_pending());
    check_unseen(&stall, &id);
    assert_eq!(stall.replica.event(&id).unwrap().unwrap().payload.stake(), 250);

    let batch = stall.replica.close().unwrap();
    assert!(!stall.replica.has_pending());
    check_unseen(&stall, &id);

    stall.disk.write(&batch).unwrap();
    assert!(stall.replica.vector().leaves(&ledger(1)).is_empty());
    assert_eq!(stall.replica.committed(), [ledger(1)]);
    let place = stall.replica.place(&id).unwrap().unwrap();
    assert_eq!(stall.leaves(1), [place]);
    assert!(stall.replica.holds(&ledger(1), &place).unwrap());
    assert_eq!(stall.replica.event_count().unwrap(), 2, "the epoch's opening and the sale");
    assert!(stall.replica.stored_event(&id).unwrap().is_some());
}

#[test]
fn a_foreign_event_too_is_shown_only_once_it_is_committed() {
    let (mut north, mut south) = (Device::new(1, 1), Device::new(2, 2));
    let id = north.sell(1, 250);
    north.commit();
    for bytes in segments(&north, &VersionVector::default(), Codec::Plain) {
        south.admit(&bytes).unwrap();
    }
    check_unseen(&south, &id);
    south.commit();
    assert_eq!(south.leaves(1), north.leaves(1));
}

#[test]
fn a_crash_before_the_commit_loses_only_what_was_not_committed() {
    let mut stall = Device::new(1, 1);
    let kept = stall.sell(1, 100);
    stall.commit();
    let place = stall.leaves(1);
    let lost = [stall.sell(2, 200), stall.sell(3, 300)];
    let unwritten = stall.replica.close().unwrap();
    assert!(!unwritten.is_empty());
    stall.restart(9);

    assert!(stall.replica.event(&kept).unwrap().is_some());
    for id in lost {
        assert!(stall.replica.event(&id).unwrap().is_none());
    }
    assert_eq!(stall.leaves(1), place);
    assert!(stall.verified().ok());
}

#[test]
fn every_start_opens_an_epoch_of_its_own_on_top_of_the_last() {
    let mut stall = Device::new(1, 1);
    stall.sell(1, 100);
    stall.commit();
    let parent = stall.leaves(1)[0];
    stall.restart(9);
    assert_eq!(stall.leaves(1), [parent], "an epoch opens with its first append, not before");
    let id = stall.sell(2, 200);
    stall.commit();

    assert_eq!((id.epoch, id.seq), (Epoch(9), parent.seq + 2));
    let opening = stall.rows(0x11).into_iter().find_map(|(_, row)| {
        let event = codec::decode_event(&StoredEvent::from_bytes(&row)?.bytes).ok()?;
        match event.payload {
            Payload::EpochOpened(opened) if opened.parent_seq > 0 => Some(opened),
            _ => None,
        }
    });
    let opening = opening.unwrap();
    let on =
        Tip { epoch: opening.parent_epoch, seq: opening.parent_seq, hash: opening.parent_hash };
    assert_eq!(on, parent);
    assert_eq!(stall.leaves(1).len(), 1, "a restart is no fork");
    assert!(stall.replica.forks().unwrap().is_empty());
    assert!(stall.verified().ok());
}

#[test]
fn a_batch_that_may_or_may_not_be_on_the_disk_leaves_a_whole_log_either_way() {
    for kept in [0, 1] {
        let mut stall = Device::new(1, 1);
        stall.sell(1, 100);
        stall.commit();
        let doubtful = stall.sell(2, 200);
        let batch = stall.replica.close().unwrap();
        stall.disk.fail_next(WriteError::Device("input/output error".into()));
        stall.disk.write(&batch).unwrap_err();
        stall.disk.crash(&mut |_| kept);
        stall.restart(9);
        assert_eq!(stall.replica.event(&doubtful).unwrap().is_some(), kept == 1);
        stall.sell(3, 300);
        stall.commit();
        let report = stall.verified();
        assert!(report.ok(), "{report:?}");
        assert!(stall.replica.forks().unwrap().is_empty());
        assert_eq!(stall.replica.event_count().unwrap(), 4 + kept);
    }
}

#[test]
fn with_two_batches_in_flight_reads_see_the_newest_and_peers_the_oldest_committed() {
    let mut stall = Device::new(1, 1);
    let first = stall.sell(1, 100);
    let one = stall.replica.close().unwrap();
    let second = stall.sell(2, 200);
    let two = stall.replica.close().unwrap();
    let third = stall.sell(3, 300);
    let stock = |device: &Device| {
        let range = crate::projections::stock::rows_of(scope(), "tea");
        let rows = device.replica.rows.collect(&range).unwrap();
        let (key, value) = rows.last().unwrap();
        crate::projections::stock::read(key, value).unwrap().2.on_hand
    };
    assert_eq!(stock(&stall), -3_000);

    stall.disk.write(&one).unwrap();
    stall.replica.committed();
    let place = |id| stall.replica.place(id).unwrap().unwrap();
    assert_eq!(stall.leaves(1), [place(&first)]);
    assert_eq!(stock(&stall), -3_000);
    let digest = stall.replica.digests(scope()).unwrap();

    stall.disk.write(&two).unwrap();
    stall.replica.committed();
    let leaf = event_id(&ledger(1).id(), &stall.leaves(1)[0]);
    assert_eq!(leaf, second);
    assert_ne!(stall.replica.digests(scope()).unwrap(), digest);
    assert!(stall.replica.stored_event(&third).unwrap().is_none());
    stall.commit();
    assert_eq!(stock(&stall), -3_000);

    let mut other = Device::new(2, 2);
    other.pull(&stall);
    assert_eq!(other.replica.digests(scope()).unwrap(), stall.replica.digests(scope()).unwrap());
}

#[test]
fn a_digest_is_never_stated_at_a_vector_that_it_does_not_hold_at() {
    let mut stall = Device::new(1, 1);
    stall.sell(1, 100);
    stall.commit();
    let before = stall.replica.digests(scope()).unwrap();
    stall.sell(2, 200);
    let batch = stall.replica.close().unwrap();
    // The disk is a thread of its own: the rows are there before the replica hears of it.
    stall.disk.write(&batch).unwrap();
    let between = stall.replica.digests(scope()).unwrap();
    stall.replica.committed();
    let after = stall.replica.digests(scope()).unwrap();
    assert_ne!(before, after);
    assert!(between == before || between == after, "the vector of one with the digest of another");
}

#[test]
fn timestamps_rise_along_a_branch_and_across_restarts() {
    let mut stall = Device::new(1, 7);
    stall.sell(1, 100);
    stall.sell(2, 100);
    stall.commit();
    stall.restart(3);
    stall.sell(3, 100);
    stall.commit();
    let mut by_seq: Vec<_> = stall
        .rows(0x11)
        .iter()
        .map(|(key, row)| {
            let stored = StoredEvent::from_bytes(row).unwrap();
            let (_, seq, _) = crate::keys::read_event(key).unwrap();
            (seq, codec::decode_event(&stored.bytes).unwrap().hlc)
        })
        .collect();
    by_seq.sort_unstable();
    assert_eq!(by_seq.len(), 5);
    assert!(by_seq.windows(2).all(|pair| pair[0].1 < pair[1].1), "{by_seq:?}");
}

#[test]
fn a_reopened_replica_states_the_same_vector_and_digests() {
    let (mut stall, mut twin) = {
        let mut stall = Device::new(1, 1);
        stall.sell(1, 100);
        stall.commit();
        let twin = stall.cloned(2);
        (stall, twin)
    };
    stall.sell(2, 200);
    twin.sell(3, 300);
    twin.commit();
    stall.commit();
    stall.pull(&twin);
    let vector = stall.replica.vector().clone();
    let digests = stall.replica.digests(scope()).unwrap();
    stall.restart(5);
    assert_eq!(*stall.replica.vector(), vector);
    assert_eq!(stall.replica.digests(scope()).unwrap(), digests);
}

#[test]
fn a_lane_that_the_grant_does_not_cover_is_not_written() {
    let mut stall = Device::new(1, 1);
    let payload = Payload::SaleCompleted(sale(1, "tea", 1, 100));
    let elsewhere = crate::ids::Scope::Tenant;
    assert!(stall.replica.append(elsewhere, Lane::Ledger, payload, NOON_MS).is_err());
    assert!(!stall.replica.has_pending());
}

#[test]
fn what_is_committed_is_read_from_the_store_and_not_from_memory() {
    let mut stall = Device::new(1, 1);
    let key = crate::keys::local(1, b"name");
    stall.replica.set_local(key.clone(), Some(b"old".to_vec()));
    stall.commit();
    let mut batch = crate::store::Batch::default();
    batch.put(key.clone(), b"new".to_vec());
    stall.disk.write(&batch).unwrap();
    assert_eq!(stall.replica.local(&key).unwrap(), Some(b"new".to_vec()));
}

#[test]
fn nothing_is_sent_again_to_a_peer_that_holds_what_this_replica_has_yet_to_hear_of() {
    let mut stall = Device::new(1, 1);
    stall.sell(1, 100);
    stall.commit();
    let id = stall.sell(2, 100);
    let beyond = stall.replica.place(&id).unwrap().unwrap();
    let batch = stall.replica.close().unwrap();
    stall.disk.write(&batch).unwrap();

    let missing = stall.replica.missing(&ledger(1), &[beyond]).unwrap();
    assert!(missing.is_empty(), "on disk, sent, and not yet committed here: {missing:?}");
}

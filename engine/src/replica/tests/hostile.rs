//! What comes from others: wrong rights, wrong orders, wrong bytes, too much of it.

use crate::event::codec;
use crate::event::{EpochOpened, Event, Payload, Refund, RefundLine, Unknown};
use crate::ids::{Epoch, EventId, Log, Tip};
use crate::limits::{LEAVES_MAX, STAGED_A_LOG_MAX};
use crate::log::segment::{self, Codec, Rows, Verified};
use crate::log::vector::VersionVector;
use crate::log::{chain, head};
use crate::replica::admit::{AdmitError, Admitted};
use crate::testing::*;

/// A segment that the device with this seed signed, whatever is in it.
fn signed(seed: u8, epoch: u64, after: Tip, events: Vec<Vec<u8>>) -> Verified {
    let log = ledger(seed);
    let first = chain::start(&log, Epoch(epoch), &after);
    let hash = events.iter().fold(first, |at, bytes| chain::link(&at, &chain::content(bytes)));
    let tip = Tip { epoch: Epoch(epoch), seq: after.seq + events.len() as u64, hash };
    let heads = vec![(events.len() as u16, head::sign(&keypair(seed), &log, &tip))];
    let rows = Rows { log, epoch: Epoch(epoch), after, events, heads };
    segment::unpack(&segment::pack(&rows, Codec::Zstd).unwrap()).unwrap()
}

fn event(payload: Payload) -> Vec<u8> {
    codec::encode_event(&Event { hlc: crate::clock::Hlc(1), payload, ext: Vec::new() }).unwrap()
}

fn opening(parent: Tip) -> Vec<u8> {
    event(Payload::EpochOpened(EpochOpened {
        parent_epoch: parent.epoch,
        parent_seq: parent.seq,
        parent_hash: parent.hash,
    }))
}

fn unknown(body: &[u8]) -> Vec<u8> {
    event(Payload::Unknown(Unknown { kind: 900, version: 3, body: body.to_vec() }))
}

fn admit(device: &mut Device, segment: Verified) -> Result<Admitted, AdmitError> {
    device.replica.admit(segment, NOON_MS)
}

/// Twelve epochs of one sale each, so that there are as many segments.
fn chain_of_epochs() -> Device {
    let mut stall = Device::new(1, 100);
    for number in 1..=12 {
        stall.sell(number, 100);
        stall.commit();
        stall.restart(100 - number);
    }
    stall
}

#[test]
fn a_segment_of_an_ungranted_device_is_refused_and_leaves_no_trace() {
    let mut stranger = Device::new(1, 1);
    stranger.sell(1, 100);
    stranger.commit();
    let mut device = Device::open(2, 2, Default::default());
    device.replica.take_charter(&charter(1, &[CONTROL], &[])).unwrap();
    device.commit();
    for segment in unpacked(&stranger) {
        let refused = admit(&mut device, segment.clone());
        assert!(matches!(refused, Err(AdmitError::NotGranted(log)) if log == ledger(1)));
        assert!(!device.replica.has_pending());
        device.replica.take_grant(&signed_grant(&grant(1))).unwrap();
        assert_eq!(admit(&mut device, segment).unwrap(), Admitted::Joined(2));
    }
}

#[test]
fn segments_that_came_first_wait_and_join_in_any_order() {
    let stall = chain_of_epochs();
    let all = unpacked(&stall);
    assert_eq!(all.len(), 12);
    let mut device = Device::new(2, 2);
    for segment in all.iter().skip(1).rev() {
        assert_eq!(admit(&mut device, segment.clone()).unwrap(), Admitted::Staged);
        assert_eq!(admit(&mut device, segment.clone()).unwrap(), Admitted::Staged);
    }
    assert_eq!(device.replica.staged(), 11, "one that came twice waits once");
    device.commit();
    assert!(device.leaves(1).is_empty(), "what waits is not shown");
    assert_eq!(admit(&mut device, all[0].clone()).unwrap(), Admitted::Joined(24));
    assert_eq!(device.replica.staged(), 0);
    device.commit();
    assert_eq!(device.leaves(1), stall.leaves(1));
    assert_eq!(device.rows(0x30), stall.rows(0x30));
    for segment in all {
        assert_eq!(admit(&mut device, segment).unwrap(), Admitted::Joined(0));
    }
}

#[test]
fn a_segment_that_waits_for_a_place_inside_another_joins_with_it() {
    let mut stall = Device::new(1, 1);
    stall.sell(1, 100);
    stall.commit();
    let early = stall.leaves(1);
    stall.sell(2, 100);
    stall.commit();
    let known = VersionVector([(ledger(1), early)].into());
    let tail = segments(&stall, &known, Codec::Plain);
    let whole = segments(&stall, &VersionVector::default(), Codec::Plain);
    let mut device = Device::new(2, 2);
    assert_eq!(device.admit(&tail[0]).unwrap(), Admitted::Staged);
    device.admit(&whole[0]).unwrap();
    assert_eq!(device.replica.staged(), 0);
}

#[test]
fn no_more_wait_than_the_bound_and_the_rest_is_asked_for_again() {
    let mut device = Device::new(2, 2);
    let nowhere = |seq: u64| Tip { epoch: Epoch(9), seq, hash: crate::hash::Hash([7; 32]) };
    for seq in 1..=STAGED_A_LOG_MAX as u64 {
        let segment = signed(1, 9, nowhere(seq), vec![unknown(b"x")]);
        assert_eq!(admit(&mut device, segment).unwrap(), Admitted::Staged);
    }
    let segment = signed(1, 9, nowhere(9_999), vec![unknown(b"x")]);
    assert_eq!(admit(&mut device, segment).unwrap(), Admitted::Dropped);
    assert_eq!(device.replica.staged(), STAGED_A_LOG_MAX);
    let joins = signed(1, 8, Tip::ROOT, vec![opening(Tip::ROOT)]);
    assert_eq!(admit(&mut device, joins).unwrap(), Admitted::Joined(1));
}

#[test]
fn an_event_of_a_known_kind_that_does_not_decode_is_refused() {
    let broken = event(Payload::Unknown(Unknown { kind: 4, version: 1, body: vec![1, 2, 3] }));
    let mut device = Device::new(2, 2);
    let segment = signed(1, 9, Tip::ROOT, vec![opening(Tip::ROOT), broken.clone()]);
    let refused = admit(&mut device, segment);
    let Err(AdmitError::Event { seq: 2, .. }) = refused else {
        unreachable!("{refused:?}");
    };
    assert!(!device.replica.has_pending(), "the good event before it is not kept either");
}

#[test]
fn a_broken_segment_is_refused_when_it_comes_and_not_when_its_parent_does() {
    let good = signed(1, 9, Tip::ROOT, vec![opening(Tip::ROOT)]);
    let broken = event(Payload::Unknown(Unknown { kind: 4, version: 1, body: vec![1, 2, 3] }));
    let bad = signed(1, 9, good.to(), vec![broken]);
    let mut device = Device::new(2, 2);
    assert!(matches!(admit(&mut device, bad), Err(AdmitError::Event { .. })));
    assert_eq!(admit(&mut device, good).unwrap(), Admitted::Joined(1));
}

#[test]
fn an_epoch_opens_at_its_parent_and_nowhere_else() {
    let other = Tip { epoch: Epoch(9), seq: 1, hash: crate::hash::Hash([3; 32]) };
    let mut device = Device::new(2, 2);
    let cases = [
        vec![unknown(b"no opening")],
        vec![opening(other)],
        vec![opening(Tip::ROOT), opening(Tip::ROOT)],
    ];
    for (case, events) in cases.into_iter().enumerate() {
        let refused = admit(&mut device, signed(1, 9, Tip::ROOT, events));
        assert!(matches!(refused, Err(AdmitError::BadEpoch { .. })), "case {case}");
    }
    let first = signed(1, 9, Tip::ROOT, vec![opening(Tip::ROOT)]);
    let tip = first.to();
    admit(&mut device, first).unwrap();
    let refused = admit(&mut device, signed(1, 8, tip, vec![unknown(b"no opening")]));
    assert!(matches!(refused, Err(AdmitError::BadEpoch { seq: 2, .. })));
    let refused = admit(&mut device, signed(1, 9, tip, vec![opening(tip)]));
    assert!(matches!(refused, Err(AdmitError::BadEpoch { seq: 2, .. })));
}

#[test]
fn a_log_that_forks_without_end_is_cut_off() {
    let mut device = Device::new(2, 2);
    for epoch in 1..=LEAVES_MAX as u64 {
        admit(&mut device, signed(1, epoch, Tip::ROOT, vec![opening(Tip::ROOT)])).unwrap();
    }
    let one_more = || signed(1, 999, Tip::ROOT, vec![opening(Tip::ROOT)]);
    assert!(matches!(admit(&mut device, one_more()), Err(AdmitError::TooManyForks(_))));
    device.commit();
    assert_eq!(device.leaves(1).len(), LEAVES_MAX);
    let known = signed(1, 1, Tip::ROOT, vec![opening(Tip::ROOT)]);
    let tip = known.to();
    assert_eq!(admit(&mut device, known).unwrap(), Admitted::Joined(0));
    let longer = signed(1, 1, tip, vec![unknown(b"more")]);
    assert_eq!(admit(&mut device, longer).unwrap(), Admitted::Joined(1), "a branch goes on");
}

#[test]
fn an_unknown_kind_is_kept_verified_shown_and_forwarded_byte_for_byte() {
    let sent = vec![opening(Tip::ROOT), unknown(b"from a newer program")];
    let segment = signed(1, 9, Tip::ROOT, sent.clone());
    let (mut first, mut second) = (Device::new(2, 2), Device::new(3, 3));
    admit(&mut first, segment).unwrap();
    first.commit();
    second.pull(&first);
    assert!(second.verified().ok());
    let links = unpacked(&second).remove(0).links;
    assert_eq!(links.iter().map(|link| link.bytes.clone()).collect::<Vec<_>>(), sent);
    let tip = links[1].tip;
    let id = crate::replica::span::event_id(&ledger(1).id(), &tip);
    let shown = second.replica.event(&id).unwrap().unwrap().payload;
    let expected = Unknown { kind: 900, version: 3, body: b"from a newer program".to_vec() };
    assert_eq!(shown, Payload::Unknown(expected));
}

#[test]
fn refunds_of_more_lines_than_any_sale_has_still_fold() {
    let sale = EventId {
        log: ledger(1).id(),
        epoch: Epoch(9),
        seq: 1,
        hash: crate::ids::ShortHash([0; 16]),
    };
    let of_lines = |from: u16, to: u16| {
        let line = |line| RefundLine { line, sku: String::new(), quantity: 1, amount: 1 };
        let lines = (from..to).map(line).collect();
        event(Payload::SaleRefunded(Refund { lines, ..refund(1, sale, "tea", 1, 1) }))
    };
    let events = [
        opening(Tip::ROOT),
        of_lines(0, 4_000),
        of_lines(4_000, 8_000),
        of_lines(8_000, 12_000),
        of_lines(12_000, 16_000),
    ];
    let mut device = Device::new(2, 2);
    let joined = admit(&mut device, signed(1, 9, Tip::ROOT, events.to_vec()));
    assert_eq!(joined.unwrap(), Admitted::Joined(5));
    device.commit();
    let sums = crate::books::summary(device.disk.as_ref(), scope()).unwrap();
    assert_eq!(sums[&ledger(1).device].refunded, 16_000);
}

#[test]
fn a_log_of_another_tenant_is_refused() {
    let mut device = Device::new(2, 2);
    let mut segment = signed(1, 9, Tip::ROOT, vec![opening(Tip::ROOT)]);
    segment.log = Log { tenant: keypair(9).tenant(), ..segment.log };
    assert!(matches!(admit(&mut device, segment), Err(AdmitError::NotGranted(_))));
}

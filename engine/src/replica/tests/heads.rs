//! Which signed heads are kept, and how segments are cut between them.

use crate::event::{Payload, Unknown};
use crate::ids::{Epoch, Tip};
use crate::limits::{GROUP_BYTES_MAX, GROUP_EVENTS_MAX, SEGMENT_WIRE_BYTES_MAX};
use crate::log::segment::{self, Codec, Verified};
use crate::log::vector::VersionVector;
use crate::replica::query::CutError;
use crate::testing::*;
use proptest::prelude::*;

/// Bytes that no compressor shortens.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut out = vec![0; length];
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.finalize_xof().fill(&mut out);
    out
}

fn unknown(body: Vec<u8>) -> Payload {
    Payload::Unknown(Unknown { kind: 900, version: 1, body })
}

/// No stretch between kept heads exceeds a commit group, and each segment ends at one.
#[track_caller]
fn check_gaps(segments: &[Verified]) {
    let (mut events, mut bytes) = (0, 0);
    for link in segments.iter().flat_map(|segment| &segment.links) {
        events += 1;
        bytes += link.bytes.len();
        assert!(events <= GROUP_EVENTS_MAX, "{events} events without a head");
        assert!(bytes <= GROUP_BYTES_MAX, "{bytes} bytes without a head");
        if link.head.is_some() {
            (events, bytes) = (0, 0);
        }
    }
    assert_eq!(events, 0, "the last event bears a head");
}

fn heads(segments: &[Verified]) -> usize {
    segments.iter().flat_map(|segment| &segment.links).filter(|link| link.head.is_some()).count()
}

#[test]
fn a_thousand_single_sales_travel_with_a_handful_of_heads() {
    let mut stall = Device::new(1, 1);
    for number in 0..1_000 {
        stall.sell(number, 100);
        stall.commit();
    }
    assert!(stall.rows(0x12).len() <= 1_001 / GROUP_EVENTS_MAX + 2, "kept on the disk");
    let all = unpacked(&stall);
    check_gaps(&all);
    assert!(heads(&all) <= 1_001 / GROUP_EVENTS_MAX + 2, "{} on the wire", heads(&all));
    assert!(stall.verified().ok());

    let mut other = Device::new(2, 2);
    other.pull(&stall);
    assert!(other.rows(0x12).len() <= 1_001 / GROUP_EVENTS_MAX + 2, "kept by a peer");
}

#[test]
fn a_peer_that_takes_a_thousand_sales_one_by_one_keeps_few_heads_too() {
    let (mut stall, mut other) = (Device::new(1, 1), Device::new(2, 2));
    for number in 0..300 {
        stall.sell(number, 100);
        stall.commit();
        other.pull(&stall);
    }
    assert!(other.rows(0x12).len() <= 301 / GROUP_EVENTS_MAX + 2);
    check_gaps(&unpacked(&other));
}

#[test]
fn heads_that_came_twice_do_not_travel_on() {
    let (mut stall, mut other) = (Device::new(1, 1), Device::new(2, 2));
    let mut sent = Vec::new();
    for number in 0..200 {
        stall.sell(number, 100);
        stall.commit();
        sent.extend(segments(&stall, other.replica.vector(), Codec::Plain));
        other.pull(&stall);
    }
    assert_eq!(sent.len(), 200);
    for bytes in &sent {
        other.admit(bytes).unwrap();
    }
    other.commit();
    let all = unpacked(&other);
    check_gaps(&all);
    assert!(heads(&all) <= 201 / GROUP_EVENTS_MAX + 2, "{} on the wire", heads(&all));
}

#[test]
fn one_large_batch_is_signed_in_groups() {
    let mut stall = Device::new(1, 1);
    (0..200).for_each(|number| {
        stall.sell(number, 100);
    });
    stall.commit();
    check_gaps(&unpacked(&stall));
}

#[test]
fn events_that_do_not_compress_stay_within_the_wire_bound() {
    let mut stall = Device::new(1, 1);
    for (seed, length) in
        [30_000, 20_000, 32_000, 1, 12_000, 31_900, 500, 17_000].iter().enumerate()
    {
        stall.append(unknown(noise(seed as u64, *length)));
        if seed % 3 == 0 {
            stall.commit();
        }
    }
    (0..90).for_each(|seed| {
        stall.append(unknown(noise(seed + 100, 500)));
    });
    stall.commit();
    for codec in [Codec::Plain, Codec::Zstd] {
        let all = segments(&stall, &VersionVector::default(), codec);
        assert!(all.iter().all(|bytes| bytes.len() <= SEGMENT_WIRE_BYTES_MAX));
        let all: Vec<_> = all.iter().map(|bytes| segment::unpack(bytes).unwrap()).collect();
        assert_eq!(all.iter().map(|segment| segment.links.len()).sum::<usize>(), 99);
        check_gaps(&all);
    }
    let mut other = Device::new(2, 2);
    other.pull(&stall);
    assert_eq!(other.leaves(1), stall.leaves(1));
}

#[test]
fn a_segment_never_crosses_an_epoch() {
    let mut stall = Device::new(1, 10);
    for epoch in [20, 5, 30] {
        stall.sell(epoch, 100);
        stall.commit();
        stall.restart(epoch);
    }
    stall.sell(1, 100);
    stall.commit();
    let all = unpacked(&stall);
    let epochs: Vec<Epoch> = all.iter().map(|segment| segment.epoch).collect();
    assert_eq!(epochs, [10, 20, 5, 30].map(Epoch));
    for segment in &all {
        assert!(segment.links.iter().all(|link| link.tip.epoch == segment.epoch));
    }
    assert_eq!(all[0].after, Tip::ROOT);
    assert!(all.windows(2).all(|pair| pair[1].after == pair[0].to()));
}

#[test]
fn a_log_without_its_last_head_is_reported_and_not_cut() {
    let mut stall = Device::new(1, 1);
    stall.sell(1, 100);
    stall.commit();
    let mut batch = crate::store::Batch::default();
    batch.delete(stall.rows(0x12).pop().unwrap().0);
    crate::store::Store::write(stall.disk.as_ref(), &batch).unwrap();
    let run = stall.replica.missing(&ledger(1), &[]).unwrap()[0];
    let cut = stall.replica.cut(&ledger(1), &run, Codec::Zstd);
    assert!(matches!(cut, Err(CutError::NoHead { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_sizes_and_commits_no_gap_opens_and_all_arrives(
        sizes in prop::collection::vec((0_usize..12_000, 0_u8..4), 1..120),
        start in 0_usize..8,
    ) {
        let mut stall = Device::new(1, 1);
        let mut early = Device::new(3, 3);
        for (at, (length, dice)) in sizes.iter().enumerate() {
            stall.append(unknown(noise(at as u64, length / (1 + at % 7))));
            if *dice == 0 {
                stall.commit();
            }
            if at == start {
                early.pull(&stall);
            }
        }
        stall.commit();
        check_gaps(&unpacked(&stall));
        prop_assert!(stall.verified().ok());
        early.pull(&stall);
        prop_assert_eq!(early.leaves(1), stall.leaves(1));
        let report = early.verified();
        prop_assert!(report.ok(), "{:?}", report);
        check_gaps(&unpacked(&early));
    }
}

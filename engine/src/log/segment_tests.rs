//! Segments: lossless for what a device signed, closed to everything else.

use proptest::prelude::*;

use super::segment::{Codec, Rows, SegmentError, Verified, pack, peek_log, unpack};
use super::{chain, head};
use crate::hash::Hash;
use crate::ids::{Epoch, Lane, Log, Signature, Tip};
use crate::limits::{
    EVENT_BYTES_MAX, SEGMENT_EVENTS_MAX, SEGMENT_HEADS_MAX, SEGMENT_RAW_BYTES_MAX,
    SEGMENT_WIRE_BYTES_MAX,
};
use crate::testing::{keypair, ledger, log_of};

/// Bytes of a segment before its first head: fixed fields and the count of heads.
const BEFORE_HEADS: usize = 2 + 82 + 8 + 48 + 2;

/// Rows that stall 1 signed after each of `heads` events.
fn signed(log: Log, after: Tip, epoch: u64, events: &[Vec<u8>], heads: &[u16]) -> Rows {
    let epoch = Epoch(epoch);
    let mut hash = chain::start(&log, epoch, &after);
    let mut signatures = Vec::new();
    for (at, event) in (1_u16..).zip(events) {
        hash = chain::link(&hash, &chain::content(event));
        if heads.contains(&at) {
            let tip = Tip { epoch, seq: after.seq + u64::from(at), hash };
            signatures.push((at, head::sign(&keypair(1), &log, &tip)));
        }
    }
    Rows { log, epoch, after, events: events.to_vec(), heads: signatures }
}

fn some_rows() -> Rows {
    let after = Tip { epoch: Epoch(3), seq: 41, hash: Hash([9; 32]) };
    let events = [b"one".to_vec(), b"another".to_vec(), vec![7; 40]];
    signed(ledger(1), after, 4, &events, &[1, 3])
}

/// A segment with this payload in place of its own, said to be `raw` bytes long.
fn with_payload(rows: &Rows, codec: Codec, raw: usize, payload: &[u8]) -> Vec<u8> {
    let mut out = pack(&Rows { events: Vec::new(), ..rows.clone() }, Codec::Plain).unwrap();
    out[1] = codec as u8;
    out.truncate(out.len() - 4);
    out.extend_from_slice(&(raw as u32).to_le_bytes());
    out.extend_from_slice(payload);
    out
}

fn framed(events: &[Vec<u8>]) -> Vec<u8> {
    let rows =
        events.iter().map(|event| [&(event.len() as u16).to_le_bytes(), &event[..]].concat());
    rows.collect::<Vec<_>>().concat()
}

#[track_caller]
fn check_comes_back(rows: &Rows, codec: Codec) -> Verified {
    let bytes = pack(rows, codec).unwrap();
    assert_eq!(peek_log(&bytes).unwrap(), rows.log);
    let out = unpack(&bytes).unwrap();
    assert_eq!((out.log, out.epoch, out.after), (rows.log, rows.epoch, rows.after));
    let events: Vec<Vec<u8>> = out.links.iter().map(|link| link.bytes.clone()).collect();
    assert_eq!(events, rows.events);
    let heads: Vec<(u16, Signature)> =
        (1..).zip(&out.links).filter_map(|(at, link)| Some((at, link.head?))).collect();
    assert_eq!(heads, rows.heads);
    out
}

#[test]
fn what_is_packed_comes_out_with_its_places() {
    for codec in Codec::ALL {
        let out = check_comes_back(&some_rows(), codec);
        let seqs: Vec<u64> = out.links.iter().map(|link| link.tip.seq).collect();
        assert_eq!(seqs, [42, 43, 44]);
        assert_eq!(out.to(), out.links[2].tip);
    }
}

#[test]
fn a_flipped_bit_anywhere_in_plain_rows_is_refused() {
    let good = pack(&some_rows(), Codec::Plain).unwrap();
    for bit in 0..good.len() * 8 {
        let mut bytes = good.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(unpack(&bytes).is_err(), "bit {bit}");
    }
}

#[test]
fn a_flipped_bit_in_compressed_rows_is_refused_or_changes_nothing() {
    let good = pack(&some_rows(), Codec::Zstd).unwrap();
    let verified = unpack(&good).unwrap();
    for bit in 0..good.len() * 8 {
        let mut bytes = good.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        // A zstd frame has a bit without a meaning.
        assert!(unpack(&bytes).is_ok_and(|out| out == verified) || unpack(&bytes).is_err());
    }
}

#[test]
fn a_segment_cut_short_or_with_more_behind_it_is_refused() {
    for codec in Codec::ALL {
        let good = pack(&some_rows(), codec).unwrap();
        for length in 0..good.len() {
            assert!(unpack(&good[..length]).is_err(), "{length} bytes");
        }
        assert!(unpack(&[&good[..], &[0]].concat()).is_err());
    }
}

#[test]
fn a_head_of_another_log_place_or_device_does_not_hold() {
    let good = some_rows();
    let bad_head = |rows: &Rows| {
        let out = unpack(&pack(rows, Codec::Plain).unwrap());
        assert!(matches!(out, Err(SegmentError::BadHead(42))), "{out:?}");
    };
    bad_head(&Rows { log: log_of(1, Lane::Telemetry), ..good.clone() });
    bad_head(&Rows { log: ledger(2), ..good.clone() });
    bad_head(&Rows { epoch: Epoch(5), ..good.clone() });
    bad_head(&Rows { after: Tip { hash: Hash([8; 32]), ..good.after }, ..good.clone() });
    bad_head(&Rows { after: Tip { epoch: Epoch(2), ..good.after }, ..good.clone() });
    let mut swapped = good.clone();
    (swapped.heads[0].1, swapped.heads[1].1) = (good.heads[1].1, good.heads[0].1);
    bad_head(&swapped);
}

#[test]
fn a_segment_ends_at_a_head_and_names_heads_in_order() {
    let good = some_rows();
    let heads = |heads: Vec<(u16, Signature)>| {
        unpack(&pack(&Rows { heads, ..good.clone() }, Codec::Plain).unwrap())
    };
    assert_eq!(heads(vec![]), Err(SegmentError::NoHead));
    assert_eq!(heads(good.heads[..1].to_vec()), Err(SegmentError::NoHead));
    let malformed = Err(SegmentError::Malformed("heads"));
    assert_eq!(heads(vec![good.heads[1], good.heads[0]]), malformed);
    assert_eq!(heads(vec![good.heads[1], good.heads[1]]), malformed);
    assert_eq!(heads(vec![(0, good.heads[0].1)]), malformed);
    assert_eq!(heads(vec![good.heads[1], (4, good.heads[1].1)]), malformed);
    let empty = Rows { events: Vec::new(), heads: Vec::new(), ..good };
    assert_eq!(unpack(&pack(&empty, Codec::Plain).unwrap()), Err(SegmentError::NoHead));
}

#[test]
fn a_version_or_codec_that_was_not_negotiated_is_named() {
    let good = pack(&some_rows(), Codec::Plain).unwrap();
    let mut newer = good.clone();
    newer[0] = 2;
    assert_eq!(unpack(&newer), Err(SegmentError::Unknown { version: 2, codec: 0 }));
    let mut other = good;
    other[1] = 9;
    assert_eq!(unpack(&other), Err(SegmentError::Unknown { version: 1, codec: 9 }));
}

#[test]
fn a_compression_bomb_is_refused_whatever_size_it_claims() {
    let bomb = zstd::bulk::compress(&vec![0; 64 << 20], 19).unwrap();
    assert!(bomb.len() < 16 * 1024);
    let rows = some_rows();
    for raw in [0, 100, SEGMENT_RAW_BYTES_MAX] {
        let out = unpack(&with_payload(&rows, Codec::Zstd, raw, &bomb));
        assert_eq!(out, Err(SegmentError::Malformed("payload")), "claims {raw}");
    }
    let out = unpack(&with_payload(&rows, Codec::Zstd, SEGMENT_RAW_BYTES_MAX + 1, &bomb));
    assert_eq!(out, Err(SegmentError::TooLarge));
    let out = unpack(&with_payload(&rows, Codec::Zstd, u32::MAX as usize, &bomb));
    assert_eq!(out, Err(SegmentError::TooLarge));
}

#[test]
fn rows_that_lie_about_their_length_are_refused() {
    let rows = some_rows();
    let good = framed(&rows.events);
    assert!(unpack(&with_payload(&rows, Codec::Plain, good.len(), &good)).is_ok());
    for raw in [good.len() - 1, good.len() + 1] {
        let out = unpack(&with_payload(&rows, Codec::Plain, raw, &good));
        assert_eq!(out, Err(SegmentError::Malformed("raw length")));
    }
    for broken in [vec![1], vec![0, 0], vec![5, 0, 1], [&good[..], &[9, 0]].concat()] {
        let out = unpack(&with_payload(&rows, Codec::Plain, broken.len(), &broken));
        assert!(matches!(out, Err(SegmentError::Malformed(_))), "{out:?}");
    }
    let long = framed(&[vec![0; EVENT_BYTES_MAX + 1]]);
    let out = unpack(&with_payload(&rows, Codec::Plain, long.len(), &long));
    assert_eq!(out, Err(SegmentError::Malformed("rows")));
}

#[test]
fn what_exceeds_a_bound_is_neither_packed_nor_unpacked() {
    let rows = some_rows();
    let many = |count: usize| Rows { heads: vec![rows.heads[0]; count], ..rows.clone() };
    assert_eq!(pack(&many(SEGMENT_HEADS_MAX + 1), Codec::Plain), Err(SegmentError::TooLarge));
    let mut claims = pack(&many(1), Codec::Plain).unwrap();
    let count = (SEGMENT_HEADS_MAX as u16 + 1).to_le_bytes();
    claims[BEFORE_HEADS - 2..BEFORE_HEADS].copy_from_slice(&count);
    assert_eq!(unpack(&claims), Err(SegmentError::Malformed("heads")));

    let noise: Vec<Vec<u8>> = (0..3_u8).map(|n| vec![n; 30_000]).collect();
    let large = Rows { events: noise, ..rows.clone() };
    assert_eq!(pack(&large, Codec::Plain), Err(SegmentError::TooLarge));
    assert!(pack(&large, Codec::Zstd).is_ok());
    let larger = Rows { events: vec![vec![0; 32_000]; 17], ..rows };
    assert_eq!(pack(&larger, Codec::Zstd), Err(SegmentError::TooLarge));
    assert_eq!(unpack(&vec![1; SEGMENT_WIRE_BYTES_MAX + 1]), Err(SegmentError::TooLarge));
}

#[test]
fn a_swarm_of_tiny_events_is_refused() {
    let at_most = vec![vec![0]; SEGMENT_EVENTS_MAX];
    let rows = signed(ledger(1), Tip::ROOT, 1, &at_most, &[SEGMENT_EVENTS_MAX as u16]);
    check_comes_back(&rows, Codec::Zstd);
    let one_more = vec![vec![0]; SEGMENT_EVENTS_MAX + 1];
    let rows = signed(ledger(1), Tip::ROOT, 1, &one_more, &[SEGMENT_EVENTS_MAX as u16 + 1]);
    let out = unpack(&pack(&rows, Codec::Zstd).unwrap());
    assert_eq!(out, Err(SegmentError::Malformed("rows")));
}

#[test]
fn a_seq_that_runs_over_is_refused() {
    let after = Tip { epoch: Epoch(4), seq: u64::MAX, hash: Hash([9; 32]) };
    let rows = Rows { after, ..some_rows() };
    let out = unpack(&pack(&rows, Codec::Plain).unwrap());
    assert_eq!(out, Err(SegmentError::Malformed("seq")));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_rows_come_back_as_they_were(
        events in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..200), 1..40),
        epoch: u64,
        seq in 1_u64..1 << 60,
        parent: u64,
        inner in 1_u16..40,
    ) {
        let after = Tip { epoch: Epoch(parent), seq, hash: Hash([5; 32]) };
        let last = events.len() as u16;
        let rows = signed(ledger(1), after, epoch, &events, &[inner.min(last), last]);
        Codec::ALL.iter().for_each(|codec| {
            check_comes_back(&rows, *codec);
        });
    }

    #[test]
    fn no_bytes_make_it_panic(
        mut bytes in prop::collection::vec(any::<u8>(), 0..600),
        keep in 0_usize..200,
        codec in 0_u8..2,
    ) {
        let good = pack(&some_rows(), Codec::ALL[usize::from(codec)]).unwrap();
        let keep = keep.min(good.len()).min(bytes.len());
        bytes[..keep].copy_from_slice(&good[..keep]);
        prop_assert!(unpack(&bytes).is_err() || bytes == good);
    }
}

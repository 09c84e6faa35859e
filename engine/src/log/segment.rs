//! Segments: the unit of transfer and of cold storage.
//!
//! A segment is a range of one branch, from an event that the receiver holds to a signed head. It
//! is self-contained and a lossless transform of the canonical bytes: unpacking it hashes every
//! event anew and checks every head, so what comes out is what the device signed.
//!
//! ```text
//! version u8 = 1 | codec u8 | log 82 | epoch 8 LE
//! after: epoch 8 LE | seq 8 LE | hash 32
//! heads u16 LE | for each: offset u16 LE (events from the start, 1-based) | signature 64
//! raw length u32 LE | payload to the end
//!
//! payload, unpacked: for each event  length u16 LE | canonical bytes
//! ```
//!
//! Codec 0 stores the rows as they are, codec 1 is one zstd frame (RFC 8878). Nothing here reads a
//! store: whether the parent is held is the replica's question.

use thiserror::Error;

use super::{chain, head, zstd_frames};
use crate::hash::Hash;
use crate::ids::{Epoch, LOG_BYTES, Log, Signature, Tip};
use crate::limits::{
    EVENT_BYTES_MAX, SEGMENT_EVENTS_MAX, SEGMENT_HEADS_MAX, SEGMENT_RAW_BYTES_MAX,
    SEGMENT_WIRE_BYTES_MAX,
};

/// How rows are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Codec {
    /// As they are.
    Plain = 0,
    /// One zstd frame.
    Zstd = 1,
}

impl Codec {
    /// Every codec this program reads, best last.
    pub const ALL: [Self; 2] = [Self::Plain, Self::Zstd];

    /// The codec with this id.
    pub fn from_id(id: u8) -> Option<Self> {
        Self::ALL.get(usize::from(id)).copied()
    }
}

const VERSION: u8 = 1;
const FIXED_BYTES: usize = 2 + LOG_BYTES + 8 + 48 + 2;
const HEAD_BYTES: usize = 2 + 64;

/// A range of one branch, with its kept heads; what [`pack`] takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows {
    /// The log.
    pub log: Log,
    /// The epoch of every event here.
    pub epoch: Epoch,
    /// The event before the first one.
    pub after: Tip,
    /// Canonical bytes, oldest first.
    pub events: Vec<Vec<u8>>,
    /// For each kept head: how many events it covers, and its signature. The last covers all.
    pub heads: Vec<(u16, Signature)>,
}

/// An event out of a segment, its chain hash recomputed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its place.
    pub tip: Tip,
    /// Its canonical bytes.
    pub bytes: Vec<u8>,
    /// The device's signature, where a kept head stands.
    pub head: Option<Signature>,
}

/// A segment whose chain and heads were checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The log.
    pub log: Log,
    /// The epoch of every event here.
    pub epoch: Epoch,
    /// The event before the first one; the chain proves that the device continued from it.
    pub after: Tip,
    /// The events, oldest first; the last one bears a head.
    pub links: Vec<Link>,
}

impl Verified {
    /// The place of the last event.
    pub fn to(&self) -> Tip {
        self.links.last().map_or(self.after, |link| link.tip)
    }
}

/// Why bytes are not a segment.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SegmentError {
    /// Longer than any segment.
    #[error(
        "the segment exceeds {SEGMENT_WIRE_BYTES_MAX} bytes, or its rows {SEGMENT_RAW_BYTES_MAX}"
    )]
    TooLarge,
    /// A newer format or codec, which was not negotiated.
    #[error("the segment has version {version} and codec {codec}, which were not negotiated")]
    Unknown {
        /// Its version.
        version: u8,
        /// Its codec.
        codec: u8,
    },
    /// Its layout is broken.
    #[error("the segment's {0} is malformed; the sender's program is at fault")]
    Malformed(&'static str),
    /// A head's signature does not hold for the events before it.
    #[error("the signed head at seq {0} does not hold; the events or the head were altered")]
    BadHead(u64),
    /// It does not end at a head.
    #[error("the segment does not end at a signed head")]
    NoHead,
}

/// The wire bytes of `rows`.
pub fn pack(rows: &Rows, codec: Codec) -> Result<Vec<u8>, SegmentError> {
    let mut raw = Vec::new();
    for event in &rows.events {
        let length = u16::try_from(event.len()).map_err(|_| SegmentError::TooLarge)?;
        raw.extend_from_slice(&length.to_le_bytes());
        raw.extend_from_slice(event);
    }
    if raw.len() > SEGMENT_RAW_BYTES_MAX || rows.heads.len() > SEGMENT_HEADS_MAX {
        return Err(SegmentError::TooLarge);
    }
    let payload = match codec {
        Codec::Plain => raw.clone(),
        Codec::Zstd => zstd_frames::pack(&raw).map_err(|_| SegmentError::Malformed("payload"))?,
    };
    let mut out = vec![VERSION, codec as u8];
    out.extend_from_slice(&rows.log.to_bytes());
    out.extend_from_slice(&rows.epoch.0.to_le_bytes());
    put_tip(&mut out, &rows.after);
    out.extend_from_slice(&(rows.heads.len() as u16).to_le_bytes());
    for (offset, signature) in &rows.heads {
        out.extend_from_slice(&offset.to_le_bytes());
        out.extend_from_slice(&signature.0);
    }
    out.extend_from_slice(&(raw.len() as u32).to_le_bytes());
    out.extend_from_slice(&payload);
    if out.len() > SEGMENT_WIRE_BYTES_MAX { Err(SegmentError::TooLarge) } else { Ok(out) }
}

/// Unpacks and verifies a segment.
pub fn unpack(bytes: &[u8]) -> Result<Verified, SegmentError> {
    let (rows, raw) = read_layout(bytes)?;
    verify(rows, &raw)
}

/// The log of a segment, read without unpacking it, for a cheap first check of rights.
pub fn peek_log(bytes: &[u8]) -> Result<Log, SegmentError> {
    let log = bytes.get(2..).and_then(|rest| rest.first_chunk::<LOG_BYTES>());
    log.and_then(Log::from_bytes).ok_or(SegmentError::Malformed("log"))
}

fn read_layout(bytes: &[u8]) -> Result<(Rows, Vec<u8>), SegmentError> {
    if bytes.len() > SEGMENT_WIRE_BYTES_MAX {
        return Err(SegmentError::TooLarge);
    }
    let short = SegmentError::Malformed("length");
    let (&[version, codec], mut rest) = bytes.split_first_chunk::<2>().ok_or(short.clone())?;
    if version != VERSION {
        return Err(SegmentError::Unknown { version, codec });
    }
    let codec = Codec::from_id(codec).ok_or(SegmentError::Unknown { version, codec })?;
    if bytes.len() < FIXED_BYTES {
        return Err(short);
    }
    let log = peek_log(bytes)?;
    rest = &rest[LOG_BYTES..];
    let epoch = Epoch(take_u64(&mut rest)?);
    let after = Tip {
        epoch: Epoch(take_u64(&mut rest)?),
        seq: take_u64(&mut rest)?,
        hash: take(&mut rest)?,
    };
    let count = u16::from_le_bytes(take_array(&mut rest)?);
    if usize::from(count) > SEGMENT_HEADS_MAX || rest.len() < usize::from(count) * HEAD_BYTES {
        return Err(SegmentError::Malformed("heads"));
    }
    let mut heads = Vec::with_capacity(usize::from(count));
    for _ in 0..count {
        let offset = u16::from_le_bytes(take_array(&mut rest)?);
        heads.push((offset, Signature(take_array(&mut rest)?)));
    }
    let raw_bytes = u32::from_le_bytes(take_array(&mut rest)?) as usize;
    if raw_bytes > SEGMENT_RAW_BYTES_MAX {
        return Err(SegmentError::TooLarge);
    }
    let raw = match codec {
        Codec::Plain => rest.to_vec(),
        Codec::Zstd => {
            zstd_frames::unpack(rest, raw_bytes).map_err(|_| SegmentError::Malformed("payload"))?
        }
    };
    if raw.len() != raw_bytes {
        return Err(SegmentError::Malformed("raw length"));
    }
    Ok((Rows { log, epoch, after, events: vec![], heads }, raw))
}

fn verify(rows: Rows, mut raw: &[u8]) -> Result<Verified, SegmentError> {
    let Rows { log, epoch, after, heads, .. } = rows;
    let mut heads = heads.into_iter().peekable();
    let mut links = Vec::new();
    let mut hash = chain::start(&log, epoch, &after);
    let mut seq = after.seq;
    while !raw.is_empty() {
        let length = usize::from(u16::from_le_bytes(take_array(&mut raw)?));
        let full = links.len() >= SEGMENT_EVENTS_MAX;
        if full || length == 0 || length > EVENT_BYTES_MAX || length > raw.len() {
            return Err(SegmentError::Malformed("rows"));
        }
        let (bytes, rest) = raw.split_at(length);
        raw = rest;
        seq = seq.checked_add(1).ok_or(SegmentError::Malformed("seq"))?;
        hash = chain::link(&hash, &chain::content(bytes));
        let tip = Tip { epoch, seq, hash };
        let covered = links.len() + 1;
        let head = heads.next_if(|(offset, _)| usize::from(*offset) == covered);
        let head = head.map(|(_, signature)| signature);
        if head.is_some_and(|signature| !head::verify(&log, &tip, &signature)) {
            return Err(SegmentError::BadHead(seq));
        }
        links.push(Link { tip, bytes: bytes.to_vec(), head });
    }
    if heads.next().is_some() {
        return Err(SegmentError::Malformed("heads"));
    }
    if links.last().is_none_or(|link| link.head.is_none()) {
        return Err(SegmentError::NoHead);
    }
    Ok(Verified { log, epoch, after, links })
}

fn put_tip(out: &mut Vec<u8>, tip: &Tip) {
    out.extend_from_slice(&tip.epoch.0.to_le_bytes());
    out.extend_from_slice(&tip.seq.to_le_bytes());
    out.extend_from_slice(&tip.hash.0);
}

fn take_array<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], SegmentError> {
    let (head, tail) = rest.split_first_chunk().ok_or(SegmentError::Malformed("length"))?;
    *rest = tail;
    Ok(*head)
}

fn take_u64(rest: &mut &[u8]) -> Result<u64, SegmentError> {
    take_array(rest).map(u64::from_le_bytes)
}

fn take(rest: &mut &[u8]) -> Result<Hash, SegmentError> {
    take_array(rest).map(Hash)
}

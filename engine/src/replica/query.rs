//! What peers are shown: segments, digests, vectors. Committed state only.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use thiserror::Error;

use super::Replica;
use super::history::Run;
use super::lanes::StoredEvent;
use super::rebuild::is_whole;
use crate::books;
use crate::hash::Hash;
use crate::ids::{EventId, Lane, Log, Scope, Signature, Tip};
use crate::keys;
use crate::limits::{GROUP_BYTES_MAX, GROUP_EVENTS_MAX, SEGMENT_EVENTS_MAX, SEGMENT_RAW_BYTES_MAX};
use crate::log::chain;
use crate::log::segment::{self, Codec, Rows, SegmentError};
use crate::projections::Projection;
use crate::projections::digest::Digest;
use crate::store::ReadError;

/// Rows of one commit group, which always pack into a segment.
const SMALLEST_BUDGET: usize = GROUP_BYTES_MAX + 2 * GROUP_EVENTS_MAX;

/// Why a segment could not be cut.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CutError {
    /// The store cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The rows do not pack.
    #[error(transparent)]
    Segment(#[from] SegmentError),
    /// No kept head follows: the log on this disk is damaged.
    #[error(
        "a log of device {} has no signed head after seq {seq}; \
         run `verify` and restore the directory",
        .log.device
    )]
    NoHead {
        /// The log.
        log: Log,
        /// Where the search began.
        seq: u64,
    },
}

/// A digest, and what it holds at. Equal scope, projection, version and vector must mean equal
/// digests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DigestRow {
    /// The scope.
    pub scope: Scope,
    /// The projection.
    pub projection: Projection,
    /// The hash of the vector over the logs that it reads.
    pub vector: Hash,
    /// The digest.
    pub digest: Hash,
}

/// A kept head on the way into a segment.
#[derive(Clone, Copy)]
struct Mark {
    /// Events up to it.
    events: usize,
    /// Their rows' bytes.
    raw: usize,
    tip: Tip,
    signature: Signature,
}

#[derive(Default)]
struct Cut {
    events: Vec<Vec<u8>>,
    raw: usize,
    marks: Vec<Mark>,
}

impl Replica {
    /// The first segment of `run`: as many events as fit, up to a kept head. Returns its bytes and
    /// the place of its last event, from which the next one continues. That place may lie beyond
    /// the end of the run, where a later head has replaced the one there.
    pub fn cut(&self, log: &Log, run: &Run, codec: Codec) -> Result<(Vec<u8>, Tip), CutError> {
        let mut budget = SEGMENT_RAW_BYTES_MAX;
        loop {
            let Cut { mut events, marks, .. } = self.gather(log, run, budget)?;
            let Some(last) = marks.last().copied() else {
                return Err(CutError::NoHead { log: *log, seq: run.after.seq });
            };
            events.truncate(last.events);
            let heads = thin(&marks);
            let rows = Rows { log: *log, epoch: run.epoch, after: run.after, events, heads };
            match segment::pack(&rows, codec) {
                Ok(bytes) => return Ok((bytes, last.tip)),
                // One group always fits (see `limits`), so halving ends.
                Err(SegmentError::TooLarge) if budget > SMALLEST_BUDGET => {
                    budget = (last.raw / 2).max(SMALLEST_BUDGET);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn gather(&self, log: &Log, run: &Run, budget: usize) -> Result<Cut, CutError> {
        let id = log.id();
        let first = run.after.seq + 1;
        let last = run.after.seq.saturating_add(SEGMENT_EVENTS_MAX as u64);
        let signatures = self.head_rows(&keys::heads(&id, run.epoch, first, last))?;
        let path = self.path(log, run)?;
        let mut cut = Cut::default();
        let mut end = run.after.hash;
        let (from, to) = keys::events(&id, run.epoch, first, last);
        self.store().scan(&from, &to, &mut |key, row| {
            let place = keys::read_event(key);
            let Some((stored, (epoch, seq, short))) = StoredEvent::from_bytes(row).zip(place)
            else {
                return ControlFlow::Continue(());
            };
            let on_path = path.as_ref().is_none_or(|path| {
                // Beyond the run's end, up to the next head, whatever follows is good.
                let follows = || chain::link(&end, &chain::content(&stored.bytes)) == stored.hash;
                if seq > run.to.seq { follows() } else { path.contains(&short) }
            });
            if !on_path {
                return ControlFlow::Continue(());
            }
            if cut.raw + stored.bytes.len() + 2 > budget {
                return ControlFlow::Break(());
            }
            end = stored.hash;
            cut.raw += stored.bytes.len() + 2;
            cut.events.push(stored.bytes);
            if let Some(signature) = signatures.get(&key[1..]) {
                let tip = Tip { epoch, seq, hash: stored.hash };
                let (events, raw) = (cut.events.len(), cut.raw);
                cut.marks.push(Mark { events, raw, tip, signature: *signature });
                if seq >= run.to.seq {
                    return ControlFlow::Break(());
                }
            }
            ControlFlow::Continue(())
        })?;
        Ok(cut)
    }

    /// The signatures of a range of heads, by the part of the key that event rows share.
    fn head_rows(&self, range: &keys::Range) -> Result<BTreeMap<Vec<u8>, Signature>, ReadError> {
        let mut out = BTreeMap::new();
        self.store().scan(&range.0, &range.1, &mut |key, value| {
            if let Ok(signature) = <[u8; 64]>::try_from(value) {
                out.insert(key[1..].to_vec(), Signature(signature));
            }
            ControlFlow::Continue(())
        })?;
        Ok(out)
    }

    /// The digests of every projection of a scope; one whose logs are not all readable by this
    /// device is left out, because its rows would be partial.
    pub fn digests(&self, scope: Scope) -> Result<Vec<DigestRow>, ReadError> {
        // One view for both: the disk may be a batch ahead of what was said to be committed.
        let view = self.store().snapshot();
        let vector = books::vector(view.as_ref())?;
        let mut out = Vec::new();
        for projection in Projection::ALL {
            if !self.reads_all(projection, scope) || !is_whole(view.as_ref(), projection)? {
                continue;
            }
            let vector = vector.filtered(|log| projection.reads(scope, log)).hash();
            let row = view.get(&keys::digest(projection as u8, scope))?;
            let digest = Digest::from_bytes(&row.unwrap_or_default()).to_hash();
            out.push(DigestRow { scope, projection, vector, digest });
        }
        Ok(out)
    }

    /// Whether this device may hold every log that a projection reads.
    fn reads_all(&self, projection: Projection, scope: Scope) -> bool {
        let me = self.device();
        let lane = |lane| Log { tenant: self.tenant(), device: me, scope, lane };
        let lanes = Lane::ALL.into_iter().filter(|at| projection.reads(scope, &lane(*at)));
        self.rights().is_control(&me)
            || self.rights().grant(&me).is_some_and(|grant| {
                lanes.into_iter().all(|lane| grant.reads.contains(&(scope, lane)))
            })
    }

    /// A committed event with its stored row.
    pub fn stored_event(&self, id: &EventId) -> Result<Option<StoredEvent>, ReadError> {
        let row = self.store().get(&keys::event(id))?;
        Ok(row.as_deref().and_then(StoredEvent::from_bytes))
    }
}

/// Keeps as few heads as the bounds on gaps allow; the last one always.
fn thin(marks: &[Mark]) -> Vec<(u16, Signature)> {
    let mut kept = Vec::new();
    let (mut events, mut raw) = (0, 0);
    for (at, mark) in marks.iter().enumerate() {
        let needed = marks.get(at + 1).is_none_or(|next| {
            next.events - events > GROUP_EVENTS_MAX || next.raw - raw > GROUP_BYTES_MAX
        });
        if needed {
            (events, raw) = (mark.events, mark.raw);
            kept.push((mark.events as u16, mark.signature));
        }
    }
    kept
}

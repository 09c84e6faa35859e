//! Facts of others: verified segments join the log of the device that signed them.
//!
//! Whatever was signed by a granted device is kept and folded; nothing is refused because it came
//! second. A segment whose parent is not here yet is staged, within a bound.

use thiserror::Error;

use super::Replica;
use super::span::Span;
use crate::event::codec::{self, CodecError, Generation};
use crate::event::{Event, Payload};
use crate::ids::{Log, LogId, Tip};
use crate::keys;
use crate::limits::{LEAVES_MAX, STAGED_A_LOG_MAX, STAGED_BYTES_MAX, STAGED_SEGMENTS_MAX};
use crate::log::segment::{Link, Verified};
use crate::store::ReadError;

use super::span::event_id;

/// What became of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admitted {
    /// This many events are new; they are durable once the next batch is.
    Joined(usize),
    /// Its parent is not here yet; it waits.
    Staged,
    /// Its parent is not here, and no more may wait; it will be asked for again.
    Dropped,
}

/// Why a segment was refused. Nothing of it was written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AdmitError {
    /// No grant known here lets its device write its log.
    #[error("no grant lets device {} write {:?} of {}", .0.device, .0.lane, .0.scope)]
    NotGranted(Log),
    /// An event of a known kind does not decode.
    #[error("event {seq} of device {}: {cause}", .log.device)]
    Event {
        /// The log.
        log: Log,
        /// The event.
        seq: u64,
        /// What is wrong with it.
        cause: Box<CodecError>,
    },
    /// An epoch does not open where the chain says, or opens in the middle.
    #[error("event {seq} of device {} does not open its epoch properly", .log.device)]
    BadEpoch {
        /// The log.
        log: Log,
        /// The event.
        seq: u64,
    },
    /// The log forked too often.
    #[error("the log of device {} has more than {LEAVES_MAX} branches; revoke it", .0.device)]
    TooManyForks(Log),
    /// The store cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl Replica {
    /// Takes a verified segment, and whatever was staged behind it.
    pub fn admit(&mut self, segment: Verified, wall_ms: u64) -> Result<Admitted, AdmitError> {
        if !self.rights.may_write(&segment.log) {
            return Err(AdmitError::NotGranted(segment.log));
        }
        let id = segment.log.id();
        if segment.after != Tip::ROOT && !self.has(&id, &segment.after)? {
            // Checked now, so that it is not held against whoever brings its parent.
            decode(self.generation, &segment)?;
            return Ok(self.stage(id, segment));
        }
        let mut joined = 0;
        let mut ready = vec![segment];
        while let Some(segment) = ready.pop() {
            // What waits may continue from any event here: another sender cut elsewhere.
            let waiting = self.staged_count > 0;
            let tips: Vec<Tip> = segment.links.iter().filter(|_| waiting).map(|l| l.tip).collect();
            joined += self.admit_one(&id, segment, wall_ms)?;
            tips.iter().for_each(|tip| ready.extend(self.unstage(&id, tip)));
        }
        Ok(Admitted::Joined(joined))
    }

    /// Segments that wait for a parent.
    pub fn staged(&self) -> usize {
        self.staged_count
    }

    fn stage(&mut self, id: LogId, segment: Verified) -> Admitted {
        let key = (id, segment.after);
        if self.staged.get(&key).is_some_and(|waiting| waiting.contains(&segment)) {
            return Admitted::Staged;
        }
        let cost = cost(&segment);
        let of_log = self.staged.iter().filter(|((log, _), _)| *log == id);
        let of_log: usize = of_log.map(|(_, waiting)| waiting.len()).sum();
        if self.staged_count >= STAGED_SEGMENTS_MAX
            || of_log >= STAGED_A_LOG_MAX
            || self.staged_bytes + cost > STAGED_BYTES_MAX
        {
            return Admitted::Dropped;
        }
        self.staged_count += 1;
        self.staged_bytes += cost;
        self.staged.entry(key).or_default().push(segment);
        Admitted::Staged
    }

    fn unstage(&mut self, id: &LogId, parent: &Tip) -> Vec<Verified> {
        let ready = self.staged.remove(&(*id, *parent)).unwrap_or_default();
        self.staged_count -= ready.len();
        self.staged_bytes -= ready.iter().map(cost).sum::<usize>();
        ready
    }

    fn admit_one(
        &mut self,
        id: &LogId,
        segment: Verified,
        wall_ms: u64,
    ) -> Result<usize, AdmitError> {
        let events = decode(self.generation, &segment)?;
        let Verified { log, after, links, .. } = segment;
        let linear = self.logs.get(id).is_none_or(|state| state.leaves.contains_key(&after));
        let full = self.logs.get(id).is_some_and(|state| state.leaves.len() >= LEAVES_MAX);
        if full && !linear && !self.has(id, &links[links.len() - 1].tip)? {
            return Err(AdmitError::TooManyForks(log));
        }
        self.log_state(&log);
        let mut parent = after;
        let mut joined = 0;
        let mut span = Span::default();
        for (link, event) in links.iter().zip(&events) {
            let known = !linear && self.has(id, &link.tip)?;
            if !known {
                self.clock.observe(event.hlc, wall_ms);
                self.join(id, &parent, &link.tip, &link.bytes, event)?;
                joined += 1;
            }
            span = span.and(Span { events: 1, bytes: link.bytes.len() });
            if let Some(signature) = &link.head
                && !self.has_head(id, &link.tip)?
            {
                let row = keys::head(&event_id(id, &link.tip));
                self.rows.set(row, Some(signature.0.to_vec()));
                self.replace_head(id, &link.tip, std::mem::take(&mut span));
            }
            parent = link.tip;
        }
        Ok(joined)
    }
}

/// What a segment costs in memory while it waits.
fn cost(segment: &Verified) -> usize {
    segment.links.iter().map(|link| link.bytes.len() + size_of::<Link>()).sum()
}

/// Decodes every event before any is joined, and checks where epochs open.
fn decode(generation: Generation, segment: &Verified) -> Result<Vec<Event>, AdmitError> {
    let Verified { log, epoch, after, links } = segment;
    let mut events = Vec::with_capacity(links.len());
    let mut parent = *after;
    for Link { tip, bytes, .. } in links {
        let event = codec::decode_event_as(generation, bytes)
            .map_err(|cause| AdmitError::Event { log: *log, seq: tip.seq, cause: cause.into() })?;
        let opens = parent == Tip::ROOT || parent.epoch != *epoch;
        let proper = match &event.payload {
            Payload::EpochOpened(open) => {
                opens
                    && open.parent_epoch == parent.epoch
                    && open.parent_seq == parent.seq
                    && open.parent_hash == parent.hash
            }
            _ => !opens,
        };
        if !proper {
            return Err(AdmitError::BadEpoch { log: *log, seq: tip.seq });
        }
        events.push(event);
        parent = *tip;
    }
    Ok(events)
}

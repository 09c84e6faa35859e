//! Feeds: logs on their way to the peer, most urgent lane first, within a window.
//!
//! A feed remembers places that the peer holds or was sent; what is missing follows from them and
//! the replica, so that new events need no bookkeeping.

use engine::ids::{Lane, Log, Tip};
use engine::replica::Replica;

use super::{Frame, Session, SessionError};
use crate::env::Instant;
use crate::limits::{RESEND_AFTER, RESEND_AFTER_MAX, WANT_LOGS_MAX, WINDOW_BYTES};
use crate::wire::Want;

/// One log on its way to the peer.
#[derive(Debug, Clone, Default)]
pub struct Feed {
    /// Places that the peer said it holds.
    base: Vec<Tip>,
    /// Those, and the ends of what was sent since.
    known: Vec<Tip>,
    /// Whether there may be something to send.
    active: bool,
}

/// A segment that the peer has not said it holds.
#[derive(Debug, Clone)]
pub(super) struct Unacked {
    log: Log,
    to: Tip,
    bytes: usize,
    /// When it was sent.
    pub at: Instant,
}

impl Session {
    /// A stall pushes its own logs to a control, from what the control holds.
    pub(super) fn start_pushes(&mut self, replica: &Replica) -> Result<(), SessionError> {
        let own = replica.vector().0.keys().filter(|log| log.device == replica.device());
        for log in own.copied().collect::<Vec<_>>() {
            self.wake_feed(&log, replica)?;
        }
        Ok(())
    }

    /// Something of this log may be new to the peer.
    pub(super) fn wake_feed(&mut self, log: &Log, replica: &Replica) -> Result<(), SessionError> {
        let key = (log.lane, *log);
        if let Some(feed) = self.feeds.get_mut(&key) {
            feed.active = true;
            return Ok(());
        }
        let pushes = self.peer_is_control && log.device == replica.device();
        if !pushes {
            return Ok(());
        }
        let base = self.leaves_of(log).to_vec();
        for tip in &base {
            if !replica.holds(log, tip)? {
                // The histories part somewhere; the control will ask, naming places further back.
                return Ok(());
            }
        }
        self.feeds.insert(key, Feed { known: base, base: Vec::new(), active: true });
        Ok(())
    }

    /// The peer has said what it holds of these logs: feeds go on from there, and from what is on
    /// its way.
    pub(super) fn advance_feeds(&mut self, logs: &[Log]) {
        for log in logs {
            let Some(feed) = self.feeds.get_mut(&(log.lane, *log)) else { continue };
            let on_the_way = self.unacked.iter().filter(|sent| sent.log == *log);
            feed.known = [self.theirs.leaves(log), &feed.base].concat();
            feed.known.extend(on_the_way.map(|sent| sent.to));
        }
    }

    /// The peer asks for logs.
    pub(super) fn handle_want(
        &mut self,
        wants: Vec<Want>,
        replica: &Replica,
    ) -> Result<(), SessionError> {
        if wants.len() > WANT_LOGS_MAX {
            return Err(SessionError::TooMany("want"));
        }
        for Want { log, mut known } in wants {
            let held = replica.vector().0.contains_key(&log);
            if held && replica.rights().may_read(&self.peer, &log) {
                known.truncate(engine::limits::CHECKPOINTS_MAX);
                let feed = Feed { base: known.clone(), known, active: true };
                self.feeds.insert((log.lane, log), feed);
            }
        }
        Ok(())
    }

    /// Cuts the next segment, if the window has room.
    pub(super) fn next_segment(
        &mut self,
        now: Instant,
        replica: &Replica,
    ) -> Result<Option<Frame>, SessionError> {
        while self.in_flight < WINDOW_BYTES {
            let next = self.feeds.iter_mut().find(|(_, feed)| feed.active);
            let Some(((lane, log), feed)) = next else { return Ok(None) };
            let (lane, log): (Lane, Log) = (*lane, *log);
            let Some(run) = replica.missing(&log, &feed.known)?.first().copied() else {
                feed.active = false;
                continue;
            };
            let (bytes, to) = replica.cut(&log, &run, self.codec)?;
            feed.known.retain(|tip| *tip != run.after);
            feed.known.push(to);
            self.in_flight += bytes.len();
            self.unacked.push_back(Unacked { log, to, bytes: bytes.len(), at: now });
            return Ok(Some(Frame::Segment { lane, bytes }));
        }
        Ok(None)
    }

    /// The peer's word on these logs frees the window of what it covers.
    pub(super) fn acknowledge(
        &mut self,
        logs: &[Log],
        now: Instant,
        replica: &Replica,
    ) -> Result<(), SessionError> {
        let before = self.unacked.len();
        let mut kept = std::collections::VecDeque::new();
        for sent in std::mem::take(&mut self.unacked) {
            let covered = logs.contains(&sent.log)
                && replica.covers(&sent.log, self.leaves_of(&sent.log), &sent.to)?;
            if covered {
                self.in_flight -= sent.bytes;
                self.resend_after = RESEND_AFTER;
            } else {
                kept.push_back(sent);
            }
        }
        if kept.len() < before {
            // Silence is timed, not age: on a slow carrier the rest is still on its way.
            kept.iter_mut().for_each(|sent| sent.at = sent.at.max(now));
        }
        self.unacked = kept;
        Ok(())
    }

    /// Sends again, from what the peer holds, whatever it has not spoken of for too long.
    pub(super) fn resend_late(
        &mut self,
        now: Instant,
        replica: &Replica,
    ) -> Result<(), SessionError> {
        let late = |sent: &Unacked| now >= sent.at.after(self.resend_after);
        if !self.unacked.front().is_some_and(late) {
            return Ok(());
        }
        self.resend_after = (self.resend_after * 2).min(RESEND_AFTER_MAX);
        self.reset_feeds_to_base();
        self.start_pushes(replica)
    }

    /// Forgets every feed; the peer's greeting or wants start them anew.
    pub(super) fn reset_feeds(&mut self) {
        self.feeds.clear();
        self.unacked.clear();
        self.in_flight = 0;
    }

    fn reset_feeds_to_base(&mut self) {
        let Self { feeds, theirs, .. } = self;
        for ((_, log), feed) in feeds.iter_mut() {
            feed.known = [theirs.leaves(log), &feed.base].concat();
            feed.active = true;
        }
        self.unacked.clear();
        self.in_flight = 0;
    }
}

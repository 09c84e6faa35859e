//! One sync session per peer: a state machine without input or output of its own.
//!
//! Methods come in three kinds: `handle_*` tell it what happened, `poll_*` ask what is to be done,
//! and the rest look at it. Connections are inputs: each is a path with an id, and one session may
//! run over several. The session reads the replica it is handed and never writes to it; segments
//! that arrive are handed on by the router.
//!
//! # The protocol, as a conversation
//!
//! 1. Each side says `Hello` with what it holds (its version vector).
//! 2. A stall pushes its own logs to a control at once: the vector says where to begin.
//! 3. Everything else is pulled: who lacks something says `Want`, naming places it holds; the
//!    other sends segments from the last place that both have.
//! 4. What became durable is announced with `Have`, which also frees the sender's window.
//! 5. A control answers with `Receipts`.
//!
//! Whatever is lost is found by pings (they carry a hash of what was announced) and by timers.

mod ask;
pub mod claims;
mod feed;
mod greet;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use engine::ids::{DeviceId, Lane, Log, MerchantId, Scope, Tip};
use engine::log::segment::Codec;
use engine::log::vector::VersionVector;
use engine::replica::Replica;
use engine::replica::query::CutError;
use engine::replica::statement::Statement;
use engine::store::ReadError;
use thiserror::Error;

use crate::env::{Instant, Now};
use crate::limits::{
    ASK_AGAIN_AFTER, GATHER_FOR, GREET_WITHIN, OUTBOX_MAX, PING_EVERY, PLEAD_EVERY_MAX,
    RESEND_AFTER,
};
use crate::wire::{Hello, Message, Ping, Pong};

use claims::Claims;
pub use feed::Feed;

/// Names a connection to a peer; never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PathId(pub u64);

/// Something to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// On the control stream.
    Message(Message),
    /// On a stream of its own, at the priority of its lane.
    Segment {
        /// The lane.
        lane: Lane,
        /// The segment's bytes.
        bytes: Vec<u8>,
    },
}

/// Why a session ends.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SessionError {
    /// No common protocol version.
    #[error(
        "the peer speaks protocol {0} to {1}, and this program speaks 1; upgrade the older one"
    )]
    Protocol(u16, u16),
    /// Another tenant's device.
    #[error("the peer belongs to another tenant")]
    OtherTenant,
    /// No grant, or an expired or revoked one.
    #[error("the peer has no valid grant; invite it again if it should have one")]
    NotGranted,
    /// The address of a peer is this node's own.
    #[error("this connection leads to this very node; take its own address off its peers")]
    Oneself,
    /// The peer did not say who it is.
    #[error("no valid hello came in time")]
    NoHello,
    /// More than a message may hold.
    #[error("the peer's {0} names too many logs")]
    TooMany(&'static str),
    /// A document did not hold.
    #[error(transparent)]
    Document(#[from] engine::authority::DocumentError),
    /// The store cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A segment could not be cut.
    #[error(transparent)]
    Cut(#[from] CutError),
    /// A segment did not hold.
    #[error(transparent)]
    Segment(#[from] engine::log::segment::SegmentError),
    /// An event was not acceptable.
    #[error(transparent)]
    Admit(#[from] engine::replica::admit::AdmitError),
}

/// One peer.
pub struct Session {
    peer: DeviceId,
    /// When each path last brought something.
    paths: BTreeMap<PathId, Instant>,
    greeted: bool,
    was_open: bool,
    codec: Codec,
    peer_is_control: bool,
    /// What the peer has said it holds.
    theirs: VersionVector,
    /// What the peer has been told.
    announced: VersionVector,
    /// Whether the last hello stated the vector.
    stated: bool,
    /// Whether the peer is in the middle of stating all it holds, and whether it has just done so.
    stating: bool,
    stated_all: bool,
    plead_every: Duration,
    plead_from: Instant,
    /// Logs whose leaves moved since.
    unannounced: BTreeSet<Log>,
    announce_from: Instant,
    grants_sent: BTreeSet<DeviceId>,
    feeds: BTreeMap<(Lane, Log), Feed>,
    unacked: VecDeque<feed::Unacked>,
    in_flight: usize,
    resend_after: Duration,
    asked: BTreeMap<Log, ask::Asked>,
    outbox: VecDeque<Message>,
    next_ping: Instant,
    nonce: u64,
    last_heard: Instant,
    greet_by: Instant,
    delivered: BTreeSet<Log>,
    agreed: Option<(bool, Instant)>,
}

impl Session {
    /// A session with `peer`, without a path yet.
    pub fn new(peer: DeviceId, now: Instant) -> Self {
        Self {
            peer,
            paths: BTreeMap::new(),
            greeted: false,
            was_open: false,
            codec: Codec::Plain,
            peer_is_control: false,
            theirs: VersionVector::default(),
            announced: VersionVector::default(),
            stated: false,
            stating: false,
            stated_all: false,
            plead_every: PING_EVERY,
            plead_from: now,
            unannounced: BTreeSet::new(),
            announce_from: now,
            grants_sent: BTreeSet::new(),
            feeds: BTreeMap::new(),
            unacked: VecDeque::new(),
            in_flight: 0,
            resend_after: RESEND_AFTER,
            asked: BTreeMap::new(),
            outbox: VecDeque::new(),
            next_ping: now.after(PING_EVERY),
            nonce: 0,
            last_heard: now,
            greet_by: now.after(GREET_WITHIN),
            delivered: BTreeSet::new(),
            agreed: None,
        }
    }

    /// The peer.
    pub fn peer(&self) -> DeviceId {
        self.peer
    }

    /// Whether both sides have greeted and a path is up.
    pub fn is_open(&self) -> bool {
        self.greeted && !self.paths.is_empty()
    }

    /// Whether the peer ever showed a valid grant in this run.
    pub fn was_open(&self) -> bool {
        self.was_open
    }

    /// Whether any path is up.
    pub fn has_path(&self) -> bool {
        !self.paths.is_empty()
    }

    /// The paths that are up.
    pub fn paths(&self) -> impl Iterator<Item = PathId> + '_ {
        self.paths.keys().copied()
    }

    /// What the peer has said it holds.
    pub fn theirs(&self) -> &VersionVector {
        &self.theirs
    }

    /// Whether the peer's books were ours when both last held the same, and when that was.
    pub fn agreed(&self) -> Option<(bool, Instant)> {
        self.agreed
    }

    /// When the peer was last heard.
    pub fn last_heard(&self) -> Instant {
        self.last_heard
    }

    /// Logs of others that came through this peer.
    pub fn delivered(&self) -> &BTreeSet<Log> {
        &self.delivered
    }

    /// Segment bytes on their way.
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// A connection to the peer is up: greet on it. It is the session's first.
    pub fn handle_path_up(&mut self, path: PathId, now: Now, replica: &Replica) {
        if self.paths.is_empty() {
            self.greet_by = now.instant.after(GREET_WITHIN);
        }
        self.add_path(path, now);
        self.plead_every = PING_EVERY;
        self.greet(now, replica);
    }

    /// Another connection leads to the same run of the peer.
    pub fn add_path(&mut self, path: PathId, now: Now) {
        self.paths.insert(path, now.instant);
        self.last_heard = now.instant;
    }

    /// Something arrived on a path. Of several, the one heard last is sent on: one that died in
    /// silence is left at once.
    pub fn handle_heard(&mut self, path: PathId, now: Now) {
        self.last_heard = now.instant;
        if let Some(heard) = self.paths.get_mut(&path) {
            *heard = now.instant;
        }
    }

    /// Whether the peer has just stated all it holds.
    pub fn take_stated_all(&mut self) -> bool {
        std::mem::take(&mut self.stated_all)
    }

    /// Whether anything waits to be sent.
    pub fn has_unsent(&self) -> bool {
        !self.outbox.is_empty()
    }

    /// A connection is gone. What was on its way is forgotten; the next `Hello` tells what of it
    /// arrived.
    pub fn handle_path_down(&mut self, path: PathId) {
        self.paths.remove(&path);
        if self.paths.is_empty() {
            self.greeted = false;
            self.outbox.clear();
            self.feeds.clear();
            self.unacked.clear();
            self.in_flight = 0;
            self.asked.clear();
            self.unannounced.clear();
            self.grants_sent.clear();
        }
    }

    /// Takes a message that changes nothing but this session. Documents in it were taken in by
    /// the router before.
    pub fn handle_message(
        &mut self,
        message: Message,
        now: Now,
        replica: &Replica,
        claims: &mut Claims,
    ) -> Result<(), SessionError> {
        match message {
            Message::Hello(hello) => return self.handle_hello(*hello, now, replica, claims),
            // Its hello was lost or overtaken; it will be repeated, and so will this.
            _ if !self.greeted => {}
            Message::Have(have) => return self.handle_have(have, now, replica, claims),
            Message::Want(wants) => return self.handle_want(wants, replica),
            Message::Ping(ping) => return self.handle_ping(ping, now, replica),
            Message::Pong(pong) => self.handle_pong(pong, replica),
            Message::Receipts(_) | Message::Join(_) | Message::Joined(_) => {}
        }
        Ok(())
    }

    fn handle_ping(&mut self, ping: Ping, now: Now, replica: &Replica) -> Result<(), SessionError> {
        let current = self.theirs.hash() == ping.announced;
        self.outbox.push_back(Message::Pong(Pong { nonce: ping.nonce, current }));
        let scope = merchant_of(&self.peer, replica);
        if let Some((scope, stated)) = scope.zip(ping.books)
            && let Some(equal) = replica.agrees(scope, &stated)?
        {
            self.agreed = Some((equal, now.instant));
        }
        Ok(())
    }

    fn handle_pong(&mut self, pong: Pong, replica: &Replica) {
        if pong.nonce == self.nonce && !pong.current {
            self.announce_all(replica);
        }
    }

    /// A segment of `log` arrived from this peer.
    pub fn handle_segment(&mut self, log: &Log, now: Now, claims: &mut Claims) {
        if log.device != self.peer {
            self.delivered.insert(*log);
        }
        if let Some(asked) = self.asked.get_mut(log) {
            asked.progressed(now.instant);
            claims.renew(log, self.peer, asked.due().after(ASK_AGAIN_AFTER));
        }
    }

    /// The leaves of these logs moved, durably.
    pub fn handle_committed(
        &mut self,
        logs: &[Log],
        now: Now,
        replica: &Replica,
        claims: &mut Claims,
    ) -> Result<(), SessionError> {
        if !self.greeted {
            return Ok(());
        }
        let peer = self.peer;
        for log in logs.iter().filter(|log| replica.rights().may_read(&peer, log)) {
            self.unannounced.insert(*log);
            self.wake_feed(log, replica)?;
        }
        self.ask_for(logs.iter().copied(), now, replica, claims)
    }

    /// Queues a message for the peer.
    pub fn send(&mut self, message: Message) {
        self.outbox.push_back(message);
    }

    /// A timer ran out.
    pub fn handle_timeout(
        &mut self,
        now: Now,
        replica: &Replica,
        claims: &mut Claims,
    ) -> Result<(), SessionError> {
        if self.paths.is_empty() {
            return Ok(());
        }
        if !self.greeted && now.instant >= self.greet_by {
            return Err(SessionError::NoHello);
        }
        if now.instant >= self.next_ping {
            self.next_ping = now.instant.after(PING_EVERY);
            self.ping(now, replica)?;
        }
        if self.greeted {
            self.resend_late(now.instant, replica)?;
            self.ask_again(now, replica, claims)?;
        }
        Ok(())
    }

    fn ping(&mut self, now: Now, replica: &Replica) -> Result<(), SessionError> {
        if !self.greeted {
            // The hello may have been lost.
            self.greet(now, replica);
            return Ok(());
        }
        if now.instant >= self.plead_from && self.lacks_receipt(replica)? {
            // Whoever has receipts for us answers a full `Have` with them; where there is no
            // control in reach nobody has, so it is asked less and less often.
            self.plead_every = (self.plead_every * 2).min(PLEAD_EVERY_MAX);
            self.plead_from = now.instant.after(self.plead_every);
            self.announce_all(replica);
        }
        self.nonce += 1;
        let announced = self.announced.hash();
        let books = self.statement(replica)?;
        self.outbox.push_back(Message::Ping(Ping { nonce: self.nonce, announced, books }));
        Ok(())
    }

    /// What our books come to, for a control that holds what we hold, as far as both have said.
    fn statement(&self, replica: &Replica) -> Result<Option<Statement>, SessionError> {
        let comparable = self.peer_is_control && self.announced == self.theirs;
        let scope = merchant_of(&replica.device(), replica).filter(|_| comparable);
        Ok(scope.map(|scope| replica.statement(scope, u32::MAX)).transpose()?)
    }

    /// Whether the peer holds all of our ledger, and still some of it is at risk.
    fn lacks_receipt(&self, replica: &Replica) -> Result<bool, SessionError> {
        let me = replica.device();
        let ours = |log: &&Log| log.device == me && log.lane == Lane::Ledger;
        let held = |log: &Log| replica.vector().leaves(log) == self.leaves_of(log);
        Ok(replica.vector().0.keys().filter(ours).all(held) && replica.at_risk()?.events > 0)
    }

    /// When [`Session::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.paths.is_empty() {
            return None;
        }
        let resend = self.unacked.front().map(|sent| sent.at.after(self.resend_after));
        let ask = self.asked.values().map(ask::Asked::due).min();
        let announce = (!self.unannounced.is_empty()).then_some(self.announce_from);
        let greet = (!self.greeted).then_some(self.greet_by);
        [Some(self.next_ping), announce, greet, resend, ask].into_iter().flatten().min()
    }

    /// The next thing to send, on a path that is `ready` to take it. What waits meanwhile
    /// is what follows from the replica, and a bounded outbox.
    pub fn poll_transmit(
        &mut self,
        now: Now,
        replica: &Replica,
        ready: &dyn Fn(PathId) -> bool,
    ) -> Result<Option<(PathId, Frame)>, SessionError> {
        if self.outbox.len() > OUTBOX_MAX {
            return Err(SessionError::TooMany("unread answers"));
        }
        let able = self.paths.iter().filter(|(path, _)| ready(**path));
        let Some((path, _)) = able.max_by_key(|(path, heard)| (**heard, Reverse(**path))) else {
            // Whoever has room rings again; until then a timer would only spin.
            self.announce_from = self.announce_from.max(now.instant.after(GATHER_FOR));
            return Ok(None);
        };
        let path = *path;
        self.announce(now.instant, replica);
        if let Some(message) = self.outbox.pop_front() {
            return Ok(Some((path, Frame::Message(message))));
        }
        if !self.greeted {
            return Ok(None);
        }
        Ok(self.next_segment(now.instant, replica)?.map(|frame| (path, frame)))
    }

    fn leaves_of(&self, log: &Log) -> &[Tip] {
        self.theirs.leaves(log)
    }
}

fn accept(hello: &Hello, replica: &Replica) -> Result<Codec, SessionError> {
    let (low, high) = hello.protocol;
    if low > crate::wire::PROTOCOL || high < crate::wire::PROTOCOL {
        return Err(SessionError::Protocol(low, high));
    }
    if hello.tenant != replica.tenant() {
        return Err(SessionError::OtherTenant);
    }
    let best = hello.codecs.iter().filter_map(|id| Codec::from_id(*id)).max();
    Ok(best.unwrap_or(Codec::Plain))
}

/// The scope of the merchant that a device sells for.
fn merchant_of(device: &DeviceId, replica: &Replica) -> Option<Scope> {
    let grant = replica.rights().grant(device)?;
    Some(Scope::Merchant(MerchantId::from_name(&grant.merchant)))
}

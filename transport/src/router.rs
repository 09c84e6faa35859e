//! The router: every session of a device, and what passes between them and the replica.
//!
//! Like a session it is `handle_*` in, `poll_*` out. It is the one place where what peers send
//! reaches the replica: documents are checked, segments verified and admitted, receipts kept and
//! passed on. It never decides about business and never waits.

use std::collections::{BTreeMap, VecDeque};

use engine::authority::{DocumentError, Receipt, SignedDocument};
use engine::ids::{DeviceId, Epoch, Log, Tip};
use engine::log::segment;
use engine::replica::Replica;
use engine::replica::admit::AdmitError;
use engine::replica::documents::ReceiptError;

use crate::env::{Instant, Now};
use crate::limits::{OUTBOX_MAX, PATHS_MAX, RECEIPTS_MAX, SESSIONS_MAX};
use crate::session::claims::Claims;
use crate::session::{Frame, PathId, Session, SessionError};
use crate::wire::{Message, Peer};

/// Why a path is closed, as a number for the wire. Below 16 the numbers are the QUIC adapter's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseCode {
    /// The link was taken off, or the program stops.
    Leaving = 16,
    /// The peer sent something that does not hold.
    Fault = 17,
    /// The peer has no right to sync.
    NotGranted = 18,
    /// There are too many peers or paths.
    Busy = 19,
}

/// A path to close.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Close {
    /// Which.
    pub path: PathId,
    /// Why, for the program at the other end.
    pub code: CloseCode,
    /// Why, in words.
    pub reason: String,
}

/// A join that the daemon decides about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinAsked {
    /// Where to answer.
    pub path: PathId,
    /// Who asks.
    pub peer: Peer,
    /// With what.
    pub join: crate::wire::Join,
}

/// Which session of a device: before its hello a path stands alone, then every path to one run of
/// the device shares a session. A cloned disk shows as two runs at once, and each is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Slot {
    /// No hello came yet on this path.
    Greeting(PathId),
    /// The run with this epoch.
    Running(Epoch),
}

/// Every session of one device.
#[derive(Default)]
pub struct Router {
    sessions: BTreeMap<(DeviceId, Slot), Session>,
    paths: BTreeMap<PathId, (Peer, Slot)>,
    claims: Claims,
    direct: VecDeque<(PathId, Message)>,
    closes: VecDeque<Close>,
    joins: VecDeque<JoinAsked>,
    admitted: VecDeque<PathId>,
    greeted: VecDeque<DeviceId>,
    faults: u64,
    broken: Option<String>,
}

impl Router {
    /// A connection was made, by either side.
    pub fn handle_path_up(&mut self, path: PathId, peer: Peer, now: Now, replica: &Replica) {
        let slot = Slot::Greeting(path);
        self.paths.insert(path, (peer, slot));
        let paths: usize = self.sessions_of(&peer.device).map(|s| s.paths().count()).sum();
        if self.sessions.len() >= SESSIONS_MAX || paths >= PATHS_MAX {
            self.close(path, CloseCode::Busy, "too many peers, or connections from one");
            return;
        }
        let mut session = Session::new(peer.device, now.instant);
        session.handle_path_up(path, now, replica);
        self.sessions.insert((peer.device, slot), session);
    }

    /// A connection is gone.
    pub fn handle_path_down(&mut self, path: PathId) {
        let Some((peer, slot)) = self.paths.remove(&path) else { return };
        self.direct.retain(|(to, _)| *to != path);
        let key = (peer.device, slot);
        let Some(session) = self.sessions.get_mut(&key) else { return };
        session.handle_path_down(path);
        if session.has_path() {
            return;
        }
        self.claims.release_all(peer.device);
        // A stranger that never greeted leaves nothing behind; of a known peer the last run is
        // kept, for when it was last seen.
        let newer = self.sessions_of(&peer.device).any(Session::is_open);
        if newer || !self.sessions[&key].was_open() {
            self.sessions.remove(&key);
        }
    }

    /// A message arrived.
    pub fn handle_message(
        &mut self,
        path: PathId,
        message: Message,
        now: Now,
        replica: &mut Replica,
    ) {
        let Some((peer, _)) = self.paths.get(&path).copied() else { return };
        if let Message::Join(join) = message {
            if replica.rights().is_control(&replica.device()) {
                self.joins.push_back(JoinAsked { path, peer, join });
            } else {
                self.close(path, CloseCode::Fault, "only a control takes joins");
            }
            return;
        }
        if let Err(error) = self.take_message(path, message, now, replica) {
            self.fail(path, &error);
        }
    }

    fn take_message(
        &mut self,
        path: PathId,
        message: Message,
        now: Now,
        replica: &mut Replica,
    ) -> Result<(), SessionError> {
        let Some((Peer { device: peer, .. }, _)) = self.paths.get(&path).copied() else {
            return Ok(());
        };
        let greeting = matches!(message, Message::Hello(_));
        match &message {
            Message::Hello(hello) => {
                if peer == replica.device() && hello.instance == replica.epoch() {
                    return Err(SessionError::Oneself);
                }
                if let Some(charter) = &hello.charter {
                    replica.take_charter(charter)?;
                }
                if let Some(grant) = &hello.grant {
                    replica.take_grant(grant)?;
                }
                self.settle(path, hello.instance, now, replica);
            }
            Message::Have(have) => {
                for grant in have.grants.iter().take(crate::limits::GRANTS_MAX) {
                    match replica.take_grant(grant) {
                        // Relayed in good faith under a charter that is not known here.
                        Err(DocumentError::OtherSigner(_)) => {}
                        other => drop(other?),
                    }
                }
            }
            Message::Receipts(receipts) => self.take_receipts(peer, receipts, replica)?,
            _ => {}
        }
        let Some((_, slot)) = self.paths.get(&path).copied() else { return Ok(()) };
        let Some(session) = self.sessions.get_mut(&(peer, slot)) else { return Ok(()) };
        session.handle_heard(path, now);
        session.handle_message(message, now, replica, &mut self.claims)?;
        if !session.is_open() {
            return Ok(());
        }
        if greeting {
            self.admitted.extend(session.paths());
        }
        if session.take_stated_all() {
            if replica.rights().is_control(&replica.device()) {
                self.greeted.push_back(peer);
            }
            self.greet_with_receipts((peer, slot), replica)?;
        }
        Ok(())
    }

    /// A hello says which run of the peer a path leads to: the path joins that run's session.
    fn settle(&mut self, path: PathId, instance: Epoch, now: Now, replica: &Replica) {
        let Some((peer, slot @ Slot::Greeting(_))) = self.paths.get(&path).copied() else { return };
        let Some(greeting) = self.sessions.remove(&(peer.device, slot)) else { return };
        let run = Slot::Running(instance);
        self.paths.insert(path, (peer, run));
        match self.sessions.get_mut(&(peer.device, run)) {
            None => {
                self.sessions.insert((peer.device, run), greeting);
            }
            Some(session) => {
                session.add_path(path, now);
                if greeting.has_unsent() {
                    // Our hello was still waiting for this path.
                    session.greet(now, replica);
                }
            }
        }
        // Earlier runs that are gone are of no use any more.
        self.sessions.retain(|(device, slot), session| {
            *device != peer.device || *slot == run || session.has_path()
        });
    }

    fn sessions_of(&self, device: &DeviceId) -> impl Iterator<Item = &Session> {
        let from = (*device, Slot::Greeting(PathId(0)));
        let to = (*device, Slot::Running(Epoch(u64::MAX)));
        self.sessions.range(from..=to).map(|(_, session)| session)
    }

    /// A segment arrived.
    pub fn handle_segment(&mut self, path: PathId, bytes: &[u8], now: Now, replica: &mut Replica) {
        if let Err(error) = self.take_segment(path, bytes, now, replica) {
            self.fail(path, &error);
        }
    }

    fn take_segment(
        &mut self,
        path: PathId,
        bytes: &[u8],
        now: Now,
        replica: &mut Replica,
    ) -> Result<(), SessionError> {
        let Some((Peer { device: peer, .. }, slot)) = self.paths.get(&path).copied() else {
            return Ok(());
        };
        let open = self.sessions.get_mut(&(peer, slot)).filter(|session| session.is_open());
        // Before its hello a peer is nobody; what it sent will be sent again.
        let Some(session) = open else { return Ok(()) };
        let log = segment::peek_log(bytes)?;
        let rights = replica.rights();
        // What a peer may not hold it cannot relay, and what we may not hold we do not take.
        if !rights.may_read(&peer, &log) || !rights.may_read(&replica.device(), &log) {
            return Err(SessionError::NotGranted);
        }
        let verified = segment::unpack(bytes)?;
        session.handle_heard(path, now);
        session.handle_segment(&log, now, &mut self.claims);
        match replica.admit(verified, now.wall_ms) {
            // Its author's fault, not the relay's.
            Err(AdmitError::TooManyForks(_)) if log.device != peer => Ok(()),
            other => Ok(other.map(drop)?),
        }
    }

    /// A batch is durable; the leaves of these logs moved.
    pub fn handle_committed(&mut self, logs: &[Log], now: Now, replica: &Replica) {
        let mut failed = Vec::new();
        for session in self.sessions.values_mut().filter(|session| session.has_path()) {
            if let Err(error) = session.handle_committed(logs, now, replica, &mut self.claims) {
                failed.extend(session.paths().next().map(|path| (path, error)));
            }
        }
        for (path, error) in failed {
            self.fail(path, &error);
        }
        self.enforce(now, replica);
    }

    /// A timer ran out.
    pub fn handle_timeout(&mut self, now: Now, replica: &Replica) {
        let mut failed = Vec::new();
        for session in self.sessions.values_mut() {
            if session.poll_timeout().is_some_and(|due| due <= now.instant)
                && let Err(error) = session.handle_timeout(now, replica, &mut self.claims)
            {
                failed.extend(session.paths().next().map(|path| (path, error)));
            }
        }
        for (path, error) in failed {
            self.fail(path, &error);
        }
        self.enforce(now, replica);
    }

    /// When [`Router::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.sessions.values().filter_map(Session::poll_timeout).min()
    }

    /// The next thing to send, on a path that is `ready` to take it.
    pub fn poll_transmit(
        &mut self,
        now: Now,
        replica: &Replica,
        ready: &dyn Fn(PathId) -> bool,
    ) -> Option<(PathId, Frame)> {
        let next = self.direct.iter().position(|(path, _)| ready(*path));
        if let Some((path, message)) = next.and_then(|at| self.direct.remove(at)) {
            return Some((path, Frame::Message(message)));
        }
        let mut failed = None;
        for session in self.sessions.values_mut() {
            match session.poll_transmit(now, replica, ready) {
                Ok(Some(out)) => return Some(out),
                Ok(None) => {}
                Err(error) => failed = session.paths().next().map(|path| (path, error)),
            }
        }
        if let Some((path, error)) = failed {
            self.fail(path, &error);
        }
        None
    }

    /// The next path to close.
    pub fn poll_close(&mut self) -> Option<Close> {
        self.closes.pop_front()
    }

    /// The next join to decide about.
    pub fn poll_join(&mut self) -> Option<JoinAsked> {
        self.joins.pop_front()
    }

    /// The next path whose peer has shown a valid grant, and may now send segments.
    pub fn poll_admitted(&mut self) -> Option<PathId> {
        self.admitted.pop_front()
    }

    /// The next peer that has stated all it holds, and is due receipts.
    pub fn poll_greeted(&mut self) -> Option<DeviceId> {
        self.greeted.pop_front()
    }

    /// Sends a message to every run of a peer whose session is open.
    pub fn send(&mut self, peer: &DeviceId, message: &Message) {
        for ((device, _), session) in &mut self.sessions {
            if device == peer && session.is_open() {
                session.send(message.clone());
            }
        }
    }

    /// Answers on a path that has no session yet.
    pub fn answer(&mut self, path: PathId, message: Message) {
        if self.direct.len() < OUTBOX_MAX && self.paths.contains_key(&path) {
            self.direct.push_back((path, message));
        }
    }

    /// Closes every path: the link is taken off, or the program stops.
    pub fn close_all(&mut self, reason: &str) {
        for path in self.paths.keys().copied().collect::<Vec<_>>() {
            self.close(path, CloseCode::Leaving, reason);
        }
    }

    /// Every session, in device order.
    pub fn sessions(&self) -> impl Iterator<Item = &Session> {
        self.sessions.values()
    }

    /// The session with a peer: an open one, if there is one.
    pub fn session(&self, peer: &DeviceId) -> Option<&Session> {
        let open = self.sessions_of(peer).find(|session| session.is_open());
        open.or_else(|| self.sessions_of(peer).next())
    }

    /// What the store refused to read, once: the device halts on it.
    pub fn take_broken(&mut self) -> Option<String> {
        self.broken.take()
    }

    /// Sessions ended because of what a peer sent.
    pub fn faults(&self) -> u64 {
        self.faults
    }

    /// Sends a receipt to the device whose log it is for, or else to whoever relayed the log.
    pub fn send_receipt(&mut self, log: &Log, receipt: &SignedDocument) {
        let message = Message::Receipts(vec![receipt.clone()]);
        if self.sessions_of(&log.device).any(Session::is_open) {
            self.send(&log.device, &message);
            return;
        }
        for session in self.sessions.values_mut().filter(|session| session.is_open()) {
            if session.delivered().contains(log) {
                session.send(message.clone());
            }
        }
    }

    /// Keeps receipts, and passes those for others' logs on to their devices.
    fn take_receipts(
        &mut self,
        peer: DeviceId,
        receipts: &[SignedDocument],
        replica: &mut Replica,
    ) -> Result<(), SessionError> {
        if receipts.len() > RECEIPTS_MAX {
            return Err(SessionError::TooMany("receipts"));
        }
        for document in receipts {
            let later = match replica.take_receipt(document) {
                Ok(later) => later,
                Err(ReceiptError::Document(error)) => return Err(error.into()),
                Err(ReceiptError::Read(error)) => return Err(error.into()),
                Err(_) => false,
            };
            let receipt: Receipt = document.reopen()?;
            let owner = receipt.log.device;
            if later && owner != replica.device() && owner != peer {
                self.send_receipt(&receipt.log, document);
            }
        }
        Ok(())
    }

    /// Gives a peer that greeted the receipts held for its logs, and notices a control that holds
    /// less than it once receipted.
    fn greet_with_receipts(
        &mut self,
        (peer, slot): (DeviceId, Slot),
        replica: &mut Replica,
    ) -> Result<(), SessionError> {
        let Some(session) = self.sessions.get_mut(&(peer, slot)) else { return Ok(()) };
        let logs: Vec<Log> = replica.vector().0.keys().copied().collect();
        for log in &logs {
            if log.device == peer {
                for (document, _) in replica.receipts(log)? {
                    session.send(Message::Receipts(vec![document]));
                }
            } else if log.device == replica.device()
                && let Some((_, receipt)) = replica.receipt(log, &peer)?
            {
                let now: &[Tip] = session.theirs().leaves(log);
                let mut kept = true;
                for leaf in &receipt.leaves {
                    kept &= replica.covers(log, now, leaf)? || !replica.holds(log, leaf)?;
                }
                if !kept {
                    replica.drop_receipt(log, &peer);
                }
            }
        }
        Ok(())
    }

    /// Closes the sessions of devices whose rights ended.
    fn enforce(&mut self, now: Now, replica: &Replica) {
        let ended: Vec<PathId> = self
            .sessions
            .values()
            .filter(|session| {
                session.is_open() && !replica.rights().may_sync(&session.peer(), now.wall_ms)
            })
            .flat_map(Session::paths)
            .collect();
        for path in ended {
            self.close(path, CloseCode::NotGranted, "this device's grant was revoked or has ended");
        }
    }

    fn fail(&mut self, path: PathId, error: &SessionError) {
        self.faults += 1;
        if let SessionError::Read(cause) | SessionError::Admit(AdmitError::Read(cause)) = error {
            self.broken = Some(cause.to_string());
        }
        let code = match error {
            SessionError::NotGranted | SessionError::NoHello => CloseCode::NotGranted,
            _ => CloseCode::Fault,
        };
        self.close(path, code, &error.to_string());
    }

    fn close(&mut self, path: PathId, code: CloseCode, reason: &str) {
        self.closes.push_back(Close { path, code, reason: reason.to_owned() });
        self.handle_path_down(path);
    }
}

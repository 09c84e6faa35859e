//! Greetings and announcements: who we are, and what we hold.

use engine::authority::SignedDocument;
use engine::ids::Log;
use engine::log::segment::Codec;
use engine::log::vector::VersionVector;
use engine::replica::Replica;

use super::claims::Claims;
use super::{Session, SessionError, accept};
use crate::env::{Instant, Now};
use crate::limits::{GATHER_FOR, GRANTS_MAX, HAVE_LOGS_MAX, THEIRS_LOGS_MAX};
use crate::wire::{Have, Hello, Message, PROTOCOL};

impl Session {
    /// Queues a `Hello`. It states the vector when the peer's rights are known already.
    pub fn greet(&mut self, now: Now, replica: &Replica) {
        let rights = replica.rights();
        let known = rights.may_sync(&self.peer, now.wall_ms);
        let shared = self.shared(replica);
        let have = (known && shared.0.len() <= HAVE_LOGS_MAX).then_some(shared);
        self.stated = have.is_some();
        self.announced = have.clone().unwrap_or_default();
        let hello = Hello {
            protocol: (PROTOCOL, PROTOCOL),
            codecs: Codec::ALL.iter().map(|codec| *codec as u8).collect(),
            tenant: replica.tenant(),
            charter: rights.signed_charter().cloned(),
            grant: rights.signed_grant(&replica.device()).cloned(),
            instance: replica.epoch(),
            heard: self.greeted,
            have,
        };
        self.outbox.push_front(Message::Hello(Box::new(hello)));
    }

    /// The peer greeted: agree on a codec, check its rights, learn what it holds.
    pub(super) fn handle_hello(
        &mut self,
        hello: Hello,
        now: Now,
        replica: &Replica,
        claims: &mut Claims,
    ) -> Result<(), SessionError> {
        self.codec = accept(&hello, replica)?;
        let rights = replica.rights();
        if !rights.may_sync(&self.peer, now.wall_ms) {
            return Err(SessionError::NotGranted);
        }
        if self.greeted && !hello.heard {
            // The peer lacks our hello: it was lost.
            self.greet(now, replica);
        }
        self.greeted = true;
        self.was_open = true;
        self.peer_is_control = rights.is_control(&self.peer);
        self.reset_feeds();
        self.asked.clear();
        let shared = self.shared(replica);
        let peer = self.peer;
        // Grants travel in `Have`: whoever will be asked for another's log must send its grant.
        let relays = shared.0.keys().any(|log| log.device != peer);
        if !self.stated || shared != self.announced || relays {
            self.announce_all(replica);
        }
        match hello.have {
            Some(vector) => {
                let have = Have { full: true, last: true, vector, grants: Vec::new() };
                self.handle_have(have, now, replica, claims)
            }
            // A `Have` follows, and pushes begin from what it says.
            None => Ok(()),
        }
    }

    /// What the peer holds, in full or in part.
    pub(super) fn handle_have(
        &mut self,
        have: Have,
        now: Now,
        replica: &Replica,
        claims: &mut Claims,
    ) -> Result<(), SessionError> {
        if have.vector.0.len() > HAVE_LOGS_MAX || have.grants.len() > GRANTS_MAX {
            return Err(SessionError::TooMany("have"));
        }
        if have.full {
            self.theirs = VersionVector::default();
            self.stating = true;
        }
        let rights = replica.rights();
        let logs: Vec<Log> = have.vector.0.keys().copied().collect();
        for (log, leaves) in have.vector.0 {
            let entitled = rights.may_read(&self.peer, &log);
            if self.theirs.0.len() >= THEIRS_LOGS_MAX && !self.theirs.0.contains_key(&log) {
                return Err(SessionError::TooMany("have"));
            }
            if entitled && leaves.len() <= engine::limits::LEAVES_MAX + 1 {
                self.theirs.set(log, leaves);
            }
        }
        self.acknowledge(&logs, now.instant, replica)?;
        self.advance_feeds(&logs);
        if have.last && std::mem::take(&mut self.stating) {
            self.stated_all = true;
            self.start_pushes(replica)?;
        }
        self.ask_for(logs, now, replica, claims)
    }

    /// Announces everything anew.
    pub(super) fn announce_all(&mut self, replica: &Replica) {
        self.grants_sent.clear();
        let shared = self.shared(replica);
        self.unannounced.clear();
        self.announced = VersionVector::default();
        let logs: Vec<Log> = shared.0.keys().copied().collect();
        let mut chunks: Vec<&[Log]> = logs.chunks(HAVE_LOGS_MAX).collect();
        if chunks.is_empty() {
            chunks.push(&[]);
        }
        let last = chunks.len() - 1;
        for (at, chunk) in chunks.into_iter().enumerate() {
            let vector = shared.filtered(|log| chunk.contains(log));
            self.queue_have(at == 0, at == last, vector, replica);
        }
    }

    /// Announces the logs whose leaves moved.
    pub(super) fn announce(&mut self, now: Instant, replica: &Replica) {
        if !self.greeted || self.unannounced.is_empty() || now < self.announce_from {
            return;
        }
        self.announce_from = now.after(GATHER_FOR);
        let mut logs = std::mem::take(&mut self.unannounced);
        if logs.len() > HAVE_LOGS_MAX {
            let rest = logs.iter().nth(HAVE_LOGS_MAX).copied();
            self.unannounced = rest.map(|rest| logs.split_off(&rest)).unwrap_or_default();
        }
        let mut vector = VersionVector::default();
        for log in logs {
            let leaves = replica.vector().leaves(&log);
            if leaves != self.announced.leaves(&log) {
                vector.set(log, leaves.to_vec());
            }
        }
        if !vector.0.is_empty() {
            self.queue_have(false, true, vector, replica);
        }
    }

    fn queue_have(&mut self, full: bool, last: bool, vector: VersionVector, replica: &Replica) {
        let mut grants: Vec<SignedDocument> = Vec::new();
        for log in vector.0.keys() {
            let new = log.device != self.peer && grants.len() < GRANTS_MAX;
            if new && self.grants_sent.insert(log.device) {
                grants.extend(replica.rights().signed_grant(&log.device).cloned());
            }
        }
        for (log, leaves) in &vector.0 {
            self.announced.set(*log, leaves.clone());
        }
        self.outbox.push_back(Message::Have(Have { full, last, vector, grants }));
    }

    /// What the peer may know that we hold.
    fn shared(&self, replica: &Replica) -> VersionVector {
        replica.vector().filtered(|log| replica.rights().may_read(&self.peer, log))
    }
}

//! Asking: which logs of the peer's we lack part of, and when to ask again.

use std::time::Duration;

use engine::ids::Log;
use engine::replica::Replica;

use super::claims::Claims;
use super::{Session, SessionError};
use crate::env::{Instant, Now};
use crate::limits::{ASK_AGAIN_AFTER, ASK_AGAIN_AFTER_MAX, PUSH_GRACE, WANT_LOGS_MAX};
use crate::wire::{Message, Want};

/// A log that this peer is expected to send.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    at: Instant,
    patience: Duration,
}

impl Asked {
    /// A segment of it arrived: wait afresh.
    pub(super) fn progressed(&mut self, now: Instant) {
        self.at = now;
        self.patience = ASK_AGAIN_AFTER;
    }

    /// When to ask again.
    pub(super) fn due(&self) -> Instant {
        self.at.after(self.patience)
    }
}

impl Session {
    /// Asks for those of `logs` that the peer holds more of and that nobody was asked for.
    pub(super) fn ask_for(
        &mut self,
        logs: impl IntoIterator<Item = Log>,
        now: Now,
        replica: &Replica,
        claims: &mut Claims,
    ) -> Result<(), SessionError> {
        let mut wants = Vec::new();
        for log in logs {
            if !self.lacks(&log, replica)? {
                self.asked.remove(&log);
                claims.release(&log, self.peer);
            } else if !self.asked.contains_key(&log) {
                // A stall pushes its own log to a control without being asked.
                let control = replica.rights().is_control(&replica.device());
                let pushed = control && log.device == self.peer;
                let patience = if pushed { PUSH_GRACE } else { ASK_AGAIN_AFTER };
                let asked = Asked { at: now.instant, patience };
                let until = asked.due().after(ASK_AGAIN_AFTER);
                self.asked.insert(log, asked);
                if !pushed && claims.claim(&log, self.peer, now.instant, until) {
                    wants.push(Want { log, known: replica.checkpoints(&log)? });
                }
            }
        }
        self.queue_wants(wants);
        Ok(())
    }

    /// Asks again for what made no progress.
    pub(super) fn ask_again(
        &mut self,
        now: Now,
        replica: &Replica,
        claims: &mut Claims,
    ) -> Result<(), SessionError> {
        let mut wants = Vec::new();
        let due: Vec<Log> = self
            .asked
            .iter()
            .filter(|(_, asked)| asked.due() <= now.instant)
            .map(|(log, _)| *log)
            .collect();
        for log in due {
            if !self.lacks(&log, replica)? {
                self.asked.remove(&log);
                claims.release(&log, self.peer);
                continue;
            }
            let Some(asked) = self.asked.get_mut(&log) else { continue };
            asked.at = now.instant;
            asked.patience = (asked.patience * 2).min(ASK_AGAIN_AFTER_MAX);
            let until = asked.due().after(ASK_AGAIN_AFTER);
            // Who was asked in vain lets others go first this round.
            if claims.release(&log, self.peer) {
                continue;
            }
            if !claims.claim(&log, self.peer, now.instant, until) {
                continue;
            }
            wants.push(Want { log, known: replica.checkpoints(&log)? });
        }
        self.queue_wants(wants);
        Ok(())
    }

    /// Whether the peer holds something of the log that we may hold and do not.
    pub(super) fn lacks(&self, log: &Log, replica: &Replica) -> Result<bool, SessionError> {
        let rights = replica.rights();
        if !rights.may_read(&replica.device(), log) || !rights.may_write(log) {
            return Ok(false);
        }
        for leaf in self.leaves_of(log) {
            if !replica.holds(log, leaf)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn queue_wants(&mut self, mut wants: Vec<Want>) {
        while !wants.is_empty() {
            let rest = wants.split_off(wants.len().min(WANT_LOGS_MAX));
            self.outbox.push_back(Message::Want(wants));
            wants = rest;
        }
    }
}

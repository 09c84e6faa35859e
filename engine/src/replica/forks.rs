//! Forks: found while joining, proven to others in the authority lane.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use super::lanes::StoredEvent;
use super::span::event_id;
use super::{LogState, Replica};
use crate::authority::{ForkProof, ForkSide, fork};
use crate::hash::Hash;
use crate::ids::{Epoch, EventId, Lane, Log, LogId, Signature, Tip};
use crate::keys;
use crate::limits::{FORKS_PROVEN_MAX, GROUP_EVENTS_MAX};
use crate::log::chain;
use crate::projections::findings::{self, Finding, Rule};
use crate::projections::{Origin, Projection};
use crate::store::ReadError;

/// A log that has two branches with one parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fork {
    /// The same on every replica.
    pub id: Hash,
    /// The log.
    pub log: Log,
    /// The last place that the branches share.
    pub parent: Tip,
    /// Whether a proof of it is known here.
    pub proven: bool,
}

impl Replica {
    /// Every fork known here, by log and place.
    pub fn forks(&self) -> Result<Vec<Fork>, ReadError> {
        let (from, to) = keys::forks();
        let mut out = Vec::new();
        self.store().scan(&from, &to, &mut |key, value| {
            let state = self.logs.iter().find(|(id, _)| key[1..].starts_with(&id.0));
            if let (Some((_, state)), Some(parent)) = (state, keys::read_tip(value)) {
                let id = fork::id(&state.log, &parent);
                out.push(Fork { id, log: state.log, parent, proven: false });
            }
            ControlFlow::Continue(())
        })?;
        for fork in &mut out {
            fork.proven = self.rows.get(&keys::proven(&fork.id))?.is_some();
        }
        Ok(out)
    }

    /// Proofs of the committed forks that nobody has proven yet, a few for each device.
    pub fn unproven_forks(&self) -> Result<Vec<ForkProof>, ReadError> {
        let mut out = Vec::new();
        let forks = self.forks()?;
        for (at, fork) in forks.iter().enumerate() {
            let before = forks[..at].iter().filter(|f| f.log.device == fork.log.device).count();
            if !fork.proven && before < FORKS_PROVEN_MAX {
                out.extend(self.prove(&fork.log, &fork.parent)?);
            }
        }
        Ok(out)
    }

    /// Notes that an event proves a fork. Returns whether the proof holds and is the first.
    pub(super) fn take_fork_proof(&mut self, origin: &Origin, proof: &ForkProof) -> bool {
        let Ok(id) = proof.verify() else { return false };
        let row = keys::proven(&id);
        let first = matches!(self.rows.get(&row), Ok(None));
        if first {
            self.rows.set(row, Some(keys::event(&origin.id)));
        }
        first
    }

    fn prove(&self, log: &Log, parent: &Tip) -> Result<Option<ForkProof>, ReadError> {
        let id = log.id();
        let Some(state) = self.logs.get(&id) else { return Ok(None) };
        let mut epochs: Vec<Epoch> = state
            .parents
            .iter()
            .filter(|(_, parents)| parents.contains(parent))
            .map(|(epoch, _)| *epoch)
            .collect();
        if *parent != Tip::ROOT && !epochs.contains(&parent.epoch) {
            epochs.push(parent.epoch);
        }
        let mut sides = Vec::new();
        for epoch in epochs {
            sides.extend(self.sides(state, epoch, parent)?);
        }
        sides.sort_by_key(|(first, _)| *first);
        // A side that forks again before its head was followed to the heads of both.
        sides.dedup_by_key(|(first, _)| *first);
        let mut sides = sides.into_iter().map(|(_, side)| side);
        let (Some(a), Some(b)) = (sides.next(), sides.next()) else { return Ok(None) };
        Ok(Some(ForkProof { log: *log, parent: *parent, a, b }))
    }

    /// The sides of a fork within one epoch, each up to its first kept head, with the first
    /// event's chain hash.
    fn sides(
        &self,
        state: &LogState,
        epoch: Epoch,
        parent: &Tip,
    ) -> Result<Vec<(Hash, ForkSide)>, ReadError> {
        let start = chain::start(&state.log, epoch, parent);
        let mut open = vec![(start, parent.seq, Vec::new(), None)];
        let mut done = Vec::new();
        while let Some((at, seq, contents, first)) = open.pop() {
            if contents.len() > GROUP_EVENTS_MAX {
                continue;
            }
            let id = EventId { log: state.log.id(), epoch, seq, hash: at.short() };
            if let (Some(first), Some(signature)) = (first, self.head_signature(&id)?) {
                done.push((first, ForkSide { epoch, contents, signature }));
                continue;
            }
            for (hash, content) in self.children(state, epoch, &at, seq)? {
                let contents = [contents.as_slice(), &[content]].concat();
                open.push((hash, seq + 1, contents, first.or(Some(hash))));
            }
        }
        Ok(done)
    }

    /// The committed events of an epoch that link to the chain hash `at`.
    fn children(
        &self,
        state: &LogState,
        epoch: Epoch,
        at: &Hash,
        seq: u64,
    ) -> Result<Vec<(Hash, Hash)>, ReadError> {
        let (from, to) = keys::events(&state.log.id(), epoch, seq + 1, seq + 1);
        let mut out = Vec::new();
        self.store().scan(&from, &to, &mut |_, row| {
            if let Some(stored) = StoredEvent::from_bytes(row) {
                let content = chain::content(&stored.bytes);
                if chain::link(at, &content) == stored.hash {
                    out.push((stored.hash, content));
                }
            }
            ControlFlow::Continue(())
        })?;
        Ok(out)
    }

    /// Writes the finding of every fork of a ledger; see [`Replica::judge_fork`].
    pub(super) fn judge_forks(&mut self) -> Result<(), ReadError> {
        for (key, row) in self.rows.collect(&keys::forks())? {
            let ids = self.logs.keys().find(|id| key[1..].starts_with(&id.0)).copied();
            if let (Some(id), Some(parent)) = (ids, keys::read_tip(&row)) {
                self.judge_fork(&id, &parent)?;
            }
        }
        Ok(())
    }

    /// Writes the finding of a fork: its evidence is the first event of each side.
    pub(super) fn judge_fork(&mut self, id: &LogId, parent: &Tip) -> Result<(), ReadError> {
        let state = &self.logs[id];
        let log = state.log;
        if log.lane != Lane::Ledger || !self.is_whole(Projection::Findings) {
            return Ok(());
        }
        let opened = state.parents.iter().filter(|(_, parents)| parents.contains(parent));
        let epochs: BTreeSet<Epoch> =
            opened.map(|(epoch, _)| *epoch).chain([parent.epoch]).collect();
        let mut sides = Vec::new();
        for epoch in epochs {
            let start = chain::start(&log, epoch, parent);
            for (key, row) in
                self.rows.collect(&keys::events(id, epoch, parent.seq + 1, parent.seq + 1))?
            {
                let Some(stored) = StoredEvent::from_bytes(&row) else { continue };
                if chain::link(&start, &chain::content(&stored.bytes)) == stored.hash {
                    sides.extend(keys::read_event_id(&key));
                }
            }
        }
        let subject = fork::id(&log, parent);
        let finding = Finding::new(Rule::Fork, log.device.to_string(), sides);
        findings::put(self, log.scope, Rule::Fork, &subject.0, Some(finding))
    }

    fn head_signature(&self, id: &EventId) -> Result<Option<Signature>, ReadError> {
        let row = self.store().get(&keys::head(id))?;
        Ok(row.and_then(|row| row.try_into().ok()).map(Signature))
    }

    /// How many events of a revoked device lie beyond the leaves that its revocation names.
    pub fn disputed(&self) -> Result<u64, ReadError> {
        let mut disputed = 0;
        for (log, leaves) in &self.vector.0 {
            let Some(revocation) = self.rights.revocation(&log.device) else { continue };
            let named = revocation.leaves.iter().find(|(named, _)| named == log);
            let known = named.map(|(_, tips)| tips.as_slice()).unwrap_or_default();
            if leaves.iter().all(|leaf| known.contains(leaf)) {
                continue;
            }
            for run in self.missing(log, known)? {
                disputed += run.to.seq - run.after.seq;
            }
        }
        Ok(disputed)
    }

    /// The place of an event, if it is held.
    pub fn place(&self, id: &EventId) -> Result<Option<Tip>, ReadError> {
        let stored = self.stored(id)?;
        let tip = stored.map(|stored| Tip { epoch: id.epoch, seq: id.seq, hash: stored.hash });
        Ok(tip.filter(|tip| event_id(&id.log, tip) == *id))
    }
}

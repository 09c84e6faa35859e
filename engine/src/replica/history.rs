//! Where a place lies in a log: lineage, ancestors, what a peer is missing.
//!
//! A log is a tree whose branches are epochs; in ordinary life it is one path. Only where an epoch
//! itself forked (a live machine was cloned) does a walk have to follow the chain event by event.

use std::collections::BTreeSet;

use super::lanes::StoredEvent;
use super::span::event_id;
use super::{LogState, Replica};
use crate::ids::{Epoch, EventId, Log, LogId, ShortHash, Tip};
use crate::keys;
use crate::limits::CHECKPOINTS_MAX;
use crate::log::chain;
use crate::store::ReadError;

/// A stretch of one epoch: the events after `after` up to `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// The epoch of its events.
    pub epoch: Epoch,
    /// The event before the first one.
    pub after: Tip,
    /// The last event.
    pub to: Tip,
}

impl Replica {
    /// Whether the event at `tip` is durably here.
    pub fn holds(&self, log: &Log, tip: &Tip) -> Result<bool, ReadError> {
        if self.vector.leaves(log).contains(tip) {
            return Ok(true);
        }
        let row = self.store().get(&keys::event(&event_id(&log.id(), tip)))?;
        Ok(row.is_some_and(|row| row.starts_with(&tip.hash.0)))
    }

    /// The stretches of a log that someone who holds `known` lacks, parents before children.
    /// Places in `known` that are not held here are ignored.
    pub fn missing(&self, log: &Log, known: &[Tip]) -> Result<Vec<Run>, ReadError> {
        let id = log.id();
        let Some(state) = self.logs.get(&id) else { return Ok(Vec::new()) };
        let mut held = Vec::new();
        for tip in known {
            if self.holds(log, tip)? {
                self.hold(state, tip, &mut held)?;
            }
        }
        self.lacked(state, self.vector.leaves(log), held)
    }

    /// The stretches of a log, pending events included, that do not lie at or before `tip` on its
    /// branch, parents before children.
    pub(super) fn beyond(&self, state: &LogState, tip: &Tip) -> Result<Vec<Run>, ReadError> {
        let mut held = Vec::new();
        self.hold(state, tip, &mut held)?;
        self.lacked(state, &state.tips(), held)
    }

    fn lacked(
        &self,
        state: &LogState,
        leaves: &[Tip],
        mut held: Vec<Tip>,
    ) -> Result<Vec<Run>, ReadError> {
        let mut out = Vec::new();
        for leaf in leaves {
            out.extend(self.lacking(state, leaf, &held)?);
            self.hold(state, leaf, &mut held)?;
        }
        Ok(out)
    }

    /// Adds `tip` to `held`, with those of its ancestors at which another branch may leave it.
    fn hold(&self, state: &LogState, tip: &Tip, held: &mut Vec<Tip>) -> Result<(), ReadError> {
        held.push(*tip);
        // Without a fork there is one branch, and nothing leaves it.
        let forks = self.rows.collect(&keys::forks_of(&state.log.id()))?;
        let forks: Vec<Tip> = forks.iter().filter_map(|(_, row)| keys::read_tip(row)).collect();
        if forks.is_empty() {
            return Ok(());
        }
        for run in self.lineage(state, tip)? {
            for fork in &forks {
                if self.on_run(state, &run, fork)? {
                    held.push(*fork);
                }
            }
        }
        Ok(())
    }

    /// The runs from the last place in `held` on the path, up to `leaf`.
    fn lacking(&self, state: &LogState, leaf: &Tip, held: &[Tip]) -> Result<Vec<Run>, ReadError> {
        let mut out = Vec::new();
        for mut run in self.lineage(state, leaf)? {
            if self.is_covered(state, &run, held)? {
                break;
            }
            let mut best: Option<Tip> = None;
            for tip in held {
                let later = best.is_none_or(|best| best.seq < tip.seq);
                if later && self.on_run(state, &run, tip)? {
                    best = Some(*tip);
                }
            }
            let met = best.is_some();
            run.after = best.unwrap_or(run.after);
            if run.after != run.to {
                out.push(run);
            }
            if met || held.contains(&run.after) {
                break;
            }
        }
        out.reverse();
        Ok(out)
    }

    /// The runs from `leaf` back to the beginning of the log, newest first.
    pub(super) fn lineage(&self, state: &LogState, leaf: &Tip) -> Result<Vec<Run>, ReadError> {
        let mut out = Vec::new();
        let mut to = *leaf;
        while to != Tip::ROOT {
            let parents = state.parents.get(&to.epoch).map(Vec::as_slice).unwrap_or_default();
            let after = match parents {
                [] => break,
                [parent] => *parent,
                _ => match self.walk(state, &to, 0)?.last() {
                    Some((_, parent)) => *parent,
                    None => break,
                },
            };
            out.push(Run { epoch: to.epoch, after, to });
            to = after;
        }
        Ok(out)
    }

    /// Whether one of `held` lies beyond the end of `run` on the same branch. It can, where a batch
    /// is on disk already, and was sent, before this replica has heard that it is.
    fn is_covered(&self, state: &LogState, run: &Run, held: &[Tip]) -> Result<bool, ReadError> {
        for tip in held {
            let beyond = Run { to: *tip, ..*run };
            let later = tip.epoch == run.epoch && tip.seq > run.to.seq;
            if later && self.on_run(state, &beyond, &run.to)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether `tip` is one of the events of `run`.
    pub(super) fn on_run(&self, state: &LogState, run: &Run, tip: &Tip) -> Result<bool, ReadError> {
        if tip.epoch != run.epoch || tip.seq <= run.after.seq || tip.seq > run.to.seq {
            return Ok(false);
        }
        if *tip == run.to || !state.split.contains(&run.epoch) {
            return Ok(true);
        }
        let steps = self.walk(state, &run.to, tip.seq)?;
        Ok(steps.iter().any(|(at, _)| at == tip))
    }

    /// Follows the chain back within one epoch from `from` to seq `down_to`: each event with its
    /// parent, newest first.
    fn walk(
        &self,
        state: &LogState,
        from: &Tip,
        down_to: u64,
    ) -> Result<Vec<(Tip, Tip)>, ReadError> {
        let id = state.log.id();
        let mut out = Vec::new();
        let mut at = *from;
        while at.epoch == from.epoch && at.seq >= down_to.max(1) {
            let Some(stored) = self.stored(&event_id(&id, &at))? else { break };
            let content = chain::content(&stored.bytes);
            let mut parents = self.events_at(&id, at.epoch, at.seq - 1)?;
            parents.extend(state.parents.get(&at.epoch).into_iter().flatten());
            let parent = parents.into_iter().find(|parent| {
                let start = chain::start(&state.log, at.epoch, parent);
                parent.seq + 1 == at.seq && chain::link(&start, &content) == at.hash
            });
            let Some(parent) = parent else { break };
            out.push((at, parent));
            at = parent;
        }
        Ok(out)
    }

    /// Every event at a place in an epoch; more than one where the epoch forked.
    pub(super) fn events_at(
        &self,
        id: &LogId,
        epoch: Epoch,
        seq: u64,
    ) -> Result<Vec<Tip>, ReadError> {
        let rows = self.rows.collect(&keys::events(id, epoch, seq, seq))?;
        let stored = rows.iter().filter_map(|(_, row)| StoredEvent::from_bytes(row));
        Ok(stored.map(|stored| Tip { epoch, seq, hash: stored.hash }).collect())
    }

    /// The short hashes on the path of `run`, where its epoch forked; `None` where it did not and
    /// every event of the stretch is on the path.
    pub(super) fn path(
        &self,
        log: &Log,
        run: &Run,
    ) -> Result<Option<BTreeSet<ShortHash>>, ReadError> {
        let state = self.logs.get(&log.id()).filter(|state| state.split.contains(&run.epoch));
        let Some(state) = state else { return Ok(None) };
        let steps = self.walk(state, &run.to, run.after.seq + 1)?;
        Ok(Some(steps.into_iter().map(|(at, _)| at.hash.short()).collect()))
    }

    /// Whether event `a` lies on the branch of event `b`, at or before it.
    pub(super) fn is_ancestor(&self, a: &EventId, b: &EventId) -> Result<bool, ReadError> {
        let Some(state) = self.logs.get(&a.log).filter(|_| a.log == b.log) else {
            return Ok(false);
        };
        let (Some(first), Some(last)) = (self.stored(a)?, self.stored(b)?) else {
            return Ok(false);
        };
        let first = Tip { epoch: a.epoch, seq: a.seq, hash: first.hash };
        let last = Tip { epoch: b.epoch, seq: b.seq, hash: last.hash };
        for run in self.lineage(state, &last)? {
            if self.on_run(state, &run, &first)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether someone who holds `leaves` holds `tip`, as far as can be told here.
    pub fn covers(&self, log: &Log, leaves: &[Tip], tip: &Tip) -> Result<bool, ReadError> {
        if leaves.contains(tip) {
            return Ok(true);
        }
        let Some(state) = self.logs.get(&log.id()) else { return Ok(false) };
        for leaf in leaves {
            if !self.holds(log, leaf)? {
                continue;
            }
            for run in self.lineage(state, leaf)? {
                if self.on_run(state, &run, tip)? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Places that this replica holds of a log, for a peer to find where two histories part: the
    /// leaves, then ancestors at distances that double, newest first.
    pub fn checkpoints(&self, log: &Log) -> Result<Vec<Tip>, ReadError> {
        let id = log.id();
        let mut out = self.vector.leaves(log).to_vec();
        let Some(state) = self.logs.get(&id) else { return Ok(out) };
        for leaf in self.vector.leaves(log) {
            let mut distance = 64;
            for run in self.lineage(state, leaf)? {
                while leaf.seq.saturating_sub(distance) > run.after.seq {
                    let seq = leaf.seq - distance;
                    let tips = self.events_at(&id, run.epoch, seq)?;
                    for tip in tips {
                        if self.on_run(state, &run, &tip)? {
                            out.push(tip);
                        }
                    }
                    distance *= 2;
                }
                if run.after != Tip::ROOT {
                    out.push(run.after);
                }
                if out.len() >= CHECKPOINTS_MAX {
                    out.truncate(CHECKPOINTS_MAX);
                    return Ok(out);
                }
            }
        }
        Ok(out)
    }
}

//! Checks everything that a store holds: chains, signed heads, leaves, decodings.
//!
//! It reads a snapshot and trusts no index: each event is hashed anew from its parent.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use serde::Serialize;

use super::lanes::StoredEvent;
use crate::event::Payload;
use crate::event::codec;
use crate::hash::Hash;
use crate::ids::{EventId, LOG_BYTES, Log, Signature, Tip};
use crate::keys;
use crate::limits::GROUP_EVENTS_MAX;
use crate::log::{chain, head};
use crate::store::{Read, ReadError};

/// The most problems that a report spells out.
const PROBLEMS_MAX: usize = 100;

/// What verification found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Logs checked.
    pub logs: u64,
    /// Events checked.
    pub events: u64,
    /// Signed heads checked.
    pub heads: u64,
    /// What is wrong, in words; the first hundred.
    pub problems: Vec<String>,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn ok(&self) -> bool {
        self.problems.is_empty()
    }

    fn problem(&mut self, log: &Log, what: &str) {
        if self.problems.len() < PROBLEMS_MAX {
            let text =
                format!("log of device {}, {} {:?}: {what}", log.device, log.scope, log.lane);
            self.problems.push(text);
        }
    }
}

/// Verifies every log in the store.
pub fn verify(store: &dyn Read) -> Result<Report, ReadError> {
    let mut report = Report::default();
    for (_, row) in rows(store, &keys::logs())? {
        let log = <[u8; LOG_BYTES]>::try_from(row.as_slice());
        match log.ok().and_then(|bytes| Log::from_bytes(&bytes)) {
            Some(log) => verify_log(store, &log, &mut report)?,
            None => report.problems.push("a log row is garbled".to_owned()),
        }
    }
    Ok(report)
}

/// Places whose chain holds; each with how many events ago a head stood.
type Reached = BTreeMap<Tip, usize>;

fn verify_log(store: &dyn Read, log: &Log, report: &mut Report) -> Result<(), ReadError> {
    report.logs += 1;
    let id = log.id();
    let mut by_seq: BTreeMap<(u64, EventId), ()> = BTreeMap::new();
    let (from, to) = keys::log_events(&id);
    store.scan(&from, &to, &mut |key, _| {
        if let Some((epoch, seq, hash)) = keys::read_event(key) {
            by_seq.insert((seq, EventId { log: id, epoch, seq, hash }), ());
        }
        ControlFlow::Continue(())
    })?;
    let mut reached: Reached = BTreeMap::from([(Tip::ROOT, 0)]);
    let mut parents = BTreeSet::new();
    let mut last_seq = 0;
    for ((seq, event), ()) in by_seq {
        if seq > last_seq + 1 {
            // Only the frontier is kept in memory: parents of this seq end one before it.
            report.problem(log, &format!("events between {last_seq} and {seq} are missing"));
        }
        last_seq = seq;
        report.events += 1;
        match check_event(store, log, &event, &reached)? {
            Ok((tip, parent, headed)) => {
                report.heads += u64::from(headed);
                let gap = if headed { 0 } else { reached[&parent] + 1 };
                if gap > GROUP_EVENTS_MAX {
                    report.problem(log, &format!("no signed head near event {seq}"));
                }
                parents.insert(parent);
                reached.insert(tip, gap);
            }
            Err(what) => report.problem(log, &format!("event {seq}: {what}")),
        }
    }
    check_leaves(store, log, &reached, &parents, report)
}

type Checked = Result<(Tip, Tip, bool), String>;

fn check_event(
    store: &dyn Read,
    log: &Log,
    id: &EventId,
    reached: &Reached,
) -> Result<Checked, ReadError> {
    let row = store.get(&keys::event(id))?;
    let Some(stored) = row.as_deref().and_then(StoredEvent::from_bytes) else {
        return Ok(Err("its row is garbled".to_owned()));
    };
    let event = match codec::decode_event(&stored.bytes) {
        Ok(event) => event,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let content = chain::content(&stored.bytes);
    let links = |parent: &Tip| {
        let start = chain::start(log, id.epoch, parent);
        parent.seq + 1 == id.seq && chain::link(&start, &content) == stored.hash
    };
    let parent = match event.payload {
        Payload::EpochOpened(open) => {
            let parent =
                Tip { epoch: open.parent_epoch, seq: open.parent_seq, hash: open.parent_hash };
            Some(parent).filter(|parent| reached.contains_key(parent) && links(parent))
        }
        _ => {
            let from = Tip { epoch: id.epoch, seq: id.seq - 1, hash: Hash([0; 32]) };
            let to = Tip { hash: Hash([u8::MAX; 32]), ..from };
            reached.range(from..=to).map(|(tip, _)| *tip).find(|tip| links(tip))
        }
    };
    let Some(parent) = parent else {
        return Ok(Err("its chain hash does not follow from its parent".to_owned()));
    };
    let tip = Tip { epoch: id.epoch, seq: id.seq, hash: stored.hash };
    let signature = store.get(&keys::head(id))?;
    let Some(signature) = signature else { return Ok(Ok((tip, parent, false))) };
    let signature = signature.try_into().map(Signature);
    if signature.is_ok_and(|signature| head::verify(log, &tip, &signature)) {
        Ok(Ok((tip, parent, true)))
    } else {
        Ok(Err("its signed head does not hold".to_owned()))
    }
}

/// The leaves on record must be the events without children, and each must bear a head.
fn check_leaves(
    store: &dyn Read,
    log: &Log,
    reached: &Reached,
    parents: &BTreeSet<Tip>,
    report: &mut Report,
) -> Result<(), ReadError> {
    let recorded: BTreeSet<Tip> = rows(store, &keys::leaves(&log.id()))?
        .iter()
        .filter_map(|(_, row)| keys::read_tip(row.get(..48)?))
        .collect();
    let found: BTreeSet<Tip> = reached
        .keys()
        .filter(|tip| **tip != Tip::ROOT && !parents.contains(tip))
        .copied()
        .collect();
    if recorded != found {
        report.problem(log, "the leaves on record are not the ends of its branches");
    }
    for leaf in found.iter().filter(|leaf| reached[leaf] > 0) {
        report.problem(log, &format!("it ends at event {} without a signed head", leaf.seq));
    }
    Ok(())
}

fn rows(store: &dyn Read, range: &keys::Range) -> Result<Vec<(Vec<u8>, Vec<u8>)>, ReadError> {
    let mut out = Vec::new();
    store.scan(&range.0, &range.1, &mut |key, value| {
        out.push((key.to_vec(), value.to_vec()));
        ControlFlow::Continue(())
    })?;
    Ok(out)
}

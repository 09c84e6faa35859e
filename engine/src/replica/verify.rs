//! Checks everything that a store holds: chains, signed heads, leaves, decodings.
//!
//! It reads a snapshot and trusts no index: each event is hashed anew from its parent.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use serde::Serialize;

use super::lanes::StoredEvent;
use super::open::read_leaf;
use super::span::event_id;
use crate::event::Payload;
use crate::event::codec;
use crate::hash::Hash;
use crate::ids::{EventId, LOG_BYTES, Log, Signature, Tip};
use crate::keys;
use crate::limits::GROUP_EVENTS_MAX;
use crate::log::{chain, head};
use crate::store::{Read, ReadError, Row};

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
    for (key, row) in rows(store, &keys::logs())? {
        let log = <[u8; LOG_BYTES]>::try_from(row.as_slice());
        match log.ok().and_then(|bytes| Log::from_bytes(&bytes)) {
            Some(log) if key == keys::log(&log.id()) => verify_log(store, &log, &mut report)?,
            _ => report.problems.push("a log row is garbled".to_owned()),
        }
    }
    let mut events = 0;
    let (from, to) = keys::all_events();
    store.scan(&from, &to, &mut |_, _| {
        events += 1;
        ControlFlow::Continue(())
    })?;
    if events != report.events {
        report.problems.push("there are events of a log that is not on record".to_owned());
    }
    Ok(report)
}

/// An event whose chain holds.
struct Place {
    parent: Tip,
    headed: bool,
    /// Minor units at stake, summed along its branch.
    stake: i64,
}

type Reached = BTreeMap<Tip, Place>;

fn verify_log(store: &dyn Read, log: &Log, report: &mut Report) -> Result<(), ReadError> {
    report.logs += 1;
    let id = log.id();
    let mut by_seq: BTreeSet<(u64, EventId)> = BTreeSet::new();
    let (from, to) = keys::log_events(&id);
    let mut garbled = 0;
    store.scan(&from, &to, &mut |key, _| {
        match keys::read_event_id(key) {
            Some(event) => drop(by_seq.insert((event.seq, event))),
            None => garbled += 1,
        }
        ControlFlow::Continue(())
    })?;
    if garbled > 0 {
        report.events += garbled;
        report.problem(log, "the key of an event is garbled");
    }
    let mut reached = Reached::new();
    let mut last_seq = 0;
    for (seq, event) in by_seq {
        if seq > last_seq + 1 {
            report.problem(log, &format!("events between {last_seq} and {seq} are missing"));
        }
        last_seq = seq;
        report.events += 1;
        match check_event(store, log, &event, &reached)? {
            Ok((tip, place)) => {
                report.heads += u64::from(place.headed);
                reached.insert(tip, place);
            }
            Err(what) => report.problem(log, &format!("event {seq}: {what}")),
        }
    }
    check_gaps(log, &reached, report);
    check_leaves(store, log, &reached, report)
}

/// Heads must stand as close as commit groups close. Where a branch leaves another it is counted
/// anew: the head that stood there may have been replaced by a later one of the other branch.
fn check_gaps(log: &Log, reached: &Reached, report: &mut Report) {
    let mut parents = BTreeSet::new();
    let again =
        reached.values().map(|place| place.parent).filter(|parent| !parents.insert(*parent));
    let forks: BTreeSet<Tip> = again.collect();
    // In key order a parent of the same epoch comes first.
    let mut gaps: BTreeMap<Tip, usize> = BTreeMap::new();
    for (tip, place) in reached {
        let begins = forks.contains(&place.parent) || place.parent.epoch != tip.epoch;
        let before = if begins { 0 } else { gaps.get(&place.parent).copied().unwrap_or(0) };
        let gap = if place.headed { 0 } else { before + 1 };
        if gap > GROUP_EVENTS_MAX {
            report.problem(log, &format!("no signed head near event {}", tip.seq));
        }
        gaps.insert(*tip, gap);
    }
}

type Checked = Result<(Tip, Place), String>;

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
    let parent = match &event.payload {
        Payload::EpochOpened(open) => {
            let parent =
                Tip { epoch: open.parent_epoch, seq: open.parent_seq, hash: open.parent_hash };
            let held = parent == Tip::ROOT || reached.contains_key(&parent);
            Some(parent).filter(|parent| held && links(parent))
        }
        _ => {
            let seq = id.seq.saturating_sub(1);
            let from = Tip { epoch: id.epoch, seq, hash: Hash([0; 32]) };
            let to = Tip { hash: Hash([u8::MAX; 32]), ..from };
            reached.range(from..=to).map(|(tip, _)| *tip).find(|tip| links(tip))
        }
    };
    let Some(parent) = parent else {
        return Ok(Err("its chain hash does not follow from its parent".to_owned()));
    };
    let above = reached.get(&parent).map_or(0, |place| place.stake);
    let stake = above.saturating_add(event.payload.stake());
    // An older program that did not know the event kept it with nothing at stake.
    let unknown = stored.stake == above && !codec::is_of_first(&event);
    if stored.stake != stake && !unknown {
        return Ok(Err("its sum at stake does not follow from its parent's".to_owned()));
    }
    let tip = Tip { epoch: id.epoch, seq: id.seq, hash: stored.hash };
    if event_id(&id.log, &tip) != *id {
        return Ok(Err("its row is not where its hash says".to_owned()));
    }
    let signature = store.get(&keys::head(id))?;
    let headed = signature.is_some();
    let signature = signature.map(|row| row.try_into().map(Signature));
    if signature.is_none_or(|held| held.is_ok_and(|held| head::verify(log, &tip, &held))) {
        Ok(Ok((tip, Place { parent, headed, stake: stored.stake })))
    } else {
        Ok(Err("its signed head does not hold".to_owned()))
    }
}

/// The leaves on record must be the events without children, and each must bear a head.
fn check_leaves(
    store: &dyn Read,
    log: &Log,
    reached: &Reached,
    report: &mut Report,
) -> Result<(), ReadError> {
    let mut recorded = BTreeMap::new();
    for (key, row) in rows(store, &keys::leaves(&log.id()))? {
        match read_leaf(&row).filter(|(tip, _)| key == keys::leaf(&log.id(), tip)) {
            Some((tip, stake)) => drop(recorded.insert(tip, stake)),
            None => report.problem(log, "a leaf row is garbled"),
        }
    }
    let parents: BTreeSet<Tip> = reached.values().map(|place| place.parent).collect();
    let found: BTreeMap<Tip, i64> = reached
        .iter()
        .filter(|(tip, _)| !parents.contains(tip))
        .map(|(tip, place)| (*tip, place.stake))
        .collect();
    if recorded != found {
        report.problem(log, "the leaves on record are not the ends of its branches");
    }
    for leaf in found.keys().filter(|leaf| !reached[leaf].headed) {
        report.problem(log, &format!("it ends at event {} without a signed head", leaf.seq));
    }
    Ok(())
}

fn rows(store: &dyn Read, range: &keys::Range) -> Result<Vec<Row>, ReadError> {
    let mut out = Vec::new();
    store.scan(&range.0, &range.1, &mut |key, value| {
        out.push((key.to_vec(), value.to_vec()));
        ControlFlow::Continue(())
    })?;
    Ok(out)
}

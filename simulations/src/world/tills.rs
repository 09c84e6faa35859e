//! Tills: they ask their stall, wait, and ask again with the same key when it went down meanwhile.
//!
//! A till knows its stall alone. What it was told stands is what the checkers hold the market to.

use std::collections::BTreeMap;
use std::time::Duration;

use engine::decide::Refusal;
use engine::decide::rights::Short;
use engine::event::sale::Key;
use engine::ids::EventId;
use node::core::{Answer, CallError, Request};
use shell::driver::Stopping;

use super::executor::Owner;

/// Names what a till asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AskId(pub u64);

/// What a stall said, and when.
#[derive(Debug)]
pub struct Outcome {
    /// To what.
    pub ask: AskId,
    /// Which process said so.
    pub owner: Owner,
    /// When.
    pub at: Duration,
    /// What.
    pub said: Result<Answer, Stopping>,
}

/// A fact that a till was told stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledged {
    /// The host that said so.
    pub host: usize,
    /// When it was first asked.
    pub asked: Duration,
    /// When it was asked for the last time.
    pub asked_last: Duration,
    /// When it said so.
    pub at: Duration,
    /// What was asked.
    pub request: Request,
    /// The event.
    pub id: EventId,
    /// Its amount in minor units.
    pub total: i64,
    /// Whether the stall knew it already from before.
    pub replayed: bool,
}

/// Why a till was sent away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// Its stall is down.
    Down,
    /// Promised goods run short here.
    Short(Short),
    /// Any other refusal, in words.
    Other(String),
}

/// Somebody who waits for an answer.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// Which stall.
    pub host: usize,
    /// What was asked.
    pub request: Request,
    /// When for the first time.
    pub asked: Duration,
    /// When for the last time, and which start of the stall; none while it is down.
    pub under_way: Option<(Duration, u64)>,
}

/// The tills of all stalls.
#[derive(Debug, Default)]
pub struct Tills {
    next: u64,
    waiting: BTreeMap<AskId, Waiting>,
    /// What was acknowledged, in order.
    pub acknowledged: Vec<Acknowledged>,
    /// Where in it the fact with a key of a host stands.
    by_key: BTreeMap<(usize, Key), usize>,
    /// What was refused, with the host and the time.
    pub refused: Vec<(Duration, usize, Key, Refused)>,
    /// Asked again after a stall went down, so far.
    pub repeated: u64,
}

impl Tills {
    /// A till asks for the first time.
    pub fn ask(&mut self, host: usize, request: Request, now: Duration) -> AskId {
        self.next += 1;
        let id = AskId(self.next);
        self.waiting.insert(id, Waiting { host, request, asked: now, under_way: None });
        id
    }

    /// The request goes to the stall now.
    pub fn sent(&mut self, ask: AskId, now: Duration, run: u64) -> Option<Request> {
        let waiting = self.waiting.get_mut(&ask)?;
        waiting.under_way = Some((now, run));
        Some(waiting.request.clone())
    }

    /// The till gives up.
    pub fn turn_away(&mut self, ask: AskId, now: Duration, why: Refused) {
        if let Some(Waiting { host, request, .. }) = self.waiting.remove(&ask) {
            self.refused.push((now, host, request.key().clone(), why));
        }
    }

    /// A stall said something. Gives what was acknowledged.
    pub fn told(&mut self, outcome: Outcome) -> Option<&Acknowledged> {
        let Outcome { ask, owner, at, said } = outcome;
        let waiting = self.waiting.get(&ask)?;
        if waiting.under_way.is_none_or(|(_, run)| run != owner.run) {
            return None;
        }
        match said {
            Ok(Answer::Written(written)) => {
                let Waiting { host, request, asked, under_way } = self.waiting.remove(&ask)?;
                let asked_last = under_way.map_or(asked, |(last, _)| last);
                let (id, total, replayed) = (written.id, written.total, written.replayed);
                let place = self.acknowledged.len();
                self.by_key.insert((host, request.key().clone()), place);
                self.acknowledged.push(Acknowledged {
                    host,
                    asked,
                    asked_last,
                    at,
                    request,
                    id,
                    total,
                    replayed,
                });
                self.acknowledged.last()
            }
            Ok(Answer::Refused(CallError::Halted(_))) | Err(Stopping) => {
                // Nothing was decided, or nobody knows; the till asks again at the next start.
                self.waiting.get_mut(&ask)?.under_way = None;
                None
            }
            Ok(Answer::Refused(CallError::Refused(Refusal::RightsShort(short)))) => {
                self.turn_away(ask, at, Refused::Short(short));
                None
            }
            Ok(Answer::Refused(error)) => {
                self.turn_away(ask, at, Refused::Other(error.to_string()));
                None
            }
            Ok(other) => {
                self.turn_away(ask, at, Refused::Other(format!("{other:?}")));
                None
            }
        }
    }

    /// A stall went down: what was under way there has no answer.
    pub fn lost(&mut self, host: usize) {
        for waiting in self.waiting.values_mut().filter(|waiting| waiting.host == host) {
            waiting.under_way = None;
        }
    }

    /// What waits for a stall that has started again.
    pub fn unanswered(&mut self, host: usize) -> Vec<AskId> {
        let open = |w: &Waiting| w.host == host && w.under_way.is_none();
        let again: Vec<_> =
            self.waiting.iter().filter(|(_, w)| open(w)).map(|(id, _)| *id).collect();
        self.repeated += again.len() as u64;
        again
    }

    /// The fact that a host acknowledged under a key.
    pub fn by_key(&self, host: usize, key: &Key) -> Option<&Acknowledged> {
        self.by_key.get(&(host, key.clone())).map(|place| &self.acknowledged[*place])
    }

    /// Those who wait.
    pub fn waiting(&self) -> impl Iterator<Item = &Waiting> {
        self.waiting.values()
    }
}

//! Writes a run down for its picture. It looks at the world and changes nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use engine::books;
use engine::store::ReadError;

use super::customers::Counts;
use super::limits::SAMPLES_MAX;
use super::views::Vectors;
use crate::checkers::Violation;
use crate::checkers::disks::scope;
use crate::net::Change;
use crate::record::changes::Changes;
use crate::record::marks::Marks;
use crate::record::recorder::{Begin, Recorder, Sums, Way};
use crate::record::run::{EventKind, HostKind, Run};
use crate::scenario::{Deed, Machine, Plan};
use crate::world::World;
use crate::world::tills::Refused;

/// How a host was when it was last looked at: how-manieth start, up, awake.
type Stand = (u64, bool, bool);

/// A picture that is being drawn.
pub struct Picture {
    recorder: Recorder,
    changes: Changes,
    stands: Vec<Stand>,
    /// The last deed of each host since it was last looked at, and what it is called.
    deeds: BTreeMap<usize, (EventKind, String)>,
    passed: Vec<(u64, u64)>,
    refused: usize,
    sample_at: Duration,
    sample_every: Duration,
    commits: Option<u64>,
}

impl Picture {
    /// Nothing has happened yet.
    pub fn new(plan: &Plan, world: &World) -> Self {
        let interfaces = world.state().network.stats().interfaces.clone();
        let begin = |host: usize| {
            let over = interfaces.iter().filter(|of| of.host == host);
            let (name, kind) = match &plan.machines[host] {
                Machine::Control => ("control".to_owned(), HostKind::Control),
                Machine::Stall => (format!("stall {host}"), HostKind::Stall),
                Machine::Absent => (format!("stall {host} (at home)"), HostKind::Stall),
                Machine::CopyOf(of) => (format!("copy of stall {of}"), HostKind::Stall),
                Machine::Hostile { .. } => (format!("stranger {host}"), HostKind::Hostile),
            };
            Begin { name, kind, carriers: over.map(|of| of.over.clone()).collect() }
        };
        let hosts: Vec<Begin> = (0..plan.machines.len()).map(begin).collect();
        Self {
            recorder: Recorder::new(&plan.name, plan.seed, &hosts),
            changes: Changes::default(),
            stands: vec![(0, false, false); hosts.len()],
            deeds: BTreeMap::new(),
            passed: vec![(0, 0); interfaces.len()],
            refused: 0,
            sample_at: Duration::ZERO,
            sample_every: (plan.length + plan.settle) / SAMPLES_MAX,
            commits: None,
        }
    }

    /// The network changes.
    pub fn change(&mut self, at: Duration, change: &Change) {
        self.changes.record(&mut self.recorder, at, change);
    }

    /// Something is done to a host.
    pub fn deed(&mut self, at: Duration, host: usize, deed: &Deed) {
        let words = words(deed);
        let kind = match deed {
            Deed::Start | Deed::Stop | Deed::Pause | Deed::Resume => return,
            Deed::Crash { .. } | Deed::PowerCut { .. } => EventKind::Crash,
            Deed::PutImage(_) | Deed::Wipe => {
                self.deeds.insert(host, (EventKind::Crash, words.clone()));
                EventKind::Clone
            }
            Deed::Copy { to } => {
                self.recorder.event(at, *to, EventKind::Clone, &words);
                return;
            }
            _ => EventKind::Fault,
        };
        if kind == EventKind::Crash {
            self.deeds.insert(host, (kind, words));
        } else {
            self.recorder.event(at, host, kind, &words);
        }
    }

    /// Looks who started, stopped, fell asleep; and who was refused.
    pub fn look(&mut self, world: &World) {
        let now = world.now();
        for host in 0..self.stands.len() {
            let stand = {
                let state = world.state();
                let body = &state.hosts[host];
                (body.run, body.up, !body.asleep)
            };
            let before = std::mem::replace(&mut self.stands[host], stand);
            if stand == before {
                continue;
            }
            let ((run, up, awake), (ran, was_up, was_awake)) = (stand, before);
            let why = self.deeds.remove(&host);
            if was_up && (!up || run != ran) {
                let (kind, words) = why.unwrap_or((EventKind::Stop, String::new()));
                self.recorder.event(now, host, kind, &words);
            }
            if up && run != ran {
                self.recorder.event(now, host, EventKind::Start, "");
            }
            if up && was_awake && !awake {
                self.recorder.event(now, host, EventKind::Pause, "");
            }
            if up && run == ran && !was_awake && awake {
                self.recorder.event(now, host, EventKind::Resume, "");
            }
        }
        for (at, host, key, why) in &world.tills.refused[self.refused..] {
            let why = match why {
                Refused::Down => "the stall is down".to_owned(),
                Refused::Short(short) => short.to_string(),
                Refused::Other(words) => words.clone(),
            };
            let words = format!("{} {}: {why}", key.till, key.number);
            self.recorder.event(*at, *host, EventKind::Refused, &words);
        }
        self.refused = world.tills.refused.len();
    }

    /// Takes the numbers down, if it is time to.
    pub fn sample(
        &mut self,
        world: &World,
        vectors: &mut Vectors,
        counts: &Counts,
        is_last: bool,
    ) -> Result<(), ReadError> {
        let now = world.now();
        if now < self.sample_at && !is_last {
            return Ok(());
        }
        self.sample_at = now + self.sample_every;
        self.throughput(world);
        let commits = (0..world.hosts()).map(|host| world.commits(host)).sum();
        if self.commits.replace(commits) == Some(commits) && !is_last {
            return Ok(());
        }
        for (host, behind) in vectors.behind(world)?.into_iter().enumerate() {
            self.recorder.behind(now, host, behind.backlog, behind.lag);
        }
        let sums = sums(world, counts)?;
        self.recorder.sums(now, sums);
        Ok(())
    }

    fn throughput(&mut self, world: &World) {
        let now = world.now();
        let state = world.state();
        let (mut host, mut place) = (usize::MAX, 0);
        for (number, interface) in state.network.stats().interfaces.iter().enumerate() {
            place = if interface.host == host { place + 1 } else { 0 };
            host = interface.host;
            let passed = (interface.up.passed_bytes, interface.down.passed_bytes);
            let before = std::mem::replace(&mut self.passed[number], passed);
            for (way, now_, then) in
                [(Way::Up, passed.0, before.0), (Way::Down, passed.1, before.1)]
            {
                if now_ > then {
                    self.recorder.passed(now, host, place, way, now_ - then);
                }
            }
        }
    }

    /// Something does not hold.
    pub fn violated(&mut self, violation: &Violation) {
        self.recorder.violated(violation.at, None, violation.checker, &violation.text);
    }

    /// Faults have stopped.
    pub fn heals(&mut self, at: Duration) {
        self.recorder.heals(at);
    }

    /// The run is over.
    pub fn finish(mut self, at: Duration, marks: &Marks, trace_hash: &str) -> Run {
        marks.iter().for_each(|(name, times)| self.recorder.mark(name, times));
        self.recorder.finish(at, trace_hash)
    }
}

/// What the control's books say.
fn sums(world: &World, counts: &Counts) -> Result<Sums, ReadError> {
    let store = world.store(0);
    let clamp = |number: i128| i64::try_from(number).ok();
    let read = || -> Result<(i128, i128, i128), ReadError> {
        let stock = books::stock(store.as_ref(), scope(), None, usize::MAX)?;
        let rights = books::rights::rights(store.as_ref(), scope(), None, usize::MAX)?;
        let money = books::summary(store.as_ref(), scope())?;
        let holders = rights.iter().flat_map(|sku| &sku.holders);
        Ok((
            stock.iter().map(|item| item.held.on_hand).sum(),
            holders.map(|(_, account)| account.balance()).sum(),
            money.values().map(|sums| sums.amount - sums.refunded).sum(),
        ))
    };
    match read() {
        Ok((stock, rights, money)) => Ok(Sums {
            stock: clamp(stock),
            rights: clamp(rights),
            money: Some(counts.money),
            money_at_control: clamp(money),
        }),
        // Books that are being rebuilt say nothing for a while.
        Err(ReadError::NotWhole(_)) => Ok(Sums { money: Some(counts.money), ..Sums::default() }),
        Err(error) => Err(error),
    }
}

fn words(deed: &Deed) -> String {
    match deed {
        Deed::Crash { point, nth } => format!("dies at {point:?} {nth}").to_lowercase(),
        Deed::PowerCut { torn_permille: None } => "power cut".to_owned(),
        Deed::PowerCut { torn_permille: Some(part) } => {
            format!("power cut; {part} of 1000 of the write under way stays")
        }
        Deed::TakeImage(_) => "a backup is taken".to_owned(),
        Deed::PutImage(_) => "the disk is a backup from now on".to_owned(),
        Deed::Copy { .. } => "runs a copy of another disk".to_owned(),
        Deed::Wipe => "the disk is empty".to_owned(),
        Deed::ClockStep(seconds) => format!("the clock jumps by {seconds} s"),
        Deed::ClockDrift(ppm) => format!("the clock gains {ppm} millionths"),
        Deed::Clock1970 => "the clock says 1970".to_owned(),
        Deed::ClockRight => "the clock is set right".to_owned(),
        Deed::DiskEio => "the disk fails".to_owned(),
        Deed::DiskFull => "the disk is full".to_owned(),
        Deed::DiskWell => "the disk is well again".to_owned(),
        Deed::DiskSlow(ms) => format!("each sync takes {ms} ms more"),
        Deed::BitRot { bits, .. } => format!("{bits} bits of the disk flip"),
        Deed::Attack => "begins to attack".to_owned(),
        Deed::EndAttack => "attacks no more".to_owned(),
        Deed::LinkOff => "the operator takes the link down".to_owned(),
        Deed::LinkOn => "the operator takes the link up".to_owned(),
        other => format!("{other:?}").to_lowercase(),
    }
}

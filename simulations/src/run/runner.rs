//! Goes through a plan: lets time pass until the next thing of it, does that, looks, goes on.

use std::collections::BTreeMap;
use std::io::BufWriter;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use engine::books;

use super::customers::{Customers, Later};
use super::limits::{LOOK_MAX, LOOK_MIN, WAITING_MAX};
use super::notice::Notice;
use super::outcome::{Failed, Outcome, Passed, Promised, Sales};
use super::picture::Picture;
use super::strangers::Strangers;
use super::views::{self, Vectors};
use super::{Finished, Options, requests};
use crate::checkers::disks::{self, scope};
use crate::checkers::{self, Checker, Moment, Violation};
use crate::net::pcap::Capture;
use crate::net::{Change, Trace};
use crate::record::marks::Mark;
use crate::scenario::{Deed, Happening, Machine, Plan};
use crate::world::agenda::Agenda;
use crate::world::{World, stage};

/// A run that goes on.
pub struct Runner<'a> {
    pub(super) plan: &'a Plan,
    pub(super) world: World,
    pub(super) later: Agenda<Later>,
    pub(super) vectors: Vectors,
    pub(super) healing: Option<Duration>,
    customers: Customers,
    /// The next item of the plan.
    next: usize,
    look_at: Duration,
    look_every: Duration,
    changes: u64,
    checkers: Vec<Box<dyn Checker>>,
    violations: Vec<Violation>,
    measures: BTreeMap<&'static str, i64>,
    notice: Notice,
    strangers: Strangers,
    picture: Option<Picture>,
    stop_at_first: bool,
    started: Instant,
}

impl<'a> Runner<'a> {
    /// The plan's hosts start.
    pub fn new(
        plan: &'a Plan,
        traces: &BTreeMap<String, Arc<Trace>>,
        options: &Options,
        capture: Option<Capture<BufWriter<std::fs::File>>>,
    ) -> anyhow::Result<Self> {
        let started = Instant::now();
        let mut world = World::new(plan, traces, stage::Options { shuffle: true })?;
        if let Some(capture) = capture {
            world.capture(capture)?;
        }
        for (host, machine) in plan.machines.iter().enumerate() {
            if matches!(machine, Machine::Control | Machine::Stall) {
                world.start(host);
            }
        }
        let picture = options.picture.then(|| Picture::new(plan, &world));
        Ok(Self {
            plan,
            world,
            later: Agenda::default(),
            vectors: Vectors::default(),
            healing: None,
            customers: Customers::new(promised(plan).into_keys().collect()),
            next: 0,
            look_at: LOOK_MIN,
            look_every: LOOK_MIN,
            changes: 0,
            checkers: checkers::all(plan),
            violations: Vec::new(),
            measures: BTreeMap::new(),
            notice: Notice::default(),
            strangers: Strangers::default(),
            picture,
            stop_at_first: options.stop_at_first,
            started,
        })
    }

    /// Everything, to the end.
    pub fn run(mut self) -> anyhow::Result<Finished> {
        self.go_on(self.plan.length)?;
        let mut healed = None;
        if !self.is_over() {
            healed = self.heal()?;
        }
        self.check(Moment::End)?;
        self.finish(healed)
    }

    /// Whether nothing more is to be seen.
    pub(super) fn is_over(&self) -> bool {
        self.stop_at_first && !self.violations.is_empty()
    }

    /// Lets time pass until then, with all that the plan has for it.
    pub(super) fn go_on(&mut self, end: Duration) -> anyhow::Result<()> {
        while !self.is_over() {
            let item = self.plan.items.get(self.next).map(|item| item.at);
            let due = [item, self.later.next_at(), Some(self.look_at)].into_iter().flatten();
            let at = due.min().unwrap_or(end).min(end).max(self.world.now());
            self.world.run_until(at)?;
            let waiting = self.world.state().agenda.len();
            ensure!(
                waiting <= WAITING_MAX,
                "at {at:?} {waiting} things wait to happen, and {WAITING_MAX} are the most; make \
                 the scenario smaller"
            );
            self.hear()?;
            let did = self.do_what_is_due(at)?;
            if did || at >= self.look_at {
                self.look(at >= self.look_at)?;
            }
            let item = self.plan.items.get(self.next).map(|item| item.at);
            if at >= end && item.is_none_or(|item| item > end) {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Takes in what tills were told.
    fn hear(&mut self) -> anyhow::Result<()> {
        let heard = self.customers.hear(&mut self.world, &mut self.later);
        if heard { self.check(Moment::Acknowledged) } else { Ok(()) }
    }

    /// Does what is due, and gives whether there was something.
    fn do_what_is_due(&mut self, at: Duration) -> anyhow::Result<bool> {
        let first = self.next;
        let plan = self.plan;
        while let Some(item) = plan.items.get(self.next).filter(|item| item.at <= at) {
            self.next += 1;
            match &item.what {
                Happening::Network(change) => self.change(change)?,
                Happening::Host { host, deed } => self.deed(*host, deed)?,
                Happening::Stock(stock) => {
                    for request in requests::stock(stock, at) {
                        self.world.ask(stock.host, request);
                    }
                }
                Happening::Sale(sale) => {
                    self.customers.come(&mut self.world, &mut self.later, sale);
                }
                Happening::Refund(refund) => self.customers.come_back(&mut self.world, *refund),
            }
        }
        let mut did = self.next > first;
        while let Some((_, later)) = self.later.take(at) {
            did |= !matches!(later, Later::Throw(_));
            match later {
                Later::Look => {}
                Later::Again(host, key) => {
                    self.customers.again(&mut self.world, &mut self.later, (host, key));
                }
                Later::Start(host) => self.deed(host, &Deed::Start)?,
                Later::Throw(host) => {
                    let (world, later) = (&mut self.world, &mut self.later);
                    if self.strangers.throw(plan, world, later, host) {
                        self.notice.marks.reach(Mark::Attacked);
                    }
                }
            }
        }
        Ok(did)
    }

    /// The network changes.
    pub(super) fn change(&mut self, change: &Change) -> anyhow::Result<()> {
        self.notice.change(self.plan, &self.world, &mut self.vectors, change)?;
        self.world.change(change);
        if let Some(picture) = &mut self.picture {
            picture.change(self.world.now(), change);
        }
        self.check(Moment::Fault)
    }

    /// Something is done to a host.
    pub(super) fn deed(&mut self, host: usize, deed: &Deed) -> anyhow::Result<()> {
        self.notice.deed(&self.world, host, deed);
        if let Some(picture) = &mut self.picture {
            picture.deed(self.world.now(), host, deed);
        }
        self.world.deed(host, deed);
        match deed {
            Deed::Attack => {
                let now = self.world.now();
                self.strangers.begin(self.plan, now, &mut self.later, host);
            }
            Deed::EndAttack => self.strangers.end(host),
            _ => {}
        }
        if let Some(picture) = &mut self.picture {
            picture.look(&self.world);
        }
        self.check(Moment::Fault)
    }

    /// Looks at what came of it.
    fn look(&mut self, is_tick: bool) -> anyhow::Result<()> {
        let changes = self.changes();
        let is_idle = changes == self.changes;
        self.changes = changes;
        self.look_every = if is_idle { (self.look_every * 2).min(LOOK_MAX) } else { LOOK_MIN };
        self.look_at = if is_tick {
            self.world.now() + self.look_every
        } else {
            self.look_at.min(self.world.now() + LOOK_MIN)
        };
        self.notice.look(self.plan, &self.world)?;
        if let Some(picture) = &mut self.picture {
            picture.look(&self.world);
            picture.sample(&self.world, &mut self.vectors, &self.customers.counts, false)?;
        }
        if is_tick { self.check(Moment::Tick) } else { Ok(()) }
    }

    /// Grows with everything that is worth a look.
    fn changes(&self) -> u64 {
        let commits: u64 = (0..self.world.hosts()).map(|host| self.world.commits(host)).sum();
        let tills = &self.world.tills;
        commits + (tills.acknowledged.len() + tills.refused.len()) as u64
    }

    /// Asks all checkers that have not failed.
    pub(super) fn check(&mut self, moment: Moment) -> anyhow::Result<()> {
        let mut failed = Vec::new();
        for (place, checker) in self.checkers.iter_mut().enumerate() {
            if let Some(violation) = checker.look(&mut self.world, moment)? {
                failed.push((place, violation));
            }
        }
        for (place, violation) in failed.into_iter().rev() {
            let checker = self.checkers.remove(place);
            checker.measure(&mut self.measures);
            self.violated(violation);
        }
        Ok(())
    }

    /// Something does not hold.
    pub(super) fn violated(&mut self, violation: Violation) {
        if let Some(picture) = &mut self.picture {
            picture.violated(&violation);
        }
        self.violations.push(violation);
    }

    /// Faults stop now.
    pub(super) fn heals(&mut self) {
        let now = self.world.now();
        self.healing = Some(now);
        if let Some(picture) = &mut self.picture {
            picture.heals(now);
        }
    }

    fn finish(mut self, healed: Option<Duration>) -> anyhow::Result<Finished> {
        self.checkers.iter().for_each(|checker| checker.measure(&mut self.measures));
        let now = self.world.now();
        let counts = self.customers.counts;
        let forks = views::forks(self.world.store(0).as_ref())?;
        let marks = &mut self.notice.marks;
        marks.reach_times(Mark::ForkFound, forks);
        marks.reach_times(Mark::RightsFetched, counts.fetched);
        marks.reach_times(Mark::RightsShort, counts.promised_refused);
        let trace = self.world.trace();
        let run = match self.picture.take() {
            None => None,
            Some(mut picture) => {
                picture.look(&self.world);
                picture.sample(&self.world, &mut self.vectors, &counts, true)?;
                Some(picture.finish(now, &self.notice.marks, &trace.hash))
            }
        };
        self.world.end_capture()?;
        let sales = self.sales()?;
        let promised = self.promised()?;
        let wall = self.started.elapsed();
        let failed = |violation: Violation| Failed {
            at_ms: millis(violation.at),
            checker: violation.checker,
            text: violation.text,
        };
        // Let go of at once: what follows looks at the world as well.
        let datagrams = self.world.state().datagrams;
        let outcome = Outcome {
            scenario: self.plan.name.clone(),
            seed: self.plan.seed,
            trace_hash: trace.hash,
            sim_seconds: now.as_secs_f64(),
            wall_seconds: wall.as_secs_f64(),
            speed: speed(now, wall),
            datagrams,
            violations: self.violations.into_iter().map(failed).collect(),
            marks: self.notice.marks,
            healing_ms: healed.map(millis),
            sales,
            promised,
            network: passed(&self.world),
            forks,
            failed_starts: self.world.failed_starts.len() as u64,
            measures: self.measures,
        };
        Ok(Finished { outcome, run })
    }

    fn sales(&self) -> anyhow::Result<Sales> {
        let counts = &self.customers.counts;
        let store = self.world.store(0);
        let mut lost = 0;
        for fact in &self.world.tills.acknowledged {
            lost += u64::from(!disks::holds(store.as_ref(), &fact.id)?);
        }
        let books = books::summary(store.as_ref(), scope())?;
        let at_control: i128 = books.values().map(|sums| sums.amount - sums.refunded).sum();
        Ok(Sales {
            asked: counts.asked,
            acknowledged: counts.sold,
            refused: counts.refused,
            unanswered: self.customers.len() as u64,
            lost,
            refunds: counts.refunded,
            units: counts.pieces,
            money: counts.money,
            money_at_control: i64::try_from(at_control)?,
        })
    }

    fn promised(&self) -> anyhow::Result<Promised> {
        let counts = &self.customers.counts;
        let store = self.world.store(0);
        let (mut oversold, mut exposure) = (0, 0);
        for item in books::rights::rights(store.as_ref(), scope(), None, usize::MAX)? {
            let accounts = item.holders.iter().map(|(_, account)| account);
            let over: i128 = accounts.map(|of| of.spent - of.restored - of.minted).sum();
            oversold += over.max(0);
            exposure += item.exposure;
        }
        Ok(Promised {
            stock: promised(self.plan).values().sum(),
            sold: counts.promised_sold,
            refused: counts.promised_refused,
            fetched: counts.fetched,
            oversold: i64::try_from(oversold / 1_000)?,
            exposure: i64::try_from(exposure / 1_000)?,
        })
    }
}

/// Promised goods, and how many pieces of each come in.
fn promised(plan: &Plan) -> BTreeMap<String, i64> {
    let mut out = BTreeMap::new();
    for item in &plan.items {
        let Happening::Stock(stock) = &item.what else { continue };
        for goods in stock.goods.iter().filter(|goods| goods.promised) {
            *out.entry(goods.sku.to_string()).or_default() += i64::from(goods.pieces);
        }
    }
    out
}

fn passed(world: &World) -> Passed {
    let mut out = Passed::default();
    let state = world.state();
    for interface in &state.network.stats().interfaces {
        let (up, down) = (&interface.up, &interface.down);
        out.bytes_sent += up.offered_bytes;
        out.bytes_arrived += down.passed_bytes;
        out.dropped += up.dropped() + down.dropped();
    }
    out
}

/// Virtual over real time, rounded down.
pub(super) fn speed(sim: Duration, wall: Duration) -> u64 {
    u64::try_from(sim.as_nanos() / wall.as_nanos().max(1)).unwrap_or(u64::MAX)
}

/// Whole milliseconds.
pub(super) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

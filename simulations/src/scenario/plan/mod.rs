//! What happens in a run, in time order: all that a scenario and a seed decide.
//!
//! Pure, and plain data: the topology, who dials whom, and timed items. Each purpose draws from a
//! random stream of its own, each fault from one by its name and each stall from one by its
//! number, so that leaving out an item moves no other.

mod effects;
mod sales;
mod topology;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

pub(super) use effects::carriers_of_stalls;
pub use topology::{dials_among, topology};

use super::fault::{Fault, Hostility, Point};
use super::hosts::HostSet;
use super::ids::Id;
use super::spec::Scenario;
use super::swarm;
use crate::net::{Change, Topology};

/// When stalls take their opening stock in.
pub const OPENING: Duration = Duration::from_secs(1);
/// When the first customer may come; on a copy of a stall, how long after its start.
pub const FIRST_CUSTOMER: Duration = Duration::from_secs(5);

/// All that a scenario comes to under a seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The scenario's name.
    pub name: String,
    /// The seed.
    pub seed: u64,
    /// How long customers and faults go on; no item is later. Then everything is healed, started,
    /// switched on and given its right clock, whatever had no end.
    pub length: Duration,
    /// How long everything has to converge after that.
    pub settle: Duration,
    /// Hosts 0 to `stalls` are the scenario's; those after them join later.
    pub topology: Topology,
    /// What each host of the topology is.
    pub machines: Vec<Machine>,
    /// Which stalls, and copies of stalls, dial which stalls over a LAN: from, to.
    pub dials: BTreeSet<(usize, usize)>,
    /// What happens, in time order.
    pub items: Vec<Item>,
}

/// What a host is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Machine {
    /// The control; runs from the start.
    Control,
    /// A stall; runs from the start.
    Stall,
    /// A stall that stays at home: never runs.
    Absent,
    /// Runs a copy of this stall's disk from its [`Deed::Copy`] on, beside the stall.
    CopyOf(usize),
    /// Without a grant: sends what it wants to the hosts, from its [`Deed::Attack`] on.
    Hostile {
        /// To whom.
        to: HostSet,
        /// What.
        sends: Hostility,
        /// How many a second.
        per_second: u32,
    },
}

/// Something that happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What it belongs to. All items of a fault, its end included, share one name.
    pub id: Id,
    /// When, from the start.
    pub at: Duration,
    /// What.
    pub what: Happening,
}

/// What can happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// The network changes.
    Network(Change),
    /// Something is done to a machine.
    Host {
        /// Which.
        host: usize,
        /// What.
        deed: Deed,
    },
    /// A stall takes goods in.
    Stock(Stock),
    /// A customer is at a till.
    Sale(Sale),
    /// A customer brings everything of a sale back to the stall that sold it.
    Refund(Refund),
}

/// What is done to a machine. What does not fit its state (a start of one that runs) does nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// Starts on what the disk holds.
    Start,
    /// Begins to stop in order; it gets some seconds before its next start.
    Stop,
    /// Dies at the nth such point from now on, counted from 1. A later start makes it moot.
    Crash {
        /// Kind of point.
        point: Point,
        /// Which of them.
        nth: u32,
    },
    /// Dies at once, and the disk loses what was not synced.
    PowerCut {
        /// How much of the write under way stays, in thousandths; none if absent.
        torn_permille: Option<u16>,
    },
    /// Stands still.
    Pause,
    /// Goes on.
    Resume,
    /// The disk is copied aside as an image of this number, which tells those of a host apart.
    TakeImage(u32),
    /// The machine dies, and its disk is that image from now on. It does not start by itself.
    PutImage(u32),
    /// The host of this number starts on a copy of this machine's disk, with its key.
    Copy {
        /// The other host.
        to: usize,
    },
    /// The machine dies, and its disk is empty. It does not start by itself.
    Wipe,
    /// The wall clock jumps by so many seconds.
    ClockStep(i32),
    /// The wall clock runs so many millionths fast from now on; 0 is right.
    ClockDrift(i32),
    /// The wall clock says 1970-01-01T00:00Z and goes on from there.
    Clock1970,
    /// The wall clock is set right.
    ClockRight,
    /// The next write fails: an input/output error.
    DiskEio,
    /// Writes fail for want of space.
    DiskFull,
    /// Writes work again.
    DiskWell,
    /// Each sync takes so many milliseconds more; 0 is as usual.
    DiskSlow(u32),
    /// Bits of what is on the disk flip.
    BitRot {
        /// How many.
        bits: u32,
        /// Chooses which.
        luck: u64,
    },
    /// A hostile machine begins.
    Attack,
    /// It ends.
    EndAttack,
    /// The operator takes sync off.
    LinkOff,
    /// The operator takes sync on.
    LinkOn,
}

/// Goods that a stall opens with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stock {
    /// The stall.
    pub host: usize,
    /// Items and pieces of each.
    pub goods: Vec<Goods>,
}

/// Pieces of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Goods {
    /// The item.
    pub sku: Arc<str>,
    /// How many; from 1.
    pub pieces: u32,
    /// Whether no more may be sold, over all stalls, than came in.
    pub promised: bool,
}

/// A basket at a till.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sale {
    /// The stall, or its copy.
    pub host: usize,
    /// Counts the sales of the host, from 1: its key there.
    pub number: u32,
    /// What is in it; at least one line, no item twice.
    pub lines: Vec<Line>,
    /// Whether it is paid by card; in cash otherwise.
    pub card: bool,
}

/// A line of a basket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The item.
    pub sku: Arc<str>,
    /// How many pieces.
    pub pieces: u32,
    /// Minor units for all of them.
    pub amount: i64,
}

/// A sale that is brought back as a whole. If it was never made, neither is the refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refund {
    /// The host that sold it.
    pub host: usize,
    /// The number of the sale.
    pub number: u32,
}

/// All that the scenario comes to under the seed. The scenario must have passed
/// [`super::check::check`]; one that has not may come to nonsense, within the same bounds.
pub fn plan(scenario: &Scenario, seed: u64) -> Plan {
    let faults = all_faults(scenario, seed);
    let mut topology = topology(scenario);
    let extras = topology::extras(scenario, &faults);
    let machines = topology::machines(scenario, &extras, &mut topology);
    let dials = topology::dials(scenario, &machines);
    let mut items = effects::items(scenario, &topology, &faults, &extras, seed);
    sales::items(scenario, &faults, &extras, seed, &mut items);
    items.retain(|item| item.at <= scenario.length());
    items.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
    let (name, length, settle) = (scenario.name.clone(), scenario.length(), scenario.settle());
    Plan { name, seed, length, settle, topology, machines, dials, items }
}

/// The faults of the file and those that the seed draws, each with its name.
pub fn all_faults(scenario: &Scenario, seed: u64) -> Vec<(String, Fault)> {
    let written = scenario.faults.iter().enumerate();
    let written = written.map(|(place, fault)| (fault.name(place), fault.clone()));
    let drawn = swarm::drawn(scenario, seed).into_iter();
    written.chain(drawn.map(|fault| (fault.name(0), fault))).collect()
}

/// The same run as a scenario that draws no faults: those of the seed stand in it, with their
/// names. Its plan under the seed is the same.
pub fn frozen(scenario: &Scenario, seed: u64) -> Scenario {
    let named = |(name, fault): (String, Fault)| Fault { id: Some(name), ..fault };
    let faults = all_faults(scenario, seed).into_iter().map(named).collect();
    Scenario { faults, swarm: None, seed: Some(seed), ..scenario.clone() }
}

impl Plan {
    /// What can be left out, in the order in which it first happens.
    pub fn ids(&self) -> Vec<Id> {
        let mut seen = BTreeSet::new();
        let ids = self.items.iter().map(|item| &item.id);
        ids.filter(|id| seen.insert(*id)).cloned().collect()
    }

    /// Stalls of which two disks go on from one history: copied, or put back to an older image.
    /// Only these may fork.
    pub fn may_fork(&self) -> BTreeSet<usize> {
        self.hosts_with(|deed| matches!(deed, Deed::Copy { .. } | Deed::PutImage(_) | Deed::Wipe))
    }

    /// Hosts whose disk loses what was durable on it: what nobody else holds may be gone.
    pub fn may_lose(&self) -> BTreeSet<usize> {
        self.hosts_with(|deed| matches!(deed, Deed::PutImage(_) | Deed::Wipe | Deed::BitRot { .. }))
    }

    fn hosts_with(&self, is_such: impl Fn(&Deed) -> bool) -> BTreeSet<usize> {
        let host = |item: &Item| match &item.what {
            Happening::Host { host, deed } if is_such(deed) => Some(*host),
            _ => None,
        };
        self.items.iter().filter_map(host).collect()
    }
}

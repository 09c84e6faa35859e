//! Notices which states a run reaches. It looks at the world and changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use engine::store::ReadError;

use super::views::{self, Vectors};
use crate::checkers::disks;
use crate::net::Change;
use crate::record::marks::{Mark, Marks};
use crate::scenario::{Deed, Plan, Point};
use crate::world::World;

/// What is wrong with the network now, as far as marks need to know.
#[derive(Debug, Default)]
struct Trouble {
    cuts: BTreeSet<(usize, usize)>,
    /// Carriers of hosts over which nothing leaves, and why.
    dead: BTreeSet<(usize, String, &'static str)>,
}

impl Trouble {
    fn take(&mut self, change: &Change) {
        match change.clone() {
            Change::Cut { a, b } => self.cut((a.min(b), a.max(b)), true),
            Change::Heal { a, b } => self.cut((a.min(b), a.max(b)), false),
            Change::CutOneWay { from, to } => self.cut((from, to), true),
            Change::HealOneWay { from, to } => self.cut((from, to), false),
            Change::CarrierDown { host, carrier } => self.die((host, carrier, "down"), true),
            Change::CarrierUp { host, carrier } => self.die((host, carrier, "down"), false),
            Change::CarrierSilent { host, carrier, silent } => {
                self.die((host, carrier, "silent"), silent);
            }
            Change::SilentUp { host, carrier, silent } => self.die((host, carrier, "up"), silent),
            Change::Captive { host, carrier, captive } => {
                self.die((host, carrier, "captive"), captive);
            }
            Change::HealAll => *self = Self::default(),
            _ => {}
        }
    }

    fn cut(&mut self, pair: (usize, usize), is_cut: bool) {
        if is_cut {
            self.cuts.insert(pair);
        } else {
            self.cuts.remove(&pair);
        }
    }

    fn die(&mut self, what: (usize, String, &'static str), is_dead: bool) {
        if is_dead {
            self.dead.insert(what);
        } else {
            self.dead.remove(&what);
        }
    }

    fn is_apart(&self, host: usize) -> bool {
        self.cuts.iter().any(|(a, b)| *a == host || *b == host)
            || self.dead.iter().any(|(of, ..)| *of == host)
    }

    fn is_uplink_dead(&self, plan: &Plan, host: usize) -> bool {
        let carriers = &plan.topology.hosts[host].carriers;
        let is_dead = |name: &String| self.dead.iter().any(|(of, at, _)| *of == host && at == name);
        self.cuts.contains(&(0, host)) || (!carriers.is_empty() && carriers.iter().all(is_dead))
    }
}

/// What was noticed so far.
#[derive(Debug, Default)]
pub struct Notice {
    /// The marks.
    pub marks: Marks,
    trouble: Trouble,
    /// By stall whose uplink is dead: its commits and what it had accepted when last looked at.
    apart: BTreeMap<usize, (u64, i128)>,
    wrong_clocks: BTreeSet<usize>,
    told: usize,
    repeated: u64,
    armed: BTreeSet<usize>,
    halted: BTreeSet<usize>,
    is_staged: bool,
}

impl Notice {
    /// The network is about to change.
    pub fn change(
        &mut self,
        plan: &Plan,
        world: &World,
        vectors: &mut Vectors,
        change: &Change,
    ) -> Result<(), ReadError> {
        let host = match change {
            Change::CarrierDown { host, .. }
            | Change::CarrierSilent { host, silent: true, .. }
            | Change::SilentUp { host, silent: true, .. }
            | Change::Captive { host, captive: true, .. }
            | Change::Prefer { host, .. }
            | Change::Readdress { host, .. } => Some(*host),
            _ => None,
        };
        if let Some(host) = host
            && vectors.behind(world)?[host].backlog > 0
        {
            self.marks.reach(Mark::FailoverDuringBacklog);
        }
        self.trouble.take(change);
        self.look_at_uplinks(plan, world)
    }

    /// Something is about to be done to a host.
    pub fn deed(&mut self, world: &World, host: usize, deed: &Deed) {
        let is_apart = self.trouble.is_apart(host);
        let mut reach_if = |mark, is: bool| {
            if is {
                self.marks.reach(mark);
            }
        };
        match deed {
            Deed::PutImage(_) => reach_if(Mark::RestoreDuringPartition, is_apart),
            Deed::Start => reach_if(Mark::StartDuringPartition, is_apart && !world.is_up(host)),
            Deed::Wipe => reach_if(Mark::Wiped, true),
            Deed::BitRot { .. } => reach_if(Mark::Rotted, true),
            Deed::Resume => reach_if(Mark::Slept, world.is_up(host) && !world.is_awake(host)),
            Deed::Copy { .. } => reach_if(Mark::CopyBesideOriginal, world.is_up(host)),
            Deed::ClockStep(_) | Deed::Clock1970 => {
                self.wrong_clocks.insert(host);
            }
            Deed::ClockRight => {
                self.wrong_clocks.remove(&host);
            }
            _ => {}
        }
        match deed {
            Deed::PowerCut { .. } | Deed::PutImage(_) | Deed::Wipe => self.dies(world, host),
            Deed::Crash { point, .. } if *point == Point::Now => {
                self.dies(world, host);
            }
            Deed::Crash { .. } if world.is_up(host) => {
                self.armed.insert(host);
            }
            _ => {}
        }
    }

    fn dies(&mut self, world: &World, host: usize) {
        if !world.is_up(host) {
            return;
        }
        if world.state().hosts[host].drive.pending() > 0 {
            self.marks.reach(Mark::CrashWithBatch);
        }
        let sessions = world.glance(host).map(|glance| glance.sessions).unwrap_or_default();
        if sessions.iter().any(|session| session.in_flight > 0) {
            self.marks.reach(Mark::CrashWithSegments);
        }
    }

    /// Time has passed.
    pub fn look(&mut self, plan: &Plan, world: &World) -> Result<(), ReadError> {
        self.armed.retain(|host| {
            let is_up = world.is_up(*host);
            if !is_up {
                self.marks.reach(Mark::CrashAtPoint);
            }
            is_up
        });
        for host in 0..world.hosts() {
            let Some(glance) = world.glance(host) else {
                self.halted.remove(&host);
                continue;
            };
            if glance.halted.is_some() && self.halted.insert(host) {
                self.marks.reach(Mark::Halted);
            }
            if glance.staged > 0 && !self.is_staged {
                self.is_staged = true;
                self.marks.reach(Mark::Staged);
            }
        }
        self.look_at_uplinks(plan, world)?;
        for fact in &world.tills.acknowledged[self.told..] {
            if self.apart.contains_key(&fact.host) {
                self.marks.reach(Mark::SoldCutOff);
            }
            if self.wrong_clocks.contains(&fact.host) {
                self.marks.reach(Mark::SoldWithWrongClock);
            }
        }
        self.told = world.tills.acknowledged.len();
        let again = world.tills.repeated;
        self.marks.reach_times(Mark::AskedAgain, again - self.repeated);
        self.repeated = again;
        Ok(())
    }

    /// Who has lost the way to the control, and what it got from others meanwhile.
    fn look_at_uplinks(&mut self, plan: &Plan, world: &World) -> Result<(), ReadError> {
        for host in 1..plan.machines.len() {
            if !self.trouble.is_uplink_dead(plan, host) {
                self.apart.remove(&host);
                continue;
            }
            let Some(device) = world.device(host) else { continue };
            let commits = world.commits(host);
            let before = self.apart.get(&host).copied();
            if before.is_some_and(|(seen, _)| seen == commits) {
                continue;
            }
            let now = views::accepted(world.store(host).as_ref(), disks::scope(), &device)?;
            if before.is_some_and(|(_, before)| before < now) {
                self.marks.reach(Mark::RightsOverLan);
            }
            self.apart.insert(host, (commits, now));
        }
        Ok(())
    }
}

//! The machines of a history, and the steps that happen to them, told as a story.

use std::collections::BTreeSet;

use engine::event::Payload;
use engine::ids::{DeviceId, Epoch, EventId, MerchantId, Scope};
use engine::keys;
use engine::log::segment::Codec;
use engine::log::vector::VersionVector;
use engine::sign::Keypair;
use engine::store::{Batch, Store};

use super::checks::Seen;
use super::deeds::{self, Past, Scene};
use super::machine::Machine;
use super::steps::{Deed, Flavour, MACHINES_MAX, Step};
use crate::protocol::tenant::{START_MS, Tenant};
use crate::protocol::world::Draw;
use crate::reference;

const MERCHANT: &str = "north";

/// Machines and what was ever said.
pub struct World {
    /// What may happen.
    pub flavour: Flavour,
    /// The machines; the first two are stalls, the third is the control.
    pub machines: Vec<Machine>,
    /// Every fact that was appended, on whatever machine, lost or not.
    pub past: Vec<Past>,
    /// Facts that a machine said stand.
    pub acknowledged: BTreeSet<EventId>,
    /// What was compared so far.
    pub seen: Seen,
    /// What happened, in words.
    pub story: Vec<String>,
    control: Keypair,
    tenant: Tenant,
    epochs: u64,
    now_ms: u64,
}

/// The merchant's scope.
pub fn scope() -> Scope {
    Scope::Merchant(MerchantId::from_name(MERCHANT))
}

impl World {
    /// Two stalls and a control that know each other's grants.
    pub fn new(flavour: Flavour) -> anyhow::Result<Self> {
        let tenant = Tenant::default();
        let mut world = Self {
            flavour,
            machines: Vec::new(),
            past: Vec::new(),
            acknowledged: BTreeSet::new(),
            seen: Seen::default(),
            story: Vec::new(),
            control: tenant.control(),
            tenant,
            epochs: 0,
            now_ms: START_MS,
        };
        for (name, key) in [
            ("stall 1", Tenant::stall(1)),
            ("stall 2", Tenant::stall(2)),
            ("the control", world.tenant.control()),
        ] {
            let machine = world.newcomer(name, key)?;
            world.machines.push(machine);
        }
        Ok(world)
    }

    /// An empty machine that knows the charter and the grants.
    pub fn newcomer(&mut self, name: &str, key: Keypair) -> anyhow::Result<Machine> {
        let (id, epoch) = (self.tenant.id(), self.next_epoch());
        let mut machine = Machine::start(name.to_owned(), key, id, epoch, Default::default())?;
        machine.replica.take_charter(&self.tenant.charter())?;
        for stall in 1..=2 {
            machine.replica.take_grant(&self.tenant.grant(stall, MERCHANT))?;
        }
        machine.commit()?;
        Ok(machine)
    }

    /// The devices that a charter names.
    pub fn controls(&self) -> BTreeSet<DeviceId> {
        BTreeSet::from([self.control.device()])
    }

    /// The books of what a machine has on its disk, by the reference.
    pub fn reference(&self, at: usize, scope: Scope) -> anyhow::Result<reference::Books> {
        let facts = self.machines[at].facts()?;
        Ok(reference::fold(scope, &self.controls(), &facts))
    }

    /// An epoch that nobody had. They do not ascend, as random ones do not.
    fn next_epoch(&mut self) -> Epoch {
        self.epochs += 1;
        Epoch(self.epochs.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn tell(&mut self, at: usize, what: &str) {
        let line = format!("{} {what}", self.machines[at].name);
        self.story.push(line);
    }

    /// Lets one step happen. Where it may not happen in this flavour, nothing does.
    pub fn run(&mut self, step: &Step) -> anyhow::Result<()> {
        self.now_ms += 1_000;
        let count = self.machines.len();
        match *step {
            Step::Do(at, deed) => self.act(at % count, deed),
            Step::Close(at) => {
                self.tell(at % count, "closes a batch");
                self.machines[at % count].close()
            }
            Step::Write(at) => {
                self.tell(at % count, "has written a batch");
                let stands = self.machines[at % count].write()?;
                self.acknowledged.extend(stands);
                Ok(())
            }
            Step::Commit(at) => self.commit(at % count),
            Step::Crash(at, kept) => {
                self.tell(
                    at % count,
                    &format!("loses power, {kept} batches on their way are kept"),
                );
                let epoch = self.next_epoch();
                self.machines[at % count].crash(kept.into(), epoch)
            }
            Step::CopyDisk(at) => {
                let epoch = self.next_epoch();
                self.copy(at % count, "the disk", epoch)
            }
            Step::CopyMachine(at) => {
                let epoch = self.machines[at % count].replica.epoch();
                self.copy(at % count, "the running machine", epoch)
            }
            Step::Carry(from, to, luck) => self.carry(from % count, to % count, luck),
            Step::Upgrade(at, which) => self.upgrade(at % count, which),
            Step::Rebuild(at) => {
                self.tell(at % count, "rebuilds a little");
                self.machines[at % count].rebuild_step()
            }
        }
    }

    /// A machine closes, and everything is written and compared.
    pub fn commit(&mut self, at: usize) -> anyhow::Result<()> {
        self.tell(at, "commits");
        let stands = self.machines[at].commit()?;
        self.acknowledged.extend(stands);
        self.compare(at)
    }

    fn copy(&mut self, at: usize, what: &str, epoch: Epoch) -> anyhow::Result<()> {
        if self.flavour == Flavour::Plain || self.machines.len() >= MACHINES_MAX {
            return Ok(());
        }
        let name = format!("copy {} of {}", self.machines.len() - 2, self.machines[at].name);
        self.story.push(format!("{what} of {} is copied: {name}", self.machines[at].name));
        let copy = self.machines[at].copy(name, epoch)?;
        self.machines.push(copy);
        Ok(())
    }

    fn carry(&mut self, from: usize, to: usize, luck: u16) -> anyhow::Result<()> {
        if from == to {
            return Ok(());
        }
        let mut luck = Draw::new(luck.into(), 7);
        let known = match luck.below(3) {
            // Sometimes from the beginning, so that much comes twice.
            0 => VersionVector::default(),
            _ => self.machines[to].replica.vector().clone(),
        };
        let codec = if luck.permille(500) { Codec::Plain } else { Codec::Zstd };
        let mut cargo = self.machines[from].segments(&known, codec)?;
        for at in 0..cargo.len() {
            let other = luck.below(cargo.len() as u64) as usize;
            cargo.swap(at, other);
        }
        let (mut came, mut lost) = (0, 0);
        for bytes in &cargo {
            let times = [0, 1, 1, 1, 2][luck.below(5) as usize];
            for _ in 0..times {
                self.machines[to].admit(bytes, self.now_ms)?;
            }
            came += usize::from(times > 0);
            lost += usize::from(times == 0);
        }
        let from = self.machines[from].name.clone();
        self.tell(to, &format!("hears {from}: {came} segments come, {lost} are lost"));
        Ok(())
    }

    /// Forgets in which versions some projections are whole, as an upgrade finds them.
    fn upgrade(&mut self, at: usize, which: u8) -> anyhow::Result<()> {
        self.commit(at)?;
        self.tell(at, "starts again and finds projections of other versions");
        let mut batch = Batch::default();
        for (place, projection) in engine::projections::Projection::ALL.iter().enumerate() {
            if which == 0 || usize::from(which) % (place + 2) < 2 {
                batch.delete(keys::version(*projection as u8));
            }
        }
        self.machines[at].disk.write(&batch)?;
        let epoch = self.next_epoch();
        self.machines[at].restart(epoch)
    }

    /// A machine appends what a deed becomes there.
    fn act(&mut self, at: usize, deed: Deed) -> anyhow::Result<()> {
        let lie = deed.lie && self.flavour == Flavour::Lying;
        // What is open is not seen; an honest till looks at its books before it acts.
        if !lie {
            self.machines[at].close()?;
        }
        let machine = &self.machines[at];
        let scene = Scene {
            deed,
            lie,
            forfeits: self.flavour != Flavour::Plain,
            number: self.past.len() as u64 + 1,
            now_ms: self.now_ms,
            me: machine.device(),
            is_control: machine.device() == self.control.device(),
            control: &self.control,
            tenant: self.tenant.id(),
            machines: &self.machines,
            past: &self.past,
            facts: if lie { Vec::new() } else { machine.facts()? },
            books: if lie { Default::default() } else { self.reference(at, scope())? },
            own_end: machine.own_end(scope(), engine::ids::Lane::Ledger)?,
        };
        let held: BTreeSet<EventId> = scene.facts.iter().map(|fact| fact.id).collect();
        for told in deeds::build(&scene) {
            let id = self.append(at, told.scope, told.lane, told.payload.clone())?;
            let number = self.past.len() + 1;
            self.tell(at, &format!("{} (#{number})", told.words));
            self.seen.causes.insert(id, held.clone());
            self.past.push(Past { id, payload: told.payload });
        }
        Ok(())
    }

    fn append(
        &mut self,
        at: usize,
        scope: Scope,
        lane: engine::ids::Lane,
        mut payload: Payload,
    ) -> anyhow::Result<EventId> {
        // Rights come with the goods before them.
        if let (Payload::RightsMinted(mint), Some(last)) = (&mut payload, self.past.last())
            && mint.goods == deeds::nothing()
        {
            mint.goods = last.id;
        }
        let machine = &mut self.machines[at];
        let id = machine.replica.append(scope, lane, payload, self.now_ms)?;
        machine.open.push(id);
        Ok(id)
    }

    /// Everything is committed, rebuilt and carried everywhere until nothing moves.
    pub fn settle(&mut self) -> anyhow::Result<()> {
        self.story.push("everything is carried everywhere".to_owned());
        for _ in 0..4 {
            for to in 0..self.machines.len() {
                for from in (0..self.machines.len()).filter(|from| *from != to) {
                    let known = self.machines[to].replica.vector().clone();
                    for bytes in self.machines[from].segments(&known, Codec::Zstd)? {
                        self.machines[to].admit(&bytes, self.now_ms)?;
                    }
                    let stands = self.machines[to].commit()?;
                    self.acknowledged.extend(stands);
                }
            }
        }
        for at in 0..self.machines.len() {
            while self.machines[at].replica.rebuilding().is_some() {
                self.machines[at].rebuild_step()?;
                self.machines[at].commit()?;
            }
            self.compare(at)?;
        }
        Ok(())
    }
}

//! Any order of delivery, any restart, any copy of a disk or machine: the same logs and books.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;

use super::books;
use crate::event::sale::Sale;
use crate::event::{GoodsReturned, Payload, ReservationExpired};
use crate::ids::EventId;
use crate::keys;
use crate::log::segment::Codec;
use crate::log::vector::VersionVector;
use crate::testing::*;

/// Machines at most, copies included.
const MACHINES_MAX: usize = 6;

#[derive(Debug, Clone)]
enum Step {
    Sell(usize, u8),
    Receive(usize),
    /// Refunds some sale known there, whoever made it.
    Refund(usize, usize),
    /// Voids some sale known there, ancestor or not.
    Void(usize, usize),
    /// Goods sent, lost, given back, set aside or counted.
    Move(usize, u8, u8),
    /// Answers some event known there as if it were a dispatch or a reservation, or expires it.
    Answer(usize, u8, usize, u8),
    Commit(usize),
    /// Starts anew, losing what was not committed.
    Restart(usize),
    /// Another machine starts from a copy of the disk.
    CopyDisk(usize),
    /// Another machine goes on where this one runs, in the same epoch.
    CopyMachine(usize),
    /// Carries segments from one to another: shuffled, some lost, some twice.
    Carry(usize, usize, u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let machine = || 0..MACHINES_MAX;
    let step = prop_oneof![
        8 => (machine(), 1..4_u8).prop_map(|(at, count)| Step::Sell(at, count)),
        2 => machine().prop_map(Step::Receive),
        2 => (machine(), 0..64_usize).prop_map(|(at, sale)| Step::Refund(at, sale)),
        3 => (machine(), 0..64_usize).prop_map(|(at, sale)| Step::Void(at, sale)),
        6 => (machine(), any::<u8>(), 1..5_u8).prop_map(|(at, what, n)| Step::Move(at, what, n)),
        6 => (machine(), any::<u8>(), 0..64_usize, 0..5_u8)
            .prop_map(|(at, how, which, n)| Step::Answer(at, how, which, n)),
        6 => machine().prop_map(Step::Commit),
        2 => machine().prop_map(Step::Restart),
        2 => machine().prop_map(Step::CopyDisk),
        2 => machine().prop_map(Step::CopyMachine),
        4 => (machine(), machine(), any::<u64>()).prop_map(|(a, b, luck)| Step::Carry(a, b, luck)),
    ];
    vec(step, 10..60)
}

/// A number that looks random, the next one for each call (SplitMix64).
struct Luck(u64);

impl Luck {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

struct World {
    machines: Vec<Device>,
    epochs: Vec<u64>,
    luck: Luck,
    next_key: u64,
    /// What each machine appended since its last commit.
    open: Vec<Vec<EventId>>,
    acknowledged: BTreeSet<EventId>,
    sales: Vec<EventId>,
    moved: Vec<EventId>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut luck = Luck(seed);
        let epochs = vec![luck.next(), luck.next()];
        let machines = vec![Device::new(1, epochs[0]), Device::new(2, epochs[1])];
        let open = vec![Vec::new(); 2];
        let (acknowledged, sales, moved) = Default::default();
        Self { machines, epochs, luck, next_key: 0, open, acknowledged, sales, moved }
    }

    fn append(&mut self, at: usize, payload: impl FnOnce(u64) -> Payload) -> EventId {
        self.next_key += 1;
        let id = self.machines[at].append(payload(self.next_key));
        self.open[at].push(id);
        id
    }

    fn commit(&mut self, at: usize) {
        self.machines[at].commit();
        let open = std::mem::take(&mut self.open[at]);
        self.acknowledged.extend(open);
    }

    fn run(&mut self, step: &Step) {
        let count = self.machines.len();
        match *step {
            Step::Sell(at, pieces) => {
                let pieces = u64::from(pieces);
                let sold = |key| Payload::SaleCompleted(sale(key, "tea", pieces, 100));
                let id = self.append(at % count, sold);
                self.sales.push(id);
            }
            Step::Receive(at) => {
                self.append(at % count, |key| Payload::GoodsReceived(goods(key, "tea", 5)));
            }
            Step::Refund(at, sale) => self.reverse(at % count, sale, |key, sale| {
                Payload::SaleRefunded(refund(key, sale, "tea", 1, 60))
            }),
            Step::Void(at, sale) => {
                self.reverse(at % count, sale, |key, sale| Payload::SaleVoided(void(key, sale)))
            }
            Step::Move(at, what, pieces) => self.shift(at % count, what, u64::from(pieces)),
            Step::Answer(at, how, which, pieces) => {
                self.answer(at % count, how, which, u64::from(pieces));
            }
            Step::Commit(at) => self.commit(at % count),
            Step::Restart(at) => {
                let at = at % count;
                self.epochs[at] = self.luck.next();
                self.open[at].clear();
                self.machines[at].restart(self.epochs[at]);
            }
            Step::CopyDisk(at) => {
                let epoch = self.luck.next();
                self.copy(at % count, epoch);
            }
            Step::CopyMachine(at) => self.copy(at % count, self.epochs[at % count]),
            Step::Carry(from, to, luck) => self.carry(from % count, to % count, luck),
        }
    }

    fn shift(&mut self, at: usize, what: u8, pieces: u64) {
        let place = self.machines[at].replica.own_place(scope());
        let id = self.append(at, |key| match what % 5 {
            0 => Payload::GoodsDispatched(dispatch(key, 1 + what % 3, "tea", pieces)),
            1 => Payload::GoodsSpoiled(spoiled(key, "tea", pieces)),
            2 => Payload::GoodsReturned(GoodsReturned {
                key: crate::testing::key(key),
                at_ms: 0,
                reference: String::new(),
                lines: goods(key, "cup", pieces).lines,
                resaleable: what > 99,
            }),
            3 => Payload::GoodsReserved(reserve(key, "tea", pieces)),
            _ => {
                let start = (place.epoch, place.seq);
                Payload::StockCounted(count(key, start, "tea", pieces, i64::from(what) * 10))
            }
        });
        self.moved.push(id);
    }

    /// Names some movement or sale known there.
    fn answer(&mut self, at: usize, how: u8, which: usize, pieces: u64) {
        let replica = &self.machines[at].replica;
        let all = self.moved.iter().chain(&self.sales);
        let known: Vec<EventId> =
            all.filter(|id| replica.event(id).unwrap().is_some()).copied().collect();
        if known.is_empty() {
            return;
        }
        let named = known[which % known.len()];
        self.append(at, |key| match how % 6 {
            0..=2 => {
                let sku = if how < 200 { "tea" } else { "cup" };
                Payload::GoodsTakenIn(taking(key, named, sku, pieces))
            }
            3 => Payload::ReservationReleased(release(key, named)),
            4 => Payload::ReservationExpired(ReservationExpired { at_ms: 0, reservation: named }),
            _ => {
                let sale = sale(key, "tea", pieces, 100);
                Payload::SaleCompleted(Sale { reservation: Some(named), ..sale })
            }
        });
    }

    fn reverse(&mut self, at: usize, sale: usize, payload: impl Fn(u64, EventId) -> Payload) {
        let known: Vec<EventId> = self
            .sales
            .iter()
            .filter(|id| self.machines[at].replica.event(id).unwrap().is_some())
            .copied()
            .collect();
        if !known.is_empty() {
            self.append(at, |key| payload(key, known[sale % known.len()]));
        }
    }

    fn copy(&mut self, at: usize, epoch: u64) {
        if self.machines.len() < MACHINES_MAX {
            self.machines.push(self.machines[at].cloned(epoch));
            self.epochs.push(epoch);
            self.open.push(Vec::new());
        }
    }

    fn carry(&mut self, from: usize, to: usize, luck: u64) {
        if from == to {
            return;
        }
        let mut luck = Luck(luck);
        let mut cargo = segments(
            &self.machines[from],
            // Sometimes from the beginning, so that much comes twice.
            &match luck.below(3) {
                0 => VersionVector::default(),
                _ => self.machines[to].replica.vector().clone(),
            },
            [Codec::Plain, Codec::Zstd][luck.below(2)],
        );
        for _ in 0..cargo.len() {
            let (a, b) = (luck.below(cargo.len()), luck.below(cargo.len()));
            cargo.swap(a, b);
        }
        for bytes in &cargo {
            for _ in 0..[0, 1, 1, 1, 2][luck.below(5)] {
                self.machines[to].admit(bytes).unwrap();
            }
        }
        if luck.below(2) == 0 {
            self.commit(to);
        }
    }
}

fn events(device: &Device) -> BTreeSet<EventId> {
    device.rows(0x11).iter().map(|(key, _)| keys::read_event_id(key).unwrap()).collect()
}

/// Everything that must be so once everyone has everything.
fn check_settled(world: &mut World) {
    for at in 0..world.machines.len() {
        world.commit(at);
    }
    settle(&mut world.machines);
    let first = &world.machines[0];
    let all = events(first);
    assert!(world.acknowledged.is_subset(&all), "an acknowledged event is gone");
    for machine in &world.machines {
        let replica = &machine.replica;
        assert_eq!(replica.vector(), first.replica.vector());
        assert_eq!(events(machine), all);
        assert_eq!(replica.event_count().unwrap(), all.len() as u64);
        assert_eq!(machine.rows(keys::PROJECTION), first.rows(keys::PROJECTION));
        assert_eq!(replica.digests(scope()).unwrap(), first.replica.digests(scope()).unwrap());
        let report = machine.verified();
        assert!(report.ok(), "{report:?}");
        assert_eq!(report.events, all.len() as u64);
        let places = |device: &Device| -> Vec<_> {
            device.replica.forks().unwrap().iter().map(|fork| (fork.id, fork.parent)).collect()
        };
        assert_eq!(places(machine), places(first));
        assert_eq!(replica.staged(), 0);
    }
    books::check(first);
}

/// A newcomer gets everything from a machine that was started again.
fn check_newcomer(world: &World) {
    let mut source = world.machines[0].cloned(1);
    source.restart(2);
    for codec in [Codec::Zstd, Codec::Plain] {
        let mut newcomer = Device::new(4, 77);
        for bytes in segments(&source, &VersionVector::default(), codec) {
            newcomer.admit(&bytes).unwrap();
        }
        newcomer.commit();
        assert_eq!(newcomer.replica.vector(), source.replica.vector());
        assert_eq!(newcomer.rows(keys::PROJECTION), source.rows(keys::PROJECTION));
        assert!(newcomer.verified().ok());
    }
}

/// Every fork gets a proof that holds, from any machine, and is then proven everywhere.
fn check_proofs(world: &mut World) {
    let forks = world.machines[0].replica.forks().unwrap();
    let last = world.machines.len() - 1;
    for _ in 0..8 {
        for proof in world.machines[last].replica.unproven_forks().unwrap() {
            let id = proof.verify().unwrap();
            assert!(forks.iter().any(|fork| fork.id == id));
            let payload = Payload::ForkProven(Box::new(proof));
            let (scope, lane) = (crate::ids::Scope::Tenant, crate::ids::Lane::Authority);
            world.machines[last].replica.append(scope, lane, payload, NOON_MS).unwrap();
        }
    }
    settle(&mut world.machines);
    for machine in &world.machines {
        let forks = machine.replica.forks().unwrap();
        assert!(forks.iter().all(|fork| fork.proven || !fork_is_of(fork, 1)), "{forks:?}");
    }
}

fn fork_is_of(fork: &crate::replica::forks::Fork, seed: u8) -> bool {
    fork.log == ledger(seed)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_logs_and_books_of_all_become_the_same(
        seed in any::<u64>(),
        steps in steps(),
    ) {
        let mut world = World::new(seed);
        steps.iter().for_each(|step| world.run(step));
        check_settled(&mut world);
        check_newcomer(&world);
        check_proofs(&mut world);
    }
}

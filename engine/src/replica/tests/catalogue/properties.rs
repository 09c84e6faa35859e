//! Equal logs, equal catalogues: whatever was edited, opened, settled, cloned, lost on the way,
//! delivered twice or in another order.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::event::{CatalogueChanged, Payload};
use crate::hash::Hash;
use crate::ids::Lane;
use crate::log::segment::Verified;
use crate::replica::catalogue::{CatalogueError, Settlement};
use crate::replica::tests::luck::Luck;

const MACHINES_MAX: usize = 5;
const SKUS: [&str; 3] = ["tea", "cake", "a/b"];

#[derive(Debug, Clone)]
enum Step {
    Price(usize, usize, i64),
    Withdraw(usize, usize, bool),
    OpenSeason(usize),
    Settle(usize, bool),
    /// Bears a change of anybody's, or bytes that are none.
    Bear(usize, usize, bool),
    Restart(usize),
    CopyDisk(usize),
    CopyMachine(usize),
    /// Carries segments from one to another: shuffled, some lost, some twice.
    Carry(usize, usize, u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let machine = || 0..MACHINES_MAX;
    let sku = || 0..SKUS.len();
    let step = prop_oneof![
        8 => (machine(), sku(), 1..9_i64).prop_map(|(at, sku, price)| Step::Price(at, sku, price)),
        1 => (machine(), sku(), any::<bool>())
            .prop_map(|(at, sku, off)| Step::Withdraw(at, sku, off)),
        2 => machine().prop_map(Step::OpenSeason),
        2 => (machine(), any::<bool>()).prop_map(|(at, take)| Step::Settle(at, take)),
        1 => (machine(), 0..64_usize, any::<bool>())
            .prop_map(|(at, of, cut)| Step::Bear(at, of, cut)),
        1 => machine().prop_map(Step::Restart),
        1 => machine().prop_map(Step::CopyDisk),
        1 => machine().prop_map(Step::CopyMachine),
        5 => (machine(), machine(), any::<u64>()).prop_map(|(a, b, luck)| Step::Carry(a, b, luck)),
    ];
    vec(step, 5..40)
}

struct World {
    machines: Vec<Device>,
    epochs: Vec<u64>,
    luck: Luck,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut luck = Luck(seed);
        let epochs = vec![luck.next(), luck.next()];
        let machines = vec![Device::new(1, epochs[0]), Device::new(2, epochs[1])];
        Self { machines, epochs, luck }
    }

    fn run(&mut self, step: &Step) {
        let count = self.machines.len();
        match *step {
            Step::Price(at, sku, price) => {
                self.edit(at % count, ItemEdit::of(SKUS[sku]).price(price))
            }
            Step::Withdraw(at, sku, off) => {
                let item = ItemEdit::of(SKUS[sku]).set(Field::Withdrawn, Value::Flag(off));
                self.edit(at % count, item);
            }
            Step::OpenSeason(at) => {
                let replica = &mut self.machines[at % count].replica;
                let opened = replica.open_season(scope(), "season", true, NOON_MS).map(drop);
                self.done(at % count, opened);
            }
            Step::Settle(at, take) => {
                let device = &mut self.machines[at % count];
                let late = rows::late_changes(device.disk.as_ref(), scope(), None, 100).unwrap();
                let asked: Vec<(u32, Hash)> = late.iter().map(|l| (l.season, l.hash)).collect();
                let settlement = if take { Settlement::Take } else { Settlement::PutAside };
                let settled = device.replica.settle_late(scope(), &asked, settlement, NOON_MS);
                self.done(at % count, settled.map(drop));
            }
            Step::Bear(at, of, cut) => self.bear(at % count, of, cut),
            Step::Restart(at) => self.restart(at % count),
            Step::CopyDisk(at) => {
                let epoch = self.luck.next();
                self.copy(at % count, epoch);
            }
            Step::CopyMachine(at) => self.copy(at % count, self.epochs[at % count]),
            Step::Carry(from, to, luck) => self.carry(from % count, to % count, luck),
        }
    }

    fn edit(&mut self, at: usize, item: ItemEdit) {
        let edited = self.machines[at].replica.edit_catalogue(scope(), &[item], NOON_MS);
        self.done(at, edited.map(drop));
    }

    /// A branch whose changes do not stand can write no more: the machine starts anew.
    fn done(&mut self, at: usize, result: Result<(), CatalogueError>) {
        match result {
            Ok(()) => drop(self.machines[at].commit()),
            Err(CatalogueError::Edit(crate::catalogue::EditError::ActorNotInStep)) => {
                self.restart(at);
            }
            Err(error) => panic!("{error}"),
        }
    }

    fn bear(&mut self, at: usize, of: usize, cut: bool) {
        let mut changes = Vec::new();
        for segment in unpacked(&self.machines[at]) {
            for link in segment.links {
                let event = crate::event::codec::decode_event(&link.bytes).unwrap();
                if let Payload::CatalogueChanged(change) = event.payload {
                    changes.push(change);
                }
            }
        }
        if changes.is_empty() {
            return;
        }
        let CatalogueChanged { season, mut change } = changes.swap_remove(of % changes.len());
        change.truncate(change.len() - usize::from(cut));
        let payload = Payload::CatalogueChanged(CatalogueChanged { season, change });
        self.machines[at].replica.append(scope(), Lane::Catalogue, payload, NOON_MS).unwrap();
        self.machines[at].commit();
    }

    fn restart(&mut self, at: usize) {
        self.epochs[at] = self.luck.next();
        self.machines[at].restart(self.epochs[at]);
    }

    fn copy(&mut self, at: usize, epoch: u64) {
        if self.machines.len() < MACHINES_MAX {
            let copy = self.machines[at].cloned(epoch);
            self.machines.push(copy);
            self.epochs.push(epoch);
        }
    }

    fn carry(&mut self, from: usize, to: usize, luck: u64) {
        let mut luck = Luck(luck);
        let mut segments = unpacked(&self.machines[from]);
        segments.retain(|_| luck.below(4) > 0);
        deliver(&mut self.machines[to], segments, &mut luck);
    }
}

/// Delivers segments in a random order, each once or twice, with commits between.
fn deliver(device: &mut Device, mut segments: Vec<Verified>, luck: &mut Luck) {
    let again: Vec<_> = segments.iter().filter(|_| luck.below(3) == 0).cloned().collect();
    segments.extend(again);
    while !segments.is_empty() {
        let segment = segments.swap_remove(luck.below(segments.len()));
        device.replica.admit(segment, NOON_MS).unwrap();
        if luck.below(2) == 0 {
            device.commit();
        }
    }
    device.commit();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn equal_logs_show_equal_items_clashes_waits_and_late_edits(
        steps in steps(),
        seed in any::<u64>(),
    ) {
        let mut world = World::new(seed);
        steps.iter().for_each(|step| world.run(step));
        settle(&mut world.machines);
        let expected = catalogue_rows(&world.machines[0]);
        for machine in &world.machines {
            prop_assert_eq!(&catalogue_rows(machine), &expected);
        }
        for _ in 0..2 {
            let mut fresh = Device::new(3, world.luck.next());
            deliver(&mut fresh, unpacked(&world.machines[0]), &mut world.luck);
            prop_assert_eq!(&catalogue_rows(&fresh), &expected);
            // What it would do from here on is the same too.
            fresh.restart(world.luck.next());
            price_at(&mut fresh, "tea", 77);
            prop_assert_eq!(price(&fresh, "tea"), Some(77));
        }
    }
}

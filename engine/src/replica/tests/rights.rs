//! Promise rights: what any set of events comes to, and that honest devices never sell too much.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;

use super::books::held;
use super::luck::Luck;
use crate::authority::{Forfeit, SignedDocument};
use crate::books::rights as reading;
use crate::decide;
use crate::event::{
    GoodsLine, Payload, RightsAccepted, RightsGranted, RightsMinted, RightsRequested,
    RightsReturned, RightsSpent,
};
use crate::ids::{DeviceId, Epoch, EventId, Lane, Scope, ShortHash};
use crate::keys;
use crate::log::vector::VersionVector;
use crate::projections::rights::rows;
use crate::testing::*;

const SKUS: [&str; 2] = ["tea", "cup"];

fn lines(sku: &str, quantity: u64) -> Vec<GoodsLine> {
    vec![GoodsLine { sku: sku.to_owned(), quantity }]
}

/// An event that nobody wrote.
fn place(seq: u64) -> EventId {
    EventId { log: ledger(3).id(), epoch: Epoch(9), seq, hash: ShortHash([7; 16]) }
}

fn device(luck: &mut Luck) -> DeviceId {
    keypair(1 + luck.below(3) as u8).device()
}

/// Any statement about rights: of what was said before, or of nothing that there is.
pub(super) fn statement(
    number: u64,
    said: &[(EventId, Payload)],
    sales: &[EventId],
    luck: &mut Luck,
) -> Payload {
    let sku = SKUS[luck.below(2)].to_owned();
    let quantity = luck.below(4) as u64 * 1_000;
    let pick = |luck: &mut Luck| (!said.is_empty()).then(|| said[luck.below(said.len())].clone());
    let named = pick(luck);
    let id = named.as_ref().map(|(id, _)| *id);
    let nobody = place(1_000);
    let claim = || match &named {
        Some((id, Payload::RightsGranted(grant))) => (*id, grant.sku.clone(), grant.quantity),
        Some((id, _)) => (*id, sku.clone(), quantity),
        None => (nobody, sku.clone(), quantity),
    };
    match luck.below(12) {
        0 | 1 => {
            Payload::RightsMinted(RightsMinted { goods: nobody, lines: lines(&sku, quantity) })
        }
        2 => Payload::RightsSpent(RightsSpent { cause: nobody, lines: lines(&sku, quantity) }),
        3 => {
            let mut sold = sale(number, &sku, quantity / 1_000, 100);
            sold.promised = vec![0, 7];
            Payload::SaleCompleted(sold)
        }
        4 => {
            let original = if sales.is_empty() { nobody } else { sales[luck.below(sales.len())] };
            let mut back = refund(number, original, &sku, quantity / 1_000, 10);
            back.restored = vec![0];
            Payload::SaleRefunded(back)
        }
        5 | 6 => {
            let giver = device(luck);
            Payload::RightsRequested(RightsRequested { key: None, giver, sku, quantity })
        }
        7 | 8 => {
            let (to, request) = (device(luck), id);
            Payload::RightsGranted(RightsGranted { key: None, request, to, sku, quantity })
        }
        9 | 10 => {
            let (grant, sku, mut quantity) = claim();
            quantity += u64::from(luck.below(8) == 0);
            Payload::RightsAccepted(RightsAccepted { grant, sku, quantity })
        }
        _ => {
            let (grant, sku, quantity) = claim();
            Payload::RightsReturned(RightsReturned { grant, sku, quantity })
        }
    }
}

/// A forfeit by a control, or by somebody who is none.
pub(super) fn any_forfeit(luck: &mut Luck) -> Payload {
    let signer = if luck.below(3) == 0 { 9 } else { CONTROL };
    let (lost, to) = (device(luck), device(luck));
    let sku = SKUS[luck.below(2)];
    Payload::RightsForfeited(forfeit(signer, lost, to, &[(sku, luck.below(3) as u64 * 1_000)]))
}

fn forfeit(signer: u8, device: DeviceId, to: DeviceId, lines: &[(&str, u64)]) -> SignedDocument {
    let lines = lines.iter().map(|(sku, quantity)| ((*sku).to_owned(), *quantity)).collect();
    let tenant = keypair(ROOT).tenant();
    let leaves = Vec::new();
    let body = Forfeit { tenant, scope: scope(), device, leaves, lines, to, at_ms: NOON_MS };
    SignedDocument::sign(&body, &keypair(signer)).unwrap()
}

/// Balances by SKU and device, from a plain loop over everything that the disk holds.
fn plain(on: &Device) -> BTreeMap<(String, DeviceId), i128> {
    let held = held(on);
    let mut out: BTreeMap<(String, DeviceId), i128> = BTreeMap::new();
    let mut claims: BTreeMap<EventId, bool> = BTreeMap::new();
    let (mut voided, mut documents) = (BTreeSet::new(), BTreeSet::new());
    let mut add = |sku: &str, device: DeviceId, quantity: i128| {
        *out.entry((sku.to_owned(), device)).or_default() += quantity;
    };
    let ledger = |id: &EventId| held.get(id).filter(|row| row.log.lane == Lane::Ledger);
    for row in held.values() {
        let by = row.log.device;
        match &row.event.payload {
            Payload::RightsMinted(minted) => {
                minted.lines.iter().for_each(|line| add(&line.sku, by, line.quantity.into()));
            }
            Payload::RightsSpent(spent) => {
                spent.lines.iter().for_each(|line| add(&line.sku, by, -i128::from(line.quantity)));
            }
            Payload::SaleCompleted(sale) if !sale.promised.is_empty() => {
                add(&sale.lines[0].sku, by, -i128::from(sale.lines[0].quantity));
            }
            Payload::SaleRefunded(refund) if !refund.restored.is_empty() => {
                add(&refund.lines[0].sku, by, refund.lines[0].quantity.into());
            }
            Payload::SaleVoided(void) => {
                let mut at = row.parent;
                while at.is_some_and(|place| place != void.sale) {
                    at = at.and_then(|place| held[&place].parent);
                }
                let sale = at.map(|place| &held[&place].event.payload);
                if let Some(Payload::SaleCompleted(sale)) = sale
                    && !sale.promised.is_empty()
                    && voided.insert(void.sale)
                {
                    add(&sale.lines[0].sku, by, sale.lines[0].quantity.into());
                }
            }
            Payload::RightsGranted(grant) => add(&grant.sku, by, -i128::from(grant.quantity)),
            Payload::RightsForfeited(document) => {
                let Ok((forfeit, signer)) = document.open::<Forfeit>() else { continue };
                if signer == keypair(CONTROL).device() && documents.insert(format!("{document:?}"))
                {
                    for (sku, quantity) in &forfeit.lines {
                        add(sku, forfeit.device, -i128::from(*quantity));
                        add(sku, forfeit.to, i128::from(*quantity));
                    }
                }
            }
            Payload::RightsAccepted(RightsAccepted { grant, sku, quantity })
            | Payload::RightsReturned(RightsReturned { grant, sku, quantity }) => {
                let accepts = matches!(row.event.payload, Payload::RightsAccepted(_));
                let named = ledger(grant).map(|row| &row.event.payload);
                let Some(Payload::RightsGranted(named)) = named else { continue };
                if (named.to, &named.sku, named.quantity) == (by, sku, *quantity) {
                    *claims.entry(*grant).or_default() |= accepts;
                }
            }
            _ => {}
        }
    }
    for (id, accepted) in claims {
        let Payload::RightsGranted(grant) = &held[&id].event.payload else { continue };
        let credited = if accepted { grant.to } else { held[&id].log.device };
        add(&grant.sku, credited, grant.quantity.into());
    }
    out.retain(|_, balance| *balance != 0);
    out
}

fn balances(on: &Device) -> BTreeMap<(String, DeviceId), i128> {
    let mut out = BTreeMap::new();
    for (key, value) in on.rows(keys::PROJECTION) {
        if keys::read_row(&key).unwrap().0 == 11
            && let Some((sku, device, account)) = rows::read_account(&key, &value)
        {
            out.insert((sku, device), account.balance());
        }
    }
    out.retain(|_, balance| *balance != 0);
    out
}

/// Holds a device's rights against the plain loop.
#[track_caller]
pub(super) fn check(device: &Device) {
    assert_eq!(balances(device), plain(device));
    let overdrawn = balances(device).into_values().filter(|balance| *balance < 0).count();
    let findings = device.rows(keys::PROJECTION);
    let findings = findings.iter().filter(|(key, _)| keys::read_row(key).unwrap().0 == 13);
    let findings = findings.filter_map(|(_, row)| crate::projections::findings::read(row));
    let rule = crate::projections::findings::Rule::RightsOverdrawn;
    let found: Vec<_> = findings.filter(|finding| finding.rule == rule).collect();
    assert_eq!(found.len(), overdrawn, "{found:?}");
    assert!(found.iter().all(|finding| !finding.evidence.is_empty()));
}

/// What honest devices do.
#[derive(Debug, Clone)]
enum Step {
    Mint(usize, u8),
    /// Sells if the stall may.
    Sell(usize, u8),
    Refund(usize, usize),
    Void(usize, usize),
    Ask(usize, u8),
    /// Answers every request, with all, some or nothing.
    Answer(usize, u8),
    /// Accepts every grant.
    Accept(usize),
    /// Sends one grant back.
    Return(usize),
    Commit(usize),
    Restart(usize),
    /// Takes all that another has, or some of it.
    Pull(usize, usize, bool),
    CopyDisk(usize),
    CopyMachine(usize),
    /// The control takes what it knows a device to have, for another.
    Forfeit(usize, usize, u64),
}

/// How much may go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    /// Every carriage is whole, so that what a replica holds is causally closed.
    None,
    /// Messages are lost and repeated.
    Loss,
    /// Disks are cloned and devices are lost, too.
    Clones,
}

fn steps(trouble: Trouble) -> impl Strategy<Value = Vec<Step>> {
    let at = || 0..6_usize;
    let copies = move |at: usize, step: fn(usize) -> Step| match trouble {
        Trouble::Clones => step(at),
        _ => Step::Commit(at),
    };
    let step = prop_oneof![
        3 => (at(), 1..6_u8).prop_map(|(at, pieces)| Step::Mint(at, pieces)),
        9 => (at(), 1..4_u8).prop_map(|(at, pieces)| Step::Sell(at, pieces)),
        1 => (at(), 0..64_usize).prop_map(|(at, sale)| Step::Refund(at, sale)),
        1 => (at(), 0..64_usize).prop_map(|(at, sale)| Step::Void(at, sale)),
        4 => (at(), 1..5_u8).prop_map(|(at, pieces)| Step::Ask(at, pieces)),
        6 => (at(), 0..3_u8).prop_map(|(at, part)| Step::Answer(at, part)),
        6 => at().prop_map(Step::Accept),
        2 => at().prop_map(Step::Return),
        4 => at().prop_map(Step::Commit),
        1 => at().prop_map(Step::Restart),
        8 => (at(), at(), any::<bool>()).prop_map(move |(to, from, whole)| {
            Step::Pull(to, from, whole || trouble == Trouble::None)
        }),
        2 => at().prop_map(move |at| copies(at, Step::CopyDisk)),
        2 => at().prop_map(move |at| copies(at, Step::CopyMachine)),
        1 => (at(), at(), any::<u64>()).prop_map(move |(at, to, luck)| match trouble {
            Trouble::Clones => Step::Forfeit(at, to, luck),
            _ => Step::Commit(at),
        }),
    ];
    vec(step, 20..90)
}

struct Honest {
    machines: Vec<Device>,
    epochs: Vec<u64>,
    luck: Luck,
    key: u64,
}

impl Honest {
    fn new(seed: u64) -> Self {
        let machines = vec![Device::new(1, 1), Device::new(2, 2), Device::new(3, 3)];
        Self { machines, epochs: vec![1, 2, 3], luck: Luck(seed), key: 0 }
    }

    fn may_sell(&self, at: usize) -> u64 {
        let held = decide::rights::available(&self.machines[at].replica, scope(), "tea").unwrap();
        u64::try_from(held).unwrap()
    }

    fn run(&mut self, step: &Step) {
        self.key += 1;
        let (key, count) = (self.key, self.machines.len());
        match *step {
            Step::Mint(at, pieces) => {
                let goods = place(1);
                let lines = lines("tea", u64::from(pieces) * 1_000);
                let minted = RightsMinted { goods, lines };
                self.machines[at % count].append(Payload::RightsMinted(minted));
            }
            Step::Sell(at, pieces) => {
                let at = at % count;
                let mut sold = sale(key, "tea", u64::from(pieces), 100);
                // The first sale of all would be of custody, where nothing was ever minted.
                if decide::rights::promise(&mut sold, scope(), &self.machines[at].replica).is_ok() {
                    self.machines[at].append(Payload::SaleCompleted(sold));
                }
            }
            Step::Refund(at, which) => self.refund(at % count, which),
            Step::Void(at, which) => self.void(at % count, which),
            Step::Ask(at, pieces) => {
                let giver = device(&mut self.luck);
                let quantity = u64::from(pieces) * 1_000;
                let sku = "tea".to_owned();
                let asked = RightsRequested { key: None, giver, sku, quantity };
                self.machines[at % count].append(Payload::RightsRequested(asked));
            }
            Step::Answer(at, part) => self.answer(at % count, part),
            Step::Accept(at) => self.claim(at % count, usize::MAX, false),
            Step::Return(at) => self.claim(at % count, 1, true),
            Step::Commit(at) => drop(self.machines[at % count].commit()),
            Step::Restart(at) => {
                let at = at % count;
                self.epochs[at] = self.luck.next();
                self.machines[at].restart(self.epochs[at]);
            }
            Step::Pull(to, from, whole) => self.pull(to % count, from % count, whole),
            Step::CopyDisk(at) => {
                let epoch = self.luck.next();
                self.copy(at % count, epoch);
            }
            Step::CopyMachine(at) => self.copy(at % count, self.epochs[at % count]),
            Step::Forfeit(at, to, luck) => self.forfeit(at % count, to, Luck(luck)),
        }
    }

    fn wishes(&self, at: usize, range: keys::Range) -> Vec<(EventId, rows::Wish)> {
        let found = self.machines[at].replica.first_rows(&range, 100).unwrap();
        let read = |(key, row): &(Vec<u8>, Vec<u8>)| {
            rows::read_wish(key, row).map(|(_, id, wish)| (id, wish))
        };
        found.iter().filter_map(read).collect()
    }

    fn answer(&mut self, at: usize, part: u8) {
        let me = keypair(self.machines[at].seed).device();
        for (id, wish) in self.wishes(at, rows::all_open_at(scope(), &me)) {
            let most = self.may_sell(at).min(wish.quantity);
            let quantity = [0, most / 2, most][usize::from(part)];
            let (to, sku, request) = (wish.other, wish.sku, Some(id));
            let grant = RightsGranted { key: None, request, to, sku, quantity };
            self.machines[at].append(Payload::RightsGranted(grant));
        }
    }

    fn claim(&mut self, at: usize, most: usize, back: bool) {
        if !self.machines[at].replica.is_alone(scope()) {
            return;
        }
        let me = keypair(self.machines[at].seed).device();
        let grants = self.wishes(at, rows::unclaimed_by(scope(), &me));
        for (grant, rows::Wish { sku, quantity, .. }) in grants.into_iter().take(most) {
            self.machines[at].append(if back {
                Payload::RightsReturned(RightsReturned { grant, sku, quantity })
            } else {
                Payload::RightsAccepted(RightsAccepted { grant, sku, quantity })
            });
        }
    }

    /// A sale that is known there and was not reversed, as far as is known there.
    fn sale(&self, at: usize, which: usize) -> Option<(EventId, crate::event::sale::Sale)> {
        let replica = &self.machines[at].replica;
        let found = held(&self.machines[at]);
        let sales = found.iter().filter_map(|(id, row)| match &row.event.payload {
            Payload::SaleCompleted(sale) => Some((*id, sale.clone())),
            _ => None,
        });
        let open = sales.filter(|(id, _)| {
            let key = crate::projections::reversals::key(scope(), id);
            crate::projections::Books::row(replica, &key).unwrap().is_none()
        });
        let open: Vec<_> = open.collect();
        (!open.is_empty()).then(|| open[which % open.len()].clone())
    }

    fn refund(&mut self, at: usize, which: usize) {
        let Some((id, sold)) = self.sale(at, which) else { return };
        let pieces = sold.lines[0].quantity / 1_000;
        let mut back = refund(self.key, id, "tea", pieces, 10);
        decide::rights::restore(&mut back, &self.machines[at].replica).unwrap();
        self.machines[at].append(Payload::SaleRefunded(back));
    }

    fn void(&mut self, at: usize, which: usize) {
        let Some((id, _)) = self.sale(at, which) else { return };
        let void = void(self.key, id);
        if decide::void(&void, scope(), &self.machines[at].replica).is_ok() {
            self.machines[at].append(Payload::SaleVoided(void));
        }
    }

    fn pull(&mut self, to: usize, from: usize, whole: bool) {
        if to == from {
            return;
        }
        self.machines[from].commit();
        self.machines[to].commit();
        let codec = crate::log::segment::Codec::Zstd;
        let known = self.machines[to].replica.vector().clone();
        let known = if whole || self.luck.below(3) > 0 { known } else { VersionVector::default() };
        for bytes in segments(&self.machines[from], &known, codec) {
            if whole || self.luck.below(2) > 0 {
                self.machines[to].admit(&bytes).unwrap();
            }
        }
        self.machines[to].commit();
    }

    fn copy(&mut self, at: usize, epoch: u64) {
        if self.machines.len() < 6 {
            self.machines.push(self.machines[at].cloned(epoch));
            self.epochs.push(epoch);
        }
    }

    fn forfeit(&mut self, at: usize, to: usize, mut luck: Luck) {
        let (lost, to) = (device(&mut luck), keypair(1 + (to % 3) as u8).device());
        let known = decide::rights::balance(&self.machines[at].replica, scope(), "tea", &lost);
        let known = u64::try_from(known.unwrap()).unwrap_or(0);
        if known > 0 {
            let document = forfeit(CONTROL, lost, to, &[("tea", known)]);
            let (scope, lane) = (Scope::Tenant, Lane::Authority);
            let payload = Payload::RightsForfeited(document);
            self.machines[at].replica.append(scope, lane, payload, NOON_MS).unwrap();
        }
    }

    fn account(&self, at: usize, seed: u8) -> rows::Account {
        let key = rows::account(scope(), "tea", &keypair(seed).device());
        let row = crate::projections::Books::row(&self.machines[at].replica, &key).unwrap();
        crate::projections::read(row).unwrap()
    }

    /// Each device has one machine, which knows all that it stated itself.
    fn check_nothing_is_oversold(&self) {
        let mut left = 0;
        for machine in 0..self.machines.len() {
            let own = self.account(machine, self.machines[machine].seed);
            left += own.minted + own.restored - own.spent;
        }
        assert!(left >= 0, "{} thousandths more were sold than there were", -left);
    }

    /// What any replica with a causally closed view sees.
    fn check_nobody_is_overdrawn(&self) {
        for at in 0..self.machines.len() {
            for seed in 1..=3 {
                let balance = self.account(at, seed).balance();
                assert!(balance >= 0, "machine {at} sees {balance} at stall {seed}");
            }
        }
    }

    /// Thousandths sold beyond what there was, and the exposure, once everyone has everything.
    fn settled(&mut self) -> (i128, i128) {
        settle(&mut self.machines);
        let first = &self.machines[0];
        let found = reading::rights(first.disk.as_ref(), scope(), None, 10).unwrap();
        for machine in &self.machines {
            check(machine);
            let theirs = reading::rights(machine.disk.as_ref(), scope(), None, 10).unwrap();
            assert_eq!(theirs, found);
        }
        let Some(tea) = found.into_iter().find(|item| item.sku == "tea") else { return (0, 0) };
        let accounts = tea.holders.iter().map(|(_, account)| account);
        let over = accounts.map(|own| own.spent - own.minted - own.restored).sum::<i128>();
        (over, tea.exposure)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn without_forks_nothing_is_oversold_at_any_moment_and_nobody_is_overdrawn(
        seed in any::<u64>(),
        steps in steps(Trouble::None),
    ) {
        let mut world = Honest::new(seed);
        for step in &steps {
            world.run(step);
            world.check_nothing_is_oversold();
            world.check_nobody_is_overdrawn();
        }
        prop_assert_eq!(world.settled().1, 0, "exposure without a fork");
    }

    #[test]
    fn lost_and_repeated_messages_oversell_nothing(
        seed in any::<u64>(),
        steps in steps(Trouble::Loss),
    ) {
        let mut world = Honest::new(seed);
        for step in &steps {
            world.run(step);
            world.check_nothing_is_oversold();
        }
        let (over, exposure) = world.settled();
        world.check_nobody_is_overdrawn();
        prop_assert!(over <= 0);
        prop_assert_eq!(exposure, 0);
    }

    #[test]
    fn clones_and_lost_devices_oversell_at_most_the_exposure(
        seed in any::<u64>(),
        steps in steps(Trouble::Clones),
    ) {
        let mut world = Honest::new(seed);
        steps.iter().for_each(|step| world.run(step));
        let (over, exposure) = world.settled();
        prop_assert!(over <= exposure, "oversold {over}, exposure {exposure}");
    }
}

//! Stock and money are conserved: the control's sums are those of the facts that it holds, to the
//! unit and the cent, all the time; at the end each acknowledged fact is among them as it was
//! asked for, each counted once, and nothing that nobody asked for.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use engine::books;
use engine::event::sale::Key;
use engine::event::{Payload, Refund};
use engine::ids::{DeviceId, EventId, Lane, LogId};
use engine::store::memory::MemoryStore;
use node::core::Request;

use super::disks::{self, Arrivals, Rot};
use super::{Checker, Moment, Violation};
use crate::scenario::Plan;
use crate::world::World;

/// Baskets, quantity, amount, refunds, refunded.
type Sums = [i128; 5];

/// See the module.
pub struct Conserved {
    plan: Plan,
    rot: Rot,
    arrivals: Arrivals,
    sums: Sums,
    /// Thousandths by SKU; none once goods moved in ways that are not added up here.
    goods: Option<BTreeMap<String, i128>>,
    /// Which facts bear a key of a device.
    keyed: BTreeMap<(LogId, Key), Vec<EventId>>,
    doubled: i64,
}

impl Conserved {
    /// For the runs of a plan.
    pub fn new(plan: &Plan) -> Self {
        Self {
            plan: plan.clone(),
            rot: Rot::of(plan),
            arrivals: Arrivals::default(),
            sums: Sums::default(),
            goods: Some(BTreeMap::new()),
            keyed: BTreeMap::new(),
            doubled: 0,
        }
    }

    /// Adds up what arrived at the control. Gives whether anything can have changed.
    fn read(&mut self, world: &World) -> anyhow::Result<bool> {
        let Some(news) = self.arrivals.news(world, 0)? else { return Ok(false) };
        if news.anew {
            (self.sums, self.goods) = (Sums::default(), Some(BTreeMap::new()));
            self.keyed.clear();
        }
        for id in news.events {
            let event = disks::event(news.disk.as_ref(), &id)?;
            let payload = event.with_context(|| format!("event {id} is garbled"))?.payload;
            self.add(&payload);
            let sums = matches!(
                payload,
                Payload::SaleCompleted(_) | Payload::SaleRefunded(_) | Payload::GoodsReceived(_)
            );
            if let Some(key) = payload.key().filter(|_| sums) {
                self.keyed.entry((id.log, key.clone())).or_default().push(id);
            }
        }
        Ok(true)
    }

    fn add(&mut self, payload: &Payload) {
        let mut moved: Vec<(&str, i128)> = Vec::new();
        match payload {
            Payload::SaleCompleted(sale) => {
                self.sums[0] += 1;
                for line in &sale.lines {
                    let quantity = i128::from(line.quantity);
                    self.sums[1] += quantity;
                    self.sums[2] += i128::from(line.amount);
                    moved.push((&line.sku, -quantity));
                }
            }
            Payload::SaleRefunded(refund) => {
                self.sums[3] += 1;
                for line in &refund.lines {
                    self.sums[4] += i128::from(line.amount);
                    if refund.restock {
                        moved.push((&line.sku, i128::from(line.quantity)));
                    }
                }
            }
            Payload::GoodsReceived(goods) => {
                let lines = goods.lines.iter();
                moved.extend(lines.map(|line| (line.sku.as_str(), i128::from(line.quantity))));
            }
            Payload::GoodsDispatched(_)
            | Payload::GoodsTakenIn(_)
            | Payload::GoodsReturned(_)
            | Payload::GoodsSpoiled(_)
            | Payload::StockCounted(_)
            | Payload::SaleVoided(_) => self.goods = None,
            _ => {}
        }
        if let Some(goods) = &mut self.goods {
            for (sku, quantity) in moved {
                *goods.entry(sku.to_owned()).or_default() += quantity;
            }
        }
    }

    fn sums_agree(&self, disk: &MemoryStore) -> anyhow::Result<Option<String>> {
        let mut books = Sums::default();
        for stall in books::summary(disk, disks::scope())?.values() {
            let of = [stall.baskets, stall.quantity, stall.amount, stall.refunds, stall.refunded];
            books.iter_mut().zip(of).for_each(|(sum, more)| *sum += more);
        }
        let say = |sums: &Sums| {
            let [baskets, quantity, amount, refunds, refunded] = sums;
            format!(
                "{baskets} baskets of {quantity} thousandths for {amount} minor units, {refunds} \
                 refunds of {refunded}"
            )
        };
        let off = books != self.sums;
        let text =
            || format!("the control's books say {}; its facts {}", say(&books), say(&self.sums));
        Ok(off.then(text))
    }

    fn goods_agree(&self, disk: &MemoryStore) -> anyhow::Result<Option<String>> {
        let Some(facts) = &self.goods else { return Ok(None) };
        let mut off = facts.clone();
        for item in books::stock(disk, disks::scope(), None, usize::MAX)? {
            *off.entry(item.sku).or_default() -= item.held.on_hand;
        }
        off.retain(|_, left| *left != 0);
        let off: Vec<_> = off.into_iter().collect();
        let text = || {
            let off = disks::some(&off);
            format!("the control's stock is less than its facts come to, in thousandths: {off}")
        };
        Ok((!off.is_empty()).then(text))
    }

    /// Acknowledged facts that the control holds say what was asked for.
    fn facts_agree(&self, world: &World, disk: &MemoryStore) -> anyhow::Result<Option<String>> {
        for fact in &world.tills.acknowledged {
            // Whether it had to be there is asked by others.
            let Some(event) = disks::event(disk, &fact.id)? else { continue };
            if !says(&event.payload, &fact.request) {
                let text = format!(
                    "fact {} of host {} is another than what its till asked for",
                    fact.id, fact.host
                );
                return Ok(Some(text));
            }
        }
        Ok(None)
    }

    /// Each fact was asked for, and counts once.
    fn keys_agree(&mut self, world: &World, disk: &MemoryStore) -> anyhow::Result<Option<String>> {
        let tills = &world.tills;
        let mut asked: BTreeSet<(DeviceId, &Key)> = BTreeSet::new();
        let acknowledged = tills.acknowledged.iter().map(|fact| (fact.host, fact.request.key()));
        let waiting = tills.waiting().map(|waiting| (waiting.host, waiting.request.key()));
        let refused = tills.refused.iter().map(|(_, host, key, _)| (*host, key));
        for (host, key) in acknowledged.chain(waiting).chain(refused) {
            asked.extend(world.device(host).map(|device| (device, key)));
        }
        let may_fork = disks::may_fork(&self.plan, world);
        for ((log, key), ids) in &self.keyed {
            let log = disks::log(disk, log)?.context("an event of no log")?;
            if log.lane != Lane::Ledger || !asked.contains(&(log.device, key)) {
                let till = &key.till;
                let text = format!("fact {} of {till} was never asked for", ids[0]);
                return Ok(Some(text));
            }
            if ids.len() == 1 {
                continue;
            }
            if !may_fork.contains(&log.device) {
                let text = format!("what {key:?} asked for once stands {} times", ids.len());
                return Ok(Some(text));
            }
            // Asked on two disks that went on from one history: each stands, and both are shown.
            self.doubled += 1;
        }
        Ok(None)
    }
}

/// Whether a fact says what was asked for, in goods and money.
fn says(payload: &Payload, request: &Request) -> bool {
    match (payload, request) {
        (Payload::SaleCompleted(sale), Request::Sale(asked, _)) => {
            let lines = sale.lines.iter().map(|line| (&line.sku, line.quantity, line.amount));
            let theirs = asked.lines.iter().map(|line| (&line.sku, line.quantity, line.amount));
            lines.eq(theirs) && (&sale.tenders, &sale.key) == (&asked.tenders, &asked.key)
        }
        (Payload::SaleRefunded(refund), Request::Refund(asked)) => {
            let plain = |it: &Refund| Refund { receipt: 0, restored: Vec::new(), ..it.clone() };
            plain(refund) == plain(asked)
        }
        (Payload::GoodsReceived(goods), Request::Promised(asked, _)) => {
            (&goods.lines, &goods.key) == (&asked.lines, &asked.key)
        }
        // Tills of a simulation ask for nothing else.
        _ => false,
    }
}

impl Checker for Conserved {
    fn name(&self) -> &'static str {
        "conserved"
    }

    fn look(&mut self, world: &mut World, moment: Moment) -> anyhow::Result<Option<Violation>> {
        let end = moment == Moment::End;
        if !(moment == Moment::Tick || end) || self.rot.has(world, 0) {
            return Ok(None);
        }
        let changed = self.read(world)?;
        let disk = world.store(0);
        let mut found = None;
        if changed || end {
            found = self.sums_agree(&disk)?;
        }
        if end {
            if found.is_none() {
                found = self.goods_agree(&disk)?;
            }
            if found.is_none() {
                found = self.facts_agree(world, &disk)?;
            }
            if found.is_none() {
                found = self.keys_agree(world, &disk)?;
            }
        }
        Ok(found.map(|text| Violation::new(self.name(), world, text)))
    }

    fn measure(&self, measures: &mut BTreeMap<&'static str, i64>) {
        measures.insert("facts-doubled-by-scenario", self.doubled);
    }
}

#[cfg(test)]
mod tests {
    use engine::event::codec;
    use engine::projections::{sales, stock};
    use engine::store::{Batch, Read, Store};

    use super::super::testing::{self, s};
    use super::*;

    fn sold() -> (World, Conserved) {
        let plan = testing::plan(2);
        let mut world = testing::world(&plan);
        world.ask(1, testing::wristbands(10));
        testing::sell(&mut world, 1, 3);
        world.run_until(s(5)).unwrap();
        (world, Conserved::new(&plan))
    }

    fn plant(world: &World, key: Vec<u8>, value: Vec<u8>) {
        let mut batch = Batch::default();
        batch.put(key, value);
        world.store(0).write(&batch).unwrap();
    }

    #[test]
    fn books_of_what_was_sold_pass() {
        let (mut world, mut checker) = sold();
        assert_eq!(testing::look(&mut checker, &mut world, Moment::Tick), None);
        assert_eq!(testing::look(&mut checker, &mut world, Moment::End), None);
        assert_eq!(checker.sums, [3, 3_000, 1_350, 0, 0]);
    }

    #[test]
    fn a_cent_too_much_is_found_at_once() {
        let (mut world, mut checker) = sold();
        let (from, to) = sales::rows(disks::scope());
        let (key, row) = world.store(0).last(&from, &to).unwrap().unwrap();
        let mut sums = sales::read(&key, &row).unwrap().sums;
        sums.amount += 1;
        plant(&world, key, codec::encode(&sums).unwrap());
        let found = testing::look(&mut checker, &mut world, Moment::Tick).unwrap();
        assert!(found.contains("for 1351 minor units"), "{found}");
    }

    #[test]
    fn a_piece_too_little_is_found() {
        let (mut world, mut checker) = sold();
        let (from, to) = stock::rows_of(disks::scope(), "wristband");
        let (key, row) = world.store(0).last(&from, &to).unwrap().unwrap();
        let (_, _, mut held) = stock::read(&key, &row).unwrap();
        held.on_hand -= 1_000;
        plant(&world, key, codec::encode(&held).unwrap());
        let found = testing::look(&mut checker, &mut world, Moment::End).unwrap();
        assert!(found.contains("(\"wristband\", 1000)"), "{found}");
    }

    #[test]
    fn a_fact_other_than_what_was_asked_for_is_found() {
        let (mut world, mut checker) = sold();
        let Request::Sale(sale, _) = &mut world.tills.acknowledged[2].request else { panic!() };
        sale.lines[0].amount += 1;
        let found = testing::look(&mut checker, &mut world, Moment::End).unwrap();
        assert!(found.contains("another than what its till asked for"), "{found}");
    }

    #[test]
    fn a_fact_that_nobody_asked_for_is_found() {
        let (mut world, mut checker) = sold();
        world.tills.acknowledged.pop();
        let found = testing::look(&mut checker, &mut world, Moment::End).unwrap();
        assert!(found.contains("was never asked for"), "{found}");
    }

    #[test]
    fn a_sale_that_stands_twice_is_found() {
        let (mut world, mut checker) = sold();
        assert_eq!(testing::look(&mut checker, &mut world, Moment::Tick), None);
        let ids = checker.keyed.values_mut().next_back().unwrap();
        ids.push(ids[0]);
        let found = testing::look(&mut checker, &mut world, Moment::End).unwrap();
        assert!(found.contains("stands 2 times"), "{found}");
    }
}

//! Promised goods are oversold at most by the exposure that the books declare; by nothing without a
//! fork or a forfeit.
//!
//! While no disk can fork, what tills were told is compared with what came in, everywhere at once.
//! At the end the control's books are asked.

use std::collections::{BTreeMap, BTreeSet};

use engine::books;
use node::core::Request;

use super::disks::{self, Rot};
use super::{Checker, Moment, Violation};
use crate::scenario::Plan;
use crate::world::World;

/// See the module.
pub struct Oversold {
    rot: Rot,
    /// Whether the scenario lets nobody's disk go on twice from one history, or be lost.
    is_plain: bool,
    told: usize,
    /// Thousandths sold less those brought back, by SKU, as tills were told.
    sold: BTreeMap<String, i128>,
    /// Thousandths that came in, of all that is promised.
    minted: BTreeMap<String, i128>,
    oversold: i128,
    exposure: i128,
}

impl Oversold {
    /// For the runs of a plan.
    pub fn new(plan: &Plan) -> Self {
        Self {
            rot: Rot::of(plan),
            is_plain: plan.may_fork().is_empty() && plan.may_lose().is_empty(),
            told: 0,
            sold: BTreeMap::new(),
            minted: BTreeMap::new(),
            oversold: 0,
            exposure: 0,
        }
    }

    fn hear(&mut self, world: &World) {
        let told = std::mem::replace(&mut self.told, world.tills.acknowledged.len());
        for fact in &world.tills.acknowledged[told..] {
            match &fact.request {
                Request::Sale(sale, _) => {
                    for line in &sale.lines {
                        let sold = self.sold.entry(line.sku.clone()).or_default();
                        *sold += i128::from(line.quantity);
                    }
                }
                Request::Refund(refund) => {
                    for line in &refund.lines {
                        let sold = self.sold.entry(line.sku.clone()).or_default();
                        *sold -= i128::from(line.quantity);
                    }
                }
                other => mint(other, &mut self.minted),
            }
        }
    }

    /// What tills were told, all over the market.
    fn tills_agree(&self, world: &World) -> Option<String> {
        let over = |minted: &BTreeMap<String, i128>| {
            let over = minted.iter().find(|(sku, minted)| self.of(sku) > **minted);
            over.map(|(sku, minted)| (sku.clone(), *minted))
        };
        over(&self.minted)?;
        // What is on its way to be acknowledged may be durable already, and sold from.
        let mut most = self.minted.clone();
        world.tills.waiting().for_each(|waiting| mint(&waiting.request, &mut most));
        let (sku, minted) = over(&most)?;
        let sold = self.of(&sku);
        Some(format!(
            "{sold} thousandths of {sku} are sold and {minted} came in, without a fork or a forfeit"
        ))
    }

    fn of(&self, sku: &str) -> i128 {
        self.sold.get(sku).copied().unwrap_or(0)
    }

    fn books_agree(&mut self, world: &World) -> anyhow::Result<Option<String>> {
        let disk = world.store(0);
        let is_settled = disks::apart(world, &self.rot)?.is_empty();
        for item in books::rights::rights(disk.as_ref(), disks::scope(), None, usize::MAX)? {
            let accounts = item.holders.iter().map(|(_, account)| account);
            let over: i128 =
                accounts.map(|of| of.spent - of.restored - of.minted).sum::<i128>().max(0);
            self.oversold += over;
            self.exposure += item.exposure;
            let (sku, exposure) = (&item.sku, item.exposure);
            if over > exposure {
                let text = format!(
                    "{over} thousandths of {sku} are oversold, and {exposure} are declared"
                );
                return Ok(Some(text));
            }
            if !self.is_plain || !is_settled {
                continue;
            }
            if exposure != 0 {
                let text =
                    format!("{exposure} thousandths of {sku} are exposed without fork or forfeit");
                return Ok(Some(text));
            }
            for (device, account) in &item.holders {
                let held = account.balance();
                if held < 0 {
                    return Ok(Some(format!("{device} holds {held} rights to {sku}")));
                }
            }
        }
        Ok(None)
    }
}

/// Goods that come in as promised ones.
fn mint(request: &Request, minted: &mut BTreeMap<String, i128>) {
    let Request::Promised(goods, newly) = request else { return };
    let newly: BTreeSet<&String> = newly.iter().collect();
    for line in goods.lines.iter().filter(|line| newly.contains(&line.sku)) {
        *minted.entry(line.sku.clone()).or_default() += i128::from(line.quantity);
    }
}

impl Checker for Oversold {
    fn name(&self) -> &'static str {
        "oversold"
    }

    fn look(&mut self, world: &mut World, moment: Moment) -> anyhow::Result<Option<Violation>> {
        self.hear(world);
        let mut found = None;
        if self.is_plain && matches!(moment, Moment::Acknowledged | Moment::End) {
            found = self.tills_agree(world);
        }
        if found.is_none() && moment == Moment::End && !self.rot.has(world, 0) {
            found = self.books_agree(world)?;
        }
        Ok(found.map(|text| Violation::new(self.name(), world, text)))
    }

    fn measure(&self, measures: &mut BTreeMap<&'static str, i64>) {
        let number = |number: i128| i64::try_from(number).unwrap_or(i64::MAX);
        measures.insert("oversold-thousandths", number(self.oversold));
        measures.insert("exposure-thousandths", number(self.exposure));
    }
}

#[cfg(test)]
mod tests {
    use engine::event::codec;
    use engine::projections::rights::rows;
    use engine::store::{Batch, Read, Store};

    use super::super::testing::{self, s};
    use super::*;
    use crate::scenario::Deed;

    fn sold(plan: &Plan) -> (World, Oversold) {
        let mut world = testing::world(plan);
        world.ask(1, testing::wristbands(3));
        world.run_until(s(1)).unwrap();
        world.ask(1, testing::sale(1, 2));
        world.run_until(s(5)).unwrap();
        assert_eq!(world.tills.acknowledged.len(), 2, "{:?}", world.tills.refused);
        (world, Oversold::new(plan))
    }

    #[test]
    fn what_was_promised_and_sold_passes() {
        let (mut world, mut checker) = sold(&testing::plan(2));
        assert_eq!(testing::look(&mut checker, &mut world, Moment::Acknowledged), None);
        assert_eq!(testing::look(&mut checker, &mut world, Moment::End), None);
        assert_eq!(checker.minted["wristband"], 3_000);
        assert_eq!(checker.of("wristband"), 2_000);
    }

    #[test]
    fn more_sold_than_came_in_is_found_when_a_till_hears_of_it() {
        let (mut world, mut checker) = sold(&testing::plan(2));
        let mut again = world.tills.acknowledged[1].clone();
        again.id.seq += 1;
        world.tills.acknowledged.push(again);
        let found = testing::look(&mut checker, &mut world, Moment::Acknowledged).unwrap();
        assert!(found.contains("4000 thousandths of wristband are sold and 3000 came"), "{found}");
    }

    /// The control's account of the stall has spent so much.
    fn spend(world: &World, spent: i128) {
        let (from, to) = rows::accounts_of(disks::scope(), "wristband");
        let (key, row) = world.store(0).last(&from, &to).unwrap().unwrap();
        let (_, _, mut account) = rows::read_account(&key, &row).unwrap();
        account.spent = spent;
        let mut batch = Batch::default();
        batch.put(key, codec::encode(&account).unwrap());
        world.store(0).write(&batch).unwrap();
    }

    #[test]
    fn more_oversold_than_declared_is_found() {
        let plan = testing::plan_with(2, 1, Deed::PutImage(0));
        let (mut world, mut checker) = sold(&plan);
        spend(&world, 4_000);
        let found = testing::look(&mut checker, &mut world, Moment::End).unwrap();
        assert!(found.contains("1000 thousandths of wristband are oversold, and 0"), "{found}");
    }

    #[test]
    fn rights_below_zero_without_a_fork_are_found() {
        let (mut world, mut checker) = sold(&testing::plan(2));
        // Another stall has some, so that together nothing is oversold.
        let holder = world.device(2).unwrap();
        let account = rows::Account { minted: 5_000, ..rows::Account::default() };
        let mut batch = Batch::default();
        let key = rows::account(disks::scope(), "wristband", &holder);
        batch.put(key, codec::encode(&account).unwrap());
        world.store(0).write(&batch).unwrap();
        let (from, to) = rows::accounts_of(disks::scope(), "wristband");
        let mut planted = Batch::default();
        world
            .store(0)
            .scan(&from, &to, &mut |key, row| {
                let (_, device, mut account) = rows::read_account(key, row).unwrap();
                if device != holder {
                    account.granted = 5_000;
                    planted.put(key.to_vec(), codec::encode(&account).unwrap());
                }
                std::ops::ControlFlow::Continue(())
            })
            .unwrap();
        world.store(0).write(&planted).unwrap();
        let found = testing::look(&mut checker, &mut world, Moment::End).unwrap();
        assert!(found.contains("rights to wristband"), "{found}");
    }
}

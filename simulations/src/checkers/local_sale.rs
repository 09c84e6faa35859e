//! A sale at a stall that runs is answered at once, whatever the network does: it waits for the
//! stall's own disk, and for nobody else.

use std::collections::BTreeMap;
use std::time::Duration;

use super::limits::{SALE_BATCHES, SALE_WITHIN};
use super::{Checker, Moment, Violation};
use crate::world::World;

/// What disturbs a stall by itself.
#[derive(Debug, Clone, Copy, Default)]
struct Trouble {
    /// When it last slept, was down or halted.
    away: Option<Duration>,
    /// The slowest that its disk was lately, and since when it is faster.
    slow: Duration,
    slow_until: Duration,
}

/// See the module.
#[derive(Default)]
pub struct LocalSale {
    trouble: BTreeMap<usize, Trouble>,
    told: usize,
    slowest: Duration,
    timed: i64,
}

impl LocalSale {
    /// Notes which stalls are disturbed now.
    fn look_at_hosts(&mut self, world: &World) {
        let now = world.now();
        for host in 0..world.hosts() {
            let halted = world.glance(host).is_none_or(|glance| glance.halted.is_some());
            let slow = world.state().hosts[host].drive.slow;
            let trouble = self.trouble.entry(host).or_default();
            if halted || !world.is_awake(host) {
                trouble.away = Some(now);
            }
            if slow >= trouble.slow || trouble.slow_until + trouble.slow * SALE_BATCHES < now {
                trouble.slow = slow;
            }
            if slow == trouble.slow {
                trouble.slow_until = now;
            }
        }
    }

    /// How long a sale may take that was asked for then; none if the stall was away meanwhile.
    fn bound(&self, host: usize, asked: Duration) -> Option<Duration> {
        let trouble = self.trouble.get(&host).copied().unwrap_or_default();
        if trouble.away.is_some_and(|away| away >= asked) {
            return None;
        }
        Some(SALE_WITHIN + trouble.slow * SALE_BATCHES)
    }

    fn look_at_sales(&mut self, world: &World) -> Option<String> {
        let told = std::mem::replace(&mut self.told, world.tills.acknowledged.len());
        for fact in &world.tills.acknowledged[told..] {
            let Some(bound) = self.bound(fact.host, fact.asked_last) else { continue };
            let took = fact.at.saturating_sub(fact.asked_last);
            self.timed += 1;
            self.slowest = self.slowest.max(took);
            if took > bound {
                let (host, id) = (fact.host, fact.id);
                return Some(format!(
                    "host {host} took {took:?} for {id}, and {bound:?} are the most"
                ));
            }
        }
        let now = world.now();
        for waiting in world.tills.waiting() {
            let Some((asked, run)) = waiting.under_way else { continue };
            let is_same = world.state().hosts[waiting.host].is(run);
            let Some(bound) = self.bound(waiting.host, asked).filter(|_| is_same) else { continue };
            let waits = now.saturating_sub(asked);
            if waits > bound {
                let (host, key) = (waiting.host, waiting.request.key());
                return Some(format!(
                    "host {host} has not answered {key:?} in {waits:?}, and {bound:?} are the most"
                ));
            }
        }
        None
    }
}

impl Checker for LocalSale {
    fn name(&self) -> &'static str {
        "local-sale"
    }

    fn look(&mut self, world: &mut World, _: Moment) -> anyhow::Result<Option<Violation>> {
        self.look_at_hosts(world);
        let found = self.look_at_sales(world);
        Ok(found.map(|text| Violation::new(self.name(), world, text)))
    }

    fn measure(&self, measures: &mut BTreeMap<&'static str, i64>) {
        let slowest = i64::try_from(self.slowest.as_micros()).unwrap_or(i64::MAX);
        measures.insert("sale-slowest-us", slowest);
        measures.insert("sales-timed", self.timed);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{self, s};
    use super::*;
    use crate::net::Change;
    use crate::scenario::Deed;

    fn cut_off() -> (World, LocalSale) {
        let plan = testing::plan(2);
        let mut world = testing::world(&plan);
        world.change(&Change::Cut { a: 0, b: 1 });
        let mut checker = LocalSale::default();
        assert_eq!(testing::look(&mut checker, &mut world, Moment::Tick), None);
        (world, checker)
    }

    #[test]
    fn a_stall_that_is_cut_off_sells_in_time() {
        let (mut world, mut checker) = cut_off();
        testing::sell(&mut world, 1, 5);
        assert_eq!(testing::look(&mut checker, &mut world, Moment::End), None);
        assert_eq!(checker.timed, 5);
        assert!(checker.slowest > Duration::ZERO);
    }

    #[test]
    fn a_sale_that_took_a_round_trip_is_found() {
        let (mut world, mut checker) = cut_off();
        testing::sell(&mut world, 1, 1);
        let fact = &mut world.tills.acknowledged[0];
        fact.at = fact.asked_last + Duration::from_millis(50);
        let found = testing::look(&mut checker, &mut world, Moment::Acknowledged).unwrap();
        assert!(found.contains("host 1 took 50ms"), "{found}");
    }

    #[test]
    fn a_sale_that_is_never_answered_is_found() {
        let (mut world, mut checker) = cut_off();
        testing::sell(&mut world, 1, 1);
        assert_eq!(testing::look(&mut checker, &mut world, Moment::Tick), None);
        // The till believes that it has asked, and nobody heard it.
        let (now, run) = (world.now(), world.state().hosts[1].run);
        let ask = world.tills.ask(1, testing::sale(99, 0), now);
        world.tills.sent(ask, now, run);
        assert_eq!(testing::look(&mut checker, &mut world, Moment::Tick), None);
        world.run_until(s(10)).unwrap();
        let found = testing::look(&mut checker, &mut world, Moment::Tick).unwrap();
        assert!(found.contains("has not answered"), "{found}");
    }

    #[test]
    fn a_stall_that_slept_or_whose_disk_is_slow_takes_its_time() {
        let (mut world, mut checker) = cut_off();
        world.deed(1, &Deed::DiskSlow(500));
        assert_eq!(testing::look(&mut checker, &mut world, Moment::Fault), None);
        testing::sell(&mut world, 1, 3);
        world.run_until(world.now() + s(2)).unwrap();
        assert_eq!(testing::look(&mut checker, &mut world, Moment::Tick), None);
        world.deed(1, &Deed::DiskSlow(0));
        world.run_until(world.now() + s(2)).unwrap();
        assert_eq!(testing::look(&mut checker, &mut world, Moment::Tick), None);
        world.ask(1, testing::sale(99, 0));
        world.deed(1, &Deed::Pause);
        assert_eq!(testing::look(&mut checker, &mut world, Moment::Fault), None);
        world.run_until(world.now() + s(9)).unwrap();
        assert_eq!(testing::look(&mut checker, &mut world, Moment::Tick), None);
        world.deed(1, &Deed::Resume);
        world.run_until(world.now() + s(1)).unwrap();
        assert_eq!(testing::look(&mut checker, &mut world, Moment::Tick), None);
        assert_eq!(world.tills.waiting().count(), 0);
    }
}

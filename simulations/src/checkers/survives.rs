//! Acknowledged facts survive, unless the scenario destroyed every copy; those are counted.
//!
//! A fact is on the disk of its stall when the till hears of it, and still there whenever the
//! stall starts on the same disk. When a disk is replaced, and at the end, some sound disk holds
//! each of them.

use std::collections::{BTreeMap, BTreeSet};

use engine::ids::EventId;
use engine::store::ReadError;

use super::disks::{self, Rot, Stamps};
use super::{Checker, Moment, Violation};
use crate::scenario::Plan;
use crate::world::World;

/// See the module.
pub struct Survives {
    rot: Rot,
    stamps: Stamps,
    /// How many acknowledged facts were looked at.
    told: usize,
    /// Places of facts that their own stall no longer has, since its disk was replaced.
    gone: BTreeSet<usize>,
    /// Places of facts that nobody has, since the last of their disks was replaced.
    lost: BTreeSet<usize>,
    acknowledged: usize,
}

impl Survives {
    /// For the runs of a plan.
    pub fn new(plan: &Plan) -> Self {
        Self {
            rot: Rot::of(plan),
            stamps: Stamps::default(),
            told: 0,
            gone: BTreeSet::new(),
            lost: BTreeSet::new(),
            acknowledged: 0,
        }
    }

    /// Disks that were replaced or started on since the last look.
    fn look_at_disks(&mut self, world: &World) -> Result<Option<String>, ReadError> {
        let mut replaced = false;
        for host in 0..world.hosts() {
            let Some((now, Some(before))) = self.stamps.changed(world, host) else { continue };
            let is_new = now.is_replaced(&before);
            replaced |= is_new;
            if !is_new && !now.is_restarted(&before) || self.rot.has(world, host) {
                continue;
            }
            for (place, fact) in world.tills.acknowledged[..self.told].iter().enumerate() {
                if fact.host != host || disks::holds(now.disk().as_ref(), &fact.id)? {
                    continue;
                }
                if is_new {
                    self.gone.insert(place);
                } else if !self.gone.contains(&place) {
                    return Ok(Some(format!("{} is gone from the disk of host {host}", fact.id)));
                }
            }
        }
        if replaced {
            for place in self.nowhere(world)? {
                self.lost.insert(place);
            }
        }
        Ok(None)
    }

    /// What tills were told since the last look must be on disks already.
    fn look_at_news(&mut self, world: &World) -> Result<Option<String>, ReadError> {
        let told = std::mem::replace(&mut self.told, world.tills.acknowledged.len());
        for fact in &world.tills.acknowledged[told..] {
            let (host, id) = (fact.host, fact.id);
            if !self.rot.has(world, host) && !disks::holds(world.store(host).as_ref(), &id)? {
                let text = format!("host {host} acknowledged {id} before its disk had it");
                return Ok(Some(text));
            }
        }
        Ok(None)
    }

    /// Places of facts that no sound disk holds. The control's is looked at first.
    fn nowhere(&self, world: &World) -> Result<Vec<usize>, ReadError> {
        let all: BTreeMap<usize, _> =
            disks::sound(world, &self.rot).map(|host| (host, world.store(host))).collect();
        let mut out = Vec::new();
        for (place, fact) in world.tills.acknowledged[..self.told].iter().enumerate() {
            let mut held = false;
            let own = all.get(&fact.host).into_iter();
            for disk in all.get(&0).into_iter().chain(own).chain(all.values()) {
                held = held || disks::holds(disk.as_ref(), &fact.id)?;
            }
            if !held {
                out.push(place);
            }
        }
        Ok(out)
    }

    fn look_at_end(&mut self, world: &World) -> Result<Option<String>, ReadError> {
        self.acknowledged = self.told;
        let nowhere: BTreeSet<usize> = self.nowhere(world)?.into_iter().collect();
        // A copy of a disk may have brought one back.
        self.lost.retain(|place| nowhere.contains(place));
        let facts = &world.tills.acknowledged;
        let rotted = |place: &usize| self.rot.has(world, facts[*place].host);
        self.lost.extend(nowhere.iter().copied().filter(rotted));
        let off: Vec<EventId> =
            nowhere.difference(&self.lost).map(|place| facts[*place].id).collect();
        if off.is_empty() {
            return Ok(None);
        }
        Ok(Some(format!("no disk holds {} acknowledged facts: {}", off.len(), disks::some(&off))))
    }
}

impl Checker for Survives {
    fn name(&self) -> &'static str {
        "survives"
    }

    fn look(&mut self, world: &mut World, moment: Moment) -> anyhow::Result<Option<Violation>> {
        let mut found = self.look_at_disks(world)?;
        if found.is_none() {
            found = self.look_at_news(world)?;
        }
        if found.is_none() && moment == Moment::End {
            found = self.look_at_end(world)?;
        }
        Ok(found.map(|text| Violation::new(self.name(), world, text)))
    }

    fn measure(&self, measures: &mut BTreeMap<&'static str, i64>) {
        let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        measures.insert("facts-acknowledged", count(self.acknowledged));
        measures.insert("facts-lost-by-scenario", count(self.lost.len()));
    }
}

#[cfg(test)]
mod tests {
    use engine::keys;
    use engine::store::{Batch, Store};

    use super::super::testing::{self, s};
    use super::*;
    use crate::scenario::Deed;

    /// Two stalls that have sold, looked at once.
    fn sold() -> (World, Survives) {
        let plan = testing::plan(2);
        let mut world = testing::world(&plan);
        testing::sell(&mut world, 1, 3);
        world.run_until(s(5)).unwrap();
        let mut checker = Survives::new(&plan);
        assert_eq!(testing::look(&mut checker, &mut world, Moment::Tick), None);
        (world, checker)
    }

    #[track_caller]
    fn delete(world: &World, host: usize, id: EventId) {
        let mut batch = Batch::default();
        batch.delete(keys::event(&id));
        world.store(host).write(&batch).unwrap();
    }

    #[test]
    fn what_is_on_disks_survives() {
        let (mut world, mut checker) = sold();
        assert_eq!(testing::look(&mut checker, &mut world, Moment::End), None);
        let mut measures = BTreeMap::new();
        checker.measure(&mut measures);
        assert_eq!(measures["facts-acknowledged"], 3);
        assert_eq!(measures["facts-lost-by-scenario"], 0);
    }

    #[test]
    fn a_fact_that_no_disk_holds_at_the_end_is_found() {
        let (mut world, mut checker) = sold();
        let id = world.tills.acknowledged[1].id;
        (0..=2).for_each(|host| delete(&world, host, id));
        let found = testing::look(&mut checker, &mut world, Moment::End);
        assert!(found.unwrap().contains("no disk holds 1 acknowledged facts"));
    }

    #[test]
    fn a_fact_that_is_gone_after_a_start_is_found_though_others_hold_it() {
        let (mut world, mut checker) = sold();
        delete(&world, 1, world.tills.acknowledged[1].id);
        world.deed(1, &Deed::PowerCut { torn_permille: None });
        world.deed(1, &Deed::Start);
        let found = testing::look(&mut checker, &mut world, Moment::Fault);
        assert!(found.unwrap().contains("gone from the disk of host 1"));
    }

    #[test]
    fn a_fact_that_was_acknowledged_before_its_disk_had_it_is_found() {
        let (mut world, mut checker) = sold();
        let mut early = world.tills.acknowledged[0].clone();
        early.id.seq += 1_000;
        world.tills.acknowledged.push(early);
        let found = testing::look(&mut checker, &mut world, Moment::Acknowledged);
        assert!(found.unwrap().contains("before its disk had it"));
    }

    #[test]
    fn what_the_scenario_destroyed_is_counted() {
        let (mut world, mut checker) = sold();
        let id = world.tills.acknowledged[1].id;
        delete(&world, 0, id);
        delete(&world, 2, id);
        world.deed(1, &Deed::Wipe);
        assert_eq!(testing::look(&mut checker, &mut world, Moment::Fault), None);
        assert_eq!(testing::look(&mut checker, &mut world, Moment::End), None);
        let mut measures = BTreeMap::new();
        checker.measure(&mut measures);
        assert_eq!(measures["facts-lost-by-scenario"], 1);
    }
}

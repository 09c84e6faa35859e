//! Chains are intact, and logs fork only where the scenario copied, restored or emptied a disk.
//!
//! Every event is linked to its parent anew when it arrives on a disk. At the end the control's
//! disk is verified whole, signatures included, and the others are compared with it row by row.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use engine::event::{Payload, codec};
use engine::ids::{DeviceId, EventId, LogId, Tip};
use engine::keys;
use engine::log::chain;
use engine::replica::lanes::StoredEvent;
use engine::replica::verify;
use engine::store::{Read, ReadError};

use super::disks::{self, Arrivals, Rot};
use super::{Checker, Moment, Violation};
use crate::scenario::Plan;
use crate::world::World;

/// See the module.
pub struct Chains {
    plan: Plan,
    rot: Rot,
    arrivals: Arrivals,
    may_fork: Option<BTreeSet<DeviceId>>,
    linked: i64,
    forks: BTreeSet<Vec<u8>>,
}

impl Chains {
    /// For the runs of a plan.
    pub fn new(plan: &Plan) -> Self {
        Self {
            rot: Rot::of(plan),
            plan: Plan { items: forking(plan), ..plan.clone() },
            arrivals: Arrivals::default(),
            may_fork: None,
            linked: 0,
            forks: BTreeSet::new(),
        }
    }

    fn look_at(&mut self, world: &World, host: usize) -> Result<Option<String>, ReadError> {
        let Some(news) = self.arrivals.news(world, host)? else { return Ok(None) };
        let disk = news.disk.as_ref();
        for id in &news.events {
            if let Some(off) = unlinked(disk, id)? {
                return Ok(Some(format!("event {id} on host {host} {off}")));
            }
        }
        self.linked += i64::try_from(news.events.len()).unwrap_or(i64::MAX);
        if news.events.is_empty() {
            return Ok(None);
        }
        for key in forks(disk)? {
            let log = key.get(1..17).and_then(|id| id.try_into().ok()).map(LogId);
            let log = log.map(|id| disks::log(disk, &id)).transpose()?.flatten();
            let Some(log) = log else {
                return Ok(Some(format!("host {host} knows a fork of no log")));
            };
            let may_fork = self.may_fork.get_or_insert_with(|| disks::may_fork(&self.plan, world));
            let rotted = (0..world.hosts())
                .any(|other| world.device(other) == Some(log.device) && self.rot.has(world, other));
            if !may_fork.contains(&log.device) && !rotted {
                let text = format!(
                    "host {host} sees a fork of device {}, {:?}, of which there is one disk",
                    log.device, log.lane
                );
                return Ok(Some(text));
            }
            self.forks.insert(key);
        }
        Ok(None)
    }

    fn look_at_end(&self, world: &World) -> Result<Option<String>, ReadError> {
        let control = world.store(0);
        for host in disks::sound(world, &self.rot) {
            let disk = world.store(host);
            if host != 0 && !self.rot.has(world, 0) {
                match compare(disk.as_ref(), control.as_ref())? {
                    Compared::Other(id) => {
                        let text = format!("event {id} is another on host {host} and the control");
                        return Ok(Some(text));
                    }
                    Compared::Within => continue,
                    Compared::Beyond => {}
                }
            }
            let report = verify::verify(disk.as_ref())?;
            if !report.ok() {
                let problems = disks::some(&report.problems);
                return Ok(Some(format!("the disk of host {host} does not verify: {problems}")));
            }
        }
        Ok(None)
    }
}

/// The items that decide who may fork; the others need not be kept.
fn forking(plan: &Plan) -> Vec<crate::scenario::Item> {
    use crate::scenario::Happening;
    let items = plan.items.iter();
    items.filter(|item| matches!(item.what, Happening::Host { .. })).cloned().collect()
}

/// What is wrong with how an event follows from its parent, in words.
fn unlinked(disk: &dyn Read, id: &EventId) -> Result<Option<String>, ReadError> {
    let Some(stored) = disks::stored(disk, id)? else {
        return Ok(Some("is not there, or is garbled".to_owned()));
    };
    if stored.hash.short() != id.hash {
        return Ok(Some("is not where its hash says".to_owned()));
    }
    let content = chain::content(&stored.bytes);
    let before = id.seq.saturating_sub(1);
    let (from, to) = keys::events(&id.log, id.epoch, before, before);
    let mut links = false;
    disk.scan(&from, &to, &mut |_, row| {
        let above = StoredEvent::from_bytes(row);
        links |= above.is_some_and(|above| chain::link(&above.hash, &content) == stored.hash);
        if links { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    if links || opens(disk, id, &stored)? {
        return Ok(None);
    }
    Ok(Some("does not follow from its parent".to_owned()))
}

/// Whether it is the first of an epoch, and follows from where that says.
fn opens(disk: &dyn Read, id: &EventId, stored: &StoredEvent) -> Result<bool, ReadError> {
    let event = codec::decode_event(&stored.bytes).ok().map(|event| event.payload);
    let Some(Payload::EpochOpened(open)) = event else { return Ok(false) };
    let Some(log) = disks::log(disk, &id.log)? else { return Ok(false) };
    let parent = Tip { epoch: open.parent_epoch, seq: open.parent_seq, hash: open.parent_hash };
    let (epoch, seq, hash) = (parent.epoch, parent.seq, parent.hash.short());
    let held = disks::holds(disk, &EventId { log: id.log, epoch, seq, hash })?;
    let start = chain::start(&log, id.epoch, &parent);
    Ok((parent == Tip::ROOT || held)
        && seq + 1 == id.seq
        && chain::link(&start, &chain::content(&stored.bytes)) == stored.hash)
}

fn forks(disk: &dyn Read) -> Result<Vec<Vec<u8>>, ReadError> {
    let (from, to) = keys::forks();
    let mut out = Vec::new();
    disk.scan(&from, &to, &mut |key, _| {
        out.push(key.to_vec());
        ControlFlow::Continue(())
    })?;
    Ok(out)
}

enum Compared {
    /// All of it is on the other disk, the same.
    Within,
    /// There is more.
    Beyond,
    /// This event is another there.
    Other(EventId),
}

fn compare(disk: &dyn Read, other: &dyn Read) -> Result<Compared, ReadError> {
    let mut all: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    let (from, to) = keys::all_events();
    disk.scan(&from, &to, &mut |key, row| {
        all.push((key.to_vec(), row.to_vec()));
        ControlFlow::Continue(())
    })?;
    let mut beyond = false;
    for (key, row) in all {
        match other.get(&key)? {
            None => beyond = true,
            Some(theirs) if theirs == row => {}
            Some(_) => {
                if let Some(id) = keys::read_event_id(&key) {
                    return Ok(Compared::Other(id));
                }
            }
        }
    }
    Ok(if beyond { Compared::Beyond } else { Compared::Within })
}

impl Checker for Chains {
    fn name(&self) -> &'static str {
        "chains"
    }

    fn look(&mut self, world: &mut World, moment: Moment) -> anyhow::Result<Option<Violation>> {
        if !matches!(moment, Moment::Tick | Moment::End) {
            return Ok(None);
        }
        let hosts: Vec<usize> = disks::sound(world, &self.rot).collect();
        let mut found = None;
        for host in hosts {
            if found.is_none() {
                found = self.look_at(world, host)?;
            }
        }
        if found.is_none() && moment == Moment::End {
            found = self.look_at_end(world)?;
        }
        Ok(found.map(|text| Violation::new(self.name(), world, text)))
    }

    fn measure(&self, measures: &mut BTreeMap<&'static str, i64>) {
        measures.insert("events-linked", self.linked);
        measures.insert("forks-seen", i64::try_from(self.forks.len()).unwrap_or(i64::MAX));
    }
}

#[cfg(test)]
mod tests {
    use engine::store::{Batch, Store};

    use super::super::testing::{self, s};
    use super::*;
    use crate::scenario::Deed;

    fn sold(plan: &Plan) -> (World, Chains) {
        let mut world = testing::world(plan);
        testing::sell(&mut world, 1, 3);
        world.run_until(s(5)).unwrap();
        (world, Chains::new(plan))
    }

    /// Stall 1 goes on from an older image of its disk.
    fn restored(plan: &Plan) -> (World, Chains) {
        let mut world = testing::world(plan);
        testing::sell(&mut world, 1, 2);
        world.deed(1, &Deed::TakeImage(1));
        testing::sell(&mut world, 1, 2);
        world.deed(1, &Deed::PutImage(1));
        world.start(1);
        testing::sell(&mut world, 1, 2);
        world.run_until(s(15)).unwrap();
        (world, Chains::new(plan))
    }

    #[test]
    fn what_honest_hosts_hold_is_intact() {
        let (mut world, mut checker) = sold(&testing::plan(2));
        assert_eq!(testing::look(&mut checker, &mut world, Moment::Tick), None);
        assert!(checker.linked >= 12, "{}", checker.linked);
        assert_eq!(testing::look(&mut checker, &mut world, Moment::End), None);
    }

    #[test]
    fn an_event_that_was_altered_is_found() {
        let (mut world, mut checker) = sold(&testing::plan(2));
        let key = keys::event(&world.tills.acknowledged[1].id);
        let mut row = world.store(2).get(&key).unwrap().unwrap();
        *row.last_mut().unwrap() ^= 1;
        let mut batch = Batch::default();
        batch.put(key, row);
        world.store(2).write(&batch).unwrap();
        let found = testing::look(&mut checker, &mut world, Moment::Tick).unwrap();
        assert!(found.contains("on host 2 does not follow from its parent"), "{found}");
    }

    #[test]
    fn an_event_that_was_altered_after_it_was_linked_is_found_at_the_end() {
        let (mut world, mut checker) = sold(&testing::plan(2));
        assert_eq!(testing::look(&mut checker, &mut world, Moment::Tick), None);
        let key = keys::event(&world.tills.acknowledged[1].id);
        let mut row = world.store(2).get(&key).unwrap().unwrap();
        *row.last_mut().unwrap() ^= 1;
        let mut batch = Batch::default();
        batch.put(key, row);
        world.store(2).write(&batch).unwrap();
        let found = testing::look(&mut checker, &mut world, Moment::End).unwrap();
        assert!(found.contains("is another on host 2 and the control"), "{found}");
    }

    #[test]
    fn a_fork_without_a_copy_is_found() {
        // The plan does not know that the disk goes back.
        let (mut world, mut checker) = restored(&testing::plan(2));
        let found = testing::look(&mut checker, &mut world, Moment::Tick).unwrap();
        assert!(found.contains("sees a fork"), "{found}");
    }

    #[test]
    fn a_fork_that_the_scenario_made_is_counted() {
        let (mut world, mut checker) = restored(&testing::plan_with(2, 1, Deed::PutImage(1)));
        assert_eq!(testing::look(&mut checker, &mut world, Moment::End), None);
        assert!(!checker.forks.is_empty());
    }
}

//! Once faults have stopped, all hosts that run converge within the bound of the scenario: they
//! hold the same events, none is halted, each could start, and no till waits.

use std::collections::BTreeMap;
use std::time::Duration;

use super::disks::{self, Rot};
use super::{Checker, Moment, Violation};
use crate::scenario::{Machine, Plan};
use crate::world::World;

/// See the module.
pub struct Liveness {
    rot: Rot,
    /// Hosts that run once everything is healed.
    must_run: Vec<usize>,
    settle: Duration,
    healed: Option<Duration>,
}

impl Liveness {
    /// For the runs of a plan.
    pub fn new(plan: &Plan) -> Self {
        let runs = |host: &usize| matches!(plan.machines[*host], Machine::Control | Machine::Stall);
        Self {
            rot: Rot::of(plan),
            must_run: (0..plan.machines.len()).filter(runs).collect(),
            settle: plan.settle,
            healed: None,
        }
    }

    fn look_at_end(&self, world: &World) -> anyhow::Result<Option<String>> {
        // A run that was ended before it healed owes nothing.
        let Some(healed) = self.healed else { return Ok(None) };
        let mut words = Vec::new();
        let runs = self.must_run.iter().filter(|host| !self.rot.has(world, **host));
        for host in runs {
            if !world.is_awake(*host) {
                let failed = world.failed_starts.iter().rev().find(|(_, of, _)| of == host);
                let cause = failed.map(|(_, _, cause)| format!(": {cause}")).unwrap_or_default();
                words.push(format!("host {host} does not run{cause}"));
            } else if let Some(reason) = world.glance(*host).and_then(|glance| glance.halted) {
                words.push(format!("host {host} is halted: {reason}"));
            }
        }
        words.extend(disks::apart(world, &self.rot)?);
        for waiting in world.tills.waiting() {
            if world.is_awake(waiting.host) && !self.rot.has(world, waiting.host) {
                words.push(format!("a till of host {} waits", waiting.host));
            }
        }
        if words.is_empty() {
            return Ok(None);
        }
        let (passed, settle) = (world.now().saturating_sub(healed), self.settle);
        Ok(Some(format!(
            "{passed:?} after the last fault, of {settle:?}: {}",
            words.iter().take(super::limits::SHOWN_MAX).cloned().collect::<Vec<_>>().join("; ")
        )))
    }
}

impl Checker for Liveness {
    fn name(&self) -> &'static str {
        "liveness"
    }

    fn look(&mut self, world: &mut World, moment: Moment) -> anyhow::Result<Option<Violation>> {
        match moment {
            Moment::Healed => {
                self.healed = Some(world.now());
                Ok(None)
            }
            Moment::End => {
                let found = self.look_at_end(world)?;
                Ok(found.map(|text| Violation::new(self.name(), world, text)))
            }
            _ => Ok(None),
        }
    }

    fn measure(&self, measures: &mut BTreeMap<&'static str, i64>) {
        measures.insert("hosts-that-must-converge", self.must_run.len() as i64);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{self, s};
    use super::*;
    use crate::net::Change;
    use crate::scenario::Deed;

    fn healed() -> (World, Liveness) {
        let plan = testing::plan(2);
        let mut world = testing::world(&plan);
        world.run_until(s(5)).unwrap();
        let mut checker = Liveness::new(&plan);
        assert_eq!(testing::look(&mut checker, &mut world, Moment::Healed), None);
        (world, checker)
    }

    #[test]
    fn hosts_that_hold_the_same_have_converged() {
        let (mut world, mut checker) = healed();
        testing::sell(&mut world, 1, 2);
        world.run_until(s(20)).unwrap();
        assert_eq!(testing::look(&mut checker, &mut world, Moment::End), None);
    }

    #[test]
    fn a_host_that_is_behind_is_found() {
        let (mut world, mut checker) = healed();
        world.change(&Change::Cut { a: 0, b: 1 });
        testing::sell(&mut world, 1, 2);
        let found = testing::look(&mut checker, &mut world, Moment::End).unwrap();
        assert!(found.contains("host 1 and the control differ"), "{found}");
    }

    #[test]
    fn a_host_that_is_down_is_found() {
        let (mut world, mut checker) = healed();
        world.deed(2, &Deed::PowerCut { torn_permille: None });
        let found = testing::look(&mut checker, &mut world, Moment::End).unwrap();
        assert!(found.contains("host 2 does not run"), "{found}");
    }

    #[test]
    fn a_host_that_is_halted_is_found() {
        let (mut world, mut checker) = healed();
        world.deed(1, &Deed::DiskEio);
        testing::sell(&mut world, 1, 1);
        let found = testing::look(&mut checker, &mut world, Moment::End).unwrap();
        assert!(found.contains("host 1 is halted"), "{found}");
    }

    #[test]
    fn a_till_that_waits_is_found() {
        let (mut world, mut checker) = healed();
        let now = world.now();
        world.tills.ask(1, testing::sale(99, 0), now);
        let found = testing::look(&mut checker, &mut world, Moment::End).unwrap();
        assert!(found.contains("a till of host 1 waits"), "{found}");
    }
}

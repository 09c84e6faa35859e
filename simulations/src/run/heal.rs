//! The liveness phase: faults stop, whatever has no end of its own is set right, and everything
//! must converge in time.

use std::fmt::Write as _;
use std::time::Duration;

use super::customers::Later;
use super::limits::{HEAL_LOOK, IN_ORDER, SHOWN_MAX};
use super::runner::Runner;
use super::views;
use crate::checkers::disks::{self, Rot};
use crate::checkers::{Moment, Violation};
use crate::net::Change;
use crate::scenario::{Deed, Machine};

impl Runner<'_> {
    /// Heals everything, waits until it has converged and gives how long that took; none if it did
    /// not.
    pub(super) fn heal(&mut self) -> anyhow::Result<Option<Duration>> {
        let began = self.world.now();
        self.heals();
        self.change(&Change::HealAll)?;
        for host in 0..self.plan.machines.len() {
            self.set_right(host)?;
        }
        self.check(Moment::Healed)?;
        let end = began + self.plan.settle;
        let rot = Rot::of(self.plan);
        while !self.is_over() {
            let now = self.world.now();
            self.go_on((now + HEAL_LOOK).min(end))?;
            let apart = self.apart(&rot)?;
            if apart.is_empty() {
                return Ok(Some(self.world.now() - began));
            }
            if self.world.now() >= end {
                let mut text = format!("not converged {:?} after the last fault", self.plan.settle);
                for words in apart.iter().take(SHOWN_MAX) {
                    let _ = write!(text, "; {words}");
                }
                self.violated(Violation { at: end, checker: "converges", text });
                return Ok(None);
            }
        }
        Ok(None)
    }

    /// Undoes whatever was done to a host. What was destroyed stays so.
    fn set_right(&mut self, host: usize) -> anyhow::Result<()> {
        match &self.plan.machines[host] {
            Machine::Absent => return Ok(()),
            Machine::Hostile { .. } => return self.deed(host, &Deed::EndAttack),
            // One that was switched off stays off.
            Machine::CopyOf(_) if !self.world.is_up(host) => return Ok(()),
            _ => {}
        }
        let set = [
            Deed::Resume,
            Deed::DiskWell,
            Deed::DiskSlow(0),
            Deed::ClockDrift(0),
            Deed::ClockRight,
            Deed::LinkOn,
        ];
        set.iter().try_for_each(|deed| self.deed(host, deed))?;
        // A daemon whose disk has failed takes no more until it starts anew.
        if self.world.glance(host).is_some_and(|glance| glance.halted.is_some()) {
            self.deed(host, &Deed::Stop)?;
            self.later.put(self.world.now() + IN_ORDER, Later::Start(host));
        }
        if !self.world.is_up(host) { self.deed(host, &Deed::Start) } else { Ok(()) }
    }

    /// What keeps hosts from having converged, in words; nothing if they have.
    fn apart(&self, rot: &Rot) -> anyhow::Result<Vec<String>> {
        let mut words = Vec::new();
        for (host, machine) in self.plan.machines.iter().enumerate() {
            let is_host = matches!(machine, Machine::Control | Machine::Stall);
            if is_host && !rot.has(&self.world, host) && !self.world.is_awake(host) {
                words.push(format!("host {host} does not run"));
            }
        }
        words.extend(disks::apart(&self.world, rot)?);
        if !words.is_empty() {
            return Ok(words);
        }
        let stated = views::digests(self.world.store(0).as_ref())?;
        let others = disks::sound(&self.world, rot).filter(|host| *host > 0);
        for host in others.filter(|host| self.world.is_awake(*host)) {
            if views::digests(self.world.store(host).as_ref())? != stated {
                words.push(format!("host {host} has other digests than the control"));
            }
        }
        Ok(words)
    }
}

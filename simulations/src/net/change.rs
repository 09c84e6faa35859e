//! What happens to a network.
//!
//! Faults of different kinds do not end each other: a host that is cut off twice is so until both
//! cuts have ended. So a fault that is taken out of a scenario changes nothing about the others.

use std::time::Duration;

use super::host::Interface;
use super::network::{Network, nanos};
use super::plan::{self, Owner};
use super::spec::{Change, LinkSpec};

impl Network {
    /// Makes something happen. What names a host, carrier, LAN or trace that is not there does
    /// nothing but be counted.
    pub fn change(&mut self, now: Duration, change: &Change) {
        let now = nanos(now);
        let done = match change {
            Change::Cut { a, b } => self.cut(*a, *b, true),
            Change::Heal { a, b } => self.cut(*a, *b, false),
            Change::CutOneWay { from, to } => self.cut_one_way(*from, *to, true),
            Change::HealOneWay { from, to } => self.cut_one_way(*from, *to, false),
            Change::CarrierDown { host, carrier } => {
                self.set(now, *host, carrier, |interface| interface.is_down = true)
            }
            Change::CarrierUp { host, carrier } => {
                self.set(now, *host, carrier, |interface| interface.is_down = false)
            }
            Change::CarrierSilent { host, carrier, silent } => {
                self.set(now, *host, carrier, |interface| interface.is_silent = *silent)
            }
            Change::Captive { host, carrier, captive } => {
                self.set(now, *host, carrier, |interface| interface.is_captive = *captive)
            }
            Change::SilentUp { host, carrier, silent } => {
                self.set(now, *host, carrier, |interface| interface.is_silent_up = *silent)
            }
            Change::Rebind { host, carrier } => self.set(now, *host, carrier, |interface| {
                interface.nat.iter_mut().for_each(super::nat::Nat::forget);
            }),
            Change::Readdress { host, carrier } => self.readdress(*host, carrier),
            Change::Prefer { host, carrier } => self.prefer(*host, carrier),
            Change::LanDown { lan, down } => self.set_lan(now, lan, *down),
            Change::Respec { carrier, up, down } => {
                self.respec(now, carrier, up.as_ref(), down.as_ref())
            }
            Change::HealAll => {
                self.heal_all();
                Some(())
            }
        };
        self.stats.void_changes += u64::from(done.is_none());
    }

    fn cut(&mut self, a: usize, b: usize, cut: bool) -> Option<()> {
        let pair = (a.min(b), a.max(b));
        self.hosts.get(pair.1)?;
        if cut {
            self.cuts.insert(pair)
        } else {
            self.cuts.remove(&pair)
        };
        Some(())
    }

    fn cut_one_way(&mut self, from: usize, to: usize, cut: bool) -> Option<()> {
        self.hosts.get(from.max(to))?;
        if cut {
            self.one_way.insert((from, to))
        } else {
            self.one_way.remove(&(from, to))
        };
        Some(())
    }

    fn slot(&self, host: usize, carrier: &str) -> Option<usize> {
        let is_it = |of: &Interface| self.carriers[of.carrier].name == carrier;
        self.hosts.get(host)?.interfaces.iter().position(is_it)
    }

    /// Changes an interface; if something is blocked by it, what waits there is lost.
    fn set(
        &mut self,
        now: u64,
        host: usize,
        carrier: &str,
        what: impl FnOnce(&mut Interface),
    ) -> Option<()> {
        let slot = self.slot(host, carrier)?;
        let interface = &mut self.hosts[host].interfaces[slot];
        let before = (interface.blocks_up(), interface.blocks_down());
        what(interface);
        let after = (interface.blocks_up(), interface.blocks_down());
        if after.0.is_some() && before.0 != after.0 {
            self.links[interface.up].flush(now);
        }
        if after.1.is_some() && before.1 != after.1 {
            self.links[interface.down].flush(now);
        }
        Some(())
    }

    fn readdress(&mut self, host: usize, carrier: &str) -> Option<()> {
        let slot = self.slot(host, carrier)?;
        let interface = &mut self.hosts[host].interfaces[slot];
        self.plan.release(interface.public);
        interface.public = self.plan.lease(Owner { host, slot });
        interface.turn = interface.turn.wrapping_add(1);
        interface.address = match &mut interface.nat {
            Some(nat) => {
                nat.forget();
                plan::hidden(host, interface.carrier, interface.turn)
            }
            None => interface.public,
        };
        Some(())
    }

    fn prefer(&mut self, host: usize, carrier: &str) -> Option<()> {
        let slot = self.slot(host, carrier)?;
        let preference = &mut self.hosts[host].preference;
        preference.retain(|other| *other != slot);
        preference.insert(0, slot);
        Some(())
    }

    fn set_lan(&mut self, now: u64, name: &str, down: bool) -> Option<()> {
        let lan = self.lans.iter_mut().find(|lan| lan.name == name)?;
        if down && !lan.is_down {
            lan.flush(now);
        }
        lan.is_down = down;
        Some(())
    }

    fn respec(
        &mut self,
        now: u64,
        carrier: &str,
        up: Option<&LinkSpec>,
        down: Option<&LinkSpec>,
    ) -> Option<()> {
        let carrier = self.carriers.iter().position(|known| known.name == carrier)?;
        let named = [up, down].into_iter().flatten().filter_map(|spec| spec.trace.as_ref());
        if !named.into_iter().all(|trace| self.traces.contains_key(trace)) {
            return None;
        }
        let interfaces = self.hosts.iter().flat_map(|host| &host.interfaces);
        for interface in interfaces.filter(|interface| interface.carrier == carrier) {
            for (link, spec) in [(interface.up, up), (interface.down, down)] {
                let Some(spec) = spec else { continue };
                let trace = spec.trace.as_ref().and_then(|trace| self.traces.get(trace));
                self.links[link].respec(now, spec, trace);
            }
        }
        Some(())
    }

    fn heal_all(&mut self) {
        self.cuts.clear();
        self.one_way.clear();
        self.lans.iter_mut().for_each(|lan| lan.is_down = false);
        for interface in self.hosts.iter_mut().flat_map(|host| &mut host.interfaces) {
            interface.is_down = false;
            interface.is_silent = false;
            interface.is_silent_up = false;
            interface.is_captive = false;
        }
    }
}

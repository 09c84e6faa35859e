//! Makes a network out of what a scenario says.
//!
//! Everything starts up, with nothing in the queues.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::check::INTERNET;
use super::host::{Host, Interface, OnLan};
use super::impossible::TopologyError;
use super::lan::Lan;
use super::link::Link;
use super::luck::Luck;
use super::nat::Nat;
use super::network::{Carrier, Network, seconds};
use super::plan::{self, Owner, Plan};
use super::spec::{CarrierSpec, Topology};
use super::stats::{InterfaceStats, Stats};
use super::trace::Trace;

impl Network {
    /// A network in which everything is up. Traces by the names that links call them by; `seed`
    /// draws everything that is drawn.
    ///
    /// Fails with the first thing in the topology that cannot be.
    pub fn new(
        topology: &Topology,
        traces: &BTreeMap<String, Arc<Trace>>,
        seed: u64,
    ) -> Result<Self, TopologyError> {
        topology.check(&|name| traces.contains_key(name))?;
        let specs = carriers_of(topology);
        let carriers = specs.iter().map(|(name, _)| Carrier { name: name.clone() }).collect();
        let mut network = Self {
            carriers,
            hosts: Vec::new(),
            links: Vec::new(),
            lans: Vec::new(),
            plan: Plan::default(),
            cuts: BTreeSet::new(),
            one_way: BTreeSet::new(),
            traces: traces.clone(),
            stats: Stats { unsent: vec![0; topology.hosts.len()], ..Stats::default() },
        };
        for (host, net) in topology.hosts.iter().enumerate() {
            network.hosts.push(Host::default());
            let implied = [INTERNET.to_owned()];
            let unnamed = host == 0 && net.carriers.is_empty();
            for name in if unnamed { &implied } else { net.carriers.as_slice() } {
                let at = specs.iter().position(|(known, _)| known == name);
                let at = at.expect("invariant: the check knows the carriers of every host");
                network.add_interface(host, at, &specs[at], seed);
            }
            for name in &net.lans {
                let lan = topology.lans.keys().position(|known| known == name);
                let lan = lan.expect("invariant: the check knows the LANs of every host");
                let stats = network.add_stats(host, name, true);
                network.hosts[host].lans.push(OnLan { lan, member: 0, stats });
            }
        }
        network.add_lans(topology, seed);
        Ok(network)
    }

    fn add_interface(
        &mut self,
        host: usize,
        carrier: usize,
        (name, spec): &(String, CarrierSpec),
        seed: u64,
    ) {
        for (way, link) in [("up", &spec.up), ("down", &spec.down)] {
            let luck = Luck::new(seed, &format!("carrier/{name}/{host}/{way}"));
            let trace = link.trace.as_ref().and_then(|trace| self.traces.get(trace));
            self.links.push(Link::new(link, trace, luck));
        }
        let stats = self.add_stats(host, name, false);
        let slot = self.hosts[host].interfaces.len();
        let public = self.plan.lease(Owner { host, slot });
        let nat = spec.nat.map(|nat| Nat::new(seconds(nat.expires_s)));
        let interface = Interface {
            carrier,
            up: self.links.len() - 2,
            down: self.links.len() - 1,
            stats,
            address: if nat.is_some() { plan::hidden(host, carrier, 0) } else { public },
            public,
            turn: 0,
            nat,
            is_down: false,
            is_silent: false,
            is_silent_up: false,
            is_captive: false,
        };
        self.hosts[host].interfaces.push(interface);
        self.hosts[host].preference.push(slot);
    }

    fn add_lans(&mut self, topology: &Topology, seed: u64) {
        let mut first_link = self.links.len();
        for (at, (name, spec)) in topology.lans.iter().enumerate() {
            let on = |host: &usize| self.hosts[*host].on(at).is_some();
            let members: Vec<usize> = (0..self.hosts.len()).filter(on).collect();
            for (member, host) in members.iter().enumerate() {
                let mine = self.hosts[*host].lans.iter_mut().filter(|on| on.lan == at);
                mine.for_each(|on| on.member = member);
            }
            let trace = spec.link.trace.as_ref().and_then(|trace| self.traces.get(trace)).cloned();
            let lan = Lan::new(name, members, first_link, (&spec.link, trace), seed);
            first_link += lan.link_count();
            self.lans.push(lan);
        }
    }

    fn add_stats(&mut self, host: usize, over: &str, lan: bool) -> usize {
        let over = over.to_owned();
        let stats = InterfaceStats { host, over, lan, ..InterfaceStats::default() };
        self.stats.interfaces.push(stats);
        self.stats.interfaces.len() - 1
    }
}

/// Those of the topology, and the one that a control has without naming it.
fn carriers_of(topology: &Topology) -> Vec<(String, CarrierSpec)> {
    let mut carriers = topology.carriers.clone();
    if topology.is_implied(0, INTERNET) {
        carriers.entry(INTERNET.to_owned()).or_default();
    }
    carriers.into_iter().collect()
}

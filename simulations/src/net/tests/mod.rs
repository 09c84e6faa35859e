//! Tests of the network as a whole, and what they share.

mod any;
mod changes;
mod links;
mod properties;
mod routes;
mod spec;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::*;

/// The port that everybody is bound to.
pub const PORT: u16 = 4433;

/// A topology of hosts (their carriers, their LANs), with nothing wrong.
pub fn topology(hosts: &[(&[&str], &[&str])]) -> Topology {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let mut topology = Topology::default();
    for (carriers, lans) in hosts {
        topology.hosts.push(HostNet { carriers: owned(carriers), lans: owned(lans) });
        for carrier in *carriers {
            topology.carriers.entry((*carrier).to_owned()).or_default();
        }
        for lan in *lans {
            topology.lans.entry((*lan).to_owned()).or_default();
        }
    }
    topology
}

/// A control and a stall on `lte`, whose uplink is `up`.
pub fn uplink(up: LinkSpec) -> Topology {
    let mut topology = topology(&[(&[], &[]), (&["lte"], &[])]);
    topology.carriers.get_mut("lte").unwrap().up = up;
    topology
}

/// Hidden behind a translator that forgets after `expires_s`.
pub fn hidden(expires_s: u32) -> CarrierSpec {
    CarrierSpec { nat: Some(NatSpec { expires_s }), ..CarrierSpec::default() }
}

pub fn ms(of: u64) -> Duration {
    Duration::from_millis(of)
}

/// A network and what it is asked in most tests.
pub struct Bed {
    pub network: Network,
    pub now: Duration,
}

impl Bed {
    pub fn new(topology: &Topology) -> Self {
        Self::with(topology, &[], 1)
    }

    pub fn with(topology: &Topology, traces: &[(&str, &str)], seed: u64) -> Self {
        let parsed = traces.iter().map(|(name, text)| {
            ((*name).to_owned(), Arc::new(Trace::parse(text.as_bytes()).unwrap()))
        });
        let traces: BTreeMap<String, Arc<Trace>> = parsed.collect();
        let network = Network::new(topology, &traces, seed).unwrap();
        Self { network, now: Duration::ZERO }
    }

    /// Where `by` dials `host`.
    pub fn dial(&self, host: usize, by: usize) -> SocketAddr {
        SocketAddr::new(self.network.address_of(host, by).unwrap(), PORT)
    }

    pub fn send_to(&mut self, from: usize, to: SocketAddr, bytes: &[u8]) -> Vec<Delivery> {
        self.network.send(self.now, from, PORT, to, bytes)
    }

    /// Sends to where the host is dialled.
    pub fn send(&mut self, from: usize, to: usize, bytes: &[u8]) -> Vec<Delivery> {
        let to = self.dial(to, from);
        self.send_to(from, to, bytes)
    }

    /// Whether something sent arrives, when it is due.
    pub fn reaches(&mut self, from: usize, to: usize) -> bool {
        self.send(from, to, b"x").iter().any(|delivery| self.network.lands(delivery))
    }

    pub fn change(&mut self, change: Change) {
        self.network.change(self.now, &change);
        assert_eq!(self.network.stats().void_changes, 0, "{change:?}");
    }

    /// What an interface dropped, by cause.
    #[track_caller]
    pub fn check_drops(&self, host: usize, over: &str, up: bool, expected: &[(&str, u64)]) {
        let stats = self.network.stats().of(host, over).unwrap();
        let counters = if up { &stats.up } else { &stats.down };
        let drops: Vec<_> = counters.drops().filter(|(_, count)| *count > 0).collect();
        assert_eq!(drops, expected);
    }
}

/// Nothing is counted twice, and nothing gets lost uncounted.
#[track_caller]
pub fn check_sums(network: &Network, delivered: usize) {
    let mut sums = [0; 3];
    for stats in &network.stats().interfaces {
        for counters in [&stats.up, &stats.down] {
            let ended = counters.passed + counters.dropped();
            assert_eq!(counters.offered + counters.repeated, ended, "{stats:?}");
        }
        let late = stats.down.dropped_by(Cause::Flight);
        sums[0] += stats.up.passed;
        sums[1] += stats.down.offered;
        sums[2] += stats.down.passed + late;
    }
    assert_eq!(sums[0], sums[1], "what passes up comes down");
    assert_eq!(sums[2], delivered as u64, "what passes down is delivered");
}

pub fn ip(of: &str) -> IpAddr {
    of.parse().unwrap()
}

pub fn name(of: &str) -> String {
    of.to_owned()
}

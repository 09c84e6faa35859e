//! From groups of stalls to the hosts of a network, the machines that join later, and who dials
//! whom.

use std::collections::{BTreeMap, BTreeSet};

use super::Machine;
use crate::net::{HostNet, Topology};
use crate::scenario::fault::{Fault, HostFault, What};
use crate::scenario::spec::{Peers, Scenario};

/// The network of the scenario's own hosts: the control and the stalls.
pub fn topology(scenario: &Scenario) -> Topology {
    let net = |host| HostNet {
        carriers: scenario.carriers_of(host).to_vec(),
        lans: scenario.lans_of(host).to_vec(),
    };
    Topology {
        hosts: (0..=scenario.stalls).map(net).collect(),
        carriers: scenario.carriers.clone(),
        lans: scenario.lans.clone(),
    }
}

/// The machines that join later, by fault and by the host that each copies; a hostile one is
/// listed under host 0. Also those of faults that are left out, so that the others keep theirs.
pub(super) type Extras = BTreeMap<(String, usize), (usize, Machine)>;

/// Numbers the machines that faults bring along, after the last stall.
pub(super) fn extras(scenario: &Scenario, faults: &[(String, Fault)]) -> Extras {
    let mut extras = Extras::new();
    let mut next = scenario.stalls + 1;
    let mut add = |name: &str, of: usize, machine: Machine| {
        extras.insert((name.to_owned(), of), (next, machine));
        next += 1;
    };
    for (name, fault) in faults {
        match &fault.what {
            What::Host(HostFault::Clone { host, .. }) => {
                host.iter().for_each(|of| add(name, of, Machine::CopyOf(of)));
            }
            What::Host(HostFault::HostilePeer { host, sends, per_second }) => {
                let (to, sends, per_second) = (host.clone(), *sends, *per_second);
                add(name, 0, Machine::Hostile { to, sends, per_second });
            }
            _ => {}
        }
    }
    extras
}

/// What each host is; the network gets the machines that join later too. A copy is on what its
/// stall is on; a hostile machine is on the internet as the control is, and on its victims' LANs.
pub(super) fn machines(
    scenario: &Scenario,
    extras: &Extras,
    topology: &mut Topology,
) -> Vec<Machine> {
    let own = |host: usize| match host {
        0 => Machine::Control,
        _ if scenario.is_present(host) => Machine::Stall,
        _ => Machine::Absent,
    };
    let mut machines: Vec<Machine> = (0..=scenario.stalls).map(own).collect();
    let joining: BTreeMap<usize, &Machine> =
        extras.values().map(|(number, machine)| (*number, machine)).collect();
    for machine in joining.into_values() {
        let net = match machine {
            Machine::CopyOf(of) => topology.hosts.get(*of).cloned().unwrap_or_default(),
            Machine::Hostile { to, .. } => {
                let lans: BTreeSet<String> =
                    to.iter().flat_map(|host| scenario.lans_of(host)).cloned().collect();
                hostile_net(scenario, topology, lans.into_iter().collect())
            }
            _ => HostNet::default(),
        };
        topology.hosts.push(net);
        machines.push(machine.clone());
    }
    machines
}

/// The carrier of hostile machines where the control names none. No carrier of a file is called so.
const ANYWHERE: &str = "@anywhere";

fn hostile_net(scenario: &Scenario, topology: &mut Topology, lans: Vec<String>) -> HostNet {
    let mut carriers = scenario.control.carriers.clone();
    if carriers.is_empty() {
        // Only host 0 has a carrier without naming one.
        topology.carriers.entry(ANYWHERE.to_owned()).or_default();
        carriers.push(ANYWHERE.to_owned());
    }
    HostNet { carriers, lans }
}

/// Who dials whom over LANs, absent stalls aside. A copy dials whom its stall dials.
pub(super) fn dials(scenario: &Scenario, machines: &[Machine]) -> BTreeSet<(usize, usize)> {
    let mut dials = BTreeSet::new();
    for lan in scenario.lans.keys() {
        let is_on =
            |stall: &usize| scenario.is_present(*stall) && scenario.lans_of(*stall).contains(lan);
        let stalls: Vec<usize> = (1..=scenario.stalls).filter(is_on).collect();
        dials.extend(dials_among(&stalls, scenario.peers));
    }
    for (number, machine) in machines.iter().enumerate() {
        let Machine::CopyOf(of) = machine else { continue };
        let same: Vec<usize> =
            dials.iter().filter(|(from, _)| from == of).map(|(_, to)| *to).collect();
        dials.extend(same.into_iter().map(|to| (number, to)));
    }
    dials
}

/// Who dials whom among the stalls of one LAN, given in ascending order.
pub fn dials_among(stalls: &[usize], peers: Peers) -> Vec<(usize, usize)> {
    let Some((first, others)) = stalls.split_first() else { return Vec::new() };
    match peers {
        Peers::None => Vec::new(),
        Peers::Star => others.iter().map(|from| (*from, *first)).collect(),
        Peers::All => {
            let later = |at: usize| stalls[at + 1..].iter().map(move |to| (stalls[at], *to));
            (0..stalls.len()).flat_map(later).collect()
        }
        Peers::Ring => {
            let next = others.iter().chain([first]);
            let pairs = stalls.iter().zip(next).map(|(from, to)| (*from, *to));
            // Of two stalls one dial is enough, and nobody dials itself.
            let enough = if stalls.len() < 3 { stalls.len() - 1 } else { stalls.len() };
            pairs.take(enough).collect()
        }
    }
}

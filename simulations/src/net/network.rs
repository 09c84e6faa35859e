//! The network: takes datagrams in, says what arrives where and when.
//!
//! A datagram's whole way is worked out when it is sent (`way.rs`): out by the sender's route,
//! through its translator, over the internet, which is instant and loses nothing, to the receiver's
//! carrier. What changes while it is on its way, [`Network::lands`] knows. The network holds no
//! datagram and no clock.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use super::host::Host;
use super::lan::Lan;
use super::limits::{HEADER_BYTES, PAYLOAD_BYTES_MAX};
use super::link::{Link, Pass};
use super::plan::{self, Plan};
use super::stats::Stats;
use super::trace::Trace;
use super::way::Trip;

/// One direction of one link, by its number. The same topology numbers its links in the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u32);

/// A datagram that arrives, unless [`Network::lands`] says otherwise when it is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// When, since the run began.
    pub at: Duration,
    /// At which host.
    pub host: usize,
    /// Who sent it.
    pub sender: usize,
    /// The address that it seems to be from.
    pub from: SocketAddr,
    /// The host's own address that it came to.
    pub to: SocketAddr,
    /// The payload.
    pub bytes: Vec<u8>,
    /// The last link of its way.
    pub link: LinkId,
    pub(super) way: Way,
}

/// What a datagram passes on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Up from the sender, down to the receiver's interface at `slot`.
    Internet { up: usize, up_pass: Pass, slot: usize, down_pass: Pass },
    /// The link at `place` of a LAN.
    Lan { lan: usize, place: usize, pass: Pass },
}

/// A carrier, by its name.
#[derive(Debug)]
pub(super) struct Carrier {
    pub name: String,
}

/// Hosts, their links, and what is wrong with them.
#[derive(Debug)]
pub struct Network {
    pub(super) carriers: Vec<Carrier>,
    pub(super) hosts: Vec<Host>,
    pub(super) links: Vec<Link>,
    pub(super) lans: Vec<Lan>,
    pub(super) plan: Plan,
    /// The lower host first.
    pub(super) cuts: BTreeSet<(usize, usize)>,
    pub(super) one_way: BTreeSet<(usize, usize)>,
    pub(super) traces: BTreeMap<String, Arc<Trace>>,
    pub(super) stats: Stats,
}

impl Network {
    /// A datagram leaves a socket of `from` that is bound to port `src_port` on all interfaces.
    /// Returns what arrives where and when, repeated ones twice; what is lost is absent.
    ///
    /// `now` must not be before that of an earlier call.
    pub fn send(
        &mut self,
        now: Duration,
        from: usize,
        src_port: u16,
        to: SocketAddr,
        bytes: &[u8],
    ) -> Vec<Delivery> {
        let mut out = Vec::new();
        self.send_into(now, from, src_port, to, bytes, &mut out);
        out
    }

    /// As [`Self::send`], at the end of a list that the caller keeps.
    pub fn send_into(
        &mut self,
        now: Duration,
        from: usize,
        src_port: u16,
        to: SocketAddr,
        bytes: &[u8],
        out: &mut Vec<Delivery>,
    ) {
        let route = address(to).filter(|_| bytes.len() <= PAYLOAD_BYTES_MAX).and_then(|to| {
            let size = (bytes.len() + HEADER_BYTES) as u64;
            let trip = Trip { now: nanos(now), from, port: src_port, to, bytes, size };
            Some((trip, self.exit(from, to)?))
        });
        match route {
            Some((trip, Exit::Carrier(slot))) => self.over_carrier(&trip, slot, out),
            Some((trip, Exit::Lan { lan, host })) => self.over_lan(&trip, lan, host, out),
            None => self.stats.unsent.get_mut(from).into_iter().for_each(|count| *count += 1),
        }
    }

    /// Whether a datagram still arrives, asked when it is due: not if it waited in a queue that was
    /// lost, nor if by now the two hosts are cut off from each other or the receiver's interface
    /// is down, dead or has another address.
    pub fn lands(&mut self, delivery: &Delivery) -> bool {
        let Delivery { sender, host, .. } = *delivery;
        let cut = self.is_cut(sender, host);
        let (lost, stats) = match delivery.way {
            Way::Internet { up, up_pass, slot, down_pass } => {
                let interface = &self.hosts[host].interfaces[slot];
                let moved = delivery.to.ip() != interface.address;
                let flushed = self.links[up].has_flushed(&up_pass)
                    || self.links[interface.down].has_flushed(&down_pass);
                (flushed || moved || interface.blocks_down().is_some(), interface.stats)
            }
            Way::Lan { lan, place, pass } => {
                let Some(on) = self.hosts[host].on(lan) else { return false };
                let lan = &mut self.lans[lan];
                (lan.is_down || lan.link(place).has_flushed(&pass), on.stats)
            }
        };
        if cut || lost {
            let bytes = (delivery.bytes.len() + HEADER_BYTES) as u64;
            self.stats.interfaces[stats].down.take_back(bytes);
        }
        !(cut || lost)
    }

    /// What passed and what did not.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// By what a datagram leaves, if by anything.
    pub(super) fn exit(&self, from: usize, to: SocketAddrV4) -> Option<Exit> {
        let sender = self.hosts.get(from)?;
        if let Some((lan, host)) = plan::of_lan(*to.ip()) {
            let reaches = sender.on(lan).is_some() && self.hosts.get(host)?.on(lan).is_some();
            let up = host != from && reaches && !self.lans[lan].is_down;
            return up.then_some(Exit::Lan { lan, host });
        }
        sender.route().map(Exit::Carrier)
    }

    /// Whether nothing passes between two hosts in that direction.
    pub(super) fn is_cut(&self, from: usize, to: usize) -> bool {
        let pair = (from.min(to), from.max(to));
        self.cuts.contains(&pair) || self.one_way.contains(&(from, to))
    }
}

/// How a datagram leaves its host.
pub(super) enum Exit {
    /// By the interface at that place.
    Carrier(usize),
    /// Over a LAN, to a host on it.
    Lan { lan: usize, host: usize },
}

/// The address over IPv4; nothing else is in the plan.
pub(super) fn address(of: SocketAddr) -> Option<SocketAddrV4> {
    match of.ip().to_canonical() {
        IpAddr::V4(ip) => Some(SocketAddrV4::new(ip, of.port())),
        IpAddr::V6(_) => None,
    }
}

pub(super) fn link_id(number: usize) -> LinkId {
    LinkId(u32::try_from(number).unwrap_or(u32::MAX))
}

pub(super) fn nanos(of: Duration) -> u64 {
    u64::try_from(of.as_nanos()).unwrap_or(u64::MAX)
}

pub(super) fn seconds(of: u32) -> u64 {
    u64::from(of) * 1_000_000_000
}

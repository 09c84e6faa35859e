//! The network: takes datagrams in, says what arrives where and when.
//!
//! A datagram's whole way is worked out when it is sent: out by the sender's route, through its
//! translator, over the internet, which is instant and loses nothing, to the receiver's carrier.
//! What changes while it is on its way, [`Network::lands`] knows. The network holds no datagram
//! and no clock.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use super::host::Host;
use super::lan::Lan;
use super::limits::{HEADER_BYTES, PAYLOAD_BYTES_MAX};
use super::link::{Arrival, Fate, Link, Pass};
use super::luck::below;
use super::plan::{self, Owner, Plan};
use super::stats::{Cause, Stats};
use super::trace::Trace;

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

/// A datagram that is sent.
struct Trip<'a> {
    now: u64,
    from: usize,
    port: u16,
    to: SocketAddrV4,
    bytes: &'a [u8],
    /// Bytes of the IPv4 packet.
    size: u64,
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

    fn over_carrier(&mut self, trip: &Trip<'_>, slot: usize, out: &mut Vec<Delivery>) {
        let interface = &self.hosts[trip.from].interfaces[slot];
        let (up, stats, blocked) = (interface.up, interface.stats, interface.blocks_up());
        self.stats.interfaces[stats].up.offer(trip.size);
        if let Some(cause) = blocked {
            return self.stats.interfaces[stats].up.drop(cause);
        }
        let arrival = Arrival { now: trip.now, at: trip.now, flow: None, bytes: trip.size };
        let fate = self.links[up].carry(arrival);
        self.stats.interfaces[stats].up.repeated += u64::from(fate.copy.is_some());
        for pass in passes(&fate) {
            let crossed = pass.and_then(|pass| self.cross(trip, slot, (up, pass), out));
            let counters = &mut self.stats.interfaces[stats].up;
            match crossed {
                Ok(()) => counters.pass(trip.size),
                Err(cause) => counters.drop(cause),
            }
        }
    }

    /// From the sender's carrier through its translator to the receiver's carrier.
    fn cross(
        &mut self,
        trip: &Trip<'_>,
        slot: usize,
        (up, pass): (usize, Pass),
        out: &mut Vec<Delivery>,
    ) -> Result<(), Cause> {
        let interface = &mut self.hosts[trip.from].interfaces[slot];
        let port = match &mut interface.nat {
            Some(nat) => nat.leave(pass.arrives, trip.port).ok_or(Cause::Nat)?,
            None => trip.port,
        };
        let from = SocketAddr::V4(SocketAddrV4::new(interface.public, port));
        let owner = self.plan.owner(*trip.to.ip()).ok_or(Cause::Nowhere)?;
        if self.is_cut(trip.from, owner.host) {
            return Err(Cause::Cut);
        }
        self.come_down(trip, from, owner, (up, pass), out);
        Ok(())
    }

    fn come_down(
        &mut self,
        trip: &Trip<'_>,
        from: SocketAddr,
        owner: Owner,
        (up, up_pass): (usize, Pass),
        out: &mut Vec<Delivery>,
    ) {
        let Owner { host, slot } = owner;
        let interface = &self.hosts[host].interfaces[slot];
        let counters = &mut self.stats.interfaces[interface.stats].down;
        counters.offer(trip.size);
        let port = match &interface.nat {
            Some(nat) => nat.enter(up_pass.arrives, trip.to.port()).ok_or(Cause::Nat),
            None => Ok(trip.to.port()),
        };
        let to = match interface.blocks_down().map_or(port, Err) {
            Ok(port) => SocketAddr::V4(SocketAddrV4::new(interface.address, port)),
            Err(cause) => return counters.drop(cause),
        };
        let flow = u32::try_from(up).ok();
        let arrival = Arrival { now: trip.now, at: up_pass.arrives, flow, bytes: trip.size };
        let fate = self.links[interface.down].carry(arrival);
        counters.repeated += u64::from(fate.copy.is_some());
        for pass in passes(&fate) {
            let Ok(down_pass) = pass.inspect_err(|cause| counters.drop(*cause)) else { continue };
            counters.pass(trip.size);
            out.push(Delivery {
                at: Duration::from_nanos(down_pass.arrives),
                host,
                sender: trip.from,
                from,
                to,
                bytes: flipped(trip.bytes, [up_pass.flip, down_pass.flip]),
                link: link_id(interface.down),
                way: Way::Internet { up, up_pass, slot, down_pass },
            });
        }
    }

    fn over_lan(&mut self, trip: &Trip<'_>, lan: usize, host: usize, out: &mut Vec<Delivery>) {
        let ends = (self.hosts[trip.from].on(lan), self.hosts[host].on(lan));
        let (Some(near), Some(far)) = ends else { return };
        let cut = self.is_cut(trip.from, host);
        let place = self.lans[lan].place(near.member, far.member);
        let link = link_id(self.lans[lan].first_link + place);
        let arrival = Arrival { now: trip.now, at: trip.now, flow: None, bytes: trip.size };
        let fate = self.lans[lan].link(place).carry(arrival);
        let interfaces = &mut self.stats.interfaces;
        interfaces[near.stats].up.offer(trip.size);
        interfaces[near.stats].up.repeated += u64::from(fate.copy.is_some());
        for pass in passes(&fate) {
            let pass = match pass.and_then(|pass| if cut { Err(Cause::Cut) } else { Ok(pass) }) {
                Ok(pass) => pass,
                Err(cause) => {
                    interfaces[near.stats].up.drop(cause);
                    continue;
                }
            };
            interfaces[near.stats].up.pass(trip.size);
            interfaces[far.stats].down.offer(trip.size);
            interfaces[far.stats].down.pass(trip.size);
            out.push(Delivery {
                at: Duration::from_nanos(pass.arrives),
                host,
                sender: trip.from,
                from: SocketAddr::from((plan::on_lan(lan, trip.from), trip.port)),
                to: SocketAddr::V4(trip.to),
                bytes: flipped(trip.bytes, [pass.flip, None]),
                link,
                way: Way::Lan { lan, place, pass },
            });
        }
    }
}

/// How a datagram leaves its host.
pub(super) enum Exit {
    /// By the interface at that place.
    Carrier(usize),
    /// Over a LAN, to a host on it.
    Lan { lan: usize, host: usize },
}

fn passes(fate: &Fate) -> impl Iterator<Item = Result<Pass, Cause>> {
    [Some(fate.first), fate.copy].into_iter().flatten()
}

/// A copy of the payload with the drawn bits flipped.
fn flipped(bytes: &[u8], flips: [Option<u32>; 2]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for draw in flips.into_iter().flatten() {
        let bit = below(draw, bytes.len() as u64 * 8);
        let at = usize::try_from(bit / 8).unwrap_or_default();
        bytes.get_mut(at).into_iter().for_each(|byte| *byte ^= 1 << (bit % 8));
    }
    bytes
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

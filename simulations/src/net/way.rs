//! The way of one datagram: out of its host, over the internet or a LAN, into another.
//!
//! It is worked out at once; each direction of each interface on it counts what becomes of it.

use std::net::{SocketAddr, SocketAddrV4};
use std::time::Duration;

use super::link::{Arrival, Fate, Pass};
use super::luck::below;
use super::network::{Delivery, Network, Way, link_id};
use super::plan::{self, Owner};
use super::stats::Cause;

/// A datagram that is sent.
pub(super) struct Trip<'a> {
    pub now: u64,
    pub from: usize,
    pub port: u16,
    pub to: SocketAddrV4,
    pub bytes: &'a [u8],
    /// Bytes of the IPv4 packet.
    pub size: u64,
}

impl Network {
    pub(super) fn over_carrier(&mut self, trip: &Trip<'_>, slot: usize, out: &mut Vec<Delivery>) {
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

    pub(super) fn over_lan(
        &mut self,
        trip: &Trip<'_>,
        lan: usize,
        host: usize,
        out: &mut Vec<Delivery>,
    ) {
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

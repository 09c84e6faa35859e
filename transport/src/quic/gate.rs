//! How many connections and handshakes peers may hold, in all and from one source.
//!
//! A count and nothing else: it opens no connection and closes none.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::limits::{
    CONNECTIONS_MAX, CONNECTIONS_PER_SOURCE_MAX, HANDSHAKES_MAX, HANDSHAKES_PER_SOURCE_MAX,
};

/// Connections, and how many of them are still in their handshake.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Count {
    connections: usize,
    handshakes: usize,
}

#[derive(Debug, Default)]
struct Counts {
    all: Count,
    /// Only sources that hold something.
    sources: BTreeMap<IpAddr, Count>,
}

/// Hands out seats while there are any.
#[derive(Debug, Clone, Default)]
pub struct Gate(Arc<Mutex<Counts>>);

/// The right to one connection; given back when dropped.
#[derive(Debug)]
pub struct Seat {
    gate: Gate,
    source: IpAddr,
    in_handshake: bool,
}

impl Gate {
    /// A seat for a handshake from `address`, or none when its source or all hold too many.
    pub fn enter(&self, address: IpAddr) -> Option<Seat> {
        let source = source(address);
        let mut counts = self.lock();
        let (all, own) = (counts.all, counts.sources.get(&source).copied().unwrap_or_default());
        let full = all.connections >= CONNECTIONS_MAX
            || all.handshakes >= HANDSHAKES_MAX
            || own.connections >= CONNECTIONS_PER_SOURCE_MAX
            || own.handshakes >= HANDSHAKES_PER_SOURCE_MAX;
        if full {
            return None;
        }
        counts.change(source, |count| {
            count.connections += 1;
            count.handshakes += 1;
        });
        drop(counts);
        Some(Seat { gate: self.clone(), source, in_handshake: true })
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        // No change can panic halfway, so the counts are whole even then.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn change(&mut self, source: IpAddr, change: impl Fn(&mut Count)) {
        change(&mut self.all);
        let own = self.sources.entry(source).or_default();
        change(own);
        if *own == Count::default() {
            self.sources.remove(&source);
        }
    }
}

impl Seat {
    /// The handshake is over; the connection stays.
    pub fn settle(&mut self) {
        if std::mem::take(&mut self.in_handshake) {
            self.gate.lock().change(self.source, |count| count.handshakes -= 1);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.settle();
        self.gate.lock().change(self.source, |count| count.connections -= 1);
    }
}

/// Who is counted together: an IPv4 address, or the /64 that one IPv6 host can fill at will.
fn source(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn crowd(gate: &Gate, text: &str) -> Vec<Seat> {
        std::iter::from_fn(|| gate.enter(address(text))).collect()
    }

    #[test]
    fn one_source_cannot_take_every_handshake() {
        let gate = Gate::default();
        let seats = crowd(&gate, "192.0.2.1");
        assert_eq!(seats.len(), HANDSHAKES_PER_SOURCE_MAX);
        assert!(gate.enter(address("192.0.2.2")).is_some());
        assert!(gate.enter(address("::ffff:192.0.2.1")).is_none(), "the same host in IPv6 clothes");
    }

    #[test]
    fn all_sources_together_are_bounded_too() {
        let gate = Gate::default();
        let hosts = 0..=u8::MAX;
        let seats: Vec<_> = hosts.flat_map(|n| crowd(&gate, &format!("192.0.2.{n}"))).collect();
        assert_eq!(seats.len(), HANDSHAKES_MAX);
    }

    #[test]
    fn settled_connections_count_until_they_end() {
        let gate = Gate::default();
        let mut seats = Vec::new();
        while let Some(mut seat) = gate.enter(address("192.0.2.1")) {
            seat.settle();
            seats.push(seat);
        }
        assert_eq!(seats.len(), CONNECTIONS_PER_SOURCE_MAX);
        seats.pop();
        assert!(gate.enter(address("192.0.2.1")).is_some());
    }

    #[test]
    fn neighbours_in_one_ipv6_network_share_their_seats() {
        let gate = Gate::default();
        let _seats = crowd(&gate, "2001:db8::1");
        assert!(gate.enter(address("2001:db8::ffff:2")).is_none());
        assert!(gate.enter(address("2001:db8:0:1::1")).is_some());
    }

    #[test]
    fn nothing_is_remembered_of_sources_that_left() {
        let gate = Gate::default();
        drop(crowd(&gate, "192.0.2.1"));
        let counts = gate.lock();
        assert!(counts.sources.is_empty());
        assert_eq!(counts.all, Count::default());
    }
}

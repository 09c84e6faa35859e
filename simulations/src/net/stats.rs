//! What passed and what did not, and why: per interface and direction.
//!
//! Counts only; nothing is decided by them.

/// Why a datagram did not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(usize)]
pub enum Cause {
    /// Larger than the MTU.
    Mtu,
    /// The metered plan is used up.
    Cap,
    /// The queue was full.
    Queue,
    /// Lost at random.
    Lost,
    /// Lost in a burst.
    Burst,
    /// The interface looks up and is dead.
    Silent,
    /// A portal wants a login.
    Captive,
    /// The receiver's interface is down.
    Down,
    /// The two hosts are cut off from each other.
    Cut,
    /// No mapping of the translator, or none left.
    Nat,
    /// Nobody has that address.
    Nowhere,
    /// On its way when what it was on its way over went away.
    Flight,
}

/// Names of causes, in their order.
const NAMES: [&str; 12] = [
    "mtu", "cap", "queue", "lost", "burst", "silent", "captive", "down", "cut", "nat", "nowhere",
    "flight",
];

impl Cause {
    /// What it is called in reports.
    pub fn name(self) -> &'static str {
        NAMES[self as usize]
    }
}

/// One direction of an interface. `offered + repeated == passed + dropped`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// Datagrams that wanted to pass.
    pub offered: u64,
    /// Their bytes, headers of IPv4 and UDP included.
    pub offered_bytes: u64,
    /// Copies that the link added.
    pub repeated: u64,
    /// Datagrams that passed, copies included.
    pub passed: u64,
    /// Their bytes.
    pub passed_bytes: u64,
    drops: [u64; NAMES.len()],
}

impl Counters {
    /// How many did not pass because of that.
    pub fn dropped_by(&self, cause: Cause) -> u64 {
        self.drops[cause as usize]
    }

    /// How many did not pass.
    pub fn dropped(&self) -> u64 {
        self.drops.iter().sum()
    }

    /// Every cause by its name, and how many did not pass because of it.
    pub fn drops(&self) -> impl Iterator<Item = (&'static str, u64)> {
        NAMES.into_iter().zip(self.drops)
    }

    pub(super) fn offer(&mut self, bytes: u64) {
        self.offered += 1;
        self.offered_bytes += bytes;
    }

    pub(super) fn pass(&mut self, bytes: u64) {
        self.passed += 1;
        self.passed_bytes += bytes;
    }

    pub(super) fn drop(&mut self, cause: Cause) {
        self.drops[cause as usize] += 1;
    }

    /// It had passed, and was lost after all.
    pub(super) fn take_back(&mut self, bytes: u64) {
        self.passed = self.passed.saturating_sub(1);
        self.passed_bytes = self.passed_bytes.saturating_sub(bytes);
        self.drop(Cause::Flight);
    }
}

/// An interface of a host: to a carrier, or to a LAN.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InterfaceStats {
    /// The host.
    pub host: usize,
    /// The carrier or the LAN.
    pub over: String,
    /// It is a LAN. Its `up` has the links to all others on it, its `down` what came from them.
    pub lan: bool,
    /// From the host: to the internet and on to the receiver's carrier, or over the LAN.
    pub up: Counters,
    /// To the host.
    pub down: Counters,
}

/// Everything that is counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Interfaces, by host; of each first carriers, then LANs, as the topology has them.
    pub interfaces: Vec<InterfaceStats>,
    /// Per host: datagrams that had no way out, or are larger than UDP over IPv4 allows. A real
    /// socket would have said so.
    pub unsent: Vec<u64>,
    /// Changes that named a host, a carrier, a LAN or a trace that is not there, and did nothing;
    /// [`super::Topology::check_change`] finds those in time.
    pub void_changes: u64,
}

impl Stats {
    /// The counts of a host's interface to a carrier or a LAN.
    pub fn of(&self, host: usize, over: &str) -> Option<&InterfaceStats> {
        self.interfaces.iter().find(|stats| stats.host == host && stats.over == over)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_is_counted_under_its_name() {
        let mut counters = Counters::default();
        counters.drop(Cause::Mtu);
        counters.drop(Cause::Flight);
        counters.drop(Cause::Flight);
        let named: Vec<_> = counters.drops().filter(|(_, count)| *count > 0).collect();
        assert_eq!(named, [("mtu", 1), ("flight", 2)]);
        assert_eq!((counters.dropped(), counters.dropped_by(Cause::Flight)), (3, 2));
        assert_eq!(Cause::Flight.name(), "flight");
    }
}

//! A network that can break: links, carriers, translators, routes, LANs, in virtual time.
//!
//! Pure: time comes in, deliveries come out. It never waits, reads no clock and opens no socket,
//! and every random number comes from the seed that it was made with.

mod build;
mod busy;
mod change;
mod check;
mod host;
mod impossible;
mod lan;
pub mod limits;
mod link;
mod luck;
mod nat;
mod network;
pub mod pcap;
mod plan;
mod spec;
mod stats;
mod trace;
mod view;
mod way;

#[cfg(test)]
mod tests;

pub use check::{HasTrace, INTERNET};
pub use impossible::TopologyError;
pub use network::{Delivery, LinkId, Network};
pub use spec::{Burst, CarrierSpec, Change, HostNet, LanSpec, LinkSpec, NatSpec, Topology};
pub use stats::{Cause, Counters, InterfaceStats, Stats};
pub use trace::{Trace, TraceError};
pub use view::LinkName;

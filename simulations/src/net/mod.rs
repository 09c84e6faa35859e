//! A network that can break: links, carriers, translators, routes, LANs, in virtual time.
//!
//! Pure: time comes in, deliveries come out. It never waits, reads no clock and opens no socket,
//! and every random number comes from the seed that it was made with.

mod check;
pub mod limits;
mod spec;

pub use check::{HasTrace, INTERNET, TopologyError};
pub use spec::{Burst, CarrierSpec, Change, HostNet, LanSpec, LinkSpec, NatSpec, Topology};

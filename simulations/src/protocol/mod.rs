//! The protocol-level tier: real stall and hub cores over a message network, in virtual time.
//!
//! QUIC, HTTP and disks are replaced; sessions, routing, replicas and the business are the code
//! that runs in production. One seed gives one run, event by event.
//!
//! - [`world`]: hosts, time, and the queue of what happens next.
//! - [`host`]: one machine with a core and a store that can lose what was not synced.
//! - [`network`]: links that delay, lose, repeat and reorder, and may be cut.
//! - [`tenant`]: keys, charter and grants of a made-up market.
//! - [`checks`]: what must hold, all the time and at the end.
//! - [`scenario`]: a market night with faults, drawn from a seed.

pub mod checks;
pub mod host;
pub mod network;
pub mod scenario;
pub mod tenant;
pub mod world;

#[cfg(test)]
mod tests;

//! Sync between devices: sessions, routing, the wire, QUIC, and the contract with the world.
//!
//! Events are carried here without being interpreted.
//!
//! # Layout
//!
//! - [`mod@env`]: what a daemon may touch; implemented by the shell and by the simulator.
//! - [`wire`]: messages and their bytes.
//! - [`session`]: one peer, as a pure state machine.
//! - [`router`]: every session of a device, and their way into the replica; pure.
//! - [`device`]: replica, router and the pipeline to the disk, under both daemons; pure.
//! - [`backoff`]: when to dial again; pure.
//! - [`quic`]: connections; the only place that knows quinn.
//! - [`limits`]: every bound.

pub mod backoff;
pub mod device;
pub mod env;
pub mod limits;
pub mod quic;
pub mod router;
pub mod session;
pub mod wire;

//! Simulations of Tentpole: the same code, in a world that can break.
//!
//! - [`protocol`]: the protocol-level tier: real cores over a lossy message network, in virtual
//!   time, for thousands of seeds.
//! - [`market`]: every real basket through the protocol-level tier.
//! - [`escrow`]: promise rights on a real year, on stalls that are cut off from each other.
//! - [`replay`]: the demo: real binaries, real sockets, real sales.
//! - [`bench`]: what is measured.
//! - [`shrink`], [`case`]: a failing run made small, and made a test.
//! - [`sales`]: real and made-up sales to do all this with.

pub mod bench;
pub mod case;
pub mod checkers;
pub mod escrow;
pub mod histories;
pub mod market;
pub mod net;
pub mod protocol;
pub mod record;
pub mod reference;
pub mod replay;
pub mod run;
pub mod sales;
pub mod scenario;
pub mod shrink;
pub mod world;

//! The full-stack tier: real cores under the real driver and the real QUIC, in virtual time.
//!
//! One process, one thread. Daemons reach the world through [`env::SimEnv`] alone, as in production
//! through the shell's; so clocks, timers, tasks, randomness, sockets and disks are the world's.
//!
//! - [`stage`]: the world: hosts from a plan, time, what is done to them.
//! - [`deeds`]: what can be done to a host. [`hostile`]: a stranger that is none of them.
//! - [`env`](mod@env), [`socket`], [`drive`]: what a daemon sees.
//! - [`machine`], [`watched`]: a daemon, and how it is looked at without asking.
//! - [`stranger`]: machines that nobody has granted anything.
//! - [`tills`]: who asks stalls, and what they were told.
//! - [`executor`], [`agenda`], [`timers`], [`clock`], [`draw`]: how time passes.
//! - [`universe`], [`body`]: what is behind the lock; [`tap`] writes datagrams down.

pub mod agenda;
pub mod body;
pub mod clock;
pub mod deeds;
pub mod draw;
pub mod drive;
pub mod env;
pub mod executor;
pub mod hostile;
pub mod limits;
pub mod machine;
pub mod socket;
pub mod stage;
pub mod stranger;
pub mod tap;
pub mod tills;
pub mod timers;
pub mod universe;
pub mod watched;

#[cfg(test)]
mod tests;

pub use crate::run::run_text;
pub use stage::{World, WorldError};

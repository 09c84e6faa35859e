//! Generated histories: several devices, everything that can happen to them, and what must hold.
//!
//! Real replicas on stores in memory, no network and no clock: a history is a list of steps, and a
//! failing one shrinks to a short story. The protocol-level tier (`crate::protocol`) runs whole
//! cores; this one runs the replica alone, with every kind of event, honest and lying, and compares
//! its books with `crate::reference` at every commit.

pub(crate) mod books;
mod checks;
mod conserved;
mod deeds;
pub(crate) mod held;
mod machine;
mod runner;
mod steps;
#[cfg(test)]
mod tests;
mod world;

pub use runner::{Failure, Report, draw, run, sweep};
pub use steps::{Deed, Flavour, History, Step, What};

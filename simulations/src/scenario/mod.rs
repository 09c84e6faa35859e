//! Scenarios: a venue, its customers and its misfortunes as data, and what comes of them under a
//! seed.
//!
//! - [`Scenario`] is what a file says; [`read`](read()) reads one, [`find`] knows the built-in
//!   ones too, [`to_toml`] writes one.
//! - [`check`](check()) says what is impossible in it.
//! - [`plan`](plan()) says all that happens in a run, in time order; [`frozen`] makes the faults
//!   that a seed draws part of the file.
//! - [`explain`](explain()) says it in words.
//!
//! Pure: nothing here runs a daemon, waits, or draws from anything but the seed. [`find`] alone
//! reads a file.

mod chance;
mod check;
mod decimal;
mod explain;
mod fault;
mod hosts;
mod ids;
pub mod limits;
mod locate;
mod named;
mod plan;
mod read;
mod set;
mod spec;
mod swarm;
#[cfg(test)]
mod tests;
mod typed;
mod write;

pub use check::check;
pub use decimal::Decimal;
pub use explain::explain;
pub use fault::{Broad, Fault, HostFault, Hostility, Point, What, kinds};
pub use hosts::HostSet;
pub use ids::{Id, IdSet};
pub use named::{built_in, find, list};
pub use plan::{
    Deed, FIRST_CUSTOMER, Goods, Happening, Item, Line, Machine, OPENING, Plan, Refund, Sale,
    Stock, all_faults, frozen, plan, topology,
};
pub use read::{Problem, Problems, ReadError, read};
pub use set::{SetError, set, trace_carrier};
pub use spec::{Control, Group, Peers, Promise, Scenario, Share, Surge, Swarm, Workload};
pub use swarm::{drawn, kinds as swarm_kinds};
pub use typed::Wrong;
pub use write::{WriteError, to_toml};

//! The pure core of Tentpole: events, logs, books, and the store contract.
//!
//! Nothing here touches a socket, a clock, entropy, a thread or a float; time and randomness are
//! arguments. Files are touched in `store::rocks` alone.
//!
//! # Layout
//!
//! One sale goes down this list on the way in:
//!
//! - [`ids`], [`hash`], [`hex`], [`sign`], [`clock`]: names, hashes, keys, timestamps.
//! - [`event`]: what a fact says, and its canonical bytes.
//! - [`log`]: chain, signed heads, segments, version vectors.
//! - [`authority`]: charters, grants, revocations, receipts, fork proofs, join tokens.
//! - [`decide`]: what a till is refused for, before anything is appended.
//! - [`replica`]: the events that a device holds; append, admit, query, verify.
//! - [`projections`]: the books, folded from events.
//! - [`books`]: reading the projections from any view of a store.
//! - `catalogue`: the Automerge document behind items and prices (feature `catalogue`).
//! - [`keys`], [`store`]: the layout of the rows, and the stores that keep them.
//! - [`limits`]: every bound.

pub mod authority;
pub mod books;
#[cfg(feature = "catalogue")]
pub mod catalogue;
pub mod clock;
pub mod decide;
pub mod event;
pub mod hash;
pub mod hex;
pub mod ids;
pub mod keys;
#[cfg(test)]
mod keys_tests;
pub mod limits;
pub mod log;
pub mod projections;
pub mod replica;
pub mod sign;
pub mod store;
#[cfg(test)]
mod testing;

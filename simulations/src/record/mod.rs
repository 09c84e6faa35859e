//! What is kept of a run: its trace, and plain data for its picture.
//!
//! - [`hash`]: one hash over everything that happens.

pub mod hash;

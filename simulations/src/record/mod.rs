//! What is kept of a run: its trace, and plain data for its picture.
//!
//! - [`hash`]: one hash over everything that happens.
//! - [`run`]: a finished run as plain data; [`recorder`] and [`changes`] write it down while it
//!   goes on, in [`bins`] and within [`limits`].
//! - [`marks`]: states that many seeds together must reach.
//! - [`picture`]: a run as one HTML file.

pub mod bins;
pub mod changes;
pub mod hash;
pub mod limits;
#[cfg(test)]
mod made_up;
pub mod marks;
pub mod picture;
pub mod recorder;
pub mod run;

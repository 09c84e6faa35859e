//! A log on its way: chain, signed heads, segments, version vectors.
//!
//! Pure functions over bytes; nothing here reads a store or interprets a payload.

pub mod chain;
pub mod head;
pub mod segment;
#[cfg(test)]
mod segment_tests;
pub mod vector;
mod zstd_frames;

//! Telemetry: measurements, and carriers that come and go.
//!
//! Nothing in the books depends on it.

use serde::{Deserialize, Serialize};

/// Measurements at one instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TelemetrySample {
    /// When: milliseconds since 1970.
    pub at_ms: i64,
    /// Samples that were overwritten before this one because nothing could be sent.
    pub overwritten: u64,
    /// Name and value, in name order.
    pub metrics: Vec<(String, i64)>,
}

/// A carrier came or went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkChanged {
    /// When: milliseconds since 1970.
    pub at_ms: i64,
    /// The carrier, as the configuration names it.
    pub carrier: String,
    /// Whether it carries now.
    pub up: bool,
    /// Why, in words.
    pub reason: String,
}

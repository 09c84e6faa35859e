//! Seasons of the catalogue, price bundles and when they are in force.
//!
//! A bundle is immutable and named by the hash of its content; a sale names the bundle that its
//! amounts came from. Nothing here knows which one is in force.

use serde::{Deserialize, Serialize};

use crate::hash::Hash;

/// A new season's catalogue begins, empty. The highest season holds; of two with one number the
/// first name in order is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeasonOpened {
    /// Counts up from 1; 0 is what was before the first.
    pub season: u32,
    /// What people call it.
    pub name: String,
}

/// A piece of a price bundle: bundles larger than one event travel in several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundlePublished {
    /// The bundle: a hash of all its prices; see `docs/events.md`.
    pub bundle: Hash,
    /// Which piece this is, from 0.
    pub part: u16,
    /// How many there are.
    pub parts: u16,
    /// Its prices, in SKU order over all pieces, each SKU once.
    pub prices: Vec<BundlePrice>,
}

/// The price of one item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundlePrice {
    /// The item.
    pub sku: String,
    /// Minor units per 1000.
    pub price: i64,
}

/// A bundle comes into force at an instant, at every stall of the merchant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PricesScheduled {
    /// The bundle.
    pub bundle: Hash,
    /// From when on: milliseconds since 1970. Of two with one instant the later statement holds.
    pub from_ms: i64,
}

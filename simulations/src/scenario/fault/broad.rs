//! What can happen to many hosts at once. Data only.

use serde::{Deserialize, Serialize};

use crate::scenario::decimal::Decimal;
use crate::scenario::hosts::HostSet;
use crate::scenario::spec::is_default;

/// What can happen to many at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Broad {
    /// A carrier is down for everybody.
    CarrierOutage {
        /// Which.
        carrier: String,
        /// Whether it still looks up.
        #[serde(default, skip_serializing_if = "is_default")]
        silent: bool,
    },
    /// Several carriers are down for everybody.
    Blackout {
        /// Which; all that stalls are on if empty.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        carriers: Vec<String>,
        /// Whether they still look up.
        #[serde(default, skip_serializing_if = "is_default")]
        silent: bool,
    },
    /// Nothing passes between hosts of different sides.
    Partition {
        /// The sides, as in `["0,1..4", "5..8"]`. Hosts on none of them reach everybody.
        sides: Vec<HostSet>,
    },
    /// A carrier of these hosts goes down and comes up again and again.
    Flapping {
        /// Which.
        host: HostSet,
        /// Which of their carriers.
        carrier: String,
        /// How long it is down each time.
        down_seconds: Decimal,
        /// How long it is up in between.
        up_seconds: Decimal,
    },
}

/// Every kind of [`Broad`].
pub(super) const KINDS: &[&str] = &["carrier-outage", "blackout", "partition", "flapping"];

impl Broad {
    /// What it is called in a file.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::CarrierOutage { .. } => "carrier-outage",
            Self::Blackout { .. } => "blackout",
            Self::Partition { .. } => "partition",
            Self::Flapping { .. } => "flapping",
        }
    }
}

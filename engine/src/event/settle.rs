//! The settling of findings: somebody looked at one and said so.
//!
//! It covers exactly the evidence that it names. More evidence opens the finding again.

use serde::{Deserialize, Serialize};

use super::sale::Key;
use crate::hash::Hash;
use crate::ids::EventId;

/// A finding was settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingResolved {
    /// Who asked for it.
    pub key: Key,
    /// The finding.
    pub finding: Hash,
    /// The evidence that it covers.
    pub evidence: Vec<EventId>,
    /// What was done about it, in words.
    pub note: String,
}

//! The body that settles a finding, the same at both daemons.

use engine::event::FindingResolved;
use engine::event::sale::Key;
use engine::hash::Hash;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::problem::Problem;

/// What somebody settles of a finding.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SettleBody {
    /// The events of its evidence that are covered.
    pub evidence: Vec<String>,
    /// What was done about it.
    pub note: String,
}

/// A settlement that stands.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct SettleAnswer {
    /// Its event's id.
    pub resolved: String,
}

impl SettleBody {
    /// The fact that it asks to be stated.
    pub fn into_event(self, key: Key, finding: Hash) -> Result<FindingResolved, Problem> {
        let mut evidence = Vec::new();
        for (at, text) in self.evidence.iter().enumerate() {
            evidence.push(text.parse().map_err(|_| {
                Problem::bad_reference(format!(
                    "evidence[{at}] {text:?} is not an event id; copy it whole from the finding"
                ))
            })?);
        }
        Ok(FindingResolved { key, finding, evidence, note: self.note })
    }
}

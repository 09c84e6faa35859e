//! Version vectors: what a replica holds, as the leaf tips of each log.
//!
//! A leaf implies its ancestors, so a vector says in one message what is there and, against
//! another, what is missing (Parker et al. 1983; leaves in place of counters because a cloned disk
//! can fork a log).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::hash::{self, Hash};
use crate::ids::{Log, Tip};

/// The leaf tips of each log, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionVector(pub BTreeMap<Log, Vec<Tip>>);

impl VersionVector {
    /// The leaves of `log`; none when nothing of it is held.
    pub fn leaves(&self, log: &Log) -> &[Tip] {
        self.0.get(log).map(Vec::as_slice).unwrap_or_default()
    }

    /// Replaces the leaves of `log`.
    pub fn set(&mut self, log: Log, mut leaves: Vec<Tip>) {
        leaves.sort_unstable();
        leaves.dedup();
        self.0.insert(log, leaves);
    }

    /// The hash that a digest and an answer are stated at.
    ///
    /// ```text
    /// for each log, in order: log 82 | leaves u32 LE | for each: epoch 8 LE | seq 8 LE | hash 32
    /// ```
    pub fn hash(&self) -> Hash {
        let mut bytes = Vec::new();
        for (log, leaves) in &self.0 {
            bytes.extend_from_slice(&log.to_bytes());
            bytes.extend_from_slice(&(leaves.len() as u32).to_le_bytes());
            for leaf in leaves {
                bytes.extend_from_slice(&leaf.epoch.0.to_le_bytes());
                bytes.extend_from_slice(&leaf.seq.to_le_bytes());
                bytes.extend_from_slice(&leaf.hash.0);
            }
        }
        hash::VECTOR.of(&[&bytes])
    }

    /// Only the logs that `keep` accepts.
    pub fn filtered(&self, mut keep: impl FnMut(&Log) -> bool) -> Self {
        Self(self.0.iter().filter(|(log, _)| keep(log)).map(|(l, t)| (*l, t.clone())).collect())
    }
}

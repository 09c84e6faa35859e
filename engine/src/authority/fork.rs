//! Fork proofs: evidence, checkable by anyone, that a device's log has two branches.
//!
//! A proof names one parent and, for each side, the content hashes from the parent up to a signed
//! head. A commit group closes within 64 events, so a side is never long. An honest device can
//! sign only one side; two sides mean that its disk was cloned or restored, or its key stolen.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::hash::{self, Hash};
use crate::ids::{Epoch, Log, Signature, Tip};
use crate::limits::GROUP_EVENTS_MAX;
use crate::log::chain;
use crate::log::head;

/// Both sides of a fork.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForkProof {
    /// The log that forked.
    pub log: Log,
    /// The last place that both sides share.
    pub parent: Tip,
    /// One side; its first chain hash is the lower one.
    pub a: ForkSide,
    /// The other.
    pub b: ForkSide,
}

/// One side of a fork: from the parent up to a signed head.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForkSide {
    /// The epoch of the side: the parent's, or one that opens on it.
    pub epoch: Epoch,
    /// Content hashes of the events after the parent, the last one at the head.
    pub contents: Vec<Hash>,
    /// The device's signature on that head.
    pub signature: Signature,
}

/// Why a fork proof proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ForkProofError {
    /// A side is empty or longer than a commit group.
    #[error("a side of the fork proof has no event or more than {GROUP_EVENTS_MAX}")]
    BadLength,
    /// The sides are one, or not in order.
    #[error("the sides of the fork proof do not part at its parent, lower one first")]
    NoFork,
    /// A signature does not hold.
    #[error("a signed head in the fork proof does not hold")]
    BadSignature,
}

impl ForkProof {
    /// Checks the proof and returns the fork's id, the same for every proof of the same fork.
    pub fn verify(&self) -> Result<Hash, ForkProofError> {
        let mut first = [Hash::default(); 2];
        for (side, first) in [&self.a, &self.b].into_iter().zip(&mut first) {
            *first = self.check_side(side)?;
        }
        if first[0] >= first[1] {
            return Err(ForkProofError::NoFork);
        }
        Ok(id(&self.log, &self.parent))
    }

    fn check_side(&self, side: &ForkSide) -> Result<Hash, ForkProofError> {
        if side.contents.is_empty() || side.contents.len() > GROUP_EVENTS_MAX {
            return Err(ForkProofError::BadLength);
        }
        let start = chain::start(&self.log, side.epoch, &self.parent);
        let first = chain::link(&start, &side.contents[0]);
        let last = side.contents[1..].iter().fold(first, |at, content| chain::link(&at, content));
        let seq = self.parent.seq.saturating_add(side.contents.len() as u64);
        let tip = Tip { epoch: side.epoch, seq, hash: last };
        if head::verify(&self.log, &tip, &side.signature) {
            Ok(first)
        } else {
            Err(ForkProofError::BadSignature)
        }
    }
}

/// The id of the fork of `log` at `parent`.
pub fn id(log: &Log, parent: &Tip) -> Hash {
    hash::FORK.of(&[&log.id().0, &parent.hash.0])
}

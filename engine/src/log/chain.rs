//! The hash chain of a branch.
//!
//! ```text
//! content   = BLAKE3 derive-key "tentpole v1 event content" (canonical bytes)
//! h[i]      = BLAKE3 derive-key "tentpole v1 chain" (h[i-1] 32 | content 32)
//! h[b]      = BLAKE3 derive-key "tentpole v1 branch base"
//!             (log 82 | epoch 8 LE | b 8 LE | parent epoch 8 LE | parent hash 32)
//! ```
//!
//! b is the parent's seq, 0 without a parent (then parent epoch and hash are zero). The epoch-open
//! is event b+1, so a head proves its ancestors across epochs.

use crate::hash::{self, Hash};
use crate::ids::{Epoch, Log, Tip};

/// The content hash of an event's canonical bytes.
pub fn content(bytes: &[u8]) -> Hash {
    hash::CONTENT.of(&[bytes])
}

/// The chain hash that follows `previous` with an event of this content.
pub fn link(previous: &Hash, content: &Hash) -> Hash {
    hash::CHAIN.of(&[&previous.0, &content.0])
}

/// The chain hash before the first event of the branch of `epoch` on top of `parent`.
pub fn base(log: &Log, epoch: Epoch, parent: &Tip) -> Hash {
    hash::BASE.of(&[
        &log.to_bytes(),
        &epoch.0.to_le_bytes(),
        &parent.seq.to_le_bytes(),
        &parent.epoch.0.to_le_bytes(),
        &parent.hash.0,
    ])
}

/// The chain hash that an event of `epoch` right after `parent` links to: the parent's own within
/// its epoch, a new base where the epoch begins.
pub fn start(log: &Log, epoch: Epoch, parent: &Tip) -> Hash {
    let same_branch = epoch == parent.epoch && *parent != Tip::ROOT;
    if same_branch { parent.hash } else { base(log, epoch, parent) }
}

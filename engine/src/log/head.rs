//! Signed heads: the device's word for everything up to a place in its log.
//!
//! ```text
//! "tentpole v1 signed head" 23 | log 82 | epoch 8 LE | seq 8 LE | h 32      signed with Ed25519
//! ```

use crate::ids::{LOG_BYTES, Log, Signature, Tip};
use crate::sign::{self, Keypair};

const CONTEXT: &[u8; 23] = b"tentpole v1 signed head";

fn message(log: &Log, tip: &Tip) -> [u8; 23 + LOG_BYTES + 8 + 8 + 32] {
    let mut out = [0; 23 + LOG_BYTES + 48];
    out[..23].copy_from_slice(CONTEXT);
    let (log_part, tip_part) = out[23..].split_at_mut(LOG_BYTES);
    log_part.copy_from_slice(&log.to_bytes());
    tip_part[..8].copy_from_slice(&tip.epoch.0.to_le_bytes());
    tip_part[8..16].copy_from_slice(&tip.seq.to_le_bytes());
    tip_part[16..].copy_from_slice(&tip.hash.0);
    out
}

/// Signs the head of `log` at `tip`.
pub fn sign(key: &Keypair, log: &Log, tip: &Tip) -> Signature {
    key.sign(&message(log, tip))
}

/// Whether the log's device signed its head at `tip`.
pub fn verify(log: &Log, tip: &Tip, signature: &Signature) -> bool {
    sign::verify(&log.device.0, &message(log, tip), signature)
}

//! BLAKE3 with one derive-key context for each purpose, so that no hash can pass for another.
//!
//! This module hashes bytes it is given; it never decides what is hashed.

use std::sync::LazyLock;

use crate::hex::fixed_bytes;

fixed_bytes! {
    /// A BLAKE3 hash, 32 bytes.
    #[derive(Default)]
    pub struct Hash(32);
}

/// A purpose: BLAKE3 in derive-key mode with a context string that is part of the format.
pub struct Purpose(LazyLock<blake3::Hasher>);

impl Purpose {
    /// The hash of the concatenated `parts`. Callers give parts of fixed length, or one part.
    pub fn of(&self, parts: &[&[u8]]) -> Hash {
        let mut hasher = LazyLock::force(&self.0).clone();
        for part in parts {
            hasher.update(part);
        }
        Hash(*hasher.finalize().as_bytes())
    }
}

macro_rules! purposes {
    ($($(#[$doc:meta])* $name:ident = $context:literal;)*) => {$(
        $(#[$doc])*
        pub static $name: Purpose =
            Purpose(LazyLock::new(|| blake3::Hasher::new_derive_key($context)));
    )*};
}

purposes! {
    /// One event's canonical bytes.
    CONTENT = "tentpole v1 event content";
    /// `previous chain hash 32 | content hash 32`.
    CHAIN = "tentpole v1 chain";
    /// The start of a branch; see `log::chain`.
    BASE = "tentpole v1 branch base";
    /// A log's 82 bytes.
    LOG_ID = "tentpole v1 log id";
    /// A merchant's name.
    MERCHANT = "tentpole v1 merchant id";
    /// A version vector; see `log::vector`.
    VECTOR = "tentpole v1 version vector";
    /// `key length u32 LE | key | value` of one projection row.
    ROW = "tentpole v1 projection row";
    /// An Automerge actor: `device 32 | epoch 8 LE`.
    ACTOR = "tentpole v1 automerge actor";
    /// The proof key of a join token's secret.
    JOIN_KEY = "tentpole v1 join key";
    /// `proof key 32 | TLS exporter 32 | device 32`.
    JOIN_PROOF = "tentpole v1 join proof";
    /// A device's public key, as a join token pins it.
    KEY_PIN = "tentpole v1 key pin";
    /// A finding: `rule u8 | subject`.
    FINDING = "tentpole v1 finding";
    /// What stated books hold at; see `replica::statement`.
    STATED_AT = "tentpole v1 statement at";
    /// What stated books come to.
    STATED_BOOKS = "tentpole v1 statement books";
    /// A fork: `log id 16 | parent hash 32`.
    FORK = "tentpole v1 fork";
    /// A price bundle: the canonical bytes of the list of its (SKU, price).
    PRICE_BUNDLE = "tentpole v1 price bundle";
    /// A forfeit: the canonical bytes of its signed document.
    FORFEIT = "tentpole v1 forfeit";
}

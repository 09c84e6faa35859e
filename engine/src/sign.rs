//! Ed25519 (RFC 8032) keys and strict verification.
//!
//! Keys are built from 32 seed bytes that the caller drew and keeps; they are never printed.

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};

use crate::ids::{DeviceId, Signature, TenantId};

/// A private key: a device's, or a tenant's root.
#[derive(Clone)]
pub struct Keypair(SigningKey);

impl Keypair {
    /// The key with this seed.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The public half, as a device.
    pub fn device(&self) -> DeviceId {
        DeviceId(self.0.verifying_key().to_bytes())
    }

    /// The public half, as a tenant's root.
    pub fn tenant(&self) -> TenantId {
        TenantId(self.0.verifying_key().to_bytes())
    }

    /// Signs `message`, which starts with a context of its own type.
    pub fn sign(&self, message: &[u8]) -> Signature {
        Signature(self.0.sign(message).to_bytes())
    }
}

impl std::fmt::Debug for Keypair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keypair({:?}, private)", self.device())
    }
}

/// True when `signature` is `public`'s on `message`. Strict: refuses small-order keys and
/// malleable forms, so that every replica agrees.
pub fn verify(public: &[u8; 32], message: &[u8], signature: &Signature) -> bool {
    VerifyingKey::from_bytes(public).is_ok_and(|key| {
        let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
        key.verify_strict(message, &signature).is_ok()
    })
}

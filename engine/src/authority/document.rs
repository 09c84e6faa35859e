//! Signed documents: a body in canonical bytes, its signer, its signature.
//!
//! ```text
//! signed      kind u8 | body bytes | signer 32 | signature 64
//! what is signed      "tentpole v1 document" | kind u8 | body
//! ```
//!
//! A charter is signed by the tenant's root key; everything else by a control that a charter names.

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::event::codec::{self, CodecError};
use crate::event::sale::Quantity;
use crate::ids::{DeviceId, Lane, Log, Scope, Signature, TenantId, Tip};
use crate::limits::DOCUMENT_BYTES_MAX;
use crate::sign::{self, Keypair};

const CONTEXT: &[u8] = b"tentpole v1 document";

/// A document with its signature. Its fields are checked by [`SignedDocument::open`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedDocument {
    kind: u8,
    body: Vec<u8>,
    signer: DeviceId,
    signature: Signature,
}

/// Why a document is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// Its body is longer than any document.
    #[error("the {0} is longer than {DOCUMENT_BYTES_MAX} bytes; name fewer logs in it")]
    TooLarge(&'static str),
    /// It is of another kind.
    #[error("this is not a {0}; the sender's program is at fault")]
    OtherKind(&'static str),
    /// Its signature does not hold.
    #[error("the signature on the {0} does not hold; it was altered or made by another key")]
    BadSignature(&'static str),
    /// Its signer is not entitled.
    #[error("the {0} was not signed by a key entitled to; expected a control of this tenant")]
    OtherSigner(&'static str),
    /// It belongs to another tenant.
    #[error("the {0} is another tenant's; join this tenant with a token of its own")]
    OtherTenant(&'static str),
    /// Its body does not decode.
    #[error(transparent)]
    Codec(#[from] CodecError),
}

/// A body that can be signed.
pub trait Document: Serialize + DeserializeOwned {
    /// Part of what is signed, so that no kind can pass for another.
    const KIND: u8;
    /// What people call it.
    const NAME: &'static str;
}

/// Which controls speak for a tenant. The highest serial wins.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Charter {
    /// The tenant: the root's public key.
    pub tenant: TenantId,
    /// Counts up with each charter.
    pub serial: u64,
    /// What people call the tenant.
    pub name: String,
    /// The market's currency, an ISO 4217 code.
    pub currency: [u8; 3],
    /// Its controls.
    pub controls: BTreeSet<DeviceId>,
    /// Former controls, with the last leaves of each of their logs.
    pub removed: Vec<(DeviceId, Vec<LogLeaves>)>,
}

/// What a device is in the tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// A stall's node.
    Stall,
    /// The central aggregator.
    Control,
}

/// A log, up to these leaves.
pub type LogLeaves = (Log, Vec<Tip>);

/// A scope and a lane that may be read or written.
pub type Right = (Scope, Lane);

/// A device's rights.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Grant {
    /// The tenant.
    pub tenant: TenantId,
    /// Who is granted.
    pub device: DeviceId,
    /// What people call it.
    pub name: String,
    /// What people call its merchant.
    pub merchant: String,
    /// What it is.
    pub role: Role,
    /// What it may hold.
    pub reads: BTreeSet<Right>,
    /// What it may append to.
    pub writes: BTreeSet<Right>,
    /// When it was signed, milliseconds since 1970; of two grants the later one holds.
    pub issued_ms: u64,
    /// Milliseconds since 1970; past it sync stops, selling does not.
    pub not_after_ms: u64,
}

/// The end of a device's rights, with the last leaves accepted from it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Revocation {
    /// The tenant.
    pub tenant: TenantId,
    /// Who is revoked.
    pub device: DeviceId,
    /// When, milliseconds since 1970.
    pub at_ms: u64,
    /// The last accepted leaves of each of its logs; what lies beyond is disputed.
    pub leaves: Vec<LogLeaves>,
}

/// A control's word that a log is durable with it, up to these leaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The control.
    pub control: DeviceId,
    /// The log.
    pub log: Log,
    /// What it holds of it.
    pub leaves: Vec<Tip>,
    /// When, milliseconds since 1970; of two receipts the later one holds.
    pub at_ms: u64,
}

/// The end of a lost device's promise rights. Its late sales are still accepted, so the quantities
/// named here are the most that can be sold twice.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Forfeit {
    /// The tenant.
    pub tenant: TenantId,
    /// The merchant whose stock it is.
    pub scope: Scope,
    /// Who loses the rights.
    pub device: DeviceId,
    /// The last leaves that were known of its ledger.
    pub leaves: Vec<LogLeaves>,
    /// SKU and thousandths of each item.
    pub lines: Vec<(String, Quantity)>,
    /// Who has the rights from now on.
    pub to: DeviceId,
    /// When, milliseconds since 1970.
    pub at_ms: u64,
}

macro_rules! documents {
    ($($body:ident $kind:literal $name:literal;)*) => {$(
        impl Document for $body {
            const KIND: u8 = $kind;
            const NAME: &'static str = $name;
        }
    )*};
}

documents! {
    Charter 1 "charter";
    Grant 2 "grant";
    Revocation 3 "revocation";
    Receipt 4 "receipt";
    Forfeit 5 "forfeit";
}

impl SignedDocument {
    /// Signs `body` with `key`.
    pub fn sign<D: Document>(body: &D, key: &Keypair) -> Result<Self, DocumentError> {
        let body = codec::encode(body)?;
        if body.len() > DOCUMENT_BYTES_MAX {
            return Err(DocumentError::TooLarge(D::NAME));
        }
        let signature = key.sign(&signed_bytes(D::KIND, &body));
        Ok(Self { kind: D::KIND, body, signer: key.device(), signature })
    }

    /// Checks the kind, the signature and the body, and returns the body with its signer. Whether
    /// that signer was entitled is the caller's to decide; see [`crate::authority::Rights`].
    pub fn open<D: Document>(&self) -> Result<(D, DeviceId), DocumentError> {
        if self.kind != D::KIND {
            return Err(DocumentError::OtherKind(D::NAME));
        }
        if self.body.len() > DOCUMENT_BYTES_MAX {
            return Err(DocumentError::TooLarge(D::NAME));
        }
        let message = signed_bytes(self.kind, &self.body);
        if !sign::verify(&self.signer.0, &message, &self.signature) {
            return Err(DocumentError::BadSignature(D::NAME));
        }
        Ok((codec::decode(D::NAME, &self.body)?, self.signer))
    }

    /// Reads the body of a document that was checked when it was stored.
    pub fn reopen<D: Document>(&self) -> Result<D, DocumentError> {
        if self.kind == D::KIND {
            Ok(codec::decode(D::NAME, &self.body)?)
        } else {
            Err(DocumentError::OtherKind(D::NAME))
        }
    }
}

fn signed_bytes(kind: u8, body: &[u8]) -> Vec<u8> {
    [CONTEXT, &[kind], body].concat()
}

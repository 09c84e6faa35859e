//! Who may do what: charters, grants, revocations, receipts, fork proofs.
//!
//! Each is a self-contained signed document that is verified before anything is done with it.
//! Nothing here looks at a log or a clock.

pub mod document;
pub mod fork;
pub mod join;
pub mod rights;

pub use document::{
    Charter, DocumentError, Grant, Receipt, Revocation, Right, Role, SignedDocument,
};
pub use fork::{ForkProof, ForkSide};
pub use join::JoinToken;
pub use rights::Rights;

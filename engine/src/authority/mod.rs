//! Who may do what: charters, grants, revocations, receipts, fork proofs.
//!
//! Each is a self-contained signed document that is verified before anything is done with it.
//! Nothing here looks at a log or a clock.

pub mod document;
#[cfg(test)]
mod document_tests;
pub mod fork;
#[cfg(test)]
mod fork_tests;
pub mod join;
pub mod rights;
#[cfg(test)]
mod rights_tests;

pub use document::{
    Charter, DocumentError, Forfeit, Grant, Receipt, Revocation, Right, Role, SignedDocument,
};
pub use fork::{ForkProof, ForkSide};
pub use join::JoinToken;
pub use rights::Rights;

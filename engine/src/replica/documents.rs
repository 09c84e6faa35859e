//! Signed documents in the replica: charter, grants, revocations, receipts.
//!
//! They hold by their own signatures, wherever they came from: a join, a `Hello`, an event.

use super::Replica;
use crate::authority::{Charter, DocumentError, Grant, Receipt, Revocation, SignedDocument};
use crate::event::Payload;
use crate::event::codec;
use crate::ids::{DeviceId, Log};
use crate::keys;
use crate::projections::Origin;
use crate::store::ReadError;

use super::lanes::garbled;

impl Replica {
    /// Takes a charter; a newer serial replaces the one held.
    pub fn take_charter(&mut self, document: &SignedDocument) -> Result<bool, DocumentError> {
        let newer = self.rights.charter_seen(document)?;
        if newer {
            self.set_document(keys::charter(), document)?;
            self.recount_due = true;
        }
        Ok(newer)
    }

    /// Takes a grant; a later one replaces the one held.
    pub fn take_grant(&mut self, document: &SignedDocument) -> Result<bool, DocumentError> {
        let newer = self.rights.grant_seen(document)?;
        if newer {
            let grant: Grant = document.reopen()?;
            self.set_document(keys::grant(&grant.device), document)?;
        }
        Ok(newer)
    }

    /// Takes a revocation; the earliest holds.
    pub fn take_revocation(&mut self, document: &SignedDocument) -> Result<bool, DocumentError> {
        let newer = self.rights.revocation_seen(document)?;
        if newer {
            let revocation: Revocation = document.reopen()?;
            self.set_document(keys::revocation(&revocation.device), document)?;
        }
        Ok(newer)
    }

    /// Takes a receipt of a chartered control. Returns whether it is later than the one held.
    pub fn take_receipt(&mut self, document: &SignedDocument) -> Result<bool, ReceiptError> {
        let (receipt, signer) = document.open::<Receipt>()?;
        if signer != receipt.control || !self.rights.is_control(&signer) {
            return Err(DocumentError::OtherSigner("receipt").into());
        }
        let held = self.receipt(&receipt.log, &signer)?;
        let later = match held {
            None => true,
            Some((_, held)) if held.at_ms < receipt.at_ms => true,
            // A control whose clock was set back: its word counts when it covers the one held.
            Some((_, held)) => {
                let mut covers = held.leaves != receipt.leaves;
                for leaf in &held.leaves {
                    covers &= self.covers(&receipt.log, &receipt.leaves, leaf)?;
                }
                covers
            }
        };
        if later {
            self.set_document(keys::receipt(&receipt.log.id(), &signer), document)?;
        }
        Ok(later)
    }

    /// The latest receipt of a control for a log.
    pub fn receipt(
        &self,
        log: &Log,
        control: &DeviceId,
    ) -> Result<Option<(SignedDocument, Receipt)>, ReadError> {
        let Some(bytes) = self.rows.get(&keys::receipt(&log.id(), control))? else {
            return Ok(None);
        };
        let document: SignedDocument = codec::decode("a receipt", &bytes).map_err(garbled)?;
        let receipt = document.reopen().map_err(|error| ReadError::Device(error.to_string()))?;
        Ok(Some((document, receipt)))
    }

    /// The latest receipt for a log of each control that is chartered now.
    pub fn receipts(&self, log: &Log) -> Result<Vec<(SignedDocument, Receipt)>, ReadError> {
        let controls = self.rights.charter().map(|charter: &Charter| charter.controls.clone());
        let mut out = Vec::new();
        for control in controls.unwrap_or_default() {
            out.extend(self.receipt(log, &control)?);
        }
        Ok(out)
    }

    /// A control was seen to hold less than its receipt says, as one restored from a backup does:
    /// the receipt counts no more.
    pub fn drop_receipt(&mut self, log: &Log, control: &DeviceId) {
        self.rows.set(keys::receipt(&log.id(), control), None);
    }

    /// Takes in what an event of the authority lane carries. One that does not hold is kept as an
    /// event and otherwise ignored.
    pub(super) fn fold_authority(&mut self, origin: &Origin, payload: &Payload) {
        // A lying document is a finding of its own, not a reason to stop folding.
        let _ = match payload {
            Payload::GrantIssued(document) => self.take_grant(document),
            Payload::DeviceRevoked(document) => self.take_revocation(document),
            Payload::ForkProven(proof) => Ok(self.take_fork_proof(origin, proof)),
            _ => Ok(false),
        };
    }

    fn set_document(
        &mut self,
        key: Vec<u8>,
        document: &SignedDocument,
    ) -> Result<(), DocumentError> {
        self.rows.set(key, Some(codec::encode(document)?));
        Ok(())
    }
}

/// Why a receipt was not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiptError {
    /// It does not hold.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// The store cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

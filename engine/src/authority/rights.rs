//! The rights that the known charter, grants and revocations add up to.
//!
//! A function of the documents seen, in any order. It is told the time and never asks for it.

use std::collections::BTreeMap;

use super::document::{Charter, DocumentError, Grant, Revocation, Right, SignedDocument};
use crate::ids::{DeviceId, Lane, Log, Scope, TenantId};

/// A tenant's charter, grants and revocations.
#[derive(Debug, Clone)]
pub struct Rights {
    tenant: TenantId,
    charter: Option<(SignedDocument, Charter)>,
    grants: BTreeMap<DeviceId, (SignedDocument, Grant)>,
    revocations: BTreeMap<DeviceId, Revocation>,
}

impl Rights {
    /// Nobody has any right yet.
    pub fn new(tenant: TenantId) -> Self {
        Self { tenant, charter: None, grants: BTreeMap::new(), revocations: BTreeMap::new() }
    }

    /// The tenant.
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// Takes a charter. Returns whether it is newer than the one held.
    pub fn charter_seen(&mut self, document: &SignedDocument) -> Result<bool, DocumentError> {
        let (charter, signer) = document.open::<Charter>()?;
        if charter.tenant != self.tenant {
            return Err(DocumentError::OtherTenant("charter"));
        }
        if signer.0 != self.tenant.0 {
            return Err(DocumentError::OtherSigner("charter"));
        }
        // Two charters of one serial are the root's mistake; every replica keeps the same one.
        let newer = self
            .charter
            .as_ref()
            .is_none_or(|(_, held)| (held.serial, held) < (charter.serial, &charter));
        if newer {
            self.charter = Some((document.clone(), charter));
        }
        Ok(newer)
    }

    /// Takes a grant. Returns whether it is newer than the one held for its device.
    pub fn grant_seen(&mut self, document: &SignedDocument) -> Result<bool, DocumentError> {
        let (grant, signer) = document.open::<Grant>()?;
        self.check_signer("grant", grant.tenant, signer)?;
        Ok(self.hold_grant(document, grant))
    }

    /// Takes back a grant that was seen before. Its signer was entitled then; a charter since may
    /// have forgotten it, which ends no stall's right to sell.
    pub fn grant_restored(&mut self, document: &SignedDocument) -> Result<(), DocumentError> {
        let (grant, _) = document.open::<Grant>()?;
        self.hold_grant(document, grant);
        Ok(())
    }

    fn hold_grant(&mut self, document: &SignedDocument, grant: Grant) -> bool {
        let held = self.grants.get(&grant.device).map(|(_, held)| held);
        let newer = held.is_none_or(|held| (held.issued_ms, held) < (grant.issued_ms, &grant));
        if newer {
            self.grants.insert(grant.device, (document.clone(), grant));
        }
        newer
    }

    /// Takes a revocation. Returns whether its device was not revoked before, or later.
    pub fn revocation_seen(&mut self, document: &SignedDocument) -> Result<bool, DocumentError> {
        let (revocation, signer) = document.open::<Revocation>()?;
        self.check_signer("revocation", revocation.tenant, signer)?;
        Ok(self.hold_revocation(revocation))
    }

    /// Takes back a revocation that was seen before; see [`Rights::grant_restored`].
    pub fn revocation_restored(&mut self, document: &SignedDocument) -> Result<(), DocumentError> {
        let (revocation, _) = document.open::<Revocation>()?;
        self.hold_revocation(revocation);
        Ok(())
    }

    fn hold_revocation(&mut self, revocation: Revocation) -> bool {
        let held = self.revocations.get(&revocation.device);
        let earlier = held
            .is_none_or(|held| (revocation.at_ms, &revocation.leaves) < (held.at_ms, &held.leaves));
        if earlier {
            self.revocations.insert(revocation.device, revocation);
        }
        earlier
    }

    fn check_signer(
        &self,
        what: &'static str,
        tenant: TenantId,
        signer: DeviceId,
    ) -> Result<(), DocumentError> {
        if tenant != self.tenant {
            return Err(DocumentError::OtherTenant(what));
        }
        let Some((_, charter)) = &self.charter else {
            return Err(DocumentError::OtherSigner(what));
        };
        let was = charter.removed.iter().any(|(device, _)| *device == signer);
        if charter.controls.contains(&signer) || was {
            Ok(())
        } else {
            Err(DocumentError::OtherSigner(what))
        }
    }

    /// The charter held.
    pub fn charter(&self) -> Option<&Charter> {
        self.charter.as_ref().map(|(_, charter)| charter)
    }

    /// The charter held, as signed.
    pub fn signed_charter(&self) -> Option<&SignedDocument> {
        self.charter.as_ref().map(|(document, _)| document)
    }

    /// A device's grant.
    pub fn grant(&self, device: &DeviceId) -> Option<&Grant> {
        self.grants.get(device).map(|(_, grant)| grant)
    }

    /// A device's grant, as signed.
    pub fn signed_grant(&self, device: &DeviceId) -> Option<&SignedDocument> {
        self.grants.get(device).map(|(document, _)| document)
    }

    /// What people call a device.
    pub fn name_of(&self, device: &DeviceId) -> String {
        match self.grant(device) {
            Some(grant) => grant.name.clone(),
            None if self.is_control(device) => "control".to_owned(),
            None => "unknown".to_owned(),
        }
    }

    /// Every grant, in device order.
    pub fn grants(&self) -> impl Iterator<Item = &Grant> {
        self.grants.values().map(|(_, grant)| grant)
    }

    /// A device's revocation.
    pub fn revocation(&self, device: &DeviceId) -> Option<&Revocation> {
        self.revocations.get(device)
    }

    /// Whether a device is a control of the charter.
    pub fn is_control(&self, device: &DeviceId) -> bool {
        self.charter().is_some_and(|charter| charter.controls.contains(device))
    }

    /// Whether a device was ever allowed to append to a log. What it appended stays acceptable
    /// after its grant ends: a fact that was signed is never dropped.
    pub fn may_write(&self, log: &Log) -> bool {
        let former = || {
            let removed = self.charter().map(|charter| charter.removed.as_slice());
            removed.unwrap_or_default().iter().any(|(device, _)| *device == log.device)
        };
        log.tenant == self.tenant
            && (self.is_control(&log.device)
                || former()
                || self
                    .grant(&log.device)
                    .is_some_and(|grant| grant.writes.contains(&(log.scope, log.lane))))
    }

    /// Whether a device may hold a log now. Own logs always; the tenant's authority lane everyone
    /// with a grant.
    pub fn may_read(&self, device: &DeviceId, log: &Log) -> bool {
        let right: Right = (log.scope, log.lane);
        let everyone: Right = (Scope::Tenant, Lane::Authority);
        log.tenant == self.tenant
            && (self.is_control(device)
                || self.grant(device).is_some_and(|grant| {
                    log.device == *device || right == everyone || grant.reads.contains(&right)
                }))
    }

    /// Whether a device may sync at this time.
    pub fn may_sync(&self, device: &DeviceId, wall_ms: u64) -> bool {
        !self.revocations.contains_key(device)
            && (self.is_control(device)
                || self.grant(device).is_some_and(|grant| wall_ms <= grant.not_after_ms))
    }
}

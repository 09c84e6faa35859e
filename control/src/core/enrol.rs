//! Enrolment: invitations, joins, grants, revocations.
//!
//! An invitation is used once, by one device; that device may repeat its join until an answer
//! reaches it. Wrong proofs burn the invitation, and attempts are limited over all invitations.

use std::time::Duration;

use engine::authority::join::{InviteId, proof};
use engine::authority::{Grant, Revocation, Right, Role, SignedDocument};
use engine::event::{Payload, codec};
use engine::hash::Hash;
use engine::ids::{DeviceId, Lane, MerchantId, Scope};
use engine::keys;
use serde::{Deserialize, Serialize};
use transport::env::{Instant, Now};
use transport::router::{JoinAsked, Router};
use transport::wire::{JoinRefusal, Joined, Message};

use super::{CallError, Hub, JoinAnswer};

/// The control's own rows: invitations.
const INVITES: u8 = 1;
/// Wrong proofs that burn an invitation.
const WRONG_PROOFS_MAX: u8 = 10;
/// Joins decided in one window.
const JOINS_MAX: u32 = 120;
/// That window.
const JOINS_WINDOW: Duration = Duration::from_secs(60);
/// How long a grant lasts: some 13 months, a season and its accounts.
const GRANT_MS: u64 = 400 * 24 * 3_600 * 1_000;

const _: () = assert!(JOINS_MAX > WRONG_PROOFS_MAX as u32);

/// An invitation, as kept. The secret itself is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    /// Which.
    pub id: InviteId,
    /// What a join's proof is made with.
    pub proof_key: Hash,
    /// What the device will be called.
    pub name: String,
    /// The merchant it will sell for.
    pub merchant: String,
    /// Milliseconds since 1970.
    pub expires_ms: u64,
    /// Who used it.
    pub used_by: Option<DeviceId>,
    /// Wrong proofs so far.
    pub wrong_proofs: u8,
}

/// Answers that wait for their batch, and how many joins were decided lately.
#[derive(Default)]
pub(super) struct Joins {
    open: Vec<JoinAnswer>,
    committing: Vec<JoinAnswer>,
    window_from: Instant,
    decided: u32,
}

impl Joins {
    pub(super) fn closed(&mut self) {
        self.committing.append(&mut self.open);
    }

    pub(super) fn committed(&mut self, router: &mut Router) {
        for (path, answer) in self.committing.drain(..) {
            router.answer(path, answer);
        }
    }

    pub(super) fn failed(&mut self, router: &mut Router) {
        for (path, _) in self.committing.drain(..).chain(self.open.drain(..)) {
            router.answer(path, Message::Joined(Err(JoinRefusal::Unavailable)));
        }
    }

    /// Whether another join may be decided now.
    fn admit(&mut self, now: Instant) -> bool {
        if now.since(self.window_from) >= JOINS_WINDOW {
            self.window_from = now;
            self.decided = 0;
        }
        self.decided += 1;
        self.decided <= JOINS_MAX
    }
}

impl Hub {
    pub(super) fn invite(&mut self, invitation: &Invitation) -> Result<(), CallError> {
        self.set_invitation(invitation)
    }

    /// Decides about every join that arrived.
    pub(super) fn handle_joins(&mut self, now: Now) {
        while let Some(asked) = self.device.router.poll_join() {
            let answer = if !self.joins.admit(now.instant) {
                Err(JoinRefusal::TooMany)
            } else if self.device.halted().is_some() {
                Err(JoinRefusal::Unavailable)
            } else {
                self.join(&asked, now)
            };
            match answer {
                // The grant is on its way to the disk; the device hears of it when it is there.
                Ok(joined) => {
                    self.joins.open.push((asked.path, Message::Joined(Ok(Box::new(joined)))));
                }
                Err(refusal) => {
                    self.device.router.answer(asked.path, Message::Joined(Err(refusal)));
                }
            }
        }
    }

    fn join(&mut self, asked: &JoinAsked, now: Now) -> Result<Joined, JoinRefusal> {
        let unavailable = |_| JoinRefusal::Unavailable;
        let mut invitation = self
            .invitation(&asked.join.invite)
            .map_err(unavailable)?
            .ok_or(JoinRefusal::NotValid)?;
        let device = asked.peer.device;
        let expected = proof(&invitation.proof_key, &asked.peer.exporter, &device);
        // blake3 compares in constant time.
        let proven = blake3::Hash::from(expected.0) == blake3::Hash::from(asked.join.proof.0);
        if !proven || invitation.wrong_proofs >= WRONG_PROOFS_MAX {
            invitation.wrong_proofs = invitation.wrong_proofs.saturating_add(1);
            self.set_invitation(&invitation).map_err(unavailable)?;
            return Err(JoinRefusal::NotValid);
        }
        if invitation.used_by.is_some_and(|used_by| used_by != device) {
            return Err(JoinRefusal::NotValid);
        }
        if now.wall_ms > invitation.expires_ms {
            return Err(JoinRefusal::Expired);
        }
        if invitation.used_by.is_none() {
            invitation.used_by = Some(device);
            self.set_invitation(&invitation).map_err(unavailable)?;
            if let Err(error) = self.grant(&invitation, device, now) {
                self.halt_if_broken(&error);
                return Err(JoinRefusal::Unavailable);
            }
        }
        let rights = self.device.replica.rights();
        let documents = rights.signed_charter().zip(rights.signed_grant(&device));
        let (charter, grant) = documents.ok_or(JoinRefusal::Unavailable)?;
        // A repeated join rests on no new batch, so one is opened to carry its answer.
        let joined =
            Joined { tenant: rights.tenant(), charter: charter.clone(), grant: grant.clone() };
        self.set_invitation(&invitation).map_err(unavailable)?;
        Ok(joined)
    }

    pub(super) fn grant(
        &mut self,
        invitation: &Invitation,
        device: DeviceId,
        now: Now,
    ) -> Result<(), CallError> {
        let merchant = Scope::Merchant(MerchantId::from_name(&invitation.merchant));
        let authority: Right = (Scope::Tenant, Lane::Authority);
        let (ledger, catalogue) = ((merchant, Lane::Ledger), (merchant, Lane::Catalogue));
        let grant = Grant {
            tenant: self.device.replica.tenant(),
            device,
            name: invitation.name.clone(),
            merchant: invitation.merchant.clone(),
            role: Role::Stall,
            reads: [authority, ledger, catalogue].into(),
            writes: [authority, ledger, catalogue, (merchant, Lane::Telemetry)].into(),
            issued_ms: now.wall_ms,
            not_after_ms: now.wall_ms.saturating_add(GRANT_MS),
        };
        let document = SignedDocument::sign(&grant, self.device.replica.key())?;
        let payload = Payload::GrantIssued(document);
        self.device.replica.append(Scope::Tenant, Lane::Authority, payload, now.wall_ms)?;
        Ok(())
    }

    /// Ends a device's rights, naming the last leaves accepted from it.
    pub(super) fn revoke(&mut self, device: DeviceId, now: Now) -> Result<(), CallError> {
        let replica = &mut self.device.replica;
        if replica.rights().grant(&device).is_none() {
            return Err(CallError::UnknownDevice(device));
        }
        let theirs = replica.vector().filtered(|log| log.device == device);
        let revocation = Revocation {
            tenant: replica.tenant(),
            device,
            at_ms: now.wall_ms,
            leaves: theirs.0.into_iter().collect(),
        };
        let document = SignedDocument::sign(&revocation, replica.key())?;
        let payload = Payload::DeviceRevoked(document);
        replica.append(Scope::Tenant, Lane::Authority, payload, now.wall_ms)?;
        Ok(())
    }

    fn invitation(&self, id: &InviteId) -> Result<Option<Invitation>, CallError> {
        let row = self.device.replica.local(&keys::local(INVITES, &id.0))?;
        let row = row.map(|row| codec::decode("an invitation", &row)).transpose();
        row.map_err(|error| CallError::Halted(error.to_string()))
    }

    /// Every invitation that was made here, used or not.
    pub(super) fn invitations(&self) -> Result<Vec<Invitation>, CallError> {
        let rows = self.device.replica.local_rows(INVITES)?;
        let rows = rows.iter().map(|(_, row)| codec::decode("an invitation", row));
        rows.collect::<Result<_, _>>().map_err(|error| CallError::Halted(error.to_string()))
    }

    fn set_invitation(&mut self, invitation: &Invitation) -> Result<(), CallError> {
        let row =
            codec::encode(invitation).map_err(|error| CallError::Halted(error.to_string()))?;
        self.device.replica.set_local(keys::local(INVITES, &invitation.id.0), Some(row));
        Ok(())
    }
}

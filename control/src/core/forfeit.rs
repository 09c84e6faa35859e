//! Forfeits: the rights of a lost stall go to another.
//!
//! The lost stall may have sold on, and its late sales are still accepted: what is named in a
//! forfeit is what may be sold twice. A person decides that; nothing here does so by itself.

use engine::authority::{Forfeit, SignedDocument};
use engine::books::rights;
use engine::event::Payload;
use engine::ids::{DeviceId, Lane, MerchantId, Scope};
use engine::projections::Projection;
use transport::env::Now;

use super::{CallError, Hub};

/// Lines of one document, so that it fits.
const LINES_MAX: usize = 200;

/// What a person asks to be forfeited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForfeitAsked {
    /// Who loses the rights.
    pub device: DeviceId,
    /// Who has them from now on.
    pub to: DeviceId,
    /// SKU and thousandths of each item; everything that it is known to have if there are none.
    pub lines: Vec<(String, u64)>,
}

/// Why nothing is forfeited.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ForfeitError {
    /// The new holder cannot have the rights.
    #[error("{0} cannot have the rights; name another stall of the same merchant, not revoked")]
    OtherMerchant(DeviceId),
    /// More is to be forfeited than the device is known to have.
    #[error("{sku:?}: the device is known to have {held} thousandths; forfeit at most those")]
    Beyond {
        /// The item.
        sku: String,
        /// What it has.
        held: u64,
    },
    /// There is nothing to forfeit.
    #[error("the device is not known to have any rights; there is nothing to forfeit")]
    Nothing,
    /// The books are being rebuilt.
    #[error("the rights books are being rebuilt; try again soon")]
    Rebuilding,
}

impl Hub {
    /// Signs what a lost device forfeits, naming its last known leaves. Returns the lines.
    pub(super) fn forfeit(
        &mut self,
        asked: &ForfeitAsked,
        now: Now,
    ) -> Result<Vec<(String, u64)>, CallError> {
        let scope = self.scope_of(&asked.device)?;
        let to = self.scope_of(&asked.to)?;
        let replica = &self.device.replica;
        if to != scope
            || asked.to == asked.device
            || replica.rights().revocation(&asked.to).is_some()
        {
            return Err(ForfeitError::OtherMerchant(asked.to).into());
        }
        if !replica.is_whole(Projection::Rights) {
            return Err(ForfeitError::Rebuilding.into());
        }
        let lines = self.forfeited_lines(asked, scope)?;
        let replica = &mut self.device.replica;
        let ledger = |log: &engine::ids::Log| {
            log.device == asked.device && log.scope == scope && log.lane == Lane::Ledger
        };
        let leaves: Vec<_> = replica.vector().filtered(ledger).0.into_iter().collect();
        for lines in lines.chunks(LINES_MAX) {
            let forfeit = Forfeit {
                tenant: replica.tenant(),
                scope,
                device: asked.device,
                leaves: leaves.clone(),
                lines: lines.to_vec(),
                to: asked.to,
                at_ms: now.wall_ms,
            };
            let document = SignedDocument::sign(&forfeit, replica.key())?;
            let payload = Payload::RightsForfeited(document);
            replica.append(Scope::Tenant, Lane::Authority, payload, now.wall_ms)?;
        }
        Ok(lines)
    }

    fn scope_of(&self, device: &DeviceId) -> Result<Scope, CallError> {
        let grant = self.device.replica.rights().grant(device);
        let grant = grant.ok_or(CallError::UnknownDevice(*device))?;
        Ok(Scope::Merchant(MerchantId::from_name(&grant.merchant)))
    }

    /// What is asked for, or all that the device is known to have; never more than that.
    fn forfeited_lines(
        &self,
        asked: &ForfeitAsked,
        scope: Scope,
    ) -> Result<Vec<(String, u64)>, CallError> {
        let replica = &self.device.replica;
        let mut held = rights::balances_of(replica.store().as_ref(), scope, &asked.device)?;
        for (sku, held) in &mut held {
            // Also what is on its way to the disk: two calls in one batch take each thing once.
            let pending = engine::decide::rights::balance(replica, scope, sku, &asked.device)?;
            *held = (*held).min(u64::try_from(pending).unwrap_or_default());
        }
        held.retain(|_, held| *held > 0);
        if asked.lines.is_empty() {
            let all: Vec<(String, u64)> = held.into_iter().collect();
            return if all.is_empty() { Err(ForfeitError::Nothing.into()) } else { Ok(all) };
        }
        let mut sums = std::collections::BTreeMap::<&str, u64>::new();
        for (sku, quantity) in &asked.lines {
            let sum = sums.entry(sku).or_default();
            *sum = sum.saturating_add(*quantity);
            let held = held.get(sku).copied().unwrap_or_default();
            if *sum > held || *quantity == 0 {
                return Err(ForfeitError::Beyond { sku: sku.clone(), held }.into());
            }
        }
        Ok(asked.lines.clone())
    }
}

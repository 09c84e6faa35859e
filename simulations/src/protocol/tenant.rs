//! A made-up tenant: keys from small numbers, a charter, a grant for each stall.

use std::collections::BTreeSet;

use engine::authority::{Charter, Grant, Right, Role, SignedDocument};
use engine::ids::{Lane, MerchantId, Scope};
use engine::sign::Keypair;

use super::host::Setup;

/// Milliseconds since 1970 at which simulations begin: 2026-01-01T00:00Z.
pub const START_MS: u64 = 1_767_225_600_000;

/// The seed of the control's key.
pub const CONTROL_SEED: [u8; 32] = [2; 32];

/// A tenant with one control.
pub struct Tenant {
    root: Keypair,
    control: Keypair,
}

impl Default for Tenant {
    fn default() -> Self {
        Self { root: Keypair::from_seed(&[1; 32]), control: Keypair::from_seed(&CONTROL_SEED) }
    }
}

impl Tenant {
    /// The control's key.
    pub fn control(&self) -> Keypair {
        self.control.clone()
    }

    /// The key of stall `index`.
    pub fn stall(index: usize) -> Keypair {
        Keypair::from_seed(&Self::stall_seed(index))
    }

    /// The seed of it.
    pub fn stall_seed(index: usize) -> [u8; 32] {
        let mut seed = [3; 32];
        seed[..8].copy_from_slice(&(index as u64).to_le_bytes());
        seed
    }

    /// The tenant's id.
    pub fn id(&self) -> engine::ids::TenantId {
        self.root.tenant()
    }

    /// Its charter.
    pub fn charter(&self) -> SignedDocument {
        let charter = Charter {
            tenant: self.id(),
            serial: 1,
            name: "simulated market".to_owned(),
            currency: *b"USD",
            controls: BTreeSet::from([self.control.device()]),
            removed: Vec::new(),
        };
        SignedDocument::sign(&charter, &self.root).expect("invariant: a short charter fits")
    }

    /// The control, then a stall for each of `merchants`.
    pub fn setups(&self, merchants: &[String]) -> Vec<Setup> {
        let stalls = merchants.iter().enumerate();
        let grants: Vec<_> =
            stalls.map(|(index, merchant)| self.grant(index + 1, merchant)).collect();
        let control = Setup {
            key: self.control(),
            tenant: self.id(),
            charter: self.charter(),
            grants: grants.clone(),
            is_control: true,
            rebalance: Default::default(),
        };
        let stall = |(index, grant): (usize, SignedDocument)| {
            let setup = Setup { grants: vec![grant], is_control: false, ..control.clone() };
            Setup { key: Self::stall(index + 1), ..setup }
        };
        let stalls: Vec<_> = grants.into_iter().enumerate().map(stall).collect();
        std::iter::once(control.clone()).chain(stalls).collect()
    }

    /// A grant for stall `index` of `merchant`.
    pub fn grant(&self, index: usize, merchant: &str) -> SignedDocument {
        let scope = Scope::Merchant(MerchantId::from_name(merchant));
        let authority: Right = (Scope::Tenant, Lane::Authority);
        let reads = [authority, (scope, Lane::Ledger), (scope, Lane::Catalogue)];
        let grant = Grant {
            tenant: self.id(),
            device: Self::stall(index).device(),
            name: format!("stall {index}"),
            merchant: merchant.to_owned(),
            role: Role::Stall,
            reads: reads.into(),
            writes: reads.into_iter().chain([(scope, Lane::Telemetry)]).collect(),
            issued_ms: START_MS,
            not_after_ms: u64::MAX,
        };
        SignedDocument::sign(&grant, &self.control).expect("invariant: a short grant fits")
    }
}

//! The rows of promise rights: what they hold and where they are. Nothing here folds.
//!
//! ```text
//! 1 | sku | 0x00 | device 32              [`Account`]
//! 2 | sku                                 [`Totals`]
//! 3 | event 48                            [`Named`]: who claimed this event as a grant
//! 4 | event 48 | claim | device 32 | quantity 8 BE | sku       how often it was claimed so
//! 5 | taker 32 | grant 48                 [`Wish`]: granted, and not claimed by the taker
//! 6 | request 48 | device 32              the device answered the request
//! 7 | giver 32 | request 48               [`Wish`]: an open request, for the giver
//! 8 | taker 32 | request 48               [`Wish`]: the same, for the taker
//! 9 | sale 48                             how often the sale was voided
//! 10 | document 32                        [`Forfeited`], in the tenant's scope
//! 11 | sku | 0x00 | device 32 | document 32      the event that carries a forfeit that counts
//! 12 | grant 48                          the grant was folded, so it can be claimed
//! ```

use serde::{Deserialize, Serialize};

use crate::event::RightsGranted;
use crate::event::codec;
use crate::event::sale::Quantity;
use crate::hash::Hash;
use crate::ids::{DeviceId, EventId, Scope};
use crate::keys::{self, Range};
use crate::limits::{ACCOUNT_EVIDENCE_MAX, EVIDENCE_MAX};
use crate::projections::{Projection, event_key, read_event_key};

const ACCOUNT: u8 = 1;
const TOTALS: u8 = 2;
const NAMED: u8 = 3;
const CLAIM: u8 = 4;
const UNCLAIMED: u8 = 5;
const ANSWERED: u8 = 6;
const OPEN_AT: u8 = 7;
const OPEN_BY: u8 = 8;
const VOIDED: u8 = 9;
const FORFEIT: u8 = 10;
const FORFEIT_OF: u8 = 11;
const FOLDED: u8 = 12;

/// What a device may still sell of a SKU, as sums over all its branches, in thousandths.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Came with goods.
    pub minted: i128,
    /// Grants to it that it accepted, each once.
    pub accepted: i128,
    /// Grants by it that were sent back, each once.
    pub returned: i128,
    /// Given back by customers, or by voids.
    pub restored: i128,
    /// Taken from lost devices for it.
    pub awarded: i128,
    /// Given away.
    pub granted: i128,
    /// Sold, spoiled, withdrawn.
    pub spent: i128,
    /// Taken from it, because it was lost.
    pub forfeited: i128,
    /// The latest event of each of its epochs that stated any of this, the highest first.
    pub latest: Vec<EventId>,
}

impl Account {
    /// What it may sell; below zero where it sold or gave away what it did not have.
    pub fn balance(&self) -> i128 {
        self.minted + self.accepted + self.returned + self.restored + self.awarded
            - self.granted
            - self.spent
            - self.forfeited
    }

    /// What others did to it in their own ledgers: every branch of a clone believes all of it.
    pub fn from_others(&self) -> i128 {
        self.returned + self.awarded
    }

    /// Notes an event of the device. Of each epoch the latest stays.
    pub(super) fn note(&mut self, id: EventId) {
        let rank = |id: &EventId| (id.seq, *id);
        match self.latest.iter_mut().find(|held| held.epoch == id.epoch) {
            Some(held) if rank(held) < rank(&id) => *held = id,
            Some(_) => {}
            None => self.latest.push(id),
        }
        self.latest.sort_by_key(|id| std::cmp::Reverse(rank(id)));
        self.latest.truncate(ACCOUNT_EVIDENCE_MAX);
    }
}

/// What is known of a SKU over all devices, in thousandths.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Minted.
    pub minted: i128,
    /// What the claims and voids beyond the first of each grant and sale come to.
    pub doubled: i128,
}

/// What is kept of an event that somebody claimed as a grant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// How many claims name it.
    pub claims: u64,
    /// The first of them, in order of id.
    pub first: Vec<EventId>,
}

impl Named {
    /// Counts a claim.
    pub(super) fn count(&mut self, claim: EventId) {
        self.claims += 1;
        if let Err(at) = self.first.binary_search(&claim) {
            self.first.insert(at, claim);
            self.first.truncate(EVIDENCE_MAX);
        }
    }
}

/// Rights that one device wants of another, or gave it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    /// The other device: the giver in a row of the taker, the taker in a row of the giver.
    pub other: DeviceId,
    /// The item.
    pub sku: String,
    /// Thousandths.
    pub quantity: Quantity,
}

/// A forfeit, and whether it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forfeited {
    /// The event that carries it; the lowest id of several.
    pub event: EventId,
    /// Whether its signer is, or was, a control of the charter known here.
    pub counts: bool,
}

/// How a grant may be claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claim {
    Accept = 1,
    Return = 2,
}

fn row(scope: Scope, tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut rest = vec![tag];
    parts.iter().for_each(|part| rest.extend_from_slice(part));
    keys::row(Projection::Rights as u8, scope, &rest)
}

/// The row of a device's account of a SKU.
pub fn account(scope: Scope, sku: &str, device: &DeviceId) -> Vec<u8> {
    row(scope, ACCOUNT, &[sku.as_bytes(), &[0], &device.0])
}

/// The accounts of a SKU.
pub fn accounts_of(scope: Scope, sku: &str) -> Range {
    keys::prefix(row(scope, ACCOUNT, &[sku.as_bytes(), &[0]]))
}

/// The accounts of a scope whose SKU sorts after `after`.
pub fn accounts(scope: Scope, after: Option<&str>) -> Range {
    let (first, end) = keys::prefix(row(scope, ACCOUNT, &[]));
    let first = after.map_or(first, |sku| row(scope, ACCOUNT, &[sku.as_bytes(), &[1]]));
    (first, end)
}

/// The SKU, the device and the account of a row.
pub fn read_account(key: &[u8], value: &[u8]) -> Option<(String, DeviceId, Account)> {
    let (_, _, rest) = keys::read_row(key)?;
    let (rest, device) = rest.strip_prefix(&[ACCOUNT])?.split_last_chunk::<32>()?;
    let sku = String::from_utf8(rest.strip_suffix(&[0])?.to_vec()).ok()?;
    Some((sku, DeviceId(*device), codec::decode("an account row", value).ok()?))
}

/// The row of a SKU's totals.
pub fn totals(scope: Scope, sku: &str) -> Vec<u8> {
    row(scope, TOTALS, &[sku.as_bytes()])
}

pub(super) fn named(scope: Scope, event: &EventId) -> Vec<u8> {
    row(scope, NAMED, &[&event_key(event)])
}

pub(super) fn claim(
    scope: Scope,
    grant: &EventId,
    claim: Claim,
    by: &DeviceId,
    (sku, quantity): (&str, Quantity),
) -> Vec<u8> {
    let quantity = quantity.to_be_bytes();
    let parts = [&event_key(grant), &[claim as u8][..], &by.0, &quantity, sku.as_bytes()];
    row(scope, CLAIM, &parts)
}

/// The row of the claims that credit somebody: those of the device that the grant names.
pub(super) fn good_claim(scope: Scope, id: &EventId, grant: &RightsGranted, how: Claim) -> Vec<u8> {
    claim(scope, id, how, &grant.to, (&grant.sku, grant.quantity))
}

pub(super) fn unclaimed(scope: Scope, taker: &DeviceId, grant: &EventId) -> Vec<u8> {
    row(scope, UNCLAIMED, &[&taker.0, &event_key(grant)])
}

/// The grants to a device that it has not claimed.
pub fn unclaimed_by(scope: Scope, taker: &DeviceId) -> Range {
    keys::prefix(row(scope, UNCLAIMED, &[&taker.0]))
}

/// Says that a grant was folded. A store may hold one that a rebuild has yet to reach.
pub fn folded(scope: Scope, grant: &EventId) -> Vec<u8> {
    row(scope, FOLDED, &[&event_key(grant)])
}

/// Every grant that its taker has not claimed.
pub fn all_unclaimed(scope: Scope) -> Range {
    keys::prefix(row(scope, UNCLAIMED, &[]))
}

pub(super) fn answered(scope: Scope, request: &EventId, by: &DeviceId) -> Vec<u8> {
    row(scope, ANSWERED, &[&event_key(request), &by.0])
}

pub(super) fn open_at(scope: Scope, giver: &DeviceId, request: &EventId) -> Vec<u8> {
    row(scope, OPEN_AT, &[&giver.0, &event_key(request)])
}

/// The open requests to a device.
pub fn all_open_at(scope: Scope, giver: &DeviceId) -> Range {
    keys::prefix(row(scope, OPEN_AT, &[&giver.0]))
}

pub(super) fn open_by(scope: Scope, taker: &DeviceId, request: &EventId) -> Vec<u8> {
    row(scope, OPEN_BY, &[&taker.0, &event_key(request)])
}

/// The open requests of a device.
pub fn all_open_by(scope: Scope, taker: &DeviceId) -> Range {
    keys::prefix(row(scope, OPEN_BY, &[&taker.0]))
}

/// Every open request of a scope, by the device that wants.
pub fn all_open(scope: Scope) -> Range {
    keys::prefix(row(scope, OPEN_BY, &[]))
}

/// The device that the row is for, the event and the wish of a row of any of these.
pub fn read_wish(key: &[u8], value: &[u8]) -> Option<(DeviceId, EventId, Wish)> {
    let (_, _, rest) = keys::read_row(key)?;
    let (device, event) = rest.get(1..)?.split_first_chunk::<32>()?;
    let wish: Option<Wish> = codec::decode("a wish row", value).ok()?;
    Some((DeviceId(*device), read_event_key(event)?, wish?))
}

pub(super) fn voided(scope: Scope, sale: &EventId) -> Vec<u8> {
    row(scope, VOIDED, &[&event_key(sale)])
}

pub(super) fn forfeit(document: &Hash) -> Vec<u8> {
    row(Scope::Tenant, FORFEIT, &[&document.0])
}

/// Every forfeit, counted or not.
pub(super) fn forfeits() -> Range {
    keys::prefix(row(Scope::Tenant, FORFEIT, &[]))
}

pub(super) fn forfeit_of(scope: Scope, sku: &str, device: &DeviceId, document: &Hash) -> Vec<u8> {
    row(scope, FORFEIT_OF, &[sku.as_bytes(), &[0], &device.0, &document.0])
}

/// The forfeits that took rights of a SKU from a device.
pub(super) fn forfeits_of(scope: Scope, sku: &str, device: &DeviceId) -> Range {
    keys::prefix(row(scope, FORFEIT_OF, &[sku.as_bytes(), &[0], &device.0]))
}

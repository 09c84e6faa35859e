//! Reading promise rights: who may sell how much, what is wished for or on the way, and what a fork
//! or a forfeit may oversell.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::forked::{self, Fork};
use crate::ids::{DeviceId, EventId, Scope};
use crate::keys::Range;
use crate::projections;
use crate::projections::Projection;
use crate::projections::rights::rows::{self, Account, Totals, Wish};
use crate::store::{Read, ReadError};

/// The promise rights of one SKU, in thousandths.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SkuRights {
    /// The item.
    pub sku: String,
    /// The device accounts.
    pub holders: Vec<(DeviceId, Account)>,
    /// What forks and forfeits may oversell at most; 0 without them.
    pub exposure: i128,
}

/// A wish that is open, or rights that are on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// The request, or the grant.
    pub event: EventId,
    /// Who gives.
    pub giver: DeviceId,
    /// Who takes.
    pub taker: DeviceId,
    /// The item.
    pub sku: String,
    /// Thousandths.
    pub quantity: u64,
}

/// The rights of a scope, by SKU, those after `after`, at most `limit` SKUs.
pub fn rights(
    store: &dyn Read,
    scope: Scope,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<SkuRights>, ReadError> {
    let found = read(store, &rows::accounts(scope, after), limit)?;
    with_exposure(store, scope, found)
}

/// The rights of one SKU; `None` when no device ever had any.
pub fn rights_of(
    store: &dyn Read,
    scope: Scope,
    sku: &str,
) -> Result<Option<SkuRights>, ReadError> {
    let found = read(store, &rows::accounts_of(scope, sku), 1)?;
    Ok(with_exposure(store, scope, found)?.pop())
}

/// What a device may sell of every SKU: those of which it has a positive balance.
pub fn balances_of(
    store: &dyn Read,
    scope: Scope,
    device: &DeviceId,
) -> Result<BTreeMap<String, u64>, ReadError> {
    super::whole(store, Projection::Rights)?;
    let mut out = BTreeMap::new();
    let (from, to) = rows::accounts(scope, None);
    store.scan(&from, &to, &mut |key, value| {
        if let Some((sku, holder, account)) = rows::read_account(key, value)
            && holder == *device
            && account.balance() > 0
        {
            out.insert(sku, u64::try_from(account.balance()).unwrap_or(u64::MAX));
        }
        ControlFlow::Continue(())
    })?;
    Ok(out)
}

/// The open requests of a scope, at most `limit`.
pub fn open_requests(
    store: &dyn Read,
    scope: Scope,
    limit: usize,
) -> Result<Vec<Pending>, ReadError> {
    let wishes = wishes(store, &rows::all_open(scope), limit)?;
    let pending = |(taker, event, wish): (DeviceId, EventId, Wish)| Pending {
        event,
        giver: wish.other,
        taker,
        sku: wish.sku,
        quantity: wish.quantity,
    };
    Ok(wishes.into_iter().map(pending).collect())
}

/// Grants of a scope that their takers have not claimed, at most `limit`.
pub fn in_transit(store: &dyn Read, scope: Scope, limit: usize) -> Result<Vec<Pending>, ReadError> {
    // A row of a grant has the same shape: its own device takes.
    let wishes = wishes(store, &rows::all_unclaimed(scope), limit)?;
    let pending = |(taker, event, wish): (DeviceId, EventId, Wish)| Pending {
        event,
        giver: wish.other,
        taker,
        sku: wish.sku,
        quantity: wish.quantity,
    };
    Ok(wishes.into_iter().map(pending).collect())
}

fn wishes(
    store: &dyn Read,
    range: &Range,
    limit: usize,
) -> Result<Vec<(DeviceId, EventId, Wish)>, ReadError> {
    super::whole(store, Projection::Rights)?;
    let mut out = Vec::new();
    store.scan(&range.0, &range.1, &mut |key, value| {
        if out.len() == limit {
            return ControlFlow::Break(());
        }
        out.extend(rows::read_wish(key, value));
        ControlFlow::Continue(())
    })?;
    Ok(out)
}

fn read(store: &dyn Read, range: &Range, limit: usize) -> Result<Vec<SkuRights>, ReadError> {
    super::whole(store, Projection::Rights)?;
    let mut out: Vec<SkuRights> = Vec::new();
    store.scan(&range.0, &range.1, &mut |key, value| {
        let Some((sku, device, account)) = rows::read_account(key, value) else {
            return ControlFlow::Continue(());
        };
        if out.last().is_none_or(|item| item.sku != sku) {
            if out.len() == limit {
                return ControlFlow::Break(());
            }
            out.push(SkuRights { sku, ..SkuRights::default() });
        }
        if let Some(item) = out.last_mut() {
            item.holders.push((device, account));
        }
        ControlFlow::Continue(())
    })?;
    Ok(out)
}

fn with_exposure(
    store: &dyn Read,
    scope: Scope,
    mut found: Vec<SkuRights>,
) -> Result<Vec<SkuRights>, ReadError> {
    let forks = match found.is_empty() {
        true => Vec::new(),
        false => forked::forks(store, &super::vector(store)?, scope)?,
    };
    for item in &mut found {
        let totals: Totals = projections::read(store.get(&rows::totals(scope, &item.sku))?)?;
        item.exposure = exposure(item, &totals, &forks);
    }
    Ok(found)
}

/// See `docs/events.md`: what was doubled, what was forfeited, and for each branch beyond the first
/// what its device held where it parted, with all that others ever gave it in their ledgers.
fn exposure(item: &SkuRights, totals: &Totals, forks: &[Fork]) -> i128 {
    let mut sum = totals.doubled;
    for (device, account) in &item.holders {
        sum = sum.saturating_add(account.forfeited);
        for fork in forks.iter().filter(|fork| fork.device == *device) {
            let held = fork.held.get(&item.sku).copied().unwrap_or_default();
            let most = held.saturating_add(account.from_others()).max(0);
            sum = sum.saturating_add(fork.extra.saturating_mul(most));
        }
    }
    sum
}

//! Reading price bundles: which is in force at an instant, what it asks for an item, which are
//! false.
//!
//! At an instant the statement with the highest start that is not after it holds; of equals the
//! later by (clock, event id). Of the last [`SWITCHES_TRIED_MAX`] statements those whose bundle is
//! not whole here are passed over.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::ControlFlow;

use crate::event::prices::BundlePrice;
use crate::hash::Hash;
use crate::ids::{DeviceId, EventId, Scope};
use crate::limits::SWITCHES_TRIED_MAX;
use crate::projections::bundles::{self, Place, Switch, Verdict};
use crate::store::{Read, ReadError};

/// A bundle whose pieces do not make what they are named after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FalseBundle {
    /// The bundle.
    pub bundle: Hash,
    /// The control that stated it so.
    pub device: DeviceId,
    /// In how many pieces; 0 for what could never be a piece.
    pub parts: u16,
    /// The events that prove it, the first in order.
    pub evidence: Vec<EventId>,
}

/// Whether a bundle is here, whole.
pub fn is_held(store: &dyn Read, scope: Scope, bundle: &Hash) -> Result<bool, ReadError> {
    Ok(bundles::whole(store, scope, bundle)?.is_some())
}

/// The statement that holds at an instant, in milliseconds since 1970; `None` when none does.
pub fn in_force(store: &dyn Read, scope: Scope, at_ms: i64) -> Result<Option<Switch>, ReadError> {
    let (from, mut to) = bundles::switches(scope, Some(at_ms), None);
    for _ in 0..SWITCHES_TRIED_MAX {
        let Some((key, value)) = store.last(&from, &to)? else { return Ok(None) };
        if let Some(switch) = bundles::read_switch(&key, &value)
            && is_held(store, scope, &switch.bundle)?
        {
            return Ok(Some(switch));
        }
        to = key;
    }
    Ok(None)
}

/// The next statement after an instant that will hold when its time comes, as known here.
pub fn next_switch(
    store: &dyn Read,
    scope: Scope,
    at_ms: i64,
) -> Result<Option<Switch>, ReadError> {
    let (from, to) = bundles::switches(scope, None, Some(at_ms));
    let mut instants: Vec<i64> = Vec::new();
    store.scan(&from, &to, &mut |key, value| {
        if let Some(switch) = bundles::read_switch(key, value)
            && instants.last() != Some(&switch.from_ms)
        {
            instants.push(switch.from_ms);
        }
        if instants.len() < SWITCHES_TRIED_MAX {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    })?;
    let now = in_force(store, scope, at_ms)?.map(|switch| switch.bundle);
    for instant in instants {
        let then = in_force(store, scope, instant)?;
        // A statement that changes nothing is no switch.
        if then.is_some_and(|then| Some(then.bundle) != now) {
            return Ok(then);
        }
    }
    Ok(None)
}

/// What a bundle asks for an item, in minor units per 1000; `None` when it has no price for it or
/// is not whole here. Who asks for many keeps a [`PriceList`].
pub fn price(
    store: &dyn Read,
    scope: Scope,
    bundle: &Hash,
    sku: &str,
) -> Result<Option<i64>, ReadError> {
    let list = PriceList::open(store, scope, bundle)?;
    list.map_or(Ok(None), |mut list| list.price(sku))
}

/// A bundle that is looked into again and again: each of its pieces is read once, at most.
pub struct PriceList<'a> {
    store: &'a dyn Read,
    scope: Scope,
    place: Place,
    pieces: BTreeMap<u16, Vec<BundlePrice>>,
}

impl<'a> PriceList<'a> {
    /// The list of a bundle; `None` when it is not whole here.
    pub fn open(
        store: &'a dyn Read,
        scope: Scope,
        bundle: &Hash,
    ) -> Result<Option<Self>, ReadError> {
        let place = bundles::whole(store, scope, bundle)?;
        Ok(place.map(|place| Self { store, scope, place, pieces: BTreeMap::new() }))
    }

    /// What it asks for an item, in minor units per 1000; `None` when it has no price for it.
    pub fn price(&mut self, sku: &str) -> Result<Option<i64>, ReadError> {
        let part = self.part_of(sku)?;
        let prices = self.piece(part)?;
        let found = prices.binary_search_by(|price| price.sku.as_str().cmp(sku));
        Ok(found.ok().map(|at| prices[at].price))
    }

    /// The piece that an item would be in: the last one that does not begin after it.
    fn part_of(&mut self, sku: &str) -> Result<u16, ReadError> {
        let (mut low, mut high) = (0, self.place.parts);
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if self.piece(middle)?.first().is_some_and(|first| first.sku.as_str() <= sku) {
                low = middle;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }

    fn piece(&mut self, part: u16) -> Result<&[BundlePrice], ReadError> {
        let key = bundles::piece_key(self.scope, &self.place, part);
        Ok(match self.pieces.entry(part) {
            Entry::Occupied(read) => read.into_mut(),
            Entry::Vacant(place) => place.insert(bundles::read_piece(self.store.get(&key)?)?),
        })
    }
}

/// The prices of a bundle by SKU, those after `after`, at most `limit`; `None` when it is not whole
/// here.
pub fn prices(
    store: &dyn Read,
    scope: Scope,
    bundle: &Hash,
    after: Option<&str>,
    limit: usize,
) -> Result<Option<Vec<BundlePrice>>, ReadError> {
    let Some(mut list) = PriceList::open(store, scope, bundle)? else { return Ok(None) };
    let first = after.map_or(Ok(0), |after| list.part_of(after))?;
    let mut out = Vec::new();
    for part in first..list.place.parts {
        if out.len() >= limit {
            break;
        }
        let follows = |price: &&BundlePrice| after.is_none_or(|after| price.sku.as_str() > after);
        out.extend(list.piece(part)?.iter().filter(follows).take(limit - out.len()).cloned());
        // A page goes through each piece once.
        list.pieces.clear();
    }
    Ok(Some(out))
}

/// The bundles whose pieces are false, by name, those after `after`, at most `limit`.
///
/// They are listed from the projection's own rows: findings read other lanes.
pub fn false_bundles(
    store: &dyn Read,
    scope: Scope,
    after: Option<&Place>,
    limit: usize,
) -> Result<Vec<FalseBundle>, ReadError> {
    let (from, to) = bundles::gatherings(scope, None);
    let mut out = Vec::new();
    store.scan(&from, &to, &mut |key, value| {
        let Some((place, gathering)) = bundles::read_gathering(key, value) else {
            return ControlFlow::Continue(());
        };
        if out.len() == limit {
            return ControlFlow::Break(());
        }
        if gathering.verdict == Verdict::False && after.is_none_or(|after| *after < place) {
            let Place { bundle, device, parts } = place;
            out.push(FalseBundle { bundle, device, parts, evidence: gathering.events });
        }
        ControlFlow::Continue(())
    })?;
    Ok(out)
}

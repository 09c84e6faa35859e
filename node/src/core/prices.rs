//! Which price bundle a sale is priced from.
//!
//! The stall's own clock says which bundle is in force, so a switch needs no message at its
//! instant and comes offline too. One sale takes one look at the clock. A clock that is wrong
//! switches early or late by as much; the amounts charged stand all the same.

use engine::books::bundles;
use engine::decide::{self, Refusal};
use engine::event::sale::Sale;
use engine::ids::Scope;
use engine::projections::Projection;
use engine::replica::Replica;
use transport::env::Now;

/// Fills in the bundle in force where the till names none, and refuses one that is not held. While
/// the bundles are being rebuilt a sale is taken as it comes: it must not wait.
pub(super) fn settle(
    sale: &mut Sale,
    scope: Scope,
    replica: &Replica,
    now: Now,
) -> Result<(), Refusal> {
    let store = replica.store();
    if !replica.is_whole(Projection::Bundles) {
        return decide::bundles(sale, &|_| Ok(true));
    }
    let mut filled = None;
    if sale.price_bundle.is_none() {
        let at_ms = i64::try_from(now.wall_ms).unwrap_or(i64::MAX);
        filled = bundles::in_force(store.as_ref(), scope, at_ms)?.map(|switch| switch.bundle);
        sale.price_bundle = filled;
    }
    // What is in force is held; a look less for most sales.
    decide::bundles(sale, &|bundle| {
        Ok(filled == Some(*bundle) || bundles::is_held(store.as_ref(), scope, bundle)?)
    })
}

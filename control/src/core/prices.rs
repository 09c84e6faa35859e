//! Publishing prices: a bundle and the instant from which it holds, in one batch.

use engine::books::bundles;
use engine::decide::Bundle;
use engine::event::{Payload, PricesScheduled};
use engine::ids::{Lane, Scope};
use transport::env::Now;

use super::{CallError, Hub};

/// What of a publication was new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// The bundle: its prices had not been published before.
    pub bundle: bool,
    /// The instant: it was not the one to hold from then on already.
    pub instant: bool,
}

impl Hub {
    /// Publishes a bundle from an instant on. The same prices make the same bundle, which is
    /// published once; said again, an instant changes nothing.
    pub(super) fn publish(
        &mut self,
        scope: Scope,
        bundle: Bundle,
        from_ms: i64,
        now: Now,
    ) -> Result<Published, CallError> {
        let replica = &mut self.device.replica;
        let store = replica.store().clone();
        let Bundle { name, pieces } = bundle;
        let new = !bundles::is_held(store.as_ref(), scope, &name)?;
        let held = bundles::in_force(store.as_ref(), scope, from_ms)?;
        let stands = held.is_some_and(|held| (held.bundle, held.from_ms) == (name, from_ms));
        let pieces = pieces.into_iter().filter(|_| new).map(Payload::BundlePublished);
        let switch = PricesScheduled { bundle: name, from_ms };
        let switch = (!stands).then_some(Payload::PricesScheduled(switch));
        for payload in pieces.chain(switch) {
            replica.append(scope, Lane::Catalogue, payload, now.wall_ms)?;
        }
        Ok(Published { bundle: new, instant: !stands })
    }
}

//! Settling findings at the centre, in whichever merchant's books they are.

use engine::books;
use engine::decide;
use engine::event::{FindingResolved, Payload};
use engine::ids::{EventId, Lane, Scope};
use transport::env::Now;

use super::{CallError, Hub};

impl Hub {
    /// States that a finding is settled; a retry with the same key and content finds its event.
    pub(super) fn settle(
        &mut self,
        resolved: FindingResolved,
        now: Now,
    ) -> Result<EventId, CallError> {
        let replica = &mut self.device.replica;
        let mut scope = Scope::Tenant;
        for merchant in books::scopes(replica.store().as_ref())? {
            let store = replica.store();
            if books::findings::finding(store.as_ref(), merchant, &resolved.finding)?.is_some() {
                scope = merchant;
            }
        }
        let payload = Payload::FindingResolved(resolved.clone());
        if let Some(id) = replica.bearer(scope, &resolved.key)? {
            if let Some(bearer) = replica.event(&id)? {
                decide::retry(&bearer.payload, &payload)?;
            }
            return Ok(id);
        }
        decide::settle(&resolved, scope, replica)?;
        Ok(replica.append(scope, Lane::Ledger, payload, now.wall_ms)?)
    }
}

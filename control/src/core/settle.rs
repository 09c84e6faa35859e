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
        let mut scopes = books::scopes(self.device.replica.store().as_ref())?;
        scopes.push(Scope::Tenant);
        let payload = Payload::FindingResolved(resolved.clone());
        if let Some(id) = self.settled(&scopes, &resolved, &payload)? {
            return Ok(id);
        }
        let replica = &mut self.device.replica;
        let mut found = Scope::Tenant;
        for scope in scopes {
            let store = replica.store();
            if books::findings::finding(store.as_ref(), scope, &resolved.finding)?.is_some() {
                found = scope;
            }
        }
        decide::settle(&resolved, found, replica)?;
        Ok(replica.append(found, Lane::Ledger, payload, now.wall_ms)?)
    }

    /// The settlement that bears the same key. It is looked for in every merchant's books: its
    /// finding may be gone since, and with it the word in whose books it was.
    fn settled(
        &self,
        scopes: &[Scope],
        resolved: &FindingResolved,
        payload: &Payload,
    ) -> Result<Option<EventId>, CallError> {
        let replica = &self.device.replica;
        let mut reused = None;
        for scope in scopes {
            let Some(id) = replica.bearer(*scope, &resolved.key)? else { continue };
            let Some(bearer) = replica.event(&id)? else { return Ok(Some(id)) };
            match decide::retry(&bearer.payload, payload) {
                Ok(()) => return Ok(Some(id)),
                Err(refusal) => reused = Some(refusal),
            }
        }
        reused.map_or(Ok(None), |refusal| Err(refusal.into()))
    }
}

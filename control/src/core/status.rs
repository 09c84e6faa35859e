//! How the market stands, as seen from the centre.

use engine::authority::Role;
use engine::hash::Hash;
use engine::ids::{DeviceId, TenantId, Tip};
use engine::replica::forks::Fork;
use engine::replica::query::DigestRow;
use engine::replica::rebuild::Progress;
use engine::store::ReadError;
use transport::env::Now;

use super::Hub;

/// How a control stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The device.
    pub device: DeviceId,
    /// The tenant.
    pub tenant: TenantId,
    /// What people call the tenant.
    pub name: String,
    /// The hash of the committed version vector.
    pub vector: Hash,
    /// Events held.
    pub events: u64,
    /// Why nothing is written any more.
    pub halted: Option<String>,
    /// Logs with two branches on one parent.
    pub forks: Vec<Fork>,
    /// Books that are being rebuilt.
    pub rebuilding: Option<Progress>,
    /// Events beyond what a revocation accepted.
    pub disputed: u64,
}

/// How a stall stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StallStatus {
    /// The stall's device.
    pub stall: DeviceId,
    /// What people call it.
    pub name: String,
    /// What people call its merchant.
    pub merchant: String,
    /// Events of its logs held here.
    pub events: u64,
    /// Events of its logs that it has announced and that are not here.
    pub behind: u64,
    /// Whether a session is open.
    pub connected: bool,
    /// Milliseconds since it was last heard in this run.
    pub last_seen_ms: Option<u64>,
    /// Whether it was revoked.
    pub revoked: bool,
    /// Events of its logs beyond what its revocation accepted.
    pub disputed: u64,
}

impl Hub {
    pub(super) fn status(&self) -> Result<Status, ReadError> {
        let replica = &self.device.replica;
        let charter = replica.rights().charter();
        Ok(Status {
            device: replica.device(),
            tenant: replica.tenant(),
            name: charter.map(|charter| charter.name.clone()).unwrap_or_default(),
            vector: replica.vector().hash(),
            events: replica.event_count()?,
            halted: self.device.halted().map(str::to_owned),
            forks: replica.forks()?,
            rebuilding: replica.rebuilding(),
            disputed: replica.disputed()?,
        })
    }

    pub(super) fn stalls(&self, now: Now) -> Result<Vec<StallStatus>, ReadError> {
        let replica = &self.device.replica;
        let rights = replica.rights();
        let mut out = Vec::new();
        for grant in rights.grants().filter(|grant| grant.role == Role::Stall) {
            let session = self.device.router.session(&grant.device);
            let own = replica.vector().0.iter().filter(|(log, _)| log.device == grant.device);
            let events = own.map(|(_, leaves)| last_seq(leaves)).sum();
            let announced = session.map(|session| session.theirs().0.iter());
            let behind =
                announced.into_iter().flatten().filter(|(log, _)| log.device == grant.device);
            let behind = behind.map(|(log, theirs)| {
                last_seq(theirs).saturating_sub(last_seq(replica.vector().leaves(log)))
            });
            let seen = session.map(|session| now.instant.since(session.last_heard()));
            out.push(StallStatus {
                stall: grant.device,
                name: grant.name.clone(),
                merchant: grant.merchant.clone(),
                events,
                behind: behind.sum(),
                connected: session.is_some_and(|session| session.is_open()),
                last_seen_ms: seen.map(|span| u64::try_from(span.as_millis()).unwrap_or(u64::MAX)),
                revoked: rights.revocation(&grant.device).is_some(),
                disputed: self.disputed_of(&grant.device)?,
            });
        }
        Ok(out)
    }

    fn disputed_of(&self, device: &DeviceId) -> Result<u64, ReadError> {
        let replica = &self.device.replica;
        let Some(revocation) = replica.rights().revocation(device) else { return Ok(0) };
        let mut disputed = 0;
        for log in replica.vector().0.keys().filter(|log| log.device == *device) {
            let accepted = revocation.leaves.iter().find(|(named, _)| named == log);
            let accepted = accepted.map(|(_, leaves)| leaves.as_slice()).unwrap_or_default();
            let runs = replica.missing(log, accepted)?;
            disputed += runs.iter().map(|run| run.to.seq - run.after.seq).sum::<u64>();
        }
        Ok(disputed)
    }

    pub(super) fn digests(&self) -> Result<Vec<DigestRow>, ReadError> {
        let mut out = Vec::new();
        for scope in engine::books::scopes(self.device.replica.store().as_ref())? {
            out.extend(self.device.replica.digests(scope)?);
        }
        Ok(out)
    }
}

fn last_seq(leaves: &[Tip]) -> u64 {
    leaves.iter().map(|leaf| leaf.seq).max().unwrap_or(0)
}

//! How a stall stands: peers, lag, what is at risk now.

use engine::hash::Hash;
use engine::ids::{DeviceId, TenantId};
use engine::replica::at_risk::AtRisk;
use engine::replica::forks::Fork;
use engine::replica::query::DigestRow;
use engine::replica::rebuild::Progress;
use engine::store::ReadError;
use transport::env::Now;

use super::Stall;

/// How a stall stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The device.
    pub device: DeviceId,
    /// What people call it.
    pub name: String,
    /// The tenant.
    pub tenant: TenantId,
    /// The hash of the committed version vector.
    pub vector: Hash,
    /// Events held.
    pub events: u64,
    /// Whether sync is on.
    pub link_up: bool,
    /// Why nothing is written any more.
    pub halted: Option<String>,
    /// The peers known in this run.
    pub peers: Vec<PeerStatus>,
    /// What no control has receipted.
    pub at_risk: AtRisk,
    /// Logs with two branches on one parent.
    pub forks: Vec<Fork>,
    /// Books that are being rebuilt.
    pub rebuilding: Option<Progress>,
    /// Events beyond what a revocation accepted.
    pub disputed: u64,
}

/// How a peer stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerStatus {
    /// The peer.
    pub device: DeviceId,
    /// What people call it.
    pub name: String,
    /// Whether a session is open.
    pub connected: bool,
    /// Events held here that it is not known to hold.
    pub behind: u64,
    /// Logs of which it holds something that is not here yet.
    pub ahead: u64,
    /// Milliseconds since it was last heard.
    pub last_seen_ms: u64,
}

impl Stall {
    pub(super) fn status(&self, now: Now) -> Result<Status, ReadError> {
        let device = &self.device;
        let replica = &device.replica;
        let rights = replica.rights();
        let mut peers = Vec::new();
        for session in device.router.sessions() {
            let peer = session.peer();
            let lag = replica.lag(&peer, session.theirs())?;
            let name = rights.name_of(&peer);
            let silent = now.instant.since(session.last_heard());
            peers.push(PeerStatus {
                device: peer,
                name,
                connected: session.is_open(),
                behind: lag.behind,
                ahead: lag.ahead,
                last_seen_ms: u64::try_from(silent.as_millis()).unwrap_or(u64::MAX),
            });
        }
        Ok(Status {
            device: replica.device(),
            name: rights.name_of(&replica.device()),
            tenant: replica.tenant(),
            vector: replica.vector().hash(),
            events: replica.event_count()?,
            link_up: device.link_up(),
            halted: device.halted().map(str::to_owned),
            peers,
            at_risk: replica.at_risk()?,
            forks: replica.forks()?,
            rebuilding: replica.rebuilding(),
            disputed: replica.disputed()?,
        })
    }

    pub(super) fn digests(&self) -> Result<Vec<DigestRow>, ReadError> {
        let mut out = Vec::new();
        for scope in engine::books::scopes(self.device.replica.store().as_ref())? {
            out.extend(self.device.replica.digests(scope)?);
        }
        Ok(out)
    }
}

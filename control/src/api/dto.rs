//! Bodies of the operator's API, and their way from the core's types.

use engine::ids::DeviceId;
use engine::replica::forks::Fork;
use serde::{Deserialize, Serialize};
use shell::paths::WireBytes;
use shell::read::Rebuilding;
use utoipa::ToSchema;

use crate::core::{StallStatus, Status};

/// A stall to invite.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct InviteBody {
    /// What people will call it.
    #[schema(example = "tea-stall")]
    pub name: String,
    /// Whom it sells for; the control's own merchant if left out.
    pub merchant: Option<String>,
    /// How long the token is valid: 1 to 43200; 1440 if left out.
    pub minutes: Option<u64>,
    /// The control's `host:port` in the token.
    pub address: Option<String>,
}

/// An invitation.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct InviteAnswer {
    /// The join token, shown this once.
    pub token: String,
    /// When it expires: milliseconds since 1970-01-01T00:00Z.
    pub expires_ms: u64,
}

/// A device to revoke.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RevokeBody {
    /// The device.
    #[schema(value_type = String)]
    pub device: DeviceId,
}

/// A device that was revoked.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RevokeAnswer {
    /// The device.
    pub revoked: String,
}

/// Every stall.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StallsBody {
    /// Each with its lag.
    pub stalls: Vec<StallBody>,
}

/// How a stall stands.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StallBody {
    /// The stall's device.
    stall: String,
    /// What people call it.
    name: String,
    /// Whom it sells for.
    merchant: String,
    /// Events of its logs held here.
    events: u64,
    /// Events of its logs that it has announced and that are not here.
    behind: u64,
    /// Whether a session is open.
    connected: bool,
    /// Milliseconds since it was last heard in this run.
    last_seen_ms: Option<u64>,
    /// Whether it was revoked.
    revoked: bool,
    /// Events of its logs beyond what its revocation accepted.
    disputed: u64,
    /// How its books compared with these, when both last held the same events in this run.
    books: Option<BooksBody>,
}

/// How a stall's books compared.
#[derive(Debug, Serialize, ToSchema)]
struct BooksBody {
    /// Whether the digests were equal.
    equal: bool,
    /// Milliseconds since then.
    ms: u64,
}

/// How a control stands.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ControlStatusBody)]
pub(super) struct StatusBody {
    /// The device.
    device: String,
    /// What people call the tenant.
    name: String,
    /// `control`.
    role: &'static str,
    /// The tenant.
    tenant: String,
    /// The market's currency, an ISO 4217 code.
    currency: String,
    /// The hash of the committed version vector.
    vector: String,
    /// Events held.
    events: u64,
    /// Why nothing is written any more.
    halted: Option<String>,
    /// Every stall.
    stalls: Vec<StallBody>,
    /// Logs with two branches on one parent.
    forks: Vec<ForkBody>,
    /// Events beyond what a revocation accepted.
    disputed: u64,
    /// Books that are being rebuilt.
    rebuilding: Option<Rebuilding>,
    /// UDP payload since the start.
    wire: WireBytes,
}

/// A log with two branches.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ForkBody {
    /// The fork.
    id: String,
    /// Whose log.
    device: String,
    /// The log's lane.
    lane: &'static str,
    /// The last event before the branches part.
    after_seq: u64,
    /// Whether a proof is in the authority lane.
    proven: bool,
}

impl StatusBody {
    pub(super) fn new(
        status: &Status,
        currency: &str,
        stalls: &[StallStatus],
        wire: WireBytes,
    ) -> Self {
        Self {
            device: status.device.to_string(),
            name: status.name.clone(),
            role: "control",
            tenant: status.tenant.to_string(),
            currency: currency.to_owned(),
            vector: status.vector.to_string(),
            events: status.events,
            halted: status.halted.clone(),
            stalls: stalls.iter().map(StallBody::from).collect(),
            forks: status.forks.iter().map(ForkBody::from).collect(),
            disputed: status.disputed,
            rebuilding: status.rebuilding.as_ref().map(Rebuilding::from),
            wire,
        }
    }
}

impl From<&StallStatus> for StallBody {
    fn from(status: &StallStatus) -> Self {
        Self {
            stall: status.stall.to_string(),
            name: status.name.clone(),
            merchant: status.merchant.clone(),
            events: status.events,
            behind: status.behind,
            connected: status.connected,
            last_seen_ms: status.last_seen_ms,
            revoked: status.revoked,
            disputed: status.disputed,
            books: status.agreed.map(|(equal, ms)| BooksBody { equal, ms }),
        }
    }
}

impl From<&Fork> for ForkBody {
    fn from(fork: &Fork) -> Self {
        Self {
            id: fork.id.to_string(),
            device: fork.log.device.to_string(),
            lane: fork.log.lane.name(),
            after_seq: fork.parent.seq,
            proven: fork.proven,
        }
    }
}

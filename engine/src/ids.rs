//! Names of things: tenants, devices, merchants, logs, epochs, tips, events.
//!
//! Ids derive from keys, names or the chain; nothing here draws a random number.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::hash::{self, Hash};
use crate::hex::fixed_bytes;

fixed_bytes! {
    /// A device: its Ed25519 public key (RFC 8032), 32 bytes.
    pub struct DeviceId(32);
    /// A tenant (a brand, a market operator): the public half of its root key, 32 bytes.
    pub struct TenantId(32);
    /// A merchant within a tenant: the first 16 bytes of a hash of its name.
    pub struct MerchantId(16);
    /// A log, as the store names it: the first 16 bytes of a hash of [`Log`].
    pub struct LogId(16);
    /// The first 16 bytes of an event's chain hash.
    pub struct ShortHash(16);
    /// An Ed25519 signature, 64 bytes.
    pub struct Signature(64);
}

impl MerchantId {
    /// The id of the merchant that people call `name`.
    pub fn from_name(name: &str) -> Self {
        Self(hash::MERCHANT.of(&[name.as_bytes()]).short().0)
    }
}

impl Hash {
    /// The first 16 bytes.
    pub fn short(&self) -> ShortHash {
        let mut out = [0; 16];
        out.copy_from_slice(&self.0[..16]);
        ShortHash(out)
    }
}

/// Whose events a log holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// The whole tenant.
    Tenant,
    /// One merchant.
    Merchant(MerchantId),
}

impl Scope {
    /// `tag | merchant id or zeros`, 17 bytes, in key order.
    pub fn to_bytes(self) -> [u8; 17] {
        let mut out = [0; 17];
        if let Self::Merchant(id) = self {
            out[0] = 1;
            out[1..].copy_from_slice(&id.0);
        }
        out
    }

    /// The scope written by [`Scope::to_bytes`].
    pub fn from_bytes(bytes: &[u8; 17]) -> Option<Self> {
        let mut id = [0; 16];
        id.copy_from_slice(&bytes[1..]);
        match bytes[0] {
            0 if id == [0; 16] => Some(Self::Tenant),
            1 => Some(Self::Merchant(MerchantId(id))),
            _ => None,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tenant => f.write_str("tenant"),
            Self::Merchant(id) => write!(f, "merchant:{id}"),
        }
    }
}

/// What priority, retention and subscription are set on. The order is the order of priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lane {
    /// Grants, revocations, fork proofs: first, and to everyone in the tenant.
    Authority = 0,
    /// Inventory, sales, settlement.
    Ledger = 1,
    /// Items and prices.
    Catalogue = 2,
    /// Measurements; the first to wait.
    Telemetry = 3,
}

impl Lane {
    /// Every lane, most urgent first.
    pub const ALL: [Self; 4] = [Self::Authority, Self::Ledger, Self::Catalogue, Self::Telemetry];

    /// What it is called, as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Authority => "authority",
            Self::Ledger => "ledger",
            Self::Catalogue => "catalogue",
            Self::Telemetry => "telemetry",
        }
    }

    /// The lane with this ordinal.
    pub fn from_ordinal(ordinal: u8) -> Option<Self> {
        Self::ALL.get(usize::from(ordinal)).copied()
    }
}

/// A log: the events of one device in one scope and lane. Only that device appends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Log {
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// The only device that appends.
    pub device: DeviceId,
    /// Whose events it holds.
    pub scope: Scope,
    /// Its lane.
    pub lane: Lane,
}

/// Bytes of a [`Log`] in hashes, keys and segments.
pub const LOG_BYTES: usize = 32 + 32 + 17 + 1;

impl Log {
    /// `tenant 32 | device 32 | scope 17 | lane 1`
    pub fn to_bytes(&self) -> [u8; LOG_BYTES] {
        let mut out = [0; LOG_BYTES];
        out[..32].copy_from_slice(&self.tenant.0);
        out[32..64].copy_from_slice(&self.device.0);
        out[64..81].copy_from_slice(&self.scope.to_bytes());
        out[81] = self.lane as u8;
        out
    }

    /// The log written by [`Log::to_bytes`].
    pub fn from_bytes(bytes: &[u8; LOG_BYTES]) -> Option<Self> {
        let mut tenant = [0; 32];
        let mut device = [0; 32];
        let mut scope = [0; 17];
        tenant.copy_from_slice(&bytes[..32]);
        device.copy_from_slice(&bytes[32..64]);
        scope.copy_from_slice(&bytes[64..81]);
        Some(Self {
            tenant: TenantId(tenant),
            device: DeviceId(device),
            scope: Scope::from_bytes(&scope)?,
            lane: Lane::from_ordinal(bytes[81])?,
        })
    }

    /// The id under which the store keeps it.
    pub fn id(&self) -> LogId {
        LogId(hash::LOG_ID.of(&[&self.to_bytes()]).short().0)
    }
}

/// Drawn fresh at every process start; with the log it names a branch. Text in JSON, whose numbers
/// are not exact that far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Epoch(pub u64);

impl Serialize for Epoch {
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        if out.is_human_readable() { out.collect_str(self) } else { out.serialize_u64(self.0) }
    }
}

impl<'de> Deserialize<'de> for Epoch {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        if !input.is_human_readable() {
            return u64::deserialize(input).map(Self);
        }
        let text = String::deserialize(input)?;
        u64::from_str_radix(&text, 16).map(Self).map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A place in a log: everything up to and including this event, and its ancestors.
///
/// `seq` 0 with a zero epoch and hash stands before the first event of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Tip {
    /// The epoch that the event is in.
    pub epoch: Epoch,
    /// Its sequence number, from 1, counted on through parents.
    pub seq: u64,
    /// Its chain hash.
    pub hash: Hash,
}

impl Tip {
    /// The place before the first event of any log.
    pub const ROOT: Self = Self { epoch: Epoch(0), seq: 0, hash: Hash([0; 32]) };
}

/// The name of one event; derived by whoever holds it, never sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EventId {
    /// Its log.
    pub log: LogId,
    /// Its epoch.
    pub epoch: Epoch,
    /// Its sequence number.
    pub seq: u64,
    /// The head of its chain hash.
    pub hash: ShortHash,
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}-{}", self.log, self.epoch, self.seq, self.hash)
    }
}

impl std::str::FromStr for EventId {
    type Err = crate::hex::ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.splitn(4, '-');
        let mut next = || parts.next().ok_or(crate::hex::ParseError);
        let (log, epoch, seq, hash) = (next()?, next()?, next()?, next()?);
        let epoch = <[u8; 8]>::try_from(crate::hex::decode(epoch)?.as_slice());
        Ok(Self {
            log: log.parse()?,
            epoch: Epoch(u64::from_be_bytes(epoch.map_err(|_| crate::hex::ParseError)?)),
            seq: seq.parse().map_err(|_| crate::hex::ParseError)?,
            hash: hash.parse()?,
        })
    }
}

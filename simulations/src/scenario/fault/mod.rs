//! What can go wrong in a scenario, and when. Data only.
//!
//! A fault is one table of a file: when it begins, how long it goes on, what it is, and the fields
//! of that. Three families share the one `what`: changes of the network, faults of hosts, and
//! faults of many at once.

mod broad;
mod host;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

pub use broad::Broad;
pub use host::{HostFault, Hostility, Point};

use super::decimal::Decimal;
use super::typed::{self, Wrong};
use crate::net::{Change, LinkSpec};

/// An entry of the time line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What it is called; by its place in the file if it has no name.
    pub id: Option<String>,
    /// When it begins: seconds from the start.
    pub at: Decimal,
    /// After how long it is undone; at the end of the market if absent.
    pub lasts: Option<Decimal>,
    /// What happens.
    pub what: What,
}

/// What happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// To the network.
    Network(Change),
    /// To hosts, each by itself.
    Host(HostFault),
    /// To many at once.
    Broad(Broad),
}

impl Fault {
    /// What its items are called: its name, or its place in the file, from 0.
    pub fn name(&self, place: usize) -> String {
        self.id.clone().unwrap_or_else(|| format!("fault-{place}"))
    }

    /// The links that it puts in place of others.
    pub(super) fn links(&self) -> Vec<&LinkSpec> {
        match &self.what {
            What::Network(Change::Respec { up, down, .. }) => up.iter().chain(down).collect(),
            _ => Vec::new(),
        }
    }

    /// Reads a table of a file; what is wrong in it is named by its field.
    pub(super) fn from_table(mut table: toml::Table) -> Result<Self, Wrong> {
        let id = typed::optional(&mut table, "id")?;
        let at = typed::required(&mut table, "at-seconds")?;
        let lasts = typed::optional(&mut table, "for-seconds")?;
        Ok(Self { id, at, lasts, what: What::from_table(table)? })
    }
}

impl What {
    /// What it is called in a file.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Network(change) => change.name(),
            Self::Host(fault) => fault.kind(),
            Self::Broad(broad) => broad.kind(),
        }
    }

    /// Whether it can go on for a while and be undone; otherwise it happens, and that is that.
    pub fn has_end(&self) -> bool {
        match self {
            Self::Network(change) => matches!(
                change,
                Change::Cut { .. }
                    | Change::CutOneWay { .. }
                    | Change::CarrierDown { .. }
                    | Change::CarrierSilent { silent: true, .. }
                    | Change::Captive { captive: true, .. }
                    | Change::SilentUp { silent: true, .. }
                    | Change::Prefer { .. }
                    | Change::LanDown { down: true, .. }
                    | Change::Respec { .. }
            ),
            Self::Host(fault) => {
                !matches!(fault, HostFault::BitRot { .. } | HostFault::LinkOn { .. })
            }
            Self::Broad(_) => true,
        }
    }

    fn from_table(mut table: toml::Table) -> Result<Self, Wrong> {
        let kind: String = typed::required(&mut table, "what")?;
        if NETWORK.contains(&kind.as_str()) {
            if kind == "heal-all" && !table.is_empty() {
                let field = table.keys().next().cloned();
                let wrong = Wrong::new("no such field; `heal-all` has none");
                return Err(field.into_iter().fold(wrong, Wrong::within));
            }
            return typed::tagged("what", &kind, table).map(Self::Network);
        }
        if host::KINDS.contains(&kind.as_str()) {
            return typed::variant(&kind, table).map(Self::Host);
        }
        if broad::KINDS.contains(&kind.as_str()) {
            return typed::variant(&kind, table).map(Self::Broad);
        }
        let known = kinds().collect::<Vec<_>>().join(", ");
        let words = format!("no fault is called {kind:?}; there are {known}");
        Err(Wrong::new(words).within("what"))
    }

    fn to_table(&self) -> Result<toml::Table, toml::ser::Error> {
        let value = match self {
            Self::Network(change) => return toml::Table::try_from(change),
            Self::Host(fault) => toml::Value::try_from(fault)?,
            Self::Broad(broad) => toml::Value::try_from(broad)?,
        };
        // One entry: the kind, and the fields below it.
        match value {
            toml::Value::Table(mut table) => match table.remove(self.kind()) {
                Some(toml::Value::Table(fields)) => Ok(fields),
                _ => Ok(table),
            },
            _ => Ok(toml::Table::new()),
        }
    }
}

/// Every `what` of a fault.
pub fn kinds() -> impl Iterator<Item = &'static str> {
    NETWORK.iter().chain(host::KINDS).chain(broad::KINDS).copied()
}

/// What [`Change`] reads.
const NETWORK: &[&str] = &[
    "cut",
    "heal",
    "cut-one-way",
    "heal-one-way",
    "carrier-down",
    "carrier-up",
    "carrier-silent",
    "captive",
    "silent-up",
    "rebind",
    "readdress",
    "prefer",
    "lan-down",
    "respec",
    "heal-all",
];
impl Serialize for Fault {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::{Error, SerializeMap};
        let mut fields = self.what.to_table().map_err(S::Error::custom)?;
        fields.remove("what");
        let mut map = serializer.serialize_map(None)?;
        if let Some(id) = &self.id {
            map.serialize_entry("id", id)?;
        }
        map.serialize_entry("at-seconds", &self.at)?;
        if let Some(lasts) = &self.lasts {
            map.serialize_entry("for-seconds", lasts)?;
        }
        map.serialize_entry("what", self.what.kind())?;
        for (field, value) in &fields {
            map.serialize_entry(field, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Fault {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let table = toml::Table::deserialize(deserializer)?;
        Self::from_table(table).map_err(de::Error::custom)
    }
}

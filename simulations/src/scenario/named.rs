//! The scenarios that come with the program, and files of others.

use std::fs::File;
use std::io::Read;

use super::limits::FILE_BYTES_MAX;
use super::read::{ReadError, read};
use super::spec::Scenario;

/// The built-in scenarios: their names and their files.
const BUILT_IN: &[(&str, &str)] = &[
    ("night-market", include_str!("../../scenarios/night-market.toml")),
    ("stadium-surge", include_str!("../../scenarios/stadium-surge.toml")),
    ("carrier-failover", include_str!("../../scenarios/carrier-failover.toml")),
    ("split-brain", include_str!("../../scenarios/split-brain.toml")),
    ("power-cut", include_str!("../../scenarios/power-cut.toml")),
    ("cloned-disk", include_str!("../../scenarios/cloned-disk.toml")),
    ("long-offline", include_str!("../../scenarios/long-offline.toml")),
    ("flapping-uplink", include_str!("../../scenarios/flapping-uplink.toml")),
    ("hostile-peer", include_str!("../../scenarios/hostile-peer.toml")),
    ("quiet-market", include_str!("../../scenarios/quiet-market.toml")),
    ("swarm", include_str!("../../scenarios/swarm.toml")),
];

/// The names of the built-in scenarios.
pub fn list() -> impl Iterator<Item = &'static str> {
    BUILT_IN.iter().map(|(name, _)| *name)
}

/// The file of a built-in scenario, to begin one's own with.
pub fn built_in(name: &str) -> Option<&'static str> {
    BUILT_IN.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// A built-in scenario by its name, or any other by the path of its file, with fields set as
/// `key=value` says.
pub fn find(name_or_path: &str, settings: &[String]) -> Result<Scenario, ReadError> {
    if let Some(text) = built_in(name_or_path) {
        return read(&format!("{name_or_path}.toml"), text, settings);
    }
    let path = || name_or_path.to_owned();
    let unreadable = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            ReadError::Unknown { name: path(), known: list().collect::<Vec<_>>().join(", ") }
        }
        _ => ReadError::Unreadable { path: path(), why: error.to_string() },
    };
    let mut bytes = Vec::new();
    let file = File::open(name_or_path).map_err(unreadable)?;
    // One more than fits, so that what is too large is found out.
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(ReadError::TooLarge { path: path() });
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let why = format!("byte {} is no UTF-8", error.utf8_error().valid_up_to());
        ReadError::Unreadable { path: path(), why }
    })?;
    read(name_or_path, &text, settings)
}

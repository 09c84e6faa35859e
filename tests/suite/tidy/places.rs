//! Where things may be. A path ending in `.rs` or `/` is exact; any other is a prefix, so that
//! `transport/src/session` means `session.rs` and all of `session/`.

use super::tree::Source;

/// Members of the workspace by layer; each depends on lower layers only.
pub const LAYERS: &[(&str, &str, u8)] = &[
    ("engine", "engine/Cargo.toml", 0),
    ("transport", "transport/Cargo.toml", 1),
    ("shell", "transport/shell/Cargo.toml", 2),
    ("node", "node/Cargo.toml", 3),
    ("control", "control/Cargo.toml", 3),
    ("simulations", "simulations/Cargo.toml", 4),
    ("tests", "tests/Cargo.toml", 5),
];

/// The engine, which is pure.
pub const ENGINE: &[&str] = &["engine/src/"];
/// The one file of the engine that may touch the file system.
pub const STORE_ADAPTER: &[&str] = &["engine/src/store/rocks.rs"];
/// State machines: `handle_*` in, `poll_*` out.
pub const CORES: &[&str] =
    &["transport/src/session", "transport/src/router", "node/src/core", "control/src/core"];
/// Code that the simulator runs, and so must reach the world through `Env`.
pub const DAEMONS: &[&str] = &["transport/src/", "node/src/", "control/src/"];
/// quinn's adapter: it implements quinn's traits over `Env`, in quinn's terms.
pub const QUIC_ADAPTER: &[&str] = &["transport/src/quic"];
/// Code whose outputs must not depend on the order of a hash map.
pub const ORDERED: &[&str] = &["engine/src/", "transport/", "node/src/", "control/src/"];

/// A crate, and the only places that may name it.
pub const FENCED: &[(&str, &[&str])] = &[
    ("bincode", &["engine/src/event/codec.rs", "transport/src/wire.rs"]),
    ("quinn", QUIC_ADAPTER),
    ("quinn_proto", QUIC_ADAPTER),
    ("quinn_udp", QUIC_ADAPTER),
    ("rocksdb", STORE_ADAPTER),
    ("automerge", &["engine/src/catalogue"]),
];

/// Files that may use a hash map, and why its order cannot be seen.
pub const HASH_MAPS_ALLOWED: &[(&str, &str)] = &[];

/// Whether `path` lies in one of `places`.
pub fn within(path: &str, places: &[&str]) -> bool {
    places.iter().any(|place| path.starts_with(place))
}

/// A rule about a place that was renamed holds nothing, so every place must exist.
pub fn all_exist(sources: &[Source]) -> Vec<String> {
    let manifests = LAYERS.iter().map(|(_, manifest, _)| *manifest);
    let fenced = FENCED.iter().flat_map(|(_, places)| places.iter().copied());
    let allowed = HASH_MAPS_ALLOWED.iter().map(|(path, _)| *path);
    let groups = [ENGINE, STORE_ADAPTER, CORES, DAEMONS, QUIC_ADAPTER, ORDERED];
    let mut missing: Vec<&str> = groups.into_iter().flatten().copied().collect();
    missing.extend(manifests.chain(fenced).chain(allowed));
    missing.sort_unstable();
    missing.dedup();
    missing.retain(|place| !sources.iter().any(|source| source.path.starts_with(place)));
    missing
        .into_iter()
        .map(|place| format!("{place}: no such file; name its new place in tidy/places.rs"))
        .collect()
}

#[test]
fn a_place_without_a_file_is_found() {
    let sources = super::tree::from_texts([("engine/src/lib.rs", String::new())]);
    let missing = all_exist(&sources);
    assert!(missing.iter().any(|line| line.starts_with("node/src/core: ")), "{missing:#?}");
    assert!(!missing.iter().any(|line| line.starts_with("engine/src/: ")), "{missing:#?}");
}

//! Which code may name what: the purity of the engine and the cores, and the fenced crates.

use super::places::{
    CORES, DAEMONS, ENGINE, FENCED, HASH_MAPS_ALLOWED, ORDERED, QUIC_ADAPTER, STORE_ADAPTER, within,
};
use super::scan::{self, Named};
use super::tree::Source;

/// Reaching for the world, or for numbers that differ between machines.
const IMPURE: &[&str] = &[
    "std::net",
    "std::time::Instant",
    "std::time::SystemTime",
    "std::thread",
    "std::process",
    "std::env",
    "tokio",
    "rand",
    "rand_core",
    "rand_chacha",
    "getrandom",
    "OsRng",
];

/// What makes code depend on a runtime.
const RUNTIME: &[&str] = &["async", "await", "tokio", "quinn", "quinn_proto"];

/// What `Env` gives instead.
const OUTSIDE_ENV: &[&str] = &[
    "tokio::time",
    "tokio::spawn",
    "tokio::task",
    "tokio::net",
    "tokio::fs",
    "std::fs",
    "std::process::Command",
    "std::thread",
    "std::time::SystemTime",
    "std::time::Instant",
    "std::net::TcpListener",
    "std::net::TcpStream",
    "std::net::UdpSocket",
    "getrandom",
    "rand",
    "OsRng",
];

/// Lines of `code` that reach something `banned`.
fn reached<'a>(
    source: &'a Source,
    code: &'a str,
    banned: &'a [&str],
    mend: &'a str,
) -> impl Iterator<Item = String> + 'a {
    let found = move |named: &Named| banned.iter().find(|ban| named.reaches(ban)).copied();
    let mut lines: Vec<(usize, &str)> = scan::paths(code)
        .iter()
        .filter_map(|named| found(named).map(|ban| (named.line, ban)))
        .collect();
    lines.dedup();
    lines.into_iter().map(move |(line, ban)| format!("{}:{line}: names {ban}; {mend}", source.path))
}

/// Production code in `places`, but not in `except`, reaches nothing `banned`.
fn forbid(
    sources: &[Source],
    places: &[&str],
    except: &[&str],
    banned: &[&str],
    mend: &str,
) -> Vec<String> {
    sources
        .iter()
        .filter(|source| within(&source.path, places) && !within(&source.path, except))
        .flat_map(|source| reached(source, &source.production, banned, mend))
        .collect()
}

/// Time and randomness are arguments of the engine.
pub fn engine_is_pure(sources: &[Source]) -> Vec<String> {
    forbid(sources, ENGINE, &[], IMPURE, "let the caller pass it in")
}

/// Files are the store adapter's.
pub fn engine_files(sources: &[Source]) -> Vec<String> {
    forbid(sources, ENGINE, STORE_ADAPTER, &["std::fs"], "only the store adapter touches files")
}

/// Floats round differently from one machine, compiler or order to the next.
pub fn engine_has_no_floats(sources: &[Source]) -> Vec<String> {
    let engine = sources.iter().filter(|source| within(&source.path, ENGINE));
    engine
        .flat_map(|source| {
            scan::tokens(&source.production)
                .into_iter()
                .filter(|token| is_float(token.text))
                .map(|token| {
                    format!(
                        "{}:{}: {} is a float; use integers",
                        source.path, token.line, token.text
                    )
                })
                .collect::<Vec<_>>()
        })
        .collect()
}

fn is_float(token: &str) -> bool {
    let is_number = token.starts_with(|first: char| first.is_ascii_digit());
    let has_radix = ["0x", "0b", "0o"].iter().any(|radix| token.starts_with(radix));
    let by_type = token == "f32" || token == "f64";
    let by_suffix = token.ends_with("_f32") || token.ends_with("_f64");
    let typed = token.ends_with("f32") || token.ends_with("f64");
    by_type || by_suffix || (is_number && !has_radix && (typed || token.contains(['.', 'e'])))
}

/// Session, routing, stall core and hub core are driven, they wait for nothing.
pub fn cores_are_sans_io(sources: &[Source]) -> Vec<String> {
    forbid(sources, CORES, &[], RUNTIME, "a core is driven by handle_* and poll_*")
}

/// What bypasses `Env` cannot be simulated.
pub fn daemons_use_env(sources: &[Source]) -> Vec<String> {
    forbid(sources, DAEMONS, QUIC_ADAPTER, OUTSIDE_ENV, "go through Env")
}

/// A crate behind a fence can be replaced; tests are held to it too.
pub fn crates_are_fenced(sources: &[Source]) -> Vec<String> {
    let mut findings = Vec::new();
    for (name, places) in FENCED {
        let mend = format!("only {} may", places.join(" and "));
        for source in sources.iter().filter(|source| !within(&source.path, places)) {
            findings.extend(reached(source, &source.code, &[name], &mend));
        }
    }
    findings
}

/// The order of a hash map differs from run to run; it must not reach an output.
pub fn no_hash_maps(sources: &[Source]) -> Vec<String> {
    let allowed: Vec<&str> = HASH_MAPS_ALLOWED.iter().map(|(path, _)| *path).collect();
    let mend = "use an ordered map, or list the file and why in tidy/places.rs";
    forbid(sources, ORDERED, &allowed, &["HashMap", "HashSet", "hash_map", "hash_set"], mend)
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn a_clock_in_the_engine_is_found_however_it_is_written() {
        for text in [
            "use std::time::Instant;",
            "use std::{fmt, time::{Duration, Instant}};",
            "use std::time::*;",
            "fn f() { let a = std::time::SystemTime::now(); }",
        ] {
            check(engine_is_pure, &[("engine/src/a.rs", text)], &["engine/src/a.rs:1"]);
        }
        check(
            engine_is_pure,
            &[("engine/src/a.rs", "use std::time;\ntype A = time::Instant;")],
            &["engine/src/a.rs:2"],
        );
    }

    #[test]
    fn sockets_threads_and_entropy_in_the_engine_are_found() {
        let text = "use std::net::UdpSocket;\nuse std::thread;\nuse rand::rng;\nuse tokio::sync;";
        let places = [1, 2, 3, 4].map(|line| format!("engine/src/a.rs:{line}"));
        let places: Vec<&str> = places.iter().map(String::as_str).collect();
        check(engine_is_pure, &[("engine/src/a.rs", text)], &places);
    }

    #[test]
    fn prose_tests_and_other_crates_may_speak_of_clocks() {
        check(
            engine_is_pure,
            &[
                ("engine/src/a.rs", "//! Not std::time::Instant.\nconst A: &str = \"std::net\";"),
                ("engine/src/b.rs", "#[cfg(test)]\nmod tests {\n    use std::thread;\n}"),
                ("engine/src/c.rs", "use std::time::Duration;"),
                ("transport/src/d.rs", "use std::net::SocketAddr;"),
            ],
            &[],
        );
    }

    #[test]
    fn a_file_opened_outside_the_store_adapter_is_found() {
        check(
            engine_files,
            &[
                ("engine/src/store/rocks.rs", "use std::fs;"),
                ("engine/src/store/mod.rs", "fn f() { std::fs::read(a); }"),
            ],
            &["engine/src/store/mod.rs:1"],
        );
    }

    #[test]
    fn floats_in_the_engine_are_found() {
        for text in ["type A = f32;", "a = 1.5;", "a = 1f64;", "a = 1e9;", "a.as_secs_f64();"] {
            check(engine_has_no_floats, &[("engine/src/a.rs", text)], &["engine/src/a.rs:1"]);
        }
        let integers = "a = 0x1e9; b = c.0.1; for d in 0..5 {} e = 1_000; 0xf32;";
        check(engine_has_no_floats, &[("engine/src/a.rs", integers)], &[]);
    }

    #[test]
    fn a_core_that_waits_is_found() {
        check(
            cores_are_sans_io,
            &[
                ("transport/src/session/mod.rs", "async fn f() {}"),
                ("transport/src/router.rs", "use quinn::Connection;"),
                ("node/src/core.rs", "use tokio::sync::mpsc;"),
                ("control/src/core/hub.rs", "fn f() { a().await; }"),
                ("node/src/daemon.rs", "async fn f() {}"),
            ],
            &[
                "transport/src/session/mod.rs:1",
                "transport/src/router.rs:1",
                "node/src/core.rs:1",
                "control/src/core/hub.rs:1",
            ],
        );
    }

    #[test]
    fn a_daemon_that_bypasses_env_is_found() {
        check(
            daemons_use_env,
            &[
                ("node/src/a.rs", "fn f() { tokio::spawn(g()); }"),
                ("control/src/a.rs", "use tokio::{sync, time};"),
                ("control/src/b.rs", "use std::fs::File;"),
                ("transport/src/a.rs", "use std::time::Instant;\nfn f() { Instant::now(); }"),
                ("transport/src/b.rs", "use crate::env::Instant;\nfn f(a: Instant) {}"),
                ("transport/src/quic/timer.rs", "use std::time::Instant;"),
                ("transport/shell/src/env.rs", "use std::time::Instant;"),
            ],
            &[
                "node/src/a.rs:1",
                "control/src/a.rs:1",
                "control/src/b.rs:1",
                "transport/src/a.rs:1",
                "transport/src/a.rs:2",
            ],
        );
    }

    #[test]
    fn a_crate_outside_its_fence_is_found_in_tests_too() {
        check(
            crates_are_fenced,
            &[
                ("engine/src/event/codec.rs", "use bincode::config;"),
                (
                    "engine/src/event/mod.rs",
                    "#[cfg(test)]\nmod tests {\n    use bincode::encode;\n}",
                ),
                ("simulations/src/net.rs", "use quinn::Endpoint;"),
                ("engine/src/store/mod.rs", "use rocksdb::DB;"),
                ("node/src/a.rs", "fn f() { automerge::Automerge::new(); }"),
            ],
            &[
                "engine/src/event/mod.rs:3",
                "simulations/src/net.rs:1",
                "engine/src/store/mod.rs:1",
                "node/src/a.rs:1",
            ],
        );
    }

    #[test]
    fn a_hash_map_is_found() {
        check(
            no_hash_maps,
            &[
                ("transport/shell/src/a.rs", "use std::collections::{BTreeMap, HashMap};"),
                ("engine/src/a.rs", "fn f(a: HashSet<u8>) {}"),
                ("simulations/src/a.rs", "use std::collections::HashMap;"),
            ],
            &["transport/shell/src/a.rs:1", "engine/src/a.rs:1"],
        );
    }
}

//! What the packages may depend on. Reads as much of Cargo.toml as these rules need: sections,
//! and the keys at the start of their lines.

use super::places::LAYERS;
use super::tree::Source;

/// A dependency as a manifest writes it.
struct Dependency<'a> {
    line: usize,
    name: &'a str,
}

fn dependencies(manifest: &str) -> Vec<Dependency<'_>> {
    let mut found = Vec::new();
    let mut listing = false;
    for (at, line) in manifest.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if let Some(section) = line.strip_prefix('[') {
            let section = section.trim_matches(['[', ']']);
            listing = section.ends_with("dependencies");
            // A table of its own: `[dependencies.engine]`.
            if let Some((_, name)) = section.split_once("dependencies.") {
                found.push(Dependency { line: at + 1, name });
            }
        } else if listing && !line.is_empty() {
            let name = line.split(['.', '=', ' ']).next().unwrap_or_default();
            found.push(Dependency { line: at + 1, name });
        }
    }
    found
}

/// engine <- transport <- shell <- {node, control} <- simulations <- tests.
pub fn one_way(sources: &[Source]) -> Vec<String> {
    let mut findings = Vec::new();
    for (package, manifest, layer) in LAYERS {
        let Some(source) = sources.iter().find(|source| source.path == *manifest) else { continue };
        for Dependency { line, name } in dependencies(&source.text) {
            let name = name.strip_prefix("tentpole-").unwrap_or(name);
            let below = LAYERS.iter().find(|(other, ..)| *other == name);
            if below.is_some_and(|(.., other)| other >= layer) {
                findings.push(format!("{manifest}:{line}: {package} lies below or beside {name}"));
            }
        }
    }
    findings
}

/// transport carries events without interpreting them: no catalogue, no store on disk.
pub fn transport_is_lean(sources: &[Source]) -> Vec<String> {
    let mut findings = Vec::new();
    for manifest in ["transport/Cargo.toml", "Cargo.toml"] {
        let Some(source) = sources.iter().find(|source| source.path == manifest) else { continue };
        for (at, line) in source.text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default();
            let about_engine = line.starts_with("engine") || line.contains("\"engine/");
            if about_engine && ["rocksdb", "catalogue"].iter().any(|name| line.contains(name)) {
                let mend = "transport uses engine without rocksdb and catalogue";
                findings.push(format!("{manifest}:{}: {mend}", at + 1));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn a_dependency_up_or_across_is_found() {
        check(
            one_way,
            &[
                (
                    "engine/Cargo.toml",
                    "[dependencies]\nserde = \"1\"\n\n[dev-dependencies]\nshell = 1",
                ),
                ("node/Cargo.toml", "[dependencies]\nengine.workspace = true\ncontrol = { a = 1 }"),
                ("control/Cargo.toml", "[dependencies.tentpole-node]\npath = \"../node\""),
                ("tests/Cargo.toml", "[dependencies]\nnode.workspace = true"),
            ],
            &["engine/Cargo.toml:5", "node/Cargo.toml:3", "control/Cargo.toml:1"],
        );
    }

    #[test]
    fn a_feature_of_the_same_name_is_no_dependency() {
        check(one_way, &[("engine/Cargo.toml", "[features]\nnode = []\n# control = 1")], &[]);
    }

    #[test]
    fn a_transport_that_interprets_is_found() {
        let depends = "[dependencies]\nengine = { workspace = true, features = [\"catalogue\"] }";
        let passes_on = "[features]\ndisk = [\"engine/rocksdb\"]";
        let shared = "engine = { path = \"engine\", features = [\"rocksdb\"] }";
        let fits = "[dependencies]\nengine.workspace = true # no rocksdb";
        check(transport_is_lean, &[("transport/Cargo.toml", depends)], &["transport/Cargo.toml:2"]);
        check(
            transport_is_lean,
            &[("transport/Cargo.toml", passes_on)],
            &["transport/Cargo.toml:2"],
        );
        check(transport_is_lean, &[("Cargo.toml", shared)], &["Cargo.toml:1"]);
        check(transport_is_lean, &[("transport/Cargo.toml", fits)], &[]);
    }
}

//! Planted bugs must fit the sources: a patch that no longer applies would prove nothing.

use super::tree::Source;

const FOLDER: &str = "tests/planted/";
/// Fields that each patch opens with.
const FIELDS: &[&str] = &["What: ", "Chosen by: ", "Caught by: "];

/// Each patch names its bug, who chose it and the test that catches it, and each of its hunks is
/// found in the file that it changes.
pub fn fit(sources: &[Source]) -> Vec<String> {
    let patches = sources.iter().filter(|source| source.path.starts_with(FOLDER));
    patches.flat_map(|patch| check(patch, sources)).collect()
}

fn check(patch: &Source, sources: &[Source]) -> Vec<String> {
    let mut findings = Vec::new();
    for field in FIELDS {
        if !patch.text.lines().any(|line| line.starts_with(field)) {
            findings.push(format!("{}:1: has no line \"{field}...\"; add it", patch.path));
        }
    }
    let caught = patch.text.lines().find_map(|line| line.strip_prefix("Caught by: "));
    let test = caught.and_then(|caught| caught.rsplit("::").next()).unwrap_or_default();
    let opens = format!("fn {test}(");
    if !sources.iter().any(|source| source.is_rust() && source.text.contains(&opens)) {
        findings.push(format!("{}:1: no test is named {test:?}; name the one", patch.path));
    }
    let mut target = "";
    for (at, line) in patch.text.lines().enumerate() {
        if let Some(path) = line.strip_prefix("--- a/") {
            target = path;
        } else if line.starts_with("@@ ") {
            let hunk = before(patch.text.lines().skip(at + 1));
            let file = sources.iter().find(|source| source.path == target);
            if hunk.is_empty() || !file.is_some_and(|file| file.text.contains(&hunk)) {
                let place = format!("{}:{}", patch.path, at + 1);
                findings.push(format!("{place}: is not found in {target}; make it anew"));
            }
        }
    }
    findings
}

/// The text that a hunk expects.
fn before<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let mut out = String::new();
    for line in lines {
        match line.chars().next() {
            Some(' ' | '-') if !line.starts_with("--- ") => out.push_str(&line[1..]),
            Some('+') => continue,
            None => {}
            _ => break,
        }
        out.push('\n');
    }
    out
}

#[test]
fn a_patch_that_does_not_fit_is_found() {
    let good = "What: x\nChosen by: y\nCaught by: p t::finds\n--- a/e.rs\n+++ b/e.rs\n\
                @@ -1,2 +1,2 @@\n fn finds() {\n-    one\n+    two\n";
    let bad = good.replace("one", "three");
    let source = ("e.rs", "fn finds() {\n    one\n}\n");
    super::check(fit, &[source, ("tests/planted/a.patch", good)], &[]);
    super::check(fit, &[source, ("tests/planted/a.patch", &bad)], &["tests/planted/a.patch:6"]);
    super::check(
        fit,
        &[source, ("tests/planted/a.patch", &good.replace("t::finds", "t::lost"))],
        &["tests/planted/a.patch:1"],
    );
    super::check(
        fit,
        &[source, ("tests/planted/a.patch", &good.replace("What: x\n", ""))],
        &["tests/planted/a.patch:1"],
    );
}

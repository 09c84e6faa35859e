//! The workspace's files as rules see them. Reads once; follows no link and writes nothing.

use std::fs;
use std::path::Path;

use super::blank;

/// What is no source: history, what cargo built, what a demo left.
const SKIPPED: &[&str] = &[".git", "target", ".demo"];

/// One file, its path relative to the workspace with `/` between the parts.
pub struct Source {
    /// The path.
    pub path: String,
    /// The file as it is; empty when it is not text.
    pub text: String,
    /// A Rust file without comments and literals; empty for others.
    pub code: String,
    /// `code` without what only tests compile.
    pub production: String,
    /// Lines of the file that a release is built from.
    pub production_lines: usize,
    /// Files beside this one that only tests compile, as path prefixes.
    test_files: Vec<String>,
}

impl Source {
    fn new(path: &str, text: String) -> Self {
        let is_rust = path.ends_with(".rs");
        let code = if is_rust { blank::literals(&text) } else { String::new() };
        let without = blank::tests(&code);
        let folder = module_folder(path);
        Self {
            path: path.to_owned(),
            production_lines: text.lines().count() - without.lines,
            test_files: without.modules.iter().map(|name| format!("{folder}/{name}")).collect(),
            production: without.code,
            text,
            code,
        }
    }

    /// Whether this is a Rust file.
    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// The last part of the path.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}

/// Where the modules declared in `path` lie.
fn module_folder(path: &str) -> &str {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    if matches!(name, "lib.rs" | "main.rs" | "mod.rs") {
        return folder;
    }
    path.strip_suffix(".rs").unwrap_or(path)
}

/// Sources made of paths and texts. A file that only tests compile has no production part.
pub fn from_texts<'a>(files: impl IntoIterator<Item = (&'a str, String)>) -> Vec<Source> {
    let mut sources: Vec<Source> =
        files.into_iter().map(|(path, text)| Source::new(path, text)).collect();
    let test_files: Vec<String> =
        sources.iter().flat_map(|source| source.test_files.clone()).collect();
    for source in &mut sources {
        let is_test = |stem: &String| {
            let rest = source.path.strip_prefix(stem.as_str());
            rest.is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
        };
        if source.path.starts_with("tests/") || test_files.iter().any(is_test) {
            source.production = String::new();
            source.production_lines = 0;
        }
    }
    sources
}

/// Every file of this workspace.
pub fn workspace() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    collect(&root, "", &mut files);
    assert!(files.len() > 20, "the workspace was not found at {}", root.display());
    files.sort();
    from_texts(files.iter().map(|(path, text)| (path.as_str(), text.clone())))
}

fn collect(folder: &Path, prefix: &str, files: &mut Vec<(String, String)>) {
    // Another target directory inside the workspace carries cargo's mark.
    if folder.join("CACHEDIR.TAG").exists() {
        return;
    }
    for entry in fs::read_dir(folder).expect("a folder of the workspace can be listed") {
        let entry = entry.expect("an entry of the workspace can be listed");
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        let kind = entry.file_type().expect("an entry of the workspace has a type");
        if kind.is_dir() && !SKIPPED.contains(&name.as_str()) {
            collect(&entry.path(), &format!("{path}/"), files);
        } else if kind.is_file() {
            files.push((path, fs::read_to_string(entry.path()).unwrap_or_default()));
        }
    }
}

#[test]
fn a_module_that_only_tests_compile_has_no_production_part() {
    let sources = from_texts([
        ("a/src/lib.rs", "#[cfg(test)]\nmod contract;\nmod real;".to_owned()),
        ("a/src/contract.rs", "fn b() {}".to_owned()),
        ("a/src/contract/deep.rs", "fn c() {}".to_owned()),
        ("a/src/real.rs", "fn d() {}\n#[cfg(test)]\nmod tests;".to_owned()),
        ("a/src/real/tests.rs", "fn e() {}".to_owned()),
    ]);
    let lines: Vec<usize> = sources.iter().map(|source| source.production_lines).collect();
    assert_eq!(lines, [1, 0, 0, 1, 0]);
}

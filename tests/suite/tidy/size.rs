//! How large a thing may grow before it wants a seam.

use super::tree::Source;

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;
const LIB_LINES_MAX: usize = 120;
const COLUMNS_MAX: usize = 100;

/// The part of a file that a release is built from has at most 500 lines.
pub fn files(sources: &[Source]) -> Vec<String> {
    let rust = sources.iter().filter(|source| source.is_rust());
    rust.filter(|source| source.production_lines > FILE_LINES_MAX)
        .map(|source| {
            let lines = source.production_lines;
            format!("{}: {lines} production lines; {FILE_LINES_MAX} is the limit", source.path)
        })
        .collect()
}

/// A function, test or not, has at most 70 lines with its signature.
pub fn functions(sources: &[Source]) -> Vec<String> {
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| source.is_rust()) {
        let lines: Vec<&str> = source.code.lines().collect();
        for (at, line) in lines.iter().enumerate().filter(|(_, line)| opens_function(line)) {
            let length = function_length(&lines[at..]);
            if length > FUNCTION_LINES_MAX {
                let (path, line, limit) = (&source.path, line.trim(), FUNCTION_LINES_MAX);
                findings.push(format!("{path}:{}: {length} lines of {limit}: {line}", at + 1));
            }
        }
    }
    findings
}

fn opens_function(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let qualifiers = ["const", "async", "unsafe", "extern", "default"];
    words.find(|word| !word.starts_with("pub") && !qualifiers.contains(word)) == Some("fn")
}

/// rustfmt puts the end of a function where its `fn` begins: the same indent and a closing brace,
/// or `;` in a trait.
fn function_length(lines: &[&str]) -> usize {
    let indent = indent_of(lines[0]);
    if lines[0].trim_end().ends_with([';', '}']) {
        return 1;
    }
    let closes = |line: &&str| {
        let text = line.trim();
        indent_of(line) == indent && (text.starts_with('}') || text.ends_with(';'))
    };
    lines.iter().skip(1).position(closes).map_or(lines.len(), |at| at + 2)
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// A `lib.rs` says what is where and does nothing.
pub fn lib_files(sources: &[Source]) -> Vec<String> {
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| source.name() == "lib.rs") {
        let (path, lines) = (&source.path, source.production_lines);
        if lines > LIB_LINES_MAX {
            findings.push(format!("{path}: {lines} lines; {LIB_LINES_MAX} is the limit of a map"));
        }
        for (at, _) in
            source.production.lines().enumerate().filter(|(_, line)| opens_function(line))
        {
            findings.push(format!("{path}:{}: a function; move it into a module", at + 1));
        }
    }
    findings
}

/// Lines of code and scripts have at most 100 columns. Tables, in prose and in TOML, cannot wrap.
pub fn columns(sources: &[Source]) -> Vec<String> {
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| is_wrapped(source)) {
        for (at, line) in source.text.lines().enumerate() {
            let columns = line.chars().count();
            if columns > COLUMNS_MAX {
                findings.push(format!("{}:{}: {columns} columns", source.path, at + 1));
            }
        }
    }
    findings
}

fn is_wrapped(source: &Source) -> bool {
    [".rs", ".sh", "Makefile", ".ci/run"].iter().any(|end| source.path.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn a_long_file_is_found_and_its_tests_do_not_count() {
        let code = "const A: u8 = 1;\n".repeat(500);
        let tests = format!("#[cfg(test)]\nmod tests {{\n{code}}}\n");
        let fits = format!("{code}{tests}");
        let long = format!("{tests}{code}const B: u8 = 1;\n");
        check(files, &[("a/fits.rs", &fits), ("a/long.rs", &long)], &["a/long.rs"]);
    }

    #[test]
    fn a_long_function_is_found() {
        let body = "        a();\n".repeat(69);
        let long = format!("impl A {{\n    pub(crate) async fn f(\n    ) {{\n{body}    }}\n}}\n");
        let fits = format!("impl A {{\n    fn f() {{\n{}    }}\n}}\n", &body[13..]);
        check(functions, &[("a/long.rs", &long), ("a/fits.rs", &fits)], &["a/long.rs:2"]);
    }

    #[test]
    fn a_declaration_ends_where_it_ends() {
        let between = "    const A: u8 = 1;\n".repeat(80);
        let text = format!("trait A {{\n    fn f(\n        a: u8,\n    ) -> u8;\n{between}}}\n");
        check(functions, &[("a/a.rs", &text)], &[]);
    }

    #[test]
    fn a_lib_file_that_does_something_is_found() {
        let long = "pub mod a;\n".repeat(121);
        check(
            lib_files,
            &[("a/lib.rs", "pub mod a;\npub fn f() {}"), ("b/lib.rs", &long)],
            &["a/lib.rs:2", "b/lib.rs"],
        );
    }

    #[test]
    fn a_wide_line_is_found() {
        let (wide, fits) = ("x".repeat(101), "x".repeat(100));
        let files = [("a/a.rs", wide.as_str()), ("b.sh", &wide), ("c.rs", &fits), ("d.md", &wide)];
        check(columns, &files, &["a/a.rs:1", "b.sh:1"]);
    }
}

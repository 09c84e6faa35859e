//! What may stand in a source: its opening, its loose ends, its characters.

use super::scan::{self, Token};
use super::tree::Source;

/// Files that people write, as against data and locks.
const WRITTEN: &[&str] = &[".rs", ".toml", ".md", ".sh", "Makefile", ".ci/run"];

/// Macros that mark what is missing, give up, or were left behind.
const UNDONE: &[&str] = &["todo", "unimplemented", "panic", "dbg"];

fn written(source: &&Source) -> bool {
    WRITTEN.iter().any(|end| source.path.ends_with(end))
}

/// Findings in the tokens of each source's `code`.
fn in_tokens(
    sources: &[Source],
    code: impl Fn(&Source) -> &str,
    found: impl Fn(&[Token<'_>]) -> Option<String>,
) -> Vec<String> {
    let mut findings = Vec::new();
    for source in sources {
        let tokens = scan::tokens(code(source));
        for at in 0..tokens.len() {
            if let Some(what) = found(&tokens[at..]) {
                findings.push(format!("{}:{}: {what}", source.path, tokens[at].line));
            }
        }
    }
    findings
}

/// Whether the tokens begin with `texts`.
fn starts(tokens: &[Token<'_>], texts: &[&str]) -> bool {
    tokens.len() >= texts.len() && tokens.iter().zip(texts).all(|(token, text)| token.text == *text)
}

/// A source opens with what it is for and what it never does.
pub fn opens_with_purpose(sources: &[Source]) -> Vec<String> {
    sources
        .iter()
        .filter(|source| source.is_rust() && !source.text.starts_with("//! "))
        .map(|source| format!("{}:1: open with `//! ` and what the file is for", source.path))
        .collect()
}

/// Production code neither panics for convenience nor is half written.
pub fn nothing_undone(sources: &[Source]) -> Vec<String> {
    in_tokens(
        sources,
        |source| &source.production,
        |tokens| {
            if starts(tokens, &[".", "unwrap", "("]) {
                return Some("unwrap; return an error, or expect an invariant".to_owned());
            }
            let name = UNDONE.iter().find(|name| starts(tokens, &[name, "!"]))?;
            Some(format!("the macro {name}; return an error, or finish it"))
        },
    )
}

/// `expect` is for what the code around it makes true, and says so.
pub fn expects_state_invariants(sources: &[Source]) -> Vec<String> {
    let mut findings = Vec::new();
    for source in sources {
        // Blanking keeps offsets, so the message stands in the text where the code has a gap.
        for (at, call) in source.production.match_indices(".expect(") {
            let after = source.text[at + call.len()..].trim_start();
            if after.starts_with('"') && !after.starts_with("\"invariant: ") {
                let line = source.text[..at].lines().count().max(1);
                let mend = "return an error, or begin the message with `invariant: `";
                findings.push(format!("{}:{line}: {mend}", source.path));
            }
        }
    }
    findings
}

/// Work that is left goes into the tracker.
pub fn nothing_for_later(sources: &[Source]) -> Vec<String> {
    // Taken apart, so that this file passes.
    let marks = [["FIX", "ME"], ["TO", "DO"], ["XX", "X"]].map(|halves| halves.concat());
    let mut findings = Vec::new();
    for source in sources.iter().filter(written) {
        for (at, line) in source.text.lines().enumerate() {
            let mut words = line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            if words.any(|word| marks.iter().any(|mark| mark == word)) {
                findings.push(format!("{}:{}: finish it, or file it", source.path, at + 1));
            }
        }
    }
    findings
}

/// No test is skipped, and none passes because of any panic whatever.
pub fn tests_run(sources: &[Source]) -> Vec<String> {
    let ignored = "ignore";
    let any_panic = ["should", "panic"].join("_");
    in_tokens(
        sources,
        |source| &source.code,
        |tokens| {
            let attribute = [ignored, &any_panic].into_iter();
            let mut attribute = attribute.filter(|name| starts(tokens, &["#", "[", name]));
            attribute.next().map(|name| format!("{name}; run it, and assert what it should do"))
        },
    )
}

/// Plain ASCII reads the same in every editor, font and terminal, and hides nothing.
pub fn ascii(sources: &[Source]) -> Vec<String> {
    let mut findings = Vec::new();
    for source in sources.iter().filter(written) {
        for (at, line) in source.text.lines().enumerate() {
            if let Some(found) = line.chars().find(|c| !matches!(c, ' '..='~') && *c != '\t') {
                let code = found as u32;
                findings.push(format!("{}:{}: U+{code:04X} is not ASCII", source.path, at + 1));
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
    fn a_source_without_an_opening_is_found() {
        let files = [("a/a.rs", "//! For this.\n"), ("a/b.rs", "// For that.\n"), ("c.sh", "")];
        check(opens_with_purpose, &files, &["a/b.rs:1"]);
    }

    #[test]
    fn what_is_left_undone_is_found_in_production_code_alone() {
        let text = "fn f() {\n    a.unwrap();\n    dbg!(a);\n    panic!()\n}\n\
                    fn g() {\n    a.unwrap_or(b);\n}\n#[test]\nfn h() {\n    a.unwrap();\n}\n";
        let places = ["a/a.rs:2", "a/a.rs:3", "a/a.rs:4"];
        check(nothing_undone, &[("a/a.rs", text), ("tests/a.rs", text)], &places);
    }

    #[test]
    fn an_expect_without_its_invariant_is_found() {
        let text = "fn f() {\n    a.expect(\"invariant: b\");\n    a.expect(\"a\");\n    \
                    a.expect(\n        \"b\",\n    );\n    parser.expect(b);\n}";
        check(expects_state_invariants, &[("a/a.rs", text)], &["a/a.rs:3", "a/a.rs:4"]);
    }

    #[test]
    fn a_mark_for_later_is_found_in_comments_too() {
        let mark = ["TO", "DO"].concat();
        let (comment, word) = (format!("\n// {mark}: mend"), format!("{mark}_LIST mktemp XXXXXX"));
        let files = [("a/a.rs", comment.as_str()), ("b.rs", &word), ("c.md", &comment)];
        check(nothing_for_later, &files, &["a/a.rs:2", "c.md:2"]);
    }

    #[test]
    fn a_test_that_does_not_run_is_found() {
        let any_panic = ["#[should", "panic]"].join("_");
        let text = format!("#[test]\n#[ignore = \"slow\"]\nfn f() {{}}\n{any_panic}\nfn g() {{}}");
        check(tests_run, &[("a/a.rs", &text)], &["a/a.rs:2", "a/a.rs:4"]);
    }

    #[test]
    fn what_is_not_ascii_is_found() {
        let files = [("a/a.rs", "// caf\u{e9}"), ("a.md", "\u{2192}"), ("data.bin", "\u{e9}")];
        check(ascii, &files, &["a/a.rs:1", "a.md:1"]);
    }
}

//! Makes a committed regression of a failing run: its scenario as a file, and a Rust test beside it
//! that runs it. It runs nothing itself.
//!
//! The test fails as long as the run does, and passes once its cause is mended.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;

/// What the test calls: `fn(scenario: &str, seed: u64) -> anyhow::Result<record::run::Run>`, with
/// the scenario as the text of its file.
const RUNNER: &str = "tentpole_simulations::world::run_text";

/// Bytes of a scenario's and of a checker's name in the names of files and tests.
const SLUG_BYTES_MAX: usize = 22;

/// Columns of a source.
const COLUMNS_MAX: usize = 100;

/// Columns of the comment that says what was violated, and its lines.
const COMMENT_COLUMNS: usize = 96;
const COMMENT_LINES_MAX: usize = 12;

/// A run that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Case<'a> {
    /// The scenario's name.
    pub name: &'a str,
    /// The text of the scenario's file, with everything that the failure does not need left out.
    pub scenario: &'a str,
    /// The seed.
    pub seed: u64,
    /// The checker that did not hold.
    pub checker: &'a str,
    /// When it did not.
    pub fails_at: Duration,
    /// What it said.
    pub text: &'a str,
}

/// The files of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// The scenario.
    pub scenario: PathBuf,
    /// The test. It is a module of its own: one `mod` line in the file above it lets it run.
    pub test: PathBuf,
}

/// Why a case was not written.
#[derive(Debug, Error)]
#[error("{} cannot be written: {source}; name a folder that exists and is yours", path.display())]
pub struct CaseError {
    path: PathBuf,
    source: io::Error,
}

impl Case<'_> {
    /// What its files are called without their ends, and its test: a-z, 0-9 and `_`. Cases of one
    /// scenario, seed and checker have the same.
    pub fn stem(&self) -> String {
        // Behind a word, as neither a module nor a function begins with a digit.
        format!("case_{}_{}_{}", slug(self.name), self.seed, slug(self.checker))
    }

    /// The text of the test, as rustfmt leaves it.
    pub fn test(&self) -> String {
        let (stem, seed) = (self.stem(), self.seed);
        let checker = slug(self.checker);
        let seconds = format!("{}.{:03} s", self.fails_at.as_secs(), self.fails_at.subsec_millis());
        let opening = format!(
            "A shrunk run of scenario {}, seed {seed}, in which {} did not hold at {seconds}: {}",
            ascii(self.name),
            ascii(self.checker),
            ascii(self.text)
        );
        let mut out = comment(&opening);
        let (path, runner) = RUNNER.rsplit_once("::").expect("invariant: RUNNER is a path");
        let module = path.rsplit("::").next().unwrap_or(path);
        let call = format!("{module}::{runner}(SCENARIO, {seed})");
        let file = format!("include_str!(\"{stem}.toml\");");
        let declares = "const SCENARIO: &str =";
        let is_short = declares.len() + 1 + file.len() <= COLUMNS_MAX;
        let between = if is_short { " " } else { "\n    " };
        let _ = write!(
            out,
            "
use {path};

{declares}{between}{file}

#[test]
fn seed_{seed}_holds_{checker}() {{
    let run = {call}.expect(\"the scenario runs\");
    assert_eq!(run.violation, None, \"`tentpole-sim run --html` draws it\");
}}
"
        );
        out
    }

    /// Writes both files into a folder, in place of those of the same case.
    pub fn write(&self, folder: &Path) -> Result<Files, CaseError> {
        let put = |end: &str, text: &str| {
            let path = folder.join(format!("{}.{end}", self.stem()));
            match fs::write(&path, text) {
                Ok(()) => Ok(path),
                Err(source) => Err(CaseError { path, source }),
            }
        };
        Ok(Files { scenario: put("toml", self.scenario)?, test: put("rs", &self.test())? })
    }
}

/// A name made of a-z, 0-9 and single `_`; never empty.
fn slug(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    let spaced: String = name.chars().map(plain).collect();
    let mut out = String::new();
    for word in spaced.split('_').filter(|word| !word.is_empty()) {
        if !out.is_empty() {
            out.push('_');
        }
        out.push_str(word);
    }
    out.truncate(SLUG_BYTES_MAX);
    let out = out.trim_end_matches('_');
    if out.is_empty() { "unnamed".to_owned() } else { out.to_owned() }
}

/// A text in one line of ASCII: whatever else is in it is escaped.
fn ascii(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars().take(COMMENT_COLUMNS * COMMENT_LINES_MAX) {
        match c {
            ' '..='~' => out.push(c),
            '\n' | '\t' => out.push(' '),
            c => out.extend(c.escape_unicode()),
        }
    }
    out
}

/// The doc comment of a file, wrapped; what is too long is cut.
fn comment(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_ascii_whitespace() {
        // Words are ASCII, so any place in them is between characters.
        for part in word.as_bytes().chunks(COMMENT_COLUMNS) {
            let part = String::from_utf8_lossy(part);
            let line = lines.last_mut().expect("invariant: there is a first line");
            if line.is_empty() {
                line.push_str(&part);
            } else if line.len() + 1 + part.len() <= COMMENT_COLUMNS {
                line.push(' ');
                line.push_str(&part);
            } else {
                lines.push(part.into_owned());
            }
        }
    }
    let was_cut = lines.len() > COMMENT_LINES_MAX;
    lines.truncate(COMMENT_LINES_MAX);
    let mut out = String::new();
    for line in &lines {
        out.push_str(&format!("//! {line}\n"));
    }
    if was_cut { out + "//! ...\n" } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CASE: Case<'static> = Case {
        name: "night-market",
        scenario: "name = \"night-market\"\nseed = 42\n",
        seed: 42,
        checker: "stock-conserved",
        fails_at: Duration::from_millis(723_250),
        text: "item-17: 3 pieces too many",
    };

    /// The text of a test that anybody may commit: plain, short lines, one test, nothing that
    /// broke out of the comment or the names.
    #[track_caller]
    fn check(case: Case<'_>) -> String {
        let text = case.test();
        for line in text.lines() {
            assert!(line.len() <= 100, "{} columns: {line}", line.len());
            assert!(line.bytes().all(|b| matches!(b, b' '..=b'~')), "{line:?}");
        }
        let (comment, code) = text.split_once("\n\n").expect("an empty line ends the comment");
        assert!(comment.lines().all(|line| line.starts_with("//! ")), "{comment}");
        assert!(comment.lines().count() <= COMMENT_LINES_MAX + 1, "{comment}");
        for (part, times) in [("fn ", 1), ("#[test]", 1), ("\"", 6), ("//", 0), ("include_str!", 1)]
        {
            assert_eq!(code.matches(part).count(), times, "of {part:?} in {code}");
        }
        text
    }

    #[test]
    fn a_case_becomes_a_test_that_says_what_went_wrong() {
        let expected = "\
//! A shrunk run of scenario night-market, seed 42, in which stock-conserved did not hold at 723.250
//! s: item-17: 3 pieces too many

use tentpole_simulations::world;

const SCENARIO: &str = include_str!(\"case_night_market_42_stock_conserved.toml\");

#[test]
fn seed_42_holds_stock_conserved() {
    let run = world::run_text(SCENARIO, 42).expect(\"the scenario runs\");
    assert_eq!(run.violation, None, \"`tentpole-sim run --html` draws it\");
}
";
        assert_eq!(check(CASE), expected);
    }

    #[test]
    fn hostile_names_stay_names_and_comments_stay_comments() {
        for hostile in [
            "",
            "\"#]\nfn main() { }\n//",
            "../../etc/passwd",
            "7 Stalls \u{e9}\u{202e}\u{2028}",
            "_x___y_",
            &"long ".repeat(900),
            &"w".repeat(9_000),
        ] {
            let case = Case { name: hostile, checker: hostile, text: hostile, ..CASE };
            check(Case { seed: u64::MAX, ..case });
            let stem = case.stem();
            let is_plain = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_');
            assert!(stem.bytes().all(is_plain), "{stem}");
        }
        assert_eq!(slug("7 Stalls"), "7_stalls");
        assert_eq!(slug("_x___y_"), "x_y");
    }

    #[test]
    fn both_files_are_written_beside_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let files = CASE.write(folder.path()).unwrap();
        assert_eq!(fs::read_to_string(&files.scenario).unwrap(), CASE.scenario);
        let test = fs::read_to_string(&files.test).unwrap();
        assert_eq!(test, CASE.test());
        let name = files.scenario.file_name().and_then(|name| name.to_str()).unwrap();
        assert!(test.contains(&format!("include_str!(\"{name}\")")), "{test}");
    }

    #[test]
    fn a_case_that_cannot_be_written_names_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let message = CASE.write(&folder.path().join("absent")).unwrap_err().to_string();
        assert!(message.contains("absent/case_night_market_42"), "{message}");
    }
}

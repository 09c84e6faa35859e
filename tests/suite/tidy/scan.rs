//! What code names: every path in it, with `use` declarations written out.
//!
//! Works on code without comments and literals. Resolves a name through the file's own imports
//! and no further.

use std::collections::BTreeMap;

/// A path as the compiler would look it up, as far as one file tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Counted from 1.
    pub line: usize,
    /// `std::time::Instant::now`, `f32`, `std::fs::*`.
    pub path: String,
}

impl Named {
    /// Whether the path goes through `banned`, or imports everything around it.
    pub fn reaches(&self, banned: &str) -> bool {
        let around = self.path.strip_suffix('*').is_some_and(|stem| banned.starts_with(stem));
        around || format!("::{}::", self.path).contains(&format!("::{banned}::"))
    }
}

/// A word, a number, `::` or one character of punctuation.
#[derive(Debug, Clone, Copy)]
pub struct Token<'a> {
    /// Counted from 1.
    pub line: usize,
    /// The token.
    pub text: &'a str,
}

impl Token<'_> {
    fn is_word(&self) -> bool {
        self.text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
    }
}

/// Splits code into tokens.
pub fn tokens(code: &str) -> Vec<Token<'_>> {
    let mut tokens: Vec<Token<'_>> = Vec::new();
    for (index, row) in code.lines().enumerate() {
        let mut rest = row.trim_start();
        while let Some(first) = rest.chars().next() {
            let after_dot = tokens.last().is_some_and(|token| token.text == ".");
            let length = match first {
                '0'..='9' => number_length(rest, after_dot),
                ':' if rest.starts_with("::") => 2,
                _ if is_word_part(first) => word_length(rest),
                _ => first.len_utf8(),
            };
            tokens.push(Token { line: index + 1, text: &rest[..length] });
            rest = rest[length..].trim_start();
        }
    }
    tokens
}

fn is_word_part(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

fn word_length(rest: &str) -> usize {
    rest.find(|character| !is_word_part(character)).unwrap_or(rest.len())
}

/// After a dot a number is a tuple index, which has no fraction.
fn number_length(rest: &str, after_dot: bool) -> usize {
    let whole = word_length(rest);
    let fraction = rest[whole..].strip_prefix('.').map_or(0, word_length);
    let is_fraction = rest[whole..].chars().nth(1).is_some_and(|next| next.is_ascii_digit());
    if is_fraction && !after_dot { whole + 1 + fraction } else { whole }
}

/// Every path that `code` names.
pub fn paths(code: &str) -> Vec<Named> {
    let tokens = tokens(code);
    let mut scan = Scan { tokens: &tokens, at: 0, found: Vec::new(), imports: BTreeMap::new() };
    scan.run();
    let Scan { mut found, imports, .. } = scan;
    for named in &mut found {
        let (first, rest) = named.path.split_once("::").unwrap_or((&named.path, ""));
        // An import of the crate itself (`use quinn;`) would resolve to itself.
        if let Some(full) = imports.get(first).filter(|full| !named.path.starts_with(*full)) {
            named.path = if rest.is_empty() { full.clone() } else { format!("{full}::{rest}") };
        }
    }
    found
}

struct Scan<'a> {
    tokens: &'a [Token<'a>],
    at: usize,
    found: Vec<Named>,
    /// Names that `use` brought in, and the paths behind them.
    imports: BTreeMap<String, String>,
}

impl Scan<'_> {
    fn run(&mut self) {
        while let Some(token) = self.tokens.get(self.at) {
            self.at += 1;
            if token.text == "use" && self.text() != Some("<") {
                self.use_tree("");
            } else if token.is_word() {
                let mut path = token.text.to_owned();
                while self.text() == Some("::")
                    && let Some(next) = self.tokens.get(self.at + 1).filter(|next| next.is_word())
                {
                    path = format!("{path}::{}", next.text);
                    self.at += 2;
                }
                self.found.push(Named { line: token.line, path });
            }
        }
    }

    fn text(&self) -> Option<&str> {
        self.tokens.get(self.at).map(|token| token.text)
    }

    /// Reads one branch of a use tree, up to the `,`, `}` or `;` behind it.
    fn use_tree(&mut self, prefix: &str) {
        let mut path = prefix.to_owned();
        let mut alias = None;
        let mut grouped = false;
        let mut line = 0;
        while let Some(token) = self.tokens.get(self.at).filter(|t| !",};".contains(t.text)) {
            line = token.line;
            self.at += 1;
            match token.text {
                "::" if path.is_empty() => {}
                "{" => {
                    grouped = true;
                    self.use_group(&path);
                }
                "as" => {
                    alias = self.text().map(str::to_owned);
                    self.at += 1;
                }
                "self" if path.ends_with("::") => path.truncate(path.len() - 2),
                part => path.push_str(part),
            }
        }
        if !grouped && !path.is_empty() {
            let name = alias.unwrap_or_else(|| path.rsplit("::").next().unwrap_or("").to_owned());
            self.imports.insert(name, path.clone());
            self.found.push(Named { line, path });
        }
    }

    fn use_group(&mut self, prefix: &str) {
        while let Some(text) = self.text() {
            match text {
                "}" => {
                    self.at += 1;
                    return;
                }
                "," => self.at += 1,
                ";" => return,
                _ => self.use_tree(prefix),
            }
        }
    }
}

#[track_caller]
fn check(code: &str, expected: &[&str]) {
    let found: Vec<String> = paths(code).into_iter().map(|named| named.path).collect();
    assert_eq!(found, expected, "{code}");
}

#[test]
fn use_trees_are_written_out() {
    check("use a::{b, c::{self, d as e}, f::*};", &["a::b", "a::c", "a::c::d", "a::f::*"]);
    check("use ::a;", &["a"]);
    check("pub(crate) use a::B;", &["pub", "crate", "a::B"]);
}

#[test]
fn names_are_followed_through_imports() {
    check("use a::b;\nb::c()", &["a::b", "a::b::c"]);
    check("use a::b as d;\nd(b)", &["a::b", "a::b", "b"]);
    check("use a;\na::b", &["a", "a::b"]);
}

#[test]
fn a_glob_reaches_what_it_imports() {
    let glob = Named { line: 1, path: "std::time::*".to_owned() };
    assert!(glob.reaches("std::time::Instant"));
    assert!(!glob.reaches("std::thread"));
}

#[test]
fn a_path_is_reached_by_whole_segments() {
    let named = Named { line: 1, path: "std::network::Port".to_owned() };
    assert!(!named.reaches("std::net"));
    assert!(named.reaches("std::network"));
}

#[test]
fn numbers_keep_their_fractions_and_tuple_indices_do_not() {
    let texts: Vec<&str> = tokens("1.5 x.0.1 0..2 1.max(2)").iter().map(|t| t.text).collect();
    let expected =
        ["1.5", "x", ".", "0", ".", "1", "0", ".", ".", "2", "1", ".", "max", "(", "2", ")"];
    assert_eq!(texts, expected);
}

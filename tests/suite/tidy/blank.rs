//! Blanks what a rule must not see: comments and literals, and the items that only tests compile.
//!
//! Blanked bytes become spaces and line ends stay, so that every offset and line number still
//! holds in the original text. It knows just enough of Rust's tokens for that, and no grammar.

/// `text` without the content of comments, strings and character literals.
pub fn literals(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = literal_end(bytes, at);
        if let Some(end) = end {
            wipe(&mut out, at, end);
        }
        at = end.unwrap_or(at + 1);
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Where the comment or literal that begins at `at` ends, if one does.
fn literal_end(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = &bytes[at..];
    match rest[0] {
        b'/' if rest.starts_with(b"//") => Some(at + find(rest, b"\n")),
        b'/' if rest.starts_with(b"/*") => Some(at + block_comment_length(rest)),
        b'"' => Some(at + string_length(rest)),
        b'r' if at == 0 || !is_word(bytes[at - 1]) || is_raw_prefix(bytes, at) => {
            raw_string_length(rest).map(|length| at + length)
        }
        b'\'' => char_length(rest).map(|length| at + length),
        _ => None,
    }
}

fn is_raw_prefix(bytes: &[u8], at: usize) -> bool {
    matches!(bytes[at - 1], b'b' | b'c') && (at < 2 || !is_word(bytes[at - 2]))
}

fn block_comment_length(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest[at..].starts_with(b"*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

fn string_length(rest: &[u8]) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

fn raw_string_length(rest: &[u8]) -> Option<usize> {
    let hashes = rest[1..].iter().take_while(|byte| **byte == b'#').count();
    if rest.get(1 + hashes) != Some(&b'"') {
        return None;
    }
    let close = [b"\"".as_slice(), &rest[1..=hashes]].concat();
    let body = hashes + 2;
    Some((body + find(&rest[body..], &close) + close.len()).min(rest.len()))
}

/// A quote that no second one closes begins a lifetime.
fn char_length(rest: &[u8]) -> Option<usize> {
    if rest.get(1) == Some(&b'\\') {
        return Some((3 + find(rest.get(3..)?, b"'") + 1).min(rest.len()));
    }
    let width = match *rest.get(1)? {
        0..0x80 => 1,
        0x80..0xe0 => 2,
        0xe0..0xf0 => 3,
        0xf0.. => 4,
    };
    (rest.get(1 + width) == Some(&b'\'')).then_some(width + 2)
}

/// What [`tests`] took out.
pub struct Blanked {
    /// The code that a release contains.
    pub code: String,
    /// Lines that belong to test items.
    pub lines: usize,
    /// Modules in other files that only tests compile.
    pub modules: Vec<String>,
}

/// `code`, as [`literals`] leaves it, without the items under `cfg(test)`.
pub fn tests(code: &str) -> Blanked {
    let mut out = code.as_bytes().to_vec();
    let mut blanked = Blanked { code: String::new(), lines: 0, modules: Vec::new() };
    let mut at = 0;
    while let Some(start) = next_test_attribute(&code[at..]).map(|found| at + found) {
        let end = start + item_length(&code[start..]);
        let item = &code[start..end];
        let words: Vec<&str> = item.split_whitespace().collect();
        if let Some(["mod", name]) = words.last_chunk::<2>()
            && let Some(name) = name.strip_suffix(';')
        {
            blanked.modules.push(name.to_owned());
        }
        blanked.lines += item.lines().count();
        wipe(&mut out, start, end);
        at = end;
    }
    blanked.code = String::from_utf8_lossy(&out).into_owned();
    blanked
}

fn next_test_attribute(code: &str) -> Option<usize> {
    ["#[cfg(test)]", "#[cfg(all(test,", "#[test]"]
        .into_iter()
        .filter_map(|attribute| code.find(attribute))
        .min()
}

/// The length of an attribute and the item below it: to a `;` or the brace that closes its body.
fn item_length(code: &str) -> usize {
    let (mut braces, mut others) = (0, 0);
    for (at, byte) in code.bytes().enumerate() {
        match byte {
            b'(' | b'[' => others += 1,
            b')' | b']' => others -= 1,
            b'{' => braces += 1,
            b'}' if braces == 1 && others == 0 => return at + 1,
            b'}' => braces -= 1,
            b';' if braces == 0 && others == 0 => return at + 1,
            _ => {}
        }
    }
    code.len()
}

fn find(bytes: &[u8], wanted: &[u8]) -> usize {
    bytes.windows(wanted.len()).position(|window| window == wanted).unwrap_or(bytes.len())
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn wipe(out: &mut [u8], from: usize, to: usize) {
    for byte in &mut out[from..to] {
        if *byte != b'\n' {
            *byte = b' ';
        }
    }
}

#[track_caller]
fn check_literals(text: &str, expected: &str) {
    let blanked = literals(text);
    assert_eq!(blanked.len(), text.len(), "offsets must hold");
    let words: Vec<&str> = blanked.split_whitespace().collect();
    assert_eq!(words.join(" "), expected, "{text}");
}

#[test]
fn comments_are_blanked() {
    check_literals("a // b\nc /// d\n//! e\nf", "a c f");
    check_literals("a /* b /* c */ d */ e", "a e");
    check_literals("a / b", "a / b");
}

#[test]
fn strings_are_blanked() {
    check_literals(r#"a("b \" c") d"#, "a( ) d");
    check_literals("a(r#\"b \" c\"#) d", "a( ) d");
    check_literals("a(br\"b\\\") d", "a(b ) d");
    check_literals("var\"x\" y", "var y");
    check_literals("\"// not a comment\" a", "a");
}

#[test]
fn characters_are_blanked_and_lifetimes_are_not() {
    check_literals(r"a('\'') b('\u{e9}') c", "a( ) b( ) c");
    check_literals("f<'a>('\"', 'b') g", "f<'a>( , ) g");
    check_literals("'\u{e9}' a", "a");
}

#[test]
fn test_items_are_blanked_wherever_they_stand() {
    let blanked =
        tests("#[cfg(test)]\nmod tests;\nfn a() {}\n#[cfg(test)]\nfn b() {\n    c()\n}\nd");
    assert_eq!(blanked.code.split_whitespace().collect::<String>(), "fna(){}d");
    assert_eq!(blanked.modules, ["tests"]);
    assert_eq!(blanked.lines, 6);
}

#[test]
fn an_item_of_other_conditions_stays() {
    let blanked = tests("#[cfg(not(test))]\nfn a() {}");
    assert_eq!((blanked.code.contains("fn a"), blanked.lines), (true, 0));
}

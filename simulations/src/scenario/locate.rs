//! Which line of a scenario file a field stands in, for whoever has to mend it.
//!
//! It walks text that has been parsed already; where a field is not there, its table is meant.

use toml::de::{DeTable, DeValue};

use super::typed::Step;

/// The form of a scenario file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// TOML 1.0.
    Toml,
    /// JSON, RFC 8259.
    Json,
}

/// The line, from 1, of the field at this place, or of what is nearest to it.
pub fn line_of(text: &str, format: Format, place: &[Step]) -> usize {
    let offset = match format {
        Format::Toml => in_toml(text, place),
        Format::Json => Json { text, at: 0 }.find(place),
    };
    line_at(text, offset)
}

/// The line, from 1, of the byte at this offset.
pub fn line_at(text: &str, offset: usize) -> usize {
    let before = &text.as_bytes()[..offset.min(text.len())];
    1 + before.iter().filter(|byte| **byte == b'\n').count()
}

fn in_toml(text: &str, place: &[Step]) -> usize {
    let Ok(root) = DeTable::parse(text) else { return 0 };
    let mut offset = 0;
    let mut value = &DeValue::Table(root.into_inner());
    for step in place {
        let (start, next) = match value {
            DeValue::Table(fields) => {
                let field = fields.iter().find(|(name, _)| name.get_ref() == step);
                let Some((name, next)) = field else { break };
                (name.span().start, next)
            }
            DeValue::Array(elements) => {
                let Some(next) = step.parse().ok().and_then(|at: usize| elements.get(at)) else {
                    break;
                };
                (next.span().start, next)
            }
            _ => break,
        };
        offset = start;
        value = next.get_ref();
    }
    offset
}

/// A walk over JSON.
struct Json<'a> {
    text: &'a str,
    at: usize,
}

impl Json<'_> {
    /// The offset of the place, which is that of its field's name.
    fn find(mut self, place: &[Step]) -> usize {
        let mut offset = 0;
        for step in place {
            self.blanks();
            let found = match self.peek() {
                Some(b'{') => self.enter_field(step),
                Some(b'[') => step.parse().ok().and_then(|nth| self.enter_element(nth)),
                _ => None,
            };
            match found {
                Some(start) => offset = start,
                None => break,
            }
        }
        offset
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    /// Goes to the value of a field of the object here; tells where its name stands.
    fn enter_field(&mut self, name: &str) -> Option<usize> {
        loop {
            // Past the brace or the comma.
            self.at += 1;
            self.blanks();
            let start = self.at;
            self.skip();
            let found = serde_json::from_str::<String>(self.text.get(start..self.at)?).ok()?;
            self.blanks();
            // Past the colon.
            self.at += 1;
            self.blanks();
            if found == name {
                return Some(start);
            }
            self.skip();
            self.blanks();
            if self.peek()? != b',' {
                return None;
            }
        }
    }

    /// Goes to the nth element of the list here.
    fn enter_element(&mut self, nth: usize) -> Option<usize> {
        for _ in 0..nth {
            self.at += 1;
            self.skip();
            self.blanks();
            if self.peek()? != b',' {
                return None;
            }
        }
        self.at += 1;
        self.blanks();
        Some(self.at)
    }

    /// Goes past a value.
    fn skip(&mut self) {
        self.blanks();
        let mut depth = 0_usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => self.skip_text(),
                b'{' | b'[' => depth += 1,
                b'}' | b']' if depth == 0 => return,
                b'}' | b']' => depth -= 1,
                b',' | b':' if depth == 0 => return,
                _ => {}
            }
            self.at += 1;
            let is_closed = matches!(byte, b'"' | b'}' | b']');
            if depth == 0 && is_closed {
                return;
            }
        }
    }

    /// Goes to the quotation mark that ends the text here.
    fn skip_text(&mut self) {
        self.at += 1;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => return,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, format: Format, place: &str, line: usize) {
        let place: Vec<Step> = place.split('.').map(str::to_owned).collect();
        assert_eq!(line_of(text, format, &place), line, "{place:?}");
    }

    #[test]
    fn a_field_of_toml_is_found() {
        let text = "name = 'a'\n[workload]\nlines = 3\n[[faults]]\nwhat = 'x'\n\n[[faults]]\n\
                    at = 1\nto = { a = 1,\nb = 2 }\n[c.d.e]\nf = [1,\n2]\n";
        for (place, line) in [
            ("name", 1),
            ("workload", 2),
            ("workload.lines", 3),
            ("faults.0.what", 5),
            ("faults.1", 7),
            ("faults.1.at", 8),
            ("faults.1.to.b", 10),
            ("c.d.e", 11),
            ("c.d.e.f.1", 13),
        ] {
            check(text, Format::Toml, place, line);
        }
    }

    #[test]
    fn a_field_of_json_is_found() {
        let text = [
            r"{",
            r#""name": "a\"}","#,
            r#""b": {"c": [1,"#,
            r#"{"d": 2,"#,
            r#""e": [[]]},"#,
            r"3]",
            r"},",
            r#""f":"#,
            r"true}",
        ]
        .join("\n");
        let text = text.as_str();
        for (place, line) in [
            ("name", 2),
            ("b", 3),
            ("b.c.0", 3),
            ("b.c.1", 4),
            ("b.c.1.e", 5),
            ("b.c.2", 6),
            ("f", 8),
        ] {
            check(text, Format::Json, place, line);
        }
    }

    #[test]
    fn what_is_not_there_is_meant_where_it_should_be() {
        check("a = 1\n[b]\nc = 2\n", Format::Toml, "b.d", 2);
        check("a = 1\n[[b]]\n", Format::Toml, "b.7.c", 2);
        check("{\"a\": 1,\n\"b\": {\"c\":\n 2}}", Format::Json, "b.d", 2);
        check("{\"b\": [\n]}", Format::Json, "b.7.c", 1);
    }
}

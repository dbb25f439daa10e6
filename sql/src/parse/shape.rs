//! [`Shape`]: a text with its literals taken out, found without parsing it.
//!
//! Texts of one shape differ in numbers and strings only. A scan of the bytes finds them by the lexer's rules and puts one
//! mark for each into the shape, which says what type the literal has by itself: the first of int4, int8 and numeric that
//! holds a number, or an untyped string. So two texts of one shape are one sequence of tokens but for the values.
//!
//! Whatever is rare is given up at once, and its statement parsed as it stands: comments, several statements, escape,
//! dollar-quoted and national strings, parameters, strings continued on another line, malformed numbers. A number whose
//! type depends on the sign before it (2147483648 is an int8, but -2147483648 an int4) is given up as well.
//!
//! A scan takes about a microsecond for a hundred bytes, and allocates nothing once the buffers have grown.

use std::borrow::Cow;

use types::oid;

/// Literals of one text; with more it is data rather than a statement.
const LITERALS_MAX: usize = 64;
/// Longer texts are not scanned, in bytes.
const TEXT_BYTES_MAX: usize = 4 << 10;

/// What a literal is by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    Int4,
    Int8,
    Numeric,
    String,
}

impl Class {
    /// Stands for the literal in a shape. No such byte is in a text that the lexer takes, quoted identifiers apart.
    fn mark(self) -> u8 {
        match self {
            Class::Int4 => 1,
            Class::Int8 => 2,
            Class::Numeric => 3,
            Class::String => 4,
        }
    }

    /// The type of such a literal; 0 for a string, which takes the type that its place wants.
    pub fn type_oid(self) -> u32 {
        match self {
            Class::Int4 => oid::INT4,
            Class::Int8 => oid::INT8,
            Class::Numeric => oid::NUMERIC,
            Class::String => 0,
        }
    }
}

/// Where a literal was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Literal {
    /// Byte offsets into the text; the quotes of a string are inside.
    pub start: u32,
    pub end: u32,
    pub class: Class,
}

impl Literal {
    /// The literal as written.
    pub fn raw<'a>(&self, text: &'a str) -> &'a str {
        &text[self.start as usize..self.end as usize]
    }

    /// Its digits, or the string it stands for.
    pub fn value<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let raw = self.raw(text);
        if self.class != Class::String {
            return Cow::Borrowed(raw);
        }
        let inner = &raw[1..raw.len() - 1];
        if inner.contains('\'') { Cow::Owned(inner.replace("''", "'")) } else { Cow::Borrowed(inner) }
    }
}

/// See the module. Kept by a session for its buffers.
#[derive(Default, Debug)]
pub struct Shape {
    bytes: Vec<u8>,
    literals: Vec<Literal>,
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || byte >= 0x80
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

impl Shape {
    /// The text with marks in place of its literals, without a last semicolon and blanks around it.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// In their order in the text.
    pub fn literals(&self) -> &[Literal] {
        &self.literals
    }

    /// Takes the shape of `text`. False when it is given up; the shape then means nothing.
    pub fn read(&mut self, text: &str) -> bool {
        self.bytes.clear();
        self.literals.clear();
        text.len() <= TEXT_BYTES_MAX && self.scan(text.as_bytes()).is_some()
    }

    fn scan(&mut self, text: &[u8]) -> Option<()> {
        let mut at = text.iter().position(|byte| !is_blank(*byte))?;
        while at < text.len() {
            let byte = text[at];
            let next = text.get(at + 1).copied().unwrap_or(0);
            let start = at;
            match byte {
                b'0'..=b'9' => at = self.number(text, at)?,
                b'.' if next == b'.' => return None,
                b'.' if next.is_ascii_digit() => at = self.number(text, at)?,
                b'\'' => at = self.string(text, at)?,
                b'"' => {
                    let length = text[at + 1..].iter().position(|byte| *byte == b'"')?;
                    at += length + 2;
                    if text[start..at].iter().any(|byte| *byte < b' ') {
                        return None;
                    }
                    self.bytes.extend_from_slice(&text[start..at]);
                }
                _ if is_word(byte) && byte != b'$' => {
                    while at < text.len() && is_word(text[at]) {
                        at += 1;
                    }
                    let quoted = text.get(at).is_some_and(|byte| *byte == b'\'');
                    // E'', N'', B'', X'' and U&'' are strings of other kinds.
                    if at - start == 1 && (quoted || text.get(at) == Some(&b'&')) {
                        return None;
                    }
                    self.bytes.extend_from_slice(&text[start..at]);
                }
                b'-' if next == b'-' => return None,
                b'/' if next == b'*' => return None,
                b'$' => return None,
                b';' => {
                    return text[at + 1..].iter().all(|byte| is_blank(*byte)).then(|| self.trim());
                }
                _ if byte < b' ' && !is_blank(byte) => return None,
                _ => {
                    at += 1;
                    self.bytes.push(byte);
                }
            }
        }
        self.trim();
        Some(())
    }

    fn trim(&mut self) {
        while self.bytes.last().is_some_and(|byte| is_blank(*byte)) {
            self.bytes.pop();
        }
    }

    fn push(&mut self, start: usize, end: usize, class: Class) -> Option<usize> {
        if self.literals.len() == LITERALS_MAX {
            return None;
        }
        self.bytes.push(class.mark());
        self.literals.push(Literal { start: start as u32, end: end as u32, class });
        Some(end)
    }

    fn number(&mut self, text: &[u8], start: usize) -> Option<usize> {
        let digits = |mut at: usize| {
            while at < text.len() && text[at].is_ascii_digit() {
                at += 1;
            }
            at
        };
        let mut at = digits(start);
        let mut class = integer_class(&text[start..at]);
        if text.get(at) == Some(&b'.') {
            if text.get(at + 1) == Some(&b'.') {
                return None;
            }
            class = Some(Class::Numeric);
            at = digits(at + 1);
        }
        if text.get(at).is_some_and(|byte| byte | 0x20 == b'e') {
            let sign = usize::from(matches!(text.get(at + 1), Some(b'+' | b'-')));
            let exponent = digits(at + 1 + sign);
            if exponent == at + 1 + sign {
                return None;
            }
            class = Some(Class::Numeric);
            at = exponent;
        }
        if text.get(at).is_some_and(|byte| is_word(*byte)) {
            return None;
        }
        self.push(start, at, class?)
    }

    fn string(&mut self, text: &[u8], start: usize) -> Option<usize> {
        let mut at = start + 1;
        loop {
            match text.get(at)? {
                b'\'' if text.get(at + 1) == Some(&b'\'') => at += 2,
                b'\'' => break,
                _ => at += 1,
            }
        }
        at += 1;
        // Behind a line break another quote would go on with this string.
        let behind = text[at..].iter().position(|byte| !is_blank(*byte)).map_or(text.len(), |blanks| at + blanks);
        let broken = text[at..behind].iter().any(|byte| matches!(byte, b'\n' | b'\r'));
        if broken && matches!(text.get(behind), Some(b'\'' | b'-')) {
            return None;
        }
        self.push(start, at, Class::String)
    }
}

/// The class of a run of digits whose value does not depend on a sign before it.
fn integer_class(digits: &[u8]) -> Option<Class> {
    /// One more than the greatest int4; with a minus it is an int4.
    const INT4_EDGE: u128 = 1 << 31;
    /// The same of int8.
    const INT8_EDGE: u128 = 1 << 63;
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    let digits = &digits[zeros..];
    if digits.len() > 20 {
        return Some(Class::Numeric);
    }
    let value = digits.iter().fold(0_u128, |value, digit| value * 10 + u128::from(digit - b'0'));
    match value {
        INT4_EDGE | INT8_EDGE => None,
        _ if value < INT4_EDGE => Some(Class::Int4),
        _ if value < INT8_EDGE => Some(Class::Int8),
        _ => Some(Class::Numeric),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::parse::lexer::{self, Tok};

    fn shape(text: &str) -> Option<(Vec<u8>, Vec<String>)> {
        let mut shape = Shape::default();
        let read = shape.read(text);
        let values = shape.literals.iter().map(|literal| literal.value(text).into_owned()).collect();
        read.then_some((shape.bytes, values))
    }

    #[test]
    fn texts_that_differ_in_literals_have_one_shape() {
        let (one, values) = shape("select a from t where b = 5 and c = 'it''s';").expect("plain");
        let (other, _) = shape("  select a from t where b = 77 and c = '' ; ").expect("plain");
        assert_eq!(one, b"select a from t where b = \x01 and c = \x04");
        assert_eq!(one, other);
        assert_eq!(values, ["5", "it's"]);
    }

    #[test]
    fn classes_are_the_types_of_literals() {
        let classes = |text: &str| shape(text).map(|(bytes, _)| bytes);
        assert_eq!(classes("2147483647 2147483649 9223372036854775807"), Some(b"\x01 \x02 \x02".to_vec()));
        assert_eq!(classes("9223372036854775809 1.5 .5 1. 1e3 1e-3"), Some(b"\x03 \x03 \x03 \x03 \x03 \x03".to_vec()));
        assert_eq!(classes("000000000000000000000000000007"), Some(b"\x01".to_vec()));
        // A minus before these makes them of the smaller type.
        assert_eq!(classes("2147483648"), None);
        assert_eq!(classes("9223372036854775808"), None);
    }

    #[test]
    fn what_is_rare_is_given_up() {
        for text in [
            "select 1; select 2",
            "select 1 -- one",
            "select /* one */ 1",
            "select $1",
            "select $$a$$",
            "select E'a'",
            "select n'a'",
            "select U&'a'",
            "select u&\"a\"",
            "select 'a'\n'b'",
            "select 'open",
            "select \"open",
            "select 1a",
            "select 1..2",
            "select 1e",
            "select \x01",
            "select \"\x01\"",
            "",
            "  ",
        ] {
            assert_eq!(shape(text), None, "{text:?}");
        }
        assert!(shape(&format!("select {}", "1,".repeat(LITERALS_MAX + 1))).is_none());
        assert!(shape(&" ".repeat(TEXT_BYTES_MAX + 1)).is_none());
    }

    /// The literals that the lexer finds.
    fn lexed(text: &str) -> Option<Vec<(u32, u32, String)>> {
        let (tokens, _) = lexer::tokens(text).ok()?;
        let literals = tokens.into_iter().filter_map(|token| match token.tok {
            Tok::Integer(digits) | Tok::Decimal(digits) => Some((token.start, token.end, digits.to_owned())),
            Tok::String(value) => Some((token.start, token.end, value.into_owned())),
            _ => None,
        });
        Some(literals.collect())
    }

    proptest! {
        /// Whatever is not given up has the lexer's literals, at the lexer's places, or is no text for the lexer.
        #[test]
        fn literals_are_the_lexers(parts in prop::collection::vec(prop::sample::select(vec![
            "select", "a", "e", "E", "x", "u", "&", "'", "''", "'a'", "'it''s'", "\"", "\"a b\"", "1", "23", "2147483648",
            "1.5", ".", "..", "5.", "1e3", "e5", "-", "--", "/*", "*/", "/", "*", "$", "$1", "$a$", ";", " ", "\n", "(",
            ")", ",", "=", "::", "ä", "_", "\\",
        ]), 0..24)) {
            let text = parts.concat();
            let mut shape = Shape::default();
            if shape.read(&text) && let Some(expected) = lexed(&text) {
                let found: Vec<_> = shape
                    .literals
                    .iter()
                    .map(|literal| (literal.start, literal.end, literal.value(&text).into_owned()))
                    .collect();
                prop_assert_eq!(found, expected, "{:?}", text);
            }
        }
    }
}

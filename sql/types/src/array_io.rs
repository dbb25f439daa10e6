//! Text forms of arrays, vectors and records.
//!
//! Arrays: `{1,2,NULL}`, nested for more dimensions, `[2:3]={a,b}` when a lower bound is not 1. An element is quoted when
//! it is empty, reads as NULL, or contains a brace, the delimiter, a quote, a backslash or white space. Vectors
//! (int2vector, oidvector) are numbers with blanks between them.

use std::sync::Arc;

use crate::datum::{ArrayValue, Datum};
use crate::error::{Error, Result, SqlState};
use crate::function::RESULT_BYTES_MAX;
use crate::settings::Settings;
use crate::sqltype::{SqlType, oid};
use crate::text_io::{append, check_room, natural_type, parse};

/// PostgreSQL's `MAXDIM`.
pub(crate) const DIMENSIONS_MAX: usize = 6;
/// Most elements of an array: as many as fit in the largest value, 1 GiB.
pub(crate) const ELEMENTS_MAX: usize = RESULT_BYTES_MAX / size_of::<Datum>();

/// 54000 above [`ELEMENTS_MAX`].
pub(crate) fn too_many_elements() -> Error {
    Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, format!("array size exceeds the maximum allowed ({ELEMENTS_MAX})"))
}

/// Checks that the subscript past the last of every dimension is an int4, as PostgreSQL's `ArrayCheckBounds`.
///
/// # Errors
/// 54000.
pub(crate) fn check_bounds(dims: &[i32], lower_bounds: &[i32]) -> Result<()> {
    match dims.iter().zip(lower_bounds).find(|(size, lower)| lower.checked_add(**size).is_none()) {
        Some((_, lower)) => {
            Err(Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, format!("array lower bound is too large: {lower}")))
        }
        None => Ok(()),
    }
}

fn malformed(text: &str, detail: &str) -> Error {
    Error::new(SqlState::INVALID_TEXT_REPRESENTATION, format!("malformed array literal: \"{text}\"")).detail(detail)
}

/// Reads `{...}` with an optional `[l:u]...=` in front.
pub(crate) fn parse_array(text: &str, ty: SqlType, settings: &Settings) -> Result<Datum> {
    let element = ty.element().ok_or_else(|| Error::internal("an array type without an element type"))?;
    let mut reader = Reader { text, bytes: text.as_bytes(), at: 0, element, settings, elements: Vec::new() };
    reader.skip_blanks();
    let mut declared: Vec<(i32, i32)> = Vec::new();
    while reader.peek() == Some(b'[') {
        reader.at += 1;
        let first = reader.bound()?;
        let (lower, upper) = if reader.peek() == Some(b':') {
            reader.at += 1;
            (first, reader.bound()?)
        } else {
            (1, first)
        };
        if reader.peek() != Some(b']') {
            return Err(malformed(text, "Missing \"]\" after array dimensions."));
        }
        reader.at += 1;
        if upper < lower {
            return Err(Error::new(SqlState::ARRAY_SUBSCRIPT_ERROR, "upper bound cannot be less than lower bound"));
        }
        declared.push((lower, upper));
        if declared.len() > DIMENSIONS_MAX {
            return Err(too_many_dimensions(declared.len()));
        }
        reader.skip_blanks();
    }
    if !declared.is_empty() {
        if reader.peek() != Some(b'=') {
            return Err(malformed(text, "Missing \"=\" after array dimensions."));
        }
        reader.at += 1;
        reader.skip_blanks();
    }
    if reader.peek() != Some(b'{') {
        let detail = if declared.is_empty() {
            "Array value must start with \"{\" or dimension information."
        } else {
            "Array contents must start with \"{\"."
        };
        return Err(malformed(text, detail));
    }
    let mut dims = Vec::new();
    reader.block(0, &mut dims)?;
    reader.skip_blanks();
    if reader.at != reader.bytes.len() {
        return Err(malformed(text, "Junk after closing right brace."));
    }
    let elements = reader.elements;
    if elements.is_empty() && declared.is_empty() {
        return Ok(Datum::Array(Arc::new(ArrayValue::from_elements(element.oid, elements))));
    }
    let mut lower_bounds = vec![1; dims.len()];
    if !declared.is_empty() {
        let fits = declared.len() == dims.len()
            && declared.iter().zip(&dims).all(|((l, u), n)| i64::from(*u) - i64::from(*l) + 1 == i64::from(*n));
        if !fits {
            return Err(malformed(text, "Specified array dimensions do not match array contents."));
        }
        lower_bounds = declared.iter().map(|(lower, _)| *lower).collect();
        check_bounds(&dims, &lower_bounds)?;
    }
    Ok(Datum::Array(Arc::new(ArrayValue { element: element.oid, dims, lower_bounds, elements })))
}

pub(crate) fn too_many_dimensions(found: usize) -> Error {
    Error::new(
        SqlState::PROGRAM_LIMIT_EXCEEDED,
        format!("number of array dimensions ({found}) exceeds the maximum allowed ({DIMENSIONS_MAX})"),
    )
}

struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    element: SqlType,
    settings: &'a Settings,
    elements: Vec<Datum>,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        while self.peek().is_some_and(|b| b.is_ascii_whitespace() || b == 0x0b) {
            self.at += 1;
        }
    }

    fn bound(&mut self) -> Result<i32> {
        let start = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_digit() || b == b'-' || b == b'+') {
            self.at += 1;
        }
        self.text[start..self.at]
            .parse()
            .map_err(|_| malformed(self.text, "\"[\" must introduce explicitly-specified array dimensions."))
    }

    /// One brace level; `dims[depth]` is set by the first block of that depth and checked by the others.
    fn block(&mut self, depth: usize, dims: &mut Vec<i32>) -> Result<()> {
        if depth >= DIMENSIONS_MAX {
            return Err(too_many_dimensions(depth + 1));
        }
        let ragged =
            |text: &str| malformed(text, "Multidimensional arrays must have sub-arrays with matching dimensions.");
        self.at += 1;
        let first_block = dims.len() == depth;
        if first_block {
            dims.push(0);
        }
        let mut count = 0i32;
        let mut nested: Option<bool> = None;
        self.skip_blanks();
        if self.peek() == Some(b'}') {
            // Only the whole array may be empty.
            if depth > 0 {
                return Err(malformed(self.text, "Unexpected \"}\" character."));
            }
            self.at += 1;
            return Ok(());
        }
        loop {
            self.skip_blanks();
            let is_block = self.peek() == Some(b'{');
            if nested.replace(is_block).is_some_and(|before| before != is_block) {
                return Err(malformed(
                    self.text,
                    match self.peek() {
                        Some(b'{') => "Unexpected \"{\" character.",
                        Some(b'}') => "Unexpected \"}\" character.",
                        _ => "Unexpected array element.",
                    },
                ));
            }
            if is_block {
                if !first_block && dims.len() <= depth + 1 {
                    return Err(ragged(self.text));
                }
                self.block(depth + 1, dims)?;
            } else {
                if dims.len() > depth + 1 {
                    return Err(ragged(self.text));
                }
                let value = self.item()?;
                if self.elements.len() >= ELEMENTS_MAX {
                    return Err(too_many_elements());
                }
                self.elements.push(value);
            }
            count += 1;
            self.skip_blanks();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    break;
                }
                Some(other) => {
                    return Err(malformed(self.text, &format!("Unexpected \"{}\" character.", char::from(other))));
                }
                None => return Err(malformed(self.text, "Unexpected end of input.")),
            }
        }
        if first_block {
            dims[depth] = count;
        } else if dims[depth] != count {
            return Err(ragged(self.text));
        }
        Ok(())
    }

    fn item(&mut self) -> Result<Datum> {
        let mut value = Vec::new();
        let mut quoted = false;
        if self.peek() == Some(b'"') {
            quoted = true;
            self.at += 1;
            loop {
                match self.peek() {
                    Some(b'"') => {
                        self.at += 1;
                        break;
                    }
                    Some(b'\\') => {
                        let Some(escaped) = self.bytes.get(self.at + 1) else {
                            return Err(malformed(self.text, "Unexpected end of input."));
                        };
                        value.push(*escaped);
                        self.at += 2;
                    }
                    Some(byte) => {
                        value.push(byte);
                        self.at += 1;
                    }
                    None => return Err(malformed(self.text, "Unexpected end of input.")),
                }
            }
        } else {
            // Trailing blanks do not count, escaped ones do.
            let mut kept = 0;
            loop {
                match self.peek() {
                    Some(b',' | b'}') | None => break,
                    Some(b'{') => return Err(malformed(self.text, "Unexpected \"{\" character.")),
                    Some(b'"') => return Err(malformed(self.text, "Unexpected array element.")),
                    Some(b'\\') => {
                        let Some(escaped) = self.bytes.get(self.at + 1) else {
                            return Err(malformed(self.text, "Unexpected end of input."));
                        };
                        value.push(*escaped);
                        self.at += 2;
                        kept = value.len();
                        quoted = true;
                    }
                    Some(byte) => {
                        value.push(byte);
                        self.at += 1;
                        if !byte.is_ascii_whitespace() {
                            kept = value.len();
                        }
                    }
                }
            }
            value.truncate(kept);
            if value.is_empty() {
                let found =
                    self.peek().map_or("end of input".to_string(), |b| format!("\"{}\" character", char::from(b)));
                return Err(malformed(self.text, &format!("Unexpected {found}.")));
            }
        }
        // An escape may split a character only if the input was not UTF-8, which a &str excludes.
        let value = String::from_utf8(value).map_err(|_| malformed(self.text, "Invalid encoding."))?;
        if !quoted && value.eq_ignore_ascii_case("null") {
            return Ok(Datum::Null);
        }
        parse(&value, self.element, self.settings)
    }
}

fn needs_quotes(text: &[u8]) -> bool {
    text.is_empty()
        || text.eq_ignore_ascii_case(b"null")
        || text.iter().any(|b| matches!(b, b'{' | b'}' | b',' | b'"' | b'\\' | b'\x0b') || b.is_ascii_whitespace())
}

/// Puts quotes around what `out` holds from `start` on. A quote or backslash inside gets another one before it, in an array
/// a backslash: so both double with every level of nesting. Nothing is allocated for what has no room.
fn quote(start: usize, in_array: bool, end: usize, out: &mut Vec<u8>) -> Result<()> {
    let is_escaped = |byte: u8| matches!(byte, b'"' | b'\\');
    let escapes = out[start..].iter().filter(|byte| is_escaped(**byte)).count();
    check_room(escapes + 2, end, out)?;
    // From behind, so that each byte is read before another is written to its place: what lies before `from` is still to be
    // moved, and what lies behind `to` is done.
    let mut from = out.len();
    let mut to = from + escapes + 1;
    out.resize(to + 1, b'"');
    while to > from + 1 {
        from -= 1;
        to -= 1;
        let byte = out[from];
        out[to] = byte;
        if is_escaped(byte) {
            to -= 1;
            out[to] = if in_array { b'\\' } else { byte };
        }
    }
    out.copy_within(start..from, start + 1);
    out[start] = b'"';
    Ok(())
}

/// Appends `{...}`, up to `end` as [`append`] does.
pub(crate) fn write_array(
    array: &ArrayValue,
    ty: SqlType,
    settings: &Settings,
    end: usize,
    out: &mut Vec<u8>,
) -> Result<()> {
    if array.elements.is_empty() {
        out.extend_from_slice(b"{}");
        return Ok(());
    }
    if array.lower_bounds.iter().any(|lower| *lower != 1) {
        for (lower, size) in array.lower_bounds.iter().zip(&array.dims) {
            out.extend_from_slice(format!("[{lower}:{}]", i64::from(*lower) + i64::from(*size) - 1).as_bytes());
        }
        out.push(b'=');
    }
    let element = ty.element().unwrap_or(SqlType::of(array.element));
    write_level(array, element, 0, &mut array.elements.iter(), settings, end, out)
}

fn write_level<'a>(
    array: &ArrayValue,
    element: SqlType,
    depth: usize,
    elements: &mut impl Iterator<Item = &'a Datum>,
    settings: &Settings,
    end: usize,
    out: &mut Vec<u8>,
) -> Result<()> {
    out.push(b'{');
    for i in 0..array.dims[depth] {
        if i > 0 {
            out.push(b',');
        }
        if depth + 1 < array.dims.len() {
            write_level(array, element, depth + 1, elements, settings, end, out)?;
            continue;
        }
        match elements.next() {
            None | Some(Datum::Null) => out.extend_from_slice(b"NULL"),
            Some(Datum::Int4(value)) => crate::datetime::write_integer(i64::from(*value), out),
            Some(value) => {
                let start = out.len();
                append(value, element, settings, end, out)?;
                if needs_quotes(&out[start..]) {
                    quote(start, true, end, out)?;
                }
            }
        }
        check_room(1, end, out)?;
    }
    out.push(b'}');
    Ok(())
}

/// Reads numbers with blanks between them.
pub(crate) fn parse_vector(text: &str, ty: SqlType, settings: &Settings) -> Result<Datum> {
    let element = if ty.oid == oid::INT2VECTOR { SqlType::INT2 } else { SqlType::OID };
    let elements =
        text.split_ascii_whitespace().map(|item| parse(item, element, settings)).collect::<Result<Vec<_>>>()?;
    Ok(Datum::Array(Arc::new(ArrayValue::vector(element.oid, elements))))
}

/// Appends numbers with blanks between them.
pub(crate) fn write_vector(array: &ArrayValue, out: &mut Vec<u8>) {
    for (i, element) in array.elements.iter().enumerate() {
        if i > 0 {
            out.push(b' ');
        }
        crate::datetime::write_integer(element.as_i64().unwrap_or(0), out);
    }
}

/// Appends `(a,b,)`: the fields' text forms, empty for null. Up to `end` as [`append`] does.
pub(crate) fn write_record(fields: &[Datum], settings: &Settings, end: usize, out: &mut Vec<u8>) -> Result<()> {
    out.push(b'(');
    for (i, field) in fields.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        if field.is_null() {
            continue;
        }
        let start = out.len();
        append(field, natural_type(field), settings, end, out)?;
        let text = &out[start..];
        let quoted = text.is_empty()
            || text.iter().any(|b| matches!(b, b'(' | b')' | b',' | b'"' | b'\\' | b'\x0b') || b.is_ascii_whitespace());
        if quoted {
            quote(start, false, end, out)?;
        }
        check_room(1, end, out)?;
    }
    out.push(b')');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text of a value if it fits in `end` bytes, and how many were allocated for it.
    fn written(value: &Datum, end: usize) -> (Option<String>, usize) {
        let mut out = Vec::new();
        let result = append(value, natural_type(value), &Settings::default(), end, &mut out);
        if let Err(error) = &result {
            assert_eq!(error.sqlstate, SqlState::PROGRAM_LIMIT_EXCEEDED);
        }
        let allocated = out.capacity();
        (result.ok().map(|()| String::from_utf8(out).expect("text")), allocated)
    }

    fn text(value: &Datum) -> String {
        written(value, 1 << 20).0.expect("room for it")
    }

    fn row(fields: &[Datum]) -> Datum {
        Datum::Record(fields.into())
    }

    #[test]
    fn quotes_and_backslashes_inside_are_postgresqls() {
        let quote = row(&[Datum::text("\"")]);
        assert_eq!(text(&quote), r#"("""")"#);
        assert_eq!(text(&row(std::slice::from_ref(&quote))), r#"("("""""""")")"#);
        assert_eq!(text(&Datum::array(oid::RECORD, vec![quote])), r#"{"(\"\"\"\")"}"#);
        let mixed = [Datum::text(""), Datum::Null, Datum::text("é x"), Datum::text("a\\b\"c"), Datum::text("null")];
        assert_eq!(text(&row(&mixed)), r#"("",,"é x","a\\b""c",null)"#);
        let mixed = Datum::array(oid::TEXT, mixed.to_vec());
        assert_eq!(text(&mixed), r#"{"",NULL,"é x","a\\b\"c","null"}"#);
        assert_eq!(text(&row(&[mixed])), r#"("{"""",NULL,""é x"",""a\\\\b\\""c"",""null""}")"#);
    }

    #[test]
    fn what_has_no_room_is_not_written() {
        let nested = (0..64).fold(Datum::text("\""), |inner, _| row(&[inner]));
        let long = Datum::text(&"x".repeat(1 << 20));
        let ones = Datum::array(oid::INT4, vec![Datum::Int4(1); 1_000]);
        for value in [
            nested,
            row(&[Datum::Null, long.clone()]),
            Datum::array(oid::TEXT, vec![Datum::Null, long]),
            row(&vec![ones.clone(); 1_000]),
            row(&[ones.clone(), row(&vec![ones; 1_000])]),
            Datum::array(oid::NUMERIC, vec![Datum::Numeric(i64::MAX.into()); 10_000]),
        ] {
            let (text, allocated) = written(&value, 10_000);
            assert_eq!(text, None);
            assert!(allocated <= 32_768, "{allocated}");
        }
    }
}

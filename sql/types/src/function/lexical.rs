//! Functions that read a text as the lexer reads SQL: names, and Unicode escapes.

use super::args::invalid_parameter;
use super::{Call, Function};
use crate::datum::Datum;
use crate::error::{Error, Result, SqlState};
use crate::sqltype::oid::*;

/// What ends a name in quotes: its text, and what is behind it.
///
/// # Errors
/// Why it is no name.
fn quoted_part(quoted: &str) -> std::result::Result<(String, &str), &'static str> {
    let mut part = String::new();
    let mut rest = quoted;
    loop {
        let Some((before, behind)) = rest.split_once('"') else { return Err("String has unclosed double quotes.") };
        part.push_str(before);
        match behind.strip_prefix('"') {
            Some(more) => {
                part.push('"');
                rest = more;
            }
            None if part.is_empty() => return Err("Quoted identifier must not be empty."),
            None => return Ok((part, behind)),
        }
    }
}

/// The parts of a qualified name, folded unless quoted, but not cut. What follows the name is an error if asked.
fn parse_ident(call: &mut Call<'_>) -> Result<Datum> {
    let (text, strict) = (call.str(0)?, call.bool(1)?);
    let refused = || invalid_parameter(format!("string is not a valid identifier: \"{text}\""));
    let blank = |c: char| matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0c');
    let starts = |c: char| c.is_ascii_alphabetic() || c == '_' || !c.is_ascii();
    let mut parts = Vec::new();
    let mut rest = text.trim_start_matches(blank);
    loop {
        if let Some(quoted) = rest.strip_prefix('"') {
            let (part, behind) = quoted_part(quoted).map_err(|detail| refused().detail(detail))?;
            parts.push(Datum::text(&part));
            rest = behind;
        } else if rest.starts_with(starts) {
            let end = rest.find(|c: char| !starts(c) && !c.is_ascii_digit() && c != '$').unwrap_or(rest.len());
            parts.push(Datum::text(&rest[..end].to_ascii_lowercase()));
            rest = &rest[end..];
        } else if rest.starts_with('.') {
            return Err(refused().detail("No valid identifier before \".\"."));
        } else if parts.is_empty() {
            return Err(refused());
        } else {
            return Err(refused().detail("No valid identifier after \".\"."));
        }
        rest = rest.trim_start_matches(blank);
        match rest.strip_prefix('.') {
            Some(more) => rest = more.trim_start_matches(blank),
            None if strict && !rest.is_empty() => return Err(refused()),
            None => return Ok(Datum::array(TEXT, parts)),
        }
    }
}

/// First halves of characters that are escaped as two.
const HIGH_SURROGATES: std::ops::RangeInclusive<u32> = 0xd800..=0xdbff;

/// The code of an escape and what is behind it, from behind its backslash.
fn unicode_escape(escape: &str) -> Option<(u32, &str)> {
    [("", 4), ("u", 4), ("+", 6), ("U", 8)].into_iter().find_map(|(prefix, length)| {
        let (digits, rest) = escape.strip_prefix(prefix)?.split_at_checked(length)?;
        let hexadecimal = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        Some((u32::from_str_radix(digits, 16).ok().filter(|_| hexadecimal)?, rest))
    })
}

/// The character whose halves these are.
fn paired(high: u32, low: u32) -> Option<char> {
    let halves = [u16::try_from(high).ok()?, u16::try_from(low).ok()?];
    char::decode_utf16(halves).next()?.ok()
}

fn unistr(call: &mut Call<'_>) -> Result<Datum> {
    let unpaired = || Error::new(SqlState::SYNTAX_ERROR, "invalid Unicode surrogate pair");
    let mut rest = call.str(0)?;
    let mut out = String::with_capacity(rest.len());
    let mut high: Option<u32> = None;
    while let Some((plain, behind)) = rest.split_once('\\') {
        if high.is_some() && (!plain.is_empty() || behind.starts_with('\\')) {
            return Err(unpaired());
        }
        out.push_str(plain);
        if let Some(more) = behind.strip_prefix('\\') {
            out.push('\\');
            rest = more;
            continue;
        }
        let Some((code, more)) = unicode_escape(behind) else {
            return Err(Error::new(SqlState::SYNTAX_ERROR, "invalid Unicode escape")
                .hint("Unicode escapes must be \\XXXX, \\+XXXXXX, \\uXXXX, or \\UXXXXXXXX."));
        };
        rest = more;
        if !(1..=0x10_ffff).contains(&code) {
            return Err(invalid_parameter(format!("invalid Unicode code point: {code:04X}")));
        }
        let character = match high.take() {
            Some(first) => paired(first, code),
            None if HIGH_SURROGATES.contains(&code) => {
                high = Some(code);
                continue;
            }
            None => char::from_u32(code),
        };
        out.push(character.ok_or_else(unpaired)?);
    }
    if high.is_some() {
        return Err(unpaired());
    }
    out.push_str(rest);
    Ok(Datum::text(&out))
}

pub(super) static FUNCTIONS: &[Function] = &[
    Function::strict(1268, "parse_ident", &[TEXT, BOOL], TEXT_ARRAY, parse_ident),
    Function::strict(6198, "unistr", &[TEXT], TEXT, unistr),
];

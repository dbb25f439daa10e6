//! Functions of text. Positions and lengths count characters, from 1; negative and overlong ones are cut as PostgreSQL does.

use super::args::{RESULT_BYTES_MAX, invalid_parameter, joined, out_of_range, too_long};
use super::{Call, Function};
use crate::datum::{Datum, Str};
use crate::error::{Error, Result, SqlState};
use crate::sqltype::SqlType;
use crate::sqltype::oid::*;
use crate::text_io;

fn text(value: impl Into<Str>) -> Result<Datum> {
    Ok(Datum::Text(value.into()))
}

fn count(n: usize) -> Result<Datum> {
    i32::try_from(n).map(Datum::Int4).map_err(|_| out_of_range("integer"))
}

/// The text form of an argument whatever its type. 54000 when it is too long.
pub(super) fn shown(call: &Call<'_>, i: usize) -> Result<String> {
    match call.arg(i) {
        // A boolean is t or f here, as its output function prints it.
        Datum::Text(value) => Ok(value.to_string()),
        value => {
            let declared = call.arg_type(i);
            let ty = if declared.oid == UNKNOWN { text_io::natural_type(value) } else { declared };
            text_io::as_text(value, ty, call.settings)
        }
    }
}

/// The text forms of the arguments from one on, without nulls. 54000 when they are too long, even all together.
fn shown_from(call: &Call<'_>, first: usize) -> Result<Vec<String>> {
    let lengths = call.args.iter().skip(first).map(|arg| text_io::least_length(arg, call.settings));
    if lengths.fold(0, usize::saturating_add) > RESULT_BYTES_MAX {
        return Err(too_long());
    }
    let mut parts = Vec::with_capacity(call.args.len());
    let mut total = 0;
    for i in (first..call.args.len()).filter(|i| !call.arg(*i).is_null()) {
        let part = shown(call, i)?;
        total += part.len();
        if total > RESULT_BYTES_MAX {
            return Err(too_long());
        }
        parts.push(part);
    }
    Ok(parts)
}

fn concat_two(call: &mut Call<'_>) -> Result<Datum> {
    text(joined(&[call.str(0)?, call.str(1)?], "")?)
}

/// `text || anything` and the reverse: the other operand is cast to text, which spells booleans out.
fn concat_any(call: &mut Call<'_>) -> Result<Datum> {
    let cast = |i: usize| match call.arg(i) {
        Datum::Bool(value) => Ok(value.to_string()),
        _ => shown(call, i),
    };
    text(joined(&[cast(0)?, cast(1)?], "")?)
}

fn concat_all(call: &mut Call<'_>) -> Result<Datum> {
    text(joined(&shown_from(call, 0)?, "")?)
}

fn count_nulls(call: &mut Call<'_>) -> Result<Datum> {
    count(call.args.iter().filter(|arg| arg.is_null()).count())
}

fn count_nonnulls(call: &mut Call<'_>) -> Result<Datum> {
    count(call.args.iter().filter(|arg| !arg.is_null()).count())
}

fn concat_with_separator(call: &mut Call<'_>) -> Result<Datum> {
    if call.arg(0).is_null() {
        return Ok(Datum::Null);
    }
    text(joined(&shown_from(call, 1)?, call.str(0)?)?)
}

fn char_count(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.chars().count() }
}

fn length(call: &mut Call<'_>) -> Result<Datum> {
    count(char_count(call.str(0)?))
}

fn padded_length(call: &mut Call<'_>) -> Result<Datum> {
    count(char_count(call.str(0)?.trim_end_matches(' ')))
}

fn octet_length(call: &mut Call<'_>) -> Result<Datum> {
    match call.arg(0) {
        Datum::Bytea(bytes) => count(bytes.len()),
        _ => count(call.str(0)?.len()),
    }
}

fn byte_index(call: &Call<'_>) -> Result<usize> {
    let (length, at) = (call.bytes(0)?.len(), call.i32(1)?);
    usize::try_from(at).ok().filter(|at| *at < length).ok_or_else(|| {
        let message = format!("index {at} out of valid range, 0..{}", length as i64 - 1);
        Error::new(SqlState::ARRAY_ELEMENT_ERROR, message)
    })
}

fn get_byte(call: &mut Call<'_>) -> Result<Datum> {
    let at = byte_index(call)?;
    Ok(Datum::Int4(i32::from(call.bytes(0)?[at])))
}

fn set_byte(call: &mut Call<'_>) -> Result<Datum> {
    let at = byte_index(call)?;
    let mut bytes = call.bytes(0)?.to_vec();
    bytes[at] = call.i32(2)? as u8;
    Ok(Datum::Bytea(bytes.into()))
}

fn bit_length(call: &mut Call<'_>) -> Result<Datum> {
    match call.arg(0) {
        Datum::Bytea(bytes) => count(bytes.len() * 8),
        _ => count(call.str(0)?.len() * 8),
    }
}

fn bytea_length(call: &mut Call<'_>) -> Result<Datum> {
    count(call.bytes(0)?.len())
}

/// Under C.UTF-8 case mapping is by single characters.
fn map_case(text: &str, map: impl Fn(char) -> char) -> String {
    text.chars().map(map).collect()
}

pub(super) fn to_lower(c: char) -> char {
    let mut lower = c.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

pub(super) fn to_upper(c: char) -> char {
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

fn lower(call: &mut Call<'_>) -> Result<Datum> {
    text(map_case(call.str(0)?, to_lower))
}

fn upper(call: &mut Call<'_>) -> Result<Datum> {
    text(map_case(call.str(0)?, to_upper))
}

fn initcap(call: &mut Call<'_>) -> Result<Datum> {
    let mut inside = false;
    let capped = call.str(0)?.chars().map(|c| {
        let mapped = if inside { to_lower(c) } else { to_upper(c) };
        inside = c.is_alphanumeric();
        mapped
    });
    text(capped.collect::<String>())
}

/// The half-open character range that `substring(from, length)` names, clipped on the left.
fn span(from: i32, length: Option<i32>) -> Result<(usize, usize)> {
    let from = i64::from(from);
    let end = match length {
        Some(length) if length < 0 => {
            return Err(Error::new(SqlState::SUBSTRING_ERROR, "negative substring length not allowed"));
        }
        Some(length) => from + i64::from(length),
        None => i64::MAX,
    };
    Ok(((from.max(1) - 1) as usize, (end.max(1) - 1) as usize))
}

/// Characters `from..to` of a text.
fn slice(text: &str, from: usize, to: usize) -> &str {
    if text.is_ascii() {
        return &text[from.min(text.len())..to.clamp(from.min(text.len()), text.len())];
    }
    let byte = |n: usize| text.char_indices().nth(n).map_or(text.len(), |(at, _)| at);
    let start = byte(from);
    let rest = &text[start..];
    let length = rest.char_indices().nth(to.saturating_sub(from)).map_or(rest.len(), |(at, _)| at);
    &rest[..length]
}

fn substring(call: &mut Call<'_>) -> Result<Datum> {
    let length = if call.args.len() > 2 { Some(call.i32(2)?) } else { None };
    let (from, to) = span(call.i32(1)?, length)?;
    text(slice(call.str(0)?, from, to))
}

fn bytea_substring(call: &mut Call<'_>) -> Result<Datum> {
    let length = if call.args.len() > 2 { Some(call.i32(2)?) } else { None };
    let (from, to) = span(call.i32(1)?, length)?;
    let bytes = call.bytes(0)?;
    let from = from.min(bytes.len());
    Ok(Datum::Bytea(bytes.slice(from..to.clamp(from, bytes.len()))))
}

/// The character position of `part` in `whole`, from 1; 0 if it is not there.
fn position_of(whole: &str, part: &str) -> usize {
    whole.find(part).map_or(0, |at| char_count(&whole[..at]) + 1)
}

fn position(call: &mut Call<'_>) -> Result<Datum> {
    count(position_of(call.str(0)?, call.str(1)?))
}

fn bytea_position(call: &mut Call<'_>) -> Result<Datum> {
    let (whole, part) = (call.bytes(0)?, call.bytes(1)?);
    if part.is_empty() {
        return count(1);
    }
    count(whole.windows(part.len()).position(|window| window == part.as_ref()).map_or(0, |at| at + 1))
}

fn overlay(call: &mut Call<'_>) -> Result<Datum> {
    let (whole, with, from) = (call.str(0)?, call.str(1)?, call.i32(2)?);
    if from <= 0 {
        return Err(Error::new(SqlState::SUBSTRING_ERROR, "negative substring length not allowed"));
    }
    let length = if call.args.len() > 3 { i64::from(call.i32(3)?) } else { char_count(with) as i64 };
    let head = slice(whole, 0, from as usize - 1);
    let resume = i64::from(from) + length;
    if resume > i64::from(i32::MAX) {
        return Err(out_of_range("integer"));
    }
    text(joined(&[head, with, slice(whole, resume.max(1) as usize - 1, usize::MAX)], "")?)
}

/// A negative count takes all but that many characters of the other end.
fn left(call: &mut Call<'_>) -> Result<Datum> {
    let (whole, n) = (call.str(0)?, i64::from(call.i32(1)?));
    let keep = if n < 0 { (char_count(whole) as i64 + n).max(0) } else { n };
    text(slice(whole, 0, keep as usize))
}

fn right(call: &mut Call<'_>) -> Result<Datum> {
    let (whole, n) = (call.str(0)?, i64::from(call.i32(1)?));
    let skip = if n < 0 { -n } else { (char_count(whole) as i64 - n).max(0) };
    text(slice(whole, skip as usize, usize::MAX))
}

fn pad(call: &Call<'_>, at_left: bool) -> Result<Datum> {
    let (whole, width) = (call.str(0)?, call.i32(1)?.max(0) as usize);
    let fill = if call.args.len() > 2 { call.str(2)? } else { " " };
    let length = char_count(whole);
    if width <= length || fill.is_empty() {
        return text(slice(whole, 0, width));
    }
    if width.saturating_mul(4) > RESULT_BYTES_MAX {
        return Err(too_long());
    }
    let padding: String = fill.chars().cycle().take(width - length).collect();
    text(if at_left { padding + whole } else { whole.to_string() + &padding })
}

fn lpad(call: &mut Call<'_>) -> Result<Datum> {
    pad(call, true)
}

fn rpad(call: &mut Call<'_>) -> Result<Datum> {
    pad(call, false)
}

fn trim_set<'a>(call: &Call<'a>) -> Result<&'a str> {
    if call.args.len() > 1 { call.str(1) } else { Ok(" ") }
}

fn ltrim(call: &mut Call<'_>) -> Result<Datum> {
    let set = trim_set(call)?;
    text(call.str(0)?.trim_start_matches(|c| set.contains(c)))
}

fn rtrim(call: &mut Call<'_>) -> Result<Datum> {
    let set = trim_set(call)?;
    text(call.str(0)?.trim_end_matches(|c| set.contains(c)))
}

fn btrim(call: &mut Call<'_>) -> Result<Datum> {
    let set = trim_set(call)?;
    text(call.str(0)?.trim_matches(|c| set.contains(c)))
}

fn replace(call: &mut Call<'_>) -> Result<Datum> {
    let (whole, from) = (call.str(0)?, call.str(1)?);
    if from.is_empty() {
        return Ok(call.arg(0).clone());
    }
    let to = call.str(2)?;
    if to.len() > from.len() {
        let growth = (to.len() - from.len()).saturating_mul(whole.matches(from).count());
        if growth.saturating_add(whole.len()) > RESULT_BYTES_MAX {
            return Err(too_long());
        }
    }
    text(whole.replace(from, to))
}

fn translate(call: &mut Call<'_>) -> Result<Datum> {
    let from: Vec<char> = call.str(1)?.chars().collect();
    let to: Vec<char> = call.str(2)?.chars().collect();
    let mapped = call.str(0)?.chars().filter_map(|c| match from.iter().position(|f| *f == c) {
        Some(at) => to.get(at).copied(),
        None => Some(c),
    });
    text(mapped.collect::<String>())
}

fn repeat(call: &mut Call<'_>) -> Result<Datum> {
    let (whole, times) = (call.str(0)?, call.i32(1)?.max(0) as usize);
    if whole.len().saturating_mul(times) > RESULT_BYTES_MAX {
        return Err(too_long());
    }
    text(whole.repeat(times))
}

fn reverse(call: &mut Call<'_>) -> Result<Datum> {
    text(call.str(0)?.chars().rev().collect::<String>())
}

fn split_part(call: &mut Call<'_>) -> Result<Datum> {
    let (whole, separator, n) = (call.str(0)?, call.str(1)?, call.i32(2)?);
    if n == 0 {
        return Err(invalid_parameter("field position must not be zero"));
    }
    if separator.is_empty() {
        return text(if n == 1 || n == -1 { whole } else { "" });
    }
    let part = if n > 0 {
        whole.split(separator).nth(n as usize - 1)
    } else {
        // Fields are found from the left even when they are counted from the right.
        let parts: Vec<&str> = whole.split(separator).collect();
        parts.len().checked_sub(n.unsigned_abs() as usize).map(|at| parts[at])
    };
    text(part.unwrap_or(""))
}

fn starts_with(call: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::Bool(call.str(0)?.starts_with(call.str(1)?)))
}

fn chr(call: &mut Call<'_>) -> Result<Datum> {
    let code = call.i32(0)?;
    if code == 0 {
        return Err(Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "null character not permitted"));
    }
    if code < 0 {
        return Err(invalid_parameter("character number must be positive"));
    }
    let character = char::from_u32(code as u32).ok_or_else(|| {
        // Halves of characters lie between.
        let why = if code > 0x10_ffff { "too large" } else { "not valid" };
        Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, format!("requested character {why} for encoding: {code}"))
    })?;
    text(character.to_string())
}

fn ascii(call: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::Int4(call.str(0)?.chars().next().map_or(0, |c| c as i32)))
}

fn quote_ident(call: &mut Call<'_>) -> Result<Datum> {
    text(quoted_identifier(call.str(0)?))
}

/// An identifier, in double quotes unless it is lower-case letters, digits and underscores and not a keyword that needs
/// them.
pub fn quoted_identifier(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        && QUOTED_KEYWORDS.binary_search(&name).is_err();
    if plain { name.to_string() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// A literal in single quotes; with a backslash in it, in the `E''` form that every setting reads alike.
pub fn quoted_literal(value: &str) -> String {
    let body = value.replace('\'', "''");
    if body.contains('\\') { format!("E'{}'", body.replace('\\', "\\\\")) } else { format!("'{body}'") }
}

fn quote_literal(call: &mut Call<'_>) -> Result<Datum> {
    text(quoted_literal(&shown(call, 0)?))
}

fn quote_nullable(call: &mut Call<'_>) -> Result<Datum> {
    if call.arg(0).is_null() { text("NULL") } else { quote_literal(call) }
}

fn to_hex(call: &mut Call<'_>) -> Result<Datum> {
    match call.arg(0) {
        Datum::Int4(value) => text(format!("{value:x}")),
        _ => text(format!("{:x}", call.i64(0)?)),
    }
}

fn pg_typeof(call: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::Oid(call.arg_type(0).oid))
}

fn format_type(call: &mut Call<'_>) -> Result<Datum> {
    if call.arg(0).is_null() {
        return Ok(Datum::Null);
    }
    let oid = call.i64(0)? as u32;
    // Types of another crate's making (row types, enums) have their names in the catalog.
    let known = crate::sqltype::type_row(oid).is_some() || oid == 0;
    let named =
        if known { None } else { call.settings.reg_names.as_ref().and_then(|names| names.name_of(REGTYPE, oid)) };
    text(match named {
        Some(name) => name,
        None if call.arg(1).is_null() => SqlType::of(oid).name(),
        None => crate::sqltype::format_type(oid, call.i32(1)?),
    })
}

fn version(_call: &mut Call<'_>) -> Result<Datum> {
    text(format!("PostgreSQL {SERVER_VERSION} (Redoubt {})", env!("CARGO_PKG_VERSION")))
}

/// The PostgreSQL release whose behaviour is reproduced.
pub const SERVER_VERSION: &str = "15.18";

/// Keywords of PostgreSQL 15 that are not unreserved, sorted.
#[rustfmt::skip]
static QUOTED_KEYWORDS: &[&str] = &[
    "all", "analyse", "analyze", "and", "any", "array", "as", "asc", "asymmetric", "authorization", "between",
    "bigint", "binary", "bit", "boolean", "both", "case", "cast", "char", "character", "check", "coalesce", "collate",
    "collation", "column", "concurrently", "constraint", "create", "cross", "current_catalog", "current_date",
    "current_role", "current_schema", "current_time", "current_timestamp", "current_user", "dec", "decimal",
    "default", "deferrable", "desc", "distinct", "do", "else", "end", "except", "exists", "extract", "false", "fetch",
    "float", "for", "foreign", "freeze", "from", "full", "grant", "greatest", "group", "grouping", "having", "ilike",
    "in", "initially", "inner", "inout", "int", "integer", "intersect", "interval", "into", "is", "isnull", "join",
    "lateral", "leading", "least", "left", "like", "limit", "localtime", "localtimestamp", "national", "natural",
    "nchar", "none", "normalize", "not", "notnull", "null", "nullif", "numeric", "offset", "on", "only", "or",
    "order", "out", "outer", "overlaps", "overlay", "placing", "position", "precision", "primary", "real",
    "references", "returning", "right", "row", "select", "session_user", "setof", "similar", "smallint", "some",
    "substring", "symmetric", "table", "tablesample", "then", "time", "timestamp", "to", "trailing", "treat", "trim",
    "true", "union", "unique", "user", "using", "values", "varchar", "variadic", "verbose", "when", "where", "window",
    "with", "xmlattributes", "xmlconcat", "xmlelement", "xmlexists", "xmlforest", "xmlnamespaces", "xmlparse",
    "xmlpi", "xmlroot", "xmlserialize", "xmltable",
];

#[rustfmt::skip]
pub(super) static FUNCTIONS: &[Function] = &[
    Function::strict(89, "version", &[], TEXT, version).stable(),
    Function::strict(438, "num_nulls", &[ANY], INT4, count_nulls).called_on_null().variadic(),
    Function::strict(440, "num_nonnulls", &[ANY], INT4, count_nonnulls).called_on_null().variadic(),
    Function::strict(721, "get_byte", &[BYTEA, INT4], INT4, get_byte),
    Function::strict(722, "set_byte", &[BYTEA, INT4, INT4], BYTEA, set_byte),
    Function::strict(720, "octet_length", &[BYTEA], INT4, octet_length),
    Function::strict(849, "position", &[TEXT, TEXT], INT4, position),
    Function::strict(868, "strpos", &[TEXT, TEXT], INT4, position),
    Function::strict(870, "lower", &[TEXT], TEXT, lower),
    Function::strict(871, "upper", &[TEXT], TEXT, upper),
    Function::strict(872, "initcap", &[TEXT], TEXT, initcap),
    Function::strict(873, "lpad", &[TEXT, INT4, TEXT], TEXT, lpad),
    Function::strict(874, "rpad", &[TEXT, INT4, TEXT], TEXT, rpad),
    Function::strict(875, "ltrim", &[TEXT, TEXT], TEXT, ltrim),
    Function::strict(876, "rtrim", &[TEXT, TEXT], TEXT, rtrim),
    Function::strict(877, "substr", &[TEXT, INT4, INT4], TEXT, substring),
    Function::strict(878, "translate", &[TEXT, TEXT, TEXT], TEXT, translate),
    Function::strict(879, "lpad", &[TEXT, INT4], TEXT, lpad),
    Function::strict(880, "rpad", &[TEXT, INT4], TEXT, rpad),
    Function::strict(881, "ltrim", &[TEXT], TEXT, ltrim),
    Function::strict(882, "rtrim", &[TEXT], TEXT, rtrim),
    Function::strict(883, "substr", &[TEXT, INT4], TEXT, substring),
    Function::strict(884, "btrim", &[TEXT, TEXT], TEXT, btrim),
    Function::strict(885, "btrim", &[TEXT], TEXT, btrim),
    Function::strict(936, "substring", &[TEXT, INT4, INT4], TEXT, substring),
    Function::strict(937, "substring", &[TEXT, INT4], TEXT, substring),
    Function::strict(1081, "format_type", &[OID, INT4], TEXT, format_type).called_on_null().stable(),
    Function::strict(1257, "textlen", &[TEXT], INT4, length),
    Function::strict(1258, "textcat", &[TEXT, TEXT], TEXT, concat_two),
    Function::strict(1282, "quote_ident", &[TEXT], TEXT, quote_ident),
    Function::strict(1283, "quote_literal", &[TEXT], TEXT, quote_literal),
    Function::strict(1285, "quote_literal", &[ANYELEMENT], TEXT, quote_literal).stable(),
    Function::strict(1289, "quote_nullable", &[TEXT], TEXT, quote_nullable).called_on_null(),
    Function::strict(1290, "quote_nullable", &[ANYELEMENT], TEXT, quote_nullable).called_on_null().stable(),
    Function::strict(1317, "length", &[TEXT], INT4, length),
    Function::strict(1318, "length", &[BPCHAR], INT4, padded_length),
    Function::strict(1367, "character_length", &[BPCHAR], INT4, padded_length),
    Function::strict(1369, "character_length", &[TEXT], INT4, length),
    Function::strict(1372, "char_length", &[BPCHAR], INT4, padded_length),
    Function::strict(1374, "octet_length", &[TEXT], INT4, octet_length),
    Function::strict(1375, "octet_length", &[BPCHAR], INT4, octet_length),
    Function::strict(1381, "char_length", &[TEXT], INT4, length),
    Function::strict(1404, "overlay", &[TEXT, TEXT, INT4, INT4], TEXT, overlay),
    Function::strict(1405, "overlay", &[TEXT, TEXT, INT4], TEXT, overlay),
    Function::strict(1619, "pg_typeof", &[ANY], REGTYPE, pg_typeof).called_on_null().stable(),
    Function::strict(1620, "ascii", &[TEXT], INT4, ascii),
    Function::strict(1621, "chr", &[INT4], TEXT, chr),
    Function::strict(1622, "repeat", &[TEXT, INT4], TEXT, repeat),
    Function::strict(1810, "bit_length", &[BYTEA], INT4, bit_length),
    Function::strict(1811, "bit_length", &[TEXT], INT4, bit_length),
    Function::strict(2003, "textanycat", &[TEXT, ANYNONARRAY], TEXT, concat_any).stable(),
    Function::strict(2004, "anytextcat", &[ANYNONARRAY, TEXT], TEXT, concat_any).stable(),
    Function::strict(2010, "length", &[BYTEA], INT4, bytea_length),
    Function::strict(2012, "substring", &[BYTEA, INT4, INT4], BYTEA, bytea_substring),
    Function::strict(2013, "substring", &[BYTEA, INT4], BYTEA, bytea_substring),
    Function::strict(2014, "position", &[BYTEA, BYTEA], INT4, bytea_position),
    Function::strict(2085, "substr", &[BYTEA, INT4, INT4], BYTEA, bytea_substring),
    Function::strict(2086, "substr", &[BYTEA, INT4], BYTEA, bytea_substring),
    Function::strict(2087, "replace", &[TEXT, TEXT, TEXT], TEXT, replace),
    Function::strict(2088, "split_part", &[TEXT, TEXT, INT4], TEXT, split_part),
    Function::strict(2089, "to_hex", &[INT4], TEXT, to_hex),
    Function::strict(2090, "to_hex", &[INT8], TEXT, to_hex),
    Function::strict(3058, "concat", &[ANY], TEXT, concat_all).called_on_null().stable().variadic(),
    Function::strict(3059, "concat_ws", &[TEXT, ANY], TEXT, concat_with_separator).called_on_null().stable().variadic(),
    Function::strict(3060, "left", &[TEXT, INT4], TEXT, left),
    Function::strict(3061, "right", &[TEXT, INT4], TEXT, right),
    Function::strict(3062, "reverse", &[TEXT], TEXT, reverse),
    Function::strict(3696, "starts_with", &[TEXT, TEXT], BOOL, starts_with),
];

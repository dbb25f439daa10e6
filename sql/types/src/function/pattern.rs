//! LIKE, and the functions of [regular expressions](super::regexp).
//!
//! LIKE is matched by a two-pointer scan, whose cost is at most pattern times text.

use std::sync::Arc;

use super::args::{RESULT_BYTES_MAX, invalid_parameter, too_long};
use super::regexp::{Expression, Flags, compile, search_behind};
use super::text::to_lower;
use super::{Call, Function};
use crate::array_io::{ELEMENTS_MAX, too_many_elements};
use crate::datum::Datum;
use crate::error::{Error, Result, SqlState};
use crate::settings::Settings;
use crate::sqltype::oid::*;

/// One step of a LIKE pattern.
#[derive(Clone, Copy, PartialEq)]
enum Step {
    Literal(char),
    AnyOne,
    AnyRun,
    /// The escape character at the very end: an error once a character is left to match it.
    OpenEscape,
}

/// Cuts a pattern into steps; a backslash takes the next character literally.
fn steps(pattern: &str) -> Vec<Step> {
    let mut steps = Vec::with_capacity(pattern.len());
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '%' if steps.last() == Some(&Step::AnyRun) => {}
            '%' => steps.push(Step::AnyRun),
            '_' => steps.push(Step::AnyOne),
            '\\' => match chars.next() {
                Some(escaped) => steps.push(Step::Literal(escaped)),
                None => steps.push(Step::OpenEscape),
            },
            _ => steps.push(Step::Literal(c)),
        }
    }
    steps
}

/// Whether `text` matches a LIKE pattern, optionally ignoring case. 22025 when the pattern ends with its escape character,
/// 57014 when cancelled.
fn like(text: &str, pattern: &str, ignore_case: bool, settings: &Settings) -> Result<bool> {
    let steps = steps(pattern);
    let same = |a: char, b: char| a == b || ignore_case && to_lower(a) == to_lower(b);
    let (mut at, mut step) = (0usize, 0usize);
    // Where to go on when a mismatch follows a run: one character further, right behind the run.
    let mut retry: Option<(usize, usize)> = None;
    let mut retries = 0;
    loop {
        let rest = text[at..].chars().next();
        match (steps.get(step), rest) {
            (Some(Step::AnyRun), _) => {
                step += 1;
                if step == steps.len() {
                    return Ok(true);
                }
                retry = Some((at, step));
                continue;
            }
            (Some(Step::AnyOne), Some(c)) => {
                at += c.len_utf8();
                step += 1;
                continue;
            }
            (Some(Step::Literal(wanted)), Some(c)) if same(*wanted, c) => {
                at += c.len_utf8();
                step += 1;
                continue;
            }
            (None, None) => return Ok(true),
            (Some(Step::OpenEscape), Some(_)) => {
                return Err(Error::new(
                    SqlState::INVALID_ESCAPE_SEQUENCE,
                    "LIKE pattern must not end with escape character",
                ));
            }
            _ => {}
        }
        let Some((from, behind)) = retry else { return Ok(false) };
        let Some(skipped) = text[from..].chars().next() else { return Ok(false) };
        at = from + skipped.len_utf8();
        step = behind;
        retry = Some((at, behind));
        retries += 1;
        settings.check_cancel(retries)?;
    }
}

fn matches_like(call: &Call<'_>, ignore_case: bool) -> Result<bool> {
    like(call.str(0)?, call.str(1)?, ignore_case, call.settings)
}

/// Each byte as a character of its own.
fn latin(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

fn matches_like_bytes(call: &Call<'_>) -> Result<bool> {
    like(&latin(call.bytes(0)?), &latin(call.bytes(1)?), false, call.settings)
}

fn bytea_like(call: &mut Call<'_>) -> Result<Datum> {
    matches_like_bytes(call).map(Datum::Bool)
}

fn bytea_not_like(call: &mut Call<'_>) -> Result<Datum> {
    matches_like_bytes(call).map(|found| Datum::Bool(!found))
}

fn text_like(call: &mut Call<'_>) -> Result<Datum> {
    matches_like(call, false).map(Datum::Bool)
}

fn text_not_like(call: &mut Call<'_>) -> Result<Datum> {
    matches_like(call, false).map(|found| Datum::Bool(!found))
}

fn text_ilike(call: &mut Call<'_>) -> Result<Datum> {
    matches_like(call, true).map(Datum::Bool)
}

fn text_not_ilike(call: &mut Call<'_>) -> Result<Datum> {
    matches_like(call, true).map(|found| Datum::Bool(!found))
}

/// The escape character that a text names, if it is not empty.
pub(super) fn one_escape(escape: &str) -> Result<Option<char>> {
    let mut chars = escape.chars();
    let escape = chars.next();
    if chars.next().is_some() {
        return Err(Error::new(SqlState::INVALID_ESCAPE_SEQUENCE, "invalid escape string")
            .hint("Escape string must be empty or one character."));
    }
    Ok(escape)
}

/// Rewrites a pattern with another escape character to one with a backslash.
fn with_backslash(pattern: &str, escape: &str) -> Result<String> {
    let escape = one_escape(escape)?;
    let mut out = String::new();
    let mut after_escape = false;
    for c in pattern.chars() {
        if Some(c) == escape && !after_escape {
            out.push('\\');
            after_escape = true;
            continue;
        }
        if c == '\\' && (escape != Some('\\')) && !after_escape {
            out.push('\\');
        }
        out.push(c);
        after_escape = false;
    }
    Ok(out)
}

fn like_escape(call: &mut Call<'_>) -> Result<Datum> {
    with_backslash(call.str(0)?, call.str(1)?).map(|pattern| Datum::Text(pattern.into()))
}

fn bytea_like_escape(call: &mut Call<'_>) -> Result<Datum> {
    let pattern = with_backslash(&latin(call.bytes(0)?), &latin(call.bytes(1)?))?;
    // Characters that came from bytes are bytes again.
    Ok(Datum::Bytea(pattern.chars().map(|c| c as u8).collect()))
}

fn matches_regex(call: &Call<'_>, ignore_case: bool) -> Result<bool> {
    let flags = Flags { ignore_case, ..Flags::default() };
    compile(call.str(1)?, flags)?.is_match(call.str(0)?, call.settings)
}

fn regex_match(call: &mut Call<'_>) -> Result<Datum> {
    matches_regex(call, false).map(Datum::Bool)
}

fn regex_no_match(call: &mut Call<'_>) -> Result<Datum> {
    matches_regex(call, false).map(|found| Datum::Bool(!found))
}

fn regex_imatch(call: &mut Call<'_>) -> Result<Datum> {
    matches_regex(call, true).map(Datum::Bool)
}

fn regex_no_imatch(call: &mut Call<'_>) -> Result<Datum> {
    matches_regex(call, true).map(|found| Datum::Bool(!found))
}

fn flags_at(call: &Call<'_>, i: usize) -> Result<Flags> {
    if call.args.len() > i { Flags::parse(call.str(i)?) } else { Ok(Flags::default()) }
}

/// The flags of a function that looks for one match, or for all, whatever they say.
fn flags_without_global(call: &Call<'_>, i: usize, name: &str) -> Result<Flags> {
    let flags = flags_at(call, i)?;
    if flags.global {
        return Err(invalid_parameter(format!("{name}() does not support the \"global\" option")));
    }
    Ok(flags)
}

/// The place of a character, from 1; the one behind the last counts. `None` further on.
fn place_of(text: &str, character: usize) -> Option<usize> {
    text.char_indices().map(|(at, _)| at).chain([text.len()]).nth(character.checked_sub(1)?)
}

/// `substring(text from pattern)`: the first group if there is one, else the whole match.
fn regex_substring(call: &mut Call<'_>) -> Result<Datum> {
    substring(call, call.str(1)?)
}

/// What of the first argument the first group of a pattern matches, or the whole pattern if it has none.
pub(super) fn substring(call: &Call<'_>, pattern: &str) -> Result<Datum> {
    let expression = compile(pattern, Flags::default())?;
    let text = call.str(0)?;
    let found = expression.captures_at(text, 0, call.settings)?;
    let group = usize::from(expression.groups() > 0);
    Ok(found.and_then(|places| places[group]).map_or(Datum::Null, |(from, to)| Datum::text(&text[from..to])))
}

/// Appends a replacement with `\1` to `\9`, `\&` and `\\`.
fn append_replacement(text: &str, places: &[Option<(usize, usize)>], with: &str, out: &mut String) {
    let matched = |group: usize| match places.get(group) {
        Some(Some((from, to))) => &text[*from..*to],
        _ => "",
    };
    let mut chars = with.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('&') => out.push_str(matched(0)),
            Some(digit @ '1'..='9') => out.push_str(matched(digit as usize - '0' as usize)),
            Some('\\') => out.push('\\'),
            Some(other) => {
                out.push('\\');
                out.push(other);
            }
            None => out.push('\\'),
        }
    }
}

/// Replaces the `n`-th match (all for 0) in the first argument by the third, searching from the character offset `start`
/// (from 1). 54000 when too long.
fn replaced(call: &Call<'_>, expression: &Expression, start: usize, n: usize) -> Result<Datum> {
    let (text, with) = (call.str(0)?, call.str(2)?);
    let mut out = String::with_capacity(text.len());
    let mut copied = 0;
    let mut search = place_of(text, start);
    let mut seen = 0;
    while let Some(at) = search {
        let places = if with.contains('\\') {
            expression.captures_at(text, at, call.settings)?
        } else {
            expression.find_at(text, at, call.settings)?.map(|whole| vec![Some(whole)])
        };
        let Some(places) = places else { break };
        let Some((from, to)) = places[0] else { break };
        seen += 1;
        call.settings.check_cancel(seen)?;
        if n == 0 || seen == n {
            out.push_str(&text[copied..from]);
            append_replacement(text, &places, with, &mut out);
            if out.len() > RESULT_BYTES_MAX {
                return Err(too_long());
            }
            copied = to;
        }
        if seen == n {
            break;
        }
        search = search_behind(text, from, to);
    }
    out.push_str(&text[copied..]);
    Ok(Datum::Text(out.into()))
}

fn regexp_replace(call: &mut Call<'_>) -> Result<Datum> {
    if call.args.len() > 3 && call.str(3)?.starts_with(|c: char| c.is_ascii_digit()) {
        return flags_at(call, 3).map(|_| Datum::Null).map_err(|error| {
            error.hint(
                "If you meant to use regexp_replace() with a start parameter, cast the fourth argument to integer \
                 explicitly.",
            )
        });
    }
    let flags = flags_at(call, 3)?;
    let expression = compile(call.str(1)?, flags)?;
    replaced(call, &expression, 1, usize::from(!flags.global))
}

fn regexp_replace_from(call: &mut Call<'_>) -> Result<Datum> {
    let start = call.i32(3)?;
    if start < 1 {
        return Err(invalid_parameter(format!("invalid value for parameter \"start\": {start}")));
    }
    let n = if call.args.len() > 4 { call.i32(4)? } else { 1 };
    if n < 0 {
        return Err(invalid_parameter(format!("invalid value for parameter \"n\": {n}")));
    }
    let flags = flags_at(call, 5)?;
    let expression = compile(call.str(1)?, flags)?;
    // A count given by position overrides the g flag.
    let n = if call.args.len() == 4 && flags.global { 0 } else { n as usize };
    replaced(call, &expression, start as usize, n)
}

/// The groups of a match, or the whole match when the expression has none.
fn groups(text: &str, places: &[Option<(usize, usize)>]) -> Datum {
    let from = usize::from(places.len() > 1);
    let element = |place: &Option<(usize, usize)>| place.map_or(Datum::Null, |(from, to)| Datum::text(&text[from..to]));
    Datum::array(TEXT, places[from..].iter().map(element).collect())
}

fn regexp_match(call: &mut Call<'_>) -> Result<Datum> {
    let flags = flags_at(call, 2)?;
    if flags.global {
        return Err(invalid_parameter("regexp_match() does not support the \"global\" option")
            .hint("Use the regexp_matches function instead."));
    }
    let text = call.str(0)?;
    let found = compile(call.str(1)?, flags)?.captures_at(text, 0, call.settings)?;
    Ok(found.map_or(Datum::Null, |places| groups(text, &places)))
}

fn regexp_matches(call: &mut Call<'_>) -> Result<Datum> {
    let flags = flags_at(call, 2)?;
    let expression = compile(call.str(1)?, flags)?;
    let (text, settings) = (call.arg(0).clone(), call.settings.clone());
    let mut search = Some(0);
    call.return_set(Box::new(std::iter::from_fn(move || {
        let text = text.as_str()?;
        // Behind an error there is nothing more.
        let at = search.take()?;
        let places = match expression.captures_at(text, at, &settings) {
            Ok(found) => found?,
            Err(error) => return Some(Err(error)),
        };
        let (from, to) = places[0]?;
        if flags.global {
            search = search_behind(text, from, to);
        }
        Some(Ok(groups(text, &places)))
    })))
}

/// Splits a text where an expression matches. It holds places in the text, not the text itself.
struct Splitter {
    expression: Arc<Expression>,
    /// Where the next piece begins; `None` behind the last one.
    piece: Option<usize>,
    /// Where the search goes on.
    search: Option<usize>,
    /// The end of the match before.
    matched: usize,
}

impl Splitter {
    fn new(call: &Call<'_>, name: &str) -> Result<Splitter> {
        let flags = flags_without_global(call, 2, name)?;
        let expression = compile(call.str(1)?, flags)?;
        Ok(Splitter { expression, piece: Some(0), search: Some(0), matched: 0 })
    }

    fn next_piece(&mut self, text: &str, settings: &Settings) -> Result<Option<Datum>> {
        let Some(start) = self.piece.take() else { return Ok(None) };
        while let Some(at) = self.search
            && let Some((from, to)) = self.expression.find_at(text, at, settings)?
        {
            self.search = search_behind(text, from, to);
            // An empty match at either end, or right behind the last one, splits nothing.
            let splits = from < text.len() && to > self.matched;
            self.matched = to;
            if splits {
                self.piece = Some(to);
                return Ok(Some(Datum::text(&text[start..from])));
            }
        }
        Ok(Some(Datum::text(&text[start..])))
    }
}

fn regexp_split_to_array(call: &mut Call<'_>) -> Result<Datum> {
    let mut splitter = Splitter::new(call, "regexp_split_to_array")?;
    let text = call.str(0)?;
    let mut pieces = Vec::new();
    while let Some(piece) = splitter.next_piece(text, call.settings)? {
        call.settings.check_cancel(pieces.len())?;
        if pieces.len() == ELEMENTS_MAX {
            return Err(too_many_elements());
        }
        pieces.push(piece);
    }
    Ok(Datum::array(TEXT, pieces))
}

fn regexp_split_to_table(call: &mut Call<'_>) -> Result<Datum> {
    let mut splitter = Splitter::new(call, "regexp_split_to_table")?;
    let (text, settings) = (call.arg(0).clone(), call.settings.clone());
    call.return_set(Box::new(std::iter::from_fn(move || splitter.next_piece(text.as_str()?, &settings).transpose())))
}

fn regexp_count(call: &mut Call<'_>) -> Result<Datum> {
    let flags = flags_without_global(call, 3, "regexp_count")?;
    let start = if call.args.len() > 2 { call.i32(2)? } else { 1 };
    if start < 1 {
        return Err(invalid_parameter(format!("invalid value for parameter \"start\": {start}")));
    }
    let text = call.str(0)?;
    let expression = compile(call.str(1)?, flags)?;
    let mut search = place_of(text, start as usize);
    let mut count = 0;
    while let Some(at) = search
        && let Some((from, to)) = expression.find_at(text, at, call.settings)?
    {
        count += 1;
        call.settings.check_cancel(count)?;
        search = search_behind(text, from, to);
    }
    Ok(Datum::Int4(count as i32))
}

/// A number among the arguments, counted from `least`.
fn counted(call: &Call<'_>, i: usize, name: &str, least: i32, default: i32) -> Result<usize> {
    let value = if call.args.len() > i { call.i32(i)? } else { default };
    if value < least {
        return Err(invalid_parameter(format!("invalid value for parameter \"{name}\": {value}")));
    }
    Ok(value as usize)
}

/// Where the `nth` match is that begins at the character `start` or behind it, or a group of that match.
fn nth_match(
    call: &Call<'_>,
    text: &str,
    expression: &Expression,
    start: usize,
    nth: usize,
    group: usize,
) -> Result<Option<(usize, usize)>> {
    let mut search = place_of(text, start);
    let mut seen = 0;
    while let Some(at) = search
        && let Some((from, to)) = expression.find_at(text, at, call.settings)?
    {
        seen += 1;
        call.settings.check_cancel(seen)?;
        if seen == nth {
            // Without groups, the whole match is the first one.
            let group = if group == 1 && expression.groups() == 0 { 0 } else { group };
            let places = expression.captures_at(text, at, call.settings)?;
            return Ok(places.and_then(|places| places.get(group).copied().flatten()));
        }
        search = search_behind(text, from, to);
    }
    Ok(None)
}

/// `regexp_substr(string, pattern, start, N, flags, subexpr)`: the N-th match, or a group of it.
fn regexp_substr(call: &mut Call<'_>) -> Result<Datum> {
    let (start, nth) = (counted(call, 2, "start", 1, 1)?, counted(call, 3, "n", 1, 1)?);
    let flags = flags_without_global(call, 4, "regexp_substr")?;
    let group = counted(call, 5, "subexpr", 0, 0)?;
    let text = call.str(0)?;
    let expression = compile(call.str(1)?, flags)?;
    Ok(nth_match(call, text, &expression, start, nth, group)?
        .map_or(Datum::Null, |(from, to)| Datum::text(&text[from..to])))
}

/// `regexp_instr(string, pattern, start, N, endoption, flags, subexpr)`: where the N-th match begins, or what is behind it.
fn regexp_instr(call: &mut Call<'_>) -> Result<Datum> {
    let (start, nth) = (counted(call, 2, "start", 1, 1)?, counted(call, 3, "n", 1, 1)?);
    let behind = match counted(call, 4, "endoption", 0, 0)? {
        end @ (0 | 1) => end == 1,
        other => return Err(invalid_parameter(format!("invalid value for parameter \"endoption\": {other}"))),
    };
    let group = counted(call, 6, "subexpr", 0, 0)?;
    let flags = flags_without_global(call, 5, "regexp_instr")?;
    let text = call.str(0)?;
    let expression = compile(call.str(1)?, flags)?;
    let found = nth_match(call, text, &expression, start, nth, group)?.map(|(from, to)| if behind { to } else { from });
    Ok(Datum::Int4(found.map_or(0, |at| text[..at].chars().count() as i32 + 1)))
}

fn regexp_like(call: &mut Call<'_>) -> Result<Datum> {
    let flags = flags_without_global(call, 2, "regexp_like")?;
    compile(call.str(1)?, flags)?.is_match(call.str(0)?, call.settings).map(Datum::Bool)
}

#[rustfmt::skip]
pub(super) static FUNCTIONS: &[Function] = &[
    Function::strict(79, "nameregexeq", &[NAME, TEXT], BOOL, regex_match),
    Function::strict(850, "textlike", &[TEXT, TEXT], BOOL, text_like),
    Function::strict(851, "textnlike", &[TEXT, TEXT], BOOL, text_not_like),
    Function::strict(858, "namelike", &[NAME, TEXT], BOOL, text_like),
    Function::strict(859, "namenlike", &[NAME, TEXT], BOOL, text_not_like),
    Function::strict(1238, "texticregexeq", &[TEXT, TEXT], BOOL, regex_imatch),
    Function::strict(1239, "texticregexne", &[TEXT, TEXT], BOOL, regex_no_imatch),
    Function::strict(1240, "nameicregexeq", &[NAME, TEXT], BOOL, regex_imatch),
    Function::strict(1241, "nameicregexne", &[NAME, TEXT], BOOL, regex_no_imatch),
    Function::strict(1252, "nameregexne", &[NAME, TEXT], BOOL, regex_no_match),
    Function::strict(1254, "textregexeq", &[TEXT, TEXT], BOOL, regex_match),
    Function::strict(1256, "textregexne", &[TEXT, TEXT], BOOL, regex_no_match),
    Function::strict(1569, "like", &[TEXT, TEXT], BOOL, text_like),
    Function::strict(1570, "notlike", &[TEXT, TEXT], BOOL, text_not_like),
    Function::strict(1571, "like", &[NAME, TEXT], BOOL, text_like),
    Function::strict(1572, "notlike", &[NAME, TEXT], BOOL, text_not_like),
    Function::strict(1631, "bpcharlike", &[BPCHAR, TEXT], BOOL, text_like),
    Function::strict(1632, "bpcharnlike", &[BPCHAR, TEXT], BOOL, text_not_like),
    Function::strict(1633, "texticlike", &[TEXT, TEXT], BOOL, text_ilike),
    Function::strict(1634, "texticnlike", &[TEXT, TEXT], BOOL, text_not_ilike),
    Function::strict(1635, "nameiclike", &[NAME, TEXT], BOOL, text_ilike),
    Function::strict(1636, "nameicnlike", &[NAME, TEXT], BOOL, text_not_ilike),
    Function::strict(1637, "like_escape", &[TEXT, TEXT], TEXT, like_escape),
    Function::strict(1656, "bpcharicregexeq", &[BPCHAR, TEXT], BOOL, regex_imatch),
    Function::strict(1657, "bpcharicregexne", &[BPCHAR, TEXT], BOOL, regex_no_imatch),
    Function::strict(1658, "bpcharregexeq", &[BPCHAR, TEXT], BOOL, regex_match),
    Function::strict(1659, "bpcharregexne", &[BPCHAR, TEXT], BOOL, regex_no_match),
    Function::strict(1660, "bpchariclike", &[BPCHAR, TEXT], BOOL, text_ilike),
    Function::strict(1661, "bpcharicnlike", &[BPCHAR, TEXT], BOOL, text_not_ilike),
    Function::strict(2005, "bytealike", &[BYTEA, BYTEA], BOOL, bytea_like),
    Function::strict(2006, "byteanlike", &[BYTEA, BYTEA], BOOL, bytea_not_like),
    Function::strict(2007, "like", &[BYTEA, BYTEA], BOOL, bytea_like),
    Function::strict(2008, "notlike", &[BYTEA, BYTEA], BOOL, bytea_not_like),
    Function::strict(2009, "like_escape", &[BYTEA, BYTEA], BYTEA, bytea_like_escape),
    Function::strict(2073, "substring", &[TEXT, TEXT], TEXT, regex_substring),
    Function::strict(2284, "regexp_replace", &[TEXT, TEXT, TEXT], TEXT, regexp_replace),
    Function::strict(2285, "regexp_replace", &[TEXT, TEXT, TEXT, TEXT], TEXT, regexp_replace),
    Function::strict(2763, "regexp_matches", &[TEXT, TEXT], TEXT_ARRAY, regexp_matches).set(),
    Function::strict(2764, "regexp_matches", &[TEXT, TEXT, TEXT], TEXT_ARRAY, regexp_matches).set(),
    Function::strict(2765, "regexp_split_to_table", &[TEXT, TEXT], TEXT, regexp_split_to_table).set(),
    Function::strict(2766, "regexp_split_to_table", &[TEXT, TEXT, TEXT], TEXT, regexp_split_to_table).set(),
    Function::strict(2767, "regexp_split_to_array", &[TEXT, TEXT], TEXT_ARRAY, regexp_split_to_array),
    Function::strict(2768, "regexp_split_to_array", &[TEXT, TEXT, TEXT], TEXT_ARRAY, regexp_split_to_array),
    Function::strict(3396, "regexp_match", &[TEXT, TEXT], TEXT_ARRAY, regexp_match),
    Function::strict(3397, "regexp_match", &[TEXT, TEXT, TEXT], TEXT_ARRAY, regexp_match),
    Function::strict(6251, "regexp_replace", &[TEXT, TEXT, TEXT, INT4, INT4, TEXT], TEXT, regexp_replace_from),
    Function::strict(6252, "regexp_replace", &[TEXT, TEXT, TEXT, INT4, INT4], TEXT, regexp_replace_from),
    Function::strict(6253, "regexp_replace", &[TEXT, TEXT, TEXT, INT4], TEXT, regexp_replace_from),
    Function::strict(6254, "regexp_count", &[TEXT, TEXT], INT4, regexp_count),
    Function::strict(6255, "regexp_count", &[TEXT, TEXT, INT4], INT4, regexp_count),
    Function::strict(6256, "regexp_count", &[TEXT, TEXT, INT4, TEXT], INT4, regexp_count),
    Function::strict(6257, "regexp_instr", &[TEXT, TEXT], INT4, regexp_instr),
    Function::strict(6258, "regexp_instr", &[TEXT, TEXT, INT4], INT4, regexp_instr),
    Function::strict(6259, "regexp_instr", &[TEXT, TEXT, INT4, INT4], INT4, regexp_instr),
    Function::strict(6260, "regexp_instr", &[TEXT, TEXT, INT4, INT4, INT4], INT4, regexp_instr),
    Function::strict(6261, "regexp_instr", &[TEXT, TEXT, INT4, INT4, INT4, TEXT], INT4, regexp_instr),
    Function::strict(6262, "regexp_instr", &[TEXT, TEXT, INT4, INT4, INT4, TEXT, INT4], INT4, regexp_instr),
    Function::strict(6263, "regexp_like", &[TEXT, TEXT], BOOL, regexp_like),
    Function::strict(6264, "regexp_like", &[TEXT, TEXT, TEXT], BOOL, regexp_like),
    Function::strict(6265, "regexp_substr", &[TEXT, TEXT], TEXT, regexp_substr),
    Function::strict(6266, "regexp_substr", &[TEXT, TEXT, INT4], TEXT, regexp_substr),
    Function::strict(6267, "regexp_substr", &[TEXT, TEXT, INT4, INT4], TEXT, regexp_substr),
    Function::strict(6268, "regexp_substr", &[TEXT, TEXT, INT4, INT4, TEXT], TEXT, regexp_substr),
    Function::strict(6269, "regexp_substr", &[TEXT, TEXT, INT4, INT4, TEXT, INT4], TEXT, regexp_substr),
];

//! LIKE and regular expressions.
//!
//! LIKE is matched by a two-pointer scan, whose cost is at most pattern times text. Regular expressions are PostgreSQL's
//! advanced ones, translated to the `regex` crate, whose time is linear in the text: no pattern can run away. What cannot
//! be translated, back references and lookaround, is refused with 0A000. One difference remains: of several matches that
//! begin at one place, PostgreSQL takes the longest, or the shortest if the first quantifier is non-greedy; here each
//! quantifier and alternative is preferred on its own, from the left.
//!
//! Compiled expressions are kept per thread.

use std::cell::RefCell;
use std::collections::VecDeque;

use regex::{Regex, RegexBuilder};

use super::args::{RESULT_BYTES_MAX, invalid_parameter, too_long};
use super::text::to_lower;
use super::{Call, Function};
use crate::array_io::{ELEMENTS_MAX, too_many_elements};
use crate::datum::Datum;
use crate::error::{Error, Result, SqlState};
use crate::sqltype::oid::*;

/// Compiled expressions kept by each thread.
const CACHE_EXPRESSIONS_MAX: usize = 32;
/// Bytes one compiled expression may take.
const EXPRESSION_BYTES_MAX: usize = 4 << 20;

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

/// Whether `text` matches a LIKE pattern, optionally ignoring case.
///
/// # Errors
/// 22025 when the pattern ends with its escape character.
pub fn like(text: &str, pattern: &str, ignore_case: bool) -> Result<bool> {
    let steps = steps(pattern);
    let same = |a: char, b: char| a == b || ignore_case && to_lower(a) == to_lower(b);
    let (mut at, mut step) = (0usize, 0usize);
    // Where to go on when a mismatch follows a run: one character further, right behind the run.
    let mut retry: Option<(usize, usize)> = None;
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
    }
}

fn matches_like(call: &Call<'_>, ignore_case: bool) -> Result<bool> {
    like(call.str(0)?, call.str(1)?, ignore_case)
}

/// Each byte as a character of its own.
fn latin(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

fn matches_like_bytes(call: &Call<'_>) -> Result<bool> {
    like(&latin(call.bytes(0)?), &latin(call.bytes(1)?), false)
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

fn invalid_regex(message: &str) -> Error {
    Error::new(SqlState::INVALID_REGULAR_EXPRESSION, format!("invalid regular expression: {message}"))
}

/// Flags of the regexp_ functions.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Flags {
    ignore_case: bool,
    global: bool,
    literal: bool,
    expanded: bool,
    /// Dot and complemented brackets do not match a newline.
    newline_stops: bool,
    /// `^` and `$` match at lines.
    newline_anchors: bool,
    /// `b` and `e`: the syntax of basic or extended expressions.
    older_syntax: bool,
}

impl Flags {
    fn parse(text: &str) -> Result<Flags> {
        let mut flags = Flags::default();
        for c in text.chars() {
            if c == 'g' {
                flags.global = true;
            } else if !flags.set(c) {
                return Err(invalid_parameter(format!("invalid regular expression option: \"{c}\"")));
            }
        }
        Ok(flags)
    }

    /// Sets what a letter stands for, also of options inside an expression; false if it stands for nothing there.
    fn set(&mut self, letter: char) -> bool {
        match letter {
            'i' => self.ignore_case = true,
            'c' => self.ignore_case = false,
            'q' => self.literal = true,
            'x' => self.expanded = true,
            't' => self.expanded = false,
            'n' | 'm' => (self.newline_stops, self.newline_anchors) = (true, true),
            's' => (self.newline_stops, self.newline_anchors) = (false, false),
            'p' => (self.newline_stops, self.newline_anchors) = (true, false),
            'w' => (self.newline_stops, self.newline_anchors) = (false, true),
            'b' | 'e' => self.older_syntax = true,
            _ => return false,
        }
        true
    }
}

/// The character of `\x41`, `\u0041`, `\U00000041`, `\012` or `\cA`, and where the escape ends; `at` is behind the
/// backslash. `None` for other escapes.
fn coded(chars: &[char], at: usize) -> Result<Option<(char, usize)>> {
    let digits = |from: usize, radix: u32, least: usize, most: usize| {
        let digits: Vec<u32> = chars[from..].iter().take(most).map_while(|c| c.to_digit(radix)).collect();
        let code = digits.iter().try_fold(0u32, |code, digit| code.checked_mul(radix)?.checked_add(*digit))?;
        if digits.len() < least { None } else { char::from_u32(code).map(|c| (c, from + digits.len())) }
    };
    let found = match chars.get(at) {
        Some('x') => digits(at + 1, 16, 1, 255),
        Some('u') => digits(at + 1, 16, 4, 4),
        Some('U') => digits(at + 1, 16, 8, 8),
        Some('0') => digits(at, 8, 1, 3),
        Some('c') => chars.get(at + 1).map(|c| (char::from((*c as u32 & 0x1f) as u8), at + 2)),
        _ => return Ok(None),
    };
    found.map(Some).ok_or_else(|| invalid_regex("invalid escape \\ sequence"))
}

/// Rewrites what is behind a backslash. Returns where it ends, and whether it can be repeated: a place cannot.
fn escape(chars: &[char], at: usize, out: &mut String) -> Result<(usize, bool)> {
    if let Some((code, end)) = coded(chars, at)? {
        out.push_str(&format!(r"\x{{{:x}}}", u32::from(code)));
        return Ok((end, true));
    }
    let Some(next) = chars.get(at).copied() else {
        return Err(invalid_regex("invalid escape \\ sequence"));
    };
    match next {
        'm' => out.push_str(r"\b{start}"),
        'M' => out.push_str(r"\b{end}"),
        'y' => out.push_str(r"\b"),
        'Y' => out.push_str(r"\B"),
        'Z' => out.push_str(r"\z"),
        'a' => out.push_str(r"\x07"),
        'b' => out.push_str(r"\x08"),
        'B' => out.push_str(r"\\"),
        'e' => out.push_str(r"\x1b"),
        '1'..='9' => return Err(Error::unsupported("a back reference in a regular expression")),
        'd' | 'D' | 'w' | 'W' | 's' | 'S' | 'A' | 'n' | 'r' | 't' | 'f' | 'v' => {
            out.push('\\');
            out.push(next);
        }
        _ if next.is_ascii_alphanumeric() => return Err(invalid_regex("invalid escape \\ sequence")),
        _ => out.push_str(&regex::escape(&next.to_string())),
    }
    Ok((at + 1, !matches!(next, 'm' | 'M' | 'y' | 'Y' | 'A' | 'Z')))
}

/// Copies a quantifier. Returns where it ends.
fn quantifier(chars: &[char], start: usize, blank: impl Fn(&char) -> bool, out: &mut String) -> Result<usize> {
    let mut at = start + 1;
    if chars[start] == '{' {
        let within = chars[at..].iter().take_while(|c| **c != '}');
        let end = at + within.clone().count();
        if end == chars.len() {
            return Err(invalid_regex("braces {} not balanced"));
        }
        bound(&within.filter(|c| !blank(c)).collect::<String>(), out)?;
        at = end + 1;
    } else {
        out.push(chars[start]);
    }
    if chars.get(at) == Some(&'?') {
        out.push('?');
        at += 1;
    }
    Ok(at)
}

/// Rewrites an advanced regular expression in the syntax of the `regex` crate.
fn translated(pattern: &str, flags: Flags) -> Result<String> {
    let mut out = String::with_capacity(pattern.len() + 8);
    let chars: Vec<char> = pattern.chars().collect();
    let mut at = 0;
    // Whether a quantifier has something to repeat: not behind another one, nor behind a place such as `^`.
    let mut operand = false;
    let blank = |c: &char| flags.expanded && c.is_ascii_whitespace();
    let rest_starts = |at: usize, what: &str| what.chars().enumerate().all(|(i, c)| chars.get(at + i) == Some(&c));
    while at < chars.len() {
        let c = chars[at];
        match c {
            _ if blank(&c) => at += 1,
            '#' if flags.expanded => at += chars[at..].iter().take_while(|c| **c != '\n').count(),
            '\\' => (at, operand) = escape(&chars, at + 1, &mut out)?,
            '[' if rest_starts(at, "[[:<:]]") => {
                out.push_str(r"\b{start}");
                at += 7;
                operand = false;
            }
            '[' if rest_starts(at, "[[:>:]]") => {
                out.push_str(r"\b{end}");
                at += 7;
                operand = false;
            }
            '[' => {
                at = class(&chars, at, flags.newline_stops, &mut out)?;
                operand = true;
            }
            '(' if rest_starts(at, "(?=")
                || rest_starts(at, "(?!")
                || rest_starts(at, "(?<=")
                || rest_starts(at, "(?<!") =>
            {
                return Err(Error::unsupported("lookaround in a regular expression"));
            }
            '(' if rest_starts(at, "(?#") => {
                at = chars[at..].iter().position(|c| *c == ')').map_or(chars.len(), |length| at + length + 1);
            }
            '(' if rest_starts(at, "(?") && !rest_starts(at, "(?:") => {
                return Err(invalid_regex("quantifier operand invalid"));
            }
            '(' => {
                let opening = if rest_starts(at, "(?:") { "(?:" } else { "(" };
                out.push_str(opening);
                at += opening.len();
                operand = false;
            }
            '{' if !chars[at + 1..].iter().find(|c| !blank(c)).is_some_and(char::is_ascii_digit) => {
                out.push_str(r"\{");
                at += 1;
                operand = true;
            }
            '*' | '+' | '?' | '{' if !operand => return Err(invalid_regex("quantifier operand invalid")),
            '*' | '+' | '?' | '{' => {
                at = quantifier(&chars, at, blank, &mut out)?;
                operand = false;
            }
            '}' => {
                out.push_str(r"\}");
                at += 1;
                operand = true;
            }
            _ => {
                out.push(c);
                at += 1;
                operand = !matches!(c, '^' | '$' | '|');
            }
        }
    }
    Ok(out)
}

/// Copies a bound: what stands in braces, as `2`, `2,` or `2,5`.
fn bound(text: &str, out: &mut String) -> Result<()> {
    let (least, most) = text.split_once(',').unwrap_or((text, text));
    let digits = text.chars().all(|c| c.is_ascii_digit() || c == ',');
    // Either goes up to 255.
    let valid = match (least.parse::<u8>(), most.parse::<u8>()) {
        (Ok(least), Ok(most)) => digits && least <= most,
        (Ok(_), Err(_)) => digits && most.is_empty(),
        (Err(_), _) => false,
    };
    if !valid {
        return Err(invalid_regex("invalid repetition count(s)"));
    }
    out.push_str(&format!("{{{text}}}"));
    Ok(())
}

/// Copies a bracket expression, escaping what only the `regex` crate takes specially; with `newline_stops` a
/// complemented one leaves out the newline. Returns where it ends.
fn class(chars: &[char], start: usize, newline_stops: bool, out: &mut String) -> Result<usize> {
    let mut at = start + 1;
    out.push('[');
    if chars.get(at) == Some(&'^') {
        out.push_str(if newline_stops { r"^\n" } else { "^" });
        at += 1;
    }
    let first = at;
    loop {
        let Some(c) = chars.get(at).copied() else {
            return Err(invalid_regex("brackets [] not balanced"));
        };
        match c {
            ']' if at > first => {
                out.push(']');
                return Ok(at + 1);
            }
            '[' if matches!(chars.get(at + 1), Some(':')) => {
                let Some(close) = (at + 2..chars.len()).find(|i| chars[*i] == ':' && chars.get(i + 1) == Some(&']'))
                else {
                    return Err(invalid_regex("brackets [] not balanced"));
                };
                let name: String = chars[at + 2..close].iter().collect();
                out.push_str(match name.as_str() {
                    "alpha" => r"\p{Alphabetic}",
                    "alnum" => r"\p{Alphabetic}\p{Nd}",
                    "digit" => r"\d",
                    "lower" => r"\p{Lowercase}",
                    "upper" => r"\p{Uppercase}",
                    "space" => r"\s",
                    "word" => r"\w",
                    "punct" => r"[:punct:]",
                    "blank" => r" \t",
                    "cntrl" => r"[:cntrl:]",
                    "xdigit" => r"0-9A-Fa-f",
                    "print" => r"[:print:]",
                    "graph" => r"[:graph:]",
                    _ => return Err(invalid_regex("invalid character class")),
                });
                at = close + 2;
            }
            '[' if matches!(chars.get(at + 1), Some('.' | '=')) => {
                let ends = |i: &usize| chars[*i] == chars[at + 1] && chars.get(i + 1) == Some(&']');
                let Some(close) = (at + 3..chars.len()).find(ends) else {
                    return Err(invalid_regex("brackets [] not balanced"));
                };
                // Elements have names, too, which we do not know.
                let &[element] = &chars[at + 2..close] else {
                    return Err(invalid_regex("invalid collating element"));
                };
                out.push_str(&format!(r"\x{{{:x}}}", u32::from(element)));
                at = close + 2;
            }
            '\\' => {
                let Some(next) = chars.get(at + 1).copied() else {
                    return Err(invalid_regex("invalid escape \\ sequence"));
                };
                if let Some((code, end)) = coded(chars, at + 1)? {
                    out.push_str(&format!(r"\x{{{:x}}}", u32::from(code)));
                    at = end;
                    continue;
                }
                match next {
                    'd' | 'D' | 'w' | 'W' | 's' | 'S' | 'n' | 'r' | 't' | 'f' | 'v' => {
                        out.push('\\');
                        out.push(next);
                    }
                    'b' => out.push_str(r"\x08"),
                    'e' => out.push_str(r"\x1b"),
                    'a' => out.push_str(r"\x07"),
                    _ if next.is_ascii_alphanumeric() => return Err(invalid_regex("invalid escape \\ sequence")),
                    _ => out.push_str(&regex::escape(&next.to_string())),
                }
                at += 2;
            }
            '[' | '&' | '~' | ']' | '^' => {
                out.push('\\');
                out.push(c);
                at += 1;
            }
            _ => {
                out.push(c);
                at += 1;
            }
        }
    }
}

/// What stands behind the director (`***=`, `***:`) and the embedded options, such as `(?i)`, that an expression may
/// begin with.
fn with_prefix<'a>(pattern: &'a str, options: &mut Flags) -> Result<&'a str> {
    let mut body = pattern;
    if let Some(rest) = body.strip_prefix("***") {
        if let Some(text) = rest.strip_prefix('=') {
            *options = Flags { literal: true, ignore_case: options.ignore_case, ..Flags::default() };
            return Ok(text);
        }
        body = rest.strip_prefix(':').ok_or_else(|| invalid_regex("quantifier operand invalid"))?;
    }
    let letters = |c: char| c.is_ascii_alphabetic();
    let Some(rest) = body.strip_prefix("(?").filter(|rest| rest.starts_with(letters)) else { return Ok(body) };
    let behind = rest.trim_start_matches(letters);
    let valid = rest[..rest.len() - behind.len()].chars().all(|letter| options.set(letter));
    match behind.strip_prefix(')') {
        Some(behind) if valid => Ok(behind),
        _ => Err(invalid_regex("invalid embedded option")),
    }
}

type Cached = (String, Flags, Regex);

thread_local! {
    static CACHE: RefCell<VecDeque<Cached>> = const { RefCell::new(VecDeque::new()) };
}

/// What the `regex` crate finds wrong, and PostgreSQL's words for it.
const COMPLAINTS: [(&str, &str); 4] = [
    ("unclosed group", "parentheses () not balanced"),
    ("unopened group", "parentheses () not balanced"),
    ("invalid character class range", "invalid character range"),
    ("invalid range boundary", "invalid character range"),
];

/// What matches a text that matches a regular expression as a whole.
pub(super) fn whole(pattern: &str) -> Result<Regex> {
    compile(&format!("^(?:{pattern})$"), Flags::default())
}

fn compile(pattern: &str, flags: Flags) -> Result<Regex> {
    let flags = Flags { global: false, ..flags };
    let cached = CACHE.with_borrow_mut(|cache| {
        let at = cache.iter().position(|(text, with, _)| text == pattern && *with == flags)?;
        // The last used expression is looked at first.
        cache.swap(0, at);
        Some(cache[0].2.clone())
    });
    if let Some(regex) = cached {
        return Ok(regex);
    }
    let (mut body, mut options) = (pattern, flags);
    if !options.literal {
        body = with_prefix(body, &mut options)?;
    }
    if options.older_syntax {
        return Err(Error::unsupported("the syntax of basic and extended regular expressions (options b and e)"));
    }
    let source = if options.literal { regex::escape(body) } else { translated(body, options)? };
    let regex = RegexBuilder::new(&source)
        .case_insensitive(options.ignore_case)
        .dot_matches_new_line(!options.newline_stops)
        .multi_line(options.newline_anchors)
        .size_limit(EXPRESSION_BYTES_MAX)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => invalid_regex("regular expression is too complex"),
            _ => {
                let message = error.to_string();
                let last = message.lines().last().unwrap_or("syntax error").trim_start_matches("error: ");
                let known = COMPLAINTS.iter().find(|(theirs, _)| last.contains(*theirs));
                invalid_regex(known.map_or(last, |(_, ours)| *ours))
            }
        })?;
    CACHE.with_borrow_mut(|cache| {
        cache.truncate(CACHE_EXPRESSIONS_MAX - 1);
        cache.push_front((pattern.to_string(), flags, regex.clone()));
    });
    Ok(regex)
}

fn matches_regex(call: &Call<'_>, ignore_case: bool) -> Result<bool> {
    let flags = Flags { ignore_case, ..Flags::default() };
    Ok(compile(call.str(1)?, flags)?.is_match(call.str(0)?))
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

/// Where the search goes on behind a match, behind the next character if that is empty; `None` at the end of the text.
/// An empty match may follow directly on another one, unlike in the iterators of the `regex` crate.
fn search_behind(text: &str, start: usize, end: usize) -> Option<usize> {
    if end > start { Some(end) } else { text[end..].chars().next().map(|c| end + c.len_utf8()) }
}

/// `substring(text from pattern)`: the first group if there is one, else the whole match.
fn regex_substring(call: &mut Call<'_>) -> Result<Datum> {
    let regex = compile(call.str(1)?, Flags::default())?;
    let Some(found) = regex.captures(call.str(0)?) else { return Ok(Datum::Null) };
    let group = if regex.captures_len() > 1 { found.get(1) } else { found.get(0) };
    Ok(group.map_or(Datum::Null, |group| Datum::text(group.as_str())))
}

/// Appends a replacement with `\1` to `\9`, `\&` and `\\`.
fn append_replacement(found: &regex::Captures<'_>, with: &str, out: &mut String) {
    let mut chars = with.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('&') => out.push_str(&found[0]),
            Some(digit @ '1'..='9') => {
                let group = found.get(digit as usize - '0' as usize);
                out.push_str(group.map_or("", |group| group.as_str()));
            }
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
fn replaced(call: &Call<'_>, regex: &Regex, start: usize, n: usize) -> Result<Datum> {
    let (text, with) = (call.str(0)?, call.str(2)?);
    let mut out = String::with_capacity(text.len());
    let mut copied = 0;
    let mut search = place_of(text, start);
    let mut seen = 0;
    while let Some(at) = search
        && let Some(found) = regex.captures_at(text, at)
    {
        let whole = found.get(0).expect("group 0 is the match");
        seen += 1;
        call.settings.check_cancel(seen)?;
        if n == 0 || seen == n {
            out.push_str(&text[copied..whole.start()]);
            append_replacement(&found, with, &mut out);
            if out.len() > RESULT_BYTES_MAX {
                return Err(too_long());
            }
            copied = whole.end();
        }
        if seen == n {
            break;
        }
        search = search_behind(text, whole.start(), whole.end());
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
    let regex = compile(call.str(1)?, flags)?;
    replaced(call, &regex, 1, usize::from(!flags.global))
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
    let regex = compile(call.str(1)?, flags)?;
    // A count given by position overrides the g flag.
    let n = if call.args.len() == 4 && flags.global { 0 } else { n as usize };
    replaced(call, &regex, start as usize, n)
}

/// The groups of a match, or the whole match when the expression has none.
fn groups(found: &regex::Captures<'_>) -> Datum {
    let from = usize::from(found.len() > 1);
    let elements =
        (from..found.len()).map(|i| found.get(i).map_or(Datum::Null, |group| Datum::text(group.as_str()))).collect();
    Datum::array(TEXT, elements)
}

fn regexp_match(call: &mut Call<'_>) -> Result<Datum> {
    let flags = flags_at(call, 2)?;
    if flags.global {
        return Err(invalid_parameter("regexp_match() does not support the \"global\" option")
            .hint("Use the regexp_matches function instead."));
    }
    let regex = compile(call.str(1)?, flags)?;
    Ok(regex.captures(call.str(0)?).map_or(Datum::Null, |found| groups(&found)))
}

fn regexp_matches(call: &mut Call<'_>) -> Result<Datum> {
    let flags = flags_at(call, 2)?;
    let regex = compile(call.str(1)?, flags)?;
    let text = call.arg(0).clone();
    let mut search = Some(0);
    call.return_set(Box::new(std::iter::from_fn(move || {
        let text = text.as_str()?;
        let found = regex.captures_at(text, search?)?;
        let whole = found.get(0)?;
        search = if flags.global { search_behind(text, whole.start(), whole.end()) } else { None };
        Some(Ok(groups(&found)))
    })))
}

/// Splits a text where an expression matches. It holds places in the text, not the text itself.
struct Splitter {
    regex: Regex,
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
        let regex = compile(call.str(1)?, flags)?;
        Ok(Splitter { regex, piece: Some(0), search: Some(0), matched: 0 })
    }

    fn next_piece(&mut self, text: &str) -> Option<Datum> {
        let from = self.piece.take()?;
        while let Some(at) = self.search
            && let Some(found) = self.regex.find_at(text, at)
        {
            self.search = search_behind(text, found.start(), found.end());
            // An empty match at either end, or right behind the last one, splits nothing.
            let splits = found.start() < text.len() && found.end() > self.matched;
            self.matched = found.end();
            if splits {
                self.piece = Some(found.end());
                return Some(Datum::text(&text[from..found.start()]));
            }
        }
        Some(Datum::text(&text[from..]))
    }
}

fn regexp_split_to_array(call: &mut Call<'_>) -> Result<Datum> {
    let mut splitter = Splitter::new(call, "regexp_split_to_array")?;
    let text = call.str(0)?;
    let mut pieces = Vec::new();
    while let Some(piece) = splitter.next_piece(text) {
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
    let text = call.arg(0).clone();
    call.return_set(Box::new(std::iter::from_fn(move || splitter.next_piece(text.as_str()?).map(Ok))))
}

fn regexp_count(call: &mut Call<'_>) -> Result<Datum> {
    let flags = flags_without_global(call, 3, "regexp_count")?;
    let start = if call.args.len() > 2 { call.i32(2)? } else { 1 };
    if start < 1 {
        return Err(invalid_parameter(format!("invalid value for parameter \"start\": {start}")));
    }
    let text = call.str(0)?;
    let regex = compile(call.str(1)?, flags)?;
    let mut search = place_of(text, start as usize);
    let mut count = 0;
    while let Some(at) = search
        && let Some(found) = regex.find_at(text, at)
    {
        count += 1;
        call.settings.check_cancel(count)?;
        search = search_behind(text, found.start(), found.end());
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
    regex: &Regex,
    start: usize,
    nth: usize,
    group: usize,
) -> Result<Option<(usize, usize)>> {
    let mut search = place_of(text, start);
    let mut seen = 0;
    while let Some(at) = search
        && let Some(found) = regex.find_at(text, at)
    {
        seen += 1;
        call.settings.check_cancel(seen)?;
        if seen == nth {
            // Without groups, the whole match is the first one.
            let group = if group == 1 && regex.captures_len() == 1 { 0 } else { group };
            let parts = regex.captures_at(text, at);
            return Ok(parts.and_then(|parts| parts.get(group).map(|part| (part.start(), part.end()))));
        }
        search = search_behind(text, found.start(), found.end());
    }
    Ok(None)
}

/// `regexp_substr(string, pattern, start, N, flags, subexpr)`: the N-th match, or a group of it.
fn regexp_substr(call: &mut Call<'_>) -> Result<Datum> {
    let (start, nth) = (counted(call, 2, "start", 1, 1)?, counted(call, 3, "n", 1, 1)?);
    let flags = flags_without_global(call, 4, "regexp_substr")?;
    let group = counted(call, 5, "subexpr", 0, 0)?;
    let text = call.str(0)?;
    let regex = compile(call.str(1)?, flags)?;
    Ok(nth_match(call, text, &regex, start, nth, group)?.map_or(Datum::Null, |(from, to)| Datum::text(&text[from..to])))
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
    let regex = compile(call.str(1)?, flags)?;
    let found = nth_match(call, text, &regex, start, nth, group)?.map(|(from, to)| if behind { to } else { from });
    Ok(Datum::Int4(found.map_or(0, |at| text[..at].chars().count() as i32 + 1)))
}

fn regexp_like(call: &mut Call<'_>) -> Result<Datum> {
    let flags = flags_without_global(call, 2, "regexp_like")?;
    Ok(Datum::Bool(compile(call.str(1)?, flags)?.is_match(call.str(0)?)))
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

//! PostgreSQL's advanced regular expressions.
//!
//! Where a match begins is asked of the `regex` crate, whose time is linear in the text, and so is whether there is one. Of
//! the matches that begin at one place the crate takes what each quantifier and alternative prefers on its own, from the
//! left. PostgreSQL takes the longest, or the shortest if the expression's first quantifier is non-greedy, and its
//! subexpressions take theirs within that. For many expressions that is the same match
//! ([`Syntax::prefers_from_the_left`]); for the others it is found by states of our own ([`automaton`], [`matcher`]). These
//! do all for expressions with back references or lookaround, which the crate does not have, and for those that are too
//! large for it: a class such as `\w` is one of our states, and a thousand of the crate's. They can take time that grows
//! faster than the text; who is cancelled stops. The crate cannot be stopped, so it is not asked where one search may take
//! it long ([`SEARCH_STEPS_MAX`]).
//!
//! Compiled expressions are kept per thread.

mod automaton;
mod matcher;
mod parse;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

use regex::{Regex, RegexBuilder};

use self::automaton::Automaton;
use self::matcher::{Matcher, Places};
use self::parse::Syntax;
use super::args::invalid_parameter;
use crate::error::{Error, Result, SqlState};
use crate::settings::Settings;

/// Compiled expressions kept by each thread.
const CACHE_EXPRESSIONS_MAX: usize = 32;
/// Bytes a pattern may have. What is read of it takes some hundred times as many, and PostgreSQL refuses shorter ones.
const PATTERN_BYTES_MAX: usize = 256 << 10;
/// Bytes one expression may take that the `regex` crate has compiled.
const EXPRESSION_BYTES_MAX: usize = 4 << 20;
/// Characters of a text times the choices in an expression for which the `regex` crate is asked. For so many it takes some
/// seconds where it has to follow the states of an expression one by one.
const SEARCH_STEPS_MAX: usize = 1 << 32;
/// How deep an expression may be nested for the `regex` crate. Each of our groups may be four of its nodes: alternatives, a
/// sequence, a repetition and the group.
const NESTING_MAX: u32 = 450;

fn invalid_regex(message: &str) -> Error {
    Error::new(SqlState::INVALID_REGULAR_EXPRESSION, format!("invalid regular expression: {message}"))
}

fn too_complex() -> Error {
    invalid_regex("regular expression is too complex")
}

/// What the `regex` crate finds wrong, and PostgreSQL's words for it.
const COMPLAINTS: [(&str, &str); 2] = [
    ("invalid character class range", "invalid character range"),
    ("invalid range boundary", "invalid character range"),
];

/// The error for what the `regex` crate refuses.
fn refused(error: &str) -> Error {
    let last = error.lines().last().unwrap_or("syntax error").trim_start_matches("error: ");
    let known = COMPLAINTS.iter().find(|(theirs, _)| last.contains(*theirs));
    invalid_regex(known.map_or(last, |(_, ours)| *ours))
}

/// Flags of the regexp_ functions.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Flags {
    pub(super) ignore_case: bool,
    pub(super) global: bool,
    pub(super) literal: bool,
    pub(super) expanded: bool,
    /// Dot and complemented brackets do not match a newline.
    pub(super) newline_stops: bool,
    /// `^` and `$` match at lines.
    pub(super) newline_anchors: bool,
    /// `b` and `e`: the syntax of basic or extended expressions.
    pub(super) older_syntax: bool,
}

impl Flags {
    pub(super) fn parse(text: &str) -> Result<Flags> {
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

/// A compiled expression.
pub(super) struct Expression {
    /// Tells whether and where a match begins, unless there are back references or lookaround, or it would be too large.
    finder: Option<Regex>,
    /// Whether the crate's match is PostgreSQL's.
    agrees: bool,
    /// None for a text that is to be found as it is.
    syntax: Option<Syntax>,
    /// [`Syntax::choices`].
    choices: usize,
    /// Made of the syntax when something is asked for that the crate does not tell.
    automaton: OnceLock<Result<Automaton>>,
    groups: usize,
}

impl Expression {
    fn new(pattern: &str, flags: Flags) -> Result<Expression> {
        if pattern.len() > PATTERN_BYTES_MAX {
            return Err(too_complex());
        }
        let (mut body, mut options) = (pattern, flags);
        if !options.literal {
            body = with_prefix(body, &mut options)?;
        }
        if options.older_syntax {
            return Err(Error::unsupported("the syntax of basic and extended regular expressions (options b and e)"));
        }
        if options.literal {
            let finder = finder(&regex::escape(body), options)?.ok_or_else(too_complex)?;
            let (finder, automaton) = (Some(finder), OnceLock::new());
            return Ok(Expression { finder, agrees: true, syntax: None, choices: 0, automaton, groups: 0 });
        }
        let syntax = Syntax::new(body, options)?;
        let finder = if syntax.extended { None } else { finder(&syntax.source, options)? };
        let (agrees, choices, groups) = (syntax.prefers_from_the_left(), syntax.choices(), syntax.groups);
        let (syntax, automaton) = (Some(syntax), OnceLock::new());
        let expression = Expression { finder, agrees, syntax, choices, automaton, groups };
        if expression.finder.is_none() {
            expression.automaton("")?;
        }
        Ok(expression)
    }

    /// How many groups capture.
    pub(super) fn groups(&self) -> usize {
        self.groups
    }

    /// What searches a text without a look at cancelling, if that does not take long.
    fn finder(&self, text: &str) -> Option<&Regex> {
        let steps = text.len().saturating_mul(self.choices);
        self.finder.as_ref().filter(|_| steps <= SEARCH_STEPS_MAX)
    }

    /// What finds the matches in a text that the `regex` crate does not.
    fn automaton(&self, text: &str) -> Result<Option<&Automaton>> {
        if self.agrees && self.finder(text).is_some() {
            return Ok(None);
        }
        let Some(syntax) = &self.syntax else { return Ok(None) };
        match self.automaton.get_or_init(|| Automaton::new(syntax)) {
            Ok(automaton) => Ok(Some(automaton)),
            Err(error) => Err(error.clone()),
        }
    }

    /// Whether there is a match.
    ///
    /// # Errors
    /// 2201B for an expression that is too large, 57014 when cancelled.
    pub(super) fn is_match(&self, text: &str, settings: &Settings) -> Result<bool> {
        if let Some(finder) = self.finder(text) {
            return Ok(finder.is_match(text));
        }
        match self.automaton(text)? {
            Some(automaton) if !automaton.refers_back() => {
                Ok(Matcher::new(automaton, text, settings).leftmost(0)?.is_some())
            }
            _ => Ok(self.captures_at(text, 0, settings)?.is_some()),
        }
    }

    /// The first match that begins at `at` or later.
    ///
    /// # Errors
    /// 2201B for an expression that is too large, 57014 when cancelled.
    pub(super) fn find_at(&self, text: &str, at: usize, settings: &Settings) -> Result<Option<(usize, usize)>> {
        match self.automaton(text)? {
            Some(automaton) if automaton.refers_back() => {
                Ok(self.captures_at(text, at, settings)?.and_then(|places| places[0]))
            }
            Some(automaton) => {
                let mut matcher = Matcher::new(automaton, text, settings);
                let Some(begin) = self.begin(&mut matcher, text, at)? else { return Ok(None) };
                let end = matcher.end(begin)?.ok_or_else(disagreement)?;
                Ok(Some((begin, end)))
            }
            None => {
                let finder = self.finder.as_ref().ok_or_else(disagreement)?;
                Ok(finder.find_at(text, at).map(|found| (found.start(), found.end())))
            }
        }
    }

    /// The first match that begins at `at` or later, and what its groups match.
    ///
    /// # Errors
    /// 2201B for an expression that is too large, 57014 when cancelled.
    pub(super) fn captures_at(&self, text: &str, at: usize, settings: &Settings) -> Result<Option<Places>> {
        let Some(automaton) = self.automaton(text)? else {
            let finder = self.finder.as_ref().ok_or_else(disagreement)?;
            let mut slots = finder.capture_locations();
            let found = finder.captures_read_at(&mut slots, text, at);
            return Ok(found.map(|_| (0..=self.groups).map(|group| slots.get(group)).collect()));
        };
        let mut matcher = Matcher::new(automaton, text, settings);
        let mut from = Some(at);
        while let Some(at) = from {
            let Some(begin) = self.begin(&mut matcher, text, at)? else { return Ok(None) };
            if let Some(places) = matcher.captures(begin)? {
                return Ok(Some(places));
            }
            from = search_behind(text, begin, begin);
        }
        Ok(None)
    }

    /// Where the first match begins, at `at` or later.
    fn begin(&self, matcher: &mut Matcher<'_>, text: &str, at: usize) -> Result<Option<usize>> {
        match self.finder(text) {
            Some(finder) => Ok(finder.find_at(text, at).map(|found| found.start())),
            None => matcher.leftmost(at),
        }
    }
}

/// XX000: a match was found and then not.
fn disagreement() -> Error {
    Error::internal("regular expression failed")
}

/// What the `regex` crate makes of its syntax; `None` if that would be too large.
fn finder(source: &str, flags: Flags) -> Result<Option<Regex>> {
    let built = RegexBuilder::new(source)
        .case_insensitive(flags.ignore_case)
        .dot_matches_new_line(!flags.newline_stops)
        .nest_limit(NESTING_MAX)
        .size_limit(EXPRESSION_BYTES_MAX)
        .build();
    match built {
        Ok(finder) => Ok(Some(finder)),
        Err(regex::Error::CompiledTooBig(_)) => Ok(None),
        Err(error) => Err(refused(&error.to_string())),
    }
}

/// Where the search goes on behind a match, behind the next character if that is empty; `None` at the end of the text.
/// An empty match may follow directly on another one, unlike in the iterators of the `regex` crate.
pub(super) fn search_behind(text: &str, start: usize, end: usize) -> Option<usize> {
    if end > start { Some(end) } else { text[end..].chars().next().map(|c| end + c.len_utf8()) }
}

type Cached = (String, Flags, Arc<Expression>);

thread_local! {
    static CACHE: RefCell<VecDeque<Cached>> = const { RefCell::new(VecDeque::new()) };
}

/// The expression for a pattern, made or found among the last ones of this thread.
///
/// # Errors
/// 2201B for what is none, 0A000 for the syntax of older ones.
pub(super) fn compile(pattern: &str, flags: Flags) -> Result<Arc<Expression>> {
    let flags = Flags { global: false, ..flags };
    let cached = CACHE.with_borrow_mut(|cache| {
        let at = cache.iter().position(|(text, with, _)| text == pattern && *with == flags)?;
        // The last used expression is looked at first.
        cache.swap(0, at);
        Some(Arc::clone(&cache[0].2))
    });
    if let Some(expression) = cached {
        return Ok(expression);
    }
    let expression = Arc::new(Expression::new(pattern, flags)?);
    CACHE.with_borrow_mut(|cache| {
        cache.truncate(CACHE_EXPRESSIONS_MAX - 1);
        cache.push_front((pattern.to_string(), flags, Arc::clone(&expression)));
    });
    Ok(expression)
}

#[cfg(test)]
mod tests;

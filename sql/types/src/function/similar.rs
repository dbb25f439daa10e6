//! SIMILAR TO and SUBSTRING with SIMILAR: SQL's regular expressions, rewritten as PostgreSQL's.

use super::pattern::{one_escape, substring};
use super::{Call, Function};
use crate::datum::Datum;
use crate::error::{Error, Result, SqlState};
use crate::sqltype::oid::*;

/// A bracket expression that is being read.
#[derive(Default)]
struct Brackets {
    /// Opening brackets that are not closed yet.
    depth: usize,
    /// 1 behind the first bracket, 2 behind its caret, where a closing bracket is an element; then more.
    place: usize,
}

impl Brackets {
    fn read(&mut self, c: char) {
        match c {
            ']' if self.place > 2 => self.depth -= 1,
            '[' => *self = Brackets { depth: self.depth + 1, place: 3 },
            '^' => self.place += 1,
            _ => self.place = 3,
        }
    }
}

/// The parts of a pattern as regular expressions: one, or two or three with an escaped double quote between them.
fn parts(pattern: &str, escape: Option<char>) -> Result<Vec<String>> {
    let (mut parts, mut part) = (Vec::new(), String::new());
    let mut brackets = Brackets::default();
    let mut after_escape = false;
    for c in pattern.chars() {
        if after_escape {
            after_escape = false;
            if c != '"' || brackets.depth > 0 {
                part.push('\\');
                part.push(c);
                brackets.place = 3;
            } else if parts.len() < 2 {
                parts.push(std::mem::take(&mut part));
            } else {
                let message = "SQL regular expression may not contain more than two escape-double-quote separators";
                return Err(Error::new(SqlState::INVALID_USE_OF_ESCAPE_CHARACTER, message));
            }
        } else if Some(c) == escape {
            after_escape = true;
        } else if brackets.depth > 0 {
            if c == '\\' {
                part.push('\\');
            }
            part.push(c);
            brackets.read(c);
        } else {
            match c {
                '[' => {
                    brackets = Brackets { depth: 1, place: 1 };
                    part.push(c);
                }
                '%' => part.push_str(".*"),
                '_' => part.push('.'),
                '(' => part.push_str("(?:"),
                '\\' | '.' | '^' | '$' => {
                    part.push('\\');
                    part.push(c);
                }
                _ => part.push(c),
            }
        }
    }
    parts.push(part);
    Ok(parts)
}

/// Rewrites a pattern to a regular expression, in which the first of three parts takes as little as it can.
fn rewritten(pattern: &str, escape: Option<char>) -> Result<String> {
    Ok(match parts(pattern, escape)?.as_slice() {
        [head, middle] => format!("^(?:{head}){{1,1}}?({middle})$"),
        [head, middle, tail] => format!("^(?:{head}){{1,1}}?({middle}){{1,1}}(?:{tail})$"),
        only => format!("^(?:{})$", only.concat()),
    })
}

fn similar_to_escape(call: &mut Call<'_>) -> Result<Datum> {
    let escape = if call.args.len() > 1 { one_escape(call.str(1)?)? } else { Some('\\') };
    Ok(Datum::Text(rewritten(call.str(0)?, escape)?.into()))
}

/// What of a text matches the middle part of a pattern, or all of it if the pattern is one part.
fn similar_substring(call: &mut Call<'_>) -> Result<Datum> {
    substring(call, &rewritten(call.str(1)?, one_escape(call.str(2)?)?)?)
}

pub(super) static FUNCTIONS: &[Function] = &[
    Function::strict(1986, "similar_to_escape", &[TEXT, TEXT], TEXT, similar_to_escape),
    Function::strict(1987, "similar_to_escape", &[TEXT], TEXT, similar_to_escape),
    Function::strict(2074, "substring", &[TEXT, TEXT, TEXT], TEXT, similar_substring),
];

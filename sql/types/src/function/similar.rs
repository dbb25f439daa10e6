//! SIMILAR TO and SUBSTRING with SIMILAR: SQL's regular expressions, rewritten as PostgreSQL's.

use super::pattern::{one_escape, whole};
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

/// Rewrites a pattern to a regular expression.
fn similar_to_escape(call: &mut Call<'_>) -> Result<Datum> {
    let escape = if call.args.len() > 1 { one_escape(call.str(1)?)? } else { Some('\\') };
    let expression = match parts(call.str(0)?, escape)?.as_slice() {
        [head, middle] => format!("^(?:{head}){{1,1}}?({middle})$"),
        [head, middle, tail] => format!("^(?:{head}){{1,1}}?({middle}){{1,1}}(?:{tail})$"),
        only => format!("^(?:{})$", only.concat()),
    };
    Ok(Datum::Text(expression.into()))
}

/// The first of some places in a text that fits.
fn first_place(
    call: &Call<'_>,
    places: impl Iterator<Item = usize>,
    fits: impl Fn(usize) -> bool,
) -> Result<Option<usize>> {
    for place in places {
        // Whether one fits is as long a question as the text.
        call.settings.check_cancel_now()?;
        if fits(place) {
            return Ok(Some(place));
        }
    }
    Ok(None)
}

/// What of a text matches the middle part of a pattern, where the first part takes as little as it can, and then the
/// middle one as much. Of a pattern that is one part it is all of the text.
fn similar_substring(call: &mut Call<'_>) -> Result<Datum> {
    let (text, pattern, escape) = (call.str(0)?, call.str(1)?, call.str(2)?);
    let parts = parts(pattern, one_escape(escape)?)?;
    let part = |at: usize| parts.get(at).map_or("", String::as_str);
    let (head, middle, tail) = if parts.len() == 1 { ("", part(0), "") } else { (part(0), part(1), part(2)) };
    let rest = format!("(?:{middle})(?:{tail})");
    if !whole(&format!("(?:{head}){rest}"))?.is_match(text) {
        return Ok(Datum::Null);
    }
    if parts.len() == 1 {
        return Ok(call.arg(0).clone());
    }
    let places = || text.char_indices().map(|(place, _)| place).chain([text.len()]);
    let (before, behind) = (whole(head)?, whole(&rest)?);
    let fits = |place: usize| before.is_match(&text[..place]) && behind.is_match(&text[place..]);
    let Some(start) = first_place(call, places(), fits)? else { return Ok(Datum::Null) };
    let (before, behind) = (whole(middle)?, whole(tail)?);
    let fits = |place: usize| before.is_match(&text[start..place]) && behind.is_match(&text[place..]);
    let end = first_place(call, places().rev().take_while(|place| *place >= start), fits)?;
    Ok(end.map_or(Datum::Null, |end| Datum::text(&text[start..end])))
}

pub(super) static FUNCTIONS: &[Function] = &[
    Function::strict(1986, "similar_to_escape", &[TEXT, TEXT], TEXT, similar_to_escape),
    Function::strict(1987, "similar_to_escape", &[TEXT], TEXT, similar_to_escape),
    Function::strict(2074, "substring", &[TEXT, TEXT, TEXT], TEXT, similar_substring),
];

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::settings::Settings;
    use crate::sqltype::SqlType;

    #[test]
    fn the_search_for_a_part_is_cancelled() {
        let settings = Settings { is_cancelled: Some(Arc::new(|| true)), ..Settings::default() };
        let args = [Datum::text("aab"), Datum::text("a*#\"b#\""), Datum::text("#")];
        let result = similar_substring(&mut Call::new(&args, &[SqlType::TEXT; 3], SqlType::TEXT, &settings));
        assert_eq!(result.err().map(|error| error.sqlstate), Some(SqlState::QUERY_CANCELED));
    }
}

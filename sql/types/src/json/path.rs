//! Changing a jsonb at a path: `jsonb_set`, `jsonb_insert`, `#-`, and assignment to what subscripts name.
//!
//! Every step but the last must lead somewhere, or nothing changes; what the last may do is the [`Change`]. An assignment
//! makes what a step does not find, and leads through no scalar.

use super::parse::{VALUES_MAX, too_deep, too_many_values};
use super::{DEPTH_MAX, Json};
use crate::error::{Error, Result, SqlState};

/// What happens where a path ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Change {
    /// Replace, or add what is missing.
    Set,
    Replace,
    InsertBefore,
    InsertAfter,
    Delete,
    Assign,
}

impl Change {
    /// Whether something comes to be where nothing was.
    fn adds(self) -> bool {
        matches!(self, Change::Set | Change::InsertBefore | Change::InsertAfter)
    }
}

/// Changes a value below `path`, whose steps are keys or numbers of elements; `None` is a null step.
///
/// # Errors
/// 22004 a null step, 22P02 a step into an array that is no number, 22023 an insertion over an existing key, and an
/// assignment to a part of a scalar or before an array's first element, 54001 too deep, 54000 too many nulls before an
/// element.
pub(crate) fn change(tree: Json, path: &[Option<&str>], new: &Json, how: Change) -> Result<Json> {
    if how != Change::Delete && path.len() + new.depth() > DEPTH_MAX {
        return Err(too_deep());
    }
    at(tree, path, 0, new, how)
}

fn at(tree: Json, path: &[Option<&str>], level: usize, new: &Json, how: Change) -> Result<Json> {
    let Some(step) = path.get(level) else { return Ok(tree) };
    if tree.is_scalar() {
        if how == Change::Assign {
            return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, "cannot replace existing key")
                .detail("The path assumes key is a composite object, but it is a scalar value."));
        }
        return Ok(tree);
    }
    let Some(step) = step else {
        let message = format!("path element at position {} is null", level + 1);
        return Err(Error::new(SqlState::NULL_VALUE_NOT_ALLOWED, message));
    };
    match tree {
        Json::Object(members) => object(members, step, path, level, new, how),
        Json::Array(elements) => array(elements, step, path, level, new, how),
        scalar => Ok(scalar),
    }
}

fn object(
    mut members: Vec<(String, Json)>,
    step: &str,
    path: &[Option<&str>],
    level: usize,
    new: &Json,
    how: Change,
) -> Result<Json> {
    let last = level + 1 == path.len();
    match members.iter().position(|(key, _)| key == step) {
        Some(found) if !last => {
            let inner = std::mem::replace(&mut members[found].1, Json::Null);
            members[found].1 = at(inner, path, level + 1, new, how)?;
        }
        Some(_) if matches!(how, Change::InsertBefore | Change::InsertAfter) => {
            return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, "cannot replace existing key")
                .hint("Try using the function jsonb_set to replace key value."));
        }
        Some(found) if how == Change::Delete => {
            members.remove(found);
        }
        Some(found) => members[found].1 = new.clone(),
        None if how == Change::Assign => {
            members.push((step.to_owned(), made(&path[level + 1..], new, 0)?));
            return Ok(Json::object(members));
        }
        None if last && how.adds() => {
            members.push((step.to_owned(), new.clone()));
            return Ok(Json::object(members));
        }
        None => {}
    }
    Ok(Json::Object(members))
}

fn array(
    mut elements: Vec<Json>,
    step: &str,
    path: &[Option<&str>],
    level: usize,
    new: &Json,
    how: Change,
) -> Result<Json> {
    let Some(index) = number(step) else {
        let message = format!("path element at position {} is not an integer: \"{step}\"", level + 1);
        return Err(Error::new(SqlState::INVALID_TEXT_REPRESENTATION, message));
    };
    let count = elements.len() as i64;
    let found = if index < 0 { i64::from(index) + count } else { i64::from(index) };
    let place = usize::try_from(found).ok().filter(|place| *place < elements.len());
    let last = level + 1 == path.len();
    match place {
        Some(place) if !last => {
            let inner = std::mem::replace(&mut elements[place], Json::Null);
            elements[place] = at(inner, path, level + 1, new, how)?;
        }
        Some(place) => match how {
            Change::Set | Change::Replace | Change::Assign => elements[place] = new.clone(),
            Change::InsertBefore => elements.insert(place, new.clone()),
            Change::InsertAfter => elements.insert(place + 1, new.clone()),
            Change::Delete => {
                elements.remove(place);
            }
        },
        None if how == Change::Assign => {
            let Ok(found) = usize::try_from(found) else {
                let message = format!("path element at position {} is out of range: {index}", level + 1);
                return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message));
            };
            let part = made(&path[level + 1..], new, found)?;
            elements.resize(found, Json::Null);
            elements.push(part);
        }
        // Beyond an end, that end is where it goes.
        None if last && how.adds() => elements.insert(if found < 0 { 0 } else { elements.len() }, new.clone()),
        None => {}
    }
    Ok(Json::Array(elements))
}

fn number(step: &str) -> Option<i32> {
    step.trim_start().parse().ok()
}

/// The new value within what the rest of a path makes: arrays for numbers, with nulls before it, objects for other steps.
/// `before` values come before all of it.
fn made(path: &[Option<&str>], new: &Json, before: usize) -> Result<Json> {
    let nulls = |step: &str| number(step).map(|index| usize::try_from(index).unwrap_or(0));
    let steps = || path.iter().rev().copied().flatten();
    let filled = steps().filter_map(nulls).fold(before, usize::saturating_add);
    if filled > VALUES_MAX {
        return Err(too_many_values());
    }
    let mut value = new.clone();
    for step in steps() {
        value = match nulls(step) {
            Some(count) => {
                let mut elements = vec![Json::Null; count];
                elements.push(value);
                Json::Array(elements)
            }
            None => Json::Object(vec![(step.to_owned(), value)]),
        };
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_assignment_makes_is_bounded() {
        let state = |path: &[&str], new: Json| {
            let path: Vec<Option<&str>> = path.iter().copied().map(Some).collect();
            change(Json::Array(Vec::new()), &path, &new, Change::Assign).err().map(|error| error.sqlstate)
        };
        let deep = vec!["0"; DEPTH_MAX];
        assert_eq!(state(&deep, Json::Null), None);
        assert_eq!(state(&deep, Json::Array(vec![Json::Null])), Some(SqlState::STATEMENT_TOO_COMPLEX));
        assert_eq!(state(&["2000000000"], Json::Null), Some(SqlState::PROGRAM_LIMIT_EXCEEDED));
        assert_eq!(state(&["0", "a", "2000000000"], Json::Null), Some(SqlState::PROGRAM_LIMIT_EXCEEDED));
    }
}

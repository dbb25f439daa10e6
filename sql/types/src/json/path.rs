//! Changing a jsonb at a path: `jsonb_set`, `jsonb_insert`, `#-`.
//!
//! Every step but the last must lead somewhere, or nothing changes; what the last may do is the [`Change`].

use super::Json;
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
/// 22004 a null step, 22P02 a step into an array that is no number, 22023 an insertion over an existing key.
pub(crate) fn change(tree: Json, path: &[Option<&str>], new: &Json, how: Change) -> Result<Json> {
    at(tree, path, 0, new, how)
}

fn at(tree: Json, path: &[Option<&str>], level: usize, new: &Json, how: Change) -> Result<Json> {
    let Some(step) = path.get(level) else { return Ok(tree) };
    if tree.is_scalar() {
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
    let Ok(index) = step.trim_start().parse::<i32>() else {
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
            Change::Set | Change::Replace => elements[place] = new.clone(),
            Change::InsertBefore => elements.insert(place, new.clone()),
            Change::InsertAfter => elements.insert(place + 1, new.clone()),
            Change::Delete => {
                elements.remove(place);
            }
        },
        // Beyond an end, that end is where it goes.
        None if last && how.adds() => elements.insert(if found < 0 { 0 } else { elements.len() }, new.clone()),
        None => {}
    }
    Ok(Json::Array(elements))
}

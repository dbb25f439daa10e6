//! A jsonb: its canonical text, and its tree when it is compared or changed.
//!
//! PostgreSQL's order: object > array > boolean > number > string > null; of two arrays (objects) the one with more
//! elements (members) is the greater, else they go element by element (key, value, key, ...). Only on the top level an
//! empty array is less than all scalars: a scalar there is an array of one element to PostgreSQL.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use super::parse::{VALUES_MAX, too_many_values};
use crate::datum::Str;
use crate::error::{Error, Result, SqlState};
use crate::function::{RESULT_BYTES_MAX, too_long};
use crate::numeric::Numeric;

/// The tree of a JSON value. Members of an object are in jsonb's order, and no two have one key.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(Numeric),
    String(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

fn key_order(left: &str, right: &str) -> Ordering {
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

impl Json {
    /// An object of members as they were written: sorted, the last one of each key.
    pub(crate) fn object(mut members: Vec<(String, Json)>) -> Json {
        members.sort_by(|(a, _), (b, _)| key_order(a, b));
        // The later of two comes to stand before the earlier, which goes.
        members.reverse();
        members.dedup_by(|(a, _), (b, _)| a == b);
        members.reverse();
        Json::Object(members)
    }

    pub(crate) fn is_scalar(&self) -> bool {
        !matches!(self, Json::Array(_) | Json::Object(_))
    }

    /// How deep it nests: 0 for a scalar or an empty container.
    pub(super) fn depth(&self) -> usize {
        let below = |part: &Json| part.depth() + 1;
        match self {
            Json::Array(elements) => elements.iter().map(below).max().unwrap_or(0),
            Json::Object(members) => members.iter().map(|(_, value)| below(value)).max().unwrap_or(0),
            _ => 0,
        }
    }

    /// How many values it holds, with itself.
    fn values(&self) -> usize {
        match self {
            Json::Array(elements) => 1 + elements.iter().map(Json::values).sum::<usize>(),
            Json::Object(members) => 1 + members.iter().map(|(_, value)| value.values()).sum::<usize>(),
            _ => 1,
        }
    }

    /// Checks that it is no larger than what a text can say.
    ///
    /// # Errors
    /// 54000 when it is.
    pub(crate) fn check_size(&self) -> Result<()> {
        if self.values() > VALUES_MAX {
            return Err(too_many_values());
        }
        if self.least_length(None) > RESULT_BYTES_MAX { Err(too_long()) } else { Ok(()) }
    }

    pub(crate) fn member(&self, key: &str) -> Option<&Json> {
        match self {
            Json::Object(members) => {
                let at = members.binary_search_by(|(name, _)| key_order(name, key)).ok()?;
                Some(&members[at].1)
            }
            _ => None,
        }
    }

    /// The rank of this kind of value in a container.
    pub(crate) fn rank(&self) -> u8 {
        match self {
            Json::Null => 1,
            Json::String(_) => 2,
            Json::Number(_) => 3,
            Json::Bool(_) => 4,
            Json::Array(_) => 5,
            Json::Object(_) => 6,
        }
    }

    /// The rank of this kind of value by itself: empty arrays, scalars, arrays, objects.
    pub(crate) fn top_rank(&self) -> u8 {
        match self {
            Json::Array(elements) if elements.is_empty() => 0,
            Json::Array(_) => 2,
            Json::Object(_) => 3,
            _ => 1,
        }
    }

    /// The order of whole values.
    pub(crate) fn compare(&self, other: &Json) -> Ordering {
        self.top_rank().cmp(&other.top_rank()).then_with(|| self.compare_inner(other))
    }

    fn compare_inner(&self, other: &Json) -> Ordering {
        match (self, other) {
            (Json::Bool(a), Json::Bool(b)) => a.cmp(b),
            (Json::Number(a), Json::Number(b)) => a.compare(b),
            (Json::String(a), Json::String(b)) => a.as_bytes().cmp(b.as_bytes()),
            (Json::Array(a), Json::Array(b)) => a.len().cmp(&b.len()).then_with(|| {
                let orders = a.iter().zip(b).map(|(a, b)| a.compare_inner(b));
                orders.into_iter().find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
            }),
            (Json::Object(a), Json::Object(b)) => a.len().cmp(&b.len()).then_with(|| {
                // Keys go by their bytes here, whatever their length.
                let order = |((key, value), (other_key, other)): (&(String, Json), &(String, Json))| {
                    key.as_bytes().cmp(other_key.as_bytes()).then_with(|| value.compare_inner(other))
                };
                a.iter().zip(b).map(order).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
            }),
            _ => self.rank().cmp(&other.rank()),
        }
    }

    /// The operator `@>`.
    pub(crate) fn contains(&self, part: &Json) -> bool {
        match (self, part) {
            // By itself, a scalar counts as an array of one.
            (Json::Array(elements), scalar) if scalar.is_scalar() => elements.contains(scalar),
            _ => self.contains_inner(part),
        }
    }

    fn contains_inner(&self, part: &Json) -> bool {
        match (self, part) {
            (Json::Object(_), Json::Object(parts)) => {
                parts.iter().all(|(key, part)| self.member(key).is_some_and(|value| value.contains_inner(part)))
            }
            (Json::Array(elements), Json::Array(parts)) => parts.iter().all(|part| match part.is_scalar() {
                true => elements.contains(part),
                false => elements.iter().any(|element| !element.is_scalar() && element.contains_inner(part)),
            }),
            _ => self.is_scalar() && self == part,
        }
    }

    /// The operator `?`: a key of an object, a string in an array, or a string by itself.
    pub(crate) fn has(&self, key: &str) -> bool {
        match self {
            Json::Object(_) => self.member(key).is_some(),
            Json::Array(elements) => elements.iter().any(|element| matches!(element, Json::String(s) if s == key)),
            Json::String(string) => string == key,
            _ => false,
        }
    }

    /// The canonical text; if it is to be `pretty`, with a line for each part, indented by four blanks a level.
    ///
    /// # Errors
    /// 54000 when it is too long. It is measured before it is written, for numbers and what is indented deeply take much
    /// more room there than in the tree.
    pub(crate) fn to_text(&self, pretty: bool) -> Result<String> {
        let mut out = String::new();
        if self.least_length(pretty.then_some(0)) > RESULT_BYTES_MAX {
            return Err(too_long());
        }
        if pretty {
            self.write_pretty(0, &mut out);
        } else {
            self.write(&mut out);
        }
        if out.len() > RESULT_BYTES_MAX { Err(too_long()) } else { Ok(out) }
    }

    /// What the canonical text takes at least, in bytes, or, with a level, the pretty text at this level. Of what is too
    /// long no more is counted than shows that it is.
    pub(super) fn least_length(&self, level: Option<usize>) -> usize {
        let inner = level.map(|level| level + 1);
        // A comma or a bracket, and where there are lines, a line feed and the blanks behind it.
        let before = 1 + inner.map_or(0, |level| 1 + 4 * level);
        let total = |parts: &mut dyn Iterator<Item = usize>| {
            let mut total = 0;
            for part in parts {
                total += before + part;
                if total > RESULT_BYTES_MAX {
                    break;
                }
            }
            total
        };
        match self {
            Json::Null | Json::Bool(_) => 4,
            Json::Number(value) => value.least_length(),
            Json::String(value) => value.len() + 2,
            Json::Array(elements) => total(&mut elements.iter().map(|element| element.least_length(inner))),
            Json::Object(members) => {
                total(&mut members.iter().map(|(key, value)| key.len() + 4 + value.least_length(inner)))
            }
        }
    }

    /// Appends the canonical text.
    fn write(&self, out: &mut String) {
        match self {
            Json::Null => out.push_str("null"),
            Json::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Json::Number(value) => out.push_str(&value.to_string()),
            Json::String(value) => super::write::string(value, out),
            Json::Array(elements) => {
                out.push('[');
                for (i, element) in elements.iter().enumerate() {
                    out.push_str(if i > 0 { ", " } else { "" });
                    element.write(out);
                }
                out.push(']');
            }
            Json::Object(members) => {
                out.push('{');
                for (i, (key, value)) in members.iter().enumerate() {
                    out.push_str(if i > 0 { ", " } else { "" });
                    super::write::string(key, out);
                    out.push_str(": ");
                    value.write(out);
                }
                out.push('}');
            }
        }
    }

    /// Appends the text with a line for each part, indented by four blanks a level.
    fn write_pretty(&self, level: usize, out: &mut String) {
        let line = |level: usize, out: &mut String| {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', 4 * level));
        };
        match self {
            Json::Array(elements) => {
                out.push('[');
                for (i, element) in elements.iter().enumerate() {
                    out.push_str(if i > 0 { "," } else { "" });
                    line(level + 1, out);
                    element.write_pretty(level + 1, out);
                }
                line(level, out);
                out.push(']');
            }
            Json::Object(members) => {
                out.push('{');
                for (i, (key, value)) in members.iter().enumerate() {
                    out.push_str(if i > 0 { "," } else { "" });
                    line(level + 1, out);
                    super::write::string(key, out);
                    out.push_str(": ");
                    value.write_pretty(level + 1, out);
                }
                line(level, out);
                out.push('}');
            }
            scalar => scalar.write(out),
        }
    }

    fn hash_inner<H: Hasher>(&self, state: &mut H) {
        self.rank().hash(state);
        match self {
            Json::Null => {}
            Json::Bool(value) => value.hash(state),
            Json::Number(value) => value.hash(state),
            Json::String(value) => value.hash(state),
            Json::Array(elements) => {
                elements.len().hash(state);
                elements.iter().for_each(|element| element.hash_inner(state));
            }
            Json::Object(members) => {
                members.len().hash(state);
                for (key, value) in members {
                    key.hash(state);
                    value.hash_inner(state);
                }
            }
        }
    }
}

/// A value of type jsonb: the canonical text of a [`Json`]. Cheap to clone.
#[derive(Clone)]
pub struct Jsonb(Str);

impl Jsonb {
    /// The value that a text denotes.
    ///
    /// # Errors
    /// 22P02 when it is not JSON, 22P05 for a zero character, 22003 for a number beyond numeric, 54000 too long, 54001 too
    /// deep.
    pub fn parse(text: &str) -> Result<Jsonb> {
        Json::parse(text).and_then(|tree| Jsonb::try_from(&tree))
    }

    /// A value from its canonical text, as it was stored or cut from another one; it is believed to be one.
    pub fn from_canonical(text: &str) -> Jsonb {
        Jsonb(Str::from(text))
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The tree.
    ///
    /// # Errors
    /// XX001 when the text is none, which only damage explains.
    pub(crate) fn tree(&self) -> Result<Json> {
        Json::parse(&self.0)
            .map_err(|error| Error::new(SqlState::DATA_CORRUPTED, "corrupt jsonb value").detail(error.message.clone()))
    }

    /// PostgreSQL's order of jsonb. Damaged values go by their bytes.
    pub fn compare(&self, other: &Jsonb) -> Ordering {
        if *self.0 == *other.0 {
            return Ordering::Equal;
        }
        match (self.tree(), other.tree()) {
            (Ok(left), Ok(right)) => left.compare(&right),
            _ => self.0.cmp(&other.0),
        }
    }
}

/// Fails with 54000 when the text is too long.
impl TryFrom<&Json> for Jsonb {
    type Error = Error;

    fn try_from(tree: &Json) -> Result<Jsonb> {
        tree.to_text(false).map(|text| Jsonb(Str::from(text)))
    }
}

/// Equal values hash alike: 1.0 and 1.00 too.
impl Hash for Jsonb {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self.tree() {
            Ok(tree) => tree.hash_inner(state),
            Err(_) => self.0.hash(state),
        }
    }
}

impl fmt::Debug for Jsonb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

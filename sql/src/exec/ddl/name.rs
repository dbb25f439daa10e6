//! The names of what a statement does not name: PostgreSQL's `makeObjectName` and `ChooseRelationName`.

use types::{Error, Result, SqlState};

use super::work::Work;
use crate::catalog::{Relation, SchemaDef, TableDef};

/// Bytes of an identifier.
const NAME_BYTES_MAX: usize = 63;

/// `first_second_label`, the first two cut evenly where it would be too long.
pub(super) fn object_name(first: &str, second: &str, label: &str) -> String {
    let overhead = label.len() + 1 + usize::from(!second.is_empty());
    let room = NAME_BYTES_MAX.saturating_sub(overhead);
    let (mut first_bytes, mut second_bytes) = (first.len(), second.len());
    while first_bytes + second_bytes > room {
        if first_bytes > second_bytes {
            first_bytes -= 1;
        } else {
            second_bytes -= 1;
        }
    }
    let first = cut(first, first_bytes);
    let second = cut(second, second_bytes);
    if second.is_empty() { format!("{first}_{label}") } else { format!("{first}_{second}_{label}") }
}

fn cut(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// A name that `taken` does not know, with a number behind the label if it must be.
fn choose(first: &str, second: &str, label: &str, taken: impl Fn(&str) -> bool) -> String {
    let mut name = object_name(first, second, label);
    let mut pass = 0;
    while taken(&name) {
        pass += 1;
        name = object_name(first, second, &format!("{label}{pass}"));
    }
    name
}

impl Work {
    /// A free name for a relation in a schema, reserved. `more` are names that the statement has used already.
    pub async fn choose_relation(
        &self,
        schema: u32,
        first: &str,
        second: &str,
        label: &str,
        more: &[String],
    ) -> Result<String> {
        let mut catalog = self.catalog.clone();
        loop {
            let name = choose(first, second, label, |name| {
                catalog.relation_in(schema, name).is_some()
                    || more.iter().any(|other| other == name)
                    || catalog.constraints().any(|it| it.schema == schema && &*it.name == name)
            });
            self.claim_more(schema, &name).await?;
            // Another statement may have chosen the same, and have made it while this one waited.
            catalog = self.load().await?;
            if catalog.relation_in(schema, &name).is_none() {
                return Ok(name);
            }
        }
    }

    /// A free name for a constraint without an index.
    pub fn choose_constraint(&self, schema: u32, first: &str, second: &str, label: &str, more: &[String]) -> String {
        choose(first, second, label, |name| {
            more.iter().any(|other| other == name)
                || self.catalog.constraints().any(|it| it.schema == schema && &*it.name == name)
        })
    }

    /// # Errors
    /// 42P07 when the name is taken by a relation.
    pub fn check_free(&self, schema: u32, name: &str) -> Result<()> {
        match self.catalog.relation_in(schema, name) {
            Some(_) => Err(taken(name)),
            None => Ok(()),
        }
    }

    /// Whether the name is free; with `if_not_exists` a taken one is a notice.
    pub fn is_free_or(&mut self, schema: &SchemaDef, name: &str, if_not_exists: bool) -> Result<bool> {
        if self.catalog.relation_in(schema.oid, name).is_none() {
            return Ok(true);
        }
        if !if_not_exists {
            return Err(taken(name));
        }
        self.notice(SqlState::DUPLICATE_TABLE, format!("relation \"{name}\" already exists, skipping"));
        Ok(false)
    }
}

fn taken(name: &str) -> Error {
    Error::new(SqlState::DUPLICATE_TABLE, format!("relation \"{name}\" already exists"))
}

/// The names of columns, put together as the names of indexes and foreign keys have them.
pub(super) fn joined(table: &TableDef, positions: impl Iterator<Item = usize>) -> String {
    let mut text = String::new();
    for position in positions {
        if !text.is_empty() {
            text.push('_');
        }
        text.push_str(&table.columns[position].name);
        // More would be cut off anyway.
        if text.len() >= NAME_BYTES_MAX {
            break;
        }
    }
    text
}

/// `table t`, `view v`: how a message names a relation.
pub(super) fn described(relation: &Relation) -> String {
    format!("{} {}", relation.kind_name(), crate::catalog::describe::quote_identifier(relation.name()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_put_together_and_cut_as_in_postgresql() {
        assert_eq!(object_name("t", "a", "key"), "t_a_key");
        assert_eq!(object_name("t", "", "pkey"), "t_pkey");
        let long = object_name(&"x".repeat(60), &"y".repeat(10), "idx");
        assert_eq!(long.len(), 63);
        assert!(long.ends_with("_yyyyyyyyyy_idx"));
    }

    #[test]
    fn a_taken_name_gets_a_number() {
        assert_eq!(choose("t", "a", "idx", |name| name == "t_a_idx" || name == "t_a_idx1"), "t_a_idx2");
    }
}

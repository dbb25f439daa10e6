//! RENAME, SET SCHEMA, OWNER TO, COMMENT.

use std::sync::Arc;

use engine::TableLockMode;
use types::{Error, Result, SqlState};

use super::work::Work;
use super::{create, depend};
use crate::catalog::codec::Object;
use crate::catalog::extension::Extension;
use crate::catalog::{
    Acl, ConstraintDef, IndexDef, Relation, SchemaDef, SequenceDef, TableDef, ViewDef, well_known, with_new_owner,
};

pub(super) const RENAMED: &str = "cannot rename a relation used by a view";
const MOVED: &str = "cannot move a relation used by a view to another schema";

/// `ALTER TABLE` and so on.
fn tag(relation: &Relation) -> String {
    format!("ALTER {}", relation.kind_name().to_uppercase())
}

/// Locks a relation of the user's and gives it as it is now.
pub(super) async fn locked(work: &mut Work, relation: &Relation, mode: TableLockMode) -> Result<Relation> {
    work.check_relation_owner(relation)?;
    work.lock_relation(relation, mode).await?;
    let found = work.relation(relation.oid())?;
    work.check_relation_owner(&found)?;
    Ok(found)
}

/// As [`locked`], in a schema that keeps its own name meanwhile: expressions are looked through for the names of before, of
/// which two sessions would each know one half.
async fn placed(work: &mut Work, relation: &Relation) -> Result<Relation> {
    // Who reads and writes a table goes on while its index gets another name.
    let mode = match relation {
        Relation::Index(_) => TableLockMode::ShareUpdateExclusive,
        _ => TableLockMode::AccessExclusive,
    };
    work.check_relation_owner(relation)?;
    work.hold_name_of(work.catalog.schema_of(relation)).await?;
    let found = locked(work, relation, mode).await?;
    work.hold_name_of(work.catalog.schema_of(&found)).await?;
    Ok(found)
}

pub(super) async fn relation(work: &mut Work, relation: &Relation, name: &str) -> Result<String> {
    let found = placed(work, relation).await?;
    let schema = work.catalog.schema_of(&found);
    work.check_creates_in(schema)?;
    work.claim_more(schema, name).await?;
    work.reload().await?;
    work.check_free(schema, name)?;
    let before = work.catalog.clone();
    let new_name: Arc<str> = Arc::from(name);
    match &found {
        Relation::Table(old) => work.put_table(TableDef { name: new_name, ..(**old).clone() }).await?,
        Relation::View(old) => work.put(Object::View(ViewDef { name: new_name, ..(**old).clone() })).await?,
        Relation::Index(old) => {
            work.put(Object::Index(IndexDef { name: new_name.clone(), ..(**old).clone() })).await?;
            // The constraint has its index's name.
            if let Some(constraint) = old.constraint.and_then(|oid| work.catalog.constraint(oid)) {
                let constraint = ConstraintDef { name: new_name, ..(**constraint).clone() };
                work.put(Object::Constraint(constraint)).await?;
            }
        }
        Relation::Sequence(old) => {
            work.put(Object::Sequence(SequenceDef { name: new_name, ..(**old).clone() })).await?
        }
        Relation::Virtual(_) => return Err(Error::internal("a system relation was let through")),
    }
    work.reload().await?;
    depend::follow_names(work, &before, &[found.oid()], RENAMED).await?;
    Ok(tag(&found))
}

pub(super) async fn set_schema(work: &mut Work, relation: &Relation, schema: &SchemaDef) -> Result<String> {
    let found = placed(work, relation).await?;
    work.claim(schema, found.name()).await?;
    let from = work.catalog.schema_of(&found);
    if from == schema.oid {
        return Ok(tag(&found));
    }
    if schema.is_temporary() || work.catalog.schema(from).is_some_and(|from| from.is_temporary()) {
        let message = "cannot move objects into or out of temporary schemas";
        return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message));
    }
    free_in(work, schema, found.name())?;
    let before = work.catalog.clone();
    let mut moved = vec![found.oid()];
    let name = schema.name.clone();
    match &found {
        Relation::Table(old) => {
            for index in &old.indexes {
                free_in(work, schema, &index.name)?;
                work.put(Object::Index(IndexDef { schema: schema.oid, ..(**index).clone() })).await?;
                moved.push(index.oid);
            }
            for constraint in &old.constraints {
                work.put(Object::Constraint(ConstraintDef { schema: schema.oid, ..(**constraint).clone() })).await?;
            }
            work.put_table(TableDef { schema: schema.oid, schema_name: name.clone(), ..(**old).clone() }).await?;
            work.reload().await?;
            for sequence in depend::owned_sequences(work, old) {
                work.lock(u64::from(sequence), engine::TableLockMode::AccessExclusive).await?;
                work.reload().await?;
                let old = work.sequence(sequence)?;
                free_in(work, schema, &old.name)?;
                let new = SequenceDef { schema: schema.oid, schema_name: name.clone(), ..(*old).clone() };
                work.put(Object::Sequence(new)).await?;
                moved.push(sequence);
            }
        }
        Relation::View(old) => {
            let view = ViewDef { schema: schema.oid, schema_name: name, ..(**old).clone() };
            work.put(Object::View(view)).await?;
        }
        Relation::Sequence(old) => {
            if old.owned_by.is_some() {
                let message = "cannot move an owned sequence into another schema";
                return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message));
            }
            let new = SequenceDef { schema: schema.oid, schema_name: name, ..(**old).clone() };
            work.put(Object::Sequence(new)).await?;
        }
        Relation::Index(_) | Relation::Virtual(_) => {
            return Err(Error::new(
                SqlState::WRONG_OBJECT_TYPE,
                format!("cannot change schema of \"{}\"", found.name()),
            ));
        }
    }
    work.reload().await?;
    depend::follow_names(work, &before, &moved, MOVED).await?;
    Ok(tag(&found))
}

fn free_in(work: &Work, schema: &SchemaDef, name: &str) -> Result<()> {
    if work.catalog.relation_in(schema.oid, name).is_none() {
        return Ok(());
    }
    let message = format!("relation \"{name}\" already exists in schema \"{}\"", schema.name);
    Err(Error::new(SqlState::DUPLICATE_TABLE, message))
}

pub(super) async fn set_owner(work: &mut Work, relation: &Relation, owner: &str) -> Result<String> {
    let found = locked(work, relation, TableLockMode::AccessExclusive).await?;
    let owner = match &found {
        Relation::Table(table) => {
            work.check_not_pending(table, "ALTER TABLE")?;
            new_owner_in(work, owner, table.owner, table.schema)?
        }
        Relation::View(view) => new_owner_in(work, owner, view.owner, view.schema)?,
        Relation::Sequence(sequence) => {
            let owner = new_owner_in(work, owner, sequence.owner, sequence.schema)?;
            if sequence.owned_by.is_some() {
                let message = format!("cannot change owner of sequence \"{}\"", sequence.name);
                return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message));
            }
            owner
        }
        Relation::Index(_) | Relation::Virtual(_) => {
            return Err(Error::new(
                SqlState::WRONG_OBJECT_TYPE,
                format!("cannot change owner of \"{}\"", found.name()),
            ));
        }
    };
    work.hold_role(owner).await?;
    give(work, &found, owner).await?;
    Ok(tag(&found))
}

/// Gives a relation, which the caller has locked, to a role; a table with its sequences.
pub(super) async fn give(work: &mut Work, relation: &Relation, owner: u32) -> Result<()> {
    match relation {
        Relation::Table(table) => {
            let acl = owned_by(&table.acl, table.owner, owner);
            work.put_table(TableDef { owner, acl, ..(**table).clone() }).await?;
            for sequence in depend::owned_sequences(work, table) {
                super::sequence::lock(work, sequence).await?;
                give_sequence(work, &*work.sequence(sequence)?, owner).await?;
            }
        }
        Relation::View(view) => {
            let acl = owned_by(&view.acl, view.owner, owner);
            work.put(Object::View(ViewDef { owner, acl, ..(**view).clone() })).await?;
        }
        Relation::Sequence(sequence) => give_sequence(work, sequence, owner).await?,
        Relation::Index(_) | Relation::Virtual(_) => return Err(Error::internal("an owner of what has none")),
    }
    work.reload().await
}

async fn give_sequence(work: &Work, sequence: &SequenceDef, owner: u32) -> Result<()> {
    let acl = owned_by(&sequence.acl, sequence.owner, owner);
    work.put(Object::Sequence(SequenceDef { owner, acl, ..sequence.clone() })).await
}

/// # Errors
/// 42501 unless the user may become the new owner of what is another's.
fn new_owner(work: &Work, name: &str, from: u32) -> Result<u32> {
    let owner = work.role_named(name)?.oid;
    if owner != from {
        work.check_may_become(owner)?;
    }
    Ok(owner)
}

/// The new owner of a relation, who must be able to create one there.
///
/// # Errors
/// 42501 as for [`new_owner`], and when that one may not.
fn new_owner_in(work: &Work, name: &str, from: u32, schema: u32) -> Result<u32> {
    let owner = new_owner(work, name, from)?;
    let (role, schema) = (work.catalog.role(owner), work.catalog.schema(schema));
    let (Some(role), Some(schema)) = (role, schema) else { return Ok(owner) };
    if owner != from && !work.role()?.superuser {
        work.check_creates(role, schema)?;
    }
    Ok(owner)
}

/// The grants of what goes from one owner to another.
pub(super) fn owned_by(acl: &Acl, from: u32, to: u32) -> Acl {
    acl.as_deref().map(|items| with_new_owner(items, from, to).into())
}

/// The table's owner, and its sequences'.
pub(super) async fn table_owner(work: &mut Work, table: &Arc<TableDef>, owner: &str) -> Result<()> {
    let owner = new_owner_in(work, owner, table.owner, table.schema)?;
    work.hold_role(owner).await?;
    give(work, &Relation::Table(table.clone()), owner).await
}

pub(super) async fn schema(work: &mut Work, schema: &SchemaDef, name: &str) -> Result<String> {
    work.lock(u64::from(schema.oid), engine::TableLockMode::AccessExclusive).await?;
    work.claim_more(0, name).await?;
    work.reload().await?;
    let Some(found) = work.catalog.schema(schema.oid).cloned() else {
        let message = format!("schema \"{}\" does not exist", schema.name);
        return Err(Error::new(SqlState::INVALID_SCHEMA_NAME, message));
    };
    work.check_owner(found.owner, "schema", &found.name)?;
    create::check_database(work)?;
    if work.catalog.schema_named(name).is_some() {
        return Err(Error::new(SqlState::DUPLICATE_SCHEMA, format!("schema \"{name}\" already exists")));
    }
    if name.starts_with("pg_") {
        return Err(Error::new(SqlState::RESERVED_NAME, format!("unacceptable schema name \"{name}\""))
            .detail("The prefix \"pg_\" is reserved for system schemas."));
    }
    let before = work.catalog.clone();
    work.put(Object::Schema(SchemaDef { name: Arc::from(name), ..(*found).clone() })).await?;
    work.reload().await?;
    let inside: Vec<u32> =
        before.relations().filter(|it| before.schema_of(it) == found.oid).map(Relation::oid).collect();
    let message = "cannot rename a schema whose relations are used by a view";
    depend::follow_names(work, &before, &inside, message).await?;
    Ok("ALTER SCHEMA".to_owned())
}

pub(super) async fn set_schema_owner(work: &mut Work, schema: &SchemaDef, owner: &str) -> Result<String> {
    let schema = held_schema(work, schema).await?;
    let owner = new_owner(work, owner, schema.owner)?;
    work.hold_role(owner).await?;
    if owner != schema.owner {
        create::check_database(work)?;
    }
    let acl = owned_by(&schema.acl, schema.owner, owner);
    work.put(Object::Schema(SchemaDef { owner, acl, ..schema })).await?;
    work.reload().await?;
    Ok("ALTER SCHEMA".to_owned())
}

pub(super) async fn comment_schema(work: &mut Work, schema: &SchemaDef, text: Option<&str>) -> Result<String> {
    held_schema(work, schema).await?;
    put_comment(work, well_known::PG_NAMESPACE, schema.oid, 0, text).await
}

pub(super) async fn comment_constraint(
    work: &mut Work,
    table: &TableDef,
    constraint: u32,
    text: Option<&str>,
) -> Result<String> {
    work.check_owner(table.owner, "relation", &table.name)?;
    work.hold(table.oid).await?;
    let owner = work.catalog.table(table.oid).map_or(table.owner, |found| found.owner);
    work.check_owner(owner, "relation", &table.name)?;
    if work.catalog.constraint(constraint).is_none() {
        let message = format!("constraint for table \"{}\" does not exist", table.name);
        return Err(Error::new(SqlState::UNDEFINED_OBJECT, message));
    }
    put_comment(work, well_known::PG_CONSTRAINT, constraint, 0, text).await
}

pub(super) async fn comment_extension(work: &mut Work, extension: &Extension, text: Option<&str>) -> Result<String> {
    work.check_owner(well_known::POSTGRES_ROLE, "extension", extension.name)?;
    work.hold(extension.oid).await?;
    put_comment(work, well_known::PG_EXTENSION, extension.oid, 0, text).await
}

/// A schema as it is now, held against other changes.
async fn held_schema(work: &mut Work, schema: &SchemaDef) -> Result<SchemaDef> {
    work.check_owner(schema.owner, "schema", &schema.name)?;
    work.hold(schema.oid).await?;
    let Some(found) = work.catalog.schema(schema.oid).cloned() else {
        let message = format!("schema \"{}\" does not exist", schema.name);
        return Err(Error::new(SqlState::INVALID_SCHEMA_NAME, message));
    };
    work.check_owner(found.owner, "schema", &found.name)?;
    Ok((*found).clone())
}

async fn put_comment(work: &Work, class: u32, object: u32, column: i32, text: Option<&str>) -> Result<String> {
    work.comment(class, object, column, text.filter(|text| !text.is_empty())).await?;
    Ok("COMMENT".to_owned())
}

pub(super) async fn comment(
    work: &mut Work,
    relation: &Relation,
    column: Option<usize>,
    text: Option<&str>,
) -> Result<String> {
    work.check_relation_owner(relation)?;
    work.hold(relation.oid()).await?;
    if work.catalog.relation(relation.oid()).is_none() {
        let message = format!("relation \"{}\" does not exist", relation.name());
        return Err(Error::new(SqlState::UNDEFINED_TABLE, message));
    }
    let column = column.map_or(0, |position| position as i32 + 1);
    put_comment(work, well_known::PG_CLASS, relation.oid(), column, text).await
}

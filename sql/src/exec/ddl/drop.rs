//! DROP of relations, schemas, constraints and what belongs to them.

use std::sync::Arc;

use engine::TableLockMode;
use types::{Error, Result, SqlState};

use super::depend::{self, Dependence, Dependent};
use super::work::Work;
use super::{column, rebuild};
use crate::catalog::codec::Object;
use crate::catalog::{ConstraintDef, ConstraintKind, IndexDef, Relation, SchemaDef, TableDef, ViewDef, well_known};

/// The caller has locked them.
pub(super) async fn relations(work: &mut Work, relations: &[Relation], cascade: bool) -> Result<String> {
    let kind = relations.first().map_or("table", Relation::kind_name);
    let tag = format!("DROP {}", kind.to_uppercase());
    let mut roots = Vec::new();
    for relation in relations {
        let Some(found) = work.catalog.relation(relation.oid()).cloned() else {
            let message = format!("{} \"{}\" does not exist", relation.kind_name(), relation.name());
            return Err(Error::new(SqlState::UNDEFINED_TABLE, message));
        };
        let schema = work.catalog.schema(work.catalog.schema_of(&found)).cloned();
        let owns_schema = match schema {
            Some(schema) => work.has_rights_of(schema.owner)?,
            None => false,
        };
        if !owns_schema || matches!(found, Relation::Virtual(_)) {
            work.check_relation_owner(&found)?;
        }
        check_not_required(work, &found)?;
        roots.push(found);
    }
    let what = match roots.as_slice() {
        [one] => Some(work.describe(one)),
        _ => None,
    };
    let dependents = depend::of_relations(work, &roots, cascade).await?;
    agree(work, what.as_deref(), &dependents, cascade)?;
    remove(work, &roots, dependents).await?;
    Ok(tag)
}

/// Tells what goes with something (or with several objects).
///
/// # Errors
/// 2BP01 when it is not to go.
fn agree(work: &mut Work, what: Option<&str>, dependents: &[Dependence], cascade: bool) -> Result<()> {
    if !dependents.is_empty() && !cascade {
        let sentences = dependents.iter().map(|it| it.sentence.clone()).collect();
        return Err(match what {
            Some(what) => depend::refused(what, sentences),
            None => depend::refused_all(sentences),
        });
    }
    let whats: Vec<String> = dependents.iter().map(|it| it.what.clone()).collect();
    depend::tell_cascade(work, &whats);
    Ok(())
}

/// Relations that go with `what`, and all that depends on them.
///
/// # Errors
/// 2BP01 when that is not to go.
pub(super) async fn parts(work: &mut Work, parts: &[Relation], cascade: bool, what: &str) -> Result<()> {
    if parts.is_empty() {
        return Ok(());
    }
    let dependents = depend::of_relations(work, parts, cascade).await?;
    agree(work, Some(what), &dependents, cascade)?;
    remove(work, parts, dependents).await
}

/// Relations that the caller has locked, and all that depends on them, whoever the session acts as.
pub(super) async fn with_dependents(work: &mut Work, roots: &[Relation]) -> Result<()> {
    let dependents = depend::of_relations(work, roots, true).await?;
    remove(work, roots, dependents).await
}

async fn remove(work: &mut Work, roots: &[Relation], dependents: Vec<Dependence>) -> Result<()> {
    remove_dependents(work, dependents).await?;
    for root in roots {
        relation(work, root).await?;
    }
    work.reload().await
}

async fn remove_dependents(work: &mut Work, mut dependents: Vec<Dependence>) -> Result<()> {
    // What goes with a column and was told of already is gone by then.
    dependents.sort_by_key(|it| matches!(it.dependent, Dependent::Column { .. }));
    for dependence in dependents {
        remove_dependent(work, dependence.dependent).await?;
    }
    Ok(())
}

/// What belongs to a constraint or a column goes with that.
fn check_not_required(work: &Work, relation: &Relation) -> Result<()> {
    let (what, requires, hint) = match relation {
        Relation::Index(index) => {
            let Some(constraint) = index.constraint.and_then(|oid| work.catalog.constraint(oid)) else { return Ok(()) };
            let by = work.describe_constraint(constraint);
            (work.describe(relation), by.clone(), by)
        }
        Relation::Sequence(sequence) => {
            let Some(owner) = sequence.owned_by.filter(|owner| owner.identity) else { return Ok(()) };
            let table = work.table(owner.table)?;
            let on = work.describe(&Relation::Table(table.clone()));
            let by = format!("column {} of {on}", table.columns[owner.column].name);
            (work.describe(relation), by.clone(), by)
        }
        _ => return Ok(()),
    };
    let message = format!("cannot drop {what} because {requires} requires it");
    Err(Error::new(SqlState::DEPENDENT_OBJECTS_STILL_EXIST, message).hint(format!("You can drop {hint} instead.")))
}

/// Drops what was locked when it was found, if it did not go with another.
async fn remove_dependent(work: &mut Work, dependent: Dependent) -> Result<()> {
    match dependent {
        Dependent::Relation(found) => relation(work, &found).await?,
        Dependent::Constraint(found) => remove_constraint(work, &found).await?,
        Dependent::Default { relation, column } => {
            if let Some(view) = work.catalog.view(relation) {
                let mut view = (**view).clone();
                view.defaults.retain(|(at, _)| *at != column);
                work.put(Object::View(view)).await?;
            } else if let Some(table) = work.catalog.table(relation) {
                let mut table = (**table).clone();
                (table.columns[column].default, table.columns[column].sequence) = (None, None);
                work.put_table(table).await?;
            }
        }
        Dependent::Column { table, column } => {
            if let Some(table) = work.catalog.table(table).filter(|table| !table.columns[column].dropped).cloned() {
                Box::pin(column::drop_column(work, &table, column, true)).await?;
            }
        }
    }
    work.reload().await
}

/// Drops one relation with what goes silently.
async fn relation(work: &mut Work, found: &Relation) -> Result<()> {
    match found {
        Relation::Table(it) => table(work, it).await,
        Relation::View(it) => view(work, it).await,
        Relation::Index(it) => index(work, it).await,
        Relation::Sequence(it) => {
            // A serial column outlives its sequence without the default, which CASCADE has removed.
            sequence(work, it.oid).await
        }
        Relation::Virtual(_) => Ok(()),
    }
}

async fn table(work: &mut Work, table: &Arc<TableDef>) -> Result<()> {
    work.check_not_pending(table, "DROP TABLE")?;
    for sequence_oid in depend::owned_sequences(work, table) {
        sequence(work, sequence_oid).await?;
    }
    for constraint in &table.constraints {
        remove_constraint(work, constraint).await?;
    }
    for index in &table.indexes {
        if index.tree != table.tree {
            work.drop_tree(index.tree).await?;
        }
        remove_index(work, index).await?;
    }
    work.drop_tree(table.tree).await?;
    depend::remove_comments(work, well_known::PG_CLASS, table.oid, None).await?;
    work.remove(Object::Table(Box::new((**table).clone()))).await
}

pub(super) async fn view(work: &Work, view: &ViewDef) -> Result<()> {
    depend::remove_comments(work, well_known::PG_CLASS, view.oid, None).await?;
    work.remove(Object::View(view.clone())).await
}

/// An index with a tree of its own.
async fn index(work: &Work, index: &IndexDef) -> Result<()> {
    work.drop_tree(index.tree).await?;
    remove_index(work, index).await
}

async fn remove_index(work: &Work, index: &IndexDef) -> Result<()> {
    depend::remove_comments(work, well_known::PG_CLASS, index.oid, None).await?;
    work.remove(Object::Index(index.clone())).await
}

/// A sequence and its state.
async fn sequence(work: &mut Work, oid: u32) -> Result<()> {
    work.lock(u64::from(oid), TableLockMode::AccessExclusive).await?;
    work.reload().await?;
    let Some(found) = work.catalog.sequence(oid).cloned() else { return Ok(()) };
    let session = work.context.session.clone();
    session.database.sequences.close(&found, &session).await?;
    depend::remove_comments(work, well_known::PG_CLASS, oid, None).await?;
    work.remove(Object::Sequence((*found).clone())).await?;
    super::sequence::remove_state(work, &found).await
}

async fn remove_constraint(work: &Work, constraint: &ConstraintDef) -> Result<()> {
    depend::remove_comments(work, well_known::PG_CONSTRAINT, constraint.oid, None).await?;
    work.remove(Object::Constraint(constraint.clone())).await
}

/// Drops a constraint with its index; `what` is dropped because of it or for it.
///
/// # Errors
/// 2BP01 when a foreign key or another needs the index and is not to go with it.
pub(super) async fn constraint(work: &mut Work, found: &ConstraintDef, cascade: bool, what: &str) -> Result<()> {
    let index_oid = match &found.kind {
        ConstraintKind::PrimaryKey { index } | ConstraintKind::Unique { index } => *index,
        ConstraintKind::Check { .. } | ConstraintKind::Foreign(_) => {
            remove_constraint(work, found).await?;
            return work.reload().await;
        }
    };
    let table = work.table(found.table)?;
    let index_def = table.index(index_oid).cloned();
    let index_def = index_def.ok_or_else(|| Error::internal("a constraint without its index"))?;
    let dependents = depend::of_relations(work, &[Relation::Index(index_def.clone())], cascade).await?;
    agree(work, Some(what), &dependents, cascade)?;
    remove_dependents(work, dependents).await?;
    let table = work.table(found.table)?;
    remove_constraint(work, found).await?;
    if index_def.primary {
        // The rows get row ids for their keys.
        let mut new = (*table).clone();
        new.indexes.retain(|it| it.oid != index_oid);
        remove_index(work, &index_def).await?;
        rebuild::rekey(work, &table, new, &[]).await?;
        work.reload().await?;
        // Those whose GROUP BY names nothing but the key show columns that depend on it.
        return depend::settle_views(work, found.table, cascade, what).await;
    }
    index(work, &index_def).await?;
    work.reload().await
}

pub(super) async fn schemas(work: &mut Work, schemas: &[Arc<SchemaDef>], cascade: bool) -> Result<String> {
    for schema in schemas {
        work.lock(u64::from(schema.oid), TableLockMode::AccessExclusive).await?;
    }
    work.reload().await?;
    for schema in schemas {
        if work.catalog.schema(schema.oid).is_none() {
            let message = format!("schema \"{}\" does not exist", schema.name);
            return Err(Error::new(SqlState::INVALID_SCHEMA_NAME, message));
        }
        work.check_owner(schema.owner, "schema", &schema.name)?;
        if schema.oid < crate::catalog::FIRST_NORMAL_OID && schema.oid != well_known::PUBLIC {
            let message = format!("cannot drop schema {} because it is required by the database system", schema.name);
            return Err(Error::new(SqlState::DEPENDENT_OBJECTS_STILL_EXIST, message));
        }
    }
    everything(work, schemas, Vec::new(), cascade).await?;
    Ok("DROP SCHEMA".to_owned())
}

/// A session's schema of temporary objects, if there is one with this number, whoever the session acts as.
pub(super) async fn temporary(work: &mut Work, number: u32) -> Result<()> {
    let Some(schema) = work.catalog.schema(number).cloned() else { return Ok(()) };
    work.lock(u64::from(schema.oid), TableLockMode::AccessExclusive).await?;
    work.reload().await?;
    everything(work, &[schema], Vec::new(), true).await
}

/// Schemas with what is in them, and further relations. The caller has locked the schemas and the relations.
pub(super) async fn everything(
    work: &mut Work,
    schemas: &[Arc<SchemaDef>],
    relations: Vec<Relation>,
    cascade: bool,
) -> Result<()> {
    let what = match (schemas, relations.as_slice()) {
        ([schema], []) => Some(format!("schema {}", schema.name)),
        ([], [relation]) => Some(work.describe(relation)),
        _ => None,
    };
    let mut contents = relations;
    let mut sentences = Vec::new();
    let mut whats = Vec::new();
    for schema in schemas {
        let inside: Vec<Relation> =
            work.catalog.relations().filter(|it| work.catalog.schema_of(it) == schema.oid).cloned().collect();
        for relation in inside {
            let is_part = match &relation {
                Relation::Index(_) => true,
                Relation::Sequence(sequence) => sequence.owned_by.is_some(),
                _ => false,
            };
            if !is_part && contents.iter().all(|it| it.oid() != relation.oid()) {
                let what = work.describe(&relation);
                sentences.push(format!("{what} depends on schema {}", schema.name));
                whats.push(what);
                contents.push(relation);
            }
        }
    }
    for relation in &contents {
        work.lock(u64::from(relation.oid()), TableLockMode::AccessExclusive).await?;
    }
    work.reload().await?;
    let contents: Vec<Relation> =
        contents.iter().filter_map(|relation| work.catalog.relation(relation.oid()).cloned()).collect();
    let outside = depend::of_relations(work, &contents, cascade).await?;
    sentences.extend(outside.iter().map(|it| it.sentence.clone()));
    whats.extend(outside.iter().map(|it| it.what.clone()));
    if !sentences.is_empty() && !cascade {
        return Err(match what {
            Some(what) => depend::refused(&what, sentences),
            None => depend::refused_all(sentences),
        });
    }
    depend::tell_cascade(work, &whats);
    remove_dependents(work, outside).await?;
    for found in &contents {
        relation(work, found).await?;
    }
    for schema in schemas {
        depend::remove_comments(work, well_known::PG_NAMESPACE, schema.oid, None).await?;
        work.remove(Object::Schema((**schema).clone())).await?;
    }
    work.reload().await
}

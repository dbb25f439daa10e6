//! Constraints: what a new one is, whether existing rows meet it, and what adding it does to the table.

use std::collections::HashSet;
use std::ops::Bound;
use std::sync::Arc;

use engine::{KeyRange, Rows, TableLockMode, TreeKind};
use types::cast::CastContext;
use types::{Datum, Error, Result, SqlState, SqlType, oid};

use super::name::joined;
use super::newest::NewestScan;
use super::work::Work;
use super::{depend, index, rebuild, rename};
use crate::bound::{ConstraintKind as Wanted, ConstraintSpec, Fit};
use crate::catalog::codec::Object;
use crate::catalog::parameters::{Bearer, kept};
use crate::catalog::{ConstraintDef, ConstraintKind, ForeignKey, IndexColumn, IndexDef, Privileges, TableDef, Timing};
use crate::exec::basic::Place;
use crate::exec::frames::Frames;
use crate::exec::lift::Lift;
use crate::exec::reference::parent_entry;
use crate::exec::table::{key_text, tree};

/// Values of foreign keys known to have a parent, kept while rows are checked.
const KNOWN_PARENTS_MAX: usize = 4096;

/// A constraint about to be stored, with the index that comes with it.
pub(super) struct Defined {
    pub constraint: ConstraintDef,
    pub index: Option<IndexDef>,
}

/// Makes the definitions of a constraint on a table that may be still in the making. The tree of a primary key's index is
/// the table's, that of a unique one is empty.
///
/// # Errors
/// 42710 and 42P07 taken names, 42P16 a second primary key, 42830 a parent without a fitting unique index, 42501 one that
/// the user may not refer to.
pub(super) async fn define(
    work: &mut Work,
    table: &TableDef,
    spec: &ConstraintSpec,
    names: &mut Vec<String>,
) -> Result<Defined> {
    if let Some(name) = &spec.name
        && (table.constraints.iter().any(|other| *other.name == **name))
    {
        let message = format!("constraint \"{name}\" for relation \"{}\" already exists", table.name);
        return Err(Error::new(SqlState::DUPLICATE_OBJECT, message));
    }
    let oid = work.oid().await?;
    let mut made = None;
    let (kind, label, columns): (ConstraintKind, &str, String) = match &spec.kind {
        Wanted::PrimaryKey { columns, options } | Wanted::Unique { columns, options } => {
            let primary = matches!(spec.kind, Wanted::PrimaryKey { .. });
            if primary && !table.key.is_empty() && table.primary_key().is_some() {
                let message = format!("multiple primary keys for table \"{}\" are not allowed", table.name);
                return Err(Error::new(SqlState::INVALID_TABLE_DEFINITION, message));
            }
            work.check_creates_in(table.schema)?;
            let index = IndexDef {
                oid: work.oid().await?,
                name: Arc::from(""),
                schema: table.schema,
                table: table.oid,
                tree: if primary { table.tree } else { work.create_tree(TreeKind::Index).await?.0 },
                valid_from: table.valid_from,
                unique: true,
                primary,
                columns: columns
                    .iter()
                    .map(|column| IndexColumn {
                        column: *column,
                        descending: false,
                        nulls_first: false,
                        operator_class: None,
                    })
                    .collect(),
                options: kept(Bearer::Index, options)?,
                predicate: None,
                constraint: Some(oid),
            };
            let number = index.oid;
            made = Some(index);
            if primary {
                (ConstraintKind::PrimaryKey { index: number }, "pkey", String::new())
            } else {
                (ConstraintKind::Unique { index: number }, "key", joined(table, columns.iter().copied()))
            }
        }
        Wanted::UsingIndex { .. } => return Err(Error::internal("an index that exists is not to be made")),
        Wanted::Check { text, columns } => {
            let column = if columns.len() == 1 { joined(table, columns.iter().copied()) } else { String::new() };
            let expression = Arc::from(text.as_str());
            (ConstraintKind::Check { expression, columns: columns.clone() }, "check", column)
        }
        Wanted::ForeignKey { columns, parent, parent_columns, on_delete, on_update, match_full, timing, .. } => {
            let parent = match parent {
                Some(parent) if parent.oid != table.oid => {
                    work.lock(u64::from(parent.oid), TableLockMode::ShareRowExclusive).await?;
                    work.reload().await?;
                    work.table(parent.oid)?
                }
                _ => Arc::new(table.clone()),
            };
            // A table that is just being made refers to its own primary key by naming no columns.
            let parent_columns = if parent_columns.is_empty() { &parent.key } else { parent_columns };
            if parent_columns.is_empty() {
                let message = format!("there is no primary key for referenced table \"{}\"", parent.name);
                return Err(Error::new(SqlState::UNDEFINED_OBJECT, message));
            }
            let parent_index = parent_index(&parent, parent_columns)?;
            work.check_holds(&parent, Privileges::REFERENCES)?;
            if parent_columns.len() != columns.len() {
                let message = "number of referencing and referenced columns for foreign key disagree";
                return Err(Error::new(SqlState::INVALID_FOREIGN_KEY, message));
            }
            let foreign = ForeignKey {
                columns: columns.clone(),
                parent: parent.oid,
                parent_columns: parent_columns.clone(),
                parent_index,
                on_delete: *on_delete,
                on_update: *on_update,
                match_full: *match_full,
                timing: *timing,
            };
            (ConstraintKind::Foreign(foreign), "fkey", joined(table, columns.iter().copied()))
        }
    };
    let name = match (&spec.name, &made) {
        (Some(name), Some(_)) => {
            work.claim_more(table.schema, name).await?;
            work.check_free(table.schema, name)?;
            if names.contains(name) {
                let message = format!("relation \"{name}\" already exists");
                return Err(Error::new(SqlState::DUPLICATE_TABLE, message));
            }
            name.clone()
        }
        (Some(name), None) => name.clone(),
        (None, Some(_)) => work.choose_relation(table.schema, &table.name, &columns, label, names).await?,
        (None, None) => work.choose_constraint(table.schema, &table.name, &columns, label, names),
    };
    names.push(name.clone());
    let name: Arc<str> = name.into();
    if let Some(index) = &mut made {
        index.name = name.clone();
    }
    if let ConstraintKind::Foreign(foreign) = &kind {
        let other = if foreign.parent == table.oid { None } else { Some(work.table(foreign.parent)?) };
        check_types(work, &name, table, foreign, other.as_deref().unwrap_or(table))?;
    }
    let validated = !spec.not_valid;
    let constraint = ConstraintDef { oid, name, schema: table.schema, table: table.oid, kind, validated };
    Ok(Defined { constraint, index: made })
}

/// The foreign keys over a column hold for its new type and values, too.
///
/// # Errors
/// 42804, 0A000, 23503.
pub(super) async fn recheck_references(work: &Work, table: u32, column: usize, rewritten: bool) -> Result<()> {
    let table = work.table(table)?;
    let concerned = table.constraints.iter().chain(&table.referenced_by).filter(|it| match &it.kind {
        ConstraintKind::Foreign(foreign) => {
            (it.table == table.oid && foreign.columns.contains(&column))
                || (foreign.parent == table.oid && foreign.parent_columns.contains(&column))
        }
        _ => false,
    });
    for constraint in concerned {
        let ConstraintKind::Foreign(foreign) = &constraint.kind else { continue };
        let (child, parent) = (work.table(constraint.table)?, work.table(foreign.parent)?);
        check_types(work, &constraint.name, &child, foreign, &parent)?;
        if rewritten && constraint.validated {
            validate_rows(work, &child, constraint).await?;
        }
    }
    Ok(())
}

/// Whether values of each side of a foreign key can be looked for on the other.
///
/// # Errors
/// 42804; 0A000 where PostgreSQL could.
fn check_types(work: &Work, name: &str, child: &TableDef, foreign: &ForeignKey, parent: &TableDef) -> Result<()> {
    let is_of_days = |ty: SqlType| matches!(ty.oid, oid::DATE | oid::TIMESTAMP | oid::TIMESTAMPTZ);
    for (column, referenced) in foreign.columns.iter().zip(&foreign.parent_columns) {
        let (column, referenced) = (&child.columns[*column], &parent.columns[*referenced]);
        let (from, to) = (column.ty, referenced.ty);
        if Fit::is_between(from, to) {
            continue;
        }
        let converts = work.context.registry().find_coercion(from.oid, to.oid, CastContext::Implicit).is_some();
        if converts || (is_of_days(from) && is_of_days(to)) {
            return Err(Error::unsupported(format!("a foreign key from {from} to {to}")));
        }
        let message = format!("foreign key constraint \"{name}\" cannot be implemented");
        return Err(Error::new(SqlState::DATATYPE_MISMATCH, message).detail(format!(
            "Key columns \"{}\" and \"{}\" are of incompatible types: {from} and {to}.",
            column.name, referenced.name
        )));
    }
    Ok(())
}

/// The unique index over exactly these columns, the primary key first.
fn parent_index(parent: &TableDef, columns: &[usize]) -> Result<u32> {
    let fits = |index: &&Arc<IndexDef>| {
        index.is_key()
            && index.columns.len() == columns.len()
            && index.column_positions().all(|position| columns.contains(&position))
    };
    let found = parent.indexes.iter().filter(fits).max_by_key(|index| (index.primary, u32::MAX - index.oid));
    found.map(|index| index.oid).ok_or_else(|| {
        let message =
            format!("there is no unique constraint matching given keys for referenced table \"{}\"", parent.name);
        Error::new(SqlState::INVALID_FOREIGN_KEY, message)
    })
}

/// ALTER TABLE ADD CONSTRAINT.
pub(super) async fn add(work: &mut Work, table: u32, spec: &ConstraintSpec) -> Result<()> {
    let old = work.table(table)?;
    if let Wanted::UsingIndex { index, primary } = &spec.kind {
        return adopt(work, &old, index.oid, *primary, spec.name.as_deref()).await;
    }
    let Defined { constraint, index } = define(work, &old, spec, &mut Vec::new()).await?;
    match (&constraint.kind, index) {
        (ConstraintKind::PrimaryKey { .. }, Some(index)) => {
            let key: Vec<usize> = index.column_positions().collect();
            let mut new = (*old).clone();
            new.indexes.push(Arc::new(index));
            rebuild::rekey(work, &old, new, &key).await?;
        }
        (_, Some(mut index)) => {
            index.valid_from = work.valid_from().await?;
            let rows = index::build(work, &old, &index).await?;
            work.put(Object::Index(index)).await?;
            index::note_rows(work, &old, rows).await?;
        }
        (_, None) => {
            if constraint.validated {
                validate_rows(work, &old, &constraint).await?;
            }
        }
    }
    work.put(Object::Constraint(constraint)).await?;
    work.reload().await
}

/// ADD CONSTRAINT USING INDEX.
async fn adopt(work: &mut Work, old: &Arc<TableDef>, index: u32, primary: bool, name: Option<&str>) -> Result<()> {
    let found = old.index(index).cloned();
    let found = found.ok_or_else(|| Error::internal("an index of another table"))?;
    if found.constraint.is_some() || !found.unique {
        let why = if found.unique { "is already associated with a constraint" } else { "is not a unique index" };
        let message = format!("index \"{}\" {why}", found.name);
        return Err(Error::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message));
    }
    if primary && old.primary_key().is_some() {
        let message = format!("multiple primary keys for table \"{}\" are not allowed", old.name);
        return Err(Error::new(SqlState::INVALID_TABLE_DEFINITION, message));
    }
    let mut index = (*found).clone();
    if let Some(name) = name
        && *name != *index.name
    {
        work.hold_name_of(old.schema).await?;
        work.claim_more(old.schema, name).await?;
        work.reload().await?;
        work.check_free(old.schema, name)?;
        let message =
            format!("ALTER TABLE / ADD CONSTRAINT USING INDEX will rename index \"{}\" to \"{name}\"", index.name);
        work.notice(SqlState::SUCCESSFUL_COMPLETION, message);
        index.name = Arc::from(name);
    }
    let is_renamed = index.name != found.name;
    let before = work.catalog.clone();
    let oid = work.oid().await?;
    index.constraint = Some(oid);
    index.primary = primary;
    let kind = if primary {
        ConstraintKind::PrimaryKey { index: index.oid }
    } else {
        ConstraintKind::Unique { index: index.oid }
    };
    let (schema, table, name) = (old.schema, old.oid, index.name.clone());
    work.put(Object::Constraint(ConstraintDef { oid, name, schema, table, kind, validated: true })).await?;
    if primary {
        let key: Vec<usize> = index.column_positions().collect();
        let mut new = (**old).clone();
        new.indexes.retain(|other| other.oid != index.oid);
        new.indexes.push(Arc::new(index));
        work.drop_tree(found.tree).await?;
        rebuild::rekey(work, old, new, &key).await?;
    } else {
        work.put(Object::Index(index)).await?;
    }
    work.reload().await?;
    if is_renamed {
        depend::follow_names(work, &before, &[found.oid], rename::RENAMED).await?;
    }
    Ok(())
}

/// VALIDATE CONSTRAINT.
pub(super) async fn validate(work: &mut Work, table: u32, constraint: u32) -> Result<()> {
    let table = work.table(table)?;
    let found = table.constraints.iter().find(|it| it.oid == constraint).cloned();
    let found = found.ok_or_else(|| Error::internal("a constraint of another table"))?;
    if found.validated {
        return Ok(());
    }
    validate_rows(work, &table, &found).await?;
    work.put(Object::Constraint(ConstraintDef { validated: true, ..(*found).clone() })).await?;
    work.reload().await
}

/// ALTER CONSTRAINT.
pub(super) async fn alter(work: &mut Work, table: u32, constraint: u32, timing: Timing) -> Result<()> {
    let table = work.table(table)?;
    let found = table.constraints.iter().find(|it| it.oid == constraint);
    let mut new =
        found.map(|found| (**found).clone()).ok_or_else(|| Error::internal("a constraint of another table"))?;
    if let ConstraintKind::Foreign(foreign) = &mut new.kind {
        foreign.timing = timing;
    }
    work.put(Object::Constraint(new)).await?;
    work.reload().await
}

/// Checks every row against a CHECK or a foreign key.
async fn validate_rows(work: &Work, table: &Arc<TableDef>, constraint: &ConstraintDef) -> Result<()> {
    match &constraint.kind {
        ConstraintKind::Check { expression, .. } => check_rows(work, table, &constraint.name, expression).await,
        ConstraintKind::Foreign(foreign) => check_parents(work, table, &constraint.name, foreign).await,
        // Their index is the proof.
        ConstraintKind::PrimaryKey { .. } | ConstraintKind::Unique { .. } => Ok(()),
    }
}

async fn check_rows(work: &Work, table: &Arc<TableDef>, name: &str, text: &str) -> Result<()> {
    let expr = work.check_of(table, text)?;
    let at = Place::new(&work.fresh_context().await?, &Frames::none());
    let mut scan = NewestScan::open(work, table.tree).await?;
    let mut rows = Rows::new();
    let mut values = Vec::new();
    while scan.next(work, &mut rows).await? > 0 {
        for (_, row) in rows.iter() {
            values.clear();
            table.shape.layout.decode_into(row, &mut values)?;
            if matches!(at.evaluate(&expr, &values).await?, Datum::Bool(false)) {
                return Err(index::check_failed(table, name));
            }
        }
    }
    Ok(())
}

async fn check_parents(work: &Work, table: &Arc<TableDef>, name: &str, foreign: &ForeignKey) -> Result<()> {
    let parent = if foreign.parent == table.oid { table.clone() } else { work.table(foreign.parent)? };
    let unique = parent.index(foreign.parent_index);
    let unique = unique.ok_or_else(|| Error::internal("a foreign key without its parent's index"))?.clone();
    let mut known: HashSet<Vec<u8>> = HashSet::new();
    let mut scan = NewestScan::open(work, table.tree).await?;
    let mut rows = Rows::new();
    while scan.next(work, &mut rows).await? > 0 {
        for (_, stored) in rows.iter() {
            let view = table.shape.layout.view(stored)?;
            let mut values = Vec::with_capacity(foreign.columns.len());
            for position in &foreign.columns {
                values.push(view.get(*position)?);
            }
            let nulls = values.iter().filter(|value| value.is_null()).count();
            if nulls == values.len() || (nulls > 0 && !foreign.match_full) {
                continue;
            }
            let violation = |detail: String| {
                let message =
                    format!("insert or update on table \"{}\" violates foreign key constraint \"{name}\"", table.name);
                Error::new(SqlState::FOREIGN_KEY_VIOLATION, message)
                    .schema(&*table.schema_name)
                    .table(&*table.name)
                    .constraint(name)
                    .detail(detail)
            };
            if nulls > 0 {
                return Err(violation("MATCH FULL does not allow mixing of null and nonnull key values.".into()));
            }
            let key = parent_entry(&parent, foreign, &values)?;
            let found = match key {
                Some(key) if known.contains(&key) => true,
                Some(key) => {
                    let range = KeyRange { lower: Bound::Included(key.clone()), upper: Bound::Included(key.clone()) };
                    let mut txn = work.txn().await?;
                    let view = work.engine().statement(&mut txn);
                    let found = work.engine().probe(&mut txn, &view, tree(unique.tree), range).await.lift()?;
                    if known.len() >= KNOWN_PARENTS_MAX {
                        known.clear();
                    }
                    found.is_some() && known.insert(key)
                }
                None => false,
            };
            if !found {
                let mut row = Vec::new();
                table.shape.layout.decode_into(stored, &mut row)?;
                let values = foreign.columns.iter().map(|position| &row[*position]);
                let key = key_text(table, &foreign.columns, values, &work.context.settings)?;
                return Err(violation(format!("Key {key} is not present in table \"{}\".", parent.name)));
            }
        }
    }
    Ok(())
}

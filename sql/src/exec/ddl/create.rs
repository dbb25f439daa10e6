//! CREATE TABLE, CREATE TABLE AS, CREATE VIEW, CREATE SCHEMA.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use engine::{TableLockMode, TreeKind};
use types::{Error, Result, SqlState, SqlType, oid};

use super::name::joined;
use super::sort::Sorter;
use super::work::Work;
use super::{column, constraint, index};
use crate::bound::{ConstraintKind, ConstraintSpec, CreateTable, CreateTableAs, CreateView, Plan, WithPart};
use crate::catalog::codec::Object;
use crate::catalog::parameters::{Bearer, kept};
use crate::catalog::{
    CatalogSnapshot, ColumnDef, FIRST_NORMAL_OID, Privileges, Relation, SchemaDef, TableDef, TableShape, ViewDef,
};
use crate::exec::changes;
use crate::exec::lift::lift;
use crate::exec::query::RowSource;
use crate::exec::source::BATCH_ROWS_MAX;
use crate::functions::Secured;

async fn new_table(work: &Work, schema: &SchemaDef, name: &str) -> Result<TableDef> {
    let oid = work.oid().await?;
    if let Some(on_commit) = work.on_commit {
        work.context.session.note_on_commit(oid, on_commit);
    }
    Ok(TableDef {
        oid,
        name: Arc::from(name),
        schema: schema.oid,
        schema_name: schema.name.clone(),
        owner: work.role()?.oid,
        acl: None,
        row_type: work.oid().await?,
        tree: work.create_tree(TreeKind::Clustered).await?.0,
        valid_from: work.valid_from().await?,
        schema_version: 0,
        columns: Vec::new(),
        key: Vec::new(),
        indexes: Vec::new(),
        constraints: Vec::new(),
        referenced_by: Vec::new(),
        options: Vec::new(),
        unlogged: false,
        estimated_rows: -1.0,
        shape: Arc::new(TableShape::default()),
    })
}

/// The order in which constraints are made: foreign keys may need the indexes of the others.
fn rank(spec: &ConstraintSpec) -> u8 {
    match spec.kind {
        ConstraintKind::Check { .. } => 0,
        ConstraintKind::PrimaryKey { .. } => 1,
        ConstraintKind::Unique { .. } | ConstraintKind::UsingIndex { .. } => 2,
        ConstraintKind::ForeignKey { .. } => 3,
    }
}

pub(super) async fn table(work: &mut Work, spec: &CreateTable) -> Result<String> {
    let tag = "CREATE TABLE".to_owned();
    work.claim(&spec.schema, &spec.name).await?;
    if !work.is_free_or(&spec.schema, &spec.name, spec.if_not_exists)? {
        return Ok(tag);
    }
    if spec.columns.len() > column::COLUMNS_MAX {
        let message = format!("tables can have at most {} columns", column::COLUMNS_MAX);
        return Err(Error::new(SqlState::TOO_MANY_COLUMNS, message));
    }
    let mut table = new_table(work, &spec.schema, &spec.name).await?;
    table.unlogged = spec.unlogged;
    table.options = kept(Bearer::Table, &spec.options)?;
    let mut names = vec![spec.name.clone()];
    for (position, wanted) in spec.columns.iter().enumerate() {
        let (column, sequence) = column::define(work, &table, position, wanted, &mut names).await?;
        table.columns.push(column);
        if let Some(sequence) = sequence {
            work.put(Object::Sequence(sequence)).await?;
        }
    }
    let mut wanted: Vec<&ConstraintSpec> = spec.constraints.iter().collect();
    wanted.sort_by_key(|spec| rank(spec));
    for spec in wanted {
        let constraint::Defined { constraint, index } = constraint::define(work, &table, spec, &mut names).await?;
        if let Some(index) = index {
            if index.primary {
                table.key = index.column_positions().collect();
                for position in &table.key {
                    table.columns[*position].not_null = true;
                }
            }
            work.put(Object::Index(index.clone())).await?;
            table.indexes.push(Arc::new(index));
        }
        // A table without rows meets every constraint.
        let constraint = crate::catalog::ConstraintDef { validated: true, ..constraint };
        work.put(Object::Constraint(constraint.clone())).await?;
        table.constraints.push(Arc::new(constraint));
    }
    for wanted in &spec.indexes {
        let positions = joined(&table, wanted.columns.iter().map(|column| column.column));
        let name = work.choose_relation(table.schema, &table.name, &positions, "idx", &names).await?;
        let index = index::define(work, &table, &name, wanted).await?;
        names.push(name);
        work.put(Object::Index(index.clone())).await?;
        table.indexes.push(Arc::new(index));
    }
    table.reshape();
    work.put_table(table).await?;
    Ok(tag)
}

/// Refuses columns that cannot be stored. Rows can: those of a table have no other type here.
fn check_types<'a>(mut columns: impl Iterator<Item = (&'a str, SqlType)>) -> Result<()> {
    match columns.find(|(_, ty)| ty.is_pseudo() && !matches!(ty.oid, oid::RECORD | oid::RECORD_ARRAY)) {
        Some((name, ty)) => {
            let message = format!("column \"{name}\" has pseudo-type {ty}");
            Err(Error::new(SqlState::INVALID_TABLE_DEFINITION, message))
        }
        None => Ok(()),
    }
}

pub(super) async fn table_as(work: &mut Work, spec: &CreateTableAs, with: &[WithPart]) -> Result<String> {
    let CreateTableAs { schema, name, columns, .. } = spec;
    work.claim(schema, name).await?;
    if !work.is_free_or(schema, name, spec.if_not_exists)? {
        return Ok("CREATE TABLE AS".to_owned());
    }
    if columns.len() > column::COLUMNS_MAX {
        let message = format!("tables can have at most {} columns", column::COLUMNS_MAX);
        return Err(Error::new(SqlState::TOO_MANY_COLUMNS, message));
    }
    let mut table = new_table(work, schema, name).await?;
    table.unlogged = spec.unlogged;
    table.options = kept(Bearer::Table, &spec.options)?;
    for column in columns {
        if table.column_named(&column.name).is_some() {
            let message = format!("column \"{}\" specified more than once", column.name);
            return Err(Error::new(SqlState::DUPLICATE_COLUMN, message));
        }
        table.columns.push(ColumnDef {
            name: column.name.clone(),
            ty: column.ty,
            not_null: false,
            default: None,
            identity: None,
            generated: None,
            sequence: None,
            dropped: false,
            added_in: 0,
            missing: types::Datum::Null,
        });
    }
    check_types(columns.iter().map(|column| (&*column.name, column.ty)))?;
    table.reshape();
    let Some(plan) = &spec.plan else {
        work.put_table(table).await?;
        return Ok("CREATE TABLE AS".to_owned());
    };
    let rows = fill(work, &table, plan, with).await?;
    table.estimated_rows = rows as f64;
    work.put_table(table).await?;
    Ok(format!("SELECT {rows}"))
}

async fn fill(work: &Work, table: &TableDef, plan: &Plan, with: &[WithPart]) -> Result<u64> {
    let context = &work.context;
    let ids = context.session.database.row_ids.counter(context.engine(), table.tree).await?;
    // Held for as long as the plan reads what they yield.
    let mut end = changes::run(with, context).await?;
    end.judge().await?;
    let mut source = RowSource::open(plan, context)?;
    let mut sorter = Sorter::new(table.tree);
    let mut bytes = Vec::new();
    let mut count = 0;
    loop {
        let batch = source.next(BATCH_ROWS_MAX).await?;
        context.check()?;
        let mut full = batch.is_empty();
        for row in &batch {
            bytes.clear();
            table.shape.layout.encode(row, &mut bytes)?;
            let id = ids.fetch_add(1, Ordering::Relaxed);
            full |= sorter.push(&id.to_be_bytes(), &bytes);
            count += 1;
        }
        if full {
            let mut txn = work.txn().await?;
            let view = work.engine().statement(&mut txn);
            if sorter.flush(work.engine(), &mut txn, &view).await?.is_some() {
                return Err(Error::internal("a row id was given out twice"));
            }
        }
        if batch.is_empty() {
            return Ok(count);
        }
    }
}

/// The columns that a star over a relation stands for.
fn shown_columns(catalog: &CatalogSnapshot, relation: u32) -> Vec<(Arc<str>, SqlType)> {
    match catalog.relation(relation) {
        Some(Relation::Table(table)) => {
            table.live_columns().map(|(_, column)| (column.name.clone(), column.ty)).collect()
        }
        Some(Relation::View(view)) => view.columns.clone(),
        _ => Vec::new(),
    }
}

/// `None`: a relation that the view reads is not any more what the statement was bound to.
pub(super) async fn view(work: &mut Work, new: &CreateView) -> Result<Option<String>> {
    let (schema, name) = (&new.schema, new.name.as_str());
    check_types(new.columns.iter().map(|(name, ty)| (&**name, *ty)))?;
    work.claim(schema, name).await?;
    let mut view = ViewDef {
        oid: 0,
        name: Arc::from(name),
        schema: schema.oid,
        schema_name: schema.name.clone(),
        owner: work.role()?.oid,
        acl: None,
        row_type: 0,
        query: Arc::from(new.query.as_str()),
        search_path: new.search_path.clone(),
        columns: new.columns.clone(),
        defaults: Vec::new(),
        options: new.options.iter().map(|option| Arc::from(option.as_str())).collect(),
    };
    // What it reads stays as it is until others know of the view.
    let was_sound = work.was_sound(&view);
    let reads = work.reads_of(&view, &work.context.catalog);
    for &relation in &reads {
        if relation >= FIRST_NORMAL_OID {
            work.lock(u64::from(relation), TableLockMode::AccessShare).await?;
        }
    }
    work.reload().await?;
    let is_sound = work.is_sound(&view);
    if was_sound && !is_sound && work.sees_the_past() {
        return Err(lift(engine::Error::Serialization));
    }
    // A star stands for the columns that there are by now.
    let has_changed = |oid: &u32| shown_columns(&work.context.catalog, *oid) != shown_columns(&work.catalog, *oid);
    if was_sound && (!is_sound || !work.sees_the_past() && reads.iter().any(has_changed)) {
        return Ok(None);
    }
    match work.catalog.relation_in(schema.oid, name) {
        Some(Relation::View(old)) if new.replace => {
            work.check_owner(old.owner, "view", name)?;
            let oid = old.oid;
            work.lock(u64::from(oid), TableLockMode::AccessExclusive).await?;
            work.reload().await?;
            let old = work.view_named(oid, name)?;
            work.check_owner(old.owner, "view", name)?;
            check_replacement(&old.columns, &new.columns)?;
            (view.oid, view.row_type) = (old.oid, old.row_type);
            (view.owner, view.acl) = (old.owner, old.acl.clone());
            view.defaults.clone_from(&old.defaults);
            if work.reads_of(&view, &work.catalog).contains(&view.oid) {
                let message = format!("infinite recursion detected in rules for relation \"{name}\"");
                return Err(Error::new(SqlState::INVALID_OBJECT_DEFINITION, message));
            }
        }
        Some(_) if new.replace => {
            return Err(Error::new(SqlState::WRONG_OBJECT_TYPE, format!("\"{name}\" is not a view")));
        }
        _ => {
            work.check_free(schema.oid, name)?;
            view.oid = work.oid().await?;
            view.row_type = work.oid().await?;
        }
    }
    work.put(Object::View(view)).await?;
    Ok(Some("CREATE VIEW".to_owned()))
}

/// A view that is replaced may get more columns and nothing else.
fn check_replacement(old: &[(Arc<str>, SqlType)], new: &[(Arc<str>, SqlType)]) -> Result<()> {
    let refused = |message: String| Err(Error::new(SqlState::INVALID_TABLE_DEFINITION, message));
    if new.len() < old.len() {
        return refused("cannot drop columns from view".into());
    }
    for ((old_name, old_type), (new_name, new_type)) in old.iter().zip(new) {
        if old_name != new_name {
            let message = format!("cannot change name of view column \"{old_name}\" to \"{new_name}\"");
            return Err(Error::new(SqlState::INVALID_TABLE_DEFINITION, message)
                .hint("Use ALTER VIEW ... RENAME COLUMN ... to change name of view column instead."));
        }
        if old_type != new_type {
            return refused(format!(
                "cannot change data type of view column \"{old_name}\" from {} to {}",
                old_type.name(),
                new_type.name()
            ));
        }
    }
    Ok(())
}

pub(super) async fn schema(
    work: &mut Work,
    name: Option<&str>,
    if_not_exists: bool,
    owner: Option<&str>,
) -> Result<String> {
    let tag = "CREATE SCHEMA".to_owned();
    let owner = work.role_or_user(owner)?;
    let owned = work.catalog.role(owner).map(|role| role.name.clone());
    let name = name.or(owned.as_deref()).unwrap_or_default();
    work.claim_more(0, name).await?;
    work.hold_role(owner).await?;
    if name.starts_with("pg_") {
        return Err(Error::new(SqlState::RESERVED_NAME, format!("unacceptable schema name \"{name}\""))
            .detail("The prefix \"pg_\" is reserved for system schemas."));
    }
    check_database(work)?;
    if work.catalog.schema_named(name).is_some() {
        let message = format!("schema \"{name}\" already exists");
        if !if_not_exists {
            return Err(Error::new(SqlState::DUPLICATE_SCHEMA, message));
        }
        work.notice(SqlState::DUPLICATE_SCHEMA, format!("{message}, skipping"));
        return Ok(tag);
    }
    work.check_may_become(owner)?;
    let oid = work.oid().await?;
    work.put(Object::Schema(SchemaDef { oid, name: Arc::from(name), owner, acl: None })).await?;
    Ok(tag)
}

/// # Errors
/// 42501 to those who may not create schemas in this database.
pub(super) fn check_database(work: &Work) -> Result<()> {
    let Some(database) = work.catalog.database(work.catalog.database) else { return Ok(()) };
    if work.holds(Secured::database(database), Privileges::CREATE)? {
        return Ok(());
    }
    let message = format!("permission denied for database {}", database.name);
    Err(Error::new(SqlState::INSUFFICIENT_PRIVILEGE, message))
}

//! Columns: what a new one is, and what ALTER COLUMN does to an old one.

use std::sync::Arc;

use engine::Rows;
use types::{Datum, Error, Result, SqlState, SqlType, oid};

use super::newest::NewestScan;
use super::rebuild::{self, Change};
use super::text::{is_steady, rename_column};
use super::work::Work;
use super::{constraint, depend, drop, sequence};
use crate::bind::{BindContext, predicate_anew};
use crate::bound::{AlterColumn, ColumnSpec, Expr, SequenceOptions};
use crate::catalog::codec::Object;
use crate::catalog::describe::{OTHER_OPERATOR_CLASSES, class_accepts, class_refused, quote_identifier};
use crate::catalog::{
    ColumnDef, ConstraintDef, ConstraintKind, IndexDef, Predicate, SequenceDef, SequenceOwner, TableDef,
};
use crate::exec::basic::Place;
use crate::exec::frames::Frames;

/// As in PostgreSQL.
pub(super) const COLUMNS_MAX: usize = 1600;

/// The definition of a new column at `position` of a table, and the sequence behind it.
pub(super) async fn define(
    work: &Work,
    table: &TableDef,
    position: usize,
    spec: &ColumnSpec,
    names: &mut Vec<String>,
) -> Result<(ColumnDef, Option<SequenceDef>)> {
    let mut def = spec.to_def();
    def.default = spec.default.as_deref().map(Arc::from);
    if let Some(text) = &spec.generated {
        def.default = Some(Arc::from(text.as_str()));
    }
    let options = match &spec.identity {
        Some((identity, options)) => {
            def.identity = Some(*identity);
            Some(options.clone())
        }
        None if spec.serial => Some(SequenceOptions::default()),
        None => None,
    };
    let Some(options) = options else { return Ok((def, None)) };
    let mut made = own_sequence(work, table, &def, position, options, names).await?;
    def.not_null = true;
    def.sequence = Some(made.oid);
    if spec.serial {
        // The text has the schema's name, which others would look for in vain before they know of the column.
        work.hold_name_of(table.schema).await?;
        if let Some(schema) = work.load().await?.schema(table.schema) {
            made.schema_name = schema.name.clone();
        }
        def.default = Some(next_value_text(&made));
    }
    Ok((def, Some(made)))
}

/// The default of a serial column.
pub(super) fn next_value_text(sequence: &SequenceDef) -> Arc<str> {
    let name = format!("{}.{}", quote_identifier(&sequence.schema_name), quote_identifier(&sequence.name));
    Arc::from(format!("nextval('{}'::regclass)", name.replace('\'', "''")))
}

async fn own_sequence(
    work: &Work,
    table: &TableDef,
    column: &ColumnDef,
    position: usize,
    mut options: SequenceOptions,
    names: &mut Vec<String>,
) -> Result<SequenceDef> {
    work.check_creates_in(table.schema)?;
    let name = match options.name.take() {
        Some(name) => {
            work.claim_more(table.schema, &name).await?;
            work.check_free(table.schema, &name)?;
            name
        }
        None => work.choose_relation(table.schema, &table.name, &column.name, "seq", names).await?,
    };
    names.push(name.clone());
    options.data_type = options.data_type.or(Some(SqlType::of(column.ty.oid)));
    let mut made = sequence::define(&options, None)?;
    made.oid = work.oid().await?;
    made.name = Arc::from(name);
    made.schema = table.schema;
    made.schema_name = table.schema_name.clone();
    made.owner = table.owner;
    made.owned_by = Some(SequenceOwner { table: table.oid, column: position, identity: column.identity.is_some() });
    Ok(made)
}

pub(super) async fn add(work: &mut Work, old: &TableDef, spec: &ColumnSpec, if_not_exists: bool) -> Result<()> {
    if old.column_named(&spec.name).is_some() {
        let message = format!("column \"{}\" of relation \"{}\" already exists", spec.name, old.name);
        if if_not_exists {
            work.notice(SqlState::DUPLICATE_COLUMN, format!("{message}, skipping"));
            return Ok(());
        }
        return Err(Error::new(SqlState::DUPLICATE_COLUMN, message));
    }
    if old.columns.len() >= COLUMNS_MAX {
        let message = format!("tables can have at most {COLUMNS_MAX} columns");
        return Err(Error::new(SqlState::TOO_MANY_COLUMNS, message));
    }
    let position = old.columns.len();
    let (def, sequence) = define(work, old, position, spec, &mut Vec::new()).await?;
    let is_generated = def.generated.is_some();
    let mut new = old.clone();
    new.schema_version = next_version(old)?;
    new.columns.push(ColumnDef { added_in: new.schema_version, ..def });
    new.reshape();
    if let Some(sequence) = sequence {
        work.put(Object::Sequence(sequence)).await?;
        work.reload().await?;
    }
    let default = if is_generated { None } else { work.default_of(&new, position)? };
    match &default {
        Some(default) if is_steady(default) => {
            let at = Place::new(&work.fresh_context().await?, &Frames::none());
            new.columns[position].missing = at.evaluate(default, &[]).await?;
            new.reshape();
        }
        None if !is_generated => {}
        // Every row gets a value of its own.
        _ => {
            let shared = Arc::new(new.clone());
            let generated = if is_generated { work.generated_of(&shared)? } else { Vec::new() };
            let set = default.map(|default| (position, default)).into_iter().collect();
            let change = Change { set, generated, checks: Vec::new() };
            rebuild::table(work, old, new, &change).await?;
            return work.reload().await;
        }
    }
    if new.columns[position].not_null && new.columns[position].missing.is_null() && !is_empty(work, old).await? {
        return Err(contains_nulls(old, &spec.name));
    }
    work.put_table(new).await?;
    work.reload().await
}

fn next_version(table: &TableDef) -> Result<u16> {
    table.schema_version.checked_add(1).ok_or_else(|| {
        Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, format!("table \"{}\" was altered too often", table.name))
            .hint("Copy it into a new table.")
    })
}

async fn is_empty(work: &Work, table: &TableDef) -> Result<bool> {
    Ok(NewestScan::open(work, table.tree).await?.next(work, &mut Rows::new()).await? == 0)
}

fn contains_nulls(table: &TableDef, column: &str) -> Error {
    let message = format!("column \"{column}\" of relation \"{}\" contains null values", table.name);
    Error::new(SqlState::NOT_NULL_VIOLATION, message).schema(&*table.schema_name).table(&*table.name).column(column)
}

/// # Errors
/// 23502 when a row has a null in one of these columns.
pub(super) async fn check_not_null(work: &Work, table: &TableDef, positions: &[usize]) -> Result<()> {
    let wanted: Vec<usize> = positions.iter().copied().filter(|at| !table.columns[*at].not_null).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let mut scan = NewestScan::open(work, table.tree).await?;
    let mut rows = Rows::new();
    while scan.next(work, &mut rows).await? > 0 {
        for (_, row) in rows.iter() {
            let view = table.shape.layout.view(row)?;
            for position in &wanted {
                if view.is_null(*position) {
                    return Err(contains_nulls(table, &table.columns[*position].name));
                }
            }
        }
    }
    Ok(())
}

pub(super) async fn alter(work: &mut Work, old: &TableDef, position: usize, action: &AlterColumn) -> Result<()> {
    let mut new = old.clone();
    let column = &mut new.columns[position];
    match action {
        AlterColumn::SetDefault(text) => {
            if column.identity.is_some() || column.generated.is_some() {
                let what = if column.identity.is_some() { "an identity column" } else { "a generated column" };
                let message = format!("column \"{}\" of relation \"{}\" is {what}", column.name, old.name);
                return Err(Error::new(SqlState::SYNTAX_ERROR, message));
            }
            column.default = Some(Arc::from(text.as_str()));
        }
        AlterColumn::DropDefault => {
            if column.generated.is_some() {
                let message = format!("column \"{}\" of relation \"{}\" is a generated column", column.name, old.name);
                return Err(Error::new(SqlState::SYNTAX_ERROR, message));
            }
            column.default = None;
        }
        AlterColumn::SetNotNull => {
            check_not_null(work, old, &[position]).await?;
            column.not_null = true;
        }
        AlterColumn::DropNotNull => {
            if old.key.contains(&position) {
                let message = format!("column \"{}\" is in a primary key", column.name);
                return Err(Error::new(SqlState::INVALID_TABLE_DEFINITION, message));
            }
            if column.identity.is_some() {
                let message = format!("column \"{}\" of relation \"{}\" is an identity column", column.name, old.name);
                return Err(Error::new(SqlState::SYNTAX_ERROR, message));
            }
            column.not_null = false;
        }
        AlterColumn::SetType { ty, using } => return set_types(work, old, &[(position, *ty, using)]).await,
        AlterColumn::AddIdentity(identity, options) => {
            let name = &column.name;
            if !column.not_null {
                let message = format!(
                    "column \"{name}\" of relation \"{}\" must be declared NOT NULL before identity can be added",
                    old.name
                );
                return Err(Error::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message));
            }
            if column.identity.is_some() || column.default.is_some() {
                let what = if column.identity.is_some() {
                    "is already an identity column"
                } else {
                    "already has a default value"
                };
                let message = format!("column \"{name}\" of relation \"{}\" {what}", old.name);
                return Err(Error::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message));
            }
            column.identity = Some(*identity);
            let def = column.clone();
            let made = own_sequence(work, old, &def, position, options.clone(), &mut Vec::new()).await?;
            new.columns[position].sequence = Some(made.oid);
            work.put(Object::Sequence(made)).await?;
        }
        AlterColumn::SetIdentity(identity, options) => {
            let sequence = identity_sequence(column, &old.name)?;
            column.identity = Some(*identity);
            let sequence = work.sequence(sequence)?;
            sequence::change(work, &sequence, options).await?;
        }
        AlterColumn::DropIdentity { if_exists } => {
            if column.identity.is_none() && *if_exists {
                let message = format!(
                    "column \"{}\" of relation \"{}\" is not an identity column, skipping",
                    column.name, old.name
                );
                work.notice(SqlState::SUCCESSFUL_COMPLETION, message);
                return Ok(());
            }
            let sequence = identity_sequence(column, &old.name)?;
            (column.identity, column.sequence) = (None, None);
            let sequence = work.relation(sequence)?;
            let what = work.describe(&sequence);
            drop::parts(work, &[sequence], false, &what).await?;
        }
        AlterColumn::Ignored => return Ok(()),
    }
    work.put_table(new).await?;
    work.reload().await
}

fn identity_sequence(column: &ColumnDef, table: &str) -> Result<u32> {
    column.sequence.filter(|_| column.identity.is_some()).ok_or_else(|| {
        let message = format!("column \"{}\" of relation \"{table}\" is not an identity column", column.name);
        Error::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message)
    })
}

/// Whether the stored form of every value stays as it is.
fn keeps_bytes(from: SqlType, to: SqlType, using: &Expr, position: usize) -> bool {
    let is_column = match using {
        Expr::Column { index, .. } => *index == position,
        Expr::Cast(cast) => matches!(cast.arg, Expr::Column { index, .. } if index == position),
        _ => false,
    };
    let text = |ty: SqlType| matches!(ty.oid, oid::TEXT | oid::VARCHAR);
    let widens = to.typmod == -1 || (from.typmod != -1 && from.typmod <= to.typmod);
    is_column && (from == to || (text(from) && text(to) && widens))
}

/// Refuses types that the operator classes named by the indexes do not take.
fn check_operator_classes(table: &TableDef) -> Result<()> {
    for column in table.indexes.iter().flat_map(|index| &index.columns) {
        let ty = table.columns[column.column].ty;
        let class = OTHER_OPERATOR_CLASSES.iter().find(|it| Some(it.0) == column.operator_class);
        if let Some((_, name, of)) = class
            && !class_accepts(*of, ty)
        {
            return Err(class_refused(name, ty));
        }
    }
    Ok(())
}

/// The conditions of partial indexes that name columns which now have other types, with the places of these indexes.
fn new_predicates(
    work: &Work,
    table: &TableDef,
    changes: &[(usize, SqlType, &Expr)],
) -> Result<Vec<(usize, Predicate)>> {
    let (catalog, registry, settings) = (&work.catalog, work.context.registry(), &work.context.settings);
    let context = BindContext { catalog, registry, settings, unseen: &[] };
    let partial = table.indexes.iter().enumerate().filter_map(|(at, index)| Some((at, index.predicate.as_ref()?)));
    let named = partial.filter(|(_, it)| changes.iter().any(|(position, ..)| it.columns.contains(position)));
    named.map(|(at, predicate)| Ok((at, predicate_anew(predicate, table, context)?))).collect()
}

/// Gives columns other types. Their values are computed from the row as it is before any of them changes.
pub(super) async fn set_types(work: &mut Work, old: &TableDef, changes: &[(usize, SqlType, &Expr)]) -> Result<()> {
    let mut new = old.clone();
    let mut rewritten = Vec::with_capacity(changes.len());
    for (at, &(position, ty, using)) in changes.iter().enumerate() {
        if changes[..at].iter().any(|(other, ..)| *other == position) {
            let message = format!("cannot alter type of column \"{}\" twice", old.columns[position].name);
            return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message));
        }
        new.columns[position].ty = ty;
        rewritten.push(!keeps_bytes(old.columns[position].ty, ty, using, position));
    }
    check_operator_classes(&new)?;
    let partial = new_predicates(work, &new, changes)?;
    for (at, predicate) in partial {
        let index = Arc::make_mut(&mut new.indexes[at]);
        index.predicate = Some(predicate);
        work.put(Object::Index(index.clone())).await?;
    }
    if rewritten.contains(&true) {
        new.schema_version = next_version(old)?;
        let mut set = Vec::with_capacity(changes.len());
        for &(position, _, using) in changes {
            // No row of an older version is left.
            new.columns[position].missing = Datum::Null;
            set.push((position, using.clone()));
        }
        new.reshape();
        let shared = Arc::new(new.clone());
        let generated = work.generated_of(&shared)?;
        let checks = work.checks_of(&shared)?;
        rebuild::table(work, old, new, &Change { set, generated, checks }).await?;
    } else {
        new.reshape();
        work.put_table(new).await?;
    }
    work.reload().await?;
    for (&(position, ty, _), rewritten) in changes.iter().zip(rewritten) {
        constraint::recheck_references(work, old.oid, position, rewritten).await?;
        if let Some(sequence) = old.columns[position].sequence
            && matches!(ty.oid, oid::INT2 | oid::INT4 | oid::INT8)
            && old.columns[position].identity.is_some()
        {
            let sequence = work.sequence(sequence)?;
            let options = SequenceOptions { data_type: Some(SqlType::of(ty.oid)), ..SequenceOptions::default() };
            sequence::change(work, &sequence, &options).await?;
        }
    }
    depend::check_views(work, old.oid, "cannot alter type of a column used by a view or rule")
}

pub(super) async fn rename(work: &mut Work, old: &TableDef, position: usize, name: &str) -> Result<()> {
    if old.column_named(name).is_some() {
        let message = format!("column \"{name}\" of relation \"{}\" already exists", old.name);
        return Err(Error::new(SqlState::DUPLICATE_COLUMN, message));
    }
    let mut new = old.clone();
    let from = old.columns[position].name.clone();
    new.columns[position].name = Arc::from(name);
    for column in &mut new.columns {
        if column.generated.is_some() {
            column.default = column.default.as_deref().map(|text| Arc::from(rename_column(text, &from, name)));
        }
    }
    for constraint in &old.constraints {
        if let ConstraintKind::Check { expression, columns } = &constraint.kind
            && columns.contains(&position)
        {
            let expression = Arc::from(rename_column(expression, &from, name));
            let kind = ConstraintKind::Check { expression, columns: columns.clone() };
            work.put(Object::Constraint(ConstraintDef { kind, ..(**constraint).clone() })).await?;
        }
    }
    for index in &old.indexes {
        if let Some(predicate) = &index.predicate
            && predicate.columns.contains(&position)
        {
            let text = Arc::from(rename_column(&predicate.text, &from, name));
            let predicate = Some(Predicate::new(text, predicate.columns.clone()));
            work.put(Object::Index(IndexDef { predicate, ..(**index).clone() })).await?;
        }
    }
    let before = work.catalog.clone();
    work.put_table(new).await?;
    work.reload().await?;
    depend::rename_in_views(work, &before, (old.oid, position as i16 + 1), (&*from, name)).await
}

/// A dropped column keeps its place; indexes and constraints over it go.
pub(super) async fn drop_column(work: &mut Work, old: &TableDef, position: usize, cascade: bool) -> Result<()> {
    let name = old.columns[position].name.clone();
    let on = work.describe_oid(old.oid);
    let what = format!("column {name} of {on}");
    let generated = work.generated_of(&Arc::new(old.clone()))?;
    for assignment in &generated {
        let mut reads = false;
        crate::bound::walk::columns_of(&assignment.value, &mut |column| reads |= column == position);
        if reads && assignment.column != position {
            let other = format!("column {} of {on}", old.columns[assignment.column].name);
            if !cascade {
                return Err(depend::refused(&what, vec![format!("{other} depends on {what}")]));
            }
            work.notice(SqlState::SUCCESSFUL_COMPLETION, format!("drop cascades to {other}"));
            Box::pin(drop_column(work, &*work.table(old.oid)?, assignment.column, cascade)).await?;
        }
    }
    for constraint in &old.constraints {
        let covers = match &constraint.kind {
            ConstraintKind::Check { columns, .. } => columns.contains(&position),
            ConstraintKind::PrimaryKey { index } | ConstraintKind::Unique { index } => {
                old.index(*index).is_some_and(|index| index.covers(position))
            }
            ConstraintKind::Foreign(foreign) => foreign.columns.contains(&position),
        };
        if covers && work.catalog.constraint(constraint.oid).is_some() {
            drop::constraint(work, constraint, cascade, &what).await?;
        }
    }
    let mut new = (*work.table(old.oid)?).clone();
    let column = &mut new.columns[position];
    column.dropped = true;
    column.not_null = false;
    (column.default, column.identity, column.generated, column.sequence) = (None, None, None, None);
    column.missing = Datum::Null;
    column.name = Arc::from(format!("........pg.dropped.{}........", position + 1));
    new.reshape();
    work.put_table(new).await?;
    depend::remove_comments(work, crate::catalog::well_known::PG_CLASS, old.oid, Some(position as i32 + 1)).await?;
    work.reload().await?;
    let parts = depend::parts_of_column(work, old.oid, position);
    drop::parts(work, &parts, cascade, &what).await?;
    depend::settle_views(work, old.oid, cascade, &what).await
}

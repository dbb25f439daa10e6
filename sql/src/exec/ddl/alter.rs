//! ALTER TABLE: its actions, one after the other, each over the table as the ones before it left it. Only changes of types
//! are one action, which is made where the first of them stands.

use std::sync::Arc;

use engine::TableLockMode;
use types::{Error, Result, SqlState};

use super::work::Work;
use super::{column, constraint, depend, drop, rename};
use crate::bound::{AlterColumn, AlterTable, ConstraintKind};
use crate::catalog::codec::Object;
use crate::catalog::parameters::{self, Bearer};
use crate::catalog::{ConstraintDef, ConstraintKind as Kind, IndexDef, TableDef};

/// The table lock that these actions need.
pub(super) fn lock_mode(actions: &[AlterTable]) -> TableLockMode {
    let of = |action: &AlterTable| match action {
        AlterTable::ValidateConstraint { .. } | AlterTable::SetOptions(_) | AlterTable::ResetOptions(_) => {
            TableLockMode::ShareUpdateExclusive
        }
        AlterTable::AddConstraint(spec) if matches!(spec.kind, ConstraintKind::ForeignKey { .. }) => {
            TableLockMode::ShareRowExclusive
        }
        _ => TableLockMode::AccessExclusive,
    };
    actions.iter().map(of).max().unwrap_or(TableLockMode::AccessExclusive)
}

pub(super) async fn table(work: &mut Work, oid: u32, actions: &[AlterTable]) -> Result<String> {
    let is_type =
        |action: &AlterTable| matches!(action, AlterTable::AlterColumn { action: AlterColumn::SetType { .. }, .. });
    let frees = |action: &AlterTable| {
        matches!(
            action,
            AlterTable::DropConstraint { .. } | AlterTable::AlterColumn { action: AlterColumn::DropNotNull, .. }
        )
    };
    let renames =
        |action: &AlterTable| matches!(action, AlterTable::RenameColumn { .. } | AlterTable::RenameConstraint { .. });
    if !actions.iter().all(renames) {
        let table = work.table(oid)?;
        work.check_not_pending(&table, "ALTER TABLE")?;
    }
    let mut actions: Vec<&AlterTable> = actions.iter().collect();
    let first = actions.iter().position(|action| is_type(action)).unwrap_or(0);
    let last = actions.iter().rposition(|action| is_type(action)).map_or(0, |last| last + 1);
    // The new values need not meet what is dropped between two of the types.
    actions[first..last].sort_by_key(|action| !frees(action));
    let mut types = Vec::new();
    for &action in &actions {
        if let AlterTable::AlterColumn { column, action: AlterColumn::SetType { ty, using } } = action {
            types.push((*column, *ty, using));
        }
    }
    for &action in &actions {
        let table = work.table(oid)?;
        match action {
            AlterTable::AlterColumn { action: AlterColumn::SetType { .. }, .. } => {
                // All together where the first stands: none of them reads what another writes.
                let types = std::mem::take(&mut types);
                if !types.is_empty() {
                    column::set_types(work, &table, &types).await?;
                }
            }
            AlterTable::AddColumn { column, if_not_exists } => {
                column::add(work, &table, column, *if_not_exists).await?;
            }
            AlterTable::DropColumn { column, cascade } => column::drop_column(work, &table, *column, *cascade).await?,
            AlterTable::RenameColumn { column, name } => column::rename(work, &table, *column, name).await?,
            AlterTable::AlterColumn { column, action } => column::alter(work, &table, *column, action).await?,
            AlterTable::AddConstraint(spec) => constraint::add(work, oid, spec).await?,
            AlterTable::DropConstraint { constraint, cascade } => {
                let what = work.describe_constraint(constraint);
                drop::constraint(work, constraint, *cascade, &what).await?;
            }
            AlterTable::AlterConstraint { constraint, timing } => {
                constraint::alter(work, oid, constraint.oid, *timing).await?;
            }
            AlterTable::ValidateConstraint { constraint } => constraint::validate(work, oid, constraint.oid).await?,
            AlterTable::RenameConstraint { constraint, name } => {
                rename_constraint(work, &table, constraint.oid, name).await?;
            }
            AlterTable::SetOptions(options) => {
                let mut new = (*table).clone();
                parameters::set(Bearer::Table, &mut new.options, options)?;
                store(work, new).await?;
            }
            AlterTable::ResetOptions(names) => {
                let mut new = (*table).clone();
                parameters::reset(&mut new.options, names);
                store(work, new).await?;
            }
            AlterTable::SetOwner(owner) => rename::table_owner(work, &table, owner).await?,
            AlterTable::SetLogged(_) if table.is_temporary() => {
                let message =
                    format!("cannot change logged status of table \"{}\" because it is temporary", table.name);
                return Err(Error::new(SqlState::INVALID_TABLE_DEFINITION, message));
            }
            AlterTable::SetLogged(logged) => store(work, TableDef { unlogged: !logged, ..(*table).clone() }).await?,
        }
    }
    Ok("ALTER TABLE".to_owned())
}

async fn store(work: &mut Work, table: TableDef) -> Result<()> {
    work.put_table(table).await?;
    work.reload().await
}

async fn rename_constraint(work: &mut Work, table: &TableDef, constraint: u32, name: &str) -> Result<()> {
    // As it is now: what its expression names may have got another name while the table was waited for.
    let Some(old) = table.constraints.iter().find(|it| it.oid == constraint) else {
        return Err(Error::internal("a constraint that is not the table's"));
    };
    if table.constraints.iter().any(|other| *other.name == *name) {
        let message = format!("constraint \"{name}\" for relation \"{}\" already exists", table.name);
        return Err(Error::new(SqlState::DUPLICATE_OBJECT, message));
    }
    let mut index = None;
    if let Kind::PrimaryKey { index: oid } | Kind::Unique { index: oid } = &old.kind {
        work.hold_name_of(table.schema).await?;
        work.claim_more(table.schema, name).await?;
        work.reload().await?;
        work.check_free(table.schema, name)?;
        index = table.index(*oid);
    }
    let before = work.catalog.clone();
    if let Some(index) = index {
        work.put(Object::Index(IndexDef { name: Arc::from(name), ..(**index).clone() })).await?;
    }
    work.put(Object::Constraint(ConstraintDef { name: Arc::from(name), ..(**old).clone() })).await?;
    work.reload().await?;
    let renamed: Vec<u32> = index.iter().map(|index| index.oid).collect();
    depend::follow_names(work, &before, &renamed, rename::RENAMED).await
}

//! ALTER TABLE: its actions, one after the other, each over the table as the ones before it left it.

use std::sync::Arc;

use engine::TableLockMode;
use types::{Error, Result, SqlState};

use super::work::Work;
use super::{column, constraint, drop, rename};
use crate::bound::{AlterTable, ConstraintKind};
use crate::catalog::codec::Object;
use crate::catalog::{ConstraintDef, ConstraintKind as Kind, IndexDef, TableDef};

/// The table lock that these actions need.
pub(super) fn lock_mode(actions: &[AlterTable]) -> TableLockMode {
    let of = |action: &AlterTable| match action {
        AlterTable::ValidateConstraint { .. } => TableLockMode::ShareUpdateExclusive,
        AlterTable::AddConstraint(spec) if matches!(spec.kind, ConstraintKind::ForeignKey { .. }) => {
            TableLockMode::ShareRowExclusive
        }
        _ => TableLockMode::AccessExclusive,
    };
    actions.iter().map(of).max().unwrap_or(TableLockMode::AccessExclusive)
}

pub(super) async fn table(work: &mut Work, oid: u32, actions: &[AlterTable]) -> Result<String> {
    for action in actions {
        let table = work.table(oid)?;
        match action {
            AlterTable::AddColumn { column, if_not_exists } => {
                column::add(work, &table, column, *if_not_exists).await?;
            }
            AlterTable::DropColumn { column, cascade } => column::drop_column(work, &table, *column, *cascade).await?,
            AlterTable::RenameColumn { column, name } => column::rename(work, &table, *column, name).await?,
            AlterTable::AlterColumn { column, action } => column::alter(work, &table, *column, action).await?,
            AlterTable::AddConstraint(spec) => constraint::add(work, oid, spec).await?,
            AlterTable::DropConstraint { constraint, cascade } => {
                let what = format!("constraint {} on table {}", constraint.name, table.name);
                drop::constraint(work, constraint, *cascade, &what).await?;
            }
            AlterTable::ValidateConstraint { constraint } => constraint::validate(work, oid, constraint.oid).await?,
            AlterTable::RenameConstraint { constraint, name } => {
                rename_constraint(work, &table, constraint, name).await?;
            }
            AlterTable::SetOptions(options) => {
                let mut new = (*table).clone();
                new.options.retain(|old| !options.iter().any(|option| key(option) == key(old)));
                new.options.extend(options.iter().map(|option| Arc::from(option.as_str())));
                store(work, new).await?;
            }
            AlterTable::ResetOptions(options) => {
                let mut new = (*table).clone();
                new.options.retain(|old| !options.iter().any(|option| key(option) == key(old)));
                store(work, new).await?;
            }
            AlterTable::SetOwner(owner) => rename::table_owner(work, &table, owner).await?,
            AlterTable::SetLogged(logged) => store(work, TableDef { unlogged: !logged, ..(*table).clone() }).await?,
        }
    }
    Ok("ALTER TABLE".to_owned())
}

async fn store(work: &mut Work, table: TableDef) -> Result<()> {
    work.put_table(table).await?;
    work.reload().await
}

fn key(option: &str) -> &str {
    option.split('=').next().unwrap_or(option).trim()
}

async fn rename_constraint(work: &mut Work, table: &TableDef, old: &ConstraintDef, name: &str) -> Result<()> {
    if table.constraints.iter().any(|other| *other.name == *name) {
        let message = format!("constraint \"{name}\" for relation \"{}\" already exists", table.name);
        return Err(Error::new(SqlState::DUPLICATE_OBJECT, message));
    }
    if let Kind::PrimaryKey { index } | Kind::Unique { index } = &old.kind {
        work.claim_more(table.schema, name).await?;
        work.reload().await?;
        work.check_free(table.schema, name)?;
        if let Some(index) = table.index(*index) {
            work.put(Object::Index(IndexDef { name: Arc::from(name), ..(**index).clone() })).await?;
        }
    }
    work.put(Object::Constraint(ConstraintDef { name: Arc::from(name), ..old.clone() })).await?;
    work.reload().await
}

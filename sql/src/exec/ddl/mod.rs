//! Statements that define objects, and TRUNCATE.
//!
//! **Rule.** A definition is a row like any other: it is written in the user's transaction, seen by that transaction's next
//! statement, by others when it commits, and by nobody when it does not. Each statement takes its table locks first and
//! *then* reads the catalog again. What it was bound to may have changed while it waited: then it does nothing and says
//! [`Executed::Stale`], the session binds it again, and the locks are held already.
//!
//! **Locks.** Tables are locked under their oid ([`work::Work::lock`]) in PostgreSQL's modes, sequences, views and indexes
//! with their table or under their own oid. A name that is about to be used is locked too, so that two transactions
//! cannot both find it free; a schema is held against being dropped and against another name by whoever puts something into
//! it, names what is in it, or gives that another name, and a role against being dropped by whoever makes something that it is to
//! own.
//!
//! **Trees.** A table or index that is filled anew (TRUNCATE, ADD PRIMARY KEY, a change of a column's type) gets a new
//! tree; the old one is dropped in the same transaction and goes when no snapshot can need it. Filling sorts in
//! [runs](sort) of bounded size.
//!
//! **Caveats.** Views and expressions are kept as text. The renaming of a column is followed where another name in the text
//! of a view is enough, that of a relation or schema where the text names it by literals alone, as in `nextval('s')`, which
//! an expression always does; any other is refused.

mod alter;
mod column;
mod constraint;
mod create;
mod database;
mod depend;
mod drop;
mod grant;
mod index;
mod name;
mod newest;
mod owned;
mod rebuild;
mod rename;
mod role;
mod sequence;
mod sort;
mod text;
mod truncate;
mod view;
mod work;

use std::sync::Arc;

use types::{Error, Result, SqlState};

use super::context::ExecContext;
use super::maintain::{count_rows, has_rows};
use crate::bound::{Ddl, OnCommit, WithPart};
use crate::catalog::{Privileges, Relation, TableDef, is_others};
use crate::session::NoticeSeverity;
use work::Work;

/// What became of a statement.
pub(crate) enum Executed {
    /// The tag of CommandComplete, and notices to be sent before it.
    Done { tag: String, notices: Vec<(NoticeSeverity, Error)> },
    /// A table is not any more what the statement was bound to: bind it again and call again, in the same transaction.
    Stale,
}

/// Runs a DDL statement in the context's transaction. `with` are the parts of the WITH clause of CREATE TABLE AS, if it changes
/// rows.
///
/// # Errors
/// PostgreSQL's; what the engine returns.
pub(crate) async fn execute(ddl: &Ddl, with: &[WithPart], context: &Arc<ExecContext>) -> Result<Executed> {
    let mut work = Work::begin(context).await?;
    if !work.hold_named(&ddl.expressions()).await? {
        return Ok(Executed::Stale);
    }
    let tag = match ddl {
        Ddl::CreateTable(table) => {
            work.on_commit = table.on_commit;
            create::table(&mut work, table).await?
        }
        Ddl::CreateTableAs(table) => {
            work.on_commit = table.on_commit;
            create::table_as(&mut work, table, with).await?
        }
        Ddl::AlterTable { table, actions } => {
            if !work.lock_table(table, alter::lock_mode(actions)).await? {
                return Ok(Executed::Stale);
            }
            alter::table(&mut work, table.oid, actions).await?
        }
        Ddl::CreateIndex(index) => {
            if !work.lock_table(&index.table, engine::TableLockMode::Share).await? {
                return Ok(Executed::Stale);
            }
            work.check_not_pending(&index.table, "CREATE INDEX")?;
            index::create(&mut work, index).await?
        }
        Ddl::AlterIndex { index, actions, tag } => {
            index::alter(&mut work, index, actions).await?;
            (*tag).to_owned()
        }
        Ddl::CreateSequence { schema, name, options, if_not_exists } => {
            sequence::create(&mut work, schema, name, options, *if_not_exists).await?
        }
        Ddl::AlterSequence { sequence, options } => sequence::alter(&mut work, sequence, options).await?,
        Ddl::CreateView(view) => match create::view(&mut work, view).await? {
            Some(tag) => tag,
            None => return Ok(Executed::Stale),
        },
        Ddl::AlterView { view, actions, tag } => {
            view::alter(&mut work, view, actions).await?;
            (*tag).to_owned()
        }
        Ddl::CreateSchema { name, if_not_exists, owner } => {
            create::schema(&mut work, name.as_deref(), *if_not_exists, owner.as_deref()).await?
        }
        Ddl::DropRelations { relations, cascade } => {
            for relation in relations {
                work.lock_relation(relation, engine::TableLockMode::AccessExclusive).await?;
            }
            // Somebody else has dropped it first: binding finds what stands there now, or says that nothing does.
            if relations.iter().any(|it| work.catalog.relation(it.oid()).is_none()) {
                return Ok(Executed::Stale);
            }
            drop::relations(&mut work, relations, *cascade).await?
        }
        Ddl::DropSchemas { schemas, cascade } => drop::schemas(&mut work, schemas, *cascade).await?,
        Ddl::RenameRelation { relation, name } => rename::relation(&mut work, relation, name).await?,
        Ddl::SetSchema { relation, schema } => rename::set_schema(&mut work, relation, schema).await?,
        Ddl::SetOwner { relation, owner } => rename::set_owner(&mut work, relation, owner).await?,
        Ddl::RenameSchema { schema, name } => rename::schema(&mut work, schema, name).await?,
        Ddl::SetSchemaOwner { schema, owner } => rename::set_schema_owner(&mut work, schema, owner).await?,
        Ddl::CommentSchema { schema, text } => rename::comment_schema(&mut work, schema, text.as_deref()).await?,
        Ddl::CommentConstraint { table, constraint, text } => {
            rename::comment_constraint(&mut work, table, *constraint, text.as_deref()).await?
        }
        Ddl::CommentExtension { extension, text } => {
            rename::comment_extension(&mut work, extension, text.as_deref()).await?
        }
        Ddl::CreateRole { name, options } => role::create(&mut work, name, options).await?,
        Ddl::AlterRole { name, options } => role::alter(&mut work, name, options).await?,
        Ddl::AlterRoleSet { name, setting, value } => role::set(&mut work, name, setting, value.as_deref()).await?,
        Ddl::RenameRole { name, to } => role::rename(&mut work, name, to).await?,
        Ddl::DropRoles { names, if_exists } => role::drop(&mut work, names, *if_exists).await?,
        Ddl::ReassignOwned { from, to } => owned::reassign(&mut work, from, to).await?,
        Ddl::DropOwned { roles, cascade } => owned::drop(&mut work, roles, *cascade).await?,
        Ddl::Grant(grant) => grant::run(&mut work, grant).await?,
        Ddl::CreateDatabase(new) => database::create(&mut work, new).await?,
        Ddl::AlterDatabase { name, change } => database::alter(&mut work, name, change).await?,
        Ddl::DropDatabase { name, if_exists } => database::drop(&mut work, name, *if_exists).await?,
        Ddl::Comment { relation, column, text, .. } => {
            rename::comment(&mut work, relation, *column, text.as_deref()).await?
        }
        Ddl::Reindex { tables } => {
            for table in tables {
                if !work.lock_table(table, engine::TableLockMode::AccessExclusive).await? {
                    return Ok(Executed::Stale);
                }
                rebuild::reindex(&mut work, table.oid).await?;
            }
            "REINDEX".to_owned()
        }
        Ddl::Nothing { tag } => (*tag).to_owned(),
    };
    Ok(Executed::Done { tag, notices: work.notices })
}

/// `TRUNCATE`, with an empty tree for each table and index.
///
/// # Errors
/// 0A000 when another table refers to one of these; what the engine returns.
pub(crate) async fn truncate(
    tables: &[Arc<TableDef>],
    restart_identity: bool,
    cascade: bool,
    context: &Arc<ExecContext>,
) -> Result<Executed> {
    let mut work = Work::begin(context).await?;
    for table in tables {
        work.check_holds(table, Privileges::TRUNCATE)?;
        if !work.lock_permitted(table, engine::TableLockMode::AccessExclusive).await? {
            return Ok(Executed::Stale);
        }
    }
    truncate::run(&mut work, tables, restart_identity, cascade).await?;
    Ok(Executed::Done { tag: "TRUNCATE TABLE".to_owned(), notices: work.notices })
}

/// `DISCARD TEMP`: drops the schema with this number and what is in it, and whatever depends on that.
///
/// # Errors
/// What the engine returns.
pub(crate) async fn drop_temporary(number: u32, context: &Arc<ExecContext>) -> Result<()> {
    let mut work = Work::begin(context).await?;
    drop::temporary(&mut work, number).await
}

/// As [`drop_temporary`] after a session in the database `name`, which is not dropped meanwhile.
///
/// # Errors
/// What the engine returns.
pub(crate) async fn drop_left(number: u32, name: &str, context: &Arc<ExecContext>) -> Result<()> {
    let mut work = Work::begin(context).await?;
    database::lock(&mut work, name).await?;
    drop::temporary(&mut work, number).await
}

/// What temporary tables (by oid) ask for when their session's transaction commits. Returns those that are still there.
///
/// Most transactions write to none of them: those cost a look at each table, and change nothing of the catalog.
///
/// # Errors
/// 0A000 for a table that is to be emptied while another refers to it that is not; what the engine returns.
pub(crate) async fn on_commit(tables: &[(u32, OnCommit)], context: &Arc<ExecContext>) -> Result<Vec<(u32, OnCommit)>> {
    let with = |wanted: OnCommit| {
        let wanted = tables.iter().filter(move |(_, on_commit)| *on_commit == wanted);
        wanted.filter_map(|(oid, _)| context.catalog.table(*oid).cloned()).collect::<Vec<Arc<TableDef>>>()
    };
    let (going, emptied) = (with(OnCommit::Drop), with(OnCommit::DeleteRows));
    check_emptied(&emptied, context)?;
    let mut have_rows = false;
    if !emptied.is_empty() {
        let view = {
            let txn = context.txn().await?;
            context.engine().newest(&txn)
        };
        for table in &emptied {
            have_rows = have_rows || has_rows(table, &view, context).await?;
        }
    }
    let kept = emptied.iter().map(|table| (table.oid, OnCommit::DeleteRows)).collect();
    if !have_rows && going.is_empty() {
        return Ok(kept);
    }
    let mut work = Work::begin(context).await?;
    for table in going.iter().chain(&emptied) {
        work.lock(u64::from(table.oid), engine::TableLockMode::AccessExclusive).await?;
    }
    if have_rows {
        truncate::run(&mut work, &emptied, false, false).await?;
    }
    let going: Vec<Relation> = going.iter().filter_map(|table| work.catalog.relation(table.oid).cloned()).collect();
    if !going.is_empty() {
        drop::with_dependents(&mut work, &going).await?;
    }
    Ok(kept)
}

/// # Errors
/// 0A000 for a foreign key to one of these tables, which lose their rows together, from a table that keeps its own.
fn check_emptied(tables: &[Arc<TableDef>], context: &ExecContext) -> Result<()> {
    for table in tables {
        let stays = |oid: u32| tables.iter().all(|it| it.oid != oid);
        let reference = table.referenced_by.iter().find(|it| stays(it.table));
        if let Some(child) = reference.and_then(|it| context.catalog.table(it.table)) {
            let message = "unsupported ON COMMIT and foreign key combination";
            let (child, parent) = (&child.name, &table.name);
            return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message).detail(format!(
                "Table \"{child}\" references \"{parent}\", but they do not have the same ON COMMIT setting."
            )));
        }
    }
    Ok(())
}

/// `ANALYZE`: counts the rows of these tables, or of all that there are, and stores the numbers in their definitions.
///
/// All are locked first, as PostgreSQL locks each, and then read again: it may have waited for one to become another.
///
/// # Errors
/// 42P01 when a table that was `named` is gone; what the engine returns.
pub(crate) async fn analyze(tables: Option<&[Arc<TableDef>]>, named: bool, context: &Arc<ExecContext>) -> Result<()> {
    let mut work = Work::begin(context).await?;
    let all: Vec<Arc<TableDef>> = match tables {
        Some(tables) => tables.to_vec(),
        None => own_tables(&work).cloned().collect(),
    };
    for table in &all {
        work.lock(u64::from(table.oid), engine::TableLockMode::ShareUpdateExclusive).await?;
    }
    work.reload().await?;
    let view = work.view().await?;
    for table in &all {
        let Some(found) = work.catalog.table(table.oid).cloned() else {
            if !named {
                continue;
            }
            let message = format!("relation \"{}\" does not exist", table.name);
            return Err(Error::new(SqlState::UNDEFINED_TABLE, message));
        };
        let estimated_rows = count_rows(&found, &view, context).await? as f64;
        work.put_table(TableDef { estimated_rows, ..(*found).clone() }).await?;
    }
    Ok(())
}

/// All tables but the temporary ones of other sessions.
fn own_tables(work: &Work) -> impl Iterator<Item = &Arc<TableDef>> {
    let path = &work.context.settings.search_path;
    work.catalog.tables().filter(move |table| !is_others(&table.schema_name, path))
}

/// Rows that a COPY must add for their number to be worth a change of the catalog.
const NOTED_ROWS_MIN: u64 = 10_000;

/// Keeps the number of rows after a COPY that at least doubled a table. Not worth waiting for: whoever holds the lock of
/// ANALYZE counts the rows, too.
///
/// # Errors
/// What the engine returns.
pub(crate) async fn note_loaded(table: &TableDef, added: u64, context: &Arc<ExecContext>) -> Result<()> {
    let known = table.estimated_rows.max(0.0);
    if added < NOTED_ROWS_MIN || (added as f64) < known || context.isolation == engine::Isolation::RepeatableRead {
        return Ok(());
    }
    let mut work = Work::begin(context).await?;
    if !work.lock_now(u64::from(table.oid), engine::TableLockMode::ShareUpdateExclusive).await? {
        return Ok(());
    }
    work.reload().await?;
    let table = work.table(table.oid)?;
    let estimated_rows = table.estimated_rows.max(0.0) + added as f64;
    work.put_table(TableDef { estimated_rows, ..(*table).clone() }).await
}

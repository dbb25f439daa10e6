//! Which statement it is, and the statements that only need their names looked up.

use std::sync::Arc;

use types::{Error, Result, SqlState};

use super::ddl::missing_schema;
use super::query::Unknowns;
use super::row_lock::lock_name;
use super::scope::Scope;
use super::{Binder, Clause};
use crate::bound::{CursorSpec, Explain, Query, Statement, TransactionStatement};
use crate::catalog::{ConstraintDef, ConstraintKind, Privileges, TableDef};
use crate::parse::ast::{self, Name};

impl Binder<'_> {
    pub fn statement(&mut self, statement: &ast::Statement) -> Result<Statement> {
        Ok(match statement {
            ast::Statement::Empty => Statement::Empty,
            ast::Statement::Query(query) => {
                let bound = self.statement_query(query)?;
                Statement::Query(bound)
            }
            ast::Statement::Insert(insert) => Statement::Insert(Arc::new(self.insert(insert)?)),
            ast::Statement::Update(update) => Statement::Update(Arc::new(self.update(update)?)),
            ast::Statement::Delete(delete) => Statement::Delete(Arc::new(self.delete(delete)?)),
            ast::Statement::Copy(copy) => Statement::Copy(Arc::new(self.copy(copy)?)),
            ast::Statement::Transaction(transaction) => Statement::Transaction(transaction.clone()),
            ast::Statement::SetConstraints { names, deferred } => {
                let constraints = names.as_ref().map(|names| self.constraints_to_set(names, *deferred)).transpose()?;
                Statement::SetConstraints { constraints, deferred: *deferred }
            }
            ast::Statement::Set { scope, name, value } => {
                Statement::Set { scope: *scope, name: name.clone(), value: value.clone() }
            }
            ast::Statement::Reset { name } => Statement::Reset { name: name.clone() },
            ast::Statement::Show { name } => Statement::Show { name: name.clone() },
            ast::Statement::Explain { statement, options } => {
                let inner = self.statement(statement)?;
                let explainable = matches!(
                    inner,
                    Statement::Query(_)
                        | Statement::Insert(_)
                        | Statement::Update(_)
                        | Statement::Delete(_)
                        | Statement::Execute { .. }
                );
                if !explainable {
                    return Err(Error::unsupported("EXPLAIN of this statement"));
                }
                Statement::Explain(Box::new(Explain {
                    statement: inner,
                    analyze: options.analyze,
                    verbose: options.verbose,
                    costs: options.costs,
                    timing: options.timing.unwrap_or(options.analyze),
                    summary: options.summary.unwrap_or(options.analyze),
                    buffers: options.buffers,
                    format: options.format,
                }))
            }
            ast::Statement::Prepare { name, types, statement: _, text } => {
                let types = types.iter().map(|ty| self.type_name(ty)).collect::<Result<Vec<_>>>()?;
                let text = self.text.get(text.0 as usize..text.1 as usize).unwrap_or_default().to_owned();
                Statement::Prepare { name: name.clone(), types, text }
            }
            ast::Statement::Execute { name, args } => {
                let (args, _) = self
                    .with_scope(Scope::default(), |binder| binder.within(Clause::Other, |binder| binder.exprs(args)))?;
                Statement::Execute { name: name.clone(), args }
            }
            ast::Statement::Deallocate { name } => Statement::Deallocate { name: name.clone() },
            ast::Statement::Declare { name, binary, scroll, hold, query } => {
                let (plan, columns) = self.query(query, Unknowns::Text)?;
                if let (true, Some(lock)) = (*hold, query.locks.first()) {
                    let name = lock_name(lock.strength);
                    let message = format!("DECLARE CURSOR WITH HOLD ... {name} is not supported");
                    return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message)
                        .detail("Holdable cursors must be READ ONLY."));
                }
                if let (Some(true), Some(lock)) = (scroll, query.locks.first()) {
                    let message = format!("DECLARE SCROLL CURSOR ... {} is not supported", lock_name(lock.strength));
                    return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message)
                        .detail("Scrollable cursors must be READ ONLY."));
                }
                let query = Query { plan: Arc::new(plan), columns: columns.into(), row_lock: self.row_lock };
                let cursor = CursorSpec { name: name.clone(), query, binary: *binary, scroll: *scroll, hold: *hold };
                Statement::Declare(Box::new(cursor))
            }
            ast::Statement::Fetch { cursor, direction, moving } => {
                Statement::Fetch { cursor: cursor.clone(), direction: *direction, moving: *moving }
            }
            ast::Statement::Close { cursor } => Statement::Close { cursor: cursor.clone() },
            ast::Statement::Vacuum { tables, analyze, full, verbose } => {
                Statement::Vacuum { tables: self.tables(tables)?, analyze: *analyze, full: *full, verbose: *verbose }
            }
            ast::Statement::Analyze { tables, verbose } => {
                Statement::Analyze { tables: self.tables(tables)?, verbose: *verbose }
            }
            ast::Statement::Truncate { tables, restart_identity, cascade } => {
                let tables = self.tables(tables)?;
                for table in &tables {
                    self.require(table.oid, Privileges::TRUNCATE);
                }
                Statement::Truncate { tables, restart_identity: *restart_identity, cascade: *cascade }
            }
            ast::Statement::Lock { tables, mode, nowait } => {
                Statement::Lock { tables: self.tables(tables)?, mode: *mode, nowait: *nowait }
            }
            ast::Statement::Discard(what) => Statement::Discard(what),
            ast::Statement::Checkpoint => Statement::Checkpoint,
            ast::Statement::Listen(channel) => Statement::Listen(channel.clone()),
            ast::Statement::Unlisten(channel) => Statement::Unlisten(channel.clone()),
            ast::Statement::Notify { channel, payload } => {
                Statement::Notify { channel: channel.clone(), payload: payload.clone() }
            }
            ast::Statement::WaitForLsn(wait) => Statement::WaitForLsn(*wait),
            ddl => Statement::Ddl(self.ddl(ddl)?),
        })
    }

    /// The constraints that SET CONSTRAINTS names, but for those that cannot be deferred.
    ///
    /// # Errors
    /// 42704 there is none of a name, 3F000 no such schema, 42809 one that cannot be `deferred`.
    fn constraints_to_set(&self, names: &[Name], deferred: bool) -> Result<Vec<u32>> {
        let mut found = Vec::new();
        for name in names {
            self.check_database(name).map_err(super::without_position)?;
            let schemas: Vec<u32> = match name.schema() {
                Some(schema) => {
                    self.check_schema(name).map_err(super::without_position)?;
                    let known = self.catalog.schema_called(schema, &self.search_path);
                    vec![known.ok_or_else(|| super::without_position(missing_schema(schema, name.pos)))?.oid]
                }
                None => self.catalog.search_schemas(&self.search_path).collect(),
            };
            let of_schema = |schema: u32| {
                let named = |it: &&Arc<ConstraintDef>| it.schema == schema && *it.name == *name.object();
                self.catalog.constraints().filter(named).collect::<Vec<_>>()
            };
            let first = schemas.into_iter().map(of_schema).find(|named| !named.is_empty());
            let first = first.ok_or_else(|| {
                let message = format!("constraint \"{}\" does not exist", name.object());
                Error::new(SqlState::UNDEFINED_OBJECT, message)
            })?;
            for constraint in first {
                match &constraint.kind {
                    ConstraintKind::Foreign(foreign) if foreign.timing.is_deferrable() => found.push(constraint.oid),
                    _ if deferred => {
                        let message = format!("constraint \"{}\" is not deferrable", constraint.name);
                        return Err(Error::new(SqlState::WRONG_OBJECT_TYPE, message));
                    }
                    _ => {}
                }
            }
        }
        Ok(found)
    }

    pub fn tables(&self, names: &[Name]) -> Result<Vec<Arc<TableDef>>> {
        names.iter().map(|name| self.find_table(name)).collect()
    }
}

impl TransactionStatement {
    /// Whether it may run in a transaction that has failed.
    pub fn ends_failed_transaction(&self) -> bool {
        matches!(
            self,
            TransactionStatement::Commit { .. }
                | TransactionStatement::Rollback { .. }
                | TransactionStatement::RollbackTo(_)
        )
    }
}

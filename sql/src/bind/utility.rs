//! Which statement it is, and the statements that only need their names looked up.

use std::sync::Arc;

use types::{Error, Result};

use super::query::Unknowns;
use super::scope::Scope;
use super::{Binder, Clause};
use crate::bound::{CursorSpec, Explain, Query, Statement, TransactionStatement};
use crate::catalog::{Privileges, TableDef};
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
                let query = Query { plan: Arc::new(plan), columns: columns.into(), locks_rows: self.locks_rows };
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
            ast::Statement::WaitForLsn(wait) => Statement::WaitForLsn(*wait),
            ddl => Statement::Ddl(self.ddl(ddl)?),
        })
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

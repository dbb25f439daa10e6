//! Statements that neither read nor write rows of tables by a plan: settings, cursors, prepared statements, DDL,
//! maintenance.

use std::sync::Arc;
use std::time::Instant;

use engine::{TableLockMode, WaitPolicy};
use parking_lot::Mutex;
use types::{Datum, Error, Result, SqlState, SqlType};

use super::announced::Listening;
use super::client::{Client, Column, NoticeSeverity};
use super::cursor::{Cursor, Passed, Pulled};
use super::identity::SESSION_AUTHORIZATION;
use super::portal::{Formats, Hold, Portal, PortalState, Prepared, Running, Tag, failed_portal};
use super::run::{Started, takes_no_snapshot};
use super::state::{Session, wire_columns};
use super::transaction::Block;
use super::variables::Variables;
use crate::bound::{
    CursorSpec, Ddl, Explain, ExplainFormat, FetchDirection, LockMode, Query, SetScope, SetValue, Statement,
    TransactionStatement,
};
use crate::catalog::{Relation, TableDef, is_others, well_known};
use crate::exec::{self, ExecContext, Executed, Lift, Row, RowSource};
use crate::functions::has_rights_of;
use crate::parse::ast;

fn text_column(name: &str) -> Column {
    Column { name: Arc::from(name), ty: SqlType::TEXT, table: 0, attribute: 0 }
}

impl Session {
    /// The columns of a statement's result, for RowDescription; `None` if it yields no rows.
    pub(super) fn result_columns(&self, prepared: &Prepared) -> Result<Option<Arc<[Column]>>> {
        Ok(match &prepared.bound.statement {
            Statement::Show { name: Some(name) } => Some(Arc::from([text_column(&Variables::display_name(name))])),
            Statement::Show { name: None } => {
                Some(Arc::from([text_column("name"), text_column("setting"), text_column("description")]))
            }
            Statement::Explain(_) => Some(Arc::from([text_column("QUERY PLAN")])),
            Statement::WaitForLsn(_) => Some(Arc::from([text_column("status")])),
            Statement::Execute { name, .. } => {
                let inner = self.prepared(name)?;
                inner.columns.clone()
            }
            Statement::Fetch { cursor, moving: false, .. } => {
                let portal = self.portals.get(cursor).ok_or_else(|| no_cursor(cursor))?;
                portal.prepared.columns.clone()
            }
            _ => prepared.columns.clone(),
        })
    }

    /// Before Describe tells the columns of EXECUTE: binds what it executes again, if the catalog has changed.
    ///
    /// # Errors
    /// As [`Session::renew_early`].
    pub(super) async fn renew_executed(&mut self, name: &str) -> Result<()> {
        let mut executed = Portal::new(self.prepared(name)?, Vec::new(), Formats::new());
        self.renew_early(&mut executed).await
    }

    /// Runs a statement of this module's kind.
    pub(super) async fn utility<C: Client>(&mut self, portal: &mut Portal, client: &mut C) -> Result<Started> {
        let prepared = portal.prepared.clone();
        let done = |tag: &'static str| Ok(Started::Done(tag.into()));
        match &prepared.bound.statement {
            Statement::Transaction(statement) => {
                if portal.multiple && matches!(statement, TransactionStatement::Commit { .. }) {
                    // Inside one message the implicit block ends here.
                    self.check_transaction()?;
                }
                let (tag, warning) = self.transaction_statement(statement).await?;
                if let Some(warning) = warning {
                    self.send_notice(NoticeSeverity::Warning, &warning, client);
                }
                done(tag)
            }
            Statement::Empty => done(""),
            Statement::Set { scope, name, value } => {
                if *scope == SetScope::Local && self.block != Block::Begun && !portal.multiple {
                    let message = "SET LOCAL can only be used in transaction blocks";
                    let warning = Error::new(SqlState::NO_ACTIVE_SQL_TRANSACTION, message);
                    self.send_notice(NoticeSeverity::Warning, &warning, client);
                }
                self.set(*scope, name, value)?;
                if name == "transaction_isolation" || name == "transaction_read_only" {
                    self.apply_transaction_setting(name).await?;
                }
                done("SET")
            }
            Statement::SetConstraints { constraints, deferred } => {
                if self.block != Block::Begun && !portal.multiple {
                    let message = "SET CONSTRAINTS can only be used in transaction blocks";
                    let warning = Error::new(SqlState::NO_ACTIVE_SQL_TRANSACTION, message);
                    self.send_notice(NoticeSeverity::Warning, &warning, client);
                }
                self.context.deferred.lock().set(constraints.as_deref(), *deferred);
                self.check_deferred(false).await?;
                done("SET CONSTRAINTS")
            }
            Statement::Reset { name } => {
                match name {
                    Some(name) => self.context.variables().reset(name, false)?,
                    None => self.context.variables().reset_all(),
                }
                done("RESET")
            }
            Statement::Show { name } => {
                let rows = self.show(name.as_deref())?;
                self.rows(&prepared, rows, "SHOW").await
            }
            Statement::Explain(explain) if matches!(explain.statement, Statement::Execute { .. }) => {
                self.explain_execute(portal, explain, client).await
            }
            Statement::Prepare { name, types, text } => {
                if self.statements.contains_key(name) {
                    let message = format!("prepared statement \"{name}\" already exists");
                    return Err(Error::new(SqlState::DUPLICATE_PSTATEMENT, message));
                }
                let oids: Vec<u32> = types.iter().map(|ty| ty.oid).collect();
                let mut inner = self.parse_one(text, &oids).await?;
                inner.by = Some(portal.prepared.sql.clone());
                self.statements.insert(name.clone(), Arc::new(inner));
                done("PREPARE")
            }
            Statement::Execute { name, args } => self.execute_prepared(portal, name, args, client).await,
            Statement::Deallocate { name } => {
                match name {
                    Some(name) => {
                        self.prepared(name)?;
                        self.statements.remove(name);
                    }
                    None => self.statements.clear(),
                }
                done(if name.is_some() { "DEALLOCATE" } else { "DEALLOCATE ALL" })
            }
            Statement::Fetch { cursor, direction, moving } => self.fetch(&prepared, cursor, *direction, *moving).await,
            Statement::Close { cursor } => match cursor {
                Some(cursor) => {
                    self.portals.remove(cursor).ok_or_else(|| no_cursor(cursor))?;
                    done("CLOSE CURSOR")
                }
                None => {
                    self.portals.clear();
                    done("CLOSE CURSOR ALL")
                }
            },
            Statement::Vacuum { tables, analyze, .. } => {
                self.check_alone("VACUUM", portal.multiple)?;
                let allowed = self.maintained(tables, "vacuum", client)?;
                let (engine, cancel) = (&self.database.engine, &self.context.backend.cancel);
                match &allowed {
                    None => engine.vacuum(cancel).await.lift()?,
                    Some(allowed) => {
                        let trees = allowed.iter().flat_map(|table| table.trees());
                        engine.vacuum_trees(trees, cancel).await.lift()?
                    }
                };
                if *analyze {
                    self.analyze(&prepared, allowed.as_deref(), !tables.is_empty()).await?;
                }
                done("VACUUM")
            }
            Statement::Analyze { tables, .. } => {
                let allowed = self.maintained(tables, "analyze", client)?;
                self.analyze(&prepared, allowed.as_deref(), !tables.is_empty()).await?;
                done("ANALYZE")
            }
            Statement::Listen(channel) => {
                self.listen(Listening::To(channel.as_str().into()))?;
                done("LISTEN")
            }
            Statement::Unlisten(channel) => {
                let what = channel.as_deref().map_or(Listening::ToNothing, |it| Listening::NotTo(it.into()));
                self.listen(what)?;
                done("UNLISTEN")
            }
            Statement::Notify { channel, payload } => {
                self.context.notify(channel, payload)?;
                done("NOTIFY")
            }
            Statement::Checkpoint => {
                let user = self.context.role()?;
                if !has_rights_of(&self.context.catalog(), &user, well_known::PG_CHECKPOINT) {
                    let message = "must be superuser or have privileges of pg_checkpoint to do CHECKPOINT";
                    return Err(Error::new(SqlState::INSUFFICIENT_PRIVILEGE, message));
                }
                done("CHECKPOINT")
            }
            Statement::WaitForLsn(wait) => {
                let status = self.wait_for_lsn(wait).await?;
                self.rows(&prepared, vec![vec![status]], "WAIT").await
            }
            Statement::Lock { tables, mode, nowait } => {
                if !matches!(self.block, Block::Begun) {
                    let message = "LOCK TABLE can only be used in transaction blocks";
                    return Err(Error::new(SqlState::NO_ACTIVE_SQL_TRANSACTION, message));
                }
                for table in tables {
                    self.check_may_lock(&prepared, table, *mode)?;
                }
                self.lock_explicitly(tables, *mode, *nowait).await?;
                done("LOCK TABLE")
            }
            Statement::Discard(what) => {
                match *what {
                    "ALL" => {
                        self.check_alone("DISCARD ALL", portal.multiple)?;
                        self.portals.clear();
                        self.statements.clear();
                        self.listen(Listening::ToNothing)?;
                        self.context.variables().reset(SESSION_AUTHORIZATION, false)?;
                        self.context.variables().reset_all();
                        Box::pin(self.discard_temporary(&prepared)).await?;
                        self.context.forget_sequences();
                        self.database.advisory.unlock_all(self.context.backend.pid);
                    }
                    "PLANS" => {}
                    "SEQUENCES" => self.context.forget_sequences(),
                    _ => Box::pin(self.discard_temporary(&prepared)).await?,
                }
                Ok(Started::Done(format!("DISCARD {what}").into()))
            }
            Statement::Truncate { .. } | Statement::Ddl(_) => {
                if let Statement::Ddl(ddl @ (Ddl::CreateDatabase(_) | Ddl::DropDatabase { .. })) =
                    &prepared.bound.statement
                {
                    self.check_alone(command_name(ddl), portal.multiple)?;
                }
                let tag = self.run_ddl(portal, client).await?;
                Ok(Started::Done(tag.into()))
            }
            Statement::Query(_)
            | Statement::Insert(_)
            | Statement::Update(_)
            | Statement::Delete(_)
            | Statement::Copy(_)
            | Statement::Explain(_)
            | Statement::Declare(_) => Err(Error::internal("a statement that runs over a view")),
        }
    }

    /// Runs DDL, binding the statement again when it waited for a lock and what it names has changed meanwhile.
    async fn run_ddl<C: Client>(&mut self, portal: &mut Portal, client: &mut C) -> Result<String> {
        /// The locks are held from the first attempt on, so the second finds what it was bound to.
        const ATTEMPTS_MAX: usize = 10;
        for _ in 0..ATTEMPTS_MAX {
            let prepared = portal.prepared.clone();
            // CREATE TABLE AS may have parameters.
            let context = self.exec_context(&prepared, portal.params.clone()).await?;
            let executed = match &prepared.bound.statement {
                Statement::Ddl(ddl) => exec::execute_ddl(ddl, &prepared.bound.with, &context).await?,
                Statement::Truncate { tables, restart_identity, cascade } => {
                    exec::truncate(tables, *restart_identity, *cascade, &context).await?
                }
                _ => return Err(Error::internal("a statement that changed its kind")),
            };
            match executed {
                Executed::Done { tag, notices } => {
                    for (severity, notice) in notices {
                        self.send_notice(severity, &notice, client);
                    }
                    self.after_ddl().await;
                    return Ok(tag);
                }
                Executed::Stale => {
                    self.private_stale |= self.private.is_some();
                    let told = portal.prepared.clone();
                    self.renew(portal).await?;
                    let notices = &portal.prepared.bound.notices;
                    let more: Vec<_> = notices.iter().filter(|it| !told.bound.notices.contains(it)).cloned().collect();
                    self.send_notices(&more, client);
                    self.avoid_unseen(portal, &context.view).await?;
                }
            }
        }
        let message = "could not define the object: the catalog keeps changing";
        Err(Error::new(SqlState::T_R_SERIALIZATION_FAILURE, message))
    }

    /// From now on the transaction sees its own catalog.
    pub(super) async fn after_ddl(&mut self) {
        self.private_stale = true;
        self.note_transaction().await;
    }

    /// Rows that are already there, as the result of a portal.
    async fn rows(&mut self, prepared: &Arc<Prepared>, rows: Vec<Row>, tag: &str) -> Result<Started> {
        self.started(prepared, RowSource::of(rows), tag).await
    }

    async fn started(&mut self, prepared: &Arc<Prepared>, source: RowSource, tag: &str) -> Result<Started> {
        let context = match takes_no_snapshot(&prepared.bound.statement) {
            // What is shown is nothing of the transaction's, which may still choose when to look.
            true => self.showing(prepared),
            false => self.exec_context(prepared, Vec::new()).await?,
        };
        let tag = Tag::Fixed(tag.to_owned().into());
        Ok(Started::Rows(Box::new(Running { source: Mutex::new(source), context, tag })))
    }

    /// The context of a statement that shows what is there already.
    pub(super) fn showing(&self, prepared: &Prepared) -> Arc<ExecContext> {
        let engine = &self.database.engine;
        self.context_over(engine.view(engine.snapshot()), prepared, Vec::new())
    }

    fn set(&mut self, scope: SetScope, name: &str, value: &SetValue) -> Result<()> {
        let local = scope == SetScope::Local;
        match value {
            SetValue::Default => self.context.variables().reset(name, local)?,
            SetValue::Values(values) => {
                self.context.set_variable(name, &Variables::text_of(name, values)?, local)?;
            }
        }
        self.refresh_settings();
        Ok(())
    }

    /// `SET transaction_isolation`: the setting is the transaction's own.
    async fn apply_transaction_setting(&mut self, name: &str) -> Result<()> {
        use crate::bound::{AccessMode, Isolation, TransactionModes};
        let value = self.context.variables().get(name)?;
        let mut modes = TransactionModes::default();
        if name == "transaction_isolation" {
            modes.isolation = Some(match value.as_str() {
                "repeatable read" => Isolation::RepeatableRead,
                _ => Isolation::ReadCommitted,
            });
        } else {
            modes.access = Some(if value == "on" { AccessMode::ReadOnly } else { AccessMode::ReadWrite });
        }
        self.context.variables().reset(name, false)?;
        self.transaction_statement(&TransactionStatement::SetModes(modes)).await?;
        Ok(())
    }

    fn show(&self, name: Option<&str>) -> Result<Vec<Row>> {
        let variables = self.context.variables();
        match name {
            Some("transaction_isolation") => Ok(vec![vec![Datum::text(self.isolation_name())]]),
            Some("transaction_read_only") => {
                let read_only = self.read_only || !self.database.engine.is_writer();
                Ok(vec![vec![Datum::text(if read_only { "on" } else { "off" })]])
            }
            Some(name) => Ok(vec![vec![Datum::Text(variables.show(name)?.into())]]),
            None => {
                let row = |it: super::variables::SettingRow| {
                    let shown = variables.show(it.name).unwrap_or_default();
                    vec![Datum::text(it.name), Datum::Text(shown.into()), Datum::text(it.description)]
                };
                Ok(variables.rows().into_iter().map(row).collect())
            }
        }
    }

    fn isolation_name(&self) -> &'static str {
        match self.isolation {
            engine::Isolation::ReadCommitted => "read committed",
            engine::Isolation::RepeatableRead => "repeatable read",
        }
    }

    /// Runs EXPLAIN, whose tables are locked as those of the statement that it explains.
    pub(super) async fn explain(
        &self,
        prepared: &Prepared,
        explain: &Explain,
        context: &Arc<ExecContext>,
    ) -> Result<Vec<Row>> {
        if explain.format == ExplainFormat::Json {
            return Err(Error::unsupported("EXPLAIN (FORMAT JSON)"));
        }
        let by_vector = match &explain.statement {
            Statement::Query(query) => RowSource::is_for_vector(&query.plan, context),
            _ => false,
        };
        let with = &prepared.bound.with;
        let mut lines = crate::plan::explain::lines(&explain.statement, with, explain, by_vector);
        if explain.analyze {
            let started = Instant::now();
            let mut end = exec::run_changes(with, context).await?;
            let rows = match &explain.statement {
                Statement::Query(Query { plan, .. }) => {
                    end.judge().await?;
                    let mut source = RowSource::open(plan, context)?;
                    let mut rows = 0;
                    loop {
                        let batch = source.next(256).await?;
                        if batch.is_empty() {
                            break rows;
                        }
                        rows += batch.len() as u64;
                    }
                }
                Statement::Insert(it) => exec::insert(it, context, end).await?.count,
                Statement::Update(it) => exec::update(it, context, end).await?.count,
                Statement::Delete(it) => exec::delete(it, context, end).await?.count,
                _ => return Err(Error::unsupported("EXPLAIN ANALYZE of this statement")),
            };
            if explain.summary {
                lines.push(format!("Rows: {rows}"));
                lines.push(format!("Execution Time: {:.3} ms", started.elapsed().as_secs_f64() * 1000.0));
            }
        }
        Ok(lines.into_iter().map(|line| vec![Datum::Text(line.into())]).collect())
    }

    /// EXPLAIN EXECUTE: EXPLAIN of the prepared statement takes the place of this one.
    async fn explain_execute<C: Client>(
        &mut self,
        portal: &mut Portal,
        explain: &Explain,
        client: &mut C,
    ) -> Result<Started> {
        let Statement::Execute { name, args } = &explain.statement else {
            return Err(Error::internal("EXPLAIN of no EXECUTE"));
        };
        let mut replaced = self.executed(portal, name, args).await?;
        self.renew(&mut replaced).await?;
        let inner = &replaced.prepared;
        // Bound again, should a definition change meanwhile, it must be an EXPLAIN still.
        let mut parsed = inner.parsed.clone();
        if let (Some(inner), Some(outer)) = (&mut parsed, &portal.prepared.parsed)
            && let ast::Statement::Explain { options, .. } = &outer.statement
        {
            let statement = std::mem::replace(&mut inner.statement, ast::Statement::Empty);
            inner.statement = ast::Statement::Explain { statement: Box::new(statement), options: options.clone() };
        }
        let mut bound = inner.bound.clone();
        let statement = std::mem::replace(&mut bound.statement, Statement::Empty);
        bound.statement = Statement::Explain(Box::new(Explain { statement, ..explain.clone() }));
        replaced.prepared = Arc::new(Prepared {
            sql: inner.sql.clone(),
            parsed,
            bound,
            catalog: inner.catalog.clone(),
            search_path: inner.search_path.clone(),
            user: inner.user.clone(),
            columns: portal.prepared.columns.clone(),
            lifted: Box::default(),
            made: inner.made,
            by: None,
        });
        replaced.columns = portal.columns.clone();
        Box::pin(self.start_statement(&mut replaced, client)).await
    }

    /// EXECUTE: the prepared statement takes the place of this one.
    async fn execute_prepared<C: Client>(
        &mut self,
        portal: &mut Portal,
        name: &str,
        args: &[crate::bound::Expr],
        client: &mut C,
    ) -> Result<Started> {
        let mut replaced = self.executed(portal, name, args).await?;
        let inner = replaced.prepared.columns.clone();
        replaced.columns = portal.columns.clone().or(inner);
        let started = Box::pin(self.start_statement(&mut replaced, client)).await?;
        portal.columns = replaced.columns;
        Ok(started)
    }

    /// A portal for a prepared statement with these arguments, in the place of another portal.
    async fn executed(&mut self, portal: &Portal, name: &str, args: &[crate::bound::Expr]) -> Result<Portal> {
        let inner = self.prepared(name)?;
        let wanted = &inner.bound.params;
        if wanted.len() != args.len() {
            let message = format!("wrong number of parameters for prepared statement \"{name}\"");
            let detail = format!("Expected {} parameters but got {}.", wanted.len(), args.len());
            return Err(Error::new(SqlState::SYNTAX_ERROR, message).detail(detail));
        }
        let context = self.exec_context(&portal.prepared, portal.params.clone()).await?;
        let mut params = Vec::with_capacity(args.len());
        for (arg, ty) in args.iter().zip(wanted) {
            params.push(exec::evaluate_as(arg, *ty, &context).await?);
        }
        let mut replaced = Portal::new(inner, params, portal.formats.clone());
        replaced.multiple = portal.multiple;
        Box::pin(self.renew_prepared(&mut replaced)).await?;
        Ok(replaced)
    }

    /// DECLARE makes a portal of its own, which FETCH runs on.
    pub(super) fn declare(
        &mut self,
        prepared: &Prepared,
        cursor: &CursorSpec,
        context: Arc<ExecContext>,
        multiple: bool,
    ) -> Result<()> {
        if cursor.hold && self.forwarded {
            return Err(Error::unsupported("DECLARE CURSOR WITH HOLD in a transaction that a replica forwards"));
        }
        if !cursor.hold && !matches!(self.block, Block::Begun) && !multiple {
            let message = "DECLARE CURSOR can only be used in transaction blocks";
            return Err(Error::new(SqlState::NO_ACTIVE_SQL_TRANSACTION, message));
        }
        if self.portals.contains_key(&cursor.name) {
            let message = format!("cursor \"{}\" already exists", cursor.name);
            return Err(Error::new(SqlState::DUPLICATE_CURSOR, message));
        }
        let source = RowSource::open(&cursor.query.plan, &context)?;
        let mut bound = prepared.bound.clone();
        bound.statement = Statement::Query(cursor.query.clone());
        let inner = Prepared {
            sql: prepared.sql.clone(),
            parsed: prepared.parsed.clone(),
            bound,
            catalog: prepared.catalog.clone(),
            search_path: prepared.search_path.clone(),
            user: prepared.user.clone(),
            columns: Some(wire_columns(&cursor.query.columns)),
            lifted: Box::default(),
            made: self.settings.statement_timestamp,
            by: None,
        };
        let mut made = Portal::new(Arc::new(inner), context.params.clone(), Formats::new());
        made.columns = made.prepared.columns.clone();
        made.state = PortalState::Running(Running { source: Mutex::new(source), context, tag: Tag::Counted("SELECT") });
        made.cursor = Cursor::new(cursor.scroll == Some(true));
        made.depth = self.savepoints.len();
        made.hold = if cursor.hold { Hold::AtCommit } else { Hold::No };
        self.portals.insert(cursor.name.clone(), made);
        Ok(())
    }

    async fn fetch(
        &mut self,
        prepared: &Arc<Prepared>,
        cursor: &str,
        direction: FetchDirection,
        moving: bool,
    ) -> Result<Started> {
        let is_held = self.portals.get(cursor).is_some_and(|it| matches!(it.state, PortalState::Held(_)));
        let held = is_held.then(|| self.showing_held(prepared));
        let portal = self.portals.get_mut(cursor).ok_or_else(|| no_cursor(cursor))?;
        let from = match (&mut portal.state, &held) {
            (PortalState::Running(running), _) => {
                Some(Pulled { source: running.source.get_mut(), context: &running.context })
            }
            (PortalState::Held(source), Some(context)) => Some(Pulled { source: source.get_mut(), context }),
            (PortalState::Failed, _) => return Err(failed_portal(cursor)),
            _ => None,
        };
        let passed = match from {
            Some(mut from) => portal.cursor.go(&mut from, direction, !moving).await,
            None => Ok(Passed::default()),
        };
        if passed.is_err() {
            portal.state = PortalState::Failed;
        }
        let passed = passed?;
        let count = passed.count;
        if moving {
            return Ok(Started::Done(format!("MOVE {count}").into()));
        }
        let source = RowSource::gathered(passed.rows).await?;
        self.started(prepared, source, &format!("FETCH {count}")).await
    }

    /// Of the tables that VACUUM or ANALYZE names, or of all if it names none, those that the user may have it work on:
    /// its own, or anyone's if it owns the database. The client is warned of each other. `None` is all that there are.
    fn maintained<C: Client>(
        &self,
        tables: &[Arc<TableDef>],
        what: &str,
        client: &mut C,
    ) -> Result<Option<Vec<Arc<TableDef>>>> {
        let (catalog, user) = (self.context.catalog(), self.context.role()?);
        let owner = catalog.database(catalog.database).map(|database| database.owner);
        if owner.is_some_and(|owner| has_rights_of(&catalog, &user, owner)) {
            return Ok((!tables.is_empty()).then(|| tables.to_vec()));
        }
        let path = self.context.search_path();
        let mut allowed: Vec<Arc<TableDef>> =
            if tables.is_empty() { catalog.tables().cloned().collect() } else { tables.to_vec() };
        allowed.retain(|table| {
            let may = has_rights_of(&catalog, &user, table.owner);
            if !may {
                let message = format!("skipping \"{}\" --- only table or database owner can {what} it", table.name);
                self.send_notice(NoticeSeverity::Warning, &Error::new(SqlState::WARNING, message), client);
            }
            may && !is_others(&table.schema_name, &path)
        });
        Ok(Some(allowed))
    }

    /// Counts rows for the planner.
    async fn analyze(&mut self, prepared: &Arc<Prepared>, tables: Option<&[Arc<TableDef>]>, named: bool) -> Result<()> {
        let context = self.exec_context(prepared, Vec::new()).await?;
        exec::analyze(tables, named, &context).await?;
        self.after_ddl().await;
        Ok(())
    }

    async fn lock_explicitly(&mut self, tables: &[Arc<TableDef>], mode: LockMode, nowait: bool) -> Result<()> {
        let mode = match mode {
            LockMode::AccessShare => TableLockMode::AccessShare,
            LockMode::RowShare => TableLockMode::RowShare,
            LockMode::RowExclusive => TableLockMode::RowExclusive,
            LockMode::ShareUpdateExclusive => TableLockMode::ShareUpdateExclusive,
            LockMode::Share => TableLockMode::Share,
            LockMode::ShareRowExclusive => TableLockMode::ShareRowExclusive,
            LockMode::Exclusive => TableLockMode::Exclusive,
            LockMode::AccessExclusive => TableLockMode::AccessExclusive,
        };
        let mut guard = self.txn.lock().await;
        let txn = guard.as_mut().ok_or_else(|| Error::internal("a lock without a transaction"))?;
        let policy = if nowait { WaitPolicy::NoWait } else { WaitPolicy::Wait };
        for table in tables {
            let result = self.database.engine.lock_object(txn, u64::from(table.oid), mode, policy).await;
            match result {
                Err(engine::Error::LockNotAvailable) if nowait => {
                    let message = format!("could not obtain lock on relation \"{}\"", table.name);
                    return Err(Error::new(SqlState::LOCK_NOT_AVAILABLE, message));
                }
                other => other.lift()?,
            }
        }
        Ok(())
    }
}

fn no_cursor(name: &str) -> Error {
    Error::new(SqlState::UNDEFINED_CURSOR, format!("cursor \"{name}\" does not exist"))
}

/// The command in messages such as "cannot execute CREATE TABLE in a read-only transaction".
pub(super) fn command_name(ddl: &Ddl) -> &'static str {
    match ddl {
        Ddl::CreateTable(_) => "CREATE TABLE",
        Ddl::CreateTableAs(_) => "CREATE TABLE AS",
        Ddl::AlterTable { .. } => "ALTER TABLE",
        Ddl::CreateIndex(_) => "CREATE INDEX",
        Ddl::CreateSequence { .. } => "CREATE SEQUENCE",
        Ddl::AlterSequence { .. } => "ALTER SEQUENCE",
        Ddl::CreateView(_) => "CREATE VIEW",
        Ddl::CreateSchema { .. } => "CREATE SCHEMA",
        Ddl::DropRelations { relations, .. } => match relations.first() {
            Some(Relation::View(_)) => "DROP VIEW",
            Some(Relation::Index(_)) => "DROP INDEX",
            Some(Relation::Sequence(_)) => "DROP SEQUENCE",
            _ => "DROP TABLE",
        },
        Ddl::DropSchemas { .. } => "DROP SCHEMA",
        Ddl::RenameRelation { relation, .. } | Ddl::SetSchema { relation, .. } | Ddl::SetOwner { relation, .. } => {
            match relation {
                Relation::View(_) => "ALTER VIEW",
                Relation::Index(_) => "ALTER INDEX",
                Relation::Sequence(_) => "ALTER SEQUENCE",
                _ => "ALTER TABLE",
            }
        }
        Ddl::RenameSchema { .. } | Ddl::SetSchemaOwner { .. } => "ALTER SCHEMA",
        Ddl::CreateRole { .. } => "CREATE ROLE",
        Ddl::AlterRole { .. } | Ddl::AlterRoleSet { .. } | Ddl::RenameRole { .. } => "ALTER ROLE",
        Ddl::DropRoles { .. } => "DROP ROLE",
        Ddl::ReassignOwned { .. } => "REASSIGN OWNED",
        Ddl::DropOwned { .. } => "DROP OWNED",
        Ddl::Grant(grant) => {
            if grant.revoke {
                "REVOKE"
            } else {
                "GRANT"
            }
        }
        Ddl::CreateDatabase(_) => "CREATE DATABASE",
        Ddl::AlterDatabase { .. } => "ALTER DATABASE",
        Ddl::DropDatabase { .. } => "DROP DATABASE",
        Ddl::Comment { .. }
        | Ddl::CommentSchema { .. }
        | Ddl::CommentConstraint { .. }
        | Ddl::CommentExtension { .. } => "COMMENT",
        Ddl::Reindex { .. } => "REINDEX",
        Ddl::AlterIndex { tag, .. } | Ddl::AlterView { tag, .. } | Ddl::Nothing { tag } => tag,
    }
}

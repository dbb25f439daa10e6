//! Running a portal: from its statement to rows and a tag.
//!
//! **Rule.** A statement locks its tables, then takes its snapshot, and then sees whether its plan is of the newest catalog.
//! If not it is planned anew, and goes on with that plan when this locks nothing that was not locked before: whatever others
//! have defined since is none of its tables. Where somebody is changing definitions, Bind and Describe take these locks already
//! ([`Session::renew_behind_changes`]): a client is told of the columns that there will be. On a replica nothing can be locked,
//! and the plan must be of the newest catalog.

use std::borrow::Cow;
use std::sync::Arc;

use engine::{Isolation, TableLockMode, View, WaitPolicy};
use parking_lot::Mutex;
use smallvec::{SmallVec, smallvec};
use types::{Datum, Error, Result, Settings, SqlState};

use super::client::{Client, Column};
use super::identity::Actor;
use super::portal::{Hold, Portal, PortalState, Prepared, Running, Tag, counted};
use super::state::{Session, is_transaction_control};
use super::transaction::Block;
use crate::bound::walk::visit_scans;
use crate::bound::{
    Access, Bound, CopyDirection, Ddl, IndexAccess, LockMode, LockStrength, Node, Plan, Required, Statement, WithPart,
};
use crate::catalog::{
    CatalogSnapshot, ConstraintKind, FIRST_NORMAL_OID, Privileges, ReferentialAction, Relation, RoleDef, TableDef,
};
use crate::exec::{self, Changed, ExecContext, Lift, Row, RowSource, StatementEnd, lift};
use crate::functions::{Listed, ListedCursor, ListedStatement, SESSION_VIEWS, relation_allows};

/// Rows pulled at once for a client that wants all of them.
const SEND_ROWS: usize = 128;

/// What became of starting a statement.
pub(super) enum Started {
    Rows(Box<Running>),
    /// All rows of a keyed SELECT: one or none.
    Row {
        row: Option<Row>,
        context: Arc<ExecContext>,
    },
    Done(Cow<'static, str>),
}

/// Who is sent nothing.
struct Nobody;

impl Client for Nobody {
    fn data_row(&mut self, _: &[Datum], _: &[Column], _: &[i16], _: &Settings) -> Result<()> {
        Ok(())
    }
}

impl Session {
    /// Runs a portal on: sends up to `max_rows` rows (0: all) and returns its tag, or `None` when it is suspended.
    pub(super) async fn run_portal<C: Client>(
        &mut self,
        portal: &mut Portal,
        max_rows: u32,
        client: &mut C,
    ) -> Result<Option<Cow<'static, str>>> {
        if let PortalState::Done(again) = &portal.state {
            return Ok(again.clone());
        }
        if matches!(portal.state, PortalState::Ready) {
            let started = self.start_statement(portal, client).await?;
            if !portal.is_described || portal.columns.is_none() {
                // Only now is it certain which columns there are: the statement may have waited for a definition, and not
                // every one says by itself what it yields.
                portal.columns = self.result_columns(&portal.prepared)?;
            }
            if !portal.is_described {
                if let Some(columns) = &portal.columns {
                    client.row_description(columns, &portal.formats);
                }
                portal.is_described = true;
            }
            match started {
                Started::Done(tag) => {
                    portal.state = PortalState::Done(None);
                    return Ok(Some(tag));
                }
                Started::Rows(running) => portal.state = PortalState::Running(*running),
                Started::Row { row, context } if max_rows == 0 => {
                    if let Some(row) = &row {
                        let columns = portal.columns.as_deref().unwrap_or_default();
                        client.data_row(row, columns, &portal.formats, &self.settings)?;
                    }
                    self.depend_on(context.view.observed().max(self.context.observed()));
                    portal.state = PortalState::Done(Some(counted("SELECT", 0)));
                    return Ok(Some(counted("SELECT", u64::from(row.is_some()))));
                }
                Started::Row { row, context } => {
                    let source = Mutex::new(RowSource::of(row.into_iter().collect()));
                    portal.state = PortalState::Running(Running { source, context, tag: Tag::Counted("SELECT") });
                }
            }
        }
        let is_held = matches!(portal.state, PortalState::Held(_));
        let (held, selected) = (is_held.then(|| self.showing_held(&portal.prepared)), Tag::Counted("SELECT"));
        let (source, context, tag) = match (&mut portal.state, &held) {
            (PortalState::Running(running), _) => (running.source.get_mut(), &running.context, &running.tag),
            (PortalState::Held(source), Some(context)) => (source.get_mut(), context, &selected),
            _ => return Ok(None),
        };
        let columns: Arc<[Column]> = portal.columns.clone().unwrap_or_else(|| Arc::from([]));
        let mut left = if max_rows == 0 { u64::MAX } else { u64::from(max_rows) };
        let mut sent = 0;
        let suspended = loop {
            if left == 0 {
                break true;
            }
            let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(SEND_ROWS);
            let batch = source.next(wanted).await?;
            if batch.is_empty() {
                break false;
            }
            for row in &batch {
                client.data_row(row, &columns, &portal.formats, &self.settings)?;
                // After each, for a row may be long: of one value in memory, too, which all rows share.
                if client.must_drain() {
                    self.send(context, client).await?;
                    context.check()?;
                }
            }
            left -= batch.len() as u64;
            sent += batch.len() as u64;
            if client.wants_drain() {
                self.send(context, client).await?;
            }
        };
        let observed = context.view.observed().max(self.context.observed());
        self.depend_on(observed);
        if suspended {
            return Ok(None);
        }
        let (tag, again) = match tag {
            // As many as were sent now: those of Executes before, their tags or their silence told.
            Tag::Counted(word) => (counted(word, sent), counted(word, 0)),
            Tag::Fixed(tag) => (tag.clone(), tag.clone()),
        };
        if !is_held {
            portal.state = PortalState::Done(Some(again));
        }
        Ok(Some(tag))
    }

    /// Opens the query of a portal, of which nothing is sent yet.
    pub(super) async fn open_portal(&mut self, portal: &mut Portal) -> Result<()> {
        portal.state = match self.start_statement(portal, &mut Nobody).await? {
            Started::Rows(running) => PortalState::Running(*running),
            Started::Row { row, context } => {
                let source = Mutex::new(RowSource::of(row.into_iter().collect()));
                PortalState::Running(Running { source, context, tag: Tag::Counted("SELECT") })
            }
            Started::Done(_) => return Err(Error::internal("a query without rows")),
        };
        Ok(())
    }

    /// Sends what a statement has shown so far, once all is durable that it tells.
    async fn send<C: Client>(&mut self, context: &ExecContext, client: &mut C) -> Result<()> {
        self.depend_on(context.view.observed().max(self.context.observed()));
        self.settle().await?;
        client.drain().await
    }

    /// Starts the statement of a portal.
    pub(super) async fn start_statement<C: Client>(&mut self, portal: &mut Portal, client: &mut C) -> Result<Started> {
        let statement = &portal.prepared.bound.statement;
        if is_transaction_control(statement) {
            return self.utility(portal, client).await;
        }
        self.confirm().await?;
        self.ensure_transaction().await?;
        self.tell_lock_timeout().await;
        let mut attempt = 0;
        // Locks that were taken before the statement was last planned.
        let mut held: Vec<(u64, TableLockMode)> = Vec::new();
        loop {
            attempt += 1;
            // First, for what it waits for may be a privilege.
            if runs_in_view(&portal.prepared.bound.statement) {
                self.freshen().await?;
            }
            self.renew(portal).await?;
            self.check_allowed(portal)?;
            // Only borrowed: sessions on other cores share it, and the count of its references with it.
            let prepared = &portal.prepared;
            let is_writer = self.database.engine.is_writer();
            let locks = locks_of(prepared, is_writer);
            self.lock_tables(&locks).await?;
            if !runs_in_view(&prepared.bound.statement) {
                self.has_run |= !takes_no_snapshot(&prepared.bound.statement);
                return self.utility(portal, client).await;
            }
            let view = self.view().await?;
            self.check_fresh(view.snapshot().lsn())?;
            if self.forwarded {
                // Back on its replica the session sees no less than here, however the transaction ends.
                let seen = view.snapshot().lsn();
                self.context.note_commit(seen);
                // And what it sees there is durable, so that no other writer comes without it.
                self.depend_on(seen);
            }
            // The view is taken after the locks. If no DDL was published before it, none that it sees changed the plan's
            // tables; otherwise the statement is planned again. Once as a rule, however often others define theirs: what was
            // locked before stays as the new plan has it.
            let stayed = attempt > 1 && is_writer && locks.iter().all(|lock| held.contains(lock));
            let newest = self.database.engine.catalog_version();
            let current = match self.private {
                Some(_) => self.private_under == newest,
                None => prepared.catalog.as_ref().is_none_or(|it| it.version == newest),
            };
            // A snapshot that stays shows what others define as little as before. Reading needs nothing of that; what is
            // written would have to go into indexes that it does not know.
            let stays = self.private.is_some() && self.isolation == Isolation::RepeatableRead;
            let statement = &prepared.bound.statement;
            let reads =
                plan_that_reads(statement).is_some() && prepared.bound.with.is_empty() || is_only_shown(statement);
            if !(current || stayed || stays && reads) {
                // On a replica nothing can be locked, and definitions come as fast as its writer makes them.
                if attempt == 100 && is_writer || stays {
                    return Err(lift(engine::Error::Serialization));
                }
                held.extend(locks);
                // Planning waits for nobody: others share the thread, and who cancels the statement is to be heard.
                self.context.backend.cancel.check().lift()?;
                tokio::task::yield_now().await;
                continue;
            }
            self.avoid_unseen(portal, &view).await?;
            self.has_run = true;
            if matches!(portal.prepared.bound.statement, Statement::Ddl(_)) {
                return self.utility(portal, client).await;
            }
            let params = std::mem::take(&mut portal.params);
            let context = self.context_over(view, &portal.prepared, params);
            return self.run_statement(&portal.prepared, context, portal.multiple, client).await;
        }
    }

    /// # Errors
    /// 57P03 while another server may be the writer, of which what is cached here says nothing.
    pub(super) async fn confirm(&self) -> Result<()> {
        if self.database.engine.is_confirmed() { Ok(()) } else { self.database.engine.confirm().await.lift() }
    }

    /// SET in a block, and what ends the effect of one, counts from the next statement on.
    pub(super) async fn tell_lock_timeout(&mut self) {
        self.refresh_settings();
        if self.lock_timeout_told != self.lock_timeout
            && let Some(txn) = self.txn.lock().await.as_mut()
        {
            txn.set_lock_timeout(self.lock_timeout);
            self.lock_timeout_told = self.lock_timeout;
        }
    }

    /// What a statement that is about to run sees.
    async fn view(&self) -> Result<View> {
        let mut guard = self.txn.lock().await;
        let txn = guard.as_mut().ok_or_else(|| Error::internal("a statement without a transaction"))?;
        Ok(self.database.engine.statement(txn))
    }

    /// The context of a statement that is about to run.
    pub(super) async fn exec_context(&mut self, prepared: &Prepared, params: Vec<Datum>) -> Result<Arc<ExecContext>> {
        let view = self.view().await?;
        Ok(self.context_over(view, prepared, params))
    }

    pub(super) fn context_over(&self, view: View, prepared: &Prepared, params: Vec<Datum>) -> Arc<ExecContext> {
        let catalog = match &prepared.catalog {
            Some(catalog) => catalog.clone(),
            None => self.context.catalog(),
        };
        if prepared.bound.required.iter().any(|required| SESSION_VIEWS.contains(&required.relation)) {
            self.list();
        }
        let (session, settings, txn) = (self.context.clone(), self.settings.clone(), self.txn.clone());
        Arc::new(ExecContext::new(session, view, self.isolation, catalog, settings, params, txn))
    }

    /// Tells the views of the session what it has prepared and declared.
    fn list(&self) {
        let statements = self.statements.iter().filter(|(name, _)| !name.is_empty());
        let mut statements: Vec<ListedStatement> = statements
            .map(|(name, prepared)| ListedStatement {
                name: name.as_str().into(),
                statement: prepared.by.clone().unwrap_or_else(|| prepared.sql.clone()),
                types: prepared.param_types(),
                from_sql: prepared.by.is_some(),
                made: prepared.made,
            })
            .collect();
        statements.sort_by(|a, b| a.name.cmp(&b.name));
        let declared = |portal: &Portal| {
            !portal.multiple && matches!(portal.state, PortalState::Running(_) | PortalState::Held(_))
        };
        let cursors = self.portals.iter().filter(|(name, portal)| !name.is_empty() && declared(portal));
        let mut cursors: Vec<ListedCursor> = cursors
            .map(|(name, portal)| ListedCursor {
                name: name.as_str().into(),
                statement: portal.prepared.sql.clone(),
                holds: portal.hold != Hold::No,
                scrolls: portal.cursor.scrolls(),
                made: portal.prepared.made,
            })
            .collect();
        cursors.sort_by(|a, b| a.name.cmp(&b.name));
        self.context.set_listed(Listed { statements, cursors });
    }

    async fn run_statement<C: Client>(
        &mut self,
        prepared: &Arc<Prepared>,
        context: Arc<ExecContext>,
        multiple: bool,
        client: &mut C,
    ) -> Result<Started> {
        let mut end = StatementEnd::default();
        if !prepared.bound.with.is_empty() && !matches!(prepared.bound.statement, Statement::Explain(_)) {
            end = exec::run_changes(&prepared.bound.with, &context).await?;
            self.note_transaction().await;
            if plan_that_reads(&prepared.bound.statement).is_some() {
                end.judge().await?;
            }
        }
        let (word, changed) = match &prepared.bound.statement {
            Statement::Query(query) => {
                if let Some(row) = exec::select_by_key(&query.plan, &context).await? {
                    return Ok(Started::Row { row, context });
                }
                let mut source = RowSource::open(&query.plan, &context)?;
                if !prepared.bound.with.is_empty() {
                    source = source.after(end);
                }
                let tag = Tag::Counted("SELECT");
                return Ok(Started::Rows(Box::new(Running { source: Mutex::new(source), context, tag })));
            }
            Statement::Insert(insert) => ("INSERT 0", exec::insert(insert, &context, end).await?),
            Statement::Update(update) => ("UPDATE", exec::update(update, &context, end).await?),
            Statement::Delete(delete) => ("DELETE", exec::delete(delete, &context, end).await?),
            Statement::Copy(copy) => {
                let rows = self.copy(copy, &context, client).await?;
                self.note_transaction().await;
                return Ok(Started::Done(counted("COPY", rows)));
            }
            Statement::Explain(explain) => {
                let rows = self.explain(prepared, explain, &context).await?;
                self.note_transaction().await;
                let (source, tag) = (Mutex::new(RowSource::of(rows)), Tag::Fixed("EXPLAIN".into()));
                return Ok(Started::Rows(Box::new(Running { source, context, tag })));
            }
            Statement::Declare(cursor) => {
                self.declare(prepared, cursor, context, multiple)?;
                return Ok(Started::Done("DECLARE CURSOR".into()));
            }
            _ => return Err(Error::internal("a statement that does not read or write rows")),
        };
        self.note_transaction().await;
        let Changed { count, rows } = changed;
        if prepared.columns.is_none() {
            return Ok(Started::Done(counted(word, count)));
        }
        let source = RowSource::gathered(rows).await?;
        Ok(Started::Rows(Box::new(Running { source: Mutex::new(source), context, tag: Tag::Counted(word) })))
    }

    /// Lets functions and views of activity know the transaction's id, if it has got one.
    pub(super) async fn note_transaction(&mut self) {
        if self.context.transaction().is_some() {
            return;
        }
        let id = self.txn.lock().await.as_ref().and_then(|txn| txn.txid());
        if let Some(id) = id {
            self.context.set_transaction(id.0);
            self.context.backend.update(|state| state.transaction = Some(id.0));
        }
    }

    /// Plans a statement again if it would read through an index that was made since its snapshot was taken: the snapshot
    /// finds nothing in it, but all of it in the table. Or, in an index that the transaction has made itself, what the rows
    /// were when it was made.
    ///
    /// # Errors
    /// 40001 where the table itself was rewritten since, and where rows are changed: they would have to be changed in
    /// the index, too. Not for what EXPLAIN only shows.
    pub(super) async fn avoid_unseen(&mut self, portal: &mut Portal, view: &View) -> Result<()> {
        let mut avoided: Vec<u64> = Vec::new();
        loop {
            let unseen = self.unseen_indexes(&portal.prepared, view).await?;
            if unseen.is_empty() {
                return Ok(());
            }
            // The new plan is made under the newest catalog, in which there may be more of them.
            avoided.extend(unseen);
            self.replan_without(&avoided, portal).await?;
        }
    }

    /// The trees of the indexes that a statement reads through and whose making its snapshot does not see.
    async fn unseen_indexes(&self, prepared: &Prepared, view: &View) -> Result<Vec<u64>> {
        let engine = &self.database.engine;
        let seen = view.snapshot().lsn();
        if self.isolation != Isolation::RepeatableRead || self.private.is_none() && seen >= engine.catalog_lsn() {
            return Ok(Vec::new());
        }
        let bound = &prepared.bound;
        let mut unseen: Vec<u64> = Vec::new();
        let mut note = |plan: &Plan| {
            visit_scans(plan, &mut |scan| {
                if let Access::Index(IndexAccess { index: Some(index), .. }) = &scan.access
                    && index.valid_from > seen.0
                {
                    unseen.push(index.tree);
                }
            });
        };
        changes(bound).chain([&bound.statement]).filter_map(plan_that_finds).for_each(&mut note);
        for part in &bound.with {
            if let WithPart::Query(query) = part {
                note(&query.plan);
            }
        }
        if seen >= engine.catalog_lsn() {
            return Ok(unseen);
        }
        let Some(catalog) = &prepared.catalog else { return Ok(Vec::new()) };
        // What is only shown reads and changes no row, and is refused for no table.
        let is_shown = is_only_shown(&bound.statement);
        let plan = plan_that_reads(&bound.statement).filter(|_| is_shown || bound.with.is_empty());
        let required: &[Required] = if is_shown { &[] } else { &bound.required };
        for table in required.iter().filter_map(|required| catalog.table(required.relation)) {
            let written = if plan.is_none() { table.indexes.as_slice() } else { &[] };
            for tree in written.iter().map(|index| index.tree).chain([table.tree]) {
                if !engine.sees_tree(view, protocol::PageId(tree)).await.lift()? {
                    return Err(lift(engine::Error::Serialization));
                }
            }
        }
        let mut read: Vec<u64> = Vec::new();
        if let Some(plan) = plan {
            visit_scans(plan, &mut |scan| {
                if let Access::Index(IndexAccess { index: Some(index), .. }) = &scan.access {
                    read.push(index.tree);
                }
            });
        }
        read.sort_unstable();
        read.dedup();
        for tree in read {
            if !unseen.contains(&tree) && !engine.sees_tree(view, protocol::PageId(tree)).await.lift()? {
                unseen.push(tree);
            }
        }
        Ok(unseen)
    }

    /// Locks tables for the rest of the transaction.
    pub(super) async fn lock_tables(&mut self, locks: &[(u64, TableLockMode)]) -> Result<()> {
        if locks.is_empty() {
            return Ok(());
        }
        let mut guard = self.txn.lock().await;
        let txn = guard.as_mut().ok_or_else(|| Error::internal("a lock without a transaction"))?;
        for &(object, mode) in locks {
            self.database.engine.lock_object(txn, object, mode, WaitPolicy::Wait).await.lift()?;
        }
        Ok(())
    }

    /// 25006 and 42501, in PostgreSQL's order: it looks at the transaction first, but for COPY FROM.
    pub(super) fn check_allowed(&self, portal: &Portal) -> Result<()> {
        let Prepared { bound, .. } = &*portal.prepared;
        let privileges_first = match &bound.statement {
            Statement::Copy(copy) => matches!(copy.direction, CopyDirection::In { .. }),
            _ => false,
        };
        if !privileges_first {
            self.check_read_only(bound)?;
        }
        // Whether a view's owner may read what is behind it is asked when the view is read.
        if !portal.is_permitted && !matches!(&bound.statement, Statement::Ddl(Ddl::CreateView(_))) {
            self.check_privileges(&bound.required, &portal.prepared)?;
        }
        if privileges_first { self.check_read_only(bound) } else { Ok(()) }
    }

    fn check_privileges(&self, required: &[Required], prepared: &Prepared) -> Result<()> {
        let Some(catalog) = &prepared.catalog else { return Ok(()) };
        for required in required {
            let role = match required.role {
                Some(role) => catalog.role(role),
                None => self.user(catalog),
            };
            // Whatever it is: it need not be looked up.
            if role.is_some_and(|role| role.superuser) {
                continue;
            }
            let Some(relation) = catalog.relation(required.relation) else { continue };
            if role.is_some_and(|role| relation_allows(catalog, role, relation, required.privileges)) {
                continue;
            }
            let message = format!("permission denied for {} {}", relation.kind_name(), relation.name());
            return Err(Error::new(SqlState::INSUFFICIENT_PRIVILEGE, message));
        }
        Ok(())
    }

    /// The current user as the settings had it last. One that was unknown then may be known since.
    fn user<'c>(&self, catalog: &'c CatalogSnapshot) -> Option<&'c Arc<RoleDef>> {
        match &self.origin.user {
            Actor::Unknown(_) => self.context.actor().find(catalog),
            known => known.find(catalog),
        }
    }

    /// # Errors
    /// 42501 the current user may do nothing with the table that takes so strong a lock.
    pub(super) fn check_may_lock(&self, prepared: &Prepared, table: &Arc<TableDef>, mode: LockMode) -> Result<()> {
        let Some(catalog) = &prepared.catalog else { return Ok(()) };
        let any: &[Privileges] = match mode {
            LockMode::AccessShare => &[Privileges::SELECT],
            LockMode::RowExclusive => {
                &[Privileges::INSERT, Privileges::UPDATE, Privileges::DELETE, Privileges::TRUNCATE]
            }
            _ => &[Privileges::UPDATE, Privileges::DELETE, Privileges::TRUNCATE],
        };
        let relation = Relation::Table(table.clone());
        let may = |role: &Arc<RoleDef>| any.iter().any(|wanted| relation_allows(catalog, role, &relation, *wanted));
        if self.user(catalog).is_some_and(may) {
            return Ok(());
        }
        let message = format!("permission denied for table {}", table.name);
        Err(Error::new(SqlState::INSUFFICIENT_PRIVILEGE, message))
    }

    fn check_read_only(&self, bound: &Bound) -> Result<()> {
        let statement = executed(&bound.statement);
        let command = match row_lock(statement) {
            Some(LockStrength::Update) => "SELECT FOR UPDATE",
            Some(LockStrength::NoKeyUpdate) => "SELECT FOR NO KEY UPDATE",
            Some(LockStrength::Share) => "SELECT FOR SHARE",
            Some(LockStrength::KeyShare) => "SELECT FOR KEY SHARE",
            None => match statement {
                Statement::Insert(_) => "INSERT",
                Statement::Update(_) => "UPDATE",
                Statement::Delete(_) => "DELETE",
                Statement::Query(_) if changes(bound).next().is_some() => "SELECT",
                Statement::Copy(copy) => match &copy.direction {
                    CopyDirection::In { .. } => "COPY FROM",
                    CopyDirection::Out { plan, .. } => match copied_change(plan, bound) {
                        Some(Statement::Insert(_)) => "INSERT",
                        Some(Statement::Update(_)) => "UPDATE",
                        Some(_) => "DELETE",
                        None if changes(bound).next().is_some() => "SELECT",
                        None => return Ok(()),
                    },
                },
                Statement::Truncate { .. } => "TRUNCATE TABLE",
                Statement::Ddl(ddl) => super::utility::command_name(ddl),
                Statement::Vacuum { .. } | Statement::Analyze { .. } if !self.database.engine.is_writer() => "VACUUM",
                _ => return Ok(()),
            },
        };
        // What is bound outside of a transaction begins one when it is executed.
        let read_only = if self.block == Block::Idle { self.default_read_only } else { self.read_only };
        if read_only && !changes_only_temporary(bound) || !self.database.engine.is_writer() {
            let message = format!("cannot execute {command} in a read-only transaction");
            return Err(Error::new(SqlState::READ_ONLY_SQL_TRANSACTION, message));
        }
        Ok(())
    }

    /// 25001 for what cannot be part of a transaction.
    pub(super) fn check_alone(&self, what: &str, multiple: bool) -> Result<()> {
        if multiple || matches!(self.block, Block::Begun) {
            let message = format!("{what} cannot run inside a transaction block");
            return Err(Error::new(SqlState::ACTIVE_SQL_TRANSACTION, message));
        }
        Ok(())
    }
}

/// Whether the transaction may still choose its level after this statement, which reads nothing through a snapshot.
pub(super) fn takes_no_snapshot(statement: &Statement) -> bool {
    matches!(
        statement,
        Statement::Transaction(_)
            | Statement::Set { .. }
            | Statement::SetConstraints { .. }
            | Statement::Reset { .. }
            | Statement::Show { .. }
            | Statement::Lock { .. }
            | Statement::Listen(_)
            | Statement::Unlisten(_)
            | Statement::Notify { .. }
            | Statement::WaitForLsn(_)
    )
}

/// The statement that is run: of EXPLAIN ANALYZE the one that it explains.
fn executed(statement: &Statement) -> &Statement {
    match statement {
        Statement::Explain(explain) if explain.analyze => executed(&explain.statement),
        statement => statement,
    }
}

/// Whether a statement changes rows of temporary tables, which nobody else sees, and of no others.
fn changes_only_temporary(bound: &Bound) -> bool {
    let statement = executed(&bound.statement);
    if matches!(statement, Statement::Ddl(_) | Statement::Truncate { .. }) || row_lock(statement).is_some() {
        return false;
    }
    let mut written = written_tables(statement);
    written.extend(changes(bound).flat_map(written_tables));
    !written.is_empty() && written.iter().all(|table| table.is_temporary())
}

/// Whether a statement is explained without being run.
fn is_only_shown(statement: &Statement) -> bool {
    matches!(executed(statement), Statement::Explain(_))
}

/// How a query locks the rows it finds, if it does.
fn row_lock(statement: &Statement) -> Option<LockStrength> {
    match executed(statement) {
        Statement::Query(query) => query.row_lock,
        Statement::Declare(cursor) => cursor.query.row_lock,
        Statement::Copy(copy) => match copy.direction {
            CopyDirection::Out { row_lock, .. } => row_lock,
            CopyDirection::In { .. } => None,
        },
        _ => None,
    }
}

/// Whether a statement runs a plan over a view of the data, as queries and changes of rows do. It then requires
/// relations, takes no locks of its own, and must not run a plan from before it had them.
fn runs_in_view(statement: &Statement) -> bool {
    match statement {
        Statement::Query(_)
        | Statement::Insert(_)
        | Statement::Update(_)
        | Statement::Delete(_)
        | Statement::Copy(_)
        | Statement::Declare(_) => true,
        // EXECUTE is put in the place of what it executes first.
        Statement::Explain(explain) => !matches!(explain.statement, Statement::Execute { .. }),
        Statement::Ddl(Ddl::CreateTableAs(table)) => table.plan.is_some(),
        _ => false,
    }
}

/// The plan of a statement that reads rows and changes none that are there.
fn plan_that_reads(statement: &Statement) -> Option<&Plan> {
    match statement {
        Statement::Query(query) => Some(&query.plan),
        Statement::Declare(cursor) => Some(&cursor.query.plan),
        Statement::Explain(explain) => plan_that_reads(&explain.statement),
        Statement::Copy(copy) => match &copy.direction {
            CopyDirection::Out { plan, .. } => Some(plan),
            CopyDirection::In { .. } => None,
        },
        Statement::Ddl(Ddl::CreateTableAs(table)) => table.plan.as_deref(),
        _ => None,
    }
}

/// The plan by which a statement finds the rows that it reads or changes.
pub(super) fn plan_that_finds(statement: &Statement) -> Option<&Plan> {
    match executed(statement) {
        Statement::Insert(insert) => Some(&insert.source),
        Statement::Update(update) => Some(&update.source),
        Statement::Delete(delete) => Some(&delete.source),
        statement => plan_that_reads(statement),
    }
}

/// The change of rows whose RETURNING is all that COPY copies.
fn copied_change<'b>(plan: &Plan, bound: &'b Bound) -> Option<&'b Statement> {
    let Node::CteScan { id: copied, .. } = &plan.node else { return None };
    bound.with.iter().find_map(|part| match part {
        WithPart::Change { id, statement, .. } if id == copied => Some(statement),
        _ => None,
    })
}

/// The changes of rows in a WITH clause.
fn changes(bound: &Bound) -> impl Iterator<Item = &Statement> {
    bound.with.iter().filter_map(|part| match part {
        WithPart::Query(_) => None,
        WithPart::Change { statement, .. } => Some(statement),
    })
}

/// Whether a statement leaves the rows alone that are there.
fn adds_rows(statement: &Statement) -> bool {
    match executed(statement) {
        Statement::Insert(insert) => insert.on_conflict.is_none(),
        statement => matches!(statement, Statement::Copy(_) | Statement::Query(_)),
    }
}

/// The tables that a statement locks before it sees anything, in this order. What it only reads nobody is to drop or
/// rewrite meanwhile: ACCESS SHARE, or ROW SHARE where rows are locked; on a replica nobody could. What it writes: ROW
/// EXCLUSIVE.
pub(super) fn locks_of(prepared: &Prepared, is_writer: bool) -> SmallVec<[(u64, TableLockMode); 4]> {
    let bound = &prepared.bound;
    let mut written = written_tables(&bound.statement);
    if !is_only_shown(&bound.statement) {
        written.extend(changes(bound).flat_map(written_tables));
    }
    let mut locks: SmallVec<[(u64, TableLockMode); 4]> = SmallVec::new();
    if is_writer && runs_in_view(&bound.statement) {
        let locks_rows = row_lock(&bound.statement).is_some();
        for required in &bound.required {
            // Relations of the system are not taken away, and what is written gets a stronger lock.
            if required.relation < FIRST_NORMAL_OID || written.iter().any(|table| table.oid == required.relation) {
                continue;
            }
            let mode = match locks_rows && required.privileges.contains(Privileges::UPDATE) {
                true => TableLockMode::RowShare,
                false => TableLockMode::AccessShare,
            };
            locks.push((u64::from(required.relation), mode));
        }
    }
    locks.extend(written.iter().map(|table| (u64::from(table.oid), TableLockMode::RowExclusive)));
    if !written.is_empty()
        && let Some(catalog) = &prepared.catalog
    {
        let adds = adds_rows(&bound.statement) && changes(bound).all(adds_rows);
        let related = related_tables(&written, catalog, adds);
        locks.extend(related.into_iter().map(|(mode, table)| (u64::from(table.oid), mode)));
    }
    locks
}

/// The tables to which foreign keys lead from tables that are written: parents are looked at, and unless rows are only
/// added, children are looked at, or changed with their parents.
fn related_tables<'c>(
    written: &[&'c TableDef],
    catalog: &'c CatalogSnapshot,
    adds: bool,
) -> Vec<(TableLockMode, &'c TableDef)> {
    let mut found: Vec<(TableLockMode, &TableDef)> = Vec::new();
    let is_alone = |table: &&TableDef| {
        table.referenced_by.is_empty()
            && !table.constraints.iter().any(|it| matches!(it.kind, ConstraintKind::Foreign(_)))
    };
    if written.iter().all(is_alone) {
        return found;
    }
    let mut pending = written.to_vec();
    while let Some(table) = pending.pop() {
        for constraint in table.constraints.iter().chain(&table.referenced_by) {
            let ConstraintKind::Foreign(foreign) = &constraint.kind else { continue };
            let is_child = constraint.table != table.oid;
            if is_child && adds {
                continue;
            }
            let looks = |action| matches!(action, ReferentialAction::NoAction | ReferentialAction::Restrict);
            let changes = is_child && !(looks(foreign.on_update) && looks(foreign.on_delete));
            let mode = if changes { TableLockMode::RowExclusive } else { TableLockMode::RowShare };
            let other = catalog.table(if is_child { constraint.table } else { foreign.parent }).map(Arc::as_ref);
            let Some(other) = other.filter(|other| other.oid != table.oid) else { continue };
            if !found.iter().any(|(known, it)| *known == mode && it.oid == other.oid) {
                found.push((mode, other));
                if changes {
                    pending.push(other);
                }
            }
        }
    }
    found
}

/// The tables that a statement writes rows of.
fn written_tables(statement: &Statement) -> SmallVec<[&TableDef; 2]> {
    match executed(statement) {
        Statement::Insert(insert) => smallvec![&*insert.table],
        Statement::Update(update) => smallvec![&*update.table],
        Statement::Delete(delete) => smallvec![&*delete.table],
        Statement::Copy(copy) => match &copy.direction {
            CopyDirection::In { table, .. } => smallvec![&**table],
            CopyDirection::Out { .. } => SmallVec::new(),
        },
        _ => SmallVec::new(),
    }
}

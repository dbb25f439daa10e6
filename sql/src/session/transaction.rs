//! Transactions of a session: blocks, implicit transactions, savepoints.

use std::sync::Arc;

use engine::Isolation;
use types::{Error, Result, SqlState};

use super::portal::{Hold, Prepared};
use super::state::{Savepoint, Session};
use crate::bound::{AccessMode, Isolation as Level, TransactionModes, TransactionStatement};
use crate::exec::{self, Lift};

/// Where a session stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Block {
    /// No transaction.
    Idle,
    /// One that ends with the message or at Sync.
    Implicit,
    /// Between BEGIN and COMMIT.
    Begun,
    /// An error occurred in a block; only its end is accepted.
    Failed,
}

fn no_such_savepoint(name: &str) -> Error {
    Error::new(SqlState::S_E_INVALID_SPECIFICATION, format!("savepoint \"{name}\" does not exist"))
}

impl Session {
    /// Makes sure that there is a transaction, an implicit one if need be.
    pub(super) async fn ensure_transaction(&mut self) -> Result<()> {
        if self.block == Block::Idle {
            self.start(TransactionModes::default()).await?;
            self.block = Block::Implicit;
        }
        Ok(())
    }

    pub(super) async fn start(&mut self, modes: TransactionModes) -> Result<()> {
        self.refresh_settings();
        self.saved = Some(self.context.variables().save());
        self.isolation = self.default_isolation;
        // What begins on a replica stays read-only to its end, as in PostgreSQL, also when the server is promoted meanwhile.
        self.read_only = self.default_read_only || !self.database.engine.is_writer();
        self.read_only_by_choice = self.default_read_only;
        self.has_run = false;
        let mut txn = self.database.engine.begin_with(self.isolation, self.context.backend.cancel.clone());
        txn.set_lock_timeout(self.lock_timeout);
        self.lock_timeout_told = self.lock_timeout;
        *self.txn.lock().await = Some(txn);
        self.set_modes(modes).await?;
        self.context.set_read_only(self.read_only);
        let at = self.settings.transaction_timestamp;
        self.context.backend.update(|state| state.transaction_started = Some(at));
        Ok(())
    }

    async fn set_modes(&mut self, modes: TransactionModes) -> Result<()> {
        if let Some(level) = modes.isolation {
            let level = match level {
                Level::ReadUncommitted | Level::ReadCommitted => Isolation::ReadCommitted,
                Level::RepeatableRead => Isolation::RepeatableRead,
                Level::Serializable => return Err(Error::unsupported("isolation level SERIALIZABLE")),
            };
            if self.has_run && level != self.isolation {
                let message = "SET TRANSACTION ISOLATION LEVEL must be called before any query";
                return Err(Error::new(SqlState::ACTIVE_SQL_TRANSACTION, message));
            }
            if level != self.isolation && !self.savepoints.is_empty() {
                let message = "SET TRANSACTION ISOLATION LEVEL must not be called in a subtransaction";
                return Err(Error::new(SqlState::ACTIVE_SQL_TRANSACTION, message));
            }
            self.isolation = level;
            if let Some(txn) = self.txn.lock().await.as_mut() {
                txn.set_isolation(level);
            }
        }
        if let Some(access) = modes.access {
            let read_only = access == AccessMode::ReadOnly;
            if !read_only && !self.database.engine.is_writer() {
                let message = "cannot set transaction read-write mode during recovery";
                return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message));
            }
            if self.read_only && !read_only && !self.savepoints.is_empty() {
                let message = "cannot set transaction read-write mode inside a read-only transaction";
                return Err(Error::new(SqlState::ACTIVE_SQL_TRANSACTION, message));
            }
            if self.read_only && !read_only && self.has_run {
                let message = "transaction read-write mode must be set before any query";
                return Err(Error::new(SqlState::ACTIVE_SQL_TRANSACTION, message));
            }
            self.set_read_only((read_only, read_only));
        }
        Ok(())
    }

    /// Whether the transaction is read-only, and whether by choice.
    fn set_read_only(&mut self, (read_only, by_choice): (bool, bool)) {
        self.read_only = read_only;
        self.read_only_by_choice = by_choice;
        self.context.set_read_only(read_only);
    }

    /// Runs BEGIN, COMMIT and their kin. Returns the tag.
    pub(super) async fn transaction_statement(
        &mut self,
        statement: &TransactionStatement,
    ) -> Result<(&'static str, Option<Error>)> {
        let warning = |state, message: &str| Some(Error::new(state, message));
        match statement {
            TransactionStatement::Begin(modes) | TransactionStatement::Start(modes) => {
                let mut notice = None;
                match self.block {
                    Block::Idle => self.start(*modes).await?,
                    Block::Implicit => self.set_modes(*modes).await?,
                    Block::Begun | Block::Failed => {
                        let message = "there is already a transaction in progress";
                        notice = warning(SqlState::ACTIVE_SQL_TRANSACTION, message);
                        self.set_modes(*modes).await?;
                    }
                }
                if self.block != Block::Failed {
                    self.block = Block::Begun;
                }
                let started = matches!(statement, TransactionStatement::Start(_));
                Ok((if started { "START TRANSACTION" } else { "BEGIN" }, notice))
            }
            TransactionStatement::Commit { chain } => {
                if *chain {
                    self.check_in_block("COMMIT AND CHAIN")?;
                }
                let mut notice = None;
                let modes = self.chained_modes();
                let tag = match self.block {
                    Block::Failed => {
                        self.rollback().await;
                        "ROLLBACK"
                    }
                    Block::Begun => {
                        self.commit().await?;
                        "COMMIT"
                    }
                    Block::Idle | Block::Implicit => {
                        let message = "there is no transaction in progress";
                        notice = warning(SqlState::NO_ACTIVE_SQL_TRANSACTION, message);
                        self.commit().await?;
                        "COMMIT"
                    }
                };
                self.chain(*chain, modes).await?;
                Ok((tag, notice))
            }
            TransactionStatement::Rollback { chain } => {
                if *chain {
                    self.check_in_block("ROLLBACK AND CHAIN")?;
                }
                let mut notice = None;
                let modes = self.chained_modes();
                if matches!(self.block, Block::Idle | Block::Implicit) {
                    let message = "there is no transaction in progress";
                    notice = warning(SqlState::NO_ACTIVE_SQL_TRANSACTION, message);
                }
                self.rollback().await;
                self.chain(*chain, modes).await?;
                Ok(("ROLLBACK", notice))
            }
            TransactionStatement::Savepoint(name) => {
                self.check_in_block("SAVEPOINT")?;
                let id = {
                    let mut guard = self.txn.lock().await;
                    let txn = guard.as_mut().ok_or_else(|| Error::internal("a block without its transaction"))?;
                    self.database.engine.savepoint(txn)
                };
                let variables = self.context.variables().save();
                let read_only = (self.read_only, self.read_only_by_choice);
                self.savepoints.push(Savepoint { name: name.clone(), id, variables, read_only });
                self.context.set_depth(self.savepoints.len() as u32, false);
                Ok(("SAVEPOINT", None))
            }
            TransactionStatement::Release(name) => {
                self.check_in_block("RELEASE SAVEPOINT")?;
                let at = self.savepoints.iter().rposition(|it| it.name == *name);
                let at = at.ok_or_else(|| no_such_savepoint(name))?;
                let (id, read_only) = (self.savepoints[at].id, self.savepoints[at].read_only);
                self.savepoints.truncate(at);
                self.set_read_only(read_only);
                // What was opened behind it belongs to the level around it.
                self.portals.values_mut().for_each(|portal| portal.depth = portal.depth.min(at));
                self.context.set_depth(at as u32, false);
                if let Some(txn) = self.txn.lock().await.as_mut() {
                    self.database.engine.release(txn, id);
                }
                Ok(("RELEASE", None))
            }
            TransactionStatement::RollbackTo(name) => {
                self.check_in_block("ROLLBACK TO SAVEPOINT")?;
                let at = self.savepoints.iter().rposition(|it| it.name == *name);
                let at = at.ok_or_else(|| no_such_savepoint(name))?;
                let (id, variables) = (self.savepoints[at].id, self.savepoints[at].variables.clone());
                self.set_read_only(self.savepoints[at].read_only);
                self.savepoints.truncate(at + 1);
                self.context.set_depth(at as u32 + 1, true);
                // Portals opened since would read what is being undone. Those from before stay, where they are by now.
                self.portals.retain(|_, portal| portal.depth <= at);
                if let Some(txn) = self.txn.lock().await.as_mut() {
                    self.database.engine.rollback_to(txn, id);
                }
                self.context.variables().restore(&variables);
                self.private_stale = self.private.is_some() || self.private_stale;
                self.block = Block::Begun;
                Ok(("ROLLBACK", None))
            }
            TransactionStatement::SetModes(modes) => {
                if matches!(self.block, Block::Idle | Block::Implicit) {
                    let message = "SET TRANSACTION can only be used in transaction blocks";
                    return Ok(("SET", warning(SqlState::NO_ACTIVE_SQL_TRANSACTION, message)));
                }
                self.set_modes(*modes).await?;
                Ok(("SET", None))
            }
            TransactionStatement::SetSessionModes(modes) => {
                let variables = self.context.variables();
                if let Some(level) = modes.isolation {
                    let level = match level {
                        Level::ReadUncommitted => "read uncommitted",
                        Level::ReadCommitted => "read committed",
                        Level::RepeatableRead => "repeatable read",
                        Level::Serializable => "serializable",
                    };
                    variables.set("default_transaction_isolation", level, false)?;
                }
                if let Some(access) = modes.access {
                    let value = if access == AccessMode::ReadOnly { "on" } else { "off" };
                    variables.set("default_transaction_read_only", value, false)?;
                }
                Ok(("SET", None))
            }
        }
    }

    /// What AND CHAIN hands on to the next transaction.
    fn chained_modes(&self) -> TransactionModes {
        let isolation = match self.isolation {
            Isolation::ReadCommitted => Level::ReadCommitted,
            Isolation::RepeatableRead => Level::RepeatableRead,
        };
        let access = match self.read_only_by_choice {
            true => Some(AccessMode::ReadOnly),
            // On a replica that is how it begins, and cannot be asked for.
            false => self.database.engine.is_writer().then_some(AccessMode::ReadWrite),
        };
        TransactionModes { isolation: Some(isolation), access, ..TransactionModes::default() }
    }

    async fn chain(&mut self, chain: bool, modes: TransactionModes) -> Result<()> {
        if chain {
            self.start(modes).await?;
            self.block = Block::Begun;
        }
        Ok(())
    }

    fn check_in_block(&self, what: &str) -> Result<()> {
        if matches!(self.block, Block::Idle | Block::Implicit) {
            let message = format!("{what} can only be used in transaction blocks");
            return Err(Error::new(SqlState::NO_ACTIVE_SQL_TRANSACTION, message));
        }
        Ok(())
    }

    /// Ends an implicit transaction: commits it.
    pub(super) async fn end_implicit(&mut self) -> Result<()> {
        match self.block {
            Block::Implicit => self.commit().await,
            _ => Ok(()),
        }
    }

    /// Commits. The tag must wait for the commit's LSN, or for what a reader observed.
    pub(super) async fn commit(&mut self) -> Result<()> {
        // The level in force now decides, also when SET LOCAL is about to be forgotten.
        self.refresh_settings();
        if let Err(error) = self.check_deferred(true).await {
            self.rollback().await;
            return Err(error);
        }
        if self.portals.values().all(|portal| portal.hold == Hold::No) {
            self.portals.clear();
        } else if let Err(error) = Box::pin(self.gather_portals()).await {
            self.rollback().await;
            return Err(error);
        }
        if self.temporary.is_some()
            && let Err(error) = Box::pin(self.finish_temporary()).await
        {
            self.rollback().await;
            return Err(error);
        }
        let txn = self.txn.lock().await.take();
        let result = match txn {
            Some(txn) if self.context.announces() => Box::pin(self.commit_announced(txn)).await.map(Some),
            Some(txn) => self.database.engine.commit(txn).await.lift().map(Some),
            None => Ok(None),
        };
        match result {
            Ok(lsn) => {
                self.portals.values_mut().for_each(|portal| portal.hold = Hold::Held);
                if let Some(lsn) = lsn {
                    self.context.note_commit(lsn);
                    self.depend_on(lsn.max(self.context.observed()));
                }
                let variables = self.context.variables();
                if self.saved.as_ref().is_none_or(|saved| variables.have_changed_since(saved)) {
                    variables.end_local();
                }
                self.ended();
                Ok(())
            }
            Err(error) => {
                self.undo_settings();
                self.ended();
                Err(error)
            }
        }
    }

    /// Makes the checks of foreign keys that wait for the end of the transaction: all of them, or those that need not
    /// wait any more.
    ///
    /// # Errors
    /// 23503; what the engine returns.
    pub(super) async fn check_deferred(&mut self, all: bool) -> Result<()> {
        if !self.context.deferred.lock().is_waiting() {
            return Ok(());
        }
        // Boxed, so that transactions which defer nothing are no larger for it.
        Box::pin(async {
            // The context's is to have what the transaction has made.
            self.catalog().await?;
            let context = self.exec_context(&Prepared::empty(Arc::from("")), Vec::new()).await?;
            exec::check_deferred(all, &context).await
        })
        .await
    }

    pub(super) async fn rollback(&mut self) {
        self.forget_portals();
        self.depend_on_observed().await;
        if let Some(txn) = self.txn.lock().await.take() {
            self.database.engine.rollback(txn);
        }
        self.undo_settings();
        self.ended();
    }

    fn undo_settings(&mut self) {
        if let Some(saved) = self.saved.take() {
            self.context.variables().restore(&saved);
        }
        self.context.variables().end_local();
    }

    fn ended(&mut self) {
        self.block = Block::Idle;
        // That of the next one, if it begins with the same message.
        self.settings.transaction_timestamp = self.settings.statement_timestamp;
        self.saved = None;
        self.savepoints.clear();
        self.context.end_depth();
        self.private = None;
        self.private_stale = false;
        self.context.set_transaction(0);
        self.context.set_read_only(false);
        self.refresh_settings();
        self.context.backend.update(|state| {
            state.transaction_started = None;
            state.transaction = None;
        });
    }

    /// After an error was reported.
    pub(super) fn abort_after_error(&mut self) {
        match self.block {
            Block::Idle | Block::Failed => {}
            Block::Implicit | Block::Begun => {
                let depth = self.savepoints.len();
                self.portals.retain(|_, portal| portal.is_held() || portal.depth < depth);
                // Nothing is wanted any more of what was done since the innermost savepoint, or at all, and its locks go at
                // once. No statement is running, so nobody else holds the cell.
                if let Some(mut guard) = self.txn.try_lock() {
                    match (self.savepoints.last(), guard.as_mut()) {
                        (Some(savepoint), Some(txn)) => self.database.engine.rollback_to(txn, savepoint.id),
                        _ => drop(guard.take()),
                    }
                }
                match depth {
                    0 => self.context.end_depth(),
                    depth => self.context.set_depth(depth as u32, true),
                }
                if self.block == Block::Implicit {
                    self.undo_settings();
                    self.ended();
                } else {
                    self.block = Block::Failed;
                }
            }
        }
    }

    /// Gives up what one statement outside of any block locked or wrote.
    pub(super) fn check_transaction(&self) -> Result<()> {
        self.context.backend.cancel.check().lift()
    }
}

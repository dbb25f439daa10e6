//! Reading what one has written, on whatever server one reads.
//!
//! **Rule.** A commit has a token, its LSN: `redoubt.last_commit_lsn()`, or the ParameterStatus `redoubt.commit_lsn` when
//! `redoubt.report_commit_lsn` is on. A session anywhere that is told the token by `redoubt.read_after` takes no snapshot
//! below it: the statement waits until the replica has applied that much, and fails if it does not within
//! `redoubt.wait_timeout`. It never reads older data.
//!
//! The LSN of a commit is the *end* of its record, so that a server that has applied up to the token has applied the commit.
//! Names are looked up after the wait, too, so that a table that was just created is there. Statements that read nothing
//! (SET, SHOW, ROLLBACK) do not wait: a session can always take its token back.
//!
//! A server that is promoted while a statement waits either has what the token stands for, since a recovery finds every
//! commit that was acknowledged, or says that it never will. What the session wrote through it to the writer before needs no
//! token, and is no demand on a writer.
//!
//! `redoubt.max_staleness` bounds age instead: how long ago the replica last knew that it had everything the writer had.
//! It goes by notices that come when they come (an idle writer sends ten a second), so it is a bound for people, not an
//! ordering.
//!
//! Source: PostgreSQL 19, "WAIT FOR".

use std::time::Duration;

use engine::Isolation;
use protocol::Lsn;
use tokio::time::Instant;
use types::{Datum, Error, Result, SqlState};

use super::identity::identity;
use super::state::Session;
use super::variables::Variables;
use crate::bound::WaitForLsn;
use crate::exec::lift;
use crate::parse::ast;

/// Between two looks at a replica that is too old.
const STALE_LOOK_INTERVAL: Duration = Duration::from_millis(10);

/// What a session demands of the age of what it reads, as its settings say.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Freshness {
    read_after: Lsn,
    max_staleness: Option<Duration>,
    stale_is_error: bool,
    /// `None`: for ever.
    wait_timeout: Option<Duration>,
    /// Whether commits are reported to the client.
    pub reports_commits: bool,
}

impl Freshness {
    pub(super) fn of(variables: &Variables) -> Freshness {
        Freshness {
            read_after: variables.lsn("redoubt.read_after"),
            max_staleness: variables.timeout("redoubt.max_staleness"),
            stale_is_error: variables.get("redoubt.on_stale").is_ok_and(|value| value == "error"),
            wait_timeout: variables.timeout("redoubt.wait_timeout"),
            reports_commits: variables.is_on("redoubt.report_commit_lsn"),
        }
    }

    fn demands_nothing(&self) -> bool {
        self.read_after == Lsn::ZERO && self.max_staleness.is_none()
    }
}

/// How a wait for an LSN ended.
enum Waited {
    Visible,
    Timeout,
    /// This server writes, and does not have it.
    NotInRecovery,
}

/// Whether a statement looks at data or names, and so must not be too early.
fn reads(statement: &ast::Statement) -> bool {
    if let ast::Statement::Set { name, .. } = statement {
        // It names a role.
        return identity(name).is_some();
    }
    !matches!(
        statement,
        ast::Statement::Reset { .. }
            | ast::Statement::Show { .. }
            | ast::Statement::Transaction(_)
            | ast::Statement::Discard(_)
            | ast::Statement::Deallocate { .. }
            | ast::Statement::Close { .. }
            | ast::Statement::WaitForLsn(_)
    )
}

impl Session {
    /// Before a statement is bound: waits until this server is as fresh as the session demands.
    pub(super) async fn freshen_for(&self, statement: &ast::Statement) -> Result<()> {
        if self.freshness.demands_nothing() && self.own_writes() == Lsn::ZERO || !reads(statement) {
            return Ok(());
        }
        self.freshen().await
    }

    /// The LSN below which no snapshot is taken: what the client asked for, or what it wrote through this server.
    fn floor(&self) -> Lsn {
        self.freshness.read_after.max(self.own_writes())
    }

    /// Before a statement takes its snapshot.
    pub(super) async fn freshen(&self) -> Result<()> {
        let Freshness { max_staleness, wait_timeout, .. } = self.freshness;
        let read_after = self.floor();
        if read_after > self.database.engine.visible_up_to() {
            match self.wait_visible(read_after, wait_timeout).await? {
                Waited::Visible => {}
                Waited::Timeout => {
                    let at = self.database.engine.visible_up_to();
                    let message = match self.freshness.read_after >= read_after {
                        true => "this replica did not reach redoubt.read_after within redoubt.wait_timeout",
                        false => "this replica did not reach what the session wrote within redoubt.wait_timeout",
                    };
                    return Err(Error::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message)
                        .detail(format!("It was to reach {read_after} and is at {at}.")));
                }
                // A promotion that ends the wait may also be the end of what it was for.
                Waited::NotInRecovery => {
                    let read_after = self.floor();
                    if read_after > self.database.engine.visible_up_to() {
                        return Err(self.beyond_the_end(read_after));
                    }
                }
            }
        }
        match max_staleness {
            Some(limit) => self.wait_until_younger_than(limit).await,
            None => Ok(()),
        }
    }

    /// After a statement took its snapshot: a transaction that keeps an older one cannot be freshened.
    pub(super) fn check_fresh(&self, snapshot: Lsn) -> Result<()> {
        if snapshot >= self.floor() {
            return Ok(());
        }
        let message = "the snapshot of this transaction is older than redoubt.read_after";
        Err(Error::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message)
            .hint("Set redoubt.read_after before the first query of a REPEATABLE READ transaction."))
    }

    async fn wait_until_younger_than(&self, limit: Duration) -> Result<()> {
        let deadline = self.freshness.wait_timeout.map(|timeout| Instant::now() + timeout);
        loop {
            if self.database.engine.is_writer() {
                return Ok(());
            }
            let age = self.database.admin()?.staleness();
            if age.is_some_and(|age| age <= limit) {
                return Ok(());
            }
            if self.freshness.stale_is_error || deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                let message = "what this replica shows is older than redoubt.max_staleness";
                let error = Error::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message);
                return Err(match age {
                    Some(age) => error.detail(format!("It is {} ms old.", age.as_millis())),
                    None => error,
                });
            }
            let cancel = &self.context.backend.cancel;
            tokio::select! {
                () = tokio::time::sleep(STALE_LOOK_INTERVAL) => {}
                () = cancel.cancelled() => return Err(lift(engine::Error::Cancelled)),
            }
        }
    }

    async fn wait_visible(&self, lsn: Lsn, timeout: Option<Duration>) -> Result<Waited> {
        let wait = self.database.engine.wait_visible(lsn, &self.context.backend.cancel);
        let waited = match timeout {
            None => wait.await,
            Some(timeout) => match tokio::time::timeout(timeout, wait).await {
                Ok(waited) => waited,
                Err(_) => return Ok(Waited::Timeout),
            },
        };
        Ok(if waited.map_err(lift)? { Waited::Visible } else { Waited::NotInRecovery })
    }

    fn beyond_the_end(&self, lsn: Lsn) -> Error {
        let at = self.database.engine.visible_up_to();
        let message = "recovery is not in progress";
        Error::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message)
            .detail(format!("This server is the writer and ends at {at}, before {lsn}: it will not come to have that."))
    }

    /// WAIT FOR LSN. The status that its one row tells.
    pub(super) async fn wait_for_lsn(&self, wait: &WaitForLsn) -> Result<Datum> {
        if self.isolation == Isolation::RepeatableRead && self.has_run {
            let message = "WAIT FOR must be called before any query of a REPEATABLE READ transaction";
            return Err(Error::new(SqlState::ACTIVE_SQL_TRANSACTION, message));
        }
        let lsn = Lsn(wait.lsn);
        Ok(Datum::text(match self.wait_visible(lsn, wait.timeout).await? {
            Waited::Visible => "success",
            Waited::Timeout if wait.no_throw => "timeout",
            Waited::NotInRecovery if wait.no_throw => "not in recovery",
            Waited::Timeout => {
                let message = format!("timed out while waiting for target LSN {lsn} to be replayed");
                let at = self.database.engine.visible_up_to();
                let error = Error::new(SqlState::QUERY_CANCELED, message);
                return Err(error.detail(format!("Current replay LSN is {at}.")));
            }
            Waited::NotInRecovery => return Err(self.beyond_the_end(lsn)),
        }))
    }
}

//! A replica's session whose writes go to the writer: what the session itself knows of that.
//!
//! With `redoubt.write_forwarding` the server that a session is with passes transactions that write on to the writer, as
//! messages of the protocol. This module says which statements those are ([`Session::steps`]), lets the session's own
//! transaction go when its statements continue elsewhere, and takes over what the writer's session ended with: settings and
//! the token of the last commit. With `on` later statements read no older data than that commit; with `eventual` they may.
//!
//! The setting has no effect on a writer, so that it may stay on in a connection string, and a session whose server is
//! promoted simply writes.
//!
//! Sources: Amazon Aurora User Guide, "Using write forwarding" (`aurora_replica_read_consistency`,
//! `apg_write_forward.consistency_mode`).

use std::collections::BTreeMap;

use engine::Isolation;
use protocol::Lsn;
use types::{Error, Result, SqlState};

use super::identity::{ROLE, SESSION_AUTHORIZATION, identity};
use super::portal::PortalState;
use super::state::Session;
use super::transaction::Block;
use super::variables::Variables;
use crate::bound::TransactionModes;
use crate::parse::course::{Defaults, Part, Step, steps};

/// Settings that stay where they are: they are about this server, or about the client's own connection.
const STAY: [&str; 8] = [
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "redoubt.max_staleness",
    "redoubt.on_stale",
    "redoubt.read_after",
    "redoubt.report_commit_lsn",
    "redoubt.wait_timeout",
    "redoubt.write_forwarding",
];

/// What a session wrote elsewhere and is to see here.
#[derive(Clone, Copy, Debug, Default)]
pub struct OwnWrites {
    committed: Lsn,
}

impl OwnWrites {
    /// The session committed elsewhere, up to `lsn`.
    pub fn note(&mut self, lsn: Lsn) {
        self.committed = self.committed.max(lsn);
    }

    /// What this server must have applied before the session reads.
    #[must_use]
    pub fn floor(self) -> Lsn {
        self.committed
    }
}

/// What a session that is away waits for when the writer is lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Unanswered {
    /// The writer had told that a transaction block is open.
    pub in_block: bool,
    /// A COMMIT is among what was asked since ReadyForQuery came last.
    pub commits: bool,
    /// So is a ROLLBACK that begins no other block.
    pub rolls_back: bool,
    /// How many statements those are.
    pub statements: u32,
    /// One of them is not answered, or the end of a message that has any.
    pub runs: bool,
    /// The end of a query or of a pipeline is not, which outside of a block commits it.
    pub ends_cycle: bool,
}

impl Unanswered {
    /// A statement is asked for.
    pub fn ask(&mut self, part: &Part) {
        self.statements = self.statements.saturating_add(1);
        match part {
            Part::Commits { .. } => self.commits = true,
            Part::RollsBack { chained: false } => self.rolls_back = true,
            _ => {}
        }
    }

    /// Whether the transaction may have been committed, so that nobody may say it was rolled back. A COMMIT does that,
    /// wherever it stands; and the end of the cycle, to what no block is around. What comes with the ROLLBACK of a block may
    /// be behind it.
    #[must_use]
    pub fn may_be_committed(self) -> bool {
        let by_itself = !self.in_block || self.rolls_back && self.statements > 1;
        self.commits && self.runs || by_itself && self.ends_cycle
    }
}

/// The setting, and what came of it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Forwarding {
    on: bool,
    eventual: bool,
    wrote: OwnWrites,
}

impl Forwarding {
    pub fn refresh(&mut self, variables: &Variables) {
        let value = variables.get("redoubt.write_forwarding").unwrap_or_default();
        self.on = value != "off";
        self.eventual = value == "eventual";
    }

    /// What statements on a replica must see of the session's own writes.
    fn own_writes(&self) -> Lsn {
        if self.eventual { Lsn::ZERO } else { self.wrote.floor() }
    }
}

/// A prepared statement as it was given, so that another server can prepare it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Source {
    /// By the protocol: its text and the types of its parameters.
    Parsed { sql: String, types: Vec<u32> },
    /// By this PREPARE.
    Prepared(String),
}

impl Session {
    /// What statements must see here of what the session wrote elsewhere. A writer has it, or nobody does: a commit that it
    /// was promoted without was never durable, and waiting does not bring that.
    pub(super) fn own_writes(&self) -> Lsn {
        if self.database.engine.is_writer() { Lsn::ZERO } else { self.forwarding.own_writes() }
    }

    /// Whether statements that write are to be passed on now.
    pub fn forwards(&self) -> bool {
        self.forwarding.on && !self.database.engine.is_writer()
    }

    /// The statements of a text, and what each asks of a server.
    ///
    /// # Errors
    /// 42601 and the like.
    pub fn steps(&self, text: &str) -> Result<Vec<Step>> {
        let repeatable = self.default_isolation == Isolation::RepeatableRead;
        steps(text, Defaults { repeatable, read_only: self.default_read_only })
    }

    /// How the prepared statement of this name came about.
    pub fn source_of(&self, name: &str) -> Option<Source> {
        let prepared = self.statements.get(name)?;
        Some(match &prepared.by {
            Some(by) => Source::Prepared(by.to_string()),
            None => {
                // As they were described, which need not be as another server would infer them.
                Source::Parsed { sql: prepared.sql.to_string(), types: prepared.param_types() }
            }
        })
    }

    /// The statement that was prepared by this name.
    pub fn text_of(&self, name: &str) -> Option<&str> {
        self.statements.get(name).map(|prepared| &*prepared.sql)
    }

    /// Whether a transaction is open, in a block or until Sync.
    pub fn in_transaction(&self) -> bool {
        self.block != Block::Idle
    }

    /// Forgets the prepared statement of this name, if there is one, or all of them.
    pub fn forget_statements(&mut self, name: Option<&str>) {
        match name {
            Some(name) => drop(self.statements.remove(name)),
            None => self.statements.clear(),
        }
    }

    /// Whether the statements of the present transaction may continue on another server, beginning with one that makes
    /// `portal`; false if they may not because writing was ruled out, so that this server gives the answer.
    ///
    /// # Errors
    /// 0A000 when something of the transaction would have to move along that cannot.
    pub fn may_leave(&self, portal: &str) -> Result<bool> {
        match self.block {
            Block::Failed => return Ok(false),
            Block::Implicit | Block::Begun if self.read_only_by_choice => return Ok(false),
            Block::Idle | Block::Implicit | Block::Begun => {}
        }
        let stays = |what: String| {
            Error::new(SqlState::FEATURE_NOT_SUPPORTED, "the transaction cannot continue on the writer")
                .detail(what)
                .hint("Begin it with BEGIN READ WRITE to have it run there as a whole.")
        };
        if self.in_transaction() && self.isolation == Isolation::RepeatableRead && self.has_run {
            return Err(stays("Its snapshot is this replica's.".into()));
        }
        for (name, kept) in &self.portals {
            match kept.state {
                PortalState::Running(_) => {
                    return Err(stays(format!("Cursor \"{name}\" is open on this replica.")));
                }
                // An empty one is as good as executed, and the unnamed one is replaced without a word.
                PortalState::Ready if kept.prepared.parsed.is_some() && !(name.is_empty() && portal.is_empty()) => {
                    let what = format!("Portal \"{name}\" was bound on this replica and has not been executed.");
                    return Err(stays(what));
                }
                PortalState::Ready | PortalState::Held(_) | PortalState::Done(_) | PortalState::Failed => {}
            }
        }
        Ok(true)
    }

    /// Gives up the present transaction, which has only read: its statements continue elsewhere.
    pub async fn leave(&mut self) {
        if self.block != Block::Idle {
            self.rollback().await;
        }
        // Those of a pipeline that executed nothing, too.
        self.forget_portals();
        self.due = None;
    }

    /// What continued elsewhere was lost: the block is a failed one, and ends when the client says so.
    ///
    /// # Errors
    /// As BEGIN's.
    pub async fn fail_block(&mut self) -> Result<()> {
        if self.block == Block::Idle {
            self.start(TransactionModes::default()).await?;
            self.block = Block::Begun;
        }
        self.fail();
        Ok(())
    }

    /// What SET has set and another server is to have too, by name.
    pub fn settings_to_pass_on(&self) -> BTreeMap<String, String> {
        let mut values = self.context.variables().session_values();
        values.retain(|name, _| passes_on(name));
        if let Some(user) = values.get_mut(SESSION_AUTHORIZATION) {
            *user = self.context.name_to_pass_on(SESSION_AUTHORIZATION);
        }
        // Also when it is the default, which may not be that of the other server's session.
        values.insert(ROLE.to_owned(), self.context.name_to_pass_on(ROLE));
        values
    }

    /// A setting has this value now, since it has it where the last transaction ran.
    pub fn adopt_setting(&mut self, name: &str, value: &str) {
        let name = name.to_lowercase();
        let variables = self.context.variables();
        let is_new = !is_transactions_own(&name) && variables.get(&name).ok().as_deref() != Some(value);
        if is_new && identity(&name).is_some() {
            self.context.adopt_identity(&name, value);
        } else if is_new {
            // The same program has accepted it there; what it says of itself (is_superuser) cannot be set.
            let _ = variables.set(&name, value, false);
        }
        self.refresh_settings();
    }

    /// The session has committed elsewhere.
    pub fn adopt_commit(&mut self, lsn: Lsn) {
        self.context.note_commit(lsn);
        self.forwarding.wrote.note(lsn);
        self.told_commit = self.told_commit.max(lsn);
    }

    /// Whether the client is to be told of commits.
    pub fn reports_commits(&self) -> bool {
        self.freshness.reports_commits
    }
}

/// Whether another server that runs a session's statements is to have this setting; `name` in lower case.
#[must_use]
pub fn passes_on(name: &str) -> bool {
    STAY.binary_search(&name).is_err() && !is_transactions_own(name)
}

fn is_transactions_own(name: &str) -> bool {
    matches!(name, "transaction_isolation" | "transaction_read_only" | "transaction_deferrable")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was asked in one cycle, of which nothing is answered, `ended` by a Sync or as a Query.
    fn fate(in_block: bool, text: &str, ended: bool) -> bool {
        let mut unanswered = Unanswered { in_block, runs: true, ends_cycle: ended, ..Unanswered::default() };
        steps(text, Defaults::default()).expect(text).iter().for_each(|step| unanswered.ask(&step.part));
        unanswered.may_be_committed()
    }

    #[test]
    fn rolled_back_is_said_of_what_cannot_have_been_committed() {
        for (in_block, text, ended) in [
            (true, "insert into t values (1)", true),
            (true, "rollback", true),
            (true, "rollback to s; insert into t values (1)", true),
            (true, "rollback and chain; insert into t values (1)", true),
            (true, "rollback; insert into t values (1)", false),
            (false, "begin; insert into t values (1)", false),
            (false, "insert into t values (1)", false),
        ] {
            assert!(!fate(in_block, text, ended), "{in_block} {text} {ended}");
        }
    }

    #[test]
    fn it_is_not_said_of_what_may_have_been() {
        for (in_block, text, ended) in [
            (true, "commit", true),
            (true, "insert into t values (1); commit", false),
            (true, "rollback; insert into t values (1)", true),
            (true, "commit and chain; insert into t values (1)", false),
            (false, "insert into t values (1)", true),
            (false, "begin; insert into t values (1); commit", false),
            (false, "begin; insert into t values (1); commit", true),
        ] {
            assert!(fate(in_block, text, ended), "{in_block} {text} {ended}");
        }
        // A COMMIT that is answered has said what became of it.
        assert!(!Unanswered { in_block: true, commits: true, ..Unanswered::default() }.may_be_committed());
    }
}

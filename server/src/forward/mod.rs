//! Write forwarding: a replica passes transactions that write on to the writer, for sessions that ask for it.
//!
//! **Rule.** From its first statement that may write to its end a transaction runs on the writer, all of it, and everything
//! that its client is told of it is what the writer said. What only reads stays on the replica; with
//! `redoubt.write_forwarding = on` (`eventual` waives it) it then waits until the replica has what the session wrote.
//!
//! ```text
//!            a statement that may write
//!   here ───────────────────────────────────► away         here: the session's own transaction, on the replica
//!    ▲    settings, BEGIN, SAVEPOINT, SET ...  │            away: messages of the client go to the writer as they stand,
//!    └─────────────────────────────────────────┘                  and its answers come back as they stand
//!         ReadyForQuery outside of a block
//! ```
//!
//! The client's messages are not interpreted while they are passed on, and broken ones are the writer's to refuse, so that
//! errors with their places, notices, both formats of values, cursors, COPY and pipelines are the writer's own. What the
//! replica keeps in order around them:
//!
//! * **Statements.** Which may write is told by their texts (`sql::parse::course`). A statement that was prepared here is
//!   prepared there when it is first bound there, and the other way round; a name that is given up on one server means
//!   nothing on the other.
//! * **Transactions.** Statements of a block that shaped it (BEGIN, SET, SAVEPOINT ...) are remembered, and repeated on the
//!   writer when the block moves there. So are those of a pipeline, which is a transaction up to its Sync: there they are a
//!   part of the same pipeline, and what they set stays if all of it does. What the transaction has read by then was read at
//!   READ COMMITTED, statement by statement. A block at REPEATABLE READ that may write is the writer's from its BEGIN; a
//!   transaction that was made REPEATABLE READ after it read, or was so by default without a block, or that has a cursor
//!   open or a portal bound and not yet executed, is refused (0A000).
//! * **Settings.** Those that SET has set are passed on before a transaction moves if they changed; the writer reports every
//!   setting that changes in a forwarded session, and the replica's session takes them over.
//! * **Who the session is** goes along as two of its settings, always. Until the replica knows the role that a session has
//!   become on the writer, the session may do nothing here.
//! * **Sessions.** The connection to the writer stays as long as the client's session, and with it sequences' last values and
//!   advisory locks, which are the writer's, too.
//! * **Cancelling** cancels there, and nothing later than what ran when the request came. When the client is gone, so is the
//!   connection to the writer.
//! * **When the writer is lost** the client is told 40003 if anything that was asked may have been committed, else 08006, and
//!   then its block is a failed one. The session stays, and its next write looks for the writer anew. Lost is also a writer
//!   that says nothing and does not take a request to cancel, or does not answer when it is asked whether it is there. A
//!   replica that is promoted forwards nothing any more: the setting means nothing on a writer.
//!
//! # Who is believed
//! The connection to the writer is an ordinary one, to the port that clients dial, but for one start-up parameter: the user
//! has proven who they are to the replica, and the replica proves by SCRAM that it knows a secret, which the writer draws
//! when it starts and leaves in the address book on the storage nodes. It never leaves in the clear on the port of clients,
//! no password of a user is kept anywhere, and both ends prove themselves. Who can read the address book can read the volume.
//! Where the writer has a certificate everything goes inside TLS, requests to cancel included, and the replica takes the
//! certificate whose fingerprint stands in the address book, and no other ([`dial`](crate::pgwire::dial)).
//!
//! # What is absent
//! `LISTEN` is refused, for the writer is not heard while the session is idle, and so is what is temporary and a cursor WITH
//! HOLD, which the replica would not know for the session's. A cursor that is held here is not there in a block that has
//! moved to the writer. A forwarded session takes a place among the writer's connections. The replica's `pg_stat_activity`
//! shows a session that is away as idle; the writer's shows what it does. An idle forwarded session that the writer ends (a
//! restart) loses its advisory locks and last values without a word, as a pooled connection does. A text that ends a failed
//! block and then writes, in one message, is refused here (25006); so is a view that calls `nextval`. A connection to the
//! writer that something between has forgotten, while new ones come through, is TCP's to notice.
//!
//! Sources: Amazon Aurora User Guide, "Using local write forwarding" and "Using write forwarding in an Aurora global
//! database"; PostgreSQL manual, chapter "Frontend/Backend Protocol".

mod cancel;
mod history;
mod names;
mod relay;
mod upstream;

pub use cancel::Canceller;
pub use relay::Forwarder;

use crate::compute::Compute;
use protocol::rpc::storage::ServerInfo;
use std::sync::{Arc, Weak};
use types::{Error, Result, SqlState};

/// How a server's sessions find the writer.
#[derive(Clone)]
pub struct Forwarding {
    server: Weak<Compute>,
}

impl Forwarding {
    /// For the sessions of `server`, which they do not keep.
    #[must_use]
    pub fn of(server: &Arc<Compute>) -> Forwarding {
        Forwarding { server: Arc::downgrade(server) }
    }

    /// The writer, as the address book has it now.
    ///
    /// # Errors
    /// 08001 when there is none.
    async fn writer(&self) -> Result<ServerInfo> {
        let found = match self.server.upgrade() {
            Some(server) => server.find_writer().await,
            None => None,
        };
        found.ok_or_else(|| {
            let message = "no server is the writer now, so nothing can be written";
            Error::new(SqlState::SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION, message)
                .detail("redoubt.write_forwarding is on, and this server is a replica.")
        })
    }

    /// Whether nobody is known to have taken the place of the writer `instance`.
    fn is_current(&self, instance: u64) -> bool {
        self.server.upgrade().is_some_and(|server| {
            !server.is_writer() && server.servers().iter().all(|it| !it.writer || it.instance == instance)
        })
    }
}

/// Waits for what ends soon if it ends at all.
#[cfg(test)]
async fn in_time<T>(waited_for: impl Future<Output = T>) -> T {
    const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);
    tokio::time::timeout(PATIENCE, waited_for).await.expect("it ends")
}

//! The seam between the wire and SQL: [`Session`] is what a connection drives; [`Client`], defined by
//! `sql`, is what a session writes to.
//!
//! One session belongs to one connection and is called by one task at a time. The wire never drops a running call: it
//! cancels through the [`CancelHandle`] and waits, so that a session may hold locks and log positions across awaits.
//!
//! # Who sends what
//! | message | by |
//! |---|---|
//! | ParseComplete, BindComplete, CloseComplete, ReadyForQuery, ErrorResponse | the connection |
//! | RowDescription, NoData, ParameterDescription, DataRow, CommandComplete, PortalSuspended, EmptyQueryResponse, Copy*, Notice, Notification, ParameterStatus | the session, through [`Client`] |
//!
//! A session may have messages carried out by another server ([`Route::Away`]); everything that answers them is that server's.
//!
//! # Errors
//! An error that a call returns is sent, then [`Session::fail`] is called; in the extended protocol everything up to the
//! next Sync is skipped. One of severity `Fatal` closes the connection after it was sent (40003, 57P01, ...).

use std::future::Future;
use std::sync::Arc;

pub use sql::session::{Client, Column, CopyFormat, Encryption, IdleLimit, NoticeSeverity};
use types::{Error, Result};

use super::message::Message;
use super::scram::Verifier;
use super::startup::Startup;

/// Why a running statement is to stop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CancelReason {
    /// A CancelRequest or `pg_cancel_backend`: 57014.
    Request,
    /// The client is gone; no one will read the result.
    Disconnect,
    /// The server stops, or `pg_terminate_backend`: 57P01. The connection sends that itself afterwards.
    Shutdown,
}

/// Cancels whatever the session runs now; a no-op when it runs nothing, or when it is past the point of no return (a
/// commit record that was appended). Called from any thread, must not block.
pub type CancelHandle = Arc<dyn Fn(CancelReason) + Send + Sync>;

/// Where a message is carried out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Route {
    /// By the session itself.
    Here,
    /// By another server: it is given to [`Session::relay`].
    Away,
}

/// A client that messages of another server are passed on to.
pub trait Wire: Client {
    /// Buffers one whole message as it stands.
    fn pass_on(&mut self, message: &[u8]);
}

/// Why a message got no answer from another server.
#[derive(Debug)]
pub struct RelayFailed {
    pub error: Error,
    /// Whether the client waits for ReadyForQuery, and not for the answer to a message before its Sync.
    pub ends_cycle: bool,
}

/// One connection's session. Dropping it rolls back what is open and frees its locks; that happens when the client has
/// left or was told a fatal error, never during a call.
///
/// `result_formats` is as in Bind: empty (all text), one code for all columns, or one per column; each code is 0 or 1
/// and parameters in text format are valid UTF-8 without NUL (the wire has checked both).
pub trait Session: Send {
    /// Runs a whole Query message, which may hold several statements, and emits descriptions, rows and tags itself. An
    /// empty string is answered by [`Client::empty_query`].
    fn simple<C: Client>(&mut self, sql: &str, client: &mut C) -> impl Future<Output = Result<()>> + Send;

    /// Prepares `sql` as `name` (empty: the unnamed statement, which is replaced).
    ///
    /// # Errors
    /// 42P05 for a name that exists, 42601 for several statements, and whatever binding finds.
    fn parse(&mut self, name: &str, sql: &str, param_types: &[u32]) -> impl Future<Output = Result<()>> + Send;

    /// Makes a portal of a prepared statement and its parameters (`None` is NULL).
    ///
    /// # Errors
    /// 26000 unknown statement, 42P03 duplicate portal, 08P01 wrong number of parameters, 22P02 and 22P03 bad values, and
    /// whatever binding the statement again finds, if the catalog has changed.
    fn bind(
        &mut self,
        portal: &str,
        statement: &str,
        param_formats: &[i16],
        params: &[Option<&[u8]>],
        result_formats: &[i16],
    ) -> impl Future<Output = Result<()>> + Send;

    /// Emits ParameterDescription and RowDescription or NoData.
    ///
    /// # Errors
    /// 26000, and whatever binding the statement again finds, if the catalog has changed.
    fn describe_statement<C: Client>(&mut self, name: &str, client: &mut C) -> impl Future<Output = Result<()>> + Send;

    /// Emits RowDescription or NoData. Errors: 34000.
    fn describe_portal<C: Client>(&mut self, name: &str, client: &mut C) -> impl Future<Output = Result<()>> + Send;

    /// Emits up to `max_rows` rows (0: all), then CommandComplete, PortalSuspended or EmptyQueryResponse.
    fn execute<C: Client>(
        &mut self,
        portal: &str,
        max_rows: u32,
        client: &mut C,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Forgets a prepared statement; closing what does not exist is no error.
    fn close_statement(&mut self, name: &str) -> impl Future<Output = Result<()>> + Send;

    /// Forgets a portal; closing what does not exist is no error.
    fn close_portal(&mut self, name: &str) -> impl Future<Output = Result<()>> + Send;

    /// Ends the implicit transaction of a pipeline: commits it, or rolls it back after [`Session::fail`].
    fn sync(&mut self) -> impl Future<Output = Result<()>> + Send;

    /// An error was reported: a transaction block becomes a failed one.
    fn fail(&mut self);

    /// `b'I'` idle, `b'T'` in a transaction block, `b'E'` in a failed one.
    fn status(&self) -> u8;

    /// Waits until everything this session has observed is durable at its level. Called before any reply
    /// leaves; cheap when there is nothing to wait for. Replies not yet written are discarded when it fails, and the
    /// connection ends with that error. May be dropped while it waits.
    fn settle(&mut self) -> impl Future<Output = Result<()>> + Send;

    /// Whether [`Session::route`] is to be asked now. Asked for each message, so it must be cheap.
    fn routes(&self) -> bool {
        false
    }

    /// Whether another server carries out the messages now: also what cannot be read is given to [`Session::relay`] then,
    /// since the other is to refuse it.
    fn is_away(&self) -> bool {
        false
    }

    /// Where a message is to be carried out; what the session itself must do about it first is done.
    ///
    /// # Errors
    /// The answer to the message.
    fn route(&mut self, _message: &Message<'_>) -> impl Future<Output = Result<Route>> + Send {
        std::future::ready(Ok(Route::Here))
    }

    /// Has another server carry out a message, also given as the type and body of its frame, and passes on all that it
    /// answers, ReadyForQuery included. Answers may come with those of a later message, at the latest with a Sync's. Without a
    /// message the frame is none (of a known type, but not of its structure), and the answer an error.
    ///
    /// # Errors
    /// When there is no answer; a fatal one when the client is gone.
    fn relay<W: Wire>(
        &mut self,
        _message: Option<&Message<'_>>,
        _frame: (u8, &[u8]),
        _wire: &mut W,
    ) -> impl Future<Output = std::result::Result<(), RelayFailed>> + Send {
        std::future::ready(Ok(()))
    }

    /// How long the client may stay silent now; asked for before each wait.
    fn idle_limit(&self) -> Option<IdleLimit> {
        None
    }

    /// Resolves when there is something to tell a client that is idle, such as a notification, or a reported setting that
    /// changed by itself (`in_hot_standby` at a promotion); then [`Session::tell`] is called. May be dropped while it waits.
    fn news(&mut self) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }

    /// Whether there is something to tell a client that is not idle, beyond what calls with a [`Client`] tell themselves:
    /// asked for before each ReadyForQuery.
    fn has_news(&self) -> bool {
        false
    }

    /// Writes what [`Session::news`] resolved for or [`Session::has_news`] says: ParameterStatus, notices and notifications
    /// only. It may leave some for the next time.
    fn tell<C: Client>(&mut self, _client: &mut C) {}
}

/// How a user must prove who they are.
#[derive(Clone, Debug)]
pub enum Login {
    /// Believed. `superuser` opens the reserved connection slots.
    Trust { superuser: bool },
    /// SCRAM-SHA-256. `None` for a user who does not exist, may not log in or has no password: the exchange is played
    /// to its end and fails with the same text and in the same time as a wrong password.
    Scram { verifier: Option<Verifier>, superuser: bool },
}

/// A session that was opened.
pub struct Connected<S> {
    pub session: S,
    /// ParameterStatus pairs: server_version, server_encoding, client_encoding, DateStyle, TimeZone, ...
    pub parameters: Vec<(String, String)>,
    pub cancel: CancelHandle,
}

/// Opens sessions for one server.
pub trait SessionFactory: Send + Sync + 'static {
    type Session: Session + 'static;

    /// Host-based rules and role lookup. Must take the same time whether or not the user exists.
    ///
    /// # Errors
    /// 28000 when no rule admits this user, database and address; 57P03 while the server cannot serve.
    fn login(&self, startup: &Startup) -> impl Future<Output = Result<Login>> + Send;

    /// Opens the session of a user who is now authenticated.
    ///
    /// # Errors
    /// 3D000 unknown database, 28000 unknown role, 42501 no CONNECT right, 22023 or 42704 for a bad start-up setting.
    fn connect(&self, startup: Startup) -> impl Future<Output = Result<Connected<Self::Session>>> + Send;
}

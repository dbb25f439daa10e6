//! The message loop of one client.
//!
//! **Rule.** A reply is written only after [`Session::settle`]; when that fails, the replies that wait are discarded and
//! the connection ends with its error, so that nothing is told that a crash can take back.
//!
//! Replies gather in the outbox and are written at ReadyForQuery, at Flush, and when there are more than 8 KB: what a
//! client of PostgreSQL sees. An error in the extended protocol is written at once when no further message has arrived,
//! as PostgreSQL does, and everything up to Sync is skipped without being looked at.
//!
//! A running call is never dropped. When the client has been gone for 300 ms, or the connection is to end, the session's
//! cancel handle is called and the call is awaited; a commit past its point of no return ignores that and finishes.
//!
//! The common path of a statement that does not wait is one poll of the session's call between a read and a write, with
//! no allocation here and nothing set up for watching: 6 to 9 us of CPU for a transaction of pgbench with a constant
//! answer, most of it the kernel's (two cores, 8 and 32 clients, both protocols).

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use types::{Error, Severity, SqlState};

use super::encode;
use super::error::{idle_in_transaction, idle_session};
use super::frame::Frame;
use super::inbox::{Lost, SharedInbox, gone, next_frame};
use super::lanes::Tenant;
use super::message::{self, Bind, Message, Target};
use super::outbox::{LAST_WORDS, Outbox};
use super::session::{CancelHandle, CancelReason, Client, IdleLimit, RelayFailed, Route, Session};

/// How a connection ended.
pub(super) enum End {
    /// By Terminate, or the client left.
    Left,
    /// With this error, which is still to be sent.
    Failed(Error),
}

/// What follows a message.
enum Then {
    Next,
    /// Write the replies.
    Flush,
    Leave,
}

/// See the module.
pub(super) struct Connection<S> {
    session: S,
    pub outbox: Outbox,
    inbox: SharedInbox,
    cancel: CancelHandle,
    ended: CancellationToken,
    tenant: Arc<Tenant>,
    /// An error was reported in the extended protocol: ignore everything up to Sync.
    skipping: bool,
    /// The outbox holds an error that a client may wait for without having sent Sync.
    error_waits: bool,
}

impl<S: Session> Connection<S> {
    pub(super) fn new(
        session: S,
        outbox: Outbox,
        inbox: SharedInbox,
        cancel: CancelHandle,
        ended: CancellationToken,
        tenant: Arc<Tenant>,
    ) -> Connection<S> {
        Connection { session, outbox, inbox, cancel, ended, tenant, skipping: false, error_waits: false }
    }

    /// Drops the session, and with it its locks.
    pub(super) fn close(self) -> Outbox {
        self.outbox
    }

    /// Serves the client until it leaves or fails.
    pub(super) async fn run(&mut self) -> End {
        match self.serve().await {
            Ok(()) => End::Left,
            Err(_) if self.outbox.client_is_gone() => End::Left,
            Err(error) => {
                self.settle_or_discard().await;
                End::Failed(error)
            }
        }
    }

    /// # Errors
    /// What ends the connection.
    async fn serve(&mut self) -> Result<(), Error> {
        self.ready(Ok(()))?;
        self.flush().await?;
        let ended = self.ended.clone();
        let mut ended = pin!(ended.cancelled());
        // Since when the client has been silent, where that has a limit; what it is told meanwhile does not count.
        let mut silent_since = None;
        loop {
            if self.error_waits && !self.inbox.lock().has_bytes() {
                self.flush().await?;
            }
            // The messages of a pipeline arrive together: what is here is not waited for. There is an end to them, so the
            // end of the connection is noticed too.
            let here = self.inbox.lock().take_frame();
            let frame = match here {
                Some(frame) => frame,
                None => {
                    if let Some(event_loop) = self.tenant.rest(|| self.inbox.lock().incoming_core())
                        && let Err(error) = self.outbox.move_socket(event_loop)
                    {
                        tracing::debug!(%error, "a socket stays in another lane's event loop");
                    }
                    self.outbox.rest();
                    let idle = self.session.idle_limit();
                    tokio::select! {
                        biased;
                        () = &mut ended => return Err(self.outbox.farewell()),
                        frame = next_frame(&self.inbox) => frame,
                        () = self.session.news() => {
                            self.session.tell(&mut self.outbox);
                            self.flush().await?;
                            continue;
                        }
                        error = idle_too_long(idle, &mut silent_since) => return Err(error),
                    }
                }
            };
            silent_since = None;
            let frame = match frame {
                Ok(frame) => frame,
                Err(Lost::Closed) => return Ok(()),
                Err(Lost::Violation(error)) => return Err(error),
            };
            match self.step(&frame).await? {
                Then::Next if self.outbox.wants_drain() => self.flush().await?,
                Then::Next => {}
                Then::Flush => self.flush().await?,
                Then::Leave => return Ok(()),
            }
        }
    }

    /// Carries out one message.
    async fn step(&mut self, frame: &Frame) -> Result<Then, Error> {
        if self.skipping && !matches!(frame.kind, b'S' | b'X') {
            return Ok(Then::Next);
        }
        let checked = match message::check(frame) {
            Ok(checked) => checked,
            // The transaction is the other server's, and so is it to fail.
            Err(error) if error.severity != Severity::Fatal && self.session.is_away() => {
                return self.relay(frame, None).await;
            }
            Err(error) => return self.refuse(frame.kind, error),
        };
        if matches!(checked, Message::Sync) {
            self.skipping = false;
        }
        if self.session.routes()
            && !matches!(checked, Message::Terminate)
            && let Some(then) = self.elsewhere(frame, &checked).await?
        {
            return Ok(then);
        }
        let extended = match checked {
            Message::Query(sql) => {
                let result =
                    watch(pin!(self.session.simple(sql, &mut self.outbox)), &self.inbox, &self.ended, &self.cancel)
                        .await;
                return self.ready(result);
            }
            Message::Parse { name, sql, param_types } => {
                let result =
                    watch(pin!(self.session.parse(name, sql, &param_types)), &self.inbox, &self.ended, &self.cancel)
                        .await;
                self.acknowledge(result, encode::PARSE_COMPLETE)
            }
            Message::Bind(Bind { portal, statement, param_formats, params, result_formats }) => {
                let result = watch(
                    pin!(self.session.bind(portal, statement, &param_formats, &params, &result_formats)),
                    &self.inbox,
                    &self.ended,
                    &self.cancel,
                )
                .await;
                self.acknowledge(result, encode::BIND_COMPLETE)
            }
            Message::Describe(Target::Statement, name) => {
                watch(
                    pin!(self.session.describe_statement(name, &mut self.outbox)),
                    &self.inbox,
                    &self.ended,
                    &self.cancel,
                )
                .await
            }
            Message::Describe(Target::Portal, name) => {
                watch(
                    pin!(self.session.describe_portal(name, &mut self.outbox)),
                    &self.inbox,
                    &self.ended,
                    &self.cancel,
                )
                .await
            }
            Message::Execute { portal, max_rows } => {
                watch(
                    pin!(self.session.execute(portal, max_rows, &mut self.outbox)),
                    &self.inbox,
                    &self.ended,
                    &self.cancel,
                )
                .await
            }
            Message::Close(Target::Statement, name) => {
                let result = self.session.close_statement(name).await;
                self.acknowledge(result, encode::CLOSE_COMPLETE)
            }
            Message::Close(Target::Portal, name) => {
                let result = self.session.close_portal(name).await;
                self.acknowledge(result, encode::CLOSE_COMPLETE)
            }
            Message::Sync => {
                let result = watch(pin!(self.session.sync()), &self.inbox, &self.ended, &self.cancel).await;
                return self.ready(result);
            }
            Message::Flush => return Ok(Then::Flush),
            Message::Terminate => return Ok(Then::Leave),
            Message::FunctionCall => return self.ready(Err(Error::unsupported("function call messages"))),
            // The rest of a COPY that failed; the client could not know.
            Message::CopyData | Message::CopyDone | Message::CopyFail(_) => return Ok(Then::Next),
        };
        self.extended(extended)
    }

    /// Has a message carried out by another server, if the session says so.
    async fn elsewhere(&mut self, frame: &Frame, message: &Message<'_>) -> Result<Option<Then>, Error> {
        let route = watch(pin!(self.session.route(message)), &self.inbox, &self.ended, &self.cancel).await;
        let then = match route {
            Ok(Route::Here) => return Ok(None),
            Ok(Route::Away) => self.relay(frame, Some(message)).await,
            Err(error) => {
                let ends_cycle = matches!(message, Message::Query(_) | Message::Sync);
                self.not_relayed(RelayFailed { error, ends_cycle })
            }
        };
        then.map(Some)
    }

    /// Has a message carried out, or refused if it is none, by the server that the session is away to.
    async fn relay(&mut self, frame: &Frame, message: Option<&Message<'_>>) -> Result<Then, Error> {
        let relayed = watch(
            pin!(self.session.relay(message, (frame.kind, &frame.body), &mut self.outbox)),
            &self.inbox,
            &self.ended,
            &self.cancel,
        )
        .await;
        match relayed {
            Ok(()) => Ok(Then::Flush),
            Err(failed) => self.not_relayed(failed),
        }
    }

    fn not_relayed(&mut self, failed: RelayFailed) -> Result<Then, Error> {
        if failed.ends_cycle { self.ready(Err(failed.error)) } else { self.extended(Err(failed.error)) }
    }

    /// A message that was not understood.
    fn refuse(&mut self, kind: u8, error: Error) -> Result<Then, Error> {
        match kind {
            b'Q' => self.ready(Err(error)),
            // Left over from a COPY, like its well-formed kin.
            b'f' => Ok(Then::Next),
            _ => self.extended(Err(error)),
        }
    }

    fn acknowledge(&mut self, result: Result<(), Error>, kind: u8) -> Result<(), Error> {
        if result.is_ok() {
            self.outbox.bare(kind);
        }
        result
    }

    /// After a message of the extended protocol: an error is reported and everything up to Sync skipped.
    fn extended(&mut self, result: Result<(), Error>) -> Result<Then, Error> {
        self.report(result)?;
        Ok(Then::Next)
    }

    /// After a message that ends a cycle: report, and be ready for the next.
    fn ready(&mut self, result: Result<(), Error>) -> Result<Then, Error> {
        self.report(result)?;
        self.skipping = false;
        if self.session.has_news() {
            self.session.tell(&mut self.outbox);
        }
        encode::ready_for_query(self.outbox.buffer(), self.session.status());
        Ok(Then::Flush)
    }

    /// # Errors
    /// A fatal one is returned: the connection ends.
    fn report(&mut self, result: Result<(), Error>) -> Result<(), Error> {
        if let Some(violation) = self.outbox.take_violation() {
            self.session.fail();
            return Err(violation);
        }
        let Err(error) = result else { return Ok(()) };
        self.session.fail();
        // It was cancelled because the connection is to end: say why that is.
        let cancelled = matches!(error.sqlstate, SqlState::QUERY_CANCELED | SqlState::ADMIN_SHUTDOWN);
        if cancelled && self.ended.is_cancelled() {
            return Err(self.outbox.farewell());
        }
        if error.severity == Severity::Fatal {
            return Err(error);
        }
        self.outbox.error(&error);
        self.skipping = true;
        self.error_waits = true;
        Ok(())
    }

    /// Settles and writes what waits.
    async fn flush(&mut self) -> Result<(), Error> {
        if self.outbox.is_empty() {
            return Ok(());
        }
        {
            let mut settle = pin!(self.session.settle());
            let settled = tokio::select! {
                biased;
                settled = &mut settle => Some(settled),
                // A quorum that stays away must not keep the connections of clients that have left.
                () = gone(&self.inbox) => {
                    self.outbox.discard();
                    return Err(self.outbox.left());
                }
                () = self.ended.cancelled() => tokio::time::timeout(LAST_WORDS, settle).await.ok(),
            };
            // Not settled when the server stops: the client is told that it ended, and nothing else.
            if let Err(error) = settled.unwrap_or_else(|| Err(self.outbox.farewell())) {
                self.outbox.discard();
                return Err(error.fatal());
            }
        }
        self.error_waits = false;
        self.outbox.drain().await
    }

    /// Before a last error: replies that wait are sent with it if they settle soon, else they are discarded.
    async fn settle_or_discard(&mut self) {
        if !self.outbox.is_empty()
            && !matches!(tokio::time::timeout(LAST_WORDS, self.session.settle()).await, Ok(Ok(())))
        {
            self.outbox.discard();
        }
    }
}

/// Awaits a call of the session. If the client leaves or the connection is to end, cancels the call and still awaits it.
/// The call stays where it was made: it is some kilobytes large.
async fn watch<T>(
    mut call: Pin<&mut impl Future<Output = T>>,
    inbox: &SharedInbox,
    ended: &CancellationToken,
    cancel: &CancelHandle,
) -> T {
    // The first poll is the whole of a call that does not wait; nothing else is set up for it.
    let reason = tokio::select! {
        biased;
        done = &mut call => return done,
        () = gone(inbox) => CancelReason::Disconnect,
        () = ended.cancelled() => CancelReason::Shutdown,
    };
    cancel(reason);
    call.await
}

/// Resolves when the client has been silent for longer than it may: since now, if it was not silent before.
async fn idle_too_long(limit: Option<IdleLimit>, since: &mut Option<Instant>) -> Error {
    let (limit, error): (_, fn() -> Error) = match limit {
        Some(IdleLimit::Transaction(limit)) => (limit, idle_in_transaction),
        Some(IdleLimit::Session(limit)) => (limit, idle_session),
        None => return std::future::pending().await,
    };
    tokio::time::sleep_until(*since.get_or_insert_with(Instant::now) + limit).await;
    error()
}

//! Where the wire and SQL meet: opens `sql` sessions for connections.

use crate::auth::Authentication;
use crate::compute::Compute;
use crate::forward::{Forwarder, Forwarding};
use crate::pgwire::scram::Verifier;
use crate::pgwire::{
    CancelHandle, CancelReason, Client, Connected, IdleLimit, Login, Message, Peer, RelayFailed, Route, Session,
    SessionFactory, Startup, Wire,
};
use crate::replication::sql_time;
use sql::session::{self as sql_session, Database, SessionOptions};
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use storage::volume::writer::STALLED_AFTER;
use tokio::sync::Notify;
use types::{Error, Result, SqlState};

/// The role that exists from the start and whose password the command line gives.
const SUPERUSER: &str = "postgres";

/// Opens the sessions of one engine's life, for whoever passes the server's authentication and for replicas that forward
/// their clients'; from [`Sessions::open`] on.
pub struct Sessions {
    server: Arc<Compute>,
    database: OnceLock<Arc<Database>>,
}

impl Sessions {
    /// Those of `server`, which is starting.
    #[must_use]
    pub fn of(server: &Arc<Compute>) -> Sessions {
        Sessions { server: server.clone(), database: OnceLock::new() }
    }

    /// They run over `database`.
    pub fn open(&self, database: Arc<Database>) {
        self.database.get_or_init(|| database);
    }

    fn database(&self) -> Result<&Arc<Database>> {
        self.database.get().ok_or_else(|| self.server.not_ready())
    }
}

/// One connection's session.
pub struct SqlSession {
    session: sql_session::Session,
    forwarder: Forwarder,
    /// Whether the client is a replica, whose own clients' statements these are.
    is_forwarded: bool,
    /// Rung by a CancelRequest, for whoever waits at that moment.
    cancelled: Arc<Notify>,
}

impl SessionFactory for Sessions {
    type Session = SqlSession;

    async fn login(&self, startup: &Startup) -> Result<Login> {
        let database = self.database()?;
        let catalog = database.catalog(0).await?;
        if catalog.role_named(SUPERUSER).is_none() {
            // A replica that has not yet applied the redo of a new database.
            return Err(self.server.not_ready());
        }
        let role = catalog.role_named(&startup.user).cloned();
        let superuser = role.as_ref().is_some_and(|role| role.superuser);
        if startup.forwarded {
            if !database.engine.is_writer() {
                let why = "this server is not the writer";
                return Err(Error::new(SqlState::CANNOT_CONNECT_NOW, why).fatal());
            }
            return Ok(Login::Scram { verifier: Some(self.server.forwarders.clone()), superuser });
        }
        match &self.server.options.authentication {
            Authentication::Trust => {
                if !startup.peer.is_local() {
                    let why =
                        format!("no authentication rule for host \"{}\", user \"{}\"", startup.peer, startup.user);
                    return Err(Error::new(SqlState::INVALID_AUTHORIZATION_SPECIFICATION, why).fatal());
                }
                Ok(Login::Trust { superuser })
            }
            Authentication::Scram(verifier) => {
                let now = sql_time(self.server.unix_micros());
                let is_valid = role.as_ref().is_none_or(|role| role.valid_until.is_none_or(|until| now < until));
                let stored = role.filter(|role| role.login).and_then(|role| role.password.clone());
                let verifier = match stored {
                    _ if !is_valid => None,
                    Some(text) => Verifier::parse(&text),
                    // The superuser's password is the command line's until ALTER ROLE sets another.
                    None => (startup.user == SUPERUSER).then(|| verifier.clone()),
                };
                Ok(Login::Scram { verifier, superuser })
            }
        }
    }

    async fn connect(&self, startup: Startup) -> Result<Connected<SqlSession>> {
        let is_forwarded = startup.forwarded;
        let forwarder = Forwarder::new(Forwarding::of(&self.server), startup.clone());
        let canceller = forwarder.canceller();
        let options = SessionOptions {
            pid: startup.pid,
            user: startup.user,
            database: startup.database,
            settings: startup.settings,
            forwarded: is_forwarded,
            client_address: match startup.peer {
                Peer::Tcp(address) => Some(address),
                Peer::Unix => None,
            },
            encryption: startup.encryption,
        };
        let session = sql_session::Session::new(self.database()?.clone(), options).await?;
        let parameters = session.parameters();
        let handle = session.cancel_handle();
        let cancelled = Arc::new(Notify::new());
        let bell = cancelled.clone();
        let cancel: CancelHandle = Arc::new(move |reason| {
            handle(reason_of(reason));
            canceller.cancel(reason);
            if matches!(reason, CancelReason::Request) {
                bell.notify_waiters();
            }
        });
        let session = SqlSession { session, forwarder, is_forwarded, cancelled };
        Ok(Connected { session, parameters, cancel })
    }
}

fn reason_of(reason: CancelReason) -> sql_session::CancelReason {
    match reason {
        CancelReason::Request => sql_session::CancelReason::Request,
        CancelReason::Disconnect => sql_session::CancelReason::Disconnect,
        CancelReason::Shutdown => sql_session::CancelReason::Shutdown,
    }
}

impl Session for SqlSession {
    fn routes(&self) -> bool {
        self.is_away() || self.session.forwards() && !self.is_forwarded
    }

    fn is_away(&self) -> bool {
        self.forwarder.status().is_some()
    }

    async fn route(&mut self, message: &Message<'_>) -> Result<Route> {
        self.forwarder.route(&mut self.session, message).await
    }

    async fn relay<W: Wire>(
        &mut self,
        message: Option<&Message<'_>>,
        frame: (u8, &[u8]),
        wire: &mut W,
    ) -> std::result::Result<(), RelayFailed> {
        self.forwarder.relay(&mut self.session, message, frame, wire).await
    }

    async fn simple<C: Client>(&mut self, sql: &str, client: &mut C) -> Result<()> {
        let result = self.session.simple(sql, client).await;
        if self.session.forwards() {
            self.forwarder.ran_query(&self.session, result.is_ok());
        } else {
            self.forwarder.ran_unseen(&self.session);
        }
        result
    }

    async fn parse(&mut self, name: &str, sql: &str, param_types: &[u32]) -> Result<()> {
        self.session.parse(name, sql, param_types).await
    }

    async fn bind(
        &mut self,
        portal: &str,
        statement: &str,
        param_formats: &[i16],
        params: &[Option<&[u8]>],
        result_formats: &[i16],
    ) -> Result<()> {
        self.session.bind(portal, statement, param_formats, params, result_formats).await
    }

    async fn describe_statement<C: Client>(&mut self, name: &str, client: &mut C) -> Result<()> {
        self.session.describe_statement(name, client).await
    }

    async fn describe_portal<C: Client>(&mut self, name: &str, client: &mut C) -> Result<()> {
        self.session.describe_portal(name, client).await
    }

    async fn execute<C: Client>(&mut self, portal: &str, max_rows: u32, client: &mut C) -> Result<()> {
        let seen = self.session.forwards();
        let result = self.session.execute(portal, max_rows, client).await;
        if !(seen && self.session.forwards()) {
            self.forwarder.ran_unseen(&self.session);
        } else if result.is_ok() {
            self.forwarder.ran_portal(&self.session, portal);
        }
        result
    }

    async fn close_statement(&mut self, name: &str) -> Result<()> {
        self.session.close_statement(name).await
    }

    async fn close_portal(&mut self, name: &str) -> Result<()> {
        self.session.close_portal(name).await
    }

    async fn sync(&mut self) -> Result<()> {
        let result = self.session.sync().await;
        if self.session.forwards() {
            self.forwarder.synced(&self.session);
        }
        result
    }

    fn fail(&mut self) {
        self.session.fail();
    }

    fn status(&self) -> u8 {
        self.forwarder.status().unwrap_or_else(|| self.session.status())
    }

    async fn settle(&mut self) -> Result<()> {
        // Mostly there is nothing to wait for, and so nothing to be rung out of.
        if self.session.is_settled() {
            return Ok(());
        }
        let mut settled = pin!(self.session.settle());
        tokio::select! {
            biased;
            settled = &mut settled => return settled,
            () = self.cancelled.notified() => {}
        }
        // A commit cannot be taken back. Where storage does well the statement is done in a moment, and the request came too
        // late for it; else what was said may never be durable: the client learns that, and nothing of what was said.
        tokio::time::timeout(STALLED_AFTER, settled).await.unwrap_or_else(|_| {
            let message =
                "canceling the wait for durability due to user request; the statement's completion is unknown";
            Err(Error::new(SqlState::T_R_STATEMENT_COMPLETION_UNKNOWN, message).fatal())
        })
    }

    fn idle_limit(&self) -> Option<IdleLimit> {
        self.session.idle_limit(self.status() != b'I')
    }

    async fn news(&mut self) {
        self.session.news().await;
    }

    fn has_news(&self) -> bool {
        self.session.has_news()
    }

    fn tell<C: Client>(&mut self, client: &mut C) {
        self.session.tell(client);
    }
}

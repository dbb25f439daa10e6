//! A session without an engine: a few words that the tests need, and a world in which they leave traces.
//!
//! | statement | does |
//! |---|---|
//! | `select TEXT` | one row with TEXT |
//! | `insert TEXT` | adds TEXT to the world's table |
//! | `rows N` | N rows of an integer and 100 bytes, drained as they come |
//! | `begin`, `commit` | moves the transaction status |
//! | `error`, `fatal`, `panic` | 22012; 40003; a panic |
//! | `wait` | holds a lock until it is cancelled |
//! | `commit wait` | holds a lock until the world's gate opens, whatever is cancelled |
//! | `copy` | COPY FROM STDIN into the world's table, all or nothing |
//! | `export N` | COPY TO STDOUT of N lines |
//! | `notice` | a notice and a ParameterStatus |
//! | `unsettled` | what follows is durable only when the world's gate opens |
//! | `lost` | what follows can no longer become durable: settling fails with 40003 |
//! | `idle` | the client may now be silent for 50 ms |
//! | `away` | another server carries it out, and all up to Sync; `away lost`: it is lost |
//!
//! A `$1` in an extended statement stands for a text parameter, `#1` for an int4.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use server::pgwire::scram::Verifier;
use server::pgwire::{
    Backends, Bind, CancelHandle, CancelReason, Client, Column, Config, Connected, CopyFormat, IdleLimit, Listener,
    Login, Message, NoticeSeverity, RelayFailed, Route, Server, Session, SessionFactory, Startup, Wire,
};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use types::{Datum, Error, Result, Settings, SqlState, SqlType};

/// What the sessions of one server share.
pub struct World {
    pub table: Mutex<Vec<String>>,
    /// Locks held by running statements.
    pub locks: AtomicUsize,
    /// Closed until a permit is added.
    pub gate: Semaphore,
    /// A permit makes one idle session tell that it is no standby any more.
    pub news: Semaphore,
    pub startups: Mutex<Vec<Startup>>,
    pub cancels: Mutex<Vec<CancelReason>>,
    pub rows_made: AtomicUsize,
    verifier: Verifier,
}

/// A server with its world, on a port of its own.
pub struct Harness {
    pub port: u16,
    pub world: Arc<World>,
    pub backends: Arc<Backends>,
    pub shutdown: CancellationToken,
    pub served: tokio::task::JoinHandle<()>,
    server: Server<Factory>,
}

impl Harness {
    pub async fn start() -> Harness {
        Harness::with(Config::default(), Backends::new(100, 3)).await
    }

    pub async fn with(config: Config, backends: Arc<Backends>) -> Harness {
        let world = Arc::new(World {
            table: Mutex::default(),
            locks: AtomicUsize::new(0),
            gate: Semaphore::new(0),
            news: Semaphore::new(0),
            startups: Mutex::default(),
            cancels: Mutex::default(),
            rows_made: AtomicUsize::new(0),
            verifier: Verifier::from_password("pencil"),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let server = Server::new(Factory(world.clone()), backends.clone(), config).expect("threads can be had");
        let shutdown = CancellationToken::new();
        let (token, tcp) = (shutdown.clone(), server.clone());
        let served = tokio::spawn(async move { tcp.serve(Listener::Tcp(listener), token).await });
        Harness { port, world, backends, shutdown, served, server }
    }

    /// Serves the same sessions on a Unix socket, too.
    pub fn listen_at(&self, path: &Path) {
        let listener = UnixListener::bind(path).expect("a free path");
        let (server, token) = (self.server.clone(), self.shutdown.clone());
        tokio::spawn(async move { server.serve(Listener::Unix(listener), token).await });
    }
}

struct Factory(Arc<World>);

impl SessionFactory for Factory {
    type Session = Fake;

    /// `admin` is a superuser, `scram` has the password "pencil", `ghost` does not exist, everyone else is trusted.
    async fn login(&self, startup: &Startup) -> Result<Login> {
        self.0.startups.lock().push(startup.clone());
        Ok(match startup.user.as_str() {
            "scram" => Login::Scram { verifier: Some(self.0.verifier.clone()), superuser: false },
            "ghost" => Login::Scram { verifier: None, superuser: false },
            user => Login::Trust { superuser: user == "admin" },
        })
    }

    async fn connect(&self, startup: Startup) -> Result<Connected<Fake>> {
        match startup.database.as_str() {
            "missing" => {
                let message = "database \"missing\" does not exist";
                return Err(Error::new(SqlState::INVALID_CATALOG_NAME, message));
            }
            "panic" => panic!("a panic while a session is opened"),
            _ => {}
        }
        let running = Arc::new(Mutex::new(CancellationToken::new()));
        let (to_cancel, world) = (running.clone(), self.0.clone());
        let cancel: CancelHandle = Arc::new(move |reason| {
            world.cancels.lock().push(reason);
            to_cancel.lock().cancel();
        });
        let session = Fake {
            world: self.0.clone(),
            running,
            status: b'I',
            statements: HashMap::new(),
            portals: HashMap::new(),
            durability: Durability::Durable,
            idle: false,
            away: false,
            away_is_lost: false,
        };
        let parameters = vec![("server_version".into(), "15.0".into()), ("client_encoding".into(), "UTF8".into())];
        Ok(Connected { session, parameters, cancel })
    }
}

enum Durability {
    Durable,
    Waits,
    Lost,
}

struct Portal {
    sql: String,
    rows_left: Option<usize>,
    formats: Vec<i16>,
}

pub struct Fake {
    world: Arc<World>,
    running: Arc<Mutex<CancellationToken>>,
    status: u8,
    statements: HashMap<String, String>,
    portals: HashMap<String, Portal>,
    durability: Durability,
    idle: bool,
    /// Everything up to Sync is another server's.
    away: bool,
    /// That server is lost.
    away_is_lost: bool,
}

/// A lock that is free again however its statement ends.
struct Lock<'a>(&'a AtomicUsize);

impl<'a> Lock<'a> {
    fn take(count: &'a AtomicUsize) -> Lock<'a> {
        count.fetch_add(1, Ordering::SeqCst);
        Lock(count)
    }
}

impl Drop for Lock<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn column(name: &str, ty: SqlType) -> Column {
    Column { name: name.into(), ty, table: 0, attribute: 0 }
}

fn error(sqlstate: SqlState, message: &str) -> Error {
    Error::new(sqlstate, message)
}

fn columns_of(sql: &str) -> Vec<Column> {
    match sql.split(' ').next() {
        Some("select") => vec![column("text", SqlType::TEXT)],
        Some("rows") => vec![column("n", SqlType::INT4), column("filler", SqlType::TEXT)],
        _ => Vec::new(),
    }
}

impl Fake {
    async fn run<C: Client>(&mut self, sql: &str, max_rows: usize, formats: &[i16], client: &mut C) -> Result<usize> {
        *self.running.lock() = CancellationToken::new();
        let cancelled = self.running.lock().clone();
        let settings = Settings::default();
        let columns = columns_of(sql);
        let world = self.world.clone();
        let (word, rest) = sql.split_once(' ').unwrap_or((sql, ""));
        match word {
            "" => client.empty_query(),
            "select" => {
                client.data_row(&[Datum::Text(rest.into())], &columns, formats, &settings)?;
                client.command_complete("SELECT 1");
            }
            "insert" => {
                world.table.lock().push(rest.to_owned());
                client.command_complete("INSERT 0 1");
            }
            "rows" => {
                let all: usize = rest.parse().map_err(|_| error(SqlState::SYNTAX_ERROR, "rows of what"))?;
                let count = if max_rows == 0 { all } else { all.min(max_rows) };
                let filler = Datum::Text("x".repeat(100).as_str().into());
                for n in 0..count {
                    if cancelled.is_cancelled() {
                        return Err(error(SqlState::QUERY_CANCELED, "canceling statement due to user request"));
                    }
                    client.data_row(&[Datum::Int4(n as i32), filler.clone()], &columns, formats, &settings)?;
                    world.rows_made.fetch_add(1, Ordering::Relaxed);
                    if client.wants_drain() {
                        self.settle().await?;
                        client.drain().await?;
                    }
                }
                if count < all {
                    client.portal_suspended();
                    return Ok(all - count);
                }
                client.command_complete(&format!("SELECT {count}"));
            }
            "begin" => {
                self.status = b'T';
                client.command_complete("BEGIN");
            }
            "commit" if rest == "wait" => {
                let _lock = Lock::take(&world.locks);
                world.gate.acquire().await.expect("never closed").forget();
                world.table.lock().push("committed".into());
                client.command_complete("COMMIT");
            }
            "commit" => {
                self.status = b'I';
                client.command_complete("COMMIT");
            }
            "error" => return Err(error(SqlState::DIVISION_BY_ZERO, "division by zero")),
            "fatal" => return Err(error(SqlState::T_R_STATEMENT_COMPLETION_UNKNOWN, "commit fate unknown").fatal()),
            "panic" => panic!("a panic in a statement"),
            "wait" => {
                let _lock = Lock::take(&world.locks);
                cancelled.cancelled().await;
                return Err(error(SqlState::QUERY_CANCELED, "canceling statement due to user request"));
            }
            "copy" => {
                let _lock = Lock::take(&world.locks);
                client.copy_in_response(1, CopyFormat::Text);
                let mut rows = Vec::new();
                while let Some(data) = client.copy_in_next().await? {
                    let text = std::str::from_utf8(&data);
                    let text =
                        text.map_err(|_| error(SqlState::CHARACTER_NOT_IN_REPERTOIRE, "invalid byte sequence"))?;
                    rows.push(text.to_owned());
                }
                client.command_complete(&format!("COPY {}", rows.len()));
                world.table.lock().extend(rows);
            }
            "export" => {
                client.copy_out_response(2, CopyFormat::Binary);
                for n in 0..rest.parse::<usize>().expect("a number") {
                    client.copy_data(format!("{n}\n").as_bytes());
                }
                client.copy_done();
                client.command_complete("COPY");
            }
            "notice" => {
                let notice = error(SqlState::SUCCESSFUL_COMPLETION, "take notice").hint("Think.");
                client.notice(NoticeSeverity::Warning, &notice);
                client.parameter_status("TimeZone", "Europe/Berlin");
                client.command_complete("NOTICE");
            }
            "unsettled" => {
                self.durability = Durability::Waits;
                client.command_complete("OK");
            }
            "lost" => {
                self.durability = Durability::Lost;
                client.command_complete("OK");
            }
            "idle" => {
                self.idle = true;
                client.command_complete("OK");
            }
            _ => return Err(error(SqlState::SYNTAX_ERROR, "syntax error").at(1)),
        }
        Ok(0)
    }
}

impl Session for Fake {
    fn routes(&self) -> bool {
        true
    }

    fn is_away(&self) -> bool {
        self.away
    }

    async fn route(&mut self, message: &Message<'_>) -> Result<Route> {
        let sql = match message {
            Message::Query(sql) => *sql,
            Message::Bind(Bind { statement, .. }) => self.statements.get(*statement).map_or("", String::as_str),
            _ => "",
        };
        self.away |= sql.starts_with("away");
        self.away_is_lost |= sql == "away lost";
        Ok(if self.away { Route::Away } else { Route::Here })
    }

    async fn relay<W: Wire>(
        &mut self,
        message: Option<&Message<'_>>,
        (kind, body): (u8, &[u8]),
        wire: &mut W,
    ) -> std::result::Result<(), RelayFailed> {
        let ends_cycle = matches!(message, Some(Message::Query(_) | Message::Sync));
        if std::mem::take(&mut self.away_is_lost) {
            self.away = false;
            return Err(RelayFailed { error: error(SqlState::CONNECTION_FAILURE, "lost"), ends_cycle });
        }
        // What was asked is answered by a notice that says so.
        let text = [&b"M"[..], &[kind], b" ", &body.len().to_string().into_bytes(), b"\0\0"].concat();
        wire.pass_on(&[b"N", &(text.len() as u32 + 4).to_be_bytes()[..], &text].concat());
        if ends_cycle {
            wire.pass_on(b"Z\0\0\0\x05T");
            self.away = false;
        }
        Ok(())
    }

    async fn simple<C: Client>(&mut self, sql: &str, client: &mut C) -> Result<()> {
        for statement in sql.split(';').map(str::trim) {
            let columns = columns_of(statement);
            if !columns.is_empty() {
                client.row_description(&columns, &[]);
            }
            self.run(statement, 0, &[], client).await?;
        }
        Ok(())
    }

    async fn parse(&mut self, name: &str, sql: &str, _param_types: &[u32]) -> Result<()> {
        if sql.contains(';') {
            let message = "cannot insert multiple commands into a prepared statement";
            return Err(error(SqlState::SYNTAX_ERROR, message));
        }
        if !name.is_empty() && self.statements.contains_key(name) {
            return Err(error(SqlState::DUPLICATE_PSTATEMENT, "prepared statement already exists"));
        }
        self.statements.insert(name.to_owned(), sql.to_owned());
        Ok(())
    }

    async fn bind(
        &mut self,
        portal: &str,
        statement: &str,
        param_formats: &[i16],
        params: &[Option<&[u8]>],
        result_formats: &[i16],
    ) -> Result<()> {
        let unknown = || error(SqlState::INVALID_SQL_STATEMENT_NAME, "prepared statement does not exist");
        let sql = self.statements.get(statement).ok_or_else(unknown)?;
        let placeholders = sql.matches(['$', '#']).count();
        if placeholders != params.len() {
            let message = format!(
                "bind message supplies {} parameters, but prepared statement \"{statement}\" requires {placeholders}",
                params.len()
            );
            return Err(Error::new(SqlState::PROTOCOL_VIOLATION, message));
        }
        let value = match params.first() {
            None => String::new(),
            Some(None) => "NULL".to_owned(),
            Some(Some(bytes)) if param_formats.first() == Some(&1) && sql.contains('#') => {
                let bad = |_| error(SqlState::INVALID_BINARY_REPRESENTATION, "incorrect binary data format");
                i32::from_be_bytes((*bytes).try_into().map_err(bad)?).to_string()
            }
            Some(Some(bytes)) => String::from_utf8(bytes.to_vec()).expect("the wire checks text parameters"),
        };
        let sql = sql.replace("$1", &value).replace("#1", &value);
        self.portals.insert(portal.to_owned(), Portal { sql, rows_left: None, formats: result_formats.to_vec() });
        Ok(())
    }

    async fn describe_statement<C: Client>(&mut self, name: &str, client: &mut C) -> Result<()> {
        let unknown = || error(SqlState::INVALID_SQL_STATEMENT_NAME, "prepared statement does not exist");
        let sql = self.statements.get(name).ok_or_else(unknown)?;
        let types: Vec<u32> = sql.matches(['$', '#']).map(|sign| if sign == "#" { 23 } else { 25 }).collect();
        client.parameter_description(&types);
        match columns_of(sql).as_slice() {
            [] => client.no_data(),
            columns => client.row_description(columns, &[]),
        }
        Ok(())
    }

    async fn describe_portal<C: Client>(&mut self, name: &str, client: &mut C) -> Result<()> {
        let unknown = || error(SqlState::INVALID_CURSOR_NAME, "portal does not exist");
        let portal = self.portals.get(name).ok_or_else(unknown)?;
        match columns_of(&portal.sql).as_slice() {
            [] => client.no_data(),
            columns => client.row_description(columns, &portal.formats),
        }
        Ok(())
    }

    async fn execute<C: Client>(&mut self, portal: &str, max_rows: u32, client: &mut C) -> Result<()> {
        let unknown = || error(SqlState::INVALID_CURSOR_NAME, "portal does not exist");
        let open = self.portals.get(portal).ok_or_else(unknown)?;
        let sql = open.rows_left.map_or(open.sql.clone(), |left| format!("rows {left}"));
        let formats = open.formats.clone();
        let left = self.run(&sql, max_rows as usize, &formats, client).await?;
        if let Some(open) = self.portals.get_mut(portal) {
            open.rows_left = Some(left);
        }
        Ok(())
    }

    async fn close_statement(&mut self, name: &str) -> Result<()> {
        self.statements.remove(name);
        Ok(())
    }

    async fn close_portal(&mut self, name: &str) -> Result<()> {
        self.portals.remove(name);
        Ok(())
    }

    async fn sync(&mut self) -> Result<()> {
        if self.status == b'I' {
            self.portals.clear();
        }
        Ok(())
    }

    fn fail(&mut self) {
        if self.status == b'T' {
            self.status = b'E';
        }
    }

    fn status(&self) -> u8 {
        self.status
    }

    async fn settle(&mut self) -> Result<()> {
        match self.durability {
            Durability::Durable => Ok(()),
            Durability::Waits => {
                self.world.gate.acquire().await.expect("never closed").forget();
                self.durability = Durability::Durable;
                Ok(())
            }
            Durability::Lost => Err(error(SqlState::T_R_STATEMENT_COMPLETION_UNKNOWN, "commit fate unknown").fatal()),
        }
    }

    async fn news(&mut self) {
        self.world.news.acquire().await.expect("never closed").forget();
    }

    fn tell<C: Client>(&mut self, client: &mut C) {
        client.parameter_status("in_hot_standby", "off");
    }

    fn idle_limit(&self) -> Option<IdleLimit> {
        let limit = Duration::from_millis(50);
        match (self.idle, self.status) {
            (false, _) => None,
            (true, b'I') => Some(IdleLimit::Session(limit)),
            (true, _) => Some(IdleLimit::Transaction(limit)),
        }
    }
}

//! [`Forwarder`]: one session's way to the writer and back.
//!
//! While a session is away its client's messages are put into the connection to the writer as they stand. Nothing is waited
//! for before Sync, Flush, a Query or the end of a COPY; then the answers are passed on until all that was asked is
//! answered. A queue of what is expected tells answers to the client's messages from those to our own.

use super::Forwarding;
use super::cancel::Canceller;
use super::history::History;
use super::names::Names;
use super::upstream::{Key, Upstream, error_of};
use crate::pgwire::{Bind, Message, RelayFailed, Route, Startup, Target, Wire};
use bytes::Bytes;
use protocol::Lsn;
use sql::parse::course::{Course, Part, Step};
use sql::parse::quote_identifier;
use sql::session::{Session, Source, Unanswered, Variables};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use types::{Error, Result, Severity, SqlState};

/// How often someone who waits for the writer looks whether it still is the writer.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);
/// Then, how often it is asked whether it is there, and how long it may take to say so.
const ASK_INTERVAL: Duration = Duration::from_secs(10);
const ASK_TIMEOUT: Duration = Duration::from_secs(5);
/// Messages of a pipeline are written when they are more than this, in bytes, without waiting for its Sync.
const WRITE_BYTES: usize = 64 * 1024;
/// The name of our own statement and portal there.
const OWN: &str = "redoubt forwarding";

/// An answer that is to come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Expected {
    Parsed,
    Bound,
    Closed,
    Described,
    Executed,
    /// ReadyForQuery, after a Query or a Sync.
    Ready {
        query: bool,
    },
}

impl Expected {
    /// What ends the answers to a message of this type.
    fn of(kind: u8) -> Option<Expected> {
        match kind {
            b'P' => Some(Expected::Parsed),
            b'B' => Some(Expected::Bound),
            b'C' => Some(Expected::Closed),
            b'D' => Some(Expected::Described),
            b'E' => Some(Expected::Executed),
            b'S' => Some(Expected::Ready { query: false }),
            b'Q' | b'F' => Some(Expected::Ready { query: true }),
            _ => None,
        }
    }
}

/// Why waiting for the writer ended without its answer.
enum Broken {
    /// The connection to the writer.
    Writer(io::Error),
    /// The writer ended the session and said why.
    Told(Error),
    /// Our own client, or our own server.
    Here(Error),
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Broken {
        Broken::Writer(error)
    }
}

/// See the module.
pub struct Forwarder {
    forwarding: Forwarding,
    /// Who the session is.
    startup: Startup,
    upstream: Option<Upstream>,
    canceller: Arc<Canceller>,
    /// Whether the client's messages go to the writer now.
    away: bool,
    /// As the writer told it last.
    status: u8,
    /// Answers to come; those marked are ours.
    expected: VecDeque<(Expected, bool)>,
    /// The writer skips everything up to Sync, and so may we.
    failed: bool,
    /// The writer waits for the data of a COPY.
    copying: bool,
    /// Ends of a COPY that were sent before the writer asked for its data.
    copies_ended: usize,
    /// No message is there that waits for a Sync.
    synced: bool,
    /// The statements that were asked for since the client was told last that the writer is ready.
    unanswered: Unanswered,
    /// The statements of the Query that runs here.
    query: Vec<Step>,
    /// Statements bound here that shape the session or unmake names, by portal.
    bound: HashMap<String, Step>,
    /// Statements bound there that do more than read and write, by portal.
    portals: HashMap<String, Step>,
    history: History,
    names: Names,
    /// Settings that the writer's session has from us.
    passed: BTreeMap<String, String>,
    /// Settings that changed there.
    told: BTreeMap<String, String>,
    committed: Lsn,
    /// Whether the client wants to hear of commits.
    reports_commits: bool,
}

impl Forwarder {
    /// For one client's session.
    #[must_use]
    pub fn new(forwarding: Forwarding, startup: Startup) -> Forwarder {
        Forwarder {
            forwarding,
            startup,
            upstream: None,
            canceller: Arc::new(Canceller::new()),
            away: false,
            status: b'I',
            expected: VecDeque::new(),
            failed: false,
            copying: false,
            copies_ended: 0,
            synced: true,
            unanswered: Unanswered::default(),
            query: Vec::new(),
            bound: HashMap::new(),
            portals: HashMap::new(),
            history: History::default(),
            names: Names::default(),
            passed: BTreeMap::new(),
            told: BTreeMap::new(),
            committed: Lsn::ZERO,
            reports_commits: false,
        }
    }

    /// What cancels for this session.
    #[must_use]
    pub fn canceller(&self) -> Arc<Canceller> {
        self.canceller.clone()
    }

    /// The transaction status there, while the session is away.
    #[must_use]
    pub fn status(&self) -> Option<u8> {
        self.away.then_some(self.status)
    }

    /// Where the client's next message goes. If that is away, the session has left.
    ///
    /// # Errors
    /// When the writer cannot be had, or the transaction cannot move.
    pub async fn route(&mut self, session: &mut Session, message: &Message<'_>) -> Result<Route> {
        if self.away {
            return Ok(Route::Away);
        }
        match message {
            Message::Query(sql) => {
                // What cannot be parsed is told by the session.
                let steps = session.steps(sql).unwrap_or_default();
                if steps.iter().any(|step| self.writes(session, step)) && self.leave(session, message).await? {
                    return Ok(Route::Away);
                }
                self.names.attend_here(session, &steps).await?;
                self.query = steps;
            }
            Message::Parse { name, .. } => self.names.replaced_here(name),
            Message::Bind(Bind { portal, statement, .. }) => {
                let steps = match self.names.text_of(session, statement) {
                    Some(text) => session.steps(&text).unwrap_or_default(),
                    None => Vec::new(),
                };
                if steps.iter().any(|step| self.writes(session, step)) && self.leave(session, message).await? {
                    return Ok(Route::Away);
                }
                self.names.bring_back(session, statement).await?;
                self.names.attend_here(session, &steps).await?;
                self.bound.remove(*portal);
                let matters = |it: &Step| it.course == Course::Shapes || matches!(it.part, Part::Deallocates(_));
                if let Some(step) = steps.into_iter().find(matters) {
                    self.bound.insert((*portal).to_owned(), step);
                }
            }
            Message::Describe(Target::Statement, name) => self.names.bring_back(session, name).await?,
            Message::Close(Target::Statement, name) => self.names.replaced_here(name),
            _ => {}
        }
        Ok(Route::Here)
    }

    fn writes(&self, session: &Session, step: &Step) -> bool {
        match (&step.course, &step.part) {
            (Course::Writes, _) => true,
            (_, Part::Executes(name)) => {
                let steps = self.names.text_of(session, name).and_then(|text| session.steps(&text).ok());
                steps.is_some_and(|steps| steps.iter().any(|step| step.course == Course::Writes))
            }
            _ => false,
        }
    }

    /// A Query ran here.
    pub fn ran_query(&mut self, session: &Session, succeeded: bool) {
        let steps = std::mem::take(&mut self.query);
        if succeeded {
            self.ran(session, &steps);
        } else if session.status() == b'I' {
            self.history.clear();
        } else if steps.len() > 1 {
            self.history.lose();
        }
    }

    /// Statements ran here while nothing was to be forwarded: what they made of a transaction is not known.
    pub fn ran_unseen(&mut self, session: &Session) {
        self.query.clear();
        match session.in_transaction() {
            true => self.history.lose(),
            false => self.history.clear(),
        }
    }

    /// A portal was executed here.
    pub fn ran_portal(&mut self, session: &Session, portal: &str) {
        if let Some(step) = self.bound.remove(portal) {
            self.ran(session, &[step]);
        }
    }

    fn ran(&mut self, session: &Session, steps: &[Step]) {
        for step in steps {
            self.history.ran(step);
            self.names.ran_here(&step.part);
            if matches!(step.part, Part::Discards { .. }) {
                // Last values and advisory locks are there.
                self.hang_up();
            }
        }
        if !session.in_transaction() {
            self.history.clear();
        }
    }

    /// A Sync ran here.
    pub fn synced(&mut self, session: &Session) {
        // Portals of a block outlive it.
        if !session.in_transaction() {
            self.bound.clear();
            self.history.clear();
        }
    }

    /// Moves the session and its transaction to the writer, where `message` is to be the next; false if the session itself
    /// is to answer.
    async fn leave(&mut self, session: &mut Session, message: &Message<'_>) -> Result<bool> {
        let portal = if let Message::Bind(bind) = message { bind.portal } else { "" };
        if !session.may_leave(portal)? {
            return Ok(false);
        }
        let in_block = session.status() == b'T';
        let texts = match session.in_transaction() {
            true => self.history.texts(in_block)?.to_vec(),
            false => Vec::new(),
        };
        if !in_block && !texts.is_empty() && matches!(message, Message::Query(_)) {
            let told = Error::new(SqlState::FEATURE_NOT_SUPPORTED, "the transaction cannot continue on the writer");
            return Err(told.detail("A Query follows statements of a pipeline that has no Sync and has set something."));
        }
        if !self.upstream.as_mut().is_some_and(Upstream::is_open) {
            self.hang_up();
            let writer = self.forwarding.writer().await?;
            self.upstream = Some(Upstream::open(&writer, &self.startup).await?);
        }
        session.settle().await?;
        self.canceller.quiet().await;
        // What the transaction has set is taken back here. It is set again there as a part of the same transaction, and the
        // writer reports what has become of it.
        session.leave().await;
        self.history.clear();
        self.bound.clear();
        self.told.clear();
        self.reports_commits = session.reports_commits();
        let settings = session.settings_to_pass_on();
        let mut first = changes(&self.passed, &settings);
        self.passed = settings;
        if in_block {
            first.extend_from_slice(&texts);
        }
        if let Err(error) = self.repeat(&first).await {
            self.hang_up();
            if in_block {
                session.fail_block().await?;
            }
            return Err(error);
        }
        self.away = true;
        if !in_block {
            // The pipeline goes on, and its Sync ends these too.
            texts.iter().for_each(|text| self.run_there(text));
        }
        Ok(true)
    }

    /// Runs statements of our own there, each a Query; what they answer is for nobody.
    async fn repeat(&mut self, texts: &[String]) -> Result<()> {
        let mut outcome = Ok(());
        if let Some(upstream) = &mut self.upstream {
            for text in texts {
                upstream.put(b'Q', &[text.as_bytes(), b"\0"].concat());
            }
        }
        let mut left = texts.len();
        while left > 0 {
            let Some(upstream) = &mut self.upstream else { return Err(lost(None, false)) };
            let frame = match upstream.take() {
                Ok(Some(frame)) => frame,
                Ok(None) => match self.wait().await {
                    Ok(()) => continue,
                    Err(broken) => return Err(self.error_of_loss(broken, false)),
                },
                Err(error) => return Err(lost(Some(&error), false)),
            };
            match frame[0] {
                b'Z' => {
                    self.status = frame.get(5).copied().unwrap_or(b'I');
                    left -= 1;
                }
                b'E' => outcome = outcome.and(Err(not_repeated(&error_of(&frame[5..])))),
                b'S' => drop(self.note_setting(&frame)),
                _ => {}
            }
        }
        self.canceller.rest();
        outcome
    }

    /// Has the writer carry out a message, or refuse a frame that is none, and passes on what it answers.
    ///
    /// # Errors
    /// When the writer or the client is lost.
    pub async fn relay<W: Wire>(
        &mut self,
        session: &mut Session,
        message: Option<&Message<'_>>,
        (kind, body): (u8, &[u8]),
        wire: &mut W,
    ) -> std::result::Result<(), RelayFailed> {
        // Inside a COPY these mean nothing; after an error everything up to Sync is skipped.
        if self.copying && matches!(kind, b'S' | b'H') || self.failed && kind != b'S' {
            return Ok(());
        }
        self.canceller.quiet().await;
        let here = |error| RelayFailed { error, ends_cycle: false };
        if let Some(message) = message {
            self.attend(session, message).await.map_err(here)?;
        }
        let waits = self.expect(kind);
        let Some(upstream) = &mut self.upstream else { return Err(here(lost(None, false))) };
        upstream.put(kind, body);
        let unsent = upstream.unsent();
        if waits || unsent > WRITE_BYTES {
            let pumped = self.pump(session, waits, wire).await;
            self.canceller.rest();
            if let Err(broken) = pumped {
                return Err(self.fail(session, broken).await);
            }
        }
        self.come_back(session).await;
        Ok(())
    }

    /// A message of this type is the next: notes what will be answered. Whether the writer answers now, and does not wait for
    /// a Sync.
    fn expect(&mut self, kind: u8) -> bool {
        let unanswered = |wanted: fn(&Expected) -> bool| self.expected.iter().any(|(it, _)| wanted(it));
        let waits = match kind {
            b'Q' | b'F' | b'S' | b'H' => true,
            b'c' | b'f' => {
                // One that ends nothing is ignored there, too.
                if !self.copying && unanswered(|it| matches!(it, Expected::Executed | Expected::Ready { query: true }))
                {
                    self.copies_ended += 1;
                }
                self.copying = false;
                unanswered(|it| matches!(it, Expected::Ready { .. }))
            }
            _ => false,
        };
        let expected = Expected::of(kind);
        self.synced = match expected {
            Some(Expected::Ready { .. }) => true,
            _ => self.synced && expected.is_none(),
        };
        self.expected.extend(expected.map(|it| (it, false)));
        waits
    }

    /// Before a message goes to the writer: what must be there first.
    async fn attend(&mut self, session: &mut Session, message: &Message<'_>) -> Result<()> {
        match message {
            Message::Query(sql) => {
                let before = self.expected.len();
                let steps = session.steps(sql).unwrap_or_default();
                steps.iter().for_each(|step| self.attend_names(session, step));
                if self.expected.len() > before
                    && let Some(upstream) = &mut self.upstream
                {
                    // After an error a Query would be skipped, too; so it tells itself what it misses.
                    upstream.put(b'S', &[]);
                    self.expected.push_back((Expected::Ready { query: false }, true));
                }
                steps.into_iter().for_each(|step| self.ask(step));
                self.names.close_unnamed();
            }
            Message::Parse { name, sql, param_types } => {
                let source = Source::Parsed { sql: (*sql).to_owned(), types: param_types.to_vec() };
                // One of that name which is only here would be a duplicate; which the client meant to have.
                if name.is_empty() {
                    session.close_statement(name).await?;
                } else {
                    self.make_there(session, name);
                }
                self.names.parse(name, source);
            }
            Message::Bind(Bind { portal, statement, .. }) => {
                self.make_there(session, statement);
                let steps = self.names.text_of(session, statement).and_then(|text| session.steps(&text).ok());
                self.portals.remove(*portal);
                for step in steps.unwrap_or_default() {
                    self.attend_names(session, &step);
                    if step.part != Part::Plain {
                        self.portals.insert((*portal).to_owned(), step);
                    }
                }
            }
            Message::Describe(Target::Statement, name) => self.make_there(session, name),
            Message::Execute { portal, .. } => match self.portals.remove(*portal) {
                Some(step) => self.ask(step),
                None => self.unanswered.ask(&Part::Plain),
            },
            Message::Close(Target::Statement, name) => self.names.close(session, name),
            Message::Close(Target::Portal, name) => drop(self.portals.remove(*name)),
            Message::Describe(Target::Portal, _)
            | Message::Sync
            | Message::Flush
            | Message::CopyData
            | Message::CopyDone
            | Message::CopyFail(_)
            | Message::FunctionCall
            | Message::Terminate => {}
        }
        Ok(())
    }

    /// Before a statement goes there: names that it speaks of mean there what they mean here.
    fn attend_names(&mut self, session: &Session, step: &Step) {
        if let Part::Executes(name) | Part::Prepares(name) | Part::Deallocates(Some(name)) = &step.part {
            self.make_there(session, name);
        }
    }

    /// A statement is to run there.
    fn ask(&mut self, step: Step) {
        self.unanswered.ask(&step.part);
        self.names.run(step);
    }

    /// Makes a name mean there what it means here: prepares there what was prepared here, unless it is there, and closes what
    /// is left of a name that means nothing.
    fn make_there(&mut self, session: &Session, statement: &str) {
        let Some(wanted) = self.names.amend_there(session, statement) else { return };
        // Closing what is not there is no error.
        if !statement.is_empty() {
            self.put_own(b'C', &[b"S", &strings(&[statement])[..]].concat(), Expected::Closed);
        }
        match &wanted {
            Some(Source::Parsed { sql, types }) => {
                let mut body = strings(&[statement, sql]);
                body.extend_from_slice(&(types.len() as u16).to_be_bytes());
                types.iter().for_each(|ty| body.extend_from_slice(&ty.to_be_bytes()));
                self.put_own(b'P', &body, Expected::Parsed);
            }
            Some(Source::Prepared(text)) => {
                // It may have come in a text of several statements.
                let steps = session.steps(text).unwrap_or_default();
                let is_it = |step: &&Step| step.part == Part::Prepares(statement.to_owned());
                let Some(step) = steps.iter().rev().find(is_it) else { return };
                self.run_there(&step.text);
            }
            None => {}
        }
    }

    /// Has a statement of our own run there, as a part of the client's pipeline.
    fn run_there(&mut self, text: &str) {
        self.put_own(b'P', &[&strings(&[OWN, text])[..], &[0; 2]].concat(), Expected::Parsed);
        self.put_own(b'B', &[&strings(&[OWN, OWN])[..], &[0; 6]].concat(), Expected::Bound);
        self.put_own(b'E', &[&strings(&[OWN])[..], &[0; 4]].concat(), Expected::Executed);
        self.put_own(b'C', &[b"P", &strings(&[OWN])[..]].concat(), Expected::Closed);
        self.put_own(b'C', &[b"S", &strings(&[OWN])[..]].concat(), Expected::Closed);
    }

    /// A message of our own; its answer is for nobody.
    fn put_own(&mut self, kind: u8, body: &[u8], expected: Expected) {
        let Some(upstream) = &mut self.upstream else { return };
        upstream.put(kind, body);
        self.expected.push_back((expected, true));
    }

    /// Writes what is to be written and, if all answers are wanted, passes on what comes until they are there or the writer
    /// wants the data of a COPY.
    async fn pump<W: Wire>(
        &mut self,
        session: &mut Session,
        all: bool,
        wire: &mut W,
    ) -> std::result::Result<(), Broken> {
        loop {
            let Some(upstream) = &mut self.upstream else {
                return Err(io::Error::from(io::ErrorKind::NotConnected).into());
            };
            let (frame, sent) = (upstream.take()?, upstream.unsent() == 0);
            if let Some(frame) = frame {
                self.receive(session, &frame, wire)?;
                if wire.wants_drain() {
                    wire.drain().await.map_err(Broken::Here)?;
                }
                continue;
            }
            if sent && (!all || self.expected.is_empty() || self.copying) {
                return Ok(());
            }
            self.wait().await?;
        }
    }

    /// Waits until something was written or read.
    async fn wait(&mut self) -> std::result::Result<(), Broken> {
        let Some(upstream) = &mut self.upstream else {
            return Err(io::Error::from(io::ErrorKind::NotConnected).into());
        };
        self.canceller.run(&upstream.key);
        let (instance, key) = (upstream.instance, upstream.key.clone());
        tokio::select! {
            biased;
            progress = upstream.progress() => Ok(progress?),
            () = self.canceller.closes() => {
                Err(Broken::Here(Error::new(SqlState::QUERY_CANCELED, "the connection ends")))
            }
            why = gives_up(&self.forwarding, &self.canceller, instance, &key) => Err(Broken::Writer(why)),
        }
    }

    /// One message of the writer.
    fn receive<W: Wire>(
        &mut self,
        session: &mut Session,
        frame: &Bytes,
        wire: &mut W,
    ) -> std::result::Result<(), Broken> {
        let (kind, body) = (frame[0], &frame[5..]);
        let front = self.expected.front().copied();
        let ours = front.is_some_and(|(_, ours)| ours);
        match kind {
            b'E' => {
                let error = error_of(body);
                if error.severity == Severity::Fatal {
                    return Err(Broken::Told(error));
                }
                if matches!(front, Some((Expected::Ready { query: false }, _)) | None) {
                    // COMMIT at Sync failed: ReadyForQuery follows.
                } else if !matches!(front, Some((Expected::Ready { .. }, _))) {
                    while self.expected.front().is_some_and(|(it, _)| !matches!(it, Expected::Ready { .. })) {
                        self.expected.pop_front();
                    }
                    self.failed = true;
                    self.names.fail();
                }
                (self.copying, self.copies_ended) = (false, 0);
                let before_a_query = matches!(self.expected.front(), Some((Expected::Ready { .. }, true)));
                if !before_a_query {
                    self.names.end_cycle();
                    wire.pass_on(frame);
                }
                return Ok(());
            }
            b'S' => {
                if self.note_setting(frame) && !ours {
                    wire.pass_on(frame);
                }
                return Ok(());
            }
            b'G' => {
                // The writer has all of its data, or asks for it.
                self.copying = self.copies_ended == 0;
                self.copies_ended = self.copies_ended.saturating_sub(1);
                if self.copying {
                    // The writer ignores a Sync that came before the data.
                    self.expected.retain(|(it, _)| !matches!(it, Expected::Ready { query: false }));
                    self.synced &= matches!(front, Some((Expected::Ready { query: true }, _)));
                }
            }
            b'Z' => {
                self.status = body.first().copied().unwrap_or(b'I');
                self.failed = false;
                (self.copying, self.copies_ended) = (false, 0);
                if self.status == b'I' {
                    self.portals.clear();
                }
                if !ours {
                    self.unanswered = Unanswered::default();
                    self.names.end_cycle();
                }
            }
            b'C' => {
                self.copying = false;
                if !ours && let Some(tag) = body.strip_suffix(b"\0").and_then(|tag| std::str::from_utf8(tag).ok()) {
                    self.names.ran(session, tag);
                }
            }
            b'I' | b's' => self.copying = false,
            _ => {}
        }
        let answers = match front {
            Some((Expected::Parsed, _)) => kind == b'1',
            Some((Expected::Bound, _)) => kind == b'2',
            Some((Expected::Closed, _)) => kind == b'3',
            Some((Expected::Described, _)) => matches!(kind, b'T' | b'n'),
            Some((Expected::Executed, _)) => matches!(kind, b'C' | b'I' | b's'),
            Some((Expected::Ready { .. }, _)) => kind == b'Z',
            None => false,
        };
        if answers {
            self.expected.pop_front();
            if kind == b'1' && !ours {
                self.names.parsed();
            }
        }
        if !ours {
            wire.pass_on(frame);
        }
        Ok(())
    }

    /// Notes a ParameterStatus; whether the client is told of it.
    fn note_setting(&mut self, frame: &[u8]) -> bool {
        let mut strings = frame[5..].split(|byte| *byte == 0).map(String::from_utf8_lossy);
        let (Some(name), Some(value)) = (strings.next(), strings.next()) else { return false };
        if name == "redoubt.commit_lsn" {
            self.committed = self.committed.max(value.parse().unwrap_or_default());
            return self.reports_commits;
        }
        // What the other server is says nothing of this one.
        let told = Variables::is_reported(&name) && name != "in_hot_standby";
        self.told.insert(name.into_owned(), value.into_owned());
        told
    }

    /// If the transaction there is over, the session is here again, with what it ended with.
    async fn come_back(&mut self, session: &mut Session) {
        if !self.away || self.status != b'I' || !self.synced || !self.expected.is_empty() || self.copying {
            return;
        }
        self.away = false;
        self.take_over(session);
        self.names.come_back(session).await;
    }

    fn take_over(&mut self, session: &mut Session) {
        for (name, value) in std::mem::take(&mut self.told) {
            session.adopt_setting(&name, &value);
        }
        self.passed = session.settings_to_pass_on();
        if self.committed != Lsn::ZERO {
            session.adopt_commit(self.committed);
        }
    }

    /// The writer or the client is lost in the middle of something.
    async fn fail(&mut self, session: &mut Session, broken: Broken) -> RelayFailed {
        let unanswered = |wanted: fn(&Expected) -> bool| self.expected.iter().any(|(it, _)| wanted(it));
        let ends_cycle = unanswered(|it| matches!(it, Expected::Ready { .. }));
        let in_block = self.status != b'I';
        let runs = ends_cycle || unanswered(|it| matches!(it, Expected::Executed));
        let unknown = Unanswered { in_block, runs, ends_cycle, ..self.unanswered }.may_be_committed();
        let mut error = self.error_of_loss(broken, unknown);
        // What was set in the transaction is lost with it; commits before it are known.
        self.told.clear();
        self.take_over(session);
        self.hang_up();
        if in_block
            && !unknown
            && let Err(why) = session.fail_block().await
        {
            error = why.fatal();
        }
        RelayFailed { error, ends_cycle }
    }

    fn error_of_loss(&self, broken: Broken, unknown: bool) -> Error {
        match broken {
            Broken::Here(error) => error,
            Broken::Writer(error) => lost(Some(&error), unknown),
            Broken::Told(told) => {
                let unknown = unknown || told.sqlstate() == SqlState::T_R_STATEMENT_COMPLETION_UNKNOWN;
                let mut error = lost(None, unknown);
                error.detail = Some(format!("The writer said: {} ({})", told.message, told.sqlstate()));
                error
            }
        }
    }

    /// Forgets the writer's session.
    fn hang_up(&mut self) {
        self.upstream = None;
        self.canceller.rest();
        self.away = false;
        self.status = b'I';
        self.expected.clear();
        self.names.hang_up();
        self.portals.clear();
        self.unanswered = Unanswered::default();
        (self.failed, self.copying, self.copies_ended, self.synced) = (false, false, 0, true);
        self.passed.clear();
    }
}

/// Completes when no answer is to be expected any more of a writer that says nothing, with why. One that is stopped or cut
/// off says nothing; that it is not the writer any more is said by its successor, and that it is gone by nobody.
async fn gives_up(forwarding: &Forwarding, canceller: &Canceller, instance: u64, key: &Key) -> io::Error {
    // Mostly the answer is here before that.
    tokio::time::sleep(LOOK_INTERVAL).await;
    let looks = async {
        loop {
            if !forwarding.is_current(instance) {
                return io::Error::other("another server is the writer now");
            }
            if canceller.is_unheard() {
                return io::Error::new(io::ErrorKind::TimedOut, "a request to cancel did not reach the writer");
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    };
    tokio::select! {
        why = looks => why,
        why = Box::pin(key.writer.vanishes(ASK_INTERVAL, ASK_TIMEOUT)) => why,
    }
}

/// Strings as messages have them, one behind the other.
fn strings(parts: &[&str]) -> Vec<u8> {
    parts.iter().flat_map(|it| [it.as_bytes(), b"\0"]).collect::<Vec<_>>().concat()
}

/// The statements that make settings `from` into `to`.
fn changes(from: &BTreeMap<String, String>, to: &BTreeMap<String, String>) -> Vec<String> {
    const USER: &str = "session_authorization";
    // The parts of an application's own names are identifiers.
    let name = |name: &str| name.split('.').map(quote_identifier).collect::<Vec<_>>().join(".");
    let set = |key: &String, value: &String| match (key.as_str(), value.as_str()) {
        // To SET a text is one name.
        ("search_path", list) => {
            format!("SELECT pg_catalog.set_config('search_path', '{}', false)", list.replace('\'', "''"))
        }
        _ => format!("SET {} TO '{}'", name(key), value.replace('\'', "''")),
    };
    // The session user decides which roles can be set, and setting it unsets the role: first the one, then the other.
    let changes_user = from.get(USER) != to.get(USER);
    let keys: BTreeSet<&String> = from.keys().chain(to.keys()).collect();
    let (user, others): (Vec<&String>, Vec<&String>) = keys.into_iter().partition(|key| *key == USER);
    let statement = |key: &String| match to.get(key) {
        None => Some(format!("RESET {}", name(key))),
        Some(value) if from.get(key) != Some(value) || changes_user && key == "role" => Some(set(key, value)),
        Some(_) => None,
    };
    user.into_iter().chain(others).filter_map(statement).collect()
}

/// 40003 or 08006.
fn lost(why: Option<&io::Error>, unknown: bool) -> Error {
    let error = if unknown {
        let message = "the connection to the writer was lost; whether the transaction was committed is unknown";
        Error::new(SqlState::T_R_STATEMENT_COMPLETION_UNKNOWN, message)
    } else {
        let message = "the connection to the writer was lost; the transaction is rolled back";
        Error::new(SqlState::CONNECTION_FAILURE, message)
    };
    match why {
        Some(why) if why.kind() == io::ErrorKind::UnexpectedEof => error.detail("The writer closed the connection."),
        Some(why) => error.detail(format!("The reason: {why}.")),
        None => error,
    }
}

fn not_repeated(error: &Error) -> Error {
    let message = format!("the transaction cannot continue on the writer: {}", error.message);
    let mut told = Error::new(error.sqlstate, message);
    told.detail.clone_from(&error.detail);
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_passed_on_as_statements() {
        let map =
            |pairs: &[(&str, &str)]| pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let from = map(&[("work_mem", "1"), ("gone", "1"), ("same", "1")]);
        let to = map(&[("work_mem", "2"), ("same", "1"), ("search_path", "a, \"'B\""), ("my.select", "it's")]);
        let path = "SELECT pg_catalog.set_config('search_path', 'a, \"''B\"', false)";
        assert_eq!(changes(&from, &to), ["RESET gone", "SET my.\"select\" TO 'it''s'", path, "SET work_mem TO '2'"]);
    }

    #[test]
    fn the_role_is_set_after_the_user_who_may_have_it() {
        let map =
            |pairs: &[(&str, &str)]| pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let mine: BTreeMap<String, String> = map(&[("role", "a")]);
        let other: BTreeMap<String, String> = map(&[("role", "a"), ("session_authorization", "you")]);
        assert_eq!(changes(&mine, &other), ["SET session_authorization TO 'you'", "SET role TO 'a'"]);
        assert_eq!(changes(&other, &mine), ["RESET session_authorization", "SET role TO 'a'"]);
        assert_eq!(changes(&mine, &map(&[("role", "none")])), ["SET role TO 'none'"]);
        assert!(changes(&other, &other).is_empty());
    }
}

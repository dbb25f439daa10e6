//! Which statement a text is, and the statements that are neither queries nor changes of the catalog.

use types::datetime::TimeZone;
use types::{Datum, Error, Result, Settings, SqlState, SqlType, text_io};

use super::ast::{CreateTableAs, ExplainOptions, Name, Statement};
use super::keyword;
use super::lexer::Tok;
use super::parser::Parser;
use crate::bound::{ExplainFormat, FetchDirection, LockMode, SetScope, SetValue, TransactionStatement, WaitForLsn};
use std::time::Duration;

impl Parser<'_> {
    pub(super) fn statement(&mut self) -> Result<Statement> {
        let Tok::Word(word) = self.peek().clone() else {
            if self.is_sym("(") {
                return self.query_statement();
            }
            return Err(self.unexpected());
        };
        match word.as_ref() {
            "select" | "values" | "table" => self.query_statement(),
            "with" => {
                let with = self.nested(|parser| parser.with_clause(true))?;
                if self.is_any_word(&["insert", "update", "delete"]) {
                    return self.change(with);
                }
                if self.is_word("merge") {
                    return self.unsupported("MERGE");
                }
                let height = self.height;
                let mut query = self.query_after(with, true)?;
                query.height = query.height.max(height.max(self.height) + 1);
                self.select_into(query)
            }
            "insert" | "update" | "delete" => self.change(None),
            "begin" | "start" | "commit" | "end" | "rollback" | "abort" | "savepoint" | "release" => self.transaction(),
            "prepare" if self.is_word_at(1, "transaction") => self.unsupported("PREPARE TRANSACTION"),
            "create" => self.create(),
            "alter" => self.alter(),
            "drop" => self.drop_object(),
            "grant" | "revoke" => self.grant(),
            "copy" => self.copy(),
            "truncate" => self.truncate(),
            "set" => self.set(),
            "reset" => {
                self.advance();
                if self.accept_word("all") {
                    return Ok(Statement::Reset { name: None });
                }
                Ok(Statement::Reset { name: Some(self.setting_name()?) })
            }
            "show" => {
                self.advance();
                if self.accept_word("all") {
                    return Ok(Statement::Show { name: None });
                }
                Ok(Statement::Show { name: Some(self.setting_name()?) })
            }
            "explain" => self.explain(),
            "prepare" => self.prepare(),
            "execute" => {
                self.advance();
                let name = self.name_string()?;
                let args = if self.is_sym("(") { self.paren_list(Self::expr)? } else { Vec::new() };
                Ok(Statement::Execute { name, args })
            }
            "deallocate" => {
                self.advance();
                self.accept_word("prepare");
                let name = if self.accept_word("all") { None } else { Some(self.name_string()?) };
                Ok(Statement::Deallocate { name })
            }
            "declare" => self.declare(),
            "fetch" | "move" => self.fetch(),
            "close" => {
                self.advance();
                let cursor = if self.accept_word("all") { None } else { Some(self.name_string()?) };
                Ok(Statement::Close { cursor })
            }
            "lock" => self.lock(),
            "vacuum" | "analyze" | "analyse" => self.vacuum(),
            "discard" => {
                self.advance();
                let what = match self.peek() {
                    Tok::Word(word) => match word.as_ref() {
                        "all" => "ALL",
                        "plans" => "PLANS",
                        "sequences" => "SEQUENCES",
                        "temp" | "temporary" => "TEMP",
                        _ => return Err(self.unexpected()),
                    },
                    _ => return Err(self.unexpected()),
                };
                self.advance();
                Ok(Statement::Discard(what))
            }
            "checkpoint" => {
                self.advance();
                Ok(Statement::Checkpoint)
            }
            "wait" => self.wait_for_lsn(),
            "comment" => self.comment(),
            "reindex" => self.reindex(),
            "reassign" => self.reassign_owned(),
            "unlisten" => {
                self.advance();
                let channel = if self.accept_op("*") { None } else { Some(self.name_string()?) };
                Ok(Statement::Unlisten(channel))
            }
            "listen" => {
                self.advance();
                Ok(Statement::Listen(self.name_string()?))
            }
            "notify" => {
                self.advance();
                let channel = self.name_string()?;
                let payload = if self.accept_sym(",") { self.string()? } else { String::new() };
                Ok(Statement::Notify { channel, payload })
            }
            "do" | "call" | "cluster" | "merge" | "load" | "refresh" | "import" | "security" => {
                self.unsupported(&word.to_ascii_uppercase())
            }
            _ => Err(self.unexpected()),
        }
    }

    /// As in PostgreSQL 19, and with TIMEOUT without parentheses.
    fn wait_for_lsn(&mut self) -> Result<Statement> {
        self.advance();
        self.expect_words(&["for", "lsn"])?;
        let pos = self.pos();
        let text = self.string()?;
        let lsn: protocol::Lsn = text.parse().map_err(|_| {
            let message = format!("invalid input syntax for type pg_lsn: \"{text}\"");
            Error::new(SqlState::INVALID_TEXT_REPRESENTATION, message).at(pos + 1)
        })?;
        let mut wait = WaitForLsn { lsn: lsn.0, timeout: None, no_throw: false };
        if self.accept_word("timeout") {
            wait.timeout = Some(self.wait_timeout()?);
        } else if self.accept_word("with") {
            self.expect_sym("(")?;
            loop {
                if self.accept_word("timeout") {
                    wait.timeout = Some(self.wait_timeout()?);
                } else if self.accept_word("no_throw") {
                    wait.no_throw = true;
                } else {
                    return Err(self.unexpected());
                }
                if !self.accept_sym(",") {
                    break;
                }
            }
            self.expect_sym(")")?;
        }
        Ok(Statement::WaitForLsn(wait))
    }

    /// Milliseconds, or text with a unit.
    fn wait_timeout(&mut self) -> Result<Duration> {
        let pos = self.pos();
        let milliseconds = match self.peek() {
            Tok::String(_) => crate::session::parse_milliseconds(&self.string()?),
            _ => Some(self.integer()?),
        };
        let milliseconds = milliseconds.and_then(|time| u64::try_from(time).ok());
        milliseconds
            .map(Duration::from_millis)
            .ok_or_else(|| Error::new(SqlState::INVALID_PARAMETER_VALUE, "invalid timeout value").at(pos + 1))
    }

    fn query_statement(&mut self) -> Result<Statement> {
        let query = self.query_at(true)?;
        self.select_into(query)
    }

    /// A query, or CREATE TABLE AS if its first SELECT has INTO.
    fn select_into(&mut self, mut query: super::ast::Query) -> Result<Statement> {
        if let Some(select) = query.first_select_mut()
            && let Some(name) = select.into.take()
        {
            let table = CreateTableAs {
                name,
                if_not_exists: false,
                unlogged: false,
                columns: Vec::new(),
                query,
                with_data: true,
                options: Vec::new(),
                on_commit: None,
            };
            return Ok(Statement::CreateTableAs(Box::new(table)));
        }
        Ok(Statement::Query(Box::new(query)))
    }

    /// `name` or `extension.name`, and the spellings of TIME ZONE and TRANSACTION ISOLATION LEVEL.
    pub(super) fn setting_name(&mut self) -> Result<String> {
        if self.accept_words(&["time", "zone"]) {
            return Ok("timezone".to_owned());
        }
        if self.accept_words(&["transaction", "isolation", "level"]) {
            return Ok("transaction_isolation".to_owned());
        }
        if self.accept_words(&["session", "authorization"]) {
            return Ok("session_authorization".to_owned());
        }
        let mut name = self.label()?.name;
        while self.accept_sym(".") {
            name.push('.');
            name.push_str(&self.label()?.name);
        }
        Ok(name)
    }

    fn set(&mut self) -> Result<Statement> {
        self.expect_word("set")?;
        if self.accept_words(&["session", "characteristics", "as", "transaction"]) {
            return Ok(Statement::Transaction(TransactionStatement::SetSessionModes(self.transaction_modes()?)));
        }
        if self.accept_word("constraints") {
            let names = if self.accept_word("all") { None } else { Some(self.list(Self::object_name)?) };
            let deferred = self.accept_word("deferred");
            if !deferred {
                self.expect_word("immediate")?;
            }
            return Ok(Statement::SetConstraints { names, deferred });
        }
        let scope = if self.accept_word("local") {
            SetScope::Local
        } else {
            if self.is_word("session") && !self.is_word_at(1, "authorization") {
                self.advance();
            }
            SetScope::Session
        };
        if self.is_word("transaction") && !self.is_sym_at(1, ".") {
            self.advance();
            if self.is_word("snapshot") {
                return self.unsupported("SET TRANSACTION SNAPSHOT");
            }
            return Ok(Statement::Transaction(TransactionStatement::SetModes(self.transaction_modes()?)));
        }
        if self.accept_words(&["time", "zone"]) {
            return Ok(Statement::Set { scope, name: "timezone".to_owned(), value: self.time_zone_value()? });
        }
        if let Some((name, value)) = self.set_identity()? {
            return Ok(Statement::Set { scope, name: name.to_owned(), value });
        }
        for (word, setting) in [("names", "client_encoding"), ("schema", "search_path")] {
            let value_follows = matches!(self.peek_at(1), Tok::String(_) | Tok::Word(_) | Tok::Quoted(_));
            if self.is_word(word) && value_follows && !self.is_word_at(1, "to") {
                self.advance();
                return Ok(Statement::Set { scope, name: setting.to_owned(), value: self.set_value()? });
            }
        }
        let name = self.setting_name()?;
        if !self.accept_word("to") && !self.accept_op("=") {
            return Err(self.unexpected());
        }
        Ok(Statement::Set { scope, name, value: self.set_value()? })
    }

    /// Behind SET TIME ZONE.
    pub(super) fn time_zone_value(&mut self) -> Result<SetValue> {
        if self.accept_word("local") {
            return Ok(SetValue::Default);
        }
        if self.accept_word("interval") {
            let mut text = self.string()?;
            if self.accept_word("hour") {
                let last = if self.accept_words(&["to", "minute"]) { " minutes" } else { " hours" };
                if text.trim().parse::<f64>().is_ok() {
                    text.push_str(last);
                }
            }
            return Ok(SetValue::Values(vec![zone_of_interval(&text)?]));
        }
        self.set_value()
    }

    /// Behind SET: ROLE and SESSION AUTHORIZATION, which name a role without a sign.
    pub(super) fn set_identity(&mut self) -> Result<Option<(&'static str, SetValue)>> {
        let has_sign = self.is_word_at(1, "to") || matches!(self.peek_at(1), Tok::Op("=") | Tok::Sym("."));
        let name = if self.accept_words(&["session", "authorization"]) {
            if self.accept_word("default") {
                return Ok(Some(("session_authorization", SetValue::Default)));
            }
            "session_authorization"
        } else if !has_sign && self.accept_word("role") {
            "role"
        } else {
            return Ok(None);
        };
        let role = match self.peek() {
            Tok::String(_) => self.string()?,
            _ => self.ident_if(|word| !keyword::is_reserved(word))?.name,
        };
        Ok(Some((name, SetValue::Values(vec![role]))))
    }

    pub(super) fn set_value(&mut self) -> Result<SetValue> {
        if self.accept_word("default") {
            return Ok(SetValue::Default);
        }
        let values = self.list(|parser| {
            let value = match parser.peek().clone() {
                Tok::String(text) => text.into_owned(),
                Tok::Word(word) => word.into_owned(),
                Tok::Quoted(name) => name,
                Tok::Integer(digits) | Tok::Decimal(digits) => digits.to_owned(),
                Tok::Op(sign @ ("-" | "+")) => {
                    parser.advance();
                    let (Tok::Integer(digits) | Tok::Decimal(digits)) = parser.peek() else {
                        return Err(parser.unexpected());
                    };
                    if sign == "-" { format!("-{digits}") } else { (*digits).to_owned() }
                }
                _ => return Err(parser.unexpected()),
            };
            parser.advance();
            Ok(value)
        })?;
        Ok(SetValue::Values(values))
    }

    /// An option's boolean, true when nothing is said.
    pub(super) fn option_bool(&mut self) -> Result<bool> {
        let value = match self.peek() {
            Tok::Word(word) => match word.as_ref() {
                "true" | "on" => true,
                "false" | "off" => false,
                _ => return Err(self.unexpected()),
            },
            Tok::Integer("0") => false,
            Tok::Integer("1") => true,
            Tok::String(text) => match text.to_ascii_lowercase().as_str() {
                "true" | "on" | "1" => true,
                "false" | "off" | "0" => false,
                _ => return Err(self.unexpected()),
            },
            _ => return Ok(true),
        };
        self.advance();
        Ok(value)
    }

    fn explain(&mut self) -> Result<Statement> {
        self.expect_word("explain")?;
        let mut options = ExplainOptions {
            analyze: false,
            verbose: false,
            costs: true,
            timing: None,
            summary: None,
            buffers: false,
            format: ExplainFormat::Text,
        };
        if self.is_sym("(") && !self.opens_query() {
            self.advance();
            loop {
                let pos = self.pos();
                let name = self.label()?.name;
                match name.as_str() {
                    "analyze" | "analyse" => options.analyze = self.option_bool()?,
                    "verbose" => options.verbose = self.option_bool()?,
                    "costs" => options.costs = self.option_bool()?,
                    "timing" => options.timing = Some(self.option_bool()?),
                    "summary" => options.summary = Some(self.option_bool()?),
                    "buffers" => options.buffers = self.option_bool()?,
                    "settings" | "wal" => {
                        self.option_bool()?;
                    }
                    "format" => {
                        let format = match self.peek() {
                            Tok::Word(word) => word.clone().into_owned(),
                            Tok::String(text) => text.to_ascii_lowercase(),
                            _ => return Err(self.unexpected()),
                        };
                        options.format = match format.as_str() {
                            "text" => ExplainFormat::Text,
                            "json" => ExplainFormat::Json,
                            "xml" | "yaml" => return self.unsupported(&format!("EXPLAIN format {format}")),
                            _ => {
                                let message = format!("unrecognized value for EXPLAIN option \"format\": \"{format}\"");
                                return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message).at(pos + 1));
                            }
                        };
                        self.advance();
                    }
                    _ => {
                        let message = format!("unrecognized EXPLAIN option \"{name}\"");
                        return Err(Error::new(SqlState::SYNTAX_ERROR, message).at(pos + 1));
                    }
                }
                if !self.accept_sym(",") {
                    break;
                }
            }
            self.expect_sym(")")?;
        } else {
            options.analyze = self.accept_word("analyze") || self.accept_word("analyse");
            options.verbose = self.accept_word("verbose");
        }
        let explainable = self.is_sym("(")
            || self.is_any_word(&[
                "select", "insert", "update", "delete", "with", "values", "table", "execute", "declare", "create",
            ]);
        if !explainable {
            return Err(self.unexpected());
        }
        let statement = Box::new(self.nested(Self::statement)?);
        Ok(Statement::Explain { statement, options })
    }

    fn prepare(&mut self) -> Result<Statement> {
        self.expect_word("prepare")?;
        let name = self.name_string()?;
        let types = if self.is_sym("(") { self.paren_list(Self::type_name)? } else { Vec::new() };
        self.expect_word("as")?;
        if !(self.at_query() || self.is_any_word(&["insert", "update", "delete"])) {
            return Err(self.unexpected());
        }
        let start = self.pos();
        let statement = Box::new(self.nested(Self::statement)?);
        Ok(Statement::Prepare { name, types, statement, text: (start, self.last_end()) })
    }

    fn declare(&mut self) -> Result<Statement> {
        self.expect_word("declare")?;
        let name = self.name_string()?;
        let (mut binary, mut scroll) = (false, None);
        loop {
            if self.accept_word("binary") {
                binary = true;
            } else if self.accept_words(&["no", "scroll"]) {
                scroll = Some(false);
            } else if self.accept_word("scroll") {
                scroll = Some(true);
            } else if !self.accept_word("insensitive") && !self.accept_word("asensitive") {
                break;
            }
        }
        self.expect_word("cursor")?;
        let hold = self.accept_words(&["with", "hold"]);
        self.accept_words(&["without", "hold"]);
        self.expect_word("for")?;
        let query = Box::new(self.query()?);
        Ok(Statement::Declare { name, binary, scroll, hold, query })
    }

    fn fetch(&mut self) -> Result<Statement> {
        let moving = self.is_word("move");
        self.advance();
        let mut direction = FetchDirection::Forward(1);
        let counted = |parser: &Self| matches!(parser.peek(), Tok::Integer(_) | Tok::Op("-" | "+"));
        if self.accept_word("next") {
        } else if self.accept_word("prior") {
            direction = FetchDirection::Backward(1);
        } else if self.accept_word("first") {
            direction = FetchDirection::Absolute(1);
        } else if self.accept_word("last") {
            direction = FetchDirection::Absolute(-1);
        } else if self.is_word("absolute") {
            self.advance();
            direction = FetchDirection::Absolute(self.integer()?);
        } else if self.is_word("relative") {
            self.advance();
            direction = FetchDirection::Relative(self.integer()?);
        } else if self.accept_word("all") {
            direction = FetchDirection::ForwardAll;
        } else if self.accept_word("forward") {
            if self.accept_word("all") {
                direction = FetchDirection::ForwardAll;
            } else if counted(self) {
                direction = FetchDirection::Forward(self.integer()?);
            }
        } else if self.accept_word("backward") {
            direction = FetchDirection::Backward(1);
            if self.accept_word("all") {
                direction = FetchDirection::BackwardAll;
            } else if counted(self) {
                direction = FetchDirection::Backward(self.integer()?);
            }
        } else if counted(self) {
            direction = FetchDirection::Forward(self.integer()?);
        }
        if !self.accept_word("from") {
            self.accept_word("in");
        }
        let cursor = self.name_string()?;
        Ok(Statement::Fetch { cursor, direction, moving })
    }

    fn lock(&mut self) -> Result<Statement> {
        self.expect_word("lock")?;
        self.accept_word("table");
        let tables = self.table_names()?;
        let mut mode = LockMode::AccessExclusive;
        if self.accept_word("in") {
            const MODES: [(&[&str], LockMode); 8] = [
                (&["access", "share"], LockMode::AccessShare),
                (&["row", "share"], LockMode::RowShare),
                (&["row", "exclusive"], LockMode::RowExclusive),
                (&["share", "update", "exclusive"], LockMode::ShareUpdateExclusive),
                (&["share", "row", "exclusive"], LockMode::ShareRowExclusive),
                (&["share"], LockMode::Share),
                (&["exclusive"], LockMode::Exclusive),
                (&["access", "exclusive"], LockMode::AccessExclusive),
            ];
            let Some((_, found)) = MODES.iter().find(|(words, _)| self.accept_words(words)) else {
                return Err(self.unexpected());
            };
            mode = *found;
            self.expect_word("mode")?;
        }
        let nowait = self.accept_word("nowait");
        Ok(Statement::Lock { tables, mode, nowait })
    }

    /// Names of tables, each with an optional ONLY or star.
    pub(super) fn table_names(&mut self) -> Result<Vec<Name>> {
        self.list(|parser| {
            parser.accept_word("only");
            let name = parser.object_name()?;
            parser.accept_op("*");
            Ok(name)
        })
    }

    fn truncate(&mut self) -> Result<Statement> {
        self.expect_word("truncate")?;
        self.accept_word("table");
        let tables = self.table_names()?;
        let restart_identity = self.accept_words(&["restart", "identity"]);
        self.accept_words(&["continue", "identity"]);
        let cascade = self.accept_word("cascade");
        self.accept_word("restrict");
        Ok(Statement::Truncate { tables, restart_identity, cascade })
    }

    /// VACUUM and ANALYZE, with options in the old order or in parentheses.
    fn vacuum(&mut self) -> Result<Statement> {
        let vacuum = self.is_word("vacuum");
        self.advance();
        let (mut analyze, mut full, mut verbose) = (false, false, false);
        if self.accept_sym("(") {
            loop {
                let pos = self.pos();
                let name = self.label()?.name;
                match name.as_str() {
                    "verbose" => verbose = self.option_bool()?,
                    "analyze" | "analyse" if vacuum => analyze = self.option_bool()?,
                    "full" if vacuum => full = self.option_bool()?,
                    "freeze" | "disable_page_skipping" | "skip_locked" | "process_toast" | "truncate" => {
                        self.option_bool()?;
                    }
                    "index_cleanup" | "parallel" if vacuum => {
                        if !self.is_sym(",") && !self.is_sym(")") {
                            self.advance();
                        }
                    }
                    _ => {
                        let what = if vacuum { "VACUUM" } else { "ANALYZE" };
                        let message = format!("unrecognized {what} option \"{name}\"");
                        return Err(Error::new(SqlState::SYNTAX_ERROR, message).at(pos + 1));
                    }
                }
                if !self.accept_sym(",") {
                    break;
                }
            }
            self.expect_sym(")")?;
        } else {
            full = vacuum && self.accept_word("full");
            if vacuum {
                self.accept_word("freeze");
            }
            verbose = self.accept_word("verbose");
            if vacuum {
                analyze = self.accept_word("analyze") || self.accept_word("analyse");
            }
        }
        let mut tables = Vec::new();
        if !self.at_end() && !self.is_sym(";") {
            tables = self.list(|parser| {
                let name = parser.object_name()?;
                parser.optional_column_list()?;
                Ok(name)
            })?;
        }
        Ok(if vacuum {
            Statement::Vacuum { tables, analyze, full, verbose }
        } else {
            Statement::Analyze { tables, verbose }
        })
    }
}

/// The name of the time zone that an interval is east of Greenwich.
///
/// # Errors
/// 22007 it is none; 22023 for one that is no offset.
fn zone_of_interval(text: &str) -> Result<String> {
    let value = text_io::parse(text, SqlType::INTERVAL, &Settings::default())?;
    let Datum::Interval(interval) = value else { return Err(Error::internal("an interval of another type")) };
    let refused = |detail: &'static str| {
        let shown = text_io::to_text(&Datum::Interval(interval), SqlType::INTERVAL, &Settings::default());
        let message = format!("invalid value for parameter \"TimeZone\": \"INTERVAL '{shown}'\"");
        Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message).detail(detail))
    };
    if interval.months != 0 {
        return refused("Cannot specify months in time zone interval.");
    }
    if interval.days != 0 {
        return refused("Cannot specify days in time zone interval.");
    }
    let east = i32::try_from(interval.micros / 1_000_000).ok();
    match east.map(|east| TimeZone::Fixed(east).to_string()).filter(|name| TimeZone::of_name(name).is_some()) {
        Some(name) => Ok(name),
        None => refused("UTC timezone offset is out of range."),
    }
}

//! CREATE, ALTER and DROP of everything but tables' contents: see `table` for tables and `role` for roles.

use types::{Error, Result, SqlState};

use super::ast::{AlterAction, CreateIndex, CreateView, IndexElement, Name, ObjectKind, SequenceOption, Statement};
use super::lexer::Tok;
use super::parser::Parser;
use crate::bound::{CheckOption, DatabaseChange, DatabaseOptions, NewDatabase};

impl Parser<'_> {
    pub(super) fn create(&mut self) -> Result<Statement> {
        self.expect_word("create")?;
        let replace = self.accept_words(&["or", "replace"]);
        let scoped = self.accept_word("local") || self.accept_word("global");
        let temporary = self.accept_word("temporary") || self.accept_word("temp");
        if scoped && !temporary {
            return Err(self.unexpected());
        }
        let unlogged = !temporary && self.accept_word("unlogged");
        let Tok::Word(word) = self.peek().clone() else { return Err(self.unexpected()) };
        if temporary && !matches!(word.as_ref(), "table" | "sequence" | "view" | "recursive") {
            return Err(self.unexpected());
        }
        match word.as_ref() {
            "table" => self.create_table(temporary, unlogged),
            "unique" | "index" => self.create_index(),
            "sequence" => {
                self.advance();
                let if_not_exists = self.if_not_exists();
                let name = self.new_name(temporary)?;
                Ok(Statement::CreateSequence { name, if_not_exists, options: self.sequence_options()? })
            }
            "view" | "recursive" => {
                if word == "recursive" {
                    return self.unsupported("recursive view");
                }
                self.advance();
                let name = self.new_name(temporary)?;
                let columns = self.optional_column_list()?;
                let mut options = if self.accept_word("with") { self.storage_options()? } else { Vec::new() };
                self.expect_word("as")?;
                let start = self.pos();
                let query = self.query()?;
                let text = (start, self.last_end());
                options.extend(self.check_option()?.map(CheckOption::option));
                let view = CreateView { name, replace, columns, query, text, options };
                Ok(Statement::CreateView(Box::new(view)))
            }
            "schema" => {
                self.advance();
                let if_not_exists = self.if_not_exists();
                let name = if self.is_word("authorization") { None } else { Some(self.ident()?) };
                let owner = if self.accept_word("authorization") { Some(self.role_name()?) } else { None };
                if self.is_any_word(&["create", "grant"]) {
                    return self.unsupported("CREATE SCHEMA with elements");
                }
                Ok(Statement::CreateSchema { name, if_not_exists, owner })
            }
            "role" | "group" | "user" if !self.is_word_at(1, "mapping") => {
                self.advance();
                self.create_role(word == "user")
            }
            "database" => {
                self.advance();
                self.create_database()
            }
            "extension" => {
                self.advance();
                self.create_extension()
            }
            word => self.unknown_object("CREATE", word),
        }
    }

    /// An object that PostgreSQL has and we do not, or a syntax error.
    fn unknown_object<T>(&self, verb: &str, word: &str) -> Result<T> {
        const OTHERS: &[&str] = &[
            "access",
            "aggregate",
            "cast",
            "collation",
            "constraint",
            "conversion",
            "default",
            "domain",
            "event",
            "extension",
            "foreign",
            "function",
            "language",
            "large",
            "materialized",
            "operator",
            "owned",
            "policy",
            "procedure",
            "publication",
            "routine",
            "rule",
            "server",
            "statistics",
            "subscription",
            "system",
            "tablespace",
            "text",
            "transform",
            "trigger",
            "trusted",
            "type",
            "user",
        ];
        if OTHERS.contains(&word) {
            return self.unsupported(&format!("{verb} {}", word.to_ascii_uppercase()));
        }
        Err(self.unexpected())
    }

    fn is_any_check(&self) -> bool {
        ["check", "local", "cascaded"].iter().any(|word| self.is_word_at(1, word))
    }

    pub(super) fn if_not_exists(&mut self) -> bool {
        self.accept_words(&["if", "not", "exists"])
    }

    /// Where it goes, and which version, is no question: it is there or not.
    fn create_extension(&mut self) -> Result<Statement> {
        let if_not_exists = self.if_not_exists();
        let name = self.name_string()?;
        self.accept_word("with");
        loop {
            if self.accept_word("schema") {
                self.name_string()?;
            } else if self.accept_word("version") {
                match self.peek() {
                    Tok::String(_) => self.string().map(drop)?,
                    _ => self.name_string().map(drop)?,
                }
            } else if self.is_word("from") {
                let message = "CREATE EXTENSION ... FROM is no longer supported";
                return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message).at(self.pos() + 1));
            } else if !self.accept_word("cascade") {
                return Ok(Statement::CreateExtension { name, if_not_exists });
            }
        }
    }

    fn create_database(&mut self) -> Result<Statement> {
        let name = self.name_string()?;
        let (mut owner, mut template, mut options) = (None, None, DatabaseOptions::default());
        self.accept_word("with");
        while !self.at_end() && !self.is_sym(";") {
            let (option, value) = self.database_option()?;
            if options.take(&option, &value)? {
                continue;
            }
            match option.as_str() {
                "owner" => owner = Some(value),
                "template" => template = Some(value),
                "encoding" if !matches!(value.to_ascii_lowercase().as_str(), "utf8" | "utf-8" | "default" | "6") => {
                    return self.unsupported(&format!("encoding {value}"));
                }
                "encoding" | "locale" | "lc_collate" | "lc_ctype" | "tablespace" | "strategy" | "locale_provider"
                | "collation_version" | "oid" | "icu_locale" => {}
                _ => return Err(self.unexpected()),
            }
        }
        Ok(Statement::CreateDatabase(NewDatabase { name, owner, template, options }))
    }

    /// An option of a database and its value.
    fn database_option(&mut self) -> Result<(String, String)> {
        let option = self.label()?.name;
        if option == "connection" {
            self.expect_word("limit")?;
        }
        self.accept_op("=");
        let value = match self.peek().clone() {
            Tok::Word(word) => word.into_owned(),
            Tok::Quoted(text) => text,
            Tok::String(text) => text.into_owned(),
            Tok::Integer(digits) => digits.to_owned(),
            Tok::Op("-") => {
                self.advance();
                let Tok::Integer(digits) = self.peek() else { return Err(self.unexpected()) };
                format!("-{digits}")
            }
            _ => return Err(self.unexpected()),
        };
        self.advance();
        Ok((option, value))
    }

    /// Behind ALTER DATABASE.
    fn alter_database(&mut self) -> Result<Statement> {
        let name = self.name_string()?;
        if self.is_word("set") && self.is_word_at(1, "tablespace") {
            return self.unsupported("ALTER DATABASE SET TABLESPACE");
        }
        let change = if self.accept_words(&["rename", "to"]) {
            DatabaseChange::Rename(self.name_string()?)
        } else if self.accept_words(&["owner", "to"]) {
            DatabaseChange::Owner(self.role_name()?)
        } else if self.is_word("refresh") {
            return self.unsupported("ALTER DATABASE REFRESH COLLATION VERSION");
        } else if let Some((setting, value)) = self.stored_setting()? {
            DatabaseChange::Set { setting, value }
        } else {
            let mut options = DatabaseOptions::default();
            self.accept_word("with");
            while !self.at_end() && !self.is_sym(";") {
                let pos = self.pos();
                let (option, value) = self.database_option()?;
                if !options.take(&option, &value)? {
                    let message = format!("option \"{option}\" not recognized");
                    return Err(Error::new(SqlState::SYNTAX_ERROR, message).at(pos + 1));
                }
            }
            DatabaseChange::Options(options)
        };
        Ok(Statement::AlterDatabase { name, change })
    }

    /// `WITH CHECK OPTION` behind a view's query.
    fn check_option(&mut self) -> Result<Option<CheckOption>> {
        if !(self.is_word("with") && self.is_any_check()) {
            return Ok(None);
        }
        self.advance();
        let local = self.accept_word("local");
        if !local {
            self.accept_word("cascaded");
        }
        self.expect_word("check")?;
        self.expect_word("option")?;
        Ok(Some(if local { CheckOption::Local } else { CheckOption::Cascaded }))
    }

    fn create_index(&mut self) -> Result<Statement> {
        let unique = self.accept_word("unique");
        self.expect_word("index")?;
        let concurrently = self.accept_word("concurrently");
        let if_not_exists = self.if_not_exists();
        let name = if self.is_word("on") { None } else { Some(self.name_string()?) };
        self.expect_word("on")?;
        self.accept_word("only");
        let table = self.object_name()?;
        if self.accept_word("using") {
            let pos = self.pos();
            let method = self.name_string()?;
            if !matches!(method.as_str(), "btree" | "hash" | "gist" | "gin" | "spgist" | "brin") {
                let message = format!("access method \"{method}\" does not exist");
                return Err(Error::new(SqlState::UNDEFINED_OBJECT, message));
            }
            if method != "btree" {
                return Err(Error::unsupported(format!("index access method \"{method}\"")).at(pos + 1));
            }
        }
        let columns = self.paren_list(|parser| {
            let expr = parser.restricted_expr()?;
            let has_class = match parser.peek() {
                Tok::Word(word) => !matches!(word.as_ref(), "asc" | "desc" | "nulls"),
                token => matches!(token, Tok::Quoted(_)),
            };
            let operator_class = if has_class { Some(parser.object_name()?) } else { None };
            let descending = !parser.accept_word("asc") && parser.accept_word("desc");
            Ok(IndexElement { expr, operator_class, descending, nulls_first: parser.nulls_order()? })
        })?;
        if self.is_word("include") {
            return self.unsupported("INCLUDE columns of an index");
        }
        self.nulls_distinct()?;
        let options = if self.accept_word("with") { self.storage_options()? } else { Vec::new() };
        if self.accept_word("tablespace") {
            self.name_string()?;
        }
        let predicate = if self.accept_word("where") { Some(self.expr()?) } else { None };
        let index = CreateIndex { name, table, unique, concurrently, if_not_exists, columns, options, predicate };
        Ok(Statement::CreateIndex(Box::new(index)))
    }

    /// `NULLS DISTINCT`, as unique keys have it anyway.
    pub(super) fn nulls_distinct(&mut self) -> Result<()> {
        if self.is_word("nulls") && !self.accept_words(&["nulls", "distinct"]) {
            return self.unsupported("NULLS NOT DISTINCT");
        }
        Ok(())
    }

    pub(super) fn sequence_options(&mut self) -> Result<Vec<SequenceOption>> {
        let mut options = Vec::new();
        loop {
            let option = if self.accept_word("as") {
                SequenceOption::As(self.type_name()?)
            } else if self.accept_word("increment") {
                self.accept_word("by");
                SequenceOption::Increment(self.integer()?)
            } else if self.accept_word("minvalue") {
                SequenceOption::Min(Some(self.integer()?))
            } else if self.accept_word("maxvalue") {
                SequenceOption::Max(Some(self.integer()?))
            } else if self.accept_words(&["no", "minvalue"]) {
                SequenceOption::Min(None)
            } else if self.accept_words(&["no", "maxvalue"]) {
                SequenceOption::Max(None)
            } else if self.accept_words(&["no", "cycle"]) {
                SequenceOption::Cycle(false)
            } else if self.accept_word("cycle") {
                SequenceOption::Cycle(true)
            } else if self.accept_word("start") {
                self.accept_word("with");
                SequenceOption::Start(self.integer()?)
            } else if self.accept_word("restart") {
                self.accept_word("with");
                let given = matches!(self.peek(), Tok::Integer(_) | Tok::Op("-" | "+"));
                SequenceOption::Restart(if given { Some(self.integer()?) } else { None })
            } else if self.accept_word("cache") {
                SequenceOption::Cache(self.integer()?)
            } else if self.accept_words(&["owned", "by"]) {
                SequenceOption::OwnedBy(if self.accept_word("none") { None } else { Some(self.object_name()?) })
            } else if self.accept_words(&["sequence", "name"]) {
                SequenceOption::Name(self.object_name()?)
            } else {
                return Ok(options);
            };
            options.push(option);
        }
    }

    /// `(name = value, ...)`, as `name=value`.
    pub(super) fn storage_options(&mut self) -> Result<Vec<String>> {
        self.paren_list(|parser| {
            let mut name = parser.label()?.name;
            while parser.accept_sym(".") {
                name.push('.');
                name.push_str(&parser.label()?.name);
            }
            if !parser.accept_op("=") {
                return Ok(format!("{name}=true"));
            }
            let value = match parser.peek().clone() {
                Tok::Word(word) => word.into_owned(),
                Tok::Quoted(text) => text,
                Tok::String(text) => text.into_owned(),
                Tok::Integer(digits) | Tok::Decimal(digits) => digits.to_owned(),
                Tok::Op("-") => {
                    parser.advance();
                    match parser.peek() {
                        Tok::Integer(digits) | Tok::Decimal(digits) => format!("-{digits}"),
                        _ => return Err(parser.unexpected()),
                    }
                }
                _ => return Err(parser.unexpected()),
            };
            parser.advance();
            Ok(format!("{name}={value}"))
        })
    }

    /// The word for a kind of relation, if one comes next.
    fn relation_kind(&mut self) -> Option<ObjectKind> {
        let kind = match self.peek() {
            Tok::Word(word) => match word.as_ref() {
                "table" => ObjectKind::Table,
                "view" => ObjectKind::View,
                "index" => ObjectKind::Index,
                "sequence" => ObjectKind::Sequence,
                _ => return None,
            },
            _ => return None,
        };
        self.advance();
        Some(kind)
    }

    pub(super) fn drop_object(&mut self) -> Result<Statement> {
        self.expect_word("drop")?;
        let Tok::Word(word) = self.peek().clone() else { return Err(self.unexpected()) };
        let kind = match word.as_ref() {
            "role" | "user" | "group" if !self.is_word_at(1, "mapping") => {
                self.advance();
                return self.drop_role();
            }
            "owned" => {
                self.advance();
                return self.drop_owned();
            }
            "database" => {
                self.advance();
                let if_exists = self.accept_words(&["if", "exists"]);
                let name = self.name_string()?;
                if self.accept_word("with") || self.is_sym("(") {
                    self.paren_list(|parser| parser.expect_word("force"))?;
                }
                return Ok(Statement::DropDatabase { name, if_exists });
            }
            "extension" => {
                self.advance();
                let if_exists = self.accept_words(&["if", "exists"]);
                let names = self.list(Self::name_string)?;
                let _ = self.accept_word("cascade") || self.accept_word("restrict");
                return Ok(Statement::DropExtensions { names, if_exists });
            }
            "schema" => {
                self.advance();
                ObjectKind::Schema
            }
            _ => match self.relation_kind() {
                Some(kind) => kind,
                None => return self.unknown_object("DROP", &word),
            },
        };
        if kind == ObjectKind::Index {
            self.accept_word("concurrently");
        }
        let if_exists = self.accept_words(&["if", "exists"]);
        let names = self.list(Self::object_name)?;
        let cascade = self.accept_word("cascade");
        self.accept_word("restrict");
        Ok(Statement::Drop { kind, names, if_exists, cascade })
    }

    pub(super) fn alter(&mut self) -> Result<Statement> {
        self.expect_word("alter")?;
        let Tok::Word(word) = self.peek().clone() else { return Err(self.unexpected()) };
        match word.as_ref() {
            "role" | "user" | "group" if !self.is_word_at(1, "mapping") => {
                self.advance();
                return self.alter_role();
            }
            "database" => {
                self.advance();
                return self.alter_database();
            }
            "schema" => {
                self.advance();
                let name = self.ident()?;
                if self.accept_words(&["rename", "to"]) {
                    return Ok(Statement::RenameSchema { name, to: self.name_string()? });
                }
                self.expect_words(&["owner", "to"])?;
                return Ok(Statement::SetSchemaOwner { name, owner: self.role_name()? });
            }
            _ => {}
        }
        let Some(kind) = self.relation_kind() else {
            return self.unknown_object("ALTER", &word);
        };
        let if_exists = self.accept_words(&["if", "exists"]);
        self.accept_word("only");
        let name = self.object_name()?;
        self.accept_op("*");
        let one = if self.accept_words(&["rename", "to"]) {
            Some(AlterAction::Rename(self.name_string()?))
        } else if self.accept_words(&["set", "schema"]) {
            Some(AlterAction::SetSchema(self.ident()?))
        } else if kind != ObjectKind::Table && self.accept_words(&["owner", "to"]) {
            Some(AlterAction::Owner(self.role_name()?))
        } else {
            None
        };
        if let Some(action) = one {
            return Ok(Statement::AlterTable { kind, name, if_exists, actions: vec![action] });
        }
        match kind {
            ObjectKind::Sequence => Ok(Statement::AlterSequence { name, if_exists, options: self.sequence_options()? }),
            ObjectKind::Table | ObjectKind::View => {
                let actions = self.alter_table_actions()?;
                Ok(Statement::AlterTable { kind, name, if_exists, actions })
            }
            ObjectKind::Index if self.is_any_word(&["set", "reset"]) && self.is_sym_at(1, "(") => {
                let actions = self.alter_table_actions()?;
                Ok(Statement::AlterTable { kind, name, if_exists, actions })
            }
            _ => self.unsupported("this form of ALTER"),
        }
    }

    pub(super) fn comment(&mut self) -> Result<Statement> {
        self.expect_words(&["comment", "on"])?;
        let kind = if self.accept_word("column") {
            ObjectKind::Column
        } else if self.accept_word("schema") {
            ObjectKind::Schema
        } else if self.accept_word("database") {
            ObjectKind::Database
        } else if self.accept_word("extension") {
            ObjectKind::Extension
        } else if self.accept_word("constraint") {
            let constraint = self.ident()?;
            self.expect_word("on")?;
            if self.is_word("domain") {
                return self.unsupported("COMMENT ON CONSTRAINT ON DOMAIN");
            }
            let table = self.object_name()?;
            let text = self.comment_text()?;
            return Ok(Statement::CommentConstraint { constraint, table, text });
        } else if let Some(kind) = self.relation_kind() {
            kind
        } else {
            let what = self.label()?.name;
            return self.unsupported(&format!("COMMENT ON {}", what.to_ascii_uppercase()));
        };
        let name = self.object_name()?;
        let text = self.comment_text()?;
        Ok(Statement::Comment { kind, name, text })
    }

    fn comment_text(&mut self) -> Result<Option<String>> {
        self.expect_word("is")?;
        if self.accept_word("null") { Ok(None) } else { self.string().map(Some) }
    }

    pub(super) fn reindex(&mut self) -> Result<Statement> {
        self.expect_word("reindex")?;
        if self.is_sym("(") {
            self.paren_list(|parser| {
                parser.label()?;
                parser.option_bool()
            })?;
        }
        let Tok::Word(word) = self.peek().clone() else { return Err(self.unexpected()) };
        self.advance();
        self.accept_word("concurrently");
        match word.as_ref() {
            "table" | "index" => Ok(Statement::Reindex { tables: vec![self.object_name()?] }),
            "schema" | "database" | "system" => {
                let _: Name = self.object_name()?;
                Ok(Statement::Reindex { tables: Vec::new() })
            }
            _ => Err(self.unexpected()),
        }
    }
}

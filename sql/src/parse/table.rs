//! CREATE TABLE and ALTER TABLE.

use types::{Error, Result, SqlState};

use super::ast::{
    AlterAction, ColumnConstraint, ColumnConstraintKind, ColumnSpec, ConstraintKind, ConstraintSpec, CreateTable,
    CreateTableAs, References, Statement, TableElement,
};
use super::lexer::Tok;
use super::parser::Parser;
use crate::bound::{ForeignKeyAction, Identity, OnCommit};
use crate::catalog::{PG_TEMP, Timing};

/// What may be said of a constraint behind it.
#[derive(Default)]
struct Attributes {
    deferrable: Option<bool>,
    deferred: Option<bool>,
    not_valid: bool,
    no_inherit: bool,
}

impl Attributes {
    fn timing(&self) -> Timing {
        match self.deferrable {
            _ if self.deferred == Some(true) => Timing::Deferred,
            Some(true) => Timing::Deferrable,
            _ => Timing::Immediate,
        }
    }

    /// # Errors
    /// 0A000 for what cannot be said of a foreign key; NOT VALID can where it is made.
    fn check_foreign(&self, is_made: bool) -> Result<()> {
        let refused = match self {
            Attributes { not_valid: true, .. } if !is_made => "NOT VALID",
            Attributes { no_inherit: true, .. } => "NO INHERIT",
            _ => return Ok(()),
        };
        let message = format!("FOREIGN KEY constraints cannot be marked {refused}");
        Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message))
    }
}

impl Parser<'_> {
    /// With TABLE coming next.
    pub(super) fn create_table(&mut self, temporary: bool, unlogged: bool) -> Result<Statement> {
        self.expect_word("table")?;
        let if_not_exists = self.if_not_exists();
        let name = self.new_name(temporary)?;
        let as_query = self.is_any_word(&["as", "using", "with", "without", "tablespace"])
            || self.is_words_on_commit()
            || self.is_sym("(") && matches!(self.peek_at(2), Tok::Sym("," | ")")) && !self.is_word_at(1, "like");
        if as_query {
            let columns = self.optional_column_list()?;
            let (options, on_commit) = self.table_attributes(temporary)?;
            self.expect_word("as")?;
            if self.is_word("execute") {
                return self.unsupported("CREATE TABLE AS EXECUTE");
            }
            let query = self.query_at(true)?;
            let mut with_data = true;
            if self.accept_words(&["with", "no", "data"]) {
                with_data = false;
            } else {
                self.accept_words(&["with", "data"]);
            }
            let table = CreateTableAs { name, if_not_exists, unlogged, columns, query, with_data, options, on_commit };
            return Ok(Statement::CreateTableAs(Box::new(table)));
        }
        if self.is_word("partition") {
            return self.unsupported("PARTITION OF");
        }
        if self.is_word("of") {
            return self.unsupported("CREATE TABLE OF");
        }
        self.expect_sym("(")?;
        let elements = if self.is_sym(")") { Vec::new() } else { self.list(Self::table_element)? };
        self.expect_sym(")")?;
        if self.is_word("inherits") {
            return self.unsupported("INHERITS");
        }
        if self.is_word("partition") {
            return self.unsupported("PARTITION BY");
        }
        let (options, on_commit) = self.table_attributes(temporary || name.schema() == Some(PG_TEMP))?;
        let table = CreateTable { name, if_not_exists, unlogged, elements, options, on_commit };
        Ok(Statement::CreateTable(Box::new(table)))
    }

    /// What stands between the columns of a new table and its query: the parameters, and what a commit does.
    fn table_attributes(&mut self, temporary: bool) -> Result<(Vec<String>, Option<OnCommit>)> {
        let (mut options, mut on_commit) = (Vec::new(), None);
        loop {
            if self.accept_word("using") || self.accept_word("tablespace") {
                self.name_string()?;
            } else if self.accept_words(&["without", "oids"]) {
            } else if self.accept_word("with") {
                options = self.storage_options()?;
            } else if self.is_words_on_commit() {
                on_commit = self.on_commit(temporary)?;
            } else {
                return Ok((options, on_commit));
            }
        }
    }

    fn is_words_on_commit(&self) -> bool {
        self.is_word("on") && self.is_word_at(1, "commit")
    }

    /// `ON COMMIT ...`, of which PRESERVE ROWS asks for nothing.
    fn on_commit(&mut self, temporary: bool) -> Result<Option<OnCommit>> {
        if !temporary {
            let message = "ON COMMIT can only be used on temporary tables";
            return Err(Error::new(SqlState::INVALID_TABLE_DEFINITION, message));
        }
        self.expect_words(&["on", "commit"])?;
        if self.accept_word("drop") {
            return Ok(Some(OnCommit::Drop));
        }
        if self.accept_words(&["delete", "rows"]) {
            return Ok(Some(OnCommit::DeleteRows));
        }
        self.expect_words(&["preserve", "rows"])?;
        Ok(None)
    }

    fn table_element(&mut self) -> Result<TableElement> {
        if self.accept_word("like") {
            let name = self.object_name()?;
            let (mut defaults, mut constraints) = (false, false);
            let (mut generated, mut identity, mut indexes) = (false, false, false);
            loop {
                let including = self.accept_word("including");
                if !including && !self.accept_word("excluding") {
                    return Ok(TableElement::Like { name, defaults, constraints, generated, identity, indexes });
                }
                match self.label()?.name.as_str() {
                    "defaults" => defaults = including,
                    "constraints" => constraints = including,
                    "generated" => generated = including,
                    "identity" => identity = including,
                    "indexes" => indexes = including,
                    "all" => {
                        (defaults, constraints) = (including, including);
                        (generated, identity, indexes) = (including, including, including);
                    }
                    "comments" | "compression" | "statistics" | "storage" => {}
                    _ => return Err(self.unexpected()),
                }
            }
        }
        if self.is_table_constraint() {
            return Ok(TableElement::Constraint(self.table_constraint()?));
        }
        Ok(TableElement::Column(self.column_spec()?))
    }

    fn is_table_constraint(&self) -> bool {
        self.is_any_word(&["constraint", "primary", "unique", "check", "foreign"])
            || self.is_word("exclude") && (self.is_word_at(1, "using") || self.is_sym_at(1, "("))
    }

    pub(super) fn column_spec(&mut self) -> Result<ColumnSpec> {
        let name = self.ident()?;
        let ty = self.type_name()?;
        let mut constraints = Vec::new();
        while let Some(constraint) = self.column_constraint()? {
            constraints.push(constraint);
        }
        self.no_attributes()?;
        Ok(ColumnSpec { name, ty, constraints })
    }

    /// # Errors
    /// 42601 for attributes that stand behind no constraint which may have them.
    fn no_attributes(&mut self) -> Result<()> {
        const CLAUSES: [&[&str]; 4] =
            [&["deferrable"], &["not", "deferrable"], &["initially", "deferred"], &["initially", "immediate"]];
        let pos = self.pos();
        match CLAUSES.iter().find(|words| self.accept_words(words)) {
            Some(words) => {
                let message = format!("misplaced {} clause", words.join(" ").to_uppercase());
                Err(Error::new(SqlState::SYNTAX_ERROR, message).at(pos + 1))
            }
            None => Ok(()),
        }
    }

    fn column_constraint(&mut self) -> Result<Option<ColumnConstraint>> {
        let name = if self.accept_word("constraint") { Some(self.name_string()?) } else { None };
        let pos = self.pos();
        let Tok::Word(word) = self.peek().clone() else { return Ok(None) };
        let kind = match word.as_ref() {
            "not" if self.is_word_at(1, "null") => {
                self.advance();
                self.advance();
                ColumnConstraintKind::NotNull
            }
            "null" => {
                self.advance();
                ColumnConstraintKind::Null
            }
            "default" => {
                self.advance();
                ColumnConstraintKind::Default(self.restricted_expr()?)
            }
            "primary" => {
                self.expect_words(&["primary", "key"])?;
                let options = self.index_parameters()?;
                self.not_deferrable()?;
                ColumnConstraintKind::PrimaryKey(options)
            }
            "unique" => {
                self.advance();
                self.nulls_distinct()?;
                let options = self.index_parameters()?;
                self.not_deferrable()?;
                ColumnConstraintKind::Unique(options)
            }
            "check" => {
                self.advance();
                self.expect_sym("(")?;
                let expr = self.expr()?;
                self.expect_sym(")")?;
                self.accept_words(&["no", "inherit"]);
                let not_valid = self.accept_words(&["not", "valid"]);
                ColumnConstraintKind::Check { expr, not_valid }
            }
            "references" => {
                let mut references = self.references()?;
                references.timing = self.attributes(true)?.timing();
                ColumnConstraintKind::References(references)
            }
            "generated" => {
                self.advance();
                let kind_pos = self.pos();
                let identity = self.identity_kind()?;
                self.expect_word("as")?;
                if self.accept_word("identity") {
                    let options = if self.accept_sym("(") {
                        let options = self.sequence_options()?;
                        self.expect_sym(")")?;
                        options
                    } else {
                        Vec::new()
                    };
                    ColumnConstraintKind::Identity(identity, options)
                } else {
                    self.expect_sym("(")?;
                    let expr = self.expr()?;
                    self.expect_sym(")")?;
                    self.expect_word("stored")?;
                    if identity != Identity::Always {
                        let message = "for a generated column, GENERATED ALWAYS must be specified";
                        return Err(Error::new(SqlState::SYNTAX_ERROR, message).at(kind_pos + 1));
                    }
                    ColumnConstraintKind::Generated(expr)
                }
            }
            "collate" => {
                self.advance();
                let first = self.label()?;
                ColumnConstraintKind::Collate(self.name_after(first)?)
            }
            "storage" | "compression" => {
                self.advance();
                self.label()?;
                ColumnConstraintKind::Null
            }
            _ if name.is_some() => return Err(self.unexpected()),
            _ => return Ok(None),
        };
        Ok(Some(ColumnConstraint { name, kind, pos }))
    }

    fn identity_kind(&mut self) -> Result<Identity> {
        if self.accept_word("always") {
            return Ok(Identity::Always);
        }
        self.expect_words(&["by", "default"])?;
        Ok(Identity::ByDefault)
    }

    /// INCLUDE, WITH and USING INDEX TABLESPACE behind a key. Returns the parameters.
    fn index_parameters(&mut self) -> Result<Vec<String>> {
        let mut options = Vec::new();
        if self.is_word("include") {
            return self.unsupported("INCLUDE columns of an index");
        }
        if self.is_word("with") && self.is_sym_at(1, "(") {
            self.advance();
            options = self.storage_options()?;
        }
        if self.accept_words(&["using", "index", "tablespace"]) {
            self.name_string()?;
        }
        Ok(options)
    }

    /// What is said of a constraint, of a table's own in any order and again.
    ///
    /// # Errors
    /// 42601 for what cannot be said together.
    fn attributes(&mut self, of_column: bool) -> Result<Attributes> {
        let mut found = Attributes::default();
        loop {
            let pos = self.pos();
            let (told, says, clauses) = if self.accept_word("deferrable") {
                (&mut found.deferrable, true, "DEFERRABLE/NOT DEFERRABLE")
            } else if self.accept_words(&["not", "deferrable"]) {
                (&mut found.deferrable, false, "DEFERRABLE/NOT DEFERRABLE")
            } else if self.accept_words(&["initially", "deferred"]) {
                (&mut found.deferred, true, "INITIALLY IMMEDIATE/DEFERRED")
            } else if self.accept_words(&["initially", "immediate"]) {
                (&mut found.deferred, false, "INITIALLY IMMEDIATE/DEFERRED")
            } else if !of_column && self.accept_words(&["not", "valid"]) {
                found.not_valid = true;
                continue;
            } else if !of_column && self.accept_words(&["no", "inherit"]) {
                found.no_inherit = true;
                continue;
            } else {
                return Ok(found);
            };
            let before = told.replace(says);
            let message = if of_column && before.is_some() {
                format!("multiple {clauses} clauses not allowed")
            } else if found.deferrable == Some(false) && found.deferred == Some(true) {
                "constraint declared INITIALLY DEFERRED must be DEFERRABLE".to_owned()
            } else if before.is_some_and(|before| before != says) {
                "conflicting constraint properties".to_owned()
            } else {
                continue;
            };
            return Err(Error::new(SqlState::SYNTAX_ERROR, message).at(pos + 1));
        }
    }

    /// Only foreign keys can be deferred.
    fn not_deferrable(&mut self) -> Result<()> {
        if self.is_word("deferrable") {
            return self.unsupported("DEFERRABLE constraint");
        }
        self.accept_words(&["not", "deferrable"]);
        if self.is_word("initially") && self.is_word_at(1, "deferred") {
            return self.unsupported("DEFERRABLE constraint");
        }
        self.accept_words(&["initially", "immediate"]);
        Ok(())
    }

    fn references(&mut self) -> Result<References> {
        self.expect_word("references")?;
        let table = self.object_name()?;
        let columns = self.optional_column_list()?;
        let mut references = References {
            table,
            columns,
            on_delete: ForeignKeyAction::NoAction,
            on_update: ForeignKeyAction::NoAction,
            match_full: false,
            timing: Timing::Immediate,
            not_valid: false,
        };
        loop {
            let pos = self.pos();
            if self.accept_words(&["match", "full"]) {
                references.match_full = true;
            } else if self.accept_words(&["match", "simple"]) {
            } else if self.is_word("match") {
                return self.unsupported("MATCH PARTIAL");
            } else if self.accept_words(&["on", "delete"]) {
                references.on_delete = self.foreign_key_action()?;
                if self.is_sym("(") {
                    return self.unsupported("column list of ON DELETE SET");
                }
            } else if self.accept_words(&["on", "update"]) {
                references.on_update = self.foreign_key_action()?;
                let of_columns = match references.on_update {
                    ForeignKeyAction::SetNull => "SET NULL",
                    ForeignKeyAction::SetDefault => "SET DEFAULT",
                    _ => continue,
                };
                if self.is_sym("(") {
                    let message = format!("a column list with {of_columns} is only supported for ON DELETE actions");
                    return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message).at(pos + 1));
                }
            } else {
                return Ok(references);
            }
        }
    }

    fn foreign_key_action(&mut self) -> Result<ForeignKeyAction> {
        const ACTIONS: [(&[&str], ForeignKeyAction); 5] = [
            (&["no", "action"], ForeignKeyAction::NoAction),
            (&["restrict"], ForeignKeyAction::Restrict),
            (&["cascade"], ForeignKeyAction::Cascade),
            (&["set", "null"], ForeignKeyAction::SetNull),
            (&["set", "default"], ForeignKeyAction::SetDefault),
        ];
        match ACTIONS.iter().find(|(words, _)| self.accept_words(words)) {
            Some((_, action)) => Ok(*action),
            None => Err(self.unexpected()),
        }
    }

    fn table_constraint(&mut self) -> Result<ConstraintSpec> {
        let name = if self.accept_word("constraint") { Some(self.name_string()?) } else { None };
        let pos = self.pos();
        let kind = if self.accept_word("check") {
            self.expect_sym("(")?;
            let expr = self.expr()?;
            self.expect_sym(")")?;
            let attributes = self.attributes(false)?;
            if attributes.timing() != Timing::Immediate {
                let message = "CHECK constraints cannot be marked DEFERRABLE";
                return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message));
            }
            ConstraintKind::Check { expr, not_valid: attributes.not_valid }
        } else if self.is_any_word(&["primary", "unique"]) {
            let primary = self.is_word("primary");
            self.advance();
            if primary {
                self.expect_word("key")?;
            } else {
                self.nulls_distinct()?;
            }
            if self.accept_words(&["using", "index"]) {
                let index = self.ident()?;
                self.not_deferrable()?;
                ConstraintKind::UsingIndex { index, primary }
            } else {
                let columns = self.column_list()?;
                let options = self.index_parameters()?;
                self.not_deferrable()?;
                if primary {
                    ConstraintKind::PrimaryKey { columns, options }
                } else {
                    ConstraintKind::Unique { columns, options }
                }
            }
        } else if self.accept_words(&["foreign", "key"]) {
            let columns = self.column_list()?;
            let mut references = self.references()?;
            let attributes = self.attributes(false)?;
            attributes.check_foreign(true)?;
            (references.timing, references.not_valid) = (attributes.timing(), attributes.not_valid);
            ConstraintKind::ForeignKey { columns, references }
        } else if self.is_word("exclude") {
            return self.unsupported("EXCLUDE constraint");
        } else {
            return Err(self.unexpected());
        };
        Ok(ConstraintSpec { name, kind, pos })
    }

    pub(super) fn alter_table_actions(&mut self) -> Result<Vec<AlterAction>> {
        if self.accept_word("rename") {
            if self.accept_word("constraint") {
                let name = self.ident()?;
                self.expect_word("to")?;
                return Ok(vec![AlterAction::RenameConstraint { name, to: self.name_string()? }]);
            }
            self.accept_word("column");
            let name = self.ident()?;
            self.expect_word("to")?;
            return Ok(vec![AlterAction::RenameColumn { name, to: self.name_string()? }]);
        }
        self.list(Self::alter_table_action)
    }

    fn alter_table_action(&mut self) -> Result<AlterAction> {
        let Tok::Word(word) = self.peek().clone() else { return Err(self.unexpected()) };
        match word.as_ref() {
            "add" => {
                self.advance();
                if self.is_table_constraint() {
                    return Ok(AlterAction::AddConstraint(self.table_constraint()?));
                }
                self.accept_word("column");
                let if_not_exists = self.if_not_exists();
                Ok(AlterAction::AddColumn { column: self.column_spec()?, if_not_exists })
            }
            "drop" => {
                self.advance();
                let constraint = self.accept_word("constraint");
                if !constraint {
                    self.accept_word("column");
                }
                let if_exists = self.accept_words(&["if", "exists"]);
                let name = self.ident()?;
                let cascade = self.accept_word("cascade");
                self.accept_word("restrict");
                Ok(if constraint {
                    AlterAction::DropConstraint { name, if_exists, cascade }
                } else {
                    AlterAction::DropColumn { name, if_exists, cascade }
                })
            }
            "alter" => {
                self.advance();
                if self.accept_word("constraint") {
                    let name = self.ident()?;
                    let attributes = self.attributes(false)?;
                    attributes.check_foreign(false)?;
                    return Ok(AlterAction::AlterConstraint { name, timing: attributes.timing() });
                }
                self.accept_word("column");
                let column = self.ident()?;
                self.alter_column(column)
            }
            "validate" => {
                self.expect_words(&["validate", "constraint"])?;
                Ok(AlterAction::ValidateConstraint(self.ident()?))
            }
            "owner" => {
                self.expect_words(&["owner", "to"])?;
                Ok(AlterAction::Owner(self.role_name()?))
            }
            "set" => {
                self.advance();
                if self.is_sym("(") {
                    return Ok(AlterAction::SetOptions(self.storage_options()?));
                }
                if self.accept_word("logged") {
                    return Ok(AlterAction::SetLogged(true));
                }
                if self.accept_word("unlogged") {
                    return Ok(AlterAction::SetLogged(false));
                }
                if self.accept_words(&["without", "cluster"]) || self.accept_words(&["without", "oids"]) {
                    return Ok(AlterAction::Nothing);
                }
                if self.accept_word("tablespace") || self.accept_words(&["access", "method"]) {
                    self.name_string()?;
                    return Ok(AlterAction::Nothing);
                }
                Err(self.unexpected())
            }
            "reset" => {
                self.advance();
                let names = self.paren_list(|parser| {
                    let name = parser.label()?.name;
                    if parser.accept_op("=") {
                        let message = "RESET must not include values for parameters";
                        return Err(Error::new(SqlState::SYNTAX_ERROR, message));
                    }
                    Ok(name)
                })?;
                Ok(AlterAction::ResetOptions(names))
            }
            "cluster" => {
                self.expect_words(&["cluster", "on"])?;
                self.ident()?;
                Ok(AlterAction::Nothing)
            }
            "replica" => {
                self.expect_words(&["replica", "identity"])?;
                if self.accept_words(&["using", "index"]) {
                    self.ident()?;
                } else {
                    self.label()?;
                }
                Ok(AlterAction::Nothing)
            }
            "enable" | "disable" | "force" | "no" | "inherit" | "attach" | "detach" => {
                self.unsupported(&format!("ALTER TABLE {}", word.to_ascii_uppercase()))
            }
            _ => Err(self.unexpected()),
        }
    }

    fn alter_column(&mut self, column: super::ast::Ident) -> Result<AlterAction> {
        if self.accept_words(&["set", "default"]) {
            return Ok(AlterAction::SetDefault { column, expr: Some(self.expr()?) });
        }
        if self.accept_words(&["drop", "default"]) {
            return Ok(AlterAction::SetDefault { column, expr: None });
        }
        if self.accept_words(&["set", "not", "null"]) {
            return Ok(AlterAction::SetNotNull { column, not_null: true });
        }
        if self.accept_words(&["drop", "not", "null"]) {
            return Ok(AlterAction::SetNotNull { column, not_null: false });
        }
        if self.accept_words(&["drop", "identity"]) {
            let if_exists = self.accept_words(&["if", "exists"]);
            return Ok(AlterAction::DropIdentity { column, if_exists });
        }
        if self.is_word("drop") && self.is_word_at(1, "expression") {
            return self.unsupported("DROP EXPRESSION");
        }
        if self.accept_words(&["add", "generated"]) {
            let identity = self.identity_kind()?;
            self.expect_words(&["as", "identity"])?;
            let mut options = Vec::new();
            if self.accept_sym("(") {
                options = self.sequence_options()?;
                self.expect_sym(")")?;
            }
            return Ok(AlterAction::AddIdentity { column, identity, options });
        }
        if self.is_word("type") || self.is_word("set") && self.is_word_at(1, "data") {
            if self.accept_word("set") {
                self.expect_word("data")?;
            }
            self.expect_word("type")?;
            let ty = self.type_name()?;
            if self.is_word("collate") {
                return self.unsupported("COLLATE in ALTER COLUMN TYPE");
            }
            let using = if self.accept_word("using") { Some(self.expr()?) } else { None };
            return Ok(AlterAction::SetType { column, ty, using });
        }
        if self.is_any_word(&["set", "restart"]) {
            // SET GENERATED and sequence options, each behind a SET of its own.
            let (mut identity, mut options) = (None, Vec::new());
            loop {
                if self.accept_words(&["set", "generated"]) {
                    identity = Some(self.identity_kind()?);
                } else if self.is_word("set")
                    && matches!(self.peek_at(1), Tok::Word(word) if matches!(word.as_ref(), "statistics" | "storage" | "compression"))
                {
                    self.advance();
                    self.advance();
                    if matches!(self.peek(), Tok::Word(_)) {
                        self.advance();
                    } else {
                        self.integer()?;
                    }
                    return Ok(AlterAction::Ignored { column });
                } else if self.is_word("set") && self.is_sym_at(1, "(") {
                    self.advance();
                    self.storage_options()?;
                    return Ok(AlterAction::Ignored { column });
                } else if self.accept_word("set") || self.is_word("restart") {
                    options.extend(self.sequence_options()?);
                } else {
                    return Ok(AlterAction::SetIdentity { column, identity, options });
                }
            }
        }
        Err(self.unexpected())
    }
}

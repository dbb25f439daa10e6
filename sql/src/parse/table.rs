//! CREATE TABLE and ALTER TABLE.

use types::Result;

use super::ast::{
    AlterAction, ColumnConstraint, ColumnConstraintKind, ColumnSpec, ConstraintKind, ConstraintSpec, CreateTable,
    References, Statement, TableElement,
};
use super::lexer::Tok;
use super::parser::Parser;
use crate::bound::{ForeignKeyAction, Identity};

impl Parser<'_> {
    /// With TABLE coming next.
    pub(super) fn create_table(&mut self, temporary: bool, unlogged: bool) -> Result<Statement> {
        if temporary {
            return self.unsupported("temporary table");
        }
        self.expect_word("table")?;
        let if_not_exists = self.if_not_exists();
        let name = self.object_name()?;
        let as_query = self.is_word("as")
            || self.is_sym("(") && matches!(self.peek_at(2), Tok::Sym("," | ")")) && !self.is_word_at(1, "like");
        if as_query {
            let columns = self.optional_column_list()?;
            self.expect_word("as")?;
            if self.is_word("execute") {
                return self.unsupported("CREATE TABLE AS EXECUTE");
            }
            let query = Box::new(self.query_at(true)?);
            let mut with_data = true;
            if self.accept_words(&["with", "no", "data"]) {
                with_data = false;
            } else {
                self.accept_words(&["with", "data"]);
            }
            return Ok(Statement::CreateTableAs { name, if_not_exists, columns, query, with_data });
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
        let mut options = Vec::new();
        loop {
            if self.is_word("inherits") {
                return self.unsupported("INHERITS");
            } else if self.is_word("partition") {
                return self.unsupported("PARTITION BY");
            } else if self.accept_word("using") {
                self.name_string()?;
            } else if self.accept_words(&["without", "oids"]) {
            } else if self.accept_word("with") {
                options = self.storage_options()?;
            } else if self.is_words_on_commit() {
                return self.unsupported("ON COMMIT");
            } else if self.accept_word("tablespace") {
                self.name_string()?;
            } else {
                break;
            }
        }
        let table = CreateTable { name, if_not_exists, unlogged, temporary, elements, options };
        Ok(Statement::CreateTable(Box::new(table)))
    }

    fn is_words_on_commit(&self) -> bool {
        self.is_word("on") && self.is_word_at(1, "commit")
    }

    fn table_element(&mut self) -> Result<TableElement> {
        if self.accept_word("like") {
            let name = self.object_name()?;
            let (mut defaults, mut constraints, mut identity, mut indexes) = (false, false, false, false);
            loop {
                let including = self.accept_word("including");
                if !including && !self.accept_word("excluding") {
                    return Ok(TableElement::Like { name, defaults, constraints, identity, indexes });
                }
                match self.label()?.name.as_str() {
                    "defaults" => defaults = including,
                    "constraints" => constraints = including,
                    "identity" => identity = including,
                    "indexes" => indexes = including,
                    "all" => (defaults, constraints, identity, indexes) = (including, including, including, including),
                    "comments" | "compression" | "generated" | "statistics" | "storage" => {}
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
        Ok(ColumnSpec { name, ty, constraints })
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
                self.index_parameters()?;
                self.not_deferrable()?;
                ColumnConstraintKind::PrimaryKey
            }
            "unique" => {
                self.advance();
                self.index_parameters()?;
                self.not_deferrable()?;
                ColumnConstraintKind::Unique
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
            "references" => ColumnConstraintKind::References(self.references()?),
            "generated" => {
                self.advance();
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

    /// INCLUDE, WITH and USING INDEX TABLESPACE behind a key.
    fn index_parameters(&mut self) -> Result<()> {
        if self.is_word("include") {
            return self.unsupported("INCLUDE columns of an index");
        }
        if self.is_word("with") && self.is_sym_at(1, "(") {
            self.advance();
            self.storage_options()?;
        }
        if self.accept_words(&["using", "index", "tablespace"]) {
            self.name_string()?;
        }
        Ok(())
    }

    /// Only immediate constraints exist.
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
            not_valid: false,
        };
        loop {
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
            } else if self.accept_words(&["not", "valid"]) {
                references.not_valid = true;
            } else {
                self.not_deferrable()?;
                if self.accept_words(&["not", "valid"]) {
                    references.not_valid = true;
                }
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
            self.accept_words(&["no", "inherit"]);
            let not_valid = self.accept_words(&["not", "valid"]);
            ConstraintKind::Check { expr, not_valid }
        } else if self.is_any_word(&["primary", "unique"]) {
            let primary = self.is_word("primary");
            self.advance();
            if primary {
                self.expect_word("key")?;
            } else if self.is_word("nulls") {
                return self.unsupported("NULLS NOT DISTINCT");
            }
            if self.accept_words(&["using", "index"]) {
                let index = self.ident()?;
                self.not_deferrable()?;
                ConstraintKind::UsingIndex { index, primary }
            } else {
                let columns = self.column_list()?;
                self.index_parameters()?;
                self.not_deferrable()?;
                if primary { ConstraintKind::PrimaryKey(columns) } else { ConstraintKind::Unique(columns) }
            }
        } else if self.accept_words(&["foreign", "key"]) {
            let columns = self.column_list()?;
            ConstraintKind::ForeignKey { columns, references: self.references()? }
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
                Ok(AlterAction::ResetOptions(self.paren_list(|parser| Ok(parser.label()?.name))?))
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

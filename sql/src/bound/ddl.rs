//! Statements that change the catalog. Names are resolved where the object must exist already; what is new has names.
//!
//! Expressions that the catalog keeps (defaults, CHECK) are given as text, in the form in which PostgreSQL would show
//! them; they have been bound once, so they are known to be sound.

use std::sync::Arc;

use types::{Error, Result, SqlState, SqlType};

use super::plan::Plan;
use super::statement::ResultColumn;
use crate::catalog::extension::Extension;
pub use crate::catalog::{CheckOption, Identity, ReferentialAction as ForeignKeyAction};
use crate::catalog::{
    ColumnDef, ConstraintDef, Generated, IndexColumn, IndexDef, Predicate, Relation, SchemaDef, SequenceDef, TableDef,
    Timing, ViewDef,
};

/// What becomes of a temporary table when a transaction commits; without it, nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnCommit {
    DeleteRows,
    Drop,
}

#[derive(Clone, Debug)]
pub enum Ddl {
    CreateTable(Box<CreateTable>),
    AlterTable {
        table: Arc<TableDef>,
        actions: Vec<AlterTable>,
    },
    /// By `ALTER TABLE` or `ALTER VIEW`, which is its tag.
    AlterView {
        view: Arc<ViewDef>,
        actions: Vec<AlterView>,
        tag: &'static str,
    },
    CreateIndex(Box<CreateIndex>),
    /// By `ALTER TABLE` or `ALTER INDEX`, which is its tag.
    AlterIndex {
        index: Arc<IndexDef>,
        actions: Vec<AlterIndex>,
        tag: &'static str,
    },
    CreateSequence {
        schema: Arc<SchemaDef>,
        name: String,
        options: SequenceOptions,
        if_not_exists: bool,
    },
    AlterSequence {
        sequence: Arc<SequenceDef>,
        options: SequenceOptions,
    },
    CreateView(Box<CreateView>),
    CreateTableAs(Box<CreateTableAs>),
    CreateSchema {
        /// Without one it is the owner's.
        name: Option<String>,
        if_not_exists: bool,
        owner: Option<String>,
    },
    /// Relations found by name, each of the right kind.
    DropRelations {
        relations: Vec<Relation>,
        cascade: bool,
    },
    DropSchemas {
        schemas: Vec<Arc<SchemaDef>>,
        cascade: bool,
    },
    /// The objects of a `DROP ... IF EXISTS` that do not exist, which the notices name: nothing is to be done for them.
    RenameRelation {
        relation: Relation,
        name: String,
    },
    SetSchema {
        relation: Relation,
        schema: Arc<SchemaDef>,
    },
    SetOwner {
        relation: Relation,
        owner: String,
    },
    RenameSchema {
        schema: Arc<SchemaDef>,
        name: String,
    },
    SetSchemaOwner {
        schema: Arc<SchemaDef>,
        owner: String,
    },
    CommentSchema {
        schema: Arc<SchemaDef>,
        text: Option<String>,
    },
    CommentConstraint {
        table: Arc<TableDef>,
        constraint: u32,
        text: Option<String>,
    },
    CommentExtension {
        extension: &'static Extension,
        text: Option<String>,
    },
    CreateRole {
        name: String,
        options: Vec<RoleOption>,
    },
    AlterRole {
        name: String,
        options: Vec<RoleOption>,
    },
    /// `ALTER ROLE name SET setting`; no value is RESET.
    AlterRoleSet {
        name: String,
        setting: String,
        value: Option<Vec<String>>,
    },
    RenameRole {
        name: String,
        to: String,
    },
    DropRoles {
        names: Vec<String>,
        if_exists: bool,
    },
    ReassignOwned {
        from: Vec<String>,
        to: String,
    },
    DropOwned {
        roles: Vec<String>,
        cascade: bool,
    },
    Grant(Box<Grant>),
    CreateDatabase(NewDatabase),
    AlterDatabase {
        name: String,
        change: DatabaseChange,
    },
    DropDatabase {
        name: String,
        if_exists: bool,
    },
    Comment {
        kind: DropKind,
        relation: Relation,
        column: Option<usize>,
        text: Option<String>,
    },
    Reindex {
        tables: Vec<Arc<TableDef>>,
    },
    /// Everything named was missing and allowed to be.
    Nothing {
        tag: &'static str,
    },
}

#[derive(Clone, Debug)]
pub struct CreateTable {
    pub schema: Arc<SchemaDef>,
    pub name: String,
    pub if_not_exists: bool,
    pub unlogged: bool,
    pub columns: Vec<ColumnSpec>,
    pub constraints: Vec<ConstraintSpec>,
    /// Those that are no constraints'.
    pub indexes: Vec<IndexSpec>,
    /// `fillfactor=100` and the like.
    pub options: Vec<String>,
    pub on_commit: Option<OnCommit>,
}

/// `CREATE TABLE AS` and `SELECT INTO`: the table's columns are `columns`, filled from the plan.
#[derive(Clone, Debug)]
pub struct CreateTableAs {
    pub schema: Arc<SchemaDef>,
    pub name: String,
    pub if_not_exists: bool,
    pub unlogged: bool,
    pub columns: Vec<ResultColumn>,
    /// `None` for WITH NO DATA.
    pub plan: Option<Arc<Plan>>,
    pub options: Vec<String>,
    pub on_commit: Option<OnCommit>,
}

#[derive(Clone, Debug)]
pub struct ColumnSpec {
    pub name: String,
    pub ty: SqlType,
    pub not_null: bool,
    /// The expression as text.
    pub default: Option<String>,
    /// `serial` and its kin: a sequence owned by the column and a default of its nextval, both still to be made.
    pub serial: bool,
    pub identity: Option<(Identity, SequenceOptions)>,
    /// `GENERATED ALWAYS AS (text) STORED`.
    pub generated: Option<String>,
}

#[derive(Clone, Debug)]
pub struct ConstraintSpec {
    /// `None`: to be made up as PostgreSQL does (`t_pkey`, `t_a_key`, `t_a_check`, `t_a_fkey`).
    pub name: Option<String>,
    pub kind: ConstraintKind,
    pub not_valid: bool,
}

/// Columns are positions in the table's attributes as the statement leaves them: for CREATE TABLE in
/// [`CreateTable::columns`], for ALTER TABLE in the existing ones followed by those that earlier actions add.
#[derive(Clone, Debug)]
pub enum ConstraintKind {
    PrimaryKey {
        columns: Vec<usize>,
        /// The index's parameters.
        options: Vec<String>,
    },
    /// `ADD PRIMARY KEY USING INDEX`, or UNIQUE when not `primary`.
    UsingIndex {
        index: Arc<IndexDef>,
        primary: bool,
    },
    Unique {
        columns: Vec<usize>,
        options: Vec<String>,
    },
    Check {
        text: String,
        columns: Vec<usize>,
    },
    ForeignKey {
        columns: Vec<usize>,
        /// `None` when the table being created refers to itself.
        parent: Option<Arc<TableDef>>,
        parent_columns: Vec<usize>,
        /// The unique index of the parent, when the parent exists already.
        parent_index: Option<Arc<IndexDef>>,
        on_delete: ForeignKeyAction,
        on_update: ForeignKeyAction,
        match_full: bool,
        timing: Timing,
    },
}

#[derive(Clone, Debug)]
pub enum AlterTable {
    AddColumn { column: ColumnSpec, if_not_exists: bool },
    DropColumn { column: usize, cascade: bool },
    RenameColumn { column: usize, name: String },
    AlterColumn { column: usize, action: AlterColumn },
    AddConstraint(ConstraintSpec),
    DropConstraint { constraint: Arc<ConstraintDef>, cascade: bool },
    AlterConstraint { constraint: Arc<ConstraintDef>, timing: Timing },
    ValidateConstraint { constraint: Arc<ConstraintDef> },
    RenameConstraint { constraint: Arc<ConstraintDef>, name: String },
    SetOptions(Vec<String>),
    ResetOptions(Vec<String>),
    SetOwner(String),
    SetLogged(bool),
}

/// An action of ALTER INDEX.
#[derive(Clone, Debug)]
pub enum AlterIndex {
    SetOptions(Vec<String>),
    ResetOptions(Vec<String>),
}

/// An action of ALTER VIEW. Each leaves the columns as they are.
#[derive(Clone, Debug)]
pub enum AlterView {
    SetOptions(Vec<String>),
    ResetOptions(Vec<String>),
    /// The text of the default, or none.
    SetDefault {
        column: usize,
        text: Option<String>,
    },
}

#[derive(Clone, Debug)]
pub enum AlterColumn {
    SetDefault(String),
    DropDefault,
    SetNotNull,
    DropNotNull,
    /// `using` is over the old row; without it the value is converted by the assignment cast.
    SetType {
        ty: SqlType,
        using: super::expr::Expr,
    },
    AddIdentity(Identity, SequenceOptions),
    SetIdentity(Identity, SequenceOptions),
    DropIdentity {
        if_exists: bool,
    },
    /// SET STATISTICS, SET STORAGE, SET (...): accepted and without effect.
    Ignored,
}

#[derive(Clone, Debug)]
pub struct CreateView {
    pub schema: Arc<SchemaDef>,
    pub name: String,
    pub replace: bool,
    /// The query's text as written.
    pub query: String,
    pub columns: Vec<(Arc<str>, SqlType)>,
    pub search_path: Vec<Arc<str>>,
    /// As [`ViewDef::options`].
    pub options: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct CreateIndex {
    pub table: Arc<TableDef>,
    /// `None`: to be made up as PostgreSQL does (`t_a_b_idx`).
    pub name: Option<String>,
    pub concurrently: bool,
    pub if_not_exists: bool,
    pub index: IndexSpec,
}

/// An index that is no constraint's.
#[derive(Clone, Debug)]
pub struct IndexSpec {
    pub unique: bool,
    pub columns: Vec<IndexColumn>,
    pub options: Vec<String>,
    pub predicate: Option<Predicate>,
}

/// `None`: as it is, or the default.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct SequenceOptions {
    pub data_type: Option<SqlType>,
    pub increment: Option<i64>,
    /// `Some(None)` is NO MINVALUE.
    pub min: Option<Option<i64>>,
    pub max: Option<Option<i64>>,
    pub start: Option<i64>,
    /// `Some(None)` is RESTART without a value.
    pub restart: Option<Option<i64>>,
    pub cache: Option<i64>,
    pub cycle: Option<bool>,
    /// Oid of the table and position of the column; `Some(None)` is OWNED BY NONE.
    pub owned_by: Option<Option<(u32, usize)>>,
    /// Given to an identity column's sequence by `SEQUENCE NAME`.
    pub name: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DropKind {
    Table,
    View,
    Index,
    Sequence,
    Schema,
    Column,
}

#[derive(Clone, PartialEq, Debug)]
pub enum RoleOption {
    Superuser(bool),
    CreateDatabase(bool),
    CreateRole(bool),
    Inherit(bool),
    Login(bool),
    Replication(bool),
    BypassRowSecurity(bool),
    ConnectionLimit(i32),
    /// `None` is PASSWORD NULL.
    Password(Option<String>),
    ValidUntil(String),
    /// This role becomes a member of these.
    InRole(Vec<String>),
    /// These become members of this role.
    Members(Vec<String>),
    /// Members with admin option.
    Admins(Vec<String>),
}

/// CREATE DATABASE.
#[derive(Clone, Debug)]
pub struct NewDatabase {
    pub name: String,
    pub owner: Option<String>,
    pub template: Option<String>,
    pub options: DatabaseOptions,
}

/// What is said of a database beside its name and owner.
#[derive(Clone, Debug, Default)]
pub struct DatabaseOptions {
    pub allow_connections: Option<bool>,
    /// -1 for no limit.
    pub connection_limit: Option<i32>,
    pub is_template: Option<bool>,
}

impl DatabaseOptions {
    /// Takes an option by name and value; false: it is none of these.
    ///
    /// # Errors
    /// 42601 and 22023 for a value that it cannot have.
    pub fn take(&mut self, option: &str, value: &str) -> Result<bool> {
        let flag = || match value.to_ascii_lowercase().as_str() {
            "true" | "on" | "1" => Ok(true),
            "false" | "off" | "0" => Ok(false),
            _ => Err(Error::new(SqlState::SYNTAX_ERROR, format!("{option} requires a Boolean value"))),
        };
        match option {
            "allow_connections" => self.allow_connections = Some(flag()?),
            "is_template" => self.is_template = Some(flag()?),
            "connection" => {
                let limit = value.parse().ok().filter(|limit| *limit >= -1);
                self.connection_limit = Some(limit.ok_or_else(|| {
                    let message = format!("invalid connection limit: {value}");
                    Error::new(SqlState::INVALID_PARAMETER_VALUE, message)
                })?);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// ALTER DATABASE.
#[derive(Clone, Debug)]
pub enum DatabaseChange {
    Rename(String),
    Owner(String),
    /// No value is RESET.
    Set {
        setting: String,
        value: Option<Vec<String>>,
    },
    Options(DatabaseOptions),
}

/// GRANT and REVOKE. The parser has relations and schemas by name (`R` and `S`), the binder has found them.
#[derive(Clone, Debug)]
pub struct Grant<R = Relation, S = Arc<SchemaDef>> {
    pub revoke: bool,
    /// Privileges in capitals with their columns; empty is ALL.
    pub privileges: Vec<(String, Vec<String>)>,
    pub on: GrantTarget<R, S>,
    /// Role names; `public` for PUBLIC.
    pub grantees: Vec<String>,
    pub grant_option: bool,
    /// GRANTED BY.
    pub grantor: Option<String>,
    pub cascade: bool,
}

#[derive(Clone, Debug)]
pub enum GrantTarget<R = Relation, S = Arc<SchemaDef>> {
    /// Tables, or whatever stands among them.
    Relations(Vec<R>),
    Sequences(Vec<R>),
    AllTablesIn(Vec<S>),
    AllSequencesIn(Vec<S>),
    Schemas(Vec<S>),
    Databases(Vec<String>),
    /// Membership in roles: [`Grant::privileges`] is empty.
    Roles(Vec<String>),
    /// Functions, languages, types ...: named and without effect on our checks.
    Other(String),
}

impl Ddl {
    /// The texts of the expressions that the catalog is to keep, but for conditions of indexes, which name no relations.
    pub fn expressions(&self) -> Vec<&str> {
        let mut texts: Vec<&str> = Vec::new();
        match self {
            Ddl::CreateTable(table) => {
                texts.extend(table.columns.iter().flat_map(ColumnSpec::expressions));
                texts.extend(table.constraints.iter().filter_map(ConstraintSpec::expression));
            }
            Ddl::AlterTable { actions, .. } => {
                for action in actions {
                    match action {
                        AlterTable::AddColumn { column, .. } => texts.extend(column.expressions()),
                        AlterTable::AddConstraint(constraint) => texts.extend(constraint.expression()),
                        AlterTable::AlterColumn { action: AlterColumn::SetDefault(text), .. } => texts.push(text),
                        _ => {}
                    }
                }
            }
            Ddl::AlterView { actions, .. } => {
                for action in actions {
                    if let AlterView::SetDefault { text: Some(text), .. } = action {
                        texts.push(text);
                    }
                }
            }
            _ => {}
        }
        texts
    }
}

impl ConstraintSpec {
    fn expression(&self) -> Option<&str> {
        match &self.kind {
            ConstraintKind::Check { text, .. } => Some(text),
            _ => None,
        }
    }
}

impl ColumnSpec {
    fn expressions(&self) -> impl Iterator<Item = &str> {
        self.default.as_deref().into_iter().chain(self.generated.as_deref())
    }

    /// The catalog's column this makes, without default, identity and sequence, which need oids.
    pub fn to_def(&self) -> ColumnDef {
        ColumnDef {
            name: Arc::from(self.name.as_str()),
            ty: self.ty,
            not_null: self.not_null,
            default: None,
            identity: None,
            generated: self.generated.as_ref().map(|_| Generated::Stored),
            sequence: None,
            dropped: false,
            added_in: 0,
            missing: types::Datum::Null,
        }
    }
}

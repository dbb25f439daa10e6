//! CREATE TABLE and ALTER TABLE: columns and constraints.

use std::sync::Arc;

use types::cast::CastContext;
use types::resolve::Coercion;
use types::{Error, Result, SqlState, SqlType, Volatility, oid};

use super::ddl::indexable;
use super::expr::collatable;
use super::scope::{Entry, Scope, StarColumn, system_column};
use super::{Binder, Clause};
use crate::bound::{
    AlterColumn, AlterTable, ColumnSpec, ConstraintKind, ConstraintSpec, CreateTable, Expr, Field, IndexSpec,
    SequenceOptions, walk,
};
use crate::catalog::{self, ColumnDef, IndexColumn, IndexDef, PG_TEMP, Predicate, Privileges, TableDef};
use crate::parse::ast::{self, AlterAction, ColumnConstraintKind, ExprKind, Ident, Name, TableElement};

/// Columns of a table.
pub(super) const COLUMNS_MAX: usize = 1_600;

/// Oids of `text || anything` and `anything || text`, which are as changeable as the text form of what is no text.
const TEXT_WITH_OTHERS: [u32; 2] = [2003, 2004];

impl Binder<'_> {
    pub fn create_table(&mut self, create: &ast::CreateTable) -> Result<CreateTable> {
        let schema = self.creation_schema(&create.name)?;
        self.making_in = Some(schema.clone());
        let name = create.name.object().to_owned();
        let mut columns: Vec<ColumnSpec> = Vec::new();
        // Columns first: constraints may name any of them, wherever they stand.
        let mut deferred: Vec<(usize, &ast::ColumnConstraint)> = Vec::new();
        let mut constraints = Vec::new();
        let mut plain_indexes = Vec::new();
        for element in &create.elements {
            match element {
                TableElement::Column(column) => {
                    if columns.iter().any(|known| known.name == column.name.name) {
                        let message = format!("column \"{}\" specified more than once", column.name.name);
                        return Err(Error::new(SqlState::DUPLICATE_COLUMN, message));
                    }
                    let at = columns.len();
                    columns.push(self.column_spec(column, &name)?);
                    deferred.extend(column.constraints.iter().map(|constraint| (at, constraint)));
                }
                TableElement::Like { name, defaults, constraints: checks, generated, identity, indexes } => {
                    let source = self.find_table(name)?;
                    self.require(source.oid, Privileges::SELECT);
                    self.like_table(
                        &source,
                        (*defaults, *checks, *generated, *identity, *indexes),
                        &mut columns,
                        &mut constraints,
                        &mut plain_indexes,
                    )?;
                }
                TableElement::Constraint(_) => {}
            }
        }
        if columns.len() > COLUMNS_MAX {
            return Err(Error::new(
                SqlState::TOO_MANY_COLUMNS,
                format!("tables can have at most {COLUMNS_MAX} columns"),
            ));
        }
        for column in &columns {
            no_system_name(&column.name)?;
        }
        let defs: Vec<ColumnDef> = columns.iter().map(ColumnSpec::to_def).collect();
        for (at, constraint) in deferred {
            if let Some(spec) = self.column_constraint(constraint, at, &defs, &name, None)? {
                constraints.push(spec);
            }
        }
        for element in &create.elements {
            if let TableElement::Constraint(constraint) = element {
                constraints.push(self.table_constraint(constraint, &defs, &name, None)?);
            }
        }
        for element in &create.elements {
            let TableElement::Column(column) = element else { continue };
            let at = columns.iter().position(|known| known.name == column.name.name).expect("added above");
            for constraint in &column.constraints {
                if let ColumnConstraintKind::Generated(expr) = &constraint.kind {
                    columns[at].generated =
                        Some(self.generated_text(expr, &defs, &name, defs[at].ty, &defs[at].name)?);
                }
            }
        }
        self.one_primary_key(&constraints, &name)?;
        for constraint in &constraints {
            match &constraint.kind {
                ConstraintKind::PrimaryKey { columns: key, .. } => {
                    for &at in key {
                        columns[at].not_null = true;
                    }
                }
                ConstraintKind::ForeignKey { parent: Some(parent), .. } => {
                    check_both_stay(schema.is_temporary(), parent)?;
                }
                _ => {}
            }
        }
        Ok(CreateTable {
            schema,
            name,
            if_not_exists: create.if_not_exists,
            unlogged: create.unlogged,
            columns,
            constraints,
            indexes: plain_indexes,
            options: create.options.clone(),
            on_commit: create.on_commit,
        })
    }

    fn one_primary_key(&self, constraints: &[ConstraintSpec], table: &str) -> Result<()> {
        let keys = constraints.iter().filter(|constraint| matches!(constraint.kind, ConstraintKind::PrimaryKey { .. }));
        if keys.count() > 1 {
            let message = format!("multiple primary keys for table \"{table}\" are not allowed");
            return Err(Error::new(SqlState::INVALID_TABLE_DEFINITION, message));
        }
        Ok(())
    }

    /// `LIKE table`: its columns, and what INCLUDING asks for.
    fn like_table(
        &mut self,
        source: &Arc<TableDef>,
        (defaults, checks, generated, identity, indexes): (bool, bool, bool, bool, bool),
        columns: &mut Vec<ColumnSpec>,
        constraints: &mut Vec<ConstraintSpec>,
        plain_indexes: &mut Vec<IndexSpec>,
    ) -> Result<()> {
        let base = columns.len();
        let mut positions = vec![None; source.columns.len()];
        for (at, column) in source.live_columns() {
            if columns.iter().any(|known| *known.name == *column.name) {
                let message = format!("column \"{}\" specified more than once", column.name);
                return Err(Error::new(SqlState::DUPLICATE_COLUMN, message));
            }
            positions[at] = Some(columns.len());
            let text = |wanted: bool| column.default.as_deref().filter(|_| wanted).map(str::to_owned);
            let is_generated = column.generated.is_some();
            columns.push(ColumnSpec {
                name: column.name.to_string(),
                ty: column.ty,
                not_null: column.not_null,
                default: text(defaults && !is_generated),
                serial: false,
                identity: column.identity.filter(|_| identity).map(|kind| (kind, SequenceOptions::default())),
                generated: text(generated && is_generated),
            });
        }
        debug_assert!(columns.len() >= base);
        let moved = |list: &[usize]| -> Vec<usize> { list.iter().filter_map(|&at| positions[at]).collect() };
        let of_index = |index: &IndexDef| -> (Vec<usize>, Vec<String>) {
            let list: Vec<usize> = index.column_positions().collect();
            (moved(&list), index.options.iter().map(ToString::to_string).collect())
        };
        for constraint in &source.constraints {
            match &constraint.kind {
                catalog::ConstraintKind::Check { expression, columns } if checks => constraints.push(ConstraintSpec {
                    name: Some(constraint.name.to_string()),
                    kind: ConstraintKind::Check { text: expression.to_string(), columns: moved(columns) },
                    not_valid: false,
                }),
                catalog::ConstraintKind::PrimaryKey { index } | catalog::ConstraintKind::Unique { index }
                    if indexes =>
                {
                    if let Some(index) = source.index(*index) {
                        let (columns, options) = of_index(index);
                        let kind = match index.primary {
                            true => ConstraintKind::PrimaryKey { columns, options },
                            false => ConstraintKind::Unique { columns, options },
                        };
                        constraints.push(ConstraintSpec { name: None, kind, not_valid: false });
                    }
                }
                _ => {}
            }
        }
        for index in source.indexes.iter().filter(|index| indexes && !index.primary && index.constraint.is_none()) {
            let column = |of: &IndexColumn| positions[of.column].map(|column| IndexColumn { column, ..*of });
            let columns = index.columns.iter().filter_map(column).collect();
            let predicate = index.predicate.as_ref();
            plain_indexes.push(IndexSpec {
                unique: index.unique,
                columns,
                options: of_index(index).1,
                predicate: predicate.map(|it| Predicate::new(it.text.clone(), moved(&it.columns))),
            });
        }
        Ok(())
    }

    /// A column without its constraints, its default included.
    fn column_spec(&mut self, column: &ast::ColumnSpec, table: &str) -> Result<ColumnSpec> {
        let serial = match column.ty.names.as_slice() {
            [name] if !column.ty.exact => match name.as_str() {
                "smallserial" | "serial2" => Some(SqlType::INT2),
                "serial" | "serial4" => Some(SqlType::INT4),
                "bigserial" | "serial8" => Some(SqlType::INT8),
                _ => None,
            },
            _ => None,
        };
        let ty = match serial {
            Some(ty) => ty,
            None => self.type_name(&column.ty)?,
        };
        if ty.is_pseudo() {
            let message = format!("column \"{}\" has pseudo-type {ty}", column.name.name);
            return Err(Error::new(SqlState::INVALID_TABLE_DEFINITION, message));
        }
        let mut spec = ColumnSpec {
            name: column.name.name.clone(),
            ty,
            not_null: serial.is_some(),
            default: None,
            serial: serial.is_some(),
            identity: None,
            generated: None,
        };
        let (mut nullable, mut defaulted) = (false, serial.is_some());
        for constraint in &column.constraints {
            let clash = |what: &str| {
                let message = format!("{what} for column \"{}\" of table \"{table}\"", column.name.name);
                Err(Error::new(SqlState::SYNTAX_ERROR, message).at(constraint.pos + 1))
            };
            match &constraint.kind {
                ColumnConstraintKind::NotNull => spec.not_null = true,
                ColumnConstraintKind::Null => nullable = true,
                ColumnConstraintKind::Default(expr) => {
                    if defaulted {
                        return clash("multiple default values specified");
                    }
                    defaulted = true;
                    spec.default = self.default_text(expr, ty, &spec.name)?;
                }
                ColumnConstraintKind::Identity(kind, options) => {
                    fits_identity(ty)?;
                    if spec.identity.is_some() {
                        return clash("multiple identity specifications");
                    }
                    spec.not_null = true;
                    spec.identity = Some((*kind, self.sequence_options(options)?));
                }
                ColumnConstraintKind::Generated(_) => {
                    if spec.generated.is_some() {
                        return clash("multiple generation clauses specified");
                    }
                    // The text comes when all columns are known.
                    spec.generated = Some(String::new());
                }
                ColumnConstraintKind::Collate(name)
                    if !matches!(name.object(), "default" | "C" | "POSIX" | "C.UTF-8" | "C.utf8" | "ucs_basic") =>
                {
                    return Err(Error::unsupported(format!("collation \"{}\"", name.shown())).at(constraint.pos + 1));
                }
                ColumnConstraintKind::Collate(_) => collatable(ty, constraint.pos)?,
                _ => {}
            }
            match (defaulted, spec.identity.is_some(), spec.generated.is_some()) {
                (true, true, _) => return clash("both default and identity specified"),
                (true, _, true) => return clash("both default and generation expression specified"),
                (_, true, true) => return clash("both identity and generation expression specified"),
                _ => {}
            }
        }
        if nullable && spec.not_null {
            let message =
                format!("conflicting NULL/NOT NULL declarations for column \"{}\" of table \"{table}\"", spec.name);
            return Err(Error::new(SqlState::SYNTAX_ERROR, message).at(column.name.pos + 1));
        }
        Ok(spec)
    }

    /// The text kept for a default; `None` for DEFAULT NULL, which is none.
    pub fn default_text(&mut self, expr: &ast::Expr, ty: SqlType, column: &str) -> Result<Option<String>> {
        if matches!(expr.kind, ExprKind::Null) {
            return Ok(None);
        }
        let outer = std::mem::take(&mut self.scopes);
        let bound = self.with_scope(Scope::default(), |binder| {
            binder.within(Clause::Default, |binder| {
                let bound = binder.expr(expr).map_err(|error| no_columns_in_default(error, expr))?;
                let from = bound.ty();
                if !binder.is_assignable(from, ty) {
                    let message = format!(
                        "column \"{column}\" is of type {} but default expression is of type {}",
                        SqlType::of(ty.oid),
                        SqlType::of(from.oid)
                    );
                    return Err(Error::new(SqlState::DATATYPE_MISMATCH, message)
                        .hint("You will need to rewrite or cast the expression."));
                }
                // The length is applied when the value is stored, as PostgreSQL keeps it.
                binder.coerce(bound, SqlType::of(ty.oid), CastContext::Assignment, expr.pos)
            })
        });
        self.scopes = outer;
        let (bound, _) = bound?;
        if let ExprKind::Session(value) = &expr.kind {
            return Ok(Some(session_text(*value)));
        }
        refuse_subquery(&bound, "DEFAULT expression", expr.pos)?;
        Ok(Some(self.kept_text(&bound, &[])))
    }

    /// The row of a table that is being made.
    fn row_scope(&self, columns: &[ColumnDef], table: &str) -> Scope {
        let alias: Arc<str> = Arc::from(table);
        let mut scope = Scope::default();
        for (at, column) in columns.iter().enumerate() {
            scope.fields.push(Field { name: column.name.clone(), relation: Some(alias.clone()), ty: column.ty });
            if !column.dropped {
                scope.star.push(StarColumn {
                    name: column.name.clone(),
                    expr: Expr::column(at, column.ty),
                    origin: (0, 0),
                });
            }
        }
        scope.entries.push(Entry::of(alias, None, scope.star.clone()));
        scope
    }

    fn check_text(&mut self, expr: &ast::Expr, columns: &[ColumnDef], table: &str) -> Result<(String, Vec<usize>)> {
        let scope = self.row_scope(columns, table);
        let fields = scope.fields.clone();
        let (bound, _) = self.with_scope(scope, |binder| {
            binder.within(Clause::Check, |binder| {
                let bound = binder.expr(expr)?;
                binder.condition(bound, "CHECK", expr.pos)
            })
        })?;
        refuse_subquery(&bound, "check constraint", expr.pos)?;
        Ok((self.kept_text(&bound, &fields), columns_named(&bound)))
    }

    /// The condition of a partial index of a table.
    pub fn index_predicate(&mut self, expr: &ast::Expr, table: &TableDef) -> Result<Predicate> {
        let fields = self.row_scope(&table.columns, &table.name).fields;
        let bound = self.predicate_over(expr, table)?;
        let mut names = false;
        walk::visit(&bound, &mut |part| names |= matches!(part, Expr::Const { ty, .. } if ty.is_reg()));
        if names {
            return Err(Error::unsupported("names of objects in the condition of an index").at(expr.pos + 1));
        }
        if self.is_mutable(&bound) {
            let message = "functions in index predicate must be marked IMMUTABLE";
            return Err(Error::new(SqlState::INVALID_OBJECT_DEFINITION, message));
        }
        Ok(Predicate::new(Arc::from(self.kept_text(&bound, &fields)), columns_named(&bound)))
    }

    /// A condition on the rows of a table, as that of a partial index.
    pub fn predicate_over(&mut self, expr: &ast::Expr, table: &TableDef) -> Result<Expr> {
        let scope = self.row_scope(&table.columns, &table.name);
        let (bound, _) = self.with_scope(scope, |binder| {
            binder.within(Clause::Predicate, |binder| {
                let bound = binder.expr(expr)?;
                binder.condition(bound, "WHERE", expr.pos)
            })
        })?;
        refuse_subquery(&bound, "index predicate", expr.pos)?;
        Ok(bound)
    }

    fn generated_text(
        &mut self,
        expr: &ast::Expr,
        columns: &[ColumnDef],
        table: &str,
        ty: SqlType,
        name: &str,
    ) -> Result<String> {
        let scope = self.row_scope(columns, table);
        let fields = scope.fields.clone();
        let (bound, scope) = self.with_scope(scope, |binder| {
            binder.within(Clause::Generated, |binder| {
                let bound = binder.expr(expr)?;
                binder.assign(bound, name, SqlType::of(ty.oid), expr.pos)
            })
        })?;
        refuse_subquery(&bound, "column generation expression", expr.pos)?;
        if let Some((at, pos)) = scope.mentioned.iter().find(|(at, _)| columns[*at].generated.is_some()) {
            let name = &columns[*at].name;
            let message = format!("cannot use generated column \"{name}\" in column generation expression");
            return Err(Error::new(SqlState::INVALID_OBJECT_DEFINITION, message)
                .detail("A generated column cannot reference another generated column.")
                .at(pos + 1));
        }
        if self.is_mutable(&bound) {
            return Err(Error::new(SqlState::INVALID_OBJECT_DEFINITION, "generation expression is not immutable"));
        }
        Ok(self.kept_text(&bound, &fields))
    }

    /// Whether an expression may come to have another value over the same row.
    fn is_mutable(&self, bound: &Expr) -> bool {
        let mut mutable = false;
        walk::visit(bound, &mut |expr| {
            mutable |= match expr {
                Expr::Call(call) if TEXT_WITH_OTHERS.contains(&call.function.oid) => {
                    call.args.iter().any(|arg| self.depends_on_settings(arg.ty(), SqlType::TEXT, Coercion::Text))
                }
                Expr::Call(call) => call.function.volatility != Volatility::Immutable,
                Expr::Cast(cast) => self.depends_on_settings(cast.arg.ty(), cast.to, cast.coercion),
                _ => false,
            };
        });
        mutable
    }

    /// Whether what a conversion yields depends on settings: the style of dates, the time zone, the search path.
    fn depends_on_settings(&self, from: SqlType, to: SqlType, coercion: Coercion) -> bool {
        let is_dated = |ty: SqlType| matches!(ty.oid, oid::DATE | oid::TIMESTAMP | oid::TIMESTAMPTZ | oid::INTERVAL);
        // Arrays and rows for what they could hold, as in PostgreSQL.
        let varies = |ty: SqlType| is_dated(ty) || ty.is_reg() || ty.is_array() || ty.oid == oid::RECORD;
        match coercion {
            Coercion::Relabel => false,
            Coercion::Cast(cast) => {
                let function = self.registry.function(cast.function);
                function.is_some_and(|function| function.volatility != Volatility::Immutable)
            }
            // `now` is a time, too.
            Coercion::Text => varies(from) || varies(to) || to.oid == oid::TIME,
            Coercion::Elements => {
                let (Some(from), Some(to)) = (from.element(), to.element()) else { return false };
                let inner = self.registry.find_coercion(from.oid, to.oid, CastContext::Explicit);
                inner.is_some_and(|inner| self.depends_on_settings(from, to, inner))
            }
        }
    }

    /// A column's own constraint as one of the table; `None` for those that are part of the column.
    fn column_constraint(
        &mut self,
        constraint: &ast::ColumnConstraint,
        at: usize,
        columns: &[ColumnDef],
        table: &str,
        existing: Option<&Arc<TableDef>>,
    ) -> Result<Option<ConstraintSpec>> {
        let mut not_valid = false;
        let kind = match &constraint.kind {
            ColumnConstraintKind::PrimaryKey(options) => {
                indexable(columns[at].ty)?;
                ConstraintKind::PrimaryKey { columns: vec![at], options: options.clone() }
            }
            ColumnConstraintKind::Unique(options) => {
                indexable(columns[at].ty)?;
                ConstraintKind::Unique { columns: vec![at], options: options.clone() }
            }
            ColumnConstraintKind::Check { expr, not_valid: invalid } => {
                not_valid = *invalid;
                let (text, columns) = self.check_text(expr, columns, table)?;
                ConstraintKind::Check { text, columns }
            }
            ColumnConstraintKind::References(references) => {
                not_valid = references.not_valid;
                self.foreign_key(&[at], references, columns, table, existing)?
            }
            _ => return Ok(None),
        };
        Ok(Some(ConstraintSpec { name: constraint.name.clone(), kind, not_valid }))
    }

    fn table_constraint(
        &mut self,
        constraint: &ast::ConstraintSpec,
        columns: &[ColumnDef],
        table: &str,
        existing: Option<&Arc<TableDef>>,
    ) -> Result<ConstraintSpec> {
        let key = |names: &[Ident], what: &str| -> Result<Vec<usize>> {
            let mut positions = Vec::with_capacity(names.len());
            for name in names {
                let at = columns.iter().position(|column| !column.dropped && *column.name == *name.name).ok_or_else(
                    || {
                        let message = format!("column \"{}\" named in key does not exist", name.name);
                        Error::new(SqlState::UNDEFINED_COLUMN, message).at(constraint.pos + 1)
                    },
                )?;
                if positions.contains(&at) {
                    let message = format!("column \"{}\" appears twice in {what} constraint", name.name);
                    return Err(Error::new(SqlState::DUPLICATE_COLUMN, message).at(constraint.pos + 1));
                }
                indexable(columns[at].ty)?;
                positions.push(at);
            }
            Ok(positions)
        };
        let mut not_valid = false;
        let kind = match &constraint.kind {
            ast::ConstraintKind::PrimaryKey { columns, options } => {
                ConstraintKind::PrimaryKey { columns: key(columns, "primary key")?, options: options.clone() }
            }
            ast::ConstraintKind::Unique { columns, options } => {
                ConstraintKind::Unique { columns: key(columns, "unique")?, options: options.clone() }
            }
            ast::ConstraintKind::UsingIndex { index, primary } => {
                let found = existing.and_then(|table| table.indexes.iter().find(|known| *known.name == *index.name));
                let Some(found) = found else {
                    let message = format!("index \"{}\" does not exist", index.name);
                    return Err(Error::new(SqlState::UNDEFINED_OBJECT, message).at(constraint.pos + 1));
                };
                if !found.unique {
                    let message = format!("\"{}\" is not a unique index", index.name);
                    return Err(Error::new(SqlState::WRONG_OBJECT_TYPE, message)
                        .detail("Cannot create a primary key or unique constraint using such an index."));
                }
                if found.predicate.is_some() {
                    let message = format!("\"{}\" is a partial index", index.name);
                    return Err(Error::new(SqlState::WRONG_OBJECT_TYPE, message)
                        .at(constraint.pos + 1)
                        .detail("Cannot create a primary key or unique constraint using such an index."));
                }
                ConstraintKind::UsingIndex { index: found.clone(), primary: *primary }
            }
            ast::ConstraintKind::Check { expr, not_valid: invalid } => {
                not_valid = *invalid;
                let (text, columns) = self.check_text(expr, columns, table)?;
                ConstraintKind::Check { text, columns }
            }
            ast::ConstraintKind::ForeignKey { columns: names, references } => {
                not_valid = references.not_valid;
                let mut positions = Vec::with_capacity(names.len());
                for name in names {
                    let at = columns.iter().position(|column| !column.dropped && *column.name == *name.name);
                    positions.push(at.ok_or_else(|| {
                        let message =
                            format!("column \"{}\" referenced in foreign key constraint does not exist", name.name);
                        Error::new(SqlState::UNDEFINED_COLUMN, message)
                    })?);
                }
                self.foreign_key(&positions, references, columns, table, existing)?
            }
        };
        Ok(ConstraintSpec { name: constraint.name.clone(), kind, not_valid })
    }

    /// Whether a name, which is that of the table being made, will find it and not one that there is.
    fn finds_new(&self, name: &Name) -> bool {
        let Some(made_in) = &self.making_in else { return false };
        let place = |schema: &str| self.search_path.iter().position(|it| **it == *schema);
        match name.schema() {
            Some(PG_TEMP) => made_in.is_temporary(),
            Some(schema) => *made_in.name == *schema,
            None => {
                let found = self.catalog.find_relation(None, name.object(), &self.search_path);
                let Some(at) = place(&made_in.name) else { return false };
                // What is found and has no place is of pg_catalog, which is searched first.
                found.is_none_or(|found| place(&self.catalog.schema_name_of(found)).is_some_and(|other| at < other))
            }
        }
    }

    fn foreign_key(
        &mut self,
        positions: &[usize],
        references: &ast::References,
        columns: &[ColumnDef],
        table: &str,
        existing: Option<&Arc<TableDef>>,
    ) -> Result<ConstraintKind> {
        let itself = existing.is_none() && references.table.object() == table && self.finds_new(&references.table);
        let parent =
            if itself { None } else { Some(self.find_table(&references.table).map_err(super::without_position)?) };
        if let (Some(existing), Some(parent)) = (existing, &parent) {
            check_both_stay(existing.is_temporary(), parent)?;
        }
        let parent_defs: &[ColumnDef] = parent.as_ref().map_or(columns, |parent| &parent.columns);
        let parent_columns: Vec<usize> = if references.columns.is_empty() {
            match &parent {
                Some(parent) => {
                    if parent.key.is_empty() {
                        let message = format!("there is no primary key for referenced table \"{}\"", parent.name);
                        return Err(Error::new(SqlState::UNDEFINED_OBJECT, message));
                    }
                    parent.key.clone()
                }
                // Resolved against the table's own primary key when it is made.
                None => Vec::new(),
            }
        } else {
            references
                .columns
                .iter()
                .map(|name| {
                    let found = parent_defs.iter().position(|column| !column.dropped && *column.name == *name.name);
                    found.ok_or_else(|| {
                        let message =
                            format!("column \"{}\" referenced in foreign key constraint does not exist", name.name);
                        Error::new(SqlState::UNDEFINED_COLUMN, message)
                    })
                })
                .collect::<Result<_>>()?
        };
        let mut parent_index = None;
        if let Some(parent) = &parent {
            let matching = parent.indexes.iter().find(|index| {
                index.is_key()
                    && index.columns.len() == parent_columns.len()
                    && index.column_positions().all(|position| parent_columns.contains(&position))
            });
            let Some(index) = matching else {
                let message = format!(
                    "there is no unique constraint matching given keys for referenced table \"{}\"",
                    parent.name
                );
                return Err(Error::new(SqlState::INVALID_FOREIGN_KEY, message));
            };
            parent_index = Some(index.clone());
        }
        Ok(ConstraintKind::ForeignKey {
            columns: positions.to_vec(),
            parent,
            parent_columns,
            parent_index,
            on_delete: references.on_delete,
            on_update: references.on_update,
            match_full: references.match_full,
            timing: references.timing,
        })
    }

    pub fn alter_table(&mut self, table: &Arc<TableDef>, actions: &[AlterAction]) -> Result<Vec<AlterTable>> {
        let mut bound = Vec::with_capacity(actions.len());
        // The columns as the actions so far leave them.
        let mut columns = table.columns.clone();
        for action in actions {
            self.alter_action(table, action, &mut columns, &mut bound)?;
        }
        Ok(bound)
    }

    fn altered_column(&self, table: &TableDef, columns: &[ColumnDef], name: &Ident) -> Result<usize> {
        columns.iter().position(|column| !column.dropped && *column.name == *name.name).ok_or_else(|| {
            let message = format!("column \"{}\" of relation \"{}\" does not exist", name.name, table.name);
            Error::new(SqlState::UNDEFINED_COLUMN, message)
        })
    }

    fn alter_action(
        &mut self,
        table: &Arc<TableDef>,
        action: &AlterAction,
        columns: &mut Vec<ColumnDef>,
        bound: &mut Vec<AlterTable>,
    ) -> Result<()> {
        let missing_constraint = |name: &Ident| {
            let message = format!("constraint \"{}\" of relation \"{}\" does not exist", name.name, table.name);
            Error::new(SqlState::UNDEFINED_OBJECT, message)
        };
        let find = |name: &Ident| table.constraints.iter().find(|constraint| *constraint.name == *name.name).cloned();
        match action {
            AlterAction::AddColumn { column, if_not_exists } => {
                no_system_name(&column.name.name)?;
                if columns.iter().any(|known| !known.dropped && *known.name == *column.name.name) {
                    let message =
                        format!("column \"{}\" of relation \"{}\" already exists", column.name.name, table.name);
                    if *if_not_exists {
                        self.notice(SqlState::DUPLICATE_COLUMN, format!("{message}, skipping"));
                        return Ok(());
                    }
                    return Err(Error::new(SqlState::DUPLICATE_COLUMN, message));
                }
                if columns.len() >= COLUMNS_MAX {
                    let message = format!("tables can have at most {COLUMNS_MAX} columns");
                    return Err(Error::new(SqlState::TOO_MANY_COLUMNS, message));
                }
                let mut spec = self.column_spec(column, &table.name)?;
                let at = columns.len();
                columns.push(spec.to_def());
                for constraint in &column.constraints {
                    if let ColumnConstraintKind::Generated(expr) = &constraint.kind {
                        let text = self.generated_text(expr, columns, &table.name, spec.ty, &spec.name)?;
                        spec.generated = Some(text);
                    }
                }
                bound.push(AlterTable::AddColumn { column: spec, if_not_exists: *if_not_exists });
                for constraint in &column.constraints {
                    if let Some(spec) = self.column_constraint(constraint, at, columns, &table.name, Some(table))? {
                        bound.push(AlterTable::AddConstraint(spec));
                    }
                }
            }
            AlterAction::DropColumn { name, if_exists, cascade } => match self.altered_column(table, columns, name) {
                Ok(column) => {
                    columns[column].dropped = true;
                    bound.push(AlterTable::DropColumn { column, cascade: *cascade });
                }
                Err(error) if *if_exists => {
                    let message = format!("{}, skipping", error.message);
                    self.notice(SqlState::SUCCESSFUL_COMPLETION, message);
                }
                Err(error) => return Err(error),
            },
            AlterAction::RenameColumn { name, to } => {
                let column =
                    columns.iter().position(|known| !known.dropped && *known.name == *name.name).ok_or_else(|| {
                        Error::new(SqlState::UNDEFINED_COLUMN, format!("column \"{}\" does not exist", name.name))
                    })?;
                if columns.iter().any(|known| !known.dropped && *known.name == **to) {
                    let message = format!("column \"{to}\" of relation \"{}\" already exists", table.name);
                    return Err(Error::new(SqlState::DUPLICATE_COLUMN, message));
                }
                no_system_name(to)?;
                bound.push(AlterTable::RenameColumn { column, name: to.clone() });
            }
            AlterAction::SetDefault { column, expr } => {
                let at = self.altered_column(table, columns, column)?;
                if columns[at].identity.is_some() {
                    let message =
                        format!("column \"{}\" of relation \"{}\" is an identity column", column.name, table.name);
                    return Err(Error::new(SqlState::SYNTAX_ERROR, message));
                }
                let text = match expr {
                    Some(expr) => self.default_text(expr, columns[at].ty, &column.name)?,
                    None => None,
                };
                let action = text.map_or(AlterColumn::DropDefault, AlterColumn::SetDefault);
                bound.push(AlterTable::AlterColumn { column: at, action });
            }
            AlterAction::SetNotNull { column, not_null } => {
                let at = self.altered_column(table, columns, column)?;
                if !not_null && table.key.contains(&at) {
                    let message = format!("column \"{}\" is in a primary key", column.name);
                    return Err(Error::new(SqlState::INVALID_TABLE_DEFINITION, message));
                }
                let action = if *not_null { AlterColumn::SetNotNull } else { AlterColumn::DropNotNull };
                bound.push(AlterTable::AlterColumn { column: at, action });
            }
            AlterAction::SetType { column, ty, using } => {
                let at = self.altered_column(table, columns, column)?;
                let ty = self.type_name(ty)?;
                if columns[at].identity.is_some() {
                    fits_identity(ty)?;
                }
                let using = self.conversion(table, at, ty, using.as_ref())?;
                columns[at].ty = ty;
                bound.push(AlterTable::AlterColumn { column: at, action: AlterColumn::SetType { ty, using } });
            }
            AlterAction::AddIdentity { column, identity, options } => {
                let at = self.altered_column(table, columns, column)?;
                fits_identity(columns[at].ty)?;
                if !columns[at].not_null {
                    let message = format!(
                        "column \"{}\" of relation \"{}\" must be declared NOT NULL before identity can be added",
                        column.name, table.name
                    );
                    return Err(Error::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message));
                }
                let options = self.sequence_options(options)?;
                bound
                    .push(AlterTable::AlterColumn { column: at, action: AlterColumn::AddIdentity(*identity, options) });
            }
            AlterAction::SetIdentity { column, identity, options } => {
                let at = self.altered_column(table, columns, column)?;
                let Some(present) = columns[at].identity else {
                    let message =
                        format!("column \"{}\" of relation \"{}\" is not an identity column", column.name, table.name);
                    return Err(Error::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message));
                };
                let options = self.sequence_options(options)?;
                let action = AlterColumn::SetIdentity(identity.unwrap_or(present), options);
                bound.push(AlterTable::AlterColumn { column: at, action });
            }
            AlterAction::DropIdentity { column, if_exists } => {
                let at = self.altered_column(table, columns, column)?;
                if columns[at].identity.is_none() {
                    let message =
                        format!("column \"{}\" of relation \"{}\" is not an identity column", column.name, table.name);
                    if !if_exists {
                        return Err(Error::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message));
                    }
                    self.notice(SqlState::SUCCESSFUL_COMPLETION, format!("{message}, skipping"));
                    return Ok(());
                }
                let action = AlterColumn::DropIdentity { if_exists: *if_exists };
                bound.push(AlterTable::AlterColumn { column: at, action });
            }
            AlterAction::Ignored { column } => {
                let at = self.altered_column(table, columns, column)?;
                bound.push(AlterTable::AlterColumn { column: at, action: AlterColumn::Ignored });
            }
            AlterAction::AddConstraint(constraint) => {
                let spec = self.table_constraint(constraint, columns, &table.name, Some(table))?;
                let primary = match &spec.kind {
                    ConstraintKind::PrimaryKey { .. } => true,
                    ConstraintKind::UsingIndex { primary, .. } => *primary,
                    _ => false,
                };
                if primary && table.primary_key().is_some() {
                    let message = format!("multiple primary keys for table \"{}\" are not allowed", table.name);
                    return Err(Error::new(SqlState::INVALID_TABLE_DEFINITION, message).at(constraint.pos + 1));
                }
                bound.push(AlterTable::AddConstraint(spec));
            }
            AlterAction::DropConstraint { name, if_exists, cascade } => match find(name) {
                Some(constraint) => bound.push(AlterTable::DropConstraint { constraint, cascade: *cascade }),
                None if *if_exists => {
                    let message = format!("{}, skipping", missing_constraint(name).message);
                    self.notice(SqlState::SUCCESSFUL_COMPLETION, message);
                }
                None => return Err(missing_constraint(name)),
            },
            AlterAction::AlterConstraint { name, timing } => {
                let constraint = find(name).ok_or_else(|| missing_constraint(name))?;
                if !matches!(constraint.kind, catalog::ConstraintKind::Foreign(_)) {
                    let message = format!(
                        "constraint \"{}\" of relation \"{}\" is not a foreign key constraint",
                        name.name, table.name
                    );
                    return Err(Error::new(SqlState::WRONG_OBJECT_TYPE, message));
                }
                bound.push(AlterTable::AlterConstraint { constraint, timing: *timing });
            }
            AlterAction::ValidateConstraint(name) => {
                let constraint = find(name).ok_or_else(|| missing_constraint(name))?;
                bound.push(AlterTable::ValidateConstraint { constraint });
            }
            AlterAction::RenameConstraint { name, to } => {
                let constraint = find(name).ok_or_else(|| {
                    let message = format!("constraint \"{}\" for table \"{}\" does not exist", name.name, table.name);
                    Error::new(SqlState::UNDEFINED_OBJECT, message)
                })?;
                bound.push(AlterTable::RenameConstraint { constraint, name: to.clone() });
            }
            AlterAction::SetOptions(options) => bound.push(AlterTable::SetOptions(options.clone())),
            AlterAction::ResetOptions(names) => bound.push(AlterTable::ResetOptions(names.clone())),
            AlterAction::Owner(owner) => bound.push(AlterTable::SetOwner(owner.clone())),
            AlterAction::SetLogged(logged) => bound.push(AlterTable::SetLogged(*logged)),
            AlterAction::Nothing => {}
            AlterAction::Rename(_) | AlterAction::SetSchema(_) => {
                return Err(Error::new(SqlState::SYNTAX_ERROR, "this action cannot be combined with others"));
            }
        }
        Ok(())
    }
}

/// Positions of the columns that an expression over a row names.
fn columns_named(bound: &Expr) -> Vec<usize> {
    let mut named = Vec::new();
    walk::columns_of(bound, &mut |at| {
        if !named.contains(&at) {
            named.push(at);
        }
    });
    named
}

/// # Errors
/// 0A000 for a subquery in what the catalog keeps as the text of an expression.
pub(super) fn refuse_subquery(bound: &Expr, place: &str, pos: u32) -> Result<()> {
    if !bound.has_subquery() {
        return Ok(());
    }
    Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, format!("cannot use subquery in {place}")).at(pos + 1))
}

/// # Errors
/// 42P16 for a foreign key of what stays to what goes with its session, or the other way round.
fn check_both_stay(temporary: bool, parent: &TableDef) -> Result<()> {
    if temporary == parent.is_temporary() {
        return Ok(());
    }
    let kind = if temporary { "temporary" } else { "permanent" };
    let message = format!("constraints on {kind} tables may reference only {kind} tables");
    Err(Error::new(SqlState::INVALID_TABLE_DEFINITION, message))
}

fn no_system_name(name: &str) -> Result<()> {
    if system_column(name).is_none() {
        return Ok(());
    }
    let message = format!("column name \"{name}\" conflicts with a system column name");
    Err(Error::new(SqlState::DUPLICATE_COLUMN, message))
}

fn fits_identity(ty: SqlType) -> Result<()> {
    if ty.is_integer() {
        return Ok(());
    }
    let message = "identity column type must be smallint, integer, or bigint";
    Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message))
}

fn no_columns_in_default(error: Error, expr: &ast::Expr) -> Error {
    if error.sqlstate() == SqlState::UNDEFINED_COLUMN {
        return Error::new(SqlState::FEATURE_NOT_SUPPORTED, "cannot use column reference in DEFAULT expression")
            .at(expr.pos + 1);
    }
    error
}

/// A session value as the catalog keeps it.
fn session_text(value: ast::SessionValue) -> String {
    use ast::SessionValue as V;
    let with = |name: &str, precision: Option<i32>| match precision {
        Some(precision) => format!("{name}({precision})"),
        None => name.to_owned(),
    };
    match value {
        V::CurrentDate => "CURRENT_DATE".to_owned(),
        V::CurrentTime(precision) => with("CURRENT_TIME", precision),
        V::CurrentTimestamp(precision) => with("CURRENT_TIMESTAMP", precision),
        V::LocalTime(precision) => with("LOCALTIME", precision),
        V::LocalTimestamp(precision) => with("LOCALTIMESTAMP", precision),
        V::CurrentRole => "CURRENT_ROLE".to_owned(),
        V::CurrentUser | V::User => "CURRENT_USER".to_owned(),
        V::SessionUser => "SESSION_USER".to_owned(),
        V::CurrentCatalog => "CURRENT_CATALOG".to_owned(),
        V::CurrentSchema => "CURRENT_SCHEMA".to_owned(),
    }
}

//! [`Scope`]: the names of one row.

use std::ops::Range;
use std::sync::Arc;

use types::{Error, Result, SqlState, SqlType};

use super::row_lock::Item;
use super::{Binder, Clause, Reference};
use crate::bound::{Expr, Field, JoinKind, SystemColumn, walk};
use crate::catalog::describe::quote_identifier;
use crate::catalog::{PG_TEMP, TableDef, is_temporary};

/// What expressions over a row can name.
#[derive(Clone, Default)]
pub(crate) struct Scope {
    /// Tables by alias, for qualified names.
    pub entries: Vec<Entry>,
    /// The columns that `*` means and unqualified names find, in order. USING merges columns into one here.
    pub star: Vec<StarColumn>,
    /// The columns of the row.
    pub fields: Vec<Field>,
    /// What row locks apply to: names do not matter here but for OF, so that a join's alias hides nothing.
    pub items: Vec<Item>,
    /// The left row of a join, seen from its right side: only LATERAL items may look.
    pub lateral: bool,
    /// Nothing here can be seen for now: a frame that exists but is out of bounds.
    pub hidden: bool,
    /// Columns named outside of aggregates, with their places, for the message about grouping.
    pub mentioned: Vec<(usize, u32)>,
    /// The clause of this query in which the one that is being bound inside it stands, and whether it does so in an
    /// aggregate's arguments.
    pub inner: Option<(Clause, bool)>,
}

#[derive(Clone)]
pub(crate) struct Entry {
    pub alias: Arc<str>,
    pub schema: Option<Arc<str>>,
    pub columns: Vec<StarColumn>,
    pub system: Vec<(SystemColumn, usize)>,
    pub table: Option<Arc<TableDef>>,
    /// Where its attributes begin in the row: attribute i of `table` that exists is at `attributes[i]`.
    pub attributes: Vec<Option<usize>>,
    /// `excluded` and `old`: found only by a qualified name.
    pub qualified_only: bool,
    /// A function in FROM that yields values, not rows: its name is the value.
    pub is_value: bool,
    /// A name of a join's columns: its row is never null.
    pub is_join: bool,
    /// Of a side of an outer join that may have no row.
    pub optional: bool,
}

impl Entry {
    /// One with these columns, and nothing else that is special about it.
    pub fn of(alias: Arc<str>, schema: Option<Arc<str>>, columns: Vec<StarColumn>) -> Entry {
        Entry {
            alias,
            schema,
            columns,
            system: Vec::new(),
            table: None,
            attributes: Vec::new(),
            qualified_only: false,
            is_value: false,
            is_join: false,
            optional: false,
        }
    }
}

#[derive(Clone)]
pub(crate) struct StarColumn {
    pub name: Arc<str>,
    /// Over the row of the scope.
    pub expr: Expr,
    /// Oid and attribute number of the table's column it is.
    pub origin: (u32, i16),
}

impl Scope {
    /// The row of a table by itself: attribute i is column i.
    pub fn of_row(table: &Arc<TableDef>, alias: &str) -> Scope {
        let mut scope = Scope::default();
        scope.add_row(table, alias, 0);
        scope
    }

    /// One table of these columns, which stands for a query.
    pub fn of_query(alias: Arc<str>, columns: Vec<StarColumn>, fields: Vec<Field>, item: Item) -> Scope {
        let mut scope = Scope { fields, items: vec![item], ..Scope::default() };
        scope.add_columns(alias, None, columns);
        scope
    }

    /// Adds a table whose attribute i is column `base + i`.
    pub fn add_row(&mut self, table: &Arc<TableDef>, alias: &str, base: usize) {
        let alias: Arc<str> = Arc::from(alias);
        let mut columns = Vec::new();
        for (at, column) in table.columns.iter().enumerate() {
            self.fields.push(Field { name: column.name.clone(), relation: Some(alias.clone()), ty: column.ty });
            if !column.dropped {
                columns.push(StarColumn {
                    name: column.name.clone(),
                    expr: Expr::column(base + at, column.ty),
                    origin: (table.oid, at as i16 + 1),
                });
            }
        }
        self.star.extend(columns.iter().cloned());
        let attributes = (0..table.columns.len()).map(|at| Some(base + at)).collect();
        let entry = Entry::of(alias, Some(table.schema_name.clone()), columns);
        self.entries.push(Entry { table: Some(table.clone()), attributes, ..entry });
    }

    /// The row of a table by itself with its system columns behind it.
    pub fn with_system_columns(mut self) -> Scope {
        let base = self.fields.len();
        for what in SystemColumn::ALL {
            self.fields.push(Field { name: Arc::from("(system)"), relation: None, ty: system_type(what) });
        }
        if let Some(entry) = self.entries.first_mut() {
            entry.system = SystemColumn::ALL.into_iter().zip(base..).collect();
        }
        self
    }

    /// Adds a table of these columns, which are expressions over the row.
    pub fn add_columns(&mut self, alias: Arc<str>, schema: Option<Arc<str>>, columns: Vec<StarColumn>) {
        self.star.extend(columns.iter().cloned());
        self.entries.push(Entry::of(alias, schema, columns));
    }

    /// This scope's names with those of another behind them, whose row follows ours.
    ///
    /// # Errors
    /// 42712 one alias twice.
    pub fn join(mut self, right: Scope, kind: JoinKind) -> Result<Scope> {
        let base = self.fields.len();
        let moved = |mut column: StarColumn| {
            walk::map_columns(&mut column.expr, &|index| index + base);
            column
        };
        let left_optional = matches!(kind, JoinKind::Right | JoinKind::Full);
        let right_optional = matches!(kind, JoinKind::Left | JoinKind::Full);
        self.entries.iter_mut().for_each(|entry| entry.optional |= left_optional);
        for entry in right.entries {
            let twin = self.entries.iter().any(|other| {
                other.alias == entry.alias
                    && (other.schema == entry.schema || other.table.is_none() || entry.table.is_none())
            });
            if twin {
                let message = format!("table name \"{}\" specified more than once", entry.alias);
                return Err(Error::new(SqlState::DUPLICATE_ALIAS, message));
            }
            self.entries.push(Entry {
                columns: entry.columns.into_iter().map(moved).collect(),
                system: entry.system.into_iter().map(|(what, at)| (what, at + base)).collect(),
                attributes: entry.attributes.into_iter().map(|at| at.map(|at| at + base)).collect(),
                optional: entry.optional || right_optional,
                ..entry
            });
        }
        self.star.extend(right.star.into_iter().map(moved));
        let width = right.fields.len();
        self.fields.extend(right.fields);
        if left_optional {
            self.items.iter_mut().for_each(|item| item.nullable.push(0..base));
        }
        for mut item in right.items {
            item.shift(base);
            if right_optional {
                item.nullable.push(base..base + width);
            }
            self.items.push(item);
        }
        Ok(self)
    }

    pub fn entry(&self, schema: Option<&str>, alias: &str) -> Option<&Entry> {
        // What is temporary here is the session's own.
        let is_called = |own: &str, name: &str| own == name || name == PG_TEMP && is_temporary(own);
        let is_in = |entry: &Entry, name: &str| entry.schema.as_deref().is_some_and(|own| is_called(own, name));
        self.entries.iter().find(|entry| *entry.alias == *alias && schema.is_none_or(|name| is_in(entry, name)))
    }

    /// The table that a column of `*` is of.
    fn entry_with(&self, column: &StarColumn) -> Option<&Entry> {
        let is_it = |other: &StarColumn| other.name == column.name && walk::same(&other.expr, &column.expr);
        self.entries.iter().find(|entry| entry.columns.iter().any(is_it))
    }

    /// What names a column of `*`, and no other.
    fn shown(&self, column: &StarColumn) -> Option<String> {
        let name = quote_identifier(&column.name);
        let Some(entry) = self.entry_with(column) else {
            return is_single(&self.star, &column.name).then_some(name);
        };
        let alias = quote_identifier(&entry.alias);
        let twice = self.entries.iter().filter(|other| other.alias == entry.alias).count() > 1;
        let schema = entry.schema.as_ref().filter(|_| twice).map(|schema| quote_identifier(schema) + ".");
        is_single(&entry.columns, &column.name).then(|| format!("{}{alias}.{name}", schema.unwrap_or_default()))
    }

    /// The table that a column of the row is one of.
    pub fn entry_of(&self, index: usize) -> Option<&Entry> {
        let is_read = |expr: &Expr| {
            let mut read = false;
            walk::columns_of(expr, &mut |column| read |= column == index);
            read
        };
        self.entries.iter().find(|entry| {
            entry.columns.iter().any(|column| is_read(&column.expr)) || entry.system.iter().any(|(_, at)| *at == index)
        })
    }
}

/// The type of a system column.
pub(crate) fn system_type(column: SystemColumn) -> SqlType {
    match column {
        SystemColumn::Key => SqlType::BYTEA,
        SystemColumn::TableOid => SqlType::OID,
        SystemColumn::Ctid => SqlType::of(types::oid::TID),
        SystemColumn::Xmin | SystemColumn::Xmax => SqlType::XID,
        SystemColumn::Cmin | SystemColumn::Cmax => SqlType::of(types::oid::CID),
    }
}

pub(super) fn system_column(name: &str) -> Option<SystemColumn> {
    Some(match name {
        "tableoid" => SystemColumn::TableOid,
        "ctid" => SystemColumn::Ctid,
        "xmin" => SystemColumn::Xmin,
        "xmax" => SystemColumn::Xmax,
        "cmin" => SystemColumn::Cmin,
        "cmax" => SystemColumn::Cmax,
        _ => return None,
    })
}

impl Binder<'_> {
    /// The scopes that can be seen, nearest first, with their distances.
    fn visible(&self) -> impl Iterator<Item = (usize, &Scope)> {
        self.scopes.iter().rev().enumerate().filter(|(_, scope)| !scope.hidden)
    }

    /// A column by an unqualified or qualified name, or the whole row of a table.
    ///
    /// # Errors
    /// 42703 undefined column, 42702 ambiguous, 42P01 unknown table.
    pub fn column(&mut self, parts: &[String], pos: u32) -> Result<Expr> {
        let expr = match parts {
            [name] => self.unqualified(name, pos),
            [table, name] => self.qualified(None, table, name, pos),
            [schema, table, name] => self.qualified(Some(schema), table, name, pos),
            [database, schema, table, name] => {
                if **database != *self.settings.database {
                    let message = format!("cross-database references are not implemented: {}", parts.join("."));
                    return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message).at(pos + 1));
                }
                self.qualified(Some(schema), table, name, pos)
            }
            _ => Err(Error::internal("a column name of no parts")),
        }?;
        if self.references.is_some() {
            let column = self.named_column(parts);
            self.note_reference(Reference { pos, parts: parts.len(), expr: expr.clone(), column, is_output: false });
        }
        Ok(expr)
    }

    /// Notes what a view's own text names.
    pub fn note_reference(&mut self, reference: Reference) {
        if let Some(references) = self.references.as_mut().filter(|_| self.view_depth == 0) {
            references.push(reference);
        }
    }

    /// The table's column that is found by its own name, not by one that an alias or a query has given it.
    fn named_column(&self, parts: &[String]) -> Option<(u32, i16)> {
        let (name, qualifier) = parts.split_last()?;
        let is_named = |column: &&StarColumn| *column.name == **name;
        let (scope, column) = match table_named(qualifier) {
            None => self.visible().find_map(|(_, scope)| Some((scope, scope.star.iter().find(is_named)?)))?,
            Some((schema, table)) => {
                let (scope, entry) =
                    self.visible().find_map(|(_, scope)| Some((scope, scope.entry(schema, table)?)))?;
                (scope, entry.columns.iter().find(is_named)?)
            }
        };
        let table = scope.entry_with(column)?.table.as_ref().filter(|table| table.oid == column.origin.0)?;
        let attribute = usize::try_from(column.origin.1).ok()?.checked_sub(1)?;
        (table.columns.get(attribute)?.name == column.name).then_some(column.origin)
    }

    fn unqualified(&mut self, name: &str, pos: u32) -> Result<Expr> {
        let mut found = None;
        for (distance, scope) in self.visible() {
            let mut matches = scope.star.iter().filter(|column| *column.name == *name);
            if let Some(column) = matches.next() {
                if matches.next().is_some() {
                    let message = format!("column reference \"{name}\" is ambiguous");
                    return Err(Error::new(SqlState::AMBIGUOUS_COLUMN, message).at(pos + 1));
                }
                found = Some((distance, column.expr.clone()));
                break;
            }
            if let Some(what) = system_column(name) {
                let mut tables = scope
                    .entries
                    .iter()
                    .filter_map(|entry| entry.system.iter().find(|(column, _)| *column == what).map(|(_, at)| *at));
                if let Some(at) = tables.next() {
                    if tables.next().is_some() {
                        let message = format!("column reference \"{name}\" is ambiguous");
                        return Err(Error::new(SqlState::AMBIGUOUS_COLUMN, message).at(pos + 1));
                    }
                    found = Some((distance, Expr::column(at, system_type(what))));
                    break;
                }
            }
        }
        if let Some((distance, expr)) = found {
            return Ok(self.reached(expr, distance, pos));
        }
        // A table's name by itself is its whole row.
        let whole = self.visible().find_map(|(distance, scope)| {
            scope.entry(None, name).filter(|entry| !entry.qualified_only).map(|entry| (distance, row_of(entry)))
        });
        if let Some((distance, row)) = whole {
            return Ok(self.reached(row, distance, pos));
        }
        Err(self.undefined_column(name, pos))
    }

    fn undefined_column(&self, name: &str, pos: u32) -> Error {
        let error = Error::new(SqlState::UNDEFINED_COLUMN, format!("column \"{name}\" does not exist")).at(pos + 1);
        let mut hidden = self.scopes.iter().rev().filter(|scope| scope.hidden).flat_map(|scope| &scope.entries);
        if let Some(entry) = hidden.find(|entry| entry.columns.iter().any(|column| *column.name == *name)) {
            return error.hint(format!(
                "There is a column named \"{name}\" in table \"{}\", but it cannot be referenced from this part of the \
                 query.",
                entry.alias
            ));
        }
        // PostgreSQL's hint for a slip of the pen, or for a column that only a qualified name reaches.
        let near = self.visible().flat_map(|(_, scope)| &scope.entries).find_map(|entry| {
            let close = entry.columns.iter().find(|column| distance(&column.name, name) <= name.len() / 3);
            close
                .map(|column| format!("Perhaps you meant to reference the column \"{}.{}\".", entry.alias, column.name))
        });
        match near {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }

    fn qualified(&mut self, schema: Option<&str>, table: &str, name: &str, pos: u32) -> Result<Expr> {
        let found =
            self.visible().find_map(|(distance, scope)| scope.entry(schema, table).map(|entry| (distance, entry)));
        let Some((distance, entry)) = found else { return Err(self.missing_table(schema, table, pos)) };
        let mut matches = entry.columns.iter().filter(|column| *column.name == *name);
        if let Some(column) = matches.next() {
            if matches.next().is_some() {
                let message = format!("column reference \"{name}\" is ambiguous");
                return Err(Error::new(SqlState::AMBIGUOUS_COLUMN, message).at(pos + 1));
            }
            let expr = column.expr.clone();
            return Ok(self.reached(expr, distance, pos));
        }
        if let Some(what) = system_column(name)
            && let Some((_, at)) = entry.system.iter().find(|(column, _)| *column == what)
        {
            let expr = Expr::column(*at, system_type(what));
            return Ok(self.reached(expr, distance, pos));
        }
        let message = format!("column {table}.{name} does not exist");
        let mut error = Error::new(SqlState::UNDEFINED_COLUMN, message).at(pos + 1);
        if let Some(close) = entry.columns.iter().find(|column| self::distance(&column.name, name) <= name.len() / 3) {
            error =
                error.hint(format!("Perhaps you meant to reference the column \"{}.{}\".", entry.alias, close.name));
        }
        Err(error)
    }

    /// 42P01 for a table that is not in FROM, or cannot be seen from here.
    pub fn missing_table(&self, schema: Option<&str>, table: &str, pos: u32) -> Error {
        let shown = schema.map_or_else(|| table.to_owned(), |schema| format!("{schema}.{table}"));
        let hidden = self.scopes.iter().any(|scope| scope.hidden && scope.entry(schema, table).is_some());
        if hidden {
            let message = format!("invalid reference to FROM-clause entry for table \"{table}\"");
            return Error::new(SqlState::UNDEFINED_TABLE, message)
                .hint(format!(
                    "There is an entry for table \"{table}\", but it cannot be referenced from this part of the query."
                ))
                .at(pos + 1);
        }
        // The table is there, but under an alias that hides its name.
        let aliased = self
            .visible()
            .flat_map(|(_, scope)| &scope.entries)
            .find(|entry| *entry.alias != *table && entry.table.as_ref().is_some_and(|def| *def.name == *table));
        if let Some(entry) = aliased {
            let message = format!("invalid reference to FROM-clause entry for table \"{table}\"");
            return Error::new(SqlState::UNDEFINED_TABLE, message)
                .hint(format!("Perhaps you meant to reference the table alias \"{}\".", entry.alias))
                .at(pos + 1);
        }
        Error::new(SqlState::UNDEFINED_TABLE, format!("missing FROM-clause entry for table \"{shown}\"")).at(pos + 1)
    }

    /// An expression over the row of the scope at this distance, as seen from here.
    fn reached(&mut self, mut expr: Expr, distance: usize, pos: u32) -> Expr {
        let aggregating = self.in_aggregate;
        let at = self.scopes.len() - 1 - distance;
        if !(aggregating && distance == 0) {
            let mentioned = &mut self.scopes[at].mentioned;
            walk::columns_of(&expr, &mut |index| mentioned.push((index, pos)));
        }
        if distance > 0 {
            outward(&mut expr, distance - 1);
        }
        expr
    }

    /// The whole row of a table: what `t.*` is where no list can stand.
    ///
    /// # Errors
    /// 42601 for a star by itself, 42P01 unknown table.
    pub fn whole_row(&mut self, qualifier: &[String], pos: u32) -> Result<Expr> {
        let Some((schema, table)) = table_named(qualifier) else {
            let message = "row expansion via \"*\" is not supported here";
            return Err(Error::new(SqlState::SYNTAX_ERROR, message).at(pos + 1));
        };
        let found = self
            .visible()
            .find_map(|(distance, scope)| scope.entry(schema, table).map(|entry| (distance, row_of(entry))));
        match found {
            Some((distance, row)) => Ok(self.reached(row, distance, pos)),
            None => Err(self.missing_table(schema, table, pos)),
        }
    }

    /// Notes what a star in a view's own text stands for: columns that its tables get later are not the view's.
    pub fn note_star(&mut self, qualifier: &[String], pos: u32) {
        if self.stars.is_none() || self.view_depth > 0 {
            return;
        }
        let noted = self.star_text(qualifier, pos as usize);
        if let Some(stars) = &mut self.stars {
            stars.extend(noted);
        }
    }

    /// The place of a star in the text, and the columns whose list says the same.
    fn star_text(&self, qualifier: &[String], pos: usize) -> Option<(Range<usize>, Vec<String>)> {
        let text = self.text.get(pos..)?;
        let mut quoted = false;
        let is_star = |letter: char| {
            quoted ^= letter == '"';
            letter == '*' && !quoted
        };
        // The star of `TABLE t` is its first word.
        let is_table = qualifier.is_empty() && text.get(..5).is_some_and(|word| word.eq_ignore_ascii_case("table"));
        let at = if is_table { 4 } else { text.find(is_star)? };
        // One behind a slash or two dashes is of a comment.
        let before = text.get(..at)?;
        if before.contains('/') || before.contains("--") {
            return None;
        }
        let names = match table_named(qualifier) {
            None => {
                let scope = self.scopes.last()?;
                scope.star.iter().map(|column| scope.shown(column)).collect::<Option<Vec<_>>>()?
            }
            Some((schema, table)) => {
                let entry = self.visible().find_map(|(_, scope)| scope.entry(schema, table))?;
                let quoted: Vec<String> = qualifier.iter().map(|part| quote_identifier(part)).collect();
                let prefix = quoted.join(".");
                let shown = |column: &StarColumn| {
                    let name = quote_identifier(&column.name);
                    is_single(&entry.columns, &column.name).then(|| format!("{prefix}.{name}"))
                };
                entry.columns.iter().map(shown).collect::<Option<Vec<_>>>()?
            }
        };
        (!names.is_empty()).then_some((pos..pos + at + 1, names))
    }

    /// What `*` or `t.*` stands for.
    pub fn expand_star(&mut self, qualifier: &[String], pos: u32) -> Result<Vec<StarColumn>> {
        let (columns, distance) = match table_named(qualifier) {
            None => match self.scopes.last() {
                Some(scope) => (scope.star.clone(), 0),
                None => (Vec::new(), 0),
            },
            Some((schema, table)) => {
                let found = self.visible().find_map(|(distance, scope)| {
                    scope.entry(schema, table).map(|entry| (entry.columns.clone(), distance))
                });
                found.ok_or_else(|| self.missing_table(schema, table, pos))?
            }
        };
        Ok(columns
            .into_iter()
            .map(|column| StarColumn { expr: self.reached(column.expr, distance, pos), ..column })
            .collect())
    }
}

/// Turns columns of a row into references to it from `depth` frames further in.
pub(crate) fn outward(expr: &mut Expr, depth: usize) {
    walk::shift_expr(expr, depth + 1);
    walk::replace_columns(expr, &mut |index, ty, inside| Expr::Outer {
        depth: inside.map_or(depth, |inside| inside + depth + 1),
        index,
        ty,
    });
}

/// The schema, if it is named, and the table before a column or a star.
fn table_named(qualifier: &[String]) -> Option<(Option<&str>, &str)> {
    match qualifier {
        [] => None,
        [table] => Some((None, table.as_str())),
        [.., schema, table] => Some((Some(schema.as_str()), table.as_str())),
    }
}

/// Whether one of these columns has the name, and only one.
fn is_single(columns: &[StarColumn], name: &str) -> bool {
    columns.iter().filter(|column| *column.name == *name).count() == 1
}

/// The whole row of a table.
fn row_of(entry: &Entry) -> Expr {
    let fields = entry.columns.iter().map(|column| column.expr.clone()).collect();
    let names = entry.columns.iter().map(|column| column.name.clone()).collect();
    match entry.columns.as_slice() {
        [value, ..] if entry.is_value => value.expr.clone(),
        _ => Expr::Row { fields, names, optional: entry.optional && !entry.is_join, ty: SqlType::RECORD },
    }
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    if a.len().abs_diff(b.len()) > 3 || a.len() > 64 || b.len() > 64 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let change = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

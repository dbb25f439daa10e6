//! COPY.

use std::sync::Arc;

use types::{Error, Result, SqlState};

use super::Binder;
use super::dml::{column_of, target_columns};
use super::query::Unknowns;
use super::scope::Scope;
use super::updatable::{Change, Written};
use crate::bound::{Copy, CopyDirection, CopyFormat, CopyOptions, Expr, Field, Node, Plan, ResultColumn, WithPart};
use crate::catalog::{Privileges, Relation, TableDef};
use crate::parse::ast::{self, CopyOption, CopySource, Ident, Name};

impl Binder<'_> {
    pub fn copy(&mut self, copy: &ast::Copy) -> Result<Copy> {
        let (direction, names): (CopyDirection, Vec<Arc<str>>) = match &copy.source {
            CopySource::Query(query) => {
                let (plan, columns) = self.query(query, Unknowns::Text)?;
                let names = columns.iter().map(|column| column.name.clone()).collect();
                (CopyDirection::Out { plan: Arc::new(plan), columns, row_lock: self.row_lock }, names)
            }
            CopySource::Change(change) => {
                let statement = self.statement(change)?;
                let columns = statement.columns().to_vec();
                if columns.is_empty() {
                    let message = "COPY query must have a RETURNING clause";
                    return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message));
                }
                // As if it stood in WITH, and a query read all of it.
                let id = self.next_cte;
                self.next_cte += 1;
                let name: Arc<str> = Arc::from("copy");
                self.with.push(WithPart::Change { id, name: name.clone(), statement });
                let fields = columns.iter().map(|column| Field::new(column.name.clone(), column.ty)).collect();
                let plan = Plan::new(Node::CteScan { id, name }, fields);
                let names = columns.iter().map(|column| column.name.clone()).collect();
                (CopyDirection::Out { plan: Arc::new(plan), columns, row_lock: None }, names)
            }
            CopySource::Table { name, columns } if copy.from => {
                let table = self.copied_table(name, "to")?;
                self.require(table.oid, Privileges::INSERT);
                let targets = copied_columns(&table, columns)?;
                let defaults = self.omitted_defaults(&table, &targets)?;
                let generated = self.generated_columns(&table)?;
                let checks = self.table_checks(&table, None)?;
                let row = Scope::of_row(&table, &table.name);
                let (filter, _) = self.with_scope(row, |binder| binder.where_condition(copy.filter.as_ref()))?;
                let names = targets.iter().map(|&at| table.columns[at].name.clone()).collect();
                (CopyDirection::In { table, targets, defaults, generated, checks, filter }, names)
            }
            CopySource::Table { name, columns } => {
                let table = self.copied_table(name, "from")?;
                self.require(table.oid, Privileges::SELECT);
                let targets = copied_columns(&table, columns)?;
                let (scan, scope) = self.table_scan(&table, &table.name, false);
                let shown: Vec<ResultColumn> = targets.iter().map(|&at| column_of(&table, at)).collect();
                let exprs = targets
                    .iter()
                    .map(|&at| {
                        let index = scope.entries[0].attributes[at].expect("a column that exists");
                        Expr::column(index, table.columns[at].ty)
                    })
                    .collect();
                let names = shown.iter().map(|column| column.name.clone()).collect();
                let plan = super::select::projected(scan, exprs, &shown);
                (CopyDirection::Out { plan: Arc::new(plan), columns: shown, row_lock: None }, names)
            }
        };
        let options = copy_options(copy, &names)?;
        Ok(Copy { direction, end: copy.end.clone(), options })
    }

    /// The table with this name, to copy `to` it or `from` it.
    fn copied_table(&self, name: &Name, way: &str) -> Result<Arc<TableDef>> {
        let refused = |message: String| Error::new(SqlState::WRONG_OBJECT_TYPE, message);
        Err(match self.find_relation(name)? {
            Relation::View(view) => {
                let hint = match way {
                    "to" => "To enable copying to a view, provide an INSTEAD OF INSERT trigger.",
                    _ => "Try the COPY (SELECT ...) TO variant.",
                };
                refused(format!("cannot copy {way} view \"{}\"", view.name)).hint(hint)
            }
            Relation::Sequence(sequence) => refused(format!("cannot copy {way} sequence \"{}\"", sequence.name)),
            Relation::Index(index) => refused(format!("\"{}\" is an index", index.name)),
            Relation::Table(_) | Relation::Virtual(_) => return self.find_table(name),
        })
    }
}

/// The columns that are copied: those named, or all that are not generated.
fn copied_columns(table: &Arc<TableDef>, names: &[Ident]) -> Result<Vec<usize>> {
    if names.is_empty() {
        let columns = table.live_columns().filter(|(_, column)| column.generated.is_none());
        return Ok(columns.map(|(at, _)| at).collect());
    }
    let written = Written::of_table(table.clone(), Change::Insert);
    let targets = target_columns(&written, names).map_err(super::without_position)?;
    let Some(at) = targets.iter().find(|at| table.columns[**at].generated.is_some()) else { return Ok(targets) };
    let message = format!("column \"{}\" is a generated column", table.columns[*at].name);
    Err(Error::new(SqlState::INVALID_COLUMN_REFERENCE, message).detail("Generated columns cannot be used in COPY."))
}

fn copy_options(copy: &ast::Copy, names: &[Arc<str>]) -> Result<CopyOptions> {
    let mut format = None;
    let (mut delimiter, mut null, mut quote, mut escape) = (None, None, None, None);
    let (mut header, mut header_match, mut freeze) = (None, false, false);
    let [mut force_quote, mut force_not_null, mut force_null]: [Option<Vec<usize>>; 3] = [None, None, None];
    let conflicting = || Error::new(SqlState::SYNTAX_ERROR, "conflicting or redundant options");
    let columns = |list: &[Ident], what: &str| -> Result<Vec<usize>> {
        list.iter()
            .map(|name| {
                names.iter().position(|known| **known == *name.name).ok_or_else(|| {
                    let message = format!("{what} column \"{}\" not referenced by COPY", name.name);
                    Error::new(SqlState::INVALID_COLUMN_REFERENCE, message)
                })
            })
            .collect()
    };
    for option in &copy.options {
        let repeated = match option {
            CopyOption::Format(value) => format.replace(*value).is_some(),
            CopyOption::Freeze(value) => {
                freeze = *value;
                false
            }
            CopyOption::Delimiter(text) => delimiter.replace(text.clone()).is_some(),
            CopyOption::Null(text) => null.replace(text.clone()).is_some(),
            CopyOption::Header(value) => header.replace(*value).is_some(),
            CopyOption::HeaderMatch if !copy.from => {
                let message = "cannot use \"match\" with HEADER in COPY TO";
                return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message));
            }
            CopyOption::HeaderMatch => {
                header_match = true;
                header.replace(true).is_some()
            }
            CopyOption::Quote(text) => quote.replace(text.clone()).is_some(),
            CopyOption::Escape(text) => escape.replace(text.clone()).is_some(),
            CopyOption::ForceQuote(None) => force_quote.replace((0..names.len()).collect()).is_some(),
            CopyOption::ForceQuote(Some(list)) => force_quote.replace(columns(list, "FORCE_QUOTE")?).is_some(),
            CopyOption::ForceNotNull(list) => force_not_null.replace(columns(list, "FORCE_NOT_NULL")?).is_some(),
            CopyOption::ForceNull(list) => force_null.replace(columns(list, "FORCE_NULL")?).is_some(),
            CopyOption::Encoding(name) => {
                let known = matches!(
                    name.to_ascii_lowercase().replace(['-', '_'], "").as_str(),
                    "utf8" | "unicode" | "sqlascii"
                );
                if !known {
                    return Err(Error::unsupported(format!("COPY encoding \"{name}\"")));
                }
                false
            }
        };
        if repeated {
            return Err(conflicting());
        }
    }
    let format = format.unwrap_or(CopyFormat::Text);
    let unsupported = |message: &str| Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message));
    if format == CopyFormat::Binary {
        for (given, what) in [(delimiter.is_some(), "DELIMITER"), (null.is_some(), "NULL")] {
            if given {
                return Err(Error::new(SqlState::SYNTAX_ERROR, format!("cannot specify {what} in BINARY mode")));
            }
        }
        if header == Some(true) {
            return unsupported("cannot specify HEADER in BINARY mode");
        }
    }
    let csv = format == CopyFormat::Csv;
    let invalid = |message: &str| Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message));
    let single = |text: &Option<String>, default: u8, message: &str| -> Result<u8> {
        match text.as_deref().map(str::as_bytes) {
            None => Ok(default),
            Some([byte]) => Ok(*byte),
            Some(_) => Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message)),
        }
    };
    let delimiter =
        single(&delimiter, if csv { b',' } else { b'\t' }, "COPY delimiter must be a single one-byte character")?;
    if matches!(delimiter, b'\r' | b'\n') {
        return invalid("COPY delimiter cannot be newline or carriage return");
    }
    let null = null.unwrap_or_else(|| if csv { String::new() } else { "\\N".to_owned() });
    if null.contains(['\r', '\n']) {
        return invalid("COPY null representation cannot use newline or carriage return");
    }
    if !csv && b"\\.abcdefghijklmnopqrstuvwxyz0123456789".contains(&delimiter) {
        return invalid(&format!("COPY delimiter cannot be \"{}\"", char::from(delimiter)));
    }
    for (given, message) in [
        (quote.is_some(), "COPY quote available only in CSV mode"),
        (escape.is_some(), "COPY escape available only in CSV mode"),
        (force_quote.is_some(), "COPY force quote available only in CSV mode"),
        (force_not_null.is_some(), "COPY force not null available only in CSV mode"),
        (force_null.is_some(), "COPY force null available only in CSV mode"),
    ] {
        if given && !csv {
            return unsupported(message);
        }
    }
    let quote = single(&quote, b'"', "COPY quote must be a single one-byte character")?;
    let escape = single(&escape, quote, "COPY escape must be a single one-byte character")?;
    if csv && delimiter == quote {
        return invalid("COPY delimiter and quote must be different");
    }
    if force_quote.is_some() && copy.from {
        return unsupported("COPY force quote only available using COPY TO");
    }
    if force_not_null.is_some() && !copy.from {
        return unsupported("COPY force not null only available using COPY FROM");
    }
    if force_null.is_some() && !copy.from {
        return unsupported("COPY force null only available using COPY FROM");
    }
    if null.as_bytes().contains(&delimiter) {
        return unsupported("COPY delimiter must not appear in the NULL specification");
    }
    if csv && null.as_bytes().contains(&quote) {
        return unsupported("CSV quote character must not appear in the NULL specification");
    }
    Ok(CopyOptions {
        format,
        delimiter,
        null,
        header: header.unwrap_or(false),
        header_match,
        quote,
        escape,
        force_quote: force_quote.unwrap_or_default(),
        force_not_null: force_not_null.unwrap_or_default(),
        force_null: force_null.unwrap_or_default(),
        freeze,
    })
}

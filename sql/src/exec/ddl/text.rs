//! What the catalog keeps as text (defaults, CHECK, generated columns, views), bound again: to run it over existing rows,
//! to find what views depend on, and to follow the renaming of a column, or of a relation that a view's literals name.

use std::collections::BTreeMap;
use std::sync::Arc;

use types::{Result, Volatility};

use super::column::next_value_text;
use super::work::Work;
use crate::bind::{self, BindContext, Binder, Reference};
use crate::bound::{Assignment, Check, Expr, walk};
use crate::catalog::describe::quote_identifier;
use crate::catalog::{CatalogSnapshot, TableDef, ViewDef};
use crate::exec::context::ExecContext;
use crate::parse;

impl Work {
    fn bind_context(&self) -> BindContext<'_> {
        let (catalog, settings) = (&self.catalog, &self.context.settings);
        BindContext { catalog, registry: self.context.registry(), settings, unseen: &[] }
    }

    /// A context that evaluates with the catalog at hand: what the statement has made is found.
    pub async fn fresh_context(&self) -> Result<Arc<ExecContext>> {
        let view = self.view().await?;
        self.context.session.set_catalog(&self.catalog);
        Ok(Arc::new(ExecContext::new(
            self.context.session.clone(),
            view,
            self.context.isolation,
            self.catalog.clone(),
            self.context.settings.clone(),
            Vec::new(),
            self.context.txn.clone(),
        )))
    }

    /// The expression that gives a column its value in rows that say nothing of it.
    pub fn default_of(&self, table: &TableDef, column: usize) -> Result<Option<Expr>> {
        let def = &table.columns[column];
        // A serial column's default may have been replaced; the sequence is still its own then.
        let draws = |sequence: &u32| {
            let found = self.catalog.sequence(*sequence);
            def.identity.is_some() || found.is_some_and(|found| def.default == Some(next_value_text(found)))
        };
        if let Some(sequence) = def.sequence.filter(draws) {
            let mut binder = Binder::new(self.bind_context(), "");
            let next = bind::next_value(sequence);
            return binder.coerce(next, def.ty, types::cast::CastContext::Assignment, 0).map(Some);
        }
        bind::bind_default(table, column, self.bind_context())
    }

    /// CHECK constraints over the table's row.
    pub fn checks_of(&self, table: &Arc<TableDef>) -> Result<Vec<Check>> {
        bind::bind_checks(table, None, self.bind_context())
    }

    /// One CHECK's expression.
    pub fn check_of(&self, table: &Arc<TableDef>, text: &str) -> Result<Expr> {
        bind::bind_row_expr(text, table, self.bind_context())
    }

    /// Generated columns over the table's row.
    pub fn generated_of(&self, table: &Arc<TableDef>) -> Result<Vec<Assignment>> {
        Binder::new(self.bind_context(), "").generated_columns(table)
    }

    /// The oids of the relations that a view reads, directly or through other views. Empty if it cannot be bound.
    pub fn reads_of(&self, view: &ViewDef, catalog: &Arc<CatalogSnapshot>) -> Vec<u32> {
        let reads = self.bind_view(view, catalog).unwrap_or_default();
        reads.into_iter().map(|(relation, _)| relation).collect()
    }

    /// The oids of the relations that a view itself names. Empty if it cannot be bound.
    pub fn named_by(&self, view: &ViewDef) -> Vec<u32> {
        let reads = self.bind_view(view, &self.catalog).unwrap_or_default();
        reads.into_iter().filter(|(_, direct)| *direct).map(|(relation, _)| relation).collect()
    }

    /// Whether a view still means what it did: binds, and yields the columns it is known to have.
    pub fn is_sound(&self, view: &ViewDef) -> bool {
        self.bind_view(view, &self.catalog).is_ok()
    }

    /// Whether a view means something in the catalog that the statement was bound to.
    pub fn was_sound(&self, view: &ViewDef) -> bool {
        self.bind_view(view, &self.context.catalog).is_ok()
    }

    /// Refuses a check option for a view through which no rows change.
    ///
    /// # Errors
    /// 0A000.
    pub fn check_takes_check_option(&self, view: &ViewDef) -> Result<()> {
        Binder::new(self.bind_context(), "").check_view_takes_check_option(view)
    }

    /// The text of a view after a column was renamed that had the name `from` in the catalog `before`: with the new name, as
    /// it is, or with a list of its columns, whichever means what the view meant. `None` if none does.
    pub fn renamed_in(
        &self,
        view: &ViewDef,
        before: &Arc<CatalogSnapshot>,
        column: (u32, i16),
        (from, to): (&str, &str),
    ) -> Option<String> {
        let (registry, settings) = (self.context.registry(), &self.context.settings);
        let (old, old_names) = bind::view_references(view, &view.query, before, registry, settings).ok()?;
        let columns = || view.columns.iter().map(|(name, _)| name);
        let means_it = |text: &String| {
            bind::view_references(view, text, &self.catalog, registry, settings).is_ok_and(|(new, names)| {
                (names == old_names || names.iter().eq(columns()))
                    && new.len() == old.len()
                    && new.iter().zip(&old).all(|(new, old)| walk::same(&new.expr, &old.expr))
            })
        };
        let renamed = rename_references(&view.query, &old, column, (from, to))?;
        let listed = bind::with_names(&renamed, &view.name, columns());
        [renamed, view.query.to_string(), listed].into_iter().find(means_it)
    }

    /// The text of a view after relations were renamed that had other names in the catalog `before`: its literals are to name
    /// them still. `None` if it was not sound.
    pub fn renamed(&self, view: &ViewDef, before: &Arc<CatalogSnapshot>) -> Option<String> {
        let (registry, settings) = (self.context.registry(), &self.context.settings);
        bind::view_renamed(view, before, &self.catalog, registry, settings).ok()
    }

    fn bind_view(&self, view: &ViewDef, catalog: &Arc<CatalogSnapshot>) -> Result<Vec<(u32, bool)>> {
        bind::view_reads(view, catalog, self.context.registry(), &self.context.settings)
    }
}

/// Whether an expression gives the same value wherever it is evaluated in this statement.
pub(super) fn is_steady(expr: &Expr) -> bool {
    let mut steady = true;
    walk::visit(expr, &mut |part| match part {
        Expr::Call(call) => steady &= call.function.volatility != Volatility::Volatile,
        Expr::Subquery(_) => steady = false,
        _ => {}
    });
    steady
}

/// Puts another name in place of a column's in an expression's text.
///
/// The expression is over one row, so that a word which is the column's name is the column, unless it is called, is a
/// type behind `::`, or stands in front of a dot.
pub(super) fn rename_column(text: &str, from: &str, to: &str) -> String {
    let mut out = String::with_capacity(text.len() + to.len());
    let bytes = text.as_bytes();
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80;
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        match bytes[at] {
            b'\'' => {
                at += 1;
                while at < bytes.len() && bytes[at] != b'\'' {
                    at += 1;
                }
                at += 1;
            }
            b'"' => {
                at += 1;
                while at < bytes.len() && (bytes[at] != b'"' || bytes.get(at + 1) == Some(&b'"')) {
                    at += if bytes[at] == b'"' { 2 } else { 1 };
                }
                at += 1;
            }
            byte if is_word(byte) => {
                while at < bytes.len() && is_word(bytes[at]) {
                    at += 1;
                }
            }
            _ => at += 1,
        }
        at = at.min(bytes.len());
        let word = &text[start..at];
        let name = match word.strip_prefix('"').and_then(|word| word.strip_suffix('"')) {
            Some(quoted) => quoted.replace("\"\"", "\""),
            None => word.to_ascii_lowercase(),
        };
        let next = text[at..].trim_start().bytes().next();
        let is_column = name == from
            && !word.starts_with('\'')
            && !matches!(next, Some(b'(' | b'.'))
            && !text[..start].trim_end().ends_with("::");
        out.push_str(if is_column { "" } else { word });
        if is_column {
            out.push_str(&quote_identifier(to));
        }
    }
    out
}

/// Puts another name in place of a column's in a view's text. An item of a select list that had its name from it keeps that.
fn rename_references(
    text: &str,
    references: &[Reference],
    column: (u32, i16),
    (from, to): (&str, &str),
) -> Option<String> {
    let (tokens, _) = parse::tokens(text).ok()?;
    let mut places = BTreeMap::new();
    for reference in references.iter().filter(|reference| reference.column == Some(column)) {
        let first = tokens.binary_search_by_key(&reference.pos, |token| token.start).ok()?;
        // Between the parts of the name there are dots.
        let name = tokens.get(first + 2 * reference.parts.checked_sub(1)?)?;
        *places.entry((name.start as usize, name.end as usize)).or_insert(false) |= reference.is_output;
    }
    let mut out = String::with_capacity(text.len() + places.len() * to.len());
    let mut at = 0;
    for ((start, end), is_output) in places {
        out.push_str(text.get(at..start)?);
        out.push_str(&quote_identifier(to));
        if is_output {
            out.push_str(" AS ");
            out.push_str(&quote_identifier(from));
        }
        at = end;
    }
    out.push_str(text.get(at..)?);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::rename_column;

    #[test]
    fn a_column_is_renamed_where_it_is_a_column() {
        assert_eq!(rename_column("(a > 0) AND (lower(b) = 'a'::text)", "a", "c"), "(c > 0) AND (lower(b) = 'a'::text)");
        assert_eq!(rename_column("lower(lower) <> 'it''s lower'", "lower", "up"), "lower(up) <> 'it''s lower'");
        assert_eq!(rename_column("\"A b\" + x::date", "A b", "date"), "date + x::date");
        assert_eq!(rename_column("x::date > date", "date", "Day"), "x::date > \"Day\"");
    }
}

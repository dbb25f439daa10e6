//! Assignment to parts of columns: to an element or a slice of an array, and to what a path leads to in a jsonb.
//!
//! Such an assignment is one to the whole column, of what a function makes of the column's value, the part and the
//! subscripts. Several parts of one column are assigned one after the other.

use types::function::{SET_ARRAY_PARTS, SET_JSONB_PARTS};
use types::{Datum, Error, Result, SqlState, SqlType, oid};

use super::dml::target_column;
use super::scope::Scope;
use super::updatable::Written;
use super::{Binder, Clause};
use crate::bound::{CallExpr, Expr, Field, Node, Plan};
use crate::catalog::TableDef;
use crate::parse::ast::{Destination, Subscript};

/// Where a value goes: the column of a table, or the part of it that subscripts name.
pub(super) struct Place<'a> {
    pub column: usize,
    /// What the statement calls the column.
    pub name: &'a str,
    pub subscripts: &'a [Subscript],
    /// Of the value.
    pub ty: SqlType,
    pub pos: u32,
}

impl<'a> Place<'a> {
    /// # Errors
    /// As [`target_column`]; 42804 it has no parts.
    pub fn named(written: &Written, destination: &'a Destination) -> Result<Place<'a>> {
        let Destination { column: name, subscripts } = destination;
        let column = target_column(written, name)?;
        let whole = written.table.columns[column].ty;
        let ty = if subscripts.is_empty() || whole.oid == oid::JSONB {
            whole
        } else {
            let element = whole.element().ok_or_else(|| {
                let whole = SqlType::of(whole.oid);
                let message = format!("cannot subscript type {whole} because it does not support subscripting");
                Error::new(SqlState::DATATYPE_MISMATCH, message).at(name.pos + 1)
            })?;
            if is_slice(subscripts) { whole } else { element }
        };
        Ok(Place { column, name: &name.name, subscripts, ty, pos: name.pos })
    }

    pub fn is_part(&self) -> bool {
        !self.subscripts.is_empty()
    }

    /// Whether a statement cannot assign to both: only parts of a column are assigned one after the other.
    pub fn excludes(&self, other: &Place<'_>) -> bool {
        self.column == other.column && !(self.is_part() && other.is_part())
    }
}

fn is_slice(subscripts: &[Subscript]) -> bool {
    subscripts.iter().any(|subscript| matches!(subscript, Subscript::Slice(..)))
}

impl Binder<'_> {
    /// Converts a value to the type of the column or part that it goes to.
    ///
    /// # Errors
    /// 42804 the types do not fit.
    pub(super) fn value_for(&mut self, value: Expr, place: &Place<'_>, pos: u32) -> Result<Expr> {
        let from = value.ty();
        if !place.is_part() || self.is_assignable(from, place.ty) {
            return self.assign(value, place.name, place.ty, pos);
        }
        let message = format!(
            "subscripted assignment to \"{}\" requires type {} but expression is of type {}",
            place.name,
            SqlType::of(place.ty.oid),
            SqlType::of(from.oid)
        );
        Err(Error::new(SqlState::DATATYPE_MISMATCH, message)
            .hint("You will need to rewrite or cast the expression.")
            .at(place.pos + 1))
    }

    /// The value of a column in which a part becomes `value`. All parts of a column are set by one call: as calls within
    /// calls they could be too many for the stack.
    pub(super) fn with_part(&mut self, whole: Expr, place: &Place<'_>, value: Expr) -> Result<Expr> {
        let ty = whole.ty();
        let list = |elements: Vec<Expr>, oid: u32| Expr::Array { elements, ty: SqlType::of(oid), nested: false };
        let (oid, part) = if ty.oid == oid::JSONB {
            let (path, indexed) = self.json_path(place.subscripts)?;
            let path = list(path.into_iter().map(|(step, _)| step).collect(), oid::TEXT_ARRAY);
            (SET_JSONB_PARTS, [value, path, Expr::bool(indexed)])
        } else if is_slice(place.subscripts) {
            let (bounds, given) = self.slice_bounds(place.subscripts)?;
            let given = list(given.into_iter().map(Expr::bool).collect(), oid::BOOL_ARRAY);
            (SET_ARRAY_PARTS, [value, list(bounds, oid::INT4_ARRAY), given])
        } else {
            let (bounds, _) = self.slice_bounds(place.subscripts)?;
            let indexes = list(bounds.into_iter().skip(1).step_by(2).collect(), oid::INT4_ARRAY);
            (SET_ARRAY_PARTS, [value, indexes, Expr::null(SqlType::of(oid::BOOL_ARRAY))])
        };
        let function = self.registry.function(oid).ok_or_else(|| Error::internal("no function for parts"))?;
        let mut call = match whole {
            Expr::Call(call) if call.function.oid == oid => call,
            whole => Box::new(CallExpr { function, operator: None, args: vec![whole], ty }),
        };
        call.args.extend(part);
        Ok(Expr::Call(call))
    }

    /// The lower and upper bound of every subscript, and which of them are given. A subscript that is no slice is taken
    /// for one from 1.
    fn slice_bounds(&mut self, subscripts: &[Subscript]) -> Result<(Vec<Expr>, Vec<bool>)> {
        let mut bounds = Vec::with_capacity(2 * subscripts.len());
        let mut given = Vec::with_capacity(2 * subscripts.len());
        let one = || Expr::constant(Datum::Int4(1), SqlType::INT4);
        for subscript in subscripts {
            let (lower, upper) = match subscript {
                Subscript::Index(index) => (Some(one()), Some(self.array_index(index)?)),
                Subscript::Slice(lower, upper) => (
                    lower.as_ref().map(|lower| self.array_index(lower)).transpose()?,
                    upper.as_ref().map(|upper| self.array_index(upper)).transpose()?,
                ),
            };
            for bound in [lower, upper] {
                given.push(bound.is_some());
                bounds.push(bound.unwrap_or_else(one));
            }
        }
        Ok((bounds, given))
    }

    /// Makes of rows whose values go to places rows for whole columns, and says which: parts are those of a null.
    pub(super) fn with_wholes(
        &mut self,
        source: Plan,
        table: &TableDef,
        places: &[Place<'_>],
    ) -> Result<(Plan, Vec<usize>)> {
        let mut columns: Vec<usize> = Vec::with_capacity(places.len());
        let (exprs, _) = self.with_scope(Scope::default(), |binder| {
            binder.within(Clause::Values, |binder| {
                let mut exprs: Vec<Expr> = Vec::with_capacity(places.len());
                for (at, place) in places.iter().enumerate() {
                    let value = Expr::column(at, place.ty);
                    if !place.is_part() {
                        columns.push(place.column);
                        exprs.push(value);
                        continue;
                    }
                    let null = Expr::null(table.columns[place.column].ty);
                    match columns.iter().position(|column| *column == place.column) {
                        Some(earlier) => {
                            let whole = std::mem::replace(&mut exprs[earlier], null);
                            exprs[earlier] = binder.with_part(whole, place, value)?;
                        }
                        None => {
                            columns.push(place.column);
                            exprs.push(binder.with_part(null, place, value)?);
                        }
                    }
                }
                Ok(exprs)
            })
        })?;
        let fields =
            columns.iter().map(|&at| Field::new(table.columns[at].name.clone(), table.columns[at].ty)).collect();
        Ok((Plan::new(Node::Project { input: Box::new(source), exprs }, fields), columns))
    }
}

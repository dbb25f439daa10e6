//! Records whose fields are known: what functions with OUT parameters return, and what functions in FROM make by a column
//! definition list or a table's row type.
//!
//! A value of type record does not know the names of its fields, but its type can: the modifier of a record names the
//! function that made it, and the type of its first argument's elements where a field's type follows from that. So the
//! fields are found again behind a subquery: `(keys).x`, `(f(a)).*`, and `f(a)` in FROM without a column list.
//! Functions that are told their columns get them as arguments ([`with_list`]).

use types::function::RECORD_FIELD;
use types::{Datum, Error, Function, Registry, Result, SqlState, SqlType, oid};

use super::Binder;
use super::scope::StarColumn;
use crate::bound::{CallExpr, Expr, ResultColumn};

/// `information_schema._pg_expandarray`: an oid of our own.
const EXPAND_ARRAY: u32 = types::function::EXPAND_ARRAY;

/// Functions by oid, with the names and types of what they return.
const NAMED: &[(u32, &[(&str, u32)])] = &[
    (1689, &[("grantor", oid::OID), ("grantee", oid::OID), ("privilege_type", oid::TEXT), ("is_grantable", oid::BOOL)]),
    (2289, &[("option_name", oid::TEXT), ("option_value", oid::TEXT)]),
    (3208, &[("key", oid::TEXT), ("value", oid::JSONB)]),
    (3932, &[("key", oid::TEXT), ("value", oid::TEXT)]),
    (3958, &[("key", oid::TEXT), ("value", oid::JSON)]),
    (3959, &[("key", oid::TEXT), ("value", oid::TEXT)]),
    (EXPAND_ARRAY, &[("x", oid::ANYELEMENT), ("n", oid::INT4)]),
];

/// Functions whose single OUT parameter has a name: it names the column in FROM.
const NAMED_VALUE: &[(u32, &str)] = &[(3219, "value"), (3465, "value"), (3955, "value"), (3969, "value")];

/// Functions that make rows as a column definition list says: json_to_record, json_to_recordset and those of jsonb.
const LISTED: &[u32] = &[3204, 3205, 3490, 3491];

/// Functions that make rows of the type of their first argument: json_populate_record, json_populate_recordset and
/// those of jsonb.
const POPULATING: &[u32] = &[3209, 3475, 3960, 3961];

/// Bits of a modifier that hold the function's oid; the element type is above.
const FUNCTION_BITS: i32 = 16;

/// The type of a call that returns a record, its fields known if they are.
pub(super) fn record_type(function: &Function, args: &[Expr]) -> SqlType {
    if !NAMED.iter().any(|(oid, _)| *oid == function.oid) {
        return SqlType::RECORD;
    }
    let element = args.first().and_then(|arg| arg.ty().element()).map_or(0, |element| element.oid);
    SqlType::with_typmod(oid::RECORD, ((element as i32) << FUNCTION_BITS) | function.oid as i32)
}

/// The fields of a record with this type, if they are known.
pub(super) fn fields(ty: SqlType) -> Option<Vec<(&'static str, SqlType)>> {
    if ty.oid != oid::RECORD || ty.typmod < 0 {
        return None;
    }
    let function = (ty.typmod & ((1 << FUNCTION_BITS) - 1)) as u32;
    let element = (ty.typmod >> FUNCTION_BITS) as u32;
    let (_, named) = NAMED.iter().find(|(oid, _)| *oid == function)?;
    let actual = |oid: u32| SqlType::of(if oid == oid::ANYELEMENT { element } else { oid });
    Some(named.iter().map(|(name, oid)| (*name, actual(*oid))).collect())
}

/// The name of the one column that a call in FROM yields, if its function gives it one.
pub(super) fn value_name(call: &Expr) -> Option<&'static str> {
    let Expr::Call(call) = call else { return None };
    NAMED_VALUE.iter().find(|(function, _)| *function == call.function.oid).map(|(_, name)| *name)
}

/// Whether functions with this name make rows of the type of their first argument.
pub(super) fn populates(registry: &Registry, name: &str) -> bool {
    registry.functions_named(name).iter().any(|function| POPULATING.contains(&function.oid))
}

/// Tells a call its columns, if its function goes by a column definition list: the names, and a null of each type. They
/// replace a null of the type of the rows, too.
pub(super) fn with_list(call: &mut Expr, columns: &[ResultColumn]) {
    let Expr::Call(call) = call else { return };
    let of_null = matches!(call.args.first(), Some(Expr::Const { value: Datum::Null, .. }));
    if of_null && POPULATING.contains(&call.function.oid) {
        call.args.remove(0);
    } else if !LISTED.contains(&call.function.oid) {
        return;
    }
    let names = columns.iter().map(|column| Datum::text(&column.name)).collect();
    call.args.push(Expr::constant(Datum::array(oid::TEXT, names), SqlType::TEXT_ARRAY));
    call.args.extend(columns.iter().map(|column| Expr::null(column.ty)));
}

impl Binder<'_> {
    /// A field of a record.
    ///
    /// # Errors
    /// 42703 no such field, 42809 not a record.
    pub(super) fn record_field(&self, row: Expr, name: &str, pos: u32, base: u32) -> Result<Expr> {
        let unknown = || {
            let message = format!("could not identify column \"{name}\" in record data type");
            Error::new(SqlState::UNDEFINED_COLUMN, message).at(pos + 1)
        };
        if let Expr::Row { fields, names, .. } = row {
            let at = names.iter().position(|field| **field == *name).ok_or_else(unknown)?;
            return Ok(fields.into_iter().nth(at).expect("a position among the fields"));
        }
        if let Some(fields) = fields(row.ty()) {
            let at = fields.iter().position(|(field, _)| *field == name).ok_or_else(unknown)?;
            return self.field_at(row, at, fields[at].1);
        }
        if row.ty().oid == oid::RECORD {
            return Err(unknown());
        }
        let message = format!("column notation .{name} applied to type {}, which is not a composite type", row.ty());
        Err(Error::new(SqlState::WRONG_OBJECT_TYPE, message).at(base + 1))
    }

    /// The columns that `(record).*` stands for.
    ///
    /// # Errors
    /// 0A000 when the fields are not known.
    pub(super) fn record_columns(&self, row: Expr, base: u32) -> Result<Vec<StarColumn>> {
        let column = |name: &str, expr| StarColumn { name: name.into(), expr, origin: (0, 0) };
        if let Expr::Row { fields, names, .. } = row {
            return Ok(names.iter().zip(fields).map(|(name, field)| column(name, field)).collect());
        }
        let Some(fields) = fields(row.ty()) else {
            return Err(Error::unsupported("expansion of a record").at(base + 1));
        };
        let one = |(at, (name, ty)): (usize, &(&str, SqlType))| Ok(column(name, self.field_at(row.clone(), at, *ty)?));
        fields.iter().enumerate().map(one).collect()
    }

    fn field_at(&self, row: Expr, at: usize, ty: SqlType) -> Result<Expr> {
        let function =
            self.registry.function(RECORD_FIELD).ok_or_else(|| Error::internal("no function for a record's fields"))?;
        let args = vec![row, Expr::constant(Datum::Int4(at as i32), SqlType::INT4)];
        Ok(Expr::Call(Box::new(CallExpr { function, operator: None, args, ty })))
    }
}

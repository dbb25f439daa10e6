//! How a scan reaches its rows: through the whole tree, or through a range of an index's (or the primary key's) keys.

use std::sync::Arc;

use types::{Datum, SqlType, oid};

use super::expr::Expr;
use crate::catalog::IndexDef;

/// The way into a table.
#[derive(Clone, Debug)]
pub enum Access {
    /// Every row, in whatever order is cheapest.
    Full,
    /// Rows whose key lies in a range, in key order. With nothing bound it is an ordered scan of everything.
    Index(IndexAccess),
}

/// A range of keys. The expressions are stable: they read parameters, constants and frames, never the scan's row.
///
/// A value may be of another integer type than the column it is compared with: see [`Fit`]. A null among `prefix` or
/// the bounds means no row at all.
#[derive(Clone, Debug)]
pub struct IndexAccess {
    /// The index, or `None` for the table's own tree (the primary key).
    pub index: Option<Arc<IndexDef>>,
    /// The first key columns equal these values.
    pub prefix: Vec<Expr>,
    /// The key column after the prefix equals any of these. Duplicates must not yield a row twice; keys are visited in
    /// key order. Excludes `lower` and `upper`.
    pub any: Option<AnyKey>,
    /// Bounds of the key column after the prefix. Rows where it is null are outside of any bound.
    pub lower: Option<KeyBound>,
    pub upper: Option<KeyBound>,
    /// Backwards.
    pub reverse: bool,
    /// At most one row: the prefix covers every column of a unique key.
    pub unique: bool,
}

/// The values of a key column that is compared with `IN` or `= ANY`.
#[derive(Clone, Debug)]
pub enum AnyKey {
    List(Vec<Expr>),
    /// One expression of array type.
    Array(Box<Expr>),
}

#[derive(Clone, Debug)]
pub struct KeyBound {
    pub value: Expr,
    pub inclusive: bool,
}

/// A value seen from a key column of an integer or float type that may be narrower.
#[derive(Clone, Debug)]
pub enum Fit {
    /// The value as the column's type.
    Value(Datum),
    /// Below every value of the column's type.
    Below,
    /// Above every value of the column's type.
    Above,
    Null,
}

impl Access {
    /// The access, if it is through an index and reaches at most one row.
    pub fn point(&self) -> Option<&IndexAccess> {
        match self {
            Access::Index(access) if access.unique => Some(access),
            _ => None,
        }
    }
}

impl IndexAccess {
    /// Every row of the index (or primary key), in order.
    pub fn ordered(index: Option<Arc<IndexDef>>, reverse: bool) -> IndexAccess {
        IndexAccess { index, prefix: Vec::new(), any: None, lower: None, upper: None, reverse, unique: false }
    }
}

impl Fit {
    /// Whether equal values of two types have equal keys once one is made of the other's type by [`Fit::new`].
    pub fn is_between(one: SqlType, other: SqlType) -> bool {
        let is_integer = |ty: SqlType| matches!(ty.oid, oid::INT2 | oid::INT4 | oid::INT8);
        let is_text = |ty: SqlType| matches!(ty.oid, oid::TEXT | oid::VARCHAR);
        one.oid == other.oid || (is_integer(one) && is_integer(other)) || (is_text(one) && is_text(other))
    }

    /// Converts a value to the type of a key column. Only integers differ in type; everything else is passed through.
    #[inline]
    pub fn new(value: Datum, column: SqlType) -> Fit {
        let wide = match (&value, column.oid) {
            (Datum::Null, _) => return Fit::Null,
            (Datum::Int4(_), oid::INT4) | (Datum::Int8(_), oid::INT8) | (Datum::Int2(_), oid::INT2) => {
                return Fit::Value(value);
            }
            (Datum::Int2(v), _) => i64::from(*v),
            (Datum::Int4(v), _) => i64::from(*v),
            (Datum::Int8(v), _) => *v,
            _ => return Fit::Value(value),
        };
        let narrow = match column.oid {
            oid::INT2 => i16::try_from(wide).map(Datum::Int2).ok(),
            oid::INT4 => i32::try_from(wide).map(Datum::Int4).ok(),
            oid::INT8 => Some(Datum::Int8(wide)),
            _ => return Fit::Value(value),
        };
        match narrow {
            Some(datum) => Fit::Value(datum),
            None if wide < 0 => Fit::Below,
            None => Fit::Above,
        }
    }
}

//! Expressions: typed, with every conversion explicit.

use std::sync::Arc;

use types::operator::Operator;
use types::resolve::Coercion;
use types::{Datum, Function, SqlType, Volatility};

use super::plan::Plan;
use super::walk;

/// An expression over a row. [`Expr::ty`] gives its type.
#[derive(Clone, Debug)]
pub enum Expr {
    Const {
        value: Datum,
        ty: SqlType,
    },
    /// A value of the node's input row.
    Column {
        index: usize,
        ty: SqlType,
    },
    /// A value of an enclosing row; see the head of [`bound`](super) for the counting of frames.
    Outer {
        depth: usize,
        index: usize,
        ty: SqlType,
    },
    /// `$n`, counted from 0.
    Param {
        index: usize,
        ty: SqlType,
    },
    /// A function or an operator. Boxed, as are all larger variants, so that an expression stays small.
    Call(Box<CallExpr>),
    Cast(Box<CastExpr>),
    /// At least two terms; evaluated left to right until one is false.
    And(Vec<Expr>),
    /// At least two terms; evaluated left to right until one is true.
    Or(Vec<Expr>),
    Not(Box<Expr>),
    /// `IS NULL`, or `IS NOT NULL` when negated. Of a row: all (none of the) fields null.
    IsNull {
        arg: Box<Expr>,
        negated: bool,
    },
    /// `IS TRUE`, `IS NOT FALSE`, `IS UNKNOWN` ...: `arg` is a boolean.
    IsBool {
        arg: Box<Expr>,
        test: BoolTest,
        negated: bool,
    },
    /// `IS DISTINCT FROM`: `equal` is a call of the type's `=` with the two operands as arguments; the answer is false
    /// when both are null, true when one is, else the negation of the call. `negated` turns it into IS NOT DISTINCT FROM.
    IsDistinct {
        equal: Box<CallExpr>,
        negated: bool,
    },
    Case(Box<CaseExpr>),
    /// The operand of the innermost enclosing [`CaseExpr`] that has one, or the first one of NULLIF; occurs only in their
    /// conditions.
    CaseOperand {
        ty: SqlType,
    },
    Coalesce {
        args: Vec<Expr>,
        ty: SqlType,
    },
    /// `NULLIF(a, b)`: a, or null if the call of `=` over (possibly converted) a and b is true. `arg` is a,
    /// converted if PostgreSQL converts it, and evaluated once: in the call it is [`Expr::CaseOperand`].
    NullIf {
        arg: Box<Expr>,
        equal: Box<CallExpr>,
    },
    /// GREATEST and LEAST, nulls ignored.
    MinMax {
        which: MinMax,
        args: Vec<Expr>,
        ty: SqlType,
    },
    /// `arg IN (list)`: `equal` gives the operator; `arg` and all items are of its operand types. `negated` is NOT IN.
    InList {
        arg: Box<Expr>,
        list: Vec<Expr>,
        operator: &'static Operator,
        negated: bool,
    },
    /// `left op ANY (array)`, or ALL.
    AnyAll {
        left: Box<Expr>,
        array: Box<Expr>,
        operator: &'static Operator,
        all: bool,
    },
    /// `ARRAY[...]`: `ty` is the array type. When `nested`, the elements are arrays themselves, joined into one of one
    /// more dimension.
    Array {
        elements: Vec<Expr>,
        ty: SqlType,
        nested: bool,
    },
    /// `a[i]`, `a[i][j]`, `a[l:u]`: `ty` is the result's type.
    Subscript {
        array: Box<Expr>,
        subscripts: Vec<Subscript>,
        ty: SqlType,
    },
    /// `ROW(...)`, whole-row references included. Names are those of the fields, `f1` and so on for a constructor. One of a
    /// table that an outer join may find no row of is `optional`: null when its fields are.
    Row {
        fields: Vec<Expr>,
        names: Arc<[Arc<str>]>,
        optional: bool,
        ty: SqlType,
    },
    /// `(a, b) < (c, d)`: rows compared field by field. Equality of rows is bound as [`Expr::And`] instead.
    RowCompare(Box<RowCompare>),
    Subquery(Box<Subquery>),
}

/// A call of a function, by its name or through an operator.
#[derive(Clone, Debug)]
pub struct CallExpr {
    pub function: &'static Function,
    /// The operator through which the function was called, for the planner and for printing.
    pub operator: Option<&'static Operator>,
    /// Already converted to the types the function wants; a variadic tail is already one [`Expr::Array`].
    pub args: Vec<Expr>,
    /// The actual result type (polymorphism resolved). For a set-returning function the type of one row's value.
    pub ty: SqlType,
}

/// A conversion. First by `coercion`, then, if `to` has a modifier, `types::cast::coerce_typmod`.
#[derive(Clone, Debug)]
pub struct CastExpr {
    pub arg: Expr,
    pub coercion: Coercion,
    pub to: SqlType,
    /// Written as a cast: cuts over-long strings where an assignment refuses.
    pub explicit: bool,
    /// Written by the user rather than added by the binder: whether printing shows it.
    pub shown: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BoolTest {
    True,
    False,
    Unknown,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MinMax {
    Greatest,
    Least,
}

#[derive(Clone, Debug)]
pub struct CaseExpr {
    /// `CASE operand WHEN value`: evaluated once, then read as [`Expr::CaseOperand`] by the conditions.
    pub operand: Option<Expr>,
    pub arms: Vec<CaseArm>,
    /// A null constant when not written.
    pub otherwise: Expr,
    pub ty: SqlType,
}

#[derive(Clone, Debug)]
pub struct CaseArm {
    pub when: Expr,
    pub then: Expr,
}

/// One bracket of a subscripted array.
#[derive(Clone, Debug)]
pub enum Subscript {
    Index(Expr),
    /// `[lower:upper]`; either may be left out.
    Slice(Option<Expr>, Option<Expr>),
}

/// `left op right` over rows of equal length; `op` is one of `<`, `<=`, `>`, `>=`.
///
/// Field i is compared by `less[i]` (a call of `<` over left[i] and right[i]) and `equal[i]` (a call of `=`).
#[derive(Clone, Debug)]
pub struct RowCompare {
    /// `<`, `<=`, `>`, `>=`.
    pub operator: &'static str,
    pub left: Vec<Expr>,
    pub right: Vec<Expr>,
    pub less: Vec<&'static Operator>,
    pub equal: Vec<&'static Operator>,
}

/// A query inside an expression. Running it pushes the row of the expression as a frame.
#[derive(Clone, Debug)]
pub struct Subquery {
    pub kind: SubqueryKind,
    pub plan: Arc<Plan>,
    /// The type of the expression.
    pub ty: SqlType,
    /// Whether the plan reads any frame. If not, it can be run once per statement.
    pub correlated: bool,
}

#[derive(Clone, Debug)]
pub enum SubqueryKind {
    /// Whether there is a row. `NOT EXISTS` is a [`Expr::Not`] around it.
    Exists,
    /// The single column of the single row; null without a row; 21000 with more.
    Scalar,
    /// All values of the single column as an array.
    Array,
    /// `left op ANY (query)`, where `IN` is `= ANY` and `NOT IN` a [`Expr::Not`] around it; ALL if `all`.
    ///
    /// `test` is a boolean over the left values and the subquery's row: inside it, [`Expr::Column`] i reads the
    /// subquery's column i and [`Expr::Outer`] depth 0 the row of the expression, as inside the subquery itself.
    Any { test: Box<Expr>, all: bool },
    /// `(a, b) op (query)`: the `test`, as that of `Any`, over the single row; null without a row; 21000 with more.
    Row { test: Box<Expr> },
}

impl SubqueryKind {
    /// The comparison with the rows of the subquery, of the kinds that have one.
    pub fn test(&self) -> Option<&Expr> {
        match self {
            SubqueryKind::Any { test, .. } | SubqueryKind::Row { test } => Some(test),
            SubqueryKind::Exists | SubqueryKind::Scalar | SubqueryKind::Array => None,
        }
    }

    /// As [`SubqueryKind::test`], to change it.
    pub fn test_mut(&mut self) -> Option<&mut Expr> {
        match self {
            SubqueryKind::Any { test, .. } | SubqueryKind::Row { test } => Some(test),
            SubqueryKind::Exists | SubqueryKind::Scalar | SubqueryKind::Array => None,
        }
    }
}

impl Expr {
    pub fn constant(value: Datum, ty: SqlType) -> Expr {
        Expr::Const { value, ty }
    }

    pub fn null(ty: SqlType) -> Expr {
        Expr::Const { value: Datum::Null, ty }
    }

    pub fn bool(value: bool) -> Expr {
        Expr::Const { value: Datum::Bool(value), ty: SqlType::BOOL }
    }

    pub fn column(index: usize, ty: SqlType) -> Expr {
        Expr::Column { index, ty }
    }

    /// The type of the value.
    pub fn ty(&self) -> SqlType {
        match self {
            Expr::Const { ty, .. }
            | Expr::Column { ty, .. }
            | Expr::Outer { ty, .. }
            | Expr::Param { ty, .. }
            | Expr::CaseOperand { ty }
            | Expr::Coalesce { ty, .. }
            | Expr::MinMax { ty, .. }
            | Expr::Array { ty, .. }
            | Expr::Subscript { ty, .. }
            | Expr::Row { ty, .. } => *ty,
            Expr::Call(call) => call.ty,
            Expr::Cast(cast) => cast.to,
            Expr::Case(case) => case.ty,
            Expr::NullIf { arg, .. } => arg.ty(),
            Expr::Subquery(subquery) => subquery.ty,
            Expr::And(_)
            | Expr::Or(_)
            | Expr::Not(_)
            | Expr::IsNull { .. }
            | Expr::IsBool { .. }
            | Expr::IsDistinct { .. }
            | Expr::InList { .. }
            | Expr::AnyAll { .. }
            | Expr::RowCompare(_) => SqlType::BOOL,
        }
    }

    /// The conjunction of the terms: `None` if there are none, the term itself if there is one.
    pub fn and(mut terms: Vec<Expr>) -> Option<Expr> {
        match terms.len() {
            0 => None,
            1 => terms.pop(),
            _ => Some(Expr::And(terms)),
        }
    }

    /// The terms of a conjunction, nested ones flattened, in order.
    pub fn into_conjuncts(self) -> Vec<Expr> {
        match self {
            Expr::And(terms) => terms.into_iter().flat_map(Expr::into_conjuncts).collect(),
            other => vec![other],
        }
    }

    /// Whether this is the constant true.
    pub fn is_true(&self) -> bool {
        matches!(self, Expr::Const { value: Datum::Bool(true), .. })
    }

    /// The value is the same for every row of the statement: no column of the input row, nothing volatile, no subquery.
    /// Enclosing rows ([`Expr::Outer`]) count as constant: they are, for one run of the plan.
    pub fn is_stable(&self) -> bool {
        let mut stable = true;
        walk::visit(self, &mut |expr| {
            stable &= match expr {
                Expr::Column { .. } | Expr::Subquery(_) => false,
                Expr::Call(call) => call.function.volatility != Volatility::Volatile,
                _ => true,
            }
        });
        stable
    }

    /// Whether it reads no column of the input row, in subqueries neither, and nothing volatile: one value does for all rows.
    pub fn is_one_time(&self) -> bool {
        let mut reads = false;
        walk::columns_of(self, &mut |_| reads = true);
        !reads && !self.is_volatile()
    }

    /// Whether some function in it is volatile, or in what it compares with a subquery's rows.
    pub fn is_volatile(&self) -> bool {
        let mut volatile = false;
        walk::visit(self, &mut |expr| {
            volatile |= match expr {
                Expr::Call(call) => call.function.volatility == Volatility::Volatile,
                Expr::Subquery(subquery) => subquery.kind.test().is_some_and(Expr::is_volatile),
                _ => false,
            };
        });
        volatile
    }

    /// Whether it has a subquery in it.
    pub fn has_subquery(&self) -> bool {
        let mut found = false;
        walk::visit(self, &mut |expr| found |= matches!(expr, Expr::Subquery(_)));
        found
    }
}

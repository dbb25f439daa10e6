//! From a bound plan to a logical plan of DataFusion.
//!
//! Every column of every node gets a name of its own, so that a name means one thing in the whole plan: nothing is ever
//! ambiguous, and an expression over some columns can be moved up the plan unchanged as long as the columns are there.
//! That is what makes decorrelation simple ([`subquery`]).
//!
//! A plan, or a part of it, that cannot be expressed with exactly PostgreSQL's meaning is refused with [`Refusal`]; the
//! row executor runs such plans. What has to be known before the plan itself can be lowered, the values of scalar
//! subqueries and the rows of common table expressions, is collected in [`Prerequisites`]: the first lowering finds what
//! is needed, and the one that runs finds the results.

mod aggregate;
mod expr;
mod plan;
mod subquery;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use datafusion::common::Column;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Expr as DfExpr, LogicalPlan};
use sql::bound::{Cte, Plan};
use sql::exec::{Claim, ExecContext};
use types::{Datum, SqlType};

use crate::repr::Shape;

pub(crate) use plan::may_be_ordered;

/// Why a plan is not lowered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Refusal(pub String);

impl Refusal {
    fn of(what: impl Into<String>) -> Refusal {
        Refusal(what.into())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<DataFusionError> for Refusal {
    fn from(error: DataFusionError) -> Refusal {
        Refusal(error.strip_backtrace())
    }
}

impl From<types::Error> for Refusal {
    fn from(error: types::Error) -> Refusal {
        Refusal(error.to_string())
    }
}

type Lowered<T> = Result<T, Refusal>;

/// A column of a relation.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub column: Column,
    pub shape: Shape,
}

/// The name of columns that are not there.
const UNAVAILABLE: &str = "system column";

impl Field {
    /// A column in whose place there is nothing: scans do not read system columns from here.
    fn unavailable() -> Field {
        Field { column: Column::new_unqualified(UNAVAILABLE), shape: Shape::of(SqlType::OID, false) }
    }

    fn is_unavailable(&self) -> bool {
        self.column.name == UNAVAILABLE
    }

    fn expr(&self) -> DfExpr {
        DfExpr::Column(self.column.clone())
    }

    /// Its value in an expression.
    fn term(&self) -> Lowered<Term> {
        if self.is_unavailable() {
            return Err(Refusal::of("a system column"));
        }
        Ok(Term::sure(self.expr(), self.shape))
    }
}

/// A lowered plan node.
struct Relation {
    plan: LogicalPlan,
    fields: Vec<Field>,
    /// Conditions on an enclosing row, to be applied where that row is joined.
    correlated: Vec<Correlated>,
    /// For an aggregation without keys that was made one with keys to be joined to an enclosing row: the row that stands
    /// for a group of no rows. The relation has no row for such a group, and only a scalar subquery can make up for it.
    empty_group: Option<Vec<Datum>>,
}

impl Relation {
    fn new(plan: LogicalPlan, fields: Vec<Field>) -> Relation {
        Relation { plan, fields, correlated: Vec::new(), empty_group: None }
    }
}

/// A condition that reads columns of an enclosing relation, lifted out of the place where it was written.
struct Correlated {
    /// The condition; `None` if it is the equality below.
    condition: Option<DfExpr>,
    /// What of the inner side equals what of the enclosing row.
    equality: Option<(Term, Term)>,
    /// The columns of the inner side that it reads.
    inner: Vec<Field>,
}

/// A lowered expression.
#[derive(Clone, Debug)]
struct Term {
    expr: DfExpr,
    shape: Shape,
    /// Whether it may end the query with an error for some row.
    fallible: bool,
}

/// The columns that an expression can read.
#[derive(Clone, Copy)]
struct Scope<'a> {
    fields: &'a [Field],
    /// The columns of the row around the present plan, if the plan is being decorrelated.
    outer: Option<&'a [Field]>,
}

/// The rows of a common table expression.
#[derive(Clone)]
pub(crate) struct Table {
    pub shapes: Vec<Shape>,
    pub batches: Vec<RecordBatch>,
    /// What the batches hold of the statement's memory; `None` for little.
    pub claim: Option<Arc<Claim>>,
}

/// Results that a plan needs before it can be lowered for good.
#[derive(Default)]
pub(crate) struct Prerequisites {
    /// Values of uncorrelated scalar subqueries, by the address of their plan.
    pub scalars: HashMap<usize, Datum>,
    /// Rows of common table expressions that are read more than once, by number.
    pub tables: HashMap<usize, Table>,
}

/// Something that a plan needs and that is not there yet.
#[derive(Clone)]
pub(crate) enum Missing {
    /// The value of the single row, or whether there is a row.
    Scalar {
        address: usize,
        plan: Arc<Plan>,
        exists: bool,
    },
    Table {
        id: usize,
        plan: Arc<Plan>,
    },
}

/// What a query computes per group or row depends on how it is lowered; see the fields.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Mode {
    /// Fixed-point numerics, and averages of float8 by nothing but their sums, are used at all.
    pub decimals: bool,
}

/// Lowers one plan.
pub(crate) struct Lowering<'a> {
    context: &'a Arc<ExecContext>,
    mode: Mode,
    ready: &'a Prerequisites,
    missing: Vec<Missing>,
    /// The common table expressions in sight, by number.
    ctes: HashMap<usize, CteState>,
    next_column: usize,
    /// Plan nodes between here and the query's root.
    depth: usize,
    /// Whether overflow of fixed-point arithmetic would be found before any row has left the plan, so that it can be
    /// started again: true below an operator that reads all its input first.
    restartable: bool,
    /// Whether `restartable` may become true: not below a union, whose first part is sent before the second is run.
    may_restart: bool,
    /// Whether there is such a union with something that may fail for want of memory.
    streams_union: bool,
}

struct CteState {
    cte: Arc<Cte>,
    /// In how many places it is read.
    uses: usize,
}

/// A lowered query.
pub(crate) struct Query {
    pub plan: LogicalPlan,
    pub shapes: Vec<Shape>,
    pub missing: Vec<Missing>,
    /// Whether it is a union, or part of it is, of which one part may have yielded rows when another fails.
    pub streams_union: bool,
}

/// Lowers a whole query: its output columns are those of the bound plan, in order.
///
/// # Errors
/// A refusal if some part has no exact equivalent.
pub(crate) fn lower(
    plan: &Plan,
    context: &Arc<ExecContext>,
    mode: Mode,
    ready: &Prerequisites,
) -> Result<Query, Refusal> {
    let mut lowering = Lowering {
        context,
        mode,
        ready,
        missing: Vec::new(),
        ctes: HashMap::new(),
        next_column: 0,
        depth: 0,
        restartable: false,
        may_restart: true,
        streams_union: false,
    };
    let relation = lowering.relation(plan, None)?;
    if !relation.correlated.is_empty() || relation.empty_group.is_some() {
        return Err(Refusal::of("a reference to a row outside of the query"));
    }
    let shapes = relation.fields.iter().map(|field| field.shape).collect();
    let plan = lowering.project_fields(relation)?;
    Ok(Query { plan, shapes, missing: lowering.missing, streams_union: lowering.streams_union })
}

impl Lowering<'_> {
    /// A name no other column of the plan has.
    fn new_name(&mut self) -> String {
        let name = format!("c{}", self.next_column);
        self.next_column += 1;
        name
    }

    fn new_field(&mut self, shape: Shape) -> Field {
        Field { column: Column::new_unqualified(self.new_name()), shape }
    }

    /// Whether fixed-point arithmetic may run out of digits: then the run can start again, without it. A run that has
    /// done so still reads tables that the one before has left.
    fn may_overflow(&self) -> bool {
        self.restartable && self.mode.decimals
    }

    /// The form of a type's values where nothing more is known.
    fn shape_of(&self, ty: SqlType) -> Shape {
        Shape::of(ty, self.mode.decimals)
    }
}

impl Term {
    /// The expression under a column's name.
    fn named(self, field: &Field) -> DfExpr {
        self.expr.alias(field.column.name.clone())
    }
}

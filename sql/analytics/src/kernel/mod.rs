//! Functions over whole columns: what an expression becomes when DataFusion has no function of exactly its meaning.
//!
//! All are scalar functions of DataFusion that are built for one place in one plan, with their types fixed; none is
//! registered under a name. A function that can fail is declared volatile: that keeps the optimizer from evaluating it
//! ahead of time, from moving it below the filter that guards it, and from evaluating it where no row asks for it.

mod arithmetic;
mod compare;
mod decimal;
mod evaluate;
mod text;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::DataType;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{ColumnarValue, Expr, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

pub(crate) use arithmetic::{Arithmetic, NumberKind, Operation};
pub(crate) use compare::{BooleanByte, CanonicalFloat};
pub(crate) use decimal::{DecimalArithmetic, DecimalOperation, IntegerToDecimal, Rescale, add_units};
pub(crate) use evaluate::{BoundExprUdf, Reshape, SortableKey};
pub(crate) use text::TrimBlanks;

/// The signature of all our functions: types are right by construction, so nothing is coerced.
fn signature(args: usize, fallible: bool) -> Signature {
    let volatility = if fallible { Volatility::Volatile } else { Volatility::Immutable };
    if args == 0 { Signature::nullary(volatility) } else { Signature::any(args, volatility) }
}

/// A call of a function.
pub(crate) fn call(function: impl ScalarUDFImpl + 'static, args: Vec<Expr>) -> Expr {
    Expr::ScalarFunction(datafusion::logical_expr::expr::ScalarFunction::new_udf(
        Arc::new(ScalarUDF::new_from_impl(function)),
        args,
    ))
}

/// An argument as an array and whether it is one value for all rows (then the array has length 1).
///
/// # Errors
/// For a column of no type. The optimizer asks with one what an expression makes of nulls, and goes without an answer.
fn flatten(value: &ColumnarValue) -> Result<(ArrayRef, bool)> {
    if value.data_type() == DataType::Null {
        return Err(DataFusionError::Internal("an argument of no type".into()));
    }
    match value {
        ColumnarValue::Array(array) => Ok((Arc::clone(array), false)),
        ColumnarValue::Scalar(scalar) => Ok((scalar.to_array()?, true)),
    }
}

/// Whether a value that stands for all rows is null.
fn is_null_scalar(array: &ArrayRef, scalar: bool) -> bool {
    scalar && array.is_null(0)
}

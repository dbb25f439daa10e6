//! Arithmetic on integers and floats with PostgreSQL's errors.
//!
//! Integers: overflow is 22003 with the type's name, a zero divisor 22012; division truncates towards zero and the
//! remainder has the dividend's sign. Floats: a result that became infinite, or zero, from operands that were not is
//! 22003; a zero divisor is 22012, unless the dividend is NaN.
//!
//! Rows where an operand is null are never computed, so they cannot fail.

use std::sync::Arc;

use arrow::array::{ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray, new_null_array};
use arrow::compute::kernels::arity::{try_binary, try_unary};
use arrow::datatypes::{DataType, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type};
use arrow::error::ArrowError;
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature};
use datafusion::scalar::ScalarValue;
use types::{Error, SqlState};

use super::{flatten, is_null_scalar, signature};
use crate::error::to_datafusion;

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Operation {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

/// The type in which both operands and the result are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum NumberKind {
    Int16,
    Int32,
    Int64,
    Float32,
    Float64,
}

/// `left op right`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Arithmetic {
    operation: Operation,
    kind: NumberKind,
    signature: Signature,
}

impl Arithmetic {
    pub(crate) fn new(operation: Operation, kind: NumberKind) -> Arithmetic {
        Arithmetic { operation, kind, signature: signature(2, true) }
    }
}

impl ScalarUDFImpl for Arithmetic {
    fn name(&self) -> &str {
        match self.operation {
            Operation::Add => "add",
            Operation::Subtract => "subtract",
            Operation::Multiply => "multiply",
            Operation::Divide => "divide",
            Operation::Remainder => "remainder",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(match self.kind {
            NumberKind::Int16 => DataType::Int16,
            NumberKind::Int32 => DataType::Int32,
            NumberKind::Int64 => DataType::Int64,
            NumberKind::Float32 => DataType::Float32,
            NumberKind::Float64 => DataType::Float64,
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match self.kind {
            NumberKind::Int16 => run::<Int16Type>(self.operation, &args),
            NumberKind::Int32 => run::<Int32Type>(self.operation, &args),
            NumberKind::Int64 => run::<Int64Type>(self.operation, &args),
            NumberKind::Float32 => run::<Float32Type>(self.operation, &args),
            NumberKind::Float64 => run::<Float64Type>(self.operation, &args),
        }
    }
}

/// What goes wrong with one pair of operands.
#[derive(Clone, Copy)]
enum Fault {
    OutOfRange(&'static str),
    DivisionByZero,
}

impl From<Fault> for ArrowError {
    fn from(fault: Fault) -> ArrowError {
        let error = match fault {
            Fault::OutOfRange(message) => Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, message),
            Fault::DivisionByZero => Error::new(SqlState::DIVISION_BY_ZERO, "division by zero"),
        };
        ArrowError::ExternalError(Box::new(error))
    }
}

trait Number: Copy {
    fn compute(operation: Operation, left: Self, right: Self) -> std::result::Result<Self, Fault>;
}

macro_rules! integer {
    ($type:ty, $message:literal) => {
        impl Number for $type {
            #[inline(always)]
            fn compute(operation: Operation, left: $type, right: $type) -> std::result::Result<$type, Fault> {
                let result = match operation {
                    Operation::Add => left.checked_add(right),
                    Operation::Subtract => left.checked_sub(right),
                    Operation::Multiply => left.checked_mul(right),
                    Operation::Divide | Operation::Remainder if right == 0 => return Err(Fault::DivisionByZero),
                    Operation::Divide => left.checked_div(right),
                    // The one case that would overflow has remainder 0.
                    Operation::Remainder => Some(left.wrapping_rem(right)),
                };
                result.ok_or(Fault::OutOfRange($message))
            }
        }
    };
}

integer!(i16, "smallint out of range");
integer!(i32, "integer out of range");
integer!(i64, "bigint out of range");

macro_rules! float {
    ($type:ty) => {
        impl Number for $type {
            #[inline(always)]
            fn compute(operation: Operation, left: $type, right: $type) -> std::result::Result<$type, Fault> {
                let result = match operation {
                    Operation::Add => left + right,
                    Operation::Subtract => left - right,
                    Operation::Multiply => left * right,
                    Operation::Divide if right == 0.0 && !left.is_nan() => return Err(Fault::DivisionByZero),
                    Operation::Divide => left / right,
                    Operation::Remainder => left % right,
                };
                let (overflow, underflow) = match operation {
                    Operation::Multiply => (
                        result.is_infinite() && !left.is_infinite() && !right.is_infinite(),
                        result == 0.0 && left != 0.0 && right != 0.0,
                    ),
                    Operation::Divide => (
                        result.is_infinite() && !left.is_infinite(),
                        result == 0.0 && left != 0.0 && !right.is_infinite(),
                    ),
                    _ => (result.is_infinite() && !left.is_infinite() && !right.is_infinite(), false),
                };
                if overflow {
                    return Err(Fault::OutOfRange("value out of range: overflow"));
                }
                if underflow {
                    return Err(Fault::OutOfRange("value out of range: underflow"));
                }
                Ok(result)
            }
        }
    };
}

float!(f32);
float!(f64);

fn run<T>(operation: Operation, args: &ScalarFunctionArgs) -> Result<ColumnarValue>
where
    T: ArrowPrimitiveType,
    T::Native: Number,
{
    // A match on a constant inside each closure, so that every operation gets a loop of its own.
    match operation {
        Operation::Add => apply::<T>(args, |a, b| T::Native::compute(Operation::Add, a, b)),
        Operation::Subtract => apply::<T>(args, |a, b| T::Native::compute(Operation::Subtract, a, b)),
        Operation::Multiply => apply::<T>(args, |a, b| T::Native::compute(Operation::Multiply, a, b)),
        Operation::Divide => apply::<T>(args, |a, b| T::Native::compute(Operation::Divide, a, b)),
        Operation::Remainder => apply::<T>(args, |a, b| T::Native::compute(Operation::Remainder, a, b)),
    }
}

fn apply<T>(
    args: &ScalarFunctionArgs,
    compute: impl Fn(T::Native, T::Native) -> std::result::Result<T::Native, Fault>,
) -> Result<ColumnarValue>
where
    T: ArrowPrimitiveType,
{
    let (left, left_scalar) = flatten(&args.args[0])?;
    let (right, right_scalar) = flatten(&args.args[1])?;
    if is_null_scalar(&left, left_scalar) || is_null_scalar(&right, right_scalar) {
        return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&new_null_array(&T::DATA_TYPE, 1), 0)?));
    }
    let (a, b) = (left.as_primitive::<T>(), right.as_primitive::<T>());
    let compute = |a, b| compute(a, b).map_err(ArrowError::from);
    let result: std::result::Result<PrimitiveArray<T>, ArrowError> = match (left_scalar, right_scalar) {
        (false, false) | (true, true) => try_binary(a, b, compute),
        (true, false) => {
            let constant = a.value(0);
            try_unary(b, |value| compute(constant, value))
        }
        (false, true) => {
            let constant = b.value(0);
            try_unary(a, |value| compute(value, constant))
        }
    };
    let result: ArrayRef = Arc::new(result.map_err(unwrap)?);
    if left_scalar && right_scalar {
        return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&result, 0)?));
    }
    Ok(ColumnarValue::Array(result))
}

/// The SQL error in an Arrow error that [`Fault`] made.
fn unwrap(error: ArrowError) -> datafusion::error::DataFusionError {
    match error {
        ArrowError::ExternalError(inner) => match inner.downcast::<Error>() {
            Ok(error) => to_datafusion(*error),
            Err(other) => datafusion::error::DataFusionError::External(other),
        },
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fails<N: Number>(operation: Operation, left: N, right: N) -> Option<String> {
        N::compute(operation, left, right).err().map(|fault| ArrowError::from(fault).to_string())
    }

    #[test]
    fn integers_do_not_wrap() {
        assert!(fails(Operation::Add, i32::MAX, 1).is_some_and(|m| m.contains("integer out of range")));
        assert!(fails(Operation::Divide, i16::MIN, -1).is_some_and(|m| m.contains("smallint out of range")));
        assert!(fails(Operation::Multiply, i64::MAX, 2).is_some_and(|m| m.contains("bigint out of range")));
        assert!(fails(Operation::Remainder, 1i64, 0).is_some_and(|m| m.contains("division by zero")));
        assert!(i64::compute(Operation::Remainder, i64::MIN, -1).is_ok_and(|r| r == 0));
        assert!(i32::compute(Operation::Divide, -7, 2).is_ok_and(|r| r == -3));
    }

    #[test]
    fn floats_fail_as_in_postgresql() {
        assert!(fails(Operation::Multiply, 1e308, 10.0).is_some_and(|m| m.contains("overflow")));
        assert!(fails(Operation::Multiply, 1e-308, 1e-308).is_some_and(|m| m.contains("underflow")));
        assert!(fails(Operation::Divide, 1.0, 0.0).is_some_and(|m| m.contains("division by zero")));
        assert!(f64::compute(Operation::Divide, f64::NAN, 0.0).is_ok_and(f64::is_nan));
        assert!(f64::compute(Operation::Add, f64::INFINITY, 1.0).is_ok_and(f64::is_infinite));
        assert!(f64::compute(Operation::Divide, 1.0, f64::INFINITY).is_ok_and(|r| r == 0.0));
    }
}

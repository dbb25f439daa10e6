//! Arithmetic on fixed-point numerics: see [`crate::repr`].
//!
//! Addition, subtraction and multiplication of numerics are exact in PostgreSQL, and the scale of the result depends on
//! the operands' scales alone: the larger one, or the sum. So units can be computed with integer operations. When the
//! digits that the operands can have leave room, no operation can overflow and none is checked; otherwise one that does
//! ends the run with [`Inexact`](crate::error::Inexact), and the plan is run again without fixed-point numerics.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, PrimitiveArray, new_null_array};
use arrow::compute::kernels::arity::{binary, try_binary, try_unary, unary};
use arrow::datatypes::{DataType, Decimal128Type, Int16Type, Int32Type, Int64Type};
use arrow::error::ArrowError;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature};
use datafusion::scalar::ScalarValue;

use super::{flatten, is_null_scalar, signature};
use crate::error::{Inexact, inexact};
use crate::repr::{DIGITS_MAX, NAN_UNITS, UNITS_END, decimal_type};

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum DecimalOperation {
    Add,
    Subtract,
    Multiply,
}

/// `left op right` over fixed-point numerics.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct DecimalArithmetic {
    operation: DecimalOperation,
    left_scale: u8,
    right_scale: u8,
    digits: u8,
    checked: bool,
    signature: Signature,
}

impl DecimalArithmetic {
    /// The operation over operands of these (digits, scale). `None` if the result's scale is too large.
    pub(crate) fn new(operation: DecimalOperation, left: (u8, u8), right: (u8, u8)) -> Option<DecimalArithmetic> {
        let scale = match operation {
            DecimalOperation::Multiply => left.1 + right.1,
            _ => left.1.max(right.1),
        };
        if scale > DIGITS_MAX {
            return None;
        }
        let digits = match operation {
            DecimalOperation::Multiply => left.0 + right.0,
            // The operands brought to the common scale, and a carry.
            _ => (left.0 + scale - left.1).max(right.0 + scale - right.1) + 1,
        };
        let checked = digits > DIGITS_MAX;
        Some(DecimalArithmetic {
            operation,
            left_scale: left.1,
            right_scale: right.1,
            digits: digits.min(DIGITS_MAX),
            checked,
            signature: signature(2, false),
        })
    }

    /// Whether a run may find that there are not enough digits.
    pub(crate) fn may_overflow(&self) -> bool {
        self.checked
    }

    /// (digits, scale) of the result.
    pub(crate) fn result(&self) -> (u8, u8) {
        (self.digits, self.scale())
    }

    fn scale(&self) -> u8 {
        match self.operation {
            DecimalOperation::Multiply => self.left_scale + self.right_scale,
            _ => self.left_scale.max(self.right_scale),
        }
    }
}

impl ScalarUDFImpl for DecimalArithmetic {
    fn name(&self) -> &str {
        match self.operation {
            DecimalOperation::Add => "decimal_add",
            DecimalOperation::Subtract => "decimal_subtract",
            DecimalOperation::Multiply => "decimal_multiply",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(decimal_type(self.scale()))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let common = self.left_scale.max(self.right_scale);
        let left_factor = power_of_ten(common - self.left_scale);
        let right_factor = power_of_ten(common - self.right_scale);
        let target = decimal_type(self.scale());
        match (self.operation, self.checked) {
            (DecimalOperation::Multiply, false) => apply(&args, target, i128::wrapping_mul),
            (DecimalOperation::Add, false) => {
                apply(&args, target, |a, b| a.wrapping_mul(left_factor).wrapping_add(b.wrapping_mul(right_factor)))
            }
            (DecimalOperation::Subtract, false) => {
                apply(&args, target, |a, b| a.wrapping_mul(left_factor).wrapping_sub(b.wrapping_mul(right_factor)))
            }
            (DecimalOperation::Multiply, true) => try_apply(&args, target, |a, b| a.checked_mul(b)),
            (DecimalOperation::Add, true) => {
                try_apply(&args, target, |a, b| a.checked_mul(left_factor)?.checked_add(b.checked_mul(right_factor)?))
            }
            (DecimalOperation::Subtract, true) => {
                try_apply(&args, target, |a, b| a.checked_mul(left_factor)?.checked_sub(b.checked_mul(right_factor)?))
            }
        }
    }
}

fn power_of_ten(exponent: u8) -> i128 {
    10i128.pow(u32::from(exponent))
}

/// Applies an operation that cannot overflow on numbers. It is computed for the slots of nulls too, which may hold
/// anything: hence the wrapping operations.
fn apply(args: &ScalarFunctionArgs, target: DataType, compute: impl Fn(i128, i128) -> i128) -> Result<ColumnarValue> {
    let compute = |a: i128, b: i128| if a == NAN_UNITS || b == NAN_UNITS { NAN_UNITS } else { compute(a, b) };
    let (left, left_scalar) = flatten(&args.args[0])?;
    let (right, right_scalar) = flatten(&args.args[1])?;
    if is_null_scalar(&left, left_scalar) || is_null_scalar(&right, right_scalar) {
        return null(&target);
    }
    let (a, b) = (left.as_primitive::<Decimal128Type>(), right.as_primitive::<Decimal128Type>());
    let result: Decimal128Array = match (left_scalar, right_scalar) {
        (false, false) | (true, true) => binary(a, b, compute)?,
        (true, false) => {
            let constant = a.value(0);
            unary(b, |value| compute(constant, value))
        }
        (false, true) => {
            let constant = b.value(0);
            unary(a, |value| compute(value, constant))
        }
    };
    finish(result, target, left_scalar && right_scalar)
}

/// Applies an operation that may overflow: `None`, or a result of too many digits.
fn try_apply(
    args: &ScalarFunctionArgs,
    target: DataType,
    compute: impl Fn(i128, i128) -> Option<i128>,
) -> Result<ColumnarValue> {
    let compute = |a: i128, b: i128| {
        if a == NAN_UNITS || b == NAN_UNITS {
            return Ok(NAN_UNITS);
        }
        match compute(a, b) {
            Some(units) if units.unsigned_abs() < UNITS_END.unsigned_abs() => Ok(units),
            _ => Err(ArrowError::ExternalError(Box::new(Inexact))),
        }
    };
    let (left, left_scalar) = flatten(&args.args[0])?;
    let (right, right_scalar) = flatten(&args.args[1])?;
    if is_null_scalar(&left, left_scalar) || is_null_scalar(&right, right_scalar) {
        return null(&target);
    }
    let (a, b) = (left.as_primitive::<Decimal128Type>(), right.as_primitive::<Decimal128Type>());
    let result: std::result::Result<Decimal128Array, ArrowError> = match (left_scalar, right_scalar) {
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
    finish(result?, target, left_scalar && right_scalar)
}

fn null(target: &DataType) -> Result<ColumnarValue> {
    Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&new_null_array(target, 1), 0)?))
}

fn finish(result: Decimal128Array, target: DataType, scalar: bool) -> Result<ColumnarValue> {
    let result: ArrayRef = Arc::new(result.with_data_type(target));
    if scalar {
        return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&result, 0)?));
    }
    Ok(ColumnarValue::Array(result))
}

/// A fixed-point numeric at a larger scale, to be compared with others of that scale.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Rescale {
    from: u8,
    to: u8,
    signature: Signature,
}

impl Rescale {
    /// `None` if units of `digits` digits may not fit at scale `to`.
    pub(crate) fn new(digits: u8, from: u8, to: u8) -> Option<Rescale> {
        (to >= from && digits + (to - from) <= DIGITS_MAX).then(|| Rescale { from, to, signature: signature(1, false) })
    }

    /// Whether nothing changes.
    pub(crate) fn is_identity(&self) -> bool {
        self.from == self.to
    }
}

impl ScalarUDFImpl for Rescale {
    fn name(&self) -> &str {
        "rescale"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(decimal_type(self.to))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let (array, scalar) = flatten(&args.args[0])?;
        let factor = power_of_ten(self.to - self.from);
        let result: Decimal128Array = unary(array.as_primitive::<Decimal128Type>(), |units: i128| {
            if units == NAN_UNITS { NAN_UNITS } else { units.wrapping_mul(factor) }
        });
        finish(result, decimal_type(self.to), scalar)
    }
}

/// An integer as a fixed-point numeric of scale 0.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct IntegerToDecimal {
    signature: Signature,
}

impl IntegerToDecimal {
    pub(crate) fn new() -> IntegerToDecimal {
        IntegerToDecimal { signature: signature(1, false) }
    }
}

impl ScalarUDFImpl for IntegerToDecimal {
    fn name(&self) -> &str {
        "integer_to_decimal"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(decimal_type(0))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let (array, scalar) = flatten(&args.args[0])?;
        let result: PrimitiveArray<Decimal128Type> = match array.data_type() {
            DataType::Int16 => unary(array.as_primitive::<Int16Type>(), i128::from),
            DataType::Int32 => unary(array.as_primitive::<Int32Type>(), i128::from),
            DataType::Int64 => unary(array.as_primitive::<Int64Type>(), i128::from),
            other => return Err(DataFusionError::Internal(format!("{other} is not an integer"))),
        };
        finish(result, decimal_type(0), scalar)
    }
}

/// Adds units to a sum.
///
/// # Errors
/// [`Inexact`] when the sum has too many digits.
#[inline]
pub(crate) fn add_units(sum: i128, units: i128) -> Result<i128> {
    if sum == NAN_UNITS || units == NAN_UNITS {
        return Ok(NAN_UNITS);
    }
    match sum.checked_add(units) {
        Some(total) if total.unsigned_abs() < UNITS_END.unsigned_abs() => Ok(total),
        _ => Err(inexact()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_decide_whether_to_check() {
        let multiply = |left, right| DecimalArithmetic::new(DecimalOperation::Multiply, left, right);
        let narrow = multiply((15, 2), (16, 2)).expect("scale 4");
        assert_eq!((narrow.result(), narrow.may_overflow()), ((31, 4), false));
        let wide = multiply((31, 4), (16, 2)).expect("scale 6");
        assert_eq!((wide.result(), wide.may_overflow()), ((38, 6), true));
        assert!(multiply((38, 30), (38, 30)).is_none());
        let sum = DecimalArithmetic::new(DecimalOperation::Subtract, (1, 0), (15, 2)).expect("scale 2");
        assert_eq!(sum.result(), (16, 2));
    }

    #[test]
    fn sums_stop_at_the_last_digit() {
        assert!(add_units(UNITS_END - 1, 1).is_err());
        assert!(add_units(1 - UNITS_END, -1).is_err());
        assert!(add_units(UNITS_END - 2, 1).is_ok_and(|sum| sum == UNITS_END - 1));
        assert!(add_units(5, NAN_UNITS).is_ok_and(|sum| sum == NAN_UNITS));
    }
}

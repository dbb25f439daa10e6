//! What makes Arrow's comparison of floats PostgreSQL's, and keeps conditions in their order.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Float32Array, Float64Array, UInt8Array};
use arrow::datatypes::{DataType, Float32Type, Float64Type, UInt8Type};
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature};
use datafusion::scalar::ScalarValue;

use super::{flatten, signature};

/// Makes -0 into 0 and every NaN into the one that Arrow orders above infinity. Arrow compares floats by their total
/// order, which on such values is PostgreSQL's: NaN equal to itself and above everything, zeros equal.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct CanonicalFloat {
    double: bool,
    signature: Signature,
}

impl CanonicalFloat {
    pub(crate) fn new(double: bool) -> CanonicalFloat {
        CanonicalFloat { double, signature: signature(1, false) }
    }
}

impl ScalarUDFImpl for CanonicalFloat {
    fn name(&self) -> &str {
        "canonical_float"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(if self.double { DataType::Float64 } else { DataType::Float32 })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let (array, scalar) = flatten(&args.args[0])?;
        let result: ArrayRef = if self.double {
            let canonical = |value: f64| if value.is_nan() { f64::NAN.abs() } else { value + 0.0 };
            Arc::new(array.as_primitive::<Float64Type>().unary::<_, Float64Type>(canonical)) as Arc<Float64Array>
        } else {
            let canonical = |value: f32| if value.is_nan() { f32::NAN.abs() } else { value + 0.0 };
            Arc::new(array.as_primitive::<Float32Type>().unary::<_, Float32Type>(canonical)) as Arc<Float32Array>
        };
        if scalar {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&result, 0)?));
        }
        Ok(ColumnarValue::Array(result))
    }
}

/// Turns booleans into bytes or back, so that a CASE over them is not boolean.
///
/// The simplifier rewrites a boolean CASE with AND and OR, whose terms it may then evaluate in any order and for every
/// row. A CASE that guards a term that can fail must stay one.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct BooleanByte {
    to_byte: bool,
    signature: Signature,
}

impl BooleanByte {
    pub(crate) fn new(to_byte: bool) -> BooleanByte {
        BooleanByte { to_byte, signature: signature(1, true) }
    }
}

impl ScalarUDFImpl for BooleanByte {
    fn name(&self) -> &str {
        if self.to_byte { "boolean_to_byte" } else { "byte_to_boolean" }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(if self.to_byte { DataType::UInt8 } else { DataType::Boolean })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let (array, scalar) = flatten(&args.args[0])?;
        let result: ArrayRef = if self.to_byte {
            let bytes = array.as_boolean().iter().map(|value| value.map(u8::from));
            Arc::new(bytes.collect::<UInt8Array>())
        } else {
            let booleans = array.as_primitive::<UInt8Type>().iter().map(|value| value.map(|value| value != 0));
            Arc::new(booleans.collect::<BooleanArray>())
        };
        if scalar {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&result, 0)?));
        }
        Ok(ColumnarValue::Array(result))
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn adding_zero_removes_the_sign_of_zero() {
        assert!((-0.0f64 + 0.0).is_sign_positive());
        assert!((-0.0f32 + 0.0).is_sign_positive());
    }
}

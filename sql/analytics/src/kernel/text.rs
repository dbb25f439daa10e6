//! Text without the blanks that do not count.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringViewArray, StringViewBuilder};
use arrow::datatypes::DataType;
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature};
use datafusion::scalar::ScalarValue;

use super::{flatten, signature};

/// Removes blanks at the end: what a char without a known length is before it is compared.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct TrimBlanks {
    signature: Signature,
}

impl TrimBlanks {
    pub(crate) fn new() -> TrimBlanks {
        TrimBlanks { signature: signature(1, false) }
    }
}

impl ScalarUDFImpl for TrimBlanks {
    fn name(&self) -> &str {
        "trim_blanks"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let (array, scalar) = flatten(&args.args[0])?;
        let texts = array.as_string_view();
        let trimmed: ArrayRef =
            if texts.iter().flatten().any(|text| text.ends_with(' ')) { Arc::new(trim(texts)) } else { array };
        if scalar {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&trimmed, 0)?));
        }
        Ok(ColumnarValue::Array(trimmed))
    }
}

fn trim(texts: &StringViewArray) -> StringViewArray {
    let mut builder = StringViewBuilder::with_capacity(texts.len());
    for text in texts {
        builder.append_option(text.map(|text| text.trim_end_matches(' ')));
    }
    builder.finish()
}

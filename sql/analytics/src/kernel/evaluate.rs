//! Functions that go through datums: the bridge to what is defined once, in SQL's own evaluator.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature};
use datafusion::scalar::ScalarValue;
use sql::bound::Expr;
use sql::exec::{ExecContext, evaluate_row};
use types::Datum;

use super::{flatten, signature};
use crate::error::to_datafusion;
use crate::repr::{Builder, Repr, Shape, datum_at};

/// Any bound expression, evaluated row by row: what every expression becomes that has no kernel of its own.
///
/// The expression's columns are the function's arguments, in order. It has no subqueries and nothing that waits.
pub(crate) struct BoundExprUdf {
    /// Tells one place in a plan from another.
    id: u64,
    name: String,
    expr: Arc<Expr>,
    inputs: Vec<Shape>,
    output: Shape,
    context: Arc<ExecContext>,
    signature: Signature,
}

static NEXT_ID: AtomicU64 = AtomicU64::new(0);

impl BoundExprUdf {
    /// `fallible` says whether the expression may fail for some values of its columns.
    pub(crate) fn new(
        expr: Arc<Expr>,
        inputs: Vec<Shape>,
        output: Shape,
        fallible: bool,
        context: Arc<ExecContext>,
    ) -> BoundExprUdf {
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        let signature = signature(inputs.len(), fallible);
        BoundExprUdf { id, name: format!("expression_{id}"), expr, inputs, output, context, signature }
    }
}

impl fmt::Debug for BoundExprUdf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl PartialEq for BoundExprUdf {
    fn eq(&self, other: &BoundExprUdf) -> bool {
        self.id == other.id
    }
}

impl Eq for BoundExprUdf {}

impl Hash for BoundExprUdf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

impl ScalarUDFImpl for BoundExprUdf {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.output.arrow())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let mut row = vec![Datum::Null; self.inputs.len()];
        per_row(&args, &self.inputs, self.output, |columns, at, builder| {
            for ((value, (array, scalar)), shape) in row.iter_mut().zip(columns).zip(&self.inputs) {
                *value = datum_at(array, *shape, if *scalar { 0 } else { at })?;
            }
            let value = evaluate_row(&self.expr, &self.context, &row).map_err(to_datafusion)?;
            builder.append(&value)
        })
    }
}

/// Builds a column row by row from the arguments, or one value for all rows if no argument is a column.
fn per_row(
    args: &ScalarFunctionArgs,
    inputs: &[Shape],
    output: Shape,
    mut each: impl FnMut(&[(ArrayRef, bool)], usize, &mut Builder) -> Result<()>,
) -> Result<ColumnarValue> {
    debug_assert_eq!(args.args.len(), inputs.len());
    let columns = args.args.iter().map(flatten).collect::<Result<Vec<_>>>()?;
    let constant = columns.iter().all(|(_, scalar)| *scalar);
    let rows = if constant { args.number_rows.min(1) } else { args.number_rows };
    let mut builder = Builder::new(output, rows);
    for at in 0..rows {
        each(&columns, at, &mut builder)?;
    }
    let result = builder.finish();
    if constant && rows == 1 {
        return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&result, 0)?));
    }
    Ok(ColumnarValue::Array(result))
}

/// The same values in another form.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Reshape {
    from: Shape,
    to: Repr,
    signature: Signature,
}

impl Reshape {
    pub(crate) fn new(from: Shape, to: Repr) -> Reshape {
        Reshape { from, to, signature: signature(1, false) }
    }
}

impl ScalarUDFImpl for Reshape {
    fn name(&self) -> &str {
        "reshape"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.to.arrow())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let output = Shape { ty: self.from.ty, repr: self.to };
        per_row(&args, &[self.from], output, |columns, at, builder| {
            let (array, scalar) = &columns[0];
            builder.append(&datum_at(array, self.from, if *scalar { 0 } else { at })?)
        })
    }
}

/// Bytes that are equal exactly when values are, and order as values do: the key that stands for values without a
/// canonical form wherever they are grouped, joined or sorted.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct SortableKey {
    from: Shape,
    signature: Signature,
}

impl SortableKey {
    pub(crate) fn new(from: Shape) -> SortableKey {
        SortableKey { from, signature: signature(1, false) }
    }
}

impl ScalarUDFImpl for SortableKey {
    fn name(&self) -> &str {
        "sortable_key"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::BinaryView)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let mut key = Vec::new();
        let output = Shape { ty: types::SqlType::BYTEA, repr: Repr::Bytes };
        per_row(&args, &[self.from], output, |columns, at, builder| {
            let (array, scalar) = &columns[0];
            let value = datum_at(array, self.from, if *scalar { 0 } else { at })?;
            if value.is_null() {
                builder.append_null();
                return Ok(());
            }
            key.clear();
            types::keycode::encode_key_typed(std::slice::from_ref(&value), &[self.from.ty], &mut key);
            builder.append_bytes(&key)
        })
    }
}

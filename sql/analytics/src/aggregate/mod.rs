//! Aggregate functions over columns.
//!
//! `count`, and `min` and `max` over forms whose Arrow order is PostgreSQL's, are DataFusion's own. Sums and averages are
//! ours ([`Rule`]), because DataFusion's wrap, and give other types and scales. All others run SQL's accumulators row by
//! row ([`generic`]). Each implements `GroupsAccumulator`, one state for all groups; without GROUP BY the same state
//! serves as an `Accumulator` with one group.

mod any_value;
mod average;
mod generic;
mod sum;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{Array, ArrayRef, BooleanArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::expr::{AggregateFunction, AggregateFunctionParams};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, Expr, GroupsAccumulator, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;

pub(crate) use generic::{Generic, OrderKey};

use crate::repr::{Repr, Shape};

/// How a call of an aggregate is computed.
#[derive(Clone, Debug)]
pub(crate) enum Rule {
    /// Of int2 or int4: an int8, or 22003.
    SumIntegers(Repr),
    /// Of int8 (as a numeric of scale 0) or of fixed-point numerics.
    SumUnits {
        input: Repr,
        scale: u8,
    },
    SumFloat32,
    SumFloat64,
    /// Of integers or fixed-point numerics: a numeric whose scale depends on the values.
    AverageUnits {
        input: Repr,
        scale: u8,
    },
    /// Of float4 or float8.
    AverageFloats(Repr),
    /// The value of the group's first row.
    AnyValue(Shape),
    Generic(Arc<Generic>),
}

impl Rule {
    /// The form of the result.
    fn output(&self) -> DataType {
        match self {
            Rule::SumIntegers(_) => DataType::Int64,
            Rule::SumUnits { scale, .. } => crate::repr::decimal_type(*scale),
            Rule::SumFloat32 => DataType::Float32,
            Rule::SumFloat64 | Rule::AverageFloats(_) => DataType::Float64,
            Rule::AverageUnits { .. } => Repr::Opaque.arrow(),
            Rule::AnyValue(shape) => shape.arrow(),
            Rule::Generic(generic) => generic.output.arrow(),
        }
    }

    /// The columns of the state that is written when groups are spilled.
    fn state(&self) -> Vec<DataType> {
        match self {
            Rule::AverageUnits { scale, .. } => vec![crate::repr::decimal_type(*scale), DataType::Int64],
            Rule::AverageFloats(_) => vec![DataType::Float64, DataType::Int64],
            Rule::AnyValue(shape) => vec![shape.arrow(), DataType::Boolean],
            other => vec![other.output()],
        }
    }

    fn groups(&self) -> Box<dyn GroupsAccumulator> {
        use arrow::datatypes::{Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type};
        match self {
            Rule::SumIntegers(Repr::Int16) => Box::new(sum::Sums::<Int16Type, Int64Type>::new(DataType::Int64)),
            Rule::SumIntegers(_) => Box::new(sum::Sums::<Int32Type, Int64Type>::new(DataType::Int64)),
            Rule::SumUnits { input: Repr::Int64, .. } => {
                Box::new(sum::Sums::<Int64Type, Decimal128Type>::new(self.output()))
            }
            Rule::SumUnits { .. } => Box::new(sum::Sums::<Decimal128Type, Decimal128Type>::new(self.output())),
            Rule::SumFloat32 => Box::new(sum::Sums::<Float32Type, Float32Type>::new(DataType::Float32)),
            Rule::SumFloat64 => Box::new(sum::Sums::<Float64Type, Float64Type>::new(DataType::Float64)),
            Rule::AverageUnits { input, scale } => match input {
                Repr::Int16 => Box::new(average::Averages::<Int16Type, Decimal128Type>::new(*scale)),
                Repr::Int32 => Box::new(average::Averages::<Int32Type, Decimal128Type>::new(*scale)),
                Repr::Int64 => Box::new(average::Averages::<Int64Type, Decimal128Type>::new(*scale)),
                _ => Box::new(average::Averages::<Decimal128Type, Decimal128Type>::new(*scale)),
            },
            Rule::AverageFloats(Repr::Float32) => Box::new(average::Averages::<Float32Type, Float64Type>::new(0)),
            Rule::AverageFloats(_) => Box::new(average::Averages::<Float64Type, Float64Type>::new(0)),
            Rule::AnyValue(shape) => Box::new(any_value::AnyValues::new(*shape)),
            Rule::Generic(generic) => Box::new(generic::Groups::new(Arc::clone(generic))),
        }
    }
}

/// One call of an aggregate in one plan.
struct AggregateRule {
    /// Tells one call from another.
    id: u64,
    name: String,
    rule: Rule,
    signature: Signature,
}

static NEXT_ID: AtomicU64 = AtomicU64::new(0);

/// The expression that calls an aggregate.
pub(crate) fn call(rule: Rule, args: Vec<Expr>, filter: Option<Expr>) -> Expr {
    let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
    let signature = Signature::any(args.len(), Volatility::Immutable);
    let function = AggregateRule { id, name: format!("aggregate_{id}"), rule, signature };
    let function = Arc::new(AggregateUDF::new_from_impl(function));
    let filter = filter.map(Box::new);
    let params = AggregateFunctionParams { args, distinct: false, filter, order_by: vec![], null_treatment: None };
    Expr::AggregateFunction(AggregateFunction { func: function, params })
}

impl fmt::Debug for AggregateRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl PartialEq for AggregateRule {
    fn eq(&self, other: &AggregateRule) -> bool {
        self.id == other.id
    }
}

impl Eq for AggregateRule {}

impl Hash for AggregateRule {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

impl AggregateUDFImpl for AggregateRule {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.rule.output())
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let fields = self.rule.state().into_iter().enumerate();
        Ok(fields.map(|(i, ty)| Arc::new(Field::new(format!("{}[{i}]", args.name), ty, true))).collect())
    }

    fn accumulator(&self, _: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(OneGroup { groups: Mutex::new(self.rule.groups()) }))
    }

    fn groups_accumulator_supported(&self, _: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(&self, _: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(self.rule.groups())
    }

    fn default_value(&self, data_type: &DataType) -> Result<ScalarValue> {
        ScalarValue::try_from(data_type)
    }

    fn order_sensitivity(&self) -> datafusion::logical_expr::utils::AggregateOrderSensitivity {
        datafusion::logical_expr::utils::AggregateOrderSensitivity::Insensitive
    }
}

/// The state of an aggregation without GROUP BY. The mutex is never contended: DataFusion wants `Sync`, and calls with
/// exclusive references.
struct OneGroup {
    groups: Mutex<Box<dyn GroupsAccumulator>>,
}

impl fmt::Debug for OneGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OneGroup")
    }
}

impl OneGroup {
    fn groups(&mut self) -> &mut Box<dyn GroupsAccumulator> {
        self.groups.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the group exist, for an aggregation of no rows.
    fn touch(&mut self, columns: &[ArrayRef]) -> Result<()> {
        self.groups().update_batch(columns, &[], None, 1)
    }
}

impl Accumulator for OneGroup {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let rows = values.first().map_or(0, |column| column.len());
        self.groups().update_batch(values, &vec![0; rows], None, 1)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.touch(&[])?;
        let result = self.groups().evaluate(EmitTo::All)?;
        ScalarValue::try_from_array(&result, 0)
    }

    fn size(&self) -> usize {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner).size()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.touch(&[])?;
        let state = self.groups().state(EmitTo::All)?;
        state.iter().map(|column| ScalarValue::try_from_array(column, 0)).collect()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let rows = states.first().map_or(0, |column| column.len());
        self.groups().merge_batch(states, &vec![0; rows], 1)
    }
}

/// Calls `each` with every row whose value is not null and which passes the filter.
#[inline]
fn each_row(
    nulls: Option<&NullBuffer>,
    filter: Option<&BooleanArray>,
    rows: usize,
    mut each: impl FnMut(usize) -> Result<()>,
) -> Result<()> {
    match (nulls.filter(|nulls| nulls.null_count() > 0), filter) {
        (None, None) => (0..rows).try_for_each(each),
        (Some(nulls), None) => nulls.valid_indices().try_for_each(each),
        (nulls, Some(filter)) => (0..rows).try_for_each(|row| {
            let wanted = filter.is_valid(row) && filter.value(row);
            if wanted && nulls.is_none_or(|nulls| nulls.is_valid(row)) { each(row) } else { Ok(()) }
        }),
    }
}

/// The error of a state that cannot be written to a spill file.
fn no_spill(name: &str) -> DataFusionError {
    DataFusionError::ResourcesExhausted(format!("The groups of {name} do not fit into memory"))
}

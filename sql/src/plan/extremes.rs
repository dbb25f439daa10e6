//! The least and the greatest value of an index column: its first or last entry.
//!
//! min and max over rows that an index yields in the order of their argument need one row, whatever the table holds. Nulls
//! stand last in an index, so that the least value comes before them, and the greatest is the last entry only of a column
//! without nulls. Rows that are tested one by one could make the walk as long as the index; they are read as before.

use super::order;
use crate::bound::{Aggregate, AggregateCall, Expr, Node, Plan, SortKey};
use types::{Datum, SqlType};

/// Lets the input of an aggregate over a single min or max yield only the row that decides.
pub fn limit_input(aggregate: &mut Aggregate) {
    let [AggregateCall { aggregate: call, args, filter: None, .. }] = aggregate.calls.as_slice() else { return };
    let ([argument], []) = (args.as_slice(), aggregate.keys.as_slice()) else { return };
    let descending = match call.name {
        "min" => false,
        "max" => true,
        _ => return,
    };
    if aggregate.grouping_sets.is_some() || !is_whole(&aggregate.input) {
        return;
    }
    let key = SortKey { expr: argument.clone(), descending, nulls_first: false };
    if order::satisfy(&mut aggregate.input, &[key], true) {
        let input = Box::new(std::mem::replace(&mut aggregate.input, Plan::one_row()));
        let fields = input.fields.clone();
        let one = Expr::constant(Datum::Int8(1), SqlType::INT8);
        aggregate.input = Plan::new(Node::Limit { input, limit: Some(one), offset: None, with_ties: None }, fields);
    }
}

/// Whether a plan yields all rows that its access reaches.
fn is_whole(plan: &Plan) -> bool {
    match &plan.node {
        Node::Scan(scan) => scan.filter.is_none(),
        Node::Project { input, .. } => is_whole(input),
        _ => false,
    }
}

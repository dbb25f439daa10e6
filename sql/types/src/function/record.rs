//! Functions that make records, and take fields from them.

use super::{Call, Function};
use crate::datum::Datum;
use crate::error::{Error, Result};
use crate::sqltype::oid::*;

/// A field of a record by its number: what `(record).name` is bound to. An oid of our own.
pub const RECORD_FIELD: u32 = 15_935;

/// `information_schema._pg_expandarray`, whose oid differs from one server to the next.
pub const EXPAND_ARRAY: u32 = 15_934;

fn record_field(call: &mut Call<'_>) -> Result<Datum> {
    let Datum::Record(fields) = call.arg(0) else { return Err(Error::internal("a field of what is no record")) };
    let at = usize::try_from(call.i64(1)?).ok();
    at.and_then(|at| fields.get(at)).map(Datum::from_field).ok_or_else(|| Error::internal("a record without the field"))
}

/// Each element of an array with its place, counted from 1.
fn expand_array(call: &mut Call<'_>) -> Result<Datum> {
    let array = call.array(0)?.clone();
    // Only the first dimension's subscripts are gone through.
    let count = array.dims.first().map_or(0, |size| *size as usize).min(array.elements.len());
    call.return_set(Box::new(
        (0..count).map(move |at| Ok(Datum::Record([array.elements[at].clone(), Datum::Int4(at as i32 + 1)].into()))),
    ))
}

#[rustfmt::skip]
pub(super) static FUNCTIONS: &[Function] = &[
    Function::strict(EXPAND_ARRAY, "_pg_expandarray", &[ANYARRAY], RECORD, expand_array).set(),
    Function::strict(RECORD_FIELD, "record_field", &[RECORD, INT4], ANYELEMENT, record_field),
];

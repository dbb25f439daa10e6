//! `& | # ~ << >>` on integers.

use super::{Call, Function};
use crate::datum::Datum;
use crate::error::{Error, Result};
use crate::sqltype::oid::*;

/// Applies an operation at the width of the first argument.
fn at_width(call: &Call<'_>, two: fn(i64, i64) -> i64) -> Result<Datum> {
    let right = if call.args.len() > 1 { call.i64(1)? } else { 0 };
    let result = two(call.i64(0)?, right);
    Ok(match call.arg(0) {
        Datum::Int2(_) => Datum::Int2(result as i16),
        Datum::Int4(_) => Datum::Int4(result as i32),
        Datum::Int8(_) => Datum::Int8(result),
        other => return Err(Error::internal(format!("bits of {other:?}"))),
    })
}

fn and(call: &mut Call<'_>) -> Result<Datum> {
    at_width(call, |a, b| a & b)
}

fn or(call: &mut Call<'_>) -> Result<Datum> {
    at_width(call, |a, b| a | b)
}

fn xor(call: &mut Call<'_>) -> Result<Datum> {
    at_width(call, |a, b| a ^ b)
}

fn not(call: &mut Call<'_>) -> Result<Datum> {
    at_width(call, |a, _| !a)
}

/// Shifts are taken modulo the width (32 for a smallint, which C widens), as the hardware does beneath PostgreSQL.
fn shift_left(call: &mut Call<'_>) -> Result<Datum> {
    let by = call.i32(1)? as u32;
    Ok(match call.arg(0) {
        Datum::Int2(value) => Datum::Int2(i32::from(*value).wrapping_shl(by) as i16),
        Datum::Int4(value) => Datum::Int4(value.wrapping_shl(by)),
        _ => Datum::Int8(call.i64(0)?.wrapping_shl(by)),
    })
}

fn shift_right(call: &mut Call<'_>) -> Result<Datum> {
    let by = call.i32(1)? as u32;
    Ok(match call.arg(0) {
        Datum::Int2(value) => Datum::Int2(i32::from(*value).wrapping_shr(by) as i16),
        Datum::Int4(value) => Datum::Int4(value.wrapping_shr(by)),
        _ => Datum::Int8(call.i64(0)?.wrapping_shr(by)),
    })
}

#[rustfmt::skip]
pub(super) static FUNCTIONS: &[Function] = &[
    Function::strict(1892, "int2and", &[INT2, INT2], INT2, and),
    Function::strict(1893, "int2or", &[INT2, INT2], INT2, or),
    Function::strict(1894, "int2xor", &[INT2, INT2], INT2, xor),
    Function::strict(1895, "int2not", &[INT2], INT2, not),
    Function::strict(1896, "int2shl", &[INT2, INT4], INT2, shift_left),
    Function::strict(1897, "int2shr", &[INT2, INT4], INT2, shift_right),
    Function::strict(1898, "int4and", &[INT4, INT4], INT4, and),
    Function::strict(1899, "int4or", &[INT4, INT4], INT4, or),
    Function::strict(1900, "int4xor", &[INT4, INT4], INT4, xor),
    Function::strict(1901, "int4not", &[INT4], INT4, not),
    Function::strict(1902, "int4shl", &[INT4, INT4], INT4, shift_left),
    Function::strict(1903, "int4shr", &[INT4, INT4], INT4, shift_right),
    Function::strict(1904, "int8and", &[INT8, INT8], INT8, and),
    Function::strict(1905, "int8or", &[INT8, INT8], INT8, or),
    Function::strict(1906, "int8xor", &[INT8, INT8], INT8, xor),
    Function::strict(1907, "int8not", &[INT8], INT8, not),
    Function::strict(1908, "int8shl", &[INT8, INT4], INT8, shift_left),
    Function::strict(1909, "int8shr", &[INT8, INT4], INT8, shift_right),
];

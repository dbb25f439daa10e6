//! `+ - * / %` and sign on integers, floats and decimals, with every overflow checked.

use super::args::{invalid_parameter, out_of_range};
use super::{Call, Function};
use crate::datum::Datum;
use crate::error::{Error, Result, SqlState};
use crate::numeric::{Numeric, division_by_zero};
use crate::sqltype::SqlType;
use crate::sqltype::oid::*;
use crate::text_io;

fn int2(value: Option<i64>) -> Result<Datum> {
    value.and_then(|v| i16::try_from(v).ok()).map(Datum::Int2).ok_or_else(|| out_of_range("smallint"))
}

fn int4(value: Option<i64>) -> Result<Datum> {
    value.and_then(|v| i32::try_from(v).ok()).map(Datum::Int4).ok_or_else(|| out_of_range("integer"))
}

fn int8(value: Option<i64>) -> Result<Datum> {
    value.map(Datum::Int8).ok_or_else(|| out_of_range("bigint"))
}

fn divisor(call: &Call<'_>) -> Result<i64> {
    match call.i64(1)? {
        0 => Err(division_by_zero()),
        value => Ok(value),
    }
}

fn int2_add(call: &mut Call<'_>) -> Result<Datum> {
    int2(call.i64(0)?.checked_add(call.i64(1)?))
}

fn int4_add(call: &mut Call<'_>) -> Result<Datum> {
    int4(call.i64(0)?.checked_add(call.i64(1)?))
}

fn int8_add(call: &mut Call<'_>) -> Result<Datum> {
    int8(call.i64(0)?.checked_add(call.i64(1)?))
}

fn int2_sub(call: &mut Call<'_>) -> Result<Datum> {
    int2(call.i64(0)?.checked_sub(call.i64(1)?))
}

fn int4_sub(call: &mut Call<'_>) -> Result<Datum> {
    int4(call.i64(0)?.checked_sub(call.i64(1)?))
}

fn int8_sub(call: &mut Call<'_>) -> Result<Datum> {
    int8(call.i64(0)?.checked_sub(call.i64(1)?))
}

fn int2_mul(call: &mut Call<'_>) -> Result<Datum> {
    int2(call.i64(0)?.checked_mul(call.i64(1)?))
}

fn int4_mul(call: &mut Call<'_>) -> Result<Datum> {
    int4(call.i64(0)?.checked_mul(call.i64(1)?))
}

fn int8_mul(call: &mut Call<'_>) -> Result<Datum> {
    int8(call.i64(0)?.checked_mul(call.i64(1)?))
}

fn int2_div(call: &mut Call<'_>) -> Result<Datum> {
    int2(call.i64(0)?.checked_div(divisor(call)?))
}

fn int4_div(call: &mut Call<'_>) -> Result<Datum> {
    int4(call.i64(0)?.checked_div(divisor(call)?))
}

fn int8_div(call: &mut Call<'_>) -> Result<Datum> {
    int8(call.i64(0)?.checked_div(divisor(call)?))
}

fn int2_rem(call: &mut Call<'_>) -> Result<Datum> {
    int2(Some(call.i64(0)?.wrapping_rem(divisor(call)?)))
}

fn int4_rem(call: &mut Call<'_>) -> Result<Datum> {
    int4(Some(call.i64(0)?.wrapping_rem(divisor(call)?)))
}

fn int8_rem(call: &mut Call<'_>) -> Result<Datum> {
    int8(Some(call.i64(0)?.wrapping_rem(divisor(call)?)))
}

fn int2_neg(call: &mut Call<'_>) -> Result<Datum> {
    int2(call.i64(0)?.checked_neg())
}

fn int4_neg(call: &mut Call<'_>) -> Result<Datum> {
    int4(call.i64(0)?.checked_neg())
}

fn int8_neg(call: &mut Call<'_>) -> Result<Datum> {
    int8(call.i64(0)?.checked_neg())
}

fn int2_abs(call: &mut Call<'_>) -> Result<Datum> {
    int2(call.i64(0)?.checked_abs())
}

fn int4_abs(call: &mut Call<'_>) -> Result<Datum> {
    int4(call.i64(0)?.checked_abs())
}

fn int8_abs(call: &mut Call<'_>) -> Result<Datum> {
    int8(call.i64(0)?.checked_abs())
}

fn same(call: &mut Call<'_>) -> Result<Datum> {
    Ok(call.arg(0).clone())
}

/// The greatest common divisor as a magnitude; 2^63 does not fit a result.
fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

fn gcd_of(call: &Call<'_>) -> Result<Option<i64>> {
    Ok(i64::try_from(gcd(call.i64(0)?.unsigned_abs(), call.i64(1)?.unsigned_abs())).ok())
}

fn lcm_of(call: &Call<'_>) -> Result<Option<i64>> {
    let (a, b) = (call.i64(0)?.unsigned_abs(), call.i64(1)?.unsigned_abs());
    if a == 0 || b == 0 {
        return Ok(Some(0));
    }
    Ok((a / gcd(a, b)).checked_mul(b).and_then(|value| i64::try_from(value).ok()))
}

fn int4_gcd(call: &mut Call<'_>) -> Result<Datum> {
    int4(gcd_of(call)?)
}

fn int8_gcd(call: &mut Call<'_>) -> Result<Datum> {
    int8(gcd_of(call)?)
}

fn int4_lcm(call: &mut Call<'_>) -> Result<Datum> {
    int4(lcm_of(call)?)
}

fn int8_lcm(call: &mut Call<'_>) -> Result<Datum> {
    int8(lcm_of(call)?)
}

pub(super) fn float_overflow() -> Error {
    Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "value out of range: overflow")
}

pub(super) fn float_underflow() -> Error {
    Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "value out of range: underflow")
}

/// Checks a float result: an infinity out of finite operands overflows, a zero where none is due underflows.
fn checked(result: f64, operands: [f64; 2], zero_is_due: bool) -> Result<f64> {
    if result.is_infinite() && operands.iter().all(|operand| operand.is_finite()) {
        return Err(float_overflow());
    }
    if result == 0.0 && !zero_is_due {
        return Err(float_underflow());
    }
    Ok(result)
}

fn add_floats(call: &Call<'_>) -> Result<(f64, [f64; 2], bool)> {
    let (a, b) = (call.f64(0)?, call.f64(1)?);
    Ok((a + b, [a, b], true))
}

fn sub_floats(call: &Call<'_>) -> Result<(f64, [f64; 2], bool)> {
    let (a, b) = (call.f64(0)?, call.f64(1)?);
    Ok((a - b, [a, b], true))
}

fn mul_floats(call: &Call<'_>) -> Result<(f64, [f64; 2], bool)> {
    let (a, b) = (call.f64(0)?, call.f64(1)?);
    Ok((a * b, [a, b], a == 0.0 || b == 0.0))
}

fn div_floats(call: &Call<'_>) -> Result<(f64, [f64; 2], bool)> {
    let (a, b) = (call.f64(0)?, call.f64(1)?);
    if b == 0.0 && !a.is_nan() {
        return Err(division_by_zero());
    }
    Ok((a / b, [a, b], a == 0.0 || b.is_infinite()))
}

fn float8((result, operands, zero_is_due): (f64, [f64; 2], bool)) -> Result<Datum> {
    checked(result, operands, zero_is_due).map(Datum::Float8)
}

/// The exact double result of two float4 operands, rounded once to float4, is what hardware would give.
fn float4((result, operands, zero_is_due): (f64, [f64; 2], bool)) -> Result<Datum> {
    let narrow = result as f32;
    checked(f64::from(narrow), operands, zero_is_due).map(|_| Datum::Float4(narrow))
}

fn float4_add(call: &mut Call<'_>) -> Result<Datum> {
    float4(add_floats(call)?)
}

fn float8_add(call: &mut Call<'_>) -> Result<Datum> {
    float8(add_floats(call)?)
}

fn float4_sub(call: &mut Call<'_>) -> Result<Datum> {
    float4(sub_floats(call)?)
}

fn float8_sub(call: &mut Call<'_>) -> Result<Datum> {
    float8(sub_floats(call)?)
}

fn float4_mul(call: &mut Call<'_>) -> Result<Datum> {
    float4(mul_floats(call)?)
}

fn float8_mul(call: &mut Call<'_>) -> Result<Datum> {
    float8(mul_floats(call)?)
}

fn float4_div(call: &mut Call<'_>) -> Result<Datum> {
    float4(div_floats(call)?)
}

fn float8_div(call: &mut Call<'_>) -> Result<Datum> {
    float8(div_floats(call)?)
}

fn float4_neg(call: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::Float4(-call.f64(0)? as f32))
}

fn float8_neg(call: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::Float8(-call.f64(0)?))
}

fn float4_abs(call: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::Float4(call.f64(0)?.abs() as f32))
}

fn float8_abs(call: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::Float8(call.f64(0)?.abs()))
}

fn numeric_add(call: &mut Call<'_>) -> Result<Datum> {
    call.numeric(0)?.add(call.numeric(1)?).map(Datum::Numeric)
}

fn numeric_sub(call: &mut Call<'_>) -> Result<Datum> {
    call.numeric(0)?.sub(call.numeric(1)?).map(Datum::Numeric)
}

fn numeric_mul(call: &mut Call<'_>) -> Result<Datum> {
    call.numeric(0)?.mul(call.numeric(1)?).map(Datum::Numeric)
}

fn numeric_div(call: &mut Call<'_>) -> Result<Datum> {
    call.numeric(0)?.div(call.numeric(1)?).map(Datum::Numeric)
}

fn numeric_div_trunc(call: &mut Call<'_>) -> Result<Datum> {
    call.numeric(0)?.div_trunc(call.numeric(1)?).map(Datum::Numeric)
}

fn numeric_rem(call: &mut Call<'_>) -> Result<Datum> {
    call.numeric(0)?.rem(call.numeric(1)?).map(Datum::Numeric)
}

fn numeric_neg(call: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::Numeric(call.numeric(0)?.neg()))
}

fn numeric_abs(call: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::Numeric(call.numeric(0)?.abs()))
}

/// Differences of log positions are decimals, because they may exceed a bigint.
fn lsn_sub(call: &mut Call<'_>) -> Result<Datum> {
    let (a, b) = (call.i64(0)? as u64, call.i64(1)? as u64);
    Ok(Datum::Numeric(Numeric::from_i128(i128::from(a) - i128::from(b), 0)))
}

/// The LSN a number of bytes away, rounded; `what` names the operation on NaN.
fn lsn_moved(lsn: i64, bytes: &Numeric, what: &str) -> Result<Datum> {
    let refuse = |message: String| Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message));
    if bytes.is_nan() {
        return refuse(format!("cannot {what} pg_lsn"));
    }
    if !bytes.is_finite() {
        return refuse("cannot convert infinity to pg_lsn".to_owned());
    }
    let moved = Numeric::from_i128(i128::from(lsn as u64), 0).add(bytes)?.to_i128();
    match moved.and_then(|moved| u64::try_from(moved).ok()) {
        Some(moved) => text_io::unsigned(moved, SqlType::PG_LSN),
        None => Err(invalid_parameter("pg_lsn out of range")),
    }
}

fn lsn_plus(call: &mut Call<'_>) -> Result<Datum> {
    lsn_moved(call.i64(0)?, call.numeric(1)?, "add NaN to")
}

fn plus_lsn(call: &mut Call<'_>) -> Result<Datum> {
    lsn_moved(call.i64(1)?, call.numeric(0)?, "add NaN to")
}

fn lsn_minus(call: &mut Call<'_>) -> Result<Datum> {
    lsn_moved(call.i64(0)?, &call.numeric(1)?.neg(), "subtract NaN from")
}

#[rustfmt::skip]
pub(super) static FUNCTIONS: &[Function] = &[
    Function::strict(141, "int4mul", &[INT4, INT4], INT4, int4_mul),
    Function::strict(152, "int2mul", &[INT2, INT2], INT2, int2_mul),
    Function::strict(153, "int2div", &[INT2, INT2], INT2, int2_div),
    Function::strict(154, "int4div", &[INT4, INT4], INT4, int4_div),
    Function::strict(155, "int2mod", &[INT2, INT2], INT2, int2_rem),
    Function::strict(156, "int4mod", &[INT4, INT4], INT4, int4_rem),
    Function::strict(170, "int24mul", &[INT2, INT4], INT4, int4_mul),
    Function::strict(171, "int42mul", &[INT4, INT2], INT4, int4_mul),
    Function::strict(172, "int24div", &[INT2, INT4], INT4, int4_div),
    Function::strict(173, "int42div", &[INT4, INT2], INT4, int4_div),
    Function::strict(176, "int2pl", &[INT2, INT2], INT2, int2_add),
    Function::strict(177, "int4pl", &[INT4, INT4], INT4, int4_add),
    Function::strict(178, "int24pl", &[INT2, INT4], INT4, int4_add),
    Function::strict(179, "int42pl", &[INT4, INT2], INT4, int4_add),
    Function::strict(180, "int2mi", &[INT2, INT2], INT2, int2_sub),
    Function::strict(181, "int4mi", &[INT4, INT4], INT4, int4_sub),
    Function::strict(182, "int24mi", &[INT2, INT4], INT4, int4_sub),
    Function::strict(183, "int42mi", &[INT4, INT2], INT4, int4_sub),
    Function::strict(202, "float4mul", &[FLOAT4, FLOAT4], FLOAT4, float4_mul),
    Function::strict(203, "float4div", &[FLOAT4, FLOAT4], FLOAT4, float4_div),
    Function::strict(204, "float4pl", &[FLOAT4, FLOAT4], FLOAT4, float4_add),
    Function::strict(205, "float4mi", &[FLOAT4, FLOAT4], FLOAT4, float4_sub),
    Function::strict(206, "float4um", &[FLOAT4], FLOAT4, float4_neg),
    Function::strict(207, "float4abs", &[FLOAT4], FLOAT4, float4_abs),
    Function::strict(212, "int4um", &[INT4], INT4, int4_neg),
    Function::strict(213, "int2um", &[INT2], INT2, int2_neg),
    Function::strict(216, "float8mul", &[FLOAT8, FLOAT8], FLOAT8, float8_mul),
    Function::strict(217, "float8div", &[FLOAT8, FLOAT8], FLOAT8, float8_div),
    Function::strict(218, "float8pl", &[FLOAT8, FLOAT8], FLOAT8, float8_add),
    Function::strict(219, "float8mi", &[FLOAT8, FLOAT8], FLOAT8, float8_sub),
    Function::strict(220, "float8um", &[FLOAT8], FLOAT8, float8_neg),
    Function::strict(221, "float8abs", &[FLOAT8], FLOAT8, float8_abs),
    Function::strict(279, "float48mul", &[FLOAT4, FLOAT8], FLOAT8, float8_mul),
    Function::strict(280, "float48div", &[FLOAT4, FLOAT8], FLOAT8, float8_div),
    Function::strict(281, "float48pl", &[FLOAT4, FLOAT8], FLOAT8, float8_add),
    Function::strict(282, "float48mi", &[FLOAT4, FLOAT8], FLOAT8, float8_sub),
    Function::strict(283, "float84mul", &[FLOAT8, FLOAT4], FLOAT8, float8_mul),
    Function::strict(284, "float84div", &[FLOAT8, FLOAT4], FLOAT8, float8_div),
    Function::strict(285, "float84pl", &[FLOAT8, FLOAT4], FLOAT8, float8_add),
    Function::strict(286, "float84mi", &[FLOAT8, FLOAT4], FLOAT8, float8_sub),
    Function::strict(462, "int8um", &[INT8], INT8, int8_neg),
    Function::strict(463, "int8pl", &[INT8, INT8], INT8, int8_add),
    Function::strict(464, "int8mi", &[INT8, INT8], INT8, int8_sub),
    Function::strict(465, "int8mul", &[INT8, INT8], INT8, int8_mul),
    Function::strict(466, "int8div", &[INT8, INT8], INT8, int8_div),
    Function::strict(837, "int82pl", &[INT8, INT2], INT8, int8_add),
    Function::strict(838, "int82mi", &[INT8, INT2], INT8, int8_sub),
    Function::strict(839, "int82mul", &[INT8, INT2], INT8, int8_mul),
    Function::strict(840, "int82div", &[INT8, INT2], INT8, int8_div),
    Function::strict(841, "int28pl", &[INT2, INT8], INT8, int8_add),
    Function::strict(940, "mod", &[INT2, INT2], INT2, int2_rem),
    Function::strict(941, "mod", &[INT4, INT4], INT4, int4_rem),
    Function::strict(942, "int28mi", &[INT2, INT8], INT8, int8_sub),
    Function::strict(943, "int28mul", &[INT2, INT8], INT8, int8_mul),
    Function::strict(945, "int8mod", &[INT8, INT8], INT8, int8_rem),
    Function::strict(947, "mod", &[INT8, INT8], INT8, int8_rem),
    Function::strict(948, "int28div", &[INT2, INT8], INT8, int8_div),
    Function::strict(1230, "int8abs", &[INT8], INT8, int8_abs),
    Function::strict(1251, "int4abs", &[INT4], INT4, int4_abs),
    Function::strict(1253, "int2abs", &[INT2], INT2, int2_abs),
    Function::strict(1274, "int84pl", &[INT8, INT4], INT8, int8_add),
    Function::strict(1275, "int84mi", &[INT8, INT4], INT8, int8_sub),
    Function::strict(1276, "int84mul", &[INT8, INT4], INT8, int8_mul),
    Function::strict(1277, "int84div", &[INT8, INT4], INT8, int8_div),
    Function::strict(1278, "int48pl", &[INT4, INT8], INT8, int8_add),
    Function::strict(1279, "int48mi", &[INT4, INT8], INT8, int8_sub),
    Function::strict(1280, "int48mul", &[INT4, INT8], INT8, int8_mul),
    Function::strict(1281, "int48div", &[INT4, INT8], INT8, int8_div),
    Function::strict(1394, "abs", &[FLOAT4], FLOAT4, float4_abs),
    Function::strict(1395, "abs", &[FLOAT8], FLOAT8, float8_abs),
    Function::strict(1396, "abs", &[INT8], INT8, int8_abs),
    Function::strict(1397, "abs", &[INT4], INT4, int4_abs),
    Function::strict(1398, "abs", &[INT2], INT2, int2_abs),
    Function::strict(1704, "numeric_abs", &[NUMERIC], NUMERIC, numeric_abs),
    Function::strict(1705, "abs", &[NUMERIC], NUMERIC, numeric_abs),
    Function::strict(1724, "numeric_add", &[NUMERIC, NUMERIC], NUMERIC, numeric_add),
    Function::strict(1725, "numeric_sub", &[NUMERIC, NUMERIC], NUMERIC, numeric_sub),
    Function::strict(1726, "numeric_mul", &[NUMERIC, NUMERIC], NUMERIC, numeric_mul),
    Function::strict(1727, "numeric_div", &[NUMERIC, NUMERIC], NUMERIC, numeric_div),
    Function::strict(1728, "mod", &[NUMERIC, NUMERIC], NUMERIC, numeric_rem),
    Function::strict(1729, "numeric_mod", &[NUMERIC, NUMERIC], NUMERIC, numeric_rem),
    Function::strict(1771, "numeric_uminus", &[NUMERIC], NUMERIC, numeric_neg),
    Function::strict(1910, "int8up", &[INT8], INT8, same),
    Function::strict(1911, "int2up", &[INT2], INT2, same),
    Function::strict(1912, "int4up", &[INT4], INT4, same),
    Function::strict(1913, "float4up", &[FLOAT4], FLOAT4, same),
    Function::strict(1914, "float8up", &[FLOAT8], FLOAT8, same),
    Function::strict(1915, "numeric_uplus", &[NUMERIC], NUMERIC, same),
    Function::strict(1973, "div", &[NUMERIC, NUMERIC], NUMERIC, numeric_div_trunc),
    Function::strict(1980, "numeric_div_trunc", &[NUMERIC, NUMERIC], NUMERIC, numeric_div_trunc),
    Function::strict(3237, "pg_lsn_mi", &[PG_LSN, PG_LSN], NUMERIC, lsn_sub),
    Function::strict(5022, "pg_lsn_pli", &[PG_LSN, NUMERIC], PG_LSN, lsn_plus),
    Function::strict(5023, "numeric_pl_pg_lsn", &[NUMERIC, PG_LSN], PG_LSN, plus_lsn),
    Function::strict(5024, "pg_lsn_mii", &[PG_LSN, NUMERIC], PG_LSN, lsn_minus),
    Function::strict(5044, "gcd", &[INT4, INT4], INT4, int4_gcd),
    Function::strict(5045, "gcd", &[INT8, INT8], INT8, int8_gcd),
    Function::strict(5046, "lcm", &[INT4, INT4], INT4, int4_lcm),
    Function::strict(5047, "lcm", &[INT8, INT8], INT8, int8_lcm),
];

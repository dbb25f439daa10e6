//! Rounding, roots, logarithms, trigonometry.

use std::f64::consts;

use super::args::out_of_range;
use super::arithmetic::{float_overflow, float_underflow};
use super::{Call, Function};
use crate::datum::Datum;
use crate::error::{Error, Result, SqlState};
use crate::numeric::Numeric;
use crate::sqltype::oid::*;

/// Below this an inverse hyperbolic function is the identity, in 53 bits.
const FDLIBM_SMALL: f64 = 1.0 / FDLIBM_LARGE;
/// Beyond this the square of a number plus one is its square.
const FDLIBM_LARGE: f64 = 268_435_456.0;

fn float(value: f64) -> Result<Datum> {
    Ok(Datum::Float8(value))
}

fn numeric(value: Result<Numeric>) -> Result<Datum> {
    value.map(Datum::Numeric)
}

fn float_ceil(call: &mut Call<'_>) -> Result<Datum> {
    float(call.f64(0)?.ceil())
}

fn float_floor(call: &mut Call<'_>) -> Result<Datum> {
    float(call.f64(0)?.floor())
}

/// Halves go to the even neighbour, as rint does.
fn float_round(call: &mut Call<'_>) -> Result<Datum> {
    float(call.f64(0)?.round_ties_even())
}

fn float_trunc(call: &mut Call<'_>) -> Result<Datum> {
    float(call.f64(0)?.trunc())
}

fn float_sign(call: &mut Call<'_>) -> Result<Datum> {
    let value = call.f64(0)?;
    float(if value > 0.0 {
        1.0
    } else if value < 0.0 {
        -1.0
    } else {
        0.0
    })
}

fn numeric_ceil(call: &mut Call<'_>) -> Result<Datum> {
    numeric(call.numeric(0)?.ceil())
}

fn numeric_floor(call: &mut Call<'_>) -> Result<Datum> {
    numeric(call.numeric(0)?.floor())
}

/// The number of digits asked for, bounded as PostgreSQL bounds it.
fn digits(call: &Call<'_>) -> Result<i32> {
    if call.args.len() > 1 { Ok(call.i32(1)?.clamp(-2_000, 2_000)) } else { Ok(0) }
}

fn numeric_round(call: &mut Call<'_>) -> Result<Datum> {
    numeric(call.numeric(0)?.round(digits(call)?))
}

fn numeric_trunc(call: &mut Call<'_>) -> Result<Datum> {
    numeric(call.numeric(0)?.trunc(digits(call)?))
}

fn numeric_sign(call: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::Numeric(call.numeric(0)?.signum()))
}

fn numeric_scale(call: &mut Call<'_>) -> Result<Datum> {
    Ok(call.numeric(0)?.scale().map_or(Datum::Null, |scale| Datum::Int4(i32::from(scale))))
}

fn numeric_min_scale(call: &mut Call<'_>) -> Result<Datum> {
    Ok(call.numeric(0)?.trim_scale().scale().map_or(Datum::Null, |scale| Datum::Int4(i32::from(scale))))
}

fn numeric_trim_scale(call: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::Numeric(call.numeric(0)?.trim_scale()))
}

fn numeric_sqrt(call: &mut Call<'_>) -> Result<Datum> {
    numeric(call.numeric(0)?.sqrt())
}

fn numeric_ln(call: &mut Call<'_>) -> Result<Datum> {
    numeric(call.numeric(0)?.ln())
}

fn numeric_log10(call: &mut Call<'_>) -> Result<Datum> {
    numeric(call.numeric(0)?.log(&Numeric::from(10)))
}

fn numeric_log(call: &mut Call<'_>) -> Result<Datum> {
    numeric(call.numeric(1)?.log(call.numeric(0)?))
}

fn numeric_exp(call: &mut Call<'_>) -> Result<Datum> {
    numeric(call.numeric(0)?.exp())
}

fn numeric_power(call: &mut Call<'_>) -> Result<Datum> {
    numeric(call.numeric(0)?.power(call.numeric(1)?))
}

fn numeric_factorial(call: &mut Call<'_>) -> Result<Datum> {
    let n = call.i64(0)?;
    if n < 0 {
        return Err(out_of_range_message("factorial of a negative number is undefined"));
    }
    // Beyond this the result has more digits than a numeric holds.
    if n > 32_177 {
        return Err(out_of_range_message("value overflows numeric format"));
    }
    let mut product = num_bigint::BigInt::from(1);
    for factor in 2..=n {
        product *= factor;
    }
    numeric(Numeric::from_bigint(product, 0))
}

fn numeric_gcd(call: &mut Call<'_>) -> Result<Datum> {
    numeric(call.numeric(0)?.gcd(call.numeric(1)?, call.settings))
}

fn numeric_lcm(call: &mut Call<'_>) -> Result<Datum> {
    numeric(call.numeric(0)?.lcm(call.numeric(1)?, call.settings))
}

fn out_of_range_message(message: &str) -> Error {
    Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, message)
}

fn float_sqrt(call: &mut Call<'_>) -> Result<Datum> {
    let value = call.f64(0)?;
    if value < 0.0 {
        return Err(Error::new(
            SqlState::INVALID_ARGUMENT_FOR_POWER_FUNCTION,
            "cannot take square root of a negative number",
        ));
    }
    float(value.sqrt())
}

fn float_cbrt(call: &mut Call<'_>) -> Result<Datum> {
    float(call.f64(0)?.cbrt())
}

fn check_log(value: f64) -> Result<f64> {
    if value == 0.0 {
        return Err(Error::new(SqlState::INVALID_ARGUMENT_FOR_LOG, "cannot take logarithm of zero"));
    }
    if value < 0.0 {
        return Err(Error::new(SqlState::INVALID_ARGUMENT_FOR_LOG, "cannot take logarithm of a negative number"));
    }
    Ok(value)
}

fn float_ln(call: &mut Call<'_>) -> Result<Datum> {
    float(check_log(call.f64(0)?)?.ln())
}

fn float_log10(call: &mut Call<'_>) -> Result<Datum> {
    float(check_log(call.f64(0)?)?.log10())
}

fn float_exp(call: &mut Call<'_>) -> Result<Datum> {
    let value = call.f64(0)?;
    let result = value.exp();
    if value.is_finite() && result.is_infinite() {
        return Err(float_overflow());
    }
    if value.is_finite() && result == 0.0 {
        return Err(float_underflow());
    }
    float(result)
}

fn float_power(call: &mut Call<'_>) -> Result<Datum> {
    let (base, exponent) = (call.f64(0)?, call.f64(1)?);
    let refuse = |message: &str| Err(Error::new(SqlState::INVALID_ARGUMENT_FOR_POWER_FUNCTION, message));
    if base == 0.0 && exponent < 0.0 {
        return refuse("zero raised to a negative power is undefined");
    }
    if base < 0.0 && exponent.is_finite() && exponent.fract() != 0.0 {
        return refuse("a negative number raised to a non-integer power yields a complex result");
    }
    let result = base.powf(exponent);
    if base.is_finite() && exponent.is_finite() {
        if result.is_infinite() {
            return Err(float_overflow());
        }
        if result == 0.0 && base != 0.0 {
            return Err(float_underflow());
        }
    }
    float(result)
}

fn pi(_call: &mut Call<'_>) -> Result<Datum> {
    float(consts::PI)
}

fn degrees(call: &mut Call<'_>) -> Result<Datum> {
    float(call.f64(0)? / (consts::PI / 180.0))
}

fn radians(call: &mut Call<'_>) -> Result<Datum> {
    float(call.f64(0)? * (consts::PI / 180.0))
}

/// # Errors
/// 22003 where the function has no value.
pub(super) fn trigonometric(call: &Call<'_>, function: fn(f64) -> f64) -> Result<Datum> {
    let value = call.f64(0)?;
    let result = function(value);
    if result.is_nan() && !value.is_nan() {
        return Err(Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "input is out of range"));
    }
    float(result)
}

fn sin(call: &mut Call<'_>) -> Result<Datum> {
    trigonometric(call, f64::sin)
}

fn cos(call: &mut Call<'_>) -> Result<Datum> {
    trigonometric(call, f64::cos)
}

fn tan(call: &mut Call<'_>) -> Result<Datum> {
    trigonometric(call, f64::tan)
}

fn cot(call: &mut Call<'_>) -> Result<Datum> {
    trigonometric(call, |value| 1.0 / value.tan())
}

fn asin(call: &mut Call<'_>) -> Result<Datum> {
    trigonometric(call, f64::asin)
}

fn acos(call: &mut Call<'_>) -> Result<Datum> {
    trigonometric(call, f64::acos)
}

fn atan(call: &mut Call<'_>) -> Result<Datum> {
    trigonometric(call, f64::atan)
}

fn atan2(call: &mut Call<'_>) -> Result<Datum> {
    float(call.f64(0)?.atan2(call.f64(1)?))
}

fn sinh(call: &mut Call<'_>) -> Result<Datum> {
    trigonometric(call, f64::sinh)
}

fn cosh(call: &mut Call<'_>) -> Result<Datum> {
    trigonometric(call, f64::cosh)
}

fn tanh(call: &mut Call<'_>) -> Result<Datum> {
    trigonometric(call, f64::tanh)
}

/// The three inverse functions as fdlibm computes them, and with it the C library beneath PostgreSQL: those of Rust's
/// standard library differ in the last digit.
fn asinh(call: &mut Call<'_>) -> Result<Datum> {
    trigonometric(call, |value| {
        let size = value.abs();
        let result = if size < FDLIBM_SMALL {
            return value;
        } else if size > FDLIBM_LARGE {
            size.ln() + consts::LN_2
        } else if size > 2.0 {
            (2.0 * size + 1.0 / ((size * size + 1.0).sqrt() + size)).ln()
        } else {
            let square = size * size;
            (size + square / (1.0 + (1.0 + square).sqrt())).ln_1p()
        };
        result.copysign(value)
    })
}

fn acosh(call: &mut Call<'_>) -> Result<Datum> {
    trigonometric(call, |value| {
        if value > FDLIBM_LARGE {
            value.ln() + consts::LN_2
        } else if value > 2.0 {
            (2.0 * value - 1.0 / (value + (value * value - 1.0).sqrt())).ln()
        } else if value >= 1.0 {
            let excess = value - 1.0;
            (excess + (2.0 * excess + excess * excess).sqrt()).ln_1p()
        } else {
            f64::NAN
        }
    })
}

fn atanh(call: &mut Call<'_>) -> Result<Datum> {
    trigonometric(call, |value| {
        let size = value.abs();
        let result = if size < FDLIBM_SMALL {
            return value;
        } else if size < 0.5 {
            let double = size + size;
            0.5 * (double + double * size / (1.0 - size)).ln_1p()
        } else if size < 1.0 {
            0.5 * ((size + size) / (1.0 - size)).ln_1p()
        } else if size <= 1.0 {
            f64::INFINITY
        } else {
            f64::NAN
        };
        result.copysign(value)
    })
}

fn no_buckets(message: &str) -> Error {
    Error::new(SqlState::INVALID_ARGUMENT_FOR_WIDTH_BUCKET_FUNCTION, message)
}

/// The number of buckets, of which there must be one.
fn bucket_count(call: &Call<'_>) -> Result<i32> {
    match call.i32(3)? {
        count if count > 0 => Ok(count),
        _ => Err(no_buckets("count must be greater than zero")),
    }
}

fn past_last_bucket(count: i32) -> Result<Datum> {
    count.checked_add(1).map(Datum::Int4).ok_or_else(|| out_of_range("integer"))
}

/// The bucket of a value among some of equal width between two bounds.
fn float_width_bucket(call: &mut Call<'_>) -> Result<Datum> {
    let (value, low, high) = (call.f64(0)?, call.f64(1)?, call.f64(2)?);
    let count = bucket_count(call)?;
    if value.is_nan() || low.is_nan() || high.is_nan() {
        return Err(no_buckets("operand, lower bound, and upper bound cannot be NaN"));
    }
    if low.is_infinite() || high.is_infinite() {
        return Err(no_buckets("lower and upper bounds must be finite"));
    }
    if low == high {
        return Err(no_buckets("lower bound cannot equal upper bound"));
    }
    let (position, outside_low, outside_high) = if low < high {
        ((value - low) / (high - low), value < low, value >= high)
    } else {
        ((low - value) / (low - high), value > low, value <= high)
    };
    if outside_low {
        return Ok(Datum::Int4(0));
    }
    if outside_high {
        return past_last_bucket(count);
    }
    Ok(Datum::Int4(((position * f64::from(count)) as i32).min(count - 1) + 1))
}

/// The same in decimals, with the digits of PostgreSQL's division.
fn numeric_width_bucket(call: &mut Call<'_>) -> Result<Datum> {
    let (value, low, high) = (call.numeric(0)?, call.numeric(1)?, call.numeric(2)?);
    let count = bucket_count(call)?;
    if value.is_nan() || low.is_nan() || high.is_nan() {
        return Err(no_buckets("operand, lower bound, and upper bound cannot be NaN"));
    }
    if !low.is_finite() || !high.is_finite() {
        return Err(no_buckets("lower and upper bounds must be finite"));
    }
    if low == high {
        return Err(no_buckets("lower bound cannot equal upper bound"));
    }
    let rising = low < high;
    if if rising { value < low } else { value > low } {
        return Ok(Datum::Int4(0));
    }
    if if rising { value >= high } else { value <= high } {
        return past_last_bucket(count);
    }
    let (distance, width) = if rising { (value.sub(low)?, high.sub(low)?) } else { (low.sub(value)?, low.sub(high)?) };
    let position = distance.mul(&Numeric::from(count))?.div(&width)?;
    let bucket = position.add(&Numeric::ONE)?.floor()?.to_i64();
    bucket.and_then(|bucket| i32::try_from(bucket).ok()).map(Datum::Int4).ok_or_else(|| out_of_range("integer"))
}

#[rustfmt::skip]
pub(super) static FUNCTIONS: &[Function] = &[
    Function::strict(228, "dround", &[FLOAT8], FLOAT8, float_round),
    Function::strict(230, "dsqrt", &[FLOAT8], FLOAT8, float_sqrt),
    Function::strict(231, "dcbrt", &[FLOAT8], FLOAT8, float_cbrt),
    Function::strict(232, "dpow", &[FLOAT8, FLOAT8], FLOAT8, float_power),
    Function::strict(320, "width_bucket", &[FLOAT8, FLOAT8, FLOAT8, INT4], INT4, float_width_bucket),
    Function::strict(1194, "log10", &[FLOAT8], FLOAT8, float_log10),
    Function::strict(1340, "log", &[FLOAT8], FLOAT8, float_log10),
    Function::strict(1341, "ln", &[FLOAT8], FLOAT8, float_ln),
    Function::strict(1342, "round", &[FLOAT8], FLOAT8, float_round),
    Function::strict(1343, "trunc", &[FLOAT8], FLOAT8, float_trunc),
    Function::strict(1344, "sqrt", &[FLOAT8], FLOAT8, float_sqrt),
    Function::strict(1345, "cbrt", &[FLOAT8], FLOAT8, float_cbrt),
    Function::strict(1346, "pow", &[FLOAT8, FLOAT8], FLOAT8, float_power),
    Function::strict(1347, "exp", &[FLOAT8], FLOAT8, float_exp),
    Function::strict(1368, "power", &[FLOAT8, FLOAT8], FLOAT8, float_power),
    Function::strict(1376, "factorial", &[INT8], NUMERIC, numeric_factorial),
    Function::strict(1481, "log10", &[NUMERIC], NUMERIC, numeric_log10),
    Function::strict(1600, "asin", &[FLOAT8], FLOAT8, asin),
    Function::strict(1601, "acos", &[FLOAT8], FLOAT8, acos),
    Function::strict(1602, "atan", &[FLOAT8], FLOAT8, atan),
    Function::strict(1603, "atan2", &[FLOAT8, FLOAT8], FLOAT8, atan2),
    Function::strict(1604, "sin", &[FLOAT8], FLOAT8, sin),
    Function::strict(1605, "cos", &[FLOAT8], FLOAT8, cos),
    Function::strict(1606, "tan", &[FLOAT8], FLOAT8, tan),
    Function::strict(1607, "cot", &[FLOAT8], FLOAT8, cot),
    Function::strict(1608, "degrees", &[FLOAT8], FLOAT8, degrees),
    Function::strict(1609, "radians", &[FLOAT8], FLOAT8, radians),
    Function::strict(1610, "pi", &[], FLOAT8, pi),
    Function::strict(1706, "sign", &[NUMERIC], NUMERIC, numeric_sign),
    Function::strict(1707, "round", &[NUMERIC, INT4], NUMERIC, numeric_round),
    Function::strict(1708, "round", &[NUMERIC], NUMERIC, numeric_round),
    Function::strict(1709, "trunc", &[NUMERIC, INT4], NUMERIC, numeric_trunc),
    Function::strict(1710, "trunc", &[NUMERIC], NUMERIC, numeric_trunc),
    Function::strict(1711, "ceil", &[NUMERIC], NUMERIC, numeric_ceil),
    Function::strict(1712, "floor", &[NUMERIC], NUMERIC, numeric_floor),
    Function::strict(1730, "sqrt", &[NUMERIC], NUMERIC, numeric_sqrt),
    Function::strict(1731, "numeric_sqrt", &[NUMERIC], NUMERIC, numeric_sqrt),
    Function::strict(1732, "exp", &[NUMERIC], NUMERIC, numeric_exp),
    Function::strict(1733, "numeric_exp", &[NUMERIC], NUMERIC, numeric_exp),
    Function::strict(1734, "ln", &[NUMERIC], NUMERIC, numeric_ln),
    Function::strict(1736, "log", &[NUMERIC, NUMERIC], NUMERIC, numeric_log),
    Function::strict(1738, "pow", &[NUMERIC, NUMERIC], NUMERIC, numeric_power),
    Function::strict(1739, "numeric_power", &[NUMERIC, NUMERIC], NUMERIC, numeric_power),
    Function::strict(1741, "log", &[NUMERIC], NUMERIC, numeric_log10),
    Function::strict(2167, "ceiling", &[NUMERIC], NUMERIC, numeric_ceil),
    Function::strict(2169, "power", &[NUMERIC, NUMERIC], NUMERIC, numeric_power),
    Function::strict(2170, "width_bucket", &[NUMERIC, NUMERIC, NUMERIC, INT4], INT4, numeric_width_bucket),
    Function::strict(2308, "ceil", &[FLOAT8], FLOAT8, float_ceil),
    Function::strict(2309, "floor", &[FLOAT8], FLOAT8, float_floor),
    Function::strict(2310, "sign", &[FLOAT8], FLOAT8, float_sign),
    Function::strict(2320, "ceiling", &[FLOAT8], FLOAT8, float_ceil),
    Function::strict(2462, "sinh", &[FLOAT8], FLOAT8, sinh),
    Function::strict(2463, "cosh", &[FLOAT8], FLOAT8, cosh),
    Function::strict(2464, "tanh", &[FLOAT8], FLOAT8, tanh),
    Function::strict(2465, "asinh", &[FLOAT8], FLOAT8, asinh),
    Function::strict(2466, "acosh", &[FLOAT8], FLOAT8, acosh),
    Function::strict(2467, "atanh", &[FLOAT8], FLOAT8, atanh),
    Function::strict(3281, "scale", &[NUMERIC], INT4, numeric_scale),
    Function::strict(5042, "min_scale", &[NUMERIC], INT4, numeric_min_scale),
    Function::strict(5043, "trim_scale", &[NUMERIC], NUMERIC, numeric_trim_scale),
    Function::strict(5048, "gcd", &[NUMERIC, NUMERIC], NUMERIC, numeric_gcd),
    Function::strict(5049, "lcm", &[NUMERIC, NUMERIC], NUMERIC, numeric_lcm),
];

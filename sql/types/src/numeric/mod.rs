//! [`Numeric`]: decimals of any size with PostgreSQL's scales and roundings, NaN and the infinities.
//!
//! A finite value is an integer `unscaled` divided by 10^`scale`; the scale is PostgreSQL's *display scale*, so 1.0 and
//! 1.00 are equal and print differently. Values whose unscaled part fits an i64 are kept inline and computed in 128 bits;
//! larger ones are a shared big integer.
//!
//! Scales of results: + and - the larger of both, * the sum, % the larger, / enough for 16 significant digits (counted,
//! as PostgreSQL does, in groups of four decimal digits) and not less than either operand's. Rounding is half away from
//! zero. Roots, logarithms and powers are computed with guard digits and rounded once, so the
//! last digit may differ from PostgreSQL's only where PostgreSQL itself rounds twice.
//!
//! Limits are PostgreSQL's: 131,072 digits before the point, 16,383 after it; beyond is 22003.
//!
//! Source: PostgreSQL `src/backend/utils/adt/numeric.c`.

mod math;

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use num_bigint::{BigInt, BigUint, Sign};
use num_traits::{One, Signed, ToPrimitive, Zero};

use crate::datum::COUNTS_BYTES;
use crate::error::{Error, Result, SqlState};
use crate::settings::Settings;

/// Most digits before the decimal point.
const INTEGER_DIGITS_MAX: i64 = 131_072;
/// Most digits after the decimal point.
pub(crate) const SCALE_MAX: i64 = 16_383;
/// Significant digits that division and the transcendental functions aim for.
const SIGNIFICANT_DIGITS_MIN: i64 = 16;
/// Largest scale that division and the transcendental functions choose by themselves.
const DISPLAY_SCALE_MAX: i64 = 1_000;

/// A decimal number, NaN or an infinity.
#[derive(Clone, Debug)]
pub struct Numeric(Repr);

#[derive(Clone, Debug)]
enum Repr {
    Small { unscaled: i64, scale: u16 },
    Big(Arc<Big>),
    NaN,
    PosInf,
    NegInf,
}

/// A finite value that does not fit an i64.
#[derive(Debug)]
struct Big {
    unscaled: BigInt,
    scale: u16,
}

/// Powers of ten that fit a u128.
const POW10: [u128; 39] = {
    let mut table = [1u128; 39];
    let mut i = 1;
    while i < 39 {
        table[i] = table[i - 1] * 10;
        i += 1;
    }
    table
};

fn pow10(exponent: u32) -> BigInt {
    match POW10.get(exponent as usize) {
        Some(power) => BigInt::from(*power),
        None => BigInt::from(10u8).pow(exponent),
    }
}

/// Divides rounding half away from zero.
fn div_round(dividend: &BigInt, divisor: &BigInt) -> BigInt {
    let negative = dividend.is_negative() != divisor.is_negative();
    let (dividend, divisor) = (dividend.magnitude(), divisor.magnitude());
    let mut quotient = dividend / divisor;
    let remainder = dividend - &quotient * divisor;
    if remainder * 2u8 >= *divisor {
        quotient += 1u8;
    }
    BigInt::from_biguint(if negative { Sign::Minus } else { Sign::Plus }, quotient)
}

fn div_round_i128(dividend: i128, divisor: i128) -> i128 {
    let (quotient, remainder) = (dividend / divisor, dividend % divisor);
    if remainder.unsigned_abs() >= divisor.unsigned_abs() - remainder.unsigned_abs() {
        quotient + if (dividend < 0) != (divisor < 0) { -1 } else { 1 }
    } else {
        quotient
    }
}

/// Decimal digits of a magnitude; 0 has none.
fn digit_count(value: &BigUint) -> i64 {
    if value.is_zero() {
        return 0;
    }
    if let Some(small) = value.to_u128() {
        return POW10.partition_point(|power| *power <= small) as i64;
    }
    // bits * log10(2) is at most one digit off; settle it by comparison.
    let estimate = ((value.bits() - 1) as f64 * std::f64::consts::LOG10_2) as u32;
    let mut count = estimate;
    let mut power = BigUint::from(10u8).pow(count);
    while *value >= power {
        power *= 10u8;
        count += 1;
    }
    i64::from(count)
}

fn overflow() -> Error {
    Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "value overflows numeric format")
}

impl Numeric {
    pub const NAN: Numeric = Numeric(Repr::NaN);
    pub const INFINITY: Numeric = Numeric(Repr::PosInf);
    pub const NEG_INFINITY: Numeric = Numeric(Repr::NegInf);
    pub const ZERO: Numeric = Numeric(Repr::Small { unscaled: 0, scale: 0 });
    pub const ONE: Numeric = Numeric(Repr::Small { unscaled: 1, scale: 0 });

    /// `unscaled` / 10^`scale`.
    pub fn from_parts(unscaled: i64, scale: u16) -> Numeric {
        Numeric(Repr::Small { unscaled, scale })
    }

    /// `unscaled` / 10^`scale`.
    pub fn from_i128(unscaled: i128, scale: u16) -> Numeric {
        match i64::try_from(unscaled) {
            Ok(unscaled) => Numeric(Repr::Small { unscaled, scale }),
            Err(_) => Numeric(Repr::Big(Arc::new(Big { unscaled: BigInt::from(unscaled), scale }))),
        }
    }

    /// `unscaled` / 10^`scale`.
    ///
    /// # Errors
    /// 22003 with more digits than a numeric can hold.
    pub fn from_bigint(unscaled: BigInt, scale: u16) -> Result<Numeric> {
        if let Some(small) = unscaled.to_i64() {
            return Ok(Numeric(Repr::Small { unscaled: small, scale }));
        }
        if i64::from(scale) > SCALE_MAX || digit_count(unscaled.magnitude()) - i64::from(scale) > INTEGER_DIGITS_MAX {
            return Err(overflow());
        }
        Ok(Numeric(Repr::Big(Arc::new(Big { unscaled, scale }))))
    }

    /// A result of this module's own arithmetic, whose scale may be past the limit: rounds it there first.
    pub(crate) fn from_scaled(unscaled: BigInt, scale: i64) -> Result<Numeric> {
        if scale > SCALE_MAX {
            let cut = scale - SCALE_MAX;
            // Nothing of the value reaches the last digit; the power of ten may be too large to build.
            if cut > digit_count(unscaled.magnitude()) {
                return Ok(Numeric::from_parts(0, SCALE_MAX as u16));
            }
            let cut = u32::try_from(cut).map_err(|_| overflow())?;
            return Numeric::from_bigint(div_round(&unscaled, &pow10(cut)), SCALE_MAX as u16);
        }
        if scale < 0 {
            let grow = u32::try_from(-scale).map_err(|_| overflow())?;
            if i64::from(grow) > INTEGER_DIGITS_MAX && !unscaled.is_zero() {
                return Err(overflow());
            }
            return Numeric::from_bigint(unscaled * pow10(grow), 0);
        }
        Numeric::from_bigint(unscaled, scale as u16)
    }

    /// The value with 15 significant digits, as PostgreSQL casts a float8.
    pub fn from_f64(value: f64) -> Numeric {
        Numeric::from_float_digits(value, 14)
    }

    /// The value with 6 significant digits, as PostgreSQL casts a float4.
    pub fn from_f32(value: f32) -> Numeric {
        Numeric::from_float_digits(f64::from(value), 5)
    }

    fn from_float_digits(value: f64, fraction_digits: usize) -> Numeric {
        if value.is_nan() {
            return Numeric::NAN;
        }
        if value.is_infinite() {
            return if value > 0.0 { Numeric::INFINITY } else { Numeric::NEG_INFINITY };
        }
        let text = format!("{value:.fraction_digits$e}");
        let (mantissa, exponent) = text.split_once('e').expect("{:e} writes an exponent");
        let mantissa = mantissa.trim_end_matches('0').trim_end_matches('.');
        Numeric::parse(&format!("{mantissa}e{exponent}")).expect("a float has at most 309 digits")
    }

    /// The decimal scale; `None` for NaN and infinities.
    pub fn scale(&self) -> Option<u16> {
        match &self.0 {
            Repr::Small { scale, .. } => Some(*scale),
            Repr::Big(big) => Some(big.scale),
            _ => None,
        }
    }

    pub fn is_nan(&self) -> bool {
        matches!(self.0, Repr::NaN)
    }

    pub fn is_finite(&self) -> bool {
        matches!(self.0, Repr::Small { .. } | Repr::Big(_))
    }

    pub fn is_zero(&self) -> bool {
        matches!(self.0, Repr::Small { unscaled: 0, .. })
    }

    pub fn is_negative(&self) -> bool {
        match &self.0 {
            Repr::Small { unscaled, .. } => *unscaled < 0,
            Repr::Big(big) => big.unscaled.is_negative(),
            Repr::NegInf => true,
            _ => false,
        }
    }

    /// (unscaled, scale) when both are small; the fast path of everything that computes.
    pub fn as_small(&self) -> Option<(i64, u16)> {
        match self.0 {
            Repr::Small { unscaled, scale } => Some((unscaled, scale)),
            _ => None,
        }
    }

    /// (unscaled, scale) of a finite value.
    pub fn to_parts(&self) -> Option<(BigInt, u16)> {
        match &self.0 {
            Repr::Small { unscaled, scale } => Some((BigInt::from(*unscaled), *scale)),
            Repr::Big(big) => Some((big.unscaled.clone(), big.scale)),
            _ => None,
        }
    }

    /// The order of PostgreSQL: NaN above infinity above all numbers.
    pub fn compare(&self, other: &Numeric) -> Ordering {
        fn rank(value: &Numeric) -> u8 {
            match value.0 {
                Repr::NegInf => 0,
                Repr::Small { .. } | Repr::Big(_) => 1,
                Repr::PosInf => 2,
                Repr::NaN => 3,
            }
        }
        if let (Some((a, s)), Some((b, t))) = (self.as_small(), other.as_small()) {
            if s == t {
                return a.cmp(&b);
            }
            if s.abs_diff(t) <= 19 {
                let widen = |v: i64, by: u16| i128::from(v) * POW10[by as usize] as i128;
                let top = s.max(t);
                // An i64 times 10^19 is below 2^127.
                return widen(a, top - s).cmp(&widen(b, top - t));
            }
        }
        match (self.to_parts(), other.to_parts()) {
            (Some((a, s)), Some((b, t))) => {
                if a.sign() != b.sign() {
                    return a.sign().cmp(&b.sign());
                }
                let top = s.max(t);
                (a * pow10(u32::from(top - s))).cmp(&(b * pow10(u32::from(top - t))))
            }
            _ => rank(self).cmp(&rank(other)),
        }
    }

    /// Combines operands of which at least one is not finite, by their float counterparts (0, 1, -1, NaN, infinities
    /// obey the same laws there).
    fn special(&self, other: &Numeric, combine: fn(f64, f64) -> f64) -> Numeric {
        let stand_in = |value: &Numeric| match value.0 {
            Repr::NaN => f64::NAN,
            Repr::PosInf => f64::INFINITY,
            Repr::NegInf => f64::NEG_INFINITY,
            _ if value.is_zero() => 0.0,
            _ if value.is_negative() => -1.0,
            _ => 1.0,
        };
        match combine(stand_in(self), stand_in(other)) {
            value if value.is_nan() => Numeric::NAN,
            f64::INFINITY => Numeric::INFINITY,
            f64::NEG_INFINITY => Numeric::NEG_INFINITY,
            _ => Numeric::ZERO,
        }
    }

    pub fn add(&self, other: &Numeric) -> Result<Numeric> {
        if let (Some((a, s)), Some((b, t))) = (self.as_small(), other.as_small()) {
            if s == t {
                return Ok(Numeric::from_i128(i128::from(a) + i128::from(b), s));
            }
            if s.abs_diff(t) <= 18 {
                let top = s.max(t);
                let widen = |v: i64, by: u16| i128::from(v) * POW10[by as usize] as i128;
                return Ok(Numeric::from_i128(widen(a, top - s) + widen(b, top - t), top));
            }
        }
        match (self.to_parts(), other.to_parts()) {
            (Some((a, s)), Some((b, t))) => {
                let top = s.max(t);
                Numeric::from_bigint(a * pow10(u32::from(top - s)) + b * pow10(u32::from(top - t)), top)
            }
            _ => Ok(self.special(other, |a, b| a + b)),
        }
    }

    pub fn sub(&self, other: &Numeric) -> Result<Numeric> {
        self.add(&other.neg())
    }

    pub fn mul(&self, other: &Numeric) -> Result<Numeric> {
        if let (Some((a, s)), Some((b, t))) = (self.as_small(), other.as_small())
            && i64::from(s) + i64::from(t) <= SCALE_MAX
        {
            return Ok(Numeric::from_i128(i128::from(a) * i128::from(b), s + t));
        }
        match (self.to_parts(), other.to_parts()) {
            (Some((a, s)), Some((b, t))) => Numeric::from_scaled(a * b, i64::from(s) + i64::from(t)),
            _ => Ok(self.special(other, |a, b| a * b)),
        }
    }

    /// # Errors
    /// 22012 division by zero.
    pub fn div(&self, other: &Numeric) -> Result<Numeric> {
        if self.is_nan() || other.is_nan() {
            return Ok(Numeric::NAN);
        }
        if other.is_zero() {
            return Err(division_by_zero());
        }
        if !self.is_finite() || !other.is_finite() {
            return Ok(self.special(other, |a, b| a / b));
        }
        let scale = self.division_scale(other);
        self.div_at_scale(other, scale)
    }

    /// Divides finite values, rounding to `scale` digits.
    fn div_at_scale(&self, other: &Numeric, scale: i64) -> Result<Numeric> {
        if let (Some((a, s)), Some((b, t))) = (self.as_small(), other.as_small()) {
            let shift = scale - i64::from(s) + i64::from(t);
            if (0..=38).contains(&shift)
                && let Ok(power) = i128::try_from(POW10[shift as usize])
                && let Some(dividend) = i128::from(a).checked_mul(power)
            {
                return Ok(Numeric::from_i128(div_round_i128(dividend, i128::from(b)), scale as u16));
            }
        }
        let (a, s) = self.to_parts().expect("the dividend is finite");
        let (b, t) = other.to_parts().expect("the divisor is finite");
        let shift = scale - i64::from(s) + i64::from(t);
        let quotient = if shift >= 0 {
            div_round(&(a * pow10(shift as u32)), &b)
        } else {
            div_round(&a, &(b * pow10((-shift) as u32)))
        };
        Numeric::from_scaled(quotient, scale)
    }

    /// PostgreSQL's `select_div_scale`: 16 significant digits, counted in base 10,000.
    fn division_scale(&self, other: &Numeric) -> i64 {
        let (weight1, first1) = self.leading_group();
        let (weight2, first2) = other.leading_group();
        let mut weight = weight1 - weight2;
        if first1 <= first2 {
            weight -= 1;
        }
        let scale = SIGNIFICANT_DIGITS_MIN - weight * 4;
        let scale1 = i64::from(self.scale().unwrap_or(0));
        let scale2 = i64::from(other.scale().unwrap_or(0));
        scale.max(scale1).max(scale2).clamp(0, DISPLAY_SCALE_MAX)
    }

    /// The weight (power of 10,000) and value of the first non-zero group of four digits, aligned at the point; (0, 0)
    /// for zero.
    fn leading_group(&self) -> (i64, u32) {
        let Some((unscaled, scale)) = self.to_parts() else { return (0, 0) };
        if unscaled.is_zero() {
            return (0, 0);
        }
        let magnitude = unscaled.magnitude();
        let lead = digit_count(magnitude) - i64::from(scale) - 1;
        let weight = lead.div_euclid(4);
        let shift = weight * 4 + i64::from(scale);
        let group = if shift >= 0 {
            magnitude / pow10(shift as u32).magnitude()
        } else {
            magnitude * pow10((-shift) as u32).magnitude()
        };
        (weight, group.to_u32().expect("a group has four digits"))
    }

    /// The remainder with the sign of the dividend.
    ///
    /// # Errors
    /// 22012 division by zero.
    pub fn rem(&self, other: &Numeric) -> Result<Numeric> {
        if self.is_nan() || other.is_nan() {
            return Ok(Numeric::NAN);
        }
        if other.is_zero() {
            return Err(division_by_zero());
        }
        match (self.to_parts(), other.to_parts()) {
            (Some((a, s)), Some((b, t))) => {
                let top = s.max(t);
                Numeric::from_bigint((a * pow10(u32::from(top - s))) % (b * pow10(u32::from(top - t))), top)
            }
            // A finite number modulo an infinity is itself; an infinity modulo anything is undefined.
            (Some(_), None) => Ok(self.clone()),
            _ => Ok(Numeric::NAN),
        }
    }

    /// The integer quotient, truncated towards zero.
    ///
    /// # Errors
    /// 22012 division by zero.
    pub fn div_trunc(&self, other: &Numeric) -> Result<Numeric> {
        if self.is_nan() || other.is_nan() {
            return Ok(Numeric::NAN);
        }
        if other.is_zero() {
            return Err(division_by_zero());
        }
        match (self.to_parts(), other.to_parts()) {
            (Some((a, s)), Some((b, t))) => {
                let top = s.max(t);
                Numeric::from_bigint((a * pow10(u32::from(top - s))) / (b * pow10(u32::from(top - t))), 0)
            }
            _ => Ok(self.special(other, |a, b| a / b)),
        }
    }

    /// The greatest common divisor, with the larger scale; NaN unless both are finite.
    ///
    /// # Errors
    /// 22003 when it has too many digits, 57014 when the statement was cancelled.
    pub fn gcd(&self, other: &Numeric, settings: &Settings) -> Result<Numeric> {
        let (Some((a, s)), Some((b, t))) = (self.to_parts(), other.to_parts()) else { return Ok(Numeric::NAN) };
        let scale = s.max(t);
        let (mut a, mut b) = (a * pow10(u32::from(scale - s)), b * pow10(u32::from(scale - t)));
        let mut step = 0;
        while !b.is_zero() {
            settings.check_cancel(step)?;
            let rest = a % &b;
            a = b;
            b = rest;
            step += 1;
        }
        Numeric::from_bigint(a.abs(), scale)
    }

    /// The least common multiple, with the larger scale; NaN unless both are finite.
    ///
    /// # Errors
    /// 22003 when it has too many digits, 57014 when the statement was cancelled.
    pub fn lcm(&self, other: &Numeric, settings: &Settings) -> Result<Numeric> {
        let divisor = self.gcd(other, settings)?;
        if divisor.is_nan() || divisor.is_zero() {
            return Ok(divisor);
        }
        // The quotient is an integer: no digit of the product is lost.
        let product = self.div_trunc(&divisor)?.mul(other)?.abs();
        product.round(i32::from(divisor.scale().unwrap_or(0)))
    }

    pub fn neg(&self) -> Numeric {
        match &self.0 {
            Repr::Small { unscaled, scale } => Numeric::from_i128(-i128::from(*unscaled), *scale),
            Repr::Big(big) => {
                Numeric::from_bigint(-&big.unscaled, big.scale).expect("a sign does not change the number of digits")
            }
            Repr::PosInf => Numeric::NEG_INFINITY,
            Repr::NegInf => Numeric::INFINITY,
            Repr::NaN => Numeric::NAN,
        }
    }

    pub fn abs(&self) -> Numeric {
        if self.is_negative() { self.neg() } else { self.clone() }
    }

    /// -1, 0 or 1; NaN stays.
    pub fn signum(&self) -> Numeric {
        if self.is_nan() {
            Numeric::NAN
        } else if self.is_zero() {
            Numeric::ZERO
        } else {
            Numeric::from_parts(if self.is_negative() { -1 } else { 1 }, 0)
        }
    }

    /// Rounds half away from zero to `scale` digits after the point; a negative scale rounds before it.
    pub fn round(&self, scale: i32) -> Result<Numeric> {
        self.rescale(scale, div_round)
    }

    /// Cuts to `scale` digits after the point; a negative scale cuts before it.
    pub fn trunc(&self, scale: i32) -> Result<Numeric> {
        self.rescale(scale, |a, b| a / b)
    }

    fn rescale(&self, scale: i32, divide: fn(&BigInt, &BigInt) -> BigInt) -> Result<Numeric> {
        let scale = i64::from(scale).clamp(-INTEGER_DIGITS_MAX - 1, SCALE_MAX);
        let Some(own) = self.scale().map(i64::from) else { return Ok(self.clone()) };
        if scale == own {
            return Ok(self.clone());
        }
        let (unscaled, _) = self.to_parts().expect("a value with a scale is finite");
        if scale > own {
            return Numeric::from_bigint(unscaled * pow10((scale - own) as u32), scale as u16);
        }
        let cut = divide(&unscaled, &pow10((own - scale) as u32));
        if scale >= 0 {
            Numeric::from_bigint(cut, scale as u16)
        } else if cut.is_zero() {
            Ok(Numeric::ZERO)
        } else {
            Numeric::from_bigint(cut * pow10((-scale) as u32), 0)
        }
    }

    pub fn floor(&self) -> Result<Numeric> {
        let whole = self.trunc(0)?;
        if self.is_negative() && whole.compare(self) != Ordering::Equal { whole.sub(&Numeric::ONE) } else { Ok(whole) }
    }

    pub fn ceil(&self) -> Result<Numeric> {
        let whole = self.trunc(0)?;
        if !self.is_negative() && whole.compare(self) != Ordering::Equal { whole.add(&Numeric::ONE) } else { Ok(whole) }
    }

    /// The same value with the fewest digits after the point.
    pub fn trim_scale(&self) -> Numeric {
        let Some((mut unscaled, mut scale)) = self.to_parts() else { return self.clone() };
        if unscaled.is_zero() {
            return Numeric::ZERO;
        }
        let ten = BigInt::from(10u8);
        while scale > 0 && (&unscaled % &ten).is_zero() {
            unscaled /= &ten;
            scale -= 1;
        }
        Numeric::from_bigint(unscaled, scale).expect("a trimmed value has fewer digits")
    }

    /// Fits the value into numeric(precision, scale).
    ///
    /// # Errors
    /// 22003 numeric field overflow.
    pub fn fit(&self, precision: i32, scale: i32) -> Result<Numeric> {
        let refuse = |detail: String| {
            Err(Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "numeric field overflow").detail(detail))
        };
        if self.is_nan() {
            return Ok(Numeric::NAN);
        }
        if !self.is_finite() {
            return refuse(format!("A field with precision {precision}, scale {scale} cannot hold an infinite value."));
        }
        let rounded = self.round(scale)?;
        let limit = i64::from(precision) - i64::from(scale);
        let fits = match rounded.as_small() {
            Some((0, _)) => true,
            _ => {
                let (unscaled, own) = rounded.to_parts().expect("a rounded value is finite");
                digit_count(unscaled.magnitude()) - i64::from(own) <= limit
            }
        };
        if !fits {
            let bound = if limit == 0 { "1".to_string() } else { format!("10^{limit}") };
            return refuse(format!(
                "A field with precision {precision}, scale {scale} must round to an absolute value less than {bound}."
            ));
        }
        Ok(rounded)
    }

    /// The nearest i64, halves away from zero; `None` out of range, for NaN and infinities.
    pub fn to_i64(&self) -> Option<i64> {
        if let Some((unscaled, 0)) = self.as_small() {
            return Some(unscaled);
        }
        self.to_i128()?.try_into().ok()
    }

    /// The nearest i128, halves away from zero; `None` out of range, for NaN and infinities.
    pub fn to_i128(&self) -> Option<i128> {
        let (unscaled, scale) = self.to_parts()?;
        div_round(&unscaled, &pow10(u32::from(scale))).to_i128()
    }

    /// The nearest float, correctly rounded; too large values become infinities.
    pub fn to_f64(&self) -> f64 {
        match &self.0 {
            Repr::Small { unscaled, scale } if unscaled.unsigned_abs() < 1 << 53 && *scale <= 22 => {
                // Both are exact, so the quotient is correctly rounded.
                *unscaled as f64 / POW10[*scale as usize] as f64
            }
            Repr::Small { unscaled, scale } => format!("{unscaled}e-{scale}").parse().unwrap_or(f64::NAN),
            Repr::Big(big) => format!("{}e-{}", big.unscaled, big.scale).parse().unwrap_or(f64::NAN),
            Repr::NaN => f64::NAN,
            Repr::PosInf => f64::INFINITY,
            Repr::NegInf => f64::NEG_INFINITY,
        }
    }

    /// Reads PostgreSQL's text form: digits with an optional point, sign and exponent, `NaN`, `Infinity`.
    ///
    /// # Errors
    /// 22P02 not a number, 22003 too many digits.
    pub fn parse(text: &str) -> Result<Numeric> {
        let invalid = || {
            Error::new(
                SqlState::INVALID_TEXT_REPRESENTATION,
                format!("invalid input syntax for type numeric: \"{text}\""),
            )
        };
        let trimmed = text.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\x0b');
        let (negative, body) = match trimmed.as_bytes().first() {
            Some(b'-') => (true, &trimmed[1..]),
            Some(b'+') => (false, &trimmed[1..]),
            _ => (false, trimmed),
        };
        if !body.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
            return match body.to_ascii_lowercase().as_str() {
                "nan" if body.len() == trimmed.len() => Ok(Numeric::NAN),
                "inf" | "infinity" if negative => Ok(Numeric::NEG_INFINITY),
                "inf" | "infinity" => Ok(Numeric::INFINITY),
                _ => Err(invalid()),
            };
        }
        let (mantissa, exponent) = match body.find(['e', 'E']) {
            Some(at) => {
                let exponent = &body[at + 1..];
                let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
                if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                    return Err(invalid());
                }
                // An exponent beyond this could never fit, whatever the mantissa.
                let value: i64 = digits.parse().ok().filter(|e| *e < 1 << 29).ok_or_else(overflow)?;
                (&body[..at], if exponent.starts_with('-') { -value } else { value })
            }
            None => (body, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        if whole.is_empty() && fraction.is_empty()
            || !whole.bytes().all(|b| b.is_ascii_digit())
            || !fraction.bytes().all(|b| b.is_ascii_digit())
        {
            return Err(invalid());
        }
        let scale = fraction.len() as i64 - exponent;
        if whole.len() + fraction.len() <= 18 && (0..=SCALE_MAX).contains(&scale) {
            let mut unscaled = 0i64;
            for digit in whole.bytes().chain(fraction.bytes()) {
                unscaled = unscaled * 10 + i64::from(digit - b'0');
            }
            return Ok(Numeric::from_parts(if negative { -unscaled } else { unscaled }, scale as u16));
        }
        let digits = format!("{whole}{fraction}");
        let significant = digits.trim_start_matches('0');
        // Checked before the conversion, whose cost grows faster than the length.
        if significant.len() as i64 - scale > INTEGER_DIGITS_MAX {
            return Err(overflow());
        }
        if scale > SCALE_MAX + significant.len() as i64 {
            return Ok(Numeric::from_parts(0, SCALE_MAX as u16));
        }
        // One digit beyond the last decides the rounding; the others would cost time alone.
        let surplus = (scale - SCALE_MAX - 1).clamp(0, significant.len() as i64);
        let significant = &significant[..significant.len() - surplus as usize];
        let scale = scale - surplus;
        let magnitude = if significant.is_empty() {
            BigUint::zero()
        } else {
            BigUint::parse_bytes(significant.as_bytes(), 10).ok_or_else(invalid)?
        };
        Numeric::from_scaled(BigInt::from_biguint(if negative { Sign::Minus } else { Sign::Plus }, magnitude), scale)
    }

    /// The digits of a finite value in groups of four aligned at the point, most significant first without leading and
    /// trailing zero groups, and the weight of the first group: the form of the wire.
    pub(crate) fn to_groups(&self) -> Option<(Vec<u16>, i64)> {
        let (unscaled, scale) = self.to_parts()?;
        let padding = (4 - u32::from(scale) % 4) % 4;
        let aligned = unscaled.magnitude() * pow10(padding).magnitude();
        let mut text = aligned.to_string();
        let whole_groups = text.len().div_ceil(4);
        text.insert_str(0, &"000"[..whole_groups * 4 - text.len()]);
        let groups: Vec<u16> = text
            .as_bytes()
            .chunks(4)
            .map(|chunk| chunk.iter().fold(0, |group, digit| group * 10 + u16::from(digit - b'0')))
            .collect();
        let mut weight = groups.len() as i64 - 1 - (i64::from(scale) + i64::from(padding)) / 4;
        let first = groups.iter().position(|group| *group != 0).unwrap_or(groups.len());
        let last = groups.iter().rposition(|group| *group != 0).map_or(first, |at| at + 1);
        weight -= first as i64;
        if first == last {
            weight = 0;
        }
        Some((groups[first..last].to_vec(), weight))
    }

    /// What the text form takes at least, in bytes.
    pub(crate) fn least_length(&self) -> usize {
        match &self.0 {
            // A number of n bits has at least 0.3 n digits.
            Repr::Big(big) => (big.unscaled.bits() as usize * 3 / 10).max(usize::from(big.scale)),
            _ => 1,
        }
    }

    /// The estimated bytes of memory behind the value: none of what is kept inline.
    pub(crate) fn heap_bytes(&self) -> usize {
        match &self.0 {
            Repr::Big(big) => COUNTS_BYTES + size_of::<Big>() + big.unscaled.bits() as usize / 8,
            _ => 0,
        }
    }

    /// The inverse of [`Numeric::to_groups`], cut to `scale`.
    ///
    /// # Errors
    /// 22003 too many digits.
    pub(crate) fn from_groups(negative: bool, groups: &[u16], weight: i64, scale: u16) -> Result<Numeric> {
        let mut digits = String::with_capacity(groups.len() * 4);
        for group in groups {
            digits.push_str(&format!("{group:04}"));
        }
        let magnitude = BigUint::parse_bytes(digits.as_bytes(), 10).unwrap_or_default();
        let unscaled = BigInt::from_biguint(if negative { Sign::Minus } else { Sign::Plus }, magnitude);
        // The unscaled value counts units of 10,000^(weight - groups + 1).
        let own_scale = (groups.len() as i64 - 1 - weight) * 4;
        let target = i64::from(scale);
        if target >= own_scale {
            let grow = target - own_scale;
            if grow > INTEGER_DIGITS_MAX + SCALE_MAX {
                return if unscaled.is_zero() { Ok(Numeric::from_parts(0, scale)) } else { Err(overflow()) };
            }
            Numeric::from_bigint(unscaled * pow10(grow as u32), scale)
        } else {
            let cut = u32::try_from(own_scale - target).map_err(|_| overflow())?;
            Numeric::from_bigint(unscaled / pow10(cut), scale)
        }
    }
}

pub(crate) fn division_by_zero() -> Error {
    Error::new(SqlState::DIVISION_BY_ZERO, "division by zero")
}

impl From<i64> for Numeric {
    fn from(value: i64) -> Numeric {
        Numeric::from_parts(value, 0)
    }
}

impl From<i32> for Numeric {
    fn from(value: i32) -> Numeric {
        Numeric::from_parts(i64::from(value), 0)
    }
}

impl PartialEq for Numeric {
    fn eq(&self, other: &Numeric) -> bool {
        self.compare(other) == Ordering::Equal
    }
}

impl Eq for Numeric {}

impl PartialOrd for Numeric {
    fn partial_cmp(&self, other: &Numeric) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Numeric {
    fn cmp(&self, other: &Numeric) -> Ordering {
        self.compare(other)
    }
}

/// Equal values hash alike whatever their scale.
impl Hash for Numeric {
    fn hash<H: Hasher>(&self, state: &mut H) {
        if let Some((mut unscaled, mut scale)) = self.as_small() {
            while scale > 0 && unscaled % 10 == 0 {
                unscaled /= 10;
                scale -= 1;
            }
            (unscaled, scale).hash(state);
            return;
        }
        match self.trim_scale().0 {
            Repr::Small { unscaled, scale } => (unscaled, scale).hash(state),
            Repr::Big(big) => (&big.unscaled, big.scale).hash(state),
            Repr::NaN => 1u8.hash(state),
            Repr::PosInf => 2u8.hash(state),
            Repr::NegInf => 3u8.hash(state),
        }
    }
}

impl fmt::Display for Numeric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (negative, digits, scale) = match &self.0 {
            Repr::Small { unscaled, scale: 0 } => return write!(f, "{unscaled}"),
            Repr::Small { unscaled, scale } => (*unscaled < 0, unscaled.unsigned_abs().to_string(), *scale as usize),
            Repr::Big(big) => (big.unscaled.is_negative(), big.unscaled.magnitude().to_string(), big.scale as usize),
            Repr::NaN => return f.write_str("NaN"),
            Repr::PosInf => return f.write_str("Infinity"),
            Repr::NegInf => return f.write_str("-Infinity"),
        };
        if negative {
            f.write_str("-")?;
        }
        if scale == 0 {
            return f.write_str(&digits);
        }
        if digits.len() > scale {
            let (whole, fraction) = digits.split_at(digits.len() - scale);
            write!(f, "{whole}.{fraction}")
        } else {
            f.write_str("0.")?;
            for _ in digits.len()..scale {
                f.write_str("0")?;
            }
            f.write_str(&digits)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn n(text: &str) -> Numeric {
        Numeric::parse(text).expect("a number")
    }

    #[test]
    fn division_scales_are_those_of_postgresql() {
        // (dividend, divisor, quotient), printed by PostgreSQL 15.
        for (a, b, quotient) in [
            ("1", "3", "0.33333333333333333333"),
            ("10", "3", "3.3333333333333333"),
            ("1.0", "3.00", "0.33333333333333333333"),
            ("100000", "7", "14285.714285714286"),
            ("0", "5", "0.00000000000000000000"),
            ("2", "3", "0.66666666666666666667"),
            ("-2", "3", "-0.66666666666666666667"),
            ("1", "30000", "0.000033333333333333333333"),
            ("12345678901234567890", "3", "4115226300411522630"),
            ("1", "12345678901234567890123", "0.00000000000000000000008100000007290000066"),
        ] {
            let exact = n(a).div(&n(b)).expect("not by zero").to_string();
            if quotient.len() > 40 {
                assert!(exact.starts_with(&quotient[..30]), "{a} / {b} = {exact}");
            } else {
                assert_eq!(exact, quotient, "{a} / {b}");
            }
        }
    }

    #[test]
    fn rounding_is_half_away_from_zero() {
        assert_eq!(n("2.5").round(0).expect("fits").to_string(), "3");
        assert_eq!(n("-2.5").round(0).expect("fits").to_string(), "-3");
        assert_eq!(n("1250").round(-2).expect("fits").to_string(), "1300");
        assert_eq!(n("-0.4").round(0).expect("fits").to_string(), "0");
        assert_eq!(n("1.999").trunc(2).expect("fits").to_string(), "1.99");
        assert_eq!(n("-1.5").floor().expect("fits").to_string(), "-2");
        assert_eq!(n("-1.5").ceil().expect("fits").to_string(), "-1");
    }

    #[test]
    fn limits_are_refused_without_work() {
        let error = Numeric::parse("1e131072").expect_err("one digit too many");
        assert_eq!(error.sqlstate, SqlState::NUMERIC_VALUE_OUT_OF_RANGE);
        assert!(Numeric::parse("1e131071").is_ok());
        assert!(Numeric::parse("1e99999999999999999999").is_err());
        assert!(Numeric::parse(&"9".repeat(131_073)).is_err());
        assert_eq!(Numeric::parse("1e-99999").expect("rounds to zero"), Numeric::ZERO);
        for bad in ["", ".", "-", "1e", "1e+", "1.2.3", "0x1", "1 2", "--1", "+nan", "e5"] {
            assert!(Numeric::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_field_overflows_as_declared() {
        assert_eq!(n("123.456").fit(5, 2).expect("fits").to_string(), "123.46");
        assert!(n("999.995").fit(5, 2).is_err());
        assert_eq!(n("12345").fit(2, -3).expect("fits").to_string(), "12000");
        assert!(Numeric::INFINITY.fit(5, 2).is_err());
        assert_eq!(n("0.05").fit(1, 2).expect("fits").to_string(), "0.05");
        assert!(n("0.15").fit(1, 2).is_err());
    }

    proptest! {
        #[test]
        fn text_round_trip(unscaled in any::<i128>(), scale in 0u16..60) {
            let value = Numeric::from_i128(unscaled, scale);
            let again = Numeric::parse(&value.to_string()).expect("own text reads back");
            prop_assert_eq!(again.to_string(), value.to_string());
            let (groups, weight) = value.to_groups().expect("finite");
            let back = Numeric::from_groups(value.is_negative(), &groups, weight, scale).expect("fits");
            prop_assert_eq!(back.to_string(), value.to_string());
        }

        #[test]
        fn small_and_big_paths_agree(a in any::<i64>(), s in 0u16..30, b in any::<i64>(), t in 0u16..30) {
            let (x, y) = (Numeric::from_parts(a, s), Numeric::from_parts(b, t));
            let top = s.max(t);
            let sum = BigInt::from(a) * pow10(u32::from(top - s)) + BigInt::from(b) * pow10(u32::from(top - t));
            prop_assert_eq!(x.add(&y).expect("fits"), Numeric::from_bigint(sum, top).expect("fits"));
            let product = Numeric::from_bigint(BigInt::from(a) * BigInt::from(b), s + t).expect("fits");
            prop_assert_eq!(x.mul(&y).expect("fits"), product);
            if b != 0 {
                // |x - q*y| <= |y| / 2 * 10^-scale(q)
                let quotient = x.div(&y).expect("not by zero");
                let rest = x.sub(&quotient.mul(&y).expect("fits")).expect("fits").abs();
                let half = Numeric::from_parts(5, quotient.scale().expect("finite") + 1).mul(&y).expect("fits").abs();
                prop_assert!(rest <= half);
            }
        }

        #[test]
        fn floats_are_correctly_rounded(value in any::<f64>().prop_filter("finite", |v| v.is_finite())) {
            let text = format!("{value:e}");
            prop_assert_eq!(Numeric::parse(&text).map(|n| n.to_f64()).unwrap_or(value), value);
        }
    }
}

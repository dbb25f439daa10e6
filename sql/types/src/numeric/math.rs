//! Roots, logarithms, exponentials and powers of [`Numeric`].
//!
//! Values are computed in decimal fixed point with guard digits beyond the scale that PostgreSQL chooses for the result,
//! then rounded once. exp halves its argument until the Taylor series is short, ln refines a float estimate by Halley's
//! iteration on exp.

use super::*;

/// Digits computed beyond those shown.
const GUARD_DIGITS: i64 = 12;
/// PostgreSQL's `NUMERIC_MAX_RESULT_SCALE`: powers of e from three times this on overflow.
const RESULT_SCALE_MAX: f64 = 2_000.0;
/// The power of ten that is the first of these.
const DECIMAL_WEIGHT_MAX: f64 = 3.0 * RESULT_SCALE_MAX * std::f64::consts::LOG10_E;

fn out_of_domain(state: SqlState, message: &str) -> Error {
    Error::new(state, message)
}

/// `value` as fixed point with `scale` digits.
fn to_fixed(value: &Numeric, scale: i64) -> BigInt {
    let (unscaled, own) = value.to_parts().expect("callers handle NaN and infinities");
    let shift = scale - i64::from(own);
    if shift >= 0 { unscaled * pow10(shift as u32) } else { div_round(&unscaled, &pow10((-shift) as u32)) }
}

/// Product of two fixed-point numbers.
fn mul_fixed(a: &BigInt, b: &BigInt, one: &BigInt) -> BigInt {
    a * b / one
}

/// e^x for fixed-point x of moderate size (the caller keeps the result's digits in bounds).
fn exp_fixed(x: &BigInt, one: &BigInt) -> BigInt {
    // Halve until |x| < 2^-8, so that each term adds more than two digits.
    let mut halvings = 0u32;
    let mut reduced = x.clone();
    while (reduced.abs() << 8u8) > *one {
        reduced /= 2;
        halvings += 1;
    }
    // The squarings multiply the error; carry that many more digits.
    let extra = pow10(halvings / 3 + 3);
    let wide_one = one * &extra;
    let reduced = (x * &extra) >> halvings;
    let mut sum = &wide_one + &reduced;
    let mut term = reduced.clone();
    let mut n = 2u32;
    while !term.is_zero() {
        term = mul_fixed(&term, &reduced, &wide_one) / n;
        sum += &term;
        n += 1;
    }
    for _ in 0..halvings {
        sum = mul_fixed(&sum, &sum, &wide_one);
    }
    sum / extra
}

/// ln x for fixed-point x between 0.1 and 10.
fn ln_fixed(x: &BigInt, one: &BigInt) -> BigInt {
    let digits = digit_count(one.magnitude()) - 1;
    let estimate = (to_f64(x, digits)).ln();
    let mut y = to_fixed(&Numeric::from_f64(estimate), digits);
    // Each round triples the number of right digits, from fifteen.
    let mut right = 14;
    loop {
        let e = exp_fixed(&y, one);
        let step = (x - &e) * 2 * one / (x + &e);
        y += &step;
        right *= 3;
        if right > digits || step.is_zero() {
            return y;
        }
    }
}

fn to_f64(fixed: &BigInt, digits: i64) -> f64 {
    format!("{fixed}e-{digits}").parse().unwrap_or(f64::NAN)
}

impl Numeric {
    /// # Errors
    /// 2201F for a negative number.
    pub fn sqrt(&self) -> Result<Numeric> {
        if self.is_negative() {
            return Err(out_of_domain(
                SqlState::INVALID_ARGUMENT_FOR_POWER_FUNCTION,
                "cannot take square root of a negative number",
            ));
        }
        let Some(own) = self.scale() else { return Ok(self.clone()) };
        let (weight, _) = self.leading_group();
        let root_weight = (weight + 1) * 4 / 2 - 1;
        self.root((SIGNIFICANT_DIGITS_MIN - root_weight).max(i64::from(own)).clamp(0, DISPLAY_SCALE_MAX))
    }

    /// The square root of a value that is not negative, with `scale` digits after the point, or half its own if more.
    pub(crate) fn root(&self, scale: i64) -> Result<Numeric> {
        let Some((unscaled, own)) = self.to_parts() else { return Ok(self.clone()) };
        let scale = scale.max((i64::from(own) + 1) / 2);
        let square = unscaled.magnitude() * pow10((2 * scale - i64::from(own)) as u32).magnitude();
        let mut root = square.sqrt();
        // (root + 1/2)^2 = root^2 + root + 1/4
        if square > &root * &root + &root {
            root += 1u8;
        }
        Numeric::from_scaled(BigInt::from(root), scale)
    }

    /// The decimal exponent of ln(self), roughly: PostgreSQL's `estimate_ln_dweight`.
    fn ln_weight(&self) -> i64 {
        let near_one = self.compare(&Numeric::from_parts(9, 1)) != Ordering::Less
            && self.compare(&Numeric::from_parts(11, 1)) != Ordering::Greater;
        if near_one {
            let distance = self.sub(&Numeric::ONE).expect("close to one");
            if distance.is_zero() {
                return 0;
            }
            let (weight, first) = distance.leading_group();
            return weight * 4 + i64::from(first.ilog10());
        }
        let (fixed, own) = self.to_parts().expect("callers handle NaN and infinities");
        let count = digit_count(fixed.magnitude());
        let lead: f64 = fixed.to_string().get(..count.min(16) as usize).and_then(|d| d.parse().ok()).unwrap_or(1.0);
        let ln = lead.ln() + (count - count.min(16) - i64::from(own)) as f64 * std::f64::consts::LN_10;
        ln.abs().log10() as i64
    }

    fn check_ln(&self) -> Result<()> {
        let state = SqlState::INVALID_ARGUMENT_FOR_LOG;
        if self.is_zero() {
            return Err(out_of_domain(state, "cannot take logarithm of zero"));
        }
        if self.is_negative() {
            return Err(out_of_domain(state, "cannot take logarithm of a negative number"));
        }
        Ok(())
    }

    /// ln of a positive finite value as fixed point with `digits` digits.
    fn ln_digits(&self, digits: i64) -> BigInt {
        let (unscaled, own) = self.to_parts().expect("callers handle NaN and infinities");
        let one = pow10(digits as u32);
        let exponent = digit_count(unscaled.magnitude()) - 1 - i64::from(own);
        // self = m * 10^exponent with 1 <= m < 10
        let mut shift = digits - i64::from(own) - exponent;
        let mut exponent = exponent;
        let mantissa = |shift: i64| {
            if shift >= 0 { &unscaled * pow10(shift as u32) } else { div_round(&unscaled, &pow10((-shift) as u32)) }
        };
        let mut m = mantissa(shift);
        // Values just below one would cancel against ln 10.
        if exponent == -1 {
            exponent = 0;
            shift -= 1;
            m = mantissa(shift);
        }
        let ln = ln_fixed(&m, &one);
        if exponent == 0 { ln } else { ln + ln_fixed(&(&one * 10), &one) * exponent }
    }

    /// # Errors
    /// 2201E for zero and negative numbers.
    pub fn ln(&self) -> Result<Numeric> {
        if self.is_nan() {
            return Ok(Numeric::NAN);
        }
        self.check_ln()?;
        let Some(own) = self.scale() else { return Ok(Numeric::INFINITY) };
        let scale = (SIGNIFICANT_DIGITS_MIN - self.ln_weight()).max(i64::from(own)).clamp(0, DISPLAY_SCALE_MAX);
        let digits = scale + GUARD_DIGITS;
        let ln = self.ln_digits(digits);
        Numeric::from_scaled(div_round(&ln, &pow10(GUARD_DIGITS as u32)), scale)
    }

    /// The logarithm to a base.
    ///
    /// # Errors
    /// 2201E for zero and negative numbers, 22012 for base 1.
    pub fn log(&self, base: &Numeric) -> Result<Numeric> {
        if self.is_nan() || base.is_nan() {
            return Ok(Numeric::NAN);
        }
        base.check_ln()?;
        self.check_ln()?;
        let (Some(own), Some(base_scale)) = (self.scale(), base.scale()) else {
            return Ok(match (self.is_finite(), base.is_finite()) {
                (false, false) => Numeric::NAN,
                (false, true) => Numeric::INFINITY,
                _ => Numeric::ZERO,
            });
        };
        let weight = self.ln_weight() - base.ln_weight();
        let scale = (SIGNIFICANT_DIGITS_MIN - weight)
            .max(i64::from(own))
            .max(i64::from(base_scale))
            .clamp(0, DISPLAY_SCALE_MAX);
        let digits = scale + 2 * GUARD_DIGITS + weight.abs() + base.ln_weight().abs();
        let denominator = base.ln_digits(digits);
        if denominator.is_zero() {
            return Err(division_by_zero());
        }
        let quotient = div_round(&(self.ln_digits(digits) * pow10(scale as u32)), &denominator);
        Numeric::from_scaled(quotient, scale)
    }

    /// # Errors
    /// 22003 if the result is too large.
    pub fn exp(&self) -> Result<Numeric> {
        let Some(own) = self.scale() else {
            return Ok(if self.is_nan() || !self.is_negative() { self.clone() } else { Numeric::ZERO });
        };
        let exponent = self.to_f64() * std::f64::consts::LOG10_E;
        let scale = SIGNIFICANT_DIGITS_MIN - exponent.clamp(-RESULT_SCALE_MAX, RESULT_SCALE_MAX) as i64;
        let scale = scale.max(i64::from(own)).clamp(0, DISPLAY_SCALE_MAX);
        self.exp_at_scale(exponent, scale)
    }

    fn exp_at_scale(&self, exponent: f64, scale: i64) -> Result<Numeric> {
        if exponent >= DECIMAL_WEIGHT_MAX {
            return Err(overflow());
        }
        if exponent < -(scale as f64) - 5.0 {
            return Ok(Numeric::from_parts(0, scale as u16));
        }
        // Digits before the point are significant too.
        let digits = scale + exponent.max(0.0) as i64 + 2 * GUARD_DIGITS;
        let e = exp_fixed(&to_fixed(self, digits), &pow10(digits as u32));
        Numeric::from_scaled(div_round(&e, &pow10((digits - scale) as u32)), scale)
    }

    /// A power of or to an infinity or NaN, but for the powers that are one whatever the other is.
    fn unbounded_power(&self, exponent: &Numeric) -> Result<Numeric> {
        if self.is_nan() || exponent.is_nan() {
            return Ok(Numeric::NAN);
        }
        if !exponent.is_finite() {
            return Ok(match self.abs().cmp(&Numeric::ONE) {
                Ordering::Equal => Numeric::ONE,
                order if (order == Ordering::Greater) != exponent.is_negative() => Numeric::INFINITY,
                _ => Numeric::ZERO,
            });
        }
        if exponent.is_negative() {
            return Ok(Numeric::ZERO);
        }
        let odd = !exponent.rem(&Numeric::from_parts(2, 0))?.is_zero();
        Ok(if self.is_negative() && odd { Numeric::NEG_INFINITY } else { Numeric::INFINITY })
    }

    /// # Errors
    /// 2201F for zero to a negative power and a negative base with a fractional exponent, 22003 too large.
    pub fn power(&self, exponent: &Numeric) -> Result<Numeric> {
        let state = SqlState::INVALID_ARGUMENT_FOR_POWER_FUNCTION;
        if self.is_zero() && exponent.is_negative() {
            return Err(out_of_domain(state, "zero raised to a negative power is undefined"));
        }
        if self.is_negative() && exponent.is_finite() && exponent.trunc(0)? != *exponent {
            return Err(out_of_domain(
                state,
                "a negative number raised to a non-integer power yields a complex result",
            ));
        }
        // x^0 = 1 and 1^x = 1, even for NaN.
        if !self.is_finite() || !exponent.is_finite() {
            if exponent.is_zero() || *self == Numeric::ONE {
                return Ok(Numeric::ONE);
            }
            return self.unbounded_power(exponent);
        }
        let base_scale = i64::from(self.scale().unwrap_or(0));
        let whole = exponent.trunc(0)?;
        let is_whole = whole == *exponent;
        if is_whole && let Some(power) = whole.to_i64().and_then(|p| i32::try_from(p).ok()) {
            let scale = SIGNIFICANT_DIGITS_MIN.max(base_scale).min(DISPLAY_SCALE_MAX);
            return self.power_int(power, scale);
        }
        if self.is_zero() {
            return Ok(Numeric::from_parts(0, SIGNIFICANT_DIGITS_MIN as u16));
        }
        // Negative bases with whole exponents beyond i32 keep the sign of the parity.
        let odd = is_whole && !whole.rem(&Numeric::from_parts(2, 0))?.is_zero();
        let magnitude = self.abs();
        let decimal = magnitude.power_weight(exponent)?;
        if decimal >= DECIMAL_WEIGHT_MAX {
            return Err(overflow());
        }
        let scale = (SIGNIFICANT_DIGITS_MIN - decimal.clamp(-RESULT_SCALE_MAX, RESULT_SCALE_MAX) as i64)
            .max(base_scale)
            .max(i64::from(exponent.scale().unwrap_or(0)))
            .clamp(0, DISPLAY_SCALE_MAX);
        if decimal < -(scale as f64) - 5.0 {
            return Ok(Numeric::from_parts(0, scale as u16));
        }
        let exponent_digits = exponent.decimal_weight().max(0);
        let digits = scale + decimal.abs() as i64 + exponent_digits + 2 * GUARD_DIGITS;
        let ln = Numeric::from_scaled(magnitude.ln_digits(digits), digits)?;
        let result = ln.mul(exponent)?.exp_at_scale(decimal, scale)?;
        Ok(if self.is_negative() && odd { result.neg() } else { result })
    }

    /// The power of ten of the first digit of a finite value; 0 for zero.
    fn decimal_weight(&self) -> i64 {
        match self.to_parts() {
            Some((unscaled, scale)) if !unscaled.is_zero() => digit_count(unscaled.magnitude()) - 1 - i64::from(scale),
            _ => 0,
        }
    }

    /// log10(self ^ exponent) for a positive base, as a float; ten million with the sign of the true value when that is
    /// larger still.
    fn power_weight(&self, exponent: &Numeric) -> Result<f64> {
        const BEYOND: f64 = 1e7;
        if *self == Numeric::ONE {
            return Ok(0.0);
        }
        let ln_weight = self.ln_weight();
        if ln_weight + exponent.decimal_weight() > 7 {
            let grows = (*self > Numeric::ONE) != exponent.is_negative();
            return Ok(if grows { BEYOND } else { -BEYOND });
        }
        let ln = if ln_weight > -6 {
            exponent.to_f64() * ln_estimate(self)
        } else {
            // So close to one that the float estimate has lost the distance.
            let digits = SIGNIFICANT_DIGITS_MIN - ln_weight;
            Numeric::from_scaled(self.ln_digits(digits), digits)?.mul(exponent)?.to_f64()
        };
        Ok(ln * std::f64::consts::LOG10_E)
    }

    fn power_int(&self, power: i32, scale: i64) -> Result<Numeric> {
        if self.is_zero() && power > 0 {
            return Ok(Numeric::from_parts(0, scale as u16));
        }
        if power == 1 {
            return self.round(scale as i32);
        }
        let (unscaled, own) = self.to_parts().expect("callers handle NaN and infinities");
        let exponent = power.unsigned_abs();
        let decimal =
            if self.is_zero() { 0.0 } else { f64::from(power) * ln_estimate(&self.abs()) / std::f64::consts::LN_10 };
        if decimal > INTEGER_DIGITS_MAX as f64 + 1.0 {
            return Err(overflow());
        }
        if decimal < -(scale as f64) - 2.0 {
            return Ok(Numeric::from_parts(0, scale as u16));
        }
        if unscaled.magnitude().is_one() && own == 0 {
            let sign = if unscaled.is_negative() && exponent % 2 == 1 { -1 } else { 1 };
            return Numeric::from_parts(sign, 0).round(scale as i32);
        }
        // Exact while that is cheap; otherwise square with as many digits as the result needs.
        let wanted = scale + decimal.abs() as i64 + i64::from(exponent.max(1).ilog10() + 1) + 2 * GUARD_DIGITS;
        let exact_digits = digit_count(unscaled.magnitude()).saturating_mul(i64::from(exponent));
        let (result, result_scale) = if exact_digits <= 4 * wanted {
            (unscaled.pow(exponent), i64::from(own) * i64::from(exponent))
        } else {
            let mut result = (BigInt::one(), 0i64);
            let mut square = (unscaled, i64::from(own));
            let mut rest = exponent;
            while rest > 0 {
                if rest & 1 == 1 {
                    result = shorten((&result.0 * &square.0, result.1 + square.1), wanted);
                }
                square = shorten((&square.0 * &square.0, square.1 * 2), wanted);
                rest >>= 1;
            }
            result
        };
        if power > 0 {
            let shift = result_scale - scale;
            let fixed =
                if shift >= 0 { div_round(&result, &pow10(shift as u32)) } else { result * pow10((-shift) as u32) };
            return Numeric::from_scaled(fixed, scale);
        }
        let shift = scale + result_scale;
        let one = if shift >= 0 { pow10(shift as u32) } else { BigInt::zero() };
        Numeric::from_scaled(div_round(&one, &result), scale)
    }
}

/// Cuts a floating decimal (unscaled, scale) to `digits` significant digits.
fn shorten((unscaled, scale): (BigInt, i64), digits: i64) -> (BigInt, i64) {
    let surplus = digit_count(unscaled.magnitude()) - digits;
    if surplus <= 0 {
        return (unscaled, scale);
    }
    (div_round(&unscaled, &pow10(surplus as u32)), scale - surplus)
}

/// ln of a positive finite value as a float, without overflow.
fn ln_estimate(value: &Numeric) -> f64 {
    let (unscaled, own) = value.to_parts().expect("callers handle NaN and infinities");
    let text = unscaled.to_string();
    let lead: f64 = text[..text.len().min(17)].parse().unwrap_or(1.0);
    lead.ln() + (text.len() as f64 - text.len().min(17) as f64 - f64::from(own)) * std::f64::consts::LN_10
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_those_of_postgresql() {
        let n = |text: &str| Numeric::parse(text).expect("a number");
        for (value, root) in
            [("2", "1.414213562373095"), ("4", "2.000000000000000"), ("0.0001", "0.0100000000000000000")]
        {
            assert!(n(value).sqrt().expect("positive").to_string().starts_with(&root[..10]), "sqrt {value}");
        }
        assert_eq!(n("2").ln().expect("positive").to_string(), "0.6931471805599453");
        assert_eq!(n("1").exp().expect("fits").to_string(), "2.7182818284590452");
        assert_eq!(n("2").power(&n("10")).expect("fits").to_string(), "1024.0000000000000000");
        assert_eq!(n("2").power(&n("0.5")).expect("fits").to_string(), "1.4142135623730950");
        assert_eq!(n("100").log(&n("10")).expect("positive").to_string(), "2.0000000000000000");
        assert!(n("0").ln().is_err());
        assert!(n("-1").sqrt().is_err());
        assert!(n("0").power(&n("-1")).is_err());
        assert!(n("1e100000").power(&n("2")).is_err());
    }
}

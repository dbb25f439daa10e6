//! Variance and standard deviation, and the average of floats.
//!
//! Decimals keep exact sums of values and squares and divide once at the end, as PostgreSQL does. Floats use Youngs and
//! Cramer's update, which does not cancel when the values are large and close together.

use super::Accumulator;
use super::accumulate::{DecimalTotal, decimal, float};
use crate::datum::Datum;
use crate::error::{Error, Result, SqlState};
use crate::numeric::Numeric;

/// Of integers and decimals: a numeric. `ROOT` for the deviation, `SAMPLE` for division by n - 1.
#[derive(Default)]
pub(super) struct NumericSpread<const ROOT: bool, const SAMPLE: bool> {
    sum: DecimalTotal,
    squares: DecimalTotal,
}

impl<const ROOT: bool, const SAMPLE: bool> Accumulator for NumericSpread<ROOT, SAMPLE> {
    fn add(&mut self, args: &[Datum]) -> Result<()> {
        let converted;
        let value = match args[0].as_i64() {
            _ if args[0].is_null() => return Ok(()),
            Some(integer) => {
                converted = Numeric::from(integer);
                &converted
            }
            None => decimal(&args[0])?,
        };
        self.squares.add(&value.mul(value)?)?;
        self.sum.add(value)
    }

    fn finish(&mut self) -> Result<Datum> {
        let count = self.sum.count;
        if count == 0 || SAMPLE && count == 1 {
            return Ok(Datum::Null);
        }
        let n = Numeric::from(count);
        let sum = self.sum.total()?;
        // n * sum(x^2) - sum(x)^2
        let numerator = n.mul(&self.squares.total()?)?.sub(&sum.mul(&sum)?)?;
        if !numerator.is_finite() {
            return Ok(Datum::Numeric(Numeric::NAN));
        }
        if numerator.is_zero() || numerator.is_negative() {
            return Ok(Datum::Numeric(Numeric::ZERO));
        }
        let denominator = n.mul(&if SAMPLE { n.sub(&Numeric::ONE)? } else { n.clone() })?;
        let variance = numerator.div(&denominator)?;
        // The deviation is shown with as many digits as the variance.
        let scale = i64::from(variance.scale().unwrap_or(0));
        Ok(Datum::Numeric(if ROOT { variance.root(scale)? } else { variance }))
    }

    fn size(&self) -> usize {
        self.sum.size() + self.squares.size()
    }
}

pub(super) fn overflow() -> Error {
    Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "value out of range: overflow")
}

/// What all averages and spreads of floats are made of.
#[derive(Default)]
struct FloatMoments {
    count: f64,
    sum: f64,
    /// Sum of squared distances from the mean.
    distances: f64,
}

impl FloatMoments {
    /// Takes one value.
    ///
    /// # Errors
    /// 22003 when finite values have sums or squares beyond the range, even of an average, as in PostgreSQL.
    fn add(&mut self, value: f64) -> Result<()> {
        let before = self.sum;
        self.count += 1.0;
        self.sum += value;
        if self.count > 1.0 {
            let step = value * self.count - self.sum;
            self.distances += step * step / (self.count * (self.count - 1.0));
            if self.sum.is_infinite() || self.distances.is_infinite() {
                if !before.is_infinite() && !value.is_infinite() {
                    return Err(overflow());
                }
                self.distances = f64::NAN;
            }
        } else if !value.is_finite() {
            self.distances = f64::NAN;
        }
        Ok(())
    }
}

/// Of floats: a float8.
#[derive(Default)]
pub(super) struct FloatSpread<const ROOT: bool, const SAMPLE: bool>(FloatMoments);

impl<const ROOT: bool, const SAMPLE: bool> Accumulator for FloatSpread<ROOT, SAMPLE> {
    fn add(&mut self, args: &[Datum]) -> Result<()> {
        if args[0].is_null() { Ok(()) } else { self.0.add(float(&args[0])?) }
    }

    fn finish(&mut self) -> Result<Datum> {
        let divisor = if SAMPLE { self.0.count - 1.0 } else { self.0.count };
        if divisor <= 0.0 {
            return Ok(Datum::Null);
        }
        let variance = self.0.distances / divisor;
        Ok(Datum::Float8(if ROOT { variance.sqrt() } else { variance }))
    }
}

/// avg of floats: a float8.
#[derive(Default)]
pub(super) struct FloatAverage(FloatMoments);

impl Accumulator for FloatAverage {
    fn add(&mut self, args: &[Datum]) -> Result<()> {
        if args[0].is_null() { Ok(()) } else { self.0.add(float(&args[0])?) }
    }

    fn finish(&mut self) -> Result<Datum> {
        Ok(if self.0.count == 0.0 { Datum::Null } else { Datum::Float8(self.0.sum / self.0.count) })
    }
}

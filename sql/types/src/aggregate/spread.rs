//! Variance and standard deviation.
//!
//! Decimals keep exact sums of values and squares and divide once at the end, as PostgreSQL does. Floats use Youngs and
//! Cramer's update, which does not cancel when the values are large and close together.

use super::Accumulator;
use super::accumulate::{DecimalTotal, decimal, float};
use crate::datum::Datum;
use crate::error::Result;
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
        Ok(Datum::Numeric(if ROOT { variance.sqrt()? } else { variance }))
    }
}

/// Of floats: a float8.
#[derive(Default)]
pub(super) struct FloatSpread<const ROOT: bool, const SAMPLE: bool> {
    count: f64,
    sum: f64,
    /// Sum of squared distances from the mean.
    distances: f64,
}

impl<const ROOT: bool, const SAMPLE: bool> Accumulator for FloatSpread<ROOT, SAMPLE> {
    fn add(&mut self, args: &[Datum]) -> Result<()> {
        if args[0].is_null() {
            return Ok(());
        }
        let value = float(&args[0])?;
        self.count += 1.0;
        self.sum += value;
        if self.count > 1.0 {
            let step = value * self.count - self.sum;
            self.distances += step * step / (self.count * (self.count - 1.0));
        } else if !value.is_finite() {
            self.distances = f64::NAN;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<Datum> {
        let divisor = if SAMPLE { self.count - 1.0 } else { self.count };
        if divisor <= 0.0 {
            return Ok(Datum::Null);
        }
        let variance = self.distances / divisor;
        Ok(Datum::Float8(if ROOT { variance.sqrt() } else { variance }))
    }
}

//! Correlation and regression of pairs of floats, with Youngs and Cramer's update, as for the spread of floats.

use super::Accumulator;
use super::accumulate::float;
use super::spread::overflow;
use crate::datum::Datum;
use crate::error::Result;

/// How many pairs had both values.
#[derive(Default)]
pub(super) struct PairCount(i64);

impl Accumulator for PairCount {
    fn add(&mut self, args: &[Datum]) -> Result<()> {
        self.0 += i64::from(!args.iter().any(Datum::is_null));
        Ok(())
    }

    fn finish(&mut self) -> Result<Datum> {
        Ok(Datum::Int8(self.0))
    }
}

/// What every result is made of: sums, and sums of products of distances from the means.
#[derive(Default)]
pub(super) struct Pairs {
    count: f64,
    x: f64,
    y: f64,
    xx: f64,
    yy: f64,
    xy: f64,
}

impl Pairs {
    /// Takes one pair.
    ///
    /// # Errors
    /// 22003 when finite values have sums or products beyond the range, as in PostgreSQL.
    fn add(&mut self, x: f64, y: f64) -> Result<()> {
        let (count, bounded_x, bounded_y) =
            (self.count, !self.x.is_infinite() && !x.is_infinite(), !self.y.is_infinite() && !y.is_infinite());
        self.count += 1.0;
        self.x += x;
        self.y += y;
        if count == 0.0 {
            if !x.is_finite() {
                (self.xx, self.xy) = (f64::NAN, f64::NAN);
            }
            if !y.is_finite() {
                (self.yy, self.xy) = (f64::NAN, f64::NAN);
            }
            return Ok(());
        }
        let (step_x, step_y) = (x * self.count - self.x, y * self.count - self.y);
        let scale = 1.0 / (self.count * count);
        self.xx += step_x * step_x * scale;
        self.yy += step_y * step_y * scale;
        self.xy += step_x * step_y * scale;
        let beyond_x = bounded_x && (self.x.is_infinite() || self.xx.is_infinite());
        let beyond_y = bounded_y && (self.y.is_infinite() || self.yy.is_infinite());
        if beyond_x || beyond_y || bounded_x && bounded_y && self.xy.is_infinite() {
            return Err(overflow());
        }
        for sum in [&mut self.xx, &mut self.yy, &mut self.xy] {
            if sum.is_infinite() {
                *sum = f64::NAN;
            }
        }
        Ok(())
    }

    pub(super) fn sum_xx(&self) -> Option<f64> {
        Some(self.xx)
    }

    pub(super) fn sum_yy(&self) -> Option<f64> {
        Some(self.yy)
    }

    pub(super) fn sum_xy(&self) -> Option<f64> {
        Some(self.xy)
    }

    pub(super) fn average_x(&self) -> Option<f64> {
        Some(self.x / self.count)
    }

    pub(super) fn average_y(&self) -> Option<f64> {
        Some(self.y / self.count)
    }

    pub(super) fn covariance(&self) -> Option<f64> {
        Some(self.xy / self.count)
    }

    pub(super) fn sample_covariance(&self) -> Option<f64> {
        if self.count > 1.0 { Some(self.xy / (self.count - 1.0)) } else { None }
    }

    pub(super) fn correlation(&self) -> Option<f64> {
        if self.xx == 0.0 || self.yy == 0.0 { None } else { Some(self.xy / (self.xx * self.yy).sqrt()) }
    }

    /// The square of the correlation, which is 1 where y is the same in all.
    pub(super) fn determination(&self) -> Option<f64> {
        if self.xx == 0.0 {
            None
        } else if self.yy == 0.0 {
            Some(1.0)
        } else {
            Some(self.xy * self.xy / (self.xx * self.yy))
        }
    }

    pub(super) fn slope(&self) -> Option<f64> {
        if self.xx == 0.0 { None } else { Some(self.xy / self.xx) }
    }

    pub(super) fn intercept(&self) -> Option<f64> {
        if self.xx == 0.0 { None } else { Some((self.y - self.x * self.xy / self.xx) / self.count) }
    }
}

/// Of pairs of y and x: a float8, null where there are none.
pub(super) struct Regression {
    pairs: Pairs,
    result: fn(&Pairs) -> Option<f64>,
}

impl Regression {
    pub(super) fn of(result: fn(&Pairs) -> Option<f64>) -> Box<dyn Accumulator> {
        Box::new(Regression { pairs: Pairs::default(), result })
    }
}

impl Accumulator for Regression {
    fn add(&mut self, args: &[Datum]) -> Result<()> {
        match args {
            [y, x] if !y.is_null() && !x.is_null() => self.pairs.add(float(x)?, float(y)?),
            _ => Ok(()),
        }
    }

    fn finish(&mut self) -> Result<Datum> {
        let found = if self.pairs.count > 0.0 { (self.result)(&self.pairs) } else { None };
        Ok(found.map_or(Datum::Null, Datum::Float8))
    }
}

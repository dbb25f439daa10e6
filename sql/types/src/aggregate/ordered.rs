//! Ordered-set aggregates, which see the values of a group in the order of WITHIN GROUP, and hypothetical-set ones, which
//! see how the rows in that order compare to one that is not among them (see [`super::AggregateKind`]).

use std::sync::Arc;

use super::Accumulator;
use crate::datum::{ArrayValue, Datum};
use crate::error::{Error, Result, SqlState};
use crate::function::{compare_padded, interpolated_interval};
use crate::settings::Settings;
use crate::sqltype::{SqlType, oid};
use crate::text_io;

/// percentile_disc, and percentile_cont when `CONTINUOUS`: of one fraction, or of each in an array.
#[derive(Default)]
pub(super) struct Percentile<const CONTINUOUS: bool> {
    fractions: Option<Datum>,
    element: u32,
    values: Vec<Datum>,
    bytes: usize,
}

impl<const CONTINUOUS: bool> Percentile<CONTINUOUS> {
    fn of(&self, fraction: &Datum) -> Result<Datum> {
        let Some(share) = fraction.as_f64() else { return Ok(Datum::Null) };
        if !(0.0..=1.0).contains(&share) {
            let message = format!("percentile value {} is not between 0 and 1", text_io::general(share));
            return Err(Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, message));
        }
        let Some(last) = self.values.len().checked_sub(1) else { return Ok(Datum::Null) };
        if !CONTINUOUS {
            let rows = (share * self.values.len() as f64).ceil() as usize;
            return Ok(self.values[rows.saturating_sub(1).min(last)].clone());
        }
        let place = share * last as f64;
        let (low, high) = (place.floor(), place.ceil());
        let (from, to) = (&self.values[(low as usize).min(last)], &self.values[(high as usize).min(last)]);
        match (from, to) {
            (from, _) if low == high => Ok(from.clone()),
            (Datum::Interval(from), Datum::Interval(to)) => interpolated_interval(*from, *to, place - low),
            (Datum::Float8(from), Datum::Float8(to)) => Ok(Datum::Float8(from + (place - low) * (to - from))),
            (from, to) => Err(Error::internal(format!("a percentile between {from:?} and {to:?}"))),
        }
    }
}

impl<const CONTINUOUS: bool> Accumulator for Percentile<CONTINUOUS> {
    fn bind(&mut self, arg_types: &[SqlType], _settings: &Settings) {
        self.element = arg_types.first().map_or(oid::TEXT, |ty| ty.oid);
    }

    fn direct(&mut self, args: &[Datum]) {
        self.fractions = args.first().cloned();
    }

    fn add(&mut self, args: &[Datum]) -> Result<()> {
        if !args[0].is_null() {
            self.bytes += size_of::<Datum>() + args[0].heap_bytes();
            self.values.push(args[0].clone());
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<Datum> {
        match &self.fractions {
            // Fractions in an array are not looked at when there is nothing to take them of.
            Some(Datum::Array(fractions)) if !self.values.is_empty() => {
                let elements = fractions.elements.iter().map(|fraction| self.of(fraction));
                Ok(Datum::Array(Arc::new(ArrayValue {
                    element: self.element,
                    dims: fractions.dims.clone(),
                    lower_bounds: fractions.lower_bounds.clone(),
                    elements: elements.collect::<Result<Vec<_>>>()?,
                })))
            }
            Some(Datum::Array(_)) | None => Ok(Datum::Null),
            Some(fraction) => self.of(fraction),
        }
    }

    fn size(&self) -> usize {
        self.bytes
    }
}

/// mode: of the most frequent values the first.
#[derive(Default)]
pub(super) struct Mode {
    padded: bool,
    mode: Option<Datum>,
    /// How often it was seen.
    frequency: u64,
    last: Option<Datum>,
    /// How often the last value was seen.
    run: u64,
}

impl Accumulator for Mode {
    fn bind(&mut self, arg_types: &[SqlType], _settings: &Settings) {
        self.padded = arg_types.first().is_some_and(|ty| ty.oid == oid::BPCHAR);
    }

    fn add(&mut self, args: &[Datum]) -> Result<()> {
        let value = &args[0];
        if value.is_null() {
            return Ok(());
        }
        let repeats = self.last.as_ref().is_some_and(|last| match (last.as_str(), value.as_str()) {
            (Some(last), Some(value)) if self.padded => compare_padded(last, value).is_eq(),
            _ => last.compare(value).is_eq(),
        });
        if repeats {
            self.run += 1;
        } else {
            self.last = Some(value.clone());
            self.run = 1;
        }
        if self.run > self.frequency {
            self.frequency = self.run;
            self.mode.clone_from(&self.last);
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<Datum> {
        Ok(self.mode.clone().unwrap_or(Datum::Null))
    }

    fn size(&self) -> usize {
        self.mode.iter().chain(&self.last).map(Datum::heap_bytes).sum()
    }
}

pub(super) const RANK: u8 = 0;
pub(super) const DENSE_RANK: u8 = 1;
pub(super) const PERCENT_RANK: u8 = 2;
pub(super) const CUME_DIST: u8 = 3;

/// Where the hypothetical row would stand, by one of the four measures.
#[derive(Default)]
pub(super) struct Standing<const MEASURE: u8> {
    rows: i64,
    /// The rows before it, and the sets of peers that they make.
    before: i64,
    groups_before: i64,
    /// Its own peers.
    peers: i64,
}

impl<const MEASURE: u8> Accumulator for Standing<MEASURE> {
    fn add(&mut self, args: &[Datum]) -> Result<()> {
        let (Some(Datum::Int4(order)), Some(Datum::Bool(starts))) = (args.first(), args.get(1)) else {
            return Err(Error::internal("a hypothetical-set aggregate met something else than a comparison"));
        };
        self.rows += 1;
        self.before += i64::from(*order < 0);
        self.groups_before += i64::from(*order < 0 && *starts);
        self.peers += i64::from(*order == 0);
        Ok(())
    }

    fn finish(&mut self) -> Result<Datum> {
        Ok(match MEASURE {
            RANK => Datum::Int8(self.before + 1),
            DENSE_RANK => Datum::Int8(self.groups_before + 1),
            PERCENT_RANK if self.rows == 0 => Datum::Float8(0.0),
            PERCENT_RANK => Datum::Float8(self.before as f64 / self.rows as f64),
            _ => Datum::Float8((self.before + self.peers + 1) as f64 / (self.rows + 1) as f64),
        })
    }
}

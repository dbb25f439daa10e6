//! Dates, times, timestamps, intervals and zones: the calendar, the text forms, and arithmetic.
//!
//! All counts start at 2000-01-01 00:00. The calendar is the proleptic Gregorian one from 4713 BC on; a year before 1 is
//! counted astronomically inside (0 is 1 BC) and printed with `BC`.
//!
//! Daylight-saving gaps and overlaps follow PostgreSQL: a local time that does not exist is read with the offset before
//! the change, one that exists twice with the offset after it.
//!
//! Source: PostgreSQL `src/backend/utils/adt/datetime.c` and `timestamp.c`.

mod calendar;
mod interval;
mod parse;
mod style;
mod write;
mod zone;

pub use calendar::{
    Civil, Clock, civil_to_days, date_in_range, days_in_month, days_to_civil, split_timestamp, timestamp_in_range,
};
pub use interval::{apply_interval_typmod, parse_interval};
pub use parse::{parse_date, parse_time, parse_timestamp, parse_timestamptz};
pub use style::{DateFormat, DateOrder, DateStyle, IntervalStyle};
pub use write::{write_date, write_interval, write_time, write_timestamp, write_timestamptz};
pub use zone::TimeZone;

pub(crate) use calendar::{DAYS, MONTHS, add_months, date_out_of_range, date_to_timestamp, local_to_utc, out_of_range};
pub(crate) use parse::round_precision;
pub(crate) use write::{integer as write_integer, write_offset};
pub(crate) use zone::parse_offset as parse_zone_offset;

pub const MICROS_PER_SECOND: i64 = 1_000_000;
pub const MICROS_PER_MINUTE: i64 = 60 * MICROS_PER_SECOND;
pub const MICROS_PER_HOUR: i64 = 60 * MICROS_PER_MINUTE;
pub const MICROS_PER_DAY: i64 = 24 * MICROS_PER_HOUR;

/// Seconds from 1970-01-01 to 2000-01-01.
pub const UNIX_EPOCH_OFFSET_SECONDS: i64 = 946_684_800;

/// Stands for `-infinity` and `infinity` in a timestamp.
pub const TIMESTAMP_NEG_INFINITY: i64 = i64::MIN;
pub const TIMESTAMP_INFINITY: i64 = i64::MAX;
pub const DATE_NEG_INFINITY: i32 = i32::MIN;
pub const DATE_INFINITY: i32 = i32::MAX;

/// Whether a timestamp is one of the infinities.
pub fn is_infinite(micros: i64) -> bool {
    micros == TIMESTAMP_INFINITY || micros == TIMESTAMP_NEG_INFINITY
}

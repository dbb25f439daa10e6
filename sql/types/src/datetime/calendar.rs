//! The proleptic Gregorian calendar over day counts.

use super::*;
use crate::error::{Error, Result, SqlState};

/// Days from 4714-11-24 BC, the first day PostgreSQL knows, to 2000-01-01.
pub(super) const EPOCH_JULIAN: i32 = 2_451_545;
/// The first day past the range of `date`.
pub(super) const DATE_END: i32 = 2_147_483_494 - EPOCH_JULIAN;
/// The first microsecond of the range of `timestamp`.
const TIMESTAMP_MIN: i64 = -211_813_488_000_000_000;
/// The first microsecond past it.
const TIMESTAMP_END: i64 = 9_223_371_331_200_000_000;

pub(crate) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
pub(crate) const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// A day of the calendar; year 0 is 1 BC.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Civil {
    pub year: i32,
    /// 1 to 12.
    pub month: u32,
    /// 1 to 31.
    pub day: u32,
}

/// A time of day.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Clock {
    pub hour: u32,
    pub minute: u32,
    pub second: u32,
    pub micros: u32,
}

impl Clock {
    /// `micros` since midnight, up to and including 24:00.
    pub fn from_micros(micros: i64) -> Clock {
        Clock {
            hour: (micros / MICROS_PER_HOUR) as u32,
            minute: (micros / MICROS_PER_MINUTE % 60) as u32,
            second: (micros / MICROS_PER_SECOND % 60) as u32,
            micros: (micros % MICROS_PER_SECOND) as u32,
        }
    }
}

/// Howard Hinnant's `civil_from_days`, shifted to our epoch.
pub fn days_to_civil(days: i32) -> Civil {
    // 730,425 days lie between 0000-03-01 and 2000-01-01.
    let z = i64::from(days) + 730_425;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 } as u32;
    let year = yoe + era * 400 + i64::from(month <= 2);
    Civil { year: year as i32, month, day: (doy - (153 * mp + 2) / 5 + 1) as u32 }
}

/// The inverse of [`days_to_civil`]; `None` outside the range of `date`. The day must exist.
pub fn civil_to_days(year: i32, month: u32, day: u32) -> Option<i32> {
    let y = i64::from(year) - i64::from(month <= 2);
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let mp = (i64::from(month) + 9) % 12;
    let doy = (153 * mp + 2) / 5 + i64::from(day) - 1;
    let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    let days = era * 146_097 + doe - 730_425;
    (-i64::from(EPOCH_JULIAN)..i64::from(DATE_END)).contains(&days).then_some(days as i32)
}

pub fn days_in_month(year: i32, month: u32) -> u32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Day and microsecond of the day of a finite timestamp.
pub fn split_timestamp(micros: i64) -> (i32, i64) {
    (micros.div_euclid(MICROS_PER_DAY) as i32, micros.rem_euclid(MICROS_PER_DAY))
}

/// Whether a finite date can be stored.
pub fn date_in_range(days: i32) -> bool {
    (-EPOCH_JULIAN..DATE_END).contains(&days)
}

/// Whether a finite timestamp can be stored.
pub fn timestamp_in_range(micros: i64) -> bool {
    (TIMESTAMP_MIN..TIMESTAMP_END).contains(&micros)
}

/// 22008 for a value of this type.
pub(crate) fn out_of_range(what: &str) -> Error {
    Error::new(SqlState::DATETIME_FIELD_OVERFLOW, format!("{what} out of range"))
}

pub(crate) fn date_out_of_range() -> Error {
    out_of_range("date")
}

/// Midnight of a date, infinities kept.
///
/// # Errors
/// 22008 when the date lies past the last timestamp.
pub(crate) fn date_to_timestamp(days: i32) -> Result<i64> {
    match days {
        DATE_INFINITY => Ok(TIMESTAMP_INFINITY),
        DATE_NEG_INFINITY => Ok(TIMESTAMP_NEG_INFINITY),
        _ => i64::from(days)
            .checked_mul(MICROS_PER_DAY)
            .filter(|micros| timestamp_in_range(*micros))
            .ok_or_else(|| Error::new(SqlState::DATETIME_FIELD_OVERFLOW, "date out of range for timestamp")),
    }
}

/// A local timestamp read in a zone, infinities kept.
///
/// # Errors
/// 22008 when the result leaves the range.
pub(crate) fn local_to_utc(local: i64, zone: &TimeZone) -> Result<i64> {
    if is_infinite(local) {
        return Ok(local);
    }
    let utc = local.checked_sub(i64::from(zone.offset_at_local(local)) * MICROS_PER_SECOND);
    utc.filter(|utc| timestamp_in_range(*utc)).ok_or_else(|| out_of_range("timestamp"))
}

/// Adds months to a day, cutting the day of the month to the month's length.
pub(crate) fn add_months(days: i32, months: i32) -> Option<i32> {
    let civil = days_to_civil(days);
    let total = i64::from(civil.year) * 12 + i64::from(civil.month) - 1 + i64::from(months);
    let year = i32::try_from(total.div_euclid(12)).ok()?;
    let month = total.rem_euclid(12) as u32 + 1;
    civil_to_days(year, month, civil.day.min(days_in_month(year, month)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_days() {
        assert_eq!(civil_to_days(2000, 1, 1), Some(0));
        assert_eq!(civil_to_days(1970, 1, 1), Some(-10_957));
        assert_eq!(civil_to_days(-4713, 11, 24), Some(-EPOCH_JULIAN));
        assert_eq!(civil_to_days(-4713, 11, 23), None);
        assert_eq!(civil_to_days(5_874_897, 12, 31), Some(DATE_END - 1));
        assert_eq!(days_to_civil(59), Civil { year: 2000, month: 2, day: 29 });
        assert_eq!(add_months(civil_to_days(2023, 1, 31).expect("in range"), 1), civil_to_days(2023, 2, 28));
    }

    proptest! {
        #[test]
        fn civil_round_trip(days in -EPOCH_JULIAN..DATE_END) {
            let civil = days_to_civil(days);
            prop_assert!(civil.day <= days_in_month(civil.year, civil.month));
            prop_assert_eq!(civil_to_days(civil.year, civil.month, civil.day), Some(days));
        }
    }
}

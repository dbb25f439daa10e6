//! Clocks, arithmetic and fields of dates, times, timestamps and intervals.
//!
//! Months and days step on the calendar, in the zone for a timestamptz; microseconds step on the clock.

use super::args::invalid_parameter;
use super::{Call, Function};
use crate::datetime::*;
use crate::datum::{Datum, Interval};
use crate::error::{Error, Result, SqlState};
use crate::numeric::Numeric;
use crate::sqltype::SqlType;
use crate::sqltype::oid::*;

fn interval_overflow() -> Error {
    Error::new(SqlState::DATETIME_FIELD_OVERFLOW, "interval out of range")
}

fn interval(months: Option<i32>, days: Option<i32>, micros: Option<i64>) -> Result<Datum> {
    match (months, days, micros) {
        (Some(months), Some(days), Some(micros)) => Ok(Datum::Interval(Interval { months, days, micros })),
        _ => Err(interval_overflow()),
    }
}

fn in_range(micros: i64) -> Result<i64> {
    if timestamp_in_range(micros) { Ok(micros) } else { Err(out_of_range("timestamp")) }
}

fn like_argument(call: &Call<'_>, i: usize, micros: i64) -> Datum {
    if matches!(call.arg(i), Datum::Timestamptz(_)) { Datum::Timestamptz(micros) } else { Datum::Timestamp(micros) }
}

fn transaction_now(call: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::Timestamptz(call.settings.transaction_timestamp))
}

fn statement_now(call: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::Timestamptz(call.settings.statement_timestamp))
}

/// The wall clock, for the functions that read it by definition.
fn wall_clock() -> i64 {
    chrono::Utc::now().timestamp_micros() - UNIX_EPOCH_OFFSET_SECONDS * MICROS_PER_SECOND
}

fn clock_now(_call: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::Timestamptz(wall_clock()))
}

/// The wall clock as `Thu Feb 29 12:34:56.000789 2024 CET`, whatever the style of dates.
fn time_of_day(call: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::Text(shown_moment(wall_clock(), &call.settings.timezone).into()))
}

fn shown_moment(utc: i64, zone: &TimeZone) -> String {
    let (days, time) = split_timestamp(zone.to_local(utc));
    let (Civil { year, month, day }, clock) = (days_to_civil(days), Clock::from_micros(time));
    let (weekday, month) = (&DAYS[day_of_week(days) as usize][..3], &MONTHS[month as usize - 1][..3]);
    let Clock { hour, minute, second, micros } = clock;
    let zone = zone.abbreviation(utc);
    format!("{weekday} {month} {day:02} {hour:02}:{minute:02}:{second:02}.{micros:06} {year} {zone}")
}

/// Adds an interval to a timestamp: months and days on the calendar of the zone (the local one without), then time.
pub fn add_interval(micros: i64, step: Interval, zone: Option<&TimeZone>) -> Result<i64> {
    if is_infinite(micros) {
        return Ok(micros);
    }
    let overflow = || out_of_range("timestamp");
    let mut result = micros;
    if step.months != 0 || step.days != 0 {
        let local = zone.map_or(result, |zone| zone.to_local(result));
        let (days, time) = split_timestamp(local);
        let days = if step.months == 0 { days } else { add_months(days, step.months).ok_or_else(overflow)? };
        let days = days.checked_add(step.days).ok_or_else(overflow)?;
        let local = i64::from(days).checked_mul(MICROS_PER_DAY).and_then(|day| day.checked_add(time));
        let local = local.filter(|local| timestamp_in_range(*local)).ok_or_else(overflow)?;
        result = zone.map_or(Ok(local), |zone| local_to_utc(local, zone))?;
    }
    result.checked_add(step.micros).filter(|micros| timestamp_in_range(*micros)).ok_or_else(overflow)
}

pub(crate) fn negated(step: Interval) -> Result<Interval> {
    step.checked_neg().ok_or_else(interval_overflow)
}

/// The position of the interval among the two arguments, and that of the other.
fn interval_side(call: &Call<'_>) -> (usize, usize) {
    if matches!(call.arg(0), Datum::Interval(_)) { (0, 1) } else { (1, 0) }
}

fn moment_plus(call: &Call<'_>, at: usize, step: Interval) -> Result<Datum> {
    match call.arg(at) {
        Datum::Date(days) => add_interval(date_to_timestamp(*days)?, step, None).map(Datum::Timestamp),
        Datum::Time(micros) => {
            let step = step.micros % MICROS_PER_DAY;
            Ok(Datum::Time((micros + step).rem_euclid(MICROS_PER_DAY)))
        }
        Datum::Timestamptz(micros) => {
            add_interval(*micros, step, Some(&call.settings.timezone)).map(Datum::Timestamptz)
        }
        _ => add_interval(call.micros(at)?, step, None).map(Datum::Timestamp),
    }
}

fn plus_interval(call: &mut Call<'_>) -> Result<Datum> {
    let (step, at) = interval_side(call);
    moment_plus(call, at, call.interval(step)?)
}

fn minus_interval(call: &mut Call<'_>) -> Result<Datum> {
    let step = negated(call.interval(1)?)?;
    moment_plus(call, 0, step)
}

fn shift_date(days: i32, by: Option<i64>) -> Result<Datum> {
    if days == DATE_INFINITY || days == DATE_NEG_INFINITY {
        return Ok(Datum::Date(days));
    }
    let moved = by.and_then(|by| i32::try_from(i64::from(days) + by).ok()).filter(|days| date_in_range(*days));
    moved.map(Datum::Date).ok_or_else(date_out_of_range)
}

fn date_plus_days(call: &mut Call<'_>) -> Result<Datum> {
    let (date, days) = if matches!(call.arg(0), Datum::Date(_)) { (0, 1) } else { (1, 0) };
    shift_date(call.date(date)?, Some(call.i64(days)?))
}

fn date_minus_days(call: &mut Call<'_>) -> Result<Datum> {
    shift_date(call.date(0)?, Some(-call.i64(1)?))
}

fn date_difference(call: &mut Call<'_>) -> Result<Datum> {
    let (a, b) = (call.date(0)?, call.date(1)?);
    if [a, b].iter().any(|d| *d == DATE_INFINITY || *d == DATE_NEG_INFINITY) {
        return Err(Error::new(SqlState::DATETIME_FIELD_OVERFLOW, "cannot subtract infinite dates"));
    }
    i32::try_from(i64::from(a) - i64::from(b)).map(Datum::Int4).map_err(|_| date_out_of_range())
}

fn date_plus_time(call: &mut Call<'_>) -> Result<Datum> {
    let (date, time) = if matches!(call.arg(0), Datum::Date(_)) { (0, 1) } else { (1, 0) };
    let midnight = date_to_timestamp(call.date(date)?)?;
    if is_infinite(midnight) {
        return Ok(Datum::Timestamp(midnight));
    }
    in_range(midnight + call.micros(time)?).map(Datum::Timestamp)
}

fn time_difference(call: &mut Call<'_>) -> Result<Datum> {
    interval(Some(0), Some(0), call.micros(0)?.checked_sub(call.micros(1)?))
}

/// Whole days and the rest, with one sign.
fn timestamp_difference(call: &mut Call<'_>) -> Result<Datum> {
    let (a, b) = (call.micros(0)?, call.micros(1)?);
    if is_infinite(a) || is_infinite(b) {
        return Err(Error::new(SqlState::DATETIME_FIELD_OVERFLOW, "cannot subtract infinite timestamps"));
    }
    let micros = a.checked_sub(b).ok_or_else(interval_overflow)?;
    interval(Some(0), Some((micros / MICROS_PER_DAY) as i32), Some(micros % MICROS_PER_DAY))
}

fn interval_add(call: &mut Call<'_>) -> Result<Datum> {
    let sum = call.interval(0)?.checked_add(call.interval(1)?);
    sum.map(Datum::Interval).ok_or_else(interval_overflow)
}

fn interval_sub(call: &mut Call<'_>) -> Result<Datum> {
    let difference = call.interval(0)?.checked_sub(call.interval(1)?);
    difference.map(Datum::Interval).ok_or_else(interval_overflow)
}

/// The interval this share of the way from one to another.
pub(crate) fn interpolated_interval(from: Interval, to: Interval, share: f64) -> Result<Datum> {
    let way = to.checked_sub(from).ok_or_else(interval_overflow)?;
    let Datum::Interval(part) = scaled_interval(way, |whole| whole * share)? else { return Ok(Datum::Null) };
    part.checked_add(from).map(Datum::Interval).ok_or_else(interval_overflow)
}

fn interval_neg(call: &mut Call<'_>) -> Result<Datum> {
    negated(call.interval(0)?).map(Datum::Interval)
}

/// Scales each part of an interval; the fraction of a month spills into days of which a month has 30, that of a day into
/// time. `scale` multiplies or divides: a quotient is not the product with the inverse, which may fall just short of a
/// whole number.
pub(crate) fn scaled_interval(value: Interval, scale: impl Fn(f64) -> f64) -> Result<Datum> {
    let narrow = |value: f64| {
        (value.is_finite() && value.abs() <= f64::from(i32::MAX)).then_some(value as i32).ok_or_else(interval_overflow)
    };
    let tidy = |value: f64| (value * 1e6).round_ties_even() / 1e6;
    let (all_months, all_days) = (scale(f64::from(value.months)), scale(f64::from(value.days)));
    let months = narrow(all_months.trunc())?;
    let days = narrow(all_days.trunc())?;
    let month_rest_days = tidy((all_months - f64::from(months)) * 30.0);
    let mut seconds_rest = tidy((all_days - f64::from(days) + month_rest_days - month_rest_days.trunc()) * 86_400.0);
    let mut days = f64::from(days);
    if seconds_rest.abs() >= 86_400.0 {
        days += (seconds_rest / 86_400.0).trunc();
        seconds_rest -= (seconds_rest / 86_400.0).trunc() * 86_400.0;
    }
    let days = narrow(days + month_rest_days.trunc())?;
    let micros = (scale(value.micros as f64) + seconds_rest * 1e6).round_ties_even();
    if !micros.is_finite() || micros.abs() >= 9.223_372_036_854_775e18 {
        return Err(interval_overflow());
    }
    interval(Some(months), Some(days), Some(micros as i64))
}

fn interval_mul(call: &mut Call<'_>) -> Result<Datum> {
    let (step, factor) = interval_side(call);
    let factor = call.f64(factor)?;
    scaled_interval(call.interval(step)?, |part| part * factor)
}

fn interval_div(call: &mut Call<'_>) -> Result<Datum> {
    let divisor = call.f64(1)?;
    if divisor == 0.0 {
        return Err(crate::numeric::division_by_zero());
    }
    scaled_interval(call.interval(0)?, |part| part / divisor)
}

fn justify_days(call: &mut Call<'_>) -> Result<Datum> {
    let value = call.interval(0)?;
    with_whole_months(value).map(Datum::Interval)
}

fn justify_hours(call: &mut Call<'_>) -> Result<Datum> {
    let value = call.interval(0)?;
    with_whole_days(value).map(Datum::Interval)
}

fn with_whole_days(value: Interval) -> Result<Interval> {
    let whole = (value.micros / MICROS_PER_DAY) as i32;
    let mut days = value.days.checked_add(whole).ok_or_else(interval_overflow)?;
    let mut micros = value.micros % MICROS_PER_DAY;
    if days > 0 && micros < 0 {
        micros += MICROS_PER_DAY;
        days -= 1;
    } else if days < 0 && micros > 0 {
        micros -= MICROS_PER_DAY;
        days += 1;
    }
    Ok(Interval { days, micros, ..value })
}

fn with_whole_months(value: Interval) -> Result<Interval> {
    let mut months = value.months.checked_add(value.days / 30).ok_or_else(interval_overflow)?;
    let mut days = value.days % 30;
    if months > 0 && days < 0 {
        days += 30;
        months -= 1;
    } else if months < 0 && days > 0 {
        days -= 30;
        months += 1;
    }
    Ok(Interval { months, days, ..value })
}

fn justify_interval(call: &mut Call<'_>) -> Result<Datum> {
    let mut value = call.interval(0)?;
    // Hours of the same sign could make more days than there can be.
    if i64::from(value.days.signum()) * value.micros.signum() > 0 {
        value.months = value.months.checked_add(value.days / 30).ok_or_else(interval_overflow)?;
        value.days %= 30;
    }
    let mut value = with_whole_months(with_whole_days(value)?)?;
    let (positive, negative) = (
        value.months > 0 || value.months == 0 && value.days > 0,
        value.months < 0 || value.months == 0 && value.days < 0,
    );
    if positive && value.micros < 0 {
        value.micros += MICROS_PER_DAY;
        value.days -= 1;
    } else if negative && value.micros > 0 {
        value.micros -= MICROS_PER_DAY;
        value.days += 1;
    }
    with_whole_months(value).map(Datum::Interval)
}

/// The difference in years, months and days as a person counts them.
fn symbolic_difference(later: i64, earlier: i64) -> Result<Datum> {
    if is_infinite(later) || is_infinite(earlier) {
        return Err(Error::new(SqlState::DATETIME_FIELD_OVERFLOW, "timestamp out of range"));
    }
    let sign = if later < earlier { -1 } else { 1 };
    let (high, low) = if sign < 0 { (earlier, later) } else { (later, earlier) };
    let ((high_days, high_time), (low_days, low_time)) = (split_timestamp(high), split_timestamp(low));
    let (a, b) = (days_to_civil(high_days), days_to_civil(low_days));
    let mut months = (a.year - b.year) * 12 + a.month as i32 - b.month as i32;
    let mut days = a.day as i32 - b.day as i32;
    let mut micros = high_time - low_time;
    if micros < 0 {
        micros += MICROS_PER_DAY;
        days -= 1;
    }
    while days < 0 {
        // Borrow the month in which counting starts, that of the earlier date.
        days += days_in_month(b.year, b.month) as i32;
        months -= 1;
    }
    interval(Some(months * sign), Some(days * sign), Some(micros * i64::from(sign)))
}

fn age(call: &mut Call<'_>) -> Result<Datum> {
    let zone = call.settings.timezone;
    let zoned = matches!(call.arg(0), Datum::Timestamptz(_));
    let local = |micros: i64| if zoned { zone.to_local(micros) } else { micros };
    if call.args.len() == 2 {
        return symbolic_difference(local(call.micros(0)?), local(call.micros(1)?));
    }
    let today = split_timestamp(zone.to_local(call.settings.transaction_timestamp)).0;
    symbolic_difference(i64::from(today) * MICROS_PER_DAY, local(call.micros(0)?))
}

/// A period of OVERLAPS, given by its ends or by one and a length: the earlier end, and the later one unless it is not
/// known. `None` where neither is.
fn period(call: &Call<'_>, at: usize) -> Result<Option<(i64, Option<i64>)>> {
    let micros = |value: &Datum| match value {
        Datum::Time(micros) | Datum::Timestamp(micros) | Datum::Timestamptz(micros) => Some(*micros),
        _ => None,
    };
    let first = micros(call.arg(at));
    let second = match (first, call.arg(at + 1)) {
        (None, Datum::Interval(_)) => None,
        (Some(_), Datum::Interval(length)) => micros(&moment_plus(call, at, *length)?),
        (_, end) => micros(end),
    };
    Ok(match (first, second) {
        (Some(a), Some(b)) => Some((a.min(b), Some(a.max(b)))),
        (first, second) => first.or(second).map(|known| (known, None)),
    })
}

/// Whether two periods have a moment in common, their later ends not counted; null as far as an end that is not known
/// might decide it.
fn overlaps(call: &mut Call<'_>) -> Result<Datum> {
    let (Some(a), Some(b)) = (period(call, 0)?, period(call, 2)?) else { return Ok(Datum::Null) };
    let ((start, end), (later_start, later_end)) = if a.0 <= b.0 { (a, b) } else { (b, a) };
    Ok(match (end, later_end) {
        (Some(_), Some(_)) if start == later_start => Datum::Bool(true),
        _ if start == later_start => Datum::Null,
        (None, _) => Datum::Null,
        (Some(end), _) if later_start < end => Datum::Bool(true),
        (_, None) => Datum::Null,
        _ => Datum::Bool(false),
    })
}

fn is_finite(call: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::Bool(match call.arg(0) {
        Datum::Date(days) => *days != DATE_INFINITY && *days != DATE_NEG_INFINITY,
        Datum::Interval(_) => true,
        _ => !is_infinite(call.micros(0)?),
    }))
}

fn field_overflow(message: String) -> Error {
    Error::new(SqlState::DATETIME_FIELD_OVERFLOW, message)
}

fn date_of(year: i32, month: i32, day: i32) -> Result<i32> {
    let shown = || field_overflow(format!("date field value out of range: {year}-{month:02}-{day:02}"));
    // A negative year is BC; there is no year 0.
    let astronomical = if year < 0 { year + 1 } else { year };
    if year == 0 || !(1..=12).contains(&month) || day < 1 || day > days_in_month(astronomical, month as u32) as i32 {
        return Err(shown());
    }
    civil_to_days(astronomical, month as u32, day as u32).ok_or_else(shown)
}

fn time_of(hour: i32, minute: i32, seconds: f64) -> Result<i64> {
    let micros = (seconds * 1e6).round_ties_even();
    let valid = (0..=24).contains(&hour) && (0..60).contains(&minute) && (0.0..=60e6).contains(&micros);
    let total = i64::from(hour) * MICROS_PER_HOUR
        + i64::from(minute) * MICROS_PER_MINUTE
        + if valid { micros as i64 } else { 0 };
    if !valid || total > MICROS_PER_DAY {
        return Err(field_overflow(format!("time field value out of range: {hour}:{minute:02}:{seconds:02}")));
    }
    Ok(total)
}

fn make_date(call: &mut Call<'_>) -> Result<Datum> {
    date_of(call.i32(0)?, call.i32(1)?, call.i32(2)?).map(Datum::Date)
}

fn make_time(call: &mut Call<'_>) -> Result<Datum> {
    time_of(call.i32(0)?, call.i32(1)?, call.f64(2)?).map(Datum::Time)
}

fn timestamp_of(call: &Call<'_>) -> Result<i64> {
    let midnight = date_to_timestamp(date_of(call.i32(0)?, call.i32(1)?, call.i32(2)?)?)?;
    in_range(midnight + time_of(call.i32(3)?, call.i32(4)?, call.f64(5)?)?)
}

fn make_timestamp(call: &mut Call<'_>) -> Result<Datum> {
    timestamp_of(call).map(Datum::Timestamp)
}

fn make_timestamptz(call: &mut Call<'_>) -> Result<Datum> {
    // What is wrong with the fields is told of before what is wrong with the zone.
    let local = timestamp_of(call)?;
    let zone = if call.args.len() > 6 { zone_of_moment(call.str(6)?)? } else { call.settings.timezone };
    local_to_utc(local, &zone).map(Datum::Timestamptz)
}

fn make_interval(call: &mut Call<'_>) -> Result<Datum> {
    let field = |i: usize| if call.args.len() > i { call.i64(i) } else { Ok(0) };
    let seconds = if call.args.len() > 6 { call.f64(6)? } else { 0.0 };
    let months = i32::try_from(field(0)? * 12 + field(1)?).ok();
    let days = i32::try_from(field(2)? * 7 + field(3)?).ok();
    let micros = field(4)? * MICROS_PER_HOUR + field(5)? * MICROS_PER_MINUTE;
    let seconds = (seconds * 1e6).round_ties_even();
    let seconds = (seconds.abs() < 9e18).then_some(seconds as i64);
    interval(months, days, seconds.and_then(|seconds| micros.checked_add(seconds)))
}

fn epoch_to_timestamptz(call: &mut Call<'_>) -> Result<Datum> {
    let seconds = call.f64(0)?;
    if seconds.is_nan() {
        return Err(field_overflow("timestamp cannot be NaN".to_owned()));
    }
    if seconds.is_infinite() {
        return Ok(Datum::Timestamptz(if seconds > 0.0 { TIMESTAMP_INFINITY } else { TIMESTAMP_NEG_INFINITY }));
    }
    let micros = ((seconds - UNIX_EPOCH_OFFSET_SECONDS as f64) * 1e6).round_ties_even();
    if !(micros.abs() < 9.3e18 && timestamp_in_range(micros as i64)) {
        return Err(field_overflow(format!("timestamp out of range: \"{}\"", crate::text_io::general(seconds))));
    }
    Ok(Datum::Timestamptz(micros as i64))
}

fn zone_named(name: &str) -> Result<TimeZone> {
    TimeZone::of_abbreviation_or_name(name)
        .ok_or_else(|| invalid_parameter(format!("time zone \"{name}\" not recognized")))
}

/// The zone of make_timestamptz, in which a number is an offset as in a timestamp: it counts east and has its sign.
fn zone_of_moment(name: &str) -> Result<TimeZone> {
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(invalid_parameter(format!("invalid input syntax for type numeric time zone: \"{name}\""))
            .hint("Numeric time zones must have \"-\" or \"+\" as first character."));
    }
    if !name.starts_with(['+', '-']) {
        return zone_named(name);
    }
    parse_zone_offset(name)
        .map(TimeZone::Fixed)
        .ok_or_else(|| invalid_parameter(format!("numeric time zone \"{name}\" out of range")))
}

/// `AT TIME ZONE`: a timestamp read in a zone, or a timestamptz shown in one.
fn at_zone(call: &mut Call<'_>) -> Result<Datum> {
    let zone = match call.arg(0) {
        Datum::Interval(offset) => {
            if offset.months != 0 || offset.days != 0 {
                let mut shown = Vec::new();
                write_interval(*offset, call.settings.styles.interval, &mut shown);
                let shown = String::from_utf8_lossy(&shown).into_owned();
                return Err(invalid_parameter(format!(
                    "interval time zone \"{shown}\" must not include months or days"
                )));
            }
            let seconds = i32::try_from(offset.micros / MICROS_PER_SECOND).map_err(|_| out_of_range("timestamp"))?;
            TimeZone::Fixed(seconds)
        }
        _ => zone_named(call.str(0)?)?,
    };
    match call.arg(1) {
        Datum::Timestamptz(micros) if is_infinite(*micros) => Ok(Datum::Timestamp(*micros)),
        Datum::Timestamptz(micros) => in_range(zone.to_local(*micros)).map(Datum::Timestamp),
        _ => local_to_utc(call.micros(1)?, &zone).map(Datum::Timestamptz),
    }
}

fn unit_error(unit: &str, call: &Call<'_>, at: usize, known: bool) -> Error {
    let ty = call.arg_type(at);
    let name = if ty.oid == UNKNOWN { crate::text_io::natural_type(call.arg(at)).name() } else { ty.name() };
    if known {
        let message = format!("unit \"{unit}\" not supported for type {name}");
        return Error::new(SqlState::FEATURE_NOT_SUPPORTED, message);
    }
    invalid_parameter(format!("unit \"{unit}\" not recognized for type {name}"))
}

/// The canonical name of a field, PostgreSQL's abbreviations expanded; `None` for an unknown one.
fn unit_name(unit: &str) -> Option<&'static str> {
    Some(match unit.to_ascii_lowercase().as_str() {
        "microseconds" | "microsecond" | "us" | "usec" | "usecs" => "microseconds",
        "milliseconds" | "millisecond" | "ms" | "msec" | "msecs" => "milliseconds",
        "second" | "seconds" | "sec" | "secs" | "s" => "second",
        "minute" | "minutes" | "min" | "mins" | "m" => "minute",
        "hour" | "hours" | "hr" | "hrs" | "h" => "hour",
        "day" | "days" | "d" => "day",
        "week" | "weeks" | "w" => "week",
        "month" | "months" | "mon" | "mons" => "month",
        "quarter" | "qtr" => "quarter",
        "year" | "years" | "y" | "yr" | "yrs" => "year",
        "decade" | "decades" | "dec" | "decs" => "decade",
        "century" | "centuries" | "c" | "cent" => "century",
        "millennium" | "millennia" | "mil" | "mils" => "millennium",
        "epoch" => "epoch",
        "dow" => "dow",
        "isodow" => "isodow",
        "doy" => "doy",
        "isoyear" => "isoyear",
        "julian" => "julian",
        "timezone" => "timezone",
        "timezone_hour" | "timezone_h" => "timezone_hour",
        "timezone_minute" | "timezone_m" => "timezone_minute",
        _ => return None,
    })
}

/// Monday of the week that holds a day.
pub(super) fn monday_of(days: i32) -> i32 {
    days.saturating_sub((i64::from(days) + 5).rem_euclid(7) as i32)
}

/// ISO year and week of a day.
pub(super) fn iso_week(days: i32) -> (i32, i32) {
    // The year of the week is that of its Thursday.
    let thursday = monday_of(days).saturating_add(3);
    let year = days_to_civil(thursday).year;
    let first = civil_to_days(year, 1, 1).unwrap_or(thursday);
    (year, (thursday - first) / 7 + 1)
}

/// Sunday is 0.
pub(super) fn day_of_week(days: i32) -> i32 {
    (i64::from(days) + 6).rem_euclid(7) as i32
}

pub(super) fn day_of_year(days: i32) -> i32 {
    let year = days_to_civil(days).year;
    days - civil_to_days(year, 1, 1).unwrap_or(days) + 1
}

fn century_of(year: i32) -> i32 {
    if year > 0 { (year + 99) / 100 } else { -((99 - (year - 1)) / 100) }
}

fn millennium_of(year: i32) -> i32 {
    if year > 0 { (year + 999) / 1_000 } else { -((999 - (year - 1)) / 1_000) }
}

/// The number of microseconds as a decimal of seconds.
fn seconds(micros: i64, scale_down: u32) -> Numeric {
    Numeric::from_parts(micros, scale_down as u16)
}

/// Any field, as a decimal; `None` where the field does not belong to the type.
fn field(call: &Call<'_>, unit: &str) -> Result<Option<Numeric>> {
    let whole = |value: i64| Ok(Some(Numeric::from(value)));
    if let Datum::Interval(value) = call.arg(1) {
        let (years, months) = (i64::from(value.months / 12), i64::from(value.months % 12));
        let micros = value.micros;
        return match unit {
            "microseconds" => whole(micros % MICROS_PER_MINUTE),
            "milliseconds" => Ok(Some(seconds(micros % MICROS_PER_MINUTE, 3))),
            "second" => Ok(Some(seconds(micros % MICROS_PER_MINUTE, 6))),
            "minute" => whole(micros / MICROS_PER_MINUTE % 60),
            "hour" => whole(micros / MICROS_PER_HOUR),
            "day" => whole(i64::from(value.days)),
            "month" => whole(months),
            "quarter" => whole(months / 3 + 1),
            "year" => whole(years),
            "decade" => whole(years / 10),
            "century" => whole(years / 100),
            "millennium" => whole(years / 1_000),
            "epoch" => {
                // A year counts 365.25 days, a month 30.
                let days = i128::from(years) * 1_461 + 4 * (i128::from(months) * 30 + i128::from(value.days));
                let total = days * i128::from(MICROS_PER_DAY / 4) + i128::from(micros);
                Ok(Some(Numeric::from_i128(total, 6)))
            }
            _ => Ok(None),
        };
    }
    if let Datum::Time(micros) = call.arg(1) {
        return match unit {
            "epoch" => Ok(Some(seconds(*micros, 6))),
            "microseconds" | "milliseconds" | "second" | "minute" | "hour" => clock_field(*micros, unit).map(Some),
            _ => Ok(None),
        };
    }
    let is_date = matches!(call.arg(1), Datum::Date(_));
    let (local, utc) = match call.arg(1) {
        Datum::Date(days) if *days == DATE_INFINITY => (TIMESTAMP_INFINITY, TIMESTAMP_INFINITY),
        Datum::Date(days) if *days == DATE_NEG_INFINITY => (TIMESTAMP_NEG_INFINITY, TIMESTAMP_NEG_INFINITY),
        Datum::Date(days) => {
            let micros = i128::from(*days) * i128::from(MICROS_PER_DAY);
            let micros = i64::try_from(micros).map_err(|_| date_out_of_range())?;
            (micros, micros)
        }
        Datum::Timestamptz(micros) => (call.settings.timezone.to_local(*micros), *micros),
        _ => (call.micros(1)?, call.micros(1)?),
    };
    if is_infinite(local) {
        return match unit {
            "year" | "decade" | "century" | "millennium" | "epoch" | "isoyear" | "julian" => {
                Ok(Some(if local > 0 { Numeric::INFINITY } else { Numeric::NEG_INFINITY }))
            }
            _ => Ok(None),
        };
    }
    let (days, time) = split_timestamp(local);
    let civil = days_to_civil(days);
    // There is no year 0 for a reader: 1 BC is -1.
    let shown_year = i64::from(if civil.year > 0 { civil.year } else { civil.year - 1 });
    let zoned = matches!(call.arg(1), Datum::Timestamptz(_));
    let offset = i64::from(if zoned { call.settings.timezone.offset_at_utc(utc) } else { 0 });
    match unit {
        "microseconds" | "milliseconds" | "second" | "minute" | "hour" if !is_date => clock_field(time, unit).map(Some),
        "day" => whole(i64::from(civil.day)),
        "month" => whole(i64::from(civil.month)),
        "quarter" => whole(i64::from((civil.month - 1) / 3 + 1)),
        "year" => whole(shown_year),
        "decade" => whole(i64::from(civil.year.div_euclid(10))),
        "century" => whole(i64::from(century_of(civil.year))),
        "millennium" => whole(i64::from(millennium_of(civil.year))),
        "week" => whole(i64::from(iso_week(days).1)),
        "isoyear" => {
            let year = iso_week(days).0;
            whole(i64::from(if year > 0 { year } else { year - 1 }))
        }
        "dow" => whole(i64::from(day_of_week(days))),
        "isodow" => whole(i64::from((day_of_week(days) + 6) % 7 + 1)),
        "doy" => whole(i64::from(day_of_year(days))),
        "julian" if is_date => whole(i64::from(days) + 2_451_545),
        "julian" => {
            let day = Numeric::from(i64::from(days) + 2_451_545);
            let part = Numeric::from(time).div(&Numeric::from(MICROS_PER_DAY))?;
            day.add(&part).map(Some)
        }
        "epoch" => {
            let micros = i128::from(utc) + i128::from(UNIX_EPOCH_OFFSET_SECONDS * MICROS_PER_SECOND);
            Ok(Some(if is_date { Numeric::from_i128(micros / 1_000_000, 0) } else { Numeric::from_i128(micros, 6) }))
        }
        "timezone" if zoned => whole(offset),
        "timezone_hour" if zoned => whole(offset / 3_600),
        "timezone_minute" if zoned => whole(offset / 60 % 60),
        _ => Ok(None),
    }
}

fn clock_field(time: i64, unit: &str) -> Result<Numeric> {
    let in_minute = time % MICROS_PER_MINUTE;
    Ok(match unit {
        "microseconds" => Numeric::from(in_minute),
        "milliseconds" => seconds(in_minute, 3),
        "second" => seconds(in_minute, 6),
        "minute" => Numeric::from(time / MICROS_PER_MINUTE % 60),
        _ => Numeric::from(time / MICROS_PER_HOUR),
    })
}

/// The field an argument names; null for a periodic field of an infinity.
fn named_field(call: &Call<'_>) -> Result<Option<Numeric>> {
    let name = call.str(0)?;
    let unit = unit_name(name).ok_or_else(|| unit_error(name, call, 1, false))?;
    match field(call, unit)? {
        Some(value) => Ok(Some(value)),
        None => match call.arg(1) {
            Datum::Timestamp(micros) | Datum::Timestamptz(micros) if is_infinite(*micros) => Ok(None),
            Datum::Date(DATE_INFINITY | DATE_NEG_INFINITY)
                if matches!(unit, "day" | "month" | "quarter" | "week" | "dow" | "isodow" | "doy") =>
            {
                Ok(None)
            }
            _ => Err(unit_error(name, call, 1, true)),
        },
    }
}

fn extract(call: &mut Call<'_>) -> Result<Datum> {
    Ok(named_field(call)?.map_or(Datum::Null, Datum::Numeric))
}

fn date_part(call: &mut Call<'_>) -> Result<Datum> {
    Ok(named_field(call)?.map_or(Datum::Null, |value| Datum::Float8(value.to_f64())))
}

/// A date is read as the timestamp of its midnight, so that it has hours here, unlike in extract.
fn date_part_of_date(call: &mut Call<'_>) -> Result<Datum> {
    let args = [call.arg(0).clone(), Datum::Timestamp(date_to_timestamp(call.date(1)?)?)];
    date_part(&mut Call::new(&args, &[SqlType::TEXT, SqlType::TIMESTAMP], call.result, call.settings))
}

fn truncated_days(days: i32, unit: &str) -> Option<i32> {
    let civil = days_to_civil(days);
    let start = |year: i32, month: u32| civil_to_days(year, month, 1);
    match unit {
        "day" => Some(days),
        "week" => Some(monday_of(days)),
        "month" => start(civil.year, civil.month),
        "quarter" => start(civil.year, (civil.month - 1) / 3 * 3 + 1),
        "year" => start(civil.year, 1),
        "decade" => start(civil.year.div_euclid(10) * 10, 1),
        "century" => start((civil.year - 1).div_euclid(100) * 100 + 1, 1),
        "millennium" => start((civil.year - 1).div_euclid(1_000) * 1_000 + 1, 1),
        _ => None,
    }
}

fn truncated(micros: i64, unit: &str) -> Result<Option<i64>> {
    let clock = match unit {
        "microseconds" => Some(1),
        "milliseconds" => Some(1_000),
        "second" => Some(MICROS_PER_SECOND),
        "minute" => Some(MICROS_PER_MINUTE),
        "hour" => Some(MICROS_PER_HOUR),
        _ => None,
    };
    if let Some(step) = clock {
        return Ok(Some(micros.div_euclid(step) * step));
    }
    match truncated_days(split_timestamp(micros).0, unit) {
        Some(days) => date_to_timestamp(days).map(Some),
        None => Ok(None),
    }
}

fn date_trunc(call: &mut Call<'_>) -> Result<Datum> {
    let name = call.str(0)?;
    let unit = unit_name(name).ok_or_else(|| unit_error(name, call, 1, false))?;
    if let Datum::Interval(value) = call.arg(1) {
        return truncated_interval(*value, unit).map(Datum::Interval).ok_or_else(|| unit_error(name, call, 1, true));
    }
    let micros = call.micros(1)?;
    if is_infinite(micros) {
        return Ok(call.arg(1).clone());
    }
    if !matches!(call.arg(1), Datum::Timestamptz(_)) {
        let cut = truncated(micros, unit)?.ok_or_else(|| unit_error(name, call, 1, true))?;
        return Ok(Datum::Timestamp(cut));
    }
    let zone = if call.args.len() > 2 { zone_named(call.str(2)?)? } else { call.settings.timezone };
    let offset = zone.offset_at_utc(micros);
    let local = zone.to_local(micros);
    let cut = truncated(local, unit)?.ok_or_else(|| unit_error(name, call, 1, true))?;
    // A unit of the clock keeps the offset in force, so that a repeated hour stays the one it was.
    if matches!(unit, "microseconds" | "milliseconds" | "second" | "minute" | "hour") {
        return Ok(Datum::Timestamptz(cut - i64::from(offset) * MICROS_PER_SECOND));
    }
    local_to_utc(cut, &zone).map(Datum::Timestamptz)
}

fn truncated_interval(value: Interval, unit: &str) -> Option<Interval> {
    let months = |step: i32| Some(Interval { months: value.months / step * step, days: 0, micros: 0 });
    let time = |step: i64| Some(Interval { micros: value.micros / step * step, ..value });
    match unit {
        "millennium" => months(12_000),
        "century" => months(1_200),
        "decade" => months(120),
        "year" => months(12),
        "quarter" => months(3),
        "month" => months(1),
        "day" => Some(Interval { micros: 0, ..value }),
        "hour" => time(MICROS_PER_HOUR),
        "minute" => time(MICROS_PER_MINUTE),
        "second" => time(MICROS_PER_SECOND),
        "milliseconds" => time(1_000),
        "microseconds" => time(1),
        _ => None,
    }
}

fn date_bin(call: &mut Call<'_>) -> Result<Datum> {
    let (stride, source, origin) = (call.interval(0)?, call.micros(1)?, call.micros(2)?);
    if is_infinite(source) {
        return Ok(call.arg(1).clone());
    }
    if stride.months != 0 {
        let message = "timestamps cannot be binned into intervals containing months or years";
        return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message));
    }
    let step = i64::try_from(stride.span()).map_err(|_| interval_overflow())?;
    if step <= 0 || is_infinite(origin) {
        return Err(Error::new(SqlState::DATETIME_FIELD_OVERFLOW, "stride must be greater than zero"));
    }
    let distance = source.checked_sub(origin).ok_or_else(interval_overflow)?;
    // The start of the first bin may lie before what fits.
    let start = distance.div_euclid(step).checked_mul(step).and_then(|offset| origin.checked_add(offset));
    let start = start.ok_or_else(|| out_of_range("timestamp"))?;
    in_range(start).map(|start| like_argument(call, 1, start))
}

#[rustfmt::skip]
pub(super) static FUNCTIONS: &[Function] = &[
    Function::strict(274, "timeofday", &[], TEXT, time_of_day).volatile(),
    Function::strict(1026, "timezone", &[INTERVAL, TIMESTAMPTZ], TIMESTAMP, at_zone),
    Function::strict(1140, "date_mi", &[DATE, DATE], INT4, date_difference),
    Function::strict(1141, "date_pli", &[DATE, INT4], DATE, date_plus_days),
    Function::strict(1142, "date_mii", &[DATE, INT4], DATE, date_minus_days),
    Function::strict(1158, "to_timestamp", &[FLOAT8], TIMESTAMPTZ, epoch_to_timestamptz),
    Function::strict(1159, "timezone", &[TEXT, TIMESTAMPTZ], TIMESTAMP, at_zone),
    Function::strict(1168, "interval_um", &[INTERVAL], INTERVAL, interval_neg),
    Function::strict(1169, "interval_pl", &[INTERVAL, INTERVAL], INTERVAL, interval_add),
    Function::strict(1170, "interval_mi", &[INTERVAL, INTERVAL], INTERVAL, interval_sub),
    Function::strict(1171, "date_part", &[TEXT, TIMESTAMPTZ], FLOAT8, date_part).stable(),
    Function::strict(1172, "date_part", &[TEXT, INTERVAL], FLOAT8, date_part),
    Function::strict(1175, "justify_hours", &[INTERVAL], INTERVAL, justify_hours),
    Function::strict(1188, "timestamptz_mi", &[TIMESTAMPTZ, TIMESTAMPTZ], INTERVAL, timestamp_difference),
    Function::strict(1189, "timestamptz_pl_interval", &[TIMESTAMPTZ, INTERVAL], TIMESTAMPTZ, plus_interval).stable(),
    Function::strict(1190, "timestamptz_mi_interval", &[TIMESTAMPTZ, INTERVAL], TIMESTAMPTZ, minus_interval).stable(),
    Function::strict(1199, "age", &[TIMESTAMPTZ, TIMESTAMPTZ], INTERVAL, age),
    Function::strict(1217, "date_trunc", &[TEXT, TIMESTAMPTZ], TIMESTAMPTZ, date_trunc).stable(),
    Function::strict(1218, "date_trunc", &[TEXT, INTERVAL], INTERVAL, date_trunc),
    Function::strict(1272, "datetime_pl", &[DATE, TIME], TIMESTAMP, date_plus_time),
    Function::strict(1284, "date_trunc", &[TEXT, TIMESTAMPTZ, TEXT], TIMESTAMPTZ, date_trunc).stable(),
    Function::strict(1295, "justify_days", &[INTERVAL], INTERVAL, justify_days),
    Function::strict(1296, "timedate_pl", &[TIME, DATE], TIMESTAMP, date_plus_time),
    Function::strict(1299, "now", &[], TIMESTAMPTZ, transaction_now).stable(),
    Function::strict(1304, "overlaps", &[TIMESTAMPTZ, TIMESTAMPTZ, TIMESTAMPTZ, TIMESTAMPTZ], BOOL, overlaps).called_on_null(),
    Function::strict(1305, "overlaps", &[TIMESTAMPTZ, INTERVAL, TIMESTAMPTZ, INTERVAL], BOOL, overlaps).called_on_null().stable(),
    Function::strict(1306, "overlaps", &[TIMESTAMPTZ, TIMESTAMPTZ, TIMESTAMPTZ, INTERVAL], BOOL, overlaps).called_on_null().stable(),
    Function::strict(1307, "overlaps", &[TIMESTAMPTZ, INTERVAL, TIMESTAMPTZ, TIMESTAMPTZ], BOOL, overlaps).called_on_null().stable(),
    Function::strict(1308, "overlaps", &[TIME, TIME, TIME, TIME], BOOL, overlaps).called_on_null(),
    Function::strict(1309, "overlaps", &[TIME, INTERVAL, TIME, INTERVAL], BOOL, overlaps).called_on_null(),
    Function::strict(1310, "overlaps", &[TIME, TIME, TIME, INTERVAL], BOOL, overlaps).called_on_null(),
    Function::strict(1311, "overlaps", &[TIME, INTERVAL, TIME, TIME], BOOL, overlaps).called_on_null(),
    Function::strict(1326, "interval_div", &[INTERVAL, FLOAT8], INTERVAL, interval_div),
    Function::strict(1373, "isfinite", &[DATE], BOOL, is_finite),
    Function::strict(1384, "date_part", &[TEXT, DATE], FLOAT8, date_part_of_date),
    Function::strict(1385, "date_part", &[TEXT, TIME], FLOAT8, date_part),
    Function::strict(1386, "age", &[TIMESTAMPTZ], INTERVAL, age).stable(),
    Function::strict(1389, "isfinite", &[TIMESTAMPTZ], BOOL, is_finite),
    Function::strict(1390, "isfinite", &[INTERVAL], BOOL, is_finite),
    Function::strict(1618, "interval_mul", &[INTERVAL, FLOAT8], INTERVAL, interval_mul),
    Function::strict(1624, "mul_d_interval", &[FLOAT8, INTERVAL], INTERVAL, interval_mul),
    Function::strict(1690, "time_mi_time", &[TIME, TIME], INTERVAL, time_difference),
    Function::strict(1747, "time_pl_interval", &[TIME, INTERVAL], TIME, plus_interval),
    Function::strict(1748, "time_mi_interval", &[TIME, INTERVAL], TIME, minus_interval),
    Function::strict(1848, "interval_pl_time", &[INTERVAL, TIME], TIME, plus_interval),
    Function::strict(2020, "date_trunc", &[TEXT, TIMESTAMP], TIMESTAMP, date_trunc),
    Function::strict(2021, "date_part", &[TEXT, TIMESTAMP], FLOAT8, date_part),
    Function::strict(2031, "timestamp_mi", &[TIMESTAMP, TIMESTAMP], INTERVAL, timestamp_difference),
    Function::strict(2032, "timestamp_pl_interval", &[TIMESTAMP, INTERVAL], TIMESTAMP, plus_interval),
    Function::strict(2033, "timestamp_mi_interval", &[TIMESTAMP, INTERVAL], TIMESTAMP, minus_interval),
    Function::strict(2041, "overlaps", &[TIMESTAMP, TIMESTAMP, TIMESTAMP, TIMESTAMP], BOOL, overlaps).called_on_null(),
    Function::strict(2042, "overlaps", &[TIMESTAMP, INTERVAL, TIMESTAMP, INTERVAL], BOOL, overlaps).called_on_null(),
    Function::strict(2043, "overlaps", &[TIMESTAMP, TIMESTAMP, TIMESTAMP, INTERVAL], BOOL, overlaps).called_on_null(),
    Function::strict(2044, "overlaps", &[TIMESTAMP, INTERVAL, TIMESTAMP, TIMESTAMP], BOOL, overlaps).called_on_null(),
    Function::strict(2048, "isfinite", &[TIMESTAMP], BOOL, is_finite),
    Function::strict(2058, "age", &[TIMESTAMP, TIMESTAMP], INTERVAL, age),
    Function::strict(2059, "age", &[TIMESTAMP], INTERVAL, age).stable(),
    Function::strict(2069, "timezone", &[TEXT, TIMESTAMP], TIMESTAMPTZ, at_zone),
    Function::strict(2070, "timezone", &[INTERVAL, TIMESTAMP], TIMESTAMPTZ, at_zone),
    Function::strict(2071, "date_pl_interval", &[DATE, INTERVAL], TIMESTAMP, plus_interval),
    Function::strict(2072, "date_mi_interval", &[DATE, INTERVAL], TIMESTAMP, minus_interval),
    Function::strict(2546, "interval_pl_date", &[INTERVAL, DATE], TIMESTAMP, plus_interval),
    Function::strict(2548, "interval_pl_timestamp", &[INTERVAL, TIMESTAMP], TIMESTAMP, plus_interval),
    Function::strict(2549, "interval_pl_timestamptz", &[INTERVAL, TIMESTAMPTZ], TIMESTAMPTZ, plus_interval).stable(),
    Function::strict(2550, "integer_pl_date", &[INT4, DATE], DATE, date_plus_days),
    Function::strict(2647, "transaction_timestamp", &[], TIMESTAMPTZ, transaction_now).stable(),
    Function::strict(2648, "statement_timestamp", &[], TIMESTAMPTZ, statement_now).stable(),
    Function::strict(2649, "clock_timestamp", &[], TIMESTAMPTZ, clock_now).volatile(),
    Function::strict(2711, "justify_interval", &[INTERVAL], INTERVAL, justify_interval),
    Function::strict(3461, "make_timestamp", &[INT4, INT4, INT4, INT4, INT4, FLOAT8], TIMESTAMP, make_timestamp),
    Function::strict(3462, "make_timestamptz", &[INT4, INT4, INT4, INT4, INT4, FLOAT8], TIMESTAMPTZ, make_timestamptz).stable(),
    Function::strict(3463, "make_timestamptz", &[INT4, INT4, INT4, INT4, INT4, FLOAT8, TEXT], TIMESTAMPTZ, make_timestamptz).stable(),
    Function::strict(3464, "make_interval", &[INT4, INT4, INT4, INT4, INT4, INT4, FLOAT8], INTERVAL, make_interval),
    Function::strict(3846, "make_date", &[INT4, INT4, INT4], DATE, make_date),
    Function::strict(3847, "make_time", &[INT4, INT4, FLOAT8], TIME, make_time),
    Function::strict(6177, "date_bin", &[INTERVAL, TIMESTAMP, TIMESTAMP], TIMESTAMP, date_bin),
    Function::strict(6178, "date_bin", &[INTERVAL, TIMESTAMPTZ, TIMESTAMPTZ], TIMESTAMPTZ, date_bin),
    Function::strict(6199, "extract", &[TEXT, DATE], NUMERIC, extract),
    Function::strict(6200, "extract", &[TEXT, TIME], NUMERIC, extract),
    Function::strict(6202, "extract", &[TEXT, TIMESTAMP], NUMERIC, extract),
    Function::strict(6203, "extract", &[TEXT, TIMESTAMPTZ], NUMERIC, extract).stable(),
    Function::strict(6204, "extract", &[TEXT, INTERVAL], NUMERIC, extract),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_day_is_that_of_the_zone() {
        let zone = TimeZone::parse("Europe/Berlin").expect("a zone");
        assert_eq!(shown_moment(789, &zone), "Sat Jan 01 01:00:00.000789 2000 CET");
        assert_eq!(shown_moment(-1, &TimeZone::UTC), "Fri Dec 31 23:59:59.999999 1999 UTC");
    }
}

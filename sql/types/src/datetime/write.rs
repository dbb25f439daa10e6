//! Text output in every DateStyle and IntervalStyle.

use super::*;
use crate::datum::Interval;

fn two(value: u32, out: &mut Vec<u8>) {
    out.push(b'0' + (value / 10 % 10) as u8);
    out.push(b'0' + (value % 10) as u8);
}

pub(crate) fn integer(value: i64, out: &mut Vec<u8>) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    let mut rest = value.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[at..]);
}

/// At least four digits.
fn year(day: Civil, out: &mut Vec<u8>) {
    let shown = if day.year > 0 { day.year } else { 1 - day.year };
    if shown < 10_000 {
        two((shown / 100) as u32, out);
        two((shown % 100) as u32, out);
    } else {
        integer(i64::from(shown), out);
    }
}

/// The three numbers of a date.
fn civil(day: Civil, style: DateStyle, out: &mut Vec<u8>) {
    let separator = match style.format {
        DateFormat::Iso => {
            year(day, out);
            out.push(b'-');
            two(day.month, out);
            out.push(b'-');
            return two(day.day, out);
        }
        DateFormat::Sql => b'/',
        DateFormat::Postgres => b'-',
        DateFormat::German => b'.',
    };
    let day_first = style.format == DateFormat::German || style.order == DateOrder::Dmy;
    let (first, second) = if day_first { (day.day, day.month) } else { (day.month, day.day) };
    two(first, out);
    out.push(separator);
    two(second, out);
    out.push(separator);
    year(day, out);
}

/// `Thu Feb 29 12:34:56 2024`.
fn traditional(days: i32, day: Civil, time: i64, order: DateOrder, out: &mut Vec<u8>) {
    // The first of January 2000 was a Saturday.
    let weekday = DAYS[(i64::from(days) + 6).rem_euclid(7) as usize];
    let month = MONTHS[day.month as usize - 1];
    out.extend_from_slice(&weekday.as_bytes()[..3]);
    out.push(b' ');
    if order == DateOrder::Dmy {
        two(day.day, out);
        out.push(b' ');
        out.extend_from_slice(&month.as_bytes()[..3]);
    } else {
        out.extend_from_slice(&month.as_bytes()[..3]);
        out.push(b' ');
        two(day.day, out);
    }
    out.push(b' ');
    write_time(time, out);
    out.push(b' ');
    year(day, out);
}

/// `.ffffff` without trailing zeros; nothing for 0.
fn fraction(micros: u32, out: &mut Vec<u8>) {
    if micros == 0 {
        return;
    }
    out.push(b'.');
    let mut scale = 100_000;
    let mut rest = micros;
    while rest > 0 {
        out.push(b'0' + (rest / scale) as u8);
        rest %= scale;
        scale /= 10;
    }
}

/// `2024-02-29`, `infinity`.
pub fn write_date(days: i32, style: DateStyle, out: &mut Vec<u8>) {
    match days {
        DATE_INFINITY => out.extend_from_slice(b"infinity"),
        DATE_NEG_INFINITY => out.extend_from_slice(b"-infinity"),
        _ => {
            let day = days_to_civil(days);
            civil(day, style, out);
            if day.year <= 0 {
                out.extend_from_slice(b" BC");
            }
        }
    }
}

/// `12:34:56.789`.
pub fn write_time(micros: i64, out: &mut Vec<u8>) {
    let clock = Clock::from_micros(micros);
    two(clock.hour, out);
    out.push(b':');
    two(clock.minute, out);
    out.push(b':');
    two(clock.second, out);
    fraction(clock.micros, out);
}

/// A local time, with its zone behind it by `zone`.
fn timestamp(micros: i64, style: DateStyle, zone: impl FnOnce(&mut Vec<u8>), out: &mut Vec<u8>) {
    match micros {
        TIMESTAMP_INFINITY => out.extend_from_slice(b"infinity"),
        TIMESTAMP_NEG_INFINITY => out.extend_from_slice(b"-infinity"),
        _ => {
            let (days, time) = split_timestamp(micros);
            let day = days_to_civil(days);
            if style.format == DateFormat::Postgres {
                traditional(days, day, time, style.order, out);
            } else {
                civil(day, style, out);
                out.push(b' ');
                write_time(time, out);
            }
            zone(out);
            if day.year <= 0 {
                out.extend_from_slice(b" BC");
            }
        }
    }
}

/// `2024-02-29 12:34:56`.
pub fn write_timestamp(micros: i64, style: DateStyle, out: &mut Vec<u8>) {
    timestamp(micros, style, |_| {}, out);
}

/// `2024-02-29 12:34:56+01` in the given zone; its abbreviation stands behind what is not ISO.
pub fn write_timestamptz(micros: i64, zone: &TimeZone, style: DateStyle, out: &mut Vec<u8>) {
    if is_infinite(micros) {
        return write_timestamp(micros, style, out);
    }
    let offset = zone.offset_at_utc(micros);
    let local = micros.saturating_add(i64::from(offset) * MICROS_PER_SECOND);
    let shown = |out: &mut Vec<u8>| {
        if style.format == DateFormat::Iso {
            write_offset(offset, out);
        } else {
            out.push(b' ');
            out.extend_from_slice(zone.abbreviation(micros).as_bytes());
        }
    };
    timestamp(local, style, shown, out);
}

/// `+hh`, `+hh:mm` or `+hh:mm:ss` for seconds east of Greenwich.
pub(crate) fn write_offset(seconds: i32, out: &mut Vec<u8>) {
    out.push(if seconds < 0 { b'-' } else { b'+' });
    let seconds = seconds.unsigned_abs();
    match seconds / 3_600 {
        hours @ 100.. => integer(i64::from(hours), out),
        hours => two(hours, out),
    }
    if !seconds.is_multiple_of(3_600) {
        out.push(b':');
        two(seconds / 60 % 60, out);
        if !seconds.is_multiple_of(60) {
            out.push(b':');
            two(seconds % 60, out);
        }
    }
}

/// The fields of an interval. All are cut towards zero, so that each may have a sign of its own.
struct Parts {
    years: i64,
    months: i64,
    days: i64,
    hours: i64,
    minutes: i64,
    seconds: i64,
    micros: i64,
}

impl Parts {
    fn of(interval: Interval) -> Parts {
        Parts {
            years: i64::from(interval.months / 12),
            months: i64::from(interval.months % 12),
            days: i64::from(interval.days),
            hours: interval.micros / MICROS_PER_HOUR,
            minutes: interval.micros / MICROS_PER_MINUTE % 60,
            seconds: interval.micros / MICROS_PER_SECOND % 60,
            micros: interval.micros % MICROS_PER_SECOND,
        }
    }
}

/// An interval in this style.
pub fn write_interval(interval: Interval, style: IntervalStyle, out: &mut Vec<u8>) {
    match style {
        IntervalStyle::Postgres => write_postgres(interval, out),
        IntervalStyle::PostgresVerbose => write_verbose(interval, out),
        IntervalStyle::SqlStandard => write_standard(interval, out),
        IntervalStyle::Iso8601 => write_iso(interval, out),
    }
}

/// Seconds without a sign.
fn seconds(parts: &Parts, out: &mut Vec<u8>) {
    integer(parts.seconds.abs(), out);
    fraction(parts.micros.unsigned_abs() as u32, out);
}

/// `@ 1 year 2 mons -3 days`, or `@ 1 day ago` when the first field is negative, by which all change their signs.
fn write_verbose(interval: Interval, out: &mut Vec<u8>) {
    let parts = Parts::of(interval);
    out.push(b'@');
    let fields = [
        (parts.years, "year"),
        (parts.months, "mon"),
        (parts.days, "day"),
        (parts.hours, "hour"),
        (parts.minutes, "min"),
    ];
    let mut ago = None;
    for (value, unit) in fields.into_iter().filter(|(value, _)| *value != 0) {
        let shown = if *ago.get_or_insert(value < 0) { -value } else { value };
        out.push(b' ');
        integer(shown, out);
        out.push(b' ');
        out.extend_from_slice(unit.as_bytes());
        if shown != 1 {
            out.push(b's');
        }
    }
    if parts.seconds != 0 || parts.micros != 0 {
        out.push(b' ');
        let negative = parts.seconds < 0 || parts.micros < 0;
        if *ago.get_or_insert(negative) != negative {
            out.push(b'-');
        }
        seconds(&parts, out);
        out.extend_from_slice(if parts.seconds.abs() == 1 && parts.micros == 0 { b" sec" } else { b" secs" });
    }
    match ago {
        None => out.extend_from_slice(b" 0"),
        Some(true) => out.extend_from_slice(b" ago"),
        Some(false) => {}
    }
}

/// `h:mm:ss`, without a sign.
fn standard_time(parts: &Parts, out: &mut Vec<u8>) {
    integer(parts.hours.abs(), out);
    out.push(b':');
    two(parts.minutes.unsigned_abs() as u32, out);
    out.push(b':');
    two(parts.seconds.unsigned_abs() as u32, out);
    fraction(parts.micros.unsigned_abs() as u32, out);
}

/// `1-2`, `3 4:05:06` or `4:05:06` with one sign for all; what the standard has no form for has all parts, each with a
/// sign.
fn write_standard(interval: Interval, out: &mut Vec<u8>) {
    let parts = Parts::of(interval);
    let sums = [i64::from(interval.months), parts.days, interval.micros];
    let negative = sums.iter().any(|sum| *sum < 0);
    let mixed = negative && sums.iter().any(|sum| *sum > 0);
    let has_months = interval.months != 0;
    let has_time = parts.days != 0 || interval.micros != 0;
    let year_month = |out: &mut Vec<u8>| {
        integer(parts.years.abs(), out);
        out.push(b'-');
        integer(parts.months.abs(), out);
    };
    if mixed || has_months && has_time {
        let sign = |sum: i64| if sum < 0 { b'-' } else { b'+' };
        out.push(sign(sums[0]));
        year_month(out);
        out.extend_from_slice(&[b' ', sign(sums[1])]);
        integer(parts.days.abs(), out);
        out.extend_from_slice(&[b' ', sign(sums[2])]);
        return standard_time(&parts, out);
    }
    if negative {
        out.push(b'-');
    }
    if has_months {
        year_month(out);
    } else if has_time {
        if parts.days != 0 {
            integer(parts.days.abs(), out);
            out.push(b' ');
        }
        standard_time(&parts, out);
    } else {
        out.push(b'0');
    }
}

/// `P1Y2M-3DT4H5M6.7S`.
fn write_iso(interval: Interval, out: &mut Vec<u8>) {
    let parts = Parts::of(interval);
    if interval.months == 0 && interval.days == 0 && interval.micros == 0 {
        return out.extend_from_slice(b"PT0S");
    }
    let field = |value: i64, unit: u8, out: &mut Vec<u8>| {
        if value != 0 {
            integer(value, out);
            out.push(unit);
        }
    };
    out.push(b'P');
    field(parts.years, b'Y', out);
    field(parts.months, b'M', out);
    field(parts.days, b'D', out);
    if interval.micros != 0 {
        out.push(b'T');
    }
    field(parts.hours, b'H', out);
    field(parts.minutes, b'M', out);
    if parts.seconds != 0 || parts.micros != 0 {
        if parts.seconds < 0 || parts.micros < 0 {
            out.push(b'-');
        }
        seconds(&parts, out);
        out.push(b'S');
    }
}

/// `1 year 2 mons -3 days +04:05:06.7`.
fn write_postgres(interval: Interval, out: &mut Vec<u8>) {
    let start = out.len();
    let mut before = false;
    let units = [(interval.months / 12, "year"), (interval.months % 12, "mon"), (interval.days, "day")];
    for (value, unit) in units {
        if value == 0 {
            continue;
        }
        if out.len() > start {
            out.push(b' ');
        }
        if before && value > 0 {
            out.push(b'+');
        }
        integer(i64::from(value), out);
        out.push(b' ');
        out.extend_from_slice(unit.as_bytes());
        if value != 1 {
            out.push(b's');
        }
        before = value < 0;
    }
    if interval.micros == 0 && out.len() > start {
        return;
    }
    if out.len() > start {
        out.push(b' ');
    }
    if interval.micros < 0 {
        out.push(b'-');
    } else if before {
        out.push(b'+');
    }
    let micros = interval.micros.unsigned_abs();
    let hours = micros / MICROS_PER_HOUR as u64;
    if hours < 100 {
        two(hours as u32, out);
    } else {
        integer(hours as i64, out);
    }
    out.push(b':');
    two((micros / MICROS_PER_MINUTE as u64 % 60) as u32, out);
    out.push(b':');
    two((micros / MICROS_PER_SECOND as u64 % 60) as u32, out);
    fraction((micros % MICROS_PER_SECOND as u64) as u32, out);
}

//! Text output in DateStyle ISO and IntervalStyle postgres.

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

fn civil(day: Civil, out: &mut Vec<u8>) {
    let shown = if day.year > 0 { day.year } else { 1 - day.year };
    if shown < 10_000 {
        two((shown / 100) as u32, out);
        two((shown % 100) as u32, out);
    } else {
        integer(i64::from(shown), out);
    }
    out.push(b'-');
    two(day.month, out);
    out.push(b'-');
    two(day.day, out);
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
pub fn write_date(days: i32, out: &mut Vec<u8>) {
    match days {
        DATE_INFINITY => out.extend_from_slice(b"infinity"),
        DATE_NEG_INFINITY => out.extend_from_slice(b"-infinity"),
        _ => {
            let day = days_to_civil(days);
            civil(day, out);
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

fn timestamp(micros: i64, offset: Option<i32>, out: &mut Vec<u8>) {
    match micros {
        TIMESTAMP_INFINITY => out.extend_from_slice(b"infinity"),
        TIMESTAMP_NEG_INFINITY => out.extend_from_slice(b"-infinity"),
        _ => {
            let (days, time) = split_timestamp(micros);
            let day = days_to_civil(days);
            civil(day, out);
            out.push(b' ');
            write_time(time, out);
            if let Some(offset) = offset {
                write_offset(offset, out);
            }
            if day.year <= 0 {
                out.extend_from_slice(b" BC");
            }
        }
    }
}

/// `2024-02-29 12:34:56`.
pub fn write_timestamp(micros: i64, out: &mut Vec<u8>) {
    timestamp(micros, None, out);
}

/// `2024-02-29 12:34:56+01` in the given zone.
pub fn write_timestamptz(micros: i64, zone: &TimeZone, out: &mut Vec<u8>) {
    if is_infinite(micros) {
        return timestamp(micros, None, out);
    }
    let offset = zone.offset_at_utc(micros);
    timestamp(micros.saturating_add(i64::from(offset) * MICROS_PER_SECOND), Some(offset), out);
}

/// `+hh`, `+hh:mm` or `+hh:mm:ss` for seconds east of Greenwich.
pub(crate) fn write_offset(seconds: i32, out: &mut Vec<u8>) {
    out.push(if seconds < 0 { b'-' } else { b'+' });
    let seconds = seconds.unsigned_abs();
    two(seconds / 3_600, out);
    if !seconds.is_multiple_of(3_600) {
        out.push(b':');
        two(seconds / 60 % 60, out);
        if !seconds.is_multiple_of(60) {
            out.push(b':');
            two(seconds % 60, out);
        }
    }
}

/// `1 year 2 mons -3 days +04:05:06.7`.
pub fn write_interval(interval: Interval, out: &mut Vec<u8>) {
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

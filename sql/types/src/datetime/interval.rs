//! Text input of intervals: PostgreSQL's `1 day 02:03:04`, the standard's `1-2` and `3 04:05:06`, and ISO 8601's
//! `P1DT2H` and `P0002-10-15T10:30:20`.
//!
//! Numbers keep six digits of fraction; a fraction of a unit spills into smaller ones (half a month is 15 days, half a
//! day 12 hours), never into larger.

use super::*;
use crate::datum::Interval;
use crate::error::{Error, Result, SqlState};
use crate::sqltype::interval_field as field;

#[derive(Clone, Copy, PartialEq)]
enum Unit {
    Micro,
    Milli,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
    Decade,
    Century,
    Millennium,
}

/// Why a text is not an interval.
enum Fault {
    Syntax,
    Overflow,
}

fn unit_of(word: &str) -> Option<Unit> {
    // Ten letters count.
    Some(match word.get(..10).unwrap_or(word) {
        "us" | "usec" | "usecs" | "usecond" | "useconds" | "microsecon" => Unit::Micro,
        "ms" | "msec" | "msecs" | "msecond" | "mseconds" | "millisecon" => Unit::Milli,
        "s" | "sec" | "secs" | "second" | "seconds" => Unit::Second,
        "m" | "min" | "mins" | "minute" | "minutes" => Unit::Minute,
        "h" | "hr" | "hrs" | "hour" | "hours" => Unit::Hour,
        "d" | "day" | "days" => Unit::Day,
        "w" | "week" | "weeks" => Unit::Week,
        "mon" | "mons" | "month" | "months" => Unit::Month,
        "y" | "yr" | "yrs" | "year" | "years" => Unit::Year,
        "dec" | "decs" | "decade" | "decades" => Unit::Decade,
        "c" | "cent" | "century" | "centuries" => Unit::Century,
        "mil" | "mils" | "millennia" | "millennium" => Unit::Millennium,
        _ => return None,
    })
}

/// The unit of a bare number: the smallest field the type names, else seconds.
fn default_unit(typmod: i32) -> Unit {
    let fields = if typmod >= 0 { (typmod >> 16) & field::FULL_RANGE } else { field::FULL_RANGE };
    if fields == field::FULL_RANGE || fields & field::SECOND != 0 {
        Unit::Second
    } else if fields & field::MINUTE != 0 {
        Unit::Minute
    } else if fields & field::HOUR != 0 {
        Unit::Hour
    } else if fields & field::DAY != 0 {
        Unit::Day
    } else if fields & field::MONTH != 0 {
        Unit::Month
    } else {
        Unit::Year
    }
}

/// A signed decimal: whole part and fraction, both with the sign.
#[derive(Clone, Copy)]
struct Number {
    whole: i64,
    fraction: f64,
}

fn number(text: &str) -> std::result::Result<Number, Fault> {
    let negative = text.starts_with('-');
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
        return Err(Fault::Syntax);
    }
    let magnitude: i128 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| Fault::Overflow)? };
    let whole = i64::try_from(if negative { -magnitude } else { magnitude }).map_err(|_| Fault::Overflow)?;
    let part: f64 =
        if fraction.is_empty() { 0.0 } else { format!("0.{fraction}").parse().map_err(|_| Fault::Syntax)? };
    Ok(Number { whole, fraction: if negative { -part } else { part } })
}

/// The nearest whole number of microseconds; a half goes towards zero.
fn whole_micros(micros: f64) -> i128 {
    let whole = micros.trunc();
    let rest = micros - whole;
    whole as i128
        + if rest > 0.5 {
            1
        } else if rest < -0.5 {
            -1
        } else {
            0
        }
}

/// Wide enough that no text a client can send overflows it before [`Sum::finish`] narrows it.
#[derive(Default)]
struct Sum {
    months: i128,
    days: i128,
    micros: i128,
}

impl Sum {
    fn add(&mut self, value: Number, unit: Unit) -> std::result::Result<(), Fault> {
        let Number { whole, fraction } = value;
        let months = |months: i64| {
            i32::try_from(whole.checked_mul(months).ok_or(Fault::Overflow)?)
                .map(i128::from)
                .map_err(|_| Fault::Overflow)
        };
        match unit {
            Unit::Micro => self.micros += i128::from(whole) + whole_micros(fraction),
            Unit::Milli => self.time(value, 1_000),
            Unit::Second => self.time(value, MICROS_PER_SECOND),
            Unit::Minute => self.time(value, MICROS_PER_MINUTE),
            Unit::Hour => self.time(value, MICROS_PER_HOUR),
            Unit::Day => {
                self.days += i128::from(whole);
                self.day_fraction(fraction);
            }
            Unit::Week => {
                self.days += i128::from(whole) * 7;
                self.days_fraction(fraction * 7.0);
            }
            Unit::Month => {
                self.months += months(1)?;
                self.days_fraction(fraction * 30.0);
            }
            Unit::Year => self.months += months(12)? + (fraction * 12.0).round_ties_even() as i128,
            Unit::Decade => self.months += months(120)? + (fraction * 120.0).round_ties_even() as i128,
            Unit::Century => self.months += months(1_200)? + (fraction * 1_200.0).round_ties_even() as i128,
            Unit::Millennium => self.months += months(12_000)? + (fraction * 12_000.0).round_ties_even() as i128,
        }
        Ok(())
    }

    fn time(&mut self, value: Number, unit: i64) {
        self.micros += i128::from(value.whole) * i128::from(unit);
        self.micros += whole_micros(value.fraction * unit as f64);
    }

    /// Adds a number of days with a fraction.
    fn days_fraction(&mut self, days: f64) {
        self.days += days.trunc() as i128;
        self.day_fraction(days - days.trunc());
    }

    fn day_fraction(&mut self, fraction: f64) {
        self.micros += whole_micros(fraction * MICROS_PER_DAY as f64);
    }

    fn finish(self) -> std::result::Result<Interval, Fault> {
        let narrow = |value: i128| i32::try_from(value).map_err(|_| Fault::Overflow);
        Ok(Interval {
            months: narrow(self.months)?,
            days: narrow(self.days)?,
            micros: i64::try_from(self.micros).map_err(|_| Fault::Overflow)?,
        })
    }
}

/// The units that were given a number, as bits: none is given two.
struct Given(u32);

impl Given {
    /// A second with a fraction stands for what is smaller, too.
    const SECONDS: u32 = 1 << Unit::Second as u32 | 1 << Unit::Milli as u32 | 1 << Unit::Micro as u32;

    fn add(&mut self, units: u32) -> std::result::Result<(), Fault> {
        if self.0 & units != 0 {
            return Err(Fault::Syntax);
        }
        self.0 |= units;
        Ok(())
    }
}

/// Reads an interval and applies the type's fields and precision. In the standard's style, a minus in front of the first
/// field counts for all, if no other has a sign.
///
/// # Errors
/// 22007 syntax, 22008 or 22015 out of range.
pub fn parse_interval(text: &str, typmod: i32, style: IntervalStyle) -> Result<Interval> {
    let lower = text.trim().to_ascii_lowercase();
    let parsed = match lower.strip_prefix('p') {
        Some(iso) => parse_iso(iso),
        None => parse_verbose(&lower, typmod, style),
    };
    match parsed {
        Ok(interval) => Ok(apply_interval_typmod(interval, typmod)),
        Err(Fault::Syntax) => Err(Error::new(
            SqlState::INVALID_DATETIME_FORMAT,
            format!("invalid input syntax for type interval: \"{text}\""),
        )),
        Err(Fault::Overflow) => {
            Err(Error::new(SqlState::INTERVAL_FIELD_OVERFLOW, format!("interval field value out of range: \"{text}\"")))
        }
    }
}

enum Token {
    Number(String),
    /// h:m or h:m:s with an optional sign.
    Time(String),
    /// The standard's years-months.
    YearMonth(String),
    Word(String),
}

fn tokens(text: &str) -> std::result::Result<Vec<Token>, Fault> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        let b = bytes[at];
        if b.is_ascii_whitespace() || b == b'@' || b == b',' {
            at += 1;
        } else if b.is_ascii_alphabetic() {
            while at < bytes.len() && bytes[at].is_ascii_alphabetic() {
                at += 1;
            }
            found.push(Token::Word(text[start..at].to_string()));
        } else if b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.') {
            let mut sign = "";
            if matches!(b, b'+' | b'-') {
                sign = &text[start..start + 1];
                at += 1;
                while at < bytes.len() && bytes[at] == b' ' {
                    at += 1;
                }
            }
            let digits = at;
            while at < bytes.len() && (bytes[at].is_ascii_digit() || matches!(bytes[at], b'.' | b':')) {
                at += 1;
            }
            if at == digits {
                return Err(Fault::Syntax);
            }
            let mut body = format!("{sign}{}", &text[digits..at]);
            if body.contains(':') {
                found.push(Token::Time(body));
            } else if bytes.get(at) == Some(&b'-') && bytes.get(at + 1).is_some_and(u8::is_ascii_digit) {
                at += 1;
                let from = at;
                while at < bytes.len() && bytes[at].is_ascii_digit() {
                    at += 1;
                }
                body.push('-');
                body.push_str(&text[from..at]);
                found.push(Token::YearMonth(body));
            } else {
                found.push(Token::Number(body));
            }
        } else {
            return Err(Fault::Syntax);
        }
    }
    Ok(found)
}

/// Gives the minus of the first field to all, if none but the first has a sign.
fn share_sign(tokens: &mut [Token]) {
    let mut fields = tokens.iter_mut().filter_map(|token| match token {
        Token::Number(text) | Token::Time(text) | Token::YearMonth(text) => Some(text),
        Token::Word(_) => None,
    });
    if !fields.next().is_some_and(|first| first.starts_with('-')) {
        return;
    }
    let rest: Vec<&mut String> = fields.collect();
    if rest.iter().all(|text| !text.starts_with(['+', '-'])) {
        rest.into_iter().for_each(|text| text.insert(0, '-'));
    }
}

fn parse_verbose(text: &str, typmod: i32, style: IntervalStyle) -> std::result::Result<Interval, Fault> {
    if !text.is_ascii() {
        return Err(Fault::Syntax);
    }
    let mut tokens = tokens(text)?;
    if tokens.is_empty() {
        return Err(Fault::Syntax);
    }
    if style == IntervalStyle::SqlStandard {
        share_sign(&mut tokens);
    }
    let mut sum = Sum::default();
    let mut ago = false;
    let mut given = Given(0);
    // From the right, so that a unit is known before its number, as PostgreSQL reads.
    let mut unit: Option<Unit> = None;
    // That of a number without one: as the number on its right, but a day before hours.
    let mut next_default = default_unit(typmod);
    for (at, token) in tokens.iter().enumerate().rev() {
        match token {
            Token::Word(word) if word == "ago" && at + 1 == tokens.len() => ago = true,
            Token::Word(word) => {
                if unit.is_some() {
                    return Err(Fault::Syntax);
                }
                unit = Some(unit_of(word).ok_or(Fault::Syntax)?);
            }
            Token::Number(digits) => {
                let (value, unit) = (number(digits)?, unit.take().unwrap_or(next_default));
                given.add(match unit {
                    Unit::Second if value.fraction != 0.0 => Given::SECONDS,
                    unit => 1 << unit as u32,
                })?;
                sum.add(value, unit)?;
                next_default = if unit == Unit::Hour { Unit::Day } else { unit };
            }
            Token::Time(clock) => {
                if unit.is_some() {
                    return Err(Fault::Syntax);
                }
                given.add(Given::SECONDS | 1 << Unit::Minute as u32 | 1 << Unit::Hour as u32)?;
                add_clock(&mut sum, clock, typmod)?;
                next_default = Unit::Day;
            }
            Token::YearMonth(pair) => {
                if unit.is_some() {
                    return Err(Fault::Syntax);
                }
                let negative = pair.starts_with('-');
                let (years, months) = pair.trim_start_matches(['+', '-']).split_once('-').ok_or(Fault::Syntax)?;
                let (years, months) = (number(years)?, number(months)?);
                if months.whole > 11 {
                    return Err(Fault::Overflow);
                }
                given.add(1 << Unit::Month as u32)?;
                next_default = Unit::Month;
                let sign = if negative { -1 } else { 1 };
                sum.add(Number { whole: years.whole * sign, fraction: 0.0 }, Unit::Year)?;
                sum.add(Number { whole: months.whole * sign, fraction: 0.0 }, Unit::Month)?;
            }
        }
    }
    if unit.is_some() {
        return Err(Fault::Syntax);
    }
    let total = sum.finish()?;
    if ago { total.checked_neg().ok_or(Fault::Overflow) } else { Ok(total) }
}

fn add_clock(sum: &mut Sum, clock: &str, typmod: i32) -> std::result::Result<(), Fault> {
    let negative = clock.starts_with('-');
    let parts: Vec<&str> = clock.trim_start_matches(['+', '-']).split(':').collect();
    let minute_second = typmod >= 0 && (typmod >> 16) & field::FULL_RANGE == (field::MINUTE | field::SECOND)
        || parts.len() == 2 && parts[1].contains('.');
    let (hours, minutes, seconds) = match parts.as_slice() {
        [minutes, seconds] if minute_second => ("0", *minutes, *seconds),
        [hours, minutes] => (*hours, *minutes, "0"),
        [hours, minutes, seconds] => (*hours, *minutes, *seconds),
        _ => return Err(Fault::Syntax),
    };
    if hours.contains('.') || minutes.contains('.') {
        return Err(Fault::Syntax);
    }
    let (hours, minutes, seconds) = (number(hours)?, number(minutes)?, number(seconds)?);
    if minutes.whole > 59 || seconds.whole > 60 {
        return Err(Fault::Overflow);
    }
    let micros = i128::from(hours.whole) * i128::from(MICROS_PER_HOUR)
        + i128::from(minutes.whole * MICROS_PER_MINUTE + seconds.whole * MICROS_PER_SECOND)
        + (seconds.fraction * 1e6).round_ties_even() as i128;
    sum.micros += if negative { -micros } else { micros };
    Ok(())
}

/// The alternative format of ISO 8601 between `P` and `T` or behind `T`: `0002-10-15` or `00021015`, `10:30:20` or `103020`.
fn add_alternative(sum: &mut Sum, text: &str, in_time: bool) -> std::result::Result<(), Fault> {
    let (separator, first, units) = if in_time {
        (':', 2, [Unit::Hour, Unit::Minute, Unit::Second])
    } else {
        ('-', 4, [Unit::Year, Unit::Month, Unit::Day])
    };
    let whole = text.split_once('.').map_or(text, |(whole, _)| whole);
    let basic = whole.len() == first + 4 && whole.bytes().all(|b| b.is_ascii_digit());
    let parts: Vec<&str> = if basic {
        vec![&text[..first], &text[first..first + 2], &text[first + 2..]]
    } else {
        text.split(separator).collect()
    };
    if parts.len() > units.len() {
        return Err(Fault::Syntax);
    }
    parts.into_iter().zip(units).try_for_each(|(part, unit)| sum.add(number(part)?, unit))
}

/// What follows the `P` of ISO 8601.
fn parse_iso(text: &str) -> std::result::Result<Interval, Fault> {
    let mut sum = Sum::default();
    let (mut in_time, mut designated) = (false, false);
    let mut rest = text;
    if rest.is_empty() {
        return Err(Fault::Syntax);
    }
    while !rest.is_empty() {
        if let Some(time) = rest.strip_prefix('t') {
            if in_time || time.is_empty() {
                return Err(Fault::Syntax);
            }
            (in_time, designated) = (true, false);
            rest = time;
            continue;
        }
        let end = rest.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(rest.len());
        if matches!(rest.as_bytes().get(end), None | Some(b't')) {
            if designated {
                return Err(Fault::Syntax);
            }
            add_alternative(&mut sum, &rest[..end], in_time)?;
            rest = &rest[end..];
            continue;
        }
        designated = true;
        let value = number(&rest[..end])?;
        let unit = match (rest.as_bytes()[end], in_time) {
            (b'y', false) => Unit::Year,
            (b'm', false) => Unit::Month,
            (b'w', false) => Unit::Week,
            (b'd', false) => Unit::Day,
            (b'h', true) => Unit::Hour,
            (b'm', true) => Unit::Minute,
            (b's', true) => Unit::Second,
            _ => return Err(Fault::Syntax),
        };
        sum.add(value, unit)?;
        rest = &rest[end + 1..];
    }
    sum.finish()
}

/// Drops the fields below those the type names and rounds seconds to its precision.
pub fn apply_interval_typmod(mut interval: Interval, typmod: i32) -> Interval {
    if typmod < 0 {
        return interval;
    }
    let fields = (typmod >> 16) & field::FULL_RANGE;
    let precision = typmod & 0xffff;
    let cut = |micros: i64, unit: i64| micros / unit * unit;
    if fields != field::FULL_RANGE {
        if fields == field::YEAR {
            interval = Interval { months: interval.months / 12 * 12, days: 0, micros: 0 };
        } else if fields & !(field::YEAR | field::MONTH) == 0 {
            interval.days = 0;
            interval.micros = 0;
        } else if fields & (field::HOUR | field::MINUTE | field::SECOND) == 0 {
            interval.micros = 0;
        } else if fields & field::SECOND == 0 {
            let unit = if fields & field::MINUTE != 0 { MICROS_PER_MINUTE } else { MICROS_PER_HOUR };
            interval.micros = cut(interval.micros, unit);
        }
    }
    if precision != field::FULL_PRECISION {
        interval.micros = round_precision(interval.micros, precision);
    }
    interval
}

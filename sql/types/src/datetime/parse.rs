//! Text input of dates, times and timestamps.
//!
//! The text is cut into tokens (numbers, words, dates, times, offsets) and each token fills the fields it can mean, as
//! in PostgreSQL's `DecodeDateTime`. Accepted are ISO forms with blank or `T`, `YYYYMMDD`, month names in any usual order,
//! `m/d/y` or as DateStyle orders the three, days of a year (`1999.008`), Julian days (`J2451187`), AM and PM, BC, offsets, zone
//! names, and the words infinity, epoch, now, today, tomorrow, yesterday, allballs.

use super::calendar::{DATE_END, EPOCH_JULIAN};
use super::zone::parse_offset;
use super::*;
use crate::error::{Error, Result, SqlState};
use crate::settings::Settings;

/// What goes wrong, in terms of PostgreSQL's error classes.
enum Fault {
    /// 22007
    Syntax,
    /// 22008
    Overflow,
    /// 22008 with the hint that days and months may be swapped.
    MonthDay,
    /// 22008: a day or moment that exists, but not in the type.
    Range,
    /// 22023
    Zone(String),
    /// 22009
    Displacement,
}

use Fault::{Displacement, MonthDay, Overflow, Range, Syntax};

fn explain(fault: Fault, what: &str, text: &str) -> Error {
    match fault {
        Syntax => {
            Error::new(SqlState::INVALID_DATETIME_FORMAT, format!("invalid input syntax for type {what}: \"{text}\""))
        }
        Overflow => {
            Error::new(SqlState::DATETIME_FIELD_OVERFLOW, format!("date/time field value out of range: \"{text}\""))
        }
        MonthDay => explain(Overflow, what, text).hint("Perhaps you need a different \"datestyle\" setting."),
        Range => {
            let what = if what == "date" { what } else { "timestamp" };
            Error::new(SqlState::DATETIME_FIELD_OVERFLOW, format!("{what} out of range: \"{text}\""))
        }
        Fault::Zone(name) => {
            Error::new(SqlState::INVALID_PARAMETER_VALUE, format!("time zone \"{name}\" not recognized"))
        }
        Displacement => Error::new(
            SqlState::INVALID_TIME_ZONE_DISPLACEMENT_VALUE,
            format!("time zone displacement out of range: \"{text}\""),
        ),
    }
}

enum Special {
    Infinity,
    NegInfinity,
    Epoch,
    Now,
    /// Days from today.
    Day(i32),
}

#[derive(Default)]
struct Fields {
    special: Option<Special>,
    year: Option<i32>,
    /// The year was written with at most two digits.
    short_year: bool,
    month: Option<u32>,
    /// The month was written as a word.
    named_month: bool,
    day: Option<u32>,
    /// Days since 2000-01-01 of a date that was written as a Julian day.
    julian: Option<i32>,
    bc: bool,
    /// Microseconds of the day, up to 24:00.
    time: Option<i64>,
    afternoon: Option<bool>,
    zone: Option<TimeZone>,
}

enum Token<'a> {
    Number(&'a str),
    Word(&'a str),
    /// Digits and letters joined by `-`, `/` or `.`.
    Date(&'a str),
    Time(&'a str),
    /// The digits of a Julian day, with a fraction if there is one.
    Julian(&'a str),
    Offset(&'a str),
}

impl Token<'_> {
    /// Whether it can be of a date.
    fn is_of_date(&self) -> bool {
        matches!(self, Token::Date(_) | Token::Number(_) | Token::Julian(_))
    }
}

/// Where the bytes end from a place on that are accepted.
fn run(bytes: &[u8], from: usize, accept: &dyn Fn(u8) -> bool) -> usize {
    from + bytes[from..].iter().position(|b| !accept(*b)).unwrap_or(bytes.len() - from)
}

/// The token that begins with a letter behind those that were found, and where it ends.
fn lettered<'a>(text: &'a str, start: usize, found: &[Token<'_>]) -> (Token<'a>, usize) {
    let bytes = text.as_bytes();
    let at = run(bytes, start, &|b| b.is_ascii_alphabetic());
    let word = &text[start..at];
    let digit_at = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    if word == "j" && digit_at(at) {
        let end = run(bytes, at, &|b| b.is_ascii_digit() || b == b'.');
        return (Token::Julian(&text[at..end]), end);
    }
    let behind = bytes.get(at);
    // A POSIX name, such as GMT+8 or EST5EDT, behind a date.
    let posix = word.len() >= 3
        && (digit_at(at) || matches!(behind, Some(b'+' | b'-')) && digit_at(at + 1))
        && named(&MONTHS, word).or_else(|| named(&DAYS, word)).is_none()
        && found.iter().any(Token::is_of_date);
    if posix {
        let end = run(bytes, at, &|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b':'));
        return (Token::Word(&text[start..end]), end);
    }
    // Zone names have slashes, underscores and digits.
    if matches!(behind, Some(b'/' | b'_')) {
        let end = run(bytes, at, &|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'_' | b'-' | b'+'));
        return (Token::Word(&text[start..end]), end);
    }
    if matches!(behind, Some(b'-' | b'.')) && digit_at(at + 1) && month_of(word).is_some() {
        let end = run(bytes, at, &|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
        return (Token::Date(&text[start..end]), end);
    }
    (Token::Word(word), if behind == Some(&b'.') { at + 1 } else { at })
}

fn tokens(text: &str, time_only: bool) -> std::result::Result<Vec<Token<'_>>, Fault> {
    let bytes = text.as_bytes();
    let mut found: Vec<Token<'_>> = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        match bytes[at] {
            b if b.is_ascii_whitespace() || b == b',' => at += 1,
            b if b.is_ascii_digit() => {
                at = run(bytes, at, &|b| b.is_ascii_digit());
                match bytes.get(at) {
                    Some(b':') => {
                        at = run(bytes, at, &|b| b.is_ascii_digit() || b == b':' || b == b'.');
                        found.push(Token::Time(&text[start..at]));
                    }
                    Some(separator @ (b'-' | b'/' | b'.')) => {
                        // hhmmss.fff behind a date is a time, behind yyyymmdd too, or where no date is asked for.
                        let date = |t: &Token<'_>| match t {
                            Token::Date(_) | Token::Julian(_) => true,
                            Token::Number(digits) => digits.len() == 8,
                            _ => false,
                        };
                        let separator = *separator;
                        let timed = separator == b'.' && (time_only && at - start == 6 || found.iter().any(date));
                        let next_ok = bytes.get(at + 1).is_some_and(u8::is_ascii_alphanumeric);
                        // A number, then an offset: 040506-08.
                        let offset = separator == b'-' && found.iter().any(Token::is_of_date) && at - start >= 4;
                        if timed {
                            at = run(bytes, at, &|b| b.is_ascii_digit() || b == b'.');
                            found.push(Token::Number(&text[start..at]));
                        } else if offset {
                            found.push(Token::Number(&text[start..at]));
                        } else if next_ok {
                            at = run(bytes, at + 1, &|b| b.is_ascii_alphanumeric());
                            // The T between date and time ends the date.
                            if bytes.get(at) == Some(&separator) {
                                at = run(bytes, at + 1, &|b| b.is_ascii_digit());
                            }
                            found.push(Token::Date(&text[start..at]));
                        } else {
                            return Err(Syntax);
                        }
                    }
                    _ => found.push(Token::Number(&text[start..at])),
                }
            }
            b'+' | b'-' => {
                at += 1;
                while bytes.get(at).is_some_and(|b| *b == b' ') {
                    at += 1;
                }
                if bytes.get(at).is_some_and(u8::is_ascii_alphabetic) {
                    let end = run(bytes, at, &|b| b.is_ascii_alphabetic());
                    found.push(Token::Word(&text[start..end]));
                    at = end;
                } else {
                    let digits = at;
                    at = run(bytes, at, &|b| b.is_ascii_digit() || b == b':');
                    if at == digits || digits != start + 1 {
                        return Err(Syntax);
                    }
                    found.push(Token::Offset(&text[start..at]));
                }
            }
            b if b.is_ascii_alphabetic() => {
                let (token, end) = lettered(text, start, &found);
                found.push(token);
                at = end;
            }
            _ => return Err(Syntax),
        }
    }
    Ok(found)
}

fn named(names: &[&str], word: &str) -> Option<usize> {
    let is_named = |name: &&str| {
        word.eq_ignore_ascii_case(name)
            || word.eq_ignore_ascii_case(&name[..3])
            || word == "sept" && *name == "September"
    };
    names.iter().position(is_named)
}

fn month_of(word: &str) -> Option<u32> {
    named(&MONTHS, word).map(|at| at as u32 + 1)
}

fn number<T: std::str::FromStr>(digits: &str) -> std::result::Result<T, Fault> {
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Syntax);
    }
    digits.parse().map_err(|_| Overflow)
}

/// Microseconds of a fraction's digits: the nearest, of two as near the even one.
fn fraction_micros(digits: &str) -> std::result::Result<i64, Fault> {
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Syntax);
    }
    if digits.len() > 6 {
        // PostgreSQL rounds the float, not the digits.
        let fraction: f64 = format!("0.{digits}").parse().map_err(|_| Syntax)?;
        return Ok((fraction * 1e6).round_ties_even() as i64);
    }
    let mut micros = 0;
    for i in 0..6 {
        micros = micros * 10 + i64::from(digits.as_bytes().get(i).map_or(0, |b| b - b'0'));
    }
    Ok(micros)
}

fn clock_micros(hour: i64, minute: i64, second: i64, fraction: i64) -> std::result::Result<i64, Fault> {
    if hour > 24 || minute > 59 || second > 60 {
        return Err(Overflow);
    }
    let total = hour * MICROS_PER_HOUR + minute * MICROS_PER_MINUTE + second * MICROS_PER_SECOND + fraction;
    if total > MICROS_PER_DAY { Err(Overflow) } else { Ok(total) }
}

/// The year that one of two digits stands for.
fn with_century(year: i32) -> i32 {
    year + if year < 70 { 2_000 } else { 1_900 }
}

impl Fields {
    fn set_year(&mut self, digits: &str) -> std::result::Result<(), Fault> {
        if self.year.is_some() {
            return Err(Syntax);
        }
        self.year = Some(number(digits)?);
        self.short_year = digits.len() <= 2;
        Ok(())
    }

    fn set_month(&mut self, month: u32) -> std::result::Result<(), Fault> {
        if self.month.replace(month).is_some() { Err(Syntax) } else { Ok(()) }
    }

    fn set_day(&mut self, digits: &str) -> std::result::Result<(), Fault> {
        if self.day.replace(number(digits)?).is_some() { Err(Syntax) } else { Ok(()) }
    }

    fn set_time(&mut self, micros: i64) -> std::result::Result<(), Fault> {
        if self.time.replace(micros).is_some() { Err(Syntax) } else { Ok(()) }
    }

    /// A number of a date: the field that follows those there are, and of the first that `order` begins with.
    fn date_number(&mut self, digits: &str, order: DateOrder) -> std::result::Result<(), Fault> {
        let long = digits.len() > 2;
        match (self.year, self.month, self.day) {
            (Some(year), None, None) if digits.len() == 3 && (1..=366).contains(&number::<i32>(digits)?) => {
                let year = if self.short_year { with_century(year) } else { year };
                let first_day = civil_to_days(year, 1, 1).ok_or(Overflow)?;
                let day = days_to_civil(first_day + number::<i32>(digits)? - 1);
                (self.year, self.short_year) = (Some(day.year), false);
                self.day = Some(day.day);
                self.set_month(day.month)
            }
            (None, None, None) if long || order == DateOrder::Ymd => self.set_year(digits),
            (None, None, None) if order == DateOrder::Dmy => self.set_day(digits),
            (None, Some(_), None) if self.named_month && (long || order == DateOrder::Ymd) => self.set_year(digits),
            (Some(year), Some(_), None) if self.named_month && long && self.short_year => {
                // What was taken for the year was the day.
                self.day = u32::try_from(year).ok();
                self.year = None;
                self.set_year(digits)
            }
            (_, Some(_), None) => self.set_day(digits),
            (None, Some(_), Some(_)) => self.set_year(digits),
            (None, None, Some(_)) | (_, None, None) => self.set_month(number(digits)?),
            _ => Err(Syntax),
        }
    }

    /// A month by its name. A number in front of it was no month but the day.
    fn name_month(&mut self, month: u32) -> std::result::Result<(), Fault> {
        if !self.named_month && self.day.is_none() && self.month.is_some_and(|day| (1..=31).contains(&day)) {
            self.day = self.month.take();
        }
        self.named_month = true;
        self.set_month(month)
    }

    /// All of a date: `2024-02-29`, `2/29/2024`, `29-Feb-2024`, `2024.060`.
    fn date_token(&mut self, token: &str, order: DateOrder) -> std::result::Result<(), Fault> {
        let is_name = |part: &&str| part.starts_with(|c: char| c.is_ascii_alphabetic());
        let (names, numbers): (Vec<&str>, Vec<&str>) = token.split(['-', '/', '.']).partition(is_name);
        self.named_month = !names.is_empty();
        for name in names {
            self.set_month(month_of(name).ok_or(Syntax)?)?;
        }
        for digits in numbers {
            self.date_number(digits, order)?;
        }
        if self.has_date() { Ok(()) } else { Err(Syntax) }
    }

    fn has_date(&self) -> bool {
        self.year.is_some() && self.month.is_some() && self.day.is_some()
    }

    fn time_token(&mut self, token: &str) -> std::result::Result<(), Fault> {
        let (whole, fraction) = token.split_once('.').unwrap_or((token, ""));
        let mut parts = whole.split(':');
        let hour: i64 = number(parts.next().unwrap_or(""))?;
        let minute: i64 = number(parts.next().unwrap_or(""))?;
        let second: i64 = parts.next().map_or(Ok(0), number)?;
        if parts.next().is_some() {
            return Err(Syntax);
        }
        self.set_time(clock_micros(hour, minute, second, fraction_micros(fraction)?)?)
    }

    fn number_token(&mut self, digits: &str, time_only: bool, order: DateOrder) -> std::result::Result<(), Fault> {
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let dated = self.julian.is_some() || self.has_date();
        if (dated || time_only) && self.time.is_none() && (whole.len() == 6 || whole.len() == 4) {
            let second = if whole.len() == 6 { number(&whole[4..])? } else { 0 };
            let time = clock_micros(number(&whole[..2])?, number(&whole[2..4])?, second, fraction_micros(fraction)?)?;
            return self.set_time(time);
        }
        if !fraction.is_empty() {
            return Err(Syntax);
        }
        if !dated && self.year.is_none() && self.month.is_none() && whole.len() >= 6 {
            let split = whole.len() - 4;
            self.set_year(&whole[..split])?;
            self.set_month(number(&whole[split..split + 2])?)?;
            return self.set_day(&whole[split + 2..]);
        }
        self.date_number(whole, order)
    }

    fn julian_token(&mut self, digits: &str) -> std::result::Result<(), Fault> {
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let days = number::<i32>(whole)?.checked_sub(EPOCH_JULIAN).ok_or(Overflow)?;
        if self.julian.replace(days).is_some() {
            return Err(Syntax);
        }
        if digits.len() > whole.len() {
            let part: f64 = format!(".{fraction}").parse().map_err(|_| Syntax)?;
            self.set_time((part * MICROS_PER_DAY as f64) as i64)?;
        }
        Ok(())
    }

    fn word_token(&mut self, word: &str) -> std::result::Result<(), Fault> {
        let special = match word {
            "infinity" => Some(Special::Infinity),
            "-infinity" => Some(Special::NegInfinity),
            "epoch" => Some(Special::Epoch),
            "now" => Some(Special::Now),
            "today" => Some(Special::Day(0)),
            "tomorrow" => Some(Special::Day(1)),
            "yesterday" => Some(Special::Day(-1)),
            _ => None,
        };
        if let Some(special) = special {
            return if self.special.replace(special).is_some() { Err(Syntax) } else { Ok(()) };
        }
        match word {
            "am" | "pm" => self.afternoon = Some(word == "pm"),
            "bc" => self.bc = true,
            "ad" | "at" | "on" | "t" => {}
            // Summer time, behind a zone: MET DST.
            "dst" => match &mut self.zone {
                Some(TimeZone::Fixed(offset)) => *offset = offset.checked_add(3_600).ok_or(Overflow)?,
                _ => return Err(Syntax),
            },
            "allballs" => {
                self.set_time(0)?;
                self.zone = Some(TimeZone::UTC);
            }
            _ if named(&DAYS, word).is_some() => {}
            _ => {
                if let Some(month) = month_of(word) {
                    return self.name_month(month);
                }
                let zone = match TimeZone::of_abbreviation_or_name(word) {
                    Some(zone) => zone,
                    // Only something that looks like a zone is reported as one.
                    None if word.contains('/') => return Err(Fault::Zone(word.into())),
                    None => return Err(Syntax),
                };
                if self.zone.replace(zone).is_some() {
                    return Err(Syntax);
                }
            }
        }
        Ok(())
    }

    fn parse(text: &str, time_only: bool, settings: &Settings) -> std::result::Result<Fields, Fault> {
        let order = settings.styles.date.order;
        let lower = text.trim().to_ascii_lowercase();
        if !lower.is_ascii() {
            return Err(Syntax);
        }
        let mut fields = Fields::default();
        let tokens = tokens(&lower, time_only)?;
        if tokens.is_empty() {
            return Err(Syntax);
        }
        for token in tokens {
            match token {
                Token::Date(token) => fields.date_token(token, order)?,
                Token::Time(token) => fields.time_token(token)?,
                Token::Number(token) => fields.number_token(token, time_only, order)?,
                Token::Word(token) => fields.word_token(token)?,
                Token::Julian(digits) => fields.julian_token(digits)?,
                Token::Offset(token) => {
                    let offset = parse_offset(token).ok_or(if token.len() > 1 { Displacement } else { Syntax })?;
                    // An offset needs no time when it cannot be taken for a further part of the date.
                    let placed = fields.time.is_some()
                        || fields.julian.is_some()
                        || (fields.day.is_some() && token.starts_with('+'));
                    if !placed || fields.zone.replace(TimeZone::Fixed(offset)).is_some() {
                        return Err(Syntax);
                    }
                }
            }
        }
        if let (Some(afternoon), Some(time)) = (fields.afternoon, fields.time) {
            let hour = time / MICROS_PER_HOUR;
            if hour > 12 || hour == 0 && time == 0 && afternoon {
                return Err(Overflow);
            }
            let morning = time % (12 * MICROS_PER_HOUR);
            fields.time = Some(morning + if afternoon { 12 * MICROS_PER_HOUR } else { 0 });
        }
        Ok(fields)
    }

    /// Days of the date that was written, if one was.
    fn days(&self) -> std::result::Result<i32, Fault> {
        if let Some(days) = self.julian {
            if self.year.is_some() || self.month.is_some() || self.day.is_some() {
                return Err(Syntax);
            }
            return if days < DATE_END { Ok(days) } else { Err(Range) };
        }
        let (Some(mut year), Some(month), Some(day)) = (self.year, self.month, self.day) else { return Err(Syntax) };
        if self.bc {
            if year == 0 {
                return Err(Overflow);
            }
            year = 1 - year;
        } else if self.short_year {
            year = with_century(year);
        } else if year == 0 {
            return Err(Overflow);
        }
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return Err(MonthDay);
        }
        if day > days_in_month(year, month) {
            return Err(Overflow);
        }
        civil_to_days(year, month, day).ok_or(Range)
    }
}

/// Days since 2000-01-01.
///
/// # Errors
/// 22007 syntax, 22008 no such day.
pub fn parse_date(text: &str, settings: &Settings) -> Result<i32> {
    let result = Fields::parse(text, false, settings).and_then(|fields| match fields.special {
        Some(Special::Infinity) => Ok(DATE_INFINITY),
        Some(Special::NegInfinity) => Ok(DATE_NEG_INFINITY),
        Some(Special::Epoch) => Ok(-10_957),
        Some(Special::Now) => Ok(today(settings)),
        Some(Special::Day(days)) => Ok(today(settings) + days),
        None => fields.days(),
    });
    result.map_err(|fault| explain(fault, "date", text))
}

fn today(settings: &Settings) -> i32 {
    split_timestamp(settings.timezone.to_local(settings.transaction_timestamp)).0
}

/// Microseconds since midnight, rounded to `precision` digits (negative for none given).
///
/// # Errors
/// 22007 syntax, 22008 no such time.
pub fn parse_time(text: &str, precision: i32, settings: &Settings) -> Result<i64> {
    let result = Fields::parse(text, true, settings).and_then(|fields| match (fields.special, fields.time) {
        (Some(Special::Now), None) => Ok(split_timestamp(settings.timezone.to_local(settings.transaction_timestamp)).1),
        (None, Some(time)) => Ok(time),
        _ => Err(Syntax),
    });
    result.map(|time| round_precision(time, precision)).map_err(|fault| explain(fault, "time", text))
}

/// Rounds microseconds to a number of fractional digits, half up as PostgreSQL does; negative for no rounding.
pub(crate) fn round_precision(micros: i64, precision: i32) -> i64 {
    if !(0..6).contains(&precision) || is_infinite(micros) {
        return micros;
    }
    let unit = 10i64.pow(6 - precision as u32);
    let half = unit / 2;
    // An interval may be so close to the end of its range that it can only be cut.
    (if micros >= 0 { micros.saturating_add(half) } else { micros.saturating_sub(half) }) / unit * unit
}

fn timestamp_fields(text: &str, settings: &Settings, zoned: bool) -> std::result::Result<i64, Fault> {
    let fields = Fields::parse(text, false, settings)?;
    let zone = fields.zone.unwrap_or(settings.timezone);
    let local_now = || settings.timezone.to_local(settings.transaction_timestamp);
    let local = match fields.special {
        Some(Special::Infinity) => return Ok(TIMESTAMP_INFINITY),
        Some(Special::NegInfinity) => return Ok(TIMESTAMP_NEG_INFINITY),
        Some(Special::Epoch) => return Ok(-UNIX_EPOCH_OFFSET_SECONDS * MICROS_PER_SECOND),
        Some(Special::Now) => return Ok(if zoned { settings.transaction_timestamp } else { local_now() }),
        Some(Special::Day(days)) => {
            let midnight = i64::from(split_timestamp(local_now()).0 + days) * MICROS_PER_DAY;
            midnight + fields.time.unwrap_or(0)
        }
        None => {
            let days = i64::from(fields.days()?);
            days.checked_mul(MICROS_PER_DAY).and_then(|d| d.checked_add(fields.time.unwrap_or(0))).ok_or(Range)?
        }
    };
    let micros = if zoned {
        local.checked_sub(i64::from(zone.offset_at_local(local)) * MICROS_PER_SECOND).ok_or(Range)?
    } else {
        local
    };
    if timestamp_in_range(micros) { Ok(micros) } else { Err(Range) }
}

/// Microseconds since 2000-01-01 00:00 local; a zone in the text is ignored, as PostgreSQL does.
///
/// # Errors
/// 22007 syntax, 22008 no such moment.
pub fn parse_timestamp(text: &str, precision: i32, settings: &Settings) -> Result<i64> {
    timestamp_fields(text, settings, false)
        .map(|micros| round_precision(micros, precision))
        .map_err(|fault| explain(fault, "timestamp", text))
}

/// Microseconds since 2000-01-01 00:00 UTC; without a zone in the text the session's applies.
///
/// # Errors
/// 22007 syntax, 22008 no such moment, 22023 unknown zone.
pub fn parse_timestamptz(text: &str, precision: i32, settings: &Settings) -> Result<i64> {
    timestamp_fields(text, settings, true)
        .map(|micros| round_precision(micros, precision))
        .map_err(|fault| explain(fault, "timestamp with time zone", text))
}

//! `to_date` and `to_timestamp`: reading a text by a template.
//!
//! Each template word takes its digits or its name from the text. A number ends with the word's length if another number
//! may follow directly, else where its digits end. Outside FX mode blanks may stand anywhere before a word, and one
//! separator of the text passes for one of the template. A word that is read as zero counts as not read.
//!
//! Source: PostgreSQL `src/backend/utils/adt/formatting.c`, `DCH_from_char` and `do_to_timestamp`.

use super::Call;
use super::datetime::monday_of;
use super::to_char::{Node, ROMAN_MONTHS, is_separator, is_space, nodes};
use crate::datetime::*;
use crate::datum::Datum;
use crate::error::{Error, Result, SqlState};

/// Days before 2000-01-01 in the Julian count.
const EPOCH_JULIAN: i64 = 2_451_545;
/// Largest hours of an offset.
const ZONE_HOURS_MAX: i32 = 15;

/// Which calendar the words belong to: one template has words of one.
#[derive(Clone, Copy, PartialEq, Default)]
enum Calendar {
    #[default]
    Any,
    Gregorian,
    IsoWeek,
}

/// What was read; 0 for what was not.
#[derive(Default)]
struct Fields {
    calendar: Calendar,
    hour: i32,
    minute: i32,
    second: i32,
    second_of_day: i32,
    milliseconds: i32,
    microseconds: i32,
    /// Digits that FF1 to FF6 ask for.
    precision: i32,
    twelve_hours: bool,
    afternoon: i32,
    year: i32,
    year_digits: i32,
    bc: i32,
    century: i32,
    month: i32,
    week: i32,
    week_of_month: i32,
    /// Sunday is 1.
    weekday: i32,
    day: i32,
    day_of_year: i32,
    julian: i32,
    zone_sign: i32,
    zone_hours: i32,
    zone_minutes: i32,
}

fn malformed(message: String) -> Error {
    Error::new(SqlState::INVALID_DATETIME_FORMAT, message)
}

fn field_overflow(text: &str) -> Error {
    Error::new(SqlState::DATETIME_FIELD_OVERFLOW, format!("date/time field value out of range: \"{text}\""))
}

/// Sets a field, which may be given twice if it is given alike.
fn set(field: &mut i32, value: i32, word: &str) -> Result<()> {
    if *field != 0 && *field != value {
        return Err(malformed(format!("conflicting values for \"{word}\" field in formatting string"))
            .detail("This value contradicts a previous setting for the same field type."));
    }
    *field = value;
    Ok(())
}

/// A whole number at the start of a text, behind blanks, and the bytes that it takes with them; 0 if there is none.
fn leading_number(text: &str) -> (i64, usize) {
    let body = text.trim_start_matches(is_space);
    let digits = body.strip_prefix(['+', '-']).unwrap_or(body);
    let count = digits.bytes().take_while(u8::is_ascii_digit).count();
    if count == 0 {
        return (0, 0);
    }
    let magnitude: i64 = digits[..count].parse().unwrap_or(i64::MAX);
    let used = text.len() - digits.len() + count;
    (if body.starts_with('-') { -magnitude } else { magnitude }, used)
}

/// The text, and how far it has been read.
struct Input<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Input<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    /// Steps over one character, if one is left.
    fn step(&mut self) {
        self.at += self.rest().chars().next().map_or(0, char::len_utf8);
    }

    fn skip_spaces(&mut self) -> i32 {
        let rest = self.rest();
        let count = rest.len() - rest.trim_start_matches(is_space).len();
        self.at += count;
        i32::try_from(count).unwrap_or(i32::MAX)
    }

    /// A number of so many digits; with `all_digits` it takes what there is. Returns it with the bytes that it took.
    fn number(&mut self, word: &str, digits: usize, all_digits: bool) -> Result<(i32, usize)> {
        let start = self.at;
        let cut = |rest: &'a str| {
            let ends = rest.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= digits);
            &rest[..ends.last().unwrap_or(0)]
        };
        let hint = "If your source string is not fixed-width, try using the \"FM\" modifier.";
        let value = if all_digits {
            let (value, used) = leading_number(self.rest());
            self.at += used;
            value
        } else {
            self.skip_spaces();
            let rest = self.rest();
            if rest.len() < digits {
                return Err(malformed(format!("source string too short for \"{word}\" formatting field"))
                    .detail(format!("Field requires {digits} characters, but only {} remain.", rest.len()))
                    .hint(hint));
            }
            let field = cut(rest);
            let (value, used) = leading_number(field);
            if used > 0 && used < digits {
                return Err(malformed(format!("invalid value \"{field}\" for \"{word}\""))
                    .detail(format!("Field requires {digits} characters, but only {used} could be parsed."))
                    .hint(hint));
            }
            self.at += used;
            value
        };
        if self.at == start {
            let field = cut(self.rest().trim_start_matches(is_space));
            return Err(
                malformed(format!("invalid value \"{field}\" for \"{word}\"")).detail("Value must be an integer.")
            );
        }
        let value = i32::try_from(value).map_err(|_| out_of_int(word))?;
        Ok((value, self.at - start))
    }

    /// The position of the name that comes next.
    fn name(&mut self, word: &str, names: &[&str]) -> Result<i32> {
        let rest = self.rest();
        let starts = |name: &&str| rest.get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name));
        let Some(found) = names.iter().position(starts) else {
            let given = rest.split(is_space).next().unwrap_or("");
            return Err(malformed(format!("invalid value \"{given}\" for \"{word}\""))
                .detail("The given value did not match any of the allowed values for this field."));
        };
        self.at += names[found].len();
        Ok(found as i32)
    }
}

fn out_of_int(word: &str) -> Error {
    Error::new(SqlState::DATETIME_FIELD_OVERFLOW, format!("value for \"{word}\" in source string is out of range"))
        .detail(format!("Value must be in the range {} to {}.", i32::MIN, i32::MAX))
}

/// Whether a word, in upper case, reads digits and nothing before them.
fn is_number(word: &str) -> bool {
    !matches!(
        word,
        "A.D."
            | "A.M."
            | "AD"
            | "AM"
            | "B.C."
            | "BC"
            | "DAY"
            | "DY"
            | "FX"
            | "MONTH"
            | "MON"
            | "OF"
            | "P.M."
            | "PM"
            | "RM"
            | "TZH"
            | "TZ"
    )
}

fn calendar_of(word: &str) -> Calendar {
    match word {
        "ID" | "IDDD" | "IW" | "IYYY" | "IYY" | "IY" | "I" => Calendar::IsoWeek,
        "D" | "DD" | "DDD" | "MM" | "MONTH" | "MON" | "RM" | "W" | "WW" | "Y,YYY" | "YYYY" | "YYY" | "YY" | "Y" => {
            Calendar::Gregorian
        }
        _ => Calendar::Any,
    }
}

/// A year of fewer than four digits is the one nearest to 2020.
fn near_2020(year: i32) -> i32 {
    match year {
        ..70 => year.saturating_add(2_000),
        70..100 => year + 1_900,
        100..520 => year + 2_000,
        520..1_000 => year + 1_000,
        _ => year,
    }
}

fn read(text: &str, template: &str) -> Result<Fields> {
    let nodes = nodes(template);
    let mut fields = Fields::default();
    let mut input = Input { text, at: 0 };
    // FX: no blanks and separators but those of the template.
    let mut exact = false;
    // How many more characters were skipped than the template has.
    let mut skipped = 0;
    for (i, node) in nodes.iter().enumerate() {
        if input.rest().is_empty() {
            break;
        }
        let is_fx = matches!(node, Node::Word { word, .. } if word.eq_ignore_ascii_case("FX"));
        if !exact && !is_fx && (matches!(node, Node::Word { .. }) || i == 0) {
            skipped += input.skip_spaces();
        }
        let (word, all_digits, ordinal) = match node {
            Node::Space(_) | Node::Separator(_) => {
                skipped -= 1;
                if exact || input.rest().starts_with(|c: char| is_space(c) || is_separator(c)) {
                    input.step();
                    skipped += 1;
                }
                continue;
            }
            Node::Char(_) if !exact && skipped > 0 => {
                skipped -= 1;
                continue;
            }
            Node::Char(_) => {
                input.step();
                continue;
            }
            Node::Word { word, fill, ordinal, .. } => {
                let ends = match nodes.get(i + 1) {
                    None => true,
                    Some(Node::Word { word, .. }) => !is_number(&word.to_ascii_uppercase()),
                    Some(Node::Space(c) | Node::Separator(c) | Node::Char(c)) => !c.is_ascii_digit(),
                };
                (*word, !fill || ordinal.is_some() || ends, ordinal.is_some())
            }
        };
        let upper = word.to_ascii_uppercase();
        let calendar = calendar_of(&upper);
        if calendar != Calendar::Any {
            if fields.calendar != Calendar::Any && fields.calendar != calendar {
                return Err(malformed("invalid combination of date conventions".into())
                    .hint("Do not mix Gregorian and ISO week date conventions in a formatting template."));
            }
            fields.calendar = calendar;
        }
        let length = match upper.as_str() {
            "HH24" | "HH12" => 2,
            "US" => 6,
            "MS" => 3,
            "FF1" | "FF2" | "FF3" | "FF4" | "FF5" | "FF6" => usize::from(upper.as_bytes()[2] - b'0'),
            "ID" => 1,
            "IDDD" => 3,
            "TZH" | "TZM" => 2,
            _ => word.len(),
        };
        match upper.as_str() {
            "FX" => exact = true,
            "AM" | "PM" => {
                let which = input.name(word, &["am", "pm"])?;
                set(&mut fields.afternoon, which, word)?;
                fields.twelve_hours = true;
            }
            "A.M." | "P.M." => {
                let which = input.name(word, &["a.m.", "p.m."])?;
                set(&mut fields.afternoon, which, word)?;
                fields.twelve_hours = true;
            }
            "AD" | "BC" => {
                let which = input.name(word, &["ad", "bc"])?;
                set(&mut fields.bc, which, word)?;
            }
            "A.D." | "B.C." => {
                let which = input.name(word, &["a.d.", "b.c."])?;
                set(&mut fields.bc, which, word)?;
            }
            "MONTH" => {
                let month = input.name(word, &MONTHS)?;
                set(&mut fields.month, month + 1, word)?;
            }
            "MON" => {
                let month = input.name(word, &MONTHS.map(|name| &name[..3]))?;
                set(&mut fields.month, month + 1, word)?;
            }
            "RM" => {
                let month = input.name(word, &ROMAN_MONTHS)?;
                set(&mut fields.month, 12 - month, word)?;
            }
            "DAY" | "DY" => {
                let day = if upper == "DAY" {
                    input.name(word, &DAYS)?
                } else {
                    input.name(word, &DAYS.map(|name| &name[..3]))?
                };
                set(&mut fields.weekday, day, word)?;
                fields.weekday += 1;
            }
            "TZ" | "OF" => {
                let message = format!("formatting field \"{word}\" is only supported in to_char");
                return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message));
            }
            "Y,YYY" => {
                let rest = input.rest();
                let (millennia, used) = leading_number(rest);
                let years = rest.get(used..).and_then(|rest| rest.strip_prefix(',')).filter(|_| used > 0);
                let years = years.map(|rest| &rest[..rest.bytes().take(3).take_while(u8::is_ascii_digit).count()]);
                let Some(years) = years.filter(|years| !years.is_empty()) else {
                    return Err(malformed("invalid input string for \"Y,YYY\"".into()));
                };
                input.at += used + 1 + years.len();
                let year = millennia.saturating_mul(1_000).saturating_add(years.parse().unwrap_or(0));
                set(&mut fields.year, i32::try_from(year).map_err(|_| out_of_int(word))?, word)?;
                fields.year_digits = 4;
            }
            _ => {
                if upper == "TZH" {
                    let before = text[..input.at].ends_with('-');
                    fields.zone_sign = match input.rest().as_bytes().first() {
                        Some(b'-') => -1,
                        Some(b'+' | b' ') => 1,
                        // The minus may have been taken for a separator.
                        _ if skipped > 0 && before => -1,
                        _ => 1,
                    };
                    if input.rest().starts_with(['+', '-', ' ']) {
                        input.step();
                    }
                }
                let (value, used) = input.number(word, length, all_digits)?;
                // A quarter has no one day.
                let mut ignored = 0;
                let field = match upper.as_str() {
                    "HH24" => &mut fields.hour,
                    "HH" | "HH12" => {
                        fields.twelve_hours = true;
                        &mut fields.hour
                    }
                    "MI" => &mut fields.minute,
                    "SS" => &mut fields.second,
                    "MS" => &mut fields.milliseconds,
                    "US" => &mut fields.microseconds,
                    "FF1" | "FF2" | "FF3" | "FF4" | "FF5" | "FF6" => {
                        fields.precision = length as i32;
                        &mut fields.microseconds
                    }
                    "SSSS" | "SSSSS" => &mut fields.second_of_day,
                    "TZH" => &mut fields.zone_hours,
                    "TZM" => {
                        fields.zone_sign = if fields.zone_sign == 0 { 1 } else { fields.zone_sign };
                        &mut fields.zone_minutes
                    }
                    "MM" => &mut fields.month,
                    "DDD" | "IDDD" => &mut fields.day_of_year,
                    "DD" => &mut fields.day,
                    "D" | "ID" => &mut fields.weekday,
                    "WW" | "IW" => &mut fields.week,
                    "W" => &mut fields.week_of_month,
                    "CC" => &mut fields.century,
                    "J" => &mut fields.julian,
                    "YYYY" | "IYYY" | "YYY" | "IYY" | "YY" | "IY" | "Y" | "I" => {
                        fields.year_digits = length as i32;
                        &mut fields.year
                    }
                    _ => &mut ignored,
                };
                set(field, value, word)?;
                match upper.as_str() {
                    "MS" => *field *= 10i32.pow(3u32.saturating_sub(used as u32)),
                    "US" | "FF1" | "FF2" | "FF3" | "FF4" | "FF5" | "FF6" => {
                        *field = field.saturating_mul(10i32.pow(6u32.saturating_sub(used as u32)));
                    }
                    "YYY" | "IYY" | "YY" | "IY" | "Y" | "I" if used < 4 => *field = near_2020(*field),
                    // Sunday is 7 there.
                    "ID" => *field = if *field >= 7 { 1 } else { *field + 1 },
                    _ => {}
                }
                if ordinal {
                    input.step();
                    input.step();
                }
            }
        }
        if !exact {
            skipped = input.skip_spaces();
        }
    }
    Ok(fields)
}

impl Fields {
    /// The year as the calendar counts it (0 is 1 BC), if it is known.
    fn astronomical_year(&self) -> Option<i32> {
        let century = if self.bc != 0 { self.century.saturating_neg() } else { self.century };
        if self.year == 0 {
            return match century {
                0 => None,
                1.. => Some((century - 1).saturating_mul(100).saturating_add(1)),
                _ => Some(century.saturating_mul(100).saturating_add(1)),
            };
        }
        if self.century != 0 && self.year_digits <= 2 {
            let in_century = self.year % 100;
            return Some(match (in_century, century >= 0) {
                (0, true) => century.saturating_mul(100),
                (0, false) => century.saturating_mul(100).saturating_add(1),
                (_, true) => (century - 1).saturating_mul(100).saturating_add(in_century),
                (_, false) => (century + 1).saturating_mul(100).saturating_sub(in_century).saturating_add(1),
            });
        }
        let year = if self.bc != 0 { self.year.saturating_neg() } else { self.year };
        Some(if year < 0 { year + 1 } else { year })
    }

    /// Days since 2000-01-01.
    fn days(&self, text: &str, out_of_range: impl Fn() -> Error) -> Result<i32> {
        let known_year = self.astronomical_year();
        let (mut year, mut month, mut day) = (known_year.unwrap_or(0), 1, 1);
        let (mut month_known, mut day_known, mut date_known) = (false, false, false);
        let civil = |days: i64| -> Result<(i32, i32, i32)> {
            let days = i32::try_from(days).ok().filter(|days| date_in_range(*days)).ok_or_else(&out_of_range)?;
            let civil = days_to_civil(days);
            Ok((civil.year, civil.month as i32, civil.day as i32))
        };
        let first_monday =
            |year: i32| civil_to_days(year, 1, 4).map(|days| i64::from(monday_of(days))).ok_or_else(&out_of_range);
        let mut day_of_year = self.day_of_year;
        if self.julian != 0 {
            (year, month, day) = civil(i64::from(self.julian) - EPOCH_JULIAN)?;
            date_known = true;
        }
        if self.week != 0 {
            let before = (i64::from(self.week) - 1) * 7;
            if self.calendar == Calendar::IsoWeek {
                let weekday = match self.weekday {
                    0 => 0,
                    1 => 6,
                    later => i64::from(later) - 2,
                };
                (year, month, day) = civil(first_monday(year)? + before + weekday)?;
                date_known = true;
            } else {
                day_of_year = i32::try_from(before + 1).map_err(|_| field_overflow(text))?;
            }
        }
        let in_month = match self.week_of_month {
            0 => self.day,
            week => (week - 1).saturating_mul(7).saturating_add(1),
        };
        if in_month != 0 {
            (day, day_known) = (in_month, true);
        }
        if self.month != 0 {
            (month, month_known) = (self.month, true);
        }
        if day_of_year != 0 && (month <= 1 || day <= 1) {
            if year == 0 && self.bc == 0 {
                return Err(malformed("cannot calculate day of year without year information".into()));
            }
            if self.calendar == Calendar::IsoWeek {
                (year, month, day) = civil(first_monday(year)? + i64::from(day_of_year) - 1)?;
                date_known = true;
            } else {
                let (mut before, mut at) = (0, 1);
                while at <= 12 && day_of_year > before + days_in_month(year, at) as i32 {
                    before += days_in_month(year, at) as i32;
                    at += 1;
                }
                month = if month <= 1 { at as i32 } else { month };
                day = if day <= 1 { day_of_year - before } else { day };
                (month_known, day_known) = (true, true);
            }
        }
        let (month_known, day_known) = (month_known || date_known, day_known || date_known);
        if month_known && !(1..=12).contains(&month) || day_known && !(1..=31).contains(&day) {
            return Err(field_overflow(text));
        }
        let year_known = known_year.is_some() || date_known;
        if year_known && month_known && day_known && day > days_in_month(year, month as u32) as i32 {
            return Err(field_overflow(text));
        }
        civil_to_days(year, month as u32, day as u32).ok_or_else(out_of_range)
    }

    /// Microseconds since midnight.
    fn time(&self, text: &str) -> Result<i64> {
        let or = |field: i32, other: i32| if field != 0 { field } else { other };
        let mut hour = or(self.hour, self.second_of_day / 3_600);
        let minute = or(self.minute, self.second_of_day / 60 % 60);
        let second = or(self.second, self.second_of_day % 60);
        if self.twelve_hours {
            if !(1..=12).contains(&hour) {
                return Err(malformed(format!("hour \"{hour}\" is invalid for the 12-hour clock"))
                    .hint("Use the 24-hour clock, or give an hour between 1 and 12."));
            }
            hour = hour % 12 + if self.afternoon != 0 { 12 } else { 0 };
        }
        let micros = i64::from(self.milliseconds) * 1_000 + i64::from(self.microseconds);
        if !(0..24).contains(&hour)
            || !(0..60).contains(&minute)
            || !(0..60).contains(&second)
            || !(0..MICROS_PER_SECOND).contains(&micros)
        {
            return Err(field_overflow(text));
        }
        Ok(i64::from(hour) * MICROS_PER_HOUR
            + i64::from(minute) * MICROS_PER_MINUTE
            + i64::from(second) * MICROS_PER_SECOND
            + micros)
    }

    /// The zone that the text gives.
    fn zone(&self, text: &str) -> Result<Option<TimeZone>> {
        if self.zone_sign == 0 {
            return Ok(None);
        }
        if !(0..=ZONE_HOURS_MAX).contains(&self.zone_hours) || !(0..60).contains(&self.zone_minutes) {
            return Err(Error::new(
                SqlState::INVALID_TIME_ZONE_DISPLACEMENT_VALUE,
                format!("time zone displacement out of range: \"{text}\""),
            ));
        }
        Ok(Some(TimeZone::Fixed(self.zone_sign * (self.zone_hours * 3_600 + self.zone_minutes * 60))))
    }
}

pub(super) fn to_date(call: &mut Call<'_>) -> Result<Datum> {
    let text = call.str(0)?;
    let fields = read(text, call.str(1)?)?;
    let range = || Error::new(SqlState::DATETIME_FIELD_OVERFLOW, format!("date out of range: \"{text}\""));
    let days = fields.days(text, range)?;
    // What a date does not show must be right all the same.
    fields.time(text)?;
    fields.zone(text)?;
    Ok(Datum::Date(days))
}

pub(super) fn to_timestamp(call: &mut Call<'_>) -> Result<Datum> {
    let text = call.str(0)?;
    let fields = read(text, call.str(1)?)?;
    let local = date_to_timestamp(fields.days(text, || out_of_range("timestamp"))?)? + fields.time(text)?;
    let zone = fields.zone(text)?.unwrap_or(call.settings.timezone);
    let precision = if fields.precision == 0 { -1 } else { fields.precision };
    local_to_utc(local, &zone).map(|moment| Datum::Timestamptz(round_precision(moment, precision)))
}

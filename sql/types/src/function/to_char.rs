//! `to_char`, `to_date`, `to_timestamp` and `to_number`: PostgreSQL's template patterns, the common ones.
//!
//! Date templates know HH HH12 HH24 MI SS MS US FF1-FF6 SSSS AM PM (and their dotted and lower-case kin), Y YY YYY YYYY
//! Y,YYY IYYY, BC AD, MONTH Month month MON Mon mon MM, DAY Day day DY Dy dy DDD DD D ID, W WW IW, CC Q J, TZ TZH TZM OF,
//! the modifiers FM and TH, and quoted text. Number templates know 9 0 . , D G FM S MI PL SG PR L TH EEEE and V.
//! RN (roman numerals) is refused.

use super::args::invalid_parameter;
use super::datetime::{day_of_week, day_of_year, iso_week};
use super::{Call, Function};
use crate::datetime::*;
use crate::datum::{Datum, Interval};
use crate::error::{Error, Result, SqlState};
use crate::numeric::Numeric;
use crate::sqltype::oid::*;

const MONTHS: [&str; 12] = [
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
const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// Template words, longer ones before their prefixes.
const WORDS: &[&str] = &[
    "A.D.", "A.M.", "AD", "AM", "B.C.", "BC", "CC", "DAY", "DDD", "DD", "DY", "Day", "Dy", "D", "FF1", "FF2", "FF3",
    "FF4", "FF5", "FF6", "FM", "HH24", "HH12", "HH", "IDDD", "ID", "IW", "IYYY", "IYY", "IY", "I", "J", "MI", "MM",
    "MONTH", "MON", "MS", "Month", "Mon", "OF", "P.M.", "PM", "Q", "SSSSS", "SSSS", "SS", "TZH", "TZM", "TZ", "US",
    "WW", "W", "Y,YYY", "YYYY", "YYY", "YY", "Y", "a.d.", "a.m.", "ad", "am", "b.c.", "bc", "cc", "day", "ddd", "dd",
    "dy", "d", "ff1", "ff2", "ff3", "ff4", "ff5", "ff6", "fm", "hh24", "hh12", "hh", "iddd", "id", "iw", "iyyy", "iyy",
    "iy", "i", "j", "mi", "mm", "month", "mon", "ms", "of", "p.m.", "pm", "q", "sssss", "ssss", "ss", "tzh", "tzm",
    "tz", "us", "ww", "w", "y,yyy", "yyyy", "yyy", "yy", "y",
];

enum Node {
    /// A template word, whether FM precedes it, and the case of a TH suffix.
    Word {
        word: &'static str,
        fill: bool,
        ordinal: Option<bool>,
    },
    Literal(char),
}

/// Cuts a date template into words and literals.
fn nodes(template: &str) -> Vec<Node> {
    let mut nodes = Vec::new();
    let mut rest = template;
    let mut fill = true;
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix('"') {
            let end = quoted.find('"').unwrap_or(quoted.len());
            nodes.extend(quoted[..end].chars().map(Node::Literal));
            rest = quoted.get(end + 1..).unwrap_or("");
            continue;
        }
        match WORDS.iter().find(|word| rest.starts_with(**word)) {
            Some(word) if word.eq_ignore_ascii_case("fm") => {
                fill = false;
                rest = &rest[2..];
            }
            Some(word) => {
                rest = &rest[word.len()..];
                let ordinal = match rest.get(..2) {
                    Some("TH") => Some(true),
                    Some("th") => Some(false),
                    _ => None,
                };
                if ordinal.is_some() {
                    rest = &rest[2..];
                }
                nodes.push(Node::Word { word, fill, ordinal });
                fill = true;
            }
            None => {
                let c = rest.chars().next().expect("not empty");
                rest = &rest[c.len_utf8()..];
                if c == '\\' && rest.starts_with('"') {
                    nodes.push(Node::Literal('"'));
                    rest = &rest[1..];
                } else {
                    nodes.push(Node::Literal(c));
                }
            }
        }
    }
    nodes
}

fn ordinal_suffix(number: i64) -> &'static str {
    match (number.abs() % 100, number.abs() % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    }
}

/// The value that a template shows: a moment, or an interval's parts.
struct Shown {
    days: i32,
    civil: Civil,
    hour: i64,
    minute: i64,
    second: i64,
    micros: i64,
    /// Zone and moment of a timestamptz.
    zone: Option<(TimeZone, i64)>,
    is_interval: bool,
}

fn cased(name: &str, word: &str) -> String {
    if word.chars().all(|c| c.is_ascii_uppercase()) {
        name.to_uppercase()
    } else if word.starts_with(|c: char| c.is_ascii_lowercase()) {
        name.to_lowercase()
    } else {
        name.to_string()
    }
}

fn render(shown: &Shown, template: &str) -> Result<String> {
    let mut out = String::new();
    for node in nodes(template) {
        let (word, fill, ordinal) = match node {
            Node::Literal(c) => {
                out.push(c);
                continue;
            }
            Node::Word { word, fill, ordinal } => (word, fill, ordinal),
        };
        let mut number = |value: i64, width: usize| {
            let text = match (fill, value < 0) {
                (true, false) => format!("{value:0width$}"),
                (true, true) => format!("-{:0width$}", -value),
                (false, _) => value.to_string(),
            };
            out.push_str(&text);
            if let Some(upper) = ordinal {
                let suffix = ordinal_suffix(value);
                out.push_str(&if upper { suffix.to_uppercase() } else { suffix.to_string() });
            }
        };
        let year =
            i64::from(if shown.civil.year > 0 || shown.is_interval { shown.civil.year } else { 1 - shown.civil.year });
        let twelve = if shown.hour % 12 == 0 { 12 } else { shown.hour % 12 };
        let upper = word.to_ascii_uppercase();
        match upper.as_str() {
            "HH24" => number(shown.hour, 2),
            "HH" | "HH12" => number(
                if shown.is_interval { shown.hour % 12 + i64::from(shown.hour % 12 == 0) * 12 } else { twelve },
                2,
            ),
            "MI" => number(shown.minute, 2),
            "SS" => number(shown.second, 2),
            "MS" => number(shown.micros / 1_000, 3),
            "US" => number(shown.micros, 6),
            "FF1" => number(shown.micros / 100_000, 1),
            "FF2" => number(shown.micros / 10_000, 2),
            "FF3" => number(shown.micros / 1_000, 3),
            "FF4" => number(shown.micros / 100, 4),
            "FF5" => number(shown.micros / 10, 5),
            "FF6" => number(shown.micros, 6),
            "SSSS" | "SSSSS" => number(shown.hour * 3_600 + shown.minute * 60 + shown.second, 0),
            "AM" | "PM" => out.push_str(&cased(if shown.hour % 24 >= 12 { "PM" } else { "AM" }, word)),
            "A.M." | "P.M." => {
                let text = if shown.hour % 24 >= 12 { "P.M." } else { "A.M." };
                out.push_str(&if word.starts_with(char::is_lowercase) { text.to_lowercase() } else { text.into() });
            }
            "YYYY" => number(year, 4),
            "Y,YYY" => out.push_str(&format!("{},{:03}", year / 1_000, year % 1_000)),
            "YYY" => number(year % 1_000, 3),
            "YY" => number(year % 100, 2),
            "Y" => number(year % 10, 1),
            "MM" => number(i64::from(shown.civil.month), 2),
            "DD" => number(i64::from(shown.civil.day), 2),
            "DDD" if shown.is_interval => number(i64::from(shown.days), 3),
            "CC" => number(
                if shown.is_interval {
                    year / 100
                } else if shown.civil.year > 0 {
                    (year + 99) / 100
                } else {
                    -(year + 99) / 100
                },
                2,
            ),
            _ if shown.is_interval => {
                return Err(Error::new(
                    SqlState::INVALID_DATETIME_FORMAT,
                    "invalid format specification for an interval value",
                )
                .hint("Intervals are not tied to specific calendar dates."));
            }
            "MONTH" | "DAY" => {
                let name = if upper == "MONTH" {
                    MONTHS[shown.civil.month as usize - 1]
                } else {
                    DAYS[day_of_week(shown.days) as usize]
                };
                let text = cased(name, word);
                if fill { out.push_str(&format!("{text:<9}")) } else { out.push_str(&text) }
            }
            "MON" => out.push_str(&cased(&MONTHS[shown.civil.month as usize - 1][..3], word)),
            "DY" => out.push_str(&cased(&DAYS[day_of_week(shown.days) as usize][..3], word)),
            "DDD" => number(i64::from(day_of_year(shown.days)), 3),
            "D" => number(i64::from(day_of_week(shown.days)) + 1, 1),
            "ID" => number(i64::from((day_of_week(shown.days) + 6) % 7 + 1), 1),
            "W" => number(i64::from((shown.civil.day - 1) / 7 + 1), 1),
            "WW" => number(i64::from((day_of_year(shown.days) - 1) / 7 + 1), 2),
            "IW" => number(i64::from(iso_week(shown.days).1), 2),
            "IYYY" => number(i64::from(iso_week(shown.days).0), 4),
            "IYY" => number(i64::from(iso_week(shown.days).0 % 1_000), 3),
            "IY" => number(i64::from(iso_week(shown.days).0 % 100), 2),
            "I" => number(i64::from(iso_week(shown.days).0 % 10), 1),
            "IDDD" => number(i64::from((iso_week(shown.days).1 - 1) * 7 + (day_of_week(shown.days) + 6) % 7 + 1), 3),
            "Q" => number(i64::from((shown.civil.month - 1) / 3 + 1), 1),
            "J" => number(i64::from(shown.days) + 2_451_545, 0),
            "BC" | "AD" => out.push_str(&cased(if shown.civil.year > 0 { "AD" } else { "BC" }, word)),
            "B.C." | "A.D." => {
                let text = if shown.civil.year > 0 { "A.D." } else { "B.C." };
                out.push_str(&if word.starts_with(char::is_lowercase) { text.to_lowercase() } else { text.into() });
            }
            "TZ" => {
                if let Some((zone, moment)) = shown.zone {
                    let name = zone.abbreviation(moment);
                    out.push_str(&if word == "tz" { name.to_lowercase() } else { name });
                }
            }
            "TZH" | "TZM" | "OF" => {
                let offset = shown.zone.map_or(0, |(zone, moment)| zone.offset_at_utc(moment));
                let (hours, minutes) = (offset.abs() / 3_600, offset.abs() / 60 % 60);
                let sign = if offset < 0 { '-' } else { '+' };
                out.push_str(&match upper.as_str() {
                    "TZH" => format!("{sign}{hours:02}"),
                    "TZM" => format!("{minutes:02}"),
                    _ if minutes != 0 => format!("{sign}{hours:02}:{minutes:02}"),
                    _ => format!("{sign}{hours:02}"),
                });
            }
            _ => return Err(Error::unsupported(format!("the template pattern \"{word}\""))),
        }
    }
    Ok(out)
}

fn timestamp_to_char(call: &mut Call<'_>) -> Result<Datum> {
    let micros = match call.arg(0) {
        Datum::Date(days) => date_to_timestamp(*days)?,
        _ => call.micros(0)?,
    };
    if is_infinite(micros) || call.str(1)?.is_empty() {
        return Ok(Datum::Null);
    }
    let zone = matches!(call.arg(0), Datum::Timestamptz(_)).then_some((call.settings.timezone, micros));
    let local = zone.map_or(micros, |(zone, moment)| zone.to_local(moment));
    let (days, time) = split_timestamp(local);
    let shown = Shown {
        days,
        civil: days_to_civil(days),
        hour: time / MICROS_PER_HOUR,
        minute: time / MICROS_PER_MINUTE % 60,
        second: time / MICROS_PER_SECOND % 60,
        micros: time % MICROS_PER_SECOND,
        zone,
        is_interval: false,
    };
    Ok(Datum::Text(render(&shown, call.str(1)?)?.into()))
}

fn interval_to_char(call: &mut Call<'_>) -> Result<Datum> {
    let Interval { months, days, micros } = call.interval(0)?;
    if call.str(1)?.is_empty() {
        return Ok(Datum::Null);
    }
    let shown = Shown {
        days: months.saturating_mul(30).saturating_add(days),
        civil: Civil { year: months / 12, month: (months % 12).unsigned_abs(), day: days.unsigned_abs() },
        hour: micros / MICROS_PER_HOUR,
        minute: micros / MICROS_PER_MINUTE % 60,
        second: micros / MICROS_PER_SECOND % 60,
        micros: micros % MICROS_PER_SECOND,
        zone: None,
        is_interval: true,
    };
    Ok(Datum::Text(render(&shown, call.str(1)?)?.into()))
}

/// What a template read from a text.
#[derive(Default)]
struct Read {
    year: Option<i32>,
    month: Option<u32>,
    day: Option<u32>,
    day_of_year: Option<i32>,
    julian: Option<i32>,
    bc: bool,
    hour: i64,
    minute: i64,
    second: i64,
    micros: i64,
    afternoon: Option<bool>,
    twelve: bool,
    offset: Option<i32>,
}

/// Hours or minutes of an offset, which have two digits.
fn offset_part(value: i64) -> Result<i32> {
    if value.abs() > 99 {
        return Err(Error::new(
            SqlState::INVALID_TIME_ZONE_DISPLACEMENT_VALUE,
            format!("time zone displacement out of range: \"{value}\""),
        ));
    }
    Ok(value as i32)
}

fn read(text: &str, template: &str) -> Result<Read> {
    let mut read = Read::default();
    let mut rest = text.trim_start();
    let nodes = nodes(template);
    let mismatch = |word: &str, rest: &str| {
        Error::new(
            SqlState::INVALID_DATETIME_FORMAT,
            format!("invalid value \"{}\" for \"{word}\"", rest.chars().take(word.len()).collect::<String>()),
        )
        .detail("Value must be an integer.")
    };
    for (i, node) in nodes.iter().enumerate() {
        let (word, fill) = match node {
            Node::Literal(c) => {
                // Any separator stands for any other; a letter of the template skips one character.
                if c.is_alphanumeric() {
                    rest = rest.strip_prefix(|_: char| true).unwrap_or("");
                } else {
                    rest = rest.trim_start();
                    let separator = |c: char| {
                        !c.is_alphanumeric()
                            && c != '+'
                            && (c != '-'
                                || !matches!(nodes.get(i + 1), Some(Node::Word { word, .. }) if word.starts_with("TZ")))
                    };
                    rest = rest.strip_prefix(separator).unwrap_or(rest).trim_start();
                }
                continue;
            }
            Node::Word { word, fill, .. } => (*word, *fill),
        };
        let upper = word.to_ascii_uppercase();
        if !upper.starts_with("TZ") {
            rest = rest.trim_start();
        }
        if rest.is_empty() {
            break;
        }
        // A number runs as far as it can unless another number follows directly.
        let digits_next = matches!(nodes.get(i + 1), Some(Node::Word { .. }));
        let take = |rest: &mut &str, width: usize| -> Result<i64> {
            let bytes = rest.as_bytes();
            let sign = usize::from(matches!(bytes.first(), Some(b'-' | b'+')));
            let run = bytes[sign..].iter().take_while(|b| b.is_ascii_digit()).count();
            let limit = if digits_next && fill { run.min(width) } else { run.min(9) };
            if limit == 0 {
                return Err(mismatch(word, rest));
            }
            let (number, tail) = rest.split_at(sign + limit);
            *rest = tail;
            number.parse().map_err(|_| mismatch(word, number))
        };
        let suffix_skip = |rest: &mut &str, node: &Node| {
            if matches!(node, Node::Word { ordinal: Some(_), .. }) {
                *rest = rest.get(2..).unwrap_or("");
            }
        };
        let fraction = |rest: &mut &str, digits: usize| {
            let run = rest.bytes().take_while(u8::is_ascii_digit).count().min(digits);
            let (number, tail) = rest.split_at(run);
            *rest = tail;
            let padded = format!("{number:0<6}");
            padded[..6].parse::<i64>().unwrap_or(0)
        };
        match upper.as_str() {
            "YYYY" | "IYYY" => {
                let width = rest.bytes().take_while(u8::is_ascii_digit).count();
                let value = take(&mut rest, 4)? as i32;
                read.year = Some(if width <= 2 { value + if value < 70 { 2_000 } else { 1_900 } } else { value });
            }
            "YYY" | "YY" | "Y" => {
                let value = take(&mut rest, upper.len())? as i32;
                read.year = Some(match value {
                    0..70 => value + 2_000,
                    70..100 => value + 1_900,
                    100..520 => value + 2_000,
                    520..1_000 => value + 1_000,
                    _ => value,
                });
            }
            "MM" => read.month = Some(take(&mut rest, 2)? as u32),
            "DD" => read.day = Some(take(&mut rest, 2)? as u32),
            "DDD" => read.day_of_year = Some(take(&mut rest, 3)? as i32),
            "J" => read.julian = Some(take(&mut rest, 9)? as i32),
            "HH24" => read.hour = take(&mut rest, 2)?,
            "HH" | "HH12" => {
                read.hour = take(&mut rest, 2)?;
                read.twelve = true;
            }
            "MI" => read.minute = take(&mut rest, 2)?,
            "SS" => read.second = take(&mut rest, 2)?,
            "SSSS" | "SSSSS" => {
                let value = take(&mut rest, 5)?;
                (read.hour, read.minute, read.second) = (value / 3_600, value / 60 % 60, value % 60);
            }
            "MS" => read.micros = fraction(&mut rest, 3),
            "US" | "FF6" => read.micros = fraction(&mut rest, 6),
            "FF1" | "FF2" | "FF3" | "FF4" | "FF5" => {
                read.micros = fraction(&mut rest, usize::from(upper.as_bytes()[2] - b'0'))
            }
            "MONTH" | "MON" => {
                // A slice may end inside a character; then it is no month.
                let starts = |name: &str| rest.get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name));
                let at = MONTHS.iter().position(|name| starts(&name[..3])).ok_or_else(|| {
                    Error::new(
                        SqlState::INVALID_DATETIME_FORMAT,
                        format!("invalid value \"{}\" for \"{word}\"", rest.chars().take(3).collect::<String>()),
                    )
                    .detail("The given value did not match any of the allowed values for this field.")
                })?;
                let length = if upper == "MONTH" && starts(MONTHS[at]) { MONTHS[at].len() } else { 3 };
                rest = &rest[length..];
                read.month = Some(at as u32 + 1);
            }
            "DAY" | "DY" => {
                let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
                rest = &rest[if upper == "DY" { letters.min(3) } else { letters }..];
            }
            "AM" | "PM" | "A.M." | "P.M." => {
                let length = upper.len().min(rest.len());
                let given = rest.get(..length).unwrap_or("").to_ascii_uppercase();
                read.afternoon = Some(given.starts_with('P'));
                rest = rest.get(length..).unwrap_or("");
            }
            "BC" | "AD" | "B.C." | "A.D." => {
                let length = upper.len().min(rest.len());
                read.bc = rest.get(..length).unwrap_or("").to_ascii_uppercase().starts_with('B');
                rest = rest.get(length..).unwrap_or("");
            }
            "TZH" => {
                let negative = rest.starts_with('-');
                let hours = offset_part(take(&mut rest, 2)?)?;
                read.offset = Some(if negative { -hours.abs() * 3_600 } else { hours * 3_600 });
            }
            "TZM" => {
                let minutes = offset_part(take(&mut rest, 2)?)?;
                let offset = read.offset.unwrap_or(0);
                read.offset = Some(if offset < 0 { offset - minutes * 60 } else { offset + minutes * 60 });
            }
            "D" | "ID" | "Q" | "W" | "WW" | "IW" | "CC" => {
                if !matches!(upper.as_str(), "D" | "ID" | "Q") {
                    return Err(Error::unsupported(format!("reading the template pattern \"{word}\"")));
                }
                take(&mut rest, 1)?;
            }
            _ => return Err(Error::unsupported(format!("reading the template pattern \"{word}\""))),
        }
        suffix_skip(&mut rest, node);
    }
    Ok(read)
}

impl Read {
    fn days(&self, text: &str) -> Result<i32> {
        let range =
            || Error::new(SqlState::DATETIME_FIELD_OVERFLOW, format!("date/time field value out of range: \"{text}\""));
        if let Some(julian) = self.julian {
            return Some(julian - 2_451_545).filter(|days| date_in_range(*days)).ok_or_else(range);
        }
        let mut year = self.year.unwrap_or(0);
        if self.bc {
            year = 1 - year;
        } else if self.year.is_none() || year == 0 {
            // No year at all reads as 1 BC.
            year = 0;
        }
        if let Some(day) = self.day_of_year {
            let first = civil_to_days(year, 1, 1).ok_or_else(range)?;
            return if (1..=366).contains(&day) && date_in_range(first + day - 1) {
                Ok(first + day - 1)
            } else {
                Err(range())
            };
        }
        let (month, day) = (self.month.unwrap_or(1), self.day.unwrap_or(1));
        if !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
            return Err(range());
        }
        civil_to_days(year, month, day).ok_or_else(range)
    }

    fn time(&self, text: &str) -> Result<i64> {
        let mut hour = self.hour;
        if self.twelve || self.afternoon.is_some() {
            if !(1..=12).contains(&hour) && self.twelve {
                return Err(Error::new(
                    SqlState::INVALID_DATETIME_FORMAT,
                    format!("hour \"{hour}\" is invalid for the 12-hour clock"),
                )
                .hint("Use the 24-hour clock, or give an hour between 1 and 12."));
            }
            match self.afternoon {
                Some(true) if hour < 12 => hour += 12,
                Some(false) if hour == 12 => hour = 0,
                _ => {}
            }
        }
        if !(0..24).contains(&hour) || !(0..60).contains(&self.minute) || !(0..60).contains(&self.second) {
            return Err(Error::new(
                SqlState::DATETIME_FIELD_OVERFLOW,
                format!("date/time field value out of range: \"{text}\""),
            ));
        }
        Ok(hour * MICROS_PER_HOUR + self.minute * MICROS_PER_MINUTE + self.second * MICROS_PER_SECOND + self.micros)
    }
}

fn to_date(call: &mut Call<'_>) -> Result<Datum> {
    let text = call.str(0)?;
    read(text, call.str(1)?)?.days(text).map(Datum::Date)
}

fn to_timestamp(call: &mut Call<'_>) -> Result<Datum> {
    let text = call.str(0)?;
    let read = read(text, call.str(1)?)?;
    let local = date_to_timestamp(read.days(text)?)? + read.time(text)?;
    let zone = read.offset.map_or(call.settings.timezone, TimeZone::Fixed);
    local_to_utc(local, &zone).map(Datum::Timestamptz)
}

/// A number template, read once.
#[derive(Default)]
struct Picture {
    /// Digit places before the point, `true` from the first 0 on; group marks by their place.
    whole: Vec<char>,
    fraction: Vec<char>,
    has_point: bool,
    fill: bool,
    /// S, and whether it stands in front.
    sign: Option<bool>,
    minus: Option<bool>,
    plus: Option<bool>,
    either: Option<bool>,
    brackets: bool,
    exponent: bool,
    ordinal: Option<bool>,
    shift: usize,
    currency: Option<bool>,
}

fn picture(template: &str) -> Result<Picture> {
    let mut picture = Picture { fill: true, ..Picture::default() };
    let mut rest = template;
    let mut shifting = false;
    while let Some(c) = rest.chars().next() {
        let seen = !picture.whole.is_empty() || picture.has_point;
        let word = |name: &str| rest.get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name));
        let used = if word("FM") {
            picture.fill = false;
            2
        } else if word("EEEE") {
            picture.exponent = true;
            4
        } else if word("MI") {
            picture.minus = Some(!seen);
            2
        } else if word("PL") {
            picture.plus = Some(!seen);
            2
        } else if word("SG") {
            picture.either = Some(!seen);
            2
        } else if word("PR") {
            picture.brackets = true;
            2
        } else if word("TH") {
            picture.ordinal = Some(rest.starts_with("TH"));
            2
        } else if word("RN") {
            return Err(Error::unsupported("the template pattern \"RN\""));
        } else {
            match c.to_ascii_uppercase() {
                '9' | '0' if shifting => {
                    picture.shift += 1;
                    picture.whole.push(c);
                }
                '9' | '0' if picture.has_point => picture.fraction.push(c),
                '9' | '0' => picture.whole.push(c),
                '.' | 'D' if picture.has_point => {
                    return Err(Error::new(SqlState::SYNTAX_ERROR, "multiple decimal points"));
                }
                '.' | 'D' => picture.has_point = true,
                ',' | 'G' if !picture.has_point => picture.whole.push(','),
                'S' => picture.sign = Some(!seen),
                'V' => shifting = true,
                'L' => picture.currency = Some(!seen),
                _ if picture.has_point => picture.fraction.push(c),
                _ => picture.whole.push(c),
            }
            c.len_utf8()
        };
        rest = &rest[used..];
    }
    Ok(picture)
}

fn number_to_char(call: &mut Call<'_>) -> Result<Datum> {
    let template = call.str(1)?;
    let picture = picture(template)?;
    let value = match call.arg(0) {
        Datum::Numeric(value) => value.clone(),
        Datum::Float4(value) => Numeric::from_f32(*value),
        Datum::Float8(value) => Numeric::from_f64(*value),
        _ => Numeric::from(call.i64(0)?),
    };
    if picture.exponent {
        return scientific(&value, &picture).map(|text| Datum::Text(text.into()));
    }
    let shifted = if picture.shift > 0 { value.mul(&Numeric::parse(&format!("1e{}", picture.shift))?)? } else { value };
    let places = picture.fraction.iter().filter(|c| matches!(c, '9' | '0')).count();
    let rounded = if shifted.is_finite() { shifted.round(places as i32)? } else { shifted };
    let negative = rounded.is_negative() && !rounded.is_zero();
    let text = rounded.abs().to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let whole = if whole == "0" { "" } else { whole };
    let slots = picture.whole.iter().filter(|c| matches!(c, '9' | '0')).count();
    let overflow = !rounded.is_finite() || whole.len() > slots;
    // Digits, right-aligned in the places before the point.
    let first_zero = picture.whole.iter().filter(|c| matches!(c, '9' | '0')).position(|c| *c == '0');
    let mut body = String::new();
    let mut place = 0;
    let mut started = false;
    for c in &picture.whole {
        match c {
            '9' | '0' => {
                let from_right = slots - place;
                let digit = (from_right <= whole.len()).then(|| whole.as_bytes()[whole.len() - from_right]);
                let zero = first_zero.is_some_and(|first| place >= first);
                // A bare point or an integer of all nines shows the last zero.
                let last = place + 1 == slots && whole.is_empty() && (!picture.has_point || places == 0);
                if overflow {
                    body.push('#');
                    started = true;
                } else if let Some(digit) = digit {
                    body.push(char::from(digit));
                    started = true;
                } else if zero || last {
                    body.push('0');
                    started = true;
                } else if picture.fill {
                    body.push(' ');
                }
                place += 1;
            }
            ',' if started => body.push(','),
            ',' if picture.fill => body.push(' '),
            ',' => {}
            other => body.push(*other),
        }
    }
    if picture.has_point {
        body.push('.');
        let mut digits = fraction.bytes();
        let mut shown = String::new();
        for c in &picture.fraction {
            match c {
                '9' | '0' if overflow => shown.push('#'),
                '9' | '0' => shown.push(char::from(digits.next().unwrap_or(b'0'))),
                other => shown.push(*other),
            }
        }
        if !picture.fill {
            // FM drops trailing zeros behind the last 0 of the template.
            let kept = picture.fraction.iter().rposition(|c| *c == '0').map_or(0, |at| at + 1);
            while shown.len() > kept && shown.ends_with('0') {
                shown.pop();
            }
        }
        if shown.is_empty() && !started {
            body.insert(body.len() - 1, '0');
        }
        body.push_str(&shown);
    }
    if let Some(upper) = picture.ordinal
        && !negative
        && !picture.has_point
    {
        let last = whole.parse::<i64>().unwrap_or(0);
        let suffix = ordinal_suffix(last);
        body.push_str(&if upper { suffix.to_uppercase() } else { suffix.to_string() });
    }
    Ok(Datum::Text(signed(&picture, body, negative).into()))
}

/// Sets the sign beside a number whose leading blanks stand for digits.
fn signed(picture: &Picture, body: String, negative: bool) -> String {
    let blanks = body.find(|c: char| c.is_ascii_digit() || c == '.' || c == '#').unwrap_or(0);
    let (padding, digits) = body.split_at(blanks);
    let mark = if negative { "-" } else { "+" };
    let mut out = match () {
        () if picture.brackets => match (negative, picture.fill) {
            (true, _) => format!("{padding}<{digits}>"),
            (false, true) => format!("{padding} {digits} "),
            (false, false) => digits.to_string(),
        },
        () if picture.sign == Some(true) => format!("{padding}{mark}{digits}"),
        () if picture.sign == Some(false) => format!("{body}{mark}"),
        () if picture.minus.is_some() || picture.plus.is_some() || picture.either.is_some() => {
            let mut text = body.clone();
            // PL leaves the ordinary place of the sign free.
            if picture.plus.is_some() && picture.minus.is_none() && !negative && picture.fill {
                text.insert(0, ' ');
            }
            if let Some(front) = picture.either {
                text = if front { format!("{mark}{text}") } else { format!("{text}{mark}") };
            }
            if let Some(front) = picture.minus {
                let minus = if negative {
                    "-"
                } else if picture.fill {
                    " "
                } else {
                    ""
                };
                text = if front { format!("{minus}{text}") } else { format!("{text}{minus}") };
            }
            if let Some(front) = picture.plus {
                let plus = if !negative {
                    "+"
                } else if picture.fill {
                    " "
                } else {
                    ""
                };
                let other = if negative && picture.minus.is_none() { "-" } else { "" };
                text = if front { format!("{plus}{other}{text}") } else { format!("{other}{text}{plus}") };
            }
            text
        }
        () if negative => format!("{padding}-{digits}"),
        () if picture.fill => format!("{padding} {digits}"),
        () => digits.to_string(),
    };
    if let Some(front) = picture.currency {
        // The C locale has no currency symbol; its place is a blank.
        out = if front { format!(" {out}") } else { format!("{out} ") };
    }
    out
}

fn scientific(value: &Numeric, picture: &Picture) -> Result<String> {
    let places = picture.fraction.iter().filter(|c| matches!(c, '9' | '0')).count();
    if !value.is_finite() {
        return Ok(format!(" #.{}", "#".repeat(places + 4)));
    }
    let negative = value.is_negative();
    let digits = value.abs().to_string();
    let exponent = match digits.find(|c: char| c.is_ascii_digit() && c != '0') {
        None => 0,
        Some(first) => {
            let point = digits.find('.').unwrap_or(digits.len());
            if first < point { (point - first - 1) as i64 } else { -((first - point) as i64) }
        }
    };
    let significant: String = digits.chars().filter(char::is_ascii_digit).skip_while(|c| *c == '0').collect();
    let (first, rest) = significant.split_at(significant.len().min(1));
    let places = i32::try_from(places).unwrap_or(i32::MAX);
    let mut exponent = exponent;
    let mut mantissa = Numeric::parse(&format!("0{first}.{rest}"))?.round(places)?;
    // Nines rounded up.
    if mantissa >= Numeric::from(10) {
        exponent += 1;
        mantissa = Numeric::ONE.round(places)?;
    }
    let sign = if negative {
        "-"
    } else if picture.fill {
        " "
    } else {
        ""
    };
    Ok(format!("{sign}{mantissa}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs()))
}

fn to_number(call: &mut Call<'_>) -> Result<Datum> {
    let (text, template) = (call.str(0)?, call.str(1)?);
    let picture = picture(template)?;
    if template.is_empty() {
        return Ok(Datum::Null);
    }
    let negative = text.contains('-') || picture.brackets && text.contains('<');
    let mut digits = String::new();
    for c in text.chars() {
        match c {
            '0'..='9' => digits.push(c),
            '.' if picture.has_point && !digits.contains('.') => digits.push('.'),
            '.' => break,
            _ => {}
        }
    }
    if digits.is_empty() || digits == "." {
        return Err(Error::new(
            SqlState::INVALID_TEXT_REPRESENTATION,
            format!("invalid input syntax for type numeric: \"{text}\""),
        ));
    }
    let places = picture.fraction.iter().filter(|c| matches!(c, '9' | '0')).count();
    let value =
        Numeric::parse(&digits)?.trunc(places as i32).map_err(|_| invalid_parameter("number is out of range"))?;
    Ok(Datum::Numeric(if negative { value.neg() } else { value }))
}

#[rustfmt::skip]
pub(super) static FUNCTIONS: &[Function] = &[
    Function::strict(1768, "to_char", &[INTERVAL, TEXT], TEXT, interval_to_char).stable(),
    Function::strict(1770, "to_char", &[TIMESTAMPTZ, TEXT], TEXT, timestamp_to_char).stable(),
    Function::strict(1772, "to_char", &[NUMERIC, TEXT], TEXT, number_to_char).stable(),
    Function::strict(1773, "to_char", &[INT4, TEXT], TEXT, number_to_char).stable(),
    Function::strict(1774, "to_char", &[INT8, TEXT], TEXT, number_to_char).stable(),
    Function::strict(1775, "to_char", &[FLOAT4, TEXT], TEXT, number_to_char).stable(),
    Function::strict(1776, "to_char", &[FLOAT8, TEXT], TEXT, number_to_char).stable(),
    Function::strict(1777, "to_number", &[TEXT, TEXT], NUMERIC, to_number).stable(),
    Function::strict(1778, "to_timestamp", &[TEXT, TEXT], TIMESTAMPTZ, to_timestamp).stable(),
    Function::strict(1780, "to_date", &[TEXT, TEXT], DATE, to_date).stable(),
    Function::strict(2049, "to_char", &[TIMESTAMP, TEXT], TEXT, timestamp_to_char).stable(),
];

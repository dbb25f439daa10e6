//! `to_char` and `to_number`, and the templates of dates and times.
//!
//! Date templates know HH HH12 HH24 MI SS MS US FF1-FF6 SSSS AM PM (and their dotted and lower-case kin), Y YY YYY YYYY
//! Y,YYY IYYY, BC AD, MONTH Month month MON Mon mon MM RM, DAY Day day DY Dy dy DDD DD D ID, W WW IW, CC Q J, TZ TZH TZM
//! OF, FX, the modifiers FM, TM and TH, and quoted text. Number templates know 9 0 . , D G FM S MI PL SG PR L TH EEEE V
//! and quoted text. RN (roman numerals) is refused.

use super::datetime::{day_of_week, day_of_year, iso_week};
use super::{Call, Function, from_char};
use crate::datetime::*;
use crate::datum::{Datum, Interval};
use crate::error::{Error, Result, SqlState};
use crate::numeric::Numeric;
use crate::sqltype::oid::*;

/// From December, in which order none comes before another one that it begins with.
pub(super) const ROMAN_MONTHS: [&str; 12] = ["XII", "XI", "X", "IX", "VIII", "VII", "VI", "V", "IV", "III", "II", "I"];

/// Template words, longer ones before their prefixes.
const WORDS: &[&str] = &[
    "A.D.", "A.M.", "AD", "AM", "B.C.", "BC", "CC", "DAY", "DDD", "DD", "DY", "Day", "Dy", "D", "FF1", "FF2", "FF3",
    "FF4", "FF5", "FF6", "FX", "HH24", "HH12", "HH", "IDDD", "ID", "IW", "IYYY", "IYY", "IY", "I", "J", "MI", "MM",
    "MONTH", "MON", "MS", "Month", "Mon", "OF", "P.M.", "PM", "Q", "RM", "SSSSS", "SSSS", "SS", "TZH", "TZM", "TZ",
    "US", "WW", "W", "Y,YYY", "YYYY", "YYY", "YY", "Y", "a.d.", "a.m.", "ad", "am", "b.c.", "bc", "cc", "day", "ddd",
    "dd", "dy", "d", "ff1", "ff2", "ff3", "ff4", "ff5", "ff6", "fx", "hh24", "hh12", "hh", "iddd", "id", "iw", "iyyy",
    "iyy", "iy", "i", "j", "mi", "mm", "month", "mon", "ms", "of", "p.m.", "pm", "q", "rm", "sssss", "ssss", "ss",
    "tzh", "tzm", "tz", "us", "ww", "w", "y,yyy", "yyyy", "yyy", "yy", "y",
];

pub(super) enum Node {
    /// A template word, whether it is filled up (no FM before it), whether its name is the locale's (TM), which is the
    /// same here but for not being filled up, and the case of a TH behind it.
    Word {
        word: &'static str,
        fill: bool,
        localized: bool,
        ordinal: Option<bool>,
    },
    Separator(char),
    Space(char),
    Char(char),
}

pub(super) fn is_space(c: char) -> bool {
    c.is_ascii_whitespace() || c == '\x0b'
}

pub(super) fn is_separator(c: char) -> bool {
    c.is_ascii_punctuation()
}

/// The characters of a quoted text, behind its quote, up to the closing one or the end; and what follows.
fn quoted(text: &str) -> (String, &str) {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => break,
            // A backslash at the very end stands for itself.
            '\\' => out.push(chars.next().unwrap_or('\\')),
            _ => out.push(c),
        }
    }
    (out, chars.as_str())
}

/// Cuts a date template into words and characters.
pub(super) fn nodes(template: &str) -> Vec<Node> {
    let mut nodes = Vec::new();
    let mut rest = template;
    while !rest.is_empty() {
        let (mut fill, mut localized) = (true, false);
        if rest.starts_with("FM") || rest.starts_with("fm") {
            fill = false;
            rest = &rest[2..];
        } else if rest.starts_with("TM") || rest.starts_with("tm") {
            localized = true;
            rest = &rest[2..];
        }
        if let Some(word) = WORDS.iter().find(|word| rest.starts_with(**word)) {
            rest = &rest[word.len()..];
            let suffix = ["TH", "th", "SP"].into_iter().find(|suffix| rest.starts_with(*suffix));
            let ordinal = suffix.filter(|suffix| *suffix != "SP").map(|suffix| suffix == "TH");
            rest = &rest[suffix.map_or(0, str::len)..];
            nodes.push(Node::Word { word, fill, localized, ordinal });
        } else if let Some(text) = rest.strip_prefix('"') {
            let (text, behind) = quoted(text);
            nodes.extend(text.chars().map(Node::Char));
            rest = behind;
        } else {
            // A backslash means something only before a quote.
            if rest.starts_with("\\\"") {
                rest = &rest[1..];
            }
            let Some(c) = rest.chars().next() else { break };
            rest = &rest[c.len_utf8()..];
            nodes.push(if is_separator(c) {
                Node::Separator(c)
            } else if is_space(c) {
                Node::Space(c)
            } else {
                Node::Char(c)
            });
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
    /// Days since 2000-01-01; of an interval how many it has, with 30 in a month.
    days: i32,
    /// As the calendar counts it (0 is 1 BC).
    year: i32,
    month: i32,
    day: i32,
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
        let (word, fill, localized, ordinal) = match node {
            Node::Separator(c) | Node::Space(c) | Node::Char(c) => {
                out.push(c);
                continue;
            }
            Node::Word { word, fill, localized, ordinal } => (word, fill, localized, ordinal),
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
        let year = i64::from(if shown.year > 0 || shown.is_interval { shown.year } else { 1 - shown.year });
        let twelve = if shown.hour % 12 == 0 { 12 } else { shown.hour % 12 };
        let upper = word.to_ascii_uppercase();
        match upper.as_str() {
            "FX" => {}
            "HH24" => number(shown.hour, 2),
            // An hour of 12 has no sign, and so no place for one.
            "HH" | "HH12" if shown.hour < 0 && twelve == 12 && fill => number(twelve, 3),
            "HH" | "HH12" => number(twelve, 2),
            "MI" => number(shown.minute, 2),
            "SS" => number(shown.second, 2),
            "MS" | "US" | "FF1" | "FF2" | "FF3" | "FF4" | "FF5" | "FF6" => {
                let digits = match upper.as_str() {
                    "MS" => 3,
                    "US" => 6,
                    _ => usize::from(upper.as_bytes()[2] - b'0'),
                };
                let value = shown.micros / 10i64.pow(6 - digits as u32);
                // FM takes no zeros away, and a sign takes the place of one.
                out.push_str(&format!("{value:0digits$}"));
                if let Some(upper) = ordinal {
                    let suffix = ordinal_suffix(value);
                    out.push_str(&if upper { suffix.to_uppercase() } else { suffix.to_string() });
                }
            }
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
            "MM" => number(i64::from(shown.month), 2),
            // Here a sign takes the place of a digit.
            "DD" => number(i64::from(shown.day), 2 - usize::from(shown.day < 0)),
            "DDD" if shown.is_interval => number(i64::from(shown.days), 3 - usize::from(shown.days < 0)),
            "DDD" => number(i64::from(day_of_year(shown.days)), 3),
            "WW" => {
                let day = if shown.is_interval { shown.days } else { day_of_year(shown.days) };
                let week = i64::from(day.saturating_sub(1) / 7 + 1);
                number(week, 2 - usize::from(week < 0));
            }
            "W" => number(i64::from(shown.day.saturating_sub(1) / 7 + 1), 1),
            "Q" if shown.month == 0 => {}
            "Q" => number(i64::from((shown.month - 1) / 3 + 1), 1),
            "RM" if shown.month == 0 && shown.year == 0 => {}
            "RM" => {
                // A month of an interval that goes back is counted from December.
                let at = match shown.month {
                    0 if shown.year > 0 => 0,
                    0 => 11,
                    back @ ..0 => -(back + 1),
                    month => 12 - month,
                };
                let name = cased(ROMAN_MONTHS[at as usize], word);
                if fill { out.push_str(&format!("{name:<4}")) } else { out.push_str(&name) }
            }
            "CC" => number(
                if shown.is_interval {
                    year / 100
                } else if shown.year > 0 {
                    (year + 99) / 100
                } else {
                    -(year + 99) / 100
                },
                2,
            ),
            "IDDD" | "IW" | "IYYY" | "IYY" | "IY" | "I" | "J" if shown.is_interval => {
                return Err(Error::unsupported(format!("the template pattern \"{word}\" of an interval")));
            }
            _ if shown.is_interval => {
                return Err(Error::new(
                    SqlState::INVALID_DATETIME_FORMAT,
                    "invalid format specification for an interval value",
                )
                .hint("Intervals are not tied to specific calendar dates."));
            }
            "MONTH" | "DAY" => {
                let name = if upper == "MONTH" {
                    MONTHS[shown.month as usize - 1]
                } else {
                    DAYS[day_of_week(shown.days) as usize]
                };
                let text = cased(name, word);
                if fill && !localized { out.push_str(&format!("{text:<9}")) } else { out.push_str(&text) }
            }
            "MON" => out.push_str(&cased(&MONTHS[shown.month as usize - 1][..3], word)),
            "DY" => out.push_str(&cased(&DAYS[day_of_week(shown.days) as usize][..3], word)),
            "D" => number(i64::from(day_of_week(shown.days)) + 1, 1),
            "ID" => number(i64::from((day_of_week(shown.days) + 6) % 7 + 1), 1),
            "IW" => number(i64::from(iso_week(shown.days).1), 2),
            "IYYY" | "IYY" | "IY" | "I" => {
                let iso_year = iso_week(shown.days).0;
                let iso_year = i64::from(if iso_year > 0 { iso_year } else { 1 - iso_year });
                number(iso_year % 10i64.pow(upper.len() as u32), upper.len());
            }
            "IDDD" => number(i64::from((iso_week(shown.days).1 - 1) * 7 + (day_of_week(shown.days) + 6) % 7 + 1), 3),
            "J" => number(i64::from(shown.days) + 2_451_545, 0),
            "BC" | "AD" => out.push_str(&cased(if shown.year > 0 { "AD" } else { "BC" }, word)),
            "B.C." | "A.D." => {
                let text = if shown.year > 0 { "A.D." } else { "B.C." };
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
                let width = if fill || upper != "OF" { 2 } else { 0 };
                out.push_str(&match upper.as_str() {
                    "TZH" => format!("{sign}{hours:02}"),
                    "TZM" => format!("{minutes:02}"),
                    _ if minutes != 0 => format!("{sign}{hours:0width$}:{minutes:02}"),
                    _ => format!("{sign}{hours:0width$}"),
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
    let Civil { year, month, day } = days_to_civil(days);
    let shown = Shown {
        days,
        year,
        month: month as i32,
        day: day as i32,
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
        year: months / 12,
        month: months % 12,
        day: days,
        hour: micros / MICROS_PER_HOUR,
        minute: micros / MICROS_PER_MINUTE % 60,
        second: micros / MICROS_PER_SECOND % 60,
        micros: micros % MICROS_PER_SECOND,
        zone: None,
        is_interval: true,
    };
    Ok(Datum::Text(render(&shown, call.str(1)?)?.into()))
}

/// Words of number templates, longer ones before their prefixes.
const NUMBER_WORDS: &[&str] = &[
    "EEEE", "FM", "MI", "PL", "PR", "RN", "SG", "SP", "TH", ",", ".", "0", "9", "B", "C", "D", "G", "L", "S", "V",
    "eeee", "fm", "mi", "pl", "pr", "rn", "sg", "sp", "th", "b", "c", "d", "g", "l", "s", "v",
];

/// A part of a number template: one of its words, or a character that stands for itself.
enum Part {
    Word(&'static str),
    Char(char),
}

/// Cuts a number template into words and characters.
fn parts(template: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = template;
    while !rest.is_empty() {
        if let Some(word) = NUMBER_WORDS.iter().find(|word| rest.starts_with(**word)) {
            rest = &rest[word.len()..];
            parts.push(Part::Word(word));
        } else if let Some(text) = rest.strip_prefix('"') {
            let (text, behind) = quoted(text);
            parts.extend(text.chars().map(Part::Char));
            rest = behind;
        } else {
            if rest.starts_with("\\\"") {
                rest = &rest[1..];
            }
            let Some(c) = rest.chars().next() else { break };
            rest = &rest[c.len_utf8()..];
            parts.push(Part::Char(c));
        }
    }
    parts
}

/// What a number template asks for as a whole: PostgreSQL's `NUMDesc`.
#[derive(Default)]
struct Picture {
    /// Places before the point, and behind it.
    whole: usize,
    fraction: usize,
    /// V, and the places behind it.
    shifts: bool,
    shift: usize,
    has_point: bool,
    /// FM.
    trimmed: bool,
    /// How many places before the point come before the first 0 among them, if there is one.
    zero_start: Option<usize>,
    /// The places up to the last 0.
    zero_end: usize,
    sign: Sign,
    /// How many places before the point come before S.
    sign_at: usize,
    minus: bool,
    plus: bool,
    brackets: bool,
    exponent: bool,
}

/// Where S stands.
#[derive(Clone, Copy, PartialEq, Default)]
enum Sign {
    #[default]
    None,
    Before,
    Behind,
}

fn picture(parts: &[Part]) -> Result<Picture> {
    let refuse = |message: String| Err(Error::new(SqlState::SYNTAX_ERROR, message));
    let together = |a: &str, b: &str| refuse(format!("cannot use \"{a}\" and {b} together"));
    let mut picture = Picture::default();
    for part in parts {
        let Part::Word(word) = part else { continue };
        let word = word.to_ascii_uppercase();
        if picture.exponent && word != "EEEE" {
            return refuse("\"EEEE\" must be the last pattern used".into());
        }
        let marked = picture.plus || picture.minus;
        match word.as_str() {
            "9" | "0" if picture.brackets => return refuse(format!("\"{word}\" must be ahead of \"PR\"")),
            "9" if picture.shifts => picture.shift += 1,
            "9" | "0" => {
                let is_zero = word == "0";
                if is_zero && !picture.has_point && picture.zero_start.is_none() {
                    picture.zero_start = Some(picture.whole);
                }
                let places = if picture.has_point { &mut picture.fraction } else { &mut picture.whole };
                *places += 1;
                if is_zero {
                    picture.zero_end = picture.whole + picture.fraction;
                }
            }
            "." | "D" if picture.has_point => return refuse("multiple decimal points".into()),
            "." | "D" if picture.shifts => return together("V", "decimal point"),
            "." | "D" => picture.has_point = true,
            "V" if picture.has_point => return together("V", "decimal point"),
            "V" => picture.shifts = true,
            "FM" => picture.trimmed = true,
            "S" if picture.sign != Sign::None => return refuse("cannot use \"S\" twice".into()),
            "S" if marked || picture.brackets => return together("S", "\"PL\"/\"MI\"/\"SG\"/\"PR\""),
            "S" => {
                picture.sign = if picture.has_point { Sign::Behind } else { Sign::Before };
                picture.sign_at = picture.whole;
            }
            "MI" | "PL" | "SG" if picture.sign != Sign::None => return together("S", &format!("\"{word}\"")),
            "MI" => picture.minus = true,
            "PL" => picture.plus = true,
            "SG" => (picture.minus, picture.plus) = (true, true),
            "PR" if marked || picture.sign != Sign::None => {
                return together("PR", "\"S\"/\"PL\"/\"MI\"/\"SG\"");
            }
            "PR" => picture.brackets = true,
            "RN" => return Err(Error::unsupported("the template pattern \"RN\"")),
            "EEEE" if picture.exponent => return refuse("cannot use \"EEEE\" twice".into()),
            "EEEE" if picture.trimmed || marked || picture.brackets || picture.shifts || picture.sign != Sign::None => {
                let detail = "\"EEEE\" may only be used together with digit and decimal point patterns.";
                return refuse("\"EEEE\" is incompatible with other formats".into())
                    .map_err(|error| error.detail(detail));
            }
            "EEEE" => picture.exponent = true,
            _ => {}
        }
    }
    Ok(picture)
}

/// A float with so many places behind the point, of which those go that its precision of `digits` does not know.
fn float_digits(value: f64, digits: usize, places: &mut usize) -> String {
    let shown = |places: usize| match value {
        _ if value.is_nan() => "NaN".to_string(),
        f64::INFINITY => "Infinity".to_string(),
        f64::NEG_INFINITY => "-Infinity".to_string(),
        _ => format!("{value:.places$}"),
    };
    let whole = shown(0).trim_start_matches('-').len();
    *places = (*places).min(digits.saturating_sub(whole));
    shown(*places)
}

fn number_to_char(call: &mut Call<'_>) -> Result<Datum> {
    let parts = parts(call.str(1)?);
    let mut picture = picture(&parts)?;
    let decimal = |shift: usize| -> Result<Numeric> {
        let value = match call.arg(0) {
            Datum::Numeric(value) => value.clone(),
            Datum::Float4(value) => Numeric::from_f32(*value),
            Datum::Float8(value) => Numeric::from_f64(*value),
            _ => Numeric::from(call.i64(0)?),
        };
        if shift == 0 { Ok(value) } else { value.mul(&Numeric::parse(&format!("1e{shift}"))?) }
    };
    if picture.exponent {
        return scientific(&decimal(0)?, picture.fraction).map(|text| Datum::Text(text.into()));
    }
    let shown = match call.arg(0) {
        Datum::Float4(value) => {
            let value = value * 10f32.powi(picture.shift as i32);
            float_digits(f64::from(value), 6, &mut picture.fraction)
        }
        Datum::Float8(value) => float_digits(value * 10f64.powi(picture.shift as i32), 15, &mut picture.fraction),
        _ => decimal(picture.shift)?.round(i32::try_from(picture.fraction).unwrap_or(i32::MAX))?.to_string(),
    };
    picture.whole += picture.shift;
    let (negative, number) = match shown.strip_prefix('-') {
        Some(number) => (true, number),
        None => (false, shown.as_str()),
    };
    let length = number.find('.').unwrap_or(number.len());
    let text = if length > picture.whole {
        let marks = format!("{}.{}", "#".repeat(picture.whole), "#".repeat(picture.fraction));
        written(&parts, &picture, negative, &marks, 0)
    } else {
        written(&parts, &picture, negative, number, picture.whole - length)
    };
    Ok(Datum::Text(text.into()))
}

/// The last digit behind the point that is not 0, else the point; `None` without a point.
fn last_relevant_digit(number: &[u8]) -> Option<usize> {
    let point = number.iter().position(|b| *b == b'.')?;
    number.iter().rposition(|b| *b != b'0').map(|at| at.max(point))
}

/// Writes a number (digits, with a point or not) as a template has it; `blanks` of its places before the point are left
/// over. This is PostgreSQL's `NUM_processor`, step by step.
fn written(parts: &[Part], picture: &Picture, negative: bool, number: &str, blanks: usize) -> String {
    let digits = number.as_bytes();
    let sign = if negative { '-' } else { '+' };
    let mut out = String::new();
    let (mut brackets, mut place_of_sign) = (picture.brackets, picture.sign);
    let mut sign_written;
    if picture.plus || picture.minus {
        // MI and SG write the sign themselves.
        sign_written = picture.minus;
    } else {
        brackets &= negative || !picture.trimmed;
        sign_written = !negative && picture.trimmed && picture.sign == Sign::None;
        if picture.sign == Sign::Before && picture.whole == picture.sign_at {
            place_of_sign = Sign::Behind;
        }
    }
    let mut last_relevant = None;
    if picture.trimmed && picture.has_point {
        last_relevant = last_relevant_digit(digits);
        if let Some(last) = last_relevant
            && picture.zero_end > blanks
        {
            last_relevant = Some(last.max(digits.len().saturating_sub(1).min(picture.zero_end - blanks)));
        }
    }
    let mut count = picture.whole + picture.fraction;
    if !sign_written && blanks == 0 {
        count += 1;
    }
    let point_is_last = last_relevant.is_some_and(|last| digits[last] == b'.');
    // The place, the digit that goes there, and whether digits have begun.
    let (mut place, mut at, mut begun) = (0, 0, false);
    for part in parts {
        let word = match part {
            Part::Char(c) => {
                out.push(*c);
                continue;
            }
            Part::Word(word) => word.to_ascii_uppercase(),
        };
        match word.as_str() {
            "9" | "0" | "." | "D" => {}
            "," | "G" => {
                if begun {
                    out.push(',');
                } else if !picture.trimmed {
                    out.push(' ');
                }
                continue;
            }
            // The C locale has no currency symbol; its place is a blank.
            "L" => {
                out.push(' ');
                continue;
            }
            "TH" => {
                if !negative && !picture.has_point && number.ends_with(|c: char| c.is_ascii_digit()) {
                    let tail = &number[number.len().saturating_sub(2)..];
                    let suffix = ordinal_suffix(tail.parse().unwrap_or(0));
                    let upper = matches!(part, Part::Word("TH"));
                    out.push_str(&if upper { suffix.to_uppercase() } else { suffix.to_string() });
                }
                continue;
            }
            "MI" | "PL" => {
                if negative == (word == "MI") {
                    out.push(sign);
                } else if !picture.trimmed {
                    out.push(' ');
                }
                continue;
            }
            "SG" => {
                out.push(sign);
                continue;
            }
            _ => continue,
        }
        // A zero before the point is not shown where digits behind it are.
        let leading_zero =
            picture.zero_start.is_none() && at == 0 && digits.first() == Some(&b'0') && picture.fraction != 0;
        let starts = place >= blanks || picture.zero_start == Some(place);
        if !sign_written && starts && (!leading_zero || point_is_last) {
            match place_of_sign {
                Sign::Before => {
                    out.push(sign);
                    sign_written = true;
                }
                Sign::Behind => {}
                Sign::None => {
                    match (brackets, negative) {
                        (true, true) => out.push('<'),
                        (true, false) => out.push(' '),
                        (false, true) => out.push('-'),
                        (false, false) if picture.trimmed => {}
                        (false, false) => out.push(' '),
                    }
                    sign_written = true;
                }
            }
        }
        if place < blanks {
            if picture.zero_start.is_some_and(|start| start <= place) {
                out.push('0');
                begun = true;
            } else if !picture.trimmed {
                out.push(' ');
            }
        } else {
            match digits.get(at) {
                Some(b'.') => out.push('.'),
                _ if last_relevant.is_some_and(|last| at > last) && word != "0" => {}
                _ if leading_zero && !picture.trimmed => out.push(' '),
                _ if leading_zero => out.push_str(if point_is_last { "0" } else { "" }),
                Some(digit) => {
                    out.push(char::from(*digit));
                    begun = true;
                }
                // A float has no more digits, and nothing is shown behind them.
                None => return out,
            }
            at += usize::from(at < digits.len());
        }
        let mut end = count + usize::from(blanks > 0) + usize::from(picture.has_point);
        if last_relevant == Some(at) {
            end = place + 1;
        }
        if place + 2 == end {
            if sign_written && brackets {
                out.push(if negative { '>' } else { ' ' });
            } else if place_of_sign == Sign::Behind {
                out.push(sign);
            }
        }
        place += 1;
    }
    out
}

fn scientific(value: &Numeric, places: usize) -> Result<String> {
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
    let sign = if negative { "-" } else { " " };
    Ok(format!("{sign}{mantissa}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs()))
}

/// What `to_number` has taken from its text.
struct Scan<'a> {
    text: &'a str,
    at: usize,
    /// `-`, `+`, or a blank as long as none was met.
    sign: u8,
    digits: String,
    has_point: bool,
    fraction: usize,
}

impl Scan<'_> {
    fn byte(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    /// Steps over one character, if one is left.
    fn step(&mut self) {
        self.at += 1;
        while self.at < self.text.len() && !self.text.is_char_boundary(self.at) {
            self.at += 1;
        }
    }

    /// Steps over so many characters, but not over those that numbers are made of.
    fn skip(&mut self, count: usize) {
        for _ in 0..count {
            if self.byte(0).is_none_or(|b| b.is_ascii_digit() || matches!(b, b'.' | b',' | b'+' | b'-')) {
                return;
            }
            self.step();
        }
    }

    fn take_sign(&mut self) -> bool {
        let found = self.byte(0).filter(|b| matches!(b, b'-' | b'+'));
        self.sign = found.unwrap_or(self.sign);
        found.is_some()
    }

    /// Reads what stands at the place of a digit or point: it, a sign before the first one, and S behind the last.
    fn place(&mut self, picture: &Picture, is_digit_place: bool) {
        if self.byte(0) == Some(b' ') {
            self.at += 1;
        }
        if self.sign == b' ' && is_digit_place && !self.digits.bytes().any(|b| b.is_ascii_digit()) {
            if self.take_sign() {
                self.at += 1;
            } else if picture.brackets && self.byte(0) == Some(b'<') {
                self.sign = b'-';
                self.at += 1;
            }
        }
        let mut read = false;
        match self.byte(0) {
            Some(digit) if digit.is_ascii_digit() => {
                if self.has_point && self.fraction == picture.fraction {
                    return;
                }
                self.digits.push(char::from(digit));
                self.fraction += usize::from(self.has_point);
                read = true;
            }
            Some(b'.') if picture.has_point && !self.has_point => {
                self.digits.push('.');
                self.has_point = true;
                read = true;
            }
            None => return,
            _ => {}
        }
        if self.sign != b' ' || !self.digits.bytes().any(|b| b.is_ascii_digit()) {
            return;
        }
        if picture.sign != Sign::None {
            if read && self.byte(1).is_some_and(|b| matches!(b, b'-' | b'+')) {
                self.at += 1;
                self.take_sign();
            }
        } else if !read && (picture.plus || picture.minus) {
            self.take_sign();
        }
    }
}

/// Goes through text and template together, as PostgreSQL's `NUM_processor` does.
fn to_number(call: &mut Call<'_>) -> Result<Datum> {
    let (text, template) = (call.str(0)?, call.str(1)?);
    if template.is_empty() {
        return Ok(Datum::Null);
    }
    let parts = parts(template);
    let picture = picture(&parts)?;
    if picture.exponent {
        return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, "\"EEEE\" not supported for input"));
    }
    let mut scan = Scan { text, at: 0, sign: b' ', digits: String::new(), has_point: false, fraction: 0 };
    for part in &parts {
        if scan.at >= text.len() {
            break;
        }
        let word = match part {
            Part::Char(_) => {
                scan.step();
                continue;
            }
            Part::Word(word) => word.to_ascii_uppercase(),
        };
        match word.as_str() {
            "9" | "0" | "." | "D" => scan.place(&picture, matches!(word.as_str(), "9" | "0")),
            // Digits have not begun as long as text is read.
            "," | "G" if picture.trimmed => continue,
            "," | "G" if scan.byte(0) != Some(b',') => continue,
            "," | "G" => {}
            "L" => {
                scan.skip(1);
                continue;
            }
            "TH" => {
                if scan.sign != b'-' && !picture.has_point {
                    scan.skip(2);
                }
                continue;
            }
            "MI" | "PL" | "SG" => {
                let wanted = match scan.byte(0) {
                    Some(b'-') => word != "PL",
                    Some(b'+') => word != "MI",
                    _ => false,
                };
                if !wanted {
                    scan.skip(1);
                    continue;
                }
                scan.take_sign();
            }
            _ => continue,
        }
        scan.at += 1;
    }
    let digits = scan.digits.strip_suffix('.').unwrap_or(&scan.digits);
    let value = Numeric::parse(&format!("{}{digits}", char::from(scan.sign)))?;
    if !picture.shifts {
        return Ok(Datum::Numeric(value));
    }
    let shift = i64::try_from(picture.shift).unwrap_or(i64::MAX);
    Numeric::from(10).power(&Numeric::from(-shift))?.mul(&value).map(Datum::Numeric)
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
    Function::strict(1778, "to_timestamp", &[TEXT, TEXT], TIMESTAMPTZ, from_char::to_timestamp).stable(),
    Function::strict(1780, "to_date", &[TEXT, TEXT], DATE, from_char::to_date).stable(),
    Function::strict(2049, "to_char", &[TIMESTAMP, TEXT], TEXT, timestamp_to_char).stable(),
];

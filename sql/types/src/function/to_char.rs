//! `to_char` and `to_number`, and the templates of dates and times.
//!
//! Date templates know HH HH12 HH24 MI SS MS US FF1-FF6 SSSS AM PM (and their dotted and lower-case kin), Y YY YYY YYYY
//! Y,YYY IYYY, BC AD, MONTH Month month MON Mon mon MM RM, DAY Day day DY Dy dy DDD DD D ID, W WW IW, CC Q J, TZ TZH TZM
//! OF, FX, the modifiers FM, TM and TH, and quoted text. Number templates know 9 0 . , D G FM S MI PL SG PR L TH EEEE V
//! and quoted text. RN (roman numerals) is refused.

use super::args::invalid_parameter;
use super::datetime::{day_of_week, day_of_year, iso_week};
use super::{Call, Function, from_char};
use crate::datetime::*;
use crate::datum::{Datum, Interval};
use crate::error::{Error, Result, SqlState};
use crate::numeric::Numeric;
use crate::sqltype::oid::*;

pub(super) const MONTHS: [&str; 12] = [
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
pub(super) const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

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
    Function::strict(1778, "to_timestamp", &[TEXT, TEXT], TIMESTAMPTZ, from_char::to_timestamp).stable(),
    Function::strict(1780, "to_date", &[TEXT, TEXT], DATE, from_char::to_date).stable(),
    Function::strict(2049, "to_char", &[TIMESTAMP, TEXT], TEXT, timestamp_to_char).stable(),
];

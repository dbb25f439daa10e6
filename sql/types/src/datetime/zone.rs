//! Time zones: a name of the IANA database, or a fixed offset.
//!
//! Beyond the year 2099, where the compiled tables end, the rules in force are repeated by taking a year 28 earlier with
//! the same weekdays.

use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

use chrono::{DateTime, Offset, TimeZone as _};
use chrono_tz::{OffsetName, TZ_VARIANTS, Tz};

use super::*;

/// A time zone.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum TimeZone {
    Named(Tz),
    /// Seconds east of Greenwich.
    Fixed(i32),
}

static BY_LOWER_NAME: LazyLock<HashMap<String, Tz>> =
    LazyLock::new(|| TZ_VARIANTS.iter().map(|zone| (zone.name().to_ascii_lowercase(), *zone)).collect());

/// Common abbreviations with a fixed meaning, in seconds east (PostgreSQL's default set, cut to the usual ones).
const ABBREVIATIONS: &[(&str, i32)] = &[
    ("acst", 34_200),
    ("adt", -10_800),
    ("aedt", 39_600),
    ("aest", 36_000),
    ("akdt", -28_800),
    ("akst", -32_400),
    ("ast", -14_400),
    ("awst", 28_800),
    ("bst", 3_600),
    ("cdt", -18_000),
    ("cest", 7_200),
    ("cet", 3_600),
    ("cst", -21_600),
    ("edt", -14_400),
    ("eest", 10_800),
    ("eet", 7_200),
    ("est", -18_000),
    ("gmt", 0),
    ("hst", -36_000),
    ("ist", 7_200),
    ("jst", 32_400),
    ("kst", 32_400),
    ("mdt", -21_600),
    ("mest", 7_200),
    ("met", 3_600),
    ("msk", 10_800),
    ("mst", -25_200),
    ("nzdt", 46_800),
    ("nzst", 43_200),
    ("pdt", -25_200),
    ("pst", -28_800),
    ("sast", 7_200),
    ("utc", 0),
    ("wast", 7_200),
    ("west", 3_600),
    ("wet", 0),
    ("z", 0),
    ("zulu", 0),
];

/// Past this (2099-01-01, seconds of the Unix epoch) rules repeat.
const TABLE_END_SECONDS: i64 = 4_070_908_800;
/// 28 years, after which dates fall on the same weekdays again.
const CYCLE_SECONDS: i64 = 10_227 * 86_400;
/// Before this (1800-01-01) every zone keeps its local mean time.
const TABLE_START_SECONDS: i64 = -5_364_662_400;

impl TimeZone {
    pub const UTC: TimeZone = TimeZone::Named(Tz::UTC);

    /// The zone with this name, in any case: an IANA name, an abbreviation, or a POSIX form such as `UTC+3` (whose sign
    /// counts west). `None` if there is none.
    pub fn parse(name: &str) -> Option<TimeZone> {
        let lower = name.trim().to_ascii_lowercase();
        if let Some(zone) = BY_LOWER_NAME.get(&lower) {
            return Some(TimeZone::Named(*zone));
        }
        if let Some(offset) = abbreviation_offset(&lower) {
            return Some(TimeZone::Fixed(offset));
        }
        if let Some(hours) = lower.strip_suffix("hours").map(str::trim).or(Some(&lower))
            && let Ok(hours) = hours.parse::<f64>()
            && hours.abs() <= 168.0
        {
            // SET TIME ZONE 3 counts east.
            return Some(TimeZone::Fixed((hours * 3_600.0) as i32));
        }
        let digits_at = lower.find(['+', '-'])?;
        let (label, offset) = match lower.strip_prefix('<').and_then(|rest| rest.split_once('>')) {
            Some((label, offset)) => (label, offset),
            None => lower.split_at(digits_at),
        };
        if !label.is_empty() && !label.chars().all(|c| c.is_ascii_alphanumeric() || c == '+' || c == '-') {
            return None;
        }
        let seconds = parse_offset(offset)?;
        // A bare offset counts east, one behind a label west.
        Some(TimeZone::Fixed(if label.is_empty() { seconds } else { -seconds }))
    }

    /// Seconds east of Greenwich at a moment (microseconds since 2000-01-01 UTC).
    pub fn offset_at_utc(&self, utc: i64) -> i32 {
        match self {
            TimeZone::Fixed(seconds) => *seconds,
            TimeZone::Named(Tz::UTC) => 0,
            TimeZone::Named(zone) => zone.offset_from_utc_datetime(&naive(utc)).fix().local_minus_utc(),
        }
    }

    /// Seconds east of Greenwich at a local time (microseconds since 2000-01-01 00:00 local).
    pub fn offset_at_local(&self, local: i64) -> i32 {
        if let TimeZone::Fixed(seconds) = self {
            return *seconds;
        }
        if *self == TimeZone::UTC {
            return 0;
        }
        let before = self.offset_at_utc(local.saturating_sub(MICROS_PER_DAY));
        let after = self.offset_at_utc(local.saturating_add(MICROS_PER_DAY));
        let holds = |offset: i32| {
            let utc = local.saturating_sub(i64::from(offset) * MICROS_PER_SECOND);
            self.offset_at_utc(utc) == offset
        };
        // An overlap reads as after the change, a gap as before it.
        if holds(after) || !holds(before) && before == after { after } else { before }
    }

    /// The local time at a moment; infinities stay.
    pub fn to_local(&self, utc: i64) -> i64 {
        if is_infinite(utc) {
            return utc;
        }
        utc.saturating_add(i64::from(self.offset_at_utc(utc)) * MICROS_PER_SECOND)
    }

    /// The abbreviation in force at a moment, such as `CEST`.
    pub fn abbreviation(&self, utc: i64) -> String {
        match self {
            TimeZone::Named(zone) => {
                let offset = zone.offset_from_utc_datetime(&naive(utc));
                offset.abbreviation().map_or_else(String::new, str::to_string)
            }
            TimeZone::Fixed(seconds) => {
                let mut text = Vec::new();
                write_offset(*seconds, &mut text);
                String::from_utf8(text).expect("an offset is ASCII")
            }
        }
    }
}

pub(super) fn abbreviation_offset(lower: &str) -> Option<i32> {
    let at = ABBREVIATIONS.binary_search_by_key(&lower, |(name, _)| name).ok()?;
    Some(ABBREVIATIONS[at].1)
}

/// Seconds of `+hh`, `-hhmm`, `+hh:mm` or `+hh:mm:ss`.
pub(super) fn parse_offset(text: &str) -> Option<i32> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let number = |part: &str| {
        (!part.is_empty() && part.len() <= 2 && part.bytes().all(|b| b.is_ascii_digit()))
            .then(|| part.parse::<i32>().ok())
            .flatten()
    };
    let (hours, minutes, seconds) = if digits.contains(':') {
        let mut parts = digits.split(':');
        let fields = (number(parts.next()?)?, number(parts.next()?)?, parts.next().map_or(Some(0), number)?);
        if parts.next().is_some() {
            return None;
        }
        fields
    } else {
        if !digits.is_ascii() {
            return None;
        }
        match digits.len() {
            1 | 2 => (number(digits)?, 0, 0),
            3 => (number(&digits[..1])?, number(&digits[1..])?, 0),
            4 => (number(&digits[..2])?, number(&digits[2..])?, 0),
            6 => (number(&digits[..2])?, number(&digits[2..4])?, number(&digits[4..])?),
            _ => return None,
        }
    };
    if hours > 15 || minutes > 59 || seconds > 59 {
        return None;
    }
    let total = hours * 3_600 + minutes * 60 + seconds;
    Some(if negative { -total } else { total })
}

fn naive(utc: i64) -> chrono::NaiveDateTime {
    let mut seconds = utc.div_euclid(MICROS_PER_SECOND) + UNIX_EPOCH_OFFSET_SECONDS;
    if seconds >= TABLE_END_SECONDS {
        seconds = TABLE_END_SECONDS - CYCLE_SECONDS + (seconds - TABLE_END_SECONDS) % CYCLE_SECONDS;
    }
    let seconds = seconds.max(TABLE_START_SECONDS);
    DateTime::from_timestamp(seconds, 0).expect("between 1800 and 2099").naive_utc()
}

impl fmt::Display for TimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TimeZone::Named(zone) => f.write_str(zone.name()),
            TimeZone::Fixed(seconds) => {
                let (mut east, mut west) = (Vec::new(), Vec::new());
                write_offset(*seconds, &mut east);
                write_offset(-*seconds, &mut west);
                // PostgreSQL prints a fixed zone in POSIX form, whose number counts west.
                write!(f, "<{}>{}", String::from_utf8_lossy(&east), String::from_utf8_lossy(&west))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_and_overlaps() {
        let berlin = TimeZone::parse("europe/berlin").expect("an IANA name");
        let local = |text: &str| parse_timestamp(text, -1, &Default::default()).expect("a timestamp");
        assert_eq!(berlin.offset_at_local(local("2024-01-01 12:00")), 3_600);
        assert_eq!(berlin.offset_at_local(local("2024-07-01 12:00")), 7_200);
        // 02:30 does not exist on 31 March; it is read as CET.
        assert_eq!(berlin.offset_at_local(local("2024-03-31 02:30")), 3_600);
        // 02:30 happens twice on 27 October; the second is meant.
        assert_eq!(berlin.offset_at_local(local("2024-10-27 02:30")), 3_600);
        assert_eq!(berlin.offset_at_local(local("2500-07-01 12:00")), 7_200);
    }

    #[test]
    fn names() {
        assert!(ABBREVIATIONS.is_sorted_by_key(|(name, _)| name));
        assert_eq!(TimeZone::parse("UTC"), Some(TimeZone::UTC));
        assert_eq!(TimeZone::parse("+05:30"), Some(TimeZone::Fixed(19_800)));
        assert_eq!(TimeZone::parse("UTC+3"), Some(TimeZone::Fixed(-10_800)));
        assert_eq!(TimeZone::parse("<-03>+03"), Some(TimeZone::Fixed(-10_800)));
        assert_eq!(TimeZone::parse("Nowhere/Land"), None);
        assert_eq!(TimeZone::Fixed(10_800).to_string(), "<+03>-03");
    }
}

//! Time zones: a name of the IANA database, or a fixed offset. POSIX forms with summer time are not known.
//!
//! From the year 2099 on, where the compiled tables end, the rules are those of an earlier year with the same days.

use std::collections::HashMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::LazyLock;

use chrono::{DateTime, Offset, TimeZone as _};
use chrono_tz::{OffsetComponents, OffsetName, TZ_VARIANTS, Tz};

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

/// PostgreSQL's default set of abbreviations, in seconds east. One whose meaning has changed over time has today's.
#[rustfmt::skip]
const ABBREVIATIONS: &[(&str, i32)] = &[
    ("acdt", 37_800), ("acsst", 37_800), ("acst", 34_200), ("act", -18_000), ("acwst", 31_500), ("adt", -10_800),
    ("aedt", 39_600), ("aesst", 39_600), ("aest", 36_000), ("aft", 16_200), ("akdt", -28_800), ("akst", -32_400),
    ("almst", 25_200), ("almt", 21_600), ("amst", 14_400), ("amt", -14_400), ("anast", 43_200), ("anat", 43_200),
    ("arst", -10_800), ("art", -10_800), ("ast", -14_400), ("awsst", 32_400), ("awst", 28_800), ("azost", 0),
    ("azot", -3_600), ("azst", 14_400), ("azt", 14_400), ("bdst", 7_200), ("bdt", 21_600), ("bnt", 28_800),
    ("bort", 28_800), ("bot", -14_400), ("bra", -10_800), ("brst", -7_200), ("brt", -10_800), ("bst", 3_600),
    ("btt", 21_600), ("cadt", 37_800), ("cast", 34_200), ("cct", 28_800), ("cdt", -18_000), ("cest", 7_200),
    ("cet", 3_600), ("cetdst", 7_200), ("chadt", 49_500), ("chast", 45_900), ("chut", 36_000), ("ckt", -36_000),
    ("clst", -10_800), ("clt", -10_800), ("cot", -18_000), ("cst", -21_600), ("cxt", 25_200), ("davt", 25_200),
    ("ddut", 36_000), ("easst", -18_000), ("east", -18_000), ("eat", 10_800), ("edt", -14_400), ("eest", 10_800),
    ("eet", 7_200), ("eetdst", 10_800), ("egst", 0), ("egt", -3_600), ("est", -18_000), ("fet", 10_800),
    ("fjst", 46_800), ("fjt", 43_200), ("fkst", -10_800), ("fkt", -10_800), ("fnst", -3_600), ("fnt", -7_200),
    ("galt", -21_600), ("gamt", -32_400), ("gest", 14_400), ("get", 14_400), ("gft", -10_800), ("gilt", 43_200),
    ("gmt", 0), ("gyt", -14_400), ("hkt", 28_800), ("hst", -36_000), ("ict", 25_200), ("idt", 10_800), ("iot", 21_600),
    ("irkst", 28_800), ("irkt", 28_800), ("irt", 12_600), ("ist", 7_200), ("jayt", 32_400), ("jst", 32_400),
    ("kdt", 36_000), ("kgst", 21_600), ("kgt", 21_600), ("kost", 39_600), ("krast", 25_200), ("krat", 25_200),
    ("kst", 32_400), ("lhdt", 39_600), ("lhst", 37_800), ("ligt", 36_000), ("lint", 50_400), ("lkt", 19_800),
    ("magst", 39_600), ("magt", 39_600), ("mart", -34_200), ("mawt", 18_000), ("mdt", -21_600), ("mest", 7_200),
    ("mesz", 7_200), ("met", 3_600), ("metdst", 7_200), ("mez", 3_600), ("mht", 43_200), ("mmt", 23_400),
    ("mpt", 36_000), ("msd", 14_400), ("msk", 10_800), ("mst", -25_200), ("must", 18_000), ("mut", 14_400),
    ("mvt", 18_000), ("myt", 28_800), ("ndt", -9_000), ("nft", -12_600), ("novst", 25_200), ("novt", 25_200),
    ("npt", 20_700), ("nst", -12_600), ("nut", -39_600), ("nzdt", 46_800), ("nzst", 43_200), ("nzt", 43_200),
    ("omsst", 21_600), ("omst", 21_600), ("pdt", -25_200), ("pet", -18_000), ("petst", 43_200), ("pett", 43_200),
    ("pgt", 36_000), ("pht", 28_800), ("pkst", 21_600), ("pkt", 18_000), ("pmdt", -7_200), ("pmst", -10_800),
    ("pont", 39_600), ("pst", -28_800), ("pwt", 32_400), ("pyst", -10_800), ("pyt", -10_800), ("ret", 14_400),
    ("sadt", 37_800), ("sast", 7_200), ("sct", 14_400), ("sgt", 28_800), ("taht", -36_000), ("tft", 18_000),
    ("tjt", 18_000), ("tkt", 46_800), ("tmt", 18_000), ("tot", 46_800), ("trut", 36_000), ("tvt", 43_200), ("uct", 0),
    ("ulast", 32_400), ("ulat", 28_800), ("ut", 0), ("utc", 0), ("uyst", -7_200), ("uyt", -10_800), ("uzst", 21_600),
    ("uzt", 18_000), ("vet", -14_400), ("vlast", 36_000), ("vlat", 36_000), ("volt", 10_800), ("vut", 39_600),
    ("wadt", 28_800), ("wakt", 43_200), ("wast", 25_200), ("wat", 3_600), ("wdt", 32_400), ("wet", 0),
    ("wetdst", 3_600), ("wft", 43_200), ("wgst", -7_200), ("wgt", -10_800), ("xjt", 21_600), ("yakst", 32_400),
    ("yakt", 32_400), ("yapt", 36_000), ("yekst", 21_600), ("yekt", 18_000), ("z", 0), ("zulu", 0),
];

/// From this on (2099-01-01, seconds of the Unix epoch) rules repeat.
const TABLE_END_SECONDS: i64 = 4_070_908_800;
/// 28 years in a row, in which each day is the first of a year of each length.
const CYCLE_YEARS: RangeInclusive<i32> = 2071..=2098;
/// Before this (1800-01-01) every zone keeps its local mean time.
const TABLE_START_SECONDS: i64 = -5_364_662_400;

impl TimeZone {
    pub const UTC: TimeZone = TimeZone::Named(Tz::UTC);

    /// The zone that the setting TimeZone names: a number of hours, which counts east, or a full name. `None` if there is
    /// none.
    pub fn parse(name: &str) -> Option<TimeZone> {
        if let Ok(hours) = name.trim_start().parse::<f64>()
            && hours.abs() <= 168.0
        {
            return Some(TimeZone::Fixed((hours * 3_600.0) as i32));
        }
        TimeZone::of_name(name)
    }

    /// The zone with this full name, in any case: an IANA name, or a POSIX form such as `UTC+3`, `<+05>-5` or `+05`, whose
    /// sign counts west.
    pub fn of_name(name: &str) -> Option<TimeZone> {
        let lower = name.to_ascii_lowercase();
        if let Some(zone) = BY_LOWER_NAME.get(&lower) {
            return Some(TimeZone::Named(*zone));
        }
        let offset = match lower.strip_prefix('<') {
            Some(rest) => rest.split_once('>')?.1,
            None => &lower[lower.find(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-'))?..],
        };
        posix_offset(offset).map(|west| TimeZone::Fixed(-west))
    }

    /// The zone that an expression names: an abbreviation, which is an offset whatever the season, before a full name.
    pub fn of_abbreviation_or_name(name: &str) -> Option<TimeZone> {
        match abbreviation_offset(&name.to_ascii_lowercase()) {
            Some(offset) => Some(TimeZone::Fixed(offset)),
            None => TimeZone::of_name(name),
        }
    }

    /// The zones of the IANA database with their names.
    pub fn all_named() -> impl Iterator<Item = (&'static str, TimeZone)> {
        TZ_VARIANTS.iter().map(|zone| (zone.name(), TimeZone::Named(*zone)))
    }

    /// Whether summer time is in force at a moment (microseconds since 2000-01-01 UTC).
    pub fn is_summer_time(&self, utc: i64) -> bool {
        match self {
            TimeZone::Named(zone) => !zone.offset_from_utc_datetime(&naive(utc)).dst_offset().is_zero(),
            TimeZone::Fixed(_) => false,
        }
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

    /// The abbreviation in force at a moment, such as `CEST`; in a zone that has none the offset, such as `+0545`.
    pub fn abbreviation(&self, utc: i64) -> String {
        let shown = |seconds: i32| {
            let mut text = Vec::new();
            write_offset(seconds, &mut text);
            String::from_utf8(text).expect("an offset is ASCII")
        };
        match self {
            TimeZone::Named(zone) => {
                let offset = zone.offset_from_utc_datetime(&naive(utc));
                let without = || shown(offset.fix().local_minus_utc()).replace(':', "");
                offset.abbreviation().map_or_else(without, str::to_string)
            }
            TimeZone::Fixed(seconds) => shown(*seconds),
        }
    }
}

fn abbreviation_offset(lower: &str) -> Option<i32> {
    let at = ABBREVIATIONS.binary_search_by_key(&lower, |(name, _)| name).ok()?;
    Some(ABBREVIATIONS[at].1)
}

/// Seconds of `h`, `+h:m` or `-h:m:s`, up to a week, as POSIX has them.
fn posix_offset(text: &str) -> Option<i32> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let mut total = 0;
    let mut parts = digits.split(':');
    for (unit, most) in [(3_600, 167), (60, 59), (1, 60)] {
        let Some(part) = parts.next() else { break };
        if part.is_empty() || !part.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        total += part.parse::<i32>().ok().filter(|value| *value <= most)? * unit;
    }
    if parts.next().is_some() {
        return None;
    }
    Some(if text.starts_with('-') { -total } else { total })
}

/// Seconds of `+hh`, `-hhmm`, `+hh:mm` or `+hh:mm:ss`.
pub(crate) fn parse_offset(text: &str) -> Option<i32> {
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

/// How many days earlier the tables have a year with the same days as that of a moment beyond them.
fn days_to_table(utc: i64) -> i64 {
    let first = |year: i32| civil_to_days(year, 1, 1).map_or(0, i64::from);
    let length = |year: i32| first(year + 1) - first(year);
    let year = days_to_civil(split_timestamp(utc).0).year;
    let alike = CYCLE_YEARS.filter(|known| length(*known) == length(year));
    alike.map(|known| first(year) - first(known)).find(|gap| gap % 7 == 0).unwrap_or(0)
}

fn naive(utc: i64) -> chrono::NaiveDateTime {
    let mut seconds = utc.div_euclid(MICROS_PER_SECOND) + UNIX_EPOCH_OFFSET_SECONDS;
    if seconds >= TABLE_END_SECONDS {
        seconds -= days_to_table(utc) * 86_400;
    }
    let seconds = seconds.max(TABLE_START_SECONDS);
    DateTime::from_timestamp(seconds, 0).expect("between 1800 and 2099").naive_utc()
}

impl fmt::Display for TimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TimeZone::Named(zone) => f.write_str(zone.name()),
            TimeZone::Fixed(seconds) => {
                let mut east = Vec::new();
                write_offset(*seconds, &mut east);
                let east = String::from_utf8_lossy(&east);
                // PostgreSQL prints a fixed zone in POSIX form, whose number counts west.
                let west = if *seconds < 0 { '+' } else { '-' };
                write!(f, "<{east}>{west}{}", east.trim_start_matches(['+', '-']))
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
        // Summer begins on the last Sunday of March, whether or not the century begins with a leap year.
        for (text, offset) in [
            ("2100-03-28 01:59", 3_600),
            ("2100-03-28 03:00", 7_200),
            ("9996-03-31 01:59", 3_600),
            ("9996-03-31 03:00", 7_200),
            ("12000-01-15 00:00", 3_600),
            ("290000-07-15 00:00", 7_200),
        ] {
            assert_eq!(berlin.offset_at_local(local(text)), offset, "{text}");
        }
    }

    #[test]
    fn a_zone_without_abbreviations_has_its_offset() {
        let shown = |name: &str| TimeZone::parse(name).expect("a zone").abbreviation(0);
        assert_eq!(shown("America/New_York"), "EST");
        assert_eq!(shown("Asia/Kathmandu"), "+0545");
        assert_eq!(shown("Etc/GMT+5"), "-05");
        assert_eq!(shown("-8.5"), "-08:30");
    }

    #[test]
    fn names() {
        assert!(ABBREVIATIONS.is_sorted_by_key(|(name, _)| name));
        assert_eq!(TimeZone::parse("UTC"), Some(TimeZone::UTC));
        assert_eq!(TimeZone::parse("+05"), Some(TimeZone::Fixed(18_000)));
        assert_eq!(TimeZone::of_name("+05"), Some(TimeZone::Fixed(-18_000)));
        assert_eq!(TimeZone::parse("+05:30"), Some(TimeZone::Fixed(-19_800)));
        assert_eq!(TimeZone::parse("cet"), Some(TimeZone::Named(Tz::CET)));
        assert_eq!(TimeZone::of_abbreviation_or_name("cet"), Some(TimeZone::Fixed(3_600)));
        assert_eq!(TimeZone::parse("PST"), None);
        assert_eq!(TimeZone::parse("UTC+3"), Some(TimeZone::Fixed(-10_800)));
        assert_eq!(TimeZone::parse("<-03>+03"), Some(TimeZone::Fixed(-10_800)));
        assert_eq!(TimeZone::parse("Nowhere/Land"), None);
        assert_eq!(TimeZone::Fixed(10_800).to_string(), "<+03>-03");
        assert_eq!(TimeZone::Fixed(0).to_string(), "<+00>-00");
        assert_eq!(TimeZone::Fixed(-120 * 3_600).to_string(), "<-120>+120");
    }
}

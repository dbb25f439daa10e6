//! The ways in which dates, times and intervals are written, and read where a text could mean more than one thing: what
//! the settings DateStyle and IntervalStyle say.

use std::fmt;

/// How dates and timestamps are laid out.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum DateFormat {
    /// `2024-02-29 12:34:56+01`
    #[default]
    Iso,
    /// `02/29/2024 12:34:56 CET`
    Sql,
    /// `Thu Feb 29 12:34:56 2024 CET`
    Postgres,
    /// `29.02.2024 12:34:56 CET`
    German,
}

/// In which order the numbers of a date come, where none is a year by its length.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum DateOrder {
    #[default]
    Mdy,
    Dmy,
    Ymd,
}

/// DateStyle. Shown as SHOW does: `ISO, MDY`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct DateStyle {
    pub format: DateFormat,
    pub order: DateOrder,
}

impl fmt::Display for DateStyle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let format = match self.format {
            DateFormat::Iso => "ISO",
            DateFormat::Sql => "SQL",
            DateFormat::Postgres => "Postgres",
            DateFormat::German => "German",
        };
        let order = match self.order {
            DateOrder::Mdy => "MDY",
            DateOrder::Dmy => "DMY",
            DateOrder::Ymd => "YMD",
        };
        write!(f, "{format}, {order}")
    }
}

/// IntervalStyle.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum IntervalStyle {
    /// `1 year 2 mons -3 days +04:05:06.7`
    #[default]
    Postgres,
    /// `@ 1 year 2 mons -3 days 4 hours 5 mins 6.7 secs`
    PostgresVerbose,
    /// `+1-2 -3 +4:05:06.7`. A sign in front of all counts for all that is read.
    SqlStandard,
    /// `P1Y2M-3DT4H5M6.7S`
    Iso8601,
}

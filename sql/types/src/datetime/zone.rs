//! Time zones: a name of the IANA database, or a fixed offset.

use std::fmt;

/// A time zone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimeZone {
    Named(chrono_tz::Tz),
    /// Seconds east of Greenwich.
    Fixed(i32),
}

impl TimeZone {
    pub const UTC: TimeZone = TimeZone::Named(chrono_tz::UTC);
}

impl fmt::Display for TimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TimeZone::Named(zone) => f.write_str(zone.name()),
            TimeZone::Fixed(seconds) => write!(f, "{seconds}"),
        }
    }
}

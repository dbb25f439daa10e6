//! Dates, times and zones.
mod zone;
pub use zone::TimeZone;

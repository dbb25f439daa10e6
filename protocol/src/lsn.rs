//! Positions in the redo stream.

use std::fmt;
use std::str::FromStr;

/// A position in the volume's redo stream, in bytes: the offset of a record's end, so that "durable up to" includes it.
///
/// Printed as PostgreSQL prints its own: the high and the low 32 bits in hexadecimal, `0/16B3748`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lsn(pub u64);

impl Lsn {
    /// Before the first record: no record has this LSN.
    pub const ZERO: Lsn = Lsn(0);
    /// Above every record.
    pub const MAX: Lsn = Lsn(u64::MAX);

    /// The LSN `bytes` further on.
    ///
    /// # Panics
    /// When the stream exceeds 2^64 bytes, which no writer can reach.
    #[must_use]
    #[inline]
    pub fn advance(self, bytes: u64) -> Lsn {
        Lsn(self.0.checked_add(bytes).expect("a redo stream never reaches 2^64 bytes"))
    }

    /// Bytes from `earlier` to here, 0 when `earlier` is later.
    #[must_use]
    #[inline]
    pub fn since(self, earlier: Lsn) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Whether this is no record's LSN.
    #[must_use]
    #[inline]
    pub fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}/{:X}", self.0 >> 32, self.0 & 0xffff_ffff)
    }
}

/// A text that is not an LSN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an LSN: expected two hexadecimal numbers as in 0/16B3748")]
pub struct ParseLsnError;

impl FromStr for Lsn {
    type Err = ParseLsnError;

    fn from_str(text: &str) -> Result<Lsn, ParseLsnError> {
        let (high, low) = text.split_once('/').ok_or(ParseLsnError)?;
        let half = |digits: &str| {
            let plain = (1..=8).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
            plain.then(|| u64::from_str_radix(digits, 16).ok()).flatten().ok_or(ParseLsnError)
        };
        Ok(Lsn(half(high)? << 32 | half(low)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_and_parses_as_postgresql_does() {
        assert_eq!(Lsn(0x16B_3748).to_string(), "0/16B3748");
        assert_eq!(Lsn(0x2_0000_00ff).to_string(), "2/FF");
        assert_eq!("2/FF".parse(), Ok(Lsn(0x2_0000_00ff)));
        for bad in ["", "/", "0", "0/", "0/123456789", "+1/0", "g/0"] {
            assert_eq!(bad.parse::<Lsn>(), Err(ParseLsnError), "{bad}");
        }
    }
}

//! [`Tid`]: a value of type `tid`, the place of a row as a block and an offset in it.

use std::fmt;

use crate::error::Result;
use crate::text_io::{invalid_syntax, is_space};

/// The offsets of a block, from 1 on.
const OFFSETS: u64 = u16::MAX as u64;

/// A place, ordered by block first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Tid {
    pub block: u32,
    pub offset: u16,
}

impl Tid {
    /// How many places there are: 2^48 less the offset 0 of each block, which PostgreSQL does not use either.
    pub const PLACES: u64 = (1 << 32) * OFFSETS;

    /// The place with this number, from 0 on, in their order: `(0,1)`, `(0,2)` and so on; `None` from [`Tid::PLACES`] on.
    pub fn numbered(number: u64) -> Option<Tid> {
        let block = u32::try_from(number / OFFSETS).ok()?;
        Some(Tid { block, offset: (number % OFFSETS) as u16 + 1 })
    }

    /// Reads `(block,offset)`. What stands before the first parenthesis and behind the last does not matter, and a block
    /// may be written as the negative number that has its bits.
    ///
    /// **Source.** PostgreSQL's `tidin`.
    ///
    /// # Errors
    /// 22P02.
    pub fn parse(text: &str) -> Result<Tid> {
        let mut parts = [""; 2];
        let mut found = 0;
        for (at, byte) in text.bytes().enumerate() {
            if found == parts.len() || byte == b')' {
                break;
            }
            if byte == b',' || byte == b'(' && found == 0 {
                parts[found] = &text[at + 1..];
                found += 1;
            }
        }
        let block = number_before(parts[0], ',').and_then(block_of);
        let offset = number_before(parts[1], ')').and_then(|number| u16::try_from(number).ok());
        match (block, offset) {
            (Some(block), Some(offset)) => Ok(Tid { block, offset }),
            _ => Err(invalid_syntax("tid", text)),
        }
    }
}

impl fmt::Display for Tid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({},{})", self.block, self.offset)
    }
}

/// The number that a text begins with, as C's `strtoul` reads it, if `end` follows it. No number is 0.
fn number_before(text: &str, end: char) -> Option<u64> {
    if text.starts_with(end) {
        return Some(0);
    }
    let signed = text.trim_start_matches(is_space);
    let digits = signed.strip_prefix(['+', '-']).unwrap_or(signed);
    let length = digits.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = digits.split_at(length);
    let value: u64 = digits.parse().ok()?;
    rest.starts_with(end).then(|| if signed.starts_with('-') { value.wrapping_neg() } else { value })
}

fn block_of(number: u64) -> Option<u32> {
    let negative = || i32::try_from(number as i64).ok().map(|block| block as u32);
    u32::try_from(number).ok().or_else(negative)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_numbered_in_their_order() {
        let numbered = |number| Tid::numbered(number).map(|tid| tid.to_string());
        assert_eq!(numbered(0).as_deref(), Some("(0,1)"));
        assert_eq!(numbered(65_534).as_deref(), Some("(0,65535)"));
        assert_eq!(numbered(65_535).as_deref(), Some("(1,1)"));
        assert_eq!(numbered(Tid::PLACES - 1).as_deref(), Some("(4294967295,65535)"));
        assert_eq!(numbered(Tid::PLACES), None);
        assert_eq!(numbered(u64::MAX), None);
        assert!(Tid::numbered(65_534) < Tid::numbered(65_535));
    }

    /// As PostgreSQL 15 reads them.
    #[test]
    fn texts_are_read_as_postgresql_reads_them() {
        for (text, read) in [
            ("(0,1)", Some("(0,1)")),
            (" (0,1)", Some("(0,1)")),
            ("(0,1) x", Some("(0,1)")),
            ("x(1,2)", Some("(1,2)")),
            ("(1,2)(3", Some("(1,2)")),
            ("(+1, +2)", Some("(1,2)")),
            ("(,1)", Some("(0,1)")),
            ("(1,)", Some("(1,0)")),
            ("(-1,2)", Some("(4294967295,2)")),
            ("(-2147483648,1)", Some("(2147483648,1)")),
            ("(4294967295,65535)", Some("(4294967295,65535)")),
            ("(-2147483649,1)", None),
            ("(4294967296,1)", None),
            ("(99999999999999999999,1)", None),
            ("(1,65536)", None),
            ("(1,-1)", None),
            ("( 1 , 2 )", None),
            ("(1 ,2)", None),
            ("(1,2", None),
            ("(1)", None),
            ("1,2", None),
            ("a,b(5,6)", None),
            ("(5(6,7)", None),
            ("(1,2,3)", None),
            ("(0x1,2)", None),
            ("", None),
        ] {
            assert_eq!(Tid::parse(text).ok().map(|tid| tid.to_string()).as_deref(), read, "{text}");
        }
    }
}

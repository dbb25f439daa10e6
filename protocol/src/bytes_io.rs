//! Reading and writing little-endian integers and varints over byte slices, without a panic on short input.

use crate::Error;

/// Appends `value` as LEB128: seven bits a byte, low bits first.
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Bytes that [`put_varint`] takes for `value`.
#[must_use]
pub fn varint_bytes(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

/// A cursor over bytes from outside; every read is checked.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    rest: &'a [u8],
    what: &'static str,
}

impl<'a> Reader<'a> {
    /// Reads `bytes`, naming them `what` in errors.
    #[must_use]
    pub fn new(bytes: &'a [u8], what: &'static str) -> Reader<'a> {
        Reader { rest: bytes, what }
    }

    /// What is not read yet.
    #[must_use]
    #[inline]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether everything is read.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next `count` bytes.
    ///
    /// # Errors
    /// [`Error::Truncated`] when fewer are left; likewise below.
    #[inline]
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8], Error> {
        let (head, rest) = self.rest.split_at_checked(count).ok_or(Error::Truncated { what: self.what })?;
        self.rest = rest;
        Ok(head)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        Ok(self.bytes(N)?.try_into().expect("bytes(N) returns N bytes"))
    }

    /// One byte.
    ///
    /// # Errors
    /// See [`Reader::bytes`].
    #[inline]
    pub fn u8(&mut self) -> Result<u8, Error> {
        Ok(self.array::<1>()?[0])
    }

    /// Two bytes.
    ///
    /// # Errors
    /// See [`Reader::bytes`].
    #[inline]
    pub fn u16(&mut self) -> Result<u16, Error> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    /// Four bytes.
    ///
    /// # Errors
    /// See [`Reader::bytes`].
    #[inline]
    pub fn u32(&mut self) -> Result<u32, Error> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// Eight bytes.
    ///
    /// # Errors
    /// See [`Reader::bytes`].
    #[inline]
    pub fn u64(&mut self) -> Result<u64, Error> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// A varint of at most 64 bits in its shortest form or not.
    ///
    /// # Errors
    /// [`Error::Truncated`], or [`Error::Malformed`] when it exceeds 64 bits.
    #[inline]
    pub fn varint(&mut self) -> Result<u64, Error> {
        // Half of all varints have one byte; of the others, eight bytes are taken at once where there are as many.
        match *self.rest {
            [byte, ref rest @ ..] if byte < 0x80 => {
                self.rest = rest;
                return Ok(byte.into());
            }
            _ => {}
        }
        if let Some(word) = self.rest.first_chunk::<8>() {
            let word = u64::from_le_bytes(*word);
            let ends = !word & 0x8080_8080_8080_8080;
            if ends != 0 {
                let bytes = ends.trailing_zeros() / 8 + 1;
                self.rest = &self.rest[bytes as usize..];
                // Seven bits of each byte, moved together by pairs, fours, and all.
                let bits = word & 0x7f7f_7f7f_7f7f_7f7f & (u64::MAX >> (64 - 8 * bytes));
                let bits = bits & 0x007f_007f_007f_007f | (bits & 0x7f00_7f00_7f00_7f00) >> 1;
                let bits = bits & 0x0000_3fff_0000_3fff | (bits & 0x3fff_0000_3fff_0000) >> 2;
                return Ok(bits & 0x0fff_ffff | (bits & 0x0fff_ffff_0000_0000) >> 4);
            }
        }
        self.long_varint()
    }

    /// A varint near the end, or of more than eight bytes.
    fn long_varint(&mut self) -> Result<u64, Error> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Error::Malformed { what: self.what, why: "varint exceeds 64 bits" })
    }

    /// A varint that must fit 16 bits: a slot number or an offset in a page.
    ///
    /// # Errors
    /// As [`Reader::varint`].
    #[inline]
    pub fn varint_u16(&mut self) -> Result<u16, Error> {
        let what = self.what;
        u16::try_from(self.varint()?).map_err(|_| Error::Malformed { what, why: "number exceeds 16 bits" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn varints_round_trip(value: u64) {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            prop_assert_eq!(out.len(), varint_bytes(value));
            prop_assert_eq!(Reader::new(&out, "test").varint(), Ok(value));
        }

        #[test]
        fn varints_of_any_length_end_where_the_next_begins(values: Vec<u64>, shifts: Vec<u8>) {
            let values: Vec<u64> = values.iter().zip(&shifts).map(|(value, shift)| value >> (shift % 64)).collect();
            let mut out = Vec::new();
            values.iter().for_each(|&value| put_varint(&mut out, value));
            let mut reader = Reader::new(&out, "test");
            for value in values {
                prop_assert_eq!(reader.varint(), Ok(value));
            }
            prop_assert!(reader.is_empty());
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>) {
            let _ = Reader::new(&bytes, "test").varint();
        }
    }

    #[test]
    fn a_varint_of_more_than_64_bits_is_refused() {
        let bytes = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02];
        assert!(matches!(Reader::new(&bytes, "test").varint(), Err(Error::Malformed { .. })));
    }
}

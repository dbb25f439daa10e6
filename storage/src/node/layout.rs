//! What the byte layouts of a node's files share: how each begins, and fields at offsets.
//!
//! Every file begins with a magic of eight bytes that names its kind, and the format in four more. The format is looked at
//! before the checksum: where a newer one keeps its checksum nobody here can know, and the answer must be that the file is
//! newer, not that it is damaged.

use protocol::bytes_io::Reader;
use protocol::{Error, FORMAT_VERSION};

/// Bytes that a file begins with, before its own fields.
pub const HEADING_BYTES: usize = 12;

/// What a file of the kind `magic` begins with.
#[must_use]
pub fn heading(magic: [u8; 8]) -> [u8; HEADING_BYTES] {
    let mut bytes = [0; HEADING_BYTES];
    bytes[..8].copy_from_slice(&magic);
    bytes[8..].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
    bytes
}

/// Reads what a file of the kind `magic` begins with. `what` names it in errors.
///
/// # Errors
/// [`Error::Truncated`], [`Error::Malformed`]; [`Error::NewerFormat`].
pub fn read_heading(r: &mut Reader<'_>, magic: [u8; 8], what: &'static str) -> Result<(), Error> {
    if r.bytes(8)? != magic {
        return Err(Error::Malformed { what, why: "it does not begin as one" });
    }
    let found = r.u32()?;
    if found > FORMAT_VERSION {
        return Err(Error::NewerFormat { what, found, supported: FORMAT_VERSION });
    }
    Ok(())
}

/// Two bytes at an offset.
///
/// # Panics
/// When they are not there; likewise below.
#[must_use]
pub fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(bytes[at..at + 2].try_into().expect("two bytes"))
}

/// Four bytes at an offset.
#[must_use]
pub fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

/// Eight bytes at an offset.
#[must_use]
pub fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heading_is_read_as_written_and_a_newer_one_is_told_from_another_kind() {
        let read = |bytes: &[u8]| read_heading(&mut Reader::new(bytes, "thing"), *b"redobtXX", "thing");
        let good = heading(*b"redobtXX");
        assert_eq!(read(&good), Ok(()));
        let mut newer = good;
        newer[8..].copy_from_slice(&(FORMAT_VERSION + 1).to_le_bytes());
        assert!(matches!(read(&newer), Err(Error::NewerFormat { found, .. }) if found == FORMAT_VERSION + 1));
        assert!(matches!(read(&heading(*b"redobtYY")), Err(Error::Malformed { .. })));
        assert!(matches!(read(&good[..HEADING_BYTES - 1]), Err(Error::Truncated { .. })));
    }
}

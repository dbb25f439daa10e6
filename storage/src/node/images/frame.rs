//! The byte layout of an image file: a header, then frames, each one image.
//!
//! ```text
//! file header, at 0           frame header, 56 bytes, at a multiple of 8 from 32 on
//!  0  8  magic                  0  4  magic
//!  8  4  format      1          4  2  bytes      of the body
//! 12  4  node                   6  1  encoding   of the body: 0 plain, 1 LZ4
//! 16  4  file        number     7  1  zero
//! 20  4  checksum of 0..20      8  4  file
//! 24  8  zero                  12  4  number     of the frame in the file, from 0
//!                              16  8  page
//!                              24  8  lsn        of the page
//!                              32  8  page       } of the frame before: a frame of which nothing can be read
//!                              40  8  lsn        } is named by the next one
//!                              48  4  checksum   of the body
//!                              52  4  checksum   of 0..52
//!                              56     the body, then zeros to a multiple of 8
//! ```
//!
//! A frame proves itself: nothing is made of it that its checksums and the page's own do not confirm, and none counts that
//! bears another file's number. What stands behind a damaged frame is found by looking for the next sound header.

use super::super::disk::{DiskFile, is_damage};
use super::super::layout::{HEADING_BYTES, heading, read_heading, u16_at, u32_at, u64_at};
use protocol::bytes_io::Reader;
use protocol::{Error, Lsn, NodeId, PAGE_BYTES, Page, PageId};
use std::io;

/// Where the first frame begins.
pub const FRAMES_AT: u64 = 32;
/// Bytes of a frame before its body.
pub const FRAME_HEADER_BYTES: usize = 56;
/// Bytes of the largest frame.
pub const FRAME_BYTES_MAX: u64 = (FRAME_HEADER_BYTES + PAGE_BYTES).next_multiple_of(8) as u64;
const FILE_HEADER_BYTES: usize = 24;
const FILE_MAGIC: [u8; 8] = *b"redobtIM";
const FRAME_MAGIC: u32 = 0x4649_4452;
const PLAIN: u8 = 0;
const LZ4: u8 = 1;
const WHAT: &str = "image";

const _: () = assert!(PAGE_BYTES <= u16::MAX as usize, "the length of a body is a u16");

/// A page and the LSN of its image.
pub type Version = (PageId, Lsn);

/// Where an image lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Of which page, as of when.
    pub version: Version,
    /// Offset of the frame in its file.
    pub at: u32,
    /// Bytes of the frame, padding included.
    pub bytes: u32,
}

/// The header of an image file.
#[must_use]
pub fn file_header(node: NodeId, file: u32) -> [u8; FRAMES_AT as usize] {
    let mut bytes = [0; FRAMES_AT as usize];
    bytes[..HEADING_BYTES].copy_from_slice(&heading(FILE_MAGIC));
    bytes[12..16].copy_from_slice(&node.0.to_le_bytes());
    bytes[16..20].copy_from_slice(&file.to_le_bytes());
    let checksum = crc32c::crc32c(&bytes[..20]);
    bytes[20..FILE_HEADER_BYTES].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

/// Checks the header of an image file.
///
/// # Errors
/// I/O errors as such; [`Error`] when it is damaged, newer, or another node's or file's.
pub fn check_file_header(file: &dyn DiskFile, node: NodeId, number: u32) -> io::Result<Result<(), Error>> {
    let what = "image file";
    let mut bytes = [0; FILE_HEADER_BYTES];
    match file.read_at(0, &mut bytes) {
        Err(error) if is_damage(&error) => return Ok(Err(Error::Truncated { what })),
        read => read?,
    }
    if let Err(error) = read_heading(&mut Reader::new(&bytes, what), FILE_MAGIC, what) {
        return Ok(Err(error));
    }
    if u32_at(&bytes, 20) != crc32c::crc32c(&bytes[..20]) {
        return Ok(Err(Error::Checksum { what }));
    }
    if (u32_at(&bytes, 12), u32_at(&bytes, 16)) != (node.0, number) {
        return Ok(Err(Error::Malformed { what, why: "it is another node's or bears another number" }));
    }
    Ok(Ok(()))
}

/// What the next frame of a file must say of its place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tip {
    /// The file.
    pub file: u32,
    /// Offset of the next frame.
    pub end: u64,
    /// Its number.
    pub frames: u32,
    /// The frame before it.
    pub last: Version,
}

impl Tip {
    /// The tip of a file without frames.
    #[must_use]
    pub fn start(file: u32) -> Tip {
        Tip { file, end: FRAMES_AT, frames: 0, last: (PageId(0), Lsn::ZERO) }
    }

    /// Appends the image of `page` to `out` and moves on.
    pub fn push(&mut self, page: &Page, out: &mut Vec<u8>) -> Frame {
        let bytes = page.to_bytes();
        let start = out.len();
        out.resize(start + FRAME_HEADER_BYTES + lz4_flex::block::get_maximum_output_size(PAGE_BYTES), 0);
        let body = &mut out[start + FRAME_HEADER_BYTES..];
        let (encoding, length) = match lz4_flex::block::compress_into(&bytes, body) {
            Ok(length) if length < PAGE_BYTES => (LZ4, length),
            _ => {
                body[..PAGE_BYTES].copy_from_slice(&bytes);
                (PLAIN, PAGE_BYTES)
            }
        };
        self.finish((page.id(), page.lsn()), encoding, length, start, out)
    }

    /// Appends a frame of another file, of which the body is known to be sound.
    pub fn push_copy(&mut self, frame: &[u8], out: &mut Vec<u8>) -> Frame {
        let start = out.len();
        out.extend_from_slice(frame);
        let version = (PageId(u64_at(frame, 16)), Lsn(u64_at(frame, 24)));
        self.finish(version, frame[6], u16_at(frame, 4).into(), start, out)
    }

    /// Sets the header of a frame whose body lies at `start` behind room for it.
    fn finish(&mut self, version: Version, encoding: u8, length: usize, start: usize, out: &mut Vec<u8>) -> Frame {
        out.truncate(start + FRAME_HEADER_BYTES + length);
        out.resize(start + frame_bytes(length), 0);
        let (header, body) = out[start..].split_at_mut(FRAME_HEADER_BYTES);
        header[..4].copy_from_slice(&FRAME_MAGIC.to_le_bytes());
        header[4..6].copy_from_slice(&(length as u16).to_le_bytes());
        (header[6], header[7]) = (encoding, 0);
        header[8..12].copy_from_slice(&self.file.to_le_bytes());
        header[12..16].copy_from_slice(&self.frames.to_le_bytes());
        for (at, (page, lsn)) in [(16, version), (32, self.last)] {
            header[at..at + 8].copy_from_slice(&page.0.to_le_bytes());
            header[at + 8..at + 16].copy_from_slice(&lsn.0.to_le_bytes());
        }
        header[48..52].copy_from_slice(&crc32c::crc32c(&body[..length]).to_le_bytes());
        let checksum = crc32c::crc32c(&header[..52]);
        header[52..56].copy_from_slice(&checksum.to_le_bytes());
        let frame = Frame { version, at: self.end as u32, bytes: frame_bytes(length) as u32 };
        self.end += u64::from(frame.bytes);
        self.frames += 1;
        self.last = version;
        frame
    }
}

fn frame_bytes(body: usize) -> usize {
    (FRAME_HEADER_BYTES + body).next_multiple_of(8)
}

struct Header {
    length: usize,
    number: u32,
    version: Version,
    before: Version,
    checksum: u32,
}

/// The header of a frame of file `file`, if it is sound.
fn header(bytes: &[u8], file: u32) -> Option<Header> {
    let header = bytes.get(..FRAME_HEADER_BYTES)?;
    let sound = u32_at(header, 0) == FRAME_MAGIC
        && u32_at(header, 8) == file
        && u32_at(header, 52) == crc32c::crc32c(&header[..52]);
    sound.then(|| Header {
        length: u16_at(header, 4).into(),
        number: u32_at(header, 12),
        version: (PageId(u64_at(header, 16)), Lsn(u64_at(header, 24))),
        before: (PageId(u64_at(header, 32)), Lsn(u64_at(header, 40))),
        checksum: u32_at(header, 48),
    })
}

/// Checks a frame of file `file` that holds `version`, without unpacking its page.
///
/// # Errors
/// [`Error`].
pub fn check(frame: &[u8], file: u32, version: Version) -> Result<(), Error> {
    let found = header(frame, file).ok_or(Error::Checksum { what: WHAT })?;
    if found.version != version {
        return Err(Error::Malformed { what: WHAT, why: "it is of another page or time" });
    }
    let body = frame.get(FRAME_HEADER_BYTES..FRAME_HEADER_BYTES + found.length);
    let body = body.ok_or(Error::Truncated { what: WHAT })?;
    if crc32c::crc32c(body) != found.checksum {
        return Err(Error::Checksum { what: WHAT });
    }
    Ok(())
}

/// The page in a frame.
///
/// # Errors
/// As [`check`] and [`unpack`].
pub fn page(frame: &[u8], file: u32, version: Version) -> Result<Page, Error> {
    check(frame, file, version)?;
    let page = unpack(frame[6], body(frame), version.0)?;
    if page.lsn() == version.1 {
        Ok(page)
    } else {
        Err(Error::Malformed { what: WHAT, why: "its page is of another time" })
    }
}

/// What a frame that was [checked](check) holds, as peers get it: its encoding, then its body.
#[must_use]
pub fn packed(frame: &[u8]) -> Vec<u8> {
    [&frame[6..7], body(frame)].concat()
}

fn body(frame: &[u8]) -> &[u8] {
    &frame[FRAME_HEADER_BYTES..FRAME_HEADER_BYTES + usize::from(u16_at(frame, 4))]
}

/// The page in a body.
///
/// # Errors
/// Any error of [`Page::from_bytes`]; [`Error::Malformed`].
pub fn unpack(encoding: u8, body: &[u8], page: PageId) -> Result<Page, Error> {
    let malformed = |why| Error::Malformed { what: WHAT, why };
    match encoding {
        PLAIN => Page::from_bytes(body, page),
        LZ4 => {
            let mut bytes = [0; PAGE_BYTES];
            let length = lz4_flex::block::decompress_into(body, &mut bytes).map_err(|_| malformed("compression"))?;
            Page::from_bytes(&bytes[..length], page)
        }
        _ => Err(malformed("unknown encoding")),
    }
}

/// What a scan of a file found.
#[derive(Debug)]
pub struct Scan {
    /// Sound frames, in order.
    pub frames: Vec<Frame>,
    /// Images that are vouched for and of which no sound frame is left.
    pub damaged: Vec<Version>,
    /// Whether frames that are vouched for are lost and nothing names them.
    pub unknown: bool,
    /// Behind the last sound frame.
    pub tip: Tip,
    vouched: u32,
}

/// Scans a file, given whole. `vouched`: how many frames it must have, and which the last of them is. Of others nobody has made
/// use yet in a way that needs them: they count up to the first that is damaged or missing. What lies behind it must go before
/// the file is appended to, or a later scan takes the hole for a loss.
#[must_use]
pub fn scan(bytes: &[u8], file: u32, vouched: (u32, Version)) -> Scan {
    let (frames, damaged, tip) = (Vec::new(), Vec::new(), Tip::start(file));
    let mut scan = Scan { frames, damaged, unknown: false, tip, vouched: vouched.0 };
    let mut at = FRAMES_AT as usize;
    while at + FRAME_HEADER_BYTES <= bytes.len() {
        let Some(found) = header(&bytes[at..], file).filter(|found| found.number >= scan.tip.frames) else {
            at += 8;
            continue;
        };
        let end = at + frame_bytes(found.length);
        let frame = Frame { version: found.version, at: at as u32, bytes: (end - at) as u32 };
        let sound = bytes.get(at..end).is_some_and(|frame| check(frame, file, found.version).is_ok());
        if found.number >= scan.vouched && (found.number > scan.tip.frames || !sound) {
            break;
        }
        scan.lose(found.number, found.before);
        if sound {
            scan.frames.push(frame);
        } else {
            scan.damaged.push(found.version);
        }
        scan.tip = Tip { file, end: end.min(bytes.len()) as u64, frames: found.number + 1, last: found.version };
        // Where the length is a lie the next header is found by looking for it.
        at += FRAME_HEADER_BYTES.next_multiple_of(8);
        if scan.frames.last() == Some(&frame) {
            at = end;
        }
    }
    if scan.tip.frames < vouched.0 {
        scan.lose(vouched.0, vouched.1);
        (scan.tip.frames, scan.tip.last) = vouched;
    }
    scan.tip.end = scan.tip.end.next_multiple_of(8).max(FRAMES_AT);
    scan
}

impl Scan {
    /// Frames up to number `next` are lost, the last of which was `before`.
    fn lose(&mut self, next: u32, before: Version) {
        let lost = next - self.tip.frames;
        if 0 < lost && next <= self.vouched {
            self.damaged.push(before);
        }
        self.unknown |= lost > 1 && self.tip.frames < self.vouched;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::redo::{Change, apply_change};

    fn image(number: u64) -> Page {
        let mut page = Page::empty(PageId(number));
        let flags = Change::SetFlags { level: 1, flags: number as u8 };
        apply_change(&mut page, Lsn(100 + number), &flags).expect("flags fit any page");
        page
    }

    fn file(count: u64) -> (Vec<u8>, Vec<Frame>, Tip) {
        let mut bytes = file_header(NodeId(1), 7).to_vec();
        let mut tip = Tip::start(7);
        let frames = (0..count).map(|number| tip.push(&image(number), &mut bytes)).collect();
        (bytes, frames, tip)
    }

    #[test]
    fn frames_round_trip_and_copies_are_equal() {
        let (bytes, frames, tip) = file(3);
        assert_eq!(tip.end as usize, bytes.len());
        let found = scan(&bytes, 7, (3, tip.last));
        assert_eq!((&found.frames, found.tip, found.unknown), (&frames, tip, false));
        let mut other = Tip::start(8);
        let mut copy = file_header(NodeId(1), 8).to_vec();
        for (number, frame) in frames.iter().enumerate().rev() {
            let bytes = &bytes[frame.at as usize..][..frame.bytes as usize];
            assert_eq!(page(bytes, 7, frame.version), Ok(image(number as u64)));
            let copied = other.push_copy(bytes, &mut copy);
            assert_eq!(page(&copy[copied.at as usize..], 8, frame.version), Ok(image(number as u64)));
        }
    }

    #[test]
    fn each_flipped_bit_costs_one_image_which_is_named() {
        let (good, frames, tip) = file(4);
        for bit in FRAMES_AT as usize * 8..good.len() * 8 {
            let mut bytes = good.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let found = scan(&bytes, 7, (4, tip.last));
            assert!(!found.unknown, "bit {bit}");
            assert_eq!((found.tip.frames, found.tip.last), (4, tip.last), "bit {bit}");
            let hit = frames.iter().find(|frame| (bit / 8) < (frame.at + frame.bytes) as usize).expect("it is in one");
            let padding = found.damaged.is_empty() && found.frames == frames;
            let named = found.damaged == [hit.version] && found.frames.len() == 3;
            assert!(padding || named, "bit {bit}: {found:?}");
        }
    }

    #[test]
    fn a_cut_within_what_is_vouched_for_is_a_loss_and_behind_it_is_none() {
        let (good, frames, tip) = file(4);
        for cut in FRAMES_AT as usize..good.len() {
            let whole = frames.iter().take_while(|frame| (frame.at + frame.bytes) as usize <= cut).count();
            let open = scan(&good[..cut], 7, (0, Version::default()));
            assert!(open.frames.len() >= whole, "cut at {cut}");
            assert!(!open.unknown && open.damaged.len() <= 1, "cut at {cut}: {open:?}");
            let vouched = scan(&good[..cut], 7, (4, tip.last));
            assert!(vouched.unknown || vouched.frames.len() + vouched.damaged.len() >= 4, "cut at {cut}: {vouched:?}");
        }
    }

    #[test]
    fn a_hole_behind_what_is_vouched_for_is_the_end_now_and_later() {
        let (good, frames, tip) = file(6);
        for vouched in 0..4 {
            for (hole, headers) in [(vouched, 1), (vouched, 2), (vouched + 1, 1), (vouched + 1, 0)] {
                let mut bytes = good.clone();
                for frame in &frames[hole..hole + headers] {
                    bytes[frame.at as usize..][..FRAME_HEADER_BYTES].fill(0);
                }
                if headers == 0 {
                    bytes[frames[hole].at as usize + FRAME_HEADER_BYTES] ^= 1;
                }
                let last = vouched.checked_sub(1).map_or(Version::default(), |last| frames[last].version);
                let found = scan(&bytes, 7, (vouched as u32, last));
                assert_eq!((&found.frames[..], found.tip.frames), (&frames[..hole], hole as u32));
                assert!(!found.unknown && found.damaged.is_empty(), "what nobody vouched for never was: {found:?}");
                // As a start goes on: the rest goes, other images follow, and they are vouched for.
                bytes.truncate(found.tip.end as usize);
                let mut next = found.tip;
                for number in 10..13 {
                    next.push(&image(number), &mut bytes);
                }
                let again = scan(&bytes, 7, (next.frames, next.last));
                assert_eq!((again.frames.len(), again.tip), (hole + 3, next));
                assert!(!again.unknown && again.damaged.is_empty(), "{again:?}");
            }
        }
        assert_eq!(tip.frames, 6);
    }
}

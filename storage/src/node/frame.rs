//! The byte layout of a log file: a header block, then frames, each one stored batch.
//!
//! ```text
//! file header, at 0           frame header, 64 bytes, at a multiple of 8 from 4096 on
//!  0  8  magic                  0  4  magic
//!  8  4  format      1          4  4  bytes        of the batch
//! 12  4  node                   8  8  generation   of the file: frames of its former life never match
//! 16  8  generation            16  4  number       of the frame in the file, from 0
//! 24  8  copies     file       20  4  previous     checksum of the frame header before, 0 for the first
//!        whose tail it         24  4  synced       frames of this file known to be fsynced when this one was written
//!        took over, or 0       28  4  payload      checksum of the batch, as it bears it itself
//! 32  4  checksum of 0..32     32  8  acked        flushed SCL of the batch's group when this frame was written
//!                              40  8  vdl          flushed VDL heard
//!                              48  8  floor        GC floor heard
//!                              56  4  zero
//!                              60  4  checksum     CRC32C of 0..60
//!                              64     the batch, then zeros to a multiple of 8
//! ```
//!
//! **Rule.** A frame counts when its header's checksum, generation, number and link to the header before are right, and its
//! batch has the checksum that the header names and that its own bytes give. Zeros are never a frame. A scan stops at the
//! first break. What lies behind it is a torn tail, to be cut, unless a later frame says that the broken one was fsynced
//! (`synced`): then flushed bytes have rotted, the frames behind the hole still count one by one, and the hole is reported.
//!
//! `acked` tells after a start whether a group came out below what was once acknowledged.

use super::disk::{DiskFile, is_damage, read_around};
use super::layout::{HEADING_BYTES, heading, read_heading, u32_at, u64_at};
use bytes::{Bytes, BytesMut};
use protocol::batch::{BATCH_BYTES_MAX, BatchHeader};
use protocol::bytes_io::Reader;
use protocol::{Error, Lsn, NodeId};
use std::io;

/// Where the first frame begins: the header has a block to itself, so that writing frames cannot tear it.
pub const FRAMES_AT: u64 = 4096;
/// Bytes of a frame before its batch.
pub const FRAME_HEADER_BYTES: usize = 64;
const FILE_HEADER_BYTES: usize = 36;
const FILE_MAGIC: [u8; 8] = *b"redobtLG";
const FRAME_MAGIC: u32 = 0x5246_4452;

/// What a log file says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileHeader {
    /// Whose it is.
    pub node: NodeId,
    /// Its life; equal to its sequence number.
    pub generation: u64,
    /// The file whose frames were copied into it at a start; 0 for none.
    pub copies: u64,
}

impl FileHeader {
    /// The encoding.
    #[must_use]
    pub fn encode(&self) -> [u8; FILE_HEADER_BYTES] {
        let mut bytes = [0; FILE_HEADER_BYTES];
        bytes[..HEADING_BYTES].copy_from_slice(&heading(FILE_MAGIC));
        bytes[12..16].copy_from_slice(&self.node.0.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.generation.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.copies.to_le_bytes());
        let checksum = crc32c::crc32c(&bytes[..32]);
        bytes[32..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// Reads the header of a file.
    ///
    /// # Errors
    /// I/O errors as such; [`Error`] when the bytes are not a header or of a newer format.
    pub fn read(file: &dyn DiskFile) -> io::Result<Result<FileHeader, Error>> {
        let mut bytes = [0; FILE_HEADER_BYTES];
        match file.read_at(0, &mut bytes) {
            Err(error) if is_damage(&error) => return Ok(Err(Error::Truncated { what: "log file" })),
            other => other?,
        }
        Ok(FileHeader::decode(&bytes))
    }

    fn decode(bytes: &[u8; FILE_HEADER_BYTES]) -> Result<FileHeader, Error> {
        let what = "log file";
        read_heading(&mut Reader::new(bytes, what), FILE_MAGIC, what)?;
        if u32_at(bytes, 32) != crc32c::crc32c(&bytes[..32]) {
            return Err(Error::Checksum { what });
        }
        let node = NodeId(u32_at(bytes, 12));
        Ok(FileHeader { node, generation: u64_at(bytes, 16), copies: u64_at(bytes, 24) })
    }
}

/// What a frame says beside its batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// Flushed SCL of the batch's group.
    pub acked: Lsn,
    /// Flushed VDL heard.
    pub vdl: Lsn,
    /// GC floor heard.
    pub floor: Lsn,
}

/// Where a file's next frame goes, and what it must link to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tip {
    /// The file's life.
    pub generation: u64,
    /// Offset of the next frame.
    pub end: u64,
    /// Its number.
    pub number: u32,
    /// Checksum of the frame header before it.
    pub previous: u32,
    /// Frames known to be fsynced.
    pub synced: u32,
}

impl Tip {
    /// The tip of a file without frames.
    #[must_use]
    pub fn start(generation: u64) -> Tip {
        Tip { generation, end: FRAMES_AT, number: 0, previous: 0, synced: 0 }
    }

    /// Bytes that a batch takes as a frame.
    #[must_use]
    pub fn frame_bytes(batch: usize) -> u64 {
        ((FRAME_HEADER_BYTES + batch).next_multiple_of(8)) as u64
    }

    /// Appends the frame of `batch` to `out` and moves on. Returns the offset of the batch in the file.
    pub fn push(&mut self, batch: &[u8], notes: Notes, out: &mut Vec<u8>) -> u64 {
        let mut header = [0u8; FRAME_HEADER_BYTES];
        header[..4].copy_from_slice(&FRAME_MAGIC.to_le_bytes());
        header[4..8].copy_from_slice(&(batch.len() as u32).to_le_bytes());
        header[8..16].copy_from_slice(&self.generation.to_le_bytes());
        header[16..20].copy_from_slice(&self.number.to_le_bytes());
        header[20..24].copy_from_slice(&self.previous.to_le_bytes());
        header[24..28].copy_from_slice(&self.synced.to_le_bytes());
        header[28..32].copy_from_slice(&batch[..4]);
        header[32..40].copy_from_slice(&notes.acked.0.to_le_bytes());
        header[40..48].copy_from_slice(&notes.vdl.0.to_le_bytes());
        header[48..56].copy_from_slice(&notes.floor.0.to_le_bytes());
        let checksum = crc32c::crc32c(&header[..60]);
        header[60..].copy_from_slice(&checksum.to_le_bytes());
        out.extend_from_slice(&header);
        out.extend_from_slice(batch);
        out.resize(out.len().next_multiple_of(8), 0);
        let at = self.end + FRAME_HEADER_BYTES as u64;
        self.end += Tip::frame_bytes(batch.len());
        self.number += 1;
        self.previous = checksum;
        at
    }
}

/// A frame found by a scan.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Offset of the batch in the file.
    pub at: u64,
    /// The batch, as it was received.
    pub batch: Bytes,
    /// The batch's own header, checked.
    pub header: BatchHeader,
    /// What else it says.
    pub notes: Notes,
}

/// What a scan found.
#[derive(Debug)]
pub struct Scan {
    /// Frames that count, in order.
    pub frames: Vec<Frame>,
    /// The scan stopped at something that is not the clean end of the frames.
    pub torn: bool,
    /// Frames that were once fsynced do not count any more.
    pub lost: bool,
}

struct Raw {
    number: u32,
    previous: u32,
    synced: u32,
    checksum: u32,
    frame: Frame,
}

/// Scans a file, given whole, that may have a torn tail.
#[must_use]
pub fn scan(bytes: &Bytes, generation: u64) -> Scan {
    scan_synced(bytes, generation, false)
}

/// As [`scan`]; with `synced` of a file that is known to be fsynced to its end: then every break is a loss.
fn scan_synced(bytes: &Bytes, generation: u64, synced: bool) -> Scan {
    let mut scan = Scan { frames: Vec::new(), torn: false, lost: false };
    let (mut at, mut number, mut previous) = (FRAMES_AT as usize, 0, 0);
    while let Some(raw) = frame_at(bytes, at, generation) {
        if raw.number != number || raw.previous != previous {
            break;
        }
        at += Tip::frame_bytes(raw.frame.batch.len()) as usize;
        (number, previous) = (number + 1, raw.checksum);
        scan.frames.push(raw.frame);
    }
    scan.torn = bytes.get(at..at + 4).is_some_and(|next| next == FRAME_MAGIC.to_le_bytes());
    // Whether the break is a torn tail or rot is said by frames behind it.
    let mut behind = Vec::new();
    let mut probe = at + 8;
    while probe + FRAME_HEADER_BYTES <= bytes.len() {
        match frame_at(bytes, probe, generation).filter(|raw| raw.number > number) {
            Some(mut raw) => {
                raw.synced = if synced { u32::MAX } else { raw.synced };
                probe += Tip::frame_bytes(raw.frame.batch.len()) as usize;
                scan.torn = true;
                scan.lost |= raw.synced > number;
                behind.push(raw);
            }
            None => probe += 8,
        }
    }
    if scan.lost {
        let synced = behind.iter().map(|raw| raw.synced).max().unwrap_or(0);
        scan.frames.extend(behind.into_iter().filter(|raw| raw.number < synced).map(|raw| raw.frame));
    }
    scan
}

/// Bytes of a file that are in memory at once while its frames are read.
const WINDOW_BYTES: u64 = 2 << 20;

/// Gives the frames of a file that is known to be fsynced to its end, in order, without having it in memory. Says whether
/// frames between them are lost.
///
/// # Errors
/// Any I/O error.
pub fn read_frames(file: &dyn DiskFile, generation: u64, mut each: impl FnMut(&Frame)) -> io::Result<bool> {
    let length = file.len()?;
    let (mut at, mut number, mut previous) = (FRAMES_AT, 0, 0);
    let (mut buffer, mut window) = (Bytes::new(), Bytes::new());
    let mut windows = [WINDOW_BYTES, Tip::frame_bytes(BATCH_BYTES_MAX)].into_iter();
    loop {
        let next = frame_at(&window, 0, generation).filter(|raw| raw.number == number && raw.previous == previous);
        if let Some(Raw { checksum, mut frame, .. }) = next {
            frame.at += at;
            each(&frame);
            let bytes = Tip::frame_bytes(frame.batch.len());
            (at, number, previous) = (at + bytes, number + 1, checksum);
            window = window.slice(window.len().min(bytes as usize)..);
            windows = [WINDOW_BYTES, Tip::frame_bytes(BATCH_BYTES_MAX)].into_iter();
        } else if let Some(wanted) = windows.next() {
            // It may reach beyond the window. The memory is used again unless somebody kept a batch.
            drop(window);
            let memory = buffer.try_into_mut().unwrap_or_default();
            buffer = read_window(file, at, wanted.min(length.saturating_sub(at)), memory)?;
            window = buffer.clone();
        } else {
            break;
        }
    }
    // Behind the end of a file that is full there is little.
    let rest = read_window(file, at, length.saturating_sub(at), BytesMut::new())?;
    let sound = |probe: usize| frame_at(&rest, probe, generation).is_some_and(|raw| raw.number > number);
    if !(0..rest.len().saturating_sub(FRAME_HEADER_BYTES)).step_by(8).any(sound) {
        return Ok(false);
    }
    let found = scan_synced(&read_window(file, 0, length, BytesMut::new())?, generation, true);
    found.frames.iter().filter(|frame| frame.at > at).for_each(each);
    Ok(found.lost)
}

fn read_window(file: &dyn DiskFile, at: u64, bytes: u64, mut memory: BytesMut) -> io::Result<Bytes> {
    memory.resize(usize::try_from(bytes).map_err(|_| io::ErrorKind::FileTooLarge)?, 0);
    read_around(file, at, &mut memory)?;
    Ok(memory.freeze())
}

/// Whether the bytes of a file, up to its first frame header, have such a header of this generation.
#[must_use]
pub fn begins(bytes: &[u8], generation: u64) -> bool {
    bytes
        .get(FRAMES_AT as usize..FRAMES_AT as usize + FRAME_HEADER_BYTES)
        .is_some_and(|header| u32_at(header, 0) == FRAME_MAGIC && u64_at(header, 8) == generation)
}

fn frame_at(bytes: &Bytes, at: usize, generation: u64) -> Option<Raw> {
    let header = bytes.get(at..at + FRAME_HEADER_BYTES)?;
    if u32_at(header, 0) != FRAME_MAGIC
        || u64_at(header, 8) != generation
        || u32_at(header, 60) != crc32c::crc32c(&header[..60])
    {
        return None;
    }
    let length = u32_at(header, 4) as usize;
    let start = at + FRAME_HEADER_BYTES;
    if length > BATCH_BYTES_MAX || start + length > bytes.len() {
        return None;
    }
    let batch = bytes.slice(start..start + length);
    let decoded = BatchHeader::decode(&batch).ok().filter(|batch| batch.checksum == u32_at(header, 28))?;
    let notes = Notes { acked: Lsn(u64_at(header, 32)), vdl: Lsn(u64_at(header, 40)), floor: Lsn(u64_at(header, 48)) };
    Some(Raw {
        number: u32_at(header, 16),
        previous: u32_at(header, 20),
        synced: u32_at(header, 24),
        checksum: u32_at(header, 60),
        frame: Frame { at: start as u64, batch, header: decoded, notes },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::batch::BatchBuilder;
    use protocol::{Ballot, GroupId};

    fn batch(group: u32) -> Bytes {
        BatchBuilder::new(GroupId(group), Ballot::ZERO, 1).finish()
    }

    /// A file of `count` frames, all but the last `unsynced` fsynced, with the offset of each frame.
    fn file(generation: u64, count: u32, unsynced: u32) -> (Vec<u8>, Vec<usize>) {
        let mut bytes = vec![0; FRAMES_AT as usize];
        let mut tip = Tip::start(generation);
        let mut offsets = Vec::new();
        for number in 0..count {
            offsets.push(bytes.len());
            tip.synced = number.min(count - unsynced);
            tip.push(&batch(number), Notes::default(), &mut bytes);
        }
        bytes.resize(bytes.len() + 200, 0);
        (bytes, offsets)
    }

    fn groups(scan: &Scan) -> Vec<u32> {
        scan.frames.iter().map(|frame| frame.header.group.0).collect()
    }

    #[test]
    fn frames_read_one_by_one_are_those_of_a_scan() {
        let disk = crate::sim::SimDisk::new();
        let path = std::path::PathBuf::from("/log");
        let (good, offsets) = file(7, 6, 0);
        let cases =
            [vec![], vec![offsets[0]], vec![offsets[2] + 70], vec![offsets[5]], vec![offsets[1], offsets[3] + 4]];
        for (case, flipped) in cases.into_iter().enumerate() {
            let mut bytes = good.clone();
            flipped.iter().for_each(|&at| bytes[at] ^= 1);
            let written = crate::node::disk::Disk::open(&*disk, &path, crate::node::disk::OpenMode::OrCreate);
            let written = written.expect("it is memory");
            written.write_at(0, &bytes).expect("it is memory");
            let mut read = Vec::new();
            let lost =
                read_frames(&*written, 7, |frame| read.push((frame.at, frame.header.group.0))).expect("it is memory");
            let whole = scan_synced(&bytes.into(), 7, true);
            let expected: Vec<_> = whole.frames.iter().map(|frame| (frame.at, frame.header.group.0)).collect();
            assert_eq!((read, lost), (expected, whole.lost), "case {case}");
        }
    }

    #[test]
    fn a_tail_torn_at_any_byte_is_cut_there() {
        let (whole, offsets) = file(7, 4, 2);
        for cut in FRAMES_AT as usize..whole.len() - 200 {
            let mut bytes = whole.clone();
            bytes[cut..].fill(0);
            let kept = offsets.iter().filter(|&&at| at + FRAME_HEADER_BYTES + 32 <= cut).count();
            let scan = scan(&bytes.into(), 7);
            assert!(scan.frames.len() == kept || scan.frames.len() == kept + 1, "cut at {cut}");
            assert!(!scan.lost, "cut at {cut}");
        }
    }

    #[test]
    fn a_hole_in_the_unsynced_tail_cuts_what_follows() {
        let (mut bytes, offsets) = file(7, 6, 3);
        bytes[offsets[3] + 70] ^= 1;
        let scan = scan(&bytes.into(), 7);
        assert_eq!((groups(&scan), scan.torn, scan.lost), (vec![0, 1, 2], true, false));
    }

    #[test]
    fn rot_below_a_later_frames_fsync_is_reported_and_the_rest_salvaged() {
        let (mut bytes, offsets) = file(7, 6, 0);
        bytes[offsets[2] + 70] ^= 1;
        let scan = scan(&bytes.into(), 7);
        assert_eq!((groups(&scan), scan.lost), (vec![0, 1, 3, 4], true));
    }

    #[test]
    fn frames_of_a_former_life_do_not_come_back() {
        // The recycled file holds old frames of equal sizes at the same offsets.
        let (old, offsets) = file(7, 5, 0);
        let (new, _) = file(8, 2, 0);
        let mut bytes = old;
        bytes[..offsets[2]].copy_from_slice(&new[..offsets[2]]);
        let found = scan(&bytes.clone().into(), 8);
        assert_eq!((groups(&found), found.lost), (vec![0, 1], false));
        // A new header over an old batch: the batch is sound and is not the one that was written.
        let mut mixed = bytes;
        let mut header = Vec::new();
        let mut tip = Tip::start(8);
        for group in [0, 1, 9] {
            header.clear();
            tip.push(&batch(group), Notes::default(), &mut header);
        }
        mixed[offsets[2]..offsets[2] + FRAME_HEADER_BYTES].copy_from_slice(&header[..FRAME_HEADER_BYTES]);
        assert_eq!(groups(&scan(&mixed.into(), 8)), [0, 1]);
    }

    #[test]
    fn file_headers_round_trip_and_newer_ones_are_refused() {
        let header = FileHeader { node: NodeId(3), generation: 9, copies: 4 };
        let mut bytes = header.encode();
        assert_eq!(FileHeader::decode(&bytes), Ok(header));
        bytes[8] = 2;
        assert!(matches!(FileHeader::decode(&bytes), Err(Error::NewerFormat { found: 2, .. })));
    }
}

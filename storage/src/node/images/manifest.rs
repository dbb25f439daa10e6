//! What the image store must contain: its files, how far each is vouched for, and how far each group is retired.
//!
//! ```text
//! manifest.0, manifest.1                       <file>.idx, beside each closed file
//!  0  8  magic                                  0  8  magic
//!  8  4  format                                 8  4  format
//! 12  4  node                                  12  4  file
//! 16  8  sequence                              16  4  bytes of the body
//! 24  4  bytes of the body                     20     body, then 4 bytes CRC32C of everything before
//! 28     body, then 4 bytes CRC32C of          body: frames as varints, in order: { page, lsn, bytes / 8,
//!        everything before                           bytes / 8 between it and the one before }; a frame that is lost
//!                                                    has no bytes
//! body, all varints:
//!   next file
//!   groups: count, then { group, base, ballot }
//!   files:  count, then { file, bytes, frames, page and LSN of the last one }
//!   hydrations: count, then { group, fields of Hydration }
//! ```

use super::super::copies::{self, Copies, Names};
use super::super::disk::{Disk, DiskFile, below, read_file, remove_if_there, replace_file};
use super::super::hydrate::Hydration;
use super::super::layout::{heading, read_heading};
use super::frame::{FRAME_BYTES_MAX, FRAMES_AT, Frame, Version};
use protocol::bytes_io::{Reader, put_varint};
use protocol::{Ballot, Error, GroupId, Lsn, NodeId, PageId};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const MAGIC: [u8; 8] = *b"redobtMF";
const INDEX_MAGIC: [u8; 8] = *b"redobtII";
const NAMES: Names = ["manifest.0", "manifest.1"];
const WHAT: &str = "image manifest";
const INDEX: &str = "image index";

/// How far a file is vouched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vouched {
    /// Behind its last frame.
    pub bytes: u64,
    /// Its frames.
    pub frames: u32,
    /// The last of them.
    pub last: Version,
}

/// What the image store must contain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Whose it is.
    pub node: NodeId,
    /// Counts writes of the manifest.
    pub sequence: u64,
    /// The number of the next file: no listed one has it or a higher one.
    pub next_file: u32,
    /// Up to where each group is retired from the log, and the ballot of the record there.
    pub bases: BTreeMap<GroupId, (Lsn, Ballot)>,
    /// The files.
    pub files: BTreeMap<u32, Vouched>,
    /// Groups that images of a peer are being taken in for, and how far that has come.
    pub hydrations: BTreeMap<GroupId, Hydration>,
}

impl Manifest {
    /// Of a store without an image.
    #[must_use]
    pub fn new(node: NodeId) -> Manifest {
        let (bases, files, hydrations) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Manifest { node, sequence: 0, next_file: 1, bases, files, hydrations }
    }

    /// Reads the newer copy.
    ///
    /// # Errors
    /// As [`copies::read`].
    pub fn read(disk: &dyn Disk, dir: &Path) -> io::Result<Result<Copies<Manifest>, Error>> {
        copies::read(disk, dir, NAMES, Manifest::decode, |manifest| manifest.sequence)
    }

    /// Writes the `damaged`-th copy again from the other one.
    ///
    /// # Errors
    /// As [`copies::mend`].
    pub fn mend(disk: &dyn Disk, dir: &Path, damaged: usize) -> io::Result<()> {
        copies::mend(disk, dir, NAMES, damaged)
    }

    /// Writes both copies.
    ///
    /// # Errors
    /// As [`copies::write`].
    pub fn write(&mut self, disk: &dyn Disk, dir: &Path) -> io::Result<()> {
        self.sequence += 1;
        copies::write(disk, dir, NAMES, self.sequence, &self.encode())
    }

    fn encode(&self) -> Vec<u8> {
        let mut body = Vec::new();
        put_varint(&mut body, self.next_file.into());
        put_varint(&mut body, self.bases.len() as u64);
        for (group, (base, ballot)) in &self.bases {
            [group.0.into(), base.0, ballot.0].into_iter().for_each(|field| put_varint(&mut body, field));
        }
        put_varint(&mut body, self.files.len() as u64);
        for (file, Vouched { bytes, frames, last: (page, lsn) }) in &self.files {
            let fields = [(*file).into(), *bytes, (*frames).into(), page.0, lsn.0];
            fields.into_iter().for_each(|field| put_varint(&mut body, field));
        }
        put_varint(&mut body, self.hydrations.len() as u64);
        for (group, hydration) in &self.hydrations {
            let Hydration { target, target_ballot, newer_than, table, next, pages, bytes } = *hydration;
            let fields = [target.0, target_ballot.0, newer_than.0, table.0, next.0, pages, bytes];
            put_varint(&mut body, group.0.into());
            fields.into_iter().for_each(|field| put_varint(&mut body, field));
        }
        let mut out = heading(MAGIC).to_vec();
        out.extend_from_slice(&self.node.0.to_le_bytes());
        out.extend_from_slice(&self.sequence.to_le_bytes());
        close(out, &body)
    }

    fn decode(bytes: &[u8]) -> Result<Manifest, Error> {
        let (mut r, body) = open(bytes, MAGIC, 12, WHAT)?;
        let (node, sequence) = (NodeId(r.u32()?), r.u64()?);
        let mut r = Reader::new(body, WHAT);
        let mut manifest = Manifest { sequence, next_file: u32_of(r.varint()?, WHAT)?, ..Manifest::new(node) };
        for _ in 0..r.varint()? {
            let (group, base) = (GroupId(u32_of(r.varint()?, WHAT)?), Lsn(r.varint()?));
            manifest.bases.insert(group, (base, Ballot(r.varint()?)));
        }
        for _ in 0..r.varint()? {
            let (file, bytes, frames) = (u32_of(r.varint()?, WHAT)?, r.varint()?, u32_of(r.varint()?, WHAT)?);
            let last = (PageId(r.varint()?), Lsn(r.varint()?));
            manifest.files.insert(file, Vouched { bytes, frames, last });
        }
        for _ in 0..r.varint()? {
            let group = GroupId(u32_of(r.varint()?, WHAT)?);
            let hydration = Hydration {
                target: Lsn(r.varint()?),
                target_ballot: Ballot(r.varint()?),
                newer_than: Lsn(r.varint()?),
                table: Ballot(r.varint()?),
                next: PageId(r.varint()?),
                pages: r.varint()?,
                bytes: r.varint()?,
            };
            manifest.hydrations.insert(group, hydration);
        }
        if r.is_empty() { Ok(manifest) } else { Err(Error::Malformed { what: WHAT, why: "bytes left over" }) }
    }
}

/// The name of an image file.
#[must_use]
pub fn file_name(file: u32) -> String {
    format!("{file:08x}.img")
}

/// The number in the name of an image file or of its index.
#[must_use]
pub fn number_of(name: &str) -> Option<u32> {
    let digits = name.strip_suffix(".img").or_else(|| name.strip_suffix(".idx")).filter(|digits| digits.len() == 8)?;
    u32::from_str_radix(digits, 16).ok()
}

fn index_path(dir: &Path, file: u32) -> PathBuf {
    below(dir, &format!("{file:08x}.idx"))
}

/// Writes the index of a closed file, durable on return.
///
/// # Errors
/// Any I/O error.
pub fn write_index(disk: &dyn Disk, dir: &Path, file: u32, frames: &[Frame]) -> io::Result<()> {
    let mut body = Vec::with_capacity(frames.len() * 12);
    let mut end = FRAMES_AT;
    for Frame { version: (page, lsn), at, bytes } in frames {
        let (at, bytes) = (u64::from(*at), u64::from(*bytes));
        [page.0, lsn.0, bytes / 8, (at - end) / 8].into_iter().for_each(|field| put_varint(&mut body, field));
        end = at + bytes;
    }
    let mut out = heading(INDEX_MAGIC).to_vec();
    out.extend_from_slice(&file.to_le_bytes());
    replace_file(disk, &index_path(dir, file), &close(out, &body))
}

/// Reads the index of a closed file; `None` when there is none or a damaged one.
///
/// # Errors
/// I/O errors; [`io::ErrorKind::Unsupported`] for a newer format.
pub fn read_index(disk: &dyn Disk, dir: &Path, file: u32) -> io::Result<Option<Vec<Frame>>> {
    let bytes = match read_file(disk, &index_path(dir, file)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    match decode_index(&bytes, file) {
        Ok(frames) => Ok(Some(frames)),
        Err(error @ Error::NewerFormat { .. }) => Err(io::Error::new(io::ErrorKind::Unsupported, error)),
        Err(error) => {
            tracing::warn!(file, %error, "the index of an image file is damaged; the file is read instead");
            Ok(None)
        }
    }
}

fn decode_index(bytes: &[u8], file: u32) -> Result<Vec<Frame>, Error> {
    let malformed = |why| Error::Malformed { what: INDEX, why };
    let (mut r, body) = open(bytes, INDEX_MAGIC, 4, INDEX)?;
    if r.u32()? != file {
        return Err(malformed("it is another file's"));
    }
    let mut r = Reader::new(body, INDEX);
    let mut frames = Vec::new();
    let mut at = FRAMES_AT;
    while !r.is_empty() {
        let version = (PageId(r.varint()?), Lsn(r.varint()?));
        let bytes = r.varint()?.saturating_mul(8);
        if bytes > FRAME_BYTES_MAX || version.1.is_zero() {
            return Err(malformed("a frame has no sensible length or LSN"));
        }
        at = r.varint()?.checked_mul(8).and_then(|gap| at.checked_add(gap)).ok_or(malformed("an offset overflows"))?;
        frames.push(Frame { version, at: u32_of(at, INDEX)?, bytes: bytes as u32 });
        at += bytes;
    }
    Ok(frames)
}

/// Removes a file and its index, as far as they are there.
///
/// # Errors
/// Any I/O error.
pub fn remove_file(disk: &dyn Disk, dir: &Path, file: u32) -> io::Result<()> {
    remove_if_there(disk, &below(dir, &file_name(file)))?;
    remove_if_there(disk, &index_path(dir, file))
}

/// The content of an image file; nothing when it is not there.
///
/// # Errors
/// Any I/O error.
pub fn read_whole(disk: &dyn Disk, dir: &Path, file: u32) -> io::Result<Vec<u8>> {
    match read_file(disk, &below(dir, &file_name(file))) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        read => read,
    }
}

/// Opens an image file.
///
/// # Errors
/// Any I/O error.
pub fn open_file(disk: &dyn Disk, dir: &Path, file: u32) -> io::Result<Arc<dyn DiskFile>> {
    disk.open(&below(dir, &file_name(file)), super::super::disk::OpenMode::Existing)
}

fn close(mut out: Vec<u8>, body: &[u8]) -> Vec<u8> {
    out.extend_from_slice(&(body.len() as u32).to_le_bytes());
    out.extend_from_slice(body);
    let checksum = crc32c::crc32c(&out);
    out.extend_from_slice(&checksum.to_le_bytes());
    out
}

/// Checks magic, format and checksum; gives the fields of `fixed` bytes behind the format, and the body.
fn open<'a>(
    bytes: &'a [u8],
    magic: [u8; 8],
    fixed: usize,
    what: &'static str,
) -> Result<(Reader<'a>, &'a [u8]), Error> {
    let mut r = Reader::new(bytes, what);
    read_heading(&mut r, magic, what)?;
    let fields = Reader::new(r.bytes(fixed)?, what);
    let length = r.u32()? as usize;
    let body = r.bytes(length)?;
    let covered = bytes.len() - r.rest().len();
    if r.u32()? != crc32c::crc32c(&bytes[..covered]) {
        return Err(Error::Checksum { what });
    }
    if r.is_empty() { Ok((fields, body)) } else { Err(Error::Malformed { what, why: "bytes left over" }) }
}

fn u32_of(value: u64, what: &'static str) -> Result<u32, Error> {
    u32::try_from(value).map_err(|_| Error::Malformed { what, why: "number exceeds 32 bits" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let mut manifest = Manifest { sequence: 9, next_file: 300, ..Manifest::new(NodeId(2)) };
        manifest.bases.insert(GroupId(4), (Lsn(1 << 40), Ballot::new(3, 1)));
        manifest.files.insert(7, Vouched { bytes: 4096, frames: 3, last: (PageId(5), Lsn(99)) });
        let hydration = Hydration {
            target: Lsn(1 << 30),
            target_ballot: Ballot::new(2, 9),
            newer_than: Lsn(5),
            table: Ballot::new(3, 1),
            next: PageId(77),
            pages: 6,
            bytes: 70_000,
        };
        manifest.hydrations.insert(GroupId(4), hydration);
        manifest
    }

    #[test]
    fn a_manifest_round_trips_and_every_flipped_bit_is_found() {
        let bytes = manifest().encode();
        assert_eq!(Manifest::decode(&bytes), Ok(manifest()));
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(Manifest::decode(&bad).is_err(), "bit {bit}");
        }
        for cut in 0..bytes.len() {
            assert!(Manifest::decode(&bytes[..cut]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn an_index_round_trips_and_every_flipped_bit_is_found() {
        let disk = crate::sim::SimDisk::new();
        let dir = PathBuf::from("/images");
        disk.create_dir(&dir).expect("it is memory");
        let frame = |page: u64, at: u32, bytes: u32| Frame { version: (PageId(page), Lsn(page + 1)), at, bytes };
        let frames = vec![frame(8, 32, 400), frame(2, 432, 8), frame(1 << 50, 640, 64)];
        write_index(&*disk, &dir, 6, &frames).expect("the disk is sound");
        assert_eq!(read_index(&*disk, &dir, 6).expect("the disk is sound"), Some(frames));
        let bytes = disk.bytes(&index_path(&dir, 6));
        assert!(decode_index(&bytes, 7).is_err());
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(decode_index(&bad, 6).is_err(), "bit {bit}");
        }
    }
}

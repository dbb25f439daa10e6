//! The superblock: who the node is, which volume it keeps, what it promised, and its truncation table.
//!
//! It is kept in two [copies]. When both are damaged the node refuses to start, for a promise that is forgotten
//! loses acknowledged commits. One that was written before there were incarnations has none, which means the first; nor is one
//! unsure, or knows of redo, that was written before that could be told.
//!
//! ```text
//!  0  8  magic            24  8  boot       runs of this node so far
//!  8  4  format           32  8  promised
//! 12  4  node             40  4  config     bytes, 0: no volume
//! 16  8  sequence         44  4  table      bytes
//! 48     config, table (protobuf), 4 bytes incarnation, 4 bytes unsure (0 or 1), 4 bytes has redo (0 or 1),
//!        then 4 bytes CRC32C of everything before
//! ```

use super::copies::{self, Copies, Names};
use super::disk::Disk;
use super::layout::{heading, read_heading};
use crate::history::TruncationTable;
use prost::Message;
use protocol::bytes_io::Reader;
use protocol::rpc::storage as rpc;
use protocol::{Ballot, Error, NodeId};
use std::io;
use std::path::Path;

const MAGIC: [u8; 8] = *b"redobtSB";
const WHAT: &str = "superblock";
/// The names of the two copies.
pub const NAMES: Names = ["superblock.0", "superblock.1"];

/// A node's durable identity and promises.
#[derive(Clone, Debug, PartialEq)]
pub struct Superblock {
    /// Its number.
    pub node: NodeId,
    /// Which of the members with this number it is or was: 0 for those that `init` chose.
    pub incarnation: u32,
    /// Counts writes of the superblock.
    pub sequence: u64,
    /// Counts starts of the node.
    pub boot: u64,
    /// The highest ballot prepared or installed.
    pub promised: Ballot,
    /// The history of ballots.
    pub table: TruncationTable,
    /// The volume, once there is one.
    pub config: Option<rpc::VolumeConfig>,
    /// Redo may be lost of which nothing here tells: see `State::unsure`.
    pub unsure: bool,
    /// It has flushed redo: from then on there are frames in its log, or images.
    pub has_redo: bool,
}

impl Superblock {
    /// Of a node without a volume.
    #[must_use]
    pub fn new(node: NodeId) -> Superblock {
        let table = TruncationTable::default();
        Superblock {
            node,
            incarnation: 0,
            sequence: 0,
            boot: 0,
            promised: Ballot::ZERO,
            table,
            config: None,
            unsure: false,
            has_redo: false,
        }
    }

    /// Reads the newer copy.
    ///
    /// # Errors
    /// As [`copies::read`].
    pub fn read(disk: &dyn Disk, dir: &Path) -> io::Result<Result<Copies<Superblock>, Error>> {
        copies::read(disk, dir, NAMES, Superblock::decode, |superblock| superblock.sequence)
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
        let config = self.config.as_ref().map(Message::encode_to_vec).unwrap_or_default();
        let table = self.table.to_rpc().encode_to_vec();
        let mut out = heading(MAGIC).to_vec();
        out.extend_from_slice(&self.node.0.to_le_bytes());
        for field in [self.sequence, self.boot, self.promised.0] {
            out.extend_from_slice(&field.to_le_bytes());
        }
        out.extend_from_slice(&(config.len() as u32).to_le_bytes());
        out.extend_from_slice(&(table.len() as u32).to_le_bytes());
        out.extend_from_slice(&config);
        out.extend_from_slice(&table);
        out.extend_from_slice(&self.incarnation.to_le_bytes());
        out.extend_from_slice(&u32::from(self.unsure).to_le_bytes());
        out.extend_from_slice(&u32::from(self.has_redo).to_le_bytes());
        let checksum = crc32c::crc32c(&out);
        out.extend_from_slice(&checksum.to_le_bytes());
        out
    }

    fn decode(bytes: &[u8]) -> Result<Superblock, Error> {
        let malformed = |why| Error::Malformed { what: WHAT, why };
        let mut r = Reader::new(bytes, WHAT);
        read_heading(&mut r, MAGIC, WHAT)?;
        let node = NodeId(r.u32()?);
        let (sequence, boot, promised) = (r.u64()?, r.u64()?, Ballot(r.u64()?));
        let (config_bytes, table_bytes) = (r.u32()? as usize, r.u32()? as usize);
        let (config, table) = (r.bytes(config_bytes)?, r.bytes(table_bytes)?);
        let incarnation = if r.rest().len() > 4 { r.u32()? } else { 0 };
        let unsure = r.rest().len() > 4 && r.u32()? != 0;
        let has_redo = r.rest().len() > 4 && r.u32()? != 0;
        let body = bytes.len() - r.rest().len();
        if r.u32()? != crc32c::crc32c(&bytes[..body]) {
            return Err(Error::Checksum { what: WHAT });
        }
        let config = (config_bytes > 0).then(|| rpc::VolumeConfig::decode(config)).transpose();
        let config = config.map_err(|_| malformed("the volume's configuration does not decode"))?;
        let table = rpc::TruncationTable::decode(table).map_err(|_| malformed("the table does not decode"))?;
        let table = TruncationTable::from_rpc(&table)?;
        Ok(Superblock { node, incarnation, sequence, boot, promised, table, config, unsure, has_redo })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::SimDisk;
    use std::path::PathBuf;

    #[test]
    fn one_damaged_copy_costs_nothing_and_two_are_refused() {
        let disk = SimDisk::new();
        let dir = PathBuf::from("/node");
        disk.create_dir(&dir).expect("the disk is sound");
        let read = || Superblock::read(&*disk, &dir).expect("the disk is sound").map(|copies| copies.newest);
        let mend = |copy| Superblock::mend(&*disk, &dir, copy).expect("the disk is sound");
        assert_eq!(read(), Ok(None));
        let mut block = Superblock::new(NodeId(2));
        for counter in 1..=3 {
            block.promised = Ballot::new(counter, 7);
            block.incarnation = counter - 1;
            block.unsure = counter == 2;
            block.has_redo = counter > 1;
            block.write(&*disk, &dir).expect("the disk is sound");
            assert_eq!(read(), Ok(Some(block.clone())));
        }
        for (copy, name) in NAMES.into_iter().enumerate() {
            disk.flip(&dir.join(name), 33, 1);
            assert_eq!(read(), Ok(Some(block.clone())), "a promise is not forgotten with {name}");
            mend(copy);
        }
        // Torn in the first copy: the state before, in the second.
        let before = block.clone();
        block.promised = Ballot::new(9, 7);
        disk.cut_sync_after(0);
        assert!(block.write(&*disk, &dir).is_err());
        disk.crash(crate::sim::Loss::Everything);
        assert_eq!(read(), Ok(Some(before)));
        for name in NAMES {
            disk.flip(&dir.join(name), 33, 1);
        }
        assert!(matches!(read(), Err(Error::Checksum { .. })));
    }
}

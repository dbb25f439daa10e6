//! Starting a node on its directory.
//!
//! **Rule.** No watermark is told before everything it counts is on the medium. The last log file of a node that was killed
//! may be in the kernel only, and after a failed fsync the kernel may even call such bytes clean; so its frames are copied
//! into a new file, which is fsynced before the old one goes. A directory that is not this node's, is in use, or is of a newer
//! format is refused untouched.
//!
//! What was once acknowledged as flushed and is not found is a loss, not a torn tail: the groups concerned are named, the
//! node says that it is not whole (`hydrated` in its Prepare reply) until its peers have filled them. What a recovery annulled
//! was no loss: then a group need only reach its last record below the cut, which the branch that was cut off names by its
//! back-link. Where it does not, for it may be retired, peers tell ([`State::note_peers`]); to take the cut itself for the
//! group's end would keep every node with an idle group out of every quorum, and after a loss of all power that is all of them.
//!
//! Where what would have told is gone itself, a file or the index of one, the node is *unsure* ([`State::unsure`]): not whole
//! either until four peers have said what they hold, and it remembers that through further starts.

use super::background::{Wake, index_of};
use super::disk::{Disk, Patience, below};
use super::frame::Notes;
use super::hearing::Hearing;
use super::images::{ImageError, Images};
use super::index::{FileIndex, IndexBuilder};
use super::log::{Files, Found, LOG_FILE_BYTES_MIN, Log, ReadFault, StoredIndex};
use super::pages::PageCache;
use super::queue::Queue;
use super::reads::Turns;
use super::segment::Run;
use super::state::{Due, Head, State, Volume};
use super::stored::records;
use super::superblock::{NAMES, Superblock};
use super::writer::Writer;
use super::{Counters, Node, NodeOptions, Shared, TendError};
use crate::membership::MemberName;
use bytes::Bytes;
use hashbrown::HashMap;
use parking_lot::Mutex;
use protocol::redo::RecordHeader;
use protocol::{Ballot, BootId, Error, GroupId, Lsn, NodeId, PageId};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

const LOCK: &str = "lock";
const LOG: &str = "log";
const IMAGES: &str = "images";

/// Why a node does not start on a directory.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it; the error names it.
    #[error("{dir} is in use: {error}")]
    InUse { dir: PathBuf, error: io::Error },
    /// It is some other directory.
    #[error("{dir} is not empty and has no superblock: not a storage node's directory")]
    NotEmpty { dir: PathBuf },
    /// It is another node's.
    #[error("{dir} belongs to {found}, not to {expected}")]
    OtherNode { dir: PathBuf, found: NodeId, expected: NodeId },
    /// Something in it is damaged beyond this node's own repair, or of a newer format.
    #[error("{dir}: {error}")]
    Damaged { dir: PathBuf, error: Error },
    /// The image store does not open.
    #[error("{dir}: {error}")]
    Images { dir: PathBuf, error: ImageError },
    /// The log cannot be read.
    #[error("{dir}: {error}")]
    Log { dir: PathBuf, error: TendError },
    /// The options make no sense.
    #[error("a log file needs at least {LOG_FILE_BYTES_MIN} bytes, and fits 32 bits")]
    Options,
    /// The disk failed.
    #[error("{dir}: {error}")]
    Io { dir: PathBuf, error: io::Error },
}

impl Node {
    /// Which node a directory of one volume belongs to; none when it is missing, empty or not a node's. Changes nothing.
    ///
    /// # Errors
    /// [`OpenError::Damaged`], [`OpenError::Io`].
    pub fn identity(disk: &dyn Disk, dir: &Path) -> Result<Option<NodeId>, OpenError> {
        let io = |error| OpenError::Io { dir: dir.to_owned(), error };
        let damaged = |error| OpenError::Damaged { dir: dir.to_owned(), error };
        let superblock = Superblock::read(disk, dir).map_err(io)?.map_err(damaged)?;
        Ok(superblock.newest.map(|superblock| superblock.node))
    }

    /// Starts a node on `dir`, which is made when missing.
    ///
    /// # Errors
    /// [`OpenError`]. Whatever the error, nothing is changed in a directory that is in use, another's, or of a newer format.
    pub fn open(disk: Arc<dyn Disk>, dir: &Path, options: NodeOptions) -> Result<Arc<Node>, OpenError> {
        if options.log_file_bytes < LOG_FILE_BYTES_MIN || options.log_file_bytes > u32::MAX.into() {
            return Err(OpenError::Options);
        }
        let io = |error| OpenError::Io { dir: dir.to_owned(), error };
        let damaged = |error| OpenError::Damaged { dir: dir.to_owned(), error };
        let found = Superblock::read(&*disk, dir).map_err(io)?.map_err(damaged)?;
        if found.newest.is_none() {
            // Looked at before the lock is made: what is not ours is left as it is.
            let names = match disk.list(dir) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
                names => names.map_err(io)?,
            };
            if names.iter().any(|name| name != LOCK && !NAMES.contains(&name.as_str())) {
                return Err(OpenError::NotEmpty { dir: dir.to_owned() });
            }
        }
        disk.create_dir(dir).map_err(io)?;
        let lock = disk.lock(&below(dir, LOCK)).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => OpenError::InUse { dir: dir.to_owned(), error },
            _ => io(error),
        })?;
        // Read again under the lock: another process may have been here in between.
        let found = Superblock::read(&*disk, dir).map_err(io)?.map_err(damaged)?;
        let mut superblock = found.newest.unwrap_or_else(|| Superblock::new(options.id));
        if superblock.node != options.id {
            return Err(OpenError::OtherNode { dir: dir.to_owned(), found: superblock.node, expected: options.id });
        }
        if superblock.config.is_none() {
            sweep(&*disk, dir).map_err(io)?;
        }
        let log_dir = below(dir, LOG);
        let (node, bytes, headroom) = (options.id, options.log_file_bytes, options.headroom_percent);
        let files = Arc::new(Files::new(disk.clone(), log_dir, node, bytes, headroom));
        check_formats(&*disk, &files).map_err(io)?.map_err(damaged)?;

        if let Some((copy, error)) = found.damage {
            tracing::error!(%error, "a copy of the superblock is damaged; it is written anew from the other");
            Superblock::mend(&*disk, dir, copy).map_err(io)?;
        }
        superblock.boot += 1;
        superblock.write(&*disk, dir).map_err(io)?;
        let images = Images::open(disk.clone(), &below(dir, IMAGES), node, options.image_file_bytes)
            .map_err(|error| OpenError::Images { dir: dir.to_owned(), error })?;
        disk.sync_dir(dir).map_err(io)?;

        let volume = superblock.config.clone().map(Volume::new).transpose().map_err(damaged)?;
        let state = State {
            boot: BootId(superblock.boot),
            volume: volume.map(Arc::new),
            name: Some(MemberName { node: superblock.node, incarnation: superblock.incarnation }),
            promised: superblock.promised,
            table: Arc::new(superblock.table.clone()),
            ..State::default()
        };
        let volume_id = AtomicU64::new(superblock.config.as_ref().map_or(0, |config| config.volume));
        let quota_bytes = AtomicU64::new(superblock.config.as_ref().map_or(0, |config| config.quota_bytes));
        let hearing = Hearing::start(options.clock.now());
        let shared = Arc::new(Shared {
            superblock: Mutex::new(()),
            turns: Turns::default(),
            imaging: Mutex::new(()),
            cache: Mutex::new(PageCache::new(options.page_cache_bytes)),
            options,
            disk,
            dir: dir.to_owned(),
            state: Mutex::new(state),
            volume_id,
            quota_bytes,
            queue: Queue::default(),
            files,
            images,
            leases: Mutex::default(),
            hearing,
            background: Wake::default(),
            arrivals: super::arrivals::Arrivals::default(),
            vdl_news: tokio::sync::Notify::new(),
            gossip: tokio::sync::Notify::new(),
            stopped: std::sync::atomic::AtomicBool::new(false),
            counters: Counters::default(),
            _lock: lock,
        });
        let log = |error| OpenError::Log { dir: dir.to_owned(), error };
        let indexes = load_files(&shared, &mut superblock).map_err(log)?;
        load_state(&shared, &indexes).map_err(log)?;
        drop(indexes);
        let writer = Writer::new(shared.clone(), Log::new(shared.files.clone()), superblock);
        Node::start(shared, writer).map_err(io)
    }
}

/// Removes log and images in a directory whose superblock has no volume: what a drop has left. A node without a volume takes
/// nothing that could be there for another reason.
pub(super) fn sweep(disk: &dyn Disk, dir: &Path) -> io::Result<()> {
    for part in [LOG, IMAGES] {
        let part = below(dir, part);
        let names = match disk.list(&part) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            names => names?,
        };
        names.iter().try_for_each(|name| disk.remove(&below(&part, name)))?;
        disk.sync_dir(&part)?;
    }
    Ok(())
}

/// As [`sweep`], of a directory that no node is opened on.
pub(super) fn sweep_unused(disk: &dyn Disk, dir: &Path) -> io::Result<()> {
    let _lock = disk.lock(&below(dir, LOCK))?;
    sweep(disk, dir)
}

/// Looks for a log file or an index of a newer format before anything is changed.
fn check_formats(disk: &dyn Disk, files: &Files) -> io::Result<Result<(), Error>> {
    let names = match disk.list(files.dir()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Ok(())),
        names => names?,
    };
    for sequence in names.iter().filter_map(|name| super::log::sequence_of(name)) {
        if let Err(error @ Error::NewerFormat { .. }) = files.open(sequence)? {
            return Ok(Err(error));
        }
        if let Err(error) = files.check_index_format(sequence)? {
            return Ok(Err(error));
        }
    }
    Ok(Ok(()))
}

/// Takes every log file in and gives their indexes, in the order written. The last one, if it was not sealed, is copied.
///
/// What a file held whose header is damaged, or a sealed one whose index is, is told by nothing: not even by its frames, for a
/// damaged one at the end passes for a torn tail. Nor is what a damaged frame held of a group that no other frame speaks of,
/// or what a log held that is gone as a whole, or has no frame left: that there was redo, the superblock tells, and
/// images once there are any. Then the node is unsure, durably so before anything is changed.
fn load_files(shared: &Shared, superblock: &mut Superblock) -> Result<Vec<FileIndex>, TendError> {
    let files = &shared.files;
    let Found { sequences, orphans } = files.discover()?;
    let mut found = Vec::new();
    let mut damaged = Vec::new();
    for sequence in sequences {
        let index = files.read_index(sequence)?;
        match files.open(sequence)? {
            Ok((file, header)) => {
                if matches!(index, StoredIndex::Damaged) {
                    tracing::error!(
                        file = sequence,
                        "a log index is damaged; its file is read, peers say what is missing"
                    );
                }
                let is_empty = matches!(index, StoredIndex::Missing) && files.is_empty(&*file, sequence)?;
                found.push((sequence, file, header, index, is_empty));
            }
            Err(error) => {
                tracing::error!(file = sequence, %error, "a log file is damaged and set aside; peers say what is missing");
                damaged.push(sequence);
            }
        }
    }
    for sequence in &orphans {
        tracing::error!(file = sequence, "a log file is gone; peers say what is missing");
    }
    let has_images = !shared.images.pages_from(PageId(0), 1).is_empty() || !shared.images.bases().is_empty();
    let gone = if has_images {
        // What they cover may be retired.
        found.is_empty() && damaged.is_empty() && !files.has_spare()
    } else {
        superblock.has_redo && found.iter().all(|(.., is_empty)| *is_empty)
    };
    if gone {
        tracing::error!("the log is gone, or all that was in it; peers say what is missing");
    }
    let unread = found.iter().any(|(.., index, _)| matches!(index, StoredIndex::Damaged));
    if gone || unread || !damaged.is_empty() || !orphans.is_empty() {
        doubt(shared, superblock)?;
    }
    shared.state.lock().unsure = superblock.unsure;
    damaged.into_iter().try_for_each(|sequence| files.set_aside(sequence))?;
    orphans.into_iter().try_for_each(|sequence| files.remove_index(sequence))?;

    // A start that was cut short may have left a file beside its finished copy.
    let copied: Vec<u64> = found.iter().map(|(_, _, header, ..)| header.copies).collect();
    let mut kept = Vec::new();
    for (sequence, file, _, index, is_empty) in found {
        if copied.contains(&sequence) {
            files.discard(sequence)?;
        } else if is_empty {
            files.put_back(sequence)?;
        } else {
            kept.push((sequence, file, index));
        }
    }
    if !kept.is_empty() && !superblock.has_redo {
        // It was killed between its first fsync and the note of it, or is older than such notes.
        superblock.has_redo = true;
        superblock.write(&*shared.disk, &shared.dir)?;
    }
    let last = kept.last().map_or(0, |(sequence, ..)| *sequence);
    let mut indexes = Vec::new();
    for (sequence, file, index) in kept {
        match index {
            StoredIndex::Sound(index) => {
                files.adopt_sealed(sequence, file);
                indexes.push(index);
            }
            StoredIndex::Missing if sequence == last => {
                indexes.push(copy_tail(shared, superblock, &*file, sequence)?);
            }
            StoredIndex::Missing | StoredIndex::Damaged => {
                let (index, lost) = index_of(&*file, sequence)?;
                if lost {
                    doubt(shared, superblock)?;
                }
                files.adopt_rolled(sequence, file);
                files.seal(&index)?;
                indexes.push(index);
            }
        }
    }
    Ok(indexes)
}

/// Notes durably that the node may lack what it had.
fn doubt(shared: &Shared, superblock: &mut Superblock) -> io::Result<()> {
    if !superblock.unsure {
        superblock.unsure = true;
        superblock.write(&*shared.disk, &shared.dir)?;
    }
    shared.state.lock().unsure = true;
    Ok(())
}

fn copy_tail(
    shared: &Shared,
    superblock: &mut Superblock,
    file: &dyn super::disk::DiskFile,
    sequence: u64,
) -> Result<FileIndex, TendError> {
    let scan = shared.files.scan(file, sequence)?;
    if scan.lost {
        doubt(shared, superblock)?;
        tracing::error!(file = sequence, "flushed redo in the log's tail is damaged; it will be pulled from peers");
    } else if scan.torn {
        tracing::info!(file = sequence, frames = scan.frames.len(), "a torn log tail was cut");
    }
    let frames: Vec<(Bytes, Notes)> = scan.frames.iter().map(|frame| (frame.batch.clone(), frame.notes)).collect();
    let (copy, places) = shared.files.copy_tail(sequence, &frames)?;
    let mut index = IndexBuilder::new(copy);
    for (frame, place) in scan.frames.iter().zip(places) {
        index.add(&frame.header, place, &frame.batch, frame.notes)?;
    }
    let index = index.finish();
    shared.files.seal(&index)?;
    Ok(index)
}

/// Builds segments and page heads from indexes.
fn load_state(shared: &Shared, indexes: &[FileIndex]) -> Result<(), TendError> {
    let bases = shared.images.bases();
    let hydrations = shared.images.hydrations();
    let mut state = shared.state.lock();
    let mut ends = Ends::new();
    for index in indexes {
        for (group, run) in &index.runs {
            hold(shared, &mut state, &mut ends, *group, *run)?;
        }
        // Heard under a table that the superblock's history has.
        state.hear(index.vdl, index.floor, Ballot::ZERO);
    }
    // One whose target was reached otherwise is at its end: gossip says so.
    state.hydrations = hydrations;
    for group in bases.keys() {
        state.segments.entry(*group).or_default();
    }
    for (group, segment) in &mut state.segments {
        let (base, ballot) = bases.get(group).copied().unwrap_or_default();
        segment.settle(base, ballot);
    }
    for (group, acked) in indexes.iter().flat_map(|index| &index.acked) {
        // What was acknowledged may have been annulled since: by its own ballot, which is not that of what is left. Then the
        // group need only reach the last record below the cut, where that is known.
        let now = state.segments.get(group).map_or(Lsn::ZERO, |segment| segment.received());
        let writer = state.table.writer_of(*acked);
        let valid = state.table.clip(*acked, writer);
        let end = ends.get(&(*group, writer)).copied().filter(|_| valid < *acked);
        if now < end.unwrap_or(valid) {
            let known = state.damaged.entry(*group).or_default();
            *known = (*known).max(end.unwrap_or(*acked));
        }
    }
    state.note_repairs();
    for (group, acked) in &state.damaged {
        if state.table.is_valid(*acked, state.table.writer_of(*acked)) {
            tracing::error!(group = group.0, %acked, "flushed redo is missing; this node is not whole until peers fill it");
        } else {
            tracing::info!(group = group.0, %acked, "a recovery cut this group; peers say whether it lacks anything");
        }
    }
    load_heads(shared, &mut state, indexes);
    Ok(())
}

/// The last valid record of a group on the branch of a ballot whose end was annulled, as the branch itself tells.
type Ends = HashMap<(GroupId, Ballot), Lsn>;

fn hold(shared: &Shared, state: &mut State, ends: &mut Ends, group: GroupId, run: Run) -> Result<(), ReadFault> {
    let bound = state.table.bound(run.ballot);
    if run.first > bound {
        if run.prev <= bound {
            ends.insert((group, run.ballot), run.prev);
        }
        return Ok(());
    }
    let segment = state.segments.entry(group).or_default();
    let whole = if run.last <= bound { segment.insert_whole(run) } else { Ok(false) };
    let taken = match whole {
        Ok(true) => Ok(()),
        // It repeats records, or a table cut it: its records must be looked at.
        Ok(false) => {
            let batch = match shared.files.read(run.place, Patience::Full) {
                Ok(batch) => batch,
                // It costs what it held, unless that is held elsewhere, too.
                Err(fault) if fault.damaged().is_some() => {
                    tracing::error!(group = group.0, place = ?run.place, %fault, "stored redo is damaged and left out");
                    let known = state.damaged.entry(group).or_default();
                    *known = (*known).max(run.last);
                    return Ok(());
                }
                Err(fault) => return Err(fault),
            };
            let headers: Vec<RecordHeader> =
                records(&batch).filter_map(Result::ok).map(|record| record.header).collect();
            let inside = headers.iter().filter(|header| run.first <= header.lsn && header.lsn <= run.last);
            if let Some(last) = inside.clone().rev().find(|header| header.lsn <= bound).filter(|_| run.last > bound) {
                ends.insert((group, run.ballot), last.lsn);
            }
            segment.sift(inside, run.ballot, run.place, bound).map(|sifted| {
                sifted.fresh.into_iter().for_each(|run| segment.insert(run));
            })
        }
        Err(fork) => Err(fork),
    };
    if let Err(fork) = taken {
        tracing::error!(group = group.0, %fork, "redo in the log forks; the later branch is left out");
    }
    Ok(())
}

/// The newest record of each page that counts and that its image does not have, and how long the chain above the image is; and
/// the pages of which redo that should be in the image is in the log alone.
fn load_heads(shared: &Shared, state: &mut State, indexes: &[FileIndex]) {
    let Some(volume) = state.volume.clone() else { return };
    let mut heads: HashMap<protocol::PageId, Head> = HashMap::new();
    let mut hollow: BTreeMap<PageId, Lsn> = BTreeMap::new();
    for entry in indexes.iter().flat_map(|index| &index.pages) {
        let Some(segment) = volume.group(entry.page).and_then(|group| state.segments.get(&group)) else { continue };
        let image = shared.images.lsn(entry.page);
        let counts = |lsn: &&Lsn| **lsn <= segment.received() && segment.locate(**lsn).is_some();
        let above = &entry.lsns[entry.lsns.partition_point(|lsn| *lsn <= image)..];
        let Some(&newest) = above.iter().rev().find(counts) else { continue };
        let retired = &above[..above.partition_point(|lsn| *lsn <= segment.base())];
        if let Some(&lsn) = retired.iter().rev().find(counts) {
            let known = hollow.entry(entry.page).or_default();
            *known = lsn.max(*known);
        }
        let first = above.first().copied().unwrap_or(newest);
        let head = heads.entry(entry.page).or_insert_with(|| Head { first, ..Head::default() });
        head.first = head.first.min(first);
        head.newest = head.newest.max(newest);
        head.records = head.records.saturating_add(above.len() as u32);
        // Of their bytes only the sum is known.
        let bytes = entry.bytes * above.len() as u64 / entry.lsns.len() as u64;
        head.bytes = head.bytes.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
    }
    for (page, head) in &mut heads {
        if head.is_long(1) || hollow.contains_key(page) {
            head.due = Due::Yes;
            state.due.push(*page);
        }
    }
    state.due.sort_unstable();
    state.heads = heads;
    if !hollow.is_empty() {
        tracing::warn!(
            pages = hollow.len(),
            "an earlier version took no images of some pages; peers get none of their groups before they are made"
        );
    }
    state.hollow = hollow;
}

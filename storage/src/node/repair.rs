//! Scrubbing and repair: what lies on the disk and nobody reads is read now and then, and what is found damaged is replaced.
//!
//! **Rule.** Damage is never waited out and never guessed around. A stored batch that is damaged is held no more: the SCL goes
//! back before it, the group counts as damaged (the node says so to recoveries) until gossip has brought the redo again. A
//! page whose image is damaged is refused until it has a new one: built from redo alone where the log reaches back to the
//! page's beginning, else fetched from a peer as of the durable point. A copy of the superblock or of the image manifest is
//! written again from the other one, an index from its file.
//!
//! **Pace.** One portion in [`SCRUB_INTERVAL`] when nothing else is to do: a log file, or [`IMAGES_PER_PORTION`] images. Whoever
//! reads something damaged on the way reports it here at once.

use super::background::{TendError, index_of};
use super::disk::{Patience, is_damage};
use super::frame::read_frames;
use super::images::ImageError;
use super::log::StoredIndex;
use super::pages::BuildError;
use super::segment::Place;
use super::superblock::Superblock;
use super::{Node, Refusal, Shared};
use hashbrown::HashSet;
use protocol::node::StorageNode;
use protocol::rpc::storage as rpc;
use protocol::rpc::storage::ReadOutcome;
use protocol::task::timeout;
use protocol::{FORMAT_VERSION, Lsn, Page, PageId};
use std::io;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Portions are this far apart.
pub const SCRUB_INTERVAL: Duration = Duration::from_secs(10);
/// Images read in one portion.
const IMAGES_PER_PORTION: usize = 1024;
/// Images repaired at once.
const REPAIRS_MAX: usize = 64;
/// How long a peer may take for a page.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// What is looked at next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scrub {
    /// Superblock, manifest, indexes.
    #[default]
    Metadata,
    /// The sealed log files beyond this one.
    Log(u64),
    /// The images from this page on.
    Images(PageId),
}

impl Scrub {
    /// Looks at a portion. Says whether it was the last one of all.
    ///
    /// # Errors
    /// [`TendError`] when the disk failed, or a repair could not be written.
    pub fn step(&mut self, shared: &Shared) -> Result<bool, TendError> {
        match *self {
            Scrub::Metadata => {
                scrub_metadata(shared)?;
                *self = Scrub::Log(0);
            }
            Scrub::Log(after) => match shared.files.sealed_after(after).first() {
                Some(&file) => {
                    scrub_log_file(shared, file)?;
                    *self = Scrub::Log(file);
                }
                None => *self = Scrub::Images(PageId(0)),
            },
            Scrub::Images(from) => {
                let pages = shared.images.pages_from(from, IMAGES_PER_PORTION);
                for &page in &pages {
                    match shared.images.get(page, Patience::Full) {
                        Ok(_) | Err(ImageError::Damaged { .. }) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
                shared.counters.scrubbed_images.fetch_add(pages.len() as u64, Ordering::Relaxed);
                *self = pages.last().map_or(Scrub::Metadata, |last| Scrub::Images(PageId(last.0.saturating_add(1))));
                return Ok(*self == Scrub::Metadata);
            }
        }
        Ok(false)
    }
}

fn scrub_metadata(shared: &Shared) -> Result<(), TendError> {
    {
        let _unchanged = shared.superblock.lock();
        if let Some((copy, error)) = Superblock::read(&*shared.disk, &shared.dir)??.damage {
            tracing::error!(%error, "a copy of the superblock is damaged; it is written anew from the other");
            Superblock::mend(&*shared.disk, &shared.dir, copy)?;
            shared.note_found_and_repaired(1);
        }
    }
    shared.note_found_and_repaired(shared.images.scrub_metadata()?);
    for file in shared.files.sealed_after(0) {
        if !matches!(shared.files.read_index(file)?, StoredIndex::Sound(_)) {
            reindex(shared, file)?;
            shared.note_found_and_repaired(1);
        }
    }
    Ok(())
}

fn reindex(shared: &Shared, sequence: u64) -> Result<(), TendError> {
    match shared.files.open(sequence) {
        Ok(Ok((file, _))) => {
            let (mut index, _) = index_of(&*file, sequence)?;
            index.note_acked(shared.state.lock().acked());
            Ok(shared.files.seal(&index)?)
        }
        // The next start sets it aside.
        Ok(Err(_)) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Reads every frame of a sealed file that is held, and gives up those that are damaged.
fn scrub_log_file(shared: &Shared, sequence: u64) -> Result<(), TendError> {
    let mut held = held_in(shared, sequence);
    let read = shared.files.open(sequence).and_then(|opened| match opened {
        Ok((file, _)) => read_frames(&*file, sequence, |frame| {
            let place = Place { file: sequence, offset: frame.at as u32, bytes: frame.batch.len() as u32 };
            held.remove(&place);
        })
        .map(drop),
        // With a damaged header a start would not take it in.
        Err(_) => Ok(()),
    });
    match read {
        Err(error) if !is_damage(&error) => return Err(error.into()),
        _ => {}
    }
    shared.counters.scrubbed_log_bytes.fetch_add(shared.files.file_bytes(), Ordering::Relaxed);
    // It may have been retired meanwhile.
    if shared.files.sealed_after(sequence - 1).first() == Some(&sequence) {
        lose_unread(shared, sequence, &held)?;
    }
    Ok(())
}

/// The batches of a file that something is held by.
fn held_in(shared: &Shared, sequence: u64) -> HashSet<Place> {
    let state = shared.state.lock();
    let runs = state.segments.values().flat_map(|segment| segment.runs());
    runs.filter(|run| run.place.file == sequence).map(|run| run.place).collect()
}

/// Gives up batches of a file that were not found in it.
///
/// # Errors
/// As [`Scrub::step`].
pub fn lose_unread(shared: &Shared, sequence: u64, unread: &HashSet<Place>) -> Result<(), TendError> {
    if unread.is_empty() {
        return Ok(());
    }
    unread.iter().for_each(|place| shared.lose(*place, &"its frame is damaged"));
    // So that the next start does not count on them.
    reindex(shared, sequence)
}

/// Builds damaged images anew from redo alone, as far as the log reaches back. Says whether some are left.
///
/// # Errors
/// As [`Scrub::step`].
pub fn rebuild_images(shared: &Shared) -> Result<bool, TendError> {
    let damaged = shared.images.damaged(REPAIRS_MAX);
    for &page in &damaged {
        let Some((group, bound)) = shared.image_bound(page) else { continue };
        match shared.build(page, group, bound, Patience::Full) {
            Ok(built) => drop(shared.replace_image(&built.page)?),
            Err(BuildError::Image(ImageError::Io(error))) => return Err(error.into()),
            Err(_) => {}
        }
    }
    Ok(!damaged.is_empty() && !shared.images.damaged(1).is_empty())
}

impl Shared {
    fn note_found_and_repaired(&self, count: u64) {
        self.counters.damage_found.fetch_add(count, Ordering::Relaxed);
        self.counters.damage_repaired.fetch_add(count, Ordering::Relaxed);
    }

    /// A stored batch is damaged: what it holds is missing from now on.
    pub(super) fn lose(&self, place: Place, error: &dyn std::fmt::Display) {
        let mut guard = self.state.lock();
        let state = &mut *guard;
        let mut lost = false;
        for (group, segment) in &mut state.segments {
            let acked = segment.flushed();
            if segment.lose(place) {
                lost = true;
                if segment.flushed() < acked {
                    let known = state.damaged.entry(*group).or_default();
                    *known = (*known).max(acked);
                }
                tracing::error!(%group, ?place, %error, "stored redo is damaged; peers are asked for it");
            }
        }
        if lost {
            // Walks that have met it begin again.
            state.tables += 1;
            state.losses += 1;
            drop(guard);
            self.counters.damage_found.fetch_add(1, Ordering::Relaxed);
            self.gossip.notify_one();
        }
    }

    /// Puts an image in the place of a damaged one, if it is not older. Says whether it did.
    fn replace_image(&self, page: &Page) -> Result<bool, ImageError> {
        let _imaging = self.imaging.lock();
        let id = page.id();
        if page.lsn().is_zero() || page.lsn() < self.images.lsn(id) || !self.images.sound_lsn(id).is_zero() {
            return Ok(false);
        }
        self.images.append([page])?;
        self.images.checkpoint(&[])?;
        let mut state = self.state.lock();
        if state.heads.get(&id).is_some_and(|head| head.newest <= page.lsn()) {
            state.heads.remove(&id);
        }
        drop(state);
        self.counters.damage_repaired.fetch_add(1, Ordering::Relaxed);
        tracing::info!(page = %id, lsn = %page.lsn(), "a damaged image is replaced");
        Ok(true)
    }
}

impl Node {
    /// Looks at everything once: log files, images, metadata. What is damaged is repaired from what is here; the rest is asked
    /// of peers by gossip.
    ///
    /// # Errors
    /// [`TendError`].
    pub fn scrub(&self) -> Result<(), TendError> {
        let mut scrub = Scrub::default();
        while !scrub.step(&self.shared)? {}
        rebuild_images(&self.shared).map(drop)
    }

    /// Asks a peer for the pages whose images are damaged here.
    pub(super) async fn repair_images(&self, peer: &dyn StorageNode) -> Result<(), Refusal> {
        let shared = &self.shared;
        for page in shared.images.damaged(REPAIRS_MAX) {
            // As of the durable point no recovery cuts it; and however far behind the peer is, what it has of a page is a
            // version of that page. It must only not be older than the image that is lost: redo before that may be gone.
            let request = {
                let state = shared.state.lock();
                rpc::ReadPageRequest {
                    volume: shared.volume_id.load(Ordering::Acquire),
                    version: FORMAT_VERSION,
                    ballot: state.table.ballot().0,
                    page: page.0,
                    read_point: state.vdl.0,
                    group_tail: 0,
                }
            };
            let table = request.ballot;
            let Ok(Ok(reply)) = timeout(ANSWER_WITHIN, peer.read_page(request)).await else { return Ok(()) };
            if reply.outcome() != ReadOutcome::Ok {
                continue;
            }
            let Ok(image) = Page::from_bytes(&reply.page, page) else { continue };
            let replaced = self.write("repair", move |shared| {
                let sound = {
                    let state = shared.state.lock();
                    image.lsn() <= state.vdl && state.table.ballot().0 == table
                };
                if sound && image.lsn() > Lsn::ZERO {
                    shared.replace_image(&image)?;
                }
                Ok(())
            });
            replaced.await?;
        }
        Ok(())
    }
}

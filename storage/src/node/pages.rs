//! Building a page as of a read point, and the cache of built pages.
//!
//! **Rule.** The page as of R is the fold of exactly those of its records that count and lie at or below R, in the order of
//! their `prev_page` links, over the newest base at or below R: a cached page or the image. Anything that does not link
//! up is an error and never a page.
//!
//! **Mechanism.** From the page's head the links are followed down, each LSN being looked up among the runs of its group,
//! until they meet the base, an `Init`, or nothing (the page began there). A hot page has its newest records in its
//! [`tail`](super::tail). The batches come from memory when they are recent or were just read for another page, else from the log. No lock is held while reading; when the table changed or a
//! file was retired meanwhile, the walk starts again. Without [`Patience`] it ends where the disk would have to be waited for.
//! Of the batches that it read so far the last are kept for the next, as many as [`REREAD_SHARE`] leaves room for.

use super::Shared;
use super::disk::Patience;
use super::images::ImageError;
use super::log::ReadFault;
use super::segment::Place;
use super::stored::{records_of, records_of_from};
use bytes::Bytes;
use hashbrown::HashMap;
use protocol::redo::{Change, RecordHeader, apply};
use protocol::{Error, GroupId, Lsn, PAGE_BYTES, Page, PageId};
use std::collections::VecDeque;

/// A walk that the background overtakes so often is given up: something else is wrong.
const ATTEMPTS_MAX: usize = 8;
/// Links followed for one page: far beyond what images allow, so that a damaged chain ends.
const CHAIN_LINKS_MAX: usize = 1 << 20;

/// Changes on their way into a page keep batches up to this size in memory; of larger ones they are copied.
const PINNED_BATCH_BYTES_MAX: usize = 4 << 10;
/// Batches that walks read from the log are kept up to this share of the memory for recent ones: the pages that are read
/// next have often changed together.
const REREAD_SHARE: usize = 4;

/// Why a page cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// An image newer than the read point has replaced what it needs.
    #[error("the read point is no longer retained")]
    BelowImage,
    /// A stored batch cannot be read.
    #[error(transparent)]
    Log(#[from] ReadFault),
    /// The image cannot be read.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// A record does not fit.
    #[error(transparent)]
    Redo(#[from] Error),
    /// The chain does not lead to its base.
    #[error("the chain of {page} breaks at {lsn}")]
    Broken { page: PageId, lsn: Lsn },
}

impl BuildError {
    /// Whether the page can be had by whoever waits for the disk.
    #[must_use]
    pub fn is_not_cached(&self) -> bool {
        matches!(self, BuildError::Log(ReadFault::NotCached(_)) | BuildError::Image(ImageError::NotCached(_)))
    }
}

/// A built page and what is left of its chain above it.
#[derive(Debug)]
pub struct Built {
    /// The page, empty when it was never written.
    pub page: Page,
    /// Counted records above the read point.
    pub records_above: u32,
    /// Their bytes.
    pub bytes_above: u32,
}

/// Built pages, one version of each, by second chance.
#[derive(Debug)]
pub struct PageCache {
    pages: HashMap<PageId, (Page, bool)>,
    order: VecDeque<PageId>,
    pages_max: usize,
}

impl PageCache {
    /// A cache of at most `bytes`.
    #[must_use]
    pub fn new(bytes: usize) -> PageCache {
        PageCache { pages: HashMap::new(), order: VecDeque::new(), pages_max: bytes / PAGE_BYTES }
    }

    /// The page, when its version is at or below `at`.
    pub(super) fn get(&mut self, page: PageId, at: Lsn) -> Option<Page> {
        let (cached, used) = self.pages.get_mut(&page)?;
        if cached.lsn() > at {
            return None;
        }
        *used = true;
        Some(cached.clone())
    }

    fn insert(&mut self, page: &Page) {
        if self.pages_max == 0 {
            return;
        }
        if let Some((cached, _)) = self.pages.get_mut(&page.id()) {
            if cached.lsn() < page.lsn() {
                *cached = page.clone();
            }
            return;
        }
        while self.pages.len() >= self.pages_max {
            let Some(oldest) = self.order.pop_front() else { break };
            match self.pages.get_mut(&oldest) {
                Some((_, used)) if *used => {
                    *used = false;
                    self.order.push_back(oldest);
                }
                _ => drop(self.pages.remove(&oldest)),
            }
        }
        self.order.push_back(page.id());
        self.pages.insert(page.id(), (page.clone(), false));
    }

    fn remove(&mut self, page: PageId) {
        if self.pages.remove(&page).is_some() {
            self.order.retain(|other| *other != page);
        }
    }

    /// Forgets every page with a record above `lsn`: some of them are annulled.
    pub fn drop_above(&mut self, lsn: Lsn) {
        self.pages.retain(|_, (page, _)| page.lsn() <= lsn);
        let pages = &self.pages;
        self.order.retain(|page| pages.contains_key(page));
    }
}

/// A record of the page on its way into it.
struct Link {
    header: RecordHeader,
    /// Its encoded change.
    change: Bytes,
}

/// How a walk ended.
enum Walk {
    Done(Built),
    Overtaken,
}

/// What there is of a record.
enum Found {
    Batch(Bytes),
    /// The background was faster.
    Overtaken,
    /// It is not held.
    Nothing,
}

impl Shared {
    /// The group of a page, and up to where an image of it may be made.
    pub(super) fn image_bound(&self, page: PageId) -> Option<(GroupId, Lsn)> {
        let state = self.state.lock();
        let group = state.volume.as_ref()?.group(page)?;
        Some((group, state.image_bound(group)))
    }

    /// A stored batch, from memory or the log.
    pub(super) fn batch(&self, place: Place, recent: Option<Bytes>) -> Result<Bytes, ReadFault> {
        match recent {
            Some(batch) => Ok(batch),
            None => self.files.read(place, Patience::Full).inspect_err(|fault| {
                fault.damaged().into_iter().for_each(|place| self.lose(place, fault));
            }),
        }
    }

    /// The page as of `at`, which must be at or below the group's SCL or concern no record above it.
    pub(super) fn build(&self, page: PageId, group: GroupId, at: Lsn, patience: Patience) -> Result<Built, BuildError> {
        for _ in 0..ATTEMPTS_MAX {
            if let Walk::Done(built) = self.walk(page, group, at, patience)? {
                return Ok(built);
            }
        }
        Err(BuildError::Broken { page, lsn: at })
    }

    fn walk(&self, page: PageId, group: GroupId, at: Lsn, patience: Patience) -> Result<Walk, BuildError> {
        let (mut next, mut tail, tables) = {
            let state = self.state.lock();
            let head = state.heads.get(&page);
            let tail = head.and_then(|head| head.tail.as_ref()).map(|tail| Bytes::copy_from_slice(tail.records()));
            (head.map_or(Lsn::ZERO, |head| head.newest), tail, state.tables)
        };
        let cached = self.cache.lock().get(page, at);
        let has_redo = !next.is_zero();
        // Without redo in the log the image is the newest version, and a cached page may be older than it.
        let mut base = cached.filter(|cached| has_redo || cached.lsn() == self.images.lsn(page));
        let mut lost = None;
        if base.is_none() {
            match self.images.get(page, patience) {
                Ok(image) => base = image,
                // The log may reach back to where the page began.
                Err(error @ ImageError::Damaged { .. }) => lost = Some(error),
                Err(error) => return Err(error.into()),
            }
            if base.as_ref().is_some_and(|image| image.lsn() > at) {
                return Err(BuildError::BelowImage);
            }
        }
        let floor = base.as_ref().map_or(Lsn::ZERO, Page::lsn);
        let mut links: Vec<Link> = Vec::new();
        let (mut records_above, mut bytes_above) = (0u32, 0u32);
        let mut followed = 0;
        let mut whole = false;
        'chain: while next > floor {
            let tail = tail.take();
            let is_tail = tail.is_some();
            let (batch, mut inside) = match tail {
                Some(tail) => {
                    let inside = records_of_from(&tail, 0, page, next)?;
                    (tail, inside)
                }
                None => match self.batch_with(next, group, tables, patience)? {
                    Found::Batch(batch) => {
                        let inside = records_of(&batch, page, next)?;
                        (batch, inside)
                    }
                    Found::Overtaken => return Ok(Walk::Overtaken),
                    // Retired since the image was looked up: a newer image covers it.
                    Found::Nothing => match lost {
                        Some(error) => return Err(error.into()),
                        None => return self.overtaken(page, next, floor),
                    },
                },
            };
            if !is_tail && inside.last().is_none_or(|record| record.header.lsn != next) {
                // The file was recycled while it was read; or the chain is broken, which the attempts will tell.
                return Ok(Walk::Overtaken);
            }
            while let Some(record) = inside.pop() {
                if record.header.lsn != next || next <= floor {
                    break;
                }
                followed += 1;
                if followed > CHAIN_LINKS_MAX {
                    return Err(BuildError::Broken { page, lsn: next });
                }
                next = record.header.prev_page;
                whole |= next.is_zero();
                if record.header.lsn > at {
                    records_above += 1;
                    bytes_above = bytes_above.saturating_add(record.bytes as u32);
                    continue;
                }
                let change = record.change_bytes(&batch);
                let init = Change::encodes_init(change);
                let change = if is_tail || batch.len() <= PINNED_BATCH_BYTES_MAX {
                    batch.slice_ref(change)
                } else {
                    // The change alone: hundreds of links must not hold as many large batches in memory.
                    Bytes::copy_from_slice(change)
                };
                links.push(Link { header: record.header, change });
                if init {
                    whole = true;
                    break 'chain;
                }
            }
        }
        if let Some(error) = lost.filter(|_| !whole) {
            return Err(error.into());
        }
        let mut page = base.unwrap_or_else(|| Page::empty(page));
        for Link { header, change } in links.iter().rev() {
            apply(&mut page, header, &Change::decode(change)?)?;
        }
        let state = self.state.lock();
        if state.tables != tables {
            return Ok(Walk::Overtaken);
        }
        // A page that is read as its image has it would push out one that is put together from many records.
        if has_redo && (!links.is_empty() || records_above == 0) {
            self.cache.lock().insert(&page);
        }
        drop(state);
        Ok(Walk::Done(Built { page, records_above, bytes_above }))
    }

    /// The batch with the record at `lsn`, from memory or the log.
    fn batch_with(&self, lsn: Lsn, group: GroupId, tables: u64, patience: Patience) -> Result<Found, BuildError> {
        let (place, recent) = {
            let state = self.state.lock();
            if state.tables != tables {
                return Ok(Found::Overtaken);
            }
            let run = state.segments.get(&group).and_then(|segment| segment.locate(lsn));
            let Some(run) = run else { return Ok(Found::Nothing) };
            (run.place, state.recent.get(run.place).or_else(|| state.reread.get(run.place)))
        };
        if let Some(batch) = recent {
            return Ok(Found::Batch(batch));
        }
        match self.files.read(place, patience) {
            Err(ReadFault::Retired(_)) => Ok(Found::Overtaken),
            Err(fault) => {
                fault.damaged().into_iter().for_each(|place| self.lose(place, &fault));
                Err(fault.into())
            }
            Ok(batch) => {
                let limit = self.options.recent_bytes / REREAD_SHARE;
                self.state.lock().reread.insert(place, batch.clone(), limit);
                Ok(Found::Batch(batch))
            }
        }
    }

    fn overtaken(&self, page: PageId, lsn: Lsn, floor: Lsn) -> Result<Walk, BuildError> {
        // The base may have been a cached page that an image has outlived.
        self.cache.lock().remove(page);
        if self.images.lsn(page) > floor { Ok(Walk::Overtaken) } else { Err(BuildError::Broken { page, lsn }) }
    }
}

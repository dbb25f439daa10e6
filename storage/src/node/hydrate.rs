//! Hydration: page images of a peer, for a group of which the peers no longer hold the redo that is missing here.
//!
//! **Rule.** A peer's images, all of them, cover its group up to the peer's *base*, and what is newer than they are lies in
//! its log. So a copy of all images that is complete makes this node whole up to that base, and ordinary gossip brings the
//! rest. Until then nothing of it counts: the SCL stays where the chain of redo broke, so that the node acknowledges no more
//! than before, tells recovery no more than before, and serves no page that needs what is missing. New redo is held behind
//! the gap meanwhile.
//!
//! **Mechanism.** A *pass* asks for the images in order of page, only those newer than this node's own base: what is older, its
//! own images have. Redo that it holds above its base is no substitute. Of a page that nobody has changed since, this node
//! would have no image; it would say all the same that its images reach up to the new base, and whoever took them in turn
//! would lack the page. The base of the first reply is the target; later replies may be newer, never older, and may
//! come from another peer whose base has reached the target. Images and the place reached are written in one transaction, so
//! that a crash loses one piece at most. At the end the base moves, in the writer's thread and on disk first. When the peers
//! have retired their redo beyond the target by then, a further pass begins, which is shorter: it takes what changed since.
//!
//! # Why images of several moments fit together
//!
//! An image is made at a point that is durable on a quorum and below every reader, so that no recovery cuts it and no reader
//! is too old for it. An image above the SCL stands before its redo: the redo that it has is skipped by page LSN when it
//! comes. A page is never written back older ([`Shared::imaging`](super::Shared)).
//!
//! Under another truncation table the target may count no more: the pass begins again. Damage that is found in the log costs it
//! nothing: what was in the log is in the images, too.
//!
//! # What an earlier version left
//!
//! It asked for no images of what it had redo of. So there may be *hollow* pages, whose image lacks redo up to the base, or that
//! have none. Here they are whole, by the log; they would not be with whoever takes the images in. A start finds them by that
//! redo. Their images are due at once, and nobody gets images of their group before they are made.

use super::disk::{Patience, is_want};
use super::images::{ImageError, decode};
use super::queue::Job;
use super::reads::Turn;
use super::service::PULL_BYTES_MAX;
use super::{Node, Refusal, Shared};
use hashbrown::HashMap;
use protocol::node::StorageNode;
use protocol::rpc::storage as rpc;
use protocol::rpc::storage::ReadOutcome;
use protocol::task::timeout;
use protocol::{Ballot, FORMAT_VERSION, GroupId, Lsn, Page, PageId};
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::oneshot;

/// Images asked for at once, in bytes as stored.
const PIECE_BYTES: u32 = 1 << 20;
/// Pieces taken before gossip looks at the other groups and peers again.
const PIECES_PER_ROUND: usize = 64;
/// How long a peer may take for a piece.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// How far a group's images have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hydration {
    /// The group is whole up to here when the last image is in: a peer's base.
    pub target: Lsn,
    /// Ballot of the record at the target.
    pub target_ballot: Ballot,
    /// Images at or below are not asked for.
    pub newer_than: Lsn,
    /// Ballot of this node's truncation table when the pass began.
    pub table: Ballot,
    /// The first page that was not looked at.
    pub next: PageId,
    /// Images taken in.
    pub pages: u64,
    /// Their bytes as they came.
    pub bytes: u64,
}

/// The hydrations as `status` tells them, ascending by group.
pub fn status(hydrations: &HashMap<GroupId, Hydration>) -> Vec<rpc::HydrationStatus> {
    let one = |(group, hydration): (&GroupId, &Hydration)| rpc::HydrationStatus {
        group: group.0,
        target: hydration.target.0,
        pages: hydration.pages,
        bytes: hydration.bytes,
        next_page: hydration.next.0,
    };
    let mut list: Vec<_> = hydrations.iter().map(one).collect();
    list.sort_unstable_by_key(|hydration| hydration.group);
    list
}

/// Why a group gets no further for now.
#[derive(Debug, thiserror::Error)]
pub enum HydrateError {
    /// The peer does not answer or does not have it.
    #[error("{0}")]
    Peer(String),
    /// This node cannot take it.
    #[error(transparent)]
    Here(#[from] Refusal),
}

fn peer(error: impl ToString) -> HydrateError {
    HydrateError::Peer(error.to_string())
}

impl Shared {
    /// The pages of a group, half open.
    fn pages_of(&self, group: GroupId) -> Result<(PageId, PageId), Refusal> {
        let volume = self.state.lock().volume.clone().ok_or(Refusal::NoVolume)?;
        let first = u64::from(group.0) * u64::from(volume.pages_per_group);
        Ok((PageId(first), PageId(first + u64::from(volume.pages_per_group))))
    }

    /// Writes the images that are newer than ours, and how far that has come.
    fn take_images(&self, group: GroupId, pages: Vec<Page>, reached: Hydration) -> Result<(), Refusal> {
        let _imaging = self.imaging.lock();
        // What is damaged here is what a sound one replaces.
        let newer = pages.into_iter().filter(|page| self.images.sound_lsn(page.id()) < page.lsn());
        let newer: Vec<Page> = newer.collect();
        if let Err(error) = self.images.hydrate(group, &newer, &reached) {
            if matches!(&error, ImageError::Io(error) if is_want(error)) {
                return Err(Refusal::Busy("the disk has no room for images"));
            }
            let why = format!("image store: {error}");
            self.fail(&why);
            return Err(Refusal::Failed(why));
        }
        let mut state = self.state.lock();
        for page in &newer {
            // Of a page without redo above its image no other is made, again and again in vain.
            if state.heads.get(&page.id()).is_some_and(|head| head.newest <= page.lsn()) {
                state.heads.remove(&page.id());
            }
        }
        state.hydrations.insert(group, reached);
        Ok(())
    }

    /// A piece of this node's images.
    fn pull_images(&self, request: &rpc::PullImagesRequest) -> Result<rpc::PullImagesReply, Refusal> {
        self.check(request.volume, request.version)?;
        let group = GroupId(request.group);
        let (first, end) = self.pages_of(group)?;
        let mut reply = rpc::PullImagesReply::default();
        {
            let mut state = self.state.lock();
            if let Some(why) = &state.failed {
                return Err(Refusal::Failed(why.clone()));
            }
            if !state.table.contains(Ballot(request.ballot)) {
                reply.set_outcome(ReadOutcome::NeedTable);
                return Ok(reply);
            }
            if state.hollow.range(first..end).any(|(page, needed)| self.images.lsn(*page) < *needed) {
                reply.set_outcome(ReadOutcome::Behind);
                return Ok(reply);
            }
            state.hollow.retain(|page, _| !(first..end).contains(page));
            // Before the images are looked at: they are on disk before the base moves.
            if let Some(segment) = state.segments.get(&group) {
                (reply.base, reply.base_ballot) = (segment.base().0, segment.base_ballot().0);
            }
        }
        let from = PageId(request.from_page.max(first.0));
        let bytes = (request.max_bytes as usize).min(PULL_BYTES_MAX);
        match self.images.scan(from, end, Lsn(request.newer_than), bytes) {
            Ok(found) => {
                let image = |(page, image): (PageId, bytes::Bytes)| rpc::PageImage { page: page.0, image };
                reply.images = found.images.into_iter().map(image).collect();
                (reply.next_page, reply.done) = (found.next.unwrap_or(end).0, found.next.is_none());
                reply.set_outcome(ReadOutcome::Ok);
            }
            Err(error @ ImageError::Damaged { .. }) => {
                tracing::error!(%group, %error, "an image cannot be given to a peer");
                reply.set_outcome(ReadOutcome::Corrupt);
            }
            Err(error) => return Err(error.into()),
        }
        // After it: every image was made at or below the floor of its time.
        let state = self.state.lock();
        (reply.flushed_vdl_heard, reply.gc_floor) = (state.vdl.0, state.floor.0);
        reply.table_ballot = state.table.ballot().0;
        Ok(reply)
    }
}

impl Node {
    /// Serves a piece of this node's images.
    pub(crate) async fn pull_images_checked(
        &self,
        request: rpc::PullImagesRequest,
    ) -> Result<rpc::PullImagesReply, Refusal> {
        self.answer(Turn::Pull, move |shared, patience| match patience {
            // Beside a piece of images a thread costs nothing.
            Patience::None => Ok(None),
            Patience::Full => shared.pull_images(&request).map(Some),
        })
        .await
    }

    /// Takes in images of `group` from a peer, up to a number of pieces. `true` when the group is whole up to its target.
    pub(super) async fn hydrate(&self, source: &dyn StorageNode, group: GroupId) -> Result<bool, HydrateError> {
        for _ in 0..PIECES_PER_ROUND {
            let reached = self.hydrate_piece(source, group).await?;
            let Some(Hydration { target: base, target_ballot: ballot, .. }) = reached else { continue };
            let (reply, answer) = oneshot::channel();
            self.submit(Job::Rebase { group, base, ballot, reply })?;
            let moved = answer.await.map_err(|_| Refusal::Busy("the node stopped"))??;
            if moved {
                tracing::info!(%group, %base, "the group is whole again up to a peer's images");
            } else {
                self.shared.state.lock().hydrations.remove(&group);
            }
            return Ok(moved);
        }
        Ok(false)
    }

    /// One piece. What was reached, when it was the last.
    async fn hydrate_piece(&self, source: &dyn StorageNode, group: GroupId) -> Result<Option<Hydration>, HydrateError> {
        let shared = &self.shared;
        let (first, end) = shared.pages_of(group)?;
        let (begun, table, base_here, received) = {
            let state = shared.state.lock();
            let segment = state.segments.get(&group);
            let (base, received) = segment.map(|it| (it.base(), it.received())).unwrap_or_default();
            (state.hydrations.get(&group).copied(), state.table.ballot(), base, received)
        };
        // Under another table the target may not count, and a version before this one skipped what it had redo of.
        let begun =
            begun.filter(|begun| begun.table == table && begun.target > received && begun.newer_than <= base_here);
        let newer_than = begun.map_or(base_here, |begun| begun.newer_than);
        let next = begun.map_or(first, |begun| begun.next);
        let request = rpc::PullImagesRequest {
            volume: shared.volume_id.load(Ordering::Acquire),
            version: FORMAT_VERSION,
            ballot: table.0,
            group: group.0,
            from_page: next.0,
            newer_than: newer_than.0,
            max_bytes: PIECE_BYTES,
        };
        let reply = timeout(ANSWER_WITHIN, source.pull_images(request)).await;
        let reply = reply.map_err(peer)?.map_err(peer)?;
        if reply.outcome() != ReadOutcome::Ok {
            return Err(peer(format!("{group}: {}", reply.outcome().as_str_name())));
        }
        if reply.table_ballot > table.0 {
            return Err(peer(format!("{group}: this node lacks the peer's truncation table")));
        }
        let (base, ballot) = (Lsn(reply.base), Ballot(reply.base_ballot));
        let mut reached = begun.unwrap_or(Hydration {
            target: base,
            target_ballot: ballot,
            newer_than,
            table,
            next,
            pages: 0,
            bytes: 0,
        });
        if base <= received {
            return Err(peer(format!("{group} is retired there up to {base} only")));
        }
        if base < reached.target {
            // Whoever was further is gone, or it would have been asked: its pass cannot be ended, a shorter one can.
            shared.state.lock().hydrations.remove(&group);
            return Ok(None);
        }
        let next = if reply.done { end } else { PageId(reply.next_page) };
        if next <= reached.next && !reply.done || next > end {
            return Err(peer(format!("{group}: the images do not get on")));
        }
        let mut pages = Vec::with_capacity(reply.images.len());
        let mut last = None;
        for image in &reply.images {
            let page = PageId(image.page);
            if page < reached.next || page >= next || last.is_some_and(|last| page <= last) {
                return Err(peer(format!("{group}: {page} is not one that was asked for")));
            }
            last = Some(page);
            pages.push(decode(&image.image, page).map_err(|error| peer(format!("image of {page}: {error}")))?);
            reached.bytes += image.image.len() as u64;
        }
        reached.next = next;
        reached.pages += pages.len() as u64;
        // No reader is older than the images from here on, here as there.
        let under = Ballot(reply.table_ballot);
        let heard = shared.state.lock().hear(Lsn(reply.flushed_vdl_heard), Lsn(reply.gc_floor), under);
        shared.heard(heard);
        self.write("hydration", move |shared| shared.take_images(group, pages, reached)).await?;
        Ok(reply.done.then_some(reached))
    }
}

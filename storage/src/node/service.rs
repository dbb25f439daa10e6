//! The node's calls: checks that concern every request, then the writer's queue, or an answer from memory and the log.

use super::disk::Patience;
use super::hydrate;
use super::pages::BuildError;
use super::queue::{Job, Stream};
use super::reads::Turn;
use super::segment::Run;
use super::state::State;
use super::stored::{records_within, span};
use super::{Node, NodeOptions, Refusal, Shared};
use crate::history::TruncationTable;
use crate::membership::{Membership, MembershipId, Role};
use crate::quorum::MEMBERSHIP_EPOCH;
use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt, ready};
use protocol::batch::{BATCH_BYTES_MAX, BATCH_HEADER_BYTES, BatchBuilder, BatchHeader};
use protocol::node::{AppendStream, NodeResult, OnReply, StorageNode};
use protocol::rpc::storage as rpc;
use protocol::rpc::storage::{AppendOutcome, ReadOutcome};
use protocol::task::{now, timeout};
use protocol::{Ballot, FORMAT_VERSION, GroupId, Lsn, PAGE_BYTES, PageId};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::oneshot;

/// The longest that a pull waits for the first record.
pub const PULL_WAIT_MAX: Duration = Duration::from_secs(30);
/// A pull's reply carries at most this much redo.
pub const PULL_BYTES_MAX: usize = 8 << 20;
/// Batches of one pull are at least split here, so that each fits a frame.
const PULL_BATCH_BYTES: usize = 256 << 10;
/// The smallest quota, in log files: below it a log would be full before its first images are made.
const QUOTA_FILES_MIN: u64 = 8;

const _: () = assert!(PULL_BATCH_BYTES + (PULL_BYTES_MAX / 64) < BATCH_BYTES_MAX);

impl Shared {
    /// Whether a request concerns this node at all.
    pub(super) fn check(&self, volume: u64, version: u32) -> Result<(), Refusal> {
        check_version(version)?;
        match self.volume_id.load(Ordering::Acquire) {
            0 => Err(Refusal::NoVolume),
            id if id != volume => Err(Refusal::OtherVolume),
            _ => Ok(()),
        }
    }

    /// A page; nothing when the disk would have to be waited for, and there is no patience.
    fn read_page(
        &self,
        request: &rpc::ReadPageRequest,
        patience: Patience,
    ) -> Result<Option<rpc::ReadPageReply>, Refusal> {
        self.check(request.volume, request.version)?;
        let (page, at) = (PageId(request.page), Lsn(request.read_point));
        let mut reply = rpc::ReadPageReply::default();
        let group = {
            let state = self.state.lock();
            if let Some(why) = &state.failed {
                return Err(Refusal::Failed(why.clone()));
            }
            let group = state.volume.as_ref().and_then(|volume| volume.group(page));
            let group = group.ok_or_else(|| Refusal::Malformed(format!("{page} is beyond the volume")))?;
            let received = state.segments.get(&group).map_or(Lsn::ZERO, |segment| segment.received());
            reply.scl_received = received.0;
            let outcome = if !state.table.contains(Ballot(request.ballot)) {
                ReadOutcome::NeedTable
            } else if received < Lsn(request.group_tail) {
                ReadOutcome::Behind
            } else if at < state.floor {
                ReadOutcome::BelowFloor
            } else {
                ReadOutcome::Ok
            };
            reply.set_outcome(outcome);
            group
        };
        if reply.outcome() != ReadOutcome::Ok {
            return Ok(Some(reply));
        }
        match self.build(page, group, at, patience) {
            Ok(built) if built.page.lsn().is_zero() => {}
            Ok(built) => reply.page = built.page.to_bytes().into(),
            Err(error) if error.is_not_cached() => return Ok(None),
            Err(BuildError::BelowImage) => reply.set_outcome(ReadOutcome::BelowFloor),
            Err(error) => {
                tracing::error!(%page, %at, %error, "a page cannot be built");
                reply.set_outcome(ReadOutcome::Corrupt);
            }
        }
        self.counters.pages_served.fetch_add(1, Ordering::Relaxed);
        Ok(Some(reply))
    }

    /// The redo that is there; nothing when some of it is in the log alone, and there is no patience.
    fn pull(&self, request: &rpc::PullRequest, patience: Patience) -> Result<Option<rpc::PullReply>, Refusal> {
        let (group, after, up_to) = (GroupId(request.group), Lsn(request.after), Lsn(request.up_to));
        let mut reply = rpc::PullReply::default();
        reply.set_outcome(ReadOutcome::Ok);
        let mut limit = (request.max_bytes as usize).min(PULL_BYTES_MAX);
        let runs: Vec<(Run, Option<Bytes>)> = {
            let state = self.state.lock();
            if let Some(why) = &state.failed {
                return Err(Refusal::Failed(why.clone()));
            }
            if !state.table.contains(Ballot(request.ballot)) {
                reply.set_outcome(ReadOutcome::NeedTable);
                return Ok(Some(reply));
            }
            let Some(segment) = state.segments.get(&group) else { return Ok(Some(reply)) };
            (reply.scl, reply.retained_after) = (segment.received().0, segment.base().0);
            if after < segment.base() && after < up_to {
                reply.set_outcome(ReadOutcome::BelowFloor);
                return Ok(Some(reply));
            }
            let mut planned = 0;
            let wanted = segment.above(after).iter().take_while(|run| {
                let is_first = planned == 0;
                planned += run.place.bytes as usize;
                // Only the first may be split: what does not fit behind it goes out next time, as it lies.
                run.prev < up_to && (is_first || planned <= limit)
            });
            wanted.map(|run| (*run, state.recent.get(run.place))).collect()
        };
        if patience == Patience::None && runs.iter().any(|(_, recent)| recent.is_none()) {
            return Ok(None);
        }
        let mut open: Option<(Ballot, BatchBuilder)> = None;
        let close = |open: &mut Option<(Ballot, BatchBuilder)>, reply: &mut rpc::PullReply| {
            reply.batches.extend(open.take().map(|(_, builder)| builder.finish()));
        };
        'runs: for (run, recent) in runs {
            let batch = match self.batch(run.place, recent) {
                Ok(batch) => batch,
                Err(error) => {
                    tracing::error!(group = group.0, %error, "redo cannot be read for a pull");
                    if reply.batches.is_empty() && open.is_none() {
                        reply.set_outcome(ReadOutcome::Corrupt);
                    }
                    break;
                }
            };
            let (from, to) = (run.first.max(Lsn(after.0 + 1)), run.last.min(up_to));
            // A batch wanted whole is relayed as it lies, without decoding changes: its records are stepped over, and what they
            // bring was checked when it came, and is when it arrives.
            let whole = (from, to) == (run.first, run.last) && span(&batch) == Some((from, to));
            if whole && batch.len() <= limit {
                close(&mut open, &mut reply);
                limit -= batch.len();
                reply.batches.push(batch);
                continue;
            }
            for record in records_within(&batch, from, to) {
                // At least one record goes out, so that a small limit makes progress.
                if record.bytes > limit && (open.is_some() || !reply.batches.is_empty()) {
                    break 'runs;
                }
                limit = limit.saturating_sub(record.bytes);
                let full = |(ballot, builder): &(Ballot, BatchBuilder)| {
                    *ballot != run.ballot || builder.len() + record.bytes > BATCH_HEADER_BYTES + PULL_BATCH_BYTES
                };
                if open.as_ref().is_some_and(full) {
                    close(&mut open, &mut reply);
                }
                let epoch = || BatchHeader::decode(&batch).map_or(MEMBERSHIP_EPOCH, |header| header.membership_epoch);
                let (_, builder) =
                    open.get_or_insert_with(|| (run.ballot, BatchBuilder::new(group, run.ballot, epoch())));
                builder.push(&record.header, record.change_bytes(&batch));
            }
        }
        close(&mut open, &mut reply);
        Ok(Some(reply))
    }
}

pub(super) fn check_version(version: u32) -> Result<(), Refusal> {
    if version > FORMAT_VERSION { Err(Refusal::NewerFormat(version)) } else { Ok(()) }
}

/// The state of a volume on its node, in a word.
fn condition(state: &State) -> &'static str {
    if state.failed.is_some() {
        "failed"
    } else if state.full {
        "full"
    } else if state.volume.is_none() {
        "empty"
    } else if state.role() == Role::Stranger {
        "removed"
    } else if !state.is_whole() {
        "damaged"
    } else if state.role() == Role::Joining {
        "joining"
    } else if !state.hydrations.is_empty() {
        "hydrating"
    } else if state.behind_bytes > 0 {
        "behind"
    } else {
        "up"
    }
}

/// Whether the configurations differ in the quota at most.
pub(super) fn same_but_quota(one: &rpc::VolumeConfig, other: &rpc::VolumeConfig) -> bool {
    *one == rpc::VolumeConfig { quota_bytes: one.quota_bytes, ..other.clone() }
}

/// Checks a volume that is to be kept here, and says under which incarnation. `kept`: the volume that is kept already, and
/// under which.
pub(super) fn check_config(
    config: &rpc::VolumeConfig,
    options: &NodeOptions,
    kept: Option<(&rpc::VolumeConfig, u32)>,
) -> Result<u32, String> {
    let membership = Membership::from_rpc(config).map_err(|error| error.to_string())?;
    if config.volume == 0 {
        return Err("a volume's number is not 0".into());
    }
    if config.pages_per_group == 0 || config.lal_bytes == 0 {
        return Err("a volume has pages in its groups and an allocation limit".into());
    }
    let least = options.log_file_bytes.saturating_mul(QUOTA_FILES_MIN);
    if config.quota_bytes != 0 && config.quota_bytes < least {
        return Err(format!("a quota is at least {least} bytes"));
    }
    if let Some((kept, incarnation)) = kept
        && same_but_quota(kept, config)
    {
        return Ok(incarnation);
    }
    let me = options.id.0;
    let joining = membership.replacements().iter().map(|replacement| membership.changes(replacement).1);
    if let Some(joining) = joining.into_iter().find(|new| new.node == me) {
        return Ok(joining.incarnation);
    }
    // Whoever is a member of a volume in use has its disk, or is lost: an empty node is not that member.
    if membership.id() != (MembershipId { ballot: Ballot::ZERO, epoch: MEMBERSHIP_EPOCH }) {
        return Err("this node is not one that joins the volume".into());
    }
    if !config.members.is_sorted_by(|a, b| a.node < b.node) || !membership.replacements().is_empty() {
        return Err("a volume has six different nodes, in order of their numbers".into());
    }
    if !membership.nodes().any(|node| node.node == me) {
        return Err("this node is not one of the volume's".into());
    }
    Ok(0)
}

fn table_of(table: Option<&rpc::TruncationTable>) -> Result<TruncationTable, Refusal> {
    let table = table.ok_or_else(|| Refusal::Malformed("a table is missing".into()))?;
    TruncationTable::from_rpc(table).map_err(|error| Refusal::Malformed(error.to_string()))
}

const STOPPED: Refusal = Refusal::Busy("the node stopped");

impl Node {
    pub(crate) async fn prepare_checked(&self, request: rpc::PrepareRequest) -> Result<rpc::PrepareReply, Refusal> {
        self.shared.check(request.volume, request.version)?;
        let (reply, answer) = oneshot::channel();
        self.submit(Job::Prepare { ballot: Ballot(request.ballot), vdl_heard: Lsn(request.vdl_heard), reply })?;
        answer.await.map_err(|_| STOPPED)?
    }

    pub(crate) async fn install_checked(
        &self,
        request: rpc::InstallTableRequest,
    ) -> Result<rpc::InstallTableReply, Refusal> {
        self.shared.check(request.volume, request.version)?;
        let membership = request.config.as_ref().map(|config| self.membership_of(config)).transpose()?;
        self.install(Ballot(request.ballot), table_of(request.table.as_ref())?, membership).await
    }

    pub(super) async fn install(
        &self,
        ballot: Ballot,
        table: TruncationTable,
        membership: Option<Membership>,
    ) -> Result<rpc::InstallTableReply, Refusal> {
        let (reply, answer) = oneshot::channel();
        self.submit(Job::InstallTable { ballot, table, membership, reply })?;
        answer.await.map_err(|_| STOPPED)?
    }

    /// Checks the members that a message names for our volume.
    pub(super) fn membership_of(&self, config: &rpc::VolumeConfig) -> Result<Membership, Refusal> {
        self.shared.check(config.volume, FORMAT_VERSION)?;
        Membership::from_rpc(config).map_err(|error| Refusal::Malformed(error.to_string()))
    }

    pub(crate) async fn fill_checked(&self, request: rpc::FillRequest) -> Result<rpc::FillReply, Refusal> {
        self.shared.check(request.volume, request.version)?;
        let (reply, answer) = oneshot::channel();
        self.submit(Job::Fill { ballot: Ballot(request.ballot), batches: request.batches, reply })?;
        answer.await.map_err(|_| STOPPED)
    }

    pub(super) async fn adopt(&self, batches: Vec<Bytes>) -> Result<AppendOutcome, Refusal> {
        let (reply, answer) = oneshot::channel();
        self.submit(Job::Adopt { batches, reply })?;
        answer.await.map_err(|_| STOPPED)
    }

    pub(crate) async fn create_checked(
        &self,
        request: rpc::CreateVolumeRequest,
    ) -> Result<rpc::CreateVolumeReply, Refusal> {
        check_version(request.version)?;
        let config = request.config.ok_or_else(|| Refusal::Malformed("a configuration is missing".into()))?;
        let incarnation = {
            let state = self.shared.state.lock();
            let kept = state.volume.as_ref().zip(state.name).map(|(kept, name)| (&kept.config, name.incarnation));
            check_config(&config, &self.shared.options, kept).map_err(Refusal::Malformed)?
        };
        let (reply, answer) = oneshot::channel();
        self.submit(Job::CreateVolume { config, incarnation, reply })?;
        Ok(rpc::CreateVolumeReply { created: answer.await.map_err(|_| STOPPED)?? })
    }

    pub(crate) async fn read_checked(&self, request: rpc::ReadPageRequest) -> Result<rpc::ReadPageReply, Refusal> {
        self.answer(Turn::Page, move |shared, patience| shared.read_page(&request, patience)).await
    }

    pub(crate) async fn pull_checked(&self, request: rpc::PullRequest) -> Result<rpc::PullReply, Refusal> {
        self.shared.check(request.volume, request.version)?;
        let wait = Duration::from_millis(request.wait_ms.into()).min(PULL_WAIT_MAX);
        let deadline = now() + wait;
        loop {
            let arrival = self.shared.arrivals.of(GroupId(request.group)).notified();
            tokio::pin!(arrival);
            // From here on no arrival is missed.
            arrival.as_mut().enable();
            let reply = self.answer(Turn::Pull, move |shared, patience| shared.pull(&request, patience)).await?;
            if reply.outcome() != ReadOutcome::Ok || !reply.batches.is_empty() || wait.is_zero() {
                return Ok(reply);
            }
            if timeout(deadline.saturating_sub(now()), arrival).await.is_err() {
                return Ok(reply);
            }
        }
    }

    /// What is held; with `wait_ms` not before there is news of the durable point. So a replica that does not hear the
    /// writer hears of its commits here.
    pub(crate) async fn hold_checked(&self, request: &rpc::HoldRequest) -> Result<rpc::HoldReply, Refusal> {
        let wait = Duration::from_millis(request.wait_ms.into()).min(PULL_WAIT_MAX);
        let deadline = self.shared.options.clock.now() + wait;
        loop {
            let news = self.shared.vdl_news.notified();
            tokio::pin!(news);
            // From here on no news is missed.
            news.as_mut().enable();
            let reply = self.hold_now(request)?;
            let left = deadline.saturating_sub(self.shared.options.clock.now());
            if reply.flushed_vdl_heard > request.news_above || left.is_zero() {
                return Ok(reply);
            }
            // When the time is over the answer is what is held then.
            let _ = timeout(left, news).await;
        }
    }

    fn hold_now(&self, request: &rpc::HoldRequest) -> Result<rpc::HoldReply, Refusal> {
        self.shared.check(request.volume, request.version)?;
        let silence = self.shared.hearing.silent_for(self.shared.options.clock.now());
        let theirs = request.table.as_ref().map(TruncationTable::from_rpc).transpose();
        let theirs: Option<TruncationTable> = theirs.map_err(|error| Refusal::Malformed(error.to_string()))?;
        let mut state = self.shared.state.lock();
        let under = theirs.as_ref().map_or(Ballot::ZERO, TruncationTable::ballot);
        self.shared.heard(state.hear(Lsn(request.flushed_vdl), Lsn(request.gc_floor), under));
        if theirs.is_some_and(|theirs| theirs.ballot() > state.table.ballot()) {
            // Our own gossip will ask who asked, and adopt it if no promise stands against it.
            self.shared.gossip.notify_one();
        }
        let has_known_table = request.known == Some(state.table.digest());
        Ok(rpc::HoldReply {
            marks: state.marks(),
            table: (!has_known_table).then(|| state.table.to_rpc()),
            has_known_table,
            promised: state.promised.0,
            flushed_vdl_heard: state.vdl.0,
            config: state.volume.as_ref().map(|volume| volume.config.clone()),
            writer_silent_ms: u64::try_from(silence.as_millis()).unwrap_or(u64::MAX),
            node: self.shared.options.id.0,
            incarnation: state.name.map_or(0, |name| name.incarnation),
            lacks_redo: !state.is_whole(),
        })
    }

    pub(crate) fn register_checked(&self, request: rpc::RegisterRequest) -> Result<rpc::RegisterReply, Refusal> {
        self.shared.check(request.volume, request.version)?;
        let now = self.shared.options.clock.now();
        let servers = {
            let mut leases = self.shared.leases.lock();
            if let Some(server) = request.server {
                leases.register(server, Duration::from_millis(request.lease_ms.into()), now);
            }
            leases.live(now)
        };
        let silence = self.shared.hearing.silent_for(now);
        let state = self.shared.state.lock();
        Ok(rpc::RegisterReply {
            servers,
            promised: state.promised.0,
            flushed_vdl_heard: state.vdl.0,
            writer_silent_ms: u64::try_from(silence.as_millis()).unwrap_or(u64::MAX),
        })
    }

    pub(crate) fn status_checked(&self, request: &rpc::StatusRequest) -> Result<rpc::StatusReply, Refusal> {
        check_version(request.version)?;
        let options = &self.shared.options;
        let damage_found =
            self.shared.counters.damage_found.load(Ordering::Relaxed) + self.shared.images.damage_found();
        let (image_file_bytes, image_bytes) = self.shared.images.stored_bytes();
        let state = self.shared.state.lock();
        let condition = condition(&state);
        Ok(rpc::StatusReply {
            node: options.id.0,
            zone: options.zone.clone(),
            address: options.address.clone(),
            pid: std::process::id(),
            boot: state.boot.0,
            state: condition.into(),
            config: state.volume.as_ref().map(|volume| volume.config.clone()),
            marks: state.marks(),
            promised: state.promised.0,
            flushed_vdl_heard: state.vdl.0,
            gc_floor: state.floor.0,
            log_bytes: self.shared.files.log_bytes(),
            image_file_bytes,
            scrubbed_log_bytes: self.shared.counters.scrubbed_log_bytes.load(Ordering::Relaxed),
            scrubbed_images: self.shared.counters.scrubbed_images.load(Ordering::Relaxed),
            damage_found,
            damage_repaired: self.shared.counters.damage_repaired.load(Ordering::Relaxed),
            uncoalesced_bytes: state.heads.values().map(|head| u64::from(head.bytes)).sum(),
            image_bytes,
            pages_served: self.shared.counters.pages_served.load(Ordering::Relaxed),
            fsyncs: self.shared.counters.fsyncs.load(Ordering::Relaxed),
            hydrating: hydrate::status(&state.hydrations),
            incarnation: state.name.map_or(0, |name| name.incarnation),
            behind_bytes: state.behind_bytes,
            volumes: Some(self.summary_of(&state, image_file_bytes)).filter(|it| it.volume != 0).into_iter().collect(),
        })
    }

    /// The volume in a line.
    pub(super) fn summary(&self) -> rpc::VolumeSummary {
        let (image_file_bytes, _) = self.shared.images.stored_bytes();
        self.summary_of(&self.shared.state.lock(), image_file_bytes)
    }

    fn summary_of(&self, state: &State, image_file_bytes: u64) -> rpc::VolumeSummary {
        rpc::VolumeSummary {
            volume: self.volume_id(),
            state: condition(state).into(),
            disk_bytes: self.shared.files.log_bytes() + image_file_bytes,
            quota_bytes: self.shared.quota_bytes.load(Ordering::Relaxed),
            why: state.failed.clone().unwrap_or_default(),
        }
    }

    /// For how long a writer has been silent to this member; `None` when it is no member of its volume.
    pub(super) fn member_silence(&self) -> Option<Duration> {
        let silence = self.shared.hearing.silent_for(self.shared.options.clock.now());
        (self.shared.state.lock().role() != Role::Stranger).then_some(silence)
    }

    /// The number of the volume that is kept; 0: none yet.
    #[must_use]
    pub fn volume_id(&self) -> u64 {
        self.shared.volume_id.load(Ordering::Acquire)
    }

    pub(crate) fn check_append(&self, request: &rpc::AppendRequest) -> Result<(), Refusal> {
        self.shared.check(request.volume, request.version)
    }
}

const _: () = assert!(PAGE_BYTES < PULL_BYTES_MAX, "a pull can carry any record");

/// The sending half of a stream to a node in this process. It does not keep the node.
struct LocalStream {
    node: Weak<Node>,
    stream: Arc<Stream>,
}

impl AppendStream for LocalStream {
    fn send(&mut self, request: rpc::AppendRequest) -> NodeResult<()> {
        let node = self.node.upgrade().ok_or(STOPPED)?;
        node.check_append(&request)?;
        Ok(node.submit(Job::Append { stream: self.stream.clone(), request })?)
    }

    fn send_all(&mut self, requests: &mut dyn Iterator<Item = rpc::AppendRequest>) -> NodeResult<()> {
        let node = self.node.upgrade().ok_or(STOPPED)?;
        let mut queued = Ok(());
        for request in requests {
            let checked = node.check_append(&request);
            queued = checked.and_then(|()| node.queue(Job::Append { stream: self.stream.clone(), request }));
            if queued.is_err() {
                break;
            }
        }
        // Also after a refusal: what came before it is queued.
        node.advance();
        Ok(queued?)
    }
}

impl StorageNode for Node {
    fn append(&self, on_reply: OnReply) -> BoxFuture<'_, NodeResult<Box<dyn AppendStream>>> {
        let stream = LocalStream { node: self.me.clone(), stream: Stream::new(on_reply) };
        ready(Ok(Box::new(stream) as Box<dyn AppendStream>)).boxed()
    }

    fn prepare(&self, request: rpc::PrepareRequest) -> BoxFuture<'_, NodeResult<rpc::PrepareReply>> {
        async move { Ok(self.prepare_checked(request).await?) }.boxed()
    }

    fn install_table(&self, request: rpc::InstallTableRequest) -> BoxFuture<'_, NodeResult<rpc::InstallTableReply>> {
        async move { Ok(self.install_checked(request).await?) }.boxed()
    }

    fn fill(&self, request: rpc::FillRequest) -> BoxFuture<'_, NodeResult<rpc::FillReply>> {
        async move { Ok(self.fill_checked(request).await?) }.boxed()
    }

    fn read_page(&self, request: rpc::ReadPageRequest) -> BoxFuture<'_, NodeResult<rpc::ReadPageReply>> {
        async move { Ok(self.read_checked(request).await?) }.boxed()
    }

    fn pull(&self, request: rpc::PullRequest) -> BoxFuture<'_, NodeResult<rpc::PullReply>> {
        async move { Ok(self.pull_checked(request).await?) }.boxed()
    }

    fn pull_images(&self, request: rpc::PullImagesRequest) -> BoxFuture<'_, NodeResult<rpc::PullImagesReply>> {
        async move { Ok(self.pull_images_checked(request).await?) }.boxed()
    }

    fn hold(&self, request: rpc::HoldRequest) -> BoxFuture<'_, NodeResult<rpc::HoldReply>> {
        async move { Ok(self.hold_checked(&request).await?) }.boxed()
    }

    fn register(&self, request: rpc::RegisterRequest) -> BoxFuture<'_, NodeResult<rpc::RegisterReply>> {
        async move { Ok(self.register_checked(request)?) }.boxed()
    }

    fn create_volume(&self, request: rpc::CreateVolumeRequest) -> BoxFuture<'_, NodeResult<rpc::CreateVolumeReply>> {
        async move { Ok(self.create_checked(request).await?) }.boxed()
    }

    fn status(&self, request: rpc::StatusRequest) -> BoxFuture<'_, NodeResult<rpc::StatusReply>> {
        async move { Ok(self.status_checked(&request)?) }.boxed()
    }
}

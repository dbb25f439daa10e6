//! A volume's history in memory, and a node to feed it to.

use bytes::Bytes;
use parking_lot::Mutex;
use protocol::batch::BatchBuilder;
use protocol::node::{AppendStream, OnReply, StorageNode};
use protocol::page::{PAGE_HEADER_BYTES, PageKind};
use protocol::redo::{Change, Patch, Record, RecordHeader, apply};
use protocol::rpc::storage::{
    AppendOutcome, AppendReply, AppendRequest, CreateVolumeRequest, FillReply, FillRequest, InstallTableReply,
    InstallTableRequest, Member, PrepareReply, PrepareRequest, PullReply, PullRequest, ReadOutcome, ReadPageRequest,
    SegmentMark, StatusReply, StatusRequest, VolumeConfig,
};
use protocol::{Ballot, FORMAT_VERSION, GroupId, Lsn, NodeId, Page, PageId};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use storage::history::{TableEntry, TruncationTable};
use storage::node::{Mode, Node, NodeOptions, OpenError};
use storage::quorum::MEMBERSHIP_EPOCH;
use storage::sim::{SimClock, SimDisk};

/// Far beyond what anything here takes.
pub const LONG: Duration = Duration::from_secs(60);
const IN_TIME: &str = "it does not take so long";

pub const VOLUME: u64 = 77;
pub const PAGES_PER_GROUP: u32 = 64;

pub fn config() -> VolumeConfig {
    let member = |node: u32| Member { node, zone: ["a", "b", "c"][node as usize / 2].into(), ..Member::default() };
    VolumeConfig {
        volume: VOLUME,
        pages_per_group: PAGES_PER_GROUP,
        lal_bytes: 64 << 20,
        members: (0..6).map(member).collect(),
        ..VolumeConfig::default()
    }
}

pub fn options(id: u32) -> NodeOptions {
    NodeOptions {
        log_file_bytes: 32 << 10,
        log_retention_bytes: 128 << 10,
        image_file_bytes: 8 << 10,
        recent_bytes: 8 << 10,
        page_cache_bytes: 32 << 10,
        mode: Mode::Inline,
        clock: Arc::new(SimClock::default()),
        ..NodeOptions::new(NodeId(id), "a", "nowhere")
    }
}

pub fn dir() -> PathBuf {
    PathBuf::from("/data/node-0")
}

/// A future of an inline node is done when it is first polled. One of a node with threads must be done in time.
pub fn now<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime of one thread starts");
    let done = runtime.block_on(async { tokio::time::timeout(LONG, future).await });
    if done.is_err() {
        // A test that has failed does not wait for those who wait for the disk.
        runtime.shutdown_background();
    }
    done.expect(IN_TIME)
}

/// What must not be waited for without end.
pub async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG, future).await.expect(IN_TIME)
}

/// The calls of a node that its wrapper passes on as they are.
macro_rules! relay {
    ($($call:ident: $request:ty => $reply:ty),* $(,)?) => {
        $(fn $call(&self, request: $request) -> ::futures::future::BoxFuture<'_, ::protocol::node::NodeResult<$reply>> {
            self.node.$call(request)
        })*
    };
}
pub(crate) use relay;

/// The writer of a volume that keeps everything it ever made.
pub struct Writer {
    pub ballot: Ballot,
    pub records: Vec<(Record, Ballot)>,
    last: Lsn,
    last_of_group: BTreeMap<u32, Lsn>,
    last_of_page: BTreeMap<u64, Lsn>,
    seed: u64,
    /// Where the next record begins, if not at the last.
    gap: Option<Lsn>,
}

impl Writer {
    pub fn new() -> Writer {
        Writer {
            ballot: Ballot::ZERO,
            records: Vec::new(),
            last: Lsn::ZERO,
            last_of_group: BTreeMap::new(),
            last_of_page: BTreeMap::new(),
            seed: 1,
            gap: None,
        }
    }

    /// Goes on after a recovery: what lies above `vdl` is forgotten.
    pub fn recovered(&self, ballot: Ballot, vdl: Lsn, first: Lsn) -> Writer {
        let mut next = Writer { ballot, seed: self.seed + 1, ..Writer::new() };
        for (record, of) in self.records.iter().filter(|(record, _)| record.header.lsn <= vdl) {
            next.note(record.clone(), *of);
        }
        next.last = vdl;
        assert!(first > vdl);
        next.gap = Some(first);
        next
    }

    pub fn end(&self) -> Lsn {
        self.records.last().map_or(Lsn::ZERO, |(record, _)| record.header.lsn)
    }

    pub fn tail(&self, group: u32) -> Lsn {
        self.last_of_group.get(&group).copied().unwrap_or_default()
    }

    fn note(&mut self, record: Record, ballot: Ballot) {
        self.last = record.header.lsn;
        self.last_of_group.insert((record.header.page.0 / u64::from(PAGES_PER_GROUP)) as u32, record.header.lsn);
        self.last_of_page.insert(record.header.page.0, record.header.lsn);
        self.records.push((record, ballot));
    }

    /// One record for `page`: an `Init` first, then patches.
    pub fn write(&mut self, page: u64) -> Record {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let prev_page = self.last_of_page.get(&page).copied().unwrap_or_default();
        let change = if prev_page.is_zero() {
            Change::Init { kind: PageKind::Raw, level: 0, flags: 0, owner: 1, right: PageId::NONE, left: PageId::NONE }
        } else {
            let offset = (PAGE_HEADER_BYTES as u64 + (self.seed >> 33) % 4000) as u16;
            let bytes = Bytes::from(self.seed.to_le_bytes().repeat(1 + (self.seed >> 60) as usize));
            Change::PatchRaw { patches: vec![Patch { offset, bytes }] }
        };
        let prev_volume = self.last;
        let from = self.gap.take().unwrap_or(self.last);
        let group = (page / u64::from(PAGES_PER_GROUP)) as u32;
        let header = RecordHeader {
            lsn: from.advance(24 + (self.seed >> 40) % 64),
            prev_volume,
            prev_group: self.tail(group),
            prev_page,
            page: PageId(page),
            end_of_mtr: true,
        };
        let record = Record { header, change };
        self.note(record.clone(), self.ballot);
        record
    }

    /// Records for `pages`, all of one group, as a batch.
    pub fn batch(&mut self, pages: &[u64]) -> Bytes {
        let ballot = self.ballot;
        let records: Vec<Record> = pages.iter().map(|&page| self.write(page)).collect();
        encode(&records, ballot)
    }

    /// The page as of `at`, by folding every record.
    pub fn fold(&self, page: u64, at: Lsn) -> Option<Page> {
        let mut folded = Page::empty(PageId(page));
        for (record, _) in self.records.iter().filter(|(record, _)| record.header.page.0 == page) {
            if record.header.lsn <= at {
                apply(&mut folded, &record.header, &record.change).expect("the writer's records fit");
            }
        }
        (!folded.lsn().is_zero()).then_some(folded)
    }
}

pub fn encode(records: &[Record], ballot: Ballot) -> Bytes {
    let group = records[0].header.page.0 / u64::from(PAGES_PER_GROUP);
    let mut builder = BatchBuilder::new(GroupId(group as u32), ballot, MEMBERSHIP_EPOCH);
    for record in records {
        let mut change = Vec::new();
        record.change.encode(&mut change);
        builder.push(&record.header, &change);
    }
    builder.finish()
}

/// An open node with one append stream and the replies it got.
pub struct Rig {
    pub disk: Arc<SimDisk>,
    pub node: Arc<Node>,
    pub stream: Box<dyn AppendStream>,
    pub replies: Arc<Mutex<Vec<AppendReply>>>,
}

pub fn open(disk: &Arc<SimDisk>, options: NodeOptions) -> Result<Rig, OpenError> {
    open_at(disk, &dir(), options)
}

pub fn open_at(disk: &Arc<SimDisk>, dir: &Path, options: NodeOptions) -> Result<Rig, OpenError> {
    let node = Node::open(disk.clone(), dir, options)?;
    Ok(rig(disk, node))
}

pub fn rig(disk: &Arc<SimDisk>, node: Arc<Node>) -> Rig {
    let replies: Arc<Mutex<Vec<AppendReply>>> = Arc::default();
    let sink = replies.clone();
    let on_reply: OnReply = Arc::new(move |reply| sink.lock().push(reply));
    let stream = now(node.append(on_reply)).expect("a local stream opens");
    Rig { disk: disk.clone(), node, stream, replies }
}

pub fn fresh() -> Rig {
    let disk = SimDisk::new();
    let rig = open(&disk, options(0)).expect("the disk is sound");
    rig.create();
    rig
}

impl Rig {
    pub fn create(&self) {
        let request = CreateVolumeRequest { version: FORMAT_VERSION, config: Some(config()) };
        assert!(now(self.node.create_volume(request)).expect("it is the first").created);
    }

    /// Ends the node as `kill -9` or a loss of power would, and starts it again.
    pub fn restart(self, crash: impl FnOnce(&SimDisk), options: NodeOptions) -> Rig {
        crash(&self.disk);
        self.restart_at(&dir(), options)
    }

    /// Starts a node again that has been ended, in its own directory.
    pub fn restart_at(self, dir: &Path, options: NodeOptions) -> Rig {
        let Rig { disk, node, stream, .. } = self;
        drop((stream, node));
        open_at(&disk, dir, options).expect("it starts again")
    }

    pub fn request(&self, batch: Bytes) -> AppendRequest {
        AppendRequest { volume: VOLUME, version: FORMAT_VERSION, batch, ..AppendRequest::default() }
    }

    pub fn send(&mut self, batch: Bytes) -> AppendReply {
        self.send_request(self.request(batch))
    }

    pub fn hear(&mut self, vdl: Lsn, floor: Lsn) {
        let request = AppendRequest { flushed_vdl: vdl.0, gc_floor: floor.0, ..self.request(Bytes::new()) };
        self.send_request(request);
    }

    pub fn send_request(&mut self, request: AppendRequest) -> AppendReply {
        self.stream.send(request).expect("the stream is open");
        self.replies.lock().pop().expect("an inline node has answered")
    }

    pub fn mark(&self, group: u32) -> SegmentMark {
        let marks = self.status().marks;
        marks.into_iter().find(|mark| mark.group == group).unwrap_or_default()
    }

    pub fn status(&self) -> StatusReply {
        now(self.node.status(StatusRequest { version: FORMAT_VERSION, volume: 0 })).expect("status is always given")
    }

    pub fn read(&self, page: u64, at: Lsn, tail: Lsn) -> Result<Option<Page>, ReadOutcome> {
        self.read_under(Ballot::ZERO, page, at, tail)
    }

    pub fn read_under(&self, ballot: Ballot, page: u64, at: Lsn, tail: Lsn) -> Result<Option<Page>, ReadOutcome> {
        let request = ReadPageRequest {
            volume: VOLUME,
            version: FORMAT_VERSION,
            ballot: ballot.0,
            page,
            read_point: at.0,
            group_tail: tail.0,
        };
        let reply = now(self.node.read_page(request)).expect("a read is answered");
        match reply.outcome() {
            ReadOutcome::Ok if reply.page.is_empty() => Ok(None),
            ReadOutcome::Ok => {
                Ok(Some(Page::from_bytes(&reply.page, PageId(page)).expect("a node serves sound pages")))
            }
            other => Err(other),
        }
    }

    pub fn pull(&self, group: u32, after: Lsn, up_to: Lsn, max_bytes: u32) -> PullReply {
        let ballot = 0;
        let request = PullRequest {
            volume: VOLUME,
            version: FORMAT_VERSION,
            ballot,
            group,
            after: after.0,
            up_to: up_to.0,
            max_bytes,
            wait_ms: 0,
        };
        now(self.node.pull(request)).expect("a pull is answered")
    }

    pub fn prepare(&self, ballot: Ballot) -> PrepareReply {
        let request = PrepareRequest { volume: VOLUME, version: FORMAT_VERSION, ballot: ballot.0, vdl_heard: 0 };
        now(self.node.prepare(request)).expect("a prepare is answered")
    }

    pub fn install(&self, table: &TruncationTable) -> InstallTableReply {
        let ballot = table.ballot().0;
        let request = InstallTableRequest {
            volume: VOLUME,
            version: FORMAT_VERSION,
            ballot,
            table: Some(table.to_rpc()),
            config: None,
        };
        now(self.node.install_table(request)).expect("an installation is answered")
    }

    pub fn fill(&self, ballot: Ballot, batches: Vec<Bytes>) -> FillReply {
        let request = FillRequest { volume: VOLUME, version: FORMAT_VERSION, ballot: ballot.0, batches };
        now(self.node.fill(request)).expect("a fill is answered")
    }

    /// Works the background off.
    pub fn tend(&self) {
        while self.node.tend().expect("the disk is sound") {}
    }

    /// Every page of `writer` at its end and at `points` reads as the fold of its records.
    pub fn check_pages(&self, writer: &Writer, pages: impl Iterator<Item = u64>, points: &[Lsn]) {
        for page in pages {
            let tail = writer.tail((page / u64::from(PAGES_PER_GROUP)) as u32);
            for &at in points {
                let read = self.read_under(writer.ballot, page, at, tail);
                assert_eq!(read, Ok(writer.fold(page, at)), "page {page} at {at}");
            }
        }
    }
}

pub fn table(entries: &[(Ballot, Lsn, Lsn)]) -> TruncationTable {
    let entry = |&(ballot, vdl, first_lsn): &(Ballot, Lsn, Lsn)| TableEntry { ballot, vdl, first_lsn };
    TruncationTable::new(entries.iter().map(entry).collect()).expect("the entries ascend")
}

pub fn outcome(reply: &AppendReply) -> AppendOutcome {
    reply.outcome()
}

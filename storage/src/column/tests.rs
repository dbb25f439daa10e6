//! A column over nodes that say what they are told to say: what it makes of their answers.

use super::*;
use protocol::batch::BatchBuilder;
use protocol::rpc::storage::*;
use protocol::{Ballot, GroupId};

/// What a node says when it is asked.
#[derive(Default)]
struct Says {
    down: bool,
    prepare: PrepareReply,
    install: InstallTableReply,
    fill: FillReply,
    read: ReadPageReply,
    pull: PullReply,
    images: PullImagesReply,
    hold: HoldReply,
    register: RegisterReply,
    create: CreateVolumeReply,
    status: StatusReply,
}

/// A node that says so, and remembers what it was asked.
#[derive(Default)]
struct Canned {
    says: Mutex<Says>,
    asked: Mutex<Vec<&'static str>>,
    filled: Mutex<Vec<bytes::Bytes>>,
    stream: Mutex<Option<OnReply>>,
    sent: Arc<Mutex<Vec<AppendRequest>>>,
    broken: Arc<Mutex<bool>>,
}

impl Canned {
    fn set(&self, change: impl FnOnce(&mut Says)) {
        change(&mut self.says.lock());
    }

    fn answer<T: Send + 'static>(
        &self,
        call: &'static str,
        says: impl FnOnce(&Says) -> T,
    ) -> BoxFuture<'_, NodeResult<T>> {
        self.asked.lock().push(call);
        let says_now = self.says.lock();
        let down = || Err(NodeError::Unreachable("down".into()));
        std::future::ready(if says_now.down { down() } else { Ok(says(&says_now)) }).boxed()
    }

    /// What it was asked since the last look.
    fn asked(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.asked.lock())
    }

    /// Replies on its stream.
    fn replies(&self, sequence: u64, outcome: AppendOutcome, marks: &[SegmentMark]) {
        let on_reply = self.stream.lock().clone().expect("its stream is open");
        let boot = self.says.lock().status.boot;
        on_reply(AppendReply { sequence, outcome: outcome.into(), boot, marks: marks.to_vec(), promised: 0 });
    }
}

struct CannedStream {
    sent: Arc<Mutex<Vec<AppendRequest>>>,
    broken: Arc<Mutex<bool>>,
}

impl AppendStream for CannedStream {
    fn send(&mut self, request: AppendRequest) -> NodeResult<()> {
        if *self.broken.lock() {
            return Err(NodeError::Unreachable("the stream has ended".into()));
        }
        self.sent.lock().push(request);
        Ok(())
    }
}

impl StorageNode for Canned {
    fn append(&self, on_reply: OnReply) -> BoxFuture<'_, NodeResult<Box<dyn AppendStream>>> {
        *self.stream.lock() = Some(on_reply);
        let stream = CannedStream { sent: self.sent.clone(), broken: self.broken.clone() };
        self.answer("append", |_| Box::new(stream) as Box<dyn AppendStream>)
    }
    fn prepare(&self, _: PrepareRequest) -> BoxFuture<'_, NodeResult<PrepareReply>> {
        self.answer("prepare", |says| says.prepare.clone())
    }
    fn install_table(&self, _: InstallTableRequest) -> BoxFuture<'_, NodeResult<InstallTableReply>> {
        self.answer("install_table", |says| says.install)
    }
    fn fill(&self, request: FillRequest) -> BoxFuture<'_, NodeResult<FillReply>> {
        self.filled.lock().extend(request.batches);
        self.answer("fill", |says| says.fill.clone())
    }
    fn read_page(&self, _: ReadPageRequest) -> BoxFuture<'_, NodeResult<ReadPageReply>> {
        self.answer("read_page", |says| says.read.clone())
    }
    fn pull(&self, _: PullRequest) -> BoxFuture<'_, NodeResult<PullReply>> {
        self.answer("pull", |says| says.pull.clone())
    }
    fn pull_images(&self, _: PullImagesRequest) -> BoxFuture<'_, NodeResult<PullImagesReply>> {
        self.answer("pull_images", |says| says.images.clone())
    }
    /// As a node does that has the table which is known.
    fn hold(&self, request: HoldRequest) -> BoxFuture<'_, NodeResult<HoldReply>> {
        let has_known_table = request.known.is_some();
        self.answer("hold", |says| {
            let table = says.hold.table.clone().filter(|_| !has_known_table);
            HoldReply { table, has_known_table, ..says.hold.clone() }
        })
    }
    fn register(&self, _: RegisterRequest) -> BoxFuture<'_, NodeResult<RegisterReply>> {
        self.answer("register", |says| says.register.clone())
    }
    fn create_volume(&self, _: CreateVolumeRequest) -> BoxFuture<'_, NodeResult<CreateVolumeReply>> {
        self.answer("create_volume", |says| says.create)
    }
    fn status(&self, _: StatusRequest) -> BoxFuture<'_, NodeResult<StatusReply>> {
        self.answer("status", |says| says.status.clone())
    }
}

const PAGES_PER_GROUP: u32 = 8;
/// That of its first node, and the highest incarnation of any.
const NAME: (u32, u32) = (10, 4);

fn node(number: u32, incarnation: u32) -> Member {
    Member { node: number, incarnation, address: format!("node-{number}"), ..Member::default() }
}

fn member() -> Member {
    Member { others: vec![node(11, 4), node(12, 2)], ..node(10, 0) }
}

/// A column of three, each of which says its name wherever it is asked for one.
fn three() -> (Vec<Arc<Canned>>, Column) {
    let member = member();
    let canned: Vec<Arc<Canned>> = nodes_of(&member).map(|_| Arc::new(Canned::default())).collect();
    for (index, (canned, node)) in canned.iter().zip(nodes_of(&member)).enumerate() {
        canned.set(|says| {
            (says.prepare.node, says.prepare.incarnation) = (node.node, node.incarnation);
            (says.install.node, says.install.incarnation) = (node.node, node.incarnation);
            (says.hold.node, says.hold.incarnation) = (node.node, node.incarnation);
            (says.status.node, says.status.incarnation) = (node.node, node.incarnation);
            (says.status.boot, says.prepare.boot) = (7 + index as u64, 7 + index as u64);
            says.status.config = Some(config(1, 1));
            says.status.state = "up".into();
            says.prepare.promised = true;
            says.prepare.hydrated = true;
            says.install.adopted = true;
        });
    }
    let nodes = canned.iter().map(|node| node.clone() as Arc<dyn StorageNode>).collect();
    (canned, Column::new(&member, PAGES_PER_GROUP, nodes))
}

fn answered<T>(call: BoxFuture<'_, NodeResult<T>>) -> NodeResult<T> {
    call.now_or_never().expect("they answer at once")
}

fn said<T>(call: BoxFuture<'_, NodeResult<T>>) -> T {
    answered(call).expect("all answer")
}

fn is_refused<T>(call: BoxFuture<'_, NodeResult<T>>) -> bool {
    matches!(answered(call), Err(NodeError::Refused(_)))
}

fn config(ballot: u64, epoch: u32) -> VolumeConfig {
    VolumeConfig { volume: 9, membership_ballot: ballot, membership_epoch: epoch, ..VolumeConfig::default() }
}

fn table(ballot: u64) -> Option<TruncationTable> {
    Some(TruncationTable { entries: vec![TableEntry { ballot, vdl: ballot * 10, first_lsn: ballot * 10 + 1 }] })
}

fn mark(group: u32, scl: u64) -> SegmentMark {
    SegmentMark { group, scl_received: scl, scl_flushed: scl, gap_after: 0 }
}

fn segment(group: u32, scl: u64) -> SegmentReport {
    SegmentReport { group, scl, ..SegmentReport::default() }
}

fn batch(group: u32) -> bytes::Bytes {
    BatchBuilder::new(GroupId(group), Ballot(1), 1).finish()
}

#[test]
fn it_has_promised_when_all_have_and_reports_what_each_keeps() {
    let (nodes, column) = three();
    let prepare = || column.prepare(PrepareRequest::default());
    for (part, node) in nodes.iter().enumerate() {
        node.set(|says| {
            let reply = &mut says.prepare;
            reply.highest = [50, 70, 60][part];
            reply.table = table([3, 2, 4][part]);
            reply.flushed_vdl_heard = [20, 90, 30][part];
            reply.config = Some([config(3, 2), config(3, 3), config(2, 9)][part].clone());
            // Each holds something of group 1, which is the second's.
            reply.segments = vec![segment(1, 11 + part as u64), segment(3 + part as u32, 5)];
        });
    }
    let reply = said(prepare());
    assert!(reply.promised && reply.hydrated);
    assert_eq!((reply.node, reply.incarnation), NAME);
    assert_eq!((reply.highest, reply.flushed_vdl_heard), (70, 90));
    assert_eq!((reply.table, reply.config), (table(4), Some(config(3, 3))));
    let groups: Vec<(u32, u64)> = reply.segments.iter().map(|segment| (segment.group, segment.scl)).collect();
    assert_eq!(groups, [(3, 5), (1, 12), (4, 5), (5, 5)], "nobody speaks for another's groups");

    nodes[2].set(|says| says.prepare.hydrated = false);
    assert!(!said(prepare()).hydrated, "a part of it lacks something");
    nodes[2].set(|says| (says.prepare.promised, says.prepare.highest) = (false, 80));
    nodes[0].set(|says| (says.prepare.promised, says.prepare.highest) = (false, 75));
    assert_eq!((said(prepare()).promised, said(prepare()).highest), (false, 80));
    nodes.iter().for_each(|node| node.set(|says| says.prepare.promised = true));
    nodes[1].set(|says| says.down = true);
    assert!(matches!(answered(prepare()), Err(NodeError::Unreachable(_))), "one that is silent may promise another");
}

#[test]
fn it_has_adopted_what_all_have() {
    let (nodes, column) = three();
    let install = || column.install_table(InstallTableRequest::default());
    for (part, node) in nodes.iter().enumerate() {
        node.set(|says| {
            says.install.promised = [5, 8, 6][part];
            says.install.membership_ballot = 5;
            says.install.membership_epoch = [4, 2, 3][part];
        });
    }
    let reply = said(install());
    assert_eq!((reply.node, reply.incarnation), NAME);
    assert!(reply.adopted);
    assert_eq!((reply.promised, reply.membership_ballot, reply.membership_epoch), (8, 5, 2), "all keep the lowest");
    nodes[1].set(|says| (says.install.membership_ballot, says.install.membership_epoch) = (6, 1));
    nodes[2].set(|says| (says.install.membership_ballot, says.install.membership_epoch) = (4, 9));
    assert_eq!((said(install()).membership_ballot, said(install()).membership_epoch), (4, 9));
    nodes[2].set(|says| says.install.adopted = false);
    assert!(!said(install()).adopted);
    nodes[2].set(|says| says.down = true);
    assert!(answered(install()).is_err());
}

/// A node that missed a takeover holds, below a point that is durable by the new table, records which that table annuls.
#[test]
fn it_holds_what_its_nodes_hold_as_of_the_lowest_table_and_is_durable_as_far_as_that_says() {
    let (nodes, column) = three();
    // Tables are compared, so that each is to bring its own, known or not.
    let hold = || column.hold(HoldRequest { known: Some(TableDigest::default()), ..HoldRequest::default() });
    for (part, node) in nodes.iter().enumerate() {
        node.set(|says| {
            let reply = &mut says.hold;
            reply.marks = vec![mark(1, 40 + part as u64), mark(3 + part as u32, 7)];
            reply.promised = [9, 4, 5][part];
            reply.writer_silent_ms = [300, 200, 900][part];
            reply.config = Some([config(3, 2), config(3, 3), config(2, 9)][part].clone());
        });
    }
    let set = |tables: [u64; 3], vdls: [u64; 3]| {
        for part in 0..3 {
            nodes[part].set(|says| {
                (says.hold.table, says.hold.flushed_vdl_heard) = (table(tables[part]), vdls[part]);
            });
        }
        let reply = said(hold());
        (table_ballot(reply.table.as_ref()), reply.flushed_vdl_heard)
    };
    assert_eq!(set([4, 4, 4], [20, 90, 30]), (4, 90));
    assert_eq!(set([4, 3, 4], [90, 30, 80]), (3, 30), "the others' points are of a table that it has not adopted");
    assert_eq!(set([3, 4, 3], [30, 90, 35]), (3, 35));
    assert_eq!(set([5, 4, 3], [95, 90, 30]), (3, 30));
    let reply = said(hold());
    assert_eq!((reply.node, reply.incarnation), NAME);
    assert!(!reply.has_known_table);
    assert_eq!((reply.promised, reply.writer_silent_ms), (9, 200));
    assert_eq!(reply.config, Some(config(3, 3)));
    let marks: Vec<(u32, u64)> = reply.marks.iter().map(|mark| (mark.group, mark.scl_flushed)).collect();
    assert_eq!(marks, [(3, 7), (1, 41), (4, 7), (5, 7)]);
    nodes[0].set(|says| says.down = true);
    assert!(answered(hold()).is_err());
}

#[test]
fn its_state_is_that_of_its_worst_node_and_its_boot_that_of_all() {
    let (nodes, column) = three();
    let status = || said(column.status(StatusRequest::default()));
    for (part, node) in nodes.iter().enumerate() {
        node.set(|says| {
            let reply = &mut says.status;
            reply.marks = vec![mark(2, 40 + part as u64), mark(3 + part as u32, 7)];
            reply.promised = [9, 12, 5][part];
            reply.flushed_vdl_heard = [30, 20, 10][part];
            (reply.log_bytes, reply.image_bytes, reply.fsyncs) = (100, 10, 1);
            reply.behind_bytes = [0, 6, 5][part];
        });
    }
    let reply = status();
    assert_eq!((reply.node, reply.incarnation, &*reply.state), (NAME.0, NAME.1, "up"));
    assert_eq!((reply.promised, reply.flushed_vdl_heard, reply.behind_bytes), (12, 30, 6));
    assert_eq!((reply.log_bytes, reply.image_bytes, reply.fsyncs), (300, 30, 3));
    let marks: Vec<(u32, u64)> = reply.marks.iter().map(|mark| (mark.group, mark.scl_flushed)).collect();
    assert_eq!(marks, [(3, 7), (4, 7), (2, 42), (5, 7)]);
    assert!(reply.config.is_some());

    let set = |part: usize, state: &str| nodes[part].set(|says| says.status.state = state.into());
    for (states, worst) in [
        (["up", "joining", "up"], "joining"),
        (["behind", "joining", "hydrating"], "joining"),
        (["up", "joining", "damaged"], "damaged"),
        (["full", "joining", "removed"], "removed"),
        (["failed", "damaged", "up"], "failed"),
        (["up", "a word of a later version", "joining"], "a word of a later version"),
    ] {
        states.iter().enumerate().for_each(|(part, state)| set(part, state));
        assert_eq!(status().state, worst, "{states:?}");
    }

    let before = status().boot;
    assert_eq!(status().boot, before);
    assert_eq!(said(column.prepare(PrepareRequest::default())).boot, before);
    nodes[2].set(|says| says.status.boot += 1);
    assert_ne!(status().boot, before, "one of them was started anew");
    nodes[1].set(|says| says.status.config = None);
    assert_eq!(status().config, None, "a part of it is empty");
    nodes[1].set(|says| says.down = true);
    assert!(answered(column.status(StatusRequest::default())).is_err());
}

#[test]
fn who_answers_under_another_name_is_refused_wherever_names_count() {
    let refuses = |column: &Column| {
        [
            is_refused(column.prepare(PrepareRequest::default())),
            is_refused(column.install_table(InstallTableRequest::default())),
            is_refused(column.hold(HoldRequest::default())),
            is_refused(column.status(StatusRequest::default())),
        ]
    };
    let (nodes, column) = three();
    assert_eq!(refuses(&column), [false; 4]);
    // The last lost its disk, and joined again.
    nodes[2].set(|says| {
        for incarnation in [
            &mut says.prepare.incarnation,
            &mut says.install.incarnation,
            &mut says.hold.incarnation,
            &mut says.status.incarnation,
        ] {
            *incarnation += 1;
        }
    });
    assert_eq!(refuses(&column), [true; 4]);
    // Two of them have changed places.
    let (nodes, _) = three();
    let swapped = [0, 2, 1].map(|at| nodes[at].clone() as Arc<dyn StorageNode>);
    assert_eq!(refuses(&Column::new(&member(), PAGES_PER_GROUP, swapped.into())), [true; 4]);
}

#[test]
fn what_concerns_a_group_is_asked_of_its_keeper_alone() {
    let (nodes, column) = three();
    for group in 0..9u32 {
        let keeper = group as usize % 3;
        // Whether the others are there does not matter.
        for (part, node) in nodes.iter().enumerate() {
            node.set(|says| says.down = part != keeper);
        }
        let page = u64::from(group * PAGES_PER_GROUP + PAGES_PER_GROUP - 1);
        said(column.read_page(ReadPageRequest { page, ..Default::default() }));
        said(column.pull(PullRequest { group, ..Default::default() }));
        said(column.pull_images(PullImagesRequest { group, ..Default::default() }));
        for (part, node) in nodes.iter().enumerate() {
            let asked: &[&str] = if part == keeper { &["read_page", "pull", "pull_images"] } else { &[] };
            assert_eq!(node.asked(), asked, "group {group}, part {part}");
        }
    }
}

#[test]
fn what_is_filled_in_goes_to_its_keepers_and_is_flushed_when_they_have() {
    let (nodes, column) = three();
    let flushed = AppendOutcome::Flushed as i32;
    for (part, node) in nodes.iter().enumerate() {
        node.set(|says| {
            says.fill = FillReply { outcome: flushed, marks: vec![mark(part as u32, 5)], promised: 3 + part as u64 };
        });
    }
    let fill = |groups: &[u32]| {
        let batches = groups.iter().map(|group| batch(*group)).collect();
        answered(column.fill(FillRequest { batches, ..Default::default() }))
    };
    let reply = fill(&[0, 2, 3]).expect("the keepers answer");
    assert_eq!((reply.outcome, reply.promised), (flushed, 5));
    let marked: Vec<u32> = reply.marks.iter().map(|mark| mark.group).collect();
    assert_eq!(marked, [0, 2]);
    assert_eq!(*nodes[0].filled.lock(), [batch(0), batch(3)]);
    assert_eq!((nodes[1].asked().len(), &*nodes[2].filled.lock()), (0, &vec![batch(2)]));

    assert_eq!(fill(&[]).map(|reply| reply.outcome), Ok(flushed), "there is nothing to flush");
    for part in [0, 2] {
        nodes[part].set(|says| says.fill.outcome = AppendOutcome::DiskFull.into());
        assert_eq!(fill(&[0, 2]).map(|reply| reply.outcome()), Ok(AppendOutcome::DiskFull), "one is full");
        nodes[part].set(|says| says.fill.outcome = flushed);
    }
    nodes[1].set(|says| says.down = true);
    assert!(fill(&[0]).is_ok() && fill(&[0, 1]).is_err());
    let short = FillRequest { batches: vec![bytes::Bytes::from_static(b"short")], ..Default::default() };
    assert!(is_refused(column.fill(short)));
}

#[test]
fn a_server_is_known_when_all_know_it() {
    let (nodes, column) = three();
    let server = |instance, ballot| ServerInfo { instance, ballot, ..ServerInfo::default() };
    for (part, node) in nodes.iter().enumerate() {
        node.set(|says| {
            says.register = RegisterReply {
                servers: vec![server(1, part as u64), server(5 + part as u64, 0)],
                promised: [3, 9, 4][part],
                flushed_vdl_heard: [30, 10, 20][part],
                writer_silent_ms: [400, 300, 900][part],
            };
        });
    }
    let register = || answered(column.register(RegisterRequest::default()));
    let reply = register().expect("all answer");
    assert_eq!((reply.promised, reply.flushed_vdl_heard, reply.writer_silent_ms), (9, 30, 300));
    let newest = reply.servers.iter().filter(|server| server.instance == 1).map(|server| server.ballot).max();
    assert_eq!(newest, Some(2), "whichever of them knows it");
    assert!([5, 6, 7].iter().all(|instance| reply.servers.iter().any(|server| server.instance == *instance)));

    let create = || answered(column.create_volume(CreateVolumeRequest::default()));
    assert_eq!(create(), Ok(CreateVolumeReply { created: false }));
    nodes[1].set(|says| says.create.created = true);
    assert_eq!(create(), Ok(CreateVolumeReply { created: true }));
    assert!(nodes.iter().all(|node| node.asked() == ["register", "create_volume", "create_volume"]));
    nodes[2].set(|says| says.down = true);
    assert!(register().is_err() && create().is_err());
}

/// A stream, and what it told.
fn stream(column: &Column) -> (Box<dyn AppendStream>, Arc<Mutex<Vec<AppendReply>>>) {
    let told: Arc<Mutex<Vec<AppendReply>>> = Arc::default();
    let tell = told.clone();
    let stream = said(column.append(Arc::new(move |reply| tell.lock().push(reply))));
    (stream, told)
}

#[test]
fn a_batch_goes_to_its_keeper_and_the_word_of_it_to_all() {
    let (nodes, column) = three();
    let (mut stream, _) = stream(&column);
    let send = |stream: &mut Box<dyn AppendStream>, batch, sequence| {
        stream.send(AppendRequest { batch, sequence, flushed_vdl: 40, flush_later: true, ..Default::default() })
    };
    send(&mut stream, batch(4), 1).expect("all take it");
    send(&mut stream, bytes::Bytes::new(), 2).expect("all take it");
    for (part, node) in nodes.iter().enumerate() {
        let sent = node.sent.lock();
        let batches: Vec<bytes::Bytes> = sent.iter().map(|request| request.batch.clone()).collect();
        let kept = if part == 1 { batch(4) } else { bytes::Bytes::new() };
        assert_eq!(batches, [kept, bytes::Bytes::new()]);
        assert!(sent.iter().zip(1..).all(|(request, sequence)| request.sequence == sequence));
        assert!(sent.iter().all(|request| request.flushed_vdl == 40 && request.flush_later));
    }
    let short = bytes::Bytes::from_static(b"short");
    assert!(matches!(send(&mut stream, short, 3), Err(NodeError::Refused(_))));
    *nodes[2].broken.lock() = true;
    assert!(matches!(send(&mut stream, batch(0), 3), Err(NodeError::Unreachable(_))), "the stream of one has ended");
    nodes[1].set(|says| says.down = true);
    assert!(answered(column.append(Arc::new(|_| {}))).is_err());
}

#[test]
fn it_has_flushed_what_all_have() {
    let (nodes, column) = three();
    let (_stream, told) = stream(&column);
    let flushed = AppendOutcome::Flushed;
    let look = || -> Vec<(u64, AppendOutcome, usize)> {
        told.lock().drain(..).map(|reply| (reply.sequence, reply.outcome(), reply.marks.len())).collect()
    };
    // Before all have said in which boot they are, nobody can say in which boot the column is.
    nodes[0].replies(2, flushed, &[mark(0, 9), mark(1, 9)]);
    nodes[0].replies(5, flushed, &[]);
    nodes[1].replies(3, flushed, &[mark(1, 9)]);
    assert_eq!(look(), []);
    nodes[2].replies(4, flushed, &[]);
    let boot = said(column.status(StatusRequest::default())).boot;
    assert!(told.lock().iter().all(|reply| reply.boot == boot));
    assert_eq!(look(), [(0, flushed, 1), (0, flushed, 0), (0, flushed, 1), (3, flushed, 0)]);
    nodes[1].replies(8, flushed, &[]);
    nodes[2].replies(7, flushed, &[]);
    nodes[0].replies(7, flushed, &[]);
    // What comes late takes nothing back.
    nodes[1].replies(6, flushed, &[]);
    assert_eq!(look(), [(4, flushed, 0), (5, flushed, 0), (7, flushed, 0), (7, flushed, 0)]);

    // What one refuses, the column refuses; what one has received, that one has received.
    nodes[2].replies(9, AppendOutcome::DiskFull, &[mark(2, 3)]);
    nodes[0].replies(9, AppendOutcome::Received, &[mark(3, 4)]);
    assert_eq!(look(), [(9, AppendOutcome::DiskFull, 1), (9, AppendOutcome::Received, 1)]);
    let on_reply = nodes[1].stream.lock().clone().expect("its stream is open");
    on_reply(AppendReply { sequence: 9, outcome: flushed.into(), boot: 8, promised: 66, marks: Vec::new() });
    nodes[0].replies(9, flushed, &[]);
    assert!(told.lock().iter().all(|reply| reply.promised == 66), "one of them promised it, whoever speaks");
}

#[test]
fn replies_that_wait_for_a_silent_node_are_bounded_and_the_last_ones_stay() {
    let (nodes, column) = three();
    let (_stream, told) = stream(&column);
    for sequence in 1..=1000 {
        nodes[0].replies(sequence, AppendOutcome::Flushed, &[mark(0, sequence)]);
        nodes[1].replies(sequence, AppendOutcome::Flushed, &[mark(1, sequence)]);
    }
    nodes[2].replies(700, AppendOutcome::Flushed, &[]);
    let told = told.lock();
    assert_eq!(told.len(), EARLY_MAX);
    assert_eq!(told.last().map(|reply| reply.sequence), Some(700));
    for group in [0, 1] {
        let marks = told.iter().flat_map(|reply| &reply.marks).filter(|mark| mark.group == group);
        assert_eq!(marks.map(|mark| mark.scl_flushed).max(), Some(1000));
    }
}

#[test]
fn a_member_is_reached_when_all_its_nodes_can_be_dialled() {
    let (nodes, _) = three();
    let dial = |number: u32| {
        let nodes = nodes.clone();
        move |node: &Member| {
            let found = nodes.get((node.node - 10) as usize).filter(|_| node.node != number)?;
            Some(found.clone() as Arc<dyn StorageNode>)
        }
    };
    let column = reach(&dial(0), &member(), PAGES_PER_GROUP).expect("all can be dialled");
    let status = said(column.status(StatusRequest::default()));
    assert_eq!((status.node, status.incarnation), NAME);
    assert!(nodes.iter().all(|node| node.asked() == ["status"]));
    assert!((10..13).all(|number| reach(&dial(number), &member(), PAGES_PER_GROUP).is_none()));
    let alone = reach(&dial(0), &node(11, 4), PAGES_PER_GROUP).expect("it can be dialled");
    assert_eq!(said(alone.status(StatusRequest::default())).node, 11);
}

//! A node that was away longer than its peers keep redo becomes their equal by page images: whole or not at all, through
//! crashes, through peers that go on retiring, through recoveries.

#[expect(unused, reason = "each test file uses a part of it")]
mod node_support;

use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt};
use node_support::*;
use parking_lot::Mutex;
use protocol::node::{AppendStream, NodeError, NodeResult, OnReply, StorageNode};
use protocol::rpc::storage::*;
use protocol::{Ballot, Lsn};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use storage::node::gossip::Gossip;
use storage::node::{Node, NodeOptions};
use storage::sim::{Loss, SimDisk};

/// Called before a piece of images is served, with its number; `false` lets the call fail.
type BeforePiece = Box<dyn FnMut(usize, &PullImagesRequest) -> bool + Send>;

/// A peer that gives images in small pieces.
struct Narrow {
    node: Arc<Node>,
    pieces: Mutex<(usize, BeforePiece)>,
    /// Flips a bit of an image of each piece.
    damaging: bool,
    /// Pages whose images it does not give.
    omitted: &'static [u64],
}

impl Narrow {
    fn new(node: &Arc<Node>, before: impl FnMut(usize, &PullImagesRequest) -> bool + Send + 'static) -> Arc<Narrow> {
        Arc::new(Narrow { pieces: Mutex::new((0, Box::new(before))), ..Narrow::open(node) })
    }

    fn damaging(node: &Arc<Node>) -> Arc<Narrow> {
        Arc::new(Narrow { damaging: true, ..Narrow::open(node) })
    }

    fn omitting(node: &Arc<Node>, omitted: &'static [u64]) -> Arc<Narrow> {
        Arc::new(Narrow { omitted, ..Narrow::open(node) })
    }

    fn open(node: &Arc<Node>) -> Narrow {
        let before: BeforePiece = Box::new(|_, _| true);
        Narrow { node: node.clone(), pieces: Mutex::new((0, before)), damaging: false, omitted: &[] }
    }
}

impl StorageNode for Narrow {
    fn append(&self, on_reply: OnReply) -> BoxFuture<'_, NodeResult<Box<dyn AppendStream>>> {
        self.node.append(on_reply)
    }

    fn pull_images(&self, request: PullImagesRequest) -> BoxFuture<'_, NodeResult<PullImagesReply>> {
        let mut pieces = self.pieces.lock();
        pieces.0 += 1;
        let number = pieces.0;
        if !(pieces.1)(number, &request) {
            return Box::pin(std::future::ready(Err(NodeError::Unreachable("cut off".into()))));
        }
        drop(pieces);
        Box::pin(async move {
            let mut reply = self.node.pull_images(PullImagesRequest { max_bytes: 12 << 10, ..request }).await?;
            reply.images.retain(|image| !self.omitted.contains(&image.page));
            if let Some(image) = reply.images.last_mut().filter(|_| self.damaging) {
                let mut bytes = image.image.to_vec();
                let middle = bytes.len() / 2;
                bytes[middle] ^= 4;
                image.image = bytes.into();
            }
            Ok(reply)
        })
    }

    relay! {
        prepare: PrepareRequest => PrepareReply,
        install_table: InstallTableRequest => InstallTableReply,
        fill: FillRequest => FillReply,
        read_page: ReadPageRequest => ReadPageReply,
        pull: PullRequest => PullReply,
        hold: HoldRequest => HoldReply,
        register: RegisterRequest => RegisterReply,
        create_volume: CreateVolumeRequest => CreateVolumeReply,
        status: StatusRequest => StatusReply,
    }
}

const ALL_PAGES: std::ops::Range<u64> = 0..128;

/// Writes so many batches over both groups, and lets the node retire what it can.
fn go_on(rig: &mut Rig, writer: &mut Writer, batches: u64) {
    for n in 0..batches {
        let group = n % 2 * 64;
        rig.send(writer.batch(&[group + n % 61, group + 3]));
        if n % 50 == 49 {
            rig.hear(writer.end(), writer.end());
            rig.tend();
        }
    }
}

fn node(name: &str, id: u32) -> Rig {
    // Every page stays cached, as it was when it was read.
    let options = NodeOptions { page_cache_bytes: 2 << 20, ..options(id) };
    let rig = open_at(&SimDisk::new(), Path::new(name), options).expect("the disk is sound");
    rig.create();
    rig
}

/// A peer whose redo begins above what `away` has, a node that was away, and the writer of both.
fn apart() -> (Rig, Rig, Writer) {
    let (mut peer, mut away, mut writer) = (node("/peer", 0), node("/away", 1), Writer::new());
    for n in 0..40 {
        let batch = writer.batch(&[n, 7]);
        peer.send(batch.clone());
        away.send(batch);
    }
    go_on(&mut peer, &mut writer, 3_000);
    let pulled = peer.pull(0, Lsn(away.mark(0).scl_flushed), Lsn::MAX, 1 << 20);
    assert_eq!(pulled.outcome(), ReadOutcome::BelowFloor, "the redo between is retired");
    (peer, away, writer)
}

fn rounds(away: &Rig, peers: Vec<Arc<dyn StorageNode>>, count: usize) {
    let mut gossip = Gossip::new(&away.node, peers);
    for _ in 0..count {
        now(gossip.round(true));
    }
}

fn check_equal(away: &Rig, peer: &Rig, writer: &Writer) {
    for group in 0..2 {
        assert_eq!(away.mark(group), peer.mark(group));
        assert_eq!(away.mark(group).scl_flushed, writer.tail(group).0);
    }
    assert_eq!(away.status().state, "up");
    assert_eq!(away.status().hydrating, []);
    away.check_pages(writer, ALL_PAGES, &[writer.end()]);
}

#[test]
fn a_node_that_was_away_longer_than_redo_is_kept_becomes_equal() {
    let (mut peer, mut away, mut writer) = apart();
    let before = away.mark(0).scl_flushed;
    // Pages are cached as they are now: not what the images are built upon later.
    for page in 0..64 {
        assert_eq!(away.read(page, Lsn(before), Lsn(before)), Ok(writer.fold(page, Lsn(before))));
    }
    let seen: Arc<Mutex<Vec<(String, u64)>>> = Arc::default();
    let (node, sink) = (away.node.clone(), seen.clone());
    let source = Narrow::new(&peer.node, move |number, _| {
        let status = node.status(StatusRequest { version: 1, volume: 0 }).now_or_never().expect("it waits for nothing");
        let status = status.expect("it is up");
        sink.lock().push((status.state.clone(), status.marks.iter().map(|mark| mark.scl_flushed).max().unwrap_or(0)));
        // In the midst of group 0: nothing may count.
        number != 3
    });
    rounds(&away, vec![source.clone()], 1);
    assert_eq!(away.mark(0).scl_flushed, before, "cut off in the midst: nothing of it counts");
    assert_eq!(away.status().state, "hydrating");
    assert!(away.status().hydrating[0].pages > 0);
    assert_eq!(away.read(3, writer.end(), writer.tail(0)), Err(ReadOutcome::Behind));
    let told = away.prepare(Ballot::ZERO);
    assert_eq!((told.segments[0].scl, told.hydrated), (before, true), "recovery hears what it would have heard before");

    // What is new is taken behind the gap.
    let batch = writer.batch(&[5, 6]);
    peer.send(batch.clone());
    let reply = away.send(batch);
    assert_eq!(reply.marks[0].scl_flushed, before);
    assert_ne!(reply.marks[0].gap_after, 0);

    rounds(&away, vec![source], 4);
    check_equal(&away, &peer, &writer);
    let states: Vec<String> = seen.lock().iter().map(|(state, _)| state.clone()).collect();
    assert!(states[1..3].iter().all(|state| state == "hydrating"), "{states:?}");

    // And it stays equal: through its own retirement, and through a loss of power.
    for n in 0..2_000 {
        let batch = writer.batch(&[n % 61, 3]);
        peer.send(batch.clone());
        away.send(batch);
        if n % 50 == 49 {
            away.hear(writer.end(), writer.end());
            away.tend();
        }
    }
    away.check_pages(&writer, ALL_PAGES, &[writer.end()]);
    let Rig { disk, node, stream, .. } = away;
    disk.crash(Loss::Everything);
    drop((stream, node));
    let away = open_at(&disk, Path::new("/away"), options(1)).expect("it starts again");
    assert!(away.prepare(Ballot::new(1, 1)).hydrated);
    assert_eq!(away.mark(0).scl_flushed, writer.tail(0).0);
    away.check_pages(&writer, ALL_PAGES, &[writer.end()]);
}

#[test]
fn hydration_goes_on_where_a_crash_cut_it() {
    let mut in_the_midst = 0;
    for cut in 1..=6 {
        let (peer, away, writer) = apart();
        rounds(&away, vec![Narrow::new(&peer.node, move |number, _| number <= cut)], 1);
        let reached = away.status().hydrating;
        let Rig { disk, node, stream, .. } = away;
        disk.crash(Loss::Everything);
        drop((stream, node));
        let away = open_at(&disk, Path::new("/away"), options(1)).expect("it starts again");
        assert_eq!(away.status().hydrating, reached);
        let asked: Arc<Mutex<BTreeMap<u32, u64>>> = Arc::default();
        let first = asked.clone();
        let source = Narrow::new(&peer.node, move |_, request| {
            first.lock().entry(request.group).or_insert(request.from_page);
            true
        });
        for hydration in &reached {
            in_the_midst += 1;
            assert_eq!(away.status().state, "hydrating");
            assert!(Lsn(away.mark(hydration.group).scl_flushed) < writer.tail(hydration.group), "nothing of it counts");
        }
        rounds(&away, vec![source], 4);
        for hydration in &reached {
            assert_eq!(asked.lock().get(&hydration.group), Some(&hydration.next_page), "cut {cut}");
        }
        check_equal(&away, &peer, &writer);
    }
    assert!(in_the_midst >= 3, "pieces are small enough for most cuts to fall between two");
}

#[test]
fn a_peer_that_retires_more_in_the_midst_needs_a_second_shorter_pass() {
    let (peer, away, writer) = apart();
    let node = peer.node.clone();
    let world = Arc::new(Mutex::new((peer, writer)));
    let busy = world.clone();
    let asked: Arc<Mutex<Vec<(u32, u64)>>> = Arc::default();
    let sink = asked.clone();
    let source = Narrow::new(&node, move |number, request| {
        sink.lock().push((request.group, request.newer_than));
        if number == 3 || number == 9 {
            let (peer, writer) = &mut *busy.lock();
            go_on(peer, writer, 2_000);
        }
        true
    });
    rounds(&away, vec![source], 12);
    let (peer, writer) = &*world.lock();
    check_equal(&away, peer, writer);
    let mut passes: Vec<u64> = asked.lock().iter().filter(|(group, _)| *group == 0).map(|(_, newer)| *newer).collect();
    passes.dedup();
    assert!(passes.len() >= 2 && passes.is_sorted(), "a later pass asks for what changed since: {passes:?}");
}

#[test]
fn a_damaged_image_is_not_taken_and_another_peer_gives_it() {
    let (peer, away, writer) = apart();
    let twin = node("/twin", 2);
    rounds(&twin, vec![peer.node.clone()], 8);
    check_equal(&twin, &peer, &writer);
    rounds(&away, vec![Narrow::damaging(&peer.node)], 2);
    assert!(Lsn(away.mark(0).scl_flushed) < writer.tail(0), "nothing damaged counts");
    rounds(&away, vec![Narrow::damaging(&peer.node), twin.node.clone()], 8);
    check_equal(&away, &peer, &writer);
}

#[test]
fn a_recovery_in_the_midst_cuts_what_it_cuts_and_hydration_begins_again() {
    let (mut peer, mut away, writer) = (node("/peer", 0), node("/away", 1), Writer::new());
    let mut old = writer;
    for n in 0..40 {
        let batch = old.batch(&[n, 7]);
        peer.send(batch.clone());
        away.send(batch);
    }
    let vdl = old.end();
    // The dead branch: on the node that goes away alone, and counted there.
    for n in 0..20 {
        away.send(old.batch(&[n, 9]));
    }
    let dead = old.end();
    let (ballot, first) = (Ballot::new(1, 1), Lsn(500_000));
    peer.prepare(ballot);
    peer.install(&table(&[(ballot, vdl, first)]));
    let mut new = old.recovered(ballot, vdl, first);
    go_on(&mut peer, &mut new, 3_000);

    // A promise above the peer's table: that table cannot be taken, and without it no image counts.
    let higher = Ballot::new(2, 1);
    assert!(away.prepare(higher).promised);
    rounds(&away, vec![peer.node.clone()], 2);
    assert_eq!(away.mark(0).scl_flushed, dead.0, "what was reported to the recoverer stays");

    // That recovery ends; the redo goes on under its ballot, and hydration is cut off and finished under a third one.
    let second = (higher, new.end(), Lsn(90_000_000));
    let tables = table(&[(ballot, vdl, first), second]);
    peer.prepare(higher);
    peer.install(&tables);
    let source = Narrow::new(&peer.node, |number, _| number <= 2);
    rounds(&away, vec![source], 2);
    assert_eq!(away.mark(0).scl_flushed, vdl.0, "the dead branch is cut, the images do not count yet");
    let third = (Ballot::new(3, 1), new.end(), Lsn(190_000_000));
    let tables = table(&[(ballot, vdl, first), second, third]);
    for rig in [&peer, &away] {
        assert_eq!(Lsn(rig.prepare(third.0).segments[0].scl).min(new.end()), Lsn(rig.mark(0).scl_flushed));
        assert!(rig.install(&tables).adopted);
    }
    let mut last = new.recovered(third.0, new.end(), third.2);
    go_on(&mut peer, &mut last, 2);
    rounds(&away, vec![peer.node.clone()], 8);
    check_equal(&away, &peer, &last);
}

#[test]
fn redo_that_came_late_is_in_the_images_before_the_base_passes_it() {
    let (mut peer, mut writer) = (node("/peer", 0), Writer::new());
    let late = writer.batch(&[62]);
    for n in 0..900 {
        peer.send(writer.batch(&[n % 40, (n * 7) % 60, 3]));
    }
    // It closes the gap, in another file than what it is followed by.
    peer.send(late);
    let mut retired = false;
    for turn in 0..6 {
        peer.hear(writer.end(), writer.end());
        peer.tend();
        retired |= peer.pull(0, Lsn::ZERO, Lsn::MAX, 1 << 20).outcome() == ReadOutcome::BelowFloor;
        let joiner = node("/joiner", 1);
        rounds(&joiner, vec![peer.node.clone()], 8);
        assert_eq!(joiner.mark(0).scl_flushed, writer.tail(0).0);
        joiner.check_pages(&writer, 0..64, &[writer.end()]);
        (0..100).for_each(|n| drop(peer.send(writer.batch(&[(turn + n) % 40, 3]))));
    }
    assert!(retired, "it does not keep the log for ever");
}

/// A node that goes on, and one that goes away while both have the same redo; and its first batch. The pages of that, 62 and
/// 63, are changed by no other: who goes away has them in its log alone.
fn parted() -> (Rig, Rig, Writer, Bytes) {
    let (mut peer, mut away, mut writer) = (node("/peer", 0), node("/away", 1), Writer::new());
    let first = writer.batch(&[62, 63]);
    for batch in std::iter::once(first.clone()).chain((0..40).map(|n| writer.batch(&[n, 7]))) {
        peer.send(batch.clone());
        away.send(batch);
    }
    go_on(&mut peer, &mut writer, 3_000);
    (peer, away, writer, first)
}

/// What a node has redo of and no image is not covered by its images, whatever those of its peers cover.
#[test]
fn who_takes_images_from_a_node_that_took_them_itself_has_every_page() {
    let (peer, away, writer, _) = parted();
    rounds(&away, vec![peer.node.clone()], 8);
    check_equal(&away, &peer, &writer);
    let joiner = node("/joiner", 2);
    rounds(&joiner, vec![away.node.clone()], 8);
    check_equal(&joiner, &peer, &writer);
    let uncovered = |node: &Rig| node.status().uncoalesced_bytes;
    assert_eq!(uncovered(&away), uncovered(&joiner), "what the images have is not to become one again");
}

/// A version before asked for no images of what it had redo of.
#[test]
fn a_node_without_images_up_to_its_base_gives_none_before_they_are_made() {
    let (peer, away, writer, _) = parted();
    rounds(&away, vec![Narrow::omitting(&peer.node, &[62, 63])], 8);
    check_equal(&away, &peer, &writer);
    away.disk.crash(Loss::Nothing);
    let mut away = away.restart_at(Path::new("/away"), options(1));
    let joiner = node("/joiner", 2);
    rounds(&joiner, vec![away.node.clone()], 4);
    assert_eq!(joiner.mark(0).scl_flushed, 0, "what it would give is not all");
    assert_eq!(joiner.mark(1).scl_flushed, writer.tail(1).0, "the other group is whole");
    // Not before the point that an image has to reach is heard to be durable, which may be at once.
    away.hear(writer.end(), writer.end());
    away.tend();
    rounds(&joiner, vec![away.node.clone()], 8);
    check_equal(&joiner, &away, &writer);
}

#[test]
fn redo_that_is_lost_below_a_hydration_is_in_the_images() {
    let (peer, away, writer, first) = parted();
    rounds(&away, vec![Narrow::new(&peer.node, |number, _| number <= 2)], 1);
    assert_eq!(away.status().state, "hydrating");
    away.disk.crash(Loss::Nothing);
    let away = away.restart_at(Path::new("/away"), options(1));
    let holds = |path: &std::path::PathBuf| away.disk.bytes(path).windows(first.len()).position(|at| at == first);
    let (file, at) =
        away.disk.paths().into_iter().find_map(|path| holds(&path).map(|at| (path, at))).expect("it has it");
    away.disk.flip(&file, at + first.len() / 2, 1);
    away.node.scrub().expect("the disk answers");
    assert!(away.mark(0).scl_flushed < 10 && away.status().state == "damaged");
    rounds(&away, vec![peer.node.clone()], 8);
    check_equal(&away, &peer, &writer);
}

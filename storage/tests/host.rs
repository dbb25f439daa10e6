//! One storage process with several volumes: what happens to one is nothing to the others.

#[expect(unused, reason = "each test file uses a part of it")]
mod node_support;

use bytes::Bytes;
use node_support::*;
use protocol::rpc::storage::{
    AppendOutcome, AppendRequest, CreateVolumeReply, CreateVolumeRequest, DropVolumeRequest, StatusReply,
    StatusRequest, VolumeConfig,
};
use protocol::{FORMAT_VERSION, Lsn};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use storage::node::host::{Host, IN_USE_WITHIN, VOLUMES_MAX};
use storage::node::{NodeOptions, OpenError, Refusal};
use storage::sim::{Loss, SimClock, SimDisk};

/// The second volume.
const OTHER: u64 = 0xb0b;

fn host(disk: &Arc<SimDisk>) -> Arc<Host> {
    Host::open(disk.clone(), &dir(), options(0)).expect("the directory is a node's")
}

fn keep(host: &Host, config: VolumeConfig) -> Result<CreateVolumeReply, Refusal> {
    now(host.create(CreateVolumeRequest { version: FORMAT_VERSION, config: Some(config) }))
}

fn of(volume: u64) -> VolumeConfig {
    VolumeConfig { volume, ..config() }
}

/// Two volumes, kept.
fn two(disk: &Arc<SimDisk>) -> Arc<Host> {
    let host = host(disk);
    for volume in [VOLUME, OTHER] {
        assert!(keep(&host, of(volume)).expect("there is room").created);
    }
    host
}

fn status(host: &Host, volume: u64) -> StatusReply {
    host.status(&StatusRequest { version: FORMAT_VERSION, volume }).expect("status is always given")
}

fn listed(host: &Host) -> Vec<(u64, String)> {
    status(host, 0).volumes.into_iter().map(|it| (it.volume, it.state)).collect()
}

/// A volume of a host, with its writer.
struct Volume {
    rig: Rig,
    volume: u64,
    writer: Writer,
}

impl Volume {
    fn new(disk: &Arc<SimDisk>, host: &Host, volume: u64) -> Volume {
        let node = host.node(volume, FORMAT_VERSION).expect("it is kept");
        Volume { rig: rig(disk, node), volume, writer: Writer::new() }
    }

    fn request(&self, batch: Bytes) -> AppendRequest {
        AppendRequest { volume: self.volume, ..self.rig.request(batch) }
    }

    fn send(&mut self, batch: Bytes) -> AppendOutcome {
        let request = self.request(batch);
        self.rig.send_request(request).outcome()
    }

    fn write(&mut self, pages: &[u64]) -> AppendOutcome {
        let batch = self.writer.batch(pages);
        self.send(batch)
    }

    /// Everything is durable and nobody reads below: the background does what it can.
    fn tidy(&mut self) {
        let end = self.writer.end().0;
        let request = AppendRequest { flushed_vdl: end, gc_floor: end, ..self.request(Bytes::new()) };
        self.rig.send_request(request);
        self.rig.tend();
    }

    fn flushed(&self) -> Lsn {
        Lsn(self.rig.mark(0).scl_flushed)
    }
}

fn further(volume: u64) -> PathBuf {
    dir().join(format!("volumes/{volume:016x}"))
}

#[test]
fn volumes_are_kept_side_by_side_and_found_again() {
    let disk = SimDisk::new();
    let host = two(&disk);
    let (mut one, mut other) = (Volume::new(&disk, &host, VOLUME), Volume::new(&disk, &host, OTHER));
    for n in 0..200 {
        assert_eq!(one.write(&[n % 9]), AppendOutcome::Flushed);
        assert_eq!(other.write(&[n % 5, 3]), AppendOutcome::Flushed);
    }
    assert_ne!(one.flushed(), other.flushed());
    assert!(matches!(host.node(VOLUME + 1, FORMAT_VERSION), Err(Refusal::OtherVolume)));
    assert!(!keep(&host, of(OTHER)).expect("it is kept already").created);
    let both = [(VOLUME, "up".to_owned()), (OTHER, "up".to_owned())];
    assert_eq!(listed(&host), both);
    // Who does not say which is told which there are, and nothing of either.
    assert_eq!(status(&host, 0).config, None);
    assert_eq!(status(&host, OTHER).config.map(|config| config.volume), Some(OTHER));
    assert_eq!((status(&host, 5).state.as_str(), status(&host, 5).node), ("empty", 0));

    let (Volume { writer: first, .. }, Volume { writer: second, .. }) = (one, other);
    disk.crash(Loss::Everything);
    drop(host);
    let host = self::host(&disk);
    assert_eq!(listed(&host), both);
    for (volume, writer) in [(VOLUME, first), (OTHER, second)] {
        let kept = Volume { writer, ..Volume::new(&disk, &host, volume) };
        assert_eq!(kept.flushed(), kept.writer.end(), "what was acknowledged is there");
    }
}

#[test]
fn a_directory_of_one_volume_is_a_host_with_one() {
    let disk = SimDisk::new();
    let mut rig = open(&disk, options(0)).expect("the disk is sound");
    rig.create();
    let mut writer = Writer::new();
    rig.send(writer.batch(&[1, 2, 3]));
    let rig = rig.restart(|disk| disk.crash(Loss::Everything), options(0));
    disk.crash(Loss::Nothing);
    drop(rig);
    let host = host(&disk);
    let reply = status(&host, 0);
    assert_eq!(reply.config.map(|config| config.volume), Some(VOLUME), "it is the only one");
    assert_eq!(reply.marks[0].scl_flushed, writer.end().0);
    assert!(keep(&host, of(OTHER)).expect("there is room").created);
    assert_eq!(listed(&host).len(), 2);
}

#[test]
fn a_failed_fsync_ends_one_volume_and_not_the_other() {
    let disk = SimDisk::new();
    for failing in [VOLUME, OTHER] {
        let disk = if failing == VOLUME { disk.clone() } else { SimDisk::new() };
        let host = two(&disk);
        let mut volumes = [Volume::new(&disk, &host, VOLUME), Volume::new(&disk, &host, OTHER)];
        let at = usize::from(failing == OTHER);
        for volume in &mut volumes {
            assert_eq!(volume.write(&[1]), AppendOutcome::Flushed);
        }
        disk.fail_sync_after(0);
        assert_eq!(volumes[at].write(&[1]), AppendOutcome::Failed);
        assert_eq!(volumes[1 - at].write(&[1]), AppendOutcome::Flushed);
        assert_eq!(volumes[at].write(&[1]), AppendOutcome::Failed, "failed is failed");
        assert_eq!(status(&host, failing).state, "failed");
        assert!(!host.is_failed(), "the other one works");
        let summary = status(&host, 0).volumes.swap_remove(at);
        assert!(summary.why.contains("fsync"), "{summary:?}");
        disk.fail_sync_after(0);
        volumes[1 - at].write(&[1]);
        assert!(host.is_failed());
    }
}

#[test]
fn a_volume_that_does_not_open_is_listed_and_the_others_are_served() {
    for broken in [VOLUME, OTHER] {
        let disk = SimDisk::new();
        let host = two(&disk);
        let sound = VOLUME ^ OTHER ^ broken;
        let mut before = Volume::new(&disk, &host, sound);
        before.write(&[1]);
        let Volume { writer, .. } = before;
        drop(host);
        disk.crash(Loss::Nothing);
        let damaged = if broken == VOLUME { dir() } else { further(OTHER) };
        for name in ["superblock.0", "superblock.1"] {
            disk.flip(&damaged.join(name), 33, 1);
        }
        let host = self::host(&disk);
        assert_eq!(Host::identity(&*disk, &dir()).expect("a sound one tells"), Some(protocol::NodeId(0)));
        let failed = listed(&host).into_iter().find(|(_, state)| state == "failed").expect("it is listed");
        // Nobody can read which volume the first directory had.
        assert_eq!(failed.0, if broken == VOLUME { 0 } else { OTHER });
        let mut sound = Volume { writer, ..Volume::new(&disk, &host, sound) };
        assert_eq!(sound.write(&[1, 2]), AppendOutcome::Flushed);
        assert_eq!(sound.flushed(), sound.writer.end(), "it knows what it had");
        assert!(host.node(broken, FORMAT_VERSION).is_err());
        assert!(!host.is_failed());
    }
    // The only one: there is nothing to serve.
    let disk = SimDisk::new();
    drop(host(&disk));
    disk.crash(Loss::Nothing);
    for name in ["superblock.0", "superblock.1"] {
        disk.flip(&dir().join(name), 33, 1);
    }
    assert!(matches!(Host::open(disk, &dir(), options(0)), Err(OpenError::Damaged { .. })));
}

#[test]
fn what_is_not_this_nodes_is_left_alone() {
    let disk = SimDisk::new();
    let host = two(&disk);
    assert!(matches!(Host::open(disk.clone(), &dir(), options(0)), Err(OpenError::InUse { .. })));
    drop(host);
    disk.crash(Loss::Nothing);
    let before: Vec<Vec<u8>> = disk.paths().iter().map(|path| disk.bytes(path)).collect();
    assert!(matches!(Host::open(disk.clone(), &dir(), options(3)), Err(OpenError::OtherNode { .. })));
    assert_eq!(before, disk.paths().iter().map(|path| disk.bytes(path)).collect::<Vec<_>>());
}

#[test]
fn a_creation_that_power_cut_short_is_no_volume_and_can_be_repeated() {
    for operations in 0..40 {
        let disk = SimDisk::new();
        let host = self::host(&disk);
        keep(&host, of(VOLUME)).expect("it is the first");
        disk.cut_sync_after(operations);
        let done = keep(&host, of(OTHER)).is_ok();
        disk.crash(Loss::Everything);
        drop(host);
        let host = self::host(&disk);
        let kept = listed(&host).len() == 2;
        assert!(kept || !done, "what was said to be kept is, after {operations} fsyncs");
        assert_eq!(keep(&host, of(OTHER)).expect("again").created, !kept);
        assert_eq!(Volume::new(&disk, &host, OTHER).write(&[1]), AppendOutcome::Flushed);
        if done {
            return;
        }
    }
    panic!("a creation takes fewer fsyncs");
}

#[test]
fn a_bad_volume_leaves_no_directory_and_there_are_not_too_many() {
    let disk = SimDisk::new();
    let host = two(&disk);
    let before = disk.paths();
    let stranger = VolumeConfig { members: config().members[1..].to_vec(), ..of(9) };
    let small = VolumeConfig { quota_bytes: 1, ..of(9) };
    for bad in [stranger, small, VolumeConfig { pages_per_group: 0, ..of(9) }, of(0)] {
        assert!(matches!(keep(&host, bad), Err(Refusal::Malformed(_))));
    }
    assert_eq!(disk.paths(), before);
    for volume in 1000.. {
        if let Err(refusal) = keep(&host, of(volume)) {
            assert_eq!(volume as usize, 1000 + VOLUMES_MAX - 2, "{refusal}");
            break;
        }
    }
}

fn drop_volume(host: &Host, volume: u64) -> Result<(), Refusal> {
    now(host.drop_volume(&DropVolumeRequest { version: FORMAT_VERSION, volume })).map(drop)
}

/// Two volumes with something in them, and the clock by which their writers are silent.
fn two_that_were_written(disk: &Arc<SimDisk>) -> (Arc<Host>, Arc<SimClock>) {
    let clock = Arc::new(SimClock::default());
    let host = Host::open(disk.clone(), &dir(), NodeOptions { clock: clock.clone(), ..options(0) });
    let host = host.expect("the directory is a node's");
    for volume in [VOLUME, OTHER] {
        keep(&host, of(volume)).expect("there is room");
        let mut written = Volume::new(disk, &host, volume);
        (0..60).for_each(|n| assert_eq!(written.write(&[n]), AppendOutcome::Flushed));
        written.tidy();
    }
    (host, clock)
}

fn files_below(disk: &SimDisk, volume: u64) -> usize {
    let place = if volume == OTHER { further(OTHER) } else { dir() };
    let of_place = |path: &&PathBuf| {
        let parent = path.parent().expect("it lies somewhere");
        ["log", "images"].iter().any(|part| parent == place.join(part))
    };
    disk.paths().iter().filter(of_place).count()
}

#[test]
fn a_volume_that_nobody_writes_to_is_dropped_and_its_space_is_free() {
    for dropped in [VOLUME, OTHER] {
        let disk = SimDisk::new();
        let (host, clock) = two_that_were_written(&disk);
        let left = VOLUME ^ OTHER ^ dropped;
        let refused = drop_volume(&host, dropped).expect_err("its writer was heard just now");
        assert!(refused.to_string().contains("in use"), "{refused}");
        assert!(drop_volume(&host, 5).is_err());
        assert_eq!(listed(&host).len(), 2, "nothing was changed");
        clock.advance(IN_USE_WITHIN);
        assert!(files_below(&disk, dropped) > 1);
        drop_volume(&host, dropped).expect("nobody uses it");
        assert_eq!(files_below(&disk, dropped), 0);
        assert_eq!(listed(&host), [(left, "up".to_owned())]);
        // Whoever does not say means the only one again.
        assert_eq!(status(&host, 0).config.map(|config| config.volume), Some(left));
        assert!(matches!(host.node(dropped, FORMAT_VERSION), Err(Refusal::OtherVolume)));
        assert!(!host.is_failed());

        // It stays dropped, and may be made again, with nothing in it.
        disk.crash(Loss::Everything);
        drop(host);
        let host = self::host(&disk);
        assert_eq!(listed(&host), [(left, "up".to_owned())]);
        assert_eq!(status(&host, 0).config.map(|config| config.volume), Some(left));
        assert!(keep(&host, of(dropped)).expect("there is room").created);
        let mut again = Volume::new(&disk, &host, dropped);
        assert!(again.flushed().is_zero());
        assert_eq!(again.write(&[1]), AppendOutcome::Flushed);
        assert_eq!(status(&host, dropped).incarnation, 0);
    }
}

#[test]
fn the_last_volume_may_be_dropped_and_another_is_made_by_the_same_process() {
    let disk = SimDisk::new();
    let (host, clock) = two_that_were_written(&disk);
    clock.advance(IN_USE_WITHIN);
    for volume in [VOLUME, OTHER] {
        drop_volume(&host, volume).expect("nobody uses it");
    }
    assert!(listed(&host).is_empty() && !host.is_failed());
    let another = Host::open(disk.clone(), &dir(), options(0)).map(drop);
    assert!(matches!(another, Err(OpenError::InUse { .. })), "the directory is this process's still: {another:?}");
    assert_eq!((status(&host, 0).state.as_str(), status(&host, 0).node), ("empty", 0));
    assert!(keep(&host, of(9)).expect("there is room").created);
    assert_eq!(listed(&host), [(9, "up".to_owned())]);
}

#[test]
fn a_drop_that_power_cut_short_leaves_the_volume_whole_or_gone() {
    let files_of_a_new_place = {
        let disk = SimDisk::new();
        let _host = host(&disk);
        files_below(&disk, VOLUME)
    };
    for dropped in [VOLUME, OTHER] {
        let mut outcomes = [0, 0];
        for operations in 0.. {
            let disk = SimDisk::new();
            let (host, clock) = two_that_were_written(&disk);
            let before = status(&host, dropped).marks;
            clock.advance(IN_USE_WITHIN);
            disk.cut_sync_after(operations);
            let done = drop_volume(&host, dropped).is_ok();
            disk.crash(Loss::Everything);
            drop(host);
            let host = self::host(&disk);
            let kept = listed(&host).iter().any(|(volume, _)| *volume == dropped);
            assert!(!(kept && done), "what was said to be dropped is, after {operations} fsyncs");
            outcomes[usize::from(kept)] += 1;
            if kept {
                assert_eq!(status(&host, dropped).marks, before, "all of it is there");
            } else {
                let left = files_below(&disk, dropped);
                // The first place is ready for another volume again.
                let expected = if dropped == VOLUME { files_of_a_new_place } else { 0 };
                assert_eq!(left, expected, "the start removes the rest, after {operations} fsyncs");
            }
            if done {
                break;
            }
        }
        assert!(outcomes.iter().all(|seen| *seen > 0), "{outcomes:?}");
    }
}

const QUOTA: u64 = 8 * (32 << 10);

/// Both volumes of a host, the second with a quota.
fn limited(disk: &Arc<SimDisk>) -> (Arc<Host>, Volume, Volume) {
    let host = host(disk);
    keep(&host, of(VOLUME)).expect("it is the first");
    keep(&host, VolumeConfig { quota_bytes: QUOTA, ..of(OTHER) }).expect("there is room");
    let (free, limited) = (Volume::new(disk, &host, VOLUME), Volume::new(disk, &host, OTHER));
    (host, free, limited)
}

#[test]
fn a_quota_stops_its_volume_politely_and_no_other() {
    let disk = SimDisk::new();
    let (host, mut free, mut limited) = limited(&disk);
    // Nothing is durable elsewhere, so nothing may go.
    let refused = loop {
        let batch = limited.writer.batch(&[limited.writer.records.len() as u64 % 60, 1]);
        assert_eq!(free.write(&[1, 2]), AppendOutcome::Flushed);
        if limited.send(batch.clone()) == AppendOutcome::DiskFull {
            break batch;
        }
        assert!(limited.writer.end().0 < 4 * QUOTA, "it takes more than it may");
    };
    let summary = status(&host, OTHER).volumes.swap_remove(1);
    assert_eq!((summary.state.as_str(), summary.quota_bytes), ("full", QUOTA));
    assert!(summary.disk_bytes <= QUOTA, "{summary:?}");
    let held = limited.flushed();
    let read = ReadRequest { volume: OTHER, page: 1, at: held };
    assert_eq!(read.of(&host), limited.writer.fold(1, held), "reads go on");
    for _ in 0..500 {
        assert_eq!(free.write(&[1, 2]), AppendOutcome::Flushed, "the other one goes on");
    }
    // More is given, and outlives the process.
    let more = VolumeConfig { quota_bytes: 4 * QUOTA, ..of(OTHER) };
    keep(&host, more).expect("a quota may change");
    assert_eq!(limited.send(refused), AppendOutcome::Flushed);
    assert_eq!(status(&host, OTHER).state, "up");
    disk.crash(Loss::Everything);
    drop(host);
    let host = self::host(&disk);
    assert_eq!(status(&host, OTHER).volumes[1].quota_bytes, 4 * QUOTA);
    assert_eq!(status(&host, OTHER).config.map(|config| config.quota_bytes), Some(4 * QUOTA));
}

#[test]
fn a_volume_that_is_smaller_than_its_quota_is_never_full() {
    let disk = SimDisk::new();
    let (host, _, mut limited) = limited(&disk);
    let mut most = 0;
    let mut written = 0;
    for n in 0..30_000u64 {
        let batch = limited.writer.batch(&[n % 12, (n * 7) % 12]);
        written += batch.len() as u64;
        assert_eq!(limited.send(batch), AppendOutcome::Flushed, "after {written} bytes");
        if n % 20 == 0 {
            limited.tidy();
            let summary = status(&host, 0).volumes.swap_remove(1);
            most = most.max(summary.disk_bytes);
        }
    }
    assert!(written > 10 * QUOTA, "{written}");
    assert!(most <= QUOTA, "{most} bytes of disk for {QUOTA}");
}

#[test]
fn a_quota_waits_for_no_peer() {
    use protocol::node::StorageNode;
    use storage::node::gossip::Gossip;
    let disk = SimDisk::new();
    let (_host, _, mut limited) = limited(&disk);
    let twin = open_at(&SimDisk::new(), Path::new("/twin"), options(1)).expect("the disk is sound");
    let request = CreateVolumeRequest { version: FORMAT_VERSION, config: Some(of(OTHER)) };
    now(twin.node.create_volume(request)).expect("it is the first");
    // The twin answers, and has nothing.
    now(Gossip::new(&limited.rig.node, vec![twin.node.clone() as Arc<dyn StorageNode>]).round(true));
    for n in 0..20_000u64 {
        assert_eq!(limited.write(&[n % 12, 3]), AppendOutcome::Flushed, "batch {n}");
        if n % 20 == 0 {
            limited.tidy();
        }
    }
}

/// A page of a volume at its node's end.
struct ReadRequest {
    volume: u64,
    page: u64,
    at: Lsn,
}

impl ReadRequest {
    fn of(&self, host: &Host) -> Option<protocol::Page> {
        use protocol::node::StorageNode;
        let request = protocol::rpc::storage::ReadPageRequest {
            volume: self.volume,
            version: FORMAT_VERSION,
            page: self.page,
            read_point: self.at.0,
            group_tail: self.at.0,
            ..Default::default()
        };
        let node = host.node(self.volume, FORMAT_VERSION).expect("it is kept");
        let reply = now(node.read_page(request)).expect("a read is answered");
        protocol::Page::from_bytes(&reply.page, protocol::PageId(self.page)).ok()
    }
}

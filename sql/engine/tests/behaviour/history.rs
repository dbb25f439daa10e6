//! Everything at once under a scheduler that a seed decides: concurrent transactions that wait for each other, savepoints,
//! long rows, sweeps, redo that is flushed late, a replica that follows, and crashes at any point.
//!
//! The model is the list of committed writes by commit LSN. Whatever is read at a snapshot must be the writes at or below
//! it, and the reader's own; whatever an update is shown must be the newest of all; what a crash leaves is what was
//! committed at or below the cut. One step of one task is atomic, so a look into the model and what led to it are one.

use crate::support::*;
use engine::testing::{MemoryReplica, MemoryVolume};
use engine::{Direction, Engine, Error, Isolation, KeyRange, LockStrength, SavepointId, TreeId, Txn, Verdict, View};
use futures::FutureExt;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use protocol::Lsn;
use protocol::volume::{Durability, PageSource};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

/// Tree and key.
type Key = (usize, Vec<u8>);
/// `None`: a delete.
type Writes = BTreeMap<Key, Option<Vec<u8>>>;

const TREES: usize = 2;
const KEYS: u8 = 14;
const SESSIONS: usize = 5;
const ROUNDS: usize = 3;
const STEPS: usize = 2500;

#[derive(Default)]
struct Model {
    /// By commit LSN.
    committed: Vec<(Lsn, Writes)>,
    /// The highest commit that a client was told of.
    told: Lsn,
    commits: usize,
    waits_lost: usize,
    compared: usize,
}

impl Model {
    /// The rows of a tree as of a snapshot, with the reader's own writes.
    fn rows(&self, tree: usize, snapshot: Lsn, own: &Writes) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut state = BTreeMap::new();
        let seen = self.committed.iter().filter(|(lsn, _)| *lsn <= snapshot).map(|(_, writes)| writes);
        for ((_, key), row) in seen.chain([own]).flatten().filter(|((of, _), _)| *of == tree) {
            match row {
                Some(row) => state.insert(key.clone(), row.clone()),
                None => state.remove(key),
            };
        }
        state.into_iter().collect()
    }

    fn newest(&self, key: &Key, own: &Writes) -> Option<Vec<u8>> {
        let newest = self.committed.iter().rev().find_map(|(_, writes)| writes.get(key));
        own.get(key).or(newest).cloned().flatten()
    }
}

struct World {
    engine: Arc<Engine>,
    volume: Arc<MemoryVolume>,
    trees: Vec<TreeId>,
    model: Mutex<Model>,
    random: Mutex<StdRng>,
}

impl World {
    fn pick(&self, below: usize) -> usize {
        self.random.lock().random_range(0..below)
    }
}

struct Open {
    txn: Txn,
    own: Writes,
    savepoints: Vec<(SavepointId, Writes)>,
}

async fn read(world: &World, open: &mut Open, tree: usize) -> Result<(), Error> {
    let view = world.engine.statement(&mut open.txn);
    let direction = if world.pick(2) == 0 { Direction::Forward } else { Direction::Backward };
    let mut found = rows(&world.engine, &view, world.trees[tree], KeyRange::all(), direction, 4).await?;
    if direction == Direction::Backward {
        found.reverse();
    }
    compare(world, &view, tree, &open.own, &found);
    Ok(())
}

fn compare(world: &World, view: &View, tree: usize, own: &Writes, found: &[(Vec<u8>, Vec<u8>)]) {
    let mut model = world.model.lock();
    let wanted = model.rows(tree, view.snapshot().lsn(), own);
    assert_eq!(brief(found), brief(&wanted), "at {}", view.snapshot().lsn());
    model.compared += 1;
}

async fn write(world: &World, open: &mut Open, key: Key) -> Result<(), Error> {
    let (engine, tree) = (&world.engine, world.trees[key.0]);
    let view = engine.statement(&mut open.txn);
    // Some rows are out of line.
    let filler = if world.pick(12) == 0 { world.pick(30_000) } else { world.pick(700) };
    let own = open.own.clone();
    let mut written = None;
    if world.pick(4) == 0 {
        let mut seen = |old: &[u8], _| {
            assert_eq!(world.model.lock().newest(&key, &own).as_deref(), Some(old), "not the newest");
            Ok(true)
        };
        let done = engine.delete(&mut open.txn, &view, tree, &key.1, None, &mut seen).await?;
        if done == engine::WriteOutcome::Done {
            open.own.insert(key, None);
        }
        return Ok(());
    }
    let row = vec![world.pick(256) as u8; filler];
    if engine.insert(&mut open.txn, &view, tree, &key.1, &row).await? == engine::InsertOutcome::Inserted {
        assert_eq!(world.model.lock().newest(&key, &own), None, "the key was taken");
        open.own.insert(key, Some(row));
        return Ok(());
    }
    // One byte more than before: an update that was lost shows.
    let mut replace = |old: &[u8], _| {
        assert_eq!(world.model.lock().newest(&key, &own).as_deref(), Some(old), "not the newest");
        let mut row = old.to_vec();
        row.push(1);
        written = Some(row.clone());
        Ok(Verdict::Replace(row))
    };
    let strength = if world.pick(2) == 0 { LockStrength::Update } else { LockStrength::NoKeyUpdate };
    if engine.update(&mut open.txn, &view, tree, &key.1, strength, &mut replace).await? == engine::WriteOutcome::Done {
        open.own.insert(key, written);
    }
    Ok(())
}

async fn transaction(world: &World) -> Result<(), Error> {
    let isolation = if world.pick(2) == 0 { Isolation::ReadCommitted } else { Isolation::RepeatableRead };
    let mut open = Open { txn: world.engine.begin(isolation), own: Writes::new(), savepoints: Vec::new() };
    for _ in 0..1 + world.pick(7) {
        let key = (world.pick(TREES), [b'k', world.pick(usize::from(KEYS)) as u8].repeat(40));
        match world.pick(10) {
            0 | 1 => read(world, &mut open, key.0).await?,
            2 => {
                let savepoint = world.engine.savepoint(&mut open.txn);
                open.savepoints.push((savepoint, open.own.clone()));
            }
            3 => {
                if let Some((savepoint, own)) = open.savepoints.pop() {
                    if world.pick(2) == 0 {
                        world.engine.rollback_to(&mut open.txn, savepoint);
                        open.own = own.clone();
                        open.savepoints.push((savepoint, own));
                    } else {
                        world.engine.release(&mut open.txn, savepoint);
                    }
                }
            }
            4 => {
                let view = world.engine.statement(&mut open.txn);
                let (tree, policy) = (world.trees[key.0], engine::WaitPolicy::SkipLocked);
                world.engine.lock_row(&mut open.txn, &view, tree, &key.1, LockStrength::Share, policy).await?;
            }
            _ => write(world, &mut open, key).await?,
        }
        tokio::task::yield_now().await;
    }
    if world.pick(5) == 0 {
        return Ok(());
    }
    let Open { txn, own, .. } = open;
    let lsn = world.engine.commit(txn).await?;
    if !own.is_empty() {
        let mut model = world.model.lock();
        assert!(model.committed.last().is_none_or(|(last, _)| *last < lsn), "commits are in order");
        model.committed.push((lsn, own));
        model.commits += 1;
    }
    world.engine.wait_durable(lsn, Durability::Flushed).await?;
    let mut model = world.model.lock();
    model.told = model.told.max(lsn);
    Ok(())
}

async fn session(world: Arc<World>) {
    loop {
        match transaction(&world).await {
            Ok(()) => {}
            Err(Error::Serialization | Error::Deadlock) => world.model.lock().waits_lost += 1,
            Err(error) => panic!("{error}"),
        }
        tokio::task::yield_now().await;
    }
}

/// Flushes redo late and by pieces, and sweeps.
async fn background(world: Arc<World>) {
    loop {
        for _ in 0..world.pick(20) {
            tokio::task::yield_now().await;
        }
        let boundaries = world.volume.boundaries();
        let open = boundaries.partition_point(|boundary| *boundary <= world.volume.flushed_vdl());
        if let Some(boundary) = boundaries.get(open + world.pick(boundaries.len() - open + 1)) {
            world.volume.flush_to(*boundary);
        }
        if world.pick(30) == 0 {
            vacuum(&world.engine).await;
        }
    }
}

/// Follows what is flushed, boundary by boundary, and compares at each.
async fn follow(world: Arc<World>, replica: Arc<Engine>, source: Arc<MemoryReplica>) {
    loop {
        let applied = replica.live_snapshots().0;
        let flushed = world.volume.flushed_vdl();
        let next = world.volume.boundaries().into_iter().find(|boundary| *boundary > applied && *boundary <= flushed);
        if let Some(next) = next {
            if world.pick(60) == 0 {
                source.skip(&*replica, next);
            } else {
                source.feed(&*replica, next).expect("redo applies");
            }
            let (floor, snapshots) = replica.live_snapshots();
            world.engine.set_replica_snapshots(1, floor, snapshots, Duration::from_secs(3600));
        }
        if world.pick(6) == 0 {
            let (tree, view) = (world.pick(TREES), replica.view(replica.snapshot()));
            match rows(&replica, &view, world.trees[tree], KeyRange::all(), Direction::Forward, 4).await {
                Ok(found) => compare(&world, &view, tree, &Writes::new(), &found),
                // It was not reported, or redo was skipped while it was read.
                Err(Error::SnapshotTooOld { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
        tokio::task::yield_now().await;
    }
}

/// Polls tasks in an order that the seed decides, for so many steps, and drops them where they are.
async fn run(world: &Arc<World>, mut tasks: Vec<BoxFuture<'static, ()>>, steps: usize) {
    for step in 0..steps {
        let at = world.pick(tasks.len());
        let ended = tasks[at].as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(ended.is_pending(), "tasks go on for ever");
        if step % 4 == 0 {
            // For the pages that are read ahead, and for tokio's budget.
            tokio::task::yield_now().await;
        }
    }
}

async fn live(seed: u64) -> (usize, usize, usize) {
    let mut random = StdRng::seed_from_u64(seed);
    let (mut volume, mut engine) = new_engine().await;
    let mut trees = Vec::new();
    for _ in 0..TREES {
        trees.push(new_tree(&engine).await);
    }
    let mut model = Model::default();
    for _ in 0..ROUNDS {
        let start = volume.last();
        let source = MemoryReplica::new(volume.clone(), start);
        let replica = Engine::replica(source.clone(), start, small()).await.expect("the replica opens");
        volume.hold();
        let world = Arc::new(World {
            engine: engine.clone(),
            volume: volume.clone(),
            trees: trees.clone(),
            model: Mutex::new(std::mem::take(&mut model)),
            random: Mutex::new(StdRng::seed_from_u64(random.random())),
        });
        let mut tasks: Vec<BoxFuture<'static, ()>> = vec![background(world.clone()).boxed()];
        tasks.push(follow(world.clone(), replica.clone(), source.clone()).boxed());
        tasks.extend((0..SESSIONS).map(|_| session(world.clone()).boxed()));
        run(&world, tasks, STEPS).await;
        // The crash: what is flushed stays, and of the rest as much as the nodes happened to have.
        let unflushed: Vec<Lsn> =
            volume.boundaries().into_iter().filter(|boundary| *boundary > volume.flushed_vdl()).collect();
        let more = random.random_range(0..=unflushed.len());
        let cut = if more == 0 { volume.flushed_vdl() } else { unflushed[more - 1] };
        model = std::mem::take(&mut *world.model.lock());
        assert!(model.told <= cut);
        model.committed.retain(|(lsn, _)| *lsn <= cut);
        let recovered = volume.crash_at(cut);
        engine = if random.random() {
            // The replica takes over, with what it has cached; it need not have come as far as the cut.
            let vdl = recovered.flushed_vdl();
            if random.random() {
                volume.flush_to(vdl);
                source.feed(&*replica, vdl).expect("redo applies");
            }
            replica.promote(recovered.clone(), vdl).await.expect("it is promoted");
            replica
        } else {
            Engine::writer(recovered.clone(), small()).await.expect("the volume opens")
        };
        volume = recovered;
        for (number, tree) in trees.iter().enumerate() {
            let wanted = model.rows(number, Lsn::MAX, &Writes::new());
            assert_eq!(brief(&all_rows(&engine, *tree).await), brief(&wanted), "seed {seed}, cut {cut}");
        }
    }
    (model.commits, model.compared, model.waits_lost)
}

#[test]
fn every_history_is_one_order_of_commits_whatever_crashes() {
    block_on(async {
        let (mut commits, mut compared, mut lost) = (0, 0, 0);
        for seed in 0..12 {
            let (more, views, waits) = live(seed).await;
            (commits, compared, lost) = (commits + more, compared + views, lost + waits);
        }
        assert!(commits > 400 && compared > 400 && lost > 20, "{commits} {compared} {lost}: too little happened");
    });
}

//! Small words for tests.

use engine::testing::MemoryVolume;
use engine::{
    CancelToken, Engine, InsertOutcome, Isolation, KeyRange, LockStrength, Options, Result, Rows, TreeId, TreeKind,
    Txn, VacuumReport, Verdict, View, WriteOutcome,
};
use std::sync::Arc;
use std::time::Duration;

/// The smallest cache: everything must work with it.
pub fn small() -> Options {
    Options { cache_pages: 64, replica_lease: Duration::ZERO, ..Options::default() }
}

pub async fn new_engine() -> (Arc<MemoryVolume>, Arc<Engine>) {
    let volume = MemoryVolume::new();
    let engine = Engine::bootstrap(volume.clone(), small()).await.expect("the volume is empty");
    (volume, engine)
}

pub async fn new_tree(engine: &Arc<Engine>) -> TreeId {
    let mut txn = engine.begin(Isolation::ReadCommitted);
    let tree = engine.create_tree(&mut txn, TreeKind::Clustered).await.expect("a tree is created");
    engine.commit(txn).await.expect("the creation commits");
    tree
}

pub async fn put(engine: &Arc<Engine>, txn: &mut Txn, tree: TreeId, key: &[u8], row: &[u8]) -> Result<()> {
    let view = engine.statement(txn);
    if engine.insert(txn, &view, tree, key, row).await? == InsertOutcome::Inserted {
        return Ok(());
    }
    set(engine, txn, &view, tree, key, row).await.map(|_| ())
}

pub async fn set(
    engine: &Arc<Engine>,
    txn: &mut Txn,
    view: &View,
    tree: TreeId,
    key: &[u8],
    row: &[u8],
) -> Result<WriteOutcome> {
    let mut f = |_: &[u8], _| Ok(Verdict::Replace(row.to_vec()));
    engine.update(txn, view, tree, key, LockStrength::NoKeyUpdate, &mut f).await
}

pub async fn remove(engine: &Arc<Engine>, txn: &mut Txn, tree: TreeId, key: &[u8]) -> Result<WriteOutcome> {
    let view = engine.statement(txn);
    engine.delete(txn, &view, tree, key, None, &mut |_, _| Ok(true)).await
}

/// One committed write.
pub async fn put_now(engine: &Arc<Engine>, tree: TreeId, key: &[u8], row: &[u8]) {
    let mut txn = engine.begin(Isolation::ReadCommitted);
    put(engine, &mut txn, tree, key, row).await.expect("nothing is in the way");
    engine.commit(txn).await.expect("it commits");
}

pub async fn get_now(engine: &Arc<Engine>, tree: TreeId, key: &[u8]) -> Option<Vec<u8>> {
    let view = engine.view(engine.snapshot());
    engine.get(&view, tree, key).await.expect("reading works").map(|row| row.to_vec())
}

pub async fn rows(
    engine: &Arc<Engine>,
    view: &View,
    tree: TreeId,
    range: KeyRange,
    direction: engine::Direction,
    batch: usize,
) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut scan = engine.scan(view, tree, range, direction);
    let (mut out, mut part) = (Vec::new(), Rows::new());
    while scan.next_batch(&mut part, batch).await? > 0 {
        out.extend(part.iter().map(|(key, row)| (key.to_vec(), row.to_vec())));
    }
    Ok(out)
}

pub async fn all_rows(engine: &Arc<Engine>, tree: TreeId) -> Vec<(Vec<u8>, Vec<u8>)> {
    let view = engine.view(engine.snapshot());
    rows(engine, &view, tree, KeyRange::all(), engine::Direction::Forward, 100).await.expect("scanning works")
}

pub fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime starts").block_on(future)
}

/// Rows in a form whose difference a person can read: head and length of the key, first byte and length of the row.
pub fn brief(rows: &[(Vec<u8>, Vec<u8>)]) -> Vec<String> {
    let short = |(key, row): &(Vec<u8>, Vec<u8>)| {
        format!("{:02x?}/{}={:?}/{}", &key[..key.len().min(4)], key.len(), row.first(), row.len())
    };
    rows.iter().map(short).collect()
}

/// Walks every tree, and frees those that are gone.
pub async fn vacuum(engine: &Arc<Engine>) -> VacuumReport {
    engine.vacuum(&CancelToken::new()).await.expect("vacuum works")
}

//! The engine: a buffer cache and B+trees of versioned entries over a volume of redo. It knows keys and rows as bytes, and
//! nothing of SQL types; it knows that a volume exists, and not how many nodes make it.
//!
//! # The life of an update
//!
//! 1. A session [begins](Engine::begin) a [`Txn`] and for each statement asks for a [`View`]: a [`Snapshot`] (an LSN,
//!    registered as live) and the LSN at which the statement began.
//! 2. [`Engine::update`] awaits redo quota, then descends: one shared latch at a time, right links where a split was
//!    faster. A page that is not cached unwinds the descent with its number; it is awaited without a latch, and the descent
//!    runs again with its pins. Cached, all of this is synchronous.
//! 3. Under the leaf's exclusive latch it looks at the newest version of the key. If that is another transaction's and
//!    active, it is the row's lock: the update enters its owner in the lock table, unwinds and waits; ownership is handed
//!    over in the order of coming, or nearly. If it was committed behind the snapshot, READ COMMITTED looks at it again and
//!    REPEATABLE READ fails; where a deletion lies between, it is of another row, and the one that was seen is gone.
//! 4. The new version goes before the old one: one record, a copy of the old cell with the bytes that changed. It is applied
//!    by `protocol::redo::apply_change` inside the log's append. The version bears the transaction's id; its stamp is the
//!    record's LSN.
//! 5. A full leaf is pruned under the logged horizon, and split only when that does not help.
//! 6. [`Engine::commit`] appends one more record, the entry (txid -> this LSN) in the commit map. In the same critical
//!    section the commit becomes visible; then the locks are handed on. The server waits for durability
//!    ([`Engine::wait_durable`]) before it tells the client; so does, through what it [observed](Engine::observed), every
//!    other session that read the row meanwhile.
//! 7. Replicas get the records through `RedoSink::apply`, and see the row when their applied LSN passes the commit's.
//! 8. When the horizon has passed the commit, a prune settles the version (its id decides nothing any more, and only tells
//!    who wrote it) and later drops it.
//!
//! # The interface
//!
//! ```text
//! type TreeId = PageId;                       // a tree is named by its root page, which never moves
//! impl Engine {                               // one per server, always in an Arc
//!   async fn bootstrap(log: Arc<dyn RedoLog>, Options) -> Result<Arc<Engine>>;   // on an empty volume
//!   async fn writer(log: Arc<dyn RedoLog>, Options) -> Result<Arc<Engine>>;      // on an existing, recovered one
//!   async fn replica(source: Arc<dyn PageSource>, applied: Lsn, Options) -> Result<Arc<Engine>>; // is a RedoSink
//!   async fn promote(&self, log: Arc<dyn RedoLog>, vdl: Lsn) -> Result<()>;      // feed redo up to vdl first: stays warm
//!   fn is_writer(&self) -> bool;      fn catalog_tree(&self) -> TreeId;     fn catalog_version(&self) -> u64;
//!
//!   fn begin(&Arc<Self>, Isolation) -> Txn;   fn begin_with(.., CancelToken) -> Txn;   // dropping a Txn rolls it back
//!   fn statement(&self, &mut Txn) -> View;                   // RC: a new snapshot; RR: that of the first statement
//!   fn newest(&self, &Txn) -> View;                          // what is committed now, at RR too: for definitions
//!   fn newest_beside(&self, &View) -> View;                  // likewise, for a statement under way
//!   fn snapshot(&self) -> Snapshot;   fn view(&self, Snapshot) -> View;          // reading without a transaction
//!   async fn commit(&self, Txn) -> Result<Lsn>;              // appended and published; wait for this LSN
//!   fn rollback(&self, Txn);
//!   fn savepoint(&self, &mut Txn) -> SavepointId;  fn rollback_to(&self, &mut Txn, SavepointId);  fn release(..);
//!   fn observed(&self, &Txn) -> Lsn;  async fn wait_durable(&self, Lsn, Durability) -> Result<()>;
//!   // on the Txn: touch_catalog(), set_lock_timeout(), observe(lsn), cancel_token(), txid(), isolation()
//!
//!   async fn create_tree(&self, &mut Txn, TreeKind) -> Result<TreeId>;   async fn drop_tree(&self, &mut Txn, TreeId);
//!   async fn get(&self, &View, TreeId, &[u8]) -> Result<Option<Bytes>>;
//!   async fn get_into(&self, &View, TreeId, &[u8], out: &mut Vec<u8>) -> Result<bool>;      // appends, no allocation
//!   async fn get_version(&self, &View, TreeId, &[u8], out: &mut Vec<u8>) -> Result<Option<TxnId>>;   // and its writer
//!   fn scan(&Arc<Self>, &View, TreeId, KeyRange, Direction) -> Scan;   // scan.next_batch(&mut Rows, max).await, 0: end
//!       // of a Scan::with_writers the rows tell who wrote them
//!   async fn insert(&self, &mut Txn, &View, TreeId, key, row) -> Result<InsertOutcome>;     // Inserted | Duplicate
//!   async fn update(&self, &mut Txn, &View, TreeId, key, LockStrength, f) -> Result<WriteOutcome>;
//!       // f: &mut (dyn FnMut(&[u8], Version) -> Result<Verdict> + Send); may be called again with another row
//!   async fn delete(&self, &mut Txn, &View, TreeId, key, moved_to: Option<&[u8]>, f) -> Result<WriteOutcome>;
//!   async fn move_entry(&self, &mut Txn, &View, TreeId, (before, after), row) -> Result<EntryMove>;  // a delete and an insert
//!   async fn lock_row(&self, &mut Txn, &View, TreeId, key, LockStrength, WaitPolicy) -> Result<LockOutcome>;
//!   async fn lock_object(&self, &mut Txn, object: u64, TableLockMode, WaitPolicy) -> Result<()>;
//!   async fn probe(&self, &mut Txn, &View, TreeId, KeyRange) -> Result<Option<(Bytes, Bytes)>>; // newest state, waits
//!   fn pass(&self) -> Pass;   // a parent's delete looks for children with it: probe_where(.., is_wanted, &mut Pass)
//!   async fn sees_newest(&self, &Txn, &View, TreeId, &[u8]) -> Result<bool>;    // is the newest state the view's or own?
//!   async fn sees_tree(&self, &View, TreeId) -> Result<bool>;   // false: made since; the view finds nothing in it
//!   async fn insert_many(&self, &mut Txn, &View, TreeId, &Rows) -> Result<BatchOutcome>;    // COPY
//!   async fn bulk_load(&self, &mut Txn, &View, TreeId, &Rows) -> Result<BatchOutcome>;      // ascending, own new tree
//!
//!   async fn sweep(&self) -> Result<VacuumReport>;    // four times a second on the writer
//!   async fn vacuum(&self, &CancelToken) -> Result<VacuumReport>;   // walks every tree; vacuum_trees: some
//!   async fn tree_pages(&self, TreeId, &CancelToken) -> Result<u64>;
//!   fn live_snapshots(&self) -> (Lsn, Vec<Lsn>);      // replica -> writer: set_replica_snapshots(instance, .., lease)
//!   fn stats(&self) -> Stats;
//! }
//! ```
//!
//! **Unique indexes.** The key of a unique index is the indexed columns alone, its row the key of the table; where a column
//! is NULL the table's key follows the columns. Then [`Engine::insert`] is the unique check: the newest version of the key
//! is looked at, and locked, in one step. **Foreign keys**: the child's insert takes [`LockStrength::KeyShare`] with
//! [`Engine::lock_row`] on the parent and looks at what it returns; the parent's delete calls [`Engine::probe_where`]
//! on the child's index after its own tombstone is in place.
//!
//! # What is absent
//!
//! No undo pass and no recovery: an id without an entry in the commit map is aborted. No page is written anywhere. No clock
//! but for leases. Nothing waits with a latch held.

mod ahead;
mod alloc;
mod batch;
mod cache;
#[cfg(test)]
mod cache_schedules;
mod cancel;
mod cell;
mod commits;
mod control;
mod dirty;
mod engine;
mod error;
mod estimate;
mod locks;
mod mtr;
mod overflow;
mod read;
mod replica;
#[cfg(test)]
mod schedules;
mod size;
mod snapshot;
mod space;
mod stats;
mod structure;
pub mod testing;
mod tree;
mod trees;
mod txn;
mod vacuum;
mod weak;
mod write;

pub use batch::BatchOutcome;
pub use cancel::{CancelToken, Wait};
pub use engine::{CACHE_PAGES_MIN, Engine, Options};
pub use error::{Error, ErrorKind, Result};
pub use locks::{ListedLock, LockStrength, LockWait, Locked, TableLockMode, WaitPolicy};
pub use read::{Direction, KeyRange, Rows, Scan};
pub use snapshot::Snapshot;
pub use stats::Stats;
pub use trees::TreeKind;
pub use txn::{Isolation, SavepointId, Txn, View};
pub use vacuum::VacuumReport;
pub use write::{EntryMove, INLINE_ROW_BYTES_MAX, InsertOutcome, LockOutcome, Pass, Verdict, Version, WriteOutcome};

/// A tree, named by its root page, which never moves.
pub type TreeId = protocol::PageId;
/// The longest key, as in PostgreSQL's B-tree.
pub const KEY_BYTES_MAX: usize = 2704;
/// The longest row: 1 GiB less one byte.
pub const ROW_BYTES_MAX: usize = (1 << 30) - 1;

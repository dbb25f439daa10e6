//! The engine: a buffer cache and B+trees of versioned entries over a volume of redo. It knows keys and rows as bytes.
//!
//! # The interface
//!
//! ```ignore
//! type TreeId = PageId;                       // a tree is named by its root page, which never moves
//! impl Engine {                               // one per server, always in an Arc
//!   async fn bootstrap(log: Arc<dyn RedoLog>, Options) -> Result<Arc<Engine>>;   // on an empty volume
//!   async fn writer(log: Arc<dyn RedoLog>, Options) -> Result<Arc<Engine>>;      // on an existing one
//!   async fn replica(source: Arc<dyn PageSource>, applied: Lsn, Options) -> Result<Arc<Engine>>; // is a RedoSink
//!   async fn promote(&self, log: Arc<dyn RedoLog>, vdl: Lsn) -> Result<()>;
//!   fn is_writer(&self) -> bool;      fn catalog_tree(&self) -> TreeId;     fn catalog_version(&self) -> u64;
//!
//!   fn begin(self: &Arc<Self>, Isolation) -> Txn;            // dropping a Txn rolls it back
//!   fn statement(&self, &mut Txn) -> View;                   // RC: a new snapshot; RR: that of the first statement
//!   fn snapshot(&self) -> Snapshot;   fn view(&self, Snapshot) -> View;          // reading without a transaction
//!   async fn commit(&self, Txn) -> Result<CommitLsn>;        // appended and published, not yet durable
//!   fn rollback(&self, Txn);
//!   fn savepoint(&self, &mut Txn) -> SavepointId;  fn rollback_to(&self, &mut Txn, SavepointId);  fn release(..);
//!   fn observed(&self, &Txn) -> Lsn;  async fn wait_durable(&self, Lsn, Durability) -> Result<()>;
//!
//!   async fn create_tree(&self, &mut Txn, TreeKind) -> Result<TreeId>;   async fn drop_tree(&self, &mut Txn, TreeId);
//!   async fn get(&self, &View, TreeId, key: &[u8]) -> Result<Option<Bytes>>;
//!   async fn get_into(&self, &View, TreeId, key: &[u8], out: &mut Vec<u8>) -> Result<bool>;  // appends, no allocation
//!   fn scan(self: &Arc<Self>, &View, TreeId, KeyRange, Direction) -> Scan;   // Scan::next_batch(&mut Rows, max).await
//!   async fn insert(&self, &mut Txn, &View, TreeId, key, row) -> Result<InsertOutcome>;
//!   async fn update(&self, &mut Txn, &View, TreeId, key, LockStrength, f) -> Result<WriteOutcome>;
//!       // f: FnMut(&[u8], recheck: bool) -> Result<Verdict>; may be called again with another row
//!   async fn delete(&self, &mut Txn, &View, TreeId, key, moved_to: Option<&[u8]>, f) -> Result<WriteOutcome>;
//!   async fn lock_row(&self, &mut Txn, &View, TreeId, key, LockStrength, WaitPolicy) -> Result<LockOutcome>;
//!   async fn lock_object(&self, &mut Txn, object: u64, TableLockMode, WaitPolicy) -> Result<()>;
//!   async fn probe(&self, &mut Txn, &View, TreeId, KeyRange) -> Result<Option<(Bytes, Bytes)>>; // newest state, waits
//!   async fn bulk_load(&self, &mut Txn, TreeId, rows) -> Result<u64>;
//!   async fn insert_many(&self, &mut Txn, &View, TreeId, &[(key, row)]) -> Result<InsertManyOutcome>;
//!   async fn vacuum(&self) -> Result<VacuumReport>;   fn stats(&self) -> Stats;
//! }
//! ```

mod alloc;
mod batch;
mod cache;
mod cancel;
mod cell;
mod commits;
mod control;
mod engine;
mod error;
mod locks;
mod mtr;
mod overflow;
mod read;
mod replica;
mod snapshot;
mod space;
mod stats;
mod structure;
pub mod testing;
mod tree;
mod trees;
mod txn;
mod vacuum;
mod write;

pub use batch::BatchOutcome;
pub use cancel::CancelToken;
pub use engine::{CACHE_PAGES_MIN, Engine, Options};
pub use error::{Error, ErrorKind, Result};
pub use locks::{LockStrength, TableLockMode, WaitPolicy};
pub use read::{Direction, KeyRange, Rows, Scan};
pub use snapshot::Snapshot;
pub use stats::Stats;
pub use trees::TreeKind;
pub use txn::{Isolation, SavepointId, Txn, View};
pub use vacuum::VacuumReport;
pub use write::{INLINE_ROW_BYTES_MAX, InsertOutcome, LockOutcome, Verdict, WriteOutcome};

/// A tree, named by its root page, which never moves.
pub type TreeId = protocol::PageId;
/// The longest key, as in PostgreSQL's B-tree.
pub const KEY_BYTES_MAX: usize = 2704;
/// The longest row: 1 GiB less one byte.
pub const ROW_BYTES_MAX: usize = (1 << 30) - 1;

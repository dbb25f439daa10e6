//! What statements may hold in memory: sorted rows, hash tables, materialised subqueries.
//!
//! An operator holds a [`Claim`] on the memory of its statement. One that can spill asks [`Claim::is_over`] and goes on
//! in a temporary file ([`super::spill`]) when it holds more than `work_mem`, or earlier when the statement or the server
//! as a whole is short of memory. What cannot be spilled (the state of one group, the input of a window function, the
//! rows of a subquery in an expression) ends its statement with 53200 at [`STATEMENT_BYTES_MAX`], or at
//! [`SERVER_BYTES_MAX`] for all statements together: the others go on.
//!
//! The count is an estimate, a fixed overhead for each row and value plus the bytes behind them.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use types::{Datum, Error, Result, SqlState};

use super::context::ExecContext;
use crate::functions::SessionContext;
use crate::session::Database;

/// Bytes that the operators of one statement may hold together.
pub const STATEMENT_BYTES_MAX: usize = 512 << 20;

/// Bytes that the operators of all statements of a server may hold together.
pub const SERVER_BYTES_MAX: usize = 4 * STATEMENT_BYTES_MAX;

/// An operator that holds less than this does not spill however short memory is: it would gain nothing.
const SPILL_BYTES_MIN: usize = 64 << 10;

/// What is held below this is not charged by those who hold little as a rule.
pub(crate) const UNCHARGED_BYTES_MAX: usize = 64 << 10;

/// The bytes held by all statements of a server.
#[derive(Debug, Default)]
pub struct ServerMemory(AtomicUsize);

#[cfg(test)]
impl ServerMemory {
    /// The bytes held now.
    pub fn used(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// The bytes held by one statement.
pub struct Memory {
    used: AtomicUsize,
    session: Arc<SessionContext>,
    work_bytes: OnceLock<usize>,
}

impl Memory {
    pub(crate) fn new(session: Arc<SessionContext>) -> Memory {
        Memory { used: AtomicUsize::new(0), session, work_bytes: OnceLock::new() }
    }

    fn server(&self) -> &AtomicUsize {
        &self.session.database.memory.0
    }

    /// Adds to what is held. It is given back by [`Memory::release`], or when the statement ends.
    ///
    /// # Errors
    /// 53200 beyond a limit; nothing is added then.
    pub fn charge(&self, bytes: usize) -> Result<()> {
        let used = self.used.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let all = self.server().fetch_add(bytes, Ordering::Relaxed) + bytes;
        if used <= STATEMENT_BYTES_MAX && all <= SERVER_BYTES_MAX {
            return Ok(());
        }
        self.release(bytes);
        let detail = if used > STATEMENT_BYTES_MAX {
            format!("The statement needs more than {} MB for sorting and hashing.", STATEMENT_BYTES_MAX >> 20)
        } else {
            format!("All statements together need more than {} MB for sorting and hashing.", SERVER_BYTES_MAX >> 20)
        };
        Err(Error::new(SqlState::OUT_OF_MEMORY, "out of memory")
            .detail(detail)
            .hint("Reduce what has to be sorted, grouped or joined at once."))
    }

    /// Gives back what was charged.
    pub fn release(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
        self.server().fetch_sub(bytes, Ordering::Relaxed);
    }

    /// `work_mem` in bytes, as it was when the statement first asked.
    fn work_bytes(&self) -> usize {
        *self.work_bytes.get_or_init(|| {
            let kilobytes: usize =
                self.session.variables.get("work_mem").ok().and_then(|v| v.parse().ok()).unwrap_or(4096);
            kilobytes.saturating_mul(1024)
        })
    }

    /// Whether what can be spilled should be.
    fn is_tight(&self) -> bool {
        self.used.load(Ordering::Relaxed) > STATEMENT_BYTES_MAX / 2
            || self.server().load(Ordering::Relaxed) > SERVER_BYTES_MAX / 2
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let used = *self.used.get_mut();
        self.server().fetch_sub(used, Ordering::Relaxed);
    }
}

/// What one operator holds. Given back when dropped.
pub struct Claim {
    memory: Arc<Memory>,
    bytes: usize,
}

impl Claim {
    /// A claim on nothing yet.
    pub fn new(memory: &Arc<Memory>) -> Claim {
        Claim { memory: memory.clone(), bytes: 0 }
    }

    /// Adds to what is held.
    ///
    /// # Errors
    /// 53200 beyond the limit of the statement or the server.
    pub fn add(&mut self, bytes: usize) -> Result<()> {
        self.memory.charge(bytes)?;
        self.bytes += bytes;
        Ok(())
    }

    /// Makes it so many bytes at least.
    ///
    /// # Errors
    /// As [`Claim::add`].
    pub fn grow(&mut self, bytes: usize) -> Result<()> {
        if bytes > self.bytes { self.add(bytes - self.bytes) } else { Ok(()) }
    }

    /// Gives back all but so many bytes.
    pub fn keep(&mut self, bytes: usize) {
        let surplus = self.bytes.saturating_sub(bytes);
        self.memory.release(surplus);
        self.bytes -= surplus;
    }

    /// The bytes held.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether the operator should spill if it can.
    pub fn is_over(&self) -> bool {
        self.bytes > self.memory.work_bytes() || (self.bytes > SPILL_BYTES_MIN && self.memory.is_tight())
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.memory.release(self.bytes);
    }
}

/// A claim of who holds little as a rule: nothing is counted for it before it is [`UNCHARGED_BYTES_MAX`].
#[derive(Default)]
pub(crate) struct LateClaim {
    bytes: usize,
    claim: Option<Claim>,
}

impl LateClaim {
    /// A claim on what a key of these values takes, held while it is made: who keeps it claims it then.
    ///
    /// # Errors
    /// As [`Claim::add`].
    pub fn of_key(values: &[Datum], context: &ExecContext) -> Result<LateClaim> {
        let mut claim = LateClaim::default();
        for value in values {
            claim.add(value.heap_bytes(), context)?;
        }
        Ok(claim)
    }

    /// # Errors
    /// As [`Claim::add`].
    pub fn add(&mut self, bytes: usize, context: &ExecContext) -> Result<()> {
        self.bytes += bytes;
        if self.bytes <= UNCHARGED_BYTES_MAX {
            return Ok(());
        }
        match &mut self.claim {
            Some(claim) => claim.add(bytes),
            None => self.claim.insert(Claim::new(context.memory())).add(self.bytes),
        }
    }
}

/// What a transaction holds beside its statements. Given back when dropped.
pub(crate) struct HeldBytes {
    database: Arc<Database>,
    bytes: usize,
}

impl HeldBytes {
    /// Nothing yet.
    pub fn new(database: &Arc<Database>) -> HeldBytes {
        HeldBytes { database: database.clone(), bytes: 0 }
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds to what is held.
    ///
    /// # Errors
    /// 53200 beyond what one statement, or all of them, may hold; nothing is added then.
    pub fn add(&mut self, bytes: usize) -> Result<()> {
        let server = &self.database.memory.0;
        let all = server.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if self.bytes + bytes <= STATEMENT_BYTES_MAX && all <= SERVER_BYTES_MAX {
            self.bytes += bytes;
            return Ok(());
        }
        server.fetch_sub(bytes, Ordering::Relaxed);
        let detail = format!("The transaction's deferred checks take {} MB.", self.bytes >> 20);
        Err(Error::new(SqlState::OUT_OF_MEMORY, "out of memory")
            .detail(detail)
            .hint("SET CONSTRAINTS ALL IMMEDIATE makes the checks that wait."))
    }

    /// Gives back all but so many bytes.
    pub fn keep(&mut self, bytes: usize) {
        let surplus = self.bytes.saturating_sub(bytes);
        self.database.memory.0.fetch_sub(surplus, Ordering::Relaxed);
        self.bytes -= surplus;
    }
}

impl Drop for HeldBytes {
    fn drop(&mut self) {
        self.keep(0);
    }
}

/// The estimated size of one value.
pub fn datum_bytes(value: &Datum) -> usize {
    size_of::<Datum>() + value.heap_bytes()
}

/// The estimated size of one row.
pub(crate) fn row_bytes(row: &[Datum]) -> usize {
    32 + row.iter().map(datum_bytes).sum::<usize>()
}

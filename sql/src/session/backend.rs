//! The sessions of a server: what `pg_stat_activity` shows, and how one is cancelled.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use engine::CancelToken;
use parking_lot::Mutex;
use tokio::time::Instant;
use types::{Error, SqlState};

/// Why a running statement is to stop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CancelReason {
    /// A CancelRequest or `pg_cancel_backend`.
    Request,
    /// `statement_timeout`.
    Timeout,
    /// The client is gone; no one will read the result.
    Disconnect,
    /// The server stops, or `pg_terminate_backend`.
    Shutdown,
}

/// What a session does now.
#[derive(Clone, Debug)]
pub struct BackendState {
    pub application_name: Arc<str>,
    /// `active`, `idle`, `idle in transaction`, `idle in transaction (aborted)`.
    pub state: &'static str,
    /// The present statement, or the last one.
    pub query: Arc<str>,
    /// Microseconds since 2000-01-01 UTC, as all times here.
    pub transaction_started: Option<i64>,
    pub query_started: Option<i64>,
    pub changed: i64,
    pub transaction: Option<u64>,
}

/// How a client's connection is encrypted, as `pg_stat_ssl` has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Encryption {
    /// `TLSv1.3` or `TLSv1.2`.
    pub version: &'static str,
    pub cipher: &'static str,
    /// Of the symmetric key.
    pub bits: u16,
}

/// One session as others see it.
#[derive(Debug)]
pub struct Backend {
    pub pid: i32,
    pub user: Arc<str>,
    pub database_name: Arc<str>,
    pub client_address: Option<SocketAddr>,
    pub encryption: Option<Encryption>,
    pub started: i64,
    pub(crate) cancel: CancelToken,
    /// 0 for none, else the reason's number plus one.
    reason: AtomicU8,
    /// When the statement that runs now times out.
    deadline: Mutex<Option<Instant>>,
    state: Mutex<BackendState>,
}

impl Backend {
    pub fn state(&self) -> BackendState {
        self.state.lock().clone()
    }

    pub(crate) fn update(&self, change: impl FnOnce(&mut BackendState)) {
        change(&mut self.state.lock());
    }

    /// Ends what the session runs now. What is past the point of no return goes on.
    pub fn cancel(&self, reason: CancelReason) {
        // A shutdown is for good: what comes after it does not hide it.
        let keeps = |known| (known != CancelReason::Shutdown as u8 + 1).then_some(reason as u8 + 1);
        // Either way it is cancelled.
        let _ = self.reason.fetch_update(Ordering::AcqRel, Ordering::Acquire, keeps);
        self.cancel.cancel();
    }

    /// Makes the session ready for its next statement; a shutdown stays.
    pub(crate) fn clear_cancel(&self) {
        if self.cancel.is_cancelled() && self.reason.load(Ordering::Acquire) != CancelReason::Shutdown as u8 + 1 {
            self.reason.store(0, Ordering::Release);
            self.cancel.reset();
        }
    }

    /// Says when the statement that runs now times out.
    pub(crate) fn set_deadline(&self, deadline: Option<Instant>) {
        *self.deadline.lock() = deadline;
    }

    /// Whether what the session runs now is to end. A timeout is found here, too: its timer does not go off before the
    /// statement gives up its thread.
    pub(crate) fn is_cancelled(&self) -> bool {
        if !self.cancel.is_cancelled() && self.deadline.lock().is_some_and(|deadline| deadline <= Instant::now()) {
            self.cancel(CancelReason::Timeout);
        }
        self.cancel.is_cancelled()
    }

    /// Whether it is to end by its timeout.
    pub(crate) fn is_timed_out(&self) -> bool {
        self.reason.load(Ordering::Acquire) == CancelReason::Timeout as u8 + 1
    }

    /// The error of a statement that was cancelled.
    pub(crate) fn cancel_error(&self) -> Error {
        match self.reason.load(Ordering::Acquire) {
            2 => Error::new(SqlState::QUERY_CANCELED, "canceling statement due to statement timeout"),
            4 => Error::new(SqlState::ADMIN_SHUTDOWN, "terminating connection due to administrator command").fatal(),
            _ => Error::new(SqlState::QUERY_CANCELED, "canceling statement due to user request"),
        }
    }
}

/// Every session of a server, by process id.
#[derive(Debug, Default)]
pub struct Backends {
    entries: Mutex<BTreeMap<i32, Arc<Backend>>>,
}

impl Backends {
    /// Registers a session; it leaves when the last reference but the register's is given to [`Backends::remove`]. A pid
    /// of 0 has one chosen.
    pub(crate) fn add(
        &self,
        pid: i32,
        user: Arc<str>,
        database_name: Arc<str>,
        client_address: Option<SocketAddr>,
        encryption: Option<Encryption>,
        now: i64,
    ) -> Arc<Backend> {
        let mut entries = self.entries.lock();
        let pid =
            if pid != 0 { pid } else { entries.last_key_value().map_or(1, |(last, _)| last.wrapping_add(1).max(1)) };
        let state = BackendState {
            application_name: Arc::from(""),
            state: "idle",
            query: Arc::from(""),
            transaction_started: None,
            query_started: None,
            changed: now,
            transaction: None,
        };
        let backend = Arc::new(Backend {
            pid,
            user,
            database_name,
            client_address,
            encryption,
            started: now,
            cancel: CancelToken::new(),
            reason: AtomicU8::new(0),
            deadline: Mutex::new(None),
            state: Mutex::new(state),
        });
        entries.insert(pid, backend.clone());
        backend
    }

    pub(crate) fn remove(&self, backend: &Arc<Backend>) {
        let mut entries = self.entries.lock();
        if entries.get(&backend.pid).is_some_and(|found| Arc::ptr_eq(found, backend)) {
            entries.remove(&backend.pid);
        }
    }

    pub fn find(&self, pid: i32) -> Option<Arc<Backend>> {
        self.entries.lock().get(&pid).cloned()
    }

    pub fn list(&self) -> Vec<Arc<Backend>> {
        self.entries.lock().values().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_timeout_is_found_without_its_timer() {
        let backend = Backends::default().add(0, Arc::from("u"), Arc::from("d"), None, None, 0);
        backend.set_deadline(Some(Instant::now() + Duration::from_secs(3600)));
        assert!(!backend.is_cancelled() && !backend.is_timed_out());
        backend.set_deadline(Some(Instant::now()));
        assert!(backend.is_cancelled() && backend.is_timed_out());
    }

    #[test]
    fn a_shutdown_outlasts_other_reasons() {
        let backend = Backends::default().add(0, Arc::from("u"), Arc::from("d"), None, None, 0);
        backend.cancel(CancelReason::Timeout);
        backend.clear_cancel();
        assert!(!backend.cancel.is_cancelled());
        backend.cancel(CancelReason::Shutdown);
        backend.cancel(CancelReason::Request);
        backend.clear_cancel();
        assert!(backend.cancel.is_cancelled());
        assert_eq!(backend.cancel_error().sqlstate(), SqlState::ADMIN_SHUTDOWN);
    }
}

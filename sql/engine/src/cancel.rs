//! Ending a wait from outside: a cancel request, a timeout, a disconnect. And what is waited for, for whoever looks.

use crate::error::{Error, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use tokio::sync::Notify;

/// What a session waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// To append redo: too much is not durable yet, or nothing becomes durable.
    RedoRoom = 1,
    /// For a write quorum to have what it is about to tell its client.
    WriteQuorum = 2,
    /// For a lock on a table or another object.
    ObjectLock = 3,
    /// For a lock on a row or a key.
    RowLock = 4,
    /// For a lock that only the caller knows, on numbers that clients agree on.
    AdvisoryLock = 5,
}

/// The wait is over when this goes.
#[derive(Debug)]
pub struct Waiting<'a>(&'a CancelToken);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.state.waits_for.store(0, Ordering::Relaxed);
    }
}

#[derive(Debug, Default)]
struct State {
    cancelled: AtomicBool,
    waits_for: AtomicU8,
    notify: Notify,
}

/// Shared by a session and whoever may cancel its statement. Clones are the same token.
#[derive(Clone, Debug, Default)]
pub struct CancelToken {
    state: Arc<State>,
}

impl CancelToken {
    /// A token that is not cancelled.
    #[must_use]
    pub fn new() -> CancelToken {
        CancelToken::default()
    }

    /// Names the token: two that live have the same only if they are clones.
    #[must_use]
    pub fn id(&self) -> usize {
        Arc::as_ptr(&self.state).addr()
    }

    /// Ends the statement's waits with [`Error::Cancelled`], now and until [`CancelToken::reset`].
    pub fn cancel(&self) {
        self.state.cancelled.store(true, Ordering::Release);
        self.state.notify.notify_waiters();
    }

    /// Makes the token ready for the next statement.
    pub fn reset(&self) {
        self.state.cancelled.store(false, Ordering::Release);
    }

    /// Shows what is waited for from now on.
    #[must_use]
    pub fn waiting(&self, wait: Wait) -> Waiting<'_> {
        self.state.waits_for.store(wait as u8, Ordering::Relaxed);
        Waiting(self)
    }

    /// What is waited for now.
    #[must_use]
    pub fn waits_for(&self) -> Option<Wait> {
        [Wait::RedoRoom, Wait::WriteQuorum, Wait::ObjectLock, Wait::RowLock, Wait::AdvisoryLock]
            .into_iter()
            .find(|wait| *wait as u8 == self.state.waits_for.load(Ordering::Relaxed))
    }

    /// Whether it is cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.state.cancelled.load(Ordering::Acquire)
    }

    /// # Errors
    /// [`Error::Cancelled`].
    pub fn check(&self) -> Result<()> {
        if self.is_cancelled() { Err(Error::Cancelled) } else { Ok(()) }
    }

    /// Returns when the token is cancelled.
    pub async fn cancelled(&self) {
        loop {
            // Registered before the check, so that a cancel in between is not missed.
            let notified = self.state.notify.notified();
            if self.is_cancelled() {
                return;
            }
            notified.await;
        }
    }
}

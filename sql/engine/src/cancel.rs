//! Ending a wait from outside: a cancel request, a timeout, a disconnect.

use crate::error::{Error, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Notify;

#[derive(Debug, Default)]
struct State {
    cancelled: AtomicBool,
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

    /// Ends the statement's waits with [`Error::Cancelled`], now and until [`CancelToken::reset`].
    pub fn cancel(&self) {
        self.state.cancelled.store(true, Ordering::Release);
        self.state.notify.notify_waiters();
    }

    /// Makes the token ready for the next statement.
    pub fn reset(&self) {
        self.state.cancelled.store(false, Ordering::Release);
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

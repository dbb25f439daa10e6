//! A request to become the writer, and why.

use protocol::Ballot;
use std::time::Duration;
use tokio::sync::oneshot;

/// Why a server becomes the writer.
#[derive(Clone, Copy, Debug)]
pub enum PromotionCause {
    /// Someone asked for it.
    Command,
    /// The writer of this ballot was silent for so long.
    Silence { over: Ballot, silence: Duration },
}

/// A request to become the writer.
pub struct Promotion {
    pub cause: PromotionCause,
    /// Told when the server is the writer, or why it is not.
    pub reply: oneshot::Sender<Result<(), String>>,
}

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

/// Told when the server is the writer, or why it is not. Closed when nobody waits for that any more.
pub type Reply = oneshot::Sender<Result<(), String>>;

/// A request to become the writer. Whoever asked gives it up by not waiting for the reply.
pub struct Promotion {
    pub cause: PromotionCause,
    pub reply: Reply,
}

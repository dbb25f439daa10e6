//! On which thread a request that reads from the disk is answered.
//!
//! **Rule.** A thread that serves others does not wait for the disk. A medium takes milliseconds, and one that fails takes
//! seconds, for which the acknowledgements, watermarks and pages that other requests are about would stand still; in a process
//! with everything, so would its clients.
//!
//! **Mechanism.** A request is first answered where it came in, from what the node and the kernel have in memory; the kernel
//! tells whether it has it (`preadv2` with `RWF_NOWAIT`). So it goes with nearly every page, and to have another thread answer
//! would cost each about ten microseconds, as much as what is read. What is not there is answered by a thread that
//! waits, from the beginning and with every check: what was found a moment ago need not hold after a wait for a turn. At most
//! [`READS_MAX`] of them read at once; the others wait as tasks, for which a thread each would be no use to the disk.
//!
//! What reads megabytes as a rule, a pull of redo that is no longer in the node's memory and a peer's pull of images, is left to
//! those threads without a look. So is everything on a file system that cannot tell what is in memory (tmpfs, some of
//! networks).

use super::disk::Patience;
use super::{Mode, Node, Refusal, Shared};
use std::sync::Arc;

/// Requests of one volume that wait for the disk at once.
pub const READS_MAX: usize = 16;

const PATIENT: &str = "who waits for the disk has an answer";

impl Node {
    /// Gives what `answer` gives: without patience if it then gives something, else with it. With [`Mode::Inline`] the caller
    /// waits for the disk.
    pub(super) async fn answer<T: Send + 'static>(
        &self,
        answer: impl Fn(&Shared, Patience) -> Result<Option<T>, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        if self.shared.options.mode == Mode::Inline {
            return Ok(answer(&self.shared, Patience::Full)?.expect(PATIENT));
        }
        if let Some(answered) = answer(&self.shared, Patience::None)? {
            return Ok(answered);
        }
        let turn = self.shared.reads.clone().acquire_owned().await;
        let turn = turn.map_err(|_| Refusal::Busy("the node stopped"))?;
        let shared = Arc::clone(&self.shared);
        // The turn goes with the thread: who asked may have given up before it is done.
        let read = move || {
            let _turn = turn;
            answer(&shared, Patience::Full)
        };
        let answered = tokio::task::spawn_blocking(read).await;
        Ok(answered.unwrap_or(Err(Refusal::Busy("the runtime is stopping")))?.expect(PATIENT))
    }
}

//! On which thread a request that reads from the disk is answered.
//!
//! **Rule.** A thread that serves others does not wait for the medium. A medium takes milliseconds, and one that fails takes
//! seconds, for which the acknowledgements, watermarks and pages that other requests are about would stand still; in a process
//! with everything, so would its clients.
//!
//! **Mechanism.** A request is first answered where it came in, from what the node and the kernel have in memory; the kernel
//! tells whether it has it (`preadv2` with `RWF_NOWAIT`). To have another thread answer is to wake it and to be woken by it,
//! which such a request is spared. What is not there is answered by a thread that waits, from the beginning and with every
//! check: what was found a moment ago need not hold after a wait for a turn. So many of them read at once as there are
//! [`Turns`]; the others wait as tasks, for which a thread each would be no use to the disk. Pulls have turns of their own: a
//! replica or a peer that catches up asks for megabytes again and again, and whoever misses a page would queue behind it. Each
//! volume has turns of its own, and a process is to have threads for those of all its volumes
//! ([`THREADS_MAX`](super::host::THREADS_MAX)): those of a disk that hangs are not given back while it does.
//!
//! What reads megabytes as a rule, a pull of redo that is no longer in the node's memory and a peer's pull of images, is left to
//! those threads without a look.
//!
//! **What it does not do.** Many file systems cannot tell what is in memory; tmpfs, overlayfs, FUSE and ZFS are among them,
//! depending on the kernel. There pages are read where they are asked for, and one that is slow holds up others
//! ([`DiskFile::read_cached_at`](super::disk::DiskFile::read_cached_at)). And where the kernel can tell, it has what is missing
//! fetched meanwhile: a disk that takes no more requests, for its queue is full, makes even that wait. So does opening a file of
//! images whose name the kernel has forgotten.

use super::disk::Patience;
use super::{Mode, Node, Refusal, Shared};
use std::panic::resume_unwind;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Requests for a page of one volume that wait for the disk at once.
const PAGES_MAX: usize = 16;
/// Pulls from one volume, of redo or images, that do.
const PULLS_MAX: usize = 4;
/// Requests of one volume that do.
pub const TURNS_MAX: usize = PAGES_MAX + PULLS_MAX;

const PATIENT: &str = "who waits for the disk has an answer";

/// With whom a request takes turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// With others that somebody's statement waits for.
    Page,
    /// With others that bring somebody up to date.
    Pull,
}

/// Turns for requests that wait for the disk.
#[derive(Debug)]
pub struct Turns {
    pages: Arc<Semaphore>,
    pulls: Arc<Semaphore>,
}

impl Default for Turns {
    fn default() -> Turns {
        Turns { pages: Arc::new(Semaphore::new(PAGES_MAX)), pulls: Arc::new(Semaphore::new(PULLS_MAX)) }
    }
}

impl Turns {
    fn of(&self, turn: Turn) -> Arc<Semaphore> {
        match turn {
            Turn::Page => self.pages.clone(),
            Turn::Pull => self.pulls.clone(),
        }
    }

    /// Nobody has a turn any more; who waits for one is told.
    pub fn close(&self) {
        self.pages.close();
        self.pulls.close();
    }
}

impl Node {
    /// Gives what `answer` gives: without patience if it then gives something, else with it. With [`Mode::Inline`] the caller
    /// waits for the disk.
    ///
    /// # Panics
    /// When `answer` does.
    pub(super) async fn answer<T: Send + 'static>(
        &self,
        turn: Turn,
        answer: impl Fn(&Shared, Patience) -> Result<Option<T>, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        if let Some(answered) = answer(&self.shared, Patience::None)? {
            return Ok(answered);
        }
        if self.shared.options.mode != Mode::Threads {
            return Ok(answer(&self.shared, Patience::Full)?.expect(PATIENT));
        }
        let turn = self.shared.turns.of(turn).acquire_owned().await;
        let turn = turn.map_err(|_| Refusal::Busy("the node stopped"))?;
        let shared = Arc::clone(&self.shared);
        // The turn goes with the thread: who asked may have given up before it is done.
        let read = move || {
            let _turn = turn;
            answer(&shared, Patience::Full)
        };
        match tokio::task::spawn_blocking(read).await {
            Ok(answered) => Ok(answered?.expect(PATIENT)),
            // As it would have been here.
            Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
            Err(_) => Err(Refusal::Busy("the runtime is stopping")),
        }
    }
}

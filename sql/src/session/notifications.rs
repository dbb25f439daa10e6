//! LISTEN and NOTIFY: what the sessions of one writer tell each other.
//!
//! A notification is made by a transaction and delivered when that commits, to the sessions of its database that listen on
//! its channel by then: into their mailboxes, from where each tells its client when it is idle and outside of a block.
//!
//! **Rule.** Who is told of a commit is told nothing that a crash can take back: a notification leaves the server when the
//! commit that made it is durable at the listener's level. Notifications come in the order of the commits, for those who
//! make any commit one after the other ([`Notifications::turn`]).
//!
//! **Rule.** A transaction that listens does so before its commit record is appended, and one that stops listening after it.
//! Of each commit that a session does not see in its first query after LISTEN it is thus notified.
//!
//! They live in the memory of the writer alone, as sessions do. What has not been told yet, by any session or to any, takes
//! [`BYTES_MAX`] together at most: a notification beyond that is refused, as PostgreSQL refuses it when its queue is full.
//!
//! Source: PostgreSQL manual, "NOTIFY" and "LISTEN".

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use protocol::Lsn;
use tokio::sync::{MutexGuard, Notify};
use types::{Error, Result, SqlState};

/// Bytes that notifications on their way take together.
const BYTES_MAX: usize = 128 << 20;

/// What one takes beside its texts.
const OVERHEAD_BYTES: usize = 128;

/// Told at once, so that a mailbox which has filled up does not pass through memory as a whole a second time.
const TOLD_BYTES_MAX: usize = 256 << 10;

/// What a transaction says on a channel.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Notice {
    pub channel: Arc<str>,
    pub payload: Arc<str>,
}

impl Notice {
    /// What it takes on its way.
    pub fn bytes(&self) -> usize {
        self.channel.len() + self.payload.len() + OVERHEAD_BYTES
    }
}

/// A share of the room for what is on its way. Given back when dropped.
pub(crate) struct Room {
    taken: Arc<AtomicUsize>,
    bytes: usize,
}

impl Drop for Room {
    fn drop(&mut self) {
        self.taken.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// A notice of a transaction that has committed, which sessions share until each has told it.
pub(crate) struct Notification {
    pub notice: Notice,
    _room: Room,
    /// The session that it comes from.
    pub pid: i32,
    /// The commit, which must be durable before it is told.
    pub commit: Lsn,
}

/// What has been delivered to a session and not been told.
#[derive(Default)]
pub(crate) struct Mailbox {
    waiting: Mutex<VecDeque<Arc<Notification>>>,
    /// Rung with each delivery.
    bell: Notify,
}

impl Mailbox {
    pub fn is_empty(&self) -> bool {
        self.waiting.lock().is_empty()
    }

    /// Takes out the oldest notifications: as many as are told at once.
    pub fn take(&self) -> Vec<Arc<Notification>> {
        let (mut taken, mut bytes) = (Vec::new(), 0);
        let mut waiting = self.waiting.lock();
        while bytes < TOLD_BYTES_MAX
            && let Some(oldest) = waiting.pop_front()
        {
            bytes += oldest.notice.bytes();
            taken.push(oldest);
        }
        taken
    }

    /// Resolves when it is not empty. May be dropped while it waits.
    pub async fn filled(&self) {
        while self.is_empty() {
            self.bell.notified().await;
        }
    }
}

/// A session that listens.
struct Listener {
    database: u32,
    channels: BTreeSet<Arc<str>>,
    mailbox: Arc<Mailbox>,
}

/// The notifications of a server.
#[derive(Default)]
pub(crate) struct Notifications {
    /// By the sessions' pids.
    listeners: Mutex<HashMap<i32, Listener>>,
    /// Bytes on their way.
    taken: Arc<AtomicUsize>,
    turn: tokio::sync::Mutex<()>,
}

impl Notifications {
    /// Room for a notice on its way.
    ///
    /// # Errors
    /// 54000 when there is none.
    pub fn room(&self, notice: &Notice) -> Result<Room> {
        let room = Room { taken: self.taken.clone(), bytes: notice.bytes() };
        if self.taken.fetch_add(room.bytes, Ordering::Relaxed) + room.bytes <= BYTES_MAX {
            return Ok(room);
        }
        let message = "too many notifications in the NOTIFY queue";
        Err(Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message))
    }

    /// How much of the room is taken, 0 to 1.
    pub fn usage(&self) -> f64 {
        self.taken.load(Ordering::Relaxed) as f64 / BYTES_MAX as f64
    }

    /// Held by who commits a transaction with notices.
    pub async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// The channels that a session listens on.
    pub fn channels_of(&self, pid: i32) -> BTreeSet<Arc<str>> {
        self.listeners.lock().get(&pid).map(|listener| listener.channels.clone()).unwrap_or_default()
    }

    /// Has a session of this database listen on these channels, and no others: it is not told either of what came before on
    /// others.
    pub fn listen(&self, pid: i32, database: u32, channels: BTreeSet<Arc<str>>, mailbox: &Arc<Mailbox>) {
        let mut listeners = self.listeners.lock();
        mailbox.waiting.lock().retain(|it| channels.contains(&it.notice.channel));
        if channels.is_empty() {
            listeners.remove(&pid);
        } else {
            listeners.insert(pid, Listener { database, channels, mailbox: mailbox.clone() });
        }
    }

    /// The session is gone.
    pub fn leave(&self, pid: i32, mailbox: &Mailbox) {
        self.listeners.lock().remove(&pid);
        mailbox.waiting.lock().clear();
    }

    /// Delivers the notices of a transaction that has committed.
    pub fn deliver(&self, database: u32, pid: i32, commit: Lsn, notices: impl Iterator<Item = (Notice, Room)>) {
        let listeners = self.listeners.lock();
        for (notice, room) in notices {
            let notification = Arc::new(Notification { notice, _room: room, pid, commit });
            let channel = &notification.notice.channel;
            let listens = |it: &&Listener| it.database == database && it.channels.contains(channel);
            for listener in listeners.values().filter(listens) {
                listener.mailbox.waiting.lock().push_back(notification.clone());
                listener.mailbox.bell.notify_one();
            }
        }
    }
}

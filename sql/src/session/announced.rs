//! [`Announced`]: what a transaction says and listens to, until its end.

use std::collections::BTreeSet;
use std::sync::Arc;

use engine::Txn;
use hashbrown::HashSet;
use protocol::Lsn;
use types::{Error, Result, SqlState};

use super::client::Client;
use super::notifications::{Notice, Notifications, Room};
use super::state::Session;
use super::transaction::Block;
use crate::exec::{Lift, lift};
use crate::functions::SessionContext;

/// A channel's name is shorter, as names are.
const CHANNEL_BYTES_MAX: usize = 63;

/// PostgreSQL's limit, a page of its queue without what else stands there.
const PAYLOAD_BYTES_MAX: usize = 7999;

/// What LISTEN and UNLISTEN ask for.
#[derive(Clone, Debug)]
pub(crate) enum Listening {
    To(Arc<str>),
    NotTo(Arc<str>),
    ToNothing,
}

/// The notices and wishes of a transaction, each with the depth of savepoints at which it was made.
#[derive(Default)]
pub(crate) struct Announced {
    notices: Vec<(u32, Notice, Room)>,
    /// Those of `notices`: what is said twice is told once.
    said: HashSet<Notice>,
    listening: Vec<(u32, Listening)>,
}

impl Announced {
    /// Adds a notice, unless the transaction has said the same.
    ///
    /// # Errors
    /// 22023 for no channel, or one whose name is too long, and for a payload that is; 54000 when too much is on its way.
    pub fn say(&mut self, depth: u32, channel: &str, payload: &str, hub: &Notifications) -> Result<()> {
        let invalid = |message: &str| Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message));
        if channel.is_empty() {
            return invalid("channel name cannot be empty");
        }
        if channel.len() > CHANNEL_BYTES_MAX {
            return invalid("channel name too long");
        }
        if payload.len() > PAYLOAD_BYTES_MAX {
            return invalid("payload string too long");
        }
        let notice = Notice { channel: channel.into(), payload: payload.into() };
        if self.said.contains(&notice) {
            return Ok(());
        }
        let room = hub.room(&notice)?;
        self.said.insert(notice.clone());
        self.notices.push((depth, notice, room));
        Ok(())
    }

    pub fn listen(&mut self, depth: u32, what: Listening) {
        self.listening.push((depth, what));
    }

    /// The transaction stands under so many savepoints: the last was rolled back to, or those beyond were released.
    pub fn set_depth(&mut self, depth: u32, undone: bool) {
        if !undone {
            self.notices.iter_mut().for_each(|(at, ..)| *at = depth.min(*at));
            self.listening.iter_mut().for_each(|(at, _)| *at = depth.min(*at));
            return;
        }
        self.listening.retain(|(at, _)| *at < depth);
        let kept = self.notices.iter().take_while(|(at, ..)| *at < depth).count();
        for (_, notice, _) in self.notices.drain(kept..) {
            self.said.remove(&notice);
        }
    }
}

/// The channels that a session listens on which listened on these before.
fn wished(before: &BTreeSet<Arc<str>>, wishes: Vec<(u32, Listening)>) -> BTreeSet<Arc<str>> {
    let mut channels = before.clone();
    for (_, wish) in wishes {
        match wish {
            Listening::To(channel) => drop(channels.insert(channel)),
            Listening::NotTo(channel) => drop(channels.remove(&channel)),
            Listening::ToNothing => channels.clear(),
        }
    }
    channels
}

impl SessionContext {
    /// NOTIFY and `pg_notify`.
    ///
    /// # Errors
    /// 25006 on a replica; as [`Announced::say`].
    pub(crate) fn notify(&self, channel: &str, payload: &str) -> Result<()> {
        self.check_not_in_recovery("NOTIFY")?;
        self.announce(|depth, announced| announced.say(depth, channel, payload, &self.database.notifications))
    }

    fn check_not_in_recovery(&self, command: &str) -> Result<()> {
        if self.database.engine.is_writer() {
            return Ok(());
        }
        let message = format!("cannot execute {command} during recovery");
        Err(Error::new(SqlState::READ_ONLY_SQL_TRANSACTION, message))
    }
}

impl Session {
    /// LISTEN and UNLISTEN.
    ///
    /// # Errors
    /// 25006 LISTEN on a replica; 0A000 in a session that a replica forwards, whose client it could not tell.
    pub(super) fn listen(&self, what: Listening) -> Result<()> {
        let context = &self.context;
        match what {
            Listening::To(_) => {
                context.check_not_in_recovery("LISTEN")?;
                if self.forwarded {
                    return Err(Error::unsupported("LISTEN in a session whose writes a replica forwards"));
                }
            }
            // Pools say so whenever a connection comes back, which mostly has listened to nothing.
            _ if context.mailbox().is_none() && !context.announces() => return Ok(()),
            _ => {}
        }
        context.announce(|depth, announced| announced.listen(depth, what));
        Ok(())
    }

    /// Commits a transaction that tells something or listens to something else from now on.
    ///
    /// # Errors
    /// 57014 before it commits; what committing reports.
    pub(super) async fn commit_announced(&self, txn: Txn) -> Result<Lsn> {
        let (context, pid) = (&self.context, self.context.backend.pid);
        let hub = &self.database.notifications;
        let before = hub.channels_of(pid);
        let Announced { notices, listening, .. } = context.announce(|_, announced| std::mem::take(announced));
        let after = wished(&before, listening);
        let listen = |channels: BTreeSet<Arc<str>>| {
            if after != before {
                hub.listen(pid, self.database_oid, channels, context.mailbox_made());
            }
        };
        listen(&before | &after);
        let committed = async {
            let cancel = &context.backend.cancel;
            let _turn = match notices.is_empty() {
                true => None,
                false => tokio::select! {
                    turn = hub.turn() => Some(turn),
                    () = cancel.cancelled() => return Err(lift(engine::Error::Cancelled)),
                },
            };
            let commit = self.database.engine.commit(txn).await.lift()?;
            // What it tells may also be a value that it drew, or what it committed before and did not wait for.
            let told = commit.max(context.observed()).max(context.last_commit());
            hub.deliver(self.database_oid, pid, told, notices.into_iter().map(|(_, notice, room)| (notice, room)));
            Ok(commit)
        }
        .await;
        listen(if committed.is_ok() { after.clone() } else { before.clone() });
        committed
    }

    /// Whether the client, which is idle, is to be told of notifications.
    pub(super) fn has_mail(&self) -> bool {
        self.block == Block::Idle && self.context.mailbox().is_some_and(|mailbox| !mailbox.is_empty())
    }

    /// Tells the client of notifications, the oldest first. It may not be of all that there are.
    pub(super) fn tell_mail<C: Client>(&mut self, client: &mut C) {
        let Some(mailbox) = self.context.mailbox() else { return };
        for told in mailbox.take() {
            self.depend_on(told.commit);
            client.notification(told.pid, &told.notice.channel, &told.notice.payload);
        }
    }
}

//! What a compute server counts about its traffic with storage: plain atomics, read by the metrics page.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counters since the volume was opened.
#[derive(Debug, Default)]
pub struct Counters {
    /// Encoded batch bytes sent, all nodes together.
    pub redo_bytes_sent: AtomicU64,
    /// Page bytes sent: nothing increments it, for no page leaves a compute server. Shown to prove the promise.
    pub page_bytes_sent: AtomicU64,
    /// Batches sent, all nodes together, resends included.
    pub batches_sent: AtomicU64,
    /// Batches sent once more: after a reconnect, a refusal, or for a gap.
    pub batches_resent: AtomicU64,
    /// Groups sent to a node that may hold their flush back.
    pub groups_held: AtomicU64,
    /// Times a node was asked out of turn to flush, or what it has: one of the four was late or gone, or an ack was.
    pub flushes_asked: AtomicU64,
    /// Messages without a batch, which only carry marks.
    pub heartbeats_sent: AtomicU64,
    /// Groups formed: what went out together when a quorum of nodes was free.
    pub groups: AtomicU64,
    /// Mini-transactions in those groups: `grouped_mtrs / groups` is the mean size of a group.
    pub grouped_mtrs: AtomicU64,
    /// Records appended.
    pub records_appended: AtomicU64,
    /// Replies to appends.
    pub acks: AtomicU64,
    /// Streams opened to storage nodes.
    pub connects: AtomicU64,
    /// Nodes that lost what they had flushed.
    pub nodes_excluded: AtomicU64,
    /// Pages fetched, by the first node asked.
    pub reads_direct: AtomicU64,
    /// Pages fetched from a second node because the first was late.
    pub reads_hedged: AtomicU64,
    /// Pages fetched from a further node because one before could not serve.
    pub reads_retried: AtomicU64,
    /// Hedges sent, won or lost.
    pub hedges_sent: AtomicU64,
    /// Reads sent to a node that was not the best known, to learn how it does.
    pub reads_probing: AtomicU64,
    /// Pages that arrived damaged and were asked for elsewhere.
    pub reads_corrupt: AtomicU64,
    /// Rounds that asked a read quorum because a writer took over.
    pub quorum_reads_recovery: AtomicU64,
    /// Rounds that asked a read quorum because a replica opened, or no notice came.
    pub quorum_reads_bookkeeping: AtomicU64,
    /// Pulls a replica sent for redo that was announced.
    pub pulls: AtomicU64,
    /// Pulls it sent ahead of the notice.
    pub pulls_ahead: AtomicU64,
    /// Times that such a pull made another one needless.
    pub pulls_saved: AtomicU64,
    /// Redo bytes a replica pulled.
    pub redo_bytes_pulled: AtomicU64,
    /// Records a replica applied or skipped.
    pub records_applied: AtomicU64,
    /// Times a replica dropped its cache because it was too far behind.
    pub invalidations: AtomicU64,
    /// Times a replica asked the nodes because no notice came.
    pub polls: AtomicU64,
    /// Times a replica that hears no writer had word of its commits from a storage node.
    pub relayed: AtomicU64,
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64, amount: usize) {
        counter.fetch_add(amount as u64, Relaxed);
    }

    /// Names and values, in the order of the fields.
    #[must_use]
    pub fn list(&self) -> Vec<(&'static str, u64)> {
        [
            ("redo_bytes_sent", &self.redo_bytes_sent),
            ("page_bytes_sent", &self.page_bytes_sent),
            ("batches_sent", &self.batches_sent),
            ("batches_resent", &self.batches_resent),
            ("groups_held", &self.groups_held),
            ("flushes_asked", &self.flushes_asked),
            ("heartbeats_sent", &self.heartbeats_sent),
            ("groups", &self.groups),
            ("grouped_mtrs", &self.grouped_mtrs),
            ("records_appended", &self.records_appended),
            ("acks", &self.acks),
            ("connects", &self.connects),
            ("nodes_excluded", &self.nodes_excluded),
            ("reads_direct", &self.reads_direct),
            ("reads_hedged", &self.reads_hedged),
            ("reads_retried", &self.reads_retried),
            ("hedges_sent", &self.hedges_sent),
            ("reads_probing", &self.reads_probing),
            ("reads_corrupt", &self.reads_corrupt),
            ("quorum_reads_recovery", &self.quorum_reads_recovery),
            ("quorum_reads_bookkeeping", &self.quorum_reads_bookkeeping),
            ("pulls", &self.pulls),
            ("pulls_ahead", &self.pulls_ahead),
            ("pulls_saved", &self.pulls_saved),
            ("redo_bytes_pulled", &self.redo_bytes_pulled),
            ("records_applied", &self.records_applied),
            ("invalidations", &self.invalidations),
            ("polls", &self.polls),
            ("relayed", &self.relayed),
        ]
        .into_iter()
        .map(|(name, counter)| (name, counter.load(Relaxed)))
        .collect()
    }
}

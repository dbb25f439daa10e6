//! What a storage node offers, as a trait: the node itself in one process, a gRPC client over a network, a simulated link.

use crate::rpc::storage::{
    AppendReply, AppendRequest, CreateVolumeReply, CreateVolumeRequest, FillReply, FillRequest, HoldReply, HoldRequest,
    InstallTableReply, InstallTableRequest, PrepareReply, PrepareRequest, PullImagesReply, PullImagesRequest,
    PullReply, PullRequest, ReadPageReply, ReadPageRequest, RegisterReply, RegisterRequest, StatusReply, StatusRequest,
};
use futures::future::BoxFuture;
use std::sync::Arc;

/// Why a call to a node has no reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NodeError {
    /// Not reachable, timed out or stopping: ask another node, or this one later.
    #[error("storage node unreachable: {0}")]
    Unreachable(String),
    /// The node refused the request as malformed, of a newer format, or of another volume: asking again will not help.
    #[error("storage node refused: {0}")]
    Refused(String),
}

/// A reply or the reason why there is none.
pub type NodeResult<T> = Result<T, NodeError>;

/// Called with every reply of an append stream, on the node's or the connection's thread: must be short and must not block.
pub type OnReply = Arc<dyn Fn(AppendReply) + Send + Sync>;

/// The sending half of an append stream.
pub trait AppendStream: Send {
    /// Queues a request; never blocks. Requests arrive in the order sent or not at all.
    ///
    /// # Errors
    /// [`NodeError::Unreachable`] when the stream has ended: open another one and resend from the node's SCL.
    fn send(&mut self, request: AppendRequest) -> NodeResult<()>;
}

/// A storage node as its clients see it. See `proto/storage.proto` for each call's contract.
pub trait StorageNode: Send + Sync + 'static {
    /// Opens the writer's stream.
    fn append(&self, on_reply: OnReply) -> BoxFuture<'_, NodeResult<Box<dyn AppendStream>>>;
    /// Recovery R1.
    fn prepare(&self, request: PrepareRequest) -> BoxFuture<'_, NodeResult<PrepareReply>>;
    /// Recovery R6.
    fn install_table(&self, request: InstallTableRequest) -> BoxFuture<'_, NodeResult<InstallTableReply>>;
    /// Recovery R7.
    fn fill(&self, request: FillRequest) -> BoxFuture<'_, NodeResult<FillReply>>;
    /// One page as of a read point.
    fn read_page(&self, request: ReadPageRequest) -> BoxFuture<'_, NodeResult<ReadPageReply>>;
    /// Redo after an LSN.
    fn pull(&self, request: PullRequest) -> BoxFuture<'_, NodeResult<PullReply>>;
    /// Page images, for a peer that lacks redo which is retired here.
    fn pull_images(&self, request: PullImagesRequest) -> BoxFuture<'_, NodeResult<PullImagesReply>>;
    /// Gossip's question.
    fn hold(&self, request: HoldRequest) -> BoxFuture<'_, NodeResult<HoldReply>>;
    /// The address book.
    fn register(&self, request: RegisterRequest) -> BoxFuture<'_, NodeResult<RegisterReply>>;
    /// `init`.
    fn create_volume(&self, request: CreateVolumeRequest) -> BoxFuture<'_, NodeResult<CreateVolumeReply>>;
    /// Identity and watermarks.
    fn status(&self, request: StatusRequest) -> BoxFuture<'_, NodeResult<StatusReply>>;
}

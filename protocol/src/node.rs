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

/// Called with every reply of an append stream, on the node's or the connection's thread, or before [`AppendStream::send`]
/// returns: must be short, must not block, must not need what the sender has locked, and must not be what keeps a node.
pub type OnReply = Arc<dyn Fn(AppendReply) + Send + Sync>;

/// Requests that an append stream takes while none of them gets on; one more may end it.
pub const STREAM_REQUESTS_MAX: usize = 4096;

/// The sending half of an append stream.
pub trait AppendStream: Send {
    /// Queues a request; never blocks. Requests arrive in the order sent or not at all.
    ///
    /// # Errors
    /// [`NodeError::Unreachable`] when the stream has ended: open another one and resend from the node's SCL.
    fn send(&mut self, request: AppendRequest) -> NodeResult<()>;

    /// Queues several at once: a node in this process then writes them together.
    ///
    /// # Errors
    /// As [`AppendStream::send`]: those from some request on were not queued.
    fn send_all(&mut self, requests: &mut dyn Iterator<Item = AppendRequest>) -> NodeResult<()> {
        for request in requests {
            self.send(request)?;
        }
        Ok(())
    }
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

/// The calls of a [`StorageNode`] that are one request and one reply, each passed on to the node that `$to` comes to, a
/// [`NodeResult`]; in `$to`, `$call` is the name of the call. For whoever stands in front of a node: a seat, a link that is
/// counted or cut. The append stream is not among them.
#[macro_export]
macro_rules! relay_calls {
    ($self:ident, $call:ident => $to:expr) => {
        $crate::relay_calls! { @each $self, $call => $to;
            prepare: PrepareRequest => PrepareReply,
            install_table: InstallTableRequest => InstallTableReply,
            fill: FillRequest => FillReply,
            read_page: ReadPageRequest => ReadPageReply,
            pull: PullRequest => PullReply,
            pull_images: PullImagesRequest => PullImagesReply,
            hold: HoldRequest => HoldReply,
            register: RegisterRequest => RegisterReply,
            create_volume: CreateVolumeRequest => CreateVolumeReply,
            status: StatusRequest => StatusReply,
        }
    };
    (@each $self:ident, $call:ident => $to:expr; $($name:ident: $request:ident => $reply:ident),* $(,)?) => {
        $(fn $name(
            &$self,
            request: $crate::rpc::storage::$request,
        ) -> ::futures::future::BoxFuture<'_, $crate::node::NodeResult<$crate::rpc::storage::$reply>> {
            let $call = stringify!($name);
            let node = $to;
            ::std::boxed::Box::pin(async move { node?.$name(request).await })
        })*
    };
}

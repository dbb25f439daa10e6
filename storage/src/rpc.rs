//! Nodes over gRPC: the server for the volumes of a [`Host`], and [`GrpcNode`], the client that is a [`StorageNode`] of one
//! of them.
//!
//! **Rule.** A request that concerns another volume ends with `PERMISSION_DENIED`, one of a newer format or for a node without a
//! volume with `FAILED_PRECONDITION`, one that makes no sense with `INVALID_ARGUMENT`; what the protocol foresees is an outcome
//! in a reply and not a status. The client turns those three into [`NodeError::Refused`], everything else into
//! [`NodeError::Unreachable`].
//!
//! **Mechanism.** One HTTP/2 connection a client, made when first needed and again after it broke; a node that refused the
//! connection is left alone for a while that doubles, so that a dead node costs its callers nothing. Messages, streams and
//! requests in flight are capped on both sides; a reader of replies that falls behind loses its stream, not the node's memory.

use crate::history::{ENTRIES_MAX, ENTRY_BYTES_MAX};
use crate::node::gossip::Dial;
use crate::node::host::Host;
use crate::node::{Node, Refusal};
use futures::future::{BoxFuture, FutureExt};
use parking_lot::Mutex;
use protocol::FORMAT_VERSION;
use protocol::node::{AppendStream, NodeError, NodeResult, OnReply, STREAM_REQUESTS_MAX, StorageNode};
use protocol::rpc::storage as rpc;
use protocol::rpc::storage::storage_client::StorageClient;
use protocol::rpc::storage::storage_server::{Storage, StorageServer};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, UnixListener};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_stream::Stream;
use tokio_stream::wrappers::{ReceiverStream, UnixListenerStream};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Code, Request, Response, Status, Streaming};

/// The largest message that a node takes, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 16 << 20;
/// The largest that a node sends. A promise has a header of up to 28 bytes for each record that may not be durable: one that
/// was too large would never be heard, and no recovery of the volume would end.
pub const REPLY_BYTES_MAX: usize = 128 << 20;
/// Calls at once on one connection.
const CALLS_MAX: usize = 256;
/// Streams that a client opened and reset at once, before its connection ends.
const RESETS_MAX: usize = 64;
/// Replies that wait for a slow reader; one more ends its stream.
const REPLIES_MAX: usize = 4096;
/// Requests of a stream that are taken at once, if so many have arrived.
const REQUESTS_AT_ONCE: usize = 64;
/// How often an idle connection is asked whether it lives, and how long it may take to say so.
const KEEPALIVE: Duration = Duration::from_secs(5);
/// How long connecting may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// How long a call may take, beside what it asks to wait.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// How much longer a volume may take to be dropped: its log is sealed, and its files are removed.
const DROP_WITHIN: Duration = Duration::from_secs(60);
/// The first and the longest pause after a node could not be reached.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));
/// HTTP/2 flow control windows: of a stream and of a connection, in bytes.
const WINDOWS: (u32, u32) = (4 << 20, 16 << 20);

const _: () = assert!(
    ENTRIES_MAX * ENTRY_BYTES_MAX < MESSAGE_BYTES_MAX / 4 * 3,
    "a node can be told any truncation table, and more beside it"
);

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Status {
        let code = match refusal {
            Refusal::OtherVolume => Code::PermissionDenied,
            Refusal::NoVolume | Refusal::NewerFormat(_) => Code::FailedPrecondition,
            Refusal::Malformed(_) => Code::InvalidArgument,
            Refusal::Failed(_) | Refusal::Busy(_) => Code::Unavailable,
        };
        Status::new(code, refusal.to_string())
    }
}

fn error_of(status: &Status) -> NodeError {
    match status.code() {
        Code::PermissionDenied | Code::FailedPrecondition | Code::InvalidArgument | Code::Unimplemented => {
            NodeError::Refused(status.message().to_owned())
        }
        code => NodeError::Unreachable(format!("{code:?}: {}", status.message())),
    }
}

/// Where a node listens.
pub enum Listener {
    /// Any host.
    Tcp(TcpListener),
    /// The same host.
    Unix(UnixListener),
}

/// Serves the volumes of a host until `stop` is done; calls in flight are finished first.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    host: Arc<Host>,
    listener: Listener,
    stop: impl Future<Output = ()> + Send,
) -> Result<(), tonic::transport::Error> {
    let service = StorageServer::new(Service { host })
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(REPLY_BYTES_MAX);
    let router = Server::builder()
        .concurrency_limit_per_connection(CALLS_MAX)
        .max_concurrent_streams(CALLS_MAX as u32)
        .http2_max_pending_accept_reset_streams(Some(RESETS_MAX))
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE))
        .initial_stream_window_size(WINDOWS.0)
        .initial_connection_window_size(WINDOWS.1)
        .add_service(service);
    match listener {
        Listener::Tcp(listener) => {
            let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
            router.serve_with_incoming_shutdown(incoming, stop).await
        }
        Listener::Unix(listener) => router.serve_with_incoming_shutdown(UnixListenerStream::new(listener), stop).await,
    }
}

struct Service {
    host: Arc<Host>,
}

/// The node that a stream goes to: of the volume that its first request names.
type Opened = (Arc<Node>, Box<dyn AppendStream>);

impl Service {
    fn node(&self, volume: u64, version: u32) -> Result<Arc<Node>, Status> {
        Ok(self.host.node(volume, version)?)
    }
}

async fn open_stream(host: &Host, request: &rpc::AppendRequest, on_reply: OnReply) -> Result<Opened, Status> {
    let node = host.node(request.volume, request.version)?;
    let stream = node.append(on_reply).await.map_err(|error| Status::unavailable(error.to_string()))?;
    Ok((node, stream))
}

type Replies = Pin<Box<dyn Stream<Item = Result<rpc::AppendReply, Status>> + Send>>;

#[tonic::async_trait]
impl Storage for Service {
    type AppendStream = Replies;

    async fn append(&self, request: Request<Streaming<rpc::AppendRequest>>) -> Result<Response<Replies>, Status> {
        let mut requests = request.into_inner();
        let (replies, answers) = mpsc::channel(REPLIES_MAX);
        let sender = replies.clone();
        // A reader that is this far behind has lost its stream: the sender below sees the channel closed.
        let (overflow, mut overflowed) = mpsc::channel::<()>(1);
        let on_reply: OnReply = Arc::new(move |reply| {
            if sender.try_send(Ok(reply)).is_err() {
                let _ = overflow.try_send(());
            }
        });
        let host = self.host.clone();
        tokio::spawn(async move {
            let mut opened: Option<Opened> = None;
            let end = loop {
                let next = tokio::select! {
                    next = requests.message() => next,
                    _ = overflowed.recv() => break Some(Status::resource_exhausted("replies are not read")),
                };
                let request = match next {
                    Ok(Some(request)) => request,
                    Ok(None) => break None,
                    Err(status) => break Some(status),
                };
                let (node, stream) = match &mut opened {
                    Some(opened) => opened,
                    None => match open_stream(&host, &request, on_reply.clone()).await {
                        Ok(stream) => opened.insert(stream),
                        Err(status) => break Some(status),
                    },
                };
                // What came with it is written with it.
                let mut rest = None;
                let arrived = std::iter::from_fn(|| match requests.message().now_or_never()? {
                    Ok(Some(request)) => Some(request),
                    end => {
                        rest = Some(end);
                        None
                    }
                });
                let mut refused = None;
                let mut checked = std::iter::once(request).chain(arrived).take(REQUESTS_AT_ONCE).map_while(|request| {
                    refused = node.check_append(&request).err();
                    refused.is_none().then_some(request)
                });
                let sent = stream.send_all(&mut checked);
                match (refused, sent, rest) {
                    (Some(refusal), ..) => break Some(refusal.into()),
                    (_, Err(error), _) => break Some(Status::unavailable(error.to_string())),
                    (.., Some(end)) => break end.err(),
                    _ => {}
                }
            };
            if let Some(status) = end {
                let _ = replies.try_send(Err(status));
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(answers))))
    }

    async fn prepare(&self, request: Request<rpc::PrepareRequest>) -> Result<Response<rpc::PrepareReply>, Status> {
        let request = request.into_inner();
        let node = self.node(request.volume, request.version)?;
        Ok(Response::new(node.prepare_checked(request).await?))
    }

    async fn install_table(
        &self,
        request: Request<rpc::InstallTableRequest>,
    ) -> Result<Response<rpc::InstallTableReply>, Status> {
        let request = request.into_inner();
        let node = self.node(request.volume, request.version)?;
        Ok(Response::new(node.install_checked(request).await?))
    }

    async fn fill(&self, request: Request<rpc::FillRequest>) -> Result<Response<rpc::FillReply>, Status> {
        let request = request.into_inner();
        let node = self.node(request.volume, request.version)?;
        Ok(Response::new(node.fill_checked(request).await?))
    }

    async fn read_page(&self, request: Request<rpc::ReadPageRequest>) -> Result<Response<rpc::ReadPageReply>, Status> {
        let request = request.into_inner();
        let node = self.node(request.volume, request.version)?;
        Ok(Response::new(node.read_checked(request).await?))
    }

    async fn pull(&self, request: Request<rpc::PullRequest>) -> Result<Response<rpc::PullReply>, Status> {
        let request = request.into_inner();
        let node = self.node(request.volume, request.version)?;
        Ok(Response::new(node.pull_checked(request).await?))
    }

    async fn pull_images(
        &self,
        request: Request<rpc::PullImagesRequest>,
    ) -> Result<Response<rpc::PullImagesReply>, Status> {
        let request = request.into_inner();
        let node = self.node(request.volume, request.version)?;
        Ok(Response::new(node.pull_images_checked(request).await?))
    }

    async fn hold(&self, request: Request<rpc::HoldRequest>) -> Result<Response<rpc::HoldReply>, Status> {
        let request = request.get_ref();
        let node = self.node(request.volume, request.version)?;
        Ok(Response::new(node.hold_checked(request).await?))
    }

    async fn register(&self, request: Request<rpc::RegisterRequest>) -> Result<Response<rpc::RegisterReply>, Status> {
        let request = request.into_inner();
        let node = self.node(request.volume, request.version)?;
        Ok(Response::new(node.register_checked(request)?))
    }

    async fn create_volume(
        &self,
        request: Request<rpc::CreateVolumeRequest>,
    ) -> Result<Response<rpc::CreateVolumeReply>, Status> {
        Ok(Response::new(self.host.create(request.into_inner()).await?))
    }

    async fn drop_volume(
        &self,
        request: Request<rpc::DropVolumeRequest>,
    ) -> Result<Response<rpc::DropVolumeReply>, Status> {
        Ok(Response::new(self.host.drop_volume(request.get_ref()).await?))
    }

    async fn status(&self, request: Request<rpc::StatusRequest>) -> Result<Response<rpc::StatusReply>, Status> {
        Ok(Response::new(self.host.status(request.get_ref())?))
    }
}

/// An address that cannot be dialled.
#[derive(Debug, thiserror::Error)]
#[error("not an address of a storage node: {address}: {error}")]
pub struct AddressError {
    address: String,
    error: tonic::transport::Error,
}

/// A storage node somewhere else, of one volume.
pub struct GrpcNode {
    endpoint: Endpoint,
    /// What is asked about when a question does not say; 0: the only volume there.
    volume: u64,
    /// Where the connection lives; `None`: where it is first used.
    runtime: Option<Handle>,
    link: Mutex<Link>,
}

#[derive(Default)]
struct Link {
    channel: Option<Channel>,
    /// After a failure: no attempt before this.
    not_before: Option<Instant>,
    pause: Duration,
}

impl GrpcNode {
    /// The node at `address`: `host:port`, or `unix:` and a path. Nothing is dialled yet.
    ///
    /// # Errors
    /// [`AddressError`].
    pub fn new(address: &str) -> Result<GrpcNode, AddressError> {
        let uri = if address.starts_with("unix:") || address.contains("://") {
            address.to_owned()
        } else {
            format!("http://{address}")
        };
        let endpoint = Endpoint::from_shared(uri)
            .map_err(|error| AddressError { address: address.to_owned(), error })?
            .connect_timeout(CONNECT_WITHIN)
            .http2_keep_alive_interval(KEEPALIVE)
            .keep_alive_timeout(KEEPALIVE)
            .keep_alive_while_idle(true)
            .initial_stream_window_size(WINDOWS.0)
            .initial_connection_window_size(WINDOWS.1)
            .tcp_nodelay(true);
        Ok(GrpcNode { endpoint, volume: 0, runtime: None, link: Mutex::default() })
    }

    /// Has the connection live on `runtime`, so that whatever else computes for long does not hold it up.
    #[must_use]
    pub fn on(mut self, runtime: Handle) -> GrpcNode {
        self.runtime = Some(runtime);
        self
    }

    /// Asks about `volume` where a question does not name one: a process may keep several.
    #[must_use]
    pub fn of(mut self, volume: u64) -> GrpcNode {
        self.volume = volume;
        self
    }

    /// Has the process forget a volume. No [`StorageNode`] is asked for that: it is nothing that a cluster does.
    ///
    /// # Errors
    /// [`NodeError::Refused`] when it is not kept there, or used.
    pub async fn drop_volume(&self, volume: u64) -> NodeResult<()> {
        let request = rpc::DropVolumeRequest { version: FORMAT_VERSION, volume };
        let call = move |mut client: StorageClient<Channel>| async move { client.drop_volume(request).await };
        self.call(DROP_WITHIN, call).await.map(drop)
    }

    fn client(&self) -> NodeResult<StorageClient<Channel>> {
        let mut link = self.link.lock();
        if link.not_before.is_some_and(|until| Instant::now() < until) {
            return Err(NodeError::Unreachable("it was not reachable a moment ago".into()));
        }
        let connect = || {
            let _entered = self.runtime.as_ref().map(Handle::enter);
            self.endpoint.connect_lazy()
        };
        let channel = link.channel.get_or_insert_with(connect).clone();
        Ok(StorageClient::new(channel)
            .max_decoding_message_size(REPLY_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX))
    }

    fn note(&self, error: Option<&NodeError>) {
        let mut link = self.link.lock();
        if let Some(NodeError::Unreachable(_)) = error {
            let now = Instant::now();
            // Calls that were under way together fail together, and count as one.
            if link.not_before.is_none_or(|until| until <= now) {
                link.pause = (link.pause * 2).clamp(BACK_OFF.0, BACK_OFF.1);
                link.not_before = Some(now + link.pause);
            }
        } else {
            (link.pause, link.not_before) = (Duration::ZERO, None);
        }
    }

    async fn call<T, F>(&self, wait: Duration, call: impl FnOnce(StorageClient<Channel>) -> F) -> NodeResult<T>
    where
        F: Future<Output = Result<Response<T>, Status>> + Send,
    {
        let client = self.client()?;
        let result = match tokio::time::timeout(wait + ANSWER_WITHIN, call(client)).await {
            Ok(Ok(response)) => Ok(response.into_inner()),
            Ok(Err(status)) => Err(error_of(&status)),
            Err(_) => Err(NodeError::Unreachable("it does not answer".into())),
        };
        self.note(result.as_ref().err());
        result
    }
}

/// Connects to members at their addresses.
#[must_use]
pub fn dial() -> Dial {
    Arc::new(|member: &rpc::Member| {
        let node = GrpcNode::new(&member.address).ok()?;
        Some(Arc::new(node) as Arc<dyn StorageNode>)
    })
}

struct GrpcStream {
    requests: mpsc::Sender<rpc::AppendRequest>,
}

impl AppendStream for GrpcStream {
    fn send(&mut self, request: rpc::AppendRequest) -> NodeResult<()> {
        self.requests.try_send(request).map_err(|error| {
            NodeError::Unreachable(match error {
                mpsc::error::TrySendError::Full(_) => "too many requests wait for the connection".into(),
                mpsc::error::TrySendError::Closed(_) => "the stream has ended".into(),
            })
        })
    }
}

impl StorageNode for GrpcNode {
    fn append(&self, on_reply: OnReply) -> BoxFuture<'_, NodeResult<Box<dyn AppendStream>>> {
        async move {
            let (requests, waiting) = mpsc::channel(STREAM_REQUESTS_MAX);
            let opened =
                self.call(Duration::ZERO, move |mut client| async move {
                    client.append(ReceiverStream::new(waiting)).await
                })
                .await;
            let mut replies = opened?;
            let closing = requests.downgrade();
            tokio::spawn(async move {
                loop {
                    match replies.message().await {
                        Ok(Some(reply)) => on_reply(reply),
                        Ok(None) => break,
                        Err(status) => {
                            tracing::debug!(%status, "an append stream ended");
                            break;
                        }
                    }
                }
                drop(closing);
            });
            Ok(Box::new(GrpcStream { requests }) as Box<dyn AppendStream>)
        }
        .boxed()
    }

    fn prepare(&self, request: rpc::PrepareRequest) -> BoxFuture<'_, NodeResult<rpc::PrepareReply>> {
        self.call(Duration::ZERO, move |mut client| async move { client.prepare(request).await }).boxed()
    }

    fn install_table(&self, request: rpc::InstallTableRequest) -> BoxFuture<'_, NodeResult<rpc::InstallTableReply>> {
        self.call(Duration::ZERO, move |mut client| async move { client.install_table(request).await }).boxed()
    }

    fn fill(&self, request: rpc::FillRequest) -> BoxFuture<'_, NodeResult<rpc::FillReply>> {
        self.call(Duration::ZERO, move |mut client| async move { client.fill(request).await }).boxed()
    }

    fn read_page(&self, request: rpc::ReadPageRequest) -> BoxFuture<'_, NodeResult<rpc::ReadPageReply>> {
        self.call(Duration::ZERO, move |mut client| async move { client.read_page(request).await }).boxed()
    }

    fn pull(&self, request: rpc::PullRequest) -> BoxFuture<'_, NodeResult<rpc::PullReply>> {
        let wait = Duration::from_millis(request.wait_ms.into());
        self.call(wait, move |mut client| async move { client.pull(request).await }).boxed()
    }

    fn pull_images(&self, request: rpc::PullImagesRequest) -> BoxFuture<'_, NodeResult<rpc::PullImagesReply>> {
        self.call(Duration::ZERO, move |mut client| async move { client.pull_images(request).await }).boxed()
    }

    fn hold(&self, request: rpc::HoldRequest) -> BoxFuture<'_, NodeResult<rpc::HoldReply>> {
        let wait = Duration::from_millis(request.wait_ms.into());
        self.call(wait, move |mut client| async move { client.hold(request).await }).boxed()
    }

    fn register(&self, request: rpc::RegisterRequest) -> BoxFuture<'_, NodeResult<rpc::RegisterReply>> {
        self.call(Duration::ZERO, move |mut client| async move { client.register(request).await }).boxed()
    }

    fn create_volume(&self, request: rpc::CreateVolumeRequest) -> BoxFuture<'_, NodeResult<rpc::CreateVolumeReply>> {
        self.call(Duration::ZERO, move |mut client| async move { client.create_volume(request).await }).boxed()
    }

    fn status(&self, mut request: rpc::StatusRequest) -> BoxFuture<'_, NodeResult<rpc::StatusReply>> {
        if request.volume == 0 {
            request.volume = self.volume;
        }
        self.call(Duration::ZERO, move |mut client| async move { client.status(request).await }).boxed()
    }
}

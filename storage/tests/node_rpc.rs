//! A node over gRPC, by TCP and by Unix socket: the same answers as in process, and the status codes of refusals.

#[expect(unused, reason = "each test file uses a part of it")]
mod node_support;

use bytes::Bytes;
use node_support::{VOLUME, Writer, config, in_time};
use prost::Message as _;
use protocol::node::{NodeError, OnReply, StorageNode};
use protocol::rpc::storage::storage_client::StorageClient;
use protocol::rpc::storage::{
    AppendOutcome, AppendReply, AppendRequest, CreateVolumeRequest, HoldRequest, PrepareRequest, PullRequest,
    ReadOutcome, ReadPageRequest, RegisterRequest, ServerInfo, StatusRequest,
};
use protocol::{FORMAT_VERSION, NodeId, Page, PageId};
use std::sync::Arc;
use std::time::Duration;
use storage::node::NodeOptions;
use storage::node::disk::RealDisk;
use storage::node::host::Host;
use storage::rpc::{GrpcNode, Listener, MESSAGE_BYTES_MAX, serve};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tonic::Code;

/// Less than those wait who wait in vain.
const SOON: Duration = Duration::from_secs(10);

async fn node_at(dir: &std::path::Path) -> Arc<Host> {
    let options = NodeOptions { log_file_bytes: 1 << 20, ..NodeOptions::new(NodeId(0), "a", "here") };
    let node = Host::open(Arc::new(RealDisk), dir, options).expect("the directory is empty");
    let request = CreateVolumeRequest { version: FORMAT_VERSION, config: Some(config()) };
    node.create(request).await.expect("it is the first");
    node
}

fn append(batch: Bytes, sequence: u64) -> AppendRequest {
    AppendRequest { volume: VOLUME, version: FORMAT_VERSION, batch, sequence, ..AppendRequest::default() }
}

async fn exercise(client: GrpcNode) {
    let mut writer = Writer::new();
    let (sink, mut replies) = mpsc::unbounded_channel::<AppendReply>();
    let on_reply: OnReply = Arc::new(move |reply| drop(sink.send(reply)));
    let mut stream = client.append(on_reply).await.expect("the node is up");
    for sequence in 1..=50 {
        stream.send(append(writer.batch(&[1, sequence % 9]), sequence)).expect("the stream is open");
    }
    loop {
        let reply = in_time(replies.recv()).await.expect("the stream lives");
        assert_eq!(reply.outcome(), AppendOutcome::Flushed);
        if reply.sequence == 50 {
            assert_eq!(reply.marks[0].scl_flushed, writer.end().0);
            break;
        }
    }
    let tail = writer.tail(0).0;
    for page in 0..10 {
        let request = ReadPageRequest {
            volume: VOLUME,
            version: FORMAT_VERSION,
            page,
            read_point: writer.end().0,
            group_tail: tail,
            ballot: 0,
        };
        let reply = client.read_page(request).await.expect("the node is up");
        assert_eq!(reply.outcome(), ReadOutcome::Ok);
        let read = (!reply.page.is_empty()).then(|| Page::from_bytes(&reply.page, PageId(page)).expect("it is sound"));
        assert_eq!(read, writer.fold(page, writer.end()));
    }
    // A pull that waits is woken by the record it waits for.
    let waiting = PullRequest {
        volume: VOLUME,
        version: FORMAT_VERSION,
        after: writer.end().0,
        up_to: u64::MAX,
        max_bytes: 1 << 20,
        wait_ms: 20_000,
        ..PullRequest::default()
    };
    let (pulled, ()) = tokio::join!(timeout(SOON, client.pull(waiting)), async {
        stream.send(append(writer.batch(&[4]), 51)).expect("the stream is open");
    });
    assert_eq!(pulled.expect("it does not wait to the end").expect("the node is up").batches.len(), 1);
    // So is whoever waits for word of the durable point.
    let waiting = HoldRequest { volume: VOLUME, version: FORMAT_VERSION, wait_ms: 20_000, ..HoldRequest::default() };
    let (held, ()) = tokio::join!(timeout(SOON, client.hold(waiting)), async {
        let request = AppendRequest { flushed_vdl: writer.end().0, ..append(writer.batch(&[4]), 52) };
        stream.send(request).expect("the stream is open");
    });
    assert!(held.expect("it does not wait to the end").expect("the node is up").flushed_vdl_heard > 0);

    let server = ServerInfo { instance: 5, role: "replica".into(), ..ServerInfo::default() };
    let request =
        RegisterRequest { volume: VOLUME, version: FORMAT_VERSION, server: Some(server.clone()), lease_ms: 10_000 };
    assert_eq!(client.register(request).await.expect("the node is up").servers, [server]);
    let other = HoldRequest { volume: VOLUME + 1, version: FORMAT_VERSION, ..HoldRequest::default() };
    assert!(matches!(client.hold(other).await, Err(NodeError::Refused(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_answers_over_tcp_and_over_a_unix_socket() {
    for unix in [false, true] {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let node = node_at(&dir.path().join("node")).await;
        let socket = dir.path().join("socket");
        let (listener, address) = if unix {
            (
                Listener::Unix(UnixListener::bind(&socket).expect("the path is free")),
                format!("unix:{}", socket.display()),
            )
        } else {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
            let address = listener.local_addr().expect("it is bound").to_string();
            (Listener::Tcp(listener), address)
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(serve(node.clone(), listener, async { drop(stopped.await) }));
        exercise(GrpcNode::new(&address).expect("it is an address")).await;
        stop.send(()).expect("the server runs");
        server.await.expect("it does not panic").expect("it ends well");
        node.shutdown();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_have_their_status_codes() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let node = node_at(dir.path()).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = format!("http://{}", listener.local_addr().expect("it is bound"));
    let (_stop, stopped) = oneshot::channel::<()>();
    let _server = tokio::spawn(serve(node.clone(), Listener::Tcp(listener), async { drop(stopped.await) }));
    let mut client =
        StorageClient::connect(address).await.expect("the node is up").max_encoding_message_size(usize::MAX);
    let hold = |volume, version| HoldRequest { volume, version, ..HoldRequest::default() };
    let code = |result: Result<_, tonic::Status>| result.err().map(|status| status.code());
    assert_eq!(code(client.hold(hold(VOLUME + 1, FORMAT_VERSION)).await), Some(Code::PermissionDenied));
    assert_eq!(code(client.hold(hold(VOLUME, FORMAT_VERSION + 1)).await), Some(Code::FailedPrecondition));
    // Row 39: a table that is none.
    let table = protocol::rpc::storage::TruncationTable { entries: vec![Default::default()] };
    let bad = HoldRequest { table: Some(table), ..hold(VOLUME, FORMAT_VERSION) };
    assert_eq!(code(client.hold(bad).await), Some(Code::InvalidArgument));
    // Row 46: a message beyond the cap is refused and the node lives.
    let huge = append(Bytes::from(vec![0; MESSAGE_BYTES_MAX + 1]), 1);
    let answer =
        client.append(tokio_stream::iter([huge])).await.expect("the stream opens").into_inner().message().await;
    assert_eq!(answer.err().map(|status| status.code()), Some(Code::OutOfRange));
    let foreign = AppendRequest { volume: VOLUME + 1, ..append(Bytes::new(), 1) };
    let answer =
        client.append(tokio_stream::iter([foreign])).await.expect("the stream opens").into_inner().message().await;
    assert_eq!(answer.err().map(|status| status.code()), Some(Code::PermissionDenied));
    client.status(StatusRequest { version: FORMAT_VERSION, volume: 0 }).await.expect("the node lives");
    node.shutdown();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recovery_hears_of_every_record_however_many_there_are() {
    const BATCHES: u64 = 400;
    const RECORDS: usize = 5000;
    // All of it is more than may wait for a node's log.
    const UNANSWERED: u64 = 50;
    let dir = tempfile::tempdir().expect("a temporary directory");
    let node = node_at(dir.path()).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("it is bound").to_string();
    let (_stop, stopped) = oneshot::channel::<()>();
    let _server = tokio::spawn(serve(node.clone(), Listener::Tcp(listener), async { drop(stopped.await) }));
    let client = GrpcNode::new(&address).expect("it is an address");
    let (sink, mut replies) = mpsc::unbounded_channel::<AppendReply>();
    let on_reply: OnReply = Arc::new(move |reply| drop(sink.send(reply)));
    let mut stream = client.append(on_reply).await.expect("the node is up");
    let mut writer = Writer::new();
    for sequence in 1..=BATCHES {
        stream.send(append(writer.batch(&[1; RECORDS]), sequence)).expect("the stream is open");
        writer.records.clear();
        if sequence % UNANSWERED == 0 {
            while in_time(replies.recv()).await.expect("the stream lives").sequence < sequence {}
        }
    }
    let request = PrepareRequest { volume: VOLUME, version: FORMAT_VERSION, ballot: 1 << 32, vdl_heard: 0 };
    let promise = client.prepare(request).await.expect("it can be sent");
    assert!(promise.promised);
    assert_eq!(promise.segments[0].above.len() as u64, BATCHES * RECORDS as u64);
    assert!(promise.encoded_len() > MESSAGE_BYTES_MAX, "it is larger than what a node takes");
    node.shutdown();
}

#[tokio::test]
async fn a_node_that_is_not_there_is_unreachable_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("it is bound").to_string();
    drop(listener);
    let client = GrpcNode::new(&address).expect("it is an address");
    for _ in 0..3 {
        let answer = client.status(StatusRequest { version: FORMAT_VERSION, volume: 0 }).await;
        assert!(matches!(answer, Err(NodeError::Unreachable(_))));
    }
}

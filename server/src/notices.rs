//! Notices: the writer tells replicas how far the redo is durable; replicas tell it what they still read.
//!
//! One stream for each replica, both ways. The writer sends a notice when the flushed VDL has moved, the newest only; a
//! replica reports every [`REPORT_INTERVAL`] at most. Nothing of a page or a row travels here.
//!
//! While nothing moves the last notice is sent again, so that a replica knows that it is not behind. A writer that a read
//! quorum of nodes has not confirmed lately keeps still: it may have a successor, and its word would pass for fresh.
//!
//! A notice costs the writer a write to a socket, and the replica a pull and a round of applying. So that many replicas take
//! no more of the writer than a few, each of them gets the fewer notices the more there are ([`pause`]): each then tells
//! of several commits.

use crate::compute::Compute;
use futures::{Stream, StreamExt};
use protocol::Lsn;
use protocol::rpc::cluster::cluster_client::ClusterClient;
use protocol::rpc::cluster::cluster_server::{Cluster, ClusterServer};
use protocol::rpc::cluster::{Notice, ReplicaReport};
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::Endpoint;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status, Streaming};

/// How often a replica says what it reads, so that a hot row's dead versions go before they fill a leaf.
pub const REPORT_INTERVAL: Duration = Duration::from_millis(20);
/// How long the writer believes a replica's last report.
pub const REPORT_LEASE: Duration = Duration::from_secs(5);
/// How often an idle writer says that it is idle.
const IDLE_INTERVAL: Duration = Duration::from_millis(100);
/// A writer that was confirmed longer ago says nothing of itself.
const CONFIRMED_WITHIN: Duration = Duration::from_millis(300);
/// Pings on an idle stream, and how long an answer may take.
const KEEPALIVE: Duration = Duration::from_secs(2);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a replica waits for its next notice, for each of those that follow. Timers count milliseconds, so that up to
/// three replicas hear of each group of commits at once.
const PAUSE_PER_FOLLOWER: Duration = Duration::from_micros(250);
/// Reports or notices under way on one stream.
const STREAM_MESSAGES_MAX: usize = 4;

/// Between two notices to one of so many followers.
fn pause(followers: usize) -> Option<Duration> {
    let pause = PAUSE_PER_FOLLOWER * u32::try_from(followers).unwrap_or(u32::MAX);
    (pause >= Duration::from_millis(1)).then_some(pause)
}

type NoticeStream = Pin<Box<dyn Stream<Item = Result<Notice, Status>> + Send>>;

struct Service {
    server: Weak<Compute>,
}

/// Serves the notices of `server` until `shutdown`. A server that is not the writer refuses subscribers.
///
/// # Errors
/// When the listener fails.
pub async fn serve(server: Weak<Compute>, listener: TcpListener, shutdown: CancellationToken) -> anyhow::Result<()> {
    // A notice is small, and must not wait for the acknowledgement of the one before.
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    tonic::transport::Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE))
        .add_service(ClusterServer::new(Service { server }))
        .serve_with_incoming_shutdown(incoming, shutdown.cancelled_owned())
        .await?;
    Ok(())
}

#[tonic::async_trait]
impl Cluster for Service {
    type NoticesStream = NoticeStream;

    async fn notices(&self, request: Request<Streaming<ReplicaReport>>) -> Result<Response<NoticeStream>, Status> {
        let server = self.server.upgrade().ok_or_else(|| Status::unavailable("the server is stopping"))?;
        let writing = server.writing().ok_or_else(|| Status::failed_precondition("this server is not the writer"))?;
        let mut reports = request.into_inner();
        let engine = writing.engine.clone();
        let stream = server.followers().begin();
        let (weak, ended) = (self.server.clone(), writing.ended.clone());
        tokio::spawn(async move {
            while let Some(Ok(report)) = reports.next().await {
                let Some(server) = weak.upgrade().filter(|_| !ended.is_cancelled()) else { break };
                server.followers().reported(stream, &report, server.unix_micros());
                let snapshots = report.snapshots.into_iter().map(Lsn).collect();
                engine.set_replica_snapshots(report.instance, Lsn(report.snapshot_floor), snapshots, REPORT_LEASE);
            }
            if let Some(server) = weak.upgrade() {
                server.followers().end(stream);
            }
        });
        let (sender, receiver) = tokio::sync::mpsc::channel(STREAM_MESSAGES_MAX);
        let volume = writing.volume.clone();
        let mut notices = volume.notices();
        let ended = writing.ended.clone();
        let weak = self.server.clone();
        drop(server);
        tokio::spawn(async move {
            let mut last = Notice::default();
            loop {
                let notice = tokio::select! {
                    notice = notices.next() => notice,
                    () = tokio::time::sleep(IDLE_INTERVAL) => {
                        if volume.unconfirmed_for() > CONFIRMED_WITHIN {
                            continue;
                        }
                        // The tails and who has them were told.
                        Some(Notice { tails: Vec::new(), ..last.clone() })
                    }
                    () = ended.cancelled() => return,
                    () = sender.closed() => return,
                };
                let Some(notice) = notice else { return };
                last.clone_from(&notice);
                let vdl = Lsn(notice.flushed_vdl);
                if sender.send(Ok(notice)).await.is_err() {
                    return;
                }
                let Some(server) = weak.upgrade() else { return };
                let followers = server.followers().sent(stream, vdl);
                drop(server);
                if let Some(pause) = pause(followers) {
                    tokio::time::sleep(pause).await;
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }
}

/// Subscribes to the writer at `address` and hands every notice to `notify`, until the stream ends.
///
/// # Errors
/// When the writer cannot be reached or is none.
pub async fn follow(
    address: &str,
    mut report: impl FnMut() -> ReplicaReport + Send + 'static,
    mut notify: impl FnMut(Notice),
) -> Result<(), Arc<str>> {
    let plain = |error: &dyn std::fmt::Display| Arc::from(error.to_string());
    let endpoint = Endpoint::from_shared(format!("http://{address}")).map_err(|error| plain(&error))?;
    // A writer that is stopped keeps its connections open: only unanswered pings tell that it is gone.
    let endpoint = endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE)
        .keep_alive_while_idle(true)
        .tcp_nodelay(true);
    let channel = endpoint.connect().await;
    let mut client = ClusterClient::new(channel.map_err(|error| plain(&error))?);
    let reports = async_stream::stream! {
        let mut interval = tokio::time::interval(REPORT_INTERVAL);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            yield report();
        }
    };
    let mut notices = client.notices(reports).await.map_err(|status| plain(&status.message()))?.into_inner();
    loop {
        match notices.message().await {
            Ok(Some(notice)) => notify(notice),
            Ok(None) => return Err("the writer ended the stream".into()),
            Err(status) => return Err(plain(&status.message())),
        }
    }
}

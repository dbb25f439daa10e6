//! [`Canceller`]: what cancels a session's statements where they run, on the writer.
//!
//! **Rule.** A request hits what ran when it came, and nothing later. It travels by a connection of its own, which the writer
//! closes when it has carried the request out: nothing new is asked of the writer before that ([`Canceller::quiet`]). One that
//! does not reach the writer tells that the writer is out of reach, and whoever waits for its answer is told so.

use super::upstream::Key;
use crate::pgwire::CancelReason;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Requests of one session that are under way; what comes beyond them adds nothing.
const REQUESTS_MAX: usize = 8;

/// See the module.
pub struct Canceller {
    state: Mutex<State>,
    /// A request did not reach the writer.
    unheard: Arc<AtomicBool>,
    closing: CancellationToken,
    runtime: Handle,
}

#[derive(Default)]
struct State {
    /// Set while something is waited for.
    running: Option<Arc<Key>>,
    /// Those that were sent, carried out or not.
    requests: Vec<JoinHandle<()>>,
}

impl Canceller {
    /// For one session; its requests are sent by the runtime that this is called in.
    pub(super) fn new() -> Canceller {
        let (state, unheard, closing) = Default::default();
        Canceller { state, unheard, closing, runtime: Handle::current() }
    }

    /// Passes a cancel request on; when the connection is to end, the wait ends, too. From any thread.
    pub fn cancel(&self, reason: CancelReason) {
        {
            let mut state = self.state.lock();
            state.requests.retain(|request| !request.is_finished());
            // Under the lock, so that it is waited for by what is asked next.
            if let Some(key) = state.running.clone().filter(|_| state.requests.len() < REQUESTS_MAX) {
                let unheard = self.unheard.clone();
                let request = async move {
                    if let Err(error) = key.cancel().await {
                        tracing::debug!(address = key.writer.address, %error, "a cancel request did not reach the writer");
                        unheard.store(true, Ordering::Relaxed);
                    }
                };
                state.requests.push(self.runtime.spawn(request));
            }
        }
        if reason != CancelReason::Request {
            self.closing.cancel();
        }
    }

    /// Something is waited for that `key` cancels.
    pub(super) fn run(&self, key: &Arc<Key>) {
        self.state.lock().running.get_or_insert_with(|| key.clone());
    }

    /// Nothing is.
    pub(super) fn rest(&self) {
        self.state.lock().running = None;
    }

    /// Waits until no request is under way. To be awaited while nothing runs and before something does.
    pub(super) async fn quiet(&self) {
        let requests = std::mem::take(&mut self.state.lock().requests);
        for request in requests {
            // One that panicked is over, too.
            let _ = request.await;
        }
        self.unheard.store(false, Ordering::Relaxed);
    }

    /// Whether a request did not reach the writer, of those that came for what runs.
    pub(super) fn is_unheard(&self) -> bool {
        self.unheard.load(Ordering::Relaxed)
    }

    /// Completes when the client's connection is to end.
    pub(super) async fn closes(&self) {
        self.closing.cancelled().await;
    }
}

#[cfg(test)]
mod tests {
    use super::super::in_time;
    use super::*;
    use crate::pgwire::dial::Destination;
    use futures::FutureExt;
    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;

    async fn fake_writer() -> (TcpListener, Arc<Key>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound").to_string();
        let writer = Destination { address, fingerprint: None };
        (listener, Arc::new(Key { writer, bytes: *b"pid!key!" }))
    }

    #[tokio::test]
    async fn nothing_is_asked_before_a_cancel_request_is_carried_out() {
        let (listener, key) = fake_writer().await;
        let canceller = Canceller::new();
        canceller.cancel(CancelReason::Request);
        assert!(canceller.quiet().now_or_never().is_some(), "nothing runs");
        canceller.run(&key);
        canceller.cancel(CancelReason::Request);
        canceller.rest();
        let (mut request, _) = in_time(listener.accept()).await.expect("it comes");
        let mut said = [0; 16];
        in_time(request.read_exact(&mut said)).await.expect("it is whole");
        assert_eq!(&said[8..], b"pid!key!");
        let mut quiet = Box::pin(canceller.quiet());
        // The sender had every chance to end.
        for _ in 0..1_000 {
            assert!((&mut quiet).now_or_never().is_none(), "the writer is about to carry it out");
            tokio::task::yield_now().await;
        }
        drop(request);
        in_time(quiet).await;
        assert!(!canceller.is_unheard());
    }

    #[tokio::test]
    async fn a_writer_that_hears_no_cancel_request_is_out_of_reach_for_what_runs() {
        let (listener, key) = fake_writer().await;
        drop(listener);
        let canceller = Canceller::new();
        canceller.run(&key);
        canceller.cancel(CancelReason::Request);
        in_time(async {
            while !canceller.is_unheard() {
                tokio::task::yield_now().await;
            }
        })
        .await;
        canceller.rest();
        in_time(canceller.quiet()).await;
        assert!(!canceller.is_unheard(), "for what runs next that says nothing");
    }
}

//! What arrived from a client and was not yet handed out.
//!
//! One buffer per connection. Frames are split off its front without a copy; once they are dropped, the same memory is
//! used again. It grows by what has arrived (at most doubling, up to the frame's end), and what it holds above 64 KiB is
//! charged to a budget that all connections share, so that many clients with half-sent messages cannot take the memory
//! of the others. A client that says nothing has no buffer: thousands of them are connected, and a few speak.
//!
//! While a statement runs, [`gone`] reads on into the same buffer, up to 64 KiB, for one reason: to notice
//! that the client is gone. Nothing read ahead is lost or reordered, since frames come from that buffer only. (A client
//! that has sent so much more that the kernel's buffers are full, too, and then leaves during its statement, is noticed
//! when the statement ends: its farewell stands behind bytes that nobody reads.)
//!
//! A COPY and the watch over its statement read the same socket, which remembers one waker only, the last. So whoever
//! waits for a frame leaves its waker here, and the watch wakes it for what it has read in its place.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use parking_lot::Mutex;
use tokio_util::io::poll_read_buf;
use types::{Error, SqlState};

use super::frame::{self, Cut, Frame, Phase};
use super::socket::ReadHalf;
use super::startup::{self, Refusal};

/// Room offered to one read of a connection that is in use, in bytes.
const READ_BYTES: usize = 8 * 1024;
/// The same before authentication.
const READ_BYTES_STARTUP: usize = 1024;
/// A buffer larger than this is charged to the budget, and given back when it is empty. Also the bound of reading ahead.
const RETAINED_BYTES_MAX: usize = 64 * 1024;
/// How long buffered messages of a client that is gone are still carried out, and its running statement is left alone: a
/// client may send its last command and close without waiting.
const DISCONNECT_GRACE: Duration = Duration::from_millis(300);
/// How often a client that filled the buffer ahead is looked at.
const AHEAD_CHECK: Duration = Duration::from_millis(200);
/// A client that is gone frees its locks within a second.
const _: () = assert!(AHEAD_CHECK.as_millis() + DISCONNECT_GRACE.as_millis() < 1_000);

/// Bytes that all connections together may hold in large unfinished messages.
pub(super) struct Budget {
    left: AtomicUsize,
}

impl Budget {
    pub(super) fn new(bytes: usize) -> Budget {
        Budget { left: AtomicUsize::new(bytes) }
    }

    fn take(&self, bytes: usize) -> bool {
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes)).is_ok()
    }

    fn give_back(&self, bytes: usize) {
        self.left.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// Why no frame can be had.
#[derive(Debug)]
pub(super) enum Lost {
    /// The client closed, or the network did.
    Closed,
    /// The client broke the protocol; it is told and disconnected.
    Violation(Error),
}

/// Why no start-up packet can be had.
#[derive(Debug)]
pub(super) enum StartupLost {
    Closed,
    Refused(Refusal),
}

/// What reading ahead found.
#[derive(PartialEq, Eq, Debug)]
enum Ahead {
    Closed,
    Full,
}

/// See the module.
pub(super) struct Inbox {
    half: ReadHalf,
    bytes: BytesMut,
    phase: Phase,
    /// When the end of the stream was seen.
    closed: Option<Instant>,
    budget: Arc<Budget>,
    /// Bytes taken from the budget for this buffer.
    charged: usize,
    /// Who waits for a frame.
    waiting: Option<Waker>,
}

/// An inbox that a connection's loop, its watch and its COPY share. All are in one task: the lock is never contended and
/// never held across an await.
pub(super) type SharedInbox = Arc<Mutex<Inbox>>;

impl Inbox {
    pub(super) fn new(half: ReadHalf, budget: Arc<Budget>) -> SharedInbox {
        let (bytes, phase) = (BytesMut::new(), Phase::Authentication);
        Arc::new(Mutex::new(Inbox { half, bytes, phase, closed: None, budget, charged: 0, waiting: None }))
    }

    /// Everything is admitted from now on.
    pub(super) fn open(&mut self, message_bytes_max: usize) {
        self.phase = Phase::Ready { message_bytes_max };
    }

    /// Reads from another half from now on; returns the one that was read before.
    pub(super) fn replace_half(&mut self, half: ReadHalf) -> ReadHalf {
        std::mem::replace(&mut self.half, half)
    }

    /// What is read.
    pub(super) fn half(&mut self) -> &mut ReadHalf {
        &mut self.half
    }

    /// The core that the client's packets are processed on.
    pub(super) fn incoming_core(&self) -> Option<usize> {
        self.half.incoming_core()
    }

    /// Whether bytes have arrived that were not handed out.
    pub(super) fn has_bytes(&self) -> bool {
        !self.bytes.is_empty()
    }

    /// The next frame, if it is here already and the client is.
    pub(super) fn take_frame(&mut self) -> Option<Result<Frame, Lost>> {
        if self.closed.is_some() {
            return None;
        }
        match frame::cut(&mut self.bytes, self.phase) {
            Ok(Cut::Frame(frame)) => Some(Ok(frame)),
            Ok(Cut::Need(_)) => None,
            Err(violation) => Some(Err(Lost::Violation(violation))),
        }
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Result<Frame, Lost>> {
        loop {
            if self.closed.is_some_and(|closed| closed.elapsed() > DISCONNECT_GRACE) {
                return Poll::Ready(Err(Lost::Closed));
            }
            let need = match frame::cut(&mut self.bytes, self.phase) {
                Ok(Cut::Frame(frame)) => return Poll::Ready(Ok(frame)),
                Ok(Cut::Need(need)) => need,
                Err(violation) => return Poll::Ready(Err(Lost::Violation(violation))),
            };
            if self.closed.is_some() {
                return Poll::Ready(Err(Lost::Closed));
            }
            self.grow(need).map_err(Lost::Violation)?;
            if self.poll_read(cx).is_pending() {
                if self.bytes.is_empty() && self.charged == 0 {
                    self.bytes = BytesMut::new();
                }
                if !self.waiting.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                    self.waiting = Some(cx.waker().clone());
                }
                return Poll::Pending;
            }
        }
    }

    fn poll_startup(&mut self, cx: &mut Context<'_>) -> Poll<Result<BytesMut, StartupLost>> {
        loop {
            let need = match startup::cut(&mut self.bytes).map_err(StartupLost::Refused)? {
                Ok(packet) => return Poll::Ready(Ok(packet)),
                Err(need) => need,
            };
            if self.closed.is_some() {
                return Poll::Ready(Err(StartupLost::Closed));
            }
            self.grow(need).map_err(|error| StartupLost::Refused(Refusal::Told(error)))?;
            ready!(self.poll_read(cx));
        }
    }

    fn poll_ahead(&mut self, cx: &mut Context<'_>) -> Poll<Ahead> {
        loop {
            if self.closed.is_some() {
                return Poll::Ready(Ahead::Closed);
            }
            if self.bytes.len() >= RETAINED_BYTES_MAX {
                return Poll::Ready(Ahead::Full);
            }
            if self.bytes.capacity() == self.bytes.len() {
                self.bytes.reserve(READ_BYTES);
            }
            ready!(self.poll_read(cx));
            if let Some(waker) = &self.waiting {
                waker.wake_by_ref();
            }
        }
    }

    /// Reads once into the room there is, at least a byte.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match ready!(poll_read_buf(Pin::new(&mut self.half), cx, &mut self.bytes)) {
            Ok(read) if read > 0 => {}
            Ok(_) => self.closed = Some(Instant::now()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => self.closed = Some(Instant::now()),
        }
        Poll::Ready(())
    }

    /// Makes room for more of a message whose end is at `need`: as much as has arrived already, at least a read's worth,
    /// never beyond the end of a large message.
    fn grow(&mut self, need: usize) -> Result<(), Error> {
        let held = self.bytes.len();
        if held == 0 && (self.charged > 0 || self.bytes.capacity() > RETAINED_BYTES_MAX) {
            self.bytes = BytesMut::new();
            self.release();
        }
        let floor = if self.phase == Phase::Authentication { READ_BYTES_STARTUP } else { READ_BYTES };
        let missing = need - held;
        let room = self.bytes.capacity() - held;
        // Room for a read that is worth its system call, or for the rest of the message.
        if room >= missing.min(floor / 4) {
            return Ok(());
        }
        let more = if missing <= floor { floor } else { missing.min(held.max(floor)) };
        let total = held + more;
        if total > RETAINED_BYTES_MAX && total > self.charged {
            if !self.budget.take(total - self.charged) {
                return Err(Error::new(SqlState::OUT_OF_MEMORY, "out of memory")
                    .detail("Clients hold too many bytes in unfinished messages.")
                    .fatal());
            }
            self.charged = total;
        }
        self.bytes.reserve(more);
        Ok(())
    }

    fn release(&mut self) {
        self.budget.give_back(std::mem::take(&mut self.charged));
    }

    /// Throws away what arrives until the client closes.
    fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.closed.is_none() {
            self.bytes.clear();
            self.bytes.reserve(READ_BYTES);
            ready!(self.poll_read(cx));
        }
        Poll::Ready(())
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.release();
    }
}

/// The next whole frame. May be dropped and called again: nothing is lost.
pub(super) async fn next_frame(inbox: &SharedInbox) -> Result<Frame, Lost> {
    poll_fn(|cx| inbox.lock().poll_frame(cx)).await
}

/// The next start-up packet, without its length word.
pub(super) async fn next_startup(inbox: &SharedInbox) -> Result<BytesMut, StartupLost> {
    poll_fn(|cx| inbox.lock().poll_startup(cx)).await
}

/// Resolves when the client is gone for longer than the grace.
pub(super) async fn gone(inbox: &SharedInbox) {
    loop {
        if poll_fn(|cx| inbox.lock().poll_ahead(cx)).await == Ahead::Closed {
            break;
        }
        // The buffer is full, so reading cannot tell; the kernel's readiness can, but it has no edge to wait for while
        // bytes are unread.
        tokio::time::sleep(AHEAD_CHECK).await;
        let mut inbox = inbox.lock();
        if inbox.half.peer_closed() {
            inbox.closed.get_or_insert_with(Instant::now);
            break;
        }
    }
    tokio::time::sleep(DISCONNECT_GRACE).await;
}

/// Reads and discards until the client closes, so that closing our side does not reset a connection whose last message
/// the client has not read yet. The caller bounds the time.
pub(super) async fn discard(inbox: &SharedInbox) {
    poll_fn(|cx| inbox.lock().poll_discard(cx)).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;
    use std::task::Wake;

    use tokio::io::AsyncWriteExt;
    use tokio::net::UnixStream;

    use crate::pgwire::socket::{WriteHalf, split_unix};

    /// The client's end, our inbox, and our writing half, which keeps the stream open.
    fn pair(budget: usize) -> (UnixStream, SharedInbox, WriteHalf) {
        let (ours, theirs) = UnixStream::pair().expect("a socket pair");
        let (half, writer) = split_unix(ours);
        let inbox = Inbox::new(half, Arc::new(Budget::new(budget)));
        inbox.lock().open(64 << 20);
        (theirs, inbox, writer)
    }

    #[tokio::test]
    async fn an_announced_length_allocates_nothing() {
        let (mut client, inbox, _writer) = pair(usize::MAX);
        client.write_all(b"Q\x03\xff\xff\xffselect").await.expect("written");
        let read = tokio::time::timeout(Duration::from_millis(50), next_frame(&inbox)).await;
        assert!(read.is_err(), "the message is not whole");
        assert!(inbox.lock().bytes.capacity() < 2 * READ_BYTES);
    }

    #[tokio::test]
    async fn a_silent_client_has_no_buffer() {
        let (mut client, inbox, _writer) = pair(usize::MAX);
        for part in [&b""[..], b"S\0\0\0\x04", b"S\0\0\0\x04Q\0"] {
            client.write_all(part).await.expect("written");
            let whole = part.len() / 5;
            for _ in 0..whole {
                assert_eq!(next_frame(&inbox).await.expect("it has arrived").kind, b'S');
            }
            let waits = tokio::time::timeout(Duration::from_millis(20), next_frame(&inbox)).await;
            assert!(waits.is_err(), "nothing more is whole");
            let inbox = inbox.lock();
            assert_eq!(inbox.bytes.capacity() == 0, inbox.bytes.is_empty());
            assert_eq!(inbox.bytes.len(), part.len() - 5 * whole);
        }
    }

    #[tokio::test]
    async fn the_budget_bounds_large_messages_and_is_given_back() {
        let (mut client, inbox, writer) = pair(200_000);
        let message = |body: usize| {
            let mut bytes = vec![b'd'];
            bytes.extend_from_slice(&(body as u32 + 4).to_be_bytes());
            bytes.resize(5 + body, 0);
            bytes
        };
        let sender = tokio::spawn(async move {
            for body in [150_000, 150_000, 10, 1_000_000] {
                // The last one is cut off by the reader.
                let _ = client.write_all(&message(body)).await;
            }
            client
        });
        for body in [150_000, 150_000, 10] {
            assert_eq!(next_frame(&inbox).await.expect("within the budget").body.len(), body);
        }
        let Err(Lost::Violation(error)) = next_frame(&inbox).await else { panic!("over the budget") };
        assert_eq!(error.sqlstate.as_str(), "53200");
        let budget = inbox.lock().budget.clone();
        drop((inbox, writer));
        assert_eq!(budget.left.load(Ordering::Relaxed), 200_000);
        sender.await.expect("no panic");
    }

    #[tokio::test]
    async fn a_client_that_filled_the_buffer_is_still_seen_to_go() {
        let (mut client, inbox, _writer) = pair(usize::MAX);
        let sync = b"S\0\0\0\x04".repeat(RETAINED_BYTES_MAX / 5 + 2_000);
        client.write_all(&sync).await.expect("fits the socket's buffer");
        let watched = inbox.clone();
        let watch = tokio::spawn(async move { gone(&watched).await });
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(!watch.is_finished());
        drop(client);
        tokio::time::timeout(Duration::from_secs(20), watch).await.expect("it is seen").expect("no panic");
    }

    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Woken>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    #[tokio::test]
    async fn what_the_watch_reads_wakes_the_one_who_waits_for_it() {
        let (mut client, inbox, _writer) = pair(usize::MAX);
        let woken = Arc::new(Woken(AtomicBool::new(false)));
        let waker = Waker::from(woken.clone());
        let mut copy = Context::from_waker(&waker);
        assert!(inbox.lock().poll_frame(&mut copy).is_pending());
        let watched = inbox.clone();
        let watch = tokio::spawn(async move { gone(&watched).await });
        // The watch has waited last: it alone is woken by the socket.
        tokio::task::yield_now().await;
        client.write_all(b"d\0\0\0\x05x").await.expect("written");
        let wait = async {
            while !woken.0.load(Ordering::SeqCst) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), wait).await.expect("woken");
        let Poll::Ready(Ok(frame)) = inbox.lock().poll_frame(&mut copy) else { panic!("it has arrived") };
        assert_eq!(&frame.body[..], b"x");
        watch.abort();
    }
}

//! Encrypted clients: the handshake, what it must survive, and that a session inside TLS is a session like any other.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use server::pgwire::{Backends, CancelReason, Config, Peer, Tls};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::fake::Harness;
use crate::flow::eventually;
use crate::raw::{Raw, frame, in_time, query, startup, sync, untyped};

const SSL_REQUEST: &[u8] = b"\0\0\0\x08\x04\xd2\x16\x2f";
const GSS_REQUEST: &[u8] = b"\0\0\0\x08\x04\xd2\x16\x30";

/// A server with a certificate, and a client that trusts it.
struct Encrypted {
    harness: Harness,
    connector: TlsConnector,
}

/// A certificate for localhost that vouches for itself, and its key.
pub fn make_certificate(directory: &Path, key: &[&str], required: bool) -> Tls {
    let (certificate, private) = (directory.join("server.crt"), directory.join("server.key"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE", "-newkey"])
        .args(key)
        .arg("-keyout")
        .arg(&private)
        .arg("-out")
        .arg(&certificate)
        .output()
        .expect("openssl is installed");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    Tls::load(&certificate, &private, required).expect("a good certificate")
}

impl Encrypted {
    async fn start(config: Config) -> Encrypted {
        Encrypted::with_key(config, &["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]).await
    }

    async fn with_key(config: Config, key: &[&str]) -> Encrypted {
        let directory = tempfile::tempdir().expect("a directory");
        let tls = make_certificate(directory.path(), key, false);
        let mut roots = RootCertStore::empty();
        let certificate = CertificateDer::from_pem_file(directory.path().join("server.crt")).expect("PEM");
        roots.add(certificate).expect("a certificate");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let harness = Harness::with(Config { tls: Some(tls), ..config }, Backends::new(100, 3)).await;
        Encrypted { harness, connector: TlsConnector::from(Arc::new(client)) }
    }

    /// A socket whose server waits for the handshake.
    async fn accepted(&self) -> Raw {
        Encrypted::ask(Raw::connect(&self.harness).await).await
    }

    async fn ask(mut raw: Raw) -> Raw {
        raw.send(SSL_REQUEST).await;
        assert_eq!(in_time(raw.stream.read_u8()).await.expect("an answer"), b'S');
        raw
    }

    async fn connect(&self) -> Raw<TlsStream<TcpStream>> {
        self.shake_hands(Raw::connect(&self.harness).await).await
    }

    /// As [`Encrypted::connect`], again and again: on a busy machine the server's patience may be over before.
    async fn connect_in_time(&self) -> Raw<TlsStream<TcpStream>> {
        for _ in 0..100 {
            let name = ServerName::try_from("localhost").expect("a name");
            let stream = self.accepted().await.stream;
            if let Ok(stream) = self.connector.connect(name, stream).await {
                return Raw { stream };
            }
        }
        panic!("nobody gets through");
    }

    async fn shake_hands(&self, raw: Raw) -> Raw<TlsStream<TcpStream>> {
        let name = ServerName::try_from("localhost").expect("a name");
        let stream = Encrypted::ask(raw).await.stream;
        Raw { stream: self.connector.connect(name, stream).await.expect("both speak TLS") }
    }

    async fn session(&self) -> Raw<TlsStream<TcpStream>> {
        Encrypted::begin(self.connect().await).await
    }

    /// A session whose client's socket takes about so many bytes that were not read.
    async fn session_with_room(&self, bytes: u32) -> Raw<TlsStream<TcpStream>> {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(bytes).expect("a size");
        let stream = socket.connect(([127, 0, 0, 1], self.harness.port).into()).await.expect("accepted");
        Encrypted::begin(self.shake_hands(Raw { stream }).await).await
    }

    async fn begin(mut raw: Raw<TlsStream<TcpStream>>) -> Raw<TlsStream<TcpStream>> {
        raw.send(&startup(3, 0, &[("user", "ann")])).await;
        raw.until_ready().await;
        raw
    }

    /// What is answered to a first SCRAM message over TLS.
    async fn begin_scram(&self, mechanism: &str, first: &str) -> Raw<TlsStream<TcpStream>> {
        let mut raw = self.connect().await;
        raw.send(&startup(3, 0, &[("user", "scram")])).await;
        raw.read().await.expect("the mechanisms");
        let length = (first.len() as u32).to_be_bytes();
        raw.send(&frame(b'p', &[mechanism.as_bytes(), b"\0", &length[..], first.as_bytes()].concat())).await;
        raw
    }
}

#[tokio::test]
async fn a_session_goes_on_inside_tls_and_plain_ones_beside_it() {
    let server = Encrypted::start(Config::default()).await;
    let mut inside = server.session().await;
    inside.usable().await;
    // Far more than one record, both ways.
    inside.send(&query("rows 20000")).await;
    assert_eq!(inside.until_ready().await.len(), 20_000 + 3);
    let text = "x".repeat(300_000);
    inside.send(&query(&format!("select {text}"))).await;
    assert_eq!(inside.until_ready().await[1].first_column(), text);
    let encryption = server.harness.world.startups.lock()[0].encryption.expect("encrypted");
    assert_eq!((encryption.version, encryption.bits), ("TLSv1.3", 256), "{encryption:?}");
    let mut outside = Raw::session(&server.harness).await;
    outside.usable().await;
    assert_eq!(server.harness.world.startups.lock()[1].encryption, None);
    inside.send(&frame(b'X', b"")).await;
    inside.closed().await;
    assert_eq!(server.harness.backends.count(), 1);
}

/// Sessions follow their clients, and their sockets go along.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_wanders_from_core_to_core_is_answered_inside_tls_and_outside() {
    let server = Encrypted::start(Config::default()).await;
    let wander = move || {
        let cores = core_affinity::get_core_ids().expect("Linux tells them");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let (mut inside, mut outside) = (server.session().await, Raw::session(&server.harness).await);
            for core in cores.iter().cycle().take(6) {
                core_affinity::set_for_current(*core);
                let arrived = Instant::now();
                while arrived.elapsed() < Duration::from_millis(400) {
                    inside.usable().await;
                    outside.usable().await;
                }
            }
        });
    };
    std::thread::spawn(wander).join().expect("all is answered");
}

/// What is left of a reply inside the TLS connection when the socket is full has to leave, too.
#[tokio::test]
async fn the_end_of_a_reply_that_fills_the_socket_arrives() {
    let server = Encrypted::start(Config::default()).await;
    let mut raw = server.session_with_room(16 << 10).await;
    // One of these ends within the 64 KiB that TLS holds beyond what the socket does.
    for length in (100_000..2_000_000).step_by(30_000) {
        raw.send(&query(&format!("select {}", "x".repeat(length)))).await;
        for _ in 0..100 {
            // The server's turn: it writes until nothing more goes.
            tokio::task::yield_now().await;
        }
        assert_eq!(raw.until_ready().await[1].first_column().len(), length);
    }
}

#[tokio::test]
async fn row_7_plaintext_behind_a_granted_request_is_a_violation() {
    let server = Encrypted::start(Config::default()).await;
    let mut raw = Raw::connect(&server.harness).await;
    raw.send(&[SSL_REQUEST, &startup(3, 0, &[("user", "ann")])].concat()).await;
    let message = raw.fatal("08P01").await.field('M');
    assert!(message.starts_with("received unencrypted data after SSL"), "{message}");
    assert!(server.harness.world.startups.lock().is_empty());
}

#[tokio::test]
async fn row_8_encryption_is_agreed_on_once() {
    let server = Encrypted::start(Config::default()).await;
    for again in [SSL_REQUEST, GSS_REQUEST] {
        let mut raw = server.connect().await;
        raw.send(again).await;
        raw.fatal("0A000").await;
    }
    let mut raw = Raw::connect(&server.harness).await;
    raw.send(GSS_REQUEST).await;
    assert_eq!(in_time(raw.stream.read_u8()).await.expect("an answer"), b'N');
    raw.send(SSL_REQUEST).await;
    assert_eq!(in_time(raw.stream.read_u8()).await.expect("an answer"), b'S');
}

#[tokio::test]
async fn a_unix_socket_is_not_encrypted() {
    let server = Encrypted::start(Config::default()).await;
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("socket");
    server.harness.listen_at(&path);
    let mut stream = UnixStream::connect(&path).await.expect("accepted");
    stream.write_all(SSL_REQUEST).await.expect("written");
    assert_eq!(in_time(stream.read_u8()).await.expect("an answer"), b'N');
}

#[tokio::test]
async fn handshakes_of_garbage_or_cut_short_end_their_connection_only() {
    let server = Encrypted::start(Config::default()).await;
    let mut inside = server.session().await;
    let hello = b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03";
    for bytes in [&startup(3, 0, &[("user", "ann")])[..], b"GET / HTTP/1.1\r\n\r\n", &[0xff; 4096], &[0; 64]] {
        let started = Instant::now();
        let mut raw = server.accepted().await;
        raw.send(bytes).await;
        let mut alert = Vec::new();
        // An alert of TLS may be the last word; a reset is as good an end.
        let _ = in_time(raw.stream.read_to_end(&mut alert)).await;
        assert!(alert.len() <= 7 && started.elapsed() < Duration::from_secs(5), "{alert:?}");
    }
    for cut in 0..hello.len() {
        let mut raw = server.accepted().await;
        raw.send(&hello[..cut]).await;
    }
    inside.usable().await;
    server.session().await.usable().await;
    assert_eq!(server.harness.world.startups.lock().len(), 2);
    assert_eq!(server.harness.backends.counters.panics.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn row_9_a_slow_handshake_ends_at_the_deadline() {
    let timeout = Duration::from_millis(500);
    let server = Encrypted::start(Config { authentication_timeout: timeout, ..Config::default() }).await;
    let started = Instant::now();
    let mut silent = server.accepted().await;
    let mut slow = server.accepted().await;
    slow.send(b"\x16\x03\x01\x02\0\x01\0\x01\xfc").await;
    let mut idle = server.connect_in_time().await;
    silent.closed().await;
    slow.closed().await;
    let mut rest = Vec::new();
    let _ = in_time(idle.stream.read_to_end(&mut rest)).await;
    assert!(rest.is_empty(), "it has not said who it is: {rest:?}");
    assert!(started.elapsed() >= timeout && started.elapsed() < timeout + Duration::from_secs(5));
    // After its first packet a client is told, inside TLS.
    let mut stuck = loop {
        let mut raw = server.connect_in_time().await;
        raw.send(&startup(3, 0, &[("user", "scram")])).await;
        if raw.read().await.is_some_and(|reply| reply.kind == 'R') {
            break raw;
        }
        assert!(started.elapsed() < Duration::from_secs(60), "nobody is asked for a password");
    };
    stuck.fatal("57014").await;
}

#[tokio::test]
async fn row_24_a_statement_is_cancelled_over_tls_and_in_the_clear() {
    let server = Encrypted::start(Config::default()).await;
    let mut raw = server.connect().await;
    raw.send(&startup(3, 0, &[("user", "ann")])).await;
    let replies = raw.until_ready().await;
    let key = replies.iter().find(|reply| reply.kind == 'K').expect("a key").body.clone();
    let request = untyped(&[b"\x04\xd2\x16\x2e", &key[..]].concat());
    for inside in [true, false] {
        raw.send(&query("wait")).await;
        eventually("a lock is held", || server.harness.world.locks.load(Ordering::SeqCst) == 1).await;
        if inside {
            server.connect().await.send(&request).await;
        } else {
            Raw::connect(&server.harness).await.send(&request).await;
        }
        raw.error_and_usable("57014").await;
    }
}

#[tokio::test]
async fn a_client_that_leaves_its_statement_is_noticed_also_behind_what_it_sent_ahead() {
    let server = Encrypted::start(Config::default()).await;
    // The second is more than is read ahead, and less than what the kernel keeps.
    for ahead in [Vec::new(), sync().repeat(17_000)] {
        let mut raw = server.session().await;
        raw.send(&query("wait")).await;
        eventually("a lock is held", || server.harness.world.locks.load(Ordering::SeqCst) == 1).await;
        raw.send(&ahead).await;
        drop(raw);
        eventually("it is let go", || server.harness.world.locks.load(Ordering::SeqCst) == 0).await;
    }
    assert_eq!(*server.harness.world.cancels.lock(), [CancelReason::Disconnect, CancelReason::Disconnect]);
}

#[tokio::test]
async fn row_25_channel_binding_is_offered_over_tls_and_cannot_be_struck_out() {
    let server = Encrypted::start(Config::default()).await;
    let both = b"\0\0\0\x0aSCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0";
    let mut raw = server.connect().await;
    raw.send(&startup(3, 0, &[("user", "scram")])).await;
    assert_eq!(raw.read().await.expect("the mechanisms").body, both);
    let mut plain = Raw::connect(&server.harness).await;
    plain.send(&startup(3, 0, &[("user", "scram")])).await;
    assert_eq!(plain.read().await.expect("the mechanisms").body, b"\0\0\0\x0aSCRAM-SHA-256\0\0");
    for (mechanism, first) in [
        ("SCRAM-SHA-256-PLUS", "p=tls-server-end-point,,n=,r=0123456789abcdef"),
        ("SCRAM-SHA-256", "n,,n=,r=0123456789abcdef"),
    ] {
        let mut raw = server.begin_scram(mechanism, first).await;
        assert_eq!(raw.read().await.expect("a challenge").body[..4], [0, 0, 0, 11], "{first}");
    }
    for (mechanism, first, sqlstate) in [
        ("SCRAM-SHA-256", "y,,n=,r=0123456789abcdef", "28000"),
        ("SCRAM-SHA-256-PLUS", "y,,n=,r=0123456789abcdef", "28000"),
        ("SCRAM-SHA-256-PLUS", "n,,n=,r=0123456789abcdef", "08P01"),
        ("SCRAM-SHA-256", "p=tls-server-end-point,,n=,r=0123456789abcdef", "08P01"),
        ("SCRAM-SHA-256-PLUS", "p=tls-unique,,n=,r=0123456789abcdef", "08P01"),
    ] {
        server.begin_scram(mechanism, first).await.fatal(sqlstate).await;
    }
}

#[tokio::test]
async fn a_certificate_whose_signature_names_no_hash_is_served_without_channel_binding() {
    let server = Encrypted::with_key(Config::default(), &["ed25519"]).await;
    let mut raw = server.connect().await;
    raw.send(&startup(3, 0, &[("user", "scram")])).await;
    assert_eq!(raw.read().await.expect("the mechanisms").body, b"\0\0\0\x0aSCRAM-SHA-256\0\0");
    let mut raw = server.begin_scram("SCRAM-SHA-256", "y,,n=,r=0123456789abcdef").await;
    assert_eq!(raw.read().await.expect("a challenge").body[..4], [0, 0, 0, 11], "a right guess");
}

#[test]
fn clients_of_other_hosts_alone_can_be_made_to_encrypt() {
    let directory = tempfile::tempdir().expect("a directory");
    let required = make_certificate(directory.path(), &["ed25519"], true);
    let offered = make_certificate(directory.path(), &["ed25519"], false);
    for (address, expected) in [
        ("10.0.0.1:5", true),
        ("[2001:db8::1]:5", true),
        ("127.0.0.1:5", false),
        ("[::1]:5", false),
        ("[::ffff:127.0.0.1]:5", false),
    ] {
        let peer = Peer::Tcp(address.parse().expect("an address"));
        assert_eq!(required.must_encrypt(peer), expected, "{address}");
        assert!(!offered.must_encrypt(peer));
    }
    assert!(!required.must_encrypt(Peer::Unix));
}

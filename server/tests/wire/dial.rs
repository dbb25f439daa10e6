//! How a server dials another: by the certificate that the address book names, and in no other way.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use server::pgwire::dial::{Destination, Fingerprint, Link};
use server::pgwire::{Backends, Config, Tls};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::fake::Harness;
use crate::raw::{Raw, startup};
use crate::tls::make_certificate;

const KEY: [&str; 3] = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"];

fn destination(port: u16, fingerprint: Option<Fingerprint>) -> Destination {
    Destination { address: format!("127.0.0.1:{port}"), fingerprint }
}

async fn start(tls: Option<Tls>) -> Harness {
    Harness::with(Config { tls, ..Config::default() }, Backends::new(100, 3)).await
}

#[tokio::test]
async fn a_server_is_known_by_its_certificate_and_by_nothing_else() {
    let (own, other) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
    let (own, other) = (make_certificate(own.path(), &KEY, false), make_certificate(other.path(), &KEY, false));
    let harness = start(Some(own.clone())).await;
    let link = destination(harness.port, Some(own.fingerprint())).connect().await.expect("it is the one");
    assert!(matches!(link, Link::Right(_)));
    let mut raw = Raw { stream: link };
    raw.send(&startup(3, 0, &[("user", "ann")])).await;
    raw.until_ready().await;
    let encryption = harness.world.startups.lock()[0].encryption.expect("encrypted");
    assert_eq!(encryption.version, "TLSv1.3");

    // The same name, and vouched for just as well.
    let refused = destination(harness.port, Some(other.fingerprint())).connect().await.map(drop);
    assert_eq!(refused.expect_err("another server").kind(), ErrorKind::InvalidData);
    let plain = destination(harness.port, None).connect().await.expect("it takes both");
    assert!(matches!(plain, Link::Left(_)));
    assert_eq!(harness.world.startups.lock().len(), 1);
}

#[tokio::test]
async fn nobody_on_the_way_can_have_a_connection_go_on_in_the_clear() {
    let directory = tempfile::tempdir().expect("a directory");
    let tls = make_certificate(directory.path(), &KEY, false);
    // What strips encryption answers as a server that has none.
    let harness = start(None).await;
    let refused = destination(harness.port, Some(tls.fingerprint())).connect().await.map(drop);
    assert_eq!(refused.expect_err("it does not encrypt").kind(), ErrorKind::PermissionDenied);
    assert!(harness.world.startups.lock().is_empty(), "nothing was said to it");
}

/// Shows a certificate that everyone can have, and signs with a key of its own.
#[derive(Debug)]
struct Impostor(Arc<CertifiedKey>);

impl ResolvesServerCert for Impostor {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}

fn impostor(certificate: &Path, key: &Path) -> TlsAcceptor {
    let certificate = CertificateDer::from_pem_file(certificate.join("server.crt")).expect("PEM");
    let key = PrivateKeyDer::from_pem_file(key.join("server.key")).expect("PEM");
    let key = rustls::crypto::ring::sign::any_supported_type(&key).expect("a key");
    let shown = Impostor(Arc::new(CertifiedKey::new(vec![certificate], key)));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(shown));
    TlsAcceptor::from(Arc::new(config))
}

#[tokio::test]
async fn a_certificate_without_its_key_is_nobody_s() {
    let (own, other) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
    let tls = make_certificate(own.path(), &KEY, false);
    make_certificate(other.path(), &KEY, false);
    for (key, taken) in [(own.path(), true), (other.path(), false)] {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let acceptor = impostor(own.path(), key);
        let serving = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("accepted");
            stream.read_exact(&mut [0; 8]).await.expect("a request");
            stream.write_all(b"S").await.expect("written");
            // Whether the other end goes on is its decision.
            drop(acceptor.accept(stream).await);
        });
        let connected = destination(port, Some(tls.fingerprint())).connect().await;
        assert_eq!(connected.is_ok(), taken, "{:?}", connected.map(drop));
        serving.await.expect("no panic");
    }
}

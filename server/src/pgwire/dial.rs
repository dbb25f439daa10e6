//! Connections to the port of a server that clients dial: from another server of its cluster, or from this program's commands;
//! encrypted whenever the server can.
//!
//! **Rule.** Trust is the cluster's own, and no authority's. A server with a certificate leaves the certificate's
//! fingerprint in the address book beside its address; whoever dials it takes that certificate and no other, and in the
//! handshake the other end must have its key. Names and dates in it mean nothing here. A server that has a fingerprint in
//! the book and declines to encrypt is not spoken to: nobody on the way can talk two servers out of it.
//!
//! This says to the one who dials whom it speaks to. The other way round it says nothing: who dials proves itself inside, by
//! the cluster's secret (`forward`). A command knows nothing of the server that it is pointed at ([`connect_to_anyone`]).
//!
//! Who waits for an answer for long can ask whether the server is there at all, by a connection of its own
//! ([`Destination::vanishes`]). TCP does not tell: while nothing is in flight keep-alive does, but what was sent and is not
//! acknowledged is repeated for a quarter of an hour. `TCP_USER_TIMEOUT` would shorten that, and would also break a connection
//! whose other end is there and does not read, such as a server that is sent a long pipeline and waits for a lock.
//!
//! A proxy does not dial like this: its client's SCRAM exchange is the server's, which offers to bind to the channel wherever
//! there is one, and the client's channel ends at the proxy.
//!
//! Sources: PostgreSQL manual, section "SSL Session Encryption"; RFC 8446, section 4.4.3 (CertificateVerify).

use std::io;
use std::sync::Arc;
use std::time::Duration;

use protocol::rpc::storage::ServerInfo;
use ring::digest::{SHA256, digest};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;

use super::socket::prepare;

const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
/// For encryption by GSSAPI, which our servers decline and so need no certificate for.
const GSS_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x30];

/// A stream to a server: plain, or encrypted.
pub type Link = Either<TcpStream, Box<TlsStream<TcpStream>>>;

/// What tells one certificate from all others: SHA-256 of its DER.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// Of a certificate.
    #[must_use]
    pub fn of(certificate: &CertificateDer<'_>) -> Fingerprint {
        let hash = digest(&SHA256, certificate);
        Fingerprint(hash.as_ref().try_into().expect("SHA-256 has 32 bytes"))
    }
}

/// Where a server is reached, and what it must show there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// HOST:PORT.
    pub address: String,
    /// Of its certificate; `None`: it has none, and the connection is plain.
    pub fingerprint: Option<Fingerprint>,
}

impl Destination {
    /// As the address book has it.
    ///
    /// # Errors
    /// When the entry has a fingerprint that is none.
    pub fn of(server: &ServerInfo) -> io::Result<Destination> {
        let fingerprint = match &server.certificate_sha256[..] {
            [] => None,
            bytes => {
                let broken = |_| io::Error::other("its certificate's fingerprint in the address book is damaged");
                Some(Fingerprint(bytes.try_into().map_err(broken)?))
            }
        };
        Ok(Destination { address: server.address.clone(), fingerprint })
    }

    /// Connects, and encrypts if the server has a certificate. The caller bounds the time.
    ///
    /// # Errors
    /// When the server cannot be reached, does not encrypt though it should, or is not the one that is meant.
    pub async fn connect(&self) -> io::Result<Link> {
        let mut stream = TcpStream::connect(&self.address).await?;
        prepare(&stream)?;
        let Some(fingerprint) = self.fingerprint else { return Ok(Link::Left(stream)) };
        if !asks_to_encrypt(&mut stream).await? {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it declines to encrypt, though it can"));
        }
        encrypt(stream, Some(fingerprint)).await
    }

    /// Completes when the server is out of reach, with why. It is asked at this interval for what it declines, which costs it
    /// next to nothing. Any answer will do, also that it hangs up; one that does not come in `patience` is asked for once
    /// more.
    pub async fn vanishes(&self, interval: Duration, patience: Duration) -> io::Error {
        let ask = async || {
            let mut stream = TcpStream::connect(&self.address).await?;
            stream.write_all(&GSS_REQUEST).await?;
            // It closes the connections of clients that are too many, for one.
            let _ = stream.read_u8().await;
            Ok::<(), io::Error>(())
        };
        let answers = async || timeout(patience, ask()).await?;
        loop {
            sleep(interval).await;
            if answers().await.is_ok() {
                continue;
            }
            if let Err(why) = answers().await {
                return why;
            }
        }
    }
}

/// Connects to a server of which nothing is known but its address, HOST:PORT: encrypted if it can, and whatever certificate
/// it shows, as with libpq's `sslmode=prefer`. The caller bounds the time.
///
/// # Errors
/// When the server cannot be reached, or what answers is none.
pub async fn connect_to_anyone(address: &str) -> io::Result<Link> {
    let mut stream = TcpStream::connect(address).await?;
    prepare(&stream)?;
    if asks_to_encrypt(&mut stream).await? { encrypt(stream, None).await } else { Ok(Link::Left(stream)) }
}

/// Whether the server agrees to encrypt.
async fn asks_to_encrypt(stream: &mut TcpStream) -> io::Result<bool> {
    stream.write_all(&SSL_REQUEST).await?;
    Ok(stream.read_u8().await? == b'S')
}

async fn encrypt(stream: TcpStream, fingerprint: Option<Fingerprint>) -> io::Result<Link> {
    // No name is sent, and none is looked at.
    let nobody = ServerName::IpAddress(std::net::Ipv4Addr::UNSPECIFIED.into());
    let connector = TlsConnector::from(Arc::new(config(fingerprint)));
    // On the heap: few handshakes run at a time, and many futures are made of the caller's.
    Ok(Link::Right(Box::new(Box::pin(connector.connect(nobody, stream)).await?)))
}

fn config(fingerprint: Option<Fingerprint>) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let pinned = Pinned { fingerprint, algorithms: provider.signature_verification_algorithms };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("the provider has suites for it")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(pinned))
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    config
}

/// Takes one certificate only, or any.
#[derive(Debug)]
struct Pinned {
    fingerprint: Option<Fingerprint>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.fingerprint.is_none_or(|wanted| wanted == Fingerprint::of(certificate)) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("TLS 1.2 was not offered".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use socket2::SockRef;
    use std::cell::Cell;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn a_server_that_does_not_say_that_it_is_there_has_vanished() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound").to_string();
        let server = Destination { address, fingerprint: None };
        let (interval, patience) = (Duration::ZERO, Duration::from_millis(500));
        // It answers, is silent once, answers again, hangs up, and then says nothing for good, though it is connected to.
        let asked = Cell::new(0);
        let speaks = async {
            let mut open = Vec::new();
            loop {
                let (mut stream, _) = listener.accept().await.expect("accepted");
                let mut said = [0; 8];
                stream.read_exact(&mut said).await.expect("it asks");
                assert_eq!(said, GSS_REQUEST);
                asked.set(asked.get() + 1);
                match asked.get() {
                    1 | 3 => stream.write_all(b"N").await.expect("it listens"),
                    4 => continue,
                    _ => {}
                }
                open.push(stream);
                if asked.get() == 6 {
                    std::future::pending::<()>().await;
                }
            }
        };
        let why = tokio::select! {
            why = server.vanishes(interval, patience) => why,
            () = speaks => panic!("it asks no more"),
        };
        assert_eq!((why.kind(), asked.get()), (io::ErrorKind::TimedOut, 6));
        drop(listener);
        assert_eq!(server.vanishes(interval, patience).await.kind(), io::ErrorKind::ConnectionRefused);
    }

    #[tokio::test]
    async fn a_link_that_is_silent_is_looked_after() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound").to_string();
        let link = Destination { address, fingerprint: None }.connect().await.expect("it listens");
        let Link::Left(stream) = link else { panic!("it is plain") };
        assert!(SockRef::from(&stream).keepalive().expect("a socket"));
        assert!(stream.nodelay().expect("a socket"));
    }

    #[test]
    fn an_entry_of_the_address_book_is_read() {
        let read = |bytes: &[u8]| {
            let certificate_sha256 = bytes.to_vec().into();
            let server = ServerInfo { certificate_sha256, ..ServerInfo::default() };
            Destination::of(&server).map(|it| it.fingerprint)
        };
        assert_eq!(read(&[]).expect("it has none"), None);
        assert_eq!(read(&[7; 32]).expect("it is whole"), Some(Fingerprint([7; 32])));
        // Not taken for one who has none.
        assert!(read(&[7; 31]).is_err() && read(&[7; 33]).is_err());
    }
}

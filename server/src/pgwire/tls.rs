//! TLS for clients: this server's certificate and key, the handshake, and the name of what was agreed on.
//!
//! **Rule.** A certificate or key that clients would stumble over is refused when the server starts, not when the first
//! client comes: files that cannot be read or are not PEM, a certificate out of its time, a key that other users of the
//! machine may read, a key of another certificate. Each refusal is one line that ends in what to do.
//!
//! TLS 1.2 and 1.3 are spoken. Sessions are not resumed, as in PostgreSQL: a connection lives long, and tickets would be
//! one more secret to turn over. Clients show no certificates of their own.
//!
//! # Channel binding
//! With the hash of the certificate in its proof (`tls-server-end-point`), a client that knows the password finds a man in
//! the middle even when it does not check certificates. Certificates whose signature names no hash (Ed25519, RSA-PSS) have
//! no such binding; with them SCRAM-SHA-256-PLUS is not offered.
//!
//! # What is absent
//! Certificates are read once: a renewed one is served after a restart. TLS from the first byte (`sslnegotiation=direct`
//! of PostgreSQL 17) is closed like any other byte that is no start-up packet.
//!
//! Sources: PostgreSQL manual, sections "Secure TCP/IP Connections with SSL" and "SASL Authentication"; `be-secure-common.c`,
//! `check_ssl_key_file_permissions`; RFC 5929, section 4.

use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use pgwire::api::auth::sasl::scram::ScramServerAuth;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoServerSessionStorage;
use rustls::{CipherSuite, ProtocolVersion, ServerConfig, ServerConnection};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use x509_certificate::CapturedX509Certificate;

use super::dial::Fingerprint;
use super::session::Encryption;
use super::startup::Peer;

/// A client's stream after the handshake.
pub type TlsStream = tokio_rustls::server::TlsStream<TcpStream>;

/// Why a certificate or key is not taken. Each text is one line, with a hint.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{}: {error}; --tls-cert is a PEM file with the certificate and those that vouch for it", file.display())]
    CertificateUnread { file: PathBuf, error: io::Error },
    #[error("{}: {why}; --tls-cert is a PEM file with the certificate and those that vouch for it", file.display())]
    CertificateMalformed { file: PathBuf, why: String },
    #[error("{}: the certificate has expired ({time}); renew it", file.display())]
    Expired { file: PathBuf, time: String },
    #[error("{}: the certificate is not valid yet (before {time}); is the clock of this machine right?", file.display())]
    NotYetValid { file: PathBuf, time: String },
    #[error("{}: {error}; --tls-key is a PEM file with the certificate's private key", file.display())]
    KeyUnread { file: PathBuf, error: io::Error },
    #[error("{}: others may read the key (mode {mode:o}); chmod 600 it", file.display())]
    KeyExposed { file: PathBuf, mode: u32 },
    #[error("{}: {why}; --tls-key is a PEM file with the certificate's private key, without a passphrase", file.display())]
    KeyMalformed { file: PathBuf, why: String },
    #[error("{}: not the key of the certificate in {}; give the pair that was made together", key.display(), certificate.display())]
    KeyOfAnother { key: PathBuf, certificate: PathBuf },
}

/// What clients can encrypt their connections with.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    /// SCRAM over this certificate; `None` if its signature names no hash.
    binding: Option<ScramServerAuth>,
    fingerprint: Fingerprint,
    required: bool,
}

/// Keys stay out of logs.
impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("required", &self.required).finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads a certificate with its chain and its key, both PEM. With `required`, plain connections from other hosts are
    /// refused.
    ///
    /// # Errors
    /// [`TlsError`]: everything that a client's handshake would fail for, or that gives the key away.
    pub fn load(certificate: &Path, key: &Path, required: bool) -> Result<Tls, TlsError> {
        let (chain, binding) = read_chain(certificate)?;
        let private = read_key(key)?;
        let fingerprint = Fingerprint::of(&chain[0]);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let configured = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider has suites for both versions")
            .with_no_client_auth()
            .with_single_cert(chain, private);
        let mut config = configured.map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                TlsError::KeyOfAnother { key: key.to_owned(), certificate: certificate.to_owned() }
            }
            rustls::Error::InvalidCertificate(why) => malformed(certificate, format!("{why:?}")),
            error => TlsError::KeyMalformed { file: key.to_owned(), why: error.to_string() },
        })?;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Tls { acceptor: TlsAcceptor::from(Arc::new(config)), binding, fingerprint, required })
    }

    /// What other servers of the cluster know the certificate by.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Whether a client from there must encrypt: this machine's own clients need not.
    #[must_use]
    pub fn must_encrypt(&self, peer: Peer) -> bool {
        self.required && !peer.is_local()
    }

    /// The server's half of a handshake. The caller bounds the time.
    ///
    /// # Errors
    /// The client left, or does not speak TLS, or nothing that both speak. It was told by an alert.
    pub async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream> {
        // On the heap: few handshakes run at a time, and many connections are made of the caller's future.
        Box::pin(self.acceptor.accept(stream)).await
    }

    pub(super) fn binding(&self) -> Option<&ScramServerAuth> {
        self.binding.as_ref()
    }
}

fn malformed(file: &Path, why: impl Into<String>) -> TlsError {
    TlsError::CertificateMalformed { file: file.to_owned(), why: why.into() }
}

/// What is wrong with a PEM file that holds no `item`.
fn pem_problem(error: &pem::Error, item: &str) -> String {
    match error {
        pem::Error::NoItemsFound => format!("it holds no {item}"),
        _ => "its PEM is damaged".to_owned(),
    }
}

/// The certificates of a file, the server's first, each in its time; and SCRAM bound to the first.
fn read_chain(file: &Path) -> Result<(Vec<CertificateDer<'static>>, Option<ScramServerAuth>), TlsError> {
    let text = std::fs::read(file).map_err(|error| TlsError::CertificateUnread { file: file.to_owned(), error })?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let chain = chain.map_err(|error| malformed(file, pem_problem(&error, "certificate")))?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()) as i64;
    let mut binding = None;
    for (index, certificate) in chain.iter().enumerate() {
        let parsed = CapturedX509Certificate::from_der(certificate.to_vec())
            .map_err(|error| malformed(file, format!("not a certificate: {error}")))?;
        let (from, until) = (parsed.validity_not_before(), parsed.validity_not_after());
        if until.timestamp() < now {
            return Err(TlsError::Expired { file: file.to_owned(), time: until.to_string() });
        }
        if from.timestamp() > now {
            return Err(TlsError::NotYetValid { file: file.to_owned(), time: from.to_string() });
        }
        if index == 0 {
            let mut bound = ScramServerAuth::new();
            // It fails for signatures without a hash, and only for them.
            binding = bound.configure_certificate(parsed.encode_pem().as_bytes()).is_ok().then_some(bound);
        }
    }
    if chain.is_empty() { Err(malformed(file, "it holds no certificate")) } else { Ok((chain, binding)) }
}

/// The first private key of a file that nobody else may read.
fn read_key(file: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let unread = |error| TlsError::KeyUnread { file: file.to_owned(), error };
    let metadata = std::fs::metadata(file).map_err(unread)?;
    let mode = metadata.permissions().mode() & 0o777;
    if exposed(metadata.uid(), mode) {
        return Err(TlsError::KeyExposed { file: file.to_owned(), mode });
    }
    let text = std::fs::read(file).map_err(unread)?;
    PrivateKeyDer::from_pem_slice(&text)
        .map_err(|error| TlsError::KeyMalformed { file: file.to_owned(), why: pem_problem(&error, "private key") })
}

/// Whether users besides the server's may read a key: a file of root may be lent to a group, as Debian's `ssl-cert` does.
fn exposed(owner: u32, mode: u32) -> bool {
    let allowed = if owner == 0 { 0o740 } else { 0o700 };
    mode & !allowed != 0
}

/// What a handshake has agreed on, in the words of OpenSSL, which are those of `pg_stat_ssl`.
pub(super) fn agreed(connection: &ServerConnection) -> Encryption {
    let version = match connection.protocol_version() {
        Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
        _ => "TLSv1.3",
    };
    let (cipher, bits) = match connection.negotiated_cipher_suite().map(|suite| suite.suite()) {
        Some(CipherSuite::TLS13_AES_128_GCM_SHA256) => ("TLS_AES_128_GCM_SHA256", 128),
        Some(CipherSuite::TLS13_AES_256_GCM_SHA384) => ("TLS_AES_256_GCM_SHA384", 256),
        Some(CipherSuite::TLS13_CHACHA20_POLY1305_SHA256) => ("TLS_CHACHA20_POLY1305_SHA256", 256),
        Some(CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256) => ("ECDHE-ECDSA-AES128-GCM-SHA256", 128),
        Some(CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384) => ("ECDHE-ECDSA-AES256-GCM-SHA384", 256),
        Some(CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256) => ("ECDHE-ECDSA-CHACHA20-POLY1305", 256),
        Some(CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256) => ("ECDHE-RSA-AES128-GCM-SHA256", 128),
        Some(CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384) => ("ECDHE-RSA-AES256-GCM-SHA384", 256),
        Some(CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256) => ("ECDHE-RSA-CHACHA20-POLY1305", 256),
        // The provider has no others.
        Some(other) => (other.as_str().unwrap_or("unknown"), 0),
        None => ("unknown", 0),
    };
    Encryption { version, cipher, bits }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_file_of_root_may_be_lent_to_a_group() {
        for (owner, mode, expected) in [
            (1000, 0o600, false),
            (1000, 0o400, false),
            (1000, 0o640, true),
            (1000, 0o604, true),
            (0, 0o600, false),
            (0, 0o640, false),
            (0, 0o660, true),
            (0, 0o644, true),
        ] {
            assert_eq!(exposed(owner, mode), expected, "{owner} {mode:o}");
        }
    }

    #[test]
    fn what_is_no_file_or_no_pem_is_told_with_a_hint() {
        let directory = tempfile::tempdir().expect("a directory");
        let (absent, noise) = (directory.path().join("absent"), directory.path().join("noise"));
        std::fs::write(&noise, b"\xff-----BEGIN CERTIFICATE-----\nAAAA").expect("written");
        let told = |file: &Path| Tls::load(file, file, false).expect_err("refused").to_string();
        assert!(told(&absent).contains("No such file") && told(&absent).contains("--tls-cert"));
        assert!(told(&noise).contains("--tls-cert") && told(&noise).lines().count() == 1, "{}", told(&noise));
    }
}

//! Certificates for tests, made by OpenSSL: an authority, and what it signs.

use anyhow::{Context, ensure};
use std::path::PathBuf;
use std::process::Command;

/// What `openssl ca` needs to know beside its arguments.
const SETTINGS: &str = "[req]\ndistinguished_name=name\n[name]\n[ca]\ndefault_ca=tests\n[tests]\ndatabase=index.txt\n\
    new_certs_dir=.\nrand_serial=yes\npolicy=policy\ndefault_md=sha256\ncopy_extensions=copy\nunique_subject=no\n\
    [policy]\ncommonName=optional\n";
/// Keys of P-256: quick to make.
const NEW_KEY: [&str; 5] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

/// An authority in a directory of its own.
#[derive(Debug)]
pub struct Authority {
    directory: tempfile::TempDir,
}

/// A certificate and its key.
#[derive(Debug)]
pub struct Pair {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl Pair {
    /// The flags that give it to a server.
    #[must_use]
    pub fn arguments(&self) -> [String; 4] {
        let (certificate, key) = (self.certificate.display().to_string(), self.key.display().to_string());
        ["--tls-cert".to_owned(), certificate, "--tls-key".to_owned(), key]
    }
}

impl Authority {
    /// # Errors
    /// When OpenSSL is not there.
    pub fn new() -> anyhow::Result<Authority> {
        let authority = Authority { directory: tempfile::tempdir()? };
        std::fs::write(authority.path("settings"), SETTINGS)?;
        std::fs::write(authority.path("index.txt"), "")?;
        let to = ["-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=tests", "-days", "2"];
        let extension = ["-addext", "basicConstraints=critical,CA:TRUE"];
        authority.openssl(&[&["req", "-config", "settings", "-x509"], &NEW_KEY[..], &to, &extension].concat())?;
        Ok(authority)
    }

    /// A file of its directory.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Its own certificate, which clients trust.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.path("ca.crt")
    }

    /// A certificate for localhost that is valid from one year of this century until another begins.
    ///
    /// # Errors
    /// When OpenSSL refuses.
    pub fn issue(&self, name: &str, from: u32, until: u32) -> anyhow::Result<Pair> {
        let (request, key, certificate) = (format!("{name}.csr"), format!("{name}.key"), format!("{name}.crt"));
        let to = ["-keyout", &key, "-out", &request, "-subj", "/CN=localhost"];
        let names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
        self.openssl(&[&["req", "-config", "settings", "-new"], &NEW_KEY[..], &to, &names].concat())?;
        let (from, until) = (format!("20{from:02}0101000000Z"), format!("20{until:02}0101000000Z"));
        let by = ["ca", "-config", "settings", "-batch", "-notext", "-cert", "ca.crt", "-keyfile", "ca.key"];
        let what = ["-in", &request, "-out", &certificate, "-startdate", &from, "-enddate", &until];
        self.openssl(&[&by[..], &what].concat())?;
        Ok(Pair { certificate: self.path(&certificate), key: self.path(&key) })
    }

    fn openssl(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let output = Command::new("openssl").args(arguments).current_dir(self.directory.path()).output();
        let output = output.context("openssl")?;
        ensure!(output.status.success(), "openssl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }
}

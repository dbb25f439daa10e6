//! Where the settings meet TLS: whether there is any, and from which files.

use crate::options;
use crate::pgwire::Tls;
use crate::settings::BadSetting;

/// What clients can encrypt with; `None` when the settings name no certificate.
///
/// # Errors
/// [`BadSetting`] when one of the two files is named without the other, or encryption is required without them; a
/// [`TlsError`](crate::pgwire::TlsError) when they cannot be used.
pub fn from_options(options: &options::Tls) -> anyhow::Result<Option<Tls>> {
    match (&options.tls_cert, &options.tls_key) {
        (Some(certificate), Some(key)) => Ok(Some(Tls::load(certificate, key, options.tls_only)?)),
        (None, None) if options.tls_only => Err(BadSetting("--tls-only needs --tls-cert and --tls-key".into()).into()),
        (None, None) => Ok(None),
        (Some(_), None) => Err(BadSetting("--tls-cert needs --tls-key, the certificate's private key".into()).into()),
        (None, Some(_)) => Err(BadSetting("--tls-key needs --tls-cert, the key's certificate".into()).into()),
    }
}

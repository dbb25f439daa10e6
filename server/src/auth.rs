//! How clients prove who they are.

use crate::options::{Auth, AuthMethod};
use crate::pgwire::scram::Verifier;
use crate::settings::BadSetting;
use anyhow::Context;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;

/// The server's rule: everyone on loopback, or the superuser's password.
#[derive(Clone, Debug)]
pub enum Authentication {
    /// Anyone who reaches the port; only loopback is bound.
    Trust,
    /// SCRAM-SHA-256 with the superuser's verifier; other roles have theirs in the catalog.
    Scram(Verifier),
}

impl Authentication {
    /// Reads the password where the settings say.
    ///
    /// # Errors
    /// [`BadSetting`] when scram has no password; an I/O error, or a file that others may read.
    pub fn from_options(options: &Auth) -> anyhow::Result<Authentication> {
        if options.auth == AuthMethod::Trust {
            return Ok(Authentication::Trust);
        }
        let password = match &options.password_file {
            Some(file) => {
                let name = file.display();
                let mode = std::fs::metadata(file).with_context(|| name.to_string())?.permissions().mode();
                if mode & 0o077 != 0 {
                    let why =
                        format!("{name}: others may read the password file (mode {:o}); chmod 600 it", mode & 0o777);
                    return Err(BadSetting(why).into());
                }
                std::fs::read_to_string(file).with_context(|| name.to_string())?.trim_end_matches('\n').to_owned()
            }
            None => std::env::var("REDOUBT_PASSWORD").unwrap_or_default(),
        };
        if password.is_empty() {
            return Err(BadSetting("--auth scram needs a password: --password-file or REDOUBT_PASSWORD".into()).into());
        }
        Ok(Authentication::Scram(Verifier::from_password(&password)))
    }

    /// Refuses to let the world in without a password.
    ///
    /// # Errors
    /// [`BadSetting`] when trust would reach beyond loopback.
    pub fn check_address(&self, address: SocketAddr) -> Result<(), BadSetting> {
        if matches!(self, Authentication::Trust) && !address.ip().is_loopback() {
            let why = format!("{address} is reachable from other hosts: use --auth scram, or listen on loopback");
            return Err(BadSetting(why));
        }
        Ok(())
    }
}

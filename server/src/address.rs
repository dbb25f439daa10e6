//! Where a storage node is dialled.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// The address of a storage node: `HOST:PORT`, or `unix:PATH` within one machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum NodeAddress {
    /// A host name or address, and a port.
    Tcp(String),
    /// A socket file.
    Unix(PathBuf),
}

impl FromStr for NodeAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<NodeAddress, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.is_empty() { Err("empty socket path".into()) } else { Ok(NodeAddress::Unix(path.into())) };
        }
        let (host, port) = text.rsplit_once(':').ok_or("expected HOST:PORT or unix:PATH")?;
        if host.is_empty() || port.parse::<u16>().is_err() {
            return Err("expected HOST:PORT or unix:PATH".into());
        }
        Ok(NodeAddress::Tcp(text.into()))
    }
}

impl fmt::Display for NodeAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NodeAddress::Tcp(address) => f.write_str(address),
            NodeAddress::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

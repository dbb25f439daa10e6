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
        let expected = "expected HOST:PORT, as others dial it, with a port that is not 0, or unix:PATH";
        let (host, port) = text.rsplit_once(':').ok_or(expected)?;
        // The members of a volume keep it: a node that took any free port would be somewhere else after each start.
        if host.is_empty() || !port.parse::<u16>().is_ok_and(|port| port != 0) {
            return Err(expected.into());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_that_can_be_dialled_after_each_start() {
        for right in ["n1:6100", "10.0.1.1:6100", "[fd00::1]:6100", "unix:/run/n1.sock"] {
            assert_eq!(right.parse::<NodeAddress>().map(|address| address.to_string()), Ok(right.to_owned()));
        }
        for wrong in ["n1", ":6100", "n1:", "n1:0", "n1:70000", "unix:"] {
            assert!(wrong.parse::<NodeAddress>().is_err(), "{wrong}");
        }
    }
}

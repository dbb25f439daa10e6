//! Ports that are had before anyone is served at them.
//!
//! **Rule.** A socket that is bound and does not listen keeps its port from whoever takes any that is free. It leaves it
//! to a server that asks for it by number, with SO_REUSEADDR as servers do, and clients that connect are refused.

use std::io;
use std::net::SocketAddr;
use tokio::net::{TcpSocket, lookup_host};

/// Connections that wait for being accepted, unless the kernel is set to have fewer.
pub const BACKLOG: u32 = 4096;

/// A socket with this port, `HOST:PORT`, that does not listen.
///
/// # Errors
/// When someone listens there, or the host has no address here.
pub async fn keep(place: &str) -> io::Result<TcpSocket> {
    let mut why = io::Error::new(io::ErrorKind::InvalidInput, "the host has no address");
    for address in lookup_host(place).await? {
        match keep_at(address) {
            Ok(socket) => return Ok(socket),
            Err(error) => why = error,
        }
    }
    Err(why)
}

/// As [`keep`].
///
/// # Errors
/// As [`keep`].
pub fn keep_at(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

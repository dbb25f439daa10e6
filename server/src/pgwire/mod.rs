//! The front door: PostgreSQL's protocol, version 3, on TCP and Unix sockets.
//!
//! **Rule.** Nothing a client sends is decoded before it was framed by its announced length and checked against its
//! exact structure; nothing the server answers leaves before what it tells is durable.
//!
//! The life of a statement, through the types of this module:
//!
//! 1. [`Server::serve`] accepts a socket and starts one task for it on a lane (`lanes`), which is a thread of one core. A
//!    panic there ends this connection, no other.
//! 2. The handshake reads start-up packets ([`startup`]), encrypts the socket if asked to ([`Tls`]), asks the
//!    [`SessionFactory`] how this user must prove who they are, runs SCRAM ([`scram`]) and takes a place in the register of
//!    [`Backends`].
//! 3. The inbox cuts the stream into frames (`frame`), growing as bytes arrive and never by an announced length.
//! 4. `message` checks a frame's body; the strings and parameters of the result are borrowed from it.
//! 5. The connection's loop calls the [`Session`]. While that runs, the socket is watched: when the client is gone, the
//!    statement is cancelled through its cancel handle (never dropped: a commit that was appended must learn its fate).
//! 6. The session writes rows through [`Client`] straight into the outbox, which is one buffer.
//! 7. At Sync, at Flush, after a simple query, or past 8 KB, the loop awaits [`Session::settle`] and writes the outbox.
//!
//! ```text
//!  socket ─► inbox ─► frame ─► message ─► connection ─► Session          (in)
//!  socket ◄─ outbox ◄───── settle ◄───────┴─ Client ◄────┘               (out)
//! ```
//!
//! # What is left to the pgwire crate
//! The server's rarer messages and the SCRAM exchange. Its handlers are not used: they send each message in a write of
//! its own, and its decoders panic on or misread malformed bodies. This module is the only one that imports it.
//!
//! # What is absent
//! GSS encryption (refused with `N`), TLS on Unix sockets and from the first byte, replication connections, function calls
//! by `F` (0A000), protocol 3.2's long cancel keys (3.0 is negotiated).
//!
//! Source: PostgreSQL manual, chapter "Frontend/Backend Protocol".

mod backends;
mod connection;
pub mod dial;
mod encode;
mod error;
mod frame;
mod handshake;
mod handshakes;
mod inbox;
mod lanes;
mod listener;
mod message;
mod outbox;
pub mod scram;
mod session;
mod socket;
pub mod startup;
mod tls;

pub use backends::{BackendInfo, Backends, CONNECTIONS_RESERVED, Counters};
pub use handshakes::{Handshake, Handshakes};
pub use listener::{Config, HANDSHAKES_PER_ADDRESS_MAX, Listener, Server};
pub use message::{Bind, Message, Target};
pub use session::{
    CancelHandle, CancelReason, Client, Column, Connected, CopyFormat, Encryption, IdleLimit, Login, NoticeSeverity,
    RelayFailed, Route, Session, SessionFactory, Wire,
};
pub use socket::prepare;
pub use startup::{Peer, Startup};
pub use tls::{Tls, TlsError, TlsStream};
